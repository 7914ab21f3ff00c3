package scim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"syncd/internal/target"

	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
)

// desired says what an account should hold of a customer, once it is known what is
// whose. What the source leaves empty is left alone.
func (t *Target) desired(p *place) target.Desired {
	var out target.Desired
	for _, id := range slices.Sorted(maps.Keys(p.people)) {
		one := p.people[id]
		key := userKey(id)
		switch {
		case one.verdict == attribute.Unknown && p.records[key] == nil: // remarks says how many
		case one.verdict == attribute.Unknown:
			out.Conflicts = append(out.Conflicts, plan.Conflict{Key: key, Violation: plan.Violation{Code: "scope_unknown", Key: id, Note: true,
				Message: fmt.Sprintf("%s is left as it is: whether it is in scope is %s", who(one.user), one.why)}})
		case one.verdict == attribute.Out:
		case one.conflict != nil:
			out.Conflicts = append(out.Conflicts, plan.Conflict{Key: key, Violation: *one.conflict})
		case one.r == nil && !one.user.Enabled: // disabled at first sight
		default:
			out.Objects = append(out.Objects, t.wantUser(p, key, one))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.teams)) {
		one := p.teams[id]
		if one.conflict != nil {
			out.Conflicts = append(out.Conflicts, plan.Conflict{Key: groupKey(id), Violation: *one.conflict})
			continue
		}
		out.Objects = append(out.Objects, t.wantGroup(p, groupKey(id), one))
	}
	return out
}

// wantUser is what a user should say.
func (t *Target) wantUser(p *place, key plan.Key, one *person) plan.Object {
	o := plan.Object{Key: key, Label: who(one.user), Info: map[string]string{infoUPN: one.user.UPN}}
	active := one.user.Enabled
	sayActive := true
	if one.r != nil {
		is, says := one.r.active(p.layout)
		if active && says && !is && !t.config.Reactivate {
			sayActive, active = false, false
		}
		// Where leavers are deleted an inactive user is no leaver's end: it is
		// marked only while it becomes inactive, so that this counts.
		o.Retired = !active && (t.config.Leavers.Then != ThenDelete || is)
	}
	for i := range p.layout.fields {
		f := &p.layout.fields[i]
		v := one.values[i]
		if f.name == pathActive {
			if !sayActive {
				continue
			}
			v = asText(active)
		}
		if v == "" || f.reference && !p.provisioned(v) {
			continue // the source has nothing, or nobody to point to: whatever is there stays
		}
		o.Fields = append(o.Fields, plan.Field{Name: f.name, Value: p.wish(key, f, i, v, one.r)})
	}
	return o
}

// wish is the value of a field as it should be written, in the spelling that is
// there if that means the same, and as it is where it cannot be changed.
func (p *place) wish(key plan.Key, f *mapped, i int, v string, r *resource) plan.Value {
	want := plan.Value{v}
	if r == nil {
		return want
	}
	now := p.shown(key, f, r.values[i])
	switch {
	case f.immutable, len(now) == 1 && f.compare.same(v, now[0]), p.refusedAlone(key, f.name, want):
		return now
	case len(now) == 0 && f.compare.same(v, ""):
		return nil
	}
	return want
}

// shown is a value as plans see it: of a field that the provider does not show
// as it was sent, what was sent last.
func (p *place) shown(key plan.Key, f *mapped, value string) plan.Value {
	if record := p.records[key]; f.unverified && record != nil && record.Pending == nil && record.Origin != plan.Announced {
		if v, ok := record.Fields.Get(f.name); ok {
			return v
		}
	}
	if value == "" {
		return nil
	}
	if object, ok := p.objects[value]; ok && f.reference {
		return plan.Value{object}
	}
	return plan.Value{value}
}

