package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/playbook"
	"syncd/internal/directory"
)

// nounCommands are the daily operations: syncd cipp NOUN VERB.
func (opts *cippOptions) nounCommands() []*cobra.Command {
	return []*cobra.Command{
		opts.nounCommand("tenants", "Tenants as CIPP looks after them",
			opts.globalCommand("list", "List all tenants", 0, 0,
				func(ctx context.Context, c *cippCommand, _ []string) error { return c.show(c.admin.Tenants(ctx)) }),
			opts.tenantRead("show", "Show one tenant", "", (*admin.Admin).ShowTenant),
			opts.tenantEdit()),
		opts.nounCommand("tenant-groups", "CIPP's own grouping of tenants",
			opts.globalCommand("list", "List the groups", 0, 0,
				func(ctx context.Context, c *cippCommand, _ []string) error { return c.show(c.admin.TenantGroups(ctx)) }),
			opts.tenantGroupCreate(),
			opts.globalCommand("delete GROUP", "Delete a group, not its tenants", 1, 1,
				func(ctx context.Context, c *cippCommand, args []string) error {
					return c.runStep(ctx)(c.admin.DeleteTenantGroup(ctx, args[0]))
				})),
		opts.nounCommand("users", "Accounts",
			opts.tenantRead("list", "List accounts", "", (*admin.Admin).Users),
			opts.objectRead("show", "Show one account with licences and groups", "USER", (*admin.Admin).ShowUser),
			opts.userCreate(), opts.userEdit(),
			opts.tenantChange("disable", "Block sign-in", "USER", 1, 1, one((*admin.Admin).DisableUser)),
			opts.tenantChange("enable", "Let sign in again", "USER", 1, 1, one((*admin.Admin).EnableUser)),
			opts.resetPassword(),
			opts.tenantChange("revoke-sessions", "End all sessions: whoever uses it must sign in again", "USER", 1, 1, one((*admin.Admin).RevokeSessions)),
			opts.offboard()),
		opts.nounCommand("groups", "Groups and who is in them",
			opts.tenantRead("list", "List groups", "", (*admin.Admin).Groups),
			opts.objectRead("members", "List who is in a group", "GROUP", (*admin.Admin).Members),
			opts.tenantChange("add-member", "Put somebody into a group", "GROUP USER", 2, 2, two((*admin.Admin).AddMember)),
			opts.tenantChange("remove-member", "Take somebody out of a group", "GROUP USER", 2, 2, two((*admin.Admin).RemoveMember))),
		opts.nounCommand("licences", "Licences and who holds them",
			opts.tenantRead("list", "List licences and what is free", "", (*admin.Admin).Licences),
			opts.tenantChange("assign", "Give licences beside those somebody has", "USER LICENCE…", 2, 20, several((*admin.Admin).AssignLicences)),
			opts.tenantChange("remove", "Take licences away", "USER LICENCE…", 2, 20, several((*admin.Admin).RemoveLicences)),
			opts.tenantChange("swap", "Give one licence in the place of another", "USER FROM TO", 3, 3,
				func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
					return c.admin.SwapLicence(ctx, tenant, args[0], args[1], args[2])
				})),
		opts.nounCommand("mailboxes", "Mailboxes",
			opts.tenantRead("list", "List mailboxes", "", (*admin.Admin).Mailboxes),
			opts.objectRead("delegates", "List who may use a mailbox", "USER", (*admin.Admin).Delegates),
			opts.tenantChange("convert", "Make it "+oneOf(mailboxKinds), "USER KIND", 2, 2,
				func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
					if err := checkOneOf("kind of mailbox", args[1], mailboxKinds); err != nil {
						return admin.Step{}, err
					}
					return c.admin.ConvertMailbox(ctx, tenant, args[0], args[1])
				}, mailboxKinds),
			opts.forward(),
			opts.tenantChange("grant", "Let somebody use a mailbox: "+oneOf(mailboxRights), "USER WHO RIGHTS", 3, 3,
				func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
					if err := checkOneOf("right in a mailbox", args[2], mailboxRights); err != nil {
						return admin.Step{}, err
					}
					return c.admin.GrantMailbox(ctx, tenant, args[0], args[1], args[2])
				}, nil, mailboxRights),
			opts.tenantChange("revoke", "Take such rights away", "USER WHO RIGHTS", 3, 3,
				func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
					if err := checkOneOf("right in a mailbox", args[2], mailboxRights); err != nil {
						return admin.Step{}, err
					}
					return c.admin.RevokeMailbox(ctx, tenant, args[0], args[1], args[2])
				}, nil, mailboxRights)),
		opts.nounCommand("calendar", "Rights in calendars",
			opts.objectRead("list", "List who may do what", "USER", (*admin.Admin).Calendar),
			opts.calendarGrant(),
			opts.tenantChange("revoke", "Take all rights away from somebody", "USER WHO", 2, 2, two((*admin.Admin).RevokeCalendar))),
		opts.nounCommand("mfa", "Second factors",
			opts.optionalTenantRead("report", "How each account is protected, of one tenant or of all", (*admin.Admin).MFAReport),
			opts.mfaEnforce(), opts.mfaPolicy()),
		opts.nounCommand("ca", "Conditional access", opts.tenantRead("list", "List policies", "", (*admin.Admin).Policies)),
		opts.nounCommand("domains", "Domains and the health of their mail",
			opts.tenantRead("list", "List domains", "", (*admin.Admin).Domains),
			opts.optionalTenantRead("health", "The last analysis, of one tenant or of all",
				func(a *admin.Admin, ctx context.Context, tenant *directory.Tenant) (admin.Table, error) {
					table, err := a.DomainHealth(ctx, tenant)
					return noteIfEmpty(table, err, "CIPP's domain analyser has not looked yet; it does so daily")
				})),
		opts.nounCommand("devices", "Devices that Intune manages", opts.tenantRead("list", "List devices", "", (*admin.Admin).Devices)),
		opts.nounCommand("alerts", "Security alerts of a tenant; without one, those of CIPP",
			opts.optionalTenantRead("list", "List alerts",
				func(a *admin.Admin, ctx context.Context, tenant *directory.Tenant) (admin.Table, error) {
					if tenant == nil {
						table, err := a.Firing(ctx, nil)
						return noteIfEmpty(table, err, "no alert that is set up in CIPP fires; those of Microsoft are shown for one tenant")
					}
					return a.Alerts(ctx, *tenant)
				})),
		opts.optionalTenantRead("secure-score", "Microsoft's secure score, of one tenant or of all", (*admin.Admin).SecureScore),
		opts.tenantRead("service-health", "Open issues of Microsoft's services", "", (*admin.Admin).ServiceHealth),
		opts.nounCommand("tasks", "CIPP's scheduler", opts.optionalTenantRead("list", "List scheduled tasks, of one tenant or of all", (*admin.Admin).Tasks)),
		opts.logs(),
	}
}

