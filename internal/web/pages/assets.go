package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var static embed.FS

// files serves what lies in static, each under a name that changes with what is in it, so
// that a browser asks for it once.
var files = newAssets()

// kinds are the files that are served; what else lies there is for whoever reads the source.
var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// Style is the address of the style sheet, for pages that are not made here.
func Style() string { return files.address["app.css"] }

type asset struct {
	kind   string
	plain  []byte
	packed []byte
}

// assets are the files by the address under which they are served.
type assets struct {
	byAddress map[string]asset
	address   map[string]string // by the file's name
}

func newAssets() *assets {
	a := &assets{map[string]asset{}, map[string]string{}}
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		kind, served := kinds[path.Ext(name)]
		if err != nil || d.IsDir() || !served {
			return err
		}
		plain, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is known
		w.Write(plain)
		w.Close()
		sum := sha256.Sum256(plain)
		base := path.Base(name)
		address := "/static/" + strings.TrimSuffix(base, path.Ext(base)) + "." + hex.EncodeToString(sum[:6]) + path.Ext(base)
		a.address[base], a.byAddress[address] = address, asset{kind, plain, packed.Bytes()}
		return nil
	})
	if err != nil {
		panic(err) // embedded
	}
	return a
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.byAddress[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		w.Write(f.packed)
		return
	}
	w.Write(f.plain)
}
