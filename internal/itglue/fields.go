package itglue

import (
	"maps"
	"slices"

	"syncd/internal/plan"
)

// The kinds of object, as scripts see them.
const (
	kindLicences = "licences"
	kindDomain   = "domain"
	kindMailbox  = "mailbox"
	kindContact  = "contact"
	kindUser     = "user"
	kindGroup    = "group"
)

// creation is the order in which things are made: what others tag comes first.
var creation = []string{kindLicences, kindDomain, kindContact, kindMailbox, kindUser, kindGroup}

// A form says how a value stands in IT Glue and how it is compared.
type form string

const (
	formText   form = "text"   // Text: one line
	formChoice form = "choice" // Select: one of the options
	formLong   form = "long"   // Textbox: some lines of plain text
	formList   form = "list"   // Textbox: a list, compared as a set
	formRows   form = "rows"   // Textbox: a table, compared as a set of rows
	formNumber form = "number" // Number without decimals
	formYes    form = "yes"    // Checkbox: yes or no
	formDate   form = "date"   // Date: yyyy-mm-dd
	formTag    form = "tag"    // Tag: see tags.go
)

// kindOf is what IT Glue calls the kind of such a field.
var kindOf = map[form]string{
	formText: "Text", formChoice: "Select", formLong: "Textbox", formList: "Textbox", formRows: "Textbox",
	formNumber: "Number", formYes: "Checkbox", formDate: "Date", formTag: "Tag",
}

// A field is one property of an asset type of ours. Its name is ours for ever;
// the label is what people see and may change.
type field struct {
	name    string
	label   string
	form    form
	hint    string
	options []string // of a choice
	head    []string // of a table
	tag     string   // tag type, or one of our kinds
	inList  bool     // a column of the list view
	expires bool     // feeds the expirations list
}

// A layoutSpec is an asset type of ours as this version of syncd makes it.
type layoutSpec struct {
	kind   string
	name   string // after the prefix
	icon   string
	about  string
	fields []field // the title first, then what this type alone has
}

// The fields that every type has besides its own. They are no part of plans:
// the ids are the asset's key, and the notes are people's.
const (
	fieldTitle  = "name"
	fieldTenant = "tenant_id"
	fieldObject = "object_id"
	fieldNotes  = "notes"
)

// fieldArchived is how plans show where an asset is put away: an attribute of
// the asset, not a trait.
const fieldArchived = "archived"

var everywhere = []field{
	{name: fieldTenant, label: "Tenant ID", form: formText, hint: "Finds this asset again; leave it as it is."},
	{name: fieldObject, label: "Object ID", form: formText, hint: "Finds this asset again; leave it as it is."},
	{name: fieldNotes, label: "Notes (manual)", form: formLong, hint: "Yours: never changed."},
}

