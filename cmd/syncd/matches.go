package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// An unsettled object waits for a person's word.
type unsettled struct {
	Customer sync.Party `json:"customer"`
	Target   string     `json:"target"`
	Kind     string     `json:"kind"`
	Key      string     `json:"key"`
	Code     string     `json:"code"`
	Message  string     `json:"message"`
	How      string     `json:"how,omitempty"` // how it was settled
	Ref      string     `json:"ref,omitempty"`
	By       string     `json:"by,omitempty"`
}

func matchesCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "matches", Short: "Settle single objects: which line is ours, what to leave alone", Args: cobra.NoArgs}
	list := a.stateful(func(ctx context.Context, w *World, _ []string) error { return w.listMatches(ctx, a) })
	cmd.RunE = list
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "Show what a person must settle, and what was settled", Args: cobra.NoArgs, RunE: list},
		settleCommand(a, plan.SettleAccept, "accept CUSTOMER TARGET KEY REF", "It is this one: manage the object with that id at the target", 4),
		settleCommand(a, plan.SettleCreate, "create CUSTOMER TARGET KEY", "None of the candidates: create a new one", 3),
		settleCommand(a, plan.SettleIgnore, "ignore CUSTOMER TARGET KEY", "Leave the object alone from now on", 3),
		settleCommand(a, plan.SettleRetry, "retry CUSTOMER TARGET KEY", "Take the word back, or try again what the target refused", 3),
	)
	return cmd
}

func settleCommand(a *app, how, use, short string, args int) *cobra.Command {
	var why string
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(args)}
	if how == plan.SettleIgnore {
		cmd.Flags().StringVar(&why, "reason", "", "`TEXT` that says why; asked for at the next audit")
	}
	completeArgs(cmd, a, "customer", "target")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		c, err := w.customer(ctx, args[0])
		if err != nil {
			return err
		}
		if args[1], err = w.Config.targetNamed(args[1]); err != nil {
			return err
		}
		if how == plan.SettleIgnore && why == "" {
			return usage("say why with --reason; somebody will ask")
		}
		scope := plan.Scope{Customer: c.Key, Target: args[1]}
		key, err := w.objectKey(ctx, scope, args[2])
		if err != nil {
			return err
		}
		word := &state.Settlement{Scope: scope, By: a.console.User, At: w.Now().UTC(), Settlement: plan.Settlement{Key: key, How: how, Reason: why}}
		if how == plan.SettleAccept {
			word.Ref = args[3]
		}
		if how == plan.SettleRetry {
			word = nil
		}
		if err := w.Store.Settle(ctx, scope, key, word); err != nil {
			return fmt.Errorf("settling %s: %w", key, err)
		}
		if how == plan.SettleRetry {
			if err := w.forgetAttempts(ctx, scope, key); err != nil {
				return err
			}
		}
		a.say("%s of %s at %s: %s; the next plan shows what follows", key, c.Name, args[1], how)
		if a.json {
			return a.print(map[string]any{"customer": sync.Party{Key: c.Key, Name: c.Name}, "target": args[1], "key": key.ID, "how": how}, nil)
		}
		return nil
	})
	return cmd
}

// forgetAttempts drops what is remembered of a thing that never came to be: it
// was sent without an answer, or the target refused it for good.
func (w *World) forgetAttempts(ctx context.Context, scope plan.Scope, key plan.Key) error {
	m, err := w.Store.Recall(ctx, scope)
	if err != nil {
		return err
	}
	for _, r := range m.Records {
		if r.Key == key && r.Ref == "" {
			return w.Store.Commit(ctx, &state.Commit{Scope: scope, Drop: []plan.Key{key}})
		}
	}
	return nil
}

