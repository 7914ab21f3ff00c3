package cipp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"syncd/internal/directory"
	cippsim "syncd/internal/simulator/cipp"
)

func TestLicencesAreCountedBySubscription(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		got, proof, err := f.read(t, dentalID)
		if err != nil {
			t.Fatal(err)
		}
		ignore := cmpopts.IgnoreFields(directory.Licence{}, "Subscriptions", "Name")
		want := []directory.Licence{
			{SKU: premium, PartNumber: "SPB", Purchased: 25, Assigned: 23},
			{SKU: e3, PartNumber: "SPE_E3", Purchased: 9, Assigned: 12, Trial: 4, Grace: 3, Suspended: 3},
		}
		if d := diff.Diff(want, got, ignore); d != "" {
			t.Errorf("licences (-want +got):\n%s", d)
		}
		subs := got[1].Subscriptions
		if len(subs) != 4 || !subs[1].Trial || subs[2].Status != "Warning" || !subs[2].Renews.IsZero() || !subs[0].Renews.Equal(bought.AddDate(1, 0, 0)) {
			t.Errorf("subscriptions: got %+v", subs)
		}
		if proof.Endpoint != "ListGraphBulkRequest" || proof.Partial || proof.Rows != 2 || proof.TakenAt.IsZero() || !proof.AsOf.Equal(proof.TakenAt) || len(proof.Checks) == 0 {
			t.Errorf("proof: got %+v", proof)
		}

		// A SKU that nobody bought a subscription of is what prepaidUnits says.
		got, _, err = f.read(t, shipyardID)
		if err != nil || len(got) != 2 || got[1].Purchased != 10000 || got[1].Disputed != "" {
			t.Errorf("without a subscription: got %+v, %v", got, err)
		}
	})
}

func TestTheVersionIsInTheProofOnceItIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		for range 3 {
			if got := f.client.Version(t.Context()); got != "10.8.2" {
				t.Errorf("got version %q", got)
			}
		}
		if _, proof, _ := f.read(t, dentalID); proof.Source != "cipp 10.8.2" {
			t.Errorf("got source %q", proof.Source)
		}
		if got := f.sim.Count("GetVersion"); got != 1 {
			t.Errorf("the version was asked for %d times", got)
		}
	})
}

// one is a fault of the dental practice alone.
func one(f cippsim.TenantFaults) cippsim.Faults {
	return cippsim.Faults{Tenants: map[string]cippsim.TenantFaults{dentalID: f}}
}

func graph(path string, f cippsim.ResourceFault) cippsim.Faults {
	return one(cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{path: f}})
}

func shaped(s cippsim.Shape) cippsim.Faults { return one(cippsim.TenantFaults{Shape: s}) }

type object = map[string]any

// sku is a sound row of subscribedSkus, changed by the pairs of key and value.
func sku(id string, pairs ...any) object {
	row := object{
		"id": dentalID + "_" + id, "skuId": id, "skuPartNumber": "SPB", "capabilityStatus": "Enabled", "consumedUnits": 1,
		"prepaidUnits": object{"enabled": 1, "warning": 0, "suspended": 0, "lockedOut": 0}, "servicePlans": []any{},
	}
	for i := 0; i < len(pairs); i += 2 {
		row[pairs[i].(string)] = pairs[i+1]
	}
	return row
}

func prepaid(enabled any) object { return object{"enabled": enabled} }

