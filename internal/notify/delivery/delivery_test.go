package delivery

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"syncd/internal/notify"
	"syncd/internal/notify/channel"
	"syncd/internal/rest"
)

// A fake channel answers as its list says, then takes everything.
type fake struct {
	name string

	mu      sync.Mutex
	answers []error
	hang    bool
	got     []string // when, and what
	began   time.Time
}

func (f *fake) Name() string                { return f.name }
func (f *fake) Check(context.Context) error { return channel.ErrUntried }
func (f *fake) Send(ctx context.Context, m notify.Message, base string, at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	var err error
	if len(f.answers) > 0 {
		err, f.answers = f.answers[0], f.answers[1:]
	}
	what := ""
	for word, list := range map[string][]notify.Cause{"new": m.New, "changed": m.Changed, "solved": m.Solved} {
		for _, c := range list {
			what += " " + word + " " + c.Key
		}
	}
	if err != nil {
		what += " refused"
	}
	f.got = append(f.got, fmt.Sprintf("%s %s%s", at.Sub(f.began), m.Kind, what))
	return err
}

func (f *fake) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.got, "; ")
}

// A world is what is true, and what was written down.
type world struct {
	mu     sync.Mutex
	causes []notify.Cause
	known  bool
	saved  Memory
	broken error
}

func (w *world) set(keys ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.causes = nil
	for _, k := range keys {
		w.causes = append(w.causes, notify.Cause{Kind: notify.Waiting, Key: k, Since: time.Now()})
	}
}

func (w *world) remembered(channel string) Delivered {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.saved.Channels[channel]
}

func (w *world) loop(channels ...channel.Channel) *Loop {
	w.known = true
	return New(Options{Channels: channels, Kinds: notify.Kinds, Digest: time.Minute, Now: time.Now, Log: zerolog.Nop(),
		Metrics: NewMetrics(prometheus.NewPedanticRegistry()),
		Facts: func(context.Context) notify.Facts {
			w.mu.Lock()
			defer w.mu.Unlock()
			return notify.Facts{Known: map[notify.Kind]bool{notify.Waiting: w.known}, Causes: w.causes}
		},
		Load: func(context.Context) (Memory, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.saved, w.broken
		},
		Save: func(_ context.Context, m Memory) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.saved = Memory{First: m.First, Channels: map[string]Delivered{}}
			for k, v := range m.Channels {
				w.saved.Channels[k] = v
			}
			return nil
		}})
}

// run runs a loop until the returned function is called.
func run(t *testing.T, l *Loop) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return func() { cancel(); <-done }
}

func TestNewsLeaveADigestAfterTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := &world{}, &fake{name: "mail", began: time.Now()}
		l := w.loop(f)
		defer run(t, l)()
		time.Sleep(90 * time.Second) // nothing is true
		w.set("a")
		l.Wake()
		time.Sleep(10 * time.Second)
		w.set("a", "b") // more of it within the minute
		l.Wake()
		time.Sleep(5 * time.Minute)
		w.set("b")
		l.Wake()
		l.Wake()
		time.Sleep(2 * time.Minute)
		if got, want := f.said(), "2m30s waiting new a new b; 7m40s waiting solved a"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

func TestARestartNeitherRepeatsNorLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f, g := &world{}, &fake{name: "mail", began: time.Now()}, &fake{name: "slack", began: time.Now()}
		g.answers = []error{errors.New("down"), errors.New("down"), errors.New("down"), errors.New("down"), errors.New("down"), errors.New("down")}
		w.set("a")
		stop := run(t, w.loop(f, g))
		time.Sleep(61 * time.Second)
		stop()
		g.answers = nil
		w.set("a", "b")
		stop = run(t, w.loop(f, g))
		time.Sleep(61 * time.Second)
		stop()
		if got, want := f.said(), "1m0s waiting new a; 2m1s waiting new b"; got != want {
			t.Errorf("mail: got %s, want %s", got, want)
		}
		if got, want := g.said(), "1m0s waiting new a refused; 2m1s waiting new a new b"; got != want {
			t.Errorf("slack: got %s, want %s", got, want)
		}
	})
}

