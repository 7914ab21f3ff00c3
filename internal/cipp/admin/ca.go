package admin

import (
	"context"

	"syncd/internal/directory"
)

// Policies lists the conditional access policies of a tenant. CIPP hides the
// errors of this list: none may mean that it was not let in.
func (a *Admin) Policies(ctx context.Context, t directory.Tenant) (Table, error) {
	rows, err := a.list(ctx, t, "ListConditionalAccessPolicies", nil)
	if err != nil {
		return Table{}, err
	}
	table := tabulate(rows, false, col("name", "Policy", "displayName"), computed("state", "State", func(r row) string {
		if s := r.text("state"); s != "enabledForReportingButNotEnforced" {
			return s
		}
		return "report only"
	}), col("users", "Users", "includeUsers"), col("groups", "Groups", "includeGroups"),
		col("not_users", "But not", "excludeUsers", "excludeGroups"),
		col("apps", "Applications", "includeApplications"), col("grant", "Asks for", "builtInControls"),
		timeCol("changed", "Changed", "modifiedDateTime"), col("id", "Id", "id"))
	if len(rows) == 0 {
		table.Note = "none; CIPP says the same where it could not read them: check the tenant's licence (Entra ID P1) and its access"
	}
	return table, nil
}
