package money

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
)

// The window in which Microsoft takes units back, and how far our reads may be
// behind it.
const (
	cancellationWindow = 168 * time.Hour
	readingSlack       = 24 * time.Hour
)

// Microsoft is the source of what its own answers show.
const Microsoft = "microsoft"

// A Count is what the rules make of a product at one read, whatever an override makes
// of that, and from what.
type Count struct {
	Units         int
	Purchased     int // of all its licences
	Assigned      int // likewise
	Rules         []mapping.Rule
	Override      *Override
	Grace         string
	People        []string // who was counted, sorted; nil where nobody kept names
	Subscriptions []Former // of all its licences
	At            time.Time
}

// A Former is a subscription as it was at an earlier read.
type Former struct {
	ID, CommerceID, SKU, Owner string
	State                      State
	Units                      int
	Created                    time.Time
	Until                      time.Time // until when its state lasts
}

// An Explainer says why products of one customer come to less than at the read before.
// What another subscription grew by explains one fall only, so it is used for one
// read, and for one product after another.
type Explainer struct {
	policy  Policy
	memory  map[string]directory.Seen
	src     Source
	now     map[string]directory.Subscription
	claims  []Claim
	growths []*growth
}

// NewExplainer returns an Explainer. Memory is what was remembered of the customer's
// subscriptions until now; the source is all that it holds now.
func (p Policy) NewExplainer(memory []directory.Seen, src Source, claims []Claim) *Explainer {
	e := &Explainer{policy: p, memory: byID(memory), src: src, now: map[string]directory.Subscription{}, claims: claims}
	for _, l := range src.Licences {
		for _, s := range l.Subscriptions {
			e.now[s.ID] = s
		}
	}
	e.growths = e.findGrowths()
	return e
}

// Explain says why a product comes to less than before, or returns nil where it
// does not. Each cause is asked alone what it does to the count; every part that
// makes it less must be explained, or the whole is not. Of several explanations the one
// of most units is told:
//
//	what makes it less                                                    explanation
//	the rules, or what grace is, by today's source                        rule
//	an override that changed or ended                                     override
//	fewer people or assigned units, by as many                            people
//	a subscription goes on with fewer units, its known end has come,      renewal
//	or came no more than 3 days ago
//	it lapsed, or is gone, at its known end (3 days) or after its grace   term_end
//	it has fewer units, or is gone, within 168 hours (and a day) of its   window
//	purchase or its renewal, or gave back what was added within them
//	another subscription of the customer grew by as much at this read,    moved
//	and by that no other fall is explained
//	anything else                                                         unexplained
//
// A term's end that somebody claims counts like one that Microsoft told.
func (e *Explainer) Explain(before, after *Count) *plan.Explanation {
	var parts []part
	if fall := before.Units - after.Units; fall > 0 {
		parts = e.parts(before, after, fall)
	}
	if n := before.Override.Apply(after.Units) - after.Override.Apply(after.Units); n > 0 && !before.Override.Equal(after.Override) {
		parts = append(parts, part{n, &plan.Explanation{Code: plan.ByOverride, Source: setBy(before.Override, after.Override)}})
	}
	return largestPart(parts)
}

// A part is some units of a fall, and why.
type part struct {
	units int
	why   *plan.Explanation
}