func TestWhatIsNotProvenIsUnknownForThatTenantAlone(t *testing.T) {
	rowsOf := func(rows ...any) cippsim.Faults {
		return graph("subscribedSkus", cippsim.ResourceFault{Rows: rows})
	}
	for _, c := range []struct {
		name   string
		faults cippsim.Faults
		rules  []cippsim.Rule
		change func(*cippsim.Tenant)
		want   string // in the reason
		calls  int    // bulk calls for the tenant; 0 = one
	}{
		{name: "an empty list for a tenant that CIPP may not read", faults: one(cippsim.TenantFaults{Unauthorised: true}), want: "CIPP may not read this tenant"},
		{name: "no body at all", faults: shaped(cippsim.Shape{Body: cippsim.NoBody}), want: "the answer is empty"},
		{name: "null", faults: shaped(cippsim.Shape{Body: cippsim.Null}), want: "the answer is empty"},
		{name: "a list of null", faults: shaped(cippsim.Shape{Body: cippsim.ListOfNull}), want: "the answer is empty"},
		{name: "an empty text", faults: shaped(cippsim.Shape{Body: cippsim.EmptyText}), want: "the answer is empty"},
		{name: "an empty list", faults: shaped(cippsim.Shape{Body: cippsim.EmptyList}), want: "the answer is empty"},
		{name: "half an answer that is sound JSON", faults: shaped(cippsim.Shape{Body: `{"id":"org","status":200}`}), want: "no answer to this part"},
		{name: "a list with one error text", faults: shaped(cippsim.Shape{Body: `["Could not connect to tenant"]`}), want: `"Could not connect to tenant"`},
		{name: "an error text in an envelope", faults: shaped(cippsim.Shape{Body: `{"Results":"Something broke"}`}), want: `"Something broke"`},
		{name: "an error object", faults: shaped(cippsim.Shape{Body: `{"error":{"code":"X","message":"Something broke"}}`}), want: `"Something broke"`},
		{name: "a text", faults: shaped(cippsim.Shape{Body: `"Something broke"`}), want: "Something broke"},

		{name: "subscribedSkus refused", faults: graph("subscribedSkus", cippsim.ResourceFault{Status: 403}), want: "subscribedSkus: 403: Insufficient privileges"},
		{name: "subscriptions refused", faults: graph("directory/subscriptions", cippsim.ResourceFault{Status: 403}), want: "directory/subscriptions: 403"},
		{name: "throttled to the end", faults: graph("subscribedSkus", cippsim.ResourceFault{Status: 429}), want: "subscribedSkus: 429: Too many requests", calls: bulkAttempts},
		{name: "Graph is down", faults: graph("directory/subscriptions", cippsim.ResourceFault{Status: 500}), want: "directory/subscriptions: 500", calls: bulkAttempts},
		{name: "a part without an answer", faults: graph("subscribedSkus", cippsim.ResourceFault{Missing: true}), want: "subscribedSkus: no answer to this part"},
		{name: "a part without rows or list", faults: graph("subscribedSkus", cippsim.ResourceFault{NoValue: true}), want: "no SKU id"},
		{name: "no SKU, and no organization to show that CIPP may look", faults: one(cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{
			"subscribedSkus": {Empty: true}, "organization": {Status: 403}}}), want: "nothing shows that CIPP may read"},
		{name: "no subscription, and no organization to show that CIPP may look", faults: one(cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{
			"directory/subscriptions": {Empty: true}, "organization": {Missing: true}}}), want: "directory/subscriptions: empty"},
		{name: "a page too few, and the rest cannot be had", faults: graph("subscribedSkus", cippsim.ResourceFault{NextLink: true}),
			rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Fault: cippsim.Fault{Kind: cippsim.GraphRefused}}}, want: "more than one page"},
		{name: "a page too few, and the rest is put off", faults: graph("subscribedSkus", cippsim.ResourceFault{NextLink: true}),
			rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[],"Metadata":{"Queued":true,"QueueMessage":"Loading data"}}`}}}}, want: "put the answer off"},

		{name: "a page too few, and fewer rows when it is read again", faults: graph("subscribedSkus", cippsim.ResourceFault{NextLink: true}),
			rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[]}`}}}}, want: "only 0 rows where the first page had 2"},
		{name: "a page too few on an instance that cannot read the rest", faults: cippsim.Faults{MissingEndpoints: []string{"ListGraphRequest"},
			Tenants: map[string]cippsim.TenantFaults{dentalID: {Graph: map[string]cippsim.ResourceFault{"subscribedSkus": {NextLink: true}}}}}, want: "cannot read them one by one"},

		{name: "another tenant's answer", faults: one(cippsim.TenantFaults{AnswersFor: bakeryID}), calls: 2, want: "belongs to another tenant"},
		{name: "another tenant's SKUs, and no organization to tell", faults: one(cippsim.TenantFaults{AnswersFor: bakeryID,
			Graph: map[string]cippsim.ResourceFault{"organization": {Status: 403}}}), want: "belongs to another tenant"},

		{name: "a text among the rows", faults: rowsOf("Could not connect"), want: `"Could not connect"`},
		{name: "null among the rows", faults: rowsOf(nil), want: "is not data"},
		{name: "a placeholder among the rows", faults: rowsOf(cippsim.LoadingRow()), want: "Loading data"},
		{name: "an error row", faults: rowsOf(sku(flow, "CippStatus", "Could not connect to tenant. AADSTS65001")), want: "Could not connect to tenant"},
		{name: "a row of another tenant", faults: rowsOf(sku(flow, "Tenant", "northwind.example")), want: "belongs to another tenant"},
		{name: "a row cut at the depth limit", faults: rowsOf("@{skuId=x; prepaidUnits=}"), want: "cut at its depth limit"},
		{name: "units cut at the depth limit", faults: graph("subscribedSkus", cippsim.ResourceFault{DepthCut: 1}), want: "cut at its depth limit"},
		{name: "a body cut at the depth limit", faults: shaped(cippsim.Shape{DepthCut: 1}), want: "cut at its depth limit"},

		{name: "access dissolved by the tenant", faults: one(cippsim.TenantFaults{GraphError: cippsim.TextDissolved}), calls: 2, want: "check its GDAP relationship"},
		{name: "outside the role", faults: one(cippsim.TenantFaults{Denied: true}), want: "let the role of the API client see this tenant"},
		{name: "a Graph error in the clothes of a refusal", faults: one(cippsim.TenantFaults{GraphError: "Something odd", ErrorStatus: 403}), want: "403: Something odd"},
		{name: "an exception inside CIPP", rules: []cippsim.Rule{{Endpoint: "ListGraphBulkRequest", Tenant: "fabrikamdental.example", Fault: cippsim.Fault{Kind: cippsim.Broken}}},
			want: "500: Object reference not set"},
		{name: "a feature that is switched off", rules: []cippsim.Rule{{Endpoint: "ListGraphBulkRequest", Tenant: "fabrikamdental.example", Fault: cippsim.Fault{Kind: cippsim.Disabled}}},
			want: "switched off in CIPP"},
		{name: "excluded in CIPP since the list was read", change: func(t *cippsim.Tenant) { t.Excluded = true }, want: "no longer lists it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.sim.SetFaults(c.faults)
				f.sim.Fail(c.rules...)
				if c.change != nil {
					f.sim.Update(func(w *cippsim.World) { c.change(w.Tenant(dentalID)) })
				}
				items, proof, err := f.read(t, dentalID)
				switch {
				case err == nil:
					t.Fatalf("proven: %+v", items)
				case !errors.Is(err, directory.ErrIncomplete):
					t.Errorf("%v is not ErrIncomplete", err)
				case !strings.Contains(err.Error(), c.want):
					t.Errorf("the reason %q does not say %q", err, c.want)
				case strings.ContainsAny(err.Error(), "\n\r"):
					t.Errorf("the reason has several lines: %q", err)
				}
				if proof.Source == "" || proof.Endpoint == "" || proof.TakenAt.IsZero() {
					t.Errorf("the attempt is not told: %+v", proof)
				}
				if got, want := f.sim.Count("ListGraphBulkRequest"), max(1, c.calls); got != want {
					t.Errorf("got %d bulk calls, want %d", got, want)
				}
				for _, id := range []directory.TenantID{bakeryID, shipyardID} {
					if _, _, err := f.read(t, id); err != nil {
						t.Errorf("another tenant suffers: %v", err)
					}
				}
			})
		})
	}
}

