package cipp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"time"

	"syncd/internal/directory"
)

// Snapshot reads the wanted collections of one tenant. What CIPP does not prove
// is an unknown list with the reason; an error is ErrUnusable, or the context's.
//
// On a present-day CIPP this is one call for a tenant.
func (c *Client) Snapshot(ctx context.Context, t directory.Tenant, want directory.Kinds) (*directory.Snapshot, error) {
	s := &directory.Snapshot{Tenant: t, TakenAt: time.Now().UTC()}
	if want.Has(directory.Licences) {
		list, err := c.licences(ctx, t, s.TakenAt)
		if err != nil {
			return nil, err
		}
		s.Licences = list
	}
	return s, nil
}

// A found is a list with how it was checked.
type found struct {
	licences []directory.Licence
	checks   []string
	partial  bool
}

// licences takes the best road this CIPP has: Graph's own lists in one call,
// then in two, then CIPP's overview, which hides what the MSP excluded.
func (c *Client) licences(ctx context.Context, t directory.Tenant, now time.Time) (directory.List[directory.Licence], error) {
	proof := directory.Proof{Source: c.name(), TakenAt: now, AsOf: now}
	f, err := FilterOf(t)
	if err != nil {
		return directory.Unknown[directory.Licence](proof, err), nil
	}
	for _, road := range []struct {
		endpoint string
		take     func(context.Context, TenantFilter) (found, error)
	}{
		{"ListGraphBulkRequest", c.licencesInOneCall},
		{"ListGraphRequest", c.licencesInTwoCalls},
		{"ListLicenses", c.licencesOfOverview},
	} {
		var got found
		got, err = road.take(ctx, f)
		proof.Endpoint = road.endpoint
		switch {
		case err == nil:
			proof.Checks, proof.Partial = got.checks, got.partial
			return directory.Proven(got.licences, proof), nil
		case ctx.Err() != nil:
			return directory.List[directory.Licence]{}, fmt.Errorf("licences of %s: %w", f, context.Cause(ctx))
		case errors.Is(err, ErrUnusable):
			return directory.List[directory.Licence]{}, err
		case errors.Is(err, ErrNoEndpoint):
			continue
		}
		break
	}
	return directory.Unknown[directory.Licence](proof, fmt.Errorf("licences of %s: %w", f, err)), nil
}

// licencesInOneCall reads Graph through ListGraphBulkRequest. The organization
// rides along as a witness: it names the tenant that the answer is about, and
// thereby tells an empty list from no access.
func (c *Client) licencesInOneCall(ctx context.Context, f TenantFilter) (found, error) {
	got, err := c.parts(ctx, f, orgPart, skusPart, subsPart)
	if err != nil {
		return found{}, err
	}
	witness, err := c.witness(got, f)
	if err != nil {
		return found{}, err
	}
	skus, whole, err := graphRows[skuRow](ctx, c, f, got, skusPart)
	if err != nil {
		return found{}, err
	}
	subs, wholeSubs, err := graphRows[subscriptionRow](ctx, c, f, got, subsPart)
	if err != nil {
		return found{}, err
	}
	list, err := proven(f, skus, subs, witness != "")
	if err != nil {
		return found{}, err
	}
	checks := []string{"every part answered 200", whole, wholeSubs}
	if witness == "" {
		checks = append(checks, "organization absent: the tenant is known by its SKU rows")
	} else {
		checks = append(checks, witness)
	}
	return found{licences: list, checks: append(checks, agreement(list))}, nil
}

// licencesInTwoCalls reads Graph through ListGraphRequest, which pages by itself
// and answers an error with an error.
func (c *Client) licencesInTwoCalls(ctx context.Context, f TenantFilter) (found, error) {
	skus, err := readAll[skuRow](ctx, c, f, skusPart)
	if err != nil {
		return found{}, err
	}
	subs, err := readAll[subscriptionRow](ctx, c, f, subsPart)
	if err != nil {
		return found{}, err
	}
	list, err := proven(f, skus, subs, false)
	if err != nil {
		return found{}, err
	}
	return found{licences: list, checks: []string{
		"both lists read to the end", "every row is this tenant's", "organization absent: the tenant is known by its SKU rows", agreement(list),
	}}, nil
}

// licencesOfOverview reads ListLicenses. It answers 200 and nothing where Graph
// refused, and leaves out what the MSP excluded; so what it lacks is unknown.
func (c *Client) licencesOfOverview(ctx context.Context, f TenantFilter) (found, error) {
	a, err := c.ask(ctx, about(f, "ListLicenses", nil))
	if err != nil {
		return found{}, err
	}
	rows, err := rowsOf[overviewRow](a.rows)
	if err != nil {
		return found{}, fmt.Errorf("ListLicenses: %w", err)
	}
	if len(rows) == 0 {
		return found{}, fmt.Errorf("ListLicenses: %w", errNobody)
	}
	if err := f.own(tenantsOf[overviewRow](rows)); err != nil {
		return found{}, fmt.Errorf("ListLicenses: %w", err)
	}
	list, err := overview(rows)
	if err != nil {
		return found{}, err
	}
	return found{list, []string{"every row is this tenant's", "SKUs that CIPP excludes are not listed", agreement(list)}, true}, nil
}

