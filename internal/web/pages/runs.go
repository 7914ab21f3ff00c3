package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"syncd/internal/app"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// runsPage is what the program did, run by run, and the way back.
var runsPage = page{name: "Runs", path: "/runs", routes: []route{
	{pattern: "GET /runs", role: app.RoleViewer, handle: showRuns},
	{pattern: "GET /runs/{run}", role: app.RoleViewer, handle: showRun},
	{pattern: "GET /runs/{run}/progress", role: app.RoleViewer, handle: followRun},
	{pattern: "POST /runs/{run}/revert", role: app.RoleApprover, handle: revertRun},
}}

// How many runs, entries and scopes a page shows.
const (
	runsShown    = 50
	entriesShown = 50

	differencesShown = 3 // of an entry, at once
)

// A runLine is a run as the list shows it.
type runLine struct {
	app.RunState
	Result tag
	Took   string
	Came   string // what the scopes came to
}

// A runView is what the page of a run shows.
type runView struct {
	app.RunState
	Entries []entryLine
	Pager   pager
	Scopes  []app.Standing // those that it was the last to look at, but for the quiet ones
	Quiet   int
	Way     *asking // back from all of it; nil where there is none
}

// An entryLine is an entry of the journal as pages show it.
type entryLine struct {
	state.Entry
	What    string
	Changed []app.Difference // at most differencesShown
	More    []app.Difference // the others
	Why     string
	Way     *asking
}

func showRuns(q *request) (answer, error) {
	first := (pageAsked(q.Request) - 1) * runsShown
	runs, older, err := q.app.Runs(q.Context(), first, runsShown)
	if err != nil {
		return answer{}, err
	}
	a := answer{page: "runs", title: "Runs", json: app.RunList{Runs: app.Listed(runs)}, commands: []string{"syncd history", "syncd status"}}
	lines := []runLine{}
	a.headline = "Nothing was applied yet"
	for _, r := range runs {
		lines = append(lines, newRunLine(r))
		if r.Progress != nil {
			a.headline = "A run is under way"
		}
	}
	if first == 0 && len(lines) > 0 && runs[0].Progress == nil {
		a.headline = "The last run " + lines[0].Result.Text
	} else if first > 0 {
		a.headline = "Earlier runs"
	}
	if len(lines) > 0 {
		a.sub = "Times are in " + q.app.Location.String() + ". A run is every scheduled or typed apply; plans that only look are not kept."
	}
	a.data = struct {
		Runs  []runLine
		Pager pager
	}{lines, uncounted(q.Request, first, len(lines), older)}
	return a, nil
}

func newRunLine(r app.RunState) runLine {
	line := runLine{RunState: r, Result: resultOf(&r), Came: cameTo(r.Totals)}
	switch {
	case r.Progress != nil:
		line.Came = progressText(r.Progress)
	case !r.Finished.IsZero():
		line.Took = r.Finished.Sub(r.Started).Round(time.Second).String()
	}
	return line
}

// resultOf is what became of a run, in a word or two.
func resultOf(r *app.RunState) tag {
	switch {
	case r.Progress != nil:
		return tag{"is under way", "attention"}
	case r.CutOff():
		return tag{"was cut off", "trouble"}
	}
	switch r.Result() {
	case state.RunStopped:
		return tag{"was stopped", "attention"}
	case state.RunFailed:
		return tag{"failed", "trouble"}
	case state.RunPartial:
		return tag{"failed for some", "trouble"}
	}
	return tag{"succeeded", "good"}
}

// cameTo says how many scopes came to what.
func cameTo(totals map[string]int) string {
	var parts []string
	for _, o := range sync.Outcomes {
		if n := totals[string(o)]; n > 0 {
			parts = append(parts, state.Counted(n, state.Standing(string(o), nil, nil)))
		}
	}
	return strings.Join(parts, " · ")
}

func progressText(p *sync.Progress) string {
	if p.Total == 0 {
		return "asking who there is"
	}
	return fmt.Sprintf("%d of %d", p.Done, p.Total)
}

