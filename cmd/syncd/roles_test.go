package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/web/control"
)

// Whoever adds a command says who may use it.
func TestEveryCommandHasARole(t *testing.T) {
	root := (&cli{console: &control.Console{}}).root()
	there := map[string]*cobra.Command{}
	for _, c := range allCommands(root) {
		path := pathOf(c)
		if there[path] = c; roles[path] == "" {
			t.Errorf("syncd %s has no role in the table of roles.go", path)
		}
	}
	for path, role := range roles {
		if !role.Contains(app.RoleViewer) {
			t.Errorf("syncd %s needs %q, which is no role", path, role)
		}
		command, flag, _ := strings.Cut(path, " --")
		c := there[command]
		switch {
		case c == nil:
			t.Errorf("syncd %s stands in the table of roles, and is no command", path)
		case flag != "" && c.Flags().Lookup(flag) == nil:
			t.Errorf("syncd %s has no --%s, which stands in the table of roles", command, flag)
		}
	}
}

func TestWhatACommandNeeds(t *testing.T) {
	for _, c := range []struct {
		line string
		want app.Role
	}{
		{"plan", app.RoleViewer},
		{"map", app.RoleViewer},
		{"map import links.csv", app.RoleMapper},
		{"matches accept a b c d", app.RoleMapper},
		{"approve --all", app.RoleApprover},
		{"apply", app.RoleOperator},
		{"state backup x", app.RoleOperator},
		{"itglue layouts", app.RoleViewer},
		{"itglue layouts create", app.RoleOperator},
		{"cipp users list", app.RoleViewer},
		{"cipp users create", app.RoleOperator},
		{"cipp call ListUsers", app.RoleOperator}, // any endpoint is one word away
	} {
		cmd, _, err := (&cli{console: &control.Console{}}).root().Find(strings.Fields(c.line))
		if err != nil {
			t.Fatalf("%s: %v", c.line, err)
		}
		if got := roleOf(cmd); got != c.want {
			t.Errorf("%s needs %s, want %s", c.line, got, c.want)
		}
	}
	stranger := &cobra.Command{Use: "stranger"}
	(&cobra.Command{Use: "syncd"}).AddCommand(stranger)
	if got := roleOf(stranger); got != app.RoleOperator {
		t.Errorf("a command without a role needs %s, want the greatest", got)
	}
	roles["stranger"], roles["stranger --close"] = app.RoleViewer, app.RoleApprover
	defer func() { delete(roles, "stranger"); delete(roles, "stranger --close") }()
	stranger.Flags().Bool("close", false, "")
	if got := roleOf(stranger); got != app.RoleViewer {
		t.Errorf("without the flag it needs %s", got)
	}
	if err := stranger.Flags().Parse([]string{"--close"}); err != nil {
		t.Fatal(err)
	}
	if got := roleOf(stranger); got != app.RoleApprover {
		t.Errorf("with the flag it needs %s", got)
	}
}

// Every command that needs more than looking asks who it is, in the daemon and in a
// process of its own: one that forgot to would go on here.
func TestNoCommandForgetsToAskWhoItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := "cipp: {url: 'http://127.0.0.1:1', tenant_id: 7d1f0a52-91b7-4c1e-8a37-0c5f2f1f6d10, client_id: 7d1f0a52-91b7-4c1e-8a37-0c5f2f1f6d10, client_secret: s}\n" +
		"itglue: {api_key: k}\nstaff: [{name: Vera, role: viewer, os_user: '4242'}, {name: Olga, role: operator, login: olga}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.Systems.LoadConfig(path, true, os.LookupEnv, nil)
	if err != nil {
		t.Fatal(err)
	}
	placeholder := regexp.MustCompile(`^[A-Z]+$`)
	asked := 0
	for _, daemon := range []bool{false, true} {
		for _, known := range allCommands((&cli{console: &control.Console{}}).root()) {
			if roleOf(known) == app.RoleViewer || !known.Runnable() || known.HasSubCommands() {
				continue
			}
			var out bytes.Buffer
			a := &cli{console: &control.Console{Out: &out, Err: &out, Files: &control.Disk{}, UID: 4242, User: "vera"}}
			if daemon {
				a.app = &app.App{Config: cfg}
			}
			root := a.root()
			a.configPath = path
			cmd, _, _ := root.Find(strings.Fields(pathOf(known)))
			var args []string
			for _, word := range strings.Fields(cmd.Use)[1:] {
				if word = strings.Trim(word, "[](){}.|"); placeholder.MatchString(word) {
					args = append(args, filepath.Join(t.TempDir(), "x.csv"))
				}
			}
			cmd.SetContext(context.Background())
			err := cmd.RunE(cmd, args)
			want := "needs the role " + string(roleOf(known)) + ", and Vera (os_user vera, by the kernel) is viewer; ask Olga"
			if _, refused := errors.AsType[app.UsageError](err); !refused || !strings.Contains(err.Error(), want) {
				t.Errorf("%s (daemon: %v): got %v, want that it %s", known.CommandPath(), daemon, err, want)
			}
			asked++
		}
	}
	if asked < 60 {
		t.Errorf("only %d commands were asked", asked)
	}
}
