package msp

import (
	"fmt"
	"strings"

	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	itgluesim "syncd/internal/simulator/itglue"
)

// A documented customer is one with a company, which IT Glue knows too as a rule.
type documented struct {
	customer
	tenant  *cippsim.Tenant
	company *cwsim.Company
}

// ITGlueKey is the API key that the simulated IT Glue accepts.
const ITGlueKey = "ITG.practice0000000000000000000000000000"

// The entries of IT Glue's setup tables, and the ids that others refer to.
const (
	orgActive, orgInactive   = 21, 22
	orgCustomer, orgVendor   = 31, 32
	contactManager           = 41
	organizationHarbour      = 1000
	organizationOf           = 1000 // plus the id of the company
	organizationTwin         = 1901
	typeSummary              = 2001
	fieldSite, fieldCabinet  = 2011, 2012
	adapterName, adapterKind = "ConnectWise Manage", "manage"
)

// In IT Glue, as in life, not every customer is known as in ConnectWise.
const (
	notInITGlue  = "Pennine"     // nobody made the organization
	madeByHand   = "CafeLumiere" // before the two systems were tied together: no adapter
	madeTwice    = "Greystone"   // tied to ConnectWise, and once more by hand
	untracked    = "Hartwell"    // IT Glue does not track the domain
	namesakeAt   = "Larkspur"
	spelledOddly = "Calloway" // capitals in the domain
)

// organization is the id of a customer's organization; 0 where there is none.
func (d documented) organization() int64 {
	if d.identifier == notInITGlue {
		return 0
	}
	return organizationOf + int64(d.company.ID)
}

// account makes the IT Glue of the MSP: what ConnectWise passed on, and what
// people wrote over the years. A plain one holds nothing but organizations.
func (b *builder) account(plain bool) itgluesim.World {
	w := itgluesim.World{
		OrganizationStatuses: []*itgluesim.Setup{{ID: orgActive, Name: "Active"}, {ID: orgInactive, Name: "Inactive"}},
		OrganizationTypes:    []*itgluesim.Setup{{ID: orgCustomer, Name: "Customer"}, {ID: orgVendor, Name: "Vendor"}},
		ContactTypes:         []*itgluesim.Setup{{ID: contactManager, Name: "Decision maker"}},
		Organizations:        []*itgluesim.Organization{{ID: organizationHarbour, Name: partnerName, ShortName: "HarbourIT", Primary: true, TypeID: orgVendor, StatusID: orgActive}},
	}
	for i := range b.documented {
		d := &b.documented[i]
		b.organization(&w, d)
		if !plain && d.organization() != 0 {
			b.contacts(&w, d, i)
		}
	}
	if plain {
		return w
	}
	w.Organizations = append(w.Organizations, &itgluesim.Organization{ID: organizationTwin, Name: "Greystone Quarries plc", TypeID: orgCustomer, StatusID: orgActive,
		QuickNotes: "Made twice? The other one is tied to ConnectWise."})
	w.Users = []*itgluesim.User{{FirstName: "June", LastName: "White", Email: "june.white@" + partnerDomain, Role: "Manager"}}
	w.Types = []*itgluesim.Type{{ID: typeSummary, Name: "Site summary", Description: "What to know before you drive there", Icon: "building", ShowInMenu: true}}
	w.Fields = []*itgluesim.Field{
		{ID: fieldSite, TypeID: typeSummary, Order: 1, Name: "Site", Kind: "Text", Required: true, UseForTitle: true, ShowInList: true},
		{ID: fieldCabinet, TypeID: typeSummary, Order: 2, Name: "Where the cabinet is", Kind: "Textbox"},
	}
	for i := 0; i < len(b.documented); i += 6 {
		if d := &b.documented[i]; d.organization() != 0 {
			w.Assets = append(w.Assets, &itgluesim.Asset{OrganizationID: d.organization(), TypeID: typeSummary,
				Traits: map[int64]any{fieldSite: "Head office", fieldCabinet: "<p>Cellar, behind the <strong>green</strong> door</p>"}})
		}
	}
	return w
}

