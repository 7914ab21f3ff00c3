package itgluesim

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestListsFilterSortAndRefuse(t *testing.T) {
	loose := Faults{IgnoreUnknownParameters: true}
	for _, tt := range []struct {
		name   string
		faults Faults
		path   string
		status int
		ids    string
	}{
		{"all, by id", Faults{}, "/organizations", 200, "1 2 3"},
		{"by name, with an escaped comma", Faults{}, `/organizations?filter[name]=Contoso\, Ltd`, 200, "2"},
		{"a comma is or", Faults{}, "/organizations?filter[name]=Fabrikam,Example Networks", 200, "1 3"},
		{"names have case", Faults{}, "/organizations?filter[name]=fabrikam", 200, ""},
		{"names without case", Faults{FoldFilters: true}, "/organizations?filter[name]=fabrikam", 200, "3"},
		{"no wildcards", Faults{}, "/organizations?filter[name]=Fab*", 200, ""},
		{"filters are and", Faults{}, "/organizations?filter[name]=Fabrikam&filter[id]=1,2", 200, ""},
		{"by psa id", Faults{}, "/organizations?filter[psa_integration_type]=manage&filter[psa_id]=9,2501", 200, "2"},
		{"of another psa", Faults{}, "/organizations?filter[psa_integration_type]=autotask&filter[psa_id]=2501", 200, ""},
		{"psa id alone", Faults{}, "/organizations?filter[psa_id]=2501", 400, ""},
		{"excluded", Faults{}, "/organizations?filter[exclude][id]=1,2", 200, "3"},
		{"by range", Faults{}, "/organizations?filter[updated_at]=2026-03-20T00:00:00Z,*", 200, "1 2 3"},
		{"by a range that is over", Faults{}, "/organizations?filter[updated_at]=*,2026-03-19T00:00:00Z", 200, ""},
		{"by status, sorted", Faults{}, "/organizations?sort=-organization_status_name,-id", 200, "3 2 1"},
		{"id not a number", Faults{}, "/organizations?filter[id]=x", 400, ""},
		{"misspelled filter", Faults{}, "/contacts?filter[organisation_id]=3", 400, ""},
		{"misspelled filter ignored", loose, "/contacts?filter[organisation_id]=3", 200, "41 42 44"},
		{"kebab filters are for assets", Faults{}, "/contacts?filter[organization-id]=3", 400, ""},
		{"no updated_at on contacts", Faults{}, "/contacts?filter[updated_at]=*,*", 400, ""},
		{"unknown sort", Faults{}, "/contacts?sort=name", 400, ""},
		{"unknown sort ignored", loose, "/contacts?sort=name", 200, "41 42 44"},
		{"unknown include", Faults{}, "/contacts?include=related_items", 400, ""},
		{"unknown include ignored", loose, "/contacts?include=related_items", 200, "41 42 44"},
		{"unknown parameter", Faults{}, "/contacts?pagesize=1", 400, ""},
		{"unknown parameter ignored", loose, "/contacts?pagesize=1", 200, "41 42 44"},
		{"contacts of an organization", Faults{}, "/contacts?filter[organization_id]=2", 200, "41 42"},
		{"of one that is not there", Faults{}, "/contacts?filter[organization_id]=99", 200, ""},
		{"nested", Faults{}, "/organizations/2/relationships/contacts", 200, "41 42"},
		{"nested does not filter", Faults{}, "/organizations/2/relationships/contacts?filter[id]=41", 200, "41 42"},
		{"nested in nothing", Faults{}, "/organizations/99/relationships/contacts", 404, ""},
		{"nested in nothing, 401", Faults{NestedUnknown401: true}, "/organizations/99/relationships/contacts", 401, ""},
		{"primary address only", Faults{}, "/contacts?filter[primary_email]=ruiz@contoso.example", 200, ""},
		{"by primary address", Faults{}, "/contacts?filter[primary_email]=ana@contoso.example", 200, "41"},
		{"important=false misses null", Faults{}, "/contacts?filter[important]=false", 200, ""},
		{"contact of the psa", Faults{}, "/contacts?filter[psa_integration_type]=manage&filter[psa_id]=77", 200, "42"},
		{"domains have no name filter", Faults{}, "/domains?filter[name]=contoso.example", 400, ""},
		{"domains", Faults{}, "/domains?filter[organization_id]=2", 200, "81"},
		{"no single domain", Faults{}, "/domains/81", 404, ""},
		{"assets of all organizations", Faults{}, "/flexible_assets?filter[flexible-asset-type-id]=50", 200, fmt.Sprint("402 ", financeID)},
		{"either spelling", Faults{}, "/flexible_assets?filter[flexible_asset_type_id]=50&filter[organization-id]=2", 200, fmt.Sprint(financeID)},
		{"assets by name", Faults{}, "/flexible_assets?filter[flexible-asset-type-id]=50&filter[name]=Sales", 200, "402"},
		{"assets have no id sort", Faults{}, "/flexible_assets?filter[flexible-asset-type-id]=50&sort=id", 400, ""},
		{"assets by title", Faults{}, "/flexible_assets?filter[flexible-asset-type-id]=50&sort=-name", 200, fmt.Sprint("402 ", financeID)},
		{"assets without a type", Faults{}, "/flexible_assets", 422, ""},
		{"assets of an unknown type", Faults{}, "/flexible_assets?filter[flexible-asset-type-id]=99", 401, ""},
		{"no archived filter", Faults{}, "/flexible_assets?filter[flexible-asset-type-id]=50&filter[archived]=true", 400, ""},
		{"archived hidden", Faults{HideArchived: true}, "/flexible_assets?filter[flexible-asset-type-id]=50", 200, fmt.Sprint(financeID)},
		{"types by name", Faults{}, "/flexible_asset_types?filter[name]=Example group", 200, "50"},
		{"fields", Faults{}, "/flexible_asset_types/50/relationships/flexible_asset_fields?page[size]=3&page[number]=2", 200, "63 64 65"},
		{"an organization out of sight", Faults{Inaccessible: []int64{3}}, "/organizations", 200, "1 2"},
		{"its contacts too", Faults{Inaccessible: []int64{3}}, "/contacts", 200, "41 42"},
		{"and by name", Faults{Inaccessible: []int64{3}}, "/organizations/3/relationships/contacts", 401, ""},
		{"heavy page", Faults{HeavyPage: 1}, "/flexible_assets?filter[flexible-asset-type-id]=50", 504, ""},
		{"light page", Faults{HeavyPage: 1}, "/flexible_assets?filter[flexible-asset-type-id]=50&page[size]=1", 200, "402"},
		{"page 0", Faults{}, "/contacts?page[number]=0", 400, ""},
		{"beyond the end", Faults{}, "/contacts?page[number]=9", 200, ""},
		{"page size above 1,000", Faults{}, "/contacts?page[size]=1001", 200, "41 42 44"},
		{"page size above 1,000 refused", Faults{RefuseLargePages: true}, "/contacts?page[size]=1001", 400, ""},
		{"page size cut", Faults{LargestPage: 2}, "/contacts?page[size]=1000", 200, "41 42"},
		{"rows missed", Faults{Shift: 1}, "/contacts?page[size]=1&page[number]=2", 200, "44"},
		{"rows repeated", Faults{Shift: -1}, "/contacts?page[size]=1&page[number]=2", 200, "41"},
		{"short page", Faults{ShortPages: 1}, "/contacts?page[size]=2", 200, "41"},
		{"last page is not short", Faults{ShortPages: 1}, "/contacts?page[size]=2&page[number]=2", 200, "44"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, base := newSim(t, tt.faults)
			u, err := url.Parse(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			u.RawQuery = u.Query().Encode()
			got := do(t, base, "GET", u.String(), "")
			got.want(t, tt.status)
			if tt.status == 200 && got.ids(t) != tt.ids {
				t.Errorf("got %s, want %s", got.ids(t), tt.ids)
			}
		})
	}
}

