package cippsim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

// A sub is the answer to one sub-request of a bulk call.
type sub struct {
	ID     string
	Status int
	Body   struct {
		Value rows
		Next  string `json:"@odata.nextLink"`
		Error struct{ Code, Message string }
	}
}

func TestABulkRequestAnswersEachSubRequest(t *testing.T) {
	k := open(t, cippsim.Options{})
	_, body := k.bulk("alpha.example")
	got := decode[[]sub](t, body)
	if len(got) != 3 || got[0].ID != "subs" {
		t.Fatalf("got %s, want three answers in another order", body)
	}
	sku := got[1].Body.Value[0]
	for key, want := range map[string]any{
		"skuId": spb, "skuPartNumber": "SPB", "consumedUnits": 2.0, "id": alpha + "_" + spb, "capabilityStatus": "Enabled", "appliesTo": "User",
	} {
		if sku[key] != want {
			t.Errorf("subscribedSkus %s: got %#v, want %#v", key, sku[key], want)
		}
	}
	if plans := sku["servicePlans"].([]any); len(plans) < 12 {
		t.Errorf("servicePlans: got %d, want a realistic number", len(plans))
	}
	if units := fmt.Sprint(got[1].Body.Value[1]["prepaidUnits"]); units != "map[enabled:3 lockedOut:0 suspended:0 warning:2]" {
		t.Errorf("prepaidUnits: got %s", units)
	}
	if subs := got[0].Body.Value; len(subs) != 3 || subs[0]["totalLicenses"] != 25.0 || subs[2]["nextLifecycleDateTime"] != nil {
		t.Errorf("subscriptions: got %v", subs)
	}
	if org := got[2].Body.Value; len(org) != 1 || org[0]["id"] != alpha || len(org[0]) != 3 {
		t.Errorf("organization with $select: got %v", org)
	}
}

func TestASubRequestCanGoWrongByItself(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault cippsim.ResourceFault
		want  string // of the answers with id skus
	}{
		{"403", cippsim.ResourceFault{Status: 403}, "403 Authorization_RequestDenied"},
		{"429", cippsim.ResourceFault{Status: 429}, "429 TooManyRequests"},
		{"500", cippsim.ResourceFault{Status: 500, Message: "boom"}, "500 InternalServerError"},
		{"missing", cippsim.ResourceFault{Missing: true}, ""},
		{"twice", cippsim.ResourceFault{Duplicate: true}, "200 rows 2,429 TooManyRequests"},
		{"cut short in silence", cippsim.ResourceFault{Keep: 1}, "200 rows 1 next"},
		{"with a link left behind", cippsim.ResourceFault{NextLink: true}, "200 rows 2 next"},
		{"empty", cippsim.ResourceFault{Empty: true}, "200 rows 0"},
		{"with a placeholder row", cippsim.ResourceFault{Rows: []any{cippsim.LoadingRow()}}, "200 rows 3"},
	} {
		k := open(t, cippsim.Options{})
		k.s.SetTenantFaults(alpha, cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{"subscribedSkus": tc.fault}})
		_, body := k.bulk("alpha.example")
		var parts []string
		for _, s := range decode[[]sub](t, body) {
			if s.ID != "skus" {
				continue
			}
			p := fmt.Sprintf("%d rows %d", s.Status, len(s.Body.Value))
			if s.Status != 200 {
				p = fmt.Sprintf("%d %s", s.Status, s.Body.Error.Code)
			}
			if s.Body.Next != "" {
				p += " next"
			}
			parts = append(parts, p)
		}
		if got := strings.Join(parts, ","); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
		if _, body = k.bulk("beta.example"); strings.Contains(body, "error") {
			t.Errorf("%s: the other tenant got %s", tc.name, body)
		}
	}
}

