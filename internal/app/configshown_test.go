package app

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is shown of the configuration has every setting and no secret, wherever one stands.
func TestTheConfigurationIsShownWithoutSecrets(t *testing.T) {
	text := `
events: {secret: an-events-secret-of-ours}
cipp: {url: "https://cipp.example", tenant_id: 0f5d3c7e-8f43-4f57-9d1e-5a0f1c2b7d90, client_id: 0f5d3c7e-8f43-4f57-9d1e-5a0f1c2b7d91, client_secret: cipp-hidden-1, token_url: "https://login.example/cipp-hidden-1/token"}
connectwise: {url: "https://api-na.myconnectwise.net", company: msp, public_key: public-hidden-2, private_key: private-hidden-3, client_id: client-hidden-7}
itglue: {api_key: glue-hidden-4}
scim:
  - {name: cinode, profile: cinode, url: "https://api.cinode.com/scim/tenants/{account}/v2", tokens: {"12": account-hidden-5}}
  - {name: other, profile: generic, url: "https://other.example/v2", token: token-hidden-6}
`
	cfg := mustParse(t, text, nil)
	shown, document, err := cfg.Shown()
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	for path, s := range cfg.secrets() {
		for _, where := range []string{shown, string(body)} {
			if !s.Empty() && strings.Contains(where, s.Reveal()) {
				t.Errorf("%s is shown", path)
			}
		}
	}
	for _, want := range []string{"company: msp", "per_minute: 300", "max_age: 26h0m0s", "timezone: Europe/London", "first_plan: hold", "name: other"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown in\n%s", want, shown)
		}
	}
	if got, want := strings.Count(shown, "[redacted]"), len(cfg.credentials())+1; got < want {
		t.Errorf("got %d secrets that are hidden, want %d or more in\n%s", got, want, shown)
	}
}
