package cipp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/cipp/endpoint"
	"syncd/internal/directory"
	"syncd/internal/rest"
	"syncd/internal/secret"
	cippsim "syncd/internal/simulator/cipp"
)

// staff is the estate with people in the dental practice, for whom an operator works.
func staff() cippsim.World {
	w := estate()
	w.Tenants[0].Users = []*cippsim.User{
		{ID: "b2a70000-0000-4000-8000-000000000001", UPN: "ada.berg@fabrikamdental.example", DisplayName: "Ada Berg", Licences: []string{premium}},
		{ID: "b2a70000-0000-4000-8000-000000000002", UPN: "m.kern@fabrikamdental.example", DisplayName: "M. Kern"},
	}
	return w
}

// withOperator runs f with a client that may do everything, its API client's role
// being role.
func withOperator(t *testing.T, role string, world cippsim.World, run func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{sim: cippsim.New(world, cippsim.Options{ClientSecret: clientSecret, Role: role}), log: &logBuffer{}}
		f.client = operator(t, f)
		run(t, f)
		for _, word := range []string{clientSecret, "eyJ", "Bearer ", "Pw-"} {
			if logs := f.log.String(); strings.Contains(logs, word) {
				t.Errorf("the log holds %q:\n%s", word, logs)
			}
		}
	})
}

func operator(t *testing.T, f *fixture) *Client {
	t.Helper()
	conf := Defaults()
	conf.URL, conf.TenantID = "https://cipp-api.example.net", partnerID
	conf.ClientID, conf.ClientSecret = f.sim.Options().ClientID, secret.New(clientSecret)
	conf.Rate.PerSecond, conf.Rate.Burst = 1000, 1000
	c, err := New(conf, Options{Log: zerolog.New(f.log), Transport: f.sim.Transport(), Operate: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answering lets an endpoint answer with a body of the test's.
func (f *fixture) answering(name, body string) {
	f.sim.Heal()
	f.sim.SetFaults(cippsim.Faults{Answers: map[string]cippsim.Shape{name: {Body: cippsim.Body(body)}}})
}

// sample is a value that makes sense for a parameter of any endpoint.
func sample(e endpoint.Endpoint, name string) any {
	switch strings.ToLower(name) {
	case "action":
		if e.Name == "ExecTenantGroup" {
			return "Delete"
		}
		return "List"
	case "enable", "canviewprivateitems", "mustchange":
		return "true"
	case "endpoint":
		return "users"
	case "usereportdb", "filter":
		return "true"
	case "licenses", "licensestoremove", "licensestoreplace", "addtogroups", "removefromgroups", "copyfrom", "setmanager", "setsponsor", "usertogetpermissions", "permissions", "removeaccess":
		return map[string]any{"value": "sample"}
	case "forwardoption":
		return "disabled"
	case "tenantalias":
		return "Fabrikam"
	case "userids":
		return []any{"b2a70000-0000-4000-8000-000000000002"}
	case "id", "userid":
		return "b2a70000-0000-4000-8000-000000000002"
	}
	return "sample"
}

func TestEveryEndpointCanBeCalledWithItsDeclaredParameters(t *testing.T) {
	if n := len(endpoint.All()); n < 600 {
		t.Fatalf("got %d endpoints, want the whole map", n)
	}
	withOperator(t, "superadmin", staff(), func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Version: "10.9.1"}) // that has all of the map
		tenant := f.tenant(t, dentalID)
		for _, e := range endpoint.All() {
			k := Call{Endpoint: strings.ToLower(e.Name)}
			p, takes := e.TenantParameter()
			if takes {
				k.Tenant = tenant
			}
			// What can stand in the body of a POST stands there, and nothing twice.
			k.Query, k.Body = url.Values{}, map[string]any{}
			for _, name := range e.Query {
				if !strings.EqualFold(name, p.Name) && name != "IgnoreErrors" && !(e.Method() == http.MethodPost && slices.ContainsFunc(e.Body, func(b string) bool { return strings.EqualFold(b, name) })) {
					k.Query.Set(name, fmt.Sprint(sample(e, name)))
				}
			}
			if e.Method() == http.MethodPost {
				for _, name := range e.Body {
					if !strings.EqualFold(name, p.Name) {
						k.Body[name] = sample(e, name)
					}
				}
			}
			f.sim.ResetLog()
			reply, err := f.client.Call(t.Context(), k)
			if got := f.sim.Count(e.Name); got != 1 {
				t.Errorf("%s: got %d requests, want 1 (%v)", e.Name, got, err)
				continue
			}
			q := f.sim.Requests()
			if last := q[len(q)-1]; last.Method != e.Method() || last.Path != e.Path() {
				t.Errorf("%s: got %s %s, want %s %s", e.Name, last.Method, last.Path, e.Method(), e.Path())
			}
			// What CIPP makes of samples is its own; that it understood the request is not.
			if errors.Is(err, rest.ErrForbidden) || errors.Is(err, ErrUnusable) || errors.Is(err, ErrNoEndpoint) || errors.Is(err, rest.ErrOutcomeUnknown) {
				t.Errorf("%s: %v", e.Name, err)
			}
			if err == nil && reply == nil {
				t.Errorf("%s: neither a reply nor an error", e.Name)
			}
			for _, c := range f.sim.Complaints() {
				for _, careless := range []string{"no tenantFilter", "nobody reads", "CIPP publishes it as", "no selectedTenants", "not JSON"} {
					if strings.Contains(c, careless) {
						t.Error(c)
					}
				}
			}
		}
	})
}

