package pages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// aBill is a program whose ledger has four customers: one billed 2 of 12 too little, one too
// much in another currency, one of whom nothing is proven, one that is not linked.
func aBill(t *testing.T) *app.Running {
	now := time.Now().UTC()
	began := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, -1, 3)
	of := func(customer, name, outcome, failed string, spans ...state.Span) *state.Commit {
		scope := plan.Scope{Customer: customer, Target: "connectwise"}
		c := &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: name, Outcome: outcome, Error: failed, At: now}}
		for _, s := range spans {
			s.Key, s.From, s.Product, s.Label, s.Cycle, s.Agreement = plan.Key{Kind: "addition", ID: "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"}, began, "M365-BP", "Business Premium", "1", "55"
			s.Rules = []state.SpanRule{{SKU: "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", Part: "SPB", Name: "Business Premium", Product: "M365-BP", Count: "purchased", Status: "bill"}}
			c.Spans = append(c.Spans, s)
		}
		return c
	}
	little := of("a", "Contoso <b>", "in_step", "", state.Span{Known: true, Purchased: "12", Assigned: "9", Due: "12", Billed: "10", Price: "22.00", Currency: "USD", Ref: "55/910"})
	little.Cursor.Seen = []directory.Seen{{ID: "sub-1", SKU: "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", Status: "Enabled", State: "enabled", Units: 12, Ends: now.AddDate(0, 0, 20), Term: "annual"},
		{ID: "sub-2", SKU: "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", Status: "Suspended", State: "suspended", Units: 7, Ends: now.AddDate(0, 0, 20)}}
	return program(t, little,
		of("b", "Fabrikam", "in_step", "", state.Span{Known: true, Purchased: "5", Assigned: "5", Due: "5", Billed: "6", Price: "20.00", Currency: "EUR", Ref: "56/911"}),
		of("c", "Northwind", "incomplete", "the list of licences is not whole", state.Span{Why: "the list of licences is not whole", Currency: "USD"}),
		of("d", "Adatum", "unmapped", ""))
}

func see(t *testing.T, h http.Handler, path string, says ...string) string {
	t.Helper()
	w := ask(h, "GET", path, "")
	if w.Code != 200 {
		t.Fatalf("%s: got %d: %s", path, w.Code, w.Body)
	}
	body := strings.ReplaceAll(w.Body.String(), "&#43;", "+")
	for _, s := range says {
		if !strings.Contains(body, s) {
			t.Errorf("%s lacks %q: %s", path, s, body)
		}
	}
	return body
}

