package app

import (
	"context"
	"errors"
	"time"

	"syncd/internal/web/signin"
)

// A SessionState is somebody who is signed in to the pages.
type SessionState struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	How     string    `json:"how"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"` // the last request, to five minutes
	Ends    time.Time `json:"ends"` // without another request
}

// A TokenState is a token as it is listed.
type TokenState struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	Created   time.Time  `json:"created"`
	Expires   time.Time  `json:"expires"`
	LastUsed  *time.Time `json:"last_used"` // to the hour; null before the first use
	CreatedBy string     `json:"created_by"`
}

// NewTokenState is a token without what it is made of.
func NewTokenState(t signin.Token) TokenState {
	s := TokenState{ID: t.ID, Name: t.Name, Role: t.Role, Created: t.Created, Expires: t.Expires, CreatedBy: t.By}
	if !t.LastUsed.IsZero() {
		s.LastUsed = &t.LastUsed
	}
	return s
}

// Sessions are who is signed in to the pages now, the newest last.
func (w *App) Sessions(ctx context.Context) ([]SessionState, error) {
	open, err := signin.Sessions(ctx, w.Store, w.Config.Auth.Mode, w.Now())
	all := []SessionState{}
	for _, s := range open {
		p := w.Config.visitor(s.Identity)
		all = append(all, SessionState{ID: s.ID, Name: p.Name, Role: p.Role, How: p.Identified, Created: s.Created, Seen: s.Seen, Ends: s.Ends})
	}
	return all, err
}

// EndSession signs somebody out who is signed in.
func (w *App) EndSession(ctx context.Context, by Operator, id string) (SessionState, error) {
	all, err := w.Sessions(ctx)
	if err != nil {
		return SessionState{}, err
	}
	for _, s := range all {
		if s.ID != id {
			continue
		}
		err := signin.EndSession(ctx, w.Store, id, w.accessEntry(by, "session", id, "session of "+s.Name+" ended"))
		if errors.Is(err, signin.ErrNoSession) {
			break
		}
		return s, err
	}
	return SessionState{}, Usage("nobody was signed out: no session has the id %s any more", id)
}
