package connectwise

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Facts are what other systems are told of a company. It is an alias of a
// plain struct, so that a system can spell the same one out for itself and need
// not know this package.
type Facts = struct {
	Name, Identifier string
	Types            []string
	Status           string
	Agreements       []string          // names of the active ones, sorted; two may be called the same
	Fields           map[string]string // custom fields by caption; a field without a value is there, and empty
	Deleted          bool              // in the recycle bin
}

// companiesPerRequest is how many companies a request asks for: their ids fit into its
// URL, and their rows into one page.
const companiesPerRequest = 100

// factMembers is all that is asked for of a company. A full one is ten times as long.
const factMembers = "id,identifier,name,status,types,deletedFlag,customFields"

// Facts reads what is known of some companies, those in the recycle bin
// included. One that is missing in the result was deleted for good, merged into
// another one, or is hidden from the API member.
// GET /company/companies and /finance/agreements, one of each for 100 companies.
func (c *Client) Facts(ctx context.Context, ids []int) (map[int]Facts, error) {
	out := make(map[int]Facts, len(ids))
	for some := range slices.Chunk(distinct(ids), companiesPerRequest) {
		for part, where := range chunks(some, func(ids []int) condition { return inInts(fieldID, ids) }) {
			if err := c.facts(ctx, part, where, out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (c *Client) facts(ctx context.Context, ids []int, where condition, out map[int]Facts) error {
	rows, err := list[fullCompany](ctx, c, request{at: epCompanies, query: url.Values{"fields": {factMembers}}}, where)
	if err != nil {
		return fmt.Errorf("reading companies: %w", err)
	}
	// The ended ones are among them: not every release can filter by status.
	agreements, err := list[agreement](ctx, c, request{at: epAgreements}, inInts(fieldCompanyID, ids))
	if err != nil {
		return fmt.Errorf("reading agreements: %w", err)
	}
	running := map[int][]string{}
	today := c.today()
	for i := range agreements {
		if a := &agreements[i]; !a.Cancelled && a.status(today) == "Active" {
			running[a.Company.ID] = append(running[a.Company.ID], a.Name)
		}
	}
	for i := range rows {
		row := &rows[i]
		f := Facts{
			Name: row.Name, Identifier: row.Identifier, Status: row.Status.Name, Deleted: row.Deleted,
			Agreements: running[row.ID], Fields: map[string]string{},
		}
		slices.Sort(f.Agreements)
		for _, t := range row.Types {
			f.Types = append(f.Types, t.Name)
		}
		for _, field := range row.CustomFields {
			f.Fields[strings.TrimSpace(field.Caption)] = plainText(field.Value)
		}
		out[row.ID] = f
	}
	return nil
}
