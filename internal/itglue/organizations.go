package itglue

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"syncd/internal/mapping"
)

// An Organization is everything in an organization's record by which a
// customer could be recognised.
type Organization struct {
	ID        string
	Name      string
	ShortName string // fed from the company identifier of ConnectWise, where that is synced
	Type      string
	Status    string
	Primary   bool // the MSP's own: never suggested
	Adapters  []Adapter
}

// An Adapter is the record of another system that an organization or contact is
// tied to.
type Adapter struct {
	System   string // as IT Glue calls it, such as "ConnectWise Manage"
	RemoteID string // the id there: of a ConnectWise company, its number
	Sync     bool
	Orphaned bool // its other half is gone
}

// ConnectWise reports whether the record is one of ConnectWise PSA. What IT Glue
// calls that system is not documented; these are the words it is known by.
func (t Adapter) ConnectWise() bool {
	name := strings.ToLower(t.System)
	return strings.Contains(name, "connectwise") || strings.Contains(name, "manage")
}

func (t Adapter) microsoft() bool {
	name := strings.ToLower(t.System)
	return strings.Contains(name, "microsoft") || strings.Contains(name, "azure") || strings.Contains(name, "entra") ||
		strings.Contains(name, "365")
}

// Company returns the number of the ConnectWise company that the organization
// is tied to; it is false where there is none, or more than one.
func (o *Organization) Company() (string, bool) {
	company := ""
	for _, t := range o.Adapters {
		if !t.ConnectWise() || t.Orphaned || t.RemoteID == "" || t.RemoteID == company {
			continue
		}
		if company != "" {
			return "", false
		}
		company = t.RemoteID
	}
	return company, company != ""
}

type organization struct {
	Name      label `json:"name"`
	ShortName label `json:"short-name"`
	Type      label `json:"organization-type-name"`
	Status    label `json:"organization-status-name"`
	Primary   flag  `json:"primary"`
}

type adapter struct {
	TypeName label `json:"adapter-type-name"`
	RemoteID label `json:"remote-id"`
	Sync     flag  `json:"sync"`
	Orphaned flag  `json:"orphaned"`
}

// adaptersOf are the records of other systems that a record is tied to, from what was included with it.
func adaptersOf(relationships map[string]relationship, find func(pointer) (included, bool)) []Adapter {
	var out []Adapter
	for name, r := range relationships {
		if strings.ReplaceAll(name, "_", "-") != "adapters-resources" {
			continue
		}
		for _, p := range r.Data {
			in, ok := find(p)
			if !ok {
				continue
			}
			var a adapter
			if json.Unmarshal(in.Attributes, &a, readOptions) == nil {
				out = append(out, Adapter{System: string(a.TypeName), RemoteID: string(a.RemoteID), Sync: bool(a.Sync), Orphaned: bool(a.Orphaned)})
			}
		}
	}
	return out
}

// organizations lists organizations with their adapters; only those of the ids,
// where some are given.
// GET /organizations?include=adapters_resources.
func (s *session) organizations(ctx context.Context, only id) (map[id]*Organization, error) {
	q := url.Values{"sort": {"id"}, "include": {"adapters_resources"}}
	if only != 0 {
		q.Set("filter[id]", only.String())
	}
	rows, extra, err := listAll[organization](ctx, s, request{at: epOrganizations, query: q}, maxPageSize)
	if err != nil {
		return nil, fmt.Errorf("listing the organizations: %w", err)
	}
	out := make(map[id]*Organization, len(rows))
	for _, row := range rows {
		a := row.Attributes
		out[row.ID] = &Organization{ID: row.ID.String(), Name: string(a.Name), ShortName: string(a.ShortName), Type: string(a.Type),
			Status:  string(a.Status),
			Primary: bool(a.Primary), Adapters: adaptersOf(row.Relationships,
				func(p pointer) (included, bool) { in, ok := extra[p]; return in, ok })}
	}
	return out, nil
}

