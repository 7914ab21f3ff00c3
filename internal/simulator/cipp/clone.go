package cippsim

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// Clone returns a copy that shares nothing with w.
func (w *World) Clone() *World {
	c := *w
	if w.PartnerTenant != nil {
		c.PartnerTenant = w.PartnerTenant.Clone()
	}
	if w.Tenants != nil {
		c.Tenants = make([]*Tenant, len(w.Tenants))
		for i, t := range w.Tenants {
			c.Tenants[i] = t.Clone()
		}
	}
	c.TenantGroups = serving.Copies(w.TenantGroups, func(g *TenantGroup) { g.Members = slices.Clone(g.Members) })
	c.Clients = serving.Copies(w.Clients, func(k *Client) { k.IPRange = slices.Clone(k.IPRange) })
	c.Roles = serving.Copies(w.Roles, func(r *Role) {
		r.Permissions = slices.Clone(r.Permissions)
		r.AllowedTenants, r.BlockedTenants = slices.Clone(r.AllowedTenants), slices.Clone(r.BlockedTenants)
		r.BlockedEndpoints = slices.Clone(r.BlockedEndpoints)
	})
	c.ExcludedSKUs = slices.Clone(w.ExcludedSKUs)
	c.Relationships = serving.Copies(w.Relationships, nil)
	c.Tasks = serving.Copies(w.Tasks, func(k *Task) { k.Parameters, k.Results = maps.Clone(k.Parameters), slices.Clone(k.Results) })
	return &c
}

// Clone returns a copy that shares nothing with t.
func (t *Tenant) Clone() *Tenant {
	c := *t
	c.Domains = slices.Clone(t.Domains)
	for i := range c.Domains {
		if c.Domains[i].Analysis = own(c.Domains[i].Analysis); c.Domains[i].Analysis != nil {
			c.Domains[i].Analysis.MX = slices.Clone(c.Domains[i].Analysis.MX)
		}
	}
	c.FormerDomains = slices.Clone(t.FormerDomains)
	c.BusinessPhones, c.TechnicalMails = slices.Clone(t.BusinessPhones), slices.Clone(t.TechnicalMails)
	c.OffboardingDefault = maps.Clone(t.OffboardingDefault)
	c.Policies, c.Devices = slices.Clone(t.Policies), slices.Clone(t.Devices)
	c.Issues, c.Alerts = slices.Clone(t.Issues), slices.Clone(t.Alerts)
	c.SKUs = slices.Clone(t.SKUs)
	for i := range c.SKUs {
		c.SKUs[i].ServicePlans = slices.Clone(c.SKUs[i].ServicePlans)
		c.SKUs[i].Subscriptions = slices.Clone(c.SKUs[i].Subscriptions)
	}
	c.Users = serving.Copies(t.Users, func(u *User) {
		u.ProxyAddresses, u.OtherMails = slices.Clone(u.ProxyAddresses), slices.Clone(u.OtherMails)
		u.BusinessPhones, u.Licences = slices.Clone(u.BusinessPhones), slices.Clone(u.Licences)
		u.MFAMethods, u.Inherited = slices.Clone(u.MFAMethods), maps.Clone(u.Inherited)
		u.Synced, u.CoveredBySD = own(u.Synced), own(u.CoveredBySD)
		u.MFARegistered, u.MFACapable = own(u.MFARegistered), own(u.MFACapable)
	})
	c.Groups = serving.Copies(t.Groups, func(g *Group) {
		g.Members, g.Owners = slices.Clone(g.Members), slices.Clone(g.Owners)
		g.Licences, g.Synced = slices.Clone(g.Licences), own(g.Synced)
	})
	c.Mailboxes = serving.Copies(t.Mailboxes, func(m *Mailbox) {
		m.Aliases, m.Delegates, m.SendOnBehalf = slices.Clone(m.Aliases), slices.Clone(m.Delegates), slices.Clone(m.SendOnBehalf)
		m.Calendar = slices.Clone(m.Calendar)
		for i := range m.Calendar {
			m.Calendar[i].Rights = slices.Clone(m.Calendar[i].Rights)
		}
	})
	return &c
}

