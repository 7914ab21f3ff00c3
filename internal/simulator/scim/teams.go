package scimsim

import "slices"

// bindTeam finds the team or role that a new group stands for: the one that
// an administrator prepared, else a new team, which is a stray one.
func (c *call) bindTeam(g *Resource) {
	if !c.dialect.Teams {
		return
	}
	i := slices.IndexFunc(c.account.Teams, func(t *Team) bool {
		return t.GroupID == "" && t.PreparedName != "" && t.PreparedName == g.DisplayName() &&
			(c.dialect.LinkByNameOnly || t.PreparedID == g.ExternalID() || t.PreparedID == g.ID)
	})
	var t *Team
	if i >= 0 {
		t = c.account.Teams[i]
	} else {
		t = &Team{Name: g.DisplayName(), Stray: true}
		c.account.Teams = append(c.account.Teams, t)
	}
	t.GroupID = g.ID
	for _, id := range g.Members {
		if !slices.Contains(t.Members, id) {
			t.Members = append(t.Members, id)
		}
	}
	if i >= 0 && len(t.Members) > len(g.Members) {
		// Who was in the team before is a member of the group now.
		g.Members, g.set = slices.Clone(t.Members), nil
	}
}

// teamOf is the team of a group; nil if there is none.
func (a *Account) teamOf(group string) *Team {
	for _, t := range a.Teams {
		if t.GroupID == group && group != "" {
			return t
		}
	}
	return nil
}

// followTeam carries members, and perhaps the name, of a group over to its team.
func (c *call) followTeam(g *Resource, renamed bool) {
	if !c.dialect.Teams {
		return
	}
	if t := c.account.teamOf(g.ID); t != nil {
		t.Members = slices.Clone(g.Members)
		if renamed && c.dialect.RenameTeams {
			t.Name = g.DisplayName()
		}
	}
}

// followTeams does so for all groups of an account, after a person's edits.
func (s *Server) followTeams(a *Account) {
	if !s.dialect.Teams {
		return
	}
	for _, g := range a.Groups {
		if t := a.teamOf(g.ID); t != nil {
			t.Members = slices.Clone(g.Members)
		}
	}
}

// unbindTeam ends the link when the group goes. The team and its members stay.
func (c *call) unbindTeam(g *Resource) {
	if t := c.account.teamOf(g.ID); t != nil {
		t.GroupID = ""
		if c.dialect.DeleteTeams {
			c.account.Teams = slices.DeleteFunc(c.account.Teams, func(o *Team) bool { return o == t })
		}
	}
}
