package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"syncd/internal/rest"
)

// How often the daemon looks whether a run has ended, and how long it waits before it tries again what
// failed. Tests wait less.
var (
	TicketsLook = 5 * time.Second
	TicketsWait = time.Minute
)

const longestTicketsWait = time.Hour

// tickets keeps tickets in step with what waits and fails, after each run and beside none: it stops where
// one begins, and a run waits for one request of it at most.
type tickets struct {
	*App
	in Ticketer
}

// newTickets is nil where no tickets are to be made.
func newTickets(w *App) *tickets {
	if t, ok := Find[Ticketer](w); ok && slices.ContainsFunc(ticketOrder, t.TicketsFor) {
		return &tickets{w, t}
	}
	return nil
}

// run works until ctx ends.
func (t *tickets) run(ctx context.Context) error {
	var done time.Time // the end of the run after which all tickets were in step
	var again time.Time
	wait := TicketsWait
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(TicketsLook):
		}
		ended, busy, err := t.lastEnd(ctx)
		if err != nil || busy || ended.Equal(done) || t.Now().Before(again) {
			continue
		}
		switch err := t.round(ctx); {
		case errors.Is(err, errRunBegan):
		case err != nil && ctx.Err() == nil:
			t.Log.Warn().Err(err).Msg("tickets not in step; tried again later")
			again, wait = t.Now().Add(wait), min(2*wait, longestTicketsWait)
		default:
			done, wait = ended, TicketsWait
		}
	}
}

// mostRunsAtOnce is more than there are jobs.
const mostRunsAtOnce = 100

// lastEnd is when a run ended last, and whether one is under way here.
func (w *App) lastEnd(ctx context.Context) (ended time.Time, busy bool, err error) {
	n := 0
	for r, err := range w.Store.Runs(ctx) {
		if err != nil {
			return ended, false, err
		}
		if n++; n > mostRunsAtOnce {
			break
		}
		if _, underWay := w.Engine.Progress(r.ID); underWay {
			return ended, true, nil
		}
		if r.Finished.After(ended) {
			ended = r.Finished
		}
	}
	return ended, false, nil
}

// TicketsDocument is the document of the tickets that were made, by their references. Whoever loses it
// finds them again by these.
const TicketsDocument = "tickets"

// A ticketRecord is what is known of a ticket.
type ticketRecord struct {
	ID     int    `json:"id,omitempty"`     // 0 while nobody knows whether it was made
	Said   string `json:"said,omitempty"`   // a digest of what it says
	Saying string `json:"saying,omitempty"` // a digest of what was about to be said when this was written
	Solved bool   `json:"solved,omitempty"` // noted as solved, and open: the role may not close it
}

var errRunBegan = errors.New("a run began")

