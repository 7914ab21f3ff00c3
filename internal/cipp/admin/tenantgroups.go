package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// A TenantGroup is CIPP's own grouping of tenants.
type TenantGroup struct {
	ID          string
	Name        string
	Description string
	Dynamic     bool // its rules decide who is in it
	Members     []directory.TenantID
	raw         row
}

// tenantGroups reads all groups; there may be none.
func (a *Admin) tenantGroups(ctx context.Context) ([]TenantGroup, error) {
	rows, err := a.global(ctx, "ListTenantGroups", nil)
	if err != nil {
		return nil, err
	}
	var out []TenantGroup
	for _, r := range rows {
		g := TenantGroup{ID: r.text("Id"), Name: r.text("Name"), Description: r.text("Description"),
			Dynamic: strings.EqualFold(r.text("GroupType"), "dynamic"), raw: r}
		for _, m := range r.rows("Members") {
			if id, err := directory.ParseTenantID(m.text("customerId")); err == nil {
				g.Members = append(g.Members, id)
			}
		}
		if g.ID != "" {
			out = append(out, g)
		}
	}
	return out, nil
}

func chooseGroup(all []TenantGroup, text string) (TenantGroup, error) {
	return choose("tenant group", text, all, func(g TenantGroup) []string { return []string{g.ID} },
		func(g TenantGroup) []string { return []string{g.Name} },
		func(g TenantGroup) string { return g.Name + " (" + g.ID + ")" })
}

// TenantGroups lists the groups of tenants and how many are in them.
func (a *Admin) TenantGroups(ctx context.Context) (Table, error) {
	groups, err := a.tenantGroups(ctx)
	if err != nil {
		return Table{}, err
	}
	var rows []row
	for _, g := range groups {
		rows = append(rows, g.raw)
	}
	return tabulate(rows, false, col("name", "Group", "Name"), col("kind", "Kind", "GroupType"),
		col("description", "Description", "Description"),
		Column{Key: "members", Title: "Members", Number: true}.computed(func(r row) string { return strconv.Itoa(len(r.rows("Members"))) }),
		computed("tenants", "Tenants", func(r row) string {
			var all []string
			for _, m := range r.rows("Members") {
				all = append(all, m.text("displayName", "defaultDomainName"))
			}
			return set(all)
		}), col("id", "Id", "Id")), nil
}

func (c Column) computed(f func(row) string) cell { return cell{c, f} }

// CreateTenantGroup makes a static group with these members. CIPP's answer does not
// have the id of the group, so the request sets one.
func (a *Admin) CreateTenantGroup(ctx context.Context, name, description string, members []directory.Tenant) (Step, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return Step{}, cipp.Misuse("a tenant group needs a name")
	}
	all, err := a.tenantGroups(ctx)
	if err != nil {
		return Step{}, err
	}
	if g, err := chooseGroup(all, name); err == nil {
		return Step{}, fmt.Errorf("there is a tenant group %q already (%s)", g.Name, g.ID)
	} else if _, unknown := errors.AsType[*UnknownError](err); !unknown {
		return Step{}, err
	}
	id := newGUID()
	var list []any
	var tenants []string
	for _, t := range members {
		list = append(list, map[string]any{"value": string(t.ID), "label": t.Name})
		tenants = append(tenants, string(t.ID))
	}
	body := map[string]any{"Action": "AddEdit", "groupId": id, "groupName": name, "groupDescription": description, "groupType": "static"}
	if len(list) > 0 {
		body["members"] = list
	}
	return a.groupStep(id, "create the tenant group "+name, "", body, State{{"exists", "yes"}, {"name", name}, {"members", set(tenants)}}, nil), nil
}

// DeleteTenantGroup deletes a group, not its tenants.
func (a *Admin) DeleteTenantGroup(ctx context.Context, text string) (Step, error) {
	all, err := a.tenantGroups(ctx)
	if err != nil {
		return Step{}, err
	}
	g, err := chooseGroup(all, text)
	if err != nil {
		return Step{}, err
	}
	danger := fmt.Sprintf("standards, alerts and roles in CIPP that are given to %s no longer reach its %d tenants", g.Name, len(g.Members))
	return a.groupStep(g.ID, "delete the tenant group "+g.Name, danger, map[string]any{"Action": "Delete", "groupId": g.ID},
		State{{"exists", "no"}, {"name", ""}, {"members", ""}}, &g), nil
}

func (a *Admin) groupStep(id, title, danger string, body map[string]any, want State, at *TenantGroup) Step {
	state := func(g *TenantGroup) State {
		if g == nil {
			return State{{"exists", "no"}, {"name", ""}, {"members", ""}}
		}
		var members []string
		for _, m := range g.Members {
			members = append(members, string(m))
		}
		return State{{"exists", "yes"}, {"name", g.Name}, {"members", set(members)}}
	}
	return Step{
		ID: "tenant group " + title, Title: title, Danger: danger, Before: state(at), Wanted: want, lag: groupCache,
		call: Call{Endpoint: "ExecTenantGroup", Body: body},
		read: func(ctx context.Context) (State, error) {
			all, err := a.tenantGroups(ctx)
			if err != nil {
				return nil, err
			}
			for _, g := range all {
				if strings.EqualFold(g.ID, id) {
					return state(&g), nil
				}
			}
			return state(nil), nil
		},
	}.seal()
}

// newGUID makes a random GUID (RFC 9562, version 4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
