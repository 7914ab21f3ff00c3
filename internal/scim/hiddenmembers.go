package scim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/plan"
)

// Some providers never tell who is in a group: members is empty, by design. That
// is noticed once, when somebody was added and no group of the account shows
// anybody; the groups' records remember it. From then on a group has the members
// that were written last, and what differs is written without a look back. The
// day a group shows a member the provider is believed again.

// checkMembersShown finds out whether the provider shows members at all, where it once did not.
// One group is looked at by itself.
func (v *view) checkMembersShown(ctx context.Context, groups []plan.Key) error {
	for _, r := range v.records {
		v.membersHidden = v.membersHidden || v.recorded[r.Key][memoryUnseen] != "" && v.sameAccount(r)
	}
	if !v.membersHidden {
		return nil
	}
	filled := slices.IndexFunc(groups, func(key plan.Key) bool { return len(recordedMembers(v.records[key])) > 0 })
	if filled >= 0 {
		if err := v.readMembers(ctx, groups[filled]); err != nil {
			return err
		}
	}
	if v.lists.membersListed() {
		v.membersHidden = false
		for _, m := range v.memory {
			delete(m, memoryUnseen)
		}
	}
	return nil
}

// recordedMembers are the members that a group was left with.
func recordedMembers(record *plan.Record) plan.Value {
	if record == nil || record.Origin == plan.Announced {
		return nil
	}
	members, _ := record.Fields.Get(pathMembers)
	return members
}

// membersNeverShown reports whether nobody has ever been seen in a group of the account.
func (v *view) membersNeverShown() bool {
	for _, r := range v.records {
		if r.Kind == kindGroup && len(recordedMembers(r)) > 0 && v.recorded[r.Key][memoryUnseen] == "" && v.sameAccount(r) {
			return false
		}
	}
	return !v.lists.membersListed()
}

// sendMembersUnverified writes a difference without looking back, and returns what of it
// was taken. Nobody is taken out in a way that may take others along unseen, and
// no whole list is put: it would end whoever is in it by somebody else's doing.
func (a *connection) sendMembersUnverified(ctx context.Context, id string, d delta) (done delta, err error) {
	caps, err := a.capabilities(ctx)
	if err != nil {
		return done, err
	}
	if !caps.patch {
		return done, fmt.Errorf("%w: the provider shows none and takes them as a whole list only", errMembers)
	}
	for batch := range slices.Chunk(distinct(d.add), a.client.profile.MemberBatch) {
		if _, err := a.patch(ctx, groupsAt, id, []operation{additions(batch)}, caps); err != nil {
			return done, err
		}
		done.add = append(done.add, batch...)
	}
	if len(d.remove) > 0 && !slices.Contains(a.client.profile.MemberRemove, removeByFilter) {
		return done, fmt.Errorf("%w: the provider shows none, and nobody could see whom another way than %s takes along", errMembers,
			removeByFilter)
	}
	for batch := range slices.Chunk(distinct(d.remove), a.client.profile.MemberBatch) {
		_, err := a.patch(ctx, groupsAt, id, removals(removeByFilter, batch), caps)
		switch {
		case err == nil, memberAbsent(err):
			done.remove = append(done.remove, batch...)
		case wrongPath(err), notSupported(err):
			return done, fmt.Errorf("%w: %w", errNoWay, err)
		default:
			return done, err
		}
	}
	return done, nil
}

// membersAfter are the provider's ids of a group's members once a difference is
// written to what was there.
func (v *view) membersAfter(was plan.Value, d delta) []string {
	out := slices.Clone(d.add)
	for _, id := range was {
		if r := v.resources[userKey(id)]; r != nil && !slices.Contains(d.remove, r.id) {
			out = append(out, r.id)
		}
	}
	return distinct(out)
}

// membersDue are the accounts that are to be added to a group and removed from
// it, by name.
func (v *view) membersDue(key plan.Key, one *tenantGroup) (add, remove []string) {
	now, _ := v.groupFields(key, one.r, v.records[key]).Get(pathMembers)
	for _, id := range one.group.Members.IDs {
		if v.resources[userKey(id)] != nil && !contains(now, id) {
			add = append(add, v.nameOf(id))
		}
	}
	for _, id := range now {
		if !contains(one.group.Members.IDs, id) {
			remove = append(remove, v.nameOf(id))
		}
	}
	return add, remove
}

// nameOf is what people call an account of the tenant, of former ones too.
func (v *view) nameOf(object string) string {
	if one := v.users[object]; one != nil {
		return one.user.UPN
	}
	if r := v.records[userKey(object)]; r != nil {
		return cmp.Or(r.UPN, r.Label, object)
	}
	return object
}

// membersByHand says who is to be added to a group and removed from it, where
// nothing can be done about it from here.
func (v *view) membersByHand(key plan.Key, one *tenantGroup) *plan.Violation {
	why := v.account.whyMembersStopped()
	if why == "" && v.removalSuspended(key) {
		why = "the provider would take nobody out; it is tried again tomorrow"
	}
	if why == "" || one.r == nil {
		return nil
	}
	add, remove := v.membersDue(key, one)
	if len(add)+len(remove) == 0 {
		return nil
	}
	return &plan.Violation{Code: "members_stopped", Kind: kindGroup, Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
		"members of group %s are to be changed at the provider by hand: %s (%s)", one.group.Name, directions(add, remove), why)}
}

// directions names whom to add and whom to remove.
func directions(add, remove []string) string {
	var parts []string
	if len(add) > 0 {
		parts = append(parts, "add "+namesInFull(add))
	}
	if len(remove) > 0 {
		parts = append(parts, "remove "+namesInFull(remove))
	}
	return strings.Join(parts, "; ")
}

// notShown says which of a difference a group does not show, by name.
func (v *view) notShown(d delta, now []string) string {
	var add, remove []string
	for _, id := range d.add {
		if !contains(now, id) {
			add = append(add, v.nameOf(cmp.Or(v.objectIDs[id], id)))
		}
	}
	for _, id := range d.remove {
		if contains(now, id) {
			remove = append(remove, v.nameOf(cmp.Or(v.objectIDs[id], id)))
		}
	}
	return directions(add, remove)
}
