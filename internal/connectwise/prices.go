package connectwise

import (
	"context"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Prices returns the catalogue's price of each of some products, named by
// identifier (in lower case) and by id. It is what a new line would cost a
// month; what is agreed with a customer may differ. Products that are not
// found have none.
func (c *Client) Prices(ctx context.Context, products []string) (map[string]decimal.Decimal, error) {
	found, err := c.resolve(ctx, products, nil)
	if err != nil {
		return nil, err
	}
	out := make(map[string]decimal.Decimal, len(found))
	for text, r := range found {
		if r.item == nil || !r.item.Price.set {
			continue
		}
		out[strings.ToLower(text)] = r.item.Price.decimal()
		out[strconv.Itoa(r.item.ID)] = r.item.Price.decimal()
	}
	return out, nil
}
