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
	var out []plan.Violation
	note := func(code string, key plan.Key, format string, args ...any) {
		out = append(out, plan.Violation{Code: code, Kind: key.Kind, Key: key.ID, Note: true, Message: fmt.Sprintf(format, args...)})
	}
	for _, text := range p.misled {
		note("list_incomplete", plan.Key{}, "%s", text)
	}
	if p.elsewhere > 0 {
		note("left_behind", plan.Key{}, "the customer was linked to another account, or the account to another address: %d users and groups that were kept there are left as they are; "+
			"disable them there by hand, or link the former account once more", p.elsewhere)
	}
	for _, key := range slices.SortedFunc(maps.Keys(p.have), plan.Key.Compare) {
		if v := p.twins(key); v != nil {
			out = append(out, *v)
		}
	}
	var unknown, left, idle, unscoped []string
	for _, id := range slices.Sorted(maps.Keys(p.people)) {
		one := p.people[id]
		key := userKey(id)
		if one.verdict == attribute.Unknown && p.records[key] == nil {
			unscoped = append(unscoped, one.user.UPN)
		}
		if one.verdict != attribute.In || one.r == nil {
			continue
		}
		is, says := one.r.active(p.layout)
		if one.user.Enabled && says && !is && !t.config.Reactivate {
			note("not_reactivated", key, "%s is back and stays inactive (reactivate: false); enable the user at the provider", who(one.user))
		}
		i := p.layout.at[pathUserName]
		if f := p.layout.fields[i]; f.immutable && one.values[i] != "" && !f.compare.same(one.values[i], one.r.values[i]) {
			note("renamed", key, "%s is %s at the provider and %s by now: %s", who(one.user), one.r.values[i], one.values[i],
				cmp.Or(t.profile.Hints["renamed"], "the provider does not let it be changed"))
		}
		for i := range p.layout.fields {
			name := p.layout.fields[i].name
			if says := p.memory[key][refusedSays+name]; says != "" && p.refusedAlone(key, name, plan.Value{one.values[i]}) {
				out = append(out, plan.Violation{Code: "attribute_refused", Kind: kindUser, Key: id, Stays: true, Message: says})
			}
		}
		if record := p.records[key]; record != nil && record.Rewrites(pathActive, plan.Value{"true"}, plan.Value{"false"}) && one.user.Enabled && says && !is {
			out = append(out, plan.Violation{Code: "non_convergent", Kind: kindUser, Key: id, Stays: true, Message: fmt.Sprintf(
				"%s does not become active although the provider accepted it: enable the user there", who(one.user))})
		}
	}
	inRole := map[string]bool{}
	roles, rolesKnown := 0, true
	for _, id := range slices.Sorted(maps.Keys(p.teams)) {
		one := p.teams[id]
		if one.group.Members.Unknown != "" {
			unknown = append(unknown, one.group.Name)
		}
		if one.role {
			roles++
			rolesKnown = rolesKnown && one.group.Members.Unknown == ""
			for _, m := range one.group.Members.IDs {
				inRole[m] = true
			}
		}
		for _, m := range one.group.Members.IDs {
			if u := p.people[m]; u != nil && u.conflict != nil && u.r == nil {
				left = append(left, u.user.UPN)
			}
		}
		if v := p.membersWaiting(groupKey(id), one); v != nil {
			out = append(out, *v)
		}
		if p.memory[groupKey(id)][infoTruncated] != "" {
			note("members_truncated", groupKey(id), "the provider shows at most %s members of %s: nobody is taken out of it", p.memory[groupKey(id)][infoTruncated], one.group.Name)
		}
	}
	if len(p.missing) > 0 {
		v := plan.Violation{Code: "scope_group_missing", Note: true, Message: fmt.Sprintf("no group of the tenant is called %s, as %s.users.groups has it: nobody is in scope by it",
			strings.Join(p.missing, " or "), t.Name())}
		// Without any of the groups nothing is known of the scope, and the whole
		// plan waits; otherwise those wait who may have been in the missing one.
		if none := len(p.missing) == len(t.config.Users.Groups); none || p.stranded > 0 {
			v.Note, v.Stays = false, true
			if !none {
				v.Kind, v.Key = kindGroup, p.missing[0]
			}
			v.Message = fmt.Sprintf("no group of the tenant is called %s, as %s.users.groups has it: nobody comes in by it, and %d users who are there are left as they are; "+
				"if it was renamed write the new name, else take it out; whoever is to go all the same: users.exclude", strings.Join(p.missing, " or "), t.Name(), p.stranded)
		}
		out = append(out, v)
	}
	if len(p.absent) > 0 {
		note("group_missing", plan.Key{}, "no group of the tenant is called %s, as %s.groups has it", shortened(p.absent), t.Name())
	}
	if len(unscoped) > 0 {
		note("scope_unknown", plan.Key{}, "the source did not prove who is in the groups of users.groups: left out for now: %s", shortened(unscoped))
	}
	if len(unknown) > 0 {
		note("members_unknown", plan.Key{}, "the source did not prove who is in %s: their members stay as they are", shortened(unknown))
	}
	if len(left) > 0 {
		slices.Sort(left)
		note("members_left_out", plan.Key{}, "not members yet, because they are not at the provider: %s", shortened(slices.Compact(left)))
	}
	if roles > 0 && rolesKnown {
		for _, one := range p.people {
			if one.verdict == attribute.In && one.user.Enabled && !inRole[one.user.ID] {
				idle = append(idle, one.user.UPN)
			}
		}
		if len(idle) > 0 {
			note("without_role", plan.Key{}, "in no group that stands for a role, and so without rights at the provider: %s", shortened(idle))
		}
	}
	return out
}

// shortened lists names, and how many more there are.
func shortened(names []string) string {
	slices.Sort(names)
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// membersWaiting says that a group's members are not what they should be, and
// that nothing can be done about it from here.
func (p *place) membersWaiting(key plan.Key, one *team) *plan.Violation {
	why := p.account.membersBroken()
	if why == "" && p.keepsMembers(key) {
		why = "the provider would take nobody out; it is tried again tomorrow"
	}
	if why == "" || one.r == nil || one.group.Members.Unknown != "" {
		return nil
	}
	now, n := p.known(one.r.members), 0
	for _, id := range now {
		if !contains(one.group.Members.IDs, id) {
			n++
		}
	}
	for _, id := range one.group.Members.IDs {
		if p.have[userKey(id)] != nil && !contains(now, id) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &plan.Violation{Code: "members_stopped", Kind: kindGroup, Key: key.ID, Stays: true, Message: fmt.Sprintf(
		"%d members of group %s are to be added or removed at the provider by hand: %s", n, one.group.Name, why)}
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
	return &plan.Violation{Code: "twin", Kind: key.Kind, Key: key.ID, Note: chosen, Stays: !chosen, Message: fmt.Sprintf(
		"%s is kept in step as %s, and %s has the same external id: delete that one at the provider", key.Kind, ours.label(), shortened(others))}
}
