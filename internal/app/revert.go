package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A Revert says what of a run a person wants taken back, each part as typed.
type Revert struct {
	Run      string
	Customer string
	Only     string // one object's key, or a user's UPN
	Reason   string
}

// A wayBack is what of a run is to be taken back.
type wayBack struct {
	run     state.Run
	scopes  map[plan.Scope]*scopeBack
	already *state.Entry   // one that took a part back before; nil where none did
	credits []money.Credit // that were told when it did
}

// A scopeBack is the part of a wayBack in one scope.
type scopeBack struct {
	name    string
	back    []plan.Reversal
	notes   []plan.Violation // of what is not taken back
	written map[plan.Key]*state.Entry
	credits []money.Credit // of what is not taken back, see sayElsewhere
}

// Revert asks for the way back from a run and goes it as far as limits and approvals
// allow: at first it is held, and once it is approved it is written.
func (w *App) Revert(ctx context.Context, by Operator, asked Revert, progress Progress) (*sync.Report, error) {
	b, err := w.wayBack(ctx, asked)
	if err != nil {
		return nil, err
	}
	if err := w.sayElsewhere(ctx, b); err != nil {
		return nil, err
	}
	wanted, err := w.askBack(ctx, by, b)
	if err != nil {
		return nil, err
	}
	sel := sync.Selection{Jobs: w.Jobs, Trigger: "command", Progress: progress.scopes(), WayBack: map[plan.Scope]bool{}}
	for scope, s := range b.scopes {
		if len(s.back) > 0 {
			sel.WayBack[scope] = true
		}
	}
	report, err := w.Engine.Run(ctx, sel, sync.Apply)
	if err := errors.Join(err, w.journalBack(context.WithoutCancel(ctx), by, b, wanted, asked.Reason)); err != nil {
		return report, err
	}
	if e := b.already; e != nil && !slices.ContainsFunc(report.Scopes, func(s sync.ScopeReport) bool { return s.Reverts != "" || s.Error != nil }) {
		var why []string
		for i := range report.Scopes {
			for _, v := range report.Scopes[i].Violations {
				why = append(why, v.Message)
			}
		}
		return nil, Usage("run %s was taken back already, on %s by run %s, and nothing more of it can be: %s", b.run.ID, e.At.In(w.Location).Format(time.DateOnly), e.Run, strings.Join(why, "; ")+CreditText(b.credits))
	}
	completeWayBack(b, report)
	return report, nil
}

// wayBack reads from the journal what of a run can be taken back, and what was.
func (w *App) wayBack(ctx context.Context, asked Revert) (*wayBack, error) {
	b := &wayBack{scopes: map[plan.Scope]*scopeBack{}}
	r, err := w.RunOf(ctx, asked.Run)
	if err != nil {
		return nil, err
	}
	b.run = r.Run
	if r.Progress != nil {
		return nil, Usage("run %s is still under way: wait until it has ended, then ask again", b.run.ID)
	}
	customer := ""
	if asked.Customer != "" {
		c, err := w.known(ctx, asked.Customer)
		if err != nil {
			return nil, err
		}
		customer = c.Key
	}
	only, err := w.objectMeant(ctx, asked.Only)
	if err != nil {
		return nil, err
	}
	entries, wrote := map[plan.Scope][]state.Entry{}, false
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Run: b.run.ID}) { // newest first
		if err != nil {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		back, cannot := state.TakeBack([]state.Entry{e})
		if len(back)+len(cannot) == 0 {
			continue
		}
		wrote = true
		if customer != "" && e.Scope.Customer != customer || only != "" && !sync.Matches(e.Key, upnOf(&e), only) {
			continue
		}
		entries[e.Scope] = append(entries[e.Scope], e)
	}
	switch {
	case !wrote:
		return nil, Usage("run %s wrote nothing: there is nothing to take back", b.run.ID)
	case len(entries) == 0:
		return nil, Usage("run %s wrote nothing of %s; syncd history --run %s shows what it wrote", b.run.ID, strings.Join(notEmpty(asked.Customer, asked.Only), ", "), b.run.ID)
	}
	for scope, of := range entries {
		slices.Reverse(of)
		s := &scopeBack{name: of[0].Name, written: map[plan.Key]*state.Entry{}}
		s.back, s.notes = state.TakeBack(of)
		for i := range of {
			s.written[of[i].Key] = &of[i]
		}
		b.scopes[scope] = s
	}
	if err := w.leaveOutDone(ctx, b); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(slices.Collect(maps.Values(b.scopes)), func(s *scopeBack) bool { return len(s.back) > 0 }) {
		return b, nil
	}
	what := "run " + b.run.ID
	if asked.Customer+asked.Only != "" {
		what = strings.Join(notEmpty(asked.Customer, asked.Only), ", ") + " of " + what
	}
	if e := b.already; e != nil {
		return nil, Usage("%s was taken back already, on %s by run %s; syncd history --run %s shows it%s", what, e.At.In(w.Location).Format(time.DateOnly), e.Run, e.Run, CreditText(b.credits))
	}
	var why []string
	for _, s := range b.scopes {
		for _, v := range s.notes {
			why = append(why, v.Message)
		}
	}
	slices.Sort(why)
	return nil, Usage("nothing of %s can be taken back: %s", what, strings.Join(why, "; "))
}

