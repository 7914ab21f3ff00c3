package connectwise

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/xrash/smetrics"

	"syncd/internal/rest"
	"syncd/internal/target"
)

// Check asks the instance everything that has to be right before a run can be:
// address, company, keys, rights, and the names in the configuration. Of the
// right to write it can only say what the role shows: nothing is written.
func (c *Client) Check(ctx context.Context) []target.Finding {
	var out []target.Finding
	add := func(name, detail string, err error) bool {
		out = append(out, target.Found(name, detail, remedyOf(err), err))
		return err == nil
	}
	info, err := c.discover(ctx)
	if info != nil {
		place := "on premises"
		if info.cloud() {
			place = "cloud"
		}
		detail := fmt.Sprintf("%s at %s, %s, release %s", info.CompanyName, c.base.Host, place, rest.Excerpt(info.VersionNumber))
		if !add("company", detail, err) {
			return out
		}
	} else {
		add("company", "", err)
		return out
	}
	system, err := one[struct {
		Version  string `json:"version"`
		TimeZone string `json:"serverTimeZone"`
	}](ctx, c, request{at: epSystemInfo})
	detail := ""
	if err == nil {
		detail = fmt.Sprintf("version %s, time zone of the server %s", rest.Excerpt(system.Version), rest.Excerpt(system.TimeZone))
	}
	if !add("login", detail, err) {
		return out
	}
	few := url.Values{"pageSize": {"1"}}
	_, err = c.do(ctx, request{at: epCompanies, query: few})
	add("companies", "may be read", err)
	agreements, err := one[[]agreement](ctx, c, request{at: epAgreements, query: few})
	if add("agreements", "may be read", err) {
		if len(*agreements) == 0 {
			out = append(out, target.Finding{Name: "additions", Detail: "no agreement is visible, so this cannot be tried",
				Remedy: "if there are agreements, grant the API member's role " + rightFor(epAgreements)})
		} else {
			_, err = c.do(ctx, request{at: epAdditions, ids: []int{(*agreements)[0].ID}, query: few})
			add("additions", "may be read", err)
		}
	}
	_, err = c.do(ctx, request{at: epCatalogue, query: few})
	add("catalogue", "may be read", err)
	types, err := c.agreementTypes(ctx)
	if err != nil {
		add("agreement types", "", err)
	} else {
		out = append(out, c.checkTypes(types)...)
		out = append(out, c.checkFreezes(types)...)
	}
	if c.config.Tickets.On() {
		out = append(out, c.checkTickets(ctx)...)
	}
	return append(out, c.checkWriting(ctx))
}

func remedyOf(err error) string {
	if errors.Is(err, errUnknownCompany) {
		return "check connectwise.company (the short id typed at login) and the region in connectwise.url"
	}
	return rest.Remedy(err, "check connectwise.url, and that this machine reaches it")
}

// checkTypes compares the configured agreement types with those there are.
func (c *Client) checkTypes(there []string) []target.Finding {
	if len(c.config.AgreementTypes) == 0 {
		return []target.Finding{{Name: "agreement types", OK: true, Detail: "none configured: every link must name its agreement"}}
	}
	var out []target.Finding
	for _, want := range c.config.AgreementTypes {
		f := target.Finding{Name: "agreement type " + want, OK: true, Detail: "is there"}
		if !slices.ContainsFunc(there, func(t string) bool { return strings.EqualFold(strings.TrimSpace(t), strings.TrimSpace(want)) }) {
			f.OK, f.Detail = false, "ConnectWise has no such agreement type, or the role hides it"
			f.Remedy = "write one of these under connectwise.agreement_types: " + strings.Join(there, ", ")
			if near := nearest(want, there); near != "" {
				f.Remedy = fmt.Sprintf("did you mean %q? write it under connectwise.agreement_types", near)
			}
		}
		out = append(out, f)
	}
	return out
}

// nearest returns the name that a person most likely meant, or nothing.
func nearest(want string, there []string) string {
	best, near := 0.8, ""
	for _, name := range there {
		if score := smetrics.JaroWinkler(strings.ToLower(want), strings.ToLower(name), 0.7, 4); score > best {
			best, near = score, name
		}
	}
	return near
}

type roleSetting struct {
	ID      int    `json:"id"`
	Name    string `json:"moduleFunctionName"`
	Edit    string `json:"editLevel"`
	Add     string `json:"addLevel"`
	Inquire string `json:"inquireLevel"`
}

// checkWriting says what can be known of the right to write without writing:
// whether any role that may be read here grants it. Which role is the API
// member's is not told by the API.
func (c *Client) checkWriting(ctx context.Context) target.Finding {
	f := target.Finding{Name: "writing additions", OK: true}
	unknown := "cannot be tried without writing; the first change shows it"
	need := "Finance > Agreements: Edit All"
	if c.config.CreateAdditions {
		need += " and Add All"
	}
	roles, err := list[reference](ctx, c, request{at: epRoles}, condition{})
	if err != nil || len(roles) == 0 {
		f.Detail = unknown + "; the API member's role needs " + need
		return f
	}
	var grant []string
	for _, role := range roles {
		settings, err := list[roleSetting](ctx, c, request{at: epRoleSettings, ids: []int{role.ID}}, condition{})
		if err != nil {
			f.Detail = unknown + "; the API member's role needs " + need
			return f
		}
		for _, s := range settings {
			if s.Name == "Agreements" && s.Edit == "All" && s.Inquire == "All" && (!c.config.CreateAdditions || s.Add == "All") {
				grant = append(grant, role.Name)
			}
		}
	}
	if len(grant) == 0 {
		f.OK = false
		f.Detail = fmt.Sprintf("none of the %d security roles that may be read grants %s", len(roles), need)
		f.Remedy = "grant the API member's security role " + need
		return f
	}
	f.Detail = unknown + "; these roles grant it: " + strings.Join(grant, ", ")
	return f
}
