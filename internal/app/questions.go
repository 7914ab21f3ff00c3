package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// A MatchList is what people must settle, and what they settled.
type MatchList struct {
	Matches []Match `json:"matches"`
}

// A Question is an object that waits for a person's word, or has one; both where it is asked
// about all the same.
type Question struct {
	Match
	Asked    bool
	Decision string // accept, create or ignore, with the id of what is accepted; empty where there is none
	Reason   string // of the decision
}

// Scope is whose object it is, and where.
func (q *Question) Scope() plan.Scope {
	return plan.Scope{Customer: q.Customer.Key, Target: q.Target}
}

// Questions are the matches, one an object, undecided ones first.
func (w *App) Questions(ctx context.Context) ([]Question, error) {
	all, err := w.Matches(ctx)
	if err != nil {
		return nil, err
	}
	type object struct {
		scope plan.Scope
		key   plan.Key
	}
	at := map[object]int{}
	var out []Question
	for _, m := range all {
		q := Question{Match: m, Asked: m.How == ""}
		of := object{q.Scope(), plan.Key{Kind: m.Kind, ID: m.Key}}
		i, there := at[of]
		if !there {
			i, at[of] = len(out), len(out)
			out = append(out, q)
		}
		if m.How != "" {
			settled := state.Settlement{Settlement: plan.Settlement{How: m.How, Ref: m.Ref}}
			out[i].Decision, out[i].Reason, out[i].By = decisionIn(&settled), m.Message, m.By
			if !out[i].Asked {
				out[i].Message = ""
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Question) int {
		rank := func(q *Question) int {
			if q.Decision == "" {
				return 0
			}
			return 1
		}
		return cmp.Or(rank(&a)-rank(&b), strings.Compare(strings.ToLower(a.Customer.Name), strings.ToLower(b.Customer.Name)), strings.Compare(a.Customer.Key, b.Customer.Key))
	})
	return out, nil
}

// Label is what the object of a question is called, as far as its scope remembers it.
func (w *App) Label(ctx context.Context, q *Question) (string, error) {
	return w.labelOf(ctx, q.Scope(), plan.Key{Kind: q.Kind, ID: q.Key})
}

// decisionIn is a decision in one word or two; empty where there is none.
func decisionIn(s *state.Settlement) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(s.How + " " + s.Ref)
}

// unmoved compares what a person saw of an object with what is now. said reports that
// somebody said the same already.
func (w *App) unmoved(ctx context.Context, scope plan.Scope, whose string, word plan.Settlement, seen string) (said bool, err error) {
	m, err := w.Store.Recall(ctx, scope)
	if err != nil {
		return false, err
	}
	var now *state.Settlement
	if i := slices.IndexFunc(m.Settlements, func(s state.Settlement) bool { return s.Key == word.Key }); i >= 0 {
		now = &m.Settlements[i]
	}
	asked := m.Cursor != nil && slices.ContainsFunc(m.Cursor.Violations, func(v plan.Violation) bool { return v.Kind == word.Key.Kind && v.Key == word.Key.ID })
	what := whose + " at " + w.Config.TargetTitle(scope.Target)
	switch is := decisionIn(now); {
	case word.How != plan.SettleRetry && now != nil && is == decisionIn(&state.Settlement{Settlement: word}) && now.Reason == word.Reason:
		return true, nil
	case word.How == plan.SettleRetry && now == nil && seen != "":
		return true, nil
	case word.How == plan.SettleRetry && now == nil && m.Cursor != nil:
		if said, err := w.retriedSince(ctx, scope, word.Key, m.Cursor.At); said || err != nil {
			return said, err
		}
	}
	switch is := decisionIn(now); {
	case is != seen && now != nil:
		return false, &MovedError{[]string{what + ": " + is + " (" + now.By + ", " + now.At.In(w.Location).Format("2 Jan 15:04") + ")"}}
	case is != seen:
		return false, &MovedError{[]string{what + ": the word on it was taken back"}}
	case now == nil && !asked:
		return false, &MovedError{[]string{what + " is asked about no longer"}}
	}
	return false, nil
}

// retriedSince reports whether somebody had an object tried again since the last run, which did not
// come to it yet.
func (w *App) retriedSince(ctx context.Context, scope plan.Scope, key plan.Key, run time.Time) (bool, error) {
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Customer: scope.Customer, Target: scope.Target, From: run}) { // newest first
		if err != nil {
			return false, fmt.Errorf("reading what was settled: %w", err)
		}
		if e.Action == state.ActionSettle && e.Key == key {
			return e.After != nil && e.After.Fields.Text("decision") == plan.SettleRetry, nil
		}
	}
	return false, nil
}

// SettleFor is Settle, and waits so long for it; ended is false where it takes longer, and goes on
// with the daemon.
func (w *Running) SettleFor(ctx context.Context, by Operator, said Word, wait time.Duration) (done Settled, ended bool, err error) {
	return inBackground(ctx, w.ctx, wait, func(ctx context.Context) (Settled, error) {
		done, err := w.Settle(ctx, by, said)
		if err != nil {
			w.Log.Warn().Err(err).Str("customer", said.Customer).Str("target", said.Target).Str("by", by.Name).Msg("object not settled")
		}
		return done, err
	})
}
