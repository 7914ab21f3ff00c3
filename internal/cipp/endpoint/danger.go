package endpoint

import (
	"errors"
	"fmt"
	"strings"
)

// ErrDangerous is in the error of Check.
var ErrDangerous = errors.New("CIPP would take this request and do something else")

// Warning says what an endpoint does that its name does not tell, or "". It is
// for whoever is about to call it.
func (e Endpoint) Warning() string {
	if e.unlisted {
		return "the map does not know it: what it does, whom it does it to and what it leaves out is not known; it is sent once and not read back"
	}
	return dangers[e.Name].warning
}

// Check refuses the requests that CIPP takes without a word and that do harm
// then: those that leave out what CIPP fills in with the wrong thing. It knows
// the endpoints of which that is known, and says nothing about any other. Its
// errors are ErrDangerous.
func (e Endpoint) Check(query map[string][]string, body map[string]any) error {
	check := dangers[e.Name].check
	if check == nil {
		return nil
	}
	if why := check(given{query, body}); why != "" {
		return fmt.Errorf("%s: %w: %s", e.Name, ErrDangerous, why)
	}
	return nil
}

type danger struct {
	warning string
	check   func(given) string // why not, or ""
}

var dangers = map[string]danger{
	"EditTenant": {
		"removes the tenant's alias where tenantAlias is not sent, and takes tenantGroups as the whole set of static groups, except that an absent or empty one removes nothing: the last group goes by ExecTenantGroup; dynamic and unknown groups are ignored without a word",
		func(g given) string {
			if !g.has("tenantAlias") {
				return `without tenantAlias the alias is removed; send the one the tenant has (ListTenantDetails: customProperties.Alias; the list does not tell), or "" to remove it on purpose`
			}
			return ""
		},
	},
	"EditTenantOffboardingDefaults": {"clears the defaults where offboardingDefaults is empty or not sent", func(g given) string {
		if !g.has("offboardingDefaults") {
			return "without offboardingDefaults the defaults are cleared; send {} to clear them on purpose"
		}
		return ""
	}},
	"EditUser": {
		"builds the sign-in name anew from username and domain, replaces all direct licences where licenses is sent, and answers 200 even where it failed",
		func(g given) string {
			if why := g.needs("id", "username"); why != "" {
				return why + "; the sign-in name is built of username and domain"
			}
			if g.text("Domain") == "" && g.text("primDomain") == "" {
				return "primDomain {value} or Domain is missing; the sign-in name is built of username and domain"
			}
			return g.picked("licenses", "AddToGroups", "RemoveFromGroups", "setManager")
		},
	},
	"AddUser": {"answers with the password in plain text; later steps can fail within a 200", func(g given) string {
		if why := g.needs("username"); why != "" {
			return why
		}
		return g.picked("licenses", "AddToGroups", "copyFrom", "setManager", "setSponsor")
	}},
	"RemoveUser": {
		"deletes the user; without ID it takes CIPP's worker down",
		func(g given) string { return g.needs("ID") },
	},
	"ExecBulkLicense": {
		"uses only the first of userIds in each element; Replace removes first and assigns then; where the user has no usage location it sets the instance's own",
		func(g given) string {
			if list, ok := g.value("userIds").([]any); ok && len(list) > 1 {
				return "only the first of userIds is used: send an element for each user"
			}
			if list, ok := g.value("userIds").([]string); ok && len(list) > 1 {
				return "only the first of userIds is used: send an element for each user"
			}
			if why := g.needs("userIds", "LicenseOperation"); why != "" {
				return why
			}
			return g.picked("Licenses", "LicensesToRemove", "LicensesToReplace")
		},
	},
	"ExecOffboardUser": {
		"only queues a task: a 200 means accepted; the end stands in ListScheduledItemDetails, where Completed says nothing about success; RemoveLicenses plans a second task, Remove License: UPN",
		func(g given) string { return g.needs("user") },
	},
	"ExecDisableUser": {"reports a failure for a user synced from an Active Directory after it has changed the account in the cloud", func(g given) string { return g.boolean("Enable") }},
	"ExecTenantGroup": {
		"takes members as the whole set: [] removes everybody",
		func(g given) string {
			if strings.EqualFold(g.text("Action"), "AddEdit") || strings.EqualFold(g.text("Action"), "Delete") {
				return g.needs("groupId") // one that CIPP makes up is never told
			}
			return `Action must be AddEdit or Delete; CIPP answers 200 to any other`
		},
	},
	"ExecEditCalendarPermissions": {
		"FolderName is in the mailbox's language (ListCalendarPermissions tells it)",
		func(g given) string {
			if why := g.boolean("CanViewPrivateItems"); why != "" && g.value("RemoveAccess") == nil {
				return why
			}
			return g.picked("UserToGetPermissions", "Permissions", "RemoveAccess")
		},
	},
	"ListTenants": {"empties CIPP's list of tenants, with which all of its jobs work, where a body says ClearCache", func(g given) string {
		if g.has("ClearCache") {
			return "ClearCache empties CIPP's list of tenants, with which all of its jobs work"
		}
		return ""
	}},
	"ListGraphRequest": {"", func(g given) string {
		if g.has("IgnoreErrors") {
			return "IgnoreErrors turns Graph's errors into data"
		}
		return g.needs("Endpoint")
	}},
	"ExecEmailForward": {"does nothing, and answers [null], where forwardOption is none of internalAddress, ExternalAddress and disabled", func(g given) string {
		switch strings.ToLower(g.text("forwardOption")) {
		case "internaladdress", "externaladdress", "disabled":
			return ""
		}
		return "forwardOption must be internalAddress, ExternalAddress or disabled; CIPP does nothing at any other"
	}},
	"AddTenant": {"Action=AddTenant says that a tenant was created and creates none (CIPP 10.8.2)", func(g given) string {
		if strings.EqualFold(g.text("Action"), "AddTenant") {
			return "CIPP answers that the tenant was created, with invented credentials, and creates none: make it in Partner Center"
		}
		return g.needs("Action")
	}},
	"ExecCSPLicense":     {"orders licences for money at the distributor", nil},
	"ExecRemoveTenant":   {"removes the tenant from CIPP", nil},
	"ExecOffboardTenant": {"ends the relationship with the customer's tenant", nil},
	"ExecAzBobbyTables":  {"works on CIPP's own tables, past all of its checks", nil},
	"ExecCippFunction":   {"runs any function of CIPP's, past all of its checks", nil},
	"ExecApiClient":      {"makes, changes and deletes API clients, this one included; resetting a secret ends the old one at once", nil},
	"ExecResetPass":      {"answers with the password in plain text", func(g given) string { return g.needs("ID") }},
	"EditGroup":          {"patches displayName, description and mailNickname together: send all three or none; answers 200 even where it failed", nil},
	"AddScheduledItem":   {"does not tell the id of the task: find it by Name; refusals are 200", func(g given) string { return g.needs("Name", "Command") }},
	"ListLicenses": {"", func(g given) string {
		if g.everybody() {
			return "with AllTenants every call starts a run and none says when it ends: use ListLicensesReport"
		}
		return ""
	}},
	"ListMFAUsers": {"", func(g given) string {
		if g.everybody() && !strings.EqualFold(g.text("UseReportDB"), "true") {
			return "with AllTenants every call starts a run: add UseReportDB=true"
		}
		return ""
	}},
	"ListMailboxes": {"", func(g given) string {
		if g.everybody() && !strings.EqualFold(g.text("UseReportDB"), "true") {
			return "AllTenants needs UseReportDB=true"
		}
		return ""
	}},
	"ListLogs": {"", func(g given) string {
		if g.text("Tenant") != "" && !strings.EqualFold(g.text("Filter"), "true") {
			return "Tenant is read with Filter=true only; without it the log of all tenants comes"
		}
		return ""
	}},
	"ListApiTest": {"repeats the request with its headers, the token included; it is redacted here, and may stand in the logs of what lies between", nil},
}