// leaveOutDone leaves out what was taken back before, and what is in nobody's care any
// more, and notes it.
func (w *App) leaveOutDone(ctx context.Context, b *wayBack) error {
	done, kept := map[plan.Scope]map[plan.Key]*state.Entry{}, map[plan.Scope]keptCredits{}
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{From: b.run.Started}) {
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		if e.Reverts == b.run.ID && (e.Result == state.ResultDone || e.Result == state.ResultRecovered) {
			if done[e.Scope] == nil {
				done[e.Scope], kept[e.Scope] = map[plan.Key]*state.Entry{}, keptCredits{}
			}
			if done[e.Scope][e.Key] == nil { // the last one
				done[e.Scope][e.Key] = &e
			}
			kept[e.Scope].add(&e)
		}
	}
	stored, err := state.Reversals(ctx, w.Store)
	if err != nil {
		return err
	}
	for _, scope := range b.sorted() {
		s := b.scopes[scope]
		m, err := w.Store.Recall(ctx, scope)
		if err != nil {
			return err
		}
		open := func(key plan.Key) bool { // only a part of it got through yet
			return slices.ContainsFunc(stored, func(o state.Reversal) bool {
				return o.Scope == scope && o.Key == key && o.Run == b.run.ID && o.Open(recordOf(m, key))
			})
		}
		s.back = slices.DeleteFunc(s.back, func(r plan.Reversal) bool {
			label := cmp.Or(s.written[r.Key].Label, r.Key.ID)
			if e := done[scope][r.Key]; e != nil && !open(r.Key) && (r.Undo != plan.UndoCreate || e.Action == plan.Delete || e.After != nil && e.After.Retired) {
				b.already, b.credits = e, append(b.credits, kept[scope][r.Key]...)
				s.note(r.Key, "%s (%s) was taken back already, on %s by run %s%s", label, r.Ref, e.At.In(w.Location).Format(time.DateOnly), e.Run, CreditText(kept[scope][r.Key]))
				return true
			}
			if !slices.ContainsFunc(m.Records, func(o plan.Record) bool { return o.Key == r.Key }) {
				s.note(r.Key, "%s (%s) is not taken back to what it was before run %s: syncd does not keep it in step any more", label, r.Ref, r.Run)
				return true
			}
			return false
		})
		for i := range s.back {
			for _, o := range m.Records {
				if o.Key == s.back[i].Key {
					s.back[i].Record = o.Run
				}
			}
		}
	}
	return nil
}

// sorted are the scopes, by their keys.
func (b *wayBack) sorted() []plan.Scope {
	return slices.SortedFunc(maps.Keys(b.scopes), func(x, y plan.Scope) int {
		return cmp.Or(strings.Compare(x.Customer, y.Customer), strings.Compare(x.Target, y.Target))
	})
}

func (s *scopeBack) note(k plan.Key, format string, args ...any) {
	s.notes = append(s.notes, plan.Violation{Code: plan.NotReverted, Kind: k.Kind, Key: k.ID, Note: true, Message: fmt.Sprintf(format, args...)})
}

