package pages

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// upload sends a table as a browser does.
func upload(h http.Handler, path, text string, header ...string) *httptest.ResponseRecorder {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, _ := form.CreateFormFile("file", `..\..\links.csv`)
	file.Write([]byte(text))
	form.Close()
	return ask(h, "POST", path, body.String(), append(header, "Content-Type", form.FormDataContentType())...)
}

const (
	lucerne = "0f5d3c7e-8f43-4f57-9d1e-000000000001"
	yonder  = "0f5d3c7e-8f43-4f57-9d1e-000000000002"
	twin    = "0f5d3c7e-8f43-4f57-9d1e-000000000003"
)

// unmapped is a program with three tenants, of which two are called alike, and with suggestions:
// one that is sure, and one between which a person must choose.
func unmapped(t *testing.T) *app.Running {
	running := program(t)
	running.Engine.Source = listing{{ID: lucerne, Name: "Lucerne Logistics", DefaultDomain: "lucerne.example"}, {ID: yonder, Name: "Blue <b>Yonder", DefaultDomain: "yonder.example"},
		{ID: twin, Name: "blue <B>yonder"}}
	book := app.SuggestionBook{At: time.Now(), Suggestions: []mapping.Suggestion{
		{TenantID: lucerne, TenantName: "Lucerne Logistics", Column: mapping.ConnectWiseCompany, Candidates: []mapping.Candidate{{ID: "19314", Name: "Lucerne Ltd", Score: 0.98, Evidence: []string{"the field holds the tenant id"}}}},
		{TenantID: yonder, TenantName: "Blue Yonder", Column: mapping.ConnectWiseCompany, Ambiguous: "nearly as much speaks for <i>Yonder",
			Candidates: []mapping.Candidate{{ID: "19340", Name: "Yonder AB", Score: 0.72, Evidence: []string{"the names are alike"}}, {ID: "19341", Name: "<i>Yonder", Score: 0.7}}}}}
	if err := app.Put(t.Context(), running.Store, app.SuggestionsDocument, 0, book); err != nil {
		t.Fatal(err)
	}
	return running
}

