package connectwise

import (
	"net/http"
	"strings"
	"testing"

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
		{"a role that lacks a right", 403, `{"code":"SecurityPermissions","message":"no"}`, "security role", "firewall"},
		{"a firewall", 403, `<html><title>Access denied</title></html>`, "firewall or proxy", "role"},
		{"out of order", 503, `<html><title>Access denied</title></html>`, "busy or out of order", "role"},
		{"out of order, with words", 500, `{"code":"Unknown","message":"A timeout has occured"}`, "busy or out of order", "role"},
		{"bad input that is told as a fault", 500, `{"message":"Error converting value"}`, "", "busy"},
		{"asked too much", 429, `{"error":"rate"}`, "asked too much", "role"},
	} {
		err := (&Client{}).classify(&rest.Response{Status: c.status, Body: []byte(c.body), Header: http.Header{}})
		remedy := rest.Remedy(err, "")
		if err == nil || !strings.Contains(remedy, c.want) || c.never != "" && strings.Contains(remedy, c.never) {
			t.Errorf("%s: got %v and %q, want %q and never %q", c.name, err, remedy, c.want, c.never)
		}
	}
}
