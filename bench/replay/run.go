package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/bench/model"
	"syncd/internal/plan"
	"syncd/internal/simulator/connectwise"
	"syncd/internal/sync"
)

// apply is syncd apply.
func (e *estate) apply(ctx context.Context) error {
	_, err := e.app.Engine.Run(ctx, sync.Selection{Jobs: []sync.Job{e.job}, Trigger: "schedule"}, sync.Apply)
	return err
}

// killed makes a run that is killed somewhere.
func (e *estate) killed() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e.end = cancel
	for _, c := range e.customers {
		c.Note(e.today, "killed")
	}
	e.kill.Store(1 + e.random.Int64N(40))
	_ = e.apply(ctx)
	if e.kill.Swap(0) == 0 {
		e.Kills++
	}
}

// run makes one run, and compares every line.
func (e *estate) run(what string) error {
	e.Runs++
	if err := e.apply(context.Background()); err != nil {
		return err
	}
	for _, c := range e.customers {
		c.Ran(e.today)
		c.Note(e.today, "%s: unread %t, people unread %t, frozen %t, closed %t, reopened %t, %d periods; %s", what, c.Unread(), slices.Contains(c.NoPeople, true), model.Frozen(c.Managed(), e.today), c.InClosed(), c.Agreement.Reopened(), c.Outstanding(e.today), e.lines(c))
	}
	return e.compare(what)
}

// standing is what the program says of a customer.
func (e *estate) standing(customer int) []string {
	memory, err := e.store.Recall(context.Background(), plan.Scope{Customer: e.key(customer), Target: "connectwise"})
	if err != nil || memory.Cursor == nil {
		return []string{fmt.Sprint("nothing is remembered: ", err)}
	}
	out := []string{"syncd says " + memory.Cursor.Outcome + " " + memory.Cursor.Error}
	for _, v := range memory.Cursor.Violations {
		out = append(out, v.Code+": "+v.Message)
	}
	return out
}

func (e *estate) lines(c *model.Customer) string {
	var out []string
	for _, p := range c.Products() {
		due, _ := c.Due(p, e.today)
		counted, _ := c.Counted(p)
		out = append(out, fmt.Sprintf("%s counts %d due %d billed %d", p.ID, counted, due, c.Lines[p.ID].Billed))
	}
	return strings.Join(out, ", ")
}

// story is the last of what happened to a customer, and what the program says.
func (e *estate) story(customer int) string {
	log := e.customers[customer].Log
	return strings.Join(append(slices.Clone(log[max(0, len(log)-40):]), e.standing(customer)...), "\n")
}

// compare holds every line against the model, and against its floor.
func (e *estate) compare(what string) error {
	billed := map[int]decimal.Decimal{}
	lines := 0
	e.sim.Look(func(w *cwsim.World) {
		for _, a := range w.Additions {
			billed[a.ID] = a.Quantity
		}
		lines = len(w.Additions)
	})
	for i, c := range e.customers {
		for j, p := range c.Products() {
			l := c.Lines[p.ID]
			got := billed[additionID(i, j)]
			if wrong := c.Below(p, int(got.IntPart()), e.today); wrong != "" && got.LessThan(e.stood[additionID(i, j)]) {
				return fmt.Errorf("after %s: %s, and it was %s\n%s", what, wrong, e.stood[additionID(i, j)], e.story(i))
			}
			if stood, known := e.stood[additionID(i, j)]; known && !got.Equal(stood) && c.InClosed() {
				return fmt.Errorf("after %s: %s of %s went from %s to %s, which counts from %s on, and all is closed to %s\n%s", what, p.ID, c.Name, stood, got,
					c.Agreement.Next.Format(time.DateOnly), c.Closed.Format(time.DateOnly), e.story(i))
			}
			before := l.Billed
			if c.Guess(p, int(got.IntPart()), e.today) {
				e.Guesses++
			}
			if !got.Equal(decimal.NewFromInt(int64(l.Billed))) {
				due, _ := c.Due(p, e.today)
				return fmt.Errorf("after %s: %s bills %s of %s, the model says %d (%d are due; unexplained %t, edited %t, several periods %t)\n%s",
					what, c.Name, got, p.ID, before, due, l.Unexplained, l.Edited, l.Periods, e.story(i))
			}
		}
	}
	if want := len(e.customers) * len(model.Products); lines != want {
		return fmt.Errorf("after %s there are %d lines, want %d", what, lines, want)
	}
	e.stood = billed
	return nil
}
