package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
)

// A tenantRow is a row of ListTenants. CIPP source: Get-Tenants.ps1.
type tenantRow struct {
	row
	CustomerID    text   `json:"customerId"`
	Name          text   `json:"displayName"` // the alias, where one is set
	DefaultDomain text   `json:"defaultDomainName"`
	InitialDomain text   `json:"initialDomainName"`
	Domains       text   `json:"domains"` // not a list of domains: "PartnerTenant" or nothing
	Excluded      flag   `json:"Excluded"`
	ErrorCount    number `json:"GraphErrorCount"`
	LastError     text   `json:"LastGraphError"`
	LastRefresh   moment `json:"LastRefresh"`
	Timestamp     moment `json:"Timestamp"`
	Results       text   `json:"Results"` // the failure, in the only row of a failed call
}

// Tenants lists the tenants that CIPP may read, in the order of their names.
// Excluded ones are left out.
//
// It fails where CIPP cannot be used, and where its answer holds nothing but an
// error. Rows that are no tenants are left out where there are others; who is
// missing from the list is unknown, not gone.
func (c *Client) Tenants(ctx context.Context) (directory.List[directory.Tenant], error) {
	proof := directory.Proof{Source: c.sourceName(), Endpoint: "ListTenants", TakenAt: time.Now().UTC()}
	proof.AsOf = proof.TakenAt
	body, err := c.do(ctx, global("ListTenants"))
	if err != nil {
		return directory.List[directory.Tenant]{}, asSystemError(err)
	}
	unknown := func(err error) directory.List[directory.Tenant] {
		return directory.Unknown[directory.Tenant](proof, fmt.Errorf("ListTenants: %w", err))
	}
	a, err := openAnswer(body)
	if err != nil {
		return unknown(err), nil
	}
	if len(a.texts) > 0 {
		return directory.List[directory.Tenant]{}, failedList(a.texts[0])
	}
	rows, notData, err := validRows[tenantRow](a.rows)
	if err == nil && len(rows) == 0 {
		err = notData
	}
	if err != nil {
		return unknown(err), nil
	}
	tenants, refreshed, err := tenants(rows, directory.TenantID(strings.ToLower(strings.TrimSpace(c.conf.TenantID))))
	if err != nil {
		if errors.Is(err, ErrUnusable) {
			return directory.List[directory.Tenant]{}, err
		}
		return unknown(err), nil
	}
	if len(tenants) == 0 {
		// A role that sees no tenant, a table that was just emptied, and an MSP
		// without customers look the same.
		return unknown(errors.New("CIPP lists no tenant; check that the role of the API client may see some")), nil
	}
	if refreshed.Before(proof.TakenAt) && !refreshed.IsZero() {
		proof.AsOf = refreshed
	}
	proof.Checks, proof.Partial = []string{"every tenant has an id", "every tenant once"}, true
	return directory.Proven(tenants, proof), nil
}

const permissionCheck = "run the permission check in CIPP (Settings > Permissions), then look at its logbook"

func failedList(text string) error {
	return &SystemError{Endpoint: "ListTenants", Text: clip(text, 200), Remedy: listRemedy(classOf(text) == busy)}
}

// listRemedy is for the list of tenants, which a CIPP that is down, restarting or
// throttled by Microsoft does not give whatever its permissions are.
func listRemedy(temporary bool) string {
	if temporary {
		return "CIPP or Microsoft is busy or out of order; nothing is wrong with the configuration: the next run tries again"
	}
	return permissionCheck
}

// asSystemError makes an error of the tenant list one of CIPP as a whole: nothing can be
// read without the list.
func asSystemError(err error) error {
	if e, ok := errors.AsType[*TenantError](err); ok {
		return &SystemError{Endpoint: e.Endpoint, Status: e.Status, Text: e.Text, Remedy: listRemedy(e.Temporary)}
	}
	if errors.Is(err, ErrNoEndpoint) {
		return errorOf(wrongURL, "ListTenants", "", http.StatusNotFound, "no such endpoint")
	}
	return err
}

// tenants turns rows into tenants, each once, and says when CIPP last
// refreshed its list. partner is the partner's own tenant id, where known.
func tenants(rows []tenantRow, partner directory.TenantID) (list []directory.Tenant, refreshed time.Time, err error) {
	newest := make(map[directory.TenantID]*tenantRow, len(rows))
	var failure error
	for i := range rows {
		r := &rows[i]
		customer := r.CustomerID.trimmed()
		if strings.EqualFold(customer, "AllTenants") {
			continue // the pseudo row of a selector
		}
		id, err := directory.ParseTenantID(customer)
		switch {
		case customer == "":
			failure = failedList(firstOf(r.Results, r.Name, "a row without a customerId"))
			continue
		case err != nil && r.Excluded.on:
			continue
		case err != nil:
			failure = fmt.Errorf("customerId of %q: %w", clip(string(r.DefaultDomain), 80), err)
			continue
		}
		if r.LastRefresh.After(refreshed) {
			refreshed = r.LastRefresh.Time
		}
		// A renamed default domain leaves the old row behind for a while.
		if before := newest[id]; before == nil || r.newer(before) {
			newest[id] = r
		}
	}
	// Rows that are no tenants are dropped where there are others: a tenant that
	// is missing because of them is unknown, and does not count as gone.
	if failure != nil && len(newest) == 0 {
		return nil, refreshed, failure
	}
	for id, r := range newest {
		if !r.Excluded.on {
			list = append(list, r.asTenant(id, partner))
		}
	}
	slices.SortFunc(list, func(a, b directory.Tenant) int {
		if n := strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)); n != 0 {
			return n
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	return list, refreshed, nil
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...text) string {
	for _, t := range texts {
		if s := t.trimmed(); s != "" {
			return s
		}
	}
	return ""
}

// newer reports whether r was refreshed after b.
func (r *tenantRow) newer(b *tenantRow) bool {
	if !r.LastRefresh.Equal(b.LastRefresh.Time) {
		return r.LastRefresh.After(b.LastRefresh.Time)
	}
	return r.Timestamp.After(b.Timestamp.Time)
}

func (r *tenantRow) asTenant(id, partner directory.TenantID) directory.Tenant {
	t := directory.Tenant{
		ID:            id,
		DefaultDomain: r.DefaultDomain.trimmed(),
		InitialDomain: r.InitialDomain.trimmed(),
		Name:          firstOf(r.Name, r.DefaultDomain, text(id)),
		Partner:       r.Name.trimmed() == "*Partner Tenant" || strings.EqualFold(r.Domains.trimmed(), "PartnerTenant") || id == partner,
	}
	// The text of an error stays after it is over; the count goes back to 0.
	if r.ErrorCount.n > 0 {
		t.Trouble = fmt.Sprintf("%d Graph errors", r.ErrorCount.n)
		if last := clip(string(r.LastError), 200); last != "" {
			t.Trouble += ", the last: " + last
		}
	}
	return t
}
