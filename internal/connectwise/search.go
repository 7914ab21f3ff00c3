package connectwise

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"syncd/internal/mapping"
)

// Search finds companies by a part of their name or identifier, or by their id; and the
// agreements of one company, which says what of each speaks against it.
// GET /company/companies.
func (c *Client) Search(ctx context.Context, column, text, within string) ([]mapping.Entity, error) {
	text = strings.TrimSpace(text)
	if column == mapping.ConnectWiseAgreement {
		return c.searchAgreements(ctx, text, within)
	}
	var any condition
	if byName, ok := contains(fieldName, text); ok {
		byIdentifier, _ := contains(fieldIdentifier, text)
		any = byName.or(byIdentifier)
	}
	if id, err := strconv.Atoi(text); err == nil && id > 0 {
		any = any.or(isInt(fieldID, id))
	}
	if !any.fits() {
		return nil, nil // no name is so long
	}
	// Where the text cannot be written all are read, and compared here.
	rows, err := list[company](ctx, c, request{at: epCompanies}, any.and(isBool(fieldDeleted, false)))
	if err != nil {
		return nil, fmt.Errorf("searching the companies: %w", err)
	}
	var found []mapping.Entity
	for i := range rows {
		if row := &rows[i]; !row.Deleted {
			e := row.place()
			e.Note = row.Identifier
			found = append(found, e)
		}
	}
	return mapping.Search(found, text), nil
}

func (c *Client) searchAgreements(ctx context.Context, text, company string) ([]mapping.Entity, error) {
	id, err := strconv.Atoi(company)
	if err != nil || id <= 0 {
		return nil, nil // agreements are those of a company
	}
	rows, err := c.agreements(ctx, []int{id}, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the agreements of company %d: %w", id, err)
	}
	var found []mapping.Entity
	for i := range rows {
		a := &rows[i]
		found = append(found, mapping.Entity{ID: strconv.Itoa(a.ID), Name: a.Name, Company: company, Note: a.unfit(c.today(), c.config.AgreementTypes)})
	}
	return mapping.Search(found, text), nil
}
