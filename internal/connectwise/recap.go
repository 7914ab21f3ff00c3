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
