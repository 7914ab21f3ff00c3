package cwsim

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/simulator/serving"
)

// period returns the first and last day of the billing period that a day
// falls into, counted by the calendar: months, quarters, half-years, years,
// and months for every other cycle.
func (v *view) period(a *Agreement, day time.Time) (first, last time.Time) {
	months := 1
	if b := v.cycles[a.BillingCycleID]; b != nil {
		switch b.Option {
		case "BiMonthly":
			months = 2
		case "Quarterly":
			months = 3
		case "SemiAnnual":
			months = 6
		case "Yearly":
			months = 12
		}
	}
	month := (int(day.Month())-1)/months*months + 1
	first = Day(day.Year(), time.Month(month), 1)
	return first, first.AddDate(0, months, -1)
}

// share is the part of a period in which an addition is billed: days from its
// first to its last one, both included, over the days of the period. The
// vendor's example: 22.00 from 15 March comes to 22 × 17/31 = 12.06.
func share(a *Addition, first, last time.Time) decimal.Decimal {
	from, to := first, last
	if a.EffectiveDate.After(from) {
		from = a.EffectiveDate
	}
	if !a.CancelledDate.IsZero() && a.CancelledDate.Before(to) {
		to = a.CancelledDate
	}
	if to.Before(from) {
		return decimal.Zero
	}
	return decimal.NewFromInt(days(from, to)).Div(decimal.NewFromInt(days(first, last)))
}

func days(from, to time.Time) int64 { return int64(to.Sub(from)/(24*time.Hour)) + 1 }

// due returns the first day of the period that the next invoice bills.
func (v *view) due(a *Agreement) time.Time {
	for _, layout := range []string{timeLayout, time.DateOnly} {
		if at, err := time.Parse(layout, a.NextInvoiceDate); err == nil {
			first, _ := v.period(a, at)
			return first
		}
	}
	first, _ := v.period(a, v.today)
	return first
}

// lines works out what the next invoice of an agreement bills.
//
// With prorateFlag a line that starts in mid-period bills its share, and one
// that was entered after its first periods were invoiced catches up on them;
// without the flag the next invoice bills the full amount and nothing of the
// past. A changed quantity is never caught up on.
func (v *view) lines(a *Agreement) ([]InvoiceLine, decimal.Decimal) {
	first := v.due(a)
	_, last := v.period(a, first)
	before := map[int]bool{}
	for _, i := range v.invoices[a.ID] {
		for _, l := range i.Lines {
			before[l.AdditionID] = true
		}
	}
	var lines []InvoiceLine
	total := a.BillAmount
	for _, d := range v.additions[a.ID] {
		ended := !d.CancelledDate.IsZero() && d.CancelledDate.Before(first)
		if d.EffectiveDate.After(last) || ended && (!v.faults.Billing.BillsEnded || before[d.ID] || !a.Prorate) {
			continue
		}
		price := d.UnitPrice
		if d.BillCustomer != "Billable" {
			price = decimal.Zero
		}
		unit := price
		if a.Prorate {
			unit = price.Mul(share(d, first, last)).Round(2)
			if !before[d.ID] && !d.EffectiveDate.IsZero() && len(v.invoices[a.ID]) > 0 {
				for from, to := v.period(a, d.EffectiveDate); from.Before(first); from, to = v.period(a, to.AddDate(0, 0, 1)) {
					if v.invoiced(a.ID, from) {
						unit = unit.Add(price.Mul(share(d, from, to)).Round(2))
					}
				}
			}
		}
		amount := unit.Mul(d.billed()).Round(2)
		lines = append(lines, InvoiceLine{AdditionID: d.ID, ProductID: d.ProductID, Quantity: d.billed(), UnitPrice: unit, Amount: amount})
		total = total.Add(amount)
	}
	return lines, total
}

func (v *view) invoiced(agreement int, first time.Time) bool {
	for _, i := range v.invoices[agreement] {
		if !first.Before(i.Period) && !first.After(i.last()) {
			return true
		}
	}
	return false
}

