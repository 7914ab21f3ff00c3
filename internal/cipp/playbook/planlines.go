package playbook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
)

// planOnboard plans an account, and then what can only be given to an existing one.
func (p *planner) planOnboard(l Line, t directory.Tenant) {
	upn := l.Get("upn")
	n := admin.NewUser{
		UPN: upn, DisplayName: l.Get("display_name"), GivenName: l.Get("given_name"), Surname: l.Get("surname"), JobTitle: l.Get("job_title"),
		Department:  l.Get("department"),
		CompanyName: l.Get("company"), MobilePhone: l.Get("mobile"), StreetAddress: l.Get("street"), City: l.Get("city"),
		PostalCode: l.Get("postal_code"), Country: l.Get("country"),
		Location: l.Get("usage_location"), Licences: list(l.Get("licences")), Groups: list(l.Get("groups")), Manager: l.Get("manager"),
	}
	a := p.runner.Admin
	account := Item{
		ID: "create", Tenant: t, Who: upn, What: fmt.Sprintf("create %s in %s", upn, t.Name),
		make:     func(ctx context.Context) (admin.Step, error) { return a.CreateUser(ctx, t, n) },
		isDone:   func(ctx context.Context) (bool, error) { return exists(ctx, a, t, upn) },
		complete: func(ctx context.Context) ([]string, error) { return complete(ctx, a, t, n) },
	}
	if !p.attempted(t, upn, "create") {
		s, err := a.CreateUser(p.ctx, t, n)
		if err != nil {
			p.addProblem(l, "", err)
			return
		}
		account = withStep(account, s)
	}
	// Whoever approves must see what the account may do, not only that it is made.
	for _, part := range []struct {
		what string
		of   []string
	}{{"licences", n.Licences}, {"groups", n.Groups}, {"manager", list(n.Manager)}} {
		if len(part.of) > 0 {
			account.What += "; " + part.what + " " + strings.Join(part.of, ", ")
		}
	}
	if len(n.Licences) > 0 {
		all, err := p.licencesOf(t)
		if err != nil {
			p.addProblem(l, "licences", err)
			return
		}
		for _, text := range n.Licences {
			if k, err := admin.ChooseLicence(all, text); err == nil {
				account.Effects = append(account.Effects, p.effect(t, k.SKU, k.Name, 1))
			}
		}
	}
	first := p.add(l, account)
	// later plans an item that needs the account, and checks what can be checked before.
	later := func(column, id, what, other string, make func(context.Context) (admin.Step, error)) {
		if other != "" {
			if _, err := a.User(p.ctx, t, other); err != nil {
				p.addProblem(l, column, err)
				return
			}
		}
		p.add(l, Item{ID: id, Tenant: t, Who: upn, What: what, needs: first, make: make})
	}
	for _, of := range []struct{ column, rights string }{{"mailboxes", "FullAccess"}, {"send_as", "SendAs"}} {
		rights := of.rights
		for _, box := range list(l.Get(of.column)) {
			later(of.column, rights+" "+strings.ToLower(box), fmt.Sprintf("give %s %s to the mailbox of %s", upn, rights, box), box,
				func(ctx context.Context) (admin.Step, error) { return a.GrantMailbox(ctx, t, box, upn, rights) })
		}
	}
	for _, one := range list(l.Get("calendars")) {
		owner, rights, _ := strings.Cut(one, ":")
		if !slices.ContainsFunc(admin.CalendarRights(), func(r string) bool { return strings.EqualFold(r, rights) }) {
			p.addProblem(l, "calendars", fmt.Errorf("%q are no calendar rights; these are: %s", rights, strings.Join(admin.CalendarRights(), ", ")))
			continue
		}
		later("calendars", "calendar "+strings.ToLower(one), fmt.Sprintf("make %s %s in the calendar of %s", upn, rights, owner), owner,
			func(ctx context.Context) (admin.Step, error) {
				return a.GrantCalendar(ctx, t, owner, upn, rights, false)
			})
	}
	if state := l.Get("mfa"); state != "" {
		later("mfa", "mfa", fmt.Sprintf("set the per-user MFA of %s to %s", upn, state), "",
			func(ctx context.Context) (admin.Step, error) { return a.SetMFA(ctx, t, upn, state) })
	}
}

