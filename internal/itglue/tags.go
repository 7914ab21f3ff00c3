package itglue

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/plan"
)

// maxTags is how many records one field tags. Above some hundred nobody knows
// what IT Glue does; the list beside it names all the same.
const maxTags = 250

// taggedRecord is one record that a tag leads to.
type taggedRecord struct {
	ID   id    `json:"id"`
	Name label `json:"name"`
}

// tagsOf reads a tag: an object with values as documented, or bare ids. A value
// without an id is what is left of a record that was deleted.
func tagsOf(raw jsontext.Value) []taggedRecord {
	if len(raw) == 0 {
		return nil
	}
	var all []taggedRecord
	switch raw.Kind() {
	case '{':
		var wire struct {
			Values []taggedRecord `json:"values"`
		}
		if json.Unmarshal(raw, &wire, readOptions) != nil {
			return nil
		}
		all = wire.Values
	case '[':
		var bare []id
		if json.Unmarshal(raw, &bare, readOptions) == nil {
			for _, n := range bare {
				all = append(all, taggedRecord{ID: n})
			}
		} else if json.Unmarshal(raw, &all, readOptions) != nil {
			return nil
		}
	case '0', '"':
		var n id
		if json.Unmarshal(raw, &n) == nil {
			all = []taggedRecord{{ID: n}}
		}
	}
	return slices.DeleteFunc(all, func(t taggedRecord) bool { return t.ID == 0 })
}

// tagIDs are the ids of a tag in the form in which they are written.
func tagIDs(raw jsontext.Value) []id {
	out := []id{}
	for _, t := range tagsOf(raw) {
		out = append(out, t.ID)
	}
	return out
}

// tagLabel is how plans show a tagged record: its name for people, its id
// because names are not unique.
func tagLabel(name string, n id) string {
	return cmp.Or(oneLine(name), "?") + " #" + n.String()
}

var labelID = regexp.MustCompile(` #(\d{1,19})$`)

// idOfLabel is the id that a label of tagLabel names.
func idOfLabel(label string) (id, bool) {
	m := labelID.FindStringSubmatch(label)
	if m == nil {
		return 0, false
	}
	n, err := parseID(m[1])
	return n, err == nil
}

// tagValue is a tag as we want it: at most mostTags, the first by label.
func tagValue(labels []string) plan.Value {
	v := setOf(labels)
	if len(v) > maxTags {
		v = v[:maxTags]
	}
	return v
}

func sorted(f plan.Fields) plan.Fields {
	slices.SortFunc(f, func(a, b plan.Field) int { return cmp.Compare(a.Name, b.Name) })
	return f
}
