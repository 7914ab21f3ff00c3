package connectwise

import "testing"

func TestWherePeopleOpenARecord(t *testing.T) {
	const page = "/v4_6_release/services/system_io/router/openrecord.rails?companyName=msp&recid=250&recordType=CompanyFV"
	for raw, want := range map[string]string{
		"https://api-na.myconnectwise.net":               "https://na.myconnectwise.net" + page,
		"api-eu.myconnectwise.net/v4_6_release/apis/3.0": "https://eu.myconnectwise.net" + page,
		"https://connect.msp.example":                    "https://connect.msp.example" + page,
		"https://api-gateway.msp.example":                "https://api-gateway.msp.example" + page,
		"http://127.0.0.1:8080":                          "http://127.0.0.1:8080" + page,
		"https://na.myconnectwise.net":                   "", // the configuration is refused
	} {
		c := Config{URL: raw, Company: "msp"}
		if got := c.PageURL(CompanyRecord, "250"); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}
