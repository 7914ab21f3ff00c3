package itglue

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/target"
)

// Every standing quirk: two nights settle, nothing is doubled, notes survive.
func TestEveryQuirkSettlesInTwoNights(t *testing.T) {
	for name, faults := range map[string]itgluesim.Faults{
		"healthy":                     {},
		"HTML rewritten":              {RewriteHTML: true},
		"text trimmed":                {TrimText: true},
		"text cut":                    {CutText: true},
		"arrays merged":               {MergeArrays: true},
		"traits merged":               {MergeTraits: true},
		"archiving erases":            {ArchiveErases: true},
		"plus kept":                   {KeepPlus: true},
		"bare tags":                   {BareTags: true},
		"bare answers":                {BareAnswers: true},
		"numbers as text":             {NumbersAsText: true},
		"check boxes as text":         {CheckboxesAsText: true},
		"dates with time":             {DatesWithTime: true},
		"null traits":                 {NullTraits: true},
		"tags of nothing dropped":     {MissingTag: itgluesim.TagDropped, DropDeletedTags: true},
		"no relationships":            {NoRelationships: true},
		"included inside":             {IncludedInside: true},
		"numeric included":            {NumericIncluded: true},
		"whole seconds":               {WholeSeconds: true},
		"small pages":                 {LargestPage: 2},
		"large pages refused":         {RefuseLargePages: true},
		"extra members":               {ExtraMembers: true},
		"stable keys":                 {StableNameKeys: true},
		"scripts rejected":            {RejectScripts: true},
		"no adapters":                 {NoContactAdapter: true, NoSingleAdapter: true},
		"texts for status":            {TextStatus: true, ArrayDetails: true},
		"links elsewhere":             {LinkHost: "evil.example"},
		"lax":                         {LaxPatch: true, AnySelect: true, CreateLabels: true, LastPrimaryWins: true, NamelessContacts: true, IgnoreUnknownParameters: true, IgnoreUnknownAttributes: true},
		"everything at once":          {RewriteHTML: true, TrimText: true, MergeArrays: true, NumbersAsText: true, CheckboxesAsText: true, DatesWithTime: true, NullTraits: true, BareTags: true, LargestPage: 3},
		"heavy pages":                 {HeavyPage: 30},
		"lists that fold their case":  {FoldFilters: true},
		"records gone as null":        {Deleted: itgluesim.DeletedNull},
		"records gone without a body": {Deleted: itgluesim.DeletedEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, seed())
				b.sim.SetFaults(faults)
				b.create().settle()
				b.sim.Edit("tess", func(w *itgluesim.World) {
					for _, a := range w.Assets {
						w.SetTrait(a, "notes-manual", "<p>mine</p>")
					}
				})
				b.source.users[0].JobTitle = "Head of buying"
				b.source.groups[0].Members.IDs = []string{oid(3), oid(2)}
				b.source.licences[0].Assigned = 3
				b.source.users[2].Enabled = false
				b.conf.Users.Disabled = true
				n := b.night()
				if len(n.errs) > 0 {
					t.Fatalf("%s", n)
				}
				for range 3 {
					b.now = b.now.AddDate(0, 0, 4)
					if n := b.night(); len(n.errs) > 0 {
						t.Fatalf("%s", n)
					}
				}
				b.quiet()
				w := b.sim.World()
				for _, a := range w.Assets {
					if got := fmt.Sprint(w.Trait(a, "notes-manual")); !strings.Contains(got, "mine") {
						t.Errorf("asset %d: got notes %q, want the human's", a.ID, got)
					}
				}
				if got := w.Trait(b.asset(w, kindUser, oid(1)), "job-title"); got != "Head of buying" {
					t.Errorf("got title %v", got)
				}
				if len(b.contacts()) != 4 {
					t.Errorf("got %d contacts, want 4", len(b.contacts()))
				}
			})
		})
	}
}

