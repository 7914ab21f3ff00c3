package sync

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// What became of invoices while nobody looked. The first day of an agreement that is not
// yet invoiced moves on when an invoice is made, and back when one is deleted:
//
//	it moved                                       what becomes of it
//	on, while a line was written                   noted until a person settles it
//	on, since an approved plan was made            the same
//	on, since a change was sent and not answered   the same
//	on, otherwise                                  nothing: that is how months pass
//	back, since a run last looked                  what is written to the agreement is held, and it is said on every
//	                                               run, until a person settles or approves it, or it moves on again
//
// What is noted is in the cursor, and so in the step of the store that has the change.

// checkInvoices compares how far agreements are invoiced with what was known of it.
func (s *scopeRun) checkInvoices() {
	now := s.invoicedUntil()
	if c := s.memory.Cursor; c != nil {
		for _, u := range c.Unsettled {
			if !s.settledInvoice(plan.Key{Kind: u.Kind, ID: u.Key}, u.At) {
				s.unsettled = append(s.unsettled, u)
			}
		}
		for _, mark := range c.Invoices {
			if next := now[mark.Agreement]; next != "" && next < mark.Next {
				s.holdReopened(mark, next)
			}
		}
	}
	for i := range s.memory.Records {
		if r := &s.memory.Records[i]; r.Pending != nil && r.Pending.Billing != nil {
			s.addUnsettled(moved(r.Pending.Billing, now, fmt.Sprintf(
				"a change of %s (line %s) was sent and its answer is not known", r.Pending.Label, r.Pending.Ref)))
		}
	}
	for i := range s.unsettled {
		s.observed.Notes = append(s.observed.Notes, s.unsettled[i].Violation)
	}
}

// noteWaited notes that an invoice was made while a plan waited that was approved and
// now goes.
func (s *scopeRun) noteWaited() {
	h := s.memory.Hold
	if !s.report.Approved || h == nil {
		return
	}
	var shown ScopeReport
	if err := json.Unmarshal(h.Plan, &shown); err != nil {
		return // it is shown without its changes, too
	}
	var notes []plan.Violation
	now := s.invoicedUntil()
	for i := range shown.Changes {
		if c := &shown.Changes[i]; c.Writes() && c.Billing != nil {
			notes = append(notes, moved(c.Billing, now, fmt.Sprintf("the change of %s (line %s) waited, approved", c.Label, c.Ref))...)
		}
	}
	s.violations = append(s.violations, s.noteInvoices(notes)...)
}

// invoicedUntil is the first day not yet invoiced, by agreement, as it was read now.
func (s *scopeRun) invoicedUntil() map[string]string {
	now := map[string]string{}
	note := func(o *plan.Object) {
		if o != nil && o.Billing != nil && o.Billing.NextInvoice != "" {
			now[o.Billing.Agreement] = o.Billing.NextInvoice
		}
	}
	changes := s.plan.Changes
	if whole := s.plan.Whole; whole != nil {
		changes = whole.Changes
	}
	for i := range changes {
		note(changes[i].After)
	}
	for i := range s.observed.Objects {
		note(&s.observed.Objects[i])
	}
	return now
}

// moved says that an invoice was made since a change was planned, where one was.
func moved(planned *plan.Billing, now map[string]string, while string) []plan.Violation {
	next := now[planned.Agreement]
	if next == "" || planned.NextInvoice == "" || next <= planned.NextInvoice {
		return nil
	}
	key := plan.InvoiceKey(cmp.Or(planned.Parent, planned.Agreement), planned.NextInvoice)
	return []plan.Violation{{Code: plan.CodeInvoiced, Kind: key.Kind, Key: key.ID, Note: true, Message: fmt.Sprintf(
		"the invoice for the days from %s on (agreement %s) was made while %s: look which quantity is on it and correct it by hand, then settle this (syncd matches ignore, or syncd approve)",
		planned.NextInvoice, cmp.Or(planned.AgreementName, planned.Agreement), while)}}
}

