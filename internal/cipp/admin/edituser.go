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

// attributes are what EditUser may set, by Graph's names.
var attributes = []string{
	"displayName", "givenName", "surname", "jobTitle", "department", "companyName", "officeLocation", "mobilePhone", "streetAddress", "city", "state", "postalCode",
	"country", "usageLocation", "businessPhones", "manager", "userPrincipalName",
}

// Attributes lists the names that EditUser takes.
func Attributes() []string { return slices.Clone(attributes) }

// EditUser sets attributes of an account, by Graph's names; an empty value
// clears one. businessPhones are parted by commas; manager is a user. It goes by PatchUser, which changes what it is sent and nothing
// else; CIPP's own EditUser would rebuild the UPN and replace the licences.
func (a *Admin) EditUser(ctx context.Context, t directory.Tenant, text string, change map[string]string) (Step, error) {
	if len(change) == 0 {
		return Step{}, cipp.Misuse("nothing to change about the user was named")
	}
	u, err := a.User(ctx, t, text)
	if err != nil {
		return Step{}, err
	}
	if u.Synced {
		return Step{}, fmt.Errorf("user %s: %w", u.UPN, ErrSynced)
	}
	fields := slices.Sorted(maps.Keys(change))
	body := map[string]any{"id": u.ID}
	var want State
	danger := ""
	var options []string
	for i, name := range fields {
		at := slices.IndexFunc(attributes, func(known string) bool { return strings.EqualFold(known, name) })
		if at < 0 {
			return Step{}, cipp.Misuse("%q is no attribute that can be set; these can: %s", name, strings.Join(attributes, ", "))
		}
		fields[i] = attributes[at]
		v := strings.Join(strings.Fields(change[name]), " ") // as it is read back
		if v == "" && slices.Contains([]string{"displayName", "userPrincipalName", "manager"}, fields[i]) {
			return Step{}, cipp.Misuse("%s cannot be empty", fields[i])
		}
		body[fields[i]] = v
		switch fields[i] {
		case "usageLocation":
			if v = strings.ToUpper(v); v != "" && !isCountry(v) {
				return Step{}, cipp.Misuse("the usage location %q is not a country of two letters, such as DE", v)
			}
			body[fields[i]] = v
		case "businessPhones":
			phones := []any{}
			var shown []string
			for one := range strings.SplitSeq(v, ",") {
				if one = strings.TrimSpace(one); one != "" {
					phones, shown = append(phones, one), append(shown, one)
				}
			}
			body[fields[i]], v = phones, strings.Join(shown, ", ")
		case "manager":
			m, err := a.User(ctx, t, v)
			if err != nil {
				return Step{}, fmt.Errorf("the manager: %w", err)
			}
			if m.ID == u.ID {
				return Step{}, cipp.Misuse("%s cannot be its own manager", u.UPN)
			}
			// CIPP makes a URL of it, which # would end.
			if body[fields[i]], v = m.UPN, m.UPN; !filterSafe(m.UPN) {
				body[fields[i]] = m.ID
			}
			options = []string{"$expand", "manager"}
		case "userPrincipalName":
			if err := a.checkDomain(ctx, t, v); err != nil {
				return Step{}, err
			}
			danger = "the user signs in under another name from now on"
		}
		if body[fields[i]] == "" {
			body[fields[i]] = nil // Graph takes no empty text
		}
		want = append(want, Field{fields[i], v})
	}
	state := func(u User) State {
		var s State
		for _, name := range fields {
			v := u.raw.text(name)
			if name == "manager" {
				v = u.raw.object(name).text("userPrincipalName")
			}
			s = append(s, Field{name, v})
		}
		return s
	}
	read := a.userReader(t, u, state, options...)
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	return Step{
		ID: "edit " + u.ID + " " + want.String(), Title: "edit " + u.label(), Tenant: t, Danger: danger, Before: before, Wanted: want,
		call: Call{Endpoint: "PatchUser", Tenant: t, Body: body}, read: read,
	}.seal(), nil
}

// isCountry says whether a text can be a country of ISO 3166, in two letters.
func isCountry(s string) bool {
	letter := func(c byte) bool { return 'A' <= c&^0x20 && c&^0x20 <= 'Z' }
	return len(s) == 2 && letter(s[0]) && letter(s[1])
}

// checkDomain checks that an address ends in a verified domain of the tenant.
func (a *Admin) checkDomain(ctx context.Context, t directory.Tenant, address string) error {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return cipp.Misuse("%q is no user name (name@domain)", address)
	}
	rows, err := a.domains(ctx, t)
	if err != nil {
		return err
	}
	var verified []string
	for _, r := range rows {
		if r.flag("isVerified") {
			verified = append(verified, r.text("id"))
		}
	}
	if !slices.ContainsFunc(verified, func(d string) bool { return strings.EqualFold(d, domain) }) {
		return cipp.Misuse("%q is no verified domain of %s; these are: %s", domain, t.Name, set(verified))
	}
	return nil
}

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
	KeepPassword  bool     // the user need not choose another password at the first sign-in
	Password      secret.String
}

