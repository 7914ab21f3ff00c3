package main

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The limits of an unchanged cycle.
const (
	maxWallRatio      = 1.05 // times what the token buckets dictate
	maxCPURatio       = 1.5  // times what encoding/json needs for the same answers
	maxAnonymous      = 48   // MiB
	maxCallsPerChange = 3    // calls
)

// The rates of the measured cycle: so that the buckets dictate tens of
// seconds, and no minutes. ConnectWise's is the default.
var (
	cippRate        = rate{50, 10}
	connectwiseRate = rate{5, 20}
)

// cycle measures the unchanged licence cycle of the usual estate, as `syncd
// apply` in a process of its own.
func (b *bench) cycle() error {
	n := b.sizes.usual
	sims, err := startSimulators(estate{Target: billing, Customers: n})
	if err != nil {
		return err
	}
	defer sims.close()
	p, err := install(b.syncd, filepath.Join(b.dir, "cycle"), sims)
	if err != nil {
		return err
	}
	if err := p.bringIntoStep(n); err != nil {
		return err
	}
	pacedCPU, err := b.pacedCycle(p, sims)
	if err != nil {
		return err
	}
	if err := b.cpuRatio(p, sims, pacedCPU); err != nil {
		return err
	}
	return b.changeCost(p, sims)
}

// pacedCycle measures wall time and calls at ordinary rates, and returns the CPU time.
func (b *bench) pacedCycle(p *program, sims *simulators) (cpu time.Duration, err error) {
	if _, err := sims.command(command{Reset: true}); err != nil {
		return 0, err
	}
	r, err := p.run(0, rates{"CIPP": cippRate, "CONNECTWISE": connectwiseRate}, "apply", "--json")
	if err != nil {
		return 0, err
	}
	a, err := sims.command(command{})
	if err != nil {
		return 0, err
	}
	n := sims.Customers
	inStep, err := r.total("in_step")
	if err != nil {
		return 0, err
	}
	res := &b.results
	res.gate(inStep == n, "unchanged cycle: customers in step", fmt.Sprint(n), "%d", inStep)
	res.gate(len(a.Writes) == 0, "unchanged cycle: writes at the target", "0", "%d", len(a.Writes))
	res.gate(len(a.Complaints) == 0, "unchanged cycle: complaints of the simulators", "0", "%d", len(a.Complaints))
	b.calls(&a, n)

	apiCalls := a.CIPP["listtenants"] + a.CIPP["listgraphbulkrequest"]
	ideal := max(cippRate.ideal(apiCalls), connectwiseRate.ideal(sum(a.Target)))
	ratio := r.wall.Seconds() / ideal.Seconds()
	res.gate(ratio <= maxWallRatio, fmt.Sprintf("unchanged cycle: wall ÷ token buckets (CIPP %s, ConnectWise %s)", cippRate, connectwiseRate),
		fmt.Sprintf("≤ %.2f", maxWallRatio), "%.3f (%.2f s ÷ %.2f s)", ratio, r.wall.Seconds(), ideal.Seconds())
	return r.cpu, nil
}

