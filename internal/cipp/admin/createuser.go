package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/cipp"
	"syncd/internal/directory"
	"syncd/internal/secret"
)

// A NewUser is an account to be made.
type NewUser struct {
	UPN           string
	DisplayName   string
	GivenName     string
	Surname       string
	JobTitle      string
	Department    string
	CompanyName   string
	MobilePhone   string
	StreetAddress string
	City          string
	PostalCode    string
	Country       string
	Location      string   // usageLocation, two letters; needed for licences
	Licences      []string // by id, part number or name
	Groups        []string // by id, mail address or name
	Manager       string   // a user
	KeepPassword  bool     // the user need not change the password at the first sign-in
	Password      secret.String
}

// CreateUser makes an account. Everything that can be checked is: that the name
// is free and its domain verified, that a licence is free, that the groups take
// members. What CIPP does after the account itself may still fail; the Result
// then has the password and the error says what is missing.
func (a *Admin) CreateUser(ctx context.Context, t directory.Tenant, n NewUser) (Step, error) {
	if err := a.checkNewUser(ctx, t, &n); err != nil {
		return Step{}, err
	}
	b := &newUserBody{fields: n.attributes(), before: State{{"exists", "no"}, {"enabled", "no"}},
		wanted: State{{"exists", "yes"}, {"enabled", "yes"}}}
	for _, add := range []func(context.Context, directory.Tenant, NewUser, *newUserBody) error{a.addLicences, a.addGroups, a.addManager} {
		if err := add(ctx, t, n, b); err != nil {
			return Step{}, err
		}
	}
	s := Step{
		ID: "create " + strings.ToLower(n.UPN), Title: fmt.Sprintf("create %s (%s) in %s", n.DisplayName, n.UPN, t.Name), Tenant: t,
		Danger: strings.Join(b.dangers, "; "), Before: b.before, Wanted: b.wanted, read: a.newUserReader(t, n, b.before),
		call: Call{Endpoint: "AddUser", Tenant: t, Body: b.fields}, password: n.Password, returnsPassword: true, lag: licenceLag,
	}
	// Dynamic groups add the user by themselves: more groups than wanted is no failure.
	s.done = func(now State) bool {
		return now.Get("exists") == "yes" && containsAll(now.Get("licences"), b.wanted.Get("licences")) &&
			containsAll(now.Get("groups"), b.wanted.Get("groups")) && strings.EqualFold(now.Get("manager"), b.wanted.Get("manager"))
	}
	return s.seal(), nil
}

// checkNewUser completes the names of a new account, and refuses one whose name is
// impossible or taken.
func (a *Admin) checkNewUser(ctx context.Context, t directory.Tenant, n *NewUser) error {
	local, domain, _ := strings.Cut(strings.TrimSpace(n.UPN), "@")
	n.UPN = local + "@" + domain
	if n.DisplayName == "" {
		n.DisplayName = strings.TrimSpace(n.GivenName + " " + n.Surname)
	}
	if n.DisplayName == "" {
		return cipp.Misuse("a user needs a display name, or a given name and a surname")
	}
	if !filterSafe(local) || strings.Contains(local, "'") && local == "" {
		return cipp.Misuse("%q cannot be a user name", local)
	}
	if err := a.checkDomain(ctx, t, n.UPN); err != nil {
		return err
	}
	rows, err := a.users(ctx, t)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if u := userOf(r); strings.EqualFold(u.UPN, n.UPN) || strings.EqualFold(u.Mail, n.UPN) {
			return fmt.Errorf("%s is taken: %s", n.UPN, u.label())
		}
	}
	switch {
	case n.Location != "" && !isCountry(n.Location):
		return cipp.Misuse("the usage location %q is not a country of two letters, such as DE", n.Location)
	case n.Location == "" && len(n.Licences) > 0:
		return cipp.Misuse("a licence can only be given to a user with a usage location, such as DE")
	}
	return nil
}

// newUserBody is the body of AddUser, with the state before and after it.
type newUserBody struct {
	fields         map[string]any
	before, wanted State
	dangers        []string
}

