package cippsim_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

func TestTheTokenEndpointRefusesWhatEntraRefuses(t *testing.T) {
	for _, tc := range []struct{ name, field, value, want string }{
		{"a wrong secret", "client_secret", "wrong", "AADSTS7000215"},
		{"an unknown client", "client_id", "nobody", "AADSTS700016"},
		{"another app's scope", "scope", "api://other/.default", "AADSTS500011"},
		{"a scope that is none", "scope", "openid", "AADSTS70011"},
		{"another grant", "grant_type", "password", "AADSTS70003"},
		{"a missing grant", "grant_type", "", "AADSTS900144"},
	} {
		k := open(t, cippsim.Options{})
		form := k.form()
		form.Set(tc.field, tc.value)
		status, body := k.post(form)
		if text, _ := body["error_description"].(string); status < 400 || !strings.HasPrefix(text, tc.want) {
			t.Errorf("%s: got %d %v, want %s", tc.name, status, body, tc.want)
		}
	}
}

func TestTheTokenEndpointFailsOnRequest(t *testing.T) {
	for failure, want := range map[cippsim.TokenFailure]int{
		cippsim.InvalidSecret: 401, cippsim.ExpiredSecret: 401, cippsim.NoIdentifierURI: 400,
		cippsim.TokenThrottled: 429, cippsim.TokenUnavailable: 503, cippsim.TokenHTML: 200, cippsim.TokenWithoutToken: 200,
	} {
		k := open(t, cippsim.Options{})
		k.s.SetFaults(cippsim.Faults{Token: cippsim.TokenFaults{Failure: failure, Times: 1}})
		if status, body := k.post(k.form()); status != want || body["access_token"] != nil {
			t.Errorf("%s: got %d %v, want %d without a token", failure, status, body, want)
		}
		k.login() // once only
		if got := k.s.TokensIssued(); got != 2 {
			t.Errorf("%s: got %d tokens issued, want 2", failure, got)
		}
	}
}

func TestTokensHaveTheLifeAndAudienceTheyAreGiven(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.SetFaults(cippsim.Faults{Token: cippsim.TokenFaults{TextExpiry: true, Life: time.Minute}})
	_, body := k.post(k.form())
	if body["expires_in"] != "60" {
		t.Errorf("expires_in: got %#v, want the text 60", body["expires_in"])
	}
	k.token = body["access_token"].(string)
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(k.token, ".")[1])
	if err != nil || !strings.Contains(string(claims), `"aud":"api://`) {
		t.Errorf("claims: got %s (%v), want the audience api://…", claims, err)
	}
	status, got := k.get("PublicPing")
	expect(t, "a fresh token", status, got, 200, "Pong")
	k.clock.pass(time.Minute)
	status, got = k.get("PublicPing")
	expect(t, "an expired token", status, got, 401)

	k.s.Heal()
	k.login()
	k.s.RevokeTokens()
	status, got = k.get("ListTenants")
	expect(t, "a revoked token", status, got, 401)

	k.s.SetFaults(cippsim.Faults{Token: cippsim.TokenFaults{BareAudience: true}})
	k.login()
	status, got = k.get("ListTenants")
	expect(t, "a token for the bare app id", status, got, 401)

	k.token = ""
	status, got = k.get("ListTenants")
	expect(t, "no token", status, got, 401)
	if got != "" {
		t.Errorf("no token: got the body %q, want none", got)
	}
}

