package boltstate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"syncd/internal/state"
)

// Options are how a file is opened; the zero value is good.
type Options struct {
	// Timeout is how long to wait for another process to release the file; 0 = 1s.
	Timeout time.Duration
	// ReadOnly neither creates nor migrates nor writes. Several processes may
	// read one file at once, while none has it open for writing.
	ReadOnly bool
}

const remedy = "restore a backup: syncd state restore FILE"

// Open opens the state in the file path, makes it where there is none, and
// brings an older one up to date. The directory must exist.
//
// It is state.ErrLocked where another process has the file, state.ErrCorrupt
// where the file is damaged or not a state, state.ErrNewer where a newer syncd
// wrote it, and fs.ErrNotExist where the directory (or, read-only, the file)
// is missing. It takes a millisecond whatever the size of the file.
func Open(path string, opts Options) (*Store, error) {
	return openWith(path, opts, migrations)
}

// VerifyFile verifies a state that nobody writes to, such as a backup.
func VerifyFile(ctx context.Context, path string) (state.Counts, error) {
	s, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		return state.Counts{}, err
	}
	counts, err := s.Verify(ctx)
	return counts, errors.Join(err, s.Close())
}

func openWith(path string, opts Options, steps []migration) (*Store, error) {
	s, err := tryOpen(path, opts, steps)
	if errors.Is(err, fs.ErrNotExist) && !opts.ReadOnly {
		if err := create(path, steps); err != nil {
			return nil, fmt.Errorf("making the state %s: %w", path, err)
		}
		s, err = tryOpen(path, opts, steps)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the state %s: %w", path, err)
	}
	return s, nil
}

func tryOpen(path string, opts Options, steps []migration) (_ *Store, err error) {
	timeout := cmp.Or(opts.Timeout, time.Second)
	f, err := openLocked(path, opts.ReadOnly, timeout)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unlock(f)
			f.Close() // bbolt may have done so already
		}
	}()
	if !opts.ReadOnly {
		removeTemporary(path)
	}
	// bbolt trusts the file's own meta pages and free list, and its length.
	if err := inspect(f); err != nil {
		return nil, fmt.Errorf("%w; %s", err, remedy)
	}
	s := &Store{path: path, file: f, readOnly: opts.ReadOnly}
	first := true
	panicked, err := recoverPanic(func() (err error) {
		s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:         timeout,
			ReadOnly:        opts.ReadOnly,
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: initialMmapSize,
			NoStatistics:    true,
			// The free list is written with every commit. Not doing so makes
			// commits cheaper once it is long, and every start a scan of the file.
			NoFreelistSync: false,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				if first {
					first = false
					return f, nil
				}
				return os.OpenFile(name, flag, mode)
			},
		})
		if err != nil {
			return err
		}
		// Past the first mapping's size bbolt would grow the file by 16 MiB at
		// a time; it starts far past it.
		s.db.AllocSize = allocSize
		s.schemaFound, err = migrate(s.db, steps, opts.ReadOnly)
		return err
	})
	if err == nil {
		return s, nil
	}
	if s.db != nil && !panicked {
		s.db.Close()
	}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		err = explainLock(state.ErrLocked)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		err = fmt.Errorf("%w: %w; %s", state.ErrCorrupt, err, remedy)
	case errors.Is(err, state.ErrCorrupt):
		err = fmt.Errorf("%w; %s", err, remedy)
	default:
		if full := diskFull(err); full != nil {
			err = fmt.Errorf("%w; free space there, then start again", full)
		}
	}
	return nil, err
}

const allocSize = 1 << 20

// initialMmapSize is how much address space the file gets when it is opened. While the
// file fits, a long read (a backup over a slow line) and a write never wait for one
// another. It costs neither memory nor disk, except on Windows, where the file would
// become that large.
var initialMmapSize = func() int {
	if runtime.GOOS == "windows" || strconv.IntSize < 64 {
		return 0
	}
	return 1 << 30
}()

// openLocked opens an existing file and takes its lock.
func openLocked(path string, readOnly bool, timeout time.Duration) (*os.File, error) {
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	for range 10 {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("it is a %s; state.path names a file", fileKind(info))
		}
		f, err := os.OpenFile(path, flag, 0)
		if err != nil {
			return nil, explainOpen(path, err)
		}
		if err := lock(f, !readOnly, timeout); err != nil {
			f.Close()
			return nil, explainLock(err)
		}
		// While we waited somebody may have put another file in its place.
		mine, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return f, nil
		}
		f.Close()
	}
	return nil, errors.New("another process keeps replacing it")
}

func fileKind(info fs.FileInfo) string {
	if info.IsDir() {
		return "directory"
	}
	return "device or pipe"
}

func explainLock(err error) error {
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("%w; stop the other syncd, or let this command go through its socket", err)
	}
	return fmt.Errorf("locking: %w", err)
}

// explainOpen adds to an error of opening path what to do about it.
func explainOpen(path string, err error) error {
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, missing := os.Stat(dir); missing != nil {
			return fmt.Errorf("the directory %s does not exist: create it, owned by the user that syncd runs as: %w", dir, err)
		}
		if _, link := os.Lstat(path); link == nil {
			return fmt.Errorf("it is a link to something that does not exist: mount or make what it points to: %w", err)
		}
		return fmt.Errorf("there is no state yet: syncd serve or syncd apply makes it: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("syncd may not use it: give %s and the file in it to the user that syncd runs as: %w", dir, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s cannot be written: mount it writable, or set state.path elsewhere: %w", dir, err)
	}
	return err
}

// create makes an empty state beside path and puts it there whole: a process
// that is killed meanwhile leaves no half file, and so an empty or a short file
// at path is always damage.
func create(path string, steps []migration) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+newInfix+"*")
	if err != nil {
		return explainOpen(path, err)
	}
	temp := f.Name()
	f.Close()
	defer os.Remove(temp)
	db, err := bbolt.Open(temp, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err == nil {
		_, err = migrate(db, steps, false)
		err = errors.Join(err, db.Close())
	}
	if err == nil {
		err = linkUnlessExists(temp, path)
	}
	if _, there := os.Lstat(path); there == nil {
		return nil // perhaps another process made it and removed ours
	}
	if full := diskFull(err); full != nil {
		return fmt.Errorf("%w; free space there, then start again", full)
	}
	return err
}

// linkUnlessExists gives temp the name path unless a file has it already: another
// process that started at the same time made it, and its file is as good.
func linkUnlessExists(temp, path string) error {
	err := os.Link(temp, path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil { // a file system without hard links
		if _, there := os.Lstat(path); there == nil {
			return nil
		}
		if err := os.Rename(temp, path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}

// syncDir flushes a directory, so that a new name in it survives a power cut.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be opened for that there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// diskFull returns an error that says so, or nil where err is about something
// else. bbolt flattens some of its errors to text.
func diskFull(err error) error {
	if err == nil {
		return nil
	}
	for errno, says := range map[syscall.Errno]string{
		syscall.ENOSPC: "the disk is full",
		syscall.EDQUOT: "the disk quota is used up",
		syscall.EFBIG:  "the file may not grow (ulimit -f, or the file system's limit)",
	} {
		if errors.Is(err, errno) || strings.HasSuffix(err.Error(), ": "+errno.Error()) {
			return fmt.Errorf("%s: %w", says, errno)
		}
	}
	return nil
}
