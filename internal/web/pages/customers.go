package pages

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// customersPage is where a customer lives, what is billed and why, and what happened.
var customersPage = page{name: "Customers", path: "/customers", routes: []route{
	{pattern: "GET /customers", role: app.RoleViewer, handle: showCustomers},
	{pattern: "GET /customers/{key}", role: app.RoleViewer, handle: showCustomer},
	{pattern: "GET /customers/{key}/history", role: app.RoleViewer, handle: showCustomerHistory},
	{pattern: "GET /customers/{key}/explain/{product}", role: app.RoleViewer, handle: showExplanation, reads: true},
	{pattern: "GET /customers/{key}/explain/{product}/ledger.csv", role: app.RoleViewer, handle: sendLedger},
	{pattern: "POST /customers/{key}/overrides", role: app.RoleMapper, handle: setOverride},
	{pattern: "POST /customers/{key}/overrides/end", role: app.RoleMapper, handle: endOverride},
}}

// customersShown is how many customers a page of the list shows.
const customersShown = 50

// A customerList is what the list of customers shows.
type customerList struct {
	Query, Stands string
	Options       []string // words that a customer may stand at
	Customers     []customerLine
	Pager         pager
	Known         int
}

// A customerLine is a customer as the list shows it.
type customerLine struct {
	app.KnownCustomer
	Stands string
	Looked time.Time
	Billed string // a month
	Waits  string // likewise
}

// What a customer without a scope stands at, besides state.Standings.
const leftOut = "left out"

func showCustomers(q *request) (answer, error) {
	if err := q.wrongChoice("stands", append(slices.Clone(state.Standings), leftOut)...); err != nil {
		return answer{}, err
	}
	v, err := q.app.Status(q.Context(), "")
	if err != nil || q.wantsJSON() {
		return answer{json: v}, err
	}
	all, err := q.app.KnownCustomers(q.Context(), v)
	if err != nil {
		return answer{}, err
	}
	list := customerList{Query: strings.TrimSpace(q.URL.Query().Get("q")), Stands: q.URL.Query().Get("stands"), Known: len(all)}
	counts := map[string]int{}
	var found []customerLine
	for i := range all {
		line := customerLine{KnownCustomer: all[i], Stands: standsAt(&all[i])}
		counts[line.Stands]++
		if (list.Stands == "" || list.Stands == line.Stands) && findsCustomer(&all[i], list.Query) {
			found = append(found, line)
		}
	}
	for _, word := range append(slices.Clone(state.Standings), leftOut) {
		if counts[word] > 0 {
			list.Options = append(list.Options, word)
		}
	}
	first, last, pager := paged(q.Request, len(found), customersShown)
	list.Customers, list.Pager = found[first:last], pager
	for i := range list.Customers {
		if err := fillCustomer(q, v, &list.Customers[i]); err != nil {
			return answer{}, err
		}
	}
	good := 0
	a := answer{page: "customers", title: "Customers", data: list, commands: []string{"syncd status", "syncd map"}}
	for _, word := range []string{state.StandsInStep, state.StandsUnchanged, state.StandsChanged} {
		good += counts[word]
	}
	switch {
	case len(all) == 0:
		a.headline = "No customer is known yet"
	case good == len(all):
		a.headline = "All " + plural(len(all), "customer") + " are in step"
	default:
		a.headline = fmt.Sprintf("%s of %s in step", quantity(good), plural(len(all), "customer"))
	}
	if v.LastRun != nil {
		a.sub = "Last run: " + v.LastRun.Job + ", " + whenZone(v.LastRun.Started, q.app.Now(), q.app.Location)
	}
	for _, word := range state.Standings {
		if n := counts[word]; n > 0 && tone(word) != "good" && len(a.strip) < 4 {
			a.strip = append(a.strip, figure{quantity(n), strings.TrimPrefix(state.Counted(n, word), fmt.Sprint(n)+" ")})
		}
	}
	return a, nil
}

// standsAt is what somebody should look at first of a customer.
func standsAt(c *app.KnownCustomer) string {
	switch first := c.First(); {
	case first != "":
		return first
	case c.Status == mapping.Ignored:
		return leftOut
	}
	return state.StandsNotLinked
}

// findsCustomer reports whether a person who typed text may mean the customer.
func findsCustomer(c *app.KnownCustomer, text string) bool {
	if text = fold(text); text == "" {
		return true
	}
	has := func(s string) bool { return strings.Contains(fold(s), text) }
	if has(c.Name) || has(c.Key) {
		return true
	}
	for _, p := range c.Parts {
		if has(p.Tenant.Name) || has(string(p.Tenant.ID)) {
			return true
		}
	}
	for _, link := range c.Links {
		if fold(link) == text {
			return true
		}
	}
	return false
}

// fillCustomer adds to a line that is shown what costs a look at the ledger and at plans.
func fillCustomer(q *request, v *app.Status, line *customerLine) error {
	sums, whole, err := q.app.MonthlyBill(q.Context(), line.Key)
	if err != nil {
		return err
	}
	line.Billed = moneyText(sums, amount)
	if !whole {
		line.Billed = strings.TrimPrefix(line.Billed+", not all known", "–, ")
	}
	var up, down app.Sums
	for _, s := range line.Scopes {
		if s.At.After(line.Looked) {
			line.Looked = s.At
		}
		if h, ok := v.Held[s.Scope]; ok && s.Stands == state.StandsNeedsApproval {
			w := q.app.WaitingOf(h)
			up.AddAll(w.Up)
			down.AddAll(w.Down)
		}
	}
	line.Waits = waitsText(up, down)
	return nil
}

// moneyText are amounts by currency; a dash where there are none.
func moneyText(sums app.Sums, say func(any) string) string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, say(sums[currency])+" "+currency)
	}
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}

// waitsText is what waits, by currency: what it adds and what it takes, for one does not
// make the other less.
func waitsText(up, down app.Sums) string {
	var parts []string
	for _, sums := range []app.Sums{up, down} {
		if len(sums) > 0 {
			parts = append(parts, moneyText(sums, signed))
		}
	}
	return strings.Join(parts, ", ")
}

// customerAsked is the customer of the address, by its very key.
func customerAsked(q *request) (app.KnownCustomer, *app.Status, error) {
	c, v, err := q.app.KnownCustomer(q.Context(), q.PathValue("key"))
	return c, v, notFound(err)
}

// customerNamed is the same, without where it stands.
func customerNamed(q *request) (app.KnownCustomer, error) {
	c, err := q.app.FindCustomer(q.Context(), q.PathValue("key"))
	return c, notFound(err)
}

// notFound is an error about an address that leads nowhere.
func notFound(err error) error {
	if usage, ok := errors.AsType[app.UsageError](err); ok {
		return fail(http.StatusNotFound, "%w", usage)
	}
	return err
}
