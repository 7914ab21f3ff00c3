package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// An unsettled object waits for a person's word.
type unsettled struct {
	Customer sync.CustomerRef `json:"customer"`
	Target   string           `json:"target"`
	Kind     string           `json:"kind"`
	Key      string           `json:"key"`
	Code     string           `json:"code"`
	Message  string           `json:"message"`
	How      string           `json:"how,omitempty"` // how it was settled
	Ref      string           `json:"ref,omitempty"`
	By       string           `json:"by,omitempty"`

	Candidates []plan.Candidate `json:"candidates,omitempty"` // from which a person may choose
}

func matchesCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "matches", Short: "Settle single objects: which line is ours, what to leave alone", Args: cobra.NoArgs}
	list := a.stateful(func(ctx context.Context, w *World, _ []string) error { return w.listMatches(ctx, a) })
	cmd.RunE = list
	export, load := matchesTable(a)
	cmd.AddCommand(export, load,
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
		word := plan.Settlement{Key: key, How: how, Reason: why}
		if how == plan.SettleAccept {
			word.Ref = args[3]
			wrong, err := w.tried(ctx, scope, word)
			if err != nil {
				return err
			}
			if wrong[key] != "" {
				return usage("nothing was settled: %s", wrong[key])
			}
		}
		if err := w.settle(ctx, scope, word, a.console.User); err != nil {
			return err
		}
		a.say("%s of %s at %s: %s; the next plan shows what follows", key, c.Name, args[1], how)
		if a.json {
			return a.print(map[string]any{"customer": sync.CustomerRef{Key: c.Key, Name: c.Name}, "target": args[1], "key": key.ID, "how": how}, nil)
		}
		return nil
	})
	return cmd
}

// settle stores a person's word on an object, or takes it back.
func (w *World) settle(ctx context.Context, scope plan.Scope, word plan.Settlement, by string) error {
	stored := &state.Settlement{Scope: scope, By: by, At: w.Now().UTC(), Settlement: word}
	if word.How == plan.SettleRetry {
		stored = nil
	}
	if err := w.Store.Settle(ctx, scope, word.Key, stored); err != nil {
		return fmt.Errorf("settling %s: %w", word.Key, err)
	}
	if word.How == plan.SettleRetry {
		return w.forgetAttempts(ctx, scope, word.Key)
	}
	return nil
}

// tried plans a scope as if a person had said so, and returns what is wrong with
// each acceptance: the target must have shown the object under the ref that was
// named. Its error says that the target could not be asked.
func (w *World) tried(ctx context.Context, scope plan.Scope, words ...plan.Settlement) (wrong map[plan.Key]string, err error) {
	sel := sync.Selection{Jobs: w.Jobs, Trigger: "command", Customer: scope.Customer, Target: scope.Target, Trial: map[plan.Scope][]plan.Settlement{scope: words}}
	refs := map[plan.Key]string{}
	sel.Inspect = func(e sync.Inspection) {
		for _, o := range e.Observed.Objects {
			refs[o.Key] = o.Ref
		}
	}
	report, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	if err != nil {
		return nil, err
	}
	wrong = map[plan.Key]string{}
	for i := range report.Scopes {
		s := &report.Scopes[i]
		if s.Error != nil {
			return nil, fmt.Errorf("%s could not be looked at, so nothing was settled: %s", scope.Target, *s.Error)
		}
		for _, word := range words {
			switch ref, there := refs[word.Key]; {
			case word.How != plan.SettleAccept, there && ref == word.Ref:
				continue
			case there:
				wrong[word.Key] = fmt.Sprintf("%s of %s at %s is %s, and not %s", word.Key, s.Customer.Name, scope.Target, ref, word.Ref)
			default:
				wrong[word.Key] = fmt.Sprintf("%s at %s shows nothing with the id %s that could be %s", s.Customer.Name, scope.Target, word.Ref, word.Key)
			}
			for _, v := range s.Violations {
				if !v.Note && (v.Key == "" && s.Digest == "" || v.Key == word.Key.ID && v.NeedsRepair) {
					wrong[word.Key] += ": " + v.Message
				}
			}
		}
	}
	return wrong, nil
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
		if key.Kind != "" && (kind == "" || key.Kind == kind) && sync.Matches(key, info, id) && !slices.Contains(*to, key) {
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
	if len(waiting)+len(known) == 0 {
		// So far it was only shown by a plan, which remembers nothing, or it is in
		// step and nobody's yet.
		sel := sync.Selection{Jobs: w.Jobs, Trigger: "command", Customer: scope.Customer, Target: scope.Target}
		sel.Inspect = func(e sync.Inspection) {
			for _, o := range slices.Concat(e.Desired.Objects, e.Observed.Objects) {
				note(&known, o.Key, o.Info)
			}
		}
		report, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
		if err != nil {
			return plan.Key{}, err
		}
		for i := range report.Scopes {
			heard(report.Scopes[i].Violations)
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
	rules, err := w.rules(ctx)
	if err != nil {
		return plan.Key{}, err
	}
	if scope.Target == "connectwise" && slices.ContainsFunc(rules.Rules, func(r mapping.Rule) bool { return strings.EqualFold(r.SKU, id) }) {
		return plan.Key{Kind: "addition", ID: strings.ToLower(id)}, nil // a licence may be settled before the customer has it
	}
	return plan.Key{}, usage("%s knows no object %q; see syncd matches", scope, text)
}

// matches are the objects that wait for a person's word, and those that have one.
// What several guards say of one object is one line.
func (w *World) matches(ctx context.Context) ([]unsettled, error) {
	open := []unsettled{}
	names := map[string]string{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		names[c.Scope.Customer] = c.Name
		at := map[plan.Key]int{}
		for _, v := range c.Violations {
			if v.Key == "" || v.Note {
				continue
			}
			key := plan.Key{Kind: v.Kind, ID: v.Key}
			if i, twice := at[key]; twice {
				open[i].Message += "; " + v.Message
				open[i].Candidates = append(open[i].Candidates, v.Candidates...)
				continue
			}
			at[key] = len(open)
			open = append(open, unsettled{Customer: sync.CustomerRef{Key: c.Scope.Customer, Name: c.Name}, Target: c.Scope.Target, Kind: v.Kind, Key: v.Key, Code: v.Code, Message: v.Message, Candidates: v.Candidates})
		}
	}
	for s, err := range w.Store.Settlements(ctx) {
		if err != nil {
			return nil, err
		}
		open = append(open, unsettled{Customer: sync.CustomerRef{Key: s.Scope.Customer, Name: cmp.Or(names[s.Scope.Customer], s.Scope.Customer)}, Target: s.Scope.Target, Kind: s.Key.Kind, Key: s.Key.ID, Code: "settled",
			Message: s.Reason, How: s.How, Ref: s.Ref, By: s.By})
	}
	return open, nil
}

func (w *World) listMatches(ctx context.Context, a *app) error {
	open, err := w.matches(ctx)
	if err != nil {
		return err
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
