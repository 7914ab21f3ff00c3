package money

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// Why a counted quantity fell.
const (
	ByRenewal   = "renewal"     // the subscription goes on with fewer units after its term's end
	ByWindow    = "window"      // within 168 hours of its purchase, its renewal or an addition
	ByTermEnd   = "term_end"    // the subscription itself lapsed at its own end
	ByMove      = "moved"       // another subscription of the customer grew by as much
	ByPeople    = "people"      // fewer people are counted
	ByRule      = "rule"        // the rules changed
	ByOverride  = "override"    // what a person set changed, or ended
	ByAdoption  = "adoption"    // first contact: the line held more
	Unexplained = "unexplained" // nothing shows why
)

// The window in which Microsoft takes units back, and how far our reads may be
// behind it.
const (
	window      = 168 * time.Hour
	windowSlack = 24 * time.Hour
)

// An Explanation says why a counted quantity fell, and what shows it.
type Explanation struct {
	Code         string    `json:"code"`
	Subscription string    `json:"subscription,omitempty"`
	Date         time.Time `json:"date,omitzero"`    // of the term's end, the purchase, the renewal or the addition
	Source       string    `json:"source,omitempty"` // who says so: microsoft, observed, distributor, or a person
	People       []string  `json:"people,omitempty"` // who is counted no longer
}

// Microsoft is the source of what its own answers show.
const Microsoft = "microsoft"

// A Count is what a product came to at one read, and from what.
type Count struct {
	Due      int
	Assigned int            // of all its licences
	Rules    []mapping.Rule // as they were
	Override *Override
	People   []string // who was counted, sorted; nil where nobody kept names
	Grace    string
}

// Explain says why a product comes to less than before, or returns nil where it
// does not. Memory is what was remembered of the customer's subscriptions until
// now; the source is all that it holds now. The first row that explains
// a part counts; the whole is explained where every part of it is:
//
//	what fell                                                             explanation
//	the same source gives as much less by the rules as they are now       rule
//	the same, by the override                                             override
//	fewer people or assigned units are counted, by as many                people
//	a subscription goes on with fewer units, its known end has come,      renewal
//	or came no more than 3 days ago
//	it lapsed, or is gone, at its known end (3 days) or after its grace   term_end
//	it has fewer units, or is gone, within 168 hours (and a day) of its   window
//	purchase or its renewal, or gave back what was added within them
//	another subscription of the customer grew by as much at this read     moved
//	anything else                                                         unexplained
//
// A term's end that somebody claims counts like one that Microsoft told.
func (p Policy) Explain(before, after *Count, memory []directory.Seen, src Source, claims []Claim) *Explanation {
	fall := before.Due - after.Due
	if fall <= 0 {
		return nil
	}
	var parts []part
	// What the former rules would make of today's source: the rest is their doing.
	former := Policy{Grace: before.Grace, Now: p.Now}
	counted := former.Due("", before.Rules, src).Units
	if !before.Override.Equal(after.Override) {
		under := before.Override.Apply(p.Due("", after.Rules, src).Units)
		if n := min(fall, under-after.Due); n > 0 {
			parts, fall = append(parts, part{n, &Explanation{Code: ByOverride, Source: setBy(before.Override, after.Override)}}), fall-n
		}
	}
	if !sameRules(before.Rules, after.Rules) || before.Grace != after.Grace {
		if n := min(fall, before.Override.Apply(counted)-after.Due); n > 0 {
			parts, fall = append(parts, part{n, &Explanation{Code: ByRule}}), fall-n
		}
	}
	fall = unweighed(fall, before.Rules)
	if left := before.Assigned - after.Assigned; fall > 0 && left > 0 && countsPeople(before.Rules) {
		n := min(fall, left)
		parts, fall = append(parts, part{n, &Explanation{Code: ByPeople, People: without(before.People, after.People)}}), fall-n
	}
	if fall > 0 {
		parts = append(parts, p.subscriptions(fall, before.Rules, memory, src, claims)...)
	}
	return largest(parts)
}

// unweighed is how many units of a licence, or people, a fall of what is billed comes
// from at least.
func unweighed(fall int, rules []mapping.Rule) int {
	most := decimal.NewFromInt(1)
	for i := range rules {
		most = decimal.Max(most, Weight(&rules[i]))
	}
	return int(decimal.NewFromInt(int64(fall)).Div(most).RoundUp(0).IntPart())
}

// A part is some units of a fall, and why.
type part struct {
	units int
	why   *Explanation
}

// largest is the explanation of the largest part; one that nothing explains goes
// before all others.
func largest(parts []part) *Explanation {
	slices.SortStableFunc(parts, func(a, b part) int {
		unexplained := func(x part) int {
			if x.why.Code == Unexplained {
				return 1
			}
			return 0
		}
		return cmp.Or(unexplained(b)-unexplained(a), b.units-a.units)
	})
	if len(parts) == 0 {
		return &Explanation{Code: Unexplained}
	}
	return parts[0].why
}

