package channel_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/notify"
	"syncd/internal/notify/channel"
	"syncd/internal/notify/notifytest"
	"syncd/internal/secret"
)

const (
	base = "https://syncd.example.net"
	key  = "webhook-key-make-believe"
)

// message has the name of a customer who wants to be more than a name.
func message() notify.Message {
	return notify.Message{Kind: notify.Waiting, New: []notify.Cause{notify.Plan{Customer: notify.Customer{Key: "k1", Name: "Contoso\r\nBcc: all@example.com\r\n.\r\nRSET Ünï"},
		Target: "connectwise", Title: "ConnectWise", Changes: 2}.Cause()}}
}

func must(t *testing.T, c channel.Channel, err error) channel.Channel {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// hooks are the channels that post, with what takes their posts.
func hooks(t *testing.T, log zerolog.Logger) map[string]struct {
	to *notifytest.Receiver
	c  channel.Channel
} {
	type pair = struct {
		to *notifytest.Receiver
		c  channel.Channel
	}
	teams, slack, webhook := notifytest.NewTeams(), notifytest.NewSlack(), notifytest.NewWebhook(key)
	t.Cleanup(func() { teams.Close(); slack.Close(); webhook.Close() })
	a, err := channel.NewTeams(secret.New(teams.URL), log)
	pairs := map[string]pair{"teams": {teams, must(t, a, err)}}
	b, err := channel.NewSlack(secret.New(slack.URL), log)
	pairs["slack"] = pair{slack, must(t, b, err)}
	c, err := channel.NewWebhook(secret.New(webhook.URL), secret.New(key), log)
	pairs["webhook"] = pair{webhook, must(t, c, err)}
	return pairs
}

func TestEachChannelIsTaken(t *testing.T) {
	for name, h := range hooks(t, zerolog.Nop()) {
		for _, m := range []notify.Message{message(), notify.NewTest(time.Now())} {
			if err := h.c.Send(t.Context(), m, base, time.Now()); err != nil {
				t.Errorf("%s: %v (%v)", name, err, h.to.Refusals())
			}
		}
		if len(h.to.Bodies()) != 2 || h.c.Name() != name {
			t.Errorf("%s: got %d messages there, want 2", name, len(h.to.Bodies()))
		}
	}
}

// What the other side answers is said; where it was asked, and with what, never.
func TestARefusalIsSaidWithoutTheAddress(t *testing.T) {
	var logged bytes.Buffer
	for name, h := range hooks(t, zerolog.New(&logged).Level(zerolog.DebugLevel)) {
		for _, c := range []struct {
			status int
			header []string
			wait   time.Duration
		}{
			{503, nil, 0}, {404, nil, 0}, {500, nil, 0},
			{302, []string{"Location", "https://elsewhere.example/secret-path-of-theirs"}, 0},
			{429, []string{"Retry-After", "7"}, 7 * time.Second}, // the last, for it keeps others waiting
		} {
			h.to.Answer(c.status, c.header...)
			err := h.c.Send(t.Context(), message(), base, time.Now())
			if err == nil {
				t.Fatalf("%s: %d counts as taken", name, c.status)
			}
			if got := channel.RetryAfter(err); got != c.wait {
				t.Errorf("%s: %d: got a wait of %s, want %s", name, c.status, got, c.wait)
			}
			for _, leak := range []string{"make-believe", "0123456789abcdef", "secret-path", "T00000000"} {
				if strings.Contains(err.Error()+logged.String(), leak) {
					t.Errorf("%s: %d: %q shows in %v or in the log:\n%s", name, c.status, leak, err, logged.String())
				}
			}
		}
		if n := h.to.Requests(); n != 5 {
			t.Errorf("%s: got %d requests, want one an attempt, and none where a redirect leads", name, n)
		}
	}
}

func TestAHookThatHangsIsLeftWithTheContext(t *testing.T) {
	for name, h := range hooks(t, zerolog.Nop()) {
		h.to.Hang()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := h.c.Send(ctx, message(), base, time.Now()); err == nil {
			t.Errorf("%s: counts as taken", name)
		}
	}
}

func TestWhoKnowsAnotherSecretTakesNothing(t *testing.T) {
	to := notifytest.NewWebhook("another-key-make-believe")
	defer to.Close()
	c, err := channel.NewWebhook(secret.New(to.URL), secret.New(key), zerolog.Nop())
	if err := must(t, c, err).Send(t.Context(), message(), base, time.Now()); err == nil || len(to.Refusals()) != 1 {
		t.Errorf("got %v and %v, want a refusal", err, to.Refusals())
	}
}

// An address that lies in a file may be another one tomorrow.
func TestAnAddressIsTakenAnewWhereItChanges(t *testing.T) {
	first, second := notifytest.NewSlack(), notifytest.NewSlack()
	defer first.Close()
	defer second.Close()
	address := first.URL
	c, err := channel.NewSlack(secret.Keep(secret.Place{Name: "file", Read: func(context.Context) (string, time.Time, error) { return address, time.Time{}, nil }}), zerolog.Nop())
	must(t, c, err)
	for _, url := range []string{first.URL, second.URL} {
		address = url
		if err := c.Send(t.Context(), message(), base, time.Now()); err != nil {
			t.Error(err)
		}
	}
	if a, b := len(first.Bodies()), len(second.Bodies()); a != 1 || b != 1 {
		t.Errorf("got %d and %d messages, want one each", a, b)
	}
	address = "not an address hush"
	if err := c.Send(t.Context(), message(), base, time.Now()); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v for what is no address", err)
	}
}

