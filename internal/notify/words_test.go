package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/shopspring/decimal"
)

var update = flag.Bool("update", false, "write the golden texts anew")

const base = "https://syncd.example.net"

func usd(up, down string) Money {
	return Money{"USD", decimal.RequireFromString(up), decimal.RequireFromString(down)}
}

// hostile is a name that each channel could take for something else.
const hostile = "Evil\r\nBcc: all@example.com\r\n\r\n<img src=x onerror=alert(1)> [pay](https://evil.example) <!channel> <@U1> *b* \u202egnp {{.Base}} &amp; \"q\""

var contoso = Customer{"7d1f0000-0000-4000-8000-000000000001", "Contoso Ltd"}

func examples() map[string]Message {
	plan := Plan{Customer: contoso, Target: "connectwise", Title: "ConnectWise", Changes: 2, Money: []Money{usd("44.00", "-3.5")}, Since: noon}
	other := Plan{Customer: Customer{"k/2", hostile}, Target: "itglue", Title: "IT Glue", Changes: 1, Repair: true, Since: noon}
	euro := Plan{Customer: Customer{"key3", "Fabrikam GmbH"}, Target: "connectwise", Title: "ConnectWise", Changes: 1, Money: []Money{{"EUR", decimal.RequireFromString("12"), decimal.Zero}}}
	many := Message{Kind: Waiting}
	for range 120 {
		many.New = append(many.New, plan.Cause())
	}
	berlin, _ := time.LoadLocation("Europe/Berlin")
	ends := time.Date(2026, 12, 12, 0, 30, 0, 0, berlin)
	return map[string]Message{
		"waiting": {Kind: Waiting, New: []Cause{plan.Cause(), euro.Cause(), other.Cause()}},
		"changed": {Kind: Waiting, Changed: []Cause{plan.Cause()}, Solved: []Cause{euro.Cause()}},
		"solved":  {Kind: Waiting, Solved: []Cause{plan.Cause(), other.Cause()}},
		"failing": {Kind: Failing, New: []Cause{
			FailedJob{Job: "licences", Run: "01J0", Times: 3, Since: noon}.Cause(),
			Failed{Customer: contoso, Target: "scim/cinode", Title: "Cinode", Stands: "partly done"}.Cause(),
		}, Solved: []Cause{Failed{Customer: euro.Customer, Target: "itglue", Title: "IT Glue", Stands: "failed"}.Cause()}},
		"month":       {Kind: Month, New: []Cause{ReadyMonth{First: time.Date(2026, 10, 1, 0, 0, 0, 0, berlin)}.Cause()}},
		"renewals":    {Kind: Renewals, New: []Cause{Renewal{contoso, "sub1", "Microsoft 365 E3", 14, ends}.Cause()}},
		"credentials": {Kind: Credentials, New: []Cause{Credential{"Cinode", "scim[0].token", ends}.Cause(noon)}, Solved: []Cause{Credential{"CIPP", "cipp.client_secret", noon}.Cause(noon)}},
		"test":        NewTest(noon),
		"many":        many,
	}
}