// subscriptions explains a fall of purchased units by those of the product's
// subscriptions that count for less than they did.
func (p Policy) subscriptions(fall int, rules []mapping.Rule, memory []directory.Seen, src Source, claims []Claim) []part {
	now := map[string]directory.Subscription{}
	sku := map[string]string{}
	for _, l := range src.Licences {
		for _, s := range l.Subscriptions {
			now[s.ID], sku[s.ID] = s, l.SKU
		}
	}
	feeds := func(s directory.Subscription, sku string) bool {
		return slices.ContainsFunc(rules, func(r mapping.Rule) bool {
			picker, err := mapping.ParsePicker(r.Subscriptions)
			picks, _ := picker.Picks(&s, src.term(s.ID))
			return err == nil && picks && strings.EqualFold(r.SKU, sku)
		})
	}
	remembered := byID(memory)
	var parts []part
	var grown []part // elsewhere
	open := 0
	for _, m := range memory {
		s, there := now[m.ID]
		s.ID, s.Before = m.ID, m
		had, has := p.counted(State(m.State), m.Units), 0
		if there {
			has = p.counted(Judge(s, p.Now).State, s.Total)
		}
		switch change := has - had; {
		case m.SKU == "":
		case change > 0 && !feeds(s, m.SKU):
			grown = append(grown, part{change, &Explanation{Code: ByMove, Subscription: m.ID, Date: p.Now, Source: Microsoft}})
		case change > 0:
			fall += change // the others fell by this much more
		case change < 0 && feeds(s, m.SKU):
			why := p.why(m, s, there, -change, claims)
			if why == nil {
				open -= change
				continue
			}
			parts = append(parts, part{-change, why})
		}
	}
	for id, s := range now {
		if _, known := remembered[id]; known || len(memory) == 0 {
			continue
		}
		if n := p.counted(Judge(s, p.Now).State, s.Total); n > 0 && feeds(s, sku[id]) {
			fall += n
		} else if n > 0 {
			grown = append(grown, part{n, &Explanation{Code: ByMove, Subscription: id, Date: p.Now, Source: Microsoft}})
		}
	}
	explained := 0
	for _, x := range parts {
		explained += x.units
	}
	rest := fall - explained
	if rest <= 0 {
		return parts
	}
	if i := slices.IndexFunc(grown, func(x part) bool { return x.units == rest || x.units == open }); i >= 0 && open >= rest {
		return append(parts, part{rest, grown[i].why})
	}
	return append(parts, part{rest, &Explanation{Code: Unexplained}})
}

// counted is how many of a subscription's units count as purchased.
func (p Policy) counted(state State, units int) int {
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

// why says why one subscription counts for so many units less, or nil. It is as it
// is now, or was there no longer.
func (p Policy) why(m directory.Seen, s directory.Subscription, there bool, units int, claims []Claim) *Explanation {
	state := Gone
	if there {
		state = Judge(s, p.Now).State
	}
	is := func(code string, date time.Time, source string) *Explanation {
		return &Explanation{Code: code, Subscription: m.ID, Date: date, Source: source}
	}
	end, source := p.ended(m, claims)
	switch state {
	case Enabled:
		if source != "" {
			return is(ByRenewal, end, source)
		}
	case InGrace, Lapsed:
		return is(ByTermEnd, cmp.Or(end, m.Ends), cmp.Or(source, Microsoft))
	case Gone:
		if source != "" || State(m.State) == InGrace || m.Lapsed {
			return is(ByTermEnd, cmp.Or(end, m.Ends), cmp.Or(source, Microsoft))
		}
	default:
		return nil
	}
	within := func(from time.Time) bool {
		return !from.IsZero() && !from.After(p.Now) && p.Now.Sub(from) <= window+windowSlack
	}
	if within(m.Created) {
		return is(ByWindow, m.Created, Microsoft)
	}
	if within(m.Former) {
		return is(ByWindow, m.Former, Microsoft)
	}
	recent, first := 0, time.Time{}
	for _, a := range slices.Backward(m.Added) {
		if within(a.At) && recent < units {
			recent, first = recent+a.Units, a.At
		}
	}
	if recent >= units {
		return is(ByWindow, first, Observed)
	}
	return nil
}

// ended is the end of a term that has come since the last read, or no more than
// 3 days ago, and who says so; nobody where none has.
func (p Policy) ended(m directory.Seen, claims []Claim) (end time.Time, source string) {
	if !m.Ends.IsZero() && !m.Ends.After(p.Now.Add(lag)) {
		return m.Ends, Microsoft
	}
	if !m.Former.IsZero() && p.Now.Sub(m.Former) <= lag {
		return m.Former, Microsoft
	}
	c := Strongest(slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.Subscription != m.ID || c.Ends.IsZero() }))
	if !c.Ends.IsZero() && p.Now.Sub(c.Ends).Abs() <= lag {
		return c.Ends, c.Source
	}
	return time.Time{}, ""
}

// countsPeople reports whether fewer people or assigned units can make a product
// come to less.
func countsPeople(rules []mapping.Rule) bool {
	return slices.ContainsFunc(rules, func(r mapping.Rule) bool { return r.Count != mapping.Purchased })
}

func sameRules(a, b []mapping.Rule) bool {
	return slices.EqualFunc(a, b, func(a, b mapping.Rule) bool {
		a.Part, a.Name, a.Reason = b.Part, b.Name, b.Reason // for people; they decide nothing
		return reflect.DeepEqual(a, b)
	})
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

func without(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(before), func(name string) bool {
		_, there := slices.BinarySearch(after, name)
		return there
	})
}

// Carry returns what explains that a line is still billed for more than is due:
// what was found before, and what is found now. A fall may wait for days, and what
// showed it is told at its first read only. Nothing is left to explain where the
// line is billed for no more than is due.
func Carry(before, found *Explanation, due, billed int) *Explanation {
	switch {
	case billed <= due:
		return nil
	case found == nil:
		return before
	case before != nil && before.Code == Unexplained:
		return before
	}
	return found
}
