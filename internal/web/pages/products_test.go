package pages

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
)

const (
	skuPremium = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	skuVisio   = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
)

// sellsTwo is a program with a customer who has two licences: one has a rule and a line, the
// other has neither.
func sellsTwo(t *testing.T) *app.Running {
	scope, key := plan.Scope{Customer: "a", Target: "connectwise"}, plan.Key{Kind: "addition", ID: skuPremium}
	running := program(t, &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Contoso <b>", Outcome: "in_step", At: time.Now(), Seen: []directory.Seen{
		{ID: "1", SKU: skuPremium, Status: "Enabled", State: "enabled", Units: 1200}, {ID: "2", SKU: skuVisio, Status: "Enabled", State: "enabled", Units: 7},
		{ID: "3", SKU: skuVisio, Status: "Deleted", State: "gone", Units: 9}}},
		Spans: []state.Span{{Key: key, From: time.Now().Add(-time.Hour), Known: true, Product: "M365-BP", Label: "Business Premium", Purchased: "1200", Assigned: "1190", Due: "1200", Billed: "1200",
			Price: "22.00", Currency: "USD", Cycle: "1", Rules: []state.SpanRule{{SKU: skuPremium, Product: "M365-BP", Status: "bill"}}}}})
	if err := app.Put(t.Context(), running.Store, app.ProductsDocument, 0, mapping.Rules{Rules: []mapping.Rule{
		{SKU: skuPremium, Part: "SPB", Name: "Business Premium <i>", Product: "M365-BP", ProductID: 7, Count: "purchased", Status: "bill"},
		{Customer: "a", SKU: skuPremium, Part: "SPB", Name: "Business Premium <i>", Product: "M365-OWN", ProductID: 8, Count: "assigned", Status: "bill"}}}); err != nil {
		t.Fatal(err)
	}
	return running
}

// A rule for one customer leaves the seats of the others without one, and the page says so.
func TestARuleOfOneCustomerLeavesTheOthersWithoutOne(t *testing.T) {
	scope := plan.Scope{Customer: "b", Target: "connectwise"}
	running := sellsTwo(t)
	if err := running.Store.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Oakridge", Outcome: "in_step", At: time.Now(), Seen: []directory.Seen{
		{ID: "4", SKU: skuVisio, Status: "Enabled", State: "enabled", Units: 40}}}}); err != nil {
		t.Fatal(err)
	}
	look := func(rules ...mapping.Rule) string {
		_, version, err := app.Document[mapping.Rules](t.Context(), running.Store, app.ProductsDocument)
		if err == nil {
			err = app.Put(t.Context(), running.Store, app.ProductsDocument, version, mapping.Rules{Rules: append([]mapping.Rule{{SKU: skuPremium, Product: "M365-BP", Status: "bill"}}, rules...)})
		}
		if err != nil {
			t.Fatal(err)
		}
		return ask(Handler(running, somebody(app.RoleMapper)), "GET", "/products?show=no+rule", "").Body.String()
	}
	one := mapping.Rule{Customer: "a", SKU: skuVisio, Product: "VISIO", Status: "bill"}
	if body := look(one); !strings.Contains(body, "One licence in use has no rule") || !strings.Contains(body, "<dd>40</dd><dt>seats without a rule") || !strings.Contains(body, "no rule for 1 of 2 customers") ||
		!strings.Contains(body, "Write a rule") || !strings.Contains(body, "<strong><bdi>VISIO") {
		t.Errorf("of two customers one has a rule:\n%s", body)
	}
	other := one
	other.Customer, other.Status = "b", "ignore"
	if body := look(one, other); !strings.Contains(body, "Every licence in use has a rule") || strings.Contains(body, skuVisio) {
		t.Errorf("both have one:\n%s", body)
	}
	other.Customer = ""
	if body := look(one, other); !strings.Contains(body, "Every licence in use has a rule") || strings.Contains(body, skuVisio) {
		t.Errorf("one, and one for all:\n%s", body)
	}
}

