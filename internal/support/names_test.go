package support

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestNamesHavePseudonyms(t *testing.T) {
	n := NewNames()
	n.Learn(Customer, "Contoso Ltd")
	n.Learn(Customer, "Contoso")
	n.Learn(Customer, "Café Lumière")
	n.Learn(Person, "Ada Lovelace-Byron")
	n.Learn(Person, "Ada")
	n.Learn(Person, "")
	n.Learn(Person, "Al") // too short to be looked for
	n.Learn(Person, "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12")
	for _, tt := range []struct{ text, want string }{
		{"Contoso Ltd: agreement 55: PATCH 403", "customer-1: agreement 55: PATCH 403"},
		{"contoso ltd and CONTOSO LTD are one", "customer-1 and customer-1 are one"},
		{"Contoso, or contosoland", "customer-2, or contosoland"},
		{"at Café Lumière's", "at customer-3's"},
		{"Ada Lovelace-Byron (Ada)", "person-1 (person-2)"},
		{"Adaptive cards are no Ada", "Adaptive cards are no person-2"},
		{"ann@contoso.example left", "mail-1 left"},
		{"ANN@contoso.example came back as bob_fabrikam.example#EXT#@contoso.onmicrosoft.com", "mail-1 came back as mail-2"},
		{"host crm.contoso.co.uk:8443 does not answer.", "host domain-1:8443 does not answer."},
		{"https://api-na.myconnectwise.net/v4_6 and login.microsoftonline.com", "https://api-na.myconnectwise.net/v4_6 and login.microsoftonline.com"},
		{"see syncd.db, runner.go:120 and docs/operations.md", "see syncd.db, runner.go:120 and docs/operations.md"},
		{"evidence.keep is 84, limits.money.increase 500.00, v1.26.8", "evidence.keep is 84, limits.money.increase 500.00, v1.26.8"},
		{`the group "Board of Directors" has no members; status "held"`, `the group "text-1" has no members; status "held"`},
		{`no customer is called “Nobody's”`, `no customer is called “text-2”`},
		{"tenant 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12 is excluded", "tenant 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12 is excluded"},
		{"", ""},
		{"\xff broken \xff", "\xff broken \xff"},
	} {
		if got := n.Text(tt.text); got != tt.want {
			t.Errorf("%q:\ngot  %q\nwant %q", tt.text, got, tt.want)
		}
	}
	if got := n.Of(Customer, "Contoso  Ltd"); got != "customer-1" {
		t.Errorf("got %s, want the same pseudonym wherever it stands", got)
	}
	var none *Names
	none.Learn(Person, "Ada")
	if got := none.Text("Ada ann@contoso.example") + none.Of(Person, "Ada"); got != "Ada ann@contoso.exampleAda" {
		t.Errorf("got %q, want names as they are", got)
	}
}

func TestATailIsBounded(t *testing.T) {
	var tail Tail
	for i := range 3 * tailLines {
		fmt.Fprintf(&tail, "line %d\n", i)
	}
	lines := tail.Lines()
	if len(lines) != tailLines || lines[0] != fmt.Sprintf("line %d", 2*tailLines) || lines[tailLines-1] != fmt.Sprintf("line %d", 3*tailLines-1) {
		t.Errorf("got %d lines from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
	long := strings.Repeat("x", tailBytes/4) + "\n"
	for range 20 {
		fmt.Fprint(&tail, long)
	}
	if n := len(tail.Lines()); n != 3 || tail.bytes > tailBytes {
		t.Errorf("got %d long lines, %d bytes, want those that fit", n, tail.bytes)
	}
	if cap(tail.lines) > 4*tailLines {
		t.Errorf("got room for %d lines", cap(tail.lines))
	}
	if (*Tail)(nil).Lines() != nil {
		t.Error("a tail that is none has lines")
	}
}

func TestTheArchiveIsWhatItsNameSays(t *testing.T) {
	files := []File{{"README.txt", []byte("about it")}, {"log.jsonl", nil}}
	at := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	for _, name := range []string{"a.tar.gz", "a.tgz", "a", "a.zip", "A.ZIP"} {
		body, err := Archive(name, at, files)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		if strings.HasSuffix(strings.ToLower(name), ".zip") {
			r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.File {
				in, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(in)
				if err != nil {
					t.Fatal(err)
				}
				got[f.Name] = string(text)
			}
		} else {
			zipped, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r := tar.NewReader(zipped)
			for {
				h, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				got[h.Name] = string(text)
			}
		}
		if len(got) != 2 || got["syncd-support/README.txt"] != "about it" {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
