package sync

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestEachCollectionHasItsOwnAge(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg)
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	is := func(what, want string) {
		t.Helper()
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "syncd_source_age_seconds"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	const head = "# HELP syncd_source_age_seconds How long ago the source read the oldest proven answer of a collection that the last run over all customers used.\n# TYPE syncd_source_age_seconds gauge\n"
	m.Expect([]string{"licences", "users"})
	is("nothing was read", head+`syncd_source_age_seconds{collection="licences"} 0
syncd_source_age_seconds{collection="users"} 0
`)
	m.age.update(map[string]time.Time{"licences": now.Add(-time.Minute), "mailboxes": now.Add(-20 * time.Hour)}, true, clock)
	is("after a run", head+`syncd_source_age_seconds{collection="licences"} 60
syncd_source_age_seconds{collection="mailboxes"} 72000
syncd_source_age_seconds{collection="users"} 0
`)
	now = now.Add(time.Hour)
	is("an hour later", head+`syncd_source_age_seconds{collection="licences"} 3660
syncd_source_age_seconds{collection="mailboxes"} 75600
syncd_source_age_seconds{collection="users"} 0
`)
	m.age.update(map[string]time.Time{"licences": now, "users": now.Add(-time.Second)}, false, clock)
	is("after a run of one customer", head+`syncd_source_age_seconds{collection="licences"} 3660
syncd_source_age_seconds{collection="mailboxes"} 75600
syncd_source_age_seconds{collection="users"} 1
`)
}
