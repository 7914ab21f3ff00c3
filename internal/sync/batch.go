package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// A level is the targets that are read for the same customers at once.
type level struct {
	batch   int // customers read at once
	targets []*openTarget
	needs   directory.Kinds
}

// groupByBatch sorts targets into levels by their batches, the largest first: lists
// that serve many customers are read for many at once, while people are read for
// few, to save memory. Targets that are made from the same
// people share a level, with the smallest of their batches, so that no person is
// read twice; licences come with any call. Within a
// level the order of the jobs stays.
func groupByBatch(targets []*openTarget) []level {
	var levels []level
	for _, t := range targets {
		batch := max(1, t.spec.Batch)
		i := slices.IndexFunc(levels, func(l level) bool {
			return l.batch == batch || l.needs&t.spec.Needs&^directory.Licences != 0
		})
		if i < 0 {
			i = len(levels)
			levels = append(levels, level{batch: batch})
		}
		l := &levels[i]
		l.batch, l.targets, l.needs = min(l.batch, batch), append(l.targets, t), l.needs|t.spec.Needs|t.spec.Also
	}
	slices.SortStableFunc(levels, func(a, b level) int { return cmp.Compare(b.batch, a.batch) })
	return levels
}

// batches brings customers into step at the targets of all levels: at those of the
// first level in its batches and, within each such batch, at those of the other
// levels in theirs. Every level reads the source for its own batch at one time, and
// keeps nothing of it.
func (r *run) batches(ctx context.Context, levels []level, customers []mapping.Customer) error {
	first, others := levels[0], levels[1:]
	// Two batches of the last level are under way at a time: while one waits for
	// the source, the other uses the targets. More would only cost memory.
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	if len(others) > 0 {
		group.SetLimit(1)
	}
	for some := range slices.Chunk(customers, first.batch) {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := r.batch(gctx, first, some); err != nil || len(others) == 0 {
				return err
			}
			return r.batches(gctx, others, some)
		})
	}
	return group.Wait()
}

// batch brings some customers into step at the targets of one level.
func (r *run) batch(ctx context.Context, l level, customers []mapping.Customer) error {
	wanted := func(c mapping.Customer) bool {
		linked := slices.ContainsFunc(l.targets, func(t *openTarget) bool { return t.unusable == nil && r.concerns(t, c) && isLinked(t, c) })
		return c.Listed && c.Status != mapping.Ignored && (linked || r.sel.Unmapped)
	}
	// Several customers may be parts of one tenant: it is read once, for what all of them need.
	needs := map[directory.TenantID]directory.Kinds{}
	var tenants []directory.Tenant
	for _, c := range customers {
		if !wanted(c) {
			continue
		}
		own := l.needs
		for _, t := range l.targets {
			own |= t.spec.Own[c.Key].Also
		}
		for _, part := range c.Parts {
			if needs[part.Tenant.ID] == 0 {
				tenants = append(tenants, part.Tenant)
			}
			needs[part.Tenant.ID] |= own
		}
	}
	read := map[directory.TenantID]*directory.Snapshot{}
	var mu sync.Mutex // guards read
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(16) // the source's rate limit decides how many are sent at once
	for _, tenant := range tenants {
		group.Go(func() error {
			snapshot, err := r.Source.Snapshot(gctx, tenant, needs[tenant.ID])
			mu.Lock()
			defer mu.Unlock()
			read[tenant.ID] = snapshot
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	snapshots := make([]*directory.Snapshot, len(customers))
	for i := range customers {
		if c := &customers[i]; wanted(*c) && len(c.Parts) > 0 {
			snapshots[i] = sumOf(c, read)
		}
	}
	for _, t := range l.targets {
		if err := r.runScopes(ctx, t, customers, snapshots); err != nil {
			return err
		}
	}
	return nil
}
