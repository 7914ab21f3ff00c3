package scim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// createGroup makes a group without members and adds them then, as Entra does:
// providers are tested with that.
func (t *Target) createGroup(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	a := v.account
	name := ch.After.Fields.Text(pathDisplayName)
	body := document{"schemas": []string{schemaGroup}, "displayName": name, "externalId": ch.Key.ID, "members": []any{}}
	if t.profile.GroupIDOnCreate {
		body["id"] = ch.Key.ID
	}
	pairs := []attributeValue{{pathExternalID, ch.Key.ID}, {pathDisplayName, name}}
	d, id, err := v.createOnce(ctx, groupsAt, ch, body, pairs)
	switch {
	case duplicate(err):
		hits, look := a.lookup(ctx, groupsAt, pairs)
		if look != nil {
			return target.Applied{}, fmt.Errorf("looking for what group %s clashes with: %w", name, look)
		}
		hits = v.possibleMatches(ch.Key, hits, pairs)
		if len(hits) != 1 {
			_, e := refusalOf(err)
			return v.refusedForGood(ch, fingerprintName(name), "", "", plan.Violation{Code: "duplicate", Message: fmt.Sprintf(
				"%s refused to create group %s (%s): another group there has this name; rename one of the two, then syncd matches retry %s %s %s",
				cmp.Or(t.profile.Title, t.Name()), name, rest.Excerpt(e.Message), v.customer, t.Name(), ch.Key.ID)}), nil
		}
		id = hits[0].text("id")
	case outcomeUnknown(err):
		hits, look := a.lookup(ctx, groupsAt, pairs)
		hits = v.possibleMatches(ch.Key, hits, pairs)
		switch {
		case look != nil:
			return target.Applied{}, fmt.Errorf("%w: group %s was asked for and cannot be looked for (%v); the next run finds out",
				rest.ErrOutcomeUnknown, name, look)
		case len(hits) == 1:
			id = hits[0].text("id")
		case len(hits) == 0 && answered(err):
			return target.Applied{}, definite(err, "the group was not created")
		default:
			return target.Applied{}, fmt.Errorf("group %s was asked for and is not to be seen for certain: %w", name, err)
		}
	case err != nil:
		return target.Applied{}, err
	}
	if id == "" {
		hits, err := a.lookup(ctx, groupsAt, pairs)
		hits = v.possibleMatches(ch.Key, hits, pairs)
		if err != nil || len(hits) != 1 {
			return target.Applied{}, fmt.Errorf("%w: group %s was created without being told its id, and %d groups look like it; the next run finds out", rest.ErrOutcomeUnknown, name, len(hits))
		}
		id = hits[0].text("id")
	}
	// A clashing or lost one was found without its members.
	if d == nil || d.text("displayName") == "" || d.text("id") != id || ch.Reason == plan.AttemptVanished {
		if d, err = a.get(ctx, groupsAt, id); err != nil {
			return target.Applied{}, fmt.Errorf("%w: group %s was created as %s and cannot be read (%v); the next run finds out",
				rest.ErrOutcomeUnknown, name, id, err)
		}
	}
	r := readGroup(d)
	v.adopt(ch.Key, r)
	made := ch
	made.Before = &plan.Object{Key: ch.Key, Ref: id, Fields: v.groupFields(ch.Key, r, nil)}
	var wanted plan.Fields
	for _, f := range ch.After.Fields {
		if now, _ := made.Before.Fields.Get(f.Name); !now.Equal(f.Value) {
			wanted = append(wanted, f)
		}
	}
	out, err := t.changeGroup(ctx, v, made, r, wanted)
	if err == nil || outcomeUnknown(err) {
		return out, err
	}
	if _, e := refusalOf(err); e != nil && (e.Unauthorised || e.Forbidden) {
		return out, err
	}
	// It is there and is ours; what is missing is the next run's to repair.
	now := target.Applied{Object: plan.Object{Key: ch.Key, Label: ch.After.Label, Ref: id, Fields: v.groupFields(ch.Key, r, nil)},
		Notes: []plan.Violation{{Code: "group_unfinished", Kind: kindGroup, Key: ch.Key.ID, Note: true,
			Message: fmt.Sprintf("group %s was created; then: %v; the next run goes on", name, err)}}}
	return now, nil
}

