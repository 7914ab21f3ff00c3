package pages

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// The customers of these tests: one whose plan waits, one of the same name, and one that the
// table of links alone knows.
const (
	contoso = "7d1f0000-8f43-4f57-9d1e-5a0f1c2b7d90"
	another = "7d1f0000-8f43-4f57-9d1e-5a0f1c2b7d91"
	linked  = "7d1f0000-8f43-4f57-9d1e-5a0f1c2b7d92"
)

// billed is a program with a customer who was billed for some months.
func billed(t *testing.T) *app.Running {
	spb := plan.Key{Kind: "addition", ID: "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"}
	month := func(back int) time.Time { return time.Now().UTC().AddDate(0, -back, 0) }
	span := func(from time.Time, bought, billed string) state.Span {
		return state.Span{Key: spb, From: from, Known: true, Product: "M365-BP", Label: "Business Premium", Purchased: bought, Assigned: "9", Due: bought, Billed: billed,
			Price: "22", Currency: "USD", Cycle: "1", Agreement: "55", Proof: state.SpanProof{Run: "01RUN"},
			Rules: []state.SpanRule{{SKU: spb.ID, Name: "Business Premium", Product: "M365-BP", Count: "purchased", Status: "bill"}}}
	}
	c := held(contoso, "Contoso", "7f3a91c2e004")
	c.Hold.Plan = []byte(strings.ReplaceAll(string(c.Hold.Plan), `"key":"k"`, `"key":"`+spb.ID+`"`))
	c.Spans = []state.Span{span(month(3), "10", "10"), span(month(2), "12", "10"), {Key: spb, From: month(1), Product: "M365-BP", Label: "Business Premium", Why: "no access"}, span(month(1).Add(time.Hour), "14", "12")}
	entry := state.Entry{At: month(2).Add(time.Minute), Run: "02RUN", Scope: c.Scope, Name: "Contoso", Action: plan.Update, Key: spb, Label: "Business Premium", Ref: "55/910", Reason: plan.ChangedAtSource,
		Money: "44.00", Result: state.ResultDone, By: "Dana", Why: "new starter", Digest: "d2",
		Before: &state.Image{Key: spb, Fields: plan.Set("quantity", "10")}, After: &state.Image{Key: spb, Fields: plan.Set("quantity", "12")}}
	approval := state.Entry{At: month(2), Scope: c.Scope, Name: "Contoso", Action: state.ActionApprove, Digest: "d2", By: "Dana", How: "signed in", Why: "new starter", Result: state.ResultDone}
	c.Entries = []state.Entry{approval, entry}
	people := &state.Commit{Scope: plan.Scope{Customer: contoso, Target: "itglue"}, Cursor: &state.Cursor{Scope: plan.Scope{Customer: contoso, Target: "itglue"}, Name: "Contoso", Outcome: "failed", Error: "IT Glue refused it"}}
	for _, name := range []string{"Ada", "Bob", "Cem", "Dora"} {
		people.Entries = append(people.Entries, state.Entry{At: month(0), Run: "03RUN", Scope: people.Scope, Name: "Contoso", Action: plan.Create, Key: plan.Key{Kind: "contact", ID: name}, Label: name, Result: state.ResultDone})
	}
	running := program(t, c, people, held(another, "CONTOSO", "00000000000b"))
	table := mapping.Table{Rows: []mapping.Row{
		{TenantID: contoso, Tenant: "Contoso", Links: mapping.Links{mapping.ConnectWiseCompany: "250"}, Status: mapping.Linked},
		{TenantID: linked, Tenant: "Tailspin", Status: mapping.Ignored, Reason: "our own"}}}
	rules := mapping.Rules{Rules: []mapping.Rule{{SKU: spb.ID, Part: "SPB", Name: "Business Premium", Product: "M365-BP", Count: "purchased", Status: mapping.Bill}}}
	for name, value := range map[string]any{app.LinksDocument: table, app.ProductsDocument: rules} {
		if err := app.Put(t.Context(), running.Store, name, 0, value); err != nil {
			t.Fatal(err)
		}
	}
	return running
}

