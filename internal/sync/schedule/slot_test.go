package schedule

import (
	"slices"
	"testing"
	"time"
)

// slotsOn lists the slots of a day, as clock and offset.
func slotsOn(s Schedule, year int, month time.Month, day int) []string {
	const layout = "15:04 -0700"
	var list []string
	from := time.Date(year, month, day, 0, 0, 0, 0, s.loc)
	for t := s.Next(from.Add(-time.Nanosecond)); t.Day() == day && t.Sub(from) < 26*time.Hour; t = s.Next(t) {
		list = append(list, t.Format(layout))
	}
	return list
}

func TestClockChanges(t *testing.T) {
	for _, c := range []struct {
		name  string
		zone  string
		expr  string
		year  int
		month time.Month
		day   int
		want  []string
	}{
		{"a time that spring skips comes right after the gap", "America/New_York", "30 2 * * *", 2026, 3, 8,
			[]string{"03:00 -0400"}},
		{"the first minute that spring skips comes right after the gap", "America/New_York", "0 2 * * *", 2026, 3, 8,
			[]string{"03:00 -0400"}},
		{"the first minute after the gap comes once", "America/New_York", "0 3 * * *", 2026, 3, 8,
			[]string{"03:00 -0400"}},
		{"the same in London", "Europe/London", "30 1 * * *", 2026, 3, 29,
			[]string{"02:00 +0100"}},
		{"several skipped times come as one", "Europe/London", "*/15 1 * * *", 2026, 3, 29,
			[]string{"02:00 +0100"}},
		{"skipped times and the one after the gap come as one", "America/New_York", "0,30 2-3 * * *", 2026, 3, 8,
			[]string{"03:00 -0400", "03:30 -0400"}},
		{"a repeated time comes the first time only", "America/New_York", "30 1 * * *", 2026, 11, 1,
			[]string{"01:30 -0400"}},
		{"the same in London in autumn", "Europe/London", "30 1 * * *", 2026, 10, 25,
			[]string{"01:30 +0100"}},
		{"the first repeated minute comes once", "Europe/London", "0 1 * * *", 2026, 10, 25,
			[]string{"01:00 +0100"}},
		{"the minute after the repeated hour comes once", "Europe/London", "0 2 * * *", 2026, 10, 25,
			[]string{"02:00 +0000"}},
		{"every fourth hour keeps to the clock in spring", "America/New_York", "0 */4 * * *", 2026, 3, 8,
			[]string{"00:00 -0500", "04:00 -0400", "08:00 -0400", "12:00 -0400", "16:00 -0400", "20:00 -0400"}},
		{"every second hour keeps to the clock in spring", "America/New_York", "0 0-6/2 * * *", 2026, 3, 8,
			[]string{"00:00 -0500", "03:00 -0400", "04:00 -0400", "06:00 -0400"}},
		{"a midnight that does not exist comes at one", "Africa/Cairo", "@daily", 2026, 4, 24,
			[]string{"01:00 +0300"}},
		{"a job of one weekday keeps its day though its time is skipped", "America/New_York", "30 2 * * sun", 2026, 3, 8,
			[]string{"03:00 -0400"}},
		{"two hours skipped", "Antarctica/Troll", "30 2 * * *", 2026, 3, 29,
			[]string{"03:00 +0200"}},
		{"half an hour skipped", "Australia/Lord_Howe", "15 2 * * *", 2026, 10, 4,
			[]string{"02:30 +1100"}},
		{"half an hour repeated", "Australia/Lord_Howe", "45 1 * * *", 2026, 4, 5,
			[]string{"01:45 +1100"}},
		{"a job of the day that was skipped as a whole comes when it is over", "Pacific/Apia", "30 2 * * *", 2011, 12, 31,
			[]string{"00:00 +1400", "02:30 +1400"}},
	} {
		s := must(t, c.expr, zone(t, c.zone))
		if got := slotsOn(s, c.year, c.month, c.day); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q in %s:\ngot  %v\nwant %v", c.name, c.expr, c.zone, got, c.want)
		}
	}
}

func TestEveryRealHourThroughClockChanges(t *testing.T) {
	for _, name := range []string{"Europe/London", "America/New_York", "Africa/Cairo", "Africa/Casablanca", "Antarctica/Troll"} {
		for expr, step := range map[string]time.Duration{
			"@hourly": time.Hour, "30 * * * *": time.Hour, "59 0-23 * * *": time.Hour,
			"*/30 */1 * * *": 30 * time.Minute, "@every 1h": time.Hour, "@every 45m": 45 * time.Minute,
		} {
			s := must(t, expr, zone(t, name))
			slot := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			for slot.Year() == 2026 {
				next := s.Next(slot)
				if got := next.Sub(slot); got != step {
					t.Errorf("%q in %s: got %s from %v to %v, want %s", expr, name, got, slot, next, step)
				}
				slot = next
			}
		}
	}
}

