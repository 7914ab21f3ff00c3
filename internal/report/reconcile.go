package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// A view is one customer as a run saw it.
type view struct {
	sync.Inspection
	rules  mapping.Rules // in force for the customer
	items  []directory.Licence
	base   Licence // what every line of the customer says
	unread string  // why nothing that is billed was compared; empty where it was
}

// Add adds one customer: a line for each product that is due or billed, and one for each
// licence that no product counts. It keeps nothing of e.
func (r *Licences) Add(e sync.Inspection) {
	if e.Customer.Status == mapping.Ignored {
		return
	}
	v := view{Inspection: e, rules: r.rules.For(e.Customer.Key), base: Licence{CustomerKey: e.Customer.Key, Customer: e.Customer.Name, Currency: r.currency}}
	switch {
	case e.Report.Error != nil:
		v.unread = *e.Report.Error
	case e.Report.Outcome == sync.Incomplete || e.Report.Outcome == sync.Failed:
		v.unread = "not read"
	case e.Err != nil:
		v.unread = e.Err.Error()
	}
	proven := e.Snapshot != nil
	if proven {
		var err error
		if v.items, err = e.Snapshot.Licences.Items(); err != nil {
			proven, v.unread = false, cmp.Or(v.unread, err.Error())
		}
	}
	if !proven || e.Report.Outcome == sync.Incomplete {
		if v.unread == "" && e.Report.Outcome == sync.Unmapped {
			return // never listed by the source, and never linked
		}
		l := v.base
		l.Status, l.Note = NeedsDecision, cmp.Or(v.unread, "not read")
		r.Lines = append(r.Lines, l)
		r.Unknown++
		return
	}
	listed := map[string]bool{} // SKUs that have a line
	for _, p := range v.products() {
		l, worth := r.product(&v, p)
		if !worth {
			continue
		}
		for _, sku := range v.settledBy(p.key, l.SKUs) {
			listed[sku] = true
		}
		r.Lines = append(r.Lines, l)
	}
	for i := range e.Observed.Unmanaged {
		o := &e.Observed.Unmanaged[i]
		shown := slices.ContainsFunc(e.Observed.Beside, func(x plan.Object) bool { return x.Ref == o.Ref })
		if shown || o.Billing != nil && o.Billing.Idle != "" {
			continue
		}
		l, _ := r.product(&v, &productRow{observed: o})
		l.SKUs, l.Licence, l.Note = []string{}, o.Label, leftBehind(o)
		r.Lines = append(r.Lines, l)
	}
	for i := range v.items {
		if l, worth := r.licence(&v, &v.items[i]); worth && !listed[v.items[i].SKU] {
			r.Lines = append(r.Lines, l)
		}
	}
}

func leftBehind(o *plan.Object) string {
	return "left behind: no rule and no link names line " + o.Ref + " any more"
}

// A productRow is both sides of one product at a customer.
type productRow struct {
	key               plan.Key
	desired, observed *plan.Object
	beside            []*plan.Object
	conflict          *plan.Violation
}

// products returns the products that are due or billed, in the order of the run.
func (v *view) products() []*productRow {
	var out []*productRow
	byKey := map[plan.Key]*productRow{}
	at := func(k plan.Key) *productRow {
		if byKey[k] == nil {
			byKey[k] = &productRow{key: k}
			out = append(out, byKey[k])
		}
		return byKey[k]
	}
	for i := range v.Desired.Objects {
		at(v.Desired.Objects[i].Key).desired = &v.Desired.Objects[i]
	}
	for i := range v.Observed.Objects {
		at(v.Observed.Objects[i].Key).observed = &v.Observed.Objects[i]
	}
	for i := range v.Observed.Beside {
		p := at(v.Observed.Beside[i].Key)
		p.beside = append(p.beside, &v.Observed.Beside[i])
	}
	for _, c := range append(slices.Clip(v.Desired.Conflicts), v.Observed.Conflicts...) {
		first, _, _ := strings.Cut(c.Key.ID, "+")
		if v.count(c.Key) != nil || directory.IsGUID(strings.SplitN(first, "@", 2)[0]) { // others are about no product
			at(c.Key).conflict = &c.Violation
		}
	}
	return out
}

