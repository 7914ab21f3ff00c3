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
		s := newStage(t, withGroups, func(c *Config) { c.Rate = Defaults().Rate })
		const people, teams = 500, 50
		for n := range people {
			s.users = append(s.users, someone(n+1, fmt.Sprintf("P%d", n+1)))
		}
		for n := range teams {
			s.groups = append(s.groups, teamOf(n+1, fmt.Sprintf("G%d", n+1), n*10+1, n*10+2, n*10+3))
		}
		slow := &slowly{s.provider}
		c, err := New(s.client.config, Options{Transport: slow})
		if err != nil {
			t.Fatal(err)
		}
		s.client = c
		began := time.Now()
		s.run()
		took := time.Since(began)
		n := len(s.provider.asked)
		if most := people + 3*teams + 10; n > most {
			t.Errorf("got %d requests, want at most %d", n, most)
		}
		least := time.Duration(float64(n-10) / 5 * float64(time.Second))
		if took > least+least/20 {
			t.Errorf("took %s for %d requests, want at most 5 %% more than %s", took, n, least)
		}
		s.still() // which finds out, once, that the list of groups can be trusted
		s.still()
		if n := len(s.provider.asked); n != 6 {
			t.Errorf("got %v, want lists only", s.provider.asked)
		}
	})
}

// slowly is a provider that thinks for a tenth of a second.
type slowly struct{ next http.RoundTripper }

func (s slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(100 * time.Millisecond)
	return s.next.RoundTrip(r)
}
