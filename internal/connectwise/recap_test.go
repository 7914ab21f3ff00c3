package connectwise

import (
	"testing"

	"github.com/shopspring/decimal"
)

func TestWhatARecapAnnouncesOfAMonth(t *testing.T) {
	of := func(text string) day {
		d, _ := parseDay([]byte(text))
		return d
	}
	amount := new(decimal.RequireFromString("264"))
	for _, c := range []struct {
		next   string
		amount *decimal.Decimal
		want   string
	}{
		{"2026-11-01", amount, "264"},
		{"2026-11-30", amount, "264"},
		{"2026-12-01", amount, "the invoice of the month is made, and ConnectWise announces the one for the days from 2026-12-01 on"},
		{"2026-10-01", amount, "ConnectWise announces the invoice for the days from 2026-10-01 on, which comes first"},
		{"2026-11-01", nil, "ConnectWise does not say what the next invoice comes to"},
		{"", amount, "ConnectWise tells no next invoice date"},
	} {
		r := Recap{NextInvoice: c.next, NextAmount: c.amount}
		got, why := r.announced(of("2026-11-01"), of("2026-12-01"))
		if text := why; got != nil && got.String() != c.want || got == nil && text != c.want || (got == nil) != (why != "") {
			t.Errorf("%s: got %v, %q, want %s", c.next, got, why, c.want)
		}
	}
}
