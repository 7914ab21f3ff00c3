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
	c := callFor(t, "ListSecureScoreReport", nil)
	cells := []cell{col("tenant", "Tenant", "TenantName", "Tenant"), numberCol("score", "Score", "CurrentScore"),
		numberCol("max", "Of", "MaxScore"), numberCol("percent", "%", "PercentageScore"),
		timeCol("as_of", "As of", "CapturedAt")}
	rows, note, err := a.rowsWithNote(ctx, c)
	if t != nil && errors.Is(err, cipp.ErrNoEndpoint) {
		rows, err = a.graph(ctx, *t, "security/secureScores", "$top", "1", "NoPagination", "true")
		cells = []cell{computed("tenant", "Tenant", func(row) string { return t.Name }), numberCol("score", "Score", "currentScore"),
			numberCol("max", "Of", "maxScore"), timeCol("as_of", "As of", "createdDateTime")}
	}
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, cells...).withNote(note), nil
}
