package connectwise

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/rest"
)

// A Person is a contact as a new account is filled from it. What ConnectWise
// does not know is empty.
type Person struct {
	ID, CompanyID int // CompanyID is 0 for a contact of no company
	First, Last   string
	Title         string
	Email         string // the default one, else the first
	Mobile        string // the first number whose type says mobile or cell
	Phone         string // the default one of the others, else the first of them
	Department    string
}

type fullContact struct {
	ID             int             `json:"id"`
	FirstName      string          `json:"firstName"`
	LastName       string          `json:"lastName"`
	Title          string          `json:"title"`
	Company        reference       `json:"company"`
	Department     reference       `json:"department"`
	Inactive       bool            `json:"inactiveFlag"`
	Communications []communication `json:"communicationItems"`
}

type communication struct {
	Kind    string    `json:"communicationType"`
	Type    reference `json:"type"`
	Value   string    `json:"value"`
	Default bool      `json:"defaultFlag"`
}

// Contact reads one contact. One that is inactive is refused: it stands for
// somebody who left.
// GET /company/contacts/{id}.
func (c *Client) Contact(ctx context.Context, id int) (Person, error) {
	row, err := one[fullContact](ctx, c, request{at: epContact, ids: []int{id}})
	switch {
	case rest.Gone(err):
		return Person{}, fmt.Errorf("contact %d is not in ConnectWise, or is hidden from the API member: copy the number from the contact's page", id)
	case err != nil:
		return Person{}, fmt.Errorf("reading contact %d: %w", id, err)
	case row.Inactive:
		return Person{}, fmt.Errorf(
			"contact %d (%s %s) is inactive in ConnectWise: reactivate it there, or name another one", id, row.FirstName, row.LastName)
	}
	p := Person{ID: row.ID, CompanyID: row.Company.ID, First: strings.TrimSpace(row.FirstName), Last: strings.TrimSpace(row.LastName),
		Title: strings.TrimSpace(row.Title), Department: strings.TrimSpace(row.Department.Name)}
	// The default first; otherwise in the order in which people see them.
	slices.SortStableFunc(row.Communications, func(a, b communication) int { return rank(a.Default) - rank(b.Default) })
	for _, i := range row.Communications {
		value := strings.TrimSpace(i.Value)
		switch {
		case i.Kind == "Email" && p.Email == "":
			p.Email = value
		case i.Kind != "Phone":
		case isMobile(i.Type.Name) && p.Mobile == "":
			p.Mobile = value
		case !isMobile(i.Type.Name) && p.Phone == "":
			p.Phone = value
		}
	}
	return p, nil
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// isMobile goes by the name of a number's type. The names are the MSP's own;
// as delivered they are Direct, Cell, Home, Pager and the like.
func isMobile(kind string) bool {
	kind = strings.ToLower(kind)
	return strings.Contains(kind, "mobil") || strings.Contains(kind, "cell")
}

type ticket struct {
	Company reference `json:"company"`
	Contact reference `json:"contact"`
	// What a sender who is no contact left.
	ContactName  string `json:"contactName"`
	ContactEmail string `json:"contactEmailAddress"`
}

// TicketContact reads the contact that a ticket is about. A ticket whose sender
// is no contact is refused, with what it says of the sender. A contact of no
// company is taken for one of the ticket's.
// GET /service/tickets/{id}, then Contact.
func (c *Client) TicketContact(ctx context.Context, number int) (Person, error) {
	t, err := one[ticket](ctx, c, request{at: epTicket, ids: []int{number}})
	switch {
	case rest.Gone(err):
		return Person{}, fmt.Errorf("ticket %d is not in ConnectWise, or is hidden from the API member: copy the number from the ticket", number)
	case err != nil:
		return Person{}, fmt.Errorf("reading ticket %d: %w", number, err)
	case t.Contact.ID == 0:
		who := strings.TrimSpace(t.ContactName + " " + t.ContactEmail)
		if who != "" {
			who = " (it only says: " + rest.Excerpt(who) + ")"
		}
		return Person{}, fmt.Errorf("ticket %d has no contact%s: choose one on the ticket, or name the contact itself", number, who)
	}
	p, err := c.Contact(ctx, t.Contact.ID)
	if err != nil {
		return Person{}, fmt.Errorf("the contact of ticket %d: %w", number, err)
	}
	if p.CompanyID == 0 {
		p.CompanyID = t.Company.ID
	}
	return p, nil
}
