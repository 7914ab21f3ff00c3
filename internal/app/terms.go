package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/state"
)

// longestTerm is how far ahead the end of a term can be.
const longestTerm = 3*366 + 7 // days

// ExportTerms writes what is said of the terms of subscriptions as CSV, what was
// observed of them included, and returns how many lines it has.
func (w *App) ExportTerms(ctx context.Context, out io.Writer) (lines int, err error) {
	claims, _, err := Document[money.Claims](ctx, w.Store, TermsDocument)
	if err != nil {
		return 0, err
	}
	seen, err := w.observedTerms(ctx)
	if err != nil {
		return 0, err
	}
	table := seen.lines
	for i := range claims.Claims {
		table = append(table, termLine(&claims.Claims[i]))
	}
	slices.SortStableFunc(table, func(a, b mapping.TermLine) int { // what was observed stays before what is said
		return cmp.Or(strings.Compare(a.Customer, b.Customer), strings.Compare(strings.ToLower(a.Subscription), strings.ToLower(b.Subscription)))
	})
	if err := mapping.ExportTerms(out, table); err != nil {
		return 0, fmt.Errorf("writing the terms: %w", err)
	}
	return len(table), nil
}

func termLine(c *money.Claim) mapping.TermLine {
	return mapping.TermLine{Customer: c.Customer, Subscription: c.Subscription, Term: c.Term, Ends: c.Ends, Source: c.Source, Reason: c.Reason}
}

// observed is what the last runs saw of subscriptions.
type observed struct {
	lines []mapping.TermLine         // of those whose term was observed
	ids   map[string]map[string]bool // by customer: the ids and commerce ids of all, in lower case
	other map[string]string          // the id of a subscription, by its commerce id; both in lower case
}

// observedTerms reads what the last runs saw of subscriptions.
func (w *App) observedTerms(ctx context.Context) (observed, error) {
	o := observed{ids: map[string]map[string]bool{}, other: map[string]string{}}
	note := func(customer string, ids ...string) {
		if o.ids[customer] == nil {
			o.ids[customer] = map[string]bool{}
		}
		for _, id := range ids {
			o.ids[customer][strings.ToLower(id)] = true
		}
	}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return o, fmt.Errorf("reading what was seen of subscriptions: %w", err)
		}
		for _, s := range c.Seen {
			note(c.Scope.Customer, s.ID, s.CommerceID)
			if s.CommerceID != "" {
				o.other[strings.ToLower(s.CommerceID)] = strings.ToLower(s.ID)
			}
			if s.Term == "" || !s.Gone.IsZero() {
				continue
			}
			l := mapping.TermLine{Customer: c.Scope.Customer, Subscription: s.ID, Term: s.Term, Source: money.Observed}
			if !s.Ends.IsZero() {
				y, m, d := s.Ends.In(w.Location).Date()
				l.Ends = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
			}
			o.lines = append(o.lines, l)
		}
	}
	return o, nil
}

// id is the id of a subscription that is named by it or by its commerce id, in lower case.
func (o *observed) id(text string) string {
	text = strings.ToLower(text)
	return cmp.Or(o.other[text], text)
}

// A TermImport is what came of reading claims.
type TermImport struct {
	Edits    []mapping.Edit
	Warnings []string // about subscriptions that nobody saw
}

// ImportTerms reads claims about the terms of subscriptions from the CSV text of a
// file: all of it or nothing.
func (w *App) ImportTerms(ctx context.Context, by Operator, file string, text []byte) (TermImport, error) {
	claims, version, err := Document[money.Claims](ctx, w.Store, TermsDocument)
	if err != nil {
		return TermImport{}, err
	}
	in := termImport{App: w, by: by, current: claims, seen: map[termKey]int{}}
	if err := mapping.ImportTerms(bytes.NewReader(text), func(lines []mapping.TermLine) error { return in.checkLines(ctx, lines) }); err != nil {
		return TermImport{}, importRefused(file, err)
	}
	if len(in.claims) == 0 {
		return in.done, nil
	}
	next := claims.Put(in.claims...)
	return in.done, Put(ctx, w.Store, TermsDocument, version, next,
		concerning(termConcerns(in.claims), w.tableEntries(by, state.ActionImport, TermsDocument, file, text, in.done.Edits))...)
}

// termImport makes claims of lines.
type termImport struct {
	*App
	by      Operator
	current money.Claims
	seen    map[termKey]int // the lines of the file
	claims  []money.Claim
	done    TermImport
}

type termKey struct {
	customer, subscription string
	source                 string // observed or distributor; empty for a person's
}

