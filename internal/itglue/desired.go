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

// infoReadOnly marks a contact that IT Glue refused to change: another system
// keeps it.
const infoReadOnly = "read_only"

// refused reports whether IT Glue refused to change a contact.
func (p *place) refused(key plan.Key) bool {
	r := p.records[key]
	return r != nil && r.Info[infoReadOnly] != ""
}

func withReadOnly(info map[string]string) map[string]string {
	info = maps.Clone(info)
	if info == nil {
		info = map[string]string{}
	}
	info[infoReadOnly] = "yes"
	return info
}

// A wishList is the desired state of one customer in the making.
type wishList struct {
	*Target
	customer mapping.Customer
	snapshot *directory.Snapshot
	place    *place
	crowd    *crowd
	products map[string]string // names of SKUs
	will     map[plan.Key]bool // what exists or is about to
	out      target.Desired
}

// desired says what a customer's organization should hold, once it is known whose
// its contacts are. What the source does not tell is left out of an object's
// fields, and so stays as it is.
func (t *Target) desired(p *place, s *directory.Snapshot, people []directory.User) (target.Desired, error) {
	var err error
	w := &wishList{Target: t, customer: p.whose, snapshot: s, place: p, products: map[string]string{}, will: map[plan.Key]bool{}}
	if w.crowd, err = t.crowd(s); err != nil {
		return target.Desired{}, err
	}
	p.promised = map[string]string{}
	for _, add := range []func() error{w.licences, w.domains, w.mailboxes} {
		if err := add(); err != nil {
			return target.Desired{}, err
		}
	}
	for i := range people {
		if people[i].Unread != "" { // the loop freezes what there is of it
			key := w.place.key(kindUser, people[i].ID)
			w.will[key] = w.place.refs[key] != 0
			continue
		}
		w.contact(&people[i])
		w.user(&people[i])
	}
	if err := w.groups(); err != nil {
		return target.Desired{}, err
	}
	return w.out, nil
}

// values are an asset's fields in the making, by name. One that is empty is ours
// and empty; one that is not there is not ours to say.
type values map[string]plan.Value

func (v values) fields() plan.Fields {
	out := make(plan.Fields, 0, len(v)+2)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		out = append(out, plan.Field{Name: name, Value: v[name]})
	}
	return out
}

// add takes an asset into the list, as far as its type has the fields for it.
func (w *wishList) add(kind, object, label string, info map[string]string, v values) {
	v[fieldProven] = w.proven(kind, object)
	key, fields := w.place.key(kind, object), v.fields()
	l := w.place.layouts[kind]
	if l == nil || w.place.inConflict[key] {
		w.will[key] = w.place.refs[key] != 0
		return
	}
	if _, there := w.place.refs[key]; !there && len(l.required()) > 0 {
		var lacks []string
		for _, name := range l.required() {
			lacks = append(lacks, fmt.Sprintf("%q", name))
		}
		slices.Sort(lacks)
		w.out.Conflicts = append(w.out.Conflicts, plan.Conflict{Key: key, Violation: requiredField(l, key, lacks)})
		return
	}
	if lacks := w.blanks(l, key, fields); len(lacks) > 0 {
		w.will[key] = w.place.refs[key] != 0
		w.out.Conflicts = append(w.out.Conflicts, plan.Conflict{Key: key, Violation: requiredField(l, key, lacks)})
		return
	}
	w.will[key] = true
	fields = slices.DeleteFunc(fields, func(f plan.Field) bool {
		at, ok := l.fields[f.Name]
		// An option that an administrator took away would be refused.
		return !ok || at.form == formChoice && !f.Value.Blank() && len(at.offered) > 0 && !slices.Contains(at.offered, f.Value[0])
	})
	fields = append(fields, plan.Field{Name: fieldArchived, Value: yesValue(false)})
	for name := range w.place.mend[key] {
		fields = append(fields, plan.Field{Name: name, Value: plan.Value{w.place.mark(name, key)}})
	}
	o := plan.Object{Key: key, Label: label, Fields: sorted(fields), Info: info}
	if now := w.place.assets[key]; now != nil {
		if why := w.place.carried[key]; why != "" {
			// Held where there is something to write, and only said where there is not.
			differs := slices.ContainsFunc(o.Fields, func(f plan.Field) bool {
				v, there := now.Fields.Get(f.Name)
				return !v.Equal(f.Value) && (there || !f.Value.Blank()) && !w.place.records[key].Rewrites(f.Name, f.Value, v)
			})
			w.out.Conflicts = append(w.out.Conflicts, carries(key, why, differs))
			return
		}
	}
	w.out.Objects = append(w.out.Objects, o)
}