// changeGroup writes what a group is called, then who is in it.
func (t *Target) changeGroup(ctx context.Context, v *view, ch plan.Change, r *resource, wanted plan.Fields) (target.Applied, error) {
	w := &groupWrite{Target: t, view: v, change: ch, memory: v.memoryOf(ch.Key)}
	var named plan.Fields
	var members *plan.Field
	for i := range wanted {
		if wanted[i].Name == pathMembers {
			members = &wanted[i]
		} else {
			named = append(named, wanted[i])
		}
	}
	var err error
	if len(named) > 0 {
		if r, err = w.rename(ctx, r, named); err != nil {
			return target.Applied{}, err
		}
	}
	if members != nil {
		if r, err = w.setMembers(ctx, r, members.Value); err != nil {
			return target.Applied{}, err
		}
	}
	v.memory[ch.Key] = maps.Clone(w.memory)
	o := plan.Object{Key: ch.Key, Label: ch.After.Label, Ref: r.id, Retired: ch.After.Retired, Private: plan.Remember(w.memory),
		Fields: v.groupFields(ch.Key, r, nil)}
	return target.Applied{Object: o, Notes: w.notes, Rewritten: w.rewritten}, nil
}

// A groupWrite is one change of a group under way.
type groupWrite struct {
	*Target
	view      *view
	change    plan.Change
	memory    memory // what the record remembers of it
	notes     []plan.Violation
	rewritten plan.Fields
}

func (w *groupWrite) note(code, format string, args ...any) {
	w.notes = append(w.notes, plan.Violation{Code: code, Kind: kindGroup, Key: w.change.Key.ID, Note: true,
		Message: fmt.Sprintf(format, args...)})
}

// rename writes the group's own attributes.
func (w *groupWrite) rename(ctx context.Context, r *resource, wanted plan.Fields) (*resource, error) {
	before := r.name
	r, err := w.nameGroup(ctx, w.view, r, wanted)
	if err != nil {
		return nil, err
	}
	w.view.adopt(w.change.Key, r)
	for _, f := range wanted {
		if now := r.groupText(f.Name); now != f.Value.String() {
			w.rewritten = append(w.rewritten, f)
			w.note("non_convergent", "group %s: %s was sent as %q and is %q at the provider; it is not sent again until it changes at the source", r.label(), f.Name, f.Value, now)
		}
	}
	if hint := w.profile.Hints["group_renamed"]; hint != "" && before != "" && r.name != before {
		w.note("renamed", "group %s was %s: %s", r.name, before, hint)
	}
	return r, nil
}

// setMembers writes who is in the group. It returns the group as it is to be
// remembered: with those whom the provider does not show and who are in it.
func (w *groupWrite) setMembers(ctx context.Context, r *resource, wanted plan.Value) (*resource, error) {
	v := w.view
	was, _ := w.change.Before.Fields.Get(pathMembers)
	d, left := v.delta(was, wanted)
	if len(left) > 0 {
		w.note("members_left_out", "not added to group %s, because they are not at the provider: %s", r.name, namesInFull(left))
	}
	after := r
	if len(d.add)+len(d.remove) > 0 {
		var err error
		if after, d, err = w.sendDelta(ctx, r, was, d); err != nil {
			switch {
			case rest.Gone(err):
				return nil, fmt.Errorf("%w: group %s is not there any more", target.ErrMoved, r.id)
			case errors.Is(err, errNoReplace):
				return nil, fmt.Errorf("the members of group %s cannot be changed: %s: %w", r.label(), v.notShown(d, r.members), err)
			}
			return nil, fmt.Errorf("members of group %s: %w", r.label(), err)
		}
	}
	v.adopt(w.change.Key, after)
	if len(d.add) > 0 && len(after.members) == 0 && !v.membersHidden && v.membersNeverShown() {
		v.membersHidden = true
		w.note("members_unseen", "the provider took new members of group %s and shows nobody in any group: from now on what differs from what was written last is written, and whether it arrived cannot be seen", r.label())
	}
	seen := *after
	n, cut := truncated(r, after, d.add)
	switch {
	case v.membersHidden:
		w.memory[memoryUnseen] = "yes"
		seen.members = v.membersAfter(was, d)
	case cut:
		// What was there beyond what is shown is there still: nobody is taken out.
		w.memory[memoryTruncated] = fmt.Sprint(n)
		seen.members = distinct(append(v.membersAfter(was, delta{add: d.add}), after.members...))
		w.note("members_truncated", "the provider shows at most %d members of group %s: nobody is taken out of it from now on", n, r.label())
	case !holds(after.members, d.add):
		return nil, fmt.Errorf("group %s: the provider accepted new members and does not show them: %s", r.label(),
			v.notShown(delta{add: d.add}, after.members))
	}
	return &seen, nil
}

