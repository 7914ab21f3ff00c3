package cipp

import (
	"context"
	"errors"
	"strings"
	"time"

	"syncd/internal/directory"
)

// Rooms and equipment have accounts like people, and Graph's isResourceAccount
// is null for everybody. Only the type of their mailbox shows what they are.

// cachedRooms are the accounts of rooms and equipment as of one run of CIPP's nightly
// cache; they are read once a night.
type cachedRooms struct {
	refreshed time.Time
	accounts  map[string]bool // by object id and by UPN
}

// roomsRefused is how long the mailboxes are not read again after our role was refused.
const roomsRefused = time.Hour

// markRooms sets Resource of the users that are rooms or equipment. Where these are
// unknown it leaves the users as they are.
func (r *tenantRead) markRooms(ctx context.Context, users directory.List[directory.User], boxes *directory.List[directory.Mailbox]) error {
	list, err := users.Items()
	if err != nil || len(list) == 0 {
		return nil
	}
	var rooms map[string]bool
	if boxes != nil {
		if all, err := boxes.Items(); err == nil {
			rooms = roomsOf(all)
		}
	} else if rooms, err = r.rooms(ctx); err != nil {
		if err := r.fatal(ctx, err); err != nil {
			return err
		}
		r.log.Debug().Str("tenant", r.f.String()).Err(err).Msg("rooms not known")
	}
	for i := range list {
		if u := &list[i]; rooms[u.ID] || rooms[u.UPN] {
			u.Resource = true
		}
	}
	return nil
}

// rooms reads the accounts of rooms and equipment from CIPP's nightly cache.
func (r *tenantRead) rooms(ctx context.Context) (map[string]bool, error) {
	r.mu.Lock()
	refused, known := time.Since(r.roomsRefused) < roomsRefused, r.cachedRooms[r.f.tenant.ID]
	r.mu.Unlock()
	if refused {
		return nil, nil
	}
	state, err := r.cacheState(ctx, "Mailboxes")
	if err != nil || !state.known || !state.cached || state.count == 0 {
		return nil, err
	}
	if known.refreshed.Equal(state.refreshed) {
		return known.accounts, nil
	}
	a, err := r.report(ctx, "ListMailboxes")
	if _, rights := errors.AsType[*RightsError](err); rights {
		r.mu.Lock()
		r.roomsRefused = time.Now()
		r.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	boxes, _, err := r.readMailboxes(a)
	if err != nil {
		return nil, err
	}
	found := cachedRooms{state.refreshed, roomsOf(boxes)}
	r.mu.Lock()
	r.cachedRooms[r.f.tenant.ID] = found
	r.mu.Unlock()
	return found.accounts, nil
}

func roomsOf(boxes []directory.Mailbox) map[string]bool {
	rooms := map[string]bool{}
	for i := range boxes {
		switch strings.ToLower(boxes[i].Kind) {
		case "roommailbox", "equipmentmailbox", "schedulingmailbox":
			rooms[boxes[i].UserID], rooms[boxes[i].UPN] = true, true
		}
	}
	delete(rooms, "")
	return rooms
}
