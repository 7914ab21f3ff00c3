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

// A managed group is one that rules name.
type managed struct {
	name  string // as CIPP spells it; as the rules do where it has none
	rules []*Rule
	id    string // of the static group; empty where there is none to use
	// members is how many tenants CIPP shows in it.
	members int
	trouble
}

// A trouble is why a group cannot be used. It is told only of tenants that
// should be in the group: nobody else misses anything.
type trouble struct {
	code, why string
	note      bool // it holds nothing
}

// managed resolves the groups that the rules name, in the order of their names.
func (t *Target) managed(all []admin.TenantGroup) []managed {
	byName := map[string]*managed{}
	for i := range t.config.Groups {
		r := &t.config.Groups[i]
		key := strings.ToLower(r.Group)
		if byName[key] == nil {
			byName[key] = resolve(r.Group, all)
		}
		byName[key].rules = append(byName[key].rules, r)
	}
	out := make([]managed, 0, len(byName))
	for _, g := range byName {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b managed) int { return strings.Compare(a.name, b.name) })
	return out
}

func resolve(name string, all []admin.TenantGroup) *managed {
	var found []admin.TenantGroup
	for _, g := range all {
		if strings.EqualFold(strings.TrimSpace(g.Name), name) {
			found = append(found, g)
		}
	}
	m := &managed{name: name}
	switch {
	case len(found) == 0:
		m.trouble = trouble{"group_missing", fmt.Sprintf("CIPP has no tenant group %q, which a rule names (cipp.tenants.groups): make it with syncd cipp tenant-groups create %q, or correct the rule", name, name), true}
	case len(found) > 1:
		m.trouble = trouble{"group_ambiguous", fmt.Sprintf("CIPP has %d tenant groups called %q, which a rule names (cipp.tenants.groups): rename all but one there", len(found), name), false}
	case found[0].Dynamic:
		m.trouble = trouble{"group_dynamic", fmt.Sprintf("%q is a dynamic tenant group: its own rules in CIPP say who is in it; name a static one in cipp.tenants.groups", found[0].Name), false}
	default:
		m.name, m.id, m.members = strings.TrimSpace(found[0].Name), found[0].ID, len(found[0].Members)
	}
	return m
}

// look says what a tenant is in CIPP, which goes into out, and what it should be.
// names is what the tenant is called as far as it is known, and kept says that
// syncd keeps the tenant in step already.
func (t *Target) look(p *admin.TenantProfile, company int, at *Facts, names *admin.TenantNames, groups []managed, kept bool, out *target.Observed) (w wish) {
	key := plan.Key{Kind: kindTenant, ID: string(p.Tenant.ID)}
	hold := func(key plan.Key, code, format string, args ...any) {
		w.conflicts = append(w.conflicts, plan.Conflict{Key: key, Violation: plan.Violation{Code: code, Key: key.ID, NeedsRepair: true, Message: fmt.Sprintf(format, args...)}})
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
	out.Objects[0].Info = map[string]string{"company": fmt.Sprintf("%d %s", company, at.Name)}
	want := plan.Object{Key: key, Label: is.Label, Info: out.Objects[0].Info}
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
	// What replaces it was not seen by who wrote it, unlike a later edit, which
	// the loop holds by itself.
	if wanted, set := want.Fields.Get(fieldAlias); set && !kept && names.Alias != "" && !wanted.Equal(plan.Value{names.Alias}) {
		w.ask("alias_foreign", "CIPP shows %s as %q, an alias that syncd did not write; approving replaces it by %q",
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
			w.ask("agreements_gone", "ConnectWise lists no active agreement of company %d (%s) any more, and %s, which %s is in, asks for one: it ended, or the API member may not see it; approve if it ended",
				company, at.Name, lost, p.Tenant.Name)
		}
		if len(in) == 0 && len(now) > 0 && len(now) == len(p.Groups) {
			w.ask("group_rewritten", "to take %s out of its last tenant group CIPP is sent all other members of %s anew: tenants that are excluded in CIPP are not shown among them and drop out of it; approve if there is none, or take the tenant out in CIPP",
				p.Tenant.Name, now)
		}
	}
	w.objects = []plan.Object{want}
	return w
}

// names says what a tenant is called, as far as that has to be known: nil where
// no alias is managed, or nothing is wanted. CIPP tells an alias from Microsoft's
// name only in an answer that it reads live, so it is asked about the tenants
// alone that are shown under another name than they should be, and syncd's own
// memory about the others.
func (t *Target) names(ctx context.Context, a *admin.Admin, p *admin.TenantProfile, at *Facts, records []plan.Record) (*admin.TenantNames, error) {
	if t.config.Alias == "" || at == nil || at.Deleted {
		return nil, nil
	}
	shown, left, known := p.Tenant.Name, "", false
	for i := range records {
		// One with a write that was not answered says nothing for certain.
		if r := &records[i]; r.Key.ID == string(p.Tenant.ID) && r.Origin != plan.Announced && r.Pending == nil {
			left, known = r.Fields.Text(fieldAlias), true
		}
	}
	switch text, _ := t.config.alias(at); {
	case text == "" && known && left == shown:
		return &admin.TenantNames{Alias: left}, nil
	case text == "":
		return nil, nil
	case text == shown && known && left == "":
		return &admin.TenantNames{Microsoft: shown}, nil
	case text == shown:
		return &admin.TenantNames{Alias: shown}, nil
	}
	names, err := a.TenantNames(ctx, p.Tenant)
	names.Alias = strings.Join(strings.Fields(names.Alias), " ")
	return &names, err
}

// ask holds the whole scope until somebody approves its plan. The violation is
// of no object, since an object that has one is not planned.
func (w *wish) ask(code, format string, args ...any) {
	w.conflicts = append(w.conflicts, plan.Conflict{Key: plan.Key{Kind: kindTenant, ID: "@" + code}, Violation: plan.Violation{Code: code, Message: fmt.Sprintf(format, args...)}})
}

// lostAgreements is the first of the groups left that is left for want of an
// agreement, where the company has none at all; empty elsewhere.
func lostAgreements(leaves []string, groups []managed, at *Facts) string {
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

// fewMembers is the size up to which a group may lose any part of its members
// unasked: shares of few mean nothing.
const fewMembers = 3

// shrinking asks about tenants that leave a group together with more than half
// of its members: rules that changed, or a company list that lacks something,
// look like that.
func shrinking(views []*view, groups []managed) {
	for i := range groups {
		g := &groups[i]
		var leaving []*wish
		for _, v := range views {
			if slices.Contains(v.wanted.leaves, g.name) {
				leaving = append(leaving, &v.wanted)
			}
		}
		if g.members <= fewMembers || 2*len(leaving) <= g.members {
			continue
		}
		for _, w := range leaving {
			w.ask("group_shrinks", "%d of the %d tenants in %s would leave it in this run, more than half: look at the rule and at ConnectWise, and approve if that is meant", len(leaving), g.members, g.name)
		}
	}
}

// memberships are the managed groups that a tenant is in, sorted.
func memberships(p *admin.TenantProfile, groups []managed) plan.Value {
	in := plan.Value{}
	for i := range groups {
		if groups[i].id != "" && slices.ContainsFunc(p.Groups, func(g admin.TenantGroup) bool { return g.ID == groups[i].id }) {
			in = append(in, groups[i].name)
		}
	}
	return in
}
