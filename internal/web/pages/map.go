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
	"time"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// mapPage is which tenant is which company and organization.
var mapPage = page{name: "Mapping", path: "/map", count: func(a *around) int { return a.unmapped }, routes: []route{
	{pattern: "GET /map", role: app.RoleViewer, handle: showMap},
	{pattern: "POST /map/links", role: app.RoleMapper, handle: linkChosen},
	{pattern: "POST /map/ignore", role: app.RoleMapper, handle: ignoreCustomer},
	{pattern: "POST /map/unlink", role: app.RoleMapper, handle: takeLinkAway},
	{pattern: "POST /map/back", role: app.RoleMapper, handle: letIn},
	{pattern: "POST /map/later", role: app.RoleMapper, handle: leaveForLater},
	{pattern: "POST /map/suggest", role: app.RoleMapper, handle: suggestLinks},
	{pattern: "GET /map/choose", role: app.RoleMapper, handle: showChoice},
	{pattern: "GET /map/export", role: app.RoleViewer, handle: exportMap},
	{pattern: "POST /map/import", role: app.RoleMapper, handle: importMap, body: maxTable},
}}

// maxTable is the largest table that is read, in bytes.
const maxTable = 16 << 20

// tenantsShown is how many customers the page shows.
const tenantsShown = 50

// looking is how long somebody waits for suggestions. They are looked for on after that.
const looking = 40 * time.Second

// A mapView is what the page shows.
type mapView struct {
	Columns []string
	Rows    []mapRow
	Pager   pager
	Query   string
	Show    string
	Shows   []option
	Looking bool
	Ticks   int // boxes on the page
	Ticked  int // of them from the start
}

// A mapRow is a customer.
type mapRow struct {
	Key, Name, Domain string
	Gone              bool
	Status            tag
	Why               string
	Later             *app.PutOff
	Open              bool
	Cells             []mapCell
	Evidence          []evidence
	Ignore, Back      *asking
	ticks, ticked     int
}

// A mapCell is what a customer is linked to at one system, or may be.
type mapCell struct {
	May     bool // whoever looks may link
	Noun    string
	Link    string // what it is, in force
	Name    string
	Options []tickBox
	Empty   string // why there is nothing
	Choose  string // where another one is chosen; empty where that cannot be
	Verb    string // what is done there
	Within  []mapCell
}

// A tickBox is a link that somebody may tick.
type tickBox struct {
	Value, ID, Name string
	Ticked          bool
}

// An evidence says how sure a suggestion is, and why.
type evidence struct {
	Noun  string
	Score tag
	Text  string
}

// shows are the parts of the list, the first unless another one is asked for.
var shows = []option{{Value: "", Text: "Not linked first"}, {Value: "open", Text: "To decide"}, {Value: "linked", Text: "Linked"}, {Value: "ignored", Text: "Left out"}}

func showMap(q *request) (answer, error) {
	if err := q.wrongChoice("show", "open", "linked", "ignored"); err != nil {
		return answer{}, err
	}
	if q.wantsJSON() {
		lines, err := q.app.ListLinks(q.Context())
		return answer{json: app.LinkList{Customers: lines}}, err
	}
	b, err := q.app.Board(q.Context())
	if err != nil {
		return answer{}, err
	}
	v := mapView{Query: q.URL.Query().Get("q"), Show: q.URL.Query().Get("show")}
	for _, s := range shows {
		s.Chosen = s.Value == v.Show
		v.Shows = append(v.Shows, s)
	}
	for _, c := range b.Columns {
		if c.Within == "" {
			v.Columns = append(v.Columns, columnTitle(b, c))
		}
	}
	lines := slices.DeleteFunc(slices.Clone(b.Lines), func(l app.BoardLine) bool { return !onBoard(&l, v.Show) || !meant(&l, v.Query) })
	first, last, pager := paged(q.Request, len(lines), tenantsShown)
	v.Pager = pager
	for i := range lines[first:last] {
		row := q.newMapRow(b, &lines[first+i])
		v.Ticks, v.Ticked = v.Ticks+row.ticks, v.Ticked+row.ticked
		v.Rows = append(v.Rows, row)
	}
	var failure error
	v.Looking, failure = q.app.LooksForLinks()
	a := answer{page: "map", title: "Mapping", data: &v, commands: []string{"syncd map suggest", "syncd map accept", "syncd map export links.csv"}}
	a.headline, a.sub = q.mapped(b)
	if failure != nil {
		a.trouble = append(a.trouble, trouble{What: "The last look for suggestions came to nothing.", Do: sentence(failure.Error())})
	}
	if listed := b.Listed(); listed.Failure != nil {
		a.trouble = append(a.trouble, trouble{What: "The tenants cannot be listed now" + since(listed.At, q) + ".", Do: sentence(listed.Failure.Error())})
	}
	return a, nil
}

