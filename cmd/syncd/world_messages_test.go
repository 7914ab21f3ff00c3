package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"syncd/internal/notify/notifytest"
)

// The secrets of the channels; the addresses have theirs too.
const (
	mailPassword = "make-believe-mail-password"
	webhookKey   = "make-believe-webhook-key"
)

// messages are the channels that people are told by.
type messages struct {
	mail  *notifytest.MailServer
	hooks map[string]*notifytest.Receiver
}

// messages brings up where messages arrive, or checks what did:
//
//	start DIGEST                  mail, teams, slack and webhook are there, and config.yaml names them
//	answer CHANNEL STATUS [NAME VALUE]
//	                              what the next request is answered instead of being taken
//	say COMMAND ANSWER            likewise for a command of the mail server; an empty one takes it back
//	hang CHANNEL                  the next request is never answered
//	told CHANNEL N [PATTERN…]     wait until it took so many, none was wrong, and the last one has all of the patterns
//	asked CHANNEL N               wait until it was asked so often, taken or not
//	nowhere TEXT                  no message has the text
func (w *world) tell(args []string) error {
	m := &w.messages
	switch verb := args[0]; {
	case verb == "start" && len(args) == 2:
		var err error
		if m.mail, err = notifytest.StartMailServer(notifytest.MailOptions{User: "syncd", Password: mailPassword}); err != nil {
			return err
		}
		m.hooks = map[string]*notifytest.Receiver{"teams": notifytest.NewTeams(), "slack": notifytest.NewSlack(), "webhook": notifytest.NewWebhook(webhookKey)}
		f, err := os.OpenFile(filepath.Join(w.dir, "config.yaml"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = fmt.Fprintf(f, "url: https://syncd.example.net\nnotify:\n  digest: %s\n  mail: {server: %q, from: syncd@example.net, to: [billing@example.net], user: syncd, password: %s}\n"+
			"  teams: {url: %q}\n  slack: {url: %q}\n  webhook: {url: %q, secret: %s}\n", args[1], m.mail.Addr, mailPassword, m.hooks["teams"].URL, m.hooks["slack"].URL, m.hooks["webhook"].URL, webhookKey)
		return err
	case verb == "answer" && len(args) > 2:
		status, err := strconv.Atoi(args[2])
		m.hooks[args[1]].Answer(status, args[3:]...)
		return err
	case verb == "say" && len(args) == 3:
		m.mail.Say(args[1], args[2])
	case verb == "hang" && len(args) == 2:
		m.hooks[args[1]].Hang()
	case verb == "asked" && len(args) == 3:
		return within(func() error {
			if n := m.hooks[args[1]].Requests(); strconv.Itoa(n) != args[2] {
				return fmt.Errorf("%s was asked %d times, want %s", args[1], n, args[2])
			}
			return nil
		})
	case verb == "told" && len(args) > 2:
		return within(func() error { return m.told(args[1], args[2], args[3:]) })
	case verb == "nowhere" && len(args) == 2:
		for _, channel := range []string{"mail", "teams", "slack", "webhook"} {
			for _, text := range m.taken(channel) {
				if strings.Contains(text, args[1]) {
					return fmt.Errorf("%s stands in what %s took:\n%s", args[1], channel, text)
				}
			}
		}
	default:
		return fmt.Errorf("world messages %s means nothing", strings.Join(args, " "))
	}
	return nil
}

// within asks again and again for a while.
func within(ask func() error) (err error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = ask(); err == nil {
			return nil
		}
	}
	return err
}

func (m *messages) taken(channel string) []string {
	if channel == "mail" {
		return m.mail.Mails()
	}
	return m.hooks[channel].Bodies()
}

func (m *messages) told(channel, count string, patterns []string) error {
	taken := m.taken(channel)
	var refusals []string
	if channel == "mail" {
		refusals = m.mail.Refusals()
	} else {
		refusals = m.hooks[channel].Refusals()
	}
	if strconv.Itoa(len(taken)) != count || len(refusals) > 0 {
		return fmt.Errorf("%s took %d messages, want %s; wrong were %q:\n%s", channel, len(taken), count, refusals, strings.Join(taken, "\n"))
	}
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(taken[len(taken)-1]) {
			return fmt.Errorf("%s took no %q last:\n%s", channel, p, taken[len(taken)-1])
		}
	}
	return nil
}

func (m *messages) close() {
	if m.mail == nil {
		return
	}
	m.mail.Close()
	for _, h := range m.hooks {
		h.Close()
	}
}
