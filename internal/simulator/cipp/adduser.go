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
	text := func(name string) string { s, _ := c.field(name).(string); return s }
	domain := text("Domain")
	if domain == "" {
		domain, _ = value(c.field("PrimDomain"))
	}
	upn := text("username") + "@" + domain
	if !slices.ContainsFunc(t.Domains, func(d Domain) bool { return strings.EqualFold(d.Name, domain) && !d.Unverified }) || text("username") == "" {
		return fail("The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.")
	}
	if t.User(upn) != nil {
		return fail("Another object with the same value for property userPrincipalName already exists.")
	}
	return c.alter(func() answer {
		u := &User{ID: c.s.nextID("user"), UPN: upn, Mail: upn, Created: c.now, ProxyAddresses: []string{"SMTP:" + upn}}
		for _, name := range profileNames {
			if v := text(name); v != "" {
				*u.profile(name) = v
			}
		}
		u.UsageLocation, _ = value(c.field("usageLocation"))
		u.BusinessPhones, u.OtherMails = words(c.field("businessPhones")), words(c.field("otherMails"))
		must, _ := c.field("MustChangePass").(bool)
		shown := c.newPassword(u, text("password"), must)
		t.Users = append(t.Users, u)
		c.wrote("Info", "Created user "+u.DisplayName+" with id "+u.ID)
		said := []any{
			"Created New User.",
			object{"resultText": "Username: " + upn, "copyField": upn, "state": "success"},
			object{"resultText": "Password: " + shown, "copyField": shown, "state": "success"},
		}
		// Later steps.
		if skus := labels(c, "licenses"); len(skus) > 0 {
			if c.s.faults.Writes.Partial {
				said = append(said, "Failed to assign the license. "+TextNoLicence)
			} else if err := t.assign(u, skus, nil); err != "" {
				said = append(said, "Failed to assign the license. "+err)
			} else {
				said = append(said, "Assigned user license.")
				t.giveMailbox(u)
			}
		}
		for alias := range strings.FieldsSeq(text("AddedAliases")) {
			if c.s.faults.Writes.Partial {
				said = append(said, "Failed to add aliases: the mailbox does not exist yet")
				break
			}
			u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+alias)
		}
		if text("AddedAliases") != "" && !c.s.faults.Writes.Partial {
			said = append(said, "Added Aliases: "+text("AddedAliases"))
		}
		if m := c.picked("setManager"); m != "" {
			if boss := t.User(m); boss != nil && !c.s.faults.Writes.Partial {
				u.ManagerID = boss.ID
				said = append(said, "Set "+upn+"'s manager to "+boss.UPN)
			} else {
				said = append(said, "Failed to set manager. Error:Resource '"+m+"' does not exist.")
			}
		}
		copied := object{"Success": []string{}, "Error": []string{}, "Skipped": []string{}}
		if from := t.User(c.picked("copyFrom")); from != nil {
			did := []string{}
			for _, g := range t.Groups {
				if among(g.Members, from.ID) && g.MembershipRule == "" {
					g.Members = append(g.Members, u.ID)
					did = append(did, "Added "+upn+" to group "+g.DisplayName)
				}
			}
			copied["Success"] = did
		}
		if all, isList := c.field("AddToGroups").([]any); isList {
			for _, one := range all {
				id, _ := value(one)
				g := t.Group(id)
				switch {
				case g == nil || c.s.faults.Writes.Partial:
					said = append(said, "Failed to add "+upn+" to group "+id)
				default:
					g.Members = append(g.Members, u.ID)
					said = append(said, "Added "+upn+" to "+g.DisplayName+" group")
				}
			}
		}
		t.CountConsumed()
		return ok(object{"Results": said, "CopyFrom": copied, "User": userRow(t, u)})
	})
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
