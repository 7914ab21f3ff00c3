package scimsim

import (
	"slices"
	"strings"
)

// The URNs of RFC 7643 and 7644, and Cinode's.
const (
	UserSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	CinodeSchema     = "urn:ietf:params:scim:schemas:extension:Cinode:User:1.0"

	listURN   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	patchURN  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	errorURN  = "urn:ietf:params:scim:api:messages:2.0:Error"
	searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// An attribute is one of a schema (RFC 7643, section 7).
type attribute struct {
	name     string
	kind     string // string, boolean, decimal, integer, dateTime, reference, binary or complex
	multi    bool
	exact    bool // case matters in comparisons
	readOnly bool
	hidden   bool // written, never returned
	required bool
	subs     []*attribute
}

// sub finds a sub-attribute by its name in any case; nil if there is none.
func (a *attribute) sub(name string) *attribute { return named(a.subs, name) }

func named(all []*attribute, name string) *attribute {
	for _, a := range all {
		if strings.EqualFold(a.name, name) {
			return a
		}
	}
	return nil
}

// A schema is a core schema or an extension of one.
type schema struct {
	urn        string
	name       string
	attributes []*attribute
}

// A resourceType is Users or Groups: where they are and what they consist of.
type resourceType struct {
	name       string // User or Group
	path       string // Users or Groups
	core       *schema
	extensions []*schema
}

func (t *resourceType) extension(urn string) *schema {
	for _, s := range t.extensions {
		if strings.EqualFold(s.urn, urn) {
			return s
		}
	}
	return nil
}

// externalID is common to all types and case-sensitive by RFC 7643, section 3.1.
var externalID = &attribute{name: "externalId", kind: "string", exact: true}

// attributesOf reads a line a schema: names with marks. "!" read-only,
// "*" required, "=" case-sensitive, "?" boolean, "@" dateTime, "&" reference,
// "~" hidden, "+" multi-valued with the usual sub-attributes, "(…)"
// sub-attributes.
func attributesOf(text string) []*attribute {
	var all []*attribute
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := strings.IndexAny(text, " (\n\t")
		if end < 0 {
			end = len(text)
		}
		word := text[:end]
		text = text[end:]
		name := strings.TrimRight(word, "!*=?@&~+")
		a := &attribute{name: name, kind: "string"}
		for _, mark := range word[len(name):] {
			switch mark {
			case '!':
				a.readOnly = true
			case '*':
				a.required = true
			case '=':
				a.exact = true
			case '?':
				a.kind = "boolean"
			case '@':
				a.kind = "dateTime"
			case '&':
				a.kind, a.exact = "reference", true
			case '~':
				a.hidden = true
			case '+':
				a.multi, a.kind = true, "complex"
				a.subs = attributesOf("value display type primary?")
			}
		}
		if strings.HasPrefix(text, "(") {
			inside, rest, _ := strings.Cut(text[1:], ")")
			text = rest
			a.kind, a.subs = "complex", attributesOf(inside)
		}
		all = append(all, a)
	}
	return all
}

var (
	coreUser = &schema{UserSchema, "User", attributesOf(`
		userName* name(formatted familyName givenName middleName honorificPrefix honorificSuffix)
		displayName nickName profileUrl& title userType preferredLanguage locale timezone active? password~
		emails+ phoneNumbers+ ims+ photos+
		addresses+(formatted streetAddress locality region postalCode country type primary?)
		groups!+(value= $ref& display type) entitlements+ roles+ x509Certificates+`)}
	enterprise = &schema{EnterpriseSchema, "EnterpriseUser", attributesOf(`
		employeeNumber costCenter organization division department manager(value= $ref& displayName!)`)}
	coreGroup = &schema{GroupSchema, "Group", attributesOf(`displayName* members+(value= $ref& type display)`)}
	// Cinode documents the upper-case spelling of the first and its own URN.
	cinodeEnterprise = &schema{EnterpriseSchema, "EnterpriseUser", attributesOf(`
		EmployeeNumber costCenter organization division department manager(value= $ref& displayName!)`)}
	cinodeExtension = &schema{CinodeSchema, "CinodeUser", attributesOf(`EmploymentStartDate@`)}
)

// types are the resource types of a dialect: Users, then Groups.
func (d *Dialect) types() (users, groups *resourceType) {
	users = &resourceType{name: "User", path: "Users", core: coreUser}
	switch d.Extensions {
	case ExtensionsEnterprise:
		users.extensions = []*schema{enterprise}
	case ExtensionsCinode:
		users.extensions = []*schema{cinodeEnterprise, cinodeExtension}
	}
	return users, &resourceType{name: "Group", path: "Groups", core: coreGroup}
}

// A path points at an attribute: [URN:]name[filter].sub.
type path struct {
	text      string
	schema    *schema    // nil for the core schema
	attr      *attribute // nil if the path is a URN alone
	filter    *filter    // of the values of attr; nil without brackets
	sub       *attribute
	wrongCase bool // spelled in another case than the schema's
}

