package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

// counting edits what product rules count at Contoso, or checks what was asked for:
//
//	people                        Ann and Bob of Sales, Cleo and Temp of IT, Temp disabled; Info, a shared
//	                              mailbox; a guest and a service account. All but the last three hold SPB
//	department UPN TEXT
//	rename GROUP NAME
//	subs PART ID=UNITS[@OWNER]…   its subscriptions: of a year, and who sold each
//	broken PATH                   that collection of Contoso ends in an error: users, groups
//	reads PATH N                  so many reads of it since world forget, of all tenants
func (w *world) counting(args []string) (err error) {
	t := func(edit func(*cippsim.Tenant)) {
		w.cipp.Update(func(c *cippsim.World) { edit(c.Tenant("contoso.example")) })
	}
	switch verb := args[0]; {
	case verb == "people" && len(args) == 1:
		w.people()
		t(func(t *cippsim.Tenant) {
			for _, u := range t.Users {
				switch u.ID {
				case contosoPeople["ann"], contosoPeople["bob"]:
					u.Department = "Sales"
				case contosoPeople["cleo"]:
					u.Department = "IT"
				case contosoPeople["temp"]:
					u.Department, u.Licences = "IT", []string{skus["SPB"].id}
				}
			}
			for _, name := range []string{"guest", "svc-scan"} {
				t.Users = append(t.Users, &cippsim.User{UPN: name + "@contoso.example", DisplayName: name, Guest: name == "guest", Created: time.Now().AddDate(-1, 0, 0)})
			}
			t.CountConsumed()
		})
	case verb == "department" && len(args) == 3:
		t(func(t *cippsim.Tenant) { t.User(args[1]).Department = args[2] })
	case verb == "rename" && len(args) == 3:
		t(func(t *cippsim.Tenant) {
			i := slices.IndexFunc(t.Groups, func(g *cippsim.Group) bool { return g.DisplayName == args[1] })
			t.Groups[i].DisplayName = args[2]
		})
	case verb == "subs" && len(args) > 2:
		t(func(t *cippsim.Tenant) {
			k := t.SKU(args[1])
			k.Enabled, k.Subscriptions = 0, nil
			for _, text := range args[2:] {
				id, rest, _ := strings.Cut(text, "=")
				number, owner, _ := strings.Cut(rest, "@")
				n, aerr := strconv.Atoi(number)
				if aerr != nil {
					err = aerr
				}
				k.Enabled += n
				k.Subscriptions = append(k.Subscriptions, cippsim.Subscription{ID: id, Total: n, Owner: owner, Created: time.Now().AddDate(0, -5, 0), Next: time.Now().AddDate(0, 7, 0).Truncate(time.Second)})
			}
		})
	case verb == "broken" && len(args) == 2:
		w.cipp.SetTenantFaults("contoso.example", cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{args[1]: {Status: 403}}})
	case verb == "reads" && len(args) == 3:
		n := 0
		for _, r := range w.cipp.Requests() {
			if strings.Contains(r.Query, args[1]) || strings.Contains(r.Body, `"`+args[1]+"?") || strings.Contains(r.Body, "/"+args[1]+"?") {
				n++
			}
		}
		if strconv.Itoa(n) != args[2] {
			return fmt.Errorf("%s was read %d times, want %s", args[1], n, args[2])
		}
	default:
		return fmt.Errorf("world counting %s means nothing", strings.Join(args, " "))
	}
	return err
}
