package scimsim

import (
	"slices"
	"testing"
)

func TestPatchChangesWhatItNames(t *testing.T) {
	const ext = EnterpriseSchema
	for _, tt := range []struct {
		name, op string
		path     string // what to look at
		want     any
	}{
		{"a value is replaced", `{"op":"replace","path":"title","value":"Chef"}`, "title", "Chef"},
		{"an absent value is added by replace", `{"op":"replace","path":"nickName","value":"B"}`, "nickName", "B"},
		{"a value is removed", `{"op":"remove","path":"title"}`, "title", nil},
		{"null removes", `{"op":"replace","path":"title","value":null}`, "title", nil},
		{"a part of the name", `{"op":"replace","path":"name.givenName","value":"Bob"}`, "name.givenName", "Bob"},
		{"its other part stays", `{"op":"replace","path":"name.givenName","value":"Bob"}`, "name.familyName", "Lind"},
		{"a name as a whole is merged", `{"op":"replace","path":"name","value":{"givenName":"Bob"}}`, "name.familyName", "Lind"},
		{"without a path too", `{"op":"replace","value":{"name":{"givenName":"Bob"}}}`, "name.familyName", "Lind"},
		{"without a path it changes", `{"op":"add","value":{"active":false,"title":"Chef"}}`, "title", "Chef"},
		{"an extension's attribute", `{"op":"replace","path":"` + ext + `:employeeNumber","value":"42"}`, ext + ":employeeNumber", "42"},
		{"an extension as an object", `{"op":"add","value":{"` + ext + `":{"employeeNumber":"42"}}}`, ext + ":employeeNumber", "42"},
		{"an extension's path as a key", `{"op":"add","value":{"` + ext + `:employeeNumber":"42"}}`, ext + ":employeeNumber", "42"},
		{"the manager", `{"op":"add","path":"` + ext + `:manager","value":{"value":"1"}}`, ext + ":manager.value", "1"},
		{"the core URN in a path", `{"op":"replace","path":"` + UserSchema + `:title","value":"Chef"}`, "title", "Chef"},
		{"the work address", `{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@example.test"}`, "emails.value",
			"b@example.test"},
		{"all addresses", `{"op":"replace","path":"emails","value":[{"value":"c@example.test"}]}`, "emails.value", "c@example.test"},
		{"another address", `{"op":"add","path":"emails","value":[{"value":"c@example.test","type":"home"}]}`, "emails.value", "bo@example.test"},
		{"a new primary takes it from the old", `{"op":"add","path":"emails","value":[{"value":"c@example.test","primary":true}]}`,
			"emails.primary", nil},
		{"the address that matches goes", `{"op":"remove","path":"emails[value eq \"BO@example.test\"]"}`, "emails", nil},
		{"another case of a path", `{"op":"replace","path":"Name.GIVENNAME","value":"Bob"}`, "name.givenName", "Bob"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(Strict())
			ask(t, s, "PATCH", "/Users/2", patchOp(tt.op)).want(t, tt.name, 200)
			u := s.Account("acme").User("2")
			got := u.Get(tt.path)
			if tt.path == "emails.value" {
				got = u.Text(tt.path)
			}
			if tt.path == "emails.primary" {
				got = nil
				if primary := u.Attributes["emails"].([]any)[0].(map[string]any)["primary"]; primary != false {
					got = primary
				}
			}
			if got != tt.want {
				t.Errorf("%s: got %v, want %v; %v", tt.path, got, tt.want, u.Attributes)
			}
		})
	}
}

func TestPatchIsAllOrNothing(t *testing.T) {
	body := patchOp(`{"op":"replace","path":"title","value":"Chef"}`, `{"op":"replace","path":"active","value":"no"}`)
	for _, tt := range []struct {
		dialect Dialect
		want    string
	}{{Strict(), "Cook"}, {Quirk("PATCH is not atomic"), "Chef"}} {
		s := newSim(tt.dialect)
		ask(t, s, "PATCH", "/Users/2", body).want(t, "a bad second operation", 400)
		if got := s.Account("acme").User("2").Text("title"); got != tt.want {
			t.Errorf("atomic %v: got %q, want %q", !tt.dialect.NotAtomic, got, tt.want)
		}
	}
	s := newSim(Strict())
	ask(t, s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"title","value":"Cook"}`)).want(t, "no change", 200)
	if v := s.Account("acme").User("2").Info.Version; v != 1 {
		t.Errorf("version after no change: got %d, want 1", v)
	}
	ask(t, s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"userName","value":"ANN@example.test"}`)).want(t,
		"a userName taken", 409, "uniqueness")
}

