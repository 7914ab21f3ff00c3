package app

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// A brief of a plan says of its changes what the plan as a whole says.
func TestABriefOfAPlanIsThePlan(t *testing.T) {
	var changes []plan.Change
	for i, action := range []plan.Action{plan.Create, plan.Update, plan.Delete, plan.Adopt, plan.Adopt, plan.Forget, plan.Update} {
		c := plan.Change{Action: action, Key: plan.Key{Kind: "addition", ID: fmt.Sprint("k", i)}, Label: "a {name}, \"quoted\"", Reason: plan.ChangedAtSource, MonthlyDelta: decimal.NewFromInt(int64(i * (1 - 2*(i%2))))}
		if i != 3 {
			c.Fields = []plan.FieldChange{{Name: plan.FieldQuantity, Before: plan.Value{"1"}, After: plan.Value{"2"}}}
		}
		if i == 2 {
			c.Billing = &plan.Billing{AgreementName: "Managed, {all}"}
		}
		changes = append(changes, c)
	}
	body, err := json.MarshalIndent(map[string]any{"violations": []any{map[string]any{"changes": []int{1}}}, "changes": changes, "currency": "USD"}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	h := state.Hold{Plan: body}
	whole := ShownPlan(&h)
	b := Brief(&h, 2, func(k plan.Key) bool { return k.ID == "k0" })
	if want := map[plan.Action]int{plan.Create: 1, plan.Update: 3, plan.Delete: 1, plan.Adopt: 1, plan.Forget: 1}; b.Count != 7 || !b.Bills || !reflect.DeepEqual(b.Did, want) {
		t.Errorf("got %d changes, %v, bills %t, want 7 and %v", b.Count, b.Did, b.Bills, want)
	}
	if want := []plan.Change{whole.Changes[6], whole.Changes[5], whole.Changes[0]}; !reflect.DeepEqual(b.Changes, want) {
		t.Errorf("got %+v, want %+v", b.Changes, want)
	}
	for _, body := range []string{"", "null", "[]", "{", `{"changes":[{"action":1}]}`, `{"changes":[3]}`, `{"changes":null}`, `{"changes":[{]}`} {
		h := state.Hold{Plan: []byte(body)}
		if b, whole := Brief(&h, 2, func(plan.Key) bool { return true }), ShownPlan(&h); len(b.Changes) != len(whole.Changes) {
			t.Errorf("of %q the brief has %d changes, the plan %d", body, len(b.Changes), len(whole.Changes))
		}
	}
}
