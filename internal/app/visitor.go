package app

import (
	"slices"
	"strings"

	"syncd/internal/web/control"
	"syncd/internal/web/signin"
)

// visitor is the person behind an identity. Whom nothing gives a role has none, and is not let in.
//
//	who it is                                                    role
//	a program with a token                                       the token's
//	a user of this machine who may use the control socket        as there
//	another user of this machine, or one who cannot be told      viewer
//	somebody whose login staff names                             as staff says
//	somebody else, with a role by the provider or users' file    that one
//	somebody else in the users' file, or by the proxy's word     viewer
//	somebody else whom an OpenID provider knows                  none: it may know everybody
func (c *Config) visitor(id signin.Identity) Person {
	switch {
	case id.IsToken():
		return Person{Operator{id.Name(), id.How}, Role(id.Role), true}
	case id.Mode == signin.None && id.UID >= 0:
		name := control.UserName(id.UID)
		if control.Trusts(id.UID, c.Control.Group) {
			return c.OSUser(id.UID, name)
		}
		return Person{Operator{name, "os_user " + name + ", by the kernel"}, RoleViewer, false}
	case id.Mode == signin.None:
		return Person{Operator{"somebody on this machine", "unknown to the kernel"}, RoleViewer, false}
	}
	for i := range c.Staff {
		for _, login := range id.Logins {
			if s := &c.Staff[i]; isLogin(s.Login, login) {
				return Person{Operator{s.Name, id.How}, Role(s.Role), true}
			}
		}
	}
	p := Person{Operator{id.Name(), id.How}, Role(id.Role), true}
	if !slices.Contains(Roles, p.Role) {
		p.Role, p.Named = "", false
	}
	if p.Role == "" && (id.Mode == signin.Basic || id.Mode == signin.Proxy) {
		p.Role = RoleViewer
	}
	return p
}

// isLogin reports whether a login that was proved is the one that staff names, in any case. A letter that
// only becomes the other in small letters, such as the Kelvin sign, is another one.
func isLogin(named, proved string) bool {
	named, proved = strings.TrimSpace(named), strings.TrimSpace(proved)
	lower, ofProved := strings.ToLower(named), strings.ToLower(proved)
	return named != "" && len(named) == len(proved) && lower == ofProved
}
