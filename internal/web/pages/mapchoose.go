package pages

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"syncd/internal/app"
	"syncd/internal/mapping"
)

// A chooseView is what the page shows on which one link is chosen.
type chooseView struct {
	Key, Name, Domain string
	Column, Noun      string
	Query             string
	Now, NowName      string // the link in force
	Seen              string
	Searched          bool // whether the system was asked
	Searchable        bool
	IDOf              string // of what an id is to be typed, where nothing can be searched
	Found             []found
	More              bool // there may be more than were found
	Suggested         []mapping.Candidate
	Ambiguous         string
	Away              *asking // takes the link in force away
}

// A found is what a search found.
type found struct {
	mapping.Entity
	Here bool // it is the link in force
}

// showChoice searches, because somebody asked, what a customer is to be linked to.
func showChoice(q *request) (answer, error) {
	query := q.URL.Query()
	b, err := q.app.Board(q.Context())
	if err != nil {
		return answer{}, err
	}
	at := slices.IndexFunc(b.Lines, func(l app.BoardLine) bool { return l.Key == query.Get("customer") })
	i := slices.Index(mapping.Names(b.Columns), query.Get("column"))
	if at < 0 || i < 0 {
		return answer{}, fail(http.StatusNotFound, "there is no such customer or column; look at Mapping for those that there are")
	}
	l, column := &b.Lines[at], b.Columns[i]
	cell := l.Cells[column.Name]
	v := chooseView{Key: l.Key, Name: l.Name, Domain: l.Domain(), Column: column.Name, Noun: app.LinkNoun(column.Name), Query: strings.TrimSpace(query.Get("q")),
		Now: cell.Link, NowName: cell.Name, Seen: app.SeenLink(&l.Customer, column.Name), Searchable: q.app.Searchable(column)}
	if v.Now != "" {
		v.Away = &asking{Button: "Take this link away", Do: "Take it away", To: "/map/unlink", Quiet: true,
			Hidden: []field{{Name: "customer", Value: l.Key}, {Name: "column", Value: column.Name}, {Name: seenField, Value: v.Seen}}, Fields: []field{{Name: "reason", Label: "Why", Required: true}}}
	}
	if s := cell.Suggestion; s != nil {
		v.Suggested, v.Ambiguous = s.Candidates, s.Ambiguous
	}
	system := ""
	if !v.Searchable { // its id is to be typed: say where it is from
		system = b.Titles[column.Name]
		v.IDOf = system
	}
	a := answer{page: "mapchoose", title: "Choose", headline: "Which " + cmp.Or(system, v.Noun) + " is it?",
		commands: []string{"syncd map accept CUSTOMER " + column.Name + " ID"}}
	// Those of one company are few, and listed at once.
	if v.Searchable && (v.Query != "" || column.Within != "" && l.Links[column.Within] != "") {
		list, err := q.app.SearchLinks(q.Context(), column, v.Query, l.Links[column.Within])
		if err != nil {
			a.trouble = append(a.trouble, trouble{What: b.Titles[column.Name] + " could not be searched.", Do: sentence(err.Error())})
		}
		v.Searched, v.More = err == nil, len(list) == mapping.SearchMost
		for _, e := range list {
			v.Found = append(v.Found, found{e, e.ID == v.Now})
		}
	}
	a.data = &v
	a.json = struct {
		Customer string           `json:"customer"`
		Column   string           `json:"column"`
		Link     string           `json:"link"`
		Found    []mapping.Entity `json:"found"`
	}{l.Key, column.Name, v.Now, app.Listed(entities(v.Found))}
	return a, nil
}

func entities(list []found) []mapping.Entity {
	out := make([]mapping.Entity, len(list))
	for i := range list {
		out[i] = list[i].Entity
	}
	return out
}
