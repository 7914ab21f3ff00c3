package app

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"syncd/internal/config"
	"syncd/internal/secret"
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

// secrets are the secrets of the configuration, by path.
func (c *Config) secrets() map[string]secret.String {
	all := map[string]secret.String{"state.postgres": c.State.Postgres, "events.secret": c.Events.Secret, "auth.oidc.client_secret": c.Auth.OIDC.ClientSecret}
	for _, s := range c.systems {
		for path, x := range s.Secrets() {
			all[s.path(path)] = x
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
			missing[path], missing[c.variableOf(path)+"_FILE"] = true, true // the latter cannot be read
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
		if kind, _, ok := strings.Cut(s.Reveal(), ":"); ok && slices.Contains([]string{"file", "env", "keyvault"}, kind) {
			report(path, "is a reference (%s:), which is not there yet; give the secret in %s, or a file with it in %s_FILE", kind, c.variableOf(path), c.variableOf(path))
		}
	}
}

// redactor knows every secret of the configuration.
func (c *Config) Redactor() secret.Redactor {
	return secret.NewRedactor(slices.Collect(maps.Values(c.secrets()))...)
}