// The message is sent, and the machine stops before that is written down.
func TestAMessageThatIsNotWrittenDownIsSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := &world{}, &fake{name: "mail", began: time.Now()}
		w.set("a")
		l := w.loop(f)
		l.Save = func(context.Context, Memory) error { return errors.New("killed") }
		stop := run(t, l)
		time.Sleep(20 * time.Minute) // while it runs it is not repeated
		stop()
		stop = run(t, w.loop(f))
		time.Sleep(2 * time.Minute)
		stop()
		if got, want := f.said(), "1m0s waiting new a; 21m0s waiting new a"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestWhatIsNotTakenIsSentAgain(t *testing.T) {
	asked := &rest.Error{Status: 429, RetryAfter: 40 * time.Second}
	for _, c := range []struct {
		name    string
		answers []error
		want    string
	}{
		{"a pause that grows", []error{errors.New("500"), errors.New("500"), errors.New("500")},
			"1m0s waiting new a refused; 1m2s waiting new a refused; 1m6s waiting new a refused; 1m14s waiting new a"},
		{"a pause that is asked for", []error{asked}, "1m0s waiting new a refused; 1m40s waiting new a"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, f := &world{}, &fake{name: "mail", answers: c.answers, began: time.Now()}
			w.set("a")
			l := w.loop(f)
			defer run(t, l)()
			time.Sleep(3 * time.Minute)
			if got := f.said(); got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
			if d := w.remembered("mail"); d.Error != "" || !d.Failed.IsZero() || d.Taken.IsZero() {
				t.Errorf("%s: got %+v remembered, want only that it was taken", c.name, d)
			}
			failed := testutil.ToFloat64(l.Metrics.messages.WithLabelValues("mail", resultFailed))
			if taken := testutil.ToFloat64(l.Metrics.messages.WithLabelValues("mail", resultTaken)); failed != float64(len(c.answers)) || taken != 1 {
				t.Errorf("%s: got %v failed and %v taken", c.name, failed, taken)
			}
		})
	}
}

// News that come while a channel is left alone wait for its turn, and are told as they are then.
func TestWhileAChannelIsLeftAloneNewsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := &world{}, &fake{name: "mail", answers: []error{&rest.Error{Status: 429, RetryAfter: 10 * time.Minute}}, began: time.Now()}
		w.set("a")
		l := w.loop(f)
		defer run(t, l)()
		time.Sleep(2 * time.Minute)
		w.set("b")
		l.Wake()
		time.Sleep(15 * time.Minute)
		if got, want := f.said(), "1m0s waiting new a refused; 11m0s waiting new b"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestAChannelThatHangsKeepsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f, g := &world{}, &fake{name: "mail", hang: true, began: time.Now()}, &fake{name: "slack", began: time.Now()}
		w.set("a")
		l := w.loop(f, g)
		stop := run(t, l)
		time.Sleep(61 * time.Second)
		woken := time.Now()
		l.Wake()
		l.Wake()
		if took := time.Since(woken); took != 0 {
			t.Errorf("whoever wakes it waits for %s", took)
		}
		if got, want := g.said(), "1m0s waiting new a"; got != want {
			t.Errorf("slack: got %s, want %s", got, want)
		}
		stopped := time.Now()
		stop()
		if took := time.Since(stopped); took != 0 {
			t.Errorf("it is told to stop, and takes %s", took)
		}
	})
}

func TestNothingIsSaidWhileNothingIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := &world{}, &fake{name: "mail", began: time.Now()}
		w.set("a")
		l := w.loop(f)
		defer run(t, l)()
		time.Sleep(2 * time.Minute)
		w.mu.Lock()
		w.known, w.causes = false, nil // the state cannot be read
		w.mu.Unlock()
		l.Wake()
		time.Sleep(2 * time.Minute)
		w.mu.Lock()
		w.known = true
		w.mu.Unlock()
		w.set("a")
		l.Wake()
		time.Sleep(2 * time.Minute)
		if got, want := f.said(), "1m0s waiting new a"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestWithoutItsMemoryNobodyIsToldAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := &world{broken: errors.New("damaged")}, &fake{name: "mail", began: time.Now()}
		w.set("a")
		defer run(t, w.loop(f))()
		time.Sleep(time.Hour)
		if f.said() != "" {
			t.Errorf("got %s", f.said())
		}
	})
}

func TestEveryMetricIsThereFromTheStart(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	NewMetrics(reg)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, f := range families {
		got[f.GetName()] = len(f.GetMetric())
	}
	if want := map[string]int{"syncd_notifications_total": 8, "syncd_notification_last_success_timestamp_seconds": 4}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v", problems, err)
	}
}
