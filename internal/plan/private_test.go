package plan

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

// What a target remembers goes with its object through a plan and a record, and
// nobody is shown it.
func TestWhatATargetRemembersForItselfComesBackAsItWas(t *testing.T) {
	type memory struct {
		ReadOnly bool `json:"read_only,omitempty"`
	}
	o := *line("5")
	o.Private, o.UPN, o.Facts = Remember(memory{true}), "ann@contoso.example", []Fact{{"company", "Contoso"}}
	p, err := Make(testScope, additions(Restore, true), Sides{Desired: []Object{*line("6")}, Observed: []Object{o}, Records: []Record{*recorded(&o)}})
	if err != nil || len(p.Changes) != 1 {
		t.Fatalf("got %+v, %v; want one change", p, err)
	}
	text, err := json.Marshal(Record{Object: p.Changes[0].Remembered(*p.Changes[0].After)})
	if err != nil {
		t.Fatal(err)
	}
	var back Record
	var m memory
	if json.Unmarshal(text, &back) != nil || back.Recall(&m) != nil || !m.ReadOnly {
		t.Errorf("got %+v from %s", m, text)
	}
	if want := map[string]string{"upn": "ann@contoso.example", "company": "Contoso"}; !maps.Equal(back.Shown(), want) {
		t.Errorf("people are shown %v, want %v", back.Shown(), want)
	}
	shown, err := json.Marshal(p.Changes[0])
	if err != nil || strings.Contains(string(shown), "read_only") {
		t.Errorf("the plan shows %s, %v", shown, err)
	}
}

func TestNothingToRememberIsNothing(t *testing.T) {
	var m map[string]string
	if Remember(m) != nil || Remember(map[string]string{}) != nil || Remember(struct{}{}) != nil {
		t.Error("something is kept of nothing")
	}
	if err := (&Object{}).Recall(&m); err != nil || m != nil {
		t.Errorf("got %v, %v of nothing", m, err)
	}
	o := Object{Key: Key{"user", "ann"}, Private: json.RawMessage(`["another type"]`)}
	if err := o.Recall(&m); err == nil || !strings.Contains(err.Error(), "user ann") {
		t.Errorf("got %v, want an error that names the object", err)
	}
}
