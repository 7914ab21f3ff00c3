package itglue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

func TestAddressesAsPeopleWriteThem(t *testing.T) {
	for _, tt := range []struct{ in, want, says string }{
		{"https://api.itglue.com", "https://api.itglue.com", ""},
		{"api.eu.itglue.com/", "https://api.eu.itglue.com", ""},
		{" https://API.au.itglue.com/organizations ", "https://api.au.itglue.com", ""},
		{"https://gateway.msp.example/itglue/", "https://gateway.msp.example/itglue", ""},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080", ""},
		{"https://msp.itglue.com", "", "https://api.itglue.com"},
		{"https://msp.eu.itglue.com/2/contacts", "", "https://api.eu.itglue.com"},
		{"msp.au.itglue.com", "", "https://api.au.itglue.com"},
		{"http://api.itglue.com", "", "unencrypted"},
		{"https://user:secretword@api.itglue.com", "", "password"},
		{"", "", "is missing"},
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
		{"nothing filled in", func(c *Config) { *c = Defaults() }, "api_key"},
		{"space around the key", func(c *Config) { c.APIKey = secret.New("ITG.x ") }, "api_key"},
		{"an unknown sync", func(c *Config) { c.PSAContactSync = "both" }, "psa_contact_sync"},
		{"too fast for the vendor", func(c *Config) { c.Rate = rest.Rate{PerSecond: 10, Burst: 40} }, "rate"},
		{"an empty prefix", func(c *Config) { c.LayoutPrefix = " " }, "layout_prefix"},
		{"a prefix beyond ASCII", func(c *Config) { c.LayoutPrefix = "Müller" }, "layout_prefix"},
		{"a broken pattern", func(c *Config) { c.Users.Exclude = []string{"svc-["}; c.Groups.Include = []string{""} },
			"users.exclude[0] groups.include[0]"},
		{"leavers nobody can follow", func(c *Config) { c.Leavers = Leavers{Absences: 0, Days: -1, Then: "burn"} },
			"leavers.absences leavers.days leavers.then"},
		{"owners of nothing", func(c *Config) {
			c.Fields = FieldOwners{"person": {}, "contact": {"shoe": plan.Fill, "title": "mine"},
				"user": {"department": plan.Keep, "archived": plan.Keep}}
		}, "fields.contact.shoe fields.contact.title fields.person"},
		{"quiet hours that are none", func(c *Config) { c.QuietHours = []string{"08:00-18:00", "8-18", "08:00-08:00", "22:00-24:00"} },
			"quiet_hours[1] quiet_hours[2]"},
		{"a budget below nothing", func(c *Config) { c.Budget = -1 }, "budget"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Defaults()
			c.APIKey = secret.New(key)
			tt.edit(&c)
			var got []string
			c.Validate(func(path, message string) {
				got = append(got, path)
				if message == "" || strings.HasPrefix(message, path) {
					t.Errorf("%s: message %q", path, message)
				}
			})
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestQuietHoursMayGoPastMidnight(t *testing.T) {
	c := Config{QuietHours: []string{"22:00-06:30", "12:00-13:00"}}
	for at, want := range map[string]bool{"21:59": false, "22:00": true, "23:59": true, "00:00": true, "06:29": true, "06:30": false,
		"12:30": true, "13:00": false} {
		now, err := time.Parse("15:04", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := c.InQuietHours(now); got != want {
			t.Errorf("%s: got %t, want %t", at, got, want)
		}
	}
}

func TestTheKeyIsNeverShown(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.run()
	h.sim.SetFaults(missingOrganization())
	_, err := h.tryPlan()
	for what, text := range map[string]string{"log": h.log.String(), "error": fmt.Sprint(err), "configuration": fmt.Sprintf("%+v", h.conf)} {
		if strings.Contains(text, key) {
			t.Errorf("the %s shows the key", what)
		}
	}
}

func TestWherePeopleOpenAnOrganization(t *testing.T) {
	for _, c := range []struct{ url, portal, want string }{
		{"https://api.itglue.com", "", ""}, // the account's own host is not known
		{"https://api.eu.itglue.com", "https://msp.eu.itglue.com/", "https://msp.eu.itglue.com/1211"},
		{"http://127.0.0.1:8080", "", "http://127.0.0.1:8080/1211"},
		{"https://gateway.msp.example/itglue", "", "https://gateway.msp.example/1211"},
	} {
		config := Config{URL: c.url, Portal: c.portal}
		if got := config.PageURL("1211"); got != c.want {
			t.Errorf("%s, %s: got %s, want %s", c.url, c.portal, got, c.want)
		}
	}
}