// noOtherWaits refuses a way back where that from another run still waits: a scope has
// one plan, and the one that a person reads and approves must be the one that is written.
func (w *App) noOtherWaits(ctx context.Context, b *wayBack, stored []state.Reversal) error {
	var waits []string
	for scope, s := range b.scopes {
		if len(s.back) == 0 {
			continue
		}
		m, err := w.Store.Recall(ctx, scope)
		if err != nil {
			return err
		}
		for _, o := range stored {
			if o.Scope == scope && o.Run != b.run.ID && o.Open(recordOf(m, o.Key)) {
				waits = append(waits, fmt.Sprintf("revert %s still waits for %s at %s", o.Run, s.name, scope.Target))
			}
		}
	}
	if len(waits) == 0 {
		return nil
	}
	slices.Sort(waits)
	return Usage("%s: let it be written (syncd approve, then syncd apply) or syncd reject it first; nothing was planned of run %s", strings.Join(slices.Compact(waits), "; "), b.run.ID)
}

func recordOf(m *state.Memory, key plan.Key) *plan.Record {
	if i := slices.IndexFunc(m.Records, func(r plan.Record) bool { return r.Key == key }); i >= 0 {
		return &m.Records[i]
	}
	return nil
}

// givenUp says why approving a way back would write nothing: nobody asks for it any more.
// It is empty where somebody does, and of any other plan.
func (w *App) givenUp(ctx context.Context, h *state.Hold) (string, error) {
	shown := ShownPlan(h)
	if shown.Reverts == "" {
		return "", nil
	}
	stored, err := state.Reversals(ctx, w.Store)
	if err != nil {
		return "", err
	}
	for _, c := range shown.Changes {
		if !slices.ContainsFunc(stored, func(r state.Reversal) bool { return r.Scope == h.Scope && r.Run == shown.Reverts && r.Key == c.Key }) {
			return fmt.Sprintf("the way back from run %s was given up; syncd revert %s asks for it again", shown.Reverts, shown.Reverts), nil
		}
	}
	return "", nil
}

