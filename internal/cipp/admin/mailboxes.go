package admin

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"syncd/internal/cipp"
	"syncd/internal/directory"
)

// Mailboxes lists the mailboxes of a tenant, live.
func (a *Admin) Mailboxes(ctx context.Context, t directory.Tenant) (Table, error) {
	rows, err := a.list(ctx, t, "ListMailboxes", nil)
	if err != nil {
		return Table{}, err
	}
	return tabulate(rows, false, col("mailbox", "Mailbox", "UPN"), col("name", "Name", "displayName"),
		col("type", "Type", "recipientTypeDetails"), col("address", "Address", "primarySmtpAddress"),
		computed("forward", "Forwards to", forwardOf), yesNoCol("keeps_copy", "Keeps a copy", "DeliverToMailboxAndForward"),
		yesNoCol("hidden", "Hidden", "HiddenFromAddressListsEnabled"),
		yesNoCol("archive", "Archive", "ArchiveEnabled"), yesNoCol("litigation_hold", "Hold", "LitigationHoldEnabled")), nil
}

func forwardOf(r row) string {
	if to := r.text("ForwardingSmtpAddress"); to != "" {
		return strings.ToLower(strings.TrimPrefix(to, "smtp:"))
	}
	return r.text("InternalForwardingAddress")
}

// readMailbox reads one mailbox, by its user's id or UPN.
func (a *Admin) readMailbox(ctx context.Context, t directory.Tenant, u User) (row, error) {
	rows, err := a.list(ctx, t, "ListMailboxes", url.Values{"Identity": {u.ID}})
	if err != nil {
		return row{}, err
	}
	for _, r := range rows {
		if strings.EqualFold(r.text("ExternalDirectoryObjectId"), u.ID) || strings.EqualFold(r.text("UPN"), u.UPN) {
			return r, nil
		}
	}
	return row{}, fmt.Errorf("%s has no mailbox", u.label())
}

// mailboxKinds are the types that ExecConvertMailbox takes, and the recipient type that
// each becomes.
var mailboxKinds = []struct{ word, is string }{{"Shared", "SharedMailbox"}, {"Regular", "UserMailbox"}, {"Room", "RoomMailbox"}, {"Equipment", "EquipmentMailbox"}}

// ConvertMailbox converts a mailbox to another type: Shared, Regular, Room
// or Equipment.
func (a *Admin) ConvertMailbox(ctx context.Context, t directory.Tenant, user, kind string) (Step, error) {
	word, is := "", ""
	for _, k := range mailboxKinds {
		if strings.EqualFold(kind, k.word) || strings.EqualFold(kind, k.is) {
			word, is = k.word, k.is
		}
	}
	if word == "" {
		return Step{}, cipp.Misuse("%q is no kind of mailbox; these are: Shared, Regular, Room, Equipment", kind)
	}
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	read := func(ctx context.Context) (State, error) {
		m, err := a.readMailbox(ctx, t, u)
		return State{{"type", m.text("recipientTypeDetails")}}, err
	}
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	danger := ""
	if word == "Shared" {
		danger = "above 50 GB, or with an archive or a hold, it still needs a licence; the account should be disabled"
	}
	if word == "Regular" && len(u.Licences) == 0 {
		danger = "the user has no licence; without one the mailbox is closed after a while"
	}
	return Step{
		ID: "convert " + u.ID + " " + is, Title: fmt.Sprintf("make the mailbox of %s a %s one", u.label(), strings.ToLower(word)), Tenant: t, Danger: danger,
		Before: before, Wanted: State{{"type", is}}, read: read,
		call: Call{Endpoint: "ExecConvertMailbox", Tenant: t, Body: map[string]any{"ID": u.UPN, "MailboxType": word}},
	}.seal(), nil
}

// A Forward says where a mailbox forwards to. The zero Forward is nowhere.
type Forward struct {
	To       string // a mailbox of the tenant, or any address where External is set
	External bool
	KeepCopy bool // the mailbox gets the message too
}

// ForwardMailbox sets where a mailbox forwards to, or ends it.
func (a *Admin) ForwardMailbox(ctx context.Context, t directory.Tenant, user string, f Forward) (Step, error) {
	u, err := a.User(ctx, t, user)
	if err != nil {
		return Step{}, err
	}
	body := map[string]any{"userID": u.UPN, "KeepCopy": f.KeepCopy}
	want := State{{"forwards to", f.To}, {"keeps a copy", yesNo(f.KeepCopy)}}
	title, danger := "", ""
	var target User
	switch {
	case f.To == "":
		body["forwardOption"], body["KeepCopy"] = "disabled", false
		want[1].Value = "no"
		title = "end the forwarding of " + u.label()
	case f.External:
		if _, domain, ok := strings.Cut(f.To, "@"); !ok || domain == "" || strings.ContainsAny(f.To, " ,;<>") {
			return Step{}, cipp.Misuse("%q is no mail address", f.To)
		}
		body["forwardOption"], body["ForwardExternal"] = "ExternalAddress", f.To
		want[0].Value = strings.ToLower(f.To)
		title, danger = fmt.Sprintf("forward %s to %s", u.label(), f.To),
			"mail leaves the tenant; the tenant's outbound policy may stop it without a word"
	default:
		if target, err = a.User(ctx, t, f.To); err != nil {
			return Step{}, fmt.Errorf("whom to forward to: %w", err)
		}
		if target.ID == u.ID {
			return Step{}, cipp.Misuse("%s cannot be forwarded to itself", u.UPN)
		}
		body["forwardOption"], body["ForwardInternal"] = "internalAddress", map[string]any{"value": target.UPN, "label": target.Name}
		want[0].Value = target.UPN
		title = fmt.Sprintf("forward %s to %s", u.label(), target.label())
	}
	if f.To != "" && !f.KeepCopy {
		danger = strings.TrimPrefix(danger+"; the mailbox itself keeps no copy", "; ")
	}
	read := func(ctx context.Context) (State, error) {
		m, err := a.readMailbox(ctx, t, u)
		to := forwardOf(m)
		// Exchange names an internal target by its address, name or id.
		for _, name := range []string{target.UPN, target.Mail, target.Name, target.ID} {
			if name != "" && strings.EqualFold(to, name) {
				to = target.UPN
			}
		}
		return State{{"forwards to", to}, {"keeps a copy", yesNo(m.flag("DeliverToMailboxAndForward"))}}, err
	}
	before, err := read(ctx)
	if err != nil {
		return Step{}, err
	}
	return Step{
		ID: "forward " + u.ID + " " + want.String(), Title: title, Tenant: t, Danger: danger, Before: before, Wanted: want, read: read,
		call: Call{Endpoint: "ExecEmailForward", Tenant: t, Body: body},
	}.seal(), nil
}
