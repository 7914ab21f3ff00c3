package schedule

import (
	"strings"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("zone %s: %v", name, err)
	}
	return loc
}

func must(t testing.TB, expr string, loc *time.Location) Schedule {
	t.Helper()
	s, err := Parse(expr, loc)
	if err != nil {
		t.Fatalf("Parse(%q): %v", expr, err)
	}
	return s
}

func TestParseReadsWhatCronReads(t *testing.T) {
	from := time.Date(2026, 5, 1, 0, 10, 0, 0, time.UTC) // a Friday
	for expr, want := range map[string]string{
		"0 6 * * *":         "2026-05-01 06:00:00",
		" 0  6 * * *\t":     "2026-05-01 06:00:00",
		"0 */4 * * *":       "2026-05-01 04:00:00",
		"*/30 * * * *":      "2026-05-01 00:30:00",
		"5/20 * * * *":      "2026-05-01 00:25:00",
		"0 22-23,0-2 * * *": "2026-05-01 01:00:00",
		"0 6 * * mon-FRI":   "2026-05-01 06:00:00",
		"0 6 * * 0":         "2026-05-03 06:00:00",
		"0 6 1 jun ?":       "2026-06-01 06:00:00",
		"0 6 29 2 *":        "2028-02-29 06:00:00",
		"@hourly":           "2026-05-01 01:00:00",
		"@daily":            "2026-05-02 00:00:00",
		"@midnight":         "2026-05-02 00:00:00",
		"@weekly":           "2026-05-03 00:00:00",
		"@monthly":          "2026-06-01 00:00:00",
		"@yearly":           "2027-01-01 00:00:00",
		"@annually":         "2027-01-01 00:00:00",
		"@every 15m":        "2026-05-01 00:15:00",
		"@every 30s":        "2026-05-01 00:10:30",
		"@every  1h30m":     "2026-05-01 01:30:00",
		"@every 168h":       "2026-05-04 00:00:00",
	} {
		s := must(t, expr, nil)
		if got := s.Next(from).Format(time.DateTime); got != want {
			t.Errorf("Parse(%q).Next(%v): got %s, want %s", expr, from, got, want)
		}
		if want := strings.Join(strings.Fields(expr), " "); s.String() != want {
			t.Errorf("Parse(%q).String(): got %q, want %q", expr, s, want)
		}
	}
}

