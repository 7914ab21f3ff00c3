package cippsim

import "strings"

func skuRows(t *Tenant) []object {
	rows := make([]object, 0, len(t.SKUs))
	for i := range t.SKUs {
		k := &t.SKUs[i]
		ids := make([]string, len(k.Subscriptions))
		for j, b := range k.Subscriptions {
			ids[j] = b.ID
		}
		rows = append(rows, object{
			"accountName": t.InitialDomain, "accountId": t.CustomerID, "appliesTo": k.AppliesTo,
			"capabilityStatus": k.CapabilityStatus, "consumedUnits": k.Consumed, "id": t.CustomerID + "_" + k.SkuID,
			"prepaidUnits": object{"enabled": k.Enabled, "suspended": k.Suspended, "warning": k.Warning, "lockedOut": k.LockedOut},
			"servicePlans": k.ServicePlans, "skuId": k.SkuID, "skuPartNumber": k.PartNumber, "subscriptionIds": ids,
		})
	}
	return rows
}

func subscriptionRows(t *Tenant) []object {
	rows := []object{}
	for i := range t.SKUs {
		k := &t.SKUs[i]
		for _, b := range k.Subscriptions {
			commerce := guid("commerce", b.ID)
			rows = append(rows, object{
				"id": b.ID, "commerceSubscriptionId": commerce, "ocpSubscriptionId": commerce,
				"skuId": k.SkuID, "skuPartNumber": k.PartNumber, "status": b.Status, "totalLicenses": b.Total,
				"isTrial": b.Trial, "createdDateTime": zulu(b.Created), "nextLifecycleDateTime": zulu(b.Next),
				"ownerId": nil, "ownerTenantId": orNil(b.Owner), "ownerType": nil, "serviceStatus": k.ServicePlans,
			})
		}
	}
	return rows
}

func organizationRow(t *Tenant) object {
	verified := []object{}
	for _, d := range t.Domains {
		if d.Unverified {
			continue
		}
		kind := "Managed"
		if d.Federated {
			kind = "Federated"
		}
		verified = append(verified, object{
			"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": d.Default, "isInitial": d.Initial,
			"name": d.Name, "type": kind,
		})
	}
	var synced, lastSync any
	if t.OnPremisesSync {
		synced, lastSync = true, zulu(t.Refreshed)
	}
	return object{
		"id": t.CustomerID, "deletedDateTime": nil, "displayName": t.MicrosoftName, "tenantType": "AAD",
		"businessPhones": list(t.BusinessPhones), "city": orNil(t.City), "country": nil, "countryLetterCode": orNil(t.Country),
		"postalCode": orNil(t.PostalCode), "state": nil, "street": orNil(t.Street), "preferredLanguage": "en",
		"createdDateTime": zulu(t.Created), "technicalNotificationMails": list(t.TechnicalMails),
		"securityComplianceNotificationMails": []string{}, "marketingNotificationEmails": []string{},
		"onPremisesSyncEnabled": synced, "onPremisesLastSyncDateTime": lastSync, "onPremisesLastPasswordSyncDateTime": lastSync,
		"assignedPlans": []object{{
			"assignedDateTime": zulu(t.Created), "capabilityStatus": "Enabled", "service": "exchange",
			"servicePlanId": guid("plan", "EXCHANGE_S_ENTERPRISE"),
		}},
		"provisionedPlans": []object{}, "verifiedDomains": verified,
	}
}

func domainRows(t *Tenant) []object {
	rows := []object{}
	for _, d := range t.Domains {
		kind := "Managed"
		if d.Federated {
			kind = "Federated"
		}
		services := []string{}
		if !d.Unverified {
			services = []string{"Email", "OfficeCommunicationsOnline"}
		}
		rows = append(rows, object{
			"id": d.Name, "authenticationType": kind, "availabilityStatus": nil, "isAdminManaged": true,
			"isDefault": d.Default, "isInitial": d.Initial, "isRoot": strings.Count(d.Name, ".") < 2 || d.Initial,
			"isVerified": !d.Unverified, "supportedServices": services, "model": nil, "state": nil,
			"passwordValidityPeriodInDays": 2147483647, "passwordNotificationWindowInDays": 14,
		})
	}
	return rows
}

// usersByID saves a search for each row of a large tenant.
func usersByID(t *Tenant) map[string]*User {
	of := make(map[string]*User, len(t.Users))
	for _, u := range t.Users {
		of[u.ID] = u
	}
	return of
}
