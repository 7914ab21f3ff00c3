package cipp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"syncd/internal/rest"

	"github.com/go-json-experiment/json/jsontext"
)

// A bulkRequest is one Graph request within ListGraphBulkRequest.
type bulkRequest struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	URL    string `json:"url"`

	// page is how many rows the URL asks for; 0 where Graph sends all at once.
	// A paged collection is read one page at a time: CIPP would follow the pages, hold
	// all of them in one answer, and not report a page that failed.
	page int
}

var (
	orgRequest  = get("org", "organization?$select=id,displayName,verifiedDomains", 0)
	skusRequest = get("skus", "subscribedSkus", 0)
	subsRequest = get("subs", "directory/subscriptions", 0)
)

func get(id, url string, page int) bulkRequest {
	return bulkRequest{ID: id, Method: http.MethodGet, URL: url, page: page}
}

// options returns the OData options of the request.
func (p bulkRequest) options() url.Values {
	_, raw, _ := strings.Cut(p.URL, "?")
	query, err := url.ParseQuery(raw)
	if err != nil {
		panic("cipp: " + p.URL + ": " + err.Error()) // all URLs are constants of this package
	}
	return query
}

// graphName returns the Graph path of the request, without its options.
func (p bulkRequest) graphName() string {
	name, _, _ := strings.Cut(p.URL, "?")
	return name
}

// A bulkResponse is the response to one bulkRequest.
type bulkResponse struct {
	status int
	body   []byte        // as it stands in the whole answer; nil where there was none
	after  time.Duration // what Graph asks us to wait, on a 429

	// Of a body that is an object: the collection, or why it is none. It is decoded
	// while the body is read for the first time, because reading a body once more
	// costs as much as everything else that is done with it.
	collection collection
	invalid    error
}

func (p bulkResponse) ok() bool { return p.status >= 200 && p.status < 300 }

// busy reports whether the same request may succeed a little later.
func (p bulkResponse) busy() bool {
	return !p.ok() && (p.status == http.StatusTooManyRequests || p.status >= 500 || classOf(string(p.body)) == busy)
}

// errEmptyAnswer says that CIPP answered 200 with nothing, as it does for tenants that
// it may not read or does not know. CIPP source: New-GraphBulkRequest.ps1.
var errEmptyAnswer = errors.New("the answer is empty: CIPP may not read this tenant, or no longer lists it")

const (
	bulkAttempts = 4
	bulkBackoff  = 2 * time.Second
	maxWait      = time.Minute
)

