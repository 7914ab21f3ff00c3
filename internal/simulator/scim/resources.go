package scimsim

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// create answers POST of a user or group.
func (c *call) create() (*answer, *apiError) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}
	r := &Resource{Attributes: d.attributes, Members: d.members}
	if c.isUser() && r.Attributes["active"] == nil {
		r.Attributes["active"] = true
	}
	c.normalise(r)
	if err := c.complete(r); err != nil {
		return nil, err
	}
	if err := c.duplicate(nil, r, c.isUser()); err != nil {
		return nil, err
	}
	r.ID = c.newID(r, d.id, c.isUser())
	if c.index().of(c.isUser())[r.ID] != nil {
		return nil, c.conflict("id", r.ID)
	}
	r.Info = Info{CreatedAt: c.now, CreatedBy: c.options.Writer, UpdatedAt: c.now, UpdatedBy: c.options.Writer, Version: 1}
	r.written = map[string]bool{}
	for name := range r.Attributes {
		r.written[name] = true
	}
	if c.dialect.Lag > 0 {
		r.stale = []staleState{{until: time.Now().Add(c.dialect.Lag)}}
	}
	if c.isUser() {
		c.account.Users = append(c.account.Users, r)
	} else {
		c.account.Groups = append(c.account.Groups, r)
		c.bindTeam(r)
	}
	c.index().add(r, c.isUser())
	c.changed = true
	return c.created(r), nil
}

// created is the answer to a creation, in the provider's manner.
func (c *call) created(r *Resource) *answer {
	doc := c.render(r, c.kind, readQuery(c.r.URL.RawQuery).selection)
	style := c.dialect.CreateAnswer
	if style == CreatedWithoutID {
		delete(doc, "id")
		delete(doc, "meta")
	}
	a := c.json(cmp.Or(c.dialect.CreatedStatus, http.StatusCreated), doc)
	if style == CreatedEmpty || style == CreatedWithoutAnything {
		a = &answer{status: a.status, header: http.Header{}}
	}
	if style != CreatedWithoutLocation && style != CreatedWithoutAnything {
		a.header.Set("Location", c.location(r, c.kind))
	}
	c.stamp(a, r)
	return a
}

// stamp adds the version to an answer about one resource.
func (c *call) stamp(a *answer, r *Resource) {
	if c.dialect.Versions != VersionsNone {
		a.header.Set("ETag", r.version())
	}
}

// show answers GET of one resource.
func (c *call) show() (*answer, *apiError) {
	r := c.index().of(c.isUser())[c.parts[1]]
	for _, g := range c.stale[c.account] {
		if r == nil && g.user == c.isUser() && g.r.ID == c.parts[1] {
			r = g.r
		}
	}
	if r != nil {
		r = c.visible(r)
	}
	if r == nil || r.Hidden {
		return nil, refuse(http.StatusNotFound, "", "Resource %s not found", c.parts[1])
	}
	a := c.json(http.StatusOK, c.render(r, c.kind, readQuery(c.r.URL.RawQuery).selection))
	c.stamp(a, r)
	return a, nil
}

// visible is what reads show of a resource: a replica may lag behind.
func (c *call) visible(r *Resource) *Resource {
	now := time.Now()
	for _, p := range r.stale {
		if now.Before(p.until) {
			return p.shown
		}
	}
	if len(r.stale) > 0 && r.stale[len(r.stale)-1].absent {
		return nil
	}
	return r
}

// remember keeps what reads show for a while after the write that follows.
func (c *call) remember(r *Resource) {
	if c.dialect.Lag == 0 {
		return
	}
	shown := r.Clone()
	shown.stale = nil
	now := time.Now()
	r.stale = slices.DeleteFunc(r.stale, func(p staleState) bool { return !now.Before(p.until) })
	r.stale = append(r.stale, staleState{until: now.Add(c.dialect.Lag), shown: shown})
}

// put answers PUT: what it leaves out is cleared.
func (c *call) put(r *Resource) (*answer, *apiError) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}
	if d.id != "" && d.id != r.ID {
		return nil, badRequest("mutability", "id cannot be changed").about("id")
	}
	c.checkPut(r, d)
	w := c.newEdit(r)
	if c.dialect.PutKeeps {
		maps.Copy(w.r.Attributes, d.attributes)
	} else {
		w.r.Attributes = d.attributes
	}
	if c.isUser() && !d.given["active"] && !c.dialect.PutKeeps {
		w.r.Attributes["active"] = !c.dialect.PutDisables
	}
	for _, p := range c.dialect.Immutable {
		if !d.given[firstName(p)] || c.dialect.ImmutableIgnored {
			w.r.With(p, copied(r.Get(p)))
		} else if !reflect.DeepEqual(r.Get(p), w.r.Get(p)) {
			return nil, badRequest("mutability", "%s cannot be changed", p).about(p)
		}
	}
	if !c.isUser() && (d.hasMembers || !c.dialect.PutKeeps) {
		w.replaceMembers(d.members)
	}
	for name := range d.given {
		w.written(name)
	}
	if err := c.commit(r, w); err != nil {
		return nil, err
	}
	a := c.json(http.StatusOK, c.render(r, c.kind, readQuery(c.r.URL.RawQuery).selection))
	c.stamp(a, r)
	return a, nil
}

