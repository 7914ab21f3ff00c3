package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/endpoint"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// readBackTimeout is how long a write may take to be visible. CIPP caches tenant groups
// for up to five minutes; waiting that long for each of many tenants would take a whole
// day, and the next run verifies them as well.
//
// Once a wait timed out, the cache is known to be old, and later writes wait only briefly.
const (
	readBackTimeout      = 45 * time.Second
	readBackTimeoutStale = 5 * time.Second
	codeCippCache        = "cipp_cache"
)

// Apply brings one tenant's alias and groups to what the change says, in as few
// calls as CIPP allows, and returns what reading back shows. Changes are made
// one after the other.
func (v *view) Apply(ctx context.Context, ch plan.Change) (target.Applied, error) {
	if ch.Before == nil || ch.After == nil || ch.Action != plan.Update && ch.Action != plan.Adopt {
		return target.Applied{}, fmt.Errorf("%s of %s asks nothing of CIPP: tenants come and go with their relationship", ch.Action, ch.Label)
	}
	v.writing.Lock()
	defer v.writing.Unlock()
	caller := &writeObserver{v.caller, func() {}}
	a := admin.New(caller, admin.Options{})
	steps, err := a.EditTenant(ctx, v.tenant, editOf(&ch))
	if err != nil {
		return target.Applied{}, err
	}
	known := managedNames(ch.Before, ch.After)
	if moved := difference(ch.Before, steps[0].Before, known); moved != "" {
		return target.Applied{}, fmt.Errorf("%w: tenant %s: %s", target.ErrMoved, v.tenant.ID, moved)
	}
	// Only this call writes members whole; the other one sends a tenant's own
	// groups and nobody else's.
	if v.stale && slices.ContainsFunc(steps, func(s admin.Step) bool { return s.Endpoint == "ExecTenantGroup" }) {
		return target.Applied{}, &target.Later{Code: codeCippCache,
			Why: "CIPP still shows tenant groups as they were before an earlier change, and members written from that would bring tenants back"}
	}
	var last admin.Result
	for _, step := range steps {
		if last, err = v.run(ctx, a, caller, step); err != nil {
			return target.Applied{}, err
		}
	}
	o := *ch.Before
	o.Label = ch.After.Label
	o.Fields = fieldsAsRead(ch.Before.Fields, last.After, known)
	return target.Applied{Object: o}, nil
}

// run runs one step. Where CIPP accepted it and reading back did not show it, its outcome
// is unknown.
func (t *Target) run(ctx context.Context, a *admin.Admin, caller *writeObserver, step admin.Step) (admin.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var timer *time.Timer
	accepted := false
	caller.accepted = func() {
		accepted = true
		d := readBackTimeout
		if t.stale {
			d = readBackTimeoutStale
		}
		timer = time.AfterFunc(d, func() { cancel(fmt.Errorf("it did not show within %s", d)) })
	}
	defer func() {
		if timer != nil {
			timer.Stop()
		}
	}()
	result, err := a.Run(ctx, step)
	if err == nil {
		return result, nil
	}
	if moved, ok := errors.AsType[*admin.MovedError](err); ok {
		return result, fmt.Errorf("%w: %w", target.ErrMoved, moved)
	}
	if accepted {
		t.stale = true
		return result, fmt.Errorf("%w: CIPP reported success and reading back does not show it yet, as happens for up to five minutes; the next run looks again (%v)", rest.ErrOutcomeUnknown, err)
	}
	t.stale = t.stale || errors.Is(err, rest.ErrOutcomeUnknown)
	return result, err
}

// A writeObserver is a caller that calls accepted when CIPP accepted a write.
type writeObserver struct {
	admin.Caller
	accepted func()
}

func (c *writeObserver) Call(ctx context.Context, k admin.Call) (*admin.Reply, error) {
	reply, err := c.Caller.Call(ctx, k)
	if e, unknown := endpoint.Find(k.Endpoint); unknown == nil && e.Writes() && err == nil {
		c.accepted()
	}
	return reply, err
}

// editOf returns a change as a TenantEdit: what differs, and nothing else.
func editOf(ch *plan.Change) admin.TenantEdit {
	var e admin.TenantEdit
	for _, f := range ch.Fields {
		switch f.Name {
		case fieldAlias:
			e.Alias = f.After.String()
			e.RemoveAlias = e.Alias == ""
		case fieldGroups:
			e.AddGroups = without(f.After, f.Before)
			e.RemoveGroups = without(f.Before, f.After)
		}
	}
	return e
}

func without(all, some plan.Value) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(some, name) })
}

// managedNames returns the managed groups that either side names, sorted.
func managedNames(before, after *plan.Object) []string {
	was, _ := before.Fields.Get(fieldGroups)
	is, _ := after.Fields.Get(fieldGroups)
	all := slices.Concat(was, is)
	slices.Sort(all)
	return slices.Compact(all)
}

// fieldsAsRead returns the same fields with the values of a state.
func fieldsAsRead(fields plan.Fields, s admin.State, known []string) plan.Fields {
	out := slices.Clone(fields)
	for i := range out {
		switch out[i].Name {
		case fieldAlias:
			// The name that is shown counts: it may be an alias or Microsoft's name.
			if out[i].Value.String() != s.Get(admin.ShownAs) {
				out[i].Value = plan.Value{s.Get("alias")}
			}
		case fieldGroups:
			in := plan.Value{}
			for _, name := range known {
				if containsName(s.Get("groups"), name) {
					in = append(in, name)
				}
			}
			out[i].Value = in
		}
	}
	return out
}

// containsName reports whether a name is in a list of admin's, joined by commas.
func containsName(list, name string) bool { return strings.Contains(", "+list+", ", ", "+name+", ") }

// difference returns what of a tenant is no longer as the plan read it, or "". Groups
// that are not managed may change.
func difference(before *plan.Object, now admin.State, known []string) string {
	var texts []string
	for i, f := range fieldsAsRead(before.Fields, now, known) {
		if was := before.Fields[i].Value; !was.Equal(f.Value) {
			texts = append(texts, fmt.Sprintf("%s was %s and is %s", f.Name, was.Or("empty"), f.Value.Or("empty")))
		}
	}
	return strings.Join(texts, ", ")
}