// observed is an object as it is at the provider.
func (t *Target) observed(p *place, key plan.Key, record *plan.Record) plan.Object {
	r := p.have[key]
	o := plan.Object{Key: key, Ref: r.id, Info: p.info(key), Label: r.name, Edited: plan.Edit{At: r.modified}}
	if record != nil && record.Ref != "" && record.Ref != r.id && p.here(record) && sameExternal(r.external, key.ID) {
		// The same by its external id, under another id: some providers make the
		// id of the userName. It is no other object.
		o.Ref = record.Ref
	}
	if key.Kind == kindGroup {
		o.Fields = p.groupFields(key, r, record)
		members, _ := o.Fields.Get(pathMembers)
		o.Retired = len(members) == 0 && record != nil && (record.Retired || record.Pending != nil && record.Pending.Retired)
		return o
	}
	if one := p.people[key.ID]; one != nil {
		o.Label = who(one.user)
	} else {
		o.Label = p.whoWas(record, r)
	}
	for i := range p.layout.fields {
		if v := p.shown(key, &p.layout.fields[i], r.values[i]); len(v) > 0 {
			o.Fields = append(o.Fields, plan.Field{Name: p.layout.fields[i].name, Value: v})
		}
	}
	is, says := r.active(p.layout)
	o.Retired = says && !is && t.config.Leavers.Then != ThenDelete
	return o
}

// groupFields are a group as plans see it: of its members those that are this
// customer's, by their object ids. Others are nobody's business here.
func (p *place) groupFields(key plan.Key, r *resource, record *plan.Record) plan.Fields {
	members := p.known(r.members)
	if p.memory[key][infoTruncated] != "" || p.blind {
		// What cannot be seen is taken to be as it was left.
		members = append(members, leftIn(record)...)
		slices.Sort(members)
		members = slices.Compact(members)
	}
	f := plan.Fields{{Name: pathDisplayName, Value: scalar(r.name)}, {Name: pathExternalID, Value: scalar(r.external)}, {Name: pathMembers, Value: members}}
	return slices.DeleteFunc(f, func(x plan.Field) bool { return x.Name == pathExternalID && x.Value.Blank() })
}

// known are the object ids of members, sorted; members of others are left out.
func (p *place) known(ids []string) plan.Value {
	var out plan.Value
	for _, id := range ids {
		if object, ok := p.objects[id]; ok {
			out = append(out, object)
		}
	}
	slices.Sort(out)
	return out
}

func scalar(text string) plan.Value {
	if text == "" {
		return nil
	}
	return plan.Value{text}
}

// wantGroup is what a group should say.
func (t *Target) wantGroup(p *place, key plan.Key, one *team) plan.Object {
	o := plan.Object{Key: key, Label: cmp.Or(one.group.Name, key.ID)}
	name, external := plan.Value{o.Label}, plan.Value{key.ID}
	if r := one.r; r != nil {
		if r.name != "" && exact.same(o.Label, r.name) {
			name = scalar(r.name)
		}
		if r.external != "" && sameExternal(r.external, key.ID) || slices.Contains(t.profile.Immutable, pathExternalID) {
			external = scalar(r.external)
		}
	}
	o.Fields = plan.Fields{{Name: pathDisplayName, Value: name}}
	if len(external) > 0 {
		o.Fields = append(o.Fields, plan.Field{Name: pathExternalID, Value: external})
	}
	if one.group.Members.Unknown != "" || one.r != nil && p.account.membersBroken() != "" {
		return o // nobody is added or removed
	}
	members := plan.Value{}
	for _, id := range one.group.Members.IDs {
		if p.provisioned(id) {
			members = append(members, id)
		}
	}
	if one.r != nil && (p.memory[key][infoTruncated] != "" || p.keepsMembers(key)) {
		now, _ := p.groupFields(key, one.r, p.records[key]).Get(pathMembers)
		members = append(members, now...)
	}
	slices.Sort(members)
	o.Fields = append(o.Fields, plan.Field{Name: pathMembers, Value: slices.Compact(members)})
	return o
}

// provisioned reports whether an account of the tenant is at the provider, or
// will be once the plan is carried out.
func (p *place) provisioned(id string) bool {
	if p.have[userKey(id)] != nil {
		return true
	}
	one := p.people[id]
	if one == nil || one.verdict != attribute.In || one.conflict != nil || !one.user.Enabled {
		return false
	}
	if record := p.records[userKey(id)]; record != nil && record.Origin != plan.Announced && record.Ref != "" && !record.Retired && p.here(record) {
		return false // was removed there: to be made again it needs a word, and until then nothing can be added
	}
	word, spoken := p.word(userKey(id))
	return !spoken || word.How != plan.SettleIgnore
}
