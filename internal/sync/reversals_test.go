package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// takeBack asks for the way back from a run, as a person does.
func (w *fixture) takeBack(run string) map[plan.Scope]bool {
	w.t.Helper()
	entries := map[plan.Scope][]state.Entry{}
	for e, err := range w.store.Journal(w.t.Context(), state.JournalFilter{Run: run}) {
		if err != nil {
			w.t.Fatal(err)
		}
		entries[e.Scope] = append([]state.Entry{e}, entries[e.Scope]...)
	}
	scopes := map[plan.Scope]bool{}
	var all []state.Reversal
	for scope, of := range entries {
		m, err := w.store.Recall(w.t.Context(), scope)
		if err != nil {
			w.t.Fatal(err)
		}
		back, _ := state.TakeBack(of)
		for _, r := range back {
			for _, record := range m.Records {
				if record.Key == r.Key {
					r.Record = record.Run
					all = append(all, state.Reversal{Scope: scope, Reversal: r, By: "ada", At: w.now})
					scopes[scope] = true
				}
			}
		}
	}
	if err := state.EditReversals(w.t.Context(), w.store, func(was []state.Reversal) ([]state.Reversal, error) { return append(was, all...), nil }); err != nil {
		w.t.Fatal(err)
	}
	return scopes
}

func wayBack(scopes map[plan.Scope]bool) func(*Selection) {
	return func(s *Selection) { s.WayBack = scopes }
}

// wrong brings a run that wrote what nobody wanted, and returns its id.
func (w *fixture) wrong() string {
	w.t.Helper()
	w.converge()
	w.job.Policy = plan.Auto
	w.bought[contoso] = map[string]int{premium: 20, e3: 4}
	r := w.apply()
	w.want(r, "changed in_step", 0)
	w.wantLine(contoso, premium, "20")
	return r.Run
}

func TestWhatIsTakenBackStaysBackUntilTheWantedValueChanges(t *testing.T) {
	w := newFixture(t)
	run := w.wrong()
	scopes := w.takeBack(run)
	w.bought[fabrikam][premium] = 8 // the way back is about nothing else
	r := w.run(Apply, wayBack(scopes))
	w.want(r, "held", 3)
	if got := w.codes(r); !strings.HasPrefix(got, "revert") || len(r.Scopes[0].Changes) != 2 {
		t.Errorf("held for %q with %+v, want the way back of two lines", got, r.Scopes[0].Changes)
	}
	w.wantLine(contoso, premium, "20")
	w.approve()
	w.reopen()
	w.want(w.apply(), "changed changed", 0) // the next apply writes it
	w.wantLine(contoso, premium, "12")
	w.wantLine(contoso, e3, "3")
	for e := range w.store.Journal(t.Context(), state.JournalFilter{Customer: string(contoso), Limit: 2}) {
		if e.Reverts != run || e.By != "ada" {
			t.Errorf("the journal says %+v, want whose way back it is", e)
		}
	}
	for range 3 {
		w.reopen()
		r = w.apply()
		w.want(r, "held in_step", 3)
		if got := w.codes(r); !strings.HasPrefix(got, "reverted reverted") {
			t.Errorf("held for %q, want both lines", got)
		}
		w.wantLine(contoso, premium, "12")
	}
	w.bought[contoso][premium] = 13 // the wanted value changes
	w.want(w.apply(), "held in_step", 3)
	w.wantLine(contoso, premium, "13")
	w.wantLine(contoso, e3, "3")
	w.approve() // somebody lets the other one
	w.want(w.apply(), "changed in_step", 0)
	w.wantLine(contoso, e3, "4")
	w.want(w.apply(), "in_step in_step", 0)
	if left, err := state.Reversals(t.Context(), w.store); err != nil || len(left) != 0 {
		t.Errorf("still remembered: %+v, %v", left, err)
	}
}

func TestALineThatARunMadeIsPutAsideAndWhatSomebodyChangedSinceStays(t *testing.T) {
	w := newFixture(t)
	w.apply()
	w.approve()
	r := w.apply()
	w.want(r, "changed changed", 0)
	w.lines[string(contoso)+"/"+e3] = "9" // a person's
	scopes := w.takeBack(r.Run)
	r = w.run(Apply, wayBack(scopes))
	w.want(r, "held held", 3)
	note := ""
	for _, v := range r.Scopes[0].Violations {
		if v.Code == plan.NotReverted {
			note = v.Message
		}
	}
	if !strings.Contains(note, "it was changed since: quantity is 9 (the run left 3)") {
		t.Errorf("noted %q, want the present value", note)
	}
	w.approve()
	w.want(w.run(Apply, wayBack(scopes)), "changed changed", 0)
	w.wantLine(contoso, premium, "0")
	w.wantLine(contoso, e3, "9")
	w.wantLine(fabrikam, premium, "0")
}

func TestTheWayBackOfAnAdoptionLetsGo(t *testing.T) {
	w := newFixture(t)
	w.lines[string(contoso)+"/"+premium], w.lines[string(contoso)+"/"+e3], w.lines[string(fabrikam)+"/"+premium] = "12", "3", "7"
	w.apply()
	w.approve()
	r := w.apply()
	scopes := w.takeBack(r.Run)
	w.run(Apply, wayBack(scopes))
	w.approve()
	w.want(w.run(Apply, wayBack(scopes)), "changed changed", 0)
	if counts, err := w.store.Verify(t.Context()); err != nil || counts.Records != 0 {
		t.Errorf("got %+v, %v; want no record", counts, err)
	}
	r = w.apply()
	w.want(r, "held held", 3)
	if w.writes != 0 || !strings.Contains(w.codes(r), "reverted") {
		t.Errorf("%d writes, %q; want none, and that it is held", w.writes, w.codes(r))
	}
}

