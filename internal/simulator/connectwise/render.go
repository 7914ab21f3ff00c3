package cwsim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// An index finds objects by id. It stands for one state of the world's lists
// and is made anew when they change.
type index struct {
	companies  map[int]*Company
	contacts   map[int]*Contact
	agreements map[int]*Agreement
	products   map[int]*Product
	statuses   map[int]*Setup
	types      map[int]*Setup
	agreeTypes map[int]*AgreementType
	cycles     map[int]*BillingCycle
	roles      map[int]*Role
	additions  map[int][]*Addition // by agreement
	invoices   map[int][]*Invoice  // by agreement
	fields     map[string][]*Field // by what they are on
}

func newIndex(w *World) *index {
	ix := &index{
		companies:  byKey(w.Companies, (*Company).key),
		contacts:   byKey(w.Contacts, (*Contact).key),
		agreements: byKey(w.Agreements, (*Agreement).key),
		products:   byKey(w.Products, (*Product).key),
		statuses:   byKey(w.CompanyStatuses, (*Setup).key),
		types:      byKey(w.CompanyTypes, (*Setup).key),
		agreeTypes: byKey(w.AgreementTypes, (*AgreementType).key),
		cycles:     byKey(w.BillingCycles, (*BillingCycle).key),
		roles:      byKey(w.Roles, (*Role).key),
		additions:  map[int][]*Addition{},
		invoices:   map[int][]*Invoice{},
		fields:     map[string][]*Field{},
	}
	for _, a := range w.Additions {
		ix.additions[a.AgreementID] = append(ix.additions[a.AgreementID], a)
	}
	for _, i := range w.Invoices {
		ix.invoices[i.AgreementID] = append(ix.invoices[i.AgreementID], i)
	}
	for _, f := range w.Fields {
		ix.fields[f.On] = append(ix.fields[f.On], f)
	}
	return ix
}

func byKey[T any](all []*T, key func(*T) int) map[int]*T {
	m := make(map[int]*T, len(all))
	for _, o := range all {
		m[key(o)] = o
	}
	return m
}

// A view is the world as one request sees it.
type view struct {
	*index
	world  *World
	faults *Faults
	today  time.Time
	base   string // what links in _info start with
}

// An entity is a row of a list.
type entity interface {
	key() int
	render(*view) record
}

func (v *view) ref(path, kind string, id int, r record) record {
	r["id"] = id
	r["_info"] = record{kind + "_href": v.base + path + "/" + strconv.Itoa(id)}
	return r
}

func (v *view) company(id int) record {
	c := v.companies[id]
	if c == nil {
		return nil
	}
	return v.ref("/company/companies", "company", id, record{"identifier": c.Identifier, "name": c.Name})
}

func (v *view) contact(id int) record {
	c := v.contacts[id]
	if c == nil {
		return nil
	}
	return v.ref("/company/contacts", "contact", id, record{"name": strings.TrimSpace(c.FirstName + " " + c.LastName)})
}

func (v *view) agreement(id int) record {
	a := v.agreements[id]
	if a == nil {
		return nil
	}
	r := v.ref("/finance/agreements", "agreement", id, record{"name": a.Name})
	if t := v.agreeTypes[a.TypeID]; t != nil {
		r["type"] = t.Name
	}
	return r
}

func (v *view) cycle(id int) record {
	b := v.cycles[id]
	if b == nil {
		return nil
	}
	return v.ref("/finance/billingCycles", "billingCycle", id, record{"name": b.Name})
}

func (v *view) setup(of map[int]*Setup, path, kind string, id int) record {
	s := of[id]
	if s == nil {
		return nil
	}
	return v.ref(path, kind, id, record{"name": s.Name})
}

func (r Ref) record() record {
	if r == (Ref{}) {
		return nil
	}
	return record{"id": r.ID, "name": r.Name}
}

func (i Info) record() record {
	r := record{}
	r.put("lastUpdated", stamped(i.LastUpdated))
	r.put("updatedBy", i.UpdatedBy)
	r.put("dateEntered", stamped(i.DateEntered))
	r.put("enteredBy", i.EnteredBy)
	return r
}

