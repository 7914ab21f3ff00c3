package tenants_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/cipp/tenants"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

func TestTenantsFollowTheirCompanies(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		for _, tt := range []struct {
			who          mapping.Customer
			before, plan string
			after        string
		}{
			{theDental, "– | Silver support | All with GDAP | North, and east", "alias >Fabrikam Dental; groups Silver support>Gold support",
				"Fabrikam Dental | Gold support | All with GDAP | North, and east"},
			{theBakery, "Northwind Bakery | Gold support | All with GDAP", "", "Northwind Bakery | Gold support | All with GDAP"},
			// The company is called what Microsoft calls the tenant: no alias is needed.
			{theGarden, "The gardeners | Gold support | All with GDAP", "alias The gardeners>; groups Gold support>Silver support",
				"– | Silver support | All with GDAP"},
		} {
			r.want(tt.who.Key, tt.before)
			if got := written(r.apply(tt.who)); got != tt.plan {
				t.Errorf("got the plan %s, want %s", got, tt.plan)
			}
			r.want(tt.who.Key, tt.after)
		}
		writes := r.writes()
		for _, c := range []mapping.Customer{theDental, theBakery, theGarden} {
			if p := r.apply(c); !p.Empty() || p.InStep != 1 || codes(p) != "" {
				t.Errorf("the second run got %s (%s), want nothing", written(p), codes(p))
			}
		}
		if got := r.writes(); got != writes || writes != 2 {
			t.Errorf("got %d writes and %d after the second run, want 2 in all", writes, got)
		}
	})
}

func TestEachHalfLeavesTheOtherAlone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		conf  tenants.Config
		plan  string
		after string
	}{
		{"only groups change, and the alias stays", tenants.Config{Groups: []tenants.Rule{{Group: "North, and east", Status: "Credit*"}}}, "groups >North, and east",
			"The gardeners | Gold support | All with GDAP | North, and east"},
		{"only the alias changes, and all groups stay", tenants.Config{Alias: "IDENTIFIER"}, "alias The gardeners>NWGarden", "NWGarden | Gold support | All with GDAP"},
		{"nothing is managed", tenants.Config{}, "", "The gardeners | Gold support | All with GDAP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inRoom(t, tt.conf, func(t *testing.T, r *room) {
				if got := written(r.apply(theGarden)); got != tt.plan {
					t.Errorf("got the plan %s, want %s", got, tt.plan)
				}
				r.want(garden, tt.after)
				if p := r.apply(theGarden); !p.Empty() {
					t.Errorf("the second run got %s, want nothing", written(p))
				}
			})
		})
	}
}

func TestAnAliasFromACustomField(t *testing.T) {
	inRoom(t, tenants.Config{Alias: "portal NAME"}, func(t *testing.T, r *room) {
		if got, want := written(r.apply(theDental)), "alias >Dentists (FD)"; got != want {
			t.Errorf("got %s, want %s in single spaces, as it is read back", got, want)
		}
		if p := r.apply(theDental); !p.Empty() {
			t.Errorf("the second run got %s, want nothing", written(p))
		}
		if p := r.apply(theGarden); written(p) != "" || codes(p) != "" {
			t.Errorf("got %s (%s), want a company without a value to leave the alias alone", written(p), codes(p))
		}
		r.want(garden, "The gardeners | Gold support | All with GDAP")
		r.company(250, func(c *cwsim.Company) { c.Custom[7] = "" })
		if p := r.apply(theDental); written(p) != "" {
			t.Errorf("got %s, want an alias whose source is emptied to stay", written(p))
		}
		r.config.Alias = "Portal mane"
		r.open()
		if p := r.apply(theDental); written(p) != "" || codes(p) != "[alias_field_missing]" {
			t.Errorf("got %s (%s), want a note that there is no such field", written(p), codes(p))
		}
	})
}

