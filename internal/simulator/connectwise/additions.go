package cwsim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/simulator/serving"
)

// addition finds the addition in the path. One of another agreement is not
// found.
func (c *call) addition() (*Addition, *apiError) {
	agreement := c.view.agreements[c.id(0)]
	if agreement == nil || !c.visible("Agreement", agreementsFunction, agreement) {
		return nil, notFound("Agreement")
	}
	for _, a := range c.view.additions[agreement.ID] {
		if a.ID == c.id(1) && c.visible("Addition", agreementsFunction, a) {
			return a, nil
		}
	}
	return nil, notFound("Addition")
}

func (c *call) getAddition() (*answer, *apiError) {
	a, err := c.addition()
	if err != nil {
		return nil, err
	}
	return c.one(a)
}

// createAddition adds a line to an agreement.
func (c *call) createAddition() (*answer, *apiError) {
	agreement := c.view.agreements[c.id(0)]
	if agreement == nil || !c.visible("Agreement", agreementsFunction, agreement) {
		return nil, notFound("Agreement")
	}
	values, err := c.additionBody()
	if err != nil {
		return nil, err
	}
	a := &Addition{
		ID: max(next(c.world.Additions, (*Addition).key), c.lastID+1), AgreementID: agreement.ID,
		Quantity: decimal.NewFromInt(1), EffectiveDate: c.view.today,
		SequenceNumber: decimal.NewFromInt(int64(len(c.view.additions[agreement.ID]) + 1)),
		Info:           Info{DateEntered: c.now, EnteredBy: c.member(), LastUpdated: c.now, UpdatedBy: c.member()},
	}
	for name, v := range values {
		if v == nil { // a null on a POST is a member left to its default
			continue
		}
		if err := c.setAddition(a, schemas["Addition"].byName[name], v); err != nil {
			return nil, err
		}
	}
	p := c.view.products[a.ProductID]
	if values["unitPrice"] == nil {
		a.UnitPrice = p.Price
	}
	if values["unitCost"] == nil {
		a.UnitCost = p.Cost
	}
	if values["taxableFlag"] == nil {
		a.Taxable = p.Taxable
	}
	if !c.discardWrite {
		c.lastID = a.ID
		c.world.Additions = append(c.world.Additions, a)
		c.view.additions[agreement.ID] = append(c.view.additions[agreement.ID], a)
		c.changed = true
		c.view.audit("AgreementAddition", a.ID, c.now, c.member(), "Add", "Addition "+p.Identifier+" has been created.")
	}
	return c.object(http.StatusCreated, schemas["Addition"], a.render(c.view)), nil
}

func (c *call) additionBody() (map[string]any, *apiError) {
	body, err := c.bodyObject()
	if err != nil {
		return nil, err
	}
	values, err := c.members(schemas["Addition"], body)
	if err != nil {
		return nil, err
	}
	return values, required(schemas["Addition"], values)
}

// patchAddition is all or nothing: it works on a copy.
func (c *call) patchAddition() (*answer, *apiError) {
	old, err := c.addition()
	if err != nil {
		return nil, err
	}
	ops, err := c.operations(schemas["Addition"])
	if err != nil {
		return nil, err
	}
	a := serving.Copies([]*Addition{old}, (*Addition).deepen)[0]
	for _, op := range ops {
		if err := c.setAddition(a, op.member, op.value); err != nil {
			return nil, err
		}
	}
	if c.faults.Reprice && !a.Quantity.Equal(old.Quantity) {
		if p := c.view.products[a.ProductID]; p != nil && len(p.PriceBreaks) > 0 {
			a.UnitPrice = p.priceFor(a.Quantity)
		}
	}
	return c.saveAddition(old, a, names(ops))
}

// putAddition replaces the whole object. What the body leaves out is lost:
// this is the damage a client must never do.
func (c *call) putAddition() (*answer, *apiError) {
	old, err := c.addition()
	if err != nil {
		return nil, err
	}
	body, err := c.bodyObject()
	if err != nil {
		return nil, err
	}
	// A PUT carries the object as it was read, computed members included.
	for name, m := range schemas["Addition"].byName {
		if m.readOnly {
			delete(body, name)
		}
	}
	values, err := c.members(schemas["Addition"], body)
	if err != nil {
		return nil, err
	}
	if err := required(schemas["Addition"], values); err != nil {
		return nil, err
	}
	a := &Addition{ID: old.ID, AgreementID: old.AgreementID, Info: old.Info}
	for name, v := range values {
		if err := c.setAddition(a, schemas["Addition"].byName[name], v); err != nil {
			return nil, err
		}
	}
	for _, m := range schemas["Addition"].members {
		if m.kind == kindNumber && !m.readOnly && values[m.name] == nil {
			a.Nulls = append(a.Nulls, m.name)
		}
	}
	return c.saveAddition(old, a, "everything")
}

