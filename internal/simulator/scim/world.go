package scimsim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// A World is everything the provider holds.
type World struct {
	Accounts []*Account
}

// An Account is one tenant of the provider.
type Account struct {
	ID       string // {account} in the URL
	Token    string // empty means Options.Token
	Expires  time.Time
	Disabled bool // SCIM was not switched on for it
	Users    []*Resource
	Groups   []*Resource
	Teams    []*Team // of the product, where groups stand for them
}

// A Resource is a user or a group. One with ID "" gets an id when the world is
// taken in.
type Resource struct {
	ID string
	// Attributes are JSON values by the names of the schema, extensions under
	// their URNs; id, meta, schemas and members are not among them. Numbers
	// are json.Number or int.
	Attributes map[string]any
	Members    []string // ids, of groups

	// Disconnected are users that a DELETE left as they were, inactive.
	Disconnected bool
	// Hidden are users that a DELETE left behind for their userName alone.
	Hidden bool
	Info   Info

	written map[string]bool // names that came through the API
	stale   []staleState    // what reads show until a moment, oldest first
	set     map[string]int  // members and how often they occur; nil = not counted yet
}

// staleState is what a replica that lags behind still shows.
type staleState struct {
	until  time.Time
	shown  *Resource // nil: nothing
	absent bool      // the resource itself is gone now
}

// Info is what the server notes about a resource. The names are for the
// assertions of tests.
type Info struct {
	CreatedAt time.Time
	CreatedBy string
	UpdatedAt time.Time
	UpdatedBy string
	Version   int
}

// A Team is what a group of Cinode's stands for: a team, or a role.
type Team struct {
	Name    string
	Role    bool
	GroupID string   // of the group linked to it; empty = none
	Members []string // ids of users; those of the group while there is one

	// PreparedName and PreparedID are a link that an administrator prepared:
	// the group of that name and object id, once it comes, is bound to this
	// team instead of a new one.
	PreparedName string
	PreparedID   string
	// Stray is a team that a POST made because no link was prepared.
	Stray bool
}

// Person returns a user with a work address like its userName. givenName and
// familyName may be empty.
func Person(userName, givenName, familyName string) *Resource {
	name := map[string]any{}
	if givenName != "" {
		name["givenName"] = givenName
	}
	if familyName != "" {
		name["familyName"] = familyName
	}
	a := map[string]any{
		"userName": userName, "active": true, "displayName": strings.TrimSpace(givenName + " " + familyName),
		"emails": []any{map[string]any{"value": userName, "type": "work", "primary": true}},
	}
	if len(name) > 0 {
		a["name"] = name
	}
	if a["displayName"] == "" {
		delete(a, "displayName")
	}
	return &Resource{Attributes: a}
}

// Group returns a group with those members.
func Group(displayName string, members ...string) *Resource {
	return &Resource{Attributes: map[string]any{"displayName": displayName}, Members: members}
}

// With sets the attribute at a path such as name.givenName or
// URN:employeeNumber and returns r; nil removes it.
func (r *Resource) With(path string, value any) *Resource {
	holder, name := r.parentOf(path, true)
	if value == nil {
		delete(holder, name)
	} else {
		holder[name] = value
	}
	return r
}

// Get returns the attribute at a path, in the schema's spelling; nil if there
// is none. The work address is emails.value.
func (r *Resource) Get(path string) any {
	holder, name := r.parentOf(path, false)
	if holder == nil {
		return nil
	}
	if list, ok := holder[name].([]any); ok {
		return list
	}
	return holder[name]
}

// Text is Get as text; "" if there is none.
func (r *Resource) Text(path string) string {
	if strings.HasPrefix(path, "emails.") {
		for _, v := range elements(r.Attributes["emails"]) {
			if m, ok := v.(map[string]any); ok {
				if s, ok := m[path[len("emails."):]].(string); ok {
					return s
				}
			}
		}
		return ""
	}
	v := r.Get(path)
	if v == nil {
		return ""
	}
	return plain(v)
}

// UserName, ExternalID and DisplayName are those attributes, or "".
func (r *Resource) UserName() string    { return r.Text("userName") }
func (r *Resource) ExternalID() string  { return r.Text("externalId") }
func (r *Resource) DisplayName() string { return r.Text("displayName") }

// Active reports whether the user is active; one without the attribute is.
func (r *Resource) Active() bool { return !strings.EqualFold(r.Text("active"), "false") }