func TestWhatChangesInConnectWiseIsFollowed(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		r.apply(theDental)
		r.company(250, func(c *cwsim.Company) { c.Name = "Fabrikam Smiles" })
		if got, want := written(r.apply(theDental)), "alias Fabrikam Dental>Fabrikam Smiles"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		r.company(250, func(c *cwsim.Company) { c.TypeIDs = []int{1} })
		p := r.apply(theDental)
		if got, want := written(p), "groups Gold support>"; got != want || codes(p) != "" {
			t.Errorf("got %s (%s), want %s", got, codes(p), want)
		}
		r.want(dental, "Fabrikam Smiles | All with GDAP | North, and east")
		r.cw.Edit("jwhite", func(w *cwsim.World) {
			w.Agreements = append(w.Agreements, &cwsim.Agreement{Name: "Silver plus", TypeID: 3, CompanyID: 250, StartDate: cwsim.Day(1999, 1, 1), NoEndingDate: true, BillingCycleID: 2})
		})
		if got, want := written(r.apply(theDental)), "groups >Silver support"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		r.cw.Edit("jwhite", func(w *cwsim.World) { w.Agreements[len(w.Agreements)-1].Cancelled = true })
		if got, want := written(r.apply(theDental)), "groups Silver support>"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		r.want(dental, "Fabrikam Smiles | All with GDAP | North, and east")
	})
}

func TestTheLastGroupIsLeftByItsOwnCallAndSaidBefore(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		r.apply(theBakery)
		r.company(251, func(c *cwsim.Company) { c.TypeIDs, c.Name = []int{1}, "Northwind Bread" })
		p := r.apply(theBakery)
		if got, want := written(p), "alias Northwind Bakery>Northwind Bread; groups Gold support>"; got != want || codes(p) != "group_rewritten" || !plan.Blocks(p.Violations) || plan.NeedsRepair(p.Violations) {
			t.Errorf("got %s (%s), want %s, and to be asked about the members", got, codes(p), want)
		}
		r.want(bakery, "Northwind Bread | All with GDAP")
		r.want(garden, "The gardeners | Gold support | All with GDAP")
		if p := r.apply(theBakery); !p.Empty() {
			t.Errorf("the second run got %s, want nothing", written(p))
		}
	})
}

func TestAPersonsAliasHoldsAndAPersonsGroupsAreRestored(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		r.apply(theDental)
		r.cipp.Update(func(w *cippsim.World) { w.Tenant(dental).DisplayName = "The dentists" })
		writes := r.writes()
		if got, want := written(r.apply(theDental)), "alias The dentists>Fabrikam Dental (changed_at_target)"; got != want || r.writes() != writes {
			t.Errorf("got %s after %d writes, want %s and none", got, r.writes()-writes, want)
		}
		r.cipp.Update(func(w *cippsim.World) {
			w.Tenant(dental).DisplayName = "Fabrikam Dental"
			w.TenantGroups[0].Members = []string{bakery, garden}
			w.TenantGroups[1].Members = []string{dental}
		})
		if got, want := written(r.apply(theDental)), "groups Silver support>Gold support"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		r.want(dental, "Fabrikam Dental | Gold support | All with GDAP | North, and east")
	})
}