// parts takes a fall of what the rules come to apart: from what they came to, by what
// they would have come to had nobody left and had the rules stayed, to what they come to.
//
// What a tenant's subscriptions did says nothing of one of its parts.
func (e *Explainer) parts(before, after *Count, fall int) []part {
	if slices.ContainsFunc(before.Rules, func(r mapping.Rule) bool {
		l := e.src.Licences[strings.ToLower(r.SKU)]
		return l != nil && l.Divided != nil
	}) {
		return []part{{fall, &plan.Explanation{Code: plan.Unexplained}}}
	}
	former := Policy{Grace: before.Grace, Now: e.policy.Now}
	today := e.src
	today.Rules = nil // who picks what was decided where they were counted
	asThen, faithful := e.formerSource(before, former)
	now, then := former.Due("", before.Rules, today), former.Due("", before.Rules, asThen)
	if !faithful || now.Hold != nil || then.Hold != nil {
		return []part{{fall, &plan.Explanation{Code: plan.Unexplained}}}
	}
	var out []part
	falls := e.decreasedSubscriptions(before, former)
	if then.Units > now.Units || e.assignedForced(before, former, falls) {
		out = e.subscriptionParts(falls, then.Units-now.Units)
	}
	if n := before.Units - then.Units; n > 0 {
		assigned := former.Totals(before.Rules, &now, e.src).Assigned
		why := &plan.Explanation{Code: plan.ByPeople, People: namesGone(before.People, after.People)}
		if !countsPeople(before.Rules) || n > maxBilledUnits(before.Assigned-assigned, before.Rules) {
			why = &plan.Explanation{Code: plan.Unexplained}
		}
		out = append(out, part{n, why})
	}
	if n := now.Units - after.Units; n > 0 {
		out = append(out, part{n, &plan.Explanation{Code: plan.ByRule}})
	}
	return out
}

// formerSource is today's source with the subscriptions of a product as they were
// before. It is not faithful where what was bought then cannot be had from them.
func (e *Explainer) formerSource(before *Count, former Policy) (src Source, faithful bool) {
	src = e.src
	src.Rules, src.Licences = nil, map[string]*directory.Licence{}
	var bare []*directory.Licence // without subscriptions, by which it is known what was bought
	for i := range before.Rules {
		sku := strings.ToLower(before.Rules[i].SKU)
		if sku == "" || src.Licences[sku] != nil {
			continue
		}
		l := directory.Licence{SKU: sku}
		today := e.src.Licences[sku]
		if today != nil {
			l = *today
		}
		l.Subscriptions, l.Disputed, l.Unread = nil, "", ""
		for _, f := range before.Subscriptions {
			if strings.EqualFold(f.SKU, sku) {
				l.Subscriptions = append(l.Subscriptions, f.subscription(e.policy.Now))
			}
		}
		if len(l.Subscriptions) == 0 {
			l.Purchased, l.Grace, l.Suspended, l.Trial = 0, 0, 0, 0
			bare = append(bare, &l)
		}
		if today != nil || len(l.Subscriptions) > 0 || before.Purchased > 0 {
			src.Licences[sku] = &l
		}
	}
	purchased := former.Totals(before.Rules, &Due{}, src).Purchased
	if missing := before.Purchased - purchased; missing > 0 && len(bare) == 1 {
		bare[0].Purchased = missing
		purchased += missing
	}
	return src, purchased == before.Purchased
}

// subscription is the former one in the state that it had, whatever the time is.
func (f *Former) subscription(now time.Time) directory.Subscription {
	s := directory.Subscription{ID: f.ID, CommerceID: f.CommerceID, Owner: f.Owner, Created: f.Created, Total: f.Units, Status: "Suspended"}
	switch f.State {
	case Enabled:
		s.Status = "Enabled"
	case Trial:
		s.Status, s.Trial = "Enabled", true
	case InGrace:
		s.Status = "Warning"
	case Suspended:
		s.Renews = now.Add(2 * maxLapse)
	case Lapsed:
		s.Before.Lapsed = true
	case Gone:
		s.Status = "Deleted"
	}
	return s
}

// A decreased is a subscription that counts for less than it did, and why; nil where
// nothing shows it.
type decreased struct {
	Former
	units    int
	why      *plan.Explanation
	recently bool // at this read, as far as is remembered
}

