// Package delivery has channels take messages: a while after something happened, again where one
// did not take them, and with what each was told written down, so that a restart neither repeats
// nor loses. Between taking a message and writing that down the machine may stop: then the message
// is sent twice, which is better than never.
package delivery

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"syncd/internal/notify"
	"syncd/internal/notify/channel"
)

// How often it is looked for what nobody wakes it for, such as a credential that comes to its end,
// and how long after a failure a message is sent again: twice as long each time.
const (
	lookEvery   = 10 * time.Minute
	firstPause  = 2 * time.Second
	longestWait = 15 * time.Minute
	longestAsk  = time.Hour // that another side may ask for
)

// Memory is what is remembered between runs of the daemon.
type Memory struct {
	First    map[string]time.Time `json:"first,omitempty"` // when causes were first seen that do not say
	Channels map[string]Delivered `json:"channels"`
}

// Delivered is what one channel was told, and how its last attempts ended.
type Delivered struct {
	Told   notify.Told `json:"told,omitempty"`
	Taken  time.Time   `json:"taken,omitzero"`  // when it last took a message
	Failed time.Time   `json:"failed,omitzero"` // when it last did not; zero once it took one
	Error  string      `json:"error,omitempty"` // why
}

// Options are what a Loop is made of.
type Options struct {
	Channels []channel.Channel
	Kinds    []notify.Kind                          // that people are told of
	Facts    func(ctx context.Context) notify.Facts // what is true now
	Load     func(ctx context.Context) (Memory, error)
	Save     func(ctx context.Context, m Memory) error
	Digest   time.Duration // how long news are gathered
	Base     string        // of links
	Now      func() time.Time
	Log      zerolog.Logger
	Metrics  *Metrics
}

// A Loop tells people what is new for as long as it runs. Nobody waits for it.
type Loop struct {
	Options
	wake chan struct{}

	mu     sync.Mutex // guards what follows
	memory Memory
}

// New returns a Loop.
func New(o Options) *Loop { return &Loop{Options: o, wake: make(chan struct{}, 1)} }

// Wake says that something happened. It returns at once, and may be called on a nil Loop.
func (l *Loop) Wake() {
	if l == nil {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Run tells people what is new until ctx ends.
func (l *Loop) Run(ctx context.Context) error {
	for {
		var err error
		if l.memory, err = l.Load(ctx); err == nil {
			break
		}
		// Without it everything would be told again.
		l.Log.Error().Err(err).Msg("what people were told cannot be read; nobody is told anything until it can")
		if !wait(ctx, lookEvery) {
			return nil
		}
	}
	if l.memory.Channels == nil {
		l.memory.Channels = map[string]Delivered{}
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	inboxes := make([]chan notify.Facts, len(l.Channels))
	for i, c := range l.Channels {
		l.Metrics.taken(c.Name(), l.memory.Channels[c.Name()].Taken)
		inboxes[i] = make(chan notify.Facts, 1)
		workers.Go(func() { l.serve(ctx, c, inboxes[i]) })
	}
	for wait(ctx, l.Digest) {
		facts := l.look(ctx)
		for _, inbox := range inboxes {
			select { // what is newer stands for what was not looked at
			case <-inbox:
			default:
			}
			inbox <- facts
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-time.After(lookEvery):
		}
	}
	return nil
}

// look is what is true now.
func (l *Loop) look(ctx context.Context) notify.Facts {
	facts := l.Facts(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	facts, first := notify.Since(l.memory.First, facts, l.Now())
	if !maps.EqualFunc(first, l.memory.First, time.Time.Equal) {
		l.memory.First = first
		l.save(ctx)
	}
	return facts
}

// serve tells one channel, until ctx ends.
func (l *Loop) serve(ctx context.Context, c channel.Channel, inbox <-chan notify.Facts) {
	var (
		facts    notify.Facts
		again    <-chan time.Time // when what failed is tried again; news wait for that
		failures int
	)
	for {
		select {
		case <-ctx.Done():
			return
		case facts = <-inbox:
			if again != nil {
				continue
			}
		case <-again:
			again = nil
		}
		err := l.tell(ctx, c, facts)
		if err == nil || ctx.Err() != nil {
			failures = 0
			continue
		}
		pause := max(min(firstPause<<min(failures, 16), longestWait), min(channel.RetryAfter(err), longestAsk))
		failures++
		again = time.After(pause)
		l.Log.Warn().Str("channel", c.Name()).Err(err).Int64("wait_ms", pause.Milliseconds()).Msg("message not taken")
	}
}

// tell sends what a channel is to be told now. It ends with the first message that is not taken.
func (l *Loop) tell(ctx context.Context, c channel.Channel, facts notify.Facts) error {
	l.mu.Lock()
	d := l.memory.Channels[c.Name()]
	l.mu.Unlock()
	messages, kept := notify.Decide(d.Told, facts, l.Kinds, l.Now())
	d.Told = kept
	for _, m := range messages {
		sending, cancel := context.WithTimeout(ctx, channel.Timeout)
		err := c.Send(sending, m, l.Base, l.Now())
		cancel()
		if ctx.Err() != nil && err != nil {
			return err // it goes once the daemon is up again
		}
		if err != nil {
			l.Metrics.sent(c.Name(), err)
			d.Failed, d.Error = l.Now().UTC(), err.Error()
			l.remember(ctx, c.Name(), d)
			return err
		}
		d.Told, d.Taken, d.Failed, d.Error = d.Told.After(m), l.Now().UTC(), time.Time{}, ""
		l.remember(context.WithoutCancel(ctx), c.Name(), d)
		l.Metrics.sent(c.Name(), nil) // what is counted is written down
		l.Metrics.taken(c.Name(), d.Taken)
		l.Log.Info().Str("channel", c.Name()).Str("kind", string(m.Kind)).Int("new", len(m.New)).Int("changed", len(m.Changed)).Int("solved", len(m.Solved)).Msg("message taken")
	}
	return nil
}

func (l *Loop) remember(ctx context.Context, name string, d Delivered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.memory.Channels[name] = d
	l.save(ctx)
}

// save is called with mu held.
func (l *Loop) save(ctx context.Context) {
	if err := l.Save(ctx, l.memory); err != nil && ctx.Err() == nil {
		l.Log.Error().Err(err).Msg("what people were told is not written down; after a restart they are told again")
	}
}

// wait returns false where ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Metrics count messages. A nil one counts nothing.
type Metrics struct {
	messages *prometheus.CounterVec
	last     *prometheus.GaugeVec
}

// The results of an attempt.
const (
	resultTaken  = "taken"
	resultFailed = "failed"
)

// NewMetrics registers them, at 0 for each channel, also for those that nobody configured.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "syncd_notifications_total",
			Help: "Attempts to send a message, by whether the channel took it."}, []string{"channel", "result"}),
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_notification_last_success_timestamp_seconds",
			Help: "When a channel last took a message; 0 where it never did."}, []string{"channel"}),
	}
	reg.MustRegister(m.messages, m.last)
	for _, name := range channel.Names {
		m.messages.WithLabelValues(name, resultTaken)
		m.messages.WithLabelValues(name, resultFailed)
		m.last.WithLabelValues(name)
	}
	return m
}

func (m *Metrics) sent(name string, err error) {
	if m == nil {
		return
	}
	result := resultTaken
	if err != nil {
		result = resultFailed
	}
	m.messages.WithLabelValues(name, result).Inc()
}

func (m *Metrics) taken(name string, at time.Time) {
	if m != nil && !at.IsZero() {
		m.last.WithLabelValues(name).Set(float64(at.Unix()))
	}
}
