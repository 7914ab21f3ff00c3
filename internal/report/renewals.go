package report

import (
	"cmp"
	"encoding/json"
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
	"syncd/internal/sync"
)

// A Renewal is a subscription that is enabled and paid for, whose term ends.
type Renewal struct {
	CustomerKey  string
	Customer     string
	Subscription string
	SKU          string // the part number, or the id where there is none
	Licence      string
	Units        int
	Unassigned   *int   // of them, held by nobody; nil where nobody knows
	Ends         string // a day; empty where nobody knows
	Term         string // empty where nobody knows
	TermBy       string // who says so
	Money        *decimal.Decimal
	Currency     string
}

// ReduceBy is the latest day to have fewer units: the end of the term. Microsoft takes
// units back at the end, and within 168 hours of the renewal: the day itself is
// never too late, whatever the hour.
func (l *Renewal) ReduceBy() string { return l.Ends }

// MarshalJSON writes the line as scripts read it: numbers that count or cost are
// decimal strings, unknown ones are null.
func (l Renewal) MarshalJSON() ([]byte, error) {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return json.Marshal(struct {
		Key          string  `json:"customer"`
		Customer     string  `json:"customer_name"`
		Subscription string  `json:"subscription"`
		SKU          string  `json:"sku"`
		Licence      string  `json:"licence"`
		Units        string  `json:"units"`
		Unassigned   *string `json:"unassigned"`
		Ends         *string `json:"ends"`
		ReduceBy     *string `json:"reduce_by"`
		Term         *string `json:"term"`
		TermBy       *string `json:"term_source"`
		Money        *string `json:"money"`
		Currency     *string `json:"currency"`
	}{l.CustomerKey, l.Customer, l.Subscription, l.SKU, l.Licence, strconv.Itoa(l.Units), text(mapping.Number(l.Unassigned)), text(l.Ends), text(l.ReduceBy()),
		text(l.Term), text(l.TermBy), text(amount(l.Money, 2)), text(l.Currency)})
}

// Unread is a customer of whom something is not known, and why.
type Unread struct {
	Key      string `json:"customer"`
	Customer string `json:"customer_name"`
	Why      string `json:"reason"`
}

// Renewals are the subscriptions whose term ends within some days.
type Renewals struct {
	Generated time.Time `json:"generated"`
	Days      int       `json:"days"`
	Lines     []Renewal `json:"lines"`
	Unread    []Unread  `json:"unread"`

	policy   money.Policy
	claims   money.Claims
	all      bool
	currency string
}

// NewRenewals starts a list of what ends within so many days, monthly ones left out
// unless all. Claims are what is said of terms; days are those of the policy's zone; the
// currency is that of agreements that name none.
func NewRenewals(policy money.Policy, claims money.Claims, days int, all bool, currency string) *Renewals {
	return &Renewals{Generated: policy.Now, Days: days, Lines: []Renewal{}, Unread: []Unread{}, policy: policy, claims: claims, all: all, currency: currency}
}

// Add adds one customer. It keeps nothing of e.
func (r *Renewals) Add(e sync.Inspection) {
	if e.Customer.Status == mapping.Ignored {
		return
	}
	unread := func(what, why string) {
		r.Unread = append(r.Unread, Unread{e.Customer.Key, e.Customer.Name, what + ": " + why})
	}
	if e.Snapshot == nil {
		if e.Report.Outcome != sync.Unmapped { // never listed by the source, and never linked
			unread(notListed, notRead(&e))
		}
		return
	}
	items, err := e.Snapshot.Licences.Items()
	if err != nil {
		unread(notListed, err.Error())
		return
	}
	if e.Report.Error != nil || e.Err != nil {
		unread("the bill was not read", notRead(&e))
	}
	var senseless []string
	for i := range items {
		l := &items[i]
		switch {
		case l.Unread != "":
			senseless = append(senseless, cmp.Or(l.Name, l.SKU)+" ("+l.Unread+")")
		case !directory.FreeSKU(l.PartNumber):
			r.licence(&e, l)
		}
	}
	if len(senseless) > 0 {
		unread("the source makes no sense", strings.Join(senseless, ", "))
	}
}

const notListed = "not in the list"

func notRead(e *sync.Inspection) string {
	switch {
	case e.Report.Error != nil:
		return *e.Report.Error
	case e.Err != nil:
		return e.Err.Error()
	}
	return "not read"
}

