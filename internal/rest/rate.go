package rest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// A Rate is how fast a system may be asked. PerSecond and PerMinute are two
// ways to say one thing; exactly one of them is set.
//
// In any window of length t at most Burst + rate·t requests leave. A vendor
// that counts 300 in a minute and means it wants per_minute: 280, burst: 20.
type Rate struct {
	PerSecond float64 `yaml:"per_second" env:"PER_SECOND" jsonschema:"minimum=0"`
	PerMinute float64 `yaml:"per_minute" env:"PER_MINUTE" jsonschema:"minimum=0"`
	// Burst is how many may leave at once after a rest; below 1 means 1.
	Burst int `yaml:"burst" env:"BURST" jsonschema:"minimum=0"`
	// Concurrency is how many may be under way at once; 0 sets no limit.
	Concurrency int `yaml:"concurrency" env:"CONCURRENCY" jsonschema:"minimum=0"`
}

// Validate returns everything that is wrong.
func (r Rate) Validate() []error {
	var errs []error
	for _, v := range []struct {
		name  string
		value float64
	}{{"per_second", r.PerSecond}, {"per_minute", r.PerMinute}} {
		if v.value < 0 || math.IsNaN(v.value) || math.IsInf(v.value, 0) {
			errs = append(errs, fmt.Errorf("%s: %v is not a number of requests", v.name, v.value))
		}
	}
	switch {
	case r.PerSecond != 0 && r.PerMinute != 0:
		errs = append(errs, fmt.Errorf("has both per_second: %v and per_minute: %v; keep one", r.PerSecond, r.PerMinute))
	case r.PerSecond == 0 && r.PerMinute == 0:
		errs = append(errs, errors.New("says no speed: write per_second or per_minute"))
	case len(errs) == 0 && r.interval() > time.Hour:
		errs = append(errs, errors.New("is slower than one request an hour: write per_second or per_minute"))
	case len(errs) == 0 && r.interval() <= time.Microsecond:
		errs = append(errs, errors.New("is faster than a million requests a second, which is no limit"))
	}
	if r.Burst < 0 {
		errs = append(errs, fmt.Errorf("burst: %d: write how many requests may leave at once, at least 1", r.Burst))
	}
	if r.Concurrency < 0 {
		errs = append(errs, fmt.Errorf("concurrency: %d: write how many requests may be under way at once, at least 1", r.Concurrency))
	}
	return errs
}

// String gives the rate as an operator would say it.
func (r Rate) String() string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	s := "no limit"
	if r.PerSecond > 0 {
		s = number(r.PerSecond) + " a second"
	} else if r.PerMinute > 0 {
		s = number(r.PerMinute) + " a minute"
	}
	s += fmt.Sprintf(", burst %d", max(r.Burst, 1))
	if r.Concurrency > 0 {
		s += fmt.Sprintf(", %d at a time", r.Concurrency)
	}
	return s
}

// interval is the time between two requests, rounded up so that rounding never
// makes us faster; 0 where no speed is set.
func (r Rate) interval() time.Duration {
	perSecond := r.PerSecond + r.PerMinute/60
	if !(perSecond > 0) {
		return 0
	}
	// A number too large for a Duration would wrap round to a negative one.
	return time.Duration(min(math.Ceil(float64(time.Second)/perSecond), float64(math.MaxInt64/1024)))
}
