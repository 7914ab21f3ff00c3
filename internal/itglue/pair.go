package itglue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

// A pairing is who a user is among the contacts.
type pairing struct {
	contact  id              // 0 where there is none
	conflict *plan.Violation // a person must say; contact is 0 then
}

// pairs finds each person's contact:
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
type pairs struct {
	*place
	users     []directory.User // by object id
	verified  map[string]bool  // domains of the tenant
	sent      map[string]bool  // users whose contact was asked for, without an answer
	taken     map[id]bool      // contacts that are some user's
	byRemote  map[string]*contact
	byAddress map[string][]*contact
	byName    map[string][]*contact
}

func (t *Target) pairs(p *place, people []directory.User) *pairs {
	m := &pairs{place: p, users: slices.Clone(people), taken: map[id]bool{},
		byRemote: map[string]*contact{}, byAddress: map[string][]*contact{}, byName: map[string][]*contact{}}
	slices.SortFunc(m.users, func(a, b directory.User) int { return strings.Compare(a.ID, b.ID) })
	for _, n := range sortedIDs(p.contacts) {
		c := p.contacts[n]
		for _, r := range c.Remotes {
			m.byRemote[r] = c
		}
		for a := range p.reached(c) {
			if a != "" {
				m.byAddress[a] = append(m.byAddress[a], c)
			}
		}
		if name := folded(c.name()); name != "" {
			m.byName[name] = append(m.byName[name], c)
		}
	}
	p.people = make(map[string]pairing, len(people))
	return m
}

// find pairs everybody; known are the contacts that earlier runs settled on.
func (m *pairs) find(ctx context.Context, known map[string]id) error {
	m.beyondDoubt(known)
	m.misnamed()
	if err := m.sharedAddresses(ctx); err != nil {
		return err
	}
	m.doubled = m.spares()
	m.namesakes()
	return nil
}

// open yields the users of whom nothing is said yet.
func (m *pairs) open(yield func(*directory.User) bool) {
	for i := range m.users {
		u := &m.users[i]
		if _, done := m.people[u.ID]; !done && !yield(u) {
			return
		}
	}
}

func (m *pairs) take(u *directory.User, n id) {
	m.taken[n] = true
	m.people[u.ID] = pairing{contact: n}
	m.target.claim(n, m.customer)
}

func (m *pairs) ask(u *directory.User, code, format string, args ...any) {
	m.people[u.ID] = pairing{conflict: &plan.Violation{Code: code, Key: u.ID, NeedsRepair: true, Message: fmt.Sprintf(format, args...)}}
}

// offer adds to a question about a user the contacts from which a person may choose.
func (m *pairs) offer(u *directory.User, contacts []*contact) {
	for _, c := range contacts {
		v := m.people[u.ID].conflict
		v.Candidates = append(v.Candidates, plan.Candidate{Ref: c.ID.String(), Label: c.name()})
	}
}

// named is the ref of the contact that a person named for a user, or nothing.
func (m *pairs) named(u *directory.User) string { return accepted(m.settled, contactKey(u)) }

func contactKey(u *directory.User) plan.Key { return plan.Key{Kind: kindContact, ID: u.ID} }

// beyondDoubt goes first, whoever else has an address in common.
func (m *pairs) beyondDoubt(known map[string]id) {
	for _, sure := range []func(u *directory.User) id{
		func(u *directory.User) id { n, _ := parseID(m.named(u)); return n },
		func(u *directory.User) id { return known[u.ID] },
		func(u *directory.User) id { return m.linked[u.ID] },
		func(u *directory.User) id {
			if c := m.byRemote[strings.ToLower(u.ID)]; c != nil {
				return c.ID
			}
			return 0
		},
	} {
		for u := range m.open {
			if n := sure(u); m.contacts[n] != nil && !m.taken[n] {
				m.take(u, n)
			}
		}
	}
}

// misnamed asks again where what a person named is not there: a word that means
// nothing would look as if it had never been spoken.
func (m *pairs) misnamed() {
	for u := range m.open {
		ref := m.named(u)
		if ref == "" {
			continue
		}
		why := "is no contact of " + m.name
		if n, err := parseID(ref); err == nil && m.contacts[n] != nil {
			why = "is somebody else's contact already"
		}
		m.ask(u, "match_ambiguous", "%s, which somebody named as the contact of %s (%s), %s: name another with syncd matches accept %s itglue %s REF, or take the word back with retry",
			ref, u.Name, u.UPN, why, m.customer, u.ID)
	}
}

