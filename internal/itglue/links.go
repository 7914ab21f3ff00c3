package itglue

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

// The links are those that CIPP's own pages have: to itself, and to Microsoft's
// portals in the customer's tenant (KelvinTegelaar/CIPP: src/data/portals.json,
// src/pages/identity/administration). The tenant's id never changes; CIPP's pages
// and Exchange know it by its domains alone.

// links are where an asset's object is looked after, as far as it is known: each
// is a path in CIPP, in Entra and in Exchange, and empty where it has none there.
func (b *desiredBuilder) links(cipp, entra, exchange string) plan.Value {
	t := &b.customer.Tenant
	var out []string
	if portal := strings.TrimRight(b.session.options.Portal, "/"); portal != "" && cipp != "" {
		joint := "?"
		if strings.Contains(cipp, "?") {
			joint = "&"
		}
		out = append(out, linkText("CIPP", portal+cipp+joint+"tenantFilter="+url.QueryEscape(cmp.Or(t.DefaultDomain, string(t.ID)))))
	}
	if entra != "" {
		out = append(out, linkText("Entra", "https://entra.microsoft.com/"+url.PathEscape(string(t.ID))+"/#view/"+entra))
	}
	if org := cmp.Or(t.InitialDomain, t.DefaultDomain); exchange != "" && org != "" {
		out = append(out, linkText("Exchange", "https://admin.cloud.microsoft/exchange?delegatedOrg="+url.QueryEscape(org)+"#/"+exchange))
	}
	slices.Sort(out)
	return out
}

func (b *desiredBuilder) userLinks(u *directory.User) plan.Value {
	n := url.QueryEscape(u.ID)
	exchange := ""
	if b.index.mailboxes[u.ID] != nil {
		exchange = "mailboxes/:/MailboxDetails/" + n
	}
	return b.links("/identity/administration/users/user?userId="+n,
		"Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/"+n, exchange)
}

func (b *desiredBuilder) mailboxLinks(m *directory.Mailbox) plan.Value {
	if m.UserID == "" {
		return b.links("/email/administration/mailboxes", "", "mailboxes")
	}
	n := url.QueryEscape(m.UserID)
	return b.links("/identity/administration/users/user/exchange?userId="+n,
		"Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/"+n, "mailboxes/:/MailboxDetails/"+n)
}

func (b *desiredBuilder) groupLinks(g *directory.Group) plan.Value {
	n := url.QueryEscape(g.ID)
	exchange := ""
	if g.Mail != "" {
		exchange = "groups"
	}
	return b.links("/identity/administration/groups/group?groupId="+n, "Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/"+n,
		exchange)
}

func (b *desiredBuilder) domainLinks() plan.Value {
	return b.links("/tenant/administration/domains", "Microsoft_AAD_IAM/DomainsList.ReactView", "accepteddomains")
}

func (b *desiredBuilder) licencesLinks() plan.Value {
	return b.links("/tenant/reports/list-licenses", "Microsoft_AAD_IAM/LicensesMenuBlade/~/Products", "")
}

// proven is the month in which the source last said of a kind what it holds. An
// older answer does not turn it back.
func (b *desiredBuilder) proven(kind, object string) plan.Value {
	var proof directory.Proof
	switch s := b.snapshot; kind {
	case kindLicences:
		proof = s.Licences.Proof()
	case kindDomain:
		proof = s.Domains.Proof()
	case kindMailbox:
		proof = s.Mailboxes.Proof()
	case kindUser:
		proof = s.Users.Proof()
	case kindGroup:
		proof = s.Groups.Proof()
	}
	at := proof.AsOf
	if at.IsZero() {
		at = b.snapshot.TakenAt
	}
	return scalar(max(at.UTC().Format("2006-01"), b.currentText(kind, object, fieldProven)))
}
