package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// Observe reads the accounts of the customers, each once. Whose the users and
// groups there are is known only together with the source, see match.
//
// What concerns one account comes out of the views of its customers; where they
// all share one it concerns the target.
func (t *Target) Observe(ctx context.Context, asked []target.Asked) ([]target.View, error) {
	views := make([]target.View, len(asked))
	connections := make([]*connection, len(asked))
	for i := range asked {
		a, err := t.connect(asked[i].Links[mapping.SCIMColumn(t.config.Name)])
		if err != nil {
			views[i] = &place{err: &target.Blocked{Violations: []plan.Violation{{Code: "account", NeedsRepair: true, Message: err.Error()}}}}
			continue
		}
		connections[i] = a
	}
	for i := range asked {
		a := connections[i]
		if a == nil {
			continue
		}
		w := t.worldOf(a)
		if err := w.load(ctx, a, t.config.withGroups()); err != nil {
			if !t.config.perAccount() || ctx.Err() != nil {
				return nil, err
			}
			views[i] = &place{err: err}
			continue
		}
		owners, err := t.ownersOf(ctx, &asked[i], a)
		if err != nil {
			return nil, err
		}
		p := &place{target: t, only: asked[i].Only, customer: asked[i].Key, account: a, world: w, layout: w.layout, settled: asked[i].Settlements, owners: owners, contested: map[string]plan.Key{},
			people: map[string]*person{}, teams: map[string]*team{}, have: map[plan.Key]*resource{}, objects: map[string]string{},
			memory: map[plan.Key]map[string]string{}, taken: map[string]plan.Key{}}
		p.observed.Notes = w.notes(a)
		views[i] = p
	}
	return views, nil
}

// load reads an account's lists, whole or not at all.
func (w *world) load(ctx context.Context, a *connection, withGroups bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.read {
		return nil
	}
	caps, err := a.capabilities(ctx)
	if err != nil {
		return fmt.Errorf("asking %s what it can do: %w", a.client.Name(), err)
	}
	w.caps, w.layout = caps, a.client.layout.without(a.unknownExtensions(caps), a.unknownAttributes(caps))
	if w.users, err = a.collect(ctx, usersAt, caps, w.layout.user); err != nil {
		return fmt.Errorf("listing users: %w", err)
	}
	w.groups = newIndex()
	w.groups.complete = true
	if withGroups {
		if w.groups, err = a.collect(ctx, groupsAt, caps, group); err != nil {
			return fmt.Errorf("listing groups: %w", err)
		}
	}
	w.read = true
	return nil
}

// collect reads a collection into an index.
func (a *connection) collect(ctx context.Context, at string, caps *capabilities, read func(document) *resource) (index, error) {
	var x index
	l, err := a.list(ctx, at, caps, func() { x = newIndex() }, func(d document) { x.add(read(d)) })
	x.listing = l
	return x, err
}

func (x *index) add(r *resource) {
	x.byID[r.id] = r
	if r.external != "" {
		k := strings.ToLower(r.external)
		x.byExternal[k] = append(x.byExternal[k], r)
	}
	if r.name != "" {
		k := strings.ToLower(r.name)
		x.byName[k] = append(x.byName[k], r)
	}
	for _, e := range r.emails {
		k := strings.ToLower(e)
		if list := x.byEmail[k]; len(list) == 0 || list[len(list)-1] != r {
			x.byEmail[k] = append(list, r)
		}
	}
}

// notes are what is worth knowing of an account.
func (w *world) notes(a *connection) []plan.Violation {
	var out []plan.Violation
	note := func(code, format string, args ...any) {
		out = append(out, plan.Violation{Code: code, Note: true, Message: fmt.Sprintf(format, args...)})
	}
	for _, l := range []struct {
		what string
		index
	}{{"users", w.users}, {"groups", w.groups}} {
		if !l.complete {
			note("list_incomplete", "the list of %s is not proven whole (%s): each one is looked up by itself, and nothing is concluded from absence", l.what, l.why)
		}
	}
	if unknown := a.unknownExtensions(w.caps); len(unknown) > 0 {
		note("extension_unknown", "the provider does not list %s among its schemas: its attributes are left out", strings.Join(unknown, ", "))
	}
	if unknown := a.unknownAttributes(w.caps); len(unknown) > 0 {
		note("attribute_unknown", "the provider's schema of users has no %s: left out; correct %s.attributes", strings.Join(unknown, ", "), a.client.Name())
	}
	if until, ok := a.expires(); ok {
		if left := until.Sub(a.client.options.Now()); left < expiryWarning {
			note("token_expires", "the token of %s expires on %s: make a new one at the provider", a.client.Name(), until.UTC().Format("2006-01-02 15:04 UTC"))
		}
	}
	return out
}

