package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// licenceLag is how long, according to CIPP, a change of licences takes to be visible.
const licenceLag = 5 * time.Minute

// A Licence is a SKU of a tenant as it can be given.
type Licence struct {
	SKU   string // a GUID in lower case
	Part  string // Microsoft's part number
	Name  string
	Paid  int // units that can be used, those in their grace period included
	Used  int
	Free  int // never negative
	State string
	raw   row
}

// licences reads Microsoft's own list, which hides nothing and shows its errors.
func (a *Admin) licences(ctx context.Context, t directory.Tenant) ([]Licence, error) {
	rows, err := a.graph(ctx, t, "subscribedSkus")
	if err != nil {
		return nil, err
	}
	var out []Licence
	for _, r := range rows {
		l := Licence{SKU: strings.ToLower(r.text("skuId")), Part: r.text("skuPartNumber"), Used: r.number("consumedUnits"),
			State: r.text("capabilityStatus"), raw: r}
		units := r.object("prepaidUnits")
		l.Paid = units.number("enabled") + units.number("warning")
		l.Free = max(0, l.Paid-l.Used)
		l.Name = directory.ProductName(l.SKU, l.Part)
		if l.SKU != "" {
			out = append(out, l)
		}
	}
	return out, nil
}

// LicenceList returns the licences of a tenant, for callers that count them.
func (a *Admin) LicenceList(ctx context.Context, t directory.Tenant) ([]Licence, error) {
	return a.licences(ctx, t)
}

// ChooseLicence finds a licence by its id, part number or name.
func ChooseLicence(all []Licence, text string) (Licence, error) { return chooseLicence(all, text) }

// Licences lists what a tenant holds and how much of it is free.
func (a *Admin) Licences(ctx context.Context, t directory.Tenant) (Table, error) {
	all, err := a.licences(ctx, t)
	if err != nil {
		return Table{}, err
	}
	var rows []row
	by := map[string]Licence{}
	for _, l := range all {
		rows, by[l.SKU] = append(rows, l.raw), l
	}
	of := func(r row) Licence { return by[strings.ToLower(r.text("skuId"))] }
	number := func(key, title string, f func(Licence) int) cell {
		return Column{Key: key, Title: title, Number: true}.computed(func(r row) string { return strconv.Itoa(f(of(r))) })
	}
	return tabulate(rows, false, computed("name", "Licence", func(r row) string { return of(r).Name }),
		col("part_number", "Part number", "skuPartNumber"),
		number("paid", "Paid", func(l Licence) int { return l.Paid }), number("used", "Used", func(l Licence) int { return l.Used }),
		number("free", "Free", func(l Licence) int { return l.Free }),
		number("suspended", "Suspended", func(l Licence) int { return l.raw.object("prepaidUnits").number("suspended") }),
		col("state", "State", "capabilityStatus"), col("sku", "SKU", "skuId")), nil
}

func chooseLicence(all []Licence, text string) (Licence, error) {
	return choose("licence", text, all, func(l Licence) []string { return []string{l.SKU, l.Part} },
		func(l Licence) []string { return []string{l.Name} },
		func(l Licence) string { return l.Name + " (" + l.Part + ")" })
}

// A NotFreeError says that a licence has no free unit.
type NotFreeError struct {
	Tenant  string
	Licence Licence
}

func (e *NotFreeError) Error() string {
	return fmt.Sprintf("%s has no free %s: %d of %d are used; buy one more, or take one from somebody", e.Tenant, e.Licence.Name,
		e.Licence.Used, e.Licence.Paid)
}

// availableLicences finds licences by id, part number or name; each must have a free unit.
func (a *Admin) availableLicences(ctx context.Context, t directory.Tenant, wanted []string) ([]Licence, error) {
	all, err := a.licences(ctx, t)
	if err != nil {
		return nil, err
	}
	var out []Licence
	for _, text := range wanted {
		l, err := chooseLicence(all, text)
		if err != nil {
			return nil, err
		}
		if l.Free < 1 {
			return nil, &NotFreeError{t.Name, l}
		}
		out = append(out, l)
	}
	return out, nil
}

// AssignLicences gives a user licences besides those it has, each by id, part number
// or name. It returns a *NotFreeError where one has no free unit.
func (a *Admin) AssignLicences(ctx context.Context, t directory.Tenant, user string, wanted ...string) (Step, error) {
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	all, err := a.licences(ctx, t)
	if err != nil {
		return Step{}, err
	}
	var add []Licence
	for _, text := range wanted {
		l, err := chooseLicence(all, text)
		switch {
		case err != nil:
			return Step{}, err
		case u.has(l.SKU):
			continue
		case l.Free < 1:
			return Step{}, &NotFreeError{t.Name, l}
		}
		add = append(add, l)
	}
	if len(wanted) == 0 {
		return Step{}, cipp.Misuse("no licence was named")
	}
	return a.changeLicences(t, u, "Add", add, nil)
}

