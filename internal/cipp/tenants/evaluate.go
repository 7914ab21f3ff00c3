package tenants

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/cipp/admin"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// A managedGroup is a group that rules name.
type managedGroup struct {
	name  string // as CIPP spells it; as the rules do where it has none
	rules []*Rule
	id    string // of the static group; empty where there is none to use
	// members is how many tenants CIPP shows in it.
	members int
	groupProblem
}

// A groupProblem is why a group cannot be used. It is reported only for tenants that
// should be in the group.
type groupProblem struct {
	code, why string
	note      bool // it is a note and holds no plan
}

// managedGroups resolves the groups that the rules name, in the order of their names.
func (t *Target) managed(all []admin.TenantGroup) []managedGroup {
	byName := map[string]*managedGroup{}
	for i := range t.config.Groups {
		r := &t.config.Groups[i]
		key := strings.ToLower(r.Group)
		if byName[key] == nil {
			byName[key] = resolveGroup(r.Group, all)
		}
		byName[key].rules = append(byName[key].rules, r)
	}
	out := make([]managedGroup, 0, len(byName))
	for _, g := range byName {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b managedGroup) int { return strings.Compare(a.name, b.name) })
	return out
}

func resolveGroup(name string, all []admin.TenantGroup) *managedGroup {
	var found []admin.TenantGroup
	for _, g := range all {
		if strings.EqualFold(strings.TrimSpace(g.Name), name) {
			found = append(found, g)
		}
	}
	m := &managedGroup{name: name}
	switch {
	case len(found) == 0:
		m.groupProblem = groupProblem{"group_missing", fmt.Sprintf("CIPP has no tenant group %q, which a rule names (cipp.tenants.groups): make it with syncd cipp tenant-groups create %q, or correct the rule", name, name), true}
	case len(found) > 1:
		m.groupProblem = groupProblem{"group_ambiguous", fmt.Sprintf("CIPP has %d tenant groups called %q, which a rule names (cipp.tenants.groups): rename all but one there", len(found), name), false}
	case found[0].Dynamic:
		m.groupProblem = groupProblem{"group_dynamic", fmt.Sprintf("%q is a dynamic tenant group: its own rules in CIPP say who is in it; name a static one in cipp.tenants.groups", found[0].Name), false}
	default:
		m.name, m.id, m.members = strings.TrimSpace(found[0].Name), found[0].ID, len(found[0].Members)
	}
	return m
}

// evaluate returns what a tenant should be in CIPP, and adds what it is to out. names are
// the tenant's names where they are known; kept says that syncd has records of it.
func (t *Target) evaluate(p *admin.TenantProfile, company int, at *Facts, names *admin.TenantNames, groups []managedGroup, kept bool, out *target.Observed) (w desiredTenant) {
	key := plan.Key{Kind: kindTenant, ID: string(p.Tenant.ID)}
	hold := func(key plan.Key, code, format string, args ...any) {
		w.conflicts = append(w.conflicts, plan.Conflict{Key: key, Violation: plan.Violation{Code: code, Key: key.ID, NeedsRepair: true,
			Message: fmt.Sprintf(format, args...)}})
	}
	note := func(code, format string, args ...any) {
		out.Notes = append(out.Notes, plan.Violation{Code: code, Kind: key.Kind, Key: key.ID, Note: true, Message: fmt.Sprintf(format, args...)})
	}
	is := plan.Object{Key: key, Label: p.Tenant.Name, Ref: string(p.Tenant.ID)}
	if names != nil {
		is.Fields = is.Fields.With(fieldAlias, plan.Value{names.Alias})
	}
	if len(groups) > 0 {
		is.Fields = is.Fields.With(fieldGroups, memberships(p, groups))
	}
	out.Objects = []plan.Object{is}
	switch {
	case at == nil:
		hold(key, "company_gone", "company %d is not in ConnectWise any more: deleted, merged into another one, or hidden from the API member; nothing is changed in CIPP; link the tenant to another one with syncd map", company)
		return w
	case at.Deleted:
		hold(key, "company_gone", "company %d (%s) is in ConnectWise's recycle bin: nothing is changed in CIPP; bring it back, or link the tenant to another one with syncd map", company, at.Name)
		return w
	}
	out.Objects[0].Facts = []plan.Fact{{Name: "company", Value: fmt.Sprintf("%d %s", company, at.Name)}}
	want := plan.Object{Key: key, Label: is.Label, Facts: out.Objects[0].Facts}
	if t.config.Alias != "" {
		text, known := t.config.alias(at)
		switch {
		case !known:
			note("alias_field_missing", "companies in ConnectWise have no custom field %q, which the alias is to come from (cipp.tenants.alias): write name, identifier, or the caption of one", t.config.Alias)
		case text == "" || names == nil:
		case text == p.Tenant.Name:
			// It is shown like that, by an alias or under its own name.
			want.Fields = want.Fields.With(fieldAlias, plan.Value{names.Alias})
		case text == names.Microsoft:
			// Under its own name a tenant is shown without an alias.
			want.Fields = want.Fields.With(fieldAlias, plan.Value{""})
		default:
			want.Fields = want.Fields.With(fieldAlias, plan.Value{text})
		}
	}
	// The loop holds an alias that was edited after syncd wrote it, and not one that
	// was there before.
	if wanted, set := want.Fields.Get(fieldAlias); set && !kept && names.Alias != "" && !wanted.Equal(plan.Value{names.Alias}) {
		w.requireApproval("alias_foreign", "CIPP shows %s as %q, an alias that syncd did not write; approving replaces it by %q",
			names.Microsoft, names.Alias, cmp.Or(wanted.String(), names.Microsoft))
	}
	if len(groups) > 0 {
		in := plan.Value{}
		for i := range groups {
			g := &groups[i]
			switch fits := slices.ContainsFunc(g.rules, func(r *Rule) bool { return r.matches(at) }); {
			case !fits:
			case g.id != "":
				in = append(in, g.name)
			case g.note:
				note(g.code, "%s", g.why)
			default:
				hold(plan.Key{Kind: kindTenant, ID: string(p.Tenant.ID) + "@" + g.name}, g.code, "%s", g.why)
			}
		}
		want.Fields = want.Fields.With(fieldGroups, in)
		now, _ := is.Fields.Get(fieldGroups)
		w.leaves = without(now, in)
		if lost := lostAgreements(w.leaves, groups, at); lost != "" {
			w.requireApproval("agreements_gone", "ConnectWise lists no active agreement of company %d (%s) any more, and %s, which %s is in, asks for one: it ended, or the API member may not see it; approve if it ended",
				company, at.Name, lost, p.Tenant.Name)
		}
		if len(in) == 0 && len(now) > 0 && len(now) == len(p.Groups) {
			w.requireApproval("group_rewritten", "to take %s out of its last tenant group CIPP is sent all other members of %s anew: tenants that are excluded in CIPP are not shown among them and drop out of it; approve if there is none, or take the tenant out in CIPP",
				p.Tenant.Name, now)
		}
	}
	w.objects = []plan.Object{want}
	return w
}