func (opts *cippOptions) nounCommand(name, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short}
	cmd.AddCommand(verbs...)
	return cmd
}

// globalCommand makes a command that is about CIPP itself.
func (opts *cippOptions) globalCommand(use, short string, least, most int, run func(context.Context, *cippCommand, []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.RangeArgs(least, most), RunE: opts.withClient(run)}
}

// tenantCommand makes a command about one tenant: the first argument, or --tenant.
// words[i] are the possible values of argument i+2, for completion.
func (opts *cippOptions) tenantCommand(use, short, rest string, least, most int,
	run func(context.Context, *cippCommand, directory.Tenant, []string) error, words ...[]string) *cobra.Command {
	cmd := &cobra.Command{Use: strings.TrimSpace(use + " TENANT " + rest), Short: short}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		own := 1
		if opts.tenant != "" {
			own = 0
		}
		if cobra.RangeArgs(least+own, most+own)(cmd, args) != nil {
			return fmt.Errorf("type it as %s %s, or with --tenant TENANT in the place of the first", cmd.CommandPath(), strings.TrimSpace("TENANT "+rest))
		}
		return nil
	}
	cmd.RunE = opts.withClient(func(ctx context.Context, c *cippCommand, args []string) error {
		tenant, args, err := c.resolveTenant(ctx, args)
		if err != nil {
			return err
		}
		return run(ctx, c, tenant, args)
	})
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		at := len(args)
		if opts.tenant != "" {
			at++
		}
		switch {
		case at == 0:
			return opts.candidates("tenant", typed), cobra.ShellCompDirectiveNoFileComp
		case at >= 2 && at-2 < len(words):
			return beginning(words[at-2], typed), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// The values that some arguments can have.
var (
	mailboxKinds  = []string{"Shared", "Regular", "Room", "Equipment"}
	mailboxRights = []string{"FullAccess", "SendAs"}
	mfaStates     = []string{"enforced", "enabled", "disabled"}
	severities    = []string{"Info", "Warning", "Error", "Critical", "Alert"}
)

// oneOf writes words as in a sentence: a, b or c.
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func checkOneOf(what, word string, words []string) error {
	if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) }) {
		return nil
	}
	return usage("%q is no %s; write %s", word, what, oneOf(words))
}

