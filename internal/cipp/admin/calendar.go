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

// calendarRights are Exchange's access rights of a calendar folder.
var calendarRights = []string{
	"Owner", "PublishingEditor", "Editor", "PublishingAuthor", "Author", "NonEditingAuthor", "Reviewer", "Contributor", "LimitedDetails",
	"AvailabilityOnly", "None",
}

// readCalendar reads the permissions of a user's calendar, and the folder's localised
// name, which a write must send.
func (a *Admin) readCalendar(ctx context.Context, t directory.Tenant, u User) (rows []row, folder string, err error) {
	rows, err = a.list(ctx, t, "ListCalendarPermissions", url.Values{"UserID": {u.ID}})
	if rows, err = requireRows(rows, err, "calendar of "+u.UPN); err != nil {
		return nil, "", err
	}
	for _, r := range rows {
		if folder = r.text("FolderName"); folder != "" {
			return rows, folder, nil
		}
	}
	return nil, "", fmt.Errorf("CIPP does not say what the calendar folder of %s is called", u.UPN)
}

// Calendar lists the permissions of a user's calendar.
func (a *Admin) Calendar(ctx context.Context, t directory.Tenant, user string) (Table, error) {
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Table{}, err
	}
	rows, _, err := a.readCalendar(ctx, t, u)
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("who", "Who", "User"), col("rights", "Rights", "AccessRights"), col("folder", "Folder", "FolderName"),
		col("id", "Id", "UserId")), nil
}

// defaultPrincipals have rights in every calendar: everybody who is signed in to the
// tenant, and everybody else.
var defaultPrincipals = []string{"Default", "Anonymous"}

// GrantCalendar gives somebody, or Default or Anonymous, rights in the calendar of a
// user, in place of those there are. private lets an Editor see private items too.
func (a *Admin) GrantCalendar(ctx context.Context, t directory.Tenant, user, who, rights string, private bool) (Step, error) {
	i := slices.IndexFunc(calendarRights, func(r string) bool { return strings.EqualFold(r, rights) })
	if i < 0 {
		return Step{}, cipp.Misuse("%q are no calendar rights; these are: %s", rights, strings.Join(calendarRights, ", "))
	}
	return a.editCalendar(ctx, t, user, who, calendarRights[i], private)
}

// RevokeCalendar takes all rights in the calendar of a user from somebody.
// Exchange keeps the entries Default and Anonymous; their rights become None.
func (a *Admin) RevokeCalendar(ctx context.Context, t directory.Tenant, user, who string) (Step, error) {
	return a.editCalendar(ctx, t, user, who, "", false)
}

func (a *Admin) editCalendar(ctx context.Context, t directory.Tenant, user, whom, rights string, private bool) (Step, error) {
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	w, anybody := User{}, slices.IndexFunc(defaultPrincipals, func(e string) bool { return strings.EqualFold(e, strings.TrimSpace(whom)) })
	label := ""
	if anybody >= 0 {
		w = User{ID: defaultPrincipals[anybody], UPN: defaultPrincipals[anybody], Name: defaultPrincipals[anybody]}
		label = []string{"everybody in the tenant (Default)", "everybody outside (Anonymous)"}[anybody]
		if rights == "" {
			rights = "None"
		}
	} else if w, err = a.User(ctx, t, whom); err != nil {
		return Step{}, fmt.Errorf("who gets the rights: %w", err)
	} else {
		label = w.label()
	}
	if u.ID == w.ID {
		return Step{}, cipp.Misuse("%s owns that calendar", u.UPN)
	}
	name, grantee := "rights of "+w.UPN, a.newTrustee(t, w)
	read := func(ctx context.Context) (State, error) {
		rows, _, err := a.readCalendar(ctx, t, u)
		if err != nil {
			return nil, err
		}
		mine := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !strings.EqualFold(r.text("User"), w.Name) })
		if anybody < 0 {
			if mine, err = grantee.rows(ctx, rows); err != nil {
				return nil, err
			}
		}
		var rights []string
		for _, r := range mine {
			rights = append(rights, r.texts("AccessRights")...)
		}
		return State{{name, set(rights)}}, nil
	}
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	rows, folder, err := a.readCalendar(ctx, t, u)
	if err == nil && anybody < 0 {
		err = grantee.checkIdentifiable(ctx, rows)
	}
	if err != nil {
		return Step{}, err
	}
	// CanViewPrivateItems must be there, as a boolean, even where nothing is granted.
	body := map[string]any{"userid": u.UPN, "FolderName": folder, "CanViewPrivateItems": private}
	title, danger := "", ""
	if rights == "" {
		body["RemoveAccess"] = map[string]any{"value": w.UPN, "label": w.Name}
		title = fmt.Sprintf("take the rights in the calendar of %s from %s", u.label(), label)
	} else {
		body["UserToGetPermissions"] = map[string]any{"value": w.UPN, "label": w.Name}
		body["Permissions"] = map[string]any{"value": rights, "label": rights}
		title = fmt.Sprintf("make %s %s in the calendar of %s", label, rights, u.label())
		var mind []string
		if private {
			mind = append(mind, "private appointments are shown too")
		}
		if anybody >= 0 && rights != "None" {
			mind = append(mind, "it is for "+label)
		}
		danger = strings.Join(mind, "; ")
	}
	return Step{
		ID: "calendar " + u.ID + " " + w.ID + " " + rights, Title: title, Tenant: t, Danger: danger, Before: before,
		Wanted: State{{name, rights}}, read: read,
		call: Call{Endpoint: "ExecEditCalendarPermissions", Tenant: t, Body: body},
	}.seal(), nil
}

// CalendarRights lists Exchange's words for rights in a calendar.
func CalendarRights() []string { return slices.Clone(calendarRights) }
