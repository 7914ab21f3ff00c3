package cwsim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaultsHappenOnce(t *testing.T) {
	const patch = `[{"op":"replace","path":"quantity","value":14}]`
	for _, tt := range []struct {
		fault    Fault
		status   int // 0: the connection breaks
		want     string
		quantity string // afterwards, at the server
	}{
		{Fault{Kind: Timeout}, 500, "A timeout has occured. Please try again", "12"},
		{Fault{Kind: TimeoutCommitted}, 500, "A timeout has occured. Please try again", "14"},
		{Fault{Kind: PoolTimeout}, 500, "connection from the pool", "12"},
		{Fault{Kind: Converting}, 500, "Error converting value", "12"},
		{Fault{Kind: Dropped}, 0, "", "12"},
		{Fault{Kind: DroppedCommitted}, 0, "", "14"},
		{Fault{Kind: CutBody}, 0, "", "14"},
		{Fault{Kind: BadGateway}, 502, "<html>", "12"},
		{Fault{Kind: Unavailable}, 503, "<html>", "12"},
		{Fault{Kind: Throttled, RetryAfter: 7}, 429, `{"error":"TooManyRequests","message":`, "12"},
		{Fault{Kind: BadKeys}, 401, "Unauthorized", "12"},
		{Fault{Kind: Denied}, 403, `"code":"Security"`, "12"},
		{Fault{Kind: NotSSL}, 403, "SSL is required.", "12"},
		{Fault{Kind: Gone}, 404, "NotFound", "12"},
		{Fault{Kind: InUse}, 409, "Conflict", "12"},
		{Fault{Kind: HTMLPage}, 200, "<html>", "14"},
		{Fault{Kind: EmptyAnswer}, 200, "", "14"},
		{Fault{Kind: Ignored}, 200, `"quantity":12.0`, "12"},
		{Fault{Kind: Echoed}, 200, `"quantity":14.0`, "12"},
	} {
		t.Run(string(tt.fault.Kind), func(t *testing.T) {
			s, base := newSim(t, seed())
			s.Fail(Rule{Method: "PATCH", Route: "/finance/agreements/{id}/additions/{id}", Times: 1, Fault: tt.fault})
			got := do(t, base, "PATCH", path910, patch)
			if tt.status == 0 {
				if got.err == nil {
					t.Errorf("got %d %s, want a broken connection", got.status, got.body)
				}
			} else {
				got.want(t, tt.status, tt.want)
			}
			if got := s.World().Addition(910).Quantity.String(); got != tt.quantity {
				t.Errorf("quantity at the server: got %s, want %s", got, tt.quantity)
			}
			if wait := got.header.Get("Retry-After"); tt.status == 429 && wait != "7" {
				t.Errorf("Retry-After: got %q, want 7", wait)
			}
			do(t, base, "PATCH", path910, patch).want(t, 200)
		})
	}
}

func TestRetryAfterMayBeADate(t *testing.T) {
	s, base := newSim(t, seed())
	s.Fail(Rule{Fault: Fault{Kind: Throttled, RetryAfter: 60, RetryDate: true}})
	got := do(t, base, "GET", "/system/info", "").header.Get("Retry-After")
	if _, err := http.ParseTime(got); err != nil {
		t.Errorf("got Retry-After %q, want a date", got)
	}
}

func TestAListMayFailMidway(t *testing.T) {
	s, base := newSim(t, manyCompanies(60))
	s.Fail(Rule{Route: "/company/companies", Skip: 1, Times: 1, Fault: Fault{Kind: Timeout}})
	for i, want := range []int{200, 500, 200} {
		do(t, base, "GET", fmt.Sprintf("/company/companies?page=%d", i+1), "").want(t, want)
	}
	s.Fail(Rule{Query: "page=3", Fault: Fault{Kind: Denied}})
	do(t, base, "GET", "/company/companies?page=2", "").want(t, 200)
	do(t, base, "GET", "/company/companies?page=3", "").want(t, 403)
	s.Heal()
	do(t, base, "GET", "/company/companies?page=3", "").want(t, 200)
}

func TestAHookSeesEveryRequest(t *testing.T) {
	s, base := newSim(t, seed())
	s.Before(func(r *http.Request) Fault {
		if r.Method == "PATCH" && s.World().Addition(910) != nil { // the server is not locked
			return Fault{Kind: Denied}
		}
		return Fault{}
	})
	do(t, base, "GET", path910, "").want(t, 200)
	do(t, base, "PATCH", path910, "[]").want(t, 403)
}

