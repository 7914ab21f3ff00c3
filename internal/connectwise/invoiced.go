package connectwise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// lookedResult is an entry of a bundle of lines and agreements.
type lookedResult struct {
	Sequence int            `json:"sequenceNumber"`
	Success  *bool          `json:"success"`
	Status   int            `json:"statusCode"`
	Count    *int           `json:"count"`
	Entities jsontext.Value `json:"entities"`
	Data     jsontext.Value `json:"data"` // some releases' name for entities
}

// provenRows are the rows of an entry; false where it proves nothing.
func provenRows[T any](r *lookedResult) (rows []T, proven bool) {
	raw := r.Entities
	if raw == nil {
		raw = r.Data
	}
	if r.Success == nil || !*r.Success || r.Status < 200 || r.Status > 299 || json.Unmarshal(raw, &rows, readOptions) != nil || rows == nil ||
		len(rows) >= maxBundleRows || r.Count != nil && *r.Count != len(rows) {
		return nil, false
	}
	return rows, true
}

// A look is a line right before or after it is written, and all that the plan was judged
// by, as it is then.
type look struct {
	line      *addition
	next      day        // the first day not yet invoiced; 0 where nobody knows it
	noNext    bool       // the agreement shows that it has none
	agreement *agreement // of the line; nil where it was not asked for
	others    []addition // the agreement's other lines
}

// lookAt reads a line, the agreement's other lines, the agreement, and how far the one that
// invoices it is invoiced, all in one request. What a bundle does not prove is asked for by
// itself, but for what was judged before the write and is not asked for after it.
// POST /system/bundles.
func (c *Client) lookAt(ctx context.Context, agreementID, id, invoicer int, judged bool) (*look, error) {
	l, lines := &look{}, false
	if c.bundlesWork.Load() {
		var err error
		if lines, err = c.bundledLook(ctx, l, agreementID, id, invoicer); err != nil {
			return nil, err
		}
	}
	var err error
	if l.line == nil {
		if l.line, err = c.addition(ctx, agreementID, id); err != nil {
			return nil, err
		}
	}
	if judged && !lines {
		if l.others, err = c.additionsOf(ctx, agreementID, l.line.Product.ID); err != nil {
			return nil, err
		}
	}
	if judged && l.agreement == nil {
		rows, err := list[agreement](ctx, c, request{at: epAgreements}, isInt(fieldID, agreementID))
		if err != nil {
			return nil, fmt.Errorf("reading agreement %d: %w", agreementID, err)
		}
		for i := range rows {
			if rows[i].ID == agreementID {
				l.setAgreement(&rows[i], invoicer)
			}
		}
		if l.agreement == nil {
			return nil, fmt.Errorf("%w: agreement %d is not there any more", target.ErrMoved, agreementID)
		}
	}
	if l.next == 0 && !l.noNext {
		l.next = c.nextInvoice(ctx, invoicer)
	}
	return l, nil
}

// setAgreement takes what an agreement shows: it is the line's, the one that invoices it, or both.
func (l *look) setAgreement(a *agreement, invoicer int) {
	if a.ID == invoicer {
		l.next, l.noNext = a.NextInvoice.day, a.NextInvoice.day == 0
	}
	l.agreement = a
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

// bundledLook fills in what a bundle proves, and reports whether that is so of the
// agreement's lines.
func (c *Client) bundledLook(ctx context.Context, l *look, agreementID, id, invoicer int) (lines bool, err error) {
	var body struct {
		Requests []bundleRequest `json:"requests"`
	}
	type entry struct {
		resource   string
		parent, id int
	}
	entries := []entry{{"addition", agreementID, id}, {"agreement", 0, invoicer}, {"addition", agreementID, 0}}
	if invoicer != agreementID {
		entries = append(entries, entry{"agreement", 0, agreementID})
	}
	for i, of := range entries {
		r := bundleRequest{Version: c.version(epAdditions), SequenceNumber: i + 1, ResourceType: of.resource}
		r.ApiRequest.ParentID, r.ApiRequest.Page.Page, r.ApiRequest.Page.PageSize = of.parent, 1, maxBundleRows
		if of.id != 0 {
			r.ApiRequest.Filters = &bundleFilters{Conditions: isInt(fieldID, of.id).text}
		}
		body.Requests = append(body.Requests, r)
	}
	r := request{method: http.MethodPost, at: epBundles, body: body, read: true}
	resp, err := c.do(ctx, r)
	if refused, ok := errors.AsType[*rest.Error](err); ok && bundlesRefused(refused.Status) {
		c.noteBundlesRefused(refused.Status)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	answer, err := decode[struct {
		Results []lookedResult `json:"results"`
	}](r, resp)
	if err != nil {
		return false, nil // it is asked for by itself
	}
	for i := range answer.Results {
		switch result := &answer.Results[i]; result.Sequence {
		case 1:
			rows, proven := provenRows[addition](result)
			if proven && len(rows) == 1 && rows[0].ID == id && rowOfOther(rows, agreementID) < 0 {
				l.line = &rows[0]
			}
		case 3:
			if l.others, lines = provenRows[addition](result); lines && rowOfOther(l.others, agreementID) >= 0 {
				l.others, lines = nil, false
			}
		case 2, 4:
			rows, proven := provenRows[agreement](result)
			switch of := entries[result.Sequence-1].id; {
			case !proven || len(rows) != 1 || rows[0].ID != of:
			case of == agreementID:
				l.setAgreement(&rows[0], invoicer)
			default:
				l.next, l.noNext = rows[0].NextInvoice.day, rows[0].NextInvoice.day == 0
			}
		}
	}
	return lines, nil
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

// look reads the line that is written; judged, it reads what the plan was judged by too.
func (t *Target) look(ctx context.Context, w *writing, id int, judged bool) (*look, error) {
	l, err := t.client.lookAt(ctx, w.agreement, id, w.invoicer, judged)
	if err != nil {
		return nil, err
	}
	if l.next != 0 {
		w.next = l.next
	}
	return l, nil
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
