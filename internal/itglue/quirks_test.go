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

// Every standing quirk: two runs converge, nothing is doubled, notes survive.
func TestEveryQuirkConvergesInTwoRuns(t *testing.T) {
	for name, faults := range map[string]itgluesim.Faults{
		"healthy":                 {},
		"HTML rewritten":          {RewriteHTML: true},
		"text trimmed":            {TrimText: true},
		"text cut":                {CutText: true},
		"arrays merged":           {MergeArrays: true},
		"traits merged":           {MergeTraits: true},
		"archiving erases":        {ArchiveErases: true},
		"plus kept":               {KeepPlus: true},
		"bare tags":               {BareTags: true},
		"bare answers":            {BareAnswers: true},
		"numbers as text":         {NumbersAsText: true},
		"check boxes as text":     {CheckboxesAsText: true},
		"dates with time":         {DatesWithTime: true},
		"null traits":             {NullTraits: true},
		"tags of nothing dropped": {MissingTag: itgluesim.TagDropped, DropDeletedTags: true},
		"no relationships":        {NoRelationships: true},
		"included inside":         {IncludedInside: true},
		"numeric included":        {NumericIncluded: true},
		"whole seconds":           {WholeSeconds: true},
		"small pages":             {LargestPage: 2},
		"large pages refused":     {RefuseLargePages: true},
		"extra members":           {ExtraMembers: true},
		"stable keys":             {StableNameKeys: true},
		"scripts rejected":        {RejectScripts: true},
		"no adapters":             {NoContactAdapter: true, NoSingleAdapter: true},
		"texts for status":        {TextStatus: true, ArrayDetails: true},
		"links elsewhere":         {LinkHost: "evil.example"},
		"lax": {LaxPatch: true, AnySelect: true, CreateLabels: true, LastPrimaryWins: true,
			NamelessContacts: true, IgnoreUnknownParameters: true, IgnoreUnknownAttributes: true,
			SyncedNotesWritable: true, TagObjects: true, CreatedOK: true, TypePatchStatus: 400},
		"type names are unique":      {UniqueTypeNames: true},
		"tags elsewhere are dropped": {ForeignTag: itgluesim.TagDropped},
		"text boxes are short":       {TextboxLimit: 8000},
		"few requests at a time":     {RateLimit: 5, RateWindow: 2 * time.Second, RetryAfter: 1},
		"everything at once": {RewriteHTML: true, TrimText: true, MergeArrays: true, NumbersAsText: true, CheckboxesAsText: true,
			DatesWithTime: true, NullTraits: true, BareTags: true, LargestPage: 3},
		"heavy pages":                 {HeavyPage: 30},
		"lists that fold their case":  {FoldFilters: true},
		"records gone as null":        {Deleted: itgluesim.DeletedNull},
		"records gone without a body": {Deleted: itgluesim.DeletedEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHarness(t, seed())
				h.sim.SetFaults(faults)
				h.create().converge()
				h.sim.Edit("tess", func(w *itgluesim.World) {
					for _, a := range w.Assets {
						w.SetTrait(a, "notes-manual", "<p>mine</p>")
					}
				})
				h.source.users[0].JobTitle = "Head of buying"
				h.source.groups[0].Members.IDs = []string{objectID(3), objectID(2)}
				h.source.licences[0].Assigned = 3
				h.source.users[2].Enabled = false
				h.conf.Users.Disabled = true
				r := h.run()
				if len(r.errs) > 0 {
					t.Fatalf("%s", r)
				}
				for range 3 {
					h.now = h.now.AddDate(0, 0, 4)
					if r := h.run(); len(r.errs) > 0 {
						t.Fatalf("%s", r)
					}
				}
				h.wantNoChanges()
				w := h.sim.World()
				for _, a := range w.Assets {
					if got := fmt.Sprint(w.Trait(a, "notes-manual")); !strings.Contains(got, "mine") {
						t.Errorf("asset %d: got notes %q, want the human's", a.ID, got)
					}
				}
				if got := w.Trait(h.asset(w, kindUser, objectID(1)), "job-title"); got != "Head of buying" {
					t.Errorf("got title %v", got)
				}
				if len(h.contacts()) != 4 {
					t.Errorf("got %d contacts, want 4", len(h.contacts()))
				}
			})
		})
	}
}

