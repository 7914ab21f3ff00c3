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

// inPlans are fields as plans have them.
func (p *place) inPlans(fields plan.Fields) plan.Fields {
	return p.translated(fields, func(text string) (string, bool) { object, ok := p.objects[text]; return object, ok })
}

// atProvider are fields as the provider has them.
func (p *place) atProvider(fields plan.Fields) plan.Fields {
	return p.translated(fields, func(text string) (string, bool) {
		if r := p.have[userKey(text)]; r != nil {
			return r.id, true
		}
		return "", false
	})
}

// translated returns fields with their references translated, those left as
// they are that cannot be.
func (p *place) translated(fields plan.Fields, word func(string) (string, bool)) plan.Fields {
	out := slices.Clone(fields)
	for i := range out {
		at, ok := p.layout.at[out[i].Name]
		if !ok || !p.layout.fields[at].reference || out[i].Value.Blank() {
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
func (p *place) sendable(key plan.Key, fields plan.Fields) plan.Fields {
	there := slices.DeleteFunc(slices.Clone(fields), func(w plan.Field) bool {
		at, ok := p.layout.at[w.Name]
		if !ok || !p.layout.fields[at].reference || w.Value.Blank() || p.have[userKey(w.Value[0])] != nil {
			return false
		}
		if p.waiting == nil {
			p.waiting = map[string][]plan.Key{}
		}
		p.waiting[w.Value[0]] = append(p.waiting[w.Value[0]], key)
		return true
	})
	return p.atProvider(there)
}

// handOver writes the references to somebody who has just arrived. What fails
// is the next run's to repair: it sees that it is not there.
func (t *Target) handOver(ctx context.Context, p *place, key plan.Key, r *resource) []plan.Violation {
	var notes []plan.Violation
	for _, from := range p.waiting[key.ID] {
		one := p.have[from]
		if one == nil || p.people[from.ID] == nil {
			continue // was not created either
		}
		var wanted plan.Fields
		for i := range p.layout.fields {
			if f := &p.layout.fields[i]; f.reference && p.people[from.ID].values[i] == key.ID {
				wanted = append(wanted, plan.Field{Name: f.name, Value: plan.Value{r.id}})
			}
		}
		if len(wanted) == 0 {
			continue
		}
		_, said, err := t.writeUser(ctx, p, from, one, wanted)
		if err != nil {
			said = append(said, plan.Violation{Code: "reference_unwritten", Kind: from.Kind, Key: from.ID, Note: true, Message: fmt.Sprintf(
				"%s does not point to %s yet: %v; the next run goes on", one.label(), r.label(), err)})
		}
		notes = append(notes, said...)
	}
	delete(p.waiting, key.ID)
	return notes
}