// What happens to the first write of a kind: nothing is doubled, and two more
// nights end in step.
func TestALostAnswerDoublesNothing(t *testing.T) {
	for _, route := range []string{"POST /contacts", "POST /flexible_assets", "PATCH /contacts/{id}", "PATCH /flexible_assets/{id}"} {
		for _, kind := range []itgluesim.FaultKind{itgluesim.Broken, itgluesim.BrokenCommitted, itgluesim.BadGateway, itgluesim.GatewayCommitted, itgluesim.TimedOut, itgluesim.TimedOutCommitted,
			itgluesim.Dropped, itgluesim.DroppedCommitted, itgluesim.CutBody, itgluesim.Throttled, itgluesim.Forbidden, itgluesim.Unauthorized, itgluesim.Unprocessable,
			itgluesim.HTMLPage, itgluesim.EmptyAnswer, itgluesim.Echoed, itgluesim.Gone} {
			t.Run(route+" "+string(kind), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					b := newBench(t, seed()).layouts()
					method, path, _ := strings.Cut(route, " ")
					if route == "PATCH /flexible_assets/{id}" { // the first night makes them
						b.night()
						b.source.users[0].Department, b.source.users[0].Aliases = "Sales", nil
					}
					b.sim.Forget()
					b.sim.Fail(itgluesim.Rule{Method: method, Route: path, Times: 1, Fault: itgluesim.Fault{Kind: kind}})
					b.calm(5)
					if b.sim.Counts()[route] == 0 {
						t.Fatal("nothing was sent there")
					}
					w := b.sim.World()
					seen := map[string]bool{}
					for _, a := range w.Assets {
						k := fmt.Sprint(a.TypeID, w.Trait(a, "object-id"))
						if seen[k] {
							t.Errorf("doubled: %s", k)
						}
						seen[k] = true
					}
					if len(b.contacts()) != 4 || len(w.Assets) != 8 {
						t.Errorf("got %d contacts and %d assets, want 4 and 8", len(b.contacts()), len(w.Assets))
					}
				})
			})
		}
	}
}