// decreasedSubscriptions are the product's subscriptions that count for less than they did.
func (e *Explainer) decreasedSubscriptions(before *Count, former Policy) []decreased {
	var out []decreased
	for _, f := range before.Subscriptions {
		if !e.countsSubscription(&f, before.Rules) {
			continue
		}
		has, had := 0, former.purchasedUnits(f.State, f.Units)
		s, there := e.now[f.ID]
		m, remembered := e.memory[f.ID]
		if s.Before = m; there {
			has = former.purchasedUnits(StandingOf(s, e.policy.Now).State, s.Total)
		}
		if has >= had {
			continue
		}
		recently := remembered && m.SKU != "" && former.purchasedUnits(State(m.State), m.Units) == had
		if !remembered {
			m = directory.Seen{ID: f.ID, State: string(f.State), Units: f.Units, Created: f.Created}
			if f.State == Enabled {
				m.Ends = f.Until
			}
		}
		out = append(out, decreased{f, had - has, e.explainSubscription(m, s, there, had, has, before.At), recently})
	}
	return out
}

// countsSubscription reports whether a rule counts a subscription; one of which that is
// not known counts.
func (e *Explainer) countsSubscription(f *Former, rules []mapping.Rule) bool {
	s := f.subscription(e.policy.Now)
	return slices.ContainsFunc(rules, func(r mapping.Rule) bool {
		if r.Count == mapping.People && r.Floor == "" || !strings.EqualFold(r.SKU, f.SKU) {
			return false
		}
		picker, err := mapping.ParsePicker(r.Subscriptions)
		if err != nil {
			return true
		}
		picks, known := picker.Picks(&s, e.src.term(f.ID))
		return picks || !known
	})
}

// assignedForced reports whether fewer units may be assigned because one of the falls took
// them: of its licence no unit is left that nobody has.
func (e *Explainer) assignedForced(before *Count, former Policy, falls []decreased) bool {
	return slices.ContainsFunc(falls, func(f decreased) bool {
		l := e.src.Licences[strings.ToLower(f.SKU)]
		return countsPeople(before.Rules) && (l == nil || l.Assigned >= former.Holding(l).Purchased)
	})
}

// subscriptionParts are the parts of a fall of purchased units. What one lost without a
// reason another one may have got.
func (e *Explainer) subscriptionParts(falls []decreased, fall int) []part {
	var out []part
	var open []decreased
	sum := 0
	for _, f := range falls {
		if f.why != nil {
			out = append(out, part{f.units, f.why})
			continue
		}
		open = append(open, f)
		sum += f.units
	}
	if len(falls) == 0 {
		return []part{{fall, &plan.Explanation{Code: plan.Unexplained}}}
	}
	if len(open) > 1 && !slices.ContainsFunc(open, func(f decreased) bool { return !f.recently }) {
		if why := e.explainByMove(sum); why != nil {
			return append(out, part{sum, why})
		}
	}
	for _, f := range open {
		why := &plan.Explanation{Code: plan.Unexplained, Subscription: f.ID, Date: day(e.memory[f.ID].Ends)}
		if f.recently {
			why = cmp.Or(e.explainByMove(f.units), why)
		}
		out = append(out, part{f.units, why})
	}
	return out
}

