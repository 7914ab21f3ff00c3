package itgluesim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const assetPath = "/flexible_assets/123456789012345678"

// traits is the body of a write with nothing but these.
func traits(of string) string { return doc("flexible-assets", `{"traits":`+of+`}`) }

func TestAssetsAreChecked(t *testing.T) {
	create := func(of string) string {
		return doc("flexible_assets", `{"organization_id":2,"flexible_asset_type_id":"50","traits":`+of+`}`)
	}
	long := strings.Repeat("ä", 256)
	run(t, []step{
		{"read as documented", Faults{}, "GET", assetPath, "", 200,
			`"name":"Finance"|"archived":false|"members":{"type":"Contacts","values":[{|"id":41|"name":"Ana Ruiz"|"member-count":2|"dynamic":true|"plan":{"content-type":"application/pdf"|"secret":91|"state":"Open"|"since":"2026-01-02"|"resource-url":"https://msp.itglue.com/2/assets/50-example-group/records/`},
		{"created", Faults{}, "POST", "/flexible_assets",
			create(`{"display-name":"HR","members":[41,"42"],"member-count":"2.50","dynamic":false}`), 201,
			`"name":"HR"|"id":41|"id":42|"member-count":2.5|"dynamic":false`},
		{"created, 200", Faults{CreatedOK: true}, "POST", "/flexible_assets", create(`{"display-name":"HR"}`), 200, `"name":"HR"`},
		{"a tag may be one id", Faults{}, "POST", "/flexible_assets", create(`{"display-name":"HR","members":41}`), 201, `"id":41`},
		{"trait keys keep their spelling", Faults{}, "POST", "/flexible_assets", create(`{"display_name":"HR"}`), 422, "trait keys"},
		{"headers and unknown keys", Faults{}, "POST", "/flexible_assets", create(`{"display-name":"HR","x":1}`), 422,
			`"pointer":"data/attributes/traits"`},
		{"without traits", Faults{}, "POST", "/flexible_assets",
			doc("flexible-assets", `{"organization-id":2,"flexible-asset-type-id":50}`), 422, "traits"},
		{"unknown type", Faults{}, "POST", "/flexible_assets",
			doc("flexible-assets", `{"organization-id":2,"flexible-asset-type-id":99,"traits":{}}`), 401, ""},
		{"unknown organization", Faults{}, "POST", "/flexible_assets",
			doc("flexible-assets", `{"organization-id":99,"flexible-asset-type-id":50,"traits":{}}`), 401, ""},
		{"locked type", Faults{}, "POST", "/flexible_assets",
			doc("flexible-assets", `{"organization-id":2,"flexible-asset-type-id":51,"traits":{"name":"x"}}`), 422, "managed by"},
		{"required and blank", Faults{}, "POST", "/flexible_assets", create(`{"display-name":" "}`), 422,
			`flexible-asset-traits.display-name|["can't be blank"]`},
		{"required in a change too", Faults{}, "PATCH", assetPath, traits(`{"object-id":"1"}`), 422, "display-name"},
		{"required in a change not", Faults{LaxPatch: true}, "PATCH", assetPath, traits(`{"object-id":"1"}`), 200, `!display-name`},
		{"left out is erased", Faults{}, "PATCH", assetPath, traits(`{"display-name":"Money"}`), 200,
			`"name":"Money"|!notes-manual|!members|!plan|!secret`},
		{"left out is kept", Faults{MergeTraits: true}, "PATCH", assetPath, traits(`{"display-name":"Money","members":null}`), 200,
			`"name":"Money"|notes-manual|plan|!members`},
		{"archived alone keeps traits", Faults{}, "PATCH", assetPath, doc("flexible-assets", `{"archived":true}`), 200,
			`"archived":true|call first`},
		{"archived alone erases traits", Faults{ArchiveErases: true}, "PATCH", assetPath, doc("flexible-assets", `{"archived":true}`),
			200, `"archived":true|"traits":{}`},
		{"text of 256", Faults{}, "PATCH", assetPath, traits(`{"display-name":"` + long + `"}`), 422, "too long"},
		{"text of 256 is cut", Faults{CutText: true}, "PATCH", assetPath, traits(`{"display-name":"` + long + `"}`), 200, "!" + long},
		{"text trimmed", Faults{TrimText: true}, "PATCH", assetPath, traits(`{"display-name":" a  b "}`), 200, `"name":"a b"`},
		{"text kept", Faults{}, "PATCH", assetPath, traits(`{"display-name":" a  b "}`), 200, `"name":" a  b "`},
		{"text is no number", Faults{}, "PATCH", assetPath, traits(`{"display-name":5}`), 422, "string"},
		{"html kept", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","notes-manual":"<P style='a'>b"}`), 200,
			`\u003cP style='a'\u003eb`},
		{"html rewritten", Faults{RewriteHTML: true}, "PATCH", assetPath, traits(`{"display-name":"x","notes-manual":"<P style='a'>b"}`),
			200, `\u003cp\u003eb\u003c/p\u003e`},
		{"text box too long", Faults{TextboxLimit: 3}, "PATCH", assetPath, traits(`{"display-name":"x","notes-manual":"abcd"}`), 422, "too long"},
		{"select", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","state":"Closed"}`), 200, `"state":"Closed"`},
		{"select not listed", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","state":"Ajar"}`), 422, "traits.state"},
		{"select not listed, taken", Faults{AnySelect: true}, "PATCH", assetPath, traits(`{"display-name":"x","state":"Ajar"}`), 200, "Ajar"},
		{"no date", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","since":"2026-02-30"}`), 422, "since"},
		{"date with a time", Faults{DatesWithTime: true}, "GET", assetPath, "", 200, `"since":"2026-01-02T00:00:00.000Z"`},
		{"no number", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","member-count":"many"}`), 422, "member-count"},
		{"numbers are rounded", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","member-count":2.26}`), 200, `"member-count":2.3`},
		{"numbers as text", Faults{NumbersAsText: true}, "GET", assetPath, "", 200, `"member-count":"2"`},
		{"check boxes as text", Faults{CheckboxesAsText: true}, "GET", assetPath, "", 200, `"dynamic":"Yes"`},
		{"check box is no text", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","dynamic":"Yes"}`), 422, "dynamic"},
		{"empty traits as null", Faults{NullTraits: true}, "GET", "/flexible_assets/402", "", 200, `"object-id":null|"members":null`},
		{"empty tag is blank", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","members":[]}`), 200, `!members`},
		{"tags as read", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","members":{"type":"Contacts","values":[{"id":41}]}}`),
			422, "members"},
		{"tags as read, taken", Faults{TagObjects: true}, "PATCH", assetPath,
			traits(`{"display-name":"x","members":{"type":"Contacts","values":[{"id":41},{"id":null}]}}`), 200, `"id":41`},
		{"bare tags", Faults{BareTags: true}, "GET", assetPath, "", 200, `"members":[41,42]`},
		{"tag of nobody", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","members":[9]}`), 422, "traits.members"},
		{"tag of nobody, 401", Faults{MissingTag: TagUnauthorized}, "PATCH", assetPath, traits(`{"display-name":"x","members":[9]}`), 401, ""},
		{"tag of nobody, 404", Faults{MissingTag: TagNotFound}, "PATCH", assetPath, traits(`{"display-name":"x","members":[9]}`), 404, ""},
		{"tag of nobody, dropped", Faults{MissingTag: TagDropped}, "PATCH", assetPath, traits(`{"display-name":"x","members":[9,41]}`),
			200, `"values":[{"first-name":"Ana"`},
		{"tag of nobody, kept", Faults{MissingTag: TagKept}, "PATCH", assetPath, traits(`{"display-name":"x","members":[9]}`), 200, `"id":null`},
		{"tag of a stranger", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","members":[44]}`), 422, "traits.members"},
		{"tag of a stranger, kept", Faults{ForeignTag: TagKept}, "PATCH", assetPath, traits(`{"display-name":"x","members":[44]}`), 200,
			`"id":44`},
		{"tag of an asset", Faults{}, "PATCH", assetPath,
			traits(`{"display-name":"x","related-groups":["` + fmt.Sprint(financeID) + `"]}`), 200, `"type":"FlexibleAssetType: 50"`},
		{"too many tags", Faults{TagLimit: 1}, "PATCH", assetPath, traits(`{"display-name":"x","members":[41,42]}`), 422, "too many"},
		{"upload", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","plan":{"content":"aGk=","file_name":"a.pdf"}}`), 200,
			`"name":"a.pdf"|"size":2`},
		{"upload as read", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","plan":{"url":"https://x.example","name":"a.pdf"}}`),
			422, "plan"},
		{"passwords cannot be written", Faults{}, "PATCH", assetPath, traits(`{"display-name":"x","secret":91}`), 422, "secret"},
		{"type cannot change", Faults{}, "PATCH", assetPath, doc("flexible-assets", `{"flexible-asset-type-id":51}`), 422,
			"flexible-asset-type-id"},
		{"moved", Faults{}, "PATCH", assetPath, doc("flexible-assets", `{"organization-id":3}`), 200, `"organization-name":"Fabrikam"`},
		{"answer without traits", Faults{BareAnswers: true}, "PATCH", assetPath, traits(`{"display-name":"x"}`), 200, `"name":"x"|!"traits"`},
		{"reads have them all the same", Faults{BareAnswers: true}, "GET", assetPath, "", 200, `"traits"`},
		{"gone", Faults{}, "PATCH", "/flexible_assets/99", traits(`{}`), 404, ""},
		{"deleted alone", Faults{}, "DELETE", assetPath, "", 204, ""},
		{"nested, many", Faults{}, "POST", "/organizations/3/relationships/flexible_assets",
			batch("flexible-assets", `{"flexible-asset-type-id":50,"traits":{"display-name":"A"}}`,
				`{"flexible-asset-type-id":50,"traits":{"display-name":"B"}}`), 201, `"name":"A"|"name":"B"`},
	})
}

func TestADeletedContactLeavesATagBehind(t *testing.T) {
	s, base := newSim(t)
	do(t, base, "DELETE", "/contacts", batch("contacts", `{"id":41}`)).want(t, 200, `"id":"41"`)
	do(t, base, "GET", assetPath, "").want(t, 200, `"values":[{"id":null,"name":null},{`)
	s.SetFaults(Faults{DropDeletedTags: true})
	do(t, base, "GET", assetPath, "").want(t, 200, `"id":42`, "!null,\"name")
	if got := s.World().RelatedTo(Ref{"contacts", 41}); len(got) != 0 {
		t.Errorf("got related items %v of a deleted contact", got)
	}
}

func TestARenamedContactShowsInItsTags(t *testing.T) {
	s, base := newSim(t)
	s.Edit("tess", func(w *World) { w.Contact(41).LastName = "Smit" })
	do(t, base, "GET", assetPath, "").want(t, 200, `"name":"Ana Smit"`)
}

func TestEachWriteIsAVersion(t *testing.T) {
	s, base := newSim(t)
	for range 2 {
		do(t, base, "PATCH", assetPath, traits(`{"display-name":"x"}`)).want(t, 200)
	}
	if a := s.World().Asset(financeID); a.Versions != 3 || a.Info.UpdatedBy != "api" {
		t.Errorf("got version %d by %s, want 3 by api", a.Versions, a.Info.UpdatedBy)
	}
}

func TestLayoutsAreChecked(t *testing.T) {
	field := func(more string) string {
		return `{"type":"flexible_asset_fields","attributes":{"order":1,"name":"Name","kind":"Text"` + more + `}}`
	}
	newType := func(fields ...string) string {
		return `{"data":{"type":"flexible_asset_types","attributes":{"name":"Made here","enabled":true,"show-in-menu":true},"relationships":{"flexible_asset_fields":{"data":[` + strings.Join(fields, ",") + `]}}}}`
	}
	add := func(of string) string {
		return doc("flexible_asset_fields", `{"flexible-asset-type-id":50,`+of+`}`)
	}
	const f61 = "/flexible_asset_fields/61"
	run(t, []step{
		{"created", Faults{}, "POST", "/flexible_asset_types", newType(field(`,"use-for-title":true,"show-in-list":true`)), 201,
			`"name":"Made here"|"enabled":true`},
		{"no fields", Faults{}, "POST", "/flexible_asset_types", newType(), 422, "at least one field"},
		{"nothing in the list", Faults{}, "POST", "/flexible_asset_types", newType(field(`,"use-for-title":true`)), 422, "shown in the list"},
		{"no title", Faults{}, "POST", "/flexible_asset_types", newType(field(`,"show-in-list":true`)), 422, "title"},
		{"a text box is no title", Faults{}, "POST", "/flexible_asset_types",
			newType(strings.Replace(field(`,"show-in-list":true,"use-for-title":true`), `"Text"`, `"Textbox"`, 1)), 422, "title"},
		{"fields among attributes", Faults{}, "POST", "/flexible_asset_types", doc("flexible-asset-types", `{"name":"x","fields":[]}`), 500, ""},
		{"a name twice", Faults{}, "POST", "/flexible_asset_types",
			strings.Replace(newType(field(`,"use-for-title":true,"show-in-list":true`)), "Made here", "Example group", 1), 201, ""},
		{"a name twice, refused", Faults{UniqueTypeNames: true}, "POST", "/flexible_asset_types",
			strings.Replace(newType(field(`,"use-for-title":true,"show-in-list":true`)), "Made here", "Example group", 1), 422, "taken"},
		{"type changed", Faults{}, "PATCH", "/flexible_asset_types/50", doc("flexible-asset-types", `{"enabled":false}`), 200, `"enabled":false`},
		{"type changed with fields", Faults{}, "PATCH", "/flexible_asset_types/50", newType(field("")), 422, "relationships"},
		{"type changed with fields, 403", Faults{TypePatchStatus: 403}, "PATCH", "/flexible_asset_types/50", newType(field("")), 403, ""},
		{"locked type", Faults{}, "PATCH", "/flexible_asset_types/51", doc("flexible-asset-types", `{"icon":"x"}`), 422, "managed by"},
		{"types are not deleted", Faults{}, "DELETE", "/flexible_asset_types/50", "", 404, ""},
		{"field added", Faults{}, "POST", "/flexible_asset_fields",
			add(`"order":12,"name":"Domain(s)","kind":"Tag","tag-type":"Domains"`), 201, `"name-key":"domain-s"`},
		{"fields added below a type", Faults{}, "POST", "/flexible_asset_types/50/relationships/flexible_asset_fields",
			batch("flexible-asset-fields", `{"order":12,"name":"Inbound POP/IMAP Host","kind":"Text"}`,
				`{"order":13,"name":"Used","kind":"Percent","decimals":0}`), 201, `"name-key":"inbound-pop-imap-host"|"decimals":0`},
		{"order taken", Faults{}, "POST", "/flexible_asset_fields", add(`"order":2,"name":"X","kind":"Text"`), 422, "order"},
		{"order twice in a batch", Faults{}, "POST", "/flexible_asset_types/50/relationships/flexible_asset_fields",
			batch("flexible-asset-fields", `{"order":12,"name":"X","kind":"Text"}`, `{"order":12,"name":"Y","kind":"Text"}`), 422,
			"/data/1/attributes/order"},
		{"no order", Faults{}, "POST", "/flexible_asset_fields", add(`"name":"X","kind":"Text"`), 422, "order"},
		{"name taken", Faults{}, "POST", "/flexible_asset_fields", add(`"order":12,"name":"Object ID","kind":"Text"`), 422, "name"},
		{"unknown kind", Faults{}, "POST", "/flexible_asset_fields", add(`"order":12,"name":"X","kind":"Dropdown"`), 422, "kind"},
		{"number without decimals", Faults{}, "POST", "/flexible_asset_fields", add(`"order":12,"name":"X","kind":"Number"`), 422, "decimals"},
		{"select without options", Faults{}, "POST", "/flexible_asset_fields", add(`"order":12,"name":"X","kind":"Select"`), 422,
			"default-value"},
		{"tag without a type", Faults{}, "POST", "/flexible_asset_fields", add(`"order":12,"name":"X","kind":"Tag"`), 422, "tag-type"},
		{"tag of an unknown type", Faults{}, "POST", "/flexible_asset_fields",
			add(`"order":12,"name":"X","kind":"Tag","tag-type":"FlexibleAssetType: 99"`), 422, "tag-type"},
		{"header is never required", Faults{}, "POST", "/flexible_asset_fields",
			add(`"order":12,"name":"X","kind":"Header","required":true`), 201, `"required":false`},
		{"field of an unknown type", Faults{}, "POST", "/flexible_asset_types/99/relationships/flexible_asset_fields",
			doc("flexible-asset-fields", `{"order":1,"name":"X","kind":"Text"}`), 401, ""},
		{"renamed, the key moves", Faults{}, "PATCH", f61, doc("flexible-asset-fields", `{"name":"Entra object"}`), 200,
			`"name-key":"entra-object"`},
		{"renamed, the key stays", Faults{StableNameKeys: true}, "PATCH", f61, doc("flexible-asset-fields", `{"name":"Entra object"}`),
			200, `"name-key":"object-id"`},
		{"kind is fixed by data", Faults{}, "PATCH", f61, doc("flexible-asset-fields", `{"kind":"Textbox"}`), 422, "kind"},
		{"the key is the server's", Faults{}, "PATCH", f61, doc("flexible-asset-fields", `{"name-key":"x"}`), 422, "name-key"},
		{"read below its type", Faults{}, "GET", "/flexible_asset_types/50/relationships/flexible_asset_fields/61", "", 200, `"kind":"Text"`},
		{"not below another", Faults{}, "GET", "/flexible_asset_types/51/relationships/flexible_asset_fields/61", "", 404, ""},
		{"options by lines", Faults{}, "GET", "/flexible_asset_fields/66", "", 200, `"default-value":"Open\r\nClosed"`},
		{"many at once", Faults{}, "PATCH", "/flexible_asset_fields",
			batch("flexible-asset-fields", `{"id":61,"hint":"key"}`, `{"id":65,"hint":"yours"}`), 200, `"hint":"key"|"hint":"yours"`},
	})
}

func TestARenamedFieldRefusesItsOldKey(t *testing.T) {
	s, base := newSim(t)
	s.Edit("tess", func(w *World) { w.Field(60).Name = "Group" })
	do(t, base, "PATCH", assetPath, traits(`{"display-name":"x"}`)).want(t, 422, "trait keys")
	do(t, base, "PATCH", assetPath, traits(`{"group":"x"}`)).want(t, 200)
	s.Edit("tess", func(w *World) {
		w.Fields = append(w.Fields, &Field{TypeID: 50, Order: 20, Name: "Cost centre", Kind: "Text", Required: true})
	})
	do(t, base, "PATCH", assetPath, traits(`{"group":"x"}`)).want(t, 422, "flexible-asset-traits.cost-centre")
	do(t, base, "PATCH", assetPath, traits(`{"group":"x","cost-centre":"7"}`)).want(t, 200)
}

func TestABatchWithABadRecordStoresNothing(t *testing.T) {
	rows := batch("flexible-assets", `{"id":402,"traits":{"display-name":"Good"}}`, `{"id":123456789012345678,"traits":{}}`,
		`{"id":99,"traits":{}}`)
	s, base := newSim(t)
	do(t, base, "PATCH", "/flexible_assets", rows).want(t, 422, "/data/1/attributes/flexible-asset-traits.display-name", `"status":404`, "/data/2")
	if got := s.World().Asset(402).Traits[60]; got == "Good" {
		t.Errorf("got %v stored, want nothing", got)
	}
	good := batch("contacts", `{"id":41,"title":"x"}`, `{"id":"44","title":"y"}`)
	if got := do(t, base, "PATCH", "/contacts", good).ids(t); got != "41 44" {
		t.Errorf("got %s, want 41 44", got)
	}
	do(t, base, "PATCH", "/contacts", `{"data":[{"type":"contacts","id":"41","attributes":{"title":"x"}}]}`).want(t, 404)
	do(t, base, "PATCH", "/contacts", `{"data":[]}`).want(t, 400)
	do(t, base, "PATCH", "/contacts", doc("contacts", `{"id":41}`)).want(t, 400)
}

func TestMassCallsDoTheirDamageAndAreCounted(t *testing.T) {
	for _, tt := range []struct {
		method, path, body string
		status             int
		forbidden          string
		left               string // contacts, assets, organizations and fields afterwards
	}{
		{"DELETE", "/contacts?filter[organization_id]=2", "", 200, "write by filter", "1 2 3 12"},
		{"DELETE", "/organizations/3/relationships/contacts?filter[id]=41,44", "", 200, "write by filter", "2 2 3 12"},
		{"DELETE", "/contacts?filter[organisation_id]=2", "", 400, "write by filter", "3 2 3 12"},
		{"DELETE", "/flexible_assets?filter[organization_id]=2&filter[flexible_asset_type_id]=50", "", 200, "write by filter", "3 1 3 12"},
		{"DELETE", "/flexible_assets?filter[flexible_asset_type_id]=50", "", 422, "write by filter", "3 2 3 12"},
		{"DELETE", "/flexible_asset_fields/61", "", 204, "field deleted", "3 2 3 11"},
		{"PATCH", "/organizations/3", doc("organizations", `{"name":"x"}`), 200, "write to organizations", "3 2 3 12"},
		{"PATCH", "/organizations/2", doc("organizations", `{"name":"x"}`), 422, "write to organizations", "3 2 3 12"},
		{"PATCH", "/organizations/2", doc("organizations", `{"alert":"x"}`), 200, "write to organizations", "3 2 3 12"},
		{"POST", "/organizations", doc("organizations", `{"name":"x"}`), 201, "write to organizations", "3 2 4 12"},
		{"DELETE", "/organizations", batch("organizations", `{"id":3}`), 200, "write to organizations", "3 2 3 12"}, // later
		{"DELETE", "/locations?filter[organization_id]=2", "", 200, "write by filter", "3 2 3 12"},
		{"GET", "/passwords", "", 200, "passwords", "3 2 3 12"},
		{"GET", "/passwords/91", "", 200, "passwords", "3 2 3 12"},
		{"GET", "/organizations/2/relationships/passwords", "", 200, "passwords", "3 2 3 12"},
		{"POST", "/passwords", doc("passwords", "{}"), 404, "passwords", "3 2 3 12"},
		{"POST", "/exports", doc("exports", "{}"), 404, "exports", "3 2 3 12"},
		{"DELETE", "/contacts", "", 400, "", "3 2 3 12"},
		{"DELETE", "/contacts", batch("contacts", `{"id":41}`), 200, "", "2 2 3 12"},
		{"DELETE", "/contacts", batch("contacts", `{"id":41}`, `{"id":9}`), 404, "", "3 2 3 12"},
		{"DELETE", "/organizations/3/relationships/contacts", batch("contacts", `{"id":41}`), 404, "", "3 2 3 12"},
		{"DELETE", "/flexible_assets", batch("flexible-assets", `{"id":402}`), 200, "", "3 1 3 12"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			s, base := newSim(t)
			do(t, base, tt.method, tt.path, tt.body).want(t, tt.status)
			w := s.World()
			if got := fmt.Sprint(len(w.Contacts), len(w.Assets), len(w.Organizations), len(w.Fields)); got != tt.left {
				t.Errorf("got %s left, want %s", got, tt.left)
			}
			got := ""
			for _, b := range s.ForbiddenCalls() {
				why, _, _ := strings.Cut(b, ":")
				got += why
			}
			if got != tt.forbidden {
				t.Errorf("got forbidden call %q, want %q", got, tt.forbidden)
			}
		})
	}

	s, base := newSim(t, Faults{IgnoreUnknownParameters: true})
	do(t, base, "PATCH", "/contacts?filter[organisation_id]=3", doc("contacts", `{"title":"Oops"}`)).want(t, 422, "synced")
	s.Update(func(w *World) { w.Contact(42).Adapters = nil })
	do(t, base, "PATCH", "/contacts?filter[organisation_id]=3", doc("contacts", `{"title":"Oops"}`)).want(t, 200)
	for _, c := range s.World().Contacts {
		if c.Title != "Oops" {
			t.Errorf("contact %d: got title %q, want the damage of a misspelled filter", c.ID, c.Title)
		}
	}
}

func TestRelatedItemsAndAttachments(t *testing.T) {
	link := doc("related_items", `{"destination_type":"Flexible Asset","destination_id":"402","notes":"syncd"}`)
	const path = "/contacts/44/relationships/related_items"
	s, base := newSim(t)
	do(t, base, "POST", path, link).want(t, 201)
	do(t, base, "POST", path, link).want(t, 201)
	if got := len(s.World().RelatedTo(Ref{assetKind, 402})); got != 2 {
		t.Errorf("got %d links, want 2: nothing looks for duplicates", got)
	}
	s.SetFaults(Faults{RefuseDuplicates: true})
	do(t, base, "POST", path, link).want(t, 422, "taken")
	s.Heal()
	do(t, base, "POST", path, doc("related_items", `{"destination_type":"flexible_asset","destination_id":"402"}`)).want(t, 422)
	do(t, base, "POST", path, doc("related_items", `{"destination_type":"Contact","destination_id":"9"}`)).want(t, 404)
	do(t, base, "POST", "/contacts/9/relationships/related_items", link).want(t, 404)
	do(t, base, "GET", path, "").want(t, 404)
	do(t, base, "GET", "/flexible_assets/402?include=related_items", "").want(t, 200, `"asset-type":"contact"`, `"notes":"syncd"`)
	do(t, base, "PATCH", "/contacts/41/relationships/related_items/97", doc("related_items", `{"notes":"boss"}`)).want(t, 200, "boss")
	do(t, base, "PATCH", "/contacts/44/relationships/related_items/97", doc("related_items", `{"notes":"x"}`)).want(t, 404)
	do(t, base, "DELETE", "/domains/81/relationships/related_items", batch("related_items", `{"id":97}`)).want(t, 200, `"id":"97"`)
	if got := len(s.World().RelatedTo(Ref{"domains", 81})); got != 0 {
		t.Errorf("got %d links to the domain, want 0", got)
	}

	const files = "/flexible_assets/402/relationships/attachments"
	do(t, base, "POST", files, doc("attachments", `{"attachment":{"content":"aGk=","file_name":"members.csv"}}`)).want(t, 201,
		`"attachment-file-size":2`)
	do(t, base, "POST", files, doc("attachments", `{"attachment":{"content":"aGk","file_name":"members.csv"}}`)).want(t, 422, "base64")
	do(t, base, "GET", "/flexible_assets?filter[flexible-asset-type-id]=50&include=attachments", "").want(t, 200, "members.csv", "scan.png")
	do(t, base, "PATCH", assetPath+"/relationships/attachments/96", doc("attachments", `{"name":"drawing"}`)).want(t, 200, "drawing")
	do(t, base, "DELETE", assetPath+"/relationships/attachments", batch("attachments", `{"id":96}`)).want(t, 200)
	do(t, base, "GET", assetPath+"?include=attachments", "").want(t, 200, "!drawing")
}

func TestHTMLIsRewrittenOnceAndForAll(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain", "plain"},
		{"a & b &nbsp;&lt;c&gt; &amp; d", "a &amp; b \u00a0&lt;c&gt; &amp; d"},
		{`<P CLASS="x" style='color:red'>Hi<br/>there`, "<p>Hi<br>there</p>"},
		{`<a title="t" href='https://x.example/?a=1&b=2'>x</a>`, `<a href="https://x.example/?a=1&amp;b=2" title="t">x</a>`},
		{`<a href="javascript:alert(1)" onclick=run()>x</a>`, `<a>x</a>`},
		{"<script>alert('<b>')</script>ok<!-- note -->", "ok"},
		{"<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>",
			"<table><tr><td>1</td><td>2</td></tr>\n<tr><td>3</td></tr>\n</table>"},
		{"<ul><li><b>a</ul>b", "<ul><li><b>a</b></li>\n</ul>\nb"},
		{"1 < 2 </x> 3", "1 &lt; 2  3"},
		{"<b", "&lt;b"},
	} {
		got := sanitise(tt.in)
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.in, got, tt.want)
		}
		if again := sanitise(got); again != got {
			t.Errorf("%s: got %q the second time, want %q", tt.in, again, got)
		}
	}
}

func FuzzHTMLIsRewrittenOnce(f *testing.F) {
	for _, s := range []string{"<p>a</p>", "<ul><li>a", "<a b='c", "<!-- x", "&amp;lt;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		once := sanitise(in)
		if twice := sanitise(once); twice != once {
			t.Errorf("%q: got %q, then %q", in, once, twice)
		}
	})
}

// A first documentation creates tens of thousands: one more must not cost
// more than the last one did.
func BenchmarkCreate(b *testing.B) {
	s := New(seed(), options)
	client := &http.Client{Transport: s.Transport()}
	body := doc("flexible-assets",
		`{"organization-id":2,"flexible-asset-type-id":50,"traits":{"display-name":"x","members":[41,42],"notes-manual":"<p>x</p>"}}`)
	for b.Loop() {
		r, _ := http.NewRequest("POST", "https://api.itglue.example/flexible_assets", strings.NewReader(body))
		r.Header.Set("x-api-key", options.Key)
		r.Header.Set("Content-Type", mediaType)
		if got := ask(client, r); got.status != 201 {
			b.Fatalf("got %d %s", got.status, got.body)
		}
	}
}

// 26 pages of 200 assets must cost milliseconds, not seconds: estates are
// measured against the simulator.
func BenchmarkScan(b *testing.B) {
	w := seed()
	for i := range 5000 {
		w.Assets = append(w.Assets, &Asset{OrganizationID: 2, TypeID: 50,
			Traits: map[int64]any{60: fmt.Sprint("Group ", i), 62: []int64{41, 42}, 65: "<p>x</p>"}})
	}
	s := New(w, options)
	client := &http.Client{Transport: s.Transport()}
	for b.Loop() {
		for page := range 26 {
			r, _ := http.NewRequest("GET",
				fmt.Sprintf("https://api.itglue.example/flexible_assets?filter[flexible-asset-type-id]=50&page[size]=200&page[number]=%d", page+1), nil)
			r.Header.Set("x-api-key", options.Key)
			if got := ask(client, r); got.status != 200 {
				b.Fatalf("got %d %s", got.status, got.body)
			}
		}
		s.Forget()
	}
}

func TestAMassDeletionOfOrganizationsTakesAMinute(t *testing.T) {
	now := noon
	s := New(seed(), Options{Key: options.Key, Now: func() time.Time { return now }})
	h := httptest.NewServer(s)
	defer h.Close()
	do(t, h.URL, "DELETE", "/organizations?filter[id]=2", "").want(t, 200, "Contoso")
	if got := do(t, h.URL, "GET", "/organizations", "").ids(t); got != "1 2 3" {
		t.Errorf("got %s at once, want 1 2 3", got)
	}
	now = now.Add(time.Minute)
	if got := do(t, h.URL, "GET", "/organizations", "").ids(t); got != "1 3" {
		t.Errorf("got %s later, want 1 3", got)
	}
	if w := s.World(); len(w.Contacts) != 1 || len(w.Assets) != 1 || len(w.Domains) != 0 {
		t.Errorf("got %d contacts, %d assets and %d domains, want those of the others alone", len(w.Contacts), len(w.Assets), len(w.Domains))
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	s := New(seed(), options)
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 20 {
				inProcess(t, s, "/flexible_assets?filter[flexible-asset-type-id]=50").want(t, 200)
				s.Edit("tess", func(w *World) { w.Contact(41).Title += "x" })
				s.World()
			}
		})
	}
	g.Wait()
	if got := len(s.World().Contact(41).Title); got != 160 {
		t.Errorf("got %d edits, want 160", got)
	}
}

func TestEveryRouteIsListedOnce(t *testing.T) {
	all := Routes()
	if !slices.Contains(all, "PATCH /flexible_assets/{id}") || slices.Contains(all, "DELETE /contacts/{id}") {
		t.Errorf("got routes %v", all)
	}
	if len(all) != len(routes) {
		t.Errorf("got %d distinct routes of %d", len(all), len(routes))
	}
}

func TestAWorldCopiesWhole(t *testing.T) {
	s := New(seed(), options)
	a, b := s.World(), s.World()
	x, y := must(json.Marshal(a)), must(json.Marshal(b))
	if string(x) != string(y) {
		t.Errorf("two copies differ")
	}
	maps.DeleteFunc(a.Asset(financeID).Traits, func(int64, any) bool { return true })
	a.Contact(41).Emails[0].Value = "changed"
	if got := s.World().Contact(41).Emails[0].Value; got != "ana@contoso.example" {
		t.Errorf("got %s: the copy shares its addresses", got)
	}
}
