package money

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
)

func TestADividedLicenceIsBilledOnce(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	bought := func(status string, units int) directory.Subscription {
		return directory.Subscription{ID: status, Status: status, Total: units, Renews: now.AddDate(0, 2, 0), Created: now.AddDate(-1, 0, 0)}
	}
	enabled := directory.Licence{SKU: "spb", Name: "Premium", Purchased: 10, Assigned: 7, Subscriptions: []directory.Subscription{bought("Enabled", 10)}}
	graced := enabled
	graced.Grace, graced.Purchased, graced.Subscriptions = 4, 14, append(graced.Subscriptions[:1:1], bought("Warning", 4))
	trial := enabled
	trial.Purchased, trial.Trial, trial.Subscriptions = 0, 10, []directory.Subscription{{ID: "t", Status: "Enabled", Total: 10, Trial: true}}
	unclear := enabled
	unclear.Suspended, unclear.Subscriptions = 3, append(unclear.Subscriptions[:1:1], directory.Subscription{ID: "u", Status: "Suspended", Total: 3, Renews: now.AddDate(0, 1, 0), Created: now.AddDate(-1, 0, 0)})
	disputed := enabled
	disputed.Disputed = "9"
	for _, c := range []struct {
		name  string
		whole directory.Licence
		held  [3]int // of two parts and the rest
		rule  mapping.Rule
		grace string
		want  string
	}{
		{"bought", enabled, [3]int{2, 4, 1}, mapping.Rule{Count: mapping.Purchased}, "", "2 4 4"},
		{"assigned", enabled, [3]int{2, 4, 1}, mapping.Rule{Count: mapping.Assigned}, "", "2 4 1"},
		{"all bought are held", enabled, [3]int{6, 4, 0}, mapping.Rule{Count: mapping.Purchased}, "", "6 4 0"},
		{"more are held than bought", enabled, [3]int{7, 4, 0}, mapping.Rule{Count: mapping.Purchased}, "", "split_overlap split_overlap split_overlap"},
		{"grace is billed", graced, [3]int{2, 4, 1}, mapping.Rule{Count: mapping.Purchased}, GraceBill, "2 4 8"},
		{"grace is free", graced, [3]int{2, 4, 1}, mapping.Rule{Count: mapping.Purchased}, GraceFree, "2 4 4"},
		{"a trial", trial, [3]int{2, 4, 1}, mapping.Rule{Count: mapping.Purchased}, "", "0 0 0"},
		{"unclear units", unclear, [3]int{2, 4, 1}, mapping.Rule{Count: mapping.Purchased}, "", "suspension_unclear suspension_unclear suspension_unclear"},
		{"disputed", disputed, [3]int{2, 4, 1}, mapping.Rule{Count: mapping.Purchased}, "", "source_disagrees source_disagrees source_disagrees"},
		{"a rule that picks", enabled, [3]int{2, 4, 1}, mapping.Rule{Count: mapping.Purchased, Subscriptions: "term=annual"}, "", "split_incomplete split_incomplete split_incomplete"},
	} {
		c.rule.SKU, c.rule.Product, c.rule.Status = "spb", "M365-BP", mapping.Bill
		var got []string
		for i := range c.held {
			l := c.whole
			l.Subscriptions, l.Assigned = nil, c.held[i]
			l.Divided = &directory.Divided{Whole: c.whole, Held: c.held[i], Taken: c.held[0] + c.held[1], Rest: i == 2}
			src := Source{Licences: map[string]*directory.Licence{"spb": &l}, Rules: []mapping.Rule{c.rule}}
			due := Policy{Grace: c.grace, Now: now}.Due("Premium", []mapping.Rule{c.rule}, src)
			text := fmt.Sprint(due.Units)
			if due.Hold != nil {
				text = due.Hold.Code
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %s, want %s", c.name, text, c.want)
		}
	}
}

func TestWhatIsRememberedOfADividedTenantIsTheTenants(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	part := []directory.Licence{{SKU: "spb", Divided: &directory.Divided{Whole: directory.Licence{SKU: "spb", Subscriptions: []directory.Subscription{{ID: "s", Status: "Enabled", Total: 5, Renews: now.AddDate(0, 1, 0)}}}}}}
	seen := Remember(part, false, nil, now)
	if len(seen) != 1 || seen[0].Units != 5 {
		t.Fatalf("got %+v; want the tenant's subscription", seen)
	}
	if got := WithMemory(part, seen)[0].Divided.Whole.Subscriptions[0].Before; got.Units != 5 || part[0].Divided.Whole.Subscriptions[0].Before.Units != 0 {
		t.Errorf("got %+v; want what was remembered, in a copy", got)
	}
	rules := []mapping.Rule{{SKU: "spb", Product: "M365-BP", Count: mapping.Purchased, Status: mapping.Bill}}
	e := (Policy{Now: now}).NewExplainer(seen, Source{Licences: map[string]*directory.Licence{"spb": &part[0]}}, nil)
	if why := e.Explain(&Count{Rules: rules, Units: 5, Purchased: 5}, &Count{Rules: rules, Units: 3, Purchased: 3}); why == nil || why.Code != plan.Unexplained {
		t.Errorf("got %+v; want nothing that the tenant's subscriptions explain", why)
	}
}
