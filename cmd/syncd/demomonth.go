package main

import (
	"context"

	"syncd/internal/app"
	"syncd/internal/sync"
)

// renewer is the customer of the make-believe MSP whose licences renew with fewer
// seats at the end of the month.
const renewer = "Larkspur Interiors"

// closeMonth walks through what a billing admin does once a month's changes are
// written: the invoices, the reasons, the evidence, and the way back.
func (d *demo) closeMonth(ctx context.Context, run string) error {
	month := d.app.Now().In(d.app.Location).Format("2006-01")
	d.step("Why the number is what it is, from the ledger alone (syncd explain '%s' SPB --month %s)", renewer, month)
	x, err := d.app.Explain(ctx, renewer, "SPB", month)
	if err != nil {
		return err
	}
	if err := (*explanation)(x).write(d.page(d.out()), d.app); err != nil {
		return err
	}

	d.step("The invoices are made in ConnectWise")
	d.say("  %d invoices; syncd makes none, and writes into none.", d.msp.MakeInvoices())

	d.step("The evidence of the month, checked against the invoices (syncd report month --month %s --customer '%s')", month, renewer)
	months, err := d.app.Month(ctx, month, renewer)
	if err != nil {
		return err
	}
	for _, pack := range months.Packs {
		if err := d.tabulateMonth(pack); err != nil {
			return err
		}
	}
	d.say("  As a file it is one page or one workbook, and syncd state verify --evidence FILE finds whatever is changed in it.")
	d.say("  Once the month is over, syncd report month --close freezes it.")

	d.step("The way back from that run: a plan like any other, and the credits to issue by hand (syncd revert %s)", run)
	report, err := d.app.Revert(ctx, d.operator(), app.Revert{Run: run, Customer: renewer, Reason: "practice"}, func(int, int, string) {})
	if report == nil {
		return err
	}
	if err != nil {
		return err
	}
	if err := d.page(d.out()).writeReport(report, view{}); err != nil {
		return err
	}
	d.say("  It waits for a person, and this time nobody approves it.")
	return nil
}

// playMonthEnd lets the end of a month come: what can be explained is approved with
// the rest, then the month is looked at.
func (d *demo) playMonthEnd(ctx context.Context) error {
	if _, err := d.job(ctx, sync.Apply, billing); err != nil {
		return err
	}
	approved, err := d.approval(ctx)
	if err != nil || !approved {
		return err
	}
	d.step("Apply writes exactly what was approved")
	report, err := d.job(ctx, sync.Apply, billing)
	if err != nil {
		return err
	}
	return d.closeMonth(ctx, report.Run)
}