// mapped is the page's question answered, in a sentence and another one.
func (q *request) mapped(b *app.LinkBoard) (headline, sub string) {
	open := b.Unmapped()
	switch {
	case len(b.Lines) == 0:
		return "No tenant is known yet", "Tenants come from CIPP. This page asks it again in a moment."
	case open == 0:
		headline = "Every tenant is mapped"
	case open == 1:
		headline = "One tenant is not mapped yet"
	default:
		headline = spelled(open, "tenant") + " are not mapped yet"
	}
	sub = fmt.Sprintf("%s of %s are.", quantity(len(b.Lines)-open), quantity(len(b.Lines)))
	if n := b.Unbilled(); n > 0 {
		headline += fmt.Sprintf("; %s %s no bill", quantity(n), map[bool]string{true: "has", false: "have"}[n == 1])
		sub += fmt.Sprintf(" %s of these %s linked elsewhere, and to no %s: nothing of theirs is billed.", quantity(n), map[bool]string{true: "is", false: "are"}[n == 1], b.Titles[b.Bill])
	}
	if open > 0 {
		sub += " Tick what is right; nothing is linked without you."
	}
	if !b.At.IsZero() {
		sub += " Suggestions are of " + whenZone(b.At, q.app.Now(), q.app.Location) + "."
	}
	return headline, sub
}

// columnTitle is the head of a column, with what is linked within it.
func columnTitle(b *app.LinkBoard, c mapping.Column) string {
	title := b.Titles[c.Name]
	for _, inner := range b.Columns {
		if inner.Within == c.Name {
			title += " · " + app.LinkNoun(inner.Name)
		}
	}
	return title
}

func onBoard(l *app.BoardLine, show string) bool {
	switch show {
	case "open":
		return l.Open()
	case "linked":
		return l.Status == mapping.Linked
	case "ignored":
		return l.Status == mapping.Ignored
	}
	return true
}

// meant reports whether a text is in what a line shows.
func meant(l *app.BoardLine, text string) bool {
	text = fold(text)
	has := func(s string) bool { return strings.Contains(fold(s), text) }
	if text == "" || has(l.Name) || has(l.Key) || has(l.Reason) {
		return true
	}
	for _, p := range l.Parts {
		if has(p.Tenant.Name) || has(p.Tenant.DefaultDomain) || has(p.Tenant.InitialDomain) || has(string(p.Tenant.ID)) {
			return true
		}
	}
	for _, c := range l.Cells {
		if c.Link == text || has(c.Name) {
			return true
		}
		if c.Suggestion != nil && slices.ContainsFunc(c.Suggestion.Candidates, func(x mapping.Candidate) bool { return x.ID == text || has(x.Name) }) {
			return true
		}
	}
	return false
}

// statuses are the words for a line's status, and how they look.
var statuses = map[mapping.Status]tag{
	mapping.Linked: {"linked", "good"}, mapping.Ignored: {"left out", ""}, mapping.Unmapped: {"not linked", "attention"}, mapping.Suggested: {"not linked", "attention"},
}

