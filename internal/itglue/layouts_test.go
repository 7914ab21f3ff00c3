package itglue

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	itgluesim "syncd/internal/simulator/itglue"
)

func TestLayoutsAreCreatedOnce(t *testing.T) {
	b := newBench(t, seed())
	before, err := b.client.Layouts(t.Context())
	if err != nil || len(before) != 5 {
		t.Fatalf("got %+v and %v", before, err)
	}
	for _, l := range before {
		if l.Exists() || !slices.Contains(l.Missing, "Notes (manual)") || !strings.HasPrefix(l.Name, "M365 ") {
			t.Errorf("got %+v, want all of it missing", l)
		}
	}
	for range 2 {
		after, err := b.client.CreateLayouts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range after {
			if !l.Exists() || len(l.Missing)+len(l.Notes) > 0 {
				t.Errorf("got %+v", l)
			}
		}
	}
	w := b.sim.World()
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
			b := newBench(t, seed())
			b.sim.Fail(itgluesim.Rule{Method: "POST", Times: 1, Fault: itgluesim.Fault{Kind: kind}})
			if _, err := b.client.CreateLayouts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(b.sim.World().Types); got != 5 {
				t.Errorf("%s: got %d types, want 5", kind, got)
			}
		})
	}
}

func TestAFieldThatIsMissingIsLeftOutUntilTheUpgrade(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.sim.Edit("tess", func(w *itgluesim.World) {
		w.Fields = slices.DeleteFunc(w.Fields, func(f *itgluesim.Field) bool { return f.Name == "Department" || f.Name == "Contact" })
	})
	b.source.users[0].Department = "Sales"
	b.settle()
	if n := b.plan(); n.code("layout_field_missing") == nil {
		t.Errorf("got\n%s", n)
	}
	related := b.sim.World().RelatedItems
	if len(related) != 2 {
		t.Errorf("got %d related items, want one for each contact in place of the tag", len(related))
	}
	after, err := b.client.UpgradeLayouts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range after {
		if len(l.Missing) > 0 {
			t.Errorf("got %+v", l)
		}
	}
	b.settle()
	w := b.sim.World()
	if got := w.Trait(b.asset(w, kindUser, oid(1)), "department"); got != "Sales" || len(w.RelatedItems) != 2 {
		t.Errorf("got %v and %d related items", got, len(w.RelatedItems))
	}
}

func TestATypeOfSomebodyElseIsNotTakenOn(t *testing.T) {
	world := seed()
	world.Types = []*itgluesim.Type{{ID: 500, Name: "M365 User"}}
	world.Fields = []*itgluesim.Field{{ID: 501, TypeID: 500, Order: 1, Name: "Name", Kind: "Text", UseForTitle: true, ShowInList: true}}
	b := newBench(t, world)
	_, err := b.client.CreateLayouts(t.Context())
	if err == nil || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("got %v", err)
	}
	if got := len(b.sim.World().FieldsOf(500)); got != 1 {
		t.Errorf("got %d fields, want it left alone", got)
	}
}

func TestTwoInstallationsDoNotMeet(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	other := newBench(t, itgluesim.World{}, func(c *Config) { c.LayoutPrefix = "Cloud" })
	other.sim = b.sim
	client, err := New(other.conf, Options{Transport: b.sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	states, err := client.CreateLayouts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(b.sim.World().Types); got != 10 || states[0].Name != "Cloud Licences" {
		t.Errorf("got %d types and %+v, want ten", got, states)
	}
	b.quiet()
}

func TestOptionsThatWereTakenAwayAreNotSent(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.sim.Edit("tess", func(w *itgluesim.World) {
		for _, f := range w.Fields {
			if f.Name == "MFA" {
				f.DefaultValue = "None\nRegistered"
			}
		}
	})
	b.settle()
	w := b.sim.World()
	if got := w.Trait(b.asset(w, kindUser, oid(1)), "mfa"); got != nil {
		t.Errorf("got %v", fmt.Sprint(got))
	}
}
