package itglue

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// memory is what an object remembers besides its fields.
type memory struct {
	// ReadOnly marks a contact that IT Glue refused to change: another system keeps it.
	ReadOnly bool `json:"read_only,omitempty"`
}

var readOnly = plan.Remember(memory{ReadOnly: true})

// contactRefused reports whether IT Glue refused to change a contact.
func (v *view) contactRefused(key plan.Key) bool { return v.refused[key] }

// A desiredBuilder is the desired state of one customer in the making.
type desiredBuilder struct {
	*Target
	customer     mapping.Customer
	snapshot     *directory.Snapshot
	view         *view
	index        *directoryIndex
	productNames map[string]string // names of SKUs
	planned      map[plan.Key]bool // what exists or is about to
	out          target.Desired
}

// desired says what a customer's organization should hold, once it is known whose
// its contacts are. What the source does not tell is left out of an object's
// fields, and so stays as it is.
func (t *Target) desired(v *view, s *directory.Snapshot, people []directory.User) (target.Desired, error) {
	var err error
	b := &desiredBuilder{Target: t, customer: v.customer, snapshot: s, view: v, productNames: map[string]string{},
		planned: map[plan.Key]bool{}}
	if b.index, err = t.indexDirectory(s); err != nil {
		return target.Desired{}, err
	}
	v.pendingContacts = map[string]string{}
	for _, add := range []func() error{b.licences, b.domains, b.mailboxes} {
		if err := add(); err != nil {
			return target.Desired{}, err
		}
	}
	for i := range people {
		if people[i].Unread != "" { // the loop freezes what there is of it
			key := b.view.key(kindUser, people[i].ID)
			b.planned[key] = b.view.idByKey[key] != 0
			continue
		}
		b.contact(&people[i])
		b.user(&people[i])
	}
	if err := b.groups(); err != nil {
		return target.Desired{}, err
	}
	return b.out, nil
}

// fieldValues are an asset's fields in the making, by name. One that is empty is ours
// and empty; one that is not there is not ours to say.
type fieldValues map[string]plan.Value

func (v fieldValues) fields() plan.Fields {
	out := make(plan.Fields, 0, len(v)+2)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		out = append(out, plan.Field{Name: name, Value: v[name]})
	}
	return out
}

// add takes an asset into the list, as far as its type has the fields for it.
func (b *desiredBuilder) add(kind, object, label, upn string, v fieldValues) {
	v[fieldProven] = b.proven(kind, object)
	key, fields := b.view.key(kind, object), v.fields()
	l := b.view.layouts[kind]
	if l == nil || b.view.inConflict[key] {
		b.planned[key] = b.view.idByKey[key] != 0
		return
	}
	if _, there := b.view.idByKey[key]; !there && len(l.required()) > 0 {
		var lacks []string
		for _, name := range l.required() {
			lacks = append(lacks, fmt.Sprintf("%q", name))
		}
		slices.Sort(lacks)
		b.out.Conflicts = append(b.out.Conflicts, plan.Conflict{Key: key, Violation: requiredField(l, key, lacks)})
		return
	}
	if lacks := b.emptyRequired(l, key, fields); len(lacks) > 0 {
		b.planned[key] = b.view.idByKey[key] != 0
		b.out.Conflicts = append(b.out.Conflicts, plan.Conflict{Key: key, Violation: requiredField(l, key, lacks)})
		return
	}
	b.planned[key] = true
	fields = slices.DeleteFunc(fields, func(f plan.Field) bool {
		at, ok := l.fields[f.Name]
		// An option that an administrator took away would be refused.
		return !ok || at.form == formSelect && !f.Value.Blank() && len(at.offeredOptions) > 0 && !slices.Contains(at.offeredOptions, f.Value[0])
	})
	fields = append(fields, plan.Field{Name: fieldArchived, Value: boolValue(false)})
	for name := range b.view.clearedMarks[key] {
		fields = append(fields, plan.Field{Name: name, Value: plan.Value{b.view.markValue(name, key)}})
	}
	o := plan.Object{Key: key, Label: label, Fields: sorted(fields), UPN: upn}
	if now := b.view.assets[key]; now != nil {
		if why := b.view.whyUnwritable[key]; why != "" {
			// Held where there is something to write, and only said where there is not.
			differs := slices.ContainsFunc(o.Fields, func(f plan.Field) bool {
				v, there := now.Fields.Get(f.Name)
				return !v.Equal(f.Value) && (there || !f.Value.Blank()) && !b.view.records[key].Rewrites(f.Name, f.Value, v)
			})
			b.out.Conflicts = append(b.out.Conflicts, carriesConflict(key, why, differs))
			return
		}
	}
	b.out.Objects = append(b.out.Objects, o)
}