func TestTenNoisyNightsEndInPeace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, seed()).layouts()
		noises := []itgluesim.Faults{
			{RewriteHTML: true}, {TrimText: true, NullTraits: true}, {MergeArrays: true}, {MergeTraits: true, BareTags: true}, {CutText: true, LargestPage: 3},
			{HeavyPage: 26}, {BareAnswers: true, DatesWithTime: true}, {NumbersAsText: true, CheckboxesAsText: true}, {ShortPages: 1, LargestPage: 2}, {RejectScripts: true, KeepPlus: true},
		}
		kinds := []itgluesim.FaultKind{itgluesim.TimedOutCommitted, itgluesim.DroppedCommitted, itgluesim.CutBody, itgluesim.GatewayCommitted, itgluesim.Throttled, itgluesim.TimedOut}
		for i, faults := range noises {
			b.now = b.now.AddDate(0, 0, 1)
			b.sim.SetFaults(faults)
			b.sim.Fail(itgluesim.Rule{Method: http.MethodPost, Skip: i % 3, Times: 1, Fault: itgluesim.Fault{Kind: kinds[i%len(kinds)]}},
				itgluesim.Rule{Method: http.MethodPatch, Skip: i % 2, Times: 1, Fault: itgluesim.Fault{Kind: kinds[(i+2)%len(kinds)]}},
				itgluesim.Rule{Method: http.MethodGet, Skip: 5 + i, Times: 1, Fault: itgluesim.Fault{Kind: kinds[(i+5)%len(kinds)]}})
			b.source.users[0].Department = fmt.Sprintf("Department %d", i)
			b.source.users[1].Name = fmt.Sprintf("Bo Lind %d", i) // a name changes
			b.source.users = append(b.source.users, directory.User{ID: oid(50 + i), UPN: fmt.Sprintf("new%d@contoso.example", i), Name: fmt.Sprintf("New %d", i),
				GivenName: "New", Surname: fmt.Sprint(i), Mail: fmt.Sprintf("new%d@contoso.example", i), Enabled: true})
			b.source.groups[0].Members.IDs = append(b.source.groups[0].Members.IDs, oid(50+i))
			if n, err := b.tryPlan(); err == nil {
				b.apply(n)
			} else if faults.ShortPages == 0 {
				t.Fatalf("night %d: %v", i, err)
			} else if !errors.Is(err, errShifted) {
				t.Fatalf("night %d: got %v, want a list that is not whole", i, err)
			}
			b.sim.Edit("tess", func(w *itgluesim.World) { // a person works there, too
				for _, a := range w.Assets {
					w.SetTrait(a, "notes-manual", "<p>mine, "+fmt.Sprint(a.ID)+"</p>")
				}
				w.Contact(41).Title = "Buyer in chief"
				w.Contact(43).Notes = fmt.Sprint("night ", i)
				w.SetTrait(w.Assets[0], "name", "renamed by hand")
			})
		}
		b.sim.Heal()
		b.now = b.now.AddDate(0, 0, 1)
		b.night()
		b.night()
		b.quiet()
		w := b.sim.World()
		seen := map[string]bool{}
		for _, a := range w.Assets {
			k := fmt.Sprint(a.TypeID, w.Trait(a, "object-id"))
			if seen[k] {
				t.Errorf("doubled: %s", k)
			}
			seen[k] = true
			if got := w.Trait(a, "notes-manual"); got != "<p>mine, "+fmt.Sprint(a.ID)+"</p>" {
				t.Errorf("asset %d: got notes %v", a.ID, got)
			}
		}
		if w.Contact(41).Title != "Buyer in chief" || w.Contact(43).Notes != "night 9" {
			t.Error("a human's edit of a contact is gone")
		}
		if got := len(b.contacts()); got != 14 {
			t.Errorf("got %d contacts, want 14", got)
		}
		if got := len(w.Assets); got != 18 {
			t.Errorf("got %d assets, want 18", got)
		}
	})
}

func TestAssetsWithFilesOrPasswordsAreLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		kind  string
		value any
	}{{"Upload", &itgluesim.Upload{Name: "plan.pdf", Size: 9}}, {"Password", int64(91)}} {
		b := newBench(t, seed()).layouts()
		b.settle()
		b.sim.Edit("tess", func(w *itgluesim.World) {
			typ := w.TypeNamed("M365 User")
			w.Fields = append(w.Fields, &itgluesim.Field{ID: 900, TypeID: typ.ID, Order: 99, Name: "Extra", Kind: tt.kind, NameKey: "extra"})
			b.asset(w, kindUser, oid(1)).Traits[900] = tt.value
		})
		b.source.users[0].Department = "Sales"
		b.source.users[2].Department = "Sales"
		n := b.night()
		if v := n.code("asset_carries_files"); v == nil || v.Key != oid(1) || v.Note || !v.NeedsRepair || len(n.errs) > 0 {
			t.Fatalf("%s: got\n%s\nwant it held, for there is something to write", tt.kind, n)
		}
		if n.find(kindUser, oid(1)) != nil || n.find(kindUser, oid(3)) == nil {
			t.Errorf("%s: got\n%s\nwant the other written and this one not", tt.kind, n)
		}
		if w := b.sim.World(); b.asset(w, kindUser, oid(1)).Traits[900] == nil {
			t.Errorf("%s is gone", tt.kind)
		}
		b.source.users[0].Department = ""
		if v := b.plan().code("asset_carries_files"); v == nil || !v.Note {
			t.Errorf("%s: got %+v, want it noted while there is nothing to write", tt.kind, v)
		}
		b.source.users = b.source.users[1:]
		for range 4 {
			b.now = b.now.AddDate(0, 0, 4)
			n = b.night()
		}
		if v := n.code("asset_carries_files"); v == nil || v.Note || b.asset(b.sim.World(), kindUser, oid(1)).Archived {
			t.Errorf("%s: got\n%s\nwant it said that a leaver cannot be put away", tt.kind, n)
		}
	}
}

