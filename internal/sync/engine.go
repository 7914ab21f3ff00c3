package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// Options are what an Engine is made of.
type Options struct {
	Source  Source
	Targets map[string]target.Opener // by name
	Store   state.Store
	Links   func(ctx context.Context) (mapping.Table, error)
	Log     zerolog.Logger
	Metrics *Metrics
	Now     func() time.Time
	// VerifyStore waits until the store is verified and returns nil, or why it is
	// damaged. It is called before a run that writes begins and, with changes set,
	// once more before a plan is acted on. Where it is nil the store counts as whole.
	VerifyStore func(ctx context.Context, changes bool) error
	// Credits says what is to be credited by hand for a way back, with notes; nil where
	// nothing is billed.
	Credits func(context.Context, Returning) ([]money.Credit, []plan.Violation, error)
	// Ended is told of the end of every run that may have changed the state. It must return at once;
	// nil is told nothing.
	Ended func()
	// Currency is the unit of all money.
	Currency string
	// MaxAge is how old a source's answer may be and still carry a plan; 0 = any age.
	MaxAge time.Duration
	// Redact takes secrets out of what other systems said, before it is reported
	// or stored; nil changes nothing.
	Redact func(string) string
	// LateAnswerWait is how long a create whose answer was lost is given to show up
	// before it may be sent again; default 10 s.
	LateAnswerWait time.Duration
	// LedgerMonths is how long the ledger, the journal and the runs are kept; 0 = for ever.
	LedgerMonths int
}

// An Engine brings targets into step. It may be shared; two runs never work on
// one target at a time.
type Engine struct {
	Options
	*underWay
}

// underWay is what runs know of one another. Engines with other options share it.
type underWay struct {
	mu    sync.Mutex
	locks map[string]chan struct{} // by target; a token in it means that a run works on the target
	runs  sync.Map                 // that are executed now, by id

	forgetting sync.Mutex
	ended      atomic.Int64 // how many runs did
}

// New returns an Engine.
func New(o Options) *Engine {
	return newEngine(o, &underWay{locks: map[string]chan struct{}{}})
}

// Successor returns an Engine with other options. Runs under way end with those that they began
// with, and a run of one engine never works on a target at which one of the other does.
func (e *Engine) Successor(o Options) *Engine { return newEngine(o, e.underWay) }

// Runs is how many runs ended since the program was started: where it is as before, no run
// left anything new in the state.
func (e *Engine) Runs() int64 { return e.ended.Load() }

func newEngine(o Options, u *underWay) *Engine {
	e := &Engine{Options: o, underWay: u}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Redact == nil {
		e.Redact = func(text string) string { return text }
	}
	e.LateAnswerWait = cmp.Or(e.LateAnswerWait, 10*time.Second)
	return e
}

// lockOf is the lock of a target.
func (u *underWay) lockOf(target string) chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.locks[target] == nil {
		u.locks[target] = make(chan struct{}, 1)
	}
	return u.locks[target]
}

// A Selection says what a run is about.
type Selection struct {
	Jobs     []Job
	Customer string // key of one customer, or empty
	// Among are keys of the only customers that the run is about; nil is everybody.
	Among  map[string]bool
	Target string // one target, or empty
	Only   string // one object's key, or empty
	// Saved holds the digests of a saved plan; scopes without one are left out.
	Saved map[plan.Scope]string
	// WayBack are the scopes in which something is to be taken back: the run is about
	// nothing else in them, and about no others. Nil is a run as any.
	WayBack map[plan.Scope]bool
	// Trial are settlements that replace the stored ones while the run only plans: what
	// would follow if a person settled so.
	Trial map[plan.Scope][]plan.Settlement
	// Unmapped reads customers without a link too, for reports.
	Unmapped bool
	Trigger  string // schedule, event or command; reports hold the changes of what was typed only
	// Progress is called with each finished scope; it may be nil, and is called from
	// one goroutine at a time.
	Progress func(done, total int, scope *ScopeReport)
	// Inspect is called with what each scope was planned from; it may be nil, and is
	// called from one goroutine at a time. It may neither keep nor change what it gets.
	Inspect func(Inspection)
}