func TestPagesSayWhereTheyStand(t *testing.T) {
	s, base := newSim(t)
	s.Update(func(w *World) {
		for range 60 {
			w.Contacts = append(w.Contacts, &Contact{OrganizationID: 3, FirstName: "Extra"})
		}
	})
	first := do(t, base, "GET", "/contacts", "")
	first.want(t, 200, `"next-page":2`, `"prev-page":null`, `"total-count":63`, `"total-pages":2`, `page%5Bnumber%5D=2`)
	do(t, base, "GET", "/contacts?page[number]=2", "").want(t, 200, `"next-page":null`, `"prev-page":1`, `"current-page":2`)
	s.SetFaults(Faults{LinkHost: "gateway.example"})
	do(t, base, "GET", "/contacts", "").want(t, 200, "https://gateway.example/contacts?")
}

func TestTheLatestChangesComeFirst(t *testing.T) {
	now := noon
	s := New(seed(), Options{Key: options.Key, Now: func() time.Time { return now }})
	now = noon.Add(time.Hour)
	s.Edit("tess", func(w *World) { w.Contact(42).Title = "Boss" })
	now = now.Add(time.Millisecond)
	s.Edit("tess", func(w *World) { w.SetTrait(w.Asset(402), "Member Count", 3); w.Contact(44).Title = "Boss" })
	if got := inProcess(t, s, "/contacts?sort=-updated_at,last_name").ids(t); got != "44 42 41" {
		t.Errorf("got contacts %s, want 44 42 41", got)
	}
	if got, want := inProcess(t, s, "/flexible_assets?filter[flexible-asset-type-id]=50&sort=updated_at").ids(t), fmt.Sprint(financeID,
		" 402"); got != want {
		t.Errorf("got assets %s, want %s", got, want)
	}
	if got := inProcess(t, s, "/contacts?sort=created_at").ids(t); got != "41 42 44" {
		t.Errorf("got contacts %s, want 41 42 44", got)
	}
}

