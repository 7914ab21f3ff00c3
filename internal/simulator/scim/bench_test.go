package scimsim

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkFirstSync creates 5,000 users, 500 groups with 50 members each and
// one with all, as a client would, and lists everything once.
func BenchmarkFirstSync(b *testing.B) {
	for b.Loop() {
		s := New(World{Accounts: []*Account{{ID: "acme", Token: "acme-token"}}}, Options{Dialect: Cinode()})
		var ids []string
		for i := range 5000 {
			body := user(fmt.Sprintf(`"userName":"u%d@example.test","externalId":"o%[1]d","name":{"givenName":"U","familyName":"%[1]d"}`, i))
			ask(b, s, "GET", filterPath("/Users", fmt.Sprintf(`externalId eq "o%d"`, i)), "").want(b, "look-up", 200)
			made := ask(b, s, "POST", "/Users", body)
			made.want(b, "user", 201)
			ids = append(ids, made.get("id").(string))
		}
		join := func(group string, ids []string) {
			for len(ids) > 0 {
				n := min(len(ids), 100)
				var values []string
				for _, id := range ids[:n] {
					values = append(values, `{"value":"`+id+`"}`)
				}
				ask(b, s, "PATCH", "/Groups/"+group, patchOp(`{"op":"add","path":"members","value":[`+strings.Join(values, ",")+`]}`)).want(b,
					"join", 204)
				ids = ids[n:]
			}
		}
		for i := range 500 {
			name := fmt.Sprintf("g%d", i)
			ask(b, s, "POST", "/Groups", group(`"displayName":"`+name+`","externalId":"`+name+`"`)).want(b, "group", 201)
			join(name, ids[i*9:i*9+50])
		}
		join("g0", ids[100:])
		for _, path := range []string{"/Users?count=1000", "/Users?startIndex=4001&count=1000", "/Groups?count=1000"} {
			ask(b, s, "GET", path, "").want(b, "list", 200)
		}
	}
}
