package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The limits of a first run, which makes everything at a target.
const (
	maxRequestRatio      = 1.05 // times what the objects cost, a list or two included
	maxAnonymousFirstRun = 64   // MiB, however many customers there are
	maxAnonymousLargest  = 96   // MiB, of a single customer with 5,000 users, who is planned as a whole
	maxPerObject         = 1.0  // KiB that an object leaves behind: its line in the report
)

// A firstRun is a run that creates everything at the target.
type firstRun struct {
	what   string // it is, for people
	system string // the target, as rates call it
	at     rate
	timed  bool                          // whether the bucket dictates the time, or memory is all that counts
	cost   func(held map[string]int) int // requests that what the target holds then was worth
	unit   string                        // what that counts

	anonymous int // KiB, the most that was seen
	objects   int // that were made
}

// paceOf is the rate of a timed run.
func (b *bench) paceOf(accelerated, usual rate) rate {
	if b.slow {
		return usual
	}
	return accelerated
}

// measure runs it.
func (f *firstRun) measure(b *bench, p *program, sims *simulators) error {
	if _, err := p.run(0, nil, "map", "import", "links.csv"); err != nil {
		return err
	}
	if _, err := sims.command(command{Reset: true}); err != nil {
		return err
	}
	r, err := p.run(0, rates{f.system: f.at}, "apply")
	if err != nil {
		return err
	}
	a, err := sims.command(command{})
	if err != nil {
		return err
	}
	f.anonymous, f.objects = r.anonymous, sum(a.Held)
	res := &b.results
	if !f.timed {
		res.inform(f.what+"requests a second, the bucket open", "%.0f", float64(sum(a.Target))/a.Last.Sub(a.First).Seconds())
	} else {
		requests, worth := sum(a.Target), f.cost(a.Held)
		each := float64(requests) / float64(max(worth, 1))
		res.gate(worth > 0 && each <= maxRequestRatio, f.what+"requests ÷ "+f.unit, fmt.Sprintf("≤ %.2f", maxRequestRatio), "%.3f (%d ÷ %d)", each, requests, worth)
		ideal := f.at.ideal(requests)
		ratio := r.wall.Seconds() / ideal.Seconds()
		res.gate(ratio <= maxWallRatio, f.what+fmt.Sprintf("wall ÷ token bucket (%s)", f.at), fmt.Sprintf("≤ %.2f", maxWallRatio),
			"%.3f (%.2f s ÷ %.2f s)", ratio, r.wall.Seconds(), ideal.Seconds())
		res.gate(len(a.Complaints) == 0, f.what+"complaints of the simulators", "none", "%s", complaints(&a))
		res.inform(f.what+"before the first request, after the last answer", "%.2f s, %.2f s", a.First.Sub(r.started).Seconds(), r.started.Add(r.wall).Sub(a.Last).Seconds())
		res.inform(f.what+"CPU", "%.2f s", r.cpu.Seconds())
	}
	res.memory(f.what, r, ceiling(sims))
	return nil
}

// memory compares what a run kept with its ceiling.
func (r *results) memory(what string, of *execution, most int) {
	r.gate(mib(of.anonymous) <= float64(most), what+"anonymous memory", fmt.Sprintf("≤ %d MiB", most), "%.1f MiB (VmHWM %.1f)", mib(of.anonymous), mib(of.high))
}

// ceiling is the most memory that an estate may take: it follows the largest
// customer, and not how many there are.
func ceiling(sims *simulators) int {
	if sims.Customers == 1 {
		return maxAnonymousLargest
	}
	return maxAnonymousFirstRun
}

// growth tells constant memory from memory that follows the estate. What is
// left of an object that is done is a line of the report, and no more.
func (r *results) growth(what string, few, many *firstRun) {
	each := float64(many.anonymous-few.anonymous) / float64(max(many.objects-few.objects, 1))
	r.gate(each <= maxPerObject, what+"anonymous memory an object more", fmt.Sprintf("≤ %g KiB", maxPerObject), "%.2f KiB", each)
}

// unchanged measures the cycle after a first run: nothing is written, and of
// the target only what is in the cheapest plan is read.
func (b *bench) unchanged(what string, p *program, sims *simulators, cheapest func(held map[string]int) map[string]int) error {
	if _, err := sims.command(command{Reset: true}); err != nil {
		return err
	}
	r, err := p.run(0, nil, "apply", "--json")
	if err != nil {
		return err
	}
	a, err := sims.command(command{})
	if err != nil {
		return err
	}
	inStep, err := r.total("in_step")
	if err != nil {
		return err
	}
	res := &b.results
	res.gate(inStep == sims.Customers, what+"customers in step", fmt.Sprint(sims.Customers), "%d", inStep)
	res.gate(len(a.Writes) == 0, what+"writes at the target", "0", "%d", len(a.Writes))
	res.gate(len(a.Complaints) == 0, what+"complaints of the simulators", "none", "%s", complaints(&a))
	want := cheapest(a.Held)
	for _, route := range slices.Sorted(maps.Keys(want)) {
		res.gate(a.Target[route] == want[route], what+route, fmt.Sprint(want[route]), "%d", a.Target[route])
	}
	var others []string
	for _, route := range slices.Sorted(maps.Keys(a.Target)) {
		if _, named := want[route]; !named {
			others = append(others, fmt.Sprintf("%s %d", route, a.Target[route]))
		}
	}
	res.gate(len(others) == 0, what+"any other request", "none", "%s", cmp.Or(strings.Join(others, ", "), "none"))
	res.memory(what, r, ceiling(sims))
	return nil
}

// complaints are how many there are, and the first of them.
func complaints(a *observations) string {
	if len(a.Complaints) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", len(a.Complaints), a.Complaints[0])
}

// pages is how many pages a list of so many rows has.
func pages(rows, of int) int { return max(1, (rows+of-1)/of) }
