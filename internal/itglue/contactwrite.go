package itglue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// applyContact carries out a change of a contact. Contacts are created and
// filled, never removed.
func (t *Target) applyContact(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	switch {
	case ch.Action == plan.Create && ch.After != nil:
		return t.createContact(ctx, v, ch)
	case ch.Action != plan.Delete && ch.Before != nil && ch.After != nil:
		return t.changeContact(ctx, v, ch)
	}
	return target.Applied{}, fmt.Errorf("%s of contact %s: contacts are never removed", ch.Action, ch.Label)
}

// maxContactListAge is how old the list of contacts may be before one is created:
// the PSA's or Microsoft's sync may have made the same person since.
const maxContactListAge = 10 * time.Minute

// createContact makes a contact. It is sent once; where no answer comes the
// organization is searched for it.
func (t *Target) createContact(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	if t.config.PSAContactSync != SyncOff {
		return target.Applied{}, fmt.Errorf("contact %s is not created: with itglue.psa_contact_sync %s it would come twice", ch.Label,
			t.config.PSAContactSync)
	}
	again := ch.Reason == plan.AttemptVanished // an earlier request may have arrived since
	if again || t.session.options.Now().Sub(v.contactsReadAt) > maxContactListAge {
		if err := t.refresh(ctx, v); err != nil {
			return target.Applied{}, err
		}
		if c := v.newContactLike(ch.After, nil); c != nil && again {
			return v.appliedContact(ch, c, ch.After.Fields), nil
		} else if c != nil {
			return target.Applied{}, fmt.Errorf("%w: contact %s (%s) came meanwhile; the next plan takes it on", target.ErrMoved, c.ID, c.name())
		}
	}
	attributes := map[string]any{"organization-id": v.organization}
	v.setContactFields(attributes, nil, ch.After.Fields)
	made, err := t.postContact(ctx, attributes)
	if refusedWith(err, codeField) && strings.Contains(err.Error(), "contact-phones") {
		// The account has no such label; a refusal has stored nothing.
		relabel(attributes, "Mobile", "Cell")
		if made, err = t.postContact(ctx, attributes); refusedWith(err, codeField) && strings.Contains(err.Error(), "contact-phones") {
			delete(attributes, "contact-phones")
			made, err = t.postContact(ctx, attributes)
		}
	}
	if errors.Is(err, rest.ErrOutcomeUnknown) || errors.Is(err, errUnconfirmed) {
		before := v.contacts
		if look := t.refresh(ctx, v); look != nil {
			return target.Applied{}, fmt.Errorf("%w: contact %s was asked for and cannot be looked for (%v); the next run finds out",
				rest.ErrOutcomeUnknown, ch.Label, look)
		}
		if made = v.newContactLike(ch.After, before); made == nil {
			return target.Applied{}, fmt.Errorf("%w: contact %s was asked for and is not to be seen; the next run finds out",
				rest.ErrOutcomeUnknown, ch.Label)
		}
		err = nil
	}
	if err != nil {
		return target.Applied{}, err
	}
	return v.appliedContact(ch, made, ch.After.Fields), nil
}

// postContact creates a contact.
// POST /contacts.
func (t *Target) postContact(ctx context.Context, attributes map[string]any) (*contact, error) {
	return t.sendContact(ctx, request{method: http.MethodPost, at: epContacts, body: outgoing("contacts", attributes)})
}

func (t *Target) sendContact(ctx context.Context, r request) (*contact, error) {
	resp, err := t.session.do(ctx, r)
	if err != nil {
		return nil, err
	}
	row, err := single[contactWire](resp)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnconfirmed, err)
	}
	return row.Attributes.contact(row.ID, nil), nil
}

// refresh reads the organization's contacts again.
func (t *Target) refresh(ctx context.Context, v *view) error {
	at := t.session.options.Now()
	var fresh map[id]*contact
	err := t.session.contacts(ctx, v.organization, func() { fresh = map[id]*contact{} }, func(_ id, c *contact) error {
		fresh[c.ID] = c
		return nil
	})
	if err != nil {
		return err
	}
	v.contacts, v.contactsReadAt = fresh, at
	return nil
}