// tenantNames returns the names of a tenant, and nil where they are not needed: where no
// alias is managed, or none is wanted. CIPP distinguishes an alias from Microsoft's name
// only in a live read, so only tenants that are shown under another name than they should
// be are read live; for the others syncd's records say which it is.
func (t *Target) tenantNames(ctx context.Context, a *admin.Admin, p *admin.TenantProfile, at *Facts, records []plan.Record) (*admin.TenantNames, error) {
	if t.config.Alias == "" || at == nil || at.Deleted {
		return nil, nil
	}
	shown, recorded, known := p.Tenant.Name, "", false
	for i := range records {
		// A record with an unanswered write is not certain.
		if r := &records[i]; r.Key.ID == string(p.Tenant.ID) && r.Origin != plan.Announced && r.Pending == nil {
			recorded, known = r.Fields.Text(fieldAlias), true
		}
	}
	switch text, _ := t.config.alias(at); {
	case text == "" && known && recorded == shown:
		return &admin.TenantNames{Alias: recorded}, nil
	case text == "":
		return nil, nil
	case text == shown && known && recorded == "":
		return &admin.TenantNames{Microsoft: shown}, nil
	case text == shown:
		return &admin.TenantNames{Alias: shown}, nil
	}
	names, err := a.TenantNames(ctx, p.Tenant)
	names.Alias = strings.Join(strings.Fields(names.Alias), " ")
	return &names, err
}

// requireApproval holds the whole scope until its plan is approved. The violation has no
// object, because an object with a violation is not planned.
func (w *desiredTenant) requireApproval(code, format string, args ...any) {
	w.conflicts = append(w.conflicts, plan.Conflict{Key: plan.Key{Kind: kindTenant, ID: "@" + code},
		Violation: plan.Violation{Code: code, Message: fmt.Sprintf(format, args...)}})
}

// lostAgreements returns the first of the groups to be left whose rule no longer fits
// because the company has no agreement at all, or "".
func lostAgreements(leaves []string, groups []managedGroup, at *Facts) string {
	if len(at.Agreements) > 0 {
		return ""
	}
	for _, g := range groups {
		if slices.Contains(leaves, g.name) && slices.ContainsFunc(g.rules, func(r *Rule) bool {
			rest := *r
			rest.Agreement = ""
			return r.Agreement != "" && rest.matches(at)
		}) {
			return g.name
		}
	}
	return ""
}

// fewMembers is the size up to which a group may lose any number of members without
// approval: a share of so few means nothing.
const fewMembers = 3

// holdShrinkingGroups holds tenants that leave a group together with more than half of
// its members: a wrong rule or an incomplete list of companies has that effect.
func holdShrinkingGroups(views []*view, groups []managedGroup) {
	for i := range groups {
		g := &groups[i]
		var leaving []*desiredTenant
		for _, v := range views {
			if slices.Contains(v.wanted.leaves, g.name) {
				leaving = append(leaving, &v.wanted)
			}
		}
		if g.members <= fewMembers || 2*len(leaving) <= g.members {
			continue
		}
		for _, w := range leaving {
			w.requireApproval("group_shrinks", "%d of the %d tenants in %s would leave it in this run, more than half: look at the rule and at ConnectWise, and approve if that is meant", len(leaving), g.members, g.name)
		}
	}
}

// memberships returns the managed groups that a tenant is in, sorted.
func memberships(p *admin.TenantProfile, groups []managedGroup) plan.Value {
	in := plan.Value{}
	for i := range groups {
		if groups[i].id != "" && slices.ContainsFunc(p.Groups, func(g admin.TenantGroup) bool { return g.ID == groups[i].id }) {
			in = append(in, groups[i].name)
		}
	}
	return in
}
