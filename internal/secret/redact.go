package secret

import (
	"io"
	"slices"
	"strings"
)

// minLength is the length below which a secret is not looked for: it would
// punch holes into every message and protect nothing.
const minLength = 6

// A Redactor takes secrets out of text, whoever repeated them. The zero value
// changes nothing.
type Redactor struct {
	replacer *strings.Replacer
}

// NewRedactor knows these secrets in the spellings in which they come back.
func NewRedactor(secrets ...String) Redactor {
	var all []string
	for _, s := range secrets {
		text := s.Reveal()
		if len(text) < minLength {
			continue
		}
		all = append(all, Spellings(text)...)
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, spelling := range all {
		pairs = append(pairs, spelling, Redacted)
	}
	if len(pairs) == 0 {
		return Redactor{}
	}
	return Redactor{strings.NewReplacer(pairs...)}
}

// Text returns text without the secrets.
func (r Redactor) Text(text string) string {
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// Writer takes the secrets out of what is written to w. A secret must not be
// split over two writes; log lines and sentences are written whole.
func (r Redactor) Writer(w io.Writer) io.Writer {
	if r.replacer == nil {
		return w
	}
	return redacting{r, w}
}

type redacting struct {
	Redactor
	w io.Writer
}

func (r redacting) Write(p []byte) (int, error) {
	if _, err := io.WriteString(r.w, r.Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
