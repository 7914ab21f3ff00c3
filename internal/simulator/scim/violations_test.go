package scimsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func rules(all []Violation) []ViolationCode {
	var out []ViolationCode
	for _, v := range all {
		out = append(out, v.Rule)
	}
	return out
}

func TestViolationsAreNoted(t *testing.T) {
	type step struct {
		method, path, body string
		edit               func(*http.Request)
	}
	one := func(method, path, body string) []step { return []step{{method, path, body, nil}} }
	removeOne, removeOther := `{"op":"remove","path":"members[value eq \"2\"]"}`, `{"op":"remove","path":"members[value eq \"1\"]"}`
	for _, tt := range []struct {
		name  string
		steps []step
		want  []ViolationCode
	}{
		{"the safe dialect", one("PATCH", "/Users/2",
			patchOp(`{"op":"replace","path":"active","value":false}`, `{"op":"replace","path":"name.givenName","value":"B"}`,
				`{"op":"remove","path":"title"}`)), nil},
		{"remove members without anything", one("PATCH", "/Groups/g1", patchOp(`{"op":"remove","path":"members"}`)),
			[]ViolationCode{RemovesEverybody}},
		{"remove members by list", one("PATCH", "/Groups/g1", patchOp(`{"op":"remove","path":"members","value":[{"value":"2"}]}`)),
			[]ViolationCode{RemovesByList}},
		{"one attribute twice", one("PATCH", "/Users/2",
			patchOp(`{"op":"replace","path":"title","value":"a"}`, `{"op":"replace","path":"title","value":"b"}`)),
			[]ViolationCode{RepeatsAttribute}},
		{"no path", one("PATCH", "/Users/2", patchOp(`{"op":"replace","value":{"active":false}}`)), []ViolationCode{NamesNoPath}},
		{"an op in Entra's spelling", one("PATCH", "/Users/2", patchOp(`{"op":"Replace","path":"title","value":"a"}`)),
			[]ViolationCode{SpellsOp}},
		{"a path in another case", one("PATCH", "/Users/2", patchOp(`{"op":"replace","path":"Title","value":"a"}`)), []ViolationCode{SpellsPath}},
		{"id", one("PATCH", "/Users/2", patchOp(`{"op":"replace","path":"id","value":"a"}`)), []ViolationCode{TouchesReadOnly}},
		{"groups without a path", one("PATCH", "/Users/2", patchOp(`{"op":"add","value":{"groups":[]}}`)),
			[]ViolationCode{NamesNoPath, TouchesReadOnly}},
		{"null", one("PATCH", "/Users/2", patchOp(`{"op":"replace","path":"title","value":null}`)), []ViolationCode{SendsNull}},
		{"a string for a boolean", one("PATCH", "/Users/2", patchOp(`{"op":"replace","path":"active","value":"False"}`)),
			[]ViolationCode{SpellsBoolean}},
		{"replace members", one("PATCH", "/Groups/g1", patchOp(`{"op":"replace","path":"members","value":[{"value":"1"}]}`)),
			[]ViolationCode{ReplacesMembers}},
		{"or in a removal", one("PATCH", "/Groups/g1", patchOp(`{"op":"remove","path":"members[value eq \"1\" or value eq \"2\"]"}`)),
			[]ViolationCode{OrInRemoval, NoCanary}},
		{"a single member", one("PATCH", "/Groups/g1", patchOp(`{"op":"add","path":"members","value":{"value":"3"}}`)),
			[]ViolationCode{SingleMember}},
		{"a large batch", one("PATCH", "/Groups/g1",
			patchOp(`{"op":"add","path":"members","value":[`+strings.Repeat(`{"value":"3"},`, 100)+`{"value":"3"}]}`)), []ViolationCode{LargeBatch}},
		{"two at once as the first removal", one("PATCH", "/Groups/g1", patchOp(removeOne, removeOther)), []ViolationCode{NoCanary}},
		{"a canary that nobody looked at",
			[]step{{"PATCH", "/Groups/g1", patchOp(removeOne), nil}, {"PATCH", "/Groups/g1", patchOp(removeOther), nil}},
			[]ViolationCode{NotReadBack}},
		{"a canary that was read back",
			[]step{{"PATCH", "/Groups/g1", patchOp(removeOne), nil}, {"GET", "/Groups/g1", "", nil},
				{"PATCH", "/Groups/g1", patchOp(removeOther), nil}}, nil},
		{"a canary that was refused", []step{{"PATCH", "/Groups/g1", patchOp(`{"op":"remove","path":"members[nobody eq \"2\"]"}`), nil},
			{"PATCH", "/Groups/g1", patchOp(removeOne), nil}}, nil},
		{"a PUT that drops", one("PUT", "/Users/2",
			user(`"userName":"bo@example.test","active":true,"name":{},"displayName":"x","emails":[]`)), []ViolationCode{DropsUnknown}},
		{"a PUT without active", one("PUT", "/Users/3", user(`"userName":"cy@example.test","name":{},"displayName":"x","emails":[]`)),
			[]ViolationCode{DropsUnknown}},
		{"a PUT of a group without members", one("PUT", "/Groups/g1", group(`"displayName":"Staff","externalId":"x"`)),
			[]ViolationCode{DropsUnknown}},
		{"past the end", one("GET", "/Users?startIndex=4&count=10", ""), []ViolationCode{ReadsPastEnd}},
		{"no count", one("GET", "/Users", ""), []ViolationCode{NoCount}},
		{"a plus for a space", one("GET", "/Users?count=1&filter=userName+eq+%22x%22", ""), []ViolationCode{PlusForSpace}},
		{"a body on DELETE", one("DELETE", "/Users/1", `{}`), []ViolationCode{BodyOnRead}},
		{"no User-Agent", []step{{"GET", "/Users/1", "", header("User-Agent", "")}}, []ViolationCode{MissingHeader}},
		{"an Idempotency-Key", []step{{"GET", "/Users/1", "", header("Idempotency-Key", "1")}}, []ViolationCode{IdempotencyHeader}},
		{"a POST that is refused for ever", slices.Repeat(one("POST", "/Users", user(`"userName":"ann@example.test"`)), 4),
			[]ViolationCode{RepeatsInVain}},
		{"a change that never sticks",
			slices.Repeat(one("PATCH", "/Users/1", patchOp(`{"op":"replace","path":"displayName","value":"Ann Berg"}`)), 4),
			[]ViolationCode{RepeatsInVain}},
		{"a change sent three times", slices.Repeat(one("PATCH", "/Users/1",
			patchOp(`{"op":"replace","path":"displayName","value":"Ann Berg"}`)), 3), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(Strict())
			for _, st := range tt.steps {
				if st.edit == nil {
					st.edit = func(*http.Request) {}
				}
				ask(t, s, st.method, st.path, st.body, st.edit)
			}
			if got := rules(s.Violations()); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := s.Violations(tt.want...); len(got) > 0 {
				t.Errorf("with these allowed: got %v, want none", got)
			}
			s.Forget()
			if got := s.Violations(); len(got) > 0 {
				t.Errorf("after Forget: got %v, want none", got)
			}
		})
	}
}

