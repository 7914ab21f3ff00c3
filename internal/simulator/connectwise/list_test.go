package cwsim

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// manyCompanies is a world of n companies with ids 1 to n.
func manyCompanies(n int) World {
	w := World{}
	for i := range n {
		w.Companies = append(w.Companies, &Company{Identifier: fmt.Sprintf("C%04d", i+1), Name: "Customer"})
	}
	return w
}

func TestAListIs25RowsUnlessAsked(t *testing.T) {
	_, base := newSim(t, manyCompanies(60))
	for _, tt := range []struct {
		query string
		rows  int
		rels  string // in the Link header
	}{
		{"", 25, "next last"},
		{"?pageSize=60", 60, ""},
		{"?pagesize=25&PAGE=2", 25, "next last first prev"},
		{"?page=3", 10, "first prev"},
		{"?page=4", 0, "first prev"},
		{"?pageSize=1000", 60, ""},
	} {
		got := do(t, base, "GET", "/company/companies"+tt.query, "")
		got.want(t, 200)
		if n := len(strings.Fields(got.ids(t))); n != tt.rows {
			t.Errorf("%q: got %d rows, want %d", tt.query, n, tt.rows)
		}
		var rels []string
		for _, m := range regexp.MustCompile(`rel="(\w+)"`).FindAllStringSubmatch(got.header.Get("Link"), -1) {
			rels = append(rels, m[1])
		}
		if strings.Join(rels, " ") != tt.rels {
			t.Errorf("%q: got links %q, want %q", tt.query, rels, tt.rels)
		}
	}
}

func TestPagingNumbersOutOfRangeAreRefused(t *testing.T) {
	s, base := newSim(t, manyCompanies(3))
	for _, query := range []string{"pageSize=1001", "pageSize=0", "pageSize=all", "page=0", "page=-1"} {
		do(t, base, "GET", "/company/companies?"+query, "").want(t, 400, `"code":"InvalidObject"`, `"code":"OutOfRange"`)
	}
	s.SetFaults(Faults{ClampPageSize: true})
	do(t, base, "GET", "/company/companies?pageSize=5000", "").want(t, 200)
}

func TestForwardOnlyPagingGoesByID(t *testing.T) {
	_, base := newSim(t, manyCompanies(60))
	path, seen := "/company/companies?pageSize=20&page=9&conditions="+url.QueryEscape("id>10"), 0
	for range 10 {
		got := do(t, base, "GET", path, "", forwardOnly)
		got.want(t, 200)
		seen += len(strings.Fields(got.ids(t)))
		links, there := got.header["Link"]
		if !there {
			t.Fatal("got no Link header, want one on every page")
		}
		if links[0] == "" {
			break
		}
		m := regexp.MustCompile(`^<https://[^/]+/v4_6_release/apis/3.0(/company/companies\?[^>]*pageId=\d+[^>]*)>; rel="next"$`).FindStringSubmatch(links[0])
		if m == nil {
			t.Fatalf("got Link %q, want a next link with a pageId", links[0])
		}
		path = m[1]
	}
	if seen != 50 {
		t.Errorf("got %d rows in all, want 50", seen)
	}
	do(t, base, "GET", "/company/companies?orderBy=id", "", forwardOnly).want(t, 400, "forward-only")
}

func TestAFullLastPageHasNoNextLink(t *testing.T) {
	_, base := newSim(t, manyCompanies(40))
	got := do(t, base, "GET", "/company/companies?pageSize=20&pageId=20", "", forwardOnly)
	if link := got.header.Get("Link"); got.ids(t) == "" || link != "" {
		t.Errorf("got Link %q, want an empty one", link)
	}
}

func TestSomeListsPageByNumberOnly(t *testing.T) {
	s, base := newSim(t, seed())
	s.SetFaults(Faults{NoForwardOnly: []string{"Company"}})
	for _, path := range []string{"/company/companies?pageSize=1000", "/system/audittrail?type=Agreement&id=55"} {
		got := do(t, base, "GET", path, "", forwardOnly)
		got.want(t, 200)
		if _, there := got.header["Link"]; there {
			t.Errorf("%s: got a Link header, want none", path)
		}
	}
	do(t, base, "GET", "/system/audittrail?type=Nonsense&id=55", "").want(t, 400)
}