// newContactLike finds a contact that was not there before, is nobody's yet and has the
// address, or without one the name, of an object: the newest, since ids grow.
func (v *view) newContactLike(o *plan.Object, before map[id]*contact) *contact {
	taken := map[id]bool{}
	for _, pair := range v.contactMatches {
		taken[pair.contact] = true
	}
	mail := o.Fields.Text("email")
	name := foldName(o.Fields.Text("first_name") + " " + o.Fields.Text("last_name"))
	for _, n := range slices.Backward(sortedIDs(v.contacts)) {
		c := v.contacts[n]
		if taken[n] || before[n] != nil {
			continue
		}
		if mail != "" && c.has(map[string]bool{mail: true}) || mail == "" && len(c.Emails) == 0 && foldName(c.name()) == name {
			return c
		}
	}
	return nil
}

// changeContact writes the fields that differ, and no other attribute. Arrays
// are sent whole, with what others wrote in them.
func (t *Target) changeContact(ctx context.Context, v *view, ch plan.Change) (target.Applied, error) {
	n, err := parseID(ch.Before.Ref)
	if err != nil {
		return target.Applied{}, err
	}
	var wanted plan.Fields
	for _, f := range ch.Fields {
		wanted = append(wanted, plan.Field{Name: f.Name, Value: f.After})
	}
	for sent := 0; ; {
		live, err := t.session.contact(ctx, n)
		switch {
		case gone(err):
			return target.Applied{}, fmt.Errorf("%w: contact %s is not there any more", target.ErrMoved, n)
		case err != nil && sent > 0:
			return target.Applied{}, fmt.Errorf("%w: contact %s was written and cannot be read (%v); the next run finds out",
				rest.ErrOutcomeUnknown, n, err)
		case err != nil:
			return target.Applied{}, err
		case live.Organization != v.organization:
			return target.Applied{}, fmt.Errorf("%w: contact %s is in organization %s by now", target.ErrMoved, n, live.Organization)
		case t.config.psaOwns(live):
			return target.Applied{}, fmt.Errorf("%w: contact %s (%s) is the PSA's by now, and is left as it is", target.ErrMoved, n, live.name())
		}
		now := live.fields()
		if moved := moved(ch, now); moved != "" {
			return target.Applied{}, fmt.Errorf("%w: contact %s: %s", target.ErrMoved, n, moved)
		}
		open := slices.DeleteFunc(slices.Clone(wanted), func(f plan.Field) bool {
			value, _ := now.Get(f.Name)
			return value.Equal(f.Value)
		})
		if len(open) == 0 {
			return v.appliedContact(ch, live, wanted), nil
		}
		if sent == maxPatchAttempts {
			return target.Applied{}, fmt.Errorf("%w: contact %s was sent %d times and does not show it; the next run looks again",
				rest.ErrOutcomeUnknown, n, sent)
		}
		attributes := map[string]any{}
		v.setContactFields(attributes, live, open)
		answer, err := t.sendContact(ctx, request{method: http.MethodPatch, at: epContact, ids: []id{n}, body: outgoing("contacts", attributes)})
		sent++
		switch {
		case refusedWith(err, codeField) && strings.Contains(err.Error(), "contact-phones") && relabel(attributes, "Mobile", "Cell"):
			answer, err = t.sendContact(ctx, request{method: http.MethodPatch, at: epContact, ids: []id{n}, body: outgoing("contacts", attributes)})
		case refusedWith(err, codeSynced):
			// Another system keeps it: remembered, so that it is not tried again.
			out := v.appliedContact(ch, live, nil)
			out.Object.Private = readOnly
			out.Notes = append(out.Notes, plan.Violation{Code: "contact_synced", Key: ch.Key.ID, Note: true, Message: fmt.Sprintf(
				"contact %s (%s) is kept by another system and left as it is; if the PSA syncs contacts, set itglue.psa_contact_sync", n, live.name())})
			return out, nil
		}
		switch {
		case errors.Is(err, rest.ErrOutcomeUnknown), errors.Is(err, errUnconfirmed), err == nil && answer.ID != n:
			continue // another look says what became of it
		case err != nil:
			return target.Applied{}, fmt.Errorf("contact %s: %w", n, err)
		}
		return v.appliedContact(ch, answer, wanted), nil
	}
}

