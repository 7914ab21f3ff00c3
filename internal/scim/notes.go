package scim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
)

// notes are what is worth knowing of a customer once the source is known too.
func (t *Target) notes(v *view) []plan.Violation {
	r := &noteList{Target: t, view: v}
	for _, text := range v.listFaults {
		r.note("list_incomplete", plan.Key{}, "%s", text)
	}
	if v.leftInFormerAccount > 0 {
		r.note("left_behind", plan.Key{},
			"the customer was linked to another account, or the account to another address: %d users and groups that were kept there are left as they are; "+
				"disable them there by hand, or link the former account once more", v.leftInFormerAccount)
	}
	if v.membersHidden {
		r.note("members_unseen", plan.Key{},
			"the provider shows nobody who is in a group: what differs from what was written last is written, and whether it arrived cannot be seen")
	}
	for _, key := range slices.SortedFunc(maps.Keys(v.resources), plan.Key.Compare) {
		r.add(v.duplicates(key))
	}
	for _, id := range slices.Sorted(maps.Keys(v.users)) {
		r.user(userKey(id), v.users[id])
	}
	for _, id := range slices.Sorted(maps.Keys(v.groups)) {
		r.group(groupKey(id), v.groups[id])
	}
	r.unprovenScope()
	r.roles()
	return r.out
}

// A noteList collects the notes about one customer.
type noteList struct {
	*Target
	view *view
	out  []plan.Violation
}

func (r *noteList) note(code string, key plan.Key, format string, args ...any) {
	r.out = append(r.out, plan.Violation{Code: code, Kind: key.Kind, Key: key.ID, Note: true, Message: fmt.Sprintf(format, args...)})
}

// needsRepair says what a person must repair.
func (r *noteList) needsRepair(code string, key plan.Key, format string, args ...any) {
	r.out = append(r.out, plan.Violation{Code: code, Kind: key.Kind, Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(format, args...)})
}

func (r *noteList) add(v *plan.Violation) {
	if v != nil {
		r.out = append(r.out, *v)
	}
}

// user says what of somebody who is there is not as it should be.
func (r *noteList) user(key plan.Key, one *tenantUser) {
	v := r.view
	if one.verdict != attribute.In || one.r == nil {
		return
	}
	is, says := one.r.active(v.layout)
	inactive := one.user.Enabled && says && !is
	if inactive && !r.config.Reactivate {
		r.note("not_reactivated", key, "%s is back and stays inactive (reactivate: false); enable the user at the provider", userLabel(one.user))
	}
	i := v.layout.at[pathUserName]
	if f := v.layout.fields[i]; f.immutable && one.values[i] != "" && !f.compare.same(one.values[i], one.r.values[i]) {
		r.note("renamed", key, "%s is %s at the provider and %s by now: %s", userLabel(one.user), one.r.values[i], one.values[i],
			cmp.Or(r.profile.Hints["renamed"], "the provider does not let it be changed"))
	}
	for i := range v.layout.fields {
		name := v.layout.fields[i].name
		if says := v.memory[key][refusedSays+name]; says != "" && v.attributeRefused(key, name, plan.Value{one.values[i]}) {
			r.needsRepair("attribute_refused", key, "%s", says)
		}
	}
	if inactive && v.records[key].Rewrites(pathActive, plan.Value{"true"}, plan.Value{"false"}) {
		r.needsRepair("non_convergent", key, "%s does not become active although the provider accepted it: enable the user there",
			userLabel(one.user))
	}
}

// group says who of a group's members cannot be added or removed.
func (r *noteList) group(key plan.Key, one *tenantGroup) {
	v := r.view
	if why := one.group.Members.Unknown; why != "" {
		return // unprovenScope says which groups those are
	}
	var left []string
	for _, id := range one.group.Members.IDs {
		if u := v.users[id]; u != nil && u.conflict != nil && u.r == nil {
			left = append(left, u.user.UPN)
		}
	}
	if len(left) > 0 {
		r.note("members_left_out", key, "not added to group %s yet, because they are not at the provider: %s", one.group.Name, namesInFull(left))
	}
	r.add(v.membersByHand(key, one))
	if n := v.memory[key][memoryTruncated]; n != "" {
		text := fmt.Sprintf("the provider shows at most %s members of %s: nobody is taken out of it", n, one.group.Name)
		if _, remove := v.membersDue(key, one); len(remove) > 0 {
			text += "; by hand, to be removed: " + namesInFull(remove)
		}
		r.note("members_truncated", key, "%s", text)
	}
}