// stamped writes a moment as text: every value in _info is text.
func stamped(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(timeLayout)
}

// custom lists the values of all custom fields that are defined for a kind of
// object, those without a value included.
func (v *view) custom(on string, values map[int]any) []any {
	var out []any
	for _, f := range v.fields[on] {
		r := record{
			"id": f.ID, "caption": f.Caption, "numberOfDecimals": f.Decimals,
			"type": cmp.Or(f.Type, "Text"), "entryMethod": cmp.Or(f.Entry, "EntryField"),
		}
		r.put("value", plain(values[f.ID]))
		out = append(out, r)
	}
	return out
}

func (c *Company) render(v *view) record {
	r := record{"id": c.ID, "identifier": c.Identifier, "name": c.Name, "deletedFlag": c.Deleted}
	r.put("status", v.setup(v.statuses, "/company/companies/statuses", "status", c.StatusID))
	r.put("website", c.Website)
	r.put("accountNumber", c.AccountNumber)
	r.put("vendorIdentifier", c.VendorIdentifier)
	r.put("parentCompany", v.company(c.ParentID))
	r.put("billToCompany", v.company(c.BillToID))
	r.put("defaultContact", v.contact(c.ContactID))
	types := []any{}
	for _, id := range c.TypeIDs {
		if t := v.setup(v.types, "/company/companies/types", "type", id); t != nil {
			types = append(types, t)
		}
	}
	r["types"] = types
	if custom := v.custom("Company", c.Custom); custom != nil {
		r["customFields"] = custom
	}
	r["_info"] = c.Info.record()
	r.merge(c.Other)
	return r
}

func (c *Contact) render(v *view) record {
	r := record{"id": c.ID, "inactiveFlag": c.Inactive}
	r.put("firstName", c.FirstName)
	r.put("lastName", c.LastName)
	r.put("title", c.Title)
	r.put("company", v.company(c.CompanyID))
	var items []any
	for _, i := range c.Communications {
		item := record{"id": i.ID, "value": i.Value, "defaultFlag": i.Default, "communicationType": i.Kind}
		item.put("type", i.Type.record())
		if _, domain, ok := strings.Cut(i.Value, "@"); ok && i.Kind == "Email" {
			item["domain"] = "@" + domain
		}
		items = append(items, item)
	}
	if items != nil {
		r["communicationItems"] = items
	}
	if custom := v.custom("Contact", c.Custom); custom != nil {
		r["customFields"] = custom
	}
	r["_info"] = c.Info.record()
	r.merge(c.Other)
	return r
}

func (a *Agreement) render(v *view) record {
	r := record{
		"id": a.ID, "name": a.Name, "noEndingDateFlag": a.NoEndingDate, "cancelledFlag": a.Cancelled,
		"oneTimeFlag": a.OneTime, "billOneTimeFlag": a.BillOneTime, "prorateFlag": a.Prorate,
		"invoiceProratedAdditionsFlag": a.InvoiceProratedAddition, "autoInvoiceFlag": a.AutoInvoice,
		"billAmount": a.BillAmount, "invoicingCycle": cmp.Or(a.InvoicingCycle, "CalendarYear"),
		"agreementStatus": a.status(v.today),
	}
	if t := v.agreeTypes[a.TypeID]; t != nil {
		r["type"] = v.ref("/finance/agreements/types", "type", t.ID, record{"name": t.Name})
	}
	r.put("company", v.company(a.CompanyID))
	r.put("contact", v.contact(a.ContactID))
	r.put("parentAgreement", v.agreement(a.ParentID))
	r.put("startDate", a.StartDate)
	r.put("endDate", a.EndDate)
	r.put("dateCancelled", a.DateCancelled)
	r.put("reasonCancelled", a.ReasonCancelled)
	r.put("billingCycle", v.cycle(a.BillingCycleID))
	r.put("billStartDate", a.BillStartDate)
	r.put("nextInvoiceDate", a.NextInvoiceDate)
	r.put("periodType", a.PeriodType)
	r["currency"] = currency(cmp.Or(a.Currency, v.world.Currency, "USD"))
	if custom := v.custom("Agreement", a.Custom); custom != nil {
		r["customFields"] = custom
	}
	r["_info"] = a.Info.record()
	r.merge(a.Other)
	return r
}

