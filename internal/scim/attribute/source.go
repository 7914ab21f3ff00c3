package attribute

import (
	"slices"
	"strings"
	"time"

	"github.com/xrash/smetrics"

	"syncd/internal/directory"
)

// A source is an attribute of an account.
type source struct {
	name string
	is   kind
	of   func(*directory.User) value
}

func text(name string, of func(*directory.User) string) source {
	return source{name, textual, func(u *directory.User) value { return one(of(u)) }}
}

func flag(name string, of func(*directory.User) bool) source {
	return source{name, truth, func(u *directory.User) value { return yes(of(u)) }}
}

func several(name string, of func(*directory.User) []string) source {
	return source{name, list, func(u *directory.User) value { return of(u) }}
}

// Manager is the source attribute that names another account.
const Manager = "manager"

// sources are the attributes under Microsoft Graph's names, and under those
// that Entra's attribute mappings still use for some of them.
var sources = []source{
	text("objectId", func(u *directory.User) string { return u.ID }),
	text("id", func(u *directory.User) string { return u.ID }),
	text("userPrincipalName", func(u *directory.User) string { return u.UPN }),
	text("originalUserPrincipalName", Address),
	text("displayName", func(u *directory.User) string { return u.Name }),
	text("givenName", func(u *directory.User) string { return u.GivenName }),
	text("surname", func(u *directory.User) string { return u.Surname }),
	text("mail", func(u *directory.User) string { return u.Mail }),
	text("jobTitle", func(u *directory.User) string { return u.JobTitle }),
	text("department", func(u *directory.User) string { return u.Department }),
	text("companyName", func(u *directory.User) string { return u.Company }),
	text("officeLocation", func(u *directory.User) string { return u.Office }),
	text("physicalDeliveryOfficeName", func(u *directory.User) string { return u.Office }),
	text("mobilePhone", func(u *directory.User) string { return u.MobilePhone }),
	text("mobile", func(u *directory.User) string { return u.MobilePhone }),
	several("businessPhones", func(u *directory.User) []string { return u.BusinessPhones }),
	text("telephoneNumber", func(u *directory.User) string { return value(u.BusinessPhones).text() }),
	text("city", func(u *directory.User) string { return u.City }),
	text("country", func(u *directory.User) string { return u.Country }),
	text("usageLocation", func(u *directory.User) string { return u.UsageLocation }),
	// An object id: what it is at the provider is known to who writes it.
	text(Manager, func(u *directory.User) string { return u.ManagerID }),
	text("employeeId", func(u *directory.User) string { return u.EmployeeID }),
	text("mailNickname", func(u *directory.User) string { return u.MailNickname }),
	several("otherMails", func(u *directory.User) []string { return u.OtherMails }),
	text("employeeHireDate", func(u *directory.User) string {
		if u.Hired.IsZero() {
			return ""
		}
		return u.Hired.UTC().Format(time.RFC3339)
	}),
	flag("accountEnabled", func(u *directory.User) bool { return u.Enabled }),
	// In Entra an account that is blocked from sign-in counts as soft-deleted.
	// Those in the recycle bin never get here.
	flag("IsSoftDeleted", func(u *directory.User) bool { return !u.Enabled }),
	flag("onPremisesSyncEnabled", func(u *directory.User) bool { return u.Synced }),
	flag("dirSyncEnabled", func(u *directory.User) bool { return u.Synced }),
	text("userType", func(u *directory.User) string {
		if u.Guest {
			return "Guest"
		}
		return "Member"
	}),
	several("proxyAddresses", addresses),
	text("createdDateTime", func(u *directory.User) string {
		if u.Created.IsZero() {
			return ""
		}
		return u.Created.UTC().Format(time.RFC3339)
	}),
}

// addresses spells a mailbox's addresses as Exchange does: the primary one
// first and in capitals.
func addresses(u *directory.User) []string {
	var out []string
	if u.Mail != "" {
		out = append(out, "SMTP:"+u.Mail)
	}
	for _, a := range u.Aliases {
		out = append(out, "smtp:"+a)
	}
	return out
}

// absent are attributes that people know from Entra and that the source does
// not tell, with what to do instead.
var absent = map[string]string{
	"state":         "fill it in at the target",
	"streetaddress": "fill it in at the target",
	"postalcode":    "fill it in at the target",
}

// Names returns the source attributes that expressions may read, for people.
func Names() []string {
	names := make([]string, len(sources))
	for i := range sources {
		names[i] = sources[i].name
	}
	return names
}

// sourceNamed finds an attribute, whatever its case: Graph does not mind it either.
func sourceNamed(name string) *source {
	i := slices.IndexFunc(sources, func(s source) bool { return strings.EqualFold(s.name, name) })
	if i < 0 {
		return nil
	}
	return &sources[i]
}

// unknownSource says that there is no such attribute.
func unknownSource(name string) string {
	if advice, ok := absent[strings.ToLower(name)]; ok {
		return name + " is an attribute of Entra that is not read: " + advice
	}
	return "no attribute is called " + name + suggestion(name, Names())
}

// suggestion offers the name that a person most likely meant, or all of them.
func suggestion(name string, known []string) string {
	best, score := "", 0.0
	for _, k := range known {
		if s := smetrics.JaroWinkler(strings.ToLower(name), strings.ToLower(k), 0.7, 4); s > score {
			best, score = k, s
		}
	}
	if score >= 0.85 {
		return "; did you mean " + best + "?"
	}
	return "; write one of " + strings.Join(known, ", ")
}
