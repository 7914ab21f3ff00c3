package cipp

import (
	"fmt"
	"strings"

	"syncd/internal/directory"
)

// inUse returns the units that users hold, according to subscribedSkus. SKUs that apply
// to the company are not assigned to users; unreadable rows do not count.
func inUse(skus []skuRow) int {
	n := 0
	for i := range skus {
		if r := &skus[i]; r.unread == "" && !strings.EqualFold(string(r.Applies), "Company") {
			if used, err := r.Consumed.units("consumedUnits"); err == nil {
				n += used
			}
		}
	}
	return n
}

// crossCheck compares two lists of one answer: units in use, and users with a licence.
// Where one says that no licence is assigned and the other that some are, neither is
// proven: no user or licence may count as gone.
func (r *tenantRead) crossCheck(s *directory.Snapshot) {
	licences, err := s.Licences.Items()
	if err != nil || !r.counted {
		return
	}
	users, err := s.Users.Items()
	if err != nil {
		return
	}
	known := make(map[string]bool, len(licences))
	for i := range licences {
		known[licences[i].SKU] = true
	}
	holders := 0
	for i := range users {
		if users[i].Unread != "" {
			return // its licences are unknown
		}
		for _, sku := range users[i].Licences {
			if known[sku] {
				holders++
				break
			}
		}
	}
	var why error
	switch {
	case r.used > 0 && holders == 0:
		why = fmt.Errorf("%s: units in use: %d, users listed: %d, and nobody of them is licensed; the answer contradicts itself, so that neither list is believed", r.f, r.used, len(users))
	case r.used == 0 && holders > 0:
		why = fmt.Errorf("%s: units in use: 0, and %d of %d users are licensed; the answer contradicts itself, so that neither list is believed",
			r.f, holders, len(users))
	default:
		return
	}
	s.Licences = directory.Unknown[directory.Licence](s.Licences.Proof(), why)
	s.Users = directory.Unknown[directory.User](s.Users.Proof(), why)
}
