package scim

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"syncd/internal/rest"
)

// A cure is for what is at fault: a page comes from what stands between us, and
// a system that is down lacks no right.
func TestCuresFitTheAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string // in the remedy; empty for none
		never  string
	}{
		{"a token", 403, `{"detail":"no"}`, "token", "firewall"},
		{"a firewall", 403, `<html><title>Access denied</title></html>`, "firewall or proxy", ""},
		{"out of order", 503, `<html><title>Access denied</title></html>`, "busy or out of order", "token"},
		{"a feature that is missing", 501, ``, "", "busy"},
		{"asked too much", 429, ``, "asked too much", "token"},
	} {
		err := (&Client{config: Config{Name: "x"}, profile: profiles()["generic"],
			options: Options{Now: time.Now}}).classify(&rest.Response{Status: c.status, Body: []byte(c.body), Header: http.Header{}})
		remedy := rest.Remedy(err, "")
		if err == nil || !strings.Contains(remedy, c.want) || c.never != "" && strings.Contains(remedy, c.never) {
			t.Errorf("%s: got %v and %q, want %q and never %q", c.name, err, remedy, c.want, c.never)
		}
	}
}
