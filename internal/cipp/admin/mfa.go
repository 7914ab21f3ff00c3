package admin

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// MFAReport shows how each account of a tenant, or of all tenants where t is
// nil, is protected: from CIPP's nightly report, because live it costs half a
// dozen calls to Microsoft a tenant and needs more rights. An empty cell is
// not known, which is not the same as no.
func (a *Admin) MFAReport(ctx context.Context, t *directory.Tenant) (Table, error) {
	rows, note, err := a.rowsWithNote(ctx, callFor(t, "ListMFAUsers", url.Values{"UseReportDB": {"true"}}))
	if rows, err = requireRows(rows, err, "MFA report"); err != nil {
		return Table{}, err
	}
	table := tabulate(rows, false, col("upn", "User", "UPN"), col("tenant", "Tenant", "Tenant"),
		yesNoCol("enabled", "Enabled", "AccountEnabled"), yesNoCol("licensed", "Licensed", "isLicensed"),
		yesNoCol("admin", "Admin", "IsAdmin"), yesNoCol("registered", "Registered", "MFARegistration"), col("methods", "Methods", "MFAMethods"),
		col("per_user", "Per user", "PerUser"),
		col("by_ca", "By conditional access", "CoveredByCA"), yesNoCol("by_defaults", "By defaults", "CoveredBySD"),
		computed("protected", "Protected", func(r row) string { return yesNo(protected(r)) }), col("name", "Name", "DisplayName"))
	table.Note = "from CIPP's nightly report"
	if at := rows[0].minute("CacheTimestamp"); at != "" {
		table.Note += " of " + at + " UTC"
	}
	return table.withNote(note), nil
}

// protected reports whether an account needs a second factor at every application.
func protected(r row) bool {
	return strings.EqualFold(r.text("PerUser"), "enforced") || strings.EqualFold(r.text("PerUser"), "enabled") ||
		strings.HasPrefix(r.text("CoveredByCA"), "Enforced - All") || r.flag("CoveredBySD")
}

// SetMFA sets the per-user MFA of an account: disabled, enabled or enforced.
// CIPP ignores Microsoft's answer, so the state is read back.
func (a *Admin) SetMFA(ctx context.Context, t directory.Tenant, user, state string) (Step, error) {
	state = strings.ToLower(strings.TrimSpace(state))
	if state != "disabled" && state != "enabled" && state != "enforced" {
		return Step{}, cipp.Misuse("%q is no state of per-user MFA; these are: disabled, enabled, enforced", state)
	}
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	read := func(ctx context.Context) (State, error) {
		rows, err := a.list(ctx, t, "ListPerUserMFA", url.Values{"userId": {u.ID}})
		if rows, err = requireRows(rows, err, "per-user MFA of "+u.UPN); err != nil {
			return nil, err
		}
		return State{{"per-user MFA", strings.ToLower(rows[0].text("PerUserMFAState", "perUserMfaState"))}}, nil
	}
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	danger := map[string]string{
		"disabled": "unless a policy asks for it, the account is protected by its password alone",
		"enforced": "programs that cannot ask for a second factor stop working for this account; where conditional access is used, Microsoft advises against it",
	}[state]
	return Step{
		ID: "mfa " + u.ID + " " + state, Title: fmt.Sprintf("set the per-user MFA of %s to %s", u.label(), state), Tenant: t, Danger: danger,
		Before: before, Wanted: State{{"per-user MFA", state}}, read: read,
		// A guest is found by its id alone.
		call: Call{Endpoint: "ExecPerUserMFA", Tenant: t, Body: map[string]any{"userPrincipalName": u.UPN, "userId": u.ID, "State": state}},
	}.seal(), nil
}
