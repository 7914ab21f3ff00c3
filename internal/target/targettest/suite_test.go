package targettest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// TestTheSuiteOnAFake runs the suite on a target that documents things: fields
// with every owner, objects that are really deleted, leavers that are waited for.
func TestTheSuiteOnAFake(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind plan.Kind
	}{
		{"assets that are deleted at once", plan.Kind{Name: "asset", Owner: plan.Restore, MayCreate: true}},
		{"assets that are archived after a while",
			plan.Kind{Name: "asset", Owner: plan.Restore, MayCreate: true, Retire: archived,
				Leavers: &plan.Leavers{Absences: 3, After: 48 * time.Hour}}},
		{"assets whose note stays as a person wrote it",
			plan.Kind{Name: "asset", Owner: plan.Restore, Fields: map[string]plan.Ownership{"note": plan.Keep}, MayCreate: true}},
		{"assets whose note is filled in only",
			plan.Kind{Name: "asset", Owner: plan.Restore, Fields: map[string]plan.Ownership{"note": plan.Fill}, MayCreate: true}},
		{"assets whose note holds", plan.Kind{Name: "asset", Owner: plan.Restore, Fields: map[string]plan.Ownership{"note": plan.Hold},
			MayCreate: true}},
		{"assets that are never made", plan.Kind{Name: "asset", Owner: plan.Restore, Retire: archived}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			Run(t, func(*testing.T) *Fixture { return newFake(tt.kind).fixture() })
		})
	}
}

func archived(before *plan.Object) *plan.Object {
	after := *before
	after.Fields, after.Retired = before.Fields.With("archived", plan.Value{"yes"}), true
	return &after
}

// A fake is a system that holds assets by number.
type fake struct {
	mu          sync.Mutex
	kind        plan.Kind
	assets      map[string]plan.Object // by ref
	owner       map[string]string      // customer by ref
	next        int
	writes      int
	fault       *Fault
	unreachable bool
	edits       int
}

func newFake(kind plan.Kind) *fake {
	f := &fake{kind: kind, assets: map[string]plan.Object{}, owner: map[string]string{}, next: 100}
	for _, t := range fakeTenants {
		ref := f.add(string(t.ID), "one", "old note of one")
		f.assets[ref] = named(f.assets[ref], "old asset one") // so that taking it on sends something
		f.add(string(t.ID), "two", "note of two at start")
		f.add(string(t.ID), "nobody", "a stranger's")
	}
	return f
}

