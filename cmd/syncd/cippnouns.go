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

// nouns are the commands of daily work: syncd cipp NOUN VERB.
func (t *technician) nouns() []*cobra.Command {
	return []*cobra.Command{
		t.noun("tenants", "Tenants as CIPP looks after them",
			t.about("list", "List all tenants", 0, 0, func(ctx context.Context, d *desk, _ []string) error { return d.show(d.admin.Tenants(ctx)) }),
			t.read("show", "Show one tenant", "", (*admin.Admin).ShowTenant),
			t.tenantEdit()),
		t.noun("tenant-groups", "CIPP's own grouping of tenants",
			t.about("list", "List the groups", 0, 0, func(ctx context.Context, d *desk, _ []string) error { return d.show(d.admin.TenantGroups(ctx)) }),
			t.tenantGroupCreate(),
			t.about("delete GROUP", "Delete a group, not its tenants", 1, 1, func(ctx context.Context, d *desk, args []string) error {
				return d.one(ctx)(d.admin.DeleteTenantGroup(ctx, args[0]))
			})),
		t.noun("users", "Accounts",
			t.read("list", "List accounts", "", (*admin.Admin).Users),
			t.readOf("show", "Show one account with licences and groups", "USER", (*admin.Admin).ShowUser),
			t.userCreate(), t.userEdit(),
			t.change("disable", "Block sign-in", "USER", 1, 1, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.DisableUser(ctx, tenant, args[0])
			}),
			t.change("enable", "Let sign in again", "USER", 1, 1, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.EnableUser(ctx, tenant, args[0])
			}),
			t.resetPassword(),
			t.change("revoke-sessions", "End all sessions: whoever uses it must sign in again", "USER", 1, 1, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.RevokeSessions(ctx, tenant, args[0])
			}),
			t.offboard()),
		t.noun("groups", "Groups and who is in them",
			t.read("list", "List groups", "", (*admin.Admin).Groups),
			t.readOf("members", "List who is in a group", "GROUP", (*admin.Admin).Members),
			t.change("add-member", "Put somebody into a group", "GROUP USER", 2, 2, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.AddMember(ctx, tenant, args[0], args[1])
			}),
			t.change("remove-member", "Take somebody out of a group", "GROUP USER", 2, 2, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.RemoveMember(ctx, tenant, args[0], args[1])
			})),
		t.noun("licences", "Licences and who holds them",
			t.read("list", "List licences and what is free", "", (*admin.Admin).Licences),
			t.change("assign", "Give licences beside those somebody has", "USER LICENCE…", 2, 20, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.AssignLicences(ctx, tenant, args[0], args[1:]...)
			}),
			t.change("remove", "Take licences away", "USER LICENCE…", 2, 20, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.RemoveLicences(ctx, tenant, args[0], args[1:]...)
			}),
			t.change("swap", "Give one licence in the place of another", "USER FROM TO", 3, 3, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.SwapLicence(ctx, tenant, args[0], args[1], args[2])
			})),
		t.noun("mailboxes", "Mailboxes",
			t.read("list", "List mailboxes", "", (*admin.Admin).Mailboxes),
			t.readOf("delegates", "List who may use a mailbox", "USER", (*admin.Admin).Delegates),
			t.change("convert", "Make it "+oneOf(mailboxKinds), "USER KIND", 2, 2, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				if err := among("kind of mailbox", args[1], mailboxKinds); err != nil {
					return admin.Step{}, err
				}
				return d.admin.ConvertMailbox(ctx, tenant, args[0], args[1])
			}, mailboxKinds),
			t.forward(),
			t.change("grant", "Let somebody use a mailbox: "+oneOf(mailboxRights), "USER WHO RIGHTS", 3, 3, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				if err := among("right in a mailbox", args[2], mailboxRights); err != nil {
					return admin.Step{}, err
				}
				return d.admin.GrantMailbox(ctx, tenant, args[0], args[1], args[2])
			}, nil, mailboxRights),
			t.change("revoke", "Take such rights away", "USER WHO RIGHTS", 3, 3, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				if err := among("right in a mailbox", args[2], mailboxRights); err != nil {
					return admin.Step{}, err
				}
				return d.admin.RevokeMailbox(ctx, tenant, args[0], args[1], args[2])
			}, nil, mailboxRights)),
		t.noun("calendar", "Rights in calendars",
			t.readOf("list", "List who may do what", "USER", (*admin.Admin).Calendar),
			t.calendarGrant(),
			t.change("revoke", "Take all rights away from somebody", "USER WHO", 2, 2, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
				return d.admin.RevokeCalendar(ctx, tenant, args[0], args[1])
			})),
		t.noun("mfa", "Second factors",
			t.everybody("report", "How each account is protected, of one tenant or of all", (*admin.Admin).MFAReport),
			t.mfaEnforce(), t.mfaPolicy()),
		t.noun("ca", "Conditional access", t.read("list", "List policies", "", (*admin.Admin).Policies)),
		t.noun("domains", "Domains and the health of their mail",
			t.read("list", "List domains", "", (*admin.Admin).Domains),
			t.everybody("health", "The last analysis, of one tenant or of all", func(a *admin.Admin, ctx context.Context, tenant *directory.Tenant) (admin.Table, error) {
				table, err := a.DomainHealth(ctx, tenant)
				return otherwise(table, err, "CIPP's domain analyser has not looked yet; it does so daily")
			})),
		t.noun("devices", "Devices that Intune manages", t.read("list", "List devices", "", (*admin.Admin).Devices)),
		t.noun("alerts", "Security alerts of a tenant; without one, those of CIPP",
			t.everybody("list", "List alerts", func(a *admin.Admin, ctx context.Context, tenant *directory.Tenant) (admin.Table, error) {
				if tenant == nil {
					table, err := a.Firing(ctx, nil)
					return otherwise(table, err, "no alert that is set up in CIPP fires; those of Microsoft are shown for one tenant")
				}
				return a.Alerts(ctx, *tenant)
			})),
		t.everybody("secure-score", "Microsoft's secure score, of one tenant or of all", (*admin.Admin).SecureScore),
		t.read("service-health", "Open issues of Microsoft's services", "", (*admin.Admin).ServiceHealth),
		t.noun("tasks", "CIPP's scheduler", t.everybody("list", "List scheduled tasks, of one tenant or of all", (*admin.Admin).Tasks)),
		t.logs(),
	}
}

