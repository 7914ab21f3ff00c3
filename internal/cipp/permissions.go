package cipp

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
)

// A rightsRow is a row of one of the two permission reports: one mailbox, and
// who has what rights in it. CIPP source: Get-CIPPMailboxPermissionReport.ps1,
// Get-CIPPCalendarPermissionReport.ps1.
type rightsRow struct {
	row
	Mailbox  text                      `json:"MailboxUPN"`
	Calendar text                      `json:"CalendarUPN"`
	Rights   list[rightRow, *rightRow] `json:"Permissions"`
	Stamp    moment                    `json:"PermissionCacheTimestamp"`
}

type rightRow struct {
	row
	User   text  `json:"User"`
	Access words `json:"AccessRights"` // one text, joined by commas, or a list
	Folder text  `json:"FolderName"`
}

// addRights sets the permissions of the mailboxes. Where one of the reports proves
// nothing, every mailbox has the reason. An error ends the run.
func (r *tenantRead) addRights(ctx context.Context, boxes []directory.Mailbox) (string, error) {
	// A permission names a mailbox by its account's UPN; shared ones have one too.
	at := make(map[string]int, len(boxes))
	for i := range boxes {
		at[cmp.Or(boxes[i].UPN, boxes[i].Address)] = i
	}
	delegates, err := r.rights(ctx, "ListmailboxPermissions", "MailboxPermissions", func(row *rightsRow) {
		if i, ok := at[strings.ToLower(row.Mailbox.trimmed())]; ok {
			delegate(&boxes[i], row.Rights)
		}
	})
	if err != nil {
		return "", err
	}
	calendars, err := r.rights(ctx, "ListCalendarPermissions", "CalendarPermissions", func(row *rightsRow) {
		if i, ok := at[strings.ToLower(row.Calendar.trimmed())]; ok {
			calendar(&boxes[i], row.Rights)
		}
	})
	if err != nil {
		return "", err
	}
	why := strings.Trim(delegates+"; "+calendars, "; ")
	for i := range boxes {
		boxes[i].RightsUnknown = why
	}
	if why != "" {
		return "rights unknown: " + why, nil
	}
	return "delegates and calendar rights of the same cache", nil
}

// rights reads one report and calls take for all of its rows, or for none. It returns why
// the report proves nothing, or "".
func (r *tenantRead) rights(ctx context.Context, endpoint, kind string, take func(*rightsRow)) (why string, err error) {
	state, err := r.cacheState(ctx, kind)
	if err != nil {
		return err.Error(), r.fatal(ctx, err)
	}
	if why := state.unusable(r.now, r.conf.MaxAge); why != "" {
		return why, nil
	}
	a, err := r.report(ctx, endpoint)
	if err != nil {
		return err.Error(), r.fatal(ctx, err)
	}
	rows, err := rowsOf[rightsRow](a.rows)
	if err == nil {
		err = r.f.checkTenants(tenantsOf[rightsRow](rows))
	}
	if err != nil {
		return fmt.Sprintf("%s: %v", endpoint, err), nil
	}
	var stamp time.Time
	for i := range rows {
		stamp = earlier(stamp, rows[i].Stamp.Time)
	}
	if why := state.unusableRows(stamp, r.now, r.conf.MaxAge); why != "" {
		return why, nil
	}
	for i := range rows {
		take(&rows[i])
	}
	return "", nil
}

// delegate adds the delegates of a mailbox, without the mailbox itself.
func delegate(m *directory.Mailbox, rights []rightRow) {
	for _, right := range rights {
		who := normalAddress(string(right.User))
		if who == "" || strings.EqualFold(who, `NT AUTHORITY\SELF`) || who == m.UPN || who == m.Address {
			continue
		}
		for _, joined := range right.Access {
			for access := range strings.SplitSeq(joined, ",") {
				switch strings.ToLower(strings.ReplaceAll(strings.TrimSpace(access), " ", "")) {
				case "fullaccess":
					m.FullAccess = append(m.FullAccess, who)
				case "sendas":
					m.SendAs = append(m.SendAs, who)
				case "sendonbehalf":
					m.SendOnBehalf = append(m.SendOnBehalf, who)
				}
			}
		}
	}
	m.FullAccess, m.SendAs, m.SendOnBehalf = sortedAddresses(m.FullAccess, ""), sortedAddresses(m.SendAs, ""),
		sortedAddresses(m.SendOnBehalf, "")
}

// calendar adds the calendar permissions of a mailbox, without Default and Anonymous.
func calendar(m *directory.Mailbox, rights []rightRow) {
	for _, right := range rights {
		who := normalAddress(string(right.User))
		if who == "" || strings.EqualFold(who, "Default") || strings.EqualFold(who, "Anonymous") {
			continue
		}
		access := slices.Clone(right.Access)
		slices.Sort(access)
		m.Calendar = append(m.Calendar, directory.CalendarRight{Who: who, Rights: strings.Join(access, ", "), Folder: right.Folder.trimmed()})
	}
	slices.SortFunc(m.Calendar, func(a, b directory.CalendarRight) int {
		return cmp.Or(strings.Compare(a.Who, b.Who), strings.Compare(a.Folder, b.Folder), strings.Compare(a.Rights, b.Rights))
	})
	m.Calendar = slices.Compact(m.Calendar)
}
