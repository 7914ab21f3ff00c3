package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/state"
)

// How long a session lasts. A restart ends none, and another replica knows it: the state holds them.
const (
	idle     = time.Hour       // without a request
	longest  = 12 * time.Hour  // at all
	seenStep = 5 * time.Minute // reading a page must not cost a write
	mostOpen = 20              // of one person; more end the oldest
)

// A session is somebody who signed in with a browser. What the browser holds is stored only as a
// digest.
type session struct {
	Digest  string    `json:"digest"`
	Mode    string    `json:"mode"`
	Logins  []string  `json:"logins"`
	Role    string    `json:"role,omitempty"`
	How     string    `json:"how"`
	Named   bool      `json:"named"`           // staff named that person
	Proof   string    `json:"proof,omitempty"` // what it rests on, such as a digest of the password's hash
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"` // to seenStep
}

func (s *session) identity() Identity {
	return Identity{Mode: s.Mode, Logins: s.Logins, Role: s.Role, UID: -1, How: s.How}
}

func (s *session) ended(now time.Time) bool {
	return now.Sub(s.Seen) >= idle || now.Sub(s.Created) >= longest
}

// sessions are those of a state.
type sessions struct {
	store state.Store
	now   func() time.Time
}

// open stores a new session in the place of the one with the text former, and returns its text.
func (s sessions) open(ctx context.Context, x session, former string) (string, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // it never fails
	text := base64.RawURLEncoding.EncodeToString(secret)
	now := s.now().UTC()
	x.Digest, x.Created, x.Seen = digestOf(text), now, now
	return text, change(ctx, s.store, state.SessionsDocument, func(all []session) ([]session, []state.Entry, error) {
		all = slices.DeleteFunc(all, func(y session) bool { return y.ended(now) || y.Digest == digestOf(former) })
		for mine := 0; ; mine = 0 {
			oldest := -1
			for i := range all {
				if all[i].Mode == x.Mode && all[i].Logins[0] == x.Logins[0] {
					if mine++; oldest < 0 {
						oldest = i
					}
				}
			}
			if mine < mostOpen {
				return append(all, x), nil, nil
			}
			all = slices.Delete(all, oldest, oldest+1)
		}
	})
}

// find returns the session with a text, unless it has ended.
func (s sessions) find(ctx context.Context, text string) (*session, error) {
	all, _, err := read[session](ctx, s.store, state.SessionsDocument)
	if err != nil {
		return nil, err
	}
	digest := digestOf(text)
	i := slices.IndexFunc(all, func(x session) bool { return x.Digest == digest && !x.ended(s.now()) })
	if i < 0 {
		return nil, errNobody
	}
	return &all[i], nil
}

// touch writes down that a session is in use.
func (s sessions) touch(ctx context.Context, x *session) error {
	now := s.now().UTC()
	if now.Sub(x.Seen) < seenStep {
		return nil
	}
	return change(ctx, s.store, state.SessionsDocument, func(all []session) ([]session, []state.Entry, error) {
		for i := range all {
			if all[i].Digest == x.Digest {
				all[i].Seen = now
			}
		}
		return all, nil, nil
	})
}

// end takes a session away.
func (s sessions) end(ctx context.Context, digest string) error {
	return change(ctx, s.store, state.SessionsDocument, func(all []session) ([]session, []state.Entry, error) {
		return slices.DeleteFunc(all, func(x session) bool { return x.Digest == digest }), nil, nil
	})
}

// EndSessions signs somebody out everywhere who signs in with a password, with the journal's entries about it.
func EndSessions(ctx context.Context, store state.Store, login string, about ...state.Entry) error {
	return change(ctx, store, state.SessionsDocument, func(all []session) ([]session, []state.Entry, error) {
		return slices.DeleteFunc(all, func(x session) bool { return x.Mode == Basic && strings.EqualFold(x.Logins[0], login) }), about, nil
	})
}

// session is the identity of a browser that signed in.
func (g *Gate) session(r *http.Request) (Identity, error) {
	cookie, err := r.Cookie(g.cookieName(r, sessionCookie))
	if err != nil {
		return Identity{}, errNobody
	}
	x, err := g.sessions.find(r.Context(), cookie.Value)
	if err != nil {
		return Identity{}, err
	}
	id := x.identity()
	if named, known := g.Known(id); !known || x.Named && !named || x.Mode != g.Mode || !g.stands(x) {
		if err := g.sessions.end(r.Context(), x.Digest); err != nil {
			g.Log.Warn().Err(err).Msg("session not ended")
		}
		return Identity{}, errNobody
	}
	if err := g.sessions.touch(r.Context(), x); err != nil {
		g.Log.Warn().Err(err).Msg("use of a session not written down")
	}
	return id, nil
}

// stands reports whether what a session rests on is still so.
func (g *Gate) stands(x *session) bool {
	switch {
	case g.basic != nil:
		return g.basic.stands(x)
	case g.oidc != nil:
		return x.Proof == g.oidc.settings()
	}
	return false
}

// enter signs somebody in who has just proved who it is, and goes on to the page that was asked for.
func (g *Gate) enter(w http.ResponseWriter, r *http.Request, id Identity, proof, back string) {
	named, known := g.Known(id)
	if !known {
		g.refuse(w, r, http.StatusForbidden, strangers(id))
		return
	}
	former := ""
	if cookie, err := r.Cookie(g.cookieName(r, sessionCookie)); err == nil {
		former = cookie.Value
	}
	text, err := g.sessions.open(r.Context(), session{Mode: id.Mode, Logins: id.Logins, Role: id.Role, How: id.How, Named: named, Proof: proof}, former)
	if err != nil {
		g.Log.Error().Err(err).Msg("session not stored")
		g.refuse(w, r, http.StatusInternalServerError, "you are not signed in: the state cannot be written; see the log")
		return
	}
	g.setCookie(w, r, sessionCookie, text, longest)
	http.Redirect(w, r, local(back), http.StatusSeeOther)
}

// signOut ends the session of the browser.
func (g *Gate) signOut(w http.ResponseWriter, r *http.Request) {
	name := g.cookieName(r, sessionCookie)
	if cookie, err := r.Cookie(name); err == nil {
		if err := g.sessions.end(r.Context(), digestOf(cookie.Value)); err != nil {
			g.Log.Error().Err(err).Msg("session not ended")
			g.refuse(w, r, http.StatusInternalServerError, "you are still signed in: the state cannot be written; see the log")
			return
		}
	}
	g.setCookie(w, r, sessionCookie, "", -1)
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

// The cookies, without what browsers demand of those that no other host may set.
const (
	sessionCookie = "syncd"
	flowCookie    = "syncd-signin"
)

// cookieName is what a cookie is called. By plain HTTP, on this machine, browsers drop a cookie whose
// name demands HTTPS; by HTTPS only the one with that name counts.
func (g *Gate) cookieName(r *http.Request, name string) string {
	if g.isSecure(r) {
		return "__Host-" + name
	}
	return name
}

func (g *Gate) setCookie(w http.ResponseWriter, r *http.Request, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: g.cookieName(r, name), Value: value, Path: "/", MaxAge: int(max(age, -1*time.Second) / time.Second),
		Secure: g.isSecure(r), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}
