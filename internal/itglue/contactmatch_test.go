package itglue

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/plan"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/target"
)

// recordedOwners says whose contacts are, as the records of other customers do.
type recordedOwners map[string]string

func (r recordedOwners) Others(_ context.Context, customer, kind, ref string) ([]string, error) {
	if owner := r[kind+" "+ref]; owner != "" && owner != customer {
		return []string{owner}, nil
	}
	return nil, nil
}

func (r recordedOwners) Linked() map[string]string { return nil }

// A tenant's administrator types addresses freely: one counts at a verified domain,
// where nothing says that the contact is another's. Zoe's contact is 43.
func TestWhatATenantTypesFreelyIsOnlyProposed(t *testing.T) {
	gus := func(mail string, aliases ...string) directory.User {
		return directory.User{ID: objectID(9), UPN: "gus@contoso.example", Name: "Gus Lund", GivenName: "Gus", Surname: "Lund",
			Mail: mail, Aliases: aliases, Enabled: true, JobTitle: "CFO"}
	}
	microsoft := func(account string) []itgluesim.Adapter {
		return []itgluesim.Adapter{{ID: 99, TypeName: "Microsoft", RemoteID: account, Sync: true}}
	}
	for _, tt := range []struct {
		name  string
		user  directory.User
		setup func(h *harness, w *itgluesim.World)
		says  string // of why it is only proposed; empty: it is matched
	}{
		{"an address at a verified domain", gus("zoe@contoso.example"),
			func(_ *harness, w *itgluesim.World) { w.Contact(43).Emails[0].Value = "Zoe@Contoso.example" }, ""},
		{"an alias at a verified domain", gus("gus@contoso.example", "zoe@contoso.example"),
			func(_ *harness, w *itgluesim.World) { w.Contact(43).Emails[0].Value = "zoe@contoso.example" }, ""},
		{"a domain in punycode", gus("zoe@müller.example"), func(h *harness, w *itgluesim.World) {
			h.source.domains = append(h.source.domains, directory.Domain{Name: "xn--mller-kva.example", Verified: true})
			w.Contact(43).Emails[0].Value = "zoe@müller.example"
		}, ""},
		{"somebody else's domain", gus("zoe@elsewhere.example"), nil, "elsewhere.example is no verified domain of the tenant"},
		{"somebody else's domain, as an alias", gus("gus@contoso.example", "zoe@elsewhere.example"), nil,
			"elsewhere.example is no verified domain"},
		{"a domain that was added and not verified", gus("zoe@unproven.example"),
			func(_ *harness, w *itgluesim.World) { w.Contact(43).Emails[0].Value = "zoe@unproven.example" },
			"unproven.example is no verified domain"},
		{"below a verified domain", gus("zoe@mail.contoso.example"),
			func(_ *harness, w *itgluesim.World) { w.Contact(43).Emails[0].Value = "zoe@mail.contoso.example" },
			"mail.contoso.example is no verified domain"},
		{"one address of each sort", gus("zoe@contoso.example", "zoe@elsewhere.example"), func(_ *harness, w *itgluesim.World) {
			w.Contact(43).Emails = append(w.Contact(43).Emails, itgluesim.Email{Value: "zoe@contoso.example", Label: "Work"})
		}, ""},
		{"somebody else's domain, as ConnectWise has it", gus("zoe@elsewhere.example"), func(h *harness, w *itgluesim.World) {
			w.Contact(43).Emails = nil
			w.Contact(43).Adapters = []itgluesim.Adapter{{ID: 98, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "700"}}
			h.client.options.Addresses = func(context.Context, []string) (map[string][]string, error) {
				return map[string][]string{"700": {"zoe@elsewhere.example"}}, nil
			}
		}, "elsewhere.example is no verified domain"},
		{"a contact of another customer's records", gus("zoe@contoso.example"), func(h *harness, w *itgluesim.World) {
			w.Contact(43).Emails[0].Value = "zoe@contoso.example"
			h.owners = recordedOwners{"contact 43": "Fabrikam"}
		}, "it is a contact of customer Fabrikam"},
		{"an asset of that id in another customer's records", gus("zoe@contoso.example"), func(h *harness, w *itgluesim.World) {
			w.Contact(43).Emails[0].Value = "zoe@contoso.example"
			h.owners = recordedOwners{"user 43": "Fabrikam"}
		}, ""},
		{"tied to another account", gus("zoe@contoso.example"), func(_ *harness, w *itgluesim.World) {
			w.Contact(43).Emails[0].Value, w.Contact(43).Adapters = "zoe@contoso.example", microsoft(objectID(77))
		}, "IT Glue ties it to account " + objectID(77)},
		{"tied to this account", gus("x@elsewhere.example"),
			func(_ *harness, w *itgluesim.World) { w.Contact(43).Adapters = microsoft(objectID(9)) }, ""},
		{"tagged by an asset of another tenant", gus("zoe@contoso.example"), func(_ *harness, w *itgluesim.World) {
			w.Contact(43).Emails[0].Value = "zoe@contoso.example"
			a := &itgluesim.Asset{ID: 700, OrganizationID: 2, TypeID: w.TypeNamed("M365 User").ID}
			w.Assets = append(w.Assets, a)
			for key, v := range map[string]any{"name": "Zoe", "tenant-id": otherID, "object-id": objectID(88), "contact": []int64{43}} {
				w.SetTrait(a, key, v)
			}
		}, "an asset of tenant " + otherID + " is tagged to it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, seed()).layouts()
			h.source.users = append(h.source.users, tt.user)
			if tt.setup != nil {
				h.sim.Update(func(w *itgluesim.World) { tt.setup(h, w) })
			}
			r := h.run()
			if tt.says == "" {
				if c := r.change(kindContact, objectID(9)); c == nil || c.Action != plan.Adopt || c.Ref != "43" {
					t.Fatalf("got %+v, want contact 43:\n%s", c, r)
				}
				return
			}
			var said string
			for _, v := range r.violations {
				if v.Key == objectID(9) && v.Code == "match_proposed" && v.NeedsRepair {
					said = v.Message
				}
			}
			if !strings.Contains(said, tt.says) || !strings.Contains(said, "43 (Zoe Stranger)") ||
				r.change(kindContact, objectID(9)) != nil || h.sim.World().Contact(43).Title != "" {
				t.Fatalf("got %q\n%s\nwant it proposed because %q", said, r, tt.says)
			}
			h.settlements = []plan.Settlement{{Key: plan.Key{Kind: kindContact, ID: objectID(9)}, How: plan.SettleAccept, Ref: "43"}}
			h.run()
			h.settlements, h.owners = nil, nil // what was settled stays settled
			if h.wantNoChanges(); h.records[plan.Key{Kind: kindContact, ID: objectID(9)}].Ref != "43" {
				t.Error("a person's word on it does not count")
			}
		})
	}
}

