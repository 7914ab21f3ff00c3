package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// signWith puts a secret wherever the systems we know take one.
func signWith(secret string) func(context.Context, *http.Request) error {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("msp+public:"+secret)))
		r.Header.Set("X-Api-Key", secret)
		r.Header.Set("Clientid", secret+"-client")
		q := r.URL.Query()
		q.Set("sas", secret)
		r.URL.RawQuery = q.Encode()
		return nil
	}
}

// echoes are how a system, or the proxy before it, may repeat a request.
func echoes(secret string) map[string]step {
	quoted, _ := json.Marshal(map[string]string{"message": "bad key " + secret})
	basic := base64.StdEncoding.EncodeToString([]byte("msp+public:" + secret))
	return map[string]step{
		"body":      says(400, "bad key "+secret+" for you"),
		"JSON":      says(400, string(quoted)),
		"HTML":      says(502, "<title>no "+html.EscapeString(secret)+"</title>"),
		"query":     says(400, "GET /x?sas="+url.QueryEscape(secret)),
		"header":    says(403, "Authorization: Basic "+basic),
		"cut":       says(400, strings.Repeat("a ", 98)+secret),
		"far":       says(400, strings.Repeat(" ", 70_000)+secret),
		"location":  says(302, "", "Location", "https://login.example.net/"+url.PathEscape(secret)),
		"transport": fails(&url.Error{Op: "Get", URL: "https://api.example.net/x?sas=" + url.QueryEscape(secret), Err: errReset}),
		"network":   fails(errors.New("malformed response: " + secret)),
	}
}

func checkRedaction(t *testing.T, secret string) {
	for name, answer := range echoes(secret) {
		for _, classify := range []func(*Response) error{nil, func(r *Response) error {
			return &Error{Code: string(r.Body), Message: "says: " + string(r.Body), Remedy: "not " + string(r.Body)}
		}} {
			var log bytes.Buffer
			c := client(t, script(answer), func(o *Options) {
				o.Sign = signWith(secret)
				o.Classify = classify
				o.Log = zerolog.New(&log)
				o.Backoff = Backoff{Base: 1, Cap: 1}
				o.Attempts = 2
			})
			_, err := c.Do(t.Context(), Request{Path: "/x", Query: url.Values{"access_token": {secret + "-q"}}})
			if err == nil {
				t.Fatal("no error")
			}
			e := theError(t, err)
			for where, text := range map[string]string{
				"text": err.Error(), "fields": fmt.Sprintf("%q %q %q %q", e.Message, e.Code, e.Remedy, e.Path), "log": log.String(),
			} {
				if strings.Contains(text, secret) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("msp+public:"+secret))) {
					t.Errorf("%s: the %s shows %q: %s", name, where, secret, text)
				}
			}
			if strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("%s: more than one line: %q", name, err)
			}
		}
	}
}

func TestNoErrorShowsASecret(t *testing.T) {
	for _, secret := range []string{"hunter2", `pa"ss\w/o rd`, "a+b&c=d%20", "<script>&amp;", "töken-ß", "x  y\tz", strings.Repeat("0123456789", 60)} {
		checkRedaction(t, secret)
	}
}

func FuzzNoErrorShowsASecret(f *testing.F) {
	f.Add("hunter2")
	f.Add("eyJhbGciOi.J9-_x")
	f.Add("p\x00\n\"\\'<>&+% ")
	f.Fuzz(func(t *testing.T, secret string) {
		// What is too short to hide, or stands in the text anyway, shows.
		if len(strings.TrimSpace(secret)) < minSecret || strings.ContainsAny(secret, "[]") {
			t.Skip()
		}
		fixed := `acme: GET /x: 400: bad key for you says: not message Authorization: Basic msp+public: malformed response Get https://api.example.net/x?sas=` +
			`"level":"debug","system":"acme","method":"GET","path":"/{rest...}","status":0,"attempt":1,"wait_ms":0,"duration_ms":0,"reason":"no answer: read tcp: connection reset by peer","message":"request sent" ` +
			`502: a page (HTML) titled no 403: 302: redirected to login.example.net: wrong base URL? (after 2 attempts) ` + strings.Repeat("a ", 98) + `[redacted]-client [redacted]-q` + "\"}\n{\"level"
		if strings.Contains(fixed, secret) || strings.Contains(fixed, strings.TrimSpace(secret)) || strings.Contains(strings.Repeat("a ", 50), secret) {
			t.Skip()
		}
		checkRedaction(t, secret)
	})
}

func TestAPlainFormSecretIsHiddenToo(t *testing.T) {
	_, err := client(t, script(says(400, "client_secret hunter2 is wrong for app-17"))).Do(t.Context(),
		Request{Method: "POST", Path: "/token", Body: url.Values{"client_secret": {"hunter2"}, "app": {"app-17"}}})
	if want := "acme: POST /token: 400: client_secret [redacted] is wrong for app-17"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWhatIsNoSecretStaysReadable(t *testing.T) {
	_, err := client(t, script(says(400, "pagination-type forward-only is unknown in json")), func(o *Options) { o.Sign = signWith("hunter2") }).Do(t.Context(),
		Request{Path: "/x", Header: http.Header{"Pagination-Type": {"forward-only"}, "Accept": {"json"}}, Query: url.Values{"conditions": {"unknown"}}})
	if want := "acme: GET /x: 400: pagination-type forward-only is unknown in json"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestASecretThatContainsAnotherIsHiddenWhole(t *testing.T) {
	for range 20 { // headers come in any order
		_, err := client(t, script(says(400, "no hunter2-and-more-of-it")), func(o *Options) {
			o.Sign = func(_ context.Context, r *http.Request) error {
				r.Header.Set("Authorization", "Bearer hunter2-and-more-of-it")
				r.Header.Set("X-Api-Key", "hunter2")
				return nil
			}
		}).Do(t.Context(), Get("x"))
		if want := "acme: GET /x: 400: no [redacted]"; err == nil || err.Error() != want {
			t.Fatalf("got %v, want %s", err, want)
		}
	}
}