func TestAWorldIsAskedByName(t *testing.T) {
	s := New(seed(), options)
	w := s.World()
	group := w.TypeNamed("Example group")
	if group == nil || w.Type(50) != group || w.TypeNamed("Nothing") != nil || w.Organization(2).ShortName != "Contoso" {
		t.Errorf("got %v, want the type with id 50", group)
	}
	if got := w.FieldsOf(50); len(got) != 11 || got[0].NameKey != "display-name" {
		t.Errorf("got %d fields, want 11, display-name first", len(got))
	}
	a := w.Asset(402)
	w.SetTrait(a, "members", 44)
	w.SetTrait(a, "member-count", 2.5)
	w.SetTrait(a, "display-name", nil)
	if got := fmt.Sprintf("%v %v %v %v", w.Trait(a, "Members"), w.Trait(a, "member-count"), w.Trait(a, "display-name"),
		w.Trait(a, "nothing")); got != "[44] 2.5 <nil> <nil>" {
		t.Errorf("got %s, want [44] 2.5 <nil> <nil>", got)
	}
}

func TestNewRowsMayLagBehind(t *testing.T) {
	now := noon
	s := New(seed(), Options{Key: options.Key, Now: func() time.Time { return now }})
	now = noon.Add(time.Hour)
	s.SetFaults(Faults{ListLag: 10 * time.Second})
	s.Update(func(w *World) { w.Contacts = append(w.Contacts, &Contact{ID: 45, OrganizationID: 3, FirstName: "New"}) })
	if got := inProcess(t, s, "/contacts").ids(t); got != "41 42 44" {
		t.Errorf("got %s at once, want 41 42 44", got)
	}
	inProcess(t, s, "/contacts/45").want(t, 200)
	now = now.Add(10 * time.Second)
	if got := inProcess(t, s, "/contacts").ids(t); got != "41 42 44 45" {
		t.Errorf("got %s later, want 41 42 44 45", got)
	}
}

