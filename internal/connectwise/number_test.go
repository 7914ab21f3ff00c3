package connectwise

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/shopspring/decimal"
)

func TestNumbersKeepTheirExactValueAndOneSpelling(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		whole    bool
	}{
		{"12", "12", true},
		{"12.0", "12", true},
		{"12.00", "12", true},
		{"0", "0", true},
		{"0.0", "0", true},
		{"22.50", "22.5", false},
		{"0.0001", "0.0001", false},
		{"-3", "-3", true},
		{"-3.5", "-3.5", false},
		{"1.2E+1", "12", true},
		{"1.25e1", "12.5", false},
		{"123456789012345678901234567890", "123456789012345678901234567890", false},
		{"0.1234567890123456789", "0.1234567890123456789", false},
		{"null", "", false},
	} {
		t.Run(tt.in, func(t *testing.T) {
			var n number
			if err := json.Unmarshal([]byte(tt.in), &n); err != nil {
				t.Fatal(err)
			}
			if got := n.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if _, whole := n.whole(); whole != tt.whole {
				t.Errorf("got whole %t, want %t", whole, tt.whole)
			}
			if tt.want != "" && !n.decimal().Equal(decimal.RequireFromString(tt.in)) {
				t.Errorf("got %s, want %s", n.decimal(), tt.in)
			}
		})
	}
}

func TestTextIsNoNumber(t *testing.T) {
	for _, in := range []string{`"12"`, `true`, `{}`, `[1]`} {
		var n number
		if err := json.Unmarshal([]byte(in), &n); err == nil {
			t.Errorf("%s: got %s, want an error", in, n)
		}
	}
}

func TestDaysAreTakenAsWrittenAndNeverShifted(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`"2026-03-01T00:00:00Z"`, "2026-03-01"},
		{`"2026-03-01T23:59:59Z"`, "2026-03-01"},
		{`"2026-03-01"`, "2026-03-01"},
		{`null`, ""},
		{`""`, ""},
	} {
		var d day
		if err := json.Unmarshal([]byte(tt.in), &d); err != nil {
			t.Errorf("%s: %v", tt.in, err)
		}
		if d.String() != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, d, tt.want)
		}
	}
	for _, in := range []string{`"2026-02-30"`, `"01/03/2026"`, `"soon"`, `20260301`} {
		var d day
		if err := json.Unmarshal([]byte(in), &d); err != nil || d != unreadable {
			t.Errorf("%s: got %s and %v, want unreadable", in, d, err)
		}
		var loose looseDay
		if err := json.Unmarshal([]byte(in), &loose); err != nil || loose.day != 0 {
			t.Errorf("%s: got %s and %v, want no day and no error", in, loose.day, err)
		}
	}
}

func TestTodayIsTheDayInTheConfiguredZone(t *testing.T) {
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	late := time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		zone *time.Location
		want string
	}{{time.UTC, "2026-11-30"}, {auckland, "2026-12-01"}} {
		c := &Client{options: Options{Now: func() time.Time { return late }, Location: tt.zone}}
		if got := c.today().String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.zone, got, tt.want)
		}
	}
}
