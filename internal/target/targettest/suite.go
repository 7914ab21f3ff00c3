// Package targettest is the suite that every target passes, through the engine
// and a real store, against the simulator of its system.
//
//	func TestConformance(t *testing.T) { targettest.Run(t, fixture) }
//
// Each test runs in a synctest bubble: back-offs of minutes cost nothing, and
// a request that never ends is found.
package targettest

import (
	"slices"
	"testing"
	"testing/synctest"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/target"
)

// A Step is a moment of the source that the suite goes through.
type Step int

// The steps. Each differs from Start by one thing.
const (
	Start   Step = iota // something of ours is there to be taken on or made
	Changed             // one object differs from Start
	New                 // one object more than at Start, which the target does not have yet
	Gone                // one object less than at Start, and not the last one
)

func (s Step) String() string { return [...]string{"start", "changed", "new", "gone"}[s] }

// A Fault is what becomes of the next write. After it the target answers
// nothing any more, to anybody, until Heal: nobody learns what happened.
type Fault int

// The faults.
const (
	LostAfter  Fault = iota // done, and the answer is lost
	LostBefore              // lost on its way: nothing is done
	Refused                 // answered with a refusal that is about this write alone; the target stays in reach
)

func (f Fault) String() string {
	return [...]string{"done, answer lost", "lost on its way", "refused"}[f]
}

// A Fixture is one target with a simulated system behind it.
type Fixture struct {
	// Target is the name that jobs call it by.
	Target string
	Open   target.Opener
	// Links link two customers or more; the steps are those of the first. The
	// others are in step with what Snapshot says of them once they are settled.
	Links mapping.Table
	// Tenants are those of Links, as the source lists them.
	Tenants []directory.Tenant
	// Snapshot is what the source says of a tenant at a step; nil means that the
	// target has no such step, as where it never creates.
	Snapshot func(directory.Tenant, Step) *directory.Snapshot

	// Dump returns every object of the system, ours and strangers', by the ref
	// that records know it by, each with all that it holds, times included.
	Dump func() map[string]string
	// Strangers are the refs of objects that must never become ours, although
	// some of them look much like ours; the other objects that Dump shows and no
	// record names are strangers as well.
	Strangers []string
	// Edit changes a managed field of the object with that ref, as a person at
	// the target would, each time to another value, and returns the field's name.
	Edit func(ref string) string
	// Fail brings a fault about, until Heal.
	Fail func(Fault)
	Heal func()
	// Writes returns how many requests that change something were made so far.
	Writes func() int
}

// Run checks everything that is asked of a target. fixture makes a fresh one;
// it is called inside a bubble, whose clock is the one the target goes by.
func Run(t *testing.T, fixture func(*testing.T) *Fixture) {
	run(t, &suite{fixture: fixture, from: append([]Step{Start}, steps...), lives: map[Step]life{}})
}

// RunSteps checks what is asked of a target at the steps after Start alone, for a
// setting that Run has been through without and that tells at no other moment.
func RunSteps(t *testing.T, fixture func(*testing.T) *Fixture) {
	run(t, &suite{fixture: fixture, from: steps, lives: map[Step]life{}})
}

func run(t *testing.T, s *suite) {
	for _, test := range []struct {
		name  string
		run   func(*suite)
		steps bool // it goes through the steps after Start
	}{
		{"a plan writes nothing", (*suite).plansOnly, false},
		{"what was approved settles, and a second plan is empty", (*suite).converges, false},
		{"every step of the source ends in step", (*suite).followsSource, true},
		{"strangers survive untouched, and only its own is deleted", (*suite).leavesStrangers, true},
		{"a person's edit is respected as its owner says", (*suite).respectsEdits, false},
		{"a field that is put back again and again is said", (*suite).reportsRepeatedEdits, false},
		{"an edit between plan and write is not written over", (*suite).detectsLateEdits, true},
		{"a source that proves nothing changes nothing", (*suite).ignoresUnproven, false},
		{"a lost or refused write doubles nothing", (*suite).survivesFaults, true},
		{"killed anywhere, the next run ends in step", (*suite).survivesKills, true},
		{"killed anywhere, what a person then edits is respected", (*suite).respectsEditsAfterKills, false},
		{"what could not be noted is not written", (*suite).announcesFirst, true},
	} {
		if !test.steps && !slices.Contains(s.from, Start) {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			test.run(&suite{T: t, fixture: s.fixture, from: s.from, lives: s.lives})
		})
	}
}

// bubble runs f on a fresh fixture with an engine around it.
func (s *suite) bubble(name string, f func(*harness)) {
	s.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t, s.fixture(t))
			defer h.close()
			f(h)
		})
	})
}

type suite struct {
	*testing.T
	fixture func(*testing.T) *Fixture
	from    []Step        // where writes are lost and processes killed
	lives   map[Step]life // those that are known
}

// steps are those of the source after Start.
var steps = []Step{Changed, New, Gone}
