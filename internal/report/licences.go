// Package report makes reports of what runs saw: tables, CSV, spreadsheets and JSON.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
)

// A Status is the status of a line of the reconciliation.
type Status string

// The statuses.
const (
	InStep        Status = "in_step"
	Unbilled      Status = "unbilled"       // no line bills it
	UnderBilled   Status = "under_billed"   // a line bills fewer than are due
	OverBilled    Status = "over_billed"    // lines bill more than is due
	NotBilled     Status = "not_billed"     // a person decided so, or nobody pays for it
	Unmapped      Status = "unmapped"       // no link, or no product rule
	NeedsDecision Status = "needs_decision" // held, or not read
)

// statusTexts are the statuses as people read them, the most urgent first.
var statusTexts = []struct {
	status Status
	text   string
}{
	{NeedsDecision, "needs a decision"}, {Unbilled, "unbilled"}, {UnderBilled, "under-billed"}, {OverBilled, "over-billed"},
	{Unmapped, "unmapped"}, {InStep, "in step"}, {NotBilled, "not billed on purpose"},
}

func (s Status) rank() int {
	for i := range statusTexts {
		if statusTexts[i].status == s {
			return i
		}
	}
	return len(statusTexts)
}

// Text is the status for people.
func (s Status) Text() string {
	if i := s.rank(); i < len(statusTexts) {
		return statusTexts[i].text
	}
	return string(s)
}

// A Licence is one line: a product at a customer, or a licence without one.
// Numbers are nil where they are not known.
type Licence struct {
	CustomerKey       string
	Customer          string
	Product           string // ConnectWise identifier; empty where unmapped
	Licence           string
	SKUs              []string
	Purchased         *int // units that somebody pays Microsoft for
	Assigned          *int
	Unassigned        *int             // nil where nobody pays for them
	Due               *decimal.Decimal // what the product rules bill of it
	Billed            *decimal.Decimal // what the lines bill that are open today, all of them together
	Difference        *decimal.Decimal // due less billed
	UnitPrice         *decimal.Decimal // a month
	MonthlyDifference *decimal.Decimal // the difference in money a month
	MonthlyUnassigned *decimal.Decimal // what the unassigned units cost a month
	PastMarginUnits   decimal.Decimal  // that are billed for less than they cost
	PastMargin        decimal.Decimal  // what that comes to a month
	MonthlySuspended  decimal.Decimal  // what units cost a month that are suspended and billed on; of recorded lines alone
	Currency          string
	Status            Status
	Note              string
	Suggested         bool // it hangs on a link or a rule that nobody accepted
}

// MarshalJSON writes the line as scripts read it: numbers that count or cost
// are decimal strings, unknown ones are null.
func (l Licence) MarshalJSON() ([]byte, error) {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return json.Marshal(struct {
		CustomerKey string   `json:"customer_key"`
		Customer    string   `json:"customer"`
		Product     string   `json:"product"`
		Licence     string   `json:"licence"`
		SKUs        []string `json:"sku_ids"`
		Purchased   *string  `json:"purchased"`
		Assigned    *string  `json:"assigned"`
		Unassigned  *string  `json:"unassigned"`
		Due         *string  `json:"due"`
		Billed      *string  `json:"billed"`
		Difference  *string  `json:"difference"`
		UnitPrice   *string  `json:"unit_price"`
		Money       *string  `json:"monthly_difference"`
		Idle        *string  `json:"monthly_unassigned"`
		Currency    string   `json:"currency"`
		Status      Status   `json:"status"`
		Note        string   `json:"note,omitempty"`
		Suggested   bool     `json:"suggested,omitempty"`
	}{l.CustomerKey, l.Customer, l.Product, l.Licence, append([]string{}, l.SKUs...), text(mapping.Number(l.Purchased)), text(mapping.Number(l.Assigned)), text(mapping.Number(l.Unassigned)),
		text(amount(l.Due, 0)), text(amount(l.Billed, 0)), text(amount(l.Difference, 0)), text(plan.Price(l.UnitPrice)), text(amount(l.MonthlyDifference, 2)), text(amount(l.MonthlyUnassigned, 2)),
		l.Currency, l.Status, l.Note, l.Suggested})
}

