package signin

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// claims are what an ID token says of somebody; see OpenID Connect Core 1.0, section 5.1, and Entra's
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference.
type claims struct {
	Issuer            string            `json:"iss"`
	Subject           string            `json:"sub"`
	AuthorizedParty   string            `json:"azp"`
	PreferredUsername string            `json:"preferred_username"`
	Email             string            `json:"email"`
	EmailVerified     any               `json:"email_verified"` // a bool, and of some providers a text
	Object            string            `json:"oid"`            // Entra's: of one person in one tenant, for ever
	Tenant            string            `json:"tid"`
	Home              string            `json:"idp"`  // Entra's: who signed a guest in
	Account           *int              `json:"acct"` // Entra's: 0 a member, 1 a guest
	Roles             list              `json:"roles"`
	Groups            list              `json:"groups"`
	Elsewhere         map[string]string `json:"_claim_names"` // of Entra, where there are more than 200 groups
}

// A list is one text or several.
type list []string

// isEntra reports whether an issuer is Microsoft's, in whichever cloud.
func isEntra(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && slices.Contains([]string{"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "sts.windows.net"}, u.Host)
}

// logins are the names that the token proves, the one that people read first.
//
// The subject (sub) is the provider's own, unique and never another's. So is Entra's object id (oid) in
// its tenant. The other claims are names that people know, and count only where nobody can choose them:
//
//	preferred_username   Entra: of a member of the issuer's tenant it is the user principal name, unique there
//	                     and set by administrators. Of a guest it is what another directory says, and not taken.
//	                     Others: the name of the account at the provider, unless it is an address that the provider
//	                     says is not verified.
//	email                only where email_verified is true. Entra has no such claim, and anybody may type
//	                     the address of a Microsoft account: it is not taken.
func (c *claims) logins(issuer string) []string {
	var names []string
	if isEntra(issuer) {
		guest := c.Home != "" && c.Home != c.Issuer || c.Account != nil && *c.Account != 0
		if !guest {
			names = append(names, c.PreferredUsername)
		}
		names = append(names, c.Object)
	} else {
		if denied := c.EmailVerified == false || c.EmailVerified == "false"; !denied || !strings.EqualFold(c.PreferredUsername, c.Email) {
			names = append(names, c.PreferredUsername)
		}
		if c.verified() {
			names = append(names, c.Email)
		}
	}
	names = append(names, c.Subject)
	var out []string
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func (c *claims) verified() bool { return c.EmailVerified == true || c.EmailVerified == "true" }

// identity is whom the claims are about, with the greatest role that the provider gives.
func (o *OIDCOptions) identity(c claims) (Identity, error) {
	logins := c.logins(o.Issuer)
	if c.Subject == "" || len(logins) == 0 {
		return Identity{}, errors.New("the token names nobody")
	}
	if isEntra(o.Issuer) && c.Tenant != "" && !strings.Contains(o.Issuer, c.Tenant) {
		return Identity{}, errors.New("the token is of another tenant (tid)")
	}
	id := Identity{Mode: OIDC, Logins: logins, UID: -1, How: "signed in (oidc)"}
	given := slices.Concat(c.Roles, c.Groups)
	for _, grant := range o.Roles {
		if slices.ContainsFunc(grant.Values, func(v string) bool { return slices.Contains(given, v) }) {
			id.Role = grant.Role
			break
		}
	}
	return id, nil
}

// UnmarshalJSON takes one text or several; what is neither is no list.
func (l *list) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = list{one}
		return nil
	}
	var several []string
	if json.Unmarshal(text, &several) == nil {
		*l = several
	}
	return nil
}