// parentOf finds the map that holds the last name of a path.
func (r *Resource) parentOf(path string, make bool) (map[string]any, string) {
	holder := r.Attributes
	if holder == nil {
		if !make {
			return nil, ""
		}
		holder = map[string]any{}
		r.Attributes = holder
	}
	step := func(name string) bool {
		next, ok := holder[name].(map[string]any)
		if !ok {
			if !make {
				return false
			}
			next = map[string]any{}
			holder[name] = next
		}
		holder = next
		return true
	}
	if colon := strings.LastIndexByte(path, ':'); colon >= 0 {
		if !step(path[:colon]) {
			return nil, ""
		}
		path = path[colon+1:]
	}
	if first, rest, ok := strings.Cut(path, "."); ok {
		if !step(first) {
			return nil, ""
		}
		path = rest
	}
	return holder, path
}

// Account finds an account; nil if there is none.
func (w *World) Account(id string) *Account {
	for _, a := range w.Accounts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// User finds a user by userName, regardless of case, or by id; nil if there
// is none. Hidden ones are not found.
func (a *Account) User(name string) *Resource {
	for _, u := range a.Users {
		if !u.Hidden && (strings.EqualFold(u.UserName(), name) || u.ID == name) {
			return u
		}
	}
	return nil
}

// Group finds a group by displayName or id; nil if there is none.
func (a *Account) Group(name string) *Resource {
	for _, g := range a.Groups {
		if g.DisplayName() == name || g.ID == name {
			return g
		}
	}
	return nil
}

// Team finds a team or role by its name; nil if there is none.
func (a *Account) Team(name string) *Team {
	for _, t := range a.Teams {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Names returns the userNames of those users in order; an id that no user
// has stands for itself.
func (a *Account) Names(ids []string) []string {
	byID := map[string]string{}
	for _, u := range a.Users {
		byID[u.ID] = u.UserName()
	}
	var names []string
	for _, id := range ids {
		if name, ok := byID[id]; ok {
			id = name
		}
		names = append(names, id)
	}
	slices.Sort(names)
	return names
}

// Clone returns a copy that shares nothing with w.
func (w *World) Clone() *World {
	c := &World{}
	for _, a := range w.Accounts {
		c.Accounts = append(c.Accounts, a.Clone())
	}
	return c
}

// Clone returns a copy that shares nothing with a.
func (a *Account) Clone() *Account {
	c := *a
	c.Users, c.Groups, c.Teams = nil, nil, nil
	for _, u := range a.Users {
		c.Users = append(c.Users, u.Clone())
	}
	for _, g := range a.Groups {
		c.Groups = append(c.Groups, g.Clone())
	}
	for _, t := range a.Teams {
		n := *t
		n.Members = slices.Clone(t.Members)
		c.Teams = append(c.Teams, &n)
	}
	return &c
}

// Clone returns a copy that shares nothing with r.
func (r *Resource) Clone() *Resource {
	c := *r
	c.Attributes = copied(r.Attributes).(map[string]any)
	c.Members = slices.Clone(r.Members)
	c.written, c.stale, c.set = maps.Clone(r.written), slices.Clone(r.stale), nil
	return &c
}

// copied is a deep copy of a JSON value; a nil map becomes an empty one.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for k, e := range v {
			c[k] = copied(e)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = copied(e)
		}
		return c
	case int:
		return json.Number(plain(v))
	}
	return v
}

// elements are the values of a list; a value that is no list is its only one.
func elements(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// holder is the map that a path's attribute is a member of; nil if the
// extension is not there.
func (p *path) holder(doc map[string]any) map[string]any {
	if p.schema == nil {
		return doc
	}
	m, _ := doc[p.schema.urn].(map[string]any)
	return m
}

// values are what a path points at, without nulls. A path to a list of
// complex values without a sub-attribute means their values.
func (p *path) values(doc map[string]any) []any {
	var all []any
	for _, v := range elements(p.holder(doc)[p.attr.name]) {
		m, complex := v.(map[string]any)
		switch {
		case p.sub != nil:
			if complex && m[p.sub.name] != nil {
				all = append(all, m[p.sub.name])
			}
		case complex && p.attr.multi:
			if m["value"] != nil {
				all = append(all, m["value"])
			}
		case v != nil && v != "":
			all = append(all, v)
		}
	}
	return all
}
