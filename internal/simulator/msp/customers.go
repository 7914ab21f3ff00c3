package msp

import (
	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
)

// free are licences that nobody pays for, in numbers that mean nothing.
func free(parts ...string) []holding {
	var all []holding
	for i, part := range parts {
		all = append(all, have(part, 10000, 3+i, neverEnds))
	}
	return all
}

func neverEnds(k *cippsim.SKU, c calendar) {
	k.Subscriptions = []cippsim.Subscription{{Total: k.Enabled, Created: c.begin}}
}

func holds(of []holding, more ...holding) []holding { return append(of, more...) }

// customers is the table of Harbour IT's customers. Most are billed what they
// hold; a comment says what is odd about the others.
func customers() []customer {
	return []customer{
		{tenant: "Alder & Finch Architects", domain: "alderfinch.example", company: "Alder and Finch Architects Ltd", identifier: "AlderFinch", linked: true,
			holds:      []holding{have("SPB", 18, 17), have("VISIOCLIENT", 4, 4)},
			agreements: []agreement{managed(bill("M365-BP", 18), bill("VISIO-P2", 4), bill("BACKUP-M365", 18), bill("HELPDESK-FLAT", 1))}},

		// Two seats too few are billed.
		{tenant: "Birchwood Veterinary Group", domain: "birchwoodvets.example", company: "Birchwood Vets Ltd.", identifier: "BirchwoodVets", linked: true,
			holds:      holds(free("FLOW_FREE", "POWER_BI_STANDARD"), have("SPB", 34, 33), have("EXCHANGESTANDARD", 6, 6)),
			agreements: []agreement{managed(bill("M365-BP", 32), bill("EXO-P1", 6), bill("BACKUP-M365", 34), bill("EDR-DEVICE", 41))}},

		{tenant: "Brightwater Primary Trust", domain: "brightwatertrust.example", domains: []string{"brightwater-school.example"},
			company: "The Brightwater Primary Trust", identifier: "Brightwater", website: "http://brightwater-school.example/home", linked: true, hidden: "Safeguarding",
			holds:      holds(free("FLOW_FREE", "TEAMS_EXPLORATORY"), have("O365_BUSINESS_PREMIUM", 22, 22), have("O365_BUSINESS_ESSENTIALS", 15, 11)),
			agreements: []agreement{managed(bill("M365-BS", 22), bill("M365-BB", 15), bill("FW-SMALL", 2))}},

		{tenant: "Café Lumière", domain: "cafelumiere.example", company: "Cafe Lumiere Limited", identifier: "CafeLumiere", linked: true,
			holds:      []holding{have("O365_BUSINESS_PREMIUM", 5, 5, monthByMonth), have("O365_BUSINESS_ESSENTIALS", 4, 4, monthByMonth)},
			agreements: []agreement{managed(bill("M365-BS", 5), bill("M365-BB", 4))}},

		// Three seats too many, at a price of its own.
		{tenant: "Calloway Legal", domain: "callowaylegal.example", company: "Calloway Legal LLP", identifier: "Calloway", linked: true,
			holds:      []holding{have("SPB", 21, 21), have("AAD_PREMIUM", 2, 2)},
			agreements: []agreement{managed(bill("M365-BP", 24, at("20.50")), bill("ENTRA-P1", 2), bill("BACKUP-M365", 24), bill("HELPDESK-FLAT", 1, at("620")))}},

		// Billed once a year, so at the price of a year.
		{tenant: "Copperfield Engineering", domain: "copperfield-eng.example", company: "Copperfield Eng. Co. Ltd", identifier: "Copperfield", linked: true,
			holds:      holds(free("POWER_BI_STANDARD"), have("SPE_E3", 46, 44), have("PROJECTPROFESSIONAL", 5, 5), have("VISIOCLIENT", 8, 6)),
			agreements: []agreement{managed(bill("M365-E3", 45, at("432")), bill("PROJECT-P3", 5, at("360")), bill("VISIO-P2", 8, at("180"))).but("Managed services (annual)", yearly)}},

		// Two agreements of the type, and the link names neither.
		{tenant: "Dunmore Fisheries", domain: "dunmorefish.example", company: "Dunmore Fisheries Co-op", identifier: "Dunmore", linked: true,
			holds: []holding{have("SPB", 9, 8), have("EXCHANGESTANDARD", 12, 12)},
			agreements: []agreement{managed(bill("M365-BP", 9), bill("FW-SMALL", 1)).but("Managed services, head office"),
				managed(bill("EXO-P1", 10)).but("Managed services, fleet")}},

		// Business Premium on two open lines.
		{tenant: "Eastgate Accountants", domain: "eastgate-accounts.example", company: "Eastgate Chartered Accountants", identifier: "Eastgate", linked: true,
			holds:      []holding{have("SPB", 16, 16), have("ATP_ENTERPRISE", 3, 3)},
			agreements: []agreement{managed(bill("M365-BP", 12), bill("M365-BP", 4, at("21")), bill("DEF-O365", 5), bill("BACKUP-M365", 16))}},

		// An alias in CIPP; bought and not assigned. Residents are guests.
		{tenant: "Elmsworth Housing", domain: "elmsworth.example", company: "Elmsworth Housing Association", identifier: "Elmsworth", linked: true, synced: true, residents: 1200,
			holds: holds(free("FLOW_FREE", "POWER_BI_STANDARD", "TEAMS_EXPLORATORY"), have("SPE_E5", 25, 12), have("SPE_E3", 120, 96), have("MCOEV", 30, 22), have("POWER_BI_PRO", 10, 7)),
			agreements: []agreement{managed(bill("M365-E5", 25), bill("M365-E3", 120, at("33.50")), bill("TEAMS-PHONE", 22), bill("PBI-PRO-Y", 10),
				bill("EDR-DEVICE", 160, at("4.20")), bill("HELPDESK-FLAT", 1, at("2400")))},
			finishing: func(t *cippsim.Tenant, _ *cwsim.Company) {
				t.MicrosoftName = "Elmsworth & District Housing Association Limited"
			}},

		// One agreement has expired; and the tenant had another domain once.
		{tenant: "Fernhill Nurseries", domain: "fernhill.example", domains: []string{"fernhill-plants.example"}, company: "Fernhill Nurseries (Holdings) Ltd", identifier: "Fernhill", linked: true,
			holds: []holding{have("O365_BUSINESS_PREMIUM", 11, 10)},
			agreements: []agreement{managed(bill("M365-BS", 7)).but("Managed services, first contract", expired),
				managed(bill("M365-BS", 11), bill("M365-APPS", 2, ended), bill("BACKUP-M365", 11))},
			finishing: func(t *cippsim.Tenant, _ *cwsim.Company) { t.FormerDomains = []string{"fernhill-plants.example"} }},

		// Licences stand on a child agreement, which the link has to name.
		{tenant: "Galloway Marine", domain: "gallowaymarine.example", company: "Galloway Marine Services Ltd", identifier: "Galloway", linked: true, named: 2,
			holds: []holding{have("SPB", 27, 26), have("EXCHANGEENTERPRISE", 2, 2)},
			agreements: []agreement{managed(bill("HELPDESK-FLAT", 1), bill("FW-SMALL", 3)).but("Managed services, master"),
				managed(bill("M365-BP", 26), bill("EXO-P2", 2)).but("Cloud licences", childOf)}},

		// Visio is not billed, by agreement.
		{tenant: "Greystone Quarries", domain: "greystone-quarries.example", company: "Greystone Quarries plc", identifier: "Greystone", linked: true,
			holds:      []holding{have("O365_BUSINESS_PREMIUM", 14, 14), have("VISIOCLIENT", 1, 1)},
			agreements: []agreement{managed(bill("M365-BS", 14), bill("VISIO-P2", 1, doNotBill), bill("EDR-DEVICE", 20))}},

		// A trial beside what is paid.
		{tenant: "Hartwell Physio", domain: "hartwellphysio.example", company: "Hartwell Physiotherapy", identifier: "Hartwell", linked: true,
			holds:      []holding{have("SPB", 8, 10, trial(25)), have("Microsoft_365_Copilot", 0, 2, trial(25))},
			agreements: []agreement{managed(bill("M365-BP", 8), bill("BACKUP-M365", 8))}},

		// A renewal was missed, and the seats still work.
		{tenant: "Ivory Lane Interiors", domain: "ivorylane.example", company: "Ivory Lane Interiors", identifier: "IvoryLane", linked: true,
			holds:      holds(free("FLOW_FREE"), have("O365_BUSINESS_PREMIUM", 10, 13, monthByMonth, grace(4))),
			agreements: []agreement{managed(bill("M365-BS", 14))}},

		// A line ends this month though the licence stays.
		{tenant: "Juniper Travel", domain: "junipertravel.example", company: "Juniper Travel Ltd", identifier: "Juniper", linked: true,
			holds:      []holding{have("SPB", 13, 13), have("EXCHANGESTANDARD", 3, 2)},
			agreements: []agreement{managed(bill("M365-BP", 13), bill("EXO-P1", 3, endsThisMonth))}},

		// A line begins next month though the licence is there.
		{tenant: "Kingsbrook Motors", domain: "kingsbrookmotors.example", company: "Kingsbrook Motor Group Ltd", identifier: "Kingsbrook", linked: true,
			holds:      []holding{have("O365_BUSINESS_PREMIUM", 31, 30), have("AAD_PREMIUM", 31, 12, monthByMonth)},
			agreements: []agreement{managed(bill("M365-BS", 31), bill("ENTRA-P1", 31, fromNextMonth), bill("EDR-DEVICE", 38))}},

		// Another company of the same name lies in the recycle bin.
		{tenant: "Larkspur Interiors", domain: "larkspur.example", company: "Larkspur Interiors Ltd", identifier: "Larkspur", linked: true,
			holds:      []holding{have("SPB", 7, 7, endsTomorrow)},
			agreements: []agreement{managed(bill("M365-BP", 7), bill("FW-SMALL", 1))}},

		// Two seats are included in the flat fee.
		{tenant: "Müller & Søn Precision", domain: "mueller-son.example", company: "Mueller and Son Precision GmbH", identifier: "MuellerSon", linked: true,
			holds:      []holding{have("SPB", 19, 18), have("O365_BUSINESS", 3, 3)},
			agreements: []agreement{managed(bill("M365-BP", 18, included(2)), bill("M365-APPS", 3), bill("HELPDESK-FLAT", 1))}},

		// Exchange was bought and nobody bills it; F3 has no rule.
		{tenant: "Oakridge Care Homes", domain: "oakridgecare.example", company: "Oakridge Care Homes Group", identifier: "Oakridge", linked: true,
			holds:      holds(free("FLOW_FREE", "TEAMS_EXPLORATORY"), have("SPB", 42, 42), have("EXCHANGESTANDARD", 25, 21), have("SPE_F1", 60, 58)),
			agreements: []agreement{managed(bill("M365-BP", 42), bill("M365-F3", 60), bill("BACKUP-M365", 67), bill("HELPDESK-FLAT", 1, at("1150")))}},

		// Visio is billed and gone at Microsoft.
		{tenant: "Pennine Print Works", domain: "pennineprint.example", company: "Pennine Print Works", identifier: "Pennine", linked: true,
			holds:      []holding{have("O365_BUSINESS_PREMIUM", 12, 12), have("O365_BUSINESS_ESSENTIALS", 6, 5)},
			agreements: []agreement{managed(bill("M365-BS", 12), bill("M365-BB", 6), bill("VISIO-P2", 3))}},

		// Office 365 E1 is billed with a product that is not sold any more.
		{tenant: "Quayside Hotels", domain: "quaysidehotels.example", company: "The Quayside Hotel Company Ltd", identifier: "Quayside", linked: true, named: 1,
			holds: holds(free("POWER_BI_STANDARD"), have("SPB", 64, 61), have("STANDARDPACK", 35, 30), have("MCOEV", 20, 18), have("VISIOCLIENT", 2, 1)),
			agreements: []agreement{managed(bill("M365-BP", 63), bill("O365-E1", 35), bill("TEAMS-PHONE", 18), bill("VISIO-P2", 2), bill("BACKUP-M365", 99)),
				{name: "Block of 40 hours", kind: typeBlockTime, lines: []line{bill("HELPDESK-FLAT", 1, at("3200"))}}}},

		// Known by the tenant id in a custom field, and by nothing else.
		{tenant: "Kestrel Logistics Solutions", domain: "kestrel-logistics.example", company: "KLS Freight Forwarding", identifier: "KLS", website: "-",
			holds:      []holding{have("SPB", 29, 27)},
			agreements: []agreement{managed(bill("M365-BP", 28), bill("EDR-DEVICE", 33))},
			finishing:  func(t *cippsim.Tenant, c *cwsim.Company) { c.Custom = map[int]any{fieldTenantID: t.CustomerID} }},

		// Two companies have the website; the other one is among strangers.
		{tenant: "Northgate Dental", domain: "northgatedental.example", company: "Northgate Dental Ltd", identifier: "Northgate",
			holds:      []holding{have("SPB", 10, 10)},
			agreements: []agreement{managed(bill("M365-BP", 10))}},

		// A prospect: nothing is agreed yet.
		{tenant: "Riverside Brewing", domain: "riversidebrewing.example", company: "Riverside Brewing Co", identifier: "RiversideBrew", kind: kindProspect,
			holds: holds(free("FLOW_FREE"), have("O365_BUSINESS_PREMIUM", 6, 6))},

		// The website is another one's; contacts tell.
		{tenant: "Silverton Robotics", domain: "silverton-robotics.example", company: "Silverton Automation and Robotics", identifier: "SilvertonAR", website: "https://silverton-group.example",
			holds:      []holding{have("SPE_E3", 15, 15), have("Microsoft_365_Copilot", 5, 5), have("POWER_BI_PRO", 4, 4)},
			agreements: []agreement{managed(bill("M365-E3", 15), bill("COPILOT", 5), bill("PBI-PRO-M", 4))},
			finishing:  func(t *cippsim.Tenant, _ *cwsim.Company) { t.Direct = true }},

		{tenant: "Tideway Advice Centre", domain: "tidewayadvice.example", company: "Tideway Advice Centre", identifier: "Tideway", excluded: true,
			holds:      []holding{have("O365_BUSINESS_ESSENTIALS", 8, 8)},
			agreements: []agreement{managed(bill("M365-BB", 8))}},

		{tenant: "Harbour Test Lab", domain: "harbour-lab.example", ignored: "our own test tenant",
			holds: holds(free("FLOW_FREE", "POWER_BI_STANDARD"), have("SPE_E5", 2, 2))},
	}
}

// strangers are companies that belong to no tenant, and could be taken for one.
func (b *builder) strangers() {
	for _, c := range []customer{
		{company: "Larkspur Interiors Ltd", identifier: "Larkspur-old", domain: "larkspur.example", finishing: func(_ *cippsim.Tenant, c *cwsim.Company) { c.Deleted = true }},
		{company: "Northgate Dental Practice", identifier: "NorthgatePrac", domain: "northgatedental.example", agreements: []agreement{managed(bill("EDR-DEVICE", 6))}},
		{company: "Harrow & Pike Joinery", identifier: "HarrowPike", domain: "harrowpike.example", status: statusFormer, agreements: []agreement{managed(bill("M365-BS", 4)).but("Managed services", expired)}},
		{company: "Saltmarsh Garden Centre", identifier: "Saltmarsh", domain: "saltmarsh-garden.example", kind: kindProspect},
	} {
		co := b.company(c, nil)
		for _, a := range c.agreements {
			b.agreement(co, a)
		}
		if c.finishing != nil {
			c.finishing(nil, co)
		}
	}
}
