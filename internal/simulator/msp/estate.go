package msp

import (
	"cmp"
	"fmt"
	"time"

	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	itgluesim "syncd/internal/simulator/itglue"
)

// estateRules are the four of six licences that an estate's customers are
// billed for, each as the product beside it.
var estateRules = []struct{ part, product string }{
	{"SPB", "M365-BP"}, {"O365_BUSINESS_PREMIUM", "M365-BS"}, {"EXCHANGESTANDARD", "EXO-P1"}, {"AAD_PREMIUM", "ENTRA-P1"},
}

// Estate makes the worlds and tables of n customers that are all alike and in
// step: six licences each, of which four are billed on one agreement. Sizes
// differ from customer to customer. It is for measuring; see NewEstate for
// the servers.
func Estate(n int, now time.Time) (cipp cippsim.World, connectwise cwsim.World, linkTable, productTable string) {
	b := estate(n, 0, now)
	return b.cipp, b.connectwise, linksCSV(b.links, false, false), productsCSV(estateTable())
}

// NewEstate makes an MSP of Estate's n customers. With WithAccounts(a) each has
// that many people, who hold all its licences, and five groups, two shared
// mailboxes and a domain; with WithDocumentation or WithLayouts there is an IT
// Glue that holds their organizations, linked, and nothing else. That is what a
// first documentation is measured with.
func NewEstate(n int, now func() time.Time, options ...Option) *MSP {
	e := extentOf(options)
	b := estate(n, e.accounts, now())
	var glue *itgluesim.World
	if e.documentation {
		glue = new(b.account(true))
	}
	return start(b, estateTable(), glue, e, now)
}

// estateAccounts is how many accounts an estate's customer has where nobody asks for more.
const estateAccounts = 6

func estate(n, accounts int, now time.Time) *builder {
	b := newBuilder(now)
	for i := range n {
		b.customer(oneOfMany(i, accounts))
	}
	return b
}

// oneOfMany is the customer i of an estate.
func oneOfMany(i, accounts int) customer {
	seats := cmp.Or(accounts, 5+i%40)
	c := customer{
		tenant: fmt.Sprintf("Estate Customer %04d", i+1), domain: fmt.Sprintf("estate-%04d.example", i+1),
		company: fmt.Sprintf("Estate Customer %04d Ltd", i+1), identifier: fmt.Sprintf("Estate%04d", i+1), linked: true,
		holds: free("FLOW_FREE", "POWER_BI_STANDARD"), staff: cmp.Or(accounts, estateAccounts), bare: accounts == 0,
	}
	var lines []line
	for j, r := range estateRules {
		c.holds = append(c.holds, have(r.part, seats+j, seats))
		lines = append(lines, bill(r.product, seats+j))
	}
	c.agreements = []agreement{managed(append(lines, bill("HELPDESK-FLAT", 1))...)}
	return c
}

func estateTable() []Rule {
	var rules []Rule
	for _, r := range estateRules {
		rules = append(rules, rule(r.part, r.product))
	}
	for _, r := range sensibleRules() {
		if r.Status == "ignore" {
			rules = append(rules, r)
		}
	}
	return rules
}
