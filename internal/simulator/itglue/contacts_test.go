package itgluesim

import (
	"fmt"
	"testing"
)

func TestContactsAreChecked(t *testing.T) {
	const mail = `{"value":"x@contoso.example","label-name":"Work"`
	run(t, []step{
		{"created, in snake case", Faults{}, "POST", "/contacts",
			doc("contacts", `{"organization_id":2,"first_name":"Di","last_name":"Eng"}`), 201, `"name":"Di Eng"|"organization-name":"Contoso, Ltd"`},
		{"nested needs no organization", Faults{}, "POST", "/organizations/3/relationships/contacts",
			doc("contacts", `{"first-name":"Di"}`), 201, `"organization-id":3`},
		{"without an organization", Faults{}, "POST", "/contacts", doc("contacts", `{"first-name":"Di"}`), 422, `organization-id`},
		{"of an unknown one", Faults{}, "POST", "/contacts", doc("contacts", `{"organization-id":99,"first-name":"Di"}`), 401,
			`"title":"Unauthorized"`},
		{"without a name", Faults{}, "POST", "/contacts", doc("contacts", `{"organization-id":2,"last-name":"Eng"}`), 422, "first-name"},
		{"without a name, allowed", Faults{NamelessContacts: true}, "POST", "/contacts",
			doc("contacts", `{"organization-id":2,"last-name":"Eng"}`), 201, ""},
		{"name is read-only", Faults{}, "PATCH", "/contacts/41", doc("contacts", `{"name":"Di"}`), 422, "name"},
		{"others stay", Faults{}, "PATCH", "/contacts/41", doc("contacts", `{"title":"Buyer"}`), 200,
			`"title":"Buyer"|"first-name":"Ana"|alarm code`},
		{"null clears", Faults{}, "PATCH", "/contacts/41", doc("contacts", `{"notes":null}`), 200, `"notes":null`},
		{"by the organization", Faults{}, "PATCH", "/organizations/2/relationships/contacts/41", doc("contacts", `{"title":"Buyer"}`), 200, ""},
		{"by another one", Faults{}, "PATCH", "/organizations/3/relationships/contacts/41", doc("contacts", `{"title":"Buyer"}`), 404, ""},
		{"too long", Faults{}, "PATCH", "/contacts/41", doc("contacts", fmt.Sprintf(`{"title":"%0256d"}`, 1)), 422, "too long"},
		{"trimmed", Faults{TrimText: true}, "PATCH", "/contacts/41", doc("contacts", `{"title":" Head  buyer "}`), 200, `"title":"Head buyer"`},
		{"notes rewritten", Faults{RewriteHTML: true}, "PATCH", "/contacts/41", doc("contacts", `{"notes":"<P style='x'>a"}`), 200,
			`\u003cp\u003ea\u003c/p\u003e`},
		{"arrays replaced", Faults{}, "PATCH", "/contacts/41", doc("contacts", `{"contact-emails":[`+mail+`}]}`), 200,
			`x@contoso.example|!ana@contoso.example`},
		{"arrays merged", Faults{MergeArrays: true}, "PATCH", "/contacts/41",
			doc("contacts", `{"contact-emails":[`+mail+`},{"value":"ANA@contoso.example","label-name":"Work"}]}`), 200,
			`x@contoso.example|ANA@contoso.example|!"ana@`},
		{"arrays beside attributes are ignored", Faults{}, "PATCH", "/contacts/41",
			`{"data":{"type":"contacts","contact_emails":[` + mail + `}]}}`, 200, `!x@contoso|ana@contoso.example`},
		{"not an address", Faults{}, "PATCH", "/contacts/41", doc("contacts", `{"contact-emails":[{"value":"x","label-name":"Work"}]}`),
			422, "e-mail"},
		{"unknown label", Faults{}, "PATCH", "/contacts/41",
			doc("contacts", `{"contact-emails":[{"value":"x@contoso.example","label-name":"UPN"}]}`), 422, "label-name"},
		{"unknown label made", Faults{CreateLabels: true}, "PATCH", "/contacts/41",
			doc("contacts", `{"contact-emails":[{"value":"x@contoso.example","label-name":"UPN"}]}`), 200, `"label-name":"UPN"`},
		{"two primaries", Faults{}, "PATCH", "/contacts/41",
			doc("contacts", `{"contact-emails":[`+mail+`,"primary":true},{"value":"y@contoso.example","label-name":"Work","primary":true}]}`), 422, "primary"},
		{"two primaries, last one wins", Faults{LastPrimaryWins: true}, "PATCH", "/contacts/41",
			doc("contacts", `{"contact-emails":[`+mail+`,"primary":true},{"value":"y@contoso.example","label-name":"Work","primary":true}]}`), 200, `"primary":false,"value":"x@|"primary":true,"value":"y@`},
		{"numbers lose their separators", Faults{}, "PATCH", "/contacts/41",
			doc("contacts", `{"contact-phones":[{"value":"+1 (310) 555-0100","label-name":"Work","extension":"x12"}]}`), 200,
			`"value":"13105550100"|"extension":"12"|"label-type":"phone"|formatted-value`},
		{"numbers keep a plus", Faults{KeepPlus: true}, "PATCH", "/contacts/41",
			doc("contacts", `{"contact-phones":[{"value":"+1 310","label-name":"Work"}]}`), 200, `"value":"+1310"`},
		{"the same number is kept once", Faults{MergeArrays: true}, "PATCH", "/contacts/41",
			doc("contacts", `{"contact-phones":[{"value":"310 555 0100","label-name":"Cell"}]}`), 200,
			`"label-name":"Cell"|!"label-name":"Work","label-type"`},
		{"location of another organization", Faults{}, "PATCH", "/contacts/44", doc("contacts", `{"location-id":31}`), 422, "location-id"},
		{"unknown contact type", Faults{}, "PATCH", "/contacts/44", doc("contacts", `{"contact-type-id":99}`), 422, "contact-type-id"},
		{"contact type as text", Faults{}, "PATCH", "/contacts/44", doc("contacts", `{"contact-type-id":"14"}`), 200,
			`"contact-type-name":"End user"`},
		{"synced", Faults{}, "PATCH", "/contacts/42", doc("contacts", `{"title":"Buyer"}`), 422, "synced"},
		{"synced, notes too", Faults{}, "PATCH", "/contacts/42", doc("contacts", `{"notes":"x"}`), 422, "synced"},
		{"synced, notes allowed", Faults{SyncedNotesWritable: true}, "PATCH", "/contacts/42", doc("contacts", `{"notes":"x"}`), 200, ""},
		{"synced, title still not", Faults{SyncedNotesWritable: true}, "PATCH", "/contacts/42",
			doc("contacts", `{"notes":"x","title":"y"}`), 422, ""},
		{"no single deletion", Faults{}, "DELETE", "/contacts/41", "", 404, ""},
		{"flat creation is single", Faults{}, "POST", "/contacts", batch("contacts", `{"organization-id":2,"first-name":"Di"}`), 400, "object"},
		{"contact types", Faults{}, "POST", "/contact_types", doc("contact_types", `{"name":"Terminated"}`), 201, `"type":"contact-types"`},
		{"contact types renamed", Faults{}, "PATCH", "/contact_types/14", doc("contact_types", `{"name":"Staff"}`), 200, "Staff"},
		{"domains cannot be written", Faults{}, "PATCH", "/domains/81", doc("domains", `{}`), 404, ""},
	})
}

