package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"syncd/internal/web/control"
)

// A ground is the folder in which practice mode keeps what it needs while it runs.
// It is locked while somebody practises there, and cleared whatever ends it; what
// could not be cleared, since nothing outlives a kill, the next practice clears.
type ground struct {
	dir  string
	lock *os.File
}

const groundPattern = "syncd-demo-"

// practiceGround makes the folder, and clears what killed practices left.
func practiceGround() (*ground, error) {
	sweepGrounds(os.TempDir())
	dir, err := os.MkdirTemp("", groundPattern)
	if err != nil {
		return nil, err
	}
	g := &ground{dir: dir}
	if g.lock, err = lockFolder(dir); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return g, nil
}

func (g *ground) clear() {
	os.RemoveAll(g.dir)
	g.lock.Close()
}

// sweepGrounds clears the folders in which nobody practises any more.
func sweepGrounds(in string) {
	const settled = time.Minute // somebody who begins has made the folder and not locked it yet
	left, _ := filepath.Glob(filepath.Join(in, groundPattern+"*"))
	for _, dir := range left {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < settled {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Getuid() {
			continue
		}
		if lock, err := lockFolder(dir); err == nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
}

func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// untilSignal ends the context at any signal that would end the program, so that
// everything is put away first; a second one ends it at once, and clears as well.
// A reader who went away, as in "syncd demo | head", ends it too. That a client of
// the daemon went away is the same signal and ends nothing: what the console says
// of a write tells the two apart.
func (g *ground) untilSignal(ctx context.Context, c *control.Console) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.Out, c.Err = &watched{c.Out, cancel}, &watched{c.Err, cancel}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGALRM, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGXCPU, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO, syscall.SIGSYS, syscall.SIGABRT, syscall.SIGTRAP)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-signals:
				if s == syscall.SIGPIPE {
					n--
					continue
				}
				if n > 0 {
					g.clear()
					os.Exit(statusFailed)
				}
				cancel(errors.New(s.String()))
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// A watched output is one that ends the practice once nobody reads it any more.
type watched struct {
	io.Writer
	end context.CancelCauseFunc
}

func (r *watched) Write(b []byte) (int, error) {
	n, err := r.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		r.end(errors.New("nobody reads any more"))
	}
	return n, err
}
