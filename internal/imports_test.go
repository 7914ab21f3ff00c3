// Package internal_test holds the floors: which package may import which.
package internal_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A floor is the rule for a package: what of ours it may import, and why no more.
// "systems" stands for all of them.
type floor struct {
	may []string // of ours; a name that ends in /... stands for all below it as well
	why string
}

const (
	downward    = "imports go down only: cmd, app, web, report and sync, target and state, mapping, plan, directory"
	independent = "systems know neither one another nor the engine; internal/app brings them together"
	outside     = "a simulator stands for a vendor and knows only what the vendor knows"
)

var (
	system    = floor{[]string{"internal/rest", "internal/secret", "internal/visible", "internal/target", "internal/money", "internal/mapping", "internal/plan", "internal/directory"}, independent}
	simulator = floor{[]string{"internal/simulator/serving"}, outside}
	store     = floor{[]string{"internal/state/...", "internal/plan", "internal/directory"}, downward}
)

// floors has a line for every package that is no plain system and no simulator of one.
var floors = map[string]floor{
	"cmd/syncd":    {[]string{"internal/..."}, "the program wires everything"},
	"cmd/licences": {nil, "what gathers licences asks the go command alone"},
	"bench":        {[]string{"internal/...", "bench/replay"}, "measurements stand outside, as the program does"},
	"bench/model":  {nil, "the model of what may be billed shares no code with the program"},
	"bench/replay": {[]string{"internal/...", "bench/model"}, "measurements stand outside, as the program does"},

	"internal/app":                   {[]string{"systems", "internal/backup", "internal/support", "internal/cipp/tenants", "internal/web", "internal/web/control", "internal/web/signin", "internal/report", "internal/dataset", "internal/sync", "internal/sync/schedule", "internal/target", "internal/state", "internal/config", "internal/notify", "internal/notify/channel", "internal/notify/delivery", "internal/money", "internal/mapping", "internal/plan", "internal/directory", "internal/rest", "internal/secret", "internal/visible"}, "what syncd is when it runs; it opens no store, types no command and prints nothing"},
	"internal/web":                   {[]string{"internal/web/control", "internal/web/signin", "internal/state", "internal/plan", "internal/secret", "internal/visible"}, "the server knows who reaches it, and no page"},
	"internal/web/control":           {[]string{"internal/visible"}, "the control socket carries command lines and knows none of them"},
	"internal/web/signin":            {[]string{"internal/state", "internal/plan", "internal/secret", "internal/visible"}, "it says who somebody is; what that person may do is internal/app's"},
	"internal/web/signin/signintest": {nil, "a provider stands outside, and knows what the specification knows"},
	"internal/web/pages":             {[]string{"internal/app", "internal/report", "internal/sync", "internal/state", "internal/money", "internal/mapping", "internal/plan", "internal/visible"}, "pages show and decide through internal/app, as commands do, and know no system"},
	"internal/web/pages/pagestest":   {[]string{"internal/..."}, "the pages over a whole make-believe world stand outside, as the program does"},
	"internal/web/pages/screenshots": {[]string{"internal/..."}, "pictures of the pages stand outside, as the program does"},
	"internal/report":                {[]string{"internal/visible", "internal/sync", "internal/target", "internal/state", "internal/money", "internal/mapping", "internal/plan", "internal/directory"}, downward},
	"internal/sync":                  {[]string{"internal/target", "internal/state", "internal/money", "internal/mapping", "internal/plan", "internal/directory", "internal/rest"}, downward + "; the engine knows no system by name"},
	"internal/sync/schedule":         {nil, "a schedule knows times and names, not what runs"},

	"internal/target":            {[]string{"internal/money", "internal/mapping", "internal/plan", "internal/directory"}, downward},
	"internal/target/targettest": {[]string{"internal/target", "internal/sync", "internal/state", "internal/state/boltstate", "internal/mapping", "internal/plan", "internal/directory", "internal/rest"}, "the suite of targets drives the engine and knows no system"},

	"internal/cipp":                   {append([]string{"internal/cipp/endpoint"}, system.may...), independent},
	"internal/cipp/endpoint":          {nil, "the map of CIPP's endpoints is a table"},
	"internal/cipp/endpoint/generate": {[]string{"internal/cipp/endpoint"}, "what is generated from the map knows the map"},
	"internal/cipp/admin":             {append([]string{"internal/cipp", "internal/cipp/endpoint"}, system.may...), independent},
	"internal/cipp/playbook":          {append([]string{"internal/cipp", "internal/cipp/admin", "internal/cipp/endpoint"}, system.may...), independent},
	"internal/cipp/tenants":           {append([]string{"internal/cipp", "internal/cipp/admin", "internal/cipp/endpoint"}, system.may...), independent},
	"internal/scim":                   {append([]string{"internal/scim/attribute"}, system.may...), independent},
	"internal/scim/attribute":         {[]string{"internal/directory", "internal/visible"}, "expressions are about accounts and nothing else"},
	"internal/scim/thirdparty":        {nil, "other people's servers know nothing of ours"},

	"internal/support":         {nil, "an archive knows names and files, and nobody's state"},
	"internal/backup":          {[]string{"internal/state", "internal/state/boltstate"}, "a backup knows the state and nothing of what is in it"},
	"internal/state":           {[]string{"internal/plan", "internal/directory"}, downward},
	"internal/state/boltstate": store, "internal/state/pgstate": store, "internal/state/statetest": store,

	"internal/notify":            {[]string{"internal/visible"}, "what is said follows from what is true and what was told"},
	"internal/notify/channel":    {[]string{"internal/notify", "internal/rest", "internal/secret", "internal/visible"}, "a channel knows messages, and not what they are about"},
	"internal/notify/delivery":   {[]string{"internal/notify", "internal/notify/channel"}, "what is sent again, and when, is the same whatever it says"},
	"internal/notify/notifytest": {nil, "where messages arrive nothing of ours is known"},

	"internal/money":     {[]string{"internal/mapping", "internal/plan", "internal/directory"}, downward},
	"internal/mapping":   {[]string{"internal/directory"}, downward},
	"internal/plan":      {[]string{"internal/directory"}, downward},
	"internal/directory": {nil, "what a tenant holds is the ground floor"},

	"internal/dataset":              {nil, "tables are written without knowing what is in them"},
	"internal/dataset/postgrestest": {nil, "a database for tests knows nothing of ours"},
	"internal/rest":                 {[]string{"internal/secret", "internal/visible"}, "the way out of the program serves every system and knows none"},
	"internal/tracing":              {nil, "where spans go is nobody else's concern"},
	"internal/secret":               {nil, "a secret knows nobody"},
	"internal/visible":              {nil, "what is hidden in a text is seen without knowing whose it is"},
	"internal/config":               {nil, "it knows no setting by name"},

	"internal/simulator/msp":     {[]string{"internal/simulator/..."}, outside},
	"internal/simulator/serving": {nil, outside},
	"internal/simulator/cipp":    simulator, "internal/simulator/connectwise": simulator, "internal/simulator/itglue": simulator, "internal/simulator/scim": simulator,
}

