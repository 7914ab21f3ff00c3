package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// An Event is something that happened to a customer, in a sentence.
type Event struct {
	At      time.Time
	Text    string
	Because string // why, and what it comes to, where that is known
	Run     string // in which it happened; empty of what a person decided
	By      string // who decided it
	How     string // how that person was identified
	Money   string // a month; empty where it is about none
	Failed  bool
	Person  bool // a person did it
}

// Timeline returns most of what happened to a customer, from the newest but skip on, and
// whether there is more. It is what the journal has, many alike in one, and where the ledger
// shows that something changed at the source, or at the target without us.
// held are the plans of the customer that wait: they know who edited what they would write over.
func (w *App) Timeline(ctx context.Context, customer string, held map[plan.Scope]state.Hold, skip, most int) (events []Event, older bool, err error) {
	t := timeline{App: w, skip: skip, most: most, edits: map[plan.Key]plan.Violation{}}
	for _, h := range held {
		for _, v := range h.Violations {
			if v.EditedBy != "" {
				t.edits[plan.Key{Kind: v.Kind, ID: v.Key}] = v
			}
		}
	}
	changes, err := w.ledgerChanges(ctx, customer)
	if err != nil {
		return nil, false, err
	}
	var like []state.Entry // entries that make one event
	end := func() bool {
		if len(like) == 0 {
			return true
		}
		e := w.eventOf(like)
		like = nil
		return t.add(e)
	}
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Customer: customer}) {
		if err != nil {
			return nil, false, fmt.Errorf("reading the journal: %w", err)
		}
		if len(like) > 0 && !alike(&like[0], &e) && !end() {
			return t.events, true, nil
		}
		for len(changes) > 0 && changes[0].at.After(e.At) {
			if !end() {
				return t.events, true, nil
			}
			if more, err := t.addChange(ctx, &changes[0]); err != nil || !more {
				return t.events, !more, err
			}
			changes = changes[1:]
		}
		like = append(like, e)
	}
	if !end() {
		return t.events, true, nil
	}
	for i := range changes {
		if more, err := t.addChange(ctx, &changes[i]); err != nil || !more {
			return t.events, !more, err
		}
	}
	return t.events, false, nil
}

// A timeline gathers one page of it.
type timeline struct {
	*App
	skip, most, n int
	events        []Event
	edits         map[plan.Key]plan.Violation  // that wait for a person's word
	runs          map[string]map[plan.Key]bool // what runs wrote, as far as they were looked at
}

// add takes an event, and is false where the page is full.
func (t *timeline) add(e Event) bool {
	if t.n++; t.n > t.skip+t.most {
		return false
	}
	if t.n > t.skip {
		t.events = append(t.events, e)
	}
	return true
}

// alike reports whether two entries that follow one another are told in one sentence: of many
// people nobody reads each.
func alike(a, b *state.Entry) bool {
	return a.Run != "" && a.Run != CommandRun && a.Run == b.Run && a.Scope == b.Scope && a.Action == b.Action && a.Result == b.Result && a.Digest == b.Digest &&
		a.Key.Kind == b.Key.Kind && a.Before.Quantity()+a.After.Quantity()+b.Before.Quantity()+b.After.Quantity() == ""
}

// editedBy is who had edited what an entry wrote over; empty where nobody had.
func editedBy(e *state.Entry) string {
	if e.Before == nil || e.Reason != plan.ChangedAtTarget && e.Reason != plan.ChangedAtBoth {
		return ""
	}
	return e.Before.Facts["updated_by"]
}

// mostTold is how many of a group are named.
const mostTold = 3

