package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

// Every currency has its own limits, and what has none is held; none is added to another.
func TestLimitsOfMoneyByCurrency(t *testing.T) {
	change := func(currency string, delta int64) Change {
		return Change{Action: Update, Key: Key{"addition", currency}, Label: "Line in " + currency, Currency: currency, MonthlyDelta: decimal.NewFromInt(delta),
			Fields: []FieldChange{{Name: FieldQuantity, Before: Value{"1"}, After: Value{"2"}}}}
	}
	limits := Limits{Creates: Ceiling{-1, -1}, Updates: Ceiling{-1, -1}, Deletes: Ceiling{-1, -1}, Increase: decimal.NewFromInt(100), Decrease: decimal.NewFromInt(10),
		ByCurrency: map[string]MoneyLimits{"EUR": {Increase: decimal.NewFromInt(50)}}}
	for _, tt := range []struct {
		name    string
		changes []Change
		want    []string
	}{
		{"within both", []Change{change("USD", 100), change("EUR", 50)}, nil},
		{"what names none is in the configured one", []Change{change("", 100)}, nil},
		{"past the configured one", []Change{change("USD", 101), change("EUR", 50)}, []string{"money_increase: the monthly bill would rise by 101.00, 100.00"}},
		{"past the other one", []Change{change("USD", 1), change("EUR", 51)}, []string{"money_increase: the monthly bill would rise by 51.00 EUR, 50.00 are allowed (limits.money_by_currency.EUR.increase)"}},
		{"a limit that is left out is nothing", []Change{change("EUR", -1)}, []string{"money_decrease: the monthly bill would fall by 1.00 EUR, 0.00"}},
		{"one that nobody named", []Change{change("CHF", 1), change("USD", 1)}, []string{"money_unknown: what Line in CHF costs is in CHF"}},
		{"one that nobody named, and nothing of it changes", []Change{change("CHF", 0)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Plan{Changes: tt.changes}
			vs := Check(p, GuardInput{Policy: Auto, Currency: "USD"}, limits)
			if len(vs) != len(tt.want) || slices.ContainsFunc(vs, func(v Violation) bool {
				return !slices.ContainsFunc(tt.want, func(want string) bool { return strings.HasPrefix(v.Code+": "+v.Message, want) })
			}) {
				t.Errorf("got %+v\nwant %q", vs, tt.want)
			}
		})
	}
}
