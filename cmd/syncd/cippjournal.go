package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/web/control"
)

// journalStep journals a step and its result, without passwords.
func (c *cippCommand) journalStep(ctx context.Context, s *admin.Step, r admin.Result, line *stepResult) error {
	before := plan.Object{Key: plan.Key{Kind: "call", ID: s.Endpoint}, Label: s.Title, Fields: journalFields(s.Before)}
	after := before
	after.Fields = journalFields(r.After)
	body, err := json.Marshal(line.Body)
	if err != nil {
		return err
	}
	after.Facts = []plan.Fact{{Name: "body", Value: c.redact.Text(string(body))}}
	// The label has the title, and the error the sentences that matter.
	message := strings.TrimPrefix(line.Error, s.Title+": ")
	if message == "" {
		message = strings.Join(line.Said, "; ")
	}
	return c.journalEntry(ctx, s.Tenant, &before, &after, line.Result, message)
}

func journalFields(s admin.State) plan.Fields {
	var f plan.Fields
	for _, x := range s {
		f = f.With(x.Name, plan.Value{x.Value})
	}
	return f
}

// journalEntry adds an entry to the journal.
func (c *cippCommand) journalEntry(ctx context.Context, t directory.Tenant, before, after *plan.Object, result, message string) error {
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
	by := c.operator()
	entry := state.Entry{At: c.app.Now().UTC(), Run: app.CommandRun, Scope: scope, Name: name, Action: plan.Update, Key: after.Key, Label: after.Label,
		Reason: "typed", Before: state.ImageOf(before), After: state.ImageOf(after), Money: "0.00", Result: result, Message: c.redact.Text(strings.TrimSpace(message)), By: by.Name, How: by.Identified}
	ctx = context.WithoutCancel(ctx)
	err := c.app.Store.Commit(ctx, &state.Commit{Scope: scope, Entries: []state.Entry{entry}})
	if errors.Is(err, state.ErrLocked) {
		err = c.journalThroughDaemon(ctx, &entry, err)
	}
	if err != nil {
		return fmt.Errorf("it was done, and writing it down failed: %w", err)
	}
	return nil
}

// journalThroughDaemon sends a journal entry to a daemon that was started while the
// command ran and has locked the state since; locked is returned where there is no daemon.
func (c *cippCommand) journalThroughDaemon(ctx context.Context, entry *state.Entry, locked error) error {
	raw, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	cfg := c.app.Config
	status, err := cfg.Daemon().Call(ctx, cfg.Request([]string{"cipp", journalCommandName, string(raw)}), c.console)
	switch {
	case errors.Is(err, control.ErrNoDaemon):
		return locked
	case err == nil && status != 0:
		err = fmt.Errorf("the daemon did not take it (status %d)", status)
	}
	return err
}

// journalCommandName is the hidden command that journalThroughDaemon runs in the daemon.
const journalCommandName = "write-down"

func journalCommand(opts *cippOptions) *cobra.Command {
	cmd := &cobra.Command{Use: journalCommandName + " ENTRY", Hidden: true, Args: cobra.ExactArgs(1)}
	cmd.RunE = opts.stateful(func(ctx context.Context, w *app.App, args []string) error {
		var e state.Entry
		if err := json.Unmarshal([]byte(args[0]), &e); err != nil {
			return usage("that is no entry of the journal: %w", err)
		}
		if e.Run != app.CommandRun || e.Scope.Target != "cipp" {
			return usage("only what a cipp command did is written down like this")
		}
		by := opts.operator() // as the daemon's socket knows the caller, not as the entry says
		e.By, e.How = by.Name, by.Identified
		return w.Store.Commit(ctx, &state.Commit{Scope: e.Scope, Entries: []state.Entry{e}})
	})
	return cmd
}
