package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A container's health is asked of the daemon as it listens: where it speaks TLS too, whose
// certificate names another host.
func TestTheDaemonIsAskedAsItListens(t *testing.T) {
	for _, c := range []struct {
		name      string
		serve     func(http.Handler) *httptest.Server
		encrypted bool
		status    int
		want      string
	}{
		{"plain", httptest.NewServer, false, 200, ""},
		{"encrypted", httptest.NewTLSServer, true, 200, ""},
		{"not ready", httptest.NewTLSServer, true, 503, "not ready: 503"},
		{"asked in plain where it is encrypted", httptest.NewTLSServer, false, 200, "400"},
	} {
		s := c.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				t.Errorf("%s: asked for %s", c.name, r.URL.Path)
			}
			w.WriteHeader(c.status)
		}))
		err := askReady(t.Context(), s.Listener.Addr().String(), c.encrypted)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		s.Close()
	}
}
