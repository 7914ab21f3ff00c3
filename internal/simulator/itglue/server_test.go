package itgluesim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// financeID is an id that a float cannot hold.
const financeID = 123456789012345678

// seed is a small MSP: itself and two customers, of which the first has two
// people, a domain and one type of assets with everything in it.
func seed() World {
	return World{
		OrganizationTypes:    []*Setup{{ID: 11, Name: "Customer"}},
		OrganizationStatuses: []*Setup{{ID: 12, Name: "Active"}, {ID: 13, Name: "Inactive"}},
		ContactTypes:         []*Setup{{ID: 14, Name: "End user"}},
		Regions:              []*Setup{{ID: 15, Name: "Ohio"}},
		Organizations: []*Organization{
			{ID: 1, Name: "Example Networks", Primary: true, StatusID: 12},
			{ID: 2, Name: "Contoso, Ltd", ShortName: "Contoso", TypeID: 11, StatusID: 12, QuickNotes: strings.Repeat("n", 300),
				Adapters: []Adapter{{ID: 21, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "2501", Sync: true}}},
			{ID: 3, Name: "Fabrikam", ShortName: "Fabrikam", StatusID: 13, ParentID: 2},
		},
		Locations: []*Location{{ID: 31, OrganizationID: 2, Name: "Head office"}},
		Contacts: []*Contact{
			{ID: 41, OrganizationID: 2, FirstName: "Ana", LastName: "Ruiz", TypeID: 14, Notes: "knows the alarm code", LocationID: 31,
				Emails: []Email{{"ana@contoso.example", "Work", true}, {"ruiz@contoso.example", "Home", false}},
				Phones: []Phone{{Value: "3105550100", Label: "Work", Primary: true}}},
			{ID: 42, OrganizationID: 2, FirstName: "Bo", LastName: "Lind",
				Adapters: []Adapter{{ID: 43, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "77", Sync: true}}},
			{ID: 44, OrganizationID: 3, FirstName: "Cy", LastName: "Dahl"},
		},
		Types: []*Type{{ID: 50, Name: "Example group", Icon: "users"}, {ID: 51, Name: "Microsoft Licenses", Locked: true}},
		Fields: []*Field{
			{ID: 60, TypeID: 50, Order: 1, Name: "Display Name", Kind: "Text", Required: true, UseForTitle: true, ShowInList: true},
			{ID: 61, TypeID: 50, Order: 2, Name: "Object ID", Kind: "Text"},
			{ID: 62, TypeID: 50, Order: 3, Name: "Members", Kind: "Tag", TagType: "Contacts"},
			{ID: 63, TypeID: 50, Order: 4, Name: "Member Count", Kind: "Number", Decimals: 1},
			{ID: 64, TypeID: 50, Order: 5, Name: "Dynamic", Kind: "Checkbox"},
			{ID: 65, TypeID: 50, Order: 6, Name: "Notes (manual)", Kind: "Textbox"},
			{ID: 66, TypeID: 50, Order: 7, Name: "State", Kind: "Select", DefaultValue: "Open\r\nClosed"},
			{ID: 67, TypeID: 50, Order: 8, Name: "Since", Kind: "Date"},
			{ID: 68, TypeID: 50, Order: 9, Name: "Plan", Kind: "Upload"},
			{ID: 69, TypeID: 50, Order: 10, Name: "Secret", Kind: "Password"},
			{ID: 70, TypeID: 50, Order: 11, Name: "Related groups", Kind: "Tag", TagType: "FlexibleAssetType: 50"},
			{ID: 71, TypeID: 51, Order: 1, Name: "Name", Kind: "Text", UseForTitle: true, ShowInList: true},
		},
		Assets: []*Asset{
			{ID: financeID, OrganizationID: 2, TypeID: 50, Traits: map[int64]any{
				60: "Finance", 61: "0f5d", 62: []int64{41, 42}, 63: 2, 64: true, 65: "<p>call first</p>", 66: "Open", 67: "2026-01-02",
				68: &Upload{Name: "plan.pdf", Size: 9, ContentType: "application/pdf"}, 69: int64(91)}},
			{ID: 402, OrganizationID: 3, TypeID: 50, Traits: map[int64]any{60: "Sales"}, Archived: true},
		},
		Domains:      []*Domain{{ID: 81, OrganizationID: 2, Name: "contoso.example"}},
		Passwords:    []*Password{{ID: 91, OrganizationID: 2, Name: "Safe", On: Ref{assetKind, financeID}}},
		Users:        []*User{{ID: 95, FirstName: "Tess", LastName: "Tech", Email: "tess@msp.example"}},
		Attachments:  []*Attachment{{ID: 96, On: Ref{assetKind, financeID}, Name: "scan", FileName: "scan.png", Size: 4}},
		RelatedItems: []*RelatedItem{{ID: 97, From: Ref{"contacts", 41}, To: Ref{"domains", 81}, Notes: "owner"}},
	}
}

