package admin

import (
	"context"
	"strings"

	"syncd/internal/directory"
)

// Tasks lists what is in CIPP's scheduler, for a tenant or for all where it is
// nil. Passwords that a task's results repeat are left out.
func (a *Admin) Tasks(ctx context.Context, t *directory.Tenant) (Table, error) {
	rows, note, err := a.rowsWithNote(ctx, callFor(t, "ListScheduledItems", nil))
	if err != nil {
		return Table{}, err
	}
	return tabulate(redactRows(rows), true, col("name", "Task", "Name"), col("tenant", "Tenant", "Tenant"), col("state", "State", "TaskState"),
		timeCol("scheduled", "Next", "ScheduledTime"),
		timeCol("executed", "Last run", "ExecutedTime"), col("recurrence", "Repeats", "Recurrence"), col("command", "Command", "Command"),
		computed("results", "Results", func(r row) string { return strings.Join(resultTexts(r.fields["results"]), "; ") }),
		col("id", "Id", "RowKey")).withNote(note), nil
}