func TestATenantStandsWhereTheEndpointLooksForIt(t *testing.T) {
	dental := directory.Tenant{ID: dentalID, Name: "Fabrikam Dental", DefaultDomain: "fabrikamdental.example"}
	for _, c := range []struct {
		call  Call
		query string
		body  string
	}{
		{Call{Endpoint: "ListUsers"}, "tenantFilter=fabrikamdental.example", ""},
		{Call{Endpoint: "ListJITAdminTemplates"}, "TenantFilter=fabrikamdental.example", ""},
		{Call{Endpoint: "ExecResetPass", Body: map[string]any{"ID": "x"}}, "", `map[ID:x tenantFilter:fabrikamdental.example]`},
		{Call{Endpoint: "ExecResetPass", Body: map[string]any{"ID": "x", "TENANTFILTER": dentalID}}, "", `map[ID:x tenantFilter:fabrikamdental.example]`},
		{Call{Endpoint: "AddContact"}, "", `map[tenantid:fabrikamdental.example]`},
		{Call{Endpoint: "EditTenant", Body: map[string]any{"tenantAlias": "Dental"}}, "", `map[customerId:` + dentalID + ` tenantAlias:Dental]`},
		{Call{Endpoint: "PatchUser", Body: map[string]any{"id": "x"}}, "", `map[id:x tenantFilter:fabrikamdental.example]`},
		{Call{Endpoint: "AddTransportRule"}, "", `map[selectedTenants:[map[customerId:` + dentalID + ` defaultDomainName:fabrikamdental.example label:Fabrikam Dental value:fabrikamdental.example]]]`},
		{Call{Endpoint: "ExecBulkLicense", Body: map[string]any{"userIds": []any{"x"}, "LicenseOperation": "Add"}}, "", `[map[LicenseOperation:Add tenantFilter:fabrikamdental.example userIds:[x]]]`},
		{Call{Endpoint: "ExecCIPPDBCache", Query: url.Values{"Name": {"Users"}}}, "Name=Users&tenantFilter=fabrikamdental.example", ""},
		{Call{Endpoint: "ListScheduledItems"}, "tenantFilter=fabrikamdental.example", ""},
		{Call{Endpoint: "AddUser", Body: map[string]any{"username": "ada"}, Query: url.Values{"tenantFilter": {"fabrikamdental.example"}}}, "", `map[tenantFilter:fabrikamdental.example username:ada]`},
	} {
		c.call.Tenant = dental
		e, err := endpoint.Find(c.call.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		before := maps.Clone(c.call.Body)
		w, err := c.call.request(e)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		body := ""
		if w.request.Body != nil {
			body = fmt.Sprint(w.request.Body)
		}
		if got := w.request.Query.Encode(); got != c.query || body != c.body {
			t.Errorf("%s: got query %q and body %s, want %q and %s", e.Name, got, body, c.query, c.body)
		}
		if !maps.EqualFunc(before, c.call.Body, func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Errorf("%s: the caller's body was changed to %v", e.Name, c.call.Body)
		}
	}
}

func TestABodyIsAListWhereTheEndpointTakesOne(t *testing.T) {
	dental := directory.Tenant{ID: dentalID, Name: "Fabrikam Dental", DefaultDomain: "fabrikamdental.example"}
	one, two := map[string]any{"id": "x", "jobTitle": "A"}, map[string]any{"id": "y", "jobTitle": "B"}
	give := func(ids ...any) map[string]any {
		return map[string]any{"userIds": ids, "LicenseOperation": "Add", "Licenses": []any{map[string]any{"value": premium}}}
	}
	for _, c := range []struct {
		name string
		call Call
		body string
		err  string
	}{
		{"several users", Call{Endpoint: "PatchUser", List: []map[string]any{one, two}}, `[map[id:x jobTitle:A tenantFilter:fabrikamdental.example] map[id:y jobTitle:B tenantFilter:fabrikamdental.example]]`, ""},
		{"a list of one stays a list", Call{Endpoint: "PatchUser", List: []map[string]any{one}}, `[map[id:x jobTitle:A tenantFilter:fabrikamdental.example]]`, ""},
		{"one user stays an object", Call{Endpoint: "PatchUser", Body: one}, `map[id:x jobTitle:A tenantFilter:fabrikamdental.example]`, ""},
		{"licences for two people", Call{Endpoint: "ExecBulkLicense", List: []map[string]any{give("x"), give("y")}}, `[map[LicenseOperation:Add Licenses:[map[value:` + premium + `]] tenantFilter:fabrikamdental.example userIds:[x]] map[LicenseOperation:Add Licenses:[map[value:` + premium + `]] tenantFilter:fabrikamdental.example userIds:[y]]]`, ""},
		{"two people in one element", Call{Endpoint: "ExecBulkLicense", List: []map[string]any{give("x", "y")}}, "", "only the first of userIds is used"},
		{"nobody in an element", Call{Endpoint: "ExecBulkLicense", List: []map[string]any{give()}}, "", "userIds is empty"},
		{"a list where none is taken", Call{Endpoint: "AddUser", List: []map[string]any{{"username": "a"}}}, "", "takes one object for a body, not a list"},
		{"both", Call{Endpoint: "PatchUser", Body: one, List: []map[string]any{two}}, "", "either one body or a list"},
		{"two tenants", Call{Endpoint: "PatchUser", List: []map[string]any{one, {"id": "y", "tenantFilter": "northwind.example"}}}, "", "the call is about fabrikamdental.example"},
	} {
		c.call.Tenant = dental
		p, err := c.call.Preview()
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) || !errors.Is(err, ErrMisuse) && !errors.Is(err, endpoint.ErrDangerous) {
				t.Errorf("%s: got %v, want wrong usage with %q", c.name, err, c.err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case fmt.Sprint(p.Body) != c.body:
			t.Errorf("%s: got %v, want %s", c.name, p.Body, c.body)
		}
	}
}

func TestATenantNamedByHandIsMovedToWhereItIsLookedFor(t *testing.T) {
	for _, c := range []struct {
		call  Call
		query string
		body  string
	}{
		{Call{Endpoint: "AddUser", Body: map[string]any{"username": "ada"}, Query: url.Values{"TenantFilter": {"x.example"}}}, "", `map[tenantFilter:x.example username:ada]`},
		{Call{Endpoint: "AddUser", Body: map[string]any{"username": "ada", "tenantFilter": map[string]any{"value": "x.example"}}}, "", `map[tenantFilter:map[value:x.example] username:ada]`},
		{Call{Endpoint: "ExecCIPPDBCache", Body: map[string]any{"tenantFilter": "x.example"}, Query: url.Values{"Name": {"Users"}}}, "Name=Users&tenantFilter=x.example", ""},
		{Call{Endpoint: "EditTenant", Body: map[string]any{"customerId": dentalID, "tenantAlias": "Dental"}}, "", `map[customerId:` + dentalID + ` tenantAlias:Dental]`},
		{Call{Endpoint: "AddTransportRule", Body: map[string]any{"selectedTenants": []any{map[string]any{"value": "x.example"}}}}, "", `map[selectedTenants:[map[value:x.example]]]`},
	} {
		e, err := endpoint.Find(c.call.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		w, err := c.call.request(e)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		body := ""
		if w.request.Body != nil {
			body = fmt.Sprint(w.request.Body)
		}
		if got := w.request.Query.Encode(); got != c.query || body != c.body || !w.scoped {
			t.Errorf("%s: got query %q and body %s, want %q and %s", e.Name, got, body, c.query, c.body)
		}
	}
}

func TestWhatWouldGoWrongSilentlyIsNotSent(t *testing.T) {
	withOperator(t, "superadmin", staff(), func(t *testing.T, f *fixture) {
		dental := f.tenant(t, dentalID)
		for _, c := range []struct {
			call Call
			want string
		}{
			{Call{Endpoint: "ListUsers"}, "no tenant was named, and CIPP would answer for the partner's own"},
			{Call{Endpoint: "ListUsers", Tenant: directory.Tenant{Name: "Nameless"}}, "neither a default domain nor an id"},
			{Call{Endpoint: "ListUsers", AllTenants: true}, "does not take AllTenants"},
			{Call{Endpoint: "ListGroups", AllTenants: true, Tenant: dental}, "either one tenant or all"},
			{Call{Endpoint: "ListGroups", Query: url.Values{"tenantfilter": {"AllTenants"}}}, "AllTenants stands in tenantFilter"},
			{Call{Endpoint: "AddTransportRule", Body: map[string]any{"selectedTenants": []any{map[string]any{"value": "a.example"}, map[string]any{"value": "b.example"}}}}, "one tenant a call: selectedTenants names a.example and b.example"},
			{Call{Endpoint: "AddNamedLocation", Tenant: dental, Body: map[string]any{"selectedTenants": []any{map[string]any{"value": "fabrikamdental.example"}, map[string]any{"value": "northwind.example"}}}}, "one tenant a call"},
			{Call{Endpoint: "AddGroup", Tenant: dental, Body: map[string]any{"tenantFilter": []any{"fabrikamdental.example", "northwind.example"}}}, "one tenant a call"},
			{Call{Endpoint: "AddUser", Body: map[string]any{"username": "a", "tenantFilter": map[string]any{"value": "AllTenants"}}}, "AllTenants stands in tenantFilter"},
			{Call{Endpoint: "ListGroups", Tenant: dental, Query: url.Values{"tenantFilter": {"northwind.example"}}}, "the call is about fabrikamdental.example"},
			{Call{Endpoint: "ListLicenses", AllTenants: true}, "ListLicensesReport"},
			{Call{Endpoint: "ListMFAUsers", AllTenants: true}, "UseReportDB=true"},
			{Call{Endpoint: "GetVersion", Tenant: dental}, "is about CIPP itself"},
			{Call{Endpoint: "ListUsers", Tenant: dental, Method: "POST"}, "is called with GET, not with POST"},
			{Call{Endpoint: "ListUsers", Tenant: dental, Body: map[string]any{"UserID": "x"}}, "a GET has no body"},
			{Call{Endpoint: "ListUser", Tenant: dental}, "did you mean ListUsers"},
			{Call{Endpoint: "AddUser", Tenant: dental, Body: map[string]any{"username": "a", "licenses": []any{premium}}}, "licenses holds a bare text"},
			{Call{Endpoint: "RemoveUser", Tenant: dental}, "ID is missing"},
			{Call{Endpoint: "RemoveUser", Tenant: dental, Body: map[string]any{"ID": " "}}, "ID is empty"},
			{Call{Endpoint: "RemoveUser", AllTenants: true, Body: map[string]any{"ID": "x"}}, "does not take AllTenants"},
			{Call{Endpoint: "EditTenant", Tenant: dental, Body: map[string]any{"tenantGroups": []any{}}}, "without tenantAlias the alias is removed"},
			{Call{Endpoint: "EditTenant", Tenant: directory.Tenant{DefaultDomain: "x.example"}, Body: map[string]any{"tenantAlias": "X"}}, "has no id"},
			{Call{Endpoint: "EditUser", Tenant: dental, Body: map[string]any{"id": "x", "username": "ada"}}, "primDomain {value} or Domain is missing"},
			{Call{Endpoint: "ExecDisableUser", Tenant: dental, Body: map[string]any{"ID": "x", "Enable": "no"}}, "Enable must be true or false"},
			{Call{Endpoint: "ExecBulkLicense", Tenant: dental, Body: map[string]any{"userIds": []any{"a", "b"}, "LicenseOperation": "Add"}}, "only the first of userIds"},
			{Call{Endpoint: "ListTenants", Method: "POST", Body: map[string]any{"ClearCache": true}}, "is called with GET, not with POST"},
			{Call{Endpoint: "ListTenants", Query: url.Values{"ClearCache": {"true"}}}, "empties CIPP's list of tenants"},
			{Call{Endpoint: "ListGraphRequest", Tenant: dental, Query: url.Values{"Endpoint": {"users"}, "IgnoreErrors": {"true"}}}, "IgnoreErrors"},
			{Call{Endpoint: "ExecTenantGroup", Body: map[string]any{"Action": "AddEdit", "groupName": "Gold"}}, "groupId is missing"},
			{Call{Endpoint: "AddUser", Tenant: dental, Body: map[string]any{"username": "a", "Username": "b"}}, "in different case"},
			{Call{Endpoint: "ListLogs", Tenant: dental}, "Filter=true"},
			{Call{Endpoint: "ExecBulkLicense", List: []map[string]any{{"tenantFilter": "a.example", "userIds": []any{"x"}, "LicenseOperation": "Add"}, {"tenantFilter": "b.example", "userIds": []any{"y"}, "LicenseOperation": "Add"}}}, "one tenant a call"},
			{Call{Endpoint: "EditGroup", Tenant: dental, List: []map[string]any{{}}}, "one object for a body"},
		} {
			reply, err := f.client.Call(t.Context(), c.call)
			if err == nil || !strings.Contains(err.Error(), c.want) || reply != nil {
				t.Errorf("%s: got %v, want an error with %q", c.call.Endpoint, err, c.want)
			}
		}
		if got := f.sim.Count(""); got != 0 {
			t.Errorf("got %d requests, want none: %v", got, f.sim.Counts())
		}
	})
}

func TestAPreviewShowsWhatWouldBeSentAndNoSecret(t *testing.T) {
	dental := directory.Tenant{ID: dentalID, Name: "Fabrikam Dental", DefaultDomain: "fabrikamdental.example"}
	k := Call{Endpoint: "adduser", Tenant: dental, Body: map[string]any{"username": "ada", "password": "Correct-Horse-9", "jobtitel": "Dentist"}}
	p, err := k.Preview()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(p.Body), "map[jobtitel:Dentist password:[redacted] tenantFilter:fabrikamdental.example username:ada]"; got != want || p.Method != "POST" || p.Tenant != "fabrikamdental.example" {
		t.Errorf("got %s %s %s, want %s", p.Method, p.Tenant, got, want)
	}
	if !slices.Equal(p.Unread, []string{"jobtitel"}) {
		t.Errorf("got %v, want the name that nobody reads", p.Unread)
	}
	if k.Body["password"] != "Correct-Horse-9" {
		t.Error("the call was changed")
	}
	k = Call{Endpoint: "ListGroups", AllTenants: true}
	if p, err = k.Preview(); err != nil || p.Tenant != "AllTenants" || p.Body != nil || p.Query.Encode() != "tenantFilter=AllTenants" {
		t.Errorf("got %+v, %v", p, err)
	}
	k = Call{Endpoint: "RemoveUser", Tenant: dental}
	if _, err := k.Preview(); !errors.Is(err, endpoint.ErrDangerous) {
		t.Errorf("got %v, want %v", err, endpoint.ErrDangerous)
	}
}

func TestAClientThatDoesNotOperateCannotWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		for _, e := range endpoint.All() {
			if !e.Writes() {
				continue
			}
			for _, method := range e.Methods {
				_, err := f.client.rest.Do(t.Context(), rest.Request{Method: method, Path: e.Path()})
				if !errors.Is(err, rest.ErrForbidden) {
					t.Errorf("%s %s: got %v, want %v", method, e.Name, err, rest.ErrForbidden)
				}
			}
		}
		_, err := f.client.Call(t.Context(), Call{Endpoint: "RemoveUser", Tenant: f.tenant(t, dentalID), Body: map[string]any{"ID": "x"}})
		if !errors.Is(err, rest.ErrForbidden) {
			t.Errorf("got %v, want %v", err, rest.ErrForbidden)
		}
		if got := f.sim.Count(""); got != 0 {
			t.Errorf("got %d requests, want none", got)
		}
	})
}

