package app

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// A LinkBoard is the link table as people decide on it: each customer with its links and
// with what is proposed for the others. It asks nobody but the state.
type LinkBoard struct {
	Titles  map[string]string // of the columns, for people
	Columns []mapping.Column
	Lines   []BoardLine // undecided first
	At      time.Time   // of the suggestions; zero before the first

	Bill string // the column without which nothing is billed; empty where nothing bills

	listed TenantsListed
}

// A BoardLine is a customer on the board.
type BoardLine struct {
	mapping.Customer
	Cells map[string]BoardCell // by column
	Later *PutOff              // somebody left it for later
	Were  mapping.Links        // of one that is left out: its links before
	rank  int
	score float64 // of the best suggestion
}

// A BoardCell is a link, or what is proposed in its place.
type BoardCell struct {
	Link, Name string // in force; the name is empty where nobody knows it
	Suggestion *mapping.Suggestion
}

// The ranks of lines: what needs a decision, what could have another link, what somebody left
// for later, what is linked, and what is left out.
const (
	rankOpen = iota
	rankPartly
	rankLater
	rankLinked
	rankIgnored
)

// Open reports whether the customer is not mapped, or something of it is undecided.
func (l *BoardLine) Open() bool { return l.rank <= rankLater }

// Domain is that by which people know the customer's tenants.
func (l *BoardLine) Domain() string {
	return l.Tenants(func(t directory.Tenant) string { return cmp.Or(t.DefaultDomain, t.InitialDomain) })
}

// Mapped reports whether a person linked the customer or left it out.
func (l *BoardLine) Mapped() bool { return Mapped(&l.Customer) }

// Mapped reports whether a person linked a customer or left it out.
func Mapped(c *mapping.Customer) bool {
	return c.Status == mapping.Linked || c.Status == mapping.Ignored
}

// ListedCustomers are those of the tenants as they were listed last, by anybody: nobody is asked.
func (w *Running) ListedCustomers(ctx context.Context) ([]mapping.Customer, error) {
	table, err := w.Links(ctx)
	tenants, _, _ := w.tenants.last()
	return table.Customers(tenants), err
}

// Board is the link table of the tenants as they were listed last.
func (w *Running) Board(ctx context.Context) (*LinkBoard, error) {
	table, err := w.Links(ctx)
	if err != nil {
		return nil, err
	}
	book, err := w.Suggestions(ctx)
	if err != nil {
		return nil, err
	}
	b := &LinkBoard{Columns: w.Columns(), Titles: w.columnTitles(), At: book.At, listed: w.LastTenants(ctx)}
	if biller, there := w.biller(); there {
		b.Bill = biller.Columns()[0].Name
	}
	customers := table.Customers(b.listed.Tenants)
	proposed := proposals(&book, &table, customers, b.Columns)
	for _, c := range customers {
		line := BoardLine{Customer: c, Cells: map[string]BoardCell{}}
		if c.Status == mapping.Ignored {
			line.Were = mapping.Links{}
			for _, row := range c.Rows(&table) {
				maps.Copy(line.Were, row.Links)
			}
		}
		if off, ok := book.Later[c.Key]; ok {
			line.Later = &off
		}
		for _, column := range b.Columns {
			cell := BoardCell{Link: c.Links[column.Name], Name: book.Names[column.Name][c.Links[column.Name]], Suggestion: proposed[cellKey{c.Key, column.Name}]}
			if s := cell.Suggestion; s != nil {
				line.score = max(line.score, s.Candidates[0].Score)
			}
			line.Cells[column.Name] = cell
		}
		line.rank = line.ranked(b.Columns)
		b.Lines = append(b.Lines, line)
	}
	slices.SortStableFunc(b.Lines, func(x, y BoardLine) int {
		return cmp.Or(x.rank-y.rank, cmp.Compare(y.score, x.score), strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), strings.Compare(x.Key, y.Key))
	})
	return b, nil
}

// Listed is the list of tenants that the board was made from.
func (b *LinkBoard) Listed() TenantsListed { return b.listed }

