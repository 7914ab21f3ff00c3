package plan

import (
	"testing"

	"github.com/shopspring/decimal"
)

func TestAPriceHasAllItsDecimals(t *testing.T) {
	for price, want := range map[string]string{"22": "22.00", "22.5": "22.50", "22.07": "22.07", "22.000": "22.00", "19.995": "19.995", "0.0125": "0.0125", "0": "0.00", "-3.1": "-3.10"} {
		if got := Price(new(decimal.RequireFromString(price))); got != want {
			t.Errorf("%s: got %s, want %s", price, got, want)
		}
	}
	if got := Price(new(decimal.RequireFromString("264.50").Div(decimal.NewFromInt(12)))); got != "22.041667" {
		t.Errorf("a twelfth: got %s", got)
	}
	if got := Price(nil); got != "" {
		t.Errorf("none: got %q", got)
	}
}
