package money

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// What becomes of subscriptions in their grace period.
const (
	GraceBill = "bill"
	GraceFree = "free"
)

// A Policy is what an MSP decides, and the moment at which is asked.
type Policy struct {
	Grace string // GraceBill or GraceFree
	Now   time.Time
}

// A Holding is what of a licence counts as purchased, and its units by state.
type Holding struct {
	Purchased int
	Units     map[State]int
	Standings []Standing // of its subscriptions, in their order
}

// Holding says what of a licence counts as purchased:
//
//	state                             counts as purchased
//	enabled, suspended_billed         yes
//	in_grace                          as the policy says
//	trial, lapsed, gone               no
//	suspension_unclear                no; the licence is not to be acted upon
//
// Where no subscription of it is known, what may be used was bought, and what is
// suspended is unclear.
func (p Policy) Holding(l *directory.Licence) Holding {
	if l.Divided != nil {
		return p.holdingOfPart(l.Divided)
	}
	h := Holding{Units: map[State]int{}, Standings: make([]Standing, 0, len(l.Subscriptions))}
	if len(l.Subscriptions) == 0 {
		h.Units[Enabled], h.Units[InGrace], h.Units[Unclear], h.Units[Trial] = l.Purchased-l.Grace, l.Grace, l.Suspended, l.Trial
	}
	for _, s := range l.Subscriptions {
		standing := StandingOf(s, p.Now)
		h.Standings = append(h.Standings, standing)
		h.Units[standing.State] += s.Total
	}
	h.Purchased = h.Units[Enabled] + h.Units[Suspended]
	if p.Grace != GraceFree {
		h.Purchased += h.Units[InGrace]
	}
	return h
}

// A Source is all that a product can be counted from.
type Source struct {
	Licences map[string]*directory.Licence // by SKU
	Partial  bool                          // the list of licences lacks some
	Snapshot *directory.Snapshot           // where people are counted
	Rules    []mapping.Rule                // all that are in force for the customer
	// Term is the term of a subscription, by its id, and empty where nobody knows
	// it; nil knows none.
	Term func(id string) string
}

// NewSource is what a snapshot, whose licences are proven, can be counted from.
func NewSource(s *directory.Snapshot, licences []directory.Licence, rules []mapping.Rule, term func(string) string) Source {
	src := Source{
		Licences: make(map[string]*directory.Licence, len(licences)), Partial: s.Licences.Proof().Partial,
		Snapshot: s, Rules: rules, Term: term,
	}
	for i := range licences {
		src.Licences[licences[i].SKU] = &licences[i]
	}
	return src
}

func (s *Source) term(id string) string {
	if s.Term == nil {
		return ""
	}
	return s.Term(id)
}

// Units returns how many units a rule bills where so many are sold and so many
// are assigned, before its weight:
//
//	count       units
//	purchased   what is sold
//	assigned    what is assigned, never more than is sold
//	larger      the larger of what is sold and what is assigned, units of a trial left out
//	people      the people that it takes, whatever is sold
//
// A unit that nobody sells is not billed: not where it is assigned, and not to fill
// a minimum. A floor of purchased units makes it no fewer than are sold.
func Units(r *mapping.Rule, sold, assigned int) int {
	n := sold
	switch r.Count {
	case mapping.Assigned:
		n = min(assigned, sold)
	case mapping.Larger:
		n = max(assigned, sold)
	case mapping.People:
		n = assigned
	}
	if sold <= 0 && r.Count != mapping.People {
		return 0
	}
	if r.Floor == mapping.Purchased {
		n = max(n, sold)
	}
	return n
}

// boundUnits is what a rule bills of units: weighed, and within its minimum and maximum.
func boundUnits(r *mapping.Rule, units int) decimal.Decimal {
	n := decimal.NewFromInt(int64(units))
	if r.Weight != "" {
		n = n.Mul(Weight(r))
	}
	if r.Minimum != nil {
		n = decimal.Max(n, decimal.NewFromInt(int64(*r.Minimum)))
	}
	if r.Maximum != nil {
		n = decimal.Min(n, decimal.NewFromInt(int64(*r.Maximum)))
	}
	return n
}

