package connectwise

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// unmanaged finds the lines that were once kept in step and still bill, with no
// end in sight: a rule that names another product, or a link that names another
// agreement, leaves them behind. A line on an agreement that was not read costs a call.
func (t *Target) unmanaged(ctx context.Context, asked *target.Asked, chosen *agreement, rows []addition, out *target.Observed) error {
	for _, text := range asked.Refs {
		agreement, id, err := parseRef(text)
		if err != nil || slices.ContainsFunc(out.Objects, func(o plan.Object) bool { return o.Ref == text }) {
			continue
		}
		var line *addition
		if i := slices.IndexFunc(rows, func(a addition) bool { return a.ID == id }); agreement == chosen.ID && i >= 0 {
			line = &rows[i]
		} else if agreement != chosen.ID {
			line, err = t.client.addition(ctx, agreement, id)
			if rest.Gone(err) {
				continue
			}
			if err != nil {
				return fmt.Errorf("line %s, which is kept in step no longer: %w", text, err)
			}
		}
		if line == nil || line.Bill != billable || line.Cancelled != 0 {
			continue
		}
		o := plan.Object{Key: plan.Key{Kind: kindAddition, ID: text}, Label: line.Product.Identifier, Ref: text,
			Billing: &plan.Billing{Agreement: strconv.Itoa(agreement), Cycle: plan.Monthly}}
		if agreement == chosen.ID {
			o.Billing = chosen.billing()
		}
		o.Billing.Product, o.Billing.ProductID = line.Product.Identifier, strconv.Itoa(line.Product.ID)
		setLine(&o, line, t.client.config.Gone == GoneCancel)
		if !o.Retired {
			out.Unmanaged = append(out.Unmanaged, o)
		}
	}
	return nil
}
