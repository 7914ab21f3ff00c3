package cipp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"syncd/internal/rest"
	"syncd/internal/secret"
)

func sound() Config {
	c := Defaults()
	c.URL, c.TenantID = "https://cipp-api.example.net", partnerID
	c.ClientID, c.ClientSecret = "3d0c6f52-8a5e-4c0b-9f7d-51c1d0a2b6e4", secret.New(clientSecret)
	return c
}

func TestEveryProblemOfTheConfigurationIsReported(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   []string // path: part of the message
	}{
		{"nothing", func(c *Config) {}, nil},
		{"a tenant by its domain", func(c *Config) { c.TenantID = "harbour-it.onmicrosoft.com" }, nil},
		{"loopback", func(c *Config) {
			c.URL, c.TokenURL = "http://127.0.0.1:7071/api", "http://localhost:9/x/oauth2/v2.0/token"
		}, nil},
		{"all of it", func(c *Config) { *c = Config{} }, []string{
			"url: is missing", "tenant_id: is missing", "client_id: is missing", "client_secret: is missing", "max_age: 0s is not an age"}},
		{"each of them wrong", func(c *Config) {
			c.URL, c.TenantID, c.ClientID, c.TokenURL, c.MaxAge = "http://cipp.example.net", "harbour", "syncd", "login.microsoftonline.com", -time.Hour
		}, []string{"url: ", `tenant_id: "harbour"`, `client_id: "syncd"`, "token_url: ", "max_age: -1h"}},
		{"two rates at once", func(c *Config) { c.Rate = rest.Rate{PerSecond: 5, PerMinute: 100, Burst: 1, Concurrency: 1} }, []string{"rate: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := sound()
			c.change(&conf)
			var got []string
			conf.Validate(func(path, message string) { got = append(got, path+": "+message) })
			for _, want := range c.want {
				found := false
				for _, g := range got {
					found = found || strings.HasPrefix(g, want)
				}
				if !found {
					t.Errorf("got %q, want one that begins with %q", got, want)
				}
			}
			if c.want == nil && len(got) > 0 {
				t.Errorf("got %q, want none", got)
			}
			if strings.Contains(fmt.Sprint(got, conf), clientSecret) {
				t.Error("the secret is shown")
			}
		})
	}
}

func TestTheAddressIsTakenWithOrWithoutAPI(t *testing.T) {
	for in, want := range map[string]string{
		"https://cipp-api.example.net":        "https://cipp-api.example.net",
		"https://cipp-api.example.net/":       "https://cipp-api.example.net",
		"https://cipp-api.example.net/api":    "https://cipp-api.example.net",
		" https://cipp-api.example.net/API/ ": "https://cipp-api.example.net",
		"https://proxy.example.net/cipp/api/": "https://proxy.example.net/cipp",
		"https://proxy.example.net/myapi":     "https://proxy.example.net/myapi",
		"http://127.0.0.1:7071/api":           "http://127.0.0.1:7071",
	} {
		c := sound()
		c.URL = in
		if got, err := c.base(); err != nil || got.String() != want {
			t.Errorf("%q: got %v, %v; want %s", in, got, err, want)
		}
	}
	c := sound()
	if got, want := c.tokenURL(), "https://login.microsoftonline.com/"+partnerID+"/oauth2/v2.0/token"; got != want {
		t.Errorf("token: got %s, want %s", got, want)
	}
}

func TestTheConfigurationIsReadFromYAML(t *testing.T) {
	c := Defaults()
	err := yaml.Unmarshal([]byte(`
url: https://cipp-api.example.net
tenant_id: harbour-it.example
client_id: 3d0c6f52-8a5e-4c0b-9f7d-51c1d0a2b6e4
client_secret: 0123
rate: {per_second: 3}
max_age: 90m
`), &c)
	if err != nil {
		t.Fatal(err)
	}
	if c.ClientSecret.Reveal() != "0123" || c.Rate.PerSecond != 3 || c.MaxAge != 90*time.Minute || c.TenantID != "harbour-it.example" {
		t.Errorf("got %+v", c)
	}
}
