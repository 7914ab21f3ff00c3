package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const unitPath = "systemd/syncd.service"

// unit is the unit's settings by section and name, in order.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(unitPath)
	if err != nil {
		t.Fatal(err)
	}
	settings, section := map[string][]string{}, ""
	for i, line := range strings.Split(string(text), "\n") {
		switch name, value, ok := strings.Cut(line, "="); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.Trim(line, "[]")
		case !ok || section == "":
			t.Fatalf("%s:%d: %q is no setting", unitPath, i+1, line)
		default:
			settings[section+"."+name] = append(settings[section+"."+name], value)
		}
	}
	return settings
}

func TestTheUnitRunsSyncdAsAUserOfItsOwn(t *testing.T) {
	got := unit(t)
	for name, want := range map[string]string{
		"Service.ExecStart":                "/usr/local/bin/syncd serve",
		"Service.ExecReload":               "/bin/kill -HUP $MAINPID",
		"Service.Environment":              "SYNCD_CONFIG=/etc/syncd/config.yaml",
		"Service.User":                     "syncd",
		"Service.StateDirectory":           "syncd", // where state.path of the page points to
		"Service.StateDirectoryMode":       "0700",
		"Service.UMask":                    "0077",
		"Service.Restart":                  "always",
		"Service.RestartPreventExitStatus": "64",
		"Service.NoNewPrivileges":          "yes",
		"Service.CapabilityBoundingSet":    "",
		"Service.ProtectSystem":            "strict",
		"Service.ProtectHome":              "yes",
		"Service.SystemCallFilter":         "@system-service",
		"Install.WantedBy":                 "multi-user.target",
	} {
		if !slices.Equal(got[name], []string{want}) {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	// The kernel must be able to name the user at the other end (SO_PEERCRED, /proc/net/tcp).
	for _, name := range []string{"Service.PrivateUsers", "Service.ProcSubset", "Service.PrivateNetwork"} {
		if got[name] != nil {
			t.Errorf("%s is set: syncd would not see who asks", name)
		}
	}
	for _, credential := range got["Service.LoadCredential"] {
		name, path, _ := strings.Cut(credential, ":")
		if !strings.HasPrefix(name, "SYNCD_") || path != "/etc/syncd/secrets/"+name {
			t.Errorf("LoadCredential=%s: want a variable's name and a file of that name", credential)
		}
	}
	if len(got["Service.LoadCredential"]) < 3 || len(got["Service.EnvironmentFile"]) > 0 {
		t.Error("secrets are handed over as credentials")
	}
}

func TestSystemdLikesTheUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("systemd-analyze is missing; apt-get install systemd")
		}
		t.Skip("systemd-analyze is not installed here (Debian's package systemd): the unit was only parsed")
	}
	text, err := os.ReadFile(unitPath)
	if err != nil {
		t.Fatal(err)
	}
	// It looks for the program, which need not be installed here.
	path := filepath.Join(t.TempDir(), "syncd.service")
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "/usr/local/bin/syncd", "/bin/true", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", path},
		{"security", "--offline=true", "--threshold=20", path}, // of 100; an unhardened service has 96
	} {
		// A setting that it does not know is a warning.
		if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || strings.Contains(string(out), "syncd.service:") && args[0] == "verify" {
			t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
