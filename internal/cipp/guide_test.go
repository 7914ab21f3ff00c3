package cipp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/cipp/endpoint"
	cippsim "syncd/internal/simulator/cipp"
)

// guideWorld is the MSP that the guide tells about.
func guideWorld() cippsim.World {
	w := estate()
	dental := w.Tenants[0]
	dental.NoEntraP1 = false
	ada, kern := "b2a7c1d0-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "99c1d2e3-f4a5-4b6c-8d7e-0f1a2b3c4d5e"
	yes := true
	dental.Users = []*cippsim.User{
		{ID: ada, UPN: "ada.berg@fabrikamdental.example", DisplayName: "Ada Berg", GivenName: "Ada", Surname: "Berg", Mail: "ada.berg@fabrikamdental.example", JobTitle: "Dentist",
			UsageLocation: "DE", Licences: []string{premium}, ProxyAddresses: []string{"SMTP:ada.berg@fabrikamdental.example"}, PerUserMFA: "disabled", MFARegistered: &yes},
		{ID: kern, UPN: "m.kern@fabrikamdental.example", DisplayName: "M. Kern", Mail: "m.kern@fabrikamdental.example", UsageLocation: "DE",
			ProxyAddresses: []string{"SMTP:m.kern@fabrikamdental.example"}, PerUserMFA: "disabled", MFARegistered: &yes},
	}
	dental.Groups = []*cippsim.Group{{ID: "5e0d7a6b-1c2d-4e3f-8a4b-5c6d7e8f9a0b", DisplayName: "Reception", Kind: cippsim.Security, Members: []string{kern}}}
	dental.Mailboxes = []*cippsim.Mailbox{
		{UserID: ada, UPN: "ada.berg@fabrikamdental.example", DisplayName: "Ada Berg", PrimarySMTP: "ada.berg@fabrikamdental.example", Type: "UserMailbox"},
		{UserID: kern, UPN: "m.kern@fabrikamdental.example", DisplayName: "M. Kern", PrimarySMTP: "m.kern@fabrikamdental.example", Type: "UserMailbox"},
	}
	dental.Policies = []cippsim.Policy{{Name: "MFA for everybody", State: "enabled", Grant: "mfa"}}
	dental.Issues = []cippsim.Issue{{ID: "EX123456", Service: "Exchange Online", Feature: "E-Mail", Text: "Some users cannot send mail"}}
	dental.Alerts = []cippsim.Alert{{Title: "Suspicious inbox rule", Category: "Persistence", Severity: "high", Status: "newAlert", At: bought, Users: ada}}
	w.TenantGroups = []*cippsim.TenantGroup{{ID: "3f0c1d2e-4b5a-4c6d-8e7f-9a0b1c2d3e4f", Name: "Gold support", Description: "24x7", Members: []string{dentalID}}}
	return w
}

var (
	fence = regexp.MustCompile("(?ms)^```(\\w+)\\n(.*?)^```$")
	wait  = regexp.MustCompile(`(?m)^<!-- (\d+) minutes later -->$`)
)

// An example is a request of the guide and the answer that it promises.
type example struct {
	line    int
	pause   time.Duration // before it
	request string
	answer  string // empty where the guide shows none
}

func examples(guide string) (list []example) {
	from := 0
	for _, m := range fence.FindAllStringSubmatchIndex(guide, -1) {
		kind, text := guide[m[2]:m[3]], guide[m[4]:m[5]]
		switch kind {
		case "sh":
			// A line of curl is a request too.
			for n, line := range strings.Split(strings.ReplaceAll(text, "\\\n", " "), "\n") {
				if request, ok := curl(line); ok {
					list = append(list, example{line: 1 + n + strings.Count(guide[:m[2]], "\n"), request: request})
				}
			}
			from = m[1]
		case "http":
			x := example{line: 1 + strings.Count(guide[:m[0]], "\n"), request: text}
			for _, w := range wait.FindAllStringSubmatch(guide[from:m[0]], -1) {
				var minutes int
				fmt.Sscan(w[1], &minutes)
				x.pause += time.Duration(minutes) * time.Minute
			}
			list, from = append(list, x), m[1]
		case "json":
			// An answer follows its request at once, or after a sentence.
			if n := len(list); n > 0 && list[n-1].answer == "" && strings.Count(guide[from:m[0]], "\n\n") <= 2 {
				list[n-1].answer = text
			}
		}
	}
	return list
}