func TestWhatLooksLikeAMistakeIsAskedAbout(t *testing.T) {
	members := func(n int) []string { // of a group, the three tenants among them
		ids := []string{dental, bakery, garden}
		for i := range n - 3 {
			ids = append(ids, fmt.Sprintf("0e000000-0000-4000-8000-%012d", i))
		}
		return ids
	}
	for _, tt := range []struct {
		name  string
		rules []tenants.Rule
		alias string
		set   func(*cippsim.World, *cwsim.World)
		want  string // codes of the plans of all three
	}{
		{"an alias that a person wrote before syncd came", nil, tenants.AliasIdentifier, nil, " alias_foreign alias_foreign"},
		{"an alias like the one that is wanted", nil, tenants.AliasName, nil, "  alias_foreign"},
		{"a company's agreements are all out of sight", []tenants.Rule{{Group: "Silver support", Agreement: "Gold*"}}, "",
			func(_ *cippsim.World, cw *cwsim.World) { cw.Agreements = nil }, "agreements_gone  "},
		{"another agreement is there", []tenants.Rule{{Group: "Silver support", Agreement: "Bronze*"}}, "", nil, "  "},
		{"no rule asks for an agreement", []tenants.Rule{{Group: "Silver support", Type: "Bronze*"}}, "",
			func(_ *cippsim.World, cw *cwsim.World) { cw.Agreements = nil }, "  "},
		{"more than half of a group leaves it", []tenants.Rule{{Group: "Gold support", Type: "Bronze"}}, "",
			func(c *cippsim.World, _ *cwsim.World) {
				c.TenantGroups[0].Members, c.TenantGroups[3].Members = members(5), members(3)
			}, "group_shrinks group_shrinks group_shrinks"},
		{"half of it does", []tenants.Rule{{Group: "Gold support", Type: "Bronze"}}, "",
			func(c *cippsim.World, _ *cwsim.World) {
				c.TenantGroups[0].Members, c.TenantGroups[3].Members = members(6), members(3)
			}, "  "},
		{"a small group is emptied", []tenants.Rule{{Group: "Gold support", Type: "Bronze"}}, "",
			func(c *cippsim.World, _ *cwsim.World) {
				c.TenantGroups[0].Members, c.TenantGroups[3].Members = members(3), members(3)
			}, "  "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inRoom(t, tenants.Config{Alias: tt.alias, Groups: tt.rules}, func(t *testing.T, r *room) {
				if tt.set != nil {
					r.cipp.Update(func(c *cippsim.World) {
						for _, id := range members(8)[3:] {
							c.Tenants = append(c.Tenants, &cippsim.Tenant{CustomerID: id, DisplayName: id, DefaultDomain: id + ".example"})
						}
						r.cw.Edit("jwhite", func(cw *cwsim.World) { tt.set(c, cw) })
					})
				}
				seen, err := r.look(target.Asked{Customer: theDental}, target.Asked{Customer: theBakery}, target.Asked{Customer: theGarden})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for i, c := range []mapping.Customer{theDental, theBakery, theGarden} {
					want := seen[i].Desired
					if seen[i].Err != nil {
						t.Fatal(seen[i].Err)
					}
					p, err := plan.Make(plan.Scope{Customer: c.Key, Target: "cipp"}, r.target.Spec().Kinds, plan.Sides{Desired: want.Objects, Observed: seen[i].Objects, Conflicts: want.Conflicts})
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, codes(p))
					if held := codes(p) != ""; plan.Blocks(p.Violations) != held || plan.NeedsRepair(p.Violations) || held && p.Empty() {
						t.Errorf("%s: got %+v and %d changes, want a plan to approve", c.Name, p.Violations, len(p.Changes))
					}
				}
				if all := strings.Join(got, " "); all != tt.want {
					t.Errorf("got %q, want %q", all, tt.want)
				}
			})
		})
	}
}

func TestRulesAboutGroupsThatCannotBeUsedAreSaidToThoseConcerned(t *testing.T) {
	for _, tt := range []struct {
		name, group string
		want, says  string
	}{
		{"no such group", "Platinum", "[group_missing]", `syncd cipp tenant-groups create "Platinum"`},
		{"a dynamic one", "all with gdap", "group_dynamic", "is a dynamic tenant group"},
		{"two of one name", "Twin", "group_ambiguous", "2 tenant groups called"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conf := supported()
			conf.Groups = append(conf.Groups, tenants.Rule{Group: tt.group, Type: "Gold*"})
			inRoom(t, conf, func(t *testing.T, r *room) {
				r.cipp.Update(func(w *cippsim.World) {
					w.TenantGroups = append(w.TenantGroups, &cippsim.TenantGroup{ID: "t1", Name: "Twin"}, &cippsim.TenantGroup{ID: "t2", Name: "twin", Members: []string{garden}})
				})
				p := r.apply(theDental)
				if codes(p) != tt.want || !strings.Contains(p.Violations[0].Message, tt.says) || plan.Blocks(p.Violations) {
					t.Errorf("got %+v, want %s for this tenant", p.Violations, tt.want)
				}
				if got, want := written(p), "alias >Fabrikam Dental; groups Silver support>Gold support"; got != want {
					t.Errorf("got %s, want the rest to go ahead: %s", got, want)
				}
				r.apply(theGarden)
				if p := r.apply(theGarden); codes(p) != "" {
					t.Errorf("got %s for a tenant that no such rule fits, want nothing", codes(p))
				}
			})
		})
	}
}

func TestACompanyThatIsGoneChangesNothing(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		r.apply(theDental)
		for _, company := range []string{"253", "999"} {
			c := customer(dental, company)
			if p := r.apply(c); !p.Empty() || codes(p) != "company_gone" {
				t.Errorf("company %s: got %s (%s), want nothing but company_gone", company, written(p), codes(p))
			}
		}
		seen, err := r.look(target.Asked{Customer: customer(dental, "x")}, target.Asked{Customer: theGarden})
		if _, ok := errors.AsType[*target.Blocked](seen[0].Err); err != nil || !ok || seen[1].Err != nil || len(seen[1].Objects) != 1 {
			t.Errorf("got %v and %+v, want a bad link to stop its own scope alone", err, seen)
		}
		r.want(dental, "Fabrikam Dental | Gold support | All with GDAP | North, and east")
	})
}

