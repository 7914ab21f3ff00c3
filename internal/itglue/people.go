package itglue

import (
	"slices"
	"strings"

	"syncd/internal/directory"
)

// documentedUsers are the users that are documented, by the configuration. Accounts
// behind shared, room and equipment mailboxes are none: those are mailbox
// assets.
func (t *Target) documentedUsers(s *directory.Snapshot) ([]directory.User, error) {
	users, err := s.Users.Items()
	if err != nil {
		return nil, err
	}
	mailboxes, err := s.Mailboxes.Items()
	if err != nil {
		return nil, err
	}
	behind := map[string]bool{}
	for i := range mailboxes {
		if m := &mailboxes[i]; !personal(m) {
			behind[m.UserID], behind[strings.ToLower(m.UPN)] = true, true
		}
	}
	delete(behind, "")
	rules := &t.config.Users
	var out []directory.User
	for _, u := range users {
		switch {
		case u.Resource, behind[u.ID], behind[strings.ToLower(u.UPN)],
			u.Guest && !rules.Guests,
			!u.Enabled && !rules.Disabled,
			rules.LicensedOnly && len(u.Licences) == 0,
			directory.MatchesAny(rules.Exclude, u.UPN):
		default:
			out = append(out, u)
		}
	}
	return out, nil
}

// personal reports whether a mailbox belongs to a person. A kind that is not
// known is a person's: nobody must vanish because of a word.
func personal(m *directory.Mailbox) bool {
	switch strings.ToLower(m.Kind) {
	case "sharedmailbox", "roommailbox", "equipmentmailbox", "schedulingmailbox", "teammailbox", "groupmailbox", "discoverymailbox":
		return false
	}
	return true
}

// mailboxKind is a mailbox's kind for people.
func mailboxKind(kind string) string {
	if short, ok := strings.CutSuffix(kind, "Mailbox"); ok && short != "" {
		return short
	}
	return kind
}

// A directoryIndex finds the accounts and groups of a snapshot by what refers to them.
type directoryIndex struct {
	users     map[string]*directory.User
	groups    map[string]*directory.Group
	byAddress map[string]string // object ids
	byName    map[string]string // of names that one account has alone
	mailboxes map[string]*directory.Mailbox
	memberOf  map[string][]string // names of the groups of a user; nil where that is not known
}

func (t *Target) indexDirectory(s *directory.Snapshot) (*directoryIndex, error) {
	users, err := s.Users.Items()
	if err != nil {
		return nil, err
	}
	groups, err := s.Groups.Items()
	if err != nil {
		return nil, err
	}
	mailboxes, err := s.Mailboxes.Items()
	if err != nil {
		return nil, err
	}
	x := &directoryIndex{users: make(map[string]*directory.User, len(users)), groups: make(map[string]*directory.Group, len(groups)),
		byAddress: map[string]string{}, byName: map[string]string{}, mailboxes: map[string]*directory.Mailbox{}, memberOf: map[string][]string{}}
	for i := range users {
		u := &users[i]
		x.users[u.ID] = u
		for a := range addressesOf(u) {
			x.byAddress[a] = u.ID
		}
		name := foldName(u.Name)
		if _, taken := x.byName[name]; taken {
			x.byName[name] = "" // several: nobody is meant for certain
		} else {
			x.byName[name] = u.ID
		}
	}
	for i := range mailboxes {
		if m := &mailboxes[i]; m.UserID != "" {
			x.mailboxes[m.UserID] = m
		}
	}
	known := true
	for i := range groups {
		g := &groups[i]
		x.groups[g.ID] = g
		if !t.documentsGroup(g) {
			continue
		}
		if g.Members.Unknown != "" {
			known = false
			continue
		}
		for _, m := range g.Members.IDs {
			if x.users[m] != nil {
				x.memberOf[m] = append(x.memberOf[m], g.Name)
			}
		}
	}
	if !known { // a list with a hole would take groups away from people
		x.memberOf = nil
	}
	return x, nil
}

// documentsGroup reports whether a group is documented, by the configuration.
func (t *Target) documentsGroup(g *directory.Group) bool {
	return directory.MatchesAny(t.config.Groups.Include, g.Name) && !directory.MatchesAny(t.config.Groups.Exclude, g.Name)
}

// memberNames are the members of a list for people. Those that are neither accounts
// nor groups are counted.
func (x *directoryIndex) memberNames(ids []string) []string {
	var out []string
	others := 0
	for _, n := range ids {
		switch u, g := x.users[n], x.groups[n]; {
		case u != nil:
			out = append(out, userLabel(u))
		case g != nil:
			out = append(out, g.Name+" (group)")
		default:
			others++
		}
	}
	if others > 0 {
		out = append(out, "("+itoa(others)+" that are neither accounts nor groups)")
	}
	return out
}

// userLabel names an account for people; names alone are not unique.
func userLabel(u *directory.User) string {
	if u.Name == "" || strings.EqualFold(u.Name, u.UPN) {
		return u.UPN
	}
	return u.Name + " (" + u.UPN + ")"
}

// accountMeant finds whom a text such as a delegate's address or name means.
func (x *directoryIndex) accountMeant(text string) string {
	if n := x.byAddress[address(text)]; n != "" {
		return n
	}
	return x.byName[foldName(text)]
}

// accountsMeant are those that several texts mean, each once.
func (x *directoryIndex) accountsMeant(lists ...[]string) []string {
	var out []string
	for _, list := range lists {
		for _, text := range list {
			if n := x.accountMeant(text); n != "" && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}
