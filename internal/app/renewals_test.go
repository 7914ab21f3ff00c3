package app

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

// What renews is counted from the state: from the start, and as days go by.
func TestRenewalsAreCountedFromTheState(t *testing.T) {
	store, err := boltstate.Open(t.TempDir()+"/syncd.db", boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	seen := func(id string, days int, edits ...func(*directory.Seen)) directory.Seen {
		s := directory.Seen{ID: id, SKU: "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", Status: "Enabled", State: string(money.Enabled), Units: 5, Ends: now.AddDate(0, 0, days)}
		for _, edit := range edits {
			edit(&s)
		}
		return s
	}
	monthly := func(s *directory.Seen) { s.Term = money.TermMonthly }
	err = store.Commit(t.Context(), &state.Commit{Scope: plan.Scope{Customer: "a", Target: "connectwise"}, Cursor: &state.Cursor{Scope: plan.Scope{Customer: "a", Target: "connectwise"}, Seen: []directory.Seen{
		seen("week", 7), seen("month", 8), seen("quarter", 90), seen("later", 91), seen("over", -1), seen("by the month", 5, monthly),
		seen("said to be a year", 5, monthly, func(s *directory.Seen) { s.CommerceID = "C" }), seen("said to be a month", 5),
		seen("a year before", 5, monthly, func(s *directory.Seen) { s.Earlier = money.TermAnnual }), seen("a year that is over", 5, monthly),
		seen("none", 5, func(s *directory.Seen) { s.Units = 0 }), seen("suspended", 5, func(s *directory.Seen) { s.State = string(money.Suspended) }),
		seen("gone", 5, func(s *directory.Seen) { s.Gone = now }), seen("free", 5, func(s *directory.Seen) { s.SKU = "f30db892-07e9-47e9-837c-80727f46fd3d" }),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	claims := money.Claims{Claims: []money.Claim{{Customer: "a", Subscription: "c", Term: money.TermAnnual, Source: money.Distributor}, {Customer: "a", Subscription: "said to be a month", Term: money.TermMonthly, Source: "ann"},
		{Customer: "a", Subscription: "a year before", Term: money.TermAnnual, Source: money.Distributor},
		{Customer: "a", Subscription: "a year that is over", Term: money.TermAnnual, Ends: now.AddDate(0, 0, -60), Source: "ann"}, {Customer: "b", Subscription: "week", Term: money.TermMonthly, Source: "ann"}}}
	if err := Put(t.Context(), store, TermsDocument, 0, claims); err != nil {
		t.Fatal(err)
	}
	w := &App{Store: store, Log: zerolog.Nop(), Location: time.UTC, Now: func() time.Time { return now }}
	reg := prometheus.NewRegistry()
	reg.MustRegister(renewalsMetric(w))
	for _, c := range []struct {
		later time.Duration
		want  string
	}{{0, "2 3 4"}, {time.Minute, "2 3 4"}, {24 * time.Hour, "3 3 5"}} {
		now = now.Add(c.later)
		n := strings.Fields(c.want)
		want := "# HELP syncd_renewals Paid subscriptions whose term ends within so many days, as last read; those known to be monthly are left out.\n# TYPE syncd_renewals gauge\n" +
			"syncd_renewals{within=\"30d\"} " + n[1] + "\nsyncd_renewals{within=\"7d\"} " + n[0] + "\nsyncd_renewals{within=\"90d\"} " + n[2] + "\n"
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "syncd_renewals"); err != nil {
			t.Errorf("after %s: %v", c.later, err)
		}
	}
}
