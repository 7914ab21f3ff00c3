package scim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
)

// Trace says what was looked at for one object in this run, and why it came out
// as it did: whether it is in scope and by which clause, how it was looked for,
// what was found, and attribute by attribute what is wanted and what is there.
// text is an object id, a UPN or a group's name. It is for a person who asks
// after Desired; it asks the provider nothing.
func (t *Target) Trace(customer, text string) []string {
	p := t.place(customer)
	if p == nil || !p.matched {
		return nil
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, id := range slices.Sorted(maps.Keys(p.people)) {
		one := p.people[id]
		if !strings.EqualFold(id, text) && !strings.EqualFold(one.user.UPN, text) {
			continue
		}
		key := userKey(id)
		say("user %s (%s): %s", who(one.user), id, one.why)
		if !one.user.Enabled {
			say("blocked at the source: inactive at the provider, and not created there")
		}
		p.traceMatch(say, &one.pairing)
		r := p.have[key]
		if one.verdict != attribute.In {
			if r != nil {
				say("at the provider as %s, and no longer in scope", r.label())
			}
			continue
		}
		o := t.wantUser(p, key, one)
		for i := range p.layout.fields {
			f := &p.layout.fields[i]
			want, wanted := o.Fields.Get(f.name)
			from := "computed from scope and accountEnabled"
			if f.from != nil {
				from = f.from.String()
			}
			if !wanted {
				say("%s: %s has no value; left as it is", f.name, from)
				continue
			}
			now := plan.Value(nil)
			if r != nil {
				now = p.shown(key, f, r.values[i])
			}
			say("%s: wanted %q (%s), there %q: %s", f.name, want, from, now, f.verdict(p, key, want, now, r))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.teams)) {
		one := p.teams[id]
		if !strings.EqualFold(id, text) && !strings.EqualFold(one.group.Name, text) {
			continue
		}
		say("group %s (%s): %s", one.group.Name, id, one.why)
		p.traceMatch(say, &one.pairing)
		if one.group.Members.Unknown != "" {
			say("members: not proven by the source (%s); left as they are", one.group.Members.Unknown)
			continue
		}
		o := t.wantGroup(p, groupKey(id), one)
		want, _ := o.Fields.Get(pathMembers)
		var now plan.Value
		others := 0
		if r := p.have[groupKey(id)]; r != nil {
			now = p.known(r.members)
			others = len(r.members) - len(now)
		}
		d, left := p.delta(now, want)
		say("members: %d at the source, %d of them provisioned; %d there, and %d that are nobody's here; +%d -%d", len(one.group.Members.IDs), len(want), len(now), others, len(d.add)+len(left), len(d.remove))
	}
	return out
}

func (p *place) traceMatch(say func(string, ...any), q *pairing) {
	for _, step := range q.steps {
		say("looked for: %s", step)
	}
	switch {
	case q.conflict != nil:
		say("%s: %s", q.conflict.Code, q.conflict.Message)
	case q.r != nil:
		say("it is %s", q.r.label())
	default:
		say("it is not at the provider")
	}
}

// verdict says in words how a field compares.
func (f *mapped) verdict(p *place, key plan.Key, want, now plan.Value, r *resource) string {
	switch {
	case r == nil:
		return "to be created"
	case p.settledAs(key, f.name, plan.Value{p.people[key.ID].values[p.layout.at[f.name]]}, now):
		return "the provider keeps its own; not sent again"
	case p.refusedAlone(key, f.name, plan.Value{p.people[key.ID].values[p.layout.at[f.name]]}):
		return "refused by the provider lately; not sent for now"
	case f.immutable:
		return "cannot be changed at the provider"
	case want.Equal(now):
		return map[comparator]string{exact: "the same", folded: "the same but for the case of letters, if at all", boolean: "the same"}[f.compare]
	}
	return "differs"
}
