package msp

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
)

// A Link is a line of the link table.
type Link struct {
	Customer  string
	TenantID  string
	Tenant    string
	Company   int // id in ConnectWise; 0 = none
	Agreement int // 0 = none named
	// Organization is the id in IT Glue; 0 = none, as it always is without WithDocumentation.
	Organization int64
	Cinode       string // name of the account; empty = none, as it always is without WithIdentity
	Status       string // linked, ignored or unmapped
	Reason       string
}

// Links is what a sensible billing admin would have linked: a line for every
// tenant that CIPP lists. Those that are unmapped are there for suggestions.
func (m *MSP) Links() []Link { return slices.Clone(m.links) }

// LinksCSV is Links as "syncd map import" takes it.
func (m *MSP) LinksCSV() string { return linksCSV(m.links, m.ITGlue != nil, m.Cinode != nil) }

// ProductsCSV is which licences a sensible billing admin would bill as what, as
// "syncd products import" takes it.
func (m *MSP) ProductsCSV() string { return productsCSV(m.rules) }

// linksCSV has columns for IT Glue and Cinode only where there are such: syncd
// refuses columns of systems that are not configured.
func linksCSV(links []Link, organizations, accounts bool) string {
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	row := func(before []string, organization, account string, after ...string) []string {
		if organizations {
			before = append(before, organization)
		}
		if accounts {
			before = append(before, account)
		}
		return append(before, after...)
	}
	rows := make([][]string, 0, 1+len(links))
	rows = append(rows, row([]string{"customer", "tenant_id", "tenant", "filter", "connectwise_company", "connectwise_agreement"}, "itglue_organization", cinodeColumn, "status", "reason"))
	for _, l := range links {
		rows = append(rows, row([]string{l.Customer, l.TenantID, l.Tenant, "", number(int64(l.Company)), number(int64(l.Agreement))}, number(l.Organization), l.Cinode, l.Status, l.Reason))
	}
	return sheet(rows)
}

func productsCSV(rules []Rule) string {
	rows := [][]string{{"sku_id", "sku", "name", "product", "count", "minimum", "maximum", "status", "reason"}}
	for _, r := range rules {
		rows = append(rows, []string{r.SKU, r.Part, r.Name, r.Product, r.Count, r.Minimum, r.Maximum, r.Status, r.Reason})
	}
	return sheet(rows)
}

func sheet(rows [][]string) string {
	var b strings.Builder
	_ = csv.NewWriter(&b).WriteAll(rows) // a strings.Builder takes everything
	return b.String()
}
