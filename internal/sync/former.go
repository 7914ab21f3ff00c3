package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
)

// A tenant that comes to another customer leaves a scope behind: what syncd kept in
// step for it as a customer of its own. That scope comes to its end in the next run,
// and the customer that has the tenant now takes over what is at the same place. What
// is elsewhere would be billed twice: it holds the first plan, see checkFormer.

// formerCustomers are the customers that are no more, of those that the run is about.
// Where one never was at a target nothing is said of it there.
func (r *run) formerCustomers() []mapping.Customer {
	var out []mapping.Customer
	for _, key := range slices.Sorted(maps.Keys(r.former)) {
		if r.sel.Customer == "" || slices.Contains(r.former[key], r.sel.Customer) {
			out = append(out, mapping.Customer{Key: key, Name: key, Listed: true, Status: mapping.Unmapped})
		}
	}
	return out
}

func (s *scopeRun) isFormer() bool {
	_, former := s.run.former[s.customer.Key]
	return former
}

// cameToItsEnd reports whether nothing is left to do for a scope of a customer that is no
// more: it never was, or an earlier run ended it.
func (s *scopeRun) cameToItsEnd(ctx context.Context) (bool, error) {
	c := s.memory.Cursor
	if c == nil || c.Outcome != string(Unmapped) || s.memory.Hold != nil {
		return c == nil, nil
	}
	open, err := s.openSpans(ctx)
	return len(open) == 0, err
}

// whyFormer says what became of a customer that is no more.
func (s *scopeRun) whyFormer() string {
	var now []string
	for _, key := range s.run.former[s.customer.Key] {
		now = append(now, s.run.names[key])
	}
	return fmt.Sprintf("it is no customer any more: what was kept in step for it is looked after by %s now", strings.Join(now, " and "))
}

// setOldRecordsAside takes the records of a customer that is one again out of memory: they say
// what its lines were like before another customer had its tenants, whose writes would look
// like a person's edits. Their lines are met as those that were kept in step for somebody
// else, so that nothing of the time between passes unseen, see checkTakenOver.
func (s *scopeRun) setOldRecordsAside() {
	c := s.memory.Cursor
	if c == nil || !s.billed() || s.isFormer() {
		return
	}
	if s.ended = c.Ended; s.ended.IsZero() && !c.Applied && c.Outcome == string(Unmapped) {
		s.ended = c.At // a former version did not write it down
	}
	if s.ended.IsZero() {
		return
	}
	s.memory.Records = slices.DeleteFunc(slices.Clone(s.memory.Records), func(r plan.Record) bool {
		old := !r.At.After(s.ended) && (r.Origin != plan.Announced || !c.Ended.IsZero())
		if old && r.Ref != "" {
			s.formerRefs = append(append(s.formerRefs, r.Ref), r.FormerRefs...)
		}
		return old
	})
}

// leaveToOthers forgets what was kept in step for the customer once and is kept for another
// one now: it is not left behind.
func (s *scopeRun) leaveToOthers(ctx context.Context) error {
	left := s.observed.Unmanaged[:0:0]
	for _, o := range s.observed.Unmanaged {
		others, err := s.target.owners.Others(ctx, s.customer.Key, o.Kind, o.Ref)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(others, func(c string) bool { return s.target.owners.links[c] != "" }) {
			left = append(left, o)
		}
	}
	s.observed.Unmanaged = left
	return nil
}

// recallFormer recalls what was kept in step for the customer's tenants while they were
// with other customers, but for what some customer keeps in step now.
func (s *scopeRun) recallFormer(ctx context.Context) error {
	for _, key := range slices.Sorted(maps.Keys(s.run.former)) {
		if !slices.Contains(s.run.former[key], s.customer.Key) {
			continue
		}
		scope := plan.Scope{Customer: key, Target: s.id().Target}
		memory, err := s.run.Store.Recall(ctx, scope)
		if err != nil {
			return fmt.Errorf("recalling %s: %w", scope, err)
		}
		if memory.Cursor != nil {
			s.formerSeen = append(s.formerSeen, memory.Cursor.Seen...)
		}
		for _, r := range memory.Records {
			for _, ref := range append([]string{r.Ref}, r.FormerRefs...) {
				others, err := s.target.owners.Others(ctx, s.customer.Key, r.Key.Kind, ref)
				if err != nil {
					return err
				}
				if ref != "" && !slices.ContainsFunc(others, func(c string) bool { return s.run.former[c] == nil }) {
					s.formerRefs = append(s.formerRefs, ref)
				}
			}
		}
	}
	return nil
}

