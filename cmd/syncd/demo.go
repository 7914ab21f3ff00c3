package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/simulator/msp"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/sync"
	"syncd/internal/web/pages"
)

func demoCommand(a *cli) *cobra.Command {
	var d demo
	var known []string
	for _, s := range msp.Scenarios() {
		known = append(known, s.Name)
	}
	cmd := &cobra.Command{Use: "demo", Short: "Practice mode: everything, against make-believe systems", Args: cobra.NoArgs,
		Long: "Bring up simulated CIPP, ConnectWise, IT Glue and Cinode systems with a make-believe MSP, run the licence, the documentation and the identity job against them, show the plans, ask for approval, apply, and show that a second run changes nothing. Nothing real is touched and nothing is left behind.\n\nScenarios: " + strings.Join(known, ", ")}
	cmd.Flags().BoolVar(&d.yes, "yes", false, "approve without asking")
	cmd.Flags().BoolVar(&d.once, "once", false, "end after the last step instead of leaving the pages up")
	onceVar(cmd.Flags(), &d.as, "as", "sign in to the pages as somebody with a `ROLE`: viewer, mapper, approver or operator; otherwise as yourself")
	cmd.Flags().StringSliceVar(&d.scenarios, "scenario", nil, "then let this happen (`NAME`, several with commas) and run again")
	_ = cmd.RegisterFlagCompletionFunc("scenario", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return known, cobra.ShellCompDirectiveNoFileComp
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if a.json {
			return usage("practice mode is for people; it has no JSON")
		}
		for _, name := range d.scenarios {
			if err := msp.Known(name); err != nil {
				return usage("%w", err)
			}
		}
		if d.as != "" && !slices.Contains(app.Roles, app.Role(d.as)) {
			return usage("--as %q is no role; write %s", d.as, app.Names(app.Roles, func(r app.Role) string { return string(r) }))
		}
		if d.as != "" && d.once {
			return usage("--as is about the pages, which --once does not leave up; take one away")
		}
		d.cli, d.palette = a, palette(a.console.Color)
		return d.run(cmd.Context())
	}
	return cmd
}

// practice is what the make-believe MSP has.
var practice = []msp.Option{msp.WithDocumentation(), msp.WithIdentity()}

// A demo walks a person through the product.
type demo struct {
	*cli
	palette
	yes, once bool
	as        string // the role of whoever looks at the pages; empty: by the kernel's word
	scenarios []string
	msp       *msp.MSP
	app       *app.App
	steps     int
}

func (d *demo) run(ctx context.Context) error {
	ground, err := practiceGround()
	if err != nil {
		return fmt.Errorf("practice mode: %w", err)
	}
	defer ground.clear()
	ctx, stop := ground.untilSignal(ctx, d.console)
	defer stop()
	d.msp = msp.New(time.Now, practice...)
	systems, err := d.msp.Start(ctx)
	if err != nil {
		return fmt.Errorf("practice mode: %w", err)
	}
	defer systems.Close()
	path := filepath.Join(ground.dir, "config.yaml")
	text := systems.Config(filepath.Join(ground.dir, "syncd.db")) + "listen: " + freeAddress() + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("practice mode: %w", err)
	}
	cfg, err := app.Systems.LoadConfig(path, true, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		return fmt.Errorf("practice mode: %w", err)
	}
	d.cfg = cfg
	store, err := boltstate.Open(cfg.State.Path, boltstate.Options{})
	if err != nil {
		return fmt.Errorf("practice mode: %w", err)
	}
	defer store.Close()
	if d.app, err = newApp(cfg, store, d.log()); err != nil {
		return fmt.Errorf("practice mode: %w", err)
	}
	d.app.Practice = true
	if err := d.walk(ctx, systems); err != nil {
		return err
	}
	if d.once {
		return nil
	}
	served := daemon(func(addr string) {
		d.step("The daemon is up, until you press Ctrl-C")
		d.say("  pages        http://%s/  as %s", addr, d.signedIn())
		d.say("  metrics      http://%s/metrics", addr)
		d.say("  and in another terminal, any command, such as:")
		d.say("    %s --config %s report licences", filepath.Base(os.Args[0]), path)
	})
	if d.as != "" {
		served.Pages = func(r *app.Running) http.Handler { return pages.Handler(r, practised(app.Role(d.as))) }
	}
	return d.app.Serve(ctx, served)
}

