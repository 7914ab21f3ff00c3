package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/sync"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text that people read with what stands in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "show", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// line is a change of one line of an agreement.
func line(action plan.Action, label, before, after, price, delta string, reason plan.Reason) plan.Change {
	c := plan.Change{Action: action, Key: plan.Key{Kind: "addition", ID: label}, Label: label, Reason: reason, MonthlyDelta: decimal.RequireFromString(delta),
		Billing: &plan.Billing{Agreement: "55", AgreementName: "Managed services for head office and fleet", UnitPrice: new(decimal.RequireFromString(price)), Cycle: plan.Monthly}}
	if before != after {
		c.Fields = []plan.FieldChange{{Name: "quantity", Before: plan.Value{before}, After: plan.Value{after}}}
	} else {
		c.After = &plan.Object{Fields: plan.Set("quantity", after)}
	}
	return c
}

// person is a change of somebody who is documented.
func person(action plan.Action, name string) plan.Change {
	c := plan.Change{Action: action, Key: plan.Key{Kind: "contact", ID: name}, Label: name, Reason: plan.NewAtSource}
	if action != plan.Adopt {
		c.Fields = []plan.FieldChange{{Name: "name", After: plan.Value{name}}}
	}
	return c
}

// shownReport is a first plan at two targets.
func shownReport() *sync.Report {
	guards := func(digest string) []plan.Violation {
		return []plan.Violation{
			{Code: "first_plan", Message: "this is the first plan of this customer at this target; read it, then " + plan.ApproveCommand(digest)},
			{Code: "approval", Message: "every plan of this job waits for a person (apply: approve); " + plan.ApproveCommand(digest)}}
	}
	scope := func(customer, target, digest, delta string, changes ...plan.Change) sync.ScopeReport {
		return sync.ScopeReport{Customer: sync.CustomerRef{Key: customer, Name: customer}, Target: target, Outcome: sync.Held, Digest: digest, MonthlyDelta: delta, Currency: "USD",
			Changes: changes, Violations: guards(digest), First: true}
	}
	alder := scope("Alder & Finch", "connectwise", "a0a0a0a0a0a0", "0.00", line(plan.Adopt, "Visio Plan 2", "4", "4", "15", "0", plan.AlreadyAtTarget))
	calloway := scope("Calloway Legal", "connectwise", "b0b0b0b0b0b0", "-39.50",
		line(plan.Adopt, "Microsoft Entra ID P1", "2", "2", "6", "0", plan.AlreadyAtTarget),
		line(plan.Create, "Exchange Online (Plan 1)", "", "5", "4.4", "22", plan.NewAtSource),
		line(plan.Adopt, "Microsoft 365 Business Premium", "24", "21", "20.5", "-61.50", plan.AdoptedDiffers))
	calloway.Changes[2].Explanation = &plan.Explanation{Code: plan.ByAdoption}
	calloway.Violations = append(calloway.Violations, plan.Violation{Code: "money_decrease",
		Message: "the monthly bill would fall by 61.50, and why is known; 0.00 are allowed (limits.money.decrease_explained); " + plan.ApproveCommand("b0b0b0b0b0b0")})
	finch := scope("Finch & Sons with a very long name that goes on", "connectwise", "c0c0c0c0c0c0", "9.00",
		line(plan.Update, "Microsoft 365 Business Standard with a name as long as they get", "1", "2", "9", "9", plan.ChangedAtSource))
	documented := scope("Calloway Legal", "itglue", "d0d0d0d0d0d0", "0.00", person(plan.Create, "Ann"), person(plan.Create, "Bob"), person(plan.Update, "Cleo"), person(plan.Adopt, "Dan"))
	documented.Violations = append(documented.Violations, plan.Violation{Code: "match_proposed", Kind: "contact", Key: "Eve", Message: "Eve may be contact 12: syncd matches accept"})
	return &sync.Report{PlanOnly: true, Scopes: []sync.ScopeReport{alder, calloway, finch, documented}, Totals: map[sync.Outcome]int{sync.Held: 4}}
}

// people reports whether a target of the shown report holds people.
func people(target string) bool { return target == "itglue" }

// What a plan looks like: where there is room, on eighty columns, with all of
// it, and in short.
func TestAPlanAsItIsRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		view  view
	}{
		{"plan", 0, view{ofPeople: people}},
		{"plan-80", 80, view{ofPeople: people}},
		{"plan-all", 0, view{all: true, ofPeople: people}},
		{"plan-summary", 0, view{summary: true, ofPeople: people}},
		{"plan-summary-80", 80, view{summary: true, ofPeople: people}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			p := &page{w: &out, width: c.width}
			if err := p.writeReport(shownReport(), c.view); err != nil {
				t.Fatal(err)
			}
			golden(t, c.name, out.String())
			for l := range strings.SplitSeq(out.String(), "\n") {
				if n := len([]rune(l)); c.width > 0 && n > c.width {
					t.Errorf("%d columns: %s", n, l)
				}
			}
		})
	}
}
