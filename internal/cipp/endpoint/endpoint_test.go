package endpoint

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestTheMapIsWholeAndSound(t *testing.T) {
	list := All()
	if got, want := len(list), 663; got != want {
		t.Errorf("got %d endpoints, want %d", got, want)
	}
	var names []string
	for _, e := range list {
		names = append(names, strings.ToLower(e.Name))
		if e.Name == "" || e.Category == "" || e.Role == "" && e.Since == "" || len(e.Methods) == 0 {
			t.Errorf("%+v lacks something", e)
		}
		for _, m := range e.Methods {
			if m != "GET" && m != "POST" {
				t.Errorf("%s: got the verb %s", e.Name, m)
			}
		}
		if !slices.Contains(e.Methods, e.Method()) {
			t.Errorf("%s: %s is not among %v", e.Name, e.Method(), e.Methods)
		}
		if e.Role != "" && e.Role != Public && !strings.HasSuffix(e.Role, ".Read") && !strings.HasSuffix(e.Role, ".ReadWrite") {
			t.Errorf("%s: got the permission %s", e.Name, e.Role)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(names)) != len(list) {
		t.Error("the map is not sorted, or holds a name twice")
	}
	list[0].Name = "changed"
	if All()[0].Name == "changed" {
		t.Error("the caller got the map itself")
	}
}

func TestWhatIsNewerThanTheMapsPermissionsIsTakenForTheWorst(t *testing.T) {
	for name, writes := range map[string]bool{"ListGuestUsers": false, "ListPartnerTenantInfo": false, "ExecGroupMembers": true, "ExecSamSecretStatus": true} {
		e, err := Find(name)
		if err != nil || e.Since == "" || e.Permission() != "not known" || e.Writes() != writes {
			t.Errorf("%s: got %+v and %v, want one that writes: %t", name, e, err, writes)
		}
	}
	for _, tt := range []struct {
		name, method string
		ofTenant     bool
		want         string // of the error
	}{
		{"ListBrandNew", "get", true, ""}, {"/api/ExecBrandNew", "POST", false, ""},
		{"listusers", "GET", true, "ListUsers is in the map"}, {"../x", "GET", true, "cannot be the name"}, {"a/b", "GET", true, "cannot be the name"},
		{"", "GET", true, "cannot be the name"}, {"ListBrandNew", "DELETE", true, "GET or POST"},
	} {
		e, err := Unlisted(tt.name, tt.method, tt.ofTenant)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
			}
			continue
		}
		if err != nil || !e.Writes() || !e.ReturnsSecrets() || !e.RepeatsSecrets() || e.Warning() == "" || e.NeedsTenant() != tt.ofTenant || e.TakesAllTenants() || !e.Unlisted() {
			t.Errorf("%s: got %+v and %v, want every caution", tt.name, e, err)
		}
	}
}

// What the tables of this package say is about endpoints that exist.
func TestEveryExceptionIsAboutAnEndpointOfTheMap(t *testing.T) {
	var names []string
	for name := range exceptions {
		names = append(names, name)
	}
	for name := range dangers {
		names = append(names, name)
	}
	for name := range secretive {
		names = append(names, name)
	}
	for name := range actsAllTheSame {
		names = append(names, name)
	}
	for name := range single {
		names = append(names, name)
	}
	for _, name := range names {
		if e, err := Find(name); err != nil || e.Name != name {
			t.Errorf("%s: got %q, %v", name, e.Name, err)
		}
	}
}

func TestFindTakesAnyCaseAndHelpsWithAnUnknownName(t *testing.T) {
	for _, name := range []string{"ListUsers", "listusers", " LISTUSERS ", "/api/ListUsers", "api/listUsers"} {
		if e, err := Find(name); err != nil || e.Name != "ListUsers" {
			t.Errorf("%q: got %q, %v", name, e.Name, err)
		}
	}
	for _, c := range []struct{ name, near string }{
		{"users", "ListUsers"}, {"ListUser", "ListUsers"}, {"listuserz", "ListUsers"}, {"ExecResetPassword", "ExecResetPass"},
		{"RemoveUsr", "RemoveUser"}, {"EditTenants", "EditTenant"}, {"mailboxes", "ListMailboxes"}, {"xqzw", ""}, {"", ""},
	} {
		_, err := Find(c.name)
		unknown, ok := errors.AsType[*UnknownError](err)
		first := ""
		if ok && len(unknown.Nearest) > 0 {
			first = unknown.Nearest[0]
		}
		if !ok || first != c.near || len(unknown.Nearest) > 3 {
			t.Errorf("%q: got %v, want %q as the nearest", c.name, err, c.near)
		}
	}
}

