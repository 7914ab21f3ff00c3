package itglue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// Apply carries out one change: two requests for one to an asset that is there
// (a fresh read and the write), one for a new asset or contact.
func (v *view) Apply(ctx context.Context, ch plan.Change) (target.Applied, error) {
	t := v.target
	if later := t.quietHours(); later != nil {
		return target.Applied{}, later
	}
	if s := t.session; s.budget > 0 && s.spent.Load()+3 > s.budget {
		// A change needs up to three requests: none is begun that may not be ended.
		return target.Applied{}, &target.Later{Code: "budget", Why: errBudget.Error()}
	}
	switch {
	case ch.Key.Kind == kindContact:
		return t.applyContact(ctx, v, ch)
	case v.layouts[ch.Key.Kind] == nil:
		return target.Applied{}, fmt.Errorf("%s of %s: IT Glue has no asset type for it", ch.Action, ch.Label)
	case ch.Action == plan.Create && ch.After != nil:
		return t.create(ctx, v, ch)
	case ch.Action == plan.Delete && ch.After == nil && ch.Before != nil:
		return t.delete(ctx, v, ch)
	case ch.Before != nil && ch.After != nil:
		return t.change(ctx, v, ch)
	}
	return target.Applied{}, fmt.Errorf("%s of %s asks nothing of IT Glue", ch.Action, ch.Label)
}

// create makes an asset. It is sent once: where no answer comes the
// organization is searched for it, and if it is not to be seen the next run
// finds out.
func (t *Target) create(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	if ch.Reason == plan.AttemptVanished {
		// An earlier request had no answer and left nothing then: it may have
		// arrived since.
		late, err := t.find(ctx, v, ch.Key)
		if err != nil {
			return target.Applied{}, err
		}
		if late != nil {
			v.keyByID[late.ID], v.idByKey[ch.Key] = ch.Key, late.ID
			return t.applied(ctx, v, v.layouts[ch.Key.Kind], ch, late, ch.After.Fields), nil
		}
	}
	made, err := t.post(ctx, v, ch)
	if refusedWith(err, codeTraits) {
		// The type has changed since it was read.
		if err = t.reloadLayouts(ctx, v, ch.Key.Kind); err == nil {
			made, err = t.post(ctx, v, ch)
		}
	}
	l := v.layouts[ch.Key.Kind]
	if errors.Is(err, rest.ErrOutcomeUnknown) || errors.Is(err, errUnconfirmed) || err == nil && (made.ID == 0 || made.Traits == nil) {
		found, look := t.find(ctx, v, ch.Key)
		switch {
		case look != nil:
			return target.Applied{}, fmt.Errorf("%w: %s was asked for and cannot be looked for (%v); the next run finds out",
				rest.ErrOutcomeUnknown, ch.Key, look)
		case found == nil:
			return target.Applied{}, fmt.Errorf("%w: %s was asked for and is not to be seen; the next run finds out", rest.ErrOutcomeUnknown, ch.Key)
		}
		made, err = found, nil
	}
	if err != nil {
		return target.Applied{}, err
	}
	v.keyByID[made.ID], v.idByKey[ch.Key] = ch.Key, made.ID
	return t.applied(ctx, v, l, ch, made, ch.After.Fields), nil
}

func (t *Target) post(ctx context.Context, v *view, ch plan.Change) (*asset, error) {
	l := v.layouts[ch.Key.Kind]
	traits := v.keyTraits(l, ch.Key)
	for _, f := range ch.After.Fields {
		at, ok := l.fields[f.Name]
		if !ok {
			continue
		}
		if value := v.traitValue(at, f.Value); value != nil {
			traits[at.key] = value
		}
	}
	return t.session.postAsset(ctx, v.organization, l.typeID, traits)
}

// find looks for the asset of a key, in a list that is whole.
func (t *Target) find(ctx context.Context, v *view, key plan.Key) (*asset, error) {
	l := v.layouts[key.Kind]
	var found *asset
	err := t.session.assets(ctx, l, v.organization, func() { found = nil }, func(a *asset) error {
		if tenant, object := a.keyOf(l); tenant == v.tenant && v.key(key.Kind, object) == key && (found == nil || found.Archived) {
			found = a
		}
		return nil
	})
	return found, err
}

// reloadLayouts reads the types again.
func (t *Target) reloadLayouts(ctx context.Context, v *view, kind string) error {
	types, err := t.session.readLayouts(ctx)
	if err != nil {
		return err
	}
	if err := types.complete(t.config); err != nil {
		return err
	}
	v.layouts = types.layouts
	t.lists.mu.Lock()
	t.lists.types = types
	t.lists.mu.Unlock()
	if v.layouts[kind] == nil {
		return fmt.Errorf("itglue: the asset type of %s is gone", kind)
	}
	return nil
}

// maxPatchAttempts is how often one record is sent: the same values may be sent
// again, once a look has shown that they did not arrive.
const maxPatchAttempts = 2

