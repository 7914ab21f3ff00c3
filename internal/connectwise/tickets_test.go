package connectwise

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"syncd/internal/rest"
	cwsim "syncd/internal/simulator/connectwise"
)

func TestATicketFromItsBeginningToItsEnd(t *testing.T) {
	inBubble(t, "", func(t *testing.T) {
		h := newHarness(t, seed(), rules(), ticketing("Licensing", "priority 4"))
		h.sim.Update(desk)
		const xref = "syncd:held:7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11:250"
		if id, err := h.client.FindTicket(t.Context(), xref); id != 0 || err != nil {
			t.Fatalf("got ticket %d, %v, want none", id, err)
		}
		id, err := h.client.CreateTicket(t.Context(), xref, 250, strings.Repeat("long ☂ ", 30), "the reason\nand more")
		if err != nil {
			t.Fatal(err)
		}
		made := h.sim.World().Tickets[0]
		if n := utf8.RuneCountInString(made.Summary); n != 100 || !strings.HasSuffix(made.Summary, "…") {
			t.Errorf("got a summary of %d characters: %s", n, made.Summary)
		}
		if found, err := h.client.FindTicket(t.Context(), xref); found != id || err != nil {
			t.Errorf("got ticket %d, %v, want %d", found, err, id)
		}
		if other, err := h.client.FindTicket(t.Context(), xref+"1"); other != 0 || err != nil {
			t.Errorf("got ticket %d, %v, want none of another reference", other, err)
		}
		for text, want := range map[string]bool{"the reason and more": true, "the reason": false} {
			if says, err := h.client.TicketSays(t.Context(), id, text); says != want || err != nil {
				t.Errorf("%q: got %t, %v, want %t", text, says, err, want)
			}
		}
		if err := h.client.NoteTicket(t.Context(), id, "another"); err != nil {
			t.Fatal(err)
		}
		if closed, err := h.client.CloseTicket(t.Context(), id); !closed || err != nil {
			t.Errorf("got %t, %v, want it closed", closed, err)
		}
		if open, err := h.client.TicketOpen(t.Context(), id); open || err != nil {
			t.Errorf("got open %t, %v, want closed", open, err)
		}
		if again, err := h.client.FindTicket(t.Context(), xref); again != 0 || err != nil {
			t.Errorf("got ticket %d, %v, want none that is open", again, err)
		}
		if open, err := h.client.TicketOpen(t.Context(), 999); open || err != nil {
			t.Errorf("got open %t, %v of a ticket that is gone", open, err)
		}
		for _, n := range h.sim.World().TicketNotes {
			if !n.Internal || !n.Silent {
				t.Errorf("got %+v, want an internal note of which nobody is told", *n)
			}
		}
	})
}

// A ticket is asked for once, whatever the end: the next round looks for it.
func TestATicketIsAskedForOnce(t *testing.T) {
	for _, kind := range []cwsim.FaultKind{cwsim.DroppedCommitted, cwsim.TimeoutCommitted, cwsim.EmptyAnswer, cwsim.CutBody} {
		inBubble(t, string(kind), func(t *testing.T) {
			h := newHarness(t, seed(), rules(), ticketing("4", ""))
			h.sim.Update(desk)
			h.sim.Fail(cwsim.Rule{Method: "POST", Route: "/service/tickets", Times: 1, Fault: cwsim.Fault{Kind: kind}})
			if _, err := h.client.CreateTicket(t.Context(), "syncd:held:x:250", 250, "s", "t"); err == nil {
				t.Error("got no error")
			}
			if n := len(h.sim.World().Tickets); n != 1 {
				t.Errorf("got %d tickets, want one", n)
			}
		})
	}
}

func TestATicketOfAnotherBoardsStatusStaysOpen(t *testing.T) {
	inBubble(t, "", func(t *testing.T) {
		h := newHarness(t, seed(), rules(), ticketing("Dispatch", ""))
		h.sim.Update(desk)
		id, err := h.client.CreateTicket(t.Context(), "syncd:held:x:250", 250, "s", "t")
		if err != nil {
			t.Fatal(err)
		}
		if closed, err := h.client.CloseTicket(t.Context(), id); closed || err != nil {
			t.Errorf("got %t, %v, want it open: its board has no status that closes", closed, err)
		}
	})
}

// Where no tickets are configured the program cannot ask for one.
func TestTicketsAreOutOfReachWithoutABoard(t *testing.T) {
	inBubble(t, "", func(t *testing.T) {
		h := newHarness(t, seed(), rules())
		h.sim.Update(desk)
		_, find := h.client.FindTicket(t.Context(), "syncd:held:x:250")
		for what, err := range map[string]error{"find": find, "note": h.client.NoteTicket(t.Context(), 1, "x")} {
			if !errors.Is(err, rest.ErrForbidden) {
				t.Errorf("%s: got %v, want a refusal of our own", what, err)
			}
		}
		if n := len(h.sim.Requests()); n != 0 {
			t.Errorf("got %d requests, want none", n)
		}
	})
}
