package msp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Running MSP can be reached over the network of this machine.
type Running struct {
	CIPPURL        string
	TokenURL       string // Entra's, which stands beside CIPP
	ConnectWiseURL string
	ITGlueURL      string // empty where the MSP has none
	CinodeURL      string // of the resources of {account}; empty where the MSP has none

	msp     *MSP
	servers []*http.Server
	stop    func() bool
	serving sync.WaitGroup
	closing sync.Once
}

// Start serves all systems on free loopback ports until Close, or until ctx ends.
func (m *MSP) Start(ctx context.Context) (*Running, error) {
	r := &Running{msp: m}
	serve := func(what string, h http.Handler) (string, error) {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("listening for the simulated %s: %w", what, err)
		}
		// Connections that scenarios break would fill the log.
		s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
		r.servers = append(r.servers, s)
		r.serving.Go(func() { _ = s.Serve(l) }) // always ends with an error, that of Close
		return "http://" + l.Addr().String(), nil
	}
	var err error
	if r.CIPPURL, err = serve("CIPP", m.CIPP); err != nil {
		return nil, err
	}
	r.TokenURL = r.CIPPURL + m.CIPP.TokenPath()
	if r.ConnectWiseURL, err = serve("ConnectWise", m.ConnectWise); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if m.ITGlue != nil {
		if r.ITGlueURL, err = serve("IT Glue", m.ITGlue); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	if m.Cinode != nil {
		address, err := serve("Cinode", m.Cinode)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.CinodeURL = address + m.Cinode.Dialect().Base
	}
	r.stop = context.AfterFunc(ctx, func() { _ = r.Close() })
	return r, nil
}

// Close ends the servers and waits for them. It may be called more than once.
func (r *Running) Close() error {
	var errs []error
	r.closing.Do(func() {
		if r.stop != nil {
			r.stop()
		}
		for _, s := range r.servers {
			errs = append(errs, s.Close())
		}
	})
	r.serving.Wait()
	return errors.Join(errs...)
}

// Config is a complete configuration for these systems, with the state kept
// in the file statePath. Its rates are those of a machine that talks to
// itself; all other settings are the defaults or what Harbour IT would choose.
func (r *Running) Config(statePath string) string {
	o := r.msp.CIPP.Options()
	var b strings.Builder
	fmt.Fprintf(&b, `# Harbour IT Services, a make-believe MSP: nothing here is real.
state:
  path: %q
currency: USD
timezone: UTC
cipp:
  url: %q
  tenant_id: %q
  client_id: %q
  client_secret: %q
  token_url: %q
  rate: {per_second: 1000, burst: 200, concurrency: 8}
connectwise:
  url: %q
  company: %q
  public_key: %q
  private_key: %q
  client_id: %q
  agreement_types: [Managed Services]
  rate: {per_minute: 60000, burst: 200, concurrency: 8}
`, statePath, r.CIPPURL, partnerID, o.ClientID, o.ClientSecret, r.TokenURL,
		r.ConnectWiseURL, company, publicKey, privateKey, clientID)
	if r.ITGlueURL != "" {
		fmt.Fprintf(&b, `itglue:
  url: %q
  api_key: %q
  rate: {per_second: 1000, burst: 200, concurrency: 8}
`, r.ITGlueURL, ITGlueKey)
	}
	if r.CinodeURL != "" {
		fmt.Fprintf(&b, `scim:
  - name: %s
    profile: cinode
    url: %q
    token: %q
    rate: {per_second: 1000, burst: 200, concurrency: 8}
    users: {licensed_only: true}
    groups: {include: [%q, %q]}
`, cinodeName, r.CinodeURL, CinodeToken, groupManagement, groupRemote)
	}
	b.WriteString(`jobs:
  - {name: licences, schedule: "0 6 * * *", targets: [connectwise], apply: approve}
`)
	if r.ITGlueURL != "" {
		b.WriteString("  - {name: documentation, schedule: \"0 */4 * * *\", targets: [itglue], apply: approve}\n")
	}
	if r.CinodeURL != "" {
		fmt.Fprintf(&b, "  - {name: identity, schedule: \"*/30 * * * *\", targets: [scim/%s], apply: auto}\n", cinodeName)
	}
	return b.String()
}
