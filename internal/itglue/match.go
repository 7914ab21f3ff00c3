package itglue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
)

// A pairing is who a user is among the contacts.
type pairing struct {
	contact  id              // 0 where there is none
	conflict *plan.Violation // a person must say; contact is 0 then
}

// Match says which contacts are whose, now that the source is known, and adds
// them to what was observed. It is called between Observe and Desired, with the
// records of the scope: they hold the ids that earlier runs settled on.
//
// It also finds assets again by the ids that earlier runs left them with: see
// recognise. Without it contacts are neither created nor changed, only tagged
// where they can be told.
func (t *Target) Match(ctx context.Context, c mapping.Customer, s *directory.Snapshot, records []plan.Record, o *plan.Observed) error {
	p := t.place(c.Key)
	if p == nil || o.Err != nil {
		return nil
	}
	people, err := t.people(s)
	if err != nil {
		return nil // Desired says so
	}
	if err := t.recognise(ctx, p, s, records, o); err != nil {
		return err
	}
	known := map[string]id{}
	for i := range records {
		r := &records[i]
		p.records[r.Key] = r
		if r.Kind != kindContact || r.Ref == "" {
			continue
		}
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
	p.pair(people, known)
	p.matched = true
	seen := map[plan.Key]bool{}
	add := func(object string, c *contact, upn string) {
		key := plan.Key{Kind: kindContact, ID: object}
		if seen[key] {
			return
		}
		seen[key] = true
		contact := plan.Object{Key: key, Label: c.name(), Ref: c.ID.String(), Fields: c.fields()}
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

// pair finds each person's contact:
//
//  1. the one that a person named (syncd matches accept)
//  2. the one that an earlier run settled on
//  3. the one that the user's asset tags
//  4. the one that another system ties to the object id
//  5. the only one with any of the user's addresses, there or in ConnectWise
//
// A contact that only has the same name is a proposal; nothing is created for
// that user until a person has spoken. Several contacts for one user, or
// several users for one contact, are for a person too.
func (p *place) pair(people []directory.User, known map[string]id) {
	p.people = make(map[string]pairing, len(people))
	taken := map[id]string{}
	ordered := slices.Clone(people)
	slices.SortFunc(ordered, func(a, b directory.User) int { return strings.Compare(a.ID, b.ID) })
	byRemote := map[string]*contact{}
	byAddress := map[string][]*contact{}
	byName := map[string][]*contact{}
	for _, n := range sortedIDs(p.contacts) {
		c := p.contacts[n]
		for _, r := range c.Remotes {
			byRemote[r] = c
		}
		for a := range p.reached(c) {
			if a != "" && !slices.Contains(byAddress[a], c) {
				byAddress[a] = append(byAddress[a], c)
			}
		}
		if name := folded(c.name()); name != "" {
			byName[name] = append(byName[name], c)
		}
	}
	take := func(u *directory.User, n id) bool {
		if p.contacts[n] == nil || taken[n] != "" {
			return false
		}
		taken[n] = u.ID
		p.people[u.ID] = pairing{contact: n}
		return true
	}
	// Those that are beyond doubt go first, whoever else has an address in common.
	for _, sure := range []func(u *directory.User) id{
		func(u *directory.User) id {
			n, _ := parseID(accepted(p.settled, plan.Key{Kind: kindContact, ID: u.ID}))
			return n
		},
		func(u *directory.User) id { return known[u.ID] },
		func(u *directory.User) id { return p.linked[u.ID] },
		func(u *directory.User) id {
			if c := byRemote[strings.ToLower(u.ID)]; c != nil {
				return c.ID
			}
			return 0
		},
	} {
		for i := range ordered {
			u := &ordered[i]
			if _, done := p.people[u.ID]; done {
				continue
			}
			if n := sure(u); n != 0 {
				take(u, n)
			}
		}
	}
	for i := range ordered {
		// What a person named must be there: a word that means nothing would look
		// as if it had never been spoken.
		u := &ordered[i]
		ref := accepted(p.settled, plan.Key{Kind: kindContact, ID: u.ID})
		if _, done := p.people[u.ID]; done || ref == "" {
			continue
		}
		why := "is no contact of " + p.name
		if n, err := parseID(ref); err == nil && p.contacts[n] != nil {
			why = "is somebody else's contact already"
		}
		p.people[u.ID] = pairing{conflict: &plan.Violation{Code: "match_ambiguous", Key: u.ID, Stays: true, Message: fmt.Sprintf(
			"%s, which somebody named as the contact of %s (%s), %s: name another with syncd matches accept %s itglue %s REF, or take the word back with retry", ref, u.Name, u.UPN, why, p.customer, u.ID)}}
	}
	// Addresses: all users first say whom they mean.
	claims := map[id][]*directory.User{}
	found := map[string][]*contact{}
	for i := range ordered {
		u := &ordered[i]
		if _, done := p.people[u.ID]; done {
			continue
		}
		for a := range addressesOf(u) {
			for _, c := range byAddress[a] {
				if taken[c.ID] == "" && !slices.Contains(found[u.ID], c) {
					found[u.ID] = append(found[u.ID], c)
					claims[c.ID] = append(claims[c.ID], u)
				}
			}
		}
	}
	for i := range ordered {
		u := &ordered[i]
		if _, done := p.people[u.ID]; done {
			continue
		}
		create := slices.ContainsFunc(p.settled, func(s plan.Settlement) bool {
			return s.Key == plan.Key{Kind: kindContact, ID: u.ID} && s.How == plan.SettleCreate
		})
		switch candidates := found[u.ID]; {
		case create:
			p.people[u.ID] = pairing{}
		case len(candidates) == 1 && len(claims[candidates[0].ID]) == 1:
			take(u, candidates[0].ID)
		case len(candidates) > 0:
			p.people[u.ID] = pairing{conflict: p.ambiguous(u, candidates, claims)}
		}
	}
	p.doubled = nil
	for i := range ordered {
		u := &ordered[i]
		n := p.people[u.ID].contact
		if n == 0 {
			continue
		}
		for a := range addressesOf(u) {
			for _, c := range byAddress[a] {
				if c.ID != n && taken[c.ID] == "" && !slices.Contains(p.doubled, c) {
					p.doubled = append(p.doubled, c)
				}
			}
		}
	}
	for i := range ordered {
		u := &ordered[i]
		if _, done := p.people[u.ID]; done {
			continue
		}
		var namesakes []*contact
		for name := range namesOf(u) {
			for _, c := range byName[name] {
				if taken[c.ID] == "" && !slices.Contains(namesakes, c) {
					namesakes = append(namesakes, c)
				}
			}
		}
		if len(namesakes) == 0 {
			p.people[u.ID] = pairing{}
			continue
		}
		p.people[u.ID] = pairing{conflict: &plan.Violation{Code: "match_proposed", Key: u.ID, Stays: true, Message: fmt.Sprintf(
			"%s (%s) may be contact %s, which has the same name and none of the addresses; nothing is created until somebody says: syncd matches accept %s itglue %s REF, or create",
			u.Name, u.UPN, refsOf(namesakes), p.customer, u.ID)}}
	}
}

// reached are the addresses under which a contact is known: its own, and those of
// the ConnectWise contact that it is tied to.
func (p *place) reached(c *contact) map[string]bool {
	out := map[string]bool{}
	for _, e := range c.Emails {
		out[address(string(e.Value))] = true
	}
	for _, a := range p.addresses[c.ConnectWise] {
		out[address(a)] = true
	}
	return out
}

func (p *place) ambiguous(u *directory.User, candidates []*contact, claims map[id][]*directory.User) *plan.Violation {
	text := fmt.Sprintf("%s (%s) shares addresses with several contacts: %s", u.Name, u.UPN, refsOf(candidates))
	if len(candidates) == 1 {
		var others []string
		for _, o := range claims[candidates[0].ID] {
			if o.ID != u.ID {
				others = append(others, o.UPN)
			}
		}
		text = fmt.Sprintf("contact %s has addresses of %s (%s) and of %s", refsOf(candidates), u.Name, u.UPN, strings.Join(others, ", "))
	}
	return &plan.Violation{Code: "match_ambiguous", Key: u.ID, Stays: true,
		Message: text + "; repair it in IT Glue, or say which it is: syncd matches accept " + p.customer + " itglue " + u.ID + " REF, or create"}
}

func refsOf(all []*contact) string {
	slices.SortFunc(all, func(a, b *contact) int { return int(a.ID - b.ID) })
	var parts []string
	for _, c := range all {
		parts = append(parts, fmt.Sprintf("%s (%s)", c.ID, c.name()))
	}
	return strings.Join(parts, ", ")
}

// addressesOf are all addresses under which a user is known.
func addressesOf(u *directory.User) map[string]bool {
	out := map[string]bool{}
	for _, a := range append([]string{u.UPN, u.Mail}, u.Aliases...) {
		if a = address(a); a != "" {
			out[a] = true
		}
	}
	return out
}

// namesOf are the names under which a contact of the user may stand.
func namesOf(u *directory.User) map[string]bool {
	out := map[string]bool{}
	for _, n := range []string{u.GivenName + " " + u.Surname, u.Name} {
		if n = folded(n); n != "" {
			out[n] = true
		}
	}
	return out
}

func sortedIDs(m map[id]*contact) []id {
	out := make([]id, 0, len(m))
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
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
	domains, _ := s.Domains.Items() // Desired says what is not proven
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