// complete gives an account the planned licences, groups and manager that it lacks. Like
// CIPP it goes on where one of them fails.
func complete(ctx context.Context, a *admin.Admin, t directory.Tenant, n admin.NewUser) (did []string, err error) {
	do := func(s admin.Step, failed error) {
		if failed == nil && !s.Done {
			if _, failed = a.Run(ctx, s); failed == nil {
				did = append(did, s.Title)
			}
		}
		err = errors.Join(err, failed)
	}
	for _, licence := range n.Licences {
		do(a.AssignLicences(ctx, t, n.UPN, licence))
	}
	for _, group := range n.Groups {
		do(a.AddMember(ctx, t, group, n.UPN))
	}
	if n.Manager != "" {
		do(a.EditUser(ctx, t, n.UPN, map[string]string{"manager": n.Manager}))
	}
	return did, err
}

// exists reports whether there is an account of that name.
func exists(ctx context.Context, a *admin.Admin, t directory.Tenant, upn string) (bool, error) {
	_, err := a.User(ctx, t, upn)
	if _, unknown := errors.AsType[*admin.UnknownError](err); unknown {
		return false, nil
	}
	return err == nil, err
}

func (p *planner) planOffboard(l Line, t directory.Tenant) {
	var o admin.Offboarding
	for name, field := range offboardFlags {
		*field(&o) = isYes(l.Get(name))
	}
	o.ForwardTo, o.OutOfOffice = l.Get("forward_to"), l.Get("out_of_office")
	o.FullAccess, o.FullAccessUnmapped, o.OneDrive = list(l.Get("full_access")), list(l.Get("full_access_unmapped")),
		list(l.Get("onedrive_access"))
	if at := l.Get("at"); at != "" {
		o.At, _ = timeOf(at) // was checked
	}
	a, who := p.runner.Admin, l.Get("user")
	// The reference finds the task again after an interruption.
	o.Reference = fmt.Sprintf("syncd %s line %d", p.run, l.N)
	i := Item{ID: "offboard", Tenant: t, Who: who, What: "offboard " + who,
		make: func(ctx context.Context) (admin.Step, error) { return a.Offboard(ctx, t, who, o) }}
	if o.DeleteUser {
		i.isDone = func(ctx context.Context) (bool, error) {
			there, err := exists(ctx, a, t, who)
			return !there && err == nil, err
		}
	}
	if p.attempted(t, who, i.ID) {
		p.add(l, i)
		return
	}
	s, err := a.Offboard(p.ctx, t, who, o)
	if err != nil {
		p.addProblem(l, "", err)
		return
	}
	i = withStep(i, s)
	if o.RemoveLicences || o.DeleteUser {
		u, err := a.User(p.ctx, t, who)
		if err != nil {
			p.addProblem(l, "user", err)
			return
		}
		for _, sku := range u.Licences {
			if u.Inherited[sku] == "" || o.DeleteUser {
				i.Effects = append(i.Effects, p.effect(t, sku, directory.ProductName(sku, sku), -1))
			}
		}
	}
	p.add(l, i)
}

