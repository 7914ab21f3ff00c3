package main

import (
	"strings"
	"testing"
	"time"
)

func TestTheBucketAloneDictatesTheTimeOfWhatExceedsItsBurst(t *testing.T) {
	for _, c := range []struct {
		rate  rate
		calls int
		want  time.Duration
	}{
		{rate{50, 10}, 1001, 19820 * time.Millisecond},
		{rate{5, 20}, 61, 8200 * time.Millisecond},
		{rate{5, 20}, 20, 0},
		{rate{5, 20}, 3, 0},
	} {
		if got := c.rate.ideal(c.calls); got != c.want {
			t.Errorf("%d calls at %s: got %s, want %s", c.calls, c.rate, got, c.want)
		}
	}
}

func TestMemoryIsReadFromTheStatusOfAProcess(t *testing.T) {
	const status = "Name:\tsyncd\nVmHWM:\t   60416 kB\nVmRSS:\t   31232 kB\nRssAnon:\t   28364 kB\n"
	for name, want := range map[string]int{"RssAnon:": 28364, "VmHWM:": 60416, "RssShmem:": 0} {
		if got := kib([]byte(status), name); got != want {
			t.Errorf("%s got %d, want %d", name, got, want)
		}
	}
}

func TestOnlyALimitCanBeMissed(t *testing.T) {
	var r results
	r.tell("for people to know", "%d", 7)
	r.gate(true, "kept", "≤ 3", "%d", 2)
	if r.missed() {
		t.Error("got missed, want all limits kept")
	}
	r.gate(false, "broken", "≤ 3", "%d", 4)
	if !r.missed() {
		t.Error("got all limits kept, want one missed")
	}
	var out strings.Builder
	if err := r.write(&out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "MISSED"); got != 1 {
		t.Errorf("got %d lines marked as missed, want 1:\n%s", got, out.String())
	}
}

func TestABareDecodeRefusesWhatIsNoJSON(t *testing.T) {
	if _, err := decodeAll([]recording{{Path: "/api/ListTenants", Body: []byte("<html>")}}); err == nil || !strings.Contains(err.Error(), "ListTenants") {
		t.Errorf("got %v, want an error that names the answer", err)
	}
}