func indented(t *testing.T, body []byte, err error) string {
	t.Helper()
	var out bytes.Buffer
	if err == nil {
		err = json.Indent(&out, body, "", " ")
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String() + "\n"
}

func TestMessagesReadAsTheyShould(t *testing.T) {
	for name, m := range examples() {
		text, html, err := m.Mail(base)
		if err != nil {
			t.Fatal(err)
		}
		card, err := m.Card(base)
		if len(card) > 28<<10 {
			t.Errorf("%s: the card has %d bytes, and Teams takes 28 KB", name, len(card))
		}
		files := []txtar.File{{Name: "subject", Data: []byte(m.Subject() + "\n")}, {Name: "mail.txt", Data: []byte(text)}, {Name: "mail.html", Data: []byte(html)},
			{Name: "teams.json", Data: []byte(indented(t, card, err))}}
		slack, err := m.Slack(base)
		files = append(files, txtar.File{Name: "slack.json", Data: []byte(indented(t, slack, err))})
		webhook, err := m.Webhook(base, noon)
		files = append(files, txtar.File{Name: "webhook.json", Data: []byte(indented(t, webhook, err))})
		if name == "many" { // its lists are cut, and that is all there is to see
			for _, part := range []struct {
				text string
				n    int
			}{{text, mostInMail}, {html, mostInMail}, {string(card), mostInChat}, {string(slack), mostInChat}, {string(webhook), 120}} {
				if got := strings.Count(part.text, base+contosoPath()); got != part.n {
					t.Errorf("many: got %d causes listed, want %d: %.200s", got, part.n, part.text)
				}
			}
			continue
		}
		got := string(txtar.Format(&txtar.Archive{Files: files}))
		golden := filepath.Join("testdata", name+".txtar")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func contosoPath() string { return customerPath(contoso.Key) }

// What a customer is called is text in every channel, and nothing else.
func TestAHostileNameIsNothingButText(t *testing.T) {
	m := examples()["waiting"]
	text, html, err := m.Mail(base)
	if err != nil {
		t.Fatal(err)
	}
	card, _ := m.Card(base)
	slack, _ := m.Slack(base)
	if strings.ContainsAny(m.Subject(), "\r\n<>[]") {
		t.Errorf("the subject holds foreign text: %q", m.Subject())
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "Bcc:") || strings.Contains(line, "\r") || strings.Contains(line, "\u202e") {
			t.Errorf("the name makes lines of its own in the mail: %q", line)
		}
	}
	if strings.Contains(html, "<img") || strings.Contains(html, "<!channel") {
		t.Errorf("the name is markup in the mail:\n%s", html)
	}
	// In cards and blocks it stands where nothing is read but text, and never in an address.
	for channel, body := range map[string][]byte{"teams": card, "slack": slack} {
		var doc any
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatal(err)
		}
		found := 0
		each(doc, func(object map[string]any) {
			for key, value := range object {
				s, _ := value.(string)
				if !strings.Contains(s, "Evil") {
					continue
				}
				found++
				if kind := object["type"]; key != "text" || kind != "TextRun" && kind != "link" && kind != "text" {
					t.Errorf("%s: the name stands in %s of a %v: %q", channel, key, kind, s)
				}
			}
		})
		if found == 0 {
			t.Errorf("%s: the name stands nowhere", channel)
		}
	}
}

// each calls f with every object of a document.
func each(doc any, f func(map[string]any)) {
	switch v := doc.(type) {
	case map[string]any:
		f(v)
		for _, x := range v {
			each(x, f)
		}
	case []any:
		for _, x := range v {
			each(x, f)
		}
	}
}

func TestCurrenciesAreNeverAdded(t *testing.T) {
	m := examples()["waiting"]
	if got, want := amounts(together(m.New)), "+12.00 EUR, +44.00 −3.50 USD a month"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAMessageThatIsSentAgainHasTheSameID(t *testing.T) {
	a, b, c := examples()["waiting"], examples()["waiting"], examples()["changed"]
	if a.ID() != b.ID() || a.ID() == c.ID() || len(a.ID()) != 32 {
		t.Errorf("got %s, %s and, of another one, %s", a.ID(), b.ID(), c.ID())
	}
}

// A known answer: what docs/notify.md tells receivers to compute.
func TestTheSignatureIsOfTimestampAndBody(t *testing.T) {
	signature, timestamp := Sign("topsecret", time.Unix(1700000000, 0), []byte(`{"a":1}`))
	if timestamp != "1700000000" {
		t.Errorf("got timestamp %s", timestamp)
	}
	// printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac topsecret
	if want := "sha256=6a939b0c71853d606167625a15168ee9188c6a511c773ef4f42d307f3849e50f"; signature != want {
		t.Errorf("got %s, want %s", signature, want)
	}
}

func TestACredentialIsToldOfAgainAsItsEndComesNear(t *testing.T) {
	ends := noon.AddDate(0, 0, 21)
	for _, c := range []struct {
		left time.Duration
		want string
	}{{21 * 24 * time.Hour, "soon"}, {72*time.Hour + time.Second, "soon"}, {72 * time.Hour, "urgent"}, {0, "ended"}, {-time.Hour, "ended"}} {
		if got := (Credential{"Cinode", "scim[0].token", ends}).Cause(ends.Add(-c.left)).Mark; got != c.want {
			t.Errorf("%s before its end: got %s, want %s", c.left, got, c.want)
		}
	}
}
