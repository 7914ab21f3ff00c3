package notifytest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Receiver takes what is posted to one address, and refuses what those that it stands for refuse.
type Receiver struct {
	URL string // with what makes it a secret

	server *httptest.Server
	path   string
	query  string
	check  func(r *http.Request, body []byte) error
	taken  func(w http.ResponseWriter)

	mu       sync.Mutex
	bodies   [][]byte
	refusals []string
	requests int
	answers  []func(w http.ResponseWriter, r *http.Request) bool
}

func newReceiver(path, query string, check func(*http.Request, []byte) error, taken func(http.ResponseWriter)) *Receiver {
	r := &Receiver{path: path, query: query, check: check, taken: taken}
	r.server = httptest.NewServer(r)
	r.URL = r.server.URL + path
	if query != "" {
		r.URL += "?" + query
	}
	return r
}

// NewTeams stands for a Power Automate workflow that posts cards to a channel.
func NewTeams() *Receiver {
	return newReceiver("/workflows/0123456789abcdef/triggers/manual/paths/invoke", "api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=teams-make-believe",
		func(_ *http.Request, body []byte) error { return checkTeams(body) },
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) })
}

// NewSlack stands for an incoming webhook of Slack.
func NewSlack() *Receiver {
	return newReceiver("/services/T00000000/B00000000/slack-make-believe", "",
		func(_ *http.Request, body []byte) error { return checkSlack(body) },
		func(w http.ResponseWriter) { io.WriteString(w, "ok") })
}

// NewWebhook stands for a program of the operator's that knows the secret.
func NewWebhook(secret string) *Receiver {
	return newReceiver("/hooks/webhook-make-believe", "", func(r *http.Request, body []byte) error { return checkSigned(r, body, secret) },
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })
}

// Close ends it.
func (r *Receiver) Close() {
	r.server.CloseClientConnections()
	r.server.Close()
}

// Answer has it answer the next requests so, one each, instead of taking what they bring. The
// headers are pairs of name and value.
func (r *Receiver) Answer(status int, headers ...string) {
	r.next(func(w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, "refused at %s?%s", r.path, r.query) // some repeat where one asked
		return false
	})
}

// Hang has it take the next request and never answer.
func (r *Receiver) Hang() {
	r.next(func(_ http.ResponseWriter, q *http.Request) bool {
		<-q.Context().Done()
		return true
	})
}

func (r *Receiver) next(answer func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, answer)
}

// Bodies are what it took.
func (r *Receiver) Bodies() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, b := range r.bodies {
		all = append(all, string(b))
	}
	return all
}

// Requests is how often it was asked, and Refusals what was wrong.
func (r *Receiver) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// Refusals are what was wrong with what it did not take.
func (r *Receiver) Refusals() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.refusals)
}

// ServeHTTP takes a request.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 2<<20))
	r.mu.Lock()
	r.requests++
	var answer func(http.ResponseWriter, *http.Request) bool
	if len(r.answers) > 0 {
		answer, r.answers = r.answers[0], r.answers[1:]
	}
	r.mu.Unlock()
	switch {
	case err != nil:
	case q.Method != http.MethodPost:
		err = errors.New("not a POST")
	case q.URL.EscapedPath() != r.path || q.URL.RawQuery != r.query:
		err = errors.New("another address")
	case !strings.HasPrefix(q.Header.Get("Content-Type"), "application/json"):
		err = fmt.Errorf("the content is %q", q.Header.Get("Content-Type"))
	default:
		err = r.check(q, body)
	}
	if err != nil {
		r.mu.Lock()
		r.refusals = append(r.refusals, err.Error())
		r.mu.Unlock()
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if answer != nil {
		if answer(w, q) {
			r.keep(body)
		}
		return
	}
	r.keep(body)
	r.taken(w)
}

func (r *Receiver) keep(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, body)
}

// checkSigned is what docs/notify.md tells a receiver to do.
func checkSigned(r *http.Request, body []byte, secret string) error {
	timestamp := r.Header.Get("X-Syncd-Timestamp")
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("X-Syncd-Timestamp is %q", timestamp)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", timestamp, body)
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(r.Header.Get("X-Syncd-Signature"))) {
		return errors.New("X-Syncd-Signature is another one")
	}
	var m struct {
		Version int       `json:"version"`
		ID      string    `json:"id"`
		Kind    string    `json:"kind"`
		At      time.Time `json:"at"`
		Subject string    `json:"subject"`
		URL     string    `json:"url"`
		More    int       `json:"more"`
		Causes  []struct {
			State    string `json:"state"`
			Key      string `json:"key"`
			Customer *struct {
				Key  string `json:"key"`
				Name string `json:"name"`
			} `json:"customer"`
			Target string              `json:"target"`
			Title  string              `json:"title"`
			Text   string              `json:"text"`
			Money  []map[string]string `json:"money"`
			Since  *time.Time          `json:"since"`
			URL    string              `json:"url"`
		} `json:"causes"`
	}
	if err := strictly(body, &m); err != nil {
		return err
	}
	if m.Version != 1 || len(m.ID) != 32 || m.Subject == "" || len(m.Causes) == 0 || !slices.Contains([]string{"waiting", "failing", "month", "renewals", "credentials", "test"}, m.Kind) {
		return fmt.Errorf("no message of version 1: %.200s", body)
	}
	for _, c := range m.Causes {
		if !slices.Contains([]string{"new", "changed", "solved"}, c.State) || c.Title == "" || c.Text == "" || !isLink(c.URL) {
			return fmt.Errorf("no cause: %+v", c)
		}
	}
	return nil
}

