package cippsim_test

import (
	"strings"
	"sync"
	"testing"

	cippsim "syncd/internal/simulator/cipp"
)

func TestAnswersAreDeformedAsAsked(t *testing.T) {
	for _, tc := range []struct {
		name  string
		call  []string
		shape cippsim.Shape
		start string
		wants []string
	}{
		{"one row instead of a list", []string{"ListTenants", "tenantFilter", "beta.example"}, cippsim.Shape{Collapse: true}, `{"`, []string{`"customerId":"` + beta}},
		{"one row under Results", []string{"ListGraphRequest", "Endpoint", "subscribedSkus", "tenantFilter", "beta.example"}, cippsim.Shape{Collapse: true}, `{"`, []string{`"Results":{"`, `"Metadata":{"`}},
		{"lists of one within rows", []string{"ListLicenses", "tenantFilter", "beta.example"}, cippsim.Shape{CollapseInside: true}, `[{"`, []string{`"TermInfo":{"`}},
		{"empty lists within rows", []string{"ListUsers", "tenantFilter", "alpha.example"}, cippsim.Shape{NullLists: true}, `[{"`, []string{`"businessPhones":null`}},
		{"numbers as text", []string{"ListGraphRequest", "Endpoint", "subscribedSkus", "tenantFilter", "beta.example"}, cippsim.Shape{TextNumbers: true}, `{"`, []string{`"consumedUnits":"5"`, `"enabled":"5"`}},
		{"booleans as text", []string{"ListTenants"}, cippsim.Shape{TextBools: true}, `[{"`, []string{`"Excluded":"false"`}},
		{"keys in another case", []string{"ListTenants"}, cippsim.Shape{OtherCase: true}, `[{"`, []string{`"CustomerId":"`, `"excluded":`}},
		{"cut at a depth", []string{"ListGraphRequest", "Endpoint", "subscribedSkus", "tenantFilter", "beta.example"}, cippsim.Shape{DepthCut: 1}, `{"`, []string{`"prepaidUnits":"@{enabled=5; lockedOut=0; suspended=0; warning=0}"`, `"servicePlans":"@{appliesTo=User; `}},
		{"a byte order mark", []string{"ListTenants"}, cippsim.Shape{BOM: true}, "\uFEFF[{", nil},
		{"no body", []string{"ListTenants"}, cippsim.Shape{Body: cippsim.NoBody}, "", nil},
		{"null", []string{"ListTenants"}, cippsim.Shape{Body: cippsim.Null}, "null", nil},
		{"a list of null", []string{"ListTenants"}, cippsim.Shape{Body: cippsim.ListOfNull}, "[null]", nil},
		{"an empty text", []string{"ListTenants"}, cippsim.Shape{Body: cippsim.EmptyText}, `""`, nil},
		{"a page", []string{"ListTenants"}, cippsim.Shape{Body: cippsim.HTML}, "<!DOCTYPE html>", nil},
		{"further rows", []string{"ListLicenses", "tenantFilter", "beta.example"}, cippsim.Shape{Rows: []any{nil, "text", cippsim.LoadingRow(), cippsim.ErrorRow("x.example", "no"), cippsim.MFAErrorRow("x.example")}}, `[{"`, []string{`,null,"text",{"`, "Loading data for all tenants", "Could not connect to client: no", `"AccountEnabled":"none"`}},
	} {
		k := open(t, cippsim.Options{})
		check := func(how string) {
			t.Helper()
			status, body := k.get(tc.call[0], tc.call[1:]...)
			expect(t, tc.name+" "+how, status, body, 200, tc.wants...)
			if !strings.HasPrefix(body, tc.start) || tc.start == "" && body != "" {
				t.Errorf("%s %s: got %.100q, want it to begin with %q", tc.name, how, body, tc.start)
			}
		}
		k.s.SetFaults(cippsim.Faults{Answers: map[string]cippsim.Shape{tc.call[0]: tc.shape}})
		check("for the endpoint")
		k.s.Heal()
		k.s.Fail(cippsim.Rule{Endpoint: tc.call[0], Times: 1, Fault: cippsim.Fault{Shape: tc.shape}})
		check("for one request")
	}
}

func TestATenantsShapeIsItsAlone(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.SetTenantFaults(beta, cippsim.TenantFaults{Shape: cippsim.Shape{Body: cippsim.Null}})
	if _, body := k.bulk("beta.example"); body != "null" {
		t.Errorf("beta: got %s, want null", body)
	}
	if _, body := k.bulk("alpha.example"); !strings.HasPrefix(body, "[{") {
		t.Errorf("alpha: got %s, want its answer", body)
	}
}

func TestErrorsAreTextAndAnswersAreJSON(t *testing.T) {
	k := open(t, cippsim.Options{})
	for endpoint, want := range map[string]string{"ListTenants": "application/json; charset=utf-8", "ListNothing": "text/plain; charset=utf-8"} {
		res, _, err := k.try("GET", endpoint, "")
		if err != nil || res.Header.Get("Content-Type") != want {
			t.Errorf("%s: got %v, %v, want %s", endpoint, res.Header, err, want)
		}
	}
}

func TestTheWorldIsNotSharedWithItsAuthor(t *testing.T) {
	k := open(t, cippsim.Options{})
	w := k.s.World()
	w.Tenants[0].SKUs[0].Enabled, w.Tenants[0].Users[0].Licences[0] = 1000, "changed"
	if got := k.s.World().Tenants[0]; got.SKUs[0].Enabled != 25 || got.Users[0].Licences[0] != spb {
		t.Errorf("got %+v, want it untouched", got.SKUs[0])
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { k.try("GET", "ListUsers", "", "tenantFilter", "alpha.example") })
		group.Go(func() {
			k.s.Update(func(w *cippsim.World) { w.Tenants[0].Users[0].ProxyAddresses[0] = "SMTP:new@alpha.example" })
		})
	}
	group.Wait()
}
