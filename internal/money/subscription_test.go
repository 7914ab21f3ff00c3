package money

import (
	"reflect"
	"testing"
	"time"

	"syncd/internal/directory"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func in(days int) time.Time { return now.AddDate(0, 0, days) }

func TestWhatASubscriptionIsToTheBill(t *testing.T) {
	seen := func(ends time.Time, lapsed bool) directory.Seen {
		return directory.Seen{ID: "s", Ends: ends, Lapsed: lapsed}
	}
	none := directory.Seen{}
	said := func(days int) directory.Claim {
		return directory.Claim{Ends: in(days).Truncate(24 * time.Hour), EndsBy: "ann"}
	}
	day := func(days int) time.Time { return in(days).Truncate(24 * time.Hour) }
	for _, c := range []struct {
		name   string
		status string
		trial  bool
		next   time.Time
		before directory.Seen
		claim  directory.Claim
		want   State
		until  time.Time
		says   string
	}{
		{"enabled", "Enabled", false, in(100), none, directory.Claim{}, Enabled, in(100), "term ends 2027-03-01"},
		{"enabled, in another case", "enabled", false, in(100), none, directory.Claim{}, Enabled, in(100), "term ends 2027-03-01"},
		{"enabled, and its day has gone by", "Enabled", false, in(-1), none, directory.Claim{}, Enabled, time.Time{}, "the end of its term is not known"},
		{"a trial", "Enabled", true, in(20), none, directory.Claim{}, Trial, in(20), "a trial: nobody sells it, and it is not billed"},
		{"a suspended trial", "Suspended", true, in(200), seen(in(50), false), directory.Claim{}, Trial, in(200), "a trial: nobody sells it, and it is not billed"},
		{"in grace", "Warning", false, in(20), none, directory.Claim{}, InGrace, in(20), "lapsed, is suspended 2026-12-11"},
		{"in grace, until nobody knows when", "Warning", false, time.Time{}, none, directory.Claim{}, InGrace, time.Time{}, "lapsed, in its grace period"},
		{"suspended, 336 days ahead", "Suspended", false, in(336), none, directory.Claim{}, Suspended, in(336), "suspended, billed until 2027-10-23"},
		{"suspended, 121 days ahead", "Suspended", false, in(121), none, directory.Claim{}, Suspended, in(121), "suspended, billed until 2027-03-22"},
		{"suspended, 120 days ahead, never seen before", "Suspended", false, in(120), none, directory.Claim{}, Unclear, time.Time{}, "suspended, and nothing shows whether Microsoft bills it on or whether it lapsed"},
		{"suspended, 40 days before the end it had", "Suspended", false, in(40), seen(in(40), false), directory.Claim{}, Suspended, in(40), "suspended, billed until 2026-12-31"},
		{"suspended before its end, the next day not told", "Suspended", false, time.Time{}, seen(in(40), false), directory.Claim{}, Suspended, in(40), "suspended, billed until 2026-12-31"},
		{"suspended, its end has come", "Suspended", false, in(100), seen(in(-1), false), directory.Claim{}, Lapsed, in(-1), "lapsed 2026-11-20"},
		{"suspended after its grace period", "Suspended", false, in(90), seen(in(-30), true), directory.Claim{}, Lapsed, in(-30), "lapsed 2026-10-22"},
		{"suspended after a grace period, the end never seen", "Suspended", false, in(90), seen(time.Time{}, true), directory.Claim{}, Lapsed, time.Time{}, "lapsed"},
		{"suspended after a renewal that nobody saw", "Suspended", false, in(119), seen(in(-200), false), directory.Claim{}, Unclear, time.Time{}, "suspended, and nothing shows whether Microsoft bills it on or whether it lapsed"},
		{"suspended, and the end that was told had gone by", "Suspended", false, in(60), seen(time.Time{}, false), directory.Claim{}, Unclear, time.Time{}, "suspended, and nothing shows whether Microsoft bills it on or whether it lapsed"},
		{"deleted", "Deleted", false, time.Time{}, seen(in(40), false), directory.Claim{}, Gone, time.Time{}, "deleted: not billed"},
		{"locked out", "LockedOut", false, in(400), none, directory.Claim{}, Gone, time.Time{}, "locked out: not billed"},
		{"a state that Microsoft adds later", "Resting", false, in(400), none, directory.Claim{}, Unclear, time.Time{}, "in a state that is not known here"},
		{"no state", "", false, in(400), none, directory.Claim{}, Unclear, time.Time{}, "in a state that is not known here"},
		{"suspended, and a person says that its term goes on", "Suspended", false, in(60), none, said(40), Suspended, day(40), "suspended, billed until 2026-12-31, says ann"},
		{"… on its last day", "Suspended", false, in(60), none, said(0), Suspended, day(0), "suspended, billed until 2026-11-21, says ann"},
		{"… on the day after", "Suspended", false, in(60), none, said(-1), Lapsed, day(-1), "lapsed 2026-11-20, says ann"},
		{"suspended, the next day not told, and a person says that its term ended", "Suspended", false, time.Time{}, none, said(-40), Lapsed, day(-40), "lapsed 2026-10-12, says ann"},
		{"… longer ago than any outlives its term", "Suspended", false, time.Time{}, none, said(-130), Unclear, time.Time{}, "suspended, and nothing shows whether Microsoft bills it on or whether it lapsed"},
		{"… and it is deleted later than one that lapsed then", "Suspended", false, in(110), none, said(-40), Unclear, time.Time{}, "suspended, and nothing shows whether Microsoft bills it on or whether it lapsed"},
		{"what Microsoft said goes before what a person says", "Suspended", false, in(40), seen(in(40), false), said(-40), Suspended, in(40), "suspended, billed until 2026-12-31"},
		{"a person says nothing of a state that nobody knows", "Resting", false, in(60), none, said(40), Unclear, time.Time{}, "in a state that is not known here"},
		{"… nor of one that is gone", "Deleted", false, in(60), none, said(40), Gone, time.Time{}, "deleted: not billed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := StandingOf(directory.Subscription{ID: "s", Status: c.status, Total: 5, Trial: c.trial, Renews: c.next, Before: c.before, Claim: c.claim}, now)
			if got.State != c.want || !got.Until.Equal(c.until) {
				t.Errorf("got %s until %s, want %s until %s", got.State, got.Until, c.want, c.until)
			}
			if text := got.Text(time.UTC); text != c.says {
				t.Errorf("got %q, want %q", text, c.says)
			}
		})
	}
}

