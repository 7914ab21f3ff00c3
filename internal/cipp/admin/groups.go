package admin

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
)

// A Group is a directory group.
type Group struct {
	ID      string
	Name    string
	Mail    string
	Kind    string // CIPP's groupType: Microsoft 365, Security, Mail-Enabled Security, Distribution List
	Dynamic bool   // its membership rule decides who is in it
	Synced  bool
	raw     row
}

func (g Group) label() string { return g.Name + " (" + g.Kind + ", " + g.ID + ")" }

func (a *Admin) groups(ctx context.Context, t directory.Tenant) ([]Group, error) {
	rows, err := a.list(ctx, t, "ListGroups", nil)
	if err != nil {
		return nil, err
	}
	var out []Group
	for _, r := range rows {
		g := Group{ID: strings.ToLower(r.text("id")), Name: r.text("displayName"), Mail: r.text("mail"), Kind: r.text("groupType"),
			Synced: r.flag("onPremisesSyncEnabled"), raw: r}
		g.Dynamic = r.flag("dynamicGroupBool") || r.text("membershipRule") != ""
		if directory.IsGUID(g.ID) {
			out = append(out, g)
		}
	}
	return out, nil
}

// Group finds a group by its id, mail address, or a name that only one has.
func (a *Admin) Group(ctx context.Context, t directory.Tenant, text string) (Group, error) {
	all, err := a.groups(ctx, t)
	if err != nil {
		return Group{}, err
	}
	return choose("group", text, all, func(g Group) []string { return []string{g.ID, g.Mail} },
		func(g Group) []string { return []string{g.Name} }, Group.label)
}

// chooseEditable finds a group whose members can be changed.
func chooseEditable(all []Group, text string) (Group, error) {
	g, err := choose("group", text, all, func(g Group) []string { return []string{g.ID, g.Mail} },
		func(g Group) []string { return []string{g.Name} }, Group.label)
	switch {
	case err != nil:
		return Group{}, err
	case g.Dynamic:
		return Group{}, fmt.Errorf("group %s is dynamic: its rule says who is in it", g.Name)
	case g.Synced:
		return Group{}, fmt.Errorf("group %s: %w", g.Name, ErrSynced)
	}
	return g, nil
}

// Groups lists the groups of a tenant, live and without their members.
func (a *Admin) Groups(ctx context.Context, t directory.Tenant) (Table, error) {
	all, err := a.groups(ctx, t)
	if err != nil {
		return Table{}, err
	}
	var rows []row
	for _, g := range all {
		rows = append(rows, g.raw)
	}
	return tabulate(rows, false, col("name", "Group", "displayName"), col("kind", "Kind", "groupType"), col("mail", "Mail", "mail"),
		yesNoCol("team", "Team", "teamsEnabled"),
		computed("dynamic", "Dynamic", func(r row) string { return yesNo(r.text("membershipRule") != "") }),
		yesNoCol("synced", "Synced", "onPremisesSyncEnabled"),
		col("description", "Description", "description"), col("id", "Id", "id")), nil
}

// readMembers reads all members of a group. CIPP answers 200 for a group that does not
// exist.
func (a *Admin) readMembers(ctx context.Context, t directory.Tenant, g Group) ([]row, error) {
	rows, err := a.list(ctx, t, "ListGroups", url.Values{"groupID": {g.ID}, "groupType": {g.Kind}, "members": {"true"}})
	if rows, err = requireRows(rows, err, "group "+g.Name); err != nil {
		return nil, err
	}
	if e := rows[0].object("groupInfo").object("error"); e.fields != nil {
		return nil, fmt.Errorf("group %s: %s", g.Name, e.text("message", "code"))
	}
	return rows[0].rows("members"), nil
}

// Members lists who and what is in a group; nested groups are not expanded.
func (a *Admin) Members(ctx context.Context, t directory.Tenant, text string) (Table, error) {
	g, err := a.Group(ctx, t, text)
	if err != nil {
		return Table{}, err
	}
	rows, err := a.readMembers(ctx, t, g)
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("name", "Member", "displayName"), col("upn", "User", "userPrincipalName"), col("mail", "Mail", "mail"),
		computed("type", "Type", func(r row) string {
			if _, kind, ok := strings.Cut(r.text("@odata.type"), "#microsoft.graph."); ok {
				return kind
			}
			return r.text("userType")
		}), yesNoCol("enabled", "Enabled", "accountEnabled"), col("id", "Id", "id")), nil
}

// AddMember puts a user into a group.
func (a *Admin) AddMember(ctx context.Context, t directory.Tenant, group, user string) (Step, error) {
	return a.changeMembership(ctx, t, group, user, true)
}

// RemoveMember takes a user out of a group.
func (a *Admin) RemoveMember(ctx context.Context, t directory.Tenant, group, user string) (Step, error) {
	return a.changeMembership(ctx, t, group, user, false)
}

func (a *Admin) changeMembership(ctx context.Context, t directory.Tenant, group, user string, in bool) (Step, error) {
	all, err := a.groups(ctx, t)
	if err != nil {
		return Step{}, err
	}
	g, err := chooseEditable(all, group)
	if err != nil {
		return Step{}, err
	}
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	read := func(ctx context.Context) (State, error) {
		rows, err := a.readMembers(ctx, t, g)
		if err != nil {
			return nil, err
		}
		is := slices.ContainsFunc(rows, func(r row) bool { return strings.EqualFold(r.text("id"), u.ID) })
		return State{{"member of " + g.Name, yesNo(is)}}, nil
	}
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	// No property of the group is sent: sending one would set all of them.
	field, verb, danger := "AddMember", "add %s to %s", ""
	if !in {
		field, verb = "RemoveMember", "remove %s from %s"
	}
	if skus := g.raw.rows("assignedLicenses"); len(skus) > 0 {
		danger = "the group gives licences to its members"
	}
	return Step{
		ID: field + " " + g.ID + " " + u.ID, Title: fmt.Sprintf(verb, u.label(), g.label()), Tenant: t, Danger: danger,
		Before: before, Wanted: State{{"member of " + g.Name, yesNo(in)}},
		call: Call{Endpoint: "EditGroup", Tenant: t, Body: map[string]any{
			"groupId": map[string]any{"value": g.ID, "label": g.Name}, "groupType": g.Kind, "groupName": g.Name, // the name is for CIPP's sentences
			field: []any{map[string]any{"value": u.ID, "label": u.Name, "addedFields": map[string]any{"userPrincipalName": u.UPN}}},
		}},
		read: read, lag: g.lag(),
	}.seal(), nil
}

// inExchange reports whether Exchange keeps the members: Entra, where they are read,
// shows a change only after a while.
func (g Group) inExchange() bool {
	return g.Kind == "Distribution List" || g.Kind == "Mail-Enabled Security"
}

func (g Group) lag() time.Duration {
	if g.inExchange() {
		return 5 * time.Minute
	}
	return 0
}
