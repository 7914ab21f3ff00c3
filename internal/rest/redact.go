package rest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/secret"
	"syncd/internal/visible"
)

// minSecret is the length of the shortest text that is redacted: shorter ones occur in
// any message.
const minSecret = 4

// A redaction knows the secrets of one request, as sent. Systems and the
// proxies before them repeat requests in their refusals, headers included.
type redaction []string

// secretsOf collects what Sign added to a request, and whatever else goes by
// the name of a secret.
func secretsOf(k *call, r *http.Request) redaction {
	var out redaction
	for name, values := range r.Header {
		if name == "User-Agent" || name == "Accept" || name == "Content-Type" ||
			!secretName(name) && slices.Equal(k.header[name], values) {
			continue
		}
		for _, v := range values {
			out = out.value(v)
		}
	}
	before := k.url.Query()
	for name, values := range r.URL.Query() {
		if !secretName(name) && slices.Equal(before[name], values) {
			continue
		}
		for _, v := range values {
			out = out.variants(v)
		}
	}
	if k.header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, _ := url.ParseQuery(string(k.body))
		for name, values := range form {
			if secretName(name) {
				for _, v := range values {
					out = out.variants(v)
				}
			}
		}
	}
	// A secret that contains another is hidden first, or its rest would show.
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(out)
}

// value adds the secrets of a header's value: "Bearer x", "Basic base64(user:password)".
func (r redaction) value(v string) redaction {
	r = r.variants(v)
	_, credentials, ok := strings.Cut(v, " ")
	if !ok {
		return r
	}
	credentials = strings.TrimSpace(credentials)
	r = r.variants(credentials)
	if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil {
		user, password, _ := strings.Cut(string(plain), ":")
		r = r.variants(string(plain)).variants(user).variants(password)
	}
	return r
}

// variants adds a secret in the encodings in which a system may repeat it.
func (r redaction) variants(s string) redaction {
	for _, v := range append(secret.Spellings(s), visible.Line(s)) {
		if v = strings.TrimSpace(v); len(v) >= minSecret {
			r = append(r, v)
		}
	}
	return r
}

func (r redaction) hide(text string) string {
	for _, s := range r {
		text = strings.ReplaceAll(text, s, "[redacted]")
	}
	return text
}

// secretName reports whether a header or parameter is named like a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "token", "secret", "password", "passwd", "key", "cookie", "assertion", "signature", "credential"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "code" || name == "sig"
}
