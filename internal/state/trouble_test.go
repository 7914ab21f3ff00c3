package state_test

import (
	"testing"
	"time"

	"syncd/internal/state"
)

func TestTroubleLastsAsLongAsRunsEndInIt(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 6, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name   string
		before state.Cursor
		now    string
		want   time.Time
	}{
		{"first run, well", state.Cursor{}, "in_step", time.Time{}},
		{"first run, failed", state.Cursor{}, "failed", day(9)},
		{"it was well", state.Cursor{Outcome: "held", At: day(8)}, "partial", day(9)},
		{"it failed before", state.Cursor{Outcome: "failed", At: day(8), TroubleSince: day(3)}, "partial", day(3)},
		{"another trouble", state.Cursor{Outcome: "failed", At: day(8), TroubleSince: day(3)}, "incomplete", day(9)},
		{"not proven again", state.Cursor{Outcome: "incomplete", At: day(8), TroubleSince: day(4)}, "incomplete", day(4)},
		{"well again", state.Cursor{Outcome: "incomplete", At: day(8), TroubleSince: day(4)}, "skipped", time.Time{}},
		{"a state of a former version", state.Cursor{Outcome: "failed", At: day(8)}, "failed", day(8)},
	} {
		got := c.before
		got.End(c.now, day(9))
		if got.Outcome != c.now || !got.TroubleSince.Equal(c.want) {
			t.Errorf("%s: got %s since %v, want %s since %v", c.name, got.Outcome, got.TroubleSince, c.now, c.want)
		}
	}
}
