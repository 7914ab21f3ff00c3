package itgluesim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	longestText    = 255
	longestTextbox = 65_535
	longestTag     = 500
)

// showTraits are the values of an asset by their keys.
func (c *call) showTraits(a *Asset) map[string]any {
	out := map[string]any{}
	for _, f := range c.index.fieldsOf[a.TypeID] {
		v := a.Traits[f.ID]
		if v == nil {
			if c.faults.NullTraits && f.Kind != "Header" {
				out[f.NameKey] = nil
			}
			continue
		}
		out[f.NameKey] = c.showTrait(f, v)
	}
	return out
}

func (c *call) showTrait(f *Field, v any) any {
	switch v := v.(type) {
	case []int64:
		if c.faults.BareTags {
			return v
		}
		values := []any{}
		for _, id := range v {
			if t := c.showTag(f, id); t != nil {
				values = append(values, t)
			}
		}
		return map[string]any{"type": f.TagType, "values": values}
	case *Upload:
		return attributes{"url": "https://files.itglue.example/" + v.Name, "name": v.Name, "size": v.Size, "content-type": v.ContentType}
	case bool:
		if c.faults.CheckboxesAsText {
			return map[bool]string{true: "Yes", false: "No"}[v]
		}
	case string:
		switch {
		case (f.Kind == "Number" || f.Kind == "Percent") && !c.faults.NumbersAsText:
			return json.Number(v)
		case f.Kind == "Date" && c.faults.DatesWithTime:
			return v + "T00:00:00.000Z"
		}
	}
	return v
}

// showTag is one value of a tag; nil if it is left out.
func (c *call) showTag(f *Field, id int64) any {
	o, ok := c.index.any[Ref{tagKind(f.TagType), id}]
	if !ok {
		if c.faults.DropDeletedTags {
			return nil
		}
		return attributes{"id": nil, "name": nil}
	}
	a := attributes{"id": id, "name": c.nameOf(o)}
	if org := o.organization(); org != 0 {
		a["organization-name"] = c.organizationName(org)
	}
	switch o := o.(type) {
	case *Contact:
		a["first-name"], a["last-name"] = text(o.FirstName), text(o.LastName)
		a["resource-url"] = c.url(o.OrganizationID, "contacts", fmt.Sprint(o.ID))
	case *Domain:
		a["resource-url"] = c.url(o.OrganizationID, "domains", fmt.Sprint(o.ID))
	}
	return a
}

func (c *call) nameOf(o entity) string {
	switch o := o.(type) {
	case *Contact:
		return o.name()
	case *Asset:
		return c.title(o)
	case *Organization:
		return o.Name
	case *Domain:
		return o.Name
	case *Configuration:
		return o.Name
	case *Location:
		return o.Name
	case *Password:
		return o.Name
	case *User:
		return strings.TrimSpace(o.FirstName + " " + o.LastName)
	}
	return ""
}

// traitError is the refusal of one trait.
func traitError(f *Field, format string, args ...any) *apiError {
	return invalid("flexible-asset-traits."+f.NameKey, format, args...)
}

// readTraits replaces the traits of an asset by those of a record: what is
// left out is erased. Keys are taken as they are, never in snake case.
func (c *call) readTraits(n *Asset, r *record, required bool) *apiError {
	sent, ok := r.attributes["traits"].(map[string]any)
	if !ok {
		return invalid("traits", "must be an object")
	}
	traits := map[int64]any{}
	if c.faults.MergeTraits {
		traits = maps.Clone(n.Traits)
	}
	fields := map[string]*Field{}
	for _, f := range c.index.fieldsOf[n.TypeID] {
		if f.Kind != "Header" {
			fields[f.NameKey] = f
		}
	}
	for _, key := range sortedKeys(sent) {
		f := fields[key]
		if f == nil {
			// The vendor does not say which key it is.
			return refuse(http.StatusUnprocessableEntity, "data/attributes/traits", "contains invalid trait keys")
		}
		v, err := c.readTrait(n, f, sent[key])
		if err != nil {
			if err.status != http.StatusUnprocessableEntity {
				return err
			}
			r.refuse(err)
			continue
		}
		if v == nil {
			delete(traits, f.ID)
			continue
		}
		traits[f.ID] = v
	}
	if required {
		for _, f := range c.index.fieldsOf[n.TypeID] {
			if f.Required && f.Kind != "Header" && traits[f.ID] == nil {
				r.refuse(blank("flexible-asset-traits." + f.NameKey))
			}
		}
	}
	n.Traits = traits
	return r.err()
}

