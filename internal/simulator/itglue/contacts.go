package itgluesim

import (
	"fmt"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
)

func (o *Contact) key() *int64         { return &o.ID }
func (o *Contact) info() *Info         { return &o.Info }
func (o *Contact) organization() int64 { return o.OrganizationID }
func (o *Contact) kind() string        { return "contacts" }
func (o *Contact) adapters() []Adapter { return o.Adapters }
func (o *Contact) name() string        { return strings.TrimSpace(o.FirstName + " " + o.LastName) }

var contacts = &resource{
	kind: "contacts",
	rows: rowsOf(func(w *World) []*Contact { return w.Contacts }),
	filters: map[string]filter{
		"id": byID(), "organization_id": byOrganization(),
		"first_name":      byText(func(o *Contact) string { return o.FirstName }),
		"last_name":       byText(func(o *Contact) string { return o.LastName }),
		"title":           byText(func(o *Contact) string { return o.Title }),
		"contact_type_id": byNumber(func(o *Contact) int64 { return o.TypeID }),
		"important": {of: func(_ *call, o entity) []string { // null is neither true nor false
			if i := o.(*Contact).Important; i != nil {
				return []string{strconv.FormatBool(*i)}
			}
			return nil
		}},
		"primary_email": {of: func(_ *call, o entity) []string {
			var all []string
			for _, e := range o.(*Contact).Emails {
				if e.Primary {
					all = append(all, e.Value)
				}
			}
			return all
		}},
		"psa_id": byPSA(), "psa_integration_type": byPSAType(),
	},
	sorts: times(map[string]sorting{
		"id":         sortID,
		"first_name": sortText(func(o *Contact) string { return o.FirstName }),
		"last_name":  sortText(func(o *Contact) string { return o.LastName }),
	}),
	includes: []string{
		"adapters_resources", "location", "passwords", "attachments", "tickets", "distinct_remote_contacts", "resource_fields",
		"user_resource_accesses", "group_resource_accesses",
	},
	shows: []string{"recent_versions", "related_items", "authorized_users"},
}

func (o *Contact) render(c *call, _ bool) attributes {
	a := attributes{
		"name": o.name(), "first-name": text(o.FirstName), "last-name": text(o.LastName), "title": text(o.Title),
		"contact-type-id": ref(o.TypeID), "contact-type-name": text(c.index.names["contact-types"][o.TypeID]),
		"location-id": nil, "location-name": nil, "important": nil, "notes": text(o.Notes), "restricted": o.Restricted,
		"psa-integration": integration(o.Adapters), "resource-url": c.url(o.OrganizationID, "contacts", fmt.Sprint(o.ID)),
	}
	if o.Important != nil {
		a["important"] = *o.Important
	}
	if l, ok := c.index.any[Ref{"locations", o.LocationID}].(*Location); ok {
		a["location-id"], a["location-name"] = l.ID, l.Name
	}
	emails, phones := []any{}, []any{}
	for _, e := range o.Emails {
		emails = append(emails, attributes{"value": e.Value, "label-name": e.Label, "primary": e.Primary})
	}
	for _, p := range o.Phones {
		kind := p.Type
		if kind == "" {
			kind = "phone"
		}
		phones = append(phones, attributes{
			"value": p.Value, "formatted-value": formatted(p.Value), "extension": text(p.Extension),
			"label-name": p.Label, "label-type": kind, "primary": p.Primary,
		})
	}
	a["contact-emails"], a["contact-phones"] = emails, phones
	return a
}

// formatted is how the pages of a US account show a number.
func formatted(digits string) string {
	if len(digits) == 10 {
		return "(" + digits[:3] + ") " + digits[3:6] + "-" + digits[6:]
	}
	return digits
}

func createContact(c *call) (*answer, *apiError) {
	r, err := c.one("contacts")
	if err != nil {
		return nil, err
	}
	return c.createContacts([]*record{r}, false, 0)
}

func createNestedContacts(c *call) (*answer, *apiError) {
	all, array, err := c.records("contacts")
	if err != nil {
		return nil, err
	}
	return c.createContacts(all, array, c.id(0))
}

