package pages

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// What people say about links: what is ticked, chosen, left out, taken back, and the table as
// CSV.

// tickOf is a link in the value of a box.
func tickOf(customer, column, ref string) string {
	return strings.TrimPrefix(address(column, ref, customer), "/")
}

// ticked reads the value of a box.
func (q *request) ticked(value string) (app.LinkChoice, error) {
	parts := strings.Split(value, "/")
	for i := range parts {
		text, err := url.PathUnescape(parts[i])
		if err != nil || len(parts) != 3 {
			return app.LinkChoice{}, fail(http.StatusUnprocessableEntity, "%q is no link: it is COLUMN/ID/CUSTOMER, each part escaped", value)
		}
		parts[i] = text
	}
	none := ""
	return q.choice(parts[2], parts[0], parts[1], &none)
}

func (q *request) choice(customer, column, ref string, seen *string) (app.LinkChoice, error) {
	columns := q.app.Columns()
	i := slices.Index(mapping.Names(columns), column)
	if i < 0 {
		return app.LinkChoice{}, fail(http.StatusUnprocessableEntity, "there is no column %q: write %s", column, strings.Join(mapping.Names(columns), ", "))
	}
	if ref = strings.TrimSpace(ref); ref == "" {
		return app.LinkChoice{}, fail(http.StatusUnprocessableEntity, "say to which %s the customer is linked", app.LinkNoun(column))
	}
	return app.LinkChoice{Customer: customer, Column: columns[i], Ref: ref, Seen: seen}, nil
}

// linkChosen links what was ticked, or the one that was chosen.
func linkChosen(q *request) (answer, error) {
	var choices []app.LinkChoice
	for _, value := range q.fields["link"] {
		c, err := q.ticked(value)
		if err != nil {
			return answer{}, err
		}
		choices = append(choices, c)
	}
	if customer := q.fields.Get("customer"); customer != "" {
		var seen *string
		if q.fields.Has("seen") {
			text := q.fields.Get("seen")
			seen = &text
		}
		c, err := q.choice(customer, q.fields.Get("column"), cmp.Or(strings.TrimSpace(q.fields.Get("id")), q.fields.Get("ref")), seen)
		if err != nil {
			return answer{}, err
		}
		choices = append(choices, c)
	}
	if len(choices) == 0 {
		return answer{}, fail(http.StatusUnprocessableEntity, "nothing was ticked: tick what is right first")
	}
	var edits []mapping.Edit
	err := again(func() (err error) {
		edits, err = q.app.ChooseLinks(q.Context(), q.person.Operator, choices)
		return err
	})
	return answerLinked(edits), err
}

// again decides once more where somebody else changed the table between reading and
// writing it: what was decided says what it saw, so it is refused where that is not so any more.
func again(decide func() error) error {
	for try := 1; ; try++ {
		err := decide()
		if _, moved := errors.AsType[*app.MovedError](err); moved || try == mostTries || !errors.Is(err, state.ErrConflict) {
			return err
		}
	}
}

// mostTries is more than there are people who press at once.
const mostTries = 20

// answerLinked says what was linked.
func answerLinked(edits []mapping.Edit) answer {
	a := answer{to: "/map", json: editList{app.Listed(edits)}}
	customers := map[string]bool{}
	for _, e := range edits {
		customers[e.Key] = true
	}
	switch len(customers) {
	case 0:
		a.said = "It is so already; nothing was changed."
	case 1:
		a.said = "One customer is linked: " + visible.Clip(visible.Line(edits[0].Name), maxName) + ". The next plan shows what follows."
	default:
		a.said = spelled(len(customers), "customer") + " are linked. The next plans show what follows."
	}
	return a
}

func ignoreCustomer(q *request) (answer, error) {
	customer, reason := q.fields.Get("customer"), strings.TrimSpace(q.fields.Get("reason"))
	switch {
	case customer == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say which customer is left out")
	case reason == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say why it is left out: whoever looks for its bill will ask")
	}
	var edits []mapping.Edit
	err := again(func() (err error) {
		edits, err = q.app.IgnoreLink(q.Context(), q.person.Operator, customer, reason, mapping.Status(q.fields.Get("seen")))
		return err
	})
	if err != nil {
		return answer{}, err
	}
	said := "It is left out already; nothing was changed."
	if len(edits) > 0 {
		said = visible.Clip(visible.Line(edits[0].Name), maxName) + " is left out of every target."
	}
	return answer{to: "/map", said: said, json: editList{app.Listed(edits)}}, nil
}

// letIn takes back that a customer is left out.
func letIn(q *request) (answer, error) {
	customer, reason := q.fields.Get("customer"), strings.TrimSpace(q.fields.Get("reason"))
	switch {
	case customer == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say which customer is let in again")
	case reason == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say why it is let in again: somebody left it out with a reason")
	}
	var edits []mapping.Edit
	err := again(func() (err error) {
		edits, err = q.app.LetIn(q.Context(), q.person.Operator, customer, reason, mapping.Status(q.fields.Get(seenField)))
		return err
	})
	if err != nil {
		return answer{}, err
	}
	said := "It is let in already; nothing was changed."
	if len(edits) > 0 {
		said = clipped(edits[0].Name, maxName) + " is let in again. Nothing is linked yet: look at what is suggested."
	}
	return answer{to: "/map", said: said, json: editList{app.Listed(edits)}}, nil
}