func TestTheLicencesInUse(t *testing.T) {
	h := Handler(sellsTwo(t), somebody(app.RoleMapper))
	w := ask(h, "GET", "/products", "")
	body := w.Body.String()
	for _, says := range []string{"One licence in use has no rule", "26,400.00", "1,200", "1,190", "Business Premium &lt;i&gt;", "Contoso &lt;b&gt;", "M365-OWN", "what is assigned", "Read anew", "Ignore…",
		"<td class=\"n\" data-label=\"bought\">7</td>"} {
		if w.Code != 200 || !strings.Contains(body, says) {
			t.Errorf("got %d, not saying %q", w.Code, says)
		}
	}
	if strings.Index(body, skuVisio) > strings.Index(body, skuPremium) {
		t.Error("the licence without a rule is not the first")
	}
	if strings.Index(body, "M365-OWN") < strings.Index(body, "<strong><bdi>M365-BP") {
		t.Error("the rule of one customer is not below the rule for all")
	}
	if t.Failed() {
		t.Log(body)
	}
	if body := ask(Handler(sellsTwo(t), somebody(app.RoleViewer)), "GET", "/products", "").Body.String(); strings.Contains(body, "Read anew</button>") || strings.Contains(body, "Ignore…") {
		t.Error("a viewer is offered to change something")
	}
	for show, want := range map[string]bool{"no+rule": true, "billed": false, "": true} {
		if got := strings.Contains(ask(h, "GET", "/products?show="+show, "").Body.String(), skuVisio); got != want {
			t.Errorf("show %q: the licence without a rule is shown: %t", show, got)
		}
	}
	csv := ask(h, "GET", "/products/export", "").Body.String()
	if !strings.Contains(csv, skuVisio) || !strings.Contains(csv, "M365-OWN") {
		t.Errorf("the CSV lacks a line: %s", csv)
	}
}