// linkOrganizations adds to the links what the billing admin would have added:
// not the organization that only its name tells.
func (b *builder) linkOrganizations() {
	of := map[string]int64{}
	for i := range b.documented {
		if d := &b.documented[i]; d.identifier != madeByHand {
			of[d.tenant.CustomerID] = d.organization()
		}
	}
	for i := range b.links {
		if l := &b.links[i]; l.Status == "linked" {
			l.Organization = of[l.TenantID]
		}
	}
}

// organization adds what stands for a company.
func (b *builder) organization(w *itgluesim.World, d *documented) {
	id := d.organization()
	if id == 0 {
		return
	}
	o := &itgluesim.Organization{ID: id, Name: d.company.Name, ShortName: d.company.Identifier, TypeID: orgCustomer, StatusID: orgActive}
	if d.identifier == madeByHand {
		o.Name, o.ShortName = "Café Lumière", ""
	} else {
		o.Adapters = []itgluesim.Adapter{{TypeName: adapterName, PSA: adapterKind, RemoteID: fmt.Sprint(d.company.ID), Sync: true}}
	}
	w.Organizations = append(w.Organizations, o)
	if d.identifier == untracked {
		return
	}
	for _, domain := range d.tenant.Domains {
		if domain.Initial {
			continue
		}
		name := domain.Name
		if d.identifier == spelledOddly {
			name = "CallowayLegal.example"
		}
		w.Domains = append(w.Domains, &itgluesim.Domain{
			OrganizationID: id, Name: name, Registrar: "Portwick Names",
			ExpiresOn: b.cal.nextYear().AddDate(0, len(w.Domains)%11, 0),
		})
	}
}

// contacts adds an organization's place and its contacts: those that came over
// from ConnectWise, and those that technicians wrote.
func (b *builder) contacts(w *itgluesim.World, d *documented, nth int) {
	id := d.organization()
	w.Locations = append(w.Locations, &itgluesim.Location{OrganizationID: id, Name: "Head office", City: "Portwick", Primary: true})
	add := func(c itgluesim.Contact, mail string) {
		c.OrganizationID = id
		if mail != "" {
			c.Emails = []itgluesim.Email{{Value: mail, Label: "Work", Primary: true}}
		}
		w.Contacts = append(w.Contacts, &c)
	}
	for _, c := range b.connectwise.Contacts {
		if c.CompanyID == d.company.ID {
			// The account does not sync contacts (any more): what came over may be edited.
			add(itgluesim.Contact{FirstName: c.FirstName, LastName: c.LastName, Title: c.Title, TypeID: contactManager,
				Adapters: []itgluesim.Adapter{{TypeName: adapterName, PSA: adapterKind, RemoteID: fmt.Sprint(c.ID)}}}, c.Communications[0].Value)
		}
	}
	staff := people(d.tenant)
	if len(staff) > 3 {
		u := staff[2]
		add(itgluesim.Contact{FirstName: u.GivenName, LastName: u.Surname, Title: "Bookkeeper", Notes: "Best reached before ten.",
			Phones: []itgluesim.Phone{{Value: fmt.Sprintf("07700900%03d", nth), Label: "Mobile", Primary: true}}}, strings.ToUpper(u.Mail[:1])+u.Mail[1:])
	}
	if d.identifier == namesakeAt {
		u := staff[3]
		add(itgluesim.Contact{FirstName: u.GivenName, LastName: u.Surname, Notes: "Opens up on Saturdays."}, strings.ToLower(u.GivenName)+"@home-mail.example")
	}
	if nth%3 == 0 {
		add(itgluesim.Contact{FirstName: "Rhoda", LastName: "Penhallow", Title: "Landlord's agent", Notes: "Has the key to the cellar."}, "rhoda@portwick-estates.example")
	}
}