func TestAWriteIsSentOnceWhateverBecomesOfIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   cippsim.Fault
		unknown bool
	}{
		{"the connection breaks", cippsim.Fault{Kind: cippsim.Dropped}, true},
		{"the answer breaks off", cippsim.Fault{Kind: cippsim.CutBody}, true},
		{"Azure gives up waiting", cippsim.Fault{Kind: cippsim.TimedOut}, true},
		{"a gateway is in the way", cippsim.Fault{Kind: cippsim.BadGateway}, true},
		{"CIPP says what went wrong", cippsim.Fault{Kind: cippsim.Broken}, false},
		{"Graph throttles", cippsim.Fault{Kind: cippsim.Throttled400}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
				f.sim.Fail(cippsim.Rule{Endpoint: "ExecResetPass", Fault: c.fault})
				_, err := f.client.Call(t.Context(), Call{Endpoint: "ExecResetPass", Tenant: f.tenant(t, dentalID), Body: map[string]any{"ID": "ada.berg@fabrikamdental.example", "MustChange": true}})
				if err == nil || errors.Is(err, rest.ErrOutcomeUnknown) != c.unknown {
					t.Errorf("got %v, want an error whose outcome is unknown: %t", err, c.unknown)
				}
				if c.unknown && !strings.Contains(err.Error(), "read back") {
					t.Errorf("got %q, want what to do about it", err)
				}
				if got := f.sim.Count("ExecResetPass"); got != 1 {
					t.Errorf("got %d requests, want 1", got)
				}
			})
		})
	}
	t.Run("the caller goes away", func(t *testing.T) {
		withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
			f.sim.Fail(cippsim.Rule{Endpoint: "ExecResetPass", Fault: cippsim.Fault{Delay: time.Minute}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := f.client.Call(ctx, Call{Endpoint: "ExecResetPass", Tenant: f.tenant(t, dentalID), Body: map[string]any{"ID": "ada.berg@fabrikamdental.example"}})
			if !errors.Is(err, rest.ErrOutcomeUnknown) {
				t.Errorf("got %v, want %v", err, rest.ErrOutcomeUnknown)
			}
		})
	})
	t.Run("a read in the clothes of a POST is repeated", func(t *testing.T) {
		withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
			f.sim.Fail(cippsim.Rule{Endpoint: "ExecLicenseSearch", Times: 1, Fault: cippsim.Fault{Kind: cippsim.BadGateway}})
			if _, err := f.client.Call(t.Context(), Call{Endpoint: "ExecLicenseSearch", Body: map[string]any{"skuIds": []any{premium}}}); err != nil {
				t.Error(err)
			}
			if got := f.sim.Count("ExecLicenseSearch"); got != 2 {
				t.Errorf("got %d requests, want 2", got)
			}
		})
	})
}

