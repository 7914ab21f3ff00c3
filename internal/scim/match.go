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

// A pairing is what an account or group of the tenant is at the provider.
type pairing struct {
	r        *resource // nil where there is none
	conflict *plan.Violation
	steps    []string // how it was looked for, for a person who asks
	value    string   // what it was looked for by at last
	done     bool
}

// A person is an account of the tenant.
type person struct {
	pairing
	user    *directory.User
	verdict attribute.Verdict
	why     string   // of the verdict
	values  []string // in the layout's order, of those in scope
}

// A team is a group of the tenant that is in scope.
type team struct {
	pairing
	group *directory.Group
	role  bool
	why   string
}

func userKey(id string) plan.Key { return plan.Key{Kind: kindUser, ID: id} }

func groupKey(id string) plan.Key { return plan.Key{Kind: kindGroup, ID: id} }

// Compare says what the account holds of the customer, and what it should.
func (p *place) Compare(ctx context.Context, s *directory.Snapshot, records []plan.Record) (target.Desired, target.Observed, error) {
	if p.err != nil {
		return target.Desired{}, target.Observed{}, p.err
	}
	if err := p.target.match(ctx, p, s, records, &p.observed); err != nil {
		return target.Desired{}, p.observed, err
	}
	desired := p.target.desired(p)
	if p.only != "" {
		p.observed.Looked = p.trace(p.only)
	}
	return desired, p.observed, nil
}

// match says what is whose, now that the source is known, and adds it to what was
// observed: the records hold the ids that earlier runs settled on. Where a list is
// not proven whole it looks things up one by one.
func (t *Target) match(ctx context.Context, p *place, s *directory.Snapshot, records []plan.Record, o *target.Observed) error {
	known := map[plan.Key]*plan.Record{}
	for i := range records {
		known[records[i].Key] = &records[i]
		p.remember(&records[i])
		if r := &records[i]; r.Ref != "" && !r.Retired && !p.here(r) {
			p.elsewhere++
		}
		if why := t.stoppedBy(records[i].Info); why != "" {
			p.account.stop(why)
		}
	}
	p.records = known
	p.owners.verify(s)
	if err := t.matchUsers(ctx, p, s, known); err != nil {
		return err
	}
	if t.config.withGroups() {
		if err := t.matchGroups(ctx, p, s, known); err != nil {
			return err
		}
	}
	// What is ours and no longer in scope: leavers. One that a conflict names may
	// be somebody's who is there: it is nobody's leaver until that is settled.
	for _, key := range slices.SortedFunc(maps.Keys(known), plan.Key.Compare) {
		if known[key].Ref == "" || p.have[key] != nil {
			continue
		}
		if q := p.pairingOf(key); q != nil && q.conflict != nil {
			continue
		}
		at := usersAt
		if key.Kind == kindGroup {
			at = groupsAt
		}
		r, err := p.linked(ctx, at, known[key])
		if err != nil {
			return err
		}
		if r == nil || !p.here(known[key]) && !sameExternal(r.external, key.ID) || reused(known[key], r) {
			continue
		}
		if by, contested := p.contested[r.id]; contested && key.Kind == kindUser {
			o.Conflicts = append(o.Conflicts, plan.Conflict{Key: key, Violation: plan.Violation{Code: "contested", Key: key.ID, Note: true, Message: fmt.Sprintf(
				"%s is gone, and %s was theirs: as the conflict of %s names it, it is left as it is, memberships included, until that is settled", p.whoWas(known[key], r), r.label(), who(p.people[by.ID].user))}})
			continue
		}
		p.take(key, r)
	}
	for key, r := range p.have {
		if key.Kind == kindUser {
			p.objects[r.id] = key.ID
		}
	}
	keys := slices.SortedFunc(maps.Keys(p.have), plan.Key.Compare)
	if err := p.sees(ctx, slices.DeleteFunc(slices.Clone(keys), func(k plan.Key) bool { return k.Kind != kindGroup })); err != nil {
		return err
	}
	for _, key := range keys {
		if key.Kind == kindGroup && !p.blind {
			if err := p.complete(ctx, key); err != nil {
				return err
			}
		}
		o.Objects = append(o.Objects, t.observed(p, key, known[key]))
	}
	o.Notes = append(o.Notes, t.remarks(p)...)
	return nil
}