// Two tenants in one organization: the contact is the first one's, in one run too.
func TestAContactIsTakenOnceInARun(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	second := h.customer
	second.Key, second.Tenant = otherID, directory.Tenant{ID: otherID, Name: "Contoso Labs"}
	opened := h.client.Open()
	views, err := opened.Observe(t.Context(), []target.Asked{{Customer: h.customer}, {Customer: second}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := views[0].Compare(t.Context(), h.source.snapshot(tenantID), nil); err != nil {
		t.Fatal(err)
	}
	d, _, err := views[1].Compare(t.Context(), h.source.snapshot(otherID), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Conflicts {
		if c.Key == (plan.Key{Kind: kindContact, ID: objectID(1)}) && strings.Contains(c.Message, "it is a contact of customer "+tenantID) {
			return
		}
	}
	t.Errorf("got conflicts %+v, want Ana's contact to be the first customer's", d.Conflicts)
}

// Who was asked for with an address of another domain is known again, although
// the answer was lost.
func TestAContactThatWasAskedForIsKnownByAnyAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, seed()).layouts()
		h.converge()
		h.source.users = append(h.source.users,
			directory.User{ID: objectID(9), UPN: "gus@contoso.example", Mail: "gus@private.example", Name: "Gus Lund", GivenName: "Gus",
				Surname: "Lund", Enabled: true})
		lost := false
		h.sim.Before(func(r *http.Request) itgluesim.Fault {
			switch {
			case lost:
				return itgluesim.Fault{Kind: itgluesim.Dropped}
			case r.Method == http.MethodPost:
				lost = true
				return itgluesim.Fault{Kind: itgluesim.DroppedCommitted}
			}
			return itgluesim.Fault{}
		})
		h.run()
		h.sim.Heal()
		time.Sleep(time.Minute) // until the breaker lets go
		h.converge()
		if got := len(h.contacts()); got != 5 {
			t.Errorf("got %d contacts, want 5: Gus's once", got)
		}
	})
}

// What was there before is not what was asked for, though the address is the same.
func TestALostAnswerIsNotFoundInAnOlderContact(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, seed()).layouts()
		h.settlements = []plan.Settlement{{Key: plan.Key{Kind: kindContact, ID: objectID(1)}, How: plan.SettleCreate}}
		h.sim.Fail(itgluesim.Rule{Method: http.MethodPost, Route: "/contacts", Times: 1,
			Fault: itgluesim.Fault{Kind: itgluesim.DroppedCommitted}})
		h.run()
		if ref := h.records[plan.Key{Kind: kindContact, ID: objectID(1)}].Ref; ref == "41" || ref == "" {
			t.Errorf("got contact %q for Ana, of whom somebody said that 41 is not she", ref)
		}
	})
}

func TestOnlyAVerifiedDomainLeadsToTheTrackedOne(t *testing.T) {
	h := newHarness(t, seed(), func(c *Config) { c.Domains.Unverified = true }).layouts()
	h.sim.Update(func(w *itgluesim.World) {
		w.Domains = append(w.Domains, &itgluesim.Domain{ID: 82, OrganizationID: 2, Name: "unproven.example"})
	})
	h.converge()
	w := h.sim.World()
	for domain, want := range map[string]string{"contoso.example": "[81]", "unproven.example": "<nil>"} {
		if got := fmt.Sprint(w.Trait(h.asset(w, kindDomain, domain), "tracked-domain")); got != want {
			t.Errorf("%s: got tag %s, want %s", domain, got, want)
		}
	}
}
