package scim

import (
	"context"
	"fmt"
	"slices"

	"syncd/internal/plan"
)

// A reference, such as a user's manager, is the object id of another account in
// plans and records, and the provider's id of that user there. Somebody may be
// created before the one he points to: he is created without, and the reference
// follows as soon as both are there, within the same run.

// withObjectIDs are fields as plans have them.
func (v *view) withObjectIDs(fields plan.Fields) plan.Fields {
	return v.withReferences(fields, func(text string) (string, bool) { object, ok := v.objectIDs[text]; return object, ok })
}

// withProviderIDs are fields as the provider has them.
func (v *view) withProviderIDs(fields plan.Fields) plan.Fields {
	return v.withReferences(fields, func(text string) (string, bool) {
		if r := v.resources[userKey(text)]; r != nil {
			return r.id, true
		}
		return "", false
	})
}

// withReferences returns fields with their references translated, those left as
// they are that cannot be.
func (v *view) withReferences(fields plan.Fields, word func(string) (string, bool)) plan.Fields {
	out := slices.Clone(fields)
	for i := range out {
		at, ok := v.layout.at[out[i].Name]
		if !ok || !v.layout.fields[at].reference || out[i].Value.Blank() {
			continue
		}
		if text, ok := word(out[i].Value[0]); ok {
			out[i].Value = plan.Value{text}
		}
	}
	return out
}

// sendable are fields as they are sent: without references to those who are not
// there yet, whose arrival is waited for.
func (v *view) sendable(key plan.Key, fields plan.Fields) plan.Fields {
	there := slices.DeleteFunc(slices.Clone(fields), func(w plan.Field) bool {
		at, ok := v.layout.at[w.Name]
		if !ok || !v.layout.fields[at].reference || w.Value.Blank() || v.resources[userKey(w.Value[0])] != nil {
			return false
		}
		if v.pendingReferences == nil {
			v.pendingReferences = map[string][]plan.Key{}
		}
		v.pendingReferences[w.Value[0]] = append(v.pendingReferences[w.Value[0]], key)
		return true
	})
	return v.withProviderIDs(there)
}

// writePendingReferences writes the references to somebody who has just arrived. What fails
// is the next run's to repair: it sees that it is not there.
func (t *Target) writePendingReferences(ctx context.Context, v *view, key plan.Key, r *resource) []plan.Violation {
	var notes []plan.Violation
	for _, from := range v.pendingReferences[key.ID] {
		one := v.resources[from]
		if one == nil || v.users[from.ID] == nil {
			continue // was not created either
		}
		var wanted plan.Fields
		for i := range v.layout.fields {
			if f := &v.layout.fields[i]; f.reference && v.users[from.ID].values[i] == key.ID {
				wanted = append(wanted, plan.Field{Name: f.name, Value: plan.Value{r.id}})
			}
		}
		if len(wanted) == 0 {
			continue
		}
		_, said, err := t.writeUser(ctx, v, from, one, wanted)
		if err != nil {
			said = append(said, plan.Violation{Code: "reference_unwritten", Kind: from.Kind, Key: from.ID, Note: true, Message: fmt.Sprintf(
				"%s does not point to %s yet: %v; the next run goes on", one.label(), r.label(), err)})
		}
		notes = append(notes, said...)
	}
	delete(v.pendingReferences, key.ID)
	return notes
}
