package cwsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

// num is a decimal in short.
func num(s string) decimal.Decimal { return decimal.RequireFromString(s) }

var noon = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// seed is a small MSP: two customers and one in the recycle bin, one
// agreement each, and a second one that has ended.
func seed() World {
	return World{
		Name:            "Example Networks",
		CompanyStatuses: []*Setup{{ID: 1, Name: "Active", Default: true}},
		CompanyTypes:    []*Setup{{ID: 1, Name: "Customer"}, {ID: 4, Name: "Prospect"}},
		Companies: []*Company{
			{ID: 250, Identifier: "Contoso", Name: "Contoso Ltd", StatusID: 1, TypeIDs: []int{1}, Website: "https://contoso.example",
				Custom: map[int]any{7: "7d1f0b7e"}},
			{ID: 251, Identifier: "Fabrikam", Name: `Fabrikam "North" [EU]`, StatusID: 1, TypeIDs: []int{1, 4}},
			{ID: 252, Identifier: "Contoso-old", Name: "Contoso Ltd", Deleted: true},
		},
		Contacts: []*Contact{{ID: 5, FirstName: "Ada", LastName: "Moss", CompanyID: 250, Communications: []Communication{
			{ID: 1, Kind: "Email", Type: Ref{1, "Email"}, Value: "ada@contoso.example", Default: true},
			{ID: 2, Kind: "Phone", Type: Ref{2, "Direct"}, Value: "555 0100"},
		}}},
		AgreementTypes: []*AgreementType{{ID: 3, Name: "Managed Services"}, {ID: 4, Name: "Projects"}},
		BillingCycles:  []*BillingCycle{{ID: 2, Identifier: "M", Name: "Monthly", Option: "Monthly", Default: true}},
		Agreements: []*Agreement{
			{ID: 55, Name: "Managed", TypeID: 3, CompanyID: 250, ContactID: 5, StartDate: Day(2024, 1, 1), NoEndingDate: true,
				BillingCycleID: 2, NextInvoiceDate: "2026-03-01T00:00:00Z"},
			{ID: 56, Name: "Managed", TypeID: 3, CompanyID: 251, StartDate: Day(2024, 1, 1), NoEndingDate: true, BillingCycleID: 2,
				Prorate: true, NextInvoiceDate: "2026-03-01T00:00:00Z"},
			{ID: 57, Name: "Old", TypeID: 4, CompanyID: 250, StartDate: Day(2020, 1, 1), EndDate: Day(2021, 1, 1), ParentID: 55},
		},
		Products: []*Product{
			{ID: 752, Identifier: "M365-BP", Description: "Microsoft 365 Business Premium", Class: "Agreement", Price: num("22"),
				Cost: num("17.6"), Taxable: true, Unit: "Each", PriceBreaks: []PriceBreak{{num("50"), num("20")}}},
			{ID: 753, Identifier: "BUNDLE", Description: "Seat", Class: "Bundle"},
			{ID: 754, Identifier: "OLD", Description: "Retired", Inactive: true},
		},
		Additions: []*Addition{
			{ID: 910, AgreementID: 55, ProductID: 752, Quantity: num("12"), LessIncluded: num("2"), UnitPrice: num("22"),
				UnitCost: num("17.6"), BillCustomer: "Billable", EffectiveDate: Day(2025, 1, 1), SequenceNumber: num("1")},
			{ID: 911, AgreementID: 55, ProductID: 754, Quantity: num("3"), UnitPrice: num("5"), BillCustomer: "Billable",
				EffectiveDate: Day(2025, 1, 1), CancelledDate: Day(2025, 6, 30), SerialNumber: "syncd:abc"},
		},
		Fields: []*Field{{ID: 7, On: "Company", Caption: "Tenant ID"}, {ID: 8, On: "Company", Caption: "Tier"},
			{ID: 9, On: "Addition", Caption: "Marker"}},
	}
}

var options = Options{
	Company: "msp", PublicKey: "pub", PrivateKey: "priv", ClientID: "3fa85f64-5717-4562-b3fc-2c963f66afa6",
	Now: func() time.Time { return noon },
}

// newSim starts a simulator on a real socket and returns it with its URL.
func newSim(t *testing.T, world World) (*Server, string) {
	t.Helper()
	s := New(world, options)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL
}

type reply struct {
	status int
	header http.Header
	body   string
	err    error // of the connection or the body
}