// largestPart is the explanation of the largest part; one that nothing explains goes
// before all others.
func largestPart(parts []part) *plan.Explanation {
	if len(parts) == 0 {
		return nil
	}
	return slices.MaxFunc(parts, func(a, b part) int {
		if a.why.Explained() != b.why.Explained() {
			if b.why.Explained() {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.units, b.units)
	}).why
}

// purchasedUnits is how many of a subscription's units count as purchased.
func (p Policy) purchasedUnits(state State, units int) int {
	switch state {
	case Enabled, Suspended:
		return units
	case InGrace:
		if p.Grace != GraceFree {
			return units
		}
	}
	return 0
}

// explainSubscription says why one subscription counts for fewer units than it had, or nil.
// It is as it is now, or is there no longer. The product was last counted at some
// time.
func (e *Explainer) explainSubscription(m directory.Seen, s directory.Subscription, there bool, had, has int, last time.Time) *plan.Explanation {
	now := e.policy.Now
	state := Gone
	if there {
		state = StandingOf(s, now).State
	}
	is := func(code string, date time.Time, source string) *plan.Explanation {
		return &plan.Explanation{Code: code, Subscription: m.ID, Date: day(date), Source: source}
	}
	end, source := termEnded(m, e.claims, last, now)
	over := end // of the term, as far as anybody knows
	if source == "" {
		source = Microsoft
		if over = m.Ends; over.IsZero() || over.After(now) {
			over = m.Former
		}
	}
	lapsed := m.Lapsed || State(m.State) == InGrace || State(m.State) == Lapsed
	switch state {
	case Enabled, Suspended: // a suspended one is billed on, and renews no less
		if !end.IsZero() {
			return is(plan.ByRenewal, end, source)
		}
	case InGrace:
		// Microsoft's word for a term that is over; where a later end is known it is not that.
		if !end.IsZero() || lapsed || m.Ends.IsZero() {
			return is(plan.ByTermEnd, over, source)
		}
	case Lapsed, Gone:
		if !end.IsZero() || lapsed {
			return is(plan.ByTermEnd, over, source)
		}
	default:
		return nil
	}
	if from, source := windowOf(m, had, has, now); !from.IsZero() {
		return is(plan.ByWindow, from, source)
	}
	return nil
}

// windowOf is when the window opened in which a subscription may have so few units, and who
// says so; zero where none did. Units that were added last open one for as many, counted
// from the most that it had.
func windowOf(m directory.Seen, had, has int, now time.Time) (from time.Time, source string) {
	switch {
	case within(m.Created, now):
		return m.Created, Microsoft
	case within(m.Former, now):
		return m.Former, Microsoft
	}
	fall, recent, first := max(m.Most, m.Units, had)-has, 0, time.Time{}
	for _, a := range slices.Backward(m.Added) {
		if within(a.At, now) && recent < fall {
			recent, first = recent+a.Units, a.At
		}
	}
	if recent < fall {
		return time.Time{}, ""
	}
	return first, Observed
}

// within reports whether units of that moment may still be given back.
func within(from, now time.Time) bool {
	return !from.IsZero() && !from.After(now) && now.Sub(from) <= cancellationWindow+readingSlack
}

// early is how long before its end a term may be seen to be over: Microsoft's days
// begin in another zone than the MSP's.
const early = 24 * time.Hour

// termEnded is the end of a term that has come since a product was last counted, or no
// more than 3 days ago, and who says so; zero where none has.
func termEnded(m directory.Seen, claims []Claim, last, now time.Time) (end time.Time, source string) {
	since := now.Add(-dayTolerance)
	if !last.IsZero() && last.Before(since) {
		since = last
	}
	if !m.Ends.IsZero() && !m.Ends.After(now.Add(early)) {
		return m.Ends, Microsoft
	}
	if !m.Former.IsZero() && !m.Former.Before(since) {
		return m.Former, Microsoft
	}
	c := StrongestClaim(slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.Subscription != m.ID || c.Ends.IsZero() }))
	if !c.Ends.IsZero() && !c.Ends.Before(since) && !c.Ends.After(now.Add(early)) {
		return c.Ends, c.Source
	}
	return time.Time{}, ""
}

// countsPeople reports whether fewer people or assigned units can make a product
// come to less.
func countsPeople(rules []mapping.Rule) bool {
	return slices.ContainsFunc(rules, func(r mapping.Rule) bool { return r.Count != mapping.Purchased && r.Count != "" })
}

// maxBilledUnits is how many billed units so many people or assigned units come to at most.
func maxBilledUnits(units int, rules []mapping.Rule) int {
	most := decimal.NewFromInt(1)
	for i := range rules {
		most = decimal.Max(most, Weight(&rules[i]))
	}
	return int(decimal.NewFromInt(int64(units)).Mul(most).RoundUp(0).IntPart())
}

func setBy(before, after *Override) string {
	switch {
	case after != nil:
		return after.By
	case before != nil:
		return before.By
	}
	return ""
}

func namesGone(before, after []string) []string {
	left := slices.DeleteFunc(slices.Clone(before), func(name string) bool {
		_, there := slices.BinarySearch(after, name)
		return there
	})
	if len(left) == 0 {
		return nil
	}
	return left
}

// day is a day as an explanation tells it.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
