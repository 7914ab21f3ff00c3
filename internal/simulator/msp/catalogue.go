package msp

import (
	"fmt"

	"github.com/shopspring/decimal"

	cwsim "syncd/internal/simulator/connectwise"
)

// licences are the Microsoft licences of this world by part number, with
// Microsoft's own ids.
// https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
var licences = map[string]struct{ id, name string }{
	"SPB":                      {"cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "Microsoft 365 Business Premium"},
	"O365_BUSINESS_PREMIUM":    {"f245ecc8-75af-4f8e-b61f-27d8114de5f3", "Microsoft 365 Business Standard"}, // Microsoft kept the part number of the former name
	"O365_BUSINESS_ESSENTIALS": {"3b555118-da6a-4418-894f-7df1e2096870", "Microsoft 365 Business Basic"},
	"O365_BUSINESS":            {"cdd28e44-67e3-425e-be4c-737fab2899d3", "Microsoft 365 Apps for business"},
	"SPE_E3":                   {"05e9a617-0261-4cee-bb44-138d3ef5d965", "Microsoft 365 E3"},
	"SPE_E5":                   {"06ebc4ee-1bb5-47dd-8120-11324bc54e06", "Microsoft 365 E5"},
	"SPE_F1":                   {"66b55226-6b4f-492c-910c-a3b7a3c9d993", "Microsoft 365 F3"},
	"STANDARDPACK":             {"18181a46-0d4e-45cd-891e-60aabd171b4e", "Office 365 E1"},
	"EXCHANGESTANDARD":         {"4b9405b0-7788-4568-add1-99614e613b69", "Exchange Online (Plan 1)"},
	"EXCHANGEENTERPRISE":       {"19ec0d23-8335-4cbd-94ac-6050e30712fa", "Exchange Online (Plan 2)"},
	"AAD_PREMIUM":              {"078d2b04-f1bd-4111-bbd4-b4b1b354cef4", "Microsoft Entra ID P1"},
	"ATP_ENTERPRISE":           {"4ef96642-f096-40de-a3e9-d83fb2f90211", "Microsoft Defender for Office 365 (Plan 1)"},
	"VISIOCLIENT":              {"c5928f49-12ba-48f7-ada3-0d743a3601d5", "Visio Plan 2"},
	"PROJECTPROFESSIONAL":      {"53818b1b-4a27-454b-8896-0dba576410e6", "Project Plan 3"},
	"POWER_BI_PRO":             {"f8a1db68-be16-40ed-86d5-cb42ce701560", "Power BI Pro"},
	"MCOEV":                    {"e43b5b99-8dfb-405f-9987-dc307f34bcbd", "Microsoft Teams Phone Standard"},
	"Microsoft_365_Copilot":    {"639dec6b-bb19-468b-871c-c5c441c4b0cb", "Microsoft 365 Copilot"},
	"FLOW_FREE":                {"f30db892-07e9-47e9-837c-80727f46fd3d", "Microsoft Power Automate Free"},
	"POWER_BI_STANDARD":        {"a403ebcc-fae0-4ca2-8c8c-7a907fd6c235", "Microsoft Fabric (Free)"},
	"TEAMS_EXPLORATORY":        {"710779e8-3d4a-4c88-adb9-386c958d1fdf", "Microsoft Teams Exploratory"},
}

// money reads an amount of the tables below.
func money(text string) decimal.Decimal { return decimal.RequireFromString(text) }

// catalogue is what Harbour IT sells. How a product shows which licence it is
// differs as it does where a catalogue grew for years: the SKU's id, its part
// number, in one field or the other, or nothing but the name.
func catalogue() []*cwsim.Product {
	const each, agreement = "Each", "Agreement"
	software := cwsim.Ref{ID: 11, Name: "Software subscriptions"}
	services := cwsim.Ref{ID: 12, Name: "Managed services"}
	id := func(part string) string { return licences[part].id }
	products := []*cwsim.Product{
		{ID: 701, Identifier: "M365-BP", Description: "Microsoft 365 Business Premium", Price: money("22"), Cost: money("17.60"), VendorSKU: id("SPB")},
		{ID: 702, Identifier: "M365-BS", Description: "Microsoft 365 Business Standard", Price: money("12.50"), Cost: money("10"), ManufacturerPartNumber: "O365_BUSINESS_PREMIUM"},
		{ID: 703, Identifier: "M365-BB", Description: "Microsoft 365 Business Basic", Price: money("6"), Cost: money("4.80"), ManufacturerPartNumber: "O365_BUSINESS_ESSENTIALS"},
		{ID: 704, Identifier: "M365-APPS", Description: "Microsoft 365 Apps for business", Price: money("8.25"), Cost: money("6.60")},
		{ID: 705, Identifier: "M365-E3", Description: "Microsoft 365 E3", Price: money("36"), Cost: money("28.80"), VendorSKU: id("SPE_E3")},
		{ID: 706, Identifier: "M365-E5", Description: "Microsoft 365 E5", Price: money("57"), Cost: money("45.60"), VendorSKU: "SPE_E5"},
		{ID: 707, Identifier: "M365-F3", Description: "Microsoft 365 F3 (frontline)", Price: money("8"), Cost: money("6.40")},
		{ID: 708, Identifier: "EXO-P1", Description: "Exchange Online Plan 1", Price: money("4"), Cost: money("3.20"), ManufacturerPartNumber: "EXCHANGESTANDARD"},
		{ID: 709, Identifier: "EXO-P2", Description: "Exchange Online Plan 2", Price: money("8"), Cost: money("6.40")},
		{ID: 710, Identifier: "ENTRA-P1", Description: "Entra ID P1", Price: money("6"), Cost: money("4.80"), ManufacturerPartNumber: "AAD_PREMIUM"},
		{ID: 711, Identifier: "VISIO-P2", Description: "Visio Plan 2", Price: money("15"), Cost: money("12")},
		{ID: 712, Identifier: "PROJECT-P3", Description: "Project Plan 3", Price: money("30"), Cost: money("24")},
		// Two terms of one licence: no SKU says which one was bought.
		{ID: 713, Identifier: "PBI-PRO-M", Description: "Power BI Pro (monthly)", Price: money("16.80"), Cost: money("13.44"), ManufacturerPartNumber: "POWER_BI_PRO"},
		{ID: 714, Identifier: "PBI-PRO-Y", Description: "Power BI Pro (annual)", Price: money("14"), Cost: money("11.20"), ManufacturerPartNumber: "POWER_BI_PRO"},
		{ID: 715, Identifier: "COPILOT", Description: "Microsoft 365 Copilot", Price: money("30"), Cost: money("24")},
		{ID: 716, Identifier: "TEAMS-PHONE", Description: "Teams Phone Standard", Price: money("10"), Cost: money("8"), VendorSKU: "MCOEV"},
		{ID: 717, Identifier: "DEF-O365", Description: "Defender for Office 365 Plan 1", Price: money("2"), Cost: money("1.60"), VendorSKU: id("ATP_ENTERPRISE")},
		{ID: 718, Identifier: "O365-E1", Description: "Office 365 E1", Price: money("10"), Cost: money("8"), ManufacturerPartNumber: "STANDARDPACK", Inactive: true},
		{ID: 720, Identifier: "SEAT-MODERN", Description: "Modern workplace seat (Business Premium, backup, helpdesk)", Class: "Bundle", Price: money("69"), Cost: money("41"), ManufacturerPartNumber: "SPB"},
		// What is billed beside licences and is nobody's business here.
		{ID: 730, Identifier: "BACKUP-M365", Description: "Backup for Microsoft 365, per user", Price: money("3.50"), Cost: money("1.90"), Category: services},
		{ID: 731, Identifier: "FW-SMALL", Description: "Managed firewall, small office", Price: money("85"), Cost: money("40"), Category: services},
		{ID: 732, Identifier: "HELPDESK-FLAT", Description: "Helpdesk, flat fee", Class: "Service", Price: money("450"), Category: services},
		{ID: 733, Identifier: "EDR-DEVICE", Description: "Endpoint protection, per device", Price: money("5"), Cost: money("2.10"), Category: services},
	}
	for _, p := range products {
		if p.Class == "" {
			p.Class = agreement
		}
		if p.Category.ID == 0 {
			p.Category = software
		}
		p.Unit, p.Taxable, p.BillableOption = each, true, "Billable"
		p.Recurring, p.RecurringCycleID = true, cycleMonthly
		p.Type, p.Subcategory = cwsim.Ref{ID: 21, Name: "Recurring"}, cwsim.Ref{ID: 31, Name: "Monthly"}
	}
	return products
}

// A Rule is a line of the product table.
type Rule struct {
	SKU, Part, Name  string
	Product          string // identifier in the catalogue
	Count            string // purchased or assigned
	Minimum, Maximum string
	Status           string // bill or ignore
	Reason           string
}

// billed are the rules that a billing admin made: part number, product.
// POWER_BI_PRO, SPE_F1, PROJECTPROFESSIONAL and Microsoft_365_Copilot have
// none: they are what there is to suggest.
var billed = []struct{ part, product string }{
	{"SPB", "M365-BP"}, {"O365_BUSINESS_PREMIUM", "M365-BS"}, {"O365_BUSINESS_ESSENTIALS", "M365-BB"}, {"O365_BUSINESS", "M365-APPS"},
	{"SPE_E3", "M365-E3"}, {"SPE_E5", "M365-E5"}, {"STANDARDPACK", "O365-E1"}, {"EXCHANGESTANDARD", "EXO-P1"}, {"EXCHANGEENTERPRISE", "EXO-P2"},
	{"AAD_PREMIUM", "ENTRA-P1"}, {"VISIOCLIENT", "VISIO-P2"}, {"MCOEV", "TEAMS-PHONE"}, {"ATP_ENTERPRISE", "DEF-O365"},
}

func sensibleRules() []Rule {
	var rules []Rule
	for _, b := range billed {
		r := rule(b.part, b.product)
		switch b.part {
		case "MCOEV":
			r.Count, r.Reason = "assigned", "phone seats are billed by use"
		case "ATP_ENTERPRISE":
			r.Minimum, r.Reason = "5", "the least we sell"
		}
		rules = append(rules, r)
	}
	for _, part := range []string{"FLOW_FREE", "POWER_BI_STANDARD", "TEAMS_EXPLORATORY"} {
		rules = append(rules, Rule{SKU: licences[part].id, Part: part, Name: licences[part].name, Status: "ignore", Reason: "free"})
	}
	return rules
}

func rule(part, product string) Rule {
	l, ok := licences[part]
	if !ok {
		panic(fmt.Sprintf("simulator: no licence %s", part))
	}
	return Rule{SKU: l.id, Part: part, Name: l.name, Product: product, Count: "purchased", Status: "bill"}
}
