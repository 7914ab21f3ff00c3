package cipp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/rest"
)

func TestAnAnswerIsUnwrapped(t *testing.T) {
	for _, c := range []struct {
		name, body string
		rows       string   // "" = none
		texts      []string // where rows were due
		err        string
		queued     bool
	}{
		{name: "a list", body: `[{"a":1}]`, rows: `[{"a":1}]`},
		{name: "a single row", body: `{"a":1}`, rows: `{"a":1}`},
		{name: "an envelope", body: `{"Results":[{"a":1}],"Metadata":{"Queued":false}}`, rows: `[{"a":1}]`},
		{name: "an envelope around one row, in another case", body: `{"metadata":null,"results":{"a":1}}`, rows: `{"a":1}`},
		{name: "an envelope that is put off", body: `{"Results":[],"Metadata":{"Queued":"True","QueueId":"x"}}`, rows: `[]`, queued: true},
		{name: "an envelope around null", body: `{"Results":null}`},
		{name: "an envelope around a sentence", body: `{"Results":"It broke"}`, texts: []string{"It broke"}},
		{name: "an error", body: `{"error":{"code":"X","message":"It broke"}}`, texts: []string{"It broke"}},
		{name: "an error in a word", body: `{"Error":"It broke","Details":""}`, texts: []string{"It broke"}},
		{name: "an error that is none", body: `{"error":null,"id":1}`, rows: `{"error":null,"id":1}`},
		{name: "nothing"}, {name: "null", body: "null"}, {name: "an empty text", body: `""`}, {name: "white space", body: " \r\n"},
		{name: "a byte order mark", body: "\xef\xbb\xbf[]", rows: "[]"},
		{name: "a byte order mark alone", body: "\xef\xbb\xbf"},
		{name: "a sentence as JSON", body: `"Endpoint not found"`, texts: []string{"Endpoint not found"}},
		{name: "a sentence", body: "Endpoint not found", err: `"Endpoint not found"`},
		{name: "a sentence that begins like JSON", body: "null and void", err: `"null and void"`},
		{name: "half an envelope", body: `{"Results":[{"a":1}`, err: "not sound JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := openAnswer([]byte(c.body))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || string(a.rows) != c.rows || !cmp.Equal(a.texts, c.texts) || a.meta.Queued.on != c.queued {
				t.Errorf("got rows %s, texts %q, queued %v, %v", a.rows, a.texts, a.meta.Queued.on, err)
			}
		})
	}
}

func TestScalarsAreTakenForWhatTheyMean(t *testing.T) {
	type probe struct {
		row
		T text   `json:"t"`
		N number `json:"n"`
		F flag   `json:"f"`
		M moment `json:"m"`
	}
	noon := time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, in string
		want     probe
		err      string
	}{
		{name: "as they should be", in: `{"t":"x","n":3,"f":true,"m":"2026-08-20T12:00:00Z"}`, want: probe{T: "x", N: number{n: 3, set: true}, F: flag{true, true}, M: moment{noon}}},
		{name: "as text", in: `{"T":7,"N":"3","F":"False","M":"2026-08-20T14:00:00.0000000+02:00"}`, want: probe{T: "7", N: number{n: 3, set: true}, F: flag{set: true}, M: moment{noon}}},
		{name: "null", in: `{"t":null,"n":null,"f":null,"m":null}`},
		{name: "empty", in: `{"t":"","n":" ","f":"none","m":"0001-01-01T00:00:00Z"}`},
		{name: "lists of one", in: `{"t":["x"],"n":[3],"f":[1],"m":["2026-08-20T12:00:00"]}`, want: probe{T: "x", N: number{n: 3, set: true}, F: flag{true, true}, M: moment{noon}}},
		{name: "empty lists", in: `{"t":[],"n":[],"f":[],"m":[]}`},
		{name: "numbers as doubles", in: `{"n":25.0}`, want: probe{N: number{n: 25, set: true}}},
		{name: "numbers with an exponent", in: `{"n":1E+4}`, want: probe{N: number{n: 10000, set: true}}},
		{name: "a negative number", in: `{"n":-4}`, want: probe{N: number{n: -4, set: true}}},
		{name: "a number that is none", in: `{"n":"2.5"}`, want: probe{N: number{set: true, bad: "2.5"}}},
		{name: "an endless number", in: `{"n":1e400}`, want: probe{N: number{set: true, bad: "1e400"}}},
		{name: "no time", in: `{"m":"Thursday,\nAugust 20"}`},
		{name: "a mangled letter", in: "{\"t\":\"a\xff\"}", want: probe{T: "a\uFFFD"}},
		{name: "the last of two", in: `{"t":"x","T":"y"}`, want: probe{T: "y"}},
		{name: "a cut object", in: `{"t":"@{a=1; b=2}"}`, err: "depth limit"},
		{name: "a cut list", in: `{"n":"System.Object[]"}`, err: "depth limit"},
		{name: "a cut table", in: `{"f":"System.Collections.Hashtable"}`, err: "depth limit"},
		{name: "an object", in: `{"n":{}}`, err: "an object where a single value was due"},
		{name: "a list of two", in: `{"t":["x","y"]}`, err: "a list where a single value was due"},
		{name: "half", in: `{"t":"x`, err: "ends in the middle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := rowsOf[probe]([]byte(c.in))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if rows[0] != c.want {
				t.Errorf("got %+v, want %+v", rows[0], c.want)
			}
		})
	}
}

