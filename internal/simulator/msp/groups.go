package msp

import (
	"fmt"
	"slices"
	"strings"

	cippsim "syncd/internal/simulator/cipp"
)

// The groups that scenarios know by name.
const (
	groupEveryone   = "Everyone"
	groupManagement = "Management"
	groupRemote     = "Remote access"
	groupResidents  = "Residents' portal"
)

func (f *workforce) group(name string, kind cippsim.GroupKind, about string, members []string) *cippsim.Group {
	g := &cippsim.Group{
		ID: guid("group", f.t.DefaultDomain, name), DisplayName: name, Description: about, Kind: kind,
		Created: f.cal.begin.AddDate(0, 1, len(f.t.Groups)), Members: members,
	}
	if kind != cippsim.Security {
		g.Mail = strings.ToLower(strings.NewReplacer(" ", "-", "'", "").Replace(name)) + "@" + f.t.DefaultDomain
	}
	f.t.Groups = append(f.t.Groups, g)
	return g
}

func ids(of []*cippsim.User) []string {
	var all []string
	for _, u := range of {
		all = append(all, u.ID)
	}
	return all
}

// groups makes one of each kind; of a handful of people, a mailing list.
func (f *workforce) groups(c customer) {
	t, staff := f.t, people(f.t)
	if len(staff) == 0 {
		return
	}
	owner := []string{staff[0].ID}
	f.group(groupEveryone, cippsim.DistributionList, "News for all of us", ids(staff)).Owners = owner
	if len(staff) < 5 {
		return
	}
	working := slices.DeleteFunc(slices.Clone(staff), func(u *cippsim.User) bool { return u.Disabled })
	f.group("All staff", cippsim.Security, "Whoever works here", ids(working)).MembershipRule = `(user.accountEnabled -eq true) and (user.userType -eq "Member") and (user.department -ne null)`
	management := f.group(groupManagement, cippsim.Microsoft365, "Those who answer for others", ids(staff[:min(6, len(staff))]))
	management.Team, management.Owners = true, owner
	remote := []string{guid("device", t.DefaultDomain, "laptop")} // devices may be members
	for i := 0; i < len(staff); i += 4 {
		remote = append(remote, staff[i].ID)
	}
	f.group(groupRemote, cippsim.Security, "May use the VPN", remote)
	accounts := slices.DeleteFunc(slices.Clone(staff), func(u *cippsim.User) bool { return u.Department != "Finance" })
	f.group("Payroll", cippsim.MailEnabledSecurity, "Sees salaries: ask the director first", append(ids(accounts), management.ID)).Owners = owner
	if len(staff) >= 30 && c.staff == 0 {
		f.licensing(staff)
	}
	if c.hidden != "" {
		f.group(c.hidden, cippsim.Security, "", ids(staff[:3]))
	}
	if c.residents > 0 {
		guests := slices.DeleteFunc(slices.Clone(t.Users), func(u *cippsim.User) bool { return !u.Guest })
		f.group(groupResidents, cippsim.Microsoft365, "Tenants of our houses, invited as guests", ids(guests)).Owners = owner
	}
}

// licensing makes a group that gives its members the largest of the seats.
func (f *workforce) licensing(staff []*cippsim.User) {
	sku := staff[0].Licences[0]
	g := f.group("Licensing: "+f.t.SKU(sku).Name, cippsim.Security, "Members get the licence", nil)
	g.Licences = []string{sku}
	for _, u := range staff[5:] {
		if slices.Contains(u.Licences, sku) {
			g.Members = append(g.Members, u.ID)
			u.Inherited = map[string]string{sku: g.ID}
		}
	}
}

