package pagestest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// ErrNoBrowser says that there is no Chromium on this machine.
var ErrNoBrowser = errors.New("there is no chromium on this machine: install Debian's package chromium")

// A Browser is a headless Chromium with one page.
type Browser struct {
	ctx  context.Context
	stop func()

	mu         sync.Mutex
	complaints []string
}

// patience is how long a step may take.
const patience = 20 * time.Second

// NewBrowser starts Chromium with its profile in dir.
func NewBrowser(ctx context.Context, dir string) (*Browser, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, ErrNoBrowser
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(dir), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.Flag("disable-component-update", true))
	allocator, end := chromedp.NewExecAllocator(ctx, options...)
	page, cancel := chromedp.NewContext(allocator)
	b := &Browser{ctx: page, stop: func() { cancel(); end() }}
	entries, exceptions := chromedp.Events(page, log.EntryAdded), chromedp.Events(page, runtime.ExceptionThrown)
	if _, err := chromedp.Call(page, log.Enable, cdp.Empty{}); err != nil {
		b.stop()
		return nil, fmt.Errorf("starting chromium: %w", err)
	}
	go func() {
		for e, err := range entries {
			if err != nil {
				return
			}
			b.complain(e.Entry.Text)
		}
	}()
	go func() {
		for e, err := range exceptions {
			if err != nil {
				return
			}
			b.complain(e.ExceptionDetails.Text)
		}
	}()
	return b, nil
}

func (b *Browser) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// Complaints are what the browser's console said of the pages, such as what their policy
// forbids. Nothing of that is wanted.
func (b *Browser) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.complaints
}

// Forgive forgets what the console said with a text in it: what a test brought about.
func (b *Browser) Forgive(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = slices.DeleteFunc(b.complaints, func(c string) bool { return strings.Contains(c, text) })
}

// Close ends it.
func (b *Browser) Close() { b.stop() }

func (b *Browser) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Size is the window's.
func (b *Browser) Size(width, height int64) error {
	return b.do(chromedp.EmulateViewport(width, height))
}

// Dark has pages shown in dark, or in light.
func (b *Browser) Dark(dark bool) error {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	return err
}

// Scripts lets pages run scripts, or not.
func (b *Browser) Scripts(run bool) error {
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
	return err
}

// Open goes to an address.
func (b *Browser) Open(address string) error { return b.do(chromedp.Navigate(address)) }

// Click clicks what a CSS selector finds first.
func (b *Browser) Click(selector string) error {
	if err := b.do(chromedp.Click(chromedp.CSS(selector))); err != nil {
		return fmt.Errorf("clicking %s: %w", selector, err)
	}
	return nil
}

// Upload chooses a file of this machine in a field.
func (b *Browser) Upload(selector, path string) error {
	if err := b.do(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path})); err != nil {
		return fmt.Errorf("choosing a file in %s: %w", selector, err)
	}
	return nil
}

// Back goes to the page before.
func (b *Browser) Back() error { return b.do(chromedp.NavigateBack()) }

// Fill types into a field.
func (b *Browser) Fill(selector, text string) error {
	if err := b.do(chromedp.SendKeys(chromedp.CSS(selector), text)); err != nil {
		return fmt.Errorf("filling %s: %w", selector, err)
	}
	return nil
}

// See waits until what a CSS selector finds first says a text.
func (b *Browser) See(selector, text string) error {
	seen := ""
	for end := time.Now().Add(patience); time.Now().Before(end); {
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		got, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(selector)))
		cancel()
		if err == nil {
			if seen = got; strings.Contains(seen, text) {
				return nil
			}
		}
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s says %q, and not %q", selector, seen, text)
}

// Picture is the page as a PNG.
func (b *Browser) Picture() ([]byte, error) { return chromedp.Run(b.ctx, chromedp.FullScreenshot(100)) }

// Evaluate runs a script of the test's own in the page, and returns what it gives as text.
func (b *Browser) Evaluate(script string) (string, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[string](script))
}
