package cwsim

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A Ticket is a service ticket.
type Ticket struct {
	ID         int
	Summary    string
	CompanyID  int
	BoardID    int // 0 where nobody asks
	StatusID   int // of the board
	PriorityID int
	XRef       string // externalXRef
	ContactID  int    // 0 where the sender is no contact
	// What a sender who is no contact left.
	ContactName  string
	ContactEmail string
	Closed       bool // where it has no status that says so
	Other        map[string]any
	Info         Info
}

// A BoardStatus is a status that tickets of a board may have.
type BoardStatus struct {
	ID       int
	BoardID  int
	Name     string
	Closed   bool
	Default  bool
	Inactive bool
	Info     Info
}

// A TicketNote is a note on a ticket. The text that a ticket began with is one too.
type TicketNote struct {
	ID       int
	TicketID int
	Text     string
	Internal bool // for the internal analysis; otherwise customers read it
	Silent   bool // nobody was told of it
	Info     Info
}

func (t *Ticket) key() int      { return t.ID }
func (s *BoardStatus) key() int { return s.ID }
func (n *TicketNote) key() int  { return n.ID }

func (t *Ticket) render(v *view) record {
	r := record{"id": t.ID, "summary": t.Summary, "recordType": "ServiceTicket", "closedFlag": t.Closed}
	for _, s := range v.world.BoardStatuses {
		if s.ID == t.StatusID {
			r["status"], r["closedFlag"] = record{"id": s.ID, "name": s.Name}, s.Closed
		}
	}
	r.put("board", named(v.world.Boards, t.BoardID))
	r.put("priority", named(v.world.Priorities, t.PriorityID))
	r.put("externalXRef", t.XRef)
	r.put("company", v.company(t.CompanyID))
	name, mail := t.ContactName, t.ContactEmail
	if c := v.contacts[t.ContactID]; c != nil {
		r.put("contact", v.contact(t.ContactID))
		for _, i := range c.Communications {
			if i.Kind == "Email" && (mail == "" || i.Default) {
				mail = i.Value
			}
		}
		if name == "" {
			name = c.FirstName + " " + c.LastName
		}
	}
	r.put("contactName", name)
	r.put("contactEmailAddress", mail)
	r["_info"] = t.Info.record()
	r.merge(t.Other)
	return r
}

// named is a reference to an entry of a table, nil for none.
func named(all []*Setup, id int) record {
	for _, s := range all {
		if s.ID == id {
			return record{"id": s.ID, "name": s.Name}
		}
	}
	return nil
}

func (s *BoardStatus) render(*view) record {
	return record{"id": s.ID, "name": s.Name, "closedStatus": s.Closed, "defaultFlag": s.Default, "inactive": s.Inactive, "_info": s.Info.record()}
}

func (n *TicketNote) render(*view) record {
	return record{"id": n.ID, "ticketId": n.TicketID, "text": n.Text, "detailDescriptionFlag": !n.Internal, "internalAnalysisFlag": n.Internal,
		"resolutionFlag": false, "_info": n.Info.record()}
}

func (c *call) boardStatuses() (*answer, *apiError) {
	if !slices.ContainsFunc(c.world.Boards, func(b *Setup) bool { return b.ID == c.id(0) }) {
		return nil, notFound("Board")
	}
	return c.list(entities(c.statuses(c.id(0))))
}

func (c *call) statuses(board int) []*BoardStatus {
	return slices.DeleteFunc(slices.Clone(c.world.BoardStatuses), func(s *BoardStatus) bool { return s.BoardID != board })
}

// ticket finds the ticket in the path.
func (c *call) ticket() *Ticket {
	for _, t := range c.world.Tickets {
		if t.ID == c.id(0) && c.visible("Ticket", serviceTickets, t) {
			return t
		}
	}
	return nil
}

// createTicket makes a ticket. Its board is the first one where it names none, and its status the
// board's default.
func (c *call) createTicket() (*answer, *apiError) {
	s := schemas["Ticket"]
	body, err := c.bodyObject()
	if err != nil {
		return nil, err
	}
	values, err := c.members(s, body)
	if err != nil {
		return nil, err
	}
	if err := required(s, values); err != nil {
		return nil, err
	}
	t := &Ticket{ID: next(c.world.Tickets, (*Ticket).key), Summary: text(values["summary"]), XRef: text(values["externalXRef"]), Other: map[string]any{},
		Info: Info{DateEntered: c.now, EnteredBy: c.member(), LastUpdated: c.now, UpdatedBy: c.member()}}
	company, _ := values["company"].(record)
	if t.CompanyID, _ = company["id"].(int); c.view.companies[t.CompanyID] == nil || c.view.companies[t.CompanyID].Deleted {
		return nil, invalid("Ticket", "NotFound", "company", "The company was not found.")
	}
	if t.BoardID, err = setupOf(c.world.Boards, "board", values["board"]); err != nil {
		return nil, err
	}
	if t.PriorityID, err = setupOf(c.world.Priorities, "priority", values["priority"]); err != nil {
		return nil, err
	}
	statuses := c.statuses(t.BoardID)
	if i := slices.IndexFunc(statuses, func(s *BoardStatus) bool { return s.Default }); i >= 0 {
		t.StatusID = statuses[i].ID
	}
	if values["status"] != nil {
		if err := c.setStatus(t, values["status"]); err != nil {
			return nil, err
		}
	}
	silent := values["processNotifications"] == false
	for name, v := range values {
		switch name {
		case "summary", "externalXRef", "company", "board", "priority", "status", "processNotifications", "initialDescription", "initialInternalAnalysis":
		default:
			t.Other[name] = v
		}
	}
	if !c.discardWrite {
		c.world.Tickets = append(c.world.Tickets, t)
		c.changed = true
		for _, first := range []struct {
			member   string
			internal bool
		}{{"initialDescription", false}, {"initialInternalAnalysis", true}} {
			if said := text(values[first.member]); said != "" {
				c.addNote(t, said, first.internal, silent)
			}
		}
		c.view.audit("Ticket", t.ID, c.now, c.member(), "Add", "Ticket has been created.")
	}
	return c.object(http.StatusCreated, s, t.render(c.view)), nil
}

