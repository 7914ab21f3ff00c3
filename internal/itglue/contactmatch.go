package itglue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

// A contactMatch is who a user is among the contacts.
type contactMatch struct {
	contact  id              // 0 where there is none
	conflict *plan.Violation // a person must say; contact is 0 then
}

// contactMatcher finds each person's contact:
//
//  1. the one that a person named (syncd matches accept)
//  2. the one that an earlier run settled on
//  3. the one that the user's asset tags
//  4. the one that another system ties to the object id
//  5. the only one with any of the user's addresses, there or in ConnectWise
//
// Addresses are what a tenant types freely: one counts where its domain is
// verified for the tenant and nothing says that the contact is somebody else's.
// Otherwise the contact is a proposal, as is one that only has the same name, and
// nothing is created for that user until a person has spoken. Several contacts
// for one user, or several users for one contact, are for a person too.
type contactMatcher struct {
	*view
	users     []directory.User // by object id
	verified  map[string]bool  // domains of the tenant
	announced map[string]bool  // users whose contact was asked for, without an answer
	taken     map[id]bool      // contacts that are some user's
	byRemote  map[string]*contact
	byAddress map[string][]*contact
	byName    map[string][]*contact
}

func (t *Target) newContactMatcher(v *view, people []directory.User) *contactMatcher {
	m := &contactMatcher{view: v, users: slices.Clone(people), taken: map[id]bool{},
		byRemote: map[string]*contact{}, byAddress: map[string][]*contact{}, byName: map[string][]*contact{}}
	slices.SortFunc(m.users, func(a, b directory.User) int { return strings.Compare(a.ID, b.ID) })
	for _, n := range sortedIDs(v.contacts) {
		c := v.contacts[n]
		for _, r := range c.Remotes {
			m.byRemote[r] = c
		}
		for a := range v.addressesOfContact(c) {
			if a != "" {
				m.byAddress[a] = append(m.byAddress[a], c)
			}
		}
		if name := foldName(c.name()); name != "" {
			m.byName[name] = append(m.byName[name], c)
		}
	}
	v.contactMatches = make(map[string]contactMatch, len(people))
	return m
}

// find pairs everybody; known are the contacts that earlier runs settled on.
func (m *contactMatcher) find(ctx context.Context, known map[string]id) error {
	m.matchCertain(known)
	m.checkAccepted()
	if err := m.matchByAddress(ctx); err != nil {
		return err
	}
	m.duplicateContacts = m.findDuplicates()
	m.proposeByName()
	return nil
}

// unmatched yields the users of whom nothing is said yet.
func (m *contactMatcher) unmatched(yield func(*directory.User) bool) {
	for i := range m.users {
		u := &m.users[i]
		if _, done := m.contactMatches[u.ID]; !done && !yield(u) {
			return
		}
	}
}

func (m *contactMatcher) take(u *directory.User, n id) {
	m.taken[n] = true
	m.contactMatches[u.ID] = contactMatch{contact: n}
	m.target.claim(n, m.customerKey)
}

func (m *contactMatcher) askPerson(u *directory.User, code, format string, args ...any) {
	m.contactMatches[u.ID] = contactMatch{conflict: &plan.Violation{Code: code, Key: u.ID, NeedsRepair: true,
		Message: fmt.Sprintf(format, args...)}}
}

// addCandidates adds to a question about a user the contacts from which a person may choose.
func (m *contactMatcher) addCandidates(u *directory.User, contacts []*contact) {
	for _, c := range contacts {
		v := m.contactMatches[u.ID].conflict
		v.Candidates = append(v.Candidates, plan.Candidate{Ref: c.ID.String(), Label: c.name()})
	}
}

// acceptedRef is the ref of the contact that a person named for a user, or nothing.
func (m *contactMatcher) acceptedRef(u *directory.User) string {
	return accepted(m.settlements, contactKey(u))
}

func contactKey(u *directory.User) plan.Key { return plan.Key{Kind: kindContact, ID: u.ID} }

