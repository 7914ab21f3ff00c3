package cippsim

import (
	"fmt"
	"net/http"
	"strings"
)

// listGraphBulkRequest sends several Graph requests for one tenant
// (CIPP source: Invoke-ListGraphBulkRequest.ps1, New-GraphBulkRequest.ps1).
//
// Sub-requests come back in another order than they were sent, because a
// client may not rely on any.
func (c *call) listGraphBulkRequest() answer {
	requests, _ := c.field("requests").([]any)
	if len(requests) == 0 {
		return text(http.StatusBadRequest, "Graph Error: no requests in the body - Endpoint: $batch")
	}
	if c.tenant == nil { // AllTenants is no tenant here
		if c.s.faults.EmptyUnknown {
			return ok(nil)
		}
		return ok([]object{})
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusBadRequest, msg)
	}
	asApp := truth(c.field("asApp"))
	onePage := map[string]bool{}
	if ids, isList := c.field("noPaginateIds").([]any); isList {
		for _, id := range ids {
			onePage[fmt.Sprint(id)] = true
		}
	}
	rows := []object{}
	for _, r := range requests {
		id, raw := fmt.Sprint(member(r, "id")), fmt.Sprint(member(r, "url"))
		if method, _ := member(r, "method").(string); !strings.EqualFold(method, http.MethodGet) {
			c.s.complain("ListGraphBulkRequest: sub-request %s has method %q", id, method)
		}
		p, err := graphURL(raw)
		f := ResourceFault{}
		if err == nil {
			f = c.s.resourceFault(c.tenant, p.path, id)
		}
		if f.Missing {
			continue
		}
		p.asApp = asApp
		g := graphFailure(400, "BadRequest", "Invalid request url.")
		if err == nil {
			g = c.s.graphGet(c.tenant, c.data, p, f)
		}
		if f.Duplicate {
			rows = append(rows, subAnswer(id, p, graphFailure(429, "", ""), ResourceFault{}, false))
		}
		rows = append(rows, subAnswer(id, p, g, f, onePage[id]))
	}
	for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
		rows[i], rows[j] = rows[j], rows[i]
	}
	return ok(rows)
}

// subAnswer is one entry of Graph's $batch answer. CIPP adds the rows of
// further pages to the first one's value and leaves its nextLink in place.
func subAnswer(id string, p graphPath, g graphAnswer, f ResourceFault, onePage bool) object {
	headers := object{
		"Cache-Control": "no-cache", "x-ms-resource-unit": "1", "OData-Version": "4.0",
		"Content-Type": "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
	}
	if g.failed() {
		if g.status == http.StatusTooManyRequests {
			headers["Retry-After"] = "10"
		}
		return object{"id": id, "status": g.status, "headers": headers, "body": object{"error": object{
			"code": g.code, "message": g.message,
			"innerError": object{"date": "2026-01-01T00:00:00", "request-id": guid("graph", id), "client-request-id": guid("graph", id)},
		}}}
	}
	context := "https://graph.microsoft.com/beta/$metadata#" + p.path
	if g.single {
		body := object{"@odata.context": context + "/$entity"}
		for k, v := range g.rows[0].(object) {
			body[k] = v
		}
		return object{"id": id, "status": g.status, "headers": headers, "body": body}
	}
	rows := g.rows
	next := f.NextLink || f.Keep > 0
	if len(rows) > g.size {
		next = true
		if onePage {
			rows = rows[:g.size]
		}
	}
	if f.DepthCut > 0 {
		cutRows, _ := plainJSON(rows).([]any)
		for i := range cutRows {
			cutRows[i] = cut(cutRows[i], f.DepthCut)
		}
		rows = cutRows
	}
	body := object{"@odata.context": context, "value": rows}
	if next {
		body["@odata.nextLink"] = nextLink(p, g.size)
	}
	switch {
	case f.NoValue:
		delete(body, "value")
	case f.NullValue:
		body["value"] = nil
	}
	return object{"id": id, "status": g.status, "headers": headers, "body": body}
}

// truth is what PowerShell makes of a JSON value used as a switch.
func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	}
	return false
}
