package money

import (
	"fmt"
	"slices"

	"github.com/shopspring/decimal"
)

// Invoiced is what the invoices of an agreement say of a month, and what else it bills.
// What is nil is not known.
type Invoiced struct {
	// Others is what the agreement's lines come to in a cycle that no product of the
	// ledger bills, as they are now.
	Others   *decimal.Decimal
	Recap    *decimal.Decimal // what is announced for an invoice of the month that is not made
	RecapWhy string           // why nothing is announced; empty where something is
	Made     []Invoice        // those of the month, oldest first
	Unread   string           // why nothing could be read
}

// Amount is what the invoices of the month come to in a currency; nil where there is none,
// or where one does not say or is in another currency.
func (i *Invoiced) Amount(currency string) *decimal.Decimal {
	if len(i.Made) == 0 {
		return nil
	}
	sum := decimal.Zero
	for _, made := range i.Made {
		if made.Amount == nil || made.Foreign(currency) {
			return nil
		}
		sum = sum.Add(*made.Amount)
	}
	return &sum
}

// AmountWhy says why the amount is not known; it is empty where it is.
func (i *Invoiced) AmountWhy(currency string) string {
	foreign := slices.IndexFunc(i.Made, func(made Invoice) bool { return made.Foreign(currency) })
	switch {
	case i.Amount(currency) != nil:
		return ""
	case foreign >= 0:
		return fmt.Sprintf("invoice %s is in %s, and the agreement's lines are in %s: currencies are never added", i.Made[foreign].Number, i.Made[foreign].Currency, currency)
	case len(i.Made) == 0:
		return "no invoice of the agreement is dated in the month"
	}
	return "an invoice does not say what the agreement comes to on it"
}
