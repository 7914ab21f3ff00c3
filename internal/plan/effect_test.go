package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

// outstanding is a kind whose changes are billed for some periods.
func outstanding(periods int) Kind {
	return Kind{Name: "addition", Owner: Hold, MayCreate: true, Delta: func(_, _ *Object) decimal.Decimal { return decimal.NewFromInt(44) },
		Effect: func(_, _ *Object) *Effect {
			if periods == 0 {
				return &Effect{Text: "not known"}
			}
			return &Effect{From: "2026-09-01", To: "2026-11-30", Periods: periods, Text: "billed", Money: new(decimal.NewFromInt(int64(44 * periods)))}
		}}
}

func TestAChangeThatSeveralPeriodsWouldBillIsHeld(t *testing.T) {
	key := Key{"addition", "sku"}
	line := func(quantity string) Object {
		return Object{Key: key, Label: "Business Premium", Ref: "55/910", Fields: Set("quantity", quantity), Billing: &Billing{Currency: "USD"}}
	}
	make := func(periods int, recorded string) *Plan {
		p, err := Make(Scope{"contoso", "connectwise"}, []Kind{outstanding(periods)}, Sides{Desired: []Object{line("14")}, Observed: []Object{line("12")}, Records: []Record{{Object: line(recorded), Origin: Created}}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for periods, held := range map[int]bool{0: false, 1: false, 3: true} {
		p := make(periods, "12")
		c := p.Changes[0]
		if got := c.Held == CodeOutstanding; got != held || got != Holds(p.Violations) {
			t.Errorf("%d periods: held %q with %+v, want held: %v", periods, c.Held, p.Violations, held)
		}
		if c.Effect == nil {
			t.Errorf("%d periods: got no effect", periods)
		}
	}
	p := make(3, "12")
	want := "Business Premium would be billed for 3 periods whose invoices are not made, 2026-09-01 to 2026-11-30 (+132.00 USD in all); make the invoices of the periods gone by first, or approve to bill all of them so"
	if v := p.Violations[0]; v.Message != want || v.NeedsRepair || v.Key != key.ID {
		t.Errorf("got %+v\nwant %s", v, want)
	}
	if make(0, "12").Digest() != make(1, "12").Digest() {
		t.Error("the days are part of the digest: every invoice would drop an approval")
	}
	if one, three, four := make(1, "12").Digest(), p.Digest(), make(4, "12").Digest(); one == three || three == four {
		t.Errorf("got the digests %s, %s and %s of 1, 3 and 4 periods: an approval of one would let another pass", one, three, four)
	}
	edited := make(3, "13")
	if c := edited.Changes[0]; c.Held != heldEdit || len(edited.Violations) != 2 {
		t.Errorf("a person's edit: got held %s with %+v, want both said", c.Held, edited.Violations)
	}
}

func TestAnEffectAsScriptsReadIt(t *testing.T) {
	for _, tt := range []struct {
		effect Effect
		want   string
	}{
		{Effect{From: "2026-12-01", To: "2026-12-31", Periods: 1, Text: "billed"}, `{"from":"2026-12-01","to":"2026-12-31","periods":1,"text":"billed"}`},
		{Effect{Text: "not known"}, `{"from":null,"to":null,"periods":null,"text":"not known"}`},
	} {
		raw, err := json.Marshal(tt.effect)
		if err != nil || string(raw) != tt.want {
			t.Errorf("got %s and %v, want %s", raw, err, tt.want)
		}
		var back Effect
		if err := json.Unmarshal(raw, &back); err != nil || back != tt.effect {
			t.Errorf("read back: got %+v and %v", back, err)
		}
	}
	change, err := json.Marshal(Change{Action: Adopt})
	if err != nil || strings.Contains(string(change), "effect") {
		t.Errorf("got %s, want no effect where nothing is billed", change)
	}
}