func showRun(q *request) (answer, error) {
	r, err := runAsked(q)
	if err != nil {
		return answer{}, err
	}
	if q.wantsJSON() {
		entries, err := q.app.History(q.Context(), app.HistoryFilter{Run: r.ID})
		return answer{json: app.HistoryList{Entries: entries}}, err
	}
	first := (pageAsked(q.Request) - 1) * entriesShown
	entries, older, err := q.app.RunEntries(q.Context(), r.ID, first, entriesShown)
	if err != nil {
		return answer{}, err
	}
	scopes, err := q.app.LastScopes(q.Context(), r.ID)
	if err != nil {
		return answer{}, err
	}
	v := runView{RunState: r, Pager: uncounted(q.Request, first, len(entries), older)}
	v.Scopes, v.Quiet = troubledScopes(scopes)
	reversible := false
	for i := range entries {
		e := newEntryLine(&entries[i])
		if app.Reversible(&entries[i]) && !r.Finished.IsZero() {
			reversible = true
			e.Way = wayBack(r.ID, "Undo", "Plan the way back", field{Name: "customer", Value: e.Scope.Customer}, field{Name: "only", Value: e.Key.ID})
		}
		v.Entries = append(v.Entries, e)
	}
	if reversible {
		v.Way = wayBack(r.ID, "Undo the whole run", "Plan the way back")
	}
	line := newRunLine(r)
	a := answer{page: "run", title: "Run " + r.ID, headline: "This run " + line.Result.Text, data: v,
		commands: []string{"syncd history --run " + r.ID, "syncd revert " + r.ID}}
	a.sub = strings.Join([]string{r.Job, r.Trigger, "began " + whenZone(r.Started, q.app.Now(), q.app.Location)}, " · ")
	if line.Took != "" {
		a.sub += " · took " + line.Took
	}
	if r.Error != "" {
		a.trouble = append(a.trouble, trouble{What: "The run as a whole did not end well.", Do: sentence(r.Error)})
	}
	if r.CutOff() {
		a.trouble = append(a.trouble, trouble{What: "The run was cut off.", Do: "The next run finds out what of it got through, and writes nothing twice."})
	}
	for _, o := range sync.Outcomes {
		if n := r.Totals[string(o)]; n > 0 && len(a.strip) < 4 {
			a.strip = append(a.strip, figure{quantity(n), state.Standing(string(o), nil, nil)})
		}
	}
	return a, nil
}

// runAsked is the run of the address.
func runAsked(q *request) (app.RunState, error) {
	r, err := q.app.RunOf(q.Context(), q.PathValue("run"))
	if _, unknown := errors.AsType[app.UsageError](err); unknown {
		return r, fail(http.StatusNotFound, "%w", err)
	}
	return r, err
}

// troubledScopes are those that somebody should look at, and how many others there are.
func troubledScopes(scopes []app.Standing) (troubled []app.Standing, others int) {
	for _, s := range scopes {
		if tone(s.Stands) == "trouble" && len(troubled) < scopesShown {
			troubled = append(troubled, s)
			continue
		}
		others++
	}
	return troubled, others
}

func newEntryLine(e *state.Entry) entryLine {
	line := entryLine{Entry: *e, What: strings.TrimSpace(string(e.Action) + " " + e.Label), Why: string(e.Reason)}
	line.Changed = app.Differences(e)
	most := differencesShown
	if e.Before == nil { // all of it is new
		most = 0
	}
	if len(line.Changed) > most+1 { // one more takes no more room than a word about it
		line.Changed, line.More = line.Changed[:most], line.Changed[most:]
	}
	if e.Run == app.CommandRun {
		line.What = e.Label
	}
	if e.Explanation != nil {
		line.Why += ": " + e.Explanation.Text()
	}
	if e.Reverts != "" {
		line.Why += " (takes back run " + e.Reverts + ")" + app.CreditText(app.CreditsOf(e))
	}
	return line
}

