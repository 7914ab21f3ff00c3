package scim

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestAFirstSyncTakesAsLongAsItsRequestsAndAnUnchangedOneOnlyLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, withGroups, func(c *Config) { c.Rate = Defaults().Rate })
		const people, teams = 500, 50
		for n := range people {
			f.users = append(f.users, userNamed(n+1, fmt.Sprintf("P%d", n+1)))
		}
		for n := range teams {
			f.groups = append(f.groups, groupOf(n+1, fmt.Sprintf("G%d", n+1), n*10+1, n*10+2, n*10+3))
		}
		slow := &slowTransport{f.provider}
		c, err := New(f.client.config, Options{Transport: slow})
		if err != nil {
			t.Fatal(err)
		}
		f.client = c
		began := time.Now()
		f.run()
		took := time.Since(began)
		n := len(f.provider.requestLines)
		if most := people + 3*teams + 10; n > most {
			t.Errorf("got %d requests, want at most %d", n, most)
		}
		least := time.Duration(float64(n-10) / 5 * float64(time.Second))
		if took > least+least/20 {
			t.Errorf("took %s for %d requests, want at most 5 %% more than %s", took, n, least)
		}
		f.wantNoChanges() // which finds out, once, that the list of groups can be trusted
		f.wantNoChanges()
		if n := len(f.provider.requestLines); n != 6 {
			t.Errorf("got %v, want lists only", f.provider.requestLines)
		}
	})
}

// slowTransport is a provider that thinks for a tenth of a second.
type slowTransport struct{ next http.RoundTripper }

func (s slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(100 * time.Millisecond)
	return s.next.RoundTrip(r)
}
