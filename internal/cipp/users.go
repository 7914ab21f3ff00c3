package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
)

// A userRow is a user as Graph sends it.
// https://learn.microsoft.com/graph/api/resources/user
type userRow struct {
	row
	ID            text                            `json:"id"`
	UPN           text                            `json:"userPrincipalName"`
	Name          text                            `json:"displayName"`
	GivenName     text                            `json:"givenName"`
	Surname       text                            `json:"surname"`
	Mail          text                            `json:"mail"`
	Proxies       words                           `json:"proxyAddresses"`
	Enabled       flag                            `json:"accountEnabled"`
	Type          text                            `json:"userType"`
	Resource      flag                            `json:"isResourceAccount"`
	JobTitle      text                            `json:"jobTitle"`
	Department    text                            `json:"department"`
	Company       text                            `json:"companyName"`
	Office        text                            `json:"officeLocation"`
	MobilePhone   text                            `json:"mobilePhone"`
	Phones        words                           `json:"businessPhones"`
	City          text                            `json:"city"`
	Country       text                            `json:"country"`
	UsageLocation text                            `json:"usageLocation"`
	EmployeeID    text                            `json:"employeeId"`
	Nickname      text                            `json:"mailNickname"`
	OtherMails    words                           `json:"otherMails"`
	Hired         moment                          `json:"employeeHireDate"`
	Created       moment                          `json:"createdDateTime"`
	Deleted       moment                          `json:"deletedDateTime"`
	Licences      list[assignedRow, *assignedRow] `json:"assignedLicenses"`
	Synced        flag                            `json:"onPremisesSyncEnabled"`
	Manager       list[idRow, *idRow]             `json:"manager"`
	SignIn        list[signInRow, *signInRow]     `json:"signInActivity"`
}

func (r *userRow) fillNames(n rowNames) {
	r.row, r.ID, r.UPN, r.Name = n.row, text(n.ID), text(n.UPN), text(n.Name)
}

// An assignedRow is a SKU that a user or a group holds.
type assignedRow struct {
	row
	SKU text `json:"skuId"`
}

// An idRow is an object with its id alone.
type idRow struct {
	row
	ID text `json:"id"`
}

type signInRow struct {
	row
	Last   moment `json:"lastSignInDateTime"`
	Silent moment `json:"lastNonInteractiveSignInDateTime"`
}

const userFields = "users?$select=id,displayName,givenName,surname,userPrincipalName,mail,proxyAddresses,accountEnabled,userType,isResourceAccount," +
	"jobTitle,department,companyName,officeLocation,mobilePhone,businessPhones,city,country,usageLocation,employeeId,mailNickname,otherMails,createdDateTime," +
	"assignedLicenses,onPremisesSyncEnabled"

// Graph sends at most 500 users a page with their sign-ins, and refuses the
// whole list where the tenant lacks Entra ID P1.
const (
	pageWithSignIn    = 500
	pageWithoutSignIn = 999
)

// usersRequest returns the request for users, with or without their sign-ins.
func (c *Client) usersRequest(signIn bool) bulkRequest {
	fields, page := userFields, pageWithoutSignIn
	if c.hireDates {
		fields += ",employeeHireDate"
	}
	if signIn {
		fields, page = fields+",signInActivity", pageWithSignIn
	}
	return get("users", fmt.Sprintf("%s&$expand=manager($select=id)&$top=%d", fields, page), page)
}

// noSignInsTTL is how long we remember that a tenant has no sign-in data.
const noSignInsTTL = 24 * time.Hour

// usersRequestFor returns the request for users that this tenant answers.
func (c *Client) usersRequestFor(id directory.TenantID) bulkRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since, ok := c.noSignIns[id]; ok && time.Since(since) < noSignInsTTL {
		return c.usersRequest(false)
	}
	return c.usersRequest(true)
}

// users reads the accounts of the tenant, with their MFA state from the cache.
func (r *tenantRead) users(ctx context.Context) (directory.List[directory.User], error) {
	proof := r.proof()
	users, checks, err := r.readUsers(ctx)
	if err == nil {
		var mfa string
		if mfa, err = r.addMFA(ctx, users); err == nil {
			checks = append(checks, mfa)
			proof.Endpoint += ", ListMFAUsers"
		}
	}
	proof.Checks = checks
	return listOf(ctx, r.f, "users", users, proof, err)
}

func (r *tenantRead) readUsers(ctx context.Context) ([]directory.User, []string, error) {
	if err := r.checkOwner(); err != nil {
		return nil, nil, err
	}
	in := interner{}
	turn := func(u *userRow) (string, directory.User, error) {
		d, err := u.user(in)
		return d.ID, d, err
	}
	p, got := r.usersRequestFor(r.f.tenant.ID), r.got
	told := "sign-ins told"
	users, whole, err := readCollection(ctx, r.Client, r.f, got, p, turn)
	if p.page == pageWithSignIn && r.refusedSignIn(got, err) {
		told = fmt.Sprintf("sign-ins not told (%s)", clip(err.Error(), 120))
		p = r.usersRequest(false)
		if got != nil {
			if got, err = r.bulkRead(ctx, r.f, p); err != nil {
				return nil, nil, err
			}
		}
		if users, whole, err = readCollection(ctx, r.Client, r.f, got, p, turn); err == nil {
			r.mu.Lock()
			r.noSignIns[r.f.tenant.ID] = time.Now()
			r.mu.Unlock()
		}
	} else if p.page == pageWithoutSignIn {
		told = "sign-ins not told, as before"
	}
	switch {
	case err != nil:
		return nil, nil, err
	case len(users) == 0:
		// A tenant has at least the user who made it.
		return nil, nil, errors.New("users: an empty list, and no tenant is without users")
	}
	slices.SortFunc(users, func(a, b directory.User) int { return strings.Compare(a.ID, b.ID) })
	unread, err := unreadNote("users", users, func(u *directory.User) string { return u.Unread })
	if err != nil {
		return nil, nil, err
	}
	checks := []string{whole, r.orgCheck, "every user has an id, a name to sign in with and a state" + unread, told}
	return users, checks, nil
}

