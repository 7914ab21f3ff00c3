package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// journal writes down what was typed and what came of it, without passwords.
func (d *desk) journal(ctx context.Context, s *admin.Step, r admin.Result, line *doneStep) error {
	before := plan.Object{Key: plan.Key{Kind: "call", ID: s.Endpoint}, Label: s.Title, Fields: journalFields(s.Before)}
	after := before
	after.Fields = journalFields(r.After)
	body, err := json.Marshal(line.Body)
	if err != nil {
		return err
	}
	after.Info = map[string]string{"body": d.redact.Text(string(body))}
	// The label has the title, and the error the sentences that matter.
	message := strings.TrimPrefix(line.Error, s.Title+": ")
	if message == "" {
		message = strings.Join(line.Said, "; ")
	}
	return d.writeDown(ctx, s.Tenant, &before, &after, line.Result, message)
}

func journalFields(s admin.State) plan.Fields {
	var f plan.Fields
	for _, x := range s {
		f = f.With(x.Name, plan.Value{x.Value})
	}
	return f
}

// commandRun stands in the journal where a change belongs to no run: somebody
// typed it.
const commandRun = "command"

// writeDown adds a line to the journal.
func (d *desk) writeDown(ctx context.Context, t directory.Tenant, before, after *plan.Object, result, message string) error {
	switch result {
	case "done", "sent":
		result = state.ResultDone
	case "unknown":
		result = state.ResultUnknown
	default:
		result = state.ResultFailed
	}
	customer := string(t.ID)
	if customer == "" {
		customer = "cipp"
	}
	name := t.Name
	if customer == "cipp" {
		name = "CIPP"
	}
	scope := plan.Scope{Customer: customer, Target: "cipp"}
	entry := state.Entry{At: d.world.Now().UTC(), Run: commandRun, Scope: scope, Name: name, Action: plan.Update, Key: after.Key, Label: after.Label,
		Reason: "typed", Before: before, After: after, Money: "0.00", Result: result, Message: d.redact.Text(strings.TrimSpace(message)), By: d.console.User}
	if err := d.world.Store.Commit(context.WithoutCancel(ctx), &state.Commit{Scope: scope, Entries: []state.Entry{entry}}); err != nil {
		return fmt.Errorf("it was done, and writing it down failed: %w", err)
	}
	return nil
}
