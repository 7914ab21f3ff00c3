package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	gosync "sync"
	"testing"

	"github.com/rs/zerolog"

	"syncd/internal/app"
	"syncd/internal/config"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/secret"
	cippsim "syncd/internal/simulator/cipp"
	"syncd/internal/target"
	"syncd/internal/web/control"
)

// A toy is a whole system in one file: a board on which each customer is greeted. It
// is what somebody writes who adds a system, with nothing but its line in the table.
type toy struct {
	config toyConfig
	board  *board
}

type toyConfig struct {
	Greeting string        `yaml:"greeting" env:"GREETING, overwrite"`
	Token    secret.String `yaml:"token" env:"TOKEN, overwrite"`
}

// A board is the vendor's side: what it shows, by place.
type board struct {
	mu    gosync.Mutex
	shows map[string]string
}

// toys are the systems of the program and one more line.
func toys(b *board) app.Table {
	made := func() app.System { return &toy{toyConfig{Greeting: "good day"}, b} }
	return append(app.Systems[:len(app.Systems):len(app.Systems)], app.Line{Section: "toy", Title: "Toy", What: "a target: greetings", New: made})
}

func (s *toy) Config() any { return &s.config }

func (s *toy) Validate(_ *app.Config, report func(path, message string)) {
	if s.config.Token.Empty() {
		report("token", "is missing: write what is printed below the board")
	}
}

func (s *toy) Targets() []string      { return []string{"toy"} }
func (s *toy) Connect(*app.App) error { return nil }
func (s *toy) Needs() directory.Kinds { return directory.Licences }
func (s *toy) Job() app.JobConfig {
	return app.JobConfig{Name: "greetings", Schedule: "@daily", Apply: "auto"}
}

func (s *toy) Columns() []mapping.Column {
	return []mapping.Column{{Name: "toy_place", Noun: "a place", Exclusive: true}}
}

func (s *toy) LookUp(_ context.Context, _ string, texts []string) (map[string]mapping.Found, error) {
	found := map[string]mapping.Found{}
	for _, text := range texts {
		if text == "7" {
			found[text] = mapping.Found{Entity: mapping.Entity{ID: "7", Name: "Left of the door"}}
		}
	}
	return found, nil
}

func (s *toy) Suggest(_ context.Context, d *mapping.Draft) error {
	places := []mapping.CompanyEvidence{{ID: "7", Name: "Contoso Ltd", Website: "https://contoso.example"}}
	d.Add(mapping.SuggestLinks("toy_place", d.Evidence, places, d.Table))
	return nil
}

func (s *toy) Check(context.Context) []target.Finding {
	return []target.Finding{{System: "toy", Name: "board", OK: true, Detail: "hangs, and knows " + s.config.Token.Reveal()}}
}

func (s *toy) Open(context.Context, string) (target.Target, error) { return s, nil }

func (s *toy) Spec() target.Spec {
	return target.Spec{Name: "toy", Needs: directory.Licences, Link: "toy_place", Settings: s.config.Greeting,
		Kinds: []plan.Kind{{Name: "greeting", Owner: plan.Restore, MayCreate: true}}}
}

func (s *toy) Observe(_ context.Context, asked []target.Asked) ([]target.View, error) {
	var views []target.View
	for i := range asked {
		views = append(views, &toyView{s, asked[i].Links["toy_place"], asked[i].Name})
	}
	return views, nil
}

type toyView struct {
	*toy
	place, customer string
}

func (v *toyView) object(text string) plan.Object {
	key := plan.Key{Kind: "greeting", ID: "greeting"}
	return plan.Object{Key: key, Label: "greeting of " + v.customer, Ref: v.place, Fields: plan.Set("text", text)}
}

func (v *toyView) Compare(context.Context, *directory.Snapshot, []plan.Record) (target.Desired, target.Observed, error) {
	v.board.mu.Lock()
	defer v.board.mu.Unlock()
	var o target.Observed
	if text := v.board.shows[v.place]; text != "" {
		o.Objects = []plan.Object{v.object(text)}
	}
	return target.Desired{Objects: []plan.Object{v.object(v.config.Greeting + ", " + v.customer)}}, o, nil
}

