package money

import (
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
)

// WithMemory returns the licences with what is remembered of their subscriptions.
func WithMemory(licences []directory.Licence, memory []directory.Seen) []directory.Licence {
	if len(memory) == 0 {
		return licences
	}
	before := byID(memory)
	out := slices.Clone(licences)
	for i := range out {
		l := &out[i]
		if l.Divided != nil {
			divided := *l.Divided
			divided.Whole = WithMemory([]directory.Licence{divided.Whole}, memory)[0]
			l.Divided = &divided
		}
		l.Subscriptions = slices.Clone(l.Subscriptions)
		for j := range l.Subscriptions {
			l.Subscriptions[j].Before = before[l.Subscriptions[j].ID]
		}
	}
	return out
}

func byID(memory []directory.Seen) map[string]directory.Seen {
	out := make(map[string]directory.Seen, len(memory))
	for _, m := range memory {
		out[m.ID] = m
	}
	return out
}

// Remember returns what is to be remembered of the subscriptions, sorted by id.
// It is the same for the same answers: what does not change costs no write. A list
// that is partial, or empty, says nothing of what it lacks, nor one that the other list
// contradicts.
//
//	status now   the end of its term                       the end before              it lapsed
//	Enabled      its next day where that is to come        the former, once it is by   no
//	Warning      as before                                 as before                   yes
//	Suspended    its next day where that is more than      the former, once it is by   no
//	             120 days ahead: it is billed until then
//	any other    as before                                 as before                   as before
//	not listed   as before, for 120 days                   as before                   as before
//
// A term is observed where an end that was known went by and the next one came: see Term.
func Remember(licences []directory.Licence, partial bool, memory []directory.Seen, now time.Time) []directory.Seen {
	if len(licences) == 0 {
		return memory
	}
	before := byID(memory)
	unread := map[string]bool{}
	out := slices.Grow([]directory.Seen(nil), len(memory))
	listed := make(map[string]bool, len(memory))
	for i := range licences {
		l := &licences[i]
		unread[l.SKU] = l.Unread != "" || l.Disputed != "" // one of the answers lacks something
		bought := l.Subscriptions
		if l.Divided != nil {
			bought = l.Divided.Whole.Subscriptions
		}
		for _, s := range bought {
			if s.ID == "" {
				continue
			}
			seen, known := before[s.ID]
			s.Before = seen
			if !known || !unread[l.SKU] {
				noteUnits(&seen, l.SKU, s.Total, now)
				seen.Created = madeAt(seen, s.Created, now)
			}
			seen.ID, seen.SKU, seen.Status, seen.State = s.ID, l.SKU, s.Status, string(StandingOf(s, now).State)
			seen.CommerceID, seen.Gone = s.CommerceID, time.Time{}
			former := seen.Former
			switch {
			case strings.EqualFold(s.Status, "Enabled"):
				noteTermEnd(&seen, s.Renews, now)
			case strings.EqualFold(s.Status, "Warning"):
				seen.Lapsed = true
			case !s.Trial && strings.EqualFold(s.Status, "Suspended") && s.Renews.Sub(now) > maxLapse:
				noteTermEnd(&seen, s.Renews, now) // billed to that day, which will come nearer
			}
			if !seen.Former.Equal(former) {
				seen.Most = 0 // a new term begins with what it has
			}
			out, listed[s.ID] = append(out, seen), true
		}
	}
	for id, seen := range before {
		if listed[id] {
			continue
		}
		if !partial && !unread[seen.SKU] {
			if seen.Gone.IsZero() {
				seen.Gone = now.UTC().Truncate(time.Second)
			}
			seen.State = string(Gone)
		}
		if seen.Gone.IsZero() || now.Sub(seen.Gone) <= maxLapse {
			out = append(out, seen)
		}
	}
	slices.SortFunc(out, func(a, b directory.Seen) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(out, func(a, b directory.Seen) bool { return a.ID == b.ID })
}

// noteTermEnd notes the end of the term of an enabled subscription.
func noteTermEnd(seen *directory.Seen, next, now time.Time) {
	seen.Lapsed = false
	end := seen.Ends // the last one that was known
	if end.IsZero() {
		end = seen.Former
	}
	over := !end.IsZero() && !end.After(now.Add(dayTolerance))
	if !next.After(now) {
		if over {
			seen.Former = end
		}
		seen.Ends = time.Time{}
		return
	}
	if over && next.After(end.Add(dayTolerance)) {
		seen.Former = end
		if term := Term(end, next); term != "" {
			if seen.Term != "" && seen.Term != term {
				seen.Earlier = seen.Term
			}
			seen.Term = term
		}
	}
	seen.Ends = next.UTC()
}

// noteUnits notes how many units a subscription has now, and which were added lately.
//
//	the units now                                       added lately                  the most it had
//	more than it ever had in its term                   what is more than that        as many as now
//	as many as that, or fewer, and more than before     as before                     as before
//	fewer than before, at a term's end or in a window   but for those, the last       as many as now
//	                                                    added first
//	fewer than before, otherwise                        as before                     as before
//
// What fell without a reason may be a misreading: units that come back were not bought,
// and open no window.
func noteUnits(seen *directory.Seen, sku string, units int, now time.Time) {
	was := *seen
	seen.Units = units
	if was.SKU == "" || units == was.Units && was.SKU == sku {
		return
	}
	seen.Added = nil
	for _, a := range was.Added {
		if within(a.At, now) {
			seen.Added = append(seen.Added, a)
		}
	}
	most := max(was.Most, was.Units)
	switch {
	case was.SKU != sku: // units of another licence: nothing was added to these
		most = max(most, units)
	case units > most:
		seen.Added = append(seen.Added, directory.Added{At: now.UTC(), Units: units - most})
		most = units
	case units < was.Units && fellForAReason(was, units, now):
		takeBack(seen, most-units)
		most = units
	}
	if seen.Most = most; most == units {
		seen.Most = 0
	}
}

// fellForAReason reports whether a subscription may have so few units now by what is known
// of it.
func fellForAReason(was directory.Seen, units int, now time.Time) bool {
	if end, _ := termEnded(was, nil, time.Time{}, now); !end.IsZero() {
		return true
	}
	from, _ := windowOf(was, was.Units, units, now)
	return !from.IsZero()
}

// takeBack takes units out of those that were added, the last one first.
func takeBack(seen *directory.Seen, units int) {
	for len(seen.Added) > 0 && units > 0 {
		last := &seen.Added[len(seen.Added)-1]
		taken := min(last.Units, units)
		last.Units -= taken
		units -= taken
		if last.Units == 0 {
			seen.Added = seen.Added[:len(seen.Added)-1]
		}
	}
	if len(seen.Added) == 0 {
		seen.Added = nil
	}
}

// madeAt is when a subscription was made, where another time is told now. One that was seen
// before that was not made then.
func madeAt(seen directory.Seen, told, now time.Time) time.Time {
	switch {
	case told.IsZero(), seen.ID != "" && seen.Created.IsZero() && within(told, now):
		return seen.Created
	case !seen.Created.IsZero() && !told.Before(seen.Created):
		return seen.Created
	}
	return told
}
