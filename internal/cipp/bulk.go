package cipp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A part is one Graph read within a bulk request.
type part struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	URL    string `json:"url"`
}

var (
	orgPart  = part{"org", http.MethodGet, "organization?$select=id,displayName,verifiedDomains"}
	skusPart = part{"skus", http.MethodGet, "subscribedSkus"}
	subsPart = part{"subs", http.MethodGet, "directory/subscriptions"}
)

// graphName is what Graph calls a part, without its options.
func (p part) graphName() string {
	name, _, _ := strings.Cut(p.URL, "?")
	return name
}

// A partial is the answer to one part.
type partial struct {
	status int
	body   []byte        // as it stands in the whole answer; nil where there was none
	after  time.Duration // what Graph asks us to wait, on a 429
}

func (p partial) ok() bool { return p.status >= 200 && p.status < 300 }

// busy reports whether the same question may get an answer a little later.
func (p partial) busy() bool {
	return !p.ok() && (p.status == http.StatusTooManyRequests || p.status >= 500 || classOf(string(p.body)) == busy)
}

// errNobody says that CIPP answered 200 and nothing: what it does for tenants
// it may not read, or does not know. CIPP source: New-GraphBulkRequest.ps1.
var errNobody = errors.New("the answer is empty: CIPP may not read this tenant, or no longer lists it")

const (
	bulkAttempts = 4
	bulkBackoff  = 2 * time.Second
	longestWait  = time.Minute
)

// parts asks Graph several things about one tenant. CIPP itself retries what
// Graph throttles three times; a part that is still busy then is asked again
// here, the whole call with it, so that all parts are of one moment.
func (c *Client) parts(ctx context.Context, f TenantFilter, ask ...part) (map[string]partial, error) {
	for attempt := 1; ; attempt++ {
		body, err := c.do(ctx, bulk(f, ask))
		if err != nil {
			return nil, err
		}
		got, err := partials(body)
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
		wait = min(max(wait, backoff/2+rand.N(backoff)), longestWait)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return got, nil
		}
		c.log.Debug().Str("tenant", string(f.tenant.ID)).Int("attempt", attempt).Int64("wait_ms", wait.Milliseconds()).Msg("bulk read asked again")
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// partials sorts the answers by id. The same id may come twice after a retry
// inside CIPP; the one that succeeded counts.
func partials(body []byte) (map[string]partial, error) {
	a, err := open(body)
	if err != nil {
		return nil, err
	}
	if len(a.texts) > 0 {
		return nil, &strayError{1, a.texts[0]}
	}
	byID := make(map[string]partial, 8)
	n := 0
	one := func(dec *jsontext.Decoder) error {
		n++
		switch dec.PeekKind() {
		case '{':
			id, p, err := readPartial(dec, a.rows)
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
		return &strayError{n, said(value)}
	}
	if len(a.rows) == 0 {
		return nil, errNobody
	}
	dec := decoder(a.rows)
	if dec.PeekKind() == '{' {
		err = one(dec)
	} else {
		err = elements(dec, one)
	}
	if err != nil {
		return nil, plain(err)
	}
	if len(byID) == 0 {
		return nil, errNobody
	}
	return byID, nil
}

// readPartial reads {"id","status","headers","body"}; all is what dec reads from.
func readPartial(dec *jsontext.Decoder, all []byte) (id string, p partial, err error) {
	var status number
	var notes row
	err = members(dec, func(dec *jsontext.Decoder, name string) (err error) {
		switch strings.ToLower(name) {
		case "id":
			id, err = scalar(dec)
		case "status":
			err = status.UnmarshalJSONFrom(dec)
		case "body":
			p.body, err = slice(dec, all)
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
		return "", partial{}, err
	}
	if why := notes.stray(); why != "" {
		return "", partial{}, &strayError{1, why}
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
			after, _ = retryAfter(said(raw))
		}
		return err
	})
	return after, err
}

// A collection is the body of a part: Graph's wrapping of rows.
type collection struct {
	rows []byte
	next string // where Graph would go on; it stays even after CIPP has followed it
	sure bool   // there was a list, if an empty one
}

// collect opens the body of part p, or says why it is no collection.
func (p partial) collect() (collection, error) {
	words := said(p.body)
	if !p.ok() {
		if p.status == 0 {
			return collection{}, errors.New("the answer has no status")
		}
		if classOf(string(p.body)) == partner {
			return collection{}, meaning(partner, "ListGraphBulkRequest", "", p.status, words)
		}
		err := fmt.Errorf("%d: %s", p.status, cmp.Or(words, "no reason given"))
		if remedy := remedies[sub(p.status, p.body)]; remedy != "" {
			err = fmt.Errorf("%w; %s", err, remedy)
		}
		return collection{}, err
	}
	body := bare(p.body)
	if len(body) == 0 || string(body) == "null" {
		return collection{}, errors.New("200 without a body")
	}
	switch body[0] {
	case '[':
		return collection{rows: body, sure: true}, nil
	case '{':
	default:
		if cut(words) {
			return collection{}, &cutError{words}
		}
		return collection{}, &strayError{1, words}
	}
	var c collection
	var wrong string
	err := members(decoder(body), func(dec *jsontext.Decoder, name string) (err error) {
		switch strings.ToLower(name) {
		case "value":
			c.sure = true
			switch dec.PeekKind() {
			case 'n':
				return dec.SkipValue()
			case '"':
				s, err := scalar(dec)
				if err == nil && strings.TrimSpace(s) != "" {
					err = &strayError{1, s}
				}
				return err
			}
			c.rows, err = slice(dec, body)
			return err
		case "@odata.nextlink":
			c.next, err = scalar(dec)
			return err
		case "error":
			wrong = sentence(dec)
			return nil
		}
		return dec.SkipValue()
	})
	switch {
	case err != nil:
		return collection{}, plain(err)
	case wrong != "":
		return collection{}, &strayError{1, wrong}
	case !c.sure:
		// A list of one whose wrapping was lost.
		c.rows = body
	}
	return c, nil
}

// sub is the class of a part's failure.
func sub(status int, body []byte) class {
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
