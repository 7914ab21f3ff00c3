package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncd/internal/directory"
)

// userFields are the properties of a user that are read.
const userFields = "id,displayName,givenName,surname,userPrincipalName,mail,accountEnabled,userType,jobTitle,department,companyName,officeLocation," +
	"mobilePhone,businessPhones,streetAddress,city,state,postalCode,country,usageLocation,createdDateTime,assignedLicenses,licenseAssignmentStates," +
	"onPremisesSyncEnabled,proxyAddresses,lastPasswordChangeDateTime,signInSessionsValidFromDateTime"

// ErrSynced is in the error of a write to a user or group that is synced from an Active
// Directory: the next directory sync would undo the write.
var ErrSynced = errors.New("it is synced from an Active Directory; change it there")

// A User is an account as it was read, addressed by its object id alone: UPNs
// change, and those of guests break the URLs that CIPP makes of them.
type User struct {
	ID        string
	UPN       string
	Name      string
	Mail      string
	Enabled   bool
	Guest     bool
	Synced    bool
	Location  string            // usageLocation
	Licences  []string          // SKU ids, direct and inherited
	Inherited map[string]string // SKU id → id of the group that gives it
	raw       row
}

func userOf(r row) User {
	u := User{
		ID: strings.ToLower(r.text("id")), UPN: r.text("userPrincipalName"), Name: r.text("displayName"), Mail: r.text("mail"),
		Enabled: r.flag("accountEnabled"),
		Synced:  r.flag("onPremisesSyncEnabled"), Location: r.text("usageLocation"), Inherited: map[string]string{}, raw: r,
	}
	u.Guest = strings.EqualFold(r.text("userType"), "Guest") || strings.Contains(u.UPN, "#EXT#")
	for _, l := range r.rows("assignedLicenses") {
		u.Licences = append(u.Licences, strings.ToLower(l.text("skuId")))
	}
	direct := map[string]bool{}
	for _, s := range r.rows("licenseAssignmentStates") {
		sku := strings.ToLower(s.text("skuId"))
		if g := s.text("assignedByGroup"); g != "" {
			u.Inherited[sku] = g
		} else {
			direct[sku] = true
		}
	}
	for sku := range direct {
		delete(u.Inherited, sku) // both: taking the direct one away is possible
	}
	return u
}

func (u User) label() string { return fmt.Sprintf("%s (%s, %s)", u.Name, u.UPN, u.ID) }

// has reports whether the user has a SKU, directly or through a group.
func (u User) has(sku string) bool {
	return slices.Contains(u.Licences, strings.ToLower(sku))
}

// users reads all accounts of a tenant. A tenant has at least one.
func (a *Admin) users(ctx context.Context, t directory.Tenant) ([]row, error) {
	rows, err := a.graph(ctx, t, "users", "$select", userFields, "$top", "999")
	return requireRows(rows, err, "users of "+t.Name)
}

// filterSafe reports whether a text may stand in a filter: CIPP inserts it into a URL
// without encoding it, where some characters would mean something else.
func filterSafe(s string) bool { return !strings.ContainsAny(s, "&#+%?/\\ ") }

// User finds an account by its object id, UPN, mail address, or a name that
// only one has. It returns an *AmbiguousError or an *UnknownError.
func (a *Admin) User(ctx context.Context, t directory.Tenant, text string) (User, error) {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "@") && filterSafe(text) {
		rows, err := a.graph(ctx, t, "users", "$filter", "userPrincipalName eq '"+strings.ReplaceAll(text, "'", "''")+"'", "$select", userFields)
		if err != nil {
			return User{}, err
		}
		if len(rows) == 1 && strings.EqualFold(rows[0].text("userPrincipalName"), text) {
			return userOf(rows[0]), nil
		}
	}
	rows, err := a.users(ctx, t)
	if err != nil {
		return User{}, err
	}
	all := make([]User, len(rows))
	for i, r := range rows {
		all[i] = userOf(r)
	}
	u, err := choose("user", text, all, func(u User) []string { return []string{u.ID, u.UPN, u.Mail} },
		func(u User) []string { return []string{u.Name} }, User.label)
	if err == nil && !directory.IsGUID(u.ID) {
		return User{}, fmt.Errorf("user %s: CIPP gives no id of the account", u.UPN)
	}
	return u, err
}