// takeLinkAway takes a link away, with what is linked within it.
func takeLinkAway(q *request) (answer, error) {
	customer, reason := q.fields.Get("customer"), strings.TrimSpace(q.fields.Get("reason"))
	columns := q.app.Columns()
	i := slices.Index(mapping.Names(columns), q.fields.Get("column"))
	switch {
	case customer == "" || i < 0:
		return answer{}, fail(http.StatusUnprocessableEntity, "say which link is taken away: customer, and column, which is one of %s", strings.Join(mapping.Names(columns), ", "))
	case reason == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say why it is taken away: whoever looks for its bill will ask")
	}
	choice := app.LinkChoice{Customer: customer, Column: columns[i], Reason: reason}
	if q.fields.Has(seenField) {
		choice.Seen = new(q.fields.Get(seenField))
	}
	var edits []mapping.Edit
	err := again(func() (err error) {
		edits, err = q.app.ChooseLinks(q.Context(), q.person.Operator, []app.LinkChoice{choice})
		return err
	})
	if err != nil {
		return answer{}, err
	}
	said := "It is linked to none already; nothing was changed."
	if len(edits) > 0 {
		said = clipped(edits[0].Name, maxName) + " is linked to no " + app.LinkNoun(columns[i].Name) + " any more. The next plan shows what follows."
	}
	return answer{to: "/map", said: said, json: editList{app.Listed(edits)}}, nil
}

func leaveForLater(q *request) (answer, error) {
	customer, later := q.fields.Get("customer"), q.fields.Get("later") != "no"
	switch {
	case customer == "":
		return answer{}, fail(http.StatusUnprocessableEntity, "say which customer is left for later")
	case !slices.Contains([]string{"", "yes", "no"}, q.fields.Get("later")):
		return answer{}, fail(http.StatusUnprocessableEntity, "later: %q is neither yes nor no", visible.Clip(q.fields.Get("later"), 40))
	}
	c, err := q.app.LeaveForLater(q.Context(), q.person.Operator, customer, later)
	if err != nil {
		return answer{}, err
	}
	said := " is left for later, below the others."
	if !later {
		said = " is taken up again."
	}
	return answer{to: "/map", said: visible.Clip(visible.Line(c.Name), maxName) + said, json: map[string]any{"customer": c.Key, "later": later}}, nil
}

func suggestLinks(q *request) (answer, error) {
	found, ended, err := q.app.SuggestFor(q.Context(), looking)
	switch {
	case err != nil:
		return answer{}, err
	case !ended:
		return answer{to: "/map", said: "Suggestions are being looked for. They are here once that is done.", json: map[string]any{"looking": true}}, nil
	}
	sure := 0
	for _, s := range found {
		if s.Acceptable(mapping.DefaultAccept) {
			sure++
		}
	}
	return answer{to: "/map", said: fmt.Sprintf("%s, of which %d are sure. Nothing is linked yet.", spelled(len(found), "suggestion"), sure),
		json: app.SuggestionList{Suggestions: app.Listed(found)}}, nil
}

// exportMap sends the table as CSV for Excel.
func exportMap(q *request) (answer, error) {
	var body bytes.Buffer
	_, nameless, err := q.app.ExportLinks(q.Context(), &body)
	if err != nil {
		return answer{}, err
	}
	if nameless != nil {
		q.app.Log.Warn().Err(nameless).Msg("links written without the names beside the ids")
	}
	return csvFile("links.csv", body.Bytes()), nil
}

// csvFile is a table that the browser saves.
func csvFile(name string, body []byte) answer {
	return answer{file: func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		_, err := w.Write(body)
		return err
	}}
}

// uploaded is the table that was sent, and the name of its file.
func (q *request) uploaded() (name string, text []byte, err error) {
	file, head, err := q.FormFile("file")
	if err != nil {
		return "", nil, fail(http.StatusUnprocessableEntity, "no file came: choose the CSV that was exported and edited")
	}
	defer file.Close()
	text, err = io.ReadAll(file)
	return visible.Clip(visible.Line(path.Base(head.Filename)), maxName), text, err
}

func importMap(q *request) (answer, error) {
	name, text, err := q.uploaded()
	if err != nil {
		return answer{}, err
	}
	edits, warnings, err := q.app.ImportLinks(q.Context(), q.person.Operator, name, text)
	if err != nil {
		return answer{}, err
	}
	said := plural(len(edits), "link") + " changed."
	for _, w := range warnings {
		said += " " + sentence(w)
	}
	return answer{to: "/map", said: said, json: editList{app.Listed(edits)}}, nil
}
