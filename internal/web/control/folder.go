package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
)

// A Folder is files that are prepared beside those of the same names and put in their places
// together. What is not committed is thrown away.
type Folder interface {
	// Create begins a file. One is written at a time.
	Create(name string) (io.WriteCloser, error)
	// Commit puts files in their places, one after the other in this order. A kill in between
	// leaves whole files, former ones among them.
	Commit(names []string) error
	// Discard throws away what was not committed.
	Discard()
}

// OpenFolder opens a folder for files that replace others.
func (d *Disk) OpenFolder(path string) (Folder, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, and a folder is needed; name another one", path)
	}
	RemoveUnfinished(path)
	return &diskFolder{disk: d, path: path, mode: info.Mode().Perm() & 0o666, prepared: map[string]*os.File{}}, nil
}

type diskFolder struct {
	disk     *Disk
	path     string
	mode     fs.FileMode // whoever may read the folder may read its files
	prepared map[string]*os.File
}

func (f *diskFolder) Create(name string) (io.WriteCloser, error) {
	path := filepath.Join(f.path, name)
	if err := f.disk.MayWrite(path, true); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, and a file is to be put in its place; move it away", path)
	}
	file, err := os.CreateTemp(f.path, "."+name+unfinished+"*")
	if err != nil {
		return nil, err
	}
	syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // until it is closed: see RemoveUnfinished
	if former := f.prepared[name]; former != nil {
		former.Close()
		os.Remove(former.Name())
	}
	f.prepared[name] = file
	return unclosed{file}, nil
}

// unclosed keeps a prepared file open, and so locked, until it is in its place.
type unclosed struct{ *os.File }

func (u unclosed) Close() error { return u.Sync() }

func (f *diskFolder) Commit(names []string) error {
	for _, name := range names {
		if f.prepared[name] == nil {
			return fmt.Errorf("%s was not written", name)
		}
	}
	for _, name := range names {
		file := f.prepared[name]
		if err := file.Chmod(f.mode); err != nil {
			return err
		}
		if err := os.Rename(file.Name(), filepath.Join(f.path, name)); err != nil {
			return err
		}
		delete(f.prepared, name)
		file.Close()
	}
	folder, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // some file systems know no such thing
		return err
	}
	return nil
}

func (f *diskFolder) Discard() {
	for _, file := range f.prepared {
		file.Close()
		os.Remove(file.Name())
	}
	clear(f.prepared)
}

// OpenFolder opens a folder of the other side.
func (f *remoteConsole) OpenFolder(path string) (Folder, error) {
	if _, err := f.ask(frame{Kind: frameFolder, Text: path}, nil); err != nil {
		return nil, err
	}
	return remoteFolder{f}, nil
}

// A remoteFolder is the one that the other side has open.
type remoteFolder struct{ *remoteConsole }

func (f remoteFolder) Create(name string) (io.WriteCloser, error) {
	file := &remoteFile{remoteConsole: f.remoteConsole, name: name}
	file.buffer = bufio.NewWriterSize(file.chunks(), chunk)
	return file, nil
}

func (f remoteFolder) Commit(names []string) error {
	for _, name := range names {
		if _, err := f.ask(frame{Kind: framePlace, Text: name}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (f remoteFolder) Discard() {} // the other side does, once the command has ended

// A remoteFile sends what is written to it in chunks and learns at its end whether all was taken.
type remoteFile struct {
	*remoteConsole
	name   string
	buffer *bufio.Writer
}

func (f *remoteFile) Write(p []byte) (int, error) { return f.buffer.Write(p) }

func (f *remoteFile) Close() error {
	if err := f.buffer.Flush(); err != nil {
		return err
	}
	_, err := f.ask(frame{Kind: frameFile, Text: f.name}, nil)
	return err
}

func (f *remoteFile) chunks() io.Writer { return chunks{f} }

type chunks struct{ *remoteFile }

func (c chunks) Write(p []byte) (int, error) {
	select {
	case <-c.done:
		return 0, context.Canceled
	default:
	}
	for part := range slices.Chunk(p, chunk) {
		if err := c.send(frame{Kind: frameFile, Text: c.name, Data: part, More: true}); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// dataFile is how the files of export are called.
var dataFile = regexp.MustCompile(`^([a-z_]+\.csv|datapackage\.json)$`)

// An openFolder is the caller's side of the folder that a command writes into.
type openFolder struct {
	Folder
	name string // of the file that is being written
	file io.WriteCloser
	err  error // why the file is not whole
}

// namesDataSet reports whether a command line of export names a folder.
func namesDataSet(args []string, folder string) bool {
	return slices.Contains(args, "export") && namesFile(args, folder)
}

func (o *openFolder) open(c *Console, path string) error {
	o.discard()
	var err error
	o.Folder, err = c.Files.OpenFolder(path)
	return err
}

// has reports whether a file is one of the folder that is open.
func (o *openFolder) has(name string) bool { return o.Folder != nil && dataFile.MatchString(name) }

// take takes a part of a file, and reports whether it was the last.
func (o *openFolder) take(x frame) (last bool, err error) {
	if o.name != x.Text {
		o.name = x.Text
		o.file, o.err = o.Create(x.Text)
	}
	if o.err == nil && len(x.Data) > 0 {
		_, o.err = o.file.Write(x.Data)
	}
	if x.More {
		return false, nil
	}
	if o.err == nil {
		o.err = o.file.Close()
	}
	err, o.name, o.err = o.err, "", nil
	return true, err
}

func (o *openFolder) discard() {
	if o.Folder != nil {
		o.Discard()
	}
}
