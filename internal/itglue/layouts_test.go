package itglue

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	itgluesim "syncd/internal/simulator/itglue"
)

func TestLayoutsAreCreatedOnce(t *testing.T) {
	h := newHarness(t, seed())
	before, err := h.client.Layouts(t.Context())
	if err != nil || len(before) != 5 {
		t.Fatalf("got %+v and %v", before, err)
	}
	for _, l := range before {
		if l.Exists() || !slices.Contains(l.Missing, "Notes (manual)") || !strings.HasPrefix(l.Name, "M365 ") {
			t.Errorf("got %+v, want all of it missing", l)
		}
	}
	for range 2 {
		after, err := h.client.CreateLayouts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range after {
			if !l.Exists() || len(l.Missing)+len(l.Notes) > 0 {
				t.Errorf("got %+v", l)
			}
		}
	}
	w := h.sim.World()
	if len(w.Types) != 5 {
		t.Errorf("got %d types, want 5", len(w.Types))
	}
	for _, f := range w.Fields {
		if hidden := f.Name == "Tenant ID" || f.Name == "Object ID" || f.Name == "Notes (manual)"; hidden && f.ShowInList {
			t.Errorf("%s is in lists", f.Name)
		}
	}
}

func TestALostAnswerMakesNoSecondType(t *testing.T) {
	for _, kind := range []itgluesim.FaultKind{itgluesim.DroppedCommitted, itgluesim.TimedOutCommitted} {
		bubble(t, func(t *testing.T) {
			h := newHarness(t, seed())
			h.sim.Fail(itgluesim.Rule{Method: "POST", Times: 1, Fault: itgluesim.Fault{Kind: kind}})
			if _, err := h.client.CreateLayouts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(h.sim.World().Types); got != 5 {
				t.Errorf("%s: got %d types, want 5", kind, got)
			}
		})
	}
}

func TestAFieldThatIsMissingIsLeftOutUntilTheUpgrade(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.sim.Edit("tess", func(w *itgluesim.World) {
		w.Fields = slices.DeleteFunc(w.Fields, func(f *itgluesim.Field) bool { return f.Name == "Department" || f.Name == "Contact" })
	})
	h.source.users[0].Department = "Sales"
	h.converge()
	if r := h.plan(); r.violation("layout_field_missing") == nil {
		t.Errorf("got\n%s", r)
	}
	related := h.sim.World().RelatedItems
	if len(related) != 2 {
		t.Errorf("got %d related items, want one for each contact in place of the tag", len(related))
	}
	after, err := h.client.UpgradeLayouts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range after {
		if len(l.Missing) > 0 {
			t.Errorf("got %+v", l)
		}
	}
	h.converge()
	w := h.sim.World()
	if got := w.Trait(h.asset(w, kindUser, objectID(1)), "department"); got != "Sales" || len(w.RelatedItems) != 2 {
		t.Errorf("got %v and %d related items", got, len(w.RelatedItems))
	}
}

func TestATypeOfSomebodyElseIsNotTakenOn(t *testing.T) {
	world := seed()
	world.Types = []*itgluesim.Type{{ID: 500, Name: "M365 User"}}
	world.Fields = []*itgluesim.Field{{ID: 501, TypeID: 500, Order: 1, Name: "Name", Kind: "Text", UseForTitle: true, ShowInList: true}}
	h := newHarness(t, world)
	_, err := h.client.CreateLayouts(t.Context())
	if err == nil || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("got %v", err)
	}
	if got := len(h.sim.World().FieldsOf(500)); got != 1 {
		t.Errorf("got %d fields, want it left alone", got)
	}
}