// RemoveLicences takes licences from a user. One that a group gives can only be
// taken by leaving the group, and is refused.
func (a *Admin) RemoveLicences(ctx context.Context, t directory.Tenant, user string, gone ...string) (Step, error) {
	u, remove, err := a.removableLicences(ctx, t, user, gone)
	if err != nil {
		return Step{}, err
	}
	return a.changeLicences(t, u, "Remove", nil, remove)
}

// SwapLicence gives a user one licence in the place of another, in one call to
// Microsoft: either both happens or neither.
func (a *Admin) SwapLicence(ctx context.Context, t directory.Tenant, user, from, to string) (Step, error) {
	u, remove, err := a.removableLicences(ctx, t, user, []string{from})
	if err != nil {
		return Step{}, err
	}
	all, err := a.licences(ctx, t)
	if err != nil {
		return Step{}, err
	}
	l, err := chooseLicence(all, to)
	switch {
	case err != nil:
		return Step{}, err
	case l.SKU == remove[0].SKU:
		return Step{}, cipp.Misuse("%s in the place of %s is no change", l.Name, l.Name)
	case !u.has(l.SKU) && l.Free < 1:
		return Step{}, &NotFreeError{t.Name, l}
	}
	return a.changeLicences(t, u, "Replace", []Licence{l}, remove)
}

func (a *Admin) removableLicences(ctx context.Context, t directory.Tenant, user string, gone []string) (User, []Licence, error) {
	if len(gone) == 0 {
		return User{}, nil, cipp.Misuse("no licence was named")
	}
	u, err := a.User(ctx, t, user)
	if err != nil {
		return User{}, nil, err
	}
	all, err := a.licences(ctx, t)
	if err != nil {
		return User{}, nil, err
	}
	for _, sku := range u.Licences {
		// A SKU that the tenant no longer has can still be taken away.
		if !slices.ContainsFunc(all, func(l Licence) bool { return l.SKU == sku }) {
			all = append(all, Licence{SKU: sku, Name: directory.ProductName(sku, sku)})
		}
	}
	var remove []Licence
	for _, text := range gone {
		l, err := chooseLicence(all, text)
		switch {
		case err != nil:
			return User{}, nil, err
		case !u.has(l.SKU):
			return User{}, nil, fmt.Errorf("%s does not have %s", u.UPN, l.Name)
		case u.Inherited[l.SKU] != "":
			return User{}, nil, fmt.Errorf("%s has %s through the group %s: take the user out of the group instead", u.UPN, l.Name, u.Inherited[l.SKU])
		}
		remove = append(remove, l)
	}
	return u, remove, nil
}

func (a *Admin) changeLicences(t directory.Tenant, u User, operation string, add, remove []Licence) (Step, error) {
	values := func(all []Licence) []any {
		out := []any{}
		for _, l := range all {
			out = append(out, map[string]any{"value": l.SKU, "label": l.Name})
		}
		return out
	}
	want := slices.Clone(u.Licences)
	var did, danger []string
	for _, l := range remove {
		want = slices.DeleteFunc(want, func(s string) bool { return s == l.SKU })
		did = append(did, "remove "+l.Name)
		if hasMailbox(l) {
			danger = append(danger, "a mailbox that no other licence carries is deleted after 30 days")
		}
	}
	for _, l := range add {
		if !slices.Contains(want, l.SKU) {
			want = append(want, l.SKU)
		}
		did = append(did, "assign "+l.Name)
		if l.Free == 1 {
			danger = append(danger, "it takes the last free "+l.Name)
		}
	}
	if len(add) > 0 && u.Location == "" {
		danger = append(danger, "the user has no usage location; CIPP will set the instance's own")
	}
	if len(did) == 0 {
		did = []string{"nothing to assign"}
	}
	body := map[string]any{"userIds": []any{u.ID}, "LicenseOperation": operation}
	switch operation {
	case "Add":
		body["Licenses"] = values(add)
	case "Remove":
		body["LicensesToRemove"] = values(remove)
	case "Replace":
		body["Licenses"], body["LicensesToReplace"] = values(add), values(remove)
	}
	state := func(skus []string) State { return State{{"licences", skuNames(skus)}} }
	return Step{
		ID: "licences " + u.ID + " " + strings.Join(did, ", "), Title: u.label() + ": " + strings.Join(did, ", "), Tenant: t,
		Danger: strings.Join(danger, "; "),
		Before: state(u.Licences), Wanted: state(want), lag: licenceLag,
		call: Call{Endpoint: "ExecBulkLicense", Tenant: t, Body: body},
		read: a.userReader(t, u, func(u User) State { return state(u.Licences) }),
	}.seal(), nil
}

// hasMailbox reports whether a licence contains an Exchange service plan.
func hasMailbox(l Licence) bool {
	for _, p := range l.raw.rows("servicePlans") {
		if strings.HasPrefix(p.text("servicePlanName"), "EXCHANGE_S_") {
			return true
		}
	}
	return false
}
