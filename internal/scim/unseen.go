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

// sees finds out whether the provider shows members at all, where it once did not.
// One group is looked at by itself.
func (p *place) sees(ctx context.Context, groups []plan.Key) error {
	for _, r := range p.records {
		p.blind = p.blind || r.Info[infoUnseen] != "" && p.here(r)
	}
	if !p.blind {
		return nil
	}
	filled := slices.IndexFunc(groups, func(key plan.Key) bool { return len(leftIn(p.records[key])) > 0 })
	if filled >= 0 {
		if err := p.complete(ctx, groups[filled]); err != nil {
			return err
		}
	}
	if p.world.membersListed() {
		p.blind = false
		for _, m := range p.memory {
			delete(m, infoUnseen)
		}
	}
	return nil
}

// leftIn are the members that a group was left with.
func leftIn(record *plan.Record) plan.Value {
	if record == nil || record.Origin == plan.Announced {
		return nil
	}
	members, _ := record.Fields.Get(pathMembers)
	return members
}

// neverShown reports whether nobody has ever been seen in a group of the account.
func (p *place) neverShown() bool {
	for _, r := range p.records {
		if r.Kind == kindGroup && len(leftIn(r)) > 0 && r.Info[infoUnseen] == "" && p.here(r) {
			return false
		}
	}
	return !p.world.membersListed()
}

// sendMembers writes a difference without looking back, and returns what of it
// was taken. Nobody is taken out in a way that may take others along unseen, and
// no whole list is put: it would end whoever is in it by somebody else's doing.
func (a *connection) sendMembers(ctx context.Context, id string, d delta) (done delta, err error) {
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
		return done, fmt.Errorf("%w: the provider shows none, and nobody could see whom another way than %s takes along", errMembers, removeByFilter)
	}
	for batch := range slices.Chunk(distinct(d.remove), a.client.profile.MemberBatch) {
		_, err := a.patch(ctx, groupsAt, id, removals(removeByFilter, batch), caps)
		switch {
		case err == nil, gone404(err):
			done.remove = append(done.remove, batch...)
		case wrongPath(err), missing(err):
			return done, fmt.Errorf("%w: %w", errNoWay, err)
		default:
			return done, err
		}
	}
	return done, nil
}

// written are the provider's ids of a group's members once a difference is
// written to what was there.
func (p *place) written(was plan.Value, d delta) []string {
	out := slices.Clone(d.add)
	for _, id := range was {
		if r := p.have[userKey(id)]; r != nil && !slices.Contains(d.remove, r.id) {
			out = append(out, r.id)
		}
	}
	return distinct(out)
}

// membersDue are the accounts that are to be added to a group and removed from
// it, by name.
func (p *place) membersDue(key plan.Key, one *team) (add, remove []string) {
	now, _ := p.groupFields(key, one.r, p.records[key]).Get(pathMembers)
	for _, id := range one.group.Members.IDs {
		if p.have[userKey(id)] != nil && !contains(now, id) {
			add = append(add, p.nameOf(id))
		}
	}
	for _, id := range now {
		if !contains(one.group.Members.IDs, id) {
			remove = append(remove, p.nameOf(id))
		}
	}
	return add, remove
}

// nameOf is what people call an account of the tenant, of former ones too.
func (p *place) nameOf(object string) string {
	if one := p.people[object]; one != nil {
		return one.user.UPN
	}
	if r := p.records[userKey(object)]; r != nil {
		return cmp.Or(r.Info[infoUPN], r.Label, object)
	}
	return object
}

// membersWaiting says who is to be added to a group and removed from it, where
// nothing can be done about it from here.
func (p *place) membersWaiting(key plan.Key, one *team) *plan.Violation {
	why := p.account.membersBroken()
	if why == "" && p.keepsMembers(key) {
		why = "the provider would take nobody out; it is tried again tomorrow"
	}
	if why == "" || one.r == nil {
		return nil
	}
	add, remove := p.membersDue(key, one)
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
		parts = append(parts, "add "+nameAll(add))
	}
	if len(remove) > 0 {
		parts = append(parts, "remove "+nameAll(remove))
	}
	return strings.Join(parts, "; ")
}

// open says which of a difference a group does not show, by name.
func (p *place) open(d delta, now []string) string {
	var add, remove []string
	for _, id := range d.add {
		if !contains(now, id) {
			add = append(add, p.nameOf(cmp.Or(p.objects[id], id)))
		}
	}
	for _, id := range d.remove {
		if contains(now, id) {
			remove = append(remove, p.nameOf(cmp.Or(p.objects[id], id)))
		}
	}
	return directions(add, remove)
}
