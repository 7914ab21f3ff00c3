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
	formText     form = "text"   // Text: one line
	formSelect   form = "choice" // Select: one of the options
	formLong     form = "long"   // Textbox: some lines of plain text
	formList     form = "list"   // Textbox: a list, compared as a set
	formRows     form = "rows"   // Textbox: a table, compared as a set of rows
	formNumber   form = "number" // Number without decimals
	formCheckbox form = "yes"    // Checkbox: yes or no
	formDate     form = "date"   // Date: yyyy-mm-dd
	formTag      form = "tag"    // Tag: see tags.go
	formLinks    form = "links"  // Textbox: a list of links, compared as a set
)

// vendorKind is what IT Glue calls the kind of such a field.
var vendorKind = map[form]string{
	formText: "Text", formSelect: "Select", formLong: "Textbox", formList: "Textbox", formRows: "Textbox",
	formLinks: "Textbox", formNumber: "Number", formCheckbox: "Checkbox", formDate: "Date", formTag: "Tag",
}

// A field is one property of an asset type of ours. Its name is ours for ever;
// the label is what people see and may change.
type field struct {
	name        string
	label       string
	form        form
	hint        string
	options     []string // of a choice
	head        []string // of a table
	tag         string   // tag type, or one of our kinds
	inList      bool     // a column of the list view
	expires     bool     // feeds the expirations list
	formerLabel string   // what the label was in earlier versions
	// addedLater marks a field that came after the first version: it is known by its mark
	// alone, for people may have made one of that name for themselves.
	addedLater bool
}

// A layoutSpec is an asset type of ours as this version of syncd makes it.
type layoutSpec struct {
	kind        string
	name        string // after the prefix
	icon        string
	description string
	fields      []field // the title first, then what this type alone has
}

// managed are the fields that plans are about, the title first.
func (l *layoutSpec) managed() []field { return slices.Concat(l.fields, commonFields) }

// The fields that every type has besides its own. They are no part of plans:
// the ids are the asset's key, and the notes are people's.
const (
	fieldTitle  = "name"
	fieldTenant = "tenant_id"
	fieldObject = "object_id"
	fieldNotes  = "notes"
)

// Fields of every type that are part of plans.
const (
	fieldLinks  = "links"
	fieldProven = "proven"
)

// fieldArchived is how plans show where an asset is put away: an attribute of
// the asset, not a trait.
const fieldArchived = "archived"

var unmanagedFields = []field{
	{name: fieldTenant, label: "Tenant ID", form: formText, hint: "Finds this asset again; leave it as it is."},
	{name: fieldObject, label: "Object ID", form: formText, hint: "Finds this asset again; leave it as it is."},
	{name: fieldNotes, label: "Notes (manual)", form: formLong, hint: "Yours: never changed."},
}

