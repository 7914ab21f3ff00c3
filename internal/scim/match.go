package scim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
	"syncd/internal/target"
)

// A match is what an account or group of the tenant is at the provider.
type match struct {
	r        *resource // nil where there is none
	conflict *plan.Violation
	steps    []string // how it was looked for, for a person who asks
	value    string   // what it was looked for by at last
	done     bool
}

// A tenantUser is an account of the tenant.
type tenantUser struct {
	match
	user    *directory.User
	verdict attribute.Verdict
	why     string   // of the verdict
	values  []string // in the layout's order, of those in scope
}

// A tenantGroup is a group of the tenant that is in scope.
type tenantGroup struct {
	match
	group *directory.Group
	role  bool
	why   string
}

func userKey(id string) plan.Key { return plan.Key{Kind: kindUser, ID: id} }

func groupKey(id string) plan.Key { return plan.Key{Kind: kindGroup, ID: id} }

// Compare says what the account holds of the customer, and what it should.
func (v *view) Compare(ctx context.Context, s *directory.Snapshot, records []plan.Record) (target.Desired, target.Observed, error) {
	if v.err != nil {
		return target.Desired{}, target.Observed{}, v.err
	}
	if err := v.target.match(ctx, v, s, records, &v.observed); err != nil {
		return target.Desired{}, v.observed, err
	}
	desired := v.target.desired(v)
	if v.only != "" {
		v.observed.Looked = v.trace(v.only)
	}
	return desired, v.observed, nil
}

// match says what is whose, now that the source is known, and adds it to what was
// observed: the records hold the ids that earlier runs settled on. Where a list is
// not proven whole it looks things up one by one.
func (t *Target) match(ctx context.Context, v *view, s *directory.Snapshot, records []plan.Record, o *target.Observed) error {
	known := map[plan.Key]*plan.Record{}
	for i := range records {
		known[records[i].Key] = &records[i]
		if err := v.remember(&records[i]); err != nil {
			return err
		}
		if r := &records[i]; r.Ref != "" && !r.Retired && !v.sameAccount(r) {
			v.leftInFormerAccount++
		}
		if why := t.membersStoppedBy(v.recorded[records[i].Key]); why != "" {
			v.account.stopMembers(why)
		}
	}
	v.records = known
	v.owners.verify(s)
	if err := t.matchUsers(ctx, v, s, known); err != nil {
		return err
	}
	if t.config.withGroups() {
		if err := t.matchGroups(ctx, v, s, known); err != nil {
			return err
		}
	}
	// What is ours and no longer in scope: leavers. One that a conflict names may
	// be somebody's who is there: it is nobody's leaver until that is settled.
	for _, key := range slices.SortedFunc(maps.Keys(known), plan.Key.Compare) {
		if known[key].Ref == "" || v.resources[key] != nil {
			continue
		}
		if q := v.matchOf(key); q != nil && q.conflict != nil {
			continue
		}
		at := usersAt
		if key.Kind == kindGroup {
			at = groupsAt
		}
		r, err := v.linkedResource(ctx, at, known[key])
		if err != nil {
			return err
		}
		if r == nil || !v.sameAccount(known[key]) && !sameExternalID(r.externalID, key.ID) || reassigned(known[key], r) {
			continue
		}
		if by, contested := v.contestedBy[r.id]; contested && key.Kind == kindUser {
			o.Conflicts = append(o.Conflicts,
				plan.Conflict{Key: key, Violation: plan.Violation{Code: "contested", Key: key.ID, Note: true, Message: fmt.Sprintf(
					"%s is gone, and %s was theirs: as the conflict of %s names it, it is left as it is, memberships included, until that is settled", v.formerLabel(known[key], r), r.label(), userLabel(v.users[by.ID].user))}})
			continue
		}
		v.claim(key, r)
	}
	for key, r := range v.resources {
		if key.Kind == kindUser {
			v.objectIDs[r.id] = key.ID
		}
	}
	keys := slices.SortedFunc(maps.Keys(v.resources), plan.Key.Compare)
	if err := v.checkMembersShown(ctx,
		slices.DeleteFunc(slices.Clone(keys), func(k plan.Key) bool { return k.Kind != kindGroup })); err != nil {
		return err
	}
	for _, key := range keys {
		if key.Kind == kindGroup && !v.membersHidden {
			if err := v.readMembers(ctx, key); err != nil {
				return err
			}
		}
		o.Objects = append(o.Objects, t.observed(v, key, known[key]))
	}
	o.Notes = append(o.Notes, t.notes(v)...)
	return nil
}

