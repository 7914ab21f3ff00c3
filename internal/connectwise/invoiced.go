package connectwise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// A lookedAt is an entry of a bundle that is a line or an agreement.
type lookedAt struct {
	addition
	NextInvoice looseDay `json:"nextInvoiceDate"`
}

type lookedResult struct {
	Sequence int        `json:"sequenceNumber"`
	Success  *bool      `json:"success"`
	Status   int        `json:"statusCode"`
	Entities []lookedAt `json:"entities"`
	Data     []lookedAt `json:"data"`
}

// only is the one row that an entry proves, with this id; nil where it proves none.
func (r *lookedResult) only(id int) *lookedAt {
	rows := r.Entities
	if rows == nil {
		rows = r.Data
	}
	if r.Success == nil || !*r.Success || r.Status < 200 || r.Status > 299 || len(rows) != 1 || rows[0].ID != id {
		return nil
	}
	return &rows[0]
}

// lineAndInvoices reads a line, and how far the agreement that invoices it is invoiced,
// both in one request. What a bundle does not prove is asked for by itself. next is 0
// where nobody knows it.
// POST /system/bundles.
func (c *Client) lineAndInvoices(ctx context.Context, agreement, id, invoicer int) (line *addition, next day, err error) {
	if c.bundlesWork.Load() {
		if line, next, err = c.bundledLine(ctx, agreement, id, invoicer); err != nil {
			return nil, 0, err
		}
	}
	if line == nil {
		if line, err = c.addition(ctx, agreement, id); err != nil {
			return nil, 0, err
		}
	}
	if next == 0 {
		next = c.nextInvoice(ctx, invoicer)
	}
	return line, next, nil
}

// nextInvoice is the first day of an agreement that is not yet invoiced; 0 where it
// cannot be read: no write fails for it.
func (c *Client) nextInvoice(ctx context.Context, agreement int) day {
	r, err := c.Recap(ctx, agreement)
	if err != nil {
		c.log.Warn().Err(err).Int("agreement", agreement).Msg("how far the agreement is invoiced is not known")
		return 0
	}
	next, _ := parseDay([]byte(r.NextInvoice))
	return next
}

func (c *Client) bundledLine(ctx context.Context, agreement, id, invoicer int) (line *addition, next day, err error) {
	var body struct {
		Requests []bundleRequest `json:"requests"`
	}
	for i, of := range []struct {
		resource   string
		parent, id int
	}{{"addition", agreement, id}, {"agreement", 0, invoicer}} {
		r := bundleRequest{Version: c.version(epAdditions), SequenceNumber: i + 1, ResourceType: of.resource}
		r.ApiRequest.ParentID, r.ApiRequest.Page.Page, r.ApiRequest.Page.PageSize = of.parent, 1, maxBundleRows
		r.ApiRequest.Filters = &bundleFilters{Conditions: isInt(fieldID, of.id).text}
		body.Requests = append(body.Requests, r)
	}
	r := request{method: http.MethodPost, at: epBundles, body: body, read: true}
	resp, err := c.do(ctx, r)
	if refused, ok := errors.AsType[*rest.Error](err); ok && bundlesRefused(refused.Status) {
		c.noteBundlesRefused(refused.Status)
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	answer, err := decode[struct {
		Results []lookedResult `json:"results"`
	}](r, resp)
	if err != nil {
		return nil, 0, nil // it is asked for by itself
	}
	for i := range answer.Results {
		switch result := &answer.Results[i]; result.Sequence {
		case 1:
			if row := result.only(id); row != nil && (row.AgreementID == 0 || row.AgreementID == agreement) {
				line = &row.addition
			}
		case 2:
			if row := result.only(invoicer); row != nil {
				next = row.NextInvoice.day
			}
		}
	}
	return line, next, nil
}

// A writing is one change of a line under way, with what was seen of its agreement's
// invoices meanwhile.
type writing struct {
	agreement int
	invoicer  int // the agreement on whose invoice the line is billed
	gate      func(context.Context) error
	planned   day // the first day not yet invoiced when the plan was made; 0 where nobody knew
	next      day // as it was seen last; 0 where nobody knows
}

func (t *Target) writing(b *plan.Billing, agreement int) *writing {
	w := &writing{agreement: agreement, invoicer: agreement, gate: t.client.gate(b.AgreementType)}
	if parent, err := strconv.Atoi(b.Parent); err == nil {
		w.invoicer = parent
	}
	w.planned, _ = parseDay([]byte(b.NextInvoice))
	w.next = w.planned
	return w
}

// look reads the line that is written.
func (t *Target) look(ctx context.Context, w *writing, id int) (*addition, error) {
	line, next, err := t.client.lineAndInvoices(ctx, w.agreement, id, w.invoicer)
	if next != 0 {
		w.next = next
	}
	return line, err
}

// reopened stops a write where an invoice was deleted since the plan was made.
func (w *writing) reopened() error {
	if w.planned == 0 || w.next == 0 || w.next >= w.planned {
		return nil
	}
	return fmt.Errorf("%w: an invoice of agreement %d was deleted, and its period is open again: the first day not yet invoiced was %s and is %s",
		target.ErrMoved, w.invoicer, w.planned, w.next)
}

// invoiced notes that an invoice was made since the plan was, or nothing.
func (t *Target) invoiced(ctx context.Context, w *writing, ch *plan.Change, ref string) []plan.Violation {
	if w.planned == 0 || w.next <= w.planned {
		return nil
	}
	number := "an invoice"
	if r, err := t.client.Recap(ctx, w.invoicer); err == nil && r.LastInvoiceNumber != "" {
		number = "invoice " + rest.Excerpt(r.LastInvoiceNumber)
	}
	key := plan.InvoiceKey(strconv.Itoa(w.invoicer), w.planned.String())
	return []plan.Violation{{Code: plan.CodeInvoiced, Kind: key.Kind, Key: key.ID, Note: true, Message: fmt.Sprintf(
		"%s for the days from %s on (agreement %d) was made while %s (line %s) was written: look which quantity is on it and correct it by hand, then settle this (syncd matches ignore, or syncd approve)",
		number, w.planned, w.invoicer, ch.Label, ref)}}
}
