package plan

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// A Fact is what people are told of an object beside its fields.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Shown are all facts of an object that people and scripts see beside its fields,
// by name: those of an invoice line and who changed it last among them, and nothing
// private. The journal keeps them so; their names never change.
func (o *Object) Shown() map[string]string {
	if o.Billing == nil && o.UPN == "" && len(o.Facts) == 0 {
		return nil
	}
	out := make(map[string]string, 16)
	for _, f := range o.Facts {
		out[f.Name] = f.Value
	}
	if o.UPN != "" {
		out["upn"] = o.UPN
	}
	b := o.Billing
	if b == nil {
		return out
	}
	out["agreement"], out["agreement_name"], out["cycle_months"] = b.Agreement, b.AgreementName, string(b.Cycle)
	out["product"], out["product_id"] = b.Product, b.ProductID
	out["unit_price"], out["less_included"], out["bill"] = Number(b.UnitPrice), Number(b.LessIncluded), b.Bill
	for _, f := range []Fact{ // said where they are known
		{"currency", b.Currency}, {"next_invoice", b.NextInvoice}, {"effective", b.Effective}, {"idle", b.Idle},
		{"updated_by", o.Edited.By}, {"updated_at", o.Edited.moment()},
	} {
		if f.Value != "" {
			out[f.Name] = f.Value
		}
	}
	return out
}

// ShownTerms are the terms of an invoice line among the facts that Shown gave, as far as
// they say them: unit price, what is included, cycle, currency, whether it bills.
func ShownTerms(facts map[string]string) *Billing {
	b := &Billing{Cycle: Cycle(facts["cycle_months"]), Currency: facts["currency"], Bill: facts["bill"]}
	for name, to := range map[string]**decimal.Decimal{"unit_price": &b.UnitPrice, "less_included": &b.LessIncluded} {
		if d, err := decimal.NewFromString(facts[name]); err == nil {
			*to = &d
		}
	}
	return b
}

// Number is a number as text, and empty where nobody knows it.
func Number(d *decimal.Decimal) string {
	if d == nil {
		return ""
	}
	return d.String()
}

// Price is a unit price as people read it: with all its decimals, and two at least. What
// is left of one that was divided is cut at six.
func Price(d *decimal.Decimal) string {
	if d == nil {
		return ""
	}
	cut := d.Round(6)
	text := cut.String()
	if _, decimals, _ := strings.Cut(text, "."); len(decimals) < 2 {
		return cut.StringFixed(2)
	}
	return text
}

// moment is when the edit was, as RFC 3339 writes it, or empty.
func (e Edit) moment() string {
	if e.At.IsZero() {
		return ""
	}
	return e.At.UTC().Format(time.RFC3339Nano)
}
