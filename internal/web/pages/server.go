package pages

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// A server writes what the handlers answer.
type server struct {
	running   *app.Running
	people    People
	templates templates
	around    *surroundings
	months    *kept[*app.MonthState]
	bill      *billKept
	products  *kept[*app.ProductBoard]
	readings  *readings
	notices   notices
	warmed    sync.Once
}

func newServer(running *app.Running, people People) *server {
	stamp := running.Engine.Runs
	s := &server{running: running, people: people, around: &surroundings{running: running},
		months: &kept[*app.MonthState]{make: running.MonthState, stamp: stamp}, bill: keepBill(running, stamp),
		products: &kept[*app.ProductBoard]{stamp: stamp, make: func(ctx context.Context, _ string) (*app.ProductBoard, error) { return running.ProductBoard(ctx) }},
		readings: newReadings()}
	s.templates = parse(s.funcs())
	return s
}

// warm makes what takes long of a large estate, for the first one to ask for it. What fails is
// told to that one.
func (s *server) warm(ctx context.Context) {
	month := s.running.Now().In(s.running.Location).Format("2006-01")
	_, _ = s.bill.state.get(ctx, "")
	_, _ = s.bill.leaks.get(ctx, month)
	_, _ = s.months.get(ctx, month)
}

func (s *server) request(r *http.Request) *request {
	q := &request{Request: r, app: s.running, months: s.months, bill: s.bill, products: s.products, readings: s.readings}
	q.person, q.known = s.people.Person(r)
	return q
}

// serve makes a handler of a route: who asks, whether that person may, the body, the answer.
func (s *server) serve(r route) http.HandlerFunc {
	limit := r.body
	if limit == 0 {
		limit = maxForm
	}
	return func(w http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(w, req.Body, limit)
		q := s.request(req)
		if r.reads && q.wantsJSON() {
			takesLong(w)
		}
		a, err := s.answer(r, q)
		if q.known {
			s.warmed.Do(func() { go s.warm(context.WithoutCancel(q.Context())) })
		}
		if err != nil {
			s.fail(w, q, err)
			return
		}
		s.write(w, q, a)
	}
}

// readingFor is how long an answer may take that is read for a program.
const readingFor = 15 * time.Minute

// takesLong lets an answer take longer than others. Where a connection has no deadlines it
// may anyway.
func takesLong(w http.ResponseWriter) {
	until, c := time.Now().Add(readingFor), http.NewResponseController(w)
	_ = c.SetReadDeadline(until) // or the server hangs up on who waits
	_ = c.SetWriteDeadline(until)
}

func (s *server) answer(r route, q *request) (answer, error) {
	if !q.known {
		return answer{}, fail(http.StatusUnauthorized, "sign in first")
	}
	if err := s.running.Config.Refuse(q.person, "this", r.role); err != nil {
		return answer{}, &failure{status: http.StatusForbidden, err: err}
	}
	if err := q.read(); err != nil {
		return answer{}, err
	}
	if err := wrongPage(q.Request); err != nil {
		return answer{}, err
	}
	a, err := r.handle(q)
	if r.method() != http.MethodGet {
		s.around.forget() // what every page shows may be otherwise now
		s.months.forget()
		s.products.forget()
	}
	return a, err
}

// write sends an answer as the browser or the program wants it.
func (s *server) write(w http.ResponseWriter, q *request, a answer) {
	switch {
	case a.file != nil:
		if err := a.file(w); err != nil && q.Context().Err() == nil {
			s.running.Log.Error().Err(err).Str("path", q.URL.Path).Msg("file not sent")
		}
	case q.wantsJSON():
		s.writeJSON(w, q, http.StatusOK, a.json)
	case a.to != "":
		http.Redirect(w, q.Request, s.notices.along(a.to, a.said), http.StatusSeeOther)
	default:
		s.writePage(w, q, cmp.Or(a.status, http.StatusOK), a)
	}
}

func (s *server) writeJSON(w http.ResponseWriter, q *request, status int, document any) {
	var body bytes.Buffer
	out := json.NewEncoder(visible.Writer(&body))
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(document); err != nil {
		s.running.Log.Error().Err(err).Str("path", q.URL.Path).Msg("JSON not written")
		http.Error(w, `{"error":"syncd could not write this as JSON; its log says why"}`, http.StatusInternalServerError)
		return
	}
	send(w, q.Request, status, "application/json", body.Bytes())
}

