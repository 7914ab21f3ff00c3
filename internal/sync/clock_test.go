package sync

import (
	"strings"
	"testing"
	"time"

	"syncd/internal/plan"
	"syncd/internal/rest"
)

// A clock that was two months ahead leaves an unanswered create, a quarantine, a
// leaver and a last look dated in the future. Once it is right again nothing
// waits for those days to come, and the runs say that the clock went back.
func TestAClockThatWasAheadBlocksNothing(t *testing.T) {
	const ahead = 60 * 24 * time.Hour
	back := func(w *fixture) { w.now = w.now.Add(-ahead) }

	t.Run("a create whose answer was lost", func(t *testing.T) {
		w := newFixture(t)
		w.job.Limits.HoldFirst = false
		w.fail = func(plan.Change) (bool, error) { return false, rest.ErrOutcomeUnknown }
		w.now = w.now.Add(ahead)
		w.want(w.apply(), "failed failed", 1)
		back(w)
		w.fail = func(plan.Change) (bool, error) { return true, nil }
		began := time.Now()
		r := w.apply()
		w.want(r, "changed changed", 0)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("the run waited %s", took)
		}
		if !strings.Contains(r.Clock, "the clock went back") {
			t.Errorf("the run says %q of the clock", r.Clock)
		}
	})
	t.Run("a quarantine", func(t *testing.T) {
		w := newFixture(t)
		w.job.Limits.HoldFirst = false
		w.fail = func(plan.Change) (bool, error) { return false, &rest.Error{Status: 403, Forbidden: true} }
		w.now = w.now.Add(ahead)
		w.apply()
		back(w)
		w.fail = func(plan.Change) (bool, error) { return true, nil }
		scheduled := func(s *Selection) { s.Trigger = "schedule" }
		w.want(w.run(Apply, scheduled), "changed changed", 0)
	})
	t.Run("a leaver", func(t *testing.T) {
		w := newFixture(t)
		w.spec.Kinds[0].Leavers = &plan.Leavers{Absences: 2, After: 24 * time.Hour}
		w.converge()
		delete(w.bought[contoso], e3)
		w.now = w.now.Add(ahead)
		w.want(w.apply(), "in_step in_step", 0)
		back(w)
		w.want(w.apply(), "in_step in_step", 0) // the patience begins anew
		w.now = w.now.Add(25 * time.Hour)
		w.apply()
		w.approve() // less money: a person lets it pass
		w.apply()
		w.wantLine(contoso, e3, "0")
	})
	t.Run("a last look", func(t *testing.T) {
		w := newFixture(t)
		w.spec.VerifyEvery = 24 * time.Hour
		w.converge()
		w.now = w.now.Add(ahead)
		scheduled := func(s *Selection) { s.Trigger = "schedule" }
		w.run(Apply, scheduled)
		back(w)
		w.want(w.run(Apply, scheduled), "in_step in_step", 0)
		w.want(w.run(Apply, scheduled), "skipped skipped", 0)
	})
}
