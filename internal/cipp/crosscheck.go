package cipp

import (
	"fmt"
	"strings"

	"syncd/internal/directory"
)

// units in use by people, as subscribedSkus has them. What a company holds as a
// whole is nobody's; a row that makes no sense says nothing.
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

// crossCheck compares what one answer says twice: how many units are in use, and
// who holds a licence. Both lists may look whole and one of them be wrong: where
// one says that nobody holds anything and the other that somebody does, neither
// proves anything, and nobody is to be taken for gone.
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
			return // it may hold anything
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
		why = fmt.Errorf("%s: units in use: 0, and %d of %d users are licensed; the answer contradicts itself, so that neither list is believed", r.f, holders, len(users))
	default:
		return
	}
	s.Licences = directory.Unknown[directory.Licence](s.Licences.Proof(), why)
	s.Users = directory.Unknown[directory.User](s.Users.Proof(), why)
}
