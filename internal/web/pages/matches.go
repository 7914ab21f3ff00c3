package pages

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/app"
	"syncd/internal/plan"
)

// matchesPage is which objects a person must settle.
var matchesPage = page{name: "Matches", path: "/matches", count: func(a *around) int { return a.asked }, routes: []route{
	{pattern: "GET /matches", role: app.RoleViewer, handle: showMatches},
	{pattern: "POST /matches/settle", role: app.RoleMapper, handle: settleMatch},
	{pattern: "GET /matches/export", role: app.RoleViewer, handle: exportMatches},
	{pattern: "POST /matches/import", role: app.RoleMapper, handle: importMatches, body: maxTable},
}}

// matchesShown is how many objects the page shows.
const matchesShown = 25

// settling is how long somebody waits while a target is asked whether what is accepted is
// there. It goes on after that.
const settling = 40 * time.Second

// A matchView is what the page shows.
type matchView struct {
	Cards   []matchCard
	Pager   pager
	Target  string
	Targets []option
}

// A matchCard is an object on which somebody decides, or did.
type matchCard struct {
	app.Question
	Label                string
	Ignore, Other, Again *asking
	Anew                 bool              // a new one may be made
	Beside               map[string]string // what goes on being billed beside a candidate, by its ref
}

func showMatches(q *request) (answer, error) {
	if q.wantsJSON() {
		matches, err := q.app.Matches(q.Context())
		return answer{json: app.MatchList{Matches: matches}}, err
	}
	questions, err := q.app.Questions(q.Context())
	if err != nil {
		return answer{}, err
	}
	targets := slices.Clone(q.app.Config.Targets())
	for i := range questions { // also those at one that is configured no more
		targets = append(targets, questions[i].Target)
	}
	slices.Sort(targets)
	if err := q.wrongChoice("target", slices.Compact(targets)...); err != nil {
		return answer{}, err
	}
	v := matchView{Target: q.URL.Query().Get("target")}
	open := 0
	for i := range questions {
		if x := &questions[i]; x.Decision == "" {
			open++
		}
		if t := questions[i].Target; !slices.ContainsFunc(v.Targets, func(o option) bool { return o.Value == t }) {
			v.Targets = append(v.Targets, option{t, q.app.Config.TargetTitle(t), t == v.Target})
		}
	}
	questions = slices.DeleteFunc(questions, func(x app.Question) bool { return v.Target != "" && x.Target != v.Target })
	first, last, pager := paged(q.Request, len(questions), matchesShown)
	v.Pager = pager
	for i := range questions[first:last] {
		card, err := q.newMatchCard(&questions[first+i])
		if err != nil {
			return answer{}, err
		}
		v.Cards = append(v.Cards, card)
	}
	a := answer{page: "matches", title: "Matches", headline: "Nothing is to be settled", data: &v,
		commands: []string{"syncd matches", "syncd matches accept CUSTOMER TARGET KEY REF", "syncd matches export matches.csv"}}
	switch {
	case open == 1:
		a.headline = "One object needs your word"
	case open > 1:
		a.headline = spelled(open, "object") + " need your word"
	}
	if len(questions) > 0 {
		a.sub = "Until you say which is which, nothing is created for them; the rest of the customer goes ahead."
	}
	return a, nil
}

func (q *request) newMatchCard(x *app.Question) (matchCard, error) {
	c := matchCard{Question: *x}
	var err error
	if c.Label, err = q.app.Label(q.Context(), x); err != nil {
		return c, err
	}
	c.Ignore = c.asking("Leave alone", "Leave it alone from now on", plan.SettleIgnore, field{Name: "reason", Label: "Why", Required: true})
	c.Other = c.asking("It is another one", "It is this one", plan.SettleAccept, field{Name: "ref", Label: "Its id at " + q.app.Config.TargetTitle(x.Target), Required: true})
	c.Anew = q.app.Creates(x.Target)
	if c.Code == "duplicate_lines" && x.Decision == "" { // nothing was tried that could be tried again
		c.Beside = map[string]string{}
		for _, one := range x.Candidates {
			var rest []string
			for _, other := range x.Candidates {
				if other.Ref != one.Ref {
					rest = append(rest, other.Label+" ("+other.Ref+")")
				}
			}
			c.Beside[one.Ref] = strings.Join(rest, "; ")
		}
		return c, nil
	}
	c.Again = c.asking("Try again", "Try again", plan.SettleRetry)
	if x.Decision != "" {
		c.Again.Button, c.Again.Do = "Take the word back", "Take the word back"
	}
	return c, nil
}

