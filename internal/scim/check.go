package scim

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/rest"
	"syncd/internal/target"
)

// Check asks the provider everything that has to be right before a run can be:
// address, token, what it can do, whether its lists and filters can be trusted.
// Nothing is written. accounts are those that customers are linked to; where
// none are given, those that have tokens of their own are asked.
func (c *Client) Check(ctx context.Context, accounts ...string) []target.Finding {
	if !c.config.perAccount() {
		accounts = []string{""}
	}
	if len(accounts) == 0 {
		accounts = slices.Sorted(maps.Keys(c.config.Tokens))
	}
	if len(accounts) == 0 {
		return []target.Finding{{Name: "account", Detail: "no customer is linked to an account, so none can be asked",
			Remedy: "link customers in the column scim_" + c.config.Name + " (syncd map)"}}
	}
	var out []target.Finding
	for _, name := range slices.Compact(slices.Sorted(slices.Values(accounts))) {
		for _, f := range c.checkAccount(ctx, name) {
			if name != "" {
				f.Name = name + " " + f.Name
			}
			out = append(out, f)
		}
	}
	return out
}

func (c *Client) checkAccount(ctx context.Context, name string) []target.Finding {
	var out []target.Finding
	add := func(name, detail, remedy string, err error) bool {
		out = append(out, target.Found(name, detail, rest.Remedy(err, remedy), err))
		return err == nil
	}
	a, err := c.connect(name)
	if err != nil {
		add("account", "", "correct the link (syncd map) or "+c.Name(), err)
		return out
	}
	page, err := a.page(ctx, usersAt, url.Values{"startIndex": {"1"}, "count": {"1"}})
	if !add("token", "accepted", "check "+c.Name()+".url and .token, and that this machine reaches the provider", err) {
		return out
	}
	if until, ok := a.expires(); ok {
		f := target.Finding{Name: "token expiry", OK: until.Sub(c.options.Now()) >= expiryWarning,
			Detail: "expires on " + until.UTC().Format("2006-01-02")}
		if !f.OK {
			f.Remedy = "make a new token at the provider and write it into " + c.Name()
		}
		out = append(out, f)
	}
	a.mu.Lock()
	a.caps = nil // asked anew, for whoever runs a check wants to know
	a.mu.Unlock()
	caps, err := a.capabilities(ctx)
	if !add("discovery", "", "check "+c.Name()+".url", err) {
		return out
	}
	out[len(out)-1].Detail = caps.summary(c.profile)
	if text := c.profile.limits(); text != "" {
		out = append(out, target.Finding{Name: "profile", OK: true, Detail: text})
	}
	for _, text := range a.deviations(ctx, caps) {
		out = append(out, target.Finding{Name: "profile", OK: true, Detail: text})
	}
	if unknown := a.unknownExtensions(caps); len(unknown) > 0 {
		out = append(out, target.Finding{Name: "attributes",
			Detail: "the provider does not list " + strings.Join(unknown, ", ") + " among its schemas: those attributes are left out",
			Remedy: "enable them at the provider, or take them out of " + c.Name() + ".attributes"})
	}
	if unknown := a.unknownAttributes(caps); len(unknown) > 0 {
		out = append(out, target.Finding{Name: "attributes",
			Detail: "the provider's schema of users has no " + strings.Join(unknown, ", ") + ": left out",
			Remedy: "correct " + c.Name() + ".attributes"})
	}
	total := asNumber(page.get("totalResults"))
	users, err := a.checkList(ctx, caps)
	if !add("users", users, "ask the provider what is the matter with its list", err) {
		return out
	}
	out = append(out, a.checkFilter(ctx, caps, total))
	if c.config.withGroups() {
		_, err := a.page(ctx, groupsAt, url.Values{"startIndex": {"1"}, "count": {"1"}})
		add("groups", "may be listed", "give the token the right to read groups, or take the groups out of "+c.Name(), err)
	}
	return out
}

// checkList says how many users there are, and whether the list can be trusted.
func (a *connection) checkList(ctx context.Context, caps *capabilities) (string, error) {
	page, err := a.page(ctx, usersAt, url.Values{"startIndex": {"1"}, "count": {fmt.Sprint(caps.pageSize)}})
	if err != nil {
		return "", err
	}
	list, total := members(page), asNumber(page.get("totalResults"))
	switch {
	case total < 0 && page.text("nextCursor") == "":
		return "the provider does not say how many there are", nil
	case caps.cursor || page.text("nextCursor") != "":
		return "may be listed, by cursor", nil
	case len(list) < 2:
		return fmt.Sprintf("%d, may be listed", total), nil
	}
	a.mu.Lock()
	delete(a.totalProven, usersAt)
	a.mu.Unlock()
	why, err := a.probeTotal(ctx, usersAt, total, asDocument(list[0]).text("id"))
	if err != nil {
		return "", err
	}
	if why != "" {
		return fmt.Sprintf("%d are spoken of, and their list cannot be trusted (%s): each one is looked up by itself", total, why), nil
	}
	return fmt.Sprintf("%d, may be listed", total), nil
}

