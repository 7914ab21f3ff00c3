package main

import (
	"fmt"
	"path/filepath"
)

// documentationRate is some thirty times the default, so that a first
// documentation takes a minute and a half and not three quarters of an hour; the
// burst is the default one. Whatever else a run does weighs thirty times as much
// against it.
var (
	documentationRate = rate{250, 40}
	itglueRate        = rate{8, 40}
)

// documentation measures IT Glue: a first documentation from nothing, what it
// keeps in memory, and the unchanged cycle after it.
func (b *bench) documentation() error {
	few, err := b.document(b.sizes.fewDocumented, false)
	if err != nil {
		return err
	}
	many, err := b.document(b.sizes.documented, true)
	if err != nil {
		return err
	}
	b.results.growth(fmt.Sprintf("first documentation, from %d to %d customers: ", b.sizes.fewDocumented, b.sizes.documented), few, many)
	return nil
}

// document takes so many customers from nothing to everything.
func (b *bench) document(customers int, timed bool) (*firstRun, error) {
	e := estate{Target: documentation, Customers: customers, Users: b.sizes.users}
	sims, err := startSimulators(e)
	if err != nil {
		return nil, err
	}
	defer sims.close()
	p, err := install(b.syncd, filepath.Join(b.dir, fmt.Sprintf("documentation-%d", customers)), sims)
	if err != nil {
		return nil, err
	}
	f := &firstRun{what: fmt.Sprintf("first documentation of %d customers with %d users: ", customers, e.Users), system: "ITGLUE", at: unlimited, timed: timed,
		unit: "objects", cost: sum} // a POST each, tags included
	if timed {
		f.at = b.paceOf(documentationRate, itglueRate)
	}
	if err := f.measure(b, p, sims); err != nil || !timed {
		return f, err
	}
	return f, b.unchanged("unchanged documentation: ", p, sims, func(held map[string]int) map[string]int {
		lists := map[string]int{
			"GET /organizations":        pages(customers+1, 1000), // and the MSP's own
			"GET /contacts":             pages(held["contacts"], 1000),
			"GET /domains":              pages(customers, 1000),
			"GET /flexible_asset_types": 1,
			"GET /flexible_asset_types/{id}/relationships/flexible_asset_fields": len(held) - 1,
		}
		for kind, n := range held {
			if kind != "contacts" {
				lists["GET /flexible_assets"] += pages(n, 200)
			}
		}
		return lists
	})
}