// carriesConflict is the word on an asset that cannot be written, though it must be or
// not.
func carriesConflict(key plan.Key, why string, must bool) plan.Conflict {
	return plan.Conflict{Key: key,
		Violation: plan.Violation{Code: "asset_carries_files", Key: key.ID, Note: !must, NeedsRepair: must, Message: why}}
}

// emptyRequired are the labels of our own fields that an administrator made required
// and that would be empty.
func (b *desiredBuilder) emptyRequired(l *layout, key plan.Key, fields plan.Fields) []string {
	var out []string
	for name, at := range l.fields {
		if at.requiredAs == "" || name == fieldNotes || name == fieldTenant || name == fieldObject {
			continue
		}
		value, ours := fields.Get(name)
		if now := b.view.assets[key]; !ours && now != nil {
			value, _ = now.Fields.Get(name)
		}
		if value.Blank() {
			out = append(out, fmt.Sprintf("%q", at.requiredAs))
		}
	}
	slices.Sort(out)
	return out
}

// hasField reports whether the account's type of a kind has a field of ours.
func (b *desiredBuilder) hasField(kind, field string) bool {
	l := b.view.layouts[kind]
	if l == nil {
		return false
	}
	_, ok := l.fields[field]
	return ok
}

// assetTag is a tag of an asset of ours, where there is one or will be.
func (b *desiredBuilder) assetTag(kind, object string) plan.Value {
	key := b.view.key(kind, object)
	if object == "" || !b.planned[key] {
		return nil
	}
	return plan.Value{assetLabel(key)}
}

// contactTag is a tag of the contacts of accounts.
func (b *desiredBuilder) contactTag(ids []string) plan.Value {
	var labels []string
	for _, n := range ids {
		if c := b.view.contactOf(n); c != nil {
			labels = append(labels, c.label())
		} else if u := b.index.users[n]; u != nil && b.createsContact(n) {
			label := u.UPN + " (new)"
			b.view.pendingContacts[label] = n
			labels = append(labels, label)
		}
	}
	return tagValue(labels)
}

// createsContact reports whether a person gets a new contact.
func (b *desiredBuilder) createsContact(object string) bool {
	p, here := b.view.contactMatches[object]
	return here && p.contact == 0 && p.conflict == nil && b.config.PSAContactSync == SyncOff && !b.view.microsoftKeepsContacts &&
		!slices.ContainsFunc(b.view.settlements, func(s plan.Settlement) bool {
			return s.Key == plan.Key{Kind: kindContact, ID: object} && s.How == plan.SettleIgnore
		})
}