func TestSearchLooksInNamesFirst(t *testing.T) {
	got := Search("mfa users", "")
	if len(got) == 0 || got[0].Name != "ListMFAUsers" {
		t.Errorf("got %v, want ListMFAUsers first", got)
	}
	for _, e := range Search("", "identity/administration/groups") {
		if e.Category != "Identity/Administration/Groups" {
			t.Errorf("got %s of %s", e.Name, e.Category)
		}
	}
	if got := len(Search("", "")); got != len(All()) {
		t.Errorf("got %d, want all", got)
	}
	if got := Search("FolderName", "mailbox"); len(got) != 0 {
		t.Errorf("got %v, want none of that category", got)
	}
	if got := Search("FolderName calperms", ""); len(got) != 0 {
		t.Errorf("got %v: every word must occur", got)
	}
	if got := Search("usereportdb", ""); len(got) < 5 {
		t.Errorf("got %d endpoints with that parameter, want several", len(got))
	}
	if got := Categories(); !slices.IsSorted(got) || len(got) < 40 {
		t.Errorf("got the categories %v", got)
	}
}

func TestWhatWritesIsKnownByPermissionAndNotByVerb(t *testing.T) {
	for name, want := range map[string]bool{
		"AddUser": true, "ExecOffboardUser": true, "ExecCIPPDBCache": true, "ExecApiClient": true, "AddTestReport": true, "ExecSendPush": true, "PublicWebhooks": true,
		"ListGraphBulkRequest": false, "ExecLicenseSearch": false, "ListDirectoryObjects": false, "ExecIncidentsList": false, "ExecCaCheck": false, "PublicPing": false, "ListTenants": false, "ListMessageTrace": false,
	} {
		e, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Writes(); got != want {
			t.Errorf("%s: got writes %t, want %t", name, got, want)
		}
	}
	for _, e := range All() {
		if e.Since == "" && e.Writes() && e.Method() != "POST" {
			t.Errorf("%s writes and would be sent as %s", e.Name, e.Method())
		}
	}
}

func TestEachEndpointSaysHowItWantsItsTenantNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		want  Parameter
		needs bool
		all   bool
	}{
		{"ListUsers", Parameter{"tenantFilter", InQuery, Domain}, true, false},
		{"ListGroups", Parameter{"tenantFilter", InQuery, Domain}, true, true},
		{"ListJITAdminTemplates", Parameter{"TenantFilter", InQuery, Domain}, true, true},
		{"ListTenants", Parameter{"TenantFilter", InQuery, Domain}, false, false},
		{"ListScheduledItems", Parameter{"tenantFilter", InQuery, Domain}, false, true},
		{"ListLogs", Parameter{"Tenant", InQuery, Domain}, false, true},
		{"AddUser", Parameter{"tenantFilter", InBody, Domain}, true, false},
		{"ExecResetPass", Parameter{"tenantFilter", InBody, Domain}, true, false},
		{"ExecCIPPDBCache", Parameter{"tenantFilter", InQuery, Domain}, true, true},
		{"AddTransportRule", Parameter{"selectedTenants", InBody, Picked}, true, false},
		{"AddAlert", Parameter{"tenantFilter", InBody, Picked}, true, true},
		{"AddScheduledItem", Parameter{"TenantFilter", InBody, Domain}, true, true},
		{"AddContact", Parameter{"tenantid", InBody, Domain}, true, false},
		{"AddSharedMailbox", Parameter{"tenantID", InBody, Domain}, true, false},
		{"EditTenant", Parameter{"customerId", InBody, ID}, true, false},
		{"ExecRemoveTenant", Parameter{"TenantID", InBody, ID}, true, false},
		{"PatchUser", Parameter{"tenantFilter", InBody, Domain}, true, false},
		{"EditGroup", Parameter{"tenantFilter", InBody, Domain}, true, false},
		{"GetVersion", Parameter{}, false, false},
		{"ExecAddTenant", Parameter{}, false, false},
		{"ListExternalTenantInfo", Parameter{}, false, false},
		{"ExecTenantGroup", Parameter{}, false, false},
	} {
		e, err := Find(c.name)
		if err != nil {
			t.Fatal(err)
		}
		got, takes := e.TenantParameter()
		if got != c.want || takes != (c.want.Name != "") || e.NeedsTenant() != c.needs || e.TakesAllTenants() != c.all {
			t.Errorf("%s: got %v, needs it %t, takes AllTenants %t; want %v, %t, %t", c.name, got, e.NeedsTenant(), e.TakesAllTenants(), c.want, c.needs, c.all)
		}
	}
	for _, e := range All() {
		p, takes := e.TenantParameter()
		if e.Takes("tenantFilter") && !strings.EqualFold(p.Name, "tenantFilter") {
			t.Errorf("%s takes tenantFilter and is given %q", e.Name, p.Name)
		}
		if takes && e.Name != "PatchUser" && !e.Takes(p.Name) {
			t.Errorf("%s is given %s, which it does not take", e.Name, p.Name)
		}
	}
}