// A life is what a subscription shows at one look after the other.
type look struct {
	day    int
	status string
	next   int // days from now; 0 = not told
	want   State
}

func TestASubscriptionIsJudgedByWhatItWas(t *testing.T) {
	for _, c := range []struct {
		name string
		life []look
	}{
		{"suspended in the middle of its term, and billed to its end", []look{
			{0, "Enabled", 60, Enabled}, {10, "Suspended", 60, Suspended}, {59, "Suspended", 60, Suspended}, {60, "Suspended", 180, Lapsed}, {100, "Suspended", 180, Lapsed}, {180, "Deleted", 0, Gone}}},
		{"suspended and enabled again", []look{{0, "Enabled", 60, Enabled}, {10, "Suspended", 60, Suspended}, {20, "Enabled", 60, Enabled}, {61, "Enabled", 426, Enabled}}},
		{"not renewed", []look{{0, "Enabled", 30, Enabled}, {31, "Warning", 60, InGrace}, {61, "Suspended", 150, Lapsed}, {149, "Suspended", 150, Lapsed}}},
		{"not renewed, and rescued in its grace period", []look{{0, "Enabled", 30, Enabled}, {31, "Warning", 60, InGrace}, {40, "Enabled", 395, Enabled}, {50, "Suspended", 395, Suspended}}},
		{"renewed, and suspended before anybody looked", []look{{0, "Enabled", 30, Enabled}, {31, "Suspended", 395, Suspended}, {300, "Suspended", 395, Suspended}, {394, "Suspended", 395, Suspended}, {395, "Suspended", 490, Lapsed}}},
		{"first seen suspended", []look{{0, "Suspended", 90, Unclear}, {80, "Suspended", 90, Unclear}}},
		{"first seen in its grace period", []look{{0, "Warning", 20, InGrace}, {21, "Suspended", 110, Lapsed}}},
		{"an answer that lags after a renewal", []look{{0, "Enabled", 30, Enabled}, {31, "Enabled", 30, Enabled}, {32, "Suspended", 100, Unclear}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var memory []directory.Seen
			for _, l := range c.life {
				at := in(l.day)
				s := directory.Subscription{ID: "s", Status: l.status, Total: 5}
				if l.next != 0 {
					s.Renews = in(l.next)
				}
				licences := WithMemory([]directory.Licence{{SKU: "a", Subscriptions: []directory.Subscription{s}}}, memory)
				if got := StandingOf(licences[0].Subscriptions[0], at); got.State != l.want {
					t.Errorf("day %d, %s: got %s, want %s (%+v)", l.day, l.status, got.State, l.want, memory)
				}
				memory = Remember(licences, false, memory, at)
				if again := Remember(licences, false, memory, at.Add(time.Hour)); !reflect.DeepEqual(again, memory) && l.day != 30 {
					t.Errorf("day %d: the same look changes the memory: %+v, %+v", l.day, memory, again)
				}
			}
		})
	}
}

func TestWhatIsRecalledLeavesTheSnapshotAsItIs(t *testing.T) {
	given := []directory.Licence{{SKU: "a", Subscriptions: []directory.Subscription{{ID: "s", Status: "Suspended"}}}}
	got := WithMemory(given, []directory.Seen{{ID: "s", Lapsed: true}})
	if !got[0].Subscriptions[0].Before.Lapsed || given[0].Subscriptions[0].Before.Lapsed {
		t.Errorf("got %+v from %+v", got, given)
	}
}
