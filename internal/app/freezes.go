package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// A Freeze is one in which nobody writes, as it is listed.
type Freeze struct {
	AgreementTypes []string `json:"agreement_types"` // shell patterns; none = all
	From           string   `json:"from"`
	Until          string   `json:"until"` // the last day
	Reason         string   `json:"reason"`
	By             string   `json:"by"` // empty where the configuration says so
	Frozen         bool     `json:"frozen"`
}

// farthestFreeze is how far ahead the last day of a freeze by hand may be, in days.
const farthestFreeze = 400

// handFreezes are those that people began, as they are now.
func (w *App) handFreezes(ctx context.Context) ([]money.HandFreeze, error) {
	freezes, _, err := Document[[]money.HandFreeze](ctx, w.Store, FreezesDocument)
	return freezes, err
}

// lastingFreezes are those by hand that are not over, and the version of their table.
func (w *App) lastingFreezes(ctx context.Context) ([]money.HandFreeze, int, error) {
	freezes, version, err := Document[[]money.HandFreeze](ctx, w.Store, FreezesDocument)
	return slices.DeleteFunc(freezes, func(h money.HandFreeze) bool { return h.Until.Before(w.today()) }), version, err
}

// Freezes lists those by hand that are not over, and of each that the configuration
// names the one that lasts or comes next.
func (w *App) Freezes(ctx context.Context) ([]Freeze, error) {
	byHand, _, err := w.lastingFreezes(ctx)
	if err != nil {
		return nil, err
	}
	today, out := w.today(), []Freeze{}
	list := func(types []string, from, until time.Time, reason, by string) {
		out = append(out, Freeze{
			AgreementTypes: Listed(types), From: from.Format(time.DateOnly), Until: until.Format(time.DateOnly),
			Reason: reason, By: by, Frozen: !today.Before(from),
		})
	}
	for _, h := range byHand {
		var types []string
		if h.AgreementType != "" {
			types = []string{h.AgreementType}
		}
		list(types, h.From, h.Until, h.Reason, h.By)
	}
	if s, ok := Find[Freezer](w); ok {
		for _, f := range s.Freezes() {
			from, until := f.Window(today)
			list(f.AgreementTypes, from, until, "invoice run: "+f.InvoiceRun, "")
		}
	}
	return out, nil
}

// StartFreeze keeps everybody from writing from now on to the end of a day.
func (w *App) StartFreeze(ctx context.Context, by Operator, until, reason, agreementType string) ([]mapping.Edit, error) {
	s, ok := Find[Freezer](w)
	if !ok {
		return nil, Usage("nothing was frozen: %s", missing[Freezer](w.Config.table))
	}
	last, err := time.Parse(time.DateOnly, until)
	switch {
	case until == "":
		return nil, Usage("nothing was frozen: --until is missing: write the last day, such as %s", w.today().AddDate(0, 0, 3).Format(time.DateOnly))
	case err != nil:
		return nil, Usage("nothing was frozen: --until %q is not a day; write one such as %s", until, w.today().AddDate(0, 0, 3).Format(time.DateOnly))
	case last.Before(w.today()):
		return nil, Usage("nothing was frozen: --until %s is over; write today's date or a later one", until)
	case last.After(w.today().AddDate(0, 0, farthestFreeze)):
		return nil, Usage("nothing was frozen: --until %s is more than %d days ahead", until, farthestFreeze)
	case strings.TrimSpace(reason) == "":
		return nil, Usage("nothing was frozen: say why with --reason; somebody will ask")
	}
	if agreementType != "" {
		if err := directory.CheckPattern(agreementType); err != nil {
			return nil, Usage("nothing was frozen: --agreement-type: %w", err)
		}
		// Where nobody can be asked the freeze is taken: hands off is the safe side.
		if fit, there, err := s.FrozenTypes(ctx, agreementType); err == nil && !fit {
			return nil, Usage("nothing was frozen: --agreement-type %q fits none of the agreement types: %s", agreementType, strings.Join(there, ", "))
		}
	}
	lasting, version, err := w.lastingFreezes(ctx)
	if err != nil {
		return nil, err
	}
	next := money.HandFreeze{AgreementType: agreementType, From: w.today(), Until: last, Reason: reason, By: by.Name}
	rest := slices.Clone(lasting)
	var was *money.HandFreeze // one of the same type gives way
	if i := slices.IndexFunc(rest, func(h money.HandFreeze) bool { return strings.EqualFold(h.AgreementType, agreementType) }); i >= 0 {
		was = new(rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return w.putFreezes(ctx, by, version, append(rest, next), [][2]*money.HandFreeze{{was, &next}})
}

// EndFreeze ends what people froze: of one agreement type, or all of it.
func (w *App) EndFreeze(ctx context.Context, by Operator, agreementType string) ([]mapping.Edit, error) {
	lasting, version, err := w.lastingFreezes(ctx)
	if err != nil {
		return nil, err
	}
	var rest []money.HandFreeze
	var ended [][2]*money.HandFreeze
	for i := range lasting {
		if h := &lasting[i]; agreementType == "" || strings.EqualFold(h.AgreementType, agreementType) {
			ended = append(ended, [2]*money.HandFreeze{h, nil})
		} else {
			rest = append(rest, *h)
		}
	}
	if len(ended) == 0 {
		return nil, Usage(
			"nothing was ended: nobody froze %s by hand; syncd freeze list shows what is frozen, and the configuration's freezes (connectwise.freeze) end by themselves", frozenType(agreementType))
	}
	return w.putFreezes(ctx, by, version, rest, ended)
}

func (w *App) putFreezes(ctx context.Context, by Operator, version int, next []money.HandFreeze, changed [][2]*money.HandFreeze) ([]mapping.Edit, error) {
	text := func(h *money.HandFreeze) string {
		if h == nil {
			return ""
		}
		return fmt.Sprintf("until %s: %s (%s)", h.Until.Format(time.DateOnly), h.Reason, h.By)
	}
	image := func(key plan.Key, h *money.HandFreeze) *state.Image {
		if h == nil {
			return nil
		}
		return &state.Image{
			Key:    key,
			Fields: plan.Set("by", h.By, "from", h.From.Format(time.DateOnly), "reason", h.Reason, "until", h.Until.Format(time.DateOnly)),
		}
	}
	var edits []mapping.Edit
	var entries []state.Entry
	for _, c := range changed {
		was, is := c[0], c[1]
		about := is
		if about == nil {
			about = was
		}
		edits = append(edits, mapping.Edit{
			Key: FreezesDocument, Name: "freeze", Column: frozenType(about.AgreementType), Before: text(was), After: text(is),
		})
		e := w.decisionEntry(by, state.ActionFreeze, plan.Scope{}, "")
		e.Key = plan.Key{Kind: FreezesDocument, ID: about.AgreementType}
		e.Before, e.After = image(e.Key, was), image(e.Key, is)
		e.Label = "freeze of " + frozenType(about.AgreementType) + " ended"
		if is != nil {
			e.Label, e.Why = "freeze of "+frozenType(about.AgreementType)+" until "+is.Until.Format(time.DateOnly), is.Reason
		}
		word, _ := json.Marshal(c) // plain texts and days; cannot fail
		sum := sha256.Sum256(word)
		e.Digest = hex.EncodeToString(sum[:])
		entries = append(entries, e)
	}
	return edits, Put(ctx, w.Store, FreezesDocument, version, next, entries...)
}

// frozenType names the agreements of a freeze.
func frozenType(agreementType string) string {
	if agreementType == "" {
		return "all agreements"
	}
	return "agreements of type " + agreementType
}