func TestRefusalsMayLookLikeAnything(t *testing.T) {
	for _, tt := range []struct {
		style BodyStyle
		want  string
	}{
		{BodyJSON, `{"code":"NotFound","message":"Company not found","errors":null}`},
		{BodyCRLF, "{\r\n  \"code\": \"NotFound\",\r\n  \"message\": \"Company not found\",\r\n  \"errors\": null\r\n}"},
		{BodyEmpty, ""},
		{BodyHTML, "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body><center><h1>404 Not Found</h1></center></body>\r\n</html>\r\n"},
	} {
		s, base := newSim(t, seed())
		s.SetFaults(Faults{ErrorBody: tt.style})
		if got := do(t, base, "GET", "/company/companies/1", ""); got.status != 404 || got.body != tt.want {
			t.Errorf("got %d %q, want 404 %q", got.status, got.body, tt.want)
		}
	}
}

func TestTheLimiterSlidesAndTheMeterCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(seed(), options)
		s.SetFaults(Faults{RateLimit: 3, RateWindow: time.Minute, RetryAfter: 20})
		var got []int
		for range 7 {
			got = append(got, inProcess(t, s, "/system/info").status)
			time.Sleep(10 * time.Second)
		}
		if want := []int{200, 200, 200, 429, 429, 429, 200}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		for _, tt := range []struct {
			window time.Duration
			want   int
		}{{10 * time.Second, 1}, {11 * time.Second, 2}, {time.Minute, 6}, {time.Hour, 7}} {
			if got := s.MaxRate(tt.window); got != tt.want {
				t.Errorf("MaxRate(%s): got %d, want %d", tt.window, got, tt.want)
			}
		}
	})
}

func inProcess(t *testing.T, s *Server, path string) reply {
	t.Helper()
	return do1(t, &http.Client{Transport: s.Transport(), Timeout: time.Minute}, path)
}

func do1(t *testing.T, client *http.Client, path string) reply {
	t.Helper()
	r, err := http.NewRequest("GET", "https://sim.example/v4_6_release/apis/3.0"+path, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	r.SetBasicAuth("msp+pub", "priv")
	r.Header.Set("clientId", options.ClientID)
	return send1(client, r)
}

func TestInProcessAnswersAreSlowAndBrokenToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(seed(), options)
		start := time.Now()
		s.Fail(Rule{Fault: Fault{Delay: 28 * time.Second}})
		inProcess(t, s, "/system/info").want(t, 200)
		if got := time.Since(start); got != 28*time.Second {
			t.Errorf("got an answer after %s, want 28s", got)
		}
		s.Heal()
		s.Fail(Rule{Fault: Fault{Delay: 2 * time.Minute}})
		if got := inProcess(t, s, "/system/info"); got.err == nil {
			t.Errorf("got %d, want the client's own timeout", got.status)
		}
		s.Heal()
		for _, kind := range []FaultKind{Dropped, DroppedCommitted, CutBody} {
			s.Fail(Rule{Times: 1, Fault: Fault{Kind: kind}})
			if got := inProcess(t, s, "/system/info"); got.err == nil {
				t.Errorf("%s: got %d %s, want an error", kind, got.status, got.body)
			}
		}
	})
}

func TestTheLogTellsReadsFromWrites(t *testing.T) {
	s, base := newSim(t, seed())
	do(t, base, "GET", path910, "")
	do(t, base, "GET", path910, "")
	do(t, base, "PATCH", path910, `[{"op":"replace","path":"quantity","value":14}]`)
	do(t, base, "PATCH", path910, `[{"op":"replace","path":"qty","value":14}]`)
	do(t, base, "POST", "/finance/agreements/55/invoice", "")
	do(t, base, "POST", "/system/bundles", `{"requests":[]}`)
	counts := s.Counts()
	if got := counts["GET /finance/agreements/{id}/additions/{id}"]; got != 2 {
		t.Errorf("got %d reads, want 2 in %v", got, counts)
	}
	if got := counts["POST /finance/agreements/{id}/invoice"]; got != 1 {
		t.Errorf("got %d invoices made, want 1", got)
	}
	var got []string
	for _, w := range s.Writes() {
		got = append(got, fmt.Sprint(w.Method, " ", w.Path, " ", w.Status, " ", w.Changed))
	}
	want := "PATCH " + path910 + " 200 true, PATCH " + path910 + " 400 false, POST /finance/agreements/55/invoice 201 true"
	if strings.Join(got, ", ") != want {
		t.Errorf("got writes %q, want %q", got, want)
	}
	s.Forget()
	if n := len(s.Requests()); n != 0 {
		t.Errorf("got %d requests after Forget, want 0", n)
	}
}
