package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	stdsync "sync"
	"time"

	"syncd/internal/notify"
	"syncd/internal/notify/channel"
	"syncd/internal/notify/delivery"
	"syncd/internal/state"
	"syncd/internal/target"
)

// NotifyDocument is what people were told.
const NotifyDocument = "notify"

// newNotifier makes what tells people, and keeps no run waiting.
func (w *App) newNotifier() *delivery.Loop {
	return delivery.New(delivery.Options{Channels: w.channels, Kinds: w.Config.Notify.kinds(), Facts: w.notifyFacts, Digest: w.Config.Notify.Digest, Base: w.Config.pagesURL(),
		Now: w.Now, Log: w.Log, Metrics: w.messages,
		Load: func(ctx context.Context) (delivery.Memory, error) {
			m, _, err := Document[delivery.Memory](ctx, w.Store, NotifyDocument)
			return m, err
		},
		Save: func(ctx context.Context, m delivery.Memory) error {
			// Channels that are configured no more are forgotten: should one come back, it is told what is
			// true then.
			kept := delivery.Memory{First: m.First, Channels: map[string]delivery.Delivered{}}
			for _, c := range w.channels {
				if d, ok := m.Channels[c.Name()]; ok {
					kept.Channels[c.Name()] = d
				}
			}
			_, version, err := Document[delivery.Memory](ctx, w.Store, NotifyDocument)
			if err != nil {
				return err
			}
			return Put(ctx, w.Store, NotifyDocument, version, kept) // nobody else writes it
		}})
}

// A ChannelState is how messages go by one channel.
type ChannelState struct {
	Channel string     `json:"channel"`
	Taken   *time.Time `json:"taken"`  // when it last took a message
	Failed  *time.Time `json:"failed"` // when it last did not; null once it took one
	Error   string     `json:"error"`  // why
	Open    int        `json:"open"`   // causes that it was told of, and not yet that they are solved
}

// Channels are the configured channels, as the daemon left them.
func (w *App) Channels(ctx context.Context) ([]ChannelState, error) {
	m, _, err := Document[delivery.Memory](ctx, w.Store, NotifyDocument)
	all := []ChannelState{}
	for _, c := range w.channels {
		d := m.Channels[c.Name()]
		s := ChannelState{Channel: c.Name(), Error: d.Error, Open: len(d.Told)}
		if !d.Taken.IsZero() {
			s.Taken = &d.Taken
		}
		if !d.Failed.IsZero() {
			s.Failed = &d.Failed
		}
		all = append(all, s)
	}
	return all, err
}

// A ChannelTest is whether a channel took a message that tries it.
type ChannelTest struct {
	Channel string `json:"channel"`
	Taken   bool   `json:"taken"`
	Error   string `json:"error,omitempty"`
}

// TestChannels sends a message to every configured channel. Nothing of it is remembered.
func (w *App) TestChannels(ctx context.Context) ([]ChannelTest, error) {
	if len(w.channels) == 0 {
		return nil, Usage("no channel is configured: write notify with mail, teams, slack or webhook into the configuration; docs/notify.md shows each")
	}
	tests := make([]ChannelTest, len(w.channels))
	w.eachChannel(ctx, func(ctx context.Context, i int, c channel.Channel) {
		at := w.Now()
		tests[i] = ChannelTest{Channel: c.Name(), Taken: true}
		if err := c.Send(ctx, notify.NewTest(at), w.Config.pagesURL(), at); err != nil {
			tests[i].Taken, tests[i].Error = false, w.Config.Redactor().Text(err.Error())
		}
	})
	return tests, nil
}

// eachChannel lets f try every channel, all at once.
func (w *App) eachChannel(ctx context.Context, f func(ctx context.Context, i int, c channel.Channel)) {
	ctx, cancel := context.WithTimeout(ctx, channel.Timeout)
	defer cancel()
	var trying stdsync.WaitGroup
	for i, c := range w.channels {
		trying.Go(func() { f(ctx, i, c) })
	}
	trying.Wait()
}

// checkChannels asks those that can be asked without a message; of the others it says what the
// daemon last found.
func (w *App) checkChannels(ctx context.Context) []target.Finding {
	states, err := w.Channels(ctx)
	if err != nil {
		return []target.Finding{{System: "notify", Name: "messages", Detail: err.Error(), Remedy: stateRemedy(err)}}
	}
	all := make([]target.Finding, len(w.channels))
	w.eachChannel(ctx, func(ctx context.Context, i int, c channel.Channel) {
		f, s := target.Finding{System: "notify", Name: c.Name(), OK: true}, states[i]
		switch err := c.Check(ctx); {
		case err == nil:
			f.Detail = "the server would take a message"
		case !errors.Is(err, channel.ErrUntried):
			f.OK, f.Detail, f.Remedy = false, err.Error(), "correct notify."+c.Name()+", then type syncd notify test"
		case s.Failed != nil:
			f.OK, f.Detail, f.Remedy = false, "the last message was not taken: "+s.Error, "correct notify."+c.Name()+", then type syncd notify test; the daemon tries again by itself"
		case s.Taken != nil:
			f.Detail = "took a message " + s.Taken.In(w.Location).Format("2006-01-02 15:04")
		default:
			f.Detail, f.Remedy = "configured, and not tried yet", "type syncd notify test: it sends a message"
		}
		all[i] = f
	})
	return all
}