func TestCustomersAreListedAndFound(t *testing.T) {
	h := Handler(billed(t), somebody(app.RoleViewer))
	for _, c := range []struct {
		path      string
		says, not []string
	}{
		{"/customers", []string{"0 of 3 customers in step", "264.00 USD", "+44.00 USD", `<small class="id"><bdi>` + contoso, `<small class="id"><bdi>` + another, "left out", "our own", "failed"}, nil},
		{"/customers?q=TAIL", []string{"Tailspin"}, []string{"Contoso"}},
		{"/customers?q=250", []string{contoso}, []string{another, "Tailspin"}},
		{"/customers?q=" + another, []string{another}, []string{contoso}},
		{"/customers?stands=left+out", []string{"Tailspin"}, []string{"Contoso"}},
		{"/customers?q=nobody", []string{"No customer fits"}, []string{"Contoso"}},
	} {
		w := ask(h, "GET", c.path, "")
		for _, says := range c.says {
			if !strings.Contains(html.UnescapeString(w.Body.String()), says) {
				t.Errorf("%s does not say %q\n%s", c.path, says, w.Body)
			}
		}
		for _, not := range c.not {
			if strings.Contains(w.Body.String(), not) {
				t.Errorf("%s says %q", c.path, not)
			}
		}
	}
}

func TestACustomerIsShown(t *testing.T) {
	h := Handler(billed(t), somebody(app.RoleMapper))
	for _, c := range []struct {
		path string
		want int
		says []string
	}{
		{"/customers/" + contoso, 200, []string{
			"http://127.0.0.1:1/v4_6_release/services/system_io/router/openrecord.rails?companyName=msp&recid=250&recordType=CompanyFV", "tenantFilter=" + contoso,
			"waits: +44.00", "264.00 USD", "Counting what is purchased", "IT Glue", "IT Glue refused it", "4 contacts created", "Dora, Cem, Bob, and 1 more",
			"Business Premium is proven again: bought 14, billed 12", "Business Premium: its numbers are not proven", "no access", `role="img"`, "ledger.csv", "Set a quantity"}},
		{"/customers/" + contoso + "/history", 200, []string{"Business Premium: 10 → 12 in ConnectWise", "+44.00 a month", "approved by Dana: new starter", "Dana approved the plan for ConnectWise",
			"signed in", "10 → 12 bought at Microsoft", "is recorded from here on: bought 10, billed 10", "/runs/02RUN"}},
		{"/customers/" + contoso + "/explain/M365-BP", 200, []string{"Business Premium: 12 billed, 14 due", "the rule then: Business Premium is billed as M365-BP, counting what is purchased", "the last time before was"}},
		{"/customers/" + contoso + "/explain/M365-BP?month=" + time.Now().UTC().AddDate(0, -2, 0).Format("2006-01"), 200, []string{"new starter", "02RUN", "55/910"}},
		{"/customers/" + contoso + "/explain/m365-bp?month=" + time.Now().UTC().AddDate(0, -12, 0).Format("2006-01"), 200, []string{"It was not recorded before"}},
		{"/customers/" + contoso + "/explain/M365-BP?month=2999-01", 404, []string{"Month 2999-01 is still to come"}},
		{"/customers/" + contoso + "/explain/M365-BP?month=zzz", 422, []string{"is no month"}},
		{"/customers/" + contoso + "/explain/E5", 404, []string{"nothing is recorded"}},
		{"/customers/" + linked, 200, []string{"Tailspin", "Nothing is recorded yet"}},
		{"/customers/Contoso", 404, []string{"no customer with the key"}}, // two are called so, and a name is no key
		{"/customers/" + contoso[:20], 404, []string{"no customer with the key"}},
	} {
		w := ask(h, "GET", c.path, "")
		if w.Code != c.want {
			t.Errorf("%s: got %d, want %d", c.path, w.Code, c.want)
		}
		for _, says := range c.says {
			if !strings.Contains(strings.ToLower(html.UnescapeString(w.Body.String())), strings.ToLower(says)) {
				t.Errorf("%s does not say %q\n%s", c.path, says, w.Body)
			}
		}
	}
	if w := ask(Handler(billed(t), somebody(app.RoleViewer)), "GET", "/customers/"+contoso, ""); strings.Contains(w.Body.String(), "Set a quantity") {
		t.Error("a viewer is offered to set a quantity")
	}
}

// A program gets what the commands print.
func TestCustomersAsJSON(t *testing.T) {
	h := Handler(billed(t), somebody(app.RoleViewer))
	read := func(path string, into any) {
		t.Helper()
		w := ask(h, "GET", path, "", "Accept", "application/json")
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: got %d, %v: %s", path, w.Code, err, w.Body)
		}
	}
	var all, one app.Status
	read("/customers", &all)
	read("/customers/"+contoso, &one)
	if len(all.Scopes) != 3 || len(one.Scopes) != 2 || one.Scopes[0].Scope.Customer != contoso {
		t.Errorf("got %d and %d scopes", len(all.Scopes), len(one.Scopes))
	}
	var x struct {
		Customer struct{ Key string }
		Spans    []map[string]any
	}
	read("/customers/"+contoso+"/explain/M365-BP?month="+time.Now().UTC().Format("2006-01"), &x)
	if x.Customer.Key != contoso || len(x.Spans) == 0 {
		t.Errorf("got %+v", x)
	}
	var history struct{ Entries []map[string]any }
	read("/customers/"+contoso+"/history", &history)
	if len(history.Entries) != 6 {
		t.Errorf("got %d entries", len(history.Entries))
	}
}