// calls compares what was asked with the cheapest plan.
func (b *bench) calls(a *observations, n int) {
	per := func(k int) int { return (n + k - 1) / k }
	want := []struct {
		what  string
		of    map[string]int
		key   string
		calls int
	}{
		{"CIPP: token (start-up)", a.CIPP, "token", 1},
		{"CIPP: ListTenants", a.CIPP, "listtenants", 1},
		{"CIPP: ListGraphBulkRequest", a.CIPP, "listgraphbulkrequest", n},
		{"ConnectWise: catalogue", a.Target, "GET /procurement/catalog", 1},
		{"ConnectWise: companies", a.Target, "GET /company/companies", per(100)},
		{"ConnectWise: agreements", a.Target, "GET /finance/agreements", per(100)},
		{"ConnectWise: bundles of additions", a.Target, "POST /system/bundles", per(25)},
	}
	named := map[string]bool{}
	total := 0
	for _, w := range want {
		named[w.key] = true
		total += w.calls
		b.results.gate(w.of[w.key] == w.calls, "calls: "+w.what, fmt.Sprint(w.calls), "%d", w.of[w.key])
	}
	var others []string
	for _, of := range []map[string]int{a.CIPP, a.Target} {
		for _, key := range slices.Sorted(maps.Keys(of)) {
			if !named[key] {
				others = append(others, fmt.Sprintf("%s %d", key, of[key]))
			}
		}
	}
	b.results.gate(len(others) == 0, "calls: anything else", "none", "%s", cmp.Or(strings.Join(others, ", "), "none"))
	b.results.gate(a.calls() == total, "calls: together", fmt.Sprint(total), "%d", a.calls())
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// cpuRatio compares syncd's CPU time with that of bare decoding, both the median
// of three and both without a pause: a processor that goes to sleep between two
// answers makes either dearer, which the second comparison shows.
func (b *bench) cpuRatio(p *program, sims *simulators, pacedCPU time.Duration) error {
	if _, err := sims.command(command{Reset: true, Record: true}); err != nil {
		return err
	}
	if _, err := p.run(0, nil, "apply", "--json"); err != nil {
		return err
	}
	a, err := sims.command(command{})
	if err != nil {
		return err
	}
	bytes := 0
	for _, x := range a.Answers {
		bytes += len(x.Body)
	}
	bare, err := decodeAll(a.Answers)
	if err != nil {
		return err
	}
	var cpus []time.Duration
	for range 3 {
		r, err := p.run(0, nil, "apply", "--json")
		if err != nil {
			return err
		}
		cpus = append(cpus, r.cpu)
	}
	cpu := median(cpus)
	idle, err := p.idle()
	if err != nil {
		return err
	}
	barePaced, err := decodePaced(a.Answers, cippRate)
	if err != nil {
		return err
	}
	ratio := cpu.Seconds() / bare.Seconds()
	b.results.gate(ratio <= maxCPURatio, "unchanged cycle: CPU ÷ encoding/json decoding the same answers", fmt.Sprintf("≤ %.1f", maxCPURatio),
		"%.2f (%d ms ÷ %d ms)", ratio, cpu.Milliseconds(), bare.Milliseconds())
	b.results.inform(fmt.Sprintf("the same, both paced at %g/s", cippRate.perSecond), "%.2f (%d ms ÷ %d ms)", pacedCPU.Seconds()/barePaced.Seconds(), pacedCPU.Milliseconds(), barePaced.Milliseconds())
	b.results.inform("the answers", "%.1f MB in %d", float64(bytes)/1e6, len(a.Answers))
	b.results.inform("CPU of starting and ending syncd (version)", "%d ms", idle.Milliseconds())
	return nil
}

// idle is the CPU time of a syncd that does nothing.
func (p *program) idle() (time.Duration, error) {
	var cpus []time.Duration
	for range 3 {
		r, err := p.run(0, nil, "version")
		if err != nil {
			return 0, err
		}
		cpus = append(cpus, r.cpu)
	}
	return median(cpus), nil
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}

// changeCost counts what changes cost beyond an unchanged cycle.
func (b *bench) changeCost(p *program, sims *simulators) error {
	count := func() (*observations, error) {
		if _, err := p.run(0, nil, "apply", "--json"); err != nil {
			return nil, err
		}
		a, err := sims.command(command{})
		return &a, err
	}
	const changes = 5
	if _, err := sims.command(command{Reset: true}); err != nil {
		return err
	}
	before, err := count()
	if err != nil {
		return err
	}
	if _, err := sims.command(command{Reset: true, Seats: changes}); err != nil {
		return err
	}
	after, err := count()
	if err != nil {
		return err
	}
	each := float64(after.calls()-before.calls()) / changes
	b.results.gate(each <= maxCallsPerChange && len(after.Writes) == changes, fmt.Sprintf("a change (%d made): calls beyond the unchanged cycle", changes),
		fmt.Sprintf("≤ %d", maxCallsPerChange), "%g each, %d writes", each, len(after.Writes))
	return nil
}