// whole reports whether a run is about all customers and targets of its jobs.
func (s *Selection) whole() bool {
	return s.Customer == "" && s.Among == nil && s.Only == "" && s.Saved == nil && s.Target == "" && s.WayBack == nil
}

// An Inspection is everything that one scope was planned from.
type Inspection struct {
	Customer mapping.Customer
	Target   string
	Snapshot *directory.Snapshot
	Desired  target.Desired
	Observed target.Observed
	Err      error // why they were not compared
	Records  []plan.Record
	Report   *ScopeReport
}

// Mode says at which step a run ends.
type Mode int

// The modes.
const (
	PlanOnly Mode = iota // reads every system and writes nowhere
	HoldOnly             // stores the plans that wait for a person and writes nothing else anywhere
	Apply
)

// Run is the only way anything happens: schedules, commands and the control
// socket call it. It returns a report even where it returns an error; the
// error says why the run as a whole ended early.
func (e *Engine) Run(ctx context.Context, sel Selection, mode Mode) (*Report, error) {
	r := &run{Engine: e, sel: sel, mode: mode, started: e.Now().UTC(), oldest: map[string]time.Time{},
		progress: Progress{Outcomes: map[Outcome]int{}}}
	r.id = ulid.MustNewDefault(r.started).String()
	e.runs.Store(r.id, r)
	defer e.runs.Delete(r.id)
	e.Metrics.begin(r)
	defer e.Metrics.end(r)
	defer e.ended.Add(1)
	r.log = e.Log.With().Str("run", r.id).Logger()
	r.report = &Report{Run: r.id, Job: jobNames(sel.Jobs), Started: r.started, Scopes: []ScopeReport{}, PlanOnly: mode != Apply}
	ctx, span := r.traced(ctx)
	var err error
	defer func() { endTrace(span, err) }()
	if mode != PlanOnly {
		err = r.verifyStore(ctx, false)
	}
	if err == nil {
		r.report.Clock, err = r.clockBehind(ctx)
	}
	if r.report.Clock != "" {
		r.log.Warn().Str("state", r.report.Clock).Msg("clock went back")
	}
	recorded := err == nil && mode == Apply // nothing is written to a state that is not whole
	if recorded {
		if err := e.Store.PutRun(ctx, r.record(nil)); err != nil {
			return r.report, fmt.Errorf("noting the start of the run: %w", err)
		}
	}
	if err == nil {
		err = r.execute(ctx)
	}
	r.stopped = err != nil && ctx.Err() != nil
	slices.SortFunc(r.report.Scopes, func(a, b ScopeReport) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Customer.Name), strings.ToLower(b.Customer.Name)),
			strings.Compare(a.Customer.Key, b.Customer.Key), strings.Compare(a.Target, b.Target))
	})
	r.report.Finished = e.Now().UTC()
	r.report.countOutcomes()
	if err != nil {
		text := e.Redact(err.Error())
		r.report.Error = &text
	}
	if recorded {
		if perr := e.Store.PutRun(context.WithoutCancel(ctx), r.record(err)); perr != nil {
			err = errors.Join(err, fmt.Errorf("noting the end of the run: %w", perr))
		}
	}
	e.Metrics.countRun(ctx, r, err)
	r.logEnd(err)
	if mode != PlanOnly && e.Ended != nil {
		e.Ended()
	}
	return r.report, err
}

// A Progress is how far a run is.
type Progress struct {
	Done, Total int             // scopes
	Outcomes    map[Outcome]int // of those that are done
	Last        string          // the customer that was done last
}

// Progress is how far a run is that is executed now; false where it is not.
func (e *Engine) Progress(id string) (p Progress, underWay bool) {
	v, underWay := e.runs.Load(id)
	if !underWay {
		return p, false
	}
	r := v.(*run)
	r.mu.Lock()
	defer r.mu.Unlock()
	p = r.progress
	p.Outcomes = maps.Clone(p.Outcomes)
	return p, true
}

func (e *Engine) verifyStore(ctx context.Context, changes bool) error {
	if e.VerifyStore == nil {
		return nil
	}
	return e.VerifyStore(ctx, changes)
}