// do asks as a client with good keys would; edits change the request.
func do(t *testing.T, base, method, path, body string, edits ...func(*http.Request)) reply {
	t.Helper()
	r, err := http.NewRequest(method, base+"/v4_6_release/apis/3.0"+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	r.SetBasicAuth("msp+pub", "priv")
	r.Header.Set("clientId", options.ClientID)
	r.Header.Set("Accept", "application/vnd.connectwise.com+json; version=2025.1")
	r.Header.Set("Content-Type", "application/json")
	for _, edit := range edits {
		edit(r)
	}
	return send1(http.DefaultClient, r)
}

func send1(client *http.Client, r *http.Request) reply {
	res, err := client.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b), err}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func forwardOnly(r *http.Request) { r.Header.Set("pagination-type", "forward-only") }

// ids reads the ids of a list.
func (r reply) ids(t *testing.T) string {
	t.Helper()
	var rows []struct{ ID int }
	if err := json.Unmarshal([]byte(r.body), &rows); err != nil {
		t.Fatalf("answer %d %q is not a list: %v", r.status, r.body, err)
	}
	var ids []string
	for _, row := range rows {
		ids = append(ids, fmt.Sprint(row.ID))
	}
	return strings.Join(ids, " ")
}

func (r reply) want(t *testing.T, status int, parts ...string) {
	t.Helper()
	if r.err != nil || r.status != status {
		t.Fatalf("got %d %v %s, want %d", r.status, r.err, r.body, status)
	}
	for _, p := range parts {
		if !strings.Contains(r.body, p) {
			t.Errorf("got %s, want it to hold %s", r.body, p)
		}
	}
}

