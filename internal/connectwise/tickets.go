package connectwise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/rest"
	"syncd/internal/target"
)

// What tickets are made for.
const (
	TicketHeld       = "held"       // a plan waits for a person
	TicketFailed     = "failed"     // an error, or some writes failed
	TicketIncomplete = "incomplete" // the source did not prove what it said
)

var ticketCauses = []string{TicketHeld, TicketFailed, TicketIncomplete}

// TicketConfig says of what tickets are made, and where.
type TicketConfig struct {
	Board    string   `yaml:"board" env:"BOARD, overwrite"`       // the name or id of a service board; empty: no tickets
	Priority string   `yaml:"priority" env:"PRIORITY, overwrite"` // the name or id; empty: the board's own
	For      []string `yaml:"for" env:"FOR, overwrite"`           // held, failed, incomplete; empty: all of them
}

// On reports whether tickets are made.
func (c TicketConfig) On() bool { return c.Board != "" }

// Wants reports whether one is made for a cause.
func (c TicketConfig) Wants(cause string) bool {
	return c.On() && (len(c.For) == 0 || slices.Contains(c.For, cause))
}

func (c TicketConfig) validate(report func(path, message string)) {
	if c.Board == "" && (c.Priority != "" || len(c.For) > 0) {
		report("tickets.board", "is missing: write the name of the service board on which tickets are made, or take tickets out")
	}
	for i, cause := range c.For {
		if !slices.Contains(ticketCauses, cause) {
			report(fmt.Sprintf("tickets.for[%d]", i), fmt.Sprintf("%q is none of %s", cause, strings.Join(ticketCauses, ", ")))
		}
	}
	for _, x := range []struct{ path, name string }{{"tickets.board", c.Board}, {"tickets.priority", c.Priority}} {
		if !quotable(x.name) {
			report(x.path, fmt.Sprintf("%q cannot be asked for: write its id instead", x.name))
		}
	}
}

// maxSummary is how many characters ConnectWise takes.
const maxSummary = 100

// A serviceTicket is what is read of one.
type serviceTicket struct {
	ID     int       `json:"id"`
	XRef   string    `json:"externalXRef"`
	Closed bool      `json:"closedFlag"`
	Board  reference `json:"board"`
}

type ticketBody struct {
	Summary  string `json:"summary"`
	Company  idRef  `json:"company"`
	Board    idRef  `json:"board"`
	Priority *idRef `json:"priority,omitempty"`
	XRef     string `json:"externalXRef"`
	Analysis string `json:"initialInternalAnalysis"`
	Notify   bool   `json:"processNotifications"` // no mails to customers
}

type idRef struct {
	ID int `json:"id"`
}

// FindTicket returns the open ticket with a reference; 0 where there is none. Of several it is the first.
// GET /service/tickets.
func (c *Client) FindTicket(ctx context.Context, xref string) (int, error) {
	where, ok := isText(fieldExternalRef, xref)
	if !ok {
		return 0, fmt.Errorf("a ticket with the reference %q cannot be asked for", xref)
	}
	rows, err := list[serviceTicket](ctx, c, request{at: epTickets}, where.and(isBool(fieldClosed, false)))
	if err != nil {
		return 0, fmt.Errorf("looking for ticket %s: %w", xref, err)
	}
	first := 0
	for _, t := range rows { // the filter is the server's; what it lets through is looked at again
		if t.XRef == xref && !t.Closed && (first == 0 || t.ID < first) {
			first = t.ID
		}
	}
	return first, nil
}

// TicketOpen reports whether a ticket is there and open.
// GET /service/tickets/{id}.
func (c *Client) TicketOpen(ctx context.Context, id int) (bool, error) {
	t, err := one[serviceTicket](ctx, c, request{at: epTicket, ids: []int{id}})
	if rest.Gone(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading ticket %d: %w", id, err)
	}
	return !t.Closed, nil
}

// CreateTicket makes a ticket of a company on the configured board, with a reference by which it is
// found again and a text for the internal analysis, which customers do not read. It is sent once: where
// the answer is lost the error is rest.ErrOutcomeUnknown, and FindTicket tells.
// POST /service/tickets.
func (c *Client) CreateTicket(ctx context.Context, xref string, company int, summary, text string) (int, error) {
	board, err := c.setupID(ctx, epBoards, "board", c.config.Tickets.Board)
	if err != nil {
		return 0, err
	}
	body := ticketBody{Summary: shortened(summary, maxSummary), Company: idRef{company}, Board: idRef{board}, XRef: xref, Analysis: text}
	if name := c.config.Tickets.Priority; name != "" {
		priority, err := c.setupID(ctx, epPriorities, "priority", name)
		if err != nil {
			return 0, err
		}
		body.Priority = &idRef{priority}
	}
	made, err := one[serviceTicket](ctx, c, request{method: http.MethodPost, at: epTickets, body: body})
	if err != nil {
		return 0, fmt.Errorf("making a ticket: %w", err)
	}
	if made.ID <= 0 {
		return 0, fmt.Errorf("%w: a ticket was asked for, and the answer names none", rest.ErrOutcomeUnknown)
	}
	return made.ID, nil
}

type ticketNote struct {
	ID       int    `json:"id,omitzero"`
	Text     string `json:"text"`
	Internal bool   `json:"internalAnalysisFlag"`
	Notify   bool   `json:"processNotifications"`
}

