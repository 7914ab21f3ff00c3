package connectwise

import (
	"net/url"
	"slices"
	"strings"
)

// A Record is a kind of record that ConnectWise opens in a browser.
type Record string

// The records, as openrecord.rails calls them: the address is in no reference of the vendor's,
// and ConnectWise's own notices and everybody's reports are full of it.
const (
	CompanyRecord   Record = "CompanyFV"
	AgreementRecord Record = "AgreementFV"
)

// PageURL is where people open a record in their browser; empty where the address of the
// API is none.
func (c *Config) PageURL(of Record, id string) string {
	u, err := baseURL(c.URL)
	if err != nil {
		return "" // Validate says so
	}
	if host := strings.TrimPrefix(u.Hostname(), "api-"); slices.Contains(clouds, host) {
		u.Host = host
	}
	u.Path = "/v4_6_release/services/system_io/router/openrecord.rails"
	u.RawQuery = url.Values{"companyName": {c.Company}, "recordType": {string(of)}, "recid": {id}}.Encode()
	return u.String()
}
