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
	StateStarted = "started" // it was about to be sent; its outcome is unknown
	StateDone    = "done"
	StateFailed  = "failed" // it may be tried again
)

// Progress is the stored progress of an item. It holds no password.
type Progress struct {
	State         string    `json:"state"`
	At            time.Time `json:"at"`
	Note          string    `json:"note,omitempty"` // why it failed
	Task          string    `json:"task,omitempty"` // CIPP's, of what is planned for later
	PasswordShown bool      `json:"told,omitempty"` // the password of the account was shown
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

// The states of an Outcome.
const (
	Done    = "done"    // and read back
	Planned = "planned" // CIPP will do it at its time
	Already = "already" // it was so
	Before  = "before"  // an earlier run did it
	Failed  = "failed"
	Skipped = "skipped" // what it needs was not done, or the run was stopped
	Unsure  = "unsure"  // an earlier run may have done it, and not all of it can be verified
)

// An Outcome is the outcome of one item.
type Outcome struct {
	Item   Item
	State  string
	Result admin.Result // with the password of a new account
	Err    error        // of Failed; and why, of Skipped and Unsure
	made   bool         // the account is there, whatever else failed
}

// Run runs a plan: each step is made again just before it is sent, from the present
// state, followed to its end and stored. Where an item fails, those that need it are
// skipped and all others go ahead. The outcomes are in the order of the plan. The error is the store's
// or the context's, never that of an item.
func (r *Runner) Run(ctx context.Context, plan *Plan) ([]Outcome, error) {
	e := &execution{runner: r, plan: plan, out: make([]Outcome, len(plan.Items))}
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
	group.SetLimit(max(1, r.concurrency()))
	for _, lane := range order {
		group.Go(func() error {
			for _, n := range lanes[lane] {
				if err := e.runItem(inner, n); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	for n := range e.out {
		if e.out[n].State == "" {
			e.out[n] = Outcome{Item: plan.Items[n], State: Skipped, Err: fmt.Errorf("the run was stopped: %w", err)}
		}
	}
	return e.out, err
}

func (r *Runner) concurrency() int {
	if r.Concurrency == 0 {
		return 4
	}
	return r.Concurrency
}

// An execution is one run of a plan.
type execution struct {
	runner *Runner
	plan   *Plan
	mu     sync.Mutex // guards out, and the calls of OnOutcome
	out    []Outcome
}

func (e *execution) finish(n int, o Outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o.Item = e.plan.Items[n]
	e.out[n] = o
	if e.runner.OnOutcome != nil {
		e.runner.OnOutcome(o)
	}
}

// available reports whether an item that another one needs is done.
func (e *execution) available(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.out, func(o Outcome) bool { return o.Item.ID == id })
	return i >= 0 && (e.out[i].made || e.out[i].State == Done || e.out[i].State == Already || e.out[i].State == Before || e.out[i].State == Unsure)
}

// runItem runs an item. Its error ends the run.
func (e *execution) runItem(ctx context.Context, n int) error {
	i := &e.plan.Items[n]
	save := func(p Progress) error {
		p.At = time.Now().UTC()
		// What was done must be stored even if the run is being stopped.
		if err := e.runner.Store.Save(context.WithoutCancel(ctx), e.plan.Run, i.ID, p); err != nil {
			return fmt.Errorf("keeping what became of %q: %w", i.What, err)
		}
		return nil
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case i.State() == StateDone:
		e.finish(n, Outcome{State: Before})
		return nil
	case i.needs != "" && !e.available(i.needs):
		e.finish(n, Outcome{State: Skipped, Err: fmt.Errorf("%s was not made", i.Who)})
		return nil
	}
	if i.isDone != nil && (i.Already || i.State() != "") {
		so, err := i.isDone(ctx)
		switch {
		case err != nil:
			e.finish(n, Outcome{State: Failed, Err: err})
			return nil
		case so && i.complete != nil:
			return e.resume(ctx, n, save)
		case so:
			e.finish(n, Outcome{State: Already})
			return save(Progress{State: StateDone})
		}
	}
	step, err := i.make(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e.finish(n, Outcome{State: Failed, Err: err})
		return save(Progress{State: StateFailed, Note: err.Error()})
	}
	if i.step != "" && i.step != step.ID && !step.Done {
		// The name is another account's by now, or the step does something else.
		e.finish(n, Outcome{State: Failed, Err: fmt.Errorf("it is no longer what was planned (%s): now %s; plan it again", i.What, step.Title)})
		return nil
	}
	if err := save(Progress{State: StateStarted}); err != nil {
		return err
	}
	result, err := e.runner.Admin.Run(ctx, step)
	switch {
	case err != nil && ctx.Err() != nil:
		// What was sent stays "started": the next run verifies it. A new password
		// must not be lost with the run.
		e.finish(n, Outcome{State: Failed, Result: result, Err: err})
		if !result.Password.Empty() {
			return errors.Join(save(Progress{State: StateStarted, PasswordShown: true}), context.Cause(ctx))
		}
		return context.Cause(ctx)
	case err != nil && i.complete != nil && result.After.Get("exists") == "yes":
		return e.completeAccount(ctx, n, result, err, save)
	case err != nil:
		e.finish(n, Outcome{State: Failed, Result: result, Err: err})
		return save(Progress{State: StateFailed, Note: err.Error(), Task: result.Task, PasswordShown: !result.Password.Empty()})
	case result.Already:
		e.finish(n, Outcome{State: Already, Result: result})
		return save(Progress{State: StateDone})
	case !result.Verified:
		e.finish(n, Outcome{State: Planned, Result: result})
		return save(Progress{State: StateDone, Task: result.Task, Note: "planned for later"})
	}
	e.finish(n, Outcome{State: Done, Result: result})
	return save(Progress{State: StateDone, Task: result.Task})
}

// resume completes an account that an earlier run made. Passwords are not stored, so only
// that run could show it.
func (e *execution) resume(ctx context.Context, n int, save func(Progress) error) error {
	i := &e.plan.Items[n]
	passwordShown := i.progress.PasswordShown
	did, err := i.complete(ctx)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		e.finish(n, Outcome{State: Failed, made: true, Result: admin.Result{Said: did},
			Err: fmt.Errorf("%s is there from an earlier run, and lacks something: %w", i.Who, err)})
		return save(Progress{State: StateFailed, Note: err.Error(), PasswordShown: passwordShown})
	case passwordShown:
		e.finish(n, Outcome{State: Done, Result: admin.Result{Said: did, Verified: true}})
		return save(Progress{State: StateDone, PasswordShown: true})
	}
	e.finish(n, Outcome{State: Unsure, Result: admin.Result{Said: did},
		Err: fmt.Errorf("%s was made by an earlier run whose end was not seen, and has its licences and groups; where nobody has its password, set another: syncd cipp users reset-password", i.Who)})
	return save(Progress{State: StateDone, Note: "made by a run whose end was not seen"})
}

// completeAccount completes an account that was made while something else about it failed,
// or whose answer was lost with the password.
func (e *execution) completeAccount(ctx context.Context, n int, result admin.Result, failed error, save func(Progress) error) error {
	i := &e.plan.Items[n]
	passwordShown := !result.Password.Empty()
	did, err := i.complete(ctx)
	result.Said = append(result.Said, did...)
	_, lost := errors.AsType[*admin.PasswordLostError](failed)
	switch {
	case err != nil:
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		e.finish(n, Outcome{State: Failed, made: true, Result: result,
			Err: fmt.Errorf("%w; what is missing was tried once more: %w", failed, err)})
		if ctx.Err() != nil {
			return errors.Join(save(Progress{State: StateStarted, PasswordShown: passwordShown}), context.Cause(ctx))
		}
		return save(Progress{State: StateFailed, Note: err.Error(), PasswordShown: passwordShown})
	case lost || !passwordShown:
		e.finish(n, Outcome{State: Unsure, made: true, Result: result, Err: failed})
		return save(Progress{State: StateDone, Note: failed.Error()})
	}
	result.Verified = true
	e.finish(n, Outcome{State: Done, Result: result})
	return save(Progress{State: StateDone, PasswordShown: true})
}
