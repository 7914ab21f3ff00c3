package cwsim

import (
	"cmp"
	"slices"
	"strings"
)

// A route is one method of one path. function is the security role's name for
// the right it needs; setup tables and system lists need none.
type route struct {
	method       string
	pattern      string
	resource     string // as Faults names it
	schema       string // of its rows
	function     string
	numberedOnly bool // no forward-only paging
	serve        func(*call) (*answer, *apiError)
}

const (
	companyInfoRoute = "/login/companyinfo/{company}"
	bundlesRoute     = "/system/bundles"
	pricingRoute     = "/procurement/catalog/{id}/pricing"

	companyMaintenance = "Company Maintenance"
	contactsFunction   = "Contacts"
	serviceTickets     = "Service Tickets"
	agreementsFunction = "Agreements"
	agreementInvoicing = "Agreement Invoicing"
	invoicingFunction  = "Invoicing"
	productCatalog     = "Product Catalog"
)

// routes is every endpoint. It is set in init because handlers look it up.
var routes []*route

func init() {
	routes = slices.Concat(
		collection("/company/companies", "Company", companyMaintenance, func(c *call) []entity { return entities(c.world.Companies) }),
		collection("/company/companies/statuses", "CompanyStatus", "", func(c *call) []entity { return entities(c.world.CompanyStatuses) }),
		collection("/company/companies/types", "CompanyType", "", func(c *call) []entity { return entities(c.world.CompanyTypes) }),
		collection("/company/contacts", "Contact", contactsFunction, func(c *call) []entity { return entities(c.world.Contacts) }),
		collection("/service/tickets", "Ticket", serviceTickets, func(c *call) []entity { return entities(c.world.Tickets) }),
		collection("/service/boards", "Board", "", func(c *call) []entity { return entities(c.world.Boards) }),
		collection("/service/priorities", "Priority", "", func(c *call) []entity { return entities(c.world.Priorities) }),
		collection("/finance/agreements", "Agreement", agreementsFunction, func(c *call) []entity { return entities(c.world.Agreements) }),
		collection("/finance/agreements/types", "AgreementType", "", func(c *call) []entity { return entities(c.world.AgreementTypes) }),
		collection("/finance/billingCycles", "BillingCycle", "", func(c *call) []entity { return entities(c.world.BillingCycles) }),
		collection("/finance/invoices", "Invoice", invoicingFunction, func(c *call) []entity { return entities(c.world.Invoices) }),
		collection("/procurement/catalog", "CatalogItem", productCatalog, func(c *call) []entity { return entities(c.world.Products) }),
		collection("/system/callbacks", "CallbackEntry", "", func(c *call) []entity { return entities(c.world.Callbacks) }),
		collection("/system/securityroles", "SecurityRole", "", func(c *call) []entity { return entities(c.world.Roles) }),
		collection("/system/userDefinedFields", "UserDefinedField", "", func(c *call) []entity { return entities(c.world.Fields) }),
		[]*route{
			{method: "GET", pattern: "/system/info", resource: "SystemInfo", serve: (*call).systemInfo},
			{method: "GET", pattern: "/service/boards/{id}/statuses", resource: "BoardStatus", schema: "BoardStatus", serve: (*call).boardStatuses},
			{method: "POST", pattern: "/service/tickets", resource: "Ticket", schema: "Ticket", function: serviceTickets, serve: (*call).createTicket},
			{method: "PATCH", pattern: "/service/tickets/{id}", resource: "Ticket", schema: "Ticket", function: serviceTickets, serve: (*call).patchTicket},
			{method: "GET", pattern: "/service/tickets/{id}/notes", resource: "TicketNote", schema: "TicketNote", function: serviceTickets, serve: (*call).ticketNotes},
			{method: "POST", pattern: "/service/tickets/{id}/notes", resource: "TicketNote", schema: "TicketNote", function: serviceTickets, serve: (*call).createTicketNote},
			{method: "PATCH", pattern: "/company/companies/{id}", resource: "Company", schema: "Company", function: companyMaintenance,
				serve: (*call).patchCompany},

			{method: "GET", pattern: "/finance/agreements/{id}/additions", resource: "Addition", schema: "Addition",
				function: agreementsFunction, serve: onAdditions((*call).list)},
			{method: "GET", pattern: "/finance/agreements/{id}/additions/count", resource: "Addition", schema: "Addition",
				function: agreementsFunction, serve: onAdditions((*call).count)},
			{method: "POST", pattern: "/finance/agreements/{id}/additions", resource: "Addition", schema: "Addition",
				function: agreementsFunction, serve: (*call).createAddition},
			{method: "GET", pattern: "/finance/agreements/{id}/additions/{id}", resource: "Addition", schema: "Addition",
				function: agreementsFunction, serve: (*call).getAddition},
			{method: "PATCH", pattern: "/finance/agreements/{id}/additions/{id}", resource: "Addition", schema: "Addition",
				function: agreementsFunction, serve: (*call).patchAddition},
			{method: "PUT", pattern: "/finance/agreements/{id}/additions/{id}", resource: "Addition", schema: "Addition",
				function: agreementsFunction, serve: (*call).putAddition},
			{method: "DELETE", pattern: "/finance/agreements/{id}/additions/{id}", resource: "Addition", schema: "Addition",
				function: agreementsFunction, serve: (*call).deleteAddition},

			{method: "POST", pattern: "/finance/agreements/{id}/invoice", resource: "Invoice", schema: "Invoice",
				function: agreementInvoicing, serve: (*call).createInvoice},
			// The list keeps its trailing slash; the item has none.
			{method: "GET", pattern: "/finance/agreementrecap/", resource: "AgreementRecap", schema: "AgreementRecap",
				function: agreementsFunction, serve: func(c *call) (*answer, *apiError) {
					var rows []entity
					for _, a := range c.world.Agreements {
						rows = append(rows, c.view.recap(a))
					}
					return c.list(rows)
				}},
			{method: "GET", pattern: "/finance/agreementrecap/{id}", resource: "AgreementRecap", schema: "AgreementRecap",
				function: agreementsFunction, serve: func(c *call) (*answer, *apiError) {
					if a := c.view.agreements[c.id(0)]; a != nil {
						return c.one(c.view.recap(a))
					}
					return nil, notFound("AgreementRecap")
				}},

			{method: "GET", pattern: "/procurement/catalog/info", resource: "CatalogItem", schema: "CatalogInfo", function: productCatalog,
				serve: func(c *call) (*answer, *apiError) {
					return c.list(entities(c.world.Products))
				}},
			{method: "POST", pattern: pricingRoute, resource: "CatalogItem", schema: "CatalogPricing", function: productCatalog,
				serve: (*call).pricing},

			{method: "POST", pattern: bundlesRoute, resource: "Bundle", serve: (*call).bundle},
			{method: "GET", pattern: "/system/audittrail", resource: "AuditTrailEntry", schema: "AuditTrailEntry", numberedOnly: true,
				serve: (*call).auditTrail},
			{method: "GET", pattern: "/system/securityroles/{id}/settings", resource: "SecurityRoleSetting", schema: "SecurityRoleSetting",
				serve: (*call).roleSettings},
			{method: "POST", pattern: "/system/callbacks", resource: "CallbackEntry", schema: "CallbackEntry", serve: (*call).createCallback},
			{method: "DELETE", pattern: "/system/callbacks/{id}", resource: "CallbackEntry", schema: "CallbackEntry", serve: (*call).deleteCallback},
		},
	)
}

