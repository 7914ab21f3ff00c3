package cipp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"syncd/internal/directory"
)

// Snapshot reads the wanted collections of one tenant. What CIPP does not prove
// is an unknown list with the reason, each list by itself; an error is
// ErrUnusable, or the context's.
//
// On a present-day CIPP licences, their holders, users, groups and domains are one call
// together, whichever of them are wanted, and one more for each further page.
// To that come, for a tenant:
//
//	users      one of the second factors, from CIPP's nightly cache; on the
//	           first day one more where the tenant has no sign-in data; and
//	           one a night of the mailboxes, which identify rooms
//	groups     one for ten groups' members and owners
//	mailboxes  three, all of them from the nightly cache
//
// and two for all tenants together, kept for some minutes: the age of the cache, and
// the results of the domain analyser.
func (c *Client) Snapshot(ctx context.Context, t directory.Tenant, want directory.Kinds) (*directory.Snapshot, error) {
	s := &directory.Snapshot{Tenant: t, TakenAt: time.Now().UTC()}
	r, err := c.read(ctx, t, want, s.TakenAt)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		kind directory.Kinds
		read func() error
	}{
		{directory.Licences, func() (err error) { s.Licences, err = r.licences(ctx); return err }},
		{directory.Users, func() (err error) { s.Users, err = r.users(ctx); return err }},
		{directory.Groups, func() (err error) { s.Groups, err = r.groups(ctx); return err }},
		{directory.Domains, func() (err error) { s.Domains, err = r.domains(ctx); return err }},
		{directory.Mailboxes, func() (err error) { s.Mailboxes, err = r.mailboxes(ctx); return err }},
		{directory.Holders, func() (err error) { s.Holders, err = r.holders(ctx, s.Users); return err }},
	} {
		if want.Has(part.kind) {
			if err := part.read(); err != nil {
				return nil, err
			}
		}
	}
	if want.Has(directory.Users) {
		boxes := &s.Mailboxes
		if !want.Has(directory.Mailboxes) {
			boxes = nil
		}
		if err := r.markRooms(ctx, s.Users, boxes); err != nil {
			return nil, err
		}
	}
	r.crossCheck(s)
	return s, nil
}

// A tenantRead is the read of one tenant.
type tenantRead struct {
	*Client
	f   TenantFilter
	now time.Time

	got          map[string]bulkResponse // the bulk answer; nil where this CIPP has no such call
	orgCheck     string                  // the check that the answer is this tenant's; "" where it could not be made
	err          error                   // why neither can be had
	tenantCounts cacheCounts             // of this tenant, where the answer about all lacks it
	used         int                     // units in use, where counted
	counted      bool
}

const noOrganization = "the organization was not answered, so nothing shows whose the rest of the answer is"

