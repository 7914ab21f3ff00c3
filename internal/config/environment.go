package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sethvargo/go-envconfig"
)

// Prefix is what the names of our environment variables begin with.
const Prefix = "SYNCD_"

// fileSuffix ends the name of a variable that names a file with the value.
const fileSuffix = "_FILE"

// An Environment looks variables up; os.LookupEnv is one. A variable that is
// set to nothing counts as not set: that is what compose files make of one
// that is missing.
type Environment func(name string) (string, bool)

func (env Environment) get(name string) (string, bool) {
	value, _ := env(name)
	return value, value != ""
}

// Names is every name of the process's environment that begins with Prefix
// and has a value.
func Names() []string {
	var names []string
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, Prefix) && value != "" {
			names = append(names, name)
		}
	}
	return names
}

// credentialsFolder is the variable of systemd for the folder in which a service finds the
// secrets that it was given (systemd.exec(5), LoadCredential=).
const credentialsFolder = "CREDENTIALS_DIRECTORY"

// WithCredentials is an environment in which a file of $CREDENTIALS_DIRECTORY that is named
// like a variable counts as the file that the variable with _FILE names, and the names with
// those of such files.
func WithCredentials(env Environment, names []string) (Environment, []string) {
	folder, ok := env.get(credentialsFolder)
	if !ok {
		return env, names
	}
	files, _ := os.ReadDir(folder) // what is missing for it is told as missing
	paths := map[string]string{}
	for _, file := range files {
		variable := file.Name() + fileSuffix
		if _, given := env.get(variable); strings.HasPrefix(variable, Prefix) && !file.IsDir() && !given {
			paths[variable] = filepath.Join(folder, file.Name())
		}
	}
	with := func(name string) (string, bool) {
		if path, ok := paths[name]; ok {
			return path, true
		}
		return env(name)
	}
	return with, slices.Concat(names, slices.Sorted(maps.Keys(paths)))
}

// Variable is the name of the variable for a setting's path.
func Variable(path string) string {
	return Prefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(path))
}

// Overlaid is which variables were written over the file.
type Overlaid map[string]string // SYNCD_X to the name it was read by: itself, or SYNCD_X_FILE

// Overlay writes environment variables over the struct that into points to:
// SYNCD_ + the prefixes and names of the env tags. A variable that ends in
// _FILE names a file to read the value from, as secrets are mounted. Of names,
// those that lie in a section (a prefix of the outermost struct) and are read
// by no setting are problems; others belong to somebody else, such as the
// SYNCD_PORT that Kubernetes sets for a service called syncd.
func Overlay(env Environment, names []string, into any, problems *Problems) Overlaid {
	return overlay(Prefix, sectionsOf(reflect.TypeOf(into).Elem()), env, names, into, problems)
}

// OverlayEntry does the same for one entry of a list, which is known by a name:
// the variables of scim.cinode begin with SYNCD_SCIM_CINODE_.
func OverlayEntry(path string, env Environment, names []string, into any, problems *Problems) Overlaid {
	prefix := Variable(path) + "_"
	return overlay(prefix, []string{prefix}, env, names, into, problems)
}

// Secret reads one variable, or the file that its _FILE variable names.
func Secret(variable string, env Environment, problems *Problems) (string, bool) {
	look := &lookuper{env: env, known: map[string]bool{}, refused: map[string]bool{}, used: Overlaid{}, problems: problems}
	return look.Lookup(variable)
}

func overlay(prefix string, sections []string, env Environment, names []string, into any, problems *Problems) Overlaid {
	look := &lookuper{env: env, known: map[string]bool{}, refused: map[string]bool{}, used: Overlaid{}, problems: problems}
	for {
		look.last = ""
		err := envconfig.ProcessWith(context.Background(), &envconfig.Config{
			Target: into, Lookuper: envconfig.PrefixLookuper(prefix, look), DefaultOverwrite: true, DefaultNoInit: true,
		})
		if err == nil {
			break
		}
		// The library stops at the first bad value, and that is the one it
		// looked up last. It goes on without.
		if look.last == "" || look.refused[look.last] {
			problems.Add(0, Prefix+"…", "cannot be read: %s", innermost(err))
			break
		}
		look.refused[look.last] = true
		problems.Add(0, look.used[look.last], "%s", conversion(err))
	}
	for _, name := range names {
		base := strings.TrimSuffix(name, fileSuffix)
		if _, set := env.get(name); !set || look.known[name] || look.known[base] {
			continue
		}
		for _, section := range sections {
			if strings.HasPrefix(name, section) {
				near := map[string]bool{}
				for known := range look.known {
					if strings.HasPrefix(known, section) {
						near[known] = true
					}
				}
				problems.Add(0, name, "no such setting%s", nearest(base, near))
			}
		}
	}
	return look.used
}