// proven turns both lists into licences if there is enough to believe them.
func proven(f TenantFilter, skus []skuRow, subs []subscriptionRow, witnessed bool) ([]directory.Licence, error) {
	if !witnessed {
		// CIPP answers 200 and an empty list where it may not read a tenant.
		if len(skus) == 0 {
			return nil, errors.New("subscribedSkus: empty, and nothing shows that CIPP may read this tenant")
		}
		if len(subs) == 0 {
			return nil, errors.New("directory/subscriptions: empty, and nothing shows that CIPP may read this tenant")
		}
	}
	return licences(f.tenant.ID, skus, subs)
}

// agreement is the check that what was bought and what may be used add up.
func agreement(list []directory.Licence) string {
	disputed := 0
	for _, l := range list {
		if l.Disputed != "" {
			disputed++
		}
	}
	if disputed == 0 {
		return "units and subscriptions agree"
	}
	return fmt.Sprintf("units and subscriptions agree but for %d SKUs", disputed)
}

// graphRows decodes one part of a bulk answer, and says how we know that it is
// whole. CIPP follows Graph's pages for us, but where a page fails it ends
// without a word, and the link to the next page stays in either case. So a
// collection that has one is read again by the road that fails aloud.
func graphRows[T any, P rowOf[T]](ctx context.Context, c *Client, f TenantFilter, got map[string]partial, p part) (rows []T, whole string, err error) {
	answer, ok := got[p.ID]
	if !ok {
		return nil, "", fmt.Errorf("%s: no answer to this part", p.graphName())
	}
	body, err := answer.collect()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", p.graphName(), err)
	}
	rows, err = rowsOf[T, P](body.rows)
	if err == nil {
		err = f.own(tenantsOf[T, P](rows))
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", p.graphName(), err)
	}
	if body.next == "" {
		return rows, p.graphName() + " on one page", nil
	}
	again, err := readAll[T, P](ctx, c, f, p)
	switch {
	case errors.Is(err, ErrNoEndpoint):
		// Not the cue for a worse road: the better one was open a moment ago.
		return nil, "", fmt.Errorf("%s has more than one page, and this CIPP cannot read them one by one", p.graphName())
	case err != nil:
		return nil, "", fmt.Errorf("%s has more than one page, and reading it by itself did not help: %w", p.graphName(), err)
	case len(again) < len(rows):
		return nil, "", fmt.Errorf("%s has more than one page, and read by itself only %d rows where the first page had %d", p.graphName(), len(again), len(rows))
	}
	return again, p.graphName() + " read again to the end", nil
}

// readAll reads a collection of Graph by itself, every page of it; as the
// application, like the bulk read, because the delegated user sees only what
// its GDAP roles let it see.
func readAll[T any, P rowOf[T]](ctx context.Context, c *Client, f TenantFilter, p part) ([]T, error) {
	name := p.graphName()
	a, err := c.ask(ctx, about(f, "ListGraphRequest", url.Values{"Endpoint": {name}, "AsApp": {"true"}}))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case a.meta.Queued.on:
		return nil, fmt.Errorf("%s: CIPP put the answer off (%s)", name, clip(string(a.meta.QueueMessage), 120))
	case a.meta.NextLink != "":
		return nil, fmt.Errorf("%s: CIPP left the next page unread", name)
	case !f.echoes(a.meta.TenantFilter):
		return nil, fmt.Errorf("%s: %w: it speaks of %q", name, errForeign, clip(string(a.meta.TenantFilter), 80))
	}
	rows, err := rowsOf[T, P](a.rows)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := f.own(tenantsOf[T, P](rows)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows, nil
}

// tenantsOf yields whose each row says it is.
func tenantsOf[T any, P rowOf[T]](rows []T) iter.Seq[text] {
	return func(yield func(text) bool) {
		for i := range rows {
			if !yield(P(&rows[i]).tenant()) {
				return
			}
		}
	}
}

// own returns an error if one of the rows is another tenant's.
func (f TenantFilter) own(tenants iter.Seq[text]) error {
	for t := range tenants {
		if !f.echoes(t) {
			return fmt.Errorf("%w: a row of %q", errForeign, clip(string(t), 80))
		}
	}
	return nil
}

// ask sends a call and opens its answer. Words where rows were due are an error.
func (c *Client) ask(ctx context.Context, k call) (answer, error) {
	body, err := c.do(ctx, k)
	if err != nil {
		return answer{}, err
	}
	a, err := open(body)
	if err == nil && len(a.texts) > 0 {
		err = &strayError{1, a.texts[0]}
	}
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", k.endpoint, err)
	}
	return a, nil
}