func TestRowsThatAreNoDataSpoilTheList(t *testing.T) {
	for in, want := range map[string]string{
		`["Could not connect"]`:                        `row 1 is not data: "Could not connect"`,
		`[{"skuId":"x"},"oops"]`:                       `row 2 is not data: "oops"`,
		`[{"skuId":"x"},null]`:                         `row 2 is not data: "null"`,
		`[{"skuId":"x"},[]]`:                           `row 2 is not data: ""`,
		`[{"CippStatus":"Bad"}]`:                       `"Bad"`,
		`[{"CippStatus":"Good","CippException":"{}"}]`: `"{}"`,
		`[{"message":"This function has been deprecated for all users"}]`: "deprecated",
		`["@{a=1; b=2}"]`:         "depth limit",
		`[{"skuId":"x"}]trailing`: "something follows",
		`[{"skuId":"x"}`:          "ends in the middle",
		`"text"`:                  `"text"`,
		`17`:                      "neither a list nor an object",
		`[{"skuId":"x",}]`:        "invalid",
	} {
		if rows, err := rowsOf[skuRow]([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v; want %q", in, rows, err, want)
		}
	}
	for _, in := range []string{``, `null`, `[]`, `[null]`, `[null,null]`} {
		if rows, err := rowsOf[skuRow]([]byte(in)); err != nil || len(rows) != 0 {
			t.Errorf("%s: got %+v, %v; want no rows", in, rows, err)
		}
	}
}

func TestAPartIsFoundWhateverItsShape(t *testing.T) {
	for _, c := range []struct{ name, body, err string }{
		{"in order", `[{"id":"skus","status":200,"body":{"value":[]}}]`, ""},
		{"with its keys turned round", `[{"body":{"value":[]},"Status":"200","ID":"skus"}]`, ""},
		{"twice, the good one first", `[{"id":"skus","status":200,"body":{"value":[]}},{"id":"skus","status":429,"body":{}}]`, ""},
		{"twice, the good one last", `[{"id":"skus","status":429,"headers":{"Retry-After":["7"]},"body":{}},{"id":"skus","status":200,"body":{"value":[]}}]`, ""},
		{"beside null", `[null,{"id":"skus","status":200,"body":{"value":[]}}]`, ""},
		{"alone", `{"id":"skus","status":200,"body":[]}`, ""},
		{"in an envelope", `{"Results":[{"id":"skus","status":200,"body":{"value":null}}]}`, ""},
		{"without a status", `[{"id":"skus","body":{"value":[]}}]`, "no status"},
		{"with a status that is none", `[{"id":"skus","status":"ok","body":{"value":[]}}]`, "no status"},
		{"without a body", `[{"id":"skus","status":200}]`, "without a body"},
		{"with null for a body", `[{"id":"skus","status":200,"body":null}]`, "without a body"},
		{"with an error for a body", `[{"id":"skus","status":200,"body":{"error":{"code":"X","message":"no"}}}]`, `"no"`},
		{"with a text for a value", `[{"id":"skus","status":200,"body":{"value":"no"}}]`, `"no"`},
		{"with a text for a body", `[{"id":"skus","status":200,"body":"no"}]`, `"no"`},
		{"with a body that was cut", `[{"id":"skus","status":200,"body":"@{value=System.Object[]}"}]`, "depth limit"},
		{"refused", `[{"id":"skus","status":403,"body":{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges"}}}]`, "403: Insufficient privileges; the tenant does not let CIPP in"},
		{"refused without a word", `[{"id":"skus","status":404,"body":null}]`, "404: no reason given"},
		{"broken off", `[{"id":"skus","status":200,"body":{"value":[`, "ends in the middle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := bulkResponses([]byte(c.body))
			if err == nil {
				_, err = got["skus"].collect()
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
	got, err := bulkResponses([]byte(`[{"id":"skus","status":429,"headers":{"retry-after":["7"]},"body":{}}]`))
	if p := got["skus"]; err != nil || p.after != 7*time.Second || !p.busy() {
		t.Errorf("a throttled part: got %+v, %v", got, err)
	}
	for _, body := range []string{"", "null", "[]", "[null]", `""`} {
		if _, err := bulkResponses([]byte(body)); !errors.Is(err, errEmptyAnswer) {
			t.Errorf("%q: got %v, want %v", body, err, errEmptyAnswer)
		}
	}
}

func TestOldTermsAreTextThatHoldsJSON(t *testing.T) {
	for _, terms := range []string{
		`[{"Status":"Enabled","TotalLicenses":25,"IsTrial":false,"SubscriptionId":"s1"}]`,
		`{"Status":"Enabled","TotalLicenses":"25","IsTrial":"False","SubscriptionId":"s1"}`,
		`"[{\"Status\":\"Enabled\",\"TotalLicenses\":25,\"IsTrial\":false,\"SubscriptionId\":\"s1\"}]"`,
		`"{\"Status\":\"Enabled\",\"TotalLicenses\":25,\"IsTrial\":false,\"SubscriptionId\":\"s1\"}"`,
	} {
		rows, err := rowsOf[overviewRow]([]byte(`[{"License":"Premium","skuId":"` + premium + `","CountUsed":"23","TotalLicenses":"25","TermInfo":` + terms + `}]`))
		if err != nil {
			t.Errorf("%s: %v", terms, err)
			continue
		}
		if got, err := overview(rows); err != nil || got[0].Purchased != 25 || got[0].Disputed != "" || got[0].Subscriptions[0].ID != "s1" {
			t.Errorf("%s: got %+v, %v", terms, got, err)
		}
	}
	for terms, want := range map[string]string{
		`[]`: "", `null`: "", `""`: "", `"[]"`: "",
		`[{"Status":"Enabled","TotalLicenses":null,"IsTrial":false}]`: "how many units",
		`[{"Status":"Enabled","TotalLicenses":20,"IsTrial":false}]`:   "ListLicenses says 25, its subscriptions add up to 20",
	} {
		rows, err := rowsOf[overviewRow]([]byte(`[{"skuId":"` + premium + `","CountUsed":"23","TotalLicenses":"25","TermInfo":` + terms + `}]`))
		if err != nil {
			t.Errorf("%s: %v", terms, err)
			continue
		}
		got, err := overview(rows)
		if err != nil || !strings.Contains(got[0].Disputed, want) || want == "" && got[0].Disputed != "" || want == "" && got[0].Purchased != 25 {
			t.Errorf("%s: got %+v, %v; want %q", terms, got, err, want)
		}
	}
	for _, terms := range []string{`"@{Status=Enabled}"`, `"soon"`, `"{\"Status\":"`, `17`} {
		if _, err := rowsOf[overviewRow]([]byte(`[{"skuId":"` + premium + `","CountUsed":"1","TotalLicenses":"1","TermInfo":` + terms + `}]`)); err == nil {
			t.Errorf("%s: no error", terms)
		}
	}
}

// FuzzAnswer: whatever arrives, it is either rows or an error, and what is
// proven of it makes sense.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", "[null]", "{}", `"text"`, "\xef\xbb\xbf[]", "<html>", `{"Results":[{"customerId":"` + dentalID + `"}]}`,
		`[{"id":"org","status":200,"body":{"value":[{"id":"` + dentalID + `"}]}},{"id":"skus","status":200,"body":{"value":[{"id":"` + dentalID + `_` + premium +
			`","skuId":"` + premium + `","consumedUnits":"3","prepaidUnits":{"enabled":5}}]}},{"id":"subs","status":200,"body":{"value":[{"skuId":"` + premium +
			`","status":"Enabled","totalLicenses":5,"isTrial":false}]}}]`,
		`[{"skuId":"` + premium + `","CountUsed":"1","TotalLicenses":"1","TermInfo":"[{\"Status\":\"Enabled\"}]"}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		sane := func(list []directory.Licence) {
			seen := map[string]bool{}
			for _, l := range list {
				if !directory.IsGUID(l.SKU) || seen[l.SKU] || l.Assigned < 0 || l.Assigned > maxUnits || l.Suspended < 0 || l.Purchased < 0 || l.Trial < 0 || l.Grace < 0 || l.Grace > l.Purchased {
					t.Errorf("%s: %+v", body, l)
				}
				seen[l.SKU] = true
			}
		}
		if got, err := bulkResponses(body); err == nil {
			if _, err := organization(got); err != nil && err.Error() == "" {
				t.Error("an error without words")
			}
			skus, err1 := got["skus"].collect()
			subs, err2 := got["subs"].collect()
			if err1 == nil && err2 == nil {
				skuRows, err1 := rowsOf[skuRow](skus.rows)
				subRows, err2 := rowsOf[subscriptionRow](subs.rows)
				if err1 == nil && err2 == nil {
					if list, _, err := licences(dentalID, skuRows, subRows); err == nil {
						sane(list)
					}
				}
			}
		}
		if a, err := openAnswer(body); err == nil {
			if rows, err := rowsOf[tenantRow](a.rows); err == nil {
				list, _, _ := tenants(rows, partnerID)
				for _, one := range list {
					if !directory.IsGUID(string(one.ID)) || one.Name == "" {
						t.Errorf("%s: %+v", body, one)
					}
				}
			}
			if rows, err := rowsOf[overviewRow](a.rows); err == nil {
				if list, err := overview(rows); err == nil {
					sane(list)
				}
			}
		}
		for _, status := range []int{200, 301, 400, 401, 403, 404, 429, 500, 503} {
			if c, words := classOfAnswer(status, body); (c == fine) != (status == 200 && !strings.HasPrefix(string(trimBody(body)), "<")) || strings.ContainsAny(words, "\r\n") {
				t.Errorf("%d %q: got class %q, words %q", status, body, c, words)
			}
		}
		if string(body) != before {
			t.Error("the answer was written to")
		}
	})
}

// bulkAnswer is what Graph says of a tenant with as many SKUs, each with as
// many service plans.
func bulkAnswer(tb testing.TB, skus, plans int) []byte {
	tb.Helper()
	guid := func(kind, n int) string {
		return strings.ToLower(strings.NewReplacer("K", string(rune('a'+kind)), "N", string(rune('0'+n/10)), "M", string(rune('0'+n%10))).Replace("K0NM0b7e-2c55-4a39-9d0e-0b8f4b5f1aNM"))
	}
	var skuRows, subRows []any
	for i := range skus {
		var services []any
		for j := range plans {
			services = append(services, object{"servicePlanId": guid(1, j), "servicePlanName": "EXCHANGE_S_ENTERPRISE", "provisioningStatus": "Success", "appliesTo": "User"})
		}
		skuRows = append(skuRows, object{
			"accountName": "fabrikamdental", "accountId": dentalID, "appliesTo": "User", "capabilityStatus": "Enabled", "consumedUnits": 23 + i, "id": dentalID + "_" + guid(0, i),
			"skuId": guid(0, i), "skuPartNumber": "SPB", "subscriptionIds": []any{guid(2, i)},
			"prepaidUnits": object{"enabled": 25 + i, "suspended": 0, "warning": 0, "lockedOut": 0}, "servicePlans": services,
		})
		subRows = append(subRows, object{
			"id": guid(2, i), "commerceSubscriptionId": guid(3, i), "ocpSubscriptionId": guid(4, i), "skuId": guid(0, i), "skuPartNumber": "SPB", "status": "Enabled",
			"totalLicenses": 25 + i, "isTrial": false, "createdDateTime": "2025-12-11T00:00:00Z", "nextLifecycleDateTime": "2026-12-11T00:00:00Z",
			"ownerId": nil, "ownerTenantId": nil, "ownerType": nil, "serviceStatus": services[:min(plans, 5)],
		})
	}
	part := func(id, context string, value any) object {
		return object{"id": id, "status": 200, "headers": object{"Cache-Control": "no-cache", "x-ms-resource-unit": "1", "OData-Version": "4.0", "Content-Type": "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"},
			"body": object{"@odata.context": "https://graph.microsoft.com/beta/$metadata#" + context, "value": value}}
	}
	raw, err := json.Marshal([]any{
		part("subs", "directory/subscriptions", subRows), part("skus", "subscribedSkus", skuRows),
		part("org", "organization(id,displayName,verifiedDomains)", []any{object{"id": dentalID, "displayName": "Fabrikam Dental", "verifiedDomains": []any{
			object{"capabilities": "Email", "isDefault": true, "isInitial": false, "name": "fabrikamdental.example", "type": "Managed"}}}}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// canned answers every call with the same bytes, and the token endpoint with a token.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte(c)
	if strings.HasSuffix(r.URL.Path, "/token") {
		body = []byte(`{"token_type":"Bearer","expires_in":3599,"access_token":"x"}`)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// BenchmarkBulkAnswer compares what an answer costs from bytes to licences with
// what encoding/json takes for decoding it alone.
func BenchmarkBulkAnswer(b *testing.B) {
	body := bulkAnswer(b, 20, 20)
	b.Run("licences", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			got, err := bulkResponses(body)
			if err != nil {
				b.Fatal(err)
			}
			org, err := organization(got)
			if err != nil || org.checkTenant(dentalID) != nil {
				b.Fatal(err)
			}
			skus, _ := got["skus"].collect()
			subs, _ := got["subs"].collect()
			skuRows, err := rowsOf[skuRow](skus.rows)
			if err != nil {
				b.Fatal(err)
			}
			subRows, err := rowsOf[subscriptionRow](subs.rows)
			if err != nil {
				b.Fatal(err)
			}
			if list, _, err := licences(dentalID, skuRows, subRows); err != nil || len(list) != 20 {
				b.Fatal(list, err)
			}
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		conf := sound()
		conf.Rate = rest.Rate{PerSecond: 500_000, Burst: 1000}
		c, err := New(conf, Options{Log: zerolog.Nop(), Transport: canned(body)})
		if err != nil {
			b.Fatal(err)
		}
		tenant := directory.Tenant{ID: dentalID, DefaultDomain: "fabrikamdental.example"}
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			s, err := c.Snapshot(b.Context(), tenant, directory.Licences)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Licences.Items(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		type page[T any] struct {
			Value []T `json:"value"`
		}
		var parts []struct {
			ID     string          `json:"id"`
			Status int             `json:"status"`
			Body   json.RawMessage `json:"body"`
		}
		var skus page[struct {
			ID               string         `json:"id"`
			SkuID            string         `json:"skuId"`
			SkuPartNumber    string         `json:"skuPartNumber"`
			CapabilityStatus string         `json:"capabilityStatus"`
			ConsumedUnits    int            `json:"consumedUnits"`
			PrepaidUnits     map[string]int `json:"prepaidUnits"`
		}]
		var subs page[struct {
			ID                    string    `json:"id"`
			SkuID                 string    `json:"skuId"`
			Status                string    `json:"status"`
			TotalLicenses         int       `json:"totalLicenses"`
			IsTrial               bool      `json:"isTrial"`
			NextLifecycleDateTime time.Time `json:"nextLifecycleDateTime"`
		}]
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			parts, skus.Value, subs.Value = nil, nil, nil
			if err := json.Unmarshal(body, &parts); err != nil {
				b.Fatal(err)
			}
			for _, p := range parts {
				switch p.ID {
				case "skus":
					if err := json.Unmarshal(p.Body, &skus); err != nil {
						b.Fatal(err)
					}
				case "subs":
					if err := json.Unmarshal(p.Body, &subs); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	})
}

func TestARealisticAnswerIsUnderstood(t *testing.T) {
	got, err := bulkResponses(bulkAnswer(t, 20, 20))
	if err != nil {
		t.Fatal(err)
	}
	skus, _ := got["skus"].collect()
	subs, _ := got["subs"].collect()
	skuRows, err := rowsOf[skuRow](skus.rows)
	if err != nil {
		t.Fatal(err)
	}
	subRows, err := rowsOf[subscriptionRow](subs.rows)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := licences(dentalID, skuRows, subRows)
	if err != nil || len(list) != 20 || list[19].Purchased != 44 || list[19].Assigned != 42 || list[19].Disputed != "" {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestAnAnswerIsBrokenWhereNoRowOfItMakesSense(t *testing.T) {
	cut := (&cutError{"System.Object[]"}).Error()
	for _, c := range []struct {
		rows []string
		want string
	}{
		{[]string{"", ""}, ""},
		{[]string{"", "odd"}, ", but for 1 of 2 rows, which make no sense"},
		{[]string{"", "odd", "odd"}, ", but for 2 of 3 rows, which make no sense"},
		{[]string{"odd"}, "error: users: 1 of 1 rows make no sense, the first because odd"},
		{[]string{"", "", cut}, ", but for 1 of 3 rows, which make no sense"},
		{[]string{"", cut, cut}, "error: users: 2 of 3 rows make no sense, the first because " + cut},
		{nil, ""},
	} {
		got, err := unreadNote("users", c.rows, func(s *string) string { return *s })
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.rows, got, c.want)
		}
	}
}
