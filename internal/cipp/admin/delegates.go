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

// mailboxRights are the rights in a mailbox that can be given.
var mailboxRights = []string{"FullAccess", "SendAs"}

// Delegates lists who may use the mailbox of a user; the user's own rights are
// left out.
func (a *Admin) Delegates(ctx context.Context, t directory.Tenant, user string) (Table, error) {
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Table{}, err
	}
	rows, err := a.readDelegates(ctx, t, u)
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("who", "Who", "User"), col("rights", "Rights", "Permissions")), nil
}

func (a *Admin) readDelegates(ctx context.Context, t directory.Tenant, u User) ([]row, error) {
	rows, err := a.list(ctx, t, "ListmailboxPermissions", url.Values{"userId": {u.ID}})
	return slices.DeleteFunc(rows, func(r row) bool { return strings.HasPrefix(strings.ToUpper(r.text("User")), "NT AUTHORITY") }), err
}

// GrantMailbox gives somebody FullAccess to the mailbox of a user, with automapping in
// Outlook, or SendAs.
func (a *Admin) GrantMailbox(ctx context.Context, t directory.Tenant, user, who, rights string) (Step, error) {
	return a.editDelegates(ctx, t, user, who, rights, true)
}

// RevokeMailbox takes FullAccess or SendAs away again.
func (a *Admin) RevokeMailbox(ctx context.Context, t directory.Tenant, user, who, rights string) (Step, error) {
	return a.editDelegates(ctx, t, user, who, rights, false)
}

func (a *Admin) editDelegates(ctx context.Context, t directory.Tenant, user, who, rights string, add bool) (Step, error) {
	i := slices.IndexFunc(mailboxRights, func(r string) bool { return strings.EqualFold(r, rights) })
	if i < 0 {
		return Step{}, cipp.Misuse("%q are no rights in a mailbox; these are: %s", rights, strings.Join(mailboxRights, ", "))
	}
	rights = mailboxRights[i]
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	w, err := a.User(ctx, t, who)
	if err != nil {
		return Step{}, fmt.Errorf("who gets the rights: %w", err)
	}
	if u.ID == w.ID {
		return Step{}, cipp.Misuse("%s owns that mailbox", u.UPN)
	}
	name, grantee := rights+" of "+w.UPN, a.newTrustee(t, w)
	read := func(ctx context.Context) (State, error) {
		rows, err := a.readDelegates(ctx, t, u)
		if err != nil {
			return nil, err
		}
		mine, err := grantee.rows(ctx, slices.DeleteFunc(rows, func(r row) bool { return !containsAll(r.text("Permissions"), rights) }))
		if err != nil {
			return nil, err
		}
		has := len(mine) > 0
		return State{{name, yesNo(has)}}, nil
	}
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	verb, danger := "Add", ""
	title := fmt.Sprintf("give %s %s to the mailbox of %s", w.label(), rights, u.label())
	if !add {
		verb, title = "Remove", fmt.Sprintf("take %s to the mailbox of %s from %s", rights, u.label(), w.label())
	} else {
		danger = "what is in the mailbox can be read from now on"
		if rights == "SendAs" {
			danger = "mail can be sent in that name from now on"
		}
	}
	return Step{
		ID: "mailbox " + u.ID + " " + w.ID + " " + verb + " " + rights, Title: title, Tenant: t, Danger: danger, Before: before,
		Wanted: State{{name, yesNo(add)}}, read: read,
		call: Call{Endpoint: "ExecModifyMBPerms", Tenant: t, Body: map[string]any{
			"userID": u.UPN, "permissions": []any{map[string]any{
				"UserID": map[string]any{"value": w.UPN, "label": w.Name}, "PermissionLevel": rights, "Modification": verb, "AutoMap": true,
			}},
		}},
	}.seal(), nil
}