// What happens to the first write of a kind: nothing is doubled, and two more
// runs end in step.
func TestALostAnswerCreatesNoDuplicate(t *testing.T) {
	for _, route := range []string{"POST /contacts", "POST /flexible_assets", "PATCH /contacts/{id}", "PATCH /flexible_assets/{id}"} {
		for _, kind := range []itgluesim.FaultKind{itgluesim.Broken, itgluesim.BrokenCommitted, itgluesim.BadGateway,
			itgluesim.GatewayCommitted, itgluesim.TimedOut, itgluesim.TimedOutCommitted,
			itgluesim.Dropped, itgluesim.DroppedCommitted, itgluesim.CutBody, itgluesim.Throttled, itgluesim.Forbidden,
			itgluesim.Unauthorized, itgluesim.Unprocessable,
			itgluesim.HTMLPage, itgluesim.EmptyAnswer, itgluesim.Echoed, itgluesim.Gone} {
			t.Run(route+" "+string(kind), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					h := newHarness(t, seed()).layouts()
					method, path, _ := strings.Cut(route, " ")
					if route == "PATCH /flexible_assets/{id}" { // the first run makes them
						h.run()
						h.source.users[0].Department, h.source.users[0].Aliases = "Sales", nil
					}
					h.sim.Forget()
					h.sim.Fail(itgluesim.Rule{Method: method, Route: path, Times: 1, Fault: itgluesim.Fault{Kind: kind}})
					h.convergeWithin(5)
					if h.sim.Counts()[route] == 0 {
						t.Fatal("nothing was sent there")
					}
					w := h.sim.World()
					seen := map[string]bool{}
					for _, a := range w.Assets {
						k := fmt.Sprint(a.TypeID, w.Trait(a, "object-id"))
						if seen[k] {
							t.Errorf("doubled: %s", k)
						}
						seen[k] = true
					}
					if len(h.contacts()) != 4 || len(w.Assets) != 8 {
						t.Errorf("got %d contacts and %d assets, want 4 and 8", len(h.contacts()), len(w.Assets))
					}
				})
			})
		}
	}
}

