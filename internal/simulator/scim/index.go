package scimsim

import (
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// An index finds resources of one account fast. It is kept up with every
// write through the API and thrown away when the world changes otherwise.
type index struct {
	users, groups map[string]*Resource // by id
	keys          map[string][]*Resource
}

// index is that of the call's account.
func (c *call) index() *index {
	if x := c.indexes[c.account]; x != nil {
		return x
	}
	x := &index{users: map[string]*Resource{}, groups: map[string]*Resource{}, keys: map[string][]*Resource{}}
	for _, u := range c.account.Users {
		x.add(u, true)
	}
	for _, g := range c.account.Groups {
		x.add(g, false)
	}
	if c.indexes == nil {
		c.indexes = map[*Account]*index{}
	}
	c.indexes[c.account] = x
	return x
}

func (x *index) of(user bool) map[string]*Resource {
	if user {
		return x.users
	}
	return x.groups
}

func (x *index) add(r *Resource, user bool) {
	x.of(user)[r.ID] = r
	for _, k := range keysOf(r, user) {
		x.keys[k] = append(x.keys[k], r)
	}
}

func (x *index) remove(r *Resource, user bool) {
	delete(x.of(user), r.ID)
	for _, k := range keysOf(r, user) {
		if x.keys[k] = slices.DeleteFunc(x.keys[k], func(o *Resource) bool { return o == r }); len(x.keys[k]) == 0 {
			delete(x.keys, k)
		}
	}
}

// key is how the index knows a value of an attribute.
func key(user bool, attribute, value string) string {
	kind := "Group "
	if user {
		kind = "User "
	}
	return kind + attribute + " " + strings.ToLower(value)
}

// keysOf are the values that resources are looked up by or must not share.
func keysOf(r *Resource, user bool) []string {
	var keys []string
	add := func(attribute string, v any) {
		if s, ok := v.(string); ok && s != "" {
			if k := key(user, attribute, s); !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	add("externalId", r.Attributes["externalId"])
	if !user {
		add("displayName", r.Attributes["displayName"])
		return keys
	}
	add("userName", r.Attributes["userName"])
	for _, v := range elements(r.Attributes["emails"]) {
		if m, ok := v.(map[string]any); ok {
			add("emails", m["value"])
		}
	}
	return keys
}

// newID makes the id of a new resource; client is the one in its body.
func (s *Server) newID(r *Resource, client string, user bool) string {
	ids := s.dialect.GroupIDs
	if user {
		ids = s.dialect.UserIDs
	}
	given := ""
	switch ids {
	case IDsUserName:
		given = r.UserName()
	case IDsExternal:
		given = r.ExternalID()
	case IDsClient:
		if given = client; given == "" {
			given = r.ExternalID()
		}
	}
	if given != "" {
		return given
	}
	s.lastID++
	if ids == IDsNumeric {
		return strconv.Itoa(s.lastID)
	}
	// Opaque, and always the same for the same history.
	h := fnv.New64a()
	h.Write([]byte("resource " + strconv.Itoa(s.lastID)))
	return hex.EncodeToString(h.Sum(nil))
}

// duplicate is the refusal of values that another resource holds; nil if none
// does. self is nil for a creation.
func (c *call) duplicate(self, r *Resource, user bool) *apiError {
	x := c.index()
	taken := func(attribute, value string, same func(*Resource) bool) *apiError {
		for _, o := range x.keys[key(user, attribute, value)] {
			if o != self && (same == nil || same(o)) {
				return c.conflict(attribute, value)
			}
		}
		return nil
	}
	var err *apiError
	if d := &c.dialect; user {
		err = taken("userName", r.UserName(), func(o *Resource) bool { return !d.ExactUniqueness || o.UserName() == r.UserName() })
		for _, k := range keysOf(r, true) {
			address, isMail := strings.CutPrefix(k, "User emails ")
			if !isMail {
				address, isMail = strings.CutPrefix(k, "User userName ")
			}
			if err == nil && isMail && d.UniqueMail {
				if err = taken("emails", address, nil); err == nil {
					err = taken("userName", address, nil)
				}
			}
		}
	} else if d.UniqueGroupName {
		err = taken("displayName", r.DisplayName(), nil)
	}
	if err == nil && c.dialect.UniqueExternalID && r.ExternalID() != "" {
		err = taken("externalId", r.ExternalID(), nil)
	}
	return err
}

func (c *call) conflict(attribute, value string) *apiError {
	status, scimType := c.dialect.DuplicateStatus, "uniqueness"
	if status == 0 {
		status = 409
	}
	if c.dialect.NoDuplicateType {
		scimType = ""
	}
	if text := c.dialect.DuplicateText; text != "" {
		return refuse(status, scimType, "%s", text).about(attribute)
	}
	return refuse(status, scimType, "%s %q is already in use", attribute, value).about(attribute)
}