func (p *place) pairingOf(key plan.Key) *pairing {
	if u := p.people[key.ID]; key.Kind == kindUser && u != nil {
		return &u.pairing
	}
	if g := p.teams[key.ID]; key.Kind == kindGroup && g != nil {
		return &g.pairing
	}
	return nil
}

// take makes a resource an object's, unless it is another's.
func (p *place) take(key plan.Key, r *resource) bool {
	if other, taken := p.taken[r.id]; taken && other != key {
		return false
	}
	p.world.mu.Lock()
	p.world.owners[owned{key.Kind, r.id}] = p.customer
	p.world.mu.Unlock()
	p.taken[r.id], p.have[key] = key, r
	return true
}

// sure finds the resource that is an object's beyond doubt.
func (p *place) sure(ctx context.Context, key plan.Key, label, at string, record *plan.Record, q *pairing, by []string) error {
	step := func(format string, args ...any) { q.steps = append(q.steps, fmt.Sprintf(format, args...)) }
	if word, ok := p.word(key); ok && word.How == plan.SettleAccept {
		r, err := p.gathered(ctx, at, word.Ref)
		if err != nil {
			return err
		}
		step("a person said it is %s: there: %t", word.Ref, r != nil)
		if r != nil {
			if whose := p.somebodyElses(key, r); whose != "" {
				p.contest(key, r)
				q.conflict, q.done = &plan.Violation{Code: "match_conflict", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
					"%s was accepted as %s, and that is %s: nothing is written to it for %s; take the word back with syncd matches retry %s %s %s, or accept another",
					label, r.label(), whose, label, p.customer, p.account.client.Name(), key.ID)}, true
				return nil
			}
		}
		if r != nil && p.take(key, r) {
			q.r, q.done = r, true
			return nil
		}
		if r == nil && record == nil {
			q.done, q.conflict = true, &plan.Violation{Code: "match_ambiguous", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
				"%s was accepted as %s, and there is no such id at the provider; say again which it is: syncd matches accept %s %s %s REF, or create",
				label, word.Ref, p.customer, p.account.client.Name(), key.ID)}
			return nil
		}
	}
	if record != nil && record.Ref != "" && !p.here(record) {
		step("linked to %s before, in another account", record.Ref)
	} else if record != nil && record.Ref != "" {
		r, err := p.linked(ctx, at, record)
		if err != nil {
			return err
		}
		step("linked to %s before: there: %t", record.Ref, r != nil)
		if r != nil && reused(record, r) {
			q.conflict, q.done = p.foreign(key, label, r, "was ours and has the external id "+r.external+" of another account by now"), true
			return nil
		}
		if r != nil && p.take(key, r) {
			q.r, q.done = r, true
			return nil
		}
	}
	for _, name := range by {
		if name != pathExternalID && name != "id" {
			continue
		}
		hits, how, err := p.candidates(ctx, at, name, key.ID)
		if err != nil {
			return err
		}
		step("%s", how)
		hits = slices.DeleteFunc(slices.Clone(hits), func(r *resource) bool {
			return name == "id" && r.external != "" && !sameExternal(r.external, key.ID)
		})
		if len(hits) > 1 {
			q.conflict, q.done = p.ambiguous(key, label+" (external id "+key.ID+")", hits), true
			return nil
		}
		if len(hits) == 1 {
			if owner := p.strangers(key.Kind, hits[0]); owner != "" {
				q.conflict, q.done = p.foreign(key, label, hits[0], "belongs to customer "+owner), true
				return nil
			}
			if p.take(key, hits[0]) {
				q.r, q.done = hits[0], true
				return nil
			}
		}
	}
	return nil
}