func TestBodiesOfSubRequestsAreDeformed(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault cippsim.ResourceFault
		want  string
	}{
		{"no value", cippsim.ResourceFault{NoValue: true}, `"body":{"@odata.context":"https://graph.microsoft.com/beta/$metadata#subscribedSkus"}`},
		{"a null value", cippsim.ResourceFault{NullValue: true}, `"value":null`},
		{"cut at a depth", cippsim.ResourceFault{DepthCut: 1}, `"prepaidUnits":"@{enabled=25; lockedOut=0; suspended=0; warning=0}"`},
		{"rows that are text and null", cippsim.ResourceFault{Empty: true, Rows: []any{"Could not connect", nil}}, `"value":["Could not connect",null]`},
	} {
		k := open(t, cippsim.Options{})
		k.s.SetTenantFaults(alpha, cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{"skus": tc.fault}})
		status, body := k.bulk("alpha.example")
		expect(t, tc.name, status, body, 200, tc.want)
	}
}

func TestAFaultOfAResourceLastsAsOftenAsItSays(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.SetTenantFaults(alpha, cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{"subscribedSkus": {Status: 429, Times: 2}}})
	for i, want := range []bool{true, true, false} {
		if _, body := k.bulk("alpha.example"); strings.Contains(body, "TooManyRequests") != want {
			t.Errorf("read %d: got %s, want throttled: %v", i, body, want)
		}
	}
}

func TestOneTenantCanAnswerWithAnothersData(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.SetTenantFaults(alpha, cippsim.TenantFaults{AnswersFor: beta})
	_, body := k.bulk("alpha.example")
	if !strings.Contains(body, beta+"_"+spb) || strings.Contains(body, alpha) {
		t.Errorf("got %s, want beta's data", body)
	}
}

func TestABulkRequestNeedsJSONAndRequests(t *testing.T) {
	k := open(t, cippsim.Options{})
	status, body := k.send("ListGraphBulkRequest", `{"tenantFilter":"alpha.example","requests":[]}`)
	expect(t, "no requests", status, body, 400)
	status, body = k.send("ListGraphBulkRequest", `{"tenantFilter":"alpha.example","TenantFilter":"beta.example","requests":[{}]}`)
	expect(t, "keys that differ in case", status, body, 500, "different casing")
	status, body = k.send("listgraphbulkrequest", `{"TENANTFILTER":"alpha.example","REQUESTS":[{"ID":"1","METHOD":"GET","URL":"/domains"}]}`)
	expect(t, "names in upper case", status, body, 200, `"isVerified":true`)
	status, body = k.send("ListGraphBulkRequest", `{"tenantFilter":"alpha.example","requests":[{"id":"1","method":"GET","url":"nonsense"}]}`)
	expect(t, "an unknown path", status, body, 200, "Resource not found for the segment 'nonsense'.")
	status, body = k.send("ListGraphBulkRequest", `{"tenantFilter":"alpha.example","requests":[{"id":"1","method":"GET","url":"users?$select=id,shoeSize"}]}`)
	expect(t, "an unknown property", status, body, 200, "Could not find a property named 'shoeSize'")
	k.s.SetTenantFaults(alpha, cippsim.TenantFaults{NeedsApp: true})
	status, body = k.send("ListGraphBulkRequest", `{"tenantFilter":"alpha.example","requests":[{"id":"1","method":"GET","url":"domains"}]}`)
	expect(t, "without asApp", status, body, 200, `"status":403`)
}

func TestABodyThatIsNotDeclaredAsJSONIsNotRead(t *testing.T) {
	k := open(t, cippsim.Options{})
	res, err := k.http.Do(plainPost(k, "ListGraphBulkRequest", `{"tenantFilter":"alpha.example","requests":[{"id":"1","method":"GET","url":"domains"}]}`))
	if err != nil || res.StatusCode != 400 {
		t.Errorf("got %v, %v, want 400", res, err)
	}
	if c := strings.Join(k.s.Complaints(), "\n"); !strings.Contains(c, "application/json") {
		t.Errorf("complaints: got %q", c)
	}
}

