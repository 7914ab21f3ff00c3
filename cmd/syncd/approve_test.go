package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/web/control"
)

func heldPlan(t *testing.T, name, money, currency, digest string, violations ...plan.Violation) state.Hold {
	t.Helper()
	body, err := json.Marshal(map[string]any{"monthly_delta": money, "currency": currency, "changes": []any{map[string]any{"action": "update", "kind": "addition", "key": "sku", "monthly_delta": money}}})
	if err != nil {
		t.Fatal(err)
	}
	return state.Hold{Scope: plan.Scope{Customer: strings.ToLower(name), Target: "connectwise"}, Name: name, Digest: digest, Plan: body, Violations: violations}
}

func TestApprovingAllOnATerminalShowsTheMoneyAndAsks(t *testing.T) {
	holds := []state.Hold{heldPlan(t, "Contoso", "44.00", "USD", "aa"), heldPlan(t, "Fabrikam", "-10.00", "USD", "bb"), heldPlan(t, "Tailspin", "5.00", "EUR", "cc"), heldPlan(t, "Broken", "0.00", "USD", "")}
	for _, tt := range []struct {
		name   string
		yes    bool
		answer string // empty: this is no terminal
		want   bool
		asked  bool
	}{
		{"yes", false, "yes\n", true, true},
		{"y", false, " Y\n", true, true},
		{"no", false, "n\n", false, true},
		{"nothing is no", false, "\n", false, true},
		{"said beforehand", true, "n\n", true, false},
		{"no terminal", false, "", true, false},
	} {
		var out, list bytes.Buffer
		question := ""
		c := &control.Console{Out: &out, Err: &list}
		if tt.answer != "" {
			c.Asker = func(q string) (string, error) { question = q; return tt.answer, nil }
		}
		d := decider{Meant: app.Meant{Approve: true, All: true}, yes: tt.yes}
		got, err := d.allowed(t.Context(), &cli{console: c}, holds)
		if err != nil || got != tt.want || (question != "") != tt.asked {
			t.Errorf("%s: got %t, %v, asked %q", tt.name, got, err, question)
		}
		if !tt.asked {
			continue
		}
		if want := "Approve 3 plans, +5.00 EUR a month, +34.00 USD a month? [y/N] "; question != want {
			t.Errorf("%s: asked %q, want %q", tt.name, question, want)
		}
		for _, want := range []string{"Contoso at connectwise", "+44.00 USD a month", "-10.00 USD a month", "1 change"} {
			if !strings.Contains(list.String(), want) {
				t.Errorf("%s: the list lacks %q:\n%s", tt.name, want, list.String())
			}
		}
		if !tt.want && !strings.Contains(out.String(), "nothing was approved") {
			t.Errorf("%s: said %q", tt.name, out.String())
		}
	}
}

func TestTheSweepLeavesOutWhatAPersonSaidOrDid(t *testing.T) {
	rejected := heldPlan(t, "Rejected", "1.00", "USD", "bb")
	rejected.Decision = &state.Decision{By: "ada", Reason: "on notice"}
	taken, out := app.Sweep([]state.Hold{
		heldPlan(t, "Free", "1.00", "USD", "aa", plan.Violation{Code: "approval"}),
		rejected,
		heldPlan(t, "Edited", "1.00", "USD", "cc", plan.Violation{Code: "changed_at_target", Key: "sku", Message: "it was edited: quantity is 40, ours would be 13; approve to overwrite"}),
		heldPlan(t, "Removed", "1.00", "USD", "dd", plan.Violation{Code: "removed_at_target", Key: "sku", Message: "it was ended; approve to stop"}),
		heldPlan(t, "Noted", "1.00", "USD", "ee", plan.Violation{Code: "changed_at_target", Key: "sku", Note: true}),
		heldPlan(t, "Another", "1.00", "USD", "ff", plan.Violation{Code: "another_at_target", Key: "sku"}),
		heldPlan(t, "Perhaps closed", "1.00", "USD", "jj", plan.Violation{Code: "month_closed_unknown", Key: "sku"}),
		heldPlan(t, "Half", "1.00", "USD", "gg", plan.Violation{Code: "split_halves", Key: "sku", With: []string{"edited"}}),
		heldPlan(t, "Half of that", "1.00", "USD", "hh", plan.Violation{Code: "split_halves", Key: "sku", With: []string{"half"}}),
		heldPlan(t, "Half of what goes", "1.00", "USD", "ii", plan.Violation{Code: "split_halves", Key: "sku", With: []string{"free"}}),
	})
	var names []string
	for _, h := range taken {
		names = append(names, h.Name)
	}
	for _, v := range out {
		names = append(names, "-"+v.Customer.Name)
		if v.Decision != "left_out" || !strings.Contains(v.Message, "syncd approve --digest "+v.Digest) {
			t.Errorf("got %+v, want the way on", v)
		}
	}
	if got, want := strings.Join(names, " "), "Free Noted Another Half of what goes -Rejected -Edited -Removed -Perhaps closed -Half -Half of that"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
