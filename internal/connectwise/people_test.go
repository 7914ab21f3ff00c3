package connectwise

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	cwsim "syncd/internal/simulator/connectwise"
)

// callers are people as they stand in ConnectWise, and the tickets they sent.
func callers() cwsim.World {
	w := seed()
	w.Contacts = append(w.Contacts,
		&cwsim.Contact{ID: 41, FirstName: " Nora", LastName: "Vik ", Title: "Hygienist", CompanyID: 250, Other: map[string]any{"department": map[string]any{"id": 3, "name": "Surgery"}},
			Communications: []cwsim.Communication{
				{ID: 1, Kind: "Fax", Value: "555 0190", Default: true},
				{ID: 2, Kind: "Phone", Type: cwsim.Ref{ID: 4, Name: "Home"}, Value: "555 0101"},
				{ID: 3, Kind: "Phone", Type: cwsim.Ref{ID: 2, Name: "Direct"}, Value: "555 0102", Default: true},
				{ID: 4, Kind: "Phone", Type: cwsim.Ref{ID: 5, Name: "Cell phone"}, Value: "555 0103"},
				{ID: 5, Kind: "Email", Value: "old@contoso.example"},
				{ID: 6, Kind: "Email", Value: "nora@contoso.example", Default: true},
			}},
		&cwsim.Contact{ID: 42, FirstName: "Only", LastName: "Mobile", Communications: []cwsim.Communication{{ID: 7, Kind: "Phone", Type: cwsim.Ref{ID: 6, Name: "Mobiltelefon"}, Value: "555 0104", Default: true}}})
	w.Tickets = []*cwsim.Ticket{
		{ID: 7001, Summary: "New colleague", CompanyID: 250, ContactID: 41},
		{ID: 7002, Summary: "New colleague", CompanyID: 251, ContactID: 42},
		{ID: 7003, Summary: "New colleague", CompanyID: 250, ContactName: "Somebody", ContactEmail: "somebody@contoso.example"},
		{ID: 7004, Summary: "Old colleague", CompanyID: 250, ContactID: 3},
	}
	return w
}

func TestAPersonIsReadFromAContact(t *testing.T) {
	h := newHarness(t, callers(), rules())
	for id, want := range map[int]Person{
		41: {ID: 41, CompanyID: 250, First: "Nora", Last: "Vik", Title: "Hygienist", Email: "nora@contoso.example", Mobile: "555 0103", Phone: "555 0102", Department: "Surgery"},
		42: {ID: 42, First: "Only", Last: "Mobile", Mobile: "555 0104"},
	} {
		got, err := h.client.Contact(t.Context(), id)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	}
}

func TestAPersonIsReadFromATicket(t *testing.T) {
	h := newHarness(t, callers(), rules())
	for ticket, want := range map[int]Person{
		7001: {ID: 41, CompanyID: 250, First: "Nora"},
		7002: {ID: 42, CompanyID: 251, First: "Only"}, // the contact has no company, the ticket has
	} {
		got, err := h.client.TicketContact(t.Context(), ticket)
		if err != nil || got.ID != want.ID || got.CompanyID != want.CompanyID || got.First != want.First {
			t.Errorf("ticket %d: got %+v and %v, want %+v", ticket, got, err, want)
		}
	}
	if w := h.sim.Writes(); len(w) != 0 {
		t.Errorf("got %v, want nothing written", w)
	}
}

func TestAPersonThatIsNotToBeHadIsSaidWithTheRemedy(t *testing.T) {
	h := newHarness(t, callers(), rules())
	if _, err := h.client.Companies(t.Context()); err != nil { // the keys are right
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		ask  func() (Person, error)
		want string
	}{
		{"an unknown contact", func() (Person, error) { return h.client.Contact(t.Context(), 99) }, "contact 99 is not in ConnectWise"},
		{"somebody who left", func() (Person, error) { return h.client.Contact(t.Context(), 3) }, "is inactive in ConnectWise"},
		{"an unknown ticket", func() (Person, error) { return h.client.TicketContact(t.Context(), 1) }, "ticket 1 is not in ConnectWise"},
		{"a ticket from a stranger", func() (Person, error) { return h.client.TicketContact(t.Context(), 7003) }, "Somebody somebody@contoso.example"},
		{"a ticket of somebody who left", func() (Person, error) { return h.client.TicketContact(t.Context(), 7004) }, "the contact of ticket 7004: contact 3 (Cy ) is inactive"},
	} {
		if got, err := tt.ask(); err == nil || !strings.Contains(err.Error(), tt.want) || got != (Person{}) {
			t.Errorf("%s: got %+v and %v, want %q", tt.name, got, err, tt.want)
		}
	}
	h.sim.Fail(cwsim.Rule{Route: "/service/tickets/{id}", Fault: cwsim.Fault{Kind: cwsim.Denied}})
	if _, err := h.client.TicketContact(t.Context(), 7001); err == nil || !strings.Contains(err.Error(), "Service Desk > Service Tickets: Inquire All") {
		t.Errorf("got %v, want the right that is missing", err)
	}
}