func TestTheReconciliationFromTheLedger(t *testing.T) {
	running := aBill(t)
	h := Handler(running, somebody(app.RoleViewer))
	body := see(t, h, "/report", "One line bills too little, one line too much", "+44.00 USD", "−20.00 EUR", "Contoso &lt;b&gt;", "the list of licences is not whole", "customer is not linked",
		`href="/customers/a/explain/M365-BP"`, "From the ledger, as the last run found it", "66.00", "syncd report licences")
	if strings.Index(body, "+44.00 USD") > strings.Index(body, "−20.00 EUR") {
		t.Error("less money stands first")
	}
	if strings.Contains(body, "<button>Read everything anew") || !strings.Contains(see(t, Handler(running, somebody(app.RoleMapper)), "/report"), "<button>Read everything anew") {
		t.Error("whoever may only look is offered to read anew, or who may is not")
	}
	for path, want := range map[string]string{"?status=over_billed": "b", "?status=unmapped": "d", "?name=CONTOSO": "a", "?size=30": "a", "?product=premium&size=0.01": "a b", "?name=nobody": "", "?status=needs_decision": "c"} {
		got := []string{}
		body := see(t, h, "/report"+path)
		for _, key := range []string{"a", "b", "c", "d"} {
			if strings.Contains(body, `href="/customers/`+key+`"`) {
				got = append(got, key)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	csv := ask(h, "GET", "/report/sheet?format=csv", "")
	if csv.Code != 200 || !strings.Contains(csv.Body.String(), "Contoso <b>,M365-BP,Business Premium,12,9,3,12,10,2,22.00,44.00,66.00,USD,under-billed,") {
		t.Errorf("got %d: %s", csv.Code, csv.Body)
	}
	for path, want := range map[string]int{"/report?status=wrong": 422, "/report?size=much": 422, "/report/sheet": 422, "/report/sheet?format=xlsx": 200, "/report/sheet?format=csv&of=reading": 404, "/report?of=reading": 200, "/report?page=99": 200} {
		if w := ask(h, "GET", path, ""); w.Code != want {
			t.Errorf("%s: got %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
}

func TestRenewalsFromMemory(t *testing.T) {
	h := Handler(aBill(t), somebody(app.RoleViewer))
	ends := time.Now().UTC().AddDate(0, 0, 20)
	body := see(t, h, "/report/renewals", "One term ends within 90 days, with 3 units that nobody uses", "sub-1", "3,168.00 USD", ends.Format("January 2006"), ends.Format("Jan 2006"), "annual", "Northwind", "not read by the last run")
	if strings.Contains(body, "sub-2") {
		t.Error("what is suspended is said to renew")
	}
	see(t, h, "/report/renewals?show=spare", "sub-1")
	see(t, h, "/report/renewals?show=unknown", "No term fits")
	csv := ask(h, "GET", "/report/renewals?format=csv", "")
	if want := "a,Contoso <b>,sub-1,SPB,12,3," + ends.Format(time.DateOnly) + "," + ends.Format(time.DateOnly) + ",3168.00,USD"; !strings.Contains(csv.Body.String(), want) {
		t.Errorf("got %s, want %s", csv.Body, want)
	}
	if w := ask(h, "GET", "/report/renewals?days=x", "", "Accept", "application/json"); w.Code != 422 {
		t.Errorf("got %d", w.Code)
	}
}

func TestLeakageFromTheLedger(t *testing.T) {
	h := Handler(aBill(t), somebody(app.RoleViewer))
	now := time.Now().UTC()
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, -1, 0)
	see(t, h, "/report/leakage", first.Format("January 2006")+" loses 44.00 USD that are not billed", "Under-billed by month, USD", "Over-billed by month, EUR", "Unassigned by month, USD", "Nothing is recorded of ",
		"Contoso &lt;b&gt;", "Fabrikam", "(1 line)", "/months/"+first.Format("2006-01"))
	see(t, h, "/report/leakage?month="+last.Format("2006-01"), last.Format("January 2006")+" loses 44.00 USD")
	see(t, h, "/report/leakage?month="+first.AddDate(0, -5, 0).Format("2006-01"), "nothing is recorded", "No customer lost anything")
	see(t, h, "/report/leakage?name=fabrikam", "Fabrikam")
	csv := ask(h, "GET", "/report/leakage?format=csv&month="+last.Format("2006-01"), "").Body.String()
	if want := last.Format("2006-01") + ",a,Contoso <b>,unassigned,M365-BP,3,66.00,USD"; !strings.Contains(csv, want) || strings.Contains(csv, first.Format("2006-01")+",") {
		t.Errorf("got %s, want %s", csv, want)
	}
	for path, want := range map[string]int{"?month=2019-01": 422, "?month=soon": 422, "?format=doc": 422} {
		if w := ask(h, "GET", "/report/leakage"+path, ""); w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
}

// Nobody to ask: the reading fails and says so, one at a time, and the ledger is shown as before.
func TestAReadingThatFails(t *testing.T) {
	running := aBill(t)
	running.Engine.Source = running.CIPP // which does not answer
	h := Handler(running, somebody(app.RoleMapper))
	w := ask(h, "POST", "/report/reading", "back=/report/renewals")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/report/renewals?") {
		t.Fatalf("got %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	if events := ask(h, "GET", "/report/reading/progress", "").Body.String(); !strings.Contains(events, "event: ended") {
		t.Errorf("got %s", events)
	}
	running.Wait()
	see(t, h, "/report?of=reading", "Reading everything anew failed.", "From the ledger")
}

// What takes minutes is not cut off by the deadlines of the listener.
func TestALongAnswerOutlivesTheDeadlines(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		takesLong(w)
		time.Sleep(150 * time.Millisecond)
		fmt.Fprint(w, r.Context().Err())
	}))
	s.Config.ReadTimeout, s.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	s.Start()
	defer s.Close()
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var said string
	if _, err := fmt.Fscan(resp.Body, &said); err != nil || said != "<nil>" {
		t.Errorf("got %q, %v", said, err)
	}
}