func TestACreationWithoutAnswerIsNotRepeatedBlindly(t *testing.T) {
	for _, look := range []bool{false, true} {
		s := newSim(Strict())
		s.Fail(Rule{Method: "POST", Times: 1, Fault: Fault{Kind: DroppedCommitted}})
		ask(t, s, "POST", "/Users", user(newUser))
		if look {
			ask(t, s, "GET", filterPath("/Users", `userName eq "dee@example.test"`), "")
		}
		ask(t, s, "POST", "/Users", user(newUser)).want(t, "again", 409)
		want := []ViolationCode{RepeatsCreation}
		if look {
			want = nil
		}
		if got := rules(s.Violations()); !slices.Equal(got, want) {
			t.Errorf("looked %v: got %q, want %q", look, got, want)
		}
	}
}

func TestWritesToOneGroupAtTheSameTimeAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(Strict())
		s.Fail(Rule{Fault: Fault{Delay: time.Second}})
		var wg sync.WaitGroup
		for i, path := range []string{"/Groups/g1", "/Groups/g1", "/Groups/g2"} {
			wg.Go(func() {
				ask(t, s, "PATCH", path, patchOp(fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":"%d"}]}`, i+1)))
			})
		}
		wg.Wait()
		if got := rules(s.Violations()); !slices.Equal(got, []ViolationCode{WritesTogether}) {
			t.Errorf("got %q, want one for g1", got)
		}
		ask(t, s, "PATCH", "/Groups/g1", patchOp(`{"op":"add","path":"members","value":[{"value":"3"}]}`))
		if got := len(s.Violations()); got != 1 {
			t.Errorf("one write later: got %d violations, want 1", got)
		}
	})
}

func TestThePromisedRateIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(seed(), Options{PerSecond: 5, Burst: 10})
		for range 10 {
			ask(t, s, "GET", "/Users/1", "")
		}
		for range 20 {
			time.Sleep(200 * time.Millisecond)
			ask(t, s, "GET", "/Users/1", "")
		}
		if got := s.Violations(); len(got) > 0 {
			t.Errorf("within the rate: got %v", got)
		}
		for range 2 {
			ask(t, s, "GET", "/Users/1", "")
		}
		if got := rules(s.Violations()); !slices.Contains(got, OverRate) {
			t.Errorf("over the rate: got %q", got)
		}
	})
}
