package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/simulator/msp"
	scimsim "syncd/internal/simulator/scim"
)

// source is the name of the other side.
const source = "cipp"

// The targets that are measured, by the names that jobs have for them.
const (
	billing       = "connectwise"
	documentation = "itglue"
	identity      = "scim/estate"
)

// An estate is what is simulated: so many customers that are all alike, at one
// target.
type estate struct {
	Target    string
	Customers int
	Users     int // of each customer; it means nothing to billing
	Groups    int // of each customer; it means something to identity alone
}

// A fixture is the simulators of an estate, and the tables that join them.
type fixture struct {
	cipp            *cippsim.Server
	target          target
	links, products string
}

// A target is a simulated system that syncd writes to.
type target interface {
	http.Handler
	name() string
	announce(h *addresses, url string)
	Counts() map[string]int
	Forget()
	observe(a *observations) // adds what the target held and was asked
}

func (e estate) fixture() fixture {
	switch e.Target {
	case documentation:
		return e.documented()
	case identity:
		return e.provisioned()
	}
	return e.billed()
}

// Credentials of the simulated ConnectWise; they work nowhere else.
const (
	company, publicKey, privateKey = "harbour", "PUBLICKEY0000001", "PRIVATEKEY000001"
	clientID                       = "6b1f8a52-0d6e-4f0e-9a57-3f3f6f5d2b11"
)

type connectwise struct{ *cwsim.Server }

func (e estate) billed() fixture {
	tenants, target, links, products := msp.Estate(e.Customers, time.Now())
	return fixture{cippsim.New(tenants, cippsim.Options{}),
		connectwise{cwsim.New(target, cwsim.Options{Company: company, PublicKey: publicKey, PrivateKey: privateKey, ClientID: clientID})}, links, products}
}

func (connectwise) name() string                      { return billing }
func (connectwise) announce(h *addresses, url string) { h.ConnectWise = url }

func (s connectwise) observe(a *observations) {
	for _, w := range s.Writes() {
		a.Writes = append(a.Writes, w.Method+" "+w.Path)
	}
}

type itglue struct{ *itgluesim.Server }

func (e estate) documented() fixture {
	m := msp.NewEstate(e.Customers, time.Now, msp.WithAccounts(e.Users), msp.WithLayouts())
	rows := [][]string{{"customer", "tenant_id", "tenant", "filter", "itglue_organization", "status", "reason"}}
	for _, l := range m.Links() {
		rows = append(rows, []string{l.Customer, l.TenantID, l.Tenant, "", strconv.FormatInt(l.Organization, 10), l.Status, l.Reason})
	}
	return fixture{cipp: m.CIPP, target: itglue{m.ITGlue}, links: sheet(rows)}
}

func (itglue) name() string                      { return documentation }
func (itglue) announce(h *addresses, url string) { h.ITGlue = url }

func (s itglue) observe(a *observations) {
	for _, w := range s.Writes() {
		a.Writes = append(a.Writes, w.Method+" "+w.Path)
	}
	a.Complaints = append(a.Complaints, s.ForbiddenCalls()...)
	now := s.World()
	a.Held = map[string]int{"contacts": len(now.Contacts)}
	for _, t := range now.Types {
		a.Held[t.Name] = len(now.AssetsOf(t.ID, 0))
	}
}

// Of the simulated provider of SCIM.
const (
	scimAccount = "estate"
	scimToken   = "estate-token"
)

type provider struct{ *scimsim.Server }

// provisioned is one large customer with an account at a provider that does
// what the RFCs say. Everybody is in two groups.
func (e estate) provisioned() fixture {
	tenants, _, _, _ := msp.Estate(1, time.Now())
	t := tenants.Tenants[0]
	t.Users, t.Groups = nil, nil
	id := func(kind, i int) string {
		return fmt.Sprintf("%08x-%04d-4000-8000-%012x", uint32(i)*2654435761, kind, i)
	}
	for i := range e.Groups {
		t.Groups = append(t.Groups, &cippsim.Group{ID: id(2, i), DisplayName: fmt.Sprintf("Project %04d", i), Description: "Who works on it", Created: time.Now().AddDate(-1, 0, 0)})
	}
	for i := range e.Users {
		name := fmt.Sprintf("person.%05d@%s", i, t.DefaultDomain)
		u := &cippsim.User{ID: id(1, i), UPN: name, Mail: name, DisplayName: fmt.Sprintf("Person %05d", i), GivenName: "Person", Surname: fmt.Sprintf("%05d", i),
			ProxyAddresses: []string{"SMTP:" + name}, JobTitle: "Engineer", Department: "Operations", CompanyName: t.DisplayName, Office: "Portwick", City: "Portwick", Country: "GB", UsageLocation: "GB",
			BusinessPhones: []string{"+44 1632 960000"}, Created: time.Now().AddDate(-1, 0, 0), Licences: []string{t.SKUs[0].SkuID}, ManagerID: id(1, i%10)}
		t.Users = append(t.Users, u)
		for _, g := range [...]int{i % e.Groups, (7*i + 3) % e.Groups} {
			if in := t.Groups[g]; !slices.Contains(in.Members, u.ID) {
				in.Members = append(in.Members, u.ID)
			}
		}
	}
	links := sheet([][]string{{"customer", "tenant_id", "tenant", "filter", "scim_estate", "status", "reason"},
		{t.DisplayName, t.CustomerID, t.DisplayName, "", scimAccount, "linked", ""}})
	return fixture{cipp: cippsim.New(tenants, cippsim.Options{}), links: links,
		target: provider{scimsim.New(scimsim.World{Accounts: []*scimsim.Account{{ID: scimAccount}}}, scimsim.Options{Token: scimToken})}}
}

func (provider) name() string                        { return identity }
func (s provider) announce(h *addresses, url string) { h.SCIM = url + s.Base(scimAccount) }

func (s provider) observe(a *observations) {
	for _, w := range s.Writes() {
		a.Writes = append(a.Writes, w.Method+" "+w.Path)
	}
	for _, v := range s.Violations() {
		a.Complaints = append(a.Complaints, v.String())
	}
	users, _, groups := s.Count(scimAccount)
	a.Held = map[string]int{"users": users, "groups": groups}
}

func sheet(rows [][]string) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows) // to memory: cannot fail
	return b.String()
}