func TestAnEditThatIsRefused(t *testing.T) {
	running := sellsTwo(t)
	h := Handler(running, somebody(app.RoleMapper))
	if w := ask(h, "GET", "/products/rule?sku_id="+skuVisio, ""); w.Code != 200 || !strings.Contains(w.Body.String(), "See what this does") {
		t.Errorf("a new rule: got %d: %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/products/rule?was=yes&was_sku="+skuPremium+"&was_product=M365-BP", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `value="M365-BP"`) || !strings.Contains(w.Body.String(), "M365-OWN") {
		t.Errorf("a rule: got %d: %s", w.Code, w.Body)
	}
	for body, c := range map[string]struct {
		code int
		says string
	}{
		"sku_id=" + skuVisio + "&status=bill&product=VISIO&minimum=many":                                     {422, "is not a whole number"},
		"sku_id=" + skuVisio + "&status=bill&product=VISIO&minimum=9&maximum=3":                              {422, "more than the maximum"},
		"sku_id=" + skuVisio + "&status=ignore":                                                              {422, "reason"},
		"sku_id=" + skuPremium + "&status=bill&product=VISIO":                                                {409, "other rules than those that were shown"},
		"sku_id=" + skuPremium + "&sku=SPE_E3&status=bill&product=VISIO":                                     {422, "is SPB, and not SPE_E3"},
		"sku_id=nothing&status=bill&product=VISIO":                                                           {422, "is not a SKU id"},
		"sku_id=" + skuVisio + "&status=bill&product=VISIO&customer=nobody":                                  {422, "nobody"},
		"was=yes&was_sku=" + skuPremium + "&was_product=GONE&status=bill&product=X":                          {409, "another one now"},
		"was=yes&was_sku=" + skuPremium + "&was_product=M365-BP&status=bill&product=M365-BP&count=purchased": {422, "nothing would change"},
	} {
		if w := ask(h, "POST", "/products/plans", body); w.Code != c.code || !strings.Contains(strings.ToLower(w.Body.String()), strings.ToLower(c.says)) {
			t.Errorf("%s: got %d, want %d saying %q: %s", body, w.Code, c.code, c.says, w.Body)
		}
	}
	rules, err := running.Rules(t.Context())
	if err != nil || len(rules.Rules) != 2 {
		t.Errorf("something was saved: %+v, %v", rules, err)
	}
	if w := ask(h, "GET", "/products/plans/nothing", ""); w.Code != http.StatusNotFound {
		t.Errorf("a plan that is not: got %d", w.Code)
	}
}

// Whoever saves a rule after somebody else saved another one sees what it would do now, and loses nothing.
func TestADraftIsPlannedAnewWhereOtherRulesWereSaved(t *testing.T) {
	running := sellsTwo(t)
	h := Handler(running, somebody(app.RoleMapper))
	planned := func(address string) string {
		p := running.Draft(path.Base(address))
		for range 400 {
			if working, _, _ := p.State(); !working.Now {
				return address
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("it is not planned")
		return ""
	}
	first := planned(ask(h, "POST", "/products/plans", "sku_id="+skuVisio+"&status=ignore&reason=theirs").Header().Get("Location"))
	_, version, err := app.Document[mapping.Rules](t.Context(), running.Store, app.ProductsDocument)
	if err == nil {
		err = app.Put(t.Context(), running.Store, app.ProductsDocument, version, mapping.Rules{Rules: []mapping.Rule{{SKU: skuPremium, Product: "M365-NEW", Status: "bill"}}},
			state.Entry{At: time.Now(), By: "Max", Key: plan.Key{Kind: app.ProductsDocument}, Action: state.ActionImport})
	}
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(h, "POST", first+"/save", "", "Accept", "application/json"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Max saved other rules since") {
		t.Errorf("a program: got %d, %s", w.Code, w.Body)
	}
	w := ask(h, "POST", first+"/save", "")
	second, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || second.Path == first {
		t.Fatalf("got %d to %s: %s", w.Code, second, w.Body)
	}
	planned(second.Path)
	if page := ask(h, "GET", second.String(), "").Body.String(); !strings.Contains(page, "Max saved other rules since, and nothing of yours was saved") || !strings.Contains(page, "Save this rule") {
		t.Errorf("got %s", page)
	}
	if w := ask(h, "POST", second.Path+"/save", ""); w.Code != http.StatusSeeOther {
		t.Errorf("the new plan: got %d, %s", w.Code, w.Body)
	}
	rules, err := running.Rules(t.Context())
	if err != nil || len(rules.Rules) != 2 {
		t.Errorf("got %+v, %v", rules, err)
	}
}

// A licence with several rules has no more holders for it.
func TestHoldersAreCountedOnceHoweverManyProductsALicenceFeeds(t *testing.T) {
	scope := plan.Scope{Customer: "a", Target: "connectwise"}
	commit := &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "A", Outcome: "in_step", At: time.Now(), Seen: []directory.Seen{{ID: "1", SKU: skuPremium, Status: "Enabled", State: "enabled", Units: 20}}}}
	for _, product := range []string{"ANNUAL", "MONTHLY"} {
		commit.Spans = append(commit.Spans, state.Span{Key: plan.Key{Kind: "addition", ID: skuPremium + "@" + product}, From: time.Now().Add(-time.Hour), Known: true, Product: product,
			Purchased: "10", Assigned: "17", Due: "10", Billed: "10", Currency: "USD", Rules: []state.SpanRule{{SKU: skuPremium, Product: product, Status: "bill"}}})
	}
	board, err := program(t, commit).ProductBoard(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range board.Uses {
		if u := &board.Uses[i]; u.ID == skuPremium && u.Assigned == 17 {
			return
		}
	}
	t.Errorf("got %+v, want 17 holders", board.Uses)
}