// tenantRead makes a read of one tenant.
func (opts *cippOptions) tenantRead(use, short, rest string, list func(*admin.Admin, context.Context, directory.Tenant) (admin.Table, error)) *cobra.Command {
	return opts.tenantCommand(use, short, rest, 0, 0, func(ctx context.Context, c *cippCommand, tenant directory.Tenant, _ []string) error {
		return c.show(list(c.admin, ctx, tenant))
	})
}

// objectRead makes a read about one object of a tenant, named by the argument what.
func (opts *cippOptions) objectRead(use, short, what string, list func(*admin.Admin, context.Context, directory.Tenant, string) (admin.Table, error)) *cobra.Command {
	return opts.tenantCommand(use, short, what, 1, 1, func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) error {
		return c.show(list(c.admin, ctx, tenant, args[0]))
	})
}

// noteIfEmpty adds a note to a table without rows, where that needs an explanation.
func noteIfEmpty(table admin.Table, err error, none string) (admin.Table, error) {
	if err == nil && len(table.Rows) == 0 && table.Note == "" {
		table.Note = none
	}
	return table, err
}

// optionalTenantRead makes a read of one tenant, or of all where none is named.
func (opts *cippOptions) optionalTenantRead(use, short string, list func(*admin.Admin, context.Context, *directory.Tenant) (admin.Table, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use + " [TENANT]", Short: short, Args: cobra.MaximumNArgs(1)}
	cmd.RunE = opts.withClient(func(ctx context.Context, c *cippCommand, args []string) error {
		tenant, err := c.resolveOptionalTenant(ctx, args)
		if err != nil {
			return err
		}
		return c.show(list(c.admin, ctx, tenant))
	})
	completeArgs(cmd, opts.cli, "tenant")
	return cmd
}

// A tenantStep is one step in a tenant, with what was typed behind the tenant.
type tenantStep func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error)

// one, two and several make a step of what takes as many names.
func one(step func(*admin.Admin, context.Context, directory.Tenant, string) (admin.Step, error)) tenantStep {
	return func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
		return step(c.admin, ctx, tenant, args[0])
	}
}

func two(step func(*admin.Admin, context.Context, directory.Tenant, string, string) (admin.Step, error)) tenantStep {
	return func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
		return step(c.admin, ctx, tenant, args[0], args[1])
	}
}

func several(step func(*admin.Admin, context.Context, directory.Tenant, string, ...string) (admin.Step, error)) tenantStep {
	return func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
		return step(c.admin, ctx, tenant, args[0], args[1:]...)
	}
}

// tenantChange makes a command that runs one step in a tenant.
func (opts *cippOptions) tenantChange(use, short, rest string, least, most int, step tenantStep, words ...[]string) *cobra.Command {
	return opts.tenantCommand(use, short, rest, least, most,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) error {
			return c.runStep(ctx)(step(ctx, c, tenant, args))
		}, words...)
}

