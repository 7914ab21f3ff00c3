package cwsim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// bundleOf asks for the additions of agreements, numbered from 1.
func bundleOf(agreements ...int) string {
	var entries []string
	for i, id := range agreements {
		entries = append(entries, fmt.Sprintf(`{"Version":"2025.1","SequenceNumber":%d,"ResourceType":"addition","ApiRequest":{"parentId":%d,"filters":{"conditions":"cancelledDate=null"},"page":{"page":1,"pageSize":1000}}}`, i+1, id))
	}
	return `{"requests":[` + strings.Join(entries, ",") + `]}`
}

func TestBundleResults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults Faults
		want   string // sequence:status:success:count
	}{
		{"all there", Faults{}, "1:200:true:1 2:200:true:0 3:404:false:0"},
		{"another order", Faults{BundleReversed: true}, "3:404:false:0 2:200:true:0 1:200:true:1"},
		{"one missing", Faults{BundleEntries: map[int]BundleFault{55: {Missing: true}}}, "2:200:true:0 3:404:false:0"},
		{"one throttled", Faults{BundleEntries: map[int]BundleFault{55: {Status: 429}}}, "1:429:false:0 2:200:true:0 3:404:false:0"},
		{"one throttled that claims success", Faults{BundleEntries: map[int]BundleFault{55: {Status: 429, Lying: true}}},
			"1:429:true:0 2:200:true:0 3:404:false:0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, base := newSim(t, seed())
			s.SetFaults(tt.faults)
			r := do(t, base, "POST", "/system/bundles", bundleOf(55, 56, 99))
			r.want(t, 200)
			var body struct {
				Results []struct {
					SequenceNumber, StatusCode int
					Success                    bool
					Entities                   []struct{ ID int }
				}
			}
			if err := json.Unmarshal([]byte(r.body), &body); err != nil {
				t.Fatalf("%s: %v", r.body, err)
			}
			var got []string
			for _, e := range body.Results {
				got = append(got, fmt.Sprintf("%d:%d:%t:%d", e.SequenceNumber, e.StatusCode, e.Success, len(e.Entities)))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBundlesMayBeOffOrShort(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults Faults
		body   string
		status int
		want   string
	}{
		{"not found", Faults{BundlesUnavailable: 404}, bundleOf(55), 404, "NotFound"},
		{"denied", Faults{BundlesUnavailable: 403}, bundleOf(55), 403, "Security"},
		{"too many", Faults{BundleLimit: 1}, bundleOf(55, 56), 400, "OutOfRange"},
		{"none", Faults{}, `{}`, 400, "MissingRequiredField"},
		{"entities under data", Faults{BundleData: true}, bundleOf(55), 200, `"data":[{"id":910,`},
		{"a wrong condition", Faults{},
			`{"requests":[{"sequenceNumber":1,"resourceType":"addition","apiRequest":{"parentId":55,"filters":{"conditions":"qty=1"}}}]}`,
			200, `"success":false,"statusCode":400,"error":{"code":"ApiFindCondition"`},
		{"a resource in the plural", Faults{},
			`{"requests":[{"sequenceNumber":1,"resourceType":"additions","apiRequest":{"parentId":55}}]}`, 200, `"success":false,"statusCode":400`},
		{"agreements", Faults{}, `{"requests":[{"sequenceNumber":4,"resourceType":"agreement","apiRequest":{"filters":{"conditions":"id in (55,57)"}}}]}`, 200, `"sequenceNumber":4,"resourceType":"agreement","version":"2025.1","success":true,"statusCode":200,"entities":[{"id":55`},
		{"every entry costs", Faults{RateLimit: 2, BundleEntriesCost: true}, bundleOf(55, 56, 57), 429, "error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, base := newSim(t, seed())
			s.SetFaults(tt.faults)
			do(t, base, "POST", "/system/bundles", tt.body).want(t, tt.status, tt.want)
		})
	}
}

func TestABundleEntryIs25RowsUnlessAsked(t *testing.T) {
	w := seed()
	for range 40 {
		w.Additions = append(w.Additions, &Addition{AgreementID: 56, ProductID: 752, BillCustomer: "Billable"})
	}
	_, base := newSim(t, w)
	do(t, base, "POST", "/system/bundles",
		`{"requests":[{"sequenceNumber":1,"resourceType":"addition","apiRequest":{"parentId":56}}]}`).want(t, 200, `"count":25`)
	do(t, base, "POST", "/system/bundles", bundleOf(56)).want(t, 200, `"count":40`)
}
