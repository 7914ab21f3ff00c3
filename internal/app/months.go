package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// Months are the packs of a month: one a customer, and one of all.
type Months struct {
	MSP   *report.Month
	Packs []*report.Month // by name
}

// Month makes the evidence of a month, of one customer or of all, from the ledger and the
// journal; invoices alone are read anew. A closed month is as it was closed.
func (w *App) Month(ctx context.Context, month, customer string) (*Months, error) {
	from, to, err := w.pastMonth(month)
	if err != nil {
		return nil, err
	}
	only := ""
	if customer != "" {
		c, err := w.known(ctx, customer)
		if err != nil {
			return nil, err
		}
		only = c.Key
	}
	closed, err := w.closedMonth(ctx, month)
	if err != nil {
		return nil, err
	}
	if closed != nil {
		return closed.months(only)
	}
	return w.makeMonth(ctx, monthAsked{month: month, from: from, to: to, asOf: w.Now(), only: only})
}

// pastMonth is when a month begins and ends that has begun.
func (w *App) pastMonth(month string) (from, to time.Time, err error) {
	if month == "" {
		return from, to, Usage("say which month: --month %s", w.Now().In(w.Location).AddDate(0, 0, -w.Now().In(w.Location).Day()).Format("2006-01"))
	}
	if from, to, err = monthOf(month, w.Location); err != nil {
		return from, to, err
	}
	if from.After(w.Now()) {
		return from, to, Usage("--month %s is still to come: the ledger knows what was, up to %s", month, w.Now().In(w.Location).Format("2006-01"))
	}
	return from, to, nil
}

// monthAsked says which packs are to be made.
type monthAsked struct {
	month    string
	from, to time.Time
	asOf     time.Time // what was known then
	only     string    // a customer's key; empty for all
	closedBy string    // who closes it; empty where nobody does
	offline  bool      // nobody is asked for invoices
}

// makeMonth makes packs as of a moment.
func (w *App) makeMonth(ctx context.Context, asked monthAsked) (*Months, error) {
	names, err := w.billedCustomers(ctx)
	if err != nil {
		return nil, err
	}
	facts := map[string]*report.MonthFacts{}
	of := func(key string) *report.MonthFacts {
		f := facts[key]
		if f == nil {
			name := names[key]
			if name == "" {
				name = key
			}
			f = &report.MonthFacts{Customer: sync.CustomerRef{Key: key, Name: name}, Month: asked.month, From: asked.from, To: asked.to, AsOf: asked.asOf, Zone: w.Location,
				Closed: asked.closedBy != "", ClosedBy: asked.closedBy}
			facts[key] = f
		}
		return f
	}
	meant := func(key string) bool { return asked.only == "" || key == asked.only }
	for key := range names {
		if meant(key) {
			of(key)
		}
	}
	within := state.SpanFilter{Customer: asked.only, From: asked.from, To: asked.to}
	for s, err := range w.Store.Spans(ctx, within) {
		if err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
		if s.From.After(asked.asOf) {
			continue // it was not known then
		}
		if s.To.After(asked.asOf) {
			s.To = time.Time{}
		}
		f := of(s.Scope.Customer)
		f.Spans = append(f.Spans, s)
	}
	for s, err := range w.Store.Spans(ctx, state.SpanFilter{Customer: asked.only, First: true}) {
		if err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
		if f := of(s.Scope.Customer); f.RecordedFrom == nil || s.From.Before(*f.RecordedFrom) {
			f.RecordedFrom = new(s.From.UTC())
		}
	}
	if err := w.monthDecisions(ctx, asked, of, meant); err != nil {
		return nil, err
	}
	out := &Months{}
	monthly, there := Find[MonthBiller](w)
	for _, f := range facts {
		f.Invoiced = func(agreement string, products []string) money.Invoiced {
			switch {
			case asked.offline:
				return money.Invoiced{Unread: "not asked for yet"}
			case !there:
				return money.Invoiced{Unread: missing[MonthBiller](w.Config.table)}
			}
			in, err := monthly.Invoiced(ctx, agreement, products, asked.from, asked.to)
			if err != nil {
				return money.Invoiced{Unread: w.Config.Redactor().Text(err.Error())}
			}
			return in
		}
		out.Packs = append(out.Packs, report.NewMonth(*f))
	}
	out.sort()
	out.MSP = report.NewMonthOfAll(report.NewMonth(report.MonthFacts{Month: asked.month, From: asked.from, To: asked.to, AsOf: asked.asOf, Zone: w.Location,
		Closed: asked.closedBy != "", ClosedBy: asked.closedBy}), out.Packs)
	return out, nil
}

func (m *Months) sort() {
	slices.SortFunc(m.Packs, func(a, b *report.Month) int {
		if n := strings.Compare(strings.ToLower(a.Customer.Name), strings.ToLower(b.Customer.Name)); n != 0 {
			return n
		}
		return strings.Compare(a.Customer.Key, b.Customer.Key)
	})
}

// monthDecisions adds the journal, what waits and what is left alone.
func (w *App) monthDecisions(ctx context.Context, asked monthAsked, of func(string) *report.MonthFacts, meant func(string) bool) error {
	end := asked.to
	if asked.asOf.Before(end) {
		end = asked.asOf
	}
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Customer: asked.only, From: asked.from, To: end}) {
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		if e.Scope.Customer != "" && w.bills(e.Scope) {
			f := of(e.Scope.Customer)
			f.Entries = append(f.Entries, e)
		}
	}
	for h, err := range w.Store.Holds(ctx) {
		if err != nil {
			return fmt.Errorf("reading the holds: %w", err)
		}
		if meant(h.Scope.Customer) && w.bills(h.Scope) {
			of(h.Scope.Customer).Hold = &h
		}
	}
	for s, err := range w.Store.Settlements(ctx) {
		if err != nil {
			return fmt.Errorf("reading the settlements: %w", err)
		}
		if meant(s.Scope.Customer) && w.bills(s.Scope) {
			f := of(s.Scope.Customer)
			f.Settlements = append(f.Settlements, s)
		}
	}
	return nil
}

// bills reports whether a scope is about invoices.
func (w *App) bills(s plan.Scope) bool {
	b, _ := w.biller()
	return b.Biller == nil || s.Target == "" || slices.Contains(b.Targets(), s.Target)
}

// billedCustomers are the names of those whom a bill was made for, by key.
func (w *App) billedCustomers(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if w.bills(c.Scope) {
			names[c.Scope.Customer] = c.Name
		}
	}
	return names, nil
}