func TestTheLedgerAsCSV(t *testing.T) {
	h := Handler(billed(t), somebody(app.RoleViewer))
	w := ask(h, "GET", "/customers/"+contoso+"/explain/M365-BP/ledger.csv", "")
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(lines) != 5 || !strings.Contains(lines[1], ",true,M365-BP,10,9,10,10,22,USD,") || !strings.Contains(lines[3], ",false,M365-BP,,,,,,,,no access") {
		t.Errorf("got %q", lines)
	}
	if w := ask(h, "GET", "/customers/"+contoso+"/explain/E5/ledger.csv", ""); w.Code != http.StatusNotFound {
		t.Errorf("a product of which nothing is recorded: got %d", w.Code)
	}
}

func TestAnOverrideIsSetAndEnded(t *testing.T) {
	running := billed(t)
	h := Handler(running, somebody(app.RoleMapper))
	to := "/customers/" + contoso + "/overrides"
	until := time.Now().UTC().AddDate(0, 2, 0).Format(time.DateOnly)
	for _, c := range []struct {
		path, body string
		want       int
		says       string
	}{
		{to, "product=M365-BP&bound=quantity&units=12&until=" + until, 422, "reason: empty"},
		{to, "product=M365-BP&bound=quantity&units=x&until=" + until + "&reason=y", 422, "is not a whole number"},
		{to, "product=M365-BP&bound=quantity&units=12&until=2020-01-01&reason=y", 422, "until: 2020-01-01 is over"},
		{to, "product=M365-BP&quantity=12&minimum=3&until=" + until + "&reason=y", 422, "one of quantity, minimum and maximum"},
		{to + "/end", "product=M365-BP", 422, "Nothing was set for product"},
		{"/customers/nobody/overrides", "product=M365-BP", 404, "no customer"},
		{to, "product=M365-BP&bound=quantity&units=12&until=" + until + "&reason=agreed+by+mail", 303, ""},
	} {
		w := ask(h, "POST", c.path, c.body)
		if w.Code != c.want || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), ": --") {
			t.Errorf("%s %s: got %d, want %d and %q\n%s", c.path, c.body, w.Code, c.want, c.says, w.Body)
		}
	}
	page := ask(h, "GET", "/customers/"+contoso, "").Body.String()
	for _, says := range []string{"agreed by mail", "Dana changed the override of M365-BP: 12", "End it"} {
		if !strings.Contains(page, says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	w := ask(h, "POST", to+"/end", `{"product":"M365-BP"}`, "Content-Type", "application/json", "Accept", "application/json")
	var done struct {
		Edits []struct{ Before, After string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &done); err != nil || w.Code != 200 || len(done.Edits) != 1 || done.Edits[0].After != "" {
		t.Errorf("got %d, %s", w.Code, w.Body)
	}
	if left, err := running.CustomerOverrides(t.Context(), contoso, "Contoso"); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v", left, err)
	}
}

// What is foreign cannot run on these pages either.
func TestACustomerWithHostileNames(t *testing.T) {
	const evil = "<script>alert(1)</script>\u202e"
	c := held(evil, evil, "00000000000a")
	c.Spans = []state.Span{{Key: plan.Key{Kind: "addition", ID: evil}, From: time.Now().UTC().Add(-time.Hour), Known: true, Product: "a/b?" + evil, Label: evil, Purchased: "1", Billed: "1", Due: "1", Agreement: evil, Price: "1", Currency: evil}}
	c.Entries = []state.Entry{{At: time.Now().UTC(), Scope: c.Scope, Name: evil, Action: state.ActionSettle, Label: evil, By: evil, Why: evil, How: evil}}
	h := Handler(program(t, c), somebody(app.RoleOperator))
	key := address("customers", evil)
	for _, path := range []string{"/customers", key, key + "/history", key + address("explain", "a/b?"+evil)} {
		w := ask(h, "GET", path, "")
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), "\u202e") {
			t.Errorf("%s: got %d\n%s", path, w.Code, w.Body)
		}
	}
}