func TestManyCustomersAreFewCalls(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		seen, err := r.look(target.Asked{Customer: theDental}, target.Asked{Customer: theBakery}, target.Asked{Customer: theGarden})
		if err != nil || len(seen) != 3 {
			t.Fatal(err)
		}
		if a, b, c := r.cipp.Count("ListTenants"), r.cipp.Count("ListTenantGroups"), len(r.cw.Requests()); a != 1 || b != 1 || c != 2 {
			t.Errorf("got %d lists of tenants, %d of groups and %d requests to ConnectWise, want 1, 1 and 2", a, b, c)
		}
	})
}

func TestOnlyTenantsThatDifferAreReadLive(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		r.apply(theDental) // shown under another name than the company's: read live to plan it, and as often as an edit does
		r.apply(theBakery) // shown like the company
		if got := r.cipp.Count("ListTenantDetails"); got != 4 {
			t.Errorf("got %d live reads, want 4 of the one that differs", got)
		}
		for range 3 {
			for _, c := range []mapping.Customer{theDental, theBakery} {
				if p := r.apply(c); !p.Empty() {
					t.Errorf("got %s, want nothing", written(p))
				}
			}
		}
		if got := r.cipp.Count("ListTenantDetails"); got != 4 {
			t.Errorf("got %d live reads after three quiet runs, want none more", got)
		}
	})
}

func TestATenantThatCannotBeReadStopsItselfAlone(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		r.cipp.SetTenantFaults(dental, cippsim.TenantFaults{GraphError: "AADSTS65001: consent has not been given"})
		seen, err := r.look(target.Asked{Customer: theDental}, target.Asked{Customer: theBakery})
		if err != nil || seen[0].Err == nil || !strings.Contains(seen[0].Err.Error(), "whether Fabrikam Dental GmbH has an alias in CIPP is not known") || seen[1].Err != nil {
			t.Errorf("got %v, %v and %v, want the dentists alone to fail", err, seen[0].Err, seen[1].Err)
		}
	})
}

func TestGroupsChangeWhateverTheListSaysOfTheName(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*cippsim.Tenant)
		alias  string
	}{
		{"the alias stands where the original name should be", func(b *cippsim.Tenant) { b.OriginalDisplayName = b.DisplayName }, "Northwind Bakery"},
		{"it is Microsoft's name, without an alias", func(b *cippsim.Tenant) { b.MicrosoftName = b.DisplayName }, "–"},
		{"it is Microsoft's name, and an alias", func(b *cippsim.Tenant) { b.MicrosoftName, b.SameAlias = b.DisplayName, true }, "Northwind Bakery"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inRoom(t, supported(), func(t *testing.T, r *room) {
				r.cipp.Update(func(w *cippsim.World) { tt.change(w.Tenant(bakery)) })
				r.apply(theBakery)
				r.cw.Edit("jwhite", func(w *cwsim.World) {
					w.Agreements = append(w.Agreements, &cwsim.Agreement{Name: "Silver", TypeID: 3, CompanyID: 251, StartDate: cwsim.Day(1999, 1, 1), NoEndingDate: true, BillingCycleID: 2})
				})
				if got, want := written(r.apply(theBakery)), "groups Gold support>Gold support, Silver support"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				r.want(bakery, tt.alias+" | Gold support | Silver support | All with GDAP")
				if p := r.apply(theBakery); !p.Empty() {
					t.Errorf("the second run got %s, want nothing", written(p))
				}
			})
		})
	}
}

func TestWhatMovedSinceThePlanIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		edit  func(*cippsim.World)
		moved bool
	}{
		{"the alias", func(w *cippsim.World) { w.Tenant(dental).DisplayName = "The dentists" }, true},
		{"a managed group", func(w *cippsim.World) { w.TenantGroups[0].Members = append(w.TenantGroups[0].Members, dental) }, true},
		{"another group, which is kept", func(w *cippsim.World) { w.TenantGroups[3].Members = nil }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inRoom(t, supported(), func(t *testing.T, r *room) {
				p := r.plan(theDental)
				r.cipp.Update(tt.edit)
				before := r.stands(dental)
				_, err := r.view.Apply(t.Context(), p.Changes[0])
				if errors.Is(err, target.ErrMoved) != tt.moved || (r.writes() == 0) != tt.moved {
					t.Errorf("got %v and %d writes, want moved: %t", err, r.writes(), tt.moved)
				}
				if tt.moved {
					r.want(dental, before)
				} else {
					r.want(dental, "Fabrikam Dental | Gold support | All with GDAP")
				}
			})
		})
	}
}

