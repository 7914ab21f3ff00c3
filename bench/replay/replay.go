// Package replay lives the random histories of bench/model in the program's own loop.
package replay

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	stdsync "sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// An estate is some customers over some months. Many live side by side: what is kept of
// one grows with its months.
const (
	customersOfEstate = 20
	monthsOfEstate    = 50
	longestIdle       = 20 // days without a run
)

// A Replay counts what was lived.
type Replay struct {
	Months, Runs, Invoices, Approvals, Kills, Holds, Guesses int
	Overrides                                                int            // set by a person
	Deleted                                                  int            // invoices
	Packs, Closed, Refused                                   int            // of months that were looked at, closed, and not yet to be closed
	Happened                                                 map[string]int // how often each of Events did
}

// Events are what histories are made of, as their logs call it.
var Events = []string{
	"bought ", " => ", " -> ", " Warning ", " Suspended ", " comes", " leaves", " holds ", "may sign in", "jane sets ", "quantity ", "minimum ", "maximum ",
	"jane ends ", "is deleted", "nothing explains it", "closed true", "reopened true", "killed", "unread true", "people unread true", "frozen true", "approved;",
}

func (r *Replay) add(o Replay) {
	r.Months += o.Months
	r.Runs += o.Runs
	r.Invoices += o.Invoices
	r.Approvals += o.Approvals
	r.Kills += o.Kills
	r.Holds += o.Holds
	r.Guesses += o.Guesses
	r.Overrides += o.Overrides
	r.Deleted += o.Deleted
	r.Packs += o.Packs
	r.Closed += o.Closed
	r.Refused += o.Refused
	if r.Happened == nil {
		r.Happened = map[string]int{}
	}
	for event, n := range o.Happened {
		r.Happened[event] += n
	}
}

// Run lives as many customer-months as asked for, with a run of the program every so
// many days on the average, and says the first difference between what is billed and
// what may be. Each estate has a seed of its own, one more than the last: it repeats
// that estate alone.
func Run(customerMonths, runEvery int, seed uint64) (*Replay, error) {
	const each = customersOfEstate * monthsOfEstate
	var all Replay
	var mu stdsync.Mutex
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	failed := false
	for n := range (customerMonths + each - 1) / each {
		group.Go(func() error {
			mu.Lock()
			stop := failed
			mu.Unlock()
			if stop {
				return nil
			}
			months := min(monthsOfEstate, (customerMonths-n*each+customersOfEstate-1)/customersOfEstate)
			lived, err := live(months, runEvery, seed+uint64(n))
			mu.Lock()
			defer mu.Unlock()
			all.add(lived)
			failed = failed || err != nil
			return err
		})
	}
	return &all, group.Wait()
}

// live lives one estate.
func live(months, runEvery int, seed uint64) (Replay, error) {
	dir, err := os.MkdirTemp(memory(), "syncd-histories-")
	if err != nil {
		return Replay{}, err
	}
	defer os.RemoveAll(dir)
	e := &estate{runEvery: runEvery, closed: map[string]*archived{}, random: rand.New(rand.NewPCG(seed, 1)), today: time.Date(2026, 7, 6, 0, 0, 0, 0, time.UTC)}
	at := func(err error) error {
		if err != nil {
			err = fmt.Errorf("seed %d, %s: %w", seed, e.today.Format(time.DateOnly), err)
		}
		return err
	}
	err = e.open(dir)
	if e.store != nil {
		defer e.store.Close()
	}
	if err != nil {
		return e.Replay, at(err)
	}
	for range months {
		month := e.today.Month()
		for e.today.Month() == month {
			if err := e.day(); err != nil {
				return e.Replay, at(err)
			}
			e.today = e.today.AddDate(0, 0, 1)
		}
		e.Months += len(e.customers)
	}
	e.Happened = map[string]int{}
	for _, c := range e.customers {
		log := strings.Join(c.Log, "\n")
		for _, event := range Events {
			e.Happened[event] += strings.Count(log, event)
		}
	}
	return e.Replay, nil
}

// memory is a folder in memory, where the system has one: the state is on disk
// after every step, and what is asked here is not how fast the disk is.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// day lets a day pass for everybody, and runs where it is time.
func (e *estate) day() error {
	for _, c := range e.customers {
		c.Day(e.today)
	}
	switch e.today.Day() {
	case 1, 5, 12:
		if err := e.invoice(); err != nil {
			return err
		}
	case 9, 20:
		e.reopen()
	}
	// What comes and goes between two runs, such as a period of grace, nobody has seen.
	if e.idle++; e.random.IntN(e.runEvery) != 0 && e.idle < longestIdle {
		return nil
	}
	e.idle = 0
	e.edit()
	if err := e.override(); err != nil {
		return err
	}
	if e.random.IntN(5) == 0 { // killed somewhere, and begun again
		e.killed()
	}
	if err := e.run("a run"); err != nil {
		return err
	}
	if err := e.approve(); err != nil {
		return err
	}
	e.keep()
	return e.lookBack()
}

// keep writes down what the day ended with.
func (e *estate) keep() {
	for _, c := range e.customers {
		c.Keep(e.today)
	}
}