// A row that makes no sense freezes its own SKU, and what is proven of the others stands.
func TestARowThatMakesNoSenseFreezesItsOwnSKU(t *testing.T) {
	skus := func(rows ...any) cippsim.Faults { return graph("subscribedSkus", cippsim.ResourceFault{Rows: rows}) }
	subs := func(pairs ...any) cippsim.Faults {
		row := object{"id": "s1", "skuId": flow, "skuPartNumber": "FLOW_FREE", "status": "Enabled", "totalLicenses": 1, "isTrial": false}
		for i := 0; i < len(pairs); i += 2 {
			row[pairs[i].(string)] = pairs[i+1]
		}
		return one(cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{
			"subscribedSkus": {Rows: []any{sku(flow, "skuPartNumber", "FLOW_FREE")}}, "directory/subscriptions": {Rows: []any{row}}}})
	}
	for _, c := range []struct {
		name    string
		faults  cippsim.Faults
		sku     string // the frozen one; flow where it is not said
		want    string // why
		partial bool
	}{
		{name: "a row without a SKU id, whose own id ends in it", faults: skus(sku(flow, "skuId", nil)), want: "has no SKU id"},
		{name: "a row that could be any SKU's", faults: skus(sku(flow, "skuId", nil, "id", nil)), sku: "none", partial: true},
		{name: "a SKU twice", faults: skus(sku(strings.ToUpper(premium))), sku: premium, want: "lists it twice"},
		{name: "a negative number", faults: skus(sku(flow, "consumedUnits", -1)), want: "consumedUnits is negative (-1)"},
		{name: "an absurd number", faults: skus(sku(flow, "prepaidUnits", prepaid(10_000_001))), want: "prepaidUnits.enabled is absurd"},
		{name: "half a licence", faults: skus(sku(flow, "consumedUnits", 2.5)), want: `consumedUnits is "2.5"`},
		{name: "a word for a number", faults: skus(sku(flow, "consumedUnits", "many")), want: `consumedUnits is "many"`},
		{name: "an object for a number", faults: skus(sku(flow, "consumedUnits", object{"n": 1})), want: "consumedUnits: an object where a single value was due"},
		{name: "no number", faults: skus(sku(flow, "consumedUnits", nil)), want: "consumedUnits is missing"},
		{name: "no units", faults: skus(sku(flow, "prepaidUnits", nil)), want: "prepaidUnits.enabled is missing"},
		{name: "units cut by another host", faults: skus(sku(flow, "prepaidUnits", "System.Collections.Hashtable")), want: "cut at its depth limit"},
		{name: "a list for a word", faults: skus(sku(flow, "skuId", []any{flow, e3})), want: "a list where a single value was due"},
		{name: "a subscription without a number", faults: subs("totalLicenses", nil), want: `subscription "s1": totalLicenses is missing`},
		{name: "a subscription with a list for a number", faults: subs("totalLicenses", []any{1, 2}), want: `subscription "s1": totalLicenses: a list where`},
		{name: "a subscription of no SKU, told by its part number", faults: subs("skuId", nil), want: `subscription "s1" has no SKU id`},
		{name: "a subscription of no SKU, told by what lacks one", faults: subs("skuId", nil, "skuPartNumber", nil), want: `subscription "s1" has no SKU id`},
		{name: "a subscription of no SKU, which nobody lacks", faults: graph("directory/subscriptions", cippsim.ResourceFault{Rows: []any{object{"id": "s1", "skuId": nil, "status": "Deleted", "totalLicenses": 3}}}), sku: "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.sim.Update(func(w *cippsim.World) {
					w.Tenant(dentalID).SKUs[1].Suspended, w.Tenant(dentalID).SKUs[1].LockedOut = 2, 0
				})
				f.sim.SetFaults(c.faults)
				got, proof, err := f.read(t, dentalID)
				if err != nil {
					t.Fatal(err)
				}
				want, sound := cmp.Or(c.sku, flow), 0
				for _, l := range got {
					switch {
					case l.SKU == want && (l.Unread == "" || !strings.Contains(l.Unread, c.want)):
						t.Errorf("%s: got %q, want %q", l.SKU, l.Unread, c.want)
					case l.SKU != want && (l.Unread != "" || l.Disputed != ""):
						t.Errorf("%s suffers: %q %q", l.SKU, l.Unread, l.Disputed)
					case l.SKU == premium && l.Purchased != 25:
						t.Errorf("got %d units, want 25", l.Purchased)
					case l.SKU != want:
						sound++
					}
				}
				if sound == 0 || proof.Partial != c.partial || want != "none" && !strings.Contains(strings.Join(proof.Checks, "\n"), "but for 1 of") {
					t.Errorf("%d sound, partial %t, checks %q", sound, proof.Partial, proof.Checks)
				}
			})
		})
	}
}

