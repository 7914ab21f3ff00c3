package deploy_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const chart = "helm/syncd"

// helm runs Helm on the chart; the gate builds it from tools/helm.
func helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if _, err := exec.LookPath("helm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("helm is missing; go build -C tools/helm -o helm helm.sh/helm/v3/cmd/helm")
		}
		t.Skip("helm is not installed here (go build -C tools/helm -o helm helm.sh/helm/v3/cmd/helm): the chart is not rendered")
	}
	cmd := exec.Command("helm", args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err = cmd.Run()
	return out.String(), problems.String(), err
}

// A manifest is an object of Kubernetes as YAML gives it.
type manifest map[string]any

// at walks a dotted path; a number is an index.
func (m manifest) at(path string) any {
	var here any = map[string]any(m)
	for _, step := range strings.Split(path, ".") {
		switch x := here.(type) {
		case map[string]any:
			here = x[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(x) {
				return nil
			}
			here = x[i]
		default:
			return nil
		}
	}
	return here
}

// rendered are the chart's manifests by kind and name, with values as the text of a values file.
func rendered(t *testing.T, values string) map[string]manifest {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	out, problems, err := helm(t, "template", "prod", chart, "--namespace", "msp", "--values", path)
	if err != nil {
		t.Fatalf("%v\n%s", err, problems)
	}
	all := map[string]manifest{}
	decoder, err := yaml.NewLoader(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var m map[string]any
		if err := decoder.Load(&m); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if m == nil {
			continue
		}
		name := fmt.Sprint(m["kind"], "/", manifest(m).at("metadata.name"))
		if all[name] != nil {
			t.Errorf("%s is there twice", name)
		}
		all[name] = m
	}
}

const everything = `
image: {repository: registry.example/syncd, digest: "sha256:` + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" + `"}
existingSecret: mine
backups: {existingClaim: nas}
serviceMonitor: {enabled: true, labels: {release: monitoring}}
prometheusRule: {enabled: true}
dashboards: {enabled: true}
config:
  currency: EUR
  cipp: {url: https://cipp-api.example.net, client_id: c, client_secret: "keyvault:https://v.vault.azure.net/secrets/cipp"}
  scim: [{name: cinode, tokens: {acme: "file:/run/secrets/syncd/acme"}}]
  events: {secret: ""}
  notify: {mail: {server: "smtp.example.net:587"}, teams: {url: "env:TEAMS"}}
  export: {dir: /var/lib/syncd/export}
`

func TestTheChartIsSound(t *testing.T) {
	for _, args := range [][]string{{"lint", "--strict", chart}, {"lint", "--strict", chart, "--set", "serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true"}} {
		if out, problems, err := helm(t, args...); err != nil {
			t.Errorf("helm %s: %v\n%s%s", strings.Join(args, " "), err, out, problems)
		}
	}
	names := func(values string) []string { return slices.Sorted(maps.Keys(rendered(t, values))) }
	plain := []string{"ConfigMap/prod-syncd", "NetworkPolicy/prod-syncd", "PodDisruptionBudget/prod-syncd", "Service/prod-syncd", "ServiceAccount/prod-syncd", "StatefulSet/prod-syncd"}
	if got := names(""); !slices.Equal(got, plain) {
		t.Errorf("got %v, want %v", got, plain)
	}
	all := append(slices.Clone(plain), "ConfigMap/prod-syncd-dashboards", "PrometheusRule/prod-syncd", "ServiceMonitor/prod-syncd")
	slices.Sort(all)
	if got := names(everything); !slices.Equal(got, all) {
		t.Errorf("with everything: got %v, want %v", got, all)
	}
}

func TestThePodMayDoNothingItNeedNot(t *testing.T) {
	all := rendered(t, everything)
	for path, want := range map[string]any{
		"spec.replicas":    1,
		"spec.serviceName": "prod-syncd",
		"spec.template.spec.automountServiceAccountToken":        false,
		"spec.template.spec.terminationGracePeriodSeconds":       120,
		"spec.template.spec.securityContext.runAsNonRoot":        true,
		"spec.template.spec.securityContext.runAsUser":           65532,
		"spec.template.spec.securityContext.fsGroup":             65532,
		"spec.template.spec.securityContext.seccompProfile":      map[string]any{"type": "RuntimeDefault"},
		"spec.template.spec.containers.0.image":                  "registry.example/syncd@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"spec.template.spec.containers.0.args":                   []any{"serve"},
		"spec.template.spec.containers.0.securityContext":        map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"drop": []any{"ALL"}}},
		"spec.template.spec.containers.0.livenessProbe.httpGet":  map[string]any{"path": "/healthz", "port": "http", "scheme": "HTTP"},
		"spec.template.spec.containers.0.readinessProbe.httpGet": map[string]any{"path": "/readyz", "port": "http", "scheme": "HTTP"},
		"spec.template.spec.containers.0.env": []any{
			map[string]any{"name": "SYNCD_CONFIG", "value": "/etc/syncd/config.yaml"},
			map[string]any{"name": "SYNCD_STATE_PATH", "value": "/var/lib/syncd/syncd.db"},
			map[string]any{"name": "SYNCD_LISTEN", "value": "0.0.0.0:9464"},
			map[string]any{"name": "CREDENTIALS_DIRECTORY", "value": "/run/secrets/syncd"},
		},
		"spec.template.spec.containers.0.volumeMounts": []any{
			map[string]any{"name": "state", "mountPath": "/var/lib/syncd"},
			map[string]any{"name": "config", "mountPath": "/etc/syncd", "readOnly": true},
			map[string]any{"name": "secrets", "mountPath": "/run/secrets/syncd", "readOnly": true},
			map[string]any{"name": "backups", "mountPath": "/var/backups/syncd"},
		},
		"spec.template.spec.volumes.1.secret.secretName":               "mine",
		"spec.template.spec.volumes.2.persistentVolumeClaim.claimName": "nas",
		"spec.volumeClaimTemplates.0.spec.accessModes":                 []any{"ReadWriteOnce"},
	} {
		if got := all["StatefulSet/prod-syncd"].at(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	// What selects the pod selects it.
	labels, _ := all["StatefulSet/prod-syncd"].at("spec.template.metadata.labels").(map[string]any)
	for name, path := range map[string]string{
		"StatefulSet/prod-syncd": "spec.selector.matchLabels", "Service/prod-syncd": "spec.selector",
		"PodDisruptionBudget/prod-syncd": "spec.selector.matchLabels", "NetworkPolicy/prod-syncd": "spec.podSelector.matchLabels",
	} {
		selector, _ := all[name].at(path).(map[string]any)
		for key, value := range selector {
			if labels[key] != value {
				t.Errorf("%s selects %s=%v, and the pod has %v", name, key, value, labels[key])
			}
		}
		if len(selector) != 2 {
			t.Errorf("%s selects by %v", name, selector)
		}
	}
	policy := all["NetworkPolicy/prod-syncd"]
	if got, want := fmt.Sprint(policy.at("spec.egress.0.ports")), "[map[port:53 protocol:UDP] map[port:53 protocol:TCP] map[port:443 protocol:TCP] map[port:587 protocol:TCP]]"; got != want {
		t.Errorf("it may reach %v, want %v", got, want)
	}
	if got := policy.at("spec.policyTypes"); !reflect.DeepEqual(got, []any{"Ingress", "Egress"}) || policy.at("spec.ingress.0.from") == nil {
		t.Errorf("the policy is for %v, from %v", got, policy.at("spec.ingress.0.from"))
	}
	if got := all["PodDisruptionBudget/prod-syncd"].at("spec.maxUnavailable"); got != 1 {
		t.Errorf("%v pods may be missing, want 1", got)
	}
}

func TestTheChartRefuses(t *testing.T) {
	for set, want := range map[string]string{
		"replicaCount=2":      "one process may have open",
		"replicaCount=-1":     "minimum",
		"replicas=2":          "additional properties 'replicas' not allowed",
		"image.digest=latest": "does not match pattern",
		"existingSecret=":     "minLength",
		"persistence.accessModes={ReadWriteMany}": "value must be one of",
		"config.cipp.client_secret=x":             "config.cipp.client_secret is a secret",
		"config.connectwise.private_key=x":        "config.connectwise.private_key is a secret",
		"config.itglue.api_key=x":                 "config.itglue.api_key is a secret",
		"config.scim[0].token=x":                  "config.scim[0].token is a secret",
		"config.scim[0].tokens.acme=x":            "config.scim[0].tokens.acme is a secret",
		"config.events.secret=x":                  "config.events.secret is a secret",
		"config.notify.mail.password=x":           "config.notify.mail.password is a secret",
		"config.notify.slack.url=https://x":       "config.notify.slack.url is a secret",
		"config.export.postgres=postgres://u:p@h": "config.export.postgres is a secret",
	} {
		if out, problems, err := helm(t, "template", "prod", chart, "--set", set); err == nil || !strings.Contains(problems, want) {
			t.Errorf("--set %s: got %v and %q, want %q\n%.200s", set, err, problems, want, out)
		}
	}
}

func TestTheChartHasTheRulesAndDashboards(t *testing.T) {
	sources, err := filepath.Glob("grafana/*.json")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, path := range append(sources, rulesPath) {
		ours, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(ours)
		copied, err := os.ReadFile(filepath.Join(chart, "files", filepath.Base(path)))
		if err != nil || !bytes.Equal(ours, copied) {
			t.Errorf("%s is not what the chart has (%v): cd deploy && go generate", path, err)
		}
	}
	if files, err := os.ReadDir(filepath.Join(chart, "files")); err != nil || len(files) != len(texts) {
		t.Errorf("the chart has %d files, want %d (%v)", len(files), len(texts), err)
	}
	all := rendered(t, everything)
	var groups struct{ Groups []any }
	if err := yaml.Unmarshal([]byte(texts["syncd.rules.yml"]), &groups); err != nil {
		t.Fatal(err)
	}
	if got := all["PrometheusRule/prod-syncd"].at("spec.groups"); !reflect.DeepEqual(got, groups.Groups) {
		t.Error("the rule's groups are not those of the file")
	}
	shown, _ := all["ConfigMap/prod-syncd-dashboards"]["data"].(map[string]any)
	for name, text := range texts {
		if strings.HasSuffix(name, ".json") && shown[name] != text {
			t.Errorf("the dashboard %s is not that of the file", name)
		}
	}
	monitor := all["ServiceMonitor/prod-syncd"]
	if monitor.at("spec.endpoints.0.honorLabels") != true || monitor.at("spec.endpoints.0.port") != all["Service/prod-syncd"].at("spec.ports.0.name") || monitor.at("metadata.labels.release") != "monitoring" {
		t.Errorf("got the monitor %v", monitor)
	}
}

// Of the configuration everything arrives, and the manifests have no secret of their own.
func TestTheConfigurationArrives(t *testing.T) {
	all := rendered(t, everything)
	text, _ := all["ConfigMap/prod-syncd"].at("data").(map[string]any)["config.yaml"].(string)
	var got, values map[string]any
	if err := yaml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(everything), &values); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, values["config"]) {
		t.Errorf("got the configuration\n%s\nwant %v", text, values["config"])
	}
	for name := range all {
		if strings.HasPrefix(name, "Secret/") {
			t.Errorf("the chart makes a secret: %s", name)
		}
	}
}
