package endpoint

import (
	"errors"
	"fmt"
	"strings"
)

// ErrDangerous is in the error of Check.
var ErrDangerous = errors.New("CIPP would take this request and do something else")

// Warning returns what an endpoint does that its name does not say, or "". It is shown
// before a call.
func (e Endpoint) Warning() string {
	if e.unlisted {
		return "the map does not know it: what it does, whom it does it to and what it leaves out is not known; it is sent once and not read back"
	}
	return dangers[e.Name].warning
}

// Check refuses requests that CIPP accepts without an error and that do harm: those that
// leave out what CIPP then fills in wrongly. It knows the endpoints for which that is
// known, and accepts any other. Its errors are ErrDangerous.
func (e Endpoint) Check(query map[string][]string, body map[string]any) error {
	check := dangers[e.Name].check
	if check == nil {
		return nil
	}
	if why := check(request{query, body}); why != "" {
		return fmt.Errorf("%s: %w: %s", e.Name, ErrDangerous, why)
	}
	return nil
}

type danger struct {
	warning string
	check   func(request) string // why not, or ""
}

var dangers = map[string]danger{
	"EditTenant": {
		"removes the tenant's alias where tenantAlias is not sent, and takes tenantGroups as the whole set of static groups, except that an absent or empty one removes nothing: the last group goes by ExecTenantGroup; dynamic and unknown groups are ignored without a word",
		func(r request) string {
			if !r.has("tenantAlias") {
				return `without tenantAlias the alias is removed; send the one the tenant has (ListTenantDetails: customProperties.Alias; the list does not tell), or "" to remove it on purpose`
			}
			return ""
		},
	},
	"EditTenantOffboardingDefaults": {"clears the defaults where offboardingDefaults is empty or not sent", func(r request) string {
		if !r.has("offboardingDefaults") {
			return "without offboardingDefaults the defaults are cleared; send {} to clear them on purpose"
		}
		return ""
	}},
	"EditUser": {
		"builds the sign-in name anew from username and domain, replaces all direct licences where licenses is sent, and answers 200 even where it failed",
		func(r request) string {
			if why := r.missing("id", "username"); why != "" {
				return why + "; the sign-in name is built of username and domain"
			}
			if r.text("Domain") == "" && r.text("primDomain") == "" {
				return "primDomain {value} or Domain is missing; the sign-in name is built of username and domain"
			}
			return r.checkSelection("licenses", "AddToGroups", "RemoveFromGroups", "setManager")
		},
	},
	"AddUser": {"answers with the password in plain text; later steps can fail within a 200", func(r request) string {
		if why := r.missing("username"); why != "" {
			return why
		}
		return r.checkSelection("licenses", "AddToGroups", "copyFrom", "setManager", "setSponsor")
	}},
	"RemoveUser": {
		"deletes the user; without ID it takes CIPP's worker down",
		func(r request) string { return r.missing("ID") },
	},
	"ExecBulkLicense": {
		"uses only the first of userIds in each element; Replace removes first and assigns then; where the user has no usage location it sets the instance's own",
		func(r request) string {
			if list, ok := r.value("userIds").([]any); ok && len(list) > 1 {
				return "only the first of userIds is used: send an element for each user"
			}
			if list, ok := r.value("userIds").([]string); ok && len(list) > 1 {
				return "only the first of userIds is used: send an element for each user"
			}
			if why := r.missing("userIds", "LicenseOperation"); why != "" {
				return why
			}
			return r.checkSelection("Licenses", "LicensesToRemove", "LicensesToReplace")
		},
	},
	"ExecOffboardUser": {
		"only queues a task: a 200 means accepted; the end stands in ListScheduledItemDetails, where Completed says nothing about success; RemoveLicenses plans a second task, Remove License: UPN",
		func(r request) string { return r.missing("user") },
	},
	"ExecDisableUser": {"reports a failure for a user synced from an Active Directory after it has changed the account in the cloud",
		func(r request) string { return r.checkBoolean("Enable") }},
	"ExecTenantGroup": {
		"takes members as the whole set: [] removes everybody",
		func(r request) string {
			if strings.EqualFold(r.text("Action"), "AddEdit") || strings.EqualFold(r.text("Action"), "Delete") {
				return r.missing("groupId") // CIPP's answer does not have an id that it generates
			}
			return `Action must be AddEdit or Delete; CIPP answers 200 to any other`
		},
	},
	"ExecEditCalendarPermissions": {
		"FolderName is in the mailbox's language (ListCalendarPermissions tells it)",
		func(r request) string {
			if why := r.checkBoolean("CanViewPrivateItems"); why != "" && r.value("RemoveAccess") == nil {
				return why
			}
			return r.checkSelection("UserToGetPermissions", "Permissions", "RemoveAccess")
		},
	},
	"ListTenants": {"empties CIPP's list of tenants, with which all of its jobs work, where a body says ClearCache", func(r request) string {
		if r.has("ClearCache") {
			return "ClearCache empties CIPP's list of tenants, with which all of its jobs work"
		}
		return ""
	}},
	"ListGraphRequest": {"", func(r request) string {
		if r.has("IgnoreErrors") {
			return "IgnoreErrors turns Graph's errors into data"
		}
		return r.missing("Endpoint")
	}},
	"ExecEmailForward": {"does nothing, and answers [null], where forwardOption is none of internalAddress, ExternalAddress and disabled",
		func(r request) string {
			switch strings.ToLower(r.text("forwardOption")) {
			case "internaladdress", "externaladdress", "disabled":
				return ""
			}
			return "forwardOption must be internalAddress, ExternalAddress or disabled; CIPP does nothing at any other"
		}},
	"AddTenant": {"Action=AddTenant says that a tenant was created and creates none (CIPP 10.8.2)", func(r request) string {
		if strings.EqualFold(r.text("Action"), "AddTenant") {
			return "CIPP answers that the tenant was created, with invented credentials, and creates none: make it in Partner Center"
		}
		return r.missing("Action")
	}},
	"ExecCSPLicense":     {"orders licences for money at the distributor", nil},
	"ExecRemoveTenant":   {"removes the tenant from CIPP", nil},
	"ExecOffboardTenant": {"ends the relationship with the customer's tenant", nil},
	"ExecAzBobbyTables":  {"works on CIPP's own tables, past all of its checks", nil},
	"ExecCippFunction":   {"runs any function of CIPP's, past all of its checks", nil},
	"ExecApiClient":      {"makes, changes and deletes API clients, this one included; resetting a secret ends the old one at once", nil},
	"ExecResetPass":      {"answers with the password in plain text", func(r request) string { return r.missing("ID") }},
	"EditGroup":          {"patches displayName, description and mailNickname together: send all three or none; answers 200 even where it failed", nil},
	"AddScheduledItem": {"does not tell the id of the task: find it by Name; refusals are 200",
		func(r request) string { return r.missing("Name", "Command") }},
	"ListLicenses": {"", func(r request) string {
		if r.allTenants() {
			return "with AllTenants every call starts a run and none says when it ends: use ListLicensesReport"
		}
		return ""
	}},
	"ListMFAUsers": {"", func(r request) string {
		if r.allTenants() && !strings.EqualFold(r.text("UseReportDB"), "true") {
			return "with AllTenants every call starts a run: add UseReportDB=true"
		}
		return ""
	}},
	"ListMailboxes": {"", func(r request) string {
		if r.allTenants() && !strings.EqualFold(r.text("UseReportDB"), "true") {
			return "AllTenants needs UseReportDB=true"
		}
		return ""
	}},
	"ListLogs": {"", func(r request) string {
		if r.text("Tenant") != "" && !strings.EqualFold(r.text("Filter"), "true") {
			return "Tenant is read with Filter=true only; without it the log of all tenants comes"
		}
		return ""
	}},
	"ListApiTest": {"repeats the request with its headers, the token included; it is redacted here, and may stand in the logs of what lies between", nil},
}

