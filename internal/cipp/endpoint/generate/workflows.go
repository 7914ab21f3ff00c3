package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"syncd/internal/cipp/endpoint"
)

// Workflows of the guide stand between two markers; their requests, in their
// order, are the steps. They are the samples that the guide's own test sends.
var (
	workflow = regexp.MustCompile(`(?ms)^<!-- workflow ([^\n]+) -->\n(.*?)^<!-- end workflow -->$`)
	step     = regexp.MustCompile("(?ms)^```http\\n(.*?)^```$")
	pause    = regexp.MustCompile(`(?m)^<!-- (\d+) minutes later -->$`)
)

// workflows are a folder of the collection with a folder for each workflow, each
// a list of steps to be sent one after the other.
func workflows(guide []byte) postmanItem {
	all := postmanItem{Name: "Workflows"}
	for _, w := range workflow.FindAllSubmatch(guide, -1) {
		folder, from := postmanItem{Name: string(w[1])}, 0
		for _, at := range step.FindAllSubmatchIndex(w[2], -1) {
			r := stepOf(string(w[2][at[2]:at[3]]))
			if m := pause.FindSubmatch(w[2][from:at[0]]); m != nil {
				r.Request.Description += "\nWait " + string(m[1]) + " minutes before it, or send it again until it is so."
			}
			folder.Item, from = append(folder.Item, r), at[1]
		}
		all.Item = append(all.Item, folder)
	}
	return all
}

// stepOf turns a request of the guide into one of the collection, which names
// the tenant by its variables.
func stepOf(text string) postmanItem {
	head, body, _ := strings.Cut(strings.TrimSpace(text), "\n\n")
	method, target, _ := strings.Cut(strings.ReplaceAll(head, "\n", ""), " ")
	path, query, _ := strings.Cut(target, "?")
	name := strings.TrimPrefix(path, "/api/")
	r := &postmanRequest{Method: method, URL: postmanURL{Raw: "{{url}}" + path, Host: []string{"{{url}}"}, Path: []string{"api", name}}}
	if e, err := endpoint.Find(name); err == nil {
		r.Description = describe(e)
	}
	var raw []string
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			value = variables(value)
			r.URL.Query = append(r.URL.Query, postmanVariable{Key: key, Value: value})
			raw = append(raw, key+"="+strings.ReplaceAll(url.QueryEscape(value), "%7B%7Btenant%7D%7D", "{{tenant}}"))
		}
	}
	if len(raw) > 0 {
		r.URL.Raw += "?" + strings.Join(raw, "&")
	}
	if method == http.MethodPost && body != "" {
		r.Header = []postmanVariable{{Key: "Content-Type", Value: "application/json"}}
		r.Body = &postmanBody{Mode: "raw", Raw: variables(body), Options: map[string]any{"raw": map[string]any{"language": "json"}}}
	}
	return postmanItem{Name: name, Request: r}
}

// variables puts the collection's variables in the place of the guide's tenant,
// and unset ones in the place of ids that an earlier step tells.
func variables(s string) string {
	return strings.NewReplacer("7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11", "{{tenant_id}}", "fabrikamdental.example", "{{tenant}}",
		`"GROUP"`, `"{{group_id}}"`, `"RELATIONSHIP"`, `"{{relationship_id}}"`).Replace(s)
}