func TestAddressesThatWouldTellOthers(t *testing.T) {
	for raw, want := range map[string]string{
		"https://prod.example.net/workflows/1?sig=abc": "",
		"http://127.0.0.1:9/x?sig=abc":                 "",
		"http://prod.example.net/x?sig=hush":           "unencrypted",
		"https://me:hush@prod.example.net/x":           "user name",
		"https://prod.example.net/x#hush":              "fragment",
		"":                                             "missing",
		"hush":                                         "https://",
	} {
		_, err := channel.CheckURL(raw)
		if got := errorText(err); want == "" && err != nil || !strings.Contains(got, want) || strings.Contains(got, "hush") {
			t.Errorf("%q: got %q, want %q in it", raw, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func mailTo(t *testing.T, s *notifytest.MailServer, m channel.Mail) channel.Channel {
	t.Helper()
	m.Server, m.TLSConfig = s.Addr, &tls.Config{RootCAs: s.Roots}
	if m.From == "" {
		m.From = `"syncd at Böhm" <syncd@example.net>`
	}
	if m.To == nil {
		m.To = []string{"billing@example.net", "Ops <ops@example.net>"}
	}
	c, err := channel.NewMail(m)
	return must(t, c, err)
}

func TestMailGoesOverEncryptedConnectionsAlone(t *testing.T) {
	password := secret.New("mail-make-believe")
	for _, c := range []struct {
		name   string
		server notifytest.MailOptions
		mail   channel.Mail
		want   string // of the error; empty: it is taken
	}{
		{"starttls and a password", notifytest.MailOptions{StartTLS: true, User: "u", Password: "mail-make-believe"}, channel.Mail{TLS: channel.StartTLS, User: "u", Password: password}, ""},
		{"tls and a password", notifytest.MailOptions{TLS: true, User: "u", Password: "mail-make-believe"}, channel.Mail{TLS: channel.TLS, User: "u", Password: password}, ""},
		{"plain on this machine", notifytest.MailOptions{}, channel.Mail{TLS: channel.NoTLS}, ""},
		{"plain with a password on this machine", notifytest.MailOptions{User: "u", Password: "mail-make-believe"}, channel.Mail{TLS: channel.NoTLS, User: "u", Password: password}, ""},
		{"a server without starttls", notifytest.MailOptions{}, channel.Mail{TLS: channel.StartTLS}, "STARTTLS"},
		{"a wrong password", notifytest.MailOptions{StartTLS: true, User: "u", Password: "other"}, channel.Mail{TLS: channel.StartTLS, User: "u", Password: password}, "535"},
		{"a server that wants a password", notifytest.MailOptions{StartTLS: true, User: "u", Password: "other"}, channel.Mail{TLS: channel.StartTLS}, "before AUTH"},
	} {
		s, err := notifytest.StartMailServer(c.server)
		if err != nil {
			t.Fatal(err)
		}
		mails := mailTo(t, s, c.mail)
		err = mails.Send(t.Context(), message(), base, time.Now())
		switch got := errorText(err); {
		case c.want == "" && (err != nil || len(s.Mails()) != 1):
			t.Errorf("%s: got %v and %d mails (%v)", c.name, err, len(s.Mails()), s.Refusals())
		case c.want != "" && (!strings.Contains(got, c.want) || len(s.Mails()) != 0 || strings.Contains(got, "make-believe")):
			t.Errorf("%s: got %q and %d mails, want %q", c.name, got, len(s.Mails()), c.want)
		}
		if err := mails.Check(t.Context()); (err == nil) != (c.want == "" || c.name == "a server that wants a password") {
			t.Errorf("%s: check: %v", c.name, err)
		}
		s.Close()
	}
}

func TestAStrangersCertificateIsRefused(t *testing.T) {
	s, err := notifytest.StartMailServer(notifytest.MailOptions{StartTLS: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := channel.NewMail(channel.Mail{Server: s.Addr, From: "a@example.net", To: []string{"b@example.net"}, TLS: channel.StartTLS})
	if err := must(t, c, err).Send(t.Context(), message(), base, time.Now()); !strings.Contains(errorText(err), "certificate") {
		t.Errorf("got %v, want a certificate that nobody vouches for", err)
	}
}

func TestAMailIsOneMailWhateverACustomerIsCalled(t *testing.T) {
	s, err := notifytest.StartMailServer(notifytest.MailOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := mailTo(t, s, channel.Mail{TLS: channel.NoTLS})
	for range 2 {
		if err := c.Send(t.Context(), message(), base, time.Unix(1_800_000_000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	mails := s.Mails()
	if len(mails) != 2 || len(s.Refusals()) != 0 {
		t.Fatalf("got %d mails and %v, want 2", len(mails), s.Refusals())
	}
	envelope, rest := []string{}, mails[0]
	for strings.HasPrefix(rest, "MAIL ") || strings.HasPrefix(rest, "RCPT ") {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		envelope = append(envelope, line)
	}
	if len(envelope) != 3 {
		t.Errorf("got the envelope %q, want one sender and two recipients", envelope)
	}
	m, err := mail.ReadMessage(strings.NewReader(rest))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" || m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("got the header %v", m.Header)
	}
	again, err := mail.ReadMessage(strings.NewReader(rest))
	if err != nil || again.Header.Get("Message-Id") == "" || !strings.Contains(mails[1], again.Header.Get("Message-Id")) {
		t.Errorf("a mail that is sent again has another Message-ID than %q (%v)", again.Header.Get("Message-Id"), err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if want := "syncd: 1 plan waits for you"; subject != want || err != nil {
		t.Errorf("got the subject %q (%v), want %q", subject, err, want)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil || !bytes.Contains(body, []byte("Contoso Bcc: all@example.com . RSET Ünï at ConnectWise")) {
			t.Errorf("the name is not one line of text (%v):\n%s", err, body)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		types = append(types, kind)
	}
	if got := strings.Join(types, " "); got != "text/plain text/html" {
		t.Errorf("got the parts %s", got)
	}
}

func TestWhatAMailServerSays(t *testing.T) {
	for _, c := range []struct {
		name, command, answer, want string
	}{
		{"it is busy", "MAIL", "451 4.3.0 try again later", "451"},
		{"a recipient is unknown", "RCPT", "550 5.1.1 no such user billing@example.net", "recipient 1"},
		{"the mail is refused", "END", "554 5.7.1 looks like spam", "554"},
		{"taken, and then it breaks off", "RSET", "421 closing", ""},
	} {
		s, err := notifytest.StartMailServer(notifytest.MailOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s.Say(c.command, c.answer)
		err = mailTo(t, s, channel.Mail{TLS: channel.NoTLS}).Send(t.Context(), message(), base, time.Now())
		if got := errorText(err); (c.want == "") != (err == nil) || !strings.Contains(got, c.want) || strings.Contains(got, "@example.net") {
			t.Errorf("%s: got %q, want %q and no address", c.name, got, c.want)
		}
		s.Close()
	}
}

func TestAMailServerThatHangsIsLeftWithTheContext(t *testing.T) {
	for _, command := range []string{"CONNECT", "MAIL", "END"} {
		s, err := notifytest.StartMailServer(notifytest.MailOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s.Say(command, "hang")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		began := time.Now()
		if err := mailTo(t, s, channel.Mail{TLS: channel.NoTLS}).Send(ctx, message(), base, time.Now()); err == nil || time.Since(began) > 5*time.Second {
			t.Errorf("%s: got %v after %s", command, err, time.Since(began))
		}
		cancel()
		s.Close()
	}
}

func TestAddressesOfMailAreAddresses(t *testing.T) {
	for _, m := range []channel.Mail{
		{Server: "mail.example.net", From: "a@example.net", To: []string{"b@example.net"}},
		{Server: "mail.example.net:25", From: "a", To: []string{"b@example.net"}},
		{Server: "mail.example.net:25", From: "\"x\r\nBcc: c@example.net\" <a@example.net>", To: []string{"b@example.net"}},
		{Server: "mail.example.net:25", From: "a@example.net", To: []string{"b@example.net\r\nBcc: c@example.net"}},
		{Server: "mail.example.net:25", From: "a@example.net", To: []string{"b@example.net, c@example.net"}},
	} {
		if _, err := channel.NewMail(m); err == nil {
			t.Errorf("%+v is taken", m)
		}
	}
}
