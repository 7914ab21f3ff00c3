// Package tenants is the target that keeps CIPP's own list of tenants in step with
// ConnectWise: the alias a tenant is shown under, and which static tenant
// groups it is in. It follows the company that a tenant is linked to and
// needs no data of the Microsoft tenant.
//
// Only groups that a rule names are managed. Dynamic groups and membership in
// other groups are never touched, although CIPP's call sets alias and groups
// whole: the operations of package admin send what is to stay as well.
package tenants

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// Facts are what rules match in a company. It is an alias of a plain struct,
// so that the system that knows companies can spell the same one out for
// itself: systems do not import one another.
type Facts = struct {
	Name, Identifier string
	Types            []string
	Status           string
	Agreements       []string          // names of the active ones, sorted; two may be called the same
	Fields           map[string]string // custom fields by caption; a field without a value is there, and empty
	Deleted          bool              // in the recycle bin
}

// Companies reads facts. A *connectwise.Client is one.
type Companies interface {
	// Facts reads some companies by id. One that is missing in the result is not
	// there any more, or hidden.
	Facts(ctx context.Context, ids []int) (map[int]Facts, error)
}

// The kind of object and its fields.
const (
	kindTenant = "tenant"

	// fieldAlias is empty where the tenant is shown under Microsoft's name.
	fieldAlias = "alias"
	// fieldGroups are the names of the managed groups it is in.
	fieldGroups = "groups"
)

// batch is how many customers are observed at once. CIPP's two lists are read
// once a batch, companies by the hundred.
const batch = 500

// liveReads is how many tenants' names are read live at a time.
const liveReads = 5

// A Target is CIPP's list of tenants for one run. Its methods may be called
// from many goroutines.
type Target struct {
	caller    admin.Caller
	companies Companies
	config    Config
	settings  string

	// writing serialises writes. Removing a tenant's last group writes the members
	// of that group whole, and two such writes at a time would add each other's
	// tenant again.
	writing sync.Mutex
	// stale: CIPP still showed tenant groups as they were before a write. No members
	// are written from what it shows until the next run.
	stale bool
}

// A view is a customer's tenant as Observe saw it.
type view struct {
	*Target
	tenant   directory.Tenant
	wanted   desiredTenant
	observed target.Observed
	err      error // why it could not be read
}

// A desiredTenant is the desired object of a customer's tenant, and its conflicts.
type desiredTenant struct {
	objects   []plan.Object // none or one
	conflicts []plan.Conflict
	leaves    []string // groups that it is taken out of
}

// Open returns the target for one run. The caller must be one that may write
// (cipp.Options.Operate); the configuration is one that Validate has passed.
func Open(caller admin.Caller, companies Companies, c Config) *Target {
	return &Target{caller: caller, companies: companies, config: c, settings: target.SettingsDigest(json.Marshal(c))}
}

// Spec returns what the loop must know of the target. It needs nothing of a
// tenant's collections, and nothing of it is ever made or removed.
func (t *Target) Spec() target.Spec {
	return target.Spec{
		Name: "cipp",
		Kinds: []plan.Kind{{
			Name:  kindTenant,
			Owner: plan.Restore,
			// An alias that a person set in CIPP is not replaced without approval.
			Fields:  map[string]plan.Ownership{fieldAlias: plan.Hold},
			Sets:    []string{fieldGroups},
			Leavers: &plan.Leavers{Never: true},
		}},
		Link:      mapping.ConnectWiseCompany,
		OneTenant: "an alias and groups that follow a company are those of one tenant: set them in CIPP by hand",
		Batch:     batch,
		Settings:  t.settings,
	}
}

// Compare says how a customer's tenant stands in CIPP, and how it should:
//
//	company                                   what is wanted
//	has a text for the alias                  that alias
//	has the tenant's own name there           no alias
//	has nothing there, or no alias is managed the alias is not ours
//	fits a rule of a group                    the tenant is in it
//	fits none of them                         the tenant is not in it
//
// Nothing of it comes from the source.
func (v *view) Compare(context.Context, *directory.Snapshot, []plan.Record) (target.Desired, target.Observed, error) {
	return target.Desired{Objects: v.wanted.objects, Conflicts: v.wanted.conflicts}, v.observed, v.err
}

// Observe reads how the customers' tenants stand in CIPP, and the companies
// they are linked to.
func (t *Target) Observe(ctx context.Context, asked []target.Asked) ([]target.View, error) {
	views, out := make([]*view, len(asked)), make([]target.View, len(asked))
	for i := range asked {
		views[i] = &view{Target: t, tenant: asked[i].Tenant}
		out[i] = views[i]
	}
	ids := make([]int, len(asked))
	var linked []int
	for i := range asked {
		text := strings.TrimSpace(asked[i].Links[mapping.ConnectWiseCompany])
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			views[i].err = &target.Blocked{Violations: []plan.Violation{{Code: "link_bad", NeedsRepair: true, Message: fmt.Sprintf(
				"%q in the column %s is not the id of a ConnectWise company (a number): correct it with syncd map", text, mapping.ConnectWiseCompany)}}}
			continue
		}
		ids[i] = n
		linked = append(linked, n)
	}
	if len(linked) == 0 {
		return out, nil
	}
	a := admin.New(t.caller, admin.Options{})
	profiles, groups, err := a.TenantProfiles(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading CIPP's tenants: %w", err)
	}
	companies, err := t.companies.Facts(ctx, linked)
	if err != nil {
		return nil, err
	}
	byID := make(map[directory.TenantID]*admin.TenantProfile, len(profiles))
	for i := range profiles {
		// A tenant that was renamed may be listed twice; the newer row comes first.
		if _, twice := byID[profiles[i].Tenant.ID]; !twice {
			byID[profiles[i].Tenant.ID] = &profiles[i]
		}
	}
	managed := t.managed(groups)
	group := errgroup.Group{}
	group.SetLimit(liveReads)
	for i := range asked {
		if views[i].err != nil {
			continue
		}
		p := byID[asked[i].Tenant.ID]
		if p == nil {
			views[i].err = fmt.Errorf("CIPP lists %s no more: it was excluded there, or its relationship ended, a moment ago", asked[i].Name)
			continue
		}
		var at *Facts
		if f, ok := companies[ids[i]]; ok {
			at = &f
		}
		group.Go(func() error {
			names, err := t.tenantNames(ctx, a, p, at, asked[i].Records)
			if err != nil {
				views[i].err = err // of this tenant alone
				return nil
			}
			views[i].wanted = t.evaluate(p, ids[i], at, names, managed, len(asked[i].Refs) > 0, &views[i].observed)
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	holdShrinkingGroups(views, managed)
	return out, nil
}
