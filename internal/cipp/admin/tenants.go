package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// Tenants lists what CIPP looks after.
func (a *Admin) Tenants(ctx context.Context) (Table, error) {
	rows, err := a.own(ctx, "ListTenants", nil)
	if rows, err = some(rows, err, "ListTenants"); err != nil {
		return Table{}, err
	}
	return tabulate(rows, false,
		col("name", "Tenant", "displayName"), col("domain", "Default domain", "defaultDomainName"), col("id", "Id", "customerId"),
		made("alias_of", "Alias of", func(r row) string {
			if r.text("originalDisplayName") != r.text("displayName") {
				return r.text("originalDisplayName")
			}
			return ""
		}),
		col("access", "Access", "delegatedPrivilegeStatus"), when("relationship_end", "GDAP ends", "relationshipEnd"), count("graph_errors", "Errors", "GraphErrorCount"),
		col("last_error", "Last error", "LastGraphError")), nil
}

// TenantList is Tenants for Resolve.
func (a *Admin) TenantList(ctx context.Context) ([]directory.Tenant, error) {
	rows, err := a.own(ctx, "ListTenants", nil)
	if rows, err = some(rows, err, "ListTenants"); err != nil {
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

// tenantOf is false for the selector's pseudo row and that of a failure.
func tenantOf(r row) (directory.Tenant, bool) {
	id, err := directory.ParseTenantID(r.text("customerId"))
	return directory.Tenant{ID: id, Name: r.text("displayName", "originalDisplayName"), DefaultDomain: r.text("defaultDomainName"), InitialDomain: r.text("initialDomainName")}, err == nil
}

// ShowTenant shows one tenant, its organization read live.
func (a *Admin) ShowTenant(ctx context.Context, t directory.Tenant) (Table, error) {
	rows, err := a.list(ctx, t, "ListTenantDetails", nil)
	if rows, err = some(rows, err, "ListTenantDetails"); err != nil {
		return Table{}, err
	}
	at, _, err := a.tenant(ctx, t, false)
	if err != nil {
		return Table{}, err
	}
	return card(rows[0],
		made("", "Name", func(row) string { return t.Name }), col("", "Microsoft's name", "displayName"), made("", "Alias", func(row) string { return at.Alias }),
		made("", "Id", func(row) string { return string(t.ID) }), made("", "Default domain", func(row) string { return t.DefaultDomain }),
		made("", "Initial domain", func(row) string { return t.InitialDomain }), made("", "Tenant groups", func(row) string { return set(names(at.Groups)) }),
		col("", "Street", "street"), col("", "Postal code", "postalCode"), col("", "City", "city"), col("", "Country", "countryLetterCode", "country"),
		col("", "Phones", "businessPhones"), col("", "Technical mail", "technicalNotificationMails"), when("", "Created", "createdDateTime"),
		yes("", "Directory sync", "onPremisesSyncEnabled"), when("", "Last directory sync", "onPremisesLastSyncDateTime")), nil
}

// A TenantProfile is what CIPP itself keeps about a tenant: what EditTenant sets.
type TenantProfile struct {
	Tenant directory.Tenant
	Name   string        // Microsoft's
	Alias  string        // empty = none
	Groups []TenantGroup // the static ones it is in
	live   bool          // name and alias were read live, because the list does not tell them apart
}

// TenantProfiles reads the profiles of all tenants and all tenant groups there
// are, out of CIPP's own tables: two calls, which work for tenants whose access
// is broken. Excluded tenants are not among them.
func (a *Admin) TenantProfiles(ctx context.Context) ([]TenantProfile, []TenantGroup, error) {
	rows, err := a.own(ctx, "ListTenants", nil)
	if rows, err = some(rows, err, "ListTenants"); err != nil {
		return nil, nil, err
	}
	groups, err := a.tenantGroups(ctx)
	if err != nil {
		return nil, nil, err
	}
	var out []TenantProfile
	for _, r := range rows {
		t, ok := tenantOf(r)
		if !ok {
			continue
		}
		name, original := r.text("displayName"), r.text("originalDisplayName")
		p := TenantProfile{Name: original, Tenant: t}
		switch {
		case original == "":
			if err := a.named(ctx, &p); err != nil { // an older CIPP
				return nil, nil, err
			}
		case name != original:
			p.Alias = name
		}
		for _, g := range groups {
			if !g.Dynamic && slices.Contains(g.Members, t.ID) {
				p.Groups = append(p.Groups, g)
			}
		}
		out = append(out, p)
	}
	return out, groups, nil
}

// named fills in name and alias from Microsoft's answer, which holds them apart.
func (a *Admin) named(ctx context.Context, p *TenantProfile) error {
	details, err := a.list(ctx, p.Tenant, "ListTenantDetails", nil)
	if details, err = some(details, err, "ListTenantDetails"); err != nil {
		return fmt.Errorf("whether %s has an alias is not known, and editing would remove it: %w", p.Tenant.Name, err)
	}
	p.Name, p.Alias, p.live = details[0].text("displayName"), details[0].inner("customProperties").text("Alias"), true
	return nil
}

// A tenantState is the part of a profile that EditTenant sets whole.
type tenantState struct {
	alias  string
	groups []TenantGroup
	live   bool // where the alias is read
}

func names(groups []TenantGroup) []string {
	var out []string
	for _, g := range groups {
		out = append(out, g.Name)
	}
	return out
}

// tenant reads the profile of one tenant, which is addressed by its id alone.
// Where live is set its alias is read live, as it was before: an edit is judged
// by the same source.
func (a *Admin) tenant(ctx context.Context, t directory.Tenant, live bool) (*TenantProfile, []TenantGroup, error) {
	all, groups, err := a.TenantProfiles(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range all {
		p := &all[i]
		if p.Tenant.ID != t.ID {
			continue
		}
		if live && !p.live {
			err = a.named(ctx, p)
		}
		return p, groups, err
	}
	return nil, nil, fmt.Errorf("CIPP's list no longer has %s (%s)", t.Name, t.ID)
}

// edited is the read of a step about a tenant's profile.
func (a *Admin) edited(t directory.Tenant, live bool) func(context.Context) (State, error) {
	return func(ctx context.Context) (State, error) {
		p, _, err := a.tenant(ctx, t, live)
		if err != nil {
			return nil, err
		}
		return tenantState{p.Alias, p.Groups, live}.state(), nil
	}
}

func (s tenantState) state() State {
	return State{{"alias", s.alias}, {"groups", set(names(s.groups))}}
}

// A TenantEdit is what shall change about a tenant in CIPP. What it does not
// name stays as it is.
type TenantEdit struct {
	Alias        string   // the new alias; empty leaves it
	RemoveAlias  bool     // the tenant is shown under Microsoft's name again
	AddGroups    []string // static tenant groups, by id or name
	RemoveGroups []string
}

// groupCache is how long CIPP goes on showing a tenant group as it was.
const groupCache = 5 * time.Minute

// EditTenant returns the steps of an edit: one call that says alias and groups
// whole, because CIPP takes away what it is not sent, and one more where the
// last group goes, which that call cannot express.
func (a *Admin) EditTenant(ctx context.Context, t directory.Tenant, e TenantEdit) ([]Step, error) {
	if e.Alias != "" && e.RemoveAlias {
		return nil, cipp.Misuse("an alias cannot be set and removed at once")
	}
	p, all, err := a.tenant(ctx, t, false)
	if err != nil {
		return nil, err
	}
	at := tenantState{p.Alias, p.Groups, p.live}
	want := tenantState{at.alias, slices.Clone(at.groups), at.live}
	var did []string
	alias := strings.TrimSpace(e.Alias)
	switch {
	case alias != "" && alias == p.Name:
		// An alias that says the same as Microsoft's name shows nowhere in the list,
		// so that it could not be read back; without one the tenant is called the same.
		want.alias = ""
		did = append(did, fmt.Sprintf("show it under Microsoft's name, %q, without an alias", p.Name))
	case e.RemoveAlias:
		want.alias = ""
		did = append(did, "remove the alias")
	case e.Alias != "":
		want.alias = alias
		did = append(did, fmt.Sprintf("set the alias to %q", want.alias))
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
	// An empty set means "leave them alone", so the last ones go by the group's own call.
	var steps []Step
	if want.alias != at.alias {
		kept := tenantState{want.alias, at.groups, at.live}
		steps = append(steps, a.editTenant(t, at, kept, did[0]))
		at = kept
	}
	for len(at.groups) > 0 {
		g := at.groups[0]
		rest := tenantState{at.alias, at.groups[1:], at.live}
		steps = append(steps, a.leaveGroup(t, g, at, rest))
		at = rest
	}
	return steps, nil
}

func (a *Admin) editTenant(t directory.Tenant, at, want tenantState, did string) Step {
	// An alias that is not sent is removed, so it is always sent.
	body := map[string]any{"customerId": string(t.ID), "tenantAlias": want.alias}
	if len(want.groups) > 0 {
		var groups []any
		for _, g := range want.groups {
			groups = append(groups, map[string]any{"groupId": g.ID, "groupName": g.Name})
		}
		body["tenantGroups"] = groups
	}
	s := Step{
		ID: "tenant " + string(t.ID) + " " + want.state().String(), Title: t.Name + ": " + did, Tenant: t,
		Before: at.state(), Wanted: want.state(),
		call: Call{Endpoint: "EditTenant", Tenant: t, Body: body}, lag: groupCache,
		read: a.edited(t, at.live),
	}
	if want.alias == "" && at.alias != "" {
		s.Danger = fmt.Sprintf("the alias %q goes; CIPP shows the tenant under Microsoft's name again", at.alias)
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
		Before: at.state(), Wanted: want.state(), lag: groupCache,
		Danger: fmt.Sprintf("the members of %s are written anew; tenants that are excluded in CIPP are not shown among them and drop out of the group", g.Name),
		call: Call{Endpoint: "ExecTenantGroup", Body: map[string]any{
			"Action": "AddEdit", "groupId": g.ID, "groupName": g.Name, "groupDescription": g.Description, "groupType": "static", "members": members,
		}},
		read: a.edited(t, at.live),
	}.seal()
}
