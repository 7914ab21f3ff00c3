package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/app"
	"syncd/internal/simulator/msp"
	"syncd/internal/sync"
	"syncd/internal/web/control"
)

// Who says no at one question is asked the next one all the same.
func TestThePracticeGoesOnAfterANo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out, complaints bytes.Buffer
	console := control.Local()
	asked := 0
	console.Out, console.Err, console.Color, console.Width, console.Progress = &out, &complaints, false, 80, false
	console.Asker = func(string) (string, error) {
		asked++
		if asked == 3 {
			return "y\n", nil // to Cinode alone
		}
		return "n\n", nil
	}
	if status := execute(t.Context(), &cli{console: console, args: []string{"demo", "--once", "--scenario", "regroup"}}); status != 0 {
		t.Fatalf("status %d: %s", status, complaints.String())
	}
	text := out.String()
	at := 0
	for _, want := range []string{"Apply holds everything", "Not approved: nothing of it is written", "The same for IT Glue", "Not approved",
		"The same for Cinode", "Approved (syncd approve)", "And a second run writes nothing", "Scenario regroup", "Not approved", "And the next run"} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("%q does not follow; got\n%s", want, text)
		}
		at += i
	}
	fits(t, text)
}

// fits holds what is printed to the 80 columns of a terminal.
func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if n := len([]rune(line)); n > 80 && !strings.Contains(line, "syncd-demo-") {
			t.Errorf("%d columns where there are 80: %s", n, line)
		}
	}
}

func TestThePlansOfAllCustomersOfThePracticeFitTheTerminal(t *testing.T) {
	var out bytes.Buffer
	d := practising(t, msp.New(time.Now, msp.WithIdentity()))
	d.cli = &cli{console: &control.Console{Out: &out, Err: &out, Width: 80}}
	report, err := d.job(t.Context(), sync.PlanOnly, billing)
	if err != nil || len(report.Scopes) < 20 {
		t.Fatalf("%d scopes, %v; want those of all customers", len(report.Scopes), err)
	}
	if _, err := d.preview(t.Context(), identity); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Müller & Søn Precision at connectwise", "Elmsworth Housing", "Calloway Legal"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not there; got\n%s", want, &out)
		}
	}
	fits(t, out.String())
}

func TestTheReadmeNamesAllScenarios(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range msp.Scenarios() {
		if !strings.Contains(string(text), "`"+s.Name+"`") {
			t.Errorf("README.md does not name the scenario %s (%s)", s.Name, s.Summary)
		}
	}
}

// practising is a practice whose systems are up and whose tables are imported.
func practising(t *testing.T, m *msp.MSP) demo {
	t.Helper()
	systems, err := m.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { systems.Close() })
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(systems.Config(filepath.Join(dir, "syncd.db"))), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.Systems.LoadConfig(path, true, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := openState(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w, err := newApp(cfg, store, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	d := demo{msp: m, app: w}
	if _, _, err := d.tables(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// Whoever opens the pages of the practice is who --as says, on this machine alone, and decides in no other role.
func TestThePagesOfThePracticeAreForAChosenPerson(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	console := control.Local()
	console.Out, console.Err, console.Color, console.Width, console.Progress, console.Asker = w, io.Discard, false, 80, false, nil
	ended := make(chan int, 1)
	go func() {
		defer w.Close()
		ended <- execute(ctx, &cli{console: console, args: []string{"demo", "--as", "viewer"}})
	}()
	defer func() {
		stop()
		go io.Copy(io.Discard, r)
		<-ended
	}()
	address := ""
	for lines := bufio.NewScanner(r); address == "" && lines.Scan(); {
		if found := regexp.MustCompile(`pages +(http://127\.0\.0\.1:\d+)/  as Vera Lind, viewer`).FindStringSubmatch(lines.Text()); found != nil {
			address = found[1]
		}
	}
	go io.Copy(io.Discard, r)
	for _, c := range []struct {
		method, path string
		want         int
		says         string
	}{
		{http.MethodGet, "/", http.StatusOK, "Vera Lind"},
		{http.MethodGet, "/system", http.StatusOK, "Practice mode: nothing here is real"},
		{http.MethodPost, "/apply", http.StatusForbidden, "role"},
	} {
		q, err := http.NewRequestWithContext(t.Context(), c.method, address+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != c.want || !strings.Contains(string(body), c.says) {
			t.Errorf("%s %s: got %d, %v, want %d and %q in\n%s", c.method, c.path, answer.StatusCode, err, c.want, c.says, body)
		}
	}
}