var options = Options{Key: "ITG.example", Now: func() time.Time { return noon }}

// newSim starts a simulator on a real socket and returns it with its URL.
func newSim(t *testing.T, faults ...Faults) (*Server, string) {
	t.Helper()
	s := New(seed(), options)
	for _, f := range faults {
		s.SetFaults(f)
	}
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

// do asks as a client with a good key would; edits change the request.
func do(t *testing.T, base, method, path, body string, edits ...func(*http.Request)) reply {
	t.Helper()
	r, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	r.Header.Set("x-api-key", options.Key)
	if body != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	for _, edit := range edits {
		edit(r)
	}
	return ask(http.DefaultClient, r)
}

func ask(client *http.Client, r *http.Request) reply {
	res, err := client.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b), err}
}

// want checks status and parts of the body.
func (r reply) want(t *testing.T, status int, parts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("got %d %s %v, want %d", r.status, r.body, r.err, status)
	}
	for _, p := range parts {
		if absent, ok := strings.CutPrefix(p, "!"); ok {
			if strings.Contains(r.body, absent) {
				t.Errorf("got %s, want no %s", r.body, absent)
			}
		} else if !strings.Contains(r.body, p) {
			t.Errorf("got %s, want %s", r.body, p)
		}
	}
}

// ids reads the ids of a list.
func (r reply) ids(t *testing.T) string {
	t.Helper()
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal([]byte(r.body), &list); err != nil {
		t.Fatalf("answer %d %q is not a list: %v", r.status, r.body, err)
	}
	var ids []string
	for _, row := range list.Data {
		ids = append(ids, row.ID)
	}
	return strings.Join(ids, " ")
}

// doc is a body of one record.
func doc(kind, attributes string) string {
	return fmt.Sprintf(`{"data":{"type":%q,"attributes":%s}}`, kind, attributes)
}

