package playbook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"syncd/internal/cipp/admin"
)

// The states of an item that a Store keeps.
const (
	StateStarted = "started" // it was about to be sent; what became of it is not known
	StateDone    = "done"
	StateFailed  = "failed" // it may be tried again
)

// Progress is what became of an item so far. It holds no password.
type Progress struct {
	State string    `json:"state"`
	At    time.Time `json:"at"`
	Note  string    `json:"note,omitempty"` // why it failed
	Task  string    `json:"task,omitempty"` // CIPP's, of what is planned for later
	Told  bool      `json:"told,omitempty"` // the password of the account was handed out
}

// A Store keeps the progress of runs, by run and item.
type Store interface {
	// Load returns the progress of all items of a run; a run that is not known
	// has none.
	Load(ctx context.Context, run string) (map[string]Progress, error)
	// Save keeps the progress of one item. An item is only sent once Save has
	// returned without an error.
	Save(ctx context.Context, run, item string, p Progress) error
}

// What became of an item of a run.
const (
	Done    = "done"    // and read back
	Planned = "planned" // CIPP will do it at its time
	Already = "already" // it was so
	Before  = "before"  // an earlier run did it
	Failed  = "failed"
	Skipped = "skipped" // what it needs was not done, or the run was stopped
	Unsure  = "unsure"  // an earlier run may have done it, and nobody can tell all of it
)

// An Outcome is what became of one item.
type Outcome struct {
	Item   Item
	State  string
	Result admin.Result // with the password of a new account
	Err    error        // of Failed; and why, of Skipped and Unsure
	made   bool         // the account is there, whatever else failed
}