func TestDangerousRequestsAreRefusedAndSoundOnesPass(t *testing.T) {
	body := func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name  string
		query map[string][]string
		body  map[string]any
		want  string
	}{
		{"EditTenant", nil, body("customerId", "x"), "without tenantAlias"},
		{"EditTenant", nil, body("TENANTALIAS", ""), ""},
		{"EditTenantOffboardingDefaults", nil, body(), "the defaults are cleared"},
		{"EditTenantOffboardingDefaults", nil, body("offboardingDefaults", map[string]any{}), ""},
		{"EditUser", nil, body("id", "x"), "username is missing"},
		{"EditUser", nil, body("id", "x", "username", "ada", "primDomain", map[string]any{"value": "x.example"}), ""},
		{"RemoveUser", map[string][]string{"ID": {"x"}}, nil, ""},
		{"RemoveUser", nil, nil, "ID is missing"},
		{"ExecDisableUser", nil, body("Enable", false), ""},
		{"ExecDisableUser", nil, body("Enable", "1"), "true or false"},
		{"ExecBulkLicense", nil, body("userIds", []string{"a", "b"}, "LicenseOperation", "Add"), "only the first"},
		{"ExecTenantGroup", nil, body("Action", "Remove", "groupId", "x"), "AddEdit or Delete"},
		{"ExecOffboardUser", nil, body("user", []any{}), "user is empty"},
		{"ExecEditCalendarPermissions", nil, body("RemoveAccess", map[string]any{"value": "x"}), ""},
		{"ExecEditCalendarPermissions", nil, body("Permissions", map[string]any{"value": "Editor"}), "CanViewPrivateItems"},
		{"ListMailboxes", map[string][]string{"tenantFilter": {"AllTenants"}}, nil, "UseReportDB=true"},
		{"ListMailboxes", map[string][]string{"tenantFilter": {"AllTenants"}, "UseReportDB": {"true"}}, nil, ""},
		{"AddContact", nil, nil, ""},
	} {
		e, err := Find(c.name)
		if err != nil {
			t.Fatal(err)
		}
		err = e.Check(c.query, c.body)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrDangerous) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s with %v %v: got %v, want %q", c.name, c.query, c.body, err, c.want)
		}
	}
}

func TestNamesThatNobodyReadsAreFound(t *testing.T) {
	e, _ := Find("ExecDisableUser")
	got := e.Undeclared(map[string][]string{"tenantFilter": {"x"}, "verbose": {"1"}}, map[string]any{"ID": "x", "enable": true, "Enabled": true})
	if !slices.Equal(got, []string{"Enabled", "verbose"}) {
		t.Errorf("got %v, want Enabled and verbose", got)
	}
	e, _ = Find("PatchUser")
	if got := e.Undeclared(nil, map[string]any{"tenantFilter": "x", "jobTitle": "Dentist"}); len(got) != 0 {
		t.Errorf("got %v, want none: the body is handed on", got)
	}
}