func TestTenFaultyRunsConverge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHarness(t, seed()).layouts()
		noises := []itgluesim.Faults{
			{RewriteHTML: true}, {TrimText: true, NullTraits: true}, {MergeArrays: true}, {MergeTraits: true, BareTags: true},
			{CutText: true, LargestPage: 3},
			{HeavyPage: 26}, {BareAnswers: true, DatesWithTime: true}, {NumbersAsText: true, CheckboxesAsText: true},
			{ShortPages: 1, LargestPage: 2}, {RejectScripts: true, KeepPlus: true},
		}
		kinds := []itgluesim.FaultKind{itgluesim.TimedOutCommitted, itgluesim.DroppedCommitted, itgluesim.CutBody,
			itgluesim.GatewayCommitted, itgluesim.Throttled, itgluesim.TimedOut}
		for i, faults := range noises {
			h.now = h.now.AddDate(0, 0, 1)
			h.sim.SetFaults(faults)
			h.sim.Fail(itgluesim.Rule{Method: http.MethodPost, Skip: i % 3, Times: 1, Fault: itgluesim.Fault{Kind: kinds[i%len(kinds)]}},
				itgluesim.Rule{Method: http.MethodPatch, Skip: i % 2, Times: 1, Fault: itgluesim.Fault{Kind: kinds[(i+2)%len(kinds)]}},
				itgluesim.Rule{Method: http.MethodGet, Skip: 5 + i, Times: 1, Fault: itgluesim.Fault{Kind: kinds[(i+5)%len(kinds)]}})
			h.source.users[0].Department = fmt.Sprintf("Department %d", i)
			h.source.users[1].Name = fmt.Sprintf("Bo Lind %d", i) // a name changes
			h.source.users = append(h.source.users,
				directory.User{ID: objectID(50 + i), UPN: fmt.Sprintf("new%d@contoso.example", i), Name: fmt.Sprintf("New %d", i),
					GivenName: "New", Surname: fmt.Sprint(i), Mail: fmt.Sprintf("new%d@contoso.example", i), Enabled: true})
			h.source.groups[0].Members.IDs = append(h.source.groups[0].Members.IDs, objectID(50+i))
			if r, err := h.tryPlan(); err == nil {
				h.apply(r)
			} else if faults.ShortPages == 0 {
				t.Fatalf("run %d: %v", i, err)
			} else if !errors.Is(err, errShifted) {
				t.Fatalf("run %d: got %v, want a list that is not whole", i, err)
			}
			h.sim.Edit("tess", func(w *itgluesim.World) { // a person works there, too
				for _, a := range w.Assets {
					w.SetTrait(a, "notes-manual", "<p>mine, "+fmt.Sprint(a.ID)+"</p>")
				}
				w.Contact(41).Title = "Buyer in chief"
				w.Contact(43).Notes = fmt.Sprint("run ", i)
				w.SetTrait(w.Assets[0], "name", "renamed by hand")
			})
		}
		h.sim.Heal()
		h.now = h.now.AddDate(0, 0, 1)
		h.run()
		h.run()
		h.wantNoChanges()
		w := h.sim.World()
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
		if w.Contact(41).Title != "Buyer in chief" || w.Contact(43).Notes != "run 9" {
			t.Error("a human's edit of a contact is gone")
		}
		if got := len(h.contacts()); got != 14 {
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
		h := newHarness(t, seed()).layouts()
		h.converge()
		h.sim.Edit("tess", func(w *itgluesim.World) {
			typ := w.TypeNamed("M365 User")
			w.Fields = append(w.Fields, &itgluesim.Field{ID: 900, TypeID: typ.ID, Order: 99, Name: "Extra", Kind: tt.kind, NameKey: "extra"})
			h.asset(w, kindUser, objectID(1)).Traits[900] = tt.value
		})
		h.source.users[0].Department = "Sales"
		h.source.users[2].Department = "Sales"
		r := h.run()
		if v := r.violation("asset_carries_files"); v == nil || v.Key != objectID(1) || v.Note || !v.NeedsRepair || len(r.errs) > 0 {
			t.Fatalf("%s: got\n%s\nwant it held, for there is something to write", tt.kind, r)
		}
		if r.change(kindUser, objectID(1)) != nil || r.change(kindUser, objectID(3)) == nil {
			t.Errorf("%s: got\n%s\nwant the other written and this one not", tt.kind, r)
		}
		if w := h.sim.World(); h.asset(w, kindUser, objectID(1)).Traits[900] == nil {
			t.Errorf("%s is gone", tt.kind)
		}
		h.source.users[0].Department = ""
		if v := h.plan().violation("asset_carries_files"); v == nil || !v.Note {
			t.Errorf("%s: got %+v, want it noted while there is nothing to write", tt.kind, v)
		}
		h.source.users = h.source.users[1:]
		for range 4 {
			h.now = h.now.AddDate(0, 0, 4)
			r = h.run()
		}
		if v := r.violation("asset_carries_files"); v == nil || v.Note || h.asset(h.sim.World(), kindUser, objectID(1)).Archived {
			t.Errorf("%s: got\n%s\nwant it said that a leaver cannot be put away", tt.kind, r)
		}
	}
}

