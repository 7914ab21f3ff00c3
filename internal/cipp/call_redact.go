package cipp

import (
	"bytes"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/rest"
	"syncd/internal/secret"
)

// Redact returns a copy of a body, or of any part of one, in which the values
// of members named like a password, a key or a token are replaced, and the
// password within a sentence. The copy may be shown and stored.
// body is what encoding/json makes of JSON, or slices of maps.
func Redact(body any) any { return redact(body, false) }

// RedactRow is Redact for a row of an answer, as it came: its members keep their
// order, its numbers their spelling. JSON within a text is looked into too. What
// is no sound JSON is replaced as a whole.
func RedactRow(raw jsontext.Value) jsontext.Value {
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out, tolerant)
	if redactNext(decoder(raw), enc, false) != nil {
		return jsontext.Value(`"` + secret.Redacted + `"`)
	}
	return bytes.TrimSpace(out.Bytes())
}

// redactNext copies the value that comes next.
func redactNext(dec *jsontext.Decoder, enc *jsontext.Encoder, hide bool) error {
	inner := func(dec *jsontext.Decoder) error { return redactNext(dec, enc, hide) }
	switch dec.PeekKind() {
	case '{':
		if err := enc.WriteToken(jsontext.BeginObject); err != nil {
			return err
		}
		err := members(dec, func(dec *jsontext.Decoder, name string) error {
			if err := enc.WriteToken(jsontext.String(name)); err != nil {
				return err
			}
			return redactNext(dec, enc, hide || secretMember(name))
		})
		if err != nil {
			return err
		}
		return enc.WriteToken(jsontext.EndObject)
	case '[':
		if err := enc.WriteToken(jsontext.BeginArray); err != nil {
			return err
		}
		if err := elements(dec, inner); err != nil {
			return err
		}
		return enc.WriteToken(jsontext.EndArray)
	case '"':
		value, err := dec.ReadToken()
		if err != nil {
			return err
		}
		s := value.String()
		if within := jsontext.Value(strings.TrimSpace(s)); hide && s != "" {
			s = secret.Redacted
		} else if kind := within.Kind(); (kind == '{' || kind == '[') && within.IsValid(tolerant) {
			s = string(RedactRow(within))
		} else {
			s = redactSentence(s)
		}
		return enc.WriteToken(jsontext.String(s))
	}
	value, err := dec.ReadValue() // a boolean or a number is no secret
	if err != nil {
		return err
	}
	return enc.WriteValue(value)
}

func redact(v any, hide bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[name] = redact(inner, hide || secretMember(name))
		}
		return out
	case []map[string]any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = redact(v[i], hide)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = redact(v[i], hide)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i := range v {
			out[i] = redact(v[i], hide)
		}
		return out
	case string:
		if hide && v != "" {
			return secret.Redacted
		}
		return redactSentence(v)
	case secret.String:
		return secret.Redacted
	}
	return v // a boolean such as ResetPass is no secret
}

// secretMember reports whether a member of a body is named like a secret.
func secretMember(name string) bool {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
	switch name {
	case "passwordtype", "passwordpolicy", "passwordpolicies", "tokenurl", "tokenid", "tokentype", "keyid", "mustchangepass":
		return false
	case "pass", "key", "pin", "tap", "sas", "sasurl", "copyfield", "webhookauthheadervalue", "webhookauthheaders", "authorization":
		return true
	}
	for _, part := range []string{"password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "accesskey", "privatekey", "recoverykey", "accesspass", "credential", "connectionstring"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// secretsIn returns the secrets in a body: systems repeat requests in their errors.
func secretsIn(body any) []secret.String {
	var found []secret.String
	var walk func(v any, hide bool)
	walk = func(v any, hide bool) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(inner, hide || secretMember(name))
			}
		case []map[string]any:
			for _, inner := range v {
				walk(inner, hide)
			}
		case []any:
			for _, inner := range v {
				walk(inner, hide)
			}
		case string:
			if hide {
				found = append(found, secret.New(v))
			}
		}
	}
	walk(body, false)
	return found
}

// redactError removes secrets from an error and keeps its type and flags.
func redactError(err error, hide secret.Redactor) error {
	if err == nil || hide.Text(err.Error()) == err.Error() {
		return err
	}
	if e, ok := errors.AsType[*TenantError](err); ok {
		clean := *e
		clean.Text = hide.Text(e.Text)
		return &clean
	}
	if e, ok := errors.AsType[*rest.Error](err); ok {
		clean := *e
		clean.Message = hide.Text(e.Message)
		if e.Err != nil && hide.Text(e.Err.Error()) != e.Err.Error() {
			clean.Err = nil
		}
		return &clean
	}
	return redactedError{err, hide.Text(err.Error())}
}

// redactedError is an error with a redacted text. It matches what the original matches,
// and does not return the original.
type redactedError struct {
	err  error
	text string
}

func (e redactedError) Error() string        { return e.text }
func (e redactedError) Is(target error) bool { return errors.Is(e.err, target) }
