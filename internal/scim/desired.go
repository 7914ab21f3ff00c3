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
func (t *Target) desired(v *view) target.Desired {
	var out target.Desired
	for _, id := range slices.Sorted(maps.Keys(v.users)) {
		one := v.users[id]
		key := userKey(id)
		switch {
		case one.verdict == attribute.Unknown && v.records[key] == nil: // unprovenScope says how many
		case one.verdict == attribute.Unknown:
			out.Conflicts = append(out.Conflicts, plan.Conflict{Key: key, Violation: plan.Violation{Code: "scope_unknown", Key: id, Note: true,
				Message: fmt.Sprintf("%s is left as it is: whether it is in scope is %s", userLabel(one.user), one.why)}})
		case one.verdict == attribute.Out:
		case one.conflict != nil:
			one.conflict.Label = userLabel(one.user)
			out.Conflicts = append(out.Conflicts, plan.Conflict{Key: key, Violation: *one.conflict})
		case one.r == nil && !one.user.Enabled: // disabled at first sight
		default:
			out.Objects = append(out.Objects, t.desiredUser(v, key, one))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.groups)) {
		one := v.groups[id]
		if one.conflict != nil {
			out.Conflicts = append(out.Conflicts, plan.Conflict{Key: groupKey(id), Violation: *one.conflict})
			continue
		}
		out.Objects = append(out.Objects, t.desiredGroup(v, groupKey(id), one))
	}
	return out
}

// desiredUser is what a user should say.
func (t *Target) desiredUser(v *view, key plan.Key, one *tenantUser) plan.Object {
	o := plan.Object{Key: key, Label: userLabel(one.user), UPN: one.user.UPN}
	active := one.user.Enabled
	sayActive := true
	if one.r != nil {
		is, says := one.r.active(v.layout)
		if active && says && !is && !t.config.Reactivate {
			sayActive, active = false, false
		}
		// Where leavers are deleted an inactive user is no leaver's end: it is
		// marked only while it becomes inactive, so that this counts.
		o.Retired = !active && (t.config.Leavers.Then != ThenDelete || is)
	}
	for i := range v.layout.fields {
		f := &v.layout.fields[i]
		value := one.values[i]
		if f.name == pathActive {
			if !sayActive {
				continue
			}
			value = asText(active)
		}
		if value == "" || f.reference && !v.provisioned(value) {
			continue // the source has nothing, or nobody to point to: whatever is there stays
		}
		o.Fields = append(o.Fields, plan.Field{Name: f.name, Value: v.desiredValue(key, f, i, value, one.r)})
	}
	return o
}

// desiredValue is the value of a field as it should be written, in the spelling that is
// there if that means the same, and as it is where it cannot be changed.
func (v *view) desiredValue(key plan.Key, f *mappedAttribute, i int, value string, r *resource) plan.Value {
	want := plan.Value{value}
	if r == nil {
		return want
	}
	now := v.planValue(key, f, r.values[i])
	switch {
	case f.immutable, len(now) == 1 && f.compare.same(value, now[0]), v.attributeRefused(key, f.name, want):
		return now
	case len(now) == 0 && f.compare.same(value, ""):
		return nil
	}
	return want
}

// planValue is a value as plans see it: of a field that the provider does not show
// as it was sent, what was sent last.
func (v *view) planValue(key plan.Key, f *mappedAttribute, value string) plan.Value {
	if record := v.records[key]; f.unverified && record != nil && record.Pending == nil && record.Origin != plan.Announced {
		if sent, ok := record.Fields.Get(f.name); ok {
			return sent
		}
	}
	if value == "" {
		return nil
	}
	if object, ok := v.objectIDs[value]; ok && f.reference {
		return plan.Value{object}
	}
	return plan.Value{value}
}

