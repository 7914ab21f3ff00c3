package money

import "github.com/shopspring/decimal"

// Invoiced is what the invoices of an agreement say of a month, and what else it bills.
// What is nil is not known.
type Invoiced struct {
	// Others is what the agreement's lines come to in a cycle that no product of the
	// ledger bills, as they are now.
	Others  *decimal.Decimal
	Recap   *decimal.Decimal // what is announced for an invoice of the month that is not made
	Amount  *decimal.Decimal // the agreement amounts of the invoices of the month, added up
	Numbers []string         // of these invoices
	Unread  string           // why nothing could be read
}
