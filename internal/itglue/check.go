package itglue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"syncd/internal/rest"
	"syncd/internal/target"
)

// Check asks the account everything that has to be right before a run can be:
// address, key, region, what the key may read, and our asset types. Nothing is
// written.
func (c *Client) Check(ctx context.Context) []target.Finding {
	var out []target.Finding
	add := func(name, detail, remedy string, err error) bool {
		out = append(out, target.Found(name, detail, rest.Remedy(err, remedy), err))
		return err == nil
	}
	s := c.unmetered()
	few := url.Values{"page[size]": {"1"}}
	_, err := s.do(ctx, request{at: epOrganizations, query: few})
	remedy := "check itglue.url, and that this machine reaches it"
	if refused, ok := errors.AsType[*rest.Error](err); ok && (refused.Forbidden || refused.Unauthorised) {
		// A key used against another region is refused like a wrong one.
		if region := c.otherRegion(ctx); region != "" {
			err = fmt.Errorf("the key does not belong to %s", c.base.Host)
			remedy = "it works at https://" + region + ": write that as itglue.url"
		}
	}
	if !add("key", "accepted by "+c.base.Host, remedy, err) {
		return out
	}
	for _, at := range []struct {
		name string
		at   endpoint
	}{{"contacts", epContacts}, {"domains", epDomains}} {
		_, err := s.do(ctx, request{at: at.at, query: few})
		add(at.name, "may be read", "give the key's account access to them", err)
	}
	inv, err := s.readLayouts(ctx)
	if !add("asset types", "may be read", "the key needs the rights of an administrator for asset types", err) {
		return out
	}
	for _, l := range inv.states(&c.config) {
		f := target.Finding{Name: "layout " + l.Name, OK: true, Detail: "is there"}
		switch {
		case l.Trouble != "":
			f.OK, f.Detail, f.Remedy = false, l.Trouble, "see syncd itglue layouts"
		case !l.Exists():
			f.OK, f.Detail, f.Remedy = false, "is not there yet", "run syncd itglue layouts create"
		case len(l.Notes) > 0:
			f.OK, f.Detail, f.Remedy = false, strings.Join(l.Notes, "; "), "change it in IT Glue under Account > Flexible Asset Types"
		case len(l.Missing) > 0: // outdated hints are nothing to be alarmed about
			f.OK, f.Detail, f.Remedy = false, "lacks "+strings.Join(l.Missing, ", "), "run syncd itglue layouts upgrade"
		}
		out = append(out, f)
	}
	if len(inv.microsoft) > 0 {
		out = append(out, target.Finding{Name: "Microsoft integration", OK: true, Detail: fmt.Sprintf(
			"IT Glue's own Microsoft integration documents here too (%s); syncd never writes there: decide which of the two documents groups and licences", strings.Join(inv.microsoft, ", "))})
	}
	return out
}

// otherRegion finds the region that takes the key, or none.
func (c *Client) otherRegion(ctx context.Context) string {
	here := false
	for _, host := range apiHosts {
		here = here || host == c.base.Host
	}
	if !here {
		return "" // a gateway of one's own: nobody else gets the key
	}
	for _, host := range apiHosts {
		if host == c.base.Host {
			continue
		}
		other, err := c.dial(&url.URL{Scheme: "https", Host: host})
		if err != nil {
			continue
		}
		if _, err := other.Do(ctx, rest.Request{Path: string(epOrganizations), Query: url.Values{"page[size]": {"1"}}}); err == nil {
			return host
		}
	}
	return ""
}
