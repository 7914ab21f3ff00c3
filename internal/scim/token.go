package scim

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// expiryWarning is how long before its end a token is spoken of.
const expiryWarning = 21 * 24 * time.Hour

// expires is when the token ends, where it is a JWT that says so. Nothing is
// verified: that is the provider's business.
func (a *connection) expires() (time.Time, bool) { return TokenExpiry(a.token.Reveal()) }

// TokenExpiry is when a token ends, where it is a JWT that says so.
func TokenExpiry(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Expires json.Number `json:"exp"`
	}
	if json.Unmarshal(raw, &claims) != nil {
		return time.Time{}, false
	}
	seconds, err := claims.Expires.Float64()
	if err != nil || seconds <= 0 || seconds > 1e11 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}
