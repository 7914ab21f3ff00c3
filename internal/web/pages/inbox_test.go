package pages

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// edited is a hold for a person's edit of the line of held.
func edited(customer, name, digest string, at time.Time) *state.Commit {
	c := held(customer, name, digest, plan.Violation{Code: "approval"}, plan.Violation{Code: "changed_at_target", Kind: "addition", Key: "k", EditedBy: "M. Reyes", EditedAt: at,
		Message: "Business Premium was edited at the target"})
	c.Hold.Plan = []byte(strings.Replace(string(c.Hold.Plan), "changed at source", "changed at target", 1))
	return c
}

// adopts is a hold of a plan that changes nothing at the target.
func adopts(customer, name, digest string) *state.Commit {
	c := held(customer, name, digest, plan.Violation{Code: "first_plan"}, plan.Violation{Code: "approval"})
	c.Hold.Plan = []byte(`{"monthly_delta":"0.00","currency":"USD","changes":[{"action":"adopt","kind":"addition","key":"k","label":"Business Premium",` +
		`"reason":"already at target","monthly_delta":"0.00","fields":{},"as_it_is":{"quantity":"7"}}]}`)
	return c
}

func decisions(t *testing.T, running *app.Running) (said []string) {
	t.Helper()
	for e, err := range running.Store.Journal(t.Context(), state.JournalFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		said = append([]string{fmt.Sprintf("%s %s by %s (%s)", e.Action, e.Scope.Customer, e.By, e.How)}, said...)
	}
	return said
}

func TestTheInboxShowsWhatWaits(t *testing.T) {
	at := time.Now().UTC().Add(-48 * time.Hour)
	repair := held("r", "Repair Ltd", "", plan.Violation{Code: "agreement_ambiguous", NeedsRepair: true, Message: "two agreements fit; name one"})
	repair.Hold.Plan = []byte(`{"changes":[]}`)
	running := program(t, held("a", "Contoso", "00000000000a"), edited("b", "Elmsworth", "00000000000b", at), adopts("c", "Aldous", "00000000000c"), adopts("d", "Brook", "00000000000d"), repair,
		&state.Commit{Scope: plan.Scope{Customer: "x", Target: "connectwise"}, Cursor: &state.Cursor{Name: "Dunmore", Outcome: "incomplete", Error: "proof: delegation ended"}})
	body := ask(Handler(running, somebody(app.RoleApprover)), "GET", "/", "").Body.String()
	for _, want := range []string{"Four plans wait for you; one thing needs a repair", `<a href="/map">Choose the agreement</a>`, "&#43;88.00", "USD a month more, if all pass", "M. Reyes set 12 in ConnectWise", "Microsoft has 14", "Never part of a bulk approval",
		"Bill 14 again", "Keep 12 until", "2 customers only need adopting", "One tenant cannot be read.", "Dunmore: proof: delegation ended", "Two agreements fit; name one.", "to be repaired",
		`action="/holds/00000000000a/approve"`, `name="adopting"`, "Next write "} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{`value="00000000000b"`, `value="00000000000c"`, "syncd approve --digest"} {
		if strings.Contains(body, not) {
			t.Errorf("the page has %q", not)
		}
	}
	viewer := ask(Handler(running, somebody(app.RoleViewer)), "GET", "/", "").Body.String()
	if !strings.Contains(viewer, "Four plans wait for an approver") || strings.Contains(viewer, `method="post"`) || strings.Contains(viewer, `type="checkbox"`) {
		t.Error("whoever may only look is offered decisions")
	}
}

func TestNothingWaitingIsSaidWithWhatHappened(t *testing.T) {
	running := program(t)
	at := time.Now().Add(-time.Hour)
	if err := running.Store.PutRun(t.Context(), state.Run{ID: "1", Job: "licences", Trigger: "schedule", Started: at, Finished: at, Totals: map[string]int{"in_step": 84, "changed": 3}}); err != nil {
		t.Fatal(err)
	}
	body := ask(Handler(running, somebody(app.RoleViewer)), "GET", "/", "").Body.String()
	for _, want := range []string{"Nothing waits for you", "Last run: licences at ", "3 changed, 84 in step", "Next write "} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q in\n%s", want, body)
		}
	}
}

