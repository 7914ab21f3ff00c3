package scimsim

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Violation is something that no client of ours may do, though the server
// served it as its dialect says.
type Violation struct {
	Rule    ViolationCode
	Request string // method and path
	Detail  string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Request, v.Rule, v.Detail) }

// A ViolationCode names the rule that was broken.
type ViolationCode string

// The rules.
const (
	RemovesEverybody  ViolationCode = "removes members without a filter or a value"
	RemovesByList     ViolationCode = "removes members by a list: everybody, by the RFC" // allowed to profiles that name it
	RepeatsAttribute  ViolationCode = "several operations for one attribute"
	NamesNoPath       ViolationCode = "operation without a path"
	SpellsOp          ViolationCode = "op is not in lower case" // where the provider does not document Entra's spelling
	SpellsPath        ViolationCode = "path in another case than the schema's"
	TouchesReadOnly   ViolationCode = "writes id, meta, schemas or groups"
	SendsNull         ViolationCode = "null as a value, instead of remove"
	SpellsBoolean     ViolationCode = "text where a boolean belongs"
	ReplacesMembers   ViolationCode = "replaces all members"
	OrInRemoval       ViolationCode = "or in the filter of a removal"
	SingleMember      ViolationCode = "members is not a list"
	LargeBatch        ViolationCode = "too many members in one request"
	NoCanary          ViolationCode = "the first removal was not one member of several"
	NotReadBack       ViolationCode = "removed more before the first removal was read back"
	DropsUnknown      ViolationCode = "a PUT drops what others wrote"
	RepeatsCreation   ViolationCode = "POST repeated without looking first"
	RepeatsInVain     ViolationCode = "the same change sent again though it never sticks"
	WritesTogether    ViolationCode = "two writes to one group at the same time"
	ReadsPastEnd      ViolationCode = "asks for a page past totalResults"
	NoCount           ViolationCode = "list without count"
	PlusForSpace      ViolationCode = "plus for a space in the query"
	BodyOnRead        ViolationCode = "body on GET or DELETE"
	MissingHeader     ViolationCode = "header missing"
	IdempotencyHeader ViolationCode = "an Idempotency-Key makes the transport replay writes"
	OverRate          ViolationCode = "more requests than promised"
)

// memberBatch is the most changes of members in one request that our client
// promised.
const memberBatch = 100

// attempts is how often a change that does nothing may be sent.
const attempts = 3

// A clientHistory remembers what single requests cannot tell.
type clientHistory struct {
	writing  map[string]int             // requests under way for a group
	creating map[string]bool            // creations without an answer, by path and name, until somebody looks
	futile   map[string]futileWrite     // by method and path
	removals map[*Account]*removalCheck // accounts where members were removed
	budget   float64                    // requests left
	refilled time.Time
}

type futileWrite struct {
	body  string
	times int
}

type removalCheck struct {
	group   string
	checked bool
}

func newClientHistory() clientHistory {
	return clientHistory{writing: map[string]int{}, creating: map[string]bool{}, futile: map[string]futileWrite{},
		removals: map[*Account]*removalCheck{}}
}

// Violations returns what the client did that it may not do, in order,
// without the rules that are allowed to it.
func (s *Server) Violations(allowed ...ViolationCode) []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.violations), func(v Violation) bool { return slices.Contains(allowed, v.Rule) })
}

func (c *call) violate(rule ViolationCode, format string, args ...any) {
	v := Violation{Rule: rule, Request: c.r.Method + " " + c.r.URL.Path, Detail: fmt.Sprintf(format, args...)}
	if !slices.Contains(c.noted, v) {
		c.noted, c.violations = append(c.noted, v), append(c.violations, v)
	}
}

