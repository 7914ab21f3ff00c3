package cipp

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/secret"
	cippsim "syncd/internal/simulator/cipp"
)

const (
	clientSecret = "s3cret-Value~for.tests"
	partnerID    = "0f3c7a10-5d52-4f0e-8a11-6b1d2f9e4c01"
	dentalID     = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	bakeryID     = "a4c2e5d1-7f60-4b8a-9c3d-2e1f0a9b8c22"
	shipyardID   = "c9b8a7d6-1e2f-4c3b-8d4e-5f6a7b8c9d33"

	premium = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	e3      = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	flow    = "f30db892-07e9-47e9-837c-80727f46fd3d"
)

var bought = time.Date(2025, 12, 11, 0, 0, 0, 0, time.UTC)

// estate is a small MSP with three customers.
func estate() cippsim.World {
	return cippsim.World{
		PartnerTenant: &cippsim.Tenant{
			CustomerID: partnerID, DisplayName: "Harbour IT", DefaultDomain: "harbour-it.example", InitialDomain: "harbourit.onmicrosoft.com",
			SKUs: []cippsim.SKU{{SkuID: e3, PartNumber: "SPE_E3", Name: "Microsoft 365 E3", Enabled: 999, Consumed: 9,
				Subscriptions: []cippsim.Subscription{cippsim.Yearly(999, bought)}}},
		},
		Tenants: []*cippsim.Tenant{
			{
				CustomerID: dentalID, DisplayName: "Fabrikam Dental", DefaultDomain: "fabrikamdental.example", InitialDomain: "fabrikamdental.onmicrosoft.com",
				SKUs: []cippsim.SKU{
					{SkuID: premium, PartNumber: "SPB", Name: "Microsoft 365 Business Premium", Enabled: 25, Consumed: 23,
						Subscriptions: []cippsim.Subscription{cippsim.Yearly(20, bought), cippsim.Monthly(5, bought)}},
					{SkuID: e3, PartNumber: "SPE_E3", Name: "Microsoft 365 E3", Enabled: 10, Warning: 3, Suspended: 2, LockedOut: 1, Consumed: 12,
						Subscriptions: []cippsim.Subscription{
							cippsim.Yearly(6, bought),
							{Total: 4, Trial: true, Created: bought, Next: bought.AddDate(0, 1, 0)},
							{Total: 3, Status: "Warning", Created: bought},
							{Total: 2, Status: "Suspended", Created: bought},
						}},
				},
			},
			{
				CustomerID: bakeryID, DisplayName: "Northwind Bakery", DefaultDomain: "northwind.example", InitialDomain: "northwindbakery.onmicrosoft.com",
				SKUs: []cippsim.SKU{{SkuID: premium, PartNumber: "SPB", Name: "Microsoft 365 Business Premium", Enabled: 7, Consumed: 7,
					Subscriptions: []cippsim.Subscription{cippsim.Monthly(7, bought)}}},
			},
			{
				CustomerID: shipyardID, DisplayName: "Ålesund Shipyard", DefaultDomain: "shipyard.example", InitialDomain: "shipyard.onmicrosoft.com",
				SKUs: []cippsim.SKU{
					{SkuID: premium, PartNumber: "SPB", Name: "Microsoft 365 Business Premium", Enabled: 40, Consumed: 38,
						Subscriptions: []cippsim.Subscription{cippsim.Yearly(40, bought)}},
					{SkuID: flow, PartNumber: "FLOW_FREE", Name: "Microsoft Power Automate Free", Enabled: 10000, Consumed: 4},
				},
			},
		},
	}
}

// A fixture is a client in front of a simulated CIPP, and what it logged.
type fixture struct {
	sim    *cippsim.Server
	client *Client
	log    *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newFixture(t testing.TB, world cippsim.World) *fixture {
	t.Helper()
	f := &fixture{sim: cippsim.New(world, cippsim.Options{ClientSecret: clientSecret}), log: &logBuffer{}}
	conf := Defaults()
	conf.URL, conf.TenantID = "https://cipp-api.example.net/api/", partnerID
	conf.ClientID, conf.ClientSecret = f.sim.Options().ClientID, secret.New(clientSecret)
	conf.Rate.PerSecond, conf.Rate.Burst = 100, 100
	c, err := New(conf, Options{Log: zerolog.New(f.log), Transport: f.sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	f.client = c
	return f
}

// inBubble runs f in front of the estate; time costs nothing there. Whatever
// happens, no secret and no token may be in the log.
func inBubble(t *testing.T, run func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, estate())
		run(t, f)
		logs := f.log.String()
		for _, word := range []string{clientSecret, "eyJ", "Bearer "} {
			if strings.Contains(logs, word) {
				t.Errorf("the log holds %q:\n%s", word, logs)
			}
		}
		if complaints := f.sim.Complaints(); len(complaints) > 0 {
			t.Errorf("CIPP was used carelessly: %q", complaints)
		}
	})
}