// batch is a body of many.
func batch(kind string, attributes ...string) string {
	var all []string
	for _, a := range attributes {
		all = append(all, fmt.Sprintf(`{"type":%q,"attributes":%s}`, kind, a))
	}
	return `{"data":[` + strings.Join(all, ",") + `]}`
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// A step is one request and what should come of it, with the quirks that are
// on.
type step struct {
	name   string
	faults Faults
	method string
	path   string
	body   string
	status int
	want   string // parts of the answer, separated by |; !part must not be there
}

func run(t *testing.T, steps []step) {
	t.Helper()
	for _, tt := range steps {
		t.Run(tt.name, func(t *testing.T) {
			_, base := newSim(t, tt.faults)
			var parts []string
			if tt.want != "" {
				parts = strings.Split(tt.want, "|")
			}
			do(t, base, tt.method, tt.path, tt.body).want(t, tt.status, parts...)
		})
	}
}

func TestTheGatesRefuseInOrder(t *testing.T) {
	_, base := newSim(t)
	do(t, base, "GET", "/organizations", "", header("x-api-key", "ITG.wrong")).want(t, 403, `{"message":"Forbidden"}`)
	do(t, base, "GET", "/organizations", "", func(r *http.Request) { r.Header.Del("x-api-key") }).want(t, 403)
	do(t, base, "PATCH", "/contacts/41", doc("contacts", `{"title":"x"}`), header("Content-Type", "application/json")).want(t, 415)
	do(t, base, "PATCH", "/contacts/41", doc("contacts", `{"title":"x"}`), header("Content-Type", mediaType+"; charset=utf-8")).want(t, 200)
	do(t, base, "GET", "/nothing", "").want(t, 404)
	do(t, base, "GET", "/regions?page[size]=1", "").want(t, 200, `"Ohio"`)
}

func TestRefusalsLookAsTheyHaveBeenSeen(t *testing.T) {
	bad := doc("flexible-assets", `{"traits":{"object-id":"1"}}`)
	path := fmt.Sprint("/flexible_assets/", financeID)
	run(t, []step{
		{"numeric status, list detail", Faults{}, "PATCH", path, bad, 422,
			`"status":422|"detail":["can't be blank"]|"pointer":"/data/attributes/flexible-asset-traits.display-name"`},
		{"unknown key unnamed", Faults{}, "PATCH", path, doc("flexible-assets", `{"traits":{"display-name":"x","nope":1}}`), 422,
			`"pointer":"data/attributes/traits"|!nope`},
		{"text status", Faults{TextStatus: true}, "PATCH", path, bad, 422, `"status":"422"`},
		{"detail always a list", Faults{ArrayDetails: true}, "GET", "/contacts/9", "", 404, `"detail":["The record`},
		{"empty", Faults{ErrorBody: BodyEmpty}, "PATCH", path, bad, 422, "!errors"},
		{"html", Faults{ErrorBody: BodyHTML}, "PATCH", path, bad, 422, "<html>"},
		{"not json", Faults{}, "PATCH", path, "{", 400, "not JSON"},
		{"no data", Faults{}, "PATCH", path, "{}", 400, "data"},
		{"encoded twice", Faults{}, "PATCH", path, `"{\"data\":{}}"`, 500, ""},
		{"wrong type", Faults{}, "PATCH", path, doc("contacts", `{}`), 400, "type"},
		{"unknown attribute", Faults{}, "PATCH", path, doc("flexible-assets", `{"nmae":"x"}`), 422, "nmae"},
		{"unknown attribute ignored", Faults{IgnoreUnknownAttributes: true}, "PATCH", path, doc("flexible-assets", `{"nmae":"x"}`), 200, ""},
		{"too large", Faults{BodyLimit: 10}, "PATCH", path, bad, 413, "<html>"},
		{"script", Faults{RejectScripts: true}, "PATCH", path, doc("flexible-assets", `{"traits":{"display-name":"\u003cscript>"}}`), 403,
			"Forbidden"},
	})
}

func TestFaultsHappenOnce(t *testing.T) {
	body := doc("contacts", `{"title":"Buyer"}`)
	for _, tt := range []struct {
		fault  Fault
		status int // 0: the connection breaks
		want   string
		title  string // afterwards, at the server
	}{
		{Fault{Kind: Broken}, 500, "errors", ""},
		{Fault{Kind: BrokenCommitted}, 500, "errors", "Buyer"},
		{Fault{Kind: BadGateway}, 502, "<html>", ""},
		{Fault{Kind: GatewayCommitted}, 502, "<html>", "Buyer"},
		{Fault{Kind: Unavailable, RetryAfter: 9}, 503, "<html>", ""},
		{Fault{Kind: TimedOut}, 504, "<html>", ""},
		{Fault{Kind: TimedOutCommitted}, 504, "<html>", "Buyer"},
		{Fault{Kind: Dropped}, 0, "", ""},
		{Fault{Kind: DroppedCommitted}, 0, "", "Buyer"},
		{Fault{Kind: CutBody}, 0, "", "Buyer"},
		{Fault{Kind: Throttled}, 429, "Too Many Requests", ""},
		{Fault{Kind: Throttled, RetryAfter: 9}, 429, "Too Many Requests", ""},
		{Fault{Kind: Forbidden}, 403, "Forbidden", ""},
		{Fault{Kind: Unauthorized}, 401, "errors", ""},
		{Fault{Kind: BareUnauthorized}, 401, "message", ""},
		{Fault{Kind: Gone}, 404, "errors", ""},
		{Fault{Kind: Unprocessable}, 422, "errors", ""},
		{Fault{Kind: HTMLPage}, 200, "<html>", "Buyer"},
		{Fault{Kind: EmptyAnswer}, 200, "", "Buyer"},
		{Fault{Kind: Echoed}, 200, `"title":"Buyer"`, ""},
	} {
		t.Run(string(tt.fault.Kind), func(t *testing.T) {
			s, base := newSim(t)
			s.Fail(Rule{Method: "PATCH", Route: "/contacts/{id}", Body: "Buyer", Times: 1, Fault: tt.fault})
			got := do(t, base, "PATCH", "/contacts/41", body)
			if tt.status == 0 {
				if got.err == nil {
					t.Errorf("got %d %s, want a broken connection", got.status, got.body)
				}
			} else {
				got.want(t, tt.status, tt.want)
			}
			if got := s.World().Contact(41).Title; got != tt.title {
				t.Errorf("title at the server: got %q, want %q", got, tt.title)
			}
			want := ""
			if tt.fault.RetryAfter > 0 {
				want = fmt.Sprint(tt.fault.RetryAfter)
			}
			if wait := got.header.Get("Retry-After"); wait != want {
				t.Errorf("Retry-After: got %q, want %q", wait, want)
			}
			do(t, base, "PATCH", "/contacts/41", body).want(t, 200)
		})
	}
}

func TestAListMayFailMidway(t *testing.T) {
	s, base := newSim(t)
	s.Fail(Rule{Query: "page[number]=2", Fault: Fault{Kind: TimedOut}})
	do(t, base, "GET", "/contacts?page%5Bsize%5D=1&page%5Bnumber%5D=1", "").want(t, 200)
	do(t, base, "GET", "/contacts?page%5Bsize%5D=1&page%5Bnumber%5D=2", "").want(t, 504)
	s.Heal()
	s.Fail(Rule{Route: "/contacts", Skip: 1, Times: 1, Fault: Fault{Kind: Forbidden}})
	for _, want := range []int{200, 403, 200} {
		do(t, base, "GET", "/contacts", "").want(t, want)
	}
}

func TestAHookSeesEveryRequest(t *testing.T) {
	s, base := newSim(t)
	s.Before(func(r *http.Request) Fault {
		if r.Method == "PATCH" && s.World().Contact(41) != nil { // the server is not locked
			return Fault{Kind: Forbidden}
		}
		return Fault{}
	})
	do(t, base, "GET", "/contacts/41", "").want(t, 200)
	do(t, base, "PATCH", "/contacts/41", doc("contacts", "{}")).want(t, 403)
}

func TestTheLimiterSlidesAndTheMeterCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(seed(), options)
		s.SetFaults(Faults{RateLimit: 3, RateWindow: time.Minute})
		var got []int
		for range 7 {
			r := inProcess(t, s, "/regions")
			if wait := r.header.Get("Retry-After"); wait != "" {
				t.Errorf("got Retry-After %q, want none: the vendor documents none", wait)
			}
			got = append(got, r.status)
			time.Sleep(10 * time.Second)
		}
		if want := []int{200, 200, 200, 429, 429, 429, 200}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		for _, tt := range []struct {
			window time.Duration
			want   int
		}{{10 * time.Second, 1}, {11 * time.Second, 2}, {time.Minute, 6}, {time.Hour, 7}} {
			if got := s.MaxRate(tt.window); got != tt.want {
				t.Errorf("MaxRate(%s): got %d, want %d", tt.window, got, tt.want)
			}
		}
		s.SetFaults(Faults{RateLimit: 1, RetryAfter: 20})
		time.Sleep(VendorWindow)
		inProcess(t, s, "/regions").want(t, 200)
		if got := inProcess(t, s, "/regions").header.Get("Retry-After"); got != "20" {
			t.Errorf("got Retry-After %q, want 20", got)
		}
		time.Sleep(VendorWindow)
		inProcess(t, s, "/regions").want(t, 200)
	})
}

func TestTheVendorsOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(seed(), options)
		s.SetFaults(Faults{RateLimit: VendorLimit})
		for i := range VendorLimit {
			if got := inProcess(t, s, "/regions").status; got != 200 {
				t.Fatalf("request %d: got %d, want 200", i, got)
			}
		}
		inProcess(t, s, "/regions").want(t, 429)
		time.Sleep(VendorWindow)
		inProcess(t, s, "/regions").want(t, 200)
	})
}

func inProcess(t *testing.T, s *Server, path string) reply {
	t.Helper()
	r, err := http.NewRequest("GET", "https://api.eu.itglue.example"+path, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	r.Header.Set("x-api-key", options.Key)
	return ask(&http.Client{Transport: s.Transport(), Timeout: time.Minute}, r)
}

func TestInProcessAnswersAreSlowAndBrokenToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(seed(), options)
		start := time.Now()
		s.Fail(Rule{Fault: Fault{Delay: 28 * time.Second}})
		inProcess(t, s, "/regions").want(t, 200)
		if got := time.Since(start); got != 28*time.Second {
			t.Errorf("got an answer after %s, want 28s", got)
		}
		s.Heal()
		s.Fail(Rule{Fault: Fault{Delay: 2 * time.Minute}})
		if got := inProcess(t, s, "/regions"); got.err == nil {
			t.Errorf("got %d, want the client's own timeout", got.status)
		}
		s.Heal()
		for _, kind := range []FaultKind{Dropped, DroppedCommitted, CutBody} {
			s.Fail(Rule{Times: 1, Fault: Fault{Kind: kind}})
			if got := inProcess(t, s, "/regions"); got.err == nil {
				t.Errorf("%s: got %d %s, want an error", kind, got.status, got.body)
			}
		}
	})
}

