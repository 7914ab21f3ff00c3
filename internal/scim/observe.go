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
			views[i] = &view{err: &target.Blocked{Violations: []plan.Violation{{Code: "account", NeedsRepair: true, Message: err.Error()}}}}
			continue
		}
		connections[i] = a
	}
	for i := range asked {
		a := connections[i]
		if a == nil {
			continue
		}
		l := t.listsOf(a)
		if err := l.load(ctx, a, t.config.withGroups()); err != nil {
			if !t.config.perAccount() || ctx.Err() != nil {
				return nil, err
			}
			views[i] = &view{err: err}
			continue
		}
		owners, err := t.ownersOf(ctx, &asked[i], a)
		if err != nil {
			return nil, err
		}
		v := &view{target: t, only: asked[i].Only, customer: asked[i].Key, account: a, lists: l, layout: l.layout,
			settlements: asked[i].Settlements, owners: owners, contestedBy: map[string]plan.Key{},
			users: map[string]*tenantUser{}, groups: map[string]*tenantGroup{}, resources: map[plan.Key]*resource{}, objectIDs: map[string]string{},
			recorded: map[plan.Key]memory{}, memory: map[plan.Key]memory{}, claimedBy: map[string]plan.Key{}}
		v.observed.Notes = l.notes(a)
		views[i] = v
	}
	return views, nil
}

