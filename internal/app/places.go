package app

import "syncd/internal/mapping"

// A Place is where a customer lives in a system.
type Place struct {
	System  string // as people call it; the system's title by default
	What    string // it is there
	Address string // in the system's own pages; empty where nobody knows it
}

// Places are where a customer lives, by the table of links.
func (w *App) Places(c *mapping.Customer) []Place {
	var all []Place
	for _, s := range w.Config.systems {
		portal, ok := s.System.(Portal)
		if !ok {
			continue
		}
		for _, p := range portal.Places(c) {
			if p.System == "" {
				p.System = s.Title
			}
			all = append(all, p)
		}
	}
	return all
}
