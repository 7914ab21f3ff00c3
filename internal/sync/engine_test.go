package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/target"
)

const (
	contoso  = directory.TenantID("00000000-0000-0000-0000-00000000000a")
	fabrikam = directory.TenantID("00000000-0000-0000-0000-00000000000b")
	premium  = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	e3       = "05e9a617-0261-4cee-bb44-138d3ef5d965"
)

// A fixture is a source, a target that holds quantities, and an engine between.
type fixture struct {
	t          *testing.T
	mu         sync.Mutex
	clock      sync.Mutex
	now        time.Time
	path       string
	store      state.Store
	engine     *Engine
	tenants    []directory.TenantID
	bought     map[directory.TenantID]map[string]int
	unproven   map[directory.TenantID]error
	sourceErr  error                     // why the source cannot be read at all
	edit       func(*directory.Snapshot) // what else the source says
	lines      map[string]string         // "customer/sku" -> quantity
	fail       func(ch plan.Change) (committed bool, err error)
	ruleless   map[string]bool // SKUs that no rule bills any more
	held       string          // why no count is proven
	word       *money.Override // what a person set for Premium
	lately     bool            // all was bought lately, and may be given back
	unreadable error           // why nobody's lines can be read
	writes     int
	spec       target.Spec
	table      mapping.Table
	job        Job
}

func newFixture(t *testing.T) *fixture {
	w := &fixture{t: t, now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), path: filepath.Join(t.TempDir(), "syncd.db"),
		tenants:  []directory.TenantID{contoso, fabrikam},
		bought:   map[directory.TenantID]map[string]int{contoso: {premium: 12, e3: 3}, fabrikam: {premium: 7}},
		unproven: map[directory.TenantID]error{},
		lines:    map[string]string{}, fail: func(plan.Change) (bool, error) { return true, nil }}
	w.spec = target.Spec{Name: "fake", Needs: directory.Licences, Link: "fake", Batch: 10, Settings: "v1", Kinds: []plan.Kind{{Name: "addition", Owner: plan.Hold, MayCreate: true,
		Retire: func(o *plan.Object) *plan.Object {
			after := *o
			after.Fields, after.Retired = o.Fields.With("quantity", plan.Value{"0"}), true
			return &after
		},
		Delta: func(before, after *plan.Object) decimal.Decimal {
			n := func(o *plan.Object) decimal.Decimal {
				if o == nil {
					return decimal.Zero
				}
				return decimal.RequireFromString(o.Fields.Text("quantity"))
			}
			return n(after).Sub(n(before)).Mul(decimal.NewFromInt(22))
		}}}}
	for _, id := range w.tenants {
		w.table.Rows = append(w.table.Rows, mapping.Row{TenantID: id, Tenant: name(id), Status: mapping.Linked, Links: mapping.Links{"fake": "1"}})
	}
	w.job = Job{Name: "licences", Targets: []string{"fake"}, Policy: plan.Auto, Limits: Limits{Limits: plan.Limits{HoldFirst: true,
		Creates: plan.Ceiling{Count: 50, Percent: 50}, Updates: plan.Ceiling{Count: 50, Percent: 50}, Deletes: plan.Ceiling{Count: 10, Percent: 20},
		MinPopulation: 10, Increase: decimal.NewFromInt(500), Decrease: decimal.Zero, SourceShrink: 20}}}
	w.reopen()
	t.Cleanup(func() { w.store.Close() })
	return w
}

func name(id directory.TenantID) string { return "tenant " + string(id[len(id)-1]) }

// reopen is what a restart does.
func (w *fixture) reopen() {
	if w.store != nil {
		w.store.Close()
	}
	store, err := boltstate.Open(w.path, boltstate.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = store
	w.engine = New(Options{Source: w, Targets: map[string]target.Opener{"fake": func(context.Context) (target.Target, error) { return fakeTarget{w}, nil }}, Store: store,
		Links: func(context.Context) (mapping.Table, error) { return w.table, nil }, Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewPedanticRegistry()),
		Now: w.tick, Currency: "USD", MaxAge: 26 * time.Hour, LateAnswerWait: time.Nanosecond})
}

// tick is the clock: every look at it takes a second.
func (w *fixture) tick() time.Time {
	w.clock.Lock()
	defer w.clock.Unlock()
	w.now = w.now.Add(time.Second)
	return w.now
}

func (w *fixture) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	if w.sourceErr != nil {
		return directory.List[directory.Tenant]{}, w.sourceErr
	}
	var all []directory.Tenant
	for _, id := range w.tenants {
		all = append(all, directory.Tenant{ID: id, Name: name(id), DefaultDomain: string(id[len(id)-1]) + ".example"})
	}
	return directory.Proven(all, directory.Proof{}), nil
}

func (w *fixture) Snapshot(_ context.Context, t directory.Tenant, _ directory.Kinds) (*directory.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.tick()
	s := &directory.Snapshot{Tenant: t, TakenAt: now}
	proof := directory.Proof{TakenAt: now, AsOf: now}
	if err := w.unproven[t.ID]; err != nil {
		s.Licences = directory.Unknown[directory.Licence](proof, err)
		return s, nil
	}
	var items []directory.Licence
	for sku, n := range w.bought[t.ID] {
		sub := directory.Subscription{ID: "sub-" + sku, Status: "Enabled", Total: n}
		if w.lately {
			sub.Created = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
		}
		items = append(items, directory.Licence{SKU: sku, Name: sku, Purchased: n, Subscriptions: []directory.Subscription{sub}})
	}
	s.Licences = directory.Proven(items, proof)
	if w.edit != nil {
		w.edit(s)
	}
	return s, nil
}

