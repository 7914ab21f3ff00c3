package cippsim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// queueFrom is the number of rows above which $count turns a call into a queue.
const queueFrom = 8000

// graphOptions are the query parameters that CIPP passes on to Graph.
var graphOptions = []string{"$select", "$filter", "$expand", "$top", "$count", "$orderby", "$search", "$format"}

// listGraphRequest is the Graph proxy
// (CIPP source: Invoke-ListGraphRequest.ps1, Get-GraphRequestList.ps1).
func (c *call) listGraphRequest() answer {
	flags, said := c.graphFlags()
	if said != "" {
		return c.exception(said)
	}
	if flags["IgnoreErrors"] {
		c.s.complain("ListGraphRequest: IgnoreErrors turns errors into status 200")
	}
	p, err := graphURL(c.param("Endpoint"))
	if err != nil || p.path == "" {
		return c.graphFailed(flags, "Resource not found for the segment ''.")
	}
	p.asApp = flags["AsApp"]
	meta := c.graphMetadata(p, flags)
	c.s.advance()
	if c.all {
		return c.graphOfAll(p, flags, meta)
	}
	if id := c.param("QueueId"); id != "" {
		return ok(object{"Results": rowsOf(c.s.graphRows[graphKey(p, c.filter)], id, c.now, nil), "Metadata": meta})
	}
	if c.tenant == nil {
		return ok(object{"Results": []any{}, "Metadata": meta})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.graphFailed(flags, msg)
	}
	if p.offset, said = skipToken(c.param("nextLink")); said != "" {
		return c.graphFailed(flags, said)
	}
	g := c.s.graphGet(c.tenant, c.data, p, c.s.resourceFault(c.tenant, p.path, ""))
	if g.failed() {
		return c.graphFailed(flags, g.message)
	}
	return c.graphOfOne(p, flags, meta, &g)
}

// graphFlags reads the parameters that are true or false, or says what .NET says of another word.
func (c *call) graphFlags() (flags map[string]bool, exception string) {
	flags = map[string]bool{}
	for _, name := range []string{"manualPagination", "NoPagination", "CountOnly", "SkipCache", "AsApp", "ReverseTenantLookup", "IgnoreErrors"} {
		switch v := c.param(name); {
		case v == "" || strings.EqualFold(v, "false"):
		case strings.EqualFold(v, "true"):
			flags[name] = true
		default:
			return nil, `Exception calling "ToBoolean" with "1" argument(s): "String '` + v + `' was not recognized as a valid Boolean."`
		}
	}
	return flags, ""
}

// graphMetadata passes the options of the call on to Graph, and is the answer's Metadata.
func (c *call) graphMetadata(p graphPath, flags map[string]bool) object {
	parameters := object{}
	for _, option := range graphOptions {
		v := c.param(option)
		switch option {
		case "$filter":
			v = cmp.Or(v, c.param("graphFilter"))
		case "$expand":
			v = cmp.Or(v, c.param("expand"))
		}
		if v != "" {
			p.query.Set(option, v)
			parameters[option] = v
		}
	}
	meta := object{
		"Endpoint": p.path, "TenantFilter": c.filter, "Parameters": parameters, "CippLink": nil,
		"GraphHeaders": object{"x-ms-ags-diagnostic": []string{"{}"}, "request-id": []string{c.s.nextID("graph request")}},
	}
	if flags["manualPagination"] {
		meta["ManualPagination"] = true
	}
	if c.cold {
		meta["ColdStart"] = true
	}
	return meta
}

// skipToken reads the offset that a nextLink goes on from, or says what is wrong
// with it. Graph puts it into an opaque token; ours is the number.
func skipToken(nextLink string) (offset int, wrong string) {
	if nextLink == "" {
		return 0, ""
	}
	u, err := url.Parse(nextLink)
	if err != nil || !strings.EqualFold(u.Host, "graph.microsoft.com") {
		return 0, "nextLink must point to graph.microsoft.com"
	}
	offset, err = strconv.Atoi(u.Query().Get("$skiptoken"))
	if err != nil || offset < 0 {
		return 0, "Invalid skip token."
	}
	return offset, ""
}

// graphOfOne answers with one tenant's rows: their number, a page of them, all, or
// a queue where they are many.
func (c *call) graphOfOne(p graphPath, flags map[string]bool, meta object, g *graphAnswer) answer {
	counts := strings.EqualFold(c.param("$count"), "true")
	paged := flags["manualPagination"] || flags["NoPagination"]
	switch {
	case flags["CountOnly"] && !counts:
		return ok(object{"Results": []any{nil}, "Metadata": meta}) // Graph sends no count unasked
	case flags["CountOnly"]:
		return ok(object{"Results": []int{len(g.rows)}, "Metadata": meta})
	case counts && !paged && len(g.rows) > queueFrom:
		q := c.s.startQueue(p.path+" ("+c.filter+")", graphKey(p, c.filter), []*Tenant{c.tenant}, c.graphTask(p, c.filter))
		return c.queued(meta, q, TextQueued)
	}
	rows := g.rows
	if paged && !g.single {
		rows = rows[min(p.offset, len(rows)):]
		if len(rows) > g.size {
			rows = rows[:g.size]
			if flags["manualPagination"] {
				meta["nextLink"] = nextLink(p, p.offset+g.size)
			}
		}
	}
	return ok(object{"Results": c.s.marked(c.tenant, c.filter, rows), "Metadata": meta})
}

