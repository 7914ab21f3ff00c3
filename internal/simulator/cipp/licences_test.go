package cippsim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

func TestALicenceRowHasCIPPsShape(t *testing.T) {
	k := open(t, cippsim.Options{})
	_, body := k.get("ListLicenses", "tenantFilter", "alpha.example")
	got := decode[rows](t, body)
	row := got[0]
	for key, want := range map[string]any{
		"Tenant": "alpha.example", "License": "Microsoft 365 Business Premium", "skuId": spb,
		"skuPartNumber": "Microsoft 365 Business Premium", "CountUsed": "2", "TotalLicenses": "25", "CountAvailable": 23.0, "availableUnits": 23.0,
		"AssignedGroups": nil,
	} {
		if v, has := row[key]; !has || v != want {
			t.Errorf("%s: got %#v (present: %v), want %#v", key, v, has, want)
		}
	}
	if users := row["AssignedUsers"].([]any); len(users) != 2 {
		t.Errorf("AssignedUsers: got %v, want two", users)
	}
	term := row["TermInfo"].([]any)[0].(map[string]any)
	if term["Term"] != "Yearly" || term["TotalLicenses"] != 25.0 || term["DaysUntilRenew"] != 100.0 || term["NextLifecycle"] != "2027-03-01T00:00:00Z" {
		t.Errorf("TermInfo: got %v", term)
	}
	exchange := got[1]
	if exchange["CountAvailable"] != -1.0 {
		t.Errorf("over-assigned: got %v available, want -1, for units in warning do not count", exchange["CountAvailable"])
	}
	terms := exchange["TermInfo"].([]any)
	if m := terms[0].(map[string]any); m["Term"] != "Monthly" {
		t.Errorf("a monthly term: got %v", m)
	}
	if m := terms[1].(map[string]any); m["NextLifecycle"] != nil || m["DaysUntilRenew"].(float64) > -700_000 || m["Term"] != "Term unknown or non-NCE license" {
		t.Errorf("a term without an end: got %v", m)
	}
}

func TestLicencesHideExcludedSKUsAndFailures(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) { w.ExcludedSKUs = []string{strings.ToUpper(spb)} })
	_, body := k.get("ListLicenses", "tenantFilter", "alpha.example")
	if strings.Contains(body, spb) || !strings.Contains(body, exo) {
		t.Errorf("excluded: got %s, want Exchange alone", body)
	}
	if _, body = k.get("ListLicenses", "tenantFilter", "alpha.example", "IncludeExcluded", "true"); !strings.Contains(body, spb) {
		t.Errorf("IncludeExcluded: got %s", body)
	}
	if _, body = k.bulk("alpha.example"); !strings.Contains(body, spb) {
		t.Errorf("Graph: got %s, want all SKUs", body)
	}
	k.s.SetTenantFaults(alpha, cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{"subscribedSkus": {Status: 403}}})
	status, body := k.get("ListLicenses", "tenantFilter", "alpha.example")
	if status != 200 || body != "[]" {
		t.Errorf("a failed sub-request: got %d %s, want 200 []", status, body)
	}
}

func TestOldVersionsSendOldLicenceRows(t *testing.T) {
	for name, f := range map[string]cippsim.Faults{"by version": {Version: "8.7.0"}} {
		k := open(t, cippsim.Options{})
		k.s.SetFaults(f)
		_, body := k.get("ListLicenses", "tenantFilter", "alpha.example")
		row := decode[rows](t, body)[0]
		if info, isText := row["TermInfo"].(string); !isText || !strings.HasPrefix(info, `[{`) || row["PartitionKey"] != "License" || row["ServicePlans"] != nil {
			t.Errorf("%s: got %v", name, row)
		}
	}
}

func TestLicencesOfAllTenantsComeFromARunOfTheirOwn(t *testing.T) {
	k := open(t, cippsim.Options{TokenLife: 24 * time.Hour})
	k.s.SetTenantFaults(beta, cippsim.TenantFaults{GraphError: cippsim.TextDissolved})
	status, body := k.get("ListLicenses", "tenantFilter", "AllTenants")
	expect(t, "the first call", status, body, 200, `"License":"Loading data for all tenants. Please check back in 1 minute"`)
	status, body = k.get("ListLicenses", "tenantFilter", "AllTenants")
	expect(t, "the second call", status, body, 200, `"Tenant":"alpha.example"`, `"License":"Could not connect to client: `+cippsim.TextDissolved, `"PartitionKey":"License"`)

	_, body = k.get("ListLicensesReport", "tenantFilter", "AllTenants")
	e := decode[envelope](t, body)
	if len(e.Results) != 3 || strings.Contains(body, `"Term":`) {
		t.Errorf("the report: got %s, want three rows without Term", body)
	}
	k.clock.pass(time.Hour)
	_, body = k.get("ListLicensesReport", "tenantFilter", "AllTenants")
	if e = decode[envelope](t, body); e.Metadata["Queued"] != true {
		t.Errorf("an hour later: got %s, want a queue", body)
	}
	_, body = k.get("ListLicensesReport", "tenantFilter", "AllTenants", "QueueId", e.Metadata["QueueId"].(string))
	if again := decode[envelope](t, body); again.Metadata["QueueId"] == e.Metadata["QueueId"] || len(again.Results) != 0 {
		t.Errorf("with QueueId: got %s, want another run and no rows", body)
	}
}

func TestAReportWhoseRunHadErrorsStaysQueued(t *testing.T) {
	k := open(t, cippsim.Options{TokenLife: 24 * time.Hour})
	k.s.SetTenantFaults(beta, cippsim.TenantFaults{TaskFails: true})
	call := func() envelope {
		_, body := k.get("ListLicensesReport", "tenantFilter", "AllTenants")
		return decode[envelope](t, body)
	}
	id := call().Metadata["QueueId"]
	if got := call(); len(got.Results) != 2 {
		t.Errorf("after the run: got %v, want alpha's rows", got)
	}
	k.clock.pass(90 * time.Minute)
	if got := call(); got.Metadata["QueueId"] != id {
		t.Errorf("its rows expired: got %v, want the old queue %v", got.Metadata, id)
	}
	k.clock.pass(2 * time.Hour)
	if got := call(); got.Metadata["QueueId"] == id || got.Metadata["Queued"] != true {
		t.Errorf("the queue is forgotten: got %v, want a new one", got.Metadata)
	}
}

func TestLicenceNamesAreFoundBySKU(t *testing.T) {
	k := open(t, cippsim.Options{})
	_, body := k.send("ExecLicenseSearch", fmt.Sprintf(`{"skuIds":[%q,"unknown"]}`, strings.ToUpper(spb)))
	if want := `[{"displayName":"Microsoft 365 Business Premium","skuId":"` + spb + `"}]`; body != want {
		t.Errorf("got %s, want %s", body, want)
	}
	status, body := k.send("ExecLicenseSearch", `{}`)
	expect(t, "without ids", status, body, 400, `{"error":`)
}

func TestConsumedUnitsCountDisabledAndGuestUsers(t *testing.T) {
	w := testWorld()
	a := w.Tenants[0]
	a.Users[2].Licences = []string{spb}
	a.CountConsumed()
	if a.SKU("SPB").Consumed != 3 || a.SKU(exo).Consumed != 1 {
		t.Errorf("got %d and %d, want 3 and 1", a.SKU("SPB").Consumed, a.SKU(exo).Consumed)
	}
}
