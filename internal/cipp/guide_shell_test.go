package cipp

import (
	_ "embed"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// curl turns a line that calls CIPP with curl into a request as the guide writes
// them otherwise.
func curl(line string) (string, bool) {
	words := shellWords(line)
	if len(words) == 0 || words[0] != "curl" {
		return "", false
	}
	address, get, body := "", false, ""
	var data, headers []string
	for i := 1; i < len(words); i++ {
		switch w := words[i]; {
		case strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--"):
			get = get || strings.Contains(w, "G")
			switch w[len(w)-1] {
			case 'H':
				i++
				headers = append(headers, words[i])
			case 'd':
				i++
				body = words[i]
			}
		case w == "--data-urlencode":
			i++
			data = append(data, words[i])
		default:
			address = strings.Replace(w, "$CIPP", "", 1)
		}
	}
	method := "POST"
	if get || len(data) == 0 && body == "" {
		method = "GET"
		address += "?" + strings.Join(data, "&")
	}
	request := method + " " + address
	for _, h := range headers {
		request += "\n" + strings.Replace(h, "$TOKEN", "TOKEN", 1)
	}
	return request + "\n\n" + strings.ReplaceAll(body, `"…"`, `"99c1d2e3-f4a5-4b6c-8d7e-0f1a2b3c4d5e"`) + "\n", true
}

// shellWords parts a line as a shell does, as far as the guide goes.
func shellWords(line string) []string {
	var words []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2]+m[3])
	}
	return words
}

// moduleTable is what CIPPAPIModule 1.2.11 exports: each cmdlet, the endpoint that
// it calls, the verb, and its parameters (its source: public/**/*.ps1).
//
//go:embed testdata/cippapimodule.tsv
var moduleTable string

// Somebody without PowerShell wrote these lines: each cmdlet and parameter must
// exist, and go where the request below it says.
func TestEveryPowerShellLineOfTheGuideIsOneOfTheModule(t *testing.T) {
	type cmdlet struct {
		endpoint, method string
		parameters       []string
	}
	module := map[string]cmdlet{}
	for line := range strings.Lines(moduleTable) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		module[strings.ToLower(f[0])] = cmdlet{f[1], f[2], strings.Split(strings.ToLower(f[3]), ",")}
	}
	guide, err := os.ReadFile("../../docs/cipp-api.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := fence.FindAllStringSubmatch(string(guide), -1)
	called := 0
	for i, b := range blocks {
		if b[1] != "powershell" {
			continue
		}
		for line := range strings.Lines(b[2]) {
			line = regexp.MustCompile(`^\$\w+ = `).ReplaceAllString(line, "")
			words := strings.Fields(regexp.MustCompile(`@\{.*\}`).ReplaceAllString(line, "HASH"))
			if len(words) == 0 || !strings.Contains(words[0], "-CIPP") {
				continue
			}
			called++
			c, ok := module[strings.ToLower(words[0])]
			if !ok {
				t.Errorf("there is no cmdlet %s", words[0])
				continue
			}
			endpoint := c.endpoint
			for n, w := range words[1:] {
				name, is := strings.CutPrefix(w, "-")
				if !is {
					continue
				}
				if !slices.Contains(c.parameters, strings.ToLower(name)) {
					t.Errorf("%s has no parameter -%s", words[0], name)
				}
				if strings.EqualFold(name, "Endpoint") {
					endpoint = strings.TrimPrefix(words[n+2], "/api/")
				}
				if strings.EqualFold(name, "Method") {
					c.method = words[n+2]
				}
			}
			if endpoint == "" {
				continue // it calls nothing, or says nothing of it
			}
			if i+1 == len(blocks) || blocks[i+1][1] != "http" || !strings.HasPrefix(strings.ToLower(blocks[i+1][2]), strings.ToLower(c.method+" /api/"+endpoint)) {
				t.Errorf("%s calls %s %s: the request below it is another, or none", words[0], c.method, endpoint)
			}
		}
	}
	if called < 6 {
		t.Errorf("got %d lines of the module, want some", called)
	}
}
