package money

import (
	"fmt"
	"testing"
	"time"

	"syncd/internal/plan"
)

func date(text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return day
}

func TestWhatAChangeIsBilledFor(t *testing.T) {
	for _, c := range []struct {
		next, cycle, today string
		unclear            []string
		want               string
	}{
		{"2026-12-01", "1", "2026-11-21", nil, "2026-12-01 2026-12-31 1: billed from 1 to 31 December 2026, invoice not made"},
		{"2026-11-01", "1", "2026-11-21", nil, "2026-11-01 2026-11-30 1: billed from 1 to 30 November 2026, invoice not made"},
		{"2026-11-01", "1", "2026-12-01", nil, "2026-11-01 2026-12-31 2: billed from 1 November to 31 December 2026: 2 periods, whose invoices are not made"},
		{"2026-02-01", "1", "2026-11-21", nil, "2026-02-01 2026-11-30 10: billed from 1 February to 30 November 2026: 10 periods, whose invoices are not made"},
		{"2026-11-15", "1", "2026-12-14", nil, "2026-11-15 2026-12-14 1: billed from 15 November to 14 December 2026, invoice not made"},
		{"2026-11-15", "1", "2026-12-15", nil, "2026-11-15 2027-01-14 2: billed from 15 November 2026 to 14 January 2027: 2 periods, whose invoices are not made"},
		{"2027-02-01", "1", "2026-11-21", nil, "2027-02-01 2027-02-28 1: billed from 1 to 28 February 2027, invoice not made"},
		{"2026-10-01", "3", "2026-11-21", nil, "2026-10-01 2026-12-31 1: billed from 1 October to 31 December 2026, invoice not made"},
		{"2026-01-01", "12", "2026-11-21", nil, "2026-01-01 2026-12-31 1: billed from 1 January to 31 December 2026, invoice not made"},
		{"2026-11-16", "12/52", "2026-11-21", nil, "2026-11-16 2026-11-22 1: billed from 16 to 22 November 2026, invoice not made"},
		{"2026-11-02", "12/26", "2026-11-21", nil, "2026-11-02 2026-11-29 2: billed from 2 to 29 November 2026: 2 periods, whose invoices are not made"},
		{"2026-10-31", "1", "2026-11-30", nil, "2026-10-31 2026-12-30 2: billed from 31 October to 30 December 2026: 2 periods, whose invoices are not made"},
		{"", "1", "2026-11-21", nil, "  0: from which invoice on it counts is not known"},
		{"2026-11-01", "", "2026-11-21", nil, "2026-11-01 2026-11-21 0: from which invoice on it counts is not known"},
		{"2026-12-01", "1", "2026-11-21", []string{"what X means is not documented"}, "2026-12-01 2026-12-31 1: billed from 1 to 31 December 2026, invoice not made; what X means is not documented"},
	} {
		cal := Calendar{Cycle: plan.Cycle(c.cycle), Unclear: c.unclear}
		if c.next != "" {
			cal.Next = date(c.next)
		}
		e := cal.Effect(date(c.today))
		if got := fmt.Sprintf("%s %s %d: %s", e.From, e.To, e.Periods, e.Text); got != c.want {
			t.Errorf("next %s, cycle %s, today %s:\ngot  %s\nwant %s", c.next, c.cycle, c.today, got, c.want)
		}
	}
}

