package scim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
)

// trace says of one object what a comparison of its fields does not show:
// whether it is in scope and by which clause, how it was looked for, what was
// found, and which of its attributes are not sent although they differ, and why.
// text is an object id, a UPN or a group's name. It asks the provider nothing.
func (v *view) trace(text string) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, id := range slices.Sorted(maps.Keys(v.users)) {
		one := v.users[id]
		if !strings.EqualFold(id, text) && !strings.EqualFold(one.user.UPN, text) {
			continue
		}
		key := userKey(id)
		say("user %s (%s): %s", userLabel(one.user), id, one.why)
		if !one.user.Enabled {
			say("blocked at the source: inactive at the provider, and not created there")
		}
		v.traceMatch(say, &one.match)
		r := v.resources[key]
		if one.verdict != attribute.In {
			if r != nil {
				say("at the provider as %s, and no longer in scope", r.label())
			}
			continue
		}
		for i := range v.layout.fields {
			f := &v.layout.fields[i]
			switch value := one.values[i]; {
			case f.from == nil:
			case value == "":
				say("%s: %s has no value; left as it is", f.name, f.from)
			case r != nil:
				if why := v.whyNotSent(key, f, i, value, r); why != "" {
					say("%s: the source says %q (%s), there it is %q: %s", f.name, value, f.from, r.values[i], why)
				}
			}
		}
		if add, remove := v.groupsDue(id); len(add)+len(remove) > 0 {
			say("memberships wait for a run without --only, which is about this one object: %s", directions(add, remove))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.groups)) {
		one := v.groups[id]
		if !strings.EqualFold(id, text) && !strings.EqualFold(one.group.Name, text) {
			continue
		}
		say("group %s (%s): %s", one.group.Name, id, one.why)
		v.traceMatch(say, &one.match)
		if one.group.Members.Unknown != "" {
			say("members: not proven by the source (%s); left as they are", one.group.Members.Unknown)
			continue
		}
		o := v.target.desiredGroup(v, groupKey(id), one)
		want, _ := o.Fields.Get(pathMembers)
		var now plan.Value
		others := 0
		if r := v.resources[groupKey(id)]; r != nil {
			now = v.objectIDsOf(r.members)
			others = len(r.members) - len(now)
		}
		d, left := v.delta(now, want)
		say("members: %d at the source, %d of them provisioned; %d there, and %d that are nobody's here; +%d -%d",
			len(one.group.Members.IDs), len(want), len(now), others, len(d.add)+len(left), len(d.remove))
	}
	return out
}

// groupsDue are the groups that an account is to be added to and removed from.
func (v *view) groupsDue(object string) (add, remove []string) {
	for key, one := range v.groups {
		if one.conflict != nil || one.group.Members.Unknown != "" {
			continue
		}
		var now plan.Value
		if one.r != nil {
			now, _ = v.groupFields(groupKey(key), one.r, v.records[groupKey(key)]).Get(pathMembers)
		}
		is, should := contains(now, object), slices.Contains(one.group.Members.IDs, object) && v.provisioned(object)
		switch {
		case should && !is:
			add = append(add, "to "+one.group.Name)
		case is && !should:
			remove = append(remove, "from "+one.group.Name)
		}
	}
	return add, remove
}

func (v *view) traceMatch(say func(string, ...any), q *match) {
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

// whyNotSent says why a value that differs from what is there is not sent; empty
// where it is sent, or where the two mean the same.
func (v *view) whyNotSent(key plan.Key, f *mappedAttribute, i int, value string, r *resource) string {
	want := plan.Value{value}
	now := v.planValue(key, f, r.values[i])
	switch {
	case f.compare.same(value, now.String()):
	case v.attributeRefused(key, f.name, want):
		return "refused by the provider lately; not sent for now"
	case f.immutable:
		return "cannot be changed at the provider"
	}
	return ""
}