func (f *fixture) tenant(t *testing.T, id directory.TenantID) directory.Tenant {
	t.Helper()
	world := f.sim.World()
	one := world.Tenant(string(id))
	return directory.Tenant{ID: id, Name: one.DisplayName, DefaultDomain: one.DefaultDomain, InitialDomain: one.InitialDomain}
}

// read returns the licences of a tenant, or why they are unknown. An error for
// the whole run fails the test.
func (f *fixture) read(t *testing.T, id directory.TenantID) ([]directory.Licence, directory.Proof, error) {
	t.Helper()
	s, err := f.client.Snapshot(t.Context(), f.tenant(t, id), directory.Licences)
	if err != nil {
		t.Fatalf("snapshot of %s ended the run: %v", id, err)
	}
	items, err := s.Licences.Items()
	return items, s.Licences.Proof(), err
}

func TestOneCallForTheTenantsAndOneForEach(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		list, err := f.client.Tenants(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tenants, err := list.Items()
		if err != nil {
			t.Fatal(err)
		}
		for _, tenant := range tenants {
			if _, _, err := f.read(t, tenant.ID); err != nil {
				t.Errorf("%s: %v", tenant.Name, err)
			}
		}
		if got, want := f.sim.Count(""), 1+len(tenants); got != want || len(tenants) != 3 {
			t.Errorf("got %d calls for %d tenants, want %d; %v", got, len(tenants), want, f.sim.Counts())
		}
		if got := f.sim.TokensIssued(); got != 1 {
			t.Errorf("got %d tokens, want 1", got)
		}
	})
}

func TestManyGoroutinesShareOneToken(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.sim.Fail(cippsim.Rule{Endpoint: cippsim.TokenEndpoint, Fault: cippsim.Fault{Delay: time.Second}})
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if _, err := f.client.Snapshot(t.Context(), f.tenant(t, dentalID), directory.Licences); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := f.sim.TokensIssued(); got != 1 {
			t.Errorf("got %d tokens for 50 calls, want 1", got)
		}

		// Everybody's token is refused at once: the first to notice drops it, and
		// nobody drops its successor.
		f.sim.RevokeTokens()
		for range 50 {
			group.Go(func() {
				if _, err := f.client.Snapshot(t.Context(), f.tenant(t, dentalID), directory.Licences); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := f.sim.TokensIssued(); got != 2 {
			t.Errorf("got %d tokens after a revocation, want 2", got)
		}
	})
}

func TestASecretThatWasChangedIsTakenForTheNextToken(t *testing.T) {
	for _, c := range []struct {
		name     string
		secret   string // that lies in the file now
		accepted string
		log      string
		ok       bool
	}{
		{"another one", "the-new-secret", "the-new-secret", "", true},
		{"one that Entra does not know yet", "the-new-secret", clientSecret, "new cipp secret refused, the former one is tried", true},
		{"one that is wrong, and the former is over", "the-new-secret", "the-third-secret", "", false},
		{"nothing", "", clientSecret, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				lies := clientSecret
				f.client.tokens.secret = secret.Keep(secret.Place{Name: "file", Read: func(context.Context) (string, time.Time, error) { return lies, time.Time{}, nil }})
				if _, _, err := f.read(t, dentalID); err != nil {
					t.Fatal(err)
				}
				lies = c.secret
				f.sim.Update(func(w *cippsim.World) { w.Clients[0].Secret = c.accepted })
				f.client.tokens.drop(f.client.tokens.token)
				if _, err := f.client.tokens.get(t.Context()); (err == nil) != c.ok {
					t.Errorf("got %v, want success %v", err, c.ok)
				}
				if !strings.Contains(f.log.String(), c.log) {
					t.Errorf("the log lacks %q:\n%s", c.log, f.log)
				}
				if lies = c.accepted; !c.ok { // corrected, and not left alone for a minute first
					if _, _, err := f.read(t, dentalID); err != nil {
						t.Errorf("after the correction: %v", err)
					}
				}
			})
		})
	}
}

