package pages

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"

	"syncd/internal/app"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// maxName is how many characters of a foreign name are shown; its title has more of it.
const (
	maxName  = 80
	maxTitle = 500
	maxText  = 400
)

// funcs are what every template can say.
func (s *server) funcs() template.FuncMap {
	zone := s.running.Location
	now := s.running.Now
	return template.FuncMap{
		"asset":    func(name string) string { return files.address[name] },
		"signed":   signed,
		"amount":   amount,
		"quantity": quantity,
		"plural":   plural,
		"spelled":  spelled,
		"when":     func(t time.Time) string { return when(t, now(), zone) },
		"whenZone": func(t time.Time) string { return whenZone(t, now(), zone) },
		"day":      func(day string) string { return dayOf(day, now(), zone) },
		"until":    func(t time.Time) string { return until(t.Sub(now())) },
		"zone":     func() string { return zone.String() },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"name":     func(text string) template.HTML { return name(text, maxName) },
		"text":     func(text string) template.HTML { return name(text, maxText) },
		"customer": func(key, text string) template.HTML { return customer(key, text, s.around.isAlike(text)) },
		"address":  func(parts ...string) string { return address(parts...) },
		"target":   s.running.Config.TargetTitle,
		"plain":    func(text string) string { return clipped(text, maxName) },
		"ended":    func(r *app.RunState) string { return ended(r, now(), zone) },
		"withPage": func(page *document, c card) map[string]any { return map[string]any{"Page": page, "Card": c} },
		"svg":      func(c chart) template.HTML { return c.SVG(zone) },
		"rows":     func(c chart) []chartRow { return c.Rows(zone) },
		"tone":     tone,
		"tagOf":    func(text, tone string) tag { return tag{text, tone} },
		"sentence": sentence,
		"join":     func(sep string, parts []string) string { return strings.Join(parts, sep) },
		"may":      func(role app.Role, least string) bool { return role.Contains(app.Role(least)) },
	}
}

// fold is a name as a person tells it from others: without case, width and what is hidden.
func fold(name string) string { return strings.ToLower(norm.NFKC.String(visible.Line(name))) }

// name is foreign text as a page shows it: in one line, cut where it is long, and turned
// round for nobody beside it.
func name(text string, most int) template.HTML {
	text = visible.Line(text)
	short := visible.Clip(text, most)
	title := ""
	if short != text {
		title = ` title="` + template.HTMLEscapeString(visible.Clip(text, maxTitle)) + `"`
	}
	return template.HTML("<bdi" + title + ">" + template.HTMLEscapeString(short) + "</bdi>")
}

// clipped is foreign text within a sentence of ours.
func clipped(text string, most int) string { return visible.Clip(visible.Line(text), most) }

// clip is a text of ours or another system's within a line.
func clip(text string) string { return clipped(text, maxText) }

// customer is a customer's name, with the key where another one has the same name.
func customer(key, text string, alike bool) template.HTML {
	shown := name(text, maxName)
	if strings.TrimSpace(visible.Line(text)) == "" {
		shown = "<bdi>(no name)</bdi>"
		alike = true
	}
	if alike {
		shown += ` <small class="id">` + name(key, maxName) + `</small>`
	}
	return shown
}

