package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
)

// operate starts the world for the cipp commands: our API client may change
// things, people work at Contoso and Fabrikam, and CIPP's scheduler does what it
// has to do as soon as somebody looks at it.
func (w *world) operate() error {
	if err := w.start(); err != nil {
		return err
	}
	w.role("editor")
	w.cipp.Update(func(c *cippsim.World) {
		yes, no := true, false
		t := c.Tenant("contoso.example")
		for _, p := range []struct {
			key, given, surname, title string
			licence, mfa               string
			admin                      bool
		}{{"ann", "Ann", "Berg", "Buyer", "SPB", "disabled", false}, {"bob", "Bob", "Marsh", "", "SPB", "enforced", true}, {"cleo", "Cleo", "Diaz", "CTO", "SPB", "disabled", true}, {"info", "Info", "", "", "", "disabled", false}, {"temp", "Temp", "Old", "", "", "disabled", false}} {
			u := &cippsim.User{ID: contosoPeople[p.key], UPN: p.key + "@contoso.example", Mail: p.key + "@contoso.example", GivenName: p.given, Surname: p.surname, DisplayName: strings.TrimSpace(p.given + " " + p.surname),
				JobTitle: p.title, Created: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), UsageLocation: "GB", PerUserMFA: p.mfa, Admin: p.admin, MFARegistered: &no, CoveredBySD: &no}
			m := &cippsim.Mailbox{UserID: u.ID, UPN: u.UPN, DisplayName: u.DisplayName, PrimarySMTP: u.Mail, Type: "UserMailbox", StorageUsed: 2 << 30}
			switch p.key {
			case "info":
				u.Disabled, m.Type = true, "SharedMailbox"
				m.Delegates = []cippsim.Delegate{{User: "ann@contoso.example", Rights: "FullAccess"}}
			case "temp":
				u.Disabled = true
			case "bob":
				u.MFARegistered, u.MFAMethods = &yes, []string{"microsoftAuthenticator"}
			case "ann":
				m.Calendar = []cippsim.CalendarRight{{User: "bob@contoso.example", Rights: []string{"Reviewer"}}}
			}
			if p.licence != "" {
				u.Licences = []string{skus[p.licence].id}
			}
			t.Users, t.Mailboxes = append(t.Users, u), append(t.Mailboxes, m)
		}
		t.SKUs = append(t.SKUs, bought("SPE_E3", 2, 0), bought("EXCHANGESTANDARD", 1, 0))
		t.SKU("SPB").Enabled = 4
		t.CountConsumed()
		t.Groups = append(t.Groups,
			&cippsim.Group{ID: contosoSales, DisplayName: "Sales", Mail: "sales@contoso.example", MailNickname: "sales", Kind: cippsim.Microsoft365, Members: []string{contosoPeople["ann"], contosoPeople["bob"]}, Owners: []string{contosoPeople["ann"]}},
			&cippsim.Group{DisplayName: "Everybody", Kind: cippsim.Security, MembershipRule: "user.accountEnabled -eq true", Members: []string{contosoPeople["ann"]}})
		t.Devices = []cippsim.Device{{Name: "CONTOSO-14", Owner: "ann@contoso.example", System: "Windows", Version: "10.0.26100", Compliant: true, Serial: "5CG-0014", LastSync: time.Now()}}
		t.Alerts = []cippsim.Alert{{Title: "Sign-in from an unusual place", Category: "InitialAccess", Severity: "high", Status: "newAlert", At: time.Now(), Users: "ann@contoso.example"}}
		f := c.Tenant("fabrikam.example")
		f.Users = append(f.Users, &cippsim.User{UPN: "gus@fabrikam.example", Mail: "gus@fabrikam.example", GivenName: "Gus", Surname: "Lund", DisplayName: "Gus Lund", Licences: []string{skus["SPE_E3"].id}, UsageLocation: "DE", PerUserMFA: "disabled", MFARegistered: &no, CoveredBySD: &no})
		f.CountConsumed()
		c.TenantGroups = []*cippsim.TenantGroup{{Name: "Gold", Description: "Within four hours", Members: []string{contoso}}, {Name: "All of them", Dynamic: true, Members: []string{contoso, fabrikam, tailspin}}}
	})
	w.connectwise.Edit("jwhite", func(c *cwsim.World) {
		c.Roles[0].Settings = append(c.Roles[0].Settings, cwsim.RoleSetting{Module: "Service Desk", Function: "Service Tickets", Inquire: "All"})
		c.Contacts = append(c.Contacts, &cwsim.Contact{ID: 41, FirstName: "Nora", LastName: "Vik", Title: "Hygienist", CompanyID: 250, Communications: []cwsim.Communication{{ID: 1, Kind: "Email", Value: "nora@contoso.example", Default: true}}},
			&cwsim.Contact{ID: 42, FirstName: "Olaf", LastName: "Moe", CompanyID: 253})
		c.Tickets = append(c.Tickets, &cwsim.Ticket{ID: 7001, Summary: "New colleague", CompanyID: 250, ContactID: 41})
	})
	w.cipp.RefreshCache()
	w.cipp.Before(w.prompt)
	return nil
}

