package plan

import "github.com/shopspring/decimal"

// The fields of an invoice line, at every target that bills.
const (
	FieldQuantity  = "quantity"
	FieldCancelled = "cancelled" // the last billed day, YYYY-MM-DD, or empty
)

// Billing is what an invoice line says besides its quantity and its last day:
// what is billed, on which agreement, for how much and how often. Days are
// YYYY-MM-DD, or empty where nobody knows them. Who changed the line last is the
// object's Edited.
type Billing struct {
	Agreement     string `json:"agreement,omitempty"` // the target's own id
	AgreementName string `json:"agreement_name,omitempty"`
	AgreementType string `json:"agreement_type,omitempty"`
	Cycle         Cycle  `json:"cycle_months,omitempty"`
	Currency      string `json:"currency,omitempty"`     // of its price; the configured one where it is empty
	NextInvoice   string `json:"next_invoice,omitempty"` // the first day that is not yet invoiced; the parent's where there is one
	Parent        string `json:"parent,omitempty"`       // the agreement on whose invoice it is billed, where that is another
	Prorates      *bool  `json:"prorates,omitempty"`     // whether a line that begins in mid-period is billed in part; nil where the target does not say
	// Unclear are settings of the agreement that matter to the bill and that nobody documents.
	Unclear []string `json:"unclear,omitempty"`

	Product      string           `json:"product,omitempty"` // as product rules call it
	ProductID    string           `json:"product_id,omitempty"`
	UnitPrice    *decimal.Decimal `json:"unit_price,omitempty"`    // for a cycle; nil where nobody knows it
	LessIncluded *decimal.Decimal `json:"less_included,omitempty"` // units that are free; nil where the target does not say
	UnitCost     *decimal.Decimal `json:"-"`                       // what one costs the MSP in a cycle, as the target has it now; nil where it does not say

	Billable  bool   `json:"billable,omitempty"`
	Bill      string `json:"bill,omitempty"`      // the target's word for whether it is billable
	Effective string `json:"effective,omitempty"` // the first billed day
	Idle      string `json:"idle,omitempty"`      // why it costs nothing now, such as a day to come
}

// A Cycle is how often an agreement bills: a number of months, or a fraction
// where it is no whole month, such as 12/52 for a week. It is empty where nobody
// knows it, or where it bills nothing regularly.
type Cycle string

// Per says for what time a price is that is not for a month, such as " a year"; it is
// empty of a month, and where nobody knows.
func (c Cycle) Per() string {
	return map[Cycle]string{"12/52": " a week", "12/26": " in two weeks", "2": " in two months", "3": " a quarter", "6": " a half-year", "12": " a year"}[c]
}

// Monthly is the cycle of a month.
const Monthly Cycle = "1"

// Bills reports whether units on the line cost anything today.
func (b *Billing) Bills() bool { return b != nil && b.Billable && b.Idle == "" }

// currency is what the object's price is in; empty where it does not say.
func (o *Object) currency() string {
	if o.Billing == nil {
		return ""
	}
	return o.Billing.Currency
}

// shownBilling is what of a line's billing is shown beside a change of it.
type shownBilling struct {
	Agreement     string           `json:"agreement,omitempty"`
	AgreementName string           `json:"agreement_name,omitempty"`
	Cycle         Cycle            `json:"cycle_months,omitempty"`
	UnitPrice     *decimal.Decimal `json:"unit_price,omitempty"`
	NextInvoice   string           `json:"next_invoice,omitempty"`
}

// shown is nil where there is nothing to show.
func (b *Billing) shown() *shownBilling {
	if b == nil {
		return nil
	}
	s := shownBilling{b.Agreement, b.AgreementName, b.Cycle, b.UnitPrice, b.NextInvoice}
	if s == (shownBilling{}) {
		return nil
	}
	return &s
}

// billing is what can be said again of a line that was shown so.
func (s *shownBilling) billing() *Billing {
	if s == nil {
		return nil
	}
	return &Billing{Agreement: s.Agreement, AgreementName: s.AgreementName, Cycle: s.Cycle, UnitPrice: s.UnitPrice, NextInvoice: s.NextInvoice}
}