func (c *call) saveAddition(old, a *Addition, what string) (*answer, *apiError) {
	switch {
	case !c.discardWrite:
		a.Info.LastUpdated, a.Info.UpdatedBy = c.now, c.member()
		text := "Addition has been changed: " + what
		if !a.Quantity.Equal(old.Quantity) {
			text += "; quantity from " + old.Quantity.String() + " to " + a.Quantity.String()
		}
		*old = *a
		c.changed = true
		c.view.audit("AgreementAddition", a.ID, c.now, c.member(), "Update", text+".")
	case !c.echoWrite:
		a = old
	}
	return c.object(http.StatusOK, schemas["Addition"], a.render(c.view)), nil
}

// deleteAddition takes the line and its history away.
func (c *call) deleteAddition() (*answer, *apiError) {
	a, err := c.addition()
	if err != nil {
		return nil, err
	}
	if !c.discardWrite {
		c.lastID = max(c.lastID, next(c.world.Additions, (*Addition).key)-1)
		c.world.Additions = slices.DeleteFunc(c.world.Additions, func(o *Addition) bool { return o == a })
		c.index = nil
		c.changed = true
		c.view.audit("AgreementAddition", a.ID, c.now, c.member(), "Delete", "Addition has been deleted.")
	}
	return c.empty(http.StatusNoContent), nil
}

// setAddition gives one member a value that fits its kind; nil clears it.
func (c *call) setAddition(a *Addition, m *member, v any) *apiError {
	a.Nulls = slices.DeleteFunc(a.Nulls, func(n string) bool { return n == m.name })
	if v == nil && (m.kind == kindNumber || m.kind == kindBool) {
		a.Nulls = append(a.Nulls, m.name)
	}
	number, _ := v.(decimal.Decimal)
	truth, _ := v.(bool)
	switch m.name {
	case "product":
		return c.setProduct(a, v)
	case "quantity":
		if limit := c.faults.MaxQuantity; limit.IsPositive() && number.GreaterThan(limit) {
			number = limit
		}
		a.Quantity = number
	case "lessIncluded":
		a.LessIncluded = number
	case "unitPrice":
		a.UnitPrice = number
	case "unitCost":
		a.UnitCost = number
	case "sequenceNumber":
		a.SequenceNumber = number
	case "billCustomer":
		a.BillCustomer = text(v)
	case "effectiveDate":
		a.EffectiveDate = whole(v)
	case "cancelledDate":
		a.CancelledDate = whole(v)
	case "taxableFlag":
		a.Taxable = truth
	case "purchaseItemFlag":
		a.PurchaseItem = truth
	case "specialOrderFlag":
		a.SpecialOrder = truth
	case "prorateCurrentPeriodFlag":
		a.ProrateCurrentPeriod = truth
	case "serialNumber":
		a.SerialNumber = text(v)
	case "invoiceDescription":
		a.InvoiceDescription = text(v)
	case "description":
		a.Description = text(v)
	case "customFields":
		values, err := c.customValues("Addition", v)
		if err != nil {
			return err
		}
		a.Custom = values
	default:
		if a.Other == nil {
			a.Other = map[string]any{}
		}
		a.Other[m.name] = v
	}
	return nil
}

// setProduct finds a product by id, or by identifier where there is no id.
func (c *call) setProduct(a *Addition, v any) *apiError {
	r, _ := v.(record)
	id, _ := r["id"].(int)
	if id == 0 {
		identifier := cmp.Or(text(r["identifier"]), "\x00")
		for _, p := range c.world.Products {
			if strings.EqualFold(p.Identifier, identifier) {
				id = p.ID
			}
		}
	}
	p := c.view.products[id]
	switch {
	case p == nil:
		return invalid("Addition", "NotFound", "product", "The product was not found.")
	case id == a.ProductID:
		return nil // it stays on the addition even when it can no longer be added
	case p.Class == "Bundle":
		return invalid("Addition", "InvalidValue", "product", "Product %s is a bundle and cannot be an addition.", p.Identifier)
	case p.Inactive:
		return invalid("Addition", "InvalidValue", "product", "Product %s is inactive.", p.Identifier)
	}
	a.ProductID = id
	return nil
}
