package money

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
)

func line(quantity, cancelled string, b plan.Billing) *plan.Object {
	return &plan.Object{Fields: plan.Set(plan.FieldQuantity, quantity, plan.FieldCancelled, cancelled), Billing: &b}
}

// price is a billing; a price that is empty is not known.
func price(of, included, bill string, cycle plan.Cycle) plan.Billing {
	b := plan.Billing{Bill: bill, Billable: bill == "Billable", Cycle: cycle}
	if of != "" {
		b.UnitPrice = new(decimal.RequireFromString(of))
	}
	if included != "" {
		b.LessIncluded = new(decimal.RequireFromString(included))
	}
	return b
}

func TestWhatAChangeDoesToAMonth(t *testing.T) {
	plain := price("22", "0", "Billable", "1")
	for _, tt := range []struct {
		name          string
		before, after *plan.Object
		want          string
	}{
		{"two more at 22 a month", line("12", "", plain), line("14", "", plain), "44.00"},
		{"two less", line("12", "", plain), line("10", "", plain), "-44.00"},
		{"a new line", nil, line("3", "", plain), "66.00"},
		{"a line taken away", line("3", "", plain), nil, "-66.00"},
		{"quantity zero", line("3", "", plain), line("0", "", plain), "-66.00"},
		{"a year at 264 is 22 a month", line("12", "", price("264", "0", "Billable", "12")), line("13", "", price("264", "0", "Billable", "12")), "22.00"},
		{"a quarter", line("1", "", price("30", "0", "Billable", "3")), line("2", "", price("30", "0", "Billable", "3")), "10.00"},
		{"two months", line("1", "", price("30", "0", "Billable", "2")), line("2", "", price("30", "0", "Billable", "2")), "15.00"},
		{"half a year", line("1", "", price("30", "0", "Billable", "6")), line("2", "", price("30", "0", "Billable", "6")), "5.00"},
		{"a week", line("1", "", price("12", "0", "Billable", "12/52")), line("2", "", price("12", "0", "Billable", "12/52")), "52.00"},
		{"two weeks", line("1", "", price("12", "0", "Billable", "12/26")), line("2", "", price("12", "0", "Billable", "12/26")), "26.00"},
		{"rounded to cents once", line("0", "", price("10", "0", "Billable", "12")), line("5", "", price("10", "0", "Billable", "12")), "4.17"},
		{"what is included is free", line("8", "", price("22", "10", "Billable", "1")), line("10", "", price("22", "10", "Billable", "1")), "0.00"},
		{"beyond what is included it counts", line("8", "", price("22", "10", "Billable", "1")), line("13", "", price("22", "10", "Billable", "1")), "66.00"},
		{"nothing where it is not billed", line("1", "", price("22", "0", "DoNotBill", "1")), line("9", "", price("22", "0", "DoNotBill", "1")), "0.00"},
		{"nothing without a price", line("1", "", price("", "", "Billable", "1")), line("9", "", price("", "", "Billable", "1")), "0.00"},
		{"nothing without a cycle", line("1", "", price("22", "0", "Billable", "")), line("9", "", price("22", "0", "Billable", "")), "0.00"},
		{"a line that is ended", line("10", "", plain), line("10", "2026-11-30", plain), "-220.00"},
		{"an end that is taken back", line("10", "2026-11-30", plain), line("10", "", plain), "220.00"},
		{"a new number on a line that ends", line("10", "2026-11-30", plain), line("11", "2026-11-30", plain), "22.00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := MonthlyDelta(tt.before, tt.after).StringFixed(2); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTheLastDayOfTheCurrentPeriod(t *testing.T) {
	for _, tt := range []struct {
		name, next string
		cycle      plan.Cycle
		today      string
		want       string
	}{
		{"the day before the next invoice", "2026-12-01", "1", "2026-11-21", "2026-11-30"},
		{"invoiced ahead: what is invoiced stays billed", "2027-02-01", "1", "2026-11-21", "2027-01-31"},
		{"nobody made invoices for a while", "2026-03-01", "1", "2026-11-21", "2026-11-30"},
		{"today is the first day of the next period", "2026-11-21", "1", "2026-11-21", "2026-12-20"},
		{"today is the last day of the period", "2026-11-22", "1", "2026-11-21", "2026-11-21"},
		{"a year from April", "2026-04-01", "12", "2026-11-21", "2027-03-31"},
		{"a quarter", "2026-01-01", "3", "2026-11-21", "2026-12-31"},
		{"two months", "2026-01-01", "2", "2026-11-21", "2026-12-31"},
		{"half a year", "2025-01-15", "6", "2026-11-21", "2027-01-14"},
		{"weeks", "2026-11-02", "12/52", "2026-11-21", "2026-11-22"},
		{"two weeks", "2026-11-02", "12/26", "2026-11-21", "2026-11-29"},
		{"the 31st in a short month", "2026-01-31", "1", "2026-02-28", "2026-03-30"},
		{"no date: the end of the month", "", "1", "2026-02-10", "2026-02-28"},
		{"no cycle: the end of the month", "2026-01-01", "", "2026-11-21", "2026-11-30"},
		{"December", "", "", "2026-12-31", "2026-12-31"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next, _ := time.Parse(time.DateOnly, tt.next) // zero where there is none
			today, _ := time.Parse(time.DateOnly, tt.today)
			if got := PeriodEnd(next, tt.cycle, today).Format(time.DateOnly); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestWhatAUnitCostsAMonth(t *testing.T) {
	for _, tt := range []struct {
		name   string
		of     plan.Billing
		want   string // empty: nobody knows, or nothing
		priced bool
	}{
		{"a month", price("22", "", "Billable", plan.Monthly), "22", true},
		{"a year", price("264", "", "Billable", "12"), "22", true},
		{"a free unit costs nothing, which is known", price("0", "", "Billable", plan.Monthly), "0", true},
		{"without a price", price("", "", "Billable", plan.Monthly), "", false},
		{"without a cycle", price("22", "", "Billable", ""), "", false},
		{"without a cycle, and free", price("0", "", "Billable", ""), "", true},
		{"a cycle that is no number", price("22", "", "Billable", "a while"), "", false},
		{"not billed", price("", "", "DoNotBill", plan.Monthly), "", true},
	} {
		got := ""
		if p := MonthlyUnitPrice(&tt.of); p != nil {
			got = p.String()
		}
		if got != tt.want || Priced(&plan.Object{Billing: &tt.of}) != tt.priced {
			t.Errorf("%s: got %q, priced %v", tt.name, got, Priced(&plan.Object{Billing: &tt.of}))
		}
	}
	if MonthlyUnitPrice(nil) != nil || !MonthlyAmount(&plan.Object{}).IsZero() || !Priced(&plan.Object{}) {
		t.Error("what is no invoice line costs something")
	}
}
