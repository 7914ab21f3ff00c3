package admin

import (
	"context"
	"errors"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// SecureScore shows Microsoft's secure score of a tenant, or of all where t is
// nil. A CIPP before 10.8 tells only that of one tenant.
func (a *Admin) SecureScore(ctx context.Context, t *directory.Tenant) (Table, error) {
	c := about(t, "ListSecureScoreReport", nil)
	cells := []cell{col("tenant", "Tenant", "TenantName", "Tenant"), count("score", "Score", "CurrentScore"), count("max", "Of", "MaxScore"), count("percent", "%", "PercentageScore"),
		when("as_of", "As of", "CapturedAt")}
	rows, note, err := a.everywhere(ctx, c)
	if t != nil && errors.Is(err, cipp.ErrNoEndpoint) {
		rows, err = a.graph(ctx, *t, "security/secureScores", "$top", "1", "NoPagination", "true")
		cells = []cell{made("tenant", "Tenant", func(row) string { return t.Name }), count("score", "Score", "currentScore"), count("max", "Of", "maxScore"), when("as_of", "As of", "createdDateTime")}
	}
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, cells...).noting(note), nil
}
