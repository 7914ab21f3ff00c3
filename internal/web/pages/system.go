package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"syncd/internal/app"
	"syncd/internal/state"
)

// systemPage is whether the program itself is well.
var systemPage = page{name: "System", path: "/system", routes: []route{
	{pattern: "GET /system", role: app.RoleViewer, handle: showSystem},
	{pattern: "GET /system/check", role: app.RoleViewer, handle: showCheck}, // nothing is written, as by the command
	{pattern: "POST /system/tokens/{id}/revoke", role: app.RoleOperator, handle: revokeToken},
	{pattern: "POST /system/sessions/{id}/end", role: app.RoleOperator, handle: endSession},
}}

// scopesShown is how many scopes a page of them shows.
const scopesShown = 50

const (
	unprovenShown = 25
	sessionsShown = 50                  // of each list; the command shows all
	endsSoon      = 21 * 24 * time.Hour // when the end of a credential is spoken of

	// A page must be sent within a minute of being asked for.
	checkPatience = 50 * time.Second
)

// A system is what the page shows of the program.
type system struct {
	*app.SystemState
	Totals        []string // how many scopes stand so
	Unread        []app.Unproven
	Pager         pager
	Systems       []systemLine
	Secrets       []credentialLine
	Messages      []channelLine
	Tokens        []tokenLine
	Sessions      []app.SessionState
	More          int // tokens or sessions that are not listed
	SignsIn       bool
	Configuration string
}

// A systemLine is a system that is asked, and whether it is left alone.
type systemLine struct {
	Name, Rate string
	Free       string // of how many requests may leave at once
	UnderWay   int
	State      tag
	Why        string
}

type credentialLine struct {
	app.Credential
	State tag
}

// A channelLine is a way in which people are told, and whether it works.
type channelLine struct {
	app.ChannelState
	Name  string
	State tag
}

// channelNames are the channels as people call them.
var channelNames = map[string]string{"mail": "Mail", "teams": "Microsoft Teams", "slack": "Slack", "webhook": "The webhook"}

type tokenLine struct {
	app.TokenState
	Expired bool
	Revoke  *asking
}

func showSystem(q *request) (answer, error) {
	v, err := q.app.System(q.Context())
	if err != nil {
		return answer{}, err
	}
	a := answer{page: "system", title: "System", headline: "Everything runs", json: v, commands: []string{"syncd status", "syncd check", "syncd token list", "syncd version"}}
	if q.wantsJSON() {
		return a, nil
	}
	shown := system{SystemState: v, SignsIn: slices.Contains([]string{"basic", "oidc"}, q.app.Config.Auth.Mode)}
	if shown.Configuration, _, err = q.app.Config.Shown(); err != nil {
		return answer{}, err
	}
	counts := map[string]int{}
	for _, s := range v.Scopes {
		counts[s.Stands]++
	}
	for _, stands := range state.Standings {
		if n := counts[stands]; n > 0 {
			shown.Totals = append(shown.Totals, state.Counted(n, stands))
		}
	}
	first, last, pager := paged(q.Request, len(v.Unproven), unprovenShown)
	shown.Unread, shown.Pager = v.Unproven[first:last], pager
	shown.Systems = q.systemLines(v)
	var soonest time.Time
	for _, c := range v.Credentials {
		line := credentialLine{c, tag{"does not say", "plain"}}
		if c.Expires != nil {
			line.State = q.ending(*c.Expires)
			if soonest.IsZero() || c.Expires.Before(soonest) {
				soonest = *c.Expires
			}
		}
		shown.Secrets = append(shown.Secrets, line)
	}
	for _, c := range v.Channels {
		line := channelLine{c, channelNames[c.Channel], tag{"not tried yet", "plain"}}
		switch {
		case c.Failed != nil:
			line.State = tag{"did not take the last message", "trouble"}
		case c.Taken != nil:
			line.State = tag{"works", "good"}
		}
		shown.Messages = append(shown.Messages, line)
	}
	for _, t := range v.Tokens[:min(len(v.Tokens), sessionsShown)] {
		shown.Tokens = append(shown.Tokens, tokenLine{TokenState: t, Expired: !q.app.Now().Before(t.Expires),
			Revoke: &asking{Button: "Revoke", Do: "Revoke it for good", To: address("system", "tokens", t.ID, "revoke"), Quiet: true}})
	}
	shown.Sessions = v.Sessions[:min(len(v.Sessions), sessionsShown)]
	shown.More = len(v.Tokens) - len(shown.Tokens) + len(v.Sessions) - len(shown.Sessions)

	q.sayWhatIsWrong(&a, v, soonest)
	alone := 0
	for _, s := range shown.Systems {
		if s.State.Tone != "good" {
			alone++
		}
	}
	a.strip = []figure{{nextRun(v.Jobs, q.app.Now()), "next run of a job"}, {quantity(len(v.Unproven)), "tenants not proven"},
		{quantity(alone), "systems slowed or left alone"}}
	if !soonest.IsZero() {
		a.strip = append(a.strip, figure{until(soonest.Sub(q.app.Now())), "a credential ends"})
	}
	a.sub = "syncd " + q.app.Version + " · times are in " + q.app.Location.String()
	a.data = shown
	return a, nil
}