// mailboxes gives one to everybody whose licence holds one, and makes those
// that are shared.
func (f *workforce) mailboxes() {
	t, staff := f.t, people(f.t)
	for i, u := range staff {
		if !slices.ContainsFunc(u.Licences, func(id string) bool { return hasMail(t.SKU(id)) }) {
			continue
		}
		m := f.mailbox(u, "UserMailbox", int64(1+(7*i+f.salt)%38)<<30)
		m.Archive = i%9 == 0
		if u.Disabled {
			m.ForwardTo, m.KeepCopy = "smtp:"+staff[0].UPN, true
		}
		if i == 0 && len(staff) > 1 {
			m.Calendar = []cippsim.CalendarRight{{User: staff[1].UPN, Rights: []string{"Editor"}}}
		}
	}
	if len(staff) < 3 {
		return
	}
	info := f.shared("info", "Info", "SharedMailbox", 3<<30)
	info.Delegates = []cippsim.Delegate{{User: staff[1].UPN, Rights: "FullAccess"}, {User: staff[2].UPN, Rights: "FullAccess"}, {User: staff[1].UPN, Rights: "SendAs"}}
	info.Calendar = []cippsim.CalendarRight{{User: staff[1].UPN, Rights: []string{"Editor"}}, {User: staff[2].UPN, Rights: []string{"Reviewer"}}}
	if len(staff) < 8 {
		return
	}
	accounts := f.shared("accounts", "Accounts payable", "SharedMailbox", 11<<30)
	accounts.Delegates = []cippsim.Delegate{{User: staff[2].UPN, Rights: "FullAccess"}, {User: staff[2].UPN, Rights: "SendAs"}}
	accounts.SendOnBehalf = []string{staff[0].UPN}
	if len(staff) >= 20 {
		room := f.shared("meeting-room", "Meeting room", "RoomMailbox", 1<<28)
		room.Calendar = []cippsim.CalendarRight{{User: staff[1].UPN, Rights: []string{"Editor"}}}
	}
}

// shared makes a mailbox with an account of its own, which nobody signs in to.
func (f *workforce) shared(local, name, kind string, used int64) *cippsim.Mailbox {
	u := f.account(local+"@"+f.t.DefaultDomain, name)
	u.Mail, u.ProxyAddresses, u.Disabled, u.UsageLocation = u.UPN, []string{"SMTP:" + u.UPN}, true, ""
	return f.mailbox(u, kind, used)
}

func (f *workforce) mailbox(u *cippsim.User, kind string, used int64) *cippsim.Mailbox {
	m := &cippsim.Mailbox{
		UserID: u.ID, UPN: u.UPN, DisplayName: u.DisplayName, PrimarySMTP: u.UPN, Type: kind, StorageUsed: used,
		Quota: 50 << 30, Items: int(used >> 16), DirSynced: u.Synced != nil && *u.Synced,
	}
	for _, a := range u.ProxyAddresses[1:] {
		m.Aliases = append(m.Aliases, strings.TrimPrefix(a, "smtp:"))
	}
	f.t.Mailboxes = append(f.t.Mailboxes, m)
	return m
}

// domains says what the analyser found: policies differ from tenant to tenant.
func (f *workforce) domains() {
	for i := range f.t.Domains {
		d := &f.t.Domains[i]
		if d.Initial {
			continue
		}
		d.Analysis = &cippsim.Analysis{At: f.cal.today, MailProvider: "Microsoft 365", MX: []string{strings.ReplaceAll(d.Name, ".", "-") + ".mail.protection.outlook.example"},
			SPF: "v=spf1 include:spf.protection.outlook.example -all", SPFPass: true, DMARC: []string{"Reject", "Quarantine", "None", ""}[(f.salt+i)%4], DKIM: f.salt%3 != 0, Score: 50 + 10*(f.salt%5)}
	}
}

// hasMail reports whether a licence holds a mailbox.
func hasMail(k *cippsim.SKU) bool {
	return k != nil && slices.Contains(placeLicences, k.PartNumber) && k.PartNumber != "O365_BUSINESS"
}

// groupOf finds a group of a tenant.
func groupOf(w *cippsim.World, domain, name string) (*cippsim.Tenant, *cippsim.Group, error) {
	t := w.Tenant(domain)
	if t == nil {
		return nil, nil, fmt.Errorf("there is no tenant %s", domain)
	}
	for _, g := range t.Groups {
		if g.DisplayName == name {
			return t, g, nil
		}
	}
	return t, nil, fmt.Errorf("tenant %s has no group %s", domain, name)
}
