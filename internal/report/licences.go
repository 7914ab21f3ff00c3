// Package report turns what runs saw into what people read: tables, CSV,
// spreadsheets and JSON.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/sync"
)

// The statuses of a line of the reconciliation.
const (
	StatusInStep   = "in step"
	StatusUnbilled = "unbilled"    // Microsoft says more than is billed
	StatusOver     = "over-billed" // more is billed than Microsoft says
	StatusUnmapped = "unmapped"    // no link, or no product rule
	StatusHeld     = "needs a person"
	StatusFree     = "free"    // nobody pays for it: free, self-service or trial
	StatusUnknown  = "unknown" // the source proved nothing
)

// A Licence is one line: a product at a customer, or a licence without one.
// Numbers are nil where they are not known.
type Licence struct {
	CustomerKey string
	Customer    string
	Product     string // ConnectWise identifier; empty where unmapped
	Licence     string
	SKUs        []string
	Purchased   *int
	Assigned    *int
	Unassigned  *int
	Due         *decimal.Decimal // what the product rules bill of it
	Billed      *decimal.Decimal // what the agreement holds; nil: no line, or several
	Difference  *decimal.Decimal
	UnitPrice   *decimal.Decimal // a month
	Money       *decimal.Decimal // what the difference is worth a month
	Idle        *decimal.Decimal // what the unassigned units cost a month
	Status      string
	Note        string
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
		Status      string   `json:"status"`
		Note        string   `json:"note,omitempty"`
	}{l.CustomerKey, l.Customer, l.Product, l.Licence, l.SKUs, text(count(l.Purchased)), text(count(l.Assigned)), text(count(l.Unassigned)),
		text(amount(l.Due, 0)), text(amount(l.Billed, 0)), text(amount(l.Difference, 0)), text(amount(l.UnitPrice, 2)), text(amount(l.Money, 2)), text(amount(l.Idle, 2)), l.Status, l.Note})
}

// A Total adds up the lines of one sort. Money leaves out lines whose price is
// not known; Unpriced says how many.
type Total struct {
	Lines    int
	Units    decimal.Decimal
	Money    decimal.Decimal // a month
	Unpriced int
}

// MarshalJSON writes the total in the manner of the lines.
func (t Total) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"lines": t.Lines, "units": t.Units.String(), "monthly": t.Money.StringFixed(2), "unpriced": t.Unpriced})
}

func (t *Total) add(units decimal.Decimal, money *decimal.Decimal) {
	t.Lines++
	t.Units = t.Units.Add(units.Abs())
	if money == nil {
		t.Unpriced++
		return
	}
	t.Money = t.Money.Add(money.Abs())
}

// Licences is the reconciliation of what Microsoft sold and what is billed.
type Licences struct {
	Generated time.Time `json:"generated"`
	Currency  string    `json:"currency"`
	Lines     []Licence `json:"lines"`
	Totals    struct {
		Unbilled   Total `json:"unbilled"`
		OverBilled Total `json:"over_billed"`
		Unmapped   Total `json:"unmapped"`
		Unassigned Total `json:"unassigned"`
	} `json:"totals"`
	Unknown int `json:"unknown_customers"` // customers the source did not prove

	rules mapping.Rules
}

// NewLicences starts a reconciliation.
func NewLicences(rules mapping.Rules, currency string, now time.Time) *Licences {
	return &Licences{Generated: now, Currency: currency, Lines: []Licence{}, rules: rules}
}

