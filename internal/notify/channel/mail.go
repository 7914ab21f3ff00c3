package channel

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"syncd/internal/notify"
	"syncd/internal/secret"
	"syncd/internal/visible"
)

// The ways to a mail server.
const (
	StartTLS = "starttls" // or no message is sent
	TLS      = "tls"      // from the first byte
	NoTLS    = "none"     // on this machine only
)

// Mail says where mails go.
type Mail struct {
	Server   string // host:port
	From     string
	To       []string
	User     string // empty: nobody signs in
	Password secret.String
	TLS      string
	// TLSConfig is for tests; nil trusts whom the machine trusts.
	TLSConfig *tls.Config
}

type mailer struct {
	Mail
	host string
	port int
	from *netmail.Address
	to   []*netmail.Address
}

// NewMail sends mails.
func NewMail(m Mail) (Channel, error) {
	host, port, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, fmt.Errorf("server: %q is not host:port", m.Server)
	}
	c := &mailer{Mail: m, host: host}
	if c.port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("server: %q is no port", port)
	}
	if c.from, err = netmail.ParseAddress(m.From); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	for _, to := range m.To {
		a, err := netmail.ParseAddress(to)
		if err != nil {
			return nil, fmt.Errorf("to: %w", err)
		}
		c.to = append(c.to, a)
	}
	return c, nil
}

// Name implements Channel.
func (c *mailer) Name() string { return MailName }

// Send implements Channel.
func (c *mailer) Send(ctx context.Context, m notify.Message, base string, at time.Time) error {
	text, html, err := m.Mail(base)
	if err != nil {
		return err
	}
	msg := gomail.NewMsg()
	msg.FromMailAddress(c.from)
	msg.ToMailAddress(c.to...)
	msg.Subject(m.Subject())
	msg.SetDateWithValue(at)
	// The same mail sent twice has the same id, and most servers show it once.
	_, domain, _ := strings.Cut(c.from.Address, "@")
	msg.SetMessageIDWithValue(m.ID() + "@" + domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's absence answers it
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, text)
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	return c.talk(ctx, func(client *gomail.Client) error {
		err := client.Send(msg)
		if err != nil && msg.IsDelivered() {
			return nil // it was taken; what went wrong came after
		}
		return err
	})
}

// Check implements Channel: it signs in, and sends nothing.
func (c *mailer) Check(ctx context.Context) error {
	return c.talk(ctx, func(*gomail.Client) error { return nil })
}

// talk connects, signs in and lets f talk. The connection ends with ctx: a server that says
// nothing, or one byte a minute, keeps nobody.
func (c *mailer) talk(ctx context.Context, f func(*gomail.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	config := c.TLSConfig
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config = config.Clone()
	config.ServerName = cmp.Or(config.ServerName, c.host)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		// The library leaves a connection open on which signing in failed.
		context.AfterFunc(ctx, func() { conn.Close() })
		if c.TLS == TLS {
			secure := tls.Client(conn, config)
			return secure, secure.HandshakeContext(ctx)
		}
		return conn, nil
	}
	o := []gomail.Option{gomail.WithPort(c.port), gomail.WithTimeout(Timeout), gomail.WithTLSConfig(config), gomail.WithoutNoop(), gomail.WithTLSPolicy(gomail.NoTLS),
		gomail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) { return dial(ctx, network, address) })}
	if c.TLS == StartTLS {
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if c.User != "" {
		// Nothing here is without encryption but what stays on this machine. The library does not know
		// of a connection that we encrypted, hence NOENC.
		o = append(o, gomail.WithUsername(c.User), gomail.WithPassword(c.Password.Reveal()), gomail.WithOpportunisticSMTPAuth(
			gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc, gomail.SMTPAuthCramMD5))
	}
	client, err := gomail.NewClient(c.host, o...)
	if err != nil {
		return c.failure(ctx, err)
	}
	if err := client.DialWithContext(ctx); err != nil {
		return c.failure(ctx, err)
	}
	err = f(client)
	_ = client.Close() // it was taken or it was not, whatever the server says to QUIT
	return c.failure(ctx, err)
}

// failure says what went wrong, without addresses of people and the password.
func (c *mailer) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer within %s", Timeout)
	}
	text, _, _ := strings.Cut(err.Error(), ", affected message ID")
	if broken, ok := errors.AsType[*gomail.SendError](err); ok && broken.Reason == gomail.ErrSMTPRcptTo {
		text = "a recipient was refused, so nobody got the mail: " + text
	}
	for i, to := range c.to {
		text = strings.ReplaceAll(text, to.Address, fmt.Sprintf("recipient %d", i+1))
	}
	text = strings.ReplaceAll(text, c.from.Address, "the sender")
	text = secret.NewRedactor(c.Password).Text(visible.Line(text))
	return errors.New("mail: " + visible.Clip(text, 400))
}