// sharedAddresses pairs by addresses, once all users have said whom they mean.
func (m *pairs) sharedAddresses(ctx context.Context) error {
	claims := map[id][]*directory.User{}
	found := map[string][]*contact{}
	for u := range m.open {
		for a := range addressesOf(u) {
			for _, c := range m.byAddress[a] {
				if !m.taken[c.ID] && !slices.Contains(found[u.ID], c) {
					found[u.ID] = append(found[u.ID], c)
					claims[c.ID] = append(claims[c.ID], u)
				}
			}
		}
	}
	for u := range m.open {
		switch candidates := found[u.ID]; {
		case m.toBeCreated(u):
			m.people[u.ID] = pairing{}
		case len(candidates) == 0:
		case len(candidates) > 1:
			m.ask(u, "match_ambiguous", "%s (%s) shares addresses with several contacts: %s; %s", u.Name, u.UPN, refsOf(candidates), m.cure(u))
			m.offer(u, candidates)
		case len(claims[candidates[0].ID]) > 1:
			m.ask(u, "match_ambiguous", "contact %s has addresses of %s (%s) and of %s; %s", refsOf(candidates), u.Name, u.UPN, others(claims[candidates[0].ID], u), m.cure(u))
			m.offer(u, candidates)
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
			m.ask(u, "match_proposed", "%s (%s) may be contact %s, which has an address in common, but %s; nothing is written there or created until somebody says: syncd matches accept %s itglue %s REF, or create",
				u.Name, u.UPN, refsOf(candidates), doubt, m.customer, u.ID)
			m.offer(u, candidates)
		}
	}
	return nil
}

// toBeCreated reports whether a person said that none of the contacts is the user's.
func (m *pairs) toBeCreated(u *directory.User) bool {
	return slices.ContainsFunc(m.settled, func(s plan.Settlement) bool { return s.Key == contactKey(u) && s.How == plan.SettleCreate })
}

func (m *pairs) cure(u *directory.User) string {
	return "repair it in IT Glue, or say which it is: syncd matches accept " + m.customer + " itglue " + u.ID + " REF, or create"
}

// doubt says why an address in common does not make a contact the user's; it is
// empty where it does.
func (m *pairs) doubt(ctx context.Context, u *directory.User, c *contact) (string, error) {
	if tenant := m.tagged[c.ID]; tenant != "" {
		return "an asset of tenant " + tenant + " is tagged to it", nil
	}
	for _, r := range c.Remotes {
		if directory.IsGUID(r) && r != strings.ToLower(u.ID) {
			return "IT Glue ties it to account " + r, nil
		}
	}
	if other := m.target.claim(c.ID, ""); other != "" && other != m.customer {
		return "it is a contact of customer " + other, nil
	}
	if m.owners != nil {
		others, err := m.owners.Others(ctx, m.customer, kindContact, c.ID.String())
		if err != nil {
			return "", err
		}
		if len(others) > 0 {
			return "it is a contact of customer " + strings.Join(others, ", "), nil
		}
	}
	var strange []string
	reached := m.reached(c)
	for a := range addressesOf(u) {
		switch domain := domainOf(a); {
		case !reached[a]:
		case m.verified[wireName(domain)]:
			return "", nil
		case !slices.Contains(strange, domain):
			strange = append(strange, domain)
		}
	}
	if m.sent[u.ID] {
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
	if customer != "" && t.taken[n] == "" {
		t.taken[n] = customer
	}
	return t.taken[n]
}

// verifiedDomains are the domains that a tenant has proven to be its own.
func verifiedDomains(s *directory.Snapshot) map[string]bool {
	domains, _ := s.Domains.Items() // what is not proven proves nothing
	out := make(map[string]bool, len(domains))
	for i := range domains {
		if domains[i].Verified {
			out[wireName(domains[i].Name)] = true
		}
	}
	return out
}

// spares are contacts with an address of somebody who has another contact.
func (m *pairs) spares() []*contact {
	var out []*contact
	for i := range m.users {
		u := &m.users[i]
		n := m.people[u.ID].contact
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

// namesakes proposes contacts that have a user's name, and lets all others have
// a new one.
func (m *pairs) namesakes() {
	for u := range m.open {
		var found []*contact
		for name := range namesOf(u) {
			for _, c := range m.byName[name] {
				if !m.taken[c.ID] && !slices.Contains(found, c) {
					found = append(found, c)
				}
			}
		}
		if len(found) == 0 {
			m.people[u.ID] = pairing{}
			continue
		}
		m.ask(u, "match_proposed", "%s (%s) may be contact %s, which has the same name and none of the addresses; nothing is created until somebody says: syncd matches accept %s itglue %s REF, or create",
			u.Name, u.UPN, refsOf(found), m.customer, u.ID)
		m.offer(u, found)
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
