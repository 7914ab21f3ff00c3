package pages_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"syncd/internal/app"
	"syncd/internal/state"
	"syncd/internal/web/pages"
	"syncd/internal/web/pages/pagestest"
)

const openapiPath = "../../../docs/openapi-syncd.yaml"

// An operation is what the description says of a method and a path.
type operation struct {
	Summary   string         `yaml:"summary"`
	Role      string         `yaml:"x-role"`
	Body      any            `yaml:"requestBody"`
	Responses map[string]any `yaml:"responses"`
}

// description reads docs/openapi-syncd.yaml, as operations and as it is.
func description(t *testing.T) (paths map[string]map[string]operation, whole any) {
	t.Helper()
	text, err := os.ReadFile(openapiPath)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths map[string]map[string]operation
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	return d.Paths, whole
}

// Every route is described with its role and what it may answer, and nothing else is.
func TestTheDescriptionHasEveryRoute(t *testing.T) {
	paths, _ := description(t)
	described := map[string]bool{}
	for path, operations := range paths {
		for method := range operations {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range pages.Routes() {
		method, path, role := r[0], strings.ReplaceAll(r[1], "{$}", ""), r[2]
		o, ok := paths[path][strings.ToLower(method)]
		if !ok {
			t.Errorf("%s %s is not described in %s", method, path, openapiPath)
			continue
		}
		delete(described, method+" "+path)
		wanted := []string{"200", "401", "403"}
		if method == http.MethodPost {
			wanted = append(wanted, "303", "400", "413", "415", "422")
		}
		if o.Role != role || o.Summary == "" {
			t.Errorf("%s %s needs the role %s; described is %q, %q", method, path, role, o.Role, o.Summary)
		}
		for _, status := range wanted {
			if o.Responses[status] == nil {
				t.Errorf("%s %s: %s is not described", method, path, status)
			}
		}
	}
	for left := range described {
		t.Errorf("%s is described, and there is no such route", left)
	}
}

// A checker asks the pages as a program does, and holds the answers against the description.
type checker struct {
	*testing.T
	paths    map[string]map[string]operation
	compiler *jsonschema.Compiler
	handler  http.Handler
}

// ask asks a route with its parameters filled in, and wants an answer as described, with a status.
func (c *checker) ask(method, route, path, body string, want int) {
	c.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:9464"+path, strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	if w.Code != want {
		c.Errorf("%s %s: got %d, want %d: %s", method, path, w.Code, want, w.Body)
		return
	}
	o := c.paths[route][strings.ToLower(method)]
	answer, ok := o.Responses[fmt.Sprint(w.Code)].(map[string]any)
	if !ok {
		c.Errorf("%s %s: %d is not described", method, route, w.Code)
		return
	}
	ref := "#/components/schemas/Error"
	if _, elsewhere := answer["$ref"]; !elsewhere {
		content, _ := answer["content"].(map[string]any)
		kind, _ := content["application/json"].(map[string]any)
		if kind == nil {
			if got := w.Header().Get("Content-Type"); content[strings.Split(got, ";")[0]] == nil {
				c.Errorf("%s: got %s, described are %v", path, got, slices.Collect(maps.Keys(content)))
			}
			return
		}
		schema, _ := kind["schema"].(map[string]any)
		ref, _ = schema["$ref"].(string)
	}
	compiled, err := c.compiler.Compile("openapi.json" + ref)
	if err != nil {
		c.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		c.Errorf("%s: %v: %s", path, err, w.Body)
		return
	}
	if err := compiled.Validate(document); err != nil {
		c.Errorf("%s %s: %v", method, path, err)
	}
}

// What programs get is as described.
func TestAnswersAreAsDescribed(t *testing.T) {
	w := pagestest.Begun(t)
	pagestest.Must(t, w.Settle(), w.Play("seats", "human-edit", "failing-tenant"))
	c := checker{T: t, compiler: jsonschema.NewCompiler(), handler: w.Handler(pagestest.Somebody("Dana Ortiz", app.RoleOperator))}
	var whole any
	c.paths, whole = description(t)
	if err := c.compiler.AddResource("openapi.json", whole); err != nil {
		t.Fatal(err)
	}
	holds, err := w.App.Holds(t.Context(), "", "connectwise")
	if err != nil || len(holds) < 3 {
		t.Fatal(err, len(holds))
	}
	runs, _, err := w.App.Runs(t.Context(), 1, 1)
	if err != nil || len(runs) != 1 {
		t.Fatal(err)
	}
	token, _, err := w.App.CreateToken(t.Context(), app.Operator{Name: "Dana Ortiz"}, "n8n", "viewer", 90)
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{key}", holds[0].Scope.Customer, "{product}", billed(t, w, holds[0].Scope.Customer), "{month}", w.App.Now().UTC().Format("2006-01"), "{run}", runs[0].ID, "{digest}", holds[0].Digest)
	for path, operations := range c.paths {
		if _, ok := operations["get"]; ok && path != "/months" { // which leads on to the month
			asked := fill.Replace(path)
			switch path {
			case "/holds/review":
				asked += "?digest=" + holds[0].Digest
			case "/products/plans/{plan}", "/products/plans/{plan}/progress":
				continue // there is no draft
			case "/map/choose":
				asked += "?column=connectwise_company&customer=" + holds[0].Scope.Customer
			case "/report/sheet":
				asked += "?format=csv"
			}
			c.ask("GET", path, asked, "", http.StatusOK)
		}
	}
	r := httptest.NewRequest("GET", fill.Replace("http://127.0.0.1:9464/customers/{key}/explain/{product}"), nil)
	r.Header.Set("Accept", "application/json")
	now := httptest.NewRecorder()
	c.handler.ServeHTTP(now, r)
	var x struct {
		Month                  *string
		Licences, Rules, Lines []any
	}
	if err := json.Unmarshal(now.Body.Bytes(), &x); err != nil || x.Month != nil || len(x.Licences) == 0 || len(x.Rules) == 0 || len(x.Lines) == 0 {
		t.Errorf("without a month it is not the present state: %v, %s", err, now.Body)
	}
	c.ask("GET", "/customers/{key}", "/customers/nobody", "", http.StatusNotFound)
	c.ask("GET", "/runs/{run}", "/runs/none", "", http.StatusNotFound)
	for _, x := range []struct {
		route, path, body string
		want              int
	}{
		{"/holds/{digest}/approve", "/holds/ffffffffffff/approve", `{"reason":"x"}`, http.StatusNotFound},
		{"/holds/{digest}/reject", "/holds/" + holds[0].Digest + "/reject", `{}`, http.StatusUnprocessableEntity},
		{"/holds/{digest}/reject", "/holds/" + holds[0].Digest + "/reject", `{"reason":"not now"}`, http.StatusOK},
		{"/holds/{digest}/approve", "/holds/" + holds[1].Digest + "/approve", `{`, http.StatusBadRequest},
		{"/holds/{digest}/approve", "/holds/" + holds[1].Digest + "/approve", `{"reason":"seen"}`, http.StatusOK},
		{"/holds/{digest}/approve", "/holds/" + holds[1].Digest + "/approve", `{"reason":"seen"}`, http.StatusOK},
		{"/holds/approve", "/holds/approve", `{"digest":["` + holds[2].Digest + `"]}`, http.StatusOK},
		{"/runs/{run}/revert", "/runs/" + runs[0].ID + "/revert", `{"reason":"a trial"}`, http.StatusOK},
		{"/months/{month}/close", fill.Replace("/months/{month}/close"), `{}`, http.StatusUnprocessableEntity},
		{"/system/tokens/{id}/revoke", "/system/tokens/" + token.ID + "/revoke", ``, http.StatusOK},
		{"/system/tokens/{id}/revoke", "/system/tokens/" + token.ID + "/revoke", ``, http.StatusUnprocessableEntity},
		{"/system/sessions/{id}/end", "/system/sessions/000000000000/end", ``, http.StatusUnprocessableEntity},
	} {
		c.ask("POST", x.route, x.path, x.body, x.want)
	}
}

// billed is a product of which the ledger knows something at a customer.
func billed(t *testing.T, w *pagestest.World, customer string) string {
	t.Helper()
	for s, err := range w.App.Store.Spans(t.Context(), state.SpanFilter{Customer: customer}) {
		if err != nil {
			t.Fatal(err)
		}
		return s.Product
	}
	t.Fatalf("the ledger knows nothing of %s", customer)
	return ""
}
