package schedule

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// MinInterval is the shortest time between two slots of a schedule. A shorter one
// is a typing error that would use up a vendor's rate limit.
const MinInterval = 30 * time.Second

const example = `five fields (minute hour day-of-month month day-of-week) as in "0 6 * * *", or "@daily", or "@every 15m"`

// A field is one of the five, with what may stand in it.
type field struct {
	name     string
	min, max int
	words    []string // names of the values, from min on
}

var fields = [...]field{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day-of-month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, words: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "day-of-week", max: 6, words: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// parser is never changed after it is made and may be shared.
var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Parse reads five fields of standard cron, a descriptor such as @daily, or
// "@every" with a duration in whole seconds. Times are those of clocks in
// loc; nil is UTC. The answer does not depend on when it is asked.
//
// An error quotes expr and ends with what to write instead; the caller adds
// where in the configuration it stands.
func Parse(expr string, loc *time.Location) (Schedule, error) {
	s, err := parse(expr, loc)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w", expr, err)
	}
	return s, nil
}

func parse(expr string, loc *time.Location) (Schedule, error) {
	if loc == nil {
		loc = time.UTC
	}
	words := strings.Fields(expr)
	if len(words) == 0 {
		return Schedule{}, errors.New("is empty; write " + example)
	}
	// The library takes a zone here, and panics if no field follows it. With one
	// zone for all jobs the status page shows all times alike.
	if name, zone, _ := strings.Cut(words[0], "="); strings.EqualFold(name, "TZ") || strings.EqualFold(name, "CRON_TZ") {
		rest := strings.Join(words[1:], " ")
		return Schedule{}, fmt.Errorf("%s= does not belong here; write %q and set timezone: %s",
			name, cmp.Or(rest, "0 6 * * *"), cmp.Or(zone, "Europe/London"))
	}

	s := Schedule{expr: strings.Join(words, " "), loc: loc}
	switch {
	case words[0] == "@every":
		d, err := parseEvery(words[1:])
		if err != nil {
			return Schedule{}, err
		}
		s.every = d
		return s, nil
	case !strings.HasPrefix(words[0], "@"):
		if err := checkFields(words); err != nil {
			return Schedule{}, err
		}
	}

	parsed, err := parseCron(s.expr)
	if err != nil {
		return Schedule{}, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Schedule{}, errors.New("cannot be read; write " + example)
	}
	// In UTC the library only counts on a clock face. What a zone makes of
	// that is ours: the library skips a slot that falls into the hour lost in
	// spring, and runs one twice in autumn.
	spec.Location = time.UTC
	s.spec = spec
	if spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)).IsZero() {
		return Schedule{}, errors.New(`never comes: none of its months has such a day; write a day that exists, as in "0 6 28 * *"`)
	}
	return s, nil
}

// parseCron turns a panic of the library into an error: a line of the
// configuration must not end the daemon.
func parseCron(expr string) (_ cron.Schedule, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be read (%v); write %s", p, example)
		}
	}()
	s, err := parser.Parse(expr)
	if err != nil {
		return nil, fmt.Errorf("cannot be read (%w); write %s", err, example)
	}
	return s, nil
}

// parseEvery reads what follows @every. The library would make a one-second loop
// of zero, of a negative duration and of a millisecond.
func parseEvery(words []string) (time.Duration, error) {
	if len(words) != 1 {
		return 0, errors.New(`@every takes one duration; write "@every 15m"`)
	}
	d, err := time.ParseDuration(words[0])
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%s is not a duration; write hours, minutes and seconds, as in "@every 1h30m"`, words[0])
	case d < MinInterval:
		return 0, fmt.Errorf(`%s is too often; write "@every %s" or more`, words[0], MinInterval)
	case d%time.Second != 0:
		return 0, fmt.Errorf(`%s is not in whole seconds; write "@every %s"`, words[0], d.Truncate(time.Second))
	}
	return d, nil
}

// checkFields says about five fields what the library says poorly ("failed to parse
// int from …") or not at all: it takes "*-5" for "*", "," for a field that
// never matches, and "*/90" for the full hour.
func checkFields(words []string) error {
	switch n := len(words); {
	case n == 6:
		return fmt.Errorf("has six fields; there are no seconds here, write %q", strings.Join(words[1:], " "))
	case n != len(fields):
		return fmt.Errorf("has %d words where five are due; write %s", n, example)
	}
	for i, f := range fields {
		for item := range strings.SplitSeq(words[i], ",") {
			if err := f.check(item); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	return nil
}

func (f field) check(item string) error {
	if item == "" {
		return fmt.Errorf(`a value is missing; write values with one comma between them, as in "%d,%d"`, f.min, f.min+1)
	}
	span, step, stepped := strings.Cut(item, "/")
	if stepped {
		n, ok := parseDigits(step)
		switch size := f.max - f.min + 1; {
		case !ok || n == 0:
			return fmt.Errorf(`%q has no step; write a number after the slash, as in "*/2"`, item)
		case n >= size:
			return fmt.Errorf(`a step of %d is no less than the whole field, which has %d values; write one value, or "@every" with a duration`, n, size)
		}
	}
	if span == "*" || span == "?" {
		return nil
	}
	from, to, ranged := strings.Cut(span, "-")
	low, err := f.value(from)
	if err != nil || !ranged {
		return err
	}
	high, err := f.value(to)
	if err != nil {
		return err
	}
	if low > high {
		return fmt.Errorf(`%s runs backwards; write "%d-%d,%d-%d"`, span, low, f.max, f.min, high)
	}
	return nil
}

func (f field) value(s string) (int, error) {
	for i, w := range f.words {
		if strings.EqualFold(s, w) {
			return f.min + i, nil
		}
	}
	n, ok := parseDigits(s)
	switch {
	case !ok && f.words != nil:
		return 0, fmt.Errorf("%q is no value; write %d to %d or %s to %s", s, f.min, f.max, f.words[0], f.words[len(f.words)-1])
	case !ok:
		return 0, fmt.Errorf("%q is no value; write %d to %d", s, f.min, f.max)
	case n == 7 && f.name == "day-of-week":
		return 0, errors.New("7 is above 6; write 0 for Sunday")
	case n < f.min || n > f.max:
		return 0, fmt.Errorf("%d is out of range; write %d to %d", n, f.min, f.max)
	}
	return n, nil
}

// parseDigits reads digits alone; strconv.Atoi also takes signs.
func parseDigits(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}