func currency(code string) record {
	known := []struct{ code, symbol, name string }{
		{"USD", "$", "US Dollars"}, {"EUR", "€", "Euro"}, {"GBP", "£", "British Pounds"}, {"CAD", "$", "Canadian Dollars"},
		{"AUD", "$", "Australian Dollars"},
	}
	r := record{"id": len(known) + 1, "symbol": code, "name": code}
	if i := slices.IndexFunc(known, func(k struct{ code, symbol, name string }) bool { return k.code == code }); i >= 0 {
		r = record{"id": i + 1, "symbol": known[i].symbol, "name": known[i].name}
	}
	r["currencyCode"], r["currencyIdentifier"], r["numberOfDecimals"] = code, code, 2
	r["decimalSeparator"], r["thousandsSeparator"] = ".", ","
	return r
}

// status is computed from flags and dates: Active from the first day to the
// last one.
func (a *Agreement) status(today time.Time) string {
	switch {
	case a.Status != "":
		return a.Status
	case a.Cancelled:
		return "Cancelled"
	case !a.NoEndingDate && !a.EndDate.IsZero() && a.EndDate.Before(today):
		return "Expired"
	case a.StartDate.After(today):
		return "Inactive"
	}
	return "Active"
}

func (a *Addition) render(v *view) record {
	r := record{
		"id": a.ID, "agreementId": a.AgreementID, "quantity": a.Quantity, "lessIncluded": a.LessIncluded,
		"unitPrice": a.UnitPrice, "unitCost": a.UnitCost, "billCustomer": a.BillCustomer, "taxableFlag": a.Taxable,
		"purchaseItemFlag": a.PurchaseItem, "specialOrderFlag": a.SpecialOrder,
		"sequenceNumber": a.SequenceNumber, "prorateCurrentPeriodFlag": a.ProrateCurrentPeriod,
	}
	description := a.Description
	if p := v.products[a.ProductID]; p != nil {
		r["product"] = v.ref("/procurement/catalog", "catalog", p.ID, record{"identifier": p.Identifier})
		r.put("uom", p.Unit)
		description = cmp.Or(description, p.Description)
	}
	r.put("description", description)
	r.put("effectiveDate", a.EffectiveDate)
	r.put("cancelledDate", a.CancelledDate)
	r.put("serialNumber", a.SerialNumber)
	r.put("invoiceDescription", a.InvoiceDescription)
	v.compute(a, r)
	if custom := v.custom("Addition", a.Custom); custom != nil {
		r["customFields"] = custom
	}
	r["_info"] = a.Info.record()
	r.merge(a.Other)
	for _, name := range a.Nulls {
		delete(r, name)
	}
	return r
}

// compute sets the members that the server works out by itself.
func (v *view) compute(a *Addition, r record) {
	billed := a.billed()
	r["billedQuantity"] = billed
	r["extPrice"] = billed.Mul(a.UnitPrice)
	r["extCost"] = billed.Mul(a.UnitCost)
	r["margin"] = billed.Mul(a.UnitPrice.Sub(a.UnitCost))
	agreement := v.agreements[a.AgreementID]
	if agreement == nil {
		return
	}
	r["agreementStatus"] = agreement.status(v.today)
	if v.faults.AdditionOwnStatus {
		r["agreementStatus"] = a.status(v.today)
	}
	if !agreement.Prorate || a.EffectiveDate.IsZero() {
		return
	}
	first, last := v.period(agreement, a.EffectiveDate)
	if a.EffectiveDate.After(first) {
		share := share(a, first, last)
		price, cost := a.UnitPrice.Mul(share).Round(2), a.UnitCost.Mul(share).Round(2)
		r["proratePrice"], r["prorateCost"] = price, cost
		r["extendedProratePrice"], r["extendedProrateCost"] = price.Mul(billed), cost.Mul(billed)
	}
}

// billed is what is left of the quantity after what is included for free.
func (a *Addition) billed() decimal.Decimal {
	return decimal.Max(decimal.Zero, a.Quantity.Sub(a.LessIncluded))
}