// product compares what is due of a product with what its lines bill. The first
// row that fits decides:
//
//	what is known                                                       status
//	the customer's agreement is not settled, or was not read            needs_decision
//	the product is held: by its lines, or by what the source says       needs_decision
//	its line was edited or ended by a person                            needs_decision
//	its only line is one that is not billed, by a person's will         not_billed
//	as many are due as are billed                                       in_step
//	more are due, and no line is there                                  unbilled
//	more are due                                                        under_billed
//	fewer are due                                                       over_billed
//
// worth is false where nothing is due, bought or billed.
func (r *Licences) product(v *view, p *productRow) (l Licence, worth bool) {
	l = v.base
	ids, _, _ := strings.Cut(p.key.ID, "@")
	l.SKUs = strings.Split(ids, "+")
	counted := v.count(p.key)
	var of []directory.Licence
	for _, x := range v.items {
		if slices.Contains(l.SKUs, x.SKU) && (counted == nil || len(counted.Rules) > 0) {
			of = append(of, x)
		}
	}
	r.count(&l, of)
	if counted != nil {
		counts(&l, counted)
	}
	about := p.about()
	if about != nil {
		if b := about.Billing; b != nil {
			l.Product, l.Currency = b.Product, cmp.Or(b.Currency, l.Currency)
		}
		l.UnitPrice = monthly(about)
		l.Licence = cmp.Or(l.Licence, about.Label)
	}
	if p.desired != nil {
		l.Licence = p.desired.Label
	}
	r.compare(&l, v, p, about)
	l.Note = v.note(p, &l)
	if counted != nil && counted.Override != nil && l.Note == "" {
		o := counted.Override
		l.Note = fmt.Sprintf("set by %s: %s until %s (%s)", o.By, o, o.Until.Format(time.DateOnly), o.Reason)
	}
	switch hold := p.conflict; {
	case v.unread != "" || hold != nil && !hold.Note || v.edit(p.key) != nil:
		l.Status = NeedsDecision
	case hold != nil && hold.Code == plan.DoNotBill:
		l.Status = NotBilled
	case l.Difference == nil || l.Difference.IsZero():
		l.Status = InStep
	case l.Difference.IsPositive() && p.observed == nil && len(p.beside) == 0:
		l.Status = Unbilled
	case l.Difference.IsPositive():
		l.Status = UnderBilled
	default:
		l.Status = OverBilled
	}
	if l.Status == NotBilled {
		l.Unassigned, l.MonthlyUnassigned = nil, nil
	}
	if counted != nil && counted.Assigned != nil && *counted.Assigned > 0 && len(l.SKUs) == 0 {
		return l, true // people
	}
	nothing := p.desired == nil && p.observed == nil && len(p.beside) == 0 && (p.conflict == nil || p.conflict.Note)
	return l, !nothing || slices.ContainsFunc(of, exists)
}

// count is what was counted of a product; nil where nobody said.
func (v *view) count(k plan.Key) *target.Count {
	for i := range v.Desired.Counts {
		if c := &v.Desired.Counts[i]; c.Key == k {
			return c
		}
	}
	return nil
}

// settledBy are those of a product's SKUs of which it says what becomes of them: all, or
// fewer where it counts those who hold one.
func (v *view) settledBy(k plan.Key, skus []string) []string {
	c := v.count(k)
	if c == nil {
		return skus
	}
	return slices.DeleteFunc(slices.Clone(skus), func(sku string) bool {
		return !slices.ContainsFunc(c.Rules, func(r mapping.Rule) bool { return strings.EqualFold(r.SKU, sku) && r.Settles() })
	})
}

