package connectwise

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ContactAddresses returns the mail addresses of contacts, in lower case, by
// the contact's id. Contacts that are not there have none.
// GET /company/contacts.
func (c *Client) ContactAddresses(ctx context.Context, ids []string) (map[string][]string, error) {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	rows, err := list[contact](ctx, c, request{at: epContacts}, condition{})
	if err != nil {
		return nil, fmt.Errorf("listing the contacts: %w", err)
	}
	out := map[string][]string{}
	for _, row := range rows {
		id := strconv.Itoa(row.ID)
		if !wanted[id] {
			continue
		}
		for _, item := range row.Communications {
			if a := strings.ToLower(strings.TrimSpace(item.Value)); item.Type == "Email" && strings.Contains(a, "@") && !slices.Contains(out[id], a) {
				out[id] = append(out[id], a)
			}
		}
	}
	return out, nil
}
