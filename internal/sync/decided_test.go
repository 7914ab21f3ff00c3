package sync

import (
	"context"
	"strings"
	"testing"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// While the first of four changes is under way a person decides: what is not sent yet
// follows that at once.
func TestWhatIsDecidedWhileARunWritesCountsBeforeTheNextRequest(t *testing.T) {
	both := []plan.Scope{{Customer: string(contoso), Target: "fake"}, {Customer: string(fabrikam), Target: "fake"}}
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	document := func(w *fixture, name string) {
		d, err := w.store.Document(context.Background(), name)
		must(err)
		d.Body = []byte(`{}`)
		must(w.store.PutDocument(context.Background(), d))
	}
	for _, c := range []struct {
		name   string
		decide func(*fixture)
		writes int
		want   string // codes
		says   string
		after  string // outcomes of the next run, where they are another matter than the approval's
	}{
		{"nothing", func(*fixture) {}, 4, "", "", "in_step in_step"},
		{"something else", func(w *fixture) { document(w, "products") }, 4, "", "", "in_step in_step"},
		{"the plans are rejected", func(w *fixture) {
			for _, scope := range both {
				memory, err := w.store.Recall(context.Background(), scope)
				must(err)
				if memory.Hold != nil {
					must(w.store.Decide(context.Background(), scope, memory.Hold.Digest, state.Decision{By: "mary", Reason: "not these"}))
				}
			}
		}, 1, "rejected rejected", "mary rejected this plan (not these) while the run was writing", "held held"},
		{"the rules change", func(w *fixture) { w.spec.Settings = "v2"; document(w, "products") }, 1, "plan_moved plan_moved", "somebody changed the rules", ""},
		{"an override of one customer", func(w *fixture) {
			w.spec.Own = map[string]target.Own{string(fabrikam): {Settings: "x"}, string(contoso): {Settings: "x"}}
			document(w, "overrides")
		}, 1, "plan_moved plan_moved", "an override", ""},
		{"the links change", func(w *fixture) {
			rows := append([]mapping.Row(nil), w.table.Rows...)
			for i := range rows {
				rows[i].Links = mapping.Links{"fake": "2"}
			}
			w.table.Rows = rows
			document(w, "links")
		}, 1, "plan_moved plan_moved", "what the customer is linked to", ""},
		{"the customers are ignored", func(w *fixture) {
			rows := append([]mapping.Row(nil), w.table.Rows...)
			for i := range rows {
				rows[i].Status = mapping.Ignored
			}
			w.table.Rows = rows
			document(w, "links")
		}, 1, "plan_moved plan_moved", "what the customer is linked to", "unmapped unmapped"},
		{"lines are to be left alone", func(w *fixture) {
			for _, scope := range both {
				key := plan.Key{Kind: "addition", ID: premium}
				must(w.store.Settle(context.Background(), scope, key, &state.Settlement{Settlement: plan.Settlement{Key: key, How: plan.SettleIgnore, Reason: "leave it"}, By: "mary"}))
			}
		}, 1, "plan_moved plan_moved", "settled one of the customer's objects", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t)
			w.bought[fabrikam][e3] = 2
			w.converge()
			w.job.Policy = plan.Approve
			w.bought[contoso][premium], w.bought[contoso][e3], w.bought[fabrikam][premium], w.bought[fabrikam][e3] = 14, 4, 9, 5
			w.want(w.apply(), "held held", 3)
			w.approve()
			before, decided := w.writes, false
			w.fail = func(plan.Change) (bool, error) {
				if !decided {
					decided = true
					c.decide(w)
				}
				return true, nil
			}
			r := w.apply()
			if w.writes-before != c.writes || w.codes(r) != c.want {
				t.Errorf("got %d writes and %q, want %d and %q\n%+v", w.writes-before, w.codes(r), c.writes, c.want, r.Scopes)
			}
			for _, s := range r.Scopes {
				if c.want == "" || len(s.Violations) == 0 {
					continue
				}
				if said := s.Violations[0].Message; s.Outcome != Held || !strings.Contains(said, c.says) {
					t.Errorf("%s is %s: %s; want it held, and %q", s.Customer.Name, s.Outcome, said, c.says)
				}
			}
			if next := w.apply(); c.after != "" && string(next.Scopes[0].Outcome)+" "+string(next.Scopes[1].Outcome) != c.after {
				t.Errorf("the next run: %+v, want %s", next.Scopes, c.after)
			}
		})
	}
}
