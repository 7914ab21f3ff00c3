package statetest

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
)

func (s *suite) journal(t *testing.T) {
	t.Run("entries come back newest first, as they were written, numbered and chained", func(t *testing.T) {
		path := name(t)
		store := openForTest(t, s.open, path)
		forged := entry(contoso, "01J1", "b")
		forged.Seq, forged.Prev, forged.Hash = 40, "prev", "hash"
		commit(t, store, &state.Commit{Scope: contoso, Entries: []state.Entry{entry(contoso, "01J1", "a"), forged}})
		store = reopen(t, s.open, store, path) // the chain goes on where it was
		commit(t, store, &state.Commit{Scope: fabrikam, Entries: []state.Entry{entry(fabrikam, "01J2", "c")}})

		got := collect(t, store.Journal(t.Context(), state.JournalFilter{}))
		wantEqual(t, "labels", labels(got), []string{"c", "b", "a"})
		slices.Reverse(got)
		var chain state.Chain
		for i, want := range []state.Entry{entry(contoso, "01J1", "a"), entry(contoso, "01J1", "b"), entry(fabrikam, "01J2", "c")} {
			want = chain.Append(want)
			wantEqual(t, "entry", got[i], want)
			wantUTC(t, "entry", got[i].At)
		}
	})
	t.Run("an entry of a create has no before, one of a forget no after, and odd text stays verifiable", func(t *testing.T) {
		store := s.emptyStore(t)
		created, forgot := entry(contoso, "01J1", "<a> & \u2028 ünï"), entry(contoso, "01J1", "broken \xff text")
		created.Before, forgot.After = nil, nil
		commit(t, store, &state.Commit{Scope: contoso, Entries: []state.Entry{created, forgot}})
		got := collect(t, store.Journal(t.Context(), state.JournalFilter{}))
		if len(got) != 2 || got[0].After != nil || got[1].Before != nil {
			t.Errorf("got %+v, want two entries with one side each", got)
		}
		if _, err := store.Verify(t.Context()); err != nil {
			t.Errorf("got %v, want a journal that verifies", err)
		}
	})
	t.Run("an entry without a scope is one of the scope it is committed with", func(t *testing.T) {
		store := s.emptyStore(t)
		commit(t, store, &state.Commit{Scope: contoso, Entries: []state.Entry{entry(plan.Scope{}, "01J1", "a")}})
		if got := collect(t, store.Journal(t.Context(), state.JournalFilter{Customer: "contoso"})); len(got) != 1 || got[0].Scope != contoso {
			t.Errorf("got %v, want one entry of %s", got, contoso)
		}
	})
	t.Run("what a person decides and its entry are one step", s.decisionEntries)
	t.Run("filters", s.filters)
}

func (s *suite) decisionEntries(t *testing.T) {
	store := s.emptyStore(t)
	ctx := t.Context()
	about := func(action plan.Action, label string) state.Entry {
		return state.Entry{At: at(7), Action: action, Scope: contoso, Label: label, Result: state.ResultDone, By: "ada", How: "by the kernel", Why: "asked"}
	}
	late := about(state.ActionImport, "cannot be written")
	late.At = late.At.AddDate(9000, 0, 0)
	commit(t, store, &state.Commit{Scope: contoso, Hold: hold(contoso, "d1", 6)})
	k := key("user", "a")
	general := about(state.ActionImport, "products")
	general.Scope = plan.Scope{}
	for _, step := range []struct {
		label string
		err   error
	}{
		{"approved", store.Decide(ctx, contoso, "d1", state.Decision{Approved: true, By: "ada", How: "by the kernel", At: at(7)}, about(state.ActionApprove, "approved"))},
		{"settled", store.Settle(ctx, contoso, k, settlement(contoso, k, plan.SettleIgnore), about(state.ActionSettle, "settled"))},
		{"taken back", store.Settle(ctx, contoso, k, nil, about(state.ActionSettle, "taken back"))},
		{"links", store.PutDocument(ctx, state.Document{Name: "links", Body: []byte("{}")}, about(state.ActionImport, "links"))},
		{"products", store.PutDocument(ctx, state.Document{Name: "products", Body: []byte("{}")}, general)},
	} {
		if step.err != nil {
			t.Errorf("%s: %v", step.label, step.err)
		}
	}
	for what, err := range map[string]error{
		"a plan that does not wait":          store.Decide(ctx, contoso, "d0", state.Decision{Approved: true}, about(state.ActionApprove, "no")),
		"a table that was written meanwhile": store.PutDocument(ctx, state.Document{Name: "links", Body: []byte("other")}, about(state.ActionImport, "no")),
		"an entry that cannot be written":    store.PutDocument(ctx, state.Document{Name: "links", Version: 1, Body: []byte("other")}, late),
		"and one of a decision":              store.Decide(ctx, contoso, "d1", state.Decision{By: "bob"}, late),
		"and one of a settlement":            store.Settle(ctx, contoso, k, settlement(contoso, k, plan.SettleAccept), late),
	} {
		if err == nil {
			t.Errorf("%s: got no error", what)
		}
	}
	m := recall(t, store, contoso)
	if d := m.Hold.Decision; d == nil || !d.Approved || d.How != "by the kernel" || len(m.Settlements) != 0 {
		t.Errorf("got %+v and %d settlements, want the approval alone", d, len(m.Settlements))
	}
	if d, err := store.Document(ctx, "links"); err != nil || string(d.Body) != "{}" {
		t.Errorf("got %q, %v, want the table as it was", d.Body, err)
	}
	got := collect(t, store.Journal(ctx, state.JournalFilter{}))
	wantEqual(t, "journal", labels(got), []string{"products", "links", "taken back", "settled", "approved"})
	wantEqual(t, "scopes", []plan.Scope{got[0].Scope, got[1].Scope}, []plan.Scope{{}, contoso})
	if got[4].How != "by the kernel" || got[4].Action != state.ActionApprove {
		t.Errorf("got %+v", got[4])
	}
	if n, err := store.Verify(ctx); err != nil || n.Entries != 5 {
		t.Errorf("got %+v, %v, want five lines that verify", n, err)
	}
}