// unprovenScope says what the source did not prove, and which names lead nowhere.
func (r *noteList) unprovenScope() {
	v := r.view
	var unscoped, unknown []string
	for id, one := range v.users {
		if one.verdict == attribute.Unknown && v.records[userKey(id)] == nil {
			unscoped = append(unscoped, one.user.UPN)
		}
	}
	for _, one := range v.groups {
		if one.group.Members.Unknown != "" {
			unknown = append(unknown, one.group.Name)
		}
	}
	if len(v.missingScopingGroups) > 0 {
		r.out = append(r.out, r.groupMissing())
	}
	if len(v.missingGroups) > 0 {
		r.note("group_missing", plan.Key{}, "no group of the tenant is called %s, as %s.groups has it", shortened(v.missingGroups), r.Name())
	}
	if len(unscoped) > 0 {
		r.note("scope_unknown", plan.Key{}, "the source did not prove who is in the groups of users.groups: left out for now: %s",
			shortened(unscoped))
	}
	if len(unknown) > 0 {
		r.note("members_unknown", plan.Key{}, "the source did not prove who is in %s: their members stay as they are", shortened(unknown))
	}
}

// groupMissing says of names in users.groups that no group has them. Without any
// of the groups nothing is known of the scope, and the whole plan waits;
// otherwise those wait who may have been in the missing one.
func (r *noteList) groupMissing() plan.Violation {
	v := r.view
	names := strings.Join(v.missingScopingGroups, " or ")
	none := len(v.missingScopingGroups) == len(r.config.Users.Groups)
	if !none && v.keptByMissingGroups == 0 {
		return plan.Violation{Code: "scope_group_missing", Note: true,
			Message: fmt.Sprintf("no group of the tenant is called %s, as %s.users.groups has it: nobody is in scope by it", names, r.Name())}
	}
	violation := plan.Violation{Code: "scope_group_missing", NeedsRepair: true, Message: fmt.Sprintf(
		"no group of the tenant is called %s, as %s.users.groups has it: nobody comes in by it, and %d users who are there are left as they are; "+
			"if it was renamed write the new name, else take it out; whoever is to go all the same: users.exclude", names, r.Name(),
		v.keptByMissingGroups)}
	if !none {
		violation.Kind, violation.Key = kindGroup, v.missingScopingGroups[0]
	}
	return violation
}

// roles says who has no rights at the provider, as far as the source proves it.
func (r *noteList) roles() {
	v := r.view
	inRole := map[string]bool{}
	roles := 0
	for _, one := range v.groups {
		if !one.role {
			continue
		}
		if one.group.Members.Unknown != "" {
			return
		}
		roles++
		for _, m := range one.group.Members.IDs {
			inRole[m] = true
		}
	}
	var idle []string
	for _, one := range v.users {
		if one.verdict == attribute.In && one.user.Enabled && !inRole[one.user.ID] {
			idle = append(idle, one.user.UPN)
		}
	}
	if roles > 0 && len(idle) > 0 {
		r.note("without_role", plan.Key{}, "in no group that stands for a role, and so without rights at the provider: %s", shortened(idle))
	}
}

// shortened lists names, and how many more there are.
func shortened(names []string) string { return atMost(5, names) }

// namesInFull lists those whom somebody must do something about by hand: all of them,
// as far as anybody can read.
func namesInFull(names []string) string { return atMost(50, names) }

func atMost(most int, names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// activity is whether a resource is active, and whether it says.
func (v *view) activity(key plan.Key, r *resource) (is, says bool) {
	if key.Kind != kindUser {
		return true, false
	}
	return r.active(v.layout)
}

// duplicates says that there are further objects with an object's external id: made
// by a request that arrived late, or by somebody else. Only one is kept in step.
func (v *view) duplicates(key plan.Key) *plan.Violation {
	x := &v.lists.users
	if key.Kind == kindGroup {
		x = &v.lists.groups
	}
	ours := v.resources[key]
	var others []string
	v.lists.mu.Lock()
	for _, r := range x.byExternalID[strings.ToLower(key.ID)] {
		if is, says := v.activity(key, r); says && !is {
			continue // disconnected, which is all that some providers can do to one
		}
		if r.id != ours.id && !slices.Contains(others, r.label()) {
			others = append(others, r.label())
		}
	}
	v.lists.mu.Unlock()
	if len(others) == 0 {
		return nil
	}
	_, chosen := v.settlement(key)
	return &plan.Violation{Code: "twin", Kind: key.Kind, Key: key.ID, Note: chosen, NeedsRepair: !chosen, Message: fmt.Sprintf(
		"%s is kept in step as %s, and %s has the same external id: delete that one at the provider", key.Kind, ours.label(), shortened(others))}
}