type fakeTarget struct{ *fixture }

func (f fakeTarget) Spec() target.Spec { return f.spec }

func line(customer, sku, quantity string) plan.Object {
	return plan.Object{Key: plan.Key{Kind: "addition", ID: sku}, Label: sku, Ref: customer + "/" + sku, Fields: plan.Set("quantity", quantity), Retired: quantity == "0"}
}

func (f fakeTarget) Observe(_ context.Context, asked []target.Asked) ([]target.View, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	views := make([]target.View, len(asked))
	for i, c := range asked {
		v := fakeView{fakeTarget: f, customer: c.Key}
		for _, at := range slices.Sorted(maps.Keys(f.lines)) {
			if sku, ok := strings.CutPrefix(at, c.Key+"/"); ok {
				if f.ruleless[sku] {
					continue
				}
				v.observed.Objects = append(v.observed.Objects, line(c.Key, sku, f.lines[at]))
			}
		}
		for _, ref := range c.Refs {
			_, sku, _ := strings.Cut(ref, "/")
			if n := f.lines[ref]; f.ruleless[sku] && n != "" && n != "0" {
				v.observed.Unmanaged = append(v.observed.Unmanaged, line(c.Key, sku, n))
			}
		}
		views[i] = v
	}
	return views, nil
}

type fakeView struct {
	fakeTarget
	customer string
	observed target.Observed
}

func (f fakeView) Compare(_ context.Context, s *directory.Snapshot, _ []plan.Record) (target.Desired, target.Observed, error) {
	items, err := s.Licences.Items()
	d := target.Desired{Source: money.NewSource(s, items, nil, nil)}
	for _, sku := range []string{premium, e3} {
		if f.ruleless[sku] || err != nil {
			continue
		}
		n := 0
		for _, l := range items {
			if l.SKU == sku {
				n = l.Purchased
			}
		}
		d.Counts = append(d.Counts, target.Count{Key: line(f.customer, sku, "").Key, Product: "P", Label: sku, Purchased: &n, Assigned: new(0), Due: &n, Counted: &n, Unknown: f.held,
			Rules: []mapping.Rule{{SKU: sku, Product: "P", Count: mapping.Purchased, Status: mapping.Bill}}})
		c := &d.Counts[len(d.Counts)-1]
		for i := range items {
			if items[i].SKU == sku {
				for _, x := range items[i].Subscriptions {
					c.Subscriptions = append(c.Subscriptions, target.Subscription{Subscription: x, SKU: sku, Standing: money.StandingOf(x, f.tick())})
				}
			}
		}
		if f.held != "" {
			c.Purchased, c.Assigned, c.Due, c.Counted = nil, nil, nil, nil
			if f.word == nil || sku != premium {
				d.Conflicts = append(d.Conflicts, plan.Conflict{Key: c.Key, Violation: plan.Violation{Code: "not_proven", Kind: c.Key.Kind, Key: c.Key.ID, NeedsRepair: true, Message: f.held}})
			}
		}
		if f.word != nil && sku == premium { // a quantity counts whatever is proven
			c.Override, c.Due, c.Unknown, c.Purchased, c.Assigned = f.word, f.word.Quantity, "", &n, new(0)
		}
	}
	if err == nil {
		err = f.unreadable
	}
	for _, l := range items {
		if f.ruleless[l.SKU] {
			continue
		}
		o := line(f.customer, l.SKU, fmt.Sprint(l.Purchased))
		if f.word != nil && l.SKU == premium {
			o = line(f.customer, l.SKU, fmt.Sprint(*f.word.Quantity))
		}
		o.Ref, o.Retired = "", false
		d.Objects = append(d.Objects, o)
	}
	if f.unreadable != nil {
		return d, target.Observed{}, err
	}
	return d, f.observed, err
}

func (f fakeView) Apply(_ context.Context, ch plan.Change) (target.Applied, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	committed, err := f.fail(ch)
	if committed {
		f.lines[f.customer+"/"+ch.Key.ID] = ch.After.Fields.Text("quantity")
	}
	if err != nil {
		return target.Applied{}, err
	}
	return target.Applied{Object: line(f.customer, ch.Key.ID, ch.After.Fields.Text("quantity"))}, nil
}

func (w *fixture) run(mode Mode, change ...func(*Selection)) *Report {
	w.t.Helper()
	sel := Selection{Jobs: []Job{w.job}, Trigger: "command"}
	for _, c := range change {
		c(&sel)
	}
	r, err := w.engine.Run(w.t.Context(), sel, mode)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *fixture) apply() *Report { w.t.Helper(); return w.run(Apply) }

