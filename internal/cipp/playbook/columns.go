package playbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/cipp/admin"
)

// A column is a column of a kind of playbook.
type column struct {
	name     string
	required bool                // the column must be there and its cells filled
	check    func(string) string // what is wrong with a cell that is not empty, or ""
}

// offboardFlags are the yes-or-no columns of an offboarding.
var offboardFlags = map[string]func(*admin.Offboarding) *bool{
	"disable_sign_in":             func(o *admin.Offboarding) *bool { return &o.DisableSignIn },
	"revoke_sessions":             func(o *admin.Offboarding) *bool { return &o.RevokeSessions },
	"reset_password":              func(o *admin.Offboarding) *bool { return &o.ResetPassword },
	"remove_licences":             func(o *admin.Offboarding) *bool { return &o.RemoveLicences },
	"remove_groups":               func(o *admin.Offboarding) *bool { return &o.RemoveGroups },
	"convert_to_shared":           func(o *admin.Offboarding) *bool { return &o.ConvertToShared },
	"hide_from_address_list":      func(o *admin.Offboarding) *bool { return &o.HideFromAddressList },
	"remove_mfa_devices":          func(o *admin.Offboarding) *bool { return &o.RemoveMFADevices },
	"remove_mobile_devices":       func(o *admin.Offboarding) *bool { return &o.RemoveMobileDevices },
	"remove_rules":                func(o *admin.Offboarding) *bool { return &o.RemoveRules },
	"remove_calendar_invites":     func(o *admin.Offboarding) *bool { return &o.RemoveCalendarInvites },
	"remove_permissions":          func(o *admin.Offboarding) *bool { return &o.RemovePermissions },
	"remove_calendar_permissions": func(o *admin.Offboarding) *bool { return &o.RemoveCalendarPermissions },
	"remove_teams_phone":          func(o *admin.Offboarding) *bool { return &o.RemoveTeamsPhone },
	"clear_immutable_id":          func(o *admin.Offboarding) *bool { return &o.ClearImmutableID },
	"disable_onedrive_sharing":    func(o *admin.Offboarding) *bool { return &o.DisableOneDriveSharing },
	"end_forwarding":              func(o *admin.Offboarding) *bool { return &o.EndForwarding },
	"delete_user":                 func(o *admin.Offboarding) *bool { return &o.DeleteUser },
	"keep_copy":                   func(o *admin.Offboarding) *bool { return &o.KeepCopy },
}

// columns are the columns of each kind of playbook.
var columns = map[Kind][]column{
	Onboard: {
		{"tenant", true, nil}, {"upn", true, isAddress}, {"display_name", false, nil}, {"given_name", false, nil}, {"surname", false, nil},
		{"job_title", false, nil},
		{"department", false, nil}, {"company", false, nil}, {"mobile", false, nil}, {"street", false, nil}, {"city", false, nil},
		{"postal_code", false, nil},
		{"country", false, nil}, {"usage_location", false, isCountry}, {"manager", false, nil}, {"licences", false, nil}, {"groups", false, nil},
		{"mailboxes", false, nil}, {"send_as", false, nil}, {"calendars", false, isCalendars}, {"mfa", false, isMFA},
	},
	Offboard: {
		{"tenant", true, nil}, {"user", true, nil}, {"forward_to", false, nil}, {"out_of_office", false, nil}, {"full_access", false, nil},
		{"full_access_unmapped", false, nil}, {"onedrive_access", false, nil},
		{"at", false, isTime},
	},
	Licences: {{"tenant", true, nil}, {"user", true, nil}, {"action", true, isAction}, {"licence", true, nil}, {"to", false, nil}},
	MFA:      {{"tenant", true, nil}, {"user", true, nil}, {"state", true, isMFA}},
}

func init() {
	for name := range offboardFlags {
		columns[Offboard] = append(columns[Offboard], column{name, false, isYesNo})
	}
	slices.SortStableFunc(columns[Offboard][8:], func(a, b column) int { return strings.Compare(a.name, b.name) })
}

// Columns lists the columns of a kind of playbook; those with a star must be
// there.
func Columns(k Kind) []string {
	var out []string
	for _, c := range columns[k] {
		if c.required {
			out = append(out, c.name+"*")
		} else {
			out = append(out, c.name)
		}
	}
	return out
}

func isAddress(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || !strings.Contains(domain, ".") || strings.ContainsAny(s, " ,;<>") {
		return fmt.Sprintf("%q is no user name; write name@domain", s)
	}
	return ""
}

func isCountry(s string) string {
	if len(s) != 2 {
		return fmt.Sprintf("%q is no country of two letters, such as DE", s)
	}
	return ""
}

func isYesNo(s string) string {
	switch strings.ToLower(s) {
	case "yes", "no", "true", "false":
		return ""
	}
	return fmt.Sprintf("%q is neither yes nor no", s)
}

func isYes(s string) bool { return strings.EqualFold(s, "yes") || strings.EqualFold(s, "true") }

func isAction(s string) string {
	if !slices.Contains([]string{"assign", "remove", "swap"}, strings.ToLower(s)) {
		return fmt.Sprintf("%q is no action; write assign, remove or swap", s)
	}
	return ""
}

func isMFA(s string) string {
	if !slices.Contains([]string{"disabled", "enabled", "enforced"}, strings.ToLower(s)) {
		return fmt.Sprintf("%q is no state; write disabled, enabled or enforced", s)
	}
	return ""
}

func isTime(s string) string {
	if _, err := timeOf(s); err != nil {
		return fmt.Sprintf("%q is no time; write one like 2026-12-01 18:00 or 2026-12-01T18:00:00Z", s)
	}
	return ""
}

// timeOf reads a time; one without a zone is in the computer's.
func timeOf(s string) (time.Time, error) {
	if at, err := time.ParseInLocation("2006-01-02 15:04", s, time.Local); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, s)
}

// isCalendars checks a list such as ada@contoso.com:Editor|max@contoso.com:Reviewer.
func isCalendars(s string) string {
	for _, one := range list(s) {
		if who, rights, ok := strings.Cut(one, ":"); !ok || who == "" || rights == "" {
			return fmt.Sprintf("%q is no calendar with rights; write user:Editor", one)
		}
	}
	return ""
}

// list splits a cell that holds several values, separated by | or by ;, which most
// people write.
func list(s string) []string {
	var out []string
	for one := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '|' || r == ';' }) {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}
