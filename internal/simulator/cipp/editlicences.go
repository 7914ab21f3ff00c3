package cippsim

import (
	"net/http"
	"slices"
	"strings"
)

// direct are the licences that no group gives.
func (u *User) direct() []string {
	var out []string
	for _, id := range u.Licences {
		if u.Inherited[id] == "" {
			out = append(out, id)
		}
	}
	return out
}

// assign is Graph's assignLicense: all of it or nothing, and its error text.
func (t *Tenant) assign(u *User, add, remove []string) string {
	for _, id := range remove {
		if i := slices.IndexFunc(u.Licences, func(have string) bool { return strings.EqualFold(have, id) }); i >= 0 && u.Inherited[u.Licences[i]] != "" {
			return "User license is inherited from a group membership and it cannot be removed directly from the user."
		}
	}
	for _, id := range add {
		k := t.SKU(id)
		if k == nil {
			return "License " + id + " does not correspond to a valid company License."
		}
		if !among(u.Licences, id) && k.Enabled+k.Warning-k.Consumed < 1 {
			return "Subscription with SKU " + id + " does not have any available licenses."
		}
	}
	if u.UsageLocation == "" && len(add) > 0 {
		u.UsageLocation = "US" // what CIPP sets before it tries again
	}
	u.Licences = slices.DeleteFunc(u.Licences, func(have string) bool { return among(remove, have) })
	for _, id := range add {
		if !among(u.Licences, id) {
			u.Licences = append(u.Licences, t.SKU(id).SkuID)
		}
	}
	t.CountConsumed()
	return ""
}

// execBulkLicense changes licences of several users. Only the first id of each
// element counts, and values must be objects
// (CIPP source: Invoke-ExecBulkLicense.ps1).
func (c *call) execBulkLicense() answer {
	all, isList := c.body.([]any)
	if !isList {
		all = []any{c.body} // PowerShell takes one for a list of one
	}
	said := []string{}
	for _, one := range all {
		filter, _ := member(one, "tenantFilter").(string)
		t := c.lookUp(filter)
		if t == nil {
			return answer{status: http.StatusBadRequest, body: object{"Results": []string{"Failed to process bulk license operation: tenant not found"}}}
		}
		if !c.allows(t) || c.s.tenantFaults(t).Denied {
			return text(http.StatusForbidden, TextNoTenant)
		}
		if msg := c.graphError(t); msg != "" {
			return answer{status: http.StatusBadRequest, body: object{"Results": []string{"Failed to process bulk license operation: " + msg}}}
		}
		c.tenant = t
		ids := words(member(one, "userIds"))
		if len(ids) > 1 {
			c.s.complain("ExecBulkLicense: %d userIds in one element; only the first counts", len(ids))
		}
		if len(ids) == 0 {
			said = append(said, "No valid user ID found in request for tenant "+filter)
			continue
		}
		u := t.User(ids[0])
		if u == nil || !strings.EqualFold(u.ID, ids[0]) {
			said = append(said, "User "+ids[0]+" not found in tenant "+filter)
			continue
		}
		add, remove := c.licenceChanges(one, u)
		if len(add)+len(remove) == 0 {
			said = append(said, "No license changes needed for user "+u.UPN)
			continue
		}
		a := c.alter(func() answer {
			if wrong := t.assign(u, add, remove); wrong != "" {
				c.wrote("Error", "Failed to assign licenses for "+u.UPN)
				return results([]string{"Failed to assign licenses for " + u.UPN + ". " + wrong})
			}
			t.giveMailbox(u)
			c.wrote("Info", "Successfully set licenses for "+u.UPN)
			return results([]string{"Successfully set licenses for " + u.UPN + ". It may take 2–5 minutes before the changes become visible."})
		})
		if body, isObject := a.body.(object); isObject {
			sentences, _ := body["Results"].([]string)
			said = append(said, sentences...)
		}
	}
	if c.s.faults.Writes.Silent {
		return ok(nil)
	}
	return results(said)
}

// licenceChanges are the licences that an element adds to a user, and those that it removes.
func (c *call) licenceChanges(element any, u *User) (add, remove []string) {
	list := func(name string) []string { return labels(&call{s: c.s, endpoint: c.endpoint, body: element}, name) }
	removed := func(name, all string) []string {
		held := slices.DeleteFunc(list(name), func(id string) bool { return !among(u.Licences, id) })
		if truth(member(element, all)) {
			return slices.Clone(u.Licences)
		}
		return held
	}
	switch operation, _ := member(element, "LicenseOperation").(string); operation {
	case "Add":
		return list("Licenses"), nil
	case "Remove":
		return nil, removed("LicensesToRemove", "RemoveAllLicenses")
	case "Replace":
		return list("Licenses"), removed("LicensesToReplace", "ReplaceAllLicenses")
	}
	return nil, nil
}