// Weight is what a unit counts by a rule.
func Weight(r *mapping.Rule) decimal.Decimal {
	if r.Weight == "" {
		return one
	}
	if w, err := decimal.NewFromString(r.Weight); err == nil && w.IsPositive() {
		return w
	}
	return one
}

var one = decimal.NewFromInt(1)

// A Remark is something to know of a count.
type Remark struct {
	Code string
	Text string
	// Units are those of the count that it is about, for their money; 0 where
	// it makes no difference to the bill.
	Units int
}

// A Due is what a product comes to. Where Hold is there the number is not to be
// acted upon; it is what is certain.
type Due struct {
	Units int
	// Counted is what the rules come to where an override stands in their place; nil
	// where that is not proven.
	Counted  *int
	Sold     int      // what counts as purchased, of its licences
	Assigned int      // what is assigned of them, or the people that are counted
	People   []string // object ids of the people that are counted, sorted; nil where no rule counts people
	Listed   bool     // one of its licences is listed
	Hold     *Remark
	Remarks  []Remark
}

// The codes of holds and remarks.
const (
	NotProven       = "not_proven"
	SourceDisagrees = "source_disagrees"
	// A subscription that no rule of its SKU picks, or that two do.
	SubscriptionUnruled = "subscription_unruled"
	SubscriptionTwice   = "subscription_twice"
	Floor               = "floor"
)

// Due adds up the licences that feed a product, each by its rule, weighs them, and
// rounds the sum up once. The first hold counts:
//
//	the licence, or the people                   what becomes of it
//	not listed, the list is partial              hold not_proven
//	not listed                                   nothing: gone
//	its row makes no sense                       hold not_proven
//	who is counted is not proven                 hold not_proven
//	disputed, and that can matter                hold source_disagrees, with what is said
//	whether a subscription is picked is not      hold subscription_unruled
//	known, for want of its term
//	units that may be billed or may have lapsed  hold suspension_unclear, with what is certain
//	otherwise                                    what the rule makes of it
func (p Policy) Due(label string, rules []mapping.Rule, src Source) Due {
	var d Due
	hold := func(code, format string, args ...any) {
		if d.Hold == nil {
			d.Hold = &Remark{Code: code, Text: label + ": " + fmt.Sprintf(format, args...)}
		}
	}
	total := decimal.Zero
	for i := range rules {
		total = total.Add(p.addRule(&d, hold, &rules[i], src))
	}
	slices.Sort(d.People)
	d.People = slices.Compact(d.People)
	d.Units = int(total.RoundUp(0).IntPart())
	return d
}

