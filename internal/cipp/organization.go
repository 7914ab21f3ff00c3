package cipp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"syncd/internal/directory"
)

// An orgRow is the row of Graph's organization; there is one.
// https://learn.microsoft.com/graph/api/resources/organization
type orgRow struct {
	row
	ID      text                                        `json:"id"`
	Domains list[verifiedDomainRow, *verifiedDomainRow] `json:"verifiedDomains"`
}

type verifiedDomainRow struct {
	row
	Name text `json:"name"`
	// Verified is absent from what Graph sends today: the list's name says it.
	Verified flag `json:"isVerified"`
}

// checkOrganization checks that the organization among the responses is the tenant. It is ""
// where the organization could not be read, which is no error.
func (c *Client) checkOrganization(got map[string]bulkResponse, f TenantFilter) (string, error) {
	org, err := organization(got)
	switch {
	case errors.Is(err, ErrUnusable):
		return "", err
	case err != nil:
		c.log.Debug().Str("tenant", string(f.tenant.ID)).Err(err).Msg("organization not read")
		return "", nil
	}
	return "organization is this tenant", org.checkTenant(f.tenant.ID)
}

// organization returns the organization among the responses.
func organization(got map[string]bulkResponse) (*orgRow, error) {
	answer, ok := got[orgRequest.ID]
	if !ok {
		return nil, errors.New("organization: no answer")
	}
	body, err := answer.collect()
	if err != nil {
		return nil, fmt.Errorf("organization: %w", err)
	}
	rows, err := rowsOf[orgRow](body.rows)
	if err != nil {
		return nil, fmt.Errorf("organization: %w", err)
	}
	return single(rows)
}

func single(rows []orgRow) (*orgRow, error) {
	if len(rows) != 1 || rows[0].ID == "" {
		return nil, fmt.Errorf("organization: %d rows where one with an id was due", len(rows))
	}
	return &rows[0], nil
}

// checkTenant returns an error if the organization is not the tenant with this id.
func (r *orgRow) checkTenant(id directory.TenantID) error {
	if got := strings.ToLower(r.ID.trimmed()); got != string(id) {
		return fmt.Errorf("%w: organization is %s", errForeign, clip(got, 40))
	}
	return nil
}

// Domains are the verified domains of a tenant, or why they are not known.
type Domains struct {
	Tenant directory.TenantID
	Names  []string // lower case, sorted; without Microsoft's own
	Err    error
}

// VerifiedDomains reads the verified domains of each tenant, one call a tenant,
// and returns them in the order of tenants. What concerns one tenant is in its
// answer; an error is ErrUnusable, or the context's.
func (c *Client) VerifiedDomains(ctx context.Context, tenants []directory.Tenant) ([]Domains, error) {
	out := make([]Domains, len(tenants))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.conf.Rate.Concurrency))
	for i, t := range tenants {
		group.Go(func() error {
			names, err := c.verifiedDomains(ctx, t)
			if err != nil && (ctx.Err() != nil || errors.Is(err, ErrUnusable)) {
				return err
			}
			out[i] = Domains{t.ID, names, err}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

func (c *Client) verifiedDomains(ctx context.Context, t directory.Tenant) ([]string, error) {
	f, err := c.filterOf(t)
	if err != nil {
		return nil, err
	}
	org, err := c.organizationOf(ctx, f)
	if err == nil {
		err = org.checkTenant(t.ID)
	}
	if id, ok := f.byID(); ok && lostDomain(err) {
		if again, idErr := c.answersByID(ctx, id); idErr == nil {
			org, err = again, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("domains of %s: %w", f, err)
	}
	return org.names(), nil
}

// answersByID reads the organization by the tenant's id, and notes that the tenant is to
// be addressed by its id where that succeeds.
func (c *Client) answersByID(ctx context.Context, f TenantFilter) (*orgRow, error) {
	org, err := c.organizationOf(ctx, f)
	if err == nil {
		err = org.checkTenant(f.tenant.ID)
	}
	if err == nil {
		c.markIDOnly(f.tenant.ID)
	}
	return org, err
}

// organizationOf reads the organization by a bulk call, or by ListGraphRequest where this
// CIPP has no bulk call.
func (c *Client) organizationOf(ctx context.Context, f TenantFilter) (*orgRow, error) {
	got, err := c.bulkRead(ctx, f, orgRequest)
	if err == nil {
		return organization(got)
	}
	if !errors.Is(err, ErrNoEndpoint) {
		return nil, err
	}
	rows, err := readAll[orgRow](ctx, c, f, orgRequest)
	if err != nil {
		return nil, err
	}
	return single(rows)
}

// names returns the organization's verified domains, without Microsoft's own, which do
// not identify the customer.
func (r *orgRow) names() []string {
	var out []string
	for _, d := range r.Domains {
		name := strings.ToLower(d.Name.trimmed())
		if name == "" || d.Verified.set && !d.Verified.on || strings.Contains(name, ".onmicrosoft.") || strings.HasSuffix(name, ".partner.onmschina.cn") {
			continue
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
