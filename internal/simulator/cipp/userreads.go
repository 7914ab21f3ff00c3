package cippsim

import "net/http"

func (c *call) listUserCounts() answer {
	if c.all {
		return ok(object{"Users": "Not Supported", "LicUsers": "Not Supported", "Gas": "Not Supported", "Guests": "Not Supported"})
	}
	if c.tenant == nil {
		return ok(object{"Users": 0, "LicUsers": 0, "Gas": 0, "Guests": 0})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return answer{status: http.StatusInternalServerError, body: object{"Error": msg, "Details": msg}}
	}
	n := map[string]int{}
	for _, u := range c.data.Users {
		for name, counts := range map[string]bool{"Users": true, "LicUsers": len(u.Licences) > 0, "Gas": u.Admin, "Guests": u.Guest} {
			if counts && !u.Deleted {
				n[name]++
			}
		}
	}
	return ok(object{"Users": n["Users"], "LicUsers": n["LicUsers"], "Gas": n["Gas"], "Guests": n["Guests"]})
}

func (c *call) listDeletedItems() answer {
	rows := []object{}
	if c.tenant != nil {
		for _, row := range deletedUserRows(c.data) {
			row["TargetType"] = "User"
			rows = append(rows, row)
		}
	}
	return ok(rows)
}

// listPerUserMFA gives one user's state under other names than everybody's.
func (c *call) listPerUserMFA() answer {
	rows := []object{}
	if c.tenant == nil {
		return ok(rows)
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusForbidden, []string{msg})
	}
	state := func(u *User) string {
		if u.PerUserMFA == "" {
			return "disabled"
		}
		return u.PerUserMFA
	}
	if id := c.param("userId"); id != "" {
		if u := c.data.User(id); u != nil {
			rows = append(rows, object{"PerUserMFAState": state(u), "UserPrincipalName": u.UPN})
		}
		return ok(rows)
	}
	if !c.isTrue("allUsers") {
		return ok(rows)
	}
	for _, u := range c.data.Users {
		if !u.Deleted {
			rows = append(rows, object{"userPrincipalName": u.UPN, "id": u.ID, "perUserMfaState": state(u)})
		}
	}
	return ok(rows)
}