// addRule takes one rule into what a product comes to, and returns what it bills.
func (p Policy) addRule(d *Due, hold func(code, format string, args ...any), r *mapping.Rule, src Source) decimal.Decimal {
	var assigned int
	if r.Count == mapping.People {
		n, ok := p.countPeople(d, hold, r, src)
		if !ok {
			return decimal.Zero
		}
		if assigned = n; r.Floor == "" {
			d.Assigned += n
			return p.boundWithRemark(d, r, &Holding{}, n)
		}
	}
	l := src.Licences[strings.ToLower(r.SKU)]
	switch {
	case l == nil && src.Partial:
		hold(NotProven,
			"the source hides some licences, and %s is not among those it lists: whether it is gone is not known; take it out of the source's exclusions", cmp.Or(r.Part, r.Name, r.SKU))
		return decimal.Zero
	case l == nil && r.Count == mapping.People: // a floor of nothing
		l = &directory.Licence{}
	case l == nil:
		return decimal.Zero
	}
	d.Listed = true
	if l.Divided != nil {
		if code, text := p.dividedProblem(r, l); code != "" {
			hold(code, "%s", text)
			return decimal.Zero
		}
	}
	if l.Unread != "" {
		hold(NotProven, "what the source says of it makes no sense (%s): nothing is changed until it does", l.Unread)
		return decimal.Zero
	}
	switch {
	case r.Count == mapping.People:
	case r.Who != "":
		n, ok := p.countPeople(d, hold, r, src)
		if !ok {
			return decimal.Zero
		}
		assigned = n
	default:
		assigned = l.Assigned
	}
	if code, text := p.pickProblem(l, src); code != "" && l.Divided == nil {
		hold(code, "%s", text)
		return decimal.Zero
	}
	picked, unknown := Pick(r, l, src)
	if unknown != "" {
		hold(SubscriptionUnruled, "%s", unknown)
		return decimal.Zero
	}
	h := p.Holding(picked)
	d.Sold, d.Assigned = d.Sold+h.Purchased, d.Assigned+assigned
	if r.Count == mapping.Larger { // who holds a unit of a trial holds none that anybody sells
		assigned = max(0, assigned-h.Units[Trial])
	}
	billed := decimal.Zero
	if h.Purchased > 0 || r.Count == mapping.People {
		billed = p.boundWithRemark(d, r, &h, assigned)
	}
	if l.Disputed != "" && (r.Count != mapping.Assigned || r.Floor != "" || assigned > h.Purchased || h.Purchased <= 0) {
		hold(SourceDisagrees,
			"two answers of the source disagree about how many are bought (%d by the one; %s): nothing is changed until they agree", l.Purchased, l.Disputed)
		return billed
	}
	p.addRemarks(d, hold, r, picked, &h, assigned)
	return billed
}

// boundWithRemark is what a rule bills of units, with a remark where its minimum or its
// floor keeps people or assigned units from being fewer.
func (p Policy) boundWithRemark(d *Due, r *mapping.Rule, h *Holding, assigned int) decimal.Decimal {
	billed := boundUnits(r, Units(r, h.Purchased, assigned))
	if r.Count == mapping.Purchased || r.Count == "" {
		return billed
	}
	free := *r
	free.Minimum, free.Floor = nil, ""
	without := boundUnits(&free, Units(&free, h.Purchased, assigned))
	if !billed.GreaterThan(without) {
		return billed
	}
	name := cmp.Or(r.Name, r.Part, r.SKU, r.Product)
	why, until := fmt.Sprintf("a minimum of %s", limitText(r.Minimum)), "as long as the rule says so"
	free.Floor = r.Floor
	if r.Floor == mapping.Purchased && !boundUnits(&free, Units(&free, h.Purchased, assigned)).LessThan(billed) {
		why, until = "no fewer than are bought", "until fewer are bought"
		if first := h.firstEnd(Enabled); !first.IsZero() {
			until = "until " + first.UTC().Format(time.DateOnly) + ", when the first of its terms ends"
		}
	}
	d.Remarks = append(d.Remarks, Remark{
		Code:  Floor,
		Text:  fmt.Sprintf("%s: %s are counted and %s are billed (%s), %s", name, without.RoundUp(0), billed.RoundUp(0), why, until),
		Units: int(billed.RoundUp(0).Sub(without.RoundUp(0)).IntPart()),
	})
	return billed
}

func limitText(n *int) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

// countPeople adds to a product those whom a rule counts, and returns how many they are. A
// rule for all is about those who have the groups that it names; one of a single
// customer says that they are there.
func (p Policy) countPeople(d *Due, hold func(code, format string, args ...any), r *mapping.Rule, src Source) (n int, ok bool) {
	who, err := mapping.ParseWho(r.Who)
	if err == nil && src.Snapshot == nil {
		err = directory.ErrIncomplete
	}
	var users []*directory.User
	if err == nil {
		users, err = who.Of(src.Snapshot)
	}
	d.Listed = d.Listed || r.Customer != "" || !errors.Is(err, mapping.ErrNoGroup)
	if err != nil {
		hold(NotProven, "who is counted is not known (%v): nothing is changed until it is", err)
		return 0, false
	}
	if d.People == nil {
		d.People = []string{}
	}
	for _, u := range users {
		if r.SKU == "" || slices.Contains(u.Licences, strings.ToLower(r.SKU)) {
			d.People = append(d.People, u.ID)
			n++
		}
	}
	return n, true
}

