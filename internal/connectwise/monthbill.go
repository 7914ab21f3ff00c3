package connectwise

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/money"
)

// Invoiced reads what an agreement bills besides some products, and what its recap and
// its invoices say of a month. Nothing is written.
//
// GET /finance/agreements/{id}/additions, /finance/agreementrecap/{id}, /finance/invoices.
func (c *Client) Invoiced(ctx context.Context, agreement string, products []string, from, to time.Time) (money.Invoiced, error) {
	id, err := strconv.Atoi(agreement)
	if err != nil {
		return money.Invoiced{}, fmt.Errorf("%q is no agreement's id", agreement)
	}
	first, end := dayOf(from), dayOf(to)
	lines, err := c.additionsOf(ctx, id, 0)
	if err != nil {
		return money.Invoiced{}, err
	}
	out := money.Invoiced{Others: otherLines(lines, products, first, end)}
	recap, err := c.Recap(ctx, id)
	if err != nil {
		return money.Invoiced{}, err
	}
	out.Recap, out.RecapWhy = recap.announced(first, end)
	rows, err := c.invoicesSince(ctx, id, first)
	if err != nil {
		return money.Invoiced{}, err
	}
	for i := range rows {
		if rows[i].Date.day < end {
			out.Made = append(out.Made, rows[i].made())
		}
	}
	return out, nil
}

// otherLines is what the lines come to that bill none of some products and are open in
// the days from first up to end; nil where one of them has no number or price.
func otherLines(lines []addition, products []string, first, end day) *decimal.Decimal {
	sum := decimal.Zero
	for i := range lines {
		l := &lines[i]
		ours := slices.ContainsFunc(products, func(p string) bool { return strings.EqualFold(p, l.Product.Identifier) })
		if ours || l.Bill != billable || l.Effective >= end || l.Cancelled != 0 && l.Cancelled < first {
			continue
		}
		if !l.Quantity.set || !l.UnitPrice.set {
			return nil
		}
		units := decimal.Max(decimal.Zero, l.Quantity.decimal().Sub(l.LessIncluded.decimal()))
		sum = sum.Add(units.Mul(l.UnitPrice.decimal()).Round(2))
	}
	return &sum
}
