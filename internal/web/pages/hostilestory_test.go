package pages_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"syncd/internal/app"
	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/web/pages/pagestest"
)

// hostile are names as people with bad intent, or bad exports, give them.
var hostile = []string{
	`<script>window.ran = 1</script><img src=x onerror="window.ran = 1">`,
	`"'><svg onload=window.ran=1>{{.}}</td></table></main>`,
	"gnp.\u202eexe\u2066 first\r\nsecond\u2028third\tfourth\u200b",
	strings.Repeat("W", 10_000),
}

// Whatever tenants, licences, people, companies, agreements, products and organizations are
// called: no page runs it, and none becomes wider than the window, on a desk or on a phone.
func TestHostileNamesOnEveryPage(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle())
	w.MSP.CIPP.Update(func(x *cippsim.World) {
		for i, domain := range []string{"junipertravel.example", "fernhill.example", "elmsworth.example", "pennineprint.example"} {
			of, evil := x.Tenant(domain), hostile[i]
			of.DisplayName, of.MicrosoftName = evil, ""
			for j := range of.SKUs {
				of.SKUs[j].Name = evil
			}
			for j := range of.Users {
				of.Users[j].DisplayName, of.Users[j].GivenName, of.Users[j].Surname = evil, evil, evil
			}
		}
	})
	w.MSP.ConnectWise.Update(func(x *cwsim.World) {
		for i := range x.Companies {
			x.Companies[i].Name = hostile[i%len(hostile)]
		}
		for i := range x.Agreements {
			x.Agreements[i].Name = hostile[i%len(hostile)]
		}
		for i := range x.Products {
			x.Products[i].Description = hostile[i%len(hostile)]
		}
	})
	w.MSP.ITGlue.Update(func(x *itgluesim.World) {
		for i := range x.Organizations {
			x.Organizations[i].Name = hostile[i%len(hostile)]
		}
	})
	pagestest.Must(t, w.Play("seats", "human-edit", "failing-tenant"))
	home := w.Serve(pagestest.Somebody(hostile[0], app.RoleOperator))
	pagestest.Must(t, b.Open(home+"/map"), b.Click("form[action='/map/suggest'] button"), b.See(".said", ""))

	tenants, err := w.App.Tenants(t.Context())
	pagestest.Must(t, err)
	waiting := []string{"/", "/products?name=W", "/map?show=linked"}
	for _, x := range tenants {
		if x.DefaultDomain == "junipertravel.example" || x.DefaultDomain == "pennineprint.example" {
			at := "/customers/" + string(x.ID)
			waiting = append(waiting, at, at+"/history", "/map/choose?"+url.Values{"customer": {string(x.ID)}, "column": {"connectwise_company"}, "q": {"W"}}.Encode())
		}
	}
	seen := map[string]int{}
	for ; len(waiting) > 0; waiting = waiting[1:] {
		path := waiting[0]
		if seen[kindOf(path)]++; seen[kindOf(path)] > 2 {
			continue
		}
		kind, found := walk(t, home, path)
		for _, to := range found {
			if seen[kindOf(to)] < 2 {
				waiting = append(waiting, to)
			}
		}
		if kind != "text/html" {
			continue
		}
		pagestest.Must(t, b.Size(1180, 900), b.Open(home+path))
		for _, width := range []int64{1180, 390} {
			pagestest.Must(t, b.Size(width, 844))
			got, err := b.Evaluate(fmt.Sprintf(`document.querySelectorAll("details").forEach((d) => { d.open = true });
				"ran" in window ? "something ran" : document.documentElement.scrollWidth > %d ? "it is " + document.documentElement.scrollWidth + " wide: " +
				[...document.querySelectorAll("main *, header *")].filter((e) => e.getBoundingClientRect().right > %d && !e.closest(".table, .lines, pre, nav")).slice(-3).map((e) => e.outerHTML.slice(0, 160)).join(" | ") : ""`, width, width))
			if err != nil || got != "" {
				t.Errorf("%s at %d: %s, %v", path, width, got, err)
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("got %d kinds of pages, want all: %v", len(seen), seen)
	}
}

// kindOf is what pages of one template have alike in their address.
func kindOf(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	parts := strings.Split(u.Path, "/")
	for i := 2; i < len(parts); i += 2 {
		parts[i] = "*"
	}
	if len(parts) == 3 && (parts[1] == "map" || parts[1] == "report" || parts[1] == "products") {
		return u.Path
	}
	return strings.Join(parts, "/")
}
