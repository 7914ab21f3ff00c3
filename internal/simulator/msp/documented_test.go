package msp_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/cipp"
	"syncd/internal/itglue"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/simulator/msp"
	"syncd/internal/state/boltstate"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// A practice is one job of syncd at work on an MSP.
type practice struct {
	t      *testing.T
	msp    *msp.MSP
	target string
	engine *sync.Engine
}

var quick = rest.Rate{PerSecond: 1e5, Burst: 1e4, Concurrency: 8}

func newPractice(t *testing.T, m *msp.MSP, name string, open target.Opener, column string) *practice {
	t.Helper()
	o := m.CIPP.Options()
	from := cipp.Defaults()
	from.URL, from.TenantID, from.ClientID, from.ClientSecret = "https://cipp.example", m.CIPP.World().PartnerTenant.CustomerID, o.ClientID, secret.New(o.ClientSecret)
	from.TokenURL, from.Rate = "https://login.example"+m.CIPP.TokenPath(), quick
	source, err := cipp.New(from, cipp.Options{Log: zerolog.Nop(), Transport: m.CIPP.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	p := &practice{t: t, msp: m, target: name}
	store, err := boltstate.Open(filepath.Join(t.TempDir(), "state.db"), boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	tenants, err := source.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known, err := tenants.Items()
	if err != nil {
		t.Fatal(err)
	}
	columns := []mapping.Column{{Name: mapping.ConnectWiseCompany, Noun: "a company"}, {Name: mapping.ConnectWiseAgreement, Noun: "an agreement", Within: mapping.ConnectWiseCompany}, {Name: column}}
	table, _, err := mapping.ImportLinks(strings.NewReader(m.LinksCSV()), columns, mapping.Table{}, known, nil)
	if err != nil {
		t.Fatalf("importing the links: %v", err)
	}
	p.engine = sync.New(sync.Options{Source: source, Store: store, Log: zerolog.Nop(), Now: time.Now, Currency: "USD",
		Targets: map[string]target.Opener{name: open},
		Links:   func(context.Context) (mapping.Table, error) { return table, nil }})
	return p
}

func documents(t *testing.T, m *msp.MSP) *practice {
	t.Helper()
	glue := client(t, m)
	return newPractice(t, m, "itglue", func(context.Context) (target.Target, error) { return glue.Open(), nil }, mapping.ITGlueOrganization)
}

func client(t *testing.T, m *msp.MSP) *itglue.Client {
	t.Helper()
	to := itglue.Defaults()
	to.APIKey, to.Rate = secret.New(msp.ITGlueKey), quick
	c, err := itglue.New(to, itglue.Options{Log: zerolog.Nop(), Transport: m.ITGlue.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *practice) run(mode sync.Mode) *sync.Report {
	p.t.Helper()
	none := plan.Ceiling{Count: -1, Percent: -1}
	job := sync.Job{Name: "practice", Targets: []string{p.target}, Policy: plan.Auto, Limits: sync.Limits{
		Limits: plan.Limits{Creates: none, Updates: none, Deletes: none, SourceShrink: 100}}}
	report, err := p.engine.Run(p.t.Context(), sync.Selection{Jobs: []sync.Job{job}, Trigger: "command"}, mode)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range report.Scopes {
		if s.Error != nil && s.Outcome != sync.Unmapped {
			p.t.Errorf("%s: %s: %s", s.Customer.Name, s.Outcome, *s.Error)
		}
	}
	return report
}

// changed are the changes of a report by customer, kind and action.
func changed(r *sync.Report) map[string]int {
	all := map[string]int{}
	for _, s := range r.Scopes {
		for _, c := range s.Unpacked().Changes {
			all[fmt.Sprintf("%s %s %s", s.Customer.Name, c.Action, c.Key.Kind)]++
		}
	}
	return all
}

func TestTheMSPCanBeDocumented(t *testing.T) {
	m := msp.New(time.Now, msp.WithLayouts())
	p := documents(t, m)
	report := p.run(sync.Apply)
	codes := map[string][]string{}
	for _, s := range report.Scopes {
		for _, v := range s.Violations {
			codes[v.Code] = append(codes[v.Code], s.Customer.Name)
		}
	}
	for code, want := range map[string][]string{
		"match_proposed":     {"Larkspur Interiors"},
		"members_unknown":    {"Brightwater Primary Trust"},
		"domain_not_tracked": {"Hartwell Physio"},
	} {
		if !slices.Equal(codes[code], want) {
			t.Errorf("%s: got %q, want %q", code, codes[code], want)
		}
	}
	type totals = map[sync.Outcome]int
	want := totals{sync.Changed: 18, sync.Held: 1, sync.Unmapped: 7} // Pennine and Café Lumière among the last
	maps.DeleteFunc(report.Totals, func(_ sync.Outcome, n int) bool { return n == 0 })
	if !maps.Equal(report.Totals, want) {
		t.Errorf("got %v, want %v", report.Totals, want)
	}
	if got := changed(p.run(sync.Apply)); len(got) > 0 {
		t.Errorf("the second night changed %v", got)
	}

	// What must come of the scenarios of a night, each at one customer, and nowhere else.
	const alder, calloway = "Alder & Finch Architects ", "Calloway Legal "
	for _, night := range []struct {
		scenarios []string
		want      map[string]int
	}{
		{[]string{"rename", "regroup"}, map[string]int{
			alder + "update user": 3, alder + "update contact": 1, alder + "update group": 3, // those whose manager it is too
			calloway + "update group": 2, calloway + "update user": 2}},
		// What was done and not answered is found, and done no second time.
		{[]string{"lost-document"}, map[string]int{
			calloway + "create contact": 1, calloway + "create user": 1,
			calloway + "update user": 1, calloway + "update contact": 1, calloway + "update group": 2}},
		{[]string{"note", "leaver"}, map[string]int{alder + "update user": 1, calloway + "update group": 2}}, // the leaver's asset waits for some days
		{[]string{"calm"}, map[string]int{}},
	} {
		for _, name := range night.scenarios {
			if err := m.Play(name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := changed(p.run(sync.Apply)); !maps.Equal(got, night.want) {
			t.Errorf("%q: got %v, want %v", night.scenarios, got, night.want)
		}
	}
	w := m.ITGlue.World()
	var notes, doubled int
	seen := map[string]bool{}
	for _, a := range w.Assets {
		if w.Trait(a, "notes-manual") == "Prefers to be called after four. Spare laptop is in the cupboard." {
			notes++
		}
		if members, large := w.Trait(a, "members").(string); large && w.Trait(a, "name") == "Residents' portal" && !strings.Contains(members, "more in Microsoft 365") {
			t.Error("the large group does not say that it is cut")
		}
		key := fmt.Sprint(a.TypeID, w.Trait(a, "tenant-id"), w.Trait(a, "object-id"))
		if seen[key] && w.Trait(a, "object-id") != nil {
			doubled++
		}
		seen[key] = true
	}
	if notes != 1 || doubled != 0 {
		t.Errorf("got %d notes and %d doubled assets, want the one note alive and no double", notes, doubled)
	}
	if got := m.ITGlue.ForbiddenCalls(); len(got) > 0 {
		t.Errorf("calls that can ruin an account: %v", got)
	}
}

func TestAnEstateIsDocumentedWithOneRequestAnObject(t *testing.T) {
	const customers, accounts = 6, 15
	m := msp.NewEstate(customers, time.Now, msp.WithAccounts(accounts), msp.WithLayouts())
	p := documents(t, m)
	report := p.run(sync.Apply)
	objects := 0
	for _, n := range changed(report) {
		objects += n
	}
	// A contact and an asset a person, the MSP's administrator, and per customer five groups,
	// two shared mailboxes, a domain and the licences. Service accounts are left out.
	if want := customers * (2*(accounts+1) + 5 + 2 + 1 + 1); objects != want {
		t.Errorf("got %d objects, want %d: %v", objects, want, changed(report))
	}
	if got, most := len(m.ITGlue.Writes()), objects; got > most {
		t.Errorf("got %d writes for %d objects", got, objects)
	}
	if got := changed(p.run(sync.Apply)); len(got) > 0 {
		t.Errorf("the second night changed %v", got)
	}
}

// shapes are fields as people see them, with the name of a type instead of its id.
func shapes(w *itgluesim.World) map[string]itgluesim.Field {
	all := map[string]itgluesim.Field{}
	for _, f := range w.Fields {
		_, mark, ours := strings.Cut(f.Hint, "(syncd:")
		if !ours {
			continue
		}
		c := *f
		if id, ok := strings.CutPrefix(c.TagType, "FlexibleAssetType: "); ok {
			var n int64
			fmt.Sscan(id, &n)
			c.TagType = w.Type(n).Name
		}
		c.ID, c.TypeID, c.Hint, c.Info, c.ShowInList = 0, 0, "", itgluesim.Info{}, false
		all[w.Type(f.TypeID).Name+" "+mark] = c
	}
	return all
}

func TestLayoutsThatAreThereAreThoseThatSyncdMakes(t *testing.T) {
	there, made := msp.New(time.Now, msp.WithLayouts()), msp.New(time.Now, msp.WithDocumentation())
	if _, err := client(t, made).CreateLayouts(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, want := shapes(there.ITGlue.World()), shapes(made.ITGlue.World())
	for key := range want {
		if got[key] != want[key] {
			t.Errorf("%s:\ngot  %+v\nwant %+v", key, got[key], want[key])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d fields, want %d", len(got), len(want))
	}
	layouts, err := client(t, there).Layouts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layouts {
		if !l.Exists() || len(l.Missing)+len(l.Notes) > 0 || l.Trouble != "" {
			t.Errorf("got %+v, want it complete", l)
		}
	}
}
