package cippsim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// WriteFaults are what can go wrong with writes beyond what a Rule can say.
type WriteFaults struct {
	// Refused has, by endpoint, the sentence of a failure. It comes with status
	// 200, and nothing is done.
	Refused map[string]string
	// Pretended are endpoints that report success and do nothing.
	Pretended []string
	// Partial makes what follows the first step of AddUser fail, within a 200:
	// licences, aliases, groups and the manager.
	Partial bool
	// Lag is how long live reads go on showing a tenant as it was before a write.
	Lag time.Duration
	// GroupLag is the same for CIPP's cache of tenant groups.
	GroupLag time.Duration
	// PasswordLink makes copyField a link that shows the password once.
	PasswordLink bool
	// Silent makes successful writes answer an empty 200.
	Silent bool
}

// stale is a copy that reads are answered from until a lag is over.
type stale struct {
	tenant *Tenant
	groups []*TenantGroup
	until  time.Time
}

// alter does a write, unless a fault is in the way of it.
func (c *call) alter(do func() answer) answer {
	f := c.s.faults.Writes
	for name, said := range f.Refused {
		if strings.EqualFold(name, c.endpoint.name) {
			c.wrote("Error", said)
			return results([]string{said})
		}
	}
	if msg := c.graphError(c.tenant); msg != "" && (strings.HasPrefix(c.endpoint.role, "Identity.") || strings.HasPrefix(c.endpoint.role, "Exchange.")) {
		return c.refused(http.StatusInternalServerError, "Failed. Error: "+msg) // CIPP's own tables need no tenant to answer
	}
	c.s.remember(c.w, c.tenant)
	restore := func() {}
	if among(f.Pretended, c.endpoint.name) {
		saved := c.w.Clone()
		restore = func() { c.w.restore(saved) }
	}
	a := do()
	restore()
	if f.Silent && a.status == http.StatusOK {
		return ok(nil)
	}
	return a
}

// restore puts back what saved holds. The tenants stay the same pointers,
// because running queues hold on to them.
func (w *World) restore(saved *World) {
	for i, t := range w.Tenants {
		*t = *saved.Tenants[i]
	}
	*w.PartnerTenant = *saved.PartnerTenant
	w.TenantGroups, w.Tasks = saved.TenantGroups, saved.Tasks
}

// remember keeps what reads go on showing for the time of a lag.
func (s *Server) remember(w *World, t *Tenant) {
	f := s.faults.Writes
	if old := s.stale[w.PartnerTenant.CustomerID+"groups"]; f.GroupLag > 0 && !s.now().Before(old.until) {
		s.stale[w.PartnerTenant.CustomerID+"groups"] = stale{groups: w.Clone().TenantGroups, until: s.now().Add(f.GroupLag)}
	}
	if t == nil || f.Lag <= 0 {
		return
	}
	if old := s.stale[t.CustomerID]; !s.now().Before(old.until) {
		s.stale[t.CustomerID] = stale{tenant: t.Clone(), until: s.now().Add(f.Lag)}
	}
}

// shownGroups are the tenant groups as CIPP's cache has them.
func (c *call) shownGroups() []*TenantGroup {
	if old := c.s.stale[c.w.PartnerTenant.CustomerID+"groups"]; c.now.Before(old.until) {
		return old.groups
	}
	return c.w.TenantGroups
}

// value reads what may be a text or a {"label","value"}, and says which it was.
func value(v any) (s string, labelled bool) {
	if inner, isText := member(v, "value").(string); isText {
		return inner, true
	}
	s, _ = v.(string)
	return s, false
}

// picked is a LabelValue: a bare text there reads as null and is silently ignored.
func (c *call) picked(name string) string {
	v, labelled := value(c.field(name))
	if v != "" && !labelled {
		c.s.complain("%s: %s is a bare text where {value} is read; it is ignored", c.endpoint.name, name)
		return ""
	}
	return v
}

// words reads a list of LabelValues or of texts; a single one may stand alone.
func words(v any) []string {
	all, isList := v.([]any)
	if !isList && v != nil {
		all = []any{v}
	}
	var out []string
	for _, one := range all {
		if s, _ := value(one); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// given reads a parameter from the query or the body, as most writes do.
func (c *call) given(name string) string {
	if v := c.param(name); v != "" {
		return v
	}
	switch v := c.field(name).(type) {
	case bool:
		if v {
			return "true"
		}
		return "false"
	default:
		s, _ := value(v)
		return s
	}
}

// someone finds the user that a write names; nil if there is none.
func (c *call) someone(id string) *User {
	if c.tenant == nil || id == "" {
		return nil
	}
	u := c.tenant.User(id)
	if u == nil || u.Deleted {
		return nil
	}
	return u
}

// mailboxOf finds a mailbox by UPN, user id, address or Exchange's own id.
func (t *Tenant) mailboxOf(id string) *Mailbox {
	i := slices.IndexFunc(t.Mailboxes, func(m *Mailbox) bool {
		return strings.EqualFold(m.UPN, id) || strings.EqualFold(m.UserID, id) || strings.EqualFold(m.PrimarySMTP, id) || strings.EqualFold(m.ID, id)
	})
	if i < 0 {
		return nil
	}
	return t.Mailboxes[i]
}

// refused is how most writes end that CIPP or Microsoft does not do.
func (c *call) refused(status int, said string) answer {
	c.wrote("Error", said)
	return answer{status: status, body: object{"Results": said}}
}

const unknownUser = "Resource '%s' does not exist or one of its queried reference-property objects are not present."
