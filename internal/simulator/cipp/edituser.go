package cippsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// newPassword makes a password nobody knows yet, and what copyField shows of it.
func (c *call) newPassword(u *User, chosen string, mustChange bool) (shown string) {
	u.Password = chosen
	if chosen == "" {
		u.Password = "Pw-" + c.s.nextID("password")[:13] + "!"
	}
	u.PasswordSet, u.MustChange = c.now, mustChange
	if c.s.faults.Writes.PasswordLink {
		return "https://pwpush.example/p/" + c.s.nextID("link")[:12]
	}
	return u.Password
}

// profile are the plain attributes that AddUser, EditUser and PatchUser set.
func (u *User) profile(name string) *string {
	switch strings.ToLower(name) {
	case "displayname":
		return &u.DisplayName
	case "givenname":
		return &u.GivenName
	case "surname":
		return &u.Surname
	case "jobtitle":
		return &u.JobTitle
	case "department":
		return &u.Department
	case "companyname":
		return &u.CompanyName
	case "officelocation":
		return &u.Office
	case "mobilephone":
		return &u.MobilePhone
	case "streetaddress":
		return &u.Street
	case "city":
		return &u.City
	case "state":
		return &u.State
	case "postalcode":
		return &u.PostalCode
	case "country":
		return &u.Country
	case "usagelocation":
		return &u.UsageLocation
	}
	return nil
}

var profileNames = []string{
	"displayName", "givenName", "surname", "jobTitle", "department", "companyName", "mobilePhone", "streetAddress", "city", "state", "postalCode", "country",
}

// editUser rebuilds the UPN and replaces the licences, whatever was meant
// (CIPP source: Invoke-EditUser.ps1). It answers 200 even if it failed.
func (c *call) editUser() answer {
	id, _ := c.field("id").(string)
	u := c.someone(id)
	if u == nil {
		return results([]string{"Failed to edit user. " + fmt.Sprintf(unknownUser, id)})
	}
	return c.alter(func() answer {
		text := func(name string) string { s, _ := c.field(name).(string); return s }
		domain := text("Domain")
		if domain == "" {
			domain, _ = value(c.field("primDomain"))
		}
		if text("username") == "" || domain == "" {
			c.s.complain("EditUser: without username and domain the UPN of %s breaks", u.UPN)
		}
		u.UPN = text("username") + "@" + domain
		for _, name := range profileNames {
			if v := text(name); v != "" {
				*u.profile(name) = v
			}
		}
		for _, name := range words(c.field("clearProperties")) {
			if p := u.profile(name); p != nil {
				*p = ""
			}
		}
		said := []any{"Success. The user has been edited."}
		if pw := text("password"); pw != "" {
			must, _ := c.field("MustChangePass").(bool)
			shown := c.newPassword(u, pw, must)
			said = append(said, object{"resultText": "Success. The password has been set to " + shown, "copyField": shown, "state": "success"})
		}
		remove, _ := c.field("removeLicenses").(bool)
		if wanted := labels(c, "licenses"); remove || len(wanted) > 0 {
			var gone []string
			for _, have := range u.direct() {
				if !among(wanted, have) || remove {
					gone = append(gone, have)
				}
			}
			if len(gone) > 0 && !remove {
				c.s.complain("EditUser: the licences sent replace the whole set; %s loses %s", u.UPN, strings.Join(gone, ", "))
			}
			add := slices.DeleteFunc(slices.Clone(wanted), func(s string) bool { return among(u.Licences, s) || remove })
			if err := c.tenant.assign(u, add, gone); err != "" {
				said = append(said, "Failed to assign licenses for "+u.UPN+". "+err)
			} else {
				said = append(said, "Successfully set licenses for "+u.UPN+". It may take 2–5 minutes before the changes become visible.")
			}
		}
		c.tenant.CountConsumed()
		c.wrote("Info", "Edited user "+u.DisplayName+" with id "+u.ID)
		return results(said)
	})
}

