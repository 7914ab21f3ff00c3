package app

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

const premium, basic, contosoKey, fabrikamKey = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "3b555118-da6a-4418-894f-7df1e2096870", "7d1f", "8e2a"

func TestWhomAChangeOfATableConcerns(t *testing.T) {
	linked := func(id string, links mapping.Links) mapping.Row {
		return mapping.Row{TenantID: directory.TenantID(id), Links: links, Status: mapping.Linked}
	}
	named := func(r mapping.Row, customer string) mapping.Row { r.Customer = customer; return r }
	for _, c := range []struct {
		name          string
		before, after []mapping.Row
		want          []state.Concern
	}{
		{"nothing", []mapping.Row{linked("a", mapping.Links{"x": "1"})}, []mapping.Row{linked("a", mapping.Links{"x": "1"})}, nil},
		{"one column", []mapping.Row{linked("a", mapping.Links{"x": "1", "y": "2"}), linked("b", nil)}, []mapping.Row{linked("a", mapping.Links{"x": "1", "y": "3"}), linked("b", nil)},
			[]state.Concern{{Customer: "a", Column: "y"}}},
		{"a first link", nil, []mapping.Row{linked("a", mapping.Links{"x": "1"})}, []state.Concern{{Customer: "a"}}},
		{"a suggestion is in force for nobody", []mapping.Row{{TenantID: "a", Status: mapping.Unmapped}}, []mapping.Row{{TenantID: "a", Status: mapping.Suggested, Links: mapping.Links{"x": "1"}, Reason: "0.9"}}, nil},
		{"and is once it is accepted", []mapping.Row{{TenantID: "a", Status: mapping.Suggested, Links: mapping.Links{"x": "1"}}}, []mapping.Row{linked("a", mapping.Links{"x": "1"})}, []state.Concern{{Customer: "a"}}},
		{"left out", []mapping.Row{linked("a", mapping.Links{"x": "1"})}, []mapping.Row{{TenantID: "a", Status: mapping.Ignored}}, []state.Concern{{Customer: "a"}}},
		{"a reason changes no plan", []mapping.Row{linked("a", nil)}, []mapping.Row{{TenantID: "a", Status: mapping.Linked, Reason: "so"}}, nil},
		{"to another customer", []mapping.Row{named(linked("a", nil), "North")}, []mapping.Row{named(linked("a", nil), "South")},
			[]state.Concern{{Customer: "North"}, {Customer: "South"}, {Customer: "a"}}},
		{"a tenant of a customer of several", []mapping.Row{named(linked("a", mapping.Links{"x": "1"}), "North")}, []mapping.Row{named(linked("a", nil), "North")},
			[]state.Concern{{Customer: "North", Column: "x"}, {Customer: "a", Column: "x"}}},
		{"a line more of one tenant", []mapping.Row{linked("a", nil)}, []mapping.Row{linked("a", nil), named(linked("a", nil), "Part")},
			[]state.Concern{{Customer: "Part"}, {Customer: "a"}}},
	} {
		if got := linkConcerns(mapping.Table{Rows: c.before}, mapping.Table{Rows: c.after}); !reflect.DeepEqual(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	two, three := 2, 3
	for _, c := range []struct {
		name          string
		before, after []mapping.Rule
		want          []state.Concern
	}{
		{"a name changes no plan", []mapping.Rule{{SKU: premium, Product: "P", Name: "x", Reason: "y"}}, []mapping.Rule{{SKU: premium, Product: "P", ProductID: 4}}, nil},
		{"a minimum", []mapping.Rule{{SKU: premium, Product: "P", Minimum: &two}, {SKU: basic, Product: "B"}}, []mapping.Rule{{SKU: premium, Product: "P", Minimum: &three}, {SKU: basic, Product: "B"}},
			[]state.Concern{{SKU: premium, Product: "P"}}},
		{"to another product", []mapping.Rule{{SKU: premium, Product: "P"}}, []mapping.Rule{{SKU: premium, Product: "Q"}}, []state.Concern{{SKU: premium, Product: "P"}, {SKU: premium, Product: "Q"}}},
		{"of one customer", nil, []mapping.Rule{{Customer: contosoKey, SKU: premium, Product: "P"}}, []state.Concern{{Customer: contosoKey, SKU: premium, Product: "P"}}},
		{"of people", nil, []mapping.Rule{{Product: "Backup", Count: "people"}}, []state.Concern{{Product: "Backup"}}},
	} {
		if got := ruleConcerns(mapping.Rules{Rules: c.before}, mapping.Rules{Rules: c.after}); !reflect.DeepEqual(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestWhoChangedWhatAPlanComesFromMayNotApproveIt(t *testing.T) {
	line := func(id string) plan.Key { return plan.Key{Kind: "addition", ID: id} }
	at := func(clock string) time.Time { x, _ := time.Parse("15:04", clock); return x.AddDate(2026, 9, 29) }
	max := Operator{"Max", "os_user max, by the kernel"}
	by := func(p Operator, clock string, action plan.Action, kind string, concerns ...state.Concern) state.Entry {
		return state.Entry{At: at(clock), Action: action, Key: plan.Key{Kind: kind}, Label: "the change", By: p.Name, How: p.Identified, Result: state.ResultDone, Concerns: concerns}
	}
	of := func(scope plan.Scope, key plan.Key, e state.Entry) state.Entry { e.Scope, e.Key = scope, key; return e }
	contoso, docs := plan.Scope{Customer: contosoKey, Target: "connectwise"}, plan.Scope{Customer: contosoKey, Target: "itglue"}
	wrote := func(run, clock string, k plan.Key) state.Entry {
		return state.Entry{At: at(clock), Run: run, Scope: contoso, Action: plan.Update, Key: k, Result: state.ResultDone}
	}
	run := func(id, clock string) state.Run { return state.Run{ID: id, Job: "licences", Started: at(clock)} }
	rule := state.Concern{SKU: premium, Product: "P"}
	for _, c := range []struct {
		name    string
		scope   plan.Scope
		keys    []plan.Key
		journal []state.Entry
		barred  bool
	}{
		{"nothing was changed", contoso, []plan.Key{line(premium)}, nil, false},
		{"the rule of its licence", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule)}, true},
		{"by somebody else", contoso, []plan.Key{line(premium)}, []state.Entry{by(Operator{"Ada", "os_user ada, by the kernel"}, "12:00", state.ActionImport, "products", rule)}, false},
		{"by the same under a former name", contoso, []plan.Key{line(premium)}, []state.Entry{by(Operator{"Maximilian", "os_user max, by the kernel"}, "12:00", state.ActionImport, "products", rule)}, true},
		{"by the same before there was staff", contoso, []plan.Key{line(premium)}, []state.Entry{by(Operator{"max", "by the kernel"}, "12:00", state.ActionImport, "products", rule)}, true},
		{"and somebody else after that", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule),
			by(Operator{"Ada", "os_user ada, by the kernel"}, "12:30", state.ActionImport, "products", rule)}, true},
		{"the rule of another licence", contoso, []plan.Key{line(basic)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule)}, false},
		{"of one of several changes", contoso, []plan.Key{line(basic), line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule)}, true},
		{"the rule of a licence that adds up with others", contoso, []plan.Key{line(basic + "+" + premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule)}, true},
		{"the product to which the rule went", contoso, []plan.Key{line(basic)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", state.Concern{SKU: premium, Product: "b"})}, true},
		{"a product of people", contoso, []plan.Key{line("people@Backup")}, []state.Entry{by(max, "12:00", state.ActionImport, "products", state.Concern{Product: "backup"})}, true},
		{"another customer's rule", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", state.Concern{Customer: fabrikamKey, SKU: premium, Product: "P"})}, false},
		{"its own rule", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", state.Concern{Customer: contosoKey, SKU: premium, Product: "P"})}, true},
		{"a rule, at a target that bills nothing", docs, []plan.Key{{Kind: "user", ID: "ann"}}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule)}, false},
		{"rules, in an entry of a former version", contoso, []plan.Key{line(basic)}, []state.Entry{by(max, "12:00", state.ActionImport, "products")}, true},
		{"before a plan was applied to the line", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule), wrote("R2", "13:05", line(premium))}, false},
		{"before one was applied to another line", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule), wrote("R2", "13:05", line(basic))}, true},
		{"while a run was under way, which may have read the table before", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "13:01", state.ActionImport, "products", rule), wrote("R2", "13:05", line(premium))}, true},
		{"before a run of which nothing is known", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule), wrote("gone", "13:05", line(premium))}, true},
		{"before a plan that failed", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule),
			{At: at("13:05"), Run: "R2", Scope: contoso, Action: plan.Update, Key: line(premium), Result: state.ResultFailed}}, true},
		{"the link", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionSettle, "links", state.Concern{Customer: contosoKey, Column: "connectwise_agreement"})}, true},
		{"the link to another system", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionSettle, "links", state.Concern{Customer: contosoKey, Column: "itglue_organization"})}, false},
		{"the link, at that system", docs, []plan.Key{{Kind: "user", ID: "ann"}}, []state.Entry{by(max, "12:00", state.ActionSettle, "links", state.Concern{Customer: contosoKey, Column: "itglue_organization"})}, true},
		{"that it is a customer at all", docs, []plan.Key{{Kind: "user", ID: "ann"}}, []state.Entry{by(max, "12:00", state.ActionImport, "links", state.Concern{Customer: contosoKey})}, true},
		{"another customer's link", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "links", state.Concern{Customer: fabrikamKey})}, false},
		{"links, in an entry of a former version", docs, []plan.Key{{Kind: "user", ID: "ann"}}, []state.Entry{by(max, "12:00", state.ActionImport, "links")}, true},
		{"a term", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "terms", state.Concern{Customer: contosoKey})}, true},
		{"another customer's term", contoso, []plan.Key{line(premium)}, []state.Entry{by(max, "12:00", state.ActionImport, "terms", state.Concern{Customer: fabrikamKey})}, false},
		{"the override of its line", contoso, []plan.Key{line(premium)}, []state.Entry{of(contoso, line(premium), by(max, "12:00", state.ActionOverride, ""))}, true},
		{"the override of a product whose line was not known", contoso, []plan.Key{line(basic)}, []state.Entry{of(contoso, plan.Key{Kind: "overrides", ID: "B"}, by(max, "12:00", state.ActionOverride, ""))}, true},
		{"the override of a product that has another key since", contoso, []plan.Key{{Kind: "addition", ID: premium + "@P"}}, []state.Entry{func() state.Entry {
			e := of(contoso, line(premium), by(max, "12:00", state.ActionOverride, ""))
			e.Concerns = []state.Concern{{Customer: contoso.Customer, Product: "P"}}
			return e
		}()}, true},
		{"the override of another line", contoso, []plan.Key{line(premium)}, []state.Entry{of(contoso, line(basic), by(max, "12:00", state.ActionOverride, ""))}, false},
		{"another customer's override", contoso, []plan.Key{line(premium)}, []state.Entry{of(plan.Scope{Customer: fabrikamKey, Target: "connectwise"}, line(premium), by(max, "12:00", state.ActionOverride, ""))}, false},
		{"which object it is", contoso, []plan.Key{line(premium)}, []state.Entry{of(contoso, line(premium), by(max, "12:00", state.ActionSettle, ""))}, true},
		{"which another object is", contoso, []plan.Key{line(premium)}, []state.Entry{of(contoso, line(basic), by(max, "12:00", state.ActionSettle, ""))}, false},
		{"he approved an earlier plan", contoso, []plan.Key{line(premium)}, []state.Entry{of(contoso, line(premium), by(max, "12:00", state.ActionApprove, ""))}, false},
		{"a plan that cannot be read, by any rule", contoso, nil, []state.Entry{by(max, "12:00", state.ActionImport, "products", rule)}, true},
	} {
		store, err := boltstate.Open(filepath.Join(t.TempDir(), "syncd.db"), boltstate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		cfg := mustParse(t, both+"itglue: {api_key: k}\nfour_eyes: true\nstaff: [{name: Max, role: approver, os_user: '4343'}, {name: Ada, role: approver, os_user: '4444'}, {name: Vera, role: viewer, os_user: '4545'}]\n", nil)
		w := &App{Config: cfg, Store: store, Log: zerolog.Nop(), Location: time.UTC, Now: func() time.Time { return at("15:00") }}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(Put(t.Context(), store, ProductsDocument, 0, mapping.Rules{Rules: []mapping.Rule{{SKU: premium, Product: "P", Status: mapping.Bill}, {SKU: basic, Product: "B", Status: mapping.Bill}}}))
		must(store.PutRun(t.Context(), run("R1", "10:00")))
		must(store.PutRun(t.Context(), run("R2", "13:00")))
		for _, e := range append([]state.Entry{wrote("R1", "10:05", line(premium))}, c.journal...) {
			must(store.Commit(t.Context(), &state.Commit{Scope: cmp.Or(e.Scope, contoso), Entries: []state.Entry{e}}))
		}
		shown := []map[string]string{}
		for _, k := range c.keys {
			shown = append(shown, map[string]string{"action": "update", "kind": k.Kind, "key": k.ID, "monthly_delta": "0.00"})
		}
		body, _ := json.Marshal(map[string]any{"changes": shown})
		h := state.Hold{Scope: c.scope, Name: "Contoso", Digest: "d1", Plan: body}
		must(store.Commit(t.Context(), &state.Commit{Scope: c.scope, Hold: &h}))

		verdicts, err := w.Decide(t.Context(), max, true, "", []state.Hold{h})
		if barred := err != nil; barred != c.barred {
			t.Errorf("%s: got %+v, %v; want barred %v", c.name, verdicts, err, c.barred)
		}
		m, rerr := store.Recall(t.Context(), c.scope)
		must(rerr)
		if c.barred {
			if m.Hold.Decision != nil {
				t.Errorf("%s: a decision was stored", c.name)
			}
			ask := "ask Ada"
			if slices.ContainsFunc(c.journal, func(e state.Entry) bool { return e.By == "Ada" }) {
				ask = "every other approver in staff changed it too"
			}
			for _, want := range []string{"nothing was approved", "Contoso at " + c.scope.Target, "the change", "2026-10-30", ask} {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%s: got %v, want %q in it", c.name, err, want)
				}
			}
			if _, err := w.Decide(t.Context(), Operator{"Bea", "os_user bea, by the kernel"}, true, "", []state.Hold{h}); err != nil {
				t.Errorf("%s: somebody who changed nothing: got %v", c.name, err)
			}
		}
		if _, err := w.Decide(t.Context(), max, false, "no", []state.Hold{h}); err != nil {
			t.Errorf("%s: to reject it is everybody's: got %v", c.name, err)
		}
		cfg.FourEyes = false
		if _, err := w.Decide(t.Context(), max, true, "", []state.Hold{h}); err != nil {
			t.Errorf("%s: without four_eyes: got %v", c.name, err)
		}
		must(store.Close())
	}
}

