package plan

import "slices"

// The codes about invoices that were made, or taken back, while syncd worked.
const (
	// CodeInvoiced notes that an invoice was made while a line was written, or after its
	// plan was: which quantity is on it must be looked up. It is said until it is settled.
	CodeInvoiced = "invoiced_meanwhile"
	// CodeReopened holds what is written after the period of an invoice came back.
	CodeReopened = "period_reopened"
)

// InvoiceKey names the invoice of an agreement that was made meanwhile, by the first day
// that it may be about, for a person to settle.
func InvoiceKey(agreement, from string) Key { return Key{"invoice", agreement + "-" + from} }

// PeriodKey names the periods of an agreement that came back, from their first day on.
func PeriodKey(agreement, from string) Key { return Key{"period", agreement + "-" + from} }

// HoldAgreement holds the changes on an agreement that write, and says why.
func (p *Plan) HoldAgreement(agreement string, v Violation) {
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Writes() && c.Held == "" && c.Billing != nil && c.Billing.Agreement == agreement {
			c.Held = v.Code
		}
	}
	p.reopened = append(p.reopened, v.Key)
	p.Violations = append(p.Violations, v)
}

// With is the plan with some of its changes alone. Of a part it is the whole without the
// part's other changes.
func (p *Plan) With(changes []Change) *Plan {
	if p.Whole != nil {
		some := &Plan{Changes: changes}
		changes = slices.DeleteFunc(slices.Clone(p.Whole.Changes), func(c Change) bool { return p.change(c.Key) != nil && some.change(c.Key) == nil })
	}
	return &Plan{Scope: p.Scope, Changes: changes, In: p.In, reopened: p.reopened}
}

// WithinWhole reports whether every change of a part is in the whole as it is here.
func (p *Plan) WithinWhole() bool {
	if p.Whole == nil {
		return true
	}
	alone := func(c *Change) string { return (&Plan{Scope: p.Scope, Changes: []Change{*c}}).Digest() }
	return !slices.ContainsFunc(p.Changes, func(c Change) bool {
		in := p.Whole.change(c.Key)
		return in == nil || alone(in) != alone(&c)
	})
}

// change is the plan's change of an object, or nil.
func (p *Plan) change(key Key) *Change {
	if i := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Key == key }); i >= 0 {
		return &p.Changes[i]
	}
	return nil
}
