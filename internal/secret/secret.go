// Package secret holds what must not be seen: keys, passwords, tokens. A
// String prints as [redacted] whichever way it is printed, logged or encoded;
// Reveal is the one way to read it, so a search for Reveal finds every use.
package secret

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unique"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v4"
)

// Redacted stands wherever a secret would.
const Redacted = "[redacted]"

// A String is a secret text. The zero value is empty. Two Strings are == when
// they hold the same text; the comparison takes no constant time, so it is for
// configuration and not for checking what a stranger sent.
//
// The text lies behind a handle because fmt cannot call the methods of an
// unexported field: %+v of a struct that holds a plain string in one would
// print it.
//
// A secret that is kept elsewhere, in a file or a vault, is another one once it was changed
// there: see Keep. Two of these are == when they are kept as one.
type String struct {
	handle unique.Handle[string]
	kept   *kept
}

// New makes a secret of s.
func New(s string) String {
	if s == "" {
		return String{}
	}
	return String{handle: unique.Make(s)}
}

// Reveal returns the secret itself: of one that is kept in a file, what is there now. What is done with it must not reach a
// log, an error, an answer or the state.
func (s String) Reveal() string {
	switch {
	case s.kept != nil:
		return s.kept.text()
	case s.Empty():
		return ""
	}
	return s.handle.Value()
}

// Empty reports whether there is no secret.
func (s String) Empty() bool { return s == String{} }

// IsZero is Empty, under the name that encoders look for.
func (s String) IsZero() bool { return s.Empty() }

// String returns [redacted], or nothing where there is nothing to hide.
func (s String) String() string {
	if s.Empty() {
		return ""
	}
	return Redacted
}

// GoString is String: %#v shows no more than %v.
func (s String) GoString() string { return s.String() }

// Format writes String for every verb, %x and %d included.
func (s String) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText returns String.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON returns String as a JSON string.
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalYAML returns String.
func (s String) MarshalYAML() (any, error) { return s.String(), nil }

// LogValue returns String.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalZerologObject logs String. zerolog knows no scalars of one's own, so
// it stands in an object: {"secret":"[redacted]"}.
func (s String) MarshalZerologObject(e *zerolog.Event) { e.Str("secret", s.String()) }

// errPlaceholder is for a configuration that was printed and read back.
var errPlaceholder = errors.New("holds the placeholder " + Redacted + ", which a printed configuration shows: write the secret itself, or leave it out and set the environment variable")

// UnmarshalText reads a secret. The placeholder is no secret and is refused:
// sent to a vendor it would be an unexplained 401.
func (s *String) UnmarshalText(text []byte) error {
	if string(text) == Redacted {
		return errPlaceholder
	}
	*s = New(string(text))
	return nil
}

// UnmarshalYAML reads a secret as it is written: 0123 and 1e5 stay what they
// are although YAML has them for numbers.
func (s *String) UnmarshalYAML(n *yaml.Node) error {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		return errors.New("is not a single text: write the secret on one line, in quotes")
	case n.ShortTag() == "!!null":
		*s = String{}
		return nil
	}
	return s.UnmarshalText([]byte(n.Value))
}