func TestForeignFieldsAreCarriedThrough(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	b.sim.Edit("tess", func(w *itgluesim.World) {
		typ := w.TypeNamed("M365 User")
		w.Fields = append(w.Fields,
			&itgluesim.Field{ID: 900, TypeID: typ.ID, Order: 90, Name: "Desk", Kind: "Text", NameKey: "desk"},
			&itgluesim.Field{ID: 901, TypeID: typ.ID, Order: 91, Name: "Friends", Kind: "Tag", TagType: "Contacts", NameKey: "friends"},
			&itgluesim.Field{ID: 902, TypeID: typ.ID, Order: 92, Name: "VIP", Kind: "Checkbox", NameKey: "vip"},
			&itgluesim.Field{ID: 903, TypeID: typ.ID, Order: 93, Name: "Born", Kind: "Date", NameKey: "born"},
			&itgluesim.Field{ID: 904, TypeID: typ.ID, Order: 94, Name: "Size", Kind: "Number", Decimals: 1, NameKey: "size"},
			&itgluesim.Field{ID: 905, TypeID: typ.ID, Order: 95, Name: "Tale", Kind: "Textbox", NameKey: "tale"})
		a := b.asset(w, kindUser, oid(1))
		a.Traits[900], a.Traits[901], a.Traits[902], a.Traits[903], a.Traits[904], a.Traits[905] = "4b", []int64{41, 43}, true, "1990-01-02", "1.5", `<p style="x">a &amp; b</p>`
	})
	want := b.asset(b.sim.World(), kindUser, oid(1)).Traits
	b.source.users[0].Department = "Sales"
	if n := b.night(); len(n.errs) > 0 {
		t.Fatalf("%s", n)
	}
	got := b.asset(b.sim.World(), kindUser, oid(1)).Traits
	for id := int64(900); id <= 905; id++ {
		if fmt.Sprint(got[id]) != fmt.Sprint(want[id]) {
			t.Errorf("field %d: got %v, want %v", id, got[id], want[id])
		}
	}
	b.quiet()
}

func TestRequiredFieldsOfOthersAreSaidBeforeAnyWrite(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	b.sim.Edit("tess", func(w *itgluesim.World) {
		w.Fields = append(w.Fields, &itgluesim.Field{ID: 900, TypeID: w.TypeNamed("M365 User").ID, Order: 90, Name: "Desk", Kind: "Text", Required: true, NameKey: "desk"})
		b.asset(w, kindUser, oid(1)).Traits[900] = "4b"
	})
	b.source.users[0].Department, b.source.users[1].Department = "Sales", "Sales"
	b.source.users = append(b.source.users, directory.User{ID: oid(7), UPN: "new@contoso.example", Name: "New", Enabled: true})
	before := len(b.sim.Writes())
	n := b.night()
	var keys []string
	for _, v := range n.held {
		if v.Code == "required_field" {
			keys = append(keys, v.Key)
		}
	}
	slices.Sort(keys)
	if fmt.Sprint(keys) != fmt.Sprint([]string{oid(2), oid(3), oid(7)}) || len(n.errs) > 0 {
		t.Errorf("got %v held, want those without a value:\n%s", keys, n)
	}
	for _, r := range b.sim.Writes()[before:] {
		if r.Status >= 400 {
			t.Errorf("got a refused write %s %s", r.Method, r.Path)
		}
	}
	if n.find(kindUser, oid(1)) == nil {
		t.Error("the asset that has a value is not written")
	}
}

