package secret

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"
)

// A Place is where a secret lies that may be another one tomorrow: a file, a vault.
type Place struct {
	Name string // as people know it: a path, an address
	// Remote is whether another machine is asked. Then the secret is read where somebody
	// calls Renew, and not at every use.
	Remote bool
	// Read reads what lies there now, and when it ends, where the place says so.
	Read func(ctx context.Context) (text string, expires time.Time, err error)
}

// mostFormer is how many former texts of a secret are still looked for where secrets are
// taken out: who refuses one may repeat it.
const mostFormer = 4

// A kept secret is what lies at a place, as it was read last. A text that cannot be read,
// or is none, never takes the place of one that was.
type kept struct {
	Place

	reading chan struct{} // holds one while somebody reads the place
	begun   atomic.Uint64 // readings

	mu      sync.Mutex              // guards what follows
	texts   []unique.Handle[string] // the one in force first, then former ones
	expires time.Time
	trouble error
	told    func(error)

	version atomic.Uint64 // of texts
}

// Keep makes a secret of what lies at a place. It is empty-handed until Renew or, where
// the place is not remote, Reveal reads it.
func Keep(p Place) String { return String{kept: &kept{Place: p, reading: make(chan struct{}, 1)}} }

// Renew reads a kept secret anew. It returns why that failed; the former text stays in force
// then. Any other secret is as new as it can be.
func (s String) Renew(ctx context.Context) error {
	if s.kept == nil {
		return nil
	}
	return s.kept.renew(ctx)
}

// Last is the text as it was last read; Reveal reads it anew where it is kept in a file.
func (s String) Last() string {
	texts, _ := s.known()
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

// Former is what a kept secret was before; empty where it was never another one. Who gives
// out secrets may take a while to accept a new one.
func (s String) Former() string {
	if s.kept == nil {
		return ""
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if len(s.kept.texts) < 2 {
		return ""
	}
	return s.kept.texts[1].Value()
}

// Place is where a kept secret lies; empty for any other.
func (s String) Place() string {
	if s.kept == nil {
		return ""
	}
	return s.kept.Name
}

// Expires is when the secret ends, as its place said at the last reading; zero where it does not say.
func (s String) Expires() time.Time {
	if s.kept == nil {
		return time.Time{}
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return s.kept.expires
}

// Trouble is why the last reading of a kept secret failed, or nil.
func (s String) Trouble() error {
	if s.kept == nil {
		return nil
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	return s.kept.trouble
}

// Tell has a function called when another text was taken (nil), and when reading began to
// fail; it may be nil. It must not have the secret read.
func (s String) Tell(told func(error)) {
	if s.kept == nil {
		return
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	s.kept.told = told
}

var errNothing = errors.New("there is nothing there")

func (k *kept) renew(ctx context.Context) error {
	asked := k.begun.Load()
	select {
	case k.reading <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-k.reading }()
	if k.Remote && k.begun.Load() > asked { // somebody read it since
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.trouble
	}
	k.begun.Add(1)
	text, expires, err := k.Read(ctx)
	if err == nil && text == "" {
		err = errNothing
	}
	if told := k.take(text, expires, err); told != nil {
		told(err)
	}
	return err
}

// take notes what a reading gave, and returns whom to tell of it.
func (k *kept) take(text string, expires time.Time, err error) (told func(error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		news := k.trouble == nil || k.trouble.Error() != err.Error()
		if k.trouble = err; news {
			return k.told
		}
		return nil
	}
	k.trouble, k.expires = nil, expires
	now := unique.Make(text)
	if len(k.texts) > 0 && k.texts[0] == now {
		return nil
	}
	if len(k.texts) > 0 {
		told = k.told
	}
	k.texts = slices.Insert(slices.DeleteFunc(k.texts, func(former unique.Handle[string]) bool { return former == now }), 0, now)
	k.texts = k.texts[:min(len(k.texts), 1+mostFormer)]
	k.version.Add(1)
	return told
}

// text is what is in force.
func (k *kept) text() string {
	if !k.Remote {
		_ = k.renew(context.Background()) // what stands in the way was told
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.texts) == 0 {
		return ""
	}
	return k.texts[0].Value()
}

// known are all texts by which somebody may know the secret, and their version.
func (s String) known() (texts []string, version uint64) {
	if s.kept == nil {
		return []string{s.Reveal()}, 0
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	for _, t := range s.kept.texts {
		texts = append(texts, t.Value())
	}
	return texts, s.kept.version.Load()
}
