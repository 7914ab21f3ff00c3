package cipp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"syncd/internal/directory"
)

// A groupRow is a group as Graph sends it.
// https://learn.microsoft.com/graph/api/resources/group
type groupRow struct {
	row
	ID           text                            `json:"id"`
	Name         text                            `json:"displayName"`
	Description  text                            `json:"description"`
	Mail         text                            `json:"mail"`
	MailOn       flag                            `json:"mailEnabled"`
	Security     flag                            `json:"securityEnabled"`
	Types        words                           `json:"groupTypes"`
	Provisioning words                           `json:"resourceProvisioningOptions"`
	Visibility   text                            `json:"visibility"`
	Rule         text                            `json:"membershipRule"`
	Synced       flag                            `json:"onPremisesSyncEnabled"`
	Created      moment                          `json:"createdDateTime"`
	Deleted      moment                          `json:"deletedDateTime"`
	Licences     list[assignedRow, *assignedRow] `json:"assignedLicenses"`
}

func (r *groupRow) fillNames(n rowNames) {
	r.row, r.ID, r.Name = n.row, text(n.ID), text(n.Name)
}

var groupsRequest = get("groups", "groups?$select=id,displayName,description,mail,mailEnabled,securityEnabled,groupTypes,resourceProvisioningOptions,"+
	"visibility,membershipRule,onPremisesSyncEnabled,createdDateTime,assignedLicenses&$top=999", 999)

// groups reads the groups of the tenant with members and owners.
func (r *tenantRead) groups(ctx context.Context) (directory.List[directory.Group], error) {
	proof := r.proof()
	groups, checks, err := r.readGroups(ctx)
	proof.Checks = checks
	return listOf(ctx, r.f, "groups", groups, proof, err)
}