// MarkSuggested marks the lines of customers whose links, and of licences whose rule, are
// only suggested.
func (r *Licences) MarkSuggested(customers, skus map[string]bool) {
	for i := range r.Lines {
		l := &r.Lines[i]
		link, rule := customers[l.CustomerKey], slices.ContainsFunc(l.SKUs, func(sku string) bool { return skus[sku] })
		if !link && !rule {
			continue
		}
		what := "suggested: link"
		switch {
		case link && rule:
			what = "suggested: link and rule"
		case rule:
			what = "suggested: rule"
		}
		l.Suggested = true
		if l.Note != "" {
			what += "; "
		}
		l.Note = what + l.Note
	}
}

// A Total adds up the lines of one sort in one currency. Money leaves out lines
// of which it is not known; Unpriced says how many.
type Total struct {
	Lines    int
	Units    decimal.Decimal
	Money    decimal.Decimal // a month
	Unpriced int
}

// MarshalJSON writes the total in the manner of the lines.
func (t Total) MarshalJSON() ([]byte, error) {
	monthly := new(t.Money.StringFixed(2))
	if t.Lines > 0 && t.Lines == t.Unpriced { // nothing of it is known
		monthly = nil
	}
	return json.Marshal(map[string]any{"lines": t.Lines, "units": t.Units.String(), "monthly": monthly, "unpriced": t.Unpriced})
}

// money is what is known of it as people read it: nothing where that is nothing.
func (t *Total) money() string {
	if t.Lines == t.Unpriced {
		return ""
	}
	return t.Money.StringFixed(2)
}

func (t *Total) add(units, money *decimal.Decimal) {
	t.Lines++
	if units != nil {
		t.Units = t.Units.Add(units.Abs())
	}
	if money == nil {
		t.Unpriced++
		return
	}
	t.Money = t.Money.Add(money.Abs())
}

// Totals add up the lines in one currency.
type Totals struct {
	Unbilled    Total `json:"unbilled"`
	UnderBilled Total `json:"under_billed"`
	OverBilled  Total `json:"over_billed"`
	Unmapped    Total `json:"unmapped"`   // units: purchased
	Unassigned  Total `json:"unassigned"` // units and money: those of the lines that are unassigned
	Held        Total `json:"held"`       // lines that need a decision
}

// of returns the total that a status is added to, or nil.
func (t *Totals) of(s Status) *Total {
	switch s {
	case Unbilled:
		return &t.Unbilled
	case UnderBilled:
		return &t.UnderBilled
	case OverBilled:
		return &t.OverBilled
	case Unmapped:
		return &t.Unmapped
	case NeedsDecision:
		return &t.Held
	}
	return nil
}

// Licences is the reconciliation of what Microsoft sold and what is billed.
type Licences struct {
	Generated time.Time          `json:"generated"`
	Lines     []Licence          `json:"lines"`
	Totals    map[string]*Totals `json:"totals"`            // by currency: currencies are never added
	Unknown   int                `json:"unknown_customers"` // customers the source did not prove

	rules    mapping.Rules
	policy   money.Policy
	currency string
}

// NewLicences starts a reconciliation by some rules. The currency is that of
// agreements that name none.
func NewLicences(rules mapping.Rules, policy money.Policy, currency string) *Licences {
	return &Licences{
		Generated: policy.Now, Lines: []Licence{}, Totals: map[string]*Totals{currency: {}}, rules: rules, policy: policy,
		currency: currency,
	}
}

// Finish sorts the lines by money and adds them up.
func (r *Licences) Finish() {
	size := func(l *Licence) decimal.Decimal {
		if l.MonthlyDifference == nil {
			return decimal.Zero
		}
		return l.MonthlyDifference.Abs()
	}
	units := func(l *Licence) decimal.Decimal {
		switch {
		case l.Difference != nil:
			return l.Difference.Abs()
		case l.Purchased != nil:
			return decimal.NewFromInt(int64(*l.Purchased))
		}
		return decimal.Zero
	}
	slices.SortStableFunc(r.Lines, func(a, b Licence) int {
		return cmp.Or(size(&b).Cmp(size(&a)), cmp.Compare(a.Status.rank(), b.Status.rank()), units(&b).Cmp(units(&a)),
			strings.Compare(strings.ToLower(a.Customer), strings.ToLower(b.Customer)), strings.Compare(a.CustomerKey, b.CustomerKey), strings.Compare(a.Licence, b.Licence))
	})
	maps.Copy(r.Totals, TotalsOf(r.Lines))
}

