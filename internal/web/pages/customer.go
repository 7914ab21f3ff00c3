package pages

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// How much of what happened a customer's page shows, and the page of all of it.
const (
	eventsBeside = 8
	eventsShown  = 50
)

// A customerView is what the page of a customer shows.
type customerView struct {
	app.KnownCustomer
	Looked    time.Time
	Places    []app.Place
	Waiting   []waitingPlan
	Products  []productLine
	Currency  string // of the money in the table; empty where there are several
	Chart     *chart
	Shown     string // the product of the chart
	Overrides []app.Override
	Set       *overrideForm
	Events    []app.Event
	Older     bool
	Pager     pager // of the page of all events
}

// A waitingPlan is a plan of the customer that waits, as far as its page shows it; the inbox
// shows all of it.
type waitingPlan struct {
	app.Waiting
	Money string
	Tags  []tag
	Why   []string
	Ways  []wayOn
}

// A productLine is a product as the customer's page shows it.
type productLine struct {
	app.CustomerProduct
	Status tag
	Why    string
	Money  string
}

// An overrideForm asks for a quantity that a person sets.
type overrideForm struct {
	Products       []string
	Product, Bound string // chosen already
	Units, Min     string
	Open           bool
}

func showCustomer(q *request) (answer, error) {
	c, v, err := customerAsked(q)
	if err != nil || q.wantsJSON() {
		return answer{json: v}, err
	}
	view := customerView{KnownCustomer: c, Places: q.app.Places(&c.Customer)}
	for _, s := range c.Scopes {
		if s.At.After(view.Looked) {
			view.Looked = s.At
		}
	}
	products, err := q.app.CustomerProducts(q.Context(), &c, v)
	if err != nil {
		return answer{}, err
	}
	for i := range products {
		view.Products = append(view.Products, newProductLine(&products[i], v))
	}
	view.Currency = oneCurrency(products, q.app.Config.Currency)
	if err := view.addChart(q, products); err != nil {
		return answer{}, err
	}
	if view.Overrides, err = q.app.CustomerOverrides(q.Context(), c.Key, c.Name); err != nil {
		return answer{}, err
	}
	view.Set = newOverrideForm(q, products)
	if view.Events, view.Older, err = q.app.Timeline(q.Context(), c.Key, v.Held, 0, eventsBeside); err != nil {
		return answer{}, err
	}
	a := answer{page: "customer", title: clipped(c.Name, maxName), headline: headlineOf(&c), commands: []string{"syncd status " + quoted(c.Key), "syncd history --customer " + quoted(c.Key), "syncd override"}}
	var up, down app.Sums
	for _, s := range c.Scopes {
		h, held := v.Held[s.Scope]
		if held && s.Stands != state.StandsApproved {
			w := q.app.WaitingOf(h)
			w.Stands = s.Stands
			view.Waiting = append(view.Waiting, newWaitingPlan(w))
			up.AddAll(w.Up)
			down.AddAll(w.Down)
		}
		switch s.Stands {
		case state.StandsFailed, state.StandsPartlyDone, state.StandsNotRead:
			a.trouble = append(a.trouble, trouble{What: q.app.Config.TargetTitle(s.Scope.Target) + ": " + s.Stands + ".", Do: sentence(clipped(whyOf(&s), maxText))})
		}
	}
	if a.strip, err = customerStrip(q, &c, products, up, down); err != nil {
		return answer{}, err
	}
	a.data = view
	return a, nil
}

func newWaitingPlan(w app.Waiting) waitingPlan {
	x := waitingPlan{Waiting: w, Money: waitsText(w.Up, w.Down)}
	for _, r := range whys(w.Violations) {
		if r.tone != "" {
			x.Tags = append(x.Tags, tag{r.text, r.tone})
		}
	}
	for _, v := range saying(w.Violations) {
		if !v.Note {
			x.Ways = withWay(x.Ways, waysOf(&v)...)
		}
		if text := sentence(withoutApproval(v.Message)); !slices.Contains(x.Why, text) {
			x.Why = append(x.Why, text)
		}
	}
	return x
}