func (s *suite) filters(t *testing.T) {
	store := s.emptyStore(t)
	other := plan.Scope{Customer: "contoso", Target: "scim/cinode"}
	quoted := plan.Scope{Customer: `"run":"01J2"`, Target: "itglue"} // looks like a member of the line
	for _, c := range []struct {
		scope plan.Scope
		run   string
		label string
	}{
		{contoso, "01J1", "1"}, {other, "01J1", "2"}, {fabrikam, "01J1", "3"},
		{contoso, "01J2", "4"}, {fabrikam, "01J2", "5"}, {quoted, "01J3", "6"},
	} {
		e := entry(c.scope, c.run, c.label)
		days, err := strconv.Atoi(c.label)
		if err != nil {
			t.Fatal(err)
		}
		e.At = e.At.AddDate(0, 0, days) // from 22 to 27 November
		// Facts of an object that are called like members of the line.
		e.After.Facts = map[string]string{"run": "01J2", "customer": "contoso", "target": "scim/cinode"}
		commit(t, store, &state.Commit{Scope: c.scope, Entries: []state.Entry{e}})
	}
	for _, tt := range []struct {
		what   string
		filter state.JournalFilter
		want   []string
	}{
		{"an empty filter lets everything through", state.JournalFilter{}, []string{"6", "5", "4", "3", "2", "1"}},
		{"by run", state.JournalFilter{Run: "01J2"}, []string{"5", "4"}},
		{"by customer", state.JournalFilter{Customer: "contoso"}, []string{"4", "2", "1"}},
		{"by target", state.JournalFilter{Target: "scim/cinode"}, []string{"5", "3", "2"}},
		{"by all of them", state.JournalFilter{Run: "01J1", Customer: "contoso", Target: "scim/cinode"}, []string{"2"}},
		{"by what nothing has", state.JournalFilter{Run: "01J9"}, nil},
		{"by the start of a name", state.JournalFilter{Customer: "conto"}, nil},
		{"by a name with quotes", state.JournalFilter{Customer: `"run":"01J2"`}, []string{"6"}},
		{"from a moment", state.JournalFilter{From: at(4).AddDate(0, 0, 5)}, []string{"6", "5"}},
		{"up to a moment, which is not of it", state.JournalFilter{To: at(4).AddDate(0, 0, 3)}, []string{"2", "1"}},
		{"within a day", state.JournalFilter{From: at(0).AddDate(0, 0, 3), To: at(0).AddDate(0, 0, 4)}, []string{"3"}},
		{"within a day, of a customer", state.JournalFilter{Customer: "contoso", From: at(0).AddDate(0, 0, 3), To: at(0).AddDate(0, 0, 4)}, nil},
		{"a limit counts what passes", state.JournalFilter{Customer: "contoso", Limit: 2}, []string{"4", "2"}},
		{"a limit above the number", state.JournalFilter{Limit: 99}, []string{"6", "5", "4", "3", "2", "1"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			wantEqual(t, "labels", labels(collect(t, store.Journal(t.Context(), tt.filter))), tt.want)
		})
	}
}

func (s *suite) runs(t *testing.T) {
	path := name(t)
	store := openForTest(t, s.open, path)
	run := func(id string) state.Run {
		return state.Run{ID: id, Job: "licences", Trigger: "schedule", Started: at(1)}
	}
	for _, id := range []string{"01J2", "01J1", "01J10", "01J3"} {
		if err := store.PutRun(t.Context(), run(id)); err != nil {
			t.Fatalf("storing: %v", err)
		}
	}
	done := run("01J2")
	done.Finished, done.Totals, done.Error = at(2), map[string]int{"held": 1, "in_step": 0}, "one scope failed"
	if err := store.PutRun(t.Context(), done); err != nil {
		t.Fatalf("storing again: %v", err)
	}
	if err := store.PutRun(t.Context(), state.Run{Job: "licences"}); err == nil {
		t.Error("a run without an id: got no error")
	}
	store = reopen(t, s.open, store, path)
	got := collect(t, store.Runs(t.Context()))
	wantEqual(t, "runs", got, []state.Run{run("01J3"), done, run("01J10"), run("01J1")})
	wantUTC(t, "run", got[0].Started, got[1].Finished)
	if len(got) > 0 && !got[0].Finished.Equal(time.Time{}) {
		t.Errorf("got a finish of %s for a run under way, want none", got[0].Finished)
	}
}