func TestRenamedFieldsAndTypesAreFoundAgain(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	b.sim.Edit("tess", func(w *itgluesim.World) {
		w.TypeNamed("M365 User").Name = "People in the cloud"
		for _, f := range w.Fields {
			if f.Name == "Department" || f.Name == "Object ID" {
				f.Name = "Renamed " + f.Name
			}
		}
	})
	b.quiet()
	b.source.users[0].Department = "Sales"
	if n := b.night(); len(n.errs) > 0 || len(n.plan.Changes) != 1 {
		t.Fatalf("%s", n)
	}
	b.quiet()
}

func TestAFieldRenamedWhileWeWorkIsReadAnew(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	b.source.users[0].Department = "Sales"
	b.source.users = append(b.source.users, directory.User{ID: oid(7), UPN: "new@contoso.example", Name: "New", Department: "Sales", Enabled: true})
	n := b.plan()
	b.sim.Edit("tess", func(w *itgluesim.World) {
		for _, f := range w.Fields {
			if f.Name == "Department" {
				f.Name = "Abteilung"
			}
		}
	})
	b.apply(n)
	if len(n.errs) > 0 {
		t.Logf("%s", n)
	}
	b.night()
	b.quiet()
	w := b.sim.World()
	if got := w.Trait(b.asset(w, kindUser, oid(7)), "abteilung"); got != "Sales" {
		t.Errorf("got %v, want Sales", got)
	}
}

func TestDoubledAssetsWaitForAPerson(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	var twin int64
	b.sim.Edit("tess", func(w *itgluesim.World) {
		a := *b.asset(w, kindUser, oid(1))
		a.ID = 0
		traits := map[int64]any{}
		for k, v := range a.Traits {
			traits[k] = v
		}
		a.Traits = traits
		w.Assets = append(w.Assets, &a)
	})
	w := b.sim.World()
	twin = w.Assets[len(w.Assets)-1].ID
	n := b.night()
	if v := n.code("duplicate_assets"); v == nil || !v.NeedsRepair || !strings.Contains(v.Message, fmt.Sprint(twin)) || len(n.plan.Changes) > 0 {
		t.Fatalf("got\n%s", n)
	}
	b.sim.Edit("tess", func(w *itgluesim.World) { w.Asset(twin).Archived = true })
	b.quiet()
}

func TestWithoutLayoutsTheRunSaysWhatToDo(t *testing.T) {
	b := newBench(t, seed())
	_, err := b.tryPlan()
	if !errors.Is(err, ErrNoLayouts) || !strings.Contains(err.Error(), "syncd itglue layouts create") {
		t.Errorf("got %v", err)
	}
}

func TestAnOrganizationThatIsGoneHoldsTheScope(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.customer.Links = mapping.Links{mapping.ITGlueOrganization: "77"}
	_, err := b.tryPlan()
	if blocked, ok := errors.AsType[*target.Blocked](err); !ok || blocked.Violations[0].Code != "organization_gone" {
		t.Errorf("got %v, want organization_gone", err)
	}
}

func TestTextThatComesBackDifferentIsSentOnce(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	// An account that cuts text at its own length.
	b.sim.SetFaults(itgluesim.Faults{CutText: true})
	b.source.users[0].Department = strings.Repeat("x", 249)
	n := b.night()
	b.sim.Edit("tess", func(*itgluesim.World) {})
	if len(n.errs) > 0 {
		t.Fatal(n)
	}
	// The same by hand, as the answer to a write would show it.
	rec := b.records[plan.Key{Kind: kindUser, ID: oid(1)}]
	sent, _ := rec.Fields.Get("department")
	got := plan.Value{"cut"}
	rec.Fields = rec.Fields.With("department", got)
	ch := plan.Change{Fields: []plan.FieldChange{{Name: "department", After: sent}}}
	rec.Rewritten = ch.Rewritten(rec.Rewritten, differing(plan.Fields{{Name: "department", Value: sent}}, rec.Fields), &rec.Object)
	b.records[rec.Key] = rec
	b.sim.Update(func(w *itgluesim.World) { w.SetTrait(b.asset(w, kindUser, oid(1)), "department", "cut") })
	b.quiet()
	b.source.users[0].Department = "Sales"
	if n := b.night(); n.find(kindUser, oid(1)) == nil {
		t.Error("a new value is not written")
	}
	b.quiet()
}

