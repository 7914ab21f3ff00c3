package deploy_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const rulesPath = "prometheus/syncd.rules.yml"

// A rule is a line of the rules: it records or alerts.
type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, rulesPath, &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

var labelInText = regexp.MustCompile(`\$labels\.([a-z_]+)`)

func TestRulesNameOnlyWhatSyncdExports(t *testing.T) {
	known := exported(t)
	for _, r := range rules(t) {
		name := r.Record + r.Alert
		problems, used := wrong(r.Expr, known)
		for _, p := range problems {
			t.Errorf("%s: %s", name, p)
		}
		has := slices.Clone(attached)
		for _, m := range used {
			has = append(has, known[m].labels...)
		}
		if r.Record != "" {
			known[r.Record] = metric{has, "gauge"}
		}
		for key, text := range r.Annotations {
			for _, m := range labelInText.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(has, m[1]) {
					t.Errorf("%s: %s says {{ $labels.%s }}, which it does not have", name, key, m[1])
				}
			}
		}
	}
}

func TestEveryAlertSaysWhatPeopleSeeAndHasARunbook(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Alerts\n")
	if next := strings.Index(section, "\n## "); next >= 0 {
		section = section[:next]
	}
	runbooks := map[string]string{}
	for _, part := range strings.Split(section, "\n### ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		runbooks[heading] = text
	}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		for _, key := range []string{"summary", "description"} {
			if text := r.Annotations[key]; len(strings.Fields(text)) < 4 || !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s %q is no sentence", r.Alert, key, text)
			}
		}
		if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		text, ok := runbooks[r.Alert]
		if delete(runbooks, r.Alert); !ok {
			t.Errorf("docs/operations.md has no heading %s", r.Alert)
			continue
		}
		for _, part := range []string{"* **Means**", "* **Look at**", "**Do not**"} {
			if !strings.Contains(text, part) {
				t.Errorf("docs/operations.md: %s does not say %s", r.Alert, part)
			}
		}
		if !strings.Contains(text, "* **Do**") && !strings.Contains(text, ", **do**") {
			t.Errorf("docs/operations.md: %s does not say what to do", r.Alert)
		}
	}
	for name := range runbooks {
		t.Errorf("docs/operations.md has a runbook for %s, which is no alert", name)
	}
}

func TestEveryAlertIsSeenToFireAndNotToFire(t *testing.T) {
	var file struct {
		Tests []struct {
			Checks []struct {
				Alert  string `yaml:"alertname"`
				Alerts []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	readYAML(t, "prometheus/rules_test.yml", &file)
	fires, rests := map[string]bool{}, map[string]int{}
	for _, x := range file.Tests {
		for _, c := range x.Checks {
			if len(c.Alerts) > 0 {
				fires[c.Alert] = true
			} else {
				rests[c.Alert]++
			}
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" && (!fires[r.Alert] || rests[r.Alert] == 0) {
			t.Errorf("rules_test.yml: %s fires: %v, does not fire: %d times", r.Alert, fires[r.Alert], rests[r.Alert])
		}
	}
}

func TestPromtoolLikesTheRulesAndTheirTests(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is missing; apt-get install prometheus")
		}
		t.Skip("promtool is not installed here (Debian's package prometheus): the rules are not unit-tested")
	}
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "syncd.rules.yml"},
		{"check", "config", "prometheus.yml"},
		{"test", "rules", "rules_test.yml"},
	} {
		cmd := exec.Command("promtool", args...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