// address is a path of parts, of which each is one.
func address(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// amount is money with thousands and two decimals, and a true minus.
func amount(value any) string {
	d, ok := number(value)
	if !ok {
		return "–"
	}
	text := thousands(d.Abs().StringFixed(2))
	if d.IsNegative() {
		return "−" + text
	}
	return text
}

// signed is money that is more or less than before.
func signed(value any) string {
	d, ok := number(value)
	if ok && d.IsPositive() {
		return "+" + amount(d)
	}
	return amount(value)
}

// quantity is a number of units.
func quantity(value any) string {
	d, ok := number(value)
	if !ok {
		if text, is := value.(string); is && strings.TrimSpace(text) != "" {
			return text
		}
		return "–"
	}
	text := thousands(d.Abs().String())
	if d.IsNegative() {
		return "−" + text
	}
	return text
}

// number reads what counts or costs; false where nobody knows it.
func number(value any) (decimal.Decimal, bool) {
	switch v := value.(type) {
	case decimal.Decimal:
		return v, true
	case *decimal.Decimal:
		if v != nil {
			return *v, true
		}
	case decimal.NullDecimal:
		return v.Decimal, v.Valid
	case int:
		return decimal.NewFromInt(int64(v)), true
	case *int:
		if v != nil {
			return number(*v)
		}
	case string:
		d, err := decimal.NewFromString(v)
		return d, err == nil
	case *string:
		if v != nil {
			return number(*v)
		}
	}
	return decimal.Zero, false
}

// thousands parts a number that is not negative.
func thousands(text string) string {
	whole, rest, fraction := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction {
		return whole + "." + rest
	}
	return whole
}

// plural says how many of a thing there are.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(strconv.Itoa(n)) + " " + manyOf(thing)
}

// noun is a thing, or several of it.
func noun(n int, thing string) string {
	if n == 1 {
		return thing
	}
	return manyOf(thing)
}

func manyOf(thing string) string {
	if stem, ok := strings.CutSuffix(thing, "y"); ok && !strings.HasSuffix(stem, "a") && !strings.HasSuffix(stem, "e") {
		return stem + "ies"
	}
	return thing + "s"
}

var numerals = []string{"No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"}

// spelled says how many of a thing there are at a sentence's beginning.
func spelled(n int, thing string) string {
	if n < 0 || n >= len(numerals) {
		return plural(n, thing)
	}
	if n == 1 {
		return "One " + thing
	}
	return numerals[n] + " " + manyOf(thing)
}

// when is a moment in the configured zone, with the year where it is not this one's.
func when(t, now time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "never"
	}
	t, now = t.In(zone), now.In(zone)
	switch {
	case t.Year() != now.Year():
		return t.Format("2 Jan 2006 15:04")
	case t.YearDay() == now.YearDay():
		return "today " + t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}

// whenZone names the zone beside the moment.
func whenZone(t, now time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "never"
	}
	return when(t, now, zone) + " " + zone.String()
}

// dayOf is a day that stands as YYYY-MM-DD.
func dayOf(day string, now time.Time, zone *time.Location) string {
	t, err := time.Parse(time.DateOnly, day)
	switch {
	case err != nil:
		return day
	case t.Year() == now.In(zone).Year():
		return t.Format("2 Jan")
	}
	return t.Format("2 Jan 2006")
}

// until is how long it is to something.
func until(d time.Duration) string {
	minutes := int(d.Round(time.Minute) / time.Minute)
	switch {
	case minutes <= 0:
		return "now"
	case minutes < 60:
		return fmt.Sprintf("in %d min", minutes)
	case minutes < 48*60 && minutes%60 == 0:
		return fmt.Sprintf("in %d h", minutes/60)
	case minutes < 48*60:
		return fmt.Sprintf("in %d h %d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("in %d days", minutes/60/24)
}

// sentence is what the program says in the words of the pages. It begins with a capital, where it does
// not begin with a file or an id, and ends with a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(pageWords(text))
	if text == "" {
		return ""
	}
	word, _, _ := strings.Cut(text, " ")
	if !strings.ContainsAny(strings.TrimRight(word, ".:,;"), "0123456789./_@") {
		first, size := utf8.DecodeRuneInString(text)
		text = strings.ToUpper(string(first)) + text[size:]
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?:") {
		text += "."
	}
	return text
}

// tone is how much a state asks for somebody: trouble, attention, good, or nothing.
func tone(standing string) string {
	switch standing {
	case state.StandsFailed, state.StandsPartlyDone, state.StandsNotRead, state.StandsNeedsRepair, state.StandsRejected:
		return "trouble"
	case state.StandsNeedsApproval, state.StandsPutOff, state.StandsWouldChange:
		return "attention"
	case state.StandsInStep, state.StandsUnchanged, state.StandsChanged, state.StandsApproved:
		return "good"
	}
	return "plain"
}
