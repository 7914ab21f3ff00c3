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
	for _, some := range chunks(customers, first.batch) {
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
	snapshots, err := r.read(ctx, l, customers, wanted)
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	for _, t := range l.targets {
		if err := r.runScopes(ctx, t, customers, snapshots); err != nil {
			return err
		}
	}
	return nil
}

// read reads the tenants of the wanted customers, each once, and returns what they hold
// by customer: a tenant, the sum of several, or a part of one.
func (r *run) read(ctx context.Context, l level, customers []mapping.Customer, wanted func(mapping.Customer) bool) ([]*directory.Snapshot, error) {
	var tenants []directory.Tenant
	needs := map[directory.TenantID]directory.Kinds{}
	for _, c := range customers {
		if !wanted(c) {
			continue
		}
		for _, part := range c.Parts {
			id := part.Tenant.ID
			if _, seen := needs[id]; !seen {
				tenants = append(tenants, part.Tenant)
			}
			if needs[id] |= l.needs; part.Filter != "" {
				needs[id] |= mapping.DivideNeeds(part.Of)
			}
			for _, t := range l.targets {
				needs[id] |= t.spec.Own[c.Key].Also
			}
		}
	}
	read := make(map[directory.TenantID]*directory.Snapshot, len(tenants))
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
		return nil, err
	}
	divided := map[directory.TenantID][]*directory.Snapshot{}
	snapshots := make([]*directory.Snapshot, len(customers))
	for i := range customers {
		c := &customers[i]
		switch {
		case !wanted(*c) || len(c.Parts) == 0:
		case c.Divided():
			part := &c.Parts[0]
			if divided[part.Tenant.ID] == nil {
				divided[part.Tenant.ID] = mapping.Divide(read[part.Tenant.ID], part.Of)
			}
			at := slices.IndexFunc(part.Of, func(x mapping.Share) bool { return x.Filter == part.Filter })
			snapshots[i] = divided[part.Tenant.ID][at]
		default:
			snapshots[i] = sumOf(c, read)
		}
	}
	return snapshots, nil
}

// chunks cuts customers into batches. The parts of one tenant are never in two, so that
// it is read once; a batch may grow by them.
func chunks(customers []mapping.Customer, n int) [][]mapping.Customer {
	tenant := func(c *mapping.Customer) string {
		if c.Divided() {
			return string(c.Parts[0].Tenant.ID)
		}
		return c.Key
	}
	sorted := slices.Clone(customers)
	slices.SortStableFunc(sorted, func(a, b mapping.Customer) int { return cmp.Compare(tenant(&a), tenant(&b)) })
	var out [][]mapping.Customer
	for i := range sorted {
		last := len(out) - 1
		if last < 0 || len(out[last]) >= n && tenant(&sorted[i]) != tenant(&sorted[i-1]) {
			out = append(out, nil)
			last++
		}
		out[last] = append(out[last], sorted[i])
	}
	return out
}
