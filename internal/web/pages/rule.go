package pages

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// A ruleView is the form of one rule.
type ruleView struct {
	Cells    map[string]string
	Was      []field // which line is edited; none of a new one
	Beside   string  // the rules of the licence, as a new one is written beside them
	Known    bool    // whether it stands in the table already
	People   bool    // whether it is about no licence
	Name     string
	Counts   []choice
	Statuses []choice
	Floors   []choice
	Search   string
	Found    []app.ProductFound
	Searched bool
	Taken    string // from the catalogue, or a suggestion
	Problems []mapping.Problem
	Others   []ruleLine // of the same licence
	Remove   []field
}

// A choice is an option of a form.
type choice struct {
	Value, Text string
	Chosen      bool
}

func choices(chosen string, all ...choice) []choice {
	for i := range all {
		all[i].Chosen = all[i].Value == chosen
	}
	return all
}

// Of is what a cell says.
func (v *ruleView) Of(column string) string { return v.Cells[column] }

// refFields are the fields of a form that say which rule is edited.
func refFields(ref *app.RuleRef) map[string]string {
	return map[string]string{"was": "yes", "was_customer": ref.Customer, "was_sku": ref.SKU, "was_product": ref.Product, "was_who": ref.Who, "was_subscriptions": ref.Subscriptions}
}

// ruleAsked is the rule that a form speaks of; nil for a new one.
func ruleAsked(get func(string) string) *app.RuleRef {
	if get("was") == "" {
		return nil
	}
	return &app.RuleRef{Customer: get("was_customer"), SKU: get("was_sku"), Product: get("was_product"), Who: get("was_who"), Subscriptions: get("was_subscriptions")}
}

// cellsAsked are the cells that a form has.
func cellsAsked(has func(string) bool, get func(string) string) map[string]string {
	cells := map[string]string{}
	for _, column := range mapping.RuleHeader {
		if has(column) {
			cells[column] = get(column)
		}
	}
	return cells
}

func showRule(q *request) (answer, error) {
	query := q.URL.Query()
	return ruleAnswer(q, ruleAsked(query.Get), cellsAsked(query.Has, query.Get), query.Get("choose"), query.Get("search"), nil)
}

