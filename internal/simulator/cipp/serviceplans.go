package cippsim

import (
	"crypto/sha256"
	"slices"
	"sync"
)

// planNames are services as they appear in business SKUs; real SKUs hold
// between one and some sixty of them.
var planNames = []string{
	"EXCHANGE_S_ENTERPRISE", "TEAMS1", "SHAREPOINTENTERPRISE", "SHAREPOINTWAC", "MCOSTANDARD", "OFFICESUBSCRIPTION",
	"AAD_PREMIUM", "INTUNE_A", "RMS_S_PREMIUM", "ATP_ENTERPRISE", "MFA_PREMIUM", "FLOW_O365_P2", "POWERAPPS_O365_P2",
	"PROJECTWORKMANAGEMENT", "FORMS_PLAN_E1", "STREAM_O365_E3", "SWAY", "YAMMER_ENTERPRISE", "BPOS_S_TODO_2", "WHITEBOARD_PLAN2",
	"MICROSOFTBOOKINGS", "KAIZALA_O365_P3", "DYN365BC_MS_INVOICING", "O365_SB_Relationship_Management", "VIVA_LEARNING_SEEDED",
	"CDS_O365_P2", "PEOPLE_SKILLS_FOUNDATION", "MESH_IMMERSIVE_FOR_TEAMS", "PURVIEW_DISCOVERY", "WINBIZ",
}

// plans are these services as a SKU holds them.
var plans = sync.OnceValue(func() []ServicePlan {
	all := make([]ServicePlan, len(planNames))
	for i, name := range planNames {
		all[i] = ServicePlan{ServicePlanID: guid("plan", name), ServicePlanName: name, ProvisioningStatus: "Success", AppliesTo: "User"}
		switch name {
		case "PURVIEW_DISCOVERY":
			all[i].AppliesTo = "Company"
		case "INTUNE_A":
			all[i].ProvisioningStatus = "PendingActivation"
		}
	}
	return all
})

// usualPlans gives a SKU between 12 and 30 of them, always the same.
func usualPlans(sku string) []ServicePlan {
	return slices.Clone(plans()[:12+int(sha256.Sum256([]byte(sku))[0])%19])
}
