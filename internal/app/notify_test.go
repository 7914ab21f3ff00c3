package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/money"
	"syncd/internal/notify"
	"syncd/internal/plan"
	"syncd/internal/secret"
	"syncd/internal/state"
)

// What people may be told of follows from the state and the configuration alone.
func TestWhatPeopleAreToldOfIsReadFromTheState(t *testing.T) {
	now := time.Date(2026, 12, 2, 12, 0, 0, 0, time.UTC)
	w, _ := measured(t, &now)
	causes := func() (lines []string) {
		t.Helper()
		facts := w.notifyFacts(t.Context())
		for _, k := range notify.Kinds {
			if !facts.Known[k] {
				t.Errorf("%s: not known", k)
			}
		}
		for _, c := range facts.Causes {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", c.Kind, c.Title(), c.Says()))
		}
		slices.Sort(lines)
		return lines
	}
	if got := causes(); len(got) != 0 {
		t.Errorf("of a new state: got %v, want nothing", got)
	}

	token := "h." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, now.AddDate(0, 0, 10).Unix())) + ".s"
	connectWiseOf(w.Config).PrivateKey = secret.New(token)
	put := func(customer, outcome string, c state.Cursor, h *state.Hold, spans ...state.Span) {
		t.Helper()
		scope := plan.Scope{Customer: customer, Target: "connectwise"}
		c.Scope, c.Name, c.Outcome, c.At = scope, strings.ToUpper(customer), outcome, now
		if h != nil {
			h.Scope, h.Name, h.Digest, h.Since = scope, c.Name, "d-"+customer, now
		}
		for i := range spans {
			spans[i].Scope = scope
		}
		if err := w.Store.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: &c, Hold: h, Spans: spans}); err != nil {
			t.Fatal(err)
		}
	}
	first := []plan.Violation{{Code: "first_plan", Message: "ann@a.example is named here, and nowhere else"}}
	changes := []byte(`{"changes":[{"action":"update","label":"Ann","monthly_delta":"44.00","currency":"USD"},{"action":"adopt","monthly_delta":"0"},
		{"action":"update","monthly_delta":"-12.50","currency":"EUR"}]}`)
	seen := func(id, sku string, ends time.Time) directory.Seen {
		return directory.Seen{ID: id, SKU: sku, Status: "Enabled", State: string(money.Enabled), Units: 5, Ends: ends}
	}
	const spb = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	put("d", "in_step", state.Cursor{Seen: []directory.Seen{seen("soon", spb, now.AddDate(0, 0, 30)), seen("later", spb, now.AddDate(0, 0, 31))}}, nil,
		state.Span{Key: plan.Key{Kind: "addition", ID: spb}, From: now.AddDate(0, -2, 0), Known: true, Purchased: "5", Assigned: "5", Due: "5", Billed: "5", Price: "10", Currency: "USD"})
	check := func(want ...string) {
		t.Helper()
		if got := causes(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	check("credentials: ConnectWise, connectwise.private_key: ends on 12 December 2026",
		"month: November 2026: it is over, and nothing stands between here and closing it",
		"renewals: D: 5 units of Microsoft 365 Business Premium, until 1 January 2027")

	// A month in which a customer has nothing proven is not ready.
	put("a", "held", state.Cursor{}, &state.Hold{Violations: first, Plan: changes})
	put("b", "held", state.Cursor{}, &state.Hold{Violations: first, Plan: changes})
	put("c", "failed", state.Cursor{Error: "ann@c.example may not", TroubleSince: now.AddDate(0, 0, -2)}, nil)
	if err := w.Store.Decide(t.Context(), plan.Scope{Customer: "b", Target: "connectwise"}, "d-b", state.Decision{Approved: true, By: "Priya", At: now}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		at := now.AddDate(0, 0, i-3)
		if err := w.Store.PutRun(t.Context(), state.Run{ID: fmt.Sprintf("01J%d", i), Job: "licences", Started: at, Finished: at.Add(time.Minute), Error: "CIPP is away"}); err != nil {
			t.Fatal(err)
		}
	}
	w.Config.Jobs = w.Config.defaultJobs()
	w.Jobs = w.Config.jobs()
	check("credentials: ConnectWise, connectwise.private_key: ends on 12 December 2026",
		"failing: All customers of the job licences: its runs fail as a whole, 3 times in a row",
		"failing: C at ConnectWise: failed",
		"renewals: D: 5 units of Microsoft 365 Business Premium, until 1 January 2027",
		"waiting: A at ConnectWise: 2 changes, −12.50 EUR, +44.00 USD a month")

	// A state that cannot be read says nothing, and nothing is taken for solved.
	w.Store = unreadable{w.Store}
	facts := w.notifyFacts(t.Context())
	if len(facts.Known) != 1 || !facts.Known[notify.Credentials] {
		t.Errorf("of a state that cannot be read: got %v known, want the configuration alone", facts.Known)
	}
}

// An unreadable store reads nothing.
type unreadable struct{ state.Store }

var errUnreadable = errors.New("the disk is gone")

func (unreadable) Cursors(context.Context) iter.Seq2[state.Cursor, error] {
	return func(yield func(state.Cursor, error) bool) { yield(state.Cursor{}, errUnreadable) }
}

func (unreadable) Holds(context.Context) iter.Seq2[state.Hold, error] {
	return func(yield func(state.Hold, error) bool) { yield(state.Hold{}, errUnreadable) }
}

func (unreadable) Document(context.Context, string) (state.Document, error) {
	return state.Document{}, errUnreadable
}
