// Package backup keeps verified copies of the state in a folder, encrypted where that
// is wanted, and opens them again.
package backup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"filippo.io/age"

	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

// A Folder holds backups of one state.
type Folder struct {
	Dir        string
	Keep       int             // how many of ours stay
	Recipients []age.Recipient // who can read them; none: whoever reads the folder
	StatePath  string          // the state in use; what must be plain for a moment is beside it
}

// A File is a backup.
type File struct {
	Name  string    `json:"file"`
	At    time.Time `json:"at"`    // what the state was then
	Bytes int64     `json:"bytes"` // of the file
}

const (
	stamp   = "20060102T150405Z"
	partial = ".partial" // ends the name of a file that is being written
)

// ours are the names of what this package writes; no other file is ever touched.
var ours = regexp.MustCompile(`^syncd-([0-9]{8}T[0-9]{6}Z)\.db(\.age)?(\.partial)?$`)

// Files are the backups in the folder, the newest first.
func (f *Folder) Files() ([]File, error) {
	files, _, err := f.read()
	return files, err
}

// read also returns the names of files that killed processes left half written.
func (f *Folder) read() (files []File, unfinished []string, err error) {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, nil, err
	}
	inUse, _ := os.Stat(f.StatePath)
	for _, e := range entries {
		name := ours.FindStringSubmatch(e.Name())
		if name == nil || !e.Type().IsRegular() {
			continue
		}
		at, err := time.Parse(stamp, name[1])
		info, gone := e.Info()
		if err != nil || gone != nil || inUse != nil && os.SameFile(info, inUse) {
			continue
		}
		if name[3] == partial {
			unfinished = append(unfinished, e.Name())
			continue
		}
		files = append(files, File{e.Name(), at, info.Size()})
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Name, a.Name)) })
	return files, unfinished, nil
}

// Write copies the state into the folder and verifies the copy, which has no name of a
// backup before that; then it removes the oldest of ours, so that Keep stay. A file that
// could not be removed is a KeptError, and the new backup is good all the same.
func (f *Folder) Write(ctx context.Context, store state.Store, now time.Time) (File, error) {
	file, err := f.write(ctx, store, now.UTC().Truncate(time.Second))
	if err != nil {
		return File{}, fmt.Errorf("backing the state up to %s: %w", f.Dir, explain(err))
	}
	return file, f.prune(file)
}

func (f *Folder) write(ctx context.Context, store state.Store, at time.Time) (file File, err error) {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return file, err
	}
	_, unfinished, err := f.read()
	if err != nil {
		return file, err
	}
	for _, name := range unfinished {
		os.Remove(filepath.Join(f.Dir, name))
	}
	if err := f.checkSpace(); err != nil {
		return file, err
	}
	ending := ".db"
	if len(f.Recipients) > 0 {
		ending = ".db.age"
	}
	name := "syncd-" + at.Format(stamp) + ending
	for exists(filepath.Join(f.Dir, name)) { // the clock went back
		at = at.Add(time.Second)
		name = "syncd-" + at.Format(stamp) + ending
	}
	path := filepath.Join(f.Dir, name)
	defer os.Remove(path + partial) // gone already where all went well
	if len(f.Recipients) > 0 {
		err = f.writeEncrypted(ctx, store, path+partial)
	} else {
		err = writeVerified(ctx, store, path+partial)
	}
	if err != nil {
		return file, err
	}
	info, err := os.Stat(path + partial)
	if err != nil {
		return file, err
	}
	if err := os.Rename(path+partial, path); err != nil {
		return file, err
	}
	return File{name, at, info.Size()}, syncDir(f.Dir)
}

// writeVerified writes a copy of the state as it is to a new file, and reads it back as the
// state that it is.
func writeVerified(ctx context.Context, store state.Store, path string) error {
	err := writeFile(path, func(out io.Writer) error { return store.Backup(ctx, out) })
	if err != nil {
		return err
	}
	if _, err := boltstate.VerifyFile(ctx, path); err != nil {
		return fmt.Errorf("the copy was not found whole, so it does not count: %w", err)
	}
	return nil
}

// writeEncrypted verifies a copy beside the state, where nobody reads who does not read the
// state, encrypts it to a new file, and compares what arrived there with what was sent.
func (f *Folder) writeEncrypted(ctx context.Context, store state.Store, path string) error {
	temp, err := os.CreateTemp(filepath.Dir(f.StatePath), filepath.Base(f.StatePath)+boltstate.VerifyInfix+"*")
	if err != nil {
		return fmt.Errorf("the copy is verified before it is encrypted: %w", err)
	}
	plain := temp.Name()
	defer os.Remove(plain)
	temp.Close()
	if err := writeVerified(ctx, store, plain); err != nil {
		return err
	}
	sent, arrived := sha256.New(), sha256.New()
	err = writeFile(path, func(out io.Writer) error {
		from, err := os.Open(plain)
		if err != nil {
			return err
		}
		defer from.Close()
		to, err := age.Encrypt(io.MultiWriter(out, sent), f.Recipients...)
		if err == nil {
			_, err = io.Copy(to, cancellable{ctx, from})
		}
		if err == nil {
			err = to.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	back, err := os.Open(path)
	if err != nil {
		return err
	}
	defer back.Close()
	if _, err := io.Copy(arrived, cancellable{ctx, back}); err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	if !bytes.Equal(sent.Sum(nil), arrived.Sum(nil)) {
		return errors.New("what arrived there is not what was written; look at the disk")
	}
	return nil
}

// writeFile makes a file, whose text write writes, and flushes it to the disk.
func writeFile(path string, write func(io.Writer) error) error {
	to, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = write(to)
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}

// cancellable ends a long copy once ctx is done.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

// A KeptError says which old backups could not be removed.
type KeptError struct{ error }

func (e KeptError) Unwrap() error { return e.error }

// prune removes the oldest of ours. The one that was just made stays whatever the others'
// times say: a clock that was ahead for a while must not cost every backup since.
func (f *Folder) prune(made File) error {
	files, err := f.Files()
	if err != nil {
		return KeptError{fmt.Errorf("looking for backups that are one too many: %w", err)}
	}
	files = slices.DeleteFunc(files, func(x File) bool { return x.Name == made.Name })
	var errs []error
	for _, old := range files[min(len(files), max(f.Keep, 1)-1):] {
		errs = append(errs, os.Remove(filepath.Join(f.Dir, old.Name)))
	}
	if err := errors.Join(errs...); err != nil {
		return KeptError{fmt.Errorf("more than %d backups are kept: %w", f.Keep, err)}
	}
	return nil
}

// checkSpace refuses a copy that does not fit, or that would leave the state on the same
// disk without room: a backup must not be what stops a run.
func (f *Folder) checkSpace() error {
	info, err := os.Stat(f.StatePath)
	if err != nil {
		return err
	}
	beside, size := filepath.Dir(f.StatePath), info.Size()
	needs := map[string]int64{f.Dir: size}
	if len(f.Recipients) > 0 {
		needs[beside] += size
	}
	if sameDisk(f.Dir, beside) {
		needs = map[string]int64{f.Dir: needs[f.Dir] + needs[beside]}
	}
	for dir, need := range needs {
		if sameDisk(dir, beside) {
			need += size // what runs write meanwhile
		}
		if free, known := FreeSpace(dir); known && free < need {
			return fmt.Errorf("%s has %d MiB free, and a backup needs %d MiB there; free space, or keep fewer; the backups that are there stay", dir, free>>20, need>>20+1)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// syncDir flushes a directory, so that a new name in it survives a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