// eventOf tells entries that are alike.
func (w *App) eventOf(entries []state.Entry) Event {
	e := &entries[0]
	x := Event{At: e.At, Run: e.Run, By: e.By, Money: e.Money, Failed: e.Result == state.ResultFailed || e.Result == state.ResultUnknown}
	var more []string
	switch {
	case isDecision(e.Action):
		x.Run, x.Person, x.How = "", true, e.How
		x.Text, more = w.decisionText(e)
	case e.Run == CommandRun:
		x.Run, x.Person, x.How, x.Money, x.Text = "", true, e.How, "", e.Label
	case len(entries) > 1:
		var labels []string
		for i := range entries {
			labels = append(labels, entries[i].Label)
		}
		if n := len(labels) - mostTold; n > 0 {
			labels = append(labels[:mostTold], fmt.Sprintf("and %d more", n))
		}
		x.Money = ""
		x.Text = fmt.Sprintf("%s: %s %s%s", w.title(e), Count(len(entries), cmp.Or(e.Key.Kind, "object")), doneText[e.Action], resultText(e))
		more = append(more, strings.Join(labels, ", "))
	default:
		x.Text = w.changeText(e)
		more = append(more, string(e.Reason))
	}
	if e.Explanation != nil {
		more = append(more, e.Explanation.Text())
	}
	if by := editedBy(e); by != "" {
		more = append(more, by+" had edited it there")
	}
	if e.Message != "" {
		more = append(more, e.Message)
	}
	if !x.Person && e.By != "" {
		more = append(more, "approved by "+e.By+Because(e.Why))
	}
	if d, err := decimal.NewFromString(x.Money); err != nil || d.IsZero() {
		x.Money = ""
	}
	x.Because = strings.Join(slices.DeleteFunc(more, func(s string) bool { return s == "" }), "; ")
	return x
}

// isDecision reports whether an action is a person's decision.
func isDecision(a plan.Action) bool {
	return slices.Contains([]plan.Action{state.ActionApprove, state.ActionReject, state.ActionSettle, state.ActionImport, state.ActionOverride, state.ActionFreeze,
		state.ActionClose, state.ActionRevert, state.ActionAccess, state.ActionReload}, a)
}

// doneText are the actions of changes as what was done.
var doneText = map[plan.Action]string{plan.Create: "created", plan.Update: "changed", plan.Delete: "taken away", plan.Adopt: "taken on as found", plan.Forget: "kept in step no longer"}

func resultText(e *state.Entry) string {
	switch e.Result {
	case state.ResultFailed:
		return ", which was refused"
	case state.ResultUnknown:
		return ", to which no answer came"
	case state.ResultRecovered:
		return ", which an earlier attempt turned out to have done"
	}
	return ""
}

// title is what the target of an entry is called.
func (w *App) title(e *state.Entry) string { return w.Config.TargetTitle(e.Scope.Target) }

// changeText tells one change at a target.
func (w *App) changeText(e *state.Entry) string {
	label := cmp.Or(e.Label, e.Key.ID)
	before, after := e.Before.Quantity(), e.After.Quantity()
	switch {
	case before != after && e.Action != plan.Adopt:
		return fmt.Sprintf("%s: %s in %s%s", label, arrow(before, after), w.title(e), resultText(e))
	case e.Action == plan.Update || e.Action == plan.Adopt:
		var fields []string
		for _, d := range Differences(e) {
			fields = append(fields, d.Field)
		}
		if len(fields) > 0 {
			return fmt.Sprintf("%s %s in %s: %s%s", label, doneText[e.Action], w.title(e), strings.Join(fields, ", "), resultText(e))
		}
	}
	return fmt.Sprintf("%s %s in %s%s", label, doneText[e.Action], w.title(e), resultText(e))
}

// arrow is a number before and after.
func arrow(before, after string) string {
	return cmp.Or(before, "nothing") + " → " + cmp.Or(after, "nothing")
}

// decisionText tells what a person decided, and more about it.
func (w *App) decisionText(e *state.Entry) (text string, more []string) {
	who := cmp.Or(e.By, "Somebody")
	switch e.Action {
	case state.ActionApprove:
		return who + " approved the plan for " + w.title(e), []string{e.Why}
	case state.ActionReject:
		return who + " rejected the plan for " + w.title(e), []string{e.Why}
	case state.ActionRevert:
		return who + " asked for the way back: " + e.Label, []string{e.Why}
	case state.ActionOverride:
		return who + " changed the " + e.Label, []string{e.Why}
	}
	text = who + " decided on " + e.Label
	if e.Action == state.ActionImport {
		text = who + " imported " + e.Label
	}
	for _, d := range Differences(e) {
		if len(more) == mostTold {
			break
		}
		more = append(more, d.Field+": "+d.Before+" → "+d.After)
	}
	return text, append(more, e.Why)
}

