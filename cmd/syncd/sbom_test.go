package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The program as it is built says what it is made of: all of it, once, as CycloneDX's own schema
// wants it.
func TestTheBillOfMaterialsIsValidAndComplete(t *testing.T) {
	program := filepath.Join(t.TempDir(), "syncd")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	printed, err := exec.CommandContext(t.Context(), program, "version", "--sbom").Output()
	if err != nil {
		t.Fatal(err)
	}
	again, err := exec.CommandContext(t.Context(), program, "version", "--sbom").Output()
	if err != nil || !bytes.Equal(printed, again) {
		t.Errorf("one program writes two documents, %v", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	if err := cycloneDX(t).Validate(doc); err != nil {
		t.Errorf("CycloneDX's schema refuses it: %v", err)
	}
	var bom struct {
		Components []struct{ Name, Version, Purl string }
	}
	if err := json.Unmarshal(printed, &bom); err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, c := range bom.Components {
		if has[c.Name] || c.Version == "" || !strings.HasPrefix(c.Purl, "pkg:golang/") {
			t.Errorf("got %+v, want each module once, with its version", c)
		}
		has[c.Name] = true
	}
	// go list says what is linked.
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := 0
	for _, path := range strings.Fields(string(list)) {
		if modules++; !has[path] {
			t.Errorf("%s is linked, and is not in it", path)
		}
	}
	if modules == 0 || !has["std"] {
		t.Errorf("got %d packages of modules, and the standard library: %t", modules, has["std"])
	}
}

// cycloneDX is the schema, which stands beside the library that writes it.
func cycloneDX(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(beside{filepath.Join(strings.TrimSpace(string(dir)), "schema")})
	s, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// beside finds schemas by the last part of their addresses in a folder.
type beside struct{ dir string }

func (b beside) Load(address string) (any, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(b.dir, filepath.Base(u.Path))
	if _, err := os.Stat(path); err != nil { // one of them is called otherwise there
		path = strings.TrimSuffix(path, ".schema.json") + ".schemax.json"
	}
	return jsonschema.FileLoader{}.Load("file://" + path)
}