// reread reads an account again, by its id. ok is false if it no longer exists.
func (a *Admin) reread(ctx context.Context, t directory.Tenant, id string, options ...string) (u User, ok bool, err error) {
	rows, err := a.graph(ctx, t, "users", append([]string{"$filter", "id eq '" + id + "'", "$select", userFields}, options...)...)
	if err != nil {
		return User{}, false, err
	}
	for _, r := range rows {
		if u := userOf(r); u.ID == id {
			return u, true, nil
		}
	}
	// A tenant that CIPP has no access to has no users either.
	anybody, err := a.graph(ctx, t, "users", "$select", "id", "$top", "1", "NoPagination", "true")
	_, err = requireRows(anybody, err, "users of "+t.Name)
	return User{}, false, err
}

// Users lists the accounts of a tenant, live.
func (a *Admin) Users(ctx context.Context, t directory.Tenant) (Table, error) {
	rows, err := a.users(ctx, t)
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false,
		col("upn", "User", "userPrincipalName"), col("name", "Name", "displayName"), yesNoCol("enabled", "Enabled", "accountEnabled"),
		computed("type", "Type", func(r row) string {
			if userOf(r).Guest {
				return "Guest"
			}
			return r.text("userType")
		}),
		Column{Key: "licences", Title: "Licences", Number: true}.computed(func(r row) string { return strconv.Itoa(len(r.rows("assignedLicenses"))) }),
		col("job_title", "Job title", "jobTitle"), col("department", "Department", "department"),
		yesNoCol("synced", "Synced", "onPremisesSyncEnabled"), col("id", "Id", "id")), nil
}

// ShowUser shows one account with its licences and groups.
func (a *Admin) ShowUser(ctx context.Context, t directory.Tenant, text string) (Table, error) {
	u, err := a.User(ctx, t, text)
	if err != nil {
		return Table{}, err
	}
	groups, err := a.groupsOf(ctx, t, u)
	if err != nil {
		return Table{}, err
	}
	return propertyTable(u.raw,
		col("", "Name", "displayName"), col("", "User", "userPrincipalName"), col("", "Id", "id"), col("", "Mail", "mail"),
		yesNoCol("", "Enabled", "accountEnabled"), col("", "Type", "userType"),
		col("", "Job title", "jobTitle"), col("", "Department", "department"), col("", "Company", "companyName"),
		col("", "Office", "officeLocation"), col("", "Mobile", "mobilePhone"),
		col("", "Phones", "businessPhones"), col("", "Street", "streetAddress"), col("", "Postal code", "postalCode"), col("", "City", "city"),
		col("", "Country", "country"),
		col("", "Usage location", "usageLocation"), computed("", "Licences", func(row) string { return skuNames(u.Licences) }),
		computed("", "…by a group", func(row) string {
			var all []string
			for sku := range u.Inherited {
				all = append(all, sku)
			}
			return skuNames(all)
		}),
		computed("", "Groups", func(row) string { return set(groups) }), col("", "Addresses", "proxyAddresses"),
		yesNoCol("", "Synced", "onPremisesSyncEnabled"),
		timeCol("", "Created", "createdDateTime"), timeCol("", "Password changed", "lastPasswordChangeDateTime")), nil
}

func skuNames(skus []string) string {
	var all []string
	for _, s := range skus {
		all = append(all, directory.ProductName(s, s))
	}
	return set(all)
}

// groupsOf lists the names of the groups a user is in; the first hundred, which
// is what CIPP gives.
func (a *Admin) groupsOf(ctx context.Context, t directory.Tenant, u User) ([]string, error) {
	rows, err := a.list(ctx, t, "ListUserGroups", map[string][]string{"userId": {u.ID}})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.text("DisplayName"))
	}
	return out, nil
}