// collection is the three reads that every list of the API has.
func collection(pattern, resource, function string, rows func(*call) []entity) []*route {
	r := route{method: "GET", pattern: pattern, resource: resource, schema: resource, function: function}
	list, count, item := r, r, r
	list.serve = func(c *call) (*answer, *apiError) { return c.list(rows(c)) }
	count.pattern += "/count"
	count.serve = func(c *call) (*answer, *apiError) { return c.count(rows(c)) }
	item.pattern += "/{id}"
	item.serve = func(c *call) (*answer, *apiError) {
		id := c.id(0)
		all := rows(c)
		if i, ok := slices.BinarySearchFunc(all, id, func(o entity, id int) int { return cmp.Compare(o.key(), id) }); ok {
			return c.one(all[i])
		}
		return nil, notFound(resource)
	}
	return []*route{&list, &count, &item}
}

func entities[T entity](all []T) []entity {
	out := make([]entity, len(all))
	for i, o := range all {
		out[i] = o
	}
	return out
}

// onAdditions serves the additions of the agreement in the path.
func onAdditions(serve func(*call, []entity) (*answer, *apiError)) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		a := c.view.agreements[c.id(0)]
		if a == nil || !c.visible("Agreement", agreementsFunction, a) {
			return nil, notFound("Agreement")
		}
		return serve(c, entities(c.view.additions[a.ID]))
	}
}

// auditTypes are the values the type parameter knows.
var auditTypes = strings.Fields(`None Ticket Contact Company Opportunity Time Activity ProductCatalog ProjectTicket
	Purchasing Configuration Schedule Agreement AgreementAddition Project Invoice PurchaseOrder Expense ProductItem
	Survey Member PurchaseOrderLineItem Site`)

// auditTrail tells in prose what happened to one object.
func (c *call) auditTrail() (*answer, *apiError) {
	var on, id string
	for name, values := range c.r.URL.Query() {
		switch strings.ToLower(name) {
		case "type":
			on = values[0]
		case "id":
			id = values[0]
		}
	}
	i := slices.IndexFunc(auditTypes, func(t string) bool { return strings.EqualFold(t, on) })
	if i < 0 {
		return nil, invalid("type", "InvalidValue", "type", "The value '%s' is not a type of the audit trail.", on)
	}
	n, err := c.number(id, "id", 0, 1)
	if err != nil {
		return nil, err
	}
	var rows []entity
	for k, e := range c.world.Audit {
		if e.Type == auditTypes[i] && e.ID == n {
			rows = append(rows, row{k + 1, record{
				"text": e.Text, "enteredDate": stamped(e.At), "enteredBy": e.By,
				"auditType": e.Type, "auditSubType": e.Action, "auditSource": "ConnectWise PSA",
			}})
		}
	}
	return c.list(rows)
}

func (c *call) roleSettings() (*answer, *apiError) {
	r := c.view.roles[c.id(0)]
	if r == nil {
		return nil, notFound("SecurityRole")
	}
	var rows []entity
	for i, s := range r.Settings {
		rows = append(rows, row{i + 1, record{
			"id": i + 1, "moduleName": s.Module, "moduleIdentifier": strings.ReplaceAll(s.Module, " ", ""),
			"moduleFunctionName": s.Function, "moduleFunctionIdentifier": strings.ReplaceAll(s.Function, " ", ""),
			"addLevel": cmp.Or(s.Add, "None"), "editLevel": cmp.Or(s.Edit, "None"),
			"deleteLevel": cmp.Or(s.Delete, "None"), "inquireLevel": cmp.Or(s.Inquire, "None"),
			"restrictFlag": s.Function == "Agreements" && len(r.AgreementTypes) > 0,
		}})
	}
	return c.list(rows)
}
