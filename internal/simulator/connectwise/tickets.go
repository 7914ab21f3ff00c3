package cwsim

// A Ticket is a service ticket.
type Ticket struct {
	ID        int
	Summary   string
	CompanyID int
	ContactID int // 0 where the sender is no contact
	// What a sender who is no contact left.
	ContactName  string
	ContactEmail string
	Closed       bool
	Other        map[string]any
	Info         Info
}

func (t *Ticket) key() int { return t.ID }

func (t *Ticket) render(v *view) record {
	r := record{"id": t.ID, "summary": t.Summary, "recordType": "ServiceTicket", "closedFlag": t.Closed}
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
