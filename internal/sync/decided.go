package sync

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// What a person decides while a run writes counts from the next request on: the run planned
// with what had been decided when it began. Right before each request the store says,
// without a read, whether anybody decided anything since; what that was is read once, and
// each scope finds out whether its plan would be another one now.

// decisions are what people decided since the run began, as last read.
type decisions struct {
	mu        sync.Mutex
	version   uint64
	read      bool
	customers map[string]mapping.Customer
	specs     map[string]target.Spec // by target, of those that were asked for
	closed    []state.Closing
}

// decidedNow reads what is decided now, once for each version of it.
func (r *run) decidedNow(ctx context.Context, version uint64, name string) (customers map[string]mapping.Customer, spec target.Spec, closed []state.Closing, err error) {
	d := &r.decisions
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read || d.version != version {
		table, err := r.Links(ctx)
		if err != nil {
			return nil, spec, nil, fmt.Errorf("reading the links: %w", err)
		}
		if d.closed, _, err = state.Closed(ctx, r.Store); err != nil {
			return nil, spec, nil, err
		}
		d.customers, d.specs = map[string]mapping.Customer{}, map[string]target.Spec{}
		for _, c := range table.Customers(r.tenants) {
			d.customers[c.Key] = c
		}
		d.version, d.read = version, true
	}
	spec, known := d.specs[name]
	if !known {
		t, err := r.Targets[name](ctx)
		if err != nil {
			return nil, spec, nil, err
		}
		spec = t.Spec()
		d.specs[name] = spec
	}
	return d.customers, spec, d.closed, nil
}

// checkDecided returns a *target.Later where a person decided meanwhile, and the plan that
// is carried out would be another one, or none, now. The first row that fits decides:
//
//	since the plan was made                         what is left of it
//	nobody decided anything                         is written
//	what was decided cannot be read                 is held
//	the plan was rejected, or its approval is gone  is held, and rejected
//	the customer's links or tenants changed         is held
//	rules, overrides, terms or options changed      is held
//	one of its objects was settled                  is held
//	a month was closed or opened again              is held, where something is billed
//	anything else                                   is written
func (s *scopeRun) checkDecided(ctx context.Context) error {
	version := s.run.Store.Decided()
	if version == s.decided {
		return nil
	}
	later := func(code, why string) error {
		return &target.Later{Code: code, Decided: true, Why: why + " while the run was writing; the next plan shows what follows"}
	}
	customers, spec, closed, err := s.run.decidedNow(ctx, version, s.target.spec.Name)
	if err != nil {
		return later(plan.PlanMoved, fmt.Sprintf("somebody decided something that cannot be read (%v)", s.run.Redact(err.Error())))
	}
	memory, err := s.run.Store.Recall(ctx, s.id())
	if err != nil {
		return later(plan.PlanMoved, fmt.Sprintf("somebody decided something that cannot be read (%v)", s.run.Redact(err.Error())))
	}
	hold, digest := memory.Hold, s.report.Digest
	if hold != nil && hold.Digest == digest && hold.Decision != nil && !hold.Decision.Approved {
		s.rejection = hold.Decision
		return later(plan.Rejected, hold.Decision.By+" rejected this plan"+inParentheses(hold.Decision.Reason))
	}
	now, listed := customers[s.customer.Key]
	switch {
	case s.report.Approved && !hold.Approved(digest):
		return later(plan.PlanMoved, "the approval of this plan was taken back")
	case !listed || now.Status != s.customer.Status || !maps.Equal(now.Links, s.customer.Links) || made(&now) != made(&s.customer):
		return later(plan.PlanMoved, "somebody changed what the customer is linked to")
	case settingsOf(&spec, &now) != s.settingsDigest():
		return later(plan.PlanMoved, "somebody changed the rules, an override, a term or the options")
	case !slices.Equal(sortedSettlements(memory.Settlements), sortedSettlements(s.memory.Settlements)):
		return later(plan.PlanMoved, "somebody settled one of the customer's objects")
	case s.billed() && !reflect.DeepEqual(closed, s.run.closed):
		return later(plan.PlanMoved, "somebody closed a month or opened one again")
	}
	s.decided = version
	return nil
}

func sortedSettlements(all []state.Settlement) []plan.Settlement {
	out := make([]plan.Settlement, len(all))
	for i, x := range all {
		out[i] = x.Settlement
	}
	slices.SortFunc(out, func(a, b plan.Settlement) int {
		return strings.Compare(a.Key.Kind+" "+a.Key.ID, b.Key.Kind+" "+b.Key.ID)
	})
	return out
}