func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault cippsim.TokenFaults
		gaps  []time.Duration // between reads
		want  int             // tokens
	}{
		{"an hour's token is renewed five minutes early", cippsim.TokenFaults{}, []time.Duration{54 * time.Minute, 2 * time.Minute}, 2},
		{"a life given as text counts too", cippsim.TokenFaults{TextExpiry: true}, []time.Duration{54 * time.Minute, 2 * time.Minute}, 2},
		{"a token that lives a minute is used for half of it", cippsim.TokenFaults{Life: time.Minute}, []time.Duration{20 * time.Second, 20 * time.Second}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.sim.SetFaults(cippsim.Faults{Token: c.fault})
				for _, gap := range append([]time.Duration{0}, c.gaps...) {
					time.Sleep(gap)
					if _, _, err := f.read(t, dentalID); err != nil {
						t.Fatal(err)
					}
				}
				if got := f.sim.TokensIssued(); got != c.want {
					t.Errorf("got %d tokens, want %d", got, c.want)
				}
				for _, r := range f.sim.Requests() {
					if r.Status == http.StatusUnauthorized {
						t.Errorf("a token was used to its end: %+v", r)
					}
				}
			})
		})
	}
}

func TestTroubleOfTheWholeEndsTheRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults cippsim.Faults
		rules  []cippsim.Rule
		client *cippsim.Client // in place of the practice one
		want   []string        // in the error
		tokens int             // most token requests that may be made for two calls
	}{
		{name: "a wrong secret", faults: cippsim.Faults{Token: cippsim.TokenFaults{Failure: cippsim.InvalidSecret}},
			want: []string{"AADSTS7000215", "cipp.client_secret is wrong"}, tokens: 1},
		{name: "an expired secret", faults: cippsim.Faults{Token: cippsim.TokenFaults{Failure: cippsim.ExpiredSecret}},
			want: []string{"AADSTS7000222", "has expired"}, tokens: 1},
		{name: "no application id URI", faults: cippsim.Faults{Token: cippsim.TokenFaults{Failure: cippsim.NoIdentifierURI}},
			want: []string{"AADSTS500011", "Repair URI"}, tokens: 1},
		{name: "a token endpoint that is none", faults: cippsim.Faults{Token: cippsim.TokenFaults{Failure: cippsim.TokenHTML}},
			want: []string{"cipp.token_url"}, tokens: 1},
		{name: "a token endpoint that gives none", faults: cippsim.Faults{Token: cippsim.TokenFaults{Failure: cippsim.TokenWithoutToken}},
			want: []string{"cipp.token_url"}, tokens: 1},
		{name: "a token endpoint that is down", faults: cippsim.Faults{Token: cippsim.TokenFaults{Failure: cippsim.TokenUnavailable}},
			want: []string{"503", "the next run tries again"}, tokens: 2 * tokenAttempts},
		{name: "a token endpoint that hangs up", faults: cippsim.Faults{Token: cippsim.TokenFaults{Failure: cippsim.TokenDropped}},
			want: []string{"reaches the token endpoint"}, tokens: 2 * tokenAttempts},
		{name: "a token for another audience", faults: cippsim.Faults{Token: cippsim.TokenFaults{BareAudience: true}},
			want: []string{"401", "Save Azure Configuration"}, tokens: 4},
		{name: "a disabled client", client: &cippsim.Client{Disabled: true, Role: "readonly"},
			want: []string{"403", "Save Azure Configuration"}},
		{name: "a disabled client, answered 401", faults: cippsim.Faults{DisabledStatus: 401}, client: &cippsim.Client{Disabled: true, Role: "readonly"},
			want: []string{"401", "Save Azure Configuration"}, tokens: 4},
		{name: "a client without a role", client: &cippsim.Client{}, want: []string{"403", "CIPP.Core.Read"}},
		{name: "an address that is not allowed", client: &cippsim.Client{Role: "readonly", IPRange: []string{"192.0.2.0/24"}},
			want: []string{"403", "IP ranges"}},
		{name: "a role that lacks the permission", client: &cippsim.Client{Role: "narrow"},
			want: []string{"403", "permission CIPP.Core.Read"}},
		{name: "the portal's address", faults: cippsim.Faults{Address: cippsim.PortalSignIn}, want: []string{"cipp.url is not CIPP's API"}},
		{name: "the portal's page", faults: cippsim.Faults{Address: cippsim.PortalPage}, want: []string{"cipp.url is not CIPP's API"}},
		{name: "a page for an answer", faults: cippsim.Faults{Answers: map[string]cippsim.Shape{"*": {Body: cippsim.HTML}}}, want: []string{"cipp.url is not CIPP's API"}},
		{name: "the app for offloaded work", faults: cippsim.Faults{Address: cippsim.OffloadedHost}, want: []string{"cipp.url is not CIPP's API"}},
		{name: "a subscription that ended", faults: cippsim.Faults{SubscriptionEnded: true}, want: []string{"renew the subscription"}},
		{name: "CIPP without its own credentials",
			rules: []cippsim.Rule{{Fault: cippsim.Fault{Kind: cippsim.Broken, Text: "AADSTS700082: The refresh token has expired due to inactivity."}}},
			want:  []string{"AADSTS700082", "Refresh Tokens"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world := estate()
				world.Roles = []*cippsim.Role{{Name: "narrow", Permissions: []string{"Identity.User.Read"}}}
				if c.client != nil {
					c.client.ID, c.client.Secret = "3d0c6f52-8a5e-4c0b-9f7d-51c1d0a2b6e4", clientSecret
					world.Clients = []*cippsim.Client{c.client}
				}
				f := newFixture(t, world)
				f.sim.SetFaults(c.faults)
				f.sim.Fail(c.rules...)
				_, err := f.client.Tenants(t.Context())
				check(t, "tenants", err, c.want)
				_, err = f.client.Snapshot(t.Context(), f.tenant(t, dentalID), directory.Licences)
				check(t, "snapshot", err, c.want)
				if got := f.sim.Count(cippsim.TokenEndpoint); c.tokens > 0 && got > c.tokens {
					t.Errorf("the token endpoint was asked %d times, want at most %d", got, c.tokens)
				}
				if logs := f.log.String(); strings.Contains(logs, clientSecret) || strings.Contains(logs, "eyJ") {
					t.Errorf("the log holds a secret:\n%s", logs)
				}
			})
		})
	}
}