func withUsers(n int) func(*cippsim.World) {
	return func(w *cippsim.World) {
		w.Tenants[0].Users = nil
		for i := range n {
			w.Tenants[0].Users = append(w.Tenants[0].Users, &cippsim.User{UPN: fmt.Sprintf("u%04d@alpha.example", i)})
		}
	}
}

func TestTheGraphProxyFollowsPagesUnlessToldOtherwise(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(withUsers(250))
	call := func(pairs ...string) envelope {
		t.Helper()
		_, body := k.get("ListGraphRequest", append([]string{"Endpoint", "users", "tenantFilter", "alpha.example", "$select", "id,userPrincipalName"}, pairs...)...)
		return decode[envelope](t, body)
	}
	if got := len(call().Results); got != 250 {
		t.Errorf("all pages: got %d rows, want 250", got)
	}
	if got := len(call("NoPagination", "true").Results); got != 100 {
		t.Errorf("NoPagination: got %d rows, want 100", got)
	}
	seen, next, pages := map[any]bool{}, "", 0
	for {
		e := call("manualPagination", "true", "$top", "120", "nextLink", next)
		for _, row := range e.Results {
			seen[row["id"]] = true
		}
		pages++
		link, more := e.Metadata["nextLink"].(string)
		if !more {
			break
		}
		next = link
	}
	if pages != 3 || len(seen) != 250 {
		t.Errorf("manual pages: got %d pages and %d users, want 3 and 250", pages, len(seen))
	}
	row := call().Results[0]
	if row["Tenant"] != "alpha.example" || row["CippStatus"] != "Good" || len(row) != 4 {
		t.Errorf("a row: got %v", row)
	}
	status, body := k.get("ListGraphRequest", "Endpoint", "users", "tenantFilter", "alpha.example", "CountOnly", "true")
	expect(t, "CountOnly without a count", status, body, 200, `"Results":[null]`)
	status, body = k.get("ListGraphRequest", "Endpoint", "users", "tenantFilter", "alpha.example", "CountOnly", "true", "$count", "true")
	expect(t, "CountOnly", status, body, 200, `"Results":[250]`)
	status, body = k.get("ListGraphRequest", "Endpoint", "users", "tenantFilter", "alpha.example", "nextLink", "https://elsewhere.example/x")
	expect(t, "a foreign nextLink", status, body, 400, "Graph Error: ")
	status, body = k.get("ListGraphRequest", "Endpoint", "users", "tenantFilter", "alpha.example", "$top", "1000")
	expect(t, "too large a page", status, body, 400, "Invalid page size")
	status, body = k.get("ListGraphRequest", "Endpoint", "users", "tenantFilter", "alpha.example", "CountOnly", "1")
	expect(t, "a flag that is no boolean", status, body, 500, "not recognized as a valid Boolean")
	k.s.SetTenantFaults(alpha, cippsim.TenantFaults{CippStatus: "Error", Graph: map[string]cippsim.ResourceFault{"subscribedSkus": {Status: 403, Message: cippsim.TextNoLicence}}})
	status, body = k.get("ListGraphRequest", "Endpoint", "subscribedSkus", "tenantFilter", "alpha.example")
	expect(t, "a Graph error", status, body, 400, "Graph Error: Required license not available for this tenant - Endpoint: subscribedSkus")
	if got := call().Results[0]["CippStatus"]; got != "Error" {
		t.Errorf("CippStatus: got %v, want Error", got)
	}

	status, body = k.send("ListGraphBulkRequest", `{"tenantFilter":"alpha.example","noPaginateIds":["one"],"requests":[
		{"id":"one","method":"GET","url":"users?$top=99"},{"id":"all","method":"GET","url":"users?$top=99"}]}`)
	got := decode[[]sub](t, body)
	if len(got[0].Body.Value) != 250 || got[0].Body.Next == "" || len(got[1].Body.Value) != 99 || got[1].Body.Next == "" {
		t.Errorf("bulk pages: got %d and %d rows (%d), want all 250 and the first 99, each with the link", len(got[0].Body.Value), len(got[1].Body.Value), status)
	}
}

