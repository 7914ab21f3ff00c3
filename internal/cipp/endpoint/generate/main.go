// Command generate writes what is made of the map of CIPP's endpoints: the
// reference tables, the tables within the guide, a Postman collection and an
// OpenAPI file. go generate ./internal/cipp/endpoint runs it.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"syncd/internal/cipp/endpoint"
)

// The files, below the folder of documents.
const (
	referenceFile = "cipp-endpoints.md"
	guideFile     = "cipp-api.md"
	postmanFile   = "cipp.postman_collection.json"
	openapiFile   = "cipp.openapi.json"
)

func main() {
	docs := flag.String("docs", "../../../docs", "folder of the documents")
	flag.Parse()
	if err := run(*docs); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(docs string) error {
	files, err := generate(docs)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(docs, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the files as they should be. Of the guide it reads what
// people wrote, and fills in the tables.
func generate(docs string) (map[string][]byte, error) {
	guide, err := os.ReadFile(filepath.Join(docs, guideFile))
	if err != nil {
		return nil, fmt.Errorf("the guide, whose tables are filled in: %w", err)
	}
	all := endpoint.All()
	files := map[string][]byte{referenceFile: reference(all)}
	if files[guideFile], err = fill(guide); err != nil {
		return nil, fmt.Errorf("%s: %w", guideFile, err)
	}
	if files[postmanFile], err = document(collection(all, guide)); err != nil {
		return nil, err
	}
	if files[openapiFile], err = document(openapi(all)); err != nil {
		return nil, err
	}
	return files, nil
}

// document is v as JSON that a person can read and compare.
func document(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// title is the name of an endpoint as words: "List user MFA" for ListUserMFA.
func title(name string) string {
	var words []string
	runes := []rune(strings.ReplaceAll(name, "_", " "))
	start := 0
	for i := 1; i <= len(runes); i++ {
		if i < len(runes) {
			lowerToUpper := unicode.IsLower(runes[i-1]) && !unicode.IsLower(runes[i])
			upperToWord := i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsUpper(runes[i]) && unicode.IsLower(runes[i+1])
			if !lowerToUpper && !upperToWord {
				continue
			}
		}
		words = append(words, strings.TrimSpace(string(runes[start:i])))
		start = i
	}
	verbs := map[string]string{"Exec": "Run", "Public": "Public:"}
	for i, w := range words {
		if i == 0 {
			if v, ok := verbs[w]; ok {
				words[i] = v
			} else {
				words[i] = strings.ToUpper(w[:1]) + w[1:]
			}
			continue
		}
		if strings.ToUpper(w) != w {
			words[i] = strings.ToLower(w)
		}
	}
	return strings.Join(words, " ")
}

// does is what kind of endpoint it is, in a word.
func does(e endpoint.Endpoint) string {
	if e.Writes() {
		return "writes"
	}
	return "reads"
}

// whom says how the tenant is named.
func whom(e endpoint.Endpoint) string {
	p, takes := e.TenantParameter()
	if !takes {
		return ""
	}
	s := fmt.Sprintf("`%s` in the %s", p.Name, p.In)
	switch p.Form {
	case endpoint.ID:
		s += ", by id"
	case endpoint.Picked:
		s += ", as a list"
	}
	if !e.NeedsTenant() {
		s += ", optional"
	}
	if e.TakesAllTenants() {
		s += "; `AllTenants` may be asked"
	}
	return s
}

// notes is what a caller should know besides.
func notes(e endpoint.Endpoint) string {
	var all []string
	if w := e.Warning(); w != "" {
		all = append(all, w)
	}
	if e.Since != "" {
		all = append(all, "newer than "+endpoint.Version+" (first seen: "+e.Since+")")
	}
	if e.ReturnsSecrets() {
		all = append(all, "the answer can hold a secret")
	}
	if e.TakesList() {
		all = append(all, "the body is a list")
	}
	return strings.Join(all, "; ")
}
