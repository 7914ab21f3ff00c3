package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

// lowering is a change of an invoice line from 25 to fewer.
func lowering(key, to, delta string, e *Explanation) Change {
	return Change{Action: Update, Key: Key{"addition", key}, Label: strings.ToUpper(key), Reason: ChangedAtSource, Explanation: e,
		Fields: []FieldChange{{Name: FieldQuantity, Before: Value{"25"}, After: Value{to}}}, MonthlyDelta: decimal.RequireFromString(delta), Currency: "USD"}
}

func TestWhatExplainsAFallDecidesWhichLimitItObeys(t *testing.T) {
	renewal, unexplained := &Explanation{Code: ByRenewal, Subscription: "a", Date: "2026-11-20", Source: "microsoft"}, &Explanation{Code: Unexplained}
	gone := lowering("c", "0", "-100", unexplained)
	gone.Action = Delete
	edited := lowering("a", "20", "-100", unexplained)
	edited.Held = heldEdit
	for _, c := range []struct {
		name     string
		changes  []Change
		limits   Limits
		want     string // codes, of objects with their key
		explains string // what one of the messages says
	}{
		{"explained, and nothing is allowed", []Change{lowering("a", "20", "-100", renewal)}, Limits{Decrease: decimal.New(1, 9)}, "money_decrease", "(limits.money.decrease_explained)"},
		{"explained, and allowed", []Change{lowering("a", "20", "-100", renewal)}, Limits{DecreaseExplained: decimal.NewFromInt(100)}, "", ""},
		{"explained, and a cent more than allowed", []Change{lowering("a", "20", "-100.01", renewal)}, Limits{DecreaseExplained: decimal.NewFromInt(100)}, "money_decrease", "would fall by 100.01"},
		{"of a line that nothing is said of", []Change{lowering("a", "20", "-100", nil)}, Limits{DecreaseExplained: decimal.New(1, 9)}, "money_decrease", "(limits.money.decrease)"},
		{"each has its own limit", []Change{lowering("a", "20", "-100", renewal), lowering("b", "20", "-100", nil)}, Limits{Decrease: decimal.NewFromInt(99), DecreaseExplained: decimal.NewFromInt(100)}, "money_decrease", "(limits.money.decrease)"},
		{"unexplained, whatever is allowed", []Change{lowering("a", "20", "-100", unexplained)}, Limits{Decrease: decimal.New(1, 9), DecreaseExplained: decimal.New(1, 9)}, "decrease_unexplained a",
			"A would fall from 25 to 20 (-100.00 USD a month), and nothing shows why"},
		{"unexplained, and costs nothing", []Change{lowering("a", "20", "0", unexplained)}, Limits{Decrease: decimal.New(1, 9)}, "decrease_unexplained a", "A would fall from 25 to 20, and nothing"},
		{"unexplained, on a line that was edited", []Change{edited}, Limits{Decrease: decimal.New(1, 9), DecreaseExplained: decimal.New(1, 9)}, "decrease_unexplained a", ""},
		{"all lines go, and nothing shows why", []Change{gone, func() Change { c := gone; c.Key.ID = "d"; return c }()}, Limits{Decrease: decimal.New(1, 9)}, "decrease_unexplained c decrease_unexplained d deletes", "all of them"},
		{"one that waits does not use up what others may", []Change{lowering("a", "20", "-100", unexplained), lowering("b", "20", "-100", renewal)}, Limits{DecreaseExplained: decimal.NewFromInt(100)}, "decrease_unexplained a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Plan{Scope: testScope, Managed: 2, Changes: c.changes, populations: []population{{"addition", 2}}}
			wide := Ceiling{Count: 1000, Percent: 99}
			c.limits.Creates, c.limits.Updates, c.limits.Deletes, c.limits.MinPopulation, c.limits.SourceShrink = wide, wide, wide, 10, 100
			p.HoldUnexplained("USD")
			now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
			var codes []string
			said := ""
			for _, v := range append(p.Violations, Check(p, GuardInput{Policy: Auto, Now: now, SourceAsOf: now, Currency: "USD"}, c.limits)...) {
				codes = append(codes, strings.TrimSpace(v.Code+" "+v.Key))
				said += v.Message + "\n"
				if v.NeedsRepair || v.Note {
					t.Errorf("%s is not for a person to approve", v.Code)
				}
			}
			if got := strings.Join(codes, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !strings.Contains(said, c.explains) {
				t.Errorf("got %q, want it to say %q", said, c.explains)
			}
		})
	}
}