func firstName(path string) string {
	name, _, _ := strings.Cut(path, ".")
	return name
}

// A resourceEdit is a resource while it is being changed: a copy, so that a bad
// request can be refused as a whole. The counts of its members are those of
// the original and what is added here, for groups may be large.
type resourceEdit struct {
	r      *Resource
	before map[string]int // shared with the original
	delta  map[string]int
	names  map[string]bool
}

func (c *call) newEdit(r *Resource) *resourceEdit {
	if r.set == nil {
		r.set = make(map[string]int, len(r.Members))
		for _, id := range r.Members {
			r.set[id]++
		}
	}
	n := *r
	n.Attributes = copied(r.Attributes).(map[string]any)
	n.Members = slices.Clone(r.Members)
	return &resourceEdit{r: &n, before: r.set, delta: map[string]int{}}
}

func (w *resourceEdit) written(name string) {
	if w.names == nil {
		w.names = map[string]bool{}
	}
	w.names[name] = true
}

// commit checks the changed copy and makes it the resource.
func (c *call) commit(r *Resource, w *resourceEdit) *apiError {
	n := w.r
	if r.Disconnected && n.Active() {
		switch c.dialect.Reactivation {
		case Ignored:
			n.Attributes["active"] = false
		case Refused:
			return badRequest("mutability", "a disconnected user cannot be activated").about("active")
		}
	}
	same := reflect.DeepEqual(n.Attributes, r.Attributes)
	if !same {
		c.normalise(n)
		same = reflect.DeepEqual(n.Attributes, r.Attributes)
	}
	if same && len(w.delta) == 0 {
		return nil
	}
	if err := c.complete(n); err != nil {
		return err
	}
	if !slices.Equal(keysOf(r, c.isUser()), keysOf(n, c.isUser())) {
		if err := c.duplicate(r, n, c.isUser()); err != nil {
			return err
		}
	}
	c.remember(r)
	x := c.index()
	x.remove(r, c.isUser())
	renamed := n.DisplayName() != r.DisplayName()
	r.Attributes, r.Members = n.Attributes, n.Members
	for id, by := range w.delta {
		if r.set[id] += by; r.set[id] <= 0 {
			delete(r.set, id)
		}
	}
	if c.isUser() && c.dialect.UserIDs == IDsUserName && r.UserName() != r.ID {
		c.renumber(r.ID, r.UserName())
		r.ID = r.UserName()
	}
	if c.isUser() && c.dialect.Delete == DeleteInactive {
		r.Disconnected = !r.Active()
	}
	x.add(r, c.isUser())
	if r.written == nil {
		r.written = map[string]bool{}
	}
	maps.Copy(r.written, w.names)
	r.Info.UpdatedAt, r.Info.UpdatedBy = c.now, c.options.Writer
	r.Info.Version++
	if !c.isUser() {
		c.followTeam(r, renamed)
	}
	c.changed = true
	return nil
}

// renumber gives a user another id in all groups.
func (c *call) renumber(old, id string) {
	for _, g := range c.account.Groups {
		for i, m := range g.Members {
			if m == old {
				g.Members[i], g.set = id, nil
			}
		}
	}
}

// delete answers DELETE.
func (c *call) delete(r *Resource) (*answer, *apiError) {
	none := &answer{status: http.StatusNoContent}
	if !c.isUser() {
		c.unbindTeam(r)
		c.removeResource(r, false)
		return none, nil
	}
	switch c.dialect.Delete {
	case DeleteInactive:
		if r.Disconnected && c.dialect.SecondDelete != 0 {
			return nil, refuse(c.dialect.SecondDelete, "", "Resource %s is deleted", r.ID)
		}
		w := c.newEdit(r)
		w.r.Attributes["active"] = false
		if err := c.commit(r, w); err != nil {
			return nil, err
		}
		r.Disconnected = true
	case DeleteHidden:
		c.leaveGroups(r)
		c.remember(r)
		r.Hidden, c.changed = true, true
	default:
		c.leaveGroups(r)
		c.removeResource(r, true)
	}
	return none, nil
}