func TestRolesAddressesAndTenantsAreRefusedInCIPPsWords(t *testing.T) {
	const fence = "Access to this CIPP API endpoint is not allowed, "
	for _, tc := range []struct {
		name   string
		change func(*cippsim.World)
		call   []string
		status int
		want   string
	}{
		{"a built-in role that lacks the permission", func(*cippsim.World) {}, []string{"ExecCIPPDBCache", "Name", "Users", "tenantFilter", "alpha.example"}, 403,
			fence + "the 'readonly' base role does not have the required permission: CIPP.Core.ReadWrite"},
		{"a built-in role that has it", func(w *cippsim.World) { w.Clients[0].Role = "editor" }, []string{"ExecCIPPDBCache", "Name", "Users", "tenantFilter", "alpha.example"}, 200,
			"Successfully started cache operation for Users on tenant alpha.example"},
		{"a custom role that lacks the permission", func(w *cippsim.World) {
			w.Clients[0].Role = "custom"
			w.Roles = []*cippsim.Role{{Name: "custom", Permissions: []string{"CIPP.Core.Read"}}}
		}, []string{"ListLicenses", "tenantFilter", "alpha.example"}, 403, fence + "you do not have the required permission: Tenant.Directory.Read"},
		{"ReadWrite implies Read", func(w *cippsim.World) {
			w.Clients[0].Role = "custom"
			w.Roles = []*cippsim.Role{{Name: "custom", Permissions: []string{"Tenant.Directory.ReadWrite"}}}
		}, []string{"ListLicenses", "tenantFilter", "alpha.example"}, 200, "Business Premium"},
		{"a blocked endpoint", func(w *cippsim.World) {
			w.Clients[0].Role = "custom"
			w.Roles = []*cippsim.Role{{Name: "custom", Permissions: []string{"CIPP.Core.Read"}, BlockedEndpoints: []string{"ListTenants"}}}
		}, []string{"ListTenants"}, 403, fence + "the custom role 'custom' has blocked this endpoint: ListTenants"},
		{"a role that is gone", func(w *cippsim.World) { w.Clients[0].Role = "gone" }, []string{"ListTenants"}, 403, fence + "the user does not have the required permission"},
		{"no role at all", func(w *cippsim.World) { w.Clients[0].Role = "" }, []string{"ListTenants"}, 403, fence + "the user does not"},
		{"a client that CIPP does not know", func(w *cippsim.World) { w.Clients = nil }, []string{"ListTenants"}, 403, cippsim.TextNoRole},
		{"a disabled client", func(w *cippsim.World) { w.Clients[0].Disabled = true }, []string{"PublicPing"}, 403, "You do not have permission"},
		{"an address that is not on the list", func(w *cippsim.World) { w.Clients[0].IPRange = []string{"10.0.0.0/8"} }, []string{"ListTenants"}, 403, cippsim.TextNoAddress},
		{"an address that is", func(w *cippsim.World) { w.Clients[0].IPRange = []string{"127.0.0.0/8"} }, []string{"ListTenants"}, 200, alpha},
		{"PublicPing whatever the role", func(w *cippsim.World) { w.Clients[0].Role = "" }, []string{"PublicPing"}, 200, "Pong"},
		{"a tenant outside the role", restricted, []string{"ListLicenses", "tenantFilter", "beta.example"}, 403, "Access to this tenant is not allowed"},
		{"the partner's tenant, because none was named", restricted, []string{"ListLicenses"}, 403, "Access to this tenant is not allowed"},
		{"a tenant outside the role in the cache", restricted, []string{"ListDBCache", "tenantFilter", "beta.example", "type", "Users"}, 400, `{"Results":"Access to this tenant is not allowed"}`},
	} {
		k := open(t, cippsim.Options{})
		k.s.Update(tc.change)
		status, body := k.get(tc.call[0], tc.call[1:]...)
		expect(t, tc.name, status, body, tc.status, tc.want)
	}
	k := open(t, cippsim.Options{})
	k.s.Update(restricted)
	status, body := k.get("ListTenants")
	expect(t, "the list of a restricted role", status, body, 200, alpha)
	if strings.Contains(body, beta) {
		t.Errorf("the list of a restricted role: got %s, want alpha alone", body)
	}
}

