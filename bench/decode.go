package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// What follows is what a straightforward client would declare and decode the
// answers into, each in one call of encoding/json: the fields that billing
// needs, and the service plans that come with them. It is kept as cheap as it
// can be; real clients decode more than once.

type bareTenant struct {
	CustomerID        string `json:"customerId"`
	DisplayName       string `json:"displayName"`
	DefaultDomainName string `json:"defaultDomainName"`
	InitialDomainName string `json:"initialDomainName"`
	Excluded          bool   `json:"Excluded"`
	GraphErrorCount   int    `json:"GraphErrorCount"`
}

type barePart struct {
	ID     string `json:"id"`
	Status int    `json:"status"`
	Body   struct {
		NextLink string    `json:"@odata.nextLink"`
		Value    []bareRow `json:"value"`
	} `json:"body"`
}

// A bareRow is a row of subscribedSkus, of directory/subscriptions or of
// organization; which of them follows from the part's id.
type bareRow struct {
	ID               string     `json:"id"`
	DisplayName      string     `json:"displayName"`
	SkuID            string     `json:"skuId"`
	SkuPartNumber    string     `json:"skuPartNumber"`
	CapabilityStatus string     `json:"capabilityStatus"`
	ConsumedUnits    int        `json:"consumedUnits"`
	PrepaidUnits     *bareUnits `json:"prepaidUnits"`
	ServicePlans     []barePlan `json:"servicePlans"`
	Status           string     `json:"status"`
	TotalLicenses    int        `json:"totalLicenses"`
	IsTrial          bool       `json:"isTrial"`
	NextLifecycle    *time.Time `json:"nextLifecycleDateTime"`
	ServiceStatus    []barePlan `json:"serviceStatus"`
	VerifiedDomains  []struct {
		Name string `json:"name"`
	} `json:"verifiedDomains"`
}

type bareUnits struct{ Enabled, Warning, Suspended, LockedOut int }

type barePlan struct {
	ServicePlanID      string `json:"servicePlanId"`
	ServicePlanName    string `json:"servicePlanName"`
	ProvisioningStatus string `json:"provisioningStatus"`
	AppliesTo          string `json:"appliesTo"`
}

type bareReference struct {
	ID         int    `json:"id"`
	Identifier string `json:"identifier"`
	Name       string `json:"name"`
}

type bareCompany struct {
	ID          int    `json:"id"`
	Identifier  string `json:"identifier"`
	Name        string `json:"name"`
	DeletedFlag bool   `json:"deletedFlag"`
}

type bareAgreement struct {
	ID              int            `json:"id"`
	Name            string         `json:"name"`
	Type            bareReference  `json:"type"`
	Company         bareReference  `json:"company"`
	Parent          *bareReference `json:"parentAgreement"`
	StartDate       string         `json:"startDate"`
	EndDate         string         `json:"endDate"`
	NoEndingDate    bool           `json:"noEndingDateFlag"`
	Cancelled       bool           `json:"cancelledFlag"`
	OneTime         bool           `json:"oneTimeFlag"`
	BillingCycle    *bareReference `json:"billingCycle"`
	Status          string         `json:"agreementStatus"`
	NextInvoiceDate string         `json:"nextInvoiceDate"`
}

type bareBundle struct {
	Results []struct {
		SequenceNumber int            `json:"sequenceNumber"`
		Success        bool           `json:"success"`
		StatusCode     int            `json:"statusCode"`
		Entities       []bareAddition `json:"entities"`
	} `json:"results"`
}

type bareAddition struct {
	ID            int           `json:"id"`
	AgreementID   int           `json:"agreementId"`
	Product       bareReference `json:"product"`
	Quantity      float64       `json:"quantity"`
	LessIncluded  float64       `json:"lessIncluded"`
	UnitPrice     float64       `json:"unitPrice"`
	BillCustomer  string        `json:"billCustomer"`
	EffectiveDate string        `json:"effectiveDate"`
	CancelledDate string        `json:"cancelledDate"`
	Description   string        `json:"description"`
}

type bareProduct struct {
	ID           int     `json:"id"`
	Identifier   string  `json:"identifier"`
	Description  string  `json:"description"`
	ProductClass string  `json:"productClass"`
	Price        float64 `json:"price"`
	Inactive     bool    `json:"inactiveFlag"`
}

// decodeAll decodes every answer and returns the CPU time it took, the median
// of three.
func decodeAll(answers []answer) (time.Duration, error) {
	var cpus []time.Duration
	for range 3 {
		runtime.GC()
		before := cpuTime()
		for i := range answers {
			if err := decodeOne(&answers[i]); err != nil {
				return 0, fmt.Errorf("decoding an answer of %s: %w", answers[i].Path, err)
			}
		}
		cpus = append(cpus, cpuTime()-before)
	}
	return median(cpus), nil
}

// decodePaced decodes every answer at the rate at which they come in when a
// bucket paces them, and returns the CPU time. A processor that sleeps between
// two answers wakes with cold caches, for us as for everybody.
func decodePaced(answers []answer, at rate) (time.Duration, error) {
	runtime.GC()
	tick := time.NewTicker(time.Duration(float64(time.Second) / at.perSecond))
	defer tick.Stop()
	before := cpuTime()
	for i := range answers {
		<-tick.C
		if err := decodeOne(&answers[i]); err != nil {
			return 0, fmt.Errorf("decoding an answer of %s: %w", answers[i].Path, err)
		}
	}
	return cpuTime() - before, nil
}

func decodeOne(a *answer) error {
	switch path := a.Path; {
	case strings.HasSuffix(path, "/ListGraphBulkRequest"):
		return into[[]barePart](a)
	case strings.HasSuffix(path, "/ListTenants"):
		return into[[]bareTenant](a)
	case strings.HasSuffix(path, "/system/bundles"):
		return into[bareBundle](a)
	case strings.HasSuffix(path, "/finance/agreements"):
		return into[[]bareAgreement](a)
	case strings.HasSuffix(path, "/company/companies"):
		return into[[]bareCompany](a)
	case strings.HasSuffix(path, "/procurement/catalog"):
		return into[[]bareProduct](a)
	}
	return into[map[string]any](a)
}

func into[T any](a *answer) error {
	var v T
	return json.Unmarshal(a.Body, &v)
}

// cpuTime is what this process has used, the collector's work included.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // never, for ourselves
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