// checkFormer names what was kept in step for one of the customer's tenants and lives on
// beside what the customer has now. It holds the first plan, and the first one after
// the customer was made up anew, until a person has seen it.
func (s *scopeRun) checkFormer(changed bool) []plan.Violation {
	var out []plan.Violation
	for i := range s.observed.Unmanaged {
		o := &s.observed.Unmanaged[i]
		if !slices.Contains(s.formerRefs, o.Ref) || o.Billing != nil && o.Billing.Idle != "" {
			continue
		}
		s.leftBehind = append(s.leftBehind, o.Ref)
		out = append(out, plan.Violation{Code: plan.LeftBehind, Note: !changed || s.plan.Empty(), Message: fmt.Sprintf(
			"%s (%s) was kept in step for a tenant that is part of this customer now, and lives on: what it bills comes twice; apply the customer first that takes it over, or end it at the target, or approve if it is to stay", o.Label, o.Ref)})
	}
	return out
}

// checkFormerSettings names what was set for customers that are no more, of whose tenants
// this one is made. It holds as checkFormer does: nothing stops counting unseen.
func (s *scopeRun) checkFormerSettings(changed bool) []plan.Violation {
	var out []plan.Violation
	for _, key := range slices.Sorted(maps.Keys(s.run.former)) {
		set := s.target.spec.Own[key].Set
		if len(set) == 0 || !slices.Contains(s.run.former[key], s.customer.Key) {
			continue
		}
		out = append(out, plan.Violation{Code: plan.FormerSettings, Note: !changed || s.plan.Empty(), Message: fmt.Sprintf(
			"what was set for %s alone counts no longer, since it is part of this customer now: %s; set it for %q as far as it is to go on, end the rest, or approve to go on without it",
			key, strings.Join(set, ", "), s.customer.Key)})
	}
	return out
}

// checkTakenOver holds a plan that would change, as if it were met for the first time, what
// was kept in step for a tenant that is part of this customer now: that tenant's record is
// not this customer's, so that nothing tells a fall that nobody can explain, or a person's
// edit, from what was found.
func (s *scopeRun) checkTakenOver() []plan.Violation {
	var changed []string
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		if c.Action != plan.Adopt || len(c.Fields) == 0 || !slices.Contains(s.formerRefs, c.Ref) {
			continue
		}
		changed = append(changed, c.Label+" ("+c.Ref+")")
	}
	if len(changed) == 0 {
		return nil
	}
	return []plan.Violation{{Code: plan.TakenOver, Message: fmt.Sprintf(
		"%s: kept in step until now for another customer, of whose tenants this one has one; whether it fell without an explanation or a person edited it meanwhile is not told any more: read what changes, and by whom at the target, then approve",
		strings.Join(changed, ", "))}}
}

// made says what a customer is made of; empty for one tenant.
func made(c *mapping.Customer) string {
	if c.Divided() {
		return fmt.Sprintf(" %s %q", c.Parts[0].Tenant.ID, c.Parts[0].Of)
	}
	if !c.Several() {
		return ""
	}
	ids := make([]string, len(c.Parts))
	for i, p := range c.Parts {
		ids[i] = string(p.Tenant.ID)
	}
	return " " + strings.Join(ids, "+")
}

// sumOf is what the source said of a customer: of its one tenant, or of all together.
func sumOf(c *mapping.Customer, read map[directory.TenantID]*directory.Snapshot) *directory.Snapshot {
	if !c.Several() {
		return read[c.Tenant.ID]
	}
	of := make([]*directory.Snapshot, len(c.Parts))
	for i, p := range c.Parts {
		of[i] = read[p.Tenant.ID]
	}
	return directory.Sum(c.Name, of)
}