// askBack stores what is to be taken back, and returns what was not asked for before:
// that stays as it is.
func (w *App) askBack(ctx context.Context, by Operator, b *wayBack) (asked []state.Reversal, err error) {
	stored, err := state.Reversals(ctx, w.Store)
	if err != nil {
		return nil, err
	}
	if err := w.noOtherWaits(ctx, b, stored); err != nil {
		return nil, err
	}
	now := w.Now().UTC()
	for _, scope := range b.sorted() {
		for _, r := range b.scopes[scope].back {
			if !slices.ContainsFunc(stored, func(o state.Reversal) bool { return o.Scope == scope && o.Key == r.Key && o.Run == r.Run }) {
				asked = append(asked, state.Reversal{Reversal: r, Scope: scope, By: by.Name, At: now})
			}
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	w.Log.Info().Str("run", b.run.ID).Int("objects", len(asked)).Str("by", by.Name).Str("identified", by.Identified).Msg("way back asked for")
	return asked, state.EditReversals(ctx, w.Store, func(all []state.Reversal) ([]state.Reversal, error) {
		if err := w.noOtherWaits(ctx, b, all); err != nil { // somebody else may have asked in the same instant
			return nil, err
		}
		all = slices.DeleteFunc(all, func(o state.Reversal) bool {
			return slices.ContainsFunc(asked, func(r state.Reversal) bool { return r.Scope == o.Scope && r.Key == o.Key })
		})
		return append(all, asked...), nil
	})
}

// journalBack puts into the journal who asked for what, once it is planned: what was
// changed since is not.
func (w *App) journalBack(ctx context.Context, by Operator, b *wayBack, asked []state.Reversal, reason string) error {
	if len(asked) == 0 {
		return nil
	}
	stand, err := state.Reversals(ctx, w.Store)
	if err != nil {
		return err
	}
	planned := map[plan.Scope]int{}
	for i := range asked {
		if slices.ContainsFunc(stand, func(o state.Reversal) bool { return o.Is(&asked[i]) }) {
			planned[asked[i].Scope]++
		}
	}
	var about []state.Entry
	for _, scope := range b.sorted() {
		if n := planned[scope]; n > 0 {
			e := w.decisionEntry(by, state.ActionRevert, scope, b.scopes[scope].name)
			e.Run, e.Job, e.Label, e.Why = b.run.ID, b.run.Job, fmt.Sprintf("%s back to before run %s", Count(n, "object"), b.run.ID), reason
			about = append(about, e)
		}
	}
	if len(about) == 0 {
		return nil
	}
	return state.EditReversals(ctx, w.Store, func(all []state.Reversal) ([]state.Reversal, error) { return all, nil }, about...)
}

// sayElsewhere says of lines of customers that are none any more where they are kept in step
// now, and what is to be credited for them: nobody takes them back from here.
func (w *App) sayElsewhere(ctx context.Context, b *wayBack) error {
	links, err := w.Links(ctx)
	if err != nil {
		return err
	}
	for scope, s := range b.scopes {
		now := links.TakenOver(scope.Customer)
		if now == "" || len(s.back) == 0 {
			continue
		}
		m, err := w.Store.Recall(ctx, scope)
		if err != nil {
			return err
		}
		lines := map[plan.Key]sync.ReturningLine{}
		for _, r := range s.back {
			label := cmp.Or(s.written[r.Key].Label, r.Key.ID)
			s.note(r.Key, "%s (%s) is not taken back to what it was before run %s: the customer is part of %s now, which keeps its lines in step; set the quantity there, or take back a run of %s (syncd revert RUN --customer %q)",
				label, r.Ref, r.Run, now, now, now)
			if o := recordOf(m, r.Key); o != nil && o.Billing != nil { // the line is not looked at, so that no amount is certain
				billing := *o.Billing
				billing.NextInvoice = ""
				lines[r.Key] = sync.ReturningLine{Billing: &billing}
			}
		}
		credits, notes, err := w.credits(ctx, sync.Returning{Scope: scope, Run: b.run.ID, Lines: lines})
		if err != nil {
			return err
		}
		s.credits, s.notes, s.back = credits, append(s.notes, notes...), nil
	}
	return nil
}

// completeWayBack adds to a report what is not taken back.
func completeWayBack(b *wayBack, report *sync.Report) {
	reported := map[plan.Scope]bool{}
	for i := range report.Scopes {
		r := &report.Scopes[i]
		s := b.scopes[r.Scope()]
		reported[r.Scope()] = true
		if r.Credits == nil {
			r.Credits = []money.Credit{}
		}
		r.Violations = append(r.Violations, s.notes...)
	}
	for scope, s := range b.scopes {
		if reported[scope] {
			continue
		}
		if len(s.back) > 0 {
			s.note(plan.Key{}, "%s is not looked at: no job names it, or the customer is not listed any more", scope)
		}
		report.Scopes = append(report.Scopes, sync.ScopeReport{Customer: sync.CustomerRef{Key: scope.Customer, Name: s.name}, Target: scope.Target, Outcome: sync.InStep,
			Changes: []plan.Change{}, Violations: s.notes, Credits: append([]money.Credit{}, s.credits...)})
		report.Totals[sync.InStep]++
	}
	slices.SortStableFunc(report.Scopes, func(x, y sync.ScopeReport) int {
		return cmp.Or(strings.Compare(strings.ToLower(x.Customer.Name), strings.ToLower(y.Customer.Name)), strings.Compare(x.Customer.Key, y.Customer.Key), strings.Compare(x.Target, y.Target))
	})
}

// withdrawRejected gives up a way back that a person rejected: the scope goes on as if
// nobody had asked for it.
func (w *App) withdrawRejected(ctx context.Context, approved bool, h *state.Hold) error {
	shown := ShownPlan(h)
	if approved || shown.Reverts == "" {
		return nil
	}
	return w.withdraw(ctx, h.Scope, func(r *state.Reversal) bool {
		return r.Run == shown.Reverts && slices.ContainsFunc(shown.Changes, func(c plan.Change) bool { return c.Key == r.Key })
	})
}

// withdraw forgets that something of a scope was to be taken back, or was.
func (w *App) withdraw(ctx context.Context, scope plan.Scope, is func(*state.Reversal) bool) error {
	return state.EditReversals(ctx, w.Store, func(all []state.Reversal) ([]state.Reversal, error) {
		return slices.DeleteFunc(all, func(r state.Reversal) bool { return r.Scope == scope && is(&r) }), nil
	})
}

func upnOf(e *state.Entry) string {
	if e.After == nil {
		return ""
	}
	return e.After.Facts["upn"]
}

func notEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// RevertFor asks for the way back and waits so long for its plan; ended is false where it
// takes longer, and goes on with the daemon.
func (w *Running) RevertFor(ctx context.Context, by Operator, asked Revert, wait time.Duration) (report *sync.Report, ended bool, err error) {
	return inBackground(ctx, w.ctx, wait, func(ctx context.Context) (*sync.Report, error) {
		report, err := w.Revert(ctx, by, asked, func(int, int, string) {})
		if err != nil {
			w.Log.Warn().Err(err).Str("run", asked.Run).Str("by", by.Name).Msg("way back not planned")
		}
		return report, err
	})
}