func TestAPasswordIsToldAndNotShown(t *testing.T) {
	withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
		dental := f.tenant(t, dentalID)
		reply, err := f.client.Call(t.Context(), Call{Endpoint: "ExecResetPass", Tenant: dental, Body: map[string]any{"ID": "ada.berg@fabrikamdental.example", "MustChange": true}})
		if err != nil {
			t.Fatal(err)
		}
		world := f.sim.World()
		password := world.Tenant(dentalID).User("ada.berg@fabrikamdental.example").Password
		if len(reply.Secrets) != 1 || reply.Secrets[0].Value.Reveal() != password || password == "" {
			t.Errorf("got %v, want the password", reply.Secrets)
		}
		if said := fmt.Sprint(reply.Said); strings.Contains(said, password) || !strings.Contains(said, "[redacted]") || !strings.Contains(said, "is set to") {
			t.Errorf("got %s, want the sentence without the password", said)
		}
		for _, raw := range reply.Rows {
			if shown := string(RedactRow(raw)); strings.Contains(shown, password) {
				t.Errorf("got %s, want it without the password", shown)
			}
		}

		// A password that we chose comes back in a refusal.
		f.sim.Fail(cippsim.Rule{Endpoint: "AddUser", Fault: cippsim.Fault{Kind: cippsim.Broken, Text: "Cannot bind argument Correct-Horse-9 to parameter"}})
		_, err = f.client.Call(t.Context(), Call{Endpoint: "AddUser", Tenant: dental, Body: map[string]any{"username": "new", "PrimDomain": map[string]any{"value": "fabrikamdental.example"}, "password": "Correct-Horse-9"}})
		if err == nil || strings.Contains(err.Error(), "Correct-Horse-9") || !strings.Contains(err.Error(), "Cannot bind argument [redacted]") {
			t.Errorf("got %v, want the error without the password", err)
		}
		if _, ok := errors.AsType[*TenantError](err); !ok {
			t.Errorf("got a %T, want a TenantError", err)
		}
	})
}

