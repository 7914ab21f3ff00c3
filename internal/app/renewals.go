package app

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"syncd/internal/directory"
	"syncd/internal/money"
)

// within are the days within which a term ends, as syncd_renewals counts them.
var within = map[string]int{"7d": 7, "30d": 30, "90d": 90}

// renewalsMetric counts the subscriptions whose term ends soon, as the last runs saw them.
func renewalsMetric(w *App) prometheus.Collector {
	desc := prometheus.NewDesc("syncd_renewals",
		"Paid subscriptions whose term ends within so many days, as last read; those known to be monthly are left out.", []string{"within"}, nil)
	return newRemembered(w, "renewals", []*prometheus.Desc{desc}, func(ctx context.Context, now time.Time) ([]prometheus.Metric, error) {
		counts, err := w.countRenewals(ctx, now)
		var out []prometheus.Metric
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			out = append(out, gauge(desc, float64(counts[name]), name))
		}
		return out, err
	})
}

// countRenewals counts what the last runs saw.
func (w *App) countRenewals(ctx context.Context, now time.Time) (map[string]int, error) {
	claims, _, err := Document[money.Claims](ctx, w.Store, TermsDocument)
	if err != nil {
		return nil, err
	}
	last := map[string]string{} // the last day of each
	counts := map[string]int{}
	for name, days := range within {
		last[name], counts[name] = now.In(w.Location).AddDate(0, 0, days).Format(time.DateOnly), 0
	}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		said := claims.For(c.Scope.Customer)
		for i := range c.Seen {
			s := &c.Seen[i]
			if !ends(said, s, now) {
				continue
			}
			for name, day := range last {
				if s.Ends.In(w.Location).Format(time.DateOnly) <= day {
					counts[name]++
				}
			}
		}
	}
	return counts, nil
}

// An endingTerm is a paid subscription of a customer whose term ends.
type endingTerm struct {
	customer, name string
	*directory.Seen
}

// endingSoon are the subscriptions whose term ends within so many days, as the last runs saw them, the
// soonest first.
func (w *App) endingSoon(ctx context.Context, now time.Time, days int) (all []endingTerm, err error) {
	claims, _, err := Document[money.Claims](ctx, w.Store, TermsDocument)
	if err != nil {
		return nil, err
	}
	last := now.In(w.Location).AddDate(0, 0, days).Format(time.DateOnly)
	listed := map[[2]string]bool{} // a customer's several targets may each have seen it
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		said := claims.For(c.Scope.Customer)
		for i := range c.Seen {
			s := &c.Seen[i]
			id := [2]string{c.Scope.Customer, s.ID}
			if ends(said, s, now) && s.Ends.In(w.Location).Format(time.DateOnly) <= last && !listed[id] {
				listed[id] = true
				all = append(all, endingTerm{c.Scope.Customer, c.Name, s})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b endingTerm) int {
		return cmp.Or(a.Ends.Compare(b.Ends), strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)))
	})
	return all, nil
}

// ends reports whether a subscription is paid for, and its term of more than a month ends.
func ends(said []money.Claim, s *directory.Seen, now time.Time) bool {
	return money.State(s.State) == money.Enabled && s.Gone.IsZero() && s.Units > 0 && s.Ends.After(now) &&
		!directory.FreeSKU(directory.PartNumber(s.SKU)) && !money.KnownMonthly(said, s, now)
}

// A TermEnd is the end of a subscription's term.
type TermEnd struct {
	At      time.Time
	Licence string // as people call it
	Units   int
}

// NextEnd is the next end of a term of a customer's subscriptions; nil where none ends.
func (w *App) NextEnd(ctx context.Context, c *KnownCustomer) (*TermEnd, error) {
	claims, _, err := Document[money.Claims](ctx, w.Store, TermsDocument)
	if err != nil {
		return nil, err
	}
	said, now := claims.For(c.Key), w.Now()
	var next *directory.Seen
	for i := range c.Scopes {
		for j := range c.Scopes[i].Seen {
			if s := &c.Scopes[i].Seen[j]; ends(said, s, now) && (next == nil || s.Ends.Before(next.Ends)) {
				next = s
			}
		}
	}
	if next == nil {
		return nil, nil
	}
	return &TermEnd{next.Ends, licenceName(next.SKU), next.Units}, nil
}

// licenceName is a licence as people call it.
func licenceName(sku string) string {
	return cmp.Or(directory.ProductName(sku, directory.PartNumber(sku)), sku)
}
