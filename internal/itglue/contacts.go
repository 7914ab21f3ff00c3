package itglue

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"

	"syncd/internal/plan"
)

// A contact is a person at an organization, as much of it as is compared.
type contact struct {
	ID           id       `json:"i"`
	Organization id       `json:"o"`
	First        string   `json:"f,omitempty"`
	Last         string   `json:"l,omitempty"`
	Title        string   `json:"t,omitempty"`
	Emails       []email  `json:"e,omitempty"`
	Phones       []phone  `json:"p,omitempty"`
	PSA          bool     `json:"psa,omitempty"`       // tied to the PSA, and its other half is there
	Synced       bool     `json:"synced,omitempty"`    // and the sync of it is on
	Microsoft    bool     `json:"microsoft,omitempty"` // tied to the vendor's Microsoft integration
	Remotes      []string `json:"r,omitempty"`         // its ids in other systems
	ConnectWise  string   `json:"cw,omitempty"`        // its id in ConnectWise
	Updated      int64    `json:"u,omitempty"`         // seconds
}

// The elements of a contact's arrays. What somebody else wrote in them is sent
// back as it came.
type email struct {
	Value   label `json:"value"`
	Label   label `json:"label-name"`
	Primary flag  `json:"primary"`
}

type phone struct {
	Value     label `json:"value"`
	Extension label `json:"extension,omitempty"`
	Label     label `json:"label-name"`
	Type      label `json:"label-type,omitempty"`
	Primary   flag  `json:"primary"`
}

// contactWire is a contact as the API shows it.
type contactWire struct {
	Organization id      `json:"organization-id"`
	First        label   `json:"first-name"`
	Last         label   `json:"last-name"`
	Title        label   `json:"title"`
	Emails       []email `json:"contact-emails"`
	Phones       []phone `json:"contact-phones"`
	PSA          label   `json:"psa-integration"`
	Updated      label   `json:"updated-at"`
}

func (w *contactWire) contact(n id, twins []Adapter) *contact {
	enabled := strings.EqualFold(string(w.PSA), "enabled")
	c := &contact{ID: n, Organization: w.Organization, First: string(w.First), Last: string(w.Last), Title: string(w.Title),
		Emails: w.Emails, Phones: w.Phones, PSA: enabled, Synced: enabled, Updated: seconds(w.Updated)}
	for _, t := range twins {
		if t.Orphaned {
			continue
		}
		if t.RemoteID != "" {
			c.Remotes = append(c.Remotes, strings.ToLower(t.RemoteID))
		}
		if t.ConnectWise() {
			c.ConnectWise = t.RemoteID
		}
		if t.microsoft() {
			c.Microsoft = true
		} else {
			c.PSA, c.Synced = true, c.Synced || t.Sync
		}
	}
	return c
}

// contacts lists contacts; of one organization where one is given.
// GET /contacts?include=adapters_resources.
func (s *session) contacts(ctx context.Context, organization id, begin func(), yield func(organization id, c *contact) error) error {
	q := url.Values{"sort": {"id"}, "include": {"adapters_resources"}}
	if organization != 0 {
		q.Set("filter[organization_id]", organization.String())
	}
	err := list(ctx, s, request{at: epContacts, query: q}, maxPageSize, begin, func(row resource[contactWire], in []included) error {
		c := row.Attributes.contact(row.ID, adaptersOf(row.Relationships, func(p pointer) (included, bool) { return lookUp(in, p) }))
		if organization != 0 && c.Organization != organization {
			return nil // a filter that was not minded
		}
		return yield(c.Organization, c)
	})
	if err != nil {
		return fmt.Errorf("listing the contacts: %w", err)
	}
	return nil
}

func lookUp(in []included, p pointer) (included, bool) {
	for _, i := range in {
		if i.ID == p.ID && i.Type == p.Type {
			return i, true
		}
	}
	return included{}, false
}

