package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

// What scripts read of a change, and what a stored hold gives back of it.
func TestAChangeInJSON(t *testing.T) {
	user := func(pairs ...string) *Object {
		return &Object{Key: Key{"user", "ana"}, Label: "Ana", Ref: "41", Fields: Set(pairs...)}
	}
	group := FieldChange{Name: "members", Set: true, Before: Value{"ana", "bo"}, After: Value{"bo"}}
	owners := user("title", "Cook", "phone", "")
	owners.Fields = owners.Fields.With("owners", Value{"bo", "cy"})
	for _, c := range []struct {
		name   string
		change Change
		want   string
	}{
		{"a creation has no value before", Change{Action: Create, Key: Key{"user", "ana"}, Label: "Ana", Reason: NewAtSource, After: user("title", "Cook"),
			Fields: []FieldChange{{Name: "title", After: Value{"Cook"}}, {Name: "phone"}}},
			`{"action":"create","kind":"user","key":"ana","label":"Ana","ref":"","reason":"new at source",
			  "fields":{"phone":{"before":"","after":""},"title":{"before":"","after":"Cook"}},"monthly_delta":"0.00","explanation":null}`},
		{"money has two decimals and its currency", Change{Action: Update, Key: Key{"addition", "sku"}, Label: "Premium", Ref: "55/910", Reason: ChangedAtTarget,
			Fields: []FieldChange{{Name: "quantity", Before: Value{"12"}, After: Value{"14"}}}, MonthlyDelta: decimal.RequireFromString("44.5"), Currency: "USD", Held: heldEdit},
			`{"action":"update","kind":"addition","key":"sku","label":"Premium","ref":"55/910","reason":"changed at target",
			  "fields":{"quantity":{"before":"12","after":"14"}},"monthly_delta":"44.50","currency":"USD","held":"changed_at_target","explanation":null}`},
		{"a set is a list, also with one member or none", Change{Action: Update, Key: Key{"group", "g"}, Label: "Board", Ref: "7", Reason: ChangedAtSource,
			Fields: []FieldChange{group, {Name: "owners", Set: true, Before: Value{"ana"}}}},
			`{"action":"update","kind":"group","key":"g","label":"Board","ref":"7","reason":"changed at source",
			  "fields":{"members":{"before":["ana","bo"],"after":["bo"]},"owners":{"before":["ana"],"after":[]}},"monthly_delta":"0.00","explanation":null}`},
		{"an adoption that writes nothing says what it adopts, blank fields left out", Change{Action: Adopt, Key: Key{"user", "ana"}, Label: "Ana", Ref: "41", Reason: AlreadyAtTarget,
			Before: owners, After: owners, Billing: &Billing{Agreement: "55", AgreementName: "Managed services", Product: "O365_E3"}},
			`{"action":"adopt","kind":"user","key":"ana","label":"Ana","ref":"41","reason":"already at target","fields":{},"monthly_delta":"0.00",
			  "as_it_is":{"owners":["bo","cy"],"title":"Cook"},"facts":{"agreement":"55","agreement_name":"Managed services"},"explanation":null}`},
		{"a record that is dropped", Change{Action: Forget, Key: Key{"user", "ana"}, Label: "Ana", Ref: "41", Reason: GoneFromBoth, Before: user("title", "Cook")},
			`{"action":"forget","kind":"user","key":"ana","label":"Ana","ref":"41","reason":"gone from both","fields":{},"monthly_delta":"0.00","explanation":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := strings.NewReplacer("\n", "", "\t", "", "  ", "").Replace(c.want)
			raw, err := json.Marshal(c.change)
			if err != nil || string(raw) != want {
				t.Fatalf("got  %s, %v\nwant %s", raw, err, want)
			}
			var back Change
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			if again, err := json.Marshal(back); err != nil || string(again) != want {
				t.Errorf("read back and written again it is %s, %v", again, err)
			}
			if back.Glyph() != c.change.Glyph() || !back.MonthlyDelta.Equal(c.change.MonthlyDelta) {
				t.Errorf("read back it is shown as %s %s, want %s %s", back.Glyph(), back.MonthlyDelta, c.change.Glyph(), c.change.MonthlyDelta)
			}
		})
	}
}

func TestAChangeThatIsNoneIsNotRead(t *testing.T) {
	for _, text := range []string{
		`[]`,
		`{"fields":{"title":{"before":7,"after":""}}}`,
		`{"fields":{"title":{"before":"","after":{"text":"Cook"}}}}`,
		`{"as_it_is":{"title":7}}`,
		`{"monthly_delta":"much"}`,
	} {
		if err := json.Unmarshal([]byte(text), new(Change)); err == nil {
			t.Errorf("%s: got no error", text)
		}
	}
}

func TestGlyphsOnATerminal(t *testing.T) {
	field := []FieldChange{{Name: "title", After: Value{"Cook"}}}
	for _, c := range []struct {
		change Change
		glyph  string
		writes bool
	}{
		{Change{Action: Create}, "+", true},
		{Change{Action: Update}, "~", true},
		{Change{Action: Delete}, "-", true},
		{Change{Action: Adopt}, "=", false},
		{Change{Action: Adopt, Fields: field}, "~", true},
		{Change{Action: Forget}, ".", false},
	} {
		if got, writes := c.change.Glyph(), c.change.Writes(); got != c.glyph || writes != c.writes {
			t.Errorf("%s with %d fields: got %q, writes %v; want %q, %v", c.change.Action, len(c.change.Fields), got, writes, c.glyph, c.writes)
		}
	}
}

func TestWhatViolationsHold(t *testing.T) {
	scope, object := Violation{Code: "first_plan"}, Violation{Code: "changed_at_target", Kind: "addition", Key: "sku"}
	repair := Violation{Code: "source_stale", NeedsRepair: true}
	note := func(v Violation) Violation { v.Note = true; return v }
	for _, c := range []struct {
		name                  string
		violations            []Violation
		blocks, holds, repair bool
	}{
		{"nothing", nil, false, false, false},
		{"notes hold nothing, whatever they say", []Violation{note(scope), note(object), note(repair)}, false, false, false},
		{"one object", []Violation{object}, false, true, false},
		{"the whole scope", []Violation{note(object), scope}, true, true, false},
		{"until a repair", []Violation{object, repair}, true, true, true},
	} {
		if got := [3]bool{Blocks(c.violations), Holds(c.violations), NeedsRepair(c.violations)}; got != [3]bool{c.blocks, c.holds, c.repair} {
			t.Errorf("%s: blocks, holds, needs repair: got %v, want %v", c.name, got, [3]bool{c.blocks, c.holds, c.repair})
		}
	}
}

func TestOnlyAHeldEditIsOneThatApprovalOverwrites(t *testing.T) {
	for _, c := range []struct {
		violation Violation
		want      bool
	}{
		{Violation{Code: heldEdit}, true},
		{Violation{Code: heldRemoval}, true},
		{Violation{Code: heldAnother}, false},
		{Violation{Code: heldSentTwice}, false},
		{Violation{Code: heldEdit, Note: true}, false},
		{Violation{Code: "put_back", Note: true}, false},
	} {
		if got := c.violation.OverwritesEdit(); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.violation, got, c.want)
		}
	}
}

func TestACandidateIsShownWithItsLabel(t *testing.T) {
	if got := (Candidate{Ref: "41", Label: "Ana"}).String() + ", " + (Candidate{Ref: "42"}).String(); got != "41 (Ana), 42" {
		t.Errorf("got %q", got)
	}
}