func (q *request) newMapRow(b *app.LinkBoard, l *app.BoardLine) mapRow {
	row := mapRow{Key: l.Key, Name: l.Name, Gone: !l.Listed, Status: statuses[l.Status], Later: l.Later, Open: l.Open() && !l.Mapped()}
	row.Domain = l.Domain()
	if l.Status == mapping.Ignored || l.Status == mapping.Linked {
		row.Why = l.Reason
	}
	if l.Status == mapping.Ignored {
		row.Later = nil // nobody comes back to it
		var were []string
		for _, c := range b.Columns {
			if ref := l.Were[c.Name]; ref != "" {
				were = append(were, app.LinkNoun(c.Name)+" "+ref)
			}
		}
		if len(were) > 0 {
			row.Why = sentenceJoin(row.Why, "before: "+strings.Join(were, ", "))
		}
		row.Back = &asking{Button: "Let it in again", Do: "Let it in again", To: "/map/back", Quiet: true,
			Hidden: []field{{Name: "customer", Value: l.Key}, {Name: seenField, Value: string(l.Status)}}, Fields: []field{{Name: "reason", Label: "Why", Required: true}}}
	}
	for _, c := range b.Columns {
		if c.Within != "" {
			continue
		}
		cell := q.newMapCell(&row, b, l, c)
		for _, inner := range b.Columns {
			if inner.Within == c.Name {
				cell.Within = append(cell.Within, q.newMapCell(&row, b, l, inner))
			}
		}
		row.Cells = append(row.Cells, cell)
	}
	if !l.Mapped() {
		row.Ignore = &asking{Button: "Leave out", Do: "Leave it out of every target", To: "/map/ignore", Quiet: true,
			Hidden: []field{{Name: "customer", Value: l.Key}, {Name: "seen", Value: string(l.Status)}},
			Fields: []field{{Name: "reason", Label: "Why", Required: true}}}
	}
	return row
}

// newMapCell shows a cell of the table, and adds to the row what speaks for it.
func (q *request) newMapCell(row *mapRow, b *app.LinkBoard, l *app.BoardLine, c mapping.Column) mapCell {
	at := l.Cells[c.Name]
	cell := mapCell{May: q.may(app.RoleMapper), Noun: app.LinkNoun(c.Name), Link: at.Link, Name: at.Name}
	cell.Verb = "search…"
	switch {
	case at.Link != "":
		cell.Verb = "change…"
	case c.Within != "":
		cell.Verb, cell.Empty = "choose…", "none named: the one that fits"
	case !q.app.Searchable(c):
		cell.Verb = "link…"
	}
	if l.Status != mapping.Ignored && q.may(app.RoleMapper) && (c.Within == "" || l.Links[c.Within] != "") {
		cell.Choose = chooseAddress(l.Key, c.Name, "")
	}
	s := at.Suggestion
	switch {
	case at.Link != "" || l.Status == mapping.Ignored:
		return cell
	case s == nil && c.Within == "" && c.Numeric() && !l.Mapped() && !b.At.IsZero():
		cell.Empty = "nothing fits ·"
		cell.Choose = chooseAddress(l.Key, c.Name, firstWord(l.Name))
		return cell
	case s == nil:
		return cell
	}
	cell.Empty = ""
	shown := s.Candidates
	if s.Ambiguous == "" {
		shown = shown[:1]
	}
	for _, x := range shown {
		ticked := s.Acceptable(mapping.DefaultAccept) && l.Later == nil
		cell.Options = append(cell.Options, tickBox{Value: tickOf(l.Key, c.Name, x.ID), ID: x.ID, Name: x.Name, Ticked: ticked})
		if row.ticks++; ticked {
			row.ticked++
		}
	}
	row.Evidence = append(row.Evidence, newEvidence(s))
	return cell
}

// newEvidence is how sure a suggestion is, and what speaks for it.
func newEvidence(s *mapping.Suggestion) evidence {
	e := evidence{Noun: app.LinkNoun(s.Column), Text: strings.Join(s.Candidates[0].Evidence, "; ")}
	e.Score.Text = fmt.Sprintf("%.2f", s.Candidates[0].Score)
	switch {
	case s.Ambiguous != "":
		e.Score.Tone = "trouble"
		if len(s.Candidates) > 1 {
			e.Score.Text += fmt.Sprintf(" / %.2f", s.Candidates[1].Score)
		}
		e.Text += "; " + s.Ambiguous
	case s.Acceptable(mapping.DefaultAccept):
		e.Score.Tone = "good"
	default:
		e.Score.Tone = "attention"
	}
	return e
}

// firstWord is with what a search for a customer begins.
func firstWord(name string) string {
	for word := range strings.FieldsSeq(name) {
		if len([]rune(word)) > 2 {
			return word
		}
	}
	return strings.TrimSpace(name)
}

func chooseAddress(customer, column, text string) string {
	query := url.Values{"customer": {customer}, "column": {column}}
	if text != "" {
		query.Set("q", text)
	}
	return "/map/choose?" + query.Encode()
}

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

// since says from when what is shown is.
func since(at time.Time, q *request) string {
	if at.IsZero() {
		return ""
	}
	return "; they are shown as they were " + whenZone(at, q.app.Now(), q.app.Location)
}