// saying are the violations that say something of this plan: that every plan of the job
// waits is said where nothing else is.
func saying(vs []plan.Violation) []plan.Violation {
	own := slices.DeleteFunc(slices.Clone(vs), func(v plan.Violation) bool { return v.Code == "approval" })
	if slices.ContainsFunc(own, func(v plan.Violation) bool { return !v.Note }) {
		return own
	}
	return vs
}

// headlineOf is the customer's name, as far as there is one.
func headlineOf(c *app.KnownCustomer) string {
	return cmp.Or(visible.Clip(strings.TrimSpace(visible.Line(c.Name)), maxName), "(no name)")
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_.", r) && (r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a')
	}) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// whyOf is why a scope stands where it does.
func whyOf(s *app.Standing) string {
	if s.Error != "" {
		return s.Error
	}
	for _, v := range saying(s.Violations) {
		if !v.Note || v.PutOff != "" {
			return withoutApproval(v.Message)
		}
	}
	return ""
}

// Why is why a scope stands where it does, for the template.
func (v customerView) Why(s app.Standing) string { return whyOf(&s) }

func newProductLine(p *app.CustomerProduct, v *app.Status) productLine {
	line := productLine{CustomerProduct: *p, Why: p.Why(), Money: amount(p.Monthly), Status: tag{state.StandsInStep, "good"}}
	s := &p.Span
	switch {
	case !p.Ruled() && p.Rule != nil:
		line.Status = tag{"not billed on purpose", "plain"}
	case !p.Ruled() && p.Free:
		line.Status = tag{"free", "plain"}
	case !p.Ruled():
		line.Status = tag{"no rule", "attention"}
	case p.Ignored != "":
		line.Status = tag{"left alone", "plain"}
	case p.Change != nil && p.Change.Writes():
		line.Status = waitingTag(v.Held[s.Scope], p)
	case !s.Known:
		line.Status = tag{"not proven", "trouble"}
	case len(p.Held) > 0:
		line.Status = tag{"a person must look", "attention"}
	case s.Due != s.Billed && s.Billed != "":
		line.Status = tag{"not as due", "attention"}
	case s.Billed == "":
		line.Status = tag{"no line", "attention"}
	}
	if p.Change != nil && p.Change.Explanation != nil {
		line.Why = sentenceJoin(line.Why, p.Change.Explanation.Text())
	}
	for _, h := range p.Held {
		if h.OverwritesEdit() {
			line.Why = sentenceJoin("the line was edited by "+cmp.Or(clipped(h.EditedBy, maxName), "somebody"), line.Why)
		}
	}
	return line
}

// waitingTag is where the plan stands that is to change a product.
func waitingTag(h state.Hold, p *app.CustomerProduct) tag {
	money := ": " + deltaText(p.Change)
	switch {
	case h.Decision == nil:
		return tag{"waits" + money, "attention"}
	case h.Decision.Approved:
		return tag{"approved" + money, "good"}
	}
	return tag{"rejected" + money, "trouble"}
}

// withoutApproval is a message without the word that it may be approved: that is done in the inbox.
func withoutApproval(message string) string {
	message, _, _ = strings.Cut(plan.WithoutWayOn(message), "; approve ")
	return message
}