// What must be settled needs a person as much as what waits for a word.
func TestWhatMustBeSettledIsCounted(t *testing.T) {
	conflict := func(customer, code string) *state.Commit {
		c := held(customer, "Customer "+customer, "", plan.Violation{Code: code, NeedsRepair: true, Message: "two fit"})
		c.Hold.Plan = []byte(`{"changes":[]}`)
		return c
	}
	body := ask(Handler(program(t, conflict("a", "match_conflict"), conflict("b", "match_proposed")), somebody(app.RoleApprover)), "GET", "/", "").Body.String()
	if !strings.Contains(body, "Two things need a person") || strings.Contains(body, "Nothing waits") || strings.Count(body, `<a href="/matches">Decide who is who</a>`) != 2 {
		t.Errorf("got %s", body)
	}
}

func TestAPriceSaysOfWhatTimeItIs(t *testing.T) {
	yearly := held("a", "Contoso", "00000000000a")
	yearly.Hold.Plan = []byte(strings.Replace(string(yearly.Hold.Plan), `"fields":`, `"facts":{"cycle_months":"12","unit_price":"432.00"},"fields":`, 1))
	body := ask(Handler(program(t, yearly), somebody(app.RoleViewer)), "GET", "/", "").Body.String()
	if !strings.Contains(body, "432.00 a year") {
		t.Errorf("got %s", body)
	}
}

func TestTheInboxIsFiltered(t *testing.T) {
	small := held("b", "Small", "00000000000b", plan.Violation{Code: "first_plan"})
	small.Hold.Plan = []byte(strings.ReplaceAll(string(small.Hold.Plan), "44.00", "4.00"))
	glue := held("c", "Glue", "00000000000c")
	glue.Scope.Target, glue.Cursor.Scope.Target, glue.Hold.Scope.Target = "itglue", "itglue", "itglue"
	h := Handler(program(t, edited("a", "Edited", "00000000000a", time.Now()), small, glue), somebody(app.RoleApprover))
	for query, want := range map[string]string{"": "Edited Glue Small", "target=itglue": "Glue", "reason=edit": "Edited", "reason=first": "Small", "size=10": "Edited Glue", "size=10&target=connectwise": "Edited",
		"size=1000": ""} {
		body := ask(h, "GET", "/?"+query, "").Body.String()
		var shown []string
		for _, name := range []string{"Edited", "Glue", "Small"} {
			if strings.Contains(body, "<strong><bdi>"+name) {
				shown = append(shown, name)
			}
		}
		if strings.Join(shown, " ") != want {
			t.Errorf("%s: got %v, want %s", query, shown, want)
		}
	}
}

func TestADecisionIsStoredOnceAndUnderItsName(t *testing.T) {
	running := program(t, held("a", "Contoso", "00000000000a"))
	h := Handler(running, somebody(app.RoleApprover))
	w := ask(h, "POST", "/holds/00000000000a/approve", "reason=fine")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/?said=") {
		t.Fatalf("got %d to %s", w.Code, w.Header().Get("Location"))
	}
	if body := ask(h, "GET", w.Header().Get("Location"), "").Body.String(); !strings.Contains(body, "Contoso at ConnectWise: approved.") || !strings.Contains(body, "Approved, and not written yet") {
		t.Errorf("the next page does not say what was done:\n%s", body)
	}
	again := ask(h, "POST", "/holds/00000000000a/approve", `{"reason":"fine"}`, "Accept", "application/json", "Content-Type", "application/json")
	var v map[string]any
	if err := json.Unmarshal(again.Body.Bytes(), &v); err != nil || again.Code != 200 || v["decision"] != "approved" || v["digest"] != "00000000000a" || v["target"] != "connectwise" {
		t.Errorf("the same again: got %d, %v, %s", again.Code, err, again.Body)
	}
	other := ask(h, "POST", "/holds/00000000000a/reject", "reason=no", "Accept", "application/json")
	if other.Code != http.StatusOK || !strings.Contains(other.Body.String(), "Dana had approved it; that is taken back") {
		t.Errorf("taken back: got %d, %s", other.Code, other.Body)
	}
	if got := strings.Join(decisions(t, running), "; "); got != "approve a by Dana (by the test); reject a by Dana (by the test)" {
		t.Errorf("the journal says %s", got)
	}
}