// removeResource takes a resource out of the account.
func (c *call) removeResource(r *Resource, user bool) {
	if c.dialect.Lag > 0 {
		c.remember(r)
		r.stale[len(r.stale)-1].absent = true
		c.stale[c.account] = append(c.stale[c.account], &staleResource{r, user})
	}
	c.index().remove(r, user)
	gone := func(o *Resource) bool { return o == r }
	if user {
		c.account.Users = slices.DeleteFunc(c.account.Users, gone)
	} else {
		c.account.Groups = slices.DeleteFunc(c.account.Groups, gone)
	}
	c.changed = true
}

// leaveGroups takes a user out of all groups.
func (c *call) leaveGroups(u *Resource) {
	if c.dialect.KeepsDangling {
		return
	}
	for _, g := range c.account.Groups {
		if n := len(g.Members); n > 0 {
			if g.set != nil && g.set[u.ID] == 0 {
				continue
			}
			if g.Members = slices.DeleteFunc(g.Members, func(id string) bool { return id == u.ID }); len(g.Members) < n {
				delete(g.set, u.ID)
				g.Info.Version++
			}
		}
	}
}

// render is a resource as the API shows it.
func (c *call) render(r *Resource, t *resourceType, s selection) map[string]any {
	d := &c.dialect
	if d.IgnoreSelection {
		s = selection{}
	}
	doc := copied(r.Attributes).(map[string]any)
	schemas := []string{t.core.urn}
	for _, e := range t.extensions {
		if _, has := doc[e.urn]; has || d.EchoExtensions {
			schemas = append(schemas, e.urn)
		}
	}
	doc["schemas"] = schemas
	doc["id"] = c.shownID(r.ID)
	meta := map[string]any{
		"resourceType": t.name, "created": moment(r.Info.CreatedAt), "lastModified": moment(r.Info.UpdatedAt), "location": c.location(r, t),
	}
	if d.Versions != VersionsNone {
		meta["version"] = r.version()
	}
	doc["meta"] = meta
	for _, a := range t.core.attributes {
		if a.hidden {
			delete(doc, a.name)
		}
	}
	switch {
	case t.name != "Group" || s.drops("members"):
	case d.MembersHidden:
		doc["members"] = []any{}
	case len(r.Members) > 0:
		shown := r.Members
		if d.MembersShown > 0 && len(shown) > d.MembersShown {
			shown = shown[:d.MembersShown]
		}
		doc["members"] = c.renderMembers(shown, s)
	}
	if t.name == "User" && d.UserGroups && !s.drops("groups") {
		c.addGroups(doc, r)
	}
	if d.AnswerBooleans != BooleansStrict {
		doc = c.spellBooleans(doc).(map[string]any)
	}
	s.apply(doc, t)
	return doc
}

// renderMembers is the list of members. It is written out at once: a page of
// large groups as maps would fill the memory.
func (c *call) renderMembers(ids []string, s selection) any {
	if len(s.only) == 0 && len(s.without) == 0 {
		b := []byte{'['}
		for i, id := range ids {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"value":`...)
			b = append(b, must(json.Marshal(c.shownID(id)))...)
			b = append(b, `,"type":"User"}`...)
		}
		return json.RawMessage(append(b, ']'))
	}
	members := make([]any, 0, len(ids))
	for _, id := range ids {
		members = append(members, map[string]any{"value": c.shownID(id), "type": "User"})
	}
	return members
}

// addGroups adds the read-only groups of a user.
func (c *call) addGroups(doc map[string]any, u *Resource) {
	var groups []any
	for _, g := range c.account.Groups {
		if slices.Contains(g.Members, u.ID) {
			groups = append(groups, map[string]any{"value": g.ID, "display": g.DisplayName(), "type": "direct"})
		}
	}
	if groups != nil {
		doc["groups"] = groups
	}
}

func (c *call) shownID(id string) any {
	if c.dialect.NumericIDs {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			return n
		}
	}
	return id
}

func (c *call) spellBooleans(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = c.spellBooleans(e)
		}
	case []any:
		for i, e := range v {
			v[i] = c.spellBooleans(e)
		}
	case bool:
		switch c.dialect.AnswerBooleans {
		case BooleansRead:
			return map[bool]string{true: "True", false: "False"}[v]
		case BooleansText:
			return strconv.FormatBool(v)
		case BooleansNumber:
			return map[bool]json.Number{true: "1", false: "0"}[v]
		}
	}
	return v
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
