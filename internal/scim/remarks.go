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

// remarks are what is worth knowing of a customer once the source is known too.
func (t *Target) remarks(p *place) []plan.Violation {
	r := &remarks{Target: t, place: p}
	for _, text := range p.misled {
		r.note("list_incomplete", plan.Key{}, "%s", text)
	}
	if p.elsewhere > 0 {
		r.note("left_behind", plan.Key{}, "the customer was linked to another account, or the account to another address: %d users and groups that were kept there are left as they are; "+
			"disable them there by hand, or link the former account once more", p.elsewhere)
	}
	if p.blind {
		r.note("members_unseen", plan.Key{}, "the provider shows nobody who is in a group: what differs from what was written last is written, and whether it arrived cannot be seen")
	}
	for _, key := range slices.SortedFunc(maps.Keys(p.have), plan.Key.Compare) {
		r.add(p.twins(key))
	}
	for _, id := range slices.Sorted(maps.Keys(p.people)) {
		r.person(userKey(id), p.people[id])
	}
	for _, id := range slices.Sorted(maps.Keys(p.teams)) {
		r.team(groupKey(id), p.teams[id])
	}
	r.scope()
	r.roles()
	return r.out
}

// remarks in the making.
type remarks struct {
	*Target
	place *place
	out   []plan.Violation
}

func (r *remarks) note(code string, key plan.Key, format string, args ...any) {
	r.out = append(r.out, plan.Violation{Code: code, Kind: key.Kind, Key: key.ID, Note: true, Message: fmt.Sprintf(format, args...)})
}

// stays says what a person must repair.
func (r *remarks) stays(code string, key plan.Key, format string, args ...any) {
	r.out = append(r.out, plan.Violation{Code: code, Kind: key.Kind, Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(format, args...)})
}

func (r *remarks) add(v *plan.Violation) {
	if v != nil {
		r.out = append(r.out, *v)
	}
}

// person says what of somebody who is there is not as it should be.
func (r *remarks) person(key plan.Key, one *person) {
	p := r.place
	if one.verdict != attribute.In || one.r == nil {
		return
	}
	is, says := one.r.active(p.layout)
	inactive := one.user.Enabled && says && !is
	if inactive && !r.config.Reactivate {
		r.note("not_reactivated", key, "%s is back and stays inactive (reactivate: false); enable the user at the provider", who(one.user))
	}
	i := p.layout.at[pathUserName]
	if f := p.layout.fields[i]; f.immutable && one.values[i] != "" && !f.compare.same(one.values[i], one.r.values[i]) {
		r.note("renamed", key, "%s is %s at the provider and %s by now: %s", who(one.user), one.r.values[i], one.values[i],
			cmp.Or(r.profile.Hints["renamed"], "the provider does not let it be changed"))
	}
	for i := range p.layout.fields {
		name := p.layout.fields[i].name
		if says := p.memory[key][refusedSays+name]; says != "" && p.refusedAlone(key, name, plan.Value{one.values[i]}) {
			r.stays("attribute_refused", key, "%s", says)
		}
	}
	if inactive && p.records[key].Rewrites(pathActive, plan.Value{"true"}, plan.Value{"false"}) {
		r.stays("non_convergent", key, "%s does not become active although the provider accepted it: enable the user there", who(one.user))
	}
}

// team says who of a group's members cannot be added or removed.
func (r *remarks) team(key plan.Key, one *team) {
	p := r.place
	if why := one.group.Members.Unknown; why != "" {
		return // scope says which groups those are
	}
	var left []string
	for _, id := range one.group.Members.IDs {
		if u := p.people[id]; u != nil && u.conflict != nil && u.r == nil {
			left = append(left, u.user.UPN)
		}
	}
	if len(left) > 0 {
		r.note("members_left_out", key, "not added to group %s yet, because they are not at the provider: %s", one.group.Name, nameAll(left))
	}
	r.add(p.membersWaiting(key, one))
	if n := p.memory[key][infoTruncated]; n != "" {
		text := fmt.Sprintf("the provider shows at most %s members of %s: nobody is taken out of it", n, one.group.Name)
		if _, remove := p.membersDue(key, one); len(remove) > 0 {
			text += "; by hand, to be removed: " + nameAll(remove)
		}
		r.note("members_truncated", key, "%s", text)
	}
}

