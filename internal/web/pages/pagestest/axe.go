package pagestest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

// axe is axe-core 4.14.1 of the npm registry (axe.min.js), MPL-2.0, Copyright (c) 2015 - 2026 Deque Systems, Inc.
//
//go:embed axe.min.js
var axe string

// AxeSum is the SHA-256 of axe.min.js as it came.
const AxeSum = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"

// AxeColours are axe-core's rules about colours, of those that it goes by unasked.
var AxeColours = []string{"color-contrast", "link-in-text-block"}

// Axe returns what axe-core finds wrong with the page that is open, for people who do not see it
// or use no mouse: by all its rules, or by these.
func (b *Browser) Axe(rules ...string) ([]string, error) {
	options := `{resultTypes: ["violations"]}`
	if len(rules) > 0 {
		options = fmt.Sprintf(`{resultTypes: ["violations"], runOnly: {type: "rule", values: ["%s"]}}`, strings.Join(rules, `", "`))
	}
	run := `axe.run(document, ` + options + `).then((r) => JSON.stringify(r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html)}))))`
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](axe+";"+run, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, fmt.Errorf("axe: %w", err)
	}
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		return nil, fmt.Errorf("axe: %w", err)
	}
	var all []string
	for _, v := range violations {
		all = append(all, fmt.Sprintf("%s: %s: %s", v.ID, v.Help, strings.Join(v.Nodes[:min(3, len(v.Nodes))], " ")))
	}
	return all, nil
}
