package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"syncd/internal/app"
	"syncd/internal/connectwise"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/sync"
	"syncd/internal/web/pages/pagestest"
)

// A desk is a make-believe MSP whose ConnectWise has a service board.
type desk struct {
	*pagestest.World
	t   *testing.T
	sim *cwsim.Server
}

// The role may edit tickets as edit says: All or None.
func newDesk(t *testing.T, edit string, c connectwise.TicketConfig) *desk {
	t.Helper()
	w, err := pagestest.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	d := &desk{w, t, w.MSP.ConnectWise}
	w.App.Jobs = slices.DeleteFunc(w.App.Jobs, func(j sync.Job) bool { return !slices.Contains(j.Targets, "connectwise") })
	d.sim.Update(func(x *cwsim.World) {
		x.Boards = []*cwsim.Setup{{ID: 3, Name: "Dispatch"}, {ID: 4, Name: "Licensing"}}
		x.BoardStatuses = []*cwsim.BoardStatus{{ID: 30, BoardID: 3, Name: "Closed", Closed: true}, {ID: 40, BoardID: 4, Name: "New", Default: true},
			{ID: 41, BoardID: 4, Name: "Done (old)", Closed: true, Inactive: true}, {ID: 42, BoardID: 4, Name: "Done", Closed: true}}
		x.Priorities = []*cwsim.Setup{{ID: 8, Name: "Priority 1"}, {ID: 9, Name: "Priority 4"}}
		for _, r := range x.Roles {
			r.Settings = append(r.Settings, cwsim.RoleSetting{Module: "Service Desk", Function: "Service Tickets", Add: "All", Edit: edit, Inquire: "All"})
		}
	})
	if err := app.MakeTickets(w.App, c); err != nil {
		t.Fatal(err)
	}
	d.must(w.Apply())
	return d
}

