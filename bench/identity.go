package main

import (
	"fmt"
	"path/filepath"
)

// identityRate is forty times the default, so that a first sync takes half a
// minute and not twenty; the burst is the default one.
var (
	identityRate = rate{200, 10}
	scimRate     = rate{5, 10}
)

const (
	usersPerGroup = 10
	scimPage      = 100 // that the generic profile asks for
)

// identity measures SCIM: the first sync of one large account, what it keeps in
// memory, and the unchanged cycle after it.
func (b *bench) identity() error {
	few, err := b.provision(b.sizes.fewUsers, false)
	if err != nil {
		return err
	}
	many, err := b.provision(b.sizes.manyUsers, true)
	if err != nil {
		return err
	}
	// One customer is planned, held or applied as a whole, so that memory
	// follows its size up to the ceiling.
	b.results.inform(fmt.Sprintf("first sync, from %d to %d users: anonymous memory an object more", b.sizes.fewUsers, b.sizes.manyUsers),
		"%.2f KiB", float64(many.anonymous-few.anonymous)/float64(max(many.objects-few.objects, 1)))
	return nil
}

// provision takes one customer with so many users from nothing to everything.
func (b *bench) provision(users int, timed bool) (*firstRun, error) {
	e := estate{Target: identity, Customers: 1, Users: users, Groups: users / usersPerGroup}
	sims, err := startSimulators(e)
	if err != nil {
		return nil, err
	}
	defer sims.close()
	p, err := install(b.syncd, filepath.Join(b.dir, fmt.Sprintf("identity-%d", users)), sims)
	if err != nil {
		return nil, err
	}
	f := &firstRun{what: fmt.Sprintf("first sync of %d users and %d groups: ", e.Users, e.Groups), system: "SCIM_ESTATE", at: unlimited, timed: timed,
		// A group is made empty, then gets its members: providers are tested
		// with that. A look shows whether all of them arrived.
		unit: "(users + 3 × groups)", cost: func(held map[string]int) int { return held["users"] + 3*held["groups"] }}
	if timed {
		f.at = b.paceOf(identityRate, scimRate)
	}
	if err := f.measure(b, p, sims); err != nil || !timed {
		return f, err
	}
	return f, b.unchanged("unchanged identities: ", p, sims, func(held map[string]int) map[string]int {
		// Lists that fill one page prove nothing by it: two small ones show that
		// the provider counts what it holds and not what it sends.
		proven := func(rows int) int {
			if n := pages(rows, scimPage); n > 1 || rows < 2 {
				return n
			}
			return 3
		}
		return map[string]int{"GET /ServiceProviderConfig": 1, "GET /Users": proven(held["users"]), "GET /Groups": proven(held["groups"])}
	})
}