// layouts are our asset types, in the order in which they are made: a tag of
// assets needs the id of their type.
var layouts = []layoutSpec{
	{kind: kindLicences, name: "Licences", icon: "certificate", description: "The Microsoft 365 licences of a customer", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true, hint: "The same for every customer."},
		{name: "bought", label: "Bought", form: formNumber, inList: true,
			hint: "Units that somebody pays for and that can be used, over all products. Free products and trials are not among them."},
		{name: "assigned", label: "Assigned", form: formNumber, inList: true, hint: "Units of bought products that somebody holds."},
		{name: "free", label: "Unassigned", formerLabel: "Free", form: formNumber, inList: true, hint: "Bought units that nobody holds."},
		{name: "gratis", label: "Free of charge", form: formNumber, addedLater: true,
			hint: "Units of free products and of trials: nobody pays for them."},
		{name: "products", label: "Products", form: formRows,
			head: []string{"Product", "SKU", "Bought", "Assigned", "Unassigned", "Remarks"}, hint: "The products that somebody pays for."},
		{name: "gratis_products", label: "Free products and trials", form: formRows, addedLater: true,
			head: []string{"Product", "SKU", "Units", "Assigned", "Remarks"}, hint: "The products that nobody pays for."},
		{name: "renewals", label: "Subscriptions", form: formRows, head: []string{"Product", "Status", "Units", "Renews"},
			hint: "Each purchase with Microsoft's word on its state, and the day on which its term ends."},
		{name: "next_renewal", label: "Next renewal", form: formDate, inList: true, expires: true,
			hint: "The next day on which the term of an active paid subscription ends."},
	}},
	{kind: kindDomain, name: "Domain", icon: "globe", description: "A domain of a Microsoft 365 tenant", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true, hint: "The domain."},
		{name: "record", label: "Tracked domain", form: formTag, tag: "Domains", hint: "The domain that IT Glue tracks, where there is one."},
		{name: "verified", label: "Verified", form: formCheckbox, inList: true,
			hint: "Microsoft has seen proof that the domain is the customer's."},
		{name: "default", label: "Default", form: formCheckbox, inList: true, hint: "New accounts get it unless somebody chooses another."},
		{name: "initial", label: "Initial", form: formCheckbox, hint: "The onmicrosoft.com name that the tenant began with."},
		{name: "authentication", label: "Authentication", form: formText,
			hint: "Managed: passwords are checked by Microsoft. Federated: by a system of the customer's."},
		{name: "services", label: "Services", form: formText, hint: "What Microsoft uses the domain for."},
		{name: "mail_provider", label: "Mail provider", form: formText, inList: true,
			hint: "Where mail goes, by the MX records; as CIPP's domain analyser saw it."},
		{name: "mx", label: "MX", form: formList, hint: "The MX records, as CIPP's domain analyser saw them."},
		{name: "spf", label: "SPF", form: formLong, hint: "The SPF record: who may send mail for the domain."},
		{name: "dmarc", label: "DMARC policy", form: formText, inList: true,
			hint: "What receivers are asked to do with mail that fails: none, quarantine or reject."},
		{name: "dkim", label: "DKIM", form: formCheckbox, hint: "Mail is signed: CIPP's domain analyser found a key."},
		{name: "dnssec", label: "DNSSEC", form: formCheckbox, hint: "The domain's DNS is signed."},
	}},
	{kind: kindMailbox, name: "Mailbox", icon: "envelope", description: "A shared, room or equipment mailbox", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true, hint: "Its name in the address list."},
		{name: "address", label: "Address", form: formText, inList: true, hint: "Its primary address."},
		{name: "type", label: "Type", form: formText, inList: true, hint: "Shared, Room, Equipment or another word of Exchange's."},
		{name: "aliases", label: "Aliases", form: formList, hint: "Further addresses that reach it."},
		{name: "full_access", label: "Full access", form: formList, hint: "Who may open it."},
		{name: "send_as", label: "Send as", form: formList, hint: "Who may send mail that looks like its own."},
		{name: "send_on_behalf", label: "Send on behalf", form: formList, hint: "Who may send for it, with both names shown."},
		{name: "delegates", label: "Delegates", form: formTag, tag: "Contacts", hint: "Contacts among those with rights."},
		{name: "calendar", label: "Calendar permissions", form: formRows, head: []string{"Folder", "Who", "Rights"},
			hint: "Who may do what in its calendars."},
		{name: "forwarding", label: "Forwards to", form: formText, hint: "Where its mail is sent on to; empty where it stays."},
		{name: "size", label: "Size", form: formText, hint: "In steps, so that it does not change every day."},
		{name: "archive", label: "Archive", form: formCheckbox, hint: "It has an online archive."},
		{name: "hidden", label: "Hidden from address lists", form: formCheckbox, hint: "People do not see it in the address list."},
		{name: "synced", label: "Synced from on-premises", form: formCheckbox,
			hint: "It is kept by a directory on the customer's own servers, and changed there."},
	}},
	{kind: kindUser, name: "User", icon: "user", description: "An account of a Microsoft 365 tenant", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true, hint: "The display name."},
		{name: "upn", label: "User principal name", form: formText, inList: true, hint: "What the person signs in with."},
		{name: "contact", label: "Contact", form: formTag, tag: "Contacts", inList: true,
			hint: "The person's contact at this organization. Another one that is tagged here is taken for the person's."},
		{name: "status", label: "Status", form: formSelect, options: []string{"Enabled", "Blocked"}, inList: true,
			hint: "Blocked: the account cannot sign in."},
		{name: "type", label: "Type", form: formSelect, options: []string{"Member", "Guest"},
			hint: "Guest: an account of another organization that was invited."},
		{name: "email", label: "E-mail", form: formText, hint: "The primary address."},
		{name: "aliases", label: "Aliases", form: formList, hint: "Further addresses that reach the person."},
		{name: "title", label: "Job title", form: formText, hint: "As it stands in Microsoft 365."},
		{name: "department", label: "Department", form: formText, hint: "As it stands in Microsoft 365."},
		{name: "office", label: "Office", form: formText, hint: "The office location in Microsoft 365."},
		{name: "manager", label: "Manager", form: formText, hint: "Whom the person reports to, by Microsoft 365."},
		{name: "licences", label: "Licences", form: formList, inList: true,
			hint: "Products that the account holds, its own and those that it has by a group."},
		{name: "licence_list", label: "Licence list", form: formTag, tag: kindLicences, hint: "All licences of this customer."},
		{name: "groups", label: "Groups", form: formList, hint: "Groups that are documented here and that the account is in."},
		{name: "mailbox_type", label: "Mailbox type", form: formText, hint: "Empty where the account has no mailbox."},
		{name: "mailbox_size", label: "Mailbox size", form: formText, hint: "In steps, so that it does not change every day."},
		{name: "mfa", label: "MFA", form: formSelect, options: []string{"None", "Registered", "Enforced"}, inList: true,
			hint: "None: a password alone is enough. Registered: a second factor is set up and nothing demands it. Enforced: it is demanded. Empty: not known."},
		{name: "synced", label: "Synced from on-premises", form: formCheckbox,
			hint: "The account is kept by a directory on the customer's own servers, and changed there."},
		{name: "last_sign_in", label: "Last sign-in", form: formText, hint: "The month, so that it does not change every day."},
		{name: "created", label: "Created", form: formDate, hint: "The day on which the account was made."},
		{name: "domain", label: "Domain", form: formTag, tag: kindDomain, hint: "The domain that the account signs in at."},
	}},
	{kind: kindGroup, name: "Group", icon: "users", description: "A group of a Microsoft 365 tenant", fields: []field{
		{name: fieldTitle, label: "Name", form: formText, inList: true, hint: "The display name."},
		{name: "type", label: "Type", form: formText, inList: true, hint: "Microsoft 365, Security, Mail-enabled security or Distribution list."},
		{name: "email", label: "E-mail", form: formText, inList: true, hint: "The address that reaches its members; empty where there is none."},
		{name: "description", label: "Purpose", form: formLong, hint: "The description in Microsoft 365."},
		{name: "visibility", label: "Visibility", form: formText, hint: "Public: anybody in the tenant may join and see what is in it."},
		{name: "team", label: "Microsoft Team", form: formCheckbox, hint: "It has a team in Microsoft Teams."},
		{name: "rule", label: "Dynamic rule", form: formLong, hint: "The rule by which Microsoft 365 fills the group; empty where people do."},
		{name: "synced", label: "Synced from on-premises", form: formCheckbox,
			hint: "The group is kept by a directory on the customer's own servers, and changed there."},
		{name: "licences", label: "Licences assigned", form: formList, hint: "Products that its members get by being in it."},
		{name: "licence_list", label: "Licence list", form: formTag, tag: kindLicences, hint: "All licences of this customer."},
		{name: "owners", label: "Owners", form: formList, hint: "Who looks after the group."},
		{name: "owner_contacts", label: "Owner contacts", form: formTag, tag: "Contacts", hint: "Contacts among the owners."},
		{name: "members", label: "Members", form: formList, hint: "Accounts and groups that are in it directly."},
		{name: "member_contacts", label: "Member contacts", form: formTag, tag: "Contacts", hint: "Contacts among the members."},
		{name: "member_count", label: "Member count", form: formNumber, inList: true,
			hint: "All that are in it directly, those that are neither accounts nor groups included."},
		{name: "domain", label: "Domain", form: formTag, tag: kindDomain, hint: "The domain of its address."},
	}},
}

// commonFields are the fields that every type has behind its own.
var commonFields = []field{
	{name: fieldLinks, label: "Open in", form: formLinks, addedLater: true,
		hint: "Where this is looked after: CIPP, Entra and, for what has to do with mail, Exchange."},
	{name: fieldProven, label: "Last proven", form: formText, addedLater: true,
		hint: "The month in which Microsoft 365 last said, completely, what stands here. The month only, so that it does not change every day."},
}

// formerHints are texts that earlier versions put where there is another now.
var formerHints = []string{"Kept by syncd."}

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

// all are the fields of a type in their order: those of plans, and those that
// are no part of any.
func (l *layoutSpec) all() []field { return slices.Concat(l.fields, commonFields, unmanagedFields) }

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
	for _, f := range l.managed() {
		names = append(names, f.name)
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
