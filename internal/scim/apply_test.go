package scim_test

import (
	"testing"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/scim"
	"syncd/internal/target"
)

// provision brings a customer's account into step with a snapshot.
func provision(t *testing.T, client *scim.Client, c mapping.Customer, s *directory.Snapshot) {
	t.Helper()
	opened := client.Open()
	views, err := opened.Observe(t.Context(), []target.Asked{{Customer: c}})
	if err != nil {
		t.Fatal(err)
	}
	desired, observed, err := views[0].Compare(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(plan.Scope{Customer: c.Key, Target: opened.Name()}, opened.Spec().Kinds,
		plan.Sides{Desired: desired.Objects, Observed: observed.Objects})
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range p.Changes {
		if _, err := views[0].Apply(t.Context(), ch); err != nil {
			t.Fatal(err)
		}
	}
}