// contact is what a person's contact should say. What the source leaves empty
// is left alone.
func (b *desiredBuilder) contact(u *directory.User) {
	key := plan.Key{Kind: kindContact, ID: u.ID}
	pair := b.view.contactMatches[u.ID]
	if pair.conflict != nil {
		pair.conflict.Label = u.Name
		b.out.Conflicts = append(b.out.Conflicts, plan.Conflict{Key: key, Violation: *pair.conflict})
		return
	}
	o := plan.Object{Key: key, Label: u.Name, UPN: u.UPN}
	c := b.view.contactOf(u.ID)
	switch {
	case c == nil && b.view.microsoftKeepsContacts:
		b.out.Conflicts = append(b.out.Conflicts,
			plan.Conflict{Key: key, Violation: plan.Violation{Code: "contact_missing", Key: u.ID, Note: true,
				Message: fmt.Sprintf("%s (%s) has no contact, and IT Glue's own Microsoft integration is the one to make it", u.Name, u.UPN)}})
		return
	case c != nil && b.readOnly(c, key):
		// Linked, and nothing of it ours.
	default:
		o.Fields = desiredContact(u)
	}
	if c != nil {
		o.Label = cmp.Or(c.name(), o.Label)
	}
	b.out.Objects = append(b.out.Objects, o)
}

// readOnly reports whether a contact is another system's to write: what is
// written there anyway is refused, undone by the next sync, or travels on.
func (b *desiredBuilder) readOnly(c *contact, key plan.Key) bool {
	return b.config.psaOwns(c) || c.Microsoft || b.view.microsoftKeepsContacts || b.view.contactRefused(key)
}

// psaOwns reports whether a contact is the PSA's. With two-way sync IT Glue takes
// what is written there, and pushes it into the PSA at once: blanks and notes too.
// Where no sync is said to be on, one that is synced all the same tells that the
// setting is not true.
func (c *Config) psaOwns(of *contact) bool {
	return of.Synced || of.PSA && c.PSAContactSync != SyncOff
}

// mailPattern is what can be an address at all.
var mailPattern = regexp.MustCompile(`^[^@\s<>(),;:"]+@[^@\s<>(),;:"]+\.[^@\s<>(),;:".]+$`)

func desiredContact(u *directory.User) plan.Fields {
	first, last := u.GivenName, u.Surname
	if oneLine(first+last) == "" {
		first, last, _ = strings.Cut(oneLine(u.Name), " ")
	}
	if oneLine(first) == "" { // IT Glue's pages insist on one
		first, last = last, ""
		if oneLine(first) == "" {
			first, _, _ = strings.Cut(u.UPN, "@")
		}
	}
	// IT Glue takes nothing for an address that is none, and the person with it.
	mail := ""
	for _, a := range append([]string{u.Mail, u.UPN}, u.Aliases...) {
		if a = address(a); mail == "" && mailPattern.MatchString(a) && !(u.Guest && a == address(u.UPN)) {
			mail = a
		}
	}
	phone := ""
	if len(u.BusinessPhones) > 0 {
		phone = u.BusinessPhones[0]
	}
	all := fieldValues{
		"email":      scalar(address(mail)),
		"first_name": textValue(first),
		"last_name":  textValue(last),
		"mobile":     phoneValue(u.MobilePhone, ""),
		"phone":      phoneValue(phone, ""),
		"title":      textValue(u.JobTitle),
	}
	maps.DeleteFunc(all, func(_ string, v plan.Value) bool { return v.Blank() })
	return all.fields()
}

