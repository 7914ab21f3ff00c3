package signin

import "context"

// The modes of signing in, as the configuration names them.
const (
	None  = "none"  // nobody signs in: the kernel tells which user of this machine connects
	Basic = "basic" // a name and a password
	OIDC  = "oidc"  // an OpenID provider
	Proxy = "proxy" // a proxy in front says who it is
)

// Modes are all modes.
var Modes = []string{None, Basic, OIDC, Proxy}

// modeToken is the mode of a program that brings a token, whatever people do.
const modeToken = "token"

// An Identity is who a request comes from, as far as that was proved. It says nothing of
// what that person may do: internal/app knows the staff.
type Identity struct {
	Mode string // of Modes, or token
	// Logins are the names that were proved, any of which staff may name: the one that
	// people read comes first. It is empty in mode none.
	Logins []string
	// Role is what a token, the users' file or the provider grants; empty: nothing.
	Role string
	// UID is the user of this machine at the other end of the connection, by the kernel's
	// word. It is -1 where the kernel cannot tell, and in every mode but none.
	UID int
	How string // as the journal says it, such as: signed in (basic)
}

// Name is the login that people read.
func (id Identity) Name() string {
	if len(id.Logins) == 0 {
		return ""
	}
	return id.Logins[0]
}

// IsToken reports whether a program came with a token.
func (id Identity) IsToken() bool { return id.Mode == modeToken }

type key struct{}

// With is a context that says who a request comes from.
func With(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, key{}, id)
}

// Of is who a request comes from; false where nobody was looked for.
func Of(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(key{}).(Identity)
	return id, ok
}
