package simulator

import (
	"reflect"
	"strings"
	"testing"
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
			r := started(t, New(atNoon))
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
	for name, want := range map[string]string{
		"seats": "there is no tenant alderfinch.example", "leaver-sku": "there is no tenant quaysidehotels.example",
		"human-edit": "company Elmsworth has no open line of M365-E3", "failing-tenant": "there is no tenant alderfinch.example",
	} {
		if err := m.Play(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
