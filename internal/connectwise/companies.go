package connectwise

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// errNone and errSeveral say that a company's name or identifier names no
// company, or more than one.
var (
	errNone    = errors.New("no such company")
	errSeveral = errors.New("several companies")
)

// A company is what choosing an agreement needs of one.
type company struct {
	ID         int    `json:"id"`
	Identifier string `json:"identifier"`
	Name       string `json:"name"`
	Deleted    bool   `json:"deletedFlag"`
}

// companies reads companies by id, those in the recycle bin left out: they
// stay readable, and are gone all the same.
// GET /company/companies.
func (c *Client) companies(ctx context.Context, ids []int) (map[int]company, error) {
	found := make(map[int]company, len(ids))
	for _, where := range chunks(ids, func(ids []int) condition { return inInts(fieldID, ids).and(isBool(fieldDeleted, false)) }) {
		rows, err := list[company](ctx, c, request{at: epCompanies}, where)
		if err != nil {
			return nil, fmt.Errorf("reading companies: %w", err)
		}
		for _, row := range rows {
			if !row.Deleted {
				found[row.ID] = row
			}
		}
	}
	return found, nil
}

// A Company is everything in a company's record by which a tenant could be
// recognised.
type Company struct {
	ID               int
	Identifier       string
	Name             string
	Website          string
	AccountNumber    string
	VendorIdentifier string
	UserDefined      []string          // userDefinedField1 to 10, empty ones left out
	CustomFields     map[string]string // by caption; values of any type as text
	Types            []string
	Status           string
}

type fullCompany struct {
	company
	Website          string      `json:"website"`
	AccountNumber    string      `json:"accountNumber"`
	VendorIdentifier string      `json:"vendorIdentifier"`
	Status           reference   `json:"status"`
	Types            []reference `json:"types"`
	UD1              string      `json:"userDefinedField1"`
	UD2              string      `json:"userDefinedField2"`
	UD3              string      `json:"userDefinedField3"`
	UD4              string      `json:"userDefinedField4"`
	UD5              string      `json:"userDefinedField5"`
	UD6              string      `json:"userDefinedField6"`
	UD7              string      `json:"userDefinedField7"`
	UD8              string      `json:"userDefinedField8"`
	UD9              string      `json:"userDefinedField9"`
	UD10             string      `json:"userDefinedField10"`
	CustomFields     []struct {
		Caption string         `json:"caption"`
		Value   jsontext.Value `json:"value"`
	} `json:"customFields"`
}

// A reference is how the API shows one object inside another.
type reference struct {
	ID         int    `json:"id"`
	Identifier string `json:"identifier"`
	Name       string `json:"name"`
}

func (f *fullCompany) evidence() Company {
	out := Company{ID: f.ID, Identifier: f.Identifier, Name: f.Name, Website: f.Website, AccountNumber: f.AccountNumber,
		VendorIdentifier: f.VendorIdentifier, Status: f.Status.Name}
	for _, text := range []string{f.UD1, f.UD2, f.UD3, f.UD4, f.UD5, f.UD6, f.UD7, f.UD8, f.UD9, f.UD10} {
		if text = strings.TrimSpace(text); text != "" {
			out.UserDefined = append(out.UserDefined, text)
		}
	}
	for _, t := range f.Types {
		out.Types = append(out.Types, t.Name)
	}
	for _, field := range f.CustomFields {
		if text := plainText(field.Value); text != "" {
			if out.CustomFields == nil {
				out.CustomFields = map[string]string{}
			}
			out.CustomFields[field.Caption] = text
		}
	}
	return out
}

// plainText shows a custom field's value, which may be of any type.
func plainText(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	case '0', 't', 'f':
		return string(v)
	}
	return ""
}

// Companies lists every company that is not in the recycle bin, checked
// against the server's own count.
func (c *Client) Companies(ctx context.Context) ([]Company, error) {
	rows, err := listCounted[fullCompany](ctx, c, request{at: epCompanies}, request{at: epCompaniesCount}, isBool(fieldDeleted, false))
	if err != nil {
		return nil, fmt.Errorf("listing the companies: %w", err)
	}
	out := make([]Company, 0, len(rows))
	for i := range rows {
		if !rows[i].Deleted {
			out = append(out, rows[i].evidence())
		}
	}
	return out, nil
}

type contact struct {
	ID             int       `json:"id"`
	Company        reference `json:"company"`
	Inactive       bool      `json:"inactiveFlag"`
	Communications []struct {
		Type  string `json:"communicationType"`
		Value string `json:"value"`
	} `json:"communicationItems"`
}

// ContactDomains counts, for each company, the mail domains of its active
// contacts, in lower case.
// GET /company/contacts.
func (c *Client) ContactDomains(ctx context.Context) (map[int]map[string]int, error) {
	rows, err := list[contact](ctx, c, request{at: epContacts}, condition{})
	if err != nil {
		return nil, fmt.Errorf("listing the contacts: %w", err)
	}
	out := map[int]map[string]int{}
	for _, row := range rows {
		if row.Inactive || row.Company.ID == 0 {
			continue
		}
		seen := map[string]bool{} // one person counts once for a domain
		for _, item := range row.Communications {
			_, domain, ok := strings.Cut(strings.ToLower(strings.TrimSpace(item.Value)), "@")
			if item.Type != "Email" || !ok || domain == "" || seen[domain] {
				continue
			}
			seen[domain] = true
			if out[row.Company.ID] == nil {
				out[row.Company.ID] = map[string]int{}
			}
			out[row.Company.ID][domain]++
		}
	}
	return out, nil
}
