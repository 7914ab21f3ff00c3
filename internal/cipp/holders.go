package cipp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// A holderRow is a user of whom only the licences were asked for.
type holderRow struct {
	row
	ID       text                            `json:"id"`
	UPN      text                            `json:"userPrincipalName"`
	Licences list[assignedRow, *assignedRow] `json:"assignedLicenses"`
}

func (r *holderRow) fillNames(n rowNames) { r.row, r.ID, r.UPN = n.row, text(n.ID), text(n.UPN) }

var holdersRequest = get("holders", fmt.Sprintf("users?$select=id,userPrincipalName,assignedLicenses&$top=%d", pageWithoutSignIn), pageWithoutSignIn)

// holders reads who holds a licence, in the call that reads the licences, or returns it
// from the users where these are read anyway.
func (r *tenantRead) holders(ctx context.Context, users directory.List[directory.User]) (directory.List[directory.Holder], error) {
	if all, err := users.Items(); err == nil {
		var out []directory.Holder
		for i := range all {
			u := &all[i]
			if u.Unread != "" {
				return directory.Unknown[directory.Holder](users.Proof(), fmt.Errorf("user %s: %s", u.ID, u.Unread)), nil
			}
			if len(u.Licences) > 0 {
				out = append(out, directory.Holder{ID: u.ID, UPN: u.UPN, Licences: u.Licences})
			}
		}
		return directory.Proven(out, users.Proof()), nil
	}
	proof := r.proof()
	holders, checks, err := r.readHolders(ctx)
	proof.Checks = checks
	return listOf(ctx, r.f, "holders", holders, proof, err)
}

func (r *tenantRead) readHolders(ctx context.Context) ([]directory.Holder, []string, error) {
	if err := r.checkOwner(); err != nil {
		return nil, nil, err
	}
	if _, asked := r.got[holdersRequest.ID]; r.got != nil && !asked {
		return nil, nil, errors.New("the users were not read")
	}
	in := interner{}
	all, whole, err := readCollection(ctx, r.Client, r.f, r.got, holdersRequest, func(row *holderRow) (string, directory.Holder, error) {
		h, err := row.holder(in)
		return h.ID, h, err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case len(all) == 0:
		return nil, nil, errors.New("users: an empty list, and no tenant is without users")
	}
	holding := slices.DeleteFunc(all, func(h directory.Holder) bool { return len(h.Licences) == 0 })
	slices.SortFunc(holding, func(a, b directory.Holder) int { return strings.Compare(a.ID, b.ID) })
	return holding, []string{whole, r.orgCheck}, nil
}

// holder makes a directory.Holder of a row. One that makes no sense is an error: it may
// hold any licence.
func (r *holderRow) holder(in interner) (directory.Holder, error) {
	id := strings.ToLower(r.ID.trimmed())
	switch {
	case !directory.IsGUID(id):
		return directory.Holder{}, fmt.Errorf("user %q has no object id (%q)", clip(string(r.UPN), 80), clip(string(r.ID), 40))
	case r.unread != "":
		return directory.Holder{}, fmt.Errorf("user %s: %s", id, r.unread)
	}
	licences, err := skusOf(r.Licences, in)
	if err != nil {
		return directory.Holder{}, fmt.Errorf("user %s: %w", id, err)
	}
	return directory.Holder{ID: id, UPN: strings.ToLower(r.UPN.trimmed()), Licences: licences}, nil
}