// Pick is a licence with those of its subscriptions that a rule picks; the licence
// itself where it picks all. Unknown says why nobody can tell.
func Pick(r *mapping.Rule, l *directory.Licence, src Source) (picked *directory.Licence, unknown string) {
	picker, err := mapping.ParsePicker(r.Subscriptions)
	if err != nil {
		return nil, err.Error()
	}
	if picker.Empty() {
		return l, ""
	}
	out := *l
	out.Subscriptions = nil
	for _, s := range l.Subscriptions {
		picks, known := picker.Picks(&s, src.term(s.ID))
		if !known {
			return nil, fmt.Sprintf(
				"the term of subscription %s is not known, and a rule asks for it (%s): say it (syncd terms import)", s.ID, r.Subscriptions)
		}
		if picks {
			out.Subscriptions = append(out.Subscriptions, s)
		}
	}
	if len(l.Subscriptions) == 0 && l.Purchased+l.Grace+l.Suspended > 0 {
		return nil, fmt.Sprintf("the source lists no subscriptions of %s, and a rule asks for some (%s)", cmp.Or(l.Name, l.SKU), r.Subscriptions)
	}
	if len(out.Subscriptions) == 0 {
		out.Purchased, out.Grace, out.Suspended, out.Trial = 0, 0, 0, 0
	}
	return &out, ""
}

// pickProblem says of a SKU whose rules pick subscriptions which of them no rule picks,
// or several do; nothing where each has its one. A rule that counts what is assigned,
// and picks none, leaves them to the others: a licence is billed, and so is the
// backup of who holds it.
func (p Policy) pickProblem(l *directory.Licence, src Source) (code, text string) {
	var rules []mapping.Rule
	picky := false
	for _, r := range src.Rules {
		billed := r.Status == mapping.Bill && r.Count != mapping.People && (r.Count != mapping.Assigned || r.Subscriptions != "")
		leftOut := r.Status == mapping.Ignore && r.Subscriptions != ""
		if !strings.EqualFold(r.SKU, l.SKU) || !billed && !leftOut {
			continue
		}
		rules = append(rules, r)
		picky = picky || r.Subscriptions != ""
	}
	if !picky {
		return "", ""
	}
	name := cmp.Or(l.Name, l.SKU)
	for i := range l.Subscriptions {
		s := &l.Subscriptions[i]
		if state := StandingOf(*s, p.Now).State; state == Trial || state == Gone || state == Lapsed {
			continue
		}
		var by []string
		for _, r := range rules {
			picker, err := mapping.ParsePicker(r.Subscriptions)
			if err != nil {
				return SubscriptionUnruled, err.Error()
			}
			picks, known := picker.Picks(s, src.term(s.ID))
			if !known {
				return SubscriptionUnruled, fmt.Sprintf(
					"the term of subscription %s of %s is not known, and a rule asks for it (%s): say it (syncd terms import)", s.ID, name, r.Subscriptions)
			}
			if picks {
				by = append(by, fmt.Sprintf("%s (%s)", cmp.Or(r.Product, r.Status), cmp.Or(r.Subscriptions, "all")))
			}
		}
		switch {
		case len(by) == 0:
			return SubscriptionUnruled, fmt.Sprintf(
				"no rule of %s picks its subscription %s (%s, %s): name it in one of them, or in a line of its own with the status ignore", name, s.ID, unitsText(s.Total), s.Status)
		case len(by) > 1:
			return SubscriptionTwice, fmt.Sprintf(
				"subscription %s of %s is picked by several rules: %s; leave it to one of them", s.ID, name, strings.Join(by, ", "))
		}
	}
	return "", ""
}

// billedUnits is what a rule bills in whole units where so many are sold and assigned.
func billedUnits(r *mapping.Rule, sold, assigned int) int {
	if sold <= 0 && r.Count != mapping.People {
		return 0
	}
	return int(boundUnits(r, Units(r, sold, assigned)).RoundUp(0).IntPart())
}

