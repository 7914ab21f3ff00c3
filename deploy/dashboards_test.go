package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A dashboard is what the checks read of one.
type dashboard struct {
	UID         string `json:"uid"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Refresh     string `json:"refresh"`
	Templating  struct {
		List []struct {
			Name       string      `json:"name"`
			Type       string      `json:"type"`
			Query      any         `json:"query"`
			Definition string      `json:"definition"`
			Datasource *datasource `json:"datasource"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Datasource  *datasource `json:"datasource"`
	GridPos     rectangle   `json:"gridPos"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []struct {
		RefID      string      `json:"refId"`
		Expr       string      `json:"expr"`
		Legend     string      `json:"legendFormat"`
		Datasource *datasource `json:"datasource"`
	} `json:"targets"`
}

type rectangle struct{ X, Y, W, H int }

func (r rectangle) overlaps(o rectangle) bool {
	return r.X < o.X+o.W && o.X < r.X+r.W && r.Y < o.Y+o.H && o.Y < r.Y+r.H
}

// units are those of Grafana that the dashboards use.
var units = []string{"none", "short", "s", "bytes", "reqps", "percentunit", "locale"}

// macros are what Grafana puts into an expression before Prometheus sees it.
var macros = strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "1d")

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	paths, err := filepath.Glob("grafana/*.json")
	if err != nil || len(paths) != 3 {
		t.Fatalf("got dashboards %v, %v, want three", paths, err)
	}
	all := map[string]dashboard{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[path] = d
	}
	return all
}

func TestDashboardsAskOnlyForWhatSyncdExports(t *testing.T) {
	known := exported(t)
	for path, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				problems, used := wrong(macros.Replace(q.Expr), known)
				for _, problem := range problems {
					t.Errorf("%s: %s: %s", path, p.Title, problem)
				}
				if len(used) == 0 {
					t.Errorf("%s: %s asks for nothing: %s", path, p.Title, q.Expr)
				}
			}
		}
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			name, label, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"), ", ")
			if m, exported := known[name]; !ok || !exported || label != "instance" && !slices.Contains(m.labels, label) {
				t.Errorf("%s: the variable %s asks for %s, which nothing answers", path, v.Name, v.Definition)
			}
		}
	}
}

func TestDashboardsAreSound(t *testing.T) {
	uids := map[string]string{}
	for path, d := range dashboards(t) {
		fail := func(format string, args ...any) { t.Helper(); t.Errorf(path+": "+format, args...) }
		if was := uids[d.UID]; d.UID == "" || was != "" {
			fail("uid %q is empty or that of %s too", d.UID, was)
		}
		uids[d.UID] = path
		if d.Title == "" || d.Description == "" {
			fail("it says neither what it is nor what for")
		}
		sources, named := 0, map[string]bool{}
		for _, v := range d.Templating.List {
			if named[v.Name] {
				fail("two variables are called %s", v.Name)
			}
			if named[v.Name] = true; v.Type == "datasource" {
				if sources++; v.Name != "datasource" || v.Query != "prometheus" {
					fail("the datasource variable is %s of %v", v.Name, v.Query)
				}
			} else if !ours(v.Datasource) {
				fail("the variable %s has a datasource of its own", v.Name)
			}
		}
		if sources != 1 {
			fail("%d datasource variables, want one", sources)
		}
		ids := map[int]string{}
		for i, p := range d.Panels {
			if was, twice := ids[p.ID]; p.ID <= 0 || twice {
				fail("%s: id %d is that of %q too", p.Title, p.ID, was)
			}
			ids[p.ID] = p.Title
			if g := p.GridPos; g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
				fail("%s: does not fit on the grid: %+v", p.Title, g)
			}
			for _, o := range d.Panels[:i] {
				if p.GridPos.overlaps(o.GridPos) {
					fail("%s lies over %s", p.Title, o.Title)
				}
			}
			if p.Title == "" {
				fail("panel %d has no title", p.ID)
			}
			if p.Type == "row" {
				continue
			}
			if u := p.FieldConfig.Defaults.Unit; !slices.Contains(units, u) {
				fail("%s: unit %q is not one of %v", p.Title, u, units)
			}
			if !ours(p.Datasource) || len(p.Targets) == 0 {
				fail("%s: asks nobody, or somebody else than the chosen datasource", p.Title)
			}
			refs := map[string]bool{}
			for _, q := range p.Targets {
				if refs[q.RefID] || q.RefID == "" || q.Legend == "" || !ours(q.Datasource) {
					fail("%s: query %q has a name twice, no legend, or another datasource", p.Title, q.RefID)
				}
				refs[q.RefID] = true
				for _, v := range d.Templating.List {
					if v.Name == "instance" && !strings.Contains(q.Expr, "$instance") {
						fail("%s: does not keep to the chosen syncd", p.Title)
					}
				}
			}
		}
	}
}

func ours(d *datasource) bool { return d != nil && *d == datasource{"prometheus", "${datasource}"} }

func TestProvisioningIsRead(t *testing.T) {
	for path, key := range map[string]string{"grafana/provisioning/dashboards/syncd.yaml": "providers", "grafana/provisioning/datasources/prometheus.yaml": "datasources"} {
		var file map[string]any
		readYAML(t, path, &file)
		if list, ok := file[key].([]any); file["apiVersion"] != 1 || !ok || len(list) != 1 {
			t.Errorf("%s: got %v", path, file)
		}
	}
}