func TestWhatIsCountedInSeveralWaysAddsUpInTheChart(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	span := func(key string, from, to int, known bool, bought string) state.Span {
		s := state.Span{Key: plan.Key{ID: key}, From: day(from), Known: known, Purchased: bought, Billed: bought}
		if to > 0 {
			s.To = day(to)
		}
		return s
	}
	c := ledgerChart([]state.Span{span("a", 1, 5, true, "10"), span("b", 3, 7, true, "2"), span("a", 5, 6, false, ""), span("a", 9, 0, true, "4")}, "x", day(20), "")
	var got []string
	for _, p := range c.Steps[0].Points {
		text := quantity(int(p.N))
		if p.Gap {
			text = "?"
		}
		got = append(got, p.At.Format("2")+":"+text)
	}
	if want := "1:10 3:12 5:? 6:2 7:? 9:4"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
	if ledgerChart([]state.Span{span("a", 1, 0, false, "")}, "x", day(20), "") != nil {
		t.Error("what nobody knows is drawn")
	}
}

// seenIn are the hidden fields of a page that say what it showed, as its forms send them.
func seenIn(page string) string {
	values := url.Values{}
	for _, part := range strings.Split(page, `name="seen"`)[1:] {
		value := ""
		if rest, ok := strings.CutPrefix(part, ` value="`); ok {
			value, _, _ = strings.Cut(rest, `"`)
		}
		values.Add("seen", html.UnescapeString(value))
	}
	return "&" + values.Encode()
}

// Whoever sets or ends a quantity is told of what somebody else set or ended since the page was shown.
func TestNobodyWritesOverAnOverrideUnseen(t *testing.T) {
	running := billed(t)
	as := func(name string) http.Handler {
		return Handler(running, peopleFunc(one{app.Person{Operator: app.Operator{Name: name, Identified: "by the test"}, Role: app.RoleMapper, Named: true}, true}.who))
	}
	ada, bea := as("Ada"), as("Bea")
	to := "/customers/" + contoso + "/overrides"
	set := "product=M365-BP&bound=quantity&until=" + time.Now().UTC().AddDate(0, 2, 0).Format(time.DateOnly) + "&reason=agreed&units="
	looked := func() string { return seenIn(ask(bea, "GET", "/customers/"+contoso, "").Body.String()) }
	nothing := looked()
	steps := []struct {
		what string
		who  http.Handler
		path string
		body string
		want int
		says string
	}{
		{"Ada sets 40", ada, to, set + "40" + nothing, 303, ""},
		{"the same again", ada, to, set + "40" + nothing, 303, ""},
		{"Bea, who saw nothing of it", bea, to, set + "41" + nothing, 409, "M365-BP of Contoso was set to 40 until "},
		{"she says the same", bea, to, set + "40" + nothing, 303, ""},
		{"Bea, who saw 40", bea, to, set + "41" + "LOOK", 303, ""},
		{"Ada ends what she saw", ada, to + "/end", "product=M365-BP" + nothing + "&seen=M365-BP: 40 until 2026-01-01, Ada", 409, " by Bea on "},
		{"Bea ends it", bea, to + "/end", "product=M365-BP" + "LOOK", 303, ""},
		{"and once more", bea, to + "/end", "product=M365-BP" + "LAST", 303, ""},
		{"Ada, who saw 41", ada, to, set + "40" + "LAST", 409, "was ended by Bea on "},
		{"Ada, who saw that it is ended", ada, to, set + "40" + "LOOK", 303, ""},
	}
	last := ""
	for _, s := range steps {
		body := strings.ReplaceAll(s.body, "LAST", last)
		if strings.Contains(body, "LOOK") {
			last = looked()
			body = strings.ReplaceAll(body, "LOOK", last)
		}
		w := ask(s.who, "POST", s.path, body)
		if w.Code != s.want || !strings.Contains(w.Body.String(), s.says) {
			t.Errorf("%s: got %d, want %d and %q\n%s", s.what, w.Code, s.want, s.says, w.Body)
		}
	}
	if got := strings.Join(decisions(t, running), "; "); strings.Count(got, "override ") != 4 {
		t.Errorf("the journal says %s, want four words", got)
	}
}

func TestManyWhoSetAtOnceAreOneAfterAnother(t *testing.T) {
	running := billed(t)
	h := Handler(running, somebody(app.RoleMapper))
	until := time.Now().UTC().AddDate(0, 2, 0).Format(time.DateOnly)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if w := ask(h, "POST", "/customers/"+contoso+"/overrides", "seen=&product=M365-BP&quantity=12&reason=y&until="+until); w.Code != http.StatusSeeOther {
				t.Errorf("got %d, %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if got := decisions(t, running); strings.Count(strings.Join(got, "; "), "override ") != 1 {
		t.Errorf("the journal says %v", got)
	}
}
