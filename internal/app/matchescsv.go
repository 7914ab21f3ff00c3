package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
)

// ExportMatches writes what is to be settled, and what was, as CSV, and returns how
// many lines it has.
func (w *App) ExportMatches(ctx context.Context, out io.Writer) (lines int, err error) {
	table, err := w.matchLines(ctx)
	if err != nil {
		return 0, err
	}
	if err := mapping.ExportMatches(out, table); err != nil {
		return 0, fmt.Errorf("writing the matches: %w", err)
	}
	return len(table), nil
}

// ImportMatches reads decisions from the CSV text of a file: all of it or nothing.
func (w *App) ImportMatches(ctx context.Context, by Operator, file string, text []byte) ([]mapping.Edit, error) {
	in := matchImport{App: w}
	if err := mapping.ImportMatches(bytes.NewReader(text), func(lines []mapping.MatchLine) error { return in.checkLines(ctx, lines) }); err != nil {
		return nil, importRefused(file, err)
	}
	for _, word := range in.settlements {
		if err := w.settle(ctx, by, word.scope, word.name, word.Settlement); err != nil {
			return nil, err
		}
	}
	return in.edits, nil
}

// matchLines is the table as it is now: an object that was settled and is asked
// about all the same is one line.
func (w *App) matchLines(ctx context.Context) ([]mapping.MatchLine, error) {
	all, err := w.Matches(ctx)
	if err != nil {
		return nil, err
	}
	var lines []mapping.MatchLine
	for i := range all {
		u := &all[i]
		at := slices.IndexFunc(lines, func(l mapping.MatchLine) bool {
			return l.Customer == u.Customer.Key && l.Target == u.Target && l.Kind == u.Kind && l.Key == u.Key
		})
		if at < 0 {
			label, err := w.labelOf(ctx, plan.Scope{Customer: u.Customer.Key, Target: u.Target}, plan.Key{Kind: u.Kind, ID: u.Key})
			if err != nil {
				return nil, err
			}
			at = len(lines)
			lines = append(lines, mapping.MatchLine{Customer: u.Customer.Key, Target: u.Target, Kind: u.Kind, Key: u.Key, Label: label})
		}
		l := &lines[at]
		if u.How != "" {
			l.Decision, l.Ref, l.Reason = u.How, u.Ref, u.Message
			continue
		}
		l.Question = u.Code + ": " + u.Message
		for _, c := range u.Candidates {
			l.Candidates = append(l.Candidates, c.String())
		}
	}
	return lines, nil
}

// labelOf is what an object is called, as far as the scope remembers it.
func (w *App) labelOf(ctx context.Context, scope plan.Scope, key plan.Key) (string, error) {
	m, err := w.Store.Recall(ctx, scope)
	if err != nil {
		return "", err
	}
	for _, r := range m.Records {
		if r.Key == key {
			return r.Label, nil
		}
	}
	if m.Hold != nil {
		for _, c := range ShownPlan(m.Hold).Changes {
			if c.Key == key {
				return c.Label, nil
			}
		}
	}
	if m.Cursor != nil {
		for _, v := range m.Cursor.Violations {
			if v.Kind == key.Kind && v.Key == key.ID && v.Label != "" {
				return v.Label, nil
			}
		}
	}
	if !w.Creates(scope.Target) { // the keys of lines are licences
		return directory.ProductName(key.ID, directory.PartNumber(key.ID)), nil
	}
	return "", nil
}

// matchImport makes decisions of lines.
type matchImport struct {
	*App
	settlements []scopedSettlement
	edits       []mapping.Edit
}

type scopedSettlement struct {
	scope plan.Scope
	name  string // the customer's
	plan.Settlement
}