func TestWhatPassesOrDoesNotMatterIsProven(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults cippsim.Faults
		rules  []cippsim.Rule
		change func(*cippsim.Tenant)
		check  string // among the checks
		rows   int    // 0 = two
		calls  int    // of the API; 0 = one
	}{
		{name: "a throttled part is asked again", faults: graph("subscribedSkus", cippsim.ResourceFault{Status: 429, Times: 2}), calls: 3},
		{name: "a part that failed once is asked again", faults: graph("directory/subscriptions", cippsim.ResourceFault{Status: 503, Times: 1}), calls: 2},
		{name: "a throttle text is asked again", rules: []cippsim.Rule{{Endpoint: "ListGraphBulkRequest", Times: 2, Fault: cippsim.Fault{Kind: cippsim.Throttled400}}}, calls: 3},
		{name: "a throttle text as 500 is asked again", rules: []cippsim.Rule{{Endpoint: "ListGraphBulkRequest", Times: 1, Fault: cippsim.Fault{Kind: cippsim.Throttled500}}}, calls: 2},
		{name: "a body that breaks off is asked again", rules: []cippsim.Rule{{Endpoint: "ListGraphBulkRequest", Times: 1, Fault: cippsim.Fault{Kind: cippsim.CutBody}}}, calls: 2},
		{name: "a gateway that gives up is asked again", rules: []cippsim.Rule{{Endpoint: "ListGraphBulkRequest", Times: 1, Fault: cippsim.Fault{Kind: cippsim.TimedOut}}}, calls: 2},
		{name: "the same id twice counts once", faults: graph("subscribedSkus", cippsim.ResourceFault{Duplicate: true})},
		{name: "a second page is read by the road that fails aloud", faults: graph("subscribedSkus", cippsim.ResourceFault{NextLink: true}), check: "subscribedSkus read again to the end", calls: 2},
		{name: "only the organization was refused", faults: graph("organization", cippsim.ResourceFault{Status: 403}), check: "organization absent: the tenant is known by its SKU rows"},
		{name: "the organization was not answered", faults: graph("organization", cippsim.ResourceFault{Missing: true}), check: "organization absent: the tenant is known by its SKU rows"},
		{name: "no SKU, in a tenant that shows itself", change: func(t *cippsim.Tenant) { t.SKUs = nil }, check: "organization is this tenant", rows: -1},
		{name: "null for an empty list, in a tenant that shows itself", faults: graph("subscribedSkus", cippsim.ResourceFault{Empty: true, NullValue: true}), rows: 2},
		{name: "numbers as text", faults: shaped(cippsim.Shape{TextNumbers: true, TextBools: true})},
		{name: "keys in another case", faults: shaped(cippsim.Shape{OtherCase: true})},
		{name: "a byte order mark and no content type", faults: shaped(cippsim.Shape{BOM: true, PlainText: true})},
		{name: "lists of one without their brackets", faults: shaped(cippsim.Shape{CollapseInside: true, Collapse: true, NullLists: true}),
			change: func(t *cippsim.Tenant) {
				t.SKUs = t.SKUs[:1]
				t.SKUs[0].Subscriptions = t.SKUs[0].Subscriptions[:1]
				t.SKUs[0].Enabled = 20
			}, rows: 1},
		{name: "whole numbers written as doubles", faults: graph("subscribedSkus", cippsim.ResourceFault{Rows: []any{sku(flow, "consumedUnits", "1.0")}}), rows: 3},
		{name: "a tenant whose Graph only lets applications in", faults: one(cippsim.TenantFaults{NeedsApp: true})},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.sim.SetFaults(c.faults)
				f.sim.Fail(c.rules...)
				if c.change != nil {
					f.sim.Update(func(w *cippsim.World) { c.change(w.Tenant(dentalID)) })
				}
				got, proof, err := f.read(t, dentalID)
				if err != nil {
					t.Fatal(err)
				}
				want := c.rows
				switch want {
				case 0:
					want = 2
				case -1:
					want = 0
				}
				if len(got) != want {
					t.Errorf("got %d licences, want %d", len(got), want)
				}
				if !strings.Contains(strings.Join(proof.Checks, "\n"), c.check) {
					t.Errorf("the checks %q do not say %q", proof.Checks, c.check)
				}
				if calls := f.sim.Count(""); calls != max(1, c.calls) {
					t.Errorf("got %d calls, want %d", calls, max(1, c.calls))
				}
			})
		})
	}
}

