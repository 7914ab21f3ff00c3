package money

import (
	"fmt"
	"testing"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
)

func TestWhichDaysAChangeOfALineIsBilledFor(t *testing.T) {
	yes, no := true, false
	line := func(quantity, last string) *plan.Object {
		return &plan.Object{Fields: plan.Set(plan.FieldQuantity, quantity, plan.FieldCancelled, last)}
	}
	for _, c := range []struct {
		name          string
		before, after *plan.Object
		next          string
		prorates      *bool
		want          string
	}{
		{"another quantity, next invoice to come", line("12", ""), line("14", ""), "2026-12-01", &no, "2026-12-01 2026-12-31 1 44: billed from 1 to 31 December 2026, invoice not made"},
		{"another quantity, invoice of this period not made", line("12", ""), line("14", ""), "2026-11-01", &no, "2026-11-01 2026-11-30 1 44: billed from 1 to 30 November 2026, invoice not made"},
		{"another quantity, three periods", line("14", ""), line("12", ""), "2026-09-01", &no, "2026-09-01 2026-11-30 3 -132: billed from 1 September to 30 November 2026: 3 periods, whose invoices are not made"},
		{"another quantity, prorating agreement", line("12", ""), line("14", ""), "2026-12-01", &yes, "2026-12-01 2026-12-31 1 44: billed from 1 to 31 December 2026, invoice not made; whether ConnectWise prorates a changed quantity (prorateFlag) is not documented"},
		{"another quantity, date not known", line("12", ""), line("14", ""), "", &no, "  0 ?: from which invoice on it counts is not known"},
		{"new, not prorated", nil, line("3", ""), "2026-12-01", &no, "2026-12-01 2026-12-31 1 66: billed from 1 to 31 December 2026, invoice not made"},
		{"new, not prorated, periods outstanding", nil, line("3", ""), "2026-09-01", &no, "2026-11-01 2026-11-30 1 66: billed from 1 to 30 November 2026, invoice not made"},
		{"new, prorated", nil, line("3", ""), "2026-12-01", &yes, "2026-11-21 2026-12-31 1 66: billed from 21 November to 31 December 2026 on one invoice, which is not made: prorated, since its first period is invoiced already"},
		{"new, prorated, invoice of this period not made", nil, line("3", ""), "2026-11-01", &yes, "2026-11-21 2026-11-30 1 66: billed from 21 to 30 November 2026, prorated, invoice not made"},
		{"new, and nobody knows whether it is prorated", nil, line("3", ""), "2026-12-01", nil, "2026-12-01 2026-12-31 1 66: billed from 1 to 31 December 2026, invoice not made; whether the agreement prorates (prorateFlag) is not known"},
		{"new, date not known", nil, line("3", ""), "", &no, "  0 ?: from which invoice on it counts is not known"},
		{"a last day", line("12", ""), line("12", "2026-11-30"), "2026-09-01", &no, "2026-12-01 2026-12-31 1 -264: not billed from 1 December 2026 on"},
		{"a last day taken back", line("12", "2026-11-30"), line("12", ""), "2026-12-01", &no, "2026-12-01 2026-12-31 1 264: billed on from 1 to 31 December 2026, invoice not made"},
		{"a last day taken back that is past, periods outstanding", line("12", "2026-08-31"), line("12", ""), "2026-08-01", &no, "2026-09-01 2026-11-30 3 792: billed on from 1 September to 30 November 2026, invoice not made"},
		{"another quantity, the line ends before the next invoice", line("0", "2026-11-30"), line("9", "2026-11-30"), "2026-12-01", &no, "  0 0: on no invoice to come: the line ends on 30 November 2026, and its days to then are invoiced"},
		{"another quantity, the line ends within the period", line("12", "2026-12-15"), line("14", "2026-12-15"), "2026-12-01", &no, "2026-12-01 2026-12-15 1 44: billed from 1 to 31 December 2026, invoice not made; not billed after its last day, 15 December 2026"},
		{"another quantity, the line ends later", line("12", "2027-06-30"), line("14", "2027-06-30"), "2026-12-01", &no, "2026-12-01 2026-12-31 1 44: billed from 1 to 31 December 2026, invoice not made; not billed after its last day, 30 June 2027"},
		{"no quantity and a last day, invoiced to then", line("7", ""), line("0", "2026-11-30"), "2026-12-01", &no, "2026-12-01 2026-12-31 1 -154: not billed from 1 December 2026 on"},
		{"no quantity and a last day, periods outstanding", line("7", ""), line("0", "2026-11-30"), "2026-10-01", &no, "2026-10-01 2026-11-30 2 -308: billed from 1 October to 30 November 2026: 2 periods, whose invoices are not made; not billed after its last day, 30 November 2026"},
		{"another quantity and the last day taken back", line("10", "2026-11-30"), line("4", ""), "2026-12-01", &no, "2026-12-01 2026-12-31 1 88: billed on from 1 to 31 December 2026, invoice not made"},
		{"another quantity and the last day taken back, invoice of this period not made", line("10", "2026-11-30"), line("4", ""), "2026-11-01", &no, "2026-11-01 2026-11-30 1 -132: billed from 1 to 30 November 2026, invoice not made; its last day, 30 November 2026, is taken back: it is billed on after that"},
		{"another quantity and the last day taken back, date not known", line("10", "2026-11-30"), line("4", ""), "", &no, "  0 ?: from which invoice on it counts is not known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, o := range []*plan.Object{c.before, c.after} {
				if o != nil {
					o.Billing = &plan.Billing{NextInvoice: c.next, Cycle: plan.Monthly, Billable: true, UnitPrice: new(decimal.NewFromInt(22)), Prorates: c.prorates}
				}
			}
			e := EffectOf(c.before, c.after, date("2026-11-21"))
			sum := "?"
			if e.Money != nil {
				sum = e.Money.String()
			}
			if got := fmt.Sprintf("%s %s %d %s: %s", e.From, e.To, e.Periods, sum, e.Text); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFromWhenAChangeCountsWithoutABillingCycle(t *testing.T) {
	line := func(quantity, last string) *plan.Object {
		return &plan.Object{Fields: plan.Set(plan.FieldQuantity, quantity, plan.FieldCancelled, last)}
	}
	for _, c := range []struct {
		name          string
		before, after *plan.Object
		next, want    string
	}{
		{"another quantity, invoice not made", line("10", ""), line("14", ""), "2026-11-01", "2026-11-01 2026-12-02"},
		{"another quantity, next invoice to come", line("10", ""), line("14", ""), "2027-01-01", "2027-01-01 2027-01-01"},
		{"another quantity, date not known", line("10", ""), line("14", ""), "", " "},
		{"new, invoice not made", nil, line("3", ""), "2026-11-01", "2026-11-01 2026-12-02"},
		{"a last day", line("12", ""), line("12", "2026-10-31"), "", "2026-11-01 2026-12-02"},
		{"a last day taken back", line("12", "2026-10-31"), line("12", ""), "2026-11-15", "2026-11-15 2026-12-02"},
		{"a last day taken back after the next invoice", line("12", "2026-11-30"), line("12", ""), "2026-11-15", "2026-12-01 2026-12-02"},
		{"a last day taken back, date not known", line("12", "2026-10-31"), line("12", ""), "", " "},
	} {
		for _, o := range []*plan.Object{c.before, c.after} {
			if o != nil {
				o.Billing = &plan.Billing{NextInvoice: c.next, Billable: true, UnitPrice: new(decimal.NewFromInt(22))}
			}
		}
		e := EffectOf(c.before, c.after, date("2026-12-02"))
		if got := e.From + " " + e.To; got != c.want || e.Periods != 0 || e.Money != nil || e.DaysUnknown() != (c.want == " ") {
			t.Errorf("%s: got %+v, want %s", c.name, e, c.want)
		}
	}
}

func TestWhatPeriodsOfOtherCyclesComeTo(t *testing.T) {
	for cycle, want := range map[plan.Cycle]string{"1": "440", "3": "440", "12/52": "440", "12": "440"} {
		before := &plan.Object{Fields: plan.Set(plan.FieldQuantity, "10"), Billing: &plan.Billing{Cycle: cycle, Billable: true, UnitPrice: new(decimal.NewFromInt(22))}}
		after := &plan.Object{Fields: plan.Set(plan.FieldQuantity, "20"), Billing: before.Billing}
		if got := moneyInPeriods(before, after, 2); got.String() != want {
			t.Errorf("a cycle of %s: got %s, want %s: ten more at 22.00 for two periods", cycle, got, want)
		}
	}
}