func readAll(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

func restricted(w *cippsim.World) {
	w.Clients[0].Role = "one tenant"
	w.Roles = []*cippsim.Role{{Name: "one tenant", Permissions: []string{"CIPP.Core.Read", "Tenant.Directory.Read"}, AllowedTenants: []string{alpha}}}
}

func TestWrongAddressesAndClosedInstances(t *testing.T) {
	for _, tc := range []struct {
		name   string
		faults cippsim.Faults
		status int
		want   string
	}{
		{"the portal signs in", cippsim.Faults{Address: cippsim.PortalSignIn}, 302, "<html>"},
		{"the portal shows a page", cippsim.Faults{Address: cippsim.PortalPage}, 403, "<html>"},
		{"an offloaded host", cippsim.Faults{Address: cippsim.OffloadedHost}, 403, "API calls are not accepted on this function app"},
		{"a subscription that ended", cippsim.Faults{SubscriptionEnded: true}, 403, "Your CIPP subscription has ended"},
		{"an endpoint that is missing", cippsim.Faults{MissingEndpoints: []string{"ListTenants"}}, 404, "Endpoint not found"},
	} {
		k := open(t, cippsim.Options{})
		k.s.SetFaults(tc.faults)
		status, body := k.get("ListTenants")
		expect(t, tc.name, status, body, tc.status, tc.want)
	}
	k := open(t, cippsim.Options{})
	status, body := k.get("ListNothing")
	expect(t, "an unknown endpoint", status, body, 404, "Endpoint not found")
	status, body = k.get("LISTTENANTS", "TENANTFILTER", "beta.example")
	expect(t, "names in another case", status, body, 200, beta)
	if strings.Contains(body, alpha) {
		t.Errorf("names in another case: got %s, want beta alone", body)
	}
}

func TestRulesHappenToTheRequestsTheyName(t *testing.T) {
	for kind, want := range map[cippsim.FaultKind]int{
		cippsim.Unauthorized: 401, cippsim.Denied: 403, cippsim.Upstream403: 403, cippsim.GraphRefused: 400, cippsim.Throttled: 429,
		cippsim.Throttled400: 400, cippsim.Throttled500: 500, cippsim.Broken: 500, cippsim.BadGateway: 502, cippsim.Unavailable: 503,
		cippsim.Disabled: 503, cippsim.TimedOut: 504, cippsim.SignIn: 302, cippsim.NoSuchCommand: 404,
	} {
		k := open(t, cippsim.Options{})
		k.s.Fail(cippsim.Rule{Endpoint: "ListTenants", Skip: 1, Times: 1, Fault: cippsim.Fault{Kind: kind, RetryAfter: 7}})
		for i, status := range []int{200, want, 200} {
			res, body, err := k.try("GET", "ListTenants", "")
			if err != nil || res.StatusCode != status {
				t.Errorf("%s, call %d: got %v %v (%s), want %d", kind, i, res, err, body, status)
			} else if got := res.Header.Get("Retry-After"); (got == "7") != (i == 1) {
				t.Errorf("%s, call %d: got Retry-After %q", kind, i, got)
			}
		}
	}
	k := open(t, cippsim.Options{})
	k.s.Fail(cippsim.Rule{Fault: cippsim.Fault{Kind: cippsim.Throttled, RetryAfter: 60, RetryDate: true}})
	res, _, err := k.try("GET", "ListTenants", "")
	if err != nil {
		t.Fatal(err)
	}
	if at, err := http.ParseTime(res.Header.Get("Retry-After")); err != nil || time.Until(at) < 55*time.Second || time.Until(at) > time.Minute {
		t.Errorf("Retry-After as a date: got %v, %v", res.Header, err)
	}
}

func TestConnectionsBreakOverAnyTransport(t *testing.T) {
	for _, kind := range []cippsim.FaultKind{cippsim.Dropped, cippsim.CutBody} {
		k := open(t, cippsim.Options{})
		server := httptest.NewServer(k.s)
		defer server.Close()
		for name, url := range map[string]string{"in memory": "https://cipp.test", "over TCP": server.URL} {
			k.s.Heal()
			k.s.Fail(cippsim.Rule{Endpoint: "ListTenants", Times: 1, Fault: cippsim.Fault{Kind: kind}})
			r, _ := http.NewRequest("GET", url+"/api/ListTenants", nil)
			r.Header.Set("Authorization", "Bearer "+k.token)
			h := k.http
			if name == "over TCP" {
				// A fresh connection, or the transport would repeat the GET by itself.
				h = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			}
			res, err := h.Do(r)
			if kind == cippsim.CutBody && err == nil {
				_, err = readAll(res)
			}
			if err == nil {
				t.Errorf("%s %s: got no error", kind, name)
			}
		}
	}
}

func TestLatencyColdStartsAndRatesAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := cippsim.New(testWorld(), cippsim.Options{})
		k := &caller{t: t, s: s, http: &http.Client{Transport: s.Transport()}}
		k.login()
		s.SetFaults(cippsim.Faults{Latency: time.Second, ColdStart: 20 * time.Second})
		began := time.Now()
		status, body := k.get("PublicPing")
		expect(t, "the first call", status, body, 200, `"ColdStart":true`)
		status, body = k.get("ListGraphRequest", "Endpoint", "domains", "tenantFilter", "alpha.example")
		expect(t, "the second call", status, body, 200)
		if got, want := time.Since(began), 22*time.Second; got != want {
			t.Errorf("two calls took %v, want %v", got, want)
		}
		s.ResetLog()
		for range 4 {
			k.get("PublicPing")
		}
		if got := s.MaxRate(3 * time.Second); got != 3 {
			t.Errorf("MaxRate(3s): got %d, want 3", got)
		}
		if s.Count("publicping") != 4 || s.Count("") != 4 {
			t.Errorf("counts: got %v", s.Counts())
		}
	})
}

func TestTheLogNamesEndpointTenantAndStatus(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.get("listlicenses", "tenantfilter", "beta.example")
	k.bulk("alpha.example")
	got := k.s.Requests()
	if len(got) != 3 || got[0].Route != cippsim.TokenEndpoint {
		t.Fatalf("log: got %+v", got)
	}
	for i, want := range []cippsim.Request{
		{Method: "GET", Route: "ListLicenses", Account: "beta.example", Status: 200},
		{Method: "POST", Route: "ListGraphBulkRequest", Account: "alpha.example", Status: 200},
	} {
		g := got[i+1]
		g.At, g.Path, g.Query, g.Body = time.Time{}, "", "", ""
		if g != want {
			t.Errorf("log: got %+v, want %+v", g, want)
		}
	}
	if c := k.s.Complaints(); len(c) != 0 {
		t.Errorf("complaints: got %q, want none", c)
	}
	k.get("ListUsers")
	if c := k.s.Complaints(); len(c) != 1 || !strings.Contains(c[0], "no tenantFilter") {
		t.Errorf("complaints: got %q", c)
	}
}