func (in *termImport) checkLines(ctx context.Context, lines []mapping.TermLine) error {
	watched, err := in.observedTerms(ctx)
	if err != nil {
		return err
	}
	_, customers, err := in.Customers(ctx)
	if err != nil {
		return err
	}
	closed, _, err := state.Closed(ctx, in.Store)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for i := range customers {
		names[customers[i].Key] = cmp.Or(customers[i].Name, customers[i].Key)
	}
	latest := in.Now().AddDate(0, 0, longestTerm)
	for i := range lines {
		l := &lines[i]
		source := sourceOf(l)
		subscription := watched.id(l.Subscription)
		key := termKey{l.Customer, subscription, source}
		if first, twice := in.seen[key]; twice && l.Subscription != "" {
			l.Report("subscription", "%s is on line %d already, by the same sort of source: keep one of the two lines", l.Subscription, first)
			continue
		}
		in.seen[key] = l.Number()
		if source == money.Observed {
			if !slices.ContainsFunc(watched.lines, func(o mapping.TermLine) bool {
				return o.Customer == l.Customer && strings.EqualFold(o.Subscription, l.Subscription) && o.Term == l.Term && o.Ends.Equal(l.Ends)
			}) {
				l.Report("source",
					"%s is what syncd saw itself, and it did not see this: leave the source empty to say it yourself, or take the line out", money.Observed)
			}
			continue
		}
		by := cmp.Or(source, in.by.Name)
		if i := slices.IndexFunc(in.current.Claims, func(c money.Claim) bool {
			return c.Customer == l.Customer && c.Source == by && !strings.EqualFold(c.Subscription, l.Subscription) && watched.id(c.Subscription) == subscription
		}); i >= 0 {
			l.Report("subscription",
				"%s is another id of %s, of which the same is said already: write that id", l.Subscription, in.current.Claims[i].Subscription)
			continue
		}
		was := in.current.Find(l.Customer, l.Subscription, by)
		in.keepColumns(l, &was)
		now := money.Claim{Customer: l.Customer, Subscription: l.Subscription, Term: l.Term, Ends: l.Ends, Source: by, Reason: l.Reason}
		says, said := now.Term != "" || !now.Ends.IsZero(), was.Source != ""
		if !says && !said || now.Term == was.Term && now.Ends.Equal(was.Ends) && now.Reason == was.Reason {
			continue // as it is: who said it stays who said it
		}
		month := closedEnd(closed, was.Ends, now.Ends)
		switch name, known := names[l.Customer]; {
		case month != nil:
			l.Report("ends", "%s closed %s, and the end of a term within it would change what was due in it: open the month again first (syncd report month --month %s --reopen --reason TEXT)",
				month.By, month.Month, month.Month)
		case l.Customer == "":
			l.Report("customer", "empty: write the customer's key, as syncd status --json has it")
		case !known && says: // of one who is no customer any more it may be taken back
			l.Report("customer", "%q is no customer's key: syncd status --json lists the keys", l.Customer)
		case l.Ends.After(latest):
			l.Report("ends", "%s is more than three years ahead, and no term is as long", mapping.Day(l.Ends))
		default:
			in.claims = append(in.claims, now)
			in.noteEdit(l.Number(), cmp.Or(name, l.Customer), source, &was, &now)
			if of := watched.ids[l.Customer]; len(of) > 0 && !of[strings.ToLower(l.Subscription)] {
				in.done.Warnings = append(in.done.Warnings, fmt.Sprintf(
					"line %d: no run has seen a subscription %s of %s: what is said of it counts once there is one", l.Number(), l.Subscription, name))
			}
		}
	}
	return nil
}

// closedEnd is the closed month in which an end of a term would come or go; nil where there
// is none.
func closedEnd(closed []state.Closing, was, now time.Time) *state.Closing {
	if was.Equal(now) {
		return nil
	}
	return cmp.Or(state.Overlap(closed, mapping.Day(now), ""), state.Overlap(closed, mapping.Day(was), ""))
}

// sourceOf is the source that a line names, empty for a person. Who imports a line
// is that person, whoever is named: nobody speaks for somebody else.
func sourceOf(l *mapping.TermLine) string {
	source := strings.ToLower(l.Source)
	for _, known := range []string{money.Observed, money.Distributor} {
		switch {
		case source == known:
			return known
		case len(source) > 3 && strings.HasPrefix(source, known[:4]):
			l.Report("source", "%q: write %s, or leave it empty", l.Source, known)
		}
	}
	return ""
}

// keepColumns fills in what the file has no column for.
func (in *termImport) keepColumns(l *mapping.TermLine, was *money.Claim) {
	if !l.Has("term") {
		l.Term = was.Term
	}
	if !l.Has("ends") {
		l.Ends = was.Ends
	}
	if !l.Has("reason") {
		l.Reason = was.Reason
	}
}

// noteEdit notes what a line changes.
func (in *termImport) noteEdit(line int, customer, source string, was, now *money.Claim) {
	add := func(column, before, after string) {
		if before == after {
			return
		}
		if source != "" {
			column = source + " " + column
		}
		in.done.Edits = append(in.done.Edits, mapping.Edit{
			Line: line, Key: now.Customer, Name: customer, Column: now.Subscription + " " + column, Before: before,
			After: after,
		})
	}
	add("term", was.Term, now.Term)
	add("ends", mapping.Day(was.Ends), mapping.Day(now.Ends))
	if now.Term == "" && now.Ends.IsZero() { // nothing is left of it
		now = &money.Claim{Customer: now.Customer, Subscription: now.Subscription}
	}
	if source == "" {
		add("source", was.Source, now.Source)
	}
	add("reason", was.Reason, now.Reason)
}