// load reads an account's lists, whole or not at all.
func (l *accountLists) load(ctx context.Context, a *connection, withGroups bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read {
		return nil
	}
	caps, err := a.capabilities(ctx)
	if err != nil {
		return fmt.Errorf("asking %s what it can do: %w", a.client.Name(), err)
	}
	l.caps, l.layout = caps, a.client.layout.without(a.unknownExtensions(caps), a.unknownAttributes(caps))
	if l.users, err = a.collect(ctx, usersAt, caps, l.layout.readUser); err != nil {
		return fmt.Errorf("listing users: %w", err)
	}
	l.groups = newIndex()
	l.groups.complete = true
	if withGroups {
		if l.groups, err = a.collect(ctx, groupsAt, caps, readGroup); err != nil {
			return fmt.Errorf("listing groups: %w", err)
		}
	}
	l.read = true
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
	if r.externalID != "" {
		k := strings.ToLower(r.externalID)
		x.byExternalID[k] = append(x.byExternalID[k], r)
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
func (l *accountLists) notes(a *connection) []plan.Violation {
	var out []plan.Violation
	note := func(code, format string, args ...any) {
		out = append(out, plan.Violation{Code: code, Note: true, Message: fmt.Sprintf(format, args...)})
	}
	for _, list := range []struct {
		what string
		index
	}{{"users", l.users}, {"groups", l.groups}} {
		if !list.complete {
			note("list_incomplete", "the list of %s is not proven whole (%s): each one is looked up by itself, and nothing is concluded from absence", list.what, list.why)
		}
	}
	if unknown := a.unknownExtensions(l.caps); len(unknown) > 0 {
		note("extension_unknown", "the provider does not list %s among its schemas: its attributes are left out", strings.Join(unknown, ", "))
	}
	if unknown := a.unknownAttributes(l.caps); len(unknown) > 0 {
		note("attribute_unknown", "the provider's schema of users has no %s: left out; correct %s.attributes",
			strings.Join(unknown, ", "), a.client.Name())
	}
	if until, ok := a.expires(); ok {
		if remaining := until.Sub(a.client.options.Now()); remaining < expiryWarning {
			note("token_expires", "the token of %s expires on %s: make a new one at the provider", a.client.Name(),
				until.UTC().Format("2006-01-02 15:04 UTC"))
		}
	}
	return out
}

// resourceByID returns the resource of an id: from the list, else by itself where
// the list is not whole.
func (v *view) resourceByID(ctx context.Context, at, id string) (*resource, error) {
	x, read := &v.lists.users, v.layout.readUser
	if at == groupsAt {
		x, read = &v.lists.groups, readGroup
	}
	v.lists.mu.Lock()
	r := x.byID[id]
	complete := x.complete
	v.lists.mu.Unlock()
	if r != nil || complete || id == "" {
		return r, nil
	}
	d, err := v.account.get(ctx, at, id)
	switch {
	case rest.Gone(err):
		return nil, nil
	case errors.Is(err, rest.ErrForbidden):
		return nil, nil
	case err != nil:
		return nil, err
	}
	r = read(d)
	v.lists.mu.Lock()
	x.add(r)
	v.lists.mu.Unlock()
	return r, nil
}

// enoughConfirmedGone is after how many linked objects that a list does not have, and
// that are gone indeed, the list is believed.
const enoughConfirmedGone = 20

// linkedResource returns the resource that a record names. One that a whole list does
// not have is asked for by itself before it counts as removed: a list can be
// whole and wrong, for a moment, where a replica or a right is missing.
func (v *view) linkedResource(ctx context.Context, at string, record *plan.Record) (*resource, error) {
	r, err := v.resourceByID(ctx, at, record.Ref)
	x, read, what := &v.lists.users, v.layout.readUser, "users"
	if at == groupsAt {
		x, read, what = &v.lists.groups, readGroup, "groups"
	}
	v.lists.mu.Lock()
	believed := !x.complete || v.lists.confirmedGone[at] >= enoughConfirmedGone
	v.lists.mu.Unlock()
	if r != nil || err != nil || believed || record.Ref == "" || record.Retired || !v.sameAccount(record) {
		return r, err
	}
	d, err := v.account.get(ctx, at, record.Ref)
	if err != nil {
		if _, e := refusalOf(err); e == nil || e.Unauthorised || e.Status == 0 || e.Status == http.StatusTooManyRequests {
			return nil, err
		}
		v.lists.mu.Lock()
		v.lists.confirmedGone[at]++
		v.lists.mu.Unlock()
		return nil, nil
	}
	r = read(d)
	v.lists.mu.Lock()
	defer v.lists.mu.Unlock()
	x.add(r)
	x.complete = false
	x.why = fmt.Sprintf("it leaves out %s, which is there", r.label())
	v.listFaults = append(v.listFaults,
		fmt.Sprintf("the list of %s is not to be trusted (%s): each one is looked up by itself, and nothing is concluded from absence",
			what, x.why))
	return r, nil
}

// candidates returns the resources with a value of an attribute, each re-read
// with our own eyes, and how they were looked for.
func (v *view) candidates(ctx context.Context, at, attribute, value string) (hits []*resource, how string, err error) {
	x, read := &v.lists.users, v.layout.readUser
	if at == groupsAt {
		x, read = &v.lists.groups, readGroup
	}
	if value == "" {
		return nil, attribute + ": no value at the source", nil
	}
	table := map[string]map[string][]*resource{"externalId": x.byExternalID, "userName": x.byName, "displayName": x.byName,
		"emails": x.byEmail}
	v.lists.mu.Lock()
	if attribute == "id" {
		if r := x.byID[value]; r != nil {
			hits = append(hits, r)
		}
	} else {
		hits = append(hits, table[attribute][strings.ToLower(value)]...)
	}
	complete, caps := x.complete, v.lists.caps
	how = fmt.Sprintf("%s = %q: %d of the %d listed", attribute, value, len(hits), len(x.byID))
	v.lists.mu.Unlock()
	if len(hits) > 0 || complete {
		return hits, how, nil
	}
	if attribute == "id" {
		r, err := v.resourceByID(ctx, at, value)
		if r != nil {
			hits = append(hits, r)
		}
		return hits, how + ", asked for by itself", err
	}
	asked := attribute
	if attribute == "emails" {
		asked = "emails.value"
	}
	s, err := v.account.findByFilter(ctx, at, caps, asked, value)
	if err != nil {
		return nil, how, err
	}
	for _, d := range s.hits {
		id := d.text("id")
		r := read(d)
		if at == groupsAt { // looked up without its members
			if r, err = v.resourceByID(ctx, at, id); err != nil {
				return nil, how, err
			}
			if r == nil {
				continue
			}
		} else {
			v.lists.mu.Lock()
			if known := x.byID[id]; known != nil {
				r = known
			} else {
				x.add(r)
			}
			v.lists.mu.Unlock()
		}
		hits = append(hits, r)
	}
	return hits, how + fmt.Sprintf("; filter %s: %d hits", s.filter, len(s.hits)), nil
}