// visitors are who looks at the pages of the make-believe MSP, by role.
var visitors = map[app.Role]string{app.RoleViewer: "Vera Lind", app.RoleMapper: "Milan Novak", app.RoleApprover: "Dana Ortiz", app.RoleOperator: "Olga Brandt"}

// A practised is the person with a role, whoever asks: in practice mode, on this machine, nothing is real.
type practised app.Role

// Person implements pages.People.
func (p practised) Person(*http.Request) (app.Person, bool) {
	role := app.Role(p)
	return app.Person{Operator: app.Operator{Name: visitors[role], Identified: "practice"}, Role: role, Named: true}, true
}

// signedIn says who looks at the pages.
func (d *demo) signedIn() string {
	if d.as == "" {
		return "yourself, who may do everything"
	}
	return visitors[app.Role(d.as)] + ", " + d.as
}

// freeAddress is the default address, or another one where somebody has it.
func freeAddress() string {
	l, err := net.Listen("tcp", app.Defaults().Listen)
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close()
	return l.Addr().String()
}

func (d *demo) step(format string, args ...any) {
	d.steps++
	d.say("")
	for _, line := range folded(fmt.Sprintf("%d. %s", d.steps, fmt.Sprintf(format, args...)), d.console.Width) {
		d.say("%s", d.paint(line, text.Bold, text.FgCyan))
	}
	d.say("")
}

// say writes a sentence, or several lines, as wide as the terminal.
func (d *demo) say(format string, args ...any) {
	p := d.page(d.console.Out)
	for line := range strings.SplitSeq(strings.TrimSuffix(fmt.Sprintf(format, args...), "\n"), "\n") {
		sentence := strings.TrimLeft(line, " ")
		p.flow(line[:len(line)-len(sentence)], sentence)
	}
}