func check(t *testing.T, what string, err error, want []string) {
	t.Helper()
	if !errors.Is(err, ErrUnusable) {
		t.Errorf("%s: got %v, want an ErrUnusable", what, err)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
	for _, word := range []string{clientSecret, "eyJ", "Bearer"} {
		if strings.Contains(err.Error(), word) {
			t.Errorf("%s: the error holds a secret: %v", what, err)
		}
	}
}

func TestWhyATokenIsNotAcceptedIsLogged(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Token: cippsim.TokenFaults{BareAudience: true}})
		if _, err := f.client.Tenants(t.Context()); err == nil {
			t.Fatal("no error")
		}
		for _, want := range []string{`"aud":"3d0c6f52`, `"ver":"2.0"`, `"iss":"https://sts.windows.net/`, `"appid":`, `"exp":`} {
			if !strings.Contains(f.log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, f.log)
			}
		}
	})
}

func TestACallWithoutATenantIsNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		if _, err := f.client.do(t.Context(), forTenant(TenantFilter{}, "ListLicenses", nil)); err == nil || !strings.Contains(err.Error(), "partner's own") {
			t.Errorf("got %v", err)
		}
		for _, tenant := range []directory.Tenant{{}, {DefaultDomain: "AllTenants", ID: dentalID}, {DefaultDomain: " "}} {
			if f, err := FilterOf(tenant); err == nil {
				t.Errorf("%+v: got filter %q", tenant, f)
			}
		}
		if got := f.sim.Count(""); got != 0 {
			t.Errorf("%d calls were made", got)
		}
	})
}

func TestACancelledReadSaysWhy(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		lost := errors.New("lease lost")
		ctx, cancel := context.WithCancelCause(t.Context())
		f.sim.SetFaults(cippsim.Faults{Latency: time.Minute})
		go func() { time.Sleep(time.Second); cancel(lost) }()
		if _, err := f.client.Snapshot(ctx, f.tenant(t, dentalID), directory.Licences); !errors.Is(err, lost) {
			t.Errorf("got %v, want %v", err, lost)
		}
	})
}

func TestOverANetworkWithATokenEndpointOfItsOwn(t *testing.T) {
	sim := cippsim.New(estate(), cippsim.Options{ClientSecret: clientSecret})
	server := httptest.NewServer(sim)
	defer server.Close()
	conf := sound()
	conf.URL, conf.TokenURL, conf.ClientID = server.URL+"/api", server.URL+sim.TokenPath(), sim.Options().ClientID
	conf.Validate(func(path, message string) { t.Errorf("%s: %s", path, message) })
	c, err := New(conf, Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Check(t.Context(), directory.Licences) {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	server.CloseClientConnections()
}
