// Package endpoint is the map of CIPP's API: every endpoint that CIPP 10.8
// publishes, with its verbs, the permission it asks for and the names of its
// parameters; those that newer front ends call, whose permission is not known;
// and what CIPP does not publish: which of them change
// something, how each wants its tenant named, which answers hold secrets, and
// which requests CIPP accepts without an error and then does something else.
//
// CIPP itself checks none of it. It serves every verb, reads the parameters it
// knows and ignores the rest, so a request has to be right before it is sent.
package endpoint

//go:generate go run ./generate

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/xrash/smetrics"
)

// published is the map as data, one endpoint a line (CIPP source:
// Config/openapi.json of CIPP-API 10.8.2, and the permission in the head of
// each endpoint's own file; and, with since, what the front end up to 10.9.0 and
// its branch of 22 August 2026 call besides).
//
//go:embed endpoints.json
var published []byte

// Version is the CIPP that the map was made of; entries with Since are newer.
const Version = "10.8.2"

// An Endpoint is one entry of the map. Its slices are shared: do not change them.
type Endpoint struct {
	Name     string   `json:"name"`            // in the case that CIPP resolves fastest
	Methods  []string `json:"methods"`         // the verbs CIPP publishes
	Category string   `json:"category"`        // CIPP's folder, such as Identity/Administration/Users
	Role     string   `json:"role"`            // the permission, such as Identity.User.Read; Public where CIPP asks for none; empty where it is not known
	Query    []string `json:"query"`           // names of parameters CIPP looks for in the query
	Body     []string `json:"body"`            // and in the body
	Since    string   `json:"since,omitempty"` // the first version that has it, where that is newer than Version

	unlisted bool // it is not in the map
}

// Unlisted reports whether the map knows nothing of the endpoint but its name.
func (e Endpoint) Unlisted() bool { return e.unlisted }

// Permission returns Role for people.
func (e Endpoint) Permission() string { return cmp.Or(e.Role, "not known") }

// Path returns the path below the API's base URL.
func (e Endpoint) Path() string { return "/api/" + e.Name }

// Method returns the verb to use where the caller has no reason for another: POST
// for what writes, GET wherever CIPP publishes it for a read.
func (e Endpoint) Method() string {
	if !e.Writes() && slices.Contains(e.Methods, "GET") {
		return "GET"
	}
	if slices.Contains(e.Methods, "POST") {
		return "POST"
	}
	return e.Methods[0]
}

var all = sync.OnceValue(func() []Endpoint {
	var list []Endpoint
	if err := json.Unmarshal(published, &list); err != nil {
		panic("endpoint: the embedded map is broken: " + err.Error())
	}
	return list
})

var byName = sync.OnceValue(func() map[string]Endpoint {
	index := make(map[string]Endpoint, len(all()))
	for _, e := range all() {
		index[strings.ToLower(e.Name)] = e
	}
	return index
})

// All returns every endpoint, by name. The slice is the caller's.
func All() []Endpoint { return slices.Clone(all()) }

// An UnknownError says that the map has no endpoint of a name.
type UnknownError struct {
	Name    string
	Nearest []string // names like it, the likeliest first; may be empty
}

func (e *UnknownError) Error() string {
	s := fmt.Sprintf("%q is no endpoint of CIPP %s", e.Name, Version)
	if len(e.Nearest) > 0 {
		s += ": did you mean " + strings.Join(e.Nearest, ", ") + "?"
	}
	return s
}

// Find returns the endpoint of a name, whatever its case and with or without
// /api/ in front. The error is an *UnknownError.
func Find(name string) (Endpoint, error) {
	name = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(name), "/"), "api/")
	if e, ok := byName()[strings.ToLower(name)]; ok {
		return e, nil
	}
	return Endpoint{}, &UnknownError{name, nearest(name)}
}