// checkFilter looks for somebody who cannot exist.
func (a *connection) checkFilter(ctx context.Context, caps *capabilities, total int) target.Finding {
	f := target.Finding{Name: "filter", OK: true}
	if !caps.filter {
		f.Detail = "not supported: users are found in the whole list"
		return f
	}
	asked := *caps
	s, err := a.findByFilter(ctx, usersAt, &asked, "userName", "nobody-"+strings.ToLower(rand.Text())+"@example.invalid")
	switch {
	case err != nil:
		f.OK, f.Detail, f.Remedy = false, err.Error(), rest.Remedy(err, "ask the provider what its filters are like")
	case s.proven:
		f.Detail = "userName eq works"
		if total <= 0 {
			f.Detail = "accepted; with no user there it proves nothing"
		}
	default:
		f.Detail = "refused or ignored: users are found in the whole list"
	}
	return f
}

// summary says what an account can do.
func (c *capabilities) summary(p *Profile) string {
	word := func(is bool, name string) string {
		if is {
			return name
		}
		return "no " + name
	}
	where := "none: the defaults of profile " + p.Name + " hold"
	if c.source != "" {
		where = "answers at " + c.source
	}
	pages := "pages by index"
	if c.cursor {
		pages = "pages by cursor"
	}
	return fmt.Sprintf("%s; %s, %s, %s, %s of %d", where, word(c.patch, "PATCH"), word(c.filter, "filter"), word(c.etag, "ETag"),
		pages, c.pageSize)
}

// limits say what is not to be had from a provider, whatever discovery says.
func (p *Profile) limits() string {
	var out []string
	if len(p.Immutable) > 0 {
		out = append(out, strings.Join(p.Immutable, ", ")+" are written once and never changed")
	}
	if len(p.Unverified) > 0 {
		out = append(out, strings.Join(p.Unverified, ", ")+" are sent and not expected to be read back")
	}
	if p.DeleteUsers == disconnects {
		out = append(out, "a user who is deleted stays, inactive")
	}
	if p.DeleteGroups == unlinks {
		out = append(out, "a group that is deleted is only unlinked, and emptied before")
	}
	if !p.PutGroups {
		out = append(out, "groups cannot be replaced as a whole")
	}
	if len(out) == 0 {
		return ""
	}
	return p.Title + ": " + strings.Join(out, "; ")
}

// deviations compare what discovery says with what the profile says, and say
// what will be done differently.
func (a *connection) deviations(ctx context.Context, caps *capabilities) []string {
	p := a.client.profile
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	supported := func(name string) (is, known bool) {
		return asBool(asDocument(caps.config.get(name)).get("supported"))
	}
	if is, known := supported("patch"); known && is != caps.patch {
		say("discovery says PATCH %t, profile %s says %t: the profile's word is taken", is, p.Name, caps.patch)
	}
	if is, known := supported("patch"); known && !is && !caps.patch {
		say("there is no PATCH: users are changed by PUT of all that they hold%s",
			map[bool]string{true: ", groups too", false: ", groups cannot be changed"}[p.PutGroups])
	}
	if is, known := supported("filter"); known && is != caps.filter {
		say("discovery says filter %t, profile %s says %t: the profile's word is taken", is, p.Name, caps.filter)
	}
	if caps.pageSize < p.PageSize {
		say("the provider allows pages of %d, the profile wanted %d: more requests are needed", caps.pageSize, p.PageSize)
	}
	if caps.cursor && p.Pagination == auto {
		say("lists are read by cursor, as the provider prefers")
	}
	if caps.source != "" && caps.source != p.ConfigPaths[0] {
		say("the configuration stands at %s, not at %s", caps.source, p.ConfigPaths[0])
	}
	d, err := a.discovery(ctx, "/ResourceTypes", a.discoveryRest != nil)
	if err == nil {
		for _, v := range members(d) {
			m := asDocument(v)
			for name, at := range map[string]string{"User": usersAt, "Group": groupsAt} {
				if strings.EqualFold(m.text("name"), name) && m.text("endpoint") != "" &&
					!strings.HasSuffix(strings.TrimRight(m.text("endpoint"), "/"), at) {
					say("the provider's %ss are said to stand at %s; %s is asked all the same", strings.ToLower(name), m.text("endpoint"), at)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}
