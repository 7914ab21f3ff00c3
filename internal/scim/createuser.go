package scim

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// createUser makes a user. It is sent once: where no answer comes the user is
// looked for, and if it is not to be seen the next run finds out.
func (t *Target) createUser(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	a := v.account
	fields := v.sendable(ch.Key, ch.After.Fields)
	pairs := []attributeValue{{pathExternalID, ch.Key.ID}, {pathUserName, fields.Text(pathUserName)}}
	d, id, err := v.createOnce(ctx, usersAt, ch, v.layout.body(fields), pairs)
	switch {
	case duplicate(err):
		return t.resolveDuplicate(ctx, v, ch, fields, err)
	case statusOf(err) == 400 && v.acceptsOthers() && v.users[ch.Key.ID] != nil:
		_, e := refusalOf(err)
		return v.refusedForGood(ch, fingerprintValues(v.users[ch.Key.ID].values), v.refusalExpiry(), "",
			plan.Violation{Code: "refused", Message: fmt.Sprintf(
				"%s refused to create %s: %s; it is tried again tomorrow, when the account changes at the source, or at once after syncd matches retry %s %s %s",
				cmp.Or(t.profile.Title, t.Name()), ch.Label, rest.Excerpt(e.Error()), v.customer, t.Name(), ch.Key.ID)}), nil
	case outcomeUnknown(err):
		hits, look := a.lookup(ctx, usersAt, pairs)
		hits = v.possibleMatches(ch.Key, hits, pairs)
		switch {
		case look != nil:
			return target.Applied{}, fmt.Errorf("%w: user %s was asked for and cannot be looked for (%v); the next run finds out",
				rest.ErrOutcomeUnknown, ch.Key.ID, look)
		case len(hits) == 1:
			d, id = hits[0], hits[0].text("id")
		case len(hits) == 0 && answered(err):
			return target.Applied{}, definite(err, "the user was not created")
		default:
			return target.Applied{}, fmt.Errorf("user %s was asked for and is not to be seen for certain: %w", ch.Key.ID, err)
		}
	case err != nil:
		return target.Applied{}, err
	}
	if id == "" {
		hits, err := a.lookup(ctx, usersAt, pairs)
		hits = v.possibleMatches(ch.Key, hits, pairs)
		if err != nil || len(hits) != 1 {
			return target.Applied{}, fmt.Errorf("%w: user %s was created without being told its id, and %d users look like it; the next run finds out", rest.ErrOutcomeUnknown, ch.Key.ID, len(hits))
		}
		d, id = hits[0], hits[0].text("id")
	}
	if d == nil || !d.has("userName") {
		if d, err = a.get(ctx, usersAt, id); err != nil {
			return target.Applied{}, fmt.Errorf("%w: user %s was created as %s and cannot be read (%v); the next run finds out",
				rest.ErrOutcomeUnknown, ch.Key.ID, id, err)
		}
	}
	r := v.layout.readUser(d)
	r.id = cmp.Or(r.id, id)
	v.adopt(ch.Key, r)
	after, notes, err := t.converge(ctx, v, ch.Key, r, fields)
	if err != nil {
		return target.Applied{}, err
	}
	notes = append(notes, t.writePendingReferences(ctx, v, ch.Key, after)...)
	return t.appliedUser(v, ch, after, fields, notes), nil
}

// createOnce makes a resource. One that was sent before without an answer is
// looked for first: it may have been made after the lists of this run were read,
// and the name of a group, for one, keeps no second one away.
func (v *view) createOnce(ctx context.Context, at string, ch plan.Change, body document, pairs []attributeValue) (document, string, error) {
	if ch.Reason == plan.AttemptVanished {
		hits, err := v.account.lookup(ctx, at, pairs)
		if err != nil {
			return nil, "", fmt.Errorf("looking once more for %s, which was sent before: %w", ch.Label, err)
		}
		hits = v.possibleMatches(ch.Key, hits, pairs)
		switch len(hits) {
		case 0:
		case 1:
			return hits[0], hits[0].text("id"), nil
		default:
			return nil, "", fmt.Errorf("%s was sent before without an answer, and is there %d times: delete all but one at the provider",
				ch.Label, len(hits))
		}
	}
	return v.account.create(ctx, at, body)
}

// possibleMatches are those of some resources, found by pairs, that may be the one that was
// asked for: nobody else's, and the object's for certain.
func (v *view) possibleMatches(key plan.Key, hits []document, pairs []attributeValue) []document {
	return slices.DeleteFunc(hits, func(d document) bool {
		r := v.reader(key.Kind)(d)
		other, taken := v.claimedBy[r.id]
		return r.externalID != "" && !sameExternalID(r.externalID, key.ID) || taken && other != key || v.otherCustomer(key.Kind, r) != "" ||
			v.doubt(key, pairs[len(pairs)-1].value, r) != ""
	})
}