// Run carries a plan out: each step is made anew just before it is sent, so
// that it is about things as they are, followed to its real end and kept in
// the store. An item that fails leaves those out that need it; all others go
// ahead. The outcomes are in the order of the plan. The error is the store's
// or the context's, never that of an item.
func (p *Player) Run(ctx context.Context, plan *Plan) ([]Outcome, error) {
	r := &running{p: p, plan: plan, out: make([]Outcome, len(plan.Items))}
	lanes := map[string][]int{}
	var order []string
	for n, i := range plan.Items {
		lane := string(i.Tenant.ID)
		if plan.Kind == Offboard {
			lane = fmt.Sprint(n)
		}
		if lanes[lane] == nil {
			order = append(order, lane)
		}
		lanes[lane] = append(lanes[lane], n)
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(max(1, p.width()))
	for _, lane := range order {
		group.Go(func() error {
			for _, n := range lanes[lane] {
				if err := r.one(inner, n); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	for n := range r.out {
		if r.out[n].State == "" {
			r.out[n] = Outcome{Item: plan.Items[n], State: Skipped, Err: fmt.Errorf("the run was stopped: %w", err)}
		}
	}
	return r.out, err
}

func (p *Player) width() int {
	if p.Width == 0 {
		return 4
	}
	return p.Width
}

type running struct {
	p    *Player
	plan *Plan
	mu   sync.Mutex // over out and Heard
	out  []Outcome
}

func (r *running) end(n int, o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o.Item = r.plan.Items[n]
	r.out[n] = o
	if r.p.Heard != nil {
		r.p.Heard(o)
	}
}

// good says whether an item that another one needs is done.
func (r *running) good(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.out, func(o Outcome) bool { return o.Item.ID == id })
	return i >= 0 && (r.out[i].made || r.out[i].State == Done || r.out[i].State == Already || r.out[i].State == Before || r.out[i].State == Unsure)
}

// one does an item. Its error ends the run.
func (r *running) one(ctx context.Context, n int) error {
	i := &r.plan.Items[n]
	save := func(p Progress) error {
		p.At = time.Now().UTC()
		// What was done must be kept even if the run is being stopped.
		if err := r.p.Store.Save(context.WithoutCancel(ctx), r.plan.Run, i.ID, p); err != nil {
			return fmt.Errorf("keeping what became of %q: %w", i.What, err)
		}
		return nil
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case i.State() == StateDone:
		r.end(n, Outcome{State: Before})
		return nil
	case i.needs != "" && !r.good(i.needs):
		r.end(n, Outcome{State: Skipped, Err: fmt.Errorf("%s was not made", i.Who)})
		return nil
	}
	if i.settled != nil && (i.Already || i.State() != "") {
		so, err := i.settled(ctx)
		switch {
		case err != nil:
			r.end(n, Outcome{State: Failed, Err: err})
			return nil
		case so && i.rest != nil:
			return r.resumed(ctx, n, save)
		case so:
			r.end(n, Outcome{State: Already})
			return save(Progress{State: StateDone})
		}
	}
	step, err := i.make(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.end(n, Outcome{State: Failed, Err: err})
		return save(Progress{State: StateFailed, Note: err.Error()})
	}
	if i.step != "" && i.step != step.ID && !step.Done {
		// The name means somebody else by now, or the step something else.
		r.end(n, Outcome{State: Failed, Err: fmt.Errorf("it is no longer what was planned (%s): now %s; plan it again", i.What, step.Title)})
		return nil
	}
	if err := save(Progress{State: StateStarted}); err != nil {
		return err
	}
	result, err := r.p.Admin.Run(ctx, step)
	switch {
	case err != nil && ctx.Err() != nil:
		// What was sent stays "started": the next run finds out. A password that
		// came must not be lost with the run.
		r.end(n, Outcome{State: Failed, Result: result, Err: err})
		if !result.Password.Empty() {
			return errors.Join(save(Progress{State: StateStarted, Told: true}), context.Cause(ctx))
		}
		return context.Cause(ctx)
	case err != nil && i.rest != nil && result.After.Get("exists") == "yes":
		return r.partly(ctx, n, result, err, save)
	case err != nil:
		r.end(n, Outcome{State: Failed, Result: result, Err: err})
		return save(Progress{State: StateFailed, Note: err.Error(), Task: result.Task, Told: !result.Password.Empty()})
	case result.Already:
		r.end(n, Outcome{State: Already, Result: result})
		return save(Progress{State: StateDone})
	case !result.Verified:
		r.end(n, Outcome{State: Planned, Result: result})
		return save(Progress{State: StateDone, Task: result.Task, Note: "planned for later"})
	}
	r.end(n, Outcome{State: Done, Result: result})
	return save(Progress{State: StateDone, Task: result.Task})
}

// resumed finishes an account that an earlier run made. Passwords are not kept
// from one run to the next, so only that run could tell it.
func (r *running) resumed(ctx context.Context, n int, save func(Progress) error) error {
	i := &r.plan.Items[n]
	told := i.progress.Told
	did, err := i.rest(ctx)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		r.end(n, Outcome{State: Failed, made: true, Result: admin.Result{Said: did}, Err: fmt.Errorf("%s is there from an earlier run, and lacks something: %w", i.Who, err)})
		return save(Progress{State: StateFailed, Note: err.Error(), Told: told})
	case told:
		r.end(n, Outcome{State: Done, Result: admin.Result{Said: did, Verified: true}})
		return save(Progress{State: StateDone, Told: true})
	}
	r.end(n, Outcome{State: Unsure, Result: admin.Result{Said: did}, Err: fmt.Errorf("%s was made by an earlier run whose end was not seen, and has its licences and groups; where nobody has its password, set another: syncd cipp users reset-password", i.Who)})
	return save(Progress{State: StateDone, Note: "made by a run whose end was not seen"})
}

// partly finishes an account that was made while something else about it failed,
// or whose answer was lost with the password.
func (r *running) partly(ctx context.Context, n int, result admin.Result, failed error, save func(Progress) error) error {
	i := &r.plan.Items[n]
	told := !result.Password.Empty()
	did, err := i.rest(ctx)
	result.Said = append(result.Said, did...)
	_, lost := errors.AsType[*admin.PasswordLostError](failed)
	switch {
	case err != nil:
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		r.end(n, Outcome{State: Failed, made: true, Result: result, Err: fmt.Errorf("%w; what is missing was tried once more: %w", failed, err)})
		if ctx.Err() != nil {
			return errors.Join(save(Progress{State: StateStarted, Told: told}), context.Cause(ctx))
		}
		return save(Progress{State: StateFailed, Note: err.Error(), Told: told})
	case lost || !told:
		r.end(n, Outcome{State: Unsure, made: true, Result: result, Err: failed})
		return save(Progress{State: StateDone, Note: failed.Error()})
	}
	result.Verified = true
	r.end(n, Outcome{State: Done, Result: result})
	return save(Progress{State: StateDone, Told: true})
}