// read makes the one call that most of a snapshot comes from. It includes the
// organization, which proves whose data the answer is, and distinguishes an empty list
// from no access.
func (c *Client) read(ctx context.Context, t directory.Tenant, want directory.Kinds, now time.Time) (*tenantRead, error) {
	r := &tenantRead{Client: c, now: now}
	if r.f, r.err = c.filterOf(t); r.err != nil {
		return r, nil
	}
	ask := []bulkRequest{orgRequest}
	if want.Has(directory.Licences) {
		ask = append(ask, skusRequest, subsRequest)
	}
	if want.Has(directory.Users) {
		ask = append(ask, c.usersRequestFor(t.ID))
	}
	if want.Has(directory.Holders) && !want.Has(directory.Users) {
		ask = append(ask, holdersRequest)
	}
	if want.Has(directory.Groups) {
		ask = append(ask, groupsRequest)
	}
	if want.Has(directory.Domains) {
		ask = append(ask, domainsRequest)
	}
	if len(ask) == 1 {
		return r, nil
	}
	answered := func(f TenantFilter) (got map[string]bulkResponse, witness string, err error) {
		if got, err = c.bulkRead(ctx, f, ask...); err == nil {
			witness, err = c.checkOrganization(got, f)
		}
		return got, witness, err
	}
	r.got, r.orgCheck, r.err = answered(r.f)
	if f, ok := r.f.byID(); ok && ctx.Err() == nil && lostDomain(r.err) {
		// Only where it says whose the answer is: the domain is not to blame otherwise.
		if got, witness, err := answered(f); err == nil && witness != "" {
			r.f, r.got, r.orgCheck, r.err = f, got, witness, nil
			c.markIDOnly(t.ID)
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", r.f, context.Cause(ctx))
	case errors.Is(r.err, ErrUnusable):
		return nil, r.err
	case errors.Is(r.err, ErrNoEndpoint) && want&(directory.Users|directory.Holders|directory.Groups|directory.Domains) != 0:
		return r, r.readOrganization(ctx)
	}
	return r, nil
}

// readOrganization reads the organization where there is no bulk call. The licences do
// not need it then.
func (r *tenantRead) readOrganization(ctx context.Context) error {
	rows, err := readAll[orgRow](ctx, r.Client, r.f, orgRequest)
	var org *orgRow
	if err == nil {
		org, err = single(rows)
	}
	if err == nil {
		err = org.checkTenant(r.f.tenant.ID)
	}
	switch {
	case err == nil:
		r.orgCheck = "organization is this tenant"
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", r.f, context.Cause(ctx))
	case errors.Is(err, ErrUnusable):
		return err
	}
	return nil
}

// checkOwner returns why it is unknown whose data a list without tenant ids is.
func (r *tenantRead) checkOwner() error {
	switch {
	case r.err != nil && !errors.Is(r.err, ErrNoEndpoint):
		return r.err
	case r.orgCheck == "":
		return errors.New(noOrganization)
	}
	return nil
}

// proof is that of a list read from Graph just now.
func (r *tenantRead) proof() directory.Proof {
	p := directory.Proof{Source: r.sourceName(), Endpoint: "ListGraphBulkRequest", TakenAt: r.now, AsOf: r.now}
	if r.got == nil && errors.Is(r.err, ErrNoEndpoint) {
		p.Endpoint = "ListGraphRequest"
	}
	return p
}

// listOf returns a list that was read: proven, or unknown with the reason. An error ends
// the run.
func listOf[T any](ctx context.Context, f TenantFilter, what string, items []T, proof directory.Proof, err error) (directory.List[T], error) {
	switch {
	case err == nil:
		return directory.Proven(items, proof), nil
	case ctx.Err() != nil:
		return directory.List[T]{}, fmt.Errorf("%s of %s: %w", what, f, context.Cause(ctx))
	case errors.Is(err, ErrUnusable):
		return directory.List[T]{}, err
	}
	return directory.Unknown[T](proof, fmt.Errorf("%s of %s: %w", what, f, err)), nil
}

// A licenceRead is a list of licences with its checks.
type licenceRead struct {
	licences []directory.Licence
	checks   []string
	partial  bool
}

// licences reads the licences by the best method of this CIPP: Graph's lists in one call,
// or in two, or CIPP's overview, which hides the SKUs that the MSP excluded.
func (r *tenantRead) licences(ctx context.Context) (directory.List[directory.Licence], error) {
	proof := directory.Proof{Source: r.sourceName(), TakenAt: r.now, AsOf: r.now}
	if r.f.value == "" {
		return directory.Unknown[directory.Licence](proof, r.err), nil
	}
	var got licenceRead
	var err error
	for _, road := range []struct {
		endpoint string
		take     func(context.Context) (licenceRead, error)
	}{
		{"ListGraphBulkRequest", r.licencesInOneCall},
		{"ListGraphRequest", func(ctx context.Context) (licenceRead, error) { return r.licencesInTwoCalls(ctx, r.f) }},
		{"ListLicenses", func(ctx context.Context) (licenceRead, error) { return r.licencesOfOverview(ctx, r.f) }},
	} {
		proof.Endpoint = road.endpoint
		if got, err = road.take(ctx); !errors.Is(err, ErrNoEndpoint) {
			break
		}
	}
	proof.Checks, proof.Partial = got.checks, got.partial
	return listOf(ctx, r.f, "licences", got.licences, proof, err)
}

// licencesInOneCall reads the licences from the bulk answer.
func (r *tenantRead) licencesInOneCall(ctx context.Context) (licenceRead, error) {
	if r.err != nil {
		return licenceRead{}, r.err
	}
	skus, whole, err := graphRows[skuRow](ctx, r.Client, r.f, r.got, skusRequest)
	if err != nil {
		return licenceRead{}, err
	}
	subs, wholeSubs, err := graphRows[subscriptionRow](ctx, r.Client, r.f, r.got, subsRequest)
	if err != nil {
		return licenceRead{}, err
	}
	r.used, r.counted = inUse(skus), true
	list, partial, err := checkedLicences(r.f, skus, subs, r.orgCheck != "")
	if err != nil {
		return licenceRead{}, err
	}
	agree, err := checkTotals(list)
	checks := []string{"every part answered 200", whole, wholeSubs}
	if r.orgCheck == "" {
		checks = append(checks, "organization absent: the tenant is known by its SKU rows")
	} else {
		checks = append(checks, r.orgCheck)
	}
	return licenceRead{licences: list, checks: append(checks, agree), partial: partial}, err
}

// licencesInTwoCalls reads Graph through ListGraphRequest, which pages by itself
// and answers an error with an error.
func (c *Client) licencesInTwoCalls(ctx context.Context, f TenantFilter) (licenceRead, error) {
	skus, err := readAll[skuRow](ctx, c, f, skusRequest)
	if err != nil {
		return licenceRead{}, err
	}
	subs, err := readAll[subscriptionRow](ctx, c, f, subsRequest)
	if err != nil {
		return licenceRead{}, err
	}
	list, partial, err := checkedLicences(f, skus, subs, false)
	if err != nil {
		return licenceRead{}, err
	}
	agree, err := checkTotals(list)
	return licenceRead{licences: list, partial: partial, checks: []string{
		"both lists read to the end", "every row is this tenant's", "organization absent: the tenant is known by its SKU rows", agree,
	}}, err
}

// licencesOfOverview reads ListLicenses. It answers 200 and nothing where Graph
// refused, and leaves out what the MSP excluded; so what it lacks is unknown.
func (c *Client) licencesOfOverview(ctx context.Context, f TenantFilter) (licenceRead, error) {
	a, err := c.ask(ctx, forTenant(f, "ListLicenses", nil))
	if err != nil {
		return licenceRead{}, err
	}
	rows, err := rowsOf[overviewRow](a.rows)
	if err != nil {
		return licenceRead{}, fmt.Errorf("ListLicenses: %w", err)
	}
	if len(rows) == 0 {
		return licenceRead{}, fmt.Errorf("ListLicenses: %w", errEmptyAnswer)
	}
	if err := f.checkTenants(tenantsOf[overviewRow](rows)); err != nil {
		return licenceRead{}, fmt.Errorf("ListLicenses: %w", err)
	}
	list, err := overview(rows)
	if err != nil {
		return licenceRead{}, err
	}
	agree, err := checkTotals(list)
	return licenceRead{list, []string{"every row is this tenant's", "SKUs that CIPP excludes are not listed", agree}, true}, err
}

// checkedLicences makes licences of both lists, where they are proven.
func checkedLicences(f TenantFilter, skus []skuRow, subs []subscriptionRow, witnessed bool) (list []directory.Licence, partial bool, err error) {
	if !witnessed {
		// CIPP answers 200 and an empty list where it may not read a tenant.
		if len(skus) == 0 {
			return nil, false, errors.New("subscribedSkus: empty, and nothing shows that CIPP may read this tenant")
		}
		if len(subs) == 0 {
			return nil, false, errors.New("directory/subscriptions: empty, and nothing shows that CIPP may read this tenant")
		}
	}
	return licences(f.tenant.ID, skus, subs)
}

// checkTotals returns the check that purchased and usable units add up.
func checkTotals(list []directory.Licence) (string, error) {
	disputed := 0
	for _, l := range list {
		if l.Disputed != "" {
			disputed++
		}
	}
	unread, err := unreadNote("licences", list, func(l *directory.Licence) string {
		if l.Unread == "" {
			return ""
		}
		return fmt.Sprintf("SKU %s (%s): %s", l.SKU, clip(l.PartNumber, 60), l.Unread)
	})
	text := "units and subscriptions agree"
	if disputed > 0 {
		text += fmt.Sprintf(" but for %d SKUs", disputed)
	}
	return text + unread, err
}

// graphRows decodes one response of a bulk answer, and returns a check that says how it
// is known to be complete. CIPP follows Graph's pages, but where a page fails it stops
// without an error, and the link to the next page is there in either case. So a
// collection with a link is read again by ListGraphRequest, which reports such errors.
func graphRows[T any, P rowOf[T]](ctx context.Context, c *Client, f TenantFilter, got map[string]bulkResponse, p bulkRequest) (rows []T, whole string, err error) {
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
		err = f.checkTenants(tenantsOf[T, P](rows))
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
		// No reason for a worse method: the better one worked a moment ago.
		return nil, "", fmt.Errorf("%s has more than one page, and this CIPP cannot read them one by one", p.graphName())
	case err != nil:
		return nil, "", fmt.Errorf("%s has more than one page, and reading it by itself did not help: %w", p.graphName(), err)
	case len(again) < len(rows):
		return nil, "", fmt.Errorf("%s has more than one page, and read by itself only %d rows where the first page had %d", p.graphName(),
			len(again), len(rows))
	}
	return again, p.graphName() + " read again to the end", nil
}

// tenantsOf yields the tenant that each row names.
func tenantsOf[T any, P rowOf[T]](rows []T) iter.Seq[text] {
	return func(yield func(text) bool) {
		for i := range rows {
			if !yield(P(&rows[i]).tenant()) {
				return
			}
		}
	}
}

// checkTenants returns an error if one of the rows is another tenant's.
func (f TenantFilter) checkTenants(tenants iter.Seq[text]) error {
	for t := range tenants {
		if !f.echoes(t) {
			return fmt.Errorf("%w: a row of %q", errForeign, clip(string(t), 80))
		}
	}
	return nil
}

// ask sends a call and decodes its answer. Sentences in place of rows are an error.
func (c *Client) ask(ctx context.Context, k call) (answer, error) {
	body, err := c.do(ctx, k)
	if err != nil {
		return answer{}, err
	}
	a, err := openAnswer(body)
	if err == nil && len(a.texts) > 0 {
		err = &notDataError{1, a.texts[0]}
	}
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", k.endpoint, err)
	}
	return a, nil
}
