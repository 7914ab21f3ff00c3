package cwsim

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestConditionsChooseRows(t *testing.T) {
	s, base := newSim(t, seed())
	for _, tt := range []struct{ path, parameter, value, want string }{
		{"/company/companies", "conditions", `deletedFlag=false`, "250 251"},
		{"/company/companies", "conditions", `deletedFlag = TRUE`, "252"},
		{"/company/companies", "Conditions", `identifier="contoso"`, "250"},
		{"/company/companies", "conditions", `identifier='Contoso'`, "250"},
		{"/company/companies", "conditions", `id in (250, 252)`, "250 252"},
		{"/company/companies", "conditions", `id not in (250,252)`, "251"},
		{"/company/companies", "conditions", `id>250 and id<=252 and deletedFlag=false`, "251"},
		{"/company/companies", "conditions", `id=250 or id=251 and deletedFlag=true`, "250"},
		{"/company/companies", "conditions", `(id=250 or id=252) and deletedFlag=true`, "252"},
		{"/company/companies", "conditions", `name contains "tos"`, "250 252"},
		{"/company/companies", "conditions", `name not contains "tos"`, "251"},
		{"/company/companies", "conditions", `name like "Con%Ltd"`, "250 252"},
		{"/company/companies", "conditions", `name like "Con*"`, "250 252"},
		{"/company/companies", "conditions", `name not like "con_oso%"`, "251"},
		{"/company/companies", "conditions", `name contains '[[]EU]'`, "251"},
		{"/company/companies", "conditions", `name contains '[EU]'`, "251"}, // a set: E or U
		{"/company/companies", "conditions", `name='Fabrikam "North" [[]EU]'`, "251"},
		{"/company/companies", "conditions", `status/name="Active"`, "250 251"},
		{"/company/companies", "conditions", `status=null`, "252"},
		{"/company/companies", "conditions", `website!=null`, "250"},
		{"/company/companies", "conditions", `website!="x"`, "250"}, // a null differs from nothing
		{"/company/companies", "conditions", `lastUpdated>=[2026-03-20T12:00:00Z]`, "250 251 252"},
		{"/company/companies", "conditions", `lastUpdated<[2026-03-20T12:00:00Z]`, ""},
		{"/company/companies", "childConditions", `types/id=4`, "251"},
		{"/company/companies", "childconditions", `types/id=1 and types/name="Prospect"`, ""}, // of one and the same entry
		{"/company/companies", "customFieldConditions", `caption="Tenant ID" and value="7D1F0B7E"`, "250"},
		{"/company/companies", "customFieldConditions", `caption="Tier" and value="7d1f0b7e"`, ""},
		{"/company/contacts", "childConditions",
			`communicationItems/value="ada@contoso.example" and communicationItems/communicationType="Email"`, "5"},
		{"/finance/agreements", "conditions", `company/id=250 and agreementStatus="Active" and cancelledFlag=false`, "55"},
		{"/finance/agreements", "conditions", `parentAgreement/id=55`, "57"},
		{"/finance/agreements/55/additions", "conditions", `cancelledDate=null`, "910"},
		{"/finance/agreements/55/additions", "conditions", `cancelledDate<[2025-07-01T00:00:00Z]`, "911"},
		{"/finance/agreements/55/additions", "conditions", `product/id=752 and quantity>=11.5`, "910"},
		{"/finance/agreements/55/additions", "conditions", `product/identifier in ("M365-BP",'OLD') and serialNumber="syncd:abc"`, "911"},
	} {
		got := do(t, base, "GET", tt.path+"?"+url.Values{tt.parameter: {tt.value}}.Encode(), "")
		if got.status != 200 || got.ids(t) != tt.want {
			t.Errorf("%s=%s: got %d %s, want %q", tt.parameter, tt.value, got.status, got.body, tt.want)
		}
		count := do(t, base, "GET", tt.path+"/count?"+url.Values{tt.parameter: {tt.value}}.Encode(), "")
		count.want(t, 200, `{"count":`+string(rune('0'+len(strings.Fields(tt.want))))+`}`)
	}
	s.SetFaults(Faults{BackslashEscapes: true})
	got := do(t, base, "GET", "/company/companies?"+url.Values{"conditions": {`name contains "\"North\""`}}.Encode(), "")
	if got.status != 200 || got.ids(t) != "251" {
		t.Errorf("backslash escapes: got %d %s, want 251", got.status, got.body)
	}
}

