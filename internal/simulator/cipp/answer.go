package cippsim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"syncd/internal/simulator/serving"
)

// An answer is what goes back. body is JSON unless plain is set; a nil body
// is sent as no body at all, as the host does with $null.
type answer struct {
	status     int
	body       any
	plain      string
	isPlain    bool
	kind       string // Content-Type; empty means the usual one
	header     http.Header
	bom        bool
	end        serving.End
	deformable bool
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func text(status int, s string) answer {
	return answer{status: status, plain: s, isPlain: true}
}

func results(rows any) answer { return ok(object{"Results": rows}) }

func page(status int, title string) answer {
	a := text(status, "<!DOCTYPE html>\n<html><head><title>"+title+"</title></head><body><h1>"+title+"</h1></body></html>\n")
	a.kind = "text/html; charset=utf-8"
	return a
}

func signIn() answer {
	a := page(http.StatusFound, "Redirecting")
	a.header = http.Header{"Location": {"https://login.microsoftonline.com/common/oauth2/v2.0/authorize?response_type=code"}}
	return a
}

// exception is what an unhandled exception inside an endpoint becomes.
func (c *call) exception(msg string) answer {
	if !c.s.atLeast("9.0.0") {
		return text(http.StatusForbidden, msg)
	}
	return text(http.StatusInternalServerError, msg)
}

// answer is what a fault sends in place of the right answer.
func (f Fault) answer(endpoint string) answer {
	var a answer
	msg := func(usual string) string { return cmp.Or(f.Text, usual) }
	switch f.Kind {
	case Unauthorized:
		a = unauthorized()
	case Denied:
		role := "CIPP.Core.Read"
		if d, known := catalogue()[strings.ToLower(endpoint)]; known {
			role = d.role
		}
		a = text(http.StatusForbidden, msg(textNotAllowed+"you do not have the required permission: "+role))
	case Upstream403:
		a = answer{status: http.StatusForbidden, body: []string{msg("Could not reach Exchange: 403 (Access Denied)")}}
	case GraphRefused:
		a = text(http.StatusBadRequest, "Graph Error: "+msg("Request_BadRequest")+" - Endpoint: users")
	case Throttled:
		a = text(http.StatusTooManyRequests, f.Text)
	case Throttled400:
		a = text(http.StatusBadRequest, "Graph Error: "+msg(TextThrottled)+" - Endpoint: users")
	case Throttled500:
		a = text(http.StatusInternalServerError, msg(TextUnavailable))
	case Broken:
		a = text(http.StatusInternalServerError, msg("Object reference not set to an instance of an object."))
	case BadGateway:
		a = page(http.StatusBadGateway, "502 Bad Gateway")
	case Unavailable:
		a = page(http.StatusServiceUnavailable, "503 Service Unavailable")
	case Disabled:
		a = text(http.StatusServiceUnavailable, TextDisabled+msg(endpoint))
	case TimedOut:
		a = page(http.StatusGatewayTimeout, "504 Gateway Timeout")
	case SignIn:
		a = signIn()
	case NoSuchCommand:
		a = text(http.StatusNotFound, TextNoEndpoint)
	case Dropped:
		a = answer{end: serving.Unsent}
	default:
		a = text(http.StatusInternalServerError, "simulator: unknown fault "+string(f.Kind))
	}
	if f.RetryAfter > 0 {
		if a.header == nil {
			a.header = http.Header{}
		}
		a.header.Set("Retry-After", serving.RetryAfter(f.RetryAfter, f.RetryDate))
	}
	return a
}

// encode makes the bytes. It runs under the server's lock, because rows may
// share slices with the world.
func (a *answer) encode() serving.Answer {
	var b bytes.Buffer
	if a.bom {
		b.WriteString("\uFEFF")
	}
	switch {
	case a.isPlain:
		a.kind = cmp.Or(a.kind, "text/plain; charset=utf-8")
		b.WriteString(a.plain)
	case a.body != nil:
		a.kind = cmp.Or(a.kind, "application/json; charset=utf-8")
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(a.body); err != nil {
			a.status = http.StatusInternalServerError
			b.Reset()
			fmt.Fprintf(&b, "simulator: encoding an answer: %v", err)
		} else {
			b.Truncate(b.Len() - 1) // Encode ends with a newline
		}
	}
	header := http.Header{"Content-Type": nil, "Content-Length": {strconv.Itoa(b.Len())}} // without a type net/http would guess one
	maps.Copy(header, a.header)
	if a.kind != "" {
		header.Set("Content-Type", a.kind)
	}
	return serving.Answer{Status: a.status, Header: header, Body: b.Bytes(), End: a.end}
}

// deform does to a right answer what sh says.
func (a answer) deform(sh Shape) answer {
	if sh.zero() {
		return a
	}
	if !a.isPlain && a.body != nil {
		a.body = deform(plainJSON(a.body), sh)
	}
	switch sh.Body {
	case AsIs:
	case NoBody:
		a.body, a.plain, a.isPlain = nil, "", false
	case HTML:
		a = page(http.StatusOK, "Loading")
	default:
		a.body, a.isPlain = json.RawMessage(sh.Body), false
	}
	a.bom = a.bom || sh.BOM
	if sh.PlainText {
		a.kind = "text/plain; charset=utf-8"
	}
	return a
}

// plainJSON turns any value into what encoding/json would read back.
func plainJSON(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return v // encode reports it
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return v
	}
	return out
}