func (in *matchImport) checkLines(ctx context.Context, lines []mapping.MatchLine) error {
	now, err := in.matchLines(ctx)
	if err != nil {
		return err
	}
	_, customers, err := in.Customers(ctx)
	if err != nil {
		return err
	}
	seen := map[scopedSettlement]int{}
	accepted := map[plan.Scope][]int{} // lines that accept something
	for i := range lines {
		l := &lines[i]
		found := customersMeant(customers, l.Customer)
		if len(found) != 1 {
			l.Report("customer", "%q is no customer: write the key, as the export has it", l.Customer)
			continue
		}
		target, err := in.Config.targetNamed(l.Target)
		if err != nil {
			l.Report("target", "%v", err)
			continue
		}
		word := scopedSettlement{
			plan.Scope{Customer: found[0].Key, Target: target}, found[0].Name,
			plan.Settlement{Key: plan.Key{Kind: l.Kind, ID: l.Key}},
		}
		if first, twice := seen[word]; twice {
			l.Report("key", "it is on line %d already: keep one of the two lines", first)
			continue
		}
		seen[word] = l.Number()
		at := slices.IndexFunc(now, func(n mapping.MatchLine) bool {
			return n.Customer == word.scope.Customer && n.Target == target && n.Key == l.Key && (l.Kind == "" || n.Kind == l.Kind)
		})
		if at < 0 {
			l.Report("key", "%s knows no such object that waits or was settled: export again", word.scope)
			continue
		}
		was := now[at]
		name := cmp.Or(was.Label, l.Key)
		word.Key.Kind = was.Kind
		if changed := takeDecision(l, &was, &word.Settlement); !changed {
			continue
		}
		if word.How == plan.SettleCreate && !in.Creates(target) {
			l.Report("decision", "%s", noNewLine)
			continue
		}
		if word.How == plan.SettleAccept {
			accepted[word.scope] = append(accepted[word.scope], len(in.settlements))
		}
		in.settlements = append(in.settlements, word)
		in.edits = append(in.edits, mapping.Edit{
			Line: l.Number(), Key: l.Key, Name: word.name + ": " + name, Column: "decision", Before: decisionOf(was), After: decisionOf(*l),
		})
	}
	return in.checkAccepted(ctx, lines, accepted)
}

// takeDecision makes a settlement of what a line says, and reports whether that is a
// decision, and another one than it was. A column left out changes nothing.
func takeDecision(l, was *mapping.MatchLine, to *plan.Settlement) (changed bool) {
	if !l.Has("decision") {
		l.Decision = was.Decision
	}
	if !l.Has("ref") {
		l.Ref = was.Ref
	}
	if !l.Has("reason") {
		l.Reason = was.Reason
	}
	if l.Decision != plan.SettleAccept {
		l.Ref = ""
	}
	if l.Decision == was.Decision && l.Ref == was.Ref && (l.Reason == was.Reason || l.Decision == "") {
		return false
	}
	to.How, to.Ref, to.Reason = l.Decision, l.Ref, l.Reason
	switch l.Decision {
	case "":
		to.How, to.Reason = plan.SettleRetry, ""
	case plan.SettleCreate:
	case plan.SettleIgnore:
		if l.Reason == "" {
			l.Report("reason", "empty: say why it is left alone; somebody will ask")
		}
	case plan.SettleAccept:
		if l.Ref == "" {
			l.Report("ref", "empty: write the id of the one that is accepted")
			return false
		}
	default:
		l.Report("decision", "%q is no decision: write accept, create or ignore, or leave it empty", l.Decision)
		return false
	}
	return true
}

// checkAccepted looks at each target whether what was accepted is there.
func (in *matchImport) checkAccepted(ctx context.Context, lines []mapping.MatchLine, accepted map[plan.Scope][]int) error {
	for scope, at := range accepted {
		var words []plan.Settlement
		for _, i := range at {
			words = append(words, in.settlements[i].Settlement)
		}
		wrong, err := in.refusedSettlements(ctx, scope, words...)
		if err != nil {
			return err
		}
		for _, i := range at {
			if why := wrong[in.settlements[i].Key]; why != "" {
				j := slices.IndexFunc(lines, func(l mapping.MatchLine) bool { return l.Number() == in.edits[i].Line })
				lines[j].Report("ref", "%s", why)
			}
		}
	}
	return nil
}

// decisionOf is a decision in one word or two.
func decisionOf(l mapping.MatchLine) string {
	if l.Ref == "" {
		return l.Decision
	}
	return l.Decision + " " + l.Ref
}
