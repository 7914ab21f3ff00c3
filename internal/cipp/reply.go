package cipp

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/cipp/endpoint"
	"syncd/internal/secret"
)

// An openedReply is an answer of any endpoint, decoded.
type openedReply struct {
	rows         []jsontext.Value
	messages     []message
	queue        text // the id of the queue CIPP put the answer into, where it says one
	queued       bool // the rows are still to come
	next         text // link to the next page
	tenant       text // whom the envelope says it is about
	bareSentence bool // one bare sentence in a list: how a list endpoint says that it failed
}

// A message is one sentence of an answer.
type message struct {
	text   string
	copied string // what CIPP's page would offer to copy
	failed bool
}

// openReply decodes an answer, in all the shapes that endpoints have. Where
// it is the answer to a write, texts are sentences; of a read they may be rows.
func openReply(body []byte, write bool) (*openedReply, error) {
	o := &openedReply{}
	body = trimBody(body)
	if len(body) == 0 {
		return o, nil
	}
	dec := decoder(body)
	if kind := dec.PeekKind(); kind == '{' {
		return o, o.envelope(body, write)
	}
	value, err := slice(dec, body)
	if err != nil || !atEnd(dec) {
		if write && err != nil || write && body[0] != '[' {
			// Some writes answer in plain text.
			o.sentence(string(body), "", false)
			return o, nil
		}
		return nil, fmt.Errorf("%w: %q", errNotJSON, clip(string(body), 200))
	}
	if err := o.results(value, write); err != nil {
		return nil, err
	}
	o.bareSentence = !write && body[0] == '[' && len(o.rows) == 1 && o.rows[0].Kind() == '"'
	return o, nil
}

// envelope decodes an object.
func (o *openedReply) envelope(body []byte, write bool) error {
	e, err := unwrap(body)
	if err != nil {
		return err
	}
	o.next, o.tenant, o.queue = e.meta.NextLink, e.meta.TenantFilter, cmp.Or(e.meta.QueueID, e.meta.QueuedID)
	// Conditional access and alerts say only the message.
	o.queued = e.meta.Queued.on || !e.meta.Queued.set && e.meta.QueueMessage != ""
	if e.wrapped {
		if err := o.results(e.results, write); err != nil {
			return err
		}
	}
	for _, s := range e.errors {
		o.sentence(s, "", true)
	}
	o.copyFromErrors(e.copyFrom)
	switch {
	case e.wrapped || len(o.messages) > 0:
	case e.sentence != "":
		o.sentence(e.sentence, "", strings.EqualFold(e.state, "error"))
	case e.message != "" && write:
		o.sentence(e.message, "", strings.EqualFold(e.severity, "error") || strings.EqualFold(e.severity, "failed"))
		o.rows = []jsontext.Value{jsontext.Value(body)} // there may be something beside it
	default:
		o.rows = []jsontext.Value{jsontext.Value(body)}
	}
	return nil
}

// copyFromErrors adds the errors of AddUser's copying from another user.
func (o *openedReply) copyFromErrors(raw jsontext.Value) {
	var from struct {
		Error words `json:"Error"`
	}
	if raw.Kind() == '{' && json.Unmarshal(raw, &from, tolerant) == nil {
		for _, s := range from.Error {
			o.sentence(s, "", true)
		}
	}
}

// results decodes a list, one object, or a text in their place.
func (o *openedReply) results(raw jsontext.Value, write bool) error {
	switch raw.Kind() {
	case '[':
		return elements(decoder(raw), func(dec *jsontext.Decoder) error {
			one, err := dec.ReadValue()
			if err == nil && one.Kind() != 'n' {
				o.element(slices.Clone(one), write)
			}
			return err
		})
	case '{':
		o.element(raw, write)
	case '"':
		o.sentence(unquoted(raw), "", false)
	case 'n':
	default:
		o.rows = append(o.rows, raw)
	}
	return nil
}

func (o *openedReply) element(raw jsontext.Value, write bool) {
	switch raw.Kind() {
	case '{':
		var s struct {
			Text  text `json:"resultText"`
			State text `json:"state"`
			Copy  text `json:"copyField"`
		}
		// A row of data may have a resultText too, but no state.
		if json.Unmarshal(raw, &s, tolerant) == nil && s.Text != "" && (write || s.State != "") {
			o.sentence(string(s.Text), string(s.Copy), strings.EqualFold(string(s.State), "error"))
			if !write {
				return
			}
		}
	case '"':
		if write {
			o.sentence(unquoted(raw), "", false)
		}
	}
	o.rows = append(o.rows, raw)
}

func (o *openedReply) sentence(s, copied string, failed bool) {
	s = strings.Join(strings.Fields(s), " ")
	if s != "" {
		o.messages = append(o.messages, message{clip(s, 1000), strings.TrimSpace(copied), failed || SaysFailure(s)})
	}
}

func unquoted(raw jsontext.Value) string {
	var s string
	if json.Unmarshal(raw, &s, tolerant) != nil {
		return ""
	}
	return s
}