// change writes an asset that is there: a fresh read, our fields laid over all
// that it holds, and the whole of it sent, since what a PATCH leaves out is
// erased.
func (t *Target) change(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	n, err := parseID(ch.Before.Ref)
	if err != nil {
		return target.Applied{}, err
	}
	for relearnt, sent := false, 0; ; {
		l := v.layouts[ch.Key.Kind]
		live, err := t.session.asset(ctx, n)
		switch {
		case gone(err):
			return target.Applied{}, fmt.Errorf("%w: asset %s is not there any more", target.ErrMoved, n)
		case err != nil && sent > 0:
			return target.Applied{}, fmt.Errorf("%w: asset %s was written and cannot be read (%v); the next run finds out",
				rest.ErrOutcomeUnknown, n, err)
		case err != nil:
			return target.Applied{}, err
		case live.Organization != v.organization:
			return target.Applied{}, fmt.Errorf("%w: asset %s is in organization %s by now", target.ErrMoved, n, live.Organization)
		case live.carries(l) != "":
			return target.Applied{}, fmt.Errorf("%w: asset %s carries %s by now, which writing would take away", target.ErrMoved, n, live.carries(l))
		}
		now := live.fields(l, v.label)
		if moved := moved(ch, now); moved != "" {
			return target.Applied{}, fmt.Errorf("%w: asset %s: %s", target.ErrMoved, n, moved)
		}
		traits, differs := v.overlay(l, live, ch, now)
		if !differs {
			return t.applied(ctx, v, l, ch, live, nil), nil
		}
		if sent == maxPatchAttempts {
			return target.Applied{}, fmt.Errorf("%w: asset %s was sent %d times and does not show it; the next run looks again",
				rest.ErrOutcomeUnknown, n, sent)
		}
		archived := live.Archived
		if value, ok := ch.After.Fields.Get(fieldArchived); ok {
			archived = slices.Equal(value, boolValue(true))
		}
		answer, err := t.session.patchAsset(ctx, n, archived, traits)
		sent++
		switch {
		case refusedWith(err, codeTraits) && !relearnt:
			relearnt, sent = true, sent-1
			if err := t.reloadLayouts(ctx, v, ch.Key.Kind); err != nil {
				return target.Applied{}, err
			}
			continue
		case errors.Is(err, rest.ErrOutcomeUnknown), errors.Is(err, errUnconfirmed), err == nil && (answer.ID != n || answer.Traits == nil):
			continue // another look says what became of it
		case err != nil:
			return target.Applied{}, fmt.Errorf("asset %s: %w", n, err)
		}
		var wanted plan.Fields
		for _, f := range ch.Fields {
			wanted = append(wanted, plan.Field{Name: f.Name, Value: f.After})
		}
		return t.applied(ctx, v, l, ch, answer, wanted), nil
	}
}

// moved says what of the fields to be written is no longer as the plan saw it.
// What a change does not write is carried along as it is.
func moved(ch plan.Change, now plan.Fields) string {
	var texts []string
	for _, f := range ch.Fields {
		v, there := now.Get(f.Name)
		if there && !v.Equal(f.Before) && !v.Equal(f.After) {
			texts = append(texts, fmt.Sprintf("%s was %s and is %s", f.Name, rest.Excerpt(f.Before.Or("empty")), rest.Excerpt(v.Or("empty"))))
		}
	}
	return strings.Join(texts, ", ")
}

// overlay is the whole of an asset's traits as they should be, and whether any
// of them differs from what is there.
func (v *view) overlay(l *layout, live *asset, ch plan.Change, now plan.Fields) (traits map[string]any, differs bool) {
	kinds := map[string]string{}
	for key, f := range l.foreign {
		kinds[key] = f.Kind
	}
	for _, at := range l.fields {
		kinds[at.key] = vendorKind[at.form]
	}
	traits = map[string]any{}
	for key, raw := range live.Traits {
		if value := traitAsSent(kinds[key], raw); value != nil {
			traits[key] = value
		}
	}
	for key, value := range v.keyTraits(l, ch.Key) {
		traits[key] = value
	}
	for _, f := range ch.Fields {
		value, _ := now.Get(f.Name)
		at, ours := l.fields[f.Name]
		switch {
		case f.Name == fieldArchived:
			differs = differs || !value.Equal(f.After)
		case ours:
			after := v.expectedValue(at, f.After)
			if value.Equal(after) {
				continue
			}
			differs = true
			// Null, not absence: an account that merges would keep the old value.
			traits[at.key] = v.traitValue(at, f.After)
		}
	}
	return traits, differs
}

// keyTraits are what an asset is found by.
func (v *view) keyTraits(l *layout, key plan.Key) map[string]any {
	return map[string]any{l.fields[fieldTenant].key: v.tenant, l.fields[fieldObject].key: key.ID}
}

// traitAsSent is a trait in the form in which it is written back as it was.
func traitAsSent(kind string, raw jsontext.Value) any {
	if empty(raw) {
		return nil
	}
	switch kind {
	case "Header", "Upload", "Password":
		return nil // a Header has no value; of the others carries has made sure that there is none
	case "Tag":
		if ids := tagIDs(raw); len(ids) > 0 {
			return ids
		}
		return nil
	case "Checkbox":
		var b flag
		_ = b.UnmarshalJSON(raw)
		return bool(b)
	case "Date":
		if v := observedValue(formDate, raw); !v.Blank() {
			return v[0]
		}
		return nil
	}
	return json.RawMessage(raw)
}

