package rest

import (
	"strings"
	"testing"
)

func TestCheckURLTakesHTTPSAndThisMachine(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.example.net":                          "https://api.example.net",
		"  https://api.example.net/v1 ":                    "https://api.example.net/v1",
		"HTTPS://api.example.net:8443/":                    "https://api.example.net:8443/",
		"https://api.cinode.com/scim/tenants/{account}/v2": "https://api.cinode.com/scim/tenants/%7Baccount%7D/v2",
		"http://localhost:8080":                            "http://localhost:8080",
		"http://LOCALHOST":                                 "http://LOCALHOST",
		"http://psa.localhost":                             "http://psa.localhost",
		"http://127.0.0.1:9000/x":                          "http://127.0.0.1:9000/x",
		"http://127.9.9.9":                                 "http://127.9.9.9",
		"http://[::1]:80":                                  "http://[::1]:80",
	} {
		got, err := CheckURL(raw)
		if err != nil || got.String() != want {
			t.Errorf("%q: got %v, %v, want %s", raw, got, err, want)
		}
	}
}

func TestCheckURLSaysWhatToWriteInstead(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                      "is missing",
		"  ":                                    "is missing",
		"api.example.net":                       "does not begin with https://",
		"api.example.net:443":                   "does not begin with https://",
		"//api.example.net":                     "does not begin with https://",
		"http://api.example.net":                "write https://api.example.net",
		"http://10.0.0.1":                       "write https://10.0.0.1",
		"http://localhost.example.net":          "unencrypted",
		"http://0.0.0.0":                        "unencrypted",
		"ftp://api.example.net":                 "write https://api.example.net",
		"https://":                              "names no host",
		"https://:443":                          "names no host",
		"https:///v1":                           "names no host",
		"https://api.{region}.example.net":      "is not an address",
		"https://api.example.net?a=hunter2":     "has a query",
		"https://api.example.net/v1?":           "write only https://api.example.net/v1",
		"https://api.example.net#hunter2":       "has a fragment",
		"https://me:hunter2@api.example.net":    "user name or password",
		"https://hunter2@api.example.net":       "user name or password",
		"https://me:hunter2%zz@api.example.net": "is not an address",
		"https://api.example.net:hunter2":       "is not an address",
		"https://api.example.net:99999":         "99999 is no port",
		"https://api.example.net:":              "no port after the colon",
		"https://api example net/":              "is not an address",
	} {
		got, err := CheckURL(raw)
		if err == nil {
			t.Errorf("%q: got %s, want an error", raw, got)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %q, want %q in it and no secret", raw, err, want)
		}
	}
}
