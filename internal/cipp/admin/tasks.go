package admin

import (
	"context"
	"strings"

	"syncd/internal/directory"
)

// Tasks lists what is in CIPP's scheduler, for a tenant or for all where it is
// nil. Passwords that a task's results repeat are left out.
func (a *Admin) Tasks(ctx context.Context, t *directory.Tenant) (Table, error) {
	rows, note, err := a.everywhere(ctx, about(t, "ListScheduledItems", nil))
	if err != nil {
		return Table{}, err
	}
	return tabulate(quiet(rows), true, col("name", "Task", "Name"), col("tenant", "Tenant", "Tenant"), col("state", "State", "TaskState"), when("scheduled", "Next", "ScheduledTime"),
		when("executed", "Last run", "ExecutedTime"), col("recurrence", "Repeats", "Recurrence"), col("command", "Command", "Command"), made("results", "Results", func(r row) string { return strings.Join(sentencesOf(r.fields["results"]), "; ") }), col("id", "Id", "RowKey")).noting(note), nil
}
