package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"syncd/internal/dataset"
	"syncd/internal/secret"
	"syncd/internal/sync/schedule"
	"syncd/internal/target"
	"syncd/internal/web/control"
)

// ExportConfig says where the data set goes by itself, and when.
type ExportConfig struct {
	Dir      string        `yaml:"dir" env:"DIR"`           // a folder: one CSV file a table, replaced whole
	Schedule string        `yaml:"schedule" env:"SCHEDULE"` // as a job's, such as "0 7 * * *"
	Postgres secret.String `yaml:"postgres" env:"POSTGRES"` // postgres://USER:PASSWORD@HOST/DATABASE: the same tables in its schema syncd_export
}

// The schema that the data set has in a database, and the role that may read it.
const (
	ExportSchema = "syncd_export"
	ExportReader = "syncd_reader"
)

func (c *Config) validateExport(report func(path, format string, args ...any)) {
	x := &c.Export
	if x.Schedule != "" {
		if _, err := schedule.Parse(x.Schedule, c.location); err != nil {
			report("export.schedule", "%v", err)
		}
	}
	switch url := x.Postgres.Reveal(); {
	case x.Dir == "" && x.Postgres.Empty() && x.Schedule != "":
		report("export.dir", "is empty, and so is export.postgres: name a folder or a database, or take export out")
	case x.Schedule == "" && (x.Dir != "" || !x.Postgres.Empty()):
		report("export.schedule", `is empty: write when, such as "0 7 * * *", or take export out; syncd export DIR writes at once`)
	case !x.Postgres.Empty() && !dataset.ValidURL(url):
		report("export.postgres", "cannot be read; write postgres://USER:PASSWORD@HOST/DATABASE")
	}
}

// Export writes the data set into a folder: from the state alone, nobody is asked for anything.
func (w *App) Export(ctx context.Context, to dataset.Folder) error {
	at := w.Now()
	return dataset.WriteFiles(&DataSet, at, to, func(s dataset.Sink) error { return w.exportTables(ctx, at, s) })
}

// exportTables writes all tables. The customers come last: by then everybody is known whom the
// others name.
func (w *App) exportTables(ctx context.Context, at time.Time, to dataset.Sink) error {
	x := &exporting{App: w, now: at, names: map[string]string{}, licences: map[exportKey]bool{}}
	write := func(t *exportTable) error {
		err := to.Write(ctx, &t.Table, func(put dataset.Put) error { return t.rows(ctx, x, put) })
		if err != nil {
			return fmt.Errorf("exporting %s: %w", t.Name, err)
		}
		return nil
	}
	for i := range exported[1:] {
		if err := write(&exported[1+i]); err != nil {
			return err
		}
	}
	return write(&exported[0])
}

// exportedDocument is the document of when the data set was last written on schedule.
const exportedDocument = "exported"

type exportDone struct {
	At time.Time `json:"at"`
}

// lastExport is when the data set was last written to all its places on schedule.
func (w *App) lastExport() time.Time {
	done, _, err := Document[exportDone](context.Background(), w.Store, exportedDocument)
	if err != nil {
		w.Log.Warn().Err(err).Msg("last export not known")
	}
	return done.At
}

// ExportOnSchedule writes the data set where the configuration says.
func (w *App) ExportOnSchedule(ctx context.Context) error {
	at := w.Now()
	err := w.exportEverywhere(ctx)
	if err == nil {
		err = w.noteExport(ctx, at)
	}
	if err != nil && ctx.Err() == nil {
		w.Log.Error().Err(err).Msg("data set not exported")
		return err
	}
	if err == nil {
		w.Log.Info().Str("version", DataSet.Version).Int64("duration_ms", w.Now().Sub(at).Milliseconds()).Msg("data set exported")
	}
	return err
}

func (w *App) noteExport(ctx context.Context, at time.Time) error {
	_, version, err := Document[exportDone](ctx, w.Store, exportedDocument)
	if err != nil {
		return err
	}
	return Put(ctx, w.Store, exportedDocument, version, exportDone{at.UTC()})
}

// exportEverywhere writes to each place. One that takes nothing keeps it from no other.
func (w *App) exportEverywhere(ctx context.Context) error {
	var failed []error
	if dir := w.Config.Export.Dir; dir != "" {
		if err := w.exportInto(ctx, dir); err != nil {
			failed = append(failed, fmt.Errorf("export.dir %s: %w", dir, err))
		}
	}
	if !w.Config.Export.Postgres.Empty() {
		if err := w.exportDatabase(ctx); err != nil {
			failed = append(failed, fmt.Errorf("export.postgres: %w", err))
		}
	}
	return errors.Join(failed...)
}

func (w *App) exportInto(ctx context.Context, dir string) error {
	disk := &control.Disk{Protected: []string{w.Config.State.Path}}
	if err := disk.MakeFolder(dir); err != nil {
		return err
	}
	folder, err := disk.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer folder.Discard()
	return w.Export(ctx, folder)
}

// longestLoad is more than the largest data set takes: a database that hangs must not keep the next
// export from its turn.
const longestLoad = time.Hour

func (w *App) exportDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, longestLoad)
	defer cancel()
	at := w.Now()
	unreadable, err := w.exportsTo().Load(ctx, &DataSet, func(s dataset.Sink) error { return w.exportTables(ctx, at, s) })
	if unreadable != nil {
		w.Log.Warn().Err(unreadable).Str("role", ExportReader).Msg("nobody else may read the exported tables yet")
	}
	return err
}

func (w *App) exportsTo() *dataset.Database {
	return &dataset.Database{URL: w.Config.Export.Postgres.Reveal(), Schema: ExportSchema, Reader: ExportReader}
}

// checkExport says whether the places of the data set take it; nothing where there are none.
func (w *App) checkExport(ctx context.Context) []target.Finding {
	var all []target.Finding
	if dir := w.Config.Export.Dir; dir != "" {
		f := target.Finding{System: "syncd", Name: "export", OK: true, Detail: dir}
		switch err := syscall.Access(dir, mayWrite); {
		case errors.Is(err, fs.ErrNotExist):
			f.Detail += ", which the first export makes"
		case err != nil:
			f.OK, f.Detail, f.Remedy = false, err.Error(), "make the folder, and let the user that syncd runs as write into it"
		}
		all = append(all, f)
	}
	if !w.Config.Export.Postgres.Empty() {
		f := target.Finding{System: "syncd", Name: "export.postgres", OK: true, Detail: "schema " + ExportSchema + ", read by role " + ExportReader}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := w.exportsTo().Check(ctx); err != nil {
			f.OK, f.Detail, f.Remedy = false, err.Error(), "see docs/reporting.md for what the role in export.postgres needs"
		}
		all = append(all, f)
	}
	return all
}

// mayWrite asks whether this user may write into a folder (W_OK).
const mayWrite = 2
