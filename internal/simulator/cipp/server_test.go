package cippsim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

const (
	alpha = "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	beta  = "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	spb   = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	exo   = "4b9405b0-7788-4568-add1-99614e613b69"
	msp   = "99999999-cccc-4ccc-8ccc-cccccccccccc"
)

// A clock stands still unless it is told.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }
func newClock() *clock                { return &clock{time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)} }

func testWorld() cippsim.World {
	bought := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	yes := true
	return cippsim.World{
		PartnerTenant: &cippsim.Tenant{CustomerID: msp, DisplayName: "Northwind Managed Services", DefaultDomain: "northwind-msp.example", InitialDomain: "northwindmsp.onmicrosoft.com"},
		Tenants: []*cippsim.Tenant{
			{
				CustomerID: alpha, DisplayName: "Alpha Dental", MicrosoftName: "Alpha Dental GmbH",
				DefaultDomain: "alpha.example", InitialDomain: "alpha.onmicrosoft.com",
				SKUs: []cippsim.SKU{
					{SkuID: spb, PartNumber: "SPB", Name: "Microsoft 365 Business Premium", Enabled: 25, Consumed: 2, Subscriptions: []cippsim.Subscription{cippsim.Yearly(25, bought)}},
					{SkuID: exo, PartNumber: "EXCHANGESTANDARD", Name: "Exchange Online (Plan 1)", Enabled: 3, Warning: 2, Consumed: 4, Subscriptions: []cippsim.Subscription{cippsim.Monthly(3, bought), {Status: "Warning", Total: 2, Created: bought}}},
				},
				Users: []*cippsim.User{
					{UPN: "ada.berg@alpha.example", DisplayName: "Ada Berg", Mail: "ada.berg@alpha.example", JobTitle: "2024-05-01", Licences: []string{spb}, MFARegistered: &yes, ProxyAddresses: []string{"SMTP:ada.berg@alpha.example", "smtp:ada@alpha.example"}},
					{UPN: "max.kern@alpha.example", DisplayName: "Max Kern", Licences: []string{spb, exo}},
					{UPN: "guest_other.example#EXT#@alpha.onmicrosoft.com", DisplayName: "Guest", Guest: true, Disabled: true},
				},
				Groups:    []*cippsim.Group{{DisplayName: "Reception", Kind: cippsim.Microsoft365, Mail: "reception@alpha.example", Members: []string{}}},
				Mailboxes: []*cippsim.Mailbox{{UPN: "ada.berg@alpha.example", Aliases: []string{"ada@alpha.example"}}},
			},
			{CustomerID: beta, DisplayName: "Beta Bakery", DefaultDomain: "beta.example", InitialDomain: "beta.onmicrosoft.com",
				SKUs: []cippsim.SKU{{SkuID: spb, PartNumber: "SPB", Name: "Microsoft 365 Business Premium", Enabled: 5, Consumed: 5, Subscriptions: []cippsim.Subscription{cippsim.Yearly(5, bought)}}}},
		},
	}
}

// A caller is a plain client of the server: what it gets is what was sent.
type caller struct {
	t     testing.TB
	s     *cippsim.Server
	clock *clock
	http  *http.Client
	token string
}

func open(t *testing.T, opts cippsim.Options) *caller {
	t.Helper()
	c := newClock()
	opts.Now = c.now
	s := cippsim.New(testWorld(), opts)
	h := &http.Client{Transport: s.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	k := &caller{t: t, s: s, clock: c, http: h}
	k.login()
	return k
}

func (k *caller) form() url.Values {
	o := k.s.Options()
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {o.ClientID}, "client_secret": {o.ClientSecret}, "scope": {"api://" + o.ClientID + "/.default"}}
}

func (k *caller) post(form url.Values) (int, map[string]any) {
	k.t.Helper()
	res, err := k.http.PostForm("https://login.test"+k.s.TokenPath(), form)
	if err != nil {
		k.t.Fatalf("token: %v", err)
	}
	defer res.Body.Close()
	var body map[string]any
	_ = json.NewDecoder(res.Body).Decode(&body)
	return res.StatusCode, body
}

func (k *caller) login() {
	k.t.Helper()
	status, body := k.post(k.form())
	if status != 200 {
		k.t.Fatalf("token: got %d %v, want 200", status, body)
	}
	k.token = body["access_token"].(string)
}

// try makes a call; pairs are query names and values.
func (k *caller) try(method, endpoint, body string, pairs ...string) (*http.Response, string, error) {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	sep := "?"
	if strings.Contains(endpoint, "?") {
		sep = "&"
	}
	r, err := http.NewRequest(method, "https://cipp.test/api/"+endpoint+sep+q.Encode(), strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	if k.token != "" {
		r.Header.Set("Authorization", "Bearer "+k.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := k.http.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res, string(raw), err
}

func (k *caller) get(endpoint string, pairs ...string) (int, string) {
	k.t.Helper()
	res, body, err := k.try("GET", endpoint, "", pairs...)
	if err != nil {
		k.t.Fatalf("%s: %v", endpoint, err)
	}
	return res.StatusCode, body
}

func (k *caller) bulk(tenant string) (int, string) {
	k.t.Helper()
	return k.send("ListGraphBulkRequest", `{"tenantFilter":"`+tenant+`","asApp":true,"requests":[
		{"id":"org","method":"GET","url":"organization?$select=id,displayName,verifiedDomains"},
		{"id":"skus","method":"GET","url":"subscribedSkus"},
		{"id":"subs","method":"GET","url":"directory/subscriptions"}]}`)
}

func (k *caller) send(endpoint, body string) (int, string) {
	k.t.Helper()
	res, got, err := k.try("POST", endpoint, body)
	if err != nil {
		k.t.Fatalf("%s: %v", endpoint, err)
	}
	return res.StatusCode, got
}

// decode reads JSON or fails.
func decode[T any](t testing.TB, raw string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatalf("decoding %.200q: %v", raw, err)
	}
	return v
}

type rows = []map[string]any

type envelope struct {
	Results  rows
	Metadata map[string]any
}

func expect(t *testing.T, name string, status int, body string, wantStatus int, want ...string) {
	t.Helper()
	if status != wantStatus {
		t.Errorf("%s: got status %d (%.200s), want %d", name, status, body, wantStatus)
	}
	for _, w := range want {
		if !strings.Contains(body, w) {
			t.Errorf("%s: got %.600s, want it to hold %s", name, body, w)
		}
	}
}

// plainPost is a call whose body is not declared as JSON.
func plainPost(k *caller, endpoint, body string) *http.Request {
	r, err := http.NewRequest("POST", "https://cipp.test/api/"+endpoint, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+k.token)
	r.Header.Set("Content-Type", "text/plain")
	return r
}
