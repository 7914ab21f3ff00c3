package app

import (
	"context"
	"errors"
	"fmt"

	"syncd/internal/mapping"
	"syncd/internal/state"
	"syncd/internal/target"
)

// Check asks every configured system whether syncd may and can work with it.
// Nothing is written.
func (w *App) Check(ctx context.Context) []target.Finding {
	configured := fmt.Sprintf("%s, targets: %s", Count(len(w.Jobs), "job"), Names(w.Config.Targets(), asIs))
	all := []target.Finding{{System: "syncd", Name: "configuration", OK: true, Detail: configured}}
	if w.Config.exposed != "" {
		all = append(all, target.Finding{System: "syncd", Name: "permissions", Detail: w.Config.exposed,
			Remedy: "chmod 600 it, owned by the user that syncd runs as, or keep the secrets out of it (SYNCD_…_FILE)"})
	}
	stored := target.Finding{System: "syncd", Name: "state", OK: true}
	if counts, err := w.Store.Verify(ctx); err != nil {
		stored.OK, stored.Detail, stored.Remedy = false, err.Error(), stateRemedy(err)
	} else {
		stored.Detail = fmt.Sprintf("%d scopes, %d records, %d journal entries", counts.Scopes, counts.Records, counts.Entries)
	}
	all = append(all, stored)
	all = append(all, w.checkBackups()...)
	all = append(all, w.Config.checkSecrets()...)
	all = append(all, w.Config.checkStaff()...)
	all = append(all, w.Config.checkAuth()...)
	for _, s := range w.Config.systems {
		all = append(all, s.Check(ctx)...)
	}
	all = append(all, w.checkExport(ctx)...)
	all = append(all, w.checkChannels(ctx)...)
	all = append(all, w.checkTables(ctx))
	secrets := w.Config.Redactor()
	for i := range all {
		all[i].Detail = secrets.Text(all[i].Detail) // a system may have repeated one
	}
	return all
}

// checkTables says how far people have got with the tables. Nothing linked yet
// is a beginning, not a failure.
func (w *App) checkTables(ctx context.Context) target.Finding {
	f := target.Finding{System: "syncd", Name: "tables"}
	table, err := w.Links(ctx)
	if err == nil {
		var rules mapping.Rules
		if rules, err = w.Rules(ctx); err == nil {
			linked := 0
			for _, r := range table.Rows {
				if r.Status == mapping.Linked {
					linked++
				}
			}
			f.OK = true
			f.Detail = fmt.Sprintf("%s linked, %s billed", Count(linked, "customer"), Count(len(rules.Billed()), "product"))
			if linked == 0 || len(rules.Billed()) == 0 {
				f.Remedy = "next: syncd map suggest, syncd products suggest"
			}
			return f
		}
	}
	f.Detail, f.Remedy = err.Error(), stateRemedy(err)
	return f
}

// stateRemedy tells a state that is damaged from one that only cannot be read.
func stateRemedy(err error) string {
	if errors.Is(err, state.ErrCorrupt) {
		return "restore a backup: syncd state restore FILE"
	}
	return "look at the disk and at who may read the file; the state itself may be sound"
}