// somebodyElses says whose a resource is, if it is somebody else's beyond doubt:
// of an account that the tenant has still, or of another customer. A person's
// word does not change that; it would make one person of two.
func (p *place) somebodyElses(key plan.Key, r *resource) string {
	if owner := p.strangers(key.Kind, r); owner != "" {
		return "customer " + owner + "'s"
	}
	for _, other := range slices.SortedFunc(maps.Keys(p.records), plan.Key.Compare) {
		record := p.records[other]
		if other == key || other.Kind != key.Kind || record.Ref != r.id || !p.here(record) {
			continue
		}
		switch {
		case p.people[other.ID] != nil && other.Kind == kindUser:
			return who(p.people[other.ID].user) + "'s already"
		case p.teams[other.ID] != nil && other.Kind == kindGroup:
			return "group " + p.teams[other.ID].group.Name + "'s already"
		}
	}
	if one := p.people[strings.ToLower(r.external)]; one != nil && key.Kind == kindUser && !sameExternal(r.external, key.ID) {
		return who(one.user) + "'s by its external id"
	}
	return ""
}

// reused reports whether a resource that was ours has become somebody else's.
func reused(record *plan.Record, r *resource) bool {
	return r.external != "" && !sameExternal(r.external, record.ID) && !sameExternal(r.external, record.Fields.Text(pathExternalID))
}

// choose settles an object that is not beyond doubt, or says why it cannot.
func (t *Target) choose(p *place, key plan.Key, label string, q *pairing, hits []*resource, claims map[string][]string) {
	q.done = true
	if word, ok := p.word(key); ok && word.How == plan.SettleCreate {
		q.steps = append(q.steps, "a person said that it is none of them")
		return
	}
	switch {
	case len(hits) == 0:
	case len(hits) > 1:
		q.conflict = p.ambiguous(key, label, hits)
	case hits[0].external != "" && !sameExternal(hits[0].external, key.ID):
		q.conflict = p.foreign(key, label, hits[0], "has the external id "+hits[0].external+" of another account")
	case p.strangers(key.Kind, hits[0]) != "":
		q.conflict = p.foreign(key, label, hits[0], "belongs to customer "+p.strangers(key.Kind, hits[0]))
	case p.doubt(key, q.value, hits[0]) != "":
		q.conflict = p.proposed(key, label, hits[0], p.doubt(key, q.value, hits[0]))
	case len(claims[hits[0].id]) > 1:
		p.contest(key, hits[0])
		q.conflict = &plan.Violation{Code: "match_ambiguous", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
			"%s could be %s, and so could %d others of the tenant; say whose it is: syncd matches accept %s %s %s REF, or create",
			label, hits[0].label(), len(claims[hits[0].id])-1, p.customer, p.account.client.Name(), key.ID), Candidates: candidates(hits)}
	case !p.take(key, hits[0]):
		q.conflict = p.foreign(key, label, hits[0], "is linked to another object")
	default:
		q.r = hits[0]
	}
}

func (p *place) ambiguous(key plan.Key, label string, hits []*resource) *plan.Violation {
	p.contest(key, hits...)
	var refs []string
	for _, r := range hits {
		refs = append(refs, r.label())
	}
	slices.Sort(refs)
	return &plan.Violation{Code: "match_ambiguous", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
		"%s is there more than once: %s; repair it at the provider, or say which it is: syncd matches accept %s %s %s REF, or create",
		label, strings.Join(refs, ", "), p.customer, p.account.client.Name(), key.ID), Candidates: candidates(hits)}
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

func (p *place) foreign(key plan.Key, label string, r *resource, why string) *plan.Violation {
	p.contest(key, r)
	return &plan.Violation{Code: "match_conflict", Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(
		"%s matches %s, which %s; nothing is written to it until somebody says that it is the one: syncd matches accept %s %s %s %s",
		label, r.label(), why, p.customer, p.account.client.Name(), key.ID, r.id), Candidates: candidates([]*resource{r})}
}
