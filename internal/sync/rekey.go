package sync

import (
	"context"
	"fmt"
	"slices"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// The key of an invoice line follows from the rules that feed its product. Where a rule
// is split, or another licence comes to it, the same line has another key: it goes on
// being the one that syncd keeps in step, with all that is remembered of it. Else a
// person's edit of it, or a fall that nobody explained, would be taken for a line that
// was met for the first time.

// rekeyRecords gives records the key that their line has now. A run that applies stores
// them so before anything else. Its error ends the run.
func (s *scopeRun) rekeyRecords(ctx context.Context) error {
	if !s.billed() {
		return nil
	}
	taken, counted := map[plan.Key]bool{}, map[plan.Key]bool{}
	for i := range s.memory.Records {
		taken[s.memory.Records[i].Key] = true
	}
	for i := range s.desired.Counts {
		counted[s.desired.Counts[i].Key] = true
	}
	c := &state.Commit{Scope: s.id()}
	records := slices.Clone(s.memory.Records)
	for i := range records {
		r := &records[i]
		if r.Ref == "" || counted[r.Key] {
			continue
		}
		j := slices.IndexFunc(s.observed.Objects, func(o plan.Object) bool { return o.Ref == r.Ref && o.Kind == r.Kind && !taken[o.Key] })
		if j < 0 {
			continue
		}
		former := r.Key
		r.Key = s.observed.Objects[j].Key
		if r.Pending != nil {
			pending := *r.Pending
			pending.Key = r.Key
			r.Pending = &pending
		}
		taken[r.Key] = true
		if s.formerKeys == nil {
			s.formerKeys = map[plan.Key]plan.Key{}
		}
		s.formerKeys[r.Key] = former
		c.Drop, c.Put = append(c.Drop, former), append(c.Put, *r)
	}
	if err := s.rekeySettlements(ctx, counted); err != nil {
		return err
	}
	if len(c.Put) == 0 {
		return nil
	}
	slices.SortFunc(records, func(a, b plan.Record) int { return a.Key.Compare(b.Key) })
	s.memory.Records = records
	if s.run.mode != Apply || s.beside {
		return nil
	}
	if err := s.run.Store.Commit(ctx, c); err != nil {
		return fmt.Errorf("storing the keys of lines of %s: %w", s.id(), err)
	}
	return nil
}

// rekeySettlements gives a person's word that a line is left alone the key that the line has
// now: by the record of it, or by the ledger where it was never kept in step.
func (s *scopeRun) rekeySettlements(ctx context.Context, counted map[plan.Key]bool) error {
	for i := range s.memory.Settlements {
		x := &s.memory.Settlements[i]
		if x.How != plan.SettleIgnore || counted[x.Key] || len(s.desired.Counts) == 0 || x.Key.Kind != s.desired.Counts[0].Key.Kind {
			continue
		}
		to, err := s.keyNow(ctx, x.Key)
		if err != nil {
			return err
		}
		settled := func(o state.Settlement) bool { return o.Key == to }
		if !counted[to] || slices.ContainsFunc(s.memory.Settlements, settled) {
			continue
		}
		former := x.Key
		x.Key = to
		if s.run.mode != Apply || s.beside {
			continue
		}
		if err := s.run.Store.Settle(ctx, s.id(), to, x); err != nil {
			return fmt.Errorf("storing that %s is left alone: %w", to, err)
		}
		if err := s.run.Store.Settle(ctx, s.id(), former, nil); err != nil {
			return fmt.Errorf("storing that %s is left alone: %w", to, err)
		}
	}
	return nil
}

// keyNow is the key under which a line that had another one is observed now; empty where it
// cannot be told.
func (s *scopeRun) keyNow(ctx context.Context, former plan.Key) (plan.Key, error) {
	for now, was := range s.formerKeys {
		if was == former {
			return now, nil
		}
	}
	ref := ""
	if r, known := s.recordOf(former); known {
		ref = r.Ref
	} else if open, err := s.openSpans(ctx); err != nil {
		return plan.Key{}, err
	} else if span := open[former]; span != nil {
		ref = span.Ref
	}
	for _, lines := range [][]plan.Object{s.observed.Objects, s.observed.Beside} {
		if i := slices.IndexFunc(lines, func(o plan.Object) bool { return ref != "" && o.Ref == ref }); i >= 0 {
			return lines[i].Key, nil
		}
	}
	return plan.Key{}, nil
}