// notifyFacts is what is true now, and may be worth telling.
func (w *App) notifyFacts(ctx context.Context) notify.Facts {
	f := notify.Facts{Known: map[notify.Kind]bool{}}
	for kind, causes := range map[notify.Kind]func(context.Context) ([]notify.Cause, error){
		notify.Waiting: w.waitingCauses, notify.Failing: w.failingCauses, notify.Month: w.monthCauses, notify.Renewals: w.renewalCauses,
		notify.Credentials: func(context.Context) ([]notify.Cause, error) { return w.credentialCauses(), nil },
	} {
		if !slices.Contains(w.Config.Notify.kinds(), kind) {
			continue
		}
		found, err := causes(ctx)
		if err != nil {
			if ctx.Err() == nil {
				w.Log.Error().Err(err).Str("kind", string(kind)).Msg("what people are to be told is not known")
			}
			continue
		}
		f.Known[kind], f.Causes = true, append(f.Causes, found...)
	}
	return f
}

// waitingCauses are the plans that wait for a person, the most money first.
func (w *App) waitingCauses(ctx context.Context) (all []notify.Cause, err error) {
	waiting, err := w.Waiting(ctx)
	for i := range waiting {
		x := &waiting[i]
		if x.Stands != state.StandsNeedsApproval && x.Stands != state.StandsNeedsRepair {
			continue // somebody decided
		}
		all = append(all, notify.Plan{Customer: notify.Customer{Key: x.Scope.Customer, Name: x.Name}, Target: x.Scope.Target, Title: w.Config.TargetTitle(x.Scope.Target),
			Changes: x.Writes, Adopts: x.Count - x.Writes, Money: monthlyMoney(&x.Extent), Repair: x.Stands == state.StandsNeedsRepair, Since: x.Since}.Cause())
	}
	return all, err
}

// monthlyMoney is what a plan does to the bills, by currency.
func monthlyMoney(e *Extent) (all []notify.Money) {
	currencies := map[string]bool{}
	for _, sums := range []Sums{e.Up, e.Down} {
		for currency := range sums {
			currencies[currency] = true
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(currencies)) {
		all = append(all, notify.Money{Currency: currency, Increase: e.Up[currency], Decrease: e.Down[currency]})
	}
	return all
}

// failingCauses are the jobs that fail as a whole, and the scopes that a run left behind.
func (w *App) failingCauses(ctx context.Context) (all []notify.Cause, err error) {
	failing, err := state.Failing(w.Store.Runs(ctx), w.jobNames())
	if err != nil {
		return nil, err
	}
	for _, f := range failing {
		all = append(all, notify.FailedJob{Job: f.Job, Run: f.Run, Times: f.Times, Since: f.Since}.Cause())
	}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		switch stands := c.Standing(""); stands {
		case state.StandsFailed, state.StandsPartlyDone, state.StandsNotRead:
			all = append(all, notify.Failed{Customer: notify.Customer{Key: c.Scope.Customer, Name: c.Name}, Target: c.Scope.Target,
				Title: w.Config.TargetTitle(c.Scope.Target), Stands: stands, Since: c.TroubleSince}.Cause())
		}
	}
	return all, nil
}

// monthCauses is the month before this one, once it could be closed.
func (w *App) monthCauses(ctx context.Context) ([]notify.Cause, error) {
	month, err := w.OpenMonth(ctx)
	if err != nil {
		return nil, err
	}
	from, to, err := monthOf(month, w.Location)
	if err != nil || w.Now().Before(to) {
		return nil, err
	}
	packs, err := w.makeMonth(ctx, monthAsked{month: month, from: from, to: to, asOf: w.Now(), offline: true})
	if err != nil {
		return nil, err
	}
	obstacles, err := w.obstacles(ctx, to, packs)
	if err != nil || len(obstacles) > 0 {
		return nil, err
	}
	return []notify.Cause{notify.ReadyMonth{First: from}.Cause()}, nil
}

// renewalCauses are the subscriptions whose term ends soon, the soonest first.
func (w *App) renewalCauses(ctx context.Context) (all []notify.Cause, err error) {
	soon, err := w.endingSoon(ctx, w.Now(), notify.RenewalsDays)
	for _, e := range soon {
		all = append(all, notify.Renewal{Customer: notify.Customer{Key: e.customer, Name: e.name}, Subscription: e.ID, Licence: licenceName(e.SKU), Units: e.Units,
			Ends: e.Ends.In(w.Location)}.Cause())
	}
	return all, err
}

// credentialCauses are the secrets of the configuration that end soon.
func (w *App) credentialCauses() (all []notify.Cause) {
	now := w.Now()
	for _, c := range w.Config.credentials() {
		if c.Expires != nil && c.Expires.Sub(now) <= notify.CredentialSoon {
			all = append(all, notify.Credential{System: c.System, Setting: c.Setting, Ends: c.Expires.In(w.Location)}.Cause(now))
		}
	}
	return all
}