func (a *Addition) status(today time.Time) string {
	switch {
	case !a.CancelledDate.IsZero() && a.CancelledDate.Before(today):
		return "Cancelled"
	case a.EffectiveDate.After(today):
		return "Inactive"
	}
	return "Active"
}

func (p *Product) render(v *view) record {
	r := record{
		"id": p.ID, "identifier": p.Identifier, "description": p.Description, "inactiveFlag": p.Inactive,
		"customerDescription": cmp.Or(p.CustomerDescription, p.Description), "productClass": cmp.Or(p.Class, "NonInventory"),
		"price": p.Price, "cost": p.Cost, "billableOption": cmp.Or(p.BillableOption, "Billable"),
		"taxableFlag": p.Taxable, "serializedFlag": false, "recurringFlag": p.Recurring, "autoUpdateUnitPriceFlag": p.AutoUpdateUnitPrice,
	}
	r.put("category", p.Category.record())
	r.put("subcategory", p.Subcategory.record())
	r.put("type", p.Type.record())
	r.put("manufacturerPartNumber", p.ManufacturerPartNumber)
	r.put("vendorSku", p.VendorSKU)
	r.put("integrationXRef", p.IntegrationXRef)
	r.put("recurringBillCycle", v.cycle(p.RecurringCycleID))
	if p.Unit != "" {
		r["unitOfMeasure"] = record{"id": 1, "name": p.Unit}
	}
	if custom := v.custom("CatalogItem", p.Custom); custom != nil {
		r["customFields"] = custom
	}
	r["_info"] = p.Info.record()
	r.merge(p.Other)
	return r
}

func (i *Invoice) render(v *view) record {
	r := record{
		"id": i.ID, "invoiceNumber": i.Number, "type": cmp.Or(i.Type, "Agreement"),
		"agreementAmount": i.Total, "productTotal": decimal.Zero, "subtotal": i.Total, "total": i.Total, "balance": i.Total,
		"status": record{"id": 1, "name": "New", "isClosed": false},
	}
	r.put("company", v.company(i.CompanyID))
	r.put("agreement", v.agreement(i.AgreementID))
	if i.AgreementID != 0 {
		r["applyToType"], r["applyToId"] = "Agreement", i.AgreementID
	}
	r.put("date", i.Date)
	r.put("dueDate", i.DueDate)
	r["_info"] = i.Info.record()
	return r
}

func (t *AgreementType) render(v *view) record {
	r := record{"id": t.ID, "name": t.Name, "inactiveFlag": t.Inactive, "prorateFlag": t.Prorate, "invoicingCycle": "CalendarYear"}
	r.put("billingCycle", v.cycle(t.BillingCycleID))
	r["_info"] = t.Info.record()
	return r
}

func (b *BillingCycle) render(*view) record {
	r := record{"id": b.ID, "name": b.Name, "billingOptions": b.Option, "defaultFlag": b.Default, "_info": b.Info.record()}
	r.put("identifier", b.Identifier)
	return r
}

func (s *Setup) render(*view) record {
	return record{"id": s.ID, "name": s.Name, "defaultFlag": s.Default, "inactiveFlag": s.Inactive, "_info": s.Info.record()}
}

func (r *Role) render(*view) record {
	return record{"id": r.ID, "name": r.Name, "_info": r.Info.record()}
}

func (c *Callback) render(*view) record {
	r := record{"id": c.ID, "url": c.URL, "objectId": c.ObjectID, "type": c.Type, "level": c.Level, "memberId": c.MemberID,
		"inactiveFlag": c.Inactive, "_info": c.Info.record()}
	r.put("description", c.Description)
	return r
}

func (f *Field) render(*view) record {
	return record{
		"id": f.ID, "podId": 1, "caption": f.Caption, "sequenceNumber": f.ID, "screenId": f.On,
		"fieldTypeIdentifier": cmp.Or(f.Type, "Text"), "numberDecimals": f.Decimals, "entryTypeIdentifier": cmp.Or(f.Entry, "EntryField"),
	}
}

// A row is an entity that is put together for one answer.
type row struct {
	id int
	r  record
}

func (r row) key() int            { return r.id }
func (r row) render(*view) record { return r.r }