// Whoever decides on a card is told of what somebody else decided since it was shown, and overrules only what it shows.
func TestNobodyOverrulesWhatTheCardDidNotShow(t *testing.T) {
	running := program(t, held("a", "Contoso", "00000000000a"))
	dana := Handler(running, somebody(app.RoleApprover))
	bea := Handler(running, peopleFunc(one{app.Person{Operator: app.Operator{Name: "Bea", Identified: "by the test"}, Role: app.RoleApprover, Named: true}, true}.who))
	shown := func() string { // the decision that the card sends
		_, value, _ := strings.Cut(ask(dana, "GET", "/", "").Body.String(), `name="seen" value="`)
		value, _, _ = strings.Cut(value, `"`)
		return url.Values{"seen": {value}}.Encode()
	}
	stale := shown()
	if w := ask(bea, "POST", "/holds/00000000000a/reject", stale+"&reason=too+early"); w.Code != http.StatusSeeOther {
		t.Fatalf("the first decision: got %d, %s", w.Code, w.Body)
	}
	w := ask(dana, "POST", "/holds/00000000000a/approve", stale)
	if page := w.Body.String(); w.Code != http.StatusConflict || !strings.Contains(page, "Bea rejected it on ") || !strings.Contains(page, "too early") {
		t.Errorf("over a rejection that the card does not show: got %d,\n%s", w.Code, page)
	}
	if w := ask(dana, "POST", "/holds/approve", "digest=00000000000a"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Bea rejected it") {
		t.Errorf("together with others: got %d,\n%s", w.Code, w.Body)
	}
	seen := shown()
	if w := ask(dana, "POST", "/holds/00000000000a/approve", seen); w.Code != http.StatusSeeOther {
		t.Errorf("over a rejection that the card shows: got %d, %s", w.Code, w.Body)
	}
	if w := ask(bea, "POST", "/holds/00000000000a/reject", seen+"&reason=no"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Dana approved it on ") {
		t.Errorf("over an approval that the card does not show: got %d,\n%s", w.Code, w.Body)
	}
	if w := ask(bea, "POST", "/holds/reject", "digest=00000000000a&reason=no"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Dana approved it on ") {
		t.Errorf("rejected together with others: got %d,\n%s", w.Code, w.Body)
	}
	if w := ask(bea, "POST", "/holds/00000000000a/reject", `{"reason":"no"}`, "Accept", "application/json", "Content-Type", "application/json"); w.Code != http.StatusOK ||
		!strings.Contains(w.Body.String(), "Dana had approved it") {
		t.Errorf("by a program that saw nothing: got %d, %s", w.Code, w.Body)
	}
	if got := strings.Join(decisions(t, running), "; "); got != "reject a by Bea (by the test); approve a by Dana (by the test); reject a by Bea (by the test)" {
		t.Errorf("the journal says %s", got)
	}
}

// A click too many, or a page gone back to, makes no second entry.
func TestWhatIsLeftAloneIsLeftAloneOnce(t *testing.T) {
	running := program(t, edited("b", "Elmsworth", "00000000000b", time.Now()))
	h := Handler(running, somebody(app.RoleMapper))
	for range 2 {
		if w := ask(h, "POST", "/holds/00000000000b/leave", "kind=addition&key=k&reason=theirs"); w.Code != http.StatusSeeOther {
			t.Errorf("got %d, %s", w.Code, w.Body)
		}
	}
	if got := strings.Join(decisions(t, running), "; "); got != "settle b by Dana (by the test)" {
		t.Errorf("the journal says %s", got)
	}
}