// sendDelta changes members, and returns the group as it is shown then and what
// of the difference was taken on.
func (w *groupWrite) sendDelta(ctx context.Context, r *resource, was plan.Value, d delta) (*resource, delta, error) {
	a := w.view.account
	if w.view.membersHidden {
		done, err := a.sendMembersUnverified(ctx, r.id, d)
		if !errors.Is(err, errMembers) {
			return r, d, err
		}
		w.noteStopped(r, d, w.view.membersAfter(was, done), err)
		return r, done, nil
	}
	after, err := a.changeMembers(ctx, r.id, r, d)
	if !errors.Is(err, errMembers) {
		return after, d, err
	}
	doc, look := a.get(ctx, groupsAt, r.id)
	if look != nil {
		return nil, d, err
	}
	after = readGroup(doc)
	w.noteStopped(r, d, after.members, err)
	return after, delta{}, nil
}

// noteStopped notes that the members of a group are left alone: a standing matter,
// which is remembered, and said until it is over.
func (w *groupWrite) noteStopped(r *resource, d delta, now []string, err error) {
	if errors.Is(err, errNoWay) {
		w.memory[memoryNoRemoval] = w.view.refusalExpiry()
	} else if why := w.view.account.whyMembersStopped(); why != "" {
		w.memory[memoryStopped] = fingerprint(w.profile.MemberRemove) + " " + why
	}
	w.notes = append(w.notes, plan.Violation{Code: "members_stopped", Kind: kindGroup, Key: w.change.Key.ID, NeedsRepair: true,
		Message: fmt.Sprintf(
			"members of group %s are to be changed at the provider by hand: %s (%v)", r.label(), w.view.notShown(d, now), err)})
}

// groupText is a field of a group as it stands there.
func (r *resource) groupText(name string) string {
	if name == pathExternalID {
		return r.externalID
	}
	return r.name
}

// nameGroup writes a group's own attributes.
func (t *Target) nameGroup(ctx context.Context, v *view, r *resource, wanted plan.Fields) (*resource, error) {
	a := v.account
	same := func(g *resource) bool {
		return !slices.ContainsFunc(wanted, func(w plan.Field) bool { return g.groupText(w.Name) != w.Value.String() })
	}
	for attempt := 1; ; attempt++ {
		var ops []operation
		for _, w := range wanted {
			if !slices.Contains(t.profile.Immutable, w.Name) || w.Name == pathDisplayName {
				ops = append(ops, operation{Op: opReplace, Path: w.Name, Value: w.Value.String(), field: w.Name})
			}
		}
		if len(ops) == 0 {
			return r, nil
		}
		_, err := a.modify(ctx, groupsAt, r.id, ops, func(d document) {
			for _, w := range wanted {
				set(d, w.Name, w.Value.String())
			}
		})
		switch {
		case rest.Gone(err):
			return nil, fmt.Errorf("%w: group %s is not there any more", target.ErrMoved, r.id)
		case err != nil && !outcomeUnknown(err):
			return nil, err
		}
		after, look := a.awaitGroup(ctx, r.id, same)
		switch {
		case look != nil:
			return nil, fmt.Errorf("%w: group %s was written and cannot be read (%v); the next run finds out", rest.ErrOutcomeUnknown, r.id, look)
		case err == nil || same(after):
			return after, nil
		case answered(err):
			return nil, definite(err, "the group does not show the change")
		case attempt == maxPatchAttempts:
			return nil, err
		}
	}
}

// delta is what takes the members from what they were to what is wanted, by the
// provider's ids. Those who are not there, yet, are left out and named.
func (v *view) delta(was, wanted plan.Value) (d delta, left []string) {
	for _, id := range wanted {
		if contains(was, id) {
			continue
		}
		if r := v.resources[userKey(id)]; r != nil {
			d.add = append(d.add, r.id)
			continue
		}
		name := id
		if one := v.users[id]; one != nil {
			name = one.user.UPN
		}
		left = append(left, name)
	}
	for _, id := range was {
		if contains(wanted, id) {
			continue
		}
		if r := v.resources[userKey(id)]; r != nil && !v.isContested(userKey(id), r.id) {
			d.remove = append(d.remove, r.id)
		}
	}
	return d, left
}