// pure packages decide: what they say follows from what they are given.
var pure = []string{"internal/money", "internal/plan", "internal/directory", "internal/scim/attribute", "internal/notify"}

// forbidden is what a pure package may not import, with all below it.
var forbidden = []string{"os", "net", "log", "syscall", "os/exec", "math/rand", "math/rand/v2", "crypto/rand", "database/sql", "github.com/rs/zerolog", "github.com/prometheus", "go.etcd.io"}

// clock is what of package time a pure package may not call.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// A listed package is what go list says of it.
type listed struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	ours := map[string]listed{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if path, ok := strings.CutPrefix(p.ImportPath, "syncd/"); ok && len(p.GoFiles) > 0 {
			ours[path] = p
		}
	}
	if len(ours) < 10 {
		t.Fatalf("got %d packages of ours, want more: the test reads something else", len(ours))
	}
	return ours
}

// floorOf is the rule for a package. What has a simulator of its name is a system.
func floorOf(path string) (floor, bool) {
	if rule, ok := floors[path]; ok {
		return rule, true
	}
	switch folder, name := filepath.Split(path); folder {
	case "internal/":
		if _, err := os.Stat(filepath.Join("simulator", name)); err == nil {
			return system, true
		}
	case "internal/simulator/":
		return simulator, true
	}
	return floor{}, false
}

