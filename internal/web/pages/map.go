package pages

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/app"
	"syncd/internal/mapping"
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

// since says from when what is shown is.
func since(at time.Time, q *request) string {
	if at.IsZero() {
		return ""
	}
	return "; they are shown as they were " + whenZone(at, q.app.Now(), q.app.Location)
}
