package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM writes what the program is made of, by the word of its own build information, as a
// CycloneDX document. One program always writes the same bytes.
func writeSBOM(out io.Writer, info *debug.BuildInfo, v versionInfo) error {
	main := cyclonedx.Component{BOMRef: purl(info.Main.Path, v.Version), Type: cyclonedx.ComponentTypeApplication, Name: "syncd", Version: v.Version,
		PackageURL: purl(info.Main.Path, v.Version), Properties: &[]cyclonedx.Property{{Name: "vcs.revision", Value: v.Revision}, {Name: "platform", Value: v.Platform}}}
	standard := library("std", strings.TrimPrefix(info.GoVersion, "go"), "")
	components, refs := []cyclonedx.Component{standard}, []string{standard.BOMRef}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		c := library(d.Path, d.Version, d.Sum)
		components, refs = append(components, c), append(refs, c.BOMRef)
	}
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + uuidOf(main.BOMRef, refs)
	bom.Metadata = &cyclonedx.Metadata{Component: &main}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	enc := cyclonedx.NewBOMEncoder(out, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	return enc.EncodeVersion(bom, cyclonedx.SpecVersion1_6)
}

// library is a module of Go. sum is that of go.sum, a SHA-256 over its files' names and sums.
func library(path, version, sum string) cyclonedx.Component {
	c := cyclonedx.Component{BOMRef: purl(path, version), Type: cyclonedx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl(path, version), Scope: cyclonedx.ScopeRequired}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:")); err == nil && len(raw) == sha256.Size {
		c.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(raw)}}
	}
	return c
}

// purl is a package URL of Go.
func purl(path, version string) string { return "pkg:golang/" + path + "@" + version }

// uuidOf is a UUID (version 8) that only what it is made of decides.
func uuidOf(main string, refs []string) string {
	id := sha256.Sum256([]byte(main + "\n" + strings.Join(refs, "\n")))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}
