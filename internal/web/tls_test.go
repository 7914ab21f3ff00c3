package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificate writes a certificate for this machine with a serial number.
func certificate(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	public, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"syncd.crt": {Type: "CERTIFICATE", Bytes: public}, "syncd.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateIsLoadedAnewAsItChanges(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir, 1)
	file := filepath.Join(dir, "web-config.yml")
	if err := os.WriteFile(file, []byte("tls_server_config: {cert_file: syncd.crt, key_file: syncd.key}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, Handler(o), file, o.Log) }()
	ask := func() int64 {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the serial number is looked at
		resp, err := client.Get("https://" + l.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("got %d, %v", resp.StatusCode, err)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	if got := ask(); got != 1 {
		t.Errorf("got certificate %d, want 1", got)
	}
	certificate(t, dir, 2)
	if got := ask(); got != 2 {
		t.Errorf("got certificate %d, want 2", got)
	}
	if resp, err := http.Get("http://" + l.Addr().String() + "/healthz"); err == nil {
		if resp.Body.Close(); resp.StatusCode == http.StatusOK {
			t.Error("plain HTTP is answered as well")
		}
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
