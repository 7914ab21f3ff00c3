package pages

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// inboxPage is what waits for a person, and where it is decided.
var inboxPage = page{name: "Inbox", path: "/", count: func(a *around) int { return a.waiting }, routes: []route{
	{pattern: "GET /{$}", role: app.RoleViewer, handle: showInbox},
	{pattern: "POST /holds/{digest}/approve", role: app.RoleApprover, handle: func(q *request) (answer, error) { return decide(q, true) }},
	{pattern: "POST /holds/{digest}/reject", role: app.RoleApprover, handle: func(q *request) (answer, error) { return decide(q, false) }},
}}

// cardsShown is how many plans a page of the inbox shows.
const cardsShown = 25

// An inbox is what the inbox shows.
type inbox struct {
	Cards  []card
	Pager  pager
	Filter inboxFilter
}

// A card is a plan that waits.
type card struct {
	app.Waiting
	Lines []line
	More  int // lines that are not shown
	Tags  []tag
	Open  bool
	Money string
}

// A line is a change of a card.
type line struct {
	Label, Before, After, Price, Money, Why string
	What                                    string // where it is no quantity
}

// An inboxFilter is which plans are shown.
type inboxFilter struct {
	Target, Reason, Size string
	Targets, Reasons     []string // that there are
}

func showInbox(q *request) (answer, error) {
	if q.wantsJSON() {
		holds, err := q.app.Holds(q.Context(), "", q.URL.Query().Get("target"))
		return answer{json: app.HoldList{Holds: holds}}, err
	}
	all, err := q.app.Waiting(q.Context())
	if err != nil {
		return answer{}, err
	}
	box := inbox{}
	first, last, pager := paged(q.Request, len(all), cardsShown)
	box.Pager = pager
	for _, w := range all[first:last] {
		box.Cards = append(box.Cards, newCard(w, q.app.Config.Currency))
	}
	waiting := 0
	var up, down app.Sums
	for i := range all {
		if all[i].Stands == state.StandsNeedsApproval {
			waiting++
			up.AddAll(all[i].Up)
			down.AddAll(all[i].Down)
		}
	}
	a := answer{page: "inbox", title: "Inbox", data: box, commands: []string{"syncd holds", "syncd approve", "syncd reject"}}
	a.headline = spelled(waiting, "plan") + " waits for you"
	if waiting != 1 {
		a.headline = spelled(waiting, "plan") + " wait for you"
	}
	if waiting == 0 {
		a.headline = "Nothing waits for you"
	}
	for _, currency := range slices.Sorted(maps.Keys(up)) {
		a.strip = append(a.strip, figure{signed(up[currency]), currency + " a month more, if all pass"})
	}
	for _, currency := range slices.Sorted(maps.Keys(down)) {
		a.strip = append(a.strip, figure{signed(down[currency]), currency + " a month less, if all pass"})
	}
	a.strip = a.strip[:min(4, len(a.strip))]
	a.sub = nextWrite(q.app.Jobs(), q.app.Now(), q.app.Location)
	a.trouble, err = failures(q.Context(), q.app)
	return a, err
}

// nextWrite says when something is written next.
func nextWrite(jobs []app.JobState, now time.Time, zone *time.Location) string {
	var next *app.JobState
	for i := range jobs {
		if j := &jobs[i]; j.Policy != string(plan.Never) && !j.Next.IsZero() && (next == nil || j.Next.Before(next.Next)) {
			next = j
		}
	}
	if next == nil {
		return "No job has a schedule: nothing is written before somebody types syncd apply."
	}
	return "Next write: " + next.Name + " " + whenZone(next.Next, now, zone) + ", " + until(next.Next.Sub(now)) + "."
}

// failures are the jobs that failed and the customers that could not be read, in few words.
func failures(ctx context.Context, w *app.Running) ([]trouble, error) {
	var all []trouble
	names := []string{}
	for _, j := range w.Jobs() {
		names = append(names, j.Name)
	}
	failing, err := state.Failing(w.Store.Runs(ctx), names)
	if err != nil {
		return nil, err
	}
	for _, f := range failing {
		all = append(all, trouble{What: sentence(f.Short(w.Location)), Do: sentence(f.Why), Link: "/system"})
	}
	return all, nil
}

func newCard(w app.Waiting, currency string) card {
	c := card{Waiting: w}
	shown := app.ShownPlan(&w.Hold)
	slices.SortStableFunc(shown.Changes, func(a, b plan.Change) int { return b.MonthlyDelta.Abs().Cmp(a.MonthlyDelta.Abs()) })
	for i := range shown.Changes {
		c.Lines = append(c.Lines, newLine(&shown.Changes[i]))
	}
	for _, v := range w.Violations {
		c.Open = c.Open || !v.Note && v.Key != ""
	}
	total := decimal.Zero
	if shown.MonthlyDelta != "" {
		total, _ = decimal.NewFromString(shown.MonthlyDelta)
		c.Money = signed(total)
	}
	return c
}

func newLine(c *plan.Change) line {
	l := line{Label: c.Label, Money: signed(c.MonthlyDelta), Why: string(c.Reason)}
	if c.Billing != nil && c.Billing.UnitPrice != nil {
		l.Price = amount(c.Billing.UnitPrice)
	}
	var what []string
	for _, f := range c.Fields {
		if f.Name == plan.FieldQuantity {
			l.Before, l.After = quantity(f.Before.String()), quantity(f.After.String())
			continue
		}
		what = append(what, f.Name+" "+cmp.Or(f.Before.String(), "–")+" → "+cmp.Or(f.After.String(), "–"))
	}
	l.What = strings.Join(what, ", ")
	return l
}

// decide takes a person's word on one plan.
func decide(q *request, approve bool) (answer, error) {
	reason := strings.TrimSpace(q.fields.Get("reason"))
	if !approve && reason == "" {
		return answer{}, fail(http.StatusUnprocessableEntity, "say why it is rejected: whoever looks at it next will ask")
	}
	verdict, err := q.app.DecideOn(q.Context(), q.person.Operator, q.PathValue("digest"), approve, reason)
	if err != nil {
		return answer{}, err
	}
	return answer{to: "/", said: verdict.Message, json: verdict}, nil
}