var day = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// readTrait checks one value; nil is empty.
func (c *call) readTrait(n *Asset, f *Field, v any) (any, *apiError) {
	if v == nil {
		return nil, nil
	}
	switch f.Kind {
	case "Text", "Textbox", "Select", "Date":
		s, ok := v.(string)
		if !ok {
			return nil, traitError(f, "must be a string")
		}
		return c.readText(f, s)
	case "Number", "Percent":
		return readNumber(f, v)
	case "Checkbox":
		b, ok := v.(bool)
		if !ok {
			return nil, traitError(f, "must be true or false")
		}
		return b, nil
	case "Tag":
		return c.readTag(n, f, v)
	case "Upload":
		file, ok := v.(map[string]any)
		if !ok {
			return nil, traitError(f, "needs content and file_name")
		}
		u, err := upload(file)
		if err != nil {
			return nil, traitError(f, "%s", err)
		}
		return u, nil
	}
	return nil, traitError(f, "cannot be written")
}

func (c *call) readText(f *Field, s string) (any, *apiError) {
	if f.Kind == "Textbox" {
		if c.faults.RewriteHTML {
			s = sanitise(s)
		}
		if limit := cmp.Or(c.faults.TextboxLimit, longestTextbox); len(s) > limit {
			return nil, traitError(f, "is too long (maximum is %d bytes)", limit)
		}
	} else if c.faults.TrimText {
		s = collapse(s)
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	switch f.Kind {
	case "Text":
		if runes := []rune(s); len(runes) > longestText {
			if !c.faults.CutText {
				return nil, traitError(f, "is too long (maximum is %d characters)", longestText)
			}
			s = string(runes[:longestText])
		}
	case "Select":
		if !c.faults.AnySelect && !slices.Contains(choices(f), s) {
			return nil, traitError(f, "is not included in the list")
		}
	case "Date":
		if _, err := time.Parse(time.DateOnly, s); err != nil || !day.MatchString(s) {
			return nil, traitError(f, "is not a date")
		}
	}
	return s, nil
}

func choices(f *Field) []string {
	return strings.Split(strings.ReplaceAll(f.DefaultValue, "\r\n", "\n"), "\n")
}

// readNumber rounds to the decimals of the field.
func readNumber(f *Field, v any) (any, *apiError) {
	s, _ := v.(string)
	if n, ok := v.(json.Number); ok {
		s = n.String()
	}
	if s == "" {
		if _, ok := v.(string); ok {
			return nil, nil
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || strings.Contains(s, "/") {
		return nil, traitError(f, "is not a number")
	}
	out := r.FloatString(f.Decimals)
	if strings.Contains(out, ".") {
		out = strings.TrimRight(strings.TrimRight(out, "0"), ".")
	}
	return out, nil
}

// readTag takes an id or an array of ids, as numbers or text.
func (c *call) readTag(n *Asset, f *Field, v any) (any, *apiError) {
	list, ok := v.([]any)
	if m, object := v.(map[string]any); object && c.faults.TagObjects {
		list, ok = m["values"].([]any)
	} else if !ok && !object {
		list, ok = []any{v}, true
	}
	if !ok {
		return nil, traitError(f, "must be an id or an array of ids")
	}
	var ids []int64
	for _, one := range list {
		if m, ok := one.(map[string]any); ok && c.faults.TagObjects {
			if one = m["id"]; one == nil {
				continue
			}
		}
		id, ok := integer(one)
		if !ok {
			return nil, traitError(f, "must be an id or an array of ids")
		}
		if slices.Contains(ids, id) {
			continue
		}
		keep, err := c.taggable(n, f, id)
		if err != nil {
			return nil, err
		}
		if keep {
			ids = append(ids, id)
		}
	}
	if limit := cmp.Or(c.faults.TagLimit, longestTag); len(ids) > limit {
		return nil, traitError(f, "has too many values (maximum is %d)", limit)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return ids, nil
}

func (c *call) taggable(n *Asset, f *Field, id int64) (bool, *apiError) {
	o, ok := c.index.any[Ref{tagKind(f.TagType), id}]
	if a, asset := o.(*Asset); asset && a.TypeID != tagAssetType(f.TagType) {
		ok = false
	}
	answer := c.faults.MissingTag
	if ok {
		if org := o.organization(); org == 0 || org == n.OrganizationID {
			return true, nil
		}
		answer = c.faults.ForeignTag
	}
	switch answer {
	case TagUnauthorized:
		return false, inaccessible()
	case TagNotFound:
		return false, notFound()
	case TagDropped:
		return false, nil
	case TagKept:
		return true, nil
	}
	return false, traitError(f, "contains an invalid id")
}