// checkRequest looks at a request as it comes in.
func (c *call) checkRequest() {
	h := c.r.Header
	if len(c.body) > 0 && (c.r.Method == http.MethodGet || c.r.Method == http.MethodDelete) {
		c.violate(BodyOnRead, "%d bytes", len(c.body))
	}
	for _, name := range []string{"Accept", "User-Agent"} {
		if h.Get(name) == "" || strings.HasPrefix(h.Get(name), "Go-http-client") {
			c.violate(MissingHeader, "%s", name)
		}
	}
	if h.Get("Idempotency-Key") != "" {
		c.violate(IdempotencyHeader, "%s", h.Get("Idempotency-Key"))
	}
	if strings.Contains(c.r.URL.RawQuery, "+") {
		c.violate(PlusForSpace, "%s", c.r.URL.RawQuery)
	}
	if c.r.Method == http.MethodGet && len(c.parts) == 1 && c.kind != nil {
		if q, _ := url.ParseQuery(c.r.URL.RawQuery); !q.Has("count") && !q.Has("filter") {
			c.violate(NoCount, "%s", c.r.URL.RawQuery)
		}
	}
	c.takeToken()
	if !c.writes || c.kind == nil || c.isUser() || len(c.parts) != 2 {
		return
	}
	c.writing = c.r.URL.Path
	if c.history.writing[c.writing]++; c.history.writing[c.writing] > 1 {
		c.violate(WritesTogether, "%d at once", c.history.writing[c.writing])
	}
}

// endWrite ends what enter began.
func (c *call) endWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing == "" {
		return
	}
	if c.history.writing[c.writing]--; c.history.writing[c.writing] == 0 {
		delete(c.history.writing, c.writing)
	}
}

// takeToken takes a request from the bucket that the client promised to keep to.
func (c *call) takeToken() {
	if c.options.PerSecond <= 0 {
		return
	}
	now, w := time.Now(), &c.history
	burst := float64(max(c.options.Burst, 1))
	if w.refilled.IsZero() {
		w.budget = burst
	} else {
		w.budget = min(burst, w.budget+now.Sub(w.refilled).Seconds()*c.options.PerSecond)
	}
	w.refilled = now
	// A request is a little late or early by chance.
	if w.budget--; w.budget < -0.5 {
		c.violate(OverRate, "over %g a second and a burst of %d", c.options.PerSecond, c.options.Burst)
		w.budget = -0.5
	}
}

// checkOutcome looks at a request once it is served; status is 0 where it was not.
func (c *call) checkOutcome(f Fault, status int) {
	if c.kind == nil || c.account == nil && f == (Fault{}) {
		return
	}
	path := c.r.URL.Path
	switch {
	case c.r.Method == http.MethodPost && len(c.parts) == 1:
		name := path + " " + identity(c.body)
		if c.history.creating[name] {
			c.violate(RepeatsCreation, "%s", identity(c.body))
		}
		delete(c.history.creating, name)
		if unanswered(f) {
			c.history.creating[name] = true
		}
		c.countFutile(f, status, name)
	case !c.writes:
		collection := strings.TrimSuffix(strings.TrimSuffix(path, "/.search"), "/"+c.lastPart())
		for name := range c.history.creating {
			if strings.HasPrefix(name, path+" ") || strings.HasPrefix(name, collection+" ") {
				delete(c.history.creating, name)
			}
		}
		if k := c.history.removals[c.account]; k != nil && len(c.parts) == 2 && c.parts[1] == k.group {
			k.checked = true
		}
	default:
		c.countFutile(f, status, path)
		if k := c.history.removals[c.account]; k != nil && len(c.parts) == 2 && c.parts[1] == k.group && !k.checked && status >= 400 {
			delete(c.history.removals, c.account) // refused: nothing was removed, the next way is tried
		}
	}
}

// countFutile counts a write that changed nothing. One that nobody looked at, for the
// server was busy or broken, does not count.
func (c *call) countFutile(f Fault, status int, what string) {
	key := c.r.Method + " " + what
	v := c.history.futile[key]
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusTooManyRequests || status >= 500:
		return
	case c.changed || f != (Fault{}):
		delete(c.history.futile, key)
		return
	case v.body == string(c.body):
		v.times++
	default:
		v = futileWrite{string(c.body), 1}
	}
	c.history.futile[key] = v
	if v.times > attempts {
		c.violate(RepeatsInVain, "%d times", v.times)
	}
}

func (c *call) lastPart() string {
	if len(c.parts) == 2 {
		return url.PathEscape(c.parts[1])
	}
	return ""
}

