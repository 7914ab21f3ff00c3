package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"syncd/internal/app"
	"syncd/internal/config"
	"syncd/internal/secret"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/visible"
	"syncd/internal/web/control"
)

// The exit statuses of the contract; see sync.Report.Status for those of runs.
const (
	statusDone    = 0
	statusFailed  = 1
	statusPending = 2
	statusUsage   = 64
)

// A cli is one command on its way: from whom it came and what it works with.
type cli struct {
	console *control.Console
	args    []string
	app     *app.App    // set inside the daemon, which owns the state
	cfg     *app.Config // what it works with, once it is known
	systems app.Table   // that there are; nil: those of the program
	outputs map[*cobra.Command]*output
	line    statusLine

	configPath string
	json       bool
	verbose    bool
	status     int
	redact     secret.Redactor
}

// usage is an error about what was typed.
func usage(format string, args ...any) error { return app.Usage(format, args...) }

// execute runs one command line and returns its exit status.
func execute(ctx context.Context, a *cli) int {
	root := a.root()
	root.SetArgs(arranged(root, a.args))
	root.SetOut(a.console.Out)
	root.SetErr(a.console.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return a.status
	}
	a.complain(err)
	if _, ok := errors.AsType[app.UsageError](err); ok {
		return statusUsage
	}
	return max(a.status, statusFailed)
}

// complain says what went wrong, on standard error.
func (a *cli) complain(err error) {
	fmt.Fprintf(a.err(), "syncd: %v\n", err)
}

func (a *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "syncd",
		Short: "Keep billing and documentation in step with what Microsoft 365 tenants hold",
		Long: `syncd reads what your customers' Microsoft 365 tenants hold (through CIPP) and
brings ConnectWise, IT Glue and SCIM applications into step with it. It proves
before it pushes, shows the plan with its money, and applies exactly what was
approved.

  syncd demo       try it on a make-believe MSP, no credentials needed
  syncd check      is everything configured and reachable?
  syncd plan       what would change, and why`,
		SilenceUsage: true, SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "the configuration `FILE` (default $SYNCD_CONFIG, then ./config.yaml)")
	flags.BoolVar(&a.json, "json", false, "print one JSON document on standard output")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "log every request on standard error")
	root.SetFlagErrorFunc(badFlag)
	root.Version = version().String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddGroup(&cobra.Group{ID: "daily", Title: "Every day:"}, &cobra.Group{ID: "tables", Title: "Who is who, what is billed as what:"},
		&cobra.Group{ID: "look", Title: "Looking:"}, &cobra.Group{ID: "cipp", Title: "CIPP itself:"}, &cobra.Group{ID: "keep", Title: "Keeping it running:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("daily", planCommand(a), applyCommand(a), holdsCommand(a), approveCommand(a), rejectCommand(a), revertCommand(a))
	add("tables", mapCommand(a), productsCommand(a), termsCommand(a), overrideCommand(a), freezeCommand(a), matchesCommand(a), itglueCommand(a))
	add("look", statusCommand(a), historyCommand(a), explainCommand(a), reportCommand(a), exportCommand(a), checkCommand(a))
	add("cipp", cippRoot(a))
	add("keep", serveCommand(a), reloadCommand(a), stateCommand(a), userCommand(a), tokenCommand(a), notifyCommand(a), demoCommand(a), healthcheckCommand(a), supportCommand(a), versionCommand(a))
	root.AddCommand(namesCommand(a))
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultCompletionCmd() // now, so that it is as strict as ours
	for _, c := range root.Commands() {
		strict(c)
	}
	fit(root, a.console.Width)
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName { return pflag.NormalizedName(licence(name)) })
	return root
}

// fit breaks what help says where the terminal is too narrow for it.
func fit(root *cobra.Command, width int) {
	if width == 0 {
		return
	}
	root.SetUsageTemplate(strings.NewReplacer(".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", width),
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `{{.CommandPath}} COMMAND --help tells more.`).Replace(root.UsageTemplate()))
	var wrap func(*cobra.Command)
	wrap = func(c *cobra.Command) {
		lines := strings.Split(c.Long, "\n")
		for i := range lines {
			lines[i] = strings.Join(folded(lines[i], width), "\n")
		}
		c.Long = strings.Join(lines, "\n")
		for _, sub := range c.Commands() {
			wrap(sub)
		}
	}
	wrap(root)
}

// strict turns the library's complaints about arguments into usage errors, and
// makes a group of commands refuse what it does not know.
func strict(c *cobra.Command) {
	c.Aliases = append(c.Aliases, spellings(c.Name())...)
	if !c.Runnable() && c.HasSubCommands() {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			which := ""
			if of := available(cmd); len(of) <= mostNamed {
				which = ": " + app.Names(of, (*cobra.Command).CommandPath)
			}
			return usage("say which%s; see %s --help", which, cmd.CommandPath())
		}
	}
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if _, told := errors.AsType[app.UsageError](err); told {
				return err
			}
			if err != nil {
				if cmd.HasAvailableSubCommands() && len(args) > 0 {
					return unknown(cmd, args[0])
				}
				return usage("%w; see %s --help", err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

// mostNamed is of how many commands a group names each.
const mostNamed = 6

// available are the commands of a group that are listed.
func available(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() })
}