func TestALostAnswerIsFoundOut(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kind    cippsim.FaultKind
		dark    bool
		unknown bool
	}{
		{"done, and reading back shows it", cippsim.CutBody, false, false},
		{"done, and nothing answers any more", cippsim.CutBody, true, true},
		{"not done", cippsim.Dropped, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inRoom(t, supported(), func(t *testing.T, r *room) {
				p := r.plan(theDental)
				lose(r.cipp, tt.kind, tt.dark)
				_, err := r.view.Apply(t.Context(), p.Changes[0])
				if errors.Is(err, rest.ErrOutcomeUnknown) != tt.unknown || !tt.unknown && err != nil {
					t.Fatalf("got %v, want unknown: %t", err, tt.unknown)
				}
				r.cipp.Heal()
				time.Sleep(time.Hour)
				r.open()
				r.apply(theDental)
				r.want(dental, "Fabrikam Dental | Gold support | All with GDAP | North, and east")
				if p := r.apply(theDental); !p.Empty() || r.cipp.Count("EditTenant") > 2 {
					t.Errorf("got %s after %d writes, want it settled", written(p), r.writes())
				}
			})
		})
	}
}

func TestSuccessThatDoesNotShowIsNotBelieved(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		r.cipp.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{GroupLag: 5 * time.Minute}})
		began := time.Now()
		p := r.plan(theDental)
		_, err := r.view.Apply(t.Context(), p.Changes[0])
		if !errors.Is(err, rest.ErrOutcomeUnknown) || time.Since(began) > time.Minute {
			t.Errorf("got %v after %s, want unknown within a minute", err, time.Since(began))
		}
		// What would be built upon the old members waits for the next run.
		r.company(251, func(c *cwsim.Company) { c.TypeIDs = []int{1} })
		p = r.plan(theBakery)
		if _, err = r.view.Apply(t.Context(), p.Changes[0]); !isLater(err) || r.writes() != 1 {
			t.Errorf("got %v and %d writes, want it left for the next run", err, r.writes())
		}
		r.cipp.Heal() // the cache is read anew
		time.Sleep(10 * time.Minute)
		r.open()
		for _, c := range []mapping.Customer{theDental, theBakery} {
			r.apply(c)
			if p := r.apply(c); !p.Empty() {
				t.Errorf("got %s, want it settled", written(p))
			}
		}
		r.want(dental, "Fabrikam Dental | Gold support | All with GDAP | North, and east")
		r.want(bakery, "Northwind Bakery | All with GDAP")
	})
}

func isLater(err error) bool {
	_, ok := errors.AsType[*target.Later](err)
	return ok
}

func TestARefusalIsAnErrorOfItsOwn(t *testing.T) {
	inRoom(t, supported(), func(t *testing.T, r *room) {
		r.cipp.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Refused: map[string]string{"EditTenant": "Failed to edit tenant: the table is locked"}}})
		p := r.plan(theDental)
		_, err := r.view.Apply(t.Context(), p.Changes[0])
		if err == nil || errors.Is(err, rest.ErrOutcomeUnknown) || errors.Is(err, target.ErrMoved) || !strings.Contains(err.Error(), "the table is locked") {
			t.Errorf("got %v, want CIPP's own words", err)
		}
		for _, action := range []plan.Action{plan.Create, plan.Delete, plan.Forget} {
			ch := p.Changes[0]
			ch.Action = action
			if _, err := r.view.Apply(t.Context(), ch); err == nil || r.writes() != 1 {
				t.Errorf("%s: got no error, or a write", action)
			}
		}
	})
}

func TestWhatTheLoopIsTold(t *testing.T) {
	a, b := tenants.Open(nil, nil, supported()).Spec(), tenants.Open(nil, nil, tenants.Config{Alias: "name"}).Spec()
	if a.Settings == b.Settings || a.Settings == "" {
		t.Errorf("got %q and %q, want a digest that follows the rules", a.Settings, b.Settings)
	}
	if a.Name != "cipp" || a.Needs != 0 || a.Link != mapping.ConnectWiseCompany || len(a.Kinds) != 1 || a.Kinds[0].MayCreate {
		t.Errorf("got %+v", a)
	}
	if k := a.Kinds[0]; k.Fields["alias"] != plan.Hold || k.Owner != plan.Restore || !slices.Equal(k.Sets, []string{"groups"}) || !k.Leavers.Never {
		t.Errorf("got %+v", k)
	}
}
