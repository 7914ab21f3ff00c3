package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// What is measured: so many customers, each with a plan that waits, and so long a journal.
const (
	manyCustomers = 1000
	manyEntries   = 100_000
)

// oneCustomer is the key of one of them.
const oneCustomer = "0f5d3c7e-8f43-4f57-9d1e-0000000002bc"

// slowest is how long the server may take for any page.
const slowest = 50 * time.Millisecond

// measured are the addresses of every page. A page is a line here.
var measured = []string{
	"/",
	"/?page=20",
	"/customers",
	"/customers?q=customer+07&stands=needs+approval&page=2",
	"/customers/" + oneCustomer,
	"/customers/" + oneCustomer + "/history?page=2",
	"/customers/" + oneCustomer + "/explain/M365-2",
	"/system",
	"/report",
	"/report?name=0999&page=2",
	"/report/renewals",
	"/report/leakage",
	"/months/2026-11",
	"/map",
	"/matches",
	"/map?show=open&page=3",
	"/map?q=customer+09",
	"/products",
	"/products?page=2",
	"/runs",
	"/runs/01J00000000000000000000049",
	"/runs/01J00000000000000000000010",
}

// BenchmarkPages measures the server's time for each page over a large state:
//
//	go test -bench Pages ./internal/web/pages
func BenchmarkPages(b *testing.B) {
	h := Handler(largeProgram(b), somebody(app.RoleOperator))
	for _, path := range measured {
		b.Run(path, func(b *testing.B) {
			ask(h, "GET", path, "") // what is kept for everybody is made by the first to ask
			fastest := time.Hour    // others share the processor: what is measured is the page
			for b.Loop() {
				began := time.Now()
				if w := ask(h, "GET", path, "", "Accept-Encoding", "gzip"); w.Code != http.StatusOK {
					b.Fatalf("got %d: %s", w.Code, w.Body)
				}
				fastest = min(fastest, time.Since(began))
			}
			b.ReportMetric(float64(fastest.Microseconds())/1000, "ms/fastest")
			if fastest > slowest {
				b.Errorf("%s takes %s, %s are allowed", path, fastest, slowest)
			}
		})
	}
}

