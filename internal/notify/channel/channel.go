// Package channel brings messages to people: by mail, to Microsoft Teams, to Slack, and to a
// webhook of the operator's own. A channel tries once; when to try again is for the caller.
package channel

import (
	"context"
	"errors"
	"time"

	"syncd/internal/notify"
	"syncd/internal/rest"
)

// A Channel is a way to people. Its errors show no secret and no address.
type Channel interface {
	Name() string
	// Send returns nil once the message was taken, and ends with ctx. It may be called from many
	// goroutines.
	Send(ctx context.Context, m notify.Message, base string, at time.Time) error
	// Check asks whether messages would be taken, without sending one; ErrUntried where only a
	// message could tell.
	Check(ctx context.Context) error
}

// The channels that there are.
const (
	MailName    = "mail"
	TeamsName   = "teams"
	SlackName   = "slack"
	WebhookName = "webhook"
)

// Names are the names of all of them.
var Names = []string{MailName, TeamsName, SlackName, WebhookName}

// ErrUntried says that nothing but a message tells whether a channel takes messages.
var ErrUntried = errors.New("only a message tells: syncd notify test sends one")

// Timeout is how long one attempt may take.
const Timeout = 30 * time.Second

// RetryAfter is what the other side asked for, or 0.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*rest.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