func TestForeignFieldsAreCarriedThrough(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	h.sim.Edit("tess", func(w *itgluesim.World) {
		typ := w.TypeNamed("M365 User")
		w.Fields = append(w.Fields,
			&itgluesim.Field{ID: 900, TypeID: typ.ID, Order: 90, Name: "Desk", Kind: "Text", NameKey: "desk"},
			&itgluesim.Field{ID: 901, TypeID: typ.ID, Order: 91, Name: "Friends", Kind: "Tag", TagType: "Contacts", NameKey: "friends"},
			&itgluesim.Field{ID: 902, TypeID: typ.ID, Order: 92, Name: "VIP", Kind: "Checkbox", NameKey: "vip"},
			&itgluesim.Field{ID: 903, TypeID: typ.ID, Order: 93, Name: "Born", Kind: "Date", NameKey: "born"},
			&itgluesim.Field{ID: 904, TypeID: typ.ID, Order: 94, Name: "Size", Kind: "Number", Decimals: 1, NameKey: "size"},
			&itgluesim.Field{ID: 905, TypeID: typ.ID, Order: 95, Name: "Tale", Kind: "Textbox", NameKey: "tale"})
		a := h.asset(w, kindUser, objectID(1))
		a.Traits[900], a.Traits[901], a.Traits[902], a.Traits[903], a.Traits[904], a.Traits[905] = "4b", []int64{41,
			43}, true, "1990-01-02", "1.5", `<p style="x">a &amp; b</p>`
	})
	want := h.asset(h.sim.World(), kindUser, objectID(1)).Traits
	h.source.users[0].Department = "Sales"
	if r := h.run(); len(r.errs) > 0 {
		t.Fatalf("%s", r)
	}
	got := h.asset(h.sim.World(), kindUser, objectID(1)).Traits
	for id := int64(900); id <= 905; id++ {
		if fmt.Sprint(got[id]) != fmt.Sprint(want[id]) {
			t.Errorf("field %d: got %v, want %v", id, got[id], want[id])
		}
	}
	h.wantNoChanges()
}

func TestRequiredFieldsOfOthersAreSaidBeforeAnyWrite(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	h.sim.Edit("tess", func(w *itgluesim.World) {
		w.Fields = append(w.Fields, &itgluesim.Field{ID: 900, TypeID: w.TypeNamed("M365 User").ID, Order: 90, Name: "Desk", Kind: "Text",
			Required: true, NameKey: "desk"})
		h.asset(w, kindUser, objectID(1)).Traits[900] = "4b"
	})
	h.source.users[0].Department, h.source.users[1].Department = "Sales", "Sales"
	h.source.users = append(h.source.users, directory.User{ID: objectID(7), UPN: "new@contoso.example", Name: "New", Enabled: true})
	before := len(h.sim.Writes())
	n := h.run()
	var keys []string
	for _, v := range n.violations {
		if v.Code == "required_field" {
			keys = append(keys, v.Key)
		}
	}
	slices.Sort(keys)
	if fmt.Sprint(keys) != fmt.Sprint([]string{objectID(2), objectID(3), objectID(7)}) || len(n.errs) > 0 {
		t.Errorf("got %v held, want those without a value:\n%s", keys, n)
	}
	for _, r := range h.sim.Writes()[before:] {
		if r.Status >= 400 {
			t.Errorf("got a refused write %s %s", r.Method, r.Path)
		}
	}
	if n.change(kindUser, objectID(1)) == nil {
		t.Error("the asset that has a value is not written")
	}
}

func TestRenamedFieldsAndTypesAreFoundAgain(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	h.sim.Edit("tess", func(w *itgluesim.World) {
		w.TypeNamed("M365 User").Name = "People in the cloud"
		for _, f := range w.Fields {
			if f.Name == "Department" || f.Name == "Object ID" {
				f.Name = "Renamed " + f.Name
			}
		}
	})
	h.wantNoChanges()
	h.source.users[0].Department = "Sales"
	if r := h.run(); len(r.errs) > 0 || len(r.plan.Changes) != 1 {
		t.Fatalf("%s", r)
	}
	h.wantNoChanges()
}

