package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"syncd/internal/state"
)

// An OpenSession is a session as it may be shown: nobody can come in with what is here.
type OpenSession struct {
	ID string // the beginning of the digest of what the browser holds
	Identity
	Created, Seen, Ends time.Time
}

// ErrNoSession says that no session has an id.
var ErrNoSession = errors.New("no session has this id any more")

// idLength is how much of a digest is enough to tell sessions apart.
const idLength = 12

// Sessions are those of a mode of signing in that have not ended, the newest last.
func Sessions(ctx context.Context, store state.Store, mode string, now time.Time) ([]OpenSession, error) {
	all, _, err := read[session](ctx, store, state.SessionsDocument)
	if err != nil {
		return nil, err
	}
	var open []OpenSession
	for _, x := range all {
		if x.Mode != mode || x.ended(now) {
			continue
		}
		ends := x.Seen.Add(idle)
		if last := x.Created.Add(longest); last.Before(ends) {
			ends = last
		}
		open = append(open, OpenSession{ID: x.Digest[:idLength], Identity: x.identity(), Created: x.Created, Seen: x.Seen, Ends: ends})
	}
	return open, nil
}

// EndSession ends the session with an id, with the journal's entries about it.
func EndSession(ctx context.Context, store state.Store, id string, about ...state.Entry) error {
	return change(ctx, store, state.SessionsDocument, func(all []session) ([]session, []state.Entry, error) {
		i := slices.IndexFunc(all, func(x session) bool { return x.Digest[:idLength] == id })
		if i < 0 {
			return nil, nil, ErrNoSession
		}
		return slices.Delete(all, i, i+1), about, nil
	})
}
