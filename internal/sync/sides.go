package sync

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/plan"
)

// sides returns the inputs of the plan.
func (s *scopeRun) sides() plan.Sides {
	sides := plan.Sides{Desired: s.desired.Objects, Observed: s.observed.Objects, Records: slices.Clone(s.memory.Records),
		Conflicts: append(slices.Clip(s.desired.Conflicts), s.observed.Conflicts...), HandsOff: map[plan.Key]string{}, Now: s.run.Now(), Unmanaged: s.observed.Unmanaged, Ended: s.observed.Ended}
	// plan.Make sorts and removes in place; Inspect, the ledger and the plan of one object get all
	if s.run.sel.Inspect != nil || s.run.sel.Only != "" || len(s.desired.Counts) > 0 {
		sides.Desired, sides.Observed = slices.Clone(sides.Desired), slices.Clone(sides.Observed)
	}
	for _, x := range s.memory.Settlements {
		if x.How == plan.SettleIgnore {
			sides.HandsOff[x.Key] = x.Reason
		}
	}
	sides.Conflicts = append(sides.Conflicts, s.unreadConflicts(&sides)...)
	sides.Reversals, sides.WayBackOnly = s.run.reversals.of(s.id()), s.run.sel.WayBack != nil
	return sides
}

// sidesOfOne returns the inputs of the part of the plan that Selection.Only is about.
func (s *scopeRun) sidesOfOne() plan.Sides {
	sides, only := s.sides(), s.run.sel.Only
	ids := s.userIDs(only)
	other := func(k plan.Key, upn string) bool { return !Matches(k, upn, only) && !ids[k.ID] }
	sides.Desired = slices.DeleteFunc(sides.Desired, func(o plan.Object) bool { return other(o.Key, o.UPN) })
	sides.Observed = slices.DeleteFunc(sides.Observed, func(o plan.Object) bool { return other(o.Key, o.UPN) })
	sides.Records = slices.DeleteFunc(sides.Records, func(r plan.Record) bool { return other(r.Key, r.UPN) })
	sides.Conflicts = slices.DeleteFunc(sides.Conflicts, func(c plan.Conflict) bool { return other(c.Key, "") })
	sides.Reversals = slices.DeleteFunc(slices.Clone(sides.Reversals), func(r plan.Reversal) bool { return other(r.Key, "") })
	sides.Explain = true
	s.report.Looked = s.observed.Looked
	return sides
}

// unreadConflicts takes every object out of the plan that is made from a user or a group
// whose row at the source could not be read: it is neither changed nor gone.
func (s *scopeRun) unreadConflicts(sides *plan.Sides) []plan.Conflict {
	why := map[string]string{} // by object id
	users, _ := s.snapshot.Users.Items()
	for i := range users {
		if u := &users[i]; u.Unread != "" {
			why[u.ID] = fmt.Sprintf(
				"%s is left as it is: what the source says of it makes no sense (%s); correct it in Microsoft 365", cmp.Or(u.UPN, u.Name, u.ID), u.Unread)
		}
	}
	groups, _ := s.snapshot.Groups.Items()
	for i := range groups {
		if g := &groups[i]; g.Unread != "" {
			why[g.ID] = fmt.Sprintf(
				"%s is left as it is: what the source says of it makes no sense (%s); correct it in Microsoft 365", cmp.Or(g.Name, g.ID), g.Unread)
		}
	}
	if len(why) == 0 {
		return nil
	}
	frozen := map[plan.Key]bool{}
	for _, c := range sides.Conflicts {
		frozen[c.Key] = true // has a conflict already
	}
	var out []plan.Conflict
	freeze := func(k plan.Key) {
		if text := why[strings.ToLower(k.ID)]; text != "" && !frozen[k] {
			frozen[k] = true
			out = append(out, plan.Conflict{Key: k, Violation: plan.Violation{Code: "not_proven", Key: k.ID, NeedsRepair: true, Message: text}})
		}
	}
	for _, o := range sides.Desired {
		freeze(o.Key)
	}
	for _, o := range sides.Observed {
		freeze(o.Key)
	}
	for _, r := range sides.Records {
		freeze(r.Key)
	}
	return out
}

// userIDs returns the object ids of the users with that UPN.
func (s *scopeRun) userIDs(upn string) map[string]bool {
	ids := map[string]bool{}
	users, err := s.snapshot.Users.Items()
	for i := range users {
		if err == nil && strings.EqualFold(users[i].UPN, upn) {
			ids[users[i].ID] = true
		}
	}
	return ids
}

// Matches reports whether a person who typed text means the object: its key, a
// part of a joined key, or the user's UPN.
func Matches(k plan.Key, upn, text string) bool {
	id, _, _ := strings.Cut(k.ID, "@")
	return strings.EqualFold(k.ID, text) || strings.EqualFold(upn, text) && text != "" ||
		slices.ContainsFunc(strings.Split(id, "+"), func(part string) bool { return strings.EqualFold(part, text) })
}
