package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// attributes are what EditUser may set, by Graph's names.
var attributes = []string{
	"displayName", "givenName", "surname", "jobTitle", "department", "companyName", "officeLocation", "mobilePhone", "streetAddress", "city",
	"state", "postalCode",
	"country", "usageLocation", "businessPhones", "manager", "userPrincipalName",
}

// Attributes lists the names that EditUser takes.
func Attributes() []string { return slices.Clone(attributes) }

// EditUser sets attributes of an account, by Graph's names; an empty value
// clears one. businessPhones are separated by commas; manager is a user. It calls
// PatchUser, which changes what it is sent and nothing else; CIPP's own EditUser
// would rebuild the UPN and replace the licences.
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
	names := slices.Sorted(maps.Keys(change))
	body := map[string]any{"id": u.ID}
	var want State
	var options []string
	for i, name := range names {
		at := slices.IndexFunc(attributes, func(known string) bool { return strings.EqualFold(known, name) })
		if at < 0 {
			return Step{}, cipp.Misuse("%q is no attribute that can be set; these can: %s", name, strings.Join(attributes, ", "))
		}
		names[i] = attributes[at]
		sent, shown, err := a.attribute(ctx, t, u, names[i], strings.Join(strings.Fields(change[name]), " ")) // as it is read back
		if err != nil {
			return Step{}, err
		}
		body[names[i]] = sent
		want = append(want, Field{names[i], shown})
	}
	danger := ""
	if _, renamed := body["userPrincipalName"]; renamed {
		danger = "the user signs in under another name from now on"
	}
	if _, managed := body["manager"]; managed {
		options = []string{"$expand", "manager"}
	}
	read := a.userReader(t, u, func(u User) State { return attributesOf(u, names) }, options...)
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	return Step{
		ID: "edit " + u.ID + " " + want.String(), Title: "edit " + u.label(), Tenant: t, Danger: danger, Before: before, Wanted: want,
		call: Call{Endpoint: "PatchUser", Tenant: t, Body: body}, read: read,
	}.seal(), nil
}

// attribute checks the new value of an attribute and returns it as PatchUser takes it
// and as it is read back.
func (a *Admin) attribute(ctx context.Context, t directory.Tenant, u User, name, v string) (sent any, shown string, err error) {
	if v == "" && slices.Contains([]string{"displayName", "userPrincipalName", "manager"}, name) {
		return nil, "", cipp.Misuse("%s cannot be empty", name)
	}
	switch name {
	case "usageLocation":
		if v = strings.ToUpper(v); v != "" && !isCountry(v) {
			return nil, "", cipp.Misuse("the usage location %q is not a country of two letters, such as DE", v)
		}
	case "businessPhones":
		list := []any{}
		var phones []string
		for phone := range strings.SplitSeq(v, ",") {
			if phone = strings.TrimSpace(phone); phone != "" {
				list, phones = append(list, phone), append(phones, phone)
			}
		}
		return list, strings.Join(phones, ", "), nil
	case "manager":
		m, err := a.User(ctx, t, v)
		if err != nil {
			return nil, "", fmt.Errorf("the manager: %w", err)
		}
		if m.ID == u.ID {
			return nil, "", cipp.Misuse("%s cannot be its own manager", u.UPN)
		}
		if !filterSafe(m.UPN) { // CIPP makes a URL of it, which # would end
			return m.ID, m.UPN, nil
		}
		return m.UPN, m.UPN, nil
	case "userPrincipalName":
		if err := a.checkDomain(ctx, t, v); err != nil {
			return nil, "", err
		}
	}
	if v == "" {
		return nil, "", nil // Graph takes no empty text
	}
	return v, v, nil
}

// attributesOf reads attributes of an account, by Graph's names.
func attributesOf(u User, names []string) State {
	var s State
	for _, name := range names {
		v := u.raw.text(name)
		if name == "manager" {
			v = u.raw.object(name).text("userPrincipalName")
		}
		s = append(s, Field{name, v})
	}
	return s
}

// isCountry reports whether a text has the form of an ISO 3166 alpha-2 code.
func isCountry(s string) bool {
	letter := func(c byte) bool { return 'A' <= c&^0x20 && c&^0x20 <= 'Z' }
	return len(s) == 2 && letter(s[0]) && letter(s[1])
}

// checkDomain is an error unless the address is in a verified domain of the tenant.
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

// containsAll reports whether the set have has every element of want.
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
