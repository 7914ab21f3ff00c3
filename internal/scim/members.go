package scim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/rest"
)

// A delta is what to do with the members of a group, by the provider's ids.
type delta struct{ add, remove []string }

var (
	// errMembers means that a group's members are left alone: trying again at
	// once would do harm, or nothing.
	errMembers = errors.New("members are left alone")
	// errNoWay is an errMembers: the provider takes no member out in any way that
	// its profile knows.
	errNoWay = fmt.Errorf("%w: the provider takes none out in any way that its profile knows", errMembers)
)

func (a *connection) whyMembersStopped() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.membersStopped
}

// changeMembers brings the members of a group from what they were to what they
// should be: first all additions, then the removals, each by itself. It returns
// the group as it was seen last.
//
// The first removal that is ever sent to an account is one member of a group
// that has more, and is looked at before the next one leaves: the form that
// takes one member out at one provider empties the group at another. If anybody
// else vanished those are put back and the account's groups are left alone.
func (a *connection) changeMembers(ctx context.Context, id string, now *resource, d delta) (*resource, error) {
	if why := a.whyMembersStopped(); why != "" {
		return nil, fmt.Errorf("%w: %s", errMembers, why)
	}
	// Once each, and only what changes anything: some store a member that is
	// added again twice, or answer 500.
	d.add = slices.DeleteFunc(distinct(d.add), func(m string) bool { return contains(now.members, m) })
	d.remove = slices.DeleteFunc(distinct(d.remove), func(m string) bool { return !contains(now.members, m) })
	caps, err := a.capabilities(ctx)
	if err != nil {
		return nil, err
	}
	if !caps.patch {
		return a.putMembers(ctx, id, now, d)
	}
	for batch := range slices.Chunk(d.add, a.client.profile.MemberBatch) {
		if err := a.addMembers(ctx, id, batch); err != nil {
			if notSupported(err) && a.client.profile.PutGroups {
				a.amendCapabilities(func(c *capabilities) { c.patch = false })
				return a.putMembers(ctx, id, now, d)
			}
			return nil, err
		}
	}
	if len(d.add) > 0 {
		if now, err = a.awaitGroup(ctx, id, func(g *resource) bool { return holds(g.members, d.add) }); err != nil {
			return nil, err
		}
		d.remove = slices.DeleteFunc(d.remove, func(m string) bool { return !contains(now.members, m) })
	}
	for len(d.remove) > 0 {
		if now, d.remove, err = a.removeMembers(ctx, id, now, d.remove); err != nil {
			return now, err
		}
	}
	return now, nil
}

func distinct(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// holds reports whether a sorted list has all of some.
func holds(list, some []string) bool {
	return !slices.ContainsFunc(some, func(m string) bool { return !contains(list, m) })
}

// holdsNone reports whether a sorted list has none of some.
func holdsNone(list, some []string) bool {
	return !slices.ContainsFunc(some, func(m string) bool { return contains(list, m) })
}

// addMembers sends one batch. One that is lost is sent once more only after a
// look has shown that it did not arrive.
func (a *connection) addMembers(ctx context.Context, id string, batch []string) error {
	caps, err := a.capabilities(ctx)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		_, err := a.patch(ctx, groupsAt, id, []operation{additions(batch)}, caps)
		if err == nil {
			return nil
		}
		if statusOf(err) == 413 && len(batch) > 1 {
			if err := a.addMembers(ctx, id, batch[:len(batch)/2]); err != nil {
				return err
			}
			return a.addMembers(ctx, id, batch[len(batch)/2:])
		}
		if !outcomeUnknown(err) {
			return err
		}
		g, look := a.awaitGroup(ctx, id, func(g *resource) bool { return holds(g.members, batch) })
		switch {
		case look != nil:
			return fmt.Errorf("%w (and the group cannot be read: %w)", err, look)
		case holds(g.members, batch):
			return nil
		case answered(err):
			return definite(err, "the members were not added")
		case attempt == 2:
			return err
		}
		batch = slices.DeleteFunc(slices.Clone(batch), func(m string) bool { return contains(g.members, m) })
	}
}

// awaitGroup reads a group until ok, as awaitResource does.
func (a *connection) awaitGroup(ctx context.Context, id string, ok func(*resource) bool) (*resource, error) {
	d, err := a.awaitResource(ctx, groupsAt, id, func(d document) bool { return ok(readGroup(d)) })
	if err != nil {
		return nil, err
	}
	return readGroup(d), nil
}

