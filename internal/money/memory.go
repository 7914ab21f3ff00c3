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
			if known && seen.SKU != "" {
				seen.Added = addedUnits(seen, s.Total, now)
			} else if !known && len(memory) > 0 && s.Created.IsZero() {
				seen.Added = []directory.Added{{At: now.UTC(), Units: s.Total}} // bought since the last read
			}
			seen.ID, seen.SKU, seen.Status, seen.Units, seen.State = s.ID, l.SKU, s.Status, s.Total, string(StandingOf(s, now).State)
			seen.CommerceID, seen.Created, seen.Gone = s.CommerceID, s.Created, time.Time{}
			switch {
			case strings.EqualFold(s.Status, "Enabled"):
				noteTermEnd(&seen, s.Renews, now)
			case strings.EqualFold(s.Status, "Warning"):
				seen.Lapsed = true
			case !s.Trial && strings.EqualFold(s.Status, "Suspended") && s.Renews.Sub(now) > maxLapse:
				noteTermEnd(&seen, s.Renews, now) // billed to that day, which will come nearer
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

// addedUnits are the units that were added lately, now that there are so many.
// What was given back was added last.
func addedUnits(seen directory.Seen, units int, now time.Time) []directory.Added {
	change := units - seen.Units
	if change == 0 {
		return seen.Added
	}
	recent := slices.DeleteFunc(slices.Clone(seen.Added), func(a directory.Added) bool { return now.Sub(a.At) > cancellationWindow+readingSlack })
	if change > 0 {
		return append(recent, directory.Added{At: now.UTC(), Units: change})
	}
	for len(recent) > 0 && change < 0 {
		last := &recent[len(recent)-1]
		taken := min(last.Units, -change)
		last.Units -= taken
		change += taken
		if last.Units == 0 {
			recent = recent[:len(recent)-1]
		}
	}
	if len(recent) == 0 {
		return nil
	}
	return recent
}
