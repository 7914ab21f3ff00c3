package connectwise

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/money"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// What becomes of a line whose licence is gone.
const (
	GoneZero   = "zero"                 // quantity 0, the line stays
	GoneCancel = "cancel-at-period-end" // cancelled on the last day of the current billing period
)

// Config is how a ConnectWise PSA instance is reached and how freely it is written to.
type Config struct {
	URL        string        `yaml:"url" env:"URL, overwrite"`
	Company    string        `yaml:"company" env:"COMPANY, overwrite"` // the login company, not a display name
	PublicKey  secret.String `yaml:"public_key" env:"PUBLIC_KEY, overwrite"`
	PrivateKey secret.String `yaml:"private_key" env:"PRIVATE_KEY, overwrite"`
	ClientID   secret.String `yaml:"client_id" env:"CLIENT_ID, overwrite"`
	// AgreementTypes are the names of the agreement types that are billed where
	// a link names no agreement.
	AgreementTypes  []string  `yaml:"agreement_types" env:"AGREEMENT_TYPES, overwrite"`
	Rate            rest.Rate `yaml:"rate" env:", prefix=RATE_"`
	CreateAdditions bool      `yaml:"create_additions" env:"CREATE_ADDITIONS, overwrite"`
	Gone            string    `yaml:"gone" env:"GONE, overwrite" jsonschema:"enum=zero,enum=cancel-at-period-end"`
	Grace           string    `yaml:"grace" env:"GRACE, overwrite" jsonschema:"enum=bill,enum=free"` // what becomes of subscriptions in their grace period
	// Freeze says on which days around the invoice run nobody writes; none by default.
	Freeze []money.Freeze `yaml:"freeze"`
	// Tickets are made of what waits or fails; none by default.
	Tickets TicketConfig `yaml:"tickets" env:", prefix=TICKETS_"`
}

// Defaults returns the configuration that an operator starts from.
func Defaults() Config {
	return Config{
		AgreementTypes: []string{"Managed Services"},
		Rate:           rest.Rate{PerMinute: 300, Burst: 20, Concurrency: 4},
		Gone:           GoneZero,
		Grace:          money.GraceBill,
		Freeze:         []money.Freeze{},
	}
}

// maxPerMinute is what an operator may ask for: the vendor begins to refuse
// at about 1,000 requests a minute.
const maxPerMinute = 900

// Validate reports everything that is wrong, each with the key and what to write.
func (c *Config) Validate(report func(path, message string)) {
	if _, err := baseURL(c.URL); err != nil {
		report("url", err.Error())
	}
	switch {
	case c.Company == "":
		report("company", "is missing: write the company id that people type when they log in to ConnectWise")
	case strings.ContainsAny(c.Company, "+:/ \t"):
		report("company", fmt.Sprintf(
			"%q is not a login company: write the short company id that people type when they log in, without the key", c.Company))
	}
	for _, s := range []struct {
		path  string
		value secret.String
		where string
	}{
		{"public_key", c.PublicKey, "System > Members > API Members > API Keys"},
		{"private_key", c.PrivateKey, "System > Members > API Members > API Keys; it is shown once, when the key is made"},
		{"client_id", c.ClientID, "developer.connectwise.com, under Client ID; a private one works for its own instance only"},
	} {
		switch {
		case s.value.Empty():
			report(s.path, "is missing: you find it under "+s.where)
		case s.value.Reveal() != strings.TrimSpace(s.value.Reveal()):
			report(s.path, "has space around it: copy it again without")
		}
	}
	for i, name := range c.AgreementTypes {
		if strings.TrimSpace(name) == "" {
			report(fmt.Sprintf("agreement_types[%d]", i), "is empty: write the name of an agreement type as ConnectWise shows it, or take the entry out")
		}
	}
	if c.Gone != GoneZero && c.Gone != GoneCancel {
		report("gone", fmt.Sprintf("%q is neither %s nor %s", c.Gone, GoneZero, GoneCancel))
	}
	if c.Grace != money.GraceBill && c.Grace != money.GraceFree {
		report("grace", fmt.Sprintf(
			"%q is neither %s nor %s: say whether a customer is billed for a subscription that lapsed and still works", c.Grace, money.GraceBill, money.GraceFree))
	}
	sound := true
	for i, f := range c.Freeze {
		if err := f.Check(); err != nil {
			sound = false
			report(fmt.Sprintf("freeze[%d]", i), err.Error())
		}
	}
	if name, never := money.NeverOpen(c.Freeze); sound && never {
		report("freeze", fmt.Sprintf(
			"leaves agreements of type %q no open day: together these freezes cover the whole month; shorten before or after", name))
	}
	c.Tickets.validate(report)
	for _, err := range c.Rate.Validate() {
		report("rate", err.Error())
	}
	if u, err := rest.CheckURL(c.URL); err == nil && u.Scheme == "https" && (c.Rate.PerMinute > maxPerMinute || c.Rate.PerSecond*60 > maxPerMinute) {
		report("rate", fmt.Sprintf("is more than %d requests a minute: ConnectWise refuses integrations that come near 1,000", maxPerMinute))
	}
}

// clouds are the hosts people see in their browser; the API lives beside each
// of them under a name with api- in front.
var clouds = []string{"na.myconnectwise.net", "eu.myconnectwise.net", "au.myconnectwise.net", "aus.myconnectwise.net",
	"za.myconnectwise.net", "staging.connectwisedev.com"}

// baseURL reads what people copy into the configuration: with or without a
// scheme, with the path of the API or that of the login page.
func baseURL(raw string) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return nil, fmt.Errorf("is missing: write the address of your ConnectWise, such as https://api-na.myconnectwise.net")
	}
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	if err == nil && u.Host != "" {
		// The path is always ours: codebase and version of the API are found out.
		raw = (&url.URL{Scheme: u.Scheme, User: u.User, Host: strings.ToLower(u.Host)}).String()
	}
	u, err = rest.CheckURL(raw)
	if err != nil {
		return nil, err
	}
	if slices.Contains(clouds, u.Hostname()) {
		return nil, fmt.Errorf("%s is the host for people; the API answers at https://api-%s", u.Hostname(), u.Hostname())
	}
	u.Path = ""
	return u, nil
}