// TotalsOf adds up lines by currency.
func TotalsOf(lines []Licence) map[string]*Totals {
	totals := map[string]*Totals{}
	for i := range lines {
		l := &lines[i]
		if totals[l.Currency] == nil {
			totals[l.Currency] = &Totals{}
		}
		t := totals[l.Currency]
		if total := t.of(l.Status); total != nil {
			n := l.Difference
			if l.Status == Unmapped && l.Purchased != nil {
				bought := decimal.NewFromInt(int64(*l.Purchased))
				n = &bought
			}
			total.add(n, l.MonthlyDifference)
		}
		if l.Unassigned != nil && *l.Unassigned > 0 {
			idle := decimal.NewFromInt(int64(*l.Unassigned))
			t.Unassigned.add(&idle, l.MonthlyUnassigned)
		}
	}
	return totals
}

// statusTones are the tones of the statuses in a spreadsheet.
var statusTones = map[string]Tone{InStep.Text(): Good, Unbilled.Text(): Alert, UnderBilled.Text(): Alert, OverBilled.Text(): Alert,
	Unmapped.Text(): Ask, NeedsDecision.Text(): Ask, NotBilled.Text(): Faint}

// Sheet is the reconciliation as rows of text, for every format but JSON. Below
// the lines stand the totals of which there is anything, each under the column
// that it adds up.
func (r *Licences) Sheet() Sheet {
	s := Sheet{Title: "Licences", Tones: statusTones, Columns: []Column{{"Customer", false}, {"Product", false}, {"Licence", false}, {"Purchased", true}, {"Assigned", true},
		{"Unassigned", true}, {"Due", true}, {"Billed", true}, {"Difference", true}, {"Unit price", true}, {"Monthly difference", true}, {"Monthly unassigned", true},
		{"Currency", false}, {"Status", false}, {"Note", false}}}
	for i := range r.Lines {
		l := &r.Lines[i]
		s.Rows = append(s.Rows, []string{l.Customer, l.Product, l.Licence, mapping.Number(l.Purchased), mapping.Number(l.Assigned), mapping.Number(l.Unassigned), amount(l.Due, 0),
			amount(l.Billed, 0), amount(l.Difference, 0), plan.Price(l.UnitPrice), amount(l.MonthlyDifference, 2), amount(l.MonthlyUnassigned, 2), l.Currency, l.Status.Text(), l.Note})
	}
	for _, currency := range slices.Sorted(maps.Keys(r.Totals)) {
		t := r.Totals[currency]
		for _, x := range []struct {
			name         string
			total        *Total
			units, money int // columns
		}{
			{Unbilled.Text(), &t.Unbilled, 8, 10}, {UnderBilled.Text(), &t.UnderBilled, 8, 10}, {OverBilled.Text(), &t.OverBilled, 8, 10},
			{NeedsDecision.Text(), &t.Held, 8, 10}, {Unmapped.Text(), &t.Unmapped, 3, 10}, {"unassigned", &t.Unassigned, 5, 11},
		} {
			if x.total.Lines == 0 {
				continue
			}
			row := make([]string, len(s.Columns))
			row[0], row[x.units], row[x.money], row[12] = strings.ToUpper(x.name[:1])+x.name[1:], x.total.Units.String(), x.total.money(), currency
			row[14] = fmt.Sprintf("%d lines", x.total.Lines)
			if x.total.Lines == 1 {
				row[14] = "1 line"
			}
			if x.total.Unpriced > 0 {
				row[14] += fmt.Sprintf(", %d of unknown money", x.total.Unpriced)
			}
			s.Footer = append(s.Footer, row)
		}
	}
	return s
}

func amount(d *decimal.Decimal, places int32) string {
	if d == nil {
		return ""
	}
	if places == 0 {
		return d.String()
	}
	return d.StringFixed(places)
}
