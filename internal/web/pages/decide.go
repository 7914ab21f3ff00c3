package pages

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// reasonOf is why somebody decides so; a rejection needs it.
func reasonOf(q *request, approve bool) (string, error) {
	reason := strings.TrimSpace(q.fields.Get("reason"))
	if !approve && reason == "" {
		return "", fail(http.StatusUnprocessableEntity, "say why it is rejected: whoever looks at it next will ask")
	}
	return reason, nil
}

// seenField says in a form which decision on the plan the page showed, so that nobody overrules
// what was decided since without knowing.
const seenField = "seen"

// decide takes a person's word on one plan.
func decide(q *request, approve bool) (answer, error) {
	reason, err := reasonOf(q, approve)
	if err != nil {
		return answer{}, err
	}
	var seen *string
	if q.fields.Has(seenField) {
		text := q.fields.Get(seenField)
		seen = &text
	}
	v, err := q.app.DecideOn(q.Context(), q.person.Operator, q.PathValue("digest"), approve, reason, seen)
	if errors.As(err, new(*app.FourEyesError)) {
		return answer{}, forOthers(err)
	}
	if err != nil {
		return answer{}, err
	}
	said := clipped(v.Customer.Name, maxName) + " at " + q.app.Config.TargetTitle(v.Target) + ": " + strings.ReplaceAll(v.Decision, "_", " ") + "."
	if v.Decision == "approved" && v.Message == "" {
		said += " " + sentence(nextWrite(q, v.Target))
	}
	if v.Message != "" {
		said += " " + sentence(v.Message)
	}
	return answer{to: q.inbox(), said: said, json: v}, nil
}

// forOthers says that a person may not approve what that person changed.
func forOthers(err error) error {
	return &failure{status: http.StatusForbidden, err: err, title: "Somebody else must approve this"}
}

// A review is what somebody chose, before it is decided.
type review struct {
	Plans   []card
	LeftOut []app.Verdict // with why
	Hidden  []field       // what the forms send
	Reject  asking
	More    int // plans that are not listed
	Taken   int
	Back    string
}

// chosenDigests are the plans that a form speaks of: those named, and those that change
// nothing, as they were shown.
func chosenDigests(q *request, named []string, adopting string, all []app.Waiting) ([]string, error) {
	digests := slices.Clone(named)
	if adopting != "" {
		var plans []app.Waiting
		for _, w := range all {
			if w.Adopts() && w.InBulk() {
				plans = append(plans, w)
			}
		}
		view, _ := url.ParseQuery(q.view())
		filter := inboxFilter{Target: view.Get("target"), Reason: view.Get("reason"), Size: view.Get("size")}
		plans = slices.DeleteFunc(plans, func(w app.Waiting) bool { return !filter.fits(&w) })
		if digestsSum(plans) != adopting {
			return nil, fail(http.StatusConflict, "the customers who only need adopting are others than those that were shown; look at them again")
		}
		for i := range plans {
			digests = append(digests, plans[i].Digest)
		}
	}
	slices.Sort(digests)
	if digests = slices.Compact(digests); len(digests) == 0 {
		return nil, fail(http.StatusUnprocessableEntity, "nothing was chosen: tick one plan or more")
	}
	return digests, nil
}

// viewField says in a form which part of the inbox the page showed, so that whoever decided comes
// back to it, and does not meet another plan in the place of the next one.
const viewField = "view"

// view is the part of the inbox that a request shows, or that its form was shown in.
func (q *request) view() string {
	asked := q.URL.Query()
	if q.URL.Path != "/" {
		asked, _ = url.ParseQuery(q.formOrQuery(viewField)) // what cannot be read shows all of it
	}
	shown := url.Values{}
	for _, name := range []string{"target", "reason", "size", pageField} {
		if v := asked.Get(name); v != "" {
			shown.Set(name, v)
		}
	}
	return shown.Encode()
}

// inbox is the address of the part of the inbox that a form was shown in.
func (q *request) inbox() string { return (&url.URL{Path: "/", RawQuery: q.view()}).String() }

func (q *request) formOrQuery(name string) string {
	if q.Method == http.MethodPost {
		return q.fields.Get(name)
	}
	return q.URL.Query().Get(name)
}

// reviewChosen shows what deciding on the chosen plans would do.
func reviewChosen(q *request) (answer, error) {
	all, err := q.app.Waiting(q.Context())
	if err != nil {
		return answer{}, err
	}
	asked := q.URL.Query()
	digests, err := chosenDigests(q, asked["digest"], asked.Get("adopting"), all)
	if err != nil {
		return answer{}, err
	}
	r := &review{Back: q.inbox(), Hidden: []field{{Name: viewField, Value: q.view()}}}
	var holds []state.Hold
	extents := map[string]app.Waiting{}
	for _, w := range all {
		if slices.Contains(digests, w.Digest) {
			holds, extents[w.Digest] = append(holds, w.Hold), w
		}
	}
	taken, out := app.Sweep(holds)
	taken, forOthers, err := q.app.ForOthers(q.Context(), q.person.Operator, taken)
	if err != nil {
		return answer{}, err
	}
	taken, forOthers = app.WithoutHalves(taken, forOthers)
	r.LeftOut = append(out, forOthers...)
	var up, down app.Sums
	writes := 0
	targets := map[string]bool{}
	r.Taken = len(taken)
	for i := range taken {
		w := extents[taken[i].Digest]
		up.AddAll(w.Up)
		down.AddAll(w.Down)
		writes += w.Writes
		targets[w.Scope.Target] = true
		r.Hidden = append(r.Hidden, field{Name: "digest", Value: w.Digest})
		if len(r.Plans) < namesShown {
			r.Plans = append(r.Plans, newCard(q, w))
		} else {
			r.More++
		}
	}
	r.Reject = asking{Button: "Reject", Do: "Reject " + plural(len(taken), "plan"), To: "/holds/reject", Hidden: r.Hidden,
		Fields: []field{{Name: "reason", Label: "Why, for whoever looks at them next", Required: true}}}
	a := answer{page: "review", title: "Review", data: r, json: app.HoldList{Holds: app.Listed(taken)}, commands: []string{"syncd approve --digest DIGEST"}}
	a.headline = "Approve " + plural(len(taken), "plan") + "?"
	if len(taken) == 0 {
		a.headline = "None of these can be approved together"
	}
	if len(taken) > 0 {
		a.sub = nextWrites(q, slices.Collect(maps.Keys(targets))...)
		a.strip = inboxStrip(up, down, writes, 0)
	}
	return a, nil
}

