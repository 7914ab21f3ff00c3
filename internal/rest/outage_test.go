package rest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestACureIsForWhatIsAtFault(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string // in the cure; empty where there is none of this kind
	}{
		{"busy", &Error{System: "acme", Status: 503, Temporary: true}, "acme is busy or out of order; nothing is wrong with the configuration"},
		{"wrapped", fmt.Errorf("users: %w", &Error{System: "acme", Status: 502, Temporary: true}), "acme is busy or out of order"},
		{"asked too much", &Error{System: "acme", Status: 429, Temporary: true}, "asked too much"},
		{"a wrong key", &Error{System: "acme", Status: 401, Unauthorised: true}, ""},
		{"a missing right", &Error{System: "acme", Status: 403, Forbidden: true}, ""},
		{"a fault of the request that looks like the server's", &Error{System: "acme", Status: 500}, ""},
		{"nobody answers", &Error{System: "acme", Temporary: true}, ""},
		{"something else", errors.New("x"), ""},
		{"nothing", nil, ""},
	} {
		if got := Outage(c.err); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