// addRemarks names what is not simply sold.
func (p Policy) addRemarks(d *Due, hold func(code, format string, args ...any), r *mapping.Rule, l *directory.Licence, h *Holding, assigned int) {
	units := billedUnits(r, h.Purchased, assigned)
	name := cmp.Or(l.Name, r.Name, r.Part, l.PartNumber, l.SKU)
	say := func(code string, units int, format string, args ...any) {
		d.Remarks = append(d.Remarks, Remark{code, fmt.Sprintf(format, args...), units})
	}
	if n := h.Units[Unclear]; n > 0 {
		units, cure := unclearText(n, l, p.Now)
		hold(string(Unclear),
			"%s: nothing shows whether Microsoft bills them on or whether their term ended, and the line is left as it is; look in Partner Center%s", units, cure)
	}
	if n := h.Units[InGrace]; n > 0 {
		day := h.dayText(InGrace, "suspended", "suspended at the end of it")
		if p.Grace == GraceFree {
			say(string(InGrace), billedUnits(r, h.Purchased+n, assigned)-units,
				"%s of %s lapsed and are in their grace period (%s): they are not billed (connectwise.grace: free)", unitsText(n), name, day)
		} else {
			say(string(InGrace), units-billedUnits(r, h.Purchased-n, assigned),
				"%s of %s lapsed and are in their grace period (%s): they are billed on (connectwise.grace: bill)", unitsText(n), name, day)
		}
	}
	if n := h.Units[Suspended]; n > 0 {
		say(string(Suspended), units-billedUnits(r, h.Purchased-n, assigned),
			"%s of %s are suspended, and Microsoft bills them %s: they stay due", unitsText(n), name, h.dayText(Suspended, "until", "on"))
	}
	for _, x := range []struct {
		state State
		what  string
	}{{Lapsed, h.dayText(Lapsed, "lapsed", "lapsed") + " and are suspended"}, {Gone, "are deleted or locked out"}, {Trial, "are a trial"}} {
		if n := h.Units[x.state]; n > 0 {
			say(string(x.state), 0, "%s of %s %s: they are not billed", unitsText(n), name, x.what)
		}
	}
}

func unitsText(n int) string {
	if n == 1 {
		return "1 unit"
	}
	return fmt.Sprintf("%d units", n)
}

// unclearText says which units are unclear, and what else settles them than looking.
func unclearText(n int, l *directory.Licence, now time.Time) (units, cure string) {
	const byHand = "set the line by hand and leave it out (syncd matches ignore)"
	var ids []string
	for _, s := range l.Subscriptions {
		if StandingOf(s, now).State != Unclear {
			continue
		}
		if !strings.EqualFold(s.Status, "Suspended") {
			return fmt.Sprintf("%s are in the state %q, which is not known here", unitsText(n), s.Status), ", and " + byHand + " if it is known sooner"
		}
		ids = append(ids, s.ID)
	}
	if len(ids) == 0 {
		return unitsText(n) + " are suspended", ", and " + byHand + " if it is known sooner"
	}
	slices.Sort(ids)
	return unitsText(n) + " are suspended", fmt.Sprintf(
		", and say when the term of %s ends (syncd terms import), or %s", strings.Join(ids, ", "), byHand)
}

// dayText is the first day that the units of a state change, or other words where
// nobody knows one.
func (h *Holding) dayText(state State, known, unknown string) string {
	first := h.firstEnd(state)
	if first.IsZero() {
		return unknown
	}
	return known + " " + first.UTC().Format(time.DateOnly)
}

// firstEnd is the first day that units of a state change; zero where nobody knows one.
func (h *Holding) firstEnd(state State) (first time.Time) {
	for _, s := range h.Standings {
		if s.State == state && !s.Until.IsZero() && (first.IsZero() || s.Until.Before(first)) {
			first = s.Until
		}
	}
	return first
}
