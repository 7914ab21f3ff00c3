// Screenshots writes pictures of every page, in light and dark: of what is seen first and small into
// docs/images, where the README's own are kept, or of whole pages into another folder.
//
//	go run ./internal/web/pages/screenshots [FOLDER]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/web/pages/pagestest"
)

// wrote stands in an address for the newest run but one, which wrote something.
const wrote = "{run}"

// oneCustomer stands in an address for the customer at whom somebody edited a line.
const oneCustomer = "{customer}"

// shots are the pictures. A page is a line here.
var shots = []shot{
	{"inbox", "/", wide},
	{"inbox-phone", "/", phone},
	{"report", "/report", wide},
	{"report-phone", "/report", phone},
	{"renewals", "/report/renewals", wide},
	{"leakage", "/report/leakage", wide},
	{"month", "/months", wide},
	{"products", "/products", wide},
	{"products-phone", "/products", phone},
	{"runs", "/runs", wide},
	{"run", "/runs/" + wrote, wide},
	{"customers", "/customers", wide},
	{"customer", "/customers/" + oneCustomer, wide},
	{"customer-phone", "/customers/" + oneCustomer, phone},
	{"explain", "/customers/" + oneCustomer + "/explain/M365-E3", wide},
	{"system", "/system", wide},
	{"mapping", "/map", wide},
	{"mapping-phone", "/map", phone},
	{"matches", "/matches", wide},
}

// A shot is a picture of a page, in light and, with -dark, in dark.
type shot struct {
	name, path string
	size
}

type size struct{ width, height int64 }

var wide, phone = size{1180, 900}, size{390, 844}

func main() {
	folder, whole := filepath.Join("docs", "images"), false
	if len(os.Args) > 1 {
		folder, whole = os.Args[1], true
	}
	if err := run(context.Background(), folder, whole); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, folder string, whole bool) error {
	dir, err := os.MkdirTemp("", "syncd-screenshots-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	world, err := pagestest.Start(ctx, dir)
	if err != nil {
		return err
	}
	defer world.Close()
	if err := past(ctx, world.App); err != nil {
		return err
	}
	if err := world.Settle(); err != nil {
		return err
	}
	if err := world.Play("seats", "human-edit", "failing-tenant", "leaver-sku"); err != nil {
		return err
	}
	if _, err := world.App.SuggestLinks(ctx); err != nil {
		return err
	}
	address := world.Serve(pagestest.Somebody("Dana Ortiz", app.RoleOperator))
	runs, _, err := world.App.Runs(ctx, 1, 1)
	if err != nil {
		return err
	}
	customer, err := world.App.Remembered(ctx, "Elmsworth Housing")
	if err != nil {
		return err
	}
	stands := strings.NewReplacer(wrote, runs[0].ID, oneCustomer, customer)
	browser, err := pagestest.NewBrowser(ctx, filepath.Join(dir, "profile"))
	if err != nil {
		return err
	}
	defer browser.Close()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, s := range shots {
		for _, dark := range []bool{false, true} {
			file := filepath.Join(folder, s.name+".png")
			if dark {
				file = filepath.Join(folder, s.name+"-dark.png")
			}
			if err := errors.Join(browser.Size(s.width, s.height), browser.Dark(dark), browser.Open(address+stands.Replace(s.path))); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			picture, err := browser.Picture()
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if !whole {
				if picture, err = small(picture, int(s.height)); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
			if err := os.WriteFile(file, picture, 0o644); err != nil {
				return err
			}
			fmt.Println(file)
		}
	}
	return nil
}

// past lets the ledger tell of the months before: the make-believe MSP begins today, and a
// chart of one day shows nothing.
func past(ctx context.Context, w *app.App) error {
	c, err := w.Customer(ctx, "Elmsworth Housing")
	if err != nil {
		return err
	}
	scope := plan.Scope{Customer: c.Key, Target: "connectwise"}
	key := plan.Key{Kind: "addition", ID: "05e9a617-0261-4cee-bb44-138d3ef5d965"}
	commit := &state.Commit{Scope: scope}
	for _, was := range []struct {
		months         int
		bought, billed string
	}{{10, "104", "104"}, {8, "110", "104"}, {7, "110", "110"}, {5, "118", "118"}, {3, "122", "118"}, {2, "122", "122"}, {1, "120", "120"}} {
		commit.Spans = append(commit.Spans, state.Span{Scope: scope, Key: key, From: w.Now().UTC().AddDate(0, -was.months, 0), Known: true, Product: "M365-E3", Label: "Microsoft 365 E3",
			Purchased: was.bought, Assigned: "96", Due: was.bought, Billed: was.billed, Price: "33.5", Currency: "USD", Cycle: "1", Agreement: "510",
			Rules: []state.SpanRule{{SKU: key.ID, Name: "Microsoft 365 E3", Product: "M365-E3", Count: "purchased", Status: "bill"}}})
	}
	return w.Store.Commit(ctx, commit)
}
