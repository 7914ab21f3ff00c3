package secret

import (
	"io"
	"slices"
	"strings"
	"sync"
)

// minLength is the length below which a secret is not looked for: it would
// punch holes into every message and protect nothing.
const minLength = 6

// A Redactor takes secrets out of text, whoever repeated them; of a secret that changes, the
// former ones too. The zero value changes nothing.
type Redactor struct {
	*redactor
}

type redactor struct {
	mu      sync.Mutex
	secrets []String
	built   *builtReplacer
}

// A builtReplacer replaces the texts that the secrets had in a version.
type builtReplacer struct {
	version  uint64
	replacer *strings.Replacer // nil changes nothing
}

// NewRedactor knows these secrets in the spellings in which they come back.
func NewRedactor(secrets ...String) Redactor {
	secrets = slices.DeleteFunc(slices.Clone(secrets), String.Empty)
	if len(secrets) == 0 {
		return Redactor{}
	}
	return Redactor{&redactor{secrets: secrets}}
}

// Add has the redactor, and whoever writes through it, know further secrets.
func (r Redactor) Add(secrets ...String) {
	if r.redactor == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if !s.Empty() && !slices.Contains(r.secrets, s) {
			r.secrets = append(r.secrets, s)
		}
	}
	r.built = nil
}

// replacer is the one for the texts that the secrets have now.
func (r *redactor) replacer() *strings.Replacer {
	r.mu.Lock()
	defer r.mu.Unlock()
	version := uint64(0)
	for _, s := range r.secrets {
		if s.kept != nil {
			version += s.kept.version.Load() // none ever falls, so no two sums are of two states
		}
	}
	if r.built != nil && r.built.version == version {
		return r.built.replacer
	}
	built := builtReplacer{}
	var all []string
	for _, s := range r.secrets {
		texts, of := s.known()
		built.version += of
		for _, text := range texts {
			if len(text) >= minLength {
				all = append(all, Spellings(text)...)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, spelling := range all {
		pairs = append(pairs, spelling, Redacted)
	}
	if len(pairs) > 0 {
		built.replacer = strings.NewReplacer(pairs...)
	}
	r.built = &built
	return built.replacer
}

// Text returns text without the secrets.
func (r Redactor) Text(text string) string {
	if r.redactor == nil {
		return text
	}
	replacer := r.replacer()
	if replacer == nil {
		return text
	}
	return replacer.Replace(text)
}

// Writer takes the secrets out of what is written to w. A secret must not be
// split over two writes; log lines and sentences are written whole.
func (r Redactor) Writer(w io.Writer) io.Writer {
	if r.redactor == nil {
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
