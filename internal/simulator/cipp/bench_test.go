package cippsim_test

import (
	"fmt"
	"net/http"
	"testing"

	cippsim "syncd/internal/simulator/cipp"
)

func estate(tenants, skus, users int) cippsim.World {
	var w cippsim.World
	for i := range tenants {
		t := &cippsim.Tenant{DisplayName: fmt.Sprintf("Tenant %d", i), DefaultDomain: fmt.Sprintf("t%04d.example", i)}
		for j := range skus {
			t.SKUs = append(t.SKUs, cippsim.SKU{PartNumber: fmt.Sprintf("SKU_%d", j), Enabled: 10, Subscriptions: []cippsim.Subscription{{Total: 10}}})
		}
		for j := range users {
			t.Users = append(t.Users, &cippsim.User{UPN: fmt.Sprintf("u%d@t%04d.example", j, i)})
		}
		w.Tenants = append(w.Tenants, t)
	}
	return w
}

func BenchmarkNewWithAThousandTenants(b *testing.B) {
	w := estate(1000, 20, 20)
	for b.Loop() {
		cippsim.New(w, cippsim.Options{})
	}
}

func BenchmarkBulkOfTwentySKUs(b *testing.B) {
	s := cippsim.New(estate(1000, 20, 0), cippsim.Options{})
	k := &caller{s: s, http: &http.Client{Transport: s.Transport()}}
	k.t = b
	k.login()
	for b.Loop() {
		if _, body, err := k.try("POST", "ListGraphBulkRequest", `{"tenantFilter":"t0500.example","asApp":true,"requests":[
			{"id":"skus","method":"GET","url":"subscribedSkus"},{"id":"subs","method":"GET","url":"directory/subscriptions"}]}`); err != nil || len(body) < 1000 {
			b.Fatal(err, body)
		}
	}
}
