package admin

import (
	"context"
	"net/url"

	"syncd/internal/directory"
)

// ServiceHealth lists the open issues of Microsoft's services for a tenant. For
// all tenants CIPP would ask each within one call and time out.
func (a *Admin) ServiceHealth(ctx context.Context, t directory.Tenant) (Table, error) {
	rows, err := a.list(ctx, t, "ListServiceHealth", url.Values{"displayName": {t.Name}, "defaultDomainName": {t.DefaultDomain}})
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("service", "Service", "service"), col("issue", "Issue", "issueId"), col("feature", "Feature", "type"),
		col("what", "What", "desc")), nil
}
