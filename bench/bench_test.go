package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheBucketAloneDictatesTheTimeOfWhatExceedsItsBurst(t *testing.T) {
	for _, c := range []struct {
		rate  rate
		calls int
		want  time.Duration
	}{
		{rate{50, 10}, 1001, 19820 * time.Millisecond},
		{rate{5, 20}, 61, 8200 * time.Millisecond},
		{rate{5, 20}, 20, 0},
		{rate{5, 20}, 3, 0},
	} {
		if got := c.rate.ideal(c.calls); got != c.want {
			t.Errorf("%d calls at %s: got %s, want %s", c.calls, c.rate, got, c.want)
		}
	}
}

func TestMemoryIsReadFromTheStatusOfAProcess(t *testing.T) {
	const status = "Name:\tsyncd\nVmHWM:\t   60416 kB\nVmRSS:\t   31232 kB\nRssAnon:\t   28364 kB\n"
	for name, want := range map[string]int{"RssAnon:": 28364, "VmHWM:": 60416, "RssShmem:": 0} {
		if got := kib([]byte(status), name); got != want {
			t.Errorf("%s got %d, want %d", name, got, want)
		}
	}
}

func TestOnlyALimitCanBeMissed(t *testing.T) {
	var r results
	r.inform("for people to know", "%d", 7)
	r.gate(true, "kept", "≤ 3", "%d", 2)
	if r.missed() {
		t.Error("got missed, want all limits kept")
	}
	r.gate(false, "broken", "≤ 3", "%d", 4)
	if !r.missed() {
		t.Error("got all limits kept, want one missed")
	}
	var out strings.Builder
	if err := r.write(&out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "MISSED"); got != 1 {
		t.Errorf("got %d lines marked as missed, want 1:\n%s", got, out.String())
	}
}

func TestABareDecodeRefusesWhatIsNoJSON(t *testing.T) {
	if _, err := decodeAll([]answer{{Path: "/api/ListTenants", Body: []byte("<html>")}}); err == nil || !strings.Contains(err.Error(), "ListTenants") {
		t.Errorf("got %v, want an error that names the answer", err)
	}
}

func TestASystemWithoutARateIsSlowedDownByNothing(t *testing.T) {
	p := &program{binary: "syncd", dir: t.TempDir(), systems: []string{"CIPP", "ITGLUE"}}
	env := p.command(rates{"ITGLUE": {8, 40}, "CONNECTWISE": {1, 1}}, "apply").Env
	for _, want := range []string{"SYNCD_ITGLUE_RATE_PER_SECOND=8", "SYNCD_ITGLUE_RATE_BURST=40", "SYNCD_CIPP_RATE_PER_SECOND=5000", "SYNCD_CIPP_RATE_BURST=1000"} {
		if !slices.Contains(env, want) {
			t.Errorf("got %v, want %s among them", env, want)
		}
	}
	if strings.Contains(strings.Join(env, " "), "CONNECTWISE") {
		t.Errorf("got %v, want nothing about a system that is not configured", env)
	}
}

func TestMemoryThatFollowsTheEstateIsAMiss(t *testing.T) {
	for _, c := range []struct {
		name      string
		few, many firstRun
		missed    bool
	}{
		{"constant", firstRun{anonymous: 40 << 10, objects: 2_000}, firstRun{anonymous: 41 << 10, objects: 20_000}, false},
		{"a line each", firstRun{anonymous: 40 << 10, objects: 2_000}, firstRun{anonymous: 56 << 10, objects: 20_000}, false},
		{"ten lines each", firstRun{anonymous: 40 << 10, objects: 2_000}, firstRun{anonymous: 220 << 10, objects: 20_000}, true},
		{"nothing was made", firstRun{anonymous: 10 << 10}, firstRun{anonymous: 60 << 10}, true},
	} {
		var r results
		r.growth("", &c.few, &c.many)
		if r.missed() != c.missed {
			t.Errorf("%s: got missed %t (%s), want %t", c.name, r.missed(), r[0].measured, c.missed)
		}
	}
}

func TestAListHasAPageEvenWhereItIsEmpty(t *testing.T) {
	for _, c := range [][3]int{{0, 100, 1}, {1, 100, 1}, {100, 100, 1}, {101, 100, 2}, {5000, 100, 50}} {
		if got := pages(c[0], c[1]); got != c[2] {
			t.Errorf("%d rows, %d a page: got %d pages, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestAnEstateIsWhatWasAskedFor(t *testing.T) {
	for _, c := range []struct {
		estate estate
		links  int
		held   map[string]int
	}{
		{estate{Target: billing, Customers: 3}, 3, nil},
		{estate{Target: documentation, Customers: 2, Users: 4}, 2,
			map[string]int{"contacts": 0, "M365 User": 0, "M365 Group": 0, "M365 Mailbox": 0, "M365 Domain": 0, "M365 Licences": 0}},
		{estate{Target: identity, Customers: 1, Users: 20, Groups: 2}, 1, map[string]int{"users": 0, "groups": 0}},
	} {
		w := c.estate.fixture()
		if got := strings.Count(w.links, "linked"); got != c.links {
			t.Errorf("%s: got %d links, want %d:\n%s", c.estate.Target, got, c.links, w.links)
		}
		var a observations
		w.target.observe(&a)
		if !maps.Equal(a.Held, c.held) {
			t.Errorf("%s: got %v at the target, want %v", c.estate.Target, a.Held, c.held)
		}
		if c.estate.Target != identity {
			continue
		}
		tenant := w.cipp.World().Tenants[0]
		if len(tenant.Users) != c.estate.Users || len(tenant.Groups) != c.estate.Groups {
			t.Errorf("got %d users and %d groups, want %d and %d", len(tenant.Users), len(tenant.Groups), c.estate.Users, c.estate.Groups)
		}
	}
}
