package connectwise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"syncd/internal/rest"
	"syncd/internal/secret"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

func TestWhatAnAnswerMeans(t *testing.T) {
	c := &Client{}
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string // what is set, in short
		says   string
	}{
		{"validation names the field", 400, `{"code":"InvalidObject","message":"Addition object is invalid","errors":[{"code":"MissingRequiredField","message":"The billCustomer field is required.","field":"billCustomer"}]}`, "", "billCustomer: The billCustomer field is required."},
		{"a name that cannot be filtered", 400, `{"code":"ApiFindCondition","message":"foo is not a recognized name."}`, "", "not a recognized name"},
		{"a missing clientId as 400", 400, `{"code":"Unauthorized","message":"The clientId header is missing."}`, "unauthorised", "connectwise.client_id"},
		{"a missing clientId as 401", 401, `{"code":"Unauthorized","message":"The clientId x is not valid"}`, "unauthorised", "connectwise.client_id"},
		{"wrong keys", 401, `{"code":"Unauthorized","message":"Incorrect public/private key"}`, "unauthorised", "private_key"},
		{"a missing right", 403, `{"code":"Security","message":"You do not have security permission to perform this action."}`, "forbidden", "security role"},
		{"the host for people", 403, `{"code":"Security","message":"SSL is required."}`, "forbidden", "api-"},
		{"nothing there", 404, ``, "notfound", ""},
		{"in use", 409, `{"code":"Conflict","message":"The record is in use"}`, "", "in use"},
		{"throttled", 429, `{"error":"TooManyRequests","message":"API rate limit exceeded"}`, "temporary", "rate limit"},
		{"a timeout", 500, "{\r\n\"code\":\"ConnectWiseApi\",\r\n\"message\":\"A timeout has occured. Please try again\"\r\n}", "temporary", "A timeout has occured"},
		{"a full pool", 500, `{"code":"ConnectWiseApi","message":"Timeout expired.  The timeout period elapsed prior to obtaining a connection from the pool."}`, "temporary", "Timeout expired. The timeout"},
		{"bad input as 500", 500, `{"code":"ConnectWiseApi","message":"Error converting value \"x\" to type 'System.Double'."}`, "", "converting value"},
		{"a broken object as 500", 500, `{"code":"InvalidObject","message":"x"}`, "", ""},
		{"a page", 502, `<html>Bad Gateway</html>`, "temporary", "Bad Gateway"},
		{"an empty body", 500, ``, "temporary", "Internal Server Error"},
		{"no JSON at all", 503, `down`, "temporary", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, ok := errors.AsType[*rest.Error](c.classify(&rest.Response{Status: tt.status, Body: []byte(tt.body), Header: http.Header{}}))
			if !ok {
				t.Fatal("got no error")
			}
			got := ""
			for name, set := range map[string]bool{"temporary": e.Temporary, "unauthorised": e.Unauthorised, "forbidden": e.Forbidden, "notfound": e.NotFound} {
				if set {
					got += name
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if text := e.Message + e.Remedy; !strings.Contains(text, tt.says) {
				t.Errorf("got %q, want it to say %q", text, tt.says)
			}
		})
	}
	if err := c.classify(&rest.Response{Status: 201, Header: http.Header{}}); err != nil {
		t.Errorf("201: got %v, want nothing", err)
	}
}

func TestWrongCredentialsStopEverythingAndNameTheRemedy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config func(*Config)
		faults cwsim.Faults
		says   string
	}{
		{"wrong keys", func(c *Config) { c.PrivateKey = secret.New("wrong-secret") }, cwsim.Faults{}, "connectwise.company, public_key and private_key"},
		{"wrong keys, answered 404", func(c *Config) { c.PrivateKey = secret.New("wrong-secret") }, cwsim.Faults{WrongKeys404: true}, "connectwise.company, public_key and private_key"},
		{"a wrong company", func(c *Config) { c.Company = "nobody" }, cwsim.Faults{WrongKeys404: true}, "no such login company"},
		{"a wrong company, answered 404", func(c *Config) { c.Company = "nobody" }, cwsim.Faults{WrongKeys404: true, UnknownCompany404: true}, "no such login company"},
		{"a foreign client id", func(c *Config) { c.ClientID = secret.New("wrong-secret") }, cwsim.Faults{}, "connectwise.client_id"},
		{"a foreign client id, answered 400", func(c *Config) { c.ClientID = secret.New("wrong-secret") }, cwsim.Faults{MissingClient: 400}, "connectwise.client_id"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")), tt.config)
			h.sim.SetFaults(tt.faults)
			_, err := h.target.Observe(t.Context(), []target.Asked{{Customer: contoso}})
			refused, ok := errors.AsType[*rest.Error](err)
			if !ok || !refused.Unauthorised {
				t.Fatalf("got %v, want an error that stops everything", err)
			}
			wantErr(t, err, nil, tt.says)
			if text := err.Error() + h.log.String(); strings.Contains(text, "wrong-secret") || strings.Contains(text, "Basic ") {
				t.Errorf("a secret shows in %q", text)
			}
		})
	}
}