func (b *desiredBuilder) user(u *directory.User) {
	v := fieldValues{
		fieldTitle:     textValue(cmp.Or(oneLine(u.Name), u.UPN)),
		"upn":          textValue(u.UPN),
		"contact":      b.contactTag([]string{u.ID}),
		"status":       choice(u.Enabled, "Enabled", "Blocked"),
		"type":         choice(u.Guest, "Guest", "Member"),
		"email":        textValue(u.Mail),
		"aliases":      setValue(u.Aliases),
		"title":        textValue(u.JobTitle),
		"department":   textValue(u.Department),
		"office":       textValue(u.Office),
		"manager":      nil,
		"licences":     setValue(b.namesOfSKUs(u.Licences)),
		"licence_list": b.licenceList(u.Licences),
		"mailbox_type": nil,
		"mailbox_size": nil,
		"synced":       boolValue(u.Synced),
		"created":      dateValue(u.Created),
		"domain":       b.assetTag(kindDomain, domainOf(u.UPN)),
		fieldLinks:     b.userLinks(u),
	}
	if m := b.index.users[u.ManagerID]; m != nil {
		v["manager"] = textValue(userLabel(m))
	}
	if b.index.memberOf != nil {
		v["groups"] = setValue(b.index.memberOf[u.ID])
	}
	if m := b.index.mailboxes[u.ID]; m != nil {
		v["mailbox_type"] = textValue(mailboxKind(m.Kind))
		if delete(v, "mailbox_size"); m.SizeBytes > 0 { // 0 is unknown
			v["mailbox_size"] = plan.Value{sizeText(m.SizeBytes, b.currentText(kindUser, u.ID, "mailbox_size"))}
		}
	}
	switch u.MFA {
	case directory.MFANone:
		v["mfa"] = plan.Value{"None"}
	case directory.MFARegistered:
		v["mfa"] = plan.Value{"Registered"}
	case directory.MFAEnforced:
		v["mfa"] = plan.Value{"Enforced"}
	}
	if !u.LastSignIn.IsZero() {
		v["last_sign_in"] = plan.Value{u.LastSignIn.UTC().Format("2006-01")}
	}
	b.add(kindUser, u.ID, cmp.Or(oneLine(u.Name), u.UPN), u.UPN, v)
}

// licenceList is a tag of the customer's licences, for whoever holds one.
func (b *desiredBuilder) licenceList(skus []string) plan.Value {
	if len(skus) == 0 {
		return nil
	}
	return b.assetTag(kindLicences, b.customer.Key)
}

// currentText is what a field of an asset holds at present.
func (b *desiredBuilder) currentText(kind, object, field string) string {
	if o := b.view.assets[b.view.key(kind, object)]; o != nil {
		return o.Fields.Text(field)
	}
	return ""
}

func choice(first bool, yes, no string) plan.Value {
	if first {
		return plan.Value{yes}
	}
	return plan.Value{no}
}

func domainOf(mail string) string {
	_, domain, _ := strings.Cut(strings.ToLower(mail), "@")
	return domain
}

// namesOfSKUs are the names of SKUs.
func (b *desiredBuilder) namesOfSKUs(skus []string) []string {
	var out []string
	for _, sku := range skus {
		out = append(out, cmp.Or(b.productNames[strings.ToLower(sku)], directory.ProductName(sku, sku)))
	}
	return out
}

func (b *desiredBuilder) groups() error {
	groups, err := b.snapshot.Groups.Items()
	if err != nil {
		return err
	}
	for i := range groups {
		g := &groups[i]
		if !b.documentsGroup(g) {
			continue
		}
		v := fieldValues{
			fieldTitle:     textValue(cmp.Or(oneLine(g.Name), g.ID)),
			"type":         textValue(string(g.Kind)),
			"email":        textValue(g.Mail),
			"description":  longValue(g.Description),
			"visibility":   textValue(g.Visibility),
			"team":         boolValue(g.Team),
			"rule":         longValue(g.Rule),
			"synced":       boolValue(g.Synced),
			"licences":     setValue(b.namesOfSKUs(g.Licences)),
			"licence_list": b.licenceList(g.Licences),
			"domain":       b.assetTag(kindDomain, domainOf(g.Mail)),
			fieldLinks:     b.groupLinks(g),
		}
		if g.OwnersUnknown == "" {
			v["owners"], v["owner_contacts"] = setValue(b.index.memberNames(g.Owners)), b.contactTag(g.Owners)
		}
		if g.Members.Unknown == "" {
			names := b.index.memberNames(g.Members.IDs)
			contacts := b.contactTag(g.Members.IDs)
			if len(contacts) == maxTags {
				names = append(names, fmt.Sprintf("(at most %d members are linked to their contacts)", maxTags))
			}
			v["members"], v["member_contacts"], v["member_count"] = setValue(names), contacts, numberValue(len(g.Members.IDs))
		}
		b.add(kindGroup, g.ID, cmp.Or(oneLine(g.Name), g.ID), "", v)
	}
	return nil
}