// round brings all tickets into step. What fails of one keeps no other from its turn, unless all would fail.
func (t *tickets) round(ctx context.Context) error {
	wanted, err := t.ticketCauses(ctx, t.in)
	if err != nil {
		return err
	}
	known, _, err := Document[map[string]ticketRecord](ctx, t.Store, TicketsDocument)
	if err != nil {
		return err
	}
	var failed []error
	all := maps.Clone(wanted)
	for xref := range known {
		if _, ok := all[xref]; !ok {
			if all == nil {
				all = map[string]ticketCause{}
			}
			all[xref] = ticketCause{}
		}
	}
	for _, xref := range slices.Sorted(maps.Keys(all)) {
		if _, busy, err := t.lastEnd(ctx); err != nil || busy {
			return errors.Join(err, errRunBegan)
		}
		record := known[xref]
		cause, is := wanted[xref]
		switch {
		case is:
			err = t.say(ctx, cause, record)
		case !t.in.TicketsFor(ticketCauseOf(xref)): // nobody looks at that any more
			err = t.remember(ctx, xref, nil)
		default:
			err = t.solve(ctx, xref, record)
		}
		if err == nil {
			continue
		}
		failed = append(failed, err)
		refused, ok := errors.AsType[*rest.Error](err)
		if ok && (refused.Unauthorised || refused.Forbidden) || len(failed) == mostFailedTickets || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// mostFailedTickets is of how many a round tries on: where ConnectWise takes nothing it is left alone.
const mostFailedTickets = 3

// say makes or finds the ticket of a cause and has it say what is true now.
//
//	the ticket                                  what is sent
//	says it                                     nothing
//	says something else, and is open            a note
//	is closed, and the cause said the same      nothing: whoever closed it knows
//	is closed, and says something else          a new ticket
//	is not known, and one is found              a note, unless its last one says it; nothing where it was about to be made with this text
//	is not known, and none is found             a new ticket
func (t *tickets) say(ctx context.Context, c ticketCause, record ticketRecord) error {
	digest := digestOf(c.text)
	if record.ID != 0 && record.Said == digest && record.Saying == "" && !record.Solved {
		return nil
	}
	begun := record.Saying == digest // before, and nobody knows whether it got through
	record.Saying = digest
	if err := t.remember(ctx, c.xref, &record); err != nil {
		return err
	}
	id := record.ID
	if id != 0 {
		open, err := t.in.TicketOpen(ctx, id)
		if err != nil {
			return err
		}
		if !open {
			id = 0
		}
	}
	found := id
	if id == 0 {
		var err error
		if found, err = t.in.FindTicket(ctx, c.xref); err != nil {
			return err
		}
	}
	switch {
	case found == 0:
		made, err := t.in.CreateTicket(ctx, c.xref, c.company, c.summary, c.text)
		if err != nil {
			return err // where no answer came it is looked for the next time
		}
		found = made
		t.Log.Info().Int("ticket", found).Str("ref", c.xref).Msg("ticket made")
	case begun && record.ID == 0: // it was made with this text
		t.Log.Info().Int("ticket", found).Str("ref", c.xref).Msg("ticket found whose making was not answered")
	default:
		if err := t.note(ctx, found, c.text); err != nil {
			return err
		}
	}
	return t.remember(ctx, c.xref, &ticketRecord{ID: found, Said: digest})
}

// note adds a note, unless the last one is it: an answer was lost, or what was remembered is older.
func (t *tickets) note(ctx context.Context, id int, text string) error {
	if says, err := t.in.TicketSays(ctx, id, text); err != nil || says {
		return err
	}
	if err := t.in.NoteTicket(ctx, id, text); err != nil {
		return err
	}
	t.Log.Info().Int("ticket", id).Msg("ticket noted")
	return nil
}

// solvedText is the last note of a ticket.
const solvedText = "Solved: syncd sees nothing of this any more."

// solve notes that the cause of a ticket is gone, and closes it where the role may.
func (t *tickets) solve(ctx context.Context, xref string, record ticketRecord) error {
	if record.Solved {
		return nil
	}
	id := record.ID
	if id == 0 { // it was about to be made
		var err error
		if id, err = t.in.FindTicket(ctx, xref); err != nil {
			return err
		}
	} else if open, err := t.in.TicketOpen(ctx, id); err != nil {
		return err
	} else if !open {
		id = 0
	}
	if id == 0 {
		return t.remember(ctx, xref, nil)
	}
	if err := t.note(ctx, id, solvedText); err != nil {
		return err
	}
	closed, err := t.in.CloseTicket(ctx, id)
	if err != nil {
		return err
	}
	if closed {
		t.Log.Info().Int("ticket", id).Str("ref", xref).Msg("ticket closed")
		return t.remember(ctx, xref, nil)
	}
	return t.remember(ctx, xref, &ticketRecord{ID: id, Said: record.Said, Solved: true})
}

// remember writes down what is known of a ticket; nil forgets it.
func (t *tickets) remember(ctx context.Context, xref string, record *ticketRecord) error {
	known, version, err := Document[map[string]ticketRecord](ctx, t.Store, TicketsDocument)
	if err != nil {
		return err
	}
	if known == nil {
		known = map[string]ticketRecord{}
	}
	if record == nil {
		delete(known, xref)
	} else {
		known[xref] = *record
	}
	if err := Put(ctx, t.Store, TicketsDocument, version, known); err != nil {
		return fmt.Errorf("noting ticket %s: %w", xref, err)
	}
	return nil
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
