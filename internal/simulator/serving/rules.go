package serving

import (
	"net/url"
	"slices"
	"strings"
)

// A Rule lets a vendor's fault F happen to the requests that it names, in the
// words of Request. Empty fields match everything.
type Rule[F any] struct {
	Method  string
	Route   string // such as /finance/agreements/{id}/additions/{id}; nothing else meets a request to an API that stands aside
	Account string
	Path    string // the whole path as the vendor documents it, such as /finance/agreements/55/additions
	Query   string // a part of the query with its escapes undone, such as page[number]=2
	Body    string // a part of the body: one record among many
	Skip    int    // the first so many are let through: a list that fails midway
	Times   int    // how often the fault happens; 0 = until the rules are dropped
	Fault   F
}

func (r *Rule[F]) matches(q *Request) bool {
	return (r.Method == "" || r.Method == q.Method) &&
		(r.Route == "" && !q.Aside || strings.EqualFold(r.Route, q.Route)) &&
		(r.Account == "" || strings.EqualFold(r.Account, q.Account)) &&
		(r.Path == "" || strings.EqualFold(r.Path, q.Path)) &&
		(r.Query == "" || strings.Contains(strings.ToLower(readable(q.Query)), strings.ToLower(r.Query))) &&
		strings.Contains(q.Body, r.Body)
}

// Rules are asked in their order: the first that matches decides.
type Rules[F any] []Rule[F]

// Use returns the fault that the rules have for a request, and counts it; the
// zero F if they have none.
func (rules *Rules[F]) Use(q *Request) (fault F) {
	for i := range *rules {
		r := &(*rules)[i]
		if !r.matches(q) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		fault = r.Fault
		if r.Times > 0 {
			if r.Times--; r.Times == 0 {
				*rules = slices.Delete(*rules, i, i+1)
			}
		}
		return fault
	}
	return fault
}

// readable is a query as a person would write it.
func readable(raw string) string {
	if q, err := url.QueryUnescape(raw); err == nil {
		return q
	}
	return raw
}
