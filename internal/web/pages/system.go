package pages

import (
	"slices"
	"strings"

	"syncd/internal/app"
	"syncd/internal/state"
)

// systemPage is whether the program itself is well.
var systemPage = page{name: "System", path: "/system", routes: []route{
	{pattern: "GET /system", role: app.RoleViewer, handle: showSystem},
}}

// scopesShown is how many scopes a page of them shows.
const scopesShown = 50

// A system is what the page shows of the program.
type system struct {
	Jobs   []app.JobState
	Totals []string       // how many scopes stand so
	Scopes []app.Standing // what is not in step, or put off
	Pager  pager
}

// quiet are the scopes that nobody need look at.
var quiet = []string{state.StandsInStep, state.StandsUnchanged, state.StandsChanged, state.StandsApproved, state.StandsNeedsApproval, state.StandsWouldChange}

func showSystem(q *request) (answer, error) {
	v, err := q.app.Status(q.Context(), "")
	if err != nil {
		return answer{}, err
	}
	shown := system{Jobs: q.app.Jobs()}
	counts := map[string]int{}
	for _, s := range v.Scopes {
		counts[s.Stands]++
	}
	for _, stands := range state.Standings {
		if n := counts[stands]; n > 0 {
			shown.Totals = append(shown.Totals, state.Counted(n, stands))
		}
	}
	scopes := slices.DeleteFunc(slices.Clone(v.Scopes), func(s app.Standing) bool { return slices.Contains(quiet, s.Stands) })
	slices.SortStableFunc(scopes, func(a, b app.Standing) int {
		if by := slices.Index(state.Standings, a.Stands) - slices.Index(state.Standings, b.Stands); by != 0 {
			return by
		}
		return strings.Compare(fold(a.Name), fold(b.Name))
	})
	first, last, pager := paged(q.Request, len(scopes), scopesShown)
	shown.Scopes, shown.Pager = scopes[first:last], pager

	a := answer{page: "system", title: "System", headline: "Everything runs", data: shown, json: v, commands: []string{"syncd status", "syncd check"}}
	if err := q.app.Ready(); err != nil {
		a.headline = "syncd is not ready"
		a.trouble = append(a.trouble, trouble{What: "Not ready.", Do: sentence(err.Error())})
	}
	for i := range v.Failing {
		a.headline = "Not every job succeeds"
		a.trouble = append(a.trouble, trouble{What: sentence(v.Failing[i].Short(q.app.Location)), Do: sentence(v.Failing[i].Why)})
	}
	for _, x := range v.Waits {
		a.trouble = append(a.trouble, trouble{What: x.System + " is left alone until " + whenZone(x.Until, q.app.Now(), q.app.Location) + ".", Do: sentence(x.Why)})
	}
	a.sub = "syncd " + q.app.Version + " · times are in " + q.app.Location.String()
	return a, nil
}