func (t *technician) noun(name, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short}
	cmd.AddCommand(verbs...)
	return cmd
}

// about makes a command that is about CIPP itself.
func (t *technician) about(use, short string, least, most int, run func(context.Context, *desk, []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.RangeArgs(least, most), RunE: t.work(run)}
}

// named makes a command about one tenant: the first argument, or --tenant. The
// words are what later arguments can be, counted from the one after the first.
func (t *technician) named(use, short, rest string, least, most int, run func(context.Context, *desk, directory.Tenant, []string) error, words ...[]string) *cobra.Command {
	cmd := &cobra.Command{Use: strings.TrimSpace(use + " TENANT " + rest), Short: short}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		own := 1
		if t.tenant != "" {
			own = 0
		}
		if cobra.RangeArgs(least+own, most+own)(cmd, args) != nil {
			return fmt.Errorf("type it as %s %s, or with --tenant TENANT in the place of the first", cmd.CommandPath(), strings.TrimSpace("TENANT "+rest))
		}
		return nil
	}
	cmd.RunE = t.work(func(ctx context.Context, d *desk, args []string) error {
		tenant, args, err := d.of(ctx, args)
		if err != nil {
			return err
		}
		return run(ctx, d, tenant, args)
	})
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		at := len(args)
		if t.tenant != "" {
			at++
		}
		switch {
		case at == 0:
			return t.candidates("tenant", typed), cobra.ShellCompDirectiveNoFileComp
		case at >= 2 && at-2 < len(words):
			return beginning(words[at-2], typed), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// The words that some arguments can be.
var (
	mailboxKinds  = []string{"Shared", "Regular", "Room", "Equipment"}
	mailboxRights = []string{"FullAccess", "SendAs"}
	mfaStates     = []string{"enforced", "enabled", "disabled"}
	severities    = []string{"Info", "Warning", "Error", "Critical", "Alert"}
)

// oneOf lists words as a sentence does.
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func among(what, word string, words []string) error {
	if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) }) {
		return nil
	}
	return usage("%q is no %s; write %s", word, what, oneOf(words))
}

func (t *technician) read(use, short, rest string, list func(*admin.Admin, context.Context, directory.Tenant) (admin.Table, error)) *cobra.Command {
	return t.named(use, short, rest, 0, 0, func(ctx context.Context, d *desk, tenant directory.Tenant, _ []string) error {
		return d.show(list(d.admin, ctx, tenant))
	})
}