// allows reports whether a rule's list holds a path.
func allows(list []string, path string) bool {
	return slices.ContainsFunc(list, func(rule string) bool {
		if rule == "systems" {
			_, err := os.Stat(filepath.Join("simulator", strings.TrimPrefix(path, "internal/")))
			return err == nil && strings.Count(path, "/") == 1
		}
		root, tree := strings.CutSuffix(rule, "/...")
		return path == root || tree && strings.HasPrefix(path, root+"/")
	})
}

// violations are the edges that a package has and may not have.
func violations(path string, p listed) []string {
	rule, ok := floorOf(path)
	if !ok {
		return []string{path + " has no floor: give it a line in the table of internal/imports_test.go"}
	}
	var found []string
	for _, imported := range p.Imports {
		if to, ok := strings.CutPrefix(imported, "syncd/"); ok && !allows(rule.may, to) {
			found = append(found, path+" -> "+to+": "+rule.why)
		}
		if slices.Contains(pure, path) && slices.ContainsFunc(forbidden, func(f string) bool {
			return imported == f || strings.HasPrefix(imported, f+"/") && imported != "net/url"
		}) {
			found = append(found, path+" -> "+imported+": it does no I/O, keeps no clock and logs nothing; hand in what it needs")
		}
	}
	return found
}

func TestImportsGoDownOnly(t *testing.T) {
	for path, p := range packages(t) {
		for _, v := range violations(path, p) {
			t.Error(v)
		}
	}
}

func TestWhatDecidesHasNoClock(t *testing.T) {
	ours := packages(t)
	for _, path := range pure {
		for _, name := range ours[path].GoFiles {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(ours[path].Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, s.Sel.Name) {
						t.Errorf("%s: time.%s: %s keeps no clock; take now time.Time as an argument", set.Position(s.Pos()), s.Sel.Name, path)
					}
				}
				return true
			})
		}
	}
}

// What a target remembers for itself is opaque to everybody else.
func TestOnlyTargetsReadWhatTheyRemember(t *testing.T) {
	targets := []string{"internal/connectwise", "internal/itglue", "internal/scim", "internal/cipp/tenants", "internal/plan"}
	found := 0
	for path, p := range packages(t) {
		for _, name := range p.GoFiles {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch s, ok := n.(*ast.SelectorExpr); {
				case !ok || s.Sel.Name != "Private":
				case slices.Contains(targets, path):
					found++
				default:
					t.Errorf("%s: %s reads what a target remembers for itself; give people a fact, or the type of everybody a field", set.Position(s.Pos()), path)
				}
				return true
			})
		}
	}
	if found == 0 {
		t.Error("nobody remembers anything: is it called Private still?")
	}
}

func TestABrokenFloorIsSeenAndNamed(t *testing.T) {
	for _, c := range []struct{ path, imports, want string }{
		{"internal/cipp", "syncd/internal/sync", "internal/cipp -> internal/sync: " + independent},
		{"internal/connectwise", "syncd/internal/cipp", "internal/connectwise -> internal/cipp: " + independent},
		{"internal/directory", "syncd/internal/plan", "internal/directory -> internal/plan: what a tenant holds is the ground floor"},
		{"internal/plan", "net/http", "internal/plan -> net/http: it does no I/O, keeps no clock and logs nothing; hand in what it needs"},
		{"internal/plan", "github.com/rs/zerolog", "internal/plan -> github.com/rs/zerolog: it does no I/O, keeps no clock and logs nothing; hand in what it needs"},
		{"internal/simulator/cipp", "syncd/internal/cipp", "internal/simulator/cipp -> internal/cipp: " + outside},
		{"internal/secret", "syncd/cmd/syncd", "internal/secret -> cmd/syncd: a secret knows nobody"},
		{"internal/app", "syncd/internal/simulator/cipp", "internal/app -> internal/simulator/cipp: " + floors["internal/app"].why},
		{"internal/app", "syncd/internal/itglue", ""},
		{"internal/util", "fmt", "internal/util has no floor: give it a line in the table of internal/imports_test.go"},
		{"internal/mapping", "net/url", ""},
		{"cmd/syncd", "syncd/internal/simulator/cipp", ""},
		{"internal/state/boltstate", "syncd/internal/state", ""},
	} {
		got := strings.Join(violations(c.path, listed{Imports: []string{c.imports}}), "\n")
		if got != c.want {
			t.Errorf("%s importing %s: got %q, want %q", c.path, c.imports, got, c.want)
		}
	}
}
