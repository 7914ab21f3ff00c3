package cipp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
)

// A mailboxRow is a row of ListMailboxes. CIPP source: Get-CIPPMailboxesReport.ps1.
type mailboxRow struct {
	row
	ID       text   `json:"Id"` // an alias-like name; Exchange's GUID is better
	GUID     text   `json:"ExchangeGuid"`
	UserID   text   `json:"ExternalDirectoryObjectId"`
	UPN      text   `json:"UPN"`
	Name     text   `json:"displayName"`
	Address  text   `json:"primarySmtpAddress"`
	Further  words  `json:"AdditionalEmailAddresses"` // one text, joined by commas
	Kind     text   `json:"recipientTypeDetails"`
	Archive  flag   `json:"ArchiveEnabled"`
	Forward  text   `json:"ForwardingSmtpAddress"`
	Internal text   `json:"InternalForwardingAddress"`
	Hidden   flag   `json:"HiddenFromAddressListsEnabled"`
	Synced   flag   `json:"IsDirSynced"` // not in cached rows
	Deleted  moment `json:"WhenSoftDeleted"`
	Size     number `json:"storageUsedInBytes"` // cached rows alone
	OnBehalf words  `json:"GrantSendOnBehalfTo"`
	Stamp    moment `json:"CacheTimestamp"`
}

// mailboxes reads the mailboxes from CIPP's nightly cache. Where there is none, it reads
// them live from Exchange: only that shows that a tenant has no Exchange.
func (r *tenantRead) mailboxes(ctx context.Context) (directory.List[directory.Mailbox], error) {
	proof := directory.Proof{Source: r.sourceName(), Endpoint: "ListMailboxes", TakenAt: r.now, AsOf: r.now}
	if r.f.value == "" {
		return directory.Unknown[directory.Mailbox](proof, r.err), nil
	}
	boxes, err := r.cachedMailboxes(ctx, &proof)
	if err == nil && len(boxes) > 0 {
		var rights string
		if rights, err = r.addRights(ctx, boxes); err == nil {
			proof.Checks = append(proof.Checks, rights)
			proof.Endpoint += ", ListmailboxPermissions, ListCalendarPermissions"
		}
	}
	return listOf(ctx, r.f, "mailboxes", boxes, proof, asTenantError(r.f, err))
}

// nothingCached reports whether an error means that the cache was never filled.
func nothingCached(err error) bool {
	e, ok := errors.AsType[*TenantError](err)
	return ok && strings.Contains(e.Text, "found in reporting database")
}

func (r *tenantRead) cachedMailboxes(ctx context.Context, proof *directory.Proof) ([]directory.Mailbox, error) {
	state, err := r.cacheState(ctx, "Mailboxes")
	switch {
	case err != nil:
		return nil, err
	case state.known && !state.cached:
		return r.liveMailboxes(ctx, proof)
	}
	a, err := r.report(ctx, "ListMailboxes")
	if nothingCached(err) {
		return r.liveMailboxes(ctx, proof)
	}
	if err != nil {
		return nil, err
	}
	boxes, stamp, err := r.readMailboxes(a)
	switch {
	case err != nil:
		return nil, err
	case state.known && state.count == 0 && len(boxes) > 0:
		return nil, fmt.Errorf("CIPP's last run of Mailboxes (%s) found nothing, and %d older rows stay; look at the tenant's Exchange access in CIPP", state.refreshed.Format(time.RFC3339), len(boxes))
	case state.known && state.count == 0:
		return r.liveMailboxes(ctx, proof)
	case len(boxes) == 0:
		return nil, fmt.Errorf("ListMailboxes: %w", errEmptyAnswer)
	}
	asOf := state.asOf(stamp)
	if asOf.IsZero() {
		// CIPP before 10.1 does not know UseReportDB and asks Exchange.
		proof.Checks = []string{"answered live", "every mailbox has an id and an address"}
		return boxes, nil
	}
	proof.AsOf = asOf
	proof.Checks = []string{"every mailbox has an id and an address", "cached " + asOf.Format(time.RFC3339)}
	if state.known {
		proof.Checks = append(proof.Checks, fmt.Sprintf("that run found %d", state.count))
	}
	return boxes, nil
}