// traitValue is a value in the form in which IT Glue takes it; nil clears.
func (v *view) traitValue(at layoutField, value plan.Value) any {
	if value.Blank() {
		return nil
	}
	switch at.form {
	case formCheckbox:
		return value[0] == "yes"
	case formNumber:
		return json.Number(value[0])
	case formLong, formList, formRows, formLinks:
		return writeHTML(at.field, value)
	case formTag:
		if ids := v.tagIDsOf(at, value); len(ids) > 0 {
			return ids
		}
		return nil
	}
	return value[0]
}

// tagIDsOf finds the ids that the labels of a tag stand for. One that stands for
// nothing yet, such as a contact whose creation failed, is left out.
func (v *view) tagIDsOf(at layoutField, labels plan.Value) []id {
	var out []id
	for _, label := range labels {
		var n id
		object, promised := v.pendingContacts[label]
		switch {
		case at.tag == kindLicences:
			n = v.idByKey[plan.Key{Kind: kindLicences, ID: v.customerKey}]
		case at.tag == kindDomain:
			n = v.idByKey[plan.Key{Kind: kindDomain, ID: label}]
		case promised:
			n = v.contactMatches[object].contact
		default:
			n, _ = idOfLabel(label)
		}
		if n != 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// expectedValue is a tag as it will read once it is written; other values are as
// they are.
func (v *view) expectedValue(at layoutField, value plan.Value) plan.Value {
	if at.form != formTag {
		return value
	}
	var labels []string
	for _, label := range value {
		if object, promised := v.pendingContacts[label]; promised {
			c := v.contactOf(object)
			if c == nil {
				continue
			}
			label = c.label()
		} else if len(v.tagIDsOf(at, plan.Value{label})) == 0 {
			continue
		}
		labels = append(labels, label)
	}
	return setOf(labels)
}

// differing are the fields that were sent and came back otherwise.
func differing(sent, shown plan.Fields) plan.Fields {
	return slices.DeleteFunc(slices.Clone(sent), func(f plan.Field) bool {
		now, _ := shown.Get(f.Name)
		return now.Equal(f.Value)
	})
}

// applied is what to remember of an asset once it is written: what came back,
// and what of that is not as it was sent.
func (t *Target) applied(ctx context.Context, v *view, l *layout, ch plan.Change, a *asset, sent plan.Fields) target.Applied {
	o := v.object(l, ch.Key, a)
	o.Label = ch.After.Label
	var want plan.Fields
	for _, f := range sent {
		if at, ours := l.fields[f.Name]; ours {
			want = append(want, plan.Field{Name: f.Name, Value: v.expectedValue(at, f.Value)})
		}
	}
	o.UPN = ch.After.UPN
	if ch.Before != nil {
		o.UPN = cmp.Or(o.UPN, ch.Before.UPN)
	}
	v.assets[ch.Key] = &o
	out := target.Applied{Object: o, Rewritten: differing(want, o.Fields)}
	if ch.Key.Kind == kindUser {
		if note := t.relate(ctx, v, l, ch.Key, a.ID); note != nil {
			out.Notes = append(out.Notes, *note)
		}
	}
	return out
}

// delete removes an asset, where the configuration says so in as many words.
// DELETE /flexible_assets/{id}.
func (t *Target) delete(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	if t.config.Leavers.Then != ThenDelete {
		return target.Applied{}, fmt.Errorf("%s is not deleted: itglue.leavers.then is %s", ch.Key, t.config.Leavers.Then)
	}
	n, err := parseID(ch.Before.Ref)
	if err != nil {
		return target.Applied{}, err
	}
	done := target.Applied{Object: *ch.Before}
	l := v.layouts[ch.Key.Kind]
	live, err := t.session.asset(ctx, n)
	if gone(err) {
		return done, nil
	}
	if err != nil {
		return target.Applied{}, err
	}
	if tenant, object := live.keyOf(l); tenant != v.tenant || v.key(ch.Key.Kind, object) != ch.Key || live.Organization != v.organization {
		return target.Applied{}, fmt.Errorf("%w: asset %s stands for something else by now", target.ErrMoved, n)
	}
	if notes := observedValue(formLong, live.Traits[l.fields[fieldNotes].key]); !notes.Blank() {
		return target.Applied{}, fmt.Errorf("%w: asset %s is not deleted: somebody wrote notes in it; archive it in IT Glue, or clear them", target.ErrMoved, n)
	}
	_, err = t.session.do(ctx, request{method: http.MethodDelete, at: epAsset, ids: []id{n}})
	if err != nil && !gone(err) {
		if _, look := t.session.asset(ctx, n); !gone(look) {
			return target.Applied{}, err
		}
	}
	delete(v.keyByID, n)
	delete(v.idByKey, ch.Key)
	return done, nil
}
