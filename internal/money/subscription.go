// Package money decides what is billed: what a subscription counts for, and how
// many units a product comes to. It is pure: no I/O, no clock, no log. Whoever
// asks says what time it is.
package money

import (
	"strings"
	"time"

	"syncd/internal/directory"
)

// A State is what a subscription is to the bill.
type State string

// The states.
const (
	Enabled   State = "enabled"            // sold and in use
	Trial     State = "trial"              // nobody sells it
	InGrace   State = "in_grace"           // its term ended, it still works
	Suspended State = "suspended_billed"   // it does not work, and Microsoft bills it on
	Lapsed    State = "lapsed"             // its term ended, and it is over
	Unclear   State = "suspension_unclear" // one of the last two
	Gone      State = "gone"               // deleted or locked out
)

// A Standing is the state of a subscription, and until when it lasts: the end of
// the term, the day of the suspension, the day up to which it is billed, or the
// day on which it lapsed. The day is zero where nobody knows it.
type Standing struct {
	State  State
	Until  time.Time
	By     string // who says so, where it is not Microsoft
	status string
}

// maxLapse is how long a subscription outlives its term's end at most: a lapsed one
// is deleted within this time. One that moves on later is billed.
const maxLapse = 120 * 24 * time.Hour

// dayTolerance is how far the days that Microsoft tells may be off.
const dayTolerance = 3 * 24 * time.Hour

// StandingOf says what a subscription is to the bill. The first row that fits decides:
//
//	status              what is known of it                                     state               until
//	any                 it is a trial                                           trial
//	Enabled                                                                     enabled             its next day
//	Warning                                                                     in_grace            its next day
//	Suspended           its next day is more than 120 days ahead                suspended_billed    that day
//	Suspended           it was in grace before                                  lapsed              the end of its term
//	Suspended           enabled before, its term's end is still to come         suspended_billed    the end of its term
//	Suspended           enabled before, its term ended, and its next day is     lapsed              the end of its term
//	                    no later than a lapsed one's
//	Suspended           somebody says that its term ends later              suspended_billed    that end
//	Suspended           somebody says that its term ended, and today and    lapsed              that end
//	                    its next day are no later than a lapsed one's
//	Suspended           anything else                                           suspension_unclear
//	Deleted, LockedOut                                                          gone
//	any other                                                                   suspension_unclear
//
// A next day that has gone by says nothing: Microsoft's answers lag.
func StandingOf(s directory.Subscription, now time.Time) Standing {
	next := s.Renews
	if !next.After(now) {
		next = time.Time{}
	}
	is := func(state State, until time.Time) Standing {
		return Standing{State: state, Until: until, status: s.Status}
	}
	ends := s.Before.Ends
	switch status := strings.ToLower(s.Status); {
	case s.Trial:
		return is(Trial, next)
	case status == "enabled":
		return is(Enabled, next)
	case status == "warning":
		return is(InGrace, next)
	case status == "deleted", status == "lockedout":
		return is(Gone, time.Time{})
	case status != "suspended":
		return is(Unclear, time.Time{})
	case next.Sub(now) > maxLapse:
		return is(Suspended, next)
	case s.Before.Lapsed:
		return is(Lapsed, ends)
	case ends.After(now):
		return is(Suspended, ends)
	case !ends.IsZero() && !next.After(ends.Add(maxLapse+dayTolerance)):
		return is(Lapsed, ends)
	}
	if end := s.Claim.Ends; !end.IsZero() {
		says := Standing{Until: end, By: s.Claim.EndsBy, status: s.Status}
		switch last := end.Add(maxLapse + dayTolerance); {
		case end.AddDate(0, 0, 1).After(now): // the day itself is the last of the term
			says.State = Suspended
			return says
		case !next.After(last) && !now.After(last):
			says.State = Lapsed
			return says
		}
	}
	return is(Unclear, time.Time{})
}

// Text says it for people.
func (s Standing) Text(zone *time.Location) string {
	day := ""
	switch {
	case s.By != "": // a day, and no moment
		day = " " + s.Until.UTC().Format(time.DateOnly) + ", says " + s.By
	case !s.Until.IsZero():
		day = " " + s.Until.In(zone).Format(time.DateOnly)
	}
	with := func(known, unknown string) string {
		if day == "" {
			return unknown
		}
		return known + day
	}
	switch s.State {
	case Enabled:
		return with("term ends", "the end of its term is not known")
	case Trial:
		return "a trial: nobody sells it, and it is not billed"
	case InGrace:
		return with("lapsed, is suspended", "lapsed, in its grace period")
	case Suspended:
		return with("suspended, billed until", "suspended, and billed on")
	case Lapsed:
		return "lapsed" + day
	case Gone:
		return strings.ToLower(strings.Replace(s.status, "LockedOut", "locked out", 1)) + ": not billed"
	}
	if strings.EqualFold(s.status, "suspended") {
		return "suspended, and nothing shows whether Microsoft bills it on or whether it lapsed"
	}
	return "in a state that is not known here"
}
