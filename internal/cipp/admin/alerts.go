package admin

import (
	"context"

	"syncd/internal/directory"
)

// Alerts lists Microsoft's security alerts of a tenant, newest first.
func (a *Admin) Alerts(ctx context.Context, t directory.Tenant) (Table, error) {
	answers, err := a.list(ctx, t, "ExecAlertsList", nil)
	if err != nil {
		return Table{}, err
	}
	var rows []row
	for _, r := range answers {
		switch {
		case r.has("MSResults"):
			rows = append(rows, r.rows("MSResults")...)
		case r.text("Title") != "":
			rows = append(rows, r)
		}
	}
	return tabulate(rows, true, timeCol("at", "When", "EventDateTime"), col("severity", "Severity", "Severity"),
		col("status", "Status", "Status"), col("title", "Alert", "Title"),
		col("category", "Category", "Category"), col("users", "Users", "InvolvedUsers"), col("tenant", "Tenant", "Tenant"),
		col("id", "Id", "Id")), nil
}

// Firing lists CIPP's scripted alerts that fire now, for a tenant or for
// all where it is nil.
func (a *Admin) Firing(ctx context.Context, t *directory.Tenant) (Table, error) {
	rows, note, err := a.rowsWithNote(ctx, callFor(t, "ListAlertResults", nil))
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("tenant", "Tenant", "Tenant"), col("alert", "Alert", "CmdletName"), col("what", "What", "ContentPreview"),
		col("comment", "Comment", "AlertComment"),
		col("last_run", "Last run", "LastRun")).withNote(note), nil
}