// stateful makes a command that works on the state: in the daemon where one
// runs, in this process otherwise. Both ways it is the same code.
func (a *cli) stateful(run func(ctx context.Context, w *app.App, args []string) error) func(*cobra.Command, []string) error {
	return a.withState(openState, run)
}

// borrowing is stateful for commands that may wait for an hour and need the
// state for moments: without a daemon it is taken for each and given back.
func (a *cli) borrowing(run func(ctx context.Context, w *app.App, args []string) error) func(*cobra.Command, []string) error {
	return a.withState(func(cfg *app.Config) (state.Store, error) {
		return state.OnDemand(func() (state.Store, error) { return openState(cfg) }, statePatience), nil
	}, run)
}

// statePatience is how long a command waits for another one to give the state back.
const statePatience = 10 * time.Second

func (a *cli) withState(open func(*app.Config) (state.Store, error), run func(ctx context.Context, w *app.App, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if a.app != nil {
			a.cfg, a.redact = a.app.Config, a.app.Config.Redactor()
			if err := a.may(cmd); err != nil {
				return err
			}
			if err := a.foresee(cmd, args); err != nil {
				return err
			}
			defer a.watch(ctx, a.app.Pauses, a.app.Location)()
			return run(ctx, a.app, args)
		}
		cfg, incomplete := a.config()
		if cfg == nil {
			return incomplete
		}
		if err := a.foresee(cmd, args); err != nil {
			return err
		}
		status, err := cfg.Daemon().Call(ctx, cfg.Request(a.args), a.console)
		if !errors.Is(err, control.ErrNoDaemon) {
			a.status = status
			return err
		}
		if incomplete != nil {
			return incomplete
		}
		if err := a.may(cmd); err != nil {
			return err
		}
		store, err := open(cfg)
		if err != nil {
			return err
		}
		defer store.Close()
		w, err := newApp(cfg, store, a.log())
		if err != nil {
			return err
		}
		defer a.watch(ctx, w.Pauses, w.Location)()
		return run(ctx, w, args)
	}
}

// newApp is an App that says which syncd it is.
func newApp(cfg *app.Config, store state.Store, log zerolog.Logger) (*app.App, error) {
	w, err := app.New(cfg, store, log)
	if err == nil {
		w.Registry.Last(buildInfo())
	}
	return w, err
}

// openState opens the store of this process.
func openState(cfg *app.Config) (state.Store, error) {
	store, err := boltstate.Open(cfg.State.Path, boltstate.Options{})
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return store, nil
}

// config reads the configuration. Where it lacks secrets alone there is one beside the
// error. The daemon has its own: a file that somebody else names would be read with the
// daemon's rights.
func (a *cli) config() (*app.Config, error) {
	if a.app != nil {
		a.cfg = a.app.Config
		return a.cfg, nil
	}
	cfg, err := a.readConfig()
	if _, ok := errors.AsType[app.NoSecretsError](err); err != nil && !ok {
		return nil, err
	}
	a.cfg, a.redact = cfg, cfg.Redactor()
	if disk, here := a.console.Files.(*control.Disk); here {
		disk.Protected = []string{cfg.State.Path}
	}
	return cfg, err
}

// readConfig reads the configuration that was named, as far as it can be read.
func (a *cli) readConfig() (*app.Config, error) {
	path, asked := a.configPath, true
	if path == "" {
		path = os.Getenv("SYNCD_CONFIG")
	}
	if path == "" {
		path, asked = "config.yaml", false
	}
	systems := a.systems
	if systems == nil {
		systems = app.Systems
	}
	cfg, err := systems.LoadConfig(path, asked, os.LookupEnv, config.Names())
	if err != nil {
		err = usage("%w", err)
	}
	return cfg, err
}

// person is who typed the command, by the kernel's word and the configuration of the
// process that carries it out.
func (a *cli) person() app.Person { return a.cfg.OSUser(a.console.UID, a.console.User) }

// operator is that person, as the journal names who decided.
func (a *cli) operator() app.Operator { return a.person().Operator }

// may refuses a command that needs a greater role than its person has.
func (a *cli) may(cmd *cobra.Command) error {
	return a.cfg.Refuse(a.person(), cmd.CommandPath(), roleOf(cmd))
}

// log writes what a command has to say besides its output: little.
func (a *cli) log() zerolog.Logger {
	level := zerolog.Disabled // a command says what went wrong by itself
	if a.verbose {
		level = zerolog.DebugLevel
	}
	out := zerolog.ConsoleWriter{Out: a.redact.Writer(a.console.Err), NoColor: !a.console.Color, TimeFormat: "15:04:05"}
	return zerolog.New(out).Level(level).With().Timestamp().Logger()
}

// out is standard output for people and programs: nothing in it is hidden. CSV
// goes around it, to be what was stored.
func (a *cli) out() io.Writer { return cleared{a, visible.Writer(a.console.Out)} }

// err is standard error, without the secrets that another system may have repeated.
func (a *cli) err() io.Writer { return cleared{a, a.redact.Writer(visible.Writer(a.console.Err))} }

// print writes one JSON document, or whatever text writes.
func (a *cli) print(document any, text func(w io.Writer) error) error {
	if !a.json {
		return text(a.out())
	}
	out := json.NewEncoder(a.out())
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	return out.Encode(document)
}

// say writes a sentence for people; with --json there are none.
func (a *cli) say(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.out(), strings.TrimSuffix(format, "\n")+"\n", args...)
	}
}