// runStep runs a single step.
func (c *cippCommand) runStep(ctx context.Context) func(admin.Step, error) error {
	return func(s admin.Step, err error) error { return c.runSteps(ctx, []admin.Step{s}, err) }
}

func (opts *cippOptions) tenantEdit() *cobra.Command {
	var e admin.TenantEdit
	cmd := opts.tenantCommand("edit", "Set the alias, put into groups or take out; the rest stays", "", 0, 0,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, _ []string) error {
			if e.Alias == "" && !e.RemoveAlias && len(e.AddGroups)+len(e.RemoveGroups) == 0 {
				return usage("say what to change: --alias, --remove-alias, --add-group or --remove-group")
			}
			if e.Alias != "" && e.RemoveAlias {
				return usage("--alias and --remove-alias exclude each other")
			}
			steps, err := c.admin.EditTenant(ctx, tenant, e)
			return c.runSteps(ctx, steps, err)
		})
	cmd.Flags().StringVar(&e.Alias, "alias", "", "show the tenant under this `NAME`")
	cmd.Flags().BoolVar(&e.RemoveAlias, "remove-alias", false, "show it under Microsoft's name again")
	cmd.Flags().StringArrayVar(&e.AddGroups, "add-group", nil, "put it into a `GROUP`; may be repeated")
	cmd.Flags().StringArrayVar(&e.RemoveGroups, "remove-group", nil, "take it out of a `GROUP`; may be repeated")
	return cmd
}

