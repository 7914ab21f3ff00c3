package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"syncd/internal/directory"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// Check checks step by step whether CIPP can be used, and stops at the first failure. It
// reads the list of tenants, and the wanted collections of one of them.
func (c *Client) Check(ctx context.Context, want directory.Kinds) []target.Finding {
	var all []target.Finding
	good := func(name, detail string) { all = append(all, target.Finding{Name: name, OK: true, Detail: detail}) }
	bad := func(name string, err error) []target.Finding {
		detail, remedy := detailAndRemedy(err)
		return append(all, target.Finding{Name: name, Detail: detail, Remedy: remedy})
	}

	if _, err := c.tokens.get(ctx); err != nil {
		return bad("token", err)
	}
	good("token", "Entra gives a token to the API client")

	// PublicPing passes the platform's check of the token and asks no role, so
	// what fails here is the address or the client, not its rights.
	if _, err := c.ask(ctx, global("PublicPing")); err != nil {
		return bad("address", err)
	}
	detail := "CIPP answers"
	if version := c.Version(ctx); version != "" {
		detail += ", version " + version
	}
	good("address", detail)

	list, err := c.Tenants(ctx)
	if err != nil {
		return bad("tenants", err)
	}
	tenants, err := list.Items()
	if err != nil {
		return bad("tenants", err)
	}
	troubled := 0
	for _, t := range tenants {
		if t.Trouble != "" {
			troubled++
		}
	}
	detail = fmt.Sprintf("%d tenants", len(tenants))
	if troubled > 0 {
		detail += fmt.Sprintf(", %d of them with Graph errors in CIPP", troubled)
	}
	good("tenants", detail)

	probe := probeTenant(tenants)
	snapshot, err := c.Snapshot(ctx, probe, directory.Licences)
	if err != nil {
		return bad("licences", err)
	}
	licences, err := snapshot.Licences.Items()
	if err != nil {
		return bad("licences", err)
	}
	proof := snapshot.Licences.Proof()
	detail = fmt.Sprintf("%d SKUs of %s through %s", len(licences), probe.DefaultDomain, proof.Endpoint)
	if proof.Partial {
		all = append(all, target.Finding{Name: "licences", OK: true, Detail: detail + "; this CIPP is too old to show SKUs that it excludes",
			Remedy: "update CIPP: a SKU that is not listed cannot be told from one that is gone"})
		return all
	}
	good("licences", detail)
	return append(all, c.checkPeople(ctx, probe, want&^directory.Licences)...)
}

// checkPeople reads users, groups, domains and mailboxes of one tenant: each needs a
// permission of its own.
func (c *Client) checkPeople(ctx context.Context, probe directory.Tenant, want directory.Kinds) []target.Finding {
	var all []target.Finding
	for _, kind := range []struct {
		kind directory.Kinds
		name string
		read func(*directory.Snapshot) (int, directory.Proof, error)
	}{
		{directory.Users, "users", func(s *directory.Snapshot) (int, directory.Proof, error) { return countOf(s.Users) }},
		{directory.Groups, "groups", func(s *directory.Snapshot) (int, directory.Proof, error) { return countOf(s.Groups) }},
		{directory.Domains, "domains", func(s *directory.Snapshot) (int, directory.Proof, error) { return countOf(s.Domains) }},
		{directory.Mailboxes, "mailboxes", func(s *directory.Snapshot) (int, directory.Proof, error) { return countOf(s.Mailboxes) }},
	} {
		if want&kind.kind == 0 {
			continue
		}
		snapshot, err := c.Snapshot(ctx, probe, kind.kind)
		n, proof := 0, directory.Proof{}
		if err == nil {
			n, proof, err = kind.read(snapshot)
		}
		if err != nil {
			detail, remedy := detailAndRemedy(err)
			all = append(all, target.Finding{Name: kind.name, Detail: detail, Remedy: remedy})
			continue
		}
		all = append(all, target.Finding{Name: kind.name, OK: true, Detail: fmt.Sprintf("%d of %s through %s", n, probe.DefaultDomain, proof.Endpoint)})
	}
	return all
}

func countOf[T any](l directory.List[T]) (int, directory.Proof, error) {
	items, err := l.Items()
	return len(items), l.Proof(), err
}

// probeTenant returns the tenant most likely to answer: a customer without Graph errors.
func probeTenant(tenants []directory.Tenant) directory.Tenant {
	best := tenants[0]
	for _, t := range tenants {
		if t.Trouble == "" && !t.Partner {
			return t
		}
		if t.Trouble == "" {
			best = t
		}
	}
	return best
}

// detailAndRemedy splits an error into what is wrong and what to do.
func detailAndRemedy(err error) (detail, remedy string) {
	if e, ok := errors.AsType[*TokenError](err); ok {
		return fmt.Sprintf("%s %s", e.Code, e.Text), e.Remedy
	}
	if e, ok := errors.AsType[*SystemError](err); ok {
		return errorLine(e.Endpoint, e.Status, e.Text), e.Remedy
	}
	if e, ok := errors.AsType[*RightsError](err); ok {
		return errorLine(e.Endpoint, 403, e.Text), e.Remedy()
	}
	if e, ok := errors.AsType[*TenantError](err); ok && e.Remedy != "" {
		return errorLine(e.Endpoint, e.Status, e.Text), e.Remedy
	}
	if remedy := rest.Outage(err); remedy != "" {
		return err.Error(), remedy
	}
	switch {
	case errors.Is(err, ErrDisabled):
		return err.Error(), "switch the feature on in CIPP"
	case errors.Is(err, errEmptyAnswer):
		return err.Error(), "check the tenant in CIPP: it may be excluded, or its GDAP relationship may have ended"
	case errors.Is(err, directory.ErrIncomplete):
		return err.Error(), "look at the tenant in CIPP; other tenants may be fine"
	}
	if status := statusOf(err); status >= 500 {
		return err.Error(), "CIPP was reached and has an error of its own: try again in a while; if it stays, look at CIPP's log and at its function app in Azure"
	} else if status != 0 {
		return err.Error(), "CIPP was reached and did not do it: look at CIPP's log, under this machine's API client"
	}
	return err.Error(), "check that this machine reaches cipp.url, through a proxy if there is one"
}

// statusOf returns the HTTP status of the answer behind an error; 0 where there was none.
func statusOf(err error) int {
	if e, ok := errors.AsType[*TenantError](err); ok {
		return e.Status
	}
	if e, ok := errors.AsType[*rest.Error](err); ok {
		return e.Status
	}
	if errors.Is(err, errNotJSON) {
		return http.StatusOK
	}
	return 0
}