func TestAFieldRenamedWhileWeWorkIsReadAnew(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	h.source.users[0].Department = "Sales"
	h.source.users = append(h.source.users,
		directory.User{ID: objectID(7), UPN: "new@contoso.example", Name: "New", Department: "Sales", Enabled: true})
	r := h.plan()
	h.sim.Edit("tess", func(w *itgluesim.World) {
		for _, f := range w.Fields {
			if f.Name == "Department" {
				f.Name = "Abteilung"
			}
		}
	})
	h.apply(r)
	if len(r.errs) > 0 {
		t.Logf("%s", r)
	}
	h.run()
	h.wantNoChanges()
	w := h.sim.World()
	if got := w.Trait(h.asset(w, kindUser, objectID(7)), "abteilung"); got != "Sales" {
		t.Errorf("got %v, want Sales", got)
	}
}

func TestDoubledAssetsWaitForAPerson(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	var twin int64
	h.sim.Edit("tess", func(w *itgluesim.World) {
		a := *h.asset(w, kindUser, objectID(1))
		a.ID = 0
		traits := map[int64]any{}
		for k, v := range a.Traits {
			traits[k] = v
		}
		a.Traits = traits
		w.Assets = append(w.Assets, &a)
	})
	w := h.sim.World()
	twin = w.Assets[len(w.Assets)-1].ID
	r := h.run()
	if v := r.violation("duplicate_assets"); v == nil || !v.NeedsRepair || !strings.Contains(v.Message, fmt.Sprint(twin)) ||
		len(r.plan.Changes) > 0 {
		t.Fatalf("got\n%s", r)
	}
	h.sim.Edit("tess", func(w *itgluesim.World) { w.Asset(twin).Archived = true })
	h.wantNoChanges()
}

func TestWithoutLayoutsTheRunSaysWhatToDo(t *testing.T) {
	h := newHarness(t, seed())
	_, err := h.tryPlan()
	if !errors.Is(err, ErrNoLayouts) || !strings.Contains(err.Error(), "syncd itglue layouts create") {
		t.Errorf("got %v", err)
	}
}

func TestAnOrganizationThatIsGoneHoldsTheScope(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.customer.Links = mapping.Links{mapping.ITGlueOrganization: "77"}
	_, err := h.tryPlan()
	if blocked, ok := errors.AsType[*target.Blocked](err); !ok || blocked.Violations[0].Code != "organization_gone" {
		t.Errorf("got %v, want organization_gone", err)
	}
}

func TestTextThatComesBackDifferentIsSentOnce(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	// An account that cuts text at its own length.
	h.sim.SetFaults(itgluesim.Faults{CutText: true})
	h.source.users[0].Department = strings.Repeat("x", 249)
	r := h.run()
	h.sim.Edit("tess", func(*itgluesim.World) {})
	if len(r.errs) > 0 {
		t.Fatal(r)
	}
	// The same by hand, as the answer to a write would show it.
	rec := h.records[plan.Key{Kind: kindUser, ID: objectID(1)}]
	sent, _ := rec.Fields.Get("department")
	got := plan.Value{"cut"}
	rec.Fields = rec.Fields.With("department", got)
	ch := plan.Change{Fields: []plan.FieldChange{{Name: "department", After: sent}}}
	rec.Rewritten = ch.Rewritten(rec.Rewritten, differing(plan.Fields{{Name: "department", Value: sent}}, rec.Fields), &rec.Object)
	h.records[rec.Key] = rec
	h.sim.Update(func(w *itgluesim.World) { w.SetTrait(h.asset(w, kindUser, objectID(1)), "department", "cut") })
	h.wantNoChanges()
	h.source.users[0].Department = "Sales"
	if r := h.run(); r.change(kindUser, objectID(1)) == nil {
		t.Error("a new value is not written")
	}
	h.wantNoChanges()
}

