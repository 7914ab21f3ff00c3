package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

// changing returns a plan over n managed objects with some changes.
func changing(n, creates, updates, deletes int, delta string) *Plan {
	p := &Plan{Scope: testScope, Managed: n}
	add := func(action Action, count int) {
		for i := range count {
			before, after := line("1"), line("2")
			c := Change{Action: action, Key: Key{"addition", fmt.Sprint(action, i)}, Before: before, After: after,
				Fields: []FieldChange{{Name: "quantity", Before: Value{"1"}, After: Value{"2"}}}}
			p.Changes = append(p.Changes, c)
		}
	}
	add(Create, creates)
	add(Update, updates)
	add(Delete, deletes)
	if len(p.Changes) > 0 {
		p.Changes[0].MonthlyDelta = decimal.RequireFromString(delta)
	}
	return p
}

// waiting holds the first change of a plan by itself.
func waiting(p *Plan) *Plan {
	p.Changes[0].Held = heldEdit
	return p
}

// in puts the first change of a plan into a currency.
func in(currency string, p *Plan) *Plan {
	p.Changes[0].Currency = currency
	return p
}

func TestMoneyIsAddedUpInOneCurrencyOnly(t *testing.T) {
	for _, c := range []struct {
		currencies []string // of changes that cost something
		want       string
	}{
		{nil, "USD"}, {[]string{""}, "USD"}, {[]string{"EUR", "EUR"}, "EUR"}, {[]string{"", "USD"}, "USD"}, {[]string{"", "EUR"}, ""}, {[]string{"EUR", "GBP"}, ""},
	} {
		p := &Plan{Changes: []Change{{Currency: "CHF"}}} // costs nothing, and says nothing
		for _, currency := range c.currencies {
			p.Changes = append(p.Changes, Change{Currency: currency, MonthlyDelta: decimal.NewFromInt(1)})
		}
		if got := p.Currency("USD"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.currencies, got, c.want)
		}
	}
}