func TestAWayBackWithNothingToTakeBackLeavesAHoldAlone(t *testing.T) {
	w := newFixture(t)
	run := w.wrong()
	w.lines[string(contoso)+"/"+premium], w.lines[string(contoso)+"/"+e3] = "21", "5" // people changed both
	w.want(w.apply(), "held in_step", 3)
	before := w.waiting()
	scopes := w.takeBack(run)
	r := w.run(Apply, wayBack(scopes))
	w.want(r, "in_step", 0)
	if got := w.codes(r); got != "not_reverted not_reverted" {
		t.Errorf("got %q, want both named", got)
	}
	if after := w.waiting(); after != before || before == "" {
		t.Errorf("the hold was %s and is %s", before, after)
	}
	w.wantLine(contoso, premium, "21")
}

// waiting names the plans that wait.
func (w *fixture) waiting() string {
	text := ""
	for h := range w.store.Holds(w.t.Context()) {
		text += h.Scope.Customer + " " + h.Digest + " "
	}
	return text
}

// A dying store writes so often and never again.
type dyingStore struct {
	state.Store
	left int
}

var errDied = errors.New("killed")

func (s *dyingStore) may() error {
	if s.left--; s.left < 0 {
		return errDied
	}
	return nil
}

func (s *dyingStore) Commit(ctx context.Context, cs ...*state.Commit) error {
	if err := s.may(); err != nil {
		return err
	}
	return s.Store.Commit(ctx, cs...)
}

func (s *dyingStore) PutDocument(ctx context.Context, d state.Document, about ...state.Entry) error {
	if err := s.may(); err != nil {
		return err
	}
	return s.Store.PutDocument(ctx, d, about...)
}

func (s *dyingStore) PutRun(ctx context.Context, r state.Run) error {
	if err := s.may(); err != nil {
		return err
	}
	return s.Store.PutRun(ctx, r)
}

func TestAKillAtAnyWriteOfTheStoreLosesNoWayBack(t *testing.T) {
	for writes := range 12 {
		t.Run(fmt.Sprint("after ", writes), func(t *testing.T) {
			w := newFixture(t)
			scopes := w.takeBack(w.wrong())
			for range 2 { // it waits, and then it is written
				w.engine.Store = &dyingStore{w.store, writes}
				_, err := w.engine.Run(t.Context(), Selection{Jobs: []Job{w.job}, Trigger: "command", WayBack: scopes}, Apply)
				if writes < 3 && !errors.Is(err, errDied) {
					t.Fatalf("got %v, want to be killed", err)
				}
				w.reopen()
				w.run(Apply, wayBack(scopes))
				w.approve()
			}
			for range 3 {
				w.apply()
				w.approve1("revert")
				w.reopen()
			}
			w.wantLine(contoso, premium, "12")
			w.wantLine(contoso, e3, "3")
			r := w.apply()
			w.want(r, "held in_step", 3)
			if got := w.codes(r); !strings.Contains(got, "reverted reverted") {
				t.Errorf("held for %q", got)
			}
		})
	}
}

// approve1 lets pass what is held with a code, and nothing else.
func (w *fixture) approve1(code string) {
	w.t.Helper()
	for h, err := range w.store.Holds(w.t.Context()) {
		if err == nil && slices.ContainsFunc(h.Violations, func(v plan.Violation) bool { return v.Code == code }) {
			err = w.store.Decide(w.t.Context(), h.Scope, h.Digest, state.Decision{Approved: true, By: "ada"})
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// Whatever a run wrote, the way back from it restores the before-images where nobody
// else touched anything, and leaves alone what somebody did.
func TestApplyThenTakeBackIsAsBefore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newFixture(t)
		number := rapid.IntRange(0, 30)
		world := func() {
			for _, id := range w.tenants {
				w.bought[id] = map[string]int{}
				for _, sku := range []string{premium, e3} {
					if n := number.Draw(rt, "bought"); n > 5 {
						w.bought[id][sku] = n
					}
				}
			}
		}
		for _, id := range w.tenants {
			for _, sku := range []string{premium, e3} {
				if n := number.Draw(rt, "there"); n > 10 {
					w.lines[string(id)+"/"+sku] = fmt.Sprint(n)
				}
			}
		}
		for range rapid.IntRange(0, 2).Draw(rt, "earlier runs") {
			world()
			w.apply()
			w.approve()
			w.apply()
		}
		world()
		w.apply()
		w.approve()
		before := maps.Clone(w.lines)
		run := w.apply()
		left := maps.Clone(w.lines)
		touched := map[string]bool{}
		for line := range left {
			if rapid.IntRange(0, 3).Draw(rt, "touched") == 0 {
				w.lines[line], touched[line] = "77", true
			}
		}
		scopes := w.takeBack(run.Run)
		if len(scopes) == 0 {
			return
		}
		w.run(Apply, wayBack(scopes))
		w.approve()
		w.run(Apply, wayBack(scopes))
		for line, is := range w.lines {
			want, was := before[line]
			switch {
			case touched[line]:
				want = "77"
			case !was:
				want = "0" // made by the run: put aside
			}
			if is != want {
				rt.Fatalf("%s was %q, the run left %q, and it is %q; want %q", line, before[line], left[line], is, want)
			}
		}
	})
}
