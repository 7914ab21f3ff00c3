package app

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestWhatCannotWorkOfMessagesIsRefused(t *testing.T) {
	const mail = "from: a@example.net, to: [b@example.net]"
	for _, c := range []struct{ notify, path, want string }{
		{"mail: {server: mail.example.net, " + mail + "}", "notify.mail.server", "host:port"},
		{"mail: {server: 'mail.example.net:587', from: nobody, to: [b@example.net]}", "notify.mail.from", "not an address"},
		{"mail: {server: 'mail.example.net:587', from: a@example.net}", "notify.mail.to", "names nobody"},
		{"mail: {server: 'mail.example.net:587', from: a@example.net, to: ['x']}", "notify.mail.to[0]", "not an address"},
		{"mail: {server: 'mail.example.net:587', tls: none, " + mail + "}", "notify.mail.tls", "unencrypted"},
		{"mail: {server: 'mail.example.net:587', tls: maybe, " + mail + "}", "notify.mail.tls", "no way"},
		{"mail: {server: 'mail.example.net:587', user: u, " + mail + "}", "notify.mail.password", "missing"},
		{"mail: {server: 'mail.example.net:587', password: p, " + mail + "}", "notify.mail.user", "missing"},
		{"mail: {" + mail + "}", "notify.mail.server", "not a server"},
		{"teams: {url: 'http://flows.example.net/hush'}", "notify.teams.url", "unencrypted"},
		{"slack: {url: hush}", "notify.slack.url", "https://"},
		{"webhook: {url: 'https://hooks.example.net/hush'}", "notify.webhook.secret", "missing"},
		{"webhook: {secret: hush}", "notify.webhook.url", "missing"},
		{"for: []", "notify.for", "names nothing"},
		{"for: [waiting, gossip]", "notify.for[1]", "nothing that people are told of"},
		{"digest: 0s", "notify.digest", "out of range"},
		{"digest: 25h", "notify.digest", "out of range"},
	} {
		_, problems, _ := parse(both+"notify: {"+c.notify+"}\n", nil)
		if len(problems.List) != 1 || problems.List[0].Path != c.path || !strings.Contains(problems.List[0].Message, c.want) || strings.Contains(problems.List[0].Message, "hush") {
			t.Errorf("%s: got %+v, want %s: %s", c.notify, problems.List, c.path, c.want)
		}
	}
}

func TestChannelsAreThoseOfTheConfiguration(t *testing.T) {
	for _, c := range []struct{ notify, want string }{
		{"{}", "[] 1m0s"},
		{"{slack: {url: 'https://hooks.slack.com/services/x'}, digest: 5m}", "[slack] 5m0s"},
		{"{webhook: {url: 'http://127.0.0.1:9/x', secret: s}, teams: {url: 'https://flows.example.net/x?sig=y'}, mail: {server: '127.0.0.1:25', from: a@example.net, to: [b@example.net]}}",
			"[mail teams webhook] 1m0s"},
	} {
		cfg := mustParse(t, both+"notify: "+c.notify+"\n", nil)
		channels, err := cfg.channels(zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, x := range channels {
			names = append(names, x.Name())
		}
		if got := fmt.Sprint(names, " ", cfg.Notify.Digest); got != c.want || len(cfg.Notify.For) != 5 {
			t.Errorf("%s: got %s and %v, want %s and everything", c.notify, got, cfg.Notify.For, c.want)
		}
	}
}

// The way to a mail server is encrypted, but to this machine.
func TestMailIsEncryptedUnlessTheServerIsThisMachine(t *testing.T) {
	for server, want := range map[string]string{"mail.example.net:587": "starttls", "127.0.0.1:2525": "none", "localhost:25": "none", "[::1]:25": "none"} {
		m := MailConfig{Server: server}
		if got := m.tls(); got != want {
			t.Errorf("%s: got %s, want %s", server, got, want)
		}
	}
}

func TestLinksBeginWithTheAddressOfThePages(t *testing.T) {
	for _, c := range []struct {
		url, listen, tls, want string
	}{
		{"https://syncd.example.net/", "127.0.0.1:9464", "", "https://syncd.example.net"},
		{"", "127.0.0.1:9464", "", "http://127.0.0.1:9464"},
		{"", ":9464", "", "http://localhost:9464"},
		{"", "[::]:9464", "web.yml", "https://localhost:9464"},
	} {
		cfg := Config{URL: c.url, Listen: c.listen, TLS: TLSConfig{Config: c.tls}}
		if got := cfg.pagesURL(); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

// Every piece of configuration that docs/notify.md shows is one.
func TestThePageAboutMessagesShowsConfigurations(t *testing.T) {
	page, err := os.ReadFile("../../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir() + "/secret"
	if err := os.WriteFile(secrets, []byte("https://hooks.example.net/a-secret-that-is-long-enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```yaml\\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 5 {
		t.Errorf("got %d pieces, want 5", len(blocks))
	}
	for _, b := range blocks {
		text := regexp.MustCompile(`file:/run/secrets/[a-z-]+`).ReplaceAllString(b[1], "file:"+secrets)
		cfg := mustParse(t, both+text, nil)
		if channels, err := cfg.channels(zerolog.Nop()); err != nil || len(channels) == 0 || cfg.Notify.Digest != time.Minute {
			t.Errorf("got %d channels (%v) of\n%s", len(channels), err, text)
		}
	}
}
