package msp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	cippsim "syncd/internal/simulator/cipp"
)

var (
	givenNames  = []string{"Ada", "Bram", "Carys", "Dilip", "Edda", "Fergus", "Greta", "Hamza", "Imogen", "Jonas", "Keira", "Lorcan", "Mabel", "Niko", "Orla", "Pavel"}
	surnames    = []string{"Ashdown", "Brisk", "Callow", "Dunmere", "Elder", "Farrow", "Gale", "Hollin", "Ivers", "Jarrow", "Kemble", "Lark", "Marlow"}
	jobTitles   = []string{"Director", "Office manager", "Accounts", "Engineer", "Sales", "Reception"}
	departments = map[string]string{"Director": "Management", "Office manager": "Management", "Accounts": "Finance", "Engineer": "Operations", "Sales": "Sales", "Reception": "Front desk"}
)

// placeLicences are those that make somebody's place of work: nobody holds two
// of them. All others are held beside one.
var placeLicences = []string{"SPB", "SPE_E5", "SPE_E3", "SPE_F1", "O365_BUSINESS_PREMIUM", "O365_BUSINESS_ESSENTIALS", "O365_BUSINESS", "STANDARDPACK", "EXCHANGESTANDARD", "EXCHANGEENTERPRISE"}

// premium licences bring Entra ID P1: sign-ins are told, and conditional access
// demands the second factor.
var premium = []string{"SPB", "SPE_E5", "SPE_E3", "SPE_F1", "AAD_PREMIUM"}

// nameOf is the i-th of a tenant's names. No two of them are the same.
func nameOf(salt, i int) (given, last string) {
	given, last = givenNames[(5*salt+i)%len(givenNames)], surnames[(3*salt+2*i)%len(surnames)]
	if round := i / (len(givenNames) * len(surnames)); round > 0 {
		given += " " + string(rune('A'+(round-1)%26)) + "."
	}
	return given, last
}

// A workforce is the accounts of a tenant as they are added to.
type workforce struct {
	t    *cippsim.Tenant
	cal  calendar
	salt int // the tenant's place in the world
	next int // of the names
}

// hire adds a person with those licences.
func (f *workforce) hire(licences ...string) *cippsim.User {
	t := f.t
	for {
		given, last := nameOf(f.salt, f.next)
		f.next++
		upn := strings.ToLower(strings.NewReplacer(" ", ".", ".", "").Replace(given)+"."+last) + "@" + t.DefaultDomain
		if slices.ContainsFunc(t.Users, func(u *cippsim.User) bool { return u.UPN == upn || slices.Contains(u.ProxyAddresses, "smtp:"+upn) }) {
			continue
		}
		u := f.account(upn, given+" "+last)
		u.GivenName, u.Surname, u.Mail, u.ProxyAddresses = given, last, upn, []string{"SMTP:" + upn}
		u.Licences = licences
		f.describe(u, f.next-1)
		return u
	}
}

// account adds an account that is nobody's.
func (f *workforce) account(upn, name string) *cippsim.User {
	u := &cippsim.User{
		ID: guid("user", f.t.DefaultDomain, upn), UPN: upn, DisplayName: name, UsageLocation: "GB",
		Created: f.cal.begin.AddDate(0, len(f.t.Users)%20, len(f.t.Users)%27),
	}
	f.t.Users = append(f.t.Users, u)
	return u
}

// describe says of a person what a directory says; i is where among the
// others. The first is the director, and the next five answer to them.
func (f *workforce) describe(u *cippsim.User, i int) {
	t := f.t
	u.JobTitle = jobTitles[1+i%(len(jobTitles)-1)]
	if i < len(jobTitles) {
		u.JobTitle = jobTitles[i]
	}
	u.Department, u.CompanyName, u.Office, u.City, u.Country = departments[u.JobTitle], t.DisplayName, "Portwick", "Portwick", "GB"
	u.BusinessPhones = []string{fmt.Sprintf("+44 1632 960%03d", (37*f.salt+i)%1000)} // numbers that nobody has
	if i%3 == 0 {
		u.MobilePhone = fmt.Sprintf("+44 7700 900%03d", (41*f.salt+i)%1000)
	}
	switch boss := f.t.Users[0]; {
	case boss == u:
	case i < len(jobTitles):
		u.ManagerID = boss.ID
	default:
		u.ManagerID = f.t.Users[min(1+i%(len(jobTitles)-1), len(f.t.Users)-2)].ID
	}
	if len(t.Domains) > 2 && i%2 == 0 {
		u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+strings.Replace(u.UPN, t.DefaultDomain, t.Domains[2].Name, 1))
	}
	if i%5 == 1 {
		u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+strings.ToLower(u.GivenName[:1]+"."+u.Surname)+fmt.Sprint(i)+"@"+t.DefaultDomain)
	}
	u.LastSignIn = f.cal.today.AddDate(0, 0, -1-i%9)
	u.Admin = i == 0
	f.secure(u, i)
	if t.OnPremisesSync {
		u.Synced, u.ImmutableID = new(true), guid("anchor", u.UPN)[:8]
	}
}