// sentenceJoin puts a reason behind another.
func sentenceJoin(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// oneCurrency is the currency of what is billed; empty where there are several.
func oneCurrency(products []app.CustomerProduct, fallback string) string {
	one := ""
	for i := range products {
		currency := products[i].Span.Currency
		if currency == "" {
			continue
		}
		if one != "" && one != currency {
			return ""
		}
		one = currency
	}
	return cmp.Or(one, fallback)
}

// customerStrip is what is billed, what waits, what nobody uses and what ends next.
func customerStrip(q *request, c *app.KnownCustomer, products []app.CustomerProduct, up, down app.Sums) ([]figure, error) {
	sums, whole, err := q.app.MonthlyBill(q.Context(), c.Key)
	if err != nil {
		return nil, err
	}
	unit := "a month billed for licences"
	if !whole {
		unit += ", as far as it is known"
	}
	strip := []figure{{moneyText(sums, amount), unit}}
	if waits := waitsText(up, down); waits != "" {
		strip = append(strip, figure{waits, "a month waits for a decision"})
	}
	bought, idle, known := decimal.Zero, decimal.Zero, false
	for i := range products {
		purchased, err1 := decimal.NewFromString(products[i].Span.Purchased)
		assigned, err2 := decimal.NewFromString(products[i].Span.Assigned)
		if err1 == nil && err2 == nil && products[i].Ruled() {
			known = true
			bought, idle = bought.Add(purchased), idle.Add(decimal.Max(decimal.Zero, purchased.Sub(assigned)))
		}
	}
	if known {
		strip = append(strip, figure{quantity(idle) + " of " + quantity(bought), "seats bought and not assigned"})
	}
	next, err := q.app.NextEnd(q.Context(), c)
	if err != nil {
		return nil, err
	}
	if next != nil {
		strip = append(strip, figure{next.At.In(q.app.Location).Format("2 Jan 2006"), fmt.Sprintf("a term ends next (%s, %d)", next.Licence, next.Units)})
	}
	return strip, nil
}

// addChart draws the product that matters most: one that is not as due, or the one with the
// most money.
func (v *customerView) addChart(q *request, products []app.CustomerProduct) error {
	var shown *app.CustomerProduct
	for i := range products {
		p := &products[i]
		if p.Ruled() && (shown == nil || p.Change != nil && p.Change.Writes() && shown.Change == nil) {
			shown = p
		}
	}
	if shown == nil {
		return nil
	}
	spans, err := q.app.ProductSpans(q.Context(), v.Key, shown.Product)
	if err != nil {
		return err
	}
	v.Shown, v.Chart = shown.Label, ledgerChart(spans, shown.Label, q.app.Now(), ledgerAddress(v.Key, shown.Product))
	return nil
}

func ledgerAddress(key, product string) string {
	return address("customers", key, "explain", product, "ledger.csv")
}

// ledgerChart is what was bought against what was billed; nil where nothing can be drawn. What is
// counted in several ways at once adds up.
func ledgerChart(spans []state.Span, label string, now time.Time, csv string) *chart {
	var moments []time.Time
	for i := range spans {
		moments = append(moments, spans[i].From)
		if !spans[i].To.IsZero() {
			moments = append(moments, spans[i].To)
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	moments = slices.CompactFunc(moments, time.Time.Equal)
	drawn := false
	of := func(name string, number func(*state.Span) string) series {
		x := series{Name: name, Until: now}
		for _, at := range moments {
			p := point{At: at, Gap: true}
			for i := range spans {
				s := &spans[i]
				if s.From.After(at) || !s.To.IsZero() && !s.To.After(at) {
					continue
				}
				n, err := strconv.ParseFloat(number(s), 64)
				if p.Gap = err != nil || !s.Known; p.Gap {
					break
				}
				p.N += n
			}
			drawn = drawn || !p.Gap
			if k := len(x.Points); k == 0 || x.Points[k-1].N != p.N || x.Points[k-1].Gap != p.Gap {
				x.Points = append(x.Points, p)
			}
		}
		return x
	}
	steps := []series{of("bought", func(s *state.Span) string { return s.Purchased }), of("billed", func(s *state.Span) string { return s.Billed })}
	if !drawn {
		return nil
	}
	return &chart{Title: "Bought against billed: " + clipped(label, maxName), Steps: steps, CSV: csv}
}

func showCustomerHistory(q *request) (answer, error) {
	c, v, err := customerAsked(q)
	if err != nil {
		return answer{}, err
	}
	if q.wantsJSON() {
		entries, err := q.app.History(q.Context(), app.HistoryFilter{Customer: c.Key, Limit: mostEntries})
		return answer{json: app.HistoryList{Entries: entries}}, err
	}
	first := (pageAsked(q.Request) - 1) * eventsShown
	view := customerView{KnownCustomer: c}
	if view.Events, view.Older, err = q.app.Timeline(q.Context(), c.Key, v.Held, first, eventsShown); err != nil {
		return answer{}, err
	}
	view.Pager = uncounted(q.Request, first, len(view.Events), view.Older)
	return answer{page: "customerhistory", title: "What happened · " + headlineOf(&c), headline: "What happened at " + headlineOf(&c), data: view,
		sub: "Times are in " + q.app.Location.String() + ".", commands: []string{"syncd history --customer " + quoted(c.Key)}}, nil
}

// mostEntries is how much of the journal a program gets of a customer, as the command shows.
const mostEntries = 100

func newOverrideForm(q *request, products []app.CustomerProduct) *overrideForm {
	asked := q.URL.Query()
	f := overrideForm{Product: asked.Get("product"), Bound: cmp.Or(asked.Get("bound"), "quantity"), Units: asked.Get("quantity"),
		Min: q.app.Now().In(q.app.Location).Format(time.DateOnly), Open: asked.Get("product") != ""}
	for i := range products {
		if products[i].Ruled() {
			f.Products = append(f.Products, products[i].Product)
		}
	}
	if len(f.Products) == 0 {
		return nil
	}
	return &f
}

// An editList is what a person changed, as the commands print it.
type editList struct {
	Edits []mapping.Edit `json:"edits"`
}

// setOverride takes a person's word on a product, by the rules of the command: one of quantity,
// minimum and maximum, or bound, which is one of these words, and units.
func setOverride(q *request) (answer, error) {
	c, err := customerNamed(q)
	if err != nil {
		return answer{}, err
	}
	said := app.OverrideWord{Customer: c.Key, Product: strings.TrimSpace(q.fields.Get("product")), Until: strings.TrimSpace(q.fields.Get("until")), Reason: q.fields.Get("reason"), Seen: q.fields[seenField]}
	for name, to := range map[string]**int{"quantity": &said.Quantity, "minimum": &said.Minimum, "maximum": &said.Maximum} {
		text := strings.TrimSpace(q.fields.Get(name))
		if text == "" && q.fields.Get("bound") == name {
			text = strings.TrimSpace(q.fields.Get("units"))
		}
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return answer{}, fail(http.StatusUnprocessableEntity, "nothing was set: %s: %q is not a whole number", name, visible.Clip(text, 40))
		}
		*to = &n
	}
	var edits []mapping.Edit
	err = again(func() (err error) {
		edits, err = q.app.SetOverride(q.Context(), q.person.Operator, said)
		return err
	})
	if err != nil {
		return answer{}, overrideRefused(err)
	}
	what := "That was set already."
	if len(edits) > 0 {
		what = "From the next run on " + said.Product + " is billed as you set it, up to " + dayOf(said.Until, q.app.Now(), q.app.Location) + "; what that changes waits like any plan."
	}
	return answer{to: address("customers", c.Key), said: what, json: editList{app.Listed(edits)}}, nil
}

func endOverride(q *request) (answer, error) {
	c, err := customerNamed(q)
	if err != nil {
		return answer{}, err
	}
	product := strings.TrimSpace(q.fields.Get("product"))
	var edits []mapping.Edit
	err = again(func() (err error) {
		edits, err = q.app.EndOverride(q.Context(), q.person.Operator, c.Key, product, q.fields[seenField])
		return err
	})
	if err != nil {
		return answer{}, overrideRefused(err)
	}
	said := "It was ended already."
	if len(edits) > 0 {
		said = "From the next run on the rule counts " + product + " again; what that changes waits like any plan."
	}
	return answer{to: address("customers", c.Key), said: said, json: editList{app.Listed(edits)}}, nil
}

// overrideRefused is an error of the commands as a page says it: it has no flags.
func overrideRefused(err error) error {
	if usage, ok := errors.AsType[app.UsageError](err); ok {
		return fail(http.StatusUnprocessableEntity, "%s", strings.ReplaceAll(usage.Error(), "nothing was set: --", "nothing was set: "))
	}
	return err
}