func (d *demo) walk(ctx context.Context, systems *msp.Running) error {
	d.step("A make-believe MSP")
	d.say("  Harbour IT Services: a simulated CIPP at %s,", systems.CIPPURL)
	d.say("  a simulated ConnectWise at %s, a simulated IT Glue at %s", systems.ConnectWiseURL, systems.ITGlueURL)
	d.say("  and a simulated Cinode, a SCIM provider, at %s.", systems.CinodeURL)
	d.say("  All are strict, keep state, and misbehave as the real ones do. Nothing here is real.")
	links, rules, err := d.tables(ctx)
	if err != nil {
		return err
	}
	d.say("  Its billing admin linked %d customers to companies and settled %d product rules (syncd map, syncd products).", links, rules)

	d.step("The plan: what would change in ConnectWise, why, and what it costs (syncd plan)")
	if _, err := d.job(ctx, sync.PlanOnly, billing); err != nil {
		return err
	}
	d.step("Apply holds everything, because nobody approved it yet (syncd apply)")
	report, err := d.app.Engine.Run(ctx, d.selection(billing), sync.Apply)
	if err != nil {
		return err
	}
	d.say("  %d customers wait for a person; nothing was written: ConnectWise counts %d writes.", report.Totals[sync.Held], len(d.msp.ConnectWise.Writes()))

	for _, part := range []func(context.Context) error{d.bill, d.document, d.provision} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	for _, name := range d.scenarios {
		if err := d.play(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// bill has the plan of the billing job approved, applies it and runs it once more.
func (d *demo) bill(ctx context.Context) error {
	if approved, err := d.approval(ctx); err != nil || !approved {
		return err
	}
	d.step("Apply writes exactly what was approved (syncd apply)")
	if _, err := d.job(ctx, sync.Apply, billing); err != nil {
		return err
	}
	writes := len(d.msp.ConnectWise.Writes())
	d.say("\n  ConnectWise counts %d writes. What still waits needs a person: see the reasons above.", writes)

	d.step("A second run changes nothing")
	report, err := d.app.Engine.Run(ctx, d.selection(billing), sync.Apply)
	if err != nil {
		return err
	}
	d.say("  %d in step, %d still waiting, %d new writes.", report.Totals[sync.InStep], report.Totals[sync.Held], len(d.msp.ConnectWise.Writes())-writes)
	return nil
}

// tables imports the links and rules that the make-believe billing admin made.
func (d *demo) tables(ctx context.Context) (links, rules int, err error) {
	tenants, err := d.app.Tenants(ctx)
	if err != nil {
		return 0, 0, err
	}
	table, _, err := mapping.ImportLinks(strings.NewReader(d.msp.LinksCSV()), d.app.Columns(), mapping.Table{}, tenants, nil)
	if err != nil {
		return 0, 0, err
	}
	products, _, err := mapping.ImportRules(strings.NewReader(d.msp.ProductsCSV()), mapping.Rules{}, mapping.Known{})
	if err != nil {
		return 0, 0, err
	}
	for _, row := range table.Rows {
		if row.Status == mapping.Linked {
			links++
		}
	}
	if err := app.Put(ctx, d.app.Store, app.LinksDocument, 0, table); err != nil {
		return 0, 0, err
	}
	return links, len(products.Rules), app.Put(ctx, d.app.Store, app.ProductsDocument, 0, products)
}

// The targets of the jobs; everything is what "syncd apply" runs.
const (
	billing       = "connectwise"
	documentation = "itglue"
	identity      = "scim/cinode"
	everything    = ""
)

func (d *demo) selection(target string) sync.Selection {
	return sync.Selection{Jobs: d.app.Jobs, Target: target, Trigger: "command"}
}

// document walks through the documentation job.
func (d *demo) document(ctx context.Context) error {
	d.step("The same for IT Glue: our asset types are made on request (syncd itglue layouts create)")
	glue, _ := app.Find[assetTypes](d.app) // practice has one
	layouts, err := glue.CreateLayouts(ctx)
	if err != nil {
		return err
	}
	if err := writeLayouts(d.console.Out, d.console.Width, layouts, nil, ""); err != nil {
		return err
	}
	d.step("The first plan is a preview: who is linked, filled, created, left alone (syncd apply --target %s)", documentation)
	return d.carry(ctx, documentation, "IT Glue counts %d writes besides its new types", func() int { return len(d.msp.ITGlue.Writes()) })
}

// provision walks through the identity job, as document does.
func (d *demo) provision(ctx context.Context) error {
	d.step("The same for Cinode: people and their groups over SCIM (syncd apply --target %s)", identity)
	d.say("  Two customers use it. One begins; at the other some people are there already, and one is somebody else's.\n")
	return d.carry(ctx, identity, "Cinode counts %d writes", func() int { return len(d.msp.Cinode.Writes()) })
}

// carry previews a job, has it approved, applies it and runs it once more.
// counted says with a %d what the target counted until it was approved.
func (d *demo) carry(ctx context.Context, target, counted string, writes func() int) error {
	before := writes()
	report, err := d.preview(ctx, target)
	if err != nil {
		return err
	}
	d.say("  %d customers wait for a person; nothing was written: "+counted+".", report.Totals[sync.Held], writes()-before)
	if approved, err := d.approval(ctx); err != nil || !approved {
		return err
	}
	d.step("Apply writes it (syncd apply --target %s)", target)
	if _, err = d.preview(ctx, target); err != nil {
		return err
	}
	before = writes()
	d.step("And a second run writes nothing")
	if report, err = d.app.Engine.Run(ctx, d.selection(target), sync.Apply); err != nil {
		return err
	}
	d.say("  %d in step, %d still waiting, %d new writes.", report.Totals[sync.InStep], report.Totals[sync.Held], writes()-before)
	return nil
}

// preview runs a job and shows it as a table: first plans of people are too
// long to be read line by line here.
func (d *demo) preview(ctx context.Context, target string) (*sync.Report, error) {
	p := d.progress("customers")
	sel := d.selection(target)
	sel.Progress = func(done, total int, s *sync.ScopeReport) { p.at(done, total, s.Customer.Name) }
	result, err := d.app.Engine.Run(ctx, sel, sync.Apply)
	p.end()
	if err != nil {
		return result, err
	}
	return result, d.page(d.out()).writeReport(result, view{ofPeople: d.app.OfPeople})
}

// job runs jobs and shows what came of it.
func (d *demo) job(ctx context.Context, mode sync.Mode, target string) (*sync.Report, error) {
	p := d.progress("customers")
	sel := d.selection(target)
	sel.Progress = func(done, total int, s *sync.ScopeReport) { p.at(done, total, s.Customer.Name) }
	report, err := d.app.Engine.Run(ctx, sel, mode)
	p.end()
	if err != nil {
		return report, err
	}
	shown := *report
	if d.steps > newsFrom { // by now everybody knows what waits
		shown.Scopes = slices.DeleteFunc(slices.Clone(report.Scopes), func(s sync.ScopeReport) bool {
			return s.Count() == 0 && s.Error == nil && s.Outcome != sync.Unmapped
		})
	}
	return report, d.page(d.out()).writeReport(&shown, view{ofPeople: d.app.OfPeople})
}

// newsFrom is the step after which runs show only what is new.
const newsFrom = 4

// approval asks, and approves every plan that can be approved. Where the answer
// is no, the practice goes on without what was not approved.
func (d *demo) approval(ctx context.Context) (bool, error) {
	holds, err := d.app.Holds(ctx, "", "")
	if err != nil {
		return false, err
	}
	holds = slices.DeleteFunc(holds, func(h state.Hold) bool { return h.Digest == "" || h.Decision != nil && h.Decision.Approved })
	if len(holds) == 0 {
		return true, nil
	}
	if !d.yes {
		if d.console.Asker == nil {
			d.say("\nThis is no terminal, so nobody can approve, and nothing is written. Run it with --yes to go on.")
			return false, nil
		}
		answer, err := d.console.Ask(ctx, "\nApprove all of it? [y/N] ")
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if a := strings.ToLower(answer); a != "y" && a != "yes" {
			d.say("Not approved: nothing of it is written, and it waits. On with the rest.")
			return false, nil
		}
	}
	d.step("Approved (syncd approve)")
	if _, err := d.app.Decide(ctx, d.operator(), true, "practice", holds); err != nil {
		return false, err
	}
	d.say("  %d approved, each under its digest: a plan that changes meanwhile is held again.", len(holds))
	return true, nil
}

// play lets something happen and runs until it is dealt with.
func (d *demo) play(ctx context.Context, name string) error {
	d.step("Scenario %s: %s", name, msp.Summary(name))
	if name == "lost-answer" { // needs something to write
		if err := d.msp.Play("seats"); err != nil {
			return err
		}
	}
	if err := d.msp.Play(name); err != nil {
		return err
	}
	if name == "month-end" {
		return d.playMonthEnd(ctx)
	}
	if _, err := d.job(ctx, sync.Apply, everything); err != nil {
		return err
	}
	approved, err := d.approval(ctx)
	if err != nil {
		return err
	}
	if approved {
		d.step("Apply again")
		if _, err := d.job(ctx, sync.Apply, everything); err != nil {
			return err
		}
	}
	if err := d.msp.Play("calm"); err != nil {
		return err
	}
	if name == "lost-answer" && approved {
		d.say("\n  An answer was lost on the way: syncd looked before it did anything else, and found the change made.")
	}
	d.step("And the next run, once all is calm")
	_, err = d.job(ctx, sync.Apply, everything)
	return err
}