func TestQuietHoursAndBudgetPostpone(t *testing.T) {
	h := newHarness(t, seed(), func(c *Config) { c.QuietHours = []string{"08:00-18:00"} }).layouts()
	r := h.run()
	postponed := func(err error, code string) bool {
		later, ok := errors.AsType[*target.Later](err)
		return ok && later.Code == code
	}
	if len(h.sim.Writes()) != 0 || len(r.errs) == 0 || !postponed(r.errs[0], "quiet_hours") {
		t.Errorf("got %d writes and %v", len(h.sim.Writes()), r.errs)
	}
	h.now = h.now.Add(8 * time.Hour)
	h.converge()

	h = newHarness(t, seed(), func(c *Config) { c.Budget = 20 }).layouts()
	r = h.run()
	if got := len(h.sim.Requests()); got > 20 || len(r.errs) == 0 || !postponed(r.errs[len(r.errs)-1], "budget") {
		t.Errorf("got %d requests, want at most 20, and the rest postponed: %v", got, r.errs)
	}
	for range 20 {
		h.run()
	}
	h.wantNoChanges()
}

func TestTheMicrosoftIntegrationIsSeenAndLeftAlone(t *testing.T) {
	world := seed()
	world.Types = []*itgluesim.Type{{ID: 500, Name: "Microsoft Licenses", Locked: true}}
	for i := range 2 {
		world.Contacts[i].Adapters = []itgluesim.Adapter{{ID: int64(600 + i), TypeName: "Microsoft", RemoteID: objectID(1 + i), Sync: true}}
	}
	h := newHarness(t, world).layouts()
	r := h.run()
	if r.violation("microsoft_integration") == nil || len(r.errs) > 0 {
		t.Fatalf("got\n%s", r)
	}
	if got := h.contacts(); len(got) != 3 || got[0].Title != "" {
		t.Errorf("got %d contacts, want 3 and none changed", len(got))
	}
	if c := h.records[plan.Key{Kind: kindContact, ID: objectID(2)}]; c.Ref != "42" {
		t.Errorf("got ref %q for Bo, want 42 by Microsoft's own id", c.Ref)
	}
	h.wantNoChanges()
}

func TestAContactOfThePSAIsNotWritten(t *testing.T) {
	world := seed()
	world.Contacts[0].Adapters = []itgluesim.Adapter{{ID: 99, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "7", Sync: true}}
	h := newHarness(t, world).layouts()
	if r := h.run(); r.violation("psa_contacts") == nil || len(r.errs) > 0 {
		t.Errorf("got\n%s\nwant a note that the setting is not as the account is", r)
	}
	h.wantNoChanges()
	if h.sim.World().Contact(41).Title != "" {
		t.Error("a contact of the PSA was written")
	}
}

func TestAContactThatTurnsOutToBeSyncedIsTriedOnce(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	n := h.plan()
	adapter := []itgluesim.Adapter{{ID: 99, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "7", Sync: true}}
	h.sim.Before(func(r *http.Request) itgluesim.Fault {
		if r.Method == http.MethodPatch { // between the last look and the write
			h.sim.Update(func(w *itgluesim.World) { w.Contact(41).Adapters = adapter })
		}
		return itgluesim.Fault{}
	})
	h.apply(n)
	if v := n.violation("contact_synced"); v == nil || !v.Note || len(n.errs) > 0 {
		t.Errorf("got\n%s\nwant a note and no failure", n)
	}
	h.wantNoChanges()
}