func TestHalfHourChangeKeepsFullHourOnTheClock(t *testing.T) {
	s := must(t, "@hourly", zone(t, "Australia/Lord_Howe"))
	for slot := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); slot.Year() == 2026; {
		next := s.Next(slot)
		if step := next.Sub(slot); next.Minute() != 0 || step > 90*time.Minute {
			t.Errorf("got %s to %v, want the full hour within 90 minutes", step, next)
		}
		slot = next
	}
}

func TestEveryDayHasEachOfItsTimesOnce(t *testing.T) {
	for _, name := range []string{"Europe/London", "America/New_York", "Africa/Cairo", "Antarctica/Troll", "Australia/Lord_Howe"} {
		loc := zone(t, name)
		for _, expr := range []string{"0 0 * * *", "59 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "0 3 * * *", "59 23 * * *"} {
			s := must(t, expr, loc)
			for day := time.Date(2026, 1, 1, 12, 0, 0, 0, loc); day.Year() == 2026; day = day.AddDate(0, 0, 1) {
				if got := slotsOn(s, 2026, day.Month(), day.Day()); len(got) != 1 {
					t.Errorf("%q in %s on %s: got %v, want one slot", expr, name, day.Format(time.DateOnly), got)
				}
			}
		}
	}
}

func TestLeapDayStaysAwayForEightYears(t *testing.T) {
	s := must(t, "0 6 29 2 *", nil)
	last, next := time.Date(2096, 2, 29, 6, 0, 0, 0, time.UTC), time.Date(2104, 2, 29, 6, 0, 0, 0, time.UTC)
	if got := s.Next(last); !got.Equal(next) {
		t.Errorf("next: got %v, want %v", got, next)
	}
	if got := s.Prev(next.Add(-time.Minute)); !got.Equal(last) {
		t.Errorf("previous: got %v, want %v", got, last)
	}
}

func TestLastDayOfTheYearHasItsHours(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/London", "Australia/Sydney", "Asia/Kolkata"} {
		s := must(t, "@hourly", zone(t, name))
		for _, year := range []int{2028, 2039, 2040, 2044} {
			if got := slotsOn(s, year, time.December, 31); len(got) != 24 {
				t.Errorf("%s, %d: got %d slots, want 24: %v", name, year, len(got), got)
			}
		}
	}
}

func TestDue(t *testing.T) {
	s := must(t, "0 6 * * *", nil)
	at := func(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name      string
		last, now time.Time
		want      time.Time // zero = not due
	}{
		{"before the slot", at(1, 6), at(2, 5), time.Time{}},
		{"at the slot", at(1, 6), at(2, 6), at(2, 6)},
		{"after the slot", at(1, 6), at(2, 9), at(2, 6)},
		{"done since the slot", at(2, 7), at(2, 9), time.Time{}},
		{"done at the slot", at(2, 6), at(2, 9), time.Time{}},
		{"many slots missed are one", at(1, 6), at(20, 5), at(19, 6)},
		{"never done", time.Time{}, at(2, 5), at(1, 6)},
		{"done in the future, by a clock that was wrong", at(30, 6), at(2, 7), time.Time{}},
	} {
		got, due := s.Due(c.last, c.now)
		if !got.Equal(c.want) || due == c.want.IsZero() {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, due, c.want)
		}
	}
}

func TestZeroScheduleHasNoSlots(t *testing.T) {
	var s Schedule
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	if _, due := s.Due(time.Time{}, now); due || !s.IsZero() || !s.Next(now).IsZero() || !s.Prev(now).IsZero() {
		t.Errorf("got slots, want none")
	}
}

func TestLongestInterval(t *testing.T) {
	from := time.Date(2026, 5, 1, 7, 10, 0, 0, time.UTC) // a Friday
	for expr, want := range map[string]time.Duration{
		"@every 15m": 15 * time.Minute, "*/30 * * * *": 30 * time.Minute, "* * * * *": time.Minute, "0 6 * * *": 24 * time.Hour,
		"0 6 * * mon-fri": 72 * time.Hour, "*/30 8-18 * * *": 13*time.Hour + 30*time.Minute, "*/5 8-18 * * mon-fri": 61*time.Hour + 5*time.Minute,
		"@weekly": 7 * 24 * time.Hour, "@monthly": 30 * 24 * time.Hour, "0 6 29 2 *": 4*365*24*time.Hour + 24*time.Hour,
	} {
		if got := must(t, expr, nil).LongestInterval(from); got != want {
			t.Errorf("%q: got %s, want %s", expr, got, want)
		}
	}
	if got := (Schedule{}).LongestInterval(from); got != 0 {
		t.Errorf("no schedule: got %s, want nothing", got)
	}
}