func TestALicenceIsDisputedWhereTheAnswersDisagree(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*cippsim.SKU)
		want   string
		bought int
	}{
		{"more units than were bought", func(k *cippsim.SKU) { k.Enabled = 30 }, "prepaidUnits says 30, its subscriptions add up to 25", 25},
		{"a state that Microsoft adds later", func(k *cippsim.SKU) { k.Subscriptions[0].Status = "Resting" }, "prepaidUnits says 25, its subscriptions add up to 5", 5},
		{"units of a SKU that is locked out", func(k *cippsim.SKU) { k.CapabilityStatus = "LockedOut" }, "capabilityStatus LockedOut means 0, its subscriptions add up to 25", 25},
		{"agreement", func(k *cippsim.SKU) {}, "", 25},
		{"a lapsed SKU", func(k *cippsim.SKU) {
			k.CapabilityStatus, k.Suspended, k.Enabled = "Suspended", 25, 0
			for i := range k.Subscriptions {
				k.Subscriptions[i].Status = "Suspended"
			}
		}, "", 0},
		{"a lapsed SKU of which no subscription is left", func(k *cippsim.SKU) { k.CapabilityStatus, k.Subscriptions = "Deleted", nil }, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.sim.Update(func(w *cippsim.World) { c.change(&w.Tenant(dentalID).SKUs[0]) })
				got, _, err := f.read(t, dentalID)
				if err != nil {
					t.Fatal(err)
				}
				if got[0].Disputed != c.want || got[0].Purchased != c.bought {
					t.Errorf("got %d, disputed %q; want %d, %q", got[0].Purchased, got[0].Disputed, c.bought, c.want)
				}
				if got[1].Disputed != "" {
					t.Errorf("another SKU is disputed: %q", got[1].Disputed)
				}
			})
		})
	}

	t.Run("no subscription is listed, and units are paid for", func(t *testing.T) {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(graph("directory/subscriptions", cippsim.ResourceFault{Empty: true}))
			got, _, err := f.read(t, dentalID)
			if err != nil || len(got) != 2 || !strings.Contains(got[0].Disputed, "lists none of its subscriptions") {
				t.Errorf("got %+v, %v: units of which nobody knows whether they are a trial's count", got, err)
			}
		})
	})
	t.Run("subscriptions that are named and not listed", func(t *testing.T) {
		for names, disputed := range map[any]bool{nil: false, "s1": true} {
			inBubble(t, func(t *testing.T, f *fixture) {
				f.sim.SetFaults(one(cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{
					"subscribedSkus":          {Rows: []any{sku(flow, "subscriptionIds", names)}},
					"directory/subscriptions": {Rows: []any{object{"id": "s8", "skuId": premium, "status": "Deleted", "totalLicenses": 1}}},
				}}))
				got, _, err := f.read(t, dentalID)
				i := slices.IndexFunc(got, func(l directory.Licence) bool { return l.SKU == flow })
				if err != nil || i < 0 || (got[i].Disputed != "") != disputed {
					t.Errorf("names %v: got %+v, %v, want disputed %t", names, got, err, disputed)
				}
			})
		}
	})

	t.Run("a subscription of a SKU that is not listed", func(t *testing.T) {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(graph("directory/subscriptions", cippsim.ResourceFault{Rows: []any{
				object{"id": "s8", "skuId": flow, "status": "Enabled", "totalLicenses": 8, "isTrial": false},
				object{"id": "s9", "skuId": "11111111-2222-3333-4444-555555555555", "status": "Deleted", "totalLicenses": 8, "isTrial": false},
				object{"id": "s7", "skuId": premium, "status": "Deleted", "totalLicenses": 0},
			}}))
			got, _, err := f.read(t, dentalID)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 3 || got[2].SKU != flow || !strings.Contains(got[2].Disputed, "subscribedSkus does not list it") || got[0].Disputed != "" {
				t.Errorf("got %+v", got)
			}
		})
	})
	t.Run("a subscription that does not say whether it is a trial is none", func(t *testing.T) {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(one(cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{
				"subscribedSkus":          {Rows: []any{sku(flow)}},
				"directory/subscriptions": {Rows: []any{object{"id": "s8", "skuId": flow, "status": "Enabled", "totalLicenses": 1}}},
			}}))
			got, _, err := f.read(t, dentalID)
			if err != nil || len(got) != 3 || got[2].Disputed != "" || got[2].Purchased != 1 {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	})
}

