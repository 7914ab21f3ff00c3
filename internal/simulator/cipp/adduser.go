package cippsim

import (
	"net/http"
	"slices"
	"strings"
)

// addUser makes an account, and then whatever else was asked for; the later
// steps may fail within the 200 (CIPP source: New-CIPPUserTask.ps1).
func (c *call) addUser() answer {
	if v, _ := value(c.field("tenantFilter")); v == "" {
		return answer{status: http.StatusBadRequest, body: object{"Results": []string{"tenantFilter is required to create a user"}}}
	}
	t := c.tenant
	if t == nil {
		return answer{status: http.StatusInternalServerError, body: object{"Results": []string{"Failed to create user. Error: the tenant was not found"}}}
	}
	fail := func(said string) answer {
		c.wrote("Error", "Failed to create user. Error:"+said)
		return answer{status: http.StatusInternalServerError, body: object{"Results": []string{"Failed to create user. Error:" + said}}}
	}
	if msg := c.graphError(t); msg != "" {
		return fail(msg)
	}
	upn, wrong := c.newUPN(t)
	if wrong != "" {
		return fail(wrong)
	}
	return c.alter(func() answer {
		u, said := c.createUser(t, upn)
		for _, step := range []func(*Tenant, *User) []any{c.assignNew, c.addAliases, c.setManager} {
			said = append(said, step(t, u)...)
		}
		copied := object{"Success": c.copyGroups(t, u), "Error": []string{}, "Skipped": []string{}}
		said = append(said, c.joinGroups(t, u)...)
		t.CountConsumed()
		return ok(object{"Results": said, "CopyFrom": copied, "User": userRow(t, u)})
	})
}

func (c *call) text(name string) string {
	s, _ := c.field(name).(string)
	return s
}

// newUPN is the name of the account to be made, or what Graph has against it.
func (c *call) newUPN(t *Tenant) (upn, wrong string) {
	domain := c.text("Domain")
	if domain == "" {
		domain, _ = value(c.field("PrimDomain"))
	}
	upn = c.text("username") + "@" + domain
	verified := slices.ContainsFunc(t.Domains, func(d Domain) bool { return strings.EqualFold(d.Name, domain) && !d.Unverified })
	switch {
	case !verified || c.text("username") == "":
		return "", "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization."
	case t.User(upn) != nil:
		return "", "Another object with the same value for property userPrincipalName already exists."
	}
	return upn, ""
}

func (c *call) createUser(t *Tenant, upn string) (u *User, said []any) {
	u = &User{ID: c.s.nextID("user"), UPN: upn, Mail: upn, Created: c.now, ProxyAddresses: []string{"SMTP:" + upn}}
	for _, name := range profileNames {
		if v := c.text(name); v != "" {
			*u.profile(name) = v
		}
	}
	u.UsageLocation, _ = value(c.field("usageLocation"))
	u.BusinessPhones, u.OtherMails = words(c.field("businessPhones")), words(c.field("otherMails"))
	must, _ := c.field("MustChangePass").(bool)
	shown := c.newPassword(u, c.text("password"), must)
	t.Users = append(t.Users, u)
	c.wrote("Info", "Created user "+u.DisplayName+" with id "+u.ID)
	return u, []any{
		"Created New User.",
		object{"resultText": "Username: " + upn, "copyField": upn, "state": "success"},
		object{"resultText": "Password: " + shown, "copyField": shown, "state": "success"},
	}
}

func (c *call) assignNew(t *Tenant, u *User) []any {
	skus := labels(c, "licenses")
	if len(skus) == 0 {
		return nil
	}
	if c.s.faults.Writes.Partial {
		return []any{"Failed to assign the license. " + TextNoLicence}
	}
	if err := t.assign(u, skus, nil); err != "" {
		return []any{"Failed to assign the license. " + err}
	}
	t.giveMailbox(u)
	return []any{"Assigned user license."}
}

func (c *call) addAliases(_ *Tenant, u *User) []any {
	aliases := strings.Fields(c.text("AddedAliases"))
	if len(aliases) > 0 && c.s.faults.Writes.Partial {
		return []any{"Failed to add aliases: the mailbox does not exist yet"}
	}
	for _, alias := range aliases {
		u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+alias)
	}
	if c.text("AddedAliases") == "" || c.s.faults.Writes.Partial {
		return nil
	}
	return []any{"Added Aliases: " + c.text("AddedAliases")}
}

func (c *call) setManager(t *Tenant, u *User) []any {
	id := c.picked("setManager")
	if id == "" {
		return nil
	}
	manager := t.User(id)
	if manager == nil || c.s.faults.Writes.Partial {
		return []any{"Failed to set manager. Error:Resource '" + id + "' does not exist."}
	}
	u.ManagerID = manager.ID
	return []any{"Set " + u.UPN + "'s manager to " + manager.UPN}
}

// copyGroups adds the user to the assigned groups of another one.
func (c *call) copyGroups(t *Tenant, u *User) []string {
	done := []string{}
	from := t.User(c.picked("copyFrom"))
	if from == nil {
		return done
	}
	for _, g := range t.Groups {
		if among(g.Members, from.ID) && g.MembershipRule == "" {
			g.Members = append(g.Members, u.ID)
			done = append(done, "Added "+u.UPN+" to group "+g.DisplayName)
		}
	}
	return done
}

func (c *call) joinGroups(t *Tenant, u *User) []any {
	var said []any
	all, _ := c.field("AddToGroups").([]any)
	for _, one := range all {
		id, _ := value(one)
		g := t.Group(id)
		if g == nil || c.s.faults.Writes.Partial {
			said = append(said, "Failed to add "+u.UPN+" to group "+id)
			continue
		}
		g.Members = append(g.Members, u.ID)
		said = append(said, "Added "+u.UPN+" to "+g.DisplayName+" group")
	}
	return said
}

// labels reads a list of LabelValues; bare texts are ignored, as CIPP does.
func labels(c *call, name string) []string {
	all, isList := c.field(name).([]any)
	if !isList && c.field(name) != nil {
		all = []any{c.field(name)}
	}
	var out []string
	for _, one := range all {
		v, labelled := value(one)
		if v != "" && !labelled {
			c.s.complain("%s: %s holds a bare text where {value} is read; it is ignored", c.endpoint.name, name)
			continue
		}
		out = append(out, v)
	}
	return out
}

// giveMailbox is what Exchange does some time after a licence is assigned.
func (t *Tenant) giveMailbox(u *User) {
	if t.NoExchange || t.mailboxOf(u.UPN) != nil {
		return
	}
	m := &Mailbox{
		ID: u.ID, UserID: u.ID, UPN: u.UPN, DisplayName: u.DisplayName, PrimarySMTP: u.UPN, Type: "UserMailbox",
		ExchangeGUID: guid("mailbox", t.CustomerID, u.ID),
	}
	t.Mailboxes = append(t.Mailboxes, m)
}
