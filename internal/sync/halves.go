package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// In a divided tenant a unit that one part loses and another one gets is one change with
// two halves, each in a plan of its own. Both are written in one run, or neither: else the
// tenant would be billed too few or too many until somebody lets the other half pass.
//
//	the other half                                          what becomes of this one
//	is written in this run as well                          it is written
//	waits for a person, is frozen or cannot be written      it waits with it (split_halves); its approval is kept
//	is of a customer that the run is not about              the same
//	is a line that a person left alone, or that syncd       it is written: nobody waits for a half that never comes
//	does not make

// A half is a product of a part whose line is to rise or to fall.
type half struct {
	scope  *scopeRun
	key    plan.Key
	change *plan.Change // nil where the line is frozen
	rises  bool
	what   string // in words
	count  *target.Count
	group  int
}

// dividedTenant is the tenant that the scope's customer is a part of; empty where it is none,
// or where the target bills nothing.
func (s *scopeRun) dividedTenant() string {
	if !s.customer.Divided() || !s.billed() {
		return ""
	}
	return string(s.customer.Parts[0].Tenant.ID)
}

// besides are the other parts of the tenants of which the run is about one part: they are
// compared, so that halves are found, and nothing else is done about them.
func besides(all, selected []mapping.Customer) (out []mapping.Customer) {
	is := func(key string) func(mapping.Customer) bool {
		return func(c mapping.Customer) bool { return c.Key == key }
	}
	for i := range selected {
		c := &selected[i]
		if !c.Divided() {
			continue
		}
		for _, share := range c.Parts[0].Of {
			j := slices.IndexFunc(all, is(share.Customer))
			if j >= 0 && !slices.ContainsFunc(selected, is(share.Customer)) && !slices.ContainsFunc(out, is(share.Customer)) {
				out = append(out, all[j])
			}
		}
	}
	return out
}

// divided are the scopes of parts of tenants that have a plan.
func divided(all []*scopeRun) []*scopeRun {
	return slices.DeleteFunc(slices.Clone(all), func(s *scopeRun) bool { return !s.checked || s.dividedTenant() == "" })
}

