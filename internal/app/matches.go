package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A Match is an object that waits for a person's word, or has one.
type Match struct {
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

// A Word is what a person says of one object, each part as typed.
type Word struct {
	Customer, Target, Key string
	How                   string // accept, create, ignore or retry
	Ref                   string // of what is accepted
	Reason                string
	// Seen is the decision that there was where the person looked, such as "accept 55"; nil
	// where nobody looked.
	Seen *string
}

// A Settled object is the one that a Word was about.
type Settled struct {
	Customer sync.CustomerRef
	Target   string
	Key      plan.Key
	Label    string // of the object, or its key where nobody knows what it is called
	Already  bool   // somebody had said the same, and nothing was done
}

// Settle stores a person's word on an object, or takes it back. What is accepted
// must be at the target.
func (w *App) Settle(ctx context.Context, by Operator, said Word) (Settled, error) {
	var done Settled
	c, err := w.Customer(ctx, said.Customer)
	if err != nil {
		return done, err
	}
	target, err := w.Config.targetNamed(said.Target)
	if err != nil {
		return done, err
	}
	if said.How == plan.SettleIgnore && said.Reason == "" {
		return done, Usage("say why with --reason; somebody will ask")
	}
	scope := plan.Scope{Customer: c.Key, Target: target}
	key, err := w.objectKey(ctx, scope, said.Key)
	if err != nil {
		return done, err
	}
	word := plan.Settlement{Key: key, How: said.How, Ref: said.Ref, Reason: said.Reason}
	label, err := w.labelOf(ctx, scope, key)
	if err != nil {
		return done, err
	}
	settled := Settled{Customer: sync.CustomerRef{Key: c.Key, Name: c.Name}, Target: target, Key: key, Label: cmp.Or(label, key.String())}
	if said.Seen != nil {
		w.settling.Lock() // two people at once are one after the other
		defer w.settling.Unlock()
		if settled.Already, err = w.unmoved(ctx, scope, settled.Label+" of "+c.Name, word, *said.Seen); err != nil || settled.Already {
			return settled, err
		}
	}
	if word.How == plan.SettleCreate && !w.Creates(target) {
		return done, Usage("nothing was settled: %s", noNewLine)
	}
	if word.How == plan.SettleAccept {
		wrong, err := w.refusedSettlements(ctx, scope, word)
		if err != nil {
			return done, err
		}
		if wrong[key] != "" {
			return done, Usage("nothing was settled: %s", wrong[key])
		}
	}
	return settled, w.settle(ctx, by, scope, c.Name, word)
}

// Creates reports whether a target makes a new object because a person said so, with others there that
// could be it. No line of a bill is made so: it would bill again what another line bills.
func (w *App) Creates(target string) bool {
	_, bills := w.Config.system(target).(Biller)
	return !bills
}

// noNewLine is why a new line is not made.
const noNewLine = "no new line is made beside those there; accept one of them, or end them at the target"

// settle stores a person's word on an object, or takes it back.
func (w *App) settle(ctx context.Context, by Operator, scope plan.Scope, name string, word plan.Settlement) error {
	stored := &state.Settlement{Scope: scope, By: by.Name, At: w.Now().UTC(), Settlement: word}
	if word.How == plan.SettleRetry {
		stored = nil
	}
	if err := w.Store.Settle(ctx, scope, word.Key, stored, w.settlementEntry(by, scope, name, word)); err != nil {
		return fmt.Errorf("settling %s: %w", word.Key, err)
	}
	w.Log.Info().Str("customer", scope.Customer).Str("target", scope.Target).Str("kind", word.Key.Kind).Str("key", word.Key.ID).Str("decision", word.How).
		Str("by", by.Name).Str("identified", by.Identified).Msg("object settled")
	if word.How != plan.SettleIgnore { // what was reverted is let go
		if err := w.withdraw(ctx, scope, func(r *state.Reversal) bool { return r.Key == word.Key }); err != nil {
			return err
		}
	}
	if word.How == plan.SettleRetry {
		return w.forgetAttempts(ctx, scope, word.Key)
	}
	return nil
}

// refusedSettlements plans a scope as if a person had said so, and returns what is wrong with
// each acceptance: the target must have shown the object under the ref that was
// named. Its error says that the target could not be asked.
func (w *App) refusedSettlements(ctx context.Context, scope plan.Scope, words ...plan.Settlement) (wrong map[plan.Key]string, err error) {
	sel := sync.Selection{
		Jobs: w.Jobs, Trigger: "command", Customer: scope.Customer, Target: scope.Target,
		Trial: map[plan.Scope][]plan.Settlement{scope: words},
	}
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
func (w *App) forgetAttempts(ctx context.Context, scope plan.Scope, key plan.Key) error {
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
func (w *App) objectKey(ctx context.Context, scope plan.Scope, text string) (plan.Key, error) {
	find := newKeySearch(text)
	m, err := w.Store.Recall(ctx, scope)
	if err != nil {
		return plan.Key{}, err
	}
	find.inMemory(m)
	if len(find.waiting)+len(find.known) == 0 {
		// So far it was only shown by a plan, which remembers nothing, or it is in
		// step and nobody's yet.
		sel := sync.Selection{Jobs: w.Jobs, Trigger: "command", Customer: scope.Customer, Target: scope.Target}
		sel.Inspect = func(e sync.Inspection) {
			for _, o := range slices.Concat(e.Desired.Objects, e.Observed.Objects) {
				find.note(&find.known, o.Key, o.UPN)
			}
		}
		report, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
		if err != nil {
			return plan.Key{}, err
		}
		for i := range report.Scopes {
			find.inViolations(report.Scopes[i].Violations)
		}
	}
	for _, found := range [][]plan.Key{find.waiting, find.known} {
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return plan.Key{}, Usage("%q means several things: %s; say which",
				text, Names(found, func(k plan.Key) string { return k.Kind + "/" + k.ID }))
		}
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return plan.Key{}, err
	}
	ruled := slices.ContainsFunc(rules.Rules, func(r mapping.Rule) bool { return strings.EqualFold(r.SKU, find.id) })
	if b, ok := w.Config.system(scope.Target).(Biller); ok && ruled {
		return plan.Key{Kind: b.LineKind(), ID: strings.ToLower(find.id)}, nil // a licence may be settled before the customer has it
	}
	return plan.Key{}, Usage("%s knows no object %q; see syncd matches", scope, text)
}

// A keySearch gathers the keys of objects that are meant by an id, of one kind where
// one is named.
type keySearch struct {
	kind, id       string
	waiting, known []plan.Key
}

func newKeySearch(text string) *keySearch {
	if kind, id, named := strings.Cut(text, "/"); named {
		return &keySearch{kind: kind, id: id}
	}
	return &keySearch{id: text}
}

func (f *keySearch) note(to *[]plan.Key, key plan.Key, upn string) {
	if key.Kind != "" && (f.kind == "" || key.Kind == f.kind) && sync.Matches(key, upn, f.id) && !slices.Contains(*to, key) {
		*to = append(*to, key)
	}
}

func (f *keySearch) inViolations(violations []plan.Violation) {
	for _, v := range violations {
		to := &f.waiting
		if v.Note {
			to = &f.known
		}
		f.note(to, plan.Key{Kind: v.Kind, ID: v.Key}, "")
	}
}

func (f *keySearch) inMemory(m *state.Memory) {
	if m.Cursor != nil {
		f.inViolations(m.Cursor.Violations)
	}
	for _, s := range m.Settlements {
		f.note(&f.known, s.Key, "")
	}
	for _, r := range m.Records {
		f.note(&f.known, r.Key, r.UPN)
	}
}

// Matches are the objects that wait for a person's word, and those that have one.
// What several guards say of one object is one line.
func (w *App) Matches(ctx context.Context) ([]Match, error) {
	open := []Match{}
	names := map[string]string{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		names[c.Scope.Customer] = c.Name
		at := map[plan.Key]int{}
		for _, v := range c.Violations {
			if v.Key == "" || v.Note && v.Code != plan.CodeInvoiced {
				continue
			}
			key := plan.Key{Kind: v.Kind, ID: v.Key}
			if i, twice := at[key]; twice {
				open[i].Message += "; " + v.Message
				open[i].Candidates = append(open[i].Candidates, v.Candidates...)
				continue
			}
			at[key] = len(open)
			open = append(open, Match{
				Customer: sync.CustomerRef{Key: c.Scope.Customer, Name: c.Name}, Target: c.Scope.Target, Kind: v.Kind,
				Key: v.Key, Code: v.Code, Message: v.Message, Candidates: v.Candidates,
			})
		}
	}
	for s, err := range w.Store.Settlements(ctx) {
		if err != nil {
			return nil, err
		}
		open = append(open, Match{Customer: sync.CustomerRef{Key: s.Scope.Customer, Name: cmp.Or(names[s.Scope.Customer], s.Scope.Customer)}, Target: s.Scope.Target, Kind: s.Key.Kind, Key: s.Key.ID, Code: "settled",
			Message: s.Reason, How: s.How, Ref: s.Ref, By: s.By})
	}
	return open, nil
}
