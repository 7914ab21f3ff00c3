package admin

import (
	"context"

	"syncd/internal/directory"
)

// domains reads Graph's list; CIPP's own does not have isVerified.
func (a *Admin) domains(ctx context.Context, t directory.Tenant) ([]row, error) {
	rows, err := a.graph(ctx, t, "domains")
	return requireRows(rows, err, "domains of "+t.Name)
}

// Domains lists the domains of a tenant.
func (a *Admin) Domains(ctx context.Context, t directory.Tenant) (Table, error) {
	rows, err := a.domains(ctx, t)
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("domain", "Domain", "id"), yesNoCol("default", "Default", "isDefault"),
		yesNoCol("verified", "Verified", "isVerified"), col("type", "Type", "authenticationType"),
		yesNoCol("initial", "Initial", "isInitial"), col("services", "Services", "supportedServices")), nil
}

// DomainHealth shows the last daily analysis of the domains of a tenant, or of
// all tenants where it is nil. A domain that was never analysed is not in it.
func (a *Admin) DomainHealth(ctx context.Context, t *directory.Tenant) (Table, error) {
	rows, note, err := a.rowsWithNote(ctx, callFor(t, "ListDomainAnalyser", nil))
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("domain", "Domain", "Domain"), col("tenant", "Tenant", "Tenant"), col("provider", "Mail", "MailProvider"),
		yesNoCol("spf", "SPF", "SPFPassAll"),
		yesNoCol("dkim", "DKIM", "DKIMEnabled"), col("dmarc", "DMARC", "DMARCActionPolicy"), yesNoCol("dnssec", "DNSSEC", "DNSSECPresent"),
		numberCol("score", "Score %", "ScorePercentage"),
		timeCol("as_of", "As of", "LastRefresh")).withNote(note), nil
}
