package scimsim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// memberIDs reads a list of members. An id of nobody is refused, unless the
// dialect takes it or check is off.
func (c *call) memberIDs(v any, check bool) ([]string, *apiError) {
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		if c.dialect.ArrayMembersOnly {
			return nil, badRequest("invalidValue", "members must be a list").about("members")
		}
		list = []any{v}
	}
	var ids []string
	seen := map[string]bool{}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, badRequest("invalidValue", "a member must be an object").about("members")
		}
		id, _ := member(m, "value")
		s := ""
		if id != nil {
			s = plain(id)
		}
		if s == "" {
			return nil, badRequest("invalidValue", "a member has no value").about("members.value")
		}
		if check {
			if err := c.knownMember(s); err != nil {
				return nil, err
			}
		}
		if c.dialect.DoubleMembers || !seen[s] {
			ids = append(ids, s)
		}
		seen[s] = true
	}
	return ids, nil
}

func (c *call) knownMember(id string) *apiError {
	u := c.index().users[id]
	if u != nil && !u.Hidden || c.dialect.UnknownMember < 0 || c.dialect.NestedGroups && c.index().groups[id] != nil {
		return nil
	}
	return refuse(cmp.Or(c.dialect.UnknownMember, http.StatusBadRequest), "invalidValue", "there is no user %q", id).about("members.value")
}

func (w *resourceEdit) hasMember(id string) bool { return w.before[id]+w.delta[id] > 0 }

func (w *resourceEdit) addMember(id string) {
	w.r.Members = append(w.r.Members, id)
	w.count(id, 1)
}

func (w *resourceEdit) count(id string, by int) {
	if w.delta[id] += by; w.delta[id] == 0 {
		delete(w.delta, id)
	}
}

// removeMembers takes out those that gone names, all of them if it is nil.
func (w *resourceEdit) removeMembers(gone func(id string) bool) {
	w.r.Members = slices.DeleteFunc(w.r.Members, func(id string) bool {
		if gone != nil && !gone(id) {
			return false
		}
		w.count(id, -1)
		return true
	})
}

func (w *resourceEdit) replaceMembers(ids []string) {
	w.removeMembers(nil)
	for _, id := range ids {
		w.addMember(id)
	}
}

// countMembers refuses a PATCH that changes more members than the provider takes.
func (c *call) countMembers(ops []operation) *apiError {
	if c.isUser() || c.dialect.MemberLimit == 0 || memberChanges(ops) <= c.dialect.MemberLimit {
		return nil
	}
	return refuse(cmp.Or(c.dialect.MemberLimitStatus, http.StatusBadRequest), "tooMany", "at most %d members in one request",
		c.dialect.MemberLimit)
}

// memberChanges counts the memberships that operations touch.
func memberChanges(ops []operation) int {
	n := 0
	for _, o := range ops {
		switch lower := strings.ToLower(o.path); {
		case o.hasPath && !strings.HasPrefix(lower, "members"):
		case strings.Contains(o.path, "["):
			n += 1 + strings.Count(lower, " or ")
		case o.hasPath:
			n += len(elements(o.value))
		default:
			if m, ok := o.value.(map[string]any); ok {
				v, _ := member(m, "members")
				n += len(elements(v))
			}
		}
	}
	return n
}

// applyMembers changes the members of a group.
func (c *call) applyMembers(w *resourceEdit, o operation, p *path) *apiError {
	d := &c.dialect
	switch {
	case p.filter != nil:
		return c.applyMemberFilter(w, o, p)
	case p.sub != nil:
		return badRequest("mutability", "members.%s cannot be changed", p.sub.name).about("members")
	case d.MemberOperation && o.op != "remove":
		if done, err := c.applyMemberOperations(w, o); done || err != nil {
			return err
		}
	}
	switch o.op {
	case "add":
		return c.addMembers(w, o)
	case "replace":
		switch d.ReplaceMembers {
		case Ignored:
			return nil
		case Refused:
			return badRequest("invalidValue", "members cannot be replaced").about("members")
		}
		ids, err := c.memberIDs(o.value, true)
		if err != nil {
			return err
		}
		return w.exchange(ids)
	}
	if o.value == nil {
		w.removeMembers(nil)
		return nil
	}
	switch d.RemoveByValue {
	case RemovesNone:
		return nil
	case RemovesRefused:
		return badRequest("invalidPath", "members cannot be removed by value").about("members")
	case RemovesAll:
		w.removeMembers(nil)
		return nil
	}
	ids, err := c.memberIDs(o.value, false)
	if err != nil {
		return err
	}
	return c.removeListed(w, ids)
}

// exchange makes ids the members without disturbing those that stay.
func (w *resourceEdit) exchange(ids []string) *apiError {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	w.removeMembers(func(id string) bool { return !wanted[id] })
	for _, id := range ids {
		if !w.hasMember(id) {
			w.addMember(id)
		}
	}
	return nil
}

func (c *call) addMembers(w *resourceEdit, o operation) *apiError {
	ids, err := c.memberIDs(o.value, true)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if w.hasMember(id) && !c.dialect.DoubleMembers {
			if c.dialect.PresentStatus != 0 {
				return refuse(c.dialect.PresentStatus, "", "%q is a member already", id)
			}
			continue
		}
		w.addMember(id)
	}
	return nil
}

func (c *call) removeListed(w *resourceEdit, ids []string) *apiError {
	for _, id := range ids {
		if !w.hasMember(id) {
			if c.dialect.AbsentStatus != 0 {
				return refuse(c.dialect.AbsentStatus, "noTarget", "%q is not a member", id)
			}
			continue
		}
		w.removeMembers(func(m string) bool { return m == id })
	}
	return nil
}

// applyMemberFilter does an operation at members[…].
func (c *call) applyMemberFilter(w *resourceEdit, o operation, p *path) *apiError {
	if o.op != "remove" || p.sub != nil {
		return badRequest("invalidPath", "%q can only be removed", p.text).about("members")
	}
	how := c.dialect.FilteredRemove
	if p.filter.op == "or" && how == Works {
		how = c.dialect.OrRemove
	}
	switch how {
	case Ignored:
		return nil
	case Refused:
		return badRequest("invalidPath", "the path %q is not supported", p.text).about("members")
	}
	if id, ok := p.filter.value.(string); ok && p.filter.op == "eq" && p.filter.path.attr.name == "value" {
		return c.removeListed(w, []string{id})
	}
	n := len(w.r.Members)
	w.removeMembers(func(id string) bool { return p.filter.match(map[string]any{"value": id, "type": "User"}, cases{}) })
	if len(w.r.Members) == n && c.dialect.AbsentStatus != 0 {
		return refuse(c.dialect.AbsentStatus, "noTarget", "nothing matches %q", p.text)
	}
	return nil
}

// applyMemberOperations reads SCIM 1.1's "operation" of each member; false if
// none has one.
func (c *call) applyMemberOperations(w *resourceEdit, o operation) (bool, *apiError) {
	var add, remove []any
	found := false
	for _, e := range elements(o.value) {
		m, _ := e.(map[string]any)
		op, name := member(m, "operation")
		found = found || name != ""
		if s, _ := op.(string); strings.EqualFold(s, "remove") || strings.EqualFold(s, "delete") {
			remove = append(remove, e)
		} else {
			add = append(add, e)
		}
	}
	if !found {
		return false, nil
	}
	if err := c.addMembers(w, operation{op: "add", value: add}); err != nil {
		return true, err
	}
	ids, err := c.memberIDs(remove, false)
	if err != nil {
		return true, err
	}
	return true, c.removeListed(w, ids)
}
