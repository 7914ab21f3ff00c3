package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// CommandRun is the run of a journal entry for a change that somebody typed.
const CommandRun = "command"

// decisionEntry is the journal's entry about what a person decided just now.
func (w *App) decisionEntry(by Operator, action plan.Action, scope plan.Scope, name string) state.Entry {
	return state.Entry{At: w.Now().UTC(), Scope: scope, Name: name, Action: action, Result: state.ResultDone, By: by.Name, How: by.Identified}
}

// planEntry is the journal's entry about a person's word on a plan that waits.
func (w *App) planEntry(by Operator, approve bool, h *state.Hold, reason string) state.Entry {
	action := state.ActionReject
	if approve {
		action = state.ActionApprove
	}
	e := w.decisionEntry(by, action, h.Scope, h.Name)
	e.Run, e.Job, e.Digest, e.Label, e.Why = h.Run, h.Job, h.Digest, "plan "+h.Digest, reason
	if shown := ShownPlan(h); shown.MonthlyDelta != "" {
		e.Money = shown.MonthlyDelta
	}
	return e
}

// settlementEntry is the journal's entry about a person's word on one object.
func (w *App) settlementEntry(by Operator, scope plan.Scope, name string, word plan.Settlement) state.Entry {
	e := w.decisionEntry(by, state.ActionSettle, scope, name)
	e.Key, e.Ref, e.Why, e.Label = word.Key, word.Ref, word.Reason, word.How+" "+word.Key.ID
	e.After = &state.Image{Key: word.Key, Ref: word.Ref, Fields: plan.Set("decision", word.How)}
	return e
}

// tableEntries are the journal's entries about a table that a person changed: one, or
// none where nothing changed. of says which table and whence, and text is what was
// imported, nil where nothing was.
func (w *App) tableEntries(by Operator, action plan.Action, table, of string, text []byte, edits []mapping.Edit) []state.Entry {
	if len(edits) == 0 {
		return nil
	}
	e := w.decisionEntry(by, action, plan.Scope{}, "")
	one := !slices.ContainsFunc(edits, func(x mapping.Edit) bool { return x.Key != edits[0].Key })
	if one && (table == LinksDocument || table == TermsDocument) {
		e.Scope.Customer, e.Name = edits[0].Key, edits[0].Name
	}
	e.Key = plan.Key{Kind: table, ID: of}
	e.Label = fmt.Sprintf("%s: %s", table, Count(len(edits), "change"))
	if of != "" {
		e.Label += " from " + of
	}
	before, after := state.Image{Key: e.Key}, state.Image{Key: e.Key}
	for _, x := range edits {
		field := x.Column
		if !one {
			field = fmt.Sprintf("%s (%s): %s", x.Name, x.Key, x.Column)
		}
		before.Fields, after.Fields = before.Fields.With(field, plan.Value{x.Before}), after.Fields.With(field, plan.Value{x.After})
	}
	e.Before, e.After = &before, &after
	if text == nil {
		text, _ = json.Marshal(edits) // plain texts and numbers; cannot fail
	}
	sum := sha256.Sum256(text)
	e.Digest = hex.EncodeToString(sum[:])
	return []state.Entry{e}
}