// matchCertain goes first, whoever else has an address in common.
func (m *contactMatcher) matchCertain(known map[string]id) {
	for _, sure := range []func(u *directory.User) id{
		func(u *directory.User) id { n, _ := parseID(m.acceptedRef(u)); return n },
		func(u *directory.User) id { return known[u.ID] },
		func(u *directory.User) id { return m.taggedContacts[u.ID] },
		func(u *directory.User) id {
			if c := m.byRemote[strings.ToLower(u.ID)]; c != nil {
				return c.ID
			}
			return 0
		},
	} {
		for u := range m.unmatched {
			if n := sure(u); m.contacts[n] != nil && !m.taken[n] {
				m.take(u, n)
			}
		}
	}
}

// checkAccepted asks again where what a person named is not there: a word that means
// nothing would look as if it had never been spoken.
func (m *contactMatcher) checkAccepted() {
	for u := range m.unmatched {
		ref := m.acceptedRef(u)
		if ref == "" {
			continue
		}
		why := "is no contact of " + m.name
		if n, err := parseID(ref); err == nil && m.contacts[n] != nil {
			why = "is somebody else's contact already"
		}
		m.askPerson(u, "match_ambiguous",
			"%s, which somebody named as the contact of %s (%s), %s: name another with syncd matches accept %s itglue %s REF, or take the word back with retry",
			ref, u.Name, u.UPN, why, m.customerKey, u.ID)
	}
}

// matchByAddress pairs by addresses, once all users have said whom they mean.
func (m *contactMatcher) matchByAddress(ctx context.Context) error {
	claims := map[id][]*directory.User{}
	found := map[string][]*contact{}
	for u := range m.unmatched {
		for a := range addressesOf(u) {
			for _, c := range m.byAddress[a] {
				if !m.taken[c.ID] && !slices.Contains(found[u.ID], c) {
					found[u.ID] = append(found[u.ID], c)
					claims[c.ID] = append(claims[c.ID], u)
				}
			}
		}
	}
	for u := range m.unmatched {
		switch candidates := found[u.ID]; {
		case m.toBeCreated(u):
			m.contactMatches[u.ID] = contactMatch{}
		case len(candidates) == 0:
		case len(candidates) > 1:
			m.askPerson(u, "match_ambiguous", "%s (%s) shares addresses with several contacts: %s; %s", u.Name, u.UPN, refsOf(candidates),
				m.remedy(u))
			m.addCandidates(u, candidates)
		case len(claims[candidates[0].ID]) > 1:
			m.askPerson(u, "match_ambiguous", "contact %s has addresses of %s (%s) and of %s; %s", refsOf(candidates), u.Name, u.UPN,
				others(claims[candidates[0].ID], u), m.remedy(u))
			m.addCandidates(u, candidates)
		default:
			c := candidates[0]
			doubt, err := m.doubt(ctx, u, c)
			if err != nil {
				return err
			}
			if doubt == "" {
				m.take(u, c.ID)
				continue
			}
			m.askPerson(u, "match_proposed",
				"%s (%s) may be contact %s, which has an address in common, but %s; nothing is written there or created until somebody says: syncd matches accept %s itglue %s REF, or create",
				u.Name, u.UPN, refsOf(candidates), doubt, m.customerKey, u.ID)
			m.addCandidates(u, candidates)
		}
	}
	return nil
}

// toBeCreated reports whether a person said that none of the contacts is the user's.
func (m *contactMatcher) toBeCreated(u *directory.User) bool {
	return slices.ContainsFunc(m.settlements, func(s plan.Settlement) bool { return s.Key == contactKey(u) && s.How == plan.SettleCreate })
}

func (m *contactMatcher) remedy(u *directory.User) string {
	return "repair it in IT Glue, or say which it is: syncd matches accept " + m.customerKey + " itglue " + u.ID + " REF, or create"
}

