package connectwise

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"syncd/internal/mapping"
)

// maxNameLookups is how many names of companies are asked for one by one. For more of
// them the list of all companies is cheaper.
const maxNameLookups = 3

// LookUp finds the companies or agreements that people mean by ids, and
// companies by names and identifiers too. Ids are asked for together.
func (c *Client) LookUp(ctx context.Context, column string, texts []string) (map[string]mapping.Found, error) {
	var ids []int
	var names []string
	for _, text := range texts {
		if id, err := strconv.Atoi(text); err == nil && id > 0 {
			ids = append(ids, id)
		} else {
			names = append(names, text)
		}
	}
	out := map[string]mapping.Found{}
	if column == mapping.ConnectWiseAgreement {
		rows, err := c.agreements(ctx, nil, ids)
		for _, a := range rows {
			out[strconv.Itoa(a.ID)] = mapping.Found{Entity: mapping.Entity{ID: strconv.Itoa(a.ID), Name: a.Name, Company: strconv.Itoa(a.Company.ID)}}
		}
		return out, err
	}
	live, err := c.companies(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, row := range live {
		out[strconv.Itoa(row.ID)] = mapping.Found{Entity: row.place()}
	}
	return out, c.lookUpNames(ctx, names, out)
}

func (c *company) place() mapping.Entity {
	return mapping.Entity{ID: strconv.Itoa(c.ID), Name: c.Name, Alias: c.Identifier}
}

func (c *Client) lookUpNames(ctx context.Context, names []string, into map[string]mapping.Found) error {
	if len(names) == 0 {
		return nil
	}
	var any condition
	for _, name := range names {
		name = strings.TrimSpace(name)
		byName, ok := isText(fieldName, name)
		if !ok || len(names) > maxNameLookups { // then all are read
			any = condition{}
			break
		}
		byIdentifier, _ := isText(fieldIdentifier, name)
		any = any.or(byIdentifier).or(byName)
	}
	where := any.and(isBool(fieldDeleted, false))
	rows, err := list[company](ctx, c, request{at: epCompanies}, where)
	if err != nil {
		return fmt.Errorf("looking companies up by name: %w", err)
	}
	for _, name := range names {
		into[name] = companyMeant(rows, name)
	}
	return nil
}

// companyMeant is the company that a person means by its identifier or its exact name,
// without case. Where none or several are meant the error says which there are.
func companyMeant(rows []company, text string) mapping.Found {
	text = strings.TrimSpace(text)
	var identified, named []*company
	for i := range rows {
		switch row := &rows[i]; {
		case row.Deleted:
		case strings.EqualFold(row.Identifier, text):
			identified = append(identified, row)
		case strings.EqualFold(row.Name, text):
			named = append(named, row)
		}
	}
	found := identified // an identifier is unique, a name need not be
	if len(found) == 0 {
		found = named
	}
	switch len(found) {
	case 1:
		return mapping.Found{Entity: found[0].place()}
	case 0:
		return mapping.Found{Err: fmt.Errorf("%w in ConnectWise has the identifier or name %q (its recycle bin is not searched)", errNone, text)}
	}
	var list []string
	for _, row := range found {
		list = append(list, fmt.Sprintf("%d (%s)", row.ID, row.Identifier))
	}
	return mapping.Found{Err: fmt.Errorf("%w are called %q: %s; write the id", errSeveral, text, strings.Join(list, ", "))}
}
