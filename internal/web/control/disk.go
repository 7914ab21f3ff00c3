package control

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxFile bounds what is read into memory: no table is nearly as large.
const maxFile = 64 << 20

// Disk is the files of this process.
type Disk struct {
	// Protected are files that are never overwritten, under any name and even with force:
	// the state in use.
	Protected []string
}

// ReadFile reads a file, or standard input where path is "-".
func (*Disk) ReadFile(path string) ([]byte, error) {
	var in io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return data, err
}

// MayWrite is an ErrKept or ErrExists where WriteFile would be refused: a
// command says so before its work and not after it.
func (d *Disk) MayWrite(path string, force bool) error {
	if path == "-" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		info = nil
	}
	for _, kept := range d.Protected {
		if there, err := os.Stat(kept); err == nil && os.SameFile(info, there) || samePath(path, kept) {
			return fmt.Errorf("%s: %w; name another file", path, ErrProtected)
		}
	}
	if info != nil && info.Mode().IsRegular() && !force {
		return fmt.Errorf("%s: %w; --force writes over it", path, fs.ErrExist)
	}
	return nil
}

// MakeFolder makes the folder that files are to be written into, where it is missing.
func (*Disk) MakeFolder(path string) error {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a file, and a folder is needed; name another one", path)
	}
	return os.MkdirAll(path, 0o700)
}

// ErrProtected says that a file is the state in use.
var ErrProtected = errors.New("this is the state in use, and nothing is written over it")

// samePath compares the names of files of which one may not be there yet.
func samePath(a, b string) bool {
	resolve := func(path string) string {
		path, _ = filepath.Abs(path)
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			return filepath.Join(dir, filepath.Base(path))
		}
		return path
	}
	return resolve(a) == resolve(b)
}

// WriteFile writes to standard output where path is "-".
func (d *Disk) WriteFile(path string, data []byte, force bool) (err error) {
	if path == "-" {
		_, err := os.Stdout.Write(data)
		return err
	}
	if err := d.MayWrite(path, force); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // replace the file, not the link to it
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // such as /dev/stdout
		return os.WriteFile(path, data, 0o600)
	}
	RemoveUnfinished(filepath.Dir(path))
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+unfinished+"*")
	if err != nil {
		return err
	}
	syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // until it is closed: see RemoveUnfinished
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if !force {
		// A file that was made meanwhile is not overwritten.
		if err = os.Link(f.Name(), path); err == nil {
			return os.Remove(f.Name())
		}
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s: %w; --force writes over it", path, fs.ErrExist)
		} // otherwise a file system without hard links
	}
	return os.Rename(f.Name(), path)
}

// unfinished stands in the names of files that are being written.
const unfinished = ".syncd-unfinished-"

// RemoveUnfinished removes from a directory the temporary files of killed processes. Those
// that are still being written are locked, and stay.
func RemoveUnfinished(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), ".") || !strings.Contains(e.Name(), unfinished) {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.Remove(f.Name())
		}
		f.Close()
	}
}