func (opts *cippOptions) tenantGroupCreate() *cobra.Command {
	var description string
	var members []string
	cmd := opts.globalCommand("create NAME", "Make a static group", 1, 1, func(ctx context.Context, c *cippCommand, args []string) error {
		var tenants []directory.Tenant
		if len(members) > 0 {
			all, err := c.admin.TenantList(ctx)
			if err != nil {
				return err
			}
			for _, m := range members {
				tenant, err := admin.Resolve(all, m)
				if err != nil {
					return err
				}
				tenants = append(tenants, tenant)
			}
		}
		return c.runStep(ctx)(c.admin.CreateTenantGroup(ctx, args[0], description, tenants))
	})
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` about the group")
	cmd.Flags().StringArrayVar(&members, "member", nil, "a `TENANT` in it; may be repeated")
	return cmd
}

func (opts *cippOptions) forward() *cobra.Command {
	var f admin.Forward
	var off bool
	cmd := opts.tenantChange("forward", "Say where a mailbox forwards to", "USER", 1, 1,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
			if off == (f.To != "") {
				return admin.Step{}, usage("say --to ADDRESS, or --off")
			}
			return c.admin.ForwardMailbox(ctx, tenant, args[0], f)
		})
	cmd.Flags().StringVar(&f.To, "to", "", "a mailbox of the tenant, or with --external any `ADDRESS`")
	cmd.Flags().BoolVar(&f.External, "external", false, "the address is outside the tenant")
	cmd.Flags().BoolVar(&f.KeepCopy, "keep-copy", false, "keep the message in the mailbox too")
	cmd.Flags().BoolVar(&off, "off", false, "end forwarding")
	return cmd
}

func (opts *cippOptions) calendarGrant() *cobra.Command {
	var private bool
	cmd := opts.tenantChange("grant", "Give somebody rights in a calendar", "USER WHO RIGHTS", 3, 3,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
			if err := checkOneOf("right in a calendar", args[2], admin.CalendarRights()); err != nil {
				return admin.Step{}, err
			}
			return c.admin.GrantCalendar(ctx, tenant, args[0], args[1], args[2], private)
		}, nil, admin.CalendarRights())
	cmd.Long = "Give somebody rights in a calendar: " + oneOf(admin.CalendarRights()) + "."
	cmd.Flags().BoolVar(&private, "private", false, "an Editor sees private items too")
	return cmd
}

func (opts *cippOptions) mfaEnforce() *cobra.Command {
	state := "enforced"
	cmd := opts.tenantChange("enforce", "Set the per-user MFA of an account", "USER", 1, 1,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
			if err := checkOneOf("state of per-user MFA", state, mfaStates); err != nil {
				return admin.Step{}, err
			}
			return c.admin.SetMFA(ctx, tenant, args[0], state)
		})
	cmd.Flags().StringVar(&state, "state", state, "`STATE`: "+oneOf(mfaStates))
	completeWords(cmd, "state", mfaStates)
	return cmd
}

func (opts *cippOptions) logs() *cobra.Command {
	var f admin.LogFilter
	var from, to string
	cmd := &cobra.Command{Use: "logs [TENANT]", Short: "CIPP's logbook, newest first; today unless said otherwise", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&from, "from", "", "first `DAY`, as 2026-11-21")
	cmd.Flags().StringVar(&to, "to", "", "last `DAY`")
	cmd.Flags().StringSliceVar(&f.Severity, "severity", nil, "only `SEVERITIES`: "+oneOf(severities))
	completeWords(cmd, "severity", severities)
	cmd.Flags().StringVar(&f.Endpoint, "endpoint", "", "only of endpoints with this in their `NAME`")
	cmd.RunE = opts.withClient(func(ctx context.Context, c *cippCommand, args []string) error {
		tenant, err := c.resolveOptionalTenant(ctx, args)
		if err != nil {
			return err
		}
		f.Tenant = tenant
		for _, day := range []struct {
			text string
			to   *time.Time
		}{{from, &f.From}, {to, &f.To}} {
			if day.text == "" {
				continue
			}
			if *day.to, err = time.Parse(time.DateOnly, day.text); err != nil {
				return usage("%q is no day; write it as 2026-11-21", day.text)
			}
		}
		table, err := c.admin.Logs(ctx, f)
		return c.show(noteIfEmpty(table, err, "no line of the logbook fits; --from and --to name other days than today"))
	})
	completeArgs(cmd, opts.cli, "tenant")
	return cmd
}

// mfaPolicy writes the table of users that a policy selects, for playbook mfa.
func (opts *cippOptions) mfaPolicy() *cobra.Command {
	p := playbook.MFAPolicy{State: "enforced"}
	out := output{path: "-"}
	cmd := &cobra.Command{Use: "policy [TENANT]", Short: "Write the table of those whom a policy names, for a playbook", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&p.State, "state", p.State, "`STATE` they shall have: "+oneOf(mfaStates[:2]))
	completeWords(cmd, "state", mfaStates[:2])
	cmd.Flags().BoolVar(&p.Unlicensed, "unlicensed", false, "those without a licence too")
	cmd.Flags().BoolVar(&p.AdminsOnly, "admins-only", false, "administrators and nobody else")
	cmd.Flags().StringSliceVar(&p.Exclude, "exclude", nil, "shell `PATTERNS` on user names, such as breakglass-*@*")
	opts.writesOut(cmd, &out, "write it to `FILE`")
	cmd.RunE = opts.withClient(func(ctx context.Context, c *cippCommand, args []string) error {
		if err := checkOneOf("state that protects", p.State, mfaStates[:2]); err != nil {
			return err
		}
		tenant, err := c.resolveOptionalTenant(ctx, args)
		if err != nil {
			return err
		}
		table, err := c.admin.MFAReport(ctx, tenant)
		if err != nil {
			return err
		}
		book, err := p.Table(table)
		if err != nil {
			return err
		}
		if c.json && out.path == "-" {
			lines := make([]map[string]string, len(book.Lines))
			for i, l := range book.Lines {
				lines[i] = l.Cells
			}
			return c.print(map[string]any{"lines": lines}, nil)
		}
		var text bytes.Buffer
		if err := book.WriteCSV(&text); err != nil {
			return err
		}
		return c.deliverTable(&out, text.Bytes(), len(book.Lines))
	})
	completeArgs(cmd, opts.cli, "tenant")
	return cmd
}