// String is the path in the spelling of the schema, without its filter.
func (p *path) String() string {
	s := ""
	if p.schema != nil {
		s = p.schema.urn
	}
	if p.attr != nil {
		if s != "" {
			s += ":"
		}
		s += p.attr.name
	}
	if p.sub != nil {
		s += "." + p.sub.name
	}
	return s
}

// readOnly reports whether the path may not be written.
func (p *path) readOnly() bool {
	return p.attr != nil && p.attr.readOnly || p.sub != nil && p.sub.readOnly
}

// meta and id can be filtered by and read, never written.
var (
	idAttribute   = &attribute{name: "id", kind: "string", exact: true, readOnly: true}
	metaAttribute = &attribute{name: "meta", kind: "complex", readOnly: true,
		subs: attributesOf("resourceType= created@ lastModified@ location& version=")}
	schemasAttribute = &attribute{name: "schemas", kind: "reference", multi: true, exact: true, readOnly: true}
)

// common are the attributes of every type.
var common = []*attribute{externalID, idAttribute, metaAttribute, schemasAttribute}

// resolve finds the attribute that a path without brackets points at.
func (t *resourceType) resolve(text string) (*path, bool) {
	p := &path{text: text}
	rest := text
	if s, after, ok := t.cutURN(text); ok {
		p.wrongCase = !strings.HasPrefix(text, s.urn)
		if s != t.core {
			p.schema = s
		}
		if after == "" {
			return p, s != t.core
		}
		rest = after
	}
	name, sub, dotted := strings.Cut(rest, ".")
	if p.schema != nil {
		p.attr = named(p.schema.attributes, name)
	} else if p.attr = named(t.core.attributes, name); p.attr == nil {
		p.attr = named(common, name)
	}
	if p.attr == nil {
		return nil, false
	}
	p.wrongCase = p.wrongCase || p.attr.name != name
	if dotted {
		if p.sub = p.attr.sub(sub); p.sub == nil {
			return nil, false
		}
		p.wrongCase = p.wrongCase || p.sub.name != sub
	}
	return p, true
}

// cutURN splits a path behind the longest URN that the type knows.
func (t *resourceType) cutURN(text string) (*schema, string, bool) {
	var best *schema
	for _, s := range append(slices.Clone(t.extensions), t.core) {
		if len(text) < len(s.urn) || !strings.EqualFold(text[:len(s.urn)], s.urn) || best != nil && len(best.urn) > len(s.urn) {
			continue
		}
		if len(text) == len(s.urn) || text[len(s.urn)] == ':' {
			best = s
		}
	}
	if best == nil {
		return nil, "", false
	}
	return best, strings.TrimPrefix(text[len(best.urn):], ":"), true
}

// splitPath takes a path apart: before the brackets, between them, behind the dot
// that follows.
func splitPath(text string) (before, inside, after string, ok bool) {
	open := strings.IndexByte(text, '[')
	if open < 0 {
		return text, "", "", true
	}
	end := -1
	quoted := false
	for i := open; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case !quoted && text[i] == ']':
			end = i
		}
	}
	if end < 0 {
		return "", "", "", false
	}
	after = text[end+1:]
	if after != "" {
		if after, ok = strings.CutPrefix(after, "."); !ok || after == "" {
			return "", "", "", false
		}
	}
	return text[:open], text[open+1 : end], after, true
}

// parse reads a whole path of a PATCH. The error says what is wrong with it.
func (t *resourceType) parse(text string, rules grammar) (*path, *apiError) {
	before, inside, after, ok := splitPath(text)
	if !ok {
		return nil, badRequest("invalidPath", "the path %q cannot be read", text)
	}
	p, ok := t.resolve(before)
	if !ok {
		return nil, badRequest("invalidPath", "there is no attribute %q", before)
	}
	p.text = text
	if inside == "" && !strings.Contains(text, "[") {
		return p, nil
	}
	if p.sub != nil || p.attr == nil || !p.attr.multi {
		return nil, badRequest("invalidPath", "%q is not a list that can be filtered", before)
	}
	var err *apiError
	if p.filter, err = parseFilter(inside, p.attr.within(), rules); err != nil {
		err.scimType = "invalidPath"
		return nil, err
	}
	p.wrongCase = p.wrongCase || p.filter.wrongCase()
	if after != "" {
		if p.sub = p.attr.sub(after); p.sub == nil {
			return nil, badRequest("invalidPath", "%s has no %q", p.attr.name, after)
		}
		p.wrongCase = p.wrongCase || p.sub.name != after
	}
	return p, nil
}

// A namespace finds attributes by the paths of a filter.
type namespace func(string) (*path, bool)

// within is the namespace of the filter in brackets behind a.
func (a *attribute) within() namespace {
	return func(name string) (*path, bool) {
		sub := a.sub(name)
		if sub == nil {
			return nil, false
		}
		return &path{text: name, attr: sub, wrongCase: sub.name != name}, true
	}
}