func TestWhatIsLeftToSayIsSaid(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.source.domains = append(h.source.domains, directory.Domain{Name: "second.example", Verified: true})
	r := h.plan()
	for code, says := range map[string]string{"domain_not_tracked": "second.example", "members_unknown": "All staff"} {
		if v := r.violation(code); v == nil || !v.Note || !strings.Contains(v.Message, says) {
			t.Errorf("%s: got %+v, want a note of %s", code, v, says)
		}
	}
}

func TestAnAssetThatSomebodyMovedIsNotMadeAgain(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	assets := len(h.sim.World().Assets)
	h.sim.Edit("tess", func(w *itgluesim.World) { h.asset(w, kindUser, objectID(3)).OrganizationID = 3 })
	r := h.run()
	if v := r.violation("asset_moved"); v == nil || v.Note || r.violation("left_behind") != nil || len(h.sim.World().Assets) != assets {
		t.Fatalf("got\n%s\nand %d assets, want it held and none made", r, len(h.sim.World().Assets))
	}
	h.settlements = append(h.settlements, plan.Settlement{Key: plan.Key{Kind: kindUser, ID: objectID(3)}, How: plan.SettleCreate})
	if r = h.run(); r.violation("left_behind") == nil || len(h.sim.World().Assets) != assets+1 {
		t.Errorf("got\n%s\nand %d assets, want a new one, and the old one spoken of", r, len(h.sim.World().Assets))
	}
}

func TestACustomerThatWasLinkedElsewhereIsDocumentedThere(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	h.customer.Links = mapping.Links{mapping.ITGlueOrganization: "3"}
	r := h.run()
	if r.violation("asset_moved") != nil || r.violation("left_behind") == nil {
		t.Errorf("got\n%s\nwant new assets there, and the old ones spoken of", r)
	}
}

func TestClearedMarksAreMended(t *testing.T) {
	for _, mark := range []string{"object-id", "tenant-id"} {
		h := newHarness(t, seed()).layouts()
		h.converge()
		assets := len(h.sim.World().Assets)
		h.sim.Edit("tess", func(w *itgluesim.World) {
			w.SetTrait(h.asset(w, kindUser, objectID(1)), "notes-manual", "<p>mine</p>")
			w.SetTrait(h.asset(w, kindUser, objectID(1)), mark, nil)
		})
		r := h.run()
		now := h.sim.World()
		if a := h.asset(now, kindUser, objectID(1)); a == nil || len(now.Assets) != assets || now.Trait(a, "notes-manual") == nil ||
			fmt.Sprint(now.Trait(a, "tenant-id")) != tenantID {
			t.Errorf("%s: got\n%s\n%d assets, want the same one with its marks", mark, r, len(now.Assets))
		}
		h.wantNoChanges()
	}
}

func TestArchivedAssetsThatNoListShowsAreNotMadeAgain(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.sim.SetFaults(itgluesim.Faults{HideArchived: true})
	h.converge()
	assets := len(h.sim.World().Assets)
	leaver := h.source.users[2]
	h.source.users = h.source.users[:2]
	for range 4 {
		h.now = h.now.AddDate(0, 0, 4)
		h.run()
	}
	if !h.asset(h.sim.World(), kindUser, leaver.ID).Archived {
		t.Fatal("the leaver was not archived")
	}
	for range 2 {
		h.now = h.now.AddDate(0, 0, 4)
		h.wantNoChanges()
	}
	h.source.users = append(h.source.users, leaver)
	r := h.run()
	if now := h.sim.World(); len(now.Assets) != assets || h.asset(now, kindUser, leaver.ID).Archived {
		t.Errorf("got\n%s\n%d assets, want the old one back", r, len(now.Assets))
	}
	// A person archives somebody who is still there: it is brought back, not made again.
	h.sim.Edit("tess", func(w *itgluesim.World) { h.asset(w, kindUser, objectID(1)).Archived = true })
	if r = h.run(); len(h.sim.World().Assets) != assets {
		t.Errorf("got\n%s\n%d assets, want none made", r, len(h.sim.World().Assets))
	}
}

