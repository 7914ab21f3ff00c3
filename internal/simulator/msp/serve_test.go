package msp

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// start serves an MSP until the test ends.
func started(t *testing.T, m *MSP) *Running {
	t.Helper()
	r, err := m.Start(t.Context())
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func get(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	// A connection of its own: one that is kept would outlive the server.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(body)
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// bearer signs in at CIPP.
func (r *Running) bearer(t *testing.T) string {
	t.Helper()
	o := r.msp.CIPP.Options()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {o.ClientID}, "client_secret": {o.ClientSecret}, "scope": {"api://" + o.ClientID + "/.default"}}
	req := request(t, "POST", r.TokenURL, form.Encode())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, body := get(t, req)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &token); status != 200 || err != nil {
		t.Fatalf("token: got %d %s, want 200 (%v)", status, body, err)
	}
	return token.AccessToken
}

// bulk reads the licences of a tenant.
func (r *Running) bulk(t *testing.T, domain string) (int, string) {
	t.Helper()
	body := `{"tenantFilter":"` + domain + `","requests":[{"id":"skus","method":"GET","url":"subscribedSkus"}]}`
	req := request(t, "POST", r.CIPPURL+"/api/ListGraphBulkRequest", body)
	req.Header.Set("Authorization", "Bearer "+r.bearer(t))
	req.Header.Set("Content-Type", "application/json")
	return get(t, req)
}

func (r *Running) connectWise(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req := request(t, method, r.ConnectWiseURL+"/v4_6_release/apis/3.0"+path, body)
	req.SetBasicAuth(company+"+"+publicKey, privateKey)
	req.Header.Set("clientId", clientID)
	req.Header.Set("Content-Type", "application/json")
	return get(t, req)
}

func (r *Running) itGlue(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req := request(t, method, r.ITGlueURL+path, body)
	req.Header.Set("x-api-key", ITGlueKey)
	req.Header.Set("Content-Type", "application/vnd.api+json")
	return get(t, req)
}

func TestTheSystemsAnswerOverTheNetwork(t *testing.T) {
	r := started(t, New(atNoon, WithDocumentation()))
	req := request(t, "GET", r.CIPPURL+"/api/ListTenants", "")
	req.Header.Set("Authorization", "Bearer "+r.bearer(t))
	status, body := get(t, req)
	var tenants []map[string]any
	if err := json.Unmarshal([]byte(body), &tenants); status != 200 || err != nil || len(tenants) != 26 { // one of 27 is excluded
		t.Errorf("ListTenants: got %d with %d tenants (%v), want 200 with 26", status, len(tenants), err)
	}
	for _, path := range []string{"/company/companies", "/company/contacts", "/finance/agreements", "/finance/agreements/501/additions", "/finance/agreements/types",
		"/finance/billingCycles", "/procurement/catalog", "/system/info"} {
		if status, body := r.connectWise(t, "GET", path, ""); status != 200 {
			t.Errorf("%s: got %d %s, want 200", path, status, body)
		}
	}
	for _, path := range []string{"/organizations?include=adapters_resources", "/contacts", "/domains", "/flexible_asset_types"} {
		if status, body := r.itGlue(t, "GET", path, ""); status != 200 {
			t.Errorf("%s: got %d %s, want 200", path, status, body)
		}
	}
}

func TestDocumentationIsThereForThoseWhoAskForIt(t *testing.T) {
	without, with := started(t, New(atNoon)), started(t, New(atNoon, WithDocumentation()))
	section := `itglue:
  url: "` + with.ITGlueURL + `"
  api_key: "` + ITGlueKey + `"`
	for _, x := range []struct {
		name, got, want string
		holds           bool
	}{
		{"a configuration with", with.Config("state.db"), section, true},
		{"a configuration with", with.Config("state.db"), "targets: [itglue]", true},
		{"a configuration without", without.Config("state.db"), "itglue", false},
		{"links with", with.msp.LinksCSV(), "connectwise_agreement,itglue_organization,status", true},
		{"links without", without.msp.LinksCSV(), "itglue", false},
	} {
		if strings.Contains(x.got, x.want) != x.holds {
			t.Errorf("%s: got\n%s\nwant it to hold %q: %t", x.name, x.got, x.want, x.holds)
		}
	}
	if without.ITGlueURL != "" || without.msp.ITGlue != nil {
		t.Error("there is an IT Glue that nobody asked for")
	}
}

func TestAClosedMSPDoesNotAnswer(t *testing.T) {
	for name, end := range map[string]func(*Running, context.CancelFunc){
		"closed":                func(r *Running, _ context.CancelFunc) { _ = r.Close() },
		"closed twice":          func(r *Running, _ context.CancelFunc) { _, _ = r.Close(), r.Close() },
		"the context has ended": func(_ *Running, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := New(atNoon).Start(ctx)
			if err != nil {
				t.Fatal(err)
			}
			end(r, cancel)
			r.serving.Wait()
			if status, body := r.connectWise(t, "GET", "/system/info", ""); status != 0 {
				t.Errorf("got %d %s, want no connection", status, body)
			}
		})
	}
}

func TestTheConfigurationNamesTheseServers(t *testing.T) {
	r := started(t, New(atNoon))
	got := r.Config(`/var/lib/a "quoted" place/syncd.db`)
	for _, want := range []string{
		`path: "/var/lib/a \"quoted\" place/syncd.db"`, `url: "` + r.CIPPURL + `"`, `token_url: "` + r.TokenURL + `"`, `url: "` + r.ConnectWiseURL + `"`,
		`tenant_id: "` + partnerID + `"`, `company: "harbour"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant it to hold %s", got, want)
		}
	}
}
