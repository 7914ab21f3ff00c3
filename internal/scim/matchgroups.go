package scim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/scim/attribute"
)

// matchGroups finds each group in scope, as matchUsers does. A group that
// stands for a role is neither made nor recognised by its name without a
// person's word: what binds it is prepared at the provider first.
func (t *Target) matchGroups(ctx context.Context, v *view, s *directory.Snapshot, known map[plan.Key]*plan.Record) error {
	groups, err := s.Groups.Items()
	if err != nil {
		return err
	}
	var ids []string
	v.missingGroups = t.filter.MissingGroups(groups)
	for i := range groups {
		g := &groups[i]
		verdict, why := t.filter.Group(g)
		if verdict != attribute.In {
			if record := known[groupKey(g.ID)]; record != nil && record.Ref != "" && !record.Retired {
				if name := t.filter.Renamed(record.Fields.Text(pathDisplayName), v.missingGroups); name != "" {
					v.groups[g.ID] = &tenantGroup{group: g, why: why,
						match: match{done: true, conflict: &plan.Violation{Code: "group_renamed", Key: g.ID, NeedsRepair: true, Message: fmt.Sprintf(
							"group %s is called %s by now, and %s names it as it was: it is left as it is until the new name is written there, or the old one taken out", name, g.Name, t.Name())}}}
				}
			}
			continue
		}
		v.groups[g.ID] = &tenantGroup{group: g, role: t.filter.Role(g), why: why}
		ids = append(ids, g.ID)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := v.matchCertain(ctx, groupKey(id), "group "+v.groups[id].group.Name, groupsAt, known[groupKey(id)], &v.groups[id].match,
			t.profile.MatchGroups); err != nil {
			return err
		}
	}
	claims := map[string][]string{}
	found := map[string][]*resource{}
	for _, id := range ids {
		one := v.groups[id]
		if one.done || !slices.Contains(t.profile.MatchGroups, pathDisplayName) {
			continue
		}
		one.value = one.group.Name
		hits, how, err := v.candidates(ctx, groupsAt, pathDisplayName, one.value)
		if err != nil {
			return err
		}
		hits = slices.DeleteFunc(slices.Clone(hits), func(r *resource) bool { _, taken := v.claimedBy[r.id]; return taken })
		one.steps = append(one.steps, how)
		found[id] = hits
		for _, r := range hits {
			claims[r.id] = append(claims[r.id], id)
		}
	}
	for _, id := range ids {
		one := v.groups[id]
		key := groupKey(id)
		if one.done {
			continue
		}
		word, spoken := v.settlement(key)
		if one.role && !(spoken && word.How == plan.SettleCreate) {
			one.done, one.conflict = true, t.roleProposed(v, key, one, found[id])
			continue
		}
		t.matchCandidate(v, key, "group "+one.group.Name, &one.match, found[id], claims)
		if one.r == nil && one.conflict == nil {
			one.conflict = v.deadEnd(key, fingerprintName(one.group.Name))
		}
	}
	return nil
}

// roleProposed says that a role's group waits for a person.
func (t *Target) roleProposed(v *view, key plan.Key, one *tenantGroup, hits []*resource) *plan.Violation {
	hint := cmp.Or(t.profile.Hints["role"], "prepare the role at the provider first")
	text := fmt.Sprintf("group %s stands for a role and is not linked yet: %s; then syncd matches create %s %s %s", one.group.Name,
		hint, v.customer, t.Name(), key.ID)
	if len(hits) > 0 {
		var refs []string
		for _, r := range hits {
			refs = append(refs, r.label())
		}
		text = fmt.Sprintf("group %s stands for a role, and %s has its name: syncd matches accept %s %s %s REF if that is the one, else link the role (%s) and say create",
			one.group.Name, strings.Join(refs, ", "), v.customer, t.Name(), key.ID, hint)
	}
	return &plan.Violation{Code: "match_proposed", Key: key.ID, NeedsRepair: true, Message: text}
}

// readMembers reads a group by itself where the list shows no group's members: one
// whose members it leaves out, or which is empty there and was not left so.
func (v *view) readMembers(ctx context.Context, key plan.Key) error {
	r := v.resources[key]
	if r == nil || v.lists.membersListed() {
		return nil
	}
	if r.hasMembers && len(recordedMembers(v.records[key])) == 0 {
		return nil
	}
	d, err := v.account.get(ctx, groupsAt, r.id)
	if rest.Gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	full := readGroup(d)
	v.lists.mu.Lock()
	r.members, r.hasMembers = full.members, true
	v.lists.mu.Unlock()
	return nil
}

// membersListed reports whether the list of groups shows members at all. A
// group without the attribute is an empty one then.
func (l *accountLists) membersListed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.groups.byID {
		if len(r.members) > 0 {
			return true
		}
	}
	return false
}
