package cipp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/directory"
	cippsim "syncd/internal/simulator/cipp"
)

// answers replaces the 200s of one endpoint by a body.
func answers(endpoint string, body cippsim.Body) cippsim.Rule {
	return cippsim.Rule{Endpoint: endpoint, Fault: cippsim.Fault{Shape: cippsim.Shape{Body: body}}}
}

func amid(endpoint string, rows ...any) cippsim.Rule {
	return cippsim.Rule{Endpoint: endpoint, Fault: cippsim.Fault{Shape: cippsim.Shape{Rows: rows}}}
}

func TestMailboxesAreProvenByTheCacheOrByExchange(t *testing.T) {
	const id = "2b000000-0000-4000-8000-000000000009"
	row := func(pairs ...any) object {
		o := object{"ExchangeGuid": id, "primarySmtpAddress": "x@fabrikamdental.example", "UPN": "x@fabrikamdental.example"}
		for i := 0; i < len(pairs); i += 2 {
			o[pairs[i].(string)] = pairs[i+1]
		}
		return o
	}
	nothing := func(f *fixture) {
		f.sim.SetFaults(one(cippsim.TenantFaults{CacheNothing: true}))
		time.Sleep(time.Hour)
		f.sim.RefreshCache("Mailboxes")
	}
	noExchange := func(w *cippsim.World) { w.Tenant(dentalID).NoExchange = true }
	for _, c := range []struct {
		name   string
		change func(*cippsim.World)
		then   func(f *fixture)
		rules  []cippsim.Rule
		rows   int // -1 = unknown
		want   string
	}{
		{name: "a fresh cache", rows: 2, want: "that run found 2"},
		{name: "a run that found nothing and left the old rows", then: nothing, rows: -1, want: "found nothing, and 2 older rows stay"},
		{name: "a tenant without Exchange", change: noExchange, rows: 0, want: "the tenant has no Exchange (" + cippsim.TextNoLicence},
		{name: "never cached, and Exchange answers", change: func(w *cippsim.World) { w.Tenant(dentalID).GraphErrorCount = 50 }, then: func(f *fixture) {
			f.sim.Update(func(w *cippsim.World) { w.Tenant(dentalID).GraphErrorCount = 0 })
		}, rows: 2, want: "answered live"},
		{name: "never cached, and Exchange answers nothing", change: func(w *cippsim.World) { w.Tenant(dentalID).Mailboxes = nil }, rows: -1, want: "refresh its reporting cache"},
		{name: "never cached, and Exchange is out of reach", change: noExchange, rules: []cippsim.Rule{{Endpoint: "ListMailboxes", Fault: cippsim.Fault{Kind: cippsim.Upstream403}}}, rows: -1, want: "Exchange cannot be asked"},
		{name: "the report fails", rules: []cippsim.Rule{{Endpoint: "ListMailboxes", Fault: cippsim.Fault{Kind: cippsim.Broken}}}, rows: -1, want: "Object reference"},
		{name: "the report is switched off", rules: []cippsim.Rule{{Endpoint: "ListMailboxes", Fault: cippsim.Fault{Kind: cippsim.Disabled}}}, rows: -1, want: "switched off"},
		{name: "the role lacks the permission", rules: []cippsim.Rule{{Endpoint: "ListMailboxes", Fault: cippsim.Fault{Kind: cippsim.Denied}}}, rows: -1, want: "Exchange.Mailbox.Read"},
		{name: "an empty list", rules: []cippsim.Rule{answers("ListMailboxes", cippsim.EmptyList)}, rows: -1, want: "the answer is empty"},
		{name: "no body", rules: []cippsim.Rule{answers("ListMailboxes", cippsim.NoBody)}, rows: -1, want: "the answer is empty"},
		{name: "a list of null", rules: []cippsim.Rule{answers("ListMailboxes", cippsim.ListOfNull)}, rows: -1, want: "the answer is empty"},
		{name: "a sentence with 200", rules: []cippsim.Rule{answers("ListMailboxes", `["Could not connect"]`)}, rows: -1, want: `"Could not connect"`},
		{name: "a page with 200", rules: []cippsim.Rule{answers("ListMailboxes", `{"Results":[],"error":"It broke"}`)}, rows: -1, want: "It broke"},
		{name: "a row that is an error", rules: []cippsim.Rule{amid("ListMailboxes", object{"Tenant": cippsim.TextLoading})}, rows: -1, want: "Loading data"},
		{name: "a row of another tenant", rules: []cippsim.Rule{amid("ListMailboxes", row("Tenant", "northwind.example"))}, rows: -1, want: "belongs to another tenant"},
		{name: "a row without an id", rules: []cippsim.Rule{amid("ListMailboxes", row("ExchangeGuid", nil))}, rows: -1, want: "has no id"},
		{name: "a row without an address", rules: []cippsim.Rule{amid("ListMailboxes", row("primarySmtpAddress", nil))}, rows: -1, want: "has no address"},
		{name: "a mailbox twice", rules: []cippsim.Rule{amid("ListMailboxes", row(), row())}, rows: -1, want: id + " is listed twice"},
		{name: "a deleted mailbox is none", rules: []cippsim.Rule{amid("ListMailboxes", row("WhenSoftDeleted", "2025-01-01T00:00:00Z"))}, rows: 2, want: "that run found 2"},
		{name: "a mailbox without Exchange's GUID", rules: []cippsim.Rule{amid("ListMailboxes", row("ExchangeGuid", "00000000-0000-0000-0000-000000000000", "id", "x"))}, rows: 3, want: "every mailbox has an id"},
		{name: "one row without its list, keys in another case, numbers as text", change: func(w *cippsim.World) { w.Tenant(dentalID).Mailboxes = w.Tenant(dentalID).Mailboxes[:1] },
			rules: []cippsim.Rule{{Endpoint: "ListMailboxes", Fault: cippsim.Fault{Shape: cippsim.Shape{Collapse: true, OtherCase: true, TextNumbers: true, TextBools: true, BOM: true}}}}, rows: 1, want: "that run found 1"},
		{name: "counts that cannot be had", rules: []cippsim.Rule{{Endpoint: "ListDBCache", Fault: cippsim.Fault{Kind: cippsim.Broken}}}, rows: -1, want: "does not say how fresh its cache is"},
		{name: "counts the role may not see", rules: []cippsim.Rule{{Endpoint: "ListDBCache", Fault: cippsim.Fault{Kind: cippsim.Denied}}}, rows: -1, want: "CIPP.Core.Read"},
		{name: "counts of all tenants that cannot be had, and this one's can", rules: []cippsim.Rule{{Endpoint: "ListDBCache", Tenant: "AllTenants", Fault: cippsim.Fault{Kind: cippsim.Broken}}}, rows: 2, want: "that run found 2"},
		{name: "a tenant missing among all", rules: []cippsim.Rule{{Endpoint: "ListDBCache", Tenant: "AllTenants", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[]}`}}}}, rows: 2, want: "that run found 2"},
		{name: "a count that is none", rules: []cippsim.Rule{answers("ListDBCache", `{"Results":[{"Tenant":"fabrikamdental.example","Type":"Mailboxes","Count":"some","LastRefresh":"2026-08-20T03:04:41+00:00"}]}`)}, rows: -1, want: "not a whole number"},
		{name: "a CIPP that knows no counts", rules: []cippsim.Rule{answers("ListDBCache", `{"Results":[{"id":"x"}]}`)}, rows: 2, want: "cached 2000-01-01T00:00:00Z"},
		{name: "a CIPP without the cache at all", then: func(f *fixture) { f.sim.SetFaults(cippsim.Faults{MissingEndpoints: []string{"ListDBCache"}}) }, rows: 2, want: "cached 2000-01-01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world := estate()
				populate(&world)
				if c.change != nil {
					c.change(&world)
				}
				f := newFixture(t, world)
				if c.then != nil {
					c.then(f)
				}
				f.sim.Fail(c.rules...)
				s := f.snapshot(t, dentalID, directory.Licences|directory.Mailboxes)
				boxes, err := s.Mailboxes.Items()
				proof := s.Mailboxes.Proof()
				said := strings.Join(proof.Checks, "\n")
				rows := len(boxes)
				if err != nil {
					said, rows = err.Error(), -1
				}
				if rows != c.rows || !strings.Contains(said, c.want) {
					t.Errorf("got %d rows, %q; want %d, %q", rows, said, c.rows, c.want)
				}
				if err != nil && !errors.Is(err, directory.ErrIncomplete) {
					t.Errorf("%v is not ErrIncomplete", err)
				}
				if _, err := s.Licences.Items(); err != nil {
					t.Errorf("licences suffer: %v", err)
				}
			})
		})
	}
}

func TestCachedAnswersAreAsOldAsTheCache(t *testing.T) {
	withPeople(t, func(t *testing.T, f *fixture) {
		night := time.Now().UTC()
		time.Sleep(20 * time.Hour)
		s := f.snapshot(t, dentalID, everything)
		if p := s.Mailboxes.Proof(); !p.AsOf.Equal(night) || !p.TakenAt.Equal(time.Now()) {
			t.Errorf("got %v at %v, want %v", p.AsOf, p.TakenAt, night)
		}
		if got := s.Oldest(everything); !got.AsOf.Equal(night) {
			t.Errorf("oldest: got %+v", got)
		}
		if items(t, s.Users)[0].MFA != directory.MFAEnforced || items(t, s.Mailboxes)[0].RightsUnknown != "" {
			t.Error("what is a day old counts")
		}
		// Nobody refreshes it: the mailboxes say how old they are, and what rides
		// along with other lists is unknown.
		time.Sleep(20 * time.Hour)
		s = f.snapshot(t, dentalID, everything)
		if p := s.Mailboxes.Proof(); !p.AsOf.Equal(night) {
			t.Errorf("two nights later: got %v, want %v", p.AsOf, night)
		}
		if u := items(t, s.Users)[0]; u.MFA != directory.MFAUnknown {
			t.Errorf("two nights later: got %+v", u)
		}
		if m := items(t, s.Mailboxes)[0]; !strings.Contains(m.RightsUnknown, "CIPP's cache of MailboxPermissions is of 2000-01-01") || m.Calendar != nil {
			t.Errorf("two nights later: got %+v", m)
		}
	})
}

func TestRightsThatAreNotKnownSaySo(t *testing.T) {
	for _, c := range []struct {
		name  string
		then  func(f *fixture)
		rules []cippsim.Rule
		want  string // "" = known
	}{
		{name: "both known"},
		{name: "delegates not cached", rules: []cippsim.Rule{{Endpoint: "ListmailboxPermissions", Fault: cippsim.Fault{Kind: cippsim.Broken}}}, want: "ListmailboxPermissions: 500"},
		{name: "calendars refused", rules: []cippsim.Rule{{Endpoint: "ListCalendarPermissions", Fault: cippsim.Fault{Kind: cippsim.Upstream403}}}, want: "ListCalendarPermissions: 403"},
		{name: "both refused", rules: []cippsim.Rule{{Endpoint: "ListmailboxPermissions", Fault: cippsim.Fault{Kind: cippsim.Denied}}, {Endpoint: "ListCalendarPermissions", Fault: cippsim.Fault{Kind: cippsim.Denied}}},
			want: "required permission: Exchange.Mailbox.Read; give the role"},
		{name: "an endpoint that is missing", then: func(f *fixture) {
			f.sim.SetFaults(cippsim.Faults{MissingEndpoints: []string{"ListCalendarPermissions"}})
		}, want: "no such endpoint"},
		{name: "a run that found nothing", then: func(f *fixture) {
			f.sim.SetFaults(one(cippsim.TenantFaults{CacheNothing: true}))
			f.sim.RefreshCache("MailboxPermissions")
		}, want: "last run of MailboxPermissions found nothing"},
		{name: "an error among the rows", rules: []cippsim.Rule{amid("ListmailboxPermissions", "Could not connect")}, want: "Could not connect"},
		{name: "another tenant's rows", rules: []cippsim.Rule{amid("ListCalendarPermissions", object{"Tenant": "northwind.example"})}, want: "belongs to another tenant"},
		{name: "rights cut at the depth limit", rules: []cippsim.Rule{{Endpoint: "ListmailboxPermissions", Fault: cippsim.Fault{Shape: cippsim.Shape{DepthCut: 1}}}}, want: "cut at its depth limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				if c.then != nil {
					c.then(f)
				}
				f.sim.Fail(c.rules...)
				for _, m := range items(t, f.snapshot(t, dentalID, directory.Mailboxes).Mailboxes) {
					if (c.want == "") != (m.RightsUnknown == "") || !strings.Contains(m.RightsUnknown, c.want) {
						t.Errorf("%s: got %q, want %q", m.Address, m.RightsUnknown, c.want)
					}
				}
			})
		})
	}
}

func TestSecondFactorsThatAreNotKnownAreNotNone(t *testing.T) {
	row := func(pairs ...any) object {
		o := object{"ID": strings.ToUpper(kernID), "Tenant": "fabrikamdental.example", "CacheTimestamp": "2000-01-01T00:00:00Z"}
		for i := 0; i < len(pairs); i += 2 {
			o[pairs[i].(string)] = pairs[i+1]
		}
		return o
	}
	for _, c := range []struct {
		name  string
		then  func(f *fixture)
		rules []cippsim.Rule
		want  directory.MFA // of M. Kern, of whom the cache says: none
		said  string        // among the checks of the users
	}{
		{name: "none", want: directory.MFANone, said: "second factors of 3 users as of 2000-01-01"},
		{name: "null", rules: []cippsim.Rule{amid("ListMFAUsers", row("MFARegistration", nil, "CoveredByCA", "Not Enforced"))}, want: directory.MFAUnknown},
		{name: "registered", rules: []cippsim.Rule{amid("ListMFAUsers", row("MFARegistration", "True"))}, want: directory.MFARegistered},
		{name: "demanded per user", rules: []cippsim.Rule{amid("ListMFAUsers", row("PerUser", "Enforced"))}, want: directory.MFAEnforced},
		{name: "demanded by security defaults", rules: []cippsim.Rule{amid("ListMFAUsers", row("CoveredBySD", true, "MFARegistration", false))}, want: directory.MFAEnforced},
		{name: "demanded for some applications", rules: []cippsim.Rule{amid("ListMFAUsers", row("CoveredByCA", "Enforced - Specific Apps", "MFARegistration", false))}, want: directory.MFANone},
		{name: "an error row beside", rules: []cippsim.Rule{amid("ListMFAUsers", cippsim.MFAErrorRow("fabrikamdental.example"))}, want: directory.MFANone},
		{name: "an error row alone", rules: []cippsim.Rule{answers("ListMFAUsers", `[{"UPN":"x","PerUser":"Could not connect to tenant","MFARegistration":"none"}]`)}, said: "second factors unknown"},
		{name: "not cached", then: func(f *fixture) { f.sim.SetFaults(cippsim.Faults{MissingEndpoints: []string{"ListMFAUsers"}}) }, said: "no such endpoint"},
		{name: "refused", rules: []cippsim.Rule{{Endpoint: "ListMFAUsers", Fault: cippsim.Fault{Kind: cippsim.Denied}}}, said: "Identity.User.Read"},
		{name: "another tenant's", rules: []cippsim.Rule{amid("ListMFAUsers", row("Tenant", "northwind.example"))}, said: "belongs to another tenant"},
		{name: "a run that found nothing", then: func(f *fixture) {
			f.sim.SetFaults(one(cippsim.TenantFaults{CacheNothing: true}))
			f.sim.RefreshCache("MFAState")
		}, said: "last run of MFAState found nothing"},
		{name: "no counts and no stamp", rules: []cippsim.Rule{answers("ListDBCache", `{"Results":null}`), answers("ListMFAUsers", `[{"ID":"`+kernID+`","MFARegistration":false}]`)}, said: "does not say how old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				if c.then != nil {
					c.then(f)
				}
				f.sim.Fail(c.rules...)
				s := f.snapshot(t, dentalID, directory.Users)
				users := items(t, s.Users)
				i := slices.IndexFunc(users, func(u directory.User) bool { return u.ID == kernID })
				if users[i].MFA != c.want {
					t.Errorf("got %q, want %q", users[i].MFA, c.want)
				}
				if said := strings.Join(s.Users.Proof().Checks, "\n"); !strings.Contains(said, c.said) {
					t.Errorf("the checks %q do not say %q", said, c.said)
				}
			})
		})
	}
}

func TestHealthThatIsNotKnownIsNotBad(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []cippsim.Rule
		known bool
		said  string
	}{
		{"known", nil, true, "health of 2 domains known"},
		{"missing", []cippsim.Rule{{Endpoint: "ListDomainAnalyser", Fault: cippsim.Fault{Kind: cippsim.NoSuchCommand}}}, false, "no such endpoint"},
		{"refused", []cippsim.Rule{{Endpoint: "ListDomainAnalyser", Fault: cippsim.Fault{Kind: cippsim.Denied}}}, false, "Tenant.DomainAnalyser.Read"},
		{"broken", []cippsim.Rule{answers("ListDomainAnalyser", `["It broke"]`)}, false, "health of 0 domains known"},
		{"never looked", []cippsim.Rule{answers("ListDomainAnalyser", `[{"Tenant":"fabrikamdental.example","Domain":"fabrikamdental.example","LastRefresh":"","Score":""}]`)}, false, "health of 0 domains known"},
		{"known by the tenant's name", []cippsim.Rule{answers("ListDomainAnalyser", `[{"Tenant":"FabrikamDental.example","TenantID":"","Domain":"fabrikamdental.example","LastRefresh":"2026-08-20T05:31:02.000Z","ScorePercentage":"69"}]`)}, true, "health of 1 domains known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				f.sim.Fail(c.rules...)
				s := f.snapshot(t, dentalID, directory.Domains)
				if h := items(t, s.Domains)[0].Health; h.Known != c.known || c.known && h.Score != 69 {
					t.Errorf("got %+v", h)
				}
				if said := strings.Join(s.Domains.Proof().Checks, "\n"); !strings.Contains(said, c.said) {
					t.Errorf("the checks %q do not say %q", said, c.said)
				}
			})
		})
	}
}

func TestPeopleOfOlderInstances(t *testing.T) {
	t.Run("page by page where there is no bulk call", func(t *testing.T) {
		withPeople(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(cippsim.Faults{MissingEndpoints: []string{"ListGraphBulkRequest"}})
			s := f.snapshot(t, dentalID, everything)
			if err := s.Proven(everything); err != nil {
				t.Fatal(err)
			}
			users, groups := items(t, s.Users), items(t, s.Groups)
			if len(users) != 4 || users[0].ManagerID != kernID || users[0].LastSignIn.IsZero() || s.Users.Proof().Endpoint != "ListGraphRequest, ListMFAUsers" {
				t.Errorf("got %+v, %+v", users, s.Users.Proof())
			}
			if len(groups) != 4 || !strings.Contains(groups[0].Members.Unknown, "update it") || groups[0].OwnersUnknown == "" {
				t.Errorf("got %+v", groups)
			}
		})
	})
	t.Run("without sign-ins", func(t *testing.T) {
		withPeople(t, func(t *testing.T, f *fixture) {
			f.sim.Update(func(w *cippsim.World) { w.Tenant(dentalID).NoEntraP1 = true })
			f.sim.SetFaults(cippsim.Faults{MissingEndpoints: []string{"ListGraphBulkRequest"}})
			if users := items(t, f.snapshot(t, dentalID, directory.Users).Users); len(users) != 4 || !users[0].LastSignIn.IsZero() {
				t.Errorf("got %+v", users)
			}
		})
	})
	for _, version := range []string{"7.4.1", "10.3.1"} {
		t.Run("mailboxes of "+version, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				f.sim.SetFaults(cippsim.Faults{Version: version})
				s := f.snapshot(t, dentalID, directory.Mailboxes|directory.Users)
				if err := s.Proven(directory.Mailboxes | directory.Users); err != nil {
					t.Error(err)
				}
			})
		})
	}
	t.Run("a tenant whose organization cannot be read has no proof", func(t *testing.T) {
		withPeople(t, func(t *testing.T, f *fixture) {
			faults := graph("organization", cippsim.ResourceFault{Status: 403})
			faults.MissingEndpoints = []string{"ListGraphBulkRequest"}
			f.sim.SetFaults(faults)
			s := f.snapshot(t, dentalID, everything)
			if _, err := s.Users.Items(); err == nil || !strings.Contains(err.Error(), "nothing shows whose") {
				t.Errorf("got %v", err)
			}
			if _, err := s.Licences.Items(); err != nil {
				t.Errorf("licences suffer: %v", err)
			}
		})
	})
}

func TestWhatConcernsAllOfCIPPEndsTheRun(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []cippsim.Rule
	}{
		{"a token refused at a report", []cippsim.Rule{{Endpoint: "ListMailboxes", Fault: cippsim.Fault{Kind: cippsim.Unauthorized}}}},
		{"a token refused at the second factors", []cippsim.Rule{{Endpoint: "ListMFAUsers", Fault: cippsim.Fault{Kind: cippsim.Unauthorized}}}},
		{"a token refused at the health", []cippsim.Rule{{Endpoint: "ListDomainAnalyser", Fault: cippsim.Fault{Kind: cippsim.Unauthorized}}}},
		{"a token refused at the members", []cippsim.Rule{{Endpoint: "ListGraphBulkRequest", Skip: 1, Fault: cippsim.Fault{Kind: cippsim.Unauthorized}}}},
		{"the portal instead of the counts", []cippsim.Rule{{Endpoint: "ListDBCache", Fault: cippsim.Fault{Kind: cippsim.SignIn}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				f.sim.Fail(c.rules...)
				if s, err := f.client.Snapshot(t.Context(), f.tenant(t, dentalID), everything); !errors.Is(err, ErrUnusable) || s != nil {
					t.Errorf("got %+v, %v", s, err)
				}
			})
		})
	}
	t.Run("and so does the end of the context", func(t *testing.T) {
		withPeople(t, func(t *testing.T, f *fixture) {
			for _, endpoint := range []string{"ListGraphBulkRequest", "ListDBCache", "ListMFAUsers", "ListMailboxes", "ListCalendarPermissions", "ListDomainAnalyser"} {
				f.sim.Heal()
				f.sim.Fail(cippsim.Rule{Endpoint: endpoint, Fault: cippsim.Fault{Delay: time.Hour}})
				f.client.counts, f.client.health = newShared[cacheCounts](), newShared[healthByTenant]()
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the operator went home"))
				_, err := f.client.Snapshot(ctx, f.tenant(t, dentalID), everything)
				cancel()
				if err == nil || errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "went home") {
					t.Errorf("%s: got %v", endpoint, err)
				}
			}
		})
	})
}

func TestReadersShareWhatConcernsAllTenants(t *testing.T) {
	withPeople(t, func(t *testing.T, f *fixture) {
		f.sim.Fail(cippsim.Rule{Endpoint: "ListDBCache", Fault: cippsim.Fault{Delay: time.Second}})
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				s, err := f.client.Snapshot(t.Context(), f.tenant(t, dentalID), everything)
				if err != nil || s.Proven(everything) != nil {
					t.Errorf("got %v, %v", s.Proven(everything), err)
				}
			})
		}
		group.Wait()
		if got := [...]int{f.sim.Count("ListDBCache"), f.sim.Count("ListDomainAnalyser")}; got != [...]int{1, 1} {
			t.Errorf("got %d calls, want one each", got)
		}
		time.Sleep(sharedTTL)
		f.snapshot(t, dentalID, everything)
		if got := [...]int{f.sim.Count("ListDBCache"), f.sim.Count("ListDomainAnalyser")}; got != [...]int{2, 2} {
			t.Errorf("some minutes later: got %d calls, want two each", got)
		}
	})
	t.Run("a reader that gives up leaves it to the next", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newShared[int]()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_, _ = s.get(ctx, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
			}()
			synctest.Wait()
			waiting, stop := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
			defer stop()
			if _, err := s.get(waiting, nil); err == nil || err.Error() != "enough" {
				t.Errorf("who waits too long: got %v", err)
			}
			cancel()
			if got, err := s.get(t.Context(), func(context.Context) (int, error) { return 7, nil }); got != 7 || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
		})
	})
}
