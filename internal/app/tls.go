package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v4"
)

// validTLS returns why web-config.yml cannot be used, with the files that it names. Its own users would
// stand before the pages' sign-in, and before tokens.
func validTLS(path string) error {
	if err := toolkit.Validate(path); err != nil {
		return errors.New(path + ": " + strings.Join(strings.Fields(err.Error()), " ")) // of several lines
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var has struct {
		TLS   map[string]any `yaml:"tls_server_config"`
		Users map[string]any `yaml:"basic_auth_users"`
	}
	if err := yaml.Load(text, &has); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case len(has.Users) > 0:
		return errors.New(path + ": basic_auth_users would ask for a password before anybody can sign in; take it out, and set auth.mode: basic")
	case len(has.TLS) == 0:
		return errors.New(path + ": has no tls_server_config, so nothing would be encrypted; write cert_file and key_file under it")
	}
	return nil
}