func (v *view) matchOf(key plan.Key) *match {
	if u := v.users[key.ID]; key.Kind == kindUser && u != nil {
		return &u.match
	}
	if g := v.groups[key.ID]; key.Kind == kindGroup && g != nil {
		return &g.match
	}
	return nil
}

// claim makes a resource an object's, unless it is another's.
func (v *view) claim(key plan.Key, r *resource) bool {
	if other, taken := v.claimedBy[r.id]; taken && other != key {
		return false
	}
	v.lists.mu.Lock()
	v.lists.assigned[resourceRef{key.Kind, r.id}] = v.customer
	v.lists.mu.Unlock()
	v.claimedBy[r.id], v.resources[key] = key, r
	return true
}

// matchCertain finds the resource that is an object's beyond doubt.
func (v *view) matchCertain(ctx context.Context, key plan.Key, label, at string, record *plan.Record, q *match, by []string) error {
	step := func(format string, args ...any) { q.steps = append(q.steps, fmt.Sprintf(format, args...)) }
	if word, ok := v.settlement(key); ok && word.How == plan.SettleAccept {
		r, err := v.resourceByID(ctx, at, word.Ref)
		if err != nil {
			return err
		}
		step("a person said it is %s: there: %t", word.Ref, r != nil)
		if r != nil {
			if whose := v.ownedByOther(key, r); whose != "" {
				v.contest(key, r)
				q.conflict, q.done = &plan.Violation{Code: "match_conflict", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
					"%s was accepted as %s, and that is %s: nothing is written to it for %s; take the word back with syncd matches retry %s %s %s, or accept another",
					label, r.label(), whose, label, v.customer, v.account.client.Name(), key.ID)}, true
				return nil
			}
		}
		if r != nil && v.claim(key, r) {
			q.r, q.done = r, true
			return nil
		}
		if r == nil && record == nil {
			q.done, q.conflict = true, &plan.Violation{Code: "match_ambiguous", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
				"%s was accepted as %s, and there is no such id at the provider; say again which it is: syncd matches accept %s %s %s REF, or create",
				label, word.Ref, v.customer, v.account.client.Name(), key.ID)}
			return nil
		}
	}
	if record != nil && record.Ref != "" && !v.sameAccount(record) {
		step("linked to %s before, in another account", record.Ref)
	} else if record != nil && record.Ref != "" {
		r, err := v.linkedResource(ctx, at, record)
		if err != nil {
			return err
		}
		step("linked to %s before: there: %t", record.Ref, r != nil)
		if r != nil && reassigned(record, r) {
			q.conflict, q.done = v.matchConflict(key, label, r, "was ours and has the external id "+r.externalID+" of another account by now"), true
			return nil
		}
		if r != nil && v.claim(key, r) {
			q.r, q.done = r, true
			return nil
		}
	}
	for _, name := range by {
		if name != pathExternalID && name != "id" {
			continue
		}
		hits, how, err := v.candidates(ctx, at, name, key.ID)
		if err != nil {
			return err
		}
		step("%s", how)
		hits = slices.DeleteFunc(slices.Clone(hits), func(r *resource) bool {
			return name == "id" && r.externalID != "" && !sameExternalID(r.externalID, key.ID)
		})
		if len(hits) > 1 {
			q.conflict, q.done = v.matchAmbiguous(key, label+" (external id "+key.ID+")", hits), true
			return nil
		}
		if len(hits) == 1 {
			if owner := v.otherCustomer(key.Kind, hits[0]); owner != "" {
				q.conflict, q.done = v.matchConflict(key, label, hits[0], "belongs to customer "+owner), true
				return nil
			}
			if v.claim(key, hits[0]) {
				q.r, q.done = hits[0], true
				return nil
			}
		}
	}
	return nil
}