// patchUser passes properties on to Graph, for one user or several
// (CIPP source: Invoke-PatchUser.ps1).
func (c *call) patchUser() answer {
	all, isList := c.body.([]any)
	if !isList {
		all = []any{c.body}
	}
	var said []string
	done, tenants := 0, map[string]bool{}
	for _, one := range all {
		filter, _ := member(one, "tenantFilter").(string)
		id, _ := member(one, "id").(string)
		t := c.lookUp(filter)
		if t != nil && !c.allows(t) {
			return text(http.StatusForbidden, TextNoTenant)
		}
		c.tenant = t
		u := c.someone(id)
		if u == nil {
			said = append(said, "Failed to patch user "+id+". "+fmt.Sprintf(unknownUser, id))
			continue
		}
		if u.Synced != nil && *u.Synced {
			said = append(said, "Failed to patch user "+u.UPN+". Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.")
			continue
		}
		a := c.alter(func() answer {
			if wrong := c.patch(t, u, one); wrong != "" {
				said = append(said, "Failed to patch user "+u.UPN+". "+wrong)
				return answer{status: http.StatusBadRequest}
			}
			done++
			tenants[t.CustomerID] = true
			c.wrote("Info", "Successfully patched user "+u.UPN)
			return ok(nil)
		})
		if refused, isObject := a.body.(object); isObject { // by a fault
			return answer{status: a.status, body: refused}
		}
	}
	if len(said) > 0 {
		return answer{status: http.StatusBadRequest, body: object{"Results": said}}
	}
	plural := func(n int, what string) string {
		if n == 1 {
			return "1 " + what
		}
		return fmt.Sprintf("%d %ss", n, what)
	}
	return results([]string{"Successfully patched " + plural(done, "user") + " across " + plural(len(tenants), "tenant")})
}

func (c *call) patch(t *Tenant, u *User, body any) (wrong string) {
	m, _ := body.(map[string]any)
	for name, v := range m {
		text, isText := v.(string)
		switch p := u.profile(name); {
		case strings.EqualFold(name, "id"), strings.EqualFold(name, "tenantFilter"), strings.EqualFold(name, "sponsor"):
		case p != nil && (isText || v == nil):
			if isText && text == "" {
				return "Invalid value specified for property '" + name + "' of resource 'User'." // Graph wants null
			}
			*p = text
		case strings.EqualFold(name, "businessPhones"), strings.EqualFold(name, "otherMails"):
			list := words(v)
			if strings.EqualFold(name, "otherMails") {
				u.OtherMails = list
			} else {
				u.BusinessPhones = list
			}
		case strings.EqualFold(name, "accountEnabled"):
			on, _ := v.(bool)
			u.Disabled = !on
		case strings.EqualFold(name, "userPrincipalName") && isText:
			if other := t.User(text); other != nil && other != u {
				return "Another object with the same value for property userPrincipalName already exists."
			}
			u.UPN = text
		case strings.EqualFold(name, "manager"):
			boss := t.User(text)
			if boss == nil {
				return "Resource '" + text + "' does not exist."
			}
			u.ManagerID = boss.ID
		default:
			return "Invalid property '" + name + "'."
		}
	}
	return ""
}

func (c *call) editUserAliases() answer {
	id, _ := c.field("id").(string)
	u := c.someone(id)
	if u == nil {
		return results([]string{"Failed to set aliases: user not found"})
	}
	return c.alter(func() answer {
		split := func(name string) []string {
			s, _ := c.field(name).(string)
			return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
		}
		for _, a := range split("RemovedAliases") {
			u.ProxyAddresses = slices.DeleteFunc(u.ProxyAddresses, func(p string) bool { return strings.EqualFold(p, "smtp:"+a) })
		}
		for _, a := range split("AddedAliases") {
			u.ProxyAddresses = append(u.ProxyAddresses, "smtp:"+a)
		}
		return results([]string{"Success. Aliases of " + u.UPN + " have been changed."})
	})
}

