package pages

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// A chart is drawn here as SVG, with its table behind it: it needs no script. Quantities go in
// steps, since they do not change gradually; money stands in bars from zero.
type chart struct {
	Title string
	Steps []series // two at most
	Bars  []bar
	Units bool   // whether the bars are of units, and not of money
	CSV   string // the address of the same as CSV; empty where there is none
}

// A series is a quantity over time: each point lasts until the next one.
type series struct {
	Name   string
	Points []point
	Until  time.Time // to where the last point lasts
}

// A point is a quantity from a moment on; a gap where nobody knows it.
type point struct {
	At  time.Time
	N   float64
	Gap bool
}

// A bar is an amount of money of a month, or of units.
type bar struct {
	Label string
	Money decimal.Decimal
	Gap   bool // nobody knows it
}

// The measures of a drawing, in units of the picture.
const (
	chartWidth, chartHeight = 760, 200
	chartLeft, chartRight   = 48, 100
	chartTop, chartBottom   = 24, 28

	widestBar = 80
)

// SVG draws the chart. Its texts are escaped here; classes give it its colours.
func (c chart) SVG(zone *time.Location) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(c.Title))
	if len(c.Bars) > 0 {
		c.drawBars(&b)
	} else {
		c.drawSteps(&b, zone)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

func (c chart) drawSteps(b *strings.Builder, zone *time.Location) {
	var from, to time.Time
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range c.Steps {
		for _, p := range s.Points {
			if from.IsZero() || p.At.Before(from) {
				from = p.At
			}
			if !p.Gap {
				low, high = min(low, p.N), max(high, p.N)
			}
		}
		if s.Until.After(to) {
			to = s.Until
		}
	}
	if from.IsZero() || !to.After(from) || low > high {
		return
	}
	room := max(1, math.Ceil((high-low)/4))
	low, high = max(0, low-room), high+room
	x := func(t time.Time) float64 {
		return chartLeft + float64(t.Sub(from))/float64(to.Sub(from))*(chartWidth-chartLeft-chartRight)
	}
	y := func(n float64) float64 {
		return chartTop + (high-n)/(high-low)*(chartHeight-chartTop-chartBottom)
	}
	for _, n := range []float64{low, math.Round((low + high) / 2), high} {
		fmt.Fprintf(b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
			chartLeft, y(n), chartWidth-chartRight, chartLeft-8, y(n)+4, quantity(decimal.NewFromFloat(n)))
	}
	c.drawMonths(b, from.In(zone), to.In(zone), x)
	labels := []float64{}
	for i, s := range c.Steps {
		class := []string{"first", "second"}[min(i, 1)]
		path, last, drawing := "", 0.0, false
		for j, p := range s.Points {
			end := s.Until
			if j+1 < len(s.Points) {
				end = s.Points[j+1].At
			}
			switch {
			case p.Gap:
				drawing = false
				continue
			case !drawing:
				path += fmt.Sprintf("M%.1f %.1f", x(p.At), y(p.N))
			default:
				path += fmt.Sprintf("V%.1f", y(p.N))
			}
			path += fmt.Sprintf("H%.1f", x(end))
			last, drawing = p.N, true
		}
		at := y(last) + 4
		for slices.ContainsFunc(labels, func(other float64) bool { return math.Abs(other-at) < 15 }) {
			at += 15
		}
		labels = append(labels, at)
		fmt.Fprintf(b, `<path class="%s" d="%s"/><text class="%s" x="%d" y="%.1f">%s %s</text>`, class, path, class, chartWidth-chartRight+6, at,
			template.HTMLEscapeString(s.Name), quantity(decimal.NewFromFloat(last)))
	}
}

// drawMonths writes the names of months below, as many as there is room for.
func (c chart) drawMonths(b *strings.Builder, from, to time.Time, x func(time.Time) float64) {
	months := int(to.Sub(from).Hours()/24/30) + 1
	every := max(1, (months+7)/8)
	first := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, from.Location())
	const room = 30 // of a label
	last := math.Inf(-1)
	for m := first; m.Before(to); m = m.AddDate(0, every, 0) {
		at := m
		if at.Before(from) {
			at = from
			if next := m.AddDate(0, every, 0); next.Before(to) && x(next)-x(at) < room {
				continue
			}
		}
		if x(at)-last < room {
			continue
		}
		last = x(at)
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`, x(at), chartHeight-6, m.Format("Jan"))
	}
}

func (c chart) drawBars(b *strings.Builder) {
	high := 0.0
	for _, x := range c.Bars {
		high = max(high, x.Money.InexactFloat64())
	}
	slot := float64(chartWidth-20) / float64(len(c.Bars))
	base := float64(chartHeight - chartBottom)
	for i, x := range c.Bars {
		left, tall := 10+float64(i)*slot, 0.0
		if high > 0 {
			tall = max(0, x.Money.InexactFloat64()) / high * (base - chartTop)
		}
		middle := left + slot/2
		text := thousands(x.Money.Round(0).String())
		if x.Gap {
			text = "?"
		}
		wide := min(slot*0.6, widestBar)
		fmt.Fprintf(b, `<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, middle-wide/2, base-tall, wide, tall)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text><text x="%.1f" y="%d" text-anchor="middle">%s</text>`,
			middle, base-tall-6, text, middle, chartHeight-8, template.HTMLEscapeString(x.Label))
	}
}

// A chartRow is a line of the table behind a chart.
type chartRow struct{ When, Name, Value string }

// Rows are the table behind the chart.
func (c chart) Rows(zone *time.Location) []chartRow {
	var rows []chartRow
	for _, s := range c.Steps {
		days := map[string]int{}
		for _, p := range s.Points {
			days[p.At.In(zone).Format(time.DateOnly)]++
		}
		for _, p := range s.Points {
			format := "2 Jan 2006"
			if days[p.At.In(zone).Format(time.DateOnly)] > 1 {
				format = "2 Jan 2006 15:04:05"
			}
			value := quantity(decimal.NewFromFloat(p.N))
			if p.Gap {
				value = "unknown"
			}
			rows = append(rows, chartRow{p.At.In(zone).Format(format), s.Name, value})
		}
	}
	for _, x := range c.Bars {
		value := amount(x.Money)
		if c.Units {
			value = quantity(x.Money)
		}
		if x.Gap {
			value = "unknown"
		}
		rows = append(rows, chartRow{x.Label, "", value})
	}
	return rows
}
