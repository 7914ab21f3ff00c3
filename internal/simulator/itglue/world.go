package itgluesim

import (
	"slices"
	"strings"
	"time"
)

// A World is everything the simulated account holds. Objects refer to one
// another by id, so a renamed contact shows its new name in every tag.
//
// Objects with ID 0 get the next free id when the world is taken in. No two
// objects ever get the same id, whatever their kinds, and ids only grow; ids
// that a world sets itself may have up to 18 digits.
type World struct {
	Organizations        []*Organization
	OrganizationTypes    []*Setup
	OrganizationStatuses []*Setup
	Contacts             []*Contact
	ContactTypes         []*Setup
	Locations            []*Location
	Types                []*Type
	Fields               []*Field
	Assets               []*Asset
	Domains              []*Domain
	Configurations       []*Configuration
	Passwords            []*Password
	Users                []*User
	Countries            []*Setup
	Regions              []*Setup
	RelatedItems         []*RelatedItem
	Attachments          []*Attachment

	// ContactSync is the account's setting for contacts and the PSA: "" or
	// off, one-way, two-way.
	ContactSync string
	// EmailLabels and PhoneLabels are the account's labels; empty means the
	// usual ones.
	EmailLabels []string
	PhoneLabels []string
	// Pushed are the contacts that two-way sync carried on to the PSA because
	// they were created or edited through the API, once for each time.
	Pushed []int64
}

// Info is what the server notes about each object. The API shows the times;
// the names are for the assertions of tests.
type Info struct {
	CreatedAt time.Time
	CreatedBy string
	UpdatedAt time.Time
	UpdatedBy string
}

// A Setup is an entry of a setup table. Names are the account's to edit.
type Setup struct {
	ID   int64
	Name string
	Info Info
}

// An Organization is a customer of the account.
type Organization struct {
	ID          int64
	Name        string
	ShortName   string
	TypeID      int64
	StatusID    int64
	Primary     bool // the account holder's own
	Alert       string
	Description string
	QuickNotes  string
	ParentID    int64
	Adapters    []Adapter
	Deleting    time.Time // when a mass deletion marked it; it goes a minute later
	Info        Info
}

// An Adapter ties an object to its twin in another system.
type Adapter struct {
	ID       int64
	TypeName string // as the account shows it, such as "ConnectWise Manage"
	PSA      string // manage, autotask, …; empty for systems that are no PSA, such as Microsoft
	RemoteID string
	Sync     bool
	Orphaned bool
}

// A Contact is a person at an organization. Contacts have no archive.
type Contact struct {
	ID             int64
	OrganizationID int64
	FirstName      string
	LastName       string
	Title          string
	TypeID         int64
	LocationID     int64
	Important      *bool // nil in old rows
	Notes          string
	Restricted     bool
	Emails         []Email
	Phones         []Phone
	Adapters       []Adapter
	Info           Info
}

// An Email is one address of a contact.
type Email struct {
	Value   string
	Label   string
	Primary bool
}

// A Phone is one number of a contact.
type Phone struct {
	Value     string // digits
	Extension string
	Label     string
	Type      string // phone or fax; empty means phone
	Primary   bool
}

// A Location is a place of an organization.
type Location struct {
	ID             int64
	OrganizationID int64
	Name           string
	Address1       string
	City           string
	Primary        bool
	Adapters       []Adapter
	Info           Info
}

// A Type is a flexible asset type. It is there for all organizations.
type Type struct {
	ID          int64
	Name        string // not unique
	Description string
	Icon        string
	Disabled    bool
	ShowInMenu  bool
	// Locked types belong to an integration of the vendor's: neither their
	// fields nor their assets can be written.
	Locked bool
	Info   Info
}

// A Field is one field of a type.
type Field struct {
	ID           int64
	TypeID       int64
	Order        int
	Name         string
	Kind         string // Text, Textbox, Select, Date, Number, Percent, Checkbox, Tag, Upload, Password or Header
	Hint         string
	Decimals     int
	DefaultValue string // of a Select: the options, separated by newlines
	TagType      string // Contacts, Domains, …, or "FlexibleAssetType: 7"
	Required     bool
	UseForTitle  bool
	Expiration   bool
	ShowInList   bool
	NameKey      string // the key in traits; made from the name where empty
	Info         Info
}

// An Asset is a flexible asset.
//
// Traits are kept by field id. Values are string (Text, Textbox, Select, Date
// as yyyy-mm-dd, and Number and Percent in decimal digits), bool (Checkbox),
// []int64 (Tag), *Upload and int64 (Password). See World.SetTrait.
type Asset struct {
	ID             int64
	OrganizationID int64
	TypeID         int64
	Traits         map[int64]any
	Archived       bool
	Restricted     bool
	Adapters       []Adapter
	Versions       int // how often it was written, the first time included
	Info           Info
}

