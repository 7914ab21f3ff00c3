package admin_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/secret"
	cippsim "syncd/internal/simulator/cipp"
)

// newCaller is CIPP's client in front of the simulator. No password of the
// make-believe world may be in its log.
func newCaller(t *testing.T, sim *cippsim.Server) admin.Caller {
	t.Helper()
	conf := cipp.Defaults()
	world := sim.World()
	conf.URL, conf.TenantID = "https://cipp-api.example.net", world.PartnerTenant.CustomerID
	conf.ClientID, conf.ClientSecret = sim.Options().ClientID, secret.New(sim.Options().ClientSecret)
	conf.Rate.PerSecond, conf.Rate.Burst = 100, 100
	var log bytes.Buffer
	c, err := cipp.New(conf, cipp.Options{Log: zerolog.New(&log).Level(zerolog.TraceLevel), Transport: sim.Transport(), Operate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, tenant := range sim.World().Tenants {
			for _, u := range tenant.Users {
				if u.Password != "" && strings.Contains(log.String(), u.Password) {
					t.Errorf("the log holds the password of %s", u.UPN)
				}
			}
		}
	})
	return c
}
