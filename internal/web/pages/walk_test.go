package pages_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"syncd/internal/app"
	"syncd/internal/web/pages"
	"syncd/internal/web/pages/pagestest"
)

var links = regexp.MustCompile(`(?:href|src)="([^"]+)"`)

// Every link leads somewhere for everybody, and no page has anything that axe-core finds, in light and
// dark, with every part of it open. Each is there without scripts too.
func TestEveryLinkAndEveryPageForEverybody(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("seats", "human-edit", "failing-tenant"))
	if _, _, err := w.App.CreateToken(t.Context(), app.Operator{Name: "Olga Brandt"}, "n8n", "viewer", 90); err != nil {
		t.Fatal(err)
	}
	for _, role := range []app.Role{app.RoleViewer, app.RoleMapper, app.RoleApprover} {
		walkAll(t, w.Serve(pagestest.Somebody("Vera Lind", role)), 15)
	}
	home := w.Serve(pagestest.Somebody("Olga Brandt", app.RoleOperator))
	there := walkAll(t, home, 120)
	for _, path := range pages.Navigation() {
		if !slices.ContainsFunc(there, func(p string) bool { return shapeOf(p) == path || strings.HasPrefix(p, path+"/") }) {
			t.Errorf("no link leads to %s; got %v", path, there)
		}
	}
	for _, path := range there {
		pagestest.Must(t, b.Dark(false), b.Open(home+path))
		if _, err := b.Evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true }); ''"); err != nil {
			t.Fatal(err)
		}
		found, err := b.Axe()
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %v\n%s", path, err, strings.Join(found, "\n"))
		}
		pagestest.Must(t, b.Dark(true)) // the same page in other colours
		found, err = b.Axe(pagestest.AxeColours...)
		if err != nil || len(found) > 0 {
			t.Errorf("%s in dark: %v\n%s", path, err, strings.Join(found, "\n"))
		}
	}
	pagestest.Must(t, b.Scripts(false))
	for _, path := range there {
		pagestest.Must(t, b.Open(home+path), b.See("nav", "System"))
	}
}

// walkAll follows the links from the first page on, all of those to a new kind of page and at most so
// many others, and returns a page of each kind.
func walkAll(t *testing.T, home string, most int) (there []string) {
	t.Helper()
	seen, kinds := map[string]bool{}, map[string]bool{}
	for waiting := []string{"/"}; len(waiting) > 0; waiting = waiting[1:] {
		path := waiting[0]
		kind, found := walk(t, home, path)
		if shape := shapeOf(path); kind == "text/html" && !kinds[shape] {
			kinds[shape] = true
			there = append(there, path)
		}
		for _, to := range found {
			if shape := shapeOf(to); !seen[to] && (!kinds[shape] || len(seen) < most) {
				seen[to] = true
				waiting = append(waiting, to)
			}
		}
	}
	return there
}

// walk asks for a page, which must be there, and returns what it leads to within the program.
func walk(t *testing.T, home, path string) (kind string, to []string) {
	t.Helper()
	resp, err := http.Get(home + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a link leads to %s: %d", path, resp.StatusCode)
	}
	kind, _, _ = strings.Cut(resp.Header.Get("Content-Type"), ";")
	if kind != "text/html" || resp.Header.Get("Content-Disposition") != "" {
		return "a file", nil
	}
	for _, m := range links.FindAllStringSubmatch(string(body), -1) {
		if u, err := url.Parse(strings.ReplaceAll(m[1], "&amp;", "&")); err == nil && u.Host == "" && u.Path != "" {
			u.Fragment = ""
			to = append(to, u.String())
		}
	}
	return kind, to
}

// shapeOf is what pages of one kind have alike in their address.
func shapeOf(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	parts := strings.Split(u.Path, "/")
	if len(parts) > 2 {
		parts[2] = "*"
	}
	return strings.Join(parts, "/")
}
