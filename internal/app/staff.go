package app

import (
	"fmt"
	"slices"
	"strings"

	"syncd/internal/target"
	"syncd/internal/web/control"
	"syncd/internal/web/signin"
)

// A Role says what a person may do; each contains those before it in Roles.
type Role string

// The roles.
const (
	RoleViewer   Role = "viewer"   // reads
	RoleMapper   Role = "mapper"   // changes links, rules, terms and overrides
	RoleApprover Role = "approver" // approves, rejects, freezes, closes and reverts
	RoleOperator Role = "operator" // the rest
)

// Roles are all roles, from the least to the greatest.
var Roles = []Role{RoleViewer, RoleMapper, RoleApprover, RoleOperator}

// Contains reports whether a role may do what least may. What is no role contains
// nothing, and nothing contains it.
func (r Role) Contains(least Role) bool {
	has, needs := slices.Index(Roles, r), slices.Index(Roles, least)
	return has >= 0 && needs >= 0 && has >= needs
}

// StaffConfig is a person and what that person may do.
type StaffConfig struct {
	Name   string `yaml:"name"`    // as the journal names the person
	Role   string `yaml:"role"`    // viewer: reads | mapper: links, rules, terms, overrides | approver: approves, rejects, closes, reverts | operator: the rest
	OSUser string `yaml:"os_user"` // the user of this machine, by name or number, as the kernel tells who is at the daemon's socket
	Login  string `yaml:"login"`   // the name with which the person signs in to the pages
}

// operator is the person as the journal knows it.
func (s *StaffConfig) operator() Operator {
	if s.OSUser == "" {
		return Operator{Name: s.Name}
	}
	return Operator{Name: s.Name, Identified: "os_user " + s.OSUser}
}

// uid is the number of a person's user on this machine; -1 where there is none.
func (s *StaffConfig) uid() int {
	if s.OSUser == "" {
		return -1
	}
	return control.UserID(s.OSUser)
}

// A Person is somebody who asks for something, and what that person may do.
type Person struct {
	Operator
	Role  Role
	Named bool // in staff; or there is no staff, and nobody needs to be
}

// OSUser is the person behind a user of this machine, by the kernel's word. Without
// staff whoever reaches the state may do everything; with it, who is not named views.
func (c *Config) OSUser(uid int, name string) Person {
	if len(c.Staff) == 0 {
		return Person{Operator{name, "by the kernel"}, RoleOperator, true}
	}
	identified := fmt.Sprintf("os_user %s, by the kernel", strings.TrimPrefix(name, "uid ")) // as staff names one without a name
	for i := range c.Staff {
		if s := &c.Staff[i]; s.uid() == uid {
			return Person{Operator{s.Name, identified}, Role(s.Role), true}
		}
	}
	return Person{Operator{name, identified}, RoleViewer, false}
}

// Refuse returns why a person may not do what needs a role, with who may; nil where
// the person may.
func (c *Config) Refuse(p Person, what string, least Role) error {
	if p.Role.Contains(least) {
		return nil
	}
	may := slices.DeleteFunc(slices.Clone(c.Staff), func(s StaffConfig) bool { return !Role(s.Role).Contains(least) })
	whom := "no staff has it: give it to somebody in the configuration"
	if len(may) > 0 {
		whom = "ask " + Names(may, func(s StaffConfig) string { return s.Name })
	}
	if !p.Named {
		return Usage("%s needs the role %s, and %s (%s) is not named in staff and may only look; %s", what, least, p.Name, p.Identified, whom)
	}
	return Usage("%s needs the role %s, and %s (%s) is %s; %s", what, least, p.Name, p.Identified, p.Role, whom)
}

// validateStaff refuses what would leave open who somebody is or what that person may do.
func (c *Config) validateStaff(report func(path, format string, args ...any)) {
	type taken struct{ setting, value string }
	first, users := map[taken]int{}, map[int]int{}
	for i := range c.Staff {
		s := &c.Staff[i]
		at := func(setting string) string { return fmt.Sprintf("staff[%d].%s", i, setting) }
		if strings.TrimSpace(s.Name) == "" {
			report(at("name"), "is missing; write who it is, as the journal is to name that person")
		}
		switch {
		case s.Role == "":
			report(at("role"), "is missing; write %s", Names(Roles, func(r Role) string { return string(r) }))
		case !slices.Contains(Roles, Role(s.Role)):
			report(at("role"), "%q is no role; write %s", s.Role, Names(Roles, func(r Role) string { return string(r) }))
		}
		if s.OSUser == "" && s.Login == "" {
			report(fmt.Sprintf("staff[%d]", i), "has neither os_user nor login, so nobody could be known as this person; write one of them")
		}
		twice := false
		for _, x := range []taken{{"name", s.Name}, {"os_user", s.OSUser}, {"login", s.Login}} {
			shown := x.value
			if x.setting != "os_user" { // the kernel tells Jane from jane, people do not
				x.value = strings.ToLower(strings.TrimSpace(x.value))
			}
			if x.value == "" {
				continue
			}
			if j, ok := first[x]; ok {
				report(at(x.setting), "%q is that of staff[%d] already; one entry is one person, and may have both os_user and login", shown, j)
				twice = twice || x.setting == "os_user"
				continue
			}
			first[x] = i
		}
		if uid := s.uid(); uid >= 0 && !twice {
			if j, ok := users[uid]; ok {
				report(at("os_user"), "%q is the same user of this machine as %q of staff[%d] (uid %d); one user is one person",
					s.OSUser, c.Staff[j].OSUser, j, uid)
				continue
			}
			users[uid] = i
		}
	}
	if err := control.CheckGroup(c.Control.Group); err != nil {
		report("control.group", "%s", err)
	}
}