func (t *technician) readOf(use, short, what string, list func(*admin.Admin, context.Context, directory.Tenant, string) (admin.Table, error)) *cobra.Command {
	return t.named(use, short, what, 1, 1, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) error {
		return d.show(list(d.admin, ctx, tenant, args[0]))
	})
}

// otherwise says what an answer without rows can mean, where that is no matter
// of course.
func otherwise(table admin.Table, err error, none string) (admin.Table, error) {
	if err == nil && len(table.Rows) == 0 && table.Note == "" {
		table.Note = none
	}
	return table, err
}

// everybody makes a read that is about all tenants where none is named.
func (t *technician) everybody(use, short string, list func(*admin.Admin, context.Context, *directory.Tenant) (admin.Table, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use + " [TENANT]", Short: short, Args: cobra.MaximumNArgs(1), RunE: t.work(func(ctx context.Context, d *desk, args []string) error {
		tenant, err := d.maybe(ctx, args)
		if err != nil {
			return err
		}
		return d.show(list(d.admin, ctx, tenant))
	})}
	completeArgs(cmd, t.app, "tenant")
	return cmd
}

func (t *technician) change(use, short, rest string, least, most int, step func(context.Context, *desk, directory.Tenant, []string) (admin.Step, error), words ...[]string) *cobra.Command {
	return t.named(use, short, rest, least, most, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) error {
		return d.one(ctx)(step(ctx, d, tenant, args))
	}, words...)
}

// one performs a single step.
func (d *desk) one(ctx context.Context) func(admin.Step, error) error {
	return func(s admin.Step, err error) error { return d.perform(ctx, []admin.Step{s}, err) }
}

func (t *technician) tenantEdit() *cobra.Command {
	var e admin.TenantEdit
	cmd := t.named("edit", "Set the alias, put into groups or take out; the rest stays", "", 0, 0, func(ctx context.Context, d *desk, tenant directory.Tenant, _ []string) error {
		if e.Alias == "" && !e.RemoveAlias && len(e.AddGroups)+len(e.RemoveGroups) == 0 {
			return usage("say what to change: --alias, --remove-alias, --add-group or --remove-group")
		}
		if e.Alias != "" && e.RemoveAlias {
			return usage("--alias and --remove-alias exclude each other")
		}
		steps, err := d.admin.EditTenant(ctx, tenant, e)
		return d.perform(ctx, steps, err)
	})
	cmd.Flags().StringVar(&e.Alias, "alias", "", "show the tenant under this `NAME`")
	cmd.Flags().BoolVar(&e.RemoveAlias, "remove-alias", false, "show it under Microsoft's name again")
	cmd.Flags().StringArrayVar(&e.AddGroups, "add-group", nil, "put it into a `GROUP`; may be repeated")
	cmd.Flags().StringArrayVar(&e.RemoveGroups, "remove-group", nil, "take it out of a `GROUP`; may be repeated")
	return cmd
}

