package scim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
)

// matchUsers finds each account among the users of the provider:
//
//  1. the one that a person named (syncd matches accept)
//  2. the one that an earlier run settled on
//  3. the only one with the account's external id
//  4. the only one with its userName, then with its mail address
//
// as far as the profile lists them. Those beyond doubt go first. Several users
// for one account, or one that carries somebody else's external id, are for a
// person to settle.
func (t *Target) matchUsers(ctx context.Context, v *view, s *directory.Snapshot, known map[plan.Key]*plan.Record) error {
	users, err := s.Users.Items()
	if err != nil {
		return err
	}
	membership := t.filter.Membership(s.Groups)
	v.missingScopingGroups = membership.Missing()
	ids := make([]string, 0, len(users))
	for i := range users {
		u := &users[i]
		one := &tenantUser{user: u}
		one.verdict, one.why = t.filter.User(u, membership)
		if record := known[userKey(u.ID)]; one.verdict == attribute.Unknown && len(v.missingScopingGroups) > 0 && membership.Proven() {
			// A group that is not there lets nobody in; it puts nobody out either
			// who is there.
			if record == nil || record.Ref == "" || record.Retired {
				one.verdict = attribute.Out
			} else {
				v.keptByMissingGroups++
			}
		}
		if one.verdict == attribute.In {
			one.values = v.layout.values(u)
			ids = append(ids, u.ID)
		}
		v.users[u.ID] = one
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := v.matchCertain(ctx, userKey(id), userLabel(v.users[id].user), usersAt, known[userKey(id)], &v.users[id].match,
			t.profile.MatchUsers); err != nil {
			return err
		}
	}
	claims := map[string][]string{}
	found := map[string][]*resource{}
	for _, id := range ids {
		one := v.users[id]
		if one.done {
			continue
		}
		for _, by := range t.profile.MatchUsers {
			if by == pathExternalID {
				continue
			}
			one.value = v.matchValue(one, by)
			hits, how, err := v.candidates(ctx, usersAt, by, one.value)
			if err != nil {
				return err
			}
			hits = slices.DeleteFunc(slices.Clone(hits), func(r *resource) bool { _, taken := v.claimedBy[r.id]; return taken })
			one.steps = append(one.steps, how)
			if len(hits) > 0 {
				found[id] = hits
				for _, r := range hits {
					claims[r.id] = append(claims[r.id], id)
				}
				break
			}
		}
	}
	for _, id := range ids {
		if one := v.users[id]; !one.done {
			t.matchCandidate(v, userKey(id), userLabel(one.user), &one.match, found[id], claims)
		}
	}
	for _, id := range ids {
		if one := v.users[id]; one.r == nil && one.conflict == nil {
			one.conflict = t.creationBlocked(v, one)
		}
	}
	return nil
}

// matchValue is what a user is looked for by.
func (v *view) matchValue(one *tenantUser, by string) string {
	name := by
	if by == "emails" {
		name = `emails[type eq "work"].value`
	}
	if i, ok := v.layout.at[name]; ok {
		return one.values[i]
	}
	if by == "emails" {
		return one.user.Mail
	}
	return ""
}

// creationBlocked says what keeps an account that is not at the provider from being
// created there.
func (t *Target) creationBlocked(v *view, one *tenantUser) *plan.Violation {
	key := userKey(one.user.ID)
	if violation := v.deadEnd(key, fingerprintName(v.matchValue(one, pathUserName)), fingerprintValues(one.values)); violation != nil {
		return violation
	}
	if !one.user.Enabled {
		return nil // not created anyway
	}
	var lacks []string
	for _, name := range v.layout.required {
		if i, ok := v.layout.at[name]; ok && one.values[i] == "" {
			from := strings.Join(v.layout.fields[i].from.Names(), ", ")
			lacks = append(lacks, fmt.Sprintf("%s (from %s)", name, from))
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return &plan.Violation{Code: "required_missing", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
		"%s cannot be created at %s: it has no %s; fill that in at the source", userLabel(one.user), cmp.Or(t.profile.Title, t.Name()),
		strings.Join(lacks, " and no "))}
}
