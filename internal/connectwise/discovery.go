package connectwise

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/rest"
)

// companyInfo is what the login host says of a company, without keys.
//
// https://developer.connectwise.com/Products/ConnectWise_PSA/Developer_Guide (Cloud URL formatting)
type companyInfo struct {
	CompanyName   string
	Codebase      string
	VersionNumber string
	CompanyID     string
	IsCloud       jsontext.Value // true, and "True"
}

func (i *companyInfo) cloud() bool {
	return strings.EqualFold(strings.Trim(string(i.IsCloud), `"`), "true")
}

var errUnknownCompany = errors.New("no such login company")

// discover asks where the API of our company is.
// GET /login/companyinfo/{company}, unsigned. An unknown company is 200 with
// the body null, or 404.
func (c *Client) discover(ctx context.Context) (*companyInfo, error) {
	unknown := fmt.Errorf("connectwise: %s knows %w %q: check connectwise.company (the short id typed at login) and the region in connectwise.url",
		c.base.Host, errUnknownCompany, c.config.Company)
	resp, err := c.root.Do(ctx, rest.Get("/login/companyinfo/%s", c.config.Company))
	if refused, ok := errors.AsType[*rest.Error](err); ok && refused.NotFound {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	var info *companyInfo
	if err := resp.JSON(&info); err != nil {
		return nil, fmt.Errorf("connectwise: company information: %w", err)
	}
	if info == nil || info.Codebase == "" {
		return nil, unknown
	}
	return info, nil
}

// A codebase becomes part of every URL, so it is only taken where it looks
// like one.
var codebasePattern = regexp.MustCompile(`^v[A-Za-z0-9_.]{1,40}/$`)

// rediscoverEvery is how long an answer about the codebase stands: most 404s
// are records that are gone, and need no second question.
const rediscoverEvery = 30 * time.Second

// rediscover asks for the codebase after an unexpected 404 from old, and
// reports whether the API has moved, so that the request is worth repeating.
// Its error says that this instance does not know us at all.
func (c *Client) rediscover(ctx context.Context, old *api) (moved bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.api.Load() != old {
		return true, nil // somebody else found out meanwhile
	}
	now := c.options.Now()
	if !c.discovered.IsZero() && now.Sub(c.discovered) < rediscoverEvery {
		return false, nil
	}
	info, err := c.discover(ctx)
	switch {
	case errors.Is(err, errUnknownCompany) && !c.instanceProven.Load():
		return false, &rest.Error{System: "connectwise", Method: "GET", Path: string(epCompanyInfo), Status: 404, Unauthorised: true,
			Message: "no such login company", Remedy: "check connectwise.company (the short id typed at login) and the region in connectwise.url"}
	case err != nil:
		c.log.Warn().Err(err).Msg("codebase not found out after a 404")
		return false, nil
	}
	c.discovered = now
	if !codebasePattern.MatchString(info.Codebase) || info.Codebase == old.codebase {
		return false, nil
	}
	c.log.Info().Str("codebase", info.Codebase).Str("before", old.codebase).Msg("codebase moved")
	if err := c.setCodebase(info.Codebase); err != nil {
		return false, err
	}
	c.discovered = time.Time{} // the next 404 may be the next upgrade
	return true, nil
}
