package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// A Who is a filter of people: clauses that must all hold, each with values of
// which one must fit.
//
//	licence=SPB|SPE_E3; group=Sales*; domain=contoso.com; department=…; office=…;
//	type=member|guest|shared; enabled=true; not name=svc-*
//
// Values are shell patterns, but for licence, type and enabled. Case does not
// matter. The empty filter takes everybody.
type Who struct {
	clauses []clause
}

type clause struct {
	not    bool
	word   string
	values []string
}

// The words of a filter.
const (
	whoLicence    = "licence"
	whoGroup      = "group"
	whoDomain     = "domain"
	whoDepartment = "department"
	whoOffice     = "office"
	whoType       = "type"
	whoEnabled    = "enabled"
	whoName       = "name"
)

var whoWords = []string{whoLicence, whoGroup, whoDomain, whoDepartment, whoOffice, whoType, whoEnabled, whoName}

// The types of people. A shared mailbox's account is no member.
const (
	typeMember = "member"
	typeGuest  = "guest"
	typeShared = "shared"
)

// ParseWho reads a filter.
func ParseWho(text string) (Who, error) {
	var w Who
	for part := range strings.SplitSeq(text, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		var c clause
		if rest, ok := cutWord(part, "not"); ok {
			c.not, part = true, rest
		}
		word, values, ok := strings.Cut(part, "=")
		c.word = strings.ToLower(strings.TrimSpace(word))
		switch {
		case !slices.Contains(whoWords, c.word):
			return Who{}, fmt.Errorf("%q is no word of a filter: write one of %s", strings.TrimSpace(word), strings.Join(whoWords, ", "))
		case !ok:
			return Who{}, fmt.Errorf("%q lacks its value: write %s=…", part, c.word)
		}
		for value := range strings.SplitSeq(values, "|") {
			value = strings.TrimSpace(value)
			if err := c.check(value); err != nil {
				return Who{}, err
			}
			c.values = append(c.values, value)
		}
		w.clauses = append(w.clauses, c)
	}
	return w, nil
}

// cutWord cuts a word and the blanks after it off the beginning of a text.
func cutWord(text, word string) (rest string, ok bool) {
	if len(text) > len(word) && strings.EqualFold(text[:len(word)], word) && (text[len(word)] == ' ' || text[len(word)] == '\t') {
		return strings.TrimSpace(text[len(word):]), true
	}
	return text, false
}

// check says what is wrong with a value of the clause's word.
func (c *clause) check(value string) error {
	oneOf := func(known ...string) error {
		if !slices.Contains(known, strings.ToLower(value)) {
			return fmt.Errorf("%s=%s: write %s", c.word, value, strings.Join(known, " or "))
		}
		return nil
	}
	switch {
	case value == "":
		return fmt.Errorf("%s= has an empty value: write one, or leave the word out", c.word)
	case c.word == whoType:
		return oneOf(typeMember, typeGuest, typeShared)
	case c.word == whoEnabled:
		return oneOf("true", "false")
	case c.word == whoLicence:
		return nil
	}
	if err := directory.CheckPattern(value); err != nil {
		return fmt.Errorf("%s=%s: %w", c.word, value, err)
	}
	return nil
}

func (c *clause) has(value string) bool {
	return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, value) })
}

// unknownLicences are the licences of the filter that neither Microsoft's list nor some
// SKUs have; ids are taken as they are.
func (w Who) unknownLicences(seen []SKU) []string {
	var out []string
	for _, c := range w.clauses {
		for _, value := range c.values {
			if id, _ := directory.SKUOf(value); c.word != whoLicence || id != "" || directory.IsGUID(strings.ToLower(value)) ||
				slices.ContainsFunc(seen, func(s SKU) bool { return strings.EqualFold(s.Part, value) }) {
				continue
			}
			out = append(out, value)
		}
	}
	return out
}

// Empty reports whether the filter takes everybody.
func (w Who) Empty() bool { return len(w.clauses) == 0 }

// String is the filter as a person writes it.
func (w Who) String() string {
	parts := make([]string, len(w.clauses))
	for i, c := range w.clauses {
		if c.not {
			parts[i] = "not "
		}
		parts[i] += c.word + "=" + strings.Join(c.values, "|")
	}
	return strings.Join(parts, "; ")
}

// Needs are the collections that must be proven for the filter to tell.
func (w Who) Needs() directory.Kinds {
	needs := directory.Users
	for _, c := range w.clauses {
		switch {
		case c.word == whoGroup:
			needs |= directory.Groups
		case c.word == whoType && c.has(typeMember) != c.has(typeShared):
			needs |= directory.Mailboxes // nothing else tells one from the other
		}
	}
	return needs
}

// ErrNoGroup says that a tenant has no group of the names that a filter takes: it was
// renamed, or never was.
var ErrNoGroup = errors.New("no such group")

