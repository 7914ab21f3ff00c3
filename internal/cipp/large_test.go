package cipp

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/rest"
)

// A largeTenant is a tenant of 20,000 users whose answers cost the test no memory of
// its own: every page is made when it is asked for.
type largeTenant struct {
	users int
	peak  *atomic.Uint64 // most of the heap that was in use when a page was asked for
}

func (w largeTenant) RoundTrip(r *http.Request) (*http.Response, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > w.peak.Load() {
		w.peak.Store(m.HeapAlloc)
	}
	var b bytes.Buffer
	const page = 500
	switch q := r.URL.Query(); {
	case strings.HasSuffix(r.URL.Path, "/token"):
		b.WriteString(`{"token_type":"Bearer","expires_in":3599,"access_token":"x"}`)
	case strings.HasSuffix(r.URL.Path, "/ListGraphBulkRequest"):
		fmt.Fprintf(&b, `[{"id":"org","status":200,"body":{"value":[{"id":%q}]}},{"id":"users","status":200,"body":{"@odata.nextLink":"https://graph.microsoft.com/beta/users?$skiptoken=%d","value":`, dentalID, page)
		w.page(&b, 0, page)
		b.WriteString(`}}]`)
	case strings.HasSuffix(r.URL.Path, "/ListGraphRequest") && q.Get("CountOnly") != "":
		fmt.Fprintf(&b, `{"Results":[%d]}`, w.users)
	case strings.HasSuffix(r.URL.Path, "/ListGraphRequest"):
		var at int
		_, _ = fmt.Sscanf(q.Get("nextLink"), "https://graph.microsoft.com/beta/users?$skiptoken=%d", &at)
		b.WriteString(`{"Results":`)
		w.page(&b, at, page)
		if at += page; at < w.users {
			fmt.Fprintf(&b, `,"Metadata":{"nextLink":"https://graph.microsoft.com/beta/users?$skiptoken=%d"}`, at)
		}
		b.WriteString(`}`)
	case strings.HasSuffix(r.URL.Path, "/ListMFAUsers"):
		b.WriteByte('[')
		for i := range w.users {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"Tenant":"fabrikamdental.example","ID":"a0000000-0000-4000-8000-%012d","UPN":"user%d@fabrikamdental.example","AccountEnabled":true,"PerUser":"disabled","MFARegistration":true,"MFAMethods":["microsoftAuthenticatorPush"],"CoveredByCA":"Enforced - All Apps","CAPolicies":[{"DisplayName":"Everybody","State":"enabled"}],"CoveredBySD":false,"CacheTimestamp":"2999-01-01T00:00:00Z"}`, i, i)
		}
		b.WriteByte(']')
	default:
		b.WriteString(`{"Results":null}`) // no counts
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(&b), ContentLength: int64(b.Len()), Request: r}, nil
}

func (w largeTenant) page(b *bytes.Buffer, from, n int) {
	b.WriteByte('[')
	for i := from; i < min(from+n, w.users); i++ {
		if i > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, `{"id":"a0000000-0000-4000-8000-%012[1]d","userPrincipalName":"user%[1]d@fabrikamdental.example","displayName":"Person Number %[1]d","givenName":"Person","surname":"Number %[1]d",`+
			`"mail":"user%[1]d@fabrikamdental.example","proxyAddresses":["SMTP:user%[1]d@fabrikamdental.example","smtp:alias%[1]d@fabrikamdental.example","SIP:user%[1]d@fabrikamdental.example"],`+
			`"accountEnabled":true,"userType":"Member","isResourceAccount":null,"jobTitle":"Clerk","department":"Department %[2]d","companyName":"Fabrikam","officeLocation":"Leeds","mobilePhone":"+44 7700 9%05[1]d",`+
			`"businessPhones":["+44 113 496 %04[2]d"],"city":"Leeds","country":"United Kingdom","usageLocation":"GB","employeeId":"%[1]d","createdDateTime":"2023-02-11T08:40:10Z",`+
			`"assignedLicenses":[{"disabledPlans":["efb87545-963c-4e0d-99df-69c6916d9eb0"],"skuId":"%[3]s"},{"disabledPlans":[],"skuId":"%[4]s"}],"onPremisesSyncEnabled":true,`+
			`"manager":{"@odata.type":"#microsoft.graph.user","id":"a0000000-0000-4000-8000-000000000001"},"signInActivity":{"lastSignInDateTime":"2026-08-19T08:40:10Z","lastNonInteractiveSignInDateTime":"2026-08-20T08:40:10Z"},"Tenant":"fabrikamdental.example","CippStatus":"Good"}`,
			i, i%40, premium, e3)
	}
	b.WriteByte(']')
}

func largeTenantClient(t testing.TB, w largeTenant) *Client {
	conf := sound()
	conf.Rate = rest.Rate{PerSecond: 500_000, Burst: 1000}
	c, err := New(conf, Options{Log: zerolog.Nop(), Transport: w})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var practice = directory.Tenant{ID: dentalID, DefaultDomain: "fabrikamdental.example"}

// A tenant of 20,000 users is some 30 MB of answers; what is held while they
// are read stays near what they come to.
func BenchmarkALargeTenant(b *testing.B) {
	peak := new(atomic.Uint64)
	c := largeTenantClient(b, largeTenant{20_000, peak})
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	var s *directory.Snapshot
	for b.Loop() {
		var err error
		if s, err = c.Snapshot(b.Context(), practice, directory.Users); err != nil {
			b.Fatal(err)
		}
		if users, err := s.Users.Items(); err != nil || len(users) != 20_000 || users[7].MFA != directory.MFAEnforced {
			b.Fatal(len(users), err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-held")
	b.ReportMetric(float64(peak.Load())/1e6, "MB-peak")
	runtime.KeepAlive(s)
}

func BenchmarkDigestOfALargeTenant(b *testing.B) {
	s, err := largeTenantClient(b, largeTenant{20_000, new(atomic.Uint64)}).Snapshot(b.Context(), practice, directory.Users)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if s.Digest(directory.Users) == "" {
			b.Fatal("no digest")
		}
	}
}

func TestALargeTenantIsReadToTheEnd(t *testing.T) {
	s, err := largeTenantClient(t, largeTenant{2_345, new(atomic.Uint64)}).Snapshot(t.Context(), practice, directory.Users)
	if err != nil {
		t.Fatal(err)
	}
	users := items(t, s.Users)
	if len(users) != 2_345 || users[2_344].Mail != "user2344@fabrikamdental.example" || users[2_344].ManagerID == "" {
		t.Errorf("got %d users, the last %+v", len(users), users[len(users)-1])
	}
}

// Whatever CIPP says, what comes of it is sane or an error, and nothing panics.
func FuzzPeople(f *testing.F) {
	var b bytes.Buffer
	largeTenant{users: 2}.page(&b, 0, 2)
	for _, seed := range []string{
		"", "null", "[]", "[null]", "{}", `"text"`, `["It broke"]`, b.String(),
		`[{"id":"` + teamID + `","mailEnabled":true,"securityEnabled":"False","groupTypes":"Unified","resourceProvisioningOptions":["Team"]}]`,
		`{"id":"fabrikamdental.example","isVerified":true,"supportedServices":null}`,
		`[{"Id":"x","primarySmtpAddress":"x@y.example","AdditionalEmailAddresses":"a@y.example, SMTP:b@y.example","storageUsedInBytes":"5"}]`,
		`[{"MailboxUPN":"x","Permissions":"[{\"User\":\"a@b\",\"AccessRights\":\"FullAccess, SendAs\"}]"}]`,
		`[{"ID":"` + adaID + `","MFARegistration":"none","PerUser":null}]`,
		`[{"Tenant":"x","TenantID":"","Domain":"y","LastRefresh":"2026-08-20T05:31:02.000Z","SPFPassAll":"","Score":""}]`,
		`{"Results":[{"Tenant":"x","Type":"Users","Count":"1","LastRefresh":"2026-08-20T03:04:41.2+00:00"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		if rows, err := rowsOf[userRow](body); err == nil {
			for i := range rows {
				u, err := rows[i].user(interner{})
				if err == nil && (!directory.IsGUID(u.ID) || u.UPN == "" && u.Unread == "" || u.Mail != strings.ToLower(u.Mail) || strings.Contains(strings.Join(u.Aliases, "|"), " ")) {
					t.Errorf("%s: %+v", body, u)
				}
			}
		}
		if rows, err := rowsOf[groupRow](body); err == nil {
			for i := range rows {
				if g, err := rows[i].group(interner{}); err == nil && !directory.IsGUID(g.ID) {
					t.Errorf("%s: %+v", body, g)
				}
			}
		}
		if rows, err := rowsOf[mailboxRow](body); err == nil {
			for i := range rows {
				if m, err := rows[i].mailbox(); err == nil && (m.ID == "" || !strings.Contains(m.Address, "@") || m.SizeBytes < 0) {
					t.Errorf("%s: %+v", body, m)
				}
			}
		}
		if rows, err := rowsOf[rightsRow](body); err == nil {
			var m directory.Mailbox
			for i := range rows {
				delegate(&m, rows[i].Rights)
				calendar(&m, rows[i].Rights)
			}
		}
		if rows, _, err := validRows[mfaRow](body); err == nil {
			for i := range rows {
				rows[i].state()
			}
		}
		if rows, _, err := validRows[analysisRow](body); err == nil {
			for i := range rows {
				if h := rows[i].health(); h.Score < 0 || h.Score > 100 {
					t.Errorf("%s: %+v", body, h)
				}
			}
		}
		_, _ = rowsOf[domainRow](body)
		_, _ = rowsOf[countRow](body)
		_, _ = rowsOf[idRow](body)
		if string(body) != before {
			t.Errorf("decoding changed what it read: %q to %q", before, body)
		}
	})
}
