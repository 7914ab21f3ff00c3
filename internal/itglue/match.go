package itglue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// Compare says what the organization holds, and what it should.
func (p *place) Compare(ctx context.Context, s *directory.Snapshot, records []plan.Record) (target.Desired, target.Observed, error) {
	if p.err != nil {
		return target.Desired{}, target.Observed{}, p.err
	}
	people, err := p.target.people(s)
	if err != nil {
		return target.Desired{}, p.observed, err
	}
	if err := p.target.match(ctx, p, s, people, records, &p.observed); err != nil {
		return target.Desired{}, p.observed, err
	}
	if p.observed.Later = p.target.quiet(); p.observed.Later != nil {
		p.observed.Later.Why += "; the next run after them goes on"
	}
	desired, err := p.target.desired(p, s, people)
	return desired, p.observed, err
}

// match says which contacts are whose, now that the source is known, and adds
// them to what was observed: the records hold the ids that earlier runs settled on.
// It also finds assets again by the ids that earlier runs left them with: see
// recognise.
func (t *Target) match(ctx context.Context, p *place, s *directory.Snapshot, people []directory.User, records []plan.Record, o *target.Observed) error {
	if err := t.recognise(ctx, p, s, records, o); err != nil {
		return err
	}
	known, sent := map[string]id{}, map[string]bool{}
	for i := range records {
		r := &records[i]
		p.records[r.Key] = r
		if r.Kind != kindContact {
			continue
		}
		sent[r.ID] = r.Origin == plan.Announced
		if n, err := parseID(r.Ref); err == nil {
			known[r.ID] = n
		}
	}
	for key, why := range p.carried {
		if !t.wants(s, key) { // it would be put away
			o.Conflicts = append(o.Conflicts, carries(key, why, p.assets[key] != nil && !p.assets[key].Retired))
		}
	}
	if err := t.trust(ctx, p, known); err != nil {
		return err
	}
	pairs := t.pairs(p, people)
	pairs.verified, pairs.sent = verifiedDomains(s), sent
	if err := pairs.find(ctx, known); err != nil {
		return err
	}
	seen := map[plan.Key]bool{}
	add := func(object string, c *contact, upn string) {
		key := plan.Key{Kind: kindContact, ID: object}
		if seen[key] {
			return
		}
		seen[key] = true
		contact := plan.Object{Key: key, Label: c.name(), Ref: c.ID.String(), Fields: c.fields(), Edited: edited(c.Updated)}
		if upn != "" {
			contact.Info = map[string]string{"upn": upn}
		}
		if p.refused(key) {
			contact.Info = withReadOnly(contact.Info)
		}
		o.Objects = append(o.Objects, contact)
	}
	for _, u := range people {
		if c := p.contactOf(u.ID); c != nil {
			add(u.ID, c, u.UPN)
		}
	}
	o.Notes = append(o.Notes, t.remarks(p, s)...)
	for object, n := range known { // of people who are gone
		if _, here := p.people[object]; here {
			continue
		}
		if c := p.contacts[n]; c != nil {
			add(object, c, "")
		}
	}
	return nil
}

// remarks are what is worth knowing of a customer once the source is known too.
func (t *Target) remarks(p *place, s *directory.Snapshot) []plan.Violation {
	var out []plan.Violation
	note := func(code, format string, args ...any) {
		out = append(out, plan.Violation{Code: code, Note: true, Message: fmt.Sprintf(format, args...)})
	}
	if len(p.doubled) > 0 {
		note("contact_doubled", "contacts with addresses of people who have another contact: %s; merge them in IT Glue", refsOf(p.doubled))
	}
	var untracked []string
	domains, _ := s.Domains.Items() // desired says what is not proven
	for i := range domains {
		if name := domainName(domains[i].Name); t.covers(&domains[i]) && p.domains[wireName(name)] == 0 {
			untracked = append(untracked, name)
		}
	}
	if len(untracked) > 0 {
		note("domain_not_tracked", "IT Glue does not track %s for %s, and its API cannot add a domain: add it there under Domains, and the next run links it", shortened(untracked), p.name)
	}
	var unseen []string
	for i := range domains {
		if t.covers(&domains[i]) && !domains[i].Health.Known {
			unseen = append(unseen, domainName(domains[i].Name))
		}
	}
	if len(unseen) > 0 {
		note("mail_security_unknown", "CIPP's domain analyser says nothing about %s: what their assets say of mail security stays as it is; run the analyser in CIPP", shortened(unseen))
	}
	var unknown, unowned, large []string
	groups, _ := s.Groups.Items()
	for i := range groups {
		switch g := &groups[i]; {
		case !t.documents(g):
		case len(g.Members.IDs) > mostTags:
			large = append(large, fmt.Sprintf("%s (%d)", g.Name, len(g.Members.IDs)))
		case g.Members.Unknown != "":
			unknown = append(unknown, g.Name)
		case g.OwnersUnknown != "":
			unowned = append(unowned, g.Name)
		}
	}
	if len(large) > 0 {
		note("members_cut", "of the members of %s at most %d are linked to their contacts, and the list names as many as fit; Microsoft 365 has them all", shortened(large), mostTags)
	}
	if len(unowned) > 0 {
		note("owners_unknown", "the source did not prove who owns %s: their owners stay as they are", shortened(unowned))
	}
	if len(unknown) > 0 {
		note("members_unknown", "the source did not prove who is in %s: their members, and the lists of groups of all users, stay as they are", shortened(unknown))
	}
	return out
}

// shortened lists names, and how many more there are.
func shortened(names []string) string {
	slices.Sort(names)
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
