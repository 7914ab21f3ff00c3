package connectwise

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"
)

// A Recap says how far an agreement has been invoiced. Days are YYYY-MM-DD,
// or empty where ConnectWise gives none.
type Recap struct {
	LastInvoice       string // also moves with a miscellaneous invoice
	LastInvoiceNumber string
	NextInvoice       string // the first day that is not yet invoiced; stale on neglected and child agreements
	UnbilledPeriods   int
	NextAmount        *decimal.Decimal // what the next invoice would come to as things stand; nil where it does not say
}

// announced is what the recap says that the invoice of the days from first up to end will
// come to. It speaks of the next invoice alone: where that is for other days, why says so.
func (r *Recap) announced(first, end day) (amount *decimal.Decimal, why string) {
	next, ok := parseDay([]byte(r.NextInvoice))
	switch {
	case !ok || next == 0:
		return nil, "ConnectWise tells no next invoice date"
	case next < first:
		return nil, fmt.Sprintf("ConnectWise announces the invoice for the days from %s on, which comes first", next)
	case next >= end:
		return nil, fmt.Sprintf("the invoice of the month is made, and ConnectWise announces the one for the days from %s on", next)
	case r.NextAmount == nil:
		return nil, "ConnectWise does not say what the next invoice comes to"
	}
	return r.NextAmount, ""
}

// Recap reads how far an agreement has been invoiced.
// GET /finance/agreementrecap/{id}.
func (c *Client) Recap(ctx context.Context, agreement int) (Recap, error) {
	r, err := one[struct {
		Last     looseDay `json:"lastInvoiceDate"`
		Number   string   `json:"lastInvoiceNumber"`
		Next     looseDay `json:"nextInvoiceDate"`
		Unbilled int      `json:"unbilledPeriods"`
		Amount   number   `json:"nextInvoiceAmount"`
	}](ctx, c, request{at: epRecap, ids: []int{agreement}})
	if err != nil {
		return Recap{}, fmt.Errorf("reading how far agreement %d is invoiced: %w", agreement, err)
	}
	return Recap{
		LastInvoice: r.Last.String(), LastInvoiceNumber: r.Number, NextInvoice: r.Next.String(), UnbilledPeriods: r.Unbilled,
		NextAmount: r.Amount.value(),
	}, nil
}