// counts takes over what was counted where a licence's own numbers do not tell: of
// people, and of some of its subscriptions.
func counts(l *Licence, c *target.Count) {
	people, some := false, false
	l.SKUs = []string{}
	for _, r := range c.Rules {
		people = people || r.Count == mapping.People || r.Who != ""
		some = some || r.Subscriptions != ""
		if sku := strings.ToLower(r.SKU); sku != "" && !slices.Contains(l.SKUs, sku) {
			l.SKUs = append(l.SKUs, sku)
		}
	}
	slices.Sort(l.SKUs)
	if len(c.Rules) == 0 { // no rule of the customer's feeds it, and its licence has a line of its own
		l.Purchased, l.Assigned, l.Unassigned = nil, nil, nil
	}
	if !people && !some {
		return
	}
	l.Purchased, l.Assigned, l.Unassigned = c.Purchased, c.Assigned, nil
	switch {
	case len(l.SKUs) == 0:
		l.Purchased = nil
	case !people: // how many units of a subscription are assigned nobody tells
		l.Assigned = nil
	}
}

// edit returns the hold of a line that a person edited or ended, or nil.
func (v *view) edit(k plan.Key) *plan.Violation {
	if v.Report == nil {
		return nil
	}
	i := slices.IndexFunc(v.Report.Violations, func(x plan.Violation) bool {
		return x.Kind == k.Kind && x.Key == k.ID && x.OverwritesEdit()
	})
	if i < 0 {
		return nil
	}
	return &v.Report.Violations[i]
}

// about is the object that a line's product and price are taken from.
func (p *productRow) about() *plan.Object {
	if p.observed != nil {
		return p.observed
	}
	for _, o := range p.beside {
		if o.Billing.Bills() {
			return o
		}
	}
	if len(p.beside) > 0 {
		return p.beside[0]
	}
	return p.desired
}

// compare fills in what is due, what is billed, and what the difference is worth.
func (r *Licences) compare(l *Licence, v *view, p *productRow, about *plan.Object) {
	zero := decimal.Zero
	due, certain := zero, true
	if p.desired != nil {
		due = number(p.desired.Fields.Text(plan.FieldQuantity))
	}
	if p.conflict != nil {
		switch p.conflict.Code {
		case money.NotProven, money.SourceDisagrees, string(money.Unclear):
			certain = false // what was counted is not all that may be due
		}
	}
	if certain {
		l.Due = &due
	}
	billed, cost, known := zero, zero, v.unread == "" || v.Observed.Beside != nil
	known = known && (p.conflict == nil || !strings.HasPrefix(p.conflict.Code, "product_") || p.conflict.Note)
	add := func(o *plan.Object) {
		n, err := decimal.NewFromString(o.Fields.Text(plan.FieldQuantity))
		if err != nil {
			known = false
			return
		}
		billed = billed.Add(n)
		if units, loss := money.PastMargin(o); loss != nil {
			l.PastMarginUnits, l.PastMargin = l.PastMarginUnits.Add(*units), l.PastMargin.Add(loss.Round(2))
		}
		if price := monthly(o); price != nil {
			cost = cost.Add(money.ChargedUnits(o.Billing, n).Mul(*price))
		}
	}
	if p.observed != nil {
		add(p.observed)
	}
	for _, o := range p.beside {
		if o.Billing.Bills() {
			add(o)
		}
	}
	if known {
		l.Billed = &billed
	}
	if certain && known {
		difference := due.Sub(billed)
		l.Difference = &difference
		if l.UnitPrice != nil {
			worth := money.ChargedUnits(about.Billing, due).Mul(*l.UnitPrice).Sub(cost).Round(2)
			l.MonthlyDifference = &worth
		}
	}
	if l.UnitPrice != nil && l.Unassigned != nil && l.Purchased != nil { // those that are included cost nothing, assigned or not
		used := decimal.NewFromInt(int64(*l.Purchased - *l.Unassigned))
		paid := money.ChargedUnits(about.Billing, decimal.NewFromInt(int64(*l.Purchased))).Sub(money.ChargedUnits(about.Billing, used))
		idle := paid.Mul(*l.UnitPrice).Round(2)
		l.MonthlyUnassigned = &idle
	}
}

