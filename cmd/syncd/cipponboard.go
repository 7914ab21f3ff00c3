package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/cipp/playbook"
	"syncd/internal/connectwise"
	"syncd/internal/mapping"
)

// onboardInput names the ConnectWise contact or ticket that takes the place of a file.
type onboardInput struct {
	contact, ticket int
	set             []string
	out             output
}

func (n *onboardInput) flags(a *cli, cmd *cobra.Command) {
	cmd.Use, cmd.Args = "onboard [FILE]", cobra.MaximumNArgs(1)
	wholeVar(cmd.Flags(), &n.contact, "contact", 0, "in place of FILE: the ConnectWise contact with this `NUMBER`")
	wholeVar(cmd.Flags(), &n.ticket, "ticket", 0, "in place of FILE: the contact of the ticket with this `NUMBER`")
	cmd.Flags().StringArrayVar(&n.set, "set", nil, "with those: another column, `NAME=VALUE`, such as licences=SPB; may be repeated")
	a.writesOut(cmd, &n.out, "with those: write the table to `FILE` to go on with by hand, and do nothing")
}

// table returns the CSV that the playbook reads: the file, or a table made of the
// contact. name says in messages where it came from.
func (n *onboardInput) table(ctx context.Context, c *cippCommand, args []string) (name string, text []byte, err error) {
	of := n.contact != 0 || n.ticket != 0
	book, there := app.Find[contacts](c.app)
	switch {
	case of && len(args) > 0, n.contact != 0 && n.ticket != 0:
		return "", nil, usage("name a FILE, --contact or --ticket, and not two of them")
	case !of && len(args) == 0:
		return "", nil, usage("name a FILE, --contact NUMBER or --ticket NUMBER")
	case !of && (len(n.set) > 0 || n.out.path != ""):
		return "", nil, usage("--set and --out go with --contact or --ticket; a FILE has its own columns")
	case !of:
		if text, err = c.console.Files.ReadFile(args[0]); err != nil {
			return "", nil, usage("reading the playbook: %w", err)
		}
		return args[0], text, nil
	case !there:
		return "", nil, usage("the configuration names no ConnectWise, so nobody can be read from it")
	}
	var p connectwise.Person
	if n.ticket != 0 {
		name = fmt.Sprintf("ticket %d", n.ticket)
		p, err = book.TicketContact(ctx, n.ticket)
	} else {
		name = fmt.Sprintf("contact %d", n.contact)
		p, err = book.Contact(ctx, n.contact)
	}
	if err != nil {
		return "", nil, err
	}
	cells := map[string]string{"upn": p.Email, "display_name": strings.TrimSpace(p.First + " " + p.Last), "given_name": p.First, "surname": p.Last,
		"job_title": p.Title, "department": p.Department, "mobile": cmp.Or(p.Mobile, p.Phone)}
	for _, pair := range n.set {
		column, value, ok := strings.Cut(pair, "=")
		if !ok {
			return "", nil, usage("--set %q is not NAME=VALUE; names are %s", pair, strings.Join(playbook.Columns(playbook.Onboard), ", "))
		}
		cells[column] = value
	}
	if cells["upn"] == "" {
		return "", nil, usage("%s has no mail address to make a user name of; name one with --set upn=NAME@DOMAIN", name)
	}
	if cells["tenant"], err = c.tenantOfCompany(ctx, p.CompanyID, cells["tenant"]); err != nil {
		return "", nil, err
	}
	maps.DeleteFunc(cells, func(_, value string) bool { return value == "" })
	// Columns in their documented order; unknown ones last, for the playbook to refuse.
	var columns []string
	for _, c := range playbook.Columns(playbook.Onboard) {
		if c = strings.TrimSuffix(c, "*"); cells[c] != "" {
			columns = append(columns, c)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(cells)) {
		if !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = cells[c]
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll([][]string{columns, row}); err != nil {
		return "", nil, fmt.Errorf("writing the table of %s: %w", name, err)
	}
	return name, b.Bytes(), nil
}

// contacts are kept by ConnectWise.
type contacts interface {
	Contact(ctx context.Context, id int) (connectwise.Person, error)
	TicketContact(ctx context.Context, number int) (connectwise.Person, error)
}

// tenantOfCompany returns the tenant named, or else the tenant that is linked with
// the ConnectWise company.
func (c *cippCommand) tenantOfCompany(ctx context.Context, company int, named string) (string, error) {
	if named = cmp.Or(c.tenant, named); named != "" {
		return named, nil
	}
	table, err := c.app.Links(ctx)
	if err != nil {
		return "", err
	}
	tenants, err := c.app.Tenants(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, c := range table.Customers(tenants) {
		if company != 0 && c.Status == mapping.Linked && c.Links[mapping.ConnectWiseCompany] == strconv.Itoa(company) {
			for _, p := range c.Parts {
				found = append(found, string(p.Tenant.ID))
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", usage("no tenant is linked with ConnectWise company %d; name one with --tenant, or link it: syncd map", company)
	}
	return "", usage("several tenants are linked with ConnectWise company %d; name one with --tenant", company)
}
