package connectwise

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"syncd/internal/rest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"
)

// A number is a quantity or a price as ConnectWise wrote it: a double, such
// as 12.0, that must not become a float on its way. Up to eighteen digits it is kept
// without allocating, since an unchanged cycle reads a hundred thousand of
// them and uses few. The zero number is absent, which is not zero.
type number struct {
	units int64
	scale int8 // value = units / 10^scale
	set   bool
	large *decimal.Decimal // where units cannot hold it
}

func integer(n int64) number { return number{units: n, set: true} }

// UnmarshalJSONFrom reads a number or null; anything else is an error, text
// that looks like a number included.
func (n *number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch raw.Kind() {
	case 'n':
		*n = number{}
		return nil
	case '0':
	default:
		return fmt.Errorf("%s is not a number", rest.Excerpt(string(raw)))
	}
	*n, err = parseNumber(raw)
	return err
}

func parseNumber(raw []byte) (number, error) {
	n := number{set: true}
	point := -1
	for i, c := range raw {
		switch {
		case c >= '0' && c <= '9' && len(raw) <= 18:
			n.units = n.units*10 + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		case c == '-' && i == 0:
		default: // an exponent, or too long
			d, err := decimal.NewFromString(string(raw))
			if err != nil {
				return number{}, fmt.Errorf("%s is not a number", rest.Excerpt(string(raw)))
			}
			return fromDecimal(d), nil
		}
	}
	if point >= 0 {
		n.scale = int8(len(raw) - point - 1)
	}
	if raw[0] == '-' {
		n.units = -n.units
	}
	for n.scale > 0 && n.units%10 == 0 {
		n.units, n.scale = n.units/10, n.scale-1
	}
	return n, nil
}

func fromDecimal(d decimal.Decimal) number {
	if d.IsInteger() && d.Abs().LessThan(decimal.New(math.MaxInt32, 0)) {
		return integer(d.IntPart())
	}
	return number{set: true, large: &d}
}

// decimal is the exact value; zero where the number is absent.
func (n number) decimal() decimal.Decimal {
	if n.large != nil {
		return *n.large
	}
	return decimal.New(n.units, -int32(n.scale))
}

// value is the exact value; nil where the number is absent.
func (n number) value() *decimal.Decimal {
	if !n.set {
		return nil
	}
	return new(n.decimal())
}

// whole returns the value where it is an integer.
func (n number) whole() (int64, bool) { return n.units, n.set && n.scale == 0 && n.large == nil }

// String is the canonical spelling, without trailing zeros; empty where the
// number is absent.
func (n number) String() string {
	switch {
	case !n.set:
		return ""
	case n.large == nil && n.scale == 0:
		return strconv.FormatInt(n.units, 10)
	}
	return n.decimal().String()
}

// A day is a calendar day, as yyyymmdd; zero where there is none. ConnectWise
// writes days as midnight UTC and means the day, whatever the zone: shifting
// one into a time zone moves it to the day before.
type day int32

func dayOf(t time.Time) day {
	y, m, d := t.Date()
	return day(y*10000 + int(m)*100 + d)
}

func (d day) time() time.Time {
	return time.Date(int(d)/10000, time.Month(d/100%100), int(d)%100, 0, 0, 0, 0, time.UTC)
}

// String is YYYY-MM-DD, or empty.
func (d day) String() string {
	if d == unreadable {
		return "unreadable"
	}
	if d == 0 {
		return ""
	}
	return d.time().Format(time.DateOnly)
}

// wire is how ConnectWise wants a day: no offset, no fraction.
func (d day) wire() string { return d.String() + "T00:00:00Z" }

// UnmarshalJSONFrom reads a text that begins with a day, or null.
func (d *day) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if raw.Kind() == 'n' || string(raw) == `""` {
		*d = 0
		return nil
	}
	*d = unreadable
	if raw.Kind() == '"' {
		if v, ok := parseDay(raw[1 : len(raw)-1]); ok {
			*d = v
		}
	}
	return nil
}

// unreadable stands for a date that is none. It is the matter of the line or
// the agreement that has it, not of the list it came in.
const unreadable day = -1

func parseDay(s []byte) (day, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	n := 0
	for i, c := range s[:10] {
		if i == 4 || i == 7 {
			continue
		}
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	d := day(n)
	return d, dayOf(d.time()) == d // refuses 2026-02-30
}

// A looseDay is a day in a member that is only advice, such as the next
// invoice date, which the vendor types as plain text: what cannot be read is
// no day.
type looseDay struct{ day }

// UnmarshalJSONFrom never fails on a well-formed value.
func (d *looseDay) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	d.day = 0
	if raw.Kind() == '"' {
		if v, ok := parseDay(raw[1 : len(raw)-1]); ok {
			d.day = v
		}
	}
	return nil
}