// learnt are ids that a later request needs, as an earlier answer told them.
var learnt = map[string]*regexp.Regexp{
	"GROUP":        regexp.MustCompile(`"GroupId":"([^"]+)"`),
	"RELATIONSHIP": regexp.MustCompile(`"PartitionKey":"invite".*?"RowKey":"([^"]+)"`),
}

// send does what the first line and the rest of an example say.
func (x example) send(t *testing.T, f *fixture, token string, seen map[string]string) (int, string) {
	t.Helper()
	head, body, _ := strings.Cut(x.request, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	for len(lines) > 1 && (strings.HasPrefix(lines[1], "?") || strings.HasPrefix(lines[1], "&")) {
		target += lines[1]
		lines = slices.Delete(lines, 1, 2)
	}
	address, query, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(address, "https://") {
		address = "https://cipp-api.example.net" + address
	}
	if query != "" {
		// Written as people read it, and sent as it must be.
		values := url.Values{}
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			values.Add(name, value)
		}
		address += "?" + values.Encode()
	}
	body = strings.TrimSpace(body)
	body = strings.ReplaceAll(strings.ReplaceAll(body, "YOUR-SECRET", url.QueryEscape(clientSecret)), "YOUR-CLIENT", f.sim.Options().ClientID)
	for word, value := range seen {
		body = strings.ReplaceAll(body, `"`+word+`"`, `"`+value+`"`)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatalf("line %d: %v", x.line, err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, strings.ReplaceAll(value, "TOKEN", token))
	}
	if strings.HasPrefix(r.URL.Path, "/api/") && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := f.sim.Transport().RoundTrip(r)
	if err != nil {
		t.Fatalf("line %d: %v", x.line, err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("line %d: %v", x.line, err)
	}
	return answer.StatusCode, string(raw)
}

// A technician with the guide and curl gets what the guide shows.
func TestEveryExampleOfTheGuideDoesWhatItSays(t *testing.T) {
	guide, err := os.ReadFile("../../docs/cipp-api.md")
	if err != nil {
		t.Fatal(err)
	}
	list := examples(string(guide))
	if len(list) < 30 {
		t.Errorf("got %d examples, want one for every thing that people do", len(list))
	}
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{sim: cippsim.New(guideWorld(), cippsim.Options{ClientSecret: clientSecret, Role: "superadmin"}), log: &logBuffer{}}
		client := operator(t, f)
		seen := map[string]string{}
		for _, x := range list {
			time.Sleep(x.pause)
			token, err := client.tokens.get(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			f.sim.ResetLog()
			status, got := x.send(t, f, token, seen)
			for word, name := range learnt {
				if m := name.FindStringSubmatch(got); m != nil {
					seen[word] = m[1]
				}
			}
			if status != http.StatusOK {
				t.Errorf("line %d: got %d %s", x.line, status, got)
				continue
			}
			for _, c := range f.sim.Complaints() {
				t.Errorf("line %d: CIPP was used carelessly: %s", x.line, c)
			}
			if x.answer == "" {
				continue
			}
			var want, answer any
			if err := json.Unmarshal([]byte(x.answer), &want); err != nil {
				t.Errorf("line %d: the answer is no JSON: %v", x.line, err)
				continue
			}
			if err := json.Unmarshal([]byte(got), &answer); err != nil {
				t.Errorf("line %d: got %q, want JSON", x.line, got)
				continue
			}
			if why := within(want, answer, ""); why != "" {
				t.Errorf("line %d: %s\ngot  %s\nwant %s", x.line, why, got, x.answer)
			}
			// What is a failure for our own client is no example of success.
			if name, ok := strings.CutPrefix(strings.Fields(x.request)[1], "/api/"); ok {
				name, _, _ = strings.Cut(strings.Fields(name)[0], "?")
				e, err := endpoint.Find(name)
				if err != nil {
					t.Errorf("line %d: %v", x.line, err)
					continue
				}
				o, err := openReply([]byte(got), e.Writes())
				if err != nil {
					t.Errorf("line %d: %v", x.line, err)
					continue
				}
				for _, s := range o.messages {
					if s.failed {
						t.Errorf("line %d: the answer speaks of a failure: %s", x.line, s.text)
					}
				}
			}
		}
	})
}

