package money

import (
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
)

// Every row of the table in the comment of Credits.
func TestTheCreditIsToTheCent(t *testing.T) {
	n := decimal.RequireFromString
	on := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil && text != "" {
			t.Fatal(err)
		}
		return at
	}
	made := func(days ...string) Invoices {
		i := Invoices{Since: on("2026-11-20")}
		for k, d := range days {
			i.Made = append(i.Made, Invoice{Number: fmt.Sprint(10001 + k), Date: on(d)})
		}
		return i
	}
	yes, no := true, false
	for _, c := range []struct {
		name     string
		left     string
		before   string
		included string
		then     func(*plan.Billing) // what was otherwise when the run wrote
		at       string              // the first day not yet invoiced when the run wrote
		edit     func(*plan.Billing)
		made     bool
		moved    string
		invoices Invoices
		want     string
	}{
		{name: "one period", left: "40", before: "12", at: "2026-12-01", invoices: made("2026-12-01"), want: "10001 2026-12-01 2026-12-31 617.12; "},
		{name: "included units are not charged", left: "40", before: "12", included: "20", at: "2026-12-01", invoices: made("2026-12-01"), want: "10001 2026-12-01 2026-12-31 440.80; "},
		{name: "all of them included", left: "40", before: "12", included: "40", at: "2026-12-01", invoices: made("2026-12-01")},
		{name: "less was charged", left: "12", before: "40", at: "2026-12-01", invoices: made("2026-12-01")},
		{name: "no invoice since", left: "40", before: "12", at: "2027-01-01"},
		{name: "the invoice was deleted again", left: "40", before: "12", at: "2027-02-01", invoices: made("2026-12-01")},
		{name: "two periods, two invoices", left: "13", before: "12", at: "2026-11-01", invoices: made("2026-11-30", "2026-12-01"),
			want: "10001 2026-11-01 2026-11-30 22.04; 10002 2026-12-01 2026-12-31 22.04; "},
		{name: "two periods, one invoice", left: "13", before: "12", at: "2026-11-01", invoices: made("2026-12-01"), want: "10001 2026-11-01 2026-11-30 22.04; 10001 2026-12-01 2026-12-31 22.04; "},
		{name: "an invoice of the same day was there before", left: "13", before: "12", at: "2026-12-01", invoices: made("2026-11-20", "2026-12-01"), want: "10002 2026-12-01 2026-12-31 22.04; "},
		{name: "more invoices than periods", left: "13", before: "12", at: "2026-12-01", invoices: made("2026-11-25", "2026-12-01"), want: "- 2026-12-01 2026-12-31 22.04; "},
		{name: "invoices may not be read", left: "13", before: "12", at: "2026-12-01", invoices: Invoices{Unknown: "no right"}, want: "- 2026-12-01 2026-12-31 22.04; "},
		{name: "nobody knows how far it was invoiced", left: "13", before: "12", invoices: made("2026-12-01"), want: "- - - -; "},
		{name: "nobody knows, and no invoice was made", left: "13", before: "12"},
		{name: "nobody knows how far it is invoiced", left: "13", before: "12", at: "2026-12-01", edit: func(b *plan.Billing) { b.NextInvoice = "" }, invoices: made("2026-12-01"), want: "- - - -; "},
		{name: "no whole periods", left: "13", before: "12", at: "2026-12-15", invoices: made("2026-12-01"), want: "- - - -; "},
		{name: "quarterly", left: "13", before: "12", at: "2026-10-01", edit: func(b *plan.Billing) { b.Cycle = "3" }, invoices: made("2026-12-01"), want: "10001 2026-10-01 2026-12-31 22.04; "},
		{name: "without a price", left: "13", before: "12", at: "2026-12-01", edit: func(b *plan.Billing) { b.UnitPrice = nil }, invoices: made("2026-12-01"), want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "another price now", left: "13", before: "12", then: func(b *plan.Billing) { b.UnitPrice = new(n("20")) }, at: "2026-12-01", invoices: made("2026-12-01"), want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "more is included now", left: "15", before: "10", included: "14", then: func(b *plan.Billing) { b.LessIncluded = new(n("12")) }, at: "2026-12-01", invoices: made("2026-12-01"),
			want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "all of them are included now", left: "15", before: "10", included: "20", then: func(b *plan.Billing) { b.LessIncluded = new(n("12")) }, at: "2026-12-01",
			invoices: made("2026-12-01"), want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "what was included is not known", left: "15", before: "10", included: "12", then: func(b *plan.Billing) { b.LessIncluded = nil }, at: "2026-12-01",
			invoices: made("2026-12-01"), want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "another cycle now", left: "13", before: "12", then: func(b *plan.Billing) { b.Cycle = "12" }, at: "2026-12-01", invoices: made("2026-12-01"), want: "- - - -; "},
		{name: "another cycle now, and nothing invoiced since", left: "13", before: "12", then: func(b *plan.Billing) { b.Cycle = "12" }, at: "2027-01-01"},
		{name: "billable then, not now", left: "13", before: "12", edit: func(b *plan.Billing) { b.Billable, b.Bill = false, "DoNotBill" },
			then: func(b *plan.Billing) { b.Bill = "Billable" }, at: "2026-12-01", invoices: made("2026-12-01"), want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "another currency now", left: "13", before: "12", then: func(b *plan.Billing) { b.Currency = "USD" }, at: "2026-12-01", invoices: made("2026-12-01"),
			want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "it held another quantity since", left: "13", before: "12", moved: "a later run made it 16", at: "2026-12-01", invoices: made("2026-12-01"), want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "not billable", left: "13", before: "12", at: "2026-12-01", edit: func(b *plan.Billing) { b.Billable = false }, invoices: made("2026-12-01")},
		{name: "a line that the run made, for a whole period", left: "3", before: "0", at: "2026-12-01", made: true, invoices: made("2026-12-01"),
			edit: func(b *plan.Billing) { b.Effective, b.Prorates = "2026-11-20", &no }, want: "10001 2026-12-01 2026-12-31 66.12; "},
		{name: "a line that the run made, with the days before it", left: "3", before: "0", at: "2026-12-01", made: true, invoices: made("2026-12-01"),
			edit: func(b *plan.Billing) { b.Effective, b.Prorates = "2026-11-20", &yes }, want: "10001 2026-12-01 2026-12-31 -; "},
		{name: "it began in mid-period", left: "3", before: "0", at: "2026-11-01", made: true, invoices: made("2026-11-30", "2026-12-01"),
			edit: func(b *plan.Billing) { b.Effective, b.Prorates = "2026-11-20", &yes }, want: "10001 2026-11-01 2026-11-30 -; 10002 2026-12-01 2026-12-31 66.12; "},
		{name: "it began after the period", left: "3", before: "0", at: "2026-11-01", made: true, invoices: made("2026-11-30", "2026-12-01"),
			edit: func(b *plan.Billing) { b.Effective, b.Prorates = "2026-12-01", &no }, want: "10002 2026-12-01 2026-12-31 66.12; "},
	} {
		t.Run(c.name, func(t *testing.T) {
			price := n("22.04")
			line := Reverted{Ref: "55/910", Left: n(c.left), Before: n(c.before), Made: c.made, Moved: c.moved, Next: on(c.at),
				Billing: &plan.Billing{Billable: true, UnitPrice: &price, Cycle: plan.Monthly, Currency: "EUR", NextInvoice: "2027-01-01", Effective: "2024-01-01"}}
			if c.included != "" {
				line.Billing.LessIncluded = new(n(c.included))
			}
			if c.edit != nil {
				c.edit(line.Billing)
			}
			then := *line.Billing
			if c.then != nil {
				c.then(&then)
			}
			line.Then = &then
			or := func(text *string) string {
				if text == nil {
					return "-"
				}
				return *text
			}
			got := ""
			for _, k := range Credits(line, c.invoices) {
				got += fmt.Sprintf("%s %s %s %s; ", or(k.Invoice), or(k.From), or(k.To), or(k.Amount))
				if (k.Invoice == nil || k.Amount == nil) != (k.Why != "") || k.Ref != "55/910" || k.Currency != "EUR" {
					t.Errorf("got %+v: what is not known needs a reason", k)
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestACreditInWords(t *testing.T) {
	for _, c := range []struct {
		of   Credit
		want string
	}{
		{Credit{Amount: new("88.28"), Currency: "USD", From: new("2026-12-01"), To: new("2026-12-31"), Invoice: new("I201")}, "88.28 USD, billed from 1 to 31 December 2026 on invoice I201"},
		{Credit{Currency: "USD", Why: "look at it"}, "an amount in USD that is not known on an invoice whose number is not known (look at it)"},
		{Credit{Invoice: new("I201"), Why: "look at it"}, "an amount that is not known on invoice I201 (look at it)"},
	} {
		if got := c.of.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	costs := func(price string) *plan.Billing {
		return &plan.Billing{UnitPrice: new(decimal.RequireFromString(price))}
	}
	if got, want := changedTerms(costs("22"), costs("19.995")), "a unit cost 22.00 when the run wrote and costs 19.995 now: which was billed is on the invoice"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
