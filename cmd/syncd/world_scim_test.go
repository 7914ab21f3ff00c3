package main

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"

	cippsim "syncd/internal/simulator/cipp"
	scimsim "syncd/internal/simulator/scim"
)

const (
	cinodeToken  = "make-believe-cinode-token"
	contosoLeads = "c0ffee00-0000-4000-8000-0000000000a2" // a group that stands for a role
)

// provision brings a Cinode up beside CIPP and ConnectWise, and people who
// belong there. In Contoso's account somebody spelled Ann's userName in his own
// way, Bob came there by another engine under a former name, and Zoe, who is
// nobody's, is in a team of her own.
func (w *world) provision() error {
	w.people()
	w.cipp.Update(func(c *cippsim.World) {
		t := c.Tenant("contoso.example")
		t.Groups = append(t.Groups, &cippsim.Group{ID: contosoLeads, DisplayName: "Team leads", Created: time.Now().AddDate(-1, 0, 0), Members: []string{contosoPeople["cleo"]}})
	})
	ann := scimsim.Person("Ann@Contoso.example", "Ann", "Berg")
	bob := scimsim.Person("robert@contoso.example", "Robert", "Marsh").With("externalId", contosoPeople["bob"])
	zoe := scimsim.Person("zoe@elsewhere.example", "Zoe", "Stranger")
	strangers := scimsim.Group("Strangers", "903")
	ann.ID, bob.ID, zoe.ID, strangers.ID = "901", "902", "903", "904"
	w.cinode = scimsim.New(scimsim.World{Accounts: []*scimsim.Account{
		{ID: "contoso", Users: []*scimsim.Resource{ann, bob, zoe}, Groups: []*scimsim.Resource{strangers}},
		{ID: "fabrikam"},
	}}, scimsim.Options{Dialect: scimsim.Cinode(), Token: cinodeToken})
	server := httptest.NewServer(w.cinode)
	w.servers = append(w.servers, server)
	return appendFile(w.dir, "config.yaml", fmt.Sprintf(`scim:
  - name: cinode
    profile: cinode
    url: %s%s
    token: %s
    rate: {per_second: 1000, burst: 100, concurrency: 4}
    groups: {include: [Sales]}
`, server.URL, w.cinode.Dialect().Base, cinodeToken))
}

// checkCinode compares Contoso's account with what a script says of it:
//
//	users N active M             so many users, so many of them active
//	user NAME PATH is TEXT       a value of the user of that userName
//	group NAME are NAME…         its members by their userNames, sorted
//	team NAME are NAME…          those of a team or role
//	strays N                     teams that were made because no link was prepared
//	writes N                     since world forget, in all accounts
//	asked N                      requests since then
//	manners                      nothing was asked that no client may ask
func (w *world) checkCinode(args []string) error {
	now := w.cinode.Account("contoso")
	got, want := "", args[len(args)-1]
	members := func(ids []string) {
		names := now.Names(ids)
		slices.Sort(names)
		got, want = strings.Join(names, " "), strings.Join(args[3:], " ")
	}
	switch verb := args[0]; {
	case verb == "users" && len(args) == 4:
		users, active, _ := w.cinode.Count("contoso")
		got, want = fmt.Sprintf("%d active %d", users, active), strings.Join(args[1:], " ")
	case verb == "user" && len(args) == 5:
		u := now.User(args[1])
		if u == nil {
			return fmt.Errorf("no user %s", args[1])
		}
		got = u.Text(args[2])
	case verb == "group" && len(args) > 2:
		g := now.Group(args[1])
		if g == nil {
			return fmt.Errorf("no group %s", args[1])
		}
		members(g.Members)
	case verb == "team" && len(args) > 2:
		t := now.Team(args[1])
		if t == nil {
			return fmt.Errorf("no team %s", args[1])
		}
		members(t.Members)
	case verb == "strays" && len(args) == 2:
		n := 0
		for _, t := range now.Teams {
			if t.Stray {
				n++
			}
		}
		got = strconv.Itoa(n)
	case verb == "writes" && len(args) == 2:
		got = strconv.Itoa(len(w.cinode.Writes()))
		if got != want {
			for _, r := range w.cinode.Writes() {
				got += "; " + r.Method + " " + r.Path + " " + r.Body
			}
		}
	case verb == "asked" && len(args) == 2:
		got = strconv.Itoa(len(w.cinode.Requests()))
	case verb == "manners" && len(args) == 1:
		// Its own documents name a list of members to remove, after the RFC's filter.
		if v := w.cinode.Violations(scimsim.RemovesByList); len(v) > 0 {
			return fmt.Errorf("what no client may ask: %v", v)
		}
		return nil
	default:
		return fmt.Errorf("world cinode %s means nothing", strings.Join(args, " "))
	}
	if got != want {
		return fmt.Errorf("world cinode %s: got %s", strings.Join(args, " "), got)
	}
	return nil
}

// editCinode changes Contoso's account, as an administrator there would, or
// what goes wrong with Cinode:
//
//	former NAME MAIL      a disconnected user that keeps this address
//	mail NAME MAIL        another address for a user
//	set NAME PATH TEXT    somebody edits a user
//	role NAME KEY         a role is prepared for the group of that name and id
//	lose METHOD           the next such request is committed and never answered
//	token TEXT            the token it takes from now on
//	heal                  answers are lost no more
func (w *world) editCinode(args []string) (err error) {
	switch verb := args[0]; {
	case verb == "lose" && len(args) == 2:
		w.cinode.Fail(scimsim.Rule{Method: args[1], Times: 1, Fault: scimsim.Fault{Kind: scimsim.DroppedCommitted}})
		return nil
	case verb == "heal" && len(args) == 1:
		w.cinode.Heal()
		return nil
	}
	w.cinode.Edit("tess", func(now *scimsim.World) {
		a := now.Account("contoso")
		user := func(change func(*scimsim.Resource)) {
			if u := a.User(args[1]); u != nil {
				change(u)
				return
			}
			err = fmt.Errorf("no user %s", args[1])
		}
		switch verb := args[0]; {
		case verb == "former" && len(args) == 3:
			u := scimsim.Person(args[1], "Former", "Colleague").With("active", false).With("emails", []any{map[string]any{"value": args[2], "type": "work"}})
			u.Disconnected = true
			a.Users = append(a.Users, u)
		case verb == "mail" && len(args) == 3:
			user(func(u *scimsim.Resource) {
				u.With("emails", []any{map[string]any{"value": args[2], "type": "work"}})
			})
		case verb == "set" && len(args) == 4:
			user(func(u *scimsim.Resource) { u.With(args[2], args[3]) })
		case verb == "role" && len(args) == 3:
			a.Teams = append(a.Teams, &scimsim.Team{Name: args[1], Role: true, PreparedName: args[1], PreparedID: args[2]})
		case verb == "token" && len(args) == 2:
			for _, a := range now.Accounts {
				a.Token = args[1]
			}
		default:
			err = fmt.Errorf("world cinode %s means nothing", strings.Join(args, " "))
		}
	})
	return err
}