func TestAMissingRightIsNamed(t *testing.T) {
	grant := func(except string) *cwsim.Role {
		r := &cwsim.Role{ID: 1, Name: "API"}
		for _, f := range []string{"Company Maintenance", "Agreements", "Product Catalog"} {
			if f != except {
				r.Settings = append(r.Settings, cwsim.RoleSetting{Function: f, Inquire: "All", Edit: "All"})
			}
		}
		return r
	}
	for function, says := range map[string]string{
		"Company Maintenance": "Companies > Company Maintenance", "Agreements": "Finance > Agreements", "Product Catalog": "Procurement > Product Catalog",
	} {
		t.Run(function, func(t *testing.T) {
			w := seed()
			w.Roles, w.Members = []*cwsim.Role{grant(function)}, []*cwsim.Member{{ID: 1, Identifier: "syncd", RoleID: 1}}
			h := newHarness(t, w, rules(rule(skuBP, "M365-BP")))
			_, err := h.target.Observe(t.Context(), []target.Asked{{Customer: contoso}})
			if refused, ok := errors.AsType[*rest.Error](err); !ok || !refused.Forbidden {
				t.Fatalf("got %v, want an error that stops everything", err)
			}
			wantErr(t, err, nil, says)
		})
	}
}

func TestAnUpgradeNightMovesTheCodebase(t *testing.T) {
	inBubble(t, "and the request is repeated at the new one", func(t *testing.T) {
		h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
		h.sim.SetFaults(cwsim.Faults{NoRouter: true, IsCloudText: true})
		if seen := h.observe(contoso); len(seen.Objects) != 1 {
			t.Fatalf("got %+v, want the line", seen)
		}
		if got := h.client.api.Load().codebase; got != "v2025_1/" {
			t.Errorf("got codebase %s, want v2025_1/", got)
		}
		h.sim.Upgrade("v2026_1/")
		h.client.discovered = h.client.discovered.Add(-rediscoverEvery)
		ch := onlyChange(t, h.plan(contoso, snapshot(licence(skuBP, 14, 0)), additionRecord("55/910", "12", "")))
		if _, err := h.apply(ch); err != nil || h.quantity(910) != "14" {
			t.Errorf("got %v and quantity %s, want 14", err, h.quantity(910))
		}
		if n := h.sim.Counts()["GET /login/companyinfo/{company}"]; n != 2 {
			t.Errorf("asked %d times for the codebase, want 2", n)
		}
	})
	inBubble(t, "but a record that is gone asks only once in a while", func(t *testing.T) {
		h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
		h.observe(contoso)
		h.sim.Forget()
		for range 5 {
			if _, err := h.client.addition(t.Context(), 55, 4711); !rest.Gone(err) {
				t.Fatalf("got %v, want a 404", err)
			}
		}
		// Once to find the codebase behind the router, once to see that it stayed.
		if n := h.sim.Counts()["GET /login/companyinfo/{company}"]; n != 2 {
			t.Errorf("asked %d times for the codebase, want twice", n)
		}
	})
}

func TestAVersionPinThatOneEndpointRefuses(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	h.sim.SetFaults(cwsim.Faults{RefuseVersions: map[string]string{"Agreement": "2025.3"}, CurrentVersion: "2025.3"})
	if seen := h.observe(contoso); len(seen.Objects) != 1 {
		t.Fatalf("got %+v, want the line", seen)
	}
	if got := h.client.version(epAgreements); got != "2025.3" {
		t.Errorf("agreements: got version %s, want 2025.3", got)
	}
	if got := h.client.version(epCompanies); got != pinnedVersion {
		t.Errorf("companies: got version %s, want %s", got, pinnedVersion)
	}
	h.sim.Forget()
	h.observe(contoso)
	if n := h.sim.Counts()["GET /finance/agreements"]; n != 1 {
		t.Errorf("asked %d times for agreements, want once: the version is remembered", n)
	}
}

