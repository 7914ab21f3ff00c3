package signin

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
)

//go:embed signin.html
var source string

var form = template.Must(template.New("signin").Parse(source))

// A page is where one signs in, or is told why not.
type page struct {
	Title   string
	Problem string // what went wrong
	Note    string // what there is to know
	Style   string // the path of the style sheet
	Mode    string // basic and oidc have a form
	Button  string
	User    string
	Return  string
}

// form shows where one signs in.
func (g *Gate) form(w http.ResponseWriter, r *http.Request) {
	p := page{Return: local(r.URL.Query().Get("return"))}
	if r.URL.Query().Get("ended") != "" {
		p.Problem = "You were not signed in any more, so what you sent was not done. Sign in and send it again."
	}
	switch g.Mode {
	case None:
		p.Note = "Nobody signs in here: the kernel tells which user of this machine you are."
	case Proxy:
		p.Note = "The proxy in front of syncd signs people in."
	}
	g.show(w, r, http.StatusOK, p)
}

// signIn takes the form, or goes to the provider.
func (g *Gate) signIn(w http.ResponseWriter, r *http.Request) {
	switch g.Mode {
	case Basic:
		g.signInBasic(w, r)
	case OIDC:
		g.start(w, r)
	default:
		g.refuse(w, r, http.StatusNotFound, "nobody signs in here with a form")
	}
}

// show writes the page.
func (g *Gate) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	if wantsJSON(r) && status != http.StatusOK {
		g.json(w, status, p.Problem)
		return
	}
	p.Title, p.Style, p.Mode = "Sign in", g.Style, g.Mode
	if p.Return = local(p.Return); g.oidc != nil {
		p.Button = g.oidc.button
		// Browsers apply form-action to where a provider sends them as well, which may be anywhere.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	}
	write(w, status, p)
}

// refuse says why something is not done.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	if wantsJSON(r) {
		g.json(w, status, why)
		return
	}
	write(w, status, page{Title: http.StatusText(status), Problem: why + ".", Style: g.Style})
}

func write(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = form.Execute(w, p) // whoever hangs up is no error
}

func (g *Gate) json(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why})
}