func (r *tenantRead) readGroups(ctx context.Context) ([]directory.Group, []string, error) {
	if err := r.checkOwner(); err != nil {
		return nil, nil, err
	}
	in := interner{}
	groups, whole, err := readCollection(ctx, r.Client, r.f, r.got, groupsRequest, func(g *groupRow) (string, directory.Group, error) {
		d, err := g.group(in)
		return d.ID, d, err
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(groups, func(a, b directory.Group) int { return strings.Compare(a.ID, b.ID) })
	if err := r.memberships(ctx, groups); err != nil {
		return nil, nil, err
	}
	unknown := 0
	for i := range groups {
		if groups[i].Members.Unknown != "" {
			unknown++
		}
	}
	unread, err := unreadNote("groups", groups, func(g *directory.Group) string { return g.Unread })
	if err != nil {
		return nil, nil, err
	}
	checks := []string{whole, r.orgCheck, "every group has an id and a kind" + unread, "members and owners read group by group"}
	if unknown > 0 {
		checks = append(checks, fmt.Sprintf("members of %d groups unknown", unknown))
	}
	return groups, checks, nil
}

// group makes a directory.Group of a row. As with users, one with an id whose other
// fields make no sense is known to exist, and nothing else is known of it.
func (r *groupRow) group(in interner) (directory.Group, error) {
	id := strings.ToLower(r.ID.trimmed())
	unread := func(format string, args ...any) (directory.Group, error) {
		return directory.Group{ID: id, Name: string(r.Name), Unread: fmt.Sprintf(format, args...)}, nil
	}
	switch {
	case !directory.IsGUID(id):
		return directory.Group{}, fmt.Errorf("group %q has no object id (%q)", clip(string(r.Name), 60), clip(string(r.ID), 40))
	case !r.Deleted.IsZero():
		return directory.Group{}, fmt.Errorf("group %s is deleted, and nobody asked for the deleted ones", id)
	case r.unread != "":
		return unread("%s", r.unread)
	case !r.MailOn.set || !r.Security.set:
		return unread("it does not say of what kind it is")
	}
	for _, w := range [...]words{r.Types, r.Provisioning} {
		if err := w.checkNoSpace(); err != nil {
			return unread("%s", err)
		}
	}
	licences, err := skusOf(r.Licences, in)
	if err != nil {
		return unread("%s", err)
	}
	return directory.Group{
		ID: id, Name: string(r.Name), Description: string(r.Description), Mail: strings.ToLower(r.Mail.trimmed()), Kind: r.kind(),
		Team: r.Provisioning.has("Team"), Visibility: in.intern(r.Visibility), Rule: string(r.Rule), Synced: r.Synced.on,
		Created: r.Created.Time, Licences: licences,
	}, nil
}

// kind returns the type of a group, as Microsoft's own table defines it.
// https://learn.microsoft.com/graph/api/resources/groups-overview#group-types-in-microsoft-entra-id-and-microsoft-graph
func (r *groupRow) kind() directory.GroupKind {
	switch {
	case r.Types.has("Unified"):
		return directory.Microsoft365Group
	case r.MailOn.on && r.Security.on:
		return directory.MailSecurity
	case r.MailOn.on:
		return directory.DistributionList
	case r.Security.on:
		return directory.SecurityGroup
	}
	return ""
}

// has reports whether s is among the words, in any case.
func (w words) has(s string) bool {
	return slices.ContainsFunc(w, func(t string) bool { return strings.EqualFold(s, t) })
}

// bulkParts is how many requests Graph takes in one batch; for more CIPP sends several
// batches one after the other, within its own time limit.
const bulkParts = 20

// memberships reads the members and owners of the groups. Graph would send the first
// twenty of each group with the list; we read each group, and a group whose answer is
// not whole is unknown by itself.
func (r *tenantRead) memberships(ctx context.Context, groups []directory.Group) error {
	if r.got == nil {
		for i := range groups {
			groups[i].Members.Unknown = "this CIPP cannot read the members of several groups at once; update it"
			groups[i].OwnersUnknown = groups[i].Members.Unknown
		}
		return nil
	}
	type question struct {
		group  int
		owners bool
	}
	var ask []question
	for i := range groups {
		ask = append(ask, question{i, false}, question{i, true})
	}
	pool, ctx := errgroup.WithContext(ctx)
	pool.SetLimit(max(1, r.conf.Rate.Concurrency))
	for some := range slices.Chunk(ask, bulkParts) {
		pool.Go(func() error {
			parts := make([]bulkRequest, len(some))
			for i, q := range some {
				parts[i] = membersRequest(groups[q.group].ID, q.group, q.owners)
			}
			got, failed := r.bulkRead(ctx, r.f, parts...)
			if failed != nil && (ctx.Err() != nil || errors.Is(failed, ErrUnusable)) {
				return failed
			}
			for i, q := range some {
				g := &groups[q.group]
				ids, err := []string(nil), failed
				if err == nil {
					ids, err = r.members(ctx, got, parts[i])
				}
				if err != nil && (ctx.Err() != nil || errors.Is(err, ErrUnusable)) {
					return err
				}
				unknown := ""
				switch {
				case err != nil:
					unknown, ids = err.Error(), nil
				case len(ids) == 0 && !q.owners && strings.EqualFold(g.Visibility, "HiddenMembership"):
					// Graph hides them without a permission that CIPP lacks.
					unknown = "the members of this group are hidden"
				}
				if q.owners {
					g.Owners, g.OwnersUnknown = ids, unknown
				} else {
					g.Members = directory.Members{IDs: ids, Unknown: unknown}
				}
			}
			return nil
		})
	}
	return pool.Wait()
}

func membersRequest(id string, n int, owners bool) bulkRequest {
	what := "members"
	if owners {
		what = "owners"
	}
	return get(what+"-"+strconv.Itoa(n), "groups/"+id+"/"+what+"?$select=id&$top=999", 999)
}

// members returns the object ids in one answer, sorted.
func (r *tenantRead) members(ctx context.Context, got map[string]bulkResponse, p bulkRequest) ([]string, error) {
	ids, _, err := readCollection(ctx, r.Client, r.f, got, p, func(m *idRow) (string, string, error) {
		id := strings.ToLower(m.ID.trimmed())
		if id == "" {
			return "", "", errors.New("a member without an id")
		}
		return id, id, nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return ids, nil
}
