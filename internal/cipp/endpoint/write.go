package endpoint

import (
	"slices"
	"strings"
)

// Public is the Role of what CIPP serves without asking for a permission.
const Public = "Public"

// Writes reports whether the endpoint changes something or makes something
// happen. The permission tells, as a rule; the verb does not, because CIPP
// serves every verb and publishes many reads as POST. Where the permission is
// not known, only what is called a list, and fetched, counts as a read.
func (e Endpoint) Writes() bool {
	if e.Role == "" {
		return e.unlisted || !strings.HasPrefix(e.Name, "List") || !slices.Equal(e.Methods, []string{"GET"})
	}
	if strings.HasSuffix(e.Role, ".Read") || e.Role == Public {
		_, does := actsAllTheSame[e.Name]
		return does
	}
	return true
}

// actsAllTheSame are the endpoints that a read permission, or none at all,
// opens and that do more than read.
var actsAllTheSame = map[string]string{
	"AddTestReport":           "makes a report in CIPP",
	"DeleteTestReport":        "deletes a report in CIPP",
	"ExecGraphExplorerPreset": "saves and deletes presets",
	"ExecBreachSearch":        "starts a search in a paid service",
	"ExecSendPush":            "puts a prompt on the user's telephone",
	"ExecMcp":                 "runs any tool that the client may use",
	"PublicMcpRegister":       "registers a client",
	"PublicPhishingCheck":     "raises an alert",
	"PublicWebhooks":          "takes in events of Microsoft's",
}

// ReturnsSecrets reports whether answers can hold a password, a key or a token
// that must not reach a log or a journal.
func (e Endpoint) ReturnsSecrets() bool { return e.unlisted || secretive[e.Name] }

var secretive = map[string]bool{
	"AddUser": true, "AddUserBulk": true, "EditUser": true, "ExecResetPass": true, "ExecCreateTAP": true, "ExecJITAdmin": true,
	"ExecGetLocalAdminPassword": true, "ExecGetRecoveryKey": true, "ExecBitlockerSearch": true,
	"ExecApiClient": true, "ExecCreateSAMApp": true, "ExecSAMCertificate": true, "ExecTokenExchange": true, "ExecDeviceCodeLogon": true,
	"ExecCippLogsSas": true, "ExecMaintenanceScripts": true, "ExecCippReplacemap": true, "ExecSSOSetup": true,
	"ListApiTest": true, "ListExtensionsConfig": true, "ListNotificationConfig": true, "ListUserSettings": true,
	"ExecOffboardUser": true, "PublicMcpRegister": true, "ExecSamSecretStatus": true,
}

// RepeatsSecrets reports whether the rows of a read can hold a password or a
// token that nobody asked it for: the request itself, what a task or a line of
// the log said of a reset, the keys of CIPP's integrations.
func (e Endpoint) RepeatsSecrets() bool { return e.unlisted || repeating[e.Name] }

var repeating = map[string]bool{
	"ListApiTest": true, "ListExtensionsConfig": true, "ListNotificationConfig": true, "ListUserSettings": true,
	"ListScheduledItems": true, "ListScheduledItemDetails": true, "ListLogs": true,
}

// TakesList reports whether the body may be a list of objects, each with its
// tenant.
func (e Endpoint) TakesList() bool { return e.OnlyList() || e.Name == "PatchUser" || e.unlisted }

// OnlyList reports whether the body is a list even where it holds one object.
func (e Endpoint) OnlyList() bool { return e.Name == "ExecBulkLicense" }
