package connectwise

import (
	"fmt"
	"strings"
	"testing"

	"syncd/internal/rest"
	"syncd/internal/secret"
)

func TestAddressesAsPeopleWriteThem(t *testing.T) {
	for _, tt := range []struct{ in, want, says string }{
		{"https://api-na.myconnectwise.net", "https://api-na.myconnectwise.net", ""},
		{"https://api-na.myconnectwise.net/", "https://api-na.myconnectwise.net", ""},
		{"api-eu.myconnectwise.net", "https://api-eu.myconnectwise.net", ""},
		{" https://API-NA.myconnectwise.net/v4_6_release/apis/3.0/ ", "https://api-na.myconnectwise.net", ""},
		{"https://cw.msp.example/v2025_1/apis/3.0", "https://cw.msp.example", ""},
		{"https://cw.msp.example:8443/v4_6_release/services/system_io/login", "https://cw.msp.example:8443", ""},
		{"https://cw.msp.example/login?company=x#top", "https://cw.msp.example", ""},
		{"http://127.0.0.1:8080/v4_6_release/apis/3.0", "http://127.0.0.1:8080", ""},
		{"https://na.myconnectwise.net", "", "https://api-na.myconnectwise.net"},
		{"https://aus.myconnectwise.net/v4_6_release", "", "https://api-aus.myconnectwise.net"},
		{"staging.connectwisedev.com", "", "https://api-staging.connectwisedev.com"},
		{"http://cw.msp.example", "", "unencrypted"},
		{"https://user:secretword@cw.msp.example", "", "password"},
		{"ftp://cw.msp.example", "", "https"},
		{"", "", "is missing"},
		{"https://", "", ""},
	} {
		got, err := baseURL(tt.in)
		if tt.want == "" {
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secretword") {
				t.Errorf("%s: got %v and %v, want an error that says %q and no secret", tt.in, got, err, tt.says)
			}
			continue
		}
		if err != nil || got.String() != tt.want {
			t.Errorf("%s: got %v and %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Config)
		want string // the paths
	}{
		{"all right", func(*Config) {}, ""},
		{"nothing filled in", func(c *Config) { *c = Defaults() }, "url company public_key private_key client_id"},
		{"a key where the company should be", func(c *Config) { c.Company = "msp+abc" }, "company"},
		{"space around a key", func(c *Config) { c.PrivateKey = secret.New("abc ") }, "private_key"},
		{"an empty agreement type", func(c *Config) { c.AgreementTypes = []string{"Managed Services", " "} }, "agreement_types[1]"},
		{"tickets nowhere", func(c *Config) { c.Tickets = TicketConfig{Priority: "Priority 4"} }, "tickets.board"},
		{"tickets of nothing known", func(c *Config) { c.Tickets = TicketConfig{Board: "Licensing", For: []string{"held", "changed"}} }, "tickets.for[1]"},
		{"an unknown way to go", func(c *Config) { c.Gone = "delete" }, "gone"},
		{"two speeds", func(c *Config) { c.Rate = rest.Rate{PerMinute: 10, PerSecond: 1} }, "rate"},
		{"too fast", func(c *Config) { c.Rate = rest.Rate{PerMinute: 1000, Burst: 1} }, "rate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := settings()
			c.Rate = Defaults().Rate
			tt.edit(&c)
			var paths []string
			c.Validate(func(path, message string) {
				paths = append(paths, path)
				if message == "" || strings.Contains(message, "abc ") {
					t.Errorf("%s: got message %q", path, message)
				}
			})
			if got := strings.Join(paths, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSecretsDoNotShowInTheConfiguration(t *testing.T) {
	c := settings()
	c.PrivateKey = secret.New("hush-hush")
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "hush-hush") {
		t.Errorf("a secret shows in %s", text)
	}
}
