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
func (v *view) Compare(ctx context.Context, s *directory.Snapshot, records []plan.Record) (target.Desired, target.Observed, error) {
	if v.err != nil {
		return target.Desired{}, target.Observed{}, v.err
	}
	people, err := v.target.documentedUsers(s)
	if err != nil {
		return target.Desired{}, v.observed, err
	}
	if err := v.target.match(ctx, v, s, people, records, &v.observed); err != nil {
		return target.Desired{}, v.observed, err
	}
	if v.observed.Later = v.target.quietHours(); v.observed.Later != nil {
		v.observed.Later.Why += "; the next run after them goes on"
	}
	desired, err := v.target.desired(v, s, people)
	return desired, v.observed, err
}

// match says which contacts are whose, now that the source is known, and adds
// them to what was observed: the records hold the ids that earlier runs settled on.
// It also finds assets again by the ids that earlier runs left them with: see
// findUnlisted.
func (t *Target) match(ctx context.Context, v *view, s *directory.Snapshot, people []directory.User, records []plan.Record,
	o *target.Observed) error {
	if err := t.findUnlisted(ctx, v, s, records, o); err != nil {
		return err
	}
	known, sent := map[string]id{}, map[string]bool{}
	for i := range records {
		r := &records[i]
		v.records[r.Key] = r
		var m memory
		if err := r.Recall(&m); err != nil {
			return err
		}
		v.refused[r.Key] = m.ReadOnly
		if r.Kind != kindContact {
			continue
		}
		sent[r.ID] = r.Origin == plan.Announced
		if n, err := parseID(r.Ref); err == nil {
			known[r.ID] = n
		}
	}
	for key, why := range v.whyUnwritable {
		if !t.sourceHas(s, key) { // it would be put away
			o.Conflicts = append(o.Conflicts, carriesConflict(key, why, v.assets[key] != nil && !v.assets[key].Retired))
		}
	}
	if err := t.verifyContactList(ctx, v, known); err != nil {
		return err
	}
	pairs := t.newContactMatcher(v, people)
	pairs.verified, pairs.announced = verifiedDomains(s), sent
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
		contact := plan.Object{Key: key, UPN: upn, Label: c.name(), Ref: c.ID.String(), Fields: c.fields(), Edited: edited(c.Updated)}
		if v.contactRefused(key) {
			contact.Private = readOnly
		}
		o.Objects = append(o.Objects, contact)
	}
	for _, u := range people {
		if c := v.contactOf(u.ID); c != nil {
			add(u.ID, c, u.UPN)
		}
	}
	o.Notes = append(o.Notes, t.notes(v, s)...)
	for object, n := range known { // of people who are gone
		if _, here := v.contactMatches[object]; here {
			continue
		}
		if c := v.contacts[n]; c != nil {
			add(object, c, "")
		}
	}
	return nil
}

// notes are what is worth knowing of a customer once the source is known too.
func (t *Target) notes(v *view, s *directory.Snapshot) []plan.Violation {
	var out []plan.Violation
	note := func(code, format string, args ...any) {
		out = append(out, plan.Violation{Code: code, Note: true, Message: fmt.Sprintf(format, args...)})
	}
	if len(v.duplicateContacts) > 0 {
		note("contact_doubled", "contacts with addresses of people who have another contact: %s; merge them in IT Glue",
			refsOf(v.duplicateContacts))
	}
	var untracked []string
	domains, _ := s.Domains.Items() // desired says what is not proven
	for i := range domains {
		if name := domainName(domains[i].Name); t.documentsDomain(&domains[i]) && v.domains[punycodeName(name)] == 0 {
			untracked = append(untracked, name)
		}
	}
	if len(untracked) > 0 {
		note("domain_not_tracked", "IT Glue does not track %s for %s, and its API cannot add a domain: add it there under Domains, and the next run links it", shortened(untracked), v.name)
	}
	var unseen []string
	for i := range domains {
		if t.documentsDomain(&domains[i]) && !domains[i].Health.Known {
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
		case !t.documentsGroup(g):
		case len(g.Members.IDs) > maxTags:
			large = append(large, fmt.Sprintf("%s (%d)", g.Name, len(g.Members.IDs)))
		case g.Members.Unknown != "":
			unknown = append(unknown, g.Name)
		case g.OwnersUnknown != "":
			unowned = append(unowned, g.Name)
		}
	}
	if len(large) > 0 {
		note("members_cut", "of the members of %s at most %d are linked to their contacts, and the list names as many as fit; Microsoft 365 has them all", shortened(large), maxTags)
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