// Organizations lists every organization with the systems it is tied to,
// sorted by id.
func (c *Client) Organizations(ctx context.Context) ([]Organization, error) {
	found, err := c.unmetered().organizations(ctx, 0)
	if err != nil {
		return nil, err
	}
	out := make([]Organization, 0, len(found))
	for _, o := range found {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Organization) int {
		if len(a.ID) != len(b.ID) {
			return len(a.ID) - len(b.ID)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

// LookUp finds the organizations that people mean by ids or exact names, in one
// reading of all of them. Names need not be unique; then only the id will do.
func (c *Client) LookUp(ctx context.Context, texts []string) (map[string]mapping.Found, error) {
	all, err := c.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*Organization, len(all))
	byName := map[string][]string{}
	for i := range all {
		o := &all[i]
		byID[o.ID] = o
		name := strings.ToLower(strings.TrimSpace(o.Name))
		byName[name] = append(byName[name], o.ID)
	}
	place := func(id string) mapping.Found {
		return mapping.Found{Entity: mapping.Entity{ID: id, Name: byID[id].Name, Alias: byID[id].ShortName}}
	}
	out := map[string]mapping.Found{}
	for _, text := range texts {
		if byID[text] != nil {
			out[text] = place(text)
			continue
		}
		if _, err := strconv.ParseUint(text, 10, 64); err == nil {
			continue // an id that does not exist
		}
		switch ids := byName[strings.ToLower(strings.TrimSpace(text))]; len(ids) {
		case 1:
			out[text] = place(ids[0])
		case 0:
			out[text] = mapping.Found{Err: fmt.Errorf("%q is not an organization id and no organization is called so", text)}
		default:
			out[text] = mapping.Found{Err: fmt.Errorf("%d organizations are called %q (%s): write the id", len(ids), text, strings.Join(ids, ", "))}
		}
	}
	return out, nil
}

// Search finds organizations by a part of their name, or by their id, in one reading of all
// of them: IT Glue's own filter takes whole names alone.
func (c *Client) Search(ctx context.Context, _, text, _ string) ([]mapping.Entity, error) {
	all, err := c.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]mapping.Entity, len(all))
	for i := range all {
		o := &all[i]
		found[i] = mapping.Entity{ID: o.ID, Name: o.Name, Alias: o.ShortName, Note: o.Type}
		if o.Primary {
			found[i].Note = "your own organization"
		}
	}
	return mapping.Search(found, text), nil
}

// OrganizationsOfCompany asks IT Glue itself which organizations belong to a
// ConnectWise company: the second opinion on what Company says. One id is a
// confirmation, none or several are for a person.
// GET /organizations?filter[psa_integration_type]=manage&filter[psa_id]=….
func (c *Client) OrganizationsOfCompany(ctx context.Context, company string) ([]string, error) {
	if company == "" || strings.ContainsAny(company, ",\\") {
		return nil, fmt.Errorf("%q is not the id of a ConnectWise company", company)
	}
	q := url.Values{"filter[psa_integration_type]": {"manage"}, "filter[psa_id]": {company}, "sort": {"id"}}
	rows, _, err := listAll[organization](ctx, c.unmetered(), request{at: epOrganizations, query: q}, maxPageSize)
	if err != nil {
		return nil, fmt.Errorf("asking for the organization of ConnectWise company %s: %w", company, err)
	}
	var out []string
	for _, row := range rows {
		out = append(out, row.ID.String())
	}
	return out, nil
}

// Evidence is what besides its own record speaks for an organization.
type Evidence struct {
	Domains        []string       // that IT Glue tracks for it, sorted
	ContactDomains map[string]int // how many contacts have mail there
}

// Evidence gathers, for each organization by id, the domains that its contacts
// and its domain records show.
func (c *Client) Evidence(ctx context.Context) (map[string]*Evidence, error) {
	out := map[string]*Evidence{}
	of := func(n id) *Evidence {
		e := out[n.String()]
		if e == nil {
			e = &Evidence{ContactDomains: map[string]int{}}
			out[n.String()] = e
		}
		return e
	}
	s := c.unmetered()
	var people []*contact
	err := s.contacts(ctx, 0, func() { people = nil }, func(_ id, p *contact) error { people = append(people, p); return nil })
	if err != nil {
		return nil, err
	}
	for _, p := range people {
		seen := map[string]bool{}
		for _, e := range p.Emails {
			if _, domain, ok := strings.Cut(address(string(e.Value)), "@"); ok && domain != "" && !seen[domain] {
				seen[domain] = true
				of(p.Organization).ContactDomains[domain]++
			}
		}
	}
	var domains []nativeDomain
	if err := s.domains(ctx, 0, func() { domains = nil },
		func(d nativeDomain) error { domains = append(domains, d); return nil }); err != nil {
		return nil, err
	}
	for _, d := range domains {
		e := of(d.Organization)
		e.Domains = append(e.Domains, d.Name)
	}
	for _, e := range out {
		slices.Sort(e.Domains)
		e.Domains = slices.Compact(e.Domains)
	}
	return out, nil
}
