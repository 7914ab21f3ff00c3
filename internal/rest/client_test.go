package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
)

func TestOnlyAllowedCallsLeave(t *testing.T) {
	allow := []Route{
		{"GET", "/"},
		{"GET", "/finance/agreements"},
		{"PATCH", "/finance/agreements/{id}/additions/{line}"},
		{"GET", "/report/{rest...}"},
	}
	for _, test := range []struct {
		method, path string
		ok           bool
		sent         string // the path as the system sees it
	}{
		{"GET", "", true, "/v4/api"},
		{"GET", "/", true, "/v4/api"},
		{"GET", "/finance/agreements", true, "/v4/api/finance/agreements"},
		{"GET", "finance/agreements", true, "/v4/api/finance/agreements"},
		{"PATCH", "/finance/agreements/55/additions/910", true, "/v4/api/finance/agreements/55/additions/910"},
		{"PATCH", Path("/finance/agreements/%s/additions/%d", "a b%c?#&é", 910), true, "/v4/api/finance/agreements/a%20b%25c%3F%23&%C3%A9/additions/910"},
		{"PATCH", Path("/finance/agreements/%s/additions/%d", "a;b,c", 910), true, "/v4/api/finance/agreements/a%3Bb%2Cc/additions/910"},
		{"GET", "/report/a/b/c", true, "/v4/api/report/a/b/c"},

		{"", "/finance/agreements/55", false, ""},
		{"get", "/finance/agreements", false, ""},
		{"DELETE", "/finance/agreements/55/additions/910", false, ""},
		{"POST", "/finance/agreements/55/invoice", false, ""},
		{"PATCH", "/finance/agreements/55/additions", false, ""},
		{"PATCH", "/finance/agreements/55/additions/910/x", false, ""},
		{"GET", "/Finance/agreements", false, ""},
		{"GET", "/report", false, ""},
		{"PATCH", Path("/finance/agreements/%s/additions/%d", "", 910), false, ""},
		{"PATCH", Path("/finance/agreements/%s/additions/%s", "55", ""), false, ""},
		{"PATCH", Path("/finance/agreements/%s/additions/%d", "..", 910), false, ""},
		{"PATCH", Path("/finance/agreements/%s/additions/%d", "5/6", 910), false, ""},
		{"PATCH", "/finance/agreements/%2e%2e/additions/910", false, ""},
		{"PATCH", `/finance/agreements/5\6/additions/910`, false, ""},
		{"PATCH", "/finance/agreements/5%0a6/additions/910", false, ""},
		{"PATCH", "/finance/agreements/5%zz/additions/910", false, ""},
		{"GET", "/finance/agreements/", false, ""},
		{"GET", "/finance//agreements", false, ""},
		{"GET", "//evil.example.net/finance/agreements", false, ""},
		{"GET", "https://evil.example.net/finance/agreements", false, ""},
		{"GET", "/report/../finance/agreements", false, ""},
		{"GET", "/report/%2e%2e/x", false, ""},
		{"GET", "/finance/agreements?conditions=x", false, ""},
		{"GET", "/finance/agreements#x", false, ""},
	} {
		h := script(says(200, ""))
		bucket := NewBucket(Rate{PerSecond: 1, Burst: 1}, nil, "acme")
		c := client(t, h, func(o *Options) { o.Allow = allow; o.Bucket = bucket })
		_, err := c.Do(t.Context(), Request{Method: test.method, Path: test.path})
		switch {
		case test.ok && err != nil:
			t.Errorf("%s %s: %v", test.method, test.path, err)
		case test.ok:
			if got := h.requests[0].URL.EscapedPath(); got != test.sent || h.requests[0].URL.Host != "api.example.net" {
				t.Errorf("%s %s: sent %s to %s, want %s", test.method, test.path, got, h.requests[0].URL.Host, test.sent)
			}
		case !errors.Is(err, ErrForbidden) || h.count() != 0:
			t.Errorf("%s %s: got %v and %d requests, want ErrForbidden and none", test.method, test.path, err, h.count())
		case bucket.grant(time.Now()) != 0:
			t.Errorf("%s %s: a token was spent", test.method, test.path)
		}
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := func() Options {
		base, _ := url.Parse("https://api.example.net")
		return Options{System: "acme", BaseURL: base, Allow: []Route{{"GET", "/x"}}}
	}
	for want, change := range map[string]func(*Options){
		"needs a system's name":     func(o *Options) { o.System = "" },
		"and its base URL":          func(o *Options) { o.BaseURL = nil },
		"no call is allowed":        func(o *Options) { o.Allow = nil },
		"unencrypted":               func(o *Options) { o.BaseURL.Scheme = "http" },
		"user name or password":     func(o *Options) { o.BaseURL.User = url.UserPassword("me", "hunter2") },
		"method must be in":         func(o *Options) { o.Allow = []Route{{"get", "/x"}} },
		"must begin with /":         func(o *Options) { o.Allow = []Route{{"GET", "x"}} },
		"empty segment":             func(o *Options) { o.Allow = []Route{{"GET", "/x//y"}} },
		"must be the last":          func(o *Options) { o.Allow = []Route{{"GET", "/{x...}/y"}} },
		"neither a word nor a name": func(o *Options) { o.Allow = []Route{{"GET", "/x{id}"}} },
	} {
		o := good()
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if _, err := New(good()); err != nil {
		t.Error(err)
	}
}

func TestARequestIsSentAsAsked(t *testing.T) {
	type body struct {
		Name string `json:"name"`
	}
	for name, test := range map[string]struct {
		request     Request
		body        string
		contentType string
		accept      string
		query       string
	}{
		"no body":     {Request{Path: "x", Query: url.Values{"b": {"2 3"}, "a": {"1", "&"}}}, "", "", "application/json", "a=1&a=%26&b=2+3"},
		"JSON":        {Request{Method: "POST", Path: "x", Body: body{"R&D <1>"}}, `{"name":"R&D <1>"}`, "application/json", "application/json", ""},
		"bytes":       {Request{Method: "PUT", Path: "x", Body: []byte("a=b")}, "a=b", "application/json", "application/json", ""},
		"raw JSON":    {Request{Method: "PUT", Path: "x", Body: json.RawMessage(`[ ]`)}, "[ ]", "application/json", "application/json", ""},
		"empty bytes": {Request{Method: "POST", Path: "x", Body: []byte{}}, "", "application/json", "application/json", ""},
		"form":        {Request{Method: "POST", Path: "x", Body: url.Values{"k": {"v w"}}}, "k=v+w", "application/x-www-form-urlencoded", "application/json", ""},
		"own headers": {Request{Method: "PATCH", Path: "x", Body: body{"a"}, Header: http.Header{"accept": {"text/x"}, "Content-Type": {"text/y"}}}, `{"name":"a"}`, "text/y", "text/x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := script(says(200, ""))
			if _, err := client(t, h).Do(t.Context(), test.request); err != nil {
				t.Fatal(err)
			}
			r := h.requests[0]
			if h.bodies[0] != test.body || r.ContentLength != int64(len(test.body)) {
				t.Errorf("got body %q of length %d, want %q", h.bodies[0], r.ContentLength, test.body)
			}
			if got := r.Header.Get("Content-Type"); got != test.contentType {
				t.Errorf("got content type %q, want %q", got, test.contentType)
			}
			if got := r.Header.Values("Accept"); len(got) != 1 || got[0] != test.accept {
				t.Errorf("got accept %q, want %q", got, test.accept)
			}
			if r.URL.RawQuery != test.query || r.Header.Get("User-Agent") != "syncd" {
				t.Errorf("got query %q and agent %q", r.URL.RawQuery, r.Header.Get("User-Agent"))
			}
		})
	}
	h := script(says(200, ""))
	if _, err := client(t, h).Do(t.Context(), Request{Method: "POST", Path: "x", Body: func() {}}); err == nil || h.count() != 0 {
		t.Errorf("a body that has no JSON: got %v after %d requests", err, h.count())
	}
}

type tenantID string

func TestGetEscapesItsArguments(t *testing.T) {
	for got, want := range map[string]string{
		Get("a/%d/b/%s", 42, "x y/z").Path: "a/42/b/x%20y%2Fz",
		Get("a/%v", tenantID("../q")).Path: "a/..%2Fq",
		Get("a/%05d", 42).Path:             "a/00042",
		Get("a/%s", time.Second).Path:      "a/1s",
		Get("a").Path:                      "a",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEveryAttemptIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := script(says(503, ""), says(503, ""), says(200, ""))
		n := 0
		c := client(t, h, func(o *Options) {
			o.Sign = func(_ context.Context, r *http.Request) error {
				n++
				r.Header.Add("Authorization", fmt.Sprint("n", n))
				return nil
			}
		})
		header := http.Header{"X-Mine": {"a"}}
		if _, err := c.Do(t.Context(), Request{Path: "x", Header: header}); err != nil {
			t.Fatal(err)
		}
		for i, r := range h.requests {
			if got, want := fmt.Sprint(r.Header.Values("Authorization")), fmt.Sprintf("[n%d]", i+1); got != want {
				t.Errorf("attempt %d was signed %s, want %s", i+1, got, want)
			}
		}
		if len(header) != 1 {
			t.Errorf("the caller's header became %v", header)
		}
	})
}

func TestASignatureThatWaitedLongIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := NewBucket(Rate{}, nil, "acme")
		bucket.Pause(time.Now().Add(10 * time.Minute))
		h := script(says(200, ""))
		c := client(t, h, func(o *Options) {
			o.Bucket = bucket
			o.Sign = func(_ context.Context, r *http.Request) error {
				r.Header.Set("Date", time.Now().Format(time.RFC3339))
				return nil
			}
		})
		if _, err := c.Do(t.Context(), Get("x")); err != nil {
			t.Fatal(err)
		}
		if got, want := h.requests[0].Header.Get("Date"), h.at[0].Format(time.RFC3339); got != want {
			t.Errorf("signed at %s, sent at %s", got, want)
		}
	})
}

func TestAnErrorOfSignEndsTheRequestAndIsKept(t *testing.T) {
	noToken := errors.New("acme: no token")
	synctest.Test(t, func(t *testing.T) {
		h := script(says(200, ""))
		c := client(t, h, func(o *Options) { o.Sign = func(context.Context, *http.Request) error { return noToken } })
		if _, err := c.Do(t.Context(), Request{Method: "POST", Path: "x"}); err != noToken || h.count() != 0 {
			t.Errorf("got %v after %d requests, want the error as it is", err, h.count())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := client(t, script(fails(errReset)), func(o *Options) {
			o.Sign = func(context.Context, *http.Request) error {
				if n++; n > 1 {
					return noToken
				}
				return nil
			}
		})
		_, err := c.Do(t.Context(), Request{Method: "PUT", Path: "x"})
		if !errors.Is(err, noToken) || !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("got %v, want it to know of the write that was lost before", err)
		}
	})
}

func TestEveryAttemptPaysAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate := Rate{PerSecond: 2, Burst: 3, Concurrency: 4}
		h := &host{answer: func(n int, r *http.Request) (*http.Response, error) {
			return []step{says(503, ""), fails(errReset), says(401, ""), says(200, "")}[n%4](r)
		}}
		c := client(t, h, func(o *Options) {
			o.Bucket = NewBucket(rate, nil, "acme")
			o.Refused = func(context.Context) {}
			o.Attempts = 100
			o.Breaker.Failures = -1
		})
		done := make(chan struct{})
		for range 30 {
			go func() {
				defer func() { done <- struct{}{} }()
				_, _ = c.Do(t.Context(), Get("x"))
			}()
		}
		for range 30 {
			<-done
		}
		if got := excess(h.at, rate.interval(), rate.Burst); got > 1e-6 || h.count() < 60 {
			t.Errorf("of %d requests a window saw %.2f too many", h.count(), got)
		}
	})
}

func TestClassifyDecidesAndRestFillsIn(t *testing.T) {
	cause := errors.New("bad row")
	for name, test := range map[string]struct {
		answer   step
		classify func(*Response) error
		want     string
	}{
		"an error of its own":     {says(400, `{"code":"X"}`), func(*Response) error { return &Error{Code: "X", Message: "a\r\nb", Remedy: "do c"} }, "acme: GET /x: 400: X: a b; do c"},
		"on a success":            {says(200, `[{"error":1}]`), func(*Response) error { return &Error{Message: "loading"} }, "acme: GET /x: 200: loading"},
		"a plain error":           {says(200, ``), func(*Response) error { return cause }, "acme: GET /x: 200: bad row"},
		"only a cause":            {says(409, ``), func(*Response) error { return &Error{Err: cause} }, "acme: GET /x: 409: bad row"},
		"a wrapped error":         {says(409, ``), func(*Response) error { return fmt.Errorf("row 3: %w", &Error{Message: "bad row", Err: cause}) }, "acme: GET /x: 409: row 3: bad row"},
		"no opinion on a failure": {says(404, "nothing\n here"), func(*Response) error { return nil }, "acme: GET /x: 404: nothing here"},
		"no words":                {says(404, ""), nil, "acme: GET /x: 404: Not Found"},
		"a page":                  {says(404, "<html><head><TITLE>Gone\n away</TITLE>"), nil, "acme: GET /x: 404: a page (HTML) titled Gone away"},
		"a page without title":    {says(404, "<p>x"), nil, "acme: GET /x: 404: a page (HTML)"},
		"a long text":             {says(400, strings.Repeat("ü", 300)), nil, "acme: GET /x: 400: " + strings.Repeat("ü", 200) + "…"},
		"a redirect":              {says(302, "", "Location", "https://login.example.net/a?token=hunter2"), nil, "acme: GET /x: 302: redirected to login.example.net: wrong base URL?"},
		"a redirect nearby":       {says(307, "", "Location", "/a?token=hunter2"), func(*Response) error { return nil }, "acme: GET /x: 307: redirected to another path of the same host: wrong base URL?"},
		"a redirect to nowhere":   {says(304, ""), nil, "acme: GET /x: 304: redirected without saying where to: wrong base URL?"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, script(test.answer), func(o *Options) { o.Classify = test.classify }).Do(t.Context(), Get("x"))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if strings.Contains(test.want, "bad row") && !errors.Is(err, cause) {
				t.Errorf("the cause is not in %v", err)
			}
		})
	}
	long := strings.Repeat("ü", 1500)
	_, err := client(t, script(says(400, "")), func(o *Options) {
		o.Classify = func(*Response) error { return &Error{Message: long} }
	}).Do(t.Context(), Get("x"))
	if got, want := theError(t, err).Message, long[:2000]+"…"; got != want {
		t.Errorf("a long text of Classify's: got %d runes, want 1000 and an ellipsis", len([]rune(got)))
	}
	for status, want := range map[int]Error{401: {Unauthorised: true}, 403: {Forbidden: true}, 404: {NotFound: true}, 410: {}} {
		_, err := client(t, script(says(status, "x", "X-Request-Id", "r-1"))).Do(t.Context(), Get("x"))
		e := theError(t, err)
		if e.Unauthorised != want.Unauthorised || e.Forbidden != want.Forbidden || e.NotFound != want.NotFound || e.Temporary || e.RequestID != "r-1" || e.Status != status {
			t.Errorf("%d: got %+v", status, e)
		}
	}
}