func TestACountOfMany(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(withUsers(8001))
	call := func(pairs ...string) envelope {
		_, body := k.get("ListGraphRequest", append([]string{"Endpoint", "users", "tenantFilter", "alpha.example", "$select", "id", "$count", "true"}, pairs...)...)
		return decode[envelope](t, body)
	}
	e := call()
	if e.Metadata["Queued"] != true || len(e.Results) != 0 {
		t.Fatalf("above 8,000 rows: got %d rows, %v, want a queue", len(e.Results), e.Metadata)
	}
	if got := len(call("QueueId", e.Metadata["QueueId"].(string)).Results); got != 8001 {
		t.Errorf("the run's rows: got %d, want 8001", got)
	}
}

func TestGraphFiltersExpandsAndNavigates(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) {
		a := w.Tenants[0]
		a.Users[0].ManagerID = a.Users[1].ID
		for i := range 30 {
			a.Groups[0].Members = append(a.Groups[0].Members, fmt.Sprintf("%08d-device", i))
		}
		a.Groups[0].Members[0] = a.Users[0].ID
		a.Users[1].Deleted = false
	})
	w := k.s.World().Tenants[0]
	for _, tc := range []struct {
		name  string
		pairs []string
		rows  int
	}{
		{"an equal", []string{"Endpoint", "users", "$filter", "accountEnabled eq true"}, 2},
		{"two clauses", []string{"Endpoint", "users", "$filter", "accountEnabled eq true and startsWith(displayName,'ada')"}, 1},
		{"graphFilter", []string{"Endpoint", "users", "graphFilter", "userType eq 'Guest'"}, 1},
		{"one object", []string{"Endpoint", "users/" + w.Users[0].ID}, 1},
		{"a manager", []string{"Endpoint", "users/" + w.Users[0].ID + "/manager"}, 1},
		{"members", []string{"Endpoint", "groups/" + w.Groups[0].ID + "/members", "$select", "id,displayName"}, 30},
	} {
		status, body := k.get("ListGraphRequest", append([]string{"tenantFilter", "alpha.example"}, tc.pairs...)...)
		if got := len(decode[envelope](t, body).Results); status != 200 || got != tc.rows {
			t.Errorf("%s: got %d rows (%s), want %d", tc.name, got, body, tc.rows)
		}
	}
	_, body := k.get("ListGraphRequest", "tenantFilter", "alpha.example", "Endpoint", "groups", "$expand", "members")
	if got := len(decode[envelope](t, body).Results[0]["members"].([]any)); got != 20 {
		t.Errorf("expanded members: got %d, want Graph's 20", got)
	}
	status, body := k.get("ListGraphRequest", "tenantFilter", "alpha.example", "Endpoint", "users", "$filter", "nonsense")
	expect(t, "a bad filter", status, body, 400, "Invalid filter clause")
}