// liveMailboxes reads the mailboxes live from Exchange.
func (r *tenantRead) liveMailboxes(ctx context.Context, proof *directory.Proof) ([]directory.Mailbox, error) {
	a, err := r.ask(ctx, forTenant(r.f, "ListMailboxes", nil))
	if e, ok := errors.AsType[*TenantError](err); ok && classOf(e.Text) == unlicensed {
		proof.Checks = []string{fmt.Sprintf("the tenant has no Exchange (%s)", clip(e.Text, 120))}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("CIPP has not cached them, and Exchange cannot be asked: %w", err)
	}
	boxes, _, err := r.readMailboxes(a)
	switch {
	case err != nil:
		return nil, err
	case len(boxes) == 0:
		return nil, errors.New("CIPP has not cached them and lists none; refresh its reporting cache for this tenant")
	}
	proof.Checks = []string{"answered live", "every mailbox has an id and an address"}
	return boxes, nil
}

// readMailboxes turns an answer into mailboxes, and says how old its oldest row
// is; zero where no row says.
func (r *tenantRead) readMailboxes(a answer) (boxes []directory.Mailbox, stamp time.Time, err error) {
	rows, err := rowsOf[mailboxRow](a.rows)
	if err == nil {
		err = r.f.checkTenants(tenantsOf[mailboxRow](rows))
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("ListMailboxes: %w", err)
	}
	boxes = make([]directory.Mailbox, 0, len(rows))
	seen := make(map[string]struct{}, len(rows))
	for i := range rows {
		row := &rows[i]
		if !row.Deleted.IsZero() {
			continue
		}
		m, err := row.mailbox()
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("ListMailboxes: row %d: %w", i+1, err)
		}
		if _, twice := seen[m.ID]; twice {
			return nil, time.Time{}, fmt.Errorf("ListMailboxes: mailbox %s is listed twice", m.ID)
		}
		seen[m.ID] = struct{}{}
		stamp = earlier(stamp, row.Stamp.Time)
		boxes = append(boxes, m)
	}
	slices.SortFunc(boxes, func(a, b directory.Mailbox) int { return strings.Compare(a.ID, b.ID) })
	return boxes, stamp, nil
}

func (r *mailboxRow) mailbox() (directory.Mailbox, error) {
	id := strings.ToLower(r.GUID.trimmed())
	if !directory.IsGUID(id) || strings.Trim(id, "0-") == "" {
		id = r.ID.trimmed()
	}
	address := strings.ToLower(r.Address.trimmed())
	switch {
	case id == "":
		return directory.Mailbox{}, fmt.Errorf("mailbox %q has no id", clip(address, 80))
	case !strings.Contains(address, "@"):
		return directory.Mailbox{}, fmt.Errorf("mailbox %s has no address (%q)", clip(id, 60), clip(address, 80))
	}
	m := directory.Mailbox{
		ID: id, UPN: strings.ToLower(r.UPN.trimmed()), Name: string(r.Name), Address: address, Kind: string(r.Kind),
		Archive: r.Archive.on, Hidden: r.Hidden.on, Synced: r.Synced.on, Forwarding: forwarding(r.Forward, r.Internal),
	}
	if user := strings.ToLower(r.UserID.trimmed()); directory.IsGUID(user) {
		m.UserID = user
	}
	var further []string
	for _, joined := range r.Further {
		for one := range strings.SplitSeq(joined, ",") {
			scheme, mail, marked := strings.Cut(strings.TrimSpace(one), ":")
			switch {
			case !marked:
				further = append(further, strings.ToLower(scheme))
			case strings.EqualFold(scheme, "smtp"):
				further = append(further, strings.ToLower(mail))
			}
		}
	}
	m.Aliases = sortedAddresses(further, address)
	if r.Size.bad == "" {
		m.SizeBytes = int64(max(0, r.Size.n))
	}
	for _, who := range r.OnBehalf {
		m.SendOnBehalf = append(m.SendOnBehalf, normalAddress(who))
	}
	m.SendOnBehalf = sortedAddresses(m.SendOnBehalf, address)
	return m, nil
}

// forwarding returns the target of forwarding: an external address or an internal recipient.
func forwarding(outside, inside text) string {
	to := firstOf(outside, inside)
	if scheme, address, ok := strings.Cut(to, ":"); ok && strings.EqualFold(scheme, "smtp") {
		to = address
	}
	return normalAddress(to)
}

// normalAddress returns an address in lower case, and a name unchanged.
func normalAddress(s string) string {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "@") {
		return strings.ToLower(s)
	}
	return s
}