// carries is the word on an asset that cannot be written, though it must be or
// not.
func carries(key plan.Key, why string, must bool) plan.Conflict {
	return plan.Conflict{Key: key, Violation: plan.Violation{Code: "asset_carries_files", Key: key.ID, Note: !must, NeedsRepair: must, Message: why}}
}

// blanks are the labels of our own fields that an administrator made required
// and that would be empty.
func (w *wishList) blanks(l *layout, key plan.Key, fields plan.Fields) []string {
	var out []string
	for name, at := range l.fields {
		if at.demanded == "" || name == fieldNotes || name == fieldTenant || name == fieldObject {
			continue
		}
		value, ours := fields.Get(name)
		if now := w.place.assets[key]; !ours && now != nil {
			value, _ = now.Fields.Get(name)
		}
		if value.Blank() {
			out = append(out, fmt.Sprintf("%q", at.demanded))
		}
	}
	slices.Sort(out)
	return out
}

// has reports whether the account's type of a kind has a field of ours.
func (w *wishList) has(kind, field string) bool {
	l := w.place.layouts[kind]
	if l == nil {
		return false
	}
	_, ok := l.fields[field]
	return ok
}

// asset is a tag of an asset of ours, where there is one or will be.
func (w *wishList) asset(kind, object string) plan.Value {
	key := w.place.key(kind, object)
	if object == "" || !w.will[key] {
		return nil
	}
	return plan.Value{assetLabel(key)}
}

// contactTag is a tag of the contacts of accounts.
func (w *wishList) contactTag(ids []string) plan.Value {
	var labels []string
	for _, n := range ids {
		if c := w.place.contactOf(n); c != nil {
			labels = append(labels, c.label())
		} else if u := w.crowd.users[n]; u != nil && w.creates(n) {
			label := u.UPN + " (new)"
			w.place.promised[label] = n
			labels = append(labels, label)
		}
	}
	return tagValue(labels)
}

// creates reports whether a person gets a new contact.
func (w *wishList) creates(object string) bool {
	p, here := w.place.people[object]
	return here && p.contact == 0 && p.conflict == nil && w.config.PSAContactSync == SyncOff && !w.place.microsoft &&
		!slices.ContainsFunc(w.place.settled, func(s plan.Settlement) bool {
			return s.Key == plan.Key{Kind: kindContact, ID: object} && s.How == plan.SettleIgnore
		})
}

// contact is what a person's contact should say. What the source leaves empty
// is left alone.
func (w *wishList) contact(u *directory.User) {
	key := plan.Key{Kind: kindContact, ID: u.ID}
	pair := w.place.people[u.ID]
	if pair.conflict != nil {
		w.out.Conflicts = append(w.out.Conflicts, plan.Conflict{Key: key, Violation: *pair.conflict})
		return
	}
	o := plan.Object{Key: key, Label: u.Name, Info: map[string]string{"upn": u.UPN}}
	c := w.place.contactOf(u.ID)
	switch {
	case c == nil && w.place.microsoft:
		w.out.Conflicts = append(w.out.Conflicts, plan.Conflict{Key: key, Violation: plan.Violation{Code: "contact_missing", Key: u.ID, Note: true,
			Message: fmt.Sprintf("%s (%s) has no contact, and IT Glue's own Microsoft integration is the one to make it", u.Name, u.UPN)}})
		return
	case c != nil && w.readOnly(c, key):
		// Linked, and nothing of it ours.
	default:
		o.Fields = contactWish(u)
	}
	if c != nil {
		o.Label = cmp.Or(c.name(), o.Label)
	}
	w.out.Objects = append(w.out.Objects, o)
}

// readOnly reports whether a contact is another system's to write: what is
// written there anyway is refused, undone by the next sync, or travels on.
func (w *wishList) readOnly(c *contact, key plan.Key) bool {
	return w.config.psaOwns(c) || c.Microsoft || w.place.microsoft || w.place.refused(key)
}