// ownedByOther says whose a resource is, if it is somebody else's beyond doubt:
// of an account that the tenant has still, or of another customer. A person's
// word does not change that; it would make one person of two.
func (v *view) ownedByOther(key plan.Key, r *resource) string {
	if owner := v.otherCustomer(key.Kind, r); owner != "" {
		return "customer " + owner + "'s"
	}
	for _, other := range slices.SortedFunc(maps.Keys(v.records), plan.Key.Compare) {
		record := v.records[other]
		if other == key || other.Kind != key.Kind || record.Ref != r.id || !v.sameAccount(record) {
			continue
		}
		switch {
		case v.users[other.ID] != nil && other.Kind == kindUser:
			return userLabel(v.users[other.ID].user) + "'s already"
		case v.groups[other.ID] != nil && other.Kind == kindGroup:
			return "group " + v.groups[other.ID].group.Name + "'s already"
		}
	}
	if one := v.users[strings.ToLower(r.externalID)]; one != nil && key.Kind == kindUser && !sameExternalID(r.externalID, key.ID) {
		return userLabel(one.user) + "'s by its external id"
	}
	return ""
}

// reassigned reports whether a resource that was ours has become somebody else's.
func reassigned(record *plan.Record, r *resource) bool {
	return r.externalID != "" && !sameExternalID(r.externalID, record.ID) && !sameExternalID(r.externalID, record.Fields.Text(pathExternalID))
}

// matchCandidate settles an object that is not beyond doubt, or says why it cannot.
func (t *Target) matchCandidate(v *view, key plan.Key, label string, q *match, hits []*resource, claims map[string][]string) {
	q.done = true
	if word, ok := v.settlement(key); ok && word.How == plan.SettleCreate {
		q.steps = append(q.steps, "a person said that it is none of them")
		return
	}
	switch {
	case len(hits) == 0:
	case len(hits) > 1:
		q.conflict = v.matchAmbiguous(key, label, hits)
	case hits[0].externalID != "" && !sameExternalID(hits[0].externalID, key.ID):
		q.conflict = v.matchConflict(key, label, hits[0], "has the external id "+hits[0].externalID+" of another account")
	case v.otherCustomer(key.Kind, hits[0]) != "":
		q.conflict = v.matchConflict(key, label, hits[0], "belongs to customer "+v.otherCustomer(key.Kind, hits[0]))
	case v.doubt(key, q.value, hits[0]) != "":
		q.conflict = v.matchProposed(key, label, hits[0], v.doubt(key, q.value, hits[0]))
	case len(claims[hits[0].id]) > 1:
		v.contest(key, hits[0])
		q.conflict = &plan.Violation{Code: "match_ambiguous", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
			"%s could be %s, and so could %d others of the tenant; say whose it is: syncd matches accept %s %s %s REF, or create",
			label, hits[0].label(), len(claims[hits[0].id])-1, v.customer, v.account.client.Name(), key.ID), Candidates: candidates(hits)}
	case !v.claim(key, hits[0]):
		q.conflict = v.matchConflict(key, label, hits[0], "is linked to another object")
	default:
		q.r = hits[0]
	}
}

func (v *view) matchAmbiguous(key plan.Key, label string, hits []*resource) *plan.Violation {
	v.contest(key, hits...)
	var refs []string
	for _, r := range hits {
		refs = append(refs, r.label())
	}
	slices.Sort(refs)
	return &plan.Violation{Code: "match_ambiguous", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
		"%s is there more than once: %s; repair it at the provider, or say which it is: syncd matches accept %s %s %s REF, or create",
		label, strings.Join(refs, ", "), v.customer, v.account.client.Name(), key.ID), Candidates: candidates(hits)}
}

// candidates are resources from which a person may choose.
func candidates(hits []*resource) []plan.Candidate {
	out := make([]plan.Candidate, len(hits))
	for i, r := range hits {
		out[i] = plan.Candidate{Ref: r.id, Label: r.name}
	}
	slices.SortFunc(out, func(a, b plan.Candidate) int { return strings.Compare(a.Ref, b.Ref) })
	return out
}

func (v *view) matchConflict(key plan.Key, label string, r *resource, why string) *plan.Violation {
	v.contest(key, r)
	return &plan.Violation{Code: "match_conflict", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
		"%s matches %s, which %s; nothing is written to it until somebody says that it is the one: syncd matches accept %s %s %s %s",
		label, r.label(), why, v.customer, v.account.client.Name(), key.ID, r.id), Candidates: candidates([]*resource{r})}
}
