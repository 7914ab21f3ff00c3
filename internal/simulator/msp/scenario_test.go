package msp

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	cippsim "syncd/internal/simulator/cipp"
	itgluesim "syncd/internal/simulator/itglue"
)

func TestScenarios(t *testing.T) {
	for name, happened := range map[string]func(t *testing.T, r *Running){
		"seats": func(t *testing.T, r *Running) {
			k := r.msp.CIPP.World().Tenant("alderfinch.example").SKU("SPB")
			if k.Enabled != 21 || k.Subscriptions[0].Total != 21 {
				t.Errorf("Alder & Finch has %d seats and bought %d, want 21", k.Enabled, k.Subscriptions[0].Total)
			}
		},
		"leaver-sku": func(t *testing.T, r *Running) {
			if k := r.msp.CIPP.World().Tenant("quaysidehotels.example").SKU("VISIOCLIENT"); k != nil {
				t.Errorf("Visio is still there: %+v", k)
			}
		},
		"human-edit": func(t *testing.T, r *Running) {
			w := r.msp.ConnectWise.World()
			seats, err := lineOf(w, "Elmsworth", "M365-E3")
			if err != nil || seats.Quantity.String() != "127" || seats.Info.UpdatedBy != personMember {
				t.Errorf("got %v (%v), want 127 by %s", seats, err, personMember)
			}
			price, err := lineOf(w, "Calloway", "M365-BP")
			if err != nil || price.UnitPrice.String() != "19.75" || price.Quantity.String() != "24" {
				t.Errorf("got %v (%v), want 24 at 19.75", price, err)
			}
		},
		"failing-tenant": func(t *testing.T, r *Running) {
			for _, x := range []struct{ domain, want string }{
				{"alderfinch.example", "[]"}, {"birchwoodvets.example", "Loading data for all tenants"},
				{"callowaylegal.example", `"status":403`}, {"cafelumiere.example", "f245ecc8-75af-4f8e-b61f-27d8114de5f3"},
			} {
				if status, body := r.bulk(t, x.domain); status != 200 || !strings.Contains(body, x.want) {
					t.Errorf("%s: got %d %s, want 200 with %s", x.domain, status, body, x.want)
				}
			}
		},
		"lost-answer": func(t *testing.T, r *Running) {
			const path = "/finance/agreements/501/additions/5001"
			const patch = `[{"op":"replace","path":"quantity","value":20}]`
			if status, body := r.connectWise(t, "PATCH", path, patch); status != 0 {
				t.Errorf("the first change was answered: %d %s", status, body)
			}
			if got := r.msp.ConnectWise.World().Addition(5001).Quantity.String(); got != "20" {
				t.Errorf("the quantity is %s, want 20", got)
			}
			if status, body := r.connectWise(t, "PATCH", path, patch); status != 200 {
				t.Errorf("the next change: got %d %s, want 200", status, body)
			}
		},
		"leaver": func(t *testing.T, r *Running) {
			tenant := r.msp.CIPP.World().Tenant(scenePeople)
			gone := slices.DeleteFunc(slices.Clone(tenant.Users), func(u *cippsim.User) bool { return !u.Deleted })
			if len(gone) != 1 || len(gone[0].Licences) > 0 {
				t.Fatalf("got %d deleted, want one without licences", len(gone))
			}
			if k := tenant.SKU("SPB"); k.Consumed != 20 || k.Enabled != 21 {
				t.Errorf("got %d of %d seats assigned, want 20 of 21", k.Consumed, k.Enabled)
			}
			for _, g := range tenant.Groups {
				if slices.Contains(g.Members, gone[0].ID) {
					t.Errorf("still in %s", g.DisplayName)
				}
			}
		},
		"rename": func(t *testing.T, r *Running) {
			before, now := New(atNoon).CIPP.World().Tenant(sceneNames), r.msp.CIPP.World().Tenant(sceneNames)
			u := now.Users[1]
			was := before.User(u.ID)
			if was == nil || was.UPN == u.UPN || u.DisplayName != was.DisplayName+"-Thorne" || !slices.Contains(u.ProxyAddresses, "smtp:"+was.UPN) {
				t.Errorf("got %+v, want the account of %s under another name with its former address", u, was.UPN)
			}
		},
		"regroup": func(t *testing.T, r *Running) {
			before, now := New(atNoon).CIPP.World().Tenant(sceneGroups), r.msp.CIPP.World().Tenant(sceneGroups)
			for _, name := range []string{groupManagement, groupRemote} {
				if got, was := now.Group(name).Members, before.Group(name).Members; len(got) != len(was) || slices.Equal(got, was) {
					t.Errorf("%s: got %q, want as many as %q and others", name, got, was)
				}
			}
		},
		"note": func(t *testing.T, r *Running) {
			w := r.msp.ITGlue.World()
			a := w.AssetsOf(w.TypeNamed("M365 User").ID, 0)[0]
			if w.Trait(a, "notes-manual") == nil || w.Trait(a, "job-title") != "Head of everything" || a.Info.UpdatedBy != personMember {
				t.Errorf("got %+v, want both fields written by %s", a, personMember)
			}
		},
		"lost-document": func(t *testing.T, r *Running) {
			w := r.msp.ITGlue.World()
			kind := w.TypeNamed("M365 User").ID
			body := fmt.Sprintf(`{"data":{"type":"flexible_assets","attributes":{"organization-id":%d,"flexible-asset-type-id":%d,"traits":{"name":"Ada"}}}}`, organizationHarbour, kind)
			if status, answer := r.itGlue(t, "POST", "/flexible_assets", body); status != 0 {
				t.Errorf("the first record was answered: %d %s", status, answer)
			}
			if now := r.msp.ITGlue.World(); len(now.AssetsOf(kind, 0)) != len(w.AssetsOf(kind, 0))+1 {
				t.Errorf("got %d assets, want one more than %d", len(now.AssetsOf(kind, 0)), len(w.AssetsOf(kind, 0)))
			}
			if status, answer := r.itGlue(t, "POST", "/flexible_assets", body); status != 201 {
				t.Errorf("the next record: got %d %s, want 201", status, answer)
			}
		},
		"throttled": func(t *testing.T, r *Running) {
			refused := 0
			for range 30 {
				if status, _ := r.connectWise(t, "GET", "/system/info", ""); status == 429 {
					refused++
				}
			}
			if refused != 9 {
				t.Errorf("%d of 30 requests were refused, want three waves of 3", refused)
			}
		},
		"calm": func(t *testing.T, r *Running) {
			before := r.msp.CIPP.World()
			for _, other := range []string{"failing-tenant", "throttled", "lost-answer", "calm"} {
				if err := r.msp.Play(other); err != nil {
					t.Fatal(err)
				}
			}
			if status, body := r.bulk(t, "alderfinch.example"); status != 200 || !strings.Contains(body, "VISIOCLIENT") {
				t.Errorf("got %d %s, want the licences", status, body)
			}
			if after := r.msp.CIPP.World(); !reflect.DeepEqual(before, after) {
				t.Error("something stayed of the failures")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := started(t, New(atNoon, WithLayouts()))
			r.msp.ITGlue.Update(func(w *itgluesim.World) { // somebody is documented already
				a := &itgluesim.Asset{OrganizationID: r.msp.organizationOf(sceneNames), TypeID: w.TypeNamed("M365 User").ID}
				w.SetTrait(a, "name", "Bram Brisk")
				w.Assets = append(w.Assets, a)
			})
			if err := r.msp.Play(name); err != nil {
				t.Fatalf("Play: %v", err)
			}
			happened(t, r)
		})
	}
	for _, s := range Scenarios() {
		if s.Summary == "" {
			t.Errorf("%s says nothing", s.Name)
		}
	}
}