// removeMembers takes some members out in the way that is in use, looks, and
// returns the group as it is now and who is still to go. Where the way does
// nothing, or is not understood, the next one of the profile is in use.
func (a *connection) removeMembers(ctx context.Context, id string, now *resource, gone []string) (*resource, []string, error) {
	if err := a.verifyRemoval(ctx); err != nil {
		return now, nil, err
	}
	ways := a.client.profile.MemberRemove
	a.mu.Lock()
	if a.removalWay >= len(ways) && a.client.options.Now().Sub(a.removalExhausted) >= capabilitiesTTL {
		a.removalWay = 0 // the provider may have learnt it, or had a bad day
	}
	way, confirmed := a.removalWay, a.removalConfirmed
	a.mu.Unlock()
	if way >= len(ways) {
		return now, nil, fmt.Errorf("%w (%s)", errNoWay, strings.Join(ways, ", "))
	}
	batch := gone[:min(len(gone), a.client.profile.MemberBatch)]
	if !confirmed {
		batch = gone[:1] // the canary
	}
	if ways[way] == removeByValue && !confirmed && len(now.members) < 2 && len(batch) != len(now.members) {
		return now, nil, fmt.Errorf("%w: group %s is too small to try out how members are removed", errMembers, id)
	}
	caps, err := a.capabilities(ctx)
	if err != nil {
		return now, nil, err
	}
	_, err = a.patch(ctx, groupsAt, id, removals(ways[way], batch), caps)
	if notSupported(err) && a.client.profile.PutGroups {
		// It is PATCH that is missing, and no other way of it would fare better.
		a.amendCapabilities(func(c *capabilities) { c.patch = false })
		after, err := a.putMembers(ctx, id, now, delta{remove: gone})
		return after, nil, err
	}
	refused := wrongPath(err) || notSupported(err)
	switch {
	case err == nil, memberAbsent(err), refused, outcomeUnknown(err):
	default:
		return now, nil, err
	}
	expected := slices.DeleteFunc(slices.Clone(now.members), func(m string) bool { return contains(batch, m) })
	after, look := a.awaitGroup(ctx, id, func(g *resource) bool { return refused || holdsNone(g.members, batch) })
	if look != nil {
		if !confirmed {
			a.mu.Lock()
			a.unverified = &unverifiedRemoval{id, ways[way], expected}
			a.mu.Unlock()
		}
		if err == nil {
			err = rest.ErrOutcomeUnknown
		}
		return now, nil, fmt.Errorf("%w (and the group cannot be read: %w)", err, look)
	}
	if vanished := slices.DeleteFunc(slices.Clone(expected), func(m string) bool { return contains(after.members, m) }); len(vanished) > 0 {
		return after, nil, a.restore(ctx, id, ways[way], vanished)
	}
	if holdsNone(after.members, batch) {
		if len(now.members) > 1 {
			a.mu.Lock()
			a.removalConfirmed = true
			a.mu.Unlock()
		}
		return after, gone[len(batch):], nil
	}
	switch {
	case outcomeUnknown(err):
		return after, nil, err
	case !confirmed || refused:
		// Nobody went: it is the next way's turn, with a canary of its own.
		a.mu.Lock()
		if a.removalWay == way {
			a.removalWay, a.removalConfirmed, a.removalExhausted = way+1, false, a.client.options.Now()
		}
		a.mu.Unlock()
		if refused && way+1 >= len(ways) {
			return after, nil, fmt.Errorf("%w: %w", errNoWay, err)
		}
		return after, gone, nil
	}
	return after, nil, fmt.Errorf("group %s: the provider accepted that members are removed, and they are still there", id)
}

// An unverifiedRemoval is a canary whose group could not be looked at afterwards.
type unverifiedRemoval struct {
	group, way string
	expected   []string
}

// verifyRemoval looks at the group of a canary that nobody has looked at yet.
func (a *connection) verifyRemoval(ctx context.Context) error {
	a.mu.Lock()
	u := a.unverified
	a.mu.Unlock()
	if u == nil {
		return nil
	}
	d, err := a.get(ctx, groupsAt, u.group)
	if err != nil && !rest.Gone(err) {
		return err
	}
	a.mu.Lock()
	a.unverified = nil
	a.mu.Unlock()
	members := readGroup(d).members
	if vanished := slices.DeleteFunc(slices.Clone(u.expected), func(m string) bool { return contains(members, m) }); err == nil &&
		len(vanished) > 0 {
		return a.restore(ctx, u.group, u.way, vanished)
	}
	return nil
}

