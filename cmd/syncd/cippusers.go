package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
)

func (opts *cippOptions) userCreate() *cobra.Command {
	var n admin.NewUser
	cmd := opts.tenantCommand("create", "Make an account; CIPP chooses the password", "UPN", 1, 1,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) error {
			n.UPN = args[0]
			n.DisplayName = cmp.Or(n.DisplayName, strings.TrimSpace(n.GivenName+" "+n.Surname))
			return c.runStep(ctx)(c.admin.CreateUser(ctx, tenant, n))
		})
	for _, f := range []struct {
		to         *string
		name, help string
	}{{&n.DisplayName, "name", "display `NAME`; given name and surname where it is left out"}, {&n.GivenName, "given-name", "given `NAME`"}, {&n.Surname, "surname", "`SURNAME`"},
		{&n.JobTitle, "title", "job `TITLE`"}, {&n.Department, "department", "`DEPARTMENT`"}, {&n.CompanyName, "company", "`COMPANY`"}, {&n.MobilePhone, "mobile", "mobile `PHONE`"},
		{&n.StreetAddress, "street", "`STREET` address"}, {&n.City, "city", "`CITY`"}, {&n.PostalCode, "postal-code", "postal `CODE`"}, {&n.Country, "country", "`COUNTRY`"},
		{&n.Location, "location", "two letters of the `COUNTRY` where licences are used"}, {&n.Manager, "manager", "the `USER` who is the manager"}} {
		cmd.Flags().StringVar(f.to, f.name, "", f.help)
	}
	cmd.Flags().StringArrayVar(&n.Licences, "licence", nil, "a `LICENCE`, by id, part number or name; may be repeated")
	cmd.Flags().StringArrayVar(&n.Groups, "group", nil, "a `GROUP` to be in; may be repeated")
	cmd.Flags().BoolVar(&n.KeepPassword, "keep-password", false, "the password need not be changed at the first sign-in")
	return cmd
}

func (opts *cippOptions) userEdit() *cobra.Command {
	var set []string
	cmd := opts.tenantCommand("edit", "Set attributes; the rest stays as it is", "USER", 1, 1,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) error {
			change := map[string]string{}
			for _, pair := range set {
				name, value, ok := strings.Cut(pair, "=")
				if !ok {
					return usage("--set %q is not NAME=VALUE; names are %s", pair, strings.Join(admin.Attributes(), ", "))
				}
				change[name] = value
			}
			if len(change) == 0 {
				return usage("say what to set with --set NAME=VALUE; names are %s", strings.Join(admin.Attributes(), ", "))
			}
			return c.runStep(ctx)(c.admin.EditUser(ctx, tenant, args[0], change))
		})
	cmd.Flags().StringArrayVar(&set, "set", nil, "an attribute, `NAME=VALUE`; empty clears it; may be repeated")
	return cmd
}

func (opts *cippOptions) resetPassword() *cobra.Command {
	var keep bool
	cmd := opts.tenantChange("reset-password", "Set a new password, shown once", "USER", 1, 1,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
			return c.admin.ResetPassword(ctx, tenant, args[0], !keep)
		})
	cmd.Flags().BoolVar(&keep, "keep-password", false, "it need not be changed at the next sign-in")
	return cmd
}

func (opts *cippOptions) offboard() *cobra.Command {
	var o admin.Offboarding
	var at string
	var flags []boolFlag
	cmd := opts.tenantChange("offboard", "What is done about somebody who leaves; followed to its end", "USER", 1, 1,
		func(ctx context.Context, c *cippCommand, tenant directory.Tenant, args []string) (admin.Step, error) {
			if !slices.ContainsFunc(flags, func(f boolFlag) bool { return *f.to }) && o.ForwardTo+o.OutOfOffice == "" && len(o.FullAccess)+len(o.FullAccessUnmapped)+len(o.OneDrive) == 0 {
				return admin.Step{}, usage("say what shall be done, such as --disable-sign-in --revoke-sessions --convert-to-shared --remove-licences")
			}
			if at != "" {
				when, err := time.ParseInLocation("2006-01-02 15:04", at, c.app.Location)
				if err != nil {
					when, err = time.Parse(time.RFC3339, at)
				}
				if err != nil {
					return admin.Step{}, usage("--at %q is no time; write it as 2026-12-31 18:00 or 2026-12-31T18:00:00Z", at)
				}
				if when.Before(c.app.Now()) {
					// CIPP would do it at once: a mistyped year would lock somebody out today.
					return admin.Step{}, usage("--at %s is in the past, and CIPP would do it at once; leave --at out if that is meant", at)
				}
				o.At = when
			}
			return c.admin.Offboard(ctx, tenant, args[0], o)
		})
	flags = offboardingFlags(&o)
	for _, f := range flags {
		cmd.Flags().BoolVar(f.to, f.name, false, f.help)
	}
	cmd.Flags().StringVar(&o.ForwardTo, "forward-to", "", "forward mail to a `USER` of the tenant")
	cmd.Flags().BoolVar(&o.KeepCopy, "keep-copy", false, "…and keep it in the mailbox too")
	cmd.Flags().StringVar(&o.OutOfOffice, "out-of-office", "", "answer mail with `TEXT`")
	cmd.Flags().StringArrayVar(&o.FullAccess, "full-access", nil, "a `USER` who gets the mailbox; may be repeated")
	cmd.Flags().StringArrayVar(&o.FullAccessUnmapped, "full-access-unmapped", nil, "a `USER` who gets it and does not see it by itself")
	cmd.Flags().StringArrayVar(&o.OneDrive, "onedrive-access", nil, "a `USER` who gets the OneDrive; may be repeated")
	cmd.Flags().StringVar(&o.Reference, "reference", "", "`NAME` of the task in CIPP; the same one follows an earlier attempt")
	cmd.Flags().StringVar(&at, "at", "", "not now but at `TIME`, such as \"2026-12-31 18:00\"")
	return cmd
}

type boolFlag struct {
	to         *bool
	name, help string
}

func offboardingFlags(o *admin.Offboarding) []boolFlag {
	return []boolFlag{
		{&o.DisableSignIn, "disable-sign-in", "block sign-in"}, {&o.RevokeSessions, "revoke-sessions", "end all sessions"}, {&o.ResetPassword, "reset-password", "to one that nobody is told"},
		{&o.RemoveLicences, "remove-licences", "take all licences"}, {&o.RemoveGroups, "remove-groups", "take out of all groups"}, {&o.ConvertToShared, "convert-to-shared", "make the mailbox shared"},
		{&o.HideFromAddressList, "hide", "hide from address lists"}, {&o.RemoveMFADevices, "remove-mfa", "remove second factors"}, {&o.RemoveMobileDevices, "remove-mobile-devices", "remove phones from Exchange"},
		{&o.RemoveRules, "remove-rules", "remove inbox rules"}, {&o.RemoveCalendarInvites, "remove-invites", "cancel meetings"}, {&o.RemovePermissions, "remove-permissions", "in the mailboxes of others"},
		{&o.RemoveCalendarPermissions, "remove-calendar-permissions", "in the calendars of others"}, {&o.RemoveTeamsPhone, "remove-teams-phone", "release the Teams number"},
		{&o.ClearImmutableID, "clear-immutable-id", "cut the tie to an Active Directory"}, {&o.DisableOneDriveSharing, "disable-onedrive-sharing", "end sharing from OneDrive"},
		{&o.EndForwarding, "end-forwarding", "end forwarding of mail"}, {&o.DeleteUser, "delete", "delete the account"},
	}
}
