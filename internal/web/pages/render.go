package pages

import (
	"compress/gzip"
	"embed"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"syncd/internal/app"
)

//go:embed *.html
var sources embed.FS

// templates are the pages' by name; each has the layout and the components.
type templates map[string]*template.Template

// parse reads every page's template once.
func parse(funcs template.FuncMap) templates {
	shared := template.Must(template.New("").Funcs(funcs).ParseFS(sources, "layout.html", "components.html"))
	names, err := fs.Glob(sources, "*.html")
	if err != nil {
		panic(err) // the pattern is right
	}
	parsed := templates{}
	for _, name := range names {
		if name != "layout.html" && name != "components.html" {
			parsed[strings.TrimSuffix(name, ".html")] = template.Must(template.Must(shared.Clone()).ParseFS(sources, name))
		}
	}
	return parsed
}

// write writes a page, or the part of it that a script asked for.
func (t templates) write(w io.Writer, a answer, part bool, d *document) error {
	name := "layout"
	if part && a.part != "" {
		name = a.part
	}
	return t[a.page].ExecuteTemplate(w, name, d)
}

// A document is what a template shows.
type document struct {
	Title    string
	Headline string
	Sub      string
	Strip    []figure
	Trouble  []trouble
	Commands []string
	Data     any

	Nav      []navigation
	Person   app.Person
	Known    bool
	SignsOut bool // whether there is a session to end
	Practice bool
	Version  string
	Said     string
}

// A navigation is a line of it.
type navigation struct {
	Name, Path string
	Count      int
	Here       bool
}

// May reports whether the person has a role.
func (d *document) May(role string) bool { return d.Known && d.Person.Role.Contains(app.Role(role)) }

func (s *server) document(q *request, a answer) (*document, error) {
	d := &document{Title: a.title, Headline: a.headline, Sub: a.sub, Strip: a.strip, Trouble: a.trouble, Commands: a.commands, Data: a.data,
		Person: q.person, Known: q.known, SignsOut: slices.Contains([]string{"basic", "oidc"}, s.running.Config.Auth.Mode), Practice: s.running.Practice, Version: s.running.Version}
	if !q.known {
		return d, nil // who is not known is told of nobody
	}
	d.Said = s.notices.take(q.URL.Query().Get(noticeField))
	around, err := s.around.look(q.Context())
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.name == "" {
			continue
		}
		n := navigation{Name: p.name, Path: p.path, Here: q.URL.Path == p.path || p.path != "/" && strings.HasPrefix(q.URL.Path, p.path+"/")}
		if p.count != nil {
			n.Count = p.count(around)
		}
		d.Nav = append(d.Nav, n)
	}
	return d, nil
}

// smallest is below how many bytes packing saves nothing.
const smallest = 1 << 10

var packers = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed); return w }} // the level is known

// send sends a body, packed where the browser takes that.
func send(w http.ResponseWriter, r *http.Request, status int, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	if len(body) < smallest || !takesGzip(r) {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		w.Write(body)
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	out := packers.Get().(*gzip.Writer)
	defer packers.Put(out)
	out.Reset(w)
	out.Write(body)
	out.Close()
}

// takesGzip reports whether a browser unpacks gzip.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == "gzip" && strings.TrimSpace(quality) != "q=0" {
			return true
		}
	}
	return false
}