func TestOlderInstancesAreReadByOlderRoads(t *testing.T) {
	without := func(endpoints ...string) cippsim.Faults {
		return cippsim.Faults{MissingEndpoints: endpoints}
	}
	t.Run("two calls where there is no bulk call", func(t *testing.T) {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(without("ListGraphBulkRequest"))
			got, proof, err := f.read(t, dentalID)
			if err != nil || len(got) != 2 || got[1].Trial != 4 || proof.Endpoint != "ListGraphRequest" || proof.Partial {
				t.Errorf("got %+v, %+v, %v", got, proof, err)
			}
			if _, _, err := f.read(t, bakeryID); err != nil {
				t.Error(err)
			}
			if got := f.sim.Count("ListGraphBulkRequest"); got != 1 {
				t.Errorf("the missing endpoint was asked %d times, want 1", got)
			}
			// The instance updates itself while we run.
			f.sim.SetFaults(cippsim.Faults{})
			time.Sleep(missingTTL)
			if _, proof, err := f.read(t, dentalID); err != nil || proof.Endpoint != "ListGraphBulkRequest" {
				t.Errorf("an hour later: got %+v, %v", proof, err)
			}
		})
	})
	t.Run("the overview where there is neither", func(t *testing.T) {
		for _, version := range []string{"", "7.4.1"} {
			inBubble(t, func(t *testing.T, f *fixture) {
				faults := without("ListGraphBulkRequest", "ListGraphRequest")
				faults.Version = version
				f.sim.SetFaults(faults)
				f.sim.Update(func(w *cippsim.World) { w.ExcludedSKUs = []string{flow} })
				got, proof, err := f.read(t, dentalID)
				if err != nil || len(got) != 2 || !proof.Partial || proof.Endpoint != "ListLicenses" {
					t.Fatalf("version %q: got %+v, %+v, %v", version, got, proof, err)
				}
				if l := got[0]; l.SKU != premium || l.Purchased != 25 || l.Assigned != 23 || l.Disputed != "" || l.Name != "Microsoft 365 Business Premium" {
					t.Errorf("version %q: got %+v", version, l)
				}
				if l := got[1]; l.Purchased != 9 || l.Trial != 4 || l.Grace != 3 || l.Disputed != "" || len(l.Subscriptions) != 4 {
					t.Errorf("version %q: got %+v", version, l)
				}
				if got, _, err := f.read(t, shipyardID); err != nil || len(got) != 1 {
					t.Errorf("version %q: hidden SKU: got %+v, %v", version, got, err)
				}
			})
		}
	})
	t.Run("nothing where there is none of them", func(t *testing.T) {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(without("ListGraphBulkRequest", "ListGraphRequest", "ListLicenses"))
			if _, _, err := f.read(t, dentalID); err == nil || !strings.Contains(err.Error(), "no such endpoint") {
				t.Errorf("got %v", err)
			}
		})
	})

	for _, c := range []struct {
		name    string
		missing []string
		faults  cippsim.TenantFaults
		want    string
	}{
		{"an error in one of the two calls", []string{"ListGraphBulkRequest"}, cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{"directory/subscriptions": {Status: 403}}}, "directory/subscriptions"},
		{"rows that are errors", []string{"ListGraphBulkRequest"}, cippsim.TenantFaults{CippStatus: "Could not connect to tenant"}, "Could not connect to tenant"},
		{"no rows", []string{"ListGraphBulkRequest"}, cippsim.TenantFaults{Unauthorised: true}, "nothing shows that CIPP may read"},
		{"another tenant's rows", []string{"ListGraphBulkRequest"}, cippsim.TenantFaults{AnswersFor: bakeryID}, "belongs to another tenant"},
		{"an empty overview", []string{"ListGraphBulkRequest", "ListGraphRequest"}, cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{"subscribedSkus": {Status: 403}}}, "the answer is empty"},
		{"a placeholder in the overview", []string{"ListGraphBulkRequest", "ListGraphRequest"}, cippsim.TenantFaults{Shape: cippsim.Shape{Rows: []any{cippsim.LoadingRow()}}}, "Loading data"},
		{"an error row in the overview", []string{"ListGraphBulkRequest", "ListGraphRequest"}, cippsim.TenantFaults{Shape: cippsim.Shape{Rows: []any{cippsim.ErrorRow("fabrikamdental.example", "AADSTS65001")}}}, "AADSTS65001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				faults := one(c.faults)
				faults.MissingEndpoints = c.missing
				f.sim.SetFaults(faults)
				if _, _, err := f.read(t, dentalID); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				if _, _, err := f.read(t, bakeryID); err != nil {
					t.Errorf("another tenant suffers: %v", err)
				}
			})
		})
	}
}

