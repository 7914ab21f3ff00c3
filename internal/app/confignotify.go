package app

import (
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/notify"
	"syncd/internal/notify/channel"
	"syncd/internal/secret"
)

// NotifyConfig says where messages go, and about what. Without a channel nobody is told anything.
type NotifyConfig struct {
	Mail    MailConfig    `yaml:"mail" env:", prefix=MAIL_"`
	Teams   TeamsConfig   `yaml:"teams" env:", prefix=TEAMS_"`
	Slack   SlackConfig   `yaml:"slack" env:", prefix=SLACK_"`
	Webhook WebhookConfig `yaml:"webhook" env:", prefix=WEBHOOK_"`
	For     []string      `yaml:"for" env:"FOR"`       // what people are told of: waiting, failing, month, renewals, credentials
	Digest  time.Duration `yaml:"digest" env:"DIGEST"` // how long news are gathered after a run's end
}

// MailConfig is a mail server that takes messages.
type MailConfig struct {
	Server   string        `yaml:"server" env:"SERVER"` // host:port, such as smtp.office365.com:587
	From     string        `yaml:"from" env:"FROM"`     // the sender's address, with or without a name
	To       []string      `yaml:"to" env:"TO"`
	User     string        `yaml:"user" env:"USER"` // empty: the server asks for none
	Password secret.String `yaml:"password" env:"PASSWORD"`
	TLS      string        `yaml:"tls" env:"TLS"` // starttls | tls | none; none is for this machine alone, and the default there
}

// TeamsConfig is a channel or chat of Microsoft Teams.
type TeamsConfig struct {
	URL secret.String `yaml:"url" env:"URL"` // of a Power Automate workflow that posts what a webhook receives; a secret
}

// SlackConfig is a channel of Slack.
type SlackConfig struct {
	URL secret.String `yaml:"url" env:"URL"` // of an incoming webhook; a secret
}

// WebhookConfig is a program of the operator's own.
type WebhookConfig struct {
	URL    secret.String `yaml:"url" env:"URL"`       // where JSON is posted; a secret
	Secret secret.String `yaml:"secret" env:"SECRET"` // with which X-Syncd-Signature is made
}

func kindNames() []string {
	var names []string
	for _, k := range notify.Kinds {
		names = append(names, string(k))
	}
	return names
}

var mailTLS = []string{channel.StartTLS, channel.TLS, channel.NoTLS}

// Bounds of notify.digest.
const (
	leastDigest = time.Second
	mostDigest  = 24 * time.Hour
)

// given reports whether there is anything of it.
func (m *MailConfig) given() bool {
	return m.Server != "" || m.From != "" || len(m.To) > 0 || m.User != "" || !m.Password.Empty() || m.TLS != ""
}

// tls is how the server is spoken to.
func (m *MailConfig) tls() string {
	host, _, _ := net.SplitHostPort(m.Server)
	switch {
	case m.TLS != "":
		return m.TLS
	case isLoopback(host):
		return channel.NoTLS
	}
	return channel.StartTLS
}

func (c *Config) validateNotify(report func(path, format string, args ...any)) {
	n := &c.Notify
	if n.Mail.given() {
		n.Mail.validate(report)
	}
	for path, x := range map[string]secret.String{"notify.teams.url": n.Teams.URL, "notify.slack.url": n.Slack.URL, "notify.webhook.url": n.Webhook.URL} {
		if x.Empty() || strings.HasPrefix(x.Reveal(), placeholder) {
			continue
		}
		if _, err := channel.CheckURL(x.Reveal()); err != nil {
			report(path, "%v", err)
		}
	}
	switch {
	case n.Webhook.URL.Empty() && !n.Webhook.Secret.Empty():
		report("notify.webhook.url", "is missing; write where the messages are to be posted")
	case !n.Webhook.URL.Empty() && n.Webhook.Secret.Empty():
		report("notify.webhook.secret", "is missing; whoever takes the messages proves by it that they are from here: write what  openssl rand -hex 24  prints")
	}
	if len(n.For) == 0 {
		report("notify.for", "names nothing; write what people are told of: %s", strings.Join(kindNames(), ", "))
	}
	for i, k := range n.For {
		if !slices.Contains(kindNames(), k) {
			report(fmt.Sprintf("notify.for[%d]", i), "%q is nothing that people are told of; write %s", k, strings.Join(kindNames(), ", "))
		}
	}
	if n.Digest < leastDigest || n.Digest > mostDigest {
		report("notify.digest", "%s is out of range; write how long news are gathered, from 1s to 24h, such as 1m", n.Digest)
	}
}

func (m *MailConfig) validate(report func(path, format string, args ...any)) {
	host, port, err := net.SplitHostPort(m.Server)
	if _, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || !hostName.MatchString(host) {
		report("notify.mail.server", "%q is not a server; write host:port, such as smtp.example.net:587", m.Server)
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		report("notify.mail.from", "%q is not an address; write one such as syncd@example.net", m.From)
	}
	if len(m.To) == 0 {
		report("notify.mail.to", "names nobody; write who is told, such as [billing@example.net]")
	}
	for i, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil {
			report(fmt.Sprintf("notify.mail.to[%d]", i), "%q is not an address; write one such as billing@example.net", to)
		}
	}
	switch {
	case !slices.Contains(mailTLS, m.tls()):
		report("notify.mail.tls", "%q is no way to a mail server; write %s", m.TLS, strings.Join(mailTLS, ", "))
	case m.tls() == channel.NoTLS && err == nil && !isLoopback(host):
		report("notify.mail.tls", "none would send messages unencrypted to %s; write starttls or tls (none is for this machine only)", host)
	}
	switch {
	case m.User == "" && !m.Password.Empty():
		report("notify.mail.user", "is missing; write whose password it is")
	case m.User != "" && m.Password.Empty():
		report("notify.mail.password", "is missing; write it here, or in SYNCD_NOTIFY_MAIL_PASSWORD")
	}
}

// channels are the configured ways to people.
func (c *Config) channels(log zerolog.Logger) (all []channel.Channel, err error) {
	n := &c.Notify
	add := func(given bool, open func() (channel.Channel, error)) {
		if !given || err != nil {
			return
		}
		var opened channel.Channel
		if opened, err = open(); err == nil {
			all = append(all, opened)
		}
	}
	add(n.Mail.given(), func() (channel.Channel, error) {
		return channel.NewMail(channel.Mail{Server: n.Mail.Server, From: n.Mail.From, To: n.Mail.To, User: n.Mail.User, Password: n.Mail.Password, TLS: n.Mail.tls()})
	})
	add(!n.Teams.URL.Empty(), func() (channel.Channel, error) { return channel.NewTeams(n.Teams.URL, log) })
	add(!n.Slack.URL.Empty(), func() (channel.Channel, error) { return channel.NewSlack(n.Slack.URL, log) })
	add(!n.Webhook.URL.Empty(), func() (channel.Channel, error) { return channel.NewWebhook(n.Webhook.URL, n.Webhook.Secret, log) })
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return all, nil
}

// kinds are what people are told of.
func (n *NotifyConfig) kinds() []notify.Kind {
	var kinds []notify.Kind
	for _, k := range n.For {
		kinds = append(kinds, notify.Kind(k))
	}
	return kinds
}

// pagesURL is the address that links in messages begin with. A listener on all addresses is reached
// at this machine's own.
func (c *Config) pagesURL() string {
	if c.URL != "" {
		return strings.TrimRight(c.URL, "/")
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if c.TLS.Config != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
