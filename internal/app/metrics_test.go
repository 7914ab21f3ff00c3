package app

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

// measured is an App over a new state, of which a test gathers some collectors.
func measured(t *testing.T, now *time.Time, collectors ...func(*App) prometheus.Collector) (*App, *prometheus.Registry) {
	t.Helper()
	store, err := boltstate.Open(t.TempDir()+"/syncd.db", boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	cfg := Defaults()
	cfg.systems = []configured{{Systems[1], newConnectWise()}}
	w := &App{Config: &cfg, Store: store, Log: zerolog.Nop(), Location: time.UTC, Now: func() time.Time { return *now }}
	reg := prometheus.NewPedanticRegistry()
	for _, c := range collectors {
		reg.MustRegister(c(w))
	}
	return w, reg
}

func series(t *testing.T, reg *prometheus.Registry, name, want string) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var help string
	for _, f := range families {
		if f.GetName() == name {
			help = f.GetHelp()
		}
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader("# HELP "+name+" "+help+"\n# TYPE "+name+" gauge\n"+want), name); err != nil {
		t.Error(err)
	}
}

func TestMoneyIsCountedFromTheLedger(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	w, reg := measured(t, &now, moneyMetrics)
	series(t, reg, "syncd_money_monthly", `syncd_money_monthly{currency="USD",state="held"} 0
syncd_money_monthly{currency="USD",state="over_billed"} 0
syncd_money_monthly{currency="USD",state="suspended"} 0
syncd_money_monthly{currency="USD",state="unassigned"} 0
syncd_money_monthly{currency="USD",state="unbilled"} 0
`)
	scope := plan.Scope{Customer: "a", Target: "connectwise"}
	span := func(id, bought, assigned, due, billed, price, currency string, edits ...func(*state.Span)) state.Span {
		s := state.Span{Scope: scope, Key: plan.Key{Kind: "addition", ID: id}, From: now, Known: true, Product: id, Purchased: bought, Assigned: assigned, Due: due, Billed: billed,
			Price: price, Currency: currency, Cycle: "1", Ref: "55/" + id}
		for _, edit := range edits {
			edit(&s)
		}
		return s
	}
	suspended := func(s *state.Span) {
		s.Rules = []state.SpanRule{{SKU: "sku", Weight: "2"}}
		s.Subscriptions = []state.SpanSubscription{{SKU: "SKU", State: string(money.Suspended), Units: "3"}, {SKU: "SKU", State: string(money.Enabled), Units: "5"}}
	}
	unknown := func(s *state.Span) { s.Known, s.Why = false, "not read" }
	if err := w.Store.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Outcome: "held"},
		Hold: &state.Hold{Scope: scope, Since: now, Digest: "d", Violations: []plan.Violation{{Code: "money_increase"}},
			Plan: []byte(`{"changes":[{"action":"update","monthly_delta":"40.00","currency":"USD"},{"action":"update","monthly_delta":"-10.00","currency":"USD"}]}`)},
		Spans: []state.Span{
			span("under", "14", "12", "14", "12", "20", "USD"), span("none", "2", "2", "2", "0", "30", "USD", func(s *state.Span) { s.Ref = "" }),
			span("over", "8", "8", "5", "8", "10", "USD", suspended), span("unknown", "100", "0", "100", "1", "9", "USD", unknown), span("euro", "1", "1", "1", "2", "7.5", "EUR"),
		}}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(10 * time.Minute)
	series(t, reg, "syncd_money_monthly", `syncd_money_monthly{currency="EUR",state="held"} 0
syncd_money_monthly{currency="EUR",state="over_billed"} 7.5
syncd_money_monthly{currency="EUR",state="suspended"} 0
syncd_money_monthly{currency="EUR",state="unassigned"} 0
syncd_money_monthly{currency="EUR",state="unbilled"} 0
syncd_money_monthly{currency="USD",state="held"} 50
syncd_money_monthly{currency="USD",state="over_billed"} 30
syncd_money_monthly{currency="USD",state="suspended"} 60
syncd_money_monthly{currency="USD",state="unassigned"} 940
syncd_money_monthly{currency="USD",state="unbilled"} 100
`)
	series(t, reg, "syncd_bill_monthly", `syncd_bill_monthly{currency="EUR",of="billed"} 15
syncd_bill_monthly{currency="EUR",of="bought"} 7.5
syncd_bill_monthly{currency="EUR",of="due"} 7.5
syncd_bill_monthly{currency="USD",of="billed"} 329
syncd_bill_monthly{currency="USD",of="bought"} 1320
syncd_bill_monthly{currency="USD",of="due"} 1290
`)
}