func TestAllTenantsIsAQueueWhoseRowsExpireByTenant(t *testing.T) {
	k := open(t, cippsim.Options{TokenLife: 24 * time.Hour})
	k.s.SetFaults(cippsim.Faults{Queues: cippsim.QueueFaults{Step: 10 * time.Minute}})
	call := func(pairs ...string) envelope {
		t.Helper()
		_, body := k.get("ListGraphRequest", append([]string{"Endpoint", "subscribedSkus", "tenantFilter", "AllTenants"}, pairs...)...)
		return decode[envelope](t, body)
	}
	first := call()
	id, _ := first.Metadata["QueueId"].(string)
	if first.Metadata["Queued"] != true || id == "" || len(first.Results) != 0 {
		t.Fatalf("the first call: got %v, want a queue", first)
	}
	tenants := func(e envelope) []string {
		var all []string
		for _, r := range e.Results {
			all = append(all, r["Tenant"].(string))
		}
		return slices.Compact(all)
	}
	state := func() string {
		_, body := k.get("ListCippQueue", "QueueId", id)
		q := decode[rows](t, body)
		if len(q) == 0 {
			return "unknown"
		}
		return fmt.Sprint(q[0]["Status"], " ", q[0]["CompletedTasks"], "/", q[0]["TotalTasks"])
	}
	if got := state(); got != "Queued 0/2" {
		t.Errorf("at once: got %s", got)
	}
	if again := call(); again.Metadata["QueueId"] != id {
		t.Errorf("a second call: got %v, want the same queue", again.Metadata)
	}
	k.clock.pass(11 * time.Minute)
	if got := state(); got != "Running 1/2" {
		t.Errorf("midway: got %s", got)
	}
	if got := tenants(call("QueueId", id)); !slices.Equal(got, []string{"alpha.example"}) {
		t.Errorf("midway: got rows of %v, want a part without any marker", got)
	}
	k.clock.pass(10 * time.Minute)
	if got := state(); got != "Completed 2/2" {
		t.Errorf("at the end: got %s", got)
	}
	if got := tenants(call("QueueId", id)); len(got) != 2 {
		t.Errorf("at the end: got rows of %v, want both", got)
	}
	k.clock.pass(50 * time.Minute)
	if got := tenants(call()); !slices.Equal(got, []string{"beta.example"}) {
		t.Errorf("an hour after the first task: got rows of %v, want the second tenant's alone", got)
	}
	k.clock.pass(3 * time.Hour)
	if got := state(); got != "unknown" {
		t.Errorf("hours later: got %s, want unknown", got)
	}
}

func TestRunsOverAllTenantsHideWhatFails(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  cippsim.TenantFaults
		status string
		want   string // CippStatus of alpha's rows
	}{
		{"an error is a row", cippsim.TenantFaults{GraphError: cippsim.TextDissolved}, "Completed", "Could not connect to tenant. " + cippsim.TextDissolved},
		{"a failed task leaves none", cippsim.TenantFaults{TaskFails: true}, "Completed (with errors)", ""},
		{"nor does a tenant without rows", cippsim.TenantFaults{NoRows: true}, "Completed", ""},
		{"an empty list becomes an error", cippsim.TenantFaults{NullArray: true, Graph: map[string]cippsim.ResourceFault{"*": {Empty: true}}}, "Completed", "Could not connect to tenant. Cannot index into a null array."},
	} {
		k := open(t, cippsim.Options{})
		k.s.SetTenantFaults(alpha, tc.fault)
		call := func() envelope {
			_, body := k.get("ListGraphRequest", "Endpoint", "domains", "tenantFilter", "AllTenants")
			return decode[envelope](t, body)
		}
		id := call().Metadata["QueueId"].(string)
		_, body := k.get("ListCippQueues", "QueueIds", id+",unknown")
		if !strings.Contains(body, `"MissingQueueIds":["unknown"]`) || !strings.Contains(body, `"IsComplete":true`) || !strings.Contains(body, `"Status":"`+tc.status+`"`) {
			t.Errorf("%s: got %s, want status %s", tc.name, body, tc.status)
		}
		got := ""
		for _, row := range call().Results {
			if row["Tenant"] == "alpha.example" {
				got = fmt.Sprint(row["CippStatus"])
			}
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
	k := open(t, cippsim.Options{})
	k.s.SetFaults(cippsim.Faults{Queues: cippsim.QueueFaults{Stalled: true}, Version: "8.7.0"})
	_, body := k.get("ListGraphRequest", "Endpoint", "domains", "tenantFilter", "AllTenants")
	if !strings.Contains(body, `"QueuedId":"`) {
		t.Errorf("an old version: got %s, want QueuedId", body)
	}
	if _, body = k.get("ListCippQueue"); !strings.Contains(body, `"Status":"Queued"`) {
		t.Errorf("a stalled queue: got %s", body)
	}
	k.s.ClearQueues()
	if _, body = k.get("ListCippQueue"); body != "[]" {
		t.Errorf("after a deploy: got %s, want []", body)
	}
}
