package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"syncd/internal/cipp/endpoint"
)

const docs = "../../../../docs"

func TestTheDocumentsAreWhatTheMapMakesOfThem(t *testing.T) {
	files, err := generate(docs)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not current: go generate ./internal/cipp/endpoint", name)
		}
	}
	// Made again from what was made: nothing moves.
	if again, err := fill(files[guideFile]); err != nil || !bytes.Equal(again, files[guideFile]) {
		t.Errorf("filling the guide twice makes another guide (%v)", err)
	}
}

func TestTheReferenceNamesEveryEndpointOnce(t *testing.T) {
	text := string(reference(endpoint.All()))
	for _, e := range endpoint.All() {
		if n := strings.Count(text, "\n| "+e.Name+" | "); n != 1 {
			t.Errorf("%s: got %d rows, want 1", e.Name, n)
		}
	}
}

func TestOpenAPIParsesAndHasEveryEndpoint(t *testing.T) {
	raw, err := document(openapi(endpoint.All()))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI    string                               `json:"openapi"`
		Info       struct{ Title, Version string }      `json:"info"`
		Tags       []struct{ Name string }              `json:"tags"`
		Paths      map[string]map[string]operationBlock `json:"paths"`
		Components map[string]map[string]any            `json:"components"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Title == "" || doc.Info.Version != endpoint.Version {
		t.Errorf("got %s %+v", doc.OpenAPI, doc.Info)
	}
	if len(doc.Paths) != len(endpoint.All()) {
		t.Errorf("got %d paths, want %d", len(doc.Paths), len(endpoint.All()))
	}
	ids := map[string]bool{}
	for _, e := range endpoint.All() {
		for _, method := range e.Methods {
			op, ok := doc.Paths[e.Path()][strings.ToLower(method)]
			switch {
			case !ok:
				t.Errorf("%s %s is not there", method, e.Path())
				continue
			case ids[op.ID]:
				t.Errorf("the id %s is used twice", op.ID)
			case op.Responses["200"] == nil || op.Summary == "":
				t.Errorf("%s lacks an answer or a summary", op.ID)
			case len(op.Tags) != 1 || !slices.ContainsFunc(doc.Tags, func(g struct{ Name string }) bool { return g.Name == op.Tags[0] }):
				t.Errorf("%s has the tags %v", op.ID, op.Tags)
			}
			ids[op.ID] = true
			if len(op.Parameters) != len(e.Query) {
				t.Errorf("%s: got %d parameters, want %d", op.ID, len(op.Parameters), len(e.Query))
			}
			if method == "GET" && op.Body != nil {
				t.Errorf("%s: a GET has a body", op.ID)
			}
			if method == "POST" && len(e.Body) > 0 && op.Body == nil {
				t.Errorf("%s: no body", op.ID)
			}
		}
	}
	// Every reference leads somewhere.
	var everything any
	if err := json.Unmarshal(raw, &everything); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if to, ok := v["$ref"].(string); ok {
				parts := strings.Split(strings.TrimPrefix(to, "#/components/"), "/")
				if len(parts) != 2 || doc.Components[parts[0]][parts[1]] == nil {
					t.Errorf("%s leads nowhere", to)
				}
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(everything)
}

type operationBlock struct {
	ID         string           `json:"operationId"`
	Summary    string           `json:"summary"`
	Tags       []string         `json:"tags"`
	Parameters []map[string]any `json:"parameters"`
	Body       map[string]any   `json:"requestBody"`
	Responses  map[string]any   `json:"responses"`
}

func TestTheCollectionHasEveryEndpointAndNoHarmfulBody(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join(docs, guideFile))
	if err != nil {
		t.Fatal(err)
	}
	c := collection(endpoint.All(), guide)
	seen := map[string]int{}
	for _, folder := range c.Item[2:] {
		for _, item := range folder.Item {
			e, err := endpoint.Find(item.Name)
			if err != nil {
				t.Error(err)
				continue
			}
			seen[e.Name]++
			if item.Request.Method != e.Method() || !strings.HasPrefix(item.Request.URL.Raw, "{{url}}"+e.Path()) {
				t.Errorf("%s: got %s %s", e.Name, item.Request.Method, item.Request.URL.Raw)
			}
			tenant, _ := e.TenantParameter()
			if e.NeedsTenant() && !strings.Contains(item.Request.URL.Raw, "{{tenant") && (item.Request.Body == nil || !strings.Contains(item.Request.Body.Raw, "{{tenant") && !strings.Contains(item.Request.Body.Raw, "{{edited_tenant_id}}")) {
				t.Errorf("%s needs a tenant and is sent without", e.Name)
			}
			if item.Request.Body == nil {
				continue
			}
			var body any
			if err := json.Unmarshal([]byte(item.Request.Body.Raw), &body); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
			if list, ok := body.([]any); ok {
				body = list[0]
			}
			// An empty member is an order to empty it.
			for name := range body.(map[string]any) {
				if name != tenant.Name && !slices.Contains(e.Needs(), name) {
					t.Errorf("%s: the body has %s", e.Name, name)
				}
			}
			full := body.(map[string]any)
			if e.Name == "ExecDisableUser" {
				full["Enable"] = "true" // a variable until somebody sets it
			}
			if e.Name == "ExecTenantGroup" {
				full["Action"] = "AddEdit"
			}
			if e.Name == "ExecEmailForward" {
				full["forwardOption"] = "disabled"
			}
			if err := e.Check(nil, full); err != nil && len(e.Needs()) > 0 {
				t.Errorf("sent as it is, it does harm: %v", err)
			}
		}
	}
	for _, e := range endpoint.All() {
		if seen[e.Name] != 1 {
			t.Errorf("%s: got %d requests, want 1", e.Name, seen[e.Name])
		}
	}
}

func TestWorkflowsAreFoldersOfStepsInTheirOrder(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join(docs, guideFile))
	if err != nil {
		t.Fatal(err)
	}
	all := workflows(guide)
	want := map[string]string{
		"Joiner":       "ListGraphRequest AddUser ListGraphRequest",
		"Leaver":       "ExecOffboardUser ListScheduledItems ListScheduledItems ListUsers",
		"Month end":    "ListTenants ListGraphBulkRequest",
		"New customer": "ListGDAPRoles ExecGDAPInvite ListGDAPRelationships ExecOnboardTenant ListTenantOnboarding ListTenants",
	}
	if len(all.Item) != len(want) {
		t.Errorf("got %d workflows, want %d", len(all.Item), len(want))
	}
	for _, folder := range all.Item {
		var steps []string
		for _, s := range folder.Item {
			steps = append(steps, s.Name)
			e, err := endpoint.Find(s.Name)
			if err != nil || s.Request.Method != e.Method() {
				t.Errorf("%s: %s %s: %v", folder.Name, s.Request.Method, s.Name, err)
				continue
			}
			raw := s.Request.URL.Raw
			if b := s.Request.Body; b != nil {
				raw += b.Raw
				var body map[string]any
				if err := json.Unmarshal([]byte(b.Raw), &body); err != nil {
					t.Errorf("%s: %s: %v", folder.Name, s.Name, err)
				} else if err := e.Check(nil, body); err != nil {
					t.Errorf("%s: %v", folder.Name, err)
				}
			}
			if e.NeedsTenant() && !strings.Contains(raw, "{{tenant") || strings.Contains(raw, "fabrikam") {
				t.Errorf("%s: %s names another tenant, or none: %s", folder.Name, s.Name, raw)
			}
		}
		if got := strings.Join(steps, " "); got != want[folder.Name] {
			t.Errorf("%s: got %s, want %s", folder.Name, got, want[folder.Name])
		}
	}
}

func TestTitlesReadLikeWords(t *testing.T) {
	for name, want := range map[string]string{
		"ListUsers": "List users", "ExecResetPass": "Run reset pass", "ListMFAUsers": "List MFA users", "ExecPerUserMFA": "Run per user MFA",
		"listStandardTemplates": "List standard templates", "DomainAnalyser_List": "Domain analyser list", "ListmailboxPermissions": "Listmailbox permissions",
		"PublicPing": "Public: ping", "ExecCSPLicense": "Run CSP license",
	} {
		if got := title(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestATableThatChoosesNothingIsAnError(t *testing.T) {
	for _, spec := range []string{"category=Nowhere", "name=xqzw", "ListUser"} {
		if _, err := fill([]byte("<!-- endpoints " + spec + " -->\n<!-- end -->")); err == nil {
			t.Errorf("%s: got no error", spec)
		}
	}
	got, err := fill([]byte("a\n<!-- endpoints ListUsers name=ListMFAUsers ListUsers -->\nold\n<!-- end -->\nb\n"))
	if err != nil || strings.Count(string(got), "| ListUsers |") != 1 || strings.Contains(string(got), "old") || !strings.HasSuffix(string(got), "<!-- end -->\nb\n") {
		t.Errorf("got %s, %v", got, err)
	}
}