func TestGuards(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	limits := Limits{HoldFirst: true, Creates: Ceiling{50, 50}, Updates: Ceiling{200, 50}, Deletes: Ceiling{10, 20}, MinPopulation: 10,
		Increase: decimal.NewFromInt(500), Decrease: decimal.Zero, SourceShrink: 20}
	auto := GuardInput{Policy: Auto, Now: now, SourceAsOf: now}
	with := func(change func(*GuardInput)) GuardInput {
		f := auto
		change(&f)
		return f
	}
	for _, c := range []struct {
		name  string
		plan  *Plan
		facts GuardInput
		want  string // codes
	}{
		{"nothing to do, nothing to stop", changing(100, 0, 0, 0, "0"), with(func(f *GuardInput) { f.First = true; f.Policy = Never }), ""},
		{"within limits", changing(100, 10, 20, 5, "500.00"), auto, ""},
		{"report only", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.Policy = Never }), "report_only"},
		{"approve policy", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.Policy = Approve }), "approval"},
		{"first plan", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.First = true }), "first_plan"},
		{"restored from a backup, whatever the limits", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.Restored = "put back" }), "restored"},
		{"settings changed", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.SettingsChanged = true }), "settings_changed"},
		{"creates by count", changing(1000, 51, 0, 0, "0"), auto, "creates"},
		{"creates by share", changing(40, 21, 0, 0, "0"), auto, "creates"},
		{"a share of few means nothing", changing(9, 9, 0, 0, "0"), auto, ""},
		{"updates by count", changing(1000, 0, 201, 0, "0"), auto, "updates"},
		{"deletes by count", changing(1000, 0, 0, 11, "0"), auto, "deletes"},
		{"deletes by share", changing(20, 0, 0, 5, "0"), auto, "deletes"},
		{"deletes at the share", changing(20, 0, 0, 4, "0"), auto, ""},
		{"money up", changing(100, 0, 1, 0, "500.01"), auto, "money_increase"},
		{"money down", changing(100, 0, 1, 0, "-0.01"), auto, "money_decrease"},
		{"money down on a line that waits by itself", waiting(changing(100, 0, 1, 0, "-594.00")), auto, "money_decrease addition"},
		{"money up on a line that waits by itself", waiting(changing(100, 0, 1, 0, "500.01")), auto, "money_increase addition"},
		{"little money on a line that waits by itself", waiting(changing(100, 0, 1, 0, "500.00")), auto, ""},
		{"money in the limits' own currency", in("USD", changing(100, 0, 1, 0, "5.00")), with(func(f *GuardInput) { f.Currency = "USD" }), ""},
		{"money in another currency", in("EUR", changing(100, 0, 1, 0, "5.00")), with(func(f *GuardInput) { f.Currency = "USD" }), "money_unknown"},
		{"no money in another currency", in("EUR", changing(100, 0, 1, 0, "0")), with(func(f *GuardInput) { f.Currency = "USD" }), ""},
		{"stale source", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.SourceMaxAge = 26 * time.Hour; f.SourceAsOf = now.Add(-27 * time.Hour) }), "source_stale"},
		{"shrunk source", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.Counts = []Count{{"licences", 20, 15}} }), "source_shrink"},
		{"source shrunk within limits", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.Counts = []Count{{"licences", 20, 16}} }), ""},
		{"a small source may shrink", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.Counts = []Count{{"licences", 9, 2}} }), ""},
		{"all but one of a small source", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.Counts = []Count{{"users", 9, 1}} }), "source_shrink"},
		{"one of two at the source", changing(100, 0, 1, 0, "0"), with(func(f *GuardInput) { f.Counts = []Count{{"users", 2, 1}} }), ""},
	} {
		var codes []string
		for _, v := range Check(c.plan, c.facts, limits) {
			codes = append(codes, v.Code)
			if v.Key != "" {
				codes = append(codes, v.Kind)
			}
			if v.Message == "" {
				t.Errorf("%s: %s has no sentence", c.name, v.Code)
			}
		}
		if got := strings.Join(codes, " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStampsAloneAreNoUpdate(t *testing.T) {
	stamp, other := FieldChange{Name: "proven", Stamp: true, After: Value{"2026-12"}}, FieldChange{Name: "title", After: Value{"x"}}
	for _, tt := range []struct {
		what   string
		action Action
		fields []FieldChange
		want   int
	}{
		{"a stamp", Update, []FieldChange{stamp}, 0},
		{"a stamp and more", Update, []FieldChange{stamp, other}, 1},
		{"something else", Update, []FieldChange{other}, 1},
		{"an adoption that stamps what is not ours yet", Adopt, []FieldChange{stamp}, 1},
	} {
		p := &Plan{Changes: []Change{{Action: tt.action, Before: line("1"), After: line("1"), Fields: tt.fields}}}
		if got := p.Tally().Updates; got != tt.want || p.Empty() {
			t.Errorf("%s: got %d updates, want %d", tt.what, got, tt.want)
		}
	}
}

func TestRemovingMostOfASetCountsAsADeletion(t *testing.T) {
	members := func(after ...string) *Plan {
		return &Plan{Changes: []Change{{Action: Update, Before: line("1"), After: line("1"),
			Fields: []FieldChange{{Name: "members", Set: true, Before: Value{"a", "b", "c", "d"}, After: after}}}}}
	}
	if got := members("a", "b").Tally(); got.Updates != 1 || got.Deletes != 0 {
		t.Errorf("half of the members: got %+v, want an update", got)
	}
	if got := members("a", "x", "y", "z").Tally(); got.Updates != 0 || got.Deletes != 1 {
		t.Errorf("three of four members: got %+v, want a deletion", got)
	}
}

// small is a plan over a few objects of which some go.
func small(managed, deletes int) *Plan {
	p := changing(managed+20, 0, 0, deletes, "0") // others of other kinds
	p.Managed = managed
	p.populations = []population{{"addition", managed}, {"group", 20}}
	return p
}

func TestAllOrAllButOneWaitsAtAnySize(t *testing.T) {
	facts := GuardInput{Policy: Auto}
	limits := Limits{Deletes: Ceiling{10, 20}, Updates: Ceiling{200, 50}, Creates: Ceiling{50, 50}, MinPopulation: 10, SourceShrink: 20}
	group := func(before, after Value) *Plan {
		return &Plan{Scope: testScope, Managed: 5, Changes: []Change{{Action: Update, Key: Key{"group", "g"}, Label: "Board", Before: line("1"), After: line("1"),
			Fields: []FieldChange{{Name: "members", Set: true, Before: before, After: after}}}}}
	}
	off := small(3, 3) // disabled, not deleted
	for i := range off.Changes {
		off.Changes[i].Action, off.Changes[i].After = Update, retiredLine()
	}
	held := small(3, 3)
	held.Changes[0].Held = heldEdit
	held.Changes[1].Held = heldEdit
	wide := limits
	wide.Deletes.Percent = 100
	for _, c := range []struct {
		name   string
		plan   *Plan
		limits Limits
		want   string
	}{
		{"three of three", small(3, 3), limits, "deletes: 3 of 3 objects of the kind addition would be deleted: all of them, or all but one, at once (limits.deletes.percent); "},
		{"two of three", small(3, 2), limits, "deletes: 2 of 3 objects of the kind addition would be deleted: all of them, or all but one, at once (limits.deletes.percent); "},
		{"two of two", small(2, 2), limits, "deletes: 2 of 2 objects of the kind addition would be deleted: all of them, or all but one, at once (limits.deletes.percent); "},
		{"three of three, disabled", off, limits, "deletes: 3 of 3 objects of the kind addition would be deleted: all of them, or all but one, at once (limits.deletes.percent); "},
		{"one of three", small(3, 1), limits, ""},
		{"one of two", small(2, 1), limits, ""},
		{"two of four", small(4, 2), limits, ""},
		{"those that wait by themselves do not count", held, limits, ""},
		{"all may go where the share does not limit", small(3, 3), wide, ""},
		{"a group that loses everybody", group(Value{"a", "b"}, nil), limits, "deletes: Board would lose 2 of its 2 members: all of them, or all but one, at once (limits.deletes.percent); "},
		{"a group that loses all but one", group(Value{"a", "b", "c"}, Value{"c"}), limits, "deletes: Board would lose 2 of its 3 members: all of them, or all but one, at once (limits.deletes.percent); "},
		{"a group that loses its only member", group(Value{"a"}, nil), limits, ""},
		{"a group that loses one of two", group(Value{"a", "b"}, Value{"b"}), limits, ""},
		{"a group that loses two of five", group(Value{"a", "b", "c", "d", "e"}, Value{"c", "d", "e"}), limits, ""},
	} {
		got := ""
		for _, v := range Check(c.plan, facts, c.limits) {
			got += v.Code + ": " + strings.TrimSuffix(v.Message, ApproveCommand(c.plan.Digest()))
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// What is retired already is nobody who could go.
func TestThePopulationIsOfThoseWhoAreThere(t *testing.T) {
	var s Sides
	for i := range 5 {
		o := *line("3")
		o.ID, o.Retired = fmt.Sprint(i), i > 2
		s.Observed, s.Records = append(s.Observed, o), append(s.Records, Record{Object: o, Origin: Adopted})
	}
	p, err := Make(testScope, additions(Restore, true), s)
	if err != nil || len(p.Changes) != 3 || len(p.populations) != 1 || p.populations[0].size != 3 {
		t.Fatalf("got %+v, %v; want three of three to go", p, err)
	}
	if vs := Check(p, GuardInput{Policy: Auto}, Limits{Deletes: Ceiling{10, 20}, MinPopulation: 10, Decrease: decimal.New(1, 6)}); len(vs) != 1 || vs[0].Code != "deletes" {
		t.Errorf("got %+v, want them held", vs)
	}
}