// addUnsettled adds what a person must be told, each once, and returns what is new.
func (s *scopeRun) addUnsettled(notes []plan.Violation) (added []plan.Violation) {
	for _, v := range notes {
		if v.Code == plan.CodeInvoiced && !slices.ContainsFunc(s.unsettled, func(u state.Unsettled) bool { return u.Key == v.Key }) {
			s.unsettled = append(s.unsettled, state.Unsettled{Violation: v, At: s.run.Now().UTC()})
			added = append(added, v)
		}
	}
	return added
}

// settledInvoice reports whether a person settled what was said since a moment.
func (s *scopeRun) settledInvoice(key plan.Key, since time.Time) bool {
	return slices.ContainsFunc(s.memory.Settlements, func(x state.Settlement) bool {
		return x.Key == key && x.How == plan.SettleIgnore && !x.At.Before(since)
	})
}

// holdReopened holds the changes on an agreement whose invoice was deleted.
func (s *scopeRun) holdReopened(mark state.InvoiceMark, next string) {
	key := plan.PeriodKey(mark.Agreement, next)
	if s.settledInvoice(key, mark.At) {
		return
	}
	s.reopened = append(s.reopened, mark)
	name := mark.Agreement
	for i := range s.observed.Objects {
		if b := s.observed.Objects[i].Billing; b != nil && b.Agreement == mark.Agreement && b.AgreementName != "" {
			name = fmt.Sprintf("%s (%s)", b.AgreementName, mark.Agreement)
		}
	}
	s.plan.HoldAgreement(mark.Agreement, plan.Violation{Code: plan.CodeReopened, Kind: key.Kind, Key: key.ID, Message: fmt.Sprintf(
		"the first day not yet invoiced of agreement %s went back from %s to %s: an invoice was deleted, and the quantities as they are then count for its days too; approve or settle it (syncd matches ignore) once that is meant",
		name, mark.Next, next)})
}

// keepInvoices puts what is known of invoices into the scope's cursor.
func (s *scopeRun) keepInvoices(c *state.Cursor) {
	if s.plan == nil {
		return
	}
	marks := map[string]state.InvoiceMark{}
	for _, mark := range c.Invoices { // a day that cannot be read today was known before
		marks[mark.Agreement] = mark
	}
	c.Unsettled, c.Invoices = s.unsettled, nil
	for agreement, next := range s.invoicedUntil() {
		held := slices.ContainsFunc(s.reopened, func(m state.InvoiceMark) bool { return m.Agreement == agreement })
		if marks[agreement].Next != next && (!held || s.letPeriod(agreement)) { // what is held is said on the next run too
			marks[agreement] = state.InvoiceMark{Agreement: agreement, Next: next, At: s.run.Now().UTC()}
		}
	}
	for _, agreement := range slices.Sorted(maps.Keys(marks)) {
		c.Invoices = append(c.Invoices, marks[agreement])
	}
}

// letPeriod reports whether a person let the changes of an agreement, and all of them were
// written: what else waits for something is not about its invoices.
func (s *scopeRun) letPeriod(agreement string) bool {
	a := s.applied
	return s.report.Approved && a != nil && a.done > 0 && a.failed == 0 && a.deferred == nil &&
		!slices.ContainsFunc(a.waiting, func(c plan.Change) bool { return c.Billing != nil && c.Billing.Agreement == agreement })
}

// noteInvoices keeps what a write learned of invoices, in the same step of the store as
// the write: a kill after it loses nothing. It returns what is new.
func (s *scopeRun) noteInvoices(notes []plan.Violation) []plan.Violation {
	added := s.addUnsettled(notes)
	if len(added) == 0 {
		return nil
	}
	c := state.Cursor{
		Scope: s.id(), Name: s.customer.Name, Job: s.target.job.Name, Run: s.run.id, At: s.run.Now().UTC(),
		Outcome: string(s.report.Outcome),
	}
	if s.memory.Cursor != nil {
		c = *s.memory.Cursor
	}
	c.Unsettled = slices.Clone(s.unsettled)
	s.commit.Cursor = &c
	return added
}
