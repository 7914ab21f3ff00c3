package app

import (
	"os"
	"testing"

	"syncd/internal/web/control"
	"syncd/internal/web/signin"
)

func TestWhoAVisitorIs(t *testing.T) {
	staffed, alone := mustParse(t, both+people, nil), mustParse(t, both, nil)
	shared := mustParse(t, both+"control: {group: '65500'}\n"+people, nil)
	login := func(mode, role string, names ...string) signin.Identity {
		return signin.Identity{Mode: mode, Logins: names, Role: role, UID: -1, How: "signed in (" + mode + ")"}
	}
	user := func(uid int) signin.Identity { return signin.Identity{Mode: signin.None, UID: uid} }
	for _, c := range []struct {
		name  string
		cfg   *Config
		id    signin.Identity
		by    string
		role  Role
		named bool
	}{
		{"the daemon's user without staff", alone, user(os.Geteuid()), userName(), RoleOperator, true},
		{"root without staff", alone, user(0), "root", RoleOperator, true},
		{"another user without staff", alone, user(4242), "uid 4242", RoleViewer, false},
		{"nobody can tell, without staff", alone, user(-1), "somebody on this machine", RoleViewer, false},
		{"the daemon's user, whom staff does not name", staffed, user(os.Geteuid()), userName(), RoleViewer, false},
		{"a user whom staff names and the socket does not let in", staffed, user(4444), "uid 4444", RoleViewer, false},
		{"a group that the machine cannot confirm", shared, user(4444), "uid 4444", RoleViewer, false},
		{"a login of staff, in any case", staffed, login(signin.Basic, "", "MAX@msp.example"), "Max", RoleMapper, true},
		{"another name that the provider proves", staffed, login(signin.OIDC, "", "x", "olga@msp.example"), "Olga", RoleOperator, true},
		{"staff's word before the provider's", staffed, login(signin.OIDC, "operator", "max@msp.example"), "Max", RoleMapper, true},
		{"a role by the provider", staffed, login(signin.OIDC, "approver", "zoe"), "zoe", RoleApprover, true},
		{"somebody whom the provider knows", staffed, login(signin.OIDC, "", "zoe"), "zoe", "", false},
		{"somebody with a password", staffed, login(signin.Basic, "", "zoe"), "zoe", RoleViewer, false},
		{"a role of the users' file that is none", staffed, login(signin.Basic, "boss", "zoe"), "zoe", RoleViewer, false},
		{"somebody by the proxy's word", staffed, login(signin.Proxy, "", "zoe"), "zoe", RoleViewer, false},
		{"an os_user is no login", staffed, login(signin.Proxy, "", "4444"), "4444", RoleViewer, false},
		{"no login at all", staffed, login(signin.Proxy, "", ""), "", RoleViewer, false},
		{"a letter that only becomes the other", mustParse(t, both+"staff: [{name: K, role: operator, login: kate}]\n", nil), login(signin.OIDC, "", "\u212aate"), "\u212aate", "", false},
	} {
		p := c.cfg.visitor(c.id)
		if p.Name != c.by || p.Role != c.role || p.Named != c.named {
			t.Errorf("%s: got %+v, want %s, %q, %v", c.name, p, c.by, c.role, c.named)
		}
	}
	if p := staffed.visitor(login(signin.Basic, "", "max@msp.example")); p.Identified != "signed in (basic)" {
		t.Errorf("got %+v", p)
	}
	if p := alone.visitor(signin.Identity{}); p.Role != "" {
		t.Errorf("nobody at all is %+v", p)
	}
}

func userName() string { return control.UserName(os.Geteuid()) }