func (b *desiredBuilder) domains() error {
	domains, err := b.snapshot.Domains.Items()
	if err != nil {
		return err
	}
	for i := range domains {
		d := &domains[i]
		name := domainName(d.Name)
		if !b.documentsDomain(d) {
			continue
		}
		v := fieldValues{
			fieldTitle:       textValue(name),
			"record":         nil,
			"verified":       boolValue(d.Verified),
			"default":        boolValue(d.Default),
			"initial":        boolValue(d.Initial),
			"authentication": textValue(d.Authentication),
			"services":       textValue(strings.Join(d.Services, ", ")),
			fieldLinks:       b.domainLinks(),
		}
		if n := b.view.domains[punycodeName(name)]; n != 0 && d.Verified {
			v["record"] = plan.Value{tagLabel(punycodeName(name), n)}
		}
		if h := &d.Health; h.Known {
			v["mail_provider"] = textValue(h.MailProvider)
			v["mx"] = setValue(h.MX)
			v["spf"] = longValue(h.SPF)
			v["dmarc"] = textValue(h.DMARC)
			v["dkim"] = boolValue(h.DKIM)
			v["dnssec"] = boolValue(h.DNSSEC)
		}
		b.add(kindDomain, name, name, "", v)
	}
	return nil
}

// documentsDomain reports whether a domain is documented, by the configuration.
func (t *Target) documentsDomain(d *directory.Domain) bool {
	return (d.Verified || t.config.Domains.Unverified) &&
		(t.config.Domains.Onmicrosoft || !strings.HasSuffix(domainName(d.Name), ".onmicrosoft.com"))
}

func (b *desiredBuilder) mailboxes() error {
	mailboxes, err := b.snapshot.Mailboxes.Items()
	if err != nil || !b.config.Users.SharedMailboxes {
		return err
	}
	for i := range mailboxes {
		m := &mailboxes[i]
		if personal(m) || directory.MatchesAny(b.config.Users.Exclude, cmp.Or(m.UPN, m.Address)) {
			continue
		}
		object := cmp.Or(m.ID, m.UserID, m.Address)
		v := fieldValues{
			fieldTitle:   textValue(cmp.Or(oneLine(m.Name), m.Address)),
			"address":    textValue(m.Address),
			"type":       textValue(mailboxKind(m.Kind)),
			"aliases":    setValue(m.Aliases),
			"forwarding": textValue(m.Forwarding),
			"archive":    boolValue(m.Archive),
			"hidden":     boolValue(m.Hidden),
			"synced":     boolValue(m.Synced),
			fieldLinks:   b.mailboxLinks(m),
		}
		if m.SizeBytes > 0 {
			v["size"] = plan.Value{sizeText(m.SizeBytes, b.currentText(kindMailbox, object, "size"))}
		}
		if m.RightsUnknown == "" {
			var calendar []string
			for _, r := range m.Calendar {
				calendar = append(calendar, row(cmp.Or(r.Folder, "Calendar"), r.Who, r.Rights))
			}
			v["full_access"] = setValue(m.FullAccess)
			v["send_as"] = setValue(m.SendAs)
			v["send_on_behalf"] = setValue(m.SendOnBehalf)
			v["delegates"] = b.contactTag(b.index.accountsMeant(m.FullAccess, m.SendAs, m.SendOnBehalf))
			v["calendar"] = setValue(calendar)
		}
		b.add(kindMailbox, object, cmp.Or(oneLine(m.Name), m.Address), m.UPN, v)
	}
	return nil
}