func TestVerifiedDomainsAreReadTenantByTenant(t *testing.T) {
	for _, missing := range [][]string{nil, {"ListGraphBulkRequest"}} {
		inBubble(t, func(t *testing.T, f *fixture) {
			f.sim.Update(func(w *cippsim.World) {
				w.Tenant(shipyardID).Domains = []cippsim.Domain{
					{Name: "shipyard.onmicrosoft.com", Initial: true}, {Name: "Shipyard.example", Default: true},
					{Name: "boats.example"}, {Name: "pending.example", Unverified: true}, {Name: "shipyard.mail.onmicrosoft.com"},
				}
			})
			faults := one(cippsim.TenantFaults{GraphError: "Something odd"})
			faults.MissingEndpoints = missing
			f.sim.SetFaults(faults)
			got, err := f.client.VerifiedDomains(t.Context(), []directory.Tenant{
				f.tenant(t, shipyardID), f.tenant(t, dentalID), f.tenant(t, bakeryID),
			})
			if err != nil || len(got) != 3 {
				t.Fatalf("got %+v, %v", got, err)
			}
			if fmt.Sprint(got[0].Names) != "[boats.example shipyard.example]" || got[0].Err != nil || got[0].Tenant != shipyardID {
				t.Errorf("shipyard: got %+v", got[0])
			}
			if got[1].Err == nil || got[1].Names != nil {
				t.Errorf("dental: got %+v", got[1])
			}
			if fmt.Sprint(got[2].Names) != "[northwind.example]" {
				t.Errorf("bakery: got %+v", got[2])
			}
		})
	}
}

