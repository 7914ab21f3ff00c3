package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

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
	if err := mapping.ImportMatches(bytes.NewReader(text), func(lines []mapping.MatchLine) error { return in.judge(ctx, lines) }); err != nil {
		return nil, notImported(file, err)
	}
	for _, word := range in.words {
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
	return "", nil
}

// matchImport makes decisions of lines.
type matchImport struct {
	*App
	words []scopedWord
	edits []mapping.Edit
}

type scopedWord struct {
	scope plan.Scope
	name  string // the customer's
	plan.Settlement
}

func (in *matchImport) judge(ctx context.Context, lines []mapping.MatchLine) error {
	now, err := in.matchLines(ctx)
	if err != nil {
		return err
	}
	_, customers, err := in.Customers(ctx)
	if err != nil {
		return err
	}
	seen := map[scopedWord]int{}
	accepted := map[plan.Scope][]int{} // lines that accept something
	for i := range lines {
		l := &lines[i]
		found := match(customers, l.Customer)
		if len(found) != 1 {
			l.Report("customer", "%q is no customer: write the key, as the export has it", l.Customer)
			continue
		}
		target, err := in.Config.targetNamed(l.Target)
		if err != nil {
			l.Report("target", "%v", err)
			continue
		}
		word := scopedWord{plan.Scope{Customer: found[0].Key, Target: target}, found[0].Name, plan.Settlement{Key: plan.Key{Kind: l.Kind, ID: l.Key}}}
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
		word.Key.Kind = was.Kind
		for column, of := range map[string][2]*string{"decision": {&l.Decision, &was.Decision}, "ref": {&l.Ref, &was.Ref}, "reason": {&l.Reason, &was.Reason}} {
			if !l.Has(column) {
				*of[0] = *of[1] // a column left out changes nothing
			}
		}
		if l.Decision != plan.SettleAccept {
			l.Ref = ""
		}
		if l.Decision == was.Decision && l.Ref == was.Ref && (l.Reason == was.Reason || l.Decision == "") {
			continue
		}
		word.How, word.Ref, word.Reason = l.Decision, l.Ref, l.Reason
		switch l.Decision {
		case "":
			word.How, word.Reason = plan.SettleRetry, ""
		case plan.SettleCreate:
		case plan.SettleIgnore:
			if l.Reason == "" {
				l.Report("reason", "empty: say why it is left alone; somebody will ask")
			}
		case plan.SettleAccept:
			if l.Ref == "" {
				l.Report("ref", "empty: write the id of the one that is accepted")
				continue
			}
			accepted[word.scope] = append(accepted[word.scope], len(in.words))
		default:
			l.Report("decision", "%q is no decision: write accept, create or ignore, or leave it empty", l.Decision)
			continue
		}
		in.words = append(in.words, word)
		name := cmp.Or(was.Label, l.Key)
		in.edits = append(in.edits, mapping.Edit{Line: l.Number(), Key: l.Key, Name: found[0].Name + ": " + name, Column: "decision", Before: decisionOf(was), After: decisionOf(*l)})
	}
	return in.try(ctx, lines, accepted)
}

// try looks at each target whether what was accepted is there.
func (in *matchImport) try(ctx context.Context, lines []mapping.MatchLine, accepted map[plan.Scope][]int) error {
	for scope, at := range accepted {
		var words []plan.Settlement
		for _, i := range at {
			words = append(words, in.words[i].Settlement)
		}
		wrong, err := in.tried(ctx, scope, words...)
		if err != nil {
			return err
		}
		for _, i := range at {
			if why := wrong[in.words[i].Key]; why != "" {
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