func TestAMuchNewerServerIsSaidOnce(t *testing.T) {
	for version, want := range map[string]int{"2025.1": 0, "2025.3": 0, "2025.4": 1, "2026.1": 1, "odd": 0} {
		h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
		h.sim.SetFaults(cwsim.Faults{CurrentVersion: version})
		h.observe(contoso)
		if got := strings.Count(h.log.String(), "server is newer"); got != want {
			t.Errorf("%s: got %d warnings, want %d", version, got, want)
		}
	}
}

// manyCustomers is an MSP with n customers, one line of M365-BP each.
func manyCustomers(n int) (cwsim.World, []target.Asked) {
	w := seed()
	w.Companies, w.Agreements, w.Additions = nil, nil, nil
	var asked []target.Asked
	for i := range n {
		id := 1000 + i
		w.Companies = append(w.Companies, &cwsim.Company{ID: id, Identifier: fmt.Sprintf("C%d", id), Name: fmt.Sprintf("Customer %d", id)})
		w.Agreements = append(w.Agreements, &cwsim.Agreement{ID: 5000 + i, Name: "Managed", TypeID: 3, CompanyID: id, StartDate: cwsim.Day(2024, 1, 1), NoEndingDate: true, BillingCycleID: 2})
		w.Additions = append(w.Additions, &cwsim.Addition{ID: 20000 + i, AgreementID: 5000 + i, ProductID: 752, Quantity: num("12"), UnitPrice: num("22"), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2025, 1, 1)})
		agreement := ""
		if i%2 == 1 {
			agreement = fmt.Sprint(5000 + i)
		}
		asked = append(asked, target.Asked{Customer: customer(fmt.Sprintf("7d1f0b7e-2c55-4a39-9d0e-%012d", i), fmt.Sprint(id), agreement)})
	}
	return w, asked
}

// observeAll looks at all customers in batches, as the loop does.
func (h *harness) observeAll(asked []target.Asked) (lines int) {
	h.t.Helper()
	size := h.target.Spec().Batch
	for len(asked) > 0 {
		n := min(size, len(asked))
		got, err := h.observeAndCompare(snapshot(), asked[:n]...)
		if err != nil {
			h.t.Fatal(err)
		}
		for i := range got {
			if got[i].Err != nil {
				h.t.Fatalf("%s: %v", asked[i].Key, got[i].Err)
			}
			lines += len(got[i].Objects)
		}
		asked = asked[n:]
	}
	return lines
}

func TestWhatALookCosts(t *testing.T) {
	const bundle, single = "POST /system/bundles", "GET /finance/agreements/{id}/additions"
	for _, tt := range []struct {
		name   string
		n      int
		faults cwsim.Faults
		want   string
	}{
		{"a thousand customers", 1000, cwsim.Faults{}, "10 GET /company/companies, 10 GET /finance/agreements, 1 GET /procurement/catalog, 40 " + bundle},
		{"thirty", 30, cwsim.Faults{}, "1 GET /company/companies, 1 GET /finance/agreements, 1 GET /procurement/catalog, 2 " + bundle},
		{"an entry that failed is read by itself", 30, cwsim.Faults{BundleEntries: map[int]cwsim.BundleFault{5003: {Status: 500}}},
			"1 GET /company/companies, 1 GET /finance/agreements, 1 " + single + ", 1 GET /procurement/catalog, 2 " + bundle},
		{"and one that lies, one that is throttled, and one that is missing", 30, cwsim.Faults{BundleEntries: map[int]cwsim.BundleFault{5003: {Status: 404, Lying: true}, 5004: {Status: 429}, 5029: {Missing: true}}},
			"1 GET /company/companies, 1 GET /finance/agreements, 3 " + single + ", 1 GET /procurement/catalog, 2 " + bundle},
		{"bundles refused", 3, cwsim.Faults{BundlesUnavailable: 403}, "1 GET /company/companies, 1 GET /finance/agreements, 3 " + single + ", 1 GET /procurement/catalog, 1 " + bundle},
		{"bundles refused, remembered in the next batch", 103, cwsim.Faults{BundlesUnavailable: 405}, "2 GET /company/companies, 2 GET /finance/agreements, 103 " + single + ", 1 GET /procurement/catalog, 4 " + bundle},
		{"bundles limited", 30, cwsim.Faults{BundleLimit: 10}, "1 GET /company/companies, 1 GET /finance/agreements, 25 " + single + ", 1 GET /procurement/catalog, 2 " + bundle},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, asked := manyCustomers(tt.n)
			h := newHarness(t, w, rules(rule(skuBP, "M365-BP")))
			h.sim.SetFaults(tt.faults)
			if got := h.observeAll(asked); got != tt.n {
				t.Errorf("got %d lines, want %d", got, tt.n)
			}
			got := h.requestCounts()
			if strings.HasPrefix(tt.name, "bundles limited") { // the small last bundle may come through first
				if !strings.Contains(got, bundle) {
					t.Errorf("asked %s, want bundles tried", got)
				}
				return
			}
			if got != tt.want {
				t.Errorf("asked %s\nwant  %s", got, tt.want)
			}
		})
	}
}

