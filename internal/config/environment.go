package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sethvargo/go-envconfig"
)

// Prefix is what the names of our environment variables begin with.
const Prefix = "SYNCD_"

// An Environment looks variables up; os.LookupEnv is one.
type Environment func(name string) (string, bool)

// Names is every name of the process's environment that begins with Prefix.
func Names() []string {
	var names []string
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, Prefix) {
			names = append(names, name)
		}
	}
	return names
}

// maxSecretFile is more than any secret is long.
const maxSecretFile = 64 << 10

// Overlay writes environment variables over the struct that into points to:
// SYNCD_ + prefix + the env tag of each field. A variable that ends in _FILE
// names a file to read the value from, as secrets are mounted.
func Overlay(env Environment, prefix string, into any, problems *Problems) {
	look := &lookuper{env: env}
	err := envconfig.ProcessWith(context.Background(), &envconfig.Config{
		Target: into, Lookuper: envconfig.PrefixLookuper(Prefix+prefix, look), DefaultOverwrite: true, DefaultNoInit: true,
	})
	for _, e := range look.errs {
		problems.Add(0, "", "%v", e)
	}
	if err != nil {
		problems.Add(0, "", "environment %s…: %v", Prefix+prefix, err)
	}
}

type lookuper struct {
	env  Environment
	errs []error
}

// Lookup finds a variable, or the file that its _FILE variable names.
func (l *lookuper) Lookup(key string) (string, bool) {
	value, ok := l.env(key)
	path, fromFile := l.env(key + "_FILE")
	switch {
	case ok && fromFile:
		l.errs = append(l.errs, fmt.Errorf("environment: both %s and %s_FILE are set; keep one", key, key))
		return value, ok
	case !fromFile:
		return value, ok
	}
	text, err := secretFile(path)
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("environment: %s_FILE: %w", key, err))
		return "", false
	}
	return text, true
}

func secretFile(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%s does not exist; mount the secret there or correct the path", path)
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file", path)
	case info.Size() > maxSecretFile:
		return "", fmt.Errorf("%s is %d bytes long, which is no secret", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrPermission) {
		return "", fmt.Errorf("%s may not be read by this user; give user %d the right to read it", path, os.Getuid())
	}
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret, nil
}
