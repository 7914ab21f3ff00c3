package scim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"syncd/internal/plan"
	"syncd/internal/rest"
)

func TestAFilterIsOneExpressionWhateverIsInTheValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		text := filterEqual("userName", value)
		rest, ok := strings.CutPrefix(text, "userName eq ")
		var back string
		if !ok || json.Unmarshal([]byte(rest), &back) != nil || back != strings.ToValidUTF8(value, "\ufffd") {
			t.Fatalf("got %s of %q", text, value)
		}
	})
}

// TestOperationsLeadToWhatIsWanted applies what is sent to a model, and wants
// nothing left to send.
func TestOperationsLeadToWhatIsWanted(t *testing.T) {
	l, err := newLayout(profiles()["generic"],
		map[string]string{"title": "jobTitle", `addresses[type eq "work"].locality`: "city", `addresses[type eq "work"].country`: "country",
			"urn:example:ext:1.0:User:badge": "employeeId", `phoneNumbers[type eq "mobile"].value`: "mobile"})
	if err != nil {
		t.Fatal(err)
	}
	text := rapid.SampledFrom([]string{"", "a", "b", `q"uote\`, "åäö <&>"})
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) plan.Fields {
			var f plan.Fields
			for i := range l.fields {
				v := plan.Value{text.Draw(t, label+l.fields[i].name)}
				if l.fields[i].name == pathActive {
					v = plan.Value{rapid.SampledFrom([]string{"true", "false"}).Draw(t, label)}
				}
				f = append(f, plan.Field{Name: l.fields[i].name, Value: v})
			}
			return f
		}
		d := roundTrip(l.body(draw("before")))
		d["id"] = "7"
		wanted := draw("after")
		put := roundTrip(d)
		ops := l.operations(differing(l, wanted, l.readUser(d)), l.readUser(d))
		paths := map[string]bool{}
		for _, op := range ops {
			if paths[op.Path] || op.Path == "" || strings.HasPrefix(op.Path, "members") {
				t.Fatalf("got %v, want one operation a path", ops)
			}
			paths[op.Path] = true
		}
		body, _ := json.Marshal(patchBody(ops, false))
		model := &provider{}
		if status, why := model.patch(d, body); status != 0 {
			t.Fatalf("%d %s: %s", status, why, body)
		}
		if left := differing(l, wanted, l.readUser(roundTrip(d))); len(left) > 0 {
			t.Fatalf("after %s there is left %v in %v", body, left, d)
		}
		l.overlay(put, wanted)
		if left := differing(l, wanted, l.readUser(roundTrip(put))); len(left) > 0 {
			t.Fatalf("after a PUT there is left %v in %v", left, put)
		}
	})
}

func roundTrip(d document) document {
	b, _ := json.Marshal(d)
	var out map[string]any
	if json.Unmarshal(b, &out) != nil {
		return nil
	}
	return out
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{``, `{}`, `[]`, `null`, `{"id":7,"active":"False","emails":[{"value":"x"},"y",null]}`,
		`{"Members":[{"Value":"1"},{"value":"1"},3]}`, `{"name":[1]}`, "\xef\xbb\xbf{}", `<html>`, `{"meta":"x","members":{"value":1}}`} {
		f.Add([]byte(seed))
	}
	l, err := newLayout(profiles()["cinode"], nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := &rest.Response{Status: 200, Body: body}
		if v, err := decode(r); err == nil {
			d := asDocument(v)
			u, g := l.readUser(d), readGroup(d)
			if len(u.values) != len(l.fields) || !slices.IsSorted(g.members) {
				t.Errorf("got %+v and %+v", u, g)
			}
			for _, m := range members(d) {
				l.readUser(asDocument(m))
			}
			if d != nil {
				setPath(roundTrip(d), mustPath(`emails[type eq "work"].value`), "x")
			}
		}
		_ = readRefusal(400, body).Error()
		TokenExpiry(string(body))
	})
}
