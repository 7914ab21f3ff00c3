package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"syncd/internal/plan"
)

// ReversalsDocument is the document of what people asked to take back. It is written
// before anything is planned: whatever ends a run in between, the next one goes on.
const ReversalsDocument = "reversals"

// A Reversal is what a person asked to take back of one object of a scope.
type Reversal struct {
	plan.Reversal
	Scope plan.Scope `json:"scope"`
	By    string     `json:"by"`
	At    time.Time  `json:"at"`
}

// Is reports whether both are the same person's word on the same object.
func (r *Reversal) Is(o *Reversal) bool {
	return r.Scope == o.Scope && r.Key == o.Key && r.Run == o.Run && r.At.Equal(o.At)
}

// Reversals returns what is to be taken back, or was and is held, in the order in
// which it was asked for.
func Reversals(ctx context.Context, s Store) ([]Reversal, error) {
	all, _, err := readReversals(ctx, s)
	return all, err
}

func readReversals(ctx context.Context, s Store) (all []Reversal, version int, err error) {
	doc, err := s.Document(ctx, ReversalsDocument)
	if err == nil && len(doc.Body) > 0 {
		if err = json.Unmarshal(doc.Body, &all); err != nil {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading what is to be taken back: %w", err)
	}
	return all, doc.Version, nil
}

// EditReversals changes what is to be taken back, with the journal's entries about it.
// It writes nothing where nothing changes and there is nothing to say, or where the edit
// returns an error, and begins again where somebody else changed it meanwhile.
func EditReversals(ctx context.Context, s Store, edit func([]Reversal) ([]Reversal, error), about ...Entry) error {
	for {
		all, version, err := readReversals(ctx, s)
		if err != nil {
			return err
		}
		was, _ := json.Marshal(all) // plain data cannot fail
		edited, err := edit(slices.Clone(all))
		if err != nil {
			return err
		}
		if edited == nil {
			edited = []Reversal{}
		}
		now, _ := json.Marshal(edited)
		if len(about) == 0 && (string(now) == string(was) || len(all) == 0 && len(edited) == 0) {
			return nil
		}
		err = s.PutDocument(ctx, Document{Name: ReversalsDocument, Version: version, Body: now}, about...)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("writing what is to be taken back: %w", err)
		}
		return nil
	}
}

// TakeBack says what of a run's entries can be taken back, in their order, and of what
// cannot it says why. Entries are those of one scope, oldest first; what was not done
// is left out.
func TakeBack(entries []Entry) (back []plan.Reversal, cannot []plan.Violation) {
	for i := range entries {
		e := &entries[i]
		if e.Result != ResultDone && e.Result != ResultRecovered {
			continue
		}
		r := plan.Reversal{Key: e.Key, Ref: e.Ref, Run: e.Run, Undo: plan.UndoWrite}
		switch {
		case e.Action == plan.Delete && e.After == nil:
			cannot = append(cannot, plan.Violation{Code: plan.NotReverted, Kind: e.Key.Kind, Key: e.Key.ID, Note: true, Message: fmt.Sprintf(
				"%s (%s) is not taken back to what it was before run %s: it was deleted there, and nothing brings it back; make it again at the target if it is to be there", e.Label, e.Ref, e.Run)})
			continue
		case e.After == nil || e.Action != plan.Create && e.Action != plan.Update && e.Action != plan.Delete && e.Action != plan.Adopt:
			continue
		case e.Before == nil || e.Before.Ref == "" && e.After.Ref != "", e.Action == plan.Adopt && e.Reason.Row() == plan.AttemptSucceeded && len(written(e)) == 0:
			r.Undo, r.Left = plan.UndoCreate, e.After.Fields
		case len(written(e)) == 0 && e.Action == plan.Adopt:
			r.Undo, r.Left = plan.UndoAdopt, e.After.Fields
		case len(written(e)) == 0:
			continue
		default:
			r.Retired = e.Before.Retired
			for _, name := range written(e) {
				was, _ := e.Before.Fields.Get(name)
				left, _ := e.After.Fields.Get(name)
				r.Before, r.Left = r.Before.With(name, was), r.Left.With(name, left)
			}
		}
		if at := slices.IndexFunc(back, func(o plan.Reversal) bool { return o.Key == r.Key }); at >= 0 {
			back[at] = followed(back[at], r) // the run wrote to it twice
			continue
		}
		back = append(back, r)
	}
	return back, cannot
}

// followed is what takes back two writes to one object, the second after the first.
func followed(first, second plan.Reversal) plan.Reversal {
	if first.Undo == plan.UndoAdopt {
		return second
	}
	for _, f := range second.Left {
		if _, known := first.Left.Get(f.Name); !known && first.Undo == plan.UndoWrite {
			was, _ := second.Before.Get(f.Name)
			first.Before = first.Before.With(f.Name, was)
		}
		first.Left = first.Left.With(f.Name, f.Value)
	}
	first.Ref = second.Ref
	return first
}

// written names the fields in which an entry's images differ.
func written(e *Entry) []string {
	var names []string
	for _, f := range e.After.Fields {
		was, _ := e.Before.Fields.Get(f.Name)
		if !was.Equal(f.Value) && !(was.Blank() && f.Value.Blank()) {
			names = append(names, f.Name)
		}
	}
	for _, f := range e.Before.Fields {
		if _, there := e.After.Fields.Get(f.Name); !there && !f.Value.Blank() {
			names = append(names, f.Name)
		}
	}
	return names
}