// planLicences plans one line of a licences table. A state that is there already is no
// error.
func (p *planner) planLicences(l Line, t directory.Tenant) {
	a, who, action := p.runner.Admin, l.Get("user"), strings.ToLower(l.Get("action"))
	if (action == "swap") != (l.Get("to") != "") {
		p.addProblem(l, "to", errors.New("names the licence that a swap gives, and nothing else"))
		return
	}
	all, err := p.licencesOf(t)
	if err != nil {
		p.addProblem(l, "licence", err)
		return
	}
	u, err := a.User(p.ctx, t, who)
	if err != nil {
		p.addProblem(l, "user", err)
		return
	}
	one, err := admin.ChooseLicence(all, l.Get("licence"))
	if err != nil {
		p.addProblem(l, "licence", err)
		return
	}
	has := func(u admin.User, k admin.Licence) bool { return slices.Contains(u.Licences, k.SKU) }
	i := Item{ID: action + " " + one.SKU, Tenant: t, Who: u.UPN}
	var want func(admin.User) bool
	switch action {
	case "assign":
		want = func(u admin.User) bool { return has(u, one) }
		i.make = func(ctx context.Context) (admin.Step, error) { return a.AssignLicences(ctx, t, u.ID, one.SKU) }
		i.Effects = []Effect{p.effect(t, one.SKU, one.Name, 1)}
	case "remove":
		want = func(u admin.User) bool { return !has(u, one) }
		i.make = func(ctx context.Context) (admin.Step, error) { return a.RemoveLicences(ctx, t, u.ID, one.SKU) }
		i.Effects = []Effect{p.effect(t, one.SKU, one.Name, -1)}
	case "swap":
		to, err := admin.ChooseLicence(all, l.Get("to"))
		if err != nil {
			p.addProblem(l, "to", err)
			return
		}
		i.ID += " " + to.SKU
		want = func(u admin.User) bool { return has(u, to) && !has(u, one) }
		i.make = func(ctx context.Context) (admin.Step, error) { return a.SwapLicence(ctx, t, u.ID, one.SKU, to.SKU) }
		i.Effects = []Effect{p.effect(t, one.SKU, one.Name, -1)}
		if !has(u, to) {
			i.Effects = append(i.Effects, p.effect(t, to.SKU, to.Name, 1))
		}
	}
	for _, e := range i.Effects {
		// The result of two lines about one licence depends on their order.
		if before := p.changedBy[u.ID+e.SKU]; before > 0 {
			p.addProblem(l, "licence", fmt.Errorf("line %d changes %s of %s too", before, e.Name, u.UPN))
			return
		}
		p.changedBy[u.ID+e.SKU] = l.N
	}
	i.isDone = func(ctx context.Context) (bool, error) {
		now, err := a.User(ctx, t, u.ID)
		return err == nil && want(now), err
	}
	if want(u) {
		i.What, i.Already, i.Effects = fmt.Sprintf("%s: %s %s is so already", u.UPN, action, one.Name), true, nil
		p.add(l, i)
		return
	}
	s, err := i.make(p.ctx)
	if full, ok := errors.AsType[*admin.NotFreeError](err); ok && p.freedBefore(t, full.Licence.SKU) {
		// A line above frees one; checkFreeUnits counts.
		i.What = fmt.Sprintf("%s: %s %s", u.UPN, action, full.Licence.Name)
		p.add(l, i)
		return
	}
	if err != nil {
		p.addProblem(l, "", err)
		return
	}
	p.add(l, withStep(i, s))
}

// freedBefore reports whether a line above frees a unit of a licence.
func (p *planner) freedBefore(t directory.Tenant, sku string) bool {
	return slices.ContainsFunc(p.plan.Items, func(i Item) bool {
		return i.Tenant.ID == t.ID && slices.ContainsFunc(i.Effects, func(e Effect) bool { return e.SKU == sku && e.Units < 0 })
	})
}

func (p *planner) planMFA(l Line, t directory.Tenant) {
	a, state := p.runner.Admin, l.Get("state")
	u, err := a.User(p.ctx, t, l.Get("user"))
	if err != nil {
		p.addProblem(l, "user", err)
		return
	}
	i := Item{ID: "mfa", Tenant: t, Who: u.UPN, make: func(ctx context.Context) (admin.Step, error) { return a.SetMFA(ctx, t, u.ID, state) }}
	s, err := i.make(p.ctx)
	if err != nil {
		p.addProblem(l, "", err)
		return
	}
	p.add(l, withStep(i, s))
}
