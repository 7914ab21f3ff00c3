package connectwise

import (
	"fmt"
	"strings"
	"testing"

	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

func findings(all []target.Finding) string {
	var parts []string
	for _, f := range all {
		mark := "ok "
		if !f.OK {
			mark = "BAD "
		}
		parts = append(parts, mark+f.Name)
	}
	return strings.Join(parts, ", ")
}

// desk gives ConnectWise two service boards.
func desk(w *cwsim.World) {
	w.Boards = []*cwsim.Setup{{ID: 3, Name: "Dispatch"}, {ID: 4, Name: "Licensing"}}
	w.BoardStatuses = []*cwsim.BoardStatus{{ID: 40, BoardID: 4, Name: "New", Default: true}, {ID: 42, BoardID: 4, Name: "Done", Closed: true}}
	w.Priorities = []*cwsim.Setup{{ID: 9, Name: "Priority 4"}}
}

func ticketing(board, priority string) func(*Config) {
	return func(c *Config) { c.Tickets = TicketConfig{Board: board, Priority: priority} }
}

func TestCheck(t *testing.T) {
	const right = "ok company, ok login, ok companies, ok agreements, ok additions, ok catalogue, ok agreement type Managed Services, ok writing additions"
	full := cwsim.RoleSetting{Module: "Finance", Function: "Agreements", Inquire: "All", Edit: "All", Add: "All"}
	read := []cwsim.RoleSetting{{Function: "Company Maintenance", Inquire: "All"}, {Function: "Product Catalog", Inquire: "All"}}
	role := func(settings ...cwsim.RoleSetting) func(*cwsim.World) {
		return func(w *cwsim.World) {
			w.Roles = []*cwsim.Role{{ID: 1, Name: "API", Settings: append(settings, read...)}}
			w.Members = []*cwsim.Member{{ID: 1, Identifier: "syncd", RoleID: 1}}
		}
	}
	for _, tt := range []struct {
		name   string
		world  func(*cwsim.World)
		config func(*Config)
		faults cwsim.Faults
		want   string
		says   string
	}{
		{name: "all right", want: right, says: "Example Networks at cw.example.test, cloud"},
		{name: "all right, and the role says so", world: role(full), want: right, says: "these roles grant it: API"},
		{name: "a cloud in words", faults: cwsim.Faults{IsCloudText: true}, want: right, says: "cloud"},
		{name: "an unknown company", config: func(c *Config) { c.Company = "nobody" }, want: "BAD company", says: "connectwise.company"},
		{name: "an unknown company as 404", config: func(c *Config) { c.Company = "nobody" }, faults: cwsim.Faults{UnknownCompany404: true}, want: "BAD company", says: "connectwise.company"},
		{name: "wrong keys", config: func(c *Config) { c.PublicKey = c.PrivateKey }, want: "ok company, BAD login", says: "private_key"},
		{name: "no right to agreements", world: role(), want: "ok company, ok login, ok companies, BAD agreements, ok catalogue, ok agreement type Managed Services, BAD writing additions", says: "Finance > Agreements"},
		{name: "a role that only reads", world: role(cwsim.RoleSetting{Function: "Agreements", Inquire: "All"}),
			want: strings.Replace(right, "ok writing", "BAD writing", 1), says: "Finance > Agreements: Edit All"},
		{name: "a role that may not add", world: role(cwsim.RoleSetting{Function: "Agreements", Inquire: "All", Edit: "All"}), config: func(c *Config) { c.CreateAdditions = true },
			want: strings.Replace(right, "ok writing", "BAD writing", 1), says: "and Add All"},
		{name: "a misspelt agreement type", config: func(c *Config) { c.AgreementTypes = []string{"Managed Service"} },
			want: strings.Replace(right, "ok agreement type Managed Services", "BAD agreement type Managed Service", 1), says: `did you mean "Managed Services"?`},
		{name: "an agreement type from elsewhere", config: func(c *Config) { c.AgreementTypes = []string{"Backup"} },
			want: strings.Replace(right, "ok agreement type Managed Services", "BAD agreement type Backup", 1), says: "Managed Services, Projects"},
		{name: "tickets", world: desk, config: ticketing("licensing", "Priority 4"), want: strings.Replace(right, "ok writing", "ok tickets, ok writing", 1), says: "board licensing; the first one shows"},
		{name: "tickets on a board without an end", world: desk, config: ticketing("Dispatch", ""), want: strings.Replace(right, "ok writing", "ok tickets, ok writing", 1), says: "noted as solved and stay open"},
		{name: "a misspelt board", world: desk, config: ticketing("Licences", ""), want: strings.Replace(right, "ok writing", "BAD tickets, ok writing", 1), says: "there are: Dispatch, Licensing"},
		{name: "a misspelt priority", world: desk, config: ticketing("4", "Low"), want: strings.Replace(right, "ok writing", "BAD tickets, ok writing", 1), says: "there are: Priority 4"},
		{name: "tickets that may not be read", world: func(w *cwsim.World) { desk(w); role(full)(w) }, config: ticketing("4", ""), want: strings.Replace(right, "ok writing", "BAD tickets, ok writing", 1), says: "Service Desk > Service Tickets"},
		{name: "no agreement visible", world: func(w *cwsim.World) { w.Agreements, w.Additions = nil, nil }, want: strings.Replace(right, "ok additions", "BAD additions", 1), says: "no agreement is visible"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(), func(c *Config) {
				if tt.config != nil {
					tt.config(c)
				}
			})
			if tt.world != nil {
				h.sim.Update(tt.world)
			}
			h.sim.SetFaults(tt.faults)
			got := h.client.Check(t.Context())
			if g := findings(got); g != tt.want {
				t.Errorf("got  %s\nwant %s", g, tt.want)
			}
			if text := fmt.Sprint(got); !strings.Contains(text, tt.says) {
				t.Errorf("got %s, want it to say %q", text, tt.says)
			}
			for _, f := range got {
				if f.OK != (f.Remedy == "") {
					t.Errorf("%s: got remedy %q", f.Name, f.Remedy)
				}
			}
			if n := len(h.sim.Writes()); n != 0 {
				t.Errorf("got %d writes, want none", n)
			}
		})
	}
}
