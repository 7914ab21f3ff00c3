package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"syncd/internal/connectwise"
	"syncd/internal/mapping"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A ticketCause is why a customer has a ticket, and what that says. Whatever is the same says the same:
// no times and no runs are in it, nor words that may name people.
type ticketCause struct {
	xref    string // by which the ticket is found again
	company int
	summary string
	text    string
}

// ticketSummaries are what tickets are called, and what is to be done.
var ticketSummaries = map[string]struct{ summary, do string }{
	connectwise.TicketHeld:       {"syncd: changes wait for a person", "Approve or reject them there, or type: syncd holds --customer %s"},
	connectwise.TicketFailed:     {"syncd: could not be brought into step", "The page says why, and so does: syncd status %s"},
	connectwise.TicketIncomplete: {"syncd: what the tenant holds is not proven", "Nothing was changed on its word. The page says what to do, and so does: syncd status %s"},
}

// ticketOrder are the causes in the order in which their tickets are made.
var ticketOrder = []string{connectwise.TicketHeld, connectwise.TicketFailed, connectwise.TicketIncomplete}

// ticketCauses are what the state says now, by the tickets' references: one a customer and cause, about all
// of its targets.
func (w *App) ticketCauses(ctx context.Context, t Ticketer) (map[string]ticketCause, error) {
	v, err := w.Status(ctx, "")
	if err != nil {
		return nil, err
	}
	customers, err := w.KnownCustomers(ctx, v)
	if err != nil {
		return nil, err
	}
	found := map[string]ticketCause{}
	for i := range customers {
		c := &customers[i]
		company := t.TicketCompany(c.Links)
		if c.Status != mapping.Linked || company == 0 || c.Former != "" {
			continue
		}
		lines := map[string][]string{} // by cause
		for _, s := range c.Scopes {
			h, waits := v.Held[s.Scope]
			for cause, line := range w.ticketLines(s, &h, waits) {
				if t.TicketsFor(cause) {
					lines[cause] = append(lines[cause], line)
				}
			}
		}
		for cause, said := range lines {
			x := ticketCause{xref: ticketXRef(cause, c.Key, company), company: company, summary: ticketSummaries[cause].summary}
			slices.Sort(said)
			x.text = strings.Join(said, "\n") + "\n\n" + fmt.Sprintf(ticketSummaries[cause].do, quotedKey(c.Key)) + "\n" + w.Config.pagesURL() + "/customers/" + url.PathEscape(c.Key)
			found[x.xref] = x
		}
	}
	return found, nil
}

// ticketLines say what a scope has tickets for, by cause. A plan waits also while a later run failed.
func (w *App) ticketLines(s Standing, h *state.Hold, waits bool) map[string]string {
	title := w.Config.TargetTitle(s.Scope.Target)
	lines := map[string]string{}
	switch sync.Outcome(s.Outcome) {
	case sync.Failed, sync.Partial:
		lines[connectwise.TicketFailed] = title + ": " + s.Stands
	case sync.Incomplete:
		lines[connectwise.TicketIncomplete] = title + ": " + s.Stands
	case sync.Held:
		if !waits && needsSomebody(s.Stands) {
			lines[connectwise.TicketHeld] = title + ": " + s.Stands
		}
	}
	if waits && needsSomebody(h.Standing()) {
		lines[connectwise.TicketHeld] = title + ": " + w.holdLine(h)
	}
	return lines
}

func needsSomebody(stands string) bool {
	return stands == state.StandsNeedsApproval || stands == state.StandsNeedsRepair
}

// holdLine says what waits, without a name.
func (w *App) holdLine(h *state.Hold) string {
	waiting := w.WaitingOf(*h)
	stands := waiting.Stands
	if waiting.Count != 1 {
		stands = strings.Replace(stands, "needs", "need", 1)
	}
	line := Count(waiting.Count, "change") + " " + stands
	for _, money := range sortedSums(waiting.Up, waiting.Down) {
		line += ", " + money
	}
	if codes := holdCodes(&waiting); codes != "" {
		line += " (" + strings.ReplaceAll(codes, " ", ", ") + ")"
	}
	if h.Digest != "" {
		line += ", plan " + h.Digest
	}
	return line
}

// sortedSums are what plans add and take, such as +44.00 USD a month.
func sortedSums(up, down Sums) []string {
	var out []string
	for _, x := range []struct {
		sign string
		sums Sums
	}{{"+", up}, {"-", down}} {
		for currency, amount := range x.sums {
			out = append(out, x.sign+amount.Abs().StringFixed(2)+" "+currency+" a month")
		}
	}
	slices.Sort(out)
	return out
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)

// ticketXRef is the reference of a ticket, which ConnectWise can be asked for: of 100 characters at most,
// without what has a meaning in conditions.
func ticketXRef(cause, customer string, company int) string {
	if !plainKey.MatchString(customer) {
		sum := sha256.Sum256([]byte(customer))
		customer = hex.EncodeToString(sum[:12])
	}
	return fmt.Sprintf("syncd:%s:%s:%d", cause, customer, company)
}

// ticketCauseOf is the cause in a reference.
func ticketCauseOf(xref string) string {
	_, rest, _ := strings.Cut(xref, ":")
	cause, _, _ := strings.Cut(rest, ":")
	return cause
}

// quotedKey is a customer's key as it is typed.
func quotedKey(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	return "'" + strings.ReplaceAll(key, "'", `'\''`) + "'"
}
