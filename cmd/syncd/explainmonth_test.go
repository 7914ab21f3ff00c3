package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

// aLicencesLife is a state in which the ledger and the journal have some months of one
// licence at one customer.
func aLicencesLife(t *testing.T) *app.App {
	t.Helper()
	store, err := boltstate.Open(filepath.Join(t.TempDir(), "syncd.db"), boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	scope, key := plan.Scope{Customer: contoso, Target: "connectwise"}, plan.Key{Kind: "addition", ID: skus["SPB"].id}
	span := func(from, purchased, billed, next string) state.Span {
		return state.Span{Scope: scope, Key: key, From: at(from), Known: true, Product: "M365-BP", Label: "Microsoft 365 Business Premium", Purchased: purchased, Assigned: "9", Due: purchased, Billed: billed,
			Price: "22", Currency: "USD", LessIncluded: "0", Cycle: "1", Ref: "55/910", Agreement: "55", AgreementName: "Managed services", NextInvoice: next,
			Rules:         []state.SpanRule{{SKU: skus["SPB"].id, Part: "SPB", Name: "Microsoft 365 Business Premium", Product: "M365-BP", Count: "purchased", Minimum: "5", Status: "bill"}},
			Subscriptions: []state.SpanSubscription{{ID: "s1", CommerceID: "c1", SKU: skus["SPB"].id, Status: "Enabled", State: "enabled", Units: purchased, Until: at("2027-03-01 12:00").UTC()}}}
	}
	unknown := state.Span{Scope: scope, Key: key, From: at("2026-11-20 06:00"), Why: "the source did not prove this complete: no access", Product: "M365-BP", Label: "Microsoft 365 Business Premium"}
	names := span("2026-11-22 06:00", "14", "14", "2026-12-01")
	names.Names, names.Override = []string{"ada@contoso.example", "bob@contoso.example"}, &state.SpanOverride{Maximum: "14", Until: at("2027-01-31 00:00").UTC(), By: "ada", Reason: "agreed by mail"}
	image := func(quantity string) *state.Image {
		return &state.Image{Key: key, Fields: plan.Set("cancelled", "", "quantity", quantity)}
	}
	write := func(when, run, before, after string) state.Entry {
		return state.Entry{At: at(when), Run: run, Scope: scope, Name: "Contoso Ltd", Action: plan.Update, Key: key, Ref: "55/910", Reason: plan.ChangedAtSource, Before: image(before), After: image(after),
			Result: state.ResultDone, Digest: "d" + run, By: "ada", How: "by the kernel", Why: "ordered"}
	}
	approval := state.Entry{At: at("2026-09-16 09:30"), Scope: scope, Name: "Contoso Ltd", Action: state.ActionApprove, Digest: "dR2", By: "ada", How: "by the kernel", Why: "ordered", Result: state.ResultDone}
	rejection := state.Entry{At: at("2026-09-15 09:30"), Scope: scope, Name: "Contoso Ltd", Action: state.ActionReject, Digest: "dR0", By: "bob", Why: "ask first", Result: state.ResultDone}
	if err := store.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Contoso Ltd"},
		Spans: []state.Span{span("2026-08-10 06:00", "12", "10", "2026-09-01"), span("2026-08-10 06:05", "12", "12", "2026-09-01"), span("2026-09-15 06:00", "14", "12", "2026-10-01"),
			span("2026-09-16 10:00", "14", "14", "2026-10-01"), unknown, names},
		Entries: []state.Entry{write("2026-08-10 06:05", "R1", "10", "12"), rejection, approval, write("2026-09-16 10:00", "R2", "12", "14")}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Settle(t.Context(), scope, key, &state.Settlement{Settlement: plan.Settlement{How: plan.SettleIgnore, Reason: "billed by hand"}, By: "bob", At: at("2026-11-25 10:00")}); err != nil {
		t.Fatal(err)
	}
	// No system is there to be asked.
	return &app.App{Config: &app.Config{}, Store: store, Location: zone, Now: func() time.Time { return at("2026-11-30 10:00") }}
}

func TestAMonthIsExplainedFromTheLedgerAlone(t *testing.T) {
	w := aLicencesLife(t)
	const (
		where = "  product M365-BP on Managed services (agreement 55), line 55/910, unit price 22.00 USD, next invoice date "
		rule  = "  the rule then: Microsoft 365 Business Premium is billed as M365-BP, counting what is purchased, at least 5\n"
		sub   = "  subscription c1: %, enabled until 2027-03-01\n"
		left  = "It is left alone since 2026-11-25 by the word of bob: billed by hand; syncd matches retry takes that back\n"
	)
	none := func(month string) string {
		return "Invoices: they are kept once the month is closed; syncd report month --month " + month + " reads them\n"
	}
	of := func(units string) string { return strings.Replace(sub, "%", units, 1) }
	for month, want := range map[string]string{
		"2026-07": "Contoso Ltd, SPB, July 2026\nIt was not recorded before 2026-08-10\nsyncd wrote nothing in that month, nor before\n" + left,
		"2026-08": "Contoso Ltd, Microsoft 365 Business Premium, August 2026\nIt was not recorded before 2026-08-10\n" +
			"2026-08-10 from 06:00 to 06:05: purchased 12, assigned 9, due 12, billed 10\n" + where + "2026-09-01\n" + rule + of("12") +
			"2026-08-10 to 2026-08-31 (22 days): purchased 12, assigned 9, due 12, billed 12\n" + where + "2026-09-01\n" + rule + of("12") +
			"Approved 2026-08-10 06:05 by ada (by the kernel): ordered; plan dR1\n" +
			"Written 2026-08-10 06:05: update 55/910 10 -> 12, approved by ada (run R1)\n" + none("2026-08") + left,
		"2026-09": "Contoso Ltd, Microsoft 365 Business Premium, September 2026\n" +
			"2026-09-01 to 2026-09-14 (14 days): purchased 12, assigned 9, due 12, billed 12\n" + where + "2026-09-01\n" + rule + of("12") +
			"2026-09-15 (1 day): purchased 14, assigned 9, due 14, billed 12\n" + where + "2026-10-01\n" + rule + of("14") +
			"2026-09-16 to 2026-09-30 (15 days): purchased 14, assigned 9, due 14, billed 14\n" + where + "2026-10-01\n" + rule + of("14") +
			"Approved 2026-09-16 09:30 by ada (by the kernel): ordered; plan dR2\n" +
			"Written 2026-09-16 10:00: update 55/910 12 -> 14, approved by ada (run R2)\n" + none("2026-09") + left,
		"2026-10": "Contoso Ltd, Microsoft 365 Business Premium, October 2026\n" +
			"2026-10-01 to 2026-10-31 (31 days): purchased 14, assigned 9, due 14, billed 14\n" + where + "2026-10-01\n" + rule + of("14") +
			"syncd wrote nothing in that month; the last time before was 2026-09-16 10:00: update 55/910 12 -> 14, approved by ada (run R2)\n" + none("2026-10") + left,
		"2026-11": "Contoso Ltd, Microsoft 365 Business Premium, November 2026\n" +
			"2026-11-01 to 2026-11-19 (19 days): purchased 14, assigned 9, due 14, billed 14\n" + where + "2026-10-01\n" + rule + of("14") +
			"2026-11-20 to 2026-11-21 (2 days): purchased unknown, assigned unknown, due unknown, billed unknown\n  not proven: the source did not prove this complete: no access\n" +
			"2026-11-22 to 2026-11-30 (9 days): purchased 14, assigned 9, due 14, billed 14\n" + where + "2026-12-01\n" + rule +
			"  override: at most 14 by ada until 2027-01-31: agreed by mail\n" + of("14") + "  counted: ada@contoso.example, bob@contoso.example\n" +
			"syncd wrote nothing in that month; the last time before was 2026-09-16 10:00: update 55/910 12 -> 14, approved by ada (run R2)\n" + none("2026-11") + left,
	} {
		for _, sku := range []string{"SPB", strings.ToUpper(skus["SPB"].id), "m365-bp"} {
			x, err := w.Explain(t.Context(), "Contoso", sku, month)
			if err != nil {
				t.Fatalf("%s: %v", month, err)
			}
			var out bytes.Buffer
			if err := (*explanation)(x).write(&page{w: &out}, w); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != strings.Replace(want, ", SPB,", ", "+sku+",", 1) {
				t.Errorf("%s of %s: got\n%s\nwant\n%s", sku, month, got, want)
			}
		}
	}
	for month, want := range map[string]string{"2026-12": "is still to come: the ledger knows what was, up to 2026-11", "2026-13": "is not a month; write it as 2026-11", "11-2026": "is not a month"} {
		if _, err := w.Explain(t.Context(), "Contoso", "SPB", month); !errors.As(err, new(app.UsageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", month, err, want)
		}
	}
	if _, err := w.Explain(t.Context(), contoso, "SPE_E5", "2026-11"); !errors.As(err, new(app.UsageError)) {
		t.Errorf("a licence that nobody knows: got %v", err)
	}
}

// What is counted of other licences since a rule changed is an object of its own: the month
// names both, in the order of time, each since when it is recorded.
func TestAMonthOfTwoObjects(t *testing.T) {
	w := aLicencesLife(t)
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	scope := plan.Scope{Customer: tailspin, Target: "connectwise"}
	exchange := "4b9405b0-7788-4568-add1-99614e613b69"
	one, two := plan.Key{Kind: "addition", ID: skus["SPB"].id}, plan.Key{Kind: "addition", ID: exchange + "+" + skus["SPB"].id}
	rules := []state.SpanRule{{SKU: skus["SPB"].id, Part: "SPB", Name: "Microsoft 365 Business Premium", Product: "M365-BP", Count: "purchased", Status: "bill"},
		{SKU: exchange, Part: "EXCHANGESTANDARD", Name: "Exchange Online (Plan 1)", Product: "M365-BP", Count: "purchased", Status: "bill"}}
	span := func(key plan.Key, from time.Time, due string, rules ...state.SpanRule) state.Span {
		return state.Span{Scope: scope, Key: key, From: from, Known: true, Product: "M365-BP", Purchased: due, Assigned: "1", Due: due, Billed: due, Rules: rules}
	}
	for _, c := range []*state.Commit{
		{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Tailspin Toys"}, Spans: []state.Span{span(one, day(10, 6), "20", rules[:1]...)}},
		{Scope: scope, Ends: []state.Ending{{Key: one, At: day(11, 6)}}, Spans: []state.Span{span(two, day(11, 6), "23", rules...)}},
	} {
		if err := w.Store.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	x, err := w.Explain(t.Context(), "Tailspin Toys", "SPB", "2026-11")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (*explanation)(x).write(&page{w: &out}, w); err != nil {
		t.Fatal(err)
	}
	const rule = "  the rule then: Microsoft 365 Business Premium is billed as M365-BP, counting what is purchased\n"
	if want := "Tailspin Toys, SPB, November 2026\n" +
		"Product M365-BP, counted of Microsoft 365 Business Premium:\nIt was not recorded before 2026-11-10\n" +
		"2026-11-10 (1 day): purchased 20, assigned 1, due 20, billed 20\n" + rule +
		"Product M365-BP, counted of Microsoft 365 Business Premium and Exchange Online (Plan 1):\nIt was not recorded before 2026-11-11\n" +
		"2026-11-11 to 2026-11-30 (20 days): purchased 23, assigned 1, due 23, billed 23\n" + rule +
		"  the rule then: Exchange Online (Plan 1) is billed as M365-BP, counting what is purchased\n" +
		"syncd wrote nothing in that month, nor before\n"; out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestAMonthForScripts(t *testing.T) {
	w := aLicencesLife(t)
	for _, tt := range []struct{ month, want string }{
		{"2026-07", `{"customer":{"key":"` + contoso + `","name":"Contoso Ltd"},"month":"2026-07","recorded_from":"2026-08-10T05:00:00Z","spans":[],"approvals":[],"writes":[],"invoices":[]}`},
		{"2026-11", `{"customer":{"key":"` + contoso + `","name":"Contoso Ltd"},"month":"2026-11","recorded_from":"2026-08-10T05:00:00Z","spans":[
			{"from":"2026-09-16T09:00:00Z","to":"2026-11-20T06:00:00Z","known":true,"purchased":"14","assigned":"9","due":"14","billed":"14","price":"22","currency":"USD","agreement":"55","next_invoice":"2026-10-01","names":[],"override":null},
			{"from":"2026-11-20T06:00:00Z","to":"2026-11-22T06:00:00Z","known":false,"purchased":null,"assigned":null,"due":null,"billed":null,"price":null,"currency":"","agreement":"","next_invoice":null,"names":[],"override":null},
			{"from":"2026-11-22T06:00:00Z","to":null,"known":true,"purchased":"14","assigned":"9","due":"14","billed":"14","price":"22","currency":"USD","agreement":"55","next_invoice":"2026-12-01","names":["ada@contoso.example","bob@contoso.example"],
				"override":{"maximum":"14","until":"2027-01-31T00:00:00Z","reason":"agreed by mail","by":"ada"}}],"approvals":[],"writes":[],"invoices":[]}`},
		{"2026-09", `{"customer":{"key":"` + contoso + `","name":"Contoso Ltd"},"month":"2026-09","approvals":[{"at":"2026-09-16T08:30:00Z","by":"ada","how":"by the kernel","reason":"ordered","digest":"dR2"}],
			"writes":[{"at":"2026-09-16T09:00:00Z","run":"R2","ref":"55/910","before":"12","after":"14"}]}`},
	} {
		x, err := w.Explain(t.Context(), "Contoso", "SPB", tt.month)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal([]byte(tt.want), &want)); err != nil {
			t.Fatal(err)
		}
		if why := lacks(want, got); why != "" {
			t.Errorf("%s: %s\n%s", tt.month, why, text)
		}
	}
}

// lacks says what of want is not so in got, which may have more members.
func lacks(want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for name, value := range w {
			if _, there := g[name]; !there {
				return name + " is missing"
			}
			if why := lacks(value, g[name]); why != "" {
				return name + ": " + why
			}
		}
		return ""
	case []any:
		g, is := got.([]any)
		if !is || len(g) != len(w) {
			return "not as many"
		}
		for i := range w {
			if why := lacks(w[i], g[i]); why != "" {
				return why
			}
		}
		return ""
	}
	if want != got {
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		return "got " + string(a) + ", want " + string(b)
	}
	return ""
}