// Of returns those of a tenant that the filter takes, by UPN. It is an error that
// is directory.ErrIncomplete where the source did not prove what it takes to tell:
// somebody who is not seen must not be somebody less. It is ErrNoGroup where the
// groups whose members it takes are not there, not even one of them.
func (w Who) Of(s *directory.Snapshot) ([]*directory.User, error) {
	if err := s.Proven(w.Needs()); err != nil {
		return nil, err
	}
	if s.Users.Proof().Partial || w.Needs().Has(directory.Groups) && s.Groups.Proof().Partial || w.Needs().Has(directory.Mailboxes) && s.Mailboxes.Proof().Partial {
		return nil, fmt.Errorf("%w: the source hides some of them", directory.ErrIncomplete)
	}
	p, err := w.people(s)
	if err != nil {
		return nil, err
	}
	users, err := s.Users.Items()
	if err != nil {
		return nil, err
	}
	var out []*directory.User
	for i := range users {
		u := &users[i]
		if u.Unread != "" {
			return nil, fmt.Errorf("%w: what the source says of %s makes no sense (%s)", directory.ErrIncomplete, cmp.Or(u.UPN, u.Name, u.ID), u.Unread)
		}
		if !slices.ContainsFunc(w.clauses, func(c clause) bool { return c.fits(u, p) == c.not }) {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b *directory.User) int {
		return cmp.Or(strings.Compare(a.UPN, b.UPN), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// people is what a filter looks up of a tenant.
type people struct {
	members map[string]map[string]bool // user ids, by the value of a group clause
	shared  map[string]bool            // ids of accounts of shared mailboxes
	parts   map[string]string          // part numbers, by SKU id
}

func (w Who) people(s *directory.Snapshot) (*people, error) {
	p := &people{members: map[string]map[string]bool{}, shared: map[string]bool{}, parts: map[string]string{}}
	licences, _ := s.Licences.Items() // names of SKUs only
	for i := range licences {
		p.parts[licences[i].SKU] = licences[i].PartNumber
	}
	if w.Needs().Has(directory.Mailboxes) {
		mailboxes, _ := s.Mailboxes.Items()
		for i := range mailboxes {
			if m := &mailboxes[i]; strings.EqualFold(m.Kind, "SharedMailbox") && m.UserID != "" {
				p.shared[m.UserID] = true
			}
		}
	}
	for _, c := range w.clauses {
		if c.word != whoGroup {
			continue
		}
		there := false
		for _, value := range c.values {
			ids, found, err := membersOf(s, value)
			if err != nil {
				return nil, err
			}
			p.members[value] = ids
			there = there || found
		}
		if !there && !c.not {
			return nil, fmt.Errorf("%w: none is called %s; where it was renamed, name it so in the rule, or by its id", ErrNoGroup, strings.Join(c.values, " or "))
		}
	}
	return p, nil
}

// membersOf are the ids of the members of the groups of a name or id, those of
// groups within them included. Found is whether there is such a group.
func membersOf(s *directory.Snapshot, value string) (ids map[string]bool, found bool, err error) {
	groups, err := s.Groups.Items()
	if err != nil {
		return nil, false, err
	}
	byID := make(map[string]*directory.Group, len(groups))
	var open []*directory.Group
	for i := range groups {
		g := &groups[i]
		byID[g.ID] = g
		if strings.EqualFold(g.ID, value) || directory.MatchesAny([]string{value}, g.Name) {
			open = append(open, g)
		}
	}
	found = len(open) > 0
	ids, seen := map[string]bool{}, map[string]bool{}
	for len(open) > 0 {
		g := open[0]
		open = open[1:]
		if seen[g.ID] {
			continue
		}
		seen[g.ID] = true
		if why := cmp.Or(g.Unread, g.Members.Unknown); why != "" {
			return nil, found, fmt.Errorf("%w: who is in group %s is not known (%s)", directory.ErrIncomplete, cmp.Or(g.Name, g.ID), why)
		}
		for _, id := range g.Members.IDs {
			if inner := byID[id]; inner != nil {
				open = append(open, inner)
			}
			ids[id] = true
		}
	}
	return ids, found, nil
}

func (c *clause) fits(u *directory.User, p *people) bool {
	switch c.word {
	case whoLicence:
		return slices.ContainsFunc(u.Licences, func(sku string) bool {
			part := cmp.Or(p.parts[sku], directory.PartNumber(sku))
			return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, sku) || strings.EqualFold(v, part) })
		})
	case whoGroup:
		return slices.ContainsFunc(c.values, func(v string) bool { return p.members[v][u.ID] })
	case whoDomain:
		_, domain, _ := strings.Cut(u.UPN, "@")
		return directory.MatchesAny(c.values, domain)
	case whoDepartment:
		return directory.MatchesAny(c.values, u.Department)
	case whoOffice:
		return directory.MatchesAny(c.values, u.Office)
	case whoEnabled:
		return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, "true") == u.Enabled })
	case whoName:
		return directory.MatchesAny(c.values, u.UPN) || directory.MatchesAny(c.values, u.Name)
	}
	kind := typeMember
	switch {
	case u.Guest:
		kind = typeGuest
	case p.shared[u.ID]:
		kind = typeShared
	}
	return slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, kind) })
}