func TestFourEyesAreTwoPeoples(t *testing.T) {
	for _, c := range []struct {
		name, staff string
		ok          bool
		detail      string
	}{
		{"no staff", "", false, "nobody is named in staff, and nobody can sign in"},
		{"one user for all", "staff: [{name: Ada, role: operator, os_user: '4242'}]\n", false, "no approver can reach the daemon"}, // in a container, where no group is named
		{"root alone", "staff: [{name: Ada, role: operator, os_user: root}, {name: Max, role: mapper, login: max}]\n", false, "only Ada can reach the daemon"},
		{"two of a group", "control: {group: '65500'}\nstaff: [{name: Ada, role: approver, os_user: '4242'}, {name: Max, role: mapper, os_user: '4343'}]\n", true, "each approves what others changed: Ada"},
		{"two who map", "control: {group: '65500'}\nstaff: [{name: Ada, role: mapper, os_user: '4242'}, {name: Max, role: mapper, os_user: '4343'}]\n", false, "no approver can reach the daemon"},
		{"two who sign in", "auth: {mode: proxy, proxy: {header: X-User, from: [10.0.0.5]}}\nstaff: [{name: Ada, role: approver, login: ada}, {name: Max, role: mapper, login: max}]\n", true, "each approves what others changed: Ada"},
		{"logins, and nobody signs in", "staff: [{name: Ada, role: approver, login: ada}, {name: Max, role: mapper, login: max}]\n", false, "no approver can reach the daemon"},
		{"one of two has a password", "auth: {mode: basic, basic: {file: testdata/users}}\nstaff: [{name: Ada, role: approver, login: ada}, {name: Max, role: mapper, login: max}]\n", false, "only Ada can reach the daemon or sign in"},
		{"a password and a role of the users' file", "auth: {mode: basic, basic: {file: testdata/users-roles}}\nstaff: [{name: Ada, role: approver, login: ada}]\n", true, "each approves what others changed: Ada"},
		{"roles by the provider", oidcAuth, true, "the OpenID provider says"},
		{"one who looks", "control: {group: '65500'}\nstaff: [{name: Ada, role: operator, os_user: '4242'}, {name: Max, role: viewer, os_user: '4343'}]\n", false, "only Ada can reach the daemon"},
	} {
		cfg := mustParse(t, both+"four_eyes: true\n"+c.staff, nil)
		all := cfg.checkStaff()
		f := all[len(all)-1]
		if f.Name != "four eyes" || f.OK != c.ok || !strings.Contains(f.Detail, c.detail) || (f.Remedy == "") != c.ok {
			t.Errorf("%s: got %+v, want ok %v, %s", c.name, f, c.ok, c.detail)
		}
	}
	cfg := mustParse(t, both+"staff: [{name: Ada, role: operator, os_user: no-such-user}, {name: Max, role: mapper, login: max}]\n", nil)
	if all := cfg.checkStaff(); len(all) != 1 || all[0].OK || all[0].Detail != "this machine has no such user: no-such-user (Ada)" {
		t.Errorf("got %+v", all)
	}
	if all := mustParse(t, both, nil).checkStaff(); len(all) != 0 {
		t.Errorf("without staff: got %+v", all)
	}
}

// Somebody is the same person under another name in staff, and one without a name on the
// machine is a number, however the entry says so.
func TestWhoMadeAnEntry(t *testing.T) {
	max := Operator{Name: "Max", Identified: "os_user 61001, by the kernel"}
	for _, c := range []struct {
		by, how string
		want    bool
	}{
		{"Max", "os_user 7, by the kernel", true}, {"Maxim", "os_user 61001, by the kernel", true}, {"Maxim", "os_user uid 61001, by the kernel", true},
		{"uid 61001", "by the kernel", true}, {"Maxim", "os_user 61002, by the kernel", false}, {"uid 61002", "by the kernel", false},
	} {
		if got := isBy(&state.Entry{By: c.by, How: c.how}, max); got != c.want {
			t.Errorf("%s (%s): got %t", c.by, c.how, got)
		}
	}
}