func TestCheckFindsTheFirstThingToRepair(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults cippsim.Faults
		rules  []cippsim.Rule
		want   string // name of the last finding
		remedy string // "" = all is well
	}{
		{"all is well", cippsim.Faults{}, nil, "licences", ""},
		{"an expired secret", cippsim.Faults{Token: cippsim.TokenFaults{Failure: cippsim.ExpiredSecret}}, nil, "token", "has expired"},
		{"a client that was not saved", cippsim.Faults{}, []cippsim.Rule{{Fault: cippsim.Fault{Kind: cippsim.Unauthorized}}}, "address", "Save Azure Configuration"},
		{"the portal's address", cippsim.Faults{Address: cippsim.PortalSignIn}, nil, "address", "API URL"},
		{"a role without tenants", cippsim.Faults{List: cippsim.ListFaults{Empty: true}}, nil, "tenants", ""},
		{"a role without rights", cippsim.Faults{}, []cippsim.Rule{{Endpoint: "ListTenants", Fault: cippsim.Fault{Kind: cippsim.Denied}}}, "tenants", "CIPP.Core.Read"},
		{"a CIPP that is down", cippsim.Faults{}, []cippsim.Rule{{Endpoint: "ListTenants", Fault: cippsim.Fault{Kind: cippsim.Unavailable}}}, "tenants", "nothing is wrong with the configuration"},
		{"a CIPP that is slow", cippsim.Faults{}, []cippsim.Rule{{Endpoint: "ListTenants", Fault: cippsim.Fault{Kind: cippsim.TimedOut}}}, "tenants", "nothing is wrong with the configuration"},
		{"a CIPP that Microsoft throttles", cippsim.Faults{}, []cippsim.Rule{{Endpoint: "ListTenants", Fault: cippsim.Fault{Kind: cippsim.Throttled500}}}, "tenants", "nothing is wrong with the configuration"},
		{"a CIPP that breaks", cippsim.Faults{}, []cippsim.Rule{{Endpoint: "ListTenants", Fault: cippsim.Fault{Kind: cippsim.Broken}}}, "tenants", "permission check"},
		{"a CIPP that is down before it is asked", cippsim.Faults{}, []cippsim.Rule{{Fault: cippsim.Fault{Kind: cippsim.Unavailable}}}, "address", "the next run tries again"},
		{"a CIPP that breaks before it is asked", cippsim.Faults{}, []cippsim.Rule{{Fault: cippsim.Fault{Kind: cippsim.Broken}}}, "address", "look at CIPP's log"},
		{"a bulk read that is refused", cippsim.Faults{}, []cippsim.Rule{{Endpoint: "ListGraphBulkRequest", Fault: cippsim.Fault{Kind: cippsim.Denied}}}, "licences", "CIPP.Core.Read"},
		{"a tenant that lets nobody in", cippsim.Faults{Tenants: map[string]cippsim.TenantFaults{"*": {GraphError: cippsim.TextDissolved}}}, nil, "licences", "GDAP"},
		{"an instance too old to be whole", cippsim.Faults{MissingEndpoints: []string{"ListGraphBulkRequest", "ListGraphRequest"}}, nil, "licences", "update CIPP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, estate())
				f.sim.SetFaults(c.faults)
				f.sim.Fail(c.rules...)
				all := f.client.Check(t.Context(), directory.Licences)
				last := all[len(all)-1]
				if last.Name != c.want || !strings.Contains(last.Remedy, c.remedy) {
					t.Errorf("got %+v, want %s with remedy %q", last, c.want, c.remedy)
				}
				for i, f := range all {
					if ok := i < len(all)-1 || c.remedy == "" && c.want == "licences" || strings.Contains(c.remedy, "update"); f.OK != ok || f.Detail == "" {
						t.Errorf("finding %d: got %+v, want OK %v", i, f, ok)
					}
					if strings.Contains(f.Detail+f.Remedy, clientSecret) {
						t.Errorf("the finding holds the secret: %+v", f)
					}
				}
			})
		})
	}
}