func TestMembersChangeAsTheDialectSays(t *testing.T) {
	const (
		addCy      = `{"op":"add","path":"members","value":[{"value":"3"}]}`
		addBo      = `{"op":"add","path":"members","value":[{"value":"2"}]}`
		addOne     = `{"op":"add","path":"members","value":{"value":"3"}}`
		removeBo   = `{"op":"remove","path":"members[value eq \"2\"]"}`
		removeCy   = `{"op":"remove","path":"members[value eq \"3\"]"}`
		removeBoth = `{"op":"remove","path":"members[value eq \"1\" or value eq \"2\"]"}`
		removeList = `{"op":"remove","path":"members","value":[{"value":"2"}]}`
		removeAll  = `{"op":"remove","path":"members"}`
		replace    = `{"op":"replace","path":"members","value":[{"value":"3"},{"value":"1"}]}`
		operations = `{"op":"add","path":"members","value":[{"value":"2","operation":"Remove"},{"value":"3","operation":"Add"}]}`
		addNobody  = `{"op":"add","path":"members","value":[{"value":"99"}]}`
	)
	with := func(change func(*Dialect)) Dialect {
		d := Strict()
		change(&d)
		return d
	}
	for _, tt := range []struct {
		name    string
		dialect Dialect
		op      string
		status  int
		want    []string
	}{
		{"add", Strict(), addCy, 200, []string{"1", "2", "3"}},
		{"add one that is there", Strict(), addBo, 200, []string{"1", "2"}},
		{"… stored twice", Quirk("duplicate members are stored twice"), addBo, 200, []string{"1", "2", "2"}},
		{"… refused", Quirk("present member is a 500"), addBo, 500, []string{"1", "2"}},
		{"add a single object", Strict(), addOne, 200, []string{"1", "2", "3"}},
		{"… refused", Quirk("member of its own is not an array"), addOne, 400, []string{"1", "2"}},
		{"add nobody", Strict(), addNobody, 400, []string{"1", "2"}},
		{"… accepted", Quirk("unknown members are accepted"), addNobody, 200, []string{"1", "2", "99"}},
		{"remove by filter", Strict(), removeBo, 200, []string{"1"}},
		{"… ignored", Quirk("filtered remove is ignored"), removeBo, 200, []string{"1", "2"}},
		{"… refused", Quirk("filtered remove is refused"), removeBo, 400, []string{"1", "2"}},
		{"remove one that is absent", Strict(), removeCy, 200, []string{"1", "2"}},
		{"… refused", Quirk("absent member is a 404"), removeCy, 404, []string{"1", "2"}},
		{"remove with or", Strict(), removeBoth, 200, nil},
		{"… ignored", Quirk("or in removal is ignored"), removeBoth, 200, []string{"1", "2"}},
		{"… refused", with(func(d *Dialect) { d.OrRemove = Refused }), removeBoth, 400, []string{"1", "2"}},
		{"remove by list empties the group", Strict(), removeList, 200, nil},
		{"… removes those listed", Quirk("Entra's dialect"), removeList, 200, []string{"1"}},
		{"… does nothing", with(func(d *Dialect) { d.RemoveByValue = RemovesNone }), removeList, 200, []string{"1", "2"}},
		{"… refused", with(func(d *Dialect) { d.RemoveByValue = RemovesRefused }), removeList, 400, []string{"1", "2"}},
		{"remove all", Quirk("Entra's dialect"), removeAll, 200, nil},
		{"replace", Strict(), replace, 200, []string{"1", "3"}},
		{"… ignored", Quirk("replace members is ignored"), replace, 200, []string{"1", "2"}},
		{"… refused", Quirk("replace members is refused"), replace, 400, []string{"1", "2"}},
		{"operation of a member means nothing", Quirk("unknown attributes are dropped"), operations, 200, []string{"1", "2", "3"}},
		{"… decides", with(func(d *Dialect) { d.MemberOperation = true }), operations, 200, []string{"1", "3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(tt.dialect)
			ask(t, s, "PATCH", "/Groups/g1", patchOp(tt.op)).want(t, tt.name, tt.status)
			if got := slices.Sorted(slices.Values(s.Account("acme").Group("g1").Members)); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPutReplacesTheWholeGroup(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		dialect    Dialect
		want       []string
	}{
		{"members listed", group(`"displayName":"Staff","members":[{"value":"3"}]`), Strict(), []string{"3"}},
		{"an empty list", group(`"displayName":"Staff","members":[]`), Strict(), nil},
		{"left out", group(`"displayName":"Staff"`), Strict(), nil},
		{"left out where it stays", group(`"displayName":"Staff"`), Dialect{PutKeeps: true}, []string{"1", "2"}},
		{"an empty list where it stays", group(`"displayName":"Staff","members":[]`), Dialect{PutKeeps: true}, nil},
	} {
		s := newSim(tt.dialect)
		ask(t, s, "PUT", "/Groups/g1", tt.body).want(t, tt.name, 200)
		if got := s.Account("acme").Group("g1").Members; !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	for disables, want := range map[bool]bool{false: true, true: false} {
		s := newSim(Dialect{PutDisables: disables})
		ask(t, s, "PUT", "/Users/1", user(`"userName":"ann@example.test"`)).want(t, "a PUT without active", 200)
		if got := s.Account("acme").User("1").Active(); got != want {
			t.Errorf("PutDisables %v: got active %v, want %v", disables, got, want)
		}
	}
}

func TestPatchOfListsAndExtensionsAsAWhole(t *testing.T) {
	const ext = EnterpriseSchema
	creates := Strict()
	creates.CreatesTargets = true
	for _, tt := range []struct {
		name, op string
		dialect  Dialect
		status   int
		parts    []string
	}{
		{"an extension replaced by its path", `{"op":"replace","path":"` + ext + `","value":{"department":"Bar"}}`, Strict(), 200,
			[]string{`"department":"Bar"`}},
		{"an extension removed", `{"op":"remove","path":"` + ext + `"}`, Strict(), 200, []string{"!Ops", "!" + ext}},
		{"its last attribute removed", `{"op":"remove","path":"` + ext + `:department"}`, Strict(), 200, []string{"!" + ext}},
		{"an extension that is no object", `{"op":"replace","path":"` + ext + `","value":"x"}`, Strict(), 400, nil},
		{"an unknown attribute of it", `{"op":"replace","path":"` + ext + `","value":{"rank":"x"}}`, Strict(), 400, nil},
		{"… stored", `{"op":"replace","path":"shoeSize","value":"44"}`, Quirk("unknown attributes are stored"), 200, []string{`"shoeSize":"44"`}},
		{"a read-only part", `{"op":"replace","path":"` + ext + `:manager.displayName","value":"x"}`, Strict(), 400, []string{"mutability"}},
		{"a part of the value that matches", `{"op":"replace","path":"emails[type eq \"work\"].display","value":"A"}`, Strict(), 200,
			[]string{`"display":"A"`}},
		{"its part removed", `{"op":"remove","path":"emails[type eq \"work\"].type"}`, Strict(), 200,
			[]string{`!"type":"work"`, "Ann@example.test"}},
		{"the value replaced", `{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"n@example.test"}}`, Strict(), 200,
			[]string{`"emails":[{"value":"n@example.test"}]`}},
		{"a value added to", `{"op":"add","path":"emails[type eq \"work\"]","value":{"display":"A"}}`, Strict(), 200,
			[]string{`"display":"A"`, "Ann@example.test"}},
		{"no match, made", `{"op":"replace","path":"emails[type eq \"home\"].value","value":"h@example.test"}`, creates, 200,
			[]string{`{"type":"home","value":"h@example.test"}`}},
		{"removal without a match", `{"op":"remove","path":"emails[type eq \"home\"]"}`, Strict(), 200, []string{"Ann@example.test"}},
		{"brackets on a single value", `{"op":"remove","path":"title[value eq \"x\"]"}`, Strict(), 400, []string{"invalidPath"}},
		{"brackets that do not close", `{"op":"remove","path":"emails[type eq \"x\""}`, Strict(), 400, []string{"invalidPath"}},
		{"a date that is none", `{"op":"add","path":"` + CinodeSchema + `:EmploymentStartDate","value":"soon"}`,
			Dialect{Extensions: ExtensionsCinode}, 400, []string{"invalidValue"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask(t, newSim(tt.dialect), "PATCH", "/Users/1", patchOp(tt.op)).want(t, tt.name, tt.status, tt.parts...)
		})
	}
}