// psaOwns reports whether a contact is the PSA's. With two-way sync IT Glue takes
// what is written there, and pushes it into the PSA at once: blanks and notes too.
// Where no sync is said to be on, one that is synced all the same tells that the
// setting is not true.
func (c *Config) psaOwns(of *contact) bool {
	return of.Synced || of.PSA && c.PSAContactSync != SyncOff
}

// mailShape is what can be an address at all.
var mailShape = regexp.MustCompile(`^[^@\s<>(),;:"]+@[^@\s<>(),;:"]+\.[^@\s<>(),;:".]+$`)

func contactWish(u *directory.User) plan.Fields {
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
		if a = address(a); mail == "" && mailShape.MatchString(a) && !(u.Guest && a == address(u.UPN)) {
			mail = a
		}
	}
	phone := ""
	if len(u.BusinessPhones) > 0 {
		phone = u.BusinessPhones[0]
	}
	all := values{
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

func (w *wishList) user(u *directory.User) {
	v := values{
		fieldTitle:     textValue(cmp.Or(oneLine(u.Name), u.UPN)),
		"upn":          textValue(u.UPN),
		"contact":      w.contactTag([]string{u.ID}),
		"status":       choice(u.Enabled, "Enabled", "Blocked"),
		"type":         choice(u.Guest, "Guest", "Member"),
		"email":        textValue(u.Mail),
		"aliases":      setValue(u.Aliases),
		"title":        textValue(u.JobTitle),
		"department":   textValue(u.Department),
		"office":       textValue(u.Office),
		"manager":      nil,
		"licences":     setValue(w.names(u.Licences)),
		"licence_list": w.licenceList(u.Licences),
		"mailbox_type": nil,
		"mailbox_size": nil,
		"synced":       yesValue(u.Synced),
		"created":      dateValue(u.Created),
		"domain":       w.asset(kindDomain, domainOf(u.UPN)),
		fieldLinks:     w.userLinks(u),
	}
	if m := w.crowd.users[u.ManagerID]; m != nil {
		v["manager"] = textValue(who(m))
	}
	if w.crowd.memberOf != nil {
		v["groups"] = setValue(w.crowd.memberOf[u.ID])
	}
	if m := w.crowd.mailboxes[u.ID]; m != nil {
		v["mailbox_type"] = textValue(mailboxKind(m.Kind))
		if delete(v, "mailbox_size"); m.SizeBytes > 0 { // 0 is unknown
			v["mailbox_size"] = plan.Value{bucket(m.SizeBytes, w.now(kindUser, u.ID, "mailbox_size"))}
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
	w.add(kindUser, u.ID, cmp.Or(oneLine(u.Name), u.UPN), map[string]string{"upn": u.UPN}, v)
}

// licenceList is a tag of the customer's licences, for whoever holds one.
func (w *wishList) licenceList(skus []string) plan.Value {
	if len(skus) == 0 {
		return nil
	}
	return w.asset(kindLicences, w.customer.Key)
}

// now is what a field of an asset holds at present.
func (w *wishList) now(kind, object, field string) string {
	if o := w.place.assets[w.place.key(kind, object)]; o != nil {
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

// names are the names of SKUs.
func (w *wishList) names(skus []string) []string {
	var out []string
	for _, sku := range skus {
		out = append(out, cmp.Or(w.products[strings.ToLower(sku)], directory.ProductName(sku, sku)))
	}
	return out
}

func (w *wishList) groups() error {
	groups, err := w.snapshot.Groups.Items()
	if err != nil {
		return err
	}
	for i := range groups {
		g := &groups[i]
		if !w.documents(g) {
			continue
		}
		v := values{
			fieldTitle:     textValue(cmp.Or(oneLine(g.Name), g.ID)),
			"type":         textValue(string(g.Kind)),
			"email":        textValue(g.Mail),
			"description":  longValue(g.Description),
			"visibility":   textValue(g.Visibility),
			"team":         yesValue(g.Team),
			"rule":         longValue(g.Rule),
			"synced":       yesValue(g.Synced),
			"licences":     setValue(w.names(g.Licences)),
			"licence_list": w.licenceList(g.Licences),
			"domain":       w.asset(kindDomain, domainOf(g.Mail)),
			fieldLinks:     w.groupLinks(g),
		}
		if g.OwnersUnknown == "" {
			v["owners"], v["owner_contacts"] = setValue(w.crowd.named(g.Owners)), w.contactTag(g.Owners)
		}
		if g.Members.Unknown == "" {
			names := w.crowd.named(g.Members.IDs)
			contacts := w.contactTag(g.Members.IDs)
			if len(contacts) == mostTags {
				names = append(names, fmt.Sprintf("(at most %d members are linked to their contacts)", mostTags))
			}
			v["members"], v["member_contacts"], v["member_count"] = setValue(names), contacts, numberValue(len(g.Members.IDs))
		}
		w.add(kindGroup, g.ID, cmp.Or(oneLine(g.Name), g.ID), nil, v)
	}
	return nil
}

func (w *wishList) domains() error {
	domains, err := w.snapshot.Domains.Items()
	if err != nil {
		return err
	}
	for i := range domains {
		d := &domains[i]
		name := domainName(d.Name)
		if !w.covers(d) {
			continue
		}
		v := values{
			fieldTitle:       textValue(name),
			"record":         nil,
			"verified":       yesValue(d.Verified),
			"default":        yesValue(d.Default),
			"initial":        yesValue(d.Initial),
			"authentication": textValue(d.Authentication),
			"services":       textValue(strings.Join(d.Services, ", ")),
			fieldLinks:       w.domainLinks(),
		}
		if n := w.place.domains[wireName(name)]; n != 0 && d.Verified {
			v["record"] = plan.Value{tagLabel(wireName(name), n)}
		}
		if h := &d.Health; h.Known {
			v["mail_provider"] = textValue(h.MailProvider)
			v["mx"] = setValue(h.MX)
			v["spf"] = longValue(h.SPF)
			v["dmarc"] = textValue(h.DMARC)
			v["dkim"] = yesValue(h.DKIM)
			v["dnssec"] = yesValue(h.DNSSEC)
		}
		w.add(kindDomain, name, name, nil, v)
	}
	return nil
}

// covers reports whether a domain is documented, by the configuration.
func (t *Target) covers(d *directory.Domain) bool {
	return (d.Verified || t.config.Domains.Unverified) &&
		(t.config.Domains.Onmicrosoft || !strings.HasSuffix(domainName(d.Name), ".onmicrosoft.com"))
}

func (w *wishList) mailboxes() error {
	mailboxes, err := w.snapshot.Mailboxes.Items()
	if err != nil || !w.config.Users.SharedMailboxes {
		return err
	}
	for i := range mailboxes {
		m := &mailboxes[i]
		if personal(m) || directory.MatchesAny(w.config.Users.Exclude, cmp.Or(m.UPN, m.Address)) {
			continue
		}
		object := cmp.Or(m.ID, m.UserID, m.Address)
		v := values{
			fieldTitle:   textValue(cmp.Or(oneLine(m.Name), m.Address)),
			"address":    textValue(m.Address),
			"type":       textValue(mailboxKind(m.Kind)),
			"aliases":    setValue(m.Aliases),
			"forwarding": textValue(m.Forwarding),
			"archive":    yesValue(m.Archive),
			"hidden":     yesValue(m.Hidden),
			"synced":     yesValue(m.Synced),
			fieldLinks:   w.mailboxLinks(m),
		}
		if m.SizeBytes > 0 {
			v["size"] = plan.Value{bucket(m.SizeBytes, w.now(kindMailbox, object, "size"))}
		}
		if m.RightsUnknown == "" {
			var calendar []string
			for _, r := range m.Calendar {
				calendar = append(calendar, row(cmp.Or(r.Folder, "Calendar"), r.Who, r.Rights))
			}
			v["full_access"] = setValue(m.FullAccess)
			v["send_as"] = setValue(m.SendAs)
			v["send_on_behalf"] = setValue(m.SendOnBehalf)
			v["delegates"] = w.contactTag(w.crowd.accounts(m.FullAccess, m.SendAs, m.SendOnBehalf))
			v["calendar"] = setValue(calendar)
		}
		w.add(kindMailbox, object, cmp.Or(oneLine(m.Name), m.Address), map[string]string{"upn": m.UPN}, v)
	}
	return nil
}
