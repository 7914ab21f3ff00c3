package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/state"
)

// tokenPrefix begins every token, so that one is known where it was left lying.
const tokenPrefix = "syncd_"

// seldom is how often a use is written down at most: reading a page must not cost a write.
const seldom = time.Hour

// A Token lets a program in. The token itself is kept nowhere.
type Token struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	LastUsed time.Time `json:"last_used"` // to the hour; zero before the first use
	By       string    `json:"created_by"`
	Digest   string    `json:"digest"` // SHA-256 of the token, which is 256 random bits
}

// Tokens are the tokens of a state.
type Tokens struct {
	Store state.Store
	Now   func() time.Time
}

// ErrNoToken says that no token has an id.
var ErrNoToken = errors.New("no token has this id; see syncd token list")

// Create stores a token and returns it with its text, which is shown once. about makes the
// journal's entries.
func (s Tokens) Create(ctx context.Context, t Token, about func(Token) []state.Entry) (Token, string, error) {
	secret, id := make([]byte, 32), make([]byte, 4)
	rand.Read(secret) // it never fails
	rand.Read(id)
	text := tokenPrefix + base64.RawURLEncoding.EncodeToString(secret)
	t.ID, t.Digest, t.Created = hex.EncodeToString(id), digestOf(text), s.Now().UTC().Truncate(time.Second)
	return t, text, change(ctx, s.Store, state.TokensDocument, func(all []Token) ([]Token, []state.Entry, error) {
		return append(all, t), about(t), nil
	})
}

// Revoke takes a token away for good.
func (s Tokens) Revoke(ctx context.Context, id string, about func(Token) []state.Entry) (t Token, err error) {
	return t, change(ctx, s.Store, state.TokensDocument, func(all []Token) ([]Token, []state.Entry, error) {
		i := slices.IndexFunc(all, func(x Token) bool { return x.ID == id })
		if i < 0 {
			return nil, nil, fmt.Errorf("%s: %w", id, ErrNoToken)
		}
		t = all[i]
		return slices.Delete(all, i, i+1), about(t), nil
	})
}

// List returns the tokens, expired ones included, the newest last.
func (s Tokens) List(ctx context.Context) ([]Token, error) {
	all, _, err := read[Token](ctx, s.Store, state.TokensDocument)
	return all, err
}

// find returns the token with a text, unless it has expired or was revoked.
func (s Tokens) find(ctx context.Context, text string) (Token, bool, error) {
	all, _, err := read[Token](ctx, s.Store, state.TokensDocument)
	if err != nil {
		return Token{}, false, err
	}
	now, digest := s.Now(), digestOf(text)
	i := slices.IndexFunc(all, func(t Token) bool { return t.Digest == digest && now.Before(t.Expires) })
	if i < 0 {
		return Token{}, false, nil
	}
	return all[i], true, nil
}

// touch writes down that a token was used.
func (s Tokens) touch(ctx context.Context, t Token) error {
	now := s.Now().UTC()
	if now.Sub(t.LastUsed) < seldom {
		return nil
	}
	return change(ctx, s.Store, state.TokensDocument, func(all []Token) ([]Token, []state.Entry, error) {
		for i := range all {
			if all[i].Digest == t.Digest {
				all[i].LastUsed = now.Truncate(seldom)
			}
		}
		return all, nil, nil
	})
}

// token is the identity of a request with a token; none where it has none.
func (g *Gate) token(r *http.Request) (Identity, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Identity{}, nil
	}
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) > 1 {
		return Identity{}, &refusal{http.StatusUnauthorized, "Authorization is no bearer token; send Authorization: Bearer with what syncd token create prints"}
	}
	t, ok, err := g.tokens.find(r.Context(), strings.TrimSpace(text))
	if err != nil {
		return Identity{}, err
	}
	if !ok {
		return Identity{}, &refusal{http.StatusUnauthorized, "the token is unknown, revoked or expired; make another with syncd token create"}
	}
	if err := g.tokens.touch(r.Context(), t); err != nil {
		g.Log.Warn().Err(err).Str("token", t.ID).Msg("use of a token not written down")
	}
	return t.identity(), nil
}

// identity is whom a token stands for. Whoever made it answers for what is done with it.
func (t *Token) identity() Identity {
	name := tokenNoun + cmp.Or(t.Name, t.ID)
	return Identity{Mode: modeToken, Logins: []string{name}, Role: t.Role, UID: -1, How: name + createdBy + t.By}
}

// The parts of how the journal says that a program came with a token.
const (
	tokenNoun = "token "
	createdBy = ", created by "
)

// Creator is who answers for what somebody did who was identified like that: whoever made the token, and
// else the person itself.
func Creator(name, how string) string {
	if at := strings.LastIndex(how, createdBy); at > 0 && strings.HasPrefix(how, tokenNoun) {
		return how[at+len(createdBy):]
	}
	return name
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// read returns what a document lists.
func read[T any](ctx context.Context, store state.Store, name string) (all []T, version int, err error) {
	doc, err := store.Document(ctx, name)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the %s: %w", name, err)
	}
	if len(doc.Body) > 0 {
		if err := json.Unmarshal(doc.Body, &all); err != nil {
			return nil, 0, fmt.Errorf("reading the %s: %w", name, err)
		}
	}
	return all, doc.Version, nil
}

// mostTries is how often a document is read anew that somebody else changed meanwhile.
const mostTries = 10

// change writes what edit makes of what a document lists, with the journal's entries about it.
func change[T any](ctx context.Context, store state.Store, name string, edit func([]T) ([]T, []state.Entry, error)) error {
	for try := 1; ; try++ {
		all, version, err := read[T](ctx, store, name)
		if err != nil {
			return err
		}
		all, about, err := edit(all)
		if err != nil {
			return err
		}
		body, err := json.Marshal(all)
		if err != nil {
			return err
		}
		err = store.PutDocument(ctx, state.Document{Name: name, Version: version, Body: body}, about...)
		if !errors.Is(err, state.ErrConflict) || try == mostTries {
			return err
		}
	}
}