// ruleAnswer is the form with what was filled in so far, and what the catalogue has for a text.
func ruleAnswer(q *request, was *app.RuleRef, cells map[string]string, chosen, search string, problems []mapping.Problem) (answer, error) {
	board, err := q.products.get(q.Context(), "")
	if err != nil {
		return answer{}, err
	}
	v := &ruleView{Cells: map[string]string{"status": mapping.Bill, "count": mapping.Purchased}, Search: strings.TrimSpace(search), Problems: problems}
	sku := strings.ToLower(strings.TrimSpace(cells["sku_id"]))
	if was != nil {
		r, err := q.app.Rule(q.Context(), *was)
		if err != nil {
			return answer{}, err
		}
		for i, cell := range r.Cells() {
			v.Cells[mapping.RuleHeader[i]] = cell
		}
		if v.Cells["status"] == mapping.Propose {
			v.Cells["status"] = mapping.Bill // this is what accepting it means
		}
		v.Known, sku = true, r.SKU
		for name, value := range refFields(was) {
			v.Was = append(v.Was, field{Name: name, Value: value})
		}
		slices.SortFunc(v.Was, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	}
	for column, text := range cells {
		v.Cells[column] = text
	}
	if chosen != "" {
		v.Cells["product"], v.Taken, v.Search = chosen, chosen, ""
	}
	v.describe(board, sku, was)
	if v.Beside, err = q.app.RulesOf(q.Context(), sku); err != nil {
		return answer{}, err
	}
	if v.Search != "" {
		if v.Found, err = q.app.FindProducts(q.Context(), v.Search); err != nil {
			return answer{}, err
		}
		v.Searched = true
	}
	a := answer{page: "rule", title: "Rule of " + clipped(v.Name, maxName), data: v, commands: []string{"syncd products export FILE", "syncd products import FILE"},
		headline: "How " + clipped(v.Name, maxName) + " is billed", sub: "Nothing is saved before you have seen what it does to the bills.",
		json: struct {
			Rule     map[string]string  `json:"rule"`
			Seen     string             `json:"seen"`
			Products []app.ProductFound `json:"products"`
		}{v.Cells, v.Beside, app.Listed(v.Found)}}
	if v.Known && was.Customer != "" {
		a.headline += " at " + clipped(cmp.Or(board.Names[was.Customer], was.Customer), maxName)
	}
	if len(problems) > 0 {
		a.status = http.StatusUnprocessableEntity
	}
	return a, nil
}

// describe adds what the form says of the licence, and the choices.
func (v *ruleView) describe(board *app.ProductBoard, sku string, was *app.RuleRef) {
	v.People = sku == ""
	v.Name = cmp.Or(v.Cells["name"], v.Cells["sku"], sku, "people")
	for i := range board.Uses {
		if u := &board.Uses[i]; sku != "" && u.ID == sku {
			v.Name = u.Name
			v.Cells["sku_id"], v.Cells["sku"], v.Cells["name"] = u.ID, u.Part, u.Name
			for j := range u.Rules {
				if r := &u.Rules[j]; was == nil || app.Ref(r) != *was {
					v.Others = append(v.Others, newRuleLine(board, r))
				}
			}
		}
	}
	v.Counts = choices(v.Cells["count"], choice{Value: mapping.Purchased, Text: "what is bought"}, choice{Value: mapping.Assigned, Text: "what is assigned"},
		choice{Value: mapping.Larger, Text: "the larger of bought and assigned"}, choice{Value: mapping.People, Text: "people, as “who” picks them"})
	v.Statuses = choices(v.Cells["status"], choice{Value: mapping.Bill, Text: "bill it"}, choice{Value: mapping.Ignore, Text: "do not bill it, with a reason"},
		choice{Value: mapping.Propose, Text: "suggested: does nothing"})
	v.Floors = choices(v.Cells["floor"], choice{Value: "", Text: "none"}, choice{Value: mapping.Purchased, Text: "never fewer than are bought"})
}

// planRule takes the form of a rule and begins to plan what it would do.
func planRule(q *request) (answer, error) {
	cells := cellsAsked(q.fields.Has, q.fields.Get)
	if cells["status"] == mapping.Ignore { // of what is not billed the rest says nothing
		for _, column := range []string{"product", "count", "who", "weight", "minimum", "maximum", "floor"} {
			cells[column] = ""
		}
	}
	e := app.RuleEdit{Was: ruleAsked(q.fields.Get), Cells: cells, Remove: q.fields.Get("remove") != "", Beside: q.fields.Get("seen")}
	if cells["status"] == mapping.Ignore && !e.Remove && strings.TrimSpace(cells["reason"]) == "" {
		return answer{}, fail(http.StatusUnprocessableEntity, "reason: say why it is not billed: whoever looks at the licence next will ask")
	}
	draft, err := q.app.DraftEdit(q.Context(), e, func(int, int, string) {})
	if problems := mapping.Problems(err); len(problems) > 0 && !q.wantsJSON() {
		return ruleAnswer(q, e.Was, cellsAsked(q.fields.Has, q.fields.Get), "", "", problems)
	}
	if err != nil {
		return answer{}, err
	}
	what := clipped(cmp.Or(q.fields.Get("name"), q.fields.Get("sku"), q.fields.Get("sku_id"), q.fields.Get("was_sku"), "people"), maxName)
	if e.Remove {
		what = "no rule for " + what
	} else {
		what = "the rule for " + what
	}
	if e.Was == nil && e.Beside != "" {
		what += ", beside those that it has"
	}
	return beginPlan(q, what, draft)
}

// beginPlan begins to plan a draft that changes anything.
func beginPlan(q *request, what string, draft *app.RuleDraft) (answer, error) {
	if len(draft.Edits) == 0 {
		return answer{}, fail(http.StatusUnprocessableEntity, "nothing would change: %s says what is in force already", what)
	}
	p, err := q.app.PlanDraft(q.person.Operator, what, draft)
	if err != nil {
		return answer{}, err
	}
	return answer{to: address("products", "plans", p.ID), json: draftJSON(p)}, nil
}

// A draftList is a draft as programs read it.
type draftOf struct {
	ID       string         `json:"id"`
	By       string         `json:"by"`
	What     string         `json:"what"`
	Edits    []mapping.Edit `json:"edits"`
	Warnings []string       `json:"warnings"`
	Planning bool           `json:"planning"`
	Plan     *app.RulePlan  `json:"plan"` // null until it is made
	Error    string         `json:"error,omitempty"`
	SavedBy  string         `json:"saved_by,omitempty"`
}

func draftJSON(p *app.PlannedDraft) draftOf {
	working, made, saved := p.State()
	d := draftOf{ID: p.ID, By: p.By, What: p.What, Edits: app.Listed(p.Edits), Warnings: app.Listed(p.Warnings), Planning: working.Now, Plan: made, SavedBy: saved}
	if working.Failure != nil {
		d.Error = working.Failure.Error()
	}
	return d
}

// How much of a change of rules its page shows.
const (
	editsShown        = 50
	planChangesShown  = 8
	planCustomersShow = app.PlannedMost
)

// A planView is what a change of rules would do.
type planView struct {
	*app.PlannedDraft
	app.Working
	Plan      *app.RulePlan
	SavedBy   string
	Shown     []mapping.Edit
	MoreEdits int
	Customers []planCustomer
}

// Text is how far the plan is.
func (v *planView) Text() string { return workingText(v.Working) }

// A planCustomer is a customer whose plan would be another one.
type planCustomer struct {
	app.RulePlanCustomer
	Money string
	Lines []planLine
	More  int
	Says  []string
}

// A planLine is a change that would be planned, or would be no longer.
type planLine struct {
	line
	Dropped bool
}

func draftAsked(q *request) (*app.PlannedDraft, error) {
	p := q.app.Draft(q.PathValue("plan"))
	if p == nil {
		return nil, fail(http.StatusNotFound, "there is no such change of rules, or it is too long ago: make it again on /products")
	}
	return p, nil
}

func showRulePlan(q *request) (answer, error) {
	p, err := draftAsked(q)
	if err != nil {
		return answer{}, err
	}
	v := &planView{PlannedDraft: p, Shown: p.Edits[:min(len(p.Edits), editsShown)], MoreEdits: max(0, len(p.Edits)-editsShown)}
	v.Working, v.Plan, v.SavedBy = p.State()
	a := answer{page: "ruleplan", title: "What " + p.What + " would do", data: v, json: draftJSON(p), commands: []string{"syncd products import FILE", "syncd plan"}}
	for _, w := range p.Warnings {
		a.trouble = append(a.trouble, trouble{What: sentence(w)})
	}
	switch {
	case v.Failure != nil:
		a.headline, a.sub = "What this would do is not known", "Nothing was saved."
		a.trouble = append(a.trouble, trouble{What: "The plan could not be made.", Do: sentence(q.app.Config.Redactor().Text(v.Failure.Error()))})
		return a, nil
	case v.Now:
		a.headline, a.sub = "Planning what this would do", "Nothing is saved. Up to "+plural(app.PlannedMost, "customer")+" are planned twice: by the rules as they are, and as they would be."
		return a, nil
	}
	a.headline = planHeadline(q, v.Plan)
	a.sub = "Beside what is planned anyway. Once it is saved the next run plans with it, and its plans wait as the job's limits say."
	if v.SavedBy != "" {
		a.sub = "Saved by " + clipped(v.SavedBy, maxName) + ". The next run plans with it."
	}
	a.strip = []figure{{signedSums(v.Plan.Up, q.app.Config.Currency), "a month more"}, {signedSums(v.Plan.Down, q.app.Config.Currency), "a month less"},
		{quantity(len(v.Plan.Customers)), noun(len(v.Plan.Customers), "customer") + " whose plan changes"}, {quantity(v.Plan.Same), noun(v.Plan.Same, "customer") + " whose plan stays"}}
	if v.Plan.Rest > 0 {
		a.trouble = append(a.trouble, trouble{What: spelled(v.Plan.Rest, "other customer") + " it concerns too, and what it does there was not planned.",
			Do: fmt.Sprintf("The %d with the most units were. The next run plans them all.", app.PlannedMost)})
	}
	if v.Plan.Unread > 0 {
		a.trouble = append(a.trouble, trouble{What: "Of " + plural(v.Plan.Unread, "customer") + " no whole plan could be made.", Do: "Below it says why; their money is not in the sums."})
	}
	for i := range v.Plan.Customers {
		v.Customers = append(v.Customers, newPlanCustomer(q, &v.Plan.Customers[i]))
	}
	return a, nil
}

// planHeadline says what a change of rules would do.
func planHeadline(q *request, p *app.RulePlan) string {
	sums := app.Sums{}
	sums.AddAll(p.Up)
	sums.AddAll(p.Down)
	switch {
	case len(p.Customers) == 0 && p.Rest == 0:
		return "No bill would change"
	case len(sums) == 0 && p.Unpriced == 0 && p.Unread == 0:
		return "The plans of " + plural(len(p.Customers), "customer") + " would change, and no bill"
	}
	text := "Bills would change by " + signedSums(sums, q.app.Config.Currency) + " a month"
	if p.Unpriced > 0 {
		text += ", and by " + plural(p.Unpriced, "line") + " of unknown price"
	}
	return text
}

func newPlanCustomer(q *request, c *app.RulePlanCustomer) planCustomer {
	v := planCustomer{RulePlanCustomer: *c, Money: signedSums(c.Change, q.app.Config.Currency)}
	drawn := &card{Bills: true}
	add := func(changes []plan.Change, dropped bool) {
		for i := range changes {
			if len(v.Lines) == planChangesShown {
				v.More++
				continue
			}
			l := drawn.newLine(q, &changes[i])
			l.Why = strings.TrimSpace(strings.TrimPrefix(l.Why, causes[plan.ChangedAtSource])) // it is the rule that changes
			if dropped && !changes[i].Unpriced {
				l.Money = signed(changes[i].MonthlyDelta.Neg())
			}
			v.Lines = append(v.Lines, planLine{l, dropped})
		}
	}
	add(c.Added, false)
	add(c.Dropped, true)
	for i := range c.Notes {
		if len(v.Says) < planChangesShown {
			v.Says = append(v.Says, sentence(c.Notes[i].Message))
		}
	}
	if c.Error != "" {
		v.Says = append(v.Says, sentence(c.Error))
	}
	return v
}

func followRulePlan(q *request) (answer, error) {
	p, err := draftAsked(q)
	if err != nil {
		return answer{}, err
	}
	return follow(q, func() (string, bool) {
		working, _, _ := p.State()
		return workingText(working), working.Now
	}), nil
}

// planAnew plans a change of one rule again, where somebody saved other rules since it was planned: what
// it would do may be something else now, and so it is looked at once more. A program is told so.
func planAnew(q *request, p *app.PlannedDraft) (answer, error) {
	anew, by, err := q.app.DraftAnew(q.Context(), p.RuleDraft)
	if err != nil {
		return answer{}, err
	}
	a, err := beginPlan(q, p.What, anew)
	if err != nil {
		return answer{}, err
	}
	a.said = cmp.Or(clipped(by, maxName), "Somebody") + " saved other rules since, and nothing of yours was saved. What it would do is planned anew: look at it, and then save it."
	if q.wantsJSON() {
		return answer{}, fail(http.StatusConflict, "%s The new plan is %s.", a.said, a.to)
	}
	return a, nil
}

// saveRulePlan saves a change of rules as it was shown.
func saveRulePlan(q *request) (answer, error) {
	p, err := draftAsked(q)
	if err != nil {
		return answer{}, err
	}
	err = q.app.SaveDraft(q.Context(), q.person.Operator, p)
	if _, _, saved := p.State(); errors.Is(err, state.ErrConflict) && saved == "" {
		return planAnew(q, p)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{to: "/products", said: "Saved: " + p.What + ". The next run plans with it.", json: draftJSON(p)}, nil
}
