package sync

import (
	"strings"
	"testing"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// The table of halves: what one part gets and another one loses is written together or not at
// all.
func TestHalvesAreWrittenTogether(t *testing.T) {
	const sku, other = "spb", "ems"
	type line struct {
		customer, sku, product string
		from, to               string // quantities
		edit                   func(*scopeRun, *plan.Change)
	}
	held := func(code string) func(*scopeRun, *plan.Change) {
		return func(s *scopeRun, c *plan.Change) {
			c.Held = code
			s.violations = append(s.violations, plan.Violation{Code: code, Kind: c.Key.Kind, Key: c.Key.ID})
		}
	}
	blocked := func(s *scopeRun, _ *plan.Change) {
		s.violations = append(s.violations, plan.Violation{Code: "first_plan"})
	}
	frozen := func(ignored bool) func(*scopeRun, *plan.Change) {
		return func(s *scopeRun, c *plan.Change) {
			s.observed.Beside = []plan.Object{{Key: c.Key, Fields: plan.Set(plan.FieldQuantity, c.Fields[0].Before.String()), Billing: &plan.Billing{Billable: true}}}
			s.observed.Conflicts = []plan.Conflict{{Key: c.Key, Violation: plan.Violation{Code: "duplicate_lines", NeedsRepair: true}}}
			if ignored {
				s.memory.Settlements = []state.Settlement{{Settlement: plan.Settlement{Key: c.Key, How: plan.SettleIgnore}}}
			}
			s.plan.Changes = nil
		}
	}
	for _, c := range []struct {
		name  string
		lines []line
		goes  string // customers whose changes are written
	}{
		{"both go", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP", "4", "5", nil}}, "Sales Rest"},
		{"the fall waits", []line{{"Sales", sku, "BP", "3", "2", held("decrease_unexplained")}, {"Rest", sku, "BP", "4", "5", nil}}, ""},
		{"the rise waits", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP", "4", "5", held("periods_outstanding")}}, ""},
		{"a plan waits as a whole", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP", "4", "5", blocked}}, ""},
		{"one is put off", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP", "4", "5", func(s *scopeRun, _ *plan.Change) { s.deferred = true }}}, ""},
		{"the run is about one", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP", "4", "5", func(s *scopeRun, _ *plan.Change) { s.beside = true }}}, ""},
		{"one cannot be written", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP", "4", "5", frozen(false)}}, ""},
		{"one is left alone", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP", "4", "5", frozen(true)}}, "Sales"},
		{"both fall", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP", "4", "3", held("decrease_unexplained")}}, "Sales"},
		{"another licence", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", other, "EMS", "4", "5", held("periods_outstanding")}}, "Sales"},
		{"one licence, two products", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Rest", sku, "BP-EU", "4", "5", held("periods_outstanding")}}, ""},
		{"one of three waits", []line{{"Sales", sku, "BP", "3", "2", nil}, {"Lab", sku, "BP", "4", "5", nil}, {"Rest", sku, "BP", "4", "5", held("periods_outstanding")}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tg := &openTarget{spec: target.Spec{Name: "connectwise"}}
			var parts []*scopeRun
			for _, l := range c.lines {
				customer := mapping.Customer{Key: strings.ToLower(l.customer), Name: l.customer, Parts: []mapping.Part{{Filter: l.customer}}}
				key := plan.Key{Kind: "addition", ID: l.sku}
				s := &scopeRun{target: tg, customer: customer, memory: &state.Memory{}, plan: &plan.Plan{Changes: []plan.Change{{
					Action: plan.Update, Key: key, Label: l.product, Fields: []plan.FieldChange{{Name: plan.FieldQuantity, Before: plan.Value{l.from}, After: plan.Value{l.to}}}}}}}
				due := 0
				for _, digit := range l.to {
					due = 10*due + int(digit-'0')
				}
				s.desired.Counts = []target.Count{{Key: key, Product: l.product, Label: l.product, Due: &due, Rules: []mapping.Rule{{SKU: l.sku, Product: l.product}}}}
				if l.edit != nil {
					l.edit(s, &s.plan.Changes[0])
				}
				parts = append(parts, s)
			}
			joinHalves(parts)
			var goes []string
			for _, s := range parts {
				for i := range s.plan.Changes {
					ch := &s.plan.Changes[i]
					if ch.Held == "" && !plan.Blocks(s.violations) && !s.deferred && !s.beside {
						goes = append(goes, s.customer.Name)
					}
					if ch.Held == plan.CodeHalves && !strings.Contains(s.violations[len(s.violations)-1].Message, "all of it is written in one run of all parts, or nothing") {
						t.Errorf("%s is held, and says %+v", s.customer.Name, s.violations)
					}
				}
			}
			if got := strings.Join(goes, " "); got != c.goes {
				t.Errorf("written are %q, want %q", got, c.goes)
			}
		})
	}
}

// Where a half that was to be written first was not, the other one waits for the next run.
func TestAHalfWaitsWhereTheOtherOneFailed(t *testing.T) {
	key := plan.Key{Kind: "addition", ID: "spb"}
	scope := func(name string) *scopeRun {
		return &scopeRun{customer: mapping.Customer{Key: name, Name: name}, memory: &state.Memory{}, plan: &plan.Plan{Changes: []plan.Change{{Action: plan.Update, Key: key, Label: "BP"}}}}
	}
	falls, rises := scope("Sales"), scope("Rest")
	group := []*half{{scope: falls, key: key, change: &falls.plan.Changes[0]}, {scope: rises, key: key, change: &rises.plan.Changes[0], rises: true}}
	falls.applied = &applied{done: 1}
	if holdAfterFailure([][]*half{group}, rises); rises.plan.Changes[0].Held != "" {
		t.Error("it waits for what was written")
	}
	falls.applied = &applied{failed: 1}
	if holdAfterFailure([][]*half{group}, rises); rises.plan.Changes[0].Held != plan.CodeHalves {
		t.Error("it does not wait for what was refused")
	}
}
