package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"syncd/internal/state"
)

// HistoryFilter says which entries of the journal are meant, each part as typed;
// empty parts let everything through.
type HistoryFilter struct {
	Customer string
	Target   string
	Run      string
	Since    string // a day, such as 2026-11-21
	Month    string // such as 2026-11
	Limit    int    // 0 = all
}

// HistoryEntry is an entry of the journal as scripts read it.
type HistoryEntry state.Entry

// MarshalJSON writes who, what and why in plain members; what is nobody's is null.
func (e HistoryEntry) MarshalJSON() ([]byte, error) {
	type entry state.Entry // the rest: the images, the money, the chain
	return json.Marshal(struct {
		entry
		Customer string `json:"customer"`
		Target   string `json:"target"`
		Kind     string `json:"kind"`
		Key      string `json:"key"` // hides that of kind and id
		Reason   string `json:"reason"`
		By       string `json:"by"`
		How      string `json:"how"`
		Digest   string `json:"digest"`
		Money    any    `json:"monthly_delta"` // of what is about none, or not known, null
	}{entry(e), e.Scope.Customer, e.Scope.Target, e.Key.Kind, e.Key.ID, cmp.Or(string(e.Reason), e.Why), e.By, e.How, e.Digest, orNull(e.Money)})
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// A HistoryList is a part of the journal, as scripts read it.
type HistoryList struct {
	Entries []HistoryEntry `json:"entries"`
}

// A Difference is a field in which the journal's two images of an object differ.
type Difference struct{ Field, Before, After string }

// Differences are what an entry changed, as far as its second image says; "-" is nothing.
// Those of a whole table that was imported are left out: its label counts them.
func Differences(e *state.Entry) []Difference {
	if e.After == nil {
		return nil
	}
	var all []Difference
	for _, f := range e.After.Fields {
		d := Difference{Field: f.Name, Before: "-", After: cmp.Or(f.Value.String(), "-")}
		if e.Before != nil {
			if v, ok := e.Before.Fields.Get(f.Name); ok {
				d.Before = cmp.Or(v.String(), "-")
			}
		}
		if d.Before != d.After {
			all = append(all, d)
		}
	}
	if most := 3; e.Action == state.ActionImport && len(all) > most {
		return nil
	}
	return all
}

// History returns what the journal says, newest first.
func (w *App) History(ctx context.Context, f HistoryFilter) ([]HistoryEntry, error) {
	within := state.JournalFilter{Run: f.Run, Limit: f.Limit}
	var err error
	if within.From, within.To, err = monthOf(f.Month, w.Location); err != nil {
		return nil, err
	}
	if f.Since != "" {
		since, err := time.ParseInLocation(time.DateOnly, f.Since, w.Location)
		if err != nil {
			return nil, Usage("--since %q is not a day; write it as 2026-11-21", f.Since)
		}
		if since.After(within.From) {
			within.From = since
		}
	}
	if f.Customer != "" {
		c, err := w.known(ctx, f.Customer)
		if err != nil {
			return nil, err
		}
		within.Customer = c.Key
	}
	if f.Target != "" {
		if within.Target, err = w.Config.targetNamed(f.Target); err != nil {
			return nil, err
		}
	}
	entries := []HistoryEntry{}
	for e, err := range w.Store.Journal(ctx, within) {
		if err != nil {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		entries = append(entries, HistoryEntry(e))
	}
	return entries, nil
}

// monthOf is when a month begins and ends; both are zero for no month.
func monthOf(month string, zone *time.Location) (from, to time.Time, err error) {
	if month == "" {
		return time.Time{}, time.Time{}, nil
	}
	from, err = time.ParseInLocation("2006-01", month, zone)
	if err != nil {
		return time.Time{}, time.Time{}, Usage("--month %q is not a month; write it as 2026-11", month)
	}
	return from, from.AddDate(0, 1, 0), nil
}