// prompt is a scheduler that has done its work before anybody asks.
func (w *world) prompt(r *http.Request) cippsim.Fault {
	if r.URL.Path == "/api/ListScheduledItems" {
		w.cipp.RunTasks()
	}
	return cippsim.Fault{}
}

func (w *world) role(name string) {
	w.cipp.Update(func(c *cippsim.World) { c.Clients[0].Role = name })
}

// admin edits what the cipp commands meet in CIPP, or checks what they did:
//
//	role NAME                     the built-in role of our API client
//	reach TENANT…                 a custom role that reaches these tenants alone
//	refuse ENDPOINT TEXT          200, and the sentence of a failure
//	pretend ENDPOINT              success, and nothing is done
//	partial                       what follows the making of an account fails
//	lose ENDPOINT                 the next call is carried out, and its answer is lost
//	stall ENDPOINT                the next call hangs until its caller is gone; nothing is done
//	trip STEP TEXT                a step of an offboarding ends so
//	newer ENDPOINT…               CIPP has them, and no map does
//	heal
//	alias TENANT is TEXT
//	group NAME has TENANTS        a tenant group and the domains of its members
//	user TENANT UPN FACT is TEXT  exists, enabled, title, licences, groups, mfa, mailbox, forward, calendar, delegates, password (set or not)
//	tasks N                       so many in CIPP's scheduler
//	calls ENDPOINT N              so many since world forget
//	told TENANT UPN FILE [N]      the file has the account's password so many times; once, if not said
//	no-passwords FILE…            the files have nobody's
func (w *world) admin(ts *testscript.TestScript, args []string) error {
	arg := func(i int) string {
		if i >= len(args) {
			ts.Fatalf("world admin %s: too few words", strings.Join(args, " "))
		}
		return args[i]
	}
	is := func(got string) error {
		if want := args[len(args)-1]; got != want {
			return fmt.Errorf("%s: got %s, want %s", strings.Join(args[:len(args)-1], " "), got, want)
		}
		return nil
	}
	now := w.cipp.World()
	switch arg(0) {
	case "role":
		w.role(arg(1))
	case "reach":
		w.cipp.Update(func(c *cippsim.World) {
			r := &cippsim.Role{Name: "some", Permissions: permissions()}
			for _, t := range args[1:] {
				r.AllowedTenants = append(r.AllowedTenants, c.Tenant(t).CustomerID)
			}
			c.Roles, c.Clients[0].Role = append(c.Roles, r), r.Name
		})
	case "refuse":
		w.cipp.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Refused: map[string]string{arg(1): arg(2)}}})
	case "pretend":
		w.cipp.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Pretended: []string{arg(1)}}})
	case "partial":
		w.cipp.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Partial: true}})
	case "trip":
		w.cipp.SetFaults(cippsim.Faults{Tasks: cippsim.TaskFaults{Trips: map[string]string{arg(1): arg(2)}}})
	case "newer":
		w.cipp.SetFaults(cippsim.Faults{NewEndpoints: args[1:]})
	case "lose":
		w.cipp.Fail(cippsim.Rule{Endpoint: arg(1), Times: 1, Fault: cippsim.Fault{Kind: cippsim.CutBody}})
	case "stall":
		w.stallCIPP(arg(1))
	case "heal":
		w.release()
		w.cipp.Heal()
		w.cipp.Before(w.prompt)
	case "alias":
		return is(now.Tenant(arg(1)).Alias())
	case "group":
		for _, g := range now.TenantGroups {
			if g.Name == arg(1) {
				var domains []string
				for _, id := range g.Members {
					domains = append(domains, now.Tenant(id).DefaultDomain)
				}
				slices.Sort(domains)
				return is(strings.Join(domains, " "))
			}
		}
		return is("no such group")
	case "user":
		got, err := fact(now.Tenant(arg(1)), arg(2), arg(3))
		if err != nil {
			return err
		}
		return is(got)
	case "tasks":
		return is(strconv.Itoa(len(now.Tasks)))
	case "calls":
		return is(strconv.Itoa(w.cipp.Count(arg(1))))
	case "told":
		u := now.Tenant(arg(1)).User(arg(2))
		want := 1
		if len(args) > 4 {
			want, _ = strconv.Atoi(args[4])
		}
		if u.Password == "" {
			return fmt.Errorf("nobody set a password of %s", u.UPN)
		}
		if got := strings.Count(ts.ReadFile(arg(3)), u.Password); got != want {
			return fmt.Errorf("%s has the password of %s %d times, want %d", args[3], u.UPN, got, want)
		}
	case "no-passwords":
		for _, file := range args[1:] {
			text := ts.ReadFile(file)
			for _, t := range now.Tenants {
				for _, u := range t.Users {
					if u.Password != "" && strings.Contains(text, u.Password) {
						return fmt.Errorf("%s has the password of %s", file, u.UPN)
					}
				}
			}
		}
	default:
		return fmt.Errorf("world admin %s means nothing", args[0])
	}
	return nil
}