// invoice makes an invoice for the next period of an agreement and moves the
// agreement on to the one after it.
func (v *view) invoice(a *Agreement, now time.Time, by string) *Invoice {
	lines, total := v.lines(a)
	first := v.due(a)
	_, last := v.period(a, first)
	id := next(v.world.Invoices, (*Invoice).key)
	i := &Invoice{
		ID: id, Number: fmt.Sprintf("%05d", 10000+id), Type: "Agreement", CompanyID: a.CompanyID, AgreementID: a.ID,
		Date: v.today, DueDate: v.today.AddDate(0, 0, 30), Period: first, Total: total, Lines: lines,
		Info: Info{DateEntered: now, EnteredBy: by, LastUpdated: now, UpdatedBy: by},
	}
	v.world.Invoices = append(v.world.Invoices, i)
	v.invoices[a.ID] = append(v.invoices[a.ID], i)
	after := last.AddDate(0, 0, 1)
	for v.invoiced(a.ID, after) { // where an older one was deleted and made again
		_, end := v.period(a, after)
		after = end.AddDate(0, 0, 1)
	}
	a.NextInvoiceDate = after.Format(timeLayout)
	v.audit("Agreement", a.ID, now, by, "Invoice", fmt.Sprintf("Invoice %s has been created.", i.Number))
	return i
}

// Invoice makes the next invoice of an agreement as a person would in the
// product, and returns a copy of it. It returns nil if there is no such
// agreement.
func (s *Server) Invoice(agreement int, member string) *Invoice {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view("")
	a := v.agreements[agreement]
	if a == nil {
		return nil
	}
	return serving.Copies([]*Invoice{v.invoice(a, s.now(), member)}, (*Invoice).deepen)[0]
}

// recap sums an agreement up as /finance/agreementrecap does.
func (v *view) recap(a *Agreement) row {
	_, total := v.lines(a)
	r := record{
		"id": a.ID, "agreementStatus": a.status(v.today), "name": a.Name, "isUnlimited": "False",
		"nextInvoiceAmount": total, "unbilledPeriods": v.unbilled(a), "adjustmentAmount": decimal.Zero,
		"availableAmount": decimal.Zero, "usedAmount": decimal.Zero, "overrunAmount": decimal.Zero,
	}
	if c := v.companies[a.CompanyID]; c != nil {
		r["companyName"] = c.Name
	}
	r.put("nextInvoiceDate", a.NextInvoiceDate)
	if all := v.invoices[a.ID]; len(all) > 0 {
		last := all[len(all)-1]
		r["lastInvoiceDate"] = last.Date.Format(timeLayout)
		r["lastInvoiceNumber"] = last.Number
		r["lastInvoiceAmount"] = last.Total.StringFixed(2)
	}
	return row{a.ID, r}
}

// unbilled counts the periods from the next one to bill up to today's.
func (v *view) unbilled(a *Agreement) int {
	n := 0
	for from := v.due(a); !from.After(v.today) && n < 1000; n++ {
		_, to := v.period(a, from)
		from = to.AddDate(0, 0, 1)
	}
	return n
}

// createInvoice is what no client may call: one POST and the customer has an invoice.
func (c *call) createInvoice() (*answer, *apiError) {
	a := c.view.agreements[c.id(0)]
	if a == nil {
		return nil, notFound("Agreement")
	}
	if c.discardWrite {
		return c.empty(http.StatusCreated), nil
	}
	i := c.view.invoice(a, c.now, c.member())
	c.changed = true
	return c.object(http.StatusCreated, schemas["Invoice"], i.render(c.view)), nil
}

// pricing answers the price of a product for a quantity. It is a POST that
// changes nothing.
func (c *call) pricing() (*answer, *apiError) {
	p := c.view.products[c.id(0)]
	if p == nil {
		return nil, notFound("CatalogItem")
	}
	body, err := c.bodyObject()
	if err != nil {
		return nil, err
	}
	values, err := c.members(schemas["CatalogPricing"], body)
	if err != nil {
		return nil, err
	}
	quantity, _ := values["quantity"].(decimal.Decimal)
	r := record{"catalogItem": record{"id": p.ID, "identifier": p.Identifier}, "quantity": quantity, "price": p.priceFor(quantity)}
	return c.object(http.StatusOK, schemas["CatalogPricing"], r), nil
}

// priceFor returns the price of the largest break not above the quantity, or
// the list price.
func (p *Product) priceFor(quantity decimal.Decimal) decimal.Decimal {
	price, from := p.Price, decimal.Zero
	for _, b := range p.PriceBreaks {
		if b.From.LessThanOrEqual(quantity) && b.From.GreaterThanOrEqual(from) {
			price, from = b.Price, b.From
		}
	}
	return price
}

// audit adds a line to the audit trail.
func (v *view) audit(on string, id int, now time.Time, by, action, text string) {
	v.world.Audit = append(v.world.Audit, &AuditEntry{Type: on, ID: id, Text: text, By: by, At: now, Action: cmp.Or(action, "Record")})
}