func TestWhenNobodyWrites(t *testing.T) {
	monthEnd := Freeze{AgreementTypes: []string{"Managed*"}, InvoiceRun: RunLastBusiness, After: 3}
	for _, c := range []struct {
		name    string
		freezes []Freeze
		byHand  []HandFreeze
		of, day string
		want    string
	}{
		{"none", nil, nil, "Managed Services", "2026-11-30", ""},
		{"before the run", []Freeze{monthEnd}, nil, "Managed Services", "2026-11-29", ""},
		{"on the day of the run", []Freeze{monthEnd}, nil, "Managed Services", "2026-11-30", "2026-12-03 invoices are made (connectwise.freeze)"},
		{"three days after", []Freeze{monthEnd}, nil, "managed services", "2026-12-03", "2026-12-03 invoices are made (connectwise.freeze)"},
		{"four days after", []Freeze{monthEnd}, nil, "Managed Services", "2026-12-04", ""},
		{"a month that ends on a Saturday: the run is on Friday", []Freeze{monthEnd}, nil, "Managed Services", "2026-10-30", "2026-11-02 invoices are made (connectwise.freeze)"},
		{"another type", []Freeze{monthEnd}, nil, "Block Time", "2026-11-30", ""},
		{"every type", []Freeze{{InvoiceRun: "1", Before: 2}}, nil, "Block Time", "2026-11-29", "2026-12-01 invoices are made (connectwise.freeze)"},
		{"the 31st of a short month", []Freeze{{InvoiceRun: "31"}}, nil, "x", "2026-11-30", "2026-11-30 invoices are made (connectwise.freeze)"},
		{"the last day of February", []Freeze{{InvoiceRun: RunLast}}, nil, "x", "2028-02-29", "2028-02-29 invoices are made (connectwise.freeze)"},
		{"over the end of the year", []Freeze{{InvoiceRun: RunLast, After: 5}}, nil, "x", "2027-01-02", "2027-01-05 invoices are made (connectwise.freeze)"},
		{"by hand", nil, []HandFreeze{{From: date("2026-11-10"), Until: date("2026-11-12"), Reason: "audit", By: "mary"}}, "x", "2026-11-12", "2026-11-12 mary froze it: audit"},
		{"by hand, over", nil, []HandFreeze{{From: date("2026-11-10"), Until: date("2026-11-12"), Reason: "audit", By: "mary"}}, "x", "2026-11-13", ""},
		{"by hand, of another type", nil, []HandFreeze{{AgreementType: "Managed*", From: date("2026-11-10"), Until: date("2026-11-12")}}, "Block", "2026-11-11", ""},
		{"two in a row are one", []Freeze{{InvoiceRun: "10"}, {InvoiceRun: "11", After: 2}}, nil, "x", "2026-11-10", "2026-11-13 invoices are made (connectwise.freeze)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			until, why, frozen := Frozen(c.freezes, c.byHand, c.of, date(c.day))
			got := ""
			if frozen {
				got = until.Format(time.DateOnly) + " " + why
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFreezesThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		freezes []Freeze
		want    string
	}{
		{[]Freeze{{InvoiceRun: "last-business", After: 3}}, ""},
		{[]Freeze{{InvoiceRun: "0"}}, `invoice_run: "0" is no day of the month (1 to 31), last or last-business`},
		{[]Freeze{{InvoiceRun: "friday"}}, `invoice_run: "friday" is no day of the month (1 to 31), last or last-business`},
		{[]Freeze{{InvoiceRun: "1", Before: -1}}, "before and after are days, 0 to 27 each: got -1 and 0"},
		{[]Freeze{{InvoiceRun: "1", AgreementTypes: []string{"["}}}, `agreement_types: "[" is not a pattern: * stands for any text, ? for one character`},
		{[]Freeze{{InvoiceRun: "15", Before: 15, After: 15}}, "never open: *"},
		{[]Freeze{{InvoiceRun: "1", After: 15}, {InvoiceRun: "16", After: 16}}, "never open: *"},
		{[]Freeze{{AgreementTypes: []string{"A"}, InvoiceRun: "1", After: 15}, {AgreementTypes: []string{"B"}, InvoiceRun: "16", After: 16}}, ""},
		{[]Freeze{{AgreementTypes: []string{"A"}, InvoiceRun: "1", After: 15}, {AgreementTypes: []string{"a*"}, InvoiceRun: "16", After: 16}}, "never open: A"},
	} {
		got := ""
		for _, f := range c.freezes {
			if err := f.Check(); err != nil {
				got = err.Error()
			}
		}
		if got == "" {
			if name, never := NeverOpen(c.freezes); never {
				got = "never open: " + name
			}
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.freezes, got, c.want)
		}
	}
}

func TestWhatAPersonSetGoesBeforeTheRule(t *testing.T) {
	n := func(n int) *int { return &n }
	until := date("2026-12-10")
	for _, c := range []struct {
		o    *Override
		want int
		text string
	}{
		{nil, 12, ""},
		{&Override{Quantity: n(5)}, 5, "5"},
		{&Override{Quantity: n(0)}, 0, "0"},
		{&Override{Minimum: n(15)}, 15, "at least 15"},
		{&Override{Minimum: n(5)}, 12, "at least 5"},
		{&Override{Maximum: n(5)}, 5, "at most 5"},
		{&Override{Maximum: n(15)}, 12, "at most 15"},
	} {
		if got := c.o.Apply(12); got != c.want || c.o != nil && c.o.String() != c.text {
			t.Errorf("%+v: got %d, want %d", c.o, got, c.want)
		}
	}
	o := &Override{Quantity: n(5), Until: until}
	for day, want := range map[string]string{"2026-11-25": "true false", "2026-11-26": "true true", "2026-12-10": "true true", "2026-12-11": "false false"} {
		if got := fmt.Sprint(o.InForce(date(day)), " ", o.Ending(date(day))); got != want {
			t.Errorf("%s: got %s, want %s", day, got, want)
		}
	}
}