func (c *call) createContacts(all []*record, array bool, organization int64) (*answer, *apiError) {
	return c.write(http.StatusCreated, contacts, all, array, func(r *record) (change, *apiError) {
		n := &Contact{OrganizationID: organization}
		if err := c.readContact(n, r, organization == 0); err != nil {
			return change{}, err
		}
		return change{n, func() { c.addContact(n) }}, nil
	})
}

func (c *call) addContact(n *Contact) {
	n.ID = c.next()
	c.world.Contacts = append(c.world.Contacts, n)
	c.index.contacts[n.ID] = n
	c.index.any[Ref{n.kind(), n.ID}] = n
	if c.world.ContactSync != "two-way" {
		return
	}
	for _, a := range c.index.organizations[n.OrganizationID].Adapters {
		if a.PSA != "" && a.Sync && !a.Orphaned {
			c.world.Pushed = append(c.world.Pushed, n.ID)
			id := c.next()
			n.Adapters = append(n.Adapters, Adapter{ID: id, TypeName: a.TypeName, PSA: a.PSA, RemoteID: fmt.Sprint(id), Sync: true})
		}
	}
}

func patchContact(c *call) (*answer, *apiError) {
	return c.patchOne(contacts, c.contactAt(c.last()), c.changeContact)
}

func patchContacts(c *call) (*answer, *apiError) {
	return c.patchAll(contacts, c.contactAt, c.changeContact)
}

func deleteContacts(c *call) (*answer, *apiError) { return c.deleteAll(contacts, c.contactAt) }

func (c *call) contactAt(id int64) entity {
	if o := c.index.contacts[id]; o != nil {
		return o
	}
	return nil
}

func (c *call) changeContact(e entity, r *record) (change, *apiError) {
	o := e.(*Contact)
	if owned(o.Adapters) && c.world.ContactSync != "two-way" {
		for name := range r.attributes {
			if name != "id" && (!c.faults.SyncedNotesWritable || name != "notes" && name != "important") {
				return change{}, synced("contact")
			}
		}
	}
	n := *o
	if err := c.readContact(&n, r, true); err != nil {
		return change{}, err
	}
	return change{o, func() {
		*o = n
		if owned(o.Adapters) { // two-way: whatever is edited travels on
			c.world.Pushed = append(c.world.Pushed, o.ID)
		}
	}}, nil
}

// readContact lays a record over a contact. A moving contact takes its
// organization from the record where that is allowed.
func (c *call) readContact(n *Contact, r *record, moving bool) *apiError {
	c.allow(r, "organization-id", "first-name", "last-name", "title", "contact-type-id", "location-id", "important", "notes",
		"restricted", "contact-emails", "contact-phones")
	if moving {
		r.id("organization-id", &n.OrganizationID)
	}
	if n.OrganizationID == 0 {
		return blank("organization-id")
	}
	if c.index.organizations[n.OrganizationID] == nil || !c.accessible(n.OrganizationID) {
		return inaccessible()
	}
	r.text("first-name", &n.FirstName)
	r.text("last-name", &n.LastName)
	r.text("title", &n.Title)
	r.text("notes", &n.Notes)
	r.id("contact-type-id", &n.TypeID)
	r.id("location-id", &n.LocationID)
	r.flag("restricted", &n.Restricted)
	if r.has("important") {
		important := false
		r.flag("important", &important)
		n.Important = &important
		if r.attributes["important"] == nil {
			n.Important = nil
		}
	}
	if c.faults.TrimText {
		n.FirstName, n.LastName, n.Title = collapse(n.FirstName), collapse(n.LastName), collapse(n.Title)
	}
	if c.faults.RewriteHTML {
		n.Notes = sanitise(n.Notes)
	}
	if n.FirstName == "" && !c.faults.NamelessContacts {
		r.refuse(blank("first-name"))
	}
	for name, v := range map[string]string{"first-name": n.FirstName, "last-name": n.LastName, "title": n.Title} {
		if len([]rune(v)) > longestText {
			r.refuse(invalid(name, "is too long (maximum is %d characters)", longestText))
		}
	}
	if n.TypeID != 0 && c.index.names["contact-types"][n.TypeID] == "" {
		r.refuse(invalid("contact-type-id", "does not exist"))
	}
	if l, ok := c.index.any[Ref{"locations", n.LocationID}]; n.LocationID != 0 && (!ok || l.organization() != n.OrganizationID) {
		r.refuse(invalid("location-id", "is not a location of the organization"))
	}
	c.readEmails(n, r)
	c.readPhones(n, r)
	return r.err()
}