func TestQuietHoursAndBudgetPostpone(t *testing.T) {
	b := newBench(t, seed(), func(c *Config) { c.QuietHours = []string{"08:00-18:00"} }).layouts()
	n := b.night()
	postponed := func(err error, code string) bool {
		later, ok := errors.AsType[*target.Later](err)
		return ok && later.Code == code
	}
	if len(b.sim.Writes()) != 0 || len(n.errs) == 0 || !postponed(n.errs[0], "quiet_hours") {
		t.Errorf("got %d writes and %v", len(b.sim.Writes()), n.errs)
	}
	b.now = b.now.Add(8 * time.Hour)
	b.settle()

	b = newBench(t, seed(), func(c *Config) { c.Budget = 20 }).layouts()
	n = b.night()
	if got := len(b.sim.Requests()); got > 20 || len(n.errs) == 0 || !postponed(n.errs[len(n.errs)-1], "budget") {
		t.Errorf("got %d requests, want at most 20, and the rest postponed: %v", got, n.errs)
	}
	for range 20 {
		b.night()
	}
	b.quiet()
}

func TestTheMicrosoftIntegrationIsSeenAndLeftAlone(t *testing.T) {
	world := seed()
	world.Types = []*itgluesim.Type{{ID: 500, Name: "Microsoft Licenses", Locked: true}}
	for i := range 2 {
		world.Contacts[i].Adapters = []itgluesim.Adapter{{ID: int64(600 + i), TypeName: "Microsoft", RemoteID: oid(1 + i), Sync: true}}
	}
	b := newBench(t, world).layouts()
	n := b.night()
	if n.code("microsoft_integration") == nil || len(n.errs) > 0 {
		t.Fatalf("got\n%s", n)
	}
	if got := b.contacts(); len(got) != 3 || got[0].Title != "" {
		t.Errorf("got %d contacts, want 3 and none changed", len(got))
	}
	if c := b.records[plan.Key{Kind: kindContact, ID: oid(2)}]; c.Ref != "42" {
		t.Errorf("got ref %q for Bo, want 42 by Microsoft's own id", c.Ref)
	}
	b.quiet()
}

func TestAContactOfThePSAIsNotWritten(t *testing.T) {
	world := seed()
	world.Contacts[0].Adapters = []itgluesim.Adapter{{ID: 99, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "7", Sync: true}}
	b := newBench(t, world).layouts()
	if n := b.night(); n.code("psa_contacts") == nil || len(n.errs) > 0 {
		t.Errorf("got\n%s\nwant a note that the setting is not as the account is", n)
	}
	b.quiet()
	if b.sim.World().Contact(41).Title != "" {
		t.Error("a contact of the PSA was written")
	}
}

func TestAContactThatTurnsOutToBeSyncedIsTriedOnce(t *testing.T) {
	b := newBench(t, seed()).layouts()
	n := b.plan()
	adapter := []itgluesim.Adapter{{ID: 99, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "7", Sync: true}}
	b.sim.Before(func(r *http.Request) itgluesim.Fault {
		if r.Method == http.MethodPatch { // between the last look and the write
			b.sim.Update(func(w *itgluesim.World) { w.Contact(41).Adapters = adapter })
		}
		return itgluesim.Fault{}
	})
	b.apply(n)
	if v := n.code("contact_synced"); v == nil || !v.Note || len(n.errs) > 0 {
		t.Errorf("got\n%s\nwant a note and no failure", n)
	}
	b.quiet()
}