func TestWhatIsNotMappedIsShownFirstWithWhatSpeaksForIt(t *testing.T) {
	running := unmapped(t)
	body := ask(Handler(running, somebody(app.RoleMapper)), "GET", "/map", "").Body.String()
	for _, want := range []string{"Three tenants are not mapped yet", "0 of 3 are.", "Lucerne Ltd", "19314", "0.98", "0.72 / 0.70", "nearly as much speaks for &lt;i&gt;Yonder",
		`value="connectwise_company/19314/` + lucerne + `" checked`, `value="connectwise_company/19341/` + yonder + `">`, "nothing fits", twin, `<span class="count">3</span>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Index(body, "Lucerne Logistics") > strings.Index(body, "Yonder AB") {
		t.Error("what is sure does not come first")
	}
	if strings.Contains(body, "<b>") || strings.Contains(body, "<i>Yonder") {
		t.Error("a name is markup")
	}
	viewer := ask(Handler(running, somebody(app.RoleViewer)), "GET", "/map?q=lucerne", "").Body.String()
	if strings.Contains(viewer, `type="checkbox"`) || !strings.Contains(viewer, "Lucerne Ltd") || strings.Contains(viewer, "Yonder") {
		t.Error("a viewer has boxes, or the search finds others")
	}
	var list app.LinkList
	if err := json.Unmarshal(ask(Handler(running, somebody(app.RoleViewer)), "GET", "/map", "", "Accept", "application/json").Body.Bytes(), &list); err != nil || len(list.Customers) != 3 {
		t.Errorf("got %v, %+v", err, list)
	}
}

// Two people decide at once: the second is told what the first did, and nothing is done twice.
func TestACustomerIsLeftOutOnce(t *testing.T) {
	running := unmapped(t)
	h := Handler(running, somebody(app.RoleMapper))
	out := func(reason string) string {
		return url.Values{"customer": {lucerne}, "reason": {reason}, "seen": {"unmapped"}}.Encode()
	}
	tick := url.Values{"link": {"connectwise_company/19314/" + lucerne}}.Encode()
	for _, c := range []struct {
		path, body string
		want       int
		says       string
	}{
		{"/map/links", "", 422, "nothing was ticked"},
		{"/map/links", "link=x", 422, "is no link"},
		{"/map/links", "link=nonsense/1/" + lucerne, 422, "there is no column"},
		{"/map/links", "link=connectwise_company/1/" + url.QueryEscape("nobody at all"), 422, "no customer is called"},
		{"/map/links", tick + "&link=connectwise_company/19315/" + lucerne, 422, "can have one company"},
		{"/map/ignore", out(""), 422, "say why"},
		{"/map/later", "customer=" + lucerne, 303, ""},
		{"/map/ignore", out("a lab"), 303, ""},
		{"/map/ignore", out("a lab"), 303, ""},
		{"/map/ignore", out("another reason"), 409, "is ignored now"},
		{"/map/links", tick, 409, "left out of every target (Dana"},
		{"/map/choose?customer=x&column=y", "", 405, ""},
	} {
		if w := ask(h, "POST", c.path, c.body); w.Code != c.want || !strings.Contains(strings.ToLower(w.Body.String()), strings.ToLower(c.says)) {
			t.Errorf("%s %s: got %d, want %d and %q in\n%s", c.path, c.body, w.Code, c.want, c.says, w.Body)
		}
	}
	entries := 0
	for _, err := range running.Store.Journal(t.Context(), state.JournalFilter{}) {
		if entries++; err != nil {
			t.Fatal(err)
		}
	}
	if entries != 1 {
		t.Errorf("got %d entries in the journal, want 1", entries)
	}
}

// What was decided here is taken back here: a customer that was left out, and a link that is wrong.
func TestWhatWasDecidedOnLinksIsTakenBack(t *testing.T) {
	running := unmapped(t)
	table := mapping.Table{Rows: []mapping.Row{
		{TenantID: twin, Tenant: "blue yonder", Status: mapping.Ignored, Reason: "gone away", Links: mapping.Links{mapping.ConnectWiseCompany: "213"}},
		{TenantID: yonder, Tenant: "Blue Yonder", Status: mapping.Linked, Links: mapping.Links{mapping.ConnectWiseCompany: "19340", mapping.ConnectWiseAgreement: "55"}},
		{TenantID: lucerne, Tenant: "Lucerne Logistics", Status: mapping.Linked, Links: mapping.Links{"itglue_organization": "7"}}}}
	if err := app.Put(t.Context(), running.Store, app.LinksDocument, 0, table); err != nil {
		t.Fatal(err)
	}
	h := Handler(running, somebody(app.RoleMapper))
	page := ask(h, "GET", "/map", "").Body.String()
	for _, want := range []string{"Every tenant is mapped; 1 has no bill", "1 of these is linked elsewhere, and to no ConnectWise company: nothing of theirs is billed.", "gone away; before: company 213", `action="/map/back"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q in\n%s", want, page)
		}
	}
	if choose := ask(h, "GET", "/map/choose?customer="+yonder+"&column="+mapping.ConnectWiseCompany, "").Body.String(); !strings.Contains(choose, `action="/map/unlink"`) || !strings.Contains(choose, `name="seen" value="19340"`) {
		t.Errorf("a link cannot be taken away:\n%s", choose)
	}
	away := func(seen, reason string) string {
		return url.Values{"customer": {yonder}, "column": {mapping.ConnectWiseCompany}, "seen": {seen}, "reason": {reason}}.Encode()
	}
	back := url.Values{"customer": {twin}, "seen": {"ignored"}}.Encode()
	for _, c := range []struct {
		what, path, body string
		want             int
		says             string
	}{
		{"no reason", "/map/back", back, 422, "say why"},
		{"one that is not left out", "/map/back", "customer=" + yonder + "&reason=x", 422, "is not left out"},
		{"one that was left out since", "/map/back", "customer=" + twin + "&reason=x&seen=linked", 409, "was left out: gone away"},
		{"back", "/map/back", back + "&reason=still+here", 303, ""},
		{"back twice", "/map/back", back + "&reason=still+here", 303, ""},
		{"no reason", "/map/unlink", away("19340", ""), 422, "say why"},
		{"no column", "/map/unlink", "customer=" + yonder + "&reason=x", 422, "say which link"},
		{"another link than was seen", "/map/unlink", away("19341", "wrong one"), 409, "is linked to company 19340 now"},
		{"a wrong link", "/map/unlink", away("19340", "wrong one"), 303, ""},
		{"once more", "/map/unlink", away("19340", "wrong one"), 303, ""},
		{"neither yes nor no", "/map/later", "customer=" + lucerne + "&later=zzz", 422, "neither yes nor no"},
	} {
		if w := ask(h, "POST", c.path, c.body); w.Code != c.want || !strings.Contains(w.Body.String(), c.says) && !strings.Contains(w.Body.String(), strings.ToUpper(c.says[:1])+c.says[1:]) {
			t.Errorf("%s: got %d, want %d and %q in\n%s", c.what, w.Code, c.want, c.says, w.Body)
		}
	}
	links, err := running.Links(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[directory.TenantID]mapping.Status{twin: mapping.Suggested, yonder: "", lucerne: mapping.Linked} {
		if row, _ := links.Row(id); row.Status != want || id == yonder && len(row.Links) > 0 {
			t.Errorf("%s is %q with %v, want %q", id, row.Status, row.Links, want)
		}
	}
	if body := ask(h, "GET", "/map?q="+twin, "").Body.String(); !strings.Contains(body, "connectwise_company/213/"+twin+`">`) || strings.Contains(body, "checked") {
		t.Errorf("what it was linked to is not suggested, or is ticked already:\n%s", body)
	}
	var why []string
	for e, err := range running.Store.Journal(t.Context(), state.JournalFilter{}) {
		if why = append(why, e.Why); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(why, ", "); got != "wrong one, still here" {
		t.Errorf("the journal has the reasons %q", got)
	}
}

func TestATableIsTakenWholeOrNotAtAll(t *testing.T) {
	running := unmapped(t)
	h := Handler(running, somebody(app.RoleMapper))
	bad := "tenant_id,status,reason\n" + lucerne + ",ignored,a lab\nnonsense,ignored,x\n" + yonder + ",perhaps,\n"
	w := upload(h, "/map/import", bad)
	for _, want := range []string{"links.csv: nothing was imported", `<td class="n">3</td>`, `<td class="n">4</td>`, "is no status", "Back to Mapping"} {
		if w.Code != 422 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("got %d, want 422 and %q in\n%s", w.Code, want, w.Body)
		}
	}
	var wrong struct{ Problems []mapping.Problem }
	if err := json.Unmarshal(upload(h, "/map/import", bad, "Accept", "application/json").Body.Bytes(), &wrong); err != nil || len(wrong.Problems) != 2 || wrong.Problems[0].Line != 3 {
		t.Errorf("got %v, %+v", err, wrong)
	}
	if links, err := running.Links(t.Context()); err != nil || len(links.Rows) > 0 {
		t.Errorf("got %v, %+v, want no row", err, links)
	}
	if w := upload(h, "/map/import", "tenant_id,status,reason\n"+lucerne+",ignored,a lab\n"); w.Code != 303 {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
	if csv := ask(h, "GET", "/map/export", "").Body.String(); !strings.Contains(csv, lucerne) || !strings.Contains(csv, "a lab") {
		t.Errorf("got %s", csv)
	}
	if w := ask(h, "POST", "/map/import", ""); w.Code != 422 || !strings.Contains(w.Body.String(), "No file came") {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
}

// Whoever presses twice did it once, and reads so.
func TestADecisionThatIsSentManyTimesAtOnceIsOne(t *testing.T) {
	running := unmapped(t)
	h := Handler(running, somebody(app.RoleMapper))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if w := ask(h, "POST", "/map/ignore", url.Values{"customer": {yonder}, "reason": {"gone"}}.Encode()); w.Code != http.StatusSeeOther {
				t.Errorf("got %d: %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	made := 0
	for e, err := range running.Store.Journal(t.Context(), state.JournalFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Key.Kind == app.LinksDocument {
			made++
		}
	}
	if made != 1 {
		t.Errorf("the journal has %d entries of it, want 1", made)
	}
}
