package signin

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// BasicOptions say where the passwords are.
type BasicOptions struct {
	File string // see ReadUsers
}

// A basic checks names and passwords.
type basic struct {
	file     string
	throttle throttle
	busy     chan struct{} // a hash costs a tenth of a second of a processor: only so many at once

	mu    sync.Mutex
	users Users
	read  stamp
}

// mostHashes is how many passwords are compared at once.
const mostHashes = 2

func newBasic(o BasicOptions, now func() time.Time) *basic {
	return &basic{file: o.File, throttle: throttle{now: now}, busy: make(chan struct{}, mostHashes)}
}

// current returns the users of the file, which is read anew when it was changed.
func (b *basic) current() (Users, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	is, err := stampOf(b.file)
	if err != nil {
		return nil, err
	}
	if b.users == nil || is != b.read {
		users, err := ReadUsers(b.file)
		if err != nil {
			return nil, err
		}
		b.users, b.read = users, is
	}
	return b.users, nil
}

// stands reports whether a session's user has still the password of then.
func (b *basic) stands(x *session) bool {
	users, err := b.current()
	if err != nil {
		return false
	}
	u, ok := users.Find(x.Logins[0])
	return ok && digestOf(u.Hash) == x.Proof && u.Role == x.Role
}

// check compares a password. An unknown name costs the same work as a known one.
func (b *basic) check(ctx context.Context, name, password string) (User, bool, error) {
	users, err := b.current()
	if err != nil {
		return User{}, false, err
	}
	u, known := users.Find(name)
	hash := u.Hash
	if !known {
		hash = users.nobody()
	}
	select {
	case b.busy <- struct{}{}:
		defer func() { <-b.busy }()
	case <-ctx.Done():
		return User{}, false, ctx.Err()
	}
	matches := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	return u, matches && known, nil
}

// signInBasic takes the form.
func (g *Gate) signInBasic(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		g.refuse(w, r, http.StatusBadRequest, "the form cannot be read")
		return
	}
	name, password, back := strings.TrimSpace(r.PostForm.Get("user")), r.PostForm.Get("password"), r.PostForm.Get("return")
	forget, wait := g.basic.throttle.attempt("name "+strings.ToLower(name), "address "+network(r.RemoteAddr))
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		g.show(w, r, http.StatusTooManyRequests, page{User: name, Return: back,
			Problem: fmt.Sprintf("Too many wrong passwords. Try again in %.0f seconds.", math.Ceil(wait.Seconds()))})
		return
	}
	u, ok, err := g.basic.check(r.Context(), name, password)
	if err != nil {
		forget()
		g.Log.Error().Err(err).Msg("password not compared")
		g.show(w, r, http.StatusInternalServerError, page{User: name, Return: back, Problem: "Nobody can sign in now: the users' file cannot be read. An operator finds the reason in the log."})
		return
	}
	if !ok {
		g.Log.Warn().Str("address", network(r.RemoteAddr)).Msg("sign-in refused: wrong name or password")
		g.show(w, r, http.StatusUnauthorized, page{User: name, Return: back, Problem: "This name and password do not belong together."})
		return
	}
	forget()
	g.enter(w, r, Identity{Mode: Basic, Logins: []string{u.Name}, Role: u.Role, UID: -1, How: "signed in (basic)"}, digestOf(u.Hash), back)
}

// network is the address of a client, as far as it is one client's: a household's of IPv6.
func network(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return address
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, _ := ip.Prefix(64)
	return p.String()
}