func TestIncludesBringWhatIsAsked(t *testing.T) {
	asset := fmt.Sprint("/flexible_assets/", financeID)
	run(t, []step{
		{"nothing unasked", Faults{}, "GET", "/organizations/2", "", 200, `"relationships":{}|!included|"psa-integration":"enabled"`},
		{"no relationships at all", Faults{NoRelationships: true}, "GET", "/organizations/2", "", 200, "!relationships"},
		{"adapters on the list", Faults{}, "GET", "/organizations?include=adapters_resources", "", 200,
			`"adapters-resources":{"data":[{"id":"21","type":"adapters-resources"}]}|"adapter-type-name":"ConnectWise Manage"|"remote-id":"2501"|"sync":true|"orphaned":false`},
		{"a hyphen will do", Faults{}, "GET", "/contacts?include=adapters-resources", "", 200, `"remote-id":"77"`},
		{"contacts may have none", Faults{NoContactAdapter: true}, "GET", "/contacts?include=adapters_resources", "", 200,
			`!"remote-id"|"included":[]`},
		{"lists alone may have them", Faults{NoSingleAdapter: true}, "GET", "/contacts/42?include=adapters_resources", "", 200, `!"remote-id"`},
		{"adapters have no address", Faults{}, "GET", "/adapters_resources/21", "", 404, ""},
		{"attachments", Faults{}, "GET", asset + "?include=attachments", "", 200, `"attachment-file-name":"scan.png"`},
		{"passwords exist", Faults{}, "GET", asset + "?include=passwords", "", 200, `{"id":"91","type":"passwords"}|!"password":`},
		{"fields of a type", Faults{}, "GET", "/flexible_asset_types/50?include=flexible_asset_fields", "", 200,
			`"name-key":"notes-manual"|"flexible-asset-fields":{"data":[{"id":"60"`},
		{"location", Faults{}, "GET", "/contacts/41?include=location", "", 200, `"name":"Head office"`},
		{"included inside data", Faults{IncludedInside: true}, "GET", "/contacts/42?include=adapters_resources", "", 200,
			`{"data":{"attributes":|,"included":[`},
		{"numeric ids", Faults{NumericIncluded: true}, "GET", "/contacts/42?include=adapters_resources", "", 200, `"id":43`},
		{"related by hand, from one end", Faults{}, "GET", "/contacts/41?include=related_items", "", 200,
			`"asset-type":"domain"|"resource-id":81|"notes":"owner"`},
		{"related by a tag, from one end", Faults{}, "GET", asset + "?include=related_items", "", 200, `"asset-type":"contact"|"resource-id":42`},
		{"related by a tag, from the other", Faults{}, "GET", "/contacts/42?include=related_items", "", 200,
			fmt.Sprintf(`"asset-type":"flexible_asset"|"resource-id":%d`, financeID)},
		{"quick notes are cut in lists", Faults{}, "GET", "/organizations", "", 200, `nnnn"|!` + strings.Repeat("n", 251)},
		{"and whole alone", Faults{}, "GET", "/organizations/2", "", 200, strings.Repeat("n", 251)},
		{"parents are text", Faults{}, "GET", "/organizations/3", "", 200, `"parent-id":"2"|"ancestor-ids":"[2]"`},
		{"18 digits", Faults{}, "GET", asset, "", 200, fmt.Sprintf(`"id":"%d"|"organization-id":2`, financeID)},
		{"null, not empty", Faults{}, "GET", "/contacts/44", "", 200, `"title":null|"important":null|"psa-integration":null`},
		{"milliseconds", Faults{}, "GET", "/contacts/44", "", 200, `"created-at":"2026-03-20T12:00:00.000Z"`},
		{"whole seconds", Faults{WholeSeconds: true}, "GET", "/contacts/44", "", 200, `"created-at":"2026-03-20T12:00:00Z"`},
		{"extra members", Faults{ExtraMembers: true}, "GET", "/contacts/44", "", 200, "insight-score"},
		{"deleted", Faults{}, "GET", "/flexible_assets/99", "", 404, ""},
		{"deleted, null", Faults{Deleted: DeletedNull}, "GET", "/flexible_assets/99", "", 200, `{"data":null}`},
		{"deleted, empty", Faults{Deleted: DeletedEmpty}, "GET", "/flexible_assets/99", "", 200, "!{"},
		{"nested, of another organization", Faults{}, "GET", "/organizations/3/relationships/contacts/41", "", 404, ""},
		{"out of sight", Faults{Inaccessible: []int64{2}}, "GET", asset, "", 401, "errors"},
		{"setup tables", Faults{}, "GET", "/organization_statuses", "", 200, `"type":"organization-statuses"|"Inactive"`},
		{"staff", Faults{}, "GET", "/users/95", "", 200, `"email":"tess@msp.example"`},
		{"no exports", Faults{}, "GET", "/exports", "", 404, ""},
	})
}
