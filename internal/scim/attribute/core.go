package attribute

import (
	"fmt"
	"slices"
	"strings"
)

// A shape is what RFC 7643 §4.1 says an attribute of a user looks like.
type shape struct {
	name  string
	many  bool     // several values, told apart by a filter
	parts []string // sub-attributes; none of a plain value
}

var valued = []string{"value", "display", "type", "primary", "$ref"}

// core are the attributes of the core schema that may be mapped. A path without
// a filter into one that has several values would send a text where a list is due.
var core = []shape{
	{name: "userName"}, {name: "displayName"}, {name: "nickName"}, {name: "profileUrl"}, {name: "title"}, {name: "userType"},
	{name: "preferredLanguage"}, {name: "locale"}, {name: "timezone"}, {name: "externalId"}, {name: "active"},
	{"name", false, []string{"formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"}},
	{"emails", true, valued}, {"phoneNumbers", true, valued}, {"ims", true, valued}, {"photos", true, valued},
	{"entitlements", true, valued}, {"roles", true, valued}, {"x509Certificates", true, valued},
	{"addresses", true, []string{"formatted", "streetAddress", "locality", "region", "postalCode", "country", "type", "primary"}},
}

func shaped(p Path) *shape {
	if p.URN != "" {
		return nil
	}
	i := slices.IndexFunc(core, func(s shape) bool { return strings.EqualFold(s.name, p.Attribute) })
	if i < 0 {
		return nil
	}
	return &core[i]
}

// Standard reports whether the core schema of RFC 7643 has the attribute, which
// a provider's own schema need not repeat.
func (p Path) Standard() bool { return shaped(p) != nil }

// canonical spells what the core schema knows as that does: names have no case
// by the RFC, and some providers refuse or drop what is not in theirs.
func (p Path) canonical() Path {
	s := shaped(p)
	if s == nil {
		return p
	}
	spell := func(name string) string {
		if i := slices.IndexFunc(s.parts, func(part string) bool { return strings.EqualFold(part, name) }); i >= 0 {
			return s.parts[i]
		}
		return name
	}
	p.Attribute, p.Sub = s.name, spell(p.Sub)
	for i := range p.Filter {
		c := &p.Filter[i]
		c.Attribute = spell(c.Attribute)
		// Entra's mappings write roles[primary eq "True"].
		if text, ok := c.Value.(string); ok && c.Attribute == "primary" && constant(strings.ToLower(text)) {
			c.Value = strings.EqualFold(text, "true")
		}
	}
	return p
}

// Trouble says why a single text cannot be written where the path leads; empty
// where it can, as far as is known.
func (p Path) Trouble() string {
	if p.URN == "" && strings.EqualFold(p.Attribute, "password") {
		return "is a secret, and nobody's to map"
	}
	s := shaped(p)
	switch {
	case s == nil:
		return ""
	case s.many && len(p.Filter) == 0:
		return fmt.Sprintf(`has several values: say which, as in %s[type eq "work"].%s`, s.name, s.parts[0])
	case !s.many && len(p.Filter) > 0:
		return "has one value only: leave the filter away"
	case p.Sub == "" && len(s.parts) > 0 && !(s.many && s.parts[0] == "value"):
		return "has parts: write " + s.name + " with one of ." + strings.Join(s.parts, " .")
	case p.Sub != "" && len(s.parts) == 0:
		return "is a plain value without parts: leave ." + p.Sub + " away"
	case p.Sub != "" && !slices.Contains(s.parts, p.Sub):
		return fmt.Sprintf("has no part %s: write one of .%s", p.Sub, strings.Join(s.parts, " ."))
	}
	return ""
}