// wayBack is the form that asks for the way back from a run.
func wayBack(run, button, do string, part ...field) *asking {
	return &asking{Button: button, Do: do, To: address("runs", run, "revert"), Hidden: part, Quiet: len(part) > 0,
		Fields: []field{{Name: "reason", Label: "Why (for the journal)", Required: true}}}
}

// reversionTakes is how long somebody waits for the plan of a way back. It goes on after that.
const reversionTakes = 40 * time.Second

// revertRun plans the way back, which then waits in the inbox like any plan.
func revertRun(q *request) (answer, error) {
	r, err := runAsked(q)
	if err != nil {
		return answer{}, err
	}
	asked := app.Revert{Run: r.ID, Customer: q.fields.Get("customer"), Only: q.fields.Get("only"), Reason: strings.TrimSpace(q.fields.Get("reason"))}
	if asked.Reason == "" {
		return answer{}, fail(http.StatusUnprocessableEntity, "say why it is taken back: the journal keeps it")
	}
	earlier, err := askedBack(q, &asked)
	if err != nil {
		return answer{}, err
	}
	report, ended, err := q.app.RevertFor(q.Context(), q.person.Operator, asked, reversionTakes)
	switch {
	case err != nil:
		return answer{}, err
	case !ended:
		return answer{to: "/runs", said: "The way back from run " + r.ID + " is being planned. It waits in the inbox once that is done."}, nil
	}
	waiting, why := 0, []string{}
	for i := range report.Scopes {
		s := &report.Scopes[i]
		if s.Outcome == sync.Held {
			waiting++
		}
		if s.Error != nil {
			why = append(why, s.Customer.Name+": "+*s.Error)
		}
		for _, v := range s.Violations {
			if v.Code == "not_reverted" {
				why = append(why, v.Message)
			}
		}
	}
	said := "The way back from run " + r.ID + " is planned: " + app.Count(waiting, "plan") + " in the inbox."
	if earlier != "" {
		said += " " + earlier
	}
	if len(why) > 0 {
		said += " Left as it is: " + strings.Join(why, "; ") + "."
	}
	return answer{to: "/", said: said, json: report}, nil
}

// askedBack says who asked for the same way back before: that word stands.
func askedBack(q *request, asked *app.Revert) (string, error) {
	all, err := state.Reversals(q.Context(), q.app.Store)
	for i := range all {
		r := &all[i]
		if r.Run == asked.Run && (asked.Customer == "" || asked.Customer == r.Scope.Customer) && (asked.Only == "" || asked.Only == r.Key.ID) {
			return fmt.Sprintf("%s asked for it already, %s: that word stands, and the reason given now is not kept.", clipped(r.By, maxName), whenZone(r.At, q.app.Now(), q.app.Location)), nil
		}
	}
	return "", err
}

// How often a run that is watched is looked at, and how long one connection lasts.
const (
	followEvery = time.Second
	followFor   = 10 * time.Minute
)

// followRun streams how far a run is, as server-sent events, until it has ended.
func followRun(q *request) (answer, error) {
	r, err := runAsked(q)
	if err != nil {
		return answer{}, err
	}
	return follow(q, func() (string, bool) {
		p, underWay := q.app.Engine.Progress(r.ID)
		if !underWay {
			return "ended", false
		}
		return progressText(&p), true
	}), nil
}

// follow streams how far long work is, as server-sent events, until it has ended.
func follow(q *request, look func() (text string, underWay bool)) answer {
	return answer{file: func(w http.ResponseWriter) error {
		takesLong(w)
		out := http.NewResponseController(w)
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		for stop := time.Now().Add(followFor); time.Now().Before(stop); {
			text, underWay := look()
			event := "progress"
			if !underWay {
				event = "ended"
			}
			data, err := json.Marshal(map[string]string{"text": text})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data); err != nil {
				return err
			}
			if err := out.Flush(); err != nil || !underWay {
				return err
			}
			select {
			case <-q.Context().Done():
				return nil
			case <-tick.C:
			}
		}
		return nil
	}}
}
