package pages

import (
	"context"
	"sync"
	"time"
)

// A kept is a document that takes long to make from the state, and is made anew at most
// once in a while, and after a run. Whoever asks gets the last one at once while a newer one
// is made, unless that takes a moment only.
type kept[T any] struct {
	make  func(ctx context.Context, name string) (T, error)
	stamp func() int64 // is another one after each run

	mu        sync.Mutex
	docs      map[string]*keptDoc[T]
	forgotten int // how often
}

type keptDoc[T any] struct {
	value  T
	at     time.Time
	stamp  int64
	took   time.Duration
	making bool
}

// keptFor is how old a document may be before it is made anew, keptMost how many are kept, and
// aMoment how long people wait for a newer one.
const (
	aMoment  = 30 * time.Millisecond
	keptFor  = 20 * time.Second
	keptMost = 24
)

// forget has every document made anew when it is asked for: something changed just now.
func (k *kept[T]) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.docs = nil
	k.forgotten++
}

// get returns the document.
func (k *kept[T]) get(ctx context.Context, name string) (T, error) {
	k.mu.Lock()
	d := k.docs[name]
	if d != nil {
		outdated := d.stamp != k.stamp()
		if !outdated || d.took > aMoment {
			if (outdated || time.Since(d.at) > keptFor) && !d.making {
				d.making = true
				go k.renew(context.WithoutCancel(ctx), name)
			}
			defer k.mu.Unlock()
			return d.value, nil
		}
	}
	k.mu.Unlock()
	return k.renew(ctx, name)
}

// renew makes the document and keeps it.
func (k *kept[T]) renew(ctx context.Context, name string) (T, error) {
	k.mu.Lock()
	forgotten := k.forgotten
	k.mu.Unlock()
	stamp, began := k.stamp(), time.Now()
	value, err := k.make(ctx, name)
	k.mu.Lock()
	defer k.mu.Unlock()
	if forgotten != k.forgotten {
		return value, err // it may be of before something changed
	}
	if err != nil {
		delete(k.docs, name) // the next one to ask is told
		return value, err
	}
	if k.docs == nil || len(k.docs) >= keptMost && k.docs[name] == nil {
		k.docs = map[string]*keptDoc[T]{}
	}
	k.docs[name] = &keptDoc[T]{value: value, at: time.Now(), stamp: stamp, took: time.Since(began)}
	return value, nil
}