// observed is an object as it is at the provider.
func (t *Target) observed(v *view, key plan.Key, record *plan.Record) plan.Object {
	r := v.resources[key]
	o := plan.Object{Key: key, Ref: r.id, UPN: v.upnOf(key), Private: plan.Remember(v.memoryOf(key)), Label: r.name, Edited: plan.Edit{At: r.modified}}
	if record != nil && record.Ref != "" && record.Ref != r.id && v.sameAccount(record) && sameExternalID(r.externalID, key.ID) {
		// The same by its external id, under another id: some providers make the
		// id of the userName. It is no other object.
		o.Ref = record.Ref
	}
	if key.Kind == kindGroup {
		o.Fields = v.groupFields(key, r, record)
		members, _ := o.Fields.Get(pathMembers)
		o.Retired = len(members) == 0 && record != nil && (record.Retired || record.Pending != nil && record.Pending.Retired)
		return o
	}
	if one := v.users[key.ID]; one != nil {
		o.Label = userLabel(one.user)
	} else {
		o.Label = v.formerLabel(record, r)
	}
	for i := range v.layout.fields {
		if value := v.planValue(key, &v.layout.fields[i], r.values[i]); len(value) > 0 {
			o.Fields = append(o.Fields, plan.Field{Name: v.layout.fields[i].name, Value: value})
		}
	}
	is, says := r.active(v.layout)
	o.Retired = says && !is && t.config.Leavers.Then != ThenDelete
	return o
}

// groupFields are a group as plans see it: of its members those that are this
// customer's, by their object ids. Others are nobody's business here.
func (v *view) groupFields(key plan.Key, r *resource, record *plan.Record) plan.Fields {
	members := v.objectIDsOf(r.members)
	if v.memory[key][memoryTruncated] != "" || v.membersHidden {
		// What cannot be seen is taken to be as it was left.
		members = append(members, recordedMembers(record)...)
		slices.Sort(members)
		members = slices.Compact(members)
	}
	f := plan.Fields{{Name: pathDisplayName, Value: scalar(r.name)}, {Name: pathExternalID, Value: scalar(r.externalID)},
		{Name: pathMembers, Value: members}}
	return slices.DeleteFunc(f, func(x plan.Field) bool { return x.Name == pathExternalID && x.Value.Blank() })
}

// objectIDsOf are the object ids of members, sorted; members of others are left out.
func (v *view) objectIDsOf(ids []string) plan.Value {
	var out plan.Value
	for _, id := range ids {
		if object, ok := v.objectIDs[id]; ok {
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

// desiredGroup is what a group should say.
func (t *Target) desiredGroup(v *view, key plan.Key, one *tenantGroup) plan.Object {
	o := plan.Object{Key: key, Label: cmp.Or(one.group.Name, key.ID)}
	name, external := plan.Value{o.Label}, plan.Value{key.ID}
	if r := one.r; r != nil {
		if r.name != "" && exact.same(o.Label, r.name) {
			name = scalar(r.name)
		}
		if r.externalID != "" && sameExternalID(r.externalID, key.ID) || slices.Contains(t.profile.Immutable, pathExternalID) {
			external = scalar(r.externalID)
		}
	}
	o.Fields = plan.Fields{{Name: pathDisplayName, Value: name}}
	if len(external) > 0 {
		o.Fields = append(o.Fields, plan.Field{Name: pathExternalID, Value: external})
	}
	if one.group.Members.Unknown != "" || one.r != nil && v.account.whyMembersStopped() != "" {
		return o // nobody is added or removed
	}
	members := plan.Value{}
	for _, id := range one.group.Members.IDs {
		if v.provisioned(id) {
			members = append(members, id)
		}
	}
	if one.r != nil && (v.memory[key][memoryTruncated] != "" || v.removalSuspended(key)) {
		now, _ := v.groupFields(key, one.r, v.records[key]).Get(pathMembers)
		members = append(members, now...)
	}
	slices.Sort(members)
	o.Fields = append(o.Fields, plan.Field{Name: pathMembers, Value: slices.Compact(members)})
	return o
}

// provisioned reports whether an account of the tenant is at the provider, or
// will be once the plan is carried out.
func (v *view) provisioned(id string) bool {
	if v.resources[userKey(id)] != nil {
		return true
	}
	one := v.users[id]
	if one == nil || one.verdict != attribute.In || one.conflict != nil || !one.user.Enabled {
		return false
	}
	if record := v.records[userKey(id)]; record != nil && record.Origin != plan.Announced && record.Ref != "" && !record.Retired &&
		v.sameAccount(record) {
		return false // was removed there: to be made again it needs a word, and until then nothing can be added
	}
	word, spoken := v.settlement(userKey(id))
	return !spoken || word.How != plan.SettleIgnore
}