// refusedSignIn reports whether the list may be had without the sign-ins: Graph
// refuses them for want of a licence (403) or of a permission of CIPP (403), or
// because they cannot be selected (400).
func (r *tenantRead) refusedSignIn(got map[string]bulkResponse, err error) bool {
	if err == nil || errors.Is(err, ErrUnusable) {
		return false
	}
	if got != nil {
		status := got["users"].status
		return status == http.StatusForbidden || status == http.StatusBadRequest
	}
	e, ok := errors.AsType[*TenantError](err)
	return ok && !e.Temporary && (e.Status == http.StatusForbidden || e.Status == http.StatusBadRequest)
}

// user makes a directory.User of a row. One with an id whose other fields make no sense
// is known to exist, and nothing else is known of it; a row without an id is an error.
func (r *userRow) user(in interner) (directory.User, error) {
	id := strings.ToLower(r.ID.trimmed())
	upn := strings.ToLower(r.UPN.trimmed())
	unread := func(format string, args ...any) (directory.User, error) {
		return directory.User{ID: id, UPN: upn, Name: string(r.Name), Unread: fmt.Sprintf(format, args...)}, nil
	}
	switch {
	case !directory.IsGUID(id):
		return directory.User{}, fmt.Errorf("user %q has no object id (%q)", clip(upn, 80), clip(string(r.ID), 40))
	case !r.Deleted.IsZero():
		return directory.User{}, fmt.Errorf("user %s is deleted, and nobody asked for the deleted ones", id)
	case r.unread != "":
		return unread("%s", r.unread)
	case upn == "":
		return unread("it has no userPrincipalName")
	case !r.Enabled.set:
		return unread("it does not say whether it is enabled")
	}
	licences, err := skusOf(r.Licences, in)
	if err != nil {
		return unread("%s", err)
	}
	mail, aliases, err := addresses(r.Proxies, r.Mail)
	if err != nil {
		return unread("proxyAddresses: %s", err)
	}
	u := directory.User{
		ID: id, UPN: upn, Name: string(r.Name), GivenName: string(r.GivenName), Surname: string(r.Surname),
		Mail: mail, Aliases: aliases, Enabled: r.Enabled.on, Resource: r.Resource.on, Synced: r.Synced.on,
		// Accounts from before guests had a type have none.
		Guest:    strings.EqualFold(string(r.Type), "Guest") || strings.Contains(upn, "#ext#"),
		JobTitle: in.intern(r.JobTitle), Department: in.intern(r.Department), Company: in.intern(r.Company), Office: in.intern(r.Office),
		MobilePhone: string(r.MobilePhone), BusinessPhones: r.Phones, City: in.intern(r.City), Country: in.intern(r.Country),
		UsageLocation: in.intern(r.UsageLocation), EmployeeID: string(r.EmployeeID), Created: r.Created.Time, Licences: licences,
		MailNickname: string(r.Nickname), Hired: r.Hired.Time,
	}
	for _, m := range r.OtherMails {
		u.OtherMails = append(u.OtherMails, strings.ToLower(m))
	}
	slices.Sort(u.OtherMails)
	if len(r.Manager) > 0 {
		u.ManagerID = strings.ToLower(r.Manager[0].ID.trimmed())
	}
	for _, s := range r.SignIn {
		for _, at := range [...]time.Time{s.Last.Time, s.Silent.Time} {
			if at.After(u.LastSignIn) {
				u.LastSignIn = at
			}
		}
	}
	return u, nil
}

// An interner keeps one copy of texts that many rows share.
type interner map[string]string

func (in interner) intern(t text) string {
	s, ok := in[string(t)]
	if !ok {
		s = string(t)
		in[s] = s
	}
	return s
}

// skusOf returns the SKU ids of licences, sorted.
func skusOf(rows []assignedRow, in interner) ([]string, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	out := make([]string, len(rows))
	for i := range rows {
		sku := strings.ToLower(rows[i].SKU.trimmed())
		if !directory.IsGUID(sku) {
			return nil, fmt.Errorf("a licence has no SKU id (%q)", clip(string(rows[i].SKU), 40))
		}
		out[i] = in.intern(text(sku))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// addresses returns the primary address and the others, in lower case. Of the
// proxy addresses SMTP: marks the primary one and smtp: the others; there are
// SIP:, X500: and more among them, which are no mail addresses.
func addresses(proxies words, mail text) (primary string, others []string, err error) {
	for _, p := range proxies {
		scheme, address, _ := strings.Cut(p, ":")
		if !strings.EqualFold(scheme, "smtp") || address == "" {
			continue
		}
		if strings.ContainsAny(address, " \t") {
			return "", nil, fmt.Errorf("%q is no address: there is a space in it", clip(p, 80))
		}
		address = strings.ToLower(address)
		if scheme == "SMTP" && primary == "" {
			primary = address
			continue
		}
		others = append(others, address)
	}
	if primary == "" {
		primary = strings.ToLower(mail.trimmed())
	}
	return primary, sortedAddresses(others, primary), nil
}

// sortedAddresses returns addresses sorted and distinct, without own.
func sortedAddresses(all []string, own string) []string {
	all = slices.DeleteFunc(all, func(s string) bool { return s == own || s == "" })
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return slices.Compact(all)
}