func TestWhatMovedIsRefusedWithWhatMoved(t *testing.T) {
	now := held("a", "Contoso", "00000000000a")
	now.Cursor.Former = []state.FormerPlan{{Digest: "0000000000f1", At: time.Now(), Changes: []state.FormerChange{{Key: plan.Key{Kind: "addition", ID: "k"}, Label: "Business Premium", What: "quantity 12 → 13"},
		{Key: plan.Key{Kind: "addition", ID: "gone"}, Label: "Visio", What: "quantity 2 → 0"}}},
		{Digest: "0000000000f2", At: time.Now(), Done: &state.Decision{Approved: true, By: "Dana"}}}
	settled := held("b", "Fabrikam", "00000000000b")
	settled.Hold, settled.Cursor.Outcome = nil, "in_step"
	settled.Cursor.Former = []state.FormerPlan{{Digest: "0000000000f3", At: time.Now()}}
	running := program(t, now, settled)
	h := Handler(running, somebody(app.RoleApprover))
	for _, c := range []struct {
		digest, what string
		want         int
		says         []string
	}{
		{"0000000000f1", "approve", 409, []string{"Business Premium: was quantity 12 → 13, is quantity 12 → 14", "Visio: was quantity 2 → 0, and is no part of the plan any more", "00000000000a"}},
		{"0000000000f2", "approve", 200, []string{"Dana approved it already"}},
		{"0000000000f2", "reject", 409, []string{"it was carried out"}},
		{"0000000000f3", "approve", 409, []string{"Fabrikam is in step"}},
		{"0000000000ff", "approve", 404, []string{"no plan has the digest"}},
	} {
		w := ask(h, "POST", "/holds/"+c.digest+"/"+c.what, `{"reason":"x"}`, "Accept", "application/json", "Content-Type", "application/json")
		for _, says := range c.says {
			if w.Code != c.want || !strings.Contains(w.Body.String(), says) {
				t.Errorf("%s %s: got %d, want %d and %q in %s", c.what, c.digest, w.Code, c.want, says, w.Body)
			}
		}
	}
	if page := ask(h, "POST", "/holds/0000000000f1/approve", "").Body.String(); !strings.Contains(page, "This changed meanwhile, and nothing was done") || !strings.Contains(page, "<h2>What moved</h2>") {
		t.Errorf("the page says\n%s", page)
	}
	if got := decisions(t, running); len(got) > 0 {
		t.Errorf("the journal says %v", got)
	}
}

func TestManyAreDecidedTogetherButNoEdit(t *testing.T) {
	running := program(t, held("a", "Contoso", "00000000000a"), edited("b", "Elmsworth", "00000000000b", time.Now()), adopts("c", "Aldous", "00000000000c"), adopts("d", "Brook", "00000000000d"),
		held("e", "Fabrikam", "00000000000e"))
	h := Handler(running, somebody(app.RoleApprover))
	inbox := ask(h, "GET", "/", "").Body.String()
	_, sum, _ := strings.Cut(inbox, `name="adopting" value="`)
	sum, _, _ = strings.Cut(sum, `"`)
	chosen := url.Values{"digest": {"00000000000a", "00000000000b"}, "adopting": {sum}}
	review := ask(h, "GET", "/holds/review?"+chosen.Encode(), "").Body.String()
	for _, want := range []string{"Approve 3 plans?", "&#43;44.00", "Left out", "It would write over a person&#39;s edit"} {
		if !strings.Contains(review, want) {
			t.Errorf("the review lacks %q", want)
		}
	}
	if w := ask(h, "POST", "/holds/approve", url.Values{"adopting": {"feedfacecafe"}}.Encode()); w.Code != http.StatusConflict {
		t.Errorf("others than were shown: got %d", w.Code)
	}
	if w := ask(h, "POST", "/holds/approve", url.Values{"digest": {"00000000000b"}}.Encode()); w.Code != http.StatusConflict {
		t.Errorf("an edit alone: got %d", w.Code)
	}
	if w := ask(h, "POST", "/holds/approve", ""); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("nothing: got %d", w.Code)
	}
	w := ask(h, "POST", "/holds/approve", chosen.Encode())
	page := ask(h, "GET", w.Header().Get("Location"), "").Body.String()
	if !strings.Contains(page, "3 plans approved.") || !strings.Contains(page, "1 plan left out:") {
		t.Errorf("the next page says\n%s", page)
	}
	if got := strings.Join(decisions(t, running), "; "); got != "approve a by Dana (by the test); approve c by Dana (by the test); approve d by Dana (by the test)" {
		t.Errorf("the journal says %s", got)
	}
	w = ask(h, "POST", "/holds/reject", url.Values{"digest": {"00000000000e", "00000000000b"}, "reason": {"later"}}.Encode(), "Accept", "application/json")
	var out struct{ Decisions []app.Verdict }
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || len(out.Decisions) != 2 || out.Decisions[0].Decision != "rejected" {
		t.Errorf("got %d, %v, %s", w.Code, err, w.Body)
	}
}

