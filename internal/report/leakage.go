package report

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/state"
)

// A Leak is money of a month that is not billed as it is due, or that nobody uses.
// Units and money that are not known are nil.
type Leak struct {
	Month       string
	CustomerKey string
	Customer    string
	Kind        string // unbilled, under_billed, over_billed, unmapped, unassigned, held or past_margin
	Product     string // the licence's name where no product bills it
	Units       *decimal.Decimal
	Money       *decimal.Decimal
	Currency    string
}

// leakKinds are the kinds, the most urgent first, with their words.
var leakKinds = []struct {
	kind, text string
}{{"unbilled", "unbilled"}, {"under_billed", "under-billed"}, {"over_billed", "over-billed"}, {"held", "held"}, {"unmapped", "unmapped"}, {"unassigned", "unassigned"}, {"past_margin", "past margin"}}

// MarshalJSON writes the leak as scripts read it.
func (l Leak) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Month    string  `json:"month"`
		Key      string  `json:"customer"`
		Name     string  `json:"customer_name"`
		Kind     string  `json:"kind"`
		Product  string  `json:"product"`
		Units    *string `json:"units"`
		Money    *string `json:"money"`
		Currency string  `json:"currency"`
	}{l.Month, l.CustomerKey, l.Customer, l.Kind, l.Product, known(amount(l.Units, 0)), known(amount(l.Money, 2)), l.Currency})
}

// Leakage is the money lost by month.
type Leakage struct {
	From   string                       `json:"from"`
	To     string                       `json:"to"`
	Lines  []Leak                       `json:"lines"`
	Totals map[string]map[string]*Total `json:"totals"` // by currency and kind
	// Unrecorded are months of which the ledger has nothing: what was lost then is not known.
	Unrecorded []string `json:"unrecorded"`
}

// NewLeakage starts a report of some months.
func NewLeakage(from, to string) *Leakage {
	return &Leakage{From: from, To: to, Lines: []Leak{}, Totals: map[string]map[string]*Total{}, Unrecorded: []string{}}
}

// AddNow adds the month that lasts, from the reconciliation of what is bought and billed.
func (r *Leakage) AddNow(month string, now *Licences) {
	for i := range now.Lines {
		r.add(month, &now.Lines[i])
	}
}

// AddSpan adds what months ended with of a product: a quantity counts for every period
// that is not invoiced, so that what was put right before the end is no loss. The ledger
// knows no licence without a rule.
func (r *Leakage) AddSpan(customer string, s *state.Span, months ...string) {
	l := recordedLine(customer, s)
	for _, month := range months {
		r.add(month, &l)
	}
}

func (r *Leakage) add(month string, l *Licence) { r.Lines = append(r.Lines, l.Leaks(month)...) }

// Leaks are what a line loses in a month.
func (l *Licence) Leaks(month string) []Leak {
	var out []Leak
	x := Leak{Month: month, CustomerKey: l.CustomerKey, Customer: l.Customer, Product: cmp.Or(l.Product, l.Licence), Currency: l.Currency}
	if kind := l.Status.Leak(); kind != "" {
		of := x
		of.Kind, of.Units, of.Money = kind, abs(l.Difference), abs(l.MonthlyDifference)
		if l.Status == Unmapped && l.Purchased != nil {
			of.Units = new(decimal.NewFromInt(int64(*l.Purchased)))
		}
		out = append(out, of)
	}
	if l.Unassigned != nil && *l.Unassigned > 0 {
		of := x
		of.Kind, of.Units, of.Money = "unassigned", new(decimal.NewFromInt(int64(*l.Unassigned))), abs(l.MonthlyUnassigned)
		out = append(out, of)
	}
	if l.PastMargin.IsPositive() {
		x.Kind, x.Units, x.Money = "past_margin", &l.PastMarginUnits, &l.PastMargin
		out = append(out, x)
	}
	return out
}

// Leak is the kind of leak that a status is; empty where it is none.
func (s Status) Leak() string {
	switch s {
	case Unbilled, UnderBilled, OverBilled, Unmapped:
		return string(s)
	case NeedsDecision:
		return "held"
	}
	return ""
}

func abs(d *decimal.Decimal) *decimal.Decimal {
	if d == nil {
		return nil
	}
	return new(d.Abs())
}

func leakRank(kind string) int {
	for i := range leakKinds {
		if leakKinds[i].kind == kind {
			return i
		}
	}
	return len(leakKinds)
}

// Finish sorts the lines, the most money of a month first, and adds them up.
func (r *Leakage) Finish() {
	size := func(l *Leak) decimal.Decimal {
		if l.Money == nil {
			return decimal.Zero
		}
		return *l.Money
	}
	slices.SortStableFunc(r.Lines, func(a, b Leak) int {
		if n := cmp.Or(strings.Compare(a.Month, b.Month), size(&b).Cmp(size(&a)), leakRank(a.Kind)-leakRank(b.Kind)); n != 0 {
			return n // names cost more to compare, and there are many lines
		}
		return cmp.Or(strings.Compare(strings.ToLower(a.Customer), strings.ToLower(b.Customer)), strings.Compare(a.CustomerKey, b.CustomerKey), strings.Compare(a.Product, b.Product))
	})
	for i := range r.Lines {
		l := &r.Lines[i]
		of := r.Totals[l.Currency]
		if of == nil {
			of = map[string]*Total{}
			for _, k := range leakKinds {
				of[k.kind] = &Total{}
			}
			r.Totals[l.Currency] = of
		}
		of[l.Kind].add(l.Units, l.Money)
	}
}

// Sheet is the report for people. Below the lines stand the totals of each kind.
func (r *Leakage) Sheet() Sheet {
	s := Sheet{Title: "Leakage", Columns: []Column{{"Month", false}, {"Customer", false}, {"Kind", false}, {"Product", false}, {"Units", true}, {"Money", true}, {"Currency", false}},
		Tones: map[string]Tone{"unbilled": Alert, "under-billed": Alert, "over-billed": Alert, "past margin": Alert, "held": Ask, "unmapped": Ask}}
	for i := range r.Lines {
		l := &r.Lines[i]
		s.Rows = append(s.Rows, []string{l.Month, l.Customer, leakText(l.Kind), l.Product, amount(l.Units, 0), amount(l.Money, 2), l.Currency})
	}
	for _, currency := range slices.Sorted(maps.Keys(r.Totals)) {
		for _, k := range leakKinds {
			if t := r.Totals[currency][k.kind]; t.Lines > 0 {
				s.Footer = append(s.Footer, []string{"Total", "", k.text, t.unpriced(), t.Units.String(), t.money(), currency})
			}
		}
	}
	return s
}

// unpriced says how many lines the money leaves out.
func (t *Total) unpriced() string {
	if t.Unpriced == 0 {
		return ""
	}
	return decimal.NewFromInt(int64(t.Unpriced)).String() + " of unknown money"
}

func leakText(kind string) string {
	if i := leakRank(kind); i < len(leakKinds) {
		return leakKinds[i].text
	}
	return kind
}

// Plain is the report for programs.
func (r *Leakage) Plain() Sheet {
	s := Sheet{
		Columns: []Column{{"month", false}, {"customer", false}, {"customer_name", false}, {"kind", false}, {"product", false}, {"units", true}, {"money", true}, {"currency", false}},
	}
	for i := range r.Lines {
		l := &r.Lines[i]
		s.Rows = append(s.Rows, []string{l.Month, l.CustomerKey, l.Customer, l.Kind, l.Product, amount(l.Units, 0), amount(l.Money, 2), l.Currency})
	}
	return s
}
