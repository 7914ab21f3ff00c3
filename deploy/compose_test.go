package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// composed is compose/compose.yaml, held to the Compose specification as it is read.
func composed(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose/compose.yaml"}, cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeIsSyncdAloneUnlessItIsWatched(t *testing.T) {
	if got, want := composed(t).ServiceNames(), []string{"syncd"}; !slices.Equal(got, want) {
		t.Errorf("got the services %v, want %v", got, want)
	}
	if got, want := composed(t, "watch").ServiceNames(), []string{"alertmanager", "grafana", "prometheus", "syncd"}; !slices.Equal(got, want) {
		t.Errorf("got the services %v with the profile watch, want %v", got, want)
	}
}

func TestComposeGivesNobodyMoreThanItNeeds(t *testing.T) {
	for name, s := range composed(t, "watch").Services {
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.Privileged || s.NetworkMode == "host" {
			t.Errorf("%s: capabilities %v, options %v, privileged %v, network %q", name, s.CapDrop, s.SecurityOpt, s.Privileged, s.NetworkMode)
		}
		if !s.ReadOnly && name != "grafana" { // which writes beside its volume
			t.Errorf("%s: its root can be written", name)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: the port %s is open to other machines", name, p.Published)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && !v.ReadOnly && v.Target != "/var/backups/syncd" {
				t.Errorf("%s: writes into %s of the host", name, v.Source)
			}
			if strings.Contains(v.Source, "docker.sock") {
				t.Errorf("%s: has the engine's socket", name)
			}
		}
		if s.Logging == nil || s.Logging.Options["max-size"] == "" || s.Logging.Options["max-file"] == "" {
			t.Errorf("%s: its log has no end", name)
		}
	}
	s := composed(t).Services["syncd"]
	if s.User != "65532:65532" || s.Restart != "unless-stopped" || s.StopGracePeriod == nil {
		t.Errorf("syncd: user %q, restart %q, stop_grace_period %v", s.User, s.Restart, s.StopGracePeriod)
	}
	if s.HealthCheck == nil || !slices.Equal(s.HealthCheck.Test, []string{"CMD", "/usr/local/bin/syncd", "healthcheck"}) {
		t.Errorf("syncd: got the health check %v", s.HealthCheck)
	}
	for name, value := range s.Environment {
		if name != "CREDENTIALS_DIRECTORY" || *value != "/run/secrets" {
			t.Errorf("syncd: %s=%s: secrets and settings belong into files", name, *value)
		}
	}
	mounted := map[string]string{}
	for _, v := range s.Volumes {
		mounted[v.Target] = filepath.Base(v.Source)
		if v.Type == types.VolumeTypeBind && (v.Bind == nil || bool(v.Bind.CreateHostPath)) {
			t.Errorf("syncd: %s would be made by the engine, as root's", v.Source)
		}
	}
	for target, source := range map[string]string{"/var/lib/syncd": "state", "/etc/syncd": "config", "/run/secrets": "secrets", "/var/backups/syncd": "backups"} {
		if mounted[target] != source {
			t.Errorf("syncd: %s is %q, want %q", target, mounted[target], source)
		}
	}
}

// What the profile watch mounts is what is in the tree, under the names that the programs look for.
func TestComposeWatchesWithOurRulesAndDashboards(t *testing.T) {
	services := composed(t, "watch").Services
	at := func(service, target string) string {
		t.Helper()
		for _, v := range services[service].Volumes {
			if v.Target == target {
				return v.Source
			}
		}
		t.Fatalf("%s has nothing at %s", service, target)
		return ""
	}
	dir := t.TempDir() // as the container of Prometheus sees it
	for target, name := range map[string]string{"/etc/prometheus/prometheus.yml": "prometheus.yml", "/etc/prometheus/syncd.rules.yml": "syncd.rules.yml"} {
		text, err := os.ReadFile(at("prometheus", target))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var prometheus struct {
		Rules  []string `yaml:"rule_files"`
		Scrape []struct {
			HonorLabels bool `yaml:"honor_labels"`
			Static      []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, filepath.Join(dir, "prometheus.yml"), &prometheus)
	if s := prometheus.Scrape; len(s) != 1 || !s[0].HonorLabels || !slices.Equal(s[0].Static[0].Targets, []string{"syncd:9464"}) || !slices.Equal(prometheus.Rules, []string{"syncd.rules.yml"}) {
		t.Errorf("got %+v, want syncd scraped with its own labels, and its rules", prometheus)
	}
	check(t, dir, "promtool", "prometheus", "check", "config", "prometheus.yml")
	check(t, filepath.Dir(at("alertmanager", "/etc/alertmanager/alertmanager.yml")), "amtool", "prometheus-alertmanager", "check-config", "alertmanager.yml")

	var provider struct {
		Providers []struct {
			Options struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	provisioning := at("grafana", "/etc/grafana/provisioning")
	readYAML(t, filepath.Join(provisioning, "dashboards", "syncd.yaml"), &provider)
	folder := at("grafana", provider.Providers[0].Options.Path)
	for path := range dashboards(t) {
		if _, err := os.Stat(filepath.Join(folder, filepath.Base(path))); err != nil {
			t.Error(err)
		}
	}
	var source struct {
		Datasources []struct {
			URL string `yaml:"url"`
		} `yaml:"datasources"`
	}
	readYAML(t, filepath.Join(provisioning, "datasources", "prometheus.yaml"), &source)
	if source.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("Grafana asks %s, which is no service of the file", source.Datasources[0].URL)
	}
}

// check runs a tool of a Debian package that says whether a file is right.
func check(t *testing.T, dir, tool, debian string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing; apt-get install %s", tool, debian)
		}
		t.Skipf("%s is not installed here (Debian's package %s)", tool, debian)
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, out)
	}
}