// CreateUser makes an account. Everything that can be checked is: that the name
// is free and its domain verified, that a licence is free, that the groups take
// members. What CIPP does after the account itself may still fail; the Result
// then has the password and the error says what is missing.
func (a *Admin) CreateUser(ctx context.Context, t directory.Tenant, n NewUser) (Step, error) {
	local, domain, _ := strings.Cut(strings.TrimSpace(n.UPN), "@")
	n.UPN = local + "@" + domain
	if n.DisplayName == "" {
		n.DisplayName = strings.TrimSpace(n.GivenName + " " + n.Surname)
	}
	if n.DisplayName == "" {
		return Step{}, cipp.Misuse("a user needs a display name, or a given name and a surname")
	}
	if !filterSafe(local) || strings.Contains(local, "'") && local == "" {
		return Step{}, cipp.Misuse("%q cannot be a user name", local)
	}
	if err := a.checkDomain(ctx, t, n.UPN); err != nil {
		return Step{}, err
	}
	rows, err := a.users(ctx, t)
	if err != nil {
		return Step{}, err
	}
	for _, r := range rows {
		if u := userOf(r); strings.EqualFold(u.UPN, n.UPN) || strings.EqualFold(u.Mail, n.UPN) {
			return Step{}, fmt.Errorf("%s is taken: %s", n.UPN, u.label())
		}
	}
	body := map[string]any{
		"username": local, "Domain": domain, "DisplayName": n.DisplayName, "givenName": n.GivenName, "surname": n.Surname, "mailNickname": local,
		"jobTitle": n.JobTitle, "department": n.Department, "companyName": n.CompanyName, "mobilePhone": n.MobilePhone, "streetAddress": n.StreetAddress,
		"city": n.City, "postalCode": n.PostalCode, "country": n.Country, "MustChangePass": !n.KeepPassword,
	}
	maps.DeleteFunc(body, func(_ string, v any) bool { return v == "" })
	if n.Location != "" {
		if !isCountry(n.Location) {
			return Step{}, cipp.Misuse("the usage location %q is not a country of two letters, such as DE", n.Location)
		}
		body["usageLocation"] = map[string]any{"value": strings.ToUpper(n.Location)}
	}
	want := State{{"exists", "yes"}, {"enabled", "yes"}}
	var danger []string

	var skus []string
	if len(n.Licences) > 0 {
		if n.Location == "" {
			return Step{}, cipp.Misuse("a licence can only be given to a user with a usage location, such as DE")
		}
		free, err := a.availableLicences(ctx, t, n.Licences)
		if err != nil {
			return Step{}, err
		}
		var list []any
		for _, k := range free {
			skus = append(skus, k.SKU)
			list = append(list, map[string]any{"value": k.SKU, "label": k.Name})
			if k.Free == 1 {
				danger = append(danger, "it takes the last free "+k.Name)
			}
		}
		body["licenses"] = list
	}
	want = append(want, Field{"licences", skuNames(skus)})

	var groups []string
	if len(n.Groups) > 0 {
		all, err := a.groups(ctx, t)
		if err != nil {
			return Step{}, err
		}
		var list []any
		for _, text := range n.Groups {
			g, err := chooseEditable(all, text)
			if err != nil {
				return Step{}, err
			}
			groups = append(groups, g.Name)
			if g.inExchange() {
				// Exchange knows a new account only after a while; CIPP then tries again by a task.
				danger = append(danger, g.Name+" is kept by Exchange, which may take the user in later")
			}
			list = append(list, map[string]any{"value": g.ID, "label": g.Name, "addedFields": map[string]any{"groupType": g.Kind}})
		}
		body["AddToGroups"] = list
	}
	want = append(want, Field{"groups", set(groups)})

	if n.Manager != "" {
		m, err := a.User(ctx, t, n.Manager)
		if err != nil {
			return Step{}, fmt.Errorf("the manager: %w", err)
		}
		body["setManager"] = map[string]any{"value": m.ID, "label": m.Name}
		want = append(want, Field{"manager", m.UPN})
	}

	none := State{{"exists", "no"}, {"enabled", "no"}, {"licences", ""}, {"groups", ""}}
	query := []string{"$filter", "userPrincipalName eq '" + strings.ReplaceAll(n.UPN, "'", "''") + "'", "$select", userFields}
	if n.Manager != "" {
		none, query = append(none, Field{"manager", ""}), append(query, "$expand", "manager")
	}
	read := func(ctx context.Context) (State, error) {
		s := slices.Clone(none)
		rows, err := a.graph(ctx, t, "users", query...)
		if err != nil || len(rows) == 0 {
			return s, err
		}
		u := userOf(rows[0])
		if !strings.EqualFold(u.UPN, n.UPN) {
			return s, nil
		}
		s[0].Value, s[1].Value, s[2].Value = "yes", yesNo(u.Enabled), skuNames(u.Licences)
		if len(groups) > 0 {
			in, err := a.groupsOf(ctx, t, u)
			if err != nil {
				return nil, err
			}
			s[3].Value = set(in)
		}
		if n.Manager != "" {
			s[4].Value = u.raw.object("manager").text("userPrincipalName")
		}
		return s, nil
	}
	s := Step{
		ID: "create " + strings.ToLower(n.UPN), Title: fmt.Sprintf("create %s (%s) in %s", n.DisplayName, n.UPN, t.Name), Tenant: t, Danger: strings.Join(danger, "; "),
		Before: none, Wanted: want,
		call: Call{Endpoint: "AddUser", Tenant: t, Body: body}, read: read, password: n.Password, returnsPassword: true, lag: licenceLag,
	}
	// Groups that are dynamic take the user in by themselves: more is no failure.
	s.done = func(now State) bool {
		return now.Get("exists") == "yes" && containsAll(now.Get("licences"), skuNames(skus)) && containsAll(now.Get("groups"), set(groups)) && strings.EqualFold(now.Get("manager"), want.Get("manager"))
	}
	return s.seal(), nil
}

// containsAll says whether the set have holds all of want.
func containsAll(have, want string) bool {
	if want == "" {
		return true
	}
	all := strings.Split(strings.ToLower(have), ", ")
	for w := range strings.SplitSeq(strings.ToLower(want), ", ") {
		if !slices.Contains(all, w) {
			return false
		}
	}
	return true
}
