package connectwise

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
)

// judgedOtherwise says what of a line and its agreement is no longer as it was when the plan
// was judged, or is empty: what the money, the days and the periods of the change were
// counted by, and that the line was the only one of its product.
func (t *view) judgedOtherwise(ctx context.Context, before *plan.Object, seen *look) (string, error) {
	if before.Billing == nil {
		return "", nil
	}
	var texts []string
	compare := func(what, was, is string) {
		if was != is {
			texts = append(texts, fmt.Sprintf("%s was %s and is %s", what, cmp.Or(was, "empty"), cmp.Or(is, "empty")))
		}
	}
	was, live, a := before.Billing, seen.line, seen.agreement
	if price := live.UnitPrice.value(); price != nil { // a line without one has the catalogue's
		compare("unit price", decimalText(was.UnitPrice), decimalText(price))
	}
	compare("included units", decimalText(was.LessIncluded), decimalText(live.LessIncluded.value()))
	one := []agreement{*a}
	if err := t.client.resolveCycles(ctx, one); err != nil {
		return "", fmt.Errorf("reading the billing cycle of agreement %d: %w", a.ID, err)
	}
	a = &one[0]
	today := t.client.today()
	if why := a.unusable(today); why != "" && (t.agreement == nil || t.agreement.unusable(today) == "") {
		texts = append(texts, fmt.Sprintf("agreement %d: %s", a.ID, why))
	}
	is := a.billing()
	compare("the agreement's currency", was.Currency, is.Currency)
	compare("the agreement's billing cycle in months", string(was.Cycle), string(is.Cycle))
	compare("the agreement's type", was.AgreementType, is.AgreementType)
	compare("the agreement that invoices it", was.Parent, is.Parent)
	compare("prorateFlag", flagText(was.Prorates), flagText(is.Prorates))
	if t.agreement != nil && t.agreement.ID == a.ID {
		compare("the agreement's company", strconv.Itoa(t.agreement.Company.ID), strconv.Itoa(a.Company.ID))
	}
	if was.NextInvoice != "" && seen.noNext {
		compare("the next invoice date", was.NextInvoice, "")
	}
	for i := range seen.others {
		o := &seen.others[i]
		known := slices.ContainsFunc(t.observed.Beside, func(x plan.Object) bool { return x.Ref == ref(a.ID, o.ID) })
		if o.ID != live.ID && o.Product.ID == live.Product.ID && o.Bill == billable && !o.ended(today) && o.Effective <= today && !known {
			texts = append(texts, fmt.Sprintf("line %s bills the product too by now", ref(a.ID, o.ID)))
		}
	}
	return strings.Join(texts, ", "), nil
}

func decimalText(d *decimal.Decimal) string {
	if d == nil {
		return ""
	}
	return d.String()
}

func flagText(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}