func strictly(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one JSON document")
	}
	return nil
}

func isLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

type object map[string]any

// only reports whether an object has no keys but these.
func (o object) only(keys ...string) error {
	for k := range o {
		if !slices.Contains(keys, k) {
			return fmt.Errorf("unknown property %s of %v", k, o["type"])
		}
	}
	return nil
}

func (o object) text(key string) string { s, _ := o[key].(string); return s }

func (o object) list(key string) (all []object) {
	items, _ := o[key].([]any)
	for _, x := range items {
		m, _ := x.(map[string]any)
		all = append(all, m)
	}
	return all
}

// checkTeams knows the envelope of the Teams webhook trigger and, of the schema of Adaptive Cards 1.4,
// what a card of text needs.
func checkTeams(body []byte) error {
	if len(body) > 28<<10 {
		return fmt.Errorf("%d bytes: Teams takes 28 KB", len(body))
	}
	var envelope struct {
		Type        string `json:"type"`
		Attachments []struct {
			ContentType string  `json:"contentType"`
			ContentURL  *string `json:"contentUrl"`
			Content     object  `json:"content"`
		} `json:"attachments"`
	}
	if err := strictly(body, &envelope); err != nil {
		return err
	}
	if envelope.Type != "message" || len(envelope.Attachments) != 1 || envelope.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		return errors.New("no message with one card")
	}
	card := envelope.Attachments[0].Content
	if err := card.only("$schema", "type", "version", "body", "actions", "msteams"); err != nil {
		return err
	}
	if card.text("type") != "AdaptiveCard" || card.text("version") != "1.4" || len(card.list("body")) == 0 {
		return errors.New("no card of version 1.4 with a body")
	}
	action := func(a object) error {
		if a.text("type") != "Action.OpenUrl" || !isLink(a.text("url")) {
			return fmt.Errorf("no action: %v", a)
		}
		return a.only("type", "title", "url")
	}
	for _, block := range card.list("body") {
		if block.text("type") != "RichTextBlock" || len(block.list("inlines")) == 0 {
			return fmt.Errorf("unknown element %v", block)
		}
		for _, run := range block.list("inlines") {
			if run.text("type") != "TextRun" || run.text("text") == "" {
				return fmt.Errorf("no text: %v", run)
			}
			if err := run.only("type", "text", "weight", "size", "isSubtle", "selectAction"); err != nil {
				return err
			}
			if a, ok := run["selectAction"].(map[string]any); ok {
				if err := action(a); err != nil {
					return err
				}
			}
		}
	}
	for _, a := range card.list("actions") {
		if err := action(a); err != nil {
			return err
		}
	}
	return nil
}

// checkSlack knows the payload of an incoming webhook and, of Block Kit, blocks of rich text.
func checkSlack(body []byte) error {
	var payload object
	if err := strictly(body, &payload); err != nil {
		return errors.New("invalid_payload")
	}
	if err := payload.only("text", "mrkdwn", "blocks"); err != nil {
		return err
	}
	if text := payload.text("text"); text == "" || strings.ContainsAny(text, "<>") {
		return errors.New("no_text")
	}
	blocks := payload.list("blocks")
	if len(blocks) == 0 || len(blocks) > 50 {
		return errors.New("invalid_blocks")
	}
	for _, block := range blocks {
		if block.text("type") != "rich_text" {
			return errors.New("invalid_blocks: " + block.text("type"))
		}
		for _, part := range block.list("elements") {
			if err := checkRichText(part); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkRichText(part object) error {
	elements := part.list("elements")
	if len(elements) == 0 {
		return fmt.Errorf("invalid_blocks: empty %s", part.text("type"))
	}
	for _, e := range elements {
		switch {
		case part.text("type") == "rich_text_list" && part.text("style") == "bullet" && e.text("type") == "rich_text_section":
			if err := checkRichText(e); err != nil {
				return err
			}
		case part.text("type") == "rich_text_section" && e.text("type") == "text" && e.text("text") != "":
		case part.text("type") == "rich_text_section" && e.text("type") == "link" && isLink(e.text("url")):
		default:
			return fmt.Errorf("invalid_blocks: %s in %s", e.text("type"), part.text("type"))
		}
	}
	return nil
}