// checkStaff looks whether those who are named can be who they are, and whether four eyes
// can be two people's.
func (c *Config) checkStaff() []target.Finding {
	var all []target.Finding
	if len(c.Staff) > 0 {
		f := target.Finding{System: "syncd", Name: "staff", OK: true}
		f.Detail = "named: " + Names(c.Staff, func(s StaffConfig) string { return s.Name + " (" + s.Role + ")" })
		unknown := slices.DeleteFunc(slices.Clone(c.Staff), func(s StaffConfig) bool { return s.OSUser == "" || s.uid() >= 0 })
		if len(unknown) > 0 {
			f.OK, f.Remedy = false, "create the user, or correct os_user in staff"
			f.Detail = "this machine has no such user: " + Names(unknown, func(s StaffConfig) string { return s.OSUser + " (" + s.Name + ")" })
		}
		all = append(all, f)
	}
	if group := c.Control.Group; group != "" {
		f := target.Finding{
			System: "syncd", Name: "control", OK: true,
			Detail: fmt.Sprintf("the members of the group %s may use the daemon's socket", group),
		}
		if folder := control.Unreachable(c.Daemon().Path, group); folder != "" {
			f.OK, f.Detail = false, fmt.Sprintf("the group %s does not get through %s to the daemon's socket", group, folder)
			f.Remedy = fmt.Sprintf("chgrp %s %s, and chmod g+x it; the state in it stays its owner's alone", group, folder)
		}
		all = append(all, f)
	}
	if c.FourEyes {
		all = append(all, c.checkFourEyes())
	}
	return all
}

// checkFourEyes looks whether one can change what another approves: through the daemon's socket,
// or signed in to the pages.
func (c *Config) checkFourEyes() target.Finding {
	people := c.comers()
	may := func(least Role) []StaffConfig {
		return slices.DeleteFunc(slices.Clone(people), func(s StaffConfig) bool { return !Role(s.Role).Contains(least) })
	}
	changing, approving := may(RoleMapper), may(RoleApprover)
	named := func(of []StaffConfig) string { return Names(of, func(s StaffConfig) string { return s.Name }) }
	f := target.Finding{System: "syncd", Name: "four eyes", Detail: "each approves what others changed: " + named(approving),
		Remedy: "name two people or more in staff, an approver among them, each with an os_user who may use the daemon's socket (control.group), " +
			"or a login who can sign in (auth)"}
	switch {
	case c.givenByProvider(RoleApprover):
		f.OK, f.Remedy = true, ""
		f.Detail = "each approves what others changed: who approves, the OpenID provider says (auth.oidc.roles)"
	case len(c.Staff) == 0 && len(people) == 0:
		f.Detail = "nobody is named in staff, and nobody can sign in: who approves is not told from who changed a rule"
	case len(approving) == 0:
		f.Detail = "no approver can reach the daemon: its own user, root and the members of control.group can, and whoever can sign in"
	case len(changing) == 1 && !c.givenByProvider(RoleMapper):
		f.Detail = fmt.Sprintf("of those who may change or approve anything only %s can reach the daemon or sign in: "+
			"nobody may approve what %s changes", named(changing), named(changing))
	default:
		f.OK, f.Remedy = true, ""
	}
	return f
}

// comers are the people who can come with a role: through the daemon's socket, or signed in.
func (c *Config) comers() []StaffConfig {
	var users signin.Users
	if c.Auth.Mode == signin.Basic {
		users, _ = signin.ReadUsers(c.Auth.Basic.File) // what is wrong with it has a line of its own
	}
	var all []StaffConfig
	for _, s := range c.Staff {
		_, signsIn := users.Find(s.Login)
		if c.Auth.Mode == signin.OIDC || c.Auth.Mode == signin.Proxy {
			signsIn = s.Login != ""
		}
		if signsIn || control.MayUse(s.uid(), c.Control.Group) {
			all = append(all, s)
		}
	}
	for _, u := range users {
		if u.Role != "" && !slices.ContainsFunc(c.Staff, func(s StaffConfig) bool { return isLogin(s.Login, u.Name) }) {
			all = append(all, StaffConfig{Name: u.Name, Role: u.Role, Login: u.Name})
		}
	}
	return all
}

// givenByProvider reports whether the OpenID provider gives people a role, or a greater one.
func (c *Config) givenByProvider(least Role) bool {
	for role, values := range c.Auth.OIDC.Roles {
		if len(values) > 0 && Role(role).Contains(least) {
			return c.Auth.Mode == signin.OIDC
		}
	}
	return false
}