// gathered returns the resource of an id: from the list, else by itself where
// the list is not whole.
func (p *place) gathered(ctx context.Context, at, id string) (*resource, error) {
	x, read := &p.world.users, p.layout.user
	if at == groupsAt {
		x, read = &p.world.groups, group
	}
	p.world.mu.Lock()
	r := x.byID[id]
	complete := x.complete
	p.world.mu.Unlock()
	if r != nil || complete || id == "" {
		return r, nil
	}
	d, err := p.account.get(ctx, at, id)
	switch {
	case gone(err):
		return nil, nil
	case errors.Is(err, rest.ErrForbidden):
		return nil, nil
	case err != nil:
		return nil, err
	}
	r = read(d)
	p.world.mu.Lock()
	x.add(r)
	p.world.mu.Unlock()
	return r, nil
}

// enoughDenied is after how many linked objects that a list does not have, and
// that are gone indeed, the list is believed.
const enoughDenied = 20

// linked returns the resource that a record names. One that a whole list does
// not have is asked for by itself before it counts as removed: a list can be
// whole and wrong, for a moment, where a replica or a right is missing.
func (p *place) linked(ctx context.Context, at string, record *plan.Record) (*resource, error) {
	r, err := p.gathered(ctx, at, record.Ref)
	x, read, what := &p.world.users, p.layout.user, "users"
	if at == groupsAt {
		x, read, what = &p.world.groups, group, "groups"
	}
	p.world.mu.Lock()
	believed := !x.complete || p.world.denied[at] >= enoughDenied
	p.world.mu.Unlock()
	if r != nil || err != nil || believed || record.Ref == "" || record.Retired || !p.here(record) {
		return r, err
	}
	d, err := p.account.get(ctx, at, record.Ref)
	if err != nil {
		if _, e := refusalOf(err); e == nil || e.Unauthorised || e.Status == 0 || e.Status == http.StatusTooManyRequests {
			return nil, err
		}
		p.world.mu.Lock()
		p.world.denied[at]++
		p.world.mu.Unlock()
		return nil, nil
	}
	r = read(d)
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	x.add(r)
	x.complete = false
	x.why = fmt.Sprintf("it leaves out %s, which is there", r.label())
	p.misled = append(p.misled, fmt.Sprintf("the list of %s is not to be trusted (%s): each one is looked up by itself, and nothing is concluded from absence", what, x.why))
	return r, nil
}

// candidates returns the resources with a value of an attribute, each re-read
// with our own eyes, and how they were looked for.
func (p *place) candidates(ctx context.Context, at, attribute, value string) (hits []*resource, how string, err error) {
	x, read := &p.world.users, p.layout.user
	if at == groupsAt {
		x, read = &p.world.groups, group
	}
	if value == "" {
		return nil, attribute + ": no value at the source", nil
	}
	table := map[string]map[string][]*resource{"externalId": x.byExternal, "userName": x.byName, "displayName": x.byName, "emails": x.byEmail}
	p.world.mu.Lock()
	if attribute == "id" {
		if r := x.byID[value]; r != nil {
			hits = append(hits, r)
		}
	} else {
		hits = append(hits, table[attribute][strings.ToLower(value)]...)
	}
	complete, caps := x.complete, p.world.caps
	how = fmt.Sprintf("%s = %q: %d of the %d listed", attribute, value, len(hits), len(x.byID))
	p.world.mu.Unlock()
	if len(hits) > 0 || complete {
		return hits, how, nil
	}
	if attribute == "id" {
		r, err := p.gathered(ctx, at, value)
		if r != nil {
			hits = append(hits, r)
		}
		return hits, how + ", asked for by itself", err
	}
	asked := attribute
	if attribute == "emails" {
		asked = "emails.value"
	}
	s, err := p.account.find(ctx, at, caps, asked, value)
	if err != nil {
		return nil, how, err
	}
	for _, d := range s.hits {
		id := d.text("id")
		r := read(d)
		if at == groupsAt { // looked up without its members
			if r, err = p.gathered(ctx, at, id); err != nil {
				return nil, how, err
			}
			if r == nil {
				continue
			}
		} else {
			p.world.mu.Lock()
			if known := x.byID[id]; known != nil {
				r = known
			} else {
				x.add(r)
			}
			p.world.mu.Unlock()
		}
		hits = append(hits, r)
	}
	return hits, how + fmt.Sprintf("; filter %s: %d hits", s.asked, len(s.hits)), nil
}