// secure sets what is known of the second factor: one in seven has none.
func (f *workforce) secure(u *cippsim.User, i int) {
	has := i%7 != 5
	u.PerUserMFA = "disabled"
	switch {
	case !f.t.NoEntraP1 && has:
		u.MFARegistered, u.MFACapable, u.MFAMethods, u.CoveredByCA = new(true), new(true), []string{"microsoftAuthenticatorPush"}, "Enforced - All Apps"
	case !f.t.NoEntraP1:
		u.MFARegistered, u.MFACapable = new(false), new(false)
	case has && i%3 == 0:
		u.PerUserMFA = "enforced"
	}
}

// people are those who are persons, not services or rooms, and not gone.
func people(t *cippsim.Tenant) []*cippsim.User {
	var all []*cippsim.User
	for _, u := range t.Users {
		if !u.Deleted && !u.Guest && u.GivenName != "" {
			all = append(all, u)
		}
	}
	return all
}

func holdersOf(t *cippsim.Tenant, sku string) []*cippsim.User {
	var all []*cippsim.User
	for _, u := range t.Users {
		if !u.Deleted && slices.Contains(u.Licences, sku) {
			all = append(all, u)
		}
	}
	return all
}

// staff brings the accounts into line with what Microsoft counts as assigned:
// people are hired for seats, and licences are given and taken back.
func (f *workforce) staff() {
	give := func(of func(k *cippsim.SKU, lacking int)) {
		for i := range f.t.SKUs {
			k := &f.t.SKUs[i]
			holders := holdersOf(f.t, k.SkuID)
			for len(holders) > k.Consumed {
				last := holders[len(holders)-1]
				last.Licences = slices.DeleteFunc(last.Licences, func(id string) bool { return id == k.SkuID })
				delete(last.Inherited, k.SkuID)
				holders = holders[:len(holders)-1]
			}
			of(k, k.Consumed-len(holders))
		}
	}
	give(func(k *cippsim.SKU, lacking int) {
		for range lacking {
			if slices.Contains(placeLicences, k.PartNumber) {
				f.hire(k.SkuID)
			}
		}
	})
	give(func(k *cippsim.SKU, lacking int) {
		for _, u := range people(f.t) {
			if lacking > 0 && !slices.Contains(u.Licences, k.SkuID) {
				u.Licences = append(u.Licences, k.SkuID)
				lacking--
			}
		}
		for range lacking { // whoever tries out what is free
			f.hire(k.SkuID)
		}
	})
}

// join does for somebody new what is done on the first day.
func (f *workforce) join(u *cippsim.User) {
	u.Created, u.LastSignIn = f.cal.today, f.cal.today
	for _, g := range f.t.Groups {
		if g.MembershipRule != "" || g.DisplayName == groupEveryone {
			g.Members = append(g.Members, u.ID)
		}
	}
	if len(u.Licences) > 0 {
		f.mailbox(u, "UserMailbox", 0)
	}
}

// populate fills a tenant with those who work there, and what they work with.
func (b *builder) populate(t *cippsim.Tenant, c customer, salt int) {
	t.OnPremisesSync = c.synced
	t.NoEntraP1 = !slices.ContainsFunc(t.SKUs, func(k cippsim.SKU) bool { return slices.Contains(premium, k.PartNumber) })
	f := &workforce{t: t, cal: b.cal, salt: salt}
	if c.staff > 0 {
		for i := range c.staff {
			var licences []string
			for _, k := range t.SKUs {
				if k.Consumed > i {
					licences = append(licences, k.SkuID)
				}
			}
			f.hire(licences...)
		}
	} else {
		f.staff()
	}
	if c.bare {
		return
	}
	f.others(c)
	f.groups(c)
	if c.hidden != "" {
		b.hidden[t.DefaultDomain] = append(b.hidden[t.DefaultDomain], t.Group(c.hidden).ID)
	}
	f.mailboxes()
	f.domains()
}

// others adds accounts that are no employees': one who left and kept the
// licence, services, guests, and the administrator of the MSP.
func (f *workforce) others(c customer) {
	t, staff := f.t, people(f.t)
	if len(staff) >= 10 && c.staff == 0 {
		left := staff[len(staff)-1]
		left.Disabled, left.LastSignIn = true, f.cal.today.AddDate(0, -4, 0)
		left.JobTitle = cmp.Or(left.JobTitle, "Sales") + " (left)"
	}
	service := func(upn, name string) *cippsim.User {
		u := f.account(upn, name)
		u.LastSignIn = f.cal.today.AddDate(0, 0, -1)
		return u
	}
	service("harbour-admin@"+t.InitialDomain, "Harbour IT administrator").Admin = true
	if len(staff) < 5 {
		return
	}
	service("svc-backup@"+t.DefaultDomain, "Backup service")
	if len(staff) >= 20 {
		service("svc-scan@"+t.DefaultDomain, "Scan to mail")
	}
	for i := range min(len(staff)/10+1, 3) + c.residents {
		given, last := nameOf(f.salt+7, i)
		if i >= 3 {
			given, last = nameOf(f.salt+11, i)
		}
		home := strings.ToLower(strings.NewReplacer(" ", ".", ".", "").Replace(given)+"."+last) + "@" + []string{"partner-firm.example", "home-mail.example"}[min(i/3, 1)]
		u := f.account(strings.ReplaceAll(home, "@", "_")+"#EXT#@"+t.InitialDomain, given+" "+last)
		u.Guest, u.Mail, u.OtherMails, u.UsageLocation = true, home, []string{home}, ""
	}
}
