package msp

import (
	"fmt"
	"slices"
	"strings"

	cippsim "syncd/internal/simulator/cipp"
	scimsim "syncd/internal/simulator/scim"
)

// CinodeToken is the token that the simulated Cinode accepts for all accounts.
const CinodeToken = "practice-cinode-0000000000000000000000000000"

// What syncd calls the target, and its column in the link table.
const (
	cinodeName   = "cinode"
	cinodeColumn = "scim_" + cinodeName
)

// cinodeAccounts are the customers who use Cinode, by their domains, each with
// the name of its account there. The scenarios about people take place at both.
var cinodeAccounts = map[string]string{sceneNames: "alder-finch", scenePeople: "calloway"}

// The people of Calloway Legal whom Cinode knows before syncd comes, by their
// place among the staff, and what is odd about them.
const (
	inCapitals = 1 // the userName is spelled with capitals
	byObjectID = 2 // another provisioning engine made it: the object id is there, the userName is a former one
	somebodys  = 3 // has the userName, and the object id of somebody else
	inStep     = 4
)

// elsewhereID is the object id that stands at the one who is somebody else's.
var elsewhereID = guid("user", "former tenant of Calloway Legal")

// identities makes the Cinode of the MSP's customers. Alder & Finch begin:
// there is a freelancer, in a team that an administrator has prepared for the
// group of its name. Calloway Legal have been there for a while.
func (b *builder) identities() scimsim.World {
	var w scimsim.World
	for i, t := range b.cipp.Tenants {
		name := cinodeAccounts[t.DefaultDomain]
		if name == "" {
			continue
		}
		a := &scimsim.Account{ID: name}
		freelancer := scimsim.Person(fmt.Sprintf("sunniva@freelance-%s.example", name), "Sunniva", "Quist")
		freelancer.ID = "500"
		a.Users = append(a.Users, freelancer)
		if t.DefaultDomain == sceneNames {
			a.Teams = append(a.Teams, b.preparedTeam(t, groupManagement, freelancer.ID))
		} else {
			a.Users = append(a.Users, alreadyThere(people(t))...)
		}
		w.Accounts = append(w.Accounts, a)
		b.links[b.linkOf(i)].Cinode = name
	}
	return w
}

// preparedTeam is a team that becomes the one of a group once the group comes.
func (b *builder) preparedTeam(t *cippsim.Tenant, group string, members ...string) *scimsim.Team {
	i := slices.IndexFunc(t.Groups, func(g *cippsim.Group) bool { return g.DisplayName == group })
	return &scimsim.Team{Name: group, PreparedName: group, PreparedID: t.Groups[i].ID, Members: members}
}

// alreadyThere are accounts that somebody made by hand, or with another engine.
func alreadyThere(staff []*cippsim.User) []*scimsim.Resource {
	var all []*scimsim.Resource
	add := func(nth int, userName, family string) *scimsim.Resource {
		r := scimsim.Person(userName, staff[nth].GivenName, family)
		r.ID = fmt.Sprint(501 + nth)
		all = append(all, r)
		return r
	}
	capital := staff[inCapitals]
	add(inCapitals, strings.ToUpper(capital.UPN[:1])+strings.Replace(capital.UPN[1:], "@callowaylegal", "@CallowayLegal", 1), capital.Surname)
	known := staff[byObjectID]
	add(byObjectID, "reception@"+scenePeople, known.Surname+"-Before").With("externalId", known.ID)
	add(somebodys, staff[somebodys].UPN, staff[somebodys].Surname).With("externalId", elsewhereID)
	same := staff[inStep]
	add(inStep, same.UPN, same.Surname).With("externalId", same.ID).With("name.formatted", same.DisplayName)
	return all
}

// linkOf is the line of the link table of the i-th tenant.
func (b *builder) linkOf(i int) int {
	return slices.IndexFunc(b.links, func(l Link) bool { return l.TenantID == b.cipp.Tenants[i].CustomerID })
}
