package scim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/rest"
)

func TestRefusalsAreReadInAllTheirShapes(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"SCIM", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":400,"scimType":"invalidValue","detail":"bad title"}`, "invalidValue: bad title"},
		{"Cinode", `{"name.givenName":["Value is missing"],"name.familyName":["Value is missing"]}`,
			"name.familyName: Value is missing; name.givenName: Value is missing"},
		{"problem+json", `{"title":"One or more errors","errors":{"userName":["is taken"]}}`, "One or more errors; userName: is taken"},
		{"message", `{"message":"no"}`, "no"},
		{"OAuth", `{"error":"invalid_request","error_description":"token is old"}`, "token is old"},
		{"capital Message", `{"Message":"no"}`, "no"},
		{"SCIM 1.1", `{"Errors":[{"description":"gone","code":"404"}]}`, "gone"},
		{"a list", `[{"detail":"first"}]`, "first"},
		{"text", `plain words`, "plain words"},
		{"a page", `<html><title>x</title></html>`, "a page (HTML)"},
		{"nothing", ``, "Bad Request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := connectionTo(t, &provider{answerInstead: func(*http.Request, []byte) (*http.Response, bool) {
				r := said(400, mediaPlain, tt.body)
				r.Header.Set("X-Amzn-RequestId", "req-1")
				return r, true
			}})
			_, err := a.get(t.Context(), usersAt, "7")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "request req-1") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDiscoveryStandsBesideTheTenants(t *testing.T) {
	for path, want := range map[string]string{"/scim/tenants/A1/v2": "/scim/v2", "/scim/tenants/7/v2/x": "/scim/v2/x", "/scim/v2": "",
		"/scim/tenants/A1": "/scim/"} {
		if got, _ := cutPath(path, "/tenants/{account}"); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestWhatCountsAsADuplicate(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   bool
	}{
		{409, ``, true},
		{400, `{"scimType":"uniqueness"}`, true},
		{400, `{"userName":["The e-mail is already in use"]}`, true},
		{500, `{"detail":"duplicate key value"}`, true},
		{400, `{"scimType":"invalidValue","detail":"no"}`, false},
		{404, `{"detail":"already exists"}`, false},
	} {
		err := client(t, &provider{}).classify(&rest.Response{Status: tt.status, Body: []byte(tt.body)})
		if got := duplicate(err); got != tt.want {
			t.Errorf("%d %s: got %t, want %t", tt.status, tt.body, got, tt.want)
		}
	}
}

func TestAWaitIsReadFromTheHeadersThatOccur(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, tt := range map[string]struct {
		header, value string
		want          time.Duration
	}{
		"seconds":        {"RateLimit-Reset", "12", 12 * time.Second},
		"a moment":       {"X-RateLimit-Reset", "1800000030", 30 * time.Second},
		"too long":       {"RateLimit-Reset", "90000", 15 * time.Minute},
		"rest's own":     {"Retry-After", "5", 0},
		"no number":      {"RateLimit-Reset", "soon", 0},
		"a moment gone":  {"X-RateLimit-Reset", "1700000000", 0},
		"nothing at all": {"X-Else", "1", 0},
	} {
		h := http.Header{}
		h.Set(tt.header, tt.value)
		if got := limitReset(h, now); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestMediaTypesFallBackOnce(t *testing.T) {
	var sent []string
	p := &provider{}
	p.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		sent = append(sent, r.Header.Get("Content-Type"))
		return said(415, mediaPlain, ""), r.Header.Get("Content-Type") == mediaSCIM
	}
	a := connectionTo(t, p)
	for range 2 {
		if _, _, err := a.create(t.Context(), usersAt, document{"userName": fmt.Sprint("a", len(sent))}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{mediaSCIM, mediaPlain, mediaPlain}; !slices.Equal(sent, want) {
		t.Errorf("got %v, want %v", sent, want)
	}
}

func TestRedirectsThatKeepTheMethodAreFollowedOnTheSameHost(t *testing.T) {
	for _, tt := range []struct {
		name     string
		status   int
		location string
		ok       bool
	}{
		{"308 with another path", 308, "/v2/people", true},
		{"307 to the same host", 307, "https://scim.example/v2/people", true},
		{"302 turns a write into a read", 302, "/v2/people", false},
		{"another host", 308, "https://elsewhere.example/v2/people", false},
		{"another scheme", 308, "http://scim.example/v2/people", false},
		{"round and round", 308, "/v2/Users", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hops := 0
			p := &provider{answerInstead: func(r *http.Request, body []byte) (*http.Response, bool) {
				if r.URL.Host != "scim.example" || r.URL.Scheme != "https" {
					t.Errorf("the token went to %s", r.URL.Host)
				}
				if strings.HasSuffix(r.URL.Path, "/people") {
					if r.Method != http.MethodPost || !strings.Contains(string(body), "ann") {
						t.Errorf("got %s %s, want the POST as it was", r.Method, body)
					}
					return answer(201, document{"id": "7", "userName": "ann"}), true
				}
				hops++
				resp := said(tt.status, "", "")
				resp.Header.Set("Location", tt.location)
				return resp, true
			}}
			_, id, err := connectionTo(t, p).create(t.Context(), usersAt, document{"userName": "ann"})
			if (err == nil && id == "7") != tt.ok || hops > 4 {
				t.Errorf("got %q, %v after %d hops", id, err, hops)
			}
		})
	}
}

func TestVersionsAreSentWhereTheProviderKeepsThem(t *testing.T) {
	var sent []string
	tries := 0
	p := &provider{users: []document{{"id": "7", "userName": "ann", "meta": map[string]any{"version": `W/"3"`}}}}
	p.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		if strings.HasSuffix(r.URL.Path, "Config") {
			return said(200, mediaSCIM, `{"patch":{"supported":true},"etag":{"supported":true}}`), true
		}
		if r.Method != http.MethodPatch {
			return nil, false
		}
		sent = append(sent, r.Header.Get("If-Match"))
		tries++
		return said(412, "", ""), tries == 1
	}
	a := connectionTo(t, p)
	_, err := a.modify(t.Context(), usersAt, "7", []operation{{Op: opReplace, Path: "title", Value: "x"}}, func(document) {})
	if want := []string{`W/"3"`, `W/"3"`}; err != nil || !slices.Equal(sent, want) {
		t.Errorf("got %v, %v, want %v", sent, err, want)
	}
}

func TestAForbiddenWriteIsToldFromATokenThatLostItsRights(t *testing.T) {
	for _, broken := range []bool{false, true} {
		p := &provider{users: []document{{"id": "7", "userName": "ann"}}}
		a := connectionTo(t, p)
		if _, err := a.get(t.Context(), usersAt, "7"); err != nil {
			t.Fatal(err)
		}
		p.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
			return scimError(403, "", "no"), broken || r.Method == http.MethodPatch
		}
		_, err := a.modify(t.Context(), usersAt, "7", []operation{{Op: opReplace, Path: "title", Value: "x"}}, nil)
		if _, e := refusalOf(err); e == nil || e.Forbidden != broken {
			t.Errorf("got %v, want it to end the scope: %t", err, broken)
		}
	}
}

func TestADeletionThatIsAnsweredOddlyIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			status int
			really bool
			ok     bool
		}{
			"gone already":         {404, true, true},
			"500, and it is gone":  {500, true, true},
			"500, and it is there": {500, false, false},
			"503, and it is there": {503, false, false},
			"refused":              {400, false, false},
		} {
			p := &provider{users: []document{{"id": "7", "userName": "ann"}}}
			p.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
				if r.Method != http.MethodDelete {
					return nil, false
				}
				if tt.really {
					p.users = nil
				}
				return said(tt.status, "", ""), true
			}
			if err := connectionTo(t, p).remove(t.Context(), usersAt, "7"); (err == nil) != tt.ok {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}
