package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// Tenants lists CIPP's tenants. Their names may be aliases: no list of CIPP's says which.
func (a *Admin) Tenants(ctx context.Context) (Table, error) {
	rows, err := a.global(ctx, "ListTenants", nil)
	if rows, err = requireRows(rows, err, "ListTenants"); err != nil {
		return Table{}, err
	}
	return tabulate(rows, false,
		col("name", "Tenant", "displayName"), col("domain", "Default domain", "defaultDomainName"), col("id", "Id", "customerId"),
		col("access", "Access", "delegatedPrivilegeStatus"), timeCol("relationship_end", "GDAP ends", "relationshipEnd"),
		numberCol("graph_errors", "Errors", "GraphErrorCount"),
		col("last_error", "Last error", "LastGraphError")), nil
}

// TenantList returns the tenants, for Resolve.
func (a *Admin) TenantList(ctx context.Context) ([]directory.Tenant, error) {
	rows, err := a.global(ctx, "ListTenants", nil)
	if rows, err = requireRows(rows, err, "ListTenants"); err != nil {
		return nil, err
	}
	var out []directory.Tenant
	for _, r := range rows {
		if t, ok := tenantOf(r); ok {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("CIPP lists no tenant; run its permission check")
	}
	return out, nil
}

// tenantOf is false for a row that is no tenant: the selector's AllTenants, or an error.
func tenantOf(r row) (directory.Tenant, bool) {
	id, err := directory.ParseTenantID(r.text("customerId"))
	return directory.Tenant{ID: id, Name: r.text("displayName"), DefaultDomain: r.text("defaultDomainName"),
		InitialDomain: r.text("initialDomainName")}, err == nil
}

// ShowTenant shows one tenant, its organization read live.
func (a *Admin) ShowTenant(ctx context.Context, t directory.Tenant) (Table, error) {
	details, err := a.tenantDetails(ctx, t)
	if err != nil {
		return Table{}, err
	}
	var groups []string
	for _, g := range details.rows("Groups") {
		name := g.text("Name")
		if strings.EqualFold(g.text("GroupType"), "dynamic") {
			name += " (dynamic)"
		}
		groups = append(groups, name)
	}
	return propertyTable(details,
		computed("", "Name", func(row) string { return t.Name }), col("", "Microsoft's name", "displayName"),
		computed("", "Alias", func(r row) string { return r.object("customProperties").text("Alias") }),
		computed("", "Id", func(row) string { return string(t.ID) }), computed("", "Default domain", func(row) string { return t.DefaultDomain }),
		computed("", "Initial domain", func(row) string { return t.InitialDomain }),
		computed("", "Tenant groups", func(row) string { return set(groups) }),
		col("", "Street", "street"), col("", "Postal code", "postalCode"), col("", "City", "city"),
		col("", "Country", "countryLetterCode", "country"),
		col("", "Phones", "businessPhones"), col("", "Technical mail", "technicalNotificationMails"), timeCol("", "Created", "createdDateTime"),
		yesNoCol("", "Directory sync", "onPremisesSyncEnabled"), timeCol("", "Last directory sync", "onPremisesLastSyncDateTime")), nil
}

// tenantDetails reads one tenant live: Microsoft's name of it, CIPP's alias and groups.
func (a *Admin) tenantDetails(ctx context.Context, t directory.Tenant) (row, error) {
	rows, err := a.list(ctx, t, "ListTenantDetails", nil)
	if rows, err = requireRows(rows, err, "ListTenantDetails"); err != nil {
		return row{}, err
	}
	if id := rows[0].text("id"); !strings.EqualFold(id, string(t.ID)) {
		return row{}, fmt.Errorf("ListTenantDetails: asked about %s (%s), CIPP answered about the tenant %s: the domain may have moved to it", t.Name, t.ID, id)
	}
	return rows[0], nil
}

// A TenantProfile is a tenant as CIPP's own tables have it. Only TenantNames says whether
// its name is an alias.
type TenantProfile struct {
	Tenant directory.Tenant
	Groups []TenantGroup // the static ones it is in
}

// TenantProfiles reads the profiles of all tenants and all tenant groups there
// are: two calls, which work for tenants whose access is broken. Excluded
// tenants are not among them.
func (a *Admin) TenantProfiles(ctx context.Context) ([]TenantProfile, []TenantGroup, error) {
	tenants, err := a.TenantList(ctx)
	if err != nil {
		return nil, nil, err
	}
	groups, err := a.tenantGroups(ctx)
	if err != nil {
		return nil, nil, err
	}
	out := make([]TenantProfile, len(tenants))
	for i, t := range tenants {
		out[i] = TenantProfile{t, staticGroupsOf(groups, t)}
	}
	return out, groups, nil
}

// staticGroupsOf returns the static groups that a tenant is in.
func staticGroupsOf(groups []TenantGroup, t directory.Tenant) []TenantGroup {
	var in []TenantGroup
	for _, g := range groups {
		if !g.Dynamic && slices.Contains(g.Members, t.ID) {
			in = append(in, g)
		}
	}
	return in
}

// TenantNames are the names of a tenant.
type TenantNames struct {
	Microsoft string
	Alias     string // in CIPP; empty = none
}

// Shown returns the name that CIPP shows.
func (n TenantNames) Shown() string { return cmp.Or(n.Alias, n.Microsoft) }

// TenantNames reads the names of one tenant live: only then does CIPP distinguish an
// alias from Microsoft's name. Where CIPP has no access to the tenant, that is an error:
// an unknown alias must not be overwritten.
func (a *Admin) TenantNames(ctx context.Context, t directory.Tenant) (TenantNames, error) {
	details, err := a.tenantDetails(ctx, t)
	if err != nil {
		return TenantNames{}, fmt.Errorf("whether %s has an alias in CIPP is not known, and editing would remove it: %w", t.Name, err)
	}
	// With its spaces: sent back with fewer it would be another alias.
	return TenantNames{Microsoft: details.text("displayName"), Alias: strings.TrimSpace(details.object("customProperties").exact("Alias"))}, nil
}

// A tenantState is the part of a profile that EditTenant sets whole.
type tenantState struct {
	names  TenantNames
	groups []TenantGroup
}

func names(groups []TenantGroup) []string {
	var out []string
	for _, g := range groups {
		out = append(out, g.Name)
	}
	return out
}

// readTenant reads the names and groups of one tenant, and all tenant groups.
func (a *Admin) readTenant(ctx context.Context, t directory.Tenant) (tenantState, []TenantGroup, error) {
	groups, err := a.tenantGroups(ctx)
	if err != nil {
		return tenantState{}, nil, err
	}
	names, err := a.TenantNames(ctx, t)
	return tenantState{names, staticGroupsOf(groups, t)}, groups, err
}

// tenantReader returns the read of a step that edits a tenant.
func (a *Admin) tenantReader(t directory.Tenant) func(context.Context) (State, error) {
	return func(ctx context.Context) (State, error) {
		s, _, err := a.readTenant(ctx, t)
		if err != nil {
			return nil, err
		}
		return s.state(), nil
	}
}

// ShownAs is the field of a tenant's State that has the name CIPP shows; its
// others are alias and groups.
const ShownAs = "shown as"

func (s tenantState) state() State {
	return append(s.wanted(), Field{ShownAs, oneLine(s.names.Shown())})
}

// wanted is the part of the state that an edit sets.
func (s tenantState) wanted() State {
	return State{{"alias", oneLine(s.names.Alias)}, {"groups", set(names(s.groups))}}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// A TenantEdit is a change of a tenant in CIPP. What it does not name stays as it is.
type TenantEdit struct {
	Alias        string   // the new alias; empty leaves it
	RemoveAlias  bool     // the tenant is shown under Microsoft's name again
	AddGroups    []string // static tenant groups, by id or name
	RemoveGroups []string
}

// groupCache is how long CIPP may show a tenant group as it was before a write.
const groupCache = 5 * time.Minute

// EditTenant returns the steps of an edit: one call that sends alias and groups whole,
// because CIPP removes what it is not sent, and one more where the last group is removed,
// which that call cannot express.
func (a *Admin) EditTenant(ctx context.Context, t directory.Tenant, e TenantEdit) ([]Step, error) {
	if e.Alias != "" && e.RemoveAlias {
		return nil, cipp.Misuse("an alias cannot be set and removed at once")
	}
	at, all, err := a.readTenant(ctx, t)
	if err != nil {
		return nil, err
	}
	want := tenantState{at.names, slices.Clone(at.groups)}
	var did []string
	alias := strings.TrimSpace(e.Alias)
	switch {
	case alias != "" && alias == at.names.Microsoft:
		// Without one the tenant is called the same, and goes on following Microsoft's name.
		want.names.Alias = ""
		did = append(did, fmt.Sprintf("show it under Microsoft's name, %q, without an alias", alias))
	case e.RemoveAlias:
		want.names.Alias = ""
		did = append(did, "remove the alias")
	case alias != "":
		want.names.Alias = alias
		did = append(did, fmt.Sprintf("set the alias to %q", alias))
	}
	for _, text := range e.AddGroups {
		g, err := chooseGroup(all, text)
		if err != nil {
			return nil, err
		}
		if g.Dynamic {
			return nil, cipp.Misuse("%q is a dynamic tenant group: its rules say who is in it", g.Name)
		}
		if !slices.Contains(names(want.groups), g.Name) {
			want.groups = append(want.groups, g)
		}
		did = append(did, "add to "+g.Name)
	}
	var last *TenantGroup
	for _, text := range e.RemoveGroups {
		g, err := chooseGroup(all, text)
		if err != nil {
			return nil, err
		}
		if g.Dynamic {
			return nil, cipp.Misuse("%q is a dynamic tenant group: its rules say who is in it", g.Name)
		}
		want.groups = slices.DeleteFunc(want.groups, func(have TenantGroup) bool {
			if have.ID == g.ID {
				last = &g
			}
			return have.ID == g.ID
		})
		did = append(did, "remove from "+g.Name)
	}
	if len(did) == 0 {
		return nil, cipp.Misuse("nothing to change about the tenant was named")
	}
	if len(want.groups) > 0 || last == nil {
		return []Step{a.editTenant(t, at, want, strings.Join(did, ", "))}, nil
	}
	// CIPP ignores an empty list of groups, so the last ones are removed by the group's own call.
	var steps []Step
	if want.names != at.names {
		kept := tenantState{want.names, at.groups}
		steps = append(steps, a.editTenant(t, at, kept, did[0]))
		at = kept
	}
	for len(at.groups) > 0 {
		g := at.groups[0]
		rest := tenantState{at.names, at.groups[1:]}
		steps = append(steps, a.leaveGroup(t, g, at, rest))
		at = rest
	}
	return steps, nil
}

func (a *Admin) editTenant(t directory.Tenant, at, want tenantState, did string) Step {
	// An alias that is not sent is removed, so it is always sent.
	body := map[string]any{"customerId": string(t.ID), "tenantAlias": want.names.Alias}
	if len(want.groups) > 0 {
		var groups []any
		for _, g := range want.groups {
			groups = append(groups, map[string]any{"groupId": g.ID, "groupName": g.Name})
		}
		body["tenantGroups"] = groups
	}
	s := Step{
		ID: "tenant " + string(t.ID) + " " + want.wanted().String(), Title: t.Name + ": " + did, Tenant: t,
		Before: at.state(), Wanted: want.wanted(),
		call: Call{Endpoint: "EditTenant", Tenant: t, Body: body}, lag: groupCache,
		read: a.tenantReader(t),
	}
	if want.names.Alias == "" && at.names.Alias != "" {
		s.Danger = fmt.Sprintf("the alias %q goes; CIPP shows the tenant under Microsoft's name again", at.names.Alias)
	}
	return s.seal()
}

func (a *Admin) leaveGroup(t directory.Tenant, g TenantGroup, at, want tenantState) Step {
	members := []any{}
	for _, id := range g.Members {
		if id != t.ID {
			members = append(members, map[string]any{"value": string(id), "label": string(id)})
		}
	}
	return Step{
		ID: "tenant " + string(t.ID) + " leaves " + g.ID, Title: t.Name + ": remove from " + g.Name, Tenant: t,
		Before: at.state(), Wanted: want.wanted(), lag: groupCache,
		Danger: fmt.Sprintf("the members of %s are written anew; tenants that are excluded in CIPP are not shown among them and drop out of the group", g.Name),
		call: Call{Endpoint: "ExecTenantGroup", Body: map[string]any{
			"Action": "AddEdit", "groupId": g.ID, "groupName": g.Name, "groupDescription": g.Description, "groupType": "static", "members": members,
		}},
		read: a.tenantReader(t),
	}.seal()
}