// execDisableUser reports a failure for a synced user, after it has changed
// the cloud account (CIPP source: Set-CIPPSignInState.ps1).
func (c *call) execDisableUser() answer {
	u := c.someone(c.given("ID"))
	enable := c.given("Enable")
	if !strings.EqualFold(enable, "true") && !strings.EqualFold(enable, "false") {
		return c.exception(`String '` + enable + `' was not recognized as a valid Boolean.`)
	}
	if u == nil {
		return c.refused(http.StatusInternalServerError, "Could not change the account state of "+c.given("ID")+". Error: the user was not found")
	}
	return c.alter(func() answer {
		u.Disabled = !strings.EqualFold(enable, "true")
		word := map[bool]string{true: "disabled", false: "enabled"}[u.Disabled]
		if u.Synced != nil && *u.Synced {
			return c.refused(http.StatusInternalServerError, "WARNING: User "+u.UPN+" is AD Sync enabled. Please enable/disable in the local AD.")
		}
		c.wrote("Info", "Successfully "+word+" account for "+u.UPN)
		return results("Successfully set account enabled state to " + fmt.Sprint(!u.Disabled) + " for " + u.UPN)
	})
}

func (c *call) execResetPass() answer {
	u := c.someone(c.given("ID"))
	if u == nil {
		return c.refused(http.StatusInternalServerError, "Failed to reset the password of "+c.given("ID")+". Error: the user was not found")
	}
	return c.alter(func() answer {
		shown := c.newPassword(u, "", strings.EqualFold(c.given("MustChange"), "true"))
		c.wrote("Info", "Successfully reset the password for "+u.UPN)
		said := "Successfully reset the password for " + u.DisplayName + ", " + u.UPN + ". User must change password is set to " + fmt.Sprint(u.MustChange) + ". The new password is " + shown
		if u.Synced != nil && *u.Synced {
			said += ". WARNING: This user is AD synced. Please confirm passthrough or writeback is enabled."
		}
		return results(object{"resultText": said, "copyField": shown, "state": "success"})
	})
}

func (c *call) execRevokeSessions() answer {
	u := c.someone(c.given("id"))
	if u == nil {
		return c.refused(http.StatusInternalServerError, "Failed to revoke sessions for "+c.given("Username")+". Error: the user was not found")
	}
	return c.alter(func() answer {
		u.SessionsRevoked = c.now
		c.wrote("Info", "Revoked sessions for "+u.UPN)
		return results("Successfully revoked sessions for " + u.UPN)
	})
}

func (c *call) execResetMFA() answer {
	u := c.someone(c.given("ID"))
	if u == nil {
		return c.refused(http.StatusInternalServerError, "Failed to remove MFA methods: the user was not found")
	}
	return c.alter(func() answer {
		no := false
		u.MFAMethods, u.MFARegistered = nil, &no
		c.wrote("Info", "Removed MFA methods of "+u.UPN)
		return results(object{
			"resultText": "Successfully removed MFA methods for user " + u.UPN + ". User must supply MFA at next logon",
			"state":      "success",
		})
	})
}

// execPerUserMFA does not look at what Graph said about the user.
func (c *call) execPerUserMFA() answer {
	state, _ := value(c.field("State"))
	if !among([]string{"enabled", "disabled", "enforced"}, state) {
		return c.exception(`Cannot validate argument on parameter 'State'.`)
	}
	id, _ := c.field("userId").(string)
	upn, _ := c.field("userPrincipalName").(string)
	if id == "" && strings.Contains(upn, "#EXT#") {
		return results("Per user MFA set to " + state + " for " + upn) // and Graph said 404
	}
	if id == "" {
		id = upn
	}
	return c.alter(func() answer {
		if u := c.someone(id); u != nil {
			u.PerUserMFA = strings.ToLower(state)
			c.wrote("Info", "Set per-user MFA of "+u.UPN+" to "+state)
		}
		return results("Successfully set Per user MFA State for " + upn)
	})
}

// removeUser ends the worker if it is not told whom.
func (c *call) removeUser() answer {
	id := c.given("ID")
	if id == "" {
		c.s.complain("RemoveUser: no ID; the worker exits")
		return page(http.StatusBadGateway, "502 Bad Gateway")
	}
	u := c.someone(id)
	if u == nil {
		return c.refused(http.StatusInternalServerError, "Failed to delete user "+id+". Error: the user was not found")
	}
	return c.alter(func() answer {
		u.Deleted = true
		c.tenant.CountConsumed()
		c.wrote("Info", "Successfully deleted user "+u.UPN)
		return results("Successfully deleted the user " + u.UPN)
	})
}