// graphFailed is CIPP's 400, unless somebody asked to hide it.
func (c *call) graphFailed(flags map[string]bool, msg string) answer {
	body := "Graph Error: " + msg + " - Endpoint: " + c.param("Endpoint")
	if flags["IgnoreErrors"] {
		return text(http.StatusOK, body)
	}
	return c.failed(http.StatusBadRequest, body)
}

func nextLink(p graphPath, offset int) string {
	q := url.Values{}
	for k, v := range p.query {
		q[k] = v
	}
	q.Set("$skiptoken", strconv.Itoa(offset))
	return "https://graph.microsoft.com/beta/" + p.path + "?" + q.Encode()
}

// marked adds Tenant and CippStatus. Tenant echoes what the caller sent.
func (s *Server) marked(t *Tenant, filter string, rows []any) []any {
	status := cmp.Or(s.tenantFaults(t).CippStatus, "Good")
	out := make([]any, 0, len(rows))
	for _, r := range rows {
		if row, isObject := r.(object); isObject {
			if _, has := row["Tenant"]; !has {
				row["Tenant"] = filter
			}
			if _, has := row["CippStatus"]; !has {
				row["CippStatus"] = status
			}
		}
		out = append(out, r)
	}
	return out
}

// cachedRows are the rows of one tenant in a cache for AllTenants answers.
type cachedRows struct {
	tenant *Tenant
	at     time.Time
	queue  string
	rows   []any
}

// cacheLife is how long they count, each tenant's for itself.
const cacheLife = time.Hour

// rowsOf gathers what is there, which may be a part. With a queue's id only
// that run's rows count.
func rowsOf(all []cachedRows, queue string, now time.Time, allows func(*Tenant) bool) []any {
	rows := []any{}
	for _, r := range all {
		if queue == "" && now.Sub(r.at) >= cacheLife || queue != "" && r.queue != queue {
			continue
		}
		if allows == nil || allows(r.tenant) {
			rows = append(rows, r.rows...)
		}
	}
	return rows
}

// graphKey is the cache key: endpoint, tenant and the exact parameters.
func graphKey(p graphPath, filter string) string {
	return filter + "|" + strings.ToLower(p.path) + "|" + p.query.Encode() + "|" + strconv.FormatBool(p.asApp)
}

// graphOfAll answers AllTenants from the cache, or starts a run.
func (c *call) graphOfAll(p graphPath, flags map[string]bool, meta object) answer {
	if flags["SkipCache"] {
		rows := []any{}
		for _, t := range c.listed() {
			rows = append(rows, c.s.graphTaskRows(t, p)...)
		}
		return ok(object{"Results": rows, "Metadata": meta})
	}
	key := graphKey(p, allTenants)
	if rows := rowsOf(c.s.graphRows[key], c.param("QueueId"), c.now, c.allows); len(rows) > 0 {
		if flags["CountOnly"] {
			return ok(object{"Results": []int{len(rows)}, "Metadata": meta})
		}
		return ok(object{"Results": rows, "Metadata": meta})
	}
	if q := c.s.runningQueue(key); q != nil {
		return c.queued(meta, q, "Data still processing, please wait")
	}
	q := c.s.startQueue(p.path+" (All Tenants)", key, c.listed(), c.graphTask(p, allTenants))
	return c.queued(meta, q, TextQueued)
}

func (c *call) queued(meta object, q *queue, msg string) answer {
	id := "QueueId"
	if !c.s.atLeast("9.0.0") {
		id = "QueuedId"
	}
	meta["Queued"], meta["QueueMessage"], meta[id] = true, msg, q.id
	return ok(object{"Results": []any{}, "Metadata": meta})
}

// graphTask is one tenant's part of a run.
func (c *call) graphTask(p graphPath, filter string) func(*Server, *queue, *Tenant, time.Time) {
	key := graphKey(p, filter)
	return func(s *Server, q *queue, t *Tenant, at time.Time) {
		rows := s.graphTaskRows(t, p)
		s.graphRows[key] = append(slices.DeleteFunc(s.graphRows[key], func(r cachedRows) bool { return r.tenant == t }),
			cachedRows{tenant: t, at: at, queue: q.id, rows: rows})
	}
}

// graphTaskRows never fails: an error becomes a row.
func (s *Server) graphTaskRows(t *Tenant, p graphPath) []any {
	f := s.tenantFaults(t)
	if f.NoRows || f.Unauthorised {
		return nil
	}
	errorRow := func(msg string) []any {
		exception, _ := json.Marshal(object{"NormalizedError": msg, "Message": msg}) // plain text
		return []any{object{
			"Tenant": t.DefaultDomain, "CippStatus": "Could not connect to tenant. " + msg, "CippException": string(exception),
		}}
	}
	if f.GraphError != "" {
		return errorRow(f.GraphError)
	}
	g := s.graphGet(t, s.dataOf(t), p, s.resourceFault(t, p.path, ""))
	if g.failed() {
		return errorRow(g.message)
	}
	if len(g.rows) == 0 && f.NullArray {
		return errorRow(TextNullArray)
	}
	// Rows are stored as text, so they do not follow the world.
	stored, isList := plainJSON(s.marked(t, t.DefaultDomain, g.rows)).([]any)
	if !isList {
		return errorRow(fmt.Sprintf("%s: cannot be stored", p.path))
	}
	return stored
}