// NoteTicket adds an internal note. It is sent once.
// POST /service/tickets/{id}/notes.
func (c *Client) NoteTicket(ctx context.Context, id int, text string) error {
	_, err := c.do(ctx, request{method: http.MethodPost, at: epTicketNotes, ids: []int{id}, body: ticketNote{Text: text, Internal: true}})
	if err != nil {
		return fmt.Errorf("noting on ticket %d: %w", id, err)
	}
	return nil
}

// TicketSays reports whether the last note of a ticket is a text, whatever its line ends.
// GET /service/tickets/{id}/notes.
func (c *Client) TicketSays(ctx context.Context, id int, text string) (bool, error) {
	rows, err := list[ticketNote](ctx, c, request{at: epTicketNotes, ids: []int{id}}, condition{})
	if err != nil {
		return false, fmt.Errorf("reading the notes of ticket %d: %w", id, err)
	}
	if len(rows) == 0 {
		return false, nil
	}
	last := slices.MaxFunc(rows, func(a, b ticketNote) int { return cmp.Compare(a.ID, b.ID) })
	return slices.Equal(strings.Fields(last.Text), strings.Fields(text)), nil
}

// CloseTicket gives a ticket the first closed status of its board. closed is false where this role
// may not, or the board has no such status: trying again would not help.
// PATCH /service/tickets/{id}.
func (c *Client) CloseTicket(ctx context.Context, id int) (closed bool, err error) {
	t, err := one[serviceTicket](ctx, c, request{at: epTicket, ids: []int{id}})
	switch {
	case rest.Gone(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("reading ticket %d: %w", id, err)
	case t.Closed:
		return true, nil
	}
	status, err := c.closedStatus(ctx, t.Board.ID)
	if err == nil && status == 0 {
		err = errNoClosedStatus
	}
	var after *serviceTicket
	if err == nil {
		op := operation{Op: "replace", Path: "status", Value: idRef{status}}
		after, err = one[serviceTicket](ctx, c, request{method: http.MethodPatch, at: epTicket, ids: []int{id}, body: []operation{op}})
	}
	if refused, ok := errors.AsType[*rest.Error](err); errors.Is(err, errNoClosedStatus) || ok && !refused.Temporary && !refused.Unauthorised {
		c.log.Info().Err(err).Int("ticket", id).Msg("ticket stays open")
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("closing ticket %d: %w", id, err)
	}
	return after.Closed, nil
}

var errNoClosedStatus = errors.New("its board has no status that closes")

type boardStatus struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Closed   bool   `json:"closedStatus"`
	Inactive bool   `json:"inactive"`
}

// closedStatus is the first status of a board that closes; 0 where it has none.
// GET /service/boards/{id}/statuses.
func (c *Client) closedStatus(ctx context.Context, board int) (int, error) {
	rows, err := list[boardStatus](ctx, c, request{at: epBoardStatuses, ids: []int{board}}, condition{})
	if err != nil {
		return 0, fmt.Errorf("reading the statuses of board %d: %w", board, err)
	}
	for _, s := range rows {
		if s.Closed && !s.Inactive {
			return s.ID, nil
		}
	}
	return 0, nil
}

// setupID finds an entry of a setup table by its id or its name.
// GET /service/boards, GET /service/priorities.
func (c *Client) setupID(ctx context.Context, at endpoint, what, text string) (int, error) {
	if id, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && id > 0 {
		return id, nil
	}
	rows, err := list[reference](ctx, c, request{at: at}, condition{})
	if err != nil {
		return 0, fmt.Errorf("looking for %s %q: %w", what, text, err)
	}
	var there []string
	for _, row := range rows {
		if strings.EqualFold(strings.TrimSpace(row.Name), strings.TrimSpace(text)) {
			return row.ID, nil
		}
		there = append(there, row.Name)
	}
	return 0, noSuchSetup{what, text, there}
}

// noSuchSetup says that a setup table has no entry of a name.
type noSuchSetup struct {
	what, text string
	there      []string
}

func (e noSuchSetup) Error() string {
	return fmt.Sprintf("ConnectWise has no %s %q, or the role hides it; there are: %s", e.what, e.text, strings.Join(e.there, ", "))
}

// checkTickets says whether tickets can be made. Of the right to add and edit them it can say nothing:
// nothing is written.
func (c *Client) checkTickets(ctx context.Context) []target.Finding {
	var out []target.Finding
	t := c.config.Tickets
	board, err := c.setupID(ctx, epBoards, "board", t.Board)
	found := func(name, detail string, err error) {
		remedy := remedyOf(err)
		if _, ok := errors.AsType[noSuchSetup](err); ok {
			remedy = "write one of them under connectwise.tickets, or its id"
		}
		out = append(out, target.Found(name, detail, remedy, err))
	}
	if err != nil {
		found("tickets", "", err)
		return out
	}
	if t.Priority != "" {
		if _, err := c.setupID(ctx, epPriorities, "priority", t.Priority); err != nil {
			found("tickets", "", err)
			return out
		}
	}
	if _, err := c.FindTicket(ctx, "syncd:check"); err != nil {
		found("tickets", "", err)
		return out
	}
	status, err := c.closedStatus(ctx, board)
	detail := "board " + t.Board + "; the first one shows whether the role may add and close them (Service Desk > Service Tickets: Add All, Edit All)"
	if err == nil && status == 0 {
		detail = "board " + t.Board + " has no status that closes: tickets are noted as solved and stay open"
	}
	found("tickets", detail, err)
	return out
}

// shortened cuts a text to so many characters.
func shortened(text string, most int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most-1]) + "…"
}
