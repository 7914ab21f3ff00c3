package attribute

import (
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// A ScopingFilter says which accounts and groups take part. The zero value lets all
// members of a tenant take part and no guest and no group. Patterns are shell
// patterns; case does not matter.
type ScopingFilter struct {
	LicensedOnly bool
	Guests       bool
	Domains      []string // of the sign-in name, or of a guest's address; none for no restriction
	Departments  []string // patterns; none for no restriction
	Groups       []string // patterns on display names: direct members of one of them; none for no restriction
	Exclude      []string // patterns on sign-in names and guests' addresses; wins over everything

	IncludeGroups []string // patterns on display names; none for no group
	ExcludeGroups []string // wins
	Roles         []string // patterns on display names of further groups, those that are a provider's roles
}

// A Verdict says whether something takes part.
type Verdict int

// The verdicts. Unknown is neither: what the source did not prove takes nobody
// in and puts nobody out.
const (
	Out Verdict = iota
	In
	Unknown
)

func (v Verdict) String() string { return [...]string{"out", "in", "unknown"}[v] }

// A Membership says who is in the groups that a scope names.
type Membership struct {
	groupOf map[string]string // an object id's first group
	missing []string          // what no group of the tenant is called
	unknown string            // why one of the groups is not known whole
}

// Missing are the patterns of the scope that no group of the tenant fits: names
// mistyped, or of groups that were renamed or deleted. A pattern with wildcards
// counts only where none of them all fits. Whoever is in none of the other
// groups is Unknown: nobody is put out because a group was given another name.
func (m Membership) Missing() []string { return m.missing }

// Proven reports whether the source proved who is in the groups that are there.
func (m Membership) Proven() bool { return m.unknown == "" }

// Membership looks up the groups that the scope restricts accounts to. It is
// unknown where groups is not proven.
func (f *ScopingFilter) Membership(groups directory.List[directory.Group]) Membership {
	m := Membership{groupOf: map[string]string{}}
	if len(f.Groups) == 0 {
		return m
	}
	all, err := groups.Items()
	if err != nil {
		m.unknown = "the list of groups: " + err.Error()
		return m
	}
	named := 0
	for i := range all {
		g := &all[i]
		if !directory.MatchesAny(f.Groups, g.Name) {
			continue
		}
		named++
		// A list that was cut short still proves those whom it holds.
		for _, id := range g.Members.IDs {
			if _, ok := m.groupOf[id]; !ok {
				m.groupOf[id] = g.Name
			}
		}
		if g.Members.Unknown != "" {
			m.unknown = fmt.Sprintf("the members of %s: %s", g.Name, g.Members.Unknown)
		}
	}
	if m.missing = unmatched(f.Groups, all); named == 0 {
		m.missing = f.Groups
	}
	return m
}

// unmatched are the patterns without wildcards that no group fits.
func unmatched(patterns []string, groups []directory.Group) []string {
	var out []string
	for _, p := range patterns {
		one := []string{p}
		if !strings.ContainsAny(p, "*?[") &&
			!slices.ContainsFunc(groups, func(g directory.Group) bool { return directory.MatchesAny(one, g.Name) }) {
			out = append(out, p)
		}
	}
	return out
}

// MissingGroups are the names among the patterns for provisioned groups that no
// group of the tenant has.
func (f *ScopingFilter) MissingGroups(groups []directory.Group) []string {
	return unmatched(slices.Concat(f.IncludeGroups, f.Roles), groups)
}

// Renamed returns the missing name under which a group was provisioned that is
// named no longer, or nothing.
func (f *ScopingFilter) Renamed(former string, missing []string) string {
	if i := slices.IndexFunc(missing, func(p string) bool { return directory.MatchesAny([]string{p}, former) }); i >= 0 &&
		former != "" && !directory.MatchesAny(f.ExcludeGroups, former) {
		return missing[i]
	}
	return ""
}

// User says whether an account takes part, and which clause decided. Whether
// it may sign in does not matter here: that is an attribute of it.
func (f *ScopingFilter) User(u *directory.User, m Membership) (Verdict, string) {
	address := Address(u)
	_, domain, _ := strings.Cut(address, "@")
	switch {
	case u.Unread != "":
		return Unknown, "not known: what the source says of it makes no sense (" + u.Unread + ")"
	case directory.MatchesAny(f.Exclude, u.UPN), directory.MatchesAny(f.Exclude, address):
		return Out, "left out: excluded by users.exclude"
	case u.Resource:
		return Out, "left out: a room or another resource"
	case u.Guest && !f.Guests:
		return Out, "left out: guest"
	case f.LicensedOnly && len(u.Licences) == 0:
		return Out, "left out: no licence"
	case len(f.Domains) > 0 && !directory.MatchesAny(f.Domains, domain):
		return Out, fmt.Sprintf("left out: domain %s is not among users.domains", domain)
	case len(f.Departments) > 0 && !directory.MatchesAny(f.Departments, u.Department):
		return Out, fmt.Sprintf("left out: department %q is not among users.departments", u.Department)
	case len(f.Groups) == 0:
		return In, "in scope"
	}
	switch group, ok := m.groupOf[u.ID]; {
	case ok:
		return In, "in scope: member of " + group
	case m.unknown != "":
		return Unknown, "not known: " + m.unknown
	case len(m.missing) > 0:
		return Unknown, "not known: no group of the tenant is called " + strings.Join(m.missing, " or ") + ", as users.groups has it"
	}
	return Out, "left out: in none of the groups that users.groups names"
}

// Group says whether a group takes part, and which clause decided.
func (f *ScopingFilter) Group(g *directory.Group) (Verdict, string) {
	switch {
	case directory.MatchesAny(f.ExcludeGroups, g.Name):
		return Out, "left out: excluded by groups.exclude"
	case f.Role(g):
		return In, "in scope: a role"
	case directory.MatchesAny(f.IncludeGroups, g.Name):
		return In, "in scope"
	}
	return Out, "left out: not named in groups.include"
}

// Role reports whether a group is named as one of the provider's roles.
func (f *ScopingFilter) Role(g *directory.Group) bool { return directory.MatchesAny(f.Roles, g.Name) }

// Address is what an account signs in with elsewhere: its sign-in name; for a
// guest the mail address, or, where the tenant has none, the one that Entra
// made the sign-in name of (ann_example.org#EXT#@tenant.onmicrosoft.com).
func Address(u *directory.User) string {
	if !u.Guest {
		return u.UPN
	}
	if u.Mail != "" {
		return u.Mail
	}
	if at := strings.Index(strings.ToLower(u.UPN), "#ext#@"); at > 0 {
		// The last underscore stood for the @: domains have none, aliases may.
		if cut := strings.LastIndexByte(u.UPN[:at], '_'); cut > 0 && cut < at-1 {
			return u.UPN[:cut] + "@" + u.UPN[cut+1:at]
		}
	}
	return u.UPN
}
