package itglue

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"syncd/internal/rest"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/target"
)

// missingOrganization is an account that gives nothing away but a page.
func missingOrganization() itgluesim.Faults {
	return itgluesim.Faults{ErrorBody: itgluesim.BodyHTML, Inaccessible: []int64{2}}
}

func TestIDsOfAnyShape(t *testing.T) {
	for in, want := range map[string]id{`123456789012345678`: 123456789012345678, `"123456789012345678"`: 123456789012345678,
		`null`: 0, `""`: 0, `"7"`: 7} {
		var got id
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: got %d and %v, want %d", in, got, err, want)
		}
	}
	var n id
	if err := json.Unmarshal([]byte(`"x"`), &n); err == nil {
		t.Error("x is an id")
	}
}

func TestRefusalsAreToldApart(t *testing.T) {
	for _, tt := range []struct {
		kind itgluesim.FaultKind
		body itgluesim.BodyStyle
		is   func(*rest.Error) bool
		says string
	}{
		{itgluesim.Forbidden, itgluesim.BodyJSON, func(e *rest.Error) bool { return e.Forbidden }, "90 days"},
		{itgluesim.BareUnauthorized, itgluesim.BodyJSON, func(e *rest.Error) bool { return e.Unauthorised }, "itglue.api_key"},
		{itgluesim.Unauthorized, itgluesim.BodyJSON, func(e *rest.Error) bool { return !e.Unauthorised && e.Code == codeInaccessible },
			"may not see it"},
		{itgluesim.Gone, itgluesim.BodyJSON, func(e *rest.Error) bool { return e.NotFound }, "404"},
		{itgluesim.Gone, itgluesim.BodyEmpty, func(e *rest.Error) bool { return e.NotFound }, "404"},
		{itgluesim.Gone, itgluesim.BodyHTML, func(e *rest.Error) bool { return e.NotFound }, "404"},
		{itgluesim.Unprocessable, itgluesim.BodyJSON, func(e *rest.Error) bool { return e.Code == codeField && !e.Temporary }, "is invalid"},
		{itgluesim.BadGateway, itgluesim.BodyJSON, func(e *rest.Error) bool { return e.Temporary }, "502"},
	} {
		bubble(t, func(t *testing.T) {
			h := newHarness(t, seed())
			h.sim.SetFaults(itgluesim.Faults{ErrorBody: tt.body})
			h.sim.Fail(itgluesim.Rule{Fault: itgluesim.Fault{Kind: tt.kind}})
			_, err := h.client.Organizations(t.Context())
			refused, ok := errors.AsType[*rest.Error](err)
			if !ok || !tt.is(refused) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: got %v (%+v), want %q", tt.kind, err, refused, tt.says)
			}
		})
	}
}

func TestA429WithoutAdviceStopsEverybodyForAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, seed())
		h.sim.Fail(itgluesim.Rule{Times: 1, Fault: itgluesim.Fault{Kind: itgluesim.Throttled}})
		if _, err := h.client.Organizations(t.Context()); err != nil {
			t.Fatal(err)
		}
		log := h.sim.Requests()
		if wait := log[1].At.Sub(log[0].At); wait < waitWithoutRetryAfter {
			t.Errorf("asked again after %s, want at least %s", wait, waitWithoutRetryAfter)
		}
	})
}

func TestListsAreWholeOrAnError(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults itgluesim.Faults
		whole  bool
	}{
		{"rows shift away", itgluesim.Faults{LargestPage: 1, Shift: 1}, false},
		{"rows repeat and hide others", itgluesim.Faults{LargestPage: 2, Shift: -1}, false},
		{"short pages", itgluesim.Faults{LargestPage: 2, ShortPages: 1}, false},
		{"pages smaller than asked for", itgluesim.Faults{LargestPage: 1}, true},
	} {
		h := newHarness(t, seed())
		h.sim.SetFaults(tt.faults)
		var got []*contact
		err := h.client.unmetered().contacts(t.Context(), 0, func() { got = nil },
			func(_ id, c *contact) error { got = append(got, c); return nil })
		switch {
		case tt.whole && (err != nil || len(got) != 4):
			t.Errorf("%s: got %d contacts and %v, want all 4", tt.name, len(got), err)
		case !tt.whole && !errors.Is(err, errShifted):
			t.Errorf("%s: got %d contacts and %v, want %v", tt.name, len(got), err, errShifted)
		}
	}
}

func TestHeavyPagesBecomeSmaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, seed()).layouts()
		h.sim.Update(func(w *itgluesim.World) {
			typ := w.TypeNamed("M365 User")
			for i := range 330 {
				a := &itgluesim.Asset{OrganizationID: 2, TypeID: typ.ID}
				w.Assets = append(w.Assets, a)
				w.SetTrait(a, "name", fmt.Sprint("Somebody ", i))
			}
		})
		for _, most := range []int{1000, 150, 60, 25} {
			h.sim.SetFaults(itgluesim.Faults{HeavyPage: most})
			inv, err := h.client.unmetered().readLayouts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			seen := map[id]bool{}
			err = h.client.unmetered().assets(t.Context(), inv.layouts[kindUser], 0, func() { clear(seen) },
				func(a *asset) error { seen[a.ID] = true; return nil })
			if err != nil || len(seen) != 330 {
				t.Errorf("pages of %d at most: got %d assets and %v, want 330", most, len(seen), err)
			}
		}
	})
}

func TestATextThatTheEdgeRefusesIsNoRevokedKey(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.sim.Fail(itgluesim.Rule{Method: "POST", Route: "/flexible_assets", Times: 1, Fault: itgluesim.Fault{Kind: itgluesim.Forbidden}})
	r := h.run()
	if len(r.errs) != 1 || !strings.Contains(r.errs[0].Error(), "looks like a script") {
		t.Errorf("got %v, want one record refused and the rest written", r.errs)
	}
	refused, ok := errors.AsType[*rest.Error](r.errs[0])
	if !ok || refused.Forbidden {
		t.Errorf("got %+v, want an error of that record alone", refused)
	}
}

func TestCheckSaysWhatToDo(t *testing.T) {
	find := func(all []target.Finding, name string) target.Finding {
		for _, f := range all {
			if f.Name == name {
				return f
			}
		}
		return target.Finding{}
	}
	h := newHarness(t, seed())
	if f := find(h.client.Check(t.Context()), "layout M365 User"); f.OK || !strings.Contains(f.Remedy, "layouts create") {
		t.Errorf("got %+v", f)
	}
	h.layouts()
	for _, f := range h.client.Check(t.Context()) {
		if !f.OK {
			t.Errorf("got %+v, want all well", f)
		}
	}
	// A key of another region: only that host takes it.
	h.sim.Before(func(r *http.Request) itgluesim.Fault {
		if r.URL.Host != "api.eu.itglue.com" {
			return itgluesim.Fault{Kind: itgluesim.Forbidden}
		}
		return itgluesim.Fault{}
	})
	if f := find(h.client.Check(t.Context()), "key"); f.OK || !strings.Contains(f.Remedy, "api.eu.itglue.com") {
		t.Errorf("got %+v, want the other region", f)
	}
	if got := len(h.sim.Writes()); got != 0 {
		t.Errorf("got %d writes", got)
	}
}

func TestOrganizationsAreLookedUpByIdAndName(t *testing.T) {
	h := newHarness(t, seed())
	all, err := h.client.Organizations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name := all[1].Name
	got, err := h.client.LookUp(t.Context(), []string{"2", " " + strings.ToUpper(name), "4042421234567890", "Nobody"})
	if err != nil || got["2"].Name != name || got[" "+strings.ToUpper(name)].ID != "2" || got["Nobody"].Err == nil {
		t.Errorf("got %+v and %v", got, err)
	}
	if found, there := got["4042421234567890"]; there {
		t.Errorf("an id that does not exist leads to %+v", found)
	}
}

func TestOrganizationsCarryTheIDOfTheirCompany(t *testing.T) {
	h := newHarness(t, seed())
	all, err := h.client.Organizations(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatalf("got %d and %v", len(all), err)
	}
	if company, ok := all[1].Company(); !ok || company != "250" || all[1].ID != "2" || !all[0].Primary {
		t.Errorf("got %+v", all)
	}
	got, err := h.client.OrganizationsOfCompany(t.Context(), "250")
	if err != nil || fmt.Sprint(got) != "[2]" {
		t.Errorf("got %v and %v, want [2]", got, err)
	}
	evidence, err := h.client.Evidence(t.Context())
	if err != nil || evidence["2"].ContactDomains["contoso.example"] != 1 || fmt.Sprint(evidence["2"].Domains) != "[contoso.example]" {
		t.Errorf("got %+v and %v", evidence["2"], err)
	}
}