// hidden are the fields that say which object is meant, and how.
func (c *matchCard) hidden(how string) []field {
	return []field{{Name: "customer", Value: c.Customer.Key}, {Name: "target", Value: c.Target}, {Name: "key", Value: c.Kind + "/" + c.Key}, {Name: "seen", Value: c.Decision}, {Name: "how", Value: how}}
}

func (c *matchCard) asking(button, do, how string, fields ...field) *asking {
	return &asking{Button: button, Do: do, To: "/matches/settle", Hidden: c.hidden(how), Fields: fields, Quiet: true}
}

// Accepts are the fields of the form that takes a candidate.
func (c matchCard) Accepts(ref string) []field {
	return append(c.hidden(plan.SettleAccept), field{Name: "ref", Value: ref})
}

// Creates are the fields of the form that takes none of them.
func (c matchCard) Creates() []field { return c.hidden(plan.SettleCreate) }

// Chosen reports whether a candidate is the one that was accepted.
func (c matchCard) Chosen(ref string) bool { return c.Decision == plan.SettleAccept+" "+ref }

// hows are the decisions that a person may take, and what is said of each once it is taken.
var hows = map[string]string{plan.SettleAccept: "is the one with the id %s", plan.SettleCreate: "is created anew", plan.SettleIgnore: "is left alone", plan.SettleRetry: "is tried again"}

func settleMatch(q *request) (answer, error) {
	word := app.Word{Customer: q.fields.Get("customer"), Target: q.fields.Get("target"), Key: q.fields.Get("key"), How: q.fields.Get("how"),
		Ref: strings.TrimSpace(q.fields.Get("ref")), Reason: strings.TrimSpace(q.fields.Get("reason"))}
	if q.fields.Has("seen") {
		seen := q.fields.Get("seen")
		word.Seen = &seen
	}
	said, known := hows[word.How]
	switch {
	case !known:
		return answer{}, fail(http.StatusUnprocessableEntity, "say how it is settled: accept, create, ignore or retry")
	case word.Customer == "" || word.Target == "" || word.Key == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say which object is meant: customer, target and key")
	case word.How == plan.SettleAccept && word.Ref == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say which one it is, by its id (ref)")
	case word.How == plan.SettleIgnore && word.Reason == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say why it is left alone; somebody will ask")
	case word.How != plan.SettleAccept:
		word.Ref = ""
	}
	done, ended, err := q.app.SettleFor(q.Context(), q.person.Operator, word, settling)
	switch {
	case err != nil:
		return answer{}, err
	case !ended:
		return answer{to: "/matches", said: "The target is being asked whether it is there. The decision is here once that is known.", json: map[string]any{"settling": true}}, nil
	}
	a := answer{to: "/matches", json: map[string]any{"customer": done.Customer, "target": done.Target, "key": done.Key.ID, "how": word.How}}
	a.said = clipped(done.Label+" of "+done.Customer.Name, maxName) + " " + strings.ReplaceAll(said, "%s", word.Ref) + ". The next plan shows what follows."
	if done.Already {
		a.said = "Somebody said the same already; nothing was changed."
	}
	return a, nil
}

func exportMatches(q *request) (answer, error) {
	var body bytes.Buffer
	if _, err := q.app.ExportMatches(q.Context(), &body); err != nil {
		return answer{}, err
	}
	return csvFile("matches.csv", body.Bytes()), nil
}

func importMatches(q *request) (answer, error) {
	name, text, err := q.uploaded()
	if err != nil {
		return answer{}, err
	}
	edits, err := q.app.ImportMatches(q.Context(), q.person.Operator, name, text)
	if err != nil {
		return answer{}, err
	}
	return answer{to: "/matches", said: plural(len(edits), "decision") + " changed.", json: editList{app.Listed(edits)}}, nil
}
