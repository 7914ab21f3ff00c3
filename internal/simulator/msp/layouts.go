package msp

import (
	"fmt"
	"strings"

	itgluesim "syncd/internal/simulator/itglue"
)

// A layout is an asset type as "syncd itglue layouts create" makes it. The
// letter before a field's name says what it is: t a Text, c a Select (with its
// options), l a Textbox, n a Number, y a Checkbox, d a Date, and @ a Tag (with
// what it points to). What is in brackets is the name by which syncd finds the
// field again.
var layouts = []struct {
	kind, name string
	fields     []string
}{
	{"licences", "Licences", []string{"t Name (name)", "n Bought (bought)", "n Assigned (assigned)", "n Unassigned (free)", "n Free of charge (gratis)", "l Products (products)", "l Free products and trials (gratis_products)", "l Subscriptions (renewals)", "d Next renewal (next_renewal)"}},
	{"domain", "Domain", []string{"t Name (name)", "@ Tracked domain (record) Domains", "y Verified (verified)", "y Default (default)", "y Initial (initial)", "t Authentication (authentication)",
		"t Services (services)", "t Mail provider (mail_provider)", "l MX (mx)", "l SPF (spf)", "t DMARC policy (dmarc)", "y DKIM (dkim)", "y DNSSEC (dnssec)"}},
	{"mailbox", "Mailbox", []string{"t Name (name)", "t Address (address)", "t Type (type)", "l Aliases (aliases)", "l Full access (full_access)", "l Send as (send_as)", "l Send on behalf (send_on_behalf)",
		"@ Delegates (delegates) Contacts", "l Calendar permissions (calendar)", "t Forwards to (forwarding)", "t Size (size)", "y Archive (archive)", "y Hidden from address lists (hidden)", "y Synced from on-premises (synced)"}},
	{"user", "User", []string{"t Name (name)", "t User principal name (upn)", "@ Contact (contact) Contacts", "c Status (status) Enabled,Blocked", "c Type (type) Member,Guest", "t E-mail (email)", "l Aliases (aliases)",
		"t Job title (title)", "t Department (department)", "t Office (office)", "t Manager (manager)", "l Licences (licences)", "@ Licence list (licence_list) licences", "l Groups (groups)", "t Mailbox type (mailbox_type)",
		"t Mailbox size (mailbox_size)", "c MFA (mfa) None,Registered,Enforced", "y Synced from on-premises (synced)", "t Last sign-in (last_sign_in)", "d Created (created)", "@ Domain (domain) domain"}},
	{"group", "Group", []string{"t Name (name)", "t Type (type)", "t E-mail (email)", "l Purpose (description)", "t Visibility (visibility)", "y Microsoft Team (team)", "l Dynamic rule (rule)", "y Synced from on-premises (synced)",
		"l Licences assigned (licences)", "@ Licence list (licence_list) licences", "l Owners (owners)", "@ Owner contacts (owner_contacts) Contacts", "l Members (members)", "@ Member contacts (member_contacts) Contacts",
		"n Member count (member_count)", "@ Domain (domain) domain"}},
}

// fieldsOfAll follow in every type of ours. Scenarios write into the last one.
var fieldsOfAll = []string{"l Open in (links)", "t Last proven (proven)", "t Tenant ID (tenant_id)", "t Object ID (object_id)", "l " + manualNotes + " (notes)"}

const manualNotes = "Notes (manual)"

var kindOfLetter = map[string]string{"t": "Text", "c": "Select", "l": "Textbox", "n": "Number", "y": "Checkbox", "d": "Date", "@": "Tag"}

// firstLayout is the id of the first type of ours.
const firstLayout = 3001

// addLayouts makes the asset types of syncd's defaults.
func addLayouts(w *itgluesim.World) {
	typeOf := map[string]int64{}
	for i, l := range layouts {
		t := &itgluesim.Type{ID: firstLayout + int64(i), Name: "M365 " + l.name, Icon: "cloud", ShowInMenu: true, Description: fmt.Sprintf("Kept by syncd. (syncd:M365/%s)", l.kind)}
		typeOf[l.kind] = t.ID
		w.Types = append(w.Types, t)
		for order, text := range append(append([]string{}, l.fields...), fieldsOfAll...) {
			letter, rest, _ := strings.Cut(text, " ")
			at := strings.LastIndex(rest, " (") // a label may hold brackets too
			own, more, _ := strings.Cut(rest[at+2:], ")")
			f := &itgluesim.Field{TypeID: t.ID, Order: order + 1, Name: rest[:at], Kind: kindOfLetter[letter], Hint: fmt.Sprintf("%s of the %s. (syncd:M365/%s.%s)", rest[:at], l.name, l.kind, own), Required: own == "name", UseForTitle: own == "name", ShowInList: order < 4}
			switch more = strings.TrimSpace(more); letter {
			case "c":
				f.DefaultValue = strings.ReplaceAll(more, ",", "\n")
			case "@":
				f.TagType = more
				if id := typeOf[more]; id != 0 {
					f.TagType = fmt.Sprintf("FlexibleAssetType: %d", id)
				}
			case "d":
				f.Expiration = own == "next_renewal"
			}
			w.Fields = append(w.Fields, f)
		}
	}
}
