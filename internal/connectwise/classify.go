package connectwise

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"syncd/internal/rest"
)

// refusal is the body of an error, and of a 429, whose shape differs.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Error   string `json:"error"` // instead of code, in a 429
	Errors  []struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Field   string `json:"field"`
	} `json:"errors"`
}

// classify judges an answer, by status first and then by its words:
//
//	400  a clientId that is missing or foreign     stop everything
//	     anything else: the request is at fault    no retry, with the fields named
//	401                                            stop everything: keys or clientId
//	403                                            stop everything: rights of the role
//	404                                            see Client.do
//	409  in use                                    no retry
//	429, 502, 503, 504                             temporary
//	500  "Error converting value", "is not a recognized name", "InvalidObject"
//	                                               permanent: bad input, reported as a fault of the server
//	     anything else, such as "A timeout has occured"   temporary
//
// Bodies may be empty, broken into lines by CRLF, or a proxy's page: what
// cannot be read is left out of the message, and the status decides.
func (c *Client) classify(r *rest.Response) error {
	if v := r.Header.Get("api-current-version"); v != "" {
		c.serverVersion.Store(&v)
	}
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	var body refusal
	// Not being able to read it is no news: the status speaks.
	_ = json.Unmarshal(r.Body, &body, readOptions)
	e := &rest.Error{System: "connectwise", Status: r.Status, Code: body.Code, Message: rest.Excerpt(body.Message)}
	if e.Code == "" {
		e.Code = body.Error
	}
	for _, f := range body.Errors {
		text := rest.Excerpt(f.Message)
		if f.Field != "" {
			text = f.Field + ": " + text
		}
		if e.Message != "" {
			e.Message += "; "
		}
		e.Message += text
	}
	if e.Message == "" && e.Code == "" {
		e.Message = http.StatusText(r.Status)
	}
	words := strings.ToLower(e.Code + " " + e.Message)
	client := strings.Contains(words, "clientid")
	switch {
	case client && (r.Status == http.StatusBadRequest || r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden):
		e.Unauthorised = true
		e.Remedy = "check connectwise.client_id: register one at developer.connectwise.com; a private one works for its own instance only"
	case r.Status == http.StatusUnauthorized:
		e.Unauthorised = true
		e.Remedy = "check connectwise.company, public_key and private_key (System > Members > API Members > API Keys), and that the API member is active"
	case r.Status == http.StatusForbidden && strings.Contains(words, "ssl is required"):
		e.Forbidden = true
		e.Remedy = "connectwise.url is the host for people: the API answers at the one that begins with api-"
	case r.Status == http.StatusForbidden && r.IsHTML():
		e.Forbidden = true
		e.Message, e.Remedy = "a page (HTML)", rest.Blocked
	case r.Status == http.StatusForbidden:
		e.Forbidden = true
		e.Remedy = "grant the API member's security role what it lacks; syncd check lists the rights"
	case r.Status == http.StatusNotFound:
		e.NotFound = true
	case r.Status == http.StatusTooManyRequests || r.Status == http.StatusRequestTimeout:
		e.Temporary = true
	case r.Status >= 500:
		e.Temporary = !strings.Contains(words, "converting value") && !strings.Contains(words, "not a recognized name") &&
			!strings.Contains(words, "invalidobject")
	}
	return e
}

// rights are what the API member's role needs for a call.
var rights = []struct {
	under string
	right string
}{
	{"/company/companies", "Companies > Company Maintenance: Inquire All"},
	{"/company/contacts", "Companies > Contacts: Inquire All"},
	{"/service/tickets", "Service Desk > Service Tickets: Inquire All (and Add All and Edit All for connectwise.tickets)"},
	{"/service/boards", "System > Table Setup (Service Board): Inquire All"},
	{"/service/priorities", "System > Table Setup (Priority): Inquire All"},
	{"/finance/billingCycles", "System > Table Setup: Inquire All"},
	{"/finance/agreements/types", "System > Table Setup (Agreement Type): Inquire All"},
	{"/finance/invoices", "Finance > Invoicing: Inquire All"},
	{"/finance", "Finance > Agreements: Inquire All, Edit All (and Add All for new lines), for every agreement type in use, parent types included"},
	{"/system/bundles", "Finance > Agreements: Inquire All"},
	{"/procurement", "Procurement > Product Catalog: Inquire All"},
	{"/system", "System > Table Setup: Inquire All"},
}

// rightFor names the right that a call needs.
func rightFor(at endpoint) string {
	for _, r := range rights {
		if strings.HasPrefix(string(at), r.under) {
			return r.right
		}
	}
	return "System > Table Setup: Inquire All"
}