// decideChosen takes a person's word on many plans.
func decideChosen(q *request, approve bool) (answer, error) {
	reason, err := reasonOf(q, approve)
	if err != nil {
		return answer{}, err
	}
	all, err := q.app.Waiting(q.Context())
	if err != nil {
		return answer{}, err
	}
	digests, err := chosenDigests(q, q.fields["digest"], q.fields.Get("adopting"), all)
	if err != nil {
		return answer{}, err
	}
	decided, leftOut, err := q.app.DecideTogether(q.Context(), q.person.Operator, approve, reason, digests)
	if err != nil {
		return answer{}, err
	}
	done := map[bool]string{true: "approved", false: "rejected"}[approve]
	why := ""
	for i := range leftOut {
		why += " " + sentence(leftOut[i].Message)
		if i == 2 && len(leftOut) > 3 {
			why += " And " + plural(len(leftOut)-3, "other") + "."
			break
		}
	}
	if len(decided) == 0 && len(leftOut) > 0 && !slices.ContainsFunc(leftOut, func(v app.Verdict) bool { return !v.ForOthers }) {
		return answer{}, forOthers(&app.FourEyesError{Apart: leftOut})
	}
	if len(decided) == 0 {
		return answer{}, fail(http.StatusConflict, "none of the %s was %s.%s", plural(len(digests), "plan"), done, why)
	}
	said := plural(len(decided), "plan") + " " + done + "."
	if approve {
		var targets []string
		for i := range decided {
			if t := decided[i].Target; !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
		said += " " + nextWrites(q, targets...)
	}
	if len(leftOut) > 0 {
		said += " " + plural(len(leftOut), "plan") + " left out:" + why
	}
	return answer{to: q.inbox(), said: said, json: struct {
		Decisions []app.Verdict `json:"decisions"`
	}{append(decided, leftOut...)}}, nil
}

// keyOf is the object that a form speaks of.
func keyOf(q *request) plan.Key { return plan.Key{Kind: q.fields.Get("kind"), ID: q.fields.Get("key")} }

// keepEdit keeps what a person set at the target until a day.
func keepEdit(q *request) (answer, error) {
	until, reason := q.fields.Get("until"), strings.TrimSpace(q.fields.Get("reason"))
	var edits []mapping.Edit
	err := again(func() (err error) {
		edits, err = q.app.KeepUntil(q.Context(), q.person.Operator, q.PathValue("digest"), keyOf(q), until, reason)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.inbox(), said: "Kept until " + dayOf(until, q.app.Now(), q.app.Location) + ". The next run plans with it.", json: struct {
		Edits any `json:"edits"`
	}{edits}}, nil
}

// leaveAlone has an object left alone.
func leaveAlone(q *request) (answer, error) {
	h, err := q.app.LeaveAlone(q.Context(), q.person.Operator, q.PathValue("digest"), keyOf(q), q.fields.Get("reason"))
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.inbox(), said: "Left alone at " + clipped(h.Name, maxName) + ". The next run plans without it; Matches lists it, and there it is taken back.", json: struct {
		Customer string `json:"customer"`
		Target   string `json:"target"`
		Decision string `json:"decision"`
	}{h.Scope.Customer, h.Scope.Target, "ignore"}}, nil
}

// applyNow starts a run that writes what is approved.
func applyNow(q *request) (answer, error) {
	scope := plan.Scope{Target: strings.TrimSpace(q.fields.Get("target"))}
	if text := strings.TrimSpace(q.fields.Get("customer")); text != "" {
		key, err := q.app.Remembered(q.Context(), text)
		if err != nil {
			return answer{}, notFound(err)
		}
		scope.Customer = key
	}
	if known := q.app.Config.Targets(); scope.Target != "" && !slices.Contains(known, scope.Target) {
		return answer{}, fail(http.StatusUnprocessableEntity, "target: there is no %q; one of %s", visible.Clip(scope.Target, 40), strings.Join(known, ", "))
	}
	if scope.Customer != "" && scope.Target != "" {
		m, err := q.app.Store.Recall(q.Context(), scope)
		if err != nil {
			return answer{}, err
		}
		if m.Cursor == nil && m.Hold == nil {
			return answer{}, fail(http.StatusNotFound, "nothing is known of this customer at this target")
		}
	}
	if err := q.app.ApplyNow(q.person.Operator, scope); errors.Is(err, app.ErrRunsAlready) {
		return answer{}, &failure{status: http.StatusConflict, err: err, title: "This runs already", back: "/runs", backTo: "the runs"}
	} else if err != nil {
		return answer{}, err
	}
	return answer{to: q.inbox(), said: "The run began. What it writes stands in the journal; reload this page to see what is left.", json: struct {
		Started bool `json:"started"`
	}{true}}, nil
}