func own[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// settle fills in what the world's author left to us.
func (w *World) settle(now time.Time) {
	if w.PartnerTenant == nil {
		w.PartnerTenant = &Tenant{
			DisplayName: "Northwind Managed Services", DefaultDomain: "northwind-msp.example",
			InitialDomain: "northwindmsp.onmicrosoft.com",
		}
	}
	w.PartnerTenant.settle(now)
	for _, t := range w.Tenants {
		t.settle(now)
	}
	for _, g := range w.TenantGroups {
		g.ID = cmp.Or(g.ID, guid("tenant group", g.Name))
	}
	for _, k := range w.Tasks {
		k.settle(now)
	}
}

func (t *Tenant) settle(now time.Time) {
	t.DefaultDomain = cmp.Or(t.DefaultDomain, t.InitialDomain)
	t.InitialDomain = cmp.Or(t.InitialDomain, t.DefaultDomain)
	t.CustomerID = cmp.Or(t.CustomerID, guid("tenant", t.InitialDomain))
	t.MicrosoftName = cmp.Or(t.MicrosoftName, t.DisplayName)
	if t.Refreshed.IsZero() {
		t.Refreshed = now
	}
	if t.Created.IsZero() {
		t.Created = now.AddDate(-4, 0, 0)
	}
	if t.RelationshipEnd.IsZero() {
		t.RelationshipEnd = now.AddDate(1, 6, 0)
	}
	if len(t.Domains) == 0 {
		t.Domains = []Domain{{Name: t.DefaultDomain, Default: true, Initial: t.DefaultDomain == t.InitialDomain}}
		if t.DefaultDomain != t.InitialDomain {
			t.Domains = append(t.Domains, Domain{Name: t.InitialDomain, Initial: true})
		}
	}
	for i := range t.SKUs {
		k := &t.SKUs[i]
		k.SkuID = cmp.Or(k.SkuID, guid("sku", k.PartNumber))
		k.CapabilityStatus = cmp.Or(k.CapabilityStatus, "Enabled")
		k.AppliesTo = cmp.Or(k.AppliesTo, "User")
		k.Name = cmp.Or(k.Name, k.PartNumber)
		if len(k.ServicePlans) == 0 {
			k.ServicePlans = usualPlans(k.SkuID)
		}
		for j := range k.Subscriptions {
			b := &k.Subscriptions[j]
			b.ID = cmp.Or(b.ID, guid("subscription", t.CustomerID, k.SkuID, fmt.Sprint(j)))
			b.Status = cmp.Or(b.Status, "Enabled")
			if b.Created.IsZero() {
				b.Created = now.AddDate(0, -8, 0)
			}
		}
	}
	for _, u := range t.Users {
		u.ID = cmp.Or(u.ID, guid("user", t.CustomerID, u.UPN))
		u.DisplayName = cmp.Or(u.DisplayName, u.UPN)
		if u.Created.IsZero() {
			u.Created = now.AddDate(-2, 0, 0)
		}
	}
	for _, g := range t.Groups {
		g.ID = cmp.Or(g.ID, guid("group", t.CustomerID, g.DisplayName))
		g.Kind = cmp.Or(g.Kind, Security)
		if g.Created.IsZero() {
			g.Created = now.AddDate(-2, 0, 0)
		}
	}
	for _, m := range t.Mailboxes {
		m.Type = cmp.Or(m.Type, "UserMailbox")
		m.PrimarySMTP = cmp.Or(m.PrimarySMTP, m.UPN)
		m.ID = cmp.Or(m.ID, strings.Split(m.PrimarySMTP, "@")[0])
		m.ExchangeGUID = cmp.Or(m.ExchangeGUID, guid("mailbox", t.CustomerID, m.PrimarySMTP))
		if u := t.User(m.UPN); u != nil {
			m.UserID = cmp.Or(m.UserID, u.ID)
			m.DisplayName = cmp.Or(m.DisplayName, u.DisplayName)
		}
	}
}

// guid makes a GUID of its parts; the same parts always give the same one.
func guid(parts ...string) string {
	h := sha256.Sum256([]byte(strings.ToLower(strings.Join(parts, "\x00"))))
	h[6] = h[6]&0x0f | 0x40
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