func (c *call) readEmails(n *Contact, r *record) {
	const name = "contact-emails"
	if !r.has(name) {
		return
	}
	var all []Email
	if c.faults.MergeArrays {
		all = slices.Clone(n.Emails)
	}
	for _, item := range r.items(name) {
		var e Email
		in := record{attributes: item}
		in.text("value", &e.Value)
		in.text("label-name", &e.Label)
		in.flag("primary", &e.Primary)
		if _, err := mail.ParseAddress(e.Value); err != nil || strings.ContainsAny(e.Value, " <>") {
			r.refuse(invalid(name, "value %q is not an e-mail address", e.Value))
		}
		c.label(r, name, e.Label, &c.world.EmailLabels, "Work", "Home", "Email", "Office", "Other")
		i := slices.IndexFunc(all, func(o Email) bool { return c.faults.MergeArrays && strings.EqualFold(o.Value, e.Value) })
		if i >= 0 {
			all[i] = e
			continue
		}
		all = append(all, e)
	}
	c.primaries(r, name, len(all), func(i int) *bool { return &all[i].Primary })
	n.Emails = all
}

func (c *call) readPhones(n *Contact, r *record) {
	const name = "contact-phones"
	if !r.has(name) {
		return
	}
	var all []Phone
	if c.faults.MergeArrays {
		all = slices.Clone(n.Phones)
	}
	for _, item := range r.items(name) {
		var p Phone
		in := record{attributes: item}
		in.text("value", &p.Value)
		in.text("extension", &p.Extension)
		in.text("label-name", &p.Label)
		in.text("label-type", &p.Type)
		in.flag("primary", &p.Primary)
		plus := c.faults.KeepPlus && strings.HasPrefix(strings.TrimSpace(p.Value), "+")
		p.Value, p.Extension = digits(p.Value), digits(p.Extension)
		if p.Value == "" {
			r.refuse(invalid(name, "value can't be blank"))
		}
		if plus {
			p.Value = "+" + p.Value
		}
		if p.Type != "" && p.Type != "phone" && p.Type != "fax" {
			r.refuse(invalid(name, "label-type %q is neither phone nor fax", p.Type))
		}
		c.label(r, name, p.Label, &c.world.PhoneLabels, "Work", "Home", "Cell", "Mobile", "Office", "Fax", "Other")
		i := slices.IndexFunc(all, func(o Phone) bool { return c.faults.MergeArrays && o.Value == p.Value })
		if i >= 0 {
			all[i] = p
			continue
		}
		all = append(all, p)
	}
	c.primaries(r, name, len(all), func(i int) *bool { return &all[i].Primary })
	n.Phones = all
}

// label checks a label against those of the account.
func (c *call) label(r *record, name, label string, known *[]string, usual ...string) {
	if label == "" {
		r.refuse(invalid(name, "label-name can't be blank"))
		return
	}
	if len(*known) > 0 {
		usual = *known
	}
	if slices.Contains(usual, label) {
		return
	}
	if !c.faults.CreateLabels {
		r.refuse(invalid(name, "label-name %q does not exist", label))
		return
	}
	*known = append(slices.Clone(usual), label)
}

// primaries sees to it that one element at most is the primary one.
func (c *call) primaries(r *record, name string, n int, at func(int) *bool) {
	last := -1
	for i := range n {
		if !*at(i) {
			continue
		}
		if last >= 0 {
			if !c.faults.LastPrimaryWins && !c.faults.MergeArrays {
				r.refuse(invalid(name, "has more than one primary"))
				return
			}
			*at(last) = false
		}
		last = i
	}
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
