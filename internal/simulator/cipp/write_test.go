package cippsim_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

// write posts a body and returns status and answer as text.
func (k *caller) write(endpoint, body string) (int, string) {
	k.t.Helper()
	res, text, err := k.try("POST", endpoint, body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, text
}

func admin(t *testing.T) *caller { return open(t, cippsim.Options{Role: "superadmin"}) }

func (k *caller) user(upn string) cippsim.User { return *k.s.World().Tenant(alpha).User(upn) }

func TestEveryPublishedEndpointAnswersItsDeclaredCall(t *testing.T) {
	raw, err := os.ReadFile("catalogue.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")[1:]
	if len(lines) != 663 {
		t.Errorf("got %d endpoints, want 663", len(lines))
	}
	k := admin(t)
	if res, text, err := k.try("GET", "ListGuestUsers", "", "tenantFilter", "alpha.example"); err != nil || res.StatusCode != 404 {
		t.Errorf("got %v %q and %v, want a CIPP without what is newer", res, text, err)
	}
	k.s.SetFaults(cippsim.Faults{Version: "10.9.1"})
	for _, line := range lines {
		f := strings.Split(line, "\t")
		verb := strings.Split(f[1], ",")[0]
		body, pairs := "", []string{}
		if slices.Contains(strings.Split(strings.ToLower(f[4]), ","), "tenantfilter") {
			pairs = append(pairs, "tenantFilter", "alpha.example")
		} else if strings.Contains(strings.ToLower(f[5]), "tenantfilter") {
			body = `{"tenantFilter":"alpha.example"}`
		}
		if f[0] == "RemoveUser" || f[0] == "ListTenants" {
			continue // the one ends the worker, the other may be told to empty its table
		}
		res, text, err := k.try(verb, f[0], body, pairs...)
		if err != nil || res.StatusCode == 404 && strings.HasPrefix(text, "Endpoint not found") || res.StatusCode == 502 {
			t.Errorf("%s %s: got %v %q and %v, want an answer", verb, f[0], res, text, err)
		}
	}
}

func TestTheGenericAnswerComplainsOfWhatCIPPIgnores(t *testing.T) {
	for _, tc := range []struct{ name, verb, endpoint, body, query, want string }{
		{"a wrong verb", "GET", "AddAlert", "", "", "AddAlert: sent as GET; CIPP publishes it as POST"},
		{"a parameter nobody reads", "GET", "ListContacts", "", "colour=red&tenantFilter=alpha.example", "ListContacts: nobody reads the query parameter colour"},
		{"a member nobody reads", "POST", "AddContact", `{"colour":"red"}`, "", "AddContact: nobody reads colour in the body"},
		{"no tenant", "GET", "ListContacts", "", "", "ListContacts: no tenantFilter; the partner's own tenant was answered"},
	} {
		k := admin(t)
		if _, _, err := k.try(tc.verb, tc.endpoint+"?"+tc.query, tc.body); err != nil {
			t.Fatal(err)
		}
		if got := k.s.Complaints(); !slices.Contains(got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestTheGenericAnswerKnowsRolesAndTenants(t *testing.T) {
	k := open(t, cippsim.Options{}) // readonly
	if status, text := k.write("AddContact", `{"displayName":"A"}`); status != 403 || !strings.Contains(text, "Exchange.Contact.ReadWrite") {
		t.Errorf("a write with a reading role: got %d %s, want 403 with the permission", status, text)
	}
	res, text, err := k.try("GET", "ListContacts", "", "tenantFilter", "nobody.example")
	if err != nil || res.StatusCode != 200 || text != "[]" {
		t.Errorf("an unknown tenant: got %v %q and %v, want 200 and nothing", res, text, err)
	}
	k.s.SetTenantFaults(alpha, cippsim.TenantFaults{GraphError: "AADSTS65001"})
	res, text, err = k.try("GET", "ListContacts", "", "tenantFilter", "alpha.example")
	if err != nil || res.StatusCode != 403 || text != `["AADSTS65001"]` {
		t.Errorf("a tenant that fails: got %v %q and %v, want 403 with its text in a list", res, text, err)
	}
}

func TestEditTenantTakesAwayWhatItIsNotSent(t *testing.T) {
	k := admin(t)
	k.s.Update(func(w *cippsim.World) {
		w.TenantGroups = []*cippsim.TenantGroup{{ID: "g1", Name: "Gold", Members: []string{alpha}}, {ID: "g2", Name: "Silver"}}
	})
	if status, _ := k.write("EditTenant", `{"customerId":"`+alpha+`","tenantAlias":"Alpha","tenantGroups":[{"groupId":"g2"}]}`); status != 200 {
		t.Fatalf("got %d, want 200", status)
	}
	w := k.s.World()
	if w.Tenants[0].DisplayName != "Alpha" || len(w.TenantGroups[0].Members) != 0 || len(w.TenantGroups[1].Members) != 1 {
		t.Errorf("got %q, %v, %v; want the alias and Silver alone", w.Tenants[0].DisplayName, w.TenantGroups[0].Members, w.TenantGroups[1].Members)
	}
	k.write("EditTenant", `{"customerId":"`+alpha+`","tenantGroups":[]}`)
	w = k.s.World()
	if w.Tenants[0].DisplayName != "Alpha Dental GmbH" || len(w.TenantGroups[1].Members) != 1 || len(k.s.Complaints()) == 0 {
		t.Errorf("got %q and %v, want Microsoft's name, the group as it was, and a complaint", w.Tenants[0].DisplayName, w.TenantGroups[1].Members)
	}
}

func TestEditUserDoesMoreThanItIsAsked(t *testing.T) {
	k := admin(t)
	id := k.user("max.kern@alpha.example").ID
	if _, text := k.write("EditUser", `{"tenantFilter":"alpha.example","id":"`+id+`","username":"max.kern","Domain":"alpha.example","licenses":[{"value":"`+spb+`"}]}`); !strings.Contains(text, "has been edited") {
		t.Fatalf("got %s", text)
	}
	if got := k.user(id).Licences; !slices.Equal(got, []string{spb}) {
		t.Errorf("got %q, want the set replaced by the one that was sent", got)
	}
	k.write("EditUser", `{"tenantFilter":"alpha.example","id":"`+id+`","jobTitle":"Boss"}`)
	if got := k.user(id).UPN; got != "@" {
		t.Errorf("got UPN %q, want a broken one without username and domain", got)
	}
	if got := k.s.Complaints(); len(got) != 2 {
		t.Errorf("got %q, want a complaint about each", got)
	}
}

func TestWritesAnswerInSentencesOfMixedSuccess(t *testing.T) {
	k := admin(t)
	ada := k.user("ada.berg@alpha.example").ID
	body := fmt.Sprintf(`[{"tenantFilter":"alpha.example","userIds":[%q],"LicenseOperation":"Add","Licenses":[{"value":%q}]},
		{"tenantFilter":"alpha.example","userIds":["nobody"],"LicenseOperation":"Add","Licenses":[{"value":%q}]},
		{"tenantFilter":"alpha.example","userIds":[%q],"LicenseOperation":"Remove","LicensesToRemove":[%q]}]`, ada, exo, exo, ada, spb)
	status, text := k.write("ExecBulkLicense", body)
	for _, want := range []string{"Successfully set licenses for ada.berg@alpha.example", "User nobody not found in tenant alpha.example", "No license changes needed"} {
		if status != 200 || !strings.Contains(text, want) {
			t.Errorf("got %d %s, want %q in it", status, text, want)
		}
	}
	if got := k.s.World().Tenant(alpha).SKU(exo).Consumed; got != 2 {
		t.Errorf("got %d units used, want 2: Max and Ada", got)
	}
}

func TestANewUserIsSeenByEveryRead(t *testing.T) {
	k := admin(t)
	status, text := k.write("AddUser", `{"tenantFilter":"alpha.example","username":"nora","Domain":"alpha.example","displayName":"Nora Vik","usageLocation":{"value":"DE"},"licenses":[{"value":"`+spb+`"}],"AddToGroups":[{"value":"Reception"}]}`)
	var got struct {
		Results []any
		User    struct{ ID string }
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != 200 || got.User.ID == "" {
		t.Fatalf("got %d %s and %v, want the user", status, text, err)
	}
	for _, read := range []string{
		"ListUsers?UserID=nora@alpha.example", "ListGraphRequest?Endpoint=users", "ListMailboxes?Identity=nora@alpha.example", "ListGroups?members=true&groupID=" + k.s.World().Tenants[0].Groups[0].ID,
		"ListMFAUsers?", "ListDevices?", "ListLicenses?",
	} {
		if _, text, err := k.try("GET", read, "", "tenantFilter", "alpha.example"); err != nil || !strings.Contains(strings.ToLower(text), "nora@alpha.example") {
			t.Errorf("%s: got %.200s and %v, want Nora in it", read, text, err)
		}
	}
	if _, text := k.write("AddUser", `{"tenantFilter":"alpha.example","username":"nora","Domain":"alpha.example","displayName":"Nora"}`); !strings.Contains(text, "already exists") {
		t.Errorf("the same name again: got %s", text)
	}
}

func TestAnOffboardingHappensWithTheScheduler(t *testing.T) {
	k := admin(t)
	at := fmt.Sprint(k.clock.now().Unix())
	status, text := k.write("ExecOffboardUser", `{"tenantFilter":"alpha.example","user":[{"value":"ada.berg@alpha.example"}],"DisableSignIn":true,"RemoveLicenses":true,"ConvertToShared":true,"reference":"r1","Scheduled":{"enabled":true,"date":`+at+`}}`)
	if status != 200 || !strings.Contains(text, "Successfully added task") || k.user("ada.berg@alpha.example").Disabled {
		t.Fatalf("got %d %s, want it queued and nothing done", status, text)
	}
	list := func(want ...string) {
		t.Helper()
		_, text, err := k.try("GET", "ListScheduledItems", "", "tenantFilter", alpha)
		for _, w := range want {
			if err != nil || !strings.Contains(text, w) {
				t.Errorf("got %s and %v, want %s", text, err, w)
			}
		}
	}
	list(`"TaskState":"Planned"`, `"Results":"Planned"`)
	k.clock.pass(15 * time.Minute)
	list(`"TaskState":"Processing"`, `"Results":"Orchestration in progress"`)
	k.clock.pass(time.Minute)
	// Objects within a text; and the licences are left to a task of their own.
	list(`"TaskState":"Completed"`, `"Results":"[{\"Results\":\"Successfully`, `"Name":"Remove License: ada.berg@alpha.example"`, `"TaskState":"Planned"`)
	if u := k.user("ada.berg@alpha.example"); !u.Disabled || len(u.Licences) == 0 || k.s.World().Tenants[0].Mailboxes[0].Type != "SharedMailbox" {
		t.Errorf("got %+v, want Ada disabled, her mailbox shared, her licences still there", u)
	}
	k.clock.pass(16 * time.Minute)
	list(`"Results":"{\"Results\":\"Removed directly assigned licenses for ada.berg@alpha.example`)
	if u := k.user("ada.berg@alpha.example"); len(u.Licences) != 0 {
		t.Errorf("got %q, want no licences after the second task", u.Licences)
	}
	_, text = k.write("ExecOffboardUser", `{"tenantFilter":"alpha.example","user":[{"value":"max.kern@alpha.example"}],"DisableSignIn":true}`)
	if !strings.Contains(text, "scheduled to run now") {
		t.Errorf("got %s, want it to run now", text)
	}
	if status, _ := k.write("ExecOffboardUser", `{"tenantFilter":"alpha.example","user":[{"value":"max.kern@alpha.example"}]}`); status != 400 {
		t.Errorf("without an action: got %d, want 400", status)
	}
}

func TestRemoveUserWithoutAnIdEndsTheWorker(t *testing.T) {
	k := admin(t)
	if status, _ := k.write("RemoveUser", `{"tenantFilter":"alpha.example","userPrincipalName":"ada.berg@alpha.example"}`); status != 502 || len(k.s.Complaints()) == 0 {
		t.Errorf("got %d and %q, want 502 and a complaint", status, k.s.Complaints())
	}
}

func TestGroupsAndCalendarsAreStrictWhereTheirVendorIs(t *testing.T) {
	k := admin(t)
	group, ada := k.s.World().Tenants[0].Groups[0].ID, k.user("ada.berg@alpha.example").ID
	for _, tc := range []struct{ name, endpoint, body, want string }{
		{"a bare member is ignored", "EditGroup", `{"tenantFilter":"alpha.example","groupId":"` + group + `","AddMember":["` + ada + `"]}`, "No changes made"},
		{"a member", "EditGroup", `{"tenantFilter":"alpha.example","groupId":{"value":"` + group + `"},"AddMember":[{"value":"` + ada + `"}]}`, "Success - Added member"},
		{"the same again", "EditGroup", `{"tenantFilter":"alpha.example","groupId":{"value":"` + group + `"},"AddMember":[{"value":"` + ada + `"}]}`, "Error - One or more added object references"},
		{"no CanViewPrivateItems", "ExecEditCalendarPermissions", `{"tenantFilter":"alpha.example","userid":"ada.berg@alpha.example","FolderName":"Calendar","UserToGetPermissions":{"value":"max.kern@alpha.example"},"Permissions":{"value":"Editor"}}`, "CanViewPrivateItems"},
		{"another folder", "ExecEditCalendarPermissions", `{"tenantFilter":"alpha.example","userid":"ada.berg@alpha.example","FolderName":"Kalender","UserToGetPermissions":{"value":"max.kern@alpha.example"},"Permissions":{"value":"Editor"},"CanViewPrivateItems":false}`, "doesn't exist"},
		{"all in order", "ExecEditCalendarPermissions", `{"tenantFilter":"alpha.example","userid":"ada.berg@alpha.example","FolderName":"Calendar","UserToGetPermissions":{"value":"max.kern@alpha.example"},"Permissions":{"value":"Editor"},"CanViewPrivateItems":false}`, "now has Editor"},
		{"a forwarding that is none", "ExecEmailForward", `{"tenantFilter":"alpha.example","userID":"ada.berg@alpha.example","forwardOption":"elsewhere"}`, `{"Results":[null]}`},
	} {
		if _, text := k.write(tc.endpoint, tc.body); !strings.Contains(text, tc.want) {
			t.Errorf("%s: got %s, want %q", tc.name, text, tc.want)
		}
	}
}