// Unbilled is how many customers are linked, and not to what bills them.
func (b *LinkBoard) Unbilled() (n int) {
	for i := range b.Lines {
		if l := &b.Lines[i]; b.Bill != "" && l.Status == mapping.Linked && l.Links[b.Bill] == "" {
			n++
		}
	}
	return n
}

// Unmapped is how many customers nobody decided on.
func (b *LinkBoard) Unmapped() (n int) {
	for i := range b.Lines {
		if !b.Lines[i].Mapped() {
			n++
		}
	}
	return n
}

func (l *BoardLine) ranked(columns []mapping.Column) int {
	proposed := false
	for _, c := range columns {
		// Which agreement of a linked company is meant is a decision that bills hang on.
		if s := l.Cells[c.Name].Suggestion; s != nil {
			if c.Within != "" && l.Links[c.Within] != "" && l.Later == nil {
				return rankOpen
			}
			proposed = true
		}
	}
	switch {
	case l.Status == mapping.Ignored:
		return rankIgnored
	case (proposed || !l.Mapped()) && l.Later != nil:
		return rankLater
	case !l.Mapped():
		return rankOpen
	case proposed:
		return rankPartly
	}
	return rankLinked
}

type cellKey struct{ customer, column string }

// proposals are the suggestions that still stand, by cell: those of the book, and those that
// the table alone has. What was given to somebody else meanwhile is proposed to nobody.
func proposals(book *SuggestionBook, table *mapping.Table, customers []mapping.Customer, columns []mapping.Column) map[cellKey]*mapping.Suggestion {
	given := map[cellKey]string{} // by entity and column: the customer
	open := map[string]*mapping.Customer{}
	for i := range customers {
		c := &customers[i]
		for column, link := range c.Links {
			given[cellKey{link, column}] = c.Key
		}
		if c.Status != mapping.Ignored && !c.Several() && !c.Divided() {
			open[c.Key] = c
		}
	}
	out := map[cellKey]*mapping.Suggestion{}
	add := func(s mapping.Suggestion) {
		at := slices.IndexFunc(columns, func(c mapping.Column) bool { return c.Name == s.Column })
		c := open[s.TenantID]
		if at < 0 || c == nil || c.Links[s.Column] != "" || out[cellKey{s.TenantID, s.Column}] != nil {
			return
		}
		if columns[at].Exclusive || columns[at].OneTenant {
			s.Candidates = slices.DeleteFunc(slices.Clone(s.Candidates), func(x mapping.Candidate) bool { return given[cellKey{x.ID, s.Column}] != "" })
		}
		if len(s.Candidates) > 0 {
			out[cellKey{s.TenantID, s.Column}] = &s
		}
	}
	for _, s := range book.Suggestions {
		add(s)
	}
	for i := range table.Rows {
		row := &table.Rows[i]
		if row.Status == mapping.Suggested {
			for column, link := range row.Links {
				_, evidence, _ := strings.Cut(row.Reason, ": ")
				add(mapping.Suggestion{TenantID: string(row.TenantID), TenantName: row.Tenant, Column: column,
					Candidates: []mapping.Candidate{{ID: link, Score: row.Score(), Evidence: []string{evidence}}}})
			}
		}
		for column, p := range row.Proposed {
			add(mapping.Suggestion{TenantID: string(row.TenantID), TenantName: row.Tenant, Column: column,
				Candidates: []mapping.Candidate{{ID: p.Value, Score: p.Score, Evidence: []string{p.Reason}}}})
		}
	}
	return out
}

// columnTitles are the columns as people call them: the system and what is linked there.
func (w *App) columnTitles() map[string]string {
	titles := map[string]string{}
	for _, s := range w.Config.systems {
		for _, c := range s.Columns() {
			titles[c.Name] = s.Title + " " + LinkNoun(c.Name)
			if strings.HasPrefix(c.Name, mapping.SCIMColumn("")) { // its noun is the system's name
				titles[c.Name] = s.Title + " account"
			}
		}
	}
	return titles
}