// licence adds the subscriptions of a licence that end in time.
func (r *Renewals) licence(e *sync.Inspection, l *directory.Licence) {
	h := r.policy.Holding(l)
	claims, products := r.claims.For(e.Customer.Key), r.billedAt(e)
	var lines []Renewal
	for i := range l.Subscriptions {
		s := &l.Subscriptions[i]
		if h.Standings[i].State != money.Enabled || s.Total <= 0 {
			continue
		}
		line := Renewal{CustomerKey: e.Customer.Key, Customer: e.Customer.Name, Subscription: s.ID, SKU: cmp.Or(l.PartNumber, l.SKU), Licence: cmp.Or(l.Name, l.PartNumber, l.SKU),
			Units: s.Total, Ends: r.ends(s, h.Standings[i].Until)}
		line.Term, line.TermBy = money.PresentTerm(s, claims, r.policy.Now)
		line.Money, line.Currency = worth(products, l.SKU, s, line.Term)
		lines = append(lines, line)
	}
	var spare *int
	if n := max(0, h.Purchased-l.Assigned); l.Disputed == "" {
		spare = &n
	}
	r.list(lines, spare)
}

// list takes those subscriptions of a licence that are asked for. Units that nobody has stand
// at those that end first, listed or not, so that they are there once.
func (r *Renewals) list(lines []Renewal, spare *int) {
	slices.SortStableFunc(lines, byEnd)
	for i := range lines {
		if spare != nil {
			n := min(*spare, lines[i].Units)
			*spare -= n
			lines[i].Unassigned = &n
		}
		if r.lists(&lines[i]) {
			r.Lines = append(r.Lines, lines[i])
		}
	}
}

// lists reports whether a line is asked for: it ends in time, and is not monthly unless
// those are wanted.
func (r *Renewals) lists(l *Renewal) bool {
	return (r.all || l.Term != money.TermMonthly) && l.Ends <= r.policy.Now.AddDate(0, 0, r.Days).Format(time.DateOnly)
}

// ends is the last day of a term: as Microsoft tells it, or where it does not as
// somebody says.
func (r *Renewals) ends(s *directory.Subscription, until time.Time) string {
	if !until.IsZero() {
		return until.In(r.policy.Now.Location()).Format(time.DateOnly)
	}
	if day := mapping.Day(s.Claim.Ends); day >= r.policy.Now.Format(time.DateOnly) {
		return day
	}
	return ""
}

// A billed is a product that is counted by some rules, and what one of it is billed at a
// month; nil where nobody knows.
type billed struct {
	rules    []mapping.Rule
	price    *decimal.Decimal
	currency string
}

// billedAt are the products of a customer as a run saw them; none where the bill was not read.
func (r *Renewals) billedAt(e *sync.Inspection) []billed {
	if e.Err != nil || e.Report.Error != nil {
		return nil
	}
	out := make([]billed, len(e.Desired.Counts))
	for i := range e.Desired.Counts {
		c := &e.Desired.Counts[i]
		out[i].rules = c.Rules
		if line := e.Observed.Line(c.Key); line != nil && line.Billing != nil && c.LinesUnknown == "" {
			out[i].price, out[i].currency = money.MonthlyUnitPrice(line.Billing), cmp.Or(line.Billing.Currency, r.currency)
		}
	}
	return out
}

// worth is what the units of a subscription are billed at over its term: units × what
// one costs a month on the lines that bill it × the months of the term. It is not known
// where no line bills it, where a line has no price, or where nobody knows the term.
func worth(products []billed, sku string, s *directory.Subscription, term string) (worth *decimal.Decimal, currency string) {
	unit, currency := unitPrice(products, sku, s)
	months := money.Months(term)
	if unit == nil || months == 0 {
		return nil, currency
	}
	return new(unit.Mul(decimal.NewFromInt(int64(s.Total * months))).Round(2)), currency
}

// unitPrice is what one unit of a subscription is billed at a month. Rules that count what
// is sold go before those that count who has it.
func unitPrice(products []billed, sku string, s *directory.Subscription) (unit *decimal.Decimal, currency string) {
	for _, counts := range []func(mapping.Rule) bool{
		func(r mapping.Rule) bool { return r.Count != mapping.Assigned && r.Count != mapping.People },
		func(r mapping.Rule) bool { return r.Count == mapping.Assigned },
	} {
		sum, known, found := decimal.Zero, true, false
		for _, p := range products {
			for j := range p.rules {
				rule := &p.rules[j]
				picker, err := mapping.ParsePicker(rule.Subscriptions)
				if picks, _ := picker.Picks(s, s.Claim.Term); err != nil || !picks || !strings.EqualFold(rule.SKU, sku) || !counts(*rule) {
					continue
				}
				found = true
				currency = cmp.Or(p.currency, currency)
				if p.price == nil {
					known = false
					continue
				}
				sum = sum.Add(p.price.Mul(money.Weight(rule)))
			}
		}
		if found && known {
			return &sum, currency
		}
		if found {
			return nil, currency
		}
	}
	return nil, ""
}

