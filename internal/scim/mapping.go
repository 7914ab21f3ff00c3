package scim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/scim/attribute"
)

// Paths with a meaning of their own.
const (
	pathActive      = "active"
	pathUserName    = "userName"
	pathExternalID  = "externalId"
	pathDisplayName = "displayName"
	pathMembers     = "members"
)

// A mappedAttribute is one field of a user.
type mappedAttribute struct {
	name       string // the path in one spelling: the field's name in plans
	path       attribute.Path
	from       *attribute.Expression // nil for active, which is computed
	compare    comparator
	immutable  bool
	unverified bool
	reference  bool // plans hold another account's object id, the provider its own id of that user
	element    int  // which of layout.elements it lies in; -1 for none
}

// A layout is everything that is kept in step of a user, sorted by name.
type layout struct {
	fields   []mappedAttribute
	elements []attribute.Path // values of multi-valued attributes, Sub cut off
	urns     []string         // of extensions that are used
	required []string
	at       map[string]int // by name
}

type mappingError struct{ path, message string }

// extension is an attribute that a profile knows by name, whatever its case.
func extension(p *Profile, name string) (Extension, bool) {
	for known, e := range p.KnownExtensions {
		if strings.EqualFold(known, strings.TrimSpace(name)) {
			return e, true
		}
	}
	return Extension{}, false
}

func unknownExtension(p *Profile, name string) string {
	if len(p.KnownExtensions) == 0 {
		return fmt.Sprintf("%q: the profile %s knows none by name; write its path with its URN under attributes", name, p.Name)
	}
	return fmt.Sprintf("%q is not known: write one of %s, or its path with its URN under attributes", name,
		strings.Join(slices.Sorted(maps.Keys(p.KnownExtensions)), ", "))
}

// mapping is what the configuration maps: the extensions that it names, and over
// them its attributes.
func (c *Config) mapping(p *Profile) map[string]string {
	out := map[string]string{}
	for _, name := range c.Extensions {
		if e, known := extension(p, name); known {
			out[e.Path] = e.From
		}
	}
	for path, source := range c.Attributes {
		for named := range out {
			if strings.EqualFold(named, path) {
				delete(out, named)
			}
		}
		out[path] = source
	}
	return out
}

// Reads reports whether the target is made from a source attribute, by the
// configuration's own words.
func (c *Config) Reads(attribute string) bool {
	profile := profiles()[c.Profile]
	if profile == nil {
		return false
	}
	for _, expression := range c.mapping(profile) {
		if strings.Contains(strings.ToLower(expression), strings.ToLower(attribute)) {
			return true
		}
	}
	return false
}

// saysActive reports whether an expression comes to what active is anyway: true
// for accounts that may sign in and false for those that may not. It is how
// Entra's own table and Cinode's document map it.
func saysActive(source string) bool {
	e, err := attribute.Compile(source)
	if err != nil {
		return false
	}
	for _, enabled := range []bool{true, false} {
		says, _ := e.Value(&directory.User{Enabled: enabled})
		if !strings.EqualFold(says, asText(enabled)) {
			return false
		}
	}
	return !slices.ContainsFunc(e.Names(), func(name string) bool { return name != "IsSoftDeleted" && name != "accountEnabled" })
}

// mappingErrors says what is wrong with a configured mapping.
func mappingErrors(p *Profile, attributes map[string]string) []mappingError {
	var out []mappingError
	seen := map[string]string{}
	for _, text := range slices.Sorted(maps.Keys(attributes)) {
		path, err := readPath(p, text)
		switch {
		case err != nil:
			out = append(out, mappingError{text, err.Error()})
			continue
		case path.Provided():
			out = append(out, mappingError{text, "is the provider's own to write"})
			continue
		case strings.EqualFold(path.String(), pathActive):
			if !saysActive(attributes[text]) {
				out = append(out, mappingError{text,
					`is true for enabled accounts in scope, and no other mapping is possible: leave it out, or write it as the documents have it: Switch([IsSoftDeleted], , "False", "True", "True", "False")`})
			}
			continue
		case strings.EqualFold(path.Attribute, pathMembers) && path.URN == "":
			out = append(out, mappingError{text, "belongs to groups"})
			continue
		case path.Trouble() != "":
			out = append(out, mappingError{text, path.Trouble()})
			continue
		}
		if before, twice := seen[strings.ToLower(path.String())]; twice {
			out = append(out, mappingError{text, "is the same as " + before + ": keep one of the two"})
			continue
		}
		seen[strings.ToLower(path.String())] = text
		source := strings.TrimSpace(attributes[text])
		if source == "" {
			if strings.EqualFold(path.String(), pathUserName) || strings.EqualFold(path.String(), pathExternalID) {
				out = append(out, mappingError{text, "cannot be taken away: users are recognised by it"})
			}
			continue
		}
		from, err := attribute.Compile(source)
		switch {
		case err != nil:
			out = append(out, mappingError{text, err.Error()})
		case slices.Contains(from.Names(), attribute.Manager) && !isManager(from):
			out = append(out, mappingError{text, "manager is another user, whose id at the provider is sent: map it alone"})
		case isManager(from) && (len(path.Filter) > 0 || path.Standard()):
			out = append(out, mappingError{text, "is no reference to another user: map manager to " + attribute.Enterprise + ":manager"})
		}
	}
	return out
}