// Witness adds what a run saw of one customer. It keeps nothing of e.
func (r *Licences) Witness(e sync.Evidence) {
	if e.Customer.Status == mapping.Ignored {
		return
	}
	base := Licence{CustomerKey: e.Customer.Key, Customer: e.Customer.Name}
	var items []directory.Licence
	if e.Snapshot != nil {
		var err error
		if items, err = e.Snapshot.Licences.Items(); err != nil {
			r.unknown(base, err.Error())
			return
		}
	}
	if e.Report.Outcome == sync.Incomplete || e.Report.Outcome == sync.Failed {
		note := "not read"
		if e.Report.Error != nil {
			note = *e.Report.Error
		}
		r.unknown(base, note)
		return
	}
	billed := map[string]bool{} // SKUs that a line speaks of
	objects := map[plan.Key]*pair{}
	var order []plan.Key
	at := func(k plan.Key) *pair {
		if objects[k] == nil {
			objects[k] = &pair{}
			order = append(order, k)
		}
		return objects[k]
	}
	for i := range e.Desired.Objects {
		at(e.Desired.Objects[i].Key).desired = &e.Desired.Objects[i]
	}
	for i := range e.Observed.Objects {
		at(e.Observed.Objects[i].Key).observed = &e.Observed.Objects[i]
	}
	for _, c := range append(slices.Clip(e.Desired.Conflicts), e.Observed.Conflicts...) {
		at(c.Key).conflict = &c.Violation
	}
	for _, key := range order {
		line := base
		line.fill(key, objects[key], items)
		for _, sku := range line.SKUs {
			billed[sku] = true
		}
		r.Lines = append(r.Lines, line)
	}
	for _, o := range e.Observed.Left {
		line := base
		line.fill(plan.Key{}, &pair{observed: &o}, nil)
		line.SKUs, line.Licence, line.Note = []string{}, o.Label, "left behind: no rule and no link names line "+o.Ref+" any more"
		r.Lines = append(r.Lines, line)
	}
	for _, l := range items {
		if billed[l.SKU] || r.rules.Settled(l.SKU) && e.Report.Outcome != sync.Unmapped {
			continue
		}
		if l.Purchased == 0 && l.Assigned == 0 || ignored(r.rules.Of(l.SKU)) {
			continue
		}
		line := base
		line.SKUs, line.Licence, line.Status = []string{l.SKU}, l.Name, StatusUnmapped
		line.count([]directory.Licence{l})
		line.Note = "no product rule"
		switch {
		case l.NobodyPays():
			line.Status, line.Note, line.Unassigned = StatusFree, "no product rule", nil
		case e.Report.Outcome == sync.Unmapped:
			line.Note = "customer is not linked"
		}
		r.Lines = append(r.Lines, line)
	}
}

func ignored(rules []mapping.Rule) bool {
	return len(rules) > 0 && !slices.ContainsFunc(rules, func(x mapping.Rule) bool { return x.Status == mapping.Bill })
}

func (r *Licences) unknown(base Licence, why string) {
	base.Status, base.Note = StatusUnknown, why
	r.Lines = append(r.Lines, base)
	r.Unknown++
}

type pair struct {
	desired, observed *plan.Object
	conflict          *plan.Violation
}

// fill compares the two sides of one product.
func (l *Licence) fill(key plan.Key, p *pair, items []directory.Licence) {
	ids, _, _ := strings.Cut(key.ID, "@")
	l.SKUs = strings.Split(ids, "+")
	var of []directory.Licence
	for _, x := range items {
		if slices.Contains(l.SKUs, x.SKU) {
			of = append(of, x)
		}
	}
	l.count(of)
	about := p.observed
	if about == nil {
		about = p.desired
	}
	zero := decimal.Zero
	due := zero
	if p.desired != nil {
		l.Licence = p.desired.Label
		due = number(p.desired.Fields.Text("quantity"))
	}
	l.Due = &due
	if p.conflict != nil && p.conflict.Note && p.observed != nil {
		l.Note, p.conflict = p.conflict.Message, nil // said of a line that can be compared all the same
	}
	if p.conflict != nil {
		l.Status, l.Note, l.Due = StatusHeld, p.conflict.Message, nil
		if p.desired != nil {
			l.Due = &due
		}
		if about == nil {
			return
		}
	}
	l.Licence, l.Product = cmp.Or(l.Licence, about.Label), about.Info["product"]
	quantity := zero
	if p.observed != nil {
		quantity = number(p.observed.Fields.Text("quantity"))
		l.Billed = &quantity
	}
	if price := about.Info["unit_price"]; price != "" {
		unit := number(price)
		if over, under, fraction := strings.Cut(about.Info["cycle_months"], "/"); number(over).IsPositive() {
			unit = unit.Div(number(over))
			if fraction { // a cycle that is no whole month, such as a week
				unit = unit.Mul(number(under))
			}
		}
		if bill := about.Info["bill"]; bill != "" && bill != "Billable" {
			unit = zero
		}
		unit = unit.Round(4)
		l.UnitPrice = &unit
	}
	if p.conflict != nil {
		return
	}
	difference := due.Sub(quantity)
	l.Difference = &difference
	if l.UnitPrice != nil {
		included := number(about.Info["less_included"])
		seats := func(n decimal.Decimal) decimal.Decimal { return decimal.Max(zero, n.Sub(included)) }
		money := seats(due).Sub(seats(quantity)).Mul(*l.UnitPrice).Round(2)
		l.Money = &money
		if l.Unassigned != nil {
			idle := decimal.NewFromInt(int64(*l.Unassigned)).Mul(*l.UnitPrice).Round(2)
			l.Idle = &idle
		}
	}
	switch difference.Sign() {
	case 0:
		l.Status = StatusInStep
	case 1:
		l.Status = StatusUnbilled
		if p.observed == nil {
			l.Note = "no line in the agreement"
		}
	default:
		l.Status = StatusOver
	}
}