func TestWhatTheRoleLacksIsToldApartFromWhatTheTenantRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		role  string
		fault cippsim.Fault
		tf    cippsim.TenantFaults
		want  string
		whole bool // it concerns CIPP as a whole
	}{
		{"a built-in role", "readonly", cippsim.Fault{}, cippsim.TenantFaults{}, `give the role "readonly" of the API client the permission Identity.User.ReadWrite`, true},
		{"a custom role that CIPP does not name", "admin", cippsim.Fault{Kind: cippsim.Denied, Text: "Access to this CIPP API endpoint is not allowed, the user does not have the required permission"}, cippsim.TenantFaults{}, "the permission Identity.User.ReadWrite", true},
		{"an address that is not allowed", "admin", cippsim.Fault{Kind: cippsim.Denied, Text: cippsim.TextNoAddress}, cippsim.TenantFaults{}, "IP ranges", true},
		{"a tenant outside the role", "admin", cippsim.Fault{}, cippsim.TenantFaults{Denied: true}, "let the role of the API client see this tenant", false},
		{"Exchange refuses", "admin", cippsim.Fault{Kind: cippsim.Upstream403}, cippsim.TenantFaults{}, "check its GDAP relationship and roles", false},
		{"a feature that is off", "admin", cippsim.Fault{Kind: cippsim.Disabled}, cippsim.TenantFaults{}, "switched off in CIPP", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			withOperator(t, c.role, staff(), func(t *testing.T, f *fixture) {
				f.sim.SetTenantFaults(dentalID, c.tf)
				if c.fault.Kind != "" {
					f.sim.Fail(cippsim.Rule{Endpoint: "ExecRevokeSessions", Fault: c.fault})
				}
				_, err := f.client.Call(t.Context(), Call{Endpoint: "ExecRevokeSessions", Tenant: f.tenant(t, dentalID), Body: map[string]any{"id": "x"}})
				if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUnusable) != c.whole {
					t.Errorf("got %v, want %q; concerns CIPP as a whole: %t", err, c.want, c.whole)
				}
				if e, ok := errors.AsType[*TenantError](err); ok == c.whole && c.name != "a feature that is off" {
					t.Errorf("got a tenant's error: %v %v", ok, e)
				}
			})
		})
	}
}
