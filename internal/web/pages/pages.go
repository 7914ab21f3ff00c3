// Package pages are the pages for people, and the same as JSON for programs: a Go file and a
// template for each. They show and decide through internal/app alone, as the commands do.
package pages

import (
	"net/http"
	"slices"

	"syncd/internal/app"
)

// all are the pages in the order of the navigation. Each answers one question.
var all = []page{
	// What waits for me?
	inboxPage,
	// Where does a customer live, what is billed, and why?
	customersPage,
	// Which tenant is which company and organization?
	mapPage,
	// Which licence is billed as what?
	productsPage,
	// Which objects must a person settle?
	matchesPage,
	// What is billed, and may the month be closed?
	reportPage,
	monthPage,
	// What did the program do?
	runsPage,
	// Is the program itself well?
	systemPage,
}

// A page is what answers one question.
type page struct {
	name   string // in the navigation; empty where it is not there
	path   string // where the navigation leads
	count  func(*around) int
	routes []route
}

// A People says who asks; false where nobody is known.
type People interface {
	Person(r *http.Request) (app.Person, bool)
}

// Visitors are People as the daemon's sign-in knows them.
func Visitors(w *app.App) People { return visitors{w} }

type visitors struct{ app *app.App }

func (v visitors) Person(r *http.Request) (app.Person, bool) {
	p := v.app.Visitor(r.Context())
	return p, p.Role != ""
}

// table is every route of the pages.
func table() []route {
	var routes []route
	for _, p := range all {
		routes = append(routes, p.routes...)
	}
	return routes
}

// Handler serves the pages of a daemon to people.
func Handler(running *app.Running, people People) http.Handler {
	s := newServer(running, people)
	mux := http.NewServeMux()
	allowed := map[string][]string{}
	for _, r := range table() {
		mux.HandleFunc(r.pattern, s.serve(r))
		allowed[r.path()] = append(allowed[r.path()], r.method())
	}
	for path, methods := range allowed {
		slices.Sort(methods)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			s.fail(w, s.request(r), wrongMethod(methods))
		})
	}
	mux.Handle("GET /static/", files)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, s.request(r), fail(http.StatusNotFound, "there is no page %s", r.URL.Path))
	})
	return mux
}