func TestWhatIsLeftToSayIsSaid(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.source.domains = append(b.source.domains, directory.Domain{Name: "second.example", Verified: true})
	n := b.plan()
	for code, says := range map[string]string{"domain_not_tracked": "second.example", "members_unknown": "All staff"} {
		if v := n.code(code); v == nil || !v.Note || !strings.Contains(v.Message, says) {
			t.Errorf("%s: got %+v, want a note of %s", code, v, says)
		}
	}
}

func TestAnAssetThatSomebodyMovedIsNotMadeAgain(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	assets := len(b.sim.World().Assets)
	b.sim.Edit("tess", func(w *itgluesim.World) { b.asset(w, kindUser, oid(3)).OrganizationID = 3 })
	n := b.night()
	if v := n.code("asset_moved"); v == nil || v.Note || n.code("left_behind") != nil || len(b.sim.World().Assets) != assets {
		t.Fatalf("got\n%s\nand %d assets, want it held and none made", n, len(b.sim.World().Assets))
	}
	b.settled = append(b.settled, plan.Settlement{Key: plan.Key{Kind: kindUser, ID: oid(3)}, How: plan.SettleCreate})
	if n = b.night(); n.code("left_behind") == nil || len(b.sim.World().Assets) != assets+1 {
		t.Errorf("got\n%s\nand %d assets, want a new one, and the old one spoken of", n, len(b.sim.World().Assets))
	}
}

func TestACustomerThatWasLinkedElsewhereIsDocumentedThere(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	b.customer.Links = mapping.Links{mapping.ITGlueOrganization: "3"}
	n := b.night()
	if n.code("asset_moved") != nil || n.code("left_behind") == nil {
		t.Errorf("got\n%s\nwant new assets there, and the old ones spoken of", n)
	}
}

func TestClearedMarksAreMended(t *testing.T) {
	for _, mark := range []string{"object-id", "tenant-id"} {
		b := newBench(t, seed()).layouts()
		b.settle()
		assets := len(b.sim.World().Assets)
		b.sim.Edit("tess", func(w *itgluesim.World) {
			w.SetTrait(b.asset(w, kindUser, oid(1)), "notes-manual", "<p>mine</p>")
			w.SetTrait(b.asset(w, kindUser, oid(1)), mark, nil)
		})
		n := b.night()
		now := b.sim.World()
		if a := b.asset(now, kindUser, oid(1)); a == nil || len(now.Assets) != assets || now.Trait(a, "notes-manual") == nil || fmt.Sprint(now.Trait(a, "tenant-id")) != tenantID {
			t.Errorf("%s: got\n%s\n%d assets, want the same one with its marks", mark, n, len(now.Assets))
		}
		b.quiet()
	}
}

func TestArchivedAssetsThatNoListShowsAreNotMadeAgain(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.sim.SetFaults(itgluesim.Faults{HideArchived: true})
	b.settle()
	assets := len(b.sim.World().Assets)
	leaver := b.source.users[2]
	b.source.users = b.source.users[:2]
	for range 4 {
		b.now = b.now.AddDate(0, 0, 4)
		b.night()
	}
	if !b.asset(b.sim.World(), kindUser, leaver.ID).Archived {
		t.Fatal("the leaver was not archived")
	}
	for range 2 {
		b.now = b.now.AddDate(0, 0, 4)
		b.quiet()
	}
	b.source.users = append(b.source.users, leaver)
	n := b.night()
	if now := b.sim.World(); len(now.Assets) != assets || b.asset(now, kindUser, leaver.ID).Archived {
		t.Errorf("got\n%s\n%d assets, want the old one back", n, len(now.Assets))
	}
	// A person archives somebody who is still there: it is brought back, not made again.
	b.sim.Edit("tess", func(w *itgluesim.World) { b.asset(w, kindUser, oid(1)).Archived = true })
	if n = b.night(); len(b.sim.World().Assets) != assets {
		t.Errorf("got\n%s\n%d assets, want none made", n, len(b.sim.World().Assets))
	}
}