var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{2,80}$`)

// Unlisted makes an endpoint of a name that the map does not know, because CIPP
// is newer than it. What it does is unknown: it counts as one that writes and whose
// answers hold secrets. ofTenant says that it is about a tenant, which is sent in
// tenantFilter, as for most endpoints.
func Unlisted(name, method string, ofTenant bool) (Endpoint, error) {
	name = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(name), "/"), "api/")
	if e, ok := byName()[strings.ToLower(name)]; ok {
		return Endpoint{}, fmt.Errorf("%s is in the map, which knows what to beware of: call it as it is", e.Name)
	}
	if !namePattern.MatchString(name) {
		return Endpoint{}, fmt.Errorf("%q cannot be the name of an endpoint", name)
	}
	if method = strings.ToUpper(method); method != "GET" && method != "POST" {
		return Endpoint{}, fmt.Errorf("an endpoint is called with GET or POST, not with %q", method)
	}
	e := Endpoint{Name: name, Methods: []string{method}, Category: "unknown", unlisted: true}
	switch {
	case ofTenant && method == "GET":
		e.Query = []string{"tenantFilter"}
	case ofTenant:
		e.Body = []string{"tenantFilter"}
	}
	return e, nil
}

// nearest returns up to three names that are similar to name.
func nearest(name string) []string {
	type candidate struct {
		name  string
		score float64
	}
	low := strings.ToLower(name)
	if low == "" {
		return nil
	}
	var found []candidate
	for _, e := range all() {
		other := strings.ToLower(e.Name)
		score := smetrics.JaroWinkler(low, other, 0.7, 4)
		// The verb, or its second half, may be left out.
		if other == "list"+low {
			score++
		} else if len(low) >= 3 && strings.HasSuffix(other, low) {
			score += 0.5
		} else if len(low) >= 3 && strings.Contains(other, low) {
			score += 0.2
		}
		if score >= 0.88 {
			found = append(found, candidate{e.Name, score})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return len(a.name) - len(b.name)
	})
	var names []string
	for _, c := range found[:min(3, len(found))] {
		names = append(names, c.name)
	}
	return names
}

// Search returns the endpoints in which every word of text occurs, in the
// name, the category, the permission or a parameter's name, and whose category
// contains category; either may be empty. Those with the words in their name
// come first.
func Search(text, category string) []Endpoint {
	words := strings.Fields(strings.ToLower(text))
	var named, other []Endpoint
	for _, e := range all() {
		if !strings.Contains(strings.ToLower(e.Category), strings.ToLower(strings.TrimSpace(category))) {
			continue
		}
		name := strings.ToLower(e.Name)
		whole := strings.ToLower(strings.Join(slices.Concat([]string{e.Name, e.Category, e.Role}, e.Query, e.Body), "\n"))
		has := func(in string) bool {
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(in, w) })
		}
		switch {
		case has(name):
			named = append(named, e)
		case has(whole):
			other = append(other, e)
		}
	}
	return append(named, other...)
}

// Categories returns every category, sorted.
func Categories() []string {
	var names []string
	for _, e := range all() {
		names = append(names, e.Category)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Takes reports whether CIPP looks for a parameter of that name anywhere.
func (e Endpoint) Takes(name string) bool { return among(e.Query, name) || among(e.Body, name) }

// Undeclared returns the names that CIPP publishes no parameter for, and most likely
// ignores. The map cannot know the names in a body that is
// handed on as it is, so an endpoint without declared body names takes any.
func (e Endpoint) Undeclared(query map[string][]string, body map[string]any) []string {
	if e.unlisted {
		return nil
	}
	tenant, _ := e.TenantParameter()
	var odd []string
	for name := range query {
		if !e.Takes(name) && !strings.EqualFold(name, tenant.Name) {
			odd = append(odd, name)
		}
	}
	for name := range body {
		if len(e.Body) > 0 && !e.Takes(name) && !strings.EqualFold(name, tenant.Name) {
			odd = append(odd, name)
		}
	}
	slices.Sort(odd)
	return slices.Compact(odd)
}

func among(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