// Who changed what a plan comes from is told to leave it to others, alone and together with others alike.
func TestAPlanForOtherEyesIsRefusedAlikeInBothWays(t *testing.T) {
	running := program(t, edited("b", "Elmsworth", "00000000000b", time.Now()), held("c", "Contoso", "00000000000c"))
	running.Engine.Source = listing{directory.Tenant{ID: "b", Name: "Elmsworth"}, directory.Tenant{ID: "c", Name: "Contoso"}}
	h := Handler(running, somebody(app.RoleApprover))
	for _, digest := range []string{"00000000000b", "00000000000c"} { // Dana changes both, and then may approve neither
		if w := ask(h, "POST", "/holds/"+digest+"/leave", "kind=addition&key=k&reason=theirs"); w.Code != http.StatusSeeOther {
			t.Fatalf("got %d, %s", w.Code, w.Body)
		}
	}
	bea := Handler(running, peopleFunc(one{app.Person{Operator: app.Operator{Name: "Bea", Identified: "by the test"}, Role: app.RoleApprover, Named: true}, true}.who))
	if w := ask(bea, "POST", "/matches/settle", "customer=c&target=connectwise&key=addition/k&how=retry"); w.Code != http.StatusSeeOther { // Bea changes the one, too
		t.Fatalf("got %d, %s", w.Code, w.Body)
	}
	running.Config.FourEyes = true
	running.Config.Staff = []app.StaffConfig{{Name: "Dana", Role: "approver"}, {Name: "Bea", Role: "approver"}, {Name: "Olga", Role: "operator", OSUser: "olga"}, {Name: "Max", Role: "mapper"}}
	inbox := ask(h, "GET", "/", "").Body.String()
	for _, want := range []string{"(four_eyes): ask Bea, Olga.", "(four_eyes): ask Olga.", `action="/holds/00000000000c/reject"`} {
		if !strings.Contains(inbox, want) {
			t.Errorf("the inbox lacks %q in\n%s", want, inbox)
		}
	}
	if strings.Contains(inbox, `/approve"`) || strings.Contains(inbox, `name="digest"`) {
		t.Errorf("what would be refused is offered:\n%s", inbox)
	}
	for _, path := range []string{"/holds/00000000000c/approve", "/holds/approve"} {
		w := ask(h, "POST", path, "digest=00000000000c")
		if page := w.Body.String(); w.Code != http.StatusForbidden || !strings.Contains(page, "Somebody else must approve this") || !strings.Contains(page, "Dana changed it on ") {
			t.Errorf("%s: got %d,\n%s", path, w.Code, page)
		}
	}
}

// A run is asked for of all, of a customer by key or name, of a target, or of both.
func TestARunIsAskedForOfAPart(t *testing.T) {
	running := program(t, held("a", "Contoso", "00000000000a"))
	h := Handler(running, somebody(app.RoleOperator))
	for _, c := range []struct {
		body string
		want int
		says string
	}{
		{"", 303, ""}, {"target=connectwise", 303, ""}, {"customer=a", 303, ""}, {"customer=Contoso&target=connectwise", 303, ""},
		{"customer=nobody", 404, "is called"}, {"target=nope", 422, "there is no &#34;nope&#34;; one of connectwise"},
	} {
		w := ask(h, "POST", "/apply", c.body)
		running.Wait()
		if w.Code != c.want || !strings.Contains(strings.ToLower(w.Body.String()), c.says) {
			t.Errorf("%s: got %d, want %d and %q in %s", c.body, w.Code, c.want, c.says, w.Body)
		}
	}
}

// A slow is a source that answers once it is told to.
type slow struct {
	listing
	answer chan struct{}
}

func (s slow) Tenants(ctx context.Context) (directory.List[directory.Tenant], error) {
	<-s.answer
	return s.listing.Tenants(ctx)
}

func TestWhatRunsIsNotStartedTwice(t *testing.T) {
	running := program(t)
	source := slow{nil, make(chan struct{})}
	running.Engine.Source = source
	defer running.Wait()
	defer close(source.answer)
	h := Handler(running, somebody(app.RoleOperator))
	if w := ask(h, "POST", "/apply", ""); w.Code != http.StatusSeeOther {
		t.Fatalf("got %d, %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/apply", ""); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "This runs already") || !strings.Contains(w.Body.String(), `href="/runs"`) {
		t.Errorf("the same once more: got %d,\n%s", w.Code, w.Body)
	}
}

