package scim

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// filterEqual writes a filter of RFC 7644 that compares one attribute. The
// value is a JSON text, made by the encoder and never by hand: a quotation mark
// in a name must not end it.
func filterEqual(attribute, value string) string { return attribute + " eq " + jsonText(value) }

// jsonText is a text as JSON. The encoder's escapes for HTML are off: not every
// provider undoes them.
func jsonText(value string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // a text can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// unquotable are values that may stand without quotes, for a provider whose
// documentation shows them so.
var unquotable = regexp.MustCompile(`^[A-Za-z0-9._@-]+$`)

// filterUnquoted is the filter without quotes, where the value allows it.
func filterUnquoted(attribute, value string) (string, bool) {
	return attribute + " eq " + value, unquotable.MatchString(value)
}

// matchesFilter reports whether a resource is one that a filter asked for. A provider
// may compare otherwise than we do, or ignore the filter and return everybody.
func matchesFilter(d document, attribute, value string) bool {
	switch strings.ToLower(attribute) {
	case "username", "displayname":
		return strings.EqualFold(d.text(attribute), value)
	case "emails.value":
		for _, e := range d.list("emails") {
			if strings.EqualFold(asDocument(e).text("value"), value) {
				return true
			}
		}
		return false
	case "externalid":
		return sameExternalID(d.text("externalId"), value)
	}
	return d.text(attribute) == value
}

// sameExternalID compares external ids. Ours are object ids, which mean the same
// in both cases of their letters; some providers change it.
func sameExternalID(a, b string) bool { return strings.EqualFold(a, b) }