func TestParseSaysWhatToWriteInstead(t *testing.T) {
	for expr, want := range map[string]string{
		"":                                `write five fields`,
		" \t ":                            `write five fields`,
		"TZ=":                             `TZ= does not belong here; write "0 6 * * *" and set timezone: Europe/London`,
		"TZ=Europe/Rome":                  `write "0 6 * * *" and set timezone: Europe/Rome`,
		"  CRON_TZ=Asia/Tokyo 30 5 * * *": `CRON_TZ= does not belong here; write "30 5 * * *" and set timezone: Asia/Tokyo`,
		"CRON_TZ=Europe/Rome @daily":      `write "@daily" and set timezone: Europe/Rome`,
		"0 0 6 * * *":                     `no seconds here, write "0 6 * * *"`,
		"0 6 * *":                         `has 4 words where five are due`,
		"0 0 6 * * * 2026":                `has 7 words`,
		"@every 0s":                       `0s is too often; write "@every 30s" or more`,
		"@every -5m":                      `too often; write "@every 30s"`,
		"@every 1ms":                      `too often; write "@every 30s"`,
		"@every 29.999s":                  `too often; write "@every 30s"`,
		"@every 90.5s":                    `whole seconds; write "@every 1m30s"`,
		"@every 1d":                       `1d is not a duration; write hours`,
		"@every 15":                       `15 is not a duration`,
		"@every 15 m":                     `write "@every 15m"`,
		"@every":                          `write "@every 15m"`,
		"@every15m":                       `cannot be read`,
		"@reboot":                         `cannot be read`,
		"@":                               `cannot be read`,
		"0 0 30 2 *":                      `never comes`,
		"0 0 31 4,6,9,11 *":               `never comes`,
		"60 * * * *":                      `minute: 60 is out of range; write 0 to 59`,
		"0 24 * * *":                      `hour: 24 is out of range; write 0 to 23`,
		"0 0 0 * *":                       `day-of-month: 0 is out of range; write 1 to 31`,
		"0 0 * 13 *":                      `month: 13 is out of range`,
		"0 0 * june *":                    `month: "june" is no value; write 1 to 12 or jan to dec`,
		"0 0 * * 7":                       `day-of-week: 7 is above 6; write 0 for Sunday`,
		"0 0 * * fri-mon":                 `runs backwards; write "5-6,0-1"`,
		"0 22-2 * * *":                    `22-2 runs backwards; write "22-23,0-2"`,
		"0 6,,8 * * *":                    `hour: a value is missing`,
		", * * * *":                       `minute: a value is missing`,
		"*/0 * * * *":                     `minute: "*/0" has no step`,
		"*/ * * * *":                      `minute: "*/" has no step`,
		"*/-5 * * * *":                    `has no step`,
		"*/5/5 * * * *":                   `has no step`,
		"*/90 * * * *":                    `a step of 90 is no less than the whole field`,
		"*-5 * * * *":                     `"*" is no value`,
		"+5 * * * *":                      `"+5" is no value`,
		"-5 * * * *":                      `"" is no value`,
		"1-2-3 * * * *":                   `"2-3" is no value`,
		"0 0 L * *":                       `"L" is no value`,
		"99999999999999999999 0 * * *":    `is no value`,
	} {
		s, err := Parse(expr, nil)
		if err == nil {
			t.Errorf("Parse(%q): got no error (next %v), want one with %q", expr, s.Next(time.Now()), want)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "write") {
			t.Errorf("Parse(%q): got %q, want it to say %q and what to write", expr, err, want)
		}
		if !s.IsZero() {
			t.Errorf("Parse(%q): got a schedule beside the error", expr)
		}
	}
}

func TestPanicOfTheLibraryIsAnError(t *testing.T) {
	// Parse never lets this text through to the library.
	if _, err := parseCron("TZ=Europe/Rome"); err == nil || !strings.Contains(err.Error(), "write five fields") {
		t.Errorf("got %v, want an error that says what to write", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"0 6 * * *", "*/30 * * * *", "59 23 28-31 2 0", "0 0 29 2 *", "@every 30s", "@every 7h", "@hourly",
		"TZ=", "CRON_TZ=UTC", "0 0 30 2 *", "@every -1h", "1,2-9/3 ? * jan-mar sun", "*/7 1-3 * * *", "@every 2562047h",
	} {
		f.Add(s, int64(1_774_746_000))
	}
	var zones []*time.Location
	for _, name := range []string{"UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Antarctica/Troll", "Pacific/Apia"} {
		zones = append(zones, zone(f, name))
	}
	f.Fuzz(func(t *testing.T, expr string, seconds int64) {
		const century = 3_155_760_000
		from := time.Unix(946_684_800+(seconds%century+century)%century, 1) // 2000 to 2100
		for _, loc := range zones {
			s, err := Parse(expr, loc)
			if err != nil {
				return
			}
			if again, err := Parse(s.String(), loc); err != nil || again.String() != s.String() {
				t.Fatalf("Parse(%q): got %q, %v when parsed again", expr, again, err)
			}
			slot := s.Next(from)
			if !slot.After(from) {
				t.Fatalf("%q in %s: Next(%v): got %v", expr, loc, from, slot)
			}
			for range 60 {
				next := s.Next(slot)
				if step := next.Sub(slot); step < MinInterval {
					t.Fatalf("%q in %s: got a step of %s from %v to %v", expr, loc, step, slot, next)
				}
				middle := slot.Add(next.Sub(slot) / 2)
				for _, at := range []time.Time{slot, middle, next.Add(-1)} {
					// Beyond forty years Prev does not look.
					if got := s.Prev(at); !got.Equal(slot) && at.Sub(slot) < 350_000*time.Hour {
						t.Fatalf("%q in %s: Prev(%v): got %v, want %v", expr, loc, at, got, slot)
					}
				}
				slot = next
			}
		}
	})
}
