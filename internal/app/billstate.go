package app

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"syncd/internal/money"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A BillState is what is bought, billed and renewed as runs last found it: from the ledger
// and from what they remember. Nobody is asked for anything.
type BillState struct {
	Licences *report.Licences
	Renewals *report.Renewals
	From, To time.Time // when the first and the last of the customers was looked at; zero where none was
}

// renewalDays are within how many days a term ends that a BillState lists.
const renewalDays = 90

// BillState reads what runs last found.
func (w *App) BillState(ctx context.Context) (*BillState, error) {
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	claims, _, err := Document[money.Claims](ctx, w.Store, TermsDocument)
	if err != nil {
		return nil, err
	}
	spans := map[string][]state.Span{} // those that last, by customer
	for s, err := range w.Store.Spans(ctx, state.SpanFilter{From: w.Now()}) {
		if err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
		if s.To.IsZero() && w.bills(s.Scope) {
			spans[s.Scope.Customer] = append(spans[s.Scope.Customer], s)
		}
	}
	policy := money.Policy{Now: w.Now().In(w.Location)}
	s := &BillState{Licences: report.NewLicences(rules, policy, w.Config.Currency), Renewals: report.NewRenewals(policy, claims, renewalDays, false, w.Config.Currency)}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if !w.bills(c.Scope) {
			continue
		}
		if s.From.IsZero() || c.At.Before(s.From) {
			s.From = c.At
		}
		if c.At.After(s.To) {
			s.To = c.At
		}
		s.add(&c, spans[c.Scope.Customer])
	}
	s.Licences.Finish()
	s.Renewals.Finish()
	return s, nil
}

// add adds a customer.
func (s *BillState) add(c *state.Cursor, spans []state.Span) {
	key, lines := c.Scope.Customer, 0
	for i := range spans {
		if spans[i].Holds() || !spans[i].Known {
			s.Licences.AddRecorded(c.Name, &spans[i], c.Violations)
			lines++
		}
	}
	switch outcome := sync.Outcome(c.Outcome); {
	case outcome == sync.Unmapped && len(spans) == 0:
		s.Licences.AddUnread(key, c.Name, report.Unmapped, "customer is not linked")
		s.Renewals.Unread = append(s.Renewals.Unread, report.Unread{Key: key, Customer: c.Name, Why: "not linked, so runs do not read what it bought; read anew to see it"})
	case outcome == sync.Incomplete || outcome == sync.Failed:
		why := cmp.Or(c.Error, "not read")
		if lines == 0 {
			s.Licences.AddUnread(key, c.Name, report.NeedsDecision, why)
		}
		s.Renewals.Unread = append(s.Renewals.Unread, report.Unread{Key: key, Customer: c.Name, Why: "not read by the last run: " + why})
	}
	s.Renewals.AddRemembered(key, c.Name, c.Seen, spans)
}
