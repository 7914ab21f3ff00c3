package main

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"

	cippsim "syncd/internal/simulator/cipp"
	itgluesim "syncd/internal/simulator/itglue"
)

const itglueKey = "ITG.make-believe"

// The people of Contoso, by what stands before the @ of their addresses.
var contosoPeople = map[string]string{
	"ann":  "c0ffee00-0000-4000-8000-000000000001",
	"bob":  "c0ffee00-0000-4000-8000-000000000002",
	"cleo": "c0ffee00-0000-4000-8000-000000000003",
	"info": "c0ffee00-0000-4000-8000-000000000004", // a shared mailbox
	"temp": "c0ffee00-0000-4000-8000-000000000005", // disabled
}

const contosoSales = "c0ffee00-0000-4000-8000-0000000000a1" // a group

// document brings an IT Glue up beside the other systems, and people whom it
// is about: Ann has a contact with her address, Bob one with his name alone.
func (w *world) document() error {
	w.itglue = itgluesim.New(itglueWorld(), itgluesim.Options{Key: itglueKey})
	server := httptest.NewServer(w.itglue)
	w.servers = append(w.servers, server)
	w.people()
	return appendFile(w.dir, "config.yaml", "itglue:\n  url: "+server.URL+"\n  api_key: "+itglueKey+"\n  rate: {per_second: 1000, burst: 100, concurrency: 4}\n")
}

// people puts those into CIPP whom documentation and provisioning are about.
func (w *world) people() {
	w.cipp.Update(func(c *cippsim.World) {
		t := c.Tenant("contoso.example")
		for _, p := range []struct{ key, given, surname, title string }{{"ann", "Ann", "Berg", "Buyer"}, {"bob", "Bob", "Marsh", ""}, {"cleo", "Cleo", "Diaz", "CTO"}, {"info", "", "", ""}, {"temp", "Temp", "Old", ""}} {
			u := &cippsim.User{ID: contosoPeople[p.key], UPN: p.key + "@contoso.example", Mail: p.key + "@contoso.example", GivenName: p.given, Surname: p.surname, DisplayName: strings.TrimSpace(p.given + " " + p.surname),
				JobTitle: p.title, Created: time.Now().AddDate(-1, 0, 0)}
			kind := "UserMailbox"
			switch p.key {
			case "info":
				u.DisplayName, u.Disabled, kind = "Info", true, "SharedMailbox"
			case "temp":
				u.Disabled, kind = true, ""
			default:
				u.Licences = []string{skus["SPB"].id}
			}
			t.Users = append(t.Users, u)
			if kind != "" {
				m := &cippsim.Mailbox{UserID: u.ID, UPN: u.UPN, DisplayName: u.DisplayName, PrimarySMTP: u.Mail, Type: kind, StorageUsed: 2 << 30}
				if p.key == "info" {
					m.Delegates = []cippsim.Delegate{{User: "ann@contoso.example", Rights: "FullAccess"}}
				}
				t.Mailboxes = append(t.Mailboxes, m)
			}
		}
		for _, other := range []string{"fabrikam.example", "tailspin.example"} {
			o := c.Tenant(other)
			u := &cippsim.User{UPN: "gus@" + other, Mail: "gus@" + other, GivenName: "Gus", Surname: "Lund", DisplayName: "Gus Lund", Created: time.Now().AddDate(-1, 0, 0), Licences: []string{o.SKUs[0].SkuID}}
			o.Users = append(o.Users, u)
			o.Mailboxes = append(o.Mailboxes, &cippsim.Mailbox{UPN: u.UPN, DisplayName: u.DisplayName, PrimarySMTP: u.Mail, StorageUsed: 1 << 30})
		}
		t.Groups = append(t.Groups, &cippsim.Group{ID: contosoSales, DisplayName: "Sales", Description: "Who sells", Mail: "sales@contoso.example", MailNickname: "sales", Kind: cippsim.Microsoft365,
			Created: time.Now().AddDate(-1, 0, 0), Members: []string{contosoPeople["ann"], contosoPeople["bob"]}, Owners: []string{contosoPeople["ann"]}})
	})
}

func itglueWorld() itgluesim.World {
	twin := func(company int) []itgluesim.Adapter {
		return []itgluesim.Adapter{{TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: strconv.Itoa(company), Sync: true}}
	}
	return itgluesim.World{
		Organizations: []*itgluesim.Organization{
			{ID: 800, Name: "Harbour IT Services", Primary: true},
			{ID: 850, Name: "Contoso", ShortName: "Contoso", Adapters: twin(250)},
			{ID: 851, Name: "Fabrikam", ShortName: "Fabrikam", Adapters: twin(251)},
			{ID: 852, Name: "Tailspin Toys"},
		},
		Contacts: []*itgluesim.Contact{
			{ID: 860, OrganizationID: 850, FirstName: "Ann", LastName: "Berg", Title: "Head of purchasing", Emails: []itgluesim.Email{{Value: "Ann@Contoso.example", Label: "Work", Primary: true}}},
			{ID: 861, OrganizationID: 850, FirstName: "Bob", LastName: "Marsh"},
		},
		Domains: []*itgluesim.Domain{{ID: 870, OrganizationID: 850, Name: "contoso.example"}},
	}
}

