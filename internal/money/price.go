package money

import (
	"strings"

	"github.com/shopspring/decimal"
)

// Monthly is what a price of a billing cycle comes to in a month. The cycle is a
// number of months, or a fraction where it is no whole month, such as 12/52 for a
// week. It is not known where the cycle is not.
func Monthly(price decimal.Decimal, cycle string) (monthly decimal.Decimal, known bool) {
	over, under, fraction := strings.Cut(cycle, "/")
	months, err := decimal.NewFromString(over)
	if err != nil || !months.IsPositive() {
		return decimal.Zero, false
	}
	if fraction {
		parts, err := decimal.NewFromString(under)
		if err != nil {
			return decimal.Zero, false
		}
		price = price.Mul(parts)
	}
	return price.DivRound(months, 8), true
}