// A ledgerChange is where a span of a product follows another.
type ledgerChange struct {
	at       time.Time
	was, now state.Span
	first    bool // nothing was recorded before
}

// ledgerChanges are those of a customer, newest first.
func (w *App) ledgerChanges(ctx context.Context, customer string) ([]ledgerChange, error) {
	var all []ledgerChange
	var last state.Span
	for s, err := range w.Store.Spans(ctx, state.SpanFilter{Customer: customer}) {
		if err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
		first := last.Scope != s.Scope || last.Key != s.Key
		all = append(all, ledgerChange{at: s.From, was: last, now: s, first: first})
		last = s
	}
	slices.SortStableFunc(all, func(a, b ledgerChange) int { return b.at.Compare(a.at) })
	return all, nil
}

// wrote reports whether a run wrote to a product of a customer.
func (t *timeline) wrote(ctx context.Context, run, customer string, key plan.Key) (bool, error) {
	if t.runs == nil {
		t.runs = map[string]map[plan.Key]bool{}
	}
	if t.runs[run] == nil {
		t.runs[run] = map[plan.Key]bool{}
		for e, err := range t.Store.Journal(ctx, state.JournalFilter{Run: run, Customer: customer}) {
			if err != nil {
				return false, fmt.Errorf("reading the journal: %w", err)
			}
			t.runs[run][e.Key] = true
		}
	}
	return t.runs[run][key], nil
}

// addChange takes what the ledger shows, where it is worth telling. It is false where the
// page is full.
func (t *timeline) addChange(ctx context.Context, c *ledgerChange) (more bool, err error) {
	x := Event{At: c.at, Run: c.now.Proof.Run}
	label := cmp.Or(c.now.Label, c.now.Product, c.now.Key.ID)
	title := t.Config.TargetTitle(c.now.Scope.Target)
	var told []string
	switch {
	case c.first && c.now.Known:
		told = append(told, fmt.Sprintf("%s is recorded from here on: bought %s, billed %s in %s", label, cmp.Or(c.now.Purchased, "unknown"), cmp.Or(c.now.Billed, "unknown"), title))
	case !c.now.Known && (c.first || c.was.Known):
		told, x.Because, x.Failed = append(told, label+": its numbers are not proven"), c.now.Why, true
	case c.now.Known && !c.was.Known:
		told = append(told, fmt.Sprintf("%s is proven again: bought %s, billed %s", label, cmp.Or(c.now.Purchased, "unknown"), cmp.Or(c.now.Billed, "unknown")))
	case c.now.Known:
		if c.was.Purchased != c.now.Purchased {
			told = append(told, arrow(c.was.Purchased, c.now.Purchased)+" bought at Microsoft")
		}
		ours := c.was.Billed == c.now.Billed
		if !ours {
			if ours, err = t.wrote(ctx, c.now.Proof.Run, c.now.Scope.Customer, c.now.Key); err != nil {
				return false, err
			}
		}
		if !ours {
			by := "and not by syncd"
			if edit, ok := t.edits[c.now.Key]; ok && c.now.To.IsZero() {
				by = "by " + edit.EditedBy
			}
			told = append(told, fmt.Sprintf("%s billed in %s, %s", arrow(c.was.Billed, c.now.Billed), title, by))
			x.Person = true
		}
		if len(told) > 0 {
			told[0] = label + ": " + told[0]
		}
		if c.now.Explanation != nil {
			x.Because = c.now.Explanation.Text()
		}
	}
	if len(told) == 0 {
		return true, nil
	}
	x.Text = strings.Join(told, "; ")
	return t.add(x), nil
}