// bulkRead sends several Graph requests about one tenant in one call. CIPP retries what
// Graph throttles three times; where a response is still busy then, the whole call is
// repeated, so that all responses are of one moment.
func (c *Client) bulkRead(ctx context.Context, f TenantFilter, ask ...bulkRequest) (map[string]bulkResponse, error) {
	for attempt := 1; ; attempt++ {
		body, err := c.do(ctx, bulkCall(f, ask))
		if err != nil {
			return nil, err
		}
		got, err := bulkResponses(body)
		if err != nil {
			return nil, err
		}
		wait, again := time.Duration(0), false
		for _, p := range ask {
			if answer, ok := got[p.ID]; ok && answer.busy() {
				again, wait = true, max(wait, answer.after)
			}
		}
		if !again || attempt == bulkAttempts {
			return got, nil
		}
		backoff := bulkBackoff << (attempt - 1)
		wait = min(max(wait, backoff/2+rand.N(backoff)), maxWait)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return got, nil
		}
		c.log.Debug().Str("tenant", string(f.tenant.ID)).Int("attempt", attempt).Int64("wait_ms",
			wait.Milliseconds()).Msg("bulk read asked again")
		if err := rest.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// bulkResponses returns the responses by id. The same id may come twice after a retry
// inside CIPP; the one that succeeded counts.
func bulkResponses(body []byte) (map[string]bulkResponse, error) {
	a, err := openAnswer(body)
	if err != nil {
		return nil, err
	}
	if len(a.texts) > 0 {
		return nil, &notDataError{1, a.texts[0]}
	}
	byID := make(map[string]bulkResponse, 8)
	n := 0
	one := func(dec *jsontext.Decoder) error {
		n++
		switch dec.PeekKind() {
		case '{':
			id, p, err := readBulkResponse(dec, a.rows)
			if err != nil {
				return err
			}
			if before, ok := byID[id]; !ok || !before.ok() {
				byID[id] = p
			}
			return nil
		case 'n':
			return dec.SkipValue()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		return &notDataError{n, errorWords(value)}
	}
	if len(a.rows) == 0 {
		return nil, errEmptyAnswer
	}
	dec := decoder(a.rows)
	if dec.PeekKind() == '{' {
		err = one(dec)
	} else {
		err = elements(dec, one)
	}
	if err != nil {
		return nil, decodeError(err)
	}
	if len(byID) == 0 {
		return nil, errEmptyAnswer
	}
	return byID, nil
}

// readBulkResponse reads {"id","status","headers","body"}; all is what dec reads from.
func readBulkResponse(dec *jsontext.Decoder, all []byte) (id string, p bulkResponse, err error) {
	var status number
	var notes row
	err = members(dec, func(dec *jsontext.Decoder, name string) (err error) {
		switch strings.ToLower(name) {
		case "id":
			id, err = scalar(dec)
		case "status":
			err = status.UnmarshalJSONFrom(dec)
		case "body":
			if dec.PeekKind() == '{' {
				p.body, err = p.readBody(dec, all)
			} else {
				p.body, err = slice(dec, all)
			}
		case "headers":
			p.after, err = readHeaders(dec)
		case "tenant":
			err = notes.Tenant.UnmarshalJSONFrom(dec)
		case "cippstatus":
			err = notes.CippStatus.UnmarshalJSONFrom(dec)
		case "message":
			err = notes.Message.UnmarshalJSONFrom(dec)
		default:
			err = dec.SkipValue()
		}
		return err
	})
	if err != nil {
		return "", bulkResponse{}, err
	}
	if why := notes.notData(); why != "" {
		return "", bulkResponse{}, &notDataError{1, why}
	}
	if status.bad == "" {
		p.status = status.n
	}
	return id, p, nil
}

// readHeaders looks for Retry-After; the value may be in a list of one.
func readHeaders(dec *jsontext.Decoder) (after time.Duration, err error) {
	if dec.PeekKind() != '{' {
		return 0, dec.SkipValue()
	}
	err = members(dec, func(dec *jsontext.Decoder, name string) error {
		if !strings.EqualFold(name, "Retry-After") {
			return dec.SkipValue()
		}
		raw, err := dec.ReadValue()
		if err == nil {
			after, _ = retryAfter(errorWords(raw))
		}
		return err
	})
	return after, err
}

// A collection is a Graph collection: its rows and the link to the next page.
type collection struct {
	rows   []byte
	next   string // @odata.nextLink; it is there even after CIPP has followed it
	listed bool   // there was a list, if an empty one
}

// collect returns the collection of a response, or why it is none.
func (p bulkResponse) collect() (collection, error) {
	if !p.ok() {
		words := errorWords(p.body)
		if p.status == 0 {
			return collection{}, errors.New("the answer has no status")
		}
		if classOf(string(p.body)) == partner {
			return collection{}, errorOf(partner, "ListGraphBulkRequest", "", p.status, words)
		}
		err := fmt.Errorf("%d: %s", p.status, cmp.Or(words, "no reason given"))
		if remedy := remedies[bulkClass(p.status, p.body)]; remedy != "" {
			err = fmt.Errorf("%w; %s", err, remedy)
		}
		return collection{}, err
	}
	if len(p.body) == 0 || string(p.body) == "null" {
		return collection{}, errors.New("200 without a body")
	}
	switch p.body[0] {
	case '[':
		return collection{rows: p.body, listed: true}, nil
	case '{':
	default:
		words := errorWords(p.body)
		if cut(words) {
			return collection{}, &cutError{words}
		}
		return collection{}, &notDataError{1, words}
	}
	if p.invalid != nil {
		return collection{}, p.invalid
	}
	return p.collection, nil
}

// readBody reads a body that is an object, from dec, which reads from all, and decodes
// its collection. Its error is one of JSON.
func (p *bulkResponse) readBody(dec *jsontext.Decoder, all []byte) ([]byte, error) {
	// Nothing but a colon and white space is before the brace.
	start := int(dec.InputOffset())
	start += bytes.IndexByte(all[start:], '{')
	var wrong string
	err := members(dec, func(dec *jsontext.Decoder, name string) error {
		name = strings.ToLower(name)
		switch name {
		case "value", "@odata.nextlink", "error":
		default:
			return dec.SkipValue()
		}
		raw, err := slice(dec, all)
		if err != nil {
			return err
		}
		var bad error
		switch name {
		case "value":
			bad = p.collection.fill(raw)
		case "@odata.nextlink":
			p.collection.next, bad = scalar(decoder(raw))
		case "error":
			wrong = errorWords(raw)
		}
		if bad != nil && p.invalid == nil {
			p.invalid = decodeError(bad)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	end := int(dec.InputOffset())
	body := all[start:end:end]
	switch {
	case p.invalid != nil:
	case wrong != "":
		p.invalid = &notDataError{1, wrong}
	case !p.collection.listed:
		// PowerShell sends a list of one as its element.
		p.collection.rows = body
	}
	return body, nil
}

// fill sets the rows of a collection.
func (c *collection) fill(value []byte) error {
	c.listed = true
	switch value[0] {
	case 'n': // null
		return nil
	case '"':
		s, err := scalar(decoder(value))
		if err == nil && strings.TrimSpace(s) != "" {
			err = &notDataError{1, s}
		}
		return err
	}
	c.rows = value
	return nil
}

// bulkClass returns the class of a failed response.
func bulkClass(status int, body []byte) class {
	if c := classOf(string(body)); c != fine {
		return c
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return access
	case http.StatusTooManyRequests:
		return busy
	}
	return upstream
}