func (l *Licence) count(items []directory.Licence) {
	var bought, assigned, idle int
	names := []string{}
	for _, x := range items {
		bought += x.Purchased
		assigned += x.Assigned
		idle += x.Unassigned()
		names = append(names, x.Name)
	}
	l.Purchased, l.Assigned, l.Unassigned = &bought, &assigned, &idle
	if l.Licence == "" {
		l.Licence = strings.Join(names, " + ")
	}
}

func number(text string) decimal.Decimal {
	if d, err := decimal.NewFromString(text); err == nil {
		return d
	}
	return decimal.Zero
}

// Finish sorts the lines by money and adds them up.
func (r *Licences) Finish() {
	size := func(l *Licence) decimal.Decimal {
		if l.Money == nil {
			return decimal.Zero
		}
		return l.Money.Abs()
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
		return cmp.Or(size(&b).Cmp(size(&a)), cmp.Compare(rank(a.Status), rank(b.Status)), units(&b).Cmp(units(&a)),
			strings.Compare(strings.ToLower(a.Customer), strings.ToLower(b.Customer)), strings.Compare(a.CustomerKey, b.CustomerKey), strings.Compare(a.Licence, b.Licence))
	})
	t := &r.Totals
	for i := range r.Lines {
		l := &r.Lines[i]
		switch l.Status {
		case StatusUnbilled:
			t.Unbilled.add(*l.Difference, l.Money)
		case StatusOver:
			t.OverBilled.add(*l.Difference, l.Money)
		case StatusUnmapped:
			t.Unmapped.add(decimal.NewFromInt(int64(*l.Purchased)), nil)
		}
		if l.Unassigned != nil && *l.Unassigned > 0 {
			t.Unassigned.add(decimal.NewFromInt(int64(*l.Unassigned)), l.Idle)
		}
	}
}

func rank(status string) int {
	return slices.Index([]string{StatusHeld, StatusUnbilled, StatusOver, StatusUnknown, StatusUnmapped, StatusInStep, StatusFree}, status)
}

// statusTones is how the rows of a status look in a spreadsheet.
var statusTones = map[string]Tone{"in step": Good, "unbilled": Alert, "under-billed": Alert, "over-billed": Alert, "unmapped": Ask, "needs a decision": Ask, "needs a person": Ask,
	"free": Faint, "not billed on purpose": Faint}

// Sheet is the reconciliation as rows of text, for every format but JSON.
func (r *Licences) Sheet() Sheet {
	s := Sheet{Title: "Licences", Tones: statusTones, Columns: []Column{{"Customer", false}, {"Product", false}, {"Licence", false}, {"Purchased", true}, {"Assigned", true},
		{"Unassigned", true}, {"Due", true}, {"Billed", true}, {"Difference", true}, {"Unit price", true}, {r.Currency + " a month", true}, {"Status", false}, {"Note", false}}}
	for i := range r.Lines {
		l := &r.Lines[i]
		s.Rows = append(s.Rows, []string{l.Customer, l.Product, l.Licence, count(l.Purchased), count(l.Assigned), count(l.Unassigned),
			amount(l.Due, 0), amount(l.Billed, 0), amount(l.Difference, 0), amount(l.UnitPrice, 2), amount(l.Money, 2), l.Status, l.Note})
	}
	for _, t := range []struct {
		name  string
		total *Total
	}{{"Unbilled", &r.Totals.Unbilled}, {"Over-billed", &r.Totals.OverBilled}, {"Unmapped", &r.Totals.Unmapped}, {"Unassigned", &r.Totals.Unassigned}} {
		note := fmt.Sprintf("%d lines", t.total.Lines)
		if t.total.Lines == 1 {
			note = "1 line"
		}
		if t.total.Unpriced > 0 {
			note += fmt.Sprintf(", %d without a known price", t.total.Unpriced)
		}
		s.Footer = append(s.Footer, []string{t.name, "", "", "", "", "", "", "", t.total.Units.String(), "", t.total.Money.StringFixed(2), "", note})
	}
	return s
}

func count(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
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