func (d *desk) must(_ *sync.Report, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// round is what the daemon does after a run; sent are the requests about tickets.
func (d *desk) round() (sent map[string]int, err error) {
	d.sim.Forget()
	err = app.TicketsRound(d.t.Context(), d.App)
	sent = map[string]int{}
	for route, n := range d.sim.Counts() {
		if strings.Contains(route, "/service/") && !strings.HasPrefix(route, "GET /service/boards") && route != "GET /service/priorities" {
			sent[route] = n
		}
	}
	return sent, err
}

func (d *desk) rounds(want string) {
	d.t.Helper()
	sent, err := d.round()
	if err != nil {
		d.t.Fatal(err)
	}
	var got []string
	for _, route := range []string{"POST /service/tickets", "POST /service/tickets/{id}/notes", "PATCH /service/tickets/{id}"} {
		if sent[route] > 0 {
			got = append(got, fmt.Sprintf("%d %s", sent[route], route))
		}
	}
	if got := strings.Join(got, ", "); got != want {
		d.t.Errorf("got %q, want %q", got, want)
	}
}

// open are the open tickets by customer's company and cause.
func (d *desk) open() map[string]*cwsim.Ticket {
	d.t.Helper()
	found := map[string]*cwsim.Ticket{}
	for _, x := range d.sim.World().Tickets {
		if x.StatusID == 42 {
			continue
		}
		id := fmt.Sprintf("%d %s", x.CompanyID, strings.Split(x.XRef, ":")[1])
		if found[id] != nil {
			d.t.Errorf("%s has two open tickets", id)
		}
		found[id] = x
	}
	return found
}

// waiting is how many customers wait for somebody or were not read.
func (d *desk) waiting() int {
	d.t.Helper()
	v, err := d.App.Status(d.t.Context(), "")
	if err != nil {
		d.t.Fatal(err)
	}
	causes := map[string]bool{}
	for _, s := range v.Scopes {
		h, waits := v.Held[s.Scope]
		if waits && strings.HasPrefix(h.Standing(), "needs") || s.Outcome == "held" && strings.HasPrefix(s.Stands, "needs") {
			causes[s.Scope.Customer+" held"] = true
		}
		if s.Outcome == "failed" || s.Outcome == "partial" || s.Outcome == "incomplete" {
			causes[s.Scope.Customer+" "+s.Outcome] = true
		}
	}
	return len(causes)
}

func TestTicketsFollowWhatWaits(t *testing.T) {
	d := newDesk(t, "All", connectwise.TicketConfig{Board: "licensing", Priority: "Priority 4"})
	n := d.waiting()
	if n < 10 {
		t.Fatalf("got %d causes, want more: the test proves nothing", n)
	}
	d.rounds(fmt.Sprintf("%d POST /service/tickets", n))
	for id, x := range d.open() {
		if x.BoardID != 4 || x.PriorityID != 9 || x.StatusID != 40 || utf8.RuneCountInString(x.XRef) > 100 || !strings.HasPrefix(x.XRef, "syncd:") {
			t.Errorf("%s: got %+v", id, *x)
		}
	}
	world := d.sim.World()
	for _, note := range world.TicketNotes {
		if !note.Internal || !note.Silent || strings.Contains(note.Text, "@") || strings.Contains(note.Text, "Dana") {
			t.Errorf("got %+v, want a silent internal note without a name", *note)
		}
		for _, c := range world.Companies {
			if strings.Contains(note.Text, c.Name) {
				t.Errorf("a ticket names the company %s: %s", c.Name, note.Text)
			}
		}
	}

	// The same again says nothing, asks nothing, and survives the loss of what was remembered.
	if sent, err := d.round(); err != nil || len(sent) > 0 {
		t.Errorf("got %v, %v, want no request", sent, err)
	}
	doc, err := d.App.Store.Document(t.Context(), app.TicketsDocument)
	if err != nil {
		t.Fatal(err)
	}
	doc.Body = nil
	if err := d.App.Store.PutDocument(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	d.rounds("")
	if got := len(d.open()); got != n {
		t.Errorf("got %d open tickets, want %d", got, n)
	}

	// Another plan is a note.
	if err := d.Play("seats"); err != nil {
		t.Fatal(err)
	}
	sent, err := d.round()
	if err != nil || sent["POST /service/tickets"] > 0 || sent["POST /service/tickets/{id}/notes"] == 0 {
		t.Errorf("got %v, %v, want notes alone", sent, err)
	}
	d.rounds("")

	// What was let pass is solved and closed. A ticket that somebody closed is left alone.
	somebody := ""
	d.sim.Edit("jwhite", func(x *cwsim.World) { x.Tickets[0].StatusID, somebody = 42, x.Tickets[0].XRef })
	d.rounds("")
	if err := d.Settle(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.round(); err != nil {
		t.Fatal(err)
	}
	if got, want := len(d.open()), d.waiting(); got != want || want >= n {
		t.Errorf("got %d open tickets, want the %d that still wait, fewer than %d", got, want, n)
	}
	solved := 0
	for _, note := range d.sim.World().TicketNotes {
		if strings.HasPrefix(note.Text, "Solved") {
			solved++
		}
	}
	if want := n - d.waiting() - 1; solved != want {
		t.Errorf("got %d notes that it is solved, want %d: %s was closed by somebody", solved, want, somebody)
	}
	d.rounds("")
}

func TestATicketWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	d := newDesk(t, "All", connectwise.TicketConfig{Board: "4"})
	n := d.waiting()
	d.sim.Fail(cwsim.Rule{Method: "POST", Route: "/service/tickets", Skip: 2, Times: 1, Fault: cwsim.Fault{Kind: cwsim.DroppedCommitted}},
		cwsim.Rule{Method: "POST", Route: "/service/tickets", Times: 1, Fault: cwsim.Fault{Kind: cwsim.TimeoutCommitted}})
	if _, err := d.round(); err == nil {
		t.Error("got no error, want the lost answers")
	}
	d.rounds("")
	if got := len(d.open()); got != n || len(d.sim.World().Tickets) != n || len(d.sim.World().TicketNotes) != n {
		t.Errorf("got %d open of %d tickets and %d notes, want %d of each", got, len(d.sim.World().Tickets), len(d.sim.World().TicketNotes), n)
	}

	// A note likewise.
	if err := d.Play("seats"); err != nil {
		t.Fatal(err)
	}
	d.sim.Fail(cwsim.Rule{Method: "POST", Route: "/service/tickets/{id}/notes", Times: 1, Fault: cwsim.Fault{Kind: cwsim.DroppedCommitted}})
	sent, err := d.round()
	if err == nil {
		t.Error("got no error, want the lost answer")
	}
	d.rounds("")
	if got, want := len(d.sim.World().TicketNotes), n+sent["POST /service/tickets/{id}/notes"]; got != want {
		t.Errorf("got %d notes, want %d", got, want)
	}
}

func TestATicketThatMayNotBeClosedIsNotedAsSolved(t *testing.T) {
	d := newDesk(t, "None", connectwise.TicketConfig{Board: "Licensing", For: []string{"held"}})
	if _, err := d.round(); err != nil {
		t.Fatal(err)
	}
	n := len(d.sim.World().Tickets)
	if err := d.Settle(); err != nil {
		t.Fatal(err)
	}
	sent, err := d.round()
	if err != nil || sent["POST /service/tickets/{id}/notes"] == 0 || sent["PATCH /service/tickets/{id}"] == 0 {
		t.Errorf("got %v, %v, want notes and attempts to close", sent, err)
	}
	if got := len(d.open()); got != n {
		t.Errorf("got %d open tickets, want all %d", got, n)
	}
	d.rounds("") // it is said once

	// The same ticket speaks again once the cause is back.
	if err := d.Play("seats"); err != nil {
		t.Fatal(err)
	}
	sent, err = d.round()
	if err != nil || sent["POST /service/tickets"] > 0 || sent["POST /service/tickets/{id}/notes"] == 0 {
		t.Errorf("got %v, %v, want notes alone", sent, err)
	}
}

// Where ConnectWise takes nothing it is left alone soon.
func TestTicketsStandBack(t *testing.T) {
	d := newDesk(t, "All", connectwise.TicketConfig{Board: "Licensing"})
	d.sim.Fail(cwsim.Rule{Method: "POST", Route: "/service/tickets", Fault: cwsim.Fault{Kind: cwsim.Denied}})
	sent, err := d.round()
	if err == nil || !strings.Contains(err.Error(), "Service Tickets") || sent["POST /service/tickets"] != 1 {
		t.Errorf("got %v, %v, want one attempt and the right that is missing", sent, err)
	}
	d.sim.Heal()
	doc, err := d.App.Store.Document(t.Context(), app.TicketsDocument)
	if err != nil || strings.Contains(string(doc.Body), "id") {
		t.Errorf("got %s, %v, want no ticket", doc.Body, err)
	}
}
