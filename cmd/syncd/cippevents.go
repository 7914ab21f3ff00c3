package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
)

// watches are the changes that CIPP shall look for in a tenant. A change of
// licences or members is an update of the user or the group.
var watches = []admin.Watch{
	{Resource: "users", Event: "created", Every: "15m"},
	{Resource: "users", Event: "updated", Every: "15m"},
	{Resource: "users", Event: "deleted", Every: "15m"},
	{Resource: "groups", Event: "updated", Every: "15m"},
}

func cippEventsCommand(opts *cippOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "Let CIPP tell syncd of changes"}
	setup := opts.tenantCommand("setup", "Schedule the delta tasks in CIPP whose webhooks syncd takes", "", 0, 0,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, _ []string) error {
			if c.app.Config.Events.Secret.Empty() {
				return usage("events.secret is not configured, so no event would be taken; set it first")
			}
			var steps []admin.Step
			for _, w := range watches {
				s, err := c.admin.WatchTenant(ctx, tenant, w)
				if err != nil {
					return err
				}
				steps = append(steps, s)
			}
			return c.runSteps(ctx, steps, nil)
		})
	setup.Long = "Schedule tasks in CIPP that ask Microsoft every quarter of an hour which users and groups of the tenant changed, and post that to CIPP's notification webhook.\n\nPoint that webhook (CIPP: Settings > Notifications) at https://YOUR-SYNCD/events/cipp/SECRET, the secret being events.secret of the configuration, and choose the standardized schema."
	remove := opts.tenantCommand("remove", "Take those tasks away again", "", 0, 0,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, _ []string) error {
			steps := []admin.Step{}
			for _, w := range watches {
				s, err := c.admin.UnwatchTenant(ctx, tenant, w)
				if _, gone := errors.AsType[*admin.UnknownError](err); gone {
					continue
				}
				if err != nil {
					return err
				}
				steps = append(steps, s)
			}
			if len(steps) == 0 {
				c.sayToPeople("CIPP has no such task for %s", clean(tenant.Name))
			}
			return c.runSteps(ctx, steps, nil)
		})
	cmd.AddCommand(setup, remove)
	return cmd
}