func TestConditionsThatMeanNothingAreRefused(t *testing.T) {
	s, base := newSim(t, seed())
	s.SetFaults(Faults{NotFilterable: map[string][]string{"Agreement": {"lastUpdated"}}})
	for _, tt := range []struct{ path, parameter, value, want string }{
		{"/company/companies", "conditions", `nmae="x"`, "nmae is not a recognized name."},
		{"/company/companies", "conditions", `Name="x"`, "Name is not a recognized name."},
		{"/company/companies", "conditions", `status/title="x"`, "not a recognized name"},
		{"/company/companies", "conditions", `types/id=4`, "not a recognized name"}, // wants childConditions
		{"/company/companies", "conditions", `_info/lastUpdated=null`, "not a recognized name"},
		{"/finance/agreements", "conditions", `status/name="Active"`, "not a recognized name"},
		{"/finance/agreements", "conditions", `lastUpdated>[2026-01-01T00:00:00Z]`, "not a recognized name"}, // switched off
		{"/company/companies", "conditions", `id="250"`, "cannot be compared"},
		{"/company/companies", "conditions", `name=250`, "cannot be compared"},
		{"/company/companies", "conditions", `status=1`, "cannot be compared"},
		{"/company/companies", "conditions", `id contains 25`, "cannot be compared"},
		{"/company/companies", "conditions", `id in (null)`, "cannot be compared"},
		{"/company/companies", "conditions", `name=Contoso`, "need quotes"},
		{"/company/companies", "conditions", `name="Conto`, "closing quote"},
		{"/company/companies", "conditions", `name="a\"b"`, ""},
		{"/company/companies", "conditions", `not (id=1)`, "not stands before"},
		{"/company/companies", "conditions", `id not = 1`, "not stands before"},
		{"/company/companies", "conditions", `(id=1`, "not closed"},
		{"/company/companies", "conditions", `id=1 id=2`, "unexpected"},
		{"/company/companies", "conditions", `id=1 &`, "unexpected"},
		{"/company/companies", "conditions", `id=1 and`, "a name is missing"},
		{"/company/companies", "conditions", `id in ()`, "a value is missing"},
		{"/company/companies", "conditions", ` `, "empty"},
		{"/company/companies", "conditions", `lastUpdated>2026-01-01T00:00:00Z`, ""},
		{"/company/companies", "conditions", `lastUpdated>[2026-01-01]`, "is not a date"},
		{"/company/companies", "conditions", `lastUpdated>[2026-01-01T00:00:00+02:00]`, "is not a date"},
		{"/company/companies", "childConditions", `types/id in (1,4)`, "in conditions only"},
		{"/company/companies", "childConditions", `name="x"`, "not a recognized name"},
		{"/company/companies", "childConditions", `types/id=1 and customFields/id=7`, "not a recognized name"},
		{"/company/companies", "customFieldConditions", `caption in ("a")`, "in conditions only"},
		{"/finance/billingCycles", "customFieldConditions", `caption="a"`, "not a recognized name"},
	} {
		got := do(t, base, "GET", tt.path+"?"+url.Values{tt.parameter: {tt.value}}.Encode(), "")
		if got.status != 400 || !strings.Contains(got.body, `"code":"ApiFindCondition"`) || !strings.Contains(got.body, tt.want) {
			t.Errorf("%s=%s: got %d %s, want a 400 ApiFindCondition with %q", tt.parameter, tt.value, got.status, got.body, tt.want)
		}
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	text := strings.Repeat("(", 200) + "id=1" + strings.Repeat(")", 200)
	if _, err := parseConditions(text, &dialect{schema: schemas["Company"]}); err == nil {
		t.Error("200 parentheses: got no error, want one")
	}
}

func FuzzConditions(f *testing.F) {
	for _, s := range []string{`id in (1,2) and name not contains "x"`, `(a=1 or status/name='[b') and c!=null`,
		`lastUpdated>[2025-03-01T00:00:00Z]`, `name like "[%*_"`, "\xff[", `id=-.`, `id=1.5`} {
		f.Add(s, "Contoso [EU] 100%")
	}
	world := seed()
	v := New(world, options).view("https://sim.example")
	f.Fuzz(func(t *testing.T, text, name string) {
		c, err := parseConditions(text, &dialect{schema: schemas["Company"], allowIn: true, alias: true, escapes: true})
		if (c == nil) == (err == nil) {
			t.Fatalf("%q: got %v and %v, want one of them", text, c, err)
		}
		if err == nil {
			o := *v.companies[250]
			o.Name = name
			c.holds(o.render(v))
		}
		if utf8.ValidString(name) && !strings.ContainsAny(name, "[") && !like(name, strings.NewReplacer("%", "_", "*", "_").Replace(name)) {
			t.Errorf("like(%q): got false for its own text, want true", name)
		}
		like(name, text)
	})
}