// doubt says why an address in common does not make a contact the user's; it is
// empty where it does.
func (m *contactMatcher) doubt(ctx context.Context, u *directory.User, c *contact) (string, error) {
	if tenant := m.otherTenantContacts[c.ID]; tenant != "" {
		return "an asset of tenant " + tenant + " is tagged to it", nil
	}
	for _, r := range c.Remotes {
		if directory.IsGUID(r) && r != strings.ToLower(u.ID) {
			return "IT Glue ties it to account " + r, nil
		}
	}
	if other := m.target.claim(c.ID, ""); other != "" && other != m.customerKey {
		return "it is a contact of customer " + other, nil
	}
	if m.owners != nil {
		others, err := m.owners.Others(ctx, m.customerKey, kindContact, c.ID.String())
		if err != nil {
			return "", err
		}
		if len(others) > 0 {
			return "it is a contact of customer " + strings.Join(others, ", "), nil
		}
	}
	var strange []string
	reached := m.addressesOfContact(c)
	for a := range addressesOf(u) {
		switch domain := domainOf(a); {
		case !reached[a]:
		case m.verified[punycodeName(domain)]:
			return "", nil
		case !slices.Contains(strange, domain):
			strange = append(strange, domain)
		}
	}
	if m.announced[u.ID] {
		return "", nil // it was asked for with that address, and nothing had it then
	}
	slices.Sort(strange)
	return strings.Join(strange, ", ") + " is no verified domain of the tenant", nil
}

// claim notes whose a contact is in this run, unless somebody was first, and
// returns who that is.
func (t *Target) claim(n id, customer string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if customer != "" && t.contactOwners[n] == "" {
		t.contactOwners[n] = customer
	}
	return t.contactOwners[n]
}

// verifiedDomains are the domains that a tenant has proven to be its own.
func verifiedDomains(s *directory.Snapshot) map[string]bool {
	domains, _ := s.Domains.Items() // what is not proven proves nothing
	out := make(map[string]bool, len(domains))
	for i := range domains {
		if domains[i].Verified {
			out[punycodeName(domains[i].Name)] = true
		}
	}
	return out
}

// findDuplicates are contacts with an address of somebody who has another contact.
func (m *contactMatcher) findDuplicates() []*contact {
	var out []*contact
	for i := range m.users {
		u := &m.users[i]
		n := m.contactMatches[u.ID].contact
		if n == 0 {
			continue
		}
		for a := range addressesOf(u) {
			for _, c := range m.byAddress[a] {
				if c.ID != n && !m.taken[c.ID] && !slices.Contains(out, c) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// proposeByName proposes contacts that have a user's name, and lets all others have
// a new one.
func (m *contactMatcher) proposeByName() {
	for u := range m.unmatched {
		var found []*contact
		for name := range namesOf(u) {
			for _, c := range m.byName[name] {
				if !m.taken[c.ID] && !slices.Contains(found, c) {
					found = append(found, c)
				}
			}
		}
		if len(found) == 0 {
			m.contactMatches[u.ID] = contactMatch{}
			continue
		}
		m.askPerson(u, "match_proposed",
			"%s (%s) may be contact %s, which has the same name and none of the addresses; nothing is created until somebody says: syncd matches accept %s itglue %s REF, or create",
			u.Name, u.UPN, refsOf(found), m.customerKey, u.ID)
		m.addCandidates(u, found)
	}
}

// addressesOfContact are the addresses under which a contact is known: its own, and those of
// the ConnectWise contact that it is tied to.
func (v *view) addressesOfContact(c *contact) map[string]bool {
	out := map[string]bool{}
	for _, e := range c.Emails {
		out[address(string(e.Value))] = true
	}
	for _, a := range v.connectWiseAddresses[c.ConnectWise] {
		out[address(a)] = true
	}
	return out
}

// others are the users besides one, by their UPNs.
func others(all []*directory.User, but *directory.User) string {
	var upns []string
	for _, u := range all {
		if u.ID != but.ID {
			upns = append(upns, u.UPN)
		}
	}
	return strings.Join(upns, ", ")
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
		if n = foldName(n); n != "" {
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
