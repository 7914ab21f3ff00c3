package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// An Invoicer is a biller that lists the invoices of an agreement.
type Invoicer interface {
	Biller
	Invoices(ctx context.Context, agreement string, since time.Time) (money.Invoices, error)
}

// credits works out what is to be credited by hand for the lines of a way back, by the
// invoices that there are now. What was billed too little is noted: it is invoiced by
// hand. Of a line whose quantity went back before, it says what was told then.
func (w *App) credits(ctx context.Context, of sync.Returning) (credits []money.Credit, notes []plan.Violation, err error) {
	biller, ok := w.Config.system(of.Scope.Target).(Invoicer)
	if !ok {
		return nil, nil, nil
	}
	var wrote []state.Entry
	written, kept, later := map[plan.Key]*state.Entry{}, keptCredits{}, map[plan.Key][]state.Entry{}
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Customer: of.Scope.Customer, Target: of.Scope.Target}) { // newest first
		if err != nil {
			return nil, nil, fmt.Errorf("reading the journal: %w", err)
		}
		switch {
		case e.Reverts == of.Run:
			kept.add(&e)
		case e.Run == of.Run:
			if wrote = append(wrote, e); written[e.Key] == nil && (e.Result == state.ResultDone || e.Result == state.ResultRecovered) {
				written[e.Key] = &e
			}
		case written[e.Key] == nil:
			later[e.Key] = append(later[e.Key], e)
		}
	}
	slices.Reverse(wrote)
	back, _ := state.TakeBack(wrote)
	made := map[string]money.Invoices{}
	for _, r := range back {
		line, goes := of.Lines[r.Key]
		left, err := decimal.NewFromString(r.Left.Text(plan.FieldQuantity))
		if err != nil || !goes || line.Billing == nil || r.Undo == plan.UndoAdopt {
			continue
		}
		if told, known := kept[r.Key]; known && line.Back {
			credits = append(credits, told...)
			continue
		}
		billing, e := *line.Billing, written[r.Key]
		billing.Currency = cmp.Or(billing.Currency, w.Config.Currency)
		before, err := decimal.NewFromString(r.Before.Text(plan.FieldQuantity))
		if err != nil {
			before = decimal.Zero
		}
		reverted := money.Reverted{Ref: r.Ref, Left: left, Before: before, Made: r.Undo == plan.UndoCreate, Billing: &billing}
		reverted.Next, _ = time.Parse(time.DateOnly, e.After.Facts["next_invoice"]) // zero where there is none
		reverted.Then = plan.ShownTerms(e.After.Facts)
		if reverted.Moved, err = w.moved(ctx, e, later[r.Key], line.Edited); err != nil {
			return nil, nil, err
		}
		agreement := cmp.Or(billing.Parent, billing.Agreement)
		invoices, read := made[agreement]
		if !read {
			if invoices, err = biller.Invoices(ctx, agreement, e.At); err != nil { // what nobody can name in full is owed all the same
				invoices = money.Invoices{Unknown: w.Engine.Redact(err.Error())}
			}
			made[agreement] = invoices
		}
		credits = append(credits, money.Credits(reverted, invoices)...)
		reverted.Left, reverted.Before = reverted.Before, reverted.Left
		for _, k := range money.Credits(reverted, invoices) {
			notes = append(notes, plan.Violation{Code: "billed_too_little", Kind: r.Key.Kind, Key: r.Key.ID, Note: true, Message: fmt.Sprintf(
				"%s (%s) was billed too little: %s to be invoiced by hand", e.Label, r.Ref, k)})
		}
	}
	return credits, notes, nil
}

// moved says what speaks against it that a line held ever since what a run left: what later
// runs wrote or saw, or a person's edit. It is empty where nothing does. Later entries come
// newest first; edited is who changed the line last.
func (w *App) moved(ctx context.Context, wrote *state.Entry, later []state.Entry, edited plan.Edit) (string, error) {
	const onInvoice = ": what was billed is on the invoice"
	day := func(at time.Time) string { return at.In(w.Location).Format(time.DateOnly) }
	left := wrote.After.Fields.Text(plan.FieldQuantity)
	holds := func(i *state.Image) bool {
		return i == nil || i.Ref == wrote.Ref && i.Fields.Text(plan.FieldQuantity) == left
	}
	for _, e := range slices.Backward(later) {
		if e.Result == state.ResultFailed || holds(e.Before) && holds(e.After) {
			continue
		}
		return fmt.Sprintf("it did not hold %s all the time: run %s wrote to it on %s", left, e.Run, day(e.At)) + onInvoice, nil
	}
	known := map[string]string{"updated_by": edited.By}
	if !edited.At.IsZero() {
		known["updated_at"] = edited.At.UTC().Format(time.RFC3339Nano)
	}
	images := []map[string]string{known}
	for _, e := range later {
		if e.Before != nil {
			images = append(images, e.Before.Facts)
		}
	}
	for _, seen := range images { // by whom syncd's own writes are, its own answer says
		if by, at := wrote.After.Facts["updated_by"], wrote.After.Facts["updated_at"]; seen["updated_by"] != by || by == "" && seen["updated_at"] != at {
			return fmt.Sprintf("it was changed after the run%s, and may have held another quantity than %s",
				plan.Edit{By: seen["updated_by"]}, left) + onInvoice, nil
		}
	}
	var first *state.Span
	for span, err := range w.Store.Spans(ctx, state.SpanFilter{Customer: wrote.Scope.Customer, Key: wrote.Key, From: wrote.At}) {
		switch {
		case err != nil:
			return "", fmt.Errorf("reading the ledger: %w", err)
		case span.Scope != wrote.Scope || span.From.Before(wrote.At.UTC().Truncate(time.Microsecond)) || span.Billed == "":
		case first == nil:
			first = &span
		case span.Billed != first.Billed:
			return fmt.Sprintf("it did not hold %s all the time: %s units were billed on %s", left, span.Billed, day(span.From)) + onInvoice, nil
		}
	}
	return "", nil
}

// keptCredits are the credits of lines as the journal kept them when they went back.
type keptCredits map[plan.Key][]money.Credit

// add adds those of an entry; entries come newest first, and the newest counts.
func (k keptCredits) add(e *state.Entry) {
	if _, known := k[e.Key]; !known && len(e.Credits) > 0 {
		k[e.Key] = CreditsOf(e)
	}
}

// CreditsOf are the credits that an entry keeps.
func CreditsOf(e *state.Entry) (credits []money.Credit) {
	if len(e.Credits) > 0 && json.Unmarshal(e.Credits, &credits) != nil {
		return nil // the chain proves what was written; a text that is none shows none
	}
	return credits
}

// CreditText is what to credit, as a message ends with it.
func CreditText(credits []money.Credit) string {
	text := ""
	for _, c := range credits {
		text += "; credit by hand: " + c.Ref + ", " + c.String()
	}
	return text
}
