package scim

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// paged serves a collection of ids by some rule of paging.
func paged(n int, serve func(all []any, q url.Values) document) *provider {
	var all []any
	for i := range n {
		all = append(all, document{"id": i + 1, "userName": fmt.Sprintf("u%d@x.example", i+1)})
	}
	return &provider{answerInstead: func(r *http.Request, _ []byte) (*http.Response, bool) {
		if !strings.HasSuffix(r.URL.Path, "/Users") {
			return said(404, "", ""), true
		}
		return answer(200, serve(all, r.URL.Query())), true
	}}
}

func TestListsOfAllKindsAreReadWholeOrSayThatTheyAreNot(t *testing.T) {
	window := func(all []any, from, most int) []any { return all[min(from, len(all)):min(from+most, len(all))] }
	start := func(q url.Values) int { n, _ := strconv.Atoi(q.Get("startIndex")); return n - 1 }
	count := func(q url.Values) int { n, _ := strconv.Atoi(q.Get("count")); return n }
	for _, tt := range []struct {
		name     string
		n        int
		serve    func(all []any, q url.Values) document
		want     int
		complete bool
	}{
		{"as the RFC says", 250, func(all []any, q url.Values) document {
			return document{"totalResults": len(all), "Resources": window(all, start(q), count(q))}
		}, 250, true},
		{"totalResults as text", 30, func(all []any, q url.Values) document {
			return document{"totalResults": fmt.Sprint(len(all)), "Resources": window(all, start(q), count(q))}
		}, 30, true},
		{"nobody, and no list", 0, func([]any, url.Values) document { return document{"totalResults": 0} }, 0, true},
		{"nobody, and null", 0, func([]any, url.Values) document { return document{"totalResults": 0, "Resources": nil} }, 0, true},
		{"ten a page whatever is asked", 35, func(all []any, q url.Values) document {
			return document{"totalResults": len(all), "itemsPerPage": 99, "Resources": window(all, start(q), 10)}
		}, 35, true},
		{"page one again past the end", 12, func(all []any, q url.Values) document {
			from := start(q)
			if from >= len(all) {
				from = 0
			}
			return document{"totalResults": len(all) + 1, "Resources": window(all, from, 5)}
		}, 12, false},
		{"totalResults of the page", 80, func(all []any, q url.Values) document {
			page := window(all, 0, min(50, count(q)))
			return document{"totalResults": len(page), "Resources": page}
		}, 50, false},
		{"startIndex ignored", 80, func(all []any, q url.Values) document {
			return document{"totalResults": len(all), "Resources": window(all, 0, min(50, count(q)))}
		}, 50, false},
		{"no totalResults, one page", 20, func(all []any, q url.Values) document {
			return document{"Resources": window(all, start(q), count(q))}
		}, 20, true},
		{"rows twice", 6, func(all []any, q url.Values) document {
			page := window(all, start(q), count(q))
			return document{"totalResults": len(all), "Resources": append(slices.Clone(page), page...)}
		}, 6, true},
		{"a row without an id", 6, func(all []any, q url.Values) document {
			return document{"totalResults": len(all), "Resources": append([]any{document{"userName": "x"}}, window(all, start(q), count(q))...)}
		}, 6, false},
		{"cursors that nobody asked for", 25, func(all []any, q url.Values) document {
			from, _ := strconv.Atoi(q.Get("cursor"))
			d := document{"Resources": window(all, from, 10)}
			if from+10 < len(all) {
				d["nextCursor"] = fmt.Sprint(from + 10)
			}
			return d
		}, 25, true},
		{"a cursor that goes round", 25, func(all []any, q url.Values) document {
			return document{"Resources": window(all, 0, 10), "nextCursor": "x"}
		}, 10, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := paged(tt.n, tt.serve)
			a := connectionTo(t, p)
			var got []string
			caps := &capabilities{pageSize: 100, filter: true, patch: true}
			l, err := a.list(t.Context(), usersAt, caps, func() { got = nil }, func(d document) { got = append(got, d.text("id")) })
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != tt.want || l.complete != tt.complete || len(p.requestLines) > 12 {
				t.Errorf("got %d, complete %t (%s) with %d requests, want %d, complete %t", len(got), l.complete, l.why, len(p.requestLines),
					tt.want, tt.complete)
			}
		})
	}
}