func TestAnUnknownScenarioNamesTheKnownOnes(t *testing.T) {
	err := New(atNoon).Play("earthquake")
	if err == nil {
		t.Fatal("got no error")
	}
	for _, s := range Scenarios() {
		if !strings.Contains(err.Error(), s.Name) {
			t.Errorf("got %q, want it to name %s", err, s.Name)
		}
	}
}

func TestAScenarioSaysWhatItLacks(t *testing.T) {
	m := NewEstate(3, atNoon)
	if err := New(atNoon, WithLayouts()).Play("note"); err == nil || !strings.Contains(err.Error(), "no person of alderfinch.example is documented yet") {
		t.Errorf("note: got %v, want that nobody is documented yet", err)
	}
	for name, want := range map[string]string{
		"seats": "there is no tenant alderfinch.example", "leaver-sku": "there is no tenant quaysidehotels.example",
		"human-edit": "company Elmsworth has no open line of M365-E3", "failing-tenant": "there is no tenant alderfinch.example",
		"leaver": "there is no tenant callowaylegal.example", "rename": "there is no tenant alderfinch.example", "regroup": "there is no tenant callowaylegal.example",
		"note": "this MSP has no IT Glue", "lost-document": "this MSP has no IT Glue",
	} {
		if err := m.Play(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
