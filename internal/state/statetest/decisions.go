package statetest

import (
	"errors"
	"testing"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// holds checks what is stored of holds and the decisions on them.
func (s *suite) holds(t *testing.T) {
	approve := state.Decision{Approved: true, By: "ada", At: at(10), Reason: "new year"}
	decide := func(t *testing.T, store state.Store, digest string, d state.Decision) {
		t.Helper()
		if err := store.Decide(t.Context(), contoso, digest, d); err != nil {
			t.Fatalf("deciding: %v", err)
		}
	}
	held := func(t *testing.T) state.Store {
		store := s.emptyStore(t)
		commit(t, store, &state.Commit{Scope: contoso, Hold: hold(contoso, "d1", 6)})
		return store
	}
	t.Run("a decision is stored with the hold", func(t *testing.T) {
		store := held(t)
		decide(t, store, "d1", approve)
		want := hold(contoso, "d1", 6)
		want.Decision = &approve
		got := recall(t, store, contoso).Hold
		wantEqual(t, "hold", got, want)
		wantUTC(t, "decision", got.Decision.At)
		if !got.Approved("d1") || got.Approved("d2") {
			t.Errorf("got approved %v for its plan and %v for another, want true and false", got.Approved("d1"), got.Approved("d2"))
		}
	})
	t.Run("a decision survives the same plan being held again, and so does since when", func(t *testing.T) {
		store := held(t)
		decide(t, store, "d1", approve)
		again := hold(contoso, "d1", 99)
		again.Run, again.Violations = "01J2", []plan.Violation{{Code: "deletes", Message: "14 of 20"}}
		commit(t, store, &state.Commit{Scope: contoso, Hold: again})
		want := *again
		want.Since, want.Decision = at(6), &approve
		wantEqual(t, "hold", recall(t, store, contoso).Hold, &want)
	})
	t.Run("decisions are counted", func(t *testing.T) {
		store := held(t)
		began := store.Decided()
		grows := func(what string, err error) {
			t.Helper()
			now := store.Decided()
			if err != nil || now == began {
				t.Errorf("%s: %v, and the count stays %d", what, err, now)
			}
			began = now
		}
		grows("a decision", store.Decide(t.Context(), contoso, "d1", approve))
		grows("a settlement", store.Settle(t.Context(), contoso, plan.Key{Kind: "addition", ID: "a"}, nil))
		grows("a table", store.PutDocument(t.Context(), state.Document{Name: "links"}))
	})
	t.Run("a decision on one plan is none on another", func(t *testing.T) {
		store := held(t)
		decide(t, store, "d1", approve)
		commit(t, store, &state.Commit{Scope: contoso, Hold: hold(contoso, "d2", 99)})
		wantEqual(t, "hold", recall(t, store, contoso).Hold, hold(contoso, "d2", 99))
		commit(t, store, &state.Commit{Scope: contoso, Hold: hold(contoso, "d1", 100)})
		wantEqual(t, "the first plan, held anew", recall(t, store, contoso).Hold, hold(contoso, "d1", 100))
	})
	t.Run("a hold cannot bring its own approval", func(t *testing.T) {
		store := s.emptyStore(t)
		forged := hold(contoso, "d1", 6)
		forged.Decision = &approve
		commit(t, store, &state.Commit{Scope: contoso, Hold: forged})
		if got := recall(t, store, contoso).Hold; got == nil || got.Decision != nil {
			t.Errorf("got %+v, want a hold nobody decided on", got)
		}
		forged = hold(contoso, "d2", 6)
		forged.Decision = &approve
		commit(t, store, &state.Commit{Scope: contoso, Hold: forged})
		if got := recall(t, store, contoso).Hold; got == nil || got.Decision != nil {
			t.Errorf("got %+v after another plan, want a hold nobody decided on", got)
		}
	})
	t.Run("the same decision again writes nothing, whoever says it", func(t *testing.T) {
		store := held(t)
		for _, by := range []string{"ada", "bob"} {
			d := state.Decision{Approved: true, By: by, At: at(10)}
			if err := store.Decide(t.Context(), contoso, "d1", d, state.Entry{Action: state.ActionApprove, By: by}); err != nil {
				t.Fatal(err)
			}
		}
		entries := 0
		for _, err := range store.Journal(t.Context(), state.JournalFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			entries++
		}
		if got := recall(t, store, contoso).Hold.Decision; got.By != "ada" || entries != 1 {
			t.Errorf("got the word of %s and %d entries, want the first one's and one", got.By, entries)
		}
	})
	t.Run("the last word counts", func(t *testing.T) {
		store := held(t)
		decide(t, store, "d1", approve)
		reject := state.Decision{By: "bob", At: at(11)}
		decide(t, store, "d1", reject)
		wantEqual(t, "decision", recall(t, store, contoso).Hold.Decision, &reject)
	})
	t.Run("a cleared hold is gone, and its decision with it", func(t *testing.T) {
		store := held(t)
		decide(t, store, "d1", approve)
		commit(t, store, &state.Commit{Scope: contoso, ClearHold: true})
		wantEqual(t, "hold", recall(t, store, contoso).Hold, (*state.Hold)(nil))
		commit(t, store, &state.Commit{Scope: contoso, ClearHold: true})
		commit(t, store, &state.Commit{Scope: contoso, Hold: hold(contoso, "d1", 12)})
		wantEqual(t, "hold, held anew", recall(t, store, contoso).Hold, hold(contoso, "d1", 12))
	})
	t.Run("clearing and holding at once starts over", func(t *testing.T) {
		store := held(t)
		decide(t, store, "d1", approve)
		commit(t, store, &state.Commit{Scope: contoso, ClearHold: true, Hold: hold(contoso, "d1", 12)})
		wantEqual(t, "hold", recall(t, store, contoso).Hold, hold(contoso, "d1", 12))
	})
	t.Run("deciding on what does not wait is ErrNotFound", func(t *testing.T) {
		store := held(t)
		noPlan := plan.Scope{Customer: "adatum", Target: "itglue"}
		commit(t, store, &state.Commit{Scope: noPlan, Hold: hold(noPlan, "", 6)})
		for _, tt := range []struct {
			what   string
			scope  plan.Scope
			digest string
		}{
			{"a stale digest", contoso, "d0"},
			{"no digest", contoso, ""},
			{"a scope that holds nothing", fabrikam, "d1"},
			{"a hold without a plan", noPlan, ""},
		} {
			if err := store.Decide(t.Context(), tt.scope, tt.digest, approve); !errors.Is(err, state.ErrNotFound) {
				t.Errorf("%s: got %v, want ErrNotFound", tt.what, err)
			}
		}
		wantEqual(t, "hold", recall(t, store, contoso).Hold, hold(contoso, "d1", 6))
	})
	t.Run("a hold without a plan comes back without one", func(t *testing.T) {
		store := s.emptyStore(t)
		h := hold(contoso, "", 6)
		h.Plan, h.Violations = nil, nil
		commit(t, store, &state.Commit{Scope: contoso, Hold: h})
		if got := recall(t, store, contoso).Hold; len(got.Plan) != 0 {
			t.Errorf("got the plan %q, want none", got.Plan)
		}
	})
}

func (s *suite) settlements(t *testing.T) {
	store := s.emptyStore(t)
	keys := []plan.Key{key("user", "b"), key("contact", "z"), key("user", "a")}
	for _, scope := range []plan.Scope{fabrikam, contoso} {
		for _, k := range keys {
			if err := store.Settle(t.Context(), scope, k, settlement(scope, k, plan.SettleIgnore)); err != nil {
				t.Fatalf("settling %s: %v", k, err)
			}
		}
	}
	word := settlement(contoso, key("user", "a"), plan.SettleAccept)
	if err := store.Settle(t.Context(), contoso, word.Key, word); err != nil {
		t.Fatalf("settling again: %v", err)
	}
	for range 2 { // taking back what is not there is no error
		if err := store.Settle(t.Context(), fabrikam, key("user", "b"), nil); err != nil {
			t.Fatalf("taking back: %v", err)
		}
	}
	want := []state.Settlement{
		*settlement(contoso, key("contact", "z"), plan.SettleIgnore), *word, *settlement(contoso, key("user", "b"), plan.SettleIgnore),
		*settlement(fabrikam, key("contact", "z"), plan.SettleIgnore), *settlement(fabrikam, key("user", "a"), plan.SettleIgnore),
	}
	got := collect(t, store.Settlements(t.Context()))
	wantEqual(t, "all", got, want)
	wantEqual(t, "those of a scope", recall(t, store, contoso).Settlements, want[:3])
	wantUTC(t, "settlement", got[0].At)

	// The scope and key that are named count, not those in the word.
	if err := store.Settle(t.Context(), fabrikam, key("user", "c"), word); err != nil {
		t.Fatalf("settling under another name: %v", err)
	}
	m := recall(t, store, fabrikam)
	last := m.Settlements[len(m.Settlements)-1]
	if last.Scope != fabrikam || last.Key != key("user", "c") {
		t.Errorf("got a word on %s of %s, want one on user c of %s", last.Key, last.Scope, fabrikam)
	}
}