// sectionsOf are the beginnings of the variables of t's sections.
func sectionsOf(t reflect.Type) []string {
	var list []string
	for f := range t.Fields() {
		for option := range strings.SplitSeq(f.Tag.Get("env"), ",") {
			if prefix, ok := strings.CutPrefix(strings.TrimSpace(option), "prefix="); ok {
				list = append(list, Prefix+prefix)
			}
		}
	}
	return list
}

// conversion says why a variable's text is not a value of its setting.
func conversion(err error) string {
	if number, ok := errors.AsType[*strconv.NumError](err); ok {
		text := shownText(number.Num)
		switch {
		case errors.Is(number.Err, strconv.ErrRange):
			return text + " is too large a number"
		case number.Func == "ParseBool":
			return text + " is not a yes or no; write true or false"
		case number.Func == "ParseFloat":
			return text + " is not a number; write it in digits"
		}
		return text + " is not a whole number; write it in digits"
	}
	if text := innermost(err); strings.HasPrefix(text, "time: ") {
		_, value, _ := strings.Cut(text, "duration ")
		return value + " is not a duration; write it as 90s, 15m or 26h"
	}
	return innermost(err)
}

type lookuper struct {
	env      Environment
	problems *Problems
	known    map[string]bool // asked for
	refused  map[string]bool // had, and no use
	used     Overlaid
	last     string // the variable that gave the last value
}

// Lookup finds a variable, or what is in the file that its _FILE variable names.
func (l *lookuper) Lookup(key string) (string, bool) {
	first := !l.known[key]
	l.known[key] = true
	if l.refused[key] {
		return "", false
	}
	value, ok := l.env.get(key)
	path, fromFile := l.env.get(key + fileSuffix)
	if ok && fromFile {
		if first {
			by := key + fileSuffix
			if folder, _ := l.env.get(credentialsFolder); path == filepath.Join(folder, key) {
				by = path
			}
			l.problems.Add(0, key, "both this and %s are set; keep one", by)
		}
		fromFile = false
	}
	l.used[key] = key
	if fromFile {
		l.used[key] = key + fileSuffix
		var err error
		if value, err = ReadSecret(path); err != nil {
			l.refused[key] = true
			l.problems.Add(0, key+fileSuffix, "%v", err)
			return "", false
		}
		ok = true
	}
	if !ok {
		delete(l.used, key)
		return "", false
	}
	l.last = key
	return value, true
}

// mostSecret is more than any secret is long.
const mostSecret = 64 << 10

// ReadSecret reads a mounted secret, without the end of line and the byte
// order mark that editors and shells put around it.
func ReadSecret(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", unreadable(path, err)
	case info.IsDir():
		return "", fmt.Errorf("%s is a directory; name the file in it", path)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file", path)
	case info.Size() > mostSecret:
		return "", fmt.Errorf("%s is %d bytes long, which is no secret; name the right file", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", unreadable(path, err)
	}
	text = bytes.TrimPrefix(bytes.TrimRight(text, "\r\n"), []byte("\ufeff"))
	switch {
	case len(text) == 0:
		return "", fmt.Errorf("%s is empty; write the secret into it", path)
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		return "", fmt.Errorf("%s holds bytes that are no text; save it as UTF-8", path)
	case bytes.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("%s has several lines; write the secret alone into it", path)
	}
	return string(text), nil
}

func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; mount the secret there or correct the path", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read by this user; give user %d the right to read it", path, os.Getuid())
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	return fmt.Errorf("%s cannot be read: %w; correct the path", path, err)
}