// memberAbsent is a member that is absent already, for those who mind.
func memberAbsent(err error) bool {
	_, e := refusalOf(err)
	return rest.Gone(err) || e != nil && strings.EqualFold(e.Code, "noTarget")
}

// additions is the operation that adds members.
func additions(batch []string) operation {
	values := make([]any, len(batch))
	for i, m := range batch {
		values[i] = document{"value": m}
	}
	return operation{Op: opAdd, Path: pathMembers, Value: values}
}

// removals are the operations that take members out. Without a filter remove
// means everybody, which is why only profiles that name it use removeByValue.
func removals(way string, batch []string) []operation {
	values := make([]any, len(batch))
	switch way {
	case removeByValue:
		for i, m := range batch {
			values[i] = document{"value": m}
		}
		return []operation{{Op: opRemove, Path: pathMembers, Value: values}}
	case removeByVerb:
		for i, m := range batch {
			values[i] = document{"value": m, "operation": "Remove"}
		}
		return []operation{{Op: opAdd, Path: pathMembers, Value: values}}
	}
	out := make([]operation, len(batch))
	for i, m := range batch {
		out[i] = operation{Op: opRemove, Path: pathMembers + "[" + filterEqual("value", m) + "]"}
	}
	return out
}

// restore puts back whom a removal took along, and leaves the account's groups
// alone from then on.
func (a *connection) restore(ctx context.Context, id, way string, vanished []string) error {
	why := fmt.Sprintf("taking one member out of group %s (%s) took %d others along", id, way, len(vanished))
	a.mu.Lock()
	a.membersStopped = why
	a.mu.Unlock()
	err := a.addMembers(ctx, id, vanished)
	if err == nil {
		_, err = a.awaitGroup(ctx, id, func(g *resource) bool { return holds(g.members, vanished) })
	}
	if err != nil {
		return fmt.Errorf("%w: %s, and putting them back failed: %w; put them back at the provider: %s", errMembers, why, err,
			strings.Join(vanished, ", "))
	}
	return fmt.Errorf("%w: %s; they were put back", errMembers, why)
}

// putMembers writes the whole list, where there is no PATCH. Members that are
// not ours stay in it.
func (a *connection) putMembers(ctx context.Context, id string, now *resource, d delta) (*resource, error) {
	if !a.client.profile.PutGroups {
		return now, errNoReplace
	}
	caps, err := a.capabilities(ctx)
	if err != nil {
		return now, err
	}
	_, err = a.put(ctx, groupsAt, id, func(doc document) {
		list := []any{} // an explicit [] where the last one leaves
		for _, v := range doc.list(pathMembers) {
			if m := asDocument(v).text("value"); m != "" && !slices.Contains(d.remove, m) {
				list = append(list, v)
			}
		}
		for _, m := range d.add {
			list = append(list, map[string]any{"value": m})
		}
		set(doc, pathMembers, list)
	}, caps)
	if err != nil && !outcomeUnknown(err) {
		return now, err
	}
	after, look := a.awaitGroup(ctx, id, func(g *resource) bool { return holds(g.members, d.add) && holdsNone(g.members, d.remove) })
	if look != nil {
		if err == nil {
			err = look
		}
		return now, err
	}
	if !holds(after.members, d.add) || !holdsNone(after.members, d.remove) {
		if err != nil {
			return after, err
		}
		return after, fmt.Errorf("group %s: the provider accepted its new members and does not show them", id)
	}
	return after, nil
}

// stopMembers leaves the account's groups alone, as an earlier life of the program
// found out that it must.
func (a *connection) stopMembers(why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.membersStopped == "" {
		a.membersStopped = why
	}
}

// truncated reports whether a provider shows no more than a round number of
// members, and how many.
func truncated(before, after *resource, added []string) (int, bool) {
	n := len(after.members)
	if len(added) == 0 || holds(after.members, added) || n < 20 || n%10 != 0 || n != len(before.members) {
		return 0, false
	}
	return n, true
}
