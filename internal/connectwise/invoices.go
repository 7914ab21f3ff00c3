package connectwise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"syncd/internal/money"
	"syncd/internal/rest"
)

// An invoice as ConnectWise lists it. It has no lines of additions, and does not say
// which period it is about.
type invoice struct {
	ID        int        `json:"id"`
	Number    string     `json:"invoiceNumber"`
	Type      string     `json:"type"`
	Date      looseDay   `json:"date"`
	Agreement *reference `json:"agreement"`
	AppliesTo string     `json:"applyToType"`
	AppliesID int        `json:"applyToId"`
	Amount    number     `json:"agreementAmount"`
	Currency  *currency  `json:"currency"`
}

// agreementInvoice is the type of an invoice that bills an agreement's period; others,
// such as credit memos, may be applied to an agreement too.
const agreementInvoice = "Agreement"

// Invoices lists the invoices of an agreement that carry a day or a later one, oldest
// first.
// GET /finance/invoices. Whether every release can filter by agreement/id is not
// documented; older ones know applyToId.
func (c *Client) Invoices(ctx context.Context, agreement string, since time.Time) (money.Invoices, error) {
	id, err := strconv.Atoi(agreement)
	if err != nil {
		return money.Invoices{Unknown: "the line does not say its agreement"}, nil
	}
	from := dayOf(since.In(c.options.Location))
	rows, err := c.invoicesSince(ctx, id, from)
	if refused, ok := errors.AsType[*rest.Error](err); ok && refused.Forbidden {
		return money.Invoices{Unknown: "the API member may not read invoices; grant its role " + rightFor(epInvoices)}, nil
	}
	if err != nil {
		return money.Invoices{}, err
	}
	out := money.Invoices{Since: from.time()}
	for _, i := range rows {
		out.Made = append(out.Made, i.made())
	}
	return out, nil
}

func (i *invoice) made() money.Invoice {
	return money.Invoice{Number: i.Number, Date: i.Date.time(), Amount: i.Amount.value(), Currency: i.Currency.code()}
}

// invoicesSince reads the invoices of an agreement that carry a day or a later one, oldest
// first.
func (c *Client) invoicesSince(ctx context.Context, id int, from day) ([]invoice, error) {
	rows, err := list[invoice](ctx, c, request{at: epInvoices}, isInt(fieldAgreementID, id))
	if refused, ok := errors.AsType[*rest.Error](err); ok && refused.Status == http.StatusBadRequest {
		rows, err = list[invoice](ctx, c, request{at: epInvoices}, isInt(fieldApplyToID, id))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the invoices of agreement %d: %w", id, err)
	}
	rows = slices.DeleteFunc(rows, func(i invoice) bool {
		of := i.Agreement != nil && i.Agreement.ID == id || i.Agreement == nil && i.AppliesTo == "Agreement" && i.AppliesID == id
		return !of || i.Type != agreementInvoice || i.Date.day < from
	})
	slices.SortFunc(rows, func(a, b invoice) int { return cmp.Or(cmp.Compare(a.Date.day, b.Date.day), cmp.Compare(a.ID, b.ID)) })
	return rows, nil
}
