package rest

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"
	"go.yaml.in/yaml/v4"
)

func TestRateReportsEverythingThatIsWrong(t *testing.T) {
	for _, test := range []struct {
		rate Rate
		want []string
	}{
		{Rate{PerSecond: 5, Burst: 10, Concurrency: 5}, nil},
		{Rate{PerMinute: 300}, nil},
		{Rate{PerSecond: 0.01}, nil},
		{Rate{}, []string{"says no speed"}},
		{Rate{PerSecond: 5, PerMinute: 300}, []string{"keep one"}},
		{Rate{PerSecond: -1}, []string{"per_second: -1"}},
		{Rate{PerMinute: math.NaN()}, []string{"per_minute: NaN"}},
		{Rate{PerSecond: math.Inf(1)}, []string{"per_second: +Inf"}},
		{Rate{PerMinute: 0.001}, []string{"slower than one request an hour"}},
		{Rate{PerSecond: 1e12}, []string{"faster than a million"}},
		{Rate{PerSecond: 5, PerMinute: 5, Burst: -1, Concurrency: -2}, []string{"keep one", "burst: -1", "concurrency: -2"}},
	} {
		errs := test.rate.Validate()
		ok := len(errs) == len(test.want)
		for i := range min(len(errs), len(test.want)) {
			ok = ok && strings.Contains(errs[i].Error(), test.want[i])
		}
		if !ok {
			t.Errorf("%+v: got %q, want %q", test.rate, errs, test.want)
		}
	}
}

func TestRateIsReadFromFileAndEnvironment(t *testing.T) {
	var c struct {
		Rate Rate `yaml:"rate" env:", prefix=RATE_"`
	}
	if err := yaml.Load([]byte("rate: {per_minute: 300, burst: 20, concurrency: 4}"), &c, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	if want := (Rate{PerMinute: 300, Burst: 20, Concurrency: 4}); c.Rate != want {
		t.Errorf("file: got %+v, want %+v", c.Rate, want)
	}
	err := envconfig.ProcessWith(context.Background(), &envconfig.Config{Target: &c, DefaultOverwrite: true,
		Lookuper: envconfig.MapLookuper(map[string]string{"RATE_PER_MINUTE": "12.5", "RATE_BURST": "1"})})
	if want := (Rate{PerMinute: 12.5, Burst: 1, Concurrency: 4}); err != nil || c.Rate != want {
		t.Errorf("environment: got %+v, %v, want %+v", c.Rate, err, want)
	}
}

func TestRateSaysItselfAndRoundsToTheSlowSide(t *testing.T) {
	for rate, want := range map[Rate]string{
		{PerSecond: 5, Burst: 10, Concurrency: 5}: "5 a second, burst 10, 5 at a time",
		{PerMinute: 300}: "300 a minute, burst 1",
		{}:               "no limit, burst 1",
	} {
		if got := rate.String(); got != want {
			t.Errorf("%+v: got %q, want %q", rate, got, want)
		}
	}
	if got, want := (Rate{PerSecond: 3}).interval(), 333333334*time.Nanosecond; got != want {
		t.Errorf("3 a second: got an interval of %d, want %d ns", got, want)
	}
	if got := (Rate{PerMinute: 1e-300}).interval(); got <= 0 {
		t.Errorf("hardly ever: got an interval of %s", got)
	}
}
