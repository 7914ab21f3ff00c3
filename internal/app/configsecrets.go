package app

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/config"
	"syncd/internal/secret"
	"syncd/internal/target"
)

// exposed says that others on this machine may read secrets in the file, or
// write to it; it is empty where they may not.
func exposed(path string, text []byte, secrets secret.Redactor) string {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" {
		return "" // its permissions say nothing there
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o002 != 0:
		return fmt.Sprintf("every user of this machine may write to %s (mode %04o)", path, mode)
	case mode&0o004 != 0 && secrets.Text(string(text)) != string(text):
		return fmt.Sprintf("%s holds secrets, and every user of this machine may read it (mode %04o)", path, mode)
	}
	return ""
}

// eachSecret visits the secrets of the configuration, by path, the empty ones too.
func (c *Config) eachSecret(visit func(path string, s *secret.String)) {
	config.Each(c, visit)
	for _, system := range c.systems {
		config.Each(system.Config(), func(path string, s *secret.String) { visit(system.path(path), s) })
	}
}

// secrets are the secrets of the configuration, by path.
func (c *Config) secrets() map[string]secret.String {
	all := map[string]secret.String{}
	c.eachSecret(func(path string, s *secret.String) { all[path] = *s })
	return all
}

// keepSecrets has each secret that lies elsewhere taken from there, now and whenever it is
// changed: one of a _FILE variable, and one that refers to a place. base is the file from
// which relative paths are counted.
//
//	file:PATH         what the file holds
//	env:NAME          what the variable holds
func (c *Config) keepSecrets(base string, env config.Environment, overlaid config.Overlaid, report func(path, format string, args ...any)) {
	c.eachSecret(func(path string, s *secret.String) {
		variable := c.variableOf(path)
		if by := overlaid[variable]; by != "" && by != variable {
			file, _ := env(by)
			keepIn(file, path, s, report)
			return
		}
		kind, rest, _ := strings.Cut(s.Reveal(), ":")
		switch kind {
		case "file":
			keepIn(beside(base, rest), path, s, report)
		case "keyvault":
			*s = secret.String{} // an address is no secret, and is sent to nobody as one
			report(path, "refers to an Azure Key Vault, which syncd does not read yet; have its content in a file (the CSI driver of Kubernetes does, and az keyvault secret download), and write file:PATH")
		case "env":
			value, _ := env(rest)
			if *s = secret.New(value); value == "" {
				report(path, "refers to the variable %s, which is not set; set it, or correct the name behind env:", rest)
			}
		}
	})
}

// keepIn has a secret be what a file holds; nothing where that is none.
func keepIn(file, path string, s *secret.String, report func(path, format string, args ...any)) {
	*s = secret.Keep(inFile(file))
	if err := s.Renew(context.Background()); err != nil {
		*s = secret.String{}
		report(path, "%v", err)
	}
}

// inFile is the place of a secret in a file.
func inFile(path string) secret.Place {
	return secret.Place{Name: path, Read: func(context.Context) (string, time.Time, error) {
		text, err := config.ReadSecret(path)
		if err == nil && strings.HasPrefix(text, placeholder) {
			err = fmt.Errorf("%s still says %s; write the real secret into it", path, placeholder)
		}
		return text, time.Time{}, err
	}}
}

// logSecrets logs when a secret that lies elsewhere was taken anew, or can be had no more.
func (c *Config) logSecrets(log zerolog.Logger) {
	for path, s := range c.secrets() {
		s.Tell(func(err error) {
			if err != nil {
				log.Warn().Err(err).Str("setting", path).Msg("secret not taken, the former one stays")
				return
			}
			log.Info().Str("setting", path).Msg("secret changed")
		})
	}
}

// checkSecrets looks whether the secrets that lie elsewhere can be had still.
func (c *Config) checkSecrets() []target.Finding {
	var all []target.Finding
	secrets := c.secrets()
	for _, path := range slices.Sorted(maps.Keys(secrets)) {
		if err := secrets[path].Trouble(); err != nil {
			all = append(all, target.Finding{System: "syncd", Name: "secrets", Detail: fmt.Sprintf("%s: %v; the former one is used", path, err),
				Remedy: "put the new secret there; it is taken at its next use, or at once by syncd reload"})
		}
	}
	return all
}

// A NoSecretsError says that nothing is wrong with a configuration but that secrets are
// missing. It is enough to send a command to the daemon, which has them: whoever may do
// that need not know them.
type NoSecretsError struct {
	error
	Config *Config
}

func (e NoSecretsError) Unwrap() error { return e.error }

// lacksSecretsAlone reports whether all problems are secrets that are not there.
func (c *Config) lacksSecretsAlone(problems []config.Problem) bool {
	missing := map[string]bool{}
	for path, s := range c.secrets() {
		if s.Empty() {
			variable := c.variableOf(path)
			missing[path], missing[variable], missing[variable+"_FILE"] = true, true, true // the last two cannot be read
		}
	}
	return len(problems) > 0 && !slices.ContainsFunc(problems, func(p config.Problem) bool { return !missing[p.Path] })
}

// placeholder is what stands for a secret in config.example.yaml.
const placeholder = "change-me"

// validateSecrets refuses what was never filled in: nothing would work, and each
// system would say so in its own words.
func (c *Config) validateSecrets(report func(path, format string, args ...any)) {
	for path, s := range c.secrets() {
		if strings.HasPrefix(s.Reveal(), placeholder) {
			report(path, "still says %s; write the real one, here or as %s", placeholder, c.variableOf(path))
		}
	}
}

// redactor knows every secret of the configuration.
func (c *Config) Redactor() secret.Redactor {
	return secret.NewRedactor(slices.Collect(maps.Values(c.secrets()))...)
}
