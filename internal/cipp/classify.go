package cipp

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"syncd/internal/rest"
)

var (
	// ErrUnusable is in every error that concerns CIPP as a whole: no tenant can
	// be read until somebody repairs it, so the run ends.
	ErrUnusable = errors.New("cipp cannot be used")

	// ErrNoEndpoint means that this CIPP is too old, or too new, to have an endpoint.
	ErrNoEndpoint = errors.New("this version of CIPP has no such endpoint")

	// ErrDisabled means that the feature behind an endpoint is switched off in CIPP.
	ErrDisabled = errors.New("the feature is switched off in CIPP")
)

// A SystemError concerns CIPP as a whole. It is ErrUnusable.
type SystemError struct {
	Endpoint string
	Status   int
	Text     string
	Remedy   string
}

func (e *SystemError) Error() string {
	return errorLine(e.Endpoint, e.Status, e.Text) + "; " + e.Remedy
}

// Is makes every SystemError an ErrUnusable.
func (e *SystemError) Is(target error) bool { return target == ErrUnusable }

// A RightsError says that the role of our API client lacks a permission. It is
// ErrUnusable: a role is the same for every tenant.
type RightsError struct {
	Endpoint   string
	Permission string // what is missing, such as CIPP.Core.Read; empty where CIPP does not say
	Role       string // the role that lacks it; empty where CIPP does not say
	Text       string
}

func (e *RightsError) Error() string {
	return errorLine(e.Endpoint, http.StatusForbidden, e.Text) + "; " + e.Remedy()
}

// Is makes every RightsError an ErrUnusable.
func (e *RightsError) Is(target error) bool { return target == ErrUnusable }

// Remedy says what to do about it.
func (e *RightsError) Remedy() string {
	role := "the role of the API client"
	if e.Role != "" {
		role = fmt.Sprintf("the role %q of the API client", e.Role)
	}
	switch {
	case strings.Contains(e.Text, "blocked this endpoint"):
		return fmt.Sprintf("take %s off the blocked endpoints of %s in CIPP", e.Endpoint, role)
	case e.Permission != "":
		return fmt.Sprintf("give %s the permission %s in CIPP, or choose a role that has it", role, e.Permission)
	default:
		// CIPP answers an IP address that is not allowed with the text of a missing permission.
		return "check on CIPP's page Integrations > CIPP-API that the API client has a role, and that its IP ranges allow this machine's address"
	}
}

// A TenantError concerns one tenant; others are not touched by it.
type TenantError struct {
	Tenant   string // the tenantFilter that was sent
	Endpoint string
	Status   int
	Text     string // what CIPP says, on one line
	Remedy   string // empty where there is none but to wait
	// Temporary marks what passes by itself, such as throttling.
	Temporary bool
}