// checkITGlue compares IT Glue with what a script says of it:
//
//	assets N                 so many live assets of ours
//	archived N               so many archived ones
//	contacts N               so many contacts
//	writes N                 so many writes since world forget
//	trait NAME KEY is TEXT   a value of the asset of that name
//	contact ID FIELD is TEXT title or email
func (w *world) checkITGlue(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("world itglue %s: too few words", strings.Join(args, " "))
	}
	now := w.itglue.World()
	count := func(archived bool) int {
		n := 0
		for _, a := range now.Assets {
			if a.Archived == archived {
				n++
			}
		}
		return n
	}
	got, want := "", args[len(args)-1]
	switch args[0] {
	case "assets":
		got = strconv.Itoa(count(false))
	case "archived":
		got = strconv.Itoa(count(true))
	case "contacts":
		got = strconv.Itoa(len(now.Contacts))
	case "writes":
		got = strconv.Itoa(len(w.itglue.Writes()))
		if got != want {
			for _, r := range w.itglue.Writes() {
				got += "; " + r.Method + " " + r.Path + " " + r.Body
			}
		}
	case "trait":
		i := slices.IndexFunc(now.Assets, func(a *itgluesim.Asset) bool { return fmt.Sprint(now.Trait(a, "name")) == args[1] })
		if i < 0 {
			return fmt.Errorf("no asset is called %q", args[1])
		}
		got = fmt.Sprint(now.Trait(now.Assets[i], args[2]))
	case "contact":
		id, _ := strconv.ParseInt(args[1], 10, 64)
		c := now.Contact(id)
		if c == nil {
			return fmt.Errorf("no contact %s", args[1])
		}
		switch args[2] {
		case "title":
			got = c.Title
		case "email":
			for _, e := range c.Emails {
				got += e.Value
			}
		}
	default:
		return fmt.Errorf("world itglue %s means nothing", args[0])
	}
	if got != want {
		return fmt.Errorf("world itglue %s: got %s", strings.Join(args, " "), got)
	}
	return nil
}

// editITGlue changes what IT Glue holds, as a person there would, or what goes
// wrong with it:
//
//	set NAME KEY TEXT      a value of the asset of that name
//	title ID TEXT          of a contact
//	require TYPE FIELD     an administrator makes a field required
//	rename TYPE FIELD NAME another label, and with it another key
//	drop TYPE FIELD        a field goes, and what assets hold in it: as an earlier version made the type
//	lose POST              the next such request is committed and never answered
//	heal
func (w *world) editITGlue(args []string) (err error) {
	field := func(w *itgluesim.World, edit func(*itgluesim.Field)) {
		t := w.TypeNamed(args[1])
		for _, f := range w.Fields {
			if t != nil && f.TypeID == t.ID && f.Name == args[2] {
				edit(f)
				return
			}
		}
		err = fmt.Errorf("no field %s of %s", args[2], args[1])
	}
	w.itglue.Edit("tess", func(now *itgluesim.World) {
		switch {
		case args[0] == "set" && len(args) == 4:
			i := slices.IndexFunc(now.Assets, func(a *itgluesim.Asset) bool { return fmt.Sprint(now.Trait(a, "name")) == args[1] })
			if i < 0 {
				err = fmt.Errorf("no asset is called %q", args[1])
				return
			}
			now.SetTrait(now.Assets[i], args[2], args[3])
		case args[0] == "title" && len(args) == 3:
			id, _ := strconv.ParseInt(args[1], 10, 64)
			now.Contact(id).Title = args[2]
		case args[0] == "require" && len(args) == 3:
			field(now, func(f *itgluesim.Field) { f.Required = true })
		case args[0] == "drop" && len(args) == 3:
			field(now, func(f *itgluesim.Field) {
				for _, a := range now.Assets {
					delete(a.Traits, f.ID)
				}
				now.Fields = slices.DeleteFunc(now.Fields, func(other *itgluesim.Field) bool { return other == f })
			})
		case args[0] == "rename" && len(args) == 4:
			field(now, func(f *itgluesim.Field) { f.Name, f.NameKey = args[3], "" })
		case args[0] == "lose" && len(args) == 2, args[0] == "heal":
		default:
			err = fmt.Errorf("world itglue %s means nothing", strings.Join(args, " "))
		}
	})
	switch args[0] {
	case "lose":
		w.itglue.Fail(itgluesim.Rule{Method: args[1], Times: 1, Fault: itgluesim.Fault{Kind: itgluesim.DroppedCommitted}})
	case "heal":
		w.itglue.Heal()
	}
	return err
}
