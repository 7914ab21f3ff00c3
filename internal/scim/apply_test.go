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
	got, err := opened.Observe(t.Context(), []target.Asked{{Customer: c}})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Err != nil {
		t.Fatal(got[0].Err)
	}
	if err := opened.Match(t.Context(), c, s, nil, &got[0]); err != nil {
		t.Fatal(err)
	}
	desired, err := opened.Desired(c, s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(plan.Scope{Customer: c.Key, Target: opened.Name()}, opened.Spec().Kinds, plan.Sides{Desired: desired.Objects, Observed: got[0].Objects})
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range p.Changes {
		if _, err := opened.Apply(t.Context(), c, ch); err != nil {
			t.Fatal(err)
		}
	}
}
