package app

import (
	"context"

	"syncd/internal/connectwise"
)

// MakeTickets has an App make tickets, as the configuration does.
func MakeTickets(w *App, c connectwise.TicketConfig) error {
	for _, s := range w.Config.systems {
		if of, ok := s.System.(*connectWise); ok {
			of.config.Tickets = c
			return of.Connect(w)
		}
	}
	return nil
}

// TicketsRound is what the daemon does after a run.
func TicketsRound(ctx context.Context, w *App) error { return newTickets(w).round(ctx) }