func TestOwnersThatAreNotProvenStay(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.source.groups[0].Owners = []string{objectID(1)}
	h.converge()
	h.source.groups[0].Owners, h.source.groups[0].OwnersUnknown = nil, "refused"
	h.wantNoChanges()
	if h.plan().violation("owners_unknown") == nil {
		t.Error("nobody says that owners are not known")
	}
}

func TestCallsThatMayNeverBeSentAreNotAllowed(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	s := h.client.unmetered()
	for _, r := range []request{
		{method: http.MethodDelete, at: "/contacts"}, {method: http.MethodPatch, at: "/contacts"},
		{method: http.MethodDelete, at: "/organizations"},
		{method: http.MethodPatch, at: "/organizations/{id}", ids: []id{2}}, {at: "/passwords"},
		{at: "/organizations/{id}/relationships/passwords", ids: []id{2}},
		{method: http.MethodDelete, at: "/flexible_asset_fields/{id}", ids: []id{2}},
		{method: http.MethodDelete, at: epAsset, ids: []id{2}}, {at: "/exports"},
		{method: http.MethodPatch, at: epAsset, ids: []id{2}, query: map[string][]string{"filter[organization-id]": {"2"}},
			body: map[string]any{}},
	} {
		if _, err := s.do(t.Context(), r); !errors.Is(err, rest.ErrForbidden) {
			t.Errorf("%s %s: got %v, want ErrForbidden", r.method, r.at, err)
		}
	}
	if got := len(h.sim.Requests()); got != 0 {
		t.Errorf("got %d requests, want none", got)
	}
}

func TestARequestThatArrivesLateIsNotSentAgain(t *testing.T) {
	for _, kind := range []string{kindLicences, kindContact} {
		h := newHarness(t, seed()).layouts()
		other := newHarness(t, seed()).layouts()
		other.converge()
		if kind == kindContact {
			h.converge()
			for _, x := range []*harness{h, other} {
				x.source.users = append(x.source.users,
					directory.User{ID: objectID(9), UPN: "new@contoso.example", Mail: "new@contoso.example", Name: "New One", GivenName: "New",
						Surname: "One", Enabled: true})
			}
			other.converge()
		}
		h.sim.Fail(itgluesim.Rule{Method: http.MethodPost, Fault: itgluesim.Fault{Kind: itgluesim.Dropped}})
		h.run() // lost, and nothing is to be seen
		h.sim.Heal()
		r := h.plan()
		if len(r.plan.Changes) == 0 || r.plan.Changes[0].Reason != plan.AttemptVanished {
			t.Fatalf("%s: got\n%s\nwant an attempt that vanished", kind, r)
		}
		// Between this plan and its write the lost request arrives.
		there := other.sim.World()
		h.sim.Update(func(w *itgluesim.World) {
			if kind == kindContact {
				w.Contacts = append(w.Contacts, there.Contacts[len(there.Contacts)-1])
			} else {
				w.Assets = append(w.Assets, other.asset(there, kindLicences, tenantID))
			}
		})
		assets, contacts := len(there.Assets), len(there.Contacts)
		h.apply(r)
		h.converge()
		if w := h.sim.World(); len(w.Assets) != assets || len(w.Contacts) != contacts {
			t.Errorf("%s: %d assets and %d contacts, want %d and %d", kind, len(w.Assets), len(w.Contacts), assets, contacts)
		}
	}
}

func TestAListOfContactsThatLeavesThemOutIsNotTrusted(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	h.sim.Fail(itgluesim.Rule{Method: http.MethodGet, Route: "/contacts", Fault: itgluesim.Fault{Kind: itgluesim.EmptyList}})
	if _, err := h.tryPlan(); err == nil || !strings.Contains(err.Error(), "leaves out contact") {
		t.Fatalf("got %v, want an error", err)
	}
	h.sim.Heal()
	h.wantNoChanges()
}
