package rest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// shared is the transport of every client that was given none: connections to
// one host are pooled although several clients ask it.
var shared = sync.OnceValue(NewTransport)

// NewTransport returns the transport that clients use when given none.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		DialContext:     dialer.DialContext,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		// A transport with a dialer or TLS settings of its own speaks HTTP/1 only, unless told.
		ForceAttemptHTTP2: true,
		// Without pings a connection that a firewall dropped swallows requests until each times out.
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		TLSHandshakeTimeout: 10 * time.Second,
		// The default of 2 a host makes every further worker pay a handshake a request.
		MaxIdleConnsPerHost:    32,
		MaxIdleConns:           128,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
}

// neverLeft reports whether err shows that no byte of the request can have
// reached the system: nobody was found, nobody picked up, or we did not trust
// who did. It says yes only on proof; a connection that broke is no proof.
func neverLeft(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	return untrusted(err)
}

// untrusted reports whether TLS ended before the request: a certificate that
// does not hold, or something at the other end that speaks no TLS.
func untrusted(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return verify || record || authority || host || invalid
}