func TestLinksMayBeOddOrHostile(t *testing.T) {
	s, base := newSim(t, manyCompanies(60))
	s.SetFaults(Faults{MalformedLinks: true, LinkHost: "evil.example"})
	got := do(t, base, "GET", "/company/companies?pageSize=20", "", forwardOnly).header.Get("Link")
	if want := "<https://evil.example/v4_6_release/apis/3.0/company/companies&pageId=20&pageSize=20>"; !strings.HasPrefix(got, want) {
		t.Errorf("got Link %s, want %s", got, want)
	}
}

func TestHiddenRowsMakeTheCountDisagree(t *testing.T) {
	s, base := newSim(t, seed())
	s.SetFaults(Faults{Hidden: map[string][]int{"Company": {251}}, CountHidden: true})
	if got := do(t, base, "GET", "/company/companies", "").ids(t); got != "250 252" {
		t.Errorf("got %s, want 250 252", got)
	}
	do(t, base, "GET", "/company/companies/251", "").want(t, 404)
	do(t, base, "GET", "/company/companies/count", "").want(t, 200, `{"count":3}`)
	s.SetFaults(Faults{Hidden: map[string][]int{"Company": {251}}})
	do(t, base, "GET", "/company/companies/count", "").want(t, 200, `{"count":2}`)
}

func TestFieldsProjectAndForgiveTypos(t *testing.T) {
	_, base := newSim(t, seed())
	got := do(t, base, "GET", "/finance/agreements?fields=id,company/identifier,nmae&conditions=id%3D55", "")
	got.want(t, 200)
	if want := `[{"id":55,"company":{"identifier":"Contoso"}}]`; got.body != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
}

func TestOrderBy(t *testing.T) {
	_, base := newSim(t, seed())
	for _, tt := range []struct{ orderBy, want string }{
		{"id desc", "252 251 250"},
		{"name asc, id desc", "252 250 251"},
		{"status/name,id", "252 250 251"},
	} {
		if got := do(t, base, "GET", "/company/companies?orderBy="+url.QueryEscape(tt.orderBy), "").ids(t); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.orderBy, got, tt.want)
		}
	}
	do(t, base, "GET", "/company/companies?orderBy=nmae", "").want(t, 400, "ApiFindCondition")
}

func TestARoleRefusesAndHides(t *testing.T) {
	all := []RoleSetting{{Function: agreementsFunction, Add: "All", Edit: "All", Inquire: "All"},
		{Function: companyMaintenance, Inquire: "All"}}
	for _, tt := range []struct {
		name         string
		role         Role
		method, path string
		status       int
		want         string // ids of a list
	}{
		{"everything it needs", Role{Settings: all}, "GET", "/finance/agreements", 200, "55 56 57"},
		{"a function it does not list", Role{Settings: all}, "GET", "/procurement/catalog", 403, ""},
		{"a setup table needs no right", Role{Settings: all}, "GET", "/finance/agreements/types", 200, "3 4"},
		{"edit is not granted", Role{Settings: []RoleSetting{{Function: agreementsFunction, Inquire: "All"}}}, "PATCH",
			"/finance/agreements/55/additions/910", 403, ""},
		{"Inquire: My hides in silence", Role{Settings: []RoleSetting{{Function: companyMaintenance, Inquire: "My"}}}, "GET",
			"/company/companies", 200, ""},
		{"agreement types, the parent's too", Role{Settings: all, AgreementTypes: []int{4}}, "GET", "/finance/agreements", 200, ""},
		{"agreement types", Role{Settings: all, AgreementTypes: []int{3}}, "GET", "/finance/agreements", 200, "55 56"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := seed()
			tt.role.ID = 1
			w.Roles, w.Members = []*Role{&tt.role}, []*Member{{ID: 1, Identifier: "syncd", RoleID: 1}}
			_, base := newSim(t, w)
			got := do(t, base, tt.method, tt.path, "[]")
			if tt.status != http.StatusOK {
				got.want(t, tt.status, `"code":"Security"`)
			} else if got.want(t, 200); got.ids(t) != tt.want {
				t.Errorf("got %s, want %q", got.ids(t), tt.want)
			}
		})
	}
}