// objectKey finds the object that is meant among those the scope knows: what
// waits for a person first, for that is what people speak of. Where one id names
// several things, such as a person and the contact, KIND/KEY tells them apart.
func (w *World) objectKey(ctx context.Context, scope plan.Scope, text string) (plan.Key, error) {
	m, err := w.Store.Recall(ctx, scope)
	if err != nil {
		return plan.Key{}, err
	}
	kind, id, named := strings.Cut(text, "/")
	if !named {
		kind, id = "", text
	}
	var waiting, known []plan.Key
	note := func(to *[]plan.Key, key plan.Key, info map[string]string) {
		if key.Kind != "" && (kind == "" || key.Kind == kind) && sync.Names(key, info, id) && !slices.Contains(*to, key) {
			*to = append(*to, key)
		}
	}
	heard := func(violations []plan.Violation) {
		for _, v := range violations {
			if key := (plan.Key{Kind: v.Kind, ID: v.Key}); v.Note {
				note(&known, key, nil)
			} else {
				note(&waiting, key, nil)
			}
		}
	}
	if m.Cursor != nil {
		heard(m.Cursor.Violations)
	}
	for _, s := range m.Settlements {
		note(&known, s.Key, nil)
	}
	for _, r := range m.Records {
		note(&known, r.Key, r.Info)
	}
	if len(waiting)+len(known) == 0 && scope.Target != "connectwise" {
		// So far it was only shown by a plan, which remembers nothing.
		report, err := w.Engine.Run(ctx, sync.Selection{Jobs: w.Jobs, Trigger: "command", Customer: scope.Customer, Target: scope.Target}, sync.PlanOnly)
		if err != nil {
			return plan.Key{}, err
		}
		for i := range report.Scopes {
			heard(report.Scopes[i].Violations)
			for _, c := range report.Scopes[i].Unpacked().Changes {
				note(&known, c.Key, nil)
			}
		}
	}
	for _, found := range [][]plan.Key{waiting, known} {
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return plan.Key{}, usage("%q means several things: %s; say which", text, names(found, func(k plan.Key) string { return k.Kind + "/" + k.ID }))
		}
	}
	switch {
	case scope.Target == "connectwise": // a licence may be settled before it is ever seen
		return plan.Key{Kind: "addition", ID: id}, nil
	case named:
		return plan.Key{Kind: kind, ID: id}, nil
	}
	return plan.Key{}, usage("%s knows no object %q; see syncd matches, or write KIND/KEY", scope, text)
}

func (w *World) listMatches(ctx context.Context, a *app) error {
	open := []unsettled{}
	names := map[string]string{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return err
		}
		names[c.Scope.Customer] = c.Name
		for _, v := range c.Violations {
			if v.Key != "" && !v.Note {
				open = append(open, unsettled{Customer: sync.Party{Key: c.Scope.Customer, Name: c.Name}, Target: c.Scope.Target, Kind: v.Kind, Key: v.Key, Code: v.Code, Message: v.Message})
			}
		}
	}
	for s, err := range w.Store.Settlements(ctx) {
		if err != nil {
			return err
		}
		open = append(open, unsettled{Customer: sync.Party{Key: s.Scope.Customer, Name: cmp.Or(names[s.Scope.Customer], s.Scope.Customer)}, Target: s.Scope.Target, Kind: s.Key.Kind, Key: s.Key.ID, Code: "settled",
			Message: s.Reason, How: s.How, Ref: s.Ref, By: s.By})
	}
	return a.print(struct {
		Matches []unsettled `json:"matches"`
	}{open}, func(out io.Writer) error {
		if len(open) == 0 {
			_, err := fmt.Fprintln(out, "nothing to settle")
			return err
		}
		s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Target"}, {Name: "Key"}, {Name: "What"}, {Name: "Why"}}}
		for _, u := range open {
			what := u.Code
			if u.How != "" {
				what = u.How + " " + u.Ref + " (" + u.By + ")"
			}
			s.Rows = append(s.Rows, []string{u.Customer.Name, u.Target, u.Key, what, u.Message})
		}
		return s.Table(out, a.console.Width)
	})
}
