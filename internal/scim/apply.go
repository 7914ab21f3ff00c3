package scim

import (
	"context"
	"fmt"
	"slices"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// Apply carries out one change: one request for a user, as a rule, and a look
// where the answer does not say what is there now; for a group one for each
// batch of members besides, and a look.
func (v *view) Apply(ctx context.Context, ch plan.Change) (target.Applied, error) {
	t := v.target
	if ch.Action == plan.Delete && ch.Before != nil && v.isContested(ch.Key, ch.Before.Ref) {
		return target.Applied{}, fmt.Errorf("%w: whose %s is has to be settled first", target.ErrMoved, ch.Before.Ref)
	}
	switch {
	case ch.Action == plan.Create && ch.After != nil && ch.Key.Kind == kindUser:
		return t.createUser(ctx, v, ch)
	case ch.Action == plan.Create && ch.After != nil && ch.Key.Kind == kindGroup:
		return t.createGroup(ctx, v, ch)
	case ch.Action == plan.Delete && ch.After == nil && ch.Before != nil:
		return t.delete(ctx, v, ch)
	case ch.Before == nil || ch.After == nil:
		return target.Applied{}, fmt.Errorf("%s of %s asks nothing of the provider", ch.Action, ch.Label)
	}
	r := v.resources[ch.Key]
	if r == nil { // a plan made elsewhere, such as the way back from a run
		at, read := usersAt, v.layout.readUser
		if ch.Key.Kind == kindGroup {
			at, read = groupsAt, readGroup
		}
		d, err := v.account.get(ctx, at, ch.Before.Ref)
		if rest.Gone(err) {
			return target.Applied{}, fmt.Errorf("%w: %s %s is not there any more", target.ErrMoved, ch.Key.Kind, ch.Before.Ref)
		}
		if err != nil {
			return target.Applied{}, err
		}
		r = read(d)
		v.claim(ch.Key, r)
	}
	var wanted plan.Fields
	for _, f := range ch.Fields {
		wanted = append(wanted, plan.Field{Name: f.Name, Value: f.After})
	}
	if ch.Key.Kind == kindGroup {
		return t.changeGroup(ctx, v, ch, r, wanted)
	}
	wanted = v.sendable(ch.Key, wanted)
	after, notes, err := t.writeUser(ctx, v, ch.Key, r, wanted)
	if err != nil {
		return target.Applied{}, err
	}
	return t.appliedUser(v, ch, after, wanted, notes), nil
}

// delete removes what is gone, where the configuration or the provider's nature
// says so: a user, or a group that is emptied first where its members would
// otherwise keep what it stood for.
func (t *Target) delete(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	if t.config.Leavers.Then != ThenDelete && !(ch.Key.Kind == kindGroup && t.profile.DeleteGroups == unlinks) {
		return target.Applied{}, fmt.Errorf("%s is not deleted: %s.leavers.then is %s", ch.Key, t.Name(), t.config.Leavers.Then)
	}
	done := target.Applied{Object: *ch.Before}
	at, id := usersAt, ch.Before.Ref
	if r := v.resources[ch.Key]; r != nil {
		id = r.id
	}
	if ch.Key.Kind == kindGroup {
		at = groupsAt
		if t.profile.DeleteGroups == unlinks {
			d, err := v.account.get(ctx, groupsAt, id)
			if rest.Gone(err) {
				return done, nil
			}
			if err != nil {
				return target.Applied{}, err
			}
			now := readGroup(d)
			if v.membersHidden {
				was, _ := ch.Before.Fields.Get(pathMembers)
				if _, err := v.account.sendMembersUnverified(ctx, id, delta{remove: v.membersAfter(was, delta{})}); err != nil {
					return target.Applied{}, fmt.Errorf("emptying group %s before it is unlinked: %w", id, err)
				}
			}
			ours := slices.DeleteFunc(slices.Clone(now.members), func(m string) bool { _, is := v.objectIDs[m]; return !is })
			if _, err := v.account.changeMembers(ctx, id, now, delta{remove: ours}); err != nil {
				return target.Applied{}, fmt.Errorf("emptying group %s before it is unlinked: %w", id, err)
			}
		}
	}
	if err := v.account.remove(ctx, at, id); err != nil {
		return target.Applied{}, err
	}
	delete(v.resources, ch.Key)
	return done, nil
}