// monthly is what a unit costs a month, or nil where nobody knows. The price of a
// product without a line is the catalogue's, by the month.
func monthly(o *plan.Object) *decimal.Decimal {
	if o.Billing == nil || o.Billing.UnitPrice == nil {
		return nil
	}
	cycle := o.Billing.Cycle
	if o.Billing.Agreement == "" {
		cycle = cmp.Or(cycle, plan.Monthly)
	}
	price, known := money.MonthlyPrice(*o.Billing.UnitPrice, cycle)
	if !known {
		return nil
	}
	return &price
}

// note is what a person should know of a line: why it is held, or what the plan
// says of it.
func (v *view) note(p *productRow, l *Licence) string {
	switch {
	case v.unread != "":
		return v.unread
	case p.conflict != nil:
		return p.conflict.Message
	}
	if edit := v.edit(p.key); edit != nil {
		return edit.Message
	}
	for _, x := range v.Report.Violations {
		if x.Key == p.key.ID && x.Key != "" && x.Code != "unbilled" {
			return x.Message
		}
	}
	if l.Difference != nil && l.Difference.IsPositive() && p.observed == nil && len(p.beside) == 0 {
		return "no line in the agreement"
	}
	for _, o := range p.beside {
		if slices.ContainsFunc(v.Observed.Unmanaged, func(x plan.Object) bool { return x.Ref == o.Ref }) {
			return leftBehind(o)
		}
	}
	return ""
}

// licence is the line of a licence that no product counts. worth is false where the tenant
// has nothing of it.
func (r *Licences) licence(v *view, x *directory.Licence) (l Licence, worth bool) {
	l = v.base
	l.SKUs, l.Licence = []string{x.SKU}, x.Name
	r.count(&l, []directory.Licence{*x})
	h := r.policy.Holding(x)
	rules := slices.DeleteFunc(v.rules.Of(x.SKU), func(r mapping.Rule) bool { return !r.Settles() })
	billing := func(r mapping.Rule) bool { return r.Status == mapping.Bill }
	bills := slices.ContainsFunc(rules, billing)
	free := func(note string) { l.Status, l.Note, l.Unassigned = NotBilled, note, nil }
	switch {
	case len(rules) > 0 && !bills:
		free("a rule says that it is not billed")
		if rules[0].Reason != "" {
			l.Note = rules[0].Reason
		}
	case !bills && x.Unread == "" && x.IsFree() && (h.Purchased+h.Units[money.Unclear] == 0 || directory.FreeSKU(x.PartNumber)):
		free("free or a trial: nobody pays for it; no product rule")
	case v.Report.Outcome == sync.Unmapped:
		l.Status, l.Note = Unmapped, "customer is not linked"
	case !bills:
		l.Status, l.Note = Unmapped, "no product rule"
	case v.unread != "":
		l.Status, l.Note = NeedsDecision, v.unread
	default: // nothing is due, and nothing is billed
		zero := decimal.Zero
		l.Product, l.Due, l.Billed, l.Difference, l.Status = rules[slices.IndexFunc(rules, billing)].Product, &zero, &zero, &zero, InStep
		if h.Units[money.Trial] > 0 {
			l.Note = "a trial: nobody sells it"
		}
	}
	if x.Unread != "" {
		l.Note += "; what the source says of it makes no sense: " + x.Unread
	}
	return l, exists(*x)
}

// exists reports whether a tenant has any units or subscription of a licence.
func exists(x directory.Licence) bool {
	return x.Purchased+x.Assigned+x.Trial+x.Suspended > 0 || x.Unread != "" || len(x.Subscriptions) > 0
}

// count adds up the units of a line's licences.
func (r *Licences) count(l *Licence, items []directory.Licence) {
	var bought, assigned, idle int
	names, known := []string{}, true
	for i := range items {
		x := &items[i]
		n := r.policy.Holding(x).Purchased
		bought += n
		assigned += x.Assigned
		idle += max(0, n-x.Assigned)
		known = known && x.Unread == ""
		names = append(names, x.Name)
	}
	if known {
		l.Purchased, l.Assigned, l.Unassigned = &bought, &assigned, &idle
	}
	l.Licence = cmp.Or(l.Licence, strings.Join(names, " + "))
}

func number(text string) decimal.Decimal {
	if d, err := decimal.NewFromString(text); err == nil {
		return d
	}
	return decimal.Zero
}