func TestAMoveIsToldAsOneSum(t *testing.T) {
	move := &Explanation{Code: ByMove, Subscription: "b", Date: "2026-11-21", Source: "microsoft"}
	up := Change{Action: Update, Key: Key{"addition", "e3"}, Label: "E3", Fields: []FieldChange{{Name: FieldQuantity, Before: Value{"10"}, After: Value{"15"}}}, MonthlyDelta: decimal.NewFromInt(180), Currency: "USD"}
	euro := up
	euro.Currency = "EUR"
	for _, c := range []struct {
		name  string
		other []Change
		label string
		want  string
	}{
		{"both lines change", []Change{up}, "E3", "moved to subscription b, which grew by as much on 2026-11-21: SPB 25 -> 20 and E3 10 -> 15, together +70.00 USD a month"},
		{"in two currencies", []Change{euro}, "E3", "moved to subscription b, which grew by as much on 2026-11-21: SPB 25 -> 20 and E3 10 -> 15"},
		{"the other line stays", nil, "E3", "moved to subscription b, which grew by as much on 2026-11-21: E3 is not changed"},
		{"no line", nil, "", "nothing shows why it fell"},
	} {
		p := &Plan{Scope: testScope, Changes: append([]Change{lowering("spb", "20", "-110", move)}, c.other...)}
		p.JoinMoves(func(string) (Key, string) { return Key{"addition", "e3"}, c.label }, "USD")
		if got := p.Changes[0].Explanation.Text(); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
		if move.Together != "" {
			t.Fatal("what the ledger keeps was written over")
		}
	}
}

func TestAnExplanationInWords(t *testing.T) {
	for _, c := range []struct {
		e    Explanation
		want string
	}{
		{Explanation{Code: ByRenewal, Subscription: "a", Date: "2026-11-20", Source: "microsoft"}, "renewed with fewer units at the end of its term on 2026-11-20 (subscription a)"},
		{Explanation{Code: ByRenewal, Subscription: "a", Date: "2026-11-20", Source: "mary"}, "renewed with fewer units at the end of its term on 2026-11-20 (subscription a), as mary says"},
		{Explanation{Code: ByWindow, Subscription: "a", Date: "2026-11-20", Source: "observed"}, "given back within 168 hours of 2026-11-20 (subscription a), as was observed"},
		{Explanation{Code: ByTermEnd, Subscription: "a", Date: "2026-11-20", Source: "microsoft"}, "fewer since the term ended 2026-11-20 (subscription a)"},
		{Explanation{Code: ByTermEnd, Subscription: "a", Source: "microsoft"}, "fewer since the term ended (subscription a)"},
		{Explanation{Code: ByPeople}, "fewer people are counted"},
		{Explanation{Code: ByPeople, People: []string{"a", "b", "c", "d", "e", "f", "g"}}, "counted no longer: a, b, c, d, e, and 2 more"},
		{Explanation{Code: ByRule}, "the product rules changed"},
		{Explanation{Code: ByOverride, Source: "mary"}, "an override of mary changed or ended"},
		{Explanation{Code: ByAdoption}, "first contact: the line holds more than is due"},
		{Explanation{Code: Unexplained, Subscription: "a"}, "nothing shows why it fell (subscription a)"},
	} {
		if got := c.e.Text(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestAnExplanationIsReadBackAsItWasWritten(t *testing.T) {
	c := lowering("a", "20", "-110", &Explanation{Code: ByPeople, People: []string{"ann"}})
	raw, err := json.Marshal(c)
	if err != nil || !strings.Contains(string(raw), `"explanation":{"code":"people","subscription":"","date":"","source":"","people":["ann"]}`) {
		t.Fatalf("got %s, %v", raw, err)
	}
	var back Change
	if err := json.Unmarshal(raw, &back); err != nil || back.Explanation == nil || back.Explanation.Text() != c.Explanation.Text() {
		t.Errorf("got %+v, %v", back.Explanation, err)
	}
}