// isManager reports whether an expression is the account's manager and no more.
func isManager(e *attribute.Expression) bool { return e.String() == "["+attribute.Manager+"]" }

// readPath reads the path of a mapping; of one of several values the value is
// meant where no part of it is named.
func readPath(p *Profile, text string) (attribute.Path, error) {
	path, err := attribute.ParsePath(text, p.Extensions...)
	if err == nil && len(path.Filter) > 0 && path.Sub == "" {
		path.Sub = "value"
	}
	return path, err
}

// newLayout joins what the profile maps with what the configuration maps.
func newLayout(p *Profile, attributes map[string]string) (*layout, error) {
	if bad := mappingErrors(p, attributes); len(bad) > 0 {
		return nil, fmt.Errorf("attributes.%s: %s", bad[0].path, bad[0].message)
	}
	l := &layout{required: p.Required, at: map[string]int{}}
	sources := map[string]string{pathActive: ""}
	paths := map[string]attribute.Path{pathActive: {Attribute: pathActive}}
	spelled := map[string]string{} // names without case: 'Title' is 'title'
	for _, table := range []map[string]string{p.Attributes, attributes} {
		for text, source := range table {
			path, err := readPath(p, text)
			if err != nil {
				return nil, err
			}
			name := path.String()
			if strings.EqualFold(name, pathActive) {
				continue // as it is computed anyway
			}
			if before, known := spelled[strings.ToLower(name)]; known && before != name {
				delete(sources, before)
				delete(paths, before)
			}
			spelled[strings.ToLower(name)] = name
			sources[name], paths[name] = strings.TrimSpace(source), path
			if sources[name] == "" {
				delete(sources, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		m := mappedAttribute{name: name, path: paths[name], compare: comparatorOf(paths[name]), element: -1,
			immutable: slices.Contains(p.Immutable, name), unverified: slices.Contains(p.Unverified, name)}
		if name != pathActive {
			from, err := attribute.Compile(sources[name])
			if err != nil {
				return nil, fmt.Errorf("attributes.%s: %w", name, err)
			}
			m.from, m.reference = from, isManager(from)
		}
		if len(m.path.Filter) > 0 {
			element := m.path
			element.Sub = ""
			m.element = slices.IndexFunc(l.elements, func(e attribute.Path) bool { return e.String() == element.String() })
			if m.element < 0 {
				m.element = len(l.elements)
				l.elements = append(l.elements, element)
			}
		}
		if m.path.URN != "" && !slices.Contains(l.urns, m.path.URN) {
			l.urns = append(l.urns, m.path.URN)
		}
		l.at[name] = len(l.fields)
		l.fields = append(l.fields, m)
	}
	if len(l.elements) > 64 {
		return nil, fmt.Errorf("attributes: more than 64 values of multi-valued attributes")
	}
	return l, nil
}

// values are what an account's attributes come to, in the layout's order; the
// empty text is no value. active is not among them.
func (l *layout) values(u *directory.User) []string {
	out := make([]string, len(l.fields))
	for i := range l.fields {
		if f := &l.fields[i]; f.from != nil {
			out[i], _ = f.from.Value(u)
		}
	}
	return out
}

// without returns the layout without the fields of some extensions, and
// without some fields.
func (l *layout) without(urns, names []string) *layout {
	if len(urns)+len(names) == 0 {
		return l
	}
	out := *l
	out.fields = slices.DeleteFunc(slices.Clone(l.fields), func(m mappedAttribute) bool {
		return slices.Contains(urns, m.path.URN) || slices.Contains(names, m.name)
	})
	out.urns = slices.DeleteFunc(slices.Clone(l.urns), func(u string) bool { return slices.Contains(urns, u) })
	out.at = map[string]int{}
	for i := range out.fields {
		out.at[out.fields[i].name] = i
	}
	return &out
}

// A comparator says when two spellings of a value are one.
type comparator int

const (
	exact comparator = iota
	folded
	boolean
)

func comparatorOf(p attribute.Path) comparator {
	if p.URN != "" {
		return exact
	}
	switch strings.ToLower(p.Attribute) {
	case "active":
		return boolean
	case "username", "emails":
		return folded
	}
	return exact
}

// same compares what is wanted with what is there. Space around a text is
// nothing: some providers trim, others pad.
func (c comparator) same(want, have string) bool {
	want, have = strings.TrimSpace(want), strings.TrimSpace(have)
	switch c {
	case folded:
		return strings.EqualFold(want, have)
	case boolean:
		return strings.EqualFold(want, have) || want == "true" && have == "" // active is the default
	}
	return want == have || sameInstant(want, have)
}

// sameInstant compares moments, which some providers answer in another spelling.
func sameInstant(want, have string) bool {
	if len(want) < len("2006-01-02T15:04:05") || len(have) < len("2006-01-02T15:04:05") {
		return false
	}
	read := func(text string) (time.Time, error) {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			at, err = time.Parse("2006-01-02T15:04:05.999999999", text)
		}
		return at, err
	}
	a, err := read(want)
	if err != nil {
		return false
	}
	b, err := read(have)
	return err == nil && a.Equal(b)
}
