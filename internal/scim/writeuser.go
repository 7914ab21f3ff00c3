package scim

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// differing are the wanted fields that a user does not have.
func differing(l *layout, wanted plan.Fields, r *resource) plan.Fields {
	var out plan.Fields
	for _, w := range wanted {
		i, ok := l.at[w.Name]
		if !ok {
			continue
		}
		f := &l.fields[i]
		text := ""
		if !w.Value.Blank() {
			text = w.Value[0]
		}
		if !f.compare.same(text, r.values[i]) {
			out = append(out, w)
		}
	}
	return out
}

// maxPatchAttempts is how often the same values are sent to one object, once a look
// has shown that they did not arrive.
const maxPatchAttempts = 2

// writeUser brings fields of a user to what is wanted and returns the user as
// it is then.
func (t *Target) writeUser(ctx context.Context, v *view, key plan.Key, r *resource, wanted plan.Fields) (*resource,
	[]plan.Violation, error) {
	after, err := t.sendUser(ctx, v, r, wanted)
	var refused []plan.Violation
	if refusesValue(err) && (len(wanted) > 1 || wanted[0].Name != pathActive) {
		after, wanted, refused, err = t.oneByOne(ctx, v, key, r, wanted)
	}
	if err != nil {
		return nil, nil, err
	}
	v.adopt(key, after)
	after, notes, err := t.converge(ctx, v, key, after, wanted)
	return after, append(refused, notes...), err
}

// sendUser sends fields of a user, again only where a look shows that a lost
// request did not arrive.
func (t *Target) sendUser(ctx context.Context, v *view, r *resource, wanted plan.Fields) (*resource, error) {
	a := v.account
	for attempt := 1; ; attempt++ {
		ops := v.layout.operations(wanted, r)
		if len(ops) == 0 {
			return r, nil
		}
		d, err := a.modify(ctx, usersAt, r.id, ops, func(d document) { v.layout.overlay(d, wanted) })
		switch {
		case rest.Gone(err):
			return nil, fmt.Errorf("%w: user %s is not there any more", target.ErrMoved, r.id)
		case err == nil && d != nil:
			return v.layout.readUser(d), nil
		case err != nil && !outcomeUnknown(err):
			return nil, err
		}
		d, look := a.awaitResource(ctx, usersAt, r.id, func(d document) bool {
			return len(differing(v.layout, v.verifiable(wanted), v.layout.readUser(d))) == 0
		})
		switch {
		case look != nil && err != nil && rest.Gone(look):
			return nil, fmt.Errorf("%w: user %s is not there any more", target.ErrMoved, r.id)
		case look != nil:
			return nil, fmt.Errorf("%w: user %s was written and cannot be read (%v); the next run finds out", rest.ErrOutcomeUnknown, r.id, look)
		case err == nil:
			return v.layout.readUser(d), nil
		}
		now := v.layout.readUser(d)
		left := differing(v.layout, v.verifiable(wanted), now)
		switch {
		case len(left) == 0:
			return now, nil
		case answered(err):
			return nil, definite(err, "the user does not show the change")
		case attempt == maxPatchAttempts:
			return nil, err
		}
		r, wanted = now, left
	}
}

// verifiable are the fields that are expected to be read back as they were sent.
func (v *view) verifiable(wanted plan.Fields) plan.Fields {
	return slices.DeleteFunc(slices.Clone(wanted), func(w plan.Field) bool {
		i, ok := v.layout.at[w.Name]
		return !ok || v.layout.fields[i].unverified || v.layout.fields[i].immutable
	})
}

// oneByOne finds out which attributes a provider minds, by sending each alone
// after a look at what the refused request did all the same. The others are
// written; those are named, and left alone for a while. It returns what is left
// of wanted. An active that is refused is an error: somebody is still let in.
func (t *Target) oneByOne(ctx context.Context, v *view, key plan.Key, r *resource, wanted plan.Fields) (*resource, plan.Fields,
	[]plan.Violation, error) {
	d, err := v.account.get(ctx, usersAt, r.id)
	if err != nil {
		return nil, nil, nil, err
	}
	now := v.layout.readUser(d)
	var notes []plan.Violation
	for _, w := range differing(v.layout, wanted, now) {
		after, err := t.sendUser(ctx, v, now, plan.Fields{w})
		if refusesValue(err) && w.Name != pathActive {
			_, e := refusalOf(err)
			wanted = slices.DeleteFunc(slices.Clone(wanted), func(x plan.Field) bool { return x.Name == w.Name })
			notes = append(notes, v.rememberRefusedAttribute(key, now, w, rest.Excerpt(e.Error())))
			continue
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", w.Name, err)
		}
		now = after
	}
	return now, wanted, notes, nil
}