func (t *technician) tenantGroupCreate() *cobra.Command {
	var description string
	var members []string
	cmd := t.about("create NAME", "Make a static group", 1, 1, func(ctx context.Context, d *desk, args []string) error {
		var tenants []directory.Tenant
		if len(members) > 0 {
			all, err := d.admin.TenantList(ctx)
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
		return d.one(ctx)(d.admin.CreateTenantGroup(ctx, args[0], description, tenants))
	})
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` about the group")
	cmd.Flags().StringArrayVar(&members, "member", nil, "a `TENANT` in it; may be repeated")
	return cmd
}

func (t *technician) forward() *cobra.Command {
	var f admin.Forward
	var off bool
	cmd := t.change("forward", "Say where a mailbox forwards to", "USER", 1, 1, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
		if off == (f.To != "") {
			return admin.Step{}, usage("say --to ADDRESS, or --off")
		}
		return d.admin.ForwardMailbox(ctx, tenant, args[0], f)
	})
	cmd.Flags().StringVar(&f.To, "to", "", "a mailbox of the tenant, or with --external any `ADDRESS`")
	cmd.Flags().BoolVar(&f.External, "external", false, "the address is outside the tenant")
	cmd.Flags().BoolVar(&f.KeepCopy, "keep-copy", false, "keep the message in the mailbox too")
	cmd.Flags().BoolVar(&off, "off", false, "end forwarding")
	return cmd
}

func (t *technician) calendarGrant() *cobra.Command {
	var private bool
	cmd := t.change("grant", "Give somebody rights in a calendar", "USER WHO RIGHTS", 3, 3, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
		if err := among("right in a calendar", args[2], admin.CalendarRights()); err != nil {
			return admin.Step{}, err
		}
		return d.admin.GrantCalendar(ctx, tenant, args[0], args[1], args[2], private)
	}, nil, admin.CalendarRights())
	cmd.Long = "Give somebody rights in a calendar: " + oneOf(admin.CalendarRights()) + "."
	cmd.Flags().BoolVar(&private, "private", false, "an Editor sees private items too")
	return cmd
}

func (t *technician) mfaEnforce() *cobra.Command {
	state := "enforced"
	cmd := t.change("enforce", "Set the per-user MFA of an account", "USER", 1, 1, func(ctx context.Context, d *desk, tenant directory.Tenant, args []string) (admin.Step, error) {
		if err := among("state of per-user MFA", state, mfaStates); err != nil {
			return admin.Step{}, err
		}
		return d.admin.SetMFA(ctx, tenant, args[0], state)
	})
	cmd.Flags().StringVar(&state, "state", state, "`STATE`: "+oneOf(mfaStates))
	completeWords(cmd, "state", mfaStates)
	return cmd
}

func (t *technician) logs() *cobra.Command {
	var f admin.LogFilter
	var from, to string
	cmd := &cobra.Command{Use: "logs [TENANT]", Short: "CIPP's logbook, newest first; today unless said otherwise", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&from, "from", "", "first `DAY`, as 2026-11-21")
	cmd.Flags().StringVar(&to, "to", "", "last `DAY`")
	cmd.Flags().StringSliceVar(&f.Severity, "severity", nil, "only `SEVERITIES`: "+oneOf(severities))
	completeWords(cmd, "severity", severities)
	cmd.Flags().StringVar(&f.Endpoint, "endpoint", "", "only of endpoints with this in their `NAME`")
	cmd.RunE = t.work(func(ctx context.Context, d *desk, args []string) error {
		tenant, err := d.maybe(ctx, args)
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
		table, err := d.admin.Logs(ctx, f)
		return d.show(otherwise(table, err, "no line of the logbook fits; --from and --to name other days than today"))
	})
	completeArgs(cmd, t.app, "tenant")
	return cmd
}

// mfaPolicy makes the table of those whom a policy names, for playbook mfa.
func (t *technician) mfaPolicy() *cobra.Command {
	p := playbook.MFAPolicy{State: "enforced"}
	out := output{path: "-"}
	cmd := &cobra.Command{Use: "policy [TENANT]", Short: "Write the table of those whom a policy names, for a playbook", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&p.State, "state", p.State, "`STATE` they shall have: "+oneOf(mfaStates[:2]))
	completeWords(cmd, "state", mfaStates[:2])
	cmd.Flags().BoolVar(&p.Unlicensed, "unlicensed", false, "those without a licence too")
	cmd.Flags().BoolVar(&p.AdminsOnly, "admins-only", false, "administrators and nobody else")
	cmd.Flags().StringSliceVar(&p.Exclude, "exclude", nil, "shell `PATTERNS` on user names, such as breakglass-*@*")
	t.writesOut(cmd, &out, "write it to `FILE`")
	cmd.RunE = t.work(func(ctx context.Context, d *desk, args []string) error {
		if err := among("state that protects", p.State, mfaStates[:2]); err != nil {
			return err
		}
		tenant, err := d.maybe(ctx, args)
		if err != nil {
			return err
		}
		table, err := d.admin.MFAReport(ctx, tenant)
		if err != nil {
			return err
		}
		book, err := p.Book(table)
		if err != nil {
			return err
		}
		if d.json && out.path == "-" {
			lines := make([]map[string]string, len(book.Lines))
			for i, l := range book.Lines {
				lines[i] = l.Cells
			}
			return d.print(map[string]any{"lines": lines}, nil)
		}
		var text bytes.Buffer
		if err := book.WriteCSV(&text); err != nil {
			return err
		}
		return d.deliverTable(&out, text.Bytes(), len(book.Lines))
	})
	completeArgs(cmd, t.app, "tenant")
	return cmd
}
