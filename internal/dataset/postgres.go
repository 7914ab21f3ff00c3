package dataset

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Database is a schema of a PostgreSQL database.
type Database struct {
	URL    string
	Schema string
	Reader string // the role that may read it; made where it is missing and the URL's role may
}

// Load replaces the tables of a set in one transaction. Who reads meanwhile sees the former rows.
// The tables stay the same ones, so that views on them and rights to them last; where the set's
// version is another one they are made anew. unreadable says why the reader's role may not read; nil
// where it may.
func (d *Database) Load(ctx context.Context, s *Set, write func(Sink) error) (unreadable, err error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // ends a transaction that is not committed
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	load := loading{tx, d.schema()}
	if err := load.prepare(ctx, s, d); err != nil {
		return nil, err
	}
	if err := write(&load); err != nil {
		return nil, err
	}
	unreadable = d.grant(ctx, tx)
	return unreadable, tx.Commit(ctx)
}

// Check connects, and says what would keep Load from its work.
func (d *Database) Check(ctx context.Context) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var may bool
	err = conn.QueryRow(ctx, `select case when exists (select from pg_namespace where nspname = $1)
		then has_schema_privilege($1, 'create') else has_database_privilege(current_database(), 'create') end`, d.Schema).Scan(&may)
	if err == nil && !may {
		err = fmt.Errorf("the role may not create in it: grant create on database … to it, or make it the owner of schema %s", d.Schema)
	}
	return err
}

// connect never says the URL: it holds a password.
func (d *Database) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(d.URL)
	if err != nil {
		return nil, errors.New("the URL cannot be read; write postgres://USER:PASSWORD@HOST/DATABASE")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "syncd export"
	}
	return pgx.ConnectConfig(ctx, config)
}

// ValidURL reports whether a URL can be read.
func ValidURL(url string) bool {
	_, err := pgx.ParseConfig(url)
	return err == nil && (strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://"))
}

func (d *Database) schema() string { return quoted(d.Schema) }

func quoted(names ...string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = pgx.Identifier{name}.Sanitize()
	}
	return strings.Join(out, ", ")
}

// A loading is a load under way.
type loading struct {
	pgx.Tx
	schema string
}

func (l *loading) run(ctx context.Context, format string, args ...any) error {
	_, err := l.Exec(ctx, fmt.Sprintf(format, args...))
	return err
}

// prepare makes what is missing and takes the former rows out. Two loads follow each other.
func (l *loading) prepare(ctx context.Context, s *Set, d *Database) error {
	if err := l.run(ctx, "select pg_advisory_xact_lock(hashtextextended('syncd export ' || current_database(), 0))"); err != nil {
		return err
	}
	var version *string // nil where there is no schema
	mark := s.Title + ", version "
	switch err := l.QueryRow(ctx, "select coalesce(obj_description(oid, 'pg_namespace'), '') from pg_namespace where nspname = $1", d.Schema).Scan(&version); {
	case errors.Is(err, pgx.ErrNoRows):
		if err := l.run(ctx, "create schema %s", l.schema); err != nil {
			return err
		}
	case err != nil:
		return err
	case *version == mark+s.Version:
		return l.empty(ctx, s)
	case *version != "" && !strings.HasPrefix(*version, mark):
		return fmt.Errorf("schema %s of the database is somebody else's (%q); give the data set a database of its own", d.Schema, *version)
	}
	return l.create(ctx, s, mark+s.Version)
}

func (l *loading) empty(ctx context.Context, s *Set) error {
	for _, t := range slices.Backward(s.Tables) {
		if err := l.run(ctx, "delete from %s.%s", l.schema, quoted(t.Name)); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return nil
}

func (l *loading) create(ctx context.Context, s *Set, mark string) error {
	for _, t := range slices.Backward(s.Tables) {
		if err := l.run(ctx, "drop table if exists %s.%s", l.schema, quoted(t.Name)); err != nil {
			return fmt.Errorf("%s is of another version, and something depends on it; drop that first: %w", t.Name, err)
		}
	}
	for _, t := range s.Tables {
		if err := l.createTable(ctx, s, t); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return l.comment(ctx, "schema "+l.schema, mark)
}

// createTable makes a table. What it refers to is checked at the end: tables come in any order.
func (l *loading) createTable(ctx context.Context, s *Set, t *Table) error {
	var parts []string
	for _, c := range t.Columns {
		part := quoted(c.Name) + " " + types[c.Type].sql
		if c.Key {
			part += " not null"
		}
		parts = append(parts, part)
	}
	parts = append(parts, "primary key ("+quoted(t.Key()...)+")")
	for _, x := range t.References {
		parts = append(parts, fmt.Sprintf("foreign key (%s) references %s.%s (%s) deferrable initially deferred",
			quoted(x.Columns...), l.schema, quoted(x.Table), quoted(s.table(x.Table).Key()...)))
	}
	name := l.schema + "." + quoted(t.Name)
	if err := l.run(ctx, "create table %s (%s)", name, strings.Join(parts, ", ")); err != nil {
		return err
	}
	for _, x := range t.References {
		if key := t.Key(); len(key) < len(x.Columns) || !slices.Equal(key[:len(x.Columns)], x.Columns) { // or else the primary key finds them
			if err := l.run(ctx, "create index on %s (%s)", name, quoted(x.Columns...)); err != nil {
				return err
			}
		}
	}
	if err := l.comment(ctx, "table "+name, t.What); err != nil {
		return err
	}
	for _, c := range t.Columns {
		if err := l.comment(ctx, "column "+name+"."+quoted(c.Name), c.What); err != nil {
			return err
		}
	}
	return nil
}

func (l *loading) comment(ctx context.Context, on, text string) error {
	return l.run(ctx, "comment on %s is '%s'", on, strings.ReplaceAll(text, "'", "''"))
}

// Write copies a table in, row by row.
func (l *loading) Write(ctx context.Context, t *Table, rows func(Put) error) error {
	in, out := io.Pipe()
	made := make(chan error, 1)
	go func() {
		err := t.write(csv.NewWriter(out), func(s string) string { return s }, rows)
		out.CloseWithError(err)
		made <- err
	}()
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	_, err := l.Conn().PgConn().CopyFrom(ctx, in, fmt.Sprintf("copy %s.%s (%s) from stdin (format csv)", l.schema, quoted(t.Name), quoted(names...)))
	in.CloseWithError(errors.New("the database takes no more rows"))
	if cause := <-made; cause != nil && err == nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	return nil
}

// grant lets the reader's role read. It may be missing, and not ours to make: that fails no load.
func (d *Database) grant(ctx context.Context, tx pgx.Tx) error {
	role, schema := quoted(d.Reader), d.schema()
	attempt, err := tx.Begin(ctx) // a savepoint: a refusal would end the load
	if err != nil {
		return err
	}
	var there bool
	if err = attempt.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", d.Reader).Scan(&there); err == nil && !there {
		_, err = attempt.Exec(ctx, "create role "+role+" nologin")
	}
	if err == nil {
		_, err = attempt.Exec(ctx, "grant usage on schema "+schema+" to "+role)
	}
	if err == nil {
		_, err = attempt.Exec(ctx, "grant select on all tables in schema "+schema+" to "+role)
	}
	if err == nil {
		return attempt.Commit(ctx)
	}
	if back := attempt.Rollback(ctx); back != nil {
		return back
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("role %s cannot be made (%s); as an administrator of the database: create role %s nologin", d.Reader, refused.Message, role)
	}
	return err
}