// permissions are those of a role that may work with people and licences.
func permissions() []string {
	return []string{"CIPP.Core.ReadWrite", "CIPP.Scheduler.ReadWrite", "Identity.User.ReadWrite", "Identity.Group.ReadWrite", "Tenant.Administration.ReadWrite", "Tenant.Directory.ReadWrite", "Exchange.Mailbox.ReadWrite", "Identity.AuditLog.Read"}
}

// fact says what is so about an account now.
func fact(t *cippsim.Tenant, upn, what string) (string, error) {
	u := t.User(upn)
	if what == "exists" {
		return strconv.FormatBool(u != nil && !u.Deleted), nil
	}
	if u == nil {
		return "", fmt.Errorf("there is no %s", upn)
	}
	var m *cippsim.Mailbox
	if i := slices.IndexFunc(t.Mailboxes, func(m *cippsim.Mailbox) bool { return m.UPN == u.UPN }); i >= 0 {
		m = t.Mailboxes[i]
	}
	var list []string
	switch what {
	case "enabled":
		return strconv.FormatBool(!u.Disabled), nil
	case "title":
		return u.JobTitle, nil
	case "mfa":
		return u.PerUserMFA, nil
	case "password":
		if u.Password == "" {
			return "not set", nil
		}
		return "set", nil
	case "licences":
		for _, id := range u.Licences {
			list = append(list, t.SKU(id).PartNumber)
		}
	case "groups":
		for _, g := range t.Groups {
			if slices.Contains(g.Members, u.ID) {
				list = append(list, g.DisplayName)
			}
		}
	case "mailbox":
		return m.Type, nil
	case "forward":
		return strings.TrimSpace(m.ForwardInner + " " + m.ForwardTo), nil
	case "calendar":
		for _, r := range m.Calendar {
			list = append(list, r.User+":"+strings.Join(r.Rights, "+"))
		}
	case "delegates":
		for _, d := range m.Delegates {
			list = append(list, d.User+":"+d.Rights)
		}
	default:
		return "", fmt.Errorf("nobody knows the %s of an account", what)
	}
	slices.Sort(list)
	return strings.Join(list, " "), nil
}

// stallCIPP lets the next call of an endpoint hang until its caller is gone; it
// is not carried out then.
func (w *world) stallCIPP(endpoint string) {
	ctx, cancel := context.WithCancel(context.Background())
	w.release = cancel
	var taken atomic.Bool
	w.cipp.Before(func(r *http.Request) cippsim.Fault {
		if r.URL.Path != "/api/"+endpoint || taken.Swap(true) {
			return w.prompt(r)
		}
		w.arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-ctx.Done():
		}
		return cippsim.Fault{Kind: cippsim.Dropped}
	})
}