// request is a request's parameters, read as CIPP reads them: whatever the case of their
// names, the query before the body.
type request struct {
	query map[string][]string
	body  map[string]any
}

func (r request) value(name string) any {
	for n, v := range r.query {
		if strings.EqualFold(n, name) && len(v) > 0 {
			return v[0]
		}
	}
	for n, v := range r.body {
		if strings.EqualFold(n, name) {
			return v
		}
	}
	return nil
}

func (r request) has(name string) bool {
	for n := range r.query {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	for n := range r.body {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// text is a value or the value of a {label, value}.
func (r request) text(name string) string {
	v := r.value(name)
	if m, ok := v.(map[string]any); ok {
		v = m["value"]
	}
	if v == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// allTenants reports whether the request is about all tenants.
func (r request) allTenants() bool { return strings.EqualFold(r.text("tenantFilter"), "AllTenants") }

// missing returns which of the names is missing or empty.
func (r request) missing(names ...string) string {
	for _, name := range names {
		switch v := r.value(name).(type) {
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

// checkSelection returns which of some values is a bare text where CIPP reads {value}
// alone: it would be ignored without an error.
func (r request) checkSelection(names ...string) string {
	for _, name := range names {
		list, isList := r.value(name).([]any)
		if !isList {
			list = []any{r.value(name)}
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
	"EditTenant": {"tenantAlias"}, "EditTenantOffboardingDefaults": {"offboardingDefaults"}, "EditUser": {"id", "username", "Domain"},
	"AddUser":    {"username", "Domain"},
	"RemoveUser": {"ID"}, "ExecBulkLicense": {"userIds", "LicenseOperation"}, "ExecOffboardUser": {"user"},
	"ExecDisableUser": {"ID", "Enable"},
	"ExecTenantGroup": {"Action", "groupId"}, "ExecResetPass": {"ID"}, "ExecEmailForward": {"forwardOption"}, "AddTenant": {"Action"},
	"AddScheduledItem": {"Name", "Command"},
}

// checkBoolean returns what is wrong with a value that CIPP converts to a boolean: the
// call fails where it cannot.
func (r request) checkBoolean(name string) string {
	switch v := r.value(name).(type) {
	case bool:
		return ""
	case string:
		if strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
			return ""
		}
	}
	return name + " must be true or false"
}