func TestCompanyInfoNeedsNoKeysAndKnowsItsCompany(t *testing.T) {
	for _, tt := range []struct {
		name    string
		faults  Faults
		onPrem  bool
		company string
		status  int
		want    string
	}{
		{"cloud", Faults{}, false, "msp", 200,
			`"Codebase":"v2025_1/","VersionCode":"v2025.1","VersionNumber":"v2025.1.12345","CompanyID":"msp","IsCloud":true`},
		{"IsCloud as text", Faults{IsCloudText: true}, false, "msp", 200, `"IsCloud":"True"`},
		{"on-premises", Faults{}, true, "msp", 200, `"Codebase":"v4_6_release/"`},
		{"unknown company is null", Faults{}, false, "nobody", 200, "null"},
		{"unknown company is 404", Faults{UnknownCompany404: true}, false, "nobody", 404, `"code":"NotFound"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options
			o.OnPrem = tt.onPrem
			s := New(seed(), o)
			s.SetFaults(tt.faults)
			r, _ := http.NewRequest("GET", "https://sim.example/login/companyinfo/"+tt.company, nil)
			send1(&http.Client{Transport: s.Transport()}, r).want(t, tt.status, tt.want)
		})
	}
}

func TestTheGatesOfACall(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults Faults
		path   string
		edit   func(*http.Request)
		status int
		want   string
	}{
		{"good keys", Faults{}, "/system/info", nil, 200, `"version":"v2025.1.12345","isCloud":true,"serverTimeZone":"UTC"`},
		{"wrong keys", Faults{}, "/system/info", func(r *http.Request) { r.SetBasicAuth("msp+pub", "no") }, 401, "Incorrect public/private key"},
		{"wrong company", Faults{}, "/system/info", func(r *http.Request) { r.SetBasicAuth("MSP+pub", "priv") }, 401, "Unauthorized"},
		{"no keys", Faults{}, "/system/info", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "UserNotAuthenticated"},
		{"the cloud hides wrong keys", Faults{WrongKeys404: true}, "/system/info",
			func(r *http.Request) { r.SetBasicAuth("msp+pub", "no") }, 404, "NotFound"},
		{"no client id", Faults{}, "/system/info", func(r *http.Request) { r.Header.Del("clientId") }, 401, "clientId"},
		{"no client id, 400", Faults{MissingClient: 400}, "/system/info", func(r *http.Request) { r.Header.Del("clientId") }, 400, "clientId"},
		{"another MSP's client id", Faults{}, "/system/info", header("clientId", "x"), 401, "not valid for this environment"},
		{"a version that is no version", Faults{}, "/system/info", header("Accept", "application/vnd.connectwise.com+json; version=new"),
			400, "Check your accept header"},
		{"a pin that one endpoint refuses", Faults{RefuseVersions: map[string]string{"Company": "2025.4"}}, "/company/companies", nil,
			400, "Check your accept header"},
		{"the same pin elsewhere", Faults{RefuseVersions: map[string]string{"Company": "2025.4"}}, "/finance/agreements", nil, 200, "Managed"},
		{"no pin", Faults{RefuseVersions: map[string]string{"Company": "2025.4"}}, "/company/companies",
			header("Accept", "application/json"), 200, "Contoso"},
		{"HTML wanted", Faults{}, "/system/info", header("Accept", "text/html"), 406, ""},
		{"unknown path", Faults{}, "/company/nothing", nil, 404, "No HTTP resource"},
		{"recap without its slash", Faults{}, "/finance/agreementrecap", nil, 404, ""},
		{"a path in another case", Faults{}, "/System/Info", nil, 200, "cloudRegion"},
		{"a URL that is too long", Faults{}, "/company/companies?conditions=" + strings.Repeat("x", 10_000), nil, 414, "html"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, base := newSim(t, seed())
			s.SetFaults(tt.faults)
			var edits []func(*http.Request)
			if tt.edit != nil {
				edits = append(edits, tt.edit)
			}
			r := do(t, base, "GET", tt.path, "", edits...)
			r.want(t, tt.status, tt.want)
			if got := r.header.Get("api-current-version"); got != "2025.1" {
				t.Errorf("api-current-version: got %q, want 2025.1", got)
			}
			if r.header.Get("x-cw-request-id") == "" {
				t.Error("got no x-cw-request-id")
			}
		})
	}
}

func TestWrongVerbAndMediaTypeAreRefused(t *testing.T) {
	_, base := newSim(t, seed())
	r := do(t, base, "DELETE", "/finance/agreements/55", "")
	r.want(t, 405)
	if got := r.header.Get("Allow"); got != "GET" {
		t.Errorf("Allow: got %q, want GET", got)
	}
	do(t, base, "PATCH", "/finance/agreements/55/additions/910", "[]", header("Content-Type", "text/plain")).want(t, 415)
}

func TestAnUpgradeMovesTheCodebase(t *testing.T) {
	s, base := newSim(t, seed())
	at := func(codebase string) func(*http.Request) {
		return func(r *http.Request) { r.URL.Path = "/" + codebase + "apis/3.0/system/info" }
	}
	do(t, base, "GET", "/", "", at("v2025_1/")).want(t, 200)
	s.Upgrade("v2026_1/")
	do(t, base, "GET", "/", "", at("v2025_1/")).want(t, 404)
	do(t, base, "GET", "/", "", at("v2026_1/")).want(t, 200)
	do(t, base, "GET", "/", "", at("v4_6_release/")).want(t, 200)
	s.SetFaults(Faults{NoRouter: true})
	do(t, base, "GET", "/", "", at("v4_6_release/")).want(t, 404)
}

func TestTodayIsTheServersOwnDay(t *testing.T) {
	o := options
	o.TimeZone = time.FixedZone("AEST", 14*60*60)
	s := New(seed(), o)
	h := httptest.NewServer(s)
	defer h.Close()
	do(t, h.URL, "POST", "/finance/agreements/55/additions", `{"product":{"id":752},"billCustomer":"Billable"}`).want(t, 201,
		`"effectiveDate":"2026-03-21T00:00:00Z"`)
}

func TestManyCallersAtOnce(t *testing.T) {
	s, base := newSim(t, seed())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				do(t, base, "GET", "/company/companies", "")
				do(t, base, "PATCH", "/finance/agreements/55/additions/910", `[{"op":"replace","path":"quantity","value":14}]`)
				do(t, base, "POST", "/finance/agreements/56/additions", `{"product":{"id":752},"billCustomer":"Billable"}`)
				s.Edit("jdoe", func(w *World) { w.Addition(911).Quantity = num("4") })
				s.World()
			}
		})
	}
	all.Wait()
	if got := len(s.World().AdditionsOf(56)); got != 40 {
		t.Errorf("got %d additions, want 40", got)
	}
}

func TestObjectsLookAsTheVendorWritesThem(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults Faults
		path   string
		want   []string
		not    []string
	}{
		{"doubles, and absent keys for nulls", Faults{}, "/finance/agreements/55/additions/910",
			[]string{`"id":910,`, `"quantity":12.0`, `"unitCost":17.6`, `"billedQuantity":10.0`, `"extPrice":220.0`, `"agreementId":55,`,
				`"effectiveDate":"2025-01-01T00:00:00Z"`, `"agreementStatus":"Active"`, `"product":{"id":752,"identifier":"M365-BP"`},
			[]string{"cancelledDate", "null", `"12`}},
		{"plain numbers", Faults{Numbers: Plain}, "/finance/agreements/55/additions/910", []string{`"quantity":12,`}, nil},
		{"numbers with cents", Faults{Numbers: Cents}, "/finance/agreements/55/additions/910",
			[]string{`"quantity":12.00,`, `"unitCost":17.60`}, nil},
		{"nulls", Faults{Nulls: true}, "/finance/agreements/55/additions/910", []string{`"cancelledDate":null`, `"opportunity":null`}, nil},
		{"a member nobody has heard of", Faults{ExtraMembers: true}, "/finance/agreements/55/additions/910",
			[]string{`"additionalInsight":{"score":0.5}`}, nil},
		{"an ended agreement", Faults{}, "/finance/agreements/57",
			[]string{`"agreementStatus":"Expired"`, `"parentAgreement":{"id":55,"name":"Managed","type":"Managed Services"`},
			[]string{"nextInvoiceDate"}},
		{"an addition's status is its agreement's", Faults{}, "/finance/agreements/55/additions/911",
			[]string{`"agreementStatus":"Active"`}, nil},
		{"an addition's status is its own", Faults{AdditionOwnStatus: true}, "/finance/agreements/55/additions/911",
			[]string{`"agreementStatus":"Cancelled"`}, nil},
		{"a company", Faults{}, "/company/companies/250",
			[]string{`"types":[{"id":1,"name":"Customer"`, `"customFields":[{"id":7,"caption":"Tenant ID"`, `"value":"7d1f0b7e"`,
				`"_info":{"dateEntered":"2026-03-20T12:00:00Z"`}, nil},
		{"a recap", Faults{}, "/finance/agreementrecap/55",
			[]string{`"nextInvoiceAmount":220.0`, `"unbilledPeriods":1`, `"companyName":"Contoso Ltd"`}, []string{"lastInvoice"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, base := newSim(t, seed())
			s.SetFaults(tt.faults)
			r := do(t, base, "GET", tt.path, "")
			r.want(t, 200, tt.want...)
			for _, not := range tt.not {
				if strings.Contains(r.body, not) {
					t.Errorf("got %s, want it without %s", r.body, not)
				}
			}
			if !json.Valid([]byte(r.body)) {
				t.Errorf("got invalid JSON: %s", r.body)
			}
		})
	}
}

func TestEveryRouteAnswersItsGet(t *testing.T) {
	w := seed()
	w.Roles = []*Role{{ID: 1, Name: "API", Settings: []RoleSetting{
		{Module: "Finance", Function: "Agreements", Inquire: "All"}, {Function: companyMaintenance, Inquire: "All"},
		{Function: contactsFunction, Inquire: "All"}, {Function: serviceTickets, Inquire: "All"},
		{Function: invoicingFunction, Inquire: "All"}, {Function: productCatalog, Inquire: "All"},
	}}}
	w.Members = []*Member{{ID: 1, Identifier: "syncd", RoleID: 1}}
	w.Tickets = []*Ticket{{ID: 7001, Summary: "New colleague", CompanyID: 250}}
	w.Boards, w.BoardStatuses, w.Priorities = []*Setup{{ID: 1, Name: "Service Desk"}}, []*BoardStatus{{ID: 2, BoardID: 1, Name: "Closed", Closed: true}}, []*Setup{{ID: 3, Name: "Low"}}
	s, base := newSim(t, w)
	s.Invoice(55, "billing")
	ids := map[string]string{
		"/company/companies": "250", "/company/companies/statuses": "1", "/company/companies/types": "1", "/company/contacts": "5",
		"/finance/agreements": "55", "/finance/agreements/types": "3", "/finance/billingCycles": "2", "/finance/invoices": "1",
		"/procurement/catalog": "752", "/system/securityroles": "1", "/system/userDefinedFields": "7", "/finance/agreementrecap": "55",
		"/service/tickets": "7001", "/service/boards": "1", "/service/priorities": "3",
	}
	for _, r := range Routes() {
		path, ok := strings.CutPrefix(r, "GET ")
		if !ok || strings.HasPrefix(path, "/system/callbacks/") {
			continue
		}
		path = strings.Replace(path, "/additions/{id}", "/additions/910", 1)
		if i := strings.Index(path, "/{id}"); i >= 0 {
			path = path[:i+1] + ids[path[:i]] + path[i+len("/{id}"):]
		}
		if path == "/system/audittrail" {
			path += "?type=Agreement&id=55"
		}
		do(t, base, "GET", path, "").want(t, 200)
	}
}