// secretPattern matches a secret within a sentence, with its name.
var secretPattern = regexp.MustCompile(`(?i)\b(password|passcode|temporary access pass|tap|client secret|secret|recovery key)(?: for [^:]{1,120})?(?:\s*:\s*|\s+is\s+)(\S+)`)

// secretsInSentence returns the names and the positions of the secrets in a sentence.
func secretsInSentence(s string) (names []string, at [][2]int) {
	for _, m := range secretPattern.FindAllStringSubmatchIndex(s, -1) {
		switch word := strings.ToLower(s[m[4]:m[5]]); word {
		case "set", "not", "now", "no", "required", "changed", "reset", "expired", "disabled", "enabled", "true", "false", secret.Redacted:
			continue // "the password is set to never expire"
		}
		names, at = append(names, s[m[2]:m[3]]), append(at, [2]int{m[4], m[5]})
	}
	return names, at
}

// bearer matches a token as in an Authorization header.
var bearer = regexp.MustCompile(`(?i)\b(bearer\s+)[\w.~+/=-]{16,}`)

// redactSentence returns a sentence without its secrets.
func redactSentence(s string) string {
	_, at := secretsInSentence(s)
	for i := len(at) - 1; i >= 0; i-- {
		s = s[:at[i][0]] + secret.Redacted + s[at[i][1]:]
	}
	return bearer.ReplaceAllString(s, "${1}"+secret.Redacted)
}

// addMessages adds the sentences and, apart from them, their secrets to a reply, and
// returns the sentences that report a failure.
func (o *openedReply) addMessages(reply *Reply, e endpoint.Endpoint, hide secret.Redactor) (failed []string) {
	var values []secret.String
	keep := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			reply.Secrets = append(reply.Secrets, Secret{name, secret.New(value)})
			values = append(values, secret.New(value))
		}
	}
	texts := make([]string, len(o.messages))
	for i, s := range o.messages {
		texts[i] = s.text
		names, at := secretsInSentence(s.text)
		switch {
		case s.failed || !e.ReturnsSecrets() && s.copied == "":
		case s.copied != "" && !strings.HasPrefix(strings.ToLower(s.text), "username"):
			keep(append(names, "Secret")[0], s.copied)
			// Whatever its length: a redactor ignores secrets below six characters.
			texts[i] = strings.ReplaceAll(texts[i], s.copied, secret.Redacted)
		default:
			for j, name := range names {
				keep(name, s.text[at[j][0]:at[j][1]])
			}
		}
		texts[i] = redactSentence(texts[i])
	}
	clean := secret.NewRedactor(values...)
	for i, s := range o.messages {
		t := hide.Text(clean.Text(texts[i]))
		reply.Said = append(reply.Said, t)
		if s.failed {
			failed = append(failed, t)
		}
	}
	return failed
}

// rowTenant returns the tenant of a row, where it names one, and why the row is no data,
// or "". Only columns that hold placeholders are checked: a row of the log or of a task
// may report a failure and is data all the same.
func rowTenant(raw jsontext.Value) (tenant, why string) {
	if raw.Kind() == '"' {
		s := unquoted(raw)
		if placeholder(s) || SaysFailure(s) {
			return "", clip(s, 300)
		}
		return "", ""
	}
	if raw.Kind() != '{' {
		return "", ""
	}
	results, exception, nameless := "", "", false
	_ = members(decoder(raw), func(dec *jsontext.Decoder, name string) error {
		if dec.PeekKind() != '"' {
			return dec.SkipValue()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		s, bad := unquoted(value), false
		switch name = strings.ToLower(name); name {
		case "tenant", "defaultdomainname":
			bad = placeholder(s)
			if !bad && (name == "tenant" || tenant == "") {
				tenant = s
			}
		case "license", "upn", "userprincipalname", "displayname", "peruser", "coveredbyca":
			bad = placeholder(s)
		case "message":
			bad = strings.HasPrefix(s, "This function has been deprecated")
		case "cippstatus":
			bad = s != "" && !strings.EqualFold(s, "Good")
		case "cippexception":
			exception = exceptionText(s)
		case "results":
			results = s
		case "customerid":
			nameless = s == ""
		default:
			bad = strings.HasPrefix(s, "Loading data for all tenants")
		}
		if bad && why == "" {
			why = s
		}
		return nil
	})
	switch {
	case why == "" && nameless && SaysFailure(results):
		why = results // the one row of a ListTenants that failed
	case exception == "" || isEmptyCollection(why) || strings.Contains(why, exception):
	case why == "":
		why = exception
	default:
		why += ": " + exception // the status may be no more than Failed
	}
	return tenant, clip(why, 300)
}

// exceptionText returns the text of a CippException: Microsoft's message within JSON
// within a text.
func exceptionText(s string) string {
	if inner := jsontext.Value(strings.TrimSpace(s)); inner.Kind() == '{' && inner.IsValid() {
		if words := errorWords(inner); words != "" {
			return words
		}
	}
	return s
}

// isEmptyCollection reports whether an error of the Graph proxy means that the tenant's
// collection is empty: it fails on an empty list (CIPP source: Push-ListGraphRequestQueue.ps1).
func isEmptyCollection(why string) bool {
	return strings.HasSuffix(why, "Cannot index into a null array.")
}
