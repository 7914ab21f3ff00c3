package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// recordedLine is what the ledger says of a product while a span lasts, as Add says it of what
// was read just now. Where the span is not known no difference is: its numbers may be of
// different moments.
func recordedLine(customer string, s *state.Span) Licence {
	l := Licence{CustomerKey: s.Scope.Customer, Customer: customer, Product: s.Product, Licence: s.Label, SKUs: []string{}, Currency: s.Currency,
		Purchased: whole(s.Purchased), Assigned: whole(s.Assigned), Due: decimalOf(s.Due), Billed: decimalOf(s.Billed)}
	for i := range s.Rules {
		if sku := strings.ToLower(s.Rules[i].SKU); sku != "" && !slices.Contains(l.SKUs, sku) {
			l.SKUs = append(l.SKUs, sku)
		}
	}
	if unit := decimalOf(s.Price); unit != nil {
		if monthly, ok := money.MonthlyPrice(*unit, plan.Cycle(s.Cycle)); ok {
			l.UnitPrice = &monthly
		}
	}
	line := plan.Billing{LessIncluded: decimalOf(s.LessIncluded)} // what is included costs nothing
	worth := func(more, fewer decimal.Decimal) *decimal.Decimal {
		if l.UnitPrice == nil {
			return nil
		}
		return new(money.ChargedUnits(&line, more).Sub(money.ChargedUnits(&line, fewer)).Mul(*l.UnitPrice).Round(2))
	}
	if s.Known && l.Due != nil && l.Billed != nil {
		l.Difference, l.MonthlyDifference = new(l.Due.Sub(*l.Billed)), worth(*l.Due, *l.Billed)
		if cost := decimalOf(s.Cost); cost != nil && l.UnitPrice != nil { // several lines, not all at one price
			l.MonthlyDifference = new(money.ChargedUnits(&line, *l.Due).Mul(*l.UnitPrice).Sub(*cost).Round(2))
		}
	}
	if l.Purchased != nil && l.Assigned != nil {
		bought, held := decimal.NewFromInt(int64(*l.Purchased)), decimal.NewFromInt(int64(min(*l.Assigned, *l.Purchased)))
		l.Unassigned, l.MonthlyUnassigned = new(max(0, *l.Purchased-*l.Assigned)), worth(bought, held)
	}
	if l.UnitPrice != nil {
		l.MonthlySuspended = suspendedUnits(s).Mul(*l.UnitPrice).Round(2)
	}
	switch {
	case l.Difference == nil:
		l.Status, l.Note = NeedsDecision, s.Why
	case s.Held != "":
		l.Status = NeedsDecision
	case s.NotBilled:
		l.Status, l.Unassigned, l.MonthlyUnassigned = NotBilled, nil, nil
	case l.Difference.IsZero():
		l.Status = InStep
	case l.Difference.IsPositive() && s.Ref == "" && l.Billed.IsZero():
		l.Status, l.Note = Unbilled, "no line in the agreement"
	case l.Difference.IsPositive():
		l.Status = UnderBilled
	default:
		l.Status = OverBilled
	}
	if o := s.Override; o != nil && l.Note == "" {
		l.Note = fmt.Sprintf("set by %s until %s (%s)", o.By, o.Until.Format(time.DateOnly), o.Reason)
	}
	return l
}

// suspendedUnits are the units of a product that do not work and that Microsoft bills on.
func suspendedUnits(s *state.Span) (units decimal.Decimal) {
	for i := range s.Subscriptions {
		x := &s.Subscriptions[i]
		if money.State(x.State) != money.Suspended {
			continue
		}
		weight := decimal.NewFromInt(1)
		for j := range s.Rules {
			if strings.EqualFold(s.Rules[j].SKU, x.SKU) {
				weight = money.Weight(&mapping.Rule{Weight: s.Rules[j].Weight})
				break
			}
		}
		if n := decimalOf(x.Units); n != nil {
			units = units.Add(n.Mul(weight))
		}
	}
	return units
}

// Units is a number of units; nil where it is not known.
func Units(n *int) *decimal.Decimal {
	if n == nil {
		return nil
	}
	return new(decimal.NewFromInt(int64(*n)))
}

// AddRecorded adds what the ledger says of a customer's product while a span lasts, with
// what the last run held of it. The ledger knows no licence without a rule.
func (r *Licences) AddRecorded(customer string, s *state.Span, held []plan.Violation) {
	l, _ := Recorded(customer, s, held, r.currency)
	r.Lines = append(r.Lines, l)
}