func TestAnAgreementWithMoreLinesThanABundleHolds(t *testing.T) {
	w := seed()
	for i := range 1005 {
		w.Additions = append(w.Additions, &cwsim.Addition{ID: 2000 + i, AgreementID: 55, ProductID: 755, Quantity: num("1"), BillCustomer: "Billable", CancelledDate: cwsim.Day(2025, 12, 31)})
	}
	w.Additions = append(w.Additions, &cwsim.Addition{ID: 9000, AgreementID: 55, ProductID: 755, Quantity: num("6"), UnitPrice: num("36.5"), BillCustomer: "Billable"})
	h := newHarness(t, w, rules(rule(skuE3, "E3")))
	if got := planText(h.plan(contoso, snapshot(licence(skuE3, 7, 0)))); got != "= 55/9000 quantity 6>7 36.50" {
		t.Errorf("got %s, want the line behind a thousand old ones", got)
	}
}

func TestListsAreWholeOrAnError(t *testing.T) {
	many := func() cwsim.World {
		w := seed()
		for i := range 1200 {
			w.Companies = append(w.Companies, &cwsim.Company{ID: 3000 + i, Identifier: fmt.Sprintf("X%d", i), Name: fmt.Sprintf("Customer %d", i)})
		}
		return w
	}
	const all = 1204 // one of the seed is in the recycle bin
	for _, tt := range []struct {
		name   string
		faults cwsim.Faults
		fail   []cwsim.Rule
		says   string
		pages  int
	}{
		{"forward-only", cwsim.Faults{}, nil, "", 3},
		{"by number where forward-only is not known", cwsim.Faults{NoForwardOnly: []string{"Company"}}, nil, "", 3},
		{"malformed links", cwsim.Faults{MalformedLinks: true}, nil, "", 3},
		{"links to another host are not followed", cwsim.Faults{LinkHost: "evil.example"}, nil, "", 3},
		{"a page in the middle fails for good", cwsim.Faults{}, []cwsim.Rule{{Route: "/company/companies", Skip: 1, Fault: cwsim.Fault{Kind: cwsim.BadGateway}}}, "502", 0},
		{"a page in the middle is a proxy's", cwsim.Faults{}, []cwsim.Rule{{Route: "/company/companies", Skip: 1, Times: 1, Fault: cwsim.Fault{Kind: cwsim.HTMLPage}}}, "HTML where JSON was due", 0},
		{"a page in the middle has no body", cwsim.Faults{}, []cwsim.Rule{{Route: "/company/companies", Skip: 1, Times: 1, Fault: cwsim.Fault{Kind: cwsim.EmptyAnswer}}}, "no list in the answer", 0},
		{"a page in the middle fails once", cwsim.Faults{}, []cwsim.Rule{{Route: "/company/companies", Skip: 1, Times: 1, Fault: cwsim.Fault{Kind: cwsim.CutBody}}}, "", 4},
		{"rows that a role hides are counted", cwsim.Faults{Hidden: map[string][]int{"Company": {3005, 3006}}, CountHidden: true}, nil, "Companies > Company Maintenance: Inquire All", 0},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			h := newHarness(t, many(), rules())
			h.sim.SetFaults(tt.faults)
			h.sim.Fail(tt.fail...)
			got, err := h.client.Companies(t.Context())
			if tt.says != "" {
				wantErr(t, err, nil, tt.says)
				if got != nil {
					t.Errorf("got %d companies beside the error, want none", len(got))
				}
				return
			}
			if err != nil || len(got) != all {
				t.Fatalf("got %d companies and %v, want %d", len(got), err, all)
			}
			if n := h.sim.Counts()["GET /company/companies"]; n != tt.pages {
				t.Errorf("asked for %d pages, want %d", n, tt.pages)
			}
		})
	}
}

