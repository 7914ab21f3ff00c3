package support

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"time"
)

// A File is one of an archive.
type File struct {
	Name string
	Body []byte
}

// Archive packs files as the ending of the archive's name says: .zip, or else a gzipped tar.
func Archive(name string, at time.Time, files []File) ([]byte, error) {
	pack := tarTo
	if strings.HasSuffix(strings.ToLower(name), ".zip") {
		pack = zipTo
	}
	var out bytes.Buffer
	err := pack(&out, at, files)
	return out.Bytes(), err
}

// folder is what the files of an archive are unpacked into.
const folder = "syncd-support/"

func tarTo(out io.Writer, at time.Time, files []File) error {
	zipped := gzip.NewWriter(out)
	w := tar.NewWriter(zipped)
	for _, f := range files {
		err := w.WriteHeader(&tar.Header{Name: folder + f.Name, Mode: 0o600, Size: int64(len(f.Body)), ModTime: at})
		if err == nil {
			_, err = w.Write(f.Body)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), zipped.Close())
}

func zipTo(out io.Writer, at time.Time, files []File) error {
	w := zip.NewWriter(out)
	for _, f := range files {
		into, err := w.CreateHeader(&zip.FileHeader{Name: folder + f.Name, Method: zip.Deflate, Modified: at})
		if err == nil {
			_, err = into.Write(f.Body)
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}