func TestTheLogTellsReadsFromWrites(t *testing.T) {
	s, base := newSim(t)
	do(t, base, "GET", "/contacts/41", "")
	do(t, base, "GET", "/contacts/42", "")
	do(t, base, "PATCH", "/contacts/41", doc("contacts", `{"title":"Buyer"}`))
	do(t, base, "PATCH", "/contacts/41", doc("contacts", `{"titel":"Buyer"}`))
	do(t, base, "POST", "/domains", doc("domains", `{"name":"x.example"}`)).want(t, 404)
	counts := s.Counts()
	if got := counts["GET /contacts/{id}"]; got != 2 {
		t.Errorf("got %d reads, want 2 in %v", got, counts)
	}
	var got []string
	for _, w := range s.Writes() {
		got = append(got, fmt.Sprint(w.Method, " ", w.Path, " ", w.Status, " ", w.Changed))
	}
	if want := "PATCH /contacts/41 200 true, PATCH /contacts/41 422 false, POST /domains 404 false"; strings.Join(got, ", ") != want {
		t.Errorf("got writes %q, want %q", got, want)
	}
	if got := s.ForbiddenCalls(); len(got) != 0 {
		t.Errorf("got forbidden calls %v, want none", got)
	}
	s.Forget()
	if n := len(s.Requests()); n != 0 {
		t.Errorf("got %d requests after Forget, want 0", n)
	}
}

func TestPeopleEditTheWorld(t *testing.T) {
	now := noon
	s := New(seed(), Options{Now: func() time.Time { return now }})
	now = noon.Add(time.Hour)
	s.Edit("tess", func(w *World) {
		a := w.Asset(financeID)
		w.SetTrait(a, "Notes (manual)", "<p>call twice</p>")
		w.Field(61).Name = "Entra object"
		w.Assets = append(w.Assets, &Asset{OrganizationID: 2, TypeID: 50, Traits: map[int64]any{60: "By hand"}})
	})
	w := s.World()
	a := w.Asset(financeID)
	if got := w.Trait(a, "notes-manual"); got != "<p>call twice</p>" {
		t.Errorf("got notes %v", got)
	}
	if i := a.Info; i.UpdatedBy != "tess" || !i.UpdatedAt.Equal(now) || !i.CreatedAt.Equal(noon) || a.Versions != 2 {
		t.Errorf("got %+v, version %d, want tess at %s, version 2", i, a.Versions, now)
	}
	if got := w.Trait(a, "entra-object"); got != "0f5d" {
		t.Errorf("got %v by the new key, want the old value", got)
	}
	if got := w.AssetsOf(50, 2)[0]; got.ID != financeID || len(w.AssetsOf(50, 0)) != 3 {
		t.Errorf("got %d first of %d, want %d of 3", got.ID, len(w.AssetsOf(50, 0)), int64(financeID))
	}
	if got := w.Contact(41).Info.UpdatedBy; got != "setup" {
		t.Errorf("got an untouched contact updated by %q, want setup", got)
	}
	if s.SetFaults(Faults{StableNameKeys: true}); true {
		s.Edit("tess", func(w *World) { w.Field(61).Name = "Something else" })
		if got := s.World().Field(61).NameKey; got != "entra-object" {
			t.Errorf("got key %q, want the old one", got)
		}
	}
	w.Asset(financeID).Traits[60] = "mine"
	if got := s.World().Asset(financeID).Traits[60]; got != "Finance" {
		t.Errorf("got %v: the copy is not one", got)
	}
}