func (s *server) writePage(w http.ResponseWriter, q *request, status int, a answer) {
	d, err := s.document(q, a)
	if err == nil {
		var body bytes.Buffer
		if err = s.templates.write(visible.Writer(&body), a, q.wantsPart(), d); err == nil {
			w.Header().Add("Vary", "Accept, HX-Request")
			send(w, q.Request, status, "text/html; charset=utf-8", body.Bytes())
			return
		}
	}
	if q.Context().Err() != nil {
		return // the client hung up
	}
	s.running.Log.Error().Err(err).Str("path", q.URL.Path).Msg("page not shown")
	http.Error(w, "The page could not be made, and nothing was changed by looking at it. syncd's log says why.", http.StatusInternalServerError)
}

// titles are the headlines of pages that say what went wrong.
var titles = map[int]string{
	http.StatusBadRequest:            "This was not understood",
	http.StatusUnauthorized:          "Sign in first",
	http.StatusForbidden:             "Your role does not allow this",
	http.StatusNotFound:              "There is nothing here",
	http.StatusMethodNotAllowed:      "This address is not used in this way",
	http.StatusConflict:              "This changed meanwhile, and nothing was done",
	http.StatusRequestEntityTooLarge: "This is too large",
	http.StatusUnsupportedMediaType:  "This was not understood",
	http.StatusMisdirectedRequest:    "syncd is not reached under this name",
	http.StatusUnprocessableEntity:   "Something is missing or wrong, and nothing was done",
	http.StatusTooManyRequests:       "Too many attempts",
	http.StatusInternalServerError:   "syncd could not do this",
	http.StatusGatewayTimeout:        "This takes longer than a page may",
}

// statusOf is the status that says an error.
func statusOf(err error) int {
	f, ok := errors.AsType[*failure](err)
	gone, isGone := errors.AsType[*app.PlanGoneError](err)
	_, usage := errors.AsType[app.UsageError](err)
	_, inTheWay := errors.AsType[*app.MonthRefused](err)
	switch {
	case isGone && !gone.Known:
		return http.StatusNotFound
	case isGone:
		return http.StatusConflict
	case ok:
		return f.status
	case errors.Is(err, state.ErrConflict), errors.Is(err, state.ErrNotFound):
		return http.StatusConflict
	case usage, inTheWay:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

// A troubled is the page of an error.
type troubled struct {
	Status   int
	Moved    []string
	Problems []mapping.Problem // of a table that was sent
	Back     string
	BackTo   string
}

// fail sends what went wrong, in plain words.
func (s *server) fail(w http.ResponseWriter, q *request, err error) {
	if q.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // the client hung up
	}
	status := statusOf(err)
	if status == http.StatusInternalServerError {
		s.running.Log.Error().Err(err).Str("path", q.URL.Path).Str("by", q.person.Name).Msg("request failed")
	}
	text := s.running.Config.Redactor().Text(err.Error())
	f, _ := errors.AsType[*failure](err)
	if f != nil && f.allow != nil {
		w.Header().Set("Allow", strings.Join(f.allow, ", "))
	}
	shown := troubled{Status: status, Back: q.inbox(), BackTo: "the inbox"}
	for _, p := range all {
		if p.name != "" && p.path != "/" && (q.URL.Path == p.path || strings.HasPrefix(q.URL.Path, p.path+"/")) {
			shown.Back, shown.BackTo = p.path, p.name
		}
	}
	title := titles[status]
	if f != nil && f.title != "" {
		title = f.title
	}
	if f != nil && f.back != "" {
		shown.Back, shown.BackTo = f.back, f.backTo
	}
	if gone, ok := errors.AsType[*app.PlanGoneError](err); ok {
		shown.Moved = gone.Moved
	}
	if moved, ok := errors.AsType[*app.MovedError](err); ok {
		shown.Moved = moved.Moved
	}
	shown.Problems = mapping.Problems(err)
	if q.wantsJSON() {
		s.writeJSON(w, q, status, struct {
			Error    string            `json:"error"`
			Moved    []string          `json:"moved,omitempty"`
			Problems []mapping.Problem `json:"problems,omitempty"`
		}{text, shown.Moved, shown.Problems})
		return
	}
	if len(shown.Problems) > 0 { // they stand line by line below
		text, _, _ = strings.Cut(text, ":\n")
	}
	s.writePage(w, q, status, answer{page: "error", title: title, headline: title, sub: sentence(text), data: shown})
}
