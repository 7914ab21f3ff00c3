package admin

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// A holder is somebody whose rights are looked for among those that CIPP lists
// of a mailbox or a folder. Newer versions say in UserId whose they are, in a
// form of Exchange's choice; older ones say in User an address, or a display
// name, which two people can share.
type holder struct {
	a   *Admin
	t   directory.Tenant
	who User
	// Read where they are needed, and once.
	exchange  []string // what Exchange calls the mailbox
	namesakes []string // who else has the name
	asked     bool
}

func (a *Admin) holder(t directory.Tenant, who User) *holder {
	return &holder{a: a, t: t, who: who}
}

// rows are those of the holder.
func (h *holder) rows(ctx context.Context, all []row) ([]row, error) {
	var mine []row
	for _, r := range all {
		is, err := h.holds(ctx, r)
		if err != nil {
			return nil, err
		}
		if is {
			mine = append(mine, r)
		}
	}
	return mine, nil
}

func (h *holder) holds(ctx context.Context, r row) (bool, error) {
	shown := r.text("User")
	if id := r.text("UserId"); id != "" {
		if h.known(id) {
			return true, nil
		}
		// Exchange has ids of its own.
		own, err := h.exchangeIDs(ctx)
		return slices.ContainsFunc(own, func(o string) bool { return strings.EqualFold(o, id) }), err
	}
	switch {
	case shown == "":
		return false, nil
	case h.known(shown):
		return true, nil
	case !strings.EqualFold(shown, h.who.Name):
		return false, nil
	}
	return true, h.alone(ctx)
}

// known says whether a text is an id or an address of the holder.
func (h *holder) known(text string) bool {
	if strings.EqualFold(text, h.who.ID) || strings.EqualFold(text, h.who.UPN) || strings.EqualFold(text, h.who.Mail) {
		return true
	}
	return slices.ContainsFunc(h.who.raw.texts("proxyAddresses"), func(p string) bool {
		_, address, _ := strings.Cut(p, ":")
		return address != "" && strings.EqualFold(text, address)
	})
}

func (h *holder) exchangeIDs(ctx context.Context) ([]string, error) {
	if h.exchange != nil {
		return h.exchange, nil
	}
	h.exchange = []string{}
	rows, err := h.a.list(ctx, h.t, "ListMailboxes", url.Values{"Identity": {h.who.ID}})
	switch {
	case err != nil && strings.Contains(err.Error(), "couldn't be found"), err == nil && len(rows) == 0:
		return h.exchange, nil // no mailbox, and nothing that Exchange could call it
	case err != nil:
		return nil, fmt.Errorf("whether rights are those of %s is not known: %w", h.who.label(), err)
	}
	m := rows[0]
	for _, name := range []string{"ExchangeGuid", "Guid", "Id", "Identity", "primarySmtpAddress"} {
		if id := m.text(name); id != "" {
			h.exchange = append(h.exchange, id)
		}
	}
	return h.exchange, nil
}

// alone refuses where somebody or something else of the tenant has the holder's
// name: whose the rights are cannot be told then.
func (h *holder) alone(ctx context.Context) error {
	if !h.asked {
		for kind, address := range map[string]string{"users": "userPrincipalName", "groups": "mail"} {
			rows, err := h.a.graph(ctx, h.t, kind, "$select", "id,displayName,"+address, "$top", "999")
			if err != nil {
				return fmt.Errorf("whether only one has the name %q: %w", h.who.Name, err)
			}
			for _, r := range rows {
				if strings.EqualFold(r.text("displayName"), h.who.Name) && !strings.EqualFold(r.text("id"), h.who.ID) {
					h.namesakes = append(h.namesakes, r.text(address, "id"))
				}
			}
		}
		slices.Sort(h.namesakes)
		h.asked = true
	}
	if len(h.namesakes) == 0 {
		return nil
	}
	return fmt.Errorf("this CIPP shows who has rights by name alone, and %s is called %s as well: whose they are cannot be told; rename one of them, or update CIPP to 10.8.4 or later",
		strings.Join(h.namesakes, ", "), h.who.Name)
}

// told refuses what could not be read back: rights that CIPP lists by name, of
// somebody who shares it.
func (h *holder) told(ctx context.Context, all []row) error {
	if slices.ContainsFunc(all, func(r row) bool { return r.has("UserId") }) {
		return nil
	}
	return h.alone(ctx)
}
