package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/simulator/msp"
	"syncd/internal/support"
	"syncd/internal/sync"
)

// What goes with a bug report names nobody of the practice, wherever a name could come from:
// what is linked, what was written, what waits, what failed, and what a system said in the log.
func TestWhatGoesWithABugReportHasNoNamesAndNoSecrets(t *testing.T) {
	m := msp.New(time.Now, msp.WithIdentity(), msp.WithDocumentation())
	if err := m.Play("failing-tenant"); err != nil {
		t.Fatal(err)
	}
	d := practising(t, m)
	w := d.app
	w.LogTail = &support.Tail{}
	log := zerolog.New(w.Config.Redactor().Writer(w.LogTail)).With().Timestamp().Logger()
	for i := range w.Jobs {
		if i%2 == 0 {
			w.Jobs[i].Policy, w.Jobs[i].Limits.HoldFirst = "auto", false
		}
	}
	report, err := w.Engine.Run(t.Context(), sync.Selection{Jobs: w.Jobs, Trigger: "command"}, sync.Apply)
	if err != nil || len(report.Scopes) < 20 {
		t.Fatalf("%v, %d scopes", err, len(report.Scopes))
	}
	names := map[string]bool{}
	note := func(all ...string) {
		for _, name := range all {
			if len(name) > 3 {
				names[name] = true
			}
		}
	}
	cipp := m.CIPP.World()
	for i := range cipp.Tenants {
		tenant := cipp.Tenants[i]
		note(tenant.DisplayName, tenant.DefaultDomain, tenant.InitialDomain)
		if tenant.Excluded {
			continue // CIPP does not name it
		}
		log.Error().Str("customer", tenant.CustomerID).Str("error", "tenant "+tenant.DisplayName+" ("+tenant.DefaultDomain+") does not answer").Msg("scope failed")
		for _, domain := range tenant.Domains {
			note(domain.Name)
		}
		for _, u := range tenant.Users {
			note(u.UPN, u.Mail)
			log.Warn().Str("reason", u.UPN+" is no account").Msg("person left out")
			if strings.Contains(u.DisplayName, " ") {
				note(u.DisplayName)
			}
		}
	}
	for _, c := range m.ConnectWise.World().Companies {
		note(c.Website)
	}
	files, err := w.Support(t.Context(), w.Versions("1.2.3"), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 200 {
		t.Errorf("got %d names, want all of the practice", len(names))
	}
	o := m.CIPP.Options()
	secrets := []string{o.ClientSecret, msp.ITGlueKey, msp.CinodeToken, "practicepublic", "practiceprivate"}
	sizes := map[string]int{}
	for _, f := range files {
		text := strings.ToLower(string(f.Body))
		sizes[f.Name] = len(text)
		for name := range names {
			if strings.Contains(text, strings.ToLower(name)) {
				t.Errorf("%s has the name %q: %s", f.Name, name, around(text, strings.ToLower(name)))
			}
		}
		for _, s := range secrets {
			if strings.Contains(text, strings.ToLower(s)) {
				t.Errorf("%s has a secret", f.Name)
			}
		}
	}
	for _, name := range []string{"README.txt", "versions.json", "configuration.yaml", "state.json", "runs.json", "scopes.json", "metrics.txt", "log.jsonl"} {
		if sizes[name] < 80 {
			t.Errorf("%s has %d bytes, want what it is for", name, sizes[name])
		}
	}
	var scopes struct {
		Scopes []struct{ Customer, Target, Outcome string }
	}
	for _, f := range files {
		if f.Name == "scopes.json" {
			if err := json.Unmarshal(f.Body, &scopes); err != nil || len(scopes.Scopes) < 20 {
				t.Errorf("got %d scopes, %v", len(scopes.Scopes), err)
			}
		}
	}

	with, err := w.Support(t.Context(), w.Versions("1.2.3"), true)
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, f := range with {
		all += string(f.Body)
	}
	if name := report.Scopes[0].Customer.Name; !strings.Contains(all, name) {
		t.Errorf("with --names %s is not named", name)
	}
	for _, s := range secrets {
		if strings.Contains(all, s) {
			t.Error("with --names a secret is there")
		}
	}
}

func around(text, what string) string {
	i := strings.Index(text, what)
	return text[max(0, i-60):min(len(text), i+len(what)+60)]
}