// rememberRefusedAttribute remembers that an attribute of an object was refused by itself.
func (v *view) rememberRefusedAttribute(key plan.Key, r *resource, w plan.Field, says string) plan.Violation {
	m := maps.Clone(v.memory[key])
	if m == nil {
		m = memory{}
	}
	m[refusedMark+w.Name] = fingerprint(v.withObjectIDs(plan.Fields{w})[0].Value) + " " + v.refusalExpiry()
	m[refusedSays+w.Name] = fmt.Sprintf("%s: the provider refuses %s %q: %s; it is tried again tomorrow, or when it changes at the source", r.label(), w.Name, w.Value, says)
	v.memory[key] = m
	return plan.Violation{Code: "attribute_refused", Kind: key.Kind, Key: key.ID, NeedsRepair: true, Message: m[refusedSays+w.Name]}
}

// nonConvergentAfter is how many objects a field must come back different from
// before it is sent once only.
const nonConvergentAfter = 3

// converge looks whether a user shows what was sent. What does not is sent once
// more; a provider that accepts it and keeps its own is not fought with: the
// record remembers (target.Applied), and it is said once. An active that does
// not become false is another matter: somebody is still let in.
func (t *Target) converge(ctx context.Context, v *view, key plan.Key, r *resource, wanted plan.Fields) (*resource, []plan.Violation,
	error) {
	left := differing(v.layout, v.verifiable(wanted), r)
	a := v.account
	again := slices.DeleteFunc(slices.Clone(left), func(w plan.Field) bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.nonConvergent[w.Name] >= nonConvergentAfter && w.Name != pathActive
	})
	if len(again) > 0 {
		after, err := t.sendUser(ctx, v, r, again)
		switch {
		case err == nil:
			r = after
		case outcomeUnknown(err):
			return nil, nil, err
		default:
			// Refused by itself: what was written stands, and this comes next time.
			if _, e := refusalOf(err); e == nil || e.Unauthorised || e.Forbidden {
				return nil, nil, err
			}
		}
	}
	v.adopt(key, r)
	left = differing(v.layout, v.verifiable(left), r)
	var notes []plan.Violation
	for _, w := range left {
		i := v.layout.at[w.Name]
		if w.Name == pathActive && w.Value.String() == "false" {
			return nil, nil, fmt.Errorf("user %s is still active although the provider accepted that it is not; disable it there", r.label())
		}
		a.mu.Lock()
		a.nonConvergent[w.Name]++
		a.mu.Unlock()
		notes = append(notes, plan.Violation{Code: "non_convergent", Kind: key.Kind, Key: key.ID, Note: w.Name != pathActive,
			NeedsRepair: w.Name == pathActive, Message: fmt.Sprintf(
				"%s: %s was sent as %q and is %q at the provider, twice; it is not sent again until it changes at the source", r.label(), w.Name,
				w.Value, r.values[i])})
	}
	return r, notes, nil
}

// appliedUser is what to remember of a user once it is written: what is there,
// and where that is not what was sent, a note of both.
func (t *Target) appliedUser(v *view, ch plan.Change, r *resource, sent plan.Fields, notes []plan.Violation) target.Applied {
	sent = v.withObjectIDs(sent)
	o := plan.Object{Key: ch.Key, Label: ch.After.Label, Ref: r.id, Fields: v.withObjectIDs(r.fields(v.layout)), UPN: v.upnOf(ch.Key)}
	m := v.memoryOf(ch.Key)
	var rewritten plan.Fields
	for _, w := range sent {
		i, ok := v.layout.at[w.Name]
		if !ok {
			continue
		}
		f := &v.layout.fields[i]
		if f.unverified {
			o.Fields = o.Fields.With(w.Name, w.Value)
			continue
		}
		if !v.attributeRefused(ch.Key, w.Name, w.Value) {
			delete(m, refusedMark+w.Name)
			delete(m, refusedSays+w.Name)
		}
		if len(differing(v.layout, v.withProviderIDs(plan.Fields{w}), r)) > 0 && !f.immutable {
			rewritten = append(rewritten, w)
		}
	}
	// Of the fields that were not sent, those that are not read back as sent
	// stay as they were remembered.
	for _, f := range ch.After.Fields {
		if i, ok := v.layout.at[f.Name]; ok && v.layout.fields[i].unverified {
			o.Fields = o.Fields.With(f.Name, f.Value)
		}
	}
	v.memory[ch.Key], o.Private = m, plan.Remember(m)
	is, says := r.active(v.layout)
	o.Retired = says && !is && t.config.Leavers.Then != ThenDelete
	return target.Applied{Object: o, Notes: notes, Rewritten: rewritten}
}