func TestAListThatMovesIsReadAgainOnce(t *testing.T) {
	pages := 0
	p := paged(150, func(all []any, q url.Values) document {
		pages++
		total := len(all)
		if pages == 2 {
			total++
		}
		from, _ := strconv.Atoi(q.Get("startIndex"))
		return document{"totalResults": total, "Resources": all[from-1 : min(from+99, len(all))]}
	})
	n := 0
	l, err := connectionTo(t, p).list(t.Context(), usersAt, &capabilities{pageSize: 100}, func() { n = 0 }, func(document) { n++ })
	if err != nil || n != 150 || !l.complete {
		t.Errorf("got %d, %+v, %v", n, l, err)
	}
}

func TestAPageThatIsTooLargeIsAskedForSmaller(t *testing.T) {
	p := paged(60, func(all []any, q url.Values) document {
		from, _ := strconv.Atoi(q.Get("startIndex"))
		return document{"totalResults": len(all), "Resources": all[from-1 : min(from+49, len(all))]}
	})
	inner := p.answerInstead
	p.answerInstead = func(r *http.Request, body []byte) (*http.Response, bool) {
		if r.URL.Query().Get("count") == "100" {
			return scimError(400, "invalidCount", "at most 50"), true
		}
		return inner(r, body)
	}
	a := connectionTo(t, p)
	caps, err := a.capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := a.list(t.Context(), usersAt, caps, func() { n = 0 }, func(document) { n++ }); err != nil || n != 60 {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestFiltersThatAreIgnoredRefusedOrBareProveNothingTheyShouldNot(t *testing.T) {
	ann := document{"id": "7", "userName": "Ann@x.example"}
	zoe := document{"id": "8", "userName": "zoe@x.example"}
	for _, tt := range []struct {
		name    string
		profile string
		serve   func(filter string) *http.Response
		hits    int
		proven  bool
		asks    int
	}{
		{"a hit of another case", "generic", func(string) *http.Response { return answer(200, document{"Resources": []any{ann}}) }, 1, true, 1},
		{"no hit", "generic", func(string) *http.Response { return answer(200, document{"totalResults": 0}) }, 0, true, 1},
		{"404 for no hit", "generic", func(string) *http.Response { return said(404, "", "") }, 0, true, 1},
		{"everybody", "generic", func(string) *http.Response { return answer(200, document{"Resources": []any{zoe}}) }, 0, false, 1},
		{"everybody, and her", "generic", func(string) *http.Response { return answer(200, document{"Resources": []any{zoe, ann}}) }, 1, true, 1},
		{"refused", "generic", func(string) *http.Response { return scimError(400, "invalidFilter", "") }, 0, false, 1},
		{"quotes refused, and the profile knows of that", "cinode", func(f string) *http.Response {
			if strings.Contains(f, `"`) {
				return scimError(400, "invalidFilter", "")
			}
			return answer(200, document{"Resources": []any{ann}})
		}, 1, true, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &provider{answerInstead: func(r *http.Request, _ []byte) (*http.Response, bool) {
				return tt.serve(r.URL.Query().Get("filter")), true
			}}
			a := connectionTo(t, p, func(c *Config) { c.Profile = tt.profile })
			s, err := a.findByFilter(t.Context(), usersAt, &capabilities{filter: true, pageSize: 10}, "userName", "ann@x.example")
			if err != nil || len(s.hits) != tt.hits || s.proven != tt.proven || len(p.requestLines) != tt.asks {
				t.Errorf("got %d hits, proven %t, %v with %d requests; want %d, %t, %d", len(s.hits), s.proven, err, len(p.requestLines),
					tt.hits, tt.proven, tt.asks)
			}
		})
	}
}