// given is what a request holds, read as CIPP reads it: whatever the case of
// the names, the query before the body.
type given struct {
	query map[string][]string
	body  map[string]any
}

func (g given) value(name string) any {
	for n, v := range g.query {
		if strings.EqualFold(n, name) && len(v) > 0 {
			return v[0]
		}
	}
	for n, v := range g.body {
		if strings.EqualFold(n, name) {
			return v
		}
	}
	return nil
}

func (g given) has(name string) bool {
	for n := range g.query {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	for n := range g.body {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// text is a value or the value of a {label, value}.
func (g given) text(name string) string {
	v := g.value(name)
	if m, ok := v.(map[string]any); ok {
		v = m["value"]
	}
	if v == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// everybody reports whether the request is about all tenants.
func (g given) everybody() bool { return strings.EqualFold(g.text("tenantFilter"), "AllTenants") }

// needs says which of the names is missing or empty.
func (g given) needs(names ...string) string {
	for _, name := range names {
		switch v := g.value(name).(type) {
		case nil:
			return name + " is missing"
		case string:
			if strings.TrimSpace(v) == "" {
				return name + " is empty"
			}
		case map[string]any:
			if len(v) == 0 {
				return name + " is empty"
			}
		case []any:
			if len(v) == 0 {
				return name + " is empty"
			}
		}
	}
	return ""
}

// picked says which of some values stands bare where CIPP reads {value} alone:
// it would be ignored without a word.
func (g given) picked(names ...string) string {
	for _, name := range names {
		list, isList := g.value(name).([]any)
		if !isList {
			list = []any{g.value(name)}
		}
		for _, one := range list {
			if s, bare := one.(string); bare && s != "" {
				return fmt.Sprintf("%s holds a bare text, which CIPP ignores: write {\"value\": %q}", name, s)
			}
		}
	}
	return ""
}

// Needs lists the names without which Check refuses a body that is otherwise
// right, in the order in which they are best filled in.
func (e Endpoint) Needs() []string { return needed[e.Name] }

var needed = map[string][]string{
	"EditTenant": {"tenantAlias"}, "EditTenantOffboardingDefaults": {"offboardingDefaults"}, "EditUser": {"id", "username", "Domain"}, "AddUser": {"username", "Domain"},
	"RemoveUser": {"ID"}, "ExecBulkLicense": {"userIds", "LicenseOperation"}, "ExecOffboardUser": {"user"}, "ExecDisableUser": {"ID", "Enable"},
	"ExecTenantGroup": {"Action", "groupId"}, "ExecResetPass": {"ID"}, "ExecEmailForward": {"forwardOption"}, "AddTenant": {"Action"}, "AddScheduledItem": {"Name", "Command"},
}

// boolean says what is wrong with a value that CIPP turns into a boolean: what
// it cannot turn, it stumbles over.
func (g given) boolean(name string) string {
	switch v := g.value(name).(type) {
	case bool:
		return ""
	case string:
		if strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
			return ""
		}
	}
	return name + " must be true or false"
}