// One *Error may be given for many requests; what rest adds must not stay in it.
func TestAnErrorThatClassifyReusesIsNotChanged(t *testing.T) {
	shared := &Error{Message: "no"}
	c := client(t, script(says(400, "")), func(o *Options) { o.Classify = func(*Response) error { return shared } })
	_, err := c.Do(t.Context(), Get("x"))
	if theError(t, err) == shared || shared.Path != "" || shared.Status != 0 {
		t.Errorf("got %+v", shared)
	}
}

func TestAnAnswerThatIsTooLargeIsRefused(t *testing.T) {
	for _, method := range []string{"GET", "PUT"} {
		h := script(says(200, strings.Repeat("x", 101)))
		c := client(t, h, func(o *Options) { o.MaxBody = 100 })
		_, err := c.Do(t.Context(), Request{Method: method, Path: "x"})
		if err == nil || !strings.Contains(err.Error(), "more than 100 bytes; ask for smaller pages") || h.count() != 1 {
			t.Errorf("%s: got %v after %d requests", method, err, h.count())
		}
		if got, want := errors.Is(err, ErrOutcomeUnknown), method == "PUT"; got != want {
			t.Errorf("%s: outcome unknown: got %v, want %v", method, got, want)
		}
	}
	r, err := client(t, script(says(200, strings.Repeat("x", 100))), func(o *Options) { o.MaxBody = 100 }).Do(t.Context(), Get("x"))
	if err != nil || len(r.Body) != 100 {
		t.Errorf("exactly as much as allowed: got %v", err)
	}
}

func TestTheLogHoldsWhatHelpsAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		h := script(slowly(250*time.Millisecond, says(503, "hunter2-body", "X-Vendor-Id", "r-17\nforged")), says(200, "hunter2-body"))
		c := client(t, h, func(o *Options) {
			o.Log = zerolog.New(&out)
			o.Allow = []Route{{"PUT", "/users/{id}"}}
			o.RequestID = "X-Vendor-Id"
			o.Sign = func(_ context.Context, r *http.Request) error {
				r.Header.Set("Authorization", "Bearer hunter2-token")
				return nil
			}
		})
		_, err := c.Do(t.Context(), Request{Method: "PUT", Path: "/users/ann@example.net", Query: url.Values{"k": {"hunter2-query"}}, Body: "hunter2-sent"})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		want := `{"level":"debug","system":"acme","method":"PUT","path":"/users/{id}","status":503,"attempt":1,"wait_ms":0,"duration_ms":250,"request_id":"r-17 forged","message":"request sent"}`
		if len(lines) != 2 || lines[0] != want {
			t.Errorf("got  %s\nwant %s and another line", out.String(), want)
		}
		if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "ann@") {
			t.Errorf("the log shows what it must not:\n%s", out.String())
		}
	})
}

func TestMetricsCountEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		m := NewMetrics(reg)
		h := script(says(503, ""), fails(errReset), says(777, ""), says(200, ""))
		c := client(t, h, func(o *Options) { o.Metrics = m; o.Bucket = NewBucket(Rate{PerSecond: 1, Burst: 1}, m, "acme") })
		_, _ = c.Do(t.Context(), Get("x"))
		_, _ = c.Do(t.Context(), Get("x"))
		want := `
# HELP syncd_http_requests_total Requests sent, each attempt by itself. code is the status, or error where no whole answer came.
# TYPE syncd_http_requests_total counter
syncd_http_requests_total{code="200",method="GET",system="acme"} 1
syncd_http_requests_total{code="401",method="GET",system="acme"} 0
syncd_http_requests_total{code="403",method="GET",system="acme"} 0
syncd_http_requests_total{code="429",method="GET",system="acme"} 0
syncd_http_requests_total{code="500",method="GET",system="acme"} 0
syncd_http_requests_total{code="502",method="GET",system="acme"} 0
syncd_http_requests_total{code="503",method="GET",system="acme"} 1
syncd_http_requests_total{code="504",method="GET",system="acme"} 0
syncd_http_requests_total{code="error",method="GET",system="acme"} 2
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "syncd_http_requests_total"); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"syncd_http_request_duration_seconds", "syncd_rate_wait_seconds"} {
			if n, err := testutil.GatherAndCount(reg, name); n != 1 || err != nil {
				t.Errorf("%s: got %d series, %v, want 1", name, n, err)
			}
		}
		problems, err := testutil.GatherAndLint(reg)
		if err != nil || len(problems) > 0 {
			t.Errorf("promlint: %v, %v", problems, err)
		}
	})
	if NewMetrics(nil) == nil {
		t.Error("without a registry there must be metrics all the same")
	}
}