// byEnd orders lines by their end; what nobody knows comes last.
func byEnd(a, b Renewal) int {
	unknown := func(l *Renewal) int {
		if l.Ends == "" {
			return 1
		}
		return 0
	}
	return cmp.Or(unknown(&a)-unknown(&b), strings.Compare(a.Ends, b.Ends), strings.Compare(a.Subscription, b.Subscription))
}

// Finish sorts the lines: by customer, the first to end first.
func (r *Renewals) Finish() {
	slices.SortStableFunc(r.Lines, func(a, b Renewal) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Customer), strings.ToLower(b.Customer)), strings.Compare(a.CustomerKey, b.CustomerKey), byEnd(a, b))
	})
	slices.SortFunc(r.Unread, func(a, b Unread) int {
		return strings.Compare(strings.ToLower(a.Customer), strings.ToLower(b.Customer))
	})
}

// Reasons says what is not known of whom, each reason once.
func (r *Renewals) Reasons() []string {
	const most = 3 // names
	var order []string
	names := map[string][]string{}
	for _, x := range r.Unread {
		if names[x.Why] == nil {
			order = append(order, x.Why)
		}
		names[x.Why] = append(names[x.Why], x.Customer)
	}
	out := make([]string, len(order))
	for i, why := range order {
		who := names[why]
		out[i] = strings.Join(who[:min(most, len(who))], ", ")
		if n := len(who) - most; n > 0 {
			out[i] += fmt.Sprintf(" and %d more", n)
		}
		out[i] += ": " + why
	}
	return out
}

// Sheet is the list for people. Below the lines stand the totals of each currency.
func (r *Renewals) Sheet() Sheet {
	s := Sheet{Title: "Renewals", Columns: []Column{{"Customer", false}, {"Licence", false}, {"Subscription", false}, {"Units", true}, {"Unassigned", true},
		{"Ends", false}, {"Reduce by", false}, {"Term", false}, {"Said by", false}, {"Money a term", true}, {"Currency", false}}}
	type total struct {
		units, priced, unpriced int
		money                   decimal.Decimal
	}
	totals := map[string]*total{}
	for i := range r.Lines {
		l := &r.Lines[i]
		s.Rows = append(s.Rows, []string{l.Customer, l.Licence, l.Subscription, strconv.Itoa(l.Units), mapping.Number(l.Unassigned), cmp.Or(l.Ends, "not known"), l.ReduceBy(),
			cmp.Or(l.Term, "not known"), l.TermBy, amount(l.Money, 2), l.Currency})
		if totals[l.Currency] == nil {
			totals[l.Currency] = &total{}
		}
		t := totals[l.Currency]
		t.units += l.Units
		if l.Money == nil {
			t.unpriced++
			continue
		}
		t.priced++
		t.money = t.money.Add(*l.Money)
	}
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		t := totals[currency]
		row := make([]string, len(s.Columns))
		row[0], row[3], row[10] = "Total", strconv.Itoa(t.units), currency
		if t.priced > 0 {
			row[9] = t.money.StringFixed(2)
		}
		if t.unpriced > 0 {
			row[1] = fmt.Sprintf("%d of unknown money", t.unpriced)
		}
		s.Footer = append(s.Footer, row)
	}
	return s
}

// Plain is the list for programs.
func (r *Renewals) Plain() Sheet {
	s := Sheet{Columns: []Column{{"customer", false}, {"customer_name", false}, {"subscription", false}, {"sku", false}, {"units", true}, {"unassigned", true},
		{"ends", false}, {"reduce_by", false}, {"money", true}, {"currency", false}}}
	for i := range r.Lines {
		l := &r.Lines[i]
		s.Rows = append(s.Rows, []string{l.CustomerKey, l.Customer, l.Subscription, l.SKU, strconv.Itoa(l.Units), mapping.Number(l.Unassigned), l.Ends, l.ReduceBy(), amount(l.Money, 2), l.Currency})
	}
	return s
}