func TestOwnersThatAreNotProvenStay(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.source.groups[0].Owners = []string{oid(1)}
	b.settle()
	b.source.groups[0].Owners, b.source.groups[0].OwnersUnknown = nil, "refused"
	b.quiet()
	if b.plan().code("owners_unknown") == nil {
		t.Error("nobody says that owners are not known")
	}
}

func TestCallsThatMayNeverBeSentAreNotAllowed(t *testing.T) {
	b := newBench(t, seed()).layouts()
	s := b.client.free()
	for _, r := range []request{
		{method: http.MethodDelete, at: "/contacts"}, {method: http.MethodPatch, at: "/contacts"}, {method: http.MethodDelete, at: "/organizations"},
		{method: http.MethodPatch, at: "/organizations/{id}", ids: []id{2}}, {at: "/passwords"}, {at: "/organizations/{id}/relationships/passwords", ids: []id{2}},
		{method: http.MethodDelete, at: "/flexible_asset_fields/{id}", ids: []id{2}}, {method: http.MethodDelete, at: epAsset, ids: []id{2}}, {at: "/exports"},
		{method: http.MethodPatch, at: epAsset, ids: []id{2}, query: map[string][]string{"filter[organization-id]": {"2"}}, body: map[string]any{}},
	} {
		if _, err := s.do(t.Context(), r); !errors.Is(err, rest.ErrForbidden) {
			t.Errorf("%s %s: got %v, want ErrForbidden", r.method, r.at, err)
		}
	}
	if got := len(b.sim.Requests()); got != 0 {
		t.Errorf("got %d requests, want none", got)
	}
}

func TestARequestThatArrivesLateIsNotSentAgain(t *testing.T) {
	for _, kind := range []string{kindLicences, kindContact} {
		b := newBench(t, seed()).layouts()
		other := newBench(t, seed()).layouts()
		other.settle()
		if kind == kindContact {
			b.settle()
			for _, x := range []*bench{b, other} {
				x.source.users = append(x.source.users, directory.User{ID: oid(9), UPN: "new@contoso.example", Mail: "new@contoso.example", Name: "New One", GivenName: "New", Surname: "One", Enabled: true})
			}
			other.settle()
		}
		b.sim.Fail(itgluesim.Rule{Method: http.MethodPost, Fault: itgluesim.Fault{Kind: itgluesim.Dropped}})
		b.night() // lost, and nothing is to be seen
		b.sim.Heal()
		n := b.plan()
		if len(n.plan.Changes) == 0 || n.plan.Changes[0].Reason != plan.AttemptVanished {
			t.Fatalf("%s: got\n%s\nwant an attempt that vanished", kind, n)
		}
		// Between this plan and its write the lost request arrives.
		there := other.sim.World()
		b.sim.Update(func(w *itgluesim.World) {
			if kind == kindContact {
				w.Contacts = append(w.Contacts, there.Contacts[len(there.Contacts)-1])
			} else {
				w.Assets = append(w.Assets, other.asset(there, kindLicences, tenantID))
			}
		})
		assets, contacts := len(there.Assets), len(there.Contacts)
		b.apply(n)
		b.settle()
		if w := b.sim.World(); len(w.Assets) != assets || len(w.Contacts) != contacts {
			t.Errorf("%s: %d assets and %d contacts, want %d and %d", kind, len(w.Assets), len(w.Contacts), assets, contacts)
		}
	}
}

func TestAListOfContactsThatLeavesThemOutIsNotTrusted(t *testing.T) {
	b := newBench(t, seed()).layouts()
	b.settle()
	b.sim.Fail(itgluesim.Rule{Method: http.MethodGet, Route: "/contacts", Fault: itgluesim.Fault{Kind: itgluesim.EmptyList}})
	if _, err := b.tryPlan(); err == nil || !strings.Contains(err.Error(), "leaves out contact") {
		t.Fatalf("got %v, want an error", err)
	}
	b.sim.Heal()
	b.quiet()
}
