package dataset

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Folder is where files are prepared; none is in its place before all of them are.
type Folder interface {
	// Create begins a file. One is written at a time.
	Create(name string) (io.WriteCloser, error)
	// Commit puts the files in their places in the order in which they are named.
	Commit(names []string) error
}

// Descriptor is the file that describes the others, as https://specs.frictionlessdata.io/data-package/
// says.
const Descriptor = "datapackage.json"

// WriteFiles writes a set as files and puts them in place.
func WriteFiles(s *Set, at time.Time, to Folder, write func(Sink) error) error {
	if err := write(files{to}); err != nil {
		return err
	}
	if err := writeFile(to, Descriptor, func(out io.Writer) error { return s.describe(out, at) }); err != nil {
		return err
	}
	var names []string
	for _, t := range s.Tables {
		names = append(names, t.file())
	}
	return to.Commit(append(names, Descriptor))
}

func (t *Table) file() string { return t.Name + ".csv" }

func writeFile(to Folder, name string, write func(io.Writer) error) error {
	file, err := to.Create(name)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(file, 64<<10)
	if err := write(buffered); err != nil {
		_ = file.Close() // it is thrown away
		return err
	}
	if err := buffered.Flush(); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// files writes tables as CSV files.
type files struct{ to Folder }

func (f files) Write(_ context.Context, t *Table, rows func(Put) error) error {
	return writeFile(f.to, t.file(), func(out io.Writer) error {
		header := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			header[i] = c.Name
		}
		w := csv.NewWriter(out)
		if err := w.Write(header); err != nil {
			return err
		}
		return t.write(w, defused, rows)
	})
}

// write writes rows as CSV. An empty cell has no quotes: PostgreSQL reads it as null.
func (t *Table) write(w *csv.Writer, text func(string) string, rows func(Put) error) error {
	line := make([]string, len(t.Columns))
	err := rows(func(cells []string) error {
		if len(cells) != len(t.Columns) {
			return fmt.Errorf("table %s has %d columns, and %d cells were given", t.Name, len(t.Columns), len(cells))
		}
		for i, c := range t.Columns {
			switch line[i] = cells[i]; {
			case c.Type == Text:
				line[i] = text(clean(cells[i]))
			case !c.Type.is(cells[i]): // a vendor's text where a day was due: one such cell must not cost all tables
				line[i] = ""
			}
		}
		return w.Write(line)
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// defused puts an apostrophe before text that a spreadsheet would take for a formula, and
// before one that has such an apostrophe already: what was different stays different, so
// that keys join.
func defused(s string) string {
	if bare := strings.TrimLeft(s, "'"); bare != "" && strings.ContainsAny(bare[:1], "=+-@") {
		return "'" + s
	}
	return s
}
