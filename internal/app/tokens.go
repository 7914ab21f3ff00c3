package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/web/signin"
)

// longestToken is how many days a token lasts at most.
const longestToken = 3650

// accessEntry is the journal's entry about who may come in.
func (w *App) accessEntry(by Operator, kind, id, label string) state.Entry {
	e := w.decisionEntry(by, state.ActionAccess, plan.Scope{}, "")
	e.Key, e.Label = plan.Key{Kind: kind, ID: id}, label
	return e
}

func (w *App) allTokens() signin.Tokens { return signin.Tokens{Store: w.Store, Now: w.Now} }

// CreateToken makes a token for a program and returns its text, which is kept nowhere.
func (w *App) CreateToken(ctx context.Context, by Operator, name, role string, days int) (signin.Token, string, error) {
	switch {
	case role == "":
		return signin.Token{}, "", Usage("no token was made: --role is missing; write %s", Names(Roles, func(r Role) string { return string(r) }))
	case !slices.Contains(Roles, Role(role)):
		return signin.Token{}, "", Usage("no token was made: %q is no role; write %s", role, Names(Roles, func(r Role) string { return string(r) }))
	case days < 1 || days > longestToken:
		return signin.Token{}, "", Usage("no token was made: --expires %d is out of range; write how many days it lasts, from 1 to %d", days, longestToken)
	case len(name) > 100 || strings.ContainsFunc(name, unicode.IsControl):
		return signin.Token{}, "", Usage("no token was made: --name is longer than 100 bytes or has a character that cannot be shown; write what program it is for")
	}
	t := signin.Token{Name: strings.TrimSpace(name), Role: role, By: by.Name, Expires: w.Now().UTC().Truncate(time.Second).AddDate(0, 0, days)}
	t, text, err := w.allTokens().Create(ctx, t, func(t signin.Token) []state.Entry {
		return []state.Entry{w.accessEntry(by, "token", t.ID, fmt.Sprintf("%s created: %s until %s", tokenNamed(t), t.Role, t.Expires.Format(time.DateOnly)))}
	})
	return t, text, err
}

// RevokeToken takes a token away for good.
func (w *App) RevokeToken(ctx context.Context, by Operator, id string) (signin.Token, error) {
	t, err := w.allTokens().Revoke(ctx, id, func(t signin.Token) []state.Entry {
		return []state.Entry{w.accessEntry(by, "token", t.ID, tokenNamed(t)+" revoked")}
	})
	if errors.Is(err, signin.ErrNoToken) {
		return t, Usage("nothing was revoked: %w", err)
	}
	return t, err
}

// Tokens are the tokens that were made and not revoked, the oldest first.
func (w *App) Tokens(ctx context.Context) ([]signin.Token, error) { return w.allTokens().List(ctx) }

// tokenNamed is how the journal calls a token.
func tokenNamed(t signin.Token) string {
	if t.Name == "" {
		return "token " + t.ID
	}
	return fmt.Sprintf("token %s (%s)", t.Name, t.ID)
}

// CheckNewUser refuses somebody who could not come in with a password, or whom nothing would give a role. It
// returns the name and role as the users' file is to have them: of whom staff names, staff says the role.
func (c *Config) CheckNewUser(name, role string) (string, string, error) {
	name = strings.TrimSpace(name)
	switch {
	case c.Auth.Mode != signin.Basic:
		return "", "", Usage("nobody was added: auth.mode is %s; users with passwords need  auth: {mode: basic, basic: {file: users}}", c.Auth.Mode)
	case name == "" || len(name) > 200 || strings.ContainsAny(name, ":\"'") || strings.HasPrefix(name, "#") || strings.ContainsFunc(name, unicode.IsControl):
		return "", "", Usage("nobody was added: %q cannot be a name; write what the person types, without colons and quotes", name)
	case role != "" && !slices.Contains(Roles, Role(role)):
		return "", "", Usage("nobody was added: %q is no role; write %s", role, Names(Roles, func(r Role) string { return string(r) }))
	}
	for _, s := range c.Staff {
		if isLogin(s.Login, name) {
			if role != "" && role != s.Role {
				return "", "", Usage("nobody was added: staff says that %s (%s) is %s; change it there, or write --role %s", s.Name, s.Login, s.Role, s.Role)
			}
			return strings.TrimSpace(s.Login), "", nil
		}
	}
	if role == "" {
		return "", "", Usage("nobody was added: no login of staff is %s; name the person there, or give a role with --role", name)
	}
	return name, role, nil
}

// AddUser puts a user with the hash of a password into the users' file, in the place of the line that was there.
func (w *App) AddUser(ctx context.Context, by Operator, name, role, hash string) (replaced bool, err error) {
	if name, role, err = w.Config.CheckNewUser(name, role); err != nil {
		return false, err
	}
	if err := signin.CheckHash(hash); err != nil {
		return false, Usage("nobody was added: %w", err)
	}
	replaced, err = signin.WriteUser(w.Config.Auth.Basic.File, signin.User{Name: name, Hash: hash, Role: role})
	if err != nil {
		return false, fmt.Errorf("nobody was added: %w", err)
	}
	label := "user " + name + " added"
	if replaced {
		label = "user " + name + " has a new password"
	}
	if role != "" {
		label += ": " + role
	}
	if err := signin.EndSessions(ctx, w.Store, name, w.accessEntry(by, "user", name, label)); err != nil {
		return replaced, fmt.Errorf("%s can sign in, and writing that down failed: %w", name, err)
	}
	return replaced, nil
}
