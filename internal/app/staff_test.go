package app

import (
	"slices"
	"strings"
	"testing"
)

const people = "staff:\n- {name: Vera, role: viewer, os_user: '4242'}\n- {name: Max, role: mapper, os_user: '4343', login: max@msp.example}\n" +
	"- {name: Ada, role: approver, os_user: '4444'}\n- {name: Olga, role: operator, login: olga@msp.example}\n"

func TestEachRoleContainsTheOneBefore(t *testing.T) {
	for i, has := range Roles {
		for j, needs := range Roles {
			if got := has.Contains(needs); got != (i >= j) {
				t.Errorf("%s contains %s: got %v", has, needs, got)
			}
		}
		if has.Contains("boss") || Role("boss").Contains(has) || Role("").Contains(has) || has.Contains("") {
			t.Errorf("what is no role is %s, or contains it", has)
		}
	}
}

// Who somebody is, is the number that the kernel tells: a name proves nothing.
func TestWhoIsBehindAUser(t *testing.T) {
	staffed, alone := mustParse(t, both+people, nil), mustParse(t, both, nil)
	for _, c := range []struct {
		uid        int
		user       string
		by, how    string
		role       Role
		may, mayNo Role
		refusal    string
	}{
		{4242, "vera", "Vera", "os_user vera, by the kernel", RoleViewer, RoleViewer, RoleMapper,
			"syncd apply needs the role mapper, and Vera (os_user vera, by the kernel) is viewer; ask Max, Ada, Olga"},
		{4343, "max", "Max", "os_user max, by the kernel", RoleMapper, RoleMapper, RoleApprover,
			"syncd apply needs the role approver, and Max (os_user max, by the kernel) is mapper; ask Ada, Olga"},
		{4444, "ada", "Ada", "os_user ada, by the kernel", RoleApprover, RoleApprover, RoleOperator,
			"syncd apply needs the role operator, and Ada (os_user ada, by the kernel) is approver; ask Olga"},
		{4646, "uid 4646", "uid 4646", "os_user 4646, by the kernel", RoleViewer, RoleViewer, RoleMapper,
			"syncd apply needs the role mapper, and uid 4646 (os_user 4646, by the kernel) is not named in staff and may only look; ask Max, Ada, Olga"},
		{4545, "Olga", "Olga", "os_user Olga, by the kernel", RoleViewer, RoleViewer, RoleMapper, // her login is for the pages
			"syncd apply needs the role mapper, and Olga (os_user Olga, by the kernel) is not named in staff and may only look; ask Max, Ada, Olga"},
		{0, "root", "root", "os_user root, by the kernel", RoleViewer, RoleViewer, RoleMapper,
			"syncd apply needs the role mapper, and root (os_user root, by the kernel) is not named in staff and may only look; ask Max, Ada, Olga"},
	} {
		p := staffed.OSUser(c.uid, c.user)
		if p.Name != c.by || p.Identified != c.how || p.Role != c.role {
			t.Errorf("%s: got %+v", c.user, p)
		}
		if err := staffed.Refuse(p, "syncd apply", c.may); err != nil {
			t.Errorf("%s: got %v", c.user, err)
		}
		if err := staffed.Refuse(p, "syncd apply", c.mayNo); err == nil || err.Error() != c.refusal {
			t.Errorf("%s: got %v, want %s", c.user, err, c.refusal)
		}
		if p := alone.OSUser(c.uid, c.user); p.Name != c.user || p.Identified != "by the kernel" || p.Role != RoleOperator {
			t.Errorf("without staff: got %+v", p)
		}
	}
}

func TestStaffThatLeavesSomethingOpenIsRefused(t *testing.T) {
	for _, c := range []struct {
		staff string // appended to the configuration, whose lines so far are two
		want  []string
	}{
		{people, nil},
		{"staff: []\nfour_eyes: false\n", nil},
		{"staff:\n- {name: A, role: boss, os_user: a}\n", []string{`config.yaml:4: staff[0].role: "boss" is no role; write viewer, mapper, approver, operator`}},
		{"staff:\n- {name: A, os_user: a}\n", []string{"config.yaml:4: staff[0].role: is missing; write viewer, mapper, approver, operator"}},
		{"staff:\n- {role: viewer, os_user: a}\n", []string{"config.yaml:4: staff[0].name: is missing; write who it is, as the journal is to name that person"}},
		{"staff:\n- {name: A, role: viewer}\n", []string{"config.yaml:4: staff[0]: has neither os_user nor login, so nobody could be known as this person; write one of them"}},
		{"staff:\n- {name: A, role: viewer, os_user: a}\n- {name: B, role: mapper, os_user: a}\n", []string{`config.yaml:5: staff[1].os_user: "a" is that of staff[0] already`}},
		{"staff:\n- {name: A, role: viewer, login: a@x}\n- {name: B, role: mapper, login: A@X}\n", []string{`config.yaml:5: staff[1].login: "A@X" is that of staff[0] already`}},
		{"staff:\n- {name: A, role: viewer, login: a}\n- {name: a, role: mapper, login: b}\n", []string{`config.yaml:5: staff[1].name: "a" is that of staff[0] already`}},
		{"staff:\n- {name: A, role: viewer, os_user: root}\n- {name: B, role: mapper, os_user: '0'}\n",
			[]string{`config.yaml:5: staff[1].os_user: "0" is the same user of this machine as "root" of staff[0] (uid 0); one user is one person`}},
		{"staff:\n- {name: A, role: viewer, user: a}\n", []string{"config.yaml:4: staff[0].user: no such setting; known here: login, name, os_user, role"}},
		{"four_eyes: perhaps\n", []string{`config.yaml:3: four_eyes: "perhaps" is not a yes or no; write true or false`}},
		{"control: {group: no-such-group}\n", []string{`config.yaml:3: control.group: this machine has no group "no-such-group"; create it (groupadd no-such-group), or name another`}},
		{"control: {group: '65500'}\n", nil},
	} {
		_, problems, err := parse(both+c.staff, nil)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v", c.staff, err)
		}
		for _, want := range c.want {
			if !strings.Contains(problems.Error(), want) {
				t.Errorf("%s: got %v, want %s", c.staff, problems, want)
			}
		}
		if len(problems.List) != len(c.want) {
			t.Errorf("%s: got %v, want %d problems", c.staff, problems, len(c.want))
		}
	}
	c := mustParse(t, both, map[string]string{"SYNCD_FOUR_EYES": "true"})
	if !c.FourEyes || slices.ContainsFunc(c.Staff, func(StaffConfig) bool { return true }) {
		t.Errorf("got %v, %v", c.FourEyes, c.Staff)
	}
}