// Whoever decides comes back to the part of the inbox that was shown: in another one the next card
// is of another plan.
func TestTheInboxKeepsItsFilterAndPageAfterADecision(t *testing.T) {
	running := program(t, held("a", "Contoso", "00000000000a"), held("b", "Brook", "00000000000b"), held("d", "Dunmore", "00000000000d"), edited("e", "Elmsworth", "00000000000e", time.Now()),
		edited("f", "Fenwick", "00000000000f", time.Now()), adopts("c", "Aldous", "00000000000c"))
	h := Handler(running, somebody(app.RoleOperator))
	const view = "page=2&reason=approval&size=10&target=connectwise"
	page := ask(h, "GET", "/?said=x&"+view, "").Body.String()
	main := page[strings.Index(page, "<main"):]
	if forms, sent := strings.Count(main, "<form")-1, strings.Count(main, `name="view" value="`+strings.ReplaceAll(view, "&", "&amp;")+`"`); forms != sent || sent < 10 { // the filter's own aside
		t.Errorf("of %d forms %d say where they stand:\n%s", forms, sent, main)
	}
	sent := "&" + url.Values{"view": {view + "&said=forged&to=//evil.example"}}.Encode()
	for _, c := range []struct{ path, body string }{
		{"/holds/00000000000a/approve", "seen="},
		{"/holds/00000000000a/reject", "reason=no"},
		{"/holds/00000000000f/leave", "kind=addition&key=k&reason=theirs"},
		{"/holds/approve", "digest=00000000000b"},
		{"/holds/reject", "digest=00000000000d&reason=no"},
		{"/apply", "customer=a&target=connectwise"},
	} {
		w := ask(h, "POST", c.path, c.body+sent)
		to, err := url.Parse(w.Header().Get("Location"))
		query := to.Query()
		query.Del("said")
		if w.Code != http.StatusSeeOther || err != nil || to.Host != "" || to.Path != "/" || query.Encode() != view {
			t.Errorf("%s: got %d to %s, want the inbox with %s: %s", c.path, w.Code, to, view, w.Body)
		}
	}
	running.Wait()
	for _, c := range []struct{ method, path, body string }{{"POST", "/holds/0000000000ff/approve", "seen=" + sent}, {"GET", "/holds/review?digest=00000000000a" + sent, ""}} {
		if page := ask(h, c.method, c.path, c.body).Body.String(); !strings.Contains(page, `<a href="/?`+strings.ReplaceAll(view, "&", "&amp;")+`">Back`) {
			t.Errorf("%s: the way back is not to the same part of it:\n%s", c.path, page)
		}
	}
}

// When it is written is said of the job that writes there, and not of the one that runs first.
func TestTheNextWriteIsOfTheJobThatWritesTheTarget(t *testing.T) {
	glue := held("c", "Glue", "00000000000c")
	glue.Scope.Target, glue.Cursor.Scope.Target, glue.Hold.Scope.Target = "itglue", "itglue", "itglue"
	running := program(t, held("a", "Contoso", "00000000000a"), held("b", "Brook", "00000000000b"), glue)
	running.Jobs = func() []app.JobState {
		return []app.JobState{{Name: "identity", Policy: "auto", Targets: []string{"scim/cinode"}, Next: time.Now().Add(time.Minute)},
			{Name: "licences", Policy: "approve", Targets: []string{"connectwise"}, Next: time.Now().Add(time.Hour)}, {Name: "documents", Policy: "auto", Targets: []string{"itglue"}, Next: time.Now().Add(2 * time.Hour)}}
	}
	h := Handler(running, somebody(app.RoleApprover))
	said := func(page string) string { return page[strings.Index(page, "<main"):strings.Index(page, "</main")] }
	for _, c := range []struct{ what, page, one, two string }{
		{"the inbox", ask(h, "GET", "/", "").Body.String(), "ConnectWise: next write ", "Itglue: next write "},
		{"the review of one target", ask(h, "GET", "/holds/review?digest=00000000000a&digest=00000000000b", "").Body.String(), "Next write ", "(licences, in 1 h)"},
		{"the review of both", ask(h, "GET", "/holds/review?digest=00000000000a&digest=00000000000c", "").Body.String(), "(licences, in 1 h).", "(documents, in 2 h)."},
		{"both approved", ask(h, "GET", ask(h, "POST", "/holds/approve", "digest=00000000000a&digest=00000000000c").Header().Get("Location"), "").Body.String(), "2 plans approved. ConnectWise: next write ", "(documents, in 2 h)."},
		{"one approved", ask(h, "GET", ask(h, "POST", "/holds/approve", "digest=00000000000b").Header().Get("Location"), "").Body.String(), "1 plan approved. Next write ", "(licences, in 1 h)"},
	} {
		if page := said(c.page); !strings.Contains(page, c.one) || !strings.Contains(page, c.two) || strings.Contains(page, "identity") {
			t.Errorf("%s: wants %q and %q, and nothing of identities:\n%s", c.what, c.one, c.two, page)
		}
	}
}