// sayWhatIsWrong gives the page the headline and the box for what does not work.
func (q *request) sayWhatIsWrong(a *answer, v *app.SystemState, soonest time.Time) {
	now, zone := q.app.Now(), q.app.Location
	if n := len(v.Unproven); n == 1 {
		a.headline = "One tenant is not proven"
	} else if n > 1 {
		a.headline = spelled(n, "tenant") + " are not proven"
	}
	if !soonest.IsZero() && soonest.Sub(now) < endsSoon {
		a.trouble = append(a.trouble, trouble{What: "A credential ends " + whenZone(soonest, now, zone) + ".",
			Do: "Make a new one at the system, write it into the configuration, and let syncd take it."})
	}
	for _, c := range v.Channels {
		if c.Failed != nil {
			a.trouble = append(a.trouble, trouble{What: channelNames[c.Channel] + " did not take the last message " + whenZone(*c.Failed, now, zone) + ".", Do: sentence(c.Error)})
		}
	}
	for _, p := range v.Waits {
		a.headline = "A system is left alone"
		a.trouble = append(a.trouble, trouble{What: q.app.Config.TargetTitle(p.System) + " is left alone until " + whenZone(p.Until, now, zone) + ".", Do: sentence(p.Why)})
	}
	for _, b := range v.Breakers {
		a.headline = "A system is left alone"
		a.trouble = append(a.trouble, trouble{What: q.app.Config.TargetTitle(b.System) + " does not answer.", Do: failsUntil(b.Host, b.Until, now, zone)})
	}
	if b := v.Backup; b != nil && b.Failed != nil {
		a.headline = "A backup was not made"
		a.trouble = append(a.trouble, trouble{What: "No backup since " + whenZone(b.Failed.At, now, zone) + ".", Do: sentence(b.Failed.Why)})
	}
	if c := v.Reload; c != nil && c.Refused != nil {
		a.headline = "The newest configuration is not in force"
		a.trouble = append(a.trouble, trouble{What: "The configuration was not taken " + whenZone(c.Refused.At, now, zone) + ", and the former one stays.", Do: sentence(clipped(c.Refused.Why, maxText))})
	}
	for i := range v.Failing {
		a.headline = "Not every job succeeds"
		a.trouble = append(a.trouble, trouble{What: sentence(v.Failing[i].Short(zone)), Do: sentence(v.Failing[i].Why), Link: address("runs", v.Failing[i].Run)})
	}
	if err := q.app.Ready(); err != nil {
		a.headline = "syncd is not ready"
		a.trouble = append([]trouble{{What: "Not ready.", Do: sentence(err.Error())}}, a.trouble...)
	}
}