// The outline that the guide was commissioned with.
func TestTheGuideHasItsOutline(t *testing.T) {
	guide, err := os.ReadFile("../../docs/cipp-api.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"# CIPP API Research Summary", "## Executive Summary", "## Endpoint Overview", "## Auth & Permissions", "## Automation Playbooks",
		"## Tenant Management", "## Integration Targets", "## Rate Limits & Constraints", "## Resources",
	}
	got := regexp.MustCompile(`(?m)^##? [^#].*$`).FindAllString(string(guide), -1)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, heading := range want[1:] {
		link := strings.NewReplacer(" ", "-", "&", "").Replace(strings.ToLower(strings.TrimPrefix(heading, "## ")))
		if !strings.Contains(string(guide), "](#"+link+")") {
			t.Errorf("nothing leads to %s", heading)
		}
	}
	// Each word for a failure is one for the program.
	words := regexp.MustCompile(`(?s)a sentence begins with \*(.*?)\*`).FindSubmatch(guide)
	if words == nil {
		t.Fatal("the guide does not say what a failure sounds like")
	}
	for word := range strings.SplitSeq(string(words[1]), ",") {
		if word = strings.TrimSpace(word); !SaysFailure(word + " x") {
			t.Errorf("the guide says that %q is how a failure begins, and the program does not know it", word)
		}
	}
}

// The permissions that the guide names for the jobs are those that their calls need.
func TestTheGuideNamesTheRightsOfTheJobs(t *testing.T) {
	guide, err := os.ReadFile("../../docs/cipp-api.md")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?s)<!-- rights -->(.*?)<!-- end rights -->`).FindSubmatch(guide)
	if table == nil {
		t.Fatal("the guide has no table of rights")
	}
	var named, needed []string
	for _, m := range regexp.MustCompile("`([A-Za-z]+\\.[A-Za-z.]+)`").FindAllSubmatch(table[1], -1) {
		named = append(named, string(m[1]))
	}
	for _, r := range allowed {
		if e, err := endpoint.Find(strings.TrimPrefix(r.Path, "/api/")); err == nil && e.Role != endpoint.Public {
			needed = append(needed, e.Role)
		}
	}
	slices.Sort(named)
	slices.Sort(needed)
	if needed = slices.Compact(needed); !slices.Equal(named, needed) {
		t.Errorf("the guide names %q, and the jobs need %q", named, needed)
	}
	for _, page := range []string{"../../README.md", "../../docs/itglue.md", "../../docs/scim.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`([A-Za-z]+\\.[A-Za-z]+\\.Read)`").FindAllSubmatch(text, -1) {
			if !slices.Contains(needed, string(m[1])) {
				t.Errorf("%s asks for %s, which no job needs", page, m[1])
			}
		}
	}
}

// within says where got lacks something of want, or "". A text with … stands
// for any that begins and ends like it.
func within(want, got any, at string) string {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: an object was promised", cmp.Or(at, "the answer"))
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			inner, ok := g[name]
			if !ok {
				return fmt.Sprintf("%s.%s is not there", at, name)
			}
			if why := within(want[name], inner, at+"."+name); why != "" {
				return why
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			return fmt.Sprintf("%s: a list was promised", cmp.Or(at, "the answer"))
		}
		for i, one := range want {
			why := fmt.Sprintf("%s: the list is empty", at)
			for j, other := range g {
				w := within(one, other, fmt.Sprintf("%s[%d]", at, i))
				if j == 0 || w == "" {
					why = w // the first is most often the one that was meant
				}
				if w == "" {
					break
				}
			}
			if why != "" {
				return why
			}
		}
	case string:
		text, ok := got.(string)
		head, tail, open := strings.Cut(want, "…")
		if !ok && want != "…" || ok && want != text && !(open && strings.HasPrefix(text, head) && strings.HasSuffix(text, tail)) {
			return fmt.Sprintf("%s: got %v, want %q", at, got, want)
		}
	default:
		if fmt.Sprint(want) != fmt.Sprint(got) {
			return fmt.Sprintf("%s: got %v, want %v", at, got, want)
		}
	}
	return ""
}
