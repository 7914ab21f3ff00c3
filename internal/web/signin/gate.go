// Package signin establishes who a request to the pages comes from: by the kernel's word, a
// password, an OpenID provider, a proxy in front, or a token. What that person may do is for
// internal/app to say.
package signin

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/state"
)

// Options are what a Gate works with.
type Options struct {
	Mode  string // of Modes
	Store state.Store
	Log   zerolog.Logger
	Now   func() time.Time
	// URL is the public address of the pages; empty where it is what the browser uses.
	URL string
	// Known reports whether somebody is anybody here, and whether by name: who is not is not let
	// in, and who was named and is not any more is signed out.
	Known func(Identity) (named, known bool)
	// Open reports whether a path is served to everybody.
	Open func(path string) bool

	// Style is the path of the style sheet.
	Style string

	Basic BasicOptions
	OIDC  OIDCOptions
	Proxy ProxyOptions
}

// A Gate lets requests through to the pages with the Identity of whoever they come from.
type Gate struct {
	Options
	public   *url.URL // of Options.URL; nil where there is none
	sessions sessions
	tokens   Tokens
	basic    *basic
	oidc     *oidcClient
	cross    *http.CrossOriginProtection
	used     usedFlows
}

// New makes a Gate. It talks to nobody yet.
func New(o Options) (*Gate, error) {
	g := &Gate{Options: o, tokens: Tokens{Store: o.Store, Now: o.Now}, sessions: sessions{store: o.Store, now: o.Now}, cross: http.NewCrossOriginProtection()}
	if o.URL != "" {
		public, err := url.Parse(o.URL)
		if err != nil {
			return nil, err
		}
		g.public = public
		if err := g.cross.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
			return nil, err
		}
	}
	switch o.Mode {
	case Basic:
		g.basic = newBasic(o.Basic, o.Now)
	case OIDC:
		g.oidc = newOIDC(o.OIDC, o.Now, o.Log)
	}
	g.cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.refuse(w, r, http.StatusForbidden, "this was sent from a page of another site and was not done")
	}))
	return g, nil
}

// Handler lets requests through to next.
func (g *Gate) Handler(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", g.form)
	mux.HandleFunc("POST /signin", g.signIn)
	mux.HandleFunc("GET "+callbackPath, g.callback)
	mux.HandleFunc("POST /signout", g.signOut)
	mux.Handle("/", g.known(next))
	inside := g.cross.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Open(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		inside.ServeHTTP(w, r)
	})
}

// errNobody says that a request comes from nobody who is known.
var errNobody = errors.New("nobody is signed in")

// known lets through whom it knows, and asks the others to sign in.
func (g *Gate) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := g.identify(r)
		if refused, ok := errors.AsType[*refusal](err); ok {
			g.refuse(w, r, refused.status, refused.why)
			return
		}
		if errors.Is(err, errNobody) {
			g.ask(w, r)
			return
		}
		if err != nil {
			g.Log.Error().Err(err).Msg("who it is was not found out")
			g.refuse(w, r, http.StatusInternalServerError, "who you are cannot be found out: the state cannot be read; see the log")
			return
		}
		if _, known := g.Known(id); !known {
			g.refuse(w, r, http.StatusForbidden, strangers(id))
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), id)))
	})
}

// A refusal is why a request is answered without a look at what it asks for.
type refusal struct {
	status int
	why    string
}

func (e *refusal) Error() string { return e.why }

// strangers tells somebody whom the provider knows that nobody here does.
func strangers(id Identity) string {
	return "you are signed in as " + id.Name() + ", whom nothing gives a role here; an operator names you in staff (login), or gives you a role that auth.oidc.roles knows"
}

// identify finds out who a request comes from.
func (g *Gate) identify(r *http.Request) (Identity, error) {
	if id, err := g.token(r); err != nil || id.IsToken() {
		return id, err
	}
	switch g.Mode {
	case None:
		return Identity{Mode: None, UID: peerOf(r.Context())}, nil
	case Proxy:
		return g.Proxy.identify(r)
	}
	return g.session(r)
}

// ask sends a browser to the page where one signs in, and back to what it wanted. What a form
// sent is not done then, and that is said.
func (g *Gate) ask(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="syncd"`)
		g.refuse(w, r, http.StatusUnauthorized, "sign in, or send Authorization: Bearer with what syncd token create prints")
		return
	}
	back := url.Values{}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		back.Set("return", r.URL.RequestURI())
	} else {
		back.Set("ended", "1")
		if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host {
			back.Set("return", from.RequestURI())
		}
	}
	http.Redirect(w, r, "/signin?"+back.Encode(), http.StatusSeeOther)
}

// local is a path of ours to go to after signing in; anything else is /.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(path, "/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") || strings.HasPrefix(u.Path, "//") || u.Path == "/signin" || u.Path == callbackPath {
		return "/"
	}
	return u.RequestURI()
}

// wantsJSON reports whether a program asks.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json") || r.Header.Get("Authorization") != ""
}

// isSecure reports whether the browser came by HTTPS: to this listener, or to a proxy that the
// public address names.
func (g *Gate) isSecure(r *http.Request) bool {
	return r.TLS != nil || g.public != nil && g.public.Scheme == "https" && strings.EqualFold(r.Host, g.public.Host)
}

// A peer is a connection and, once it was asked for, whose its other end is.
type peer struct {
	conn net.Conn
	uid  func() int
}

type peerKey struct{}

// ConnContext remembers a connection, for the kernel to tell whose its other end is: once a
// connection, and not before somebody asks.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, &peer{conn, sync.OnceValue(func() int {
		if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
			return userOf(wrapped.NetConn())
		}
		return userOf(conn)
	})})
}

// peerOf is the user at the other end of a request's connection, or -1.
func peerOf(ctx context.Context) int {
	if p, ok := ctx.Value(peerKey{}).(*peer); ok {
		return p.uid()
	}
	return -1
}