// failsUntil says how a host is treated that fails and fails.
func failsUntil(host string, until, now time.Time, zone *time.Location) string {
	if until.After(now) {
		return host + " kept failing, and is asked again " + whenZone(until, now, zone) + "."
	}
	return host + " kept failing; the next request finds out whether it answers again."
}

// systemLines are the systems that are asked, with what keeps requests from them.
func (q *request) systemLines(v *app.SystemState) []systemLine {
	now, zone := q.app.Now(), q.app.Location
	var lines []systemLine
	for _, l := range v.Buckets {
		line := systemLine{Name: l.System, Rate: l.Rate, Free: "no limit", UnderWay: l.UnderWay, State: tag{"at full speed", "good"}}
		if l.Tokens != nil {
			line.Free = fmt.Sprintf("%s of %d", quantity(fmt.Sprint(*l.Tokens)), l.Burst)
		}
		if l.Speed < 1 {
			line.State, line.Why = tag{fmt.Sprintf("slowed to %.0f%%", l.Speed*100), "attention"}, "It refused requests as too many; without another refusal the speed returns by a quarter a minute."
		}
		for _, p := range v.Waits {
			if p.System == l.System {
				line.State, line.Why = tag{"left alone", "trouble"}, "Until "+whenZone(p.Until, now, zone)+": "+p.Why+"."
			}
		}
		for _, b := range v.Breakers {
			if b.System == l.System {
				line.State, line.Why = tag{"does not answer", "trouble"}, failsUntil(b.Host, b.Until, now, zone)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// ending is how near the end of a credential is.
func (q *request) ending(at time.Time) tag {
	switch left := at.Sub(q.app.Now()); {
	case left <= 0:
		return tag{"ended", "trouble"}
	case left < endsSoon:
		return tag{until(left), "attention"}
	default:
		return tag{until(left), "good"}
	}
}

func nextRun(jobs []app.JobState, now time.Time) string {
	var next time.Time
	for _, j := range jobs {
		switch {
		case j.Running:
			return "now"
		case !j.Next.IsZero() && (next.IsZero() || j.Next.Before(next)):
			next = j.Next
		}
	}
	if next.IsZero() {
		return "by hand"
	}
	return until(next.Sub(now))
}

func showCheck(q *request) (answer, error) {
	ctx, cancel := context.WithTimeout(q.Context(), checkPatience)
	defer cancel()
	checked, err := q.app.CheckNow(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return answer{}, fail(http.StatusGatewayTimeout, "the check takes longer than %s and goes on; look again for what it finds", checkPatience)
	}
	if err != nil {
		return answer{}, err
	}
	wrong := 0
	for _, f := range checked.Checks {
		if !f.OK {
			wrong++
		}
	}
	a := answer{page: "check", title: "Check", headline: "All is well", json: checked, data: checked, commands: []string{"syncd check"}}
	if wrong == 1 {
		a.headline = "One check of " + quantity(len(checked.Checks)) + " found something wrong"
	} else if wrong > 1 {
		a.headline = spelled(wrong, "check") + " of " + quantity(len(checked.Checks)) + " found something wrong"
	}
	a.sub = "Every system was asked " + whenZone(checked.At, q.app.Now(), q.app.Location) + "; nothing was written."
	return a, nil
}

func revokeToken(q *request) (answer, error) {
	t, err := q.app.RevokeToken(q.Context(), q.person.Operator, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	return answer{to: "/system", said: "The token " + clipped(t.ID, maxName) + " is revoked: whoever sends it is refused from now on.", json: app.NewTokenState(t)}, nil
}

func endSession(q *request) (answer, error) {
	s, err := q.app.EndSession(q.Context(), q.person.Operator, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	return answer{to: "/system", said: clipped(s.Name, maxName) + " is signed out there.", json: s}, nil
}