var fakeTenants = []directory.Tenant{{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11", Name: "Contoso"},
	{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12", Name: "Fabrikam"}}

func asset(id, name, note string) plan.Object {
	return plan.Object{Key: plan.Key{Kind: "asset", ID: id}, Label: id, Fields: plan.Set("archived", "", "name", name, "note", note)}
}

func named(o plan.Object, name string) plan.Object {
	o.Fields = o.Fields.With("name", plan.Value{name})
	return o
}

func (f *fake) add(customer, id, note string) string {
	f.next++
	ref := strconv.Itoa(f.next)
	o := asset(id, "asset "+id, note)
	o.Ref = ref
	f.assets[ref], f.owner[ref] = o, customer
	return ref
}

func (f *fake) fixture() *Fixture {
	x := &Fixture{Target: "fake", Tenants: fakeTenants, Strangers: []string{"103", "106"},
		Open:     func(context.Context) (target.Target, error) { return f, nil },
		Snapshot: f.snapshot, Dump: f.dump, Edit: f.edit,
		Fail:   func(fault Fault) { f.mu.Lock(); f.fault = &fault; f.mu.Unlock() },
		Heal:   func() { f.mu.Lock(); f.fault, f.unreachable = nil, false; f.mu.Unlock() },
		Writes: func() int { f.mu.Lock(); defer f.mu.Unlock(); return f.writes },
	}
	for _, t := range fakeTenants {
		x.Links.Rows = append(x.Links.Rows,
			mapping.Row{TenantID: t.ID, Tenant: t.Name, Status: mapping.Linked, Links: mapping.Links{"fake": "1"}})
	}
	return x
}

// snapshot lends licences as a carrier: one an asset, its note in the name.
func (f *fake) snapshot(t directory.Tenant, step Step) *directory.Snapshot {
	held := map[string]string{"one": "note of one", "two": "note of two"}
	title := "asset "
	switch step {
	case Changed:
		held["one"], title = "another note of one", "the asset "
	case New:
		if !f.kind.MayCreate {
			return nil
		}
		held["three"] = "note of three"
	case Gone:
		delete(held, "one")
	}
	var items []directory.Licence
	for _, id := range slices.Sorted(maps.Keys(held)) {
		items = append(items, directory.Licence{SKU: id, Name: held[id], PartNumber: title + id})
	}
	return &directory.Snapshot{Tenant: t, TakenAt: time.Now(),
		Licences: directory.Proven(items, directory.Proof{TakenAt: time.Now(), AsOf: time.Now()})}
}

func (f *fake) dump() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]string{}
	for ref, o := range f.assets {
		all[ref] = fmt.Sprintf("%s of %s: %s", o.Key, f.owner[ref], o.Fields)
	}
	return all
}

func (f *fake) edit(ref string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.edits++
	o := f.assets[ref]
	o.Fields = o.Fields.With("note", plan.Value{fmt.Sprintf("edit %d", f.edits)})
	f.assets[ref] = o
	return "note"
}

func (f *fake) Spec() target.Spec {
	return target.Spec{Name: "fake", Kinds: []plan.Kind{f.kind}, Needs: directory.Licences, Link: "fake", Batch: 10, Settings: "1"}
}

var errUnreachable = errors.New("the fake does not answer")

func (f *fake) Observe(_ context.Context, asked []target.Asked) ([]target.View, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unreachable {
		return nil, errUnreachable
	}
	views := make([]target.View, len(asked))
	for i, c := range asked {
		v := &fakeView{fake: f, customer: c.Key}
		for ref, o := range f.assets {
			if f.owner[ref] == c.Key {
				o.Retired = o.Fields.Text("archived") != ""
				v.observed.Objects = append(v.observed.Objects, o)
			}
		}
		views[i] = v
	}
	return views, nil
}

type fakeView struct {
	*fake
	customer string
	observed target.Observed
}

func (f *fakeView) Compare(_ context.Context, s *directory.Snapshot, _ []plan.Record) (target.Desired, target.Observed, error) {
	items, err := s.Licences.Items()
	var d target.Desired
	for _, l := range items {
		d.Objects = append(d.Objects, asset(l.SKU, l.PartNumber, l.Name))
	}
	return d, f.observed, err
}

func (f *fakeView) Apply(_ context.Context, ch plan.Change) (target.Applied, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	if f.unreachable {
		return target.Applied{}, errUnreachable
	}
	fault := f.fault
	f.fault = nil
	if fault != nil {
		f.unreachable = *fault != Refused
		switch *fault {
		case Refused:
			return target.Applied{}, errors.New("the fake refuses")
		case LostBefore:
			return target.Applied{}, rest.ErrOutcomeUnknown
		}
	}
	var applied target.Applied
	switch {
	case ch.Action == plan.Create:
		applied.Object = *ch.After
		applied.Object.Ref = f.add(f.customer, ch.Key.ID, ch.After.Fields.Text("note"))
	case ch.After == nil:
		delete(f.assets, ch.Before.Ref)
		applied.Object = *ch.Before
	default: // only what is sent changes; a person may have edited the rest meanwhile
		o := f.assets[ch.Before.Ref]
		for _, x := range ch.Fields {
			o.Fields = o.Fields.With(x.Name, x.After)
		}
		o.Retired = ch.After.Retired
		f.assets[ch.Before.Ref] = o
		applied.Object = o
	}
	if fault != nil {
		return target.Applied{}, rest.ErrOutcomeUnknown
	}
	return applied, nil
}
