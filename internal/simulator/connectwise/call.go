package cwsim

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// A call is one request on its way through the server.
type call struct {
	*Server
	r    *http.Request
	body []byte

	codebase string   // as the URL has it, with its slash
	path     string   // below apis/3.0
	pattern  string   // of the route; empty if there is none
	route    *route   // nil if there is none for this method
	segments []string // what stands for {id} in the pattern
	others   []string // methods the path knows, where route is nil

	view         *view
	now          time.Time
	discardWrite bool // the write is answered and not made
	echoWrite    bool // …and the answer shows it as made
	changed      bool
}

// answer serves the call. The server is locked.
func (c *call) answer(f Fault) *answer {
	c.now = c.Server.now()
	c.view = c.Server.view("https://" + c.r.Host + "/" + c.Server.codebase + "apis/3.0")
	c.discardWrite, c.echoWrite = f.Kind == Ignored || f.Kind == Echoed, f.Kind == Echoed
	a, err := c.serve(f)
	if err == nil && f.Kind == TimeoutCommitted {
		err = timeout()
	}
	if err != nil {
		a = err.answer(c.faults.ErrorBody)
	}
	switch {
	case err != nil:
	case f.Kind == HTMLPage:
		a = &answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/html"}}, body: serving.HTMLPage(http.StatusOK)}
	case f.Kind == EmptyAnswer:
		a = &answer{status: http.StatusOK, header: http.Header{}}
	}
	a.header.Set("api-current-version", cmp.Or(c.faults.CurrentVersion, c.options.Version))
	a.header.Set("x-server-name", "SIM01")
	c.served++
	a.header.Set("x-cw-request-id", fmt.Sprintf("00000000-0000-4000-8000-%012x", c.served))
	if a.status != http.StatusNoContent {
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	return a
}

// serve goes through the gates in the order a client meets them: the edge,
// the codebase, the keys, the limit, the route, the version, the role.
func (c *call) serve(f Fault) (*answer, *apiError) {
	if err := refusal(f, cmp.Or(c.faults.RetryAfter, 30)); err != nil {
		return nil, err
	}
	if len(c.r.URL.RequestURI()) > 10_000 {
		return nil, &apiError{status: http.StatusRequestURITooLong, html: true}
	}
	if c.pattern == companyInfoRoute {
		return c.companyInfo()
	}
	if c.codebase != c.Server.codebase && (c.codebase != router || c.faults.NoRouter) {
		return nil, &apiError{status: http.StatusNotFound, html: true}
	}
	if err := c.authenticate(); err != nil {
		return nil, err
	}
	if c.meter.Over(c.faults.RateLimit, cmp.Or(c.faults.RateWindow, time.Minute), c.cost()) {
		return nil, throttled(cmp.Or(c.faults.RetryAfter, 30))
	}
	if c.route == nil {
		if len(c.others) > 0 {
			e := refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The requested resource does not support http method '%s'.", c.r.Method)
			e.header = http.Header{"Allow": {strings.Join(c.others, ", ")}}
			return nil, e
		}
		return nil, refuse(http.StatusNotFound, "NotFound", "No HTTP resource was found that matches the request URI '%s'.", c.path)
	}
	if err := c.negotiate(); err != nil {
		return nil, err
	}
	if err := c.permitted(); err != nil {
		return nil, err
	}
	return c.route.serve(c)
}

func (c *call) cost() int {
	if c.pattern == bundlesRoute && c.faults.BundleEntriesCost {
		var b struct{ Requests []json.RawMessage }
		if json.Unmarshal(c.body, &b) == nil {
			return max(1, len(b.Requests))
		}
	}
	return 1
}

// authenticate wants Basic company+public:private and a client id.
func (c *call) authenticate() *apiError {
	user, password, ok := c.r.BasicAuth()
	want := c.options.Company + "+" + c.options.PublicKey
	right := subtle.ConstantTimeCompare([]byte(user), []byte(want)) == 1 &&
		subtle.ConstantTimeCompare([]byte(password), []byte(c.options.PrivateKey)) == 1
	switch {
	case ok && right:
	case c.faults.WrongKeys404:
		return refuse(http.StatusNotFound, "NotFound", "Not found")
	case !ok:
		return refuse(http.StatusUnauthorized, "ConnectWiseApi", "UserNotAuthenticated")
	default:
		return wrongKeys()
	}
	id := c.r.Header.Get("clientId")
	status := cmp.Or(c.faults.MissingClient, http.StatusUnauthorized)
	if id == "" {
		return refuse(status, "Unauthorized", "The clientId header is missing. Register one at the developer portal.")
	}
	if c.options.ClientID != "" && !strings.EqualFold(id, c.options.ClientID) {
		return refuse(status, "Unauthorized", "The clientId %s is not valid for this environment.", id)
	}
	return nil
}

// negotiate checks the version pin in Accept and the type of the body.
func (c *call) negotiate() *apiError {
	accept := c.r.Header.Get("Accept")
	if accept != "" && !strings.Contains(accept, "json") && !strings.Contains(accept, "*/*") {
		return refuse(http.StatusNotAcceptable, "NotAcceptable", "The Accept header %s cannot be satisfied.", accept)
	}
	if _, pin, ok := strings.Cut(accept, "version="); ok {
		pin, _, _ = strings.Cut(pin, ";")
		pin, _, _ = strings.Cut(pin, ",")
		pin = strings.TrimSpace(pin)
		year, minor, ok := release(pin)
		if !ok {
			return refuse(http.StatusBadRequest, "ConnectWiseApi", "Version '%s' is not valid. Check your accept header", pin)
		}
		if lowest := c.faults.RefuseVersions[c.route.resource]; lowest != "" {
			if y, m, _ := release(lowest); year < y || year == y && minor < m {
				return refuse(http.StatusBadRequest, "ConnectWiseApi",
					"Version '%s' is not supported for %s; the lowest is '%s'. Check your accept header", pin, c.route.resource, lowest)
			}
		}
	}
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodDelete {
		return nil
	}
	kind, _, _ := strings.Cut(strings.ToLower(c.r.Header.Get("Content-Type")), ";")
	if kind = strings.TrimSpace(kind); kind != "application/json" && kind != "application/vnd.connectwise.com+json" && len(c.body) > 0 {
		return refuse(http.StatusUnsupportedMediaType, "UnsupportedMediaType",
			"The request entity's media type '%s' is not supported for this resource.", kind)
	}
	return nil
}

// release splits 2025.1.
func release(version string) (year, minor int, ok bool) {
	a, b, _ := strings.Cut(version, ".")
	year, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	return year, minor, err1 == nil && err2 == nil
}

// role is that of the API member; nil may do everything.
func (c *call) role() *Role {
	for _, m := range c.world.Members {
		if strings.EqualFold(m.Identifier, c.member()) {
			return c.view.roles[m.RoleID]
		}
	}
	return nil
}

func (c *call) member() string { return c.options.Member }

// memberID is 0 if the world does not know the API member.
func (c *call) memberID() int {
	for _, m := range c.world.Members {
		if strings.EqualFold(m.Identifier, c.member()) {
			return m.ID
		}
	}
	return 0
}

// level is what the member's role grants for a function: None, My or All.
func (c *call) level(function, method string) string {
	r := c.role()
	if r == nil || function == "" || len(r.Settings) == 0 {
		return "All"
	}
	i := slices.IndexFunc(r.Settings, func(s RoleSetting) bool { return s.Function == function })
	if i < 0 {
		return "None"
	}
	s := r.Settings[i]
	switch method {
	case http.MethodPost:
		return cmp.Or(s.Add, "None")
	case http.MethodPatch, http.MethodPut:
		return cmp.Or(s.Edit, "None")
	case http.MethodDelete:
		return cmp.Or(s.Delete, "None")
	}
	return cmp.Or(s.Inquire, "None")
}

func (c *call) permitted() *apiError {
	method := c.r.Method
	if c.pattern == pricingRoute {
		method = http.MethodGet
	}
	if c.level(c.route.function, method) == "None" {
		return denied()
	}
	return nil
}

// visible reports whether the caller's lists hold an object. A role hides
// rows without a word: with Inquire: My all but the member's own, and
// agreements whose type, or whose parent's type, it may not see.
func (c *call) visible(resource, function string, o entity) bool {
	if slices.Contains(c.faults.Hidden[resource], o.key()) {
		return false
	}
	return c.allowed(function, o)
}

func (c *call) allowed(function string, o entity) bool {
	role := c.role()
	if role == nil {
		return true
	}
	if c.level(function, http.MethodGet) == "My" {
		if by := owner(o); by != "" && !strings.EqualFold(by, c.member()) {
			return false
		}
	}
	if len(role.AgreementTypes) == 0 {
		return true
	}
	var a *Agreement
	switch o := o.(type) {
	case *Agreement:
		a = o
	case *Addition:
		a = c.view.agreements[o.AgreementID]
	case row:
		if c.route.resource == "AgreementRecap" {
			a = c.view.agreements[o.id]
		}
	}
	if a == nil {
		return true
	}
	if p := c.view.agreements[a.ParentID]; p != nil && !slices.Contains(role.AgreementTypes, p.TypeID) {
		return false
	}
	return slices.Contains(role.AgreementTypes, a.TypeID)
}

// owner is who entered an object that the levels My and All tell apart.
func owner(o entity) string {
	switch o := o.(type) {
	case *Company:
		return o.Info.EnteredBy
	case *Contact:
		return o.Info.EnteredBy
	case *Ticket:
		return o.Info.EnteredBy
	case *Agreement:
		return o.Info.EnteredBy
	case *Addition:
		return o.Info.EnteredBy
	case *Product:
		return o.Info.EnteredBy
	case *Invoice:
		return o.Info.EnteredBy
	}
	return ""
}

// id returns the n-th number in the path. One too large for an id is 0, which
// no object has.
func (c *call) id(n int) int {
	id, err := strconv.ParseInt(c.segments[n], 10, 32)
	if err != nil {
		return 0
	}
	return int(id)
}

func (c *call) encoder() *encoder {
	return &encoder{numbers: c.faults.Numbers, nulls: c.faults.Nulls, extra: c.faults.ExtraMembers}
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json; charset=utf-8"}}
}

func (c *call) object(status int, s *schema, r record) *answer {
	e := c.encoder()
	e.object(s, r)
	return &answer{status: status, header: jsonHeader(), body: e.buf.Bytes()}
}

func (c *call) empty(status int) *answer { return &answer{status: status, header: http.Header{}} }

// companyInfo needs no keys. An unknown company is 200 with the body null.
func (c *call) companyInfo() (*answer, *apiError) {
	if c.r.Method != http.MethodGet {
		return nil, refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The requested resource does not support http method '%s'.",
			c.r.Method)
	}
	if !strings.EqualFold(c.segments[0], c.options.Company) {
		if c.faults.UnknownCompany404 {
			return nil, refuse(http.StatusNotFound, "NotFound", "Not found")
		}
		return &answer{status: http.StatusOK, header: jsonHeader(), body: []byte("null")}, nil
	}
	var cloud any = !c.options.OnPrem
	if c.faults.IsCloudText {
		cloud = strings.ToUpper(strconv.FormatBool(!c.options.OnPrem)[:1]) + strconv.FormatBool(!c.options.OnPrem)[1:]
	}
	body := must(json.Marshal(struct {
		CompanyName, Codebase, VersionCode, VersionNumber, CompanyID string
		IsCloud                                                      any
	}{cmp.Or(c.world.Name, c.options.Company), c.Server.codebase, "v" + c.options.Version, "v" + c.options.Version + ".12345", c.options.Company, cloud}))
	return &answer{status: http.StatusOK, header: jsonHeader(), body: body}, nil
}

func (c *call) systemInfo() (*answer, *apiError) {
	r := record{
		"version": "v" + c.options.Version + ".12345", "isCloud": !c.options.OnPrem, "serverTimeZone": c.options.TimeZone.String(),
		"licenseBits": []any{record{"name": "Finance", "activeFlag": true}, record{"name": "Procurement", "activeFlag": true}},
	}
	if !c.options.OnPrem {
		r["cloudRegion"] = "NA"
	}
	return c.object(http.StatusOK, schemas["SystemInfo"], r), nil
}