// scope says what the source did not prove, and which names lead nowhere.
func (r *remarks) scope() {
	p := r.place
	var unscoped, unknown []string
	for id, one := range p.people {
		if one.verdict == attribute.Unknown && p.records[userKey(id)] == nil {
			unscoped = append(unscoped, one.user.UPN)
		}
	}
	for _, one := range p.teams {
		if one.group.Members.Unknown != "" {
			unknown = append(unknown, one.group.Name)
		}
	}
	if len(p.missing) > 0 {
		r.out = append(r.out, r.groupMissing())
	}
	if len(p.absent) > 0 {
		r.note("group_missing", plan.Key{}, "no group of the tenant is called %s, as %s.groups has it", shortened(p.absent), r.Name())
	}
	if len(unscoped) > 0 {
		r.note("scope_unknown", plan.Key{}, "the source did not prove who is in the groups of users.groups: left out for now: %s", shortened(unscoped))
	}
	if len(unknown) > 0 {
		r.note("members_unknown", plan.Key{}, "the source did not prove who is in %s: their members stay as they are", shortened(unknown))
	}
}

// groupMissing says of names in users.groups that no group has them. Without any
// of the groups nothing is known of the scope, and the whole plan waits;
// otherwise those wait who may have been in the missing one.
func (r *remarks) groupMissing() plan.Violation {
	p := r.place
	names := strings.Join(p.missing, " or ")
	none := len(p.missing) == len(r.config.Users.Groups)
	if !none && p.stranded == 0 {
		return plan.Violation{Code: "scope_group_missing", Note: true, Message: fmt.Sprintf("no group of the tenant is called %s, as %s.users.groups has it: nobody is in scope by it", names, r.Name())}
	}
	v := plan.Violation{Code: "scope_group_missing", NeedsRepair: true, Message: fmt.Sprintf(
		"no group of the tenant is called %s, as %s.users.groups has it: nobody comes in by it, and %d users who are there are left as they are; "+
			"if it was renamed write the new name, else take it out; whoever is to go all the same: users.exclude", names, r.Name(), p.stranded)}
	if !none {
		v.Kind, v.Key = kindGroup, p.missing[0]
	}
	return v
}

// roles says who has no rights at the provider, as far as the source proves it.
func (r *remarks) roles() {
	p := r.place
	inRole := map[string]bool{}
	roles := 0
	for _, one := range p.teams {
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
	for _, one := range p.people {
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

// nameAll lists those whom somebody must do something about by hand: all of them,
// as far as anybody can read.
func nameAll(names []string) string { return atMost(50, names) }

func atMost(most int, names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// activity is whether a resource is active, and whether it says.
func (p *place) activity(key plan.Key, r *resource) (is, says bool) {
	if key.Kind != kindUser {
		return true, false
	}
	return r.active(p.layout)
}

// twins says that there are further objects with an object's external id: made
// by a request that arrived late, or by somebody else. Only one is kept in step.
func (p *place) twins(key plan.Key) *plan.Violation {
	x := &p.world.users
	if key.Kind == kindGroup {
		x = &p.world.groups
	}
	ours := p.have[key]
	var others []string
	p.world.mu.Lock()
	for _, r := range x.byExternal[strings.ToLower(key.ID)] {
		if is, says := p.activity(key, r); says && !is {
			continue // disconnected, which is all that some providers can do to one
		}
		if r.id != ours.id && !slices.Contains(others, r.label()) {
			others = append(others, r.label())
		}
	}
	p.world.mu.Unlock()
	if len(others) == 0 {
		return nil
	}
	_, chosen := p.word(key)
	return &plan.Violation{Code: "twin", Kind: key.Kind, Key: key.ID, Note: chosen, NeedsRepair: !chosen, Message: fmt.Sprintf(
		"%s is kept in step as %s, and %s has the same external id: delete that one at the provider", key.Kind, ours.label(), shortened(others))}
}
