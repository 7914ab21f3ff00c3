package admin

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// A Watch is a scheduled task in CIPP that looks for changes of a tenant with Graph's
// delta queries and posts them to CIPP's webhook, which is set once under Settings >
// Notifications. Events come at least a quarter of an hour late, and failures are not
// reported: an event is a hint to read the tenant, and no more.
type Watch struct {
	Resource string // users or groups
	Event    string // created, updated or deleted
	Every    string // 15m, 1h, 4h or 1d
}

var (
	watchResources = []string{"users", "groups"}
	watchEvents    = []string{"created", "updated", "deleted"}
	watchIntervals = []string{"15m", "1h", "4h", "1d"}
)

func (w Watch) check() error {
	for _, c := range []struct {
		what, is string
		of       []string
	}{{"resource", w.Resource, watchResources}, {"event", w.Event, watchEvents}, {"interval", w.Every, watchIntervals}} {
		if !slices.Contains(c.of, c.is) {
			return cipp.Misuse("%q is no %s that can be watched; these are: %s", c.is, c.what, strings.Join(c.of, ", "))
		}
	}
	return nil
}

// name is the name of the task, by which it is found again: CIPP's answer has no id.
func (w Watch) name(t directory.Tenant) string {
	return fmt.Sprintf("syncd: %s %s in %s", w.Resource, w.Event, t.DefaultDomain)
}

// WatchTenant adds the task of a Watch to CIPP's scheduler.
func (a *Admin) WatchTenant(ctx context.Context, t directory.Tenant, w Watch) (Step, error) {
	if err := w.check(); err != nil {
		return Step{}, err
	}
	read := a.watchReader(t, w)
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	return Step{
		ID: "watch " + w.name(t), Title: fmt.Sprintf("let CIPP tell every %s which %s of %s were %s", w.Every, w.Resource, t.Name, w.Event), Tenant: t,
		Before: before, Wanted: State{{"watched", "yes"}}, read: read,
		call: Call{Endpoint: "AddScheduledItem", Tenant: t, Body: map[string]any{
			"Name": w.name(t), "Command": map[string]any{"value": "Get-DeltaQueryResults", "label": "Get-DeltaQueryResults"},
			"Parameters": map[string]any{"Data": "%triggerdata%"},
			"Trigger": map[string]any{
				"Type": map[string]any{"value": "DeltaQuery"}, "DeltaResource": map[string]any{"value": w.Resource},
				"EventType": map[string]any{"value": w.Event},
			},
			"Recurrence": map[string]any{"value": w.Every}, "ScheduledTime": 0, "PostExecution": map[string]any{"Webhook": true},
			"DisallowDuplicateName": true,
		}},
	}.seal(), nil
}

// UnwatchTenant removes the task.
func (a *Admin) UnwatchTenant(ctx context.Context, t directory.Tenant, w Watch) (Step, error) {
	task, err := a.watchTask(ctx, t, w)
	if err != nil {
		return Step{}, err
	}
	if task.fields == nil {
		return Step{}, &UnknownError{What: "task", Text: w.name(t)}
	}
	return Step{
		ID: "unwatch " + w.name(t), Title: fmt.Sprintf("let CIPP no longer tell which %s of %s were %s", w.Resource, t.Name, w.Event),
		Before: State{{"watched", "yes"}}, Wanted: State{{"watched", "no"}}, read: a.watchReader(t, w),
		call: Call{Endpoint: "RemoveScheduledItem", Body: map[string]any{"id": task.text("RowKey")}},
	}.seal(), nil
}

func (a *Admin) watchTask(ctx context.Context, t directory.Tenant, w Watch) (row, error) {
	rows, err := a.list(ctx, t, "ListScheduledItems", url.Values{"Name": {w.name(t)}})
	if err != nil || len(rows) == 0 {
		return row{}, err
	}
	return rows[0], nil
}

func (a *Admin) watchReader(t directory.Tenant, w Watch) func(context.Context) (State, error) {
	return func(ctx context.Context) (State, error) {
		task, err := a.watchTask(ctx, t, w)
		return State{{"watched", yesNo(task.fields != nil)}}, err
	}
}