// largeProgram is a program with a large state.
func largeProgram(b *testing.B) *app.Running {
	b.Helper()
	running := program(b)
	began := time.Now().UTC().AddDate(0, -6, 0)
	scope := func(i int, target string) plan.Scope {
		return plan.Scope{Customer: fmt.Sprintf("0f5d3c7e-8f43-4f57-9d1e-%012x", i), Target: target}
	}
	for i := range manyCustomers {
		name := fmt.Sprintf("Customer %04d Ltd", i)
		var changes []plan.Change
		for j := range 6 {
			changes = append(changes, plan.Change{Action: plan.Update, Key: plan.Key{Kind: "addition", ID: fmt.Sprintf("cbdc14ab-d96c-4c30-b9f4-%012x", j)},
				Label: fmt.Sprintf("Microsoft 365 Licence %d", j), Ref: fmt.Sprintf("55/%d", 900+j), Reason: plan.ChangedAtSource, Currency: "USD",
				MonthlyDelta: decimal.NewFromInt(int64(i*j - 2000)), Effect: &plan.Effect{Text: "billed from 1 to 31 December, invoice not made"},
				Fields: []plan.FieldChange{{Name: plan.FieldQuantity, Before: plan.Value{fmt.Sprint(i)}, After: plan.Value{fmt.Sprint(i + j)}}}})
		}
		body, err := json.Marshal(map[string]any{"monthly_delta": "10.00", "currency": "USD", "changes": changes})
		if err != nil {
			b.Fatal(err)
		}
		subscriptions, spans := soldTo(i, began)
		commits := []*state.Commit{}
		for _, target := range []string{"connectwise", "itglue"} {
			c := &state.Commit{Scope: scope(i, target), Cursor: &state.Cursor{Scope: scope(i, target), Name: name, Job: "licences", Outcome: "in_step", At: began}}
			if target == "connectwise" {
				c.Cursor.Outcome, c.Cursor.Seen, c.Spans = "held", subscriptions, spans
				for j := range changes {
					for m := range 12 {
						c.Spans = append(c.Spans, state.Span{Key: changes[j].Key, From: began.AddDate(0, 0, 14*m), Known: true, Product: fmt.Sprintf("M365-%d", j), Label: changes[j].Label,
							Purchased: fmt.Sprint(10 + m), Assigned: "9", Due: fmt.Sprint(10 + m), Billed: fmt.Sprint(9 + m), Price: "22", Currency: "USD", Cycle: "1", Agreement: "55",
							Rules: []state.SpanRule{{SKU: changes[j].Key.ID, Name: changes[j].Label, Product: fmt.Sprintf("M365-%d", j), Count: "purchased", Status: "bill"}}})
					}
				}
				c.Hold = &state.Hold{Scope: c.Scope, Name: name, Job: "licences", Since: began, Digest: fmt.Sprintf("%012x", i), Plan: body,
					Violations: []plan.Violation{{Code: "approval", Message: "every plan of this job waits for a person (apply: approve); syncd approve --digest x"}}}
			}
			for j := range manyEntries / manyCustomers / 2 {
				c.Entries = append(c.Entries, state.Entry{At: began.Add(time.Duration(j) * time.Hour), Run: fmt.Sprintf("01J%023d", j), Job: "licences", Name: name,
					Action: plan.Update, Key: changes[0].Key, Label: changes[0].Label, Reason: plan.ChangedAtSource, Result: state.ResultDone, Money: "22.00",
					Before: &state.Image{Key: changes[0].Key, Fields: plan.Set("quantity", "12")}, After: &state.Image{Key: changes[0].Key, Fields: plan.Set("quantity", "14")}})
			}
			commits = append(commits, c)
		}
		if err := running.Store.Commit(b.Context(), commits...); err != nil {
			b.Fatal(err)
		}
	}
	mapLarge(b, running)
	for i := range 2000 {
		at := began.Add(time.Duration(i) * 2 * time.Hour)
		if err := running.Store.PutRun(b.Context(), state.Run{ID: fmt.Sprintf("01J%023d", i), Job: "licences", Trigger: "schedule", Started: at, Finished: at.Add(time.Minute),
			Totals: map[string]int{"in_step": 999, "failed": 1}}); err != nil {
			b.Fatal(err)
		}
	}
	return running
}

// mapLarge gives the customers tenants, of which most are linked and the others have suggestions.
func mapLarge(b *testing.B, running *app.Running) {
	b.Helper()
	var tenants listing
	var table mapping.Table
	book := app.SuggestionBook{At: time.Now()}
	for i := range manyCustomers {
		t := directory.Tenant{ID: directory.TenantID(fmt.Sprintf("0f5d3c7e-8f43-4f57-9d1e-%012x", i)), Name: fmt.Sprintf("Customer %04d Ltd", i), DefaultDomain: fmt.Sprintf("customer%04d.example", i)}
		tenants = append(tenants, t)
		if i%4 > 0 {
			table.Rows = append(table.Rows, mapping.Row{TenantID: t.ID, Tenant: t.Name, Status: mapping.Linked, Links: mapping.Links{mapping.ConnectWiseCompany: fmt.Sprint(19000 + i)}})
			continue
		}
		s := mapping.Suggestion{TenantID: string(t.ID), TenantName: t.Name, Column: mapping.ConnectWiseCompany}
		for j := range 3 {
			s.Candidates = append(s.Candidates, mapping.Candidate{ID: fmt.Sprint(30000 + 10*i + j), Name: fmt.Sprintf("Customer %04d-%d", i, j), Score: 0.9 - float64(j)/100, Evidence: []string{"the names are the same but for spelling"}})
		}
		s.Ambiguous = "nearly as much speaks for others"
		book.Suggestions = append(book.Suggestions, s)
	}
	running.Engine.Source = tenants
	for name, value := range map[string]any{app.LinksDocument: table, app.SuggestionsDocument: book} {
		if err := app.Put(b.Context(), running.Store, name, 0, value); err != nil {
			b.Fatal(err)
		}
	}
}

