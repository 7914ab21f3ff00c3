package cipp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"syncd/internal/directory"
)

// An mfaRow is a row of ListMFAUsers: the MFA state of a user as of last night. CIPP source: Get-CIPPMFAState.ps1.
type mfaRow struct {
	row
	ID         text   `json:"ID"`
	PerUser    text   `json:"PerUser"` // disabled, enabled or enforced
	Registered flag   `json:"MFARegistration"`
	Capable    flag   `json:"MFACapable"`
	CoveredCA  text   `json:"CoveredByCA"`
	CoveredSD  flag   `json:"CoveredBySD"`
	Stamp      moment `json:"CacheTimestamp"`
}

// notData returns why the row is no data, or "". A tenant that could not be read
// is a row with a sentence in PerUser.
func (r *mfaRow) notData() string {
	if placeholder(string(r.PerUser)) {
		return string(r.PerUser)
	}
	return r.row.notData()
}

// state returns the MFA state that the row proves. Null is not "no": the report of methods needs
// Entra ID P1.
func (r *mfaRow) state() directory.MFA {
	switch {
	case strings.EqualFold(string(r.PerUser), "enforced"), strings.EqualFold(string(r.PerUser), "enabled"),
		r.CoveredSD.on, strings.EqualFold(string(r.CoveredCA), "Enforced - All Apps"):
		return directory.MFAEnforced
	case r.Registered.on, r.Capable.on:
		return directory.MFARegistered
	case r.Registered.set:
		return directory.MFANone
	}
	return directory.MFAUnknown
}

// addMFA sets the MFA state of users, and returns a check for the proof. Users are proven
// without it too. An error ends the run.
func (r *tenantRead) addMFA(ctx context.Context, users []directory.User) (string, error) {
	why, err := r.fillMFA(ctx, users)
	if err = r.fatal(ctx, err); err != nil {
		return "", err
	}
	return why, nil
}

func (r *tenantRead) fillMFA(ctx context.Context, users []directory.User) (string, error) {
	const unknown = "second factors unknown: %v"
	state, err := r.cacheState(ctx, "MFAState")
	if err != nil {
		return fmt.Sprintf(unknown, err), err
	}
	if why := state.unusable(r.now, r.conf.MaxAge); why != "" {
		return fmt.Sprintf(unknown, why), nil
	}
	a, err := r.report(ctx, "ListMFAUsers")
	if err != nil {
		return fmt.Sprintf(unknown, err), err
	}
	rows, notData, err := validRows[mfaRow](a.rows)
	if err == nil && len(rows) == 0 {
		err = notData
	}
	if err == nil {
		err = r.f.checkTenants(tenantsOf[mfaRow](rows))
	}
	if err != nil {
		return fmt.Sprintf(unknown, decodeError(err)), nil
	}
	byID := make(map[string]directory.MFA, len(rows))
	var asOf time.Time
	for i := range rows {
		row := &rows[i]
		if id := strings.ToLower(row.ID.trimmed()); directory.IsGUID(id) {
			byID[id] = row.state()
		}
		asOf = earlier(asOf, row.Stamp.Time)
	}
	if why := state.unusableRows(asOf, r.now, r.conf.MaxAge); why != "" {
		return fmt.Sprintf(unknown, why), nil
	}
	known := 0
	for i := range users {
		if users[i].MFA = byID[users[i].ID]; users[i].MFA != directory.MFAUnknown {
			known++
		}
	}
	return fmt.Sprintf("second factors of %d users as of %s", known, state.asOf(asOf).Format(time.RFC3339)), nil
}
