package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"syncd/internal/app"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/simulator/msp"
	"syncd/internal/sync"
)

// A watcher is a real Prometheus and a real Alertmanager with the rules of deploy/prometheus,
// whose hours are seconds, and somebody whom they tell.
type watcher struct {
	t       *testing.T
	mu      stdsync.Mutex
	firing  map[string]string // by alert: what people read
	history map[string]bool   // alerts that ever fired
}

// watchers are the programs; Debian's packages are called like them.
var watchers = []string{"prometheus", "prometheus-alertmanager"}

// shorter makes seconds of what rules wait for and look back on, and less of its money.
var shorter = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`for: \d+[mhd]`), "for: 1s"},
	{regexp.MustCompile(`\[\d+[mhd]\]`), "[10s]"},
	{regexp.MustCompile(`\b86400\b`), "1"},
	{regexp.MustCompile(`\b172800\b`), "0"},
	{regexp.MustCompile(`> (1000|500)\n`), "> 200\n"}, // of money, which Harbour IT has less of
	// A disk that others write to may look full a day ahead, by what happened in ten seconds.
	{regexp.MustCompile(`\n *or predict_linear\(.*`), ""},
}

// watch begins to watch the daemon at an address.
func watch(t *testing.T, addr string) *watcher {
	t.Helper()
	w := &watcher{t: t, firing: map[string]string{}, history: map[string]bool{}}
	told := httptest.NewServer(http.HandlerFunc(w.tell))
	t.Cleanup(told.Close)
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shipped := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join("../../deploy/prometheus", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	free := func() string {
		t.Helper()
		addr, err := unusedAddress()
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	rules := shipped("syncd.rules.yml")
	for _, s := range shorter {
		if !s.what.MatchString(rules) {
			t.Fatalf("no rule has %s: the test shortens nothing", s.what)
		}
		rules = s.what.ReplaceAllString(rules, s.with)
	}
	write("syncd.rules.yml", rules)
	alertmanager, prometheus := free(), free()
	config := strings.NewReplacer("127.0.0.1:9464", addr, "127.0.0.1:9093", alertmanager, "30s", "1s").Replace(shipped("prometheus.yml"))
	w.start("prometheus-alertmanager", "--config.file="+write("alertmanager.yml", fmt.Sprintf(`
route: {receiver: people, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: people
    webhook_configs: [{url: %q, send_resolved: true}]
`, told.URL)), "--storage.path="+filepath.Join(dir, "am"), "--web.listen-address="+alertmanager, "--cluster.listen-address=")
	w.start("prometheus", "--config.file="+write("prometheus.yml", config), "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+prometheus)
	return w
}

// start runs a program until the test ends.
func (w *watcher) start(program string, args ...string) {
	w.t.Helper()
	log, err := os.Create(filepath.Join(w.t.TempDir(), program+".log"))
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if text, err := os.ReadFile(log.Name()); w.t.Failed() && err == nil {
			w.t.Logf("%s said:\n%s", program, text)
		}
	})
}

// tell takes what Alertmanager says.
func (w *watcher) tell(_ http.ResponseWriter, r *http.Request) {
	var said struct {
		Alerts []struct {
			Status      string            `json:"status"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
		w.t.Errorf("alertmanager: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range said.Alerts {
		name := a.Labels["alertname"]
		if a.Status == "resolved" {
			delete(w.firing, name)
			continue
		}
		w.firing[name], w.history[name] = a.Labels["severity"]+": "+a.Annotations["summary"], true
		if a.Annotations["runbook_url"] == "" || a.Annotations["description"] == "" {
			w.t.Errorf("%s has no runbook or no description: %v", name, a.Annotations)
		}
	}
}

// until waits for exactly some alerts to fire.
func (w *watcher) until(when string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	var got []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		w.mu.Lock()
		got = slices.Sorted(maps.Keys(w.firing))
		w.mu.Unlock()
		if slices.Equal(got, want) {
			return
		}
	}
	w.t.Fatalf("%s: got %v, want %v", when, got, want)
}

// fired waits for some alerts to have fired, whether they still do or not, and lets something
// happen every second meanwhile.
func (w *watcher) fired(when string, meanwhile func(), want ...string) {
	w.t.Helper()
	var missing []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		meanwhile()
		w.mu.Lock()
		missing = slices.DeleteFunc(slices.Clone(want), func(name string) bool { return w.history[name] })
		w.mu.Unlock()
		if len(missing) == 0 {
			return
		}
	}
	w.t.Fatalf("%s: %v did not fire; %v did", when, missing, slices.Sorted(maps.Keys(w.history)))
}

func TestARealPrometheusSeesADaemonInTrouble(t *testing.T) {
	for _, program := range watchers {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing; apt-get install %s", program, strings.Join(watchers, " "))
			}
			t.Skipf("%s is not installed here (Debian's package of that name): nobody watches the daemon", program)
		}
	}
	t.Parallel() // it waits for the others most of the time
	m := msp.New(time.Now)
	d := practising(t, m)
	run := func() {
		t.Helper()
		if _, err := d.app.Engine.Run(t.Context(), d.selection(everything), sync.Apply); err != nil {
			t.Fatal(err)
		}
	}
	run() // and the daemon has none to make up for
	d.app.Config.Listen = "127.0.0.1:0"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	up, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- d.app.Serve(ctx, daemon(func(addr string) { up <- addr })) }()
	var addr string
	select {
	case addr = <-up:
	case err := <-ended:
		t.Fatal(err)
	}
	w := watch(t, addr)
	w.until("first plans wait", "SyncdHoldsOld", "SyncdMoneyHeld", "SyncdMoneyOverBilled", "SyncdMoneyUnbilled")

	if err := m.Play("failing-tenant"); err != nil {
		t.Fatal(err)
	}
	w.fired("tenants cannot be read", run, "SyncdTenantsUnproven")

	m.ConnectWise.Fail(cwsim.Rule{Fault: cwsim.Fault{Kind: cwsim.BadKeys}})
	w.fired("ConnectWise refuses everything", run, "SyncdQuarantine", "SyncdRequestsFail", "SyncdScopesFailing")
	w.mu.Lock()
	if got, want := w.firing["SyncdQuarantine"], "critical: connectwise refused everything and is left alone."; got != want {
		t.Errorf("people read %q, want %q", got, want)
	}
	w.mu.Unlock()

	m.ConnectWise.Heal()
	if err := m.Play("calm"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		run()
		holds, err := d.app.Holds(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.app.Decide(t.Context(), app.Operator{Name: "ada", Identified: "test"}, true, "well again", holds); err != nil {
			t.Fatal(err)
		}
	}
	run()
	w.until("it is well again but for what a person must repair", "SyncdHoldsOld")

	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.until("the daemon is gone", "SyncdDown")
}