// Recorded is the line of a customer's product while a span lasts, and the code of what the last
// run held of it; empty where it held nothing. The currency is that of what names none.
func Recorded(customer string, s *state.Span, held []plan.Violation, currency string) (l Licence, code string) {
	l = recordedLine(customer, s)
	l.Currency = cmp.Or(l.Currency, currency) // of what is not known the ledger names none
	for i := range held {
		v := &held[i]
		ofAll := v.Kind == "" && v.Key == ""
		if !(ofAll && v.Unsettled()) && (v.Kind != s.Key.Kind || v.Key != s.Key.ID || v.Code == string(Unbilled)) {
			continue
		}
		l.Note = v.Message
		return l, v.Code
	}
	return l, ""
}

// AddUnread adds a customer of whom nothing is known, or who is not linked.
func (r *Licences) AddUnread(key, customer string, status Status, why string) {
	if status == NeedsDecision {
		r.Unknown++
	}
	r.Lines = append(r.Lines, Licence{CustomerKey: key, Customer: customer, SKUs: []string{}, Currency: r.currency, Status: status, Note: why})
}

// decimalOf reads a number of the ledger; nil where it has none.
func decimalOf(text string) *decimal.Decimal {
	if d, err := decimal.NewFromString(text); err == nil {
		return &d
	}
	return nil
}

func whole(text string) *int {
	if n, err := strconv.Atoi(text); err == nil {
		return &n
	}
	return nil
}

// AddRemembered adds the subscriptions of a customer as runs remember them, with what the
// ledger says of its products now.
func (r *Renewals) AddRemembered(key, customer string, seen []directory.Seen, spans []state.Span) {
	claims := r.claims.For(key)
	products, owners := make([]billed, len(spans)), map[string]string{}
	for i := range spans {
		s := &spans[i]
		products[i].currency = cmp.Or(s.Currency, r.currency)
		if s.Ref != "" {
			products[i].price = recordedLine(customer, s).UnitPrice
		}
		for j := range s.Rules {
			x := &s.Rules[j]
			products[i].rules = append(products[i].rules, mapping.Rule{SKU: x.SKU, Count: x.Count, Subscriptions: x.Subscriptions, Weight: x.Weight})
		}
		for _, x := range s.Subscriptions {
			owners[x.ID] = x.Owner
		}
	}
	bySKU := map[string][]Renewal{}
	for i := range seen {
		x := &seen[i]
		if money.State(x.State) != money.Enabled || !x.Gone.IsZero() || x.Units <= 0 || directory.FreeSKU(directory.PartNumber(x.SKU)) {
			continue
		}
		s := money.Remembered(claims, x)
		if s.Owner = owners[x.ID]; !s.Renews.After(r.policy.Now) {
			s.Renews = time.Time{} // that term is over, and nobody looked since
		}
		part, name := licenceOf(x.SKU, spans)
		line := Renewal{CustomerKey: key, Customer: customer, Subscription: x.ID, SKU: cmp.Or(part, x.SKU), Licence: cmp.Or(name, part, x.SKU), Units: x.Units, Ends: r.ends(&s, s.Renews)}
		line.Term, line.TermBy = money.PresentTerm(&s, claims, r.policy.Now)
		line.Money, line.Currency = worth(products, x.SKU, &s, line.Term)
		bySKU[x.SKU] = append(bySKU[x.SKU], line)
	}
	for _, sku := range slices.Sorted(maps.Keys(bySKU)) {
		r.list(bySKU[sku], spareOf(sku, spans))
	}
}

// licenceOf is the part number and the name of a licence, as the rules have them or as they
// are known.
func licenceOf(sku string, spans []state.Span) (part, name string) {
	part = directory.PartNumber(sku)
	for i := range spans {
		for j := range spans[i].Rules {
			if x := &spans[i].Rules[j]; strings.EqualFold(x.SKU, sku) && x.Part+x.Name != "" {
				return cmp.Or(x.Part, part), x.Name
			}
		}
	}
	_, name = directory.SKUOf(part)
	return part, name
}

// spareOf is how many units of a licence nobody holds: known where a product counts it
// alone, and all of it.
func spareOf(sku string, spans []state.Span) *int {
	for i := range spans {
		s := &spans[i]
		if !s.Known || len(s.Rules) != 1 || !strings.EqualFold(s.Rules[0].SKU, sku) || s.Rules[0].Who != "" || s.Rules[0].Subscriptions != "" {
			continue
		}
		if l := recordedLine("", s); l.Unassigned != nil {
			return l.Unassigned
		}
	}
	return nil
}