// identity is the part of a body that says who is created.
func identity(body []byte) string {
	for _, name := range []string{`"userName"`, `"displayName"`} {
		if _, after, ok := bytes.Cut(body, []byte(name)); ok {
			parts := bytes.SplitN(after, []byte(`"`), 3)
			if len(parts) > 1 {
				return string(parts[1])
			}
		}
	}
	return string(body)
}

// checkPage notes a page that lies behind the end of the list, as the client
// was told of it.
func (c *call) checkPage(q query, total int) {
	if q.hasStart && q.start > 1 && q.start > total && !q.hasFilter {
		c.violate(ReadsPastEnd, "startIndex %d of %d", q.start, total)
	}
}

// checkPut notes a PUT that loses what others put into the resource.
func (c *call) checkPut(r *Resource, d *draft) {
	for name := range r.Attributes {
		if !d.given[name] && !r.written[name] && name != "active" {
			c.violate(DropsUnknown, "%s", name)
		}
	}
	if c.isUser() && !d.given["active"] {
		c.violate(DropsUnknown, "active")
	}
	if !c.isUser() && !d.hasMembers {
		c.violate(DropsUnknown, "members")
	}
}

// checkPatch notes operations outside the dialect that all providers
// understand.
func (c *call) checkPatch(r *Resource, ops []operation) {
	seen := map[string]bool{}
	removed := 0
	for _, o := range ops {
		if o.written != o.op && c.dialect.Ops == OpsLower {
			c.violate(SpellsOp, "%s", o.written)
		}
		if !o.hasPath {
			c.violate(NamesNoPath, "%s", o.op)
			if m, ok := o.value.(map[string]any); ok {
				for _, name := range sortedKeys(m) {
					c.checkReadOnly(name)
				}
			}
			continue
		}
		c.checkReadOnly(firstName(o.path))
		p, err := c.kind.parse(o.path, grammar{entraPaths: true})
		if err != nil {
			continue
		}
		if p.wrongCase {
			c.violate(SpellsPath, "%s", o.path)
		}
		if p.schema == nil && p.attr != nil && p.attr.name == "members" && !c.isUser() {
			removed += c.checkMembers(o, p)
			continue
		}
		name := p.String()
		if p.filter != nil {
			name = o.path
		}
		if seen[name] {
			c.violate(RepeatsAttribute, "%s", name)
		}
		seen[name] = true
		switch _, isText := o.value.(string); {
		case o.op != "remove" && o.has && o.value == nil:
			c.violate(SendsNull, "%s", o.path)
		case isText && p.attr != nil && (p.attr.kind == "boolean" || p.sub != nil && p.sub.kind == "boolean"):
			c.violate(SpellsBoolean, "%s", o.path)
		}
	}
	if c.isUser() {
		return
	}
	if n := memberChanges(ops); n > memberBatch {
		c.violate(LargeBatch, "%d members, at most %d", n, memberBatch)
	}
	if removed == 0 {
		return
	}
	k := c.history.removals[c.account]
	switch {
	case k == nil:
		c.history.removals[c.account] = &removalCheck{group: r.ID}
		if removed != 1 || len(r.Members) < 2 {
			c.violate(NoCanary, "%d of %d members", removed, len(r.Members))
		}
	case !k.checked:
		c.violate(NotReadBack, "%d members", removed)
	}
}

func (c *call) checkReadOnly(name string) {
	if hasFold([]string{"id", "meta", "schemas", "groups"}, name) {
		c.violate(TouchesReadOnly, "%s", name)
	}
}

// checkMembers notes what is wrong with a change of members and counts those
// that it removes.
func (c *call) checkMembers(o operation, p *path) int {
	_, isList := o.value.([]any)
	switch {
	case o.op == "remove" && p.filter != nil:
		if p.filter.op == "or" {
			c.violate(OrInRemoval, "%s", o.path)
		}
		return 1 + strings.Count(strings.ToLower(o.path), " or ")
	case o.op == "remove" && o.value == nil:
		c.violate(RemovesEverybody, "%s", o.path)
		return 1
	case o.op == "remove":
		c.violate(RemovesByList, "%d members", len(elements(o.value)))
		return len(elements(o.value))
	case o.op == "replace":
		c.violate(ReplacesMembers, "%d members", len(elements(o.value)))
	case !isList:
		c.violate(SingleMember, "%s", o.op)
	}
	return 0
}
