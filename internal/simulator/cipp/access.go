package cippsim

import (
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// public is the role of an endpoint that CIPP itself does not check.
const public = "Public"

// builtIn are CIPP's own roles (CIPP source: Config/cipp-roles.json).
var builtIn = map[string]struct{ include, exclude []string }{
	"readonly":   {[]string{"*.Read"}, []string{"CIPP.SuperAdmin.*", "CIPP.Admin.*", "CIPP.AppSettings.*"}},
	"editor":     {[]string{"*.Read", "*.ReadWrite"}, []string{"CIPP.SuperAdmin.*", "CIPP.Admin.*", "CIPP.AppSettings.*", "Tenant.Standards.ReadWrite"}},
	"admin":      {[]string{"*"}, []string{"CIPP.SuperAdmin.*"}},
	"superadmin": {[]string{"*"}, nil},
}

// authorise is CIPP's own check (CIPP source: Test-CIPPAccess.ps1). It also
// notes the caller's custom role if that limits the tenants.
func (s *Server) authorise(r *http.Request, client *Client, ep endpoint, in *call) *answer {
	refuse := func(msg string) *answer {
		a := text(http.StatusForbidden, msg)
		return &a
	}
	if ep.role == public || ep.role == "" { // the role of what is newer is not known
		return nil
	}
	if client == nil {
		return refuse(TextNoRole)
	}
	if !addressAllowed(r, client.IPRange) {
		return refuse(TextNoAddress)
	}
	if b, ok := builtIn[strings.ToLower(client.Role)]; ok {
		if !like(ep.role, b.include) || like(ep.role, b.exclude) {
			return refuse(textNotAllowed + "the '" + client.Role + "' base role does not have the required permission: " + ep.role)
		}
		return nil
	}
	name := client.Role
	if name == "" {
		name = "cipp-api" // what CIPP falls back to
	}
	i := slices.IndexFunc(s.world.Roles, func(r *Role) bool { return strings.EqualFold(r.Name, name) })
	if i < 0 {
		return refuse(TextNoRole)
	}
	role := s.world.Roles[i]
	if slices.ContainsFunc(role.BlockedEndpoints, func(e string) bool { return strings.EqualFold(e, ep.name) }) {
		return refuse(textNotAllowed + "the custom role '" + role.Name + "' has blocked this endpoint: " + ep.name)
	}
	granted := slices.ContainsFunc(role.Permissions, func(p string) bool {
		return strings.EqualFold(p, ep.role) || strings.EqualFold(p, ep.role+"Write")
	})
	if !granted {
		return refuse(textNotAllowed + "you do not have the required permission: " + ep.role)
	}
	if len(role.AllowedTenants) == 0 && len(role.BlockedTenants) == 0 {
		return nil
	}
	in.scope = role
	if ep.tenancy == noTenant || ep.tenancy == ownCheck {
		return nil
	}
	filter, named := in.tenantFilter()
	if filter == allTenants {
		if strings.HasSuffix(ep.role, ".ReadWrite") {
			return refuse(TextNoTenant)
		}
		return nil
	}
	t := s.world.PartnerTenant
	if named {
		t = s.world.Tenant(filter)
	}
	if t == nil || !in.allows(t) {
		return refuse(TextNoTenant)
	}
	return nil
}

// allows says whether the caller's role reaches a tenant.
func (c *call) allows(t *Tenant) bool {
	if c.scope == nil {
		return true
	}
	is := func(id string) bool { return strings.EqualFold(id, t.CustomerID) }
	return (len(c.scope.AllowedTenants) == 0 || slices.ContainsFunc(c.scope.AllowedTenants, is)) &&
		!slices.ContainsFunc(c.scope.BlockedTenants, is)
}

func like(role string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, role) // roles hold no slash, so * spans dots as in PowerShell
		return ok
	})
}

// addressAllowed compares the first hop of X-Forwarded-For, which the
// platform sets, with a client's list.
func addressAllowed(r *http.Request, allowed []string) bool {
	if len(allowed) == 0 {
		return true
	}
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	first = strings.TrimSpace(first)
	if first == "" {
		first = r.RemoteAddr
	}
	if host, _, err := net.SplitHostPort(first); err == nil {
		first = host
	}
	ip, err := netip.ParseAddr(first)
	return slices.ContainsFunc(allowed, func(a string) bool {
		if strings.EqualFold(a, "Any") {
			return true
		}
		if err != nil {
			return false
		}
		if p, bad := netip.ParsePrefix(a); bad == nil {
			return p.Contains(ip.Unmap())
		}
		one, bad := netip.ParseAddr(a)
		return bad == nil && one.Unmap() == ip.Unmap()
	})
}
