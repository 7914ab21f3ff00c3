package serving

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// Without a network a client sees what it sees with one.
func TestTheTransportIsAsGoodAsANetwork(t *testing.T) {
	body := []byte("0123456789")
	for name, tc := range map[string]struct {
		serve  http.HandlerFunc
		status int
		text   string
		broken bool
	}{
		"a whole answer": {func(w http.ResponseWriter, _ *http.Request) {
			(&Answer{Status: 201, Header: http.Header{"X": {"y"}}, Body: body}).send(w)
		}, 201, "0123456789", false},
		"nothing said":              {func(http.ResponseWriter, *http.Request) {}, 200, "", false},
		"a body without a status":   {func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }, 200, "0123456789", false},
		"cut in the middle":         {func(w http.ResponseWriter, _ *http.Request) { (&Answer{Status: 200, Body: body[:8], End: Cut}).send(w) }, 200, "0123", true},
		"dropped before the answer": {func(w http.ResponseWriter, _ *http.Request) { (&Answer{Status: 200, Body: body, End: Unsent}).send(w) }, 0, "", true},
	} {
		net := httptest.NewServer(tc.serve)
		for way, client := range map[string]*http.Client{"network": net.Client(), "transport": {Transport: Transport(tc.serve)}} {
			status, text, err := 0, "", error(nil)
			var r *http.Response
			if r, err = client.Get(net.URL); err == nil {
				var b []byte
				b, err = io.ReadAll(r.Body)
				r.Body.Close()
				status, text = r.StatusCode, string(b)
			}
			if status != tc.status || text != tc.text || (err != nil) != tc.broken {
				t.Errorf("%s over %s: got %d %q %v", name, way, status, text, err)
			}
		}
		net.Close()
	}
}

func TestACallerWhoGivesUpEndsAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reason := errors.New("had enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(reason) })
		client := Transport(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if pause(r.Context(), time.Hour) {
				t.Error("the pause went on")
			}
		}))
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://x.example/", nil)
		began := time.Now()
		if _, err := client.RoundTrip(r); err != reason || time.Since(began) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

func TestAMeterSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Meter
		for i, tc := range []struct {
			after time.Duration
			cost  int
			want  bool
		}{{0, 2, false}, {time.Second, 1, false}, {0, 1, true}, {9 * time.Second, 3, true}, {0, 2, false}, {0, 1, true}} {
			time.Sleep(tc.after)
			if got := m.Over(3, 10*time.Second, tc.cost); got != tc.want {
				t.Errorf("request %d: got %t", i, got)
			}
		}
	})
	at := func(seconds ...int) (all []time.Time) {
		for _, s := range seconds {
			all = append(all, time.Unix(int64(s), 0))
		}
		return all
	}
	if got := busiest(at(0, 4, 9, 10, 30), 10*time.Second); got != 3 {
		t.Errorf("the busiest window has %d", got)
	}
	if got := busiest(nil, time.Second); got != 0 {
		t.Errorf("nothing has %d", got)
	}
}
