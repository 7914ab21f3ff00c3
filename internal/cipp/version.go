package cipp

import (
	"context"

	"github.com/go-json-experiment/json"
)

// Version returns the version of this CIPP, such as 10.8.2, or "" where it does
// not say. It is asked once in the life of the client, whatever comes of it:
// the call makes CIPP fetch two files from GitHub.
func (c *Client) Version(ctx context.Context) string {
	c.mu.Lock()
	asked := c.versionAsked
	c.versionAsked = true
	version := c.version
	c.mu.Unlock()
	if asked {
		return version
	}
	k := global("GetVersion")
	// Older versions compare with what we send, and stumble over nothing at all.
	k.request.Query = map[string][]string{"LocalVersion": {"10.0.0"}}
	body, err := c.do(ctx, k)
	var said struct {
		Version text `json:"LocalCIPPAPIVersion"`
	}
	if err == nil {
		err = json.Unmarshal(trimBody(body), &said, tolerant)
	}
	if err != nil {
		c.log.Debug().Err(err).Msg("cipp did not say its version")
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version = clip(said.Version.trimmed(), 40)
	return c.version
}

// sourceName returns the name of this CIPP in a proof.
func (c *Client) sourceName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == "" {
		return "cipp"
	}
	return "cipp " + c.version
}

// KnownVersion is the version of this CIPP where it was asked for; else empty.
func (c *Client) KnownVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}
