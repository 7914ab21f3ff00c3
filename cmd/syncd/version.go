package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
)

// release is set by the build: -ldflags "-X main.release=1.2.3".
var release = "dev"

type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func version() versionInfo {
	v := versionInfo{Version: release, Revision: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	return v
}

func (v versionInfo) String() string {
	return fmt.Sprintf("syncd %s (%s, %s, %s)", v.Version, v.Revision, v.Go, v.Platform)
}

// buildInfo is the metric that says which syncd this is.
func buildInfo() prometheus.Collector {
	v := version()
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_build_info", Help: "What was built; always 1."}, []string{"version", "revision", "goversion"})
	g.WithLabelValues(v.Version, v.Revision, v.Go).Set(1)
	return g
}

func versionCommand(a *cli) *cobra.Command {
	var sbom bool
	cmd := &cobra.Command{Use: "version", Short: "Say which syncd this is, and what it is made of", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if sbom {
				info, ok := debug.ReadBuildInfo()
				if !ok {
					return errors.New("this program was built without its build information: build it with Go modules")
				}
				return writeSBOM(a.console.Out, info, v)
			}
			return a.print(v, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, v)
				return err
			})
		}}
	cmd.Flags().BoolVar(&sbom, "sbom", false, "print what it is made of, as CycloneDX JSON")
	return cmd
}