// userReader returns the read of a step about one account.
func (a *Admin) userReader(t directory.Tenant, u User, state func(User) State, options ...string) func(context.Context) (State, error) {
	return func(ctx context.Context) (State, error) {
		now, ok, err := a.reread(ctx, t, u.ID, options...)
		if err == nil && !ok {
			err = fmt.Errorf("%s is no longer there", u.label())
		}
		if err != nil {
			return nil, err
		}
		return state(now), nil
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// EnableUser allows an account to sign in.
func (a *Admin) EnableUser(ctx context.Context, t directory.Tenant, text string) (Step, error) {
	return a.setEnabled(ctx, t, text, true)
}

// DisableUser blocks the sign-in of an account.
func (a *Admin) DisableUser(ctx context.Context, t directory.Tenant, text string) (Step, error) {
	return a.setEnabled(ctx, t, text, false)
}

func (a *Admin) setEnabled(ctx context.Context, t directory.Tenant, text string, on bool) (Step, error) {
	u, err := a.User(ctx, t, text)
	if err != nil {
		return Step{}, err
	}
	if u.Synced {
		// CIPP would change the account and then report a failure.
		return Step{}, fmt.Errorf("user %s: %w", u.UPN, ErrSynced)
	}
	state := func(u User) State { return State{{"enabled", yesNo(u.Enabled)}} }
	verb, danger := "enable ", ""
	if !on {
		verb, danger = "disable ", "the user cannot sign in any more; sessions that are open last until their tokens end"
	}
	return Step{
		ID: verb + u.ID, Title: verb + u.label(), Tenant: t, Danger: danger, Before: state(u), Wanted: State{{"enabled", yesNo(on)}},
		call: Call{Endpoint: "ExecDisableUser", Tenant: t, Body: map[string]any{"ID": u.ID, "Enable": strconv.FormatBool(on)}},
		read: a.userReader(t, u, state),
	}.seal(), nil
}

// ResetPassword makes CIPP set a new password. It is in the Result and nowhere
// else. mustChange makes the user choose another at the next sign-in.
func (a *Admin) ResetPassword(ctx context.Context, t directory.Tenant, text string, mustChange bool) (Step, error) {
	u, err := a.User(ctx, t, text)
	if err != nil {
		return Step{}, err
	}
	if u.Guest {
		return Step{}, fmt.Errorf("%s is a guest: the password is kept by another tenant", u.UPN)
	}
	state := func(u User) State {
		return State{{"password changed", timestamp(u.raw.time("lastPasswordChangeDateTime"))}}
	}
	before := state(u)
	danger := "the old password no longer works"
	if u.Synced {
		danger += "; the account is synced, so the new one works on premises only with password writeback, and after a while"
	}
	return Step{
		ID: "reset password " + u.ID, Title: "reset the password of " + u.label(), Tenant: t, Danger: danger, Before: before,
		call: Call{Endpoint: "ExecResetPass", Tenant: t,
			Body: map[string]any{"ID": u.ID, "displayName": u.Name, "MustChange": mustChange}},
		read:            a.userReader(t, u, state),
		returnsPassword: true, unverifiable: before[0].Value == "", done: func(now State) bool { return !now.equal(before) },
	}.seal(), nil
}

// RevokeSessions ends the sessions of an account: its user must sign in again when
// the tokens are renewed.
func (a *Admin) RevokeSessions(ctx context.Context, t directory.Tenant, text string) (Step, error) {
	u, err := a.User(ctx, t, text)
	if err != nil {
		return Step{}, err
	}
	state := func(u User) State {
		return State{{"sessions valid from", timestamp(u.raw.time("signInSessionsValidFromDateTime"))}}
	}
	before := state(u)
	return Step{
		ID: "revoke sessions " + u.ID, Title: "end the sessions of " + u.label(), Tenant: t, Danger: "the user must sign in again everywhere", Before: before,
		call:         Call{Endpoint: "ExecRevokeSessions", Tenant: t, Body: map[string]any{"id": u.ID, "Username": u.UPN}},
		read:         a.userReader(t, u, state),
		unverifiable: before[0].Value == "", done: func(now State) bool { return !now.equal(before) },
	}.seal(), nil
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