// layouts are our asset types, in the order in which they are made: a tag of
// assets needs the id of their type.
var layouts = []layoutSpec{
	{kind: kindLicences, name: "Licences", icon: "certificate", about: "The Microsoft 365 licences of a customer", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true},
		{name: "bought", label: "Bought", form: formNumber, inList: true},
		{name: "assigned", label: "Assigned", form: formNumber, inList: true},
		{name: "free", label: "Free", form: formNumber, inList: true},
		{name: "products", label: "Products", form: formRows, head: []string{"Product", "SKU", "Bought", "Assigned", "Free", "Remarks"}},
		{name: "renewals", label: "Subscriptions", form: formRows, head: []string{"Product", "Status", "Units", "Renews"}},
		{name: "next_renewal", label: "Next renewal", form: formDate, inList: true, expires: true},
	}},
	{kind: kindDomain, name: "Domain", icon: "globe", about: "A domain of a Microsoft 365 tenant", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true},
		{name: "record", label: "Tracked domain", form: formTag, tag: "Domains", hint: "The domain that IT Glue tracks, where there is one."},
		{name: "verified", label: "Verified", form: formYes, inList: true},
		{name: "default", label: "Default", form: formYes, inList: true},
		{name: "initial", label: "Initial", form: formYes},
		{name: "authentication", label: "Authentication", form: formText},
		{name: "services", label: "Services", form: formText},
		{name: "mail_provider", label: "Mail provider", form: formText, inList: true},
		{name: "mx", label: "MX", form: formList},
		{name: "spf", label: "SPF", form: formLong},
		{name: "dmarc", label: "DMARC policy", form: formText, inList: true},
		{name: "dkim", label: "DKIM", form: formYes},
		{name: "dnssec", label: "DNSSEC", form: formYes},
	}},
	{kind: kindMailbox, name: "Mailbox", icon: "envelope", about: "A shared, room or equipment mailbox", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true},
		{name: "address", label: "Address", form: formText, inList: true},
		{name: "type", label: "Type", form: formText, inList: true},
		{name: "aliases", label: "Aliases", form: formList},
		{name: "full_access", label: "Full access", form: formList},
		{name: "send_as", label: "Send as", form: formList},
		{name: "send_on_behalf", label: "Send on behalf", form: formList},
		{name: "delegates", label: "Delegates", form: formTag, tag: "Contacts", hint: "Contacts among those with rights."},
		{name: "calendar", label: "Calendar permissions", form: formRows, head: []string{"Folder", "Who", "Rights"}},
		{name: "forwarding", label: "Forwards to", form: formText},
		{name: "size", label: "Size", form: formText, hint: "In steps, so that it does not change every day."},
		{name: "archive", label: "Archive", form: formYes},
		{name: "hidden", label: "Hidden from address lists", form: formYes},
		{name: "synced", label: "Synced from on-premises", form: formYes},
	}},
	{kind: kindUser, name: "User", icon: "user", about: "An account of a Microsoft 365 tenant", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true},
		{name: "upn", label: "User principal name", form: formText, inList: true},
		{name: "contact", label: "Contact", form: formTag, tag: "Contacts", inList: true},
		{name: "status", label: "Status", form: formChoice, options: []string{"Enabled", "Blocked"}, inList: true},
		{name: "type", label: "Type", form: formChoice, options: []string{"Member", "Guest"}},
		{name: "email", label: "E-mail", form: formText},
		{name: "aliases", label: "Aliases", form: formList},
		{name: "title", label: "Job title", form: formText},
		{name: "department", label: "Department", form: formText},
		{name: "office", label: "Office", form: formText},
		{name: "manager", label: "Manager", form: formText},
		{name: "licences", label: "Licences", form: formList, inList: true},
		{name: "licence_list", label: "Licence list", form: formTag, tag: kindLicences},
		{name: "groups", label: "Groups", form: formList},
		{name: "mailbox_type", label: "Mailbox type", form: formText},
		{name: "mailbox_size", label: "Mailbox size", form: formText, hint: "In steps, so that it does not change every day."},
		{name: "mfa", label: "MFA", form: formChoice, options: []string{"None", "Registered", "Enforced"}, inList: true},
		{name: "synced", label: "Synced from on-premises", form: formYes},
		{name: "last_sign_in", label: "Last sign-in", form: formText, hint: "The month, so that it does not change every day."},
		{name: "created", label: "Created", form: formDate},
		{name: "domain", label: "Domain", form: formTag, tag: kindDomain},
	}},
	{kind: kindGroup, name: "Group", icon: "users", about: "A group of a Microsoft 365 tenant", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true},
		{name: "type", label: "Type", form: formText, inList: true},
		{name: "email", label: "E-mail", form: formText, inList: true},
		{name: "description", label: "Purpose", form: formLong},
		{name: "visibility", label: "Visibility", form: formText},
		{name: "team", label: "Microsoft Team", form: formYes},
		{name: "rule", label: "Dynamic rule", form: formLong},
		{name: "synced", label: "Synced from on-premises", form: formYes},
		{name: "licences", label: "Licences assigned", form: formList},
		{name: "licence_list", label: "Licence list", form: formTag, tag: kindLicences},
		{name: "owners", label: "Owners", form: formList},
		{name: "owner_contacts", label: "Owner contacts", form: formTag, tag: "Contacts"},
		{name: "members", label: "Members", form: formList},
		{name: "member_contacts", label: "Member contacts", form: formTag, tag: "Contacts", hint: "Contacts among the members."},
		{name: "member_count", label: "Member count", form: formNumber, inList: true},
		{name: "domain", label: "Domain", form: formTag, tag: kindDomain},
	}},
}

// contactFields are what is written to a contact, for rules of ownership.
var contactFields = []string{"email", "first_name", "last_name", "mobile", "phone", "title"}

// sets are the fields whose values are rendered as sets. A table is compared
// as a set of rows too, but a row with another number in it is no removal.
var sets = map[string][]string{
	kindMailbox: {"aliases", "delegates", "full_access", "send_as", "send_on_behalf"},
	kindUser:    {"aliases", "groups", "licences"},
	kindGroup:   {"licences", "member_contacts", "members", "owner_contacts", "owners"},
	kindDomain:  {"mx"},
}

func layoutOf(kind string) *layoutSpec {
	i := slices.IndexFunc(layouts, func(l layoutSpec) bool { return l.kind == kind })
	if i < 0 {
		return nil
	}
	return &layouts[i]
}

// all are the fields of a type in their order: the title, the others, and those
// that every type has.
func (l *layoutSpec) all() []field { return slices.Concat(l.fields, everywhere) }

func kindNames() []string { return slices.Sorted(slices.Values(creation)) }

// fieldNames are the managed fields of a kind, or nil where there is no such kind.
func fieldNames(kind string) []string {
	if kind == kindContact {
		return contactFields
	}
	l := layoutOf(kind)
	if l == nil {
		return nil
	}
	var names []string
	for i := range l.fields {
		names = append(names, l.fields[i].name)
	}
	names = append(names, fieldArchived)
	slices.Sort(names)
	return names
}

// owners are the owners of a kind's fields: those of the configuration over
// ours. People's contacts are filled, our own assets are restored.
func (c *Config) owners(kind string) (plan.Ownership, map[string]plan.Ownership) {
	if kind == kindContact {
		return plan.Fill, c.Fields[kind]
	}
	// Whoever archives an asset means it.
	fields := map[string]plan.Ownership{fieldArchived: plan.Hold}
	maps.Copy(fields, c.Fields[kind])
	return plan.Restore, fields
}