// soldTo are the subscriptions of a customer, and what the ledger says of its six products, of
// which one in ten is billed too little.
func soldTo(i int, began time.Time) (subscriptions []directory.Seen, spans []state.Span) {
	for j := range 6 {
		sku := fmt.Sprintf("cbdc14ab-d96c-4c30-b9f4-%012x", j)
		subscriptions = append(subscriptions, directory.Seen{ID: fmt.Sprintf("5c3e1d52-%04x-4d0a-a8a3-%012x", j, i), SKU: sku, Status: "Enabled", State: "enabled", Units: i%90 + 5,
			Ends: time.Now().AddDate(0, 0, (i+j)%120+1), Term: "annual"})
		bought, billed := i%90+5, i%90+5
		if (i+j)%10 == 0 {
			billed -= 2
		}
		spans = append(spans, state.Span{Key: plan.Key{Kind: "addition", ID: sku}, From: began, Known: true, Product: fmt.Sprintf("M365-%d", j), Label: fmt.Sprintf("Microsoft 365 Licence %d", j),
			Purchased: fmt.Sprint(bought), Assigned: fmt.Sprint(billed), Due: fmt.Sprint(bought), Billed: fmt.Sprint(billed), Price: "22.00", Currency: "USD", Cycle: "1", Ref: fmt.Sprintf("55/%d", 900+j), Agreement: "55",
			Rules: []state.SpanRule{{SKU: sku, Product: fmt.Sprintf("M365-%d", j), Count: "purchased", Status: "bill"}}})
	}
	return subscriptions, spans
}

// BenchmarkTheInboxOfLargePlans measures a page of the inbox with the first plans of a documentation: so many
// plans with so many objects each.
func BenchmarkTheInboxOfLargePlans(b *testing.B) {
	running := program(b)
	var commits []*state.Commit
	for i := range cardsShown {
		var changes []plan.Change
		for j := range 63 {
			fields := []plan.FieldChange{}
			for k := range 9 {
				fields = append(fields, plan.FieldChange{Name: fmt.Sprintf("field_%d", k), After: plan.Value{fmt.Sprintf("what the field %d of the object %d says, in some words", k, j)}})
			}
			changes = append(changes, plan.Change{Action: plan.Create, Key: plan.Key{Kind: "contact", ID: fmt.Sprintf("cbdc14ab-d96c-4c30-b9f4-%012x", j)}, Label: fmt.Sprintf("Person %d", j),
				Reason: plan.NewAtSource, Fields: fields, After: &plan.Object{Key: plan.Key{Kind: "contact", ID: fmt.Sprint(j)}}})
		}
		body, err := json.Marshal(map[string]any{"monthly_delta": "0.00", "currency": "USD", "changes": changes})
		if err != nil {
			b.Fatal(err)
		}
		c := held(fmt.Sprintf("customer-%02d", i), fmt.Sprintf("Customer %02d", i), fmt.Sprintf("%012x", i+1), plan.Violation{Code: "first_plan"}, plan.Violation{Code: "approval"})
		c.Scope.Target, c.Cursor.Scope.Target, c.Hold.Scope.Target, c.Hold.Plan = "itglue", "itglue", "itglue", body
		commits = append(commits, c)
	}
	if err := running.Store.Commit(b.Context(), commits...); err != nil {
		b.Fatal(err)
	}
	h := Handler(running, somebody(app.RoleApprover))
	for b.Loop() {
		if w := ask(h, "GET", "/", "", "Accept-Encoding", "gzip"); w.Code != http.StatusOK {
			b.Fatalf("got %d: %s", w.Code, w.Body)
		}
	}
}
