package admin

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// A trustee is the user whose rights are looked for in CIPP's list of the permissions
// of a mailbox or a folder. Newer versions name the trustee in UserId, by one of
// Exchange's ids; older ones name it in User by an address, or by a display name, which
// two people can share.
type trustee struct {
	admin  *Admin
	tenant directory.Tenant
	user   User
	// Read once, and only where needed.
	exchangeNames []string // Exchange's ids of the mailbox
	namesakes     []string // other users and groups with the same display name
	namesakesRead bool
}

func (a *Admin) newTrustee(t directory.Tenant, who User) *trustee {
	return &trustee{admin: a, tenant: t, user: who}
}

// rows returns the permissions of the trustee.
func (tr *trustee) rows(ctx context.Context, all []row) ([]row, error) {
	var mine []row
	for _, r := range all {
		is, err := tr.holds(ctx, r)
		if err != nil {
			return nil, err
		}
		if is {
			mine = append(mine, r)
		}
	}
	return mine, nil
}

func (tr *trustee) holds(ctx context.Context, r row) (bool, error) {
	shown := r.text("User")
	if id := r.text("UserId"); id != "" {
		if tr.hasAddress(id) {
			return true, nil
		}
		// Exchange has ids of its own.
		own, err := tr.exchangeIDs(ctx)
		return slices.ContainsFunc(own, func(o string) bool { return strings.EqualFold(o, id) }), err
	}
	switch {
	case shown == "":
		return false, nil
	case tr.hasAddress(shown):
		return true, nil
	case !strings.EqualFold(shown, tr.user.Name):
		return false, nil
	}
	return true, tr.checkUniqueName(ctx)
}

// hasAddress reports whether a text is the id or an address of the trustee.
func (tr *trustee) hasAddress(text string) bool {
	if strings.EqualFold(text, tr.user.ID) || strings.EqualFold(text, tr.user.UPN) || strings.EqualFold(text, tr.user.Mail) {
		return true
	}
	return slices.ContainsFunc(tr.user.raw.texts("proxyAddresses"), func(p string) bool {
		_, address, _ := strings.Cut(p, ":")
		return address != "" && strings.EqualFold(text, address)
	})
}

func (tr *trustee) exchangeIDs(ctx context.Context) ([]string, error) {
	if tr.exchangeNames != nil {
		return tr.exchangeNames, nil
	}
	tr.exchangeNames = []string{}
	rows, err := tr.admin.list(ctx, tr.tenant, "ListMailboxes", url.Values{"Identity": {tr.user.ID}})
	switch {
	case err != nil && strings.Contains(err.Error(), "couldn't be found"), err == nil && len(rows) == 0:
		return tr.exchangeNames, nil // no mailbox, so Exchange has no id
	case err != nil:
		return nil, fmt.Errorf("whether rights are those of %s is not known: %w", tr.user.label(), err)
	}
	m := rows[0]
	for _, name := range []string{"ExchangeGuid", "Guid", "Id", "Identity", "primarySmtpAddress"} {
		if id := m.text(name); id != "" {
			tr.exchangeNames = append(tr.exchangeNames, id)
		}
	}
	return tr.exchangeNames, nil
}

// checkUniqueName is an error where another user or group of the tenant has the
// trustee's display name: whose the rights are is unknown then.
func (tr *trustee) checkUniqueName(ctx context.Context) error {
	if !tr.namesakesRead {
		for kind, address := range map[string]string{"users": "userPrincipalName", "groups": "mail"} {
			rows, err := tr.admin.graph(ctx, tr.tenant, kind, "$select", "id,displayName,"+address, "$top", "999")
			if err != nil {
				return fmt.Errorf("whether only one has the name %q: %w", tr.user.Name, err)
			}
			for _, r := range rows {
				if strings.EqualFold(r.text("displayName"), tr.user.Name) && !strings.EqualFold(r.text("id"), tr.user.ID) {
					tr.namesakes = append(tr.namesakes, r.text(address, "id"))
				}
			}
		}
		slices.Sort(tr.namesakes)
		tr.namesakesRead = true
	}
	if len(tr.namesakes) == 0 {
		return nil
	}
	return fmt.Errorf("this CIPP shows who has rights by name alone, and %s is called %s as well: whose they are cannot be told; rename one of them, or update CIPP to 10.8.4 or later",
		strings.Join(tr.namesakes, ", "), tr.user.Name)
}

// checkIdentifiable is an error where the rights could not be read back: CIPP lists
// them by name, and the name is not unique.
func (tr *trustee) checkIdentifiable(ctx context.Context, all []row) error {
	if slices.ContainsFunc(all, func(r row) bool { return r.has("UserId") }) {
		return nil
	}
	return tr.checkUniqueName(ctx)
}