// applyDivided carries out what the parts of divided tenants planned, halves together, those
// that fall first: a rise that fails comes by itself in the next run.
func (r *run) applyDivided(ctx context.Context, parts []*scopeRun) error {
	byTenant := map[string][]*scopeRun{}
	for _, s := range parts {
		byTenant[s.dividedTenant()] = append(byTenant[s.dividedTenant()], s)
	}
	group := errgroup.Group{}
	group.SetLimit(4)
	for _, of := range byTenant {
		group.Go(func() error {
			for _, s := range of {
				s.takeBudget()
			}
			groups := joinHalves(of)
			slices.SortStableFunc(of, func(a, b *scopeRun) int { return cmp.Compare(falling(groups, b), falling(groups, a)) })
			for _, s := range of {
				if s.beside {
					continue
				}
				holdAfterFailure(groups, s)
				if err := s.act(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// falling is how many of the halves of a scope fall.
func falling(groups [][]*half, s *scopeRun) (n int) {
	for _, g := range groups {
		for _, h := range g {
			if h.scope == s && !h.rises {
				n++
			}
		}
	}
	return n
}

// joinHalves finds the halves that belong together and holds those of which one cannot be
// written now.
func joinHalves(parts []*scopeRun) [][]*half {
	var all []*half
	for _, s := range parts {
		all = append(all, s.halves()...)
	}
	for i, h := range all {
		h.group = i
	}
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.scope == b.scope || a.rises == b.rises || !a.shares(b) || a.group == b.group {
				continue
			}
			from, to := b.group, a.group
			for _, x := range all {
				if x.group == from {
					x.group = to
				}
			}
		}
	}
	var groups [][]*half
	for i := range all {
		var g []*half
		for _, h := range all {
			if h.group == i {
				g = append(g, h)
			}
		}
		if len(g) > 1 {
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		for _, h := range g {
			h.scope.takenOverTogether(g)
		}
	}
	for changed := true; changed; { // what one group holds may be what another one waits for
		changed = false
		for _, g := range groups {
			if slices.ContainsFunc(g, func(h *half) bool { return !h.goes() }) {
				for _, h := range g {
					changed = h.hold(g) || changed
				}
			}
		}
	}
	return groups
}

// halves are the products of a part whose lines are to rise or to fall.
func (s *scopeRun) halves() (out []*half) {
	changes := s.plan.Changes
	if whole := s.plan.Whole; whole != nil {
		changes = whole.Changes
	}
	for i := range s.desired.Counts {
		count := &s.desired.Counts[i]
		h := half{scope: s, key: count.Key, count: count}
		if i := slices.IndexFunc(changes, func(c plan.Change) bool { return c.Key == count.Key && c.Writes() }); i >= 0 {
			c := &changes[i]
			h.change, h.what = s.plannedChange(c), c.Label+" "+c.What()
			switch {
			case c.Lowers():
			case c.Raises():
				h.rises = true
			default:
				continue
			}
		} else if !s.frozen(count.Key) || count.Due == nil {
			continue
		} else {
			billed, known := s.observed.Billed(count.Key)
			due := decimal.NewFromInt(int64(*count.Due))
			if !known || billed.Equal(due) {
				continue
			}
			h.rises, h.what = due.GreaterThan(billed), fmt.Sprintf("%s %s → %s, which cannot be written", count.Label, billed, due)
		}
		out = append(out, &h)
	}
	return out
}

// plannedChange is a change of the whole plan in the part of it that the run is about; the
// change itself where it is not in it, which is never written then.
func (s *scopeRun) plannedChange(c *plan.Change) *plan.Change {
	if s.plan.Whole == nil {
		return c
	}
	if i := slices.IndexFunc(s.plan.Changes, func(x plan.Change) bool { return x.Key == c.Key }); i >= 0 {
		return &s.plan.Changes[i]
	}
	return nil
}

// frozen reports whether something that must be repaired takes an object out of the plan.
func (s *scopeRun) frozen(key plan.Key) bool {
	if slices.ContainsFunc(s.settlements(), func(x plan.Settlement) bool { return x.Key == key && x.How == plan.SettleIgnore }) {
		return false
	}
	is := func(c plan.Conflict) bool { return c.Key == key && !c.Note }
	return slices.ContainsFunc(s.desired.Conflicts, is) || slices.ContainsFunc(s.observed.Conflicts, is)
}

// shares reports whether two halves may be of the same units: one licence feeds both, or
// they are of one product.
func (h *half) shares(o *half) bool {
	if h.count.Product == o.count.Product {
		return true
	}
	return slices.ContainsFunc(h.count.Rules, func(a mapping.Rule) bool {
		return slices.ContainsFunc(o.count.Rules, func(b mapping.Rule) bool { return a.SKU != "" && strings.EqualFold(a.SKU, b.SKU) })
	})
}

// goes reports whether the half is written in this run unless the others hold it.
func (h *half) goes() bool {
	s := h.scope
	return !s.beside && h.change != nil && h.change.Held == "" && !s.deferred && !plan.Blocks(s.violations)
}

// hold holds a half with the others of its group, and reports whether it went before.
func (h *half) hold(group []*half) (held bool) {
	s := h.scope
	if h.change == nil || s.beside || slices.ContainsFunc(s.violations, func(v plan.Violation) bool {
		return v.Code == plan.CodeHalves && v.Kind == h.key.Kind && v.Key == h.key.ID
	}) {
		return false
	}
	v := plan.Violation{Code: plan.CodeHalves, Kind: h.key.Kind, Key: h.key.ID, Note: s.report.Approved}
	var others []string
	for _, o := range group {
		if o.scope == s {
			continue
		}
		others = append(others, fmt.Sprintf("%s (%s)", o.scope.customer.Name, o.what))
		if !slices.Contains(v.With, o.scope.customer.Key) {
			v.With = append(v.With, o.scope.customer.Key)
		}
	}
	v.Message = fmt.Sprintf("%s belongs together with what other parts of the tenant change, %s: all of it is written in one run of all parts, or nothing; approve what of it waits",
		h.change.Label, strings.Join(others, " and "))
	s.violations = append(s.violations, v)
	held = h.change.Held == ""
	if held {
		h.change.Held = plan.CodeHalves
		s.halved = s.halved || s.report.Approved
	}
	return held
}

// holdAfterFailure puts the halves of a scope off whose others were to be written before
// them and were not.
func holdAfterFailure(groups [][]*half, s *scopeRun) {
	for _, g := range groups {
		failed := slices.ContainsFunc(g, func(h *half) bool {
			a := h.scope.applied
			return h.scope != s && a != nil && (a.failed > 0 || a.deferred != nil ||
				slices.ContainsFunc(a.waiting, func(c plan.Change) bool { return c.Key == h.key }))
		})
		for _, h := range g {
			if failed && h.scope == s {
				h.hold(g)
			}
		}
	}
}

// takenOverTogether lets a first plan go that waited only for the end of a line that one of
// its other halves takes over: they are written together.
func (s *scopeRun) takenOverTogether(group []*half) {
	taken := len(s.leftBehind) > 0 && !slices.ContainsFunc(s.leftBehind, func(ref string) bool {
		return !slices.ContainsFunc(group, func(h *half) bool {
			return h.scope != s && h.change != nil && h.change.Action == plan.Adopt && h.change.Ref == ref
		})
	})
	for i := range s.violations {
		if v := &s.violations[i]; taken && v.Code == plan.LeftBehind && v.Key == "" {
			v.Note = true
		}
	}
	if taken {
		s.leftBehind = nil
		s.takeBudget()
	}
}