func deform(v any, sh Shape) any {
	onRows := func(rows []any) any {
		rows = append(rows, sh.Rows...)
		for i := range rows {
			rows[i] = deformRow(rows[i], sh)
		}
		if sh.Collapse && len(rows) == 1 {
			return rows[0]
		}
		return rows
	}
	switch v := v.(type) {
	case []any:
		return onRows(v)
	case map[string]any:
		rows, isList := v["Results"].([]any)
		if !isList {
			return deformRow(v, sh)
		}
		rest := maps.Clone(v)
		delete(rest, "Results")
		out := deformRow(rest, Shape{TextNumbers: sh.TextNumbers, TextBools: sh.TextBools, OtherCase: sh.OtherCase}).(map[string]any)
		name := "Results"
		if sh.OtherCase {
			name = otherCase(name)
		}
		out[name] = onRows(rows)
		return out
	}
	return v
}

func deformRow(v any, sh Shape) any {
	if sh.DepthCut > 0 {
		v = cut(v, sh.DepthCut)
	}
	return deformValue(v, sh, true)
}

func deformValue(v any, sh Shape, top bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			if sh.OtherCase {
				k = otherCase(k)
			}
			out[k] = deformValue(inner, sh, false)
		}
		return out
	case []any:
		if sh.NullLists && len(v) == 0 && !top {
			return nil
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = deformValue(v[i], sh, false)
		}
		if sh.CollapseInside && len(out) == 1 && !top {
			return out[0]
		}
		return out
	case json.Number:
		if sh.TextNumbers {
			return v.String()
		}
	case bool:
		if sh.TextBools {
			return strconv.FormatBool(v)
		}
	}
	return v
}

func otherCase(k string) string {
	r, n := utf8.DecodeRuneInString(k)
	if unicode.IsUpper(r) {
		return string(unicode.ToLower(r)) + k[n:]
	}
	return string(unicode.ToUpper(r)) + k[n:]
}

// cut is PowerShell's ConvertTo-Json at the end of its depth: what lies
// deeper is written as its text.
func cut(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		if depth == 0 {
			return shellText(v)
		}
		out := make(map[string]any, len(v))
		for k, inner := range v {
			out[k] = cut(inner, depth-1)
		}
		return out
	case []any:
		if depth == 0 {
			return shellText(v)
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = cut(v[i], depth-1)
		}
		return out
	}
	return v
}

func shellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+"="+shellText(v[k]))
		}
		return "@{" + strings.Join(parts, "; ") + "}"
	case []any:
		var parts []string
		for _, inner := range v {
			parts = append(parts, shellText(inner))
		}
		return strings.Join(parts, " ")
	case bool:
		if v {
			return "True"
		}
		return "False"
	}
	return fmt.Sprint(v)
}
