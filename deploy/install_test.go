package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// installed is the part of docs/operations.md that says how syncd is installed, up to its first
// heading and by heading.
func installed(t *testing.T) (before string, parts map[string]string) {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Install\n")
	if !ok {
		t.Fatal("docs/operations.md does not say how syncd is installed")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	split := strings.Split(section, "\n### ")
	parts = map[string]string{}
	for _, part := range split[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		parts[heading] = text
	}
	return split[0], parts
}

// blocks is what a text has in code blocks of a language.
func blocks(text, language string) string {
	all := ""
	for _, b := range regexp.MustCompile("(?ms)^```"+language+"\\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		all += b[1]
	}
	return all
}

// A call is a program that the page has somebody type and that is not run here: an engine, or root's work.
type call struct{ dir, line string }

// typed runs the commands of a part of the page in a copy of the files that it names, and gives
// back what it asked of engines and of root.
func typed(t *testing.T, heading string) (root string, calls []call) {
	t.Helper()
	before, parts := installed(t)
	root = t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "deploy"), os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.example.yaml", "Dockerfile"} {
		text, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stubs, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for _, name := range []string{"docker", "helm", "kubectl", "sudo", "go"} {
		stub := "#!/bin/sh\necho \"$PWD $(basename \"$0\") $*\" >> " + log + "\n"
		if name == "go" {
			stub += "touch syncd\n"
		}
		if err := os.WriteFile(filepath.Join(stubs, name), []byte(stub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-eu", "-c", blocks(before, "sh")+blocks(parts[heading], "sh"))
	cmd.Dir = root
	cmd.Env = []string{"PATH=" + stubs + ":" + os.Getenv("PATH"), "CIPP_CLIENT_SECRET=a", "CONNECTWISE_PUBLIC_KEY=b", "CONNECTWISE_PRIVATE_KEY=c", "GRAFANA_PASSWORD=d"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", heading, err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		dir, line, _ := strings.Cut(line, " ")
		calls = append(calls, call{dir, line})
	}
	return root, calls
}

// lines are the calls as typed.
func lines(calls []call) (all []string) {
	for _, c := range calls {
		all = append(all, c.line)
	}
	return all
}

func TestDockerIsInstalledAsThePageSays(t *testing.T) {
	root, calls := typed(t, "Docker")
	want := []string{
		"sudo chown -R 65532:65532 config secrets backups",
		"sudo chmod -R u=rwX,go= secrets backups",
		"docker compose build",
		"docker compose run --rm syncd check",
		"docker compose up --detach",
		"docker compose exec syncd syncd status",
		"sudo chown 472 grafana-admin-password",
		"sudo chmod 400 grafana-admin-password",
		"docker compose --profile watch up --detach",
	}
	if got := lines(calls); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	folder := filepath.Join(root, "deploy", "compose")
	for _, c := range calls {
		if c.dir != folder {
			t.Errorf("%s is typed in %s, want the folder of compose.yaml", c.line, c.dir)
		}
	}
	// What compose.yaml mounts is there by then.
	for _, s := range composed(t, "watch").Services {
		for _, v := range s.Volumes {
			if v.Type != "bind" {
				continue
			}
			here, err := filepath.Abs("compose")
			if err != nil {
				t.Fatal(err)
			}
			rel, err := filepath.Rel(here, v.Source)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(folder, rel)); err != nil {
				t.Errorf("%s mounts what the page does not make: %v", s.Name, err)
			}
		}
	}
	for _, name := range []string{"secrets/SYNCD_CIPP_CLIENT_SECRET", "secrets/SYNCD_CONNECTWISE_PUBLIC_KEY", "secrets/SYNCD_CONNECTWISE_PRIVATE_KEY", "config/config.yaml", "grafana-admin-password"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is empty or not there: %v", name, err)
		}
	}
}

func TestKubernetesIsInstalledAsThePageSays(t *testing.T) {
	_, parts := installed(t)
	values := blocks(parts["Kubernetes"], "yaml")
	_, calls := typed(t, "Kubernetes")
	all := rendered(t, values)
	release := func(name string) string { return strings.Replace(name, "prod-syncd", "syncd", 1) } // a release called syncd adds no name
	pod := release(fmt.Sprint(all["StatefulSet/prod-syncd"].at("metadata.name"))) + "-0"
	image := fmt.Sprint(all["StatefulSet/prod-syncd"].at("spec.template.spec.containers.0.image"))
	secret := fmt.Sprint(all["StatefulSet/prod-syncd"].at("spec.template.spec.volumes.1.secret.secretName"))
	want := []string{
		"docker build --build-arg VERSION=1.2.3 --tag " + image + " .",
		"docker push " + image,
		"kubectl create namespace msp",
		"kubectl --namespace msp create secret generic " + secret + " --from-file=secrets",
		"helm upgrade --install syncd deploy/helm/syncd --namespace msp --values values.yaml",
		"kubectl --namespace msp exec " + pod + " -- /usr/local/bin/syncd check",
	}
	if got := lines(calls); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, name := range []string{"ServiceMonitor/prod-syncd", "PrometheusRule/prod-syncd", "ConfigMap/prod-syncd-dashboards"} {
		if all[name] == nil {
			t.Errorf("the page's values make no %s", name)
		}
	}
}

func TestAVirtualMachineIsInstalledAsThePageSays(t *testing.T) {
	root, calls := typed(t, "A virtual machine")
	settings := unit(t)
	made := map[string]bool{}
	for _, c := range calls {
		words := strings.Fields(c.line)
		if c.dir != root {
			t.Errorf("%s is typed in %s", c.line, c.dir)
		}
		if words[0] != "sudo" || words[1] != "install" {
			continue
		}
		target := words[len(words)-1]
		made[target] = true
		if slices.Contains(words, "-d") {
			continue
		}
		sources := 0
		for _, word := range words[2 : len(words)-1] {
			if _, err := os.Stat(filepath.Join(root, word)); err == nil {
				sources++
				made[filepath.Join(target, filepath.Base(word))] = true
			}
		}
		if sources == 0 {
			t.Errorf("%s: nothing of it is there", c.line)
		}
	}
	// What the unit names is there.
	program, _, _ := strings.Cut(settings["Service.ExecStart"][0], " ")
	_, config, _ := strings.Cut(settings["Service.Environment"][0], "=")
	want := []string{program, config, "/etc/systemd/system/syncd.service", strings.TrimPrefix(settings["Service.ReadWritePaths"][0], "-")}
	for _, credential := range settings["Service.LoadCredential"] {
		_, path, _ := strings.Cut(credential, ":")
		want = append(want, path)
	}
	for _, path := range want {
		if !made[path] {
			t.Errorf("the unit needs %s, which the page does not make", path)
		}
	}
	for _, line := range []string{
		"sudo useradd --system --home-dir /var/lib/syncd --shell /usr/sbin/nologin " + settings["Service.User"][0],
		"sudo systemctl daemon-reload",
		"sudo systemctl enable --now syncd",
		"sudo syncd --config " + config + " check",
	} {
		if !slices.Contains(lines(calls), line) {
			t.Errorf("the page does not say %s", line)
		}
	}
	// The image's program, and no other.
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, parts := installed(t)
	flags := `go build -trimpath -buildvcs=false -ldflags="-s -w -X main.release=`
	if !strings.Contains(string(dockerfile), flags+`$VERSION" -o /out/syncd ./cmd/syncd`) || !strings.Contains(parts["A virtual machine"], flags+`1.2.3" -o syncd ./cmd/syncd`) {
		t.Error("the page builds otherwise than the Dockerfile")
	}
	state := "/var/lib/" + settings["Service.StateDirectory"][0] + "/syncd.db"
	if !strings.Contains(parts["A virtual machine"], "state: {path: "+state+"}") {
		t.Errorf("the page does not put the state to %s", state)
	}
}

func TestBaseImagesArePinned(t *testing.T) {
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`(?m)^ARG (\w+)=\S+@sha256:[0-9a-f]{64}$`).FindAllStringSubmatch(string(dockerfile), -1)
	from := regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)`).FindAllStringSubmatch(string(dockerfile), -1)
	if len(from) != 2 || len(pinned) != 2 {
		t.Fatalf("got the stages %v and the pinned images %v, want two of each", from, pinned)
	}
	for i, f := range from {
		if f[1] != "${"+pinned[i][1]+"}" {
			t.Errorf("the base image %s is not the one that is pinned: %s", f[1], pinned[i][0])
		}
	}
}