// contact reads one contact, and whose it is.
// GET /contacts/{id}?include=adapters_resources.
func (s *session) contact(ctx context.Context, n id) (*contact, error) {
	resp, err := s.do(ctx, request{at: epContact, ids: []id{n}, query: url.Values{"include": {"adapters_resources"}}})
	if err != nil {
		return nil, err
	}
	row, err := single[contactWire](resp)
	if err != nil {
		return nil, err
	}
	if row.ID != n {
		return nil, fmt.Errorf("itglue: asked for contact %s, got %s", n, row.ID)
	}
	return row.Attributes.contact(row.ID,
		adaptersOf(row.Relationships, func(p pointer) (included, bool) { return lookUp(row.Included, p) })), nil
}

func (c *contact) name() string { return oneLine(c.First + " " + c.Last) }

// label names a contact for people and for ever: names are not unique.
func (c *contact) label() string { return tagLabel(c.name(), c.ID) }

// has reports whether a contact has one of the addresses.
func (c *contact) has(addresses map[string]bool) bool {
	return slices.ContainsFunc(c.Emails, func(e email) bool { return addresses[address(string(e.Value))] })
}

// Labels of the arrays' elements are the account's own words; these are those
// it comes with, or that the vendor's integration writes.
var (
	workLabels   = []string{"work", "office", "business", "main", "direct"}
	mobileLabels = []string{"mobile", "cell", "cell phone", "mobile phone"}
)

func labelled(l label, among []string) bool {
	return slices.Contains(among, strings.ToLower(strings.TrimSpace(string(l))))
}

func isFax(p *phone) bool { return strings.EqualFold(string(p.Type), "fax") }

// phoneAt finds the element that holds the office or the mobile number, or -1.
func (c *contact) phoneAt(among []string) int {
	return slices.IndexFunc(c.Phones, func(p phone) bool { return !isFax(&p) && labelled(p.Label, among) })
}

// emailAt finds the element that is shown as the address: the primary one, or
// the first, or -1.
func (c *contact) emailAt() int {
	if i := slices.IndexFunc(c.Emails, func(e email) bool { return bool(e.Primary) }); i >= 0 {
		return i
	}
	if len(c.Emails) > 0 {
		return 0
	}
	return -1
}

// fields are what plans compare of a contact.
func (c *contact) fields() plan.Fields {
	v := fieldValues{"first_name": scalar(oneLine(c.First)), "last_name": scalar(oneLine(c.Last)), "title": scalar(oneLine(c.Title)),
		"email": nil, "mobile": c.phone(mobileLabels), "phone": c.phone(workLabels)}
	if i := c.emailAt(); i >= 0 {
		v["email"] = scalar(address(string(c.Emails[i].Value)))
	}
	return v.fields()
}

func (c *contact) phone(among []string) plan.Value {
	i := c.phoneAt(among)
	if i < 0 {
		return nil
	}
	return phoneValue(string(c.Phones[i].Value), string(c.Phones[i].Extension))
}

// foldName is the form in which names of people are compared.
func foldName(s string) string { return cases.Fold().String(oneLine(s)) }

// A nativeDomain is a domain that IT Glue tracks by itself. The API only reads
// them, and gives no way to create one.
type nativeDomain struct {
	ID           id     `json:"i"`
	Organization id     `json:"o"`
	Name         string `json:"n"`
}

type domainWire struct {
	Organization id    `json:"organization-id"`
	Name         label `json:"name"`
}

// domains lists tracked domains; of one organization where one is given.
// GET /domains.
func (s *session) domains(ctx context.Context, organization id, begin func(), yield func(nativeDomain) error) error {
	q := url.Values{"sort": {"created_at"}}
	if organization != 0 {
		q.Set("filter[organization_id]", organization.String())
	}
	err := list(ctx, s, request{at: epDomains, query: q}, maxPageSize, begin, func(row resource[domainWire], _ []included) error {
		d := nativeDomain{ID: row.ID, Organization: row.Attributes.Organization, Name: punycodeName(string(row.Attributes.Name))}
		if organization != 0 && d.Organization != organization {
			return nil
		}
		return yield(d)
	})
	if err != nil {
		return fmt.Errorf("listing the domains: %w", err)
	}
	return nil
}

func domainName(s string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), ".")
}

// punycodeName is a domain as DNS has it: IT Glue and Microsoft 365 do not agree on
// whether a name with letters beyond ASCII is written in them or in punycode.
func punycodeName(s string) string {
	name := domainName(s)
	if ascii, err := idna.ToASCII(name); err == nil {
		return ascii
	}
	return name
}