func (e *TenantError) Error() string {
	s := errorLine(e.Endpoint, e.Status, e.Text)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

func errorLine(endpoint string, status int, text string) string {
	s := "cipp: " + endpoint
	if status != 0 {
		s = fmt.Sprintf("%s: %d", s, status)
	}
	if text == "" {
		text = "no reason given"
	}
	return s + ": " + text
}

// class is what an answer means, whatever its status: CIPP answers 403 for a
// Graph error and 503 for a feature that is switched off.
type class string

const (
	fine            class = ""
	unauthorised    class = "unauthorised"  // the platform did not take our token
	platformRefused class = "barred"        // the platform took it and stopped us before CIPP
	rights          class = "rights"        // CIPP's role check
	outsideRole     class = "outside_role"  // the role is for other tenants
	wrongURL        class = "wrong_url"     // not CIPP's API at all
	subscription    class = "subscription"  // hosted CIPP, not paid for
	partner         class = "partner"       // CIPP's own access to Microsoft is broken
	disabled        class = "disabled"      //
	noEndpoint      class = "no_endpoint"   //
	busy            class = "busy"          // passes by itself
	access          class = "tenant_access" // the tenant does not let CIPP in
	unlicensed      class = "capability"    // the tenant lacks the licence for it
	upstream        class = "upstream"      // anything else Microsoft or CIPP said about this tenant
)

// classTexts maps texts of CIPP and Microsoft to classes, in order of precedence.
var classTexts = []struct {
	class class
	any   []string
}{
	{partner, []string{
		"AADSTS700082", "CIPP user access token has expired", "AADSTS9002313",
		"credentials used to connect to the Graph API are not available", "There is an issue with the token configuration",
	}},
	{unlicensed, []string{
		"Required license not available", "requires a P1 license", "doesn't have premium license", "NonPremiumTenant",
		"Your tenant is not licensed",
		"no subscription for this service available", "account is not provisioned", "AppLifecycle_2210", "Failed to call Intune APIs",
	}},
	{access, []string{
		"AADSTS65001", "consent has not been given", "AADSTS50020", "AADSTS50177", "AADSTS53003", "blocked by Conditional Access",
		"GDAP configuration does not allow", "403 (Access Denied)", "relationship between this tenant and the partner has been dissolved",
		"AADSTS5000224", "AADSTS90002", "MFA required", "do not have permissions to access this resource",
		"Authorization_RequestDenied", "Insufficient privileges",
	}},
	{busy, []string{
		"Too many requests", "TooManyRequests", "temporarily unavailable", "timed out", "task was canceled", "task was cancelled",
		"Service Unavailable", "Bad Gateway", "Gateway Timeout", "throttled",
	}},
}

// classOf returns the class of a text, or fine.
func classOf(s string) class {
	low := strings.ToLower(s)
	for _, t := range classTexts {
		for _, sub := range t.any {
			if strings.Contains(low, strings.ToLower(sub)) {
				return t.class
			}
		}
	}
	return fine
}

// classOfAnswer returns the class of an answer, and its text on one line.
func classOfAnswer(status int, body []byte) (class, string) {
	body = trimBody(body)
	html := len(body) > 0 && body[0] == '<'
	if status >= 200 && status < 300 {
		if html {
			return wrongURL, "a page (HTML) instead of data"
		}
		return fine, ""
	}
	words := "a page (HTML) instead of data"
	if !html {
		words = errorWords(body)
	}
	switch {
	case status == http.StatusUnauthorized:
		return unauthorised, words
	case status >= 300 && status < 400:
		return wrongURL, "a redirect instead of data"
	case strings.HasPrefix(words, "API calls are not accepted"):
		return wrongURL, words
	case strings.HasPrefix(words, "Your CIPP subscription"):
		return subscription, words
	case strings.HasPrefix(words, "Access to this CIPP API endpoint is not allowed"):
		return rights, words
	case strings.HasPrefix(words, "Access to this tenant is not allowed"):
		return outsideRole, words
	case status == http.StatusServiceUnavailable && strings.HasPrefix(words, "This feature has been disabled"):
		return disabled, words
	case status == http.StatusNotFound && strings.HasPrefix(words, "Endpoint not found"):
		return noEndpoint, words
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout,
		status > 500 && status < 600, status == http.StatusInternalServerError && html:
		// The platform's pages in front of CIPP are HTML too.
		return busy, words
	case html:
		return wrongURL, words
	case status == http.StatusForbidden && (words == "" || strings.HasPrefix(words, "You do not have permission to view this directory")):
		// CIPP's own refusals have other texts; this one is App Service's.
		return platformRefused, words
	case status == http.StatusNotFound && words == "":
		return wrongURL, "nothing there"
	}
	if c := classOf(string(body)); c != fine {
		return c, words
	}
	return upstream, words
}

// classify makes an answer's class a *rest.Error, which says whether to retry.
func classify(r *rest.Response) error {
	c, words := classOfAnswer(r.Status, r.Body)
	if c == fine {
		return nil
	}
	return &rest.Error{
		System: "cipp", Status: r.Status, Code: string(c), Message: words,
		Temporary: c == busy, Unauthorised: c == unauthorised, Forbidden: c == rights || c == outsideRole || c == platformRefused,
		NotFound: c == noEndpoint,
	}
}

var (
	permissionNamed = regexp.MustCompile(`required permission: ([A-Za-z][A-Za-z0-9.*]*[A-Za-z0-9*])`)
	roleNamed       = regexp.MustCompile(`(?:the '([^']+)' base role|custom role '([^']+)')`)
)

// permissions are what our calls need, for where CIPP does not say.
var permissions = map[string]string{
	"ListTenants":          "CIPP.Core.Read",
	"ListGraphRequest":     "CIPP.Core.Read",
	"ListGraphBulkRequest": "CIPP.Core.Read",
	"GetVersion":           "CIPP.Core.Read",
	"ListLicenses":         "Tenant.Directory.Read",

	"ListDBCache":             "CIPP.Core.Read",
	"ListMFAUsers":            "Identity.User.Read",
	"ListMailboxes":           "Exchange.Mailbox.Read",
	"ListmailboxPermissions":  "Exchange.Mailbox.Read",
	"ListCalendarPermissions": "Exchange.Mailbox.Read",
	"ListDomainAnalyser":      "Tenant.DomainAnalyser.Read",
}

// errorOf returns the error of a class, for callers to branch on. tenant is the
// tenantFilter that was sent, or empty.
func errorOf(c class, endpoint, tenant string, status int, words string) error {
	system := func(text, remedy string) error {
		return &SystemError{Endpoint: endpoint, Status: status, Text: text, Remedy: remedy}
	}
	switch c {
	case unauthorised:
		return system(cmp.Or(words, "the token was not accepted"),
			"check on CIPP's page Integrations > CIPP-API that the client is enabled and that Actions > Save Azure Configuration was done after it was made; the token's audience and issuer are in the log")
	case platformRefused:
		return system(cmp.Or(words, "refused before CIPP was reached"),
			"check on CIPP's page Integrations > CIPP-API that the client is enabled and use Actions > Save Azure Configuration")
	case rights:
		e := &RightsError{Endpoint: endpoint, Text: words, Permission: permissions[endpoint]}
		if m := permissionNamed.FindStringSubmatch(words); m != nil {
			e.Permission = m[1]
		} else if strings.Contains(words, "the API Client does not have") {
			e.Permission = "" // CIPP uses the same text for an IP address that is not allowed
		}
		if m := roleNamed.FindStringSubmatch(words); m != nil {
			e.Role = m[1] + m[2]
		}
		return e
	case wrongURL:
		return system(words, "cipp.url is not CIPP's API: write the API URL from CIPP's page Integrations > CIPP-API, not the address of the portal")
	case subscription:
		return system(words, "renew the subscription of the hosted CIPP")
	case partner:
		return system(words, "CIPP itself has lost its access to Microsoft: run the wizard Setup > First Setup > Refresh Tokens in CIPP, then its permission check")
	case noEndpoint:
		return fmt.Errorf("cipp: %s: %w", endpoint, ErrNoEndpoint)
	case disabled:
		return fmt.Errorf("cipp: %s: %w: %s", endpoint, ErrDisabled, words)
	}
	return &TenantError{Tenant: tenant, Endpoint: endpoint, Status: status, Text: words, Remedy: remedies[c], Temporary: c == busy}
}

// remedies are for what concerns one tenant.
var remedies = map[class]string{
	outsideRole: "let the role of the API client see this tenant in CIPP",
	access:      "the tenant does not let CIPP in: check its GDAP relationship and roles, and run CIPP's permission check for it",
	unlicensed:  "the tenant lacks the licence for it",
	busy:        "the next run tries again",
}