func (c *call) addNote(t *Ticket, said string, internal, silent bool) *TicketNote {
	n := &TicketNote{ID: next(c.world.TicketNotes, (*TicketNote).key), TicketID: t.ID, Text: said, Internal: internal, Silent: silent,
		Info: Info{DateEntered: c.now, EnteredBy: c.member(), LastUpdated: c.now, UpdatedBy: c.member()}}
	c.world.TicketNotes = append(c.world.TicketNotes, n)
	return n
}

// setupOf finds what a reference means, by id or by name; the first where it is none.
func setupOf(all []*Setup, member string, v any) (int, *apiError) {
	r, _ := v.(record)
	if r == nil {
		if len(all) == 0 {
			return 0, nil
		}
		return all[0].ID, nil
	}
	id, _ := r["id"].(int)
	for _, s := range all {
		if s.ID == id || id == 0 && strings.EqualFold(s.Name, cmp.Or(text(r["name"]), "\x00")) {
			return s.ID, nil
		}
	}
	return 0, invalid("Ticket", "NotFound", member, "The %s was not found.", member)
}

// setStatus gives a ticket a status, which must be one of its board.
func (c *call) setStatus(t *Ticket, v any) *apiError {
	r, _ := v.(record)
	id, _ := r["id"].(int)
	for _, s := range c.statuses(t.BoardID) {
		if s.ID == id || id == 0 && strings.EqualFold(s.Name, cmp.Or(text(r["name"]), "\x00")) {
			t.StatusID = s.ID
			return nil
		}
	}
	return invalid("Ticket", "NotFound", "status", "The status was not found.")
}

// patchTicket is all or nothing.
func (c *call) patchTicket() (*answer, *apiError) {
	old := c.ticket()
	if old == nil {
		return nil, notFound("Ticket")
	}
	s := schemas["Ticket"]
	ops, err := c.operations(s)
	if err != nil {
		return nil, err
	}
	t := *old
	t.Other = maps.Clone(old.Other)
	for _, op := range ops {
		switch op.member.name {
		case "status":
			if err := c.setStatus(&t, op.value); err != nil {
				return nil, err
			}
		case "summary":
			t.Summary = text(op.value)
		case "externalXRef":
			t.XRef = text(op.value)
		default:
			if t.Other == nil {
				t.Other = map[string]any{}
			}
			t.Other[op.member.name] = op.value
		}
	}
	if !c.discardWrite {
		t.Info.LastUpdated, t.Info.UpdatedBy = c.now, c.member()
		*old = t
		c.changed = true
		c.view.audit("Ticket", t.ID, c.now, c.member(), "Update", "Ticket has been changed: "+names(ops)+".")
	} else if !c.echoWrite {
		t = *old
	}
	return c.object(http.StatusOK, s, t.render(c.view)), nil
}

func (c *call) ticketNotes() (*answer, *apiError) {
	t := c.ticket()
	if t == nil {
		return nil, notFound("Ticket")
	}
	return c.list(entities(slices.DeleteFunc(slices.Clone(c.world.TicketNotes), func(n *TicketNote) bool { return n.TicketID != t.ID })))
}

// createTicketNote adds a note. The role needs the right to edit tickets for that no more than
// for a ticket of its own: what adds is enough.
func (c *call) createTicketNote() (*answer, *apiError) {
	t := c.ticket()
	if t == nil {
		return nil, notFound("Ticket")
	}
	s := schemas["TicketNote"]
	body, err := c.bodyObject()
	if err != nil {
		return nil, err
	}
	values, err := c.members(s, body)
	if err != nil {
		return nil, err
	}
	internal, _ := values["internalAnalysisFlag"].(bool)
	described, _ := values["detailDescriptionFlag"].(bool)
	resolved, _ := values["resolutionFlag"].(bool)
	switch {
	case text(values["text"]) == "":
		return nil, invalid("TicketNote", "MissingRequiredField", "text", "The text field is required.")
	case !internal && !described && !resolved:
		return nil, invalid("TicketNote", "InvalidValue", "internalAnalysisFlag", "One of the flags of a note must be set.")
	}
	n := &TicketNote{ID: next(c.world.TicketNotes, (*TicketNote).key), TicketID: t.ID, Text: text(values["text"]), Internal: internal}
	if !c.discardWrite {
		n = c.addNote(t, n.Text, internal, values["processNotifications"] == false)
		c.changed = true
	}
	return c.object(http.StatusCreated, s, n.render(c.view)), nil
}