// reader reads a resource of a kind.
func (v *view) reader(kind string) func(document) *resource {
	if kind == kindGroup {
		return readGroup
	}
	return v.layout.readUser
}

// acceptsOthers reports whether the provider has users of ours: then a refusal is
// about the one, and not about the way we ask.
func (v *view) acceptsOthers() bool { return len(v.objectIDs) > 0 }

// adopt makes a resource known as an object's from now on.
func (v *view) adopt(key plan.Key, r *resource) {
	v.lists.mu.Lock()
	x := &v.lists.users
	if key.Kind == kindGroup {
		x = &v.lists.groups
	}
	x.byID[r.id] = r
	v.lists.assigned[resourceRef{key.Kind, r.id}] = v.customer
	v.lists.mu.Unlock()
	v.resources[key] = r
	v.claimedBy[r.id] = key
	if key.Kind == kindUser {
		v.objectIDs[r.id] = key.ID
	}
}

// resolveDuplicate looks for whom a new user clashes with. The one that is ours to have is
// taken on and brought into step; anything else is for a person, and is not
// tried again until one has spoken.
func (t *Target) resolveDuplicate(ctx context.Context, v *view, ch plan.Change, fields plan.Fields, refused error) (target.Applied, error) {
	name := fields.Text(pathUserName)
	_, e := refusalOf(refused)
	clash := ""
	stuck := func(code, format string, args ...any) (target.Applied, error) {
		out := v.refusedForGood(ch, fingerprintName(name), "", clash, plan.Violation{Code: code, Message: fmt.Sprintf(format, args...) +
			fmt.Sprintf("; then syncd matches retry %s %s %s", v.customer, t.Name(), ch.Key.ID)})
		return out, nil
	}
	hits, err := v.account.lookup(ctx, usersAt, []attributeValue{{pathExternalID, ch.Key.ID}, {pathUserName, name}})
	if err != nil {
		return target.Applied{}, fmt.Errorf("looking for whom %s clashes with: %w", ch.Label, err)
	}
	if len(hits) != 1 {
		hint := cmp.Or(t.profile.Hints["duplicate"],
			"another user there has this name or address already, and cannot be seen; change that one at the provider")
		return stuck("duplicate", "%s refused to create %s (%s): %s", cmp.Or(t.profile.Title, t.Name()), name, rest.Excerpt(e.Message), hint)
	}
	r := v.layout.readUser(hits[0])
	doubt := v.doubt(ch.Key, name, r)
	v.contest(ch.Key, r)
	clash = r.id
	switch {
	case r.externalID != "" && !sameExternalID(r.externalID, ch.Key.ID):
		return stuck("match_conflict",
			"%s cannot be created: %s has that name and the external id %s of another account; correct it at the provider, or say syncd matches accept %s %s %s %s",
			ch.Label, r.label(), r.externalID, v.customer, t.Name(), ch.Key.ID, r.id)
	case v.otherCustomer(ch.Key.Kind, r) != "":
		return stuck("match_conflict", "%s cannot be created: %s has that name and belongs to customer %s", ch.Label, r.label(),
			v.otherCustomer(ch.Key.Kind, r))
	case doubt != "":
		return stuck("match_proposed",
			"%s cannot be created: %s has that name, but %s; if that is the one, say syncd matches accept %s %s %s %s, else correct it at the provider",
			ch.Label, r.label(), doubt, v.customer, t.Name(), ch.Key.ID, r.id)
	case !v.claim(ch.Key, r):
		return stuck("match_conflict", "%s cannot be created: %s has that name and belongs to another object", ch.Label, r.label())
	}
	delete(v.contestedBy, r.id)
	v.adopt(ch.Key, r)
	after, notes, err := t.writeUser(ctx, v, ch.Key, r, differing(v.layout, fields, r))
	if err != nil {
		return target.Applied{}, err
	}
	notes = append(notes, plan.Violation{Code: "match_adopted", Kind: kindUser, Key: ch.Key.ID, Note: true, Message: fmt.Sprintf(
		"%s was there already as %s, which no list had shown, and was taken on", ch.Label, r.label())})
	notes = append(notes, t.writePendingReferences(ctx, v, ch.Key, after)...)
	return t.appliedUser(v, ch, after, fields, notes), nil
}