// An Upload is a file in a trait.
type Upload struct {
	Name        string
	Size        int
	ContentType string
}

// A Domain is what the product tracks by itself; the API only reads it.
type Domain struct {
	ID             int64
	OrganizationID int64
	Name           string
	Registrar      string
	Notes          string
	ExpiresOn      time.Time
	Info           Info
}

// A Configuration is a device.
type Configuration struct {
	ID             int64
	OrganizationID int64
	Name           string
	SerialNumber   string
	Info           Info
}

// A Password is a secret that a client has no business with.
type Password struct {
	ID             int64
	OrganizationID int64
	Name           string
	Username       string
	On             Ref // the object it is embedded in; the zero Ref for none
	Info           Info
}

// A User is one of the account's own staff.
type User struct {
	ID        int64
	FirstName string
	LastName  string
	Email     string
	Role      string
	Info      Info
}

// A Ref names one object: the kind as in the API, such as contacts or
// flexible-assets.
type Ref struct {
	Kind string
	ID   int64
}

// A RelatedItem links two objects. Both ends show it.
type RelatedItem struct {
	ID    int64
	From  Ref
	To    Ref
	Notes string
	Info  Info
}

// An Attachment is a file beside an object.
type Attachment struct {
	ID          int64
	On          Ref
	Name        string
	FileName    string
	ContentType string
	Size        int
	Info        Info
}

// Organization returns the organization with an id, or nil.
func (w *World) Organization(id int64) *Organization { return find(w.Organizations, id) }

// Contact returns the contact with an id, or nil.
func (w *World) Contact(id int64) *Contact { return find(w.Contacts, id) }

// Asset returns the flexible asset with an id, or nil.
func (w *World) Asset(id int64) *Asset { return find(w.Assets, id) }

// Type returns the flexible asset type with an id, or nil.
func (w *World) Type(id int64) *Type { return find(w.Types, id) }

// Field returns the field with an id, or nil.
func (w *World) Field(id int64) *Field { return find(w.Fields, id) }

// TypeNamed returns the first type of that name, or nil.
func (w *World) TypeNamed(name string) *Type {
	for _, t := range w.Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// FieldsOf returns the fields of a type in their order.
func (w *World) FieldsOf(typeID int64) []*Field {
	of := where(w.Fields, func(f *Field) bool { return f.TypeID == typeID })
	slices.SortStableFunc(of, func(a, b *Field) int { return a.Order - b.Order })
	return of
}

// AssetsOf returns the assets of a type, the archived ones included. An
// organization of 0 means all.
func (w *World) AssetsOf(typeID, organization int64) []*Asset {
	return where(w.Assets, func(a *Asset) bool {
		return a.TypeID == typeID && (organization == 0 || a.OrganizationID == organization)
	})
}

// ContactsOf returns the contacts of an organization.
func (w *World) ContactsOf(organization int64) []*Contact {
	return where(w.Contacts, func(c *Contact) bool { return c.OrganizationID == organization })
}

// RelatedTo returns the related items with that object at one of their ends.
func (w *World) RelatedTo(r Ref) []*RelatedItem {
	return where(w.RelatedItems, func(i *RelatedItem) bool { return i.From == r || i.To == r })
}

// Trait returns a value by the key that traits have in the API, or by the
// name of the field. It is nil if there is none.
func (w *World) Trait(a *Asset, key string) any {
	if f := w.field(a.TypeID, key); f != nil {
		return a.Traits[f.ID]
	}
	return nil
}

// SetTrait sets a value by the key that traits have in the API, or by the name
// of the field; nil clears it. Integers stand for a Number, or for a Tag of
// one. It panics if the type has no such field; fields must have their ids.
func (w *World) SetTrait(a *Asset, key string, v any) {
	f := w.field(a.TypeID, key)
	if f == nil {
		panic("type has no field " + key)
	}
	if v = normal(f, v); v == nil {
		delete(a.Traits, f.ID)
		return
	}
	if a.Traits == nil {
		a.Traits = map[int64]any{}
	}
	a.Traits[f.ID] = v
}

func (w *World) field(typeID int64, key string) *Field {
	var named *Field
	for _, f := range w.Fields {
		switch {
		case f.TypeID != typeID:
		case f.NameKey == key:
			return f
		case f.Name == key || f.NameKey == "" && nameKey(f.Name) == key:
			named = f
		}
	}
	return named
}

// nameKey makes the key of a field from its name: "Domain(s)" → domain-s.
func nameKey(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(name) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

func where[T any](all []*T, ok func(*T) bool) []*T {
	var of []*T
	for _, o := range all {
		if ok(o) {
			of = append(of, o)
		}
	}
	return of
}

func find[T interface {
	comparable
	entity
}](all []T, id int64) T {
	for _, o := range all {
		if *o.key() == id {
			return o
		}
	}
	var none T
	return none
}
