package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/directory"
)

// A domainRow is a domain as Graph sends it.
// https://learn.microsoft.com/graph/api/resources/domain
type domainRow struct {
	row
	Name           text  `json:"id"`
	Verified       flag  `json:"isVerified"`
	Default        flag  `json:"isDefault"`
	Initial        flag  `json:"isInitial"`
	Authentication text  `json:"authenticationType"`
	Services       words `json:"supportedServices"`
}

var domainsRequest = get("domains", "domains", 0)

// domains reads the domains of the tenant, with the last results of CIPP's analyser.
func (r *tenantRead) domains(ctx context.Context) (directory.List[directory.Domain], error) {
	proof := r.proof()
	domains, checks, err := r.readDomains(ctx)
	if err == nil {
		var health string
		if health, err = r.addHealth(ctx, domains); err == nil {
			checks = append(checks, health)
			proof.Endpoint += ", ListDomainAnalyser"
		}
	}
	proof.Checks = checks
	return listOf(ctx, r.f, "domains", domains, proof, err)
}

func (r *tenantRead) readDomains(ctx context.Context) ([]directory.Domain, []string, error) {
	if err := r.checkOwner(); err != nil {
		return nil, nil, err
	}
	domains, whole, err := readCollection(ctx, r.Client, r.f, r.got, domainsRequest, func(d *domainRow) (string, directory.Domain, error) {
		name := strings.ToLower(d.Name.trimmed())
		switch {
		case !strings.Contains(name, ".") || strings.ContainsAny(name, " \t"):
			return "", directory.Domain{}, fmt.Errorf("domain %q has no name", clip(name, 80))
		case !d.Verified.set:
			return "", directory.Domain{}, fmt.Errorf("domain %s does not say whether it is verified", name)
		}
		if err := d.Services.checkNoSpace(); err != nil {
			return "", directory.Domain{}, fmt.Errorf("domain %s: %w", name, err)
		}
		slices.Sort(d.Services)
		return name, directory.Domain{
			Name: name, Verified: d.Verified.on, Default: d.Default.on, Initial: d.Initial.on,
			Authentication: string(d.Authentication), Services: d.Services,
		}, nil
	})
	switch {
	case err != nil:
		return nil, nil, err
	case len(domains) == 0:
		return nil, nil, errors.New("domains: an empty list, and no tenant is without its onmicrosoft.com domain")
	}
	slices.SortFunc(domains, func(a, b directory.Domain) int { return strings.Compare(a.Name, b.Name) })
	return domains, []string{whole, r.orgCheck, "every domain has a name and a state"}, nil
}

// An analysisRow is a row of ListDomainAnalyser. Any field is "" where the
// analyser did not find it out. CIPP source: Push-DomainAnalyserDomain.ps1.
type analysisRow struct {
	row
	TenantID text   `json:"TenantID"`
	Domain   text   `json:"Domain"`
	Checked  moment `json:"LastRefresh"`
	Provider text   `json:"MailProvider"`
	MX       hosts  `json:"ActualMXRecords"`
	SPF      text   `json:"ActualSPFRecord"`
	SPFPass  flag   `json:"SPFPassAll"`
	DMARC    text   `json:"DMARCActionPolicy"`
	DKIM     flag   `json:"DKIMEnabled"`
	DNSSEC   flag   `json:"DNSSECPresent"`
	Score    number `json:"ScorePercentage"`
}

// hosts are the names of mail servers: texts, or records that hold a name, as
// CIPP's DNS resolver writes them. CIPP source: Read-MXRecord.ps1.
type hosts []string

// UnmarshalJSONFrom reads a list or a single one of either kind.
func (h *hosts) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*h = nil
	one := func(dec *jsontext.Decoder) error {
		var name text
		if dec.PeekKind() == '{' {
			var record struct {
				Hostname text `json:"Hostname"`
				Name     text `json:"Name"`
				Exchange text `json:"Exchange"`
			}
			if err := json.UnmarshalDecode(dec, &record); err != nil {
				return err
			}
			name = text(firstOf(record.Hostname, record.Exchange, record.Name))
		} else {
			s, err := scalar(dec)
			if err != nil {
				return err
			}
			name = text(s)
		}
		if s := strings.TrimSuffix(name.trimmed(), "."); s != "" {
			*h = append(*h, s)
		}
		return nil
	}
	if dec.PeekKind() == '[' {
		return elements(dec, one)
	}
	return one(dec)
}

// healthByTenant has the analyser's results, by tenant id (or by the name CIPP
// gives the tenant) and by domain, both in lower case.
type healthByTenant map[string]map[string]directory.DomainHealth

// addHealth sets the health of the domains from the analyser's results, and returns a
// check that says of how many. Without a result it is unknown. An error ends the run.
func (r *tenantRead) addHealth(ctx context.Context, domains []directory.Domain) (string, error) {
	all, err := r.health.get(ctx, r.readHealth)
	if err != nil {
		return fmt.Sprintf("health of domains unknown: %v", err), r.fatal(ctx, err)
	}
	known := 0
	for i := range domains {
		for _, tenant := range [...]string{string(r.f.tenant.ID), r.f.tenant.DefaultDomain} {
			if h, ok := all[strings.ToLower(tenant)][domains[i].Name]; ok {
				domains[i].Health = h
				known++
				break
			}
		}
	}
	return fmt.Sprintf("health of %d domains known", known), nil
}

// readHealth reads the analyser's results of all tenants: one table, one call.
func (c *Client) readHealth(ctx context.Context) (healthByTenant, error) {
	a, err := c.ask(ctx, forAllTenants("ListDomainAnalyser", url.Values{}))
	if err != nil {
		return nil, err
	}
	// A row that is no data does not concern the others.
	rows, _, err := validRows[analysisRow](a.rows)
	if err != nil {
		return nil, fmt.Errorf("ListDomainAnalyser: %w", decodeError(err))
	}
	all := healthByTenant{}
	for i := range rows {
		r := &rows[i]
		tenant := strings.ToLower(firstOf(r.TenantID, r.Tenant))
		if tenant == "" || r.Checked.IsZero() {
			continue
		}
		if all[tenant] == nil {
			all[tenant] = map[string]directory.DomainHealth{}
		}
		all[tenant][strings.ToLower(r.Domain.trimmed())] = r.health()
	}
	return all, nil
}

func (r *analysisRow) health() directory.DomainHealth {
	slices.Sort(r.MX)
	h := directory.DomainHealth{
		Known: true, Checked: r.Checked.Round(time.Second), MailProvider: string(r.Provider), MX: r.MX,
		SPF: string(r.SPF), SPFPass: r.SPFPass.on, DKIM: r.DKIM.on, DNSSEC: r.DNSSEC.on, Score: min(max(r.Score.n, 0), 100),
	}
	switch policy := strings.ToLower(r.DMARC.trimmed()); policy {
	case "none", "quarantine", "reject":
		h.DMARC = policy
	}
	return h
}
