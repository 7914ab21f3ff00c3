package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/web/control"
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
	ctx = context.WithoutCancel(ctx)
	err := d.world.Store.Commit(ctx, &state.Commit{Scope: scope, Entries: []state.Entry{entry}})
	if errors.Is(err, state.ErrLocked) {
		err = d.handOver(ctx, &entry, err)
	}
	if err != nil {
		return fmt.Errorf("it was done, and writing it down failed: %w", err)
	}
	return nil
}

// handOver gives a line of the journal to a daemon that was started while a
// command was under way and has the state now; why is what went wrong otherwise.
func (d *desk) handOver(ctx context.Context, entry *state.Entry, why error) error {
	raw, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	cfg := d.world.Config
	status, err := cfg.daemon().Call(ctx, cfg.request([]string{"cipp", writeDownName, string(raw)}), d.console)
	switch {
	case errors.Is(err, control.ErrNoDaemon):
		return why
	case err == nil && status != 0:
		err = fmt.Errorf("the daemon did not take it (status %d)", status)
	}
	return err
}

// writeDownName is the command that handOver asks a daemon for. People do not type it.
const writeDownName = "write-down"

func writeDownCommand(t *technician) *cobra.Command {
	cmd := &cobra.Command{Use: writeDownName + " ENTRY", Hidden: true, Args: cobra.ExactArgs(1)}
	cmd.RunE = t.stateful(func(ctx context.Context, w *World, args []string) error {
		var e state.Entry
		if err := json.Unmarshal([]byte(args[0]), &e); err != nil {
			return usage("that is no entry of the journal: %w", err)
		}
		if e.Run != commandRun || e.Scope.Target != "cipp" {
			return usage("only what a cipp command did is written down like this")
		}
		e.By = t.console.User // whoever says so
		return w.Store.Commit(ctx, &state.Commit{Scope: e.Scope, Entries: []state.Entry{e}})
	})
	return cmd
}