func (v *toyView) Apply(_ context.Context, ch plan.Change) (target.Applied, error) {
	v.board.mu.Lock()
	defer v.board.mu.Unlock()
	v.board.shows[v.place] = ch.After.Fields.Text("text")
	return target.Applied{Object: v.object(v.board.shows[v.place])}, nil
}

// One file and one line in the table are a system, from its configuration to the page.
func TestASystemIsAFileAndALine(t *testing.T) {
	cipp := cippsim.New(cippWorld(), cippsim.Options{ClientSecret: cippSecret})
	server := httptest.NewServer(cipp)
	defer server.Close()
	b := &board{shows: map[string]string{}}
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	configure := func(section string) {
		text := "listen: 127.0.0.1:0\nlimits: {first_plan: allow}\ncipp: {url: '" + server.URL + "', tenant_id: " + partner +
			", client_id: " + cipp.Options().ClientID + ", client_secret: " + cippSecret + ", token_url: '" + server.URL + cipp.TokenPath() +
			"', rate: {per_second: 1000, burst: 100}}\n" + section
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	typed := func(status int, line string, wants ...string) {
		t.Helper()
		var out bytes.Buffer
		got := execute(t.Context(), &cli{console: &control.Console{Out: &out, Err: &out, Files: &control.Disk{}, User: "ada"}, systems: toys(b),
			args: append([]string{"--config", path}, strings.Fields(line)...)})
		if got != status {
			t.Errorf("syncd %s: got status %d, want %d:\n%s", line, got, status, out.String())
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("syncd %s lacks %q:\n%s", line, want, out.String())
			}
		}
		if strings.Contains(out.String(), "the-toy-token") {
			t.Errorf("syncd %s shows the token:\n%s", line, out.String())
		}
	}

	configure("")
	typed(64, "map suggest", "neither connectwise, itglue nor toy is configured; there is nothing to suggest")
	configure("toy: {greting: hello}\n")
	typed(64, "status", "toy.greting: no such setting; did you mean greeting?")
	configure("toy: {greeting: hello}\n")
	typed(64, "status", "toy.token: is missing: write what is printed below the board")
	configure("toy:\n")
	t.Setenv("SYNCD_TOY_TOKEN", "the-toy-token")
	t.Setenv("SYNCD_TOY_GREETING", "hello")
	typed(0, "check", "1 job, targets: toy", "toy          board          hangs, and knows [redacted]")
	typed(0, "map suggest", "Contoso Ltd", "place", "7", "contoso.example is the")
	typed(0, "map accept", "linked to place 7")
	typed(0, "map", "toy place", "linked")
	typed(0, "map export "+filepath.Join(dir, "links.csv"))
	table, err := os.ReadFile(filepath.Join(dir, "links.csv"))
	for _, want := range []string{"toy_place,toy_place_name", ",7,Left of the door,"} {
		if err != nil || !strings.Contains(string(table), want) {
			t.Errorf("got %v, want %s in the table\n%s", err, want, table)
		}
	}
	typed(64, "map accept Fabrikam toy_place 8", "there is no place 8")
	typed(2, "plan --target Toy", "greeting of Contoso Ltd", "hello, Contoso Ltd")
	typed(0, "apply")
	if b.shows["7"] != "hello, Contoso Ltd" || len(b.shows) != 1 {
		t.Errorf("the board shows %v", b.shows)
	}
	typed(0, "plan")
	typed(0, "status", "Contoso Ltd", "toy", "greetings")
	b.shows["7"] = "somebody wrote over it"
	typed(2, "plan", "hello, Contoso Ltd")

	cfg, err := toys(b).LoadConfig(path, true, os.LookupEnv, config.Names())
	if err != nil {
		t.Fatal(err)
	}
	store, err := openState(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	w, err := newApp(cfg, store, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	listening, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- w.Serve(ctx, daemon(func(addr string) { listening <- addr })) }()
	select {
	case addr := <-listening:
		for _, want := range []string{"greetings", "Toy", "1 changed"} {
			if body := systemPage(t, addr); !strings.Contains(body, want) {
				t.Errorf("the page lacks %s:\n%s", want, body)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	case err := <-ended:
		t.Fatal(err)
	}
	stop()
}

// systemPage is the page of a daemon about itself.
func systemPage(t *testing.T, addr string) string {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/system")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