func TestAPageThatLeadsBackIsAnError(t *testing.T) {
	h := http.Header{"Link": {`<https://x/a?pageId=500>; rel="next"`}}
	if _, err := nextPage(h, "500"); err == nil {
		t.Error("the same page: got no error")
	}
	if _, err := nextPage(h, "900"); err == nil {
		t.Error("an earlier page: got no error")
	}
	if _, err := nextPage(http.Header{"Link": {`<https://x/a?page=2>; rel="next"`}}, ""); err == nil {
		t.Error("no page id: got no error")
	}
	for link, want := range map[string]string{`<https://x/a?pageId=500>; rel="next"`: "500", `<https://x/a&pageSize=5&pageId=7>; rel="next"`: "7", "": "", `<https://x/a?pageId=1>; rel="first"`: ""} {
		if got, err := nextPage(http.Header{"Link": {link}}, ""); got != want || err != nil {
			t.Errorf("%s: got %q and %v, want %q", link, got, err, want)
		}
	}
}

func TestAListThatFailsEndsTheLook(t *testing.T) {
	for _, route := range []string{"/company/companies", "/finance/agreements", "/procurement/catalog", "/system/bundles"} {
		inBubble(t, route, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
			h.sim.Fail(cwsim.Rule{Route: route, Fault: cwsim.Fault{Kind: cwsim.Timeout}})
			if got, err := h.observeAndCompare(snapshot(licence(skuBP, 1, 1)), target.Asked{Customer: contoso}); err == nil || len(got[0].Desired.Objects) != 1 {
				t.Errorf("got %+v and %v, want an error, and what it should hold all the same", got, err)
			}
		})
	}
	inBubble(t, "but the lines of one agreement concern its customer alone", func(t *testing.T) {
		h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
		h.sim.SetFaults(cwsim.Faults{BundleEntries: map[int]cwsim.BundleFault{55: {Missing: true}}})
		h.sim.Fail(cwsim.Rule{Path: "/finance/agreements/55/additions", Fault: cwsim.Fault{Kind: cwsim.Timeout}})
		got, err := h.observeAndCompare(snapshot(licence(skuBP, 1, 1)), target.Asked{Customer: contoso}, target.Asked{Customer: customer(other, "251", "")})
		if err != nil || got[0].Err == nil || got[1].Err != nil || len(got[1].Objects) != 1 {
			t.Errorf("got %+v and %v, want an error for the first and a line for the second", got, err)
		}
		if want := got[0].Desired; len(want.Objects) != 1 {
			t.Errorf("got %+v, want what it should hold all the same", want)
		}
	})
}

func TestABillingCycleWithAnUnknownNameIsLookedUpOnce(t *testing.T) {
	w := seed()
	w.Agreements[0].BillingCycleID, w.Agreements[1].BillingCycleID = 3, 3
	h := newHarness(t, w, rules(rule(skuBP, "M365-BP")))
	for range 2 {
		if got := h.observe(contoso).Objects[0].Billing.Cycle; got != "12" {
			t.Errorf("got a cycle of %s months, want 12", got)
		}
	}
	if n := h.sim.Counts()["GET /finance/billingCycles"]; n != 1 {
		t.Errorf("asked %d times for billing cycles, want once", n)
	}
}

func TestAStoppedRunSaysWhy(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the daemon is stopping")
	cancel(stop)
	if _, err := h.target.Observe(ctx, []target.Asked{{Customer: contoso}}); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
}

func TestTheRateIsKeptWhateverIsAsked(t *testing.T) {
	inBubble(t, "with one read an agreement", func(t *testing.T) {
		w, asked := manyCustomers(400)
		h := newHarness(t, w, rules(rule(skuBP, "M365-BP")), func(c *Config) { c.Rate = Defaults().Rate })
		h.sim.SetFaults(cwsim.Faults{BundlesUnavailable: 404})
		if got := h.observeAll(asked); got != 400 {
			t.Errorf("got %d lines, want 400", got)
		}
		if got := h.sim.MaxRate(time.Minute); got > 320 {
			t.Errorf("got %d requests in a minute, want 300 and a burst of 20 at most", got)
		}
	})
}