func TestCustomersWithTheMostMoneyAreToldByIDUnlessNamesAreAllowed(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	w, reg := measured(t, &now, moneyMetrics)
	const name, tenant = "syncd_customer_money_monthly", "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	series(t, reg, name, name+`{currency="USD",customer="others",state="held"} 0
`+name+`{currency="USD",customer="others",state="over_billed"} 0
`+name+`{currency="USD",customer="others",state="unbilled"} 0
`)
	due := func(key, called, units string) {
		t.Helper()
		scope := plan.Scope{Customer: key, Target: "connectwise"}
		if err := w.Store.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: called, Outcome: "in_step"},
			Spans: []state.Span{{Scope: scope, Key: plan.Key{Kind: "addition", ID: "x"}, From: now, Known: true, Product: "x", Due: units, Billed: "0", Price: "1", Currency: "USD", Cycle: "1"}}}); err != nil {
			t.Fatal(err)
		}
	}
	due(tenant, "Contoso Ltd", "500")
	due("Fabrikam group", "Fabrikam group", "400") // several tenants: its key is its name
	for i := range 25 {
		due(fmt.Sprintf("7d1f0b7e-2c55-4a39-9d0e-0000000000%02d", i), fmt.Sprintf("Tailspin %02d", i), strconv.Itoa(25-i))
	}
	told := func(called string) (customers []string, others float64) {
		t.Helper()
		now = now.Add(time.Hour)
		w.Config.Metrics.Customers = called
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if labels := m.GetLabel(); f.GetName() == name && labels[2].GetValue() == "unbilled" {
					customers = append(customers, labels[1].GetValue())
					if labels[1].GetValue() == "others" {
						others = m.GetGauge().GetValue()
					}
				}
			}
		}
		return customers, others
	}
	ids, others := told("ids")
	if len(ids) != 21 || others != 28 || !slices.Contains(ids, tenant) || strings.Contains(strings.Join(ids, " "), "abrikam") {
		t.Errorf("by id: got %d customers %v and %v of others, want 20 without names, the others, and 28", len(ids), ids, others)
	}
	if names, others := told("names"); len(names) != 21 || others != 28 || !slices.Contains(names, "Contoso Ltd") || !slices.Contains(names, "Fabrikam group") {
		t.Errorf("by name: got %d customers %v and %v of others", len(names), names, others)
	}
}

func TestSinceWhenScopesWaitOrAreInTroubleIsReadFromTheState(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	w, reg := measured(t, &now, standingMetrics)
	const hold, trouble = "syncd_hold_oldest_timestamp_seconds", "syncd_scope_trouble_oldest_timestamp_seconds"
	series(t, reg, hold, hold+"{target=\"connectwise\"} 0\n")
	at := func(n int64) time.Time { return time.Unix(n, 0).UTC() }
	for i, c := range []state.Cursor{{Outcome: "failed", TroubleSince: at(300)}, {Outcome: "partial", At: at(200)}, {Outcome: "incomplete", TroubleSince: at(50)}, {Outcome: "in_step", At: at(10)}} {
		c.Scope = plan.Scope{Customer: string(rune('a' + i)), Target: "connectwise"}
		h := &state.Hold{Scope: c.Scope, Since: at(int64(100 + i)), Digest: "d"}
		h.Violations = []plan.Violation{{Code: "first_plan"}}
		if err := w.Store.Commit(t.Context(), &state.Commit{Scope: c.Scope, Cursor: &c, Hold: h}); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // which waits for the next run, and for nobody
			if err := w.Store.Decide(t.Context(), c.Scope, "d", state.Decision{Approved: true, At: now}); err != nil {
				t.Fatal(err)
			}
		}
	}
	series(t, reg, hold, hold+"{target=\"connectwise\"} 0\n") // nothing ran
	if err := w.Store.PutRun(t.Context(), state.Run{ID: "1"}); err != nil {
		t.Fatal(err)
	}
	series(t, reg, hold, hold+"{target=\"connectwise\"} 101\n")
	series(t, reg, trouble, trouble+"{target=\"connectwise\",trouble=\"failing\"} 200\n"+trouble+"{target=\"connectwise\",trouble=\"unproven\"} 50\n")
}