func TestTwoWaySyncPushesContacts(t *testing.T) {
	for _, tt := range []struct {
		sync   string
		pushed int
		status int // of a change to a synced contact
	}{{"", 0, 422}, {"one-way", 0, 422}, {"two-way", 1, 200}} {
		s, base := newSim(t)
		s.Update(func(w *World) { w.ContactSync = tt.sync })
		do(t, base, "POST", "/contacts", doc("contacts", `{"organization-id":2,"first-name":"Di"}`)).want(t, 201)
		if got := s.World().Pushed; len(got) != tt.pushed {
			t.Errorf("%q: got %v pushed, want %d", tt.sync, got, tt.pushed)
		}
		do(t, base, "PATCH", "/contacts/42", doc("contacts", `{"title":"Buyer"}`)).want(t, tt.status)
		if got := s.World().Pushed; len(got) != 2*tt.pushed {
			t.Errorf("%q: got %v pushed after an edit, want %d", tt.sync, got, 2*tt.pushed)
		}
	}
}

func TestSameNamesMakeTwoContacts(t *testing.T) {
	s, base := newSim(t)
	for range 2 {
		do(t, base, "POST", "/contacts", doc("contacts", `{"organization-id":3,"first-name":"Cy","last-name":"Dahl"}`)).want(t, 201)
	}
	if got := len(s.World().ContactsOf(3)); got != 3 {
		t.Errorf("got %d contacts, want 3: nothing looks for duplicates", got)
	}
}
