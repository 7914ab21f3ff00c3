package channel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/notify"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// CheckURL reads the address of a webhook. It is https, or a host of this machine, and may have a
// query. The address is a secret, which errors do not repeat.
func CheckURL(raw string) (*url.URL, error) {
	plain, _, _ := strings.Cut(strings.TrimSpace(raw), "?")
	if strings.Contains(raw, "#") {
		return nil, errors.New("has a fragment after the #: copy the address as the other side shows it")
	}
	if _, err := rest.CheckURL(plain); err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil { // it repeats the address
		return nil, errors.New("is not an address: copy it as the other side shows it")
	}
	return u, nil
}

// A hook is an address that takes a POST of JSON.
type hook struct {
	name    string
	address secret.String
	log     zerolog.Logger
	body    func(m *notify.Message, base string, at time.Time) ([]byte, error)
	sign    func(body []byte, at time.Time) http.Header // may be nil

	mu     sync.Mutex // guards what is made of the address, which may be another one tomorrow
	of     string
	client *rest.Client
	hidden secret.Redactor
}

// NewTeams posts Adaptive Cards to a Power Automate workflow.
func NewTeams(address secret.String, log zerolog.Logger) (Channel, error) {
	return newHook(TeamsName, address, log, func(m *notify.Message, base string, _ time.Time) ([]byte, error) { return m.Card(base) }, nil)
}

// NewSlack posts to an incoming webhook of Slack.
func NewSlack(address secret.String, log zerolog.Logger) (Channel, error) {
	return newHook(SlackName, address, log, func(m *notify.Message, base string, _ time.Time) ([]byte, error) { return m.Slack(base) }, nil)
}

// NewWebhook posts our own JSON, signed with a key that both sides know.
func NewWebhook(address, key secret.String, log zerolog.Logger) (Channel, error) {
	return newHook(WebhookName, address, log, (*notify.Message).Webhook, func(body []byte, at time.Time) http.Header {
		signature, timestamp := notify.Sign(key.Reveal(), at, body)
		return http.Header{"X-Syncd-Timestamp": {timestamp}, "X-Syncd-Signature": {signature}}
	})
}

func newHook(name string, address secret.String, log zerolog.Logger, body func(*notify.Message, string, time.Time) ([]byte, error), sign func([]byte, time.Time) http.Header) (Channel, error) {
	h := &hook{name: name, address: address, log: log, body: body, sign: sign}
	_, _, err := h.connect()
	return h, err
}

// connect returns what posts to the address as it is now, and what hides it.
func (h *hook) connect() (*rest.Client, secret.Redactor, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	address := h.address.Reveal()
	if h.client != nil && h.of == address {
		return h.client, h.hidden, nil
	}
	u, err := CheckURL(address)
	if err != nil {
		return nil, h.hidden, fmt.Errorf("%s: the address %w", h.name, err)
	}
	client, err := rest.New(rest.Options{System: h.name, BaseURL: &url.URL{Scheme: u.Scheme, Host: u.Host}, Log: h.log,
		Allow: []rest.Route{{Method: http.MethodPost, Path: "/"}},
		// One attempt, whatever was before: whoever calls paces them.
		Attempts: 1, Breaker: rest.Breaker{Failures: -1}, Timeout: Timeout, MaxBody: 1 << 20,
		// Path and query are the credentials: like others they are put on the request last, and are in
		// no error and no log.
		Sign: func(_ context.Context, r *http.Request) error {
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery = u.Path, u.RawPath, u.RawQuery
			return nil
		}})
	if err == nil {
		h.of, h.client, h.hidden = address, client, secret.NewRedactor(partsOf(u)...)
	}
	return h.client, h.hidden, err
}

// partsOf are what of an address would let others post there.
func partsOf(u *url.URL) []secret.String {
	parts := []secret.String{secret.New(u.String()), secret.New(u.RequestURI()), secret.New(u.EscapedPath()), secret.New(u.RawQuery)}
	for _, segment := range strings.Split(u.Path, "/") {
		if len(segment) >= 8 { // shorter ones are words like hooks
			parts = append(parts, secret.New(segment))
		}
	}
	for _, values := range u.Query() {
		for _, v := range values {
			parts = append(parts, secret.New(v))
		}
	}
	return parts
}

// Name implements Channel.
func (h *hook) Name() string { return h.name }

// Send implements Channel.
func (h *hook) Send(ctx context.Context, m notify.Message, base string, at time.Time) error {
	body, err := h.body(&m, base, at)
	if err != nil {
		return err
	}
	q := rest.Request{Method: http.MethodPost, Body: body}
	if h.sign != nil {
		q.Header = h.sign(body, at)
	}
	client, hidden, err := h.connect()
	if err != nil {
		return err
	}
	_, err = client.Do(ctx, q)
	if e, ok := errors.AsType[*rest.Error](err); ok {
		e.Message, e.Path = hidden.Text(e.Message), ""
		return e
	}
	return err
}

// Check implements Channel: whatever is posted is a message.
func (h *hook) Check(context.Context) error { return ErrUntried }