// appliedContact is what to remember of a contact once it is written.
func (v *view) appliedContact(ch plan.Change, c *contact, sent plan.Fields) target.Applied {
	if was := v.contacts[c.ID]; was != nil {
		c.PSA, c.Synced, c.Microsoft, c.Remotes, c.ConnectWise = was.PSA, was.Synced, was.Microsoft, was.Remotes, was.ConnectWise
	}
	v.contacts[c.ID] = c
	v.contactMatches[ch.Key.ID] = contactMatch{contact: c.ID}
	o := *ch.After
	o.Ref, o.Fields = c.ID.String(), c.fields()
	return target.Applied{Object: o, Rewritten: differing(sent, o.Fields)}
}

// setContactFields writes fields into the attributes of a contact. Arrays hold all that live
// has, and one primary element at most.
func (v *view) setContactFields(attributes map[string]any, live *contact, fields plan.Fields) {
	if live == nil {
		live = &contact{}
	}
	emails, phones := slices.Clone(live.Emails), slices.Clone(live.Phones)
	for _, f := range fields {
		text := ""
		if len(f.Value) > 0 {
			text = f.Value[0]
		}
		switch f.Name {
		case "first_name", "last_name", "title":
			attributes[strings.ReplaceAll(f.Name, "_", "-")] = text
		case "email":
			if text == "" {
				continue // an address that somebody wrote is never taken away
			}
			at := slices.IndexFunc(emails, func(e email) bool { return address(string(e.Value)) == text })
			if at < 0 {
				emails = append(emails, email{Value: label(text), Label: v.emailLabel()})
				at = len(emails) - 1
			}
			for i := range emails {
				emails[i].Primary = i == at
			}
			attributes["contact-emails"] = emails
		case "phone", "mobile":
			if text == "" {
				continue
			}
			among, name := workLabels, v.phoneLabel(workLabels, "Work")
			if f.Name == "mobile" {
				among, name = mobileLabels, v.phoneLabel(mobileLabels, "Mobile")
			}
			number, extension := splitPhone(text, "")
			at := (&contact{Phones: phones}).phoneAt(among)
			if at < 0 {
				primary := !slices.ContainsFunc(phones, func(p phone) bool { return bool(p.Primary) })
				phones = append(phones, phone{Label: name, Type: "phone", Primary: flag(primary)})
				at = len(phones) - 1
			}
			phones[at].Value, phones[at].Extension = label(number), label(extension)
			attributes["contact-phones"] = phones
		}
	}
}

// emailLabel and phoneLabel are words that the account uses already, if it has
// any: one that it does not know may be refused.
func (v *view) emailLabel() label {
	for _, n := range sortedIDs(v.contacts) {
		for _, e := range v.contacts[n].Emails {
			if labelled(e.Label, []string{"work"}) {
				return e.Label
			}
		}
	}
	return "Work"
}

func (v *view) phoneLabel(among []string, usual label) label {
	for _, word := range among {
		for _, n := range sortedIDs(v.contacts) {
			for _, ph := range v.contacts[n].Phones {
				if labelled(ph.Label, []string{word}) {
					return ph.Label
				}
			}
		}
	}
	return usual
}

// relabel changes a label in the phones to be sent, and reports whether there
// was one.
func relabel(attributes map[string]any, from, to label) bool {
	phones, _ := attributes["contact-phones"].([]phone)
	found := false
	for i := range phones {
		if phones[i].Label == from {
			phones[i].Label, found = to, true
		}
	}
	return found
}