// attributes are the members of AddUser's body that need no look-up.
func (n *NewUser) attributes() map[string]any {
	local, domain, _ := strings.Cut(n.UPN, "@")
	body := map[string]any{
		"username": local, "Domain": domain, "DisplayName": n.DisplayName, "givenName": n.GivenName, "surname": n.Surname, "mailNickname": local,
		"jobTitle": n.JobTitle, "department": n.Department, "companyName": n.CompanyName, "mobilePhone": n.MobilePhone,
		"streetAddress": n.StreetAddress,
		"city":          n.City, "postalCode": n.PostalCode, "country": n.Country, "MustChangePass": !n.KeepPassword,
	}
	maps.DeleteFunc(body, func(_ string, v any) bool { return v == "" })
	if n.Location != "" {
		body["usageLocation"] = map[string]any{"value": strings.ToUpper(n.Location)}
	}
	return body
}

// addLicences adds the licences of a new account, each with a free unit.
func (a *Admin) addLicences(ctx context.Context, t directory.Tenant, n NewUser, b *newUserBody) error {
	var skus []string
	if len(n.Licences) > 0 {
		licences, err := a.availableLicences(ctx, t, n.Licences)
		if err != nil {
			return err
		}
		var list []any
		for _, l := range licences {
			skus = append(skus, l.SKU)
			list = append(list, map[string]any{"value": l.SKU, "label": l.Name})
			if l.Free == 1 {
				b.dangers = append(b.dangers, "it takes the last free "+l.Name)
			}
		}
		b.fields["licenses"] = list
	}
	b.before = append(b.before, Field{"licences", ""})
	b.wanted = append(b.wanted, Field{"licences", skuNames(skus)})
	return nil
}

// addGroups adds the groups of a new account.
func (a *Admin) addGroups(ctx context.Context, t directory.Tenant, n NewUser, b *newUserBody) error {
	var names []string
	if len(n.Groups) > 0 {
		all, err := a.groups(ctx, t)
		if err != nil {
			return err
		}
		var list []any
		for _, text := range n.Groups {
			g, err := chooseEditable(all, text)
			if err != nil {
				return err
			}
			names = append(names, g.Name)
			if g.inExchange() {
				// Exchange knows a new account only after a while; CIPP then tries again by a task.
				b.dangers = append(b.dangers, g.Name+" is kept by Exchange, which may take the user in later")
			}
			list = append(list, map[string]any{"value": g.ID, "label": g.Name, "addedFields": map[string]any{"groupType": g.Kind}})
		}
		b.fields["AddToGroups"] = list
	}
	b.before = append(b.before, Field{"groups", ""})
	b.wanted = append(b.wanted, Field{"groups", set(names)})
	return nil
}

// addManager adds the manager of a new account.
func (a *Admin) addManager(ctx context.Context, t directory.Tenant, n NewUser, b *newUserBody) error {
	if n.Manager == "" {
		return nil
	}
	m, err := a.User(ctx, t, n.Manager)
	if err != nil {
		return fmt.Errorf("the manager: %w", err)
	}
	b.fields["setManager"] = map[string]any{"value": m.ID, "label": m.Name}
	b.before = append(b.before, Field{"manager", ""})
	b.wanted = append(b.wanted, Field{"manager", m.UPN})
	return nil
}

// newUserReader reads what is there of a new account; absent is the state without it.
func (a *Admin) newUserReader(t directory.Tenant, n NewUser, absent State) func(context.Context) (State, error) {
	query := []string{"$filter", "userPrincipalName eq '" + strings.ReplaceAll(n.UPN, "'", "''") + "'", "$select", userFields}
	if n.Manager != "" {
		query = append(query, "$expand", "manager")
	}
	return func(ctx context.Context) (State, error) {
		s := slices.Clone(absent)
		rows, err := a.graph(ctx, t, "users", query...)
		if err != nil || len(rows) == 0 {
			return s, err
		}
		u := userOf(rows[0])
		if !strings.EqualFold(u.UPN, n.UPN) {
			return s, nil
		}
		s[0].Value, s[1].Value, s[2].Value = "yes", yesNo(u.Enabled), skuNames(u.Licences)
		if len(n.Groups) > 0 {
			names, err := a.groupsOf(ctx, t, u)
			if err != nil {
				return nil, err
			}
			s[3].Value = set(names)
		}
		if n.Manager != "" {
			s[4].Value = u.raw.object("manager").text("userPrincipalName")
		}
		return s, nil
	}
}