func TestTwoInstallationsDoNotMeet(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	other := newHarness(t, itgluesim.World{}, func(c *Config) { c.LayoutPrefix = "Cloud" })
	other.sim = h.sim
	client, err := New(other.conf, Options{Transport: h.sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	states, err := client.CreateLayouts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(h.sim.World().Types); got != 10 || states[0].Name != "Cloud Licences" {
		t.Errorf("got %d types and %+v, want ten", got, states)
	}
	h.wantNoChanges()
}

func TestOptionsThatWereTakenAwayAreNotSent(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.sim.Edit("tess", func(w *itgluesim.World) {
		for _, f := range w.Fields {
			if f.Name == "MFA" {
				f.DefaultValue = "None\nRegistered"
			}
		}
	})
	h.converge()
	w := h.sim.World()
	if got := w.Trait(h.asset(w, kindUser, objectID(1)), "mfa"); got != nil {
		t.Errorf("got %v", fmt.Sprint(got))
	}
}

func TestEveryFieldExplainsItself(t *testing.T) {
	c := Defaults()
	for _, l := range layouts {
		for _, f := range l.all() {
			if f.hint == "" || slices.Contains(formerHints, f.hint) || !strings.HasSuffix(f.hint, ".") || len(c.hint(l.kind, f)) > longestText {
				t.Errorf("%s %s: got hint %q", l.kind, f.label, f.hint)
			}
		}
	}
}

// formerLabels turns an account's types into those of the first version, with one hint
// that people wrote and a field of theirs that has the name of one to come.
func formerLabels(w *itgluesim.World, c *Config) {
	late := map[string]bool{}
	for i := range layouts {
		typ := w.TypeNamed(c.typeName(layouts[i].kind)).ID
		for _, f := range layouts[i].all() {
			for _, have := range w.FieldsOf(typ) {
				switch {
				case have.Name != f.label:
				case f.addedLater:
					late[fmt.Sprint(have.ID)] = true
				case f.formerLabel != "":
					have.Name, have.NameKey = f.formerLabel, strings.ToLower(f.formerLabel)
					fallthrough
				default:
					have.Hint = formerHints[0] + " " + c.mark(layouts[i].kind, f.name)
				}
			}
		}
	}
	w.Fields = slices.DeleteFunc(w.Fields, func(f *itgluesim.Field) bool { return late[fmt.Sprint(f.ID)] })
	users := w.TypeNamed(c.typeName(kindUser)).ID
	for _, f := range w.FieldsOf(users) {
		if f.Name == "Department" {
			f.Hint = "Ask Tess first. " + c.mark(kindUser, "department")
		}
	}
	w.Fields = append(w.Fields, &itgluesim.Field{ID: 950, TypeID: users, Order: 90, Name: "Last proven", Kind: "Text", NameKey: "last-proven"})
}

func TestTypesOfTheFirstVersionAreUpgradedAndLoseNothing(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.sim.Update(func(w *itgluesim.World) { formerLabels(w, &h.conf) })
	h.converge()
	h.sim.Edit("tess", func(w *itgluesim.World) {
		for _, a := range w.Assets {
			w.SetTrait(a, "notes-manual", "<p>mine</p>")
		}
		w.SetTrait(h.asset(w, kindUser, objectID(1)), "last-proven", "by Tess, in May")
	})
	before := h.sim.World()
	if got := fmt.Sprint(before.Trait(h.asset(before, kindLicences, tenantID), "products")); !strings.Contains(got, "Business Premium") {
		t.Fatalf("got products %s", got)
	}
	// A field of people's has the name of one of ours: it is never taken for ours.
	states, err := h.client.UpgradeLayouts(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Last proven") || !strings.Contains(err.Error(), "renamed first") || len(states) == 0 {
		t.Fatalf("got %v, want it said that a field is in the way", err)
	}
	h.sim.Edit("tess", func(w *itgluesim.World) {
		for _, f := range w.Fields {
			if f.ID == 950 {
				f.Name = "Proven by"
			}
		}
	})
	for range 2 {
		if states, err = h.client.UpgradeLayouts(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, l := range states {
			if len(l.Missing)+len(l.Outdated) > 0 {
				t.Errorf("got %+v, want nothing left to do", l)
			}
		}
	}
	w := h.sim.World()
	for _, a := range before.Assets {
		for field, v := range a.Traits {
			if now := w.Asset(a.ID).Traits[field]; fmt.Sprint(now) != fmt.Sprint(v) {
				t.Errorf("asset %d, field %d: got %v after the upgrade, want %v", a.ID, field, now, v)
			}
		}
	}
	hints := map[string]string{}
	for _, f := range w.FieldsOf(w.TypeNamed("M365 User").ID) {
		hints[f.Name] = f.Hint
	}
	if !strings.HasPrefix(hints["Department"], "Ask Tess first.") || !strings.HasPrefix(hints["Office"], "The office location") {
		t.Errorf("got hints %q and %q, want people's kept and ours renewed", hints["Department"], hints["Office"])
	}
	if r := h.run(); len(r.errs) > 0 || len(r.plan.Changes) != len(w.Assets) {
		t.Fatalf("got\n%s\nwant every asset filled in once", r)
	}
	h.wantNoChanges()
	w = h.sim.World()
	ana := h.asset(w, kindUser, objectID(1))
	if w.Trait(ana, "proven-by") != "by Tess, in May" || w.Trait(ana, "last-proven") != "2026-11" ||
		fmt.Sprint(w.Trait(ana, "notes-manual")) != "<p>mine</p>" {
		t.Errorf("got %v, %v and %v", w.Trait(ana, "proven-by"), w.Trait(ana, "last-proven"), w.Trait(ana, "notes-manual"))
	}
}