// approve lets everything pass that waits.
func (w *fixture) approve() {
	w.t.Helper()
	for h, err := range w.store.Holds(w.t.Context()) {
		if err == nil && h.Digest != "" {
			err = w.store.Decide(w.t.Context(), h.Scope, h.Digest, state.Decision{Approved: true, By: "ada"})
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// converge brings the world into step.
func (w *fixture) converge() {
	w.t.Helper()
	w.apply()
	w.approve()
	w.want(w.apply(), "changed changed", 0)
	w.want(w.apply(), "in_step in_step", 0)
}

func (w *fixture) want(r *Report, outcomes string, status int) {
	w.t.Helper()
	var got []string
	for _, s := range r.Scopes {
		got = append(got, string(s.Outcome))
	}
	if strings.Join(got, " ") != outcomes || r.Status() != status {
		w.t.Fatalf("got outcomes %v, status %d; want %s, %d\n%+v", got, r.Status(), outcomes, status, r.Scopes)
	}
}

func (w *fixture) wantLine(customer directory.TenantID, sku, quantity string) {
	w.t.Helper()
	if got := w.lines[string(customer)+"/"+sku]; got != quantity {
		w.t.Errorf("the target holds %q of %s at %s, want %q", got, sku, name(customer), quantity)
	}
}

func (w *fixture) codes(r *Report) string {
	var codes []string
	for _, s := range r.Scopes {
		for _, v := range s.Violations {
			codes = append(codes, v.Code)
		}
	}
	return strings.Join(codes, " ")
}

func TestAPlanWritesNowhere(t *testing.T) {
	w := newFixture(t)
	w.want(w.run(PlanOnly), "held held", 2)
	if w.writes != 0 {
		t.Errorf("a plan wrote %d times", w.writes)
	}
	counts, err := w.store.Verify(t.Context())
	if err != nil || counts != (state.Counts{}) {
		t.Errorf("a plan left %+v, %v in the state", counts, err)
	}
}

func TestPlansAreHeldForADecisionUnderTheTargetsLockAndNothingElseIsWritten(t *testing.T) {
	w := newFixture(t)
	token := w.engine.lockOf("fake")
	token <- struct{}{} // a run is under way
	ctx, cancel := context.WithCancelCause(t.Context())
	busy := errors.New("still busy")
	go func() { time.Sleep(50 * time.Millisecond); cancel(busy) }()
	if _, err := w.engine.Run(ctx, Selection{Jobs: []Job{w.job}, Trigger: "command"}, HoldOnly); !errors.Is(err, busy) {
		t.Errorf("got %v, want to wait for the run under way", err)
	}
	<-token
	w.want(w.run(HoldOnly), "held held", 2)
	counts, err := w.store.Verify(t.Context())
	if want := (state.Counts{Holds: 2}); err != nil || counts != want || w.writes != 0 {
		t.Errorf("got %+v, %v and %d writes, want two holds and nothing else", counts, err, w.writes)
	}
	w.approve()
	w.want(w.apply(), "changed changed", 0)
}

func TestAfterARestoreTheNextPlanWaitsUntilItWasDecidedOn(t *testing.T) {
	w := newFixture(t)
	w.job.Policy = plan.Auto
	w.job.Limits.HoldFirst = false
	w.want(w.apply(), "changed changed", 0)
	restored, err := json.Marshal(state.Restoration{At: w.engine.Now(), AsOf: w.engine.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.PutDocument(t.Context(), state.Document{Name: state.RestoredDocument, Body: restored}); err != nil {
		t.Fatal(err)
	}
	mark := func(customer string) {
		scope := plan.Scope{Customer: customer, Target: "fake"}
		m, err := w.store.Recall(t.Context(), scope)
		if err != nil {
			t.Fatal(err)
		}
		m.Cursor.Restored = true
		if err := w.store.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: m.Cursor}); err != nil {
			t.Fatal(err)
		}
	}
	mark(string(contoso))
	mark(string(fabrikam))
	w.bought[contoso][premium] = 13
	before := w.writes
	r := w.apply() // the other one is in step: nothing is unknown of it
	w.want(r, "held in_step", 3)
	if w.writes != before || r.Scopes[0].Violations[0].Code != "restored" {
		t.Errorf("%d writes, %+v; want none, and why", w.writes-before, r.Scopes[0].Violations)
	}
	w.want(w.apply(), "held in_step", 3) // until somebody decides
	w.approve()
	w.want(w.apply(), "changed in_step", 0)
	w.bought[contoso][premium] = 14
	w.want(w.apply(), "changed in_step", 0) // once
}

func TestTheFirstPlanWaitsAndAnApprovedOneIsAppliedOnce(t *testing.T) {
	w := newFixture(t)
	w.want(w.apply(), "held held", 3)
	if w.writes != 0 {
		t.Fatalf("a held plan wrote %d times", w.writes)
	}
	w.approve()
	w.reopen() // an approval survives a restart
	w.want(w.apply(), "changed changed", 0)
	w.wantLine(contoso, premium, "12")
	w.wantLine(fabrikam, premium, "7")
	before := w.writes
	w.want(w.apply(), "in_step in_step", 0)
	if w.writes != before {
		t.Errorf("a second run wrote %d times", w.writes-before)
	}
	entries := 0
	for e, err := range w.store.Journal(t.Context(), state.JournalFilter{}) {
		if err != nil || e.Result != state.ResultDone || e.By != "ada" || e.After == nil {
			t.Errorf("journal entry %+v, %v", e, err)
		}
		entries++
	}
	if entries != 3 {
		t.Errorf("the journal has %d entries, want 3", entries)
	}
}

func TestAnApprovalIsOfOnePlanOnly(t *testing.T) {
	w := newFixture(t)
	w.apply()
	w.approve()
	w.bought[contoso][premium] = 13
	w.want(w.apply(), "held changed", 3)
	w.wantLine(contoso, premium, "")
}

func TestWithinLimitsAnAutomaticJobNeedsNobody(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.bought[contoso][premium] = 14
	w.want(w.apply(), "changed in_step", 0)
	w.wantLine(contoso, premium, "14")
	w.bought[contoso][premium] = 13 // less money: never by itself
	r := w.apply()
	w.want(r, "held in_step", 3)
	if got := w.codes(r); got != "money_decrease" {
		t.Errorf("held for %q, want money_decrease", got)
	}
	w.job.Limits.Decrease, w.job.Limits.DecreaseExplained = decimal.NewFromInt(1000), decimal.NewFromInt(22)
	w.want(w.apply(), "changed in_step", 0) // one of the two that were added lately was given back
	w.wantLine(contoso, premium, "13")
	w.bought[contoso][premium] = 11 // whatever is allowed: nothing shows why
	r = w.apply()
	w.want(r, "held in_step", 3)
	if got := w.codes(r); got != "decrease_unexplained" {
		t.Errorf("held for %q, want decrease_unexplained", got)
	}
	w.approve()
	w.want(w.apply(), "changed in_step", 0)
	w.wantLine(contoso, premium, "11")
}

func TestWhatTheSourceDoesNotProveIsLeftAlone(t *testing.T) {
	w := newFixture(t)
	w.converge()
	for name, change := range map[string]func(){
		"a reason":   func() { w.unproven[contoso] = errors.New("answered 200 with nothing") },
		"empty":      func() { w.unproven = map[directory.TenantID]error{}; w.bought[contoso] = nil },
		"not listed": func() { w.tenants = []directory.TenantID{fabrikam} },
	} {
		change()
		w.want(w.apply(), "incomplete in_step", 1)
		w.approve()
		w.want(w.apply(), "incomplete in_step", 1)
		w.wantLine(contoso, premium, "12")
		_ = name
		w.tenants, w.unproven = []directory.TenantID{contoso, fabrikam}, map[directory.TenantID]error{}
		w.bought[contoso] = map[string]int{premium: 12, e3: 3}
	}
}

func TestAHumanEditHoldsThatObjectAloneUntilSomebodyDecides(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.lines[string(contoso)+"/"+premium] = "20"
	w.bought[contoso][e3] = 4
	for range 2 {
		r := w.apply()
		w.want(r, "held in_step", 3)
		w.wantLine(contoso, premium, "20")
		w.wantLine(contoso, e3, "4") // the rest goes ahead
	}
	w.approve()
	w.want(w.apply(), "changed in_step", 0)
	w.wantLine(contoso, premium, "12")
}

func TestAnIgnoredObjectIsTakenOut(t *testing.T) {
	w := newFixture(t)
	w.converge()
	key := plan.Key{Kind: "addition", ID: premium}
	scope := plan.Scope{Customer: string(contoso), Target: "fake"}
	if err := w.store.Settle(t.Context(), scope, key, &state.Settlement{Scope: scope, By: "ada", Settlement: plan.Settlement{Key: key, How: plan.SettleIgnore, Reason: "agreed"}}); err != nil {
		t.Fatal(err)
	}
	w.lines[string(contoso)+"/"+premium] = "20"
	r := w.apply()
	w.want(r, "in_step in_step", 0)
	if got := w.codes(r); got != "hands_off" {
		t.Errorf("noted %q, want hands_off", got)
	}
}

func TestALostAnswerDoublesNothing(t *testing.T) {
	for _, committed := range []bool{true, false} {
		t.Run(fmt.Sprint("committed ", committed), func(t *testing.T) {
			w := newFixture(t)
			w.apply()
			w.approve()
			lost := 0
			w.fail = func(ch plan.Change) (bool, error) {
				if ch.Key.ID == premium && lost < 2 {
					lost++
					return committed, fmt.Errorf("%w: reset", rest.ErrOutcomeUnknown)
				}
				return true, nil
			}
			r := w.apply()
			if r.Status() != 1 {
				t.Fatalf("status %d, want 1", r.Status())
			}
			for range 3 { // what is left is approved again where it must be
				w.reopen()
				w.apply()
				w.approve()
			}
			w.want(w.apply(), "in_step in_step", 0)
			w.wantLine(contoso, premium, "12")
			if len(w.lines) != 3 {
				t.Errorf("the target holds %v", w.lines)
			}
			recovered := 0
			for e := range w.store.Journal(t.Context(), state.JournalFilter{}) {
				if e.Result == state.ResultRecovered {
					recovered++
				}
			}
			if committed && recovered != 2 {
				t.Errorf("the journal tells of %d recovered attempts, want 2", recovered)
			}
		})
	}
}

// A kill between announcement and record is a store that has the announcement
// and nothing else.
func TestAKillInTheMiddleIsUnderstood(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.bought[contoso][premium] = 14
	func() {
		defer func() { recover() }()
		w.fail = func(ch plan.Change) (bool, error) {
			w.lines[string(contoso)+"/"+ch.Key.ID] = ch.After.Fields.Text("quantity")
			w.mu.Unlock()
			defer w.mu.Lock()
			panic(errKilled)
		}
		s := (&run{Engine: w.engine, id: "killed", report: &Report{}, sel: Selection{}, mode: Apply}).newScopeRun(
			&openTarget{Target: fakeTarget{w}, spec: w.spec, job: w.job, budget: &budget{}},
			w.table.Customers([]directory.Tenant{{ID: contoso, Name: name(contoso)}})[0], nil)
		s.snapshot, _ = w.Snapshot(t.Context(), s.customer.Tenant, directory.Licences)
		if _, err := s.prepare(t.Context()); err != nil {
			t.Error(err)
		}
		views, _ := fakeTarget{w}.Observe(t.Context(), []target.Asked{{Customer: s.customer}})
		s.view = views[0]
		s.planAndApply(t.Context())
	}()
	w.wantLine(contoso, premium, "14")
	w.fail = func(plan.Change) (bool, error) { return true, nil }
	w.reopen()
	w.bought[contoso][premium] = 15 // and the source moved on meanwhile
	w.want(w.apply(), "changed in_step", 0)
	w.wantLine(contoso, premium, "15")
	var wrote []string // newest first
	for e := range w.store.Journal(t.Context(), state.JournalFilter{Customer: string(contoso), Limit: 2}) {
		wrote = append(wrote, e.Before.Fields.Text("quantity")+" -> "+e.After.Fields.Text("quantity")+" "+e.Result)
	}
	if got, want := strings.Join(wrote, ", "), "14 -> 15 done, 12 -> 14 recovered"; got != want {
		t.Errorf("the journal says %s, want %s", got, want)
	}
	var ledger []string // what it billed between the request and the next run nobody saw
	for x := range w.store.Spans(t.Context(), state.SpanFilter{Customer: string(contoso), Key: plan.Key{Kind: "addition", ID: premium}}) {
		ledger = append(ledger, fmt.Sprintf("%s %t", x.Billed, x.Known))
	}
	if got, want := strings.Join(ledger, ", "), "12 true,  false, 15 true"; !strings.HasSuffix(got, want) {
		t.Errorf("the ledger says %s, want it to end with %s", got, want)
	}
}

var errKilled = errors.New("killed")

func TestOneRefusedObjectDoesNotStopTheOthers(t *testing.T) {
	w := newFixture(t)
	w.apply()
	w.approve()
	w.fail = func(ch plan.Change) (bool, error) {
		if ch.Key.ID == e3 {
			return false, &rest.Error{Status: 400, Message: "no"}
		}
		return true, nil
	}
	w.want(w.apply(), "partial changed", 1)
	w.wantLine(contoso, premium, "12")
}

func TestATargetThatMovedIsLeftAlone(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.bought[contoso][premium] = 14
	w.fail = func(plan.Change) (bool, error) { return false, fmt.Errorf("%w: quantity is 20", target.ErrMoved) }
	r := w.apply()
	w.want(r, "held in_step", 3)
	if got := w.codes(r); got != "target_moved" {
		t.Errorf("got %q, want target_moved", got)
	}
}

func TestALicenceThatIsGoneGoesToZeroAndStaysThere(t *testing.T) {
	w := newFixture(t)
	w.converge()
	delete(w.bought[contoso], e3)
	w.want(w.apply(), "held in_step", 3)
	w.approve()
	w.want(w.apply(), "changed in_step", 0)
	w.wantLine(contoso, e3, "0")
	w.want(w.apply(), "in_step in_step", 0)
	w.bought[contoso][e3] = 5
	w.want(w.apply(), "changed in_step", 0)
	w.wantLine(contoso, e3, "5")
}

func TestALineThatNoRuleNamesAnyMoreIsNotForgottenWhileItBills(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.ruleless = map[string]bool{e3: true}
	for range 2 {
		r := w.apply()
		w.want(r, "in_step in_step", 0)
		if got := w.codes(r); got != "left_behind" {
			t.Fatalf("noted %q, want left_behind", got)
		}
	}
	w.wantLine(contoso, e3, "3")
	delete(w.lines, string(contoso)+"/"+e3) // somebody ended it
	r := w.apply()
	w.want(r, "changed in_step", 0) // a forget: nothing is written
	if got := w.codes(r); got != "" {
		t.Errorf("noted %q, want nothing", got)
	}
}

func TestALeaverIsWaitedForAndForgivenWhenItReturns(t *testing.T) {
	w := newFixture(t)
	w.lately = true
	w.converge()
	w.spec.Kinds[0].Leavers = &plan.Leavers{Absences: 3, After: 48 * time.Hour}
	w.job.Limits.DecreaseExplained = decimal.NewFromInt(1000)
	delete(w.bought[contoso], e3)
	w.want(w.apply(), "in_step in_step", 0)
	w.run(PlanOnly) // plans do not count
	w.run(PlanOnly)
	w.want(w.apply(), "in_step in_step", 0)
	w.bought[contoso][e3] = 3 // back: the count starts anew
	w.want(w.apply(), "in_step in_step", 0)
	delete(w.bought[contoso], e3)
	for range 4 { // often enough, not long enough
		w.want(w.apply(), "in_step in_step", 0)
	}
	w.now = w.now.Add(49 * time.Hour)
	w.want(w.apply(), "changed in_step", 0)
	w.wantLine(contoso, e3, "0")
	w.want(w.apply(), "in_step in_step", 0)
}

// What a subscription was like is remembered from run to run, and a run that sees
// nothing new leaves it as it is.
func TestASubscriptionIsRememberedAsItWas(t *testing.T) {
	w := newFixture(t)
	status := "Enabled"
	var given []directory.Seen
	w.edit = func(s *directory.Snapshot) {
		items, _ := s.Licences.Items()
		for i := range items {
			items[i].Subscriptions = []directory.Subscription{{ID: "sub-" + items[i].SKU, Status: status, Total: items[i].Purchased, Renews: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)}}
		}
	}
	memory := func() []directory.Seen {
		m, err := w.store.Recall(t.Context(), plan.Scope{Customer: string(fabrikam), Target: "fake"})
		if err != nil {
			t.Fatal(err)
		}
		return m.Cursor.Seen
	}
	w.converge()
	want := []directory.Seen{{ID: "sub-" + premium, SKU: premium, Status: "Enabled", State: "enabled", Units: 7, Ends: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)}}
	if got := memory(); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	w.reopen()
	status = "Suspended"
	w.run(PlanOnly) // a plan writes nowhere
	if got := memory(); !reflect.DeepEqual(got, want) {
		t.Errorf("a plan remembered %+v", got)
	}
	sel := Selection{Jobs: []Job{w.job}, Customer: string(fabrikam), Trigger: "command", Inspect: func(e Inspection) {
		items, _ := e.Snapshot.Licences.Items()
		given = append(given, items[0].Subscriptions[0].Before)
	}}
	for range 2 {
		if _, err := w.engine.Run(t.Context(), sel, Apply); err != nil {
			t.Fatal(err)
		}
	}
	want[0].Status, want[0].State = "Suspended", "suspended_billed"
	if got := memory(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(given) != 2 || !given[0].Ends.Equal(want[0].Ends) || given[0].Status != "Enabled" || given[1].Status != "Suspended" {
		t.Errorf("the target was told %+v", given)
	}
	w.unproven[fabrikam] = errors.New("no answer")
	w.apply()
	if got := memory(); !reflect.DeepEqual(got, want) {
		t.Errorf("an unproven source changed the memory to %+v", got)
	}
}

// Of whom the source makes no sense nothing is changed and nothing is missed.
func TestWhoMakesNoSenseAtTheSourceIsFrozenAlone(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.edit = func(s *directory.Snapshot) {
		s.Users = directory.Proven([]directory.User{{ID: premium, UPN: "ann@contoso.example", Unread: "a proxy address with a space"}}, directory.Proof{})
	}
	w.bought[contoso][premium], w.bought[contoso][e3] = 13, 4
	w.bought[fabrikam] = map[string]int{e3: 1} // of the frozen one nothing is gone
	r := w.apply()
	w.wantLine(contoso, premium, "12")
	w.wantLine(contoso, e3, "4")
	w.wantLine(fabrikam, premium, "7")
	var said []string
	for _, v := range r.Scopes[0].Violations {
		said = append(said, v.Code+" "+v.Key+" "+v.Message)
	}
	if text := strings.Join(said, "; "); !strings.Contains(text, "not_proven "+premium+" ann@contoso.example is left as it is") || !strings.Contains(text, "a proxy address with a space") {
		t.Errorf("got %s", text)
	}
	w.edit = nil
	w.apply()
	w.wantLine(contoso, premium, "13")
}

func TestWhoIsNotLinkedIsUnmappedAndNoFailure(t *testing.T) {
	w := newFixture(t)
	w.table.Rows = w.table.Rows[1:]
	w.job.Limits.HoldFirst = false
	w.want(w.apply(), "unmapped changed", 0)
}

func TestASavedPlanIsAppliedOnlyAsItWas(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	p := w.run(PlanOnly)
	saved := map[plan.Scope]string{}
	for _, s := range p.Scopes {
		saved[s.Scope()] = s.Digest
	}
	w.bought[contoso][premium] = 13
	with := func(s *Selection) { s.Saved = saved }
	r := w.run(Apply, with)
	w.want(r, "held changed", 3)
	if got := w.codes(r); got != "plan_moved" {
		t.Errorf("got %q, want plan_moved", got)
	}
	w.wantLine(contoso, premium, "")
	w.wantLine(fabrikam, premium, "7")
}

func TestARunLimitStopsTheScopesThatWouldOverdraw(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	two := 2
	w.job.Limits.Run.Creates = &two
	r := w.apply()
	if r.Totals[Changed] != 1 || r.Totals[Held] != 1 || len(w.lines) > 2 {
		t.Errorf("got %v and lines %v; want one scope changed and one held", r.Totals, w.lines)
	}
}

func TestOnlyOneObjectIsTouchedWhenOneIsNamed(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	r := w.run(Apply, func(s *Selection) { s.Customer, s.Only = string(contoso), e3 })
	w.want(r, "changed", 0)
	w.wantLine(contoso, e3, "3")
	w.wantLine(contoso, premium, "")
	if len(r.Scopes[0].Trace) == 0 {
		t.Error("no trace of what was compared")
	}
}

func TestATargetThatRefusesEverythingIsLeftAloneBySchedulesOnly(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	w.fail = func(plan.Change) (bool, error) { return false, &rest.Error{Status: 403, Forbidden: true} }
	w.want(w.apply(), "failed failed", 1)
	before := w.writes
	scheduled := func(s *Selection) { s.Trigger = "schedule" }
	w.want(w.run(Apply, scheduled), "failed failed", 1)
	if w.writes != before {
		t.Error("a scheduled run did not keep to the pause")
	}
	w.fail = func(plan.Change) (bool, error) { return true, nil }
	w.want(w.apply(), "changed changed", 0) // typed: probes at once
	w.want(w.run(Apply, scheduled), "in_step in_step", 0)
}

// A missing right makes no storm: the first write goes alone, and its refusal ends
// the run for the target, whatever else it would let us do.
func TestARefusedRightIsMetOncePerRun(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	w.lines = map[string]string{string(contoso) + "/" + e3: "3"} // taken on as it is: nothing is sent, so it shows nothing
	w.fail = func(plan.Change) (bool, error) {
		return false, &rest.Error{System: "fake", Status: 403, Forbidden: true}
	}
	scheduled := func(s *Selection) { s.Trigger = "schedule" }
	for round, c := range []struct {
		how   func(*Selection)
		sends int
	}{{scheduled, 1}, {scheduled, 0}, {func(*Selection) {}, 1}, {func(*Selection) {}, 1}, {scheduled, 0}} {
		before := w.writes
		r := w.run(Apply, c.how)
		if got := w.writes - before; got != c.sends {
			t.Errorf("round %d: %d writes were sent, want %d", round, got, c.sends)
		}
		if got := len(r.Refusals()); c.sends == 0 && got != 1 {
			t.Errorf("round %d: the refusal is told %d times, want once", round, got)
		}
	}
	// Whoever is not wanted changed meanwhile reads well; that lifts nothing.
	w.bought = map[directory.TenantID]map[string]int{contoso: {e3: 3}, fabrikam: {}}
	w.run(Apply)
	before := w.writes
	w.bought[fabrikam][premium] = 7
	w.run(Apply, scheduled)
	if w.writes != before {
		t.Error("a run that sent nothing lifted the quarantine")
	}
}

func TestAnUnchangedScopeIsSkippedWhileItsLastLookIsFresh(t *testing.T) {
	w := newFixture(t)
	w.spec.VerifyEvery = time.Hour
	w.converge()
	scheduled := func(s *Selection) { s.Trigger = "schedule" }
	w.want(w.run(Apply, scheduled), "skipped skipped", 0)
	w.bought[contoso][premium] = 13
	w.want(w.run(Apply, scheduled), "changed skipped", 0)
	w.now = w.now.Add(2 * time.Hour)
	w.want(w.run(Apply, scheduled), "in_step in_step", 0)
}

func TestChangedRulesMakeAnAutomaticJobAsk(t *testing.T) {
	w := newFixture(t)
	w.converge()
	w.spec.Settings = "v2"
	w.want(w.apply(), "in_step in_step", 0) // nothing to change: nothing to ask
	w.spec.Settings = "v3"
	w.bought[contoso][premium] = 13
	r := w.apply()
	w.want(r, "held in_step", 3)
	if got := w.codes(r); got != "settings_changed" {
		t.Errorf("held for %q, want settings_changed", got)
	}
}

func TestAShrunkSourceWaits(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	for i := range 20 {
		w.bought[contoso][fmt.Sprint(i)] = 1
	}
	w.job.Limits.Creates = plan.Ceiling{Count: 100, Percent: 100}
	w.job.Limits.Increase = decimal.NewFromInt(100000)
	w.want(w.apply(), "changed changed", 0)
	w.job.Limits.Deletes, w.job.Limits.Decrease = plan.Ceiling{Count: 100, Percent: 100}, decimal.NewFromInt(100000)
	for i := range 10 {
		delete(w.bought[contoso], fmt.Sprint(i))
	}
	r := w.apply()
	w.want(r, "held in_step", 3)
	if got := w.codes(r); got != "source_shrink" {
		t.Errorf("held for %q, want source_shrink", got)
	}
	w.want(w.apply(), "held in_step", 3) // and goes on waiting
}

// A knowing target recognises its lines only once it knows the source, and
// sleeps on demand.
type knowing struct {
	fakeTarget
	asleep *bool
}

func (k knowing) Observe(_ context.Context, asked []target.Asked) ([]target.View, error) {
	views := make([]target.View, len(asked))
	for i, c := range asked {
		views[i] = knowingView{fakeView{fakeTarget: k.fakeTarget, customer: c.Key}, k.asleep}
	}
	return views, nil
}

type knowingView struct {
	fakeView
	asleep *bool
}

func (k knowingView) Compare(ctx context.Context, s *directory.Snapshot, records []plan.Record) (target.Desired, target.Observed, error) {
	d, o, err := k.fakeView.Compare(ctx, s, records)
	if *k.asleep {
		o.Later = &target.Later{Code: "quiet_hours", Why: "it is night"}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	items, _ := s.Licences.Items()
	for _, l := range items {
		if n, there := k.lines[k.customer+"/"+l.SKU]; there {
			o.Objects = append(o.Objects, line(k.customer, l.SKU, n))
		}
	}
	for _, r := range records {
		if !slices.ContainsFunc(o.Objects, func(o plan.Object) bool { return o.Key == r.Key }) && k.lines[r.Ref] != "" {
			o.Objects = append(o.Objects, line(k.customer, r.ID, k.lines[r.Ref]))
		}
	}
	return d, o, err
}

func TestATargetMayRecogniseItsThingsByTheSource(t *testing.T) {
	w := newFixture(t)
	asleep := false
	w.engine.Targets["fake"] = func(context.Context) (target.Target, error) { return knowing{fakeTarget{w}, &asleep}, nil }
	w.converge()
	delete(w.bought[contoso], e3)
	w.apply()
	w.approve()
	w.apply()
	w.wantLine(contoso, e3, "0")
}

func TestQuietHoursKeepWhatWasApprovedAndForgetNothing(t *testing.T) {
	w := newFixture(t)
	asleep := true
	w.engine.Targets["fake"] = func(context.Context) (target.Target, error) { return knowing{fakeTarget{w}, &asleep}, nil }
	w.apply()
	w.approve()
	r := w.apply()
	w.want(r, "skipped skipped", 0)
	if w.writes != 0 {
		t.Fatalf("%d writes at night, want none", w.writes)
	}
	if got := r.Scopes[0].Violations[0].Code; got != "quiet_hours" {
		t.Errorf("left for later by %s, want quiet_hours", got)
	}
	asleep = false
	w.want(w.apply(), "changed changed", 0)
	asleep = true
	w.want(w.apply(), "in_step in_step", 0)
}

func TestWhatATargetPutsOffGoesOnInTheNextRunWithItsApproval(t *testing.T) {
	w := newFixture(t)
	w.tenants, w.table.Rows = w.tenants[:1], w.table.Rows[:1]
	w.apply()
	w.approve()
	budget := 1
	w.fail = func(plan.Change) (bool, error) {
		if budget == 0 {
			return false, &target.Later{Code: "budget", Why: "the budget is spent"}
		}
		budget--
		return true, nil
	}
	r := w.apply() // two lines to make, and a budget for one
	w.want(r, "changed", 0)
	if got := r.Scopes[0].Violations; len(got) != 1 || got[0].Code != "budget" || !got[0].Note || !strings.Contains(got[0].Message, "1 change is left") {
		t.Errorf("got %+v, want one note", got)
	}
	for e, err := range w.store.Journal(t.Context(), state.JournalFilter{}) {
		if err != nil || e.Result != state.ResultDone {
			t.Errorf("the journal has %+v, %v; want only what was done", e, err)
		}
	}
	w.want(w.apply(), "skipped", 0)
	for h, err := range w.store.Holds(t.Context()) {
		if err != nil || h.Standing() != state.StandsApproved || !slices.ContainsFunc(h.Violations, func(v plan.Violation) bool { return v.Code == "first_plan" }) {
			t.Errorf("what is left is held as %+v, %v; want it approved, with what it was held for", h, err)
		}
	}
	budget = 10
	w.want(w.apply(), "changed", 0)
	w.want(w.apply(), "in_step", 0)
}

// A locked target refuses every customer by itself, as one with an account a
// customer does.
type locked struct {
	fakeTarget
	closed *bool
}

func (l locked) Observe(ctx context.Context, asked []target.Asked) ([]target.View, error) {
	views, err := l.fakeTarget.Observe(ctx, asked)
	for i := range views {
		if *l.closed {
			views[i] = closed{}
		}
	}
	return views, err
}

type closed struct{ target.View }

func (closed) Compare(context.Context, *directory.Snapshot, []plan.Record) (target.Desired, target.Observed, error) {
	return target.Desired{}, target.Observed{}, &rest.Error{System: "fake", Status: 401, Unauthorised: true, Message: "the token is not valid"}
}

func TestATargetWhoseEveryAccountTurnsUsAwayIsQuarantinedUntilItAnswers(t *testing.T) {
	w := newFixture(t)
	w.table.Rows = w.table.Rows[:1] // the other customer is not linked
	closed := false
	w.engine.Targets["fake"] = func(context.Context) (target.Target, error) { return locked{fakeTarget{w}, &closed}, nil }
	w.apply()
	w.approve()
	w.want(w.apply(), "changed unmapped", 0)
	closed = true
	scheduled := func(s *Selection) { s.Trigger = "schedule" }
	w.want(w.run(Apply, scheduled), "failed unmapped", 1)
	closed = false
	r := w.run(Apply, scheduled)
	w.want(r, "failed unmapped", 1)
	if got := *r.Scopes[0].Error; !strings.Contains(got, "refused everything once") {
		t.Errorf("got %q, want the quarantine", got)
	}
	// A typed run probes at once; it finds nothing to do, and that is an answer.
	w.want(w.apply(), "in_step unmapped", 0)
	w.want(w.run(Apply, scheduled), "in_step unmapped", 0)
}

func TestAReportOfManyChangesIsPackedUntilItIsRead(t *testing.T) {
	w := newFixture(t)
	w.tenants, w.table.Rows = w.tenants[:1], w.table.Rows[:1]
	want := map[string]string{}
	for i := range 3 * maxUnpacked {
		sku := fmt.Sprintf("sku-%03d", i)
		w.bought[contoso][sku], want[sku] = i+1, fmt.Sprint(i+1)
	}
	want[premium], want[e3] = "12", "3"
	report := w.run(PlanOnly)
	s := &report.Scopes[0]
	if s.packed == nil || len(s.Changes) > 0 || s.Count() != len(want) {
		t.Fatalf("many changes are kept as they are, or %d are counted and not %d", s.Count(), len(want))
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Scopes []struct {
			Changes []struct {
				Key    string
				Fields map[string]struct{ After string }
			}
		}
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range read.Scopes[0].Changes {
		got[c.Key] = c.Fields["quantity"].After
	}
	if !maps.Equal(got, want) {
		t.Errorf("JSON: got %v, want %v", got, want)
	}
	for _, c := range s.Unpacked().Changes {
		if c.Fields[0].After.String() != want[c.Key.ID] || c.MonthlyDelta.IsZero() || c.Action != plan.Create {
			t.Errorf("unpacked: got %+v", c)
		}
	}
	if up, _ := report.MonthlyDelta("USD"); up.IsZero() {
		t.Error("the sums went with the fields")
	}
}

func TestManyWhoLeaveAtOnceAreSeenByTheRunThatDealsWithThem(t *testing.T) {
	w := newFixture(t)
	w.tenants, w.table.Rows = w.tenants[:1], w.table.Rows[:1]
	for i := range 20 {
		w.bought[contoso][fmt.Sprintf("sku-%02d", i)] = 1
	}
	w.apply()
	w.approve()
	w.want(w.apply(), "changed", 0)
	w.spec.Kinds[0].Leavers = &plan.Leavers{Absences: 2}
	w.job.Limits.Decrease, w.job.Limits.Deletes = decimal.NewFromInt(100000), plan.Ceiling{Count: -1, Percent: -1}
	for i := range 10 {
		delete(w.bought[contoso], fmt.Sprintf("sku-%02d", i))
	}
	w.want(w.apply(), "in_step", 0)
	r := w.apply()
	w.want(r, "held", 3)
	if got := w.codes(r); !strings.Contains(got, "source_shrink") {
		t.Errorf("held for %q, want source_shrink", got)
	}
	w.approve()
	w.want(w.apply(), "changed", 0)
	w.want(w.apply(), "in_step", 0)
}
