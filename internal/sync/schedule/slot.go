// Package schedule says when jobs are due, and starts them then.
//
// A Schedule knows its slots, the moments at which a job is due. It is read
// by robfig/cron, which counts the minutes of a clock face; what summer time
// does to that clock is decided here, in slot.go. A Runner starts jobs at
// their slots, one run of a job at a time.
package schedule

import (
	"time"
	_ "time/tzdata" // containers and Windows have no zone database

	"github.com/robfig/cron/v3"
)

// A Schedule is a set of slots, at least Floor apart. It is a value, never
// changes, and may be shared. The zero Schedule has no slots; others come
// from Parse.
//
// Where clocks change, a schedule that names its hours has each of its times
// of day once: a time that the spring change skips comes as soon as the
// change is over (several such times come as one), and a time that autumn
// repeats counts the first time only. A schedule of every hour goes on by
// the hour that really passed. (Where clocks change by half an hour, "0 * * * *"
// keeps to the full hour on the clock, and waits 90 minutes once.)
//
// "@every" counts from a fixed moment long past, not from the start of the
// program: restarts neither shift nor lose a slot.
type Schedule struct {
	expr  string
	loc   *time.Location
	every time.Duration      // 0 = by spec
	spec  *cron.SpecSchedule // on the clock face, in UTC; never changed
}

// String gives the expression as parsed, spaces made single.
func (s Schedule) String() string { return s.expr }

// same says that s has the slots of other.
func (s Schedule) same(other Schedule) bool {
	return s.expr == other.expr && (s.loc == other.loc || s.loc != nil && other.loc != nil && s.loc.String() == other.loc.String())
}

// IsZero says that s has no slots.
func (s Schedule) IsZero() bool { return s.every == 0 && s.spec == nil }

// Next gives the first slot after t, in the schedule's zone. It is zero for
// the zero Schedule only.
func (s Schedule) Next(t time.Time) time.Time {
	if s.IsZero() {
		return time.Time{}
	}
	t = t.Round(0).In(s.loc) // slots are of the wall clock
	switch {
	case s.every > 0:
		return t.Truncate(s.every).Add(s.every)
	case s.everyHour():
		return s.nextByHour(t)
	}
	for face := s.nextFace(faceOf(t)); !face.IsZero(); face = s.nextFace(face) {
		if slot := s.firstAt(face); slot.After(t) {
			return slot
		}
	}
	return time.Time{}
}

// Prev gives the last slot at or before t, in the schedule's zone. It is
// zero where none lies within the forty years before t.
func (s Schedule) Prev(t time.Time) time.Time {
	if s.IsZero() {
		return time.Time{}
	}
	t = t.Round(0).In(s.loc)
	if s.every > 0 {
		return t.Truncate(s.every)
	}
	// The library only looks ahead: find a slot some way back, then halve the
	// way up to t.
	const day = 24 * time.Hour
	for _, back := range []time.Duration{2 * time.Hour, 2 * day, 32 * day, 366 * day, 9 * 366 * day, 40 * 366 * day} {
		slot := s.Next(t.Add(-back))
		if slot.IsZero() || slot.After(t) {
			continue
		}
		for high := t; ; {
			next := s.Next(slot)
			if next.IsZero() || next.After(t) {
				return slot
			}
			middle := next.Add(high.Sub(next) / 2)
			if far := s.Next(middle); far.IsZero() || far.After(t) {
				slot, high = next, middle
			} else {
				slot = far
			}
		}
	}
	return time.Time{}
}

// The slots among which LongestInterval looks: those of a week and a day, and no more than
// every minute of a day and a half has.
const (
	lookAhead = 8 * 24 * time.Hour
	lookSlots = 2200
)

// LongestInterval is the longest time between a slot and the next one, of those that come within
// a week after t; zero for the zero Schedule.
func (s Schedule) LongestInterval(t time.Time) (longest time.Duration) {
	if s.IsZero() || s.every > 0 {
		return s.every
	}
	slot := s.Next(t)
	for n, until := 0, slot.Add(lookAhead); n < lookSlots && !slot.IsZero() && slot.Before(until); n++ {
		next := s.Next(slot)
		longest = max(longest, next.Sub(slot))
		slot = next
	}
	return longest
}

// Due gives the latest slot that came after last and not after now. However
// many slots were missed, one run makes good for them: every run starts from
// what the systems hold at that time. A zero last means never.
func (s Schedule) Due(last, now time.Time) (slot time.Time, due bool) {
	slot = s.Prev(now)
	if slot.IsZero() || !slot.After(last) {
		return time.Time{}, false
	}
	return slot, true
}

// everyHour says that no hour is left out, however that is written.
func (s Schedule) everyHour() bool {
	const all = 1<<24 - 1
	return s.spec.Hour&all == all
}

// nextByHour follows real time: it counts with one offset from UTC up to the
// moment the zone changes it, and with the new one from there on.
func (s Schedule) nextByHour(t time.Time) time.Time {
	for {
		_, offset := t.Zone()
		_, end := t.ZoneBounds()
		if !end.IsZero() && !end.After(t) {
			// From 2038 on, Go's zone bounds are exact near a change only, and
			// elsewhere those of a year of 365 days: on the 31st of December of
			// 2040 the zone "ends" before it started.
			end = time.Date(t.UTC().Year()+1, 1, 1, 0, 0, 0, 0, time.UTC).In(s.loc)
		}
		face := s.nextFace(faceOf(t))
		if face.IsZero() {
			return time.Time{}
		}
		slot := face.Add(-time.Duration(offset) * time.Second).In(s.loc)
		if end.IsZero() || slot.Before(end) {
			return slot
		}
		// Go on with the new offset. Next looks strictly ahead, and the change
		// itself may be a slot.
		if s.matches(end) {
			return end
		}
		t = end
	}
}

func (s Schedule) matches(t time.Time) bool {
	face := faceOf(t)
	return s.nextFace(face.Add(-time.Second)).Equal(face)
}

// nextFace gives the next matching clock face after the given one. The
// library gives up after five years, but the 29th of February stays away for
// eight around 2100.
func (s Schedule) nextFace(face time.Time) time.Time {
	for range 2 {
		if next := s.spec.Next(face); !next.IsZero() {
			return next
		}
		face = time.Date(face.Year()+5, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return time.Time{}
}

// faceOf gives what the clock shows at t, as if it showed UTC.
func faceOf(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second).UTC()
}

// firstAt gives when the clock first shows face, or when it first shows more,
// should it never show face. It does not decrease as face grows, which is
// what Next relies on.
func (s Schedule) firstAt(face time.Time) time.Time {
	t := time.Date(face.Year(), face.Month(), face.Day(), face.Hour(), face.Minute(), face.Second(), 0, s.loc)
	start, end := t.ZoneBounds()
	// time.Date promises one of the two sides of a change, but not which.
	switch shown := faceOf(t); {
	case shown.After(face): // skipped, and counted with the offset from before
		return start
	case shown.Before(face): // skipped, and counted with the offset from after
		return end
	}
	if start.IsZero() {
		return t
	}
	_, before := start.Add(-time.Second).Zone()
	if first := face.Add(-time.Duration(before) * time.Second); first.Before(start) {
		return first.In(s.loc)
	}
	return t
}
