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

// unmanaged finds the lines that were once kept in step and still are there, with no end in
// sight: a rule that names another product, or a link that names another agreement,
// leaves them behind. One on an agreement that was cancelled or ended bills no more. A line
// on an agreement that was not read costs two calls; read are those that were.
func (t *Target) unmanaged(ctx context.Context, asked *target.Asked, chosen *agreement, read []agreement, rows []addition, out *target.Observed) error {
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
		on := chosen
		if agreement != chosen.ID {
			if on, err = t.agreementAt(ctx, agreement, read); err != nil {
				return fmt.Errorf("line %s, which is kept in step no longer: %w", text, err)
			}
		}
		o := plan.Object{Key: plan.Key{Kind: kindAddition, ID: text}, Label: line.Product.Identifier, Ref: text, Billing: &plan.Billing{Agreement: strconv.Itoa(agreement)}}
		if on != nil {
			o.Billing = on.billing()
			o.Billing.Idle = on.over(t.client.today())
		}
		o.Billing.Product, o.Billing.ProductID = line.Product.Identifier, strconv.Itoa(line.Product.ID)
		setLine(&o, line, t.client.config.Gone == GoneCancel)
		if !o.Retired {
			out.Unmanaged = append(out.Unmanaged, o)
		}
	}
	return nil
}

// agreementAt is one of the agreements that were read, or is read now; nil where it is not
// there any more.
func (t *Target) agreementAt(ctx context.Context, id int, read []agreement) (*agreement, error) {
	is := func(a agreement) bool { return a.ID == id }
	if i := slices.IndexFunc(read, is); i >= 0 {
		return &read[i], nil
	}
	now, err := t.client.agreements(ctx, nil, []int{id})
	if i := slices.IndexFunc(now, is); err == nil && i >= 0 {
		return &now[i], nil
	}
	return nil, err
}

// over says why nothing is billed under the agreement any more; empty where that may be.
func (a *agreement) over(today day) string {
	switch {
	case a.Cancelled, a.Status == "Cancelled":
		return fmt.Sprintf("agreement %d is cancelled", a.ID)
	case a.Status == "Expired", !a.NoEnd && a.End > 0 && a.End < today:
		return fmt.Sprintf("agreement %d ended", a.ID)
	}
	return ""
}
