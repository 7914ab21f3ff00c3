package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/simulator/msp"
	"syncd/internal/web/signin"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts of testdata/script type the program as a person does, against a
// small MSP (see world_test.go) whose CIPP and ConnectWise run in this process.
// Besides the commands that testscript has, a script may say:
//
//	world start                       both systems come up; config.yaml is written and names them
//	world ready                       the same, and links and product rules are imported
//	world tables                      links.csv and products.csv are written
//	world former                      the state that the last syncd of schema 2 left, with an approved plan
//	world newer                       a newer syncd has opened the state
//	world linked                      the tables are imported into a world that was started and edited
//	world settled                     the same, and everything is approved and applied
//	world shared GROUP                the members of a group may read the configuration
//	world forget                      count writes and calls from here on
//	world writes are N                so many writes reached ConnectWise since then
//	world quantity 55/910 is 14       what a line holds
//	world line 55/910 is TEXT         the whole line: product, quantity, bill, last day
//	world lines 55 are 910 911        the lines of an agreement, ended ones included
//	world untouched 55/911 …          these lines are byte for byte as they were at the start
//	world arrived                     the request that ConnectWise holds back is there
//	world settle-down                 nothing is under way at ConnectWise any more
//	world manners                     CIPP was asked as a careful client asks
//	world documented                  all three systems come up; see (*world).document
//	world itglue EDIT… or CHECK…      see (*world).editITGlue and checkITGlue
//	world provisioned                 CIPP, ConnectWise and a Cinode come up; see (*world).provision
//	world cinode EDIT… or CHECK…      see (*world).editCinode and checkCinode
//	world operated                    CIPP, whose API client may change things; see (*world).operate
//	world admin EDIT or CHECK…        see (*world).admin
//	world counting EDIT or CHECK…     see (*world).counting
//	world messages …                  see (*world).tell
//	world cipp EDIT…                  see (*world).cipp
//	world connectwise EDIT…           see (*world).connectWise
//
//	status N syncd …                  run it; it must end with that exit status. They run in one process,
//	                                  see shell; "exec syncd" and "status N env syncd" start another
//	json PATH is VALUE                a value of the JSON on standard output, such as scopes.0.outcome
//	json PATH has N                   the length of a list or object
//	run NAME                          $NAME is the run of the JSON on standard output
//	stable                            standard output without run ids, times, names of people and the
//	                                  width of columns that depends on them
//	csv                               standard output of a file without byte order mark and CR
//	replace FILE OLD NEW              edit a file as a person does: every OLD becomes NEW
//	excel FILE                        save the CSV file as Excel does where lists are parted by semicolons
//	cut FILE                          the file ends without its last line end
//	config TEXT…                      append lines to config.yaml (\n and leading spaces as written)
//	http GET PATH STATUS [FILE]       ask the daemon's pages; the body is standard output, FILE what is sent
//	browse METHOD PATH STATUS [X=Y …] ask as a browser that keeps cookies and sends a form; 'X: Y' is a header, and where it
//	                                  is sent to the first line of standard output
//	keep NAME [PATTERN]               $NAME is standard output, or what the pattern's group finds in it
//	status N as UID:GID syncd …       run it as another user of this machine; root alone can, see [root]
//	loses limit-files KIB syncd …     run it where no file may grow beyond KIB; it must fail
//	await-http PATH STATUS PATTERN    ask until the daemon's pages answer so
//	up                                wait until the daemon is ready
//	await syncd … contains PATTERN    type it until it prints that, for a minute at most
//	drill PAGE SECTION FILE           FILE is what a section of a page of docs has the reader type, in sh blocks
//	terminate                         send SIGTERM to what runs in the background
//	signal NAME GLOB                  wait for such a file, then send the signal to what runs in the background
//
// In scripts $CONTOSO, $FABRIKAM and $TAILSPIN are the tenants' ids, $ANN, $BOB
// and $CLEO the object ids of people at Contoso, $SALES and $LEADS those of groups, $LISTEN
// is the daemon's address, $ME the user who runs the tests and $MONTH_END the last day of
// this month; $YESTERDAY, $TODAY, $IN1, $IN2, $IN10, $IN100, $IN400 and $IN401 are days. $NEXT_PERIOD are
// the days of the next month, as plans spell them, $DAY_OF_MONTH is a number. [root] says that $ME may become others,
// [ci] that whatever a script needs must be there.

func TestMain(m *testing.M) {
	// Of the customers of practice mode those to whom something happens are enough here, and those whom IT Glue knows oddly.
	practice = append(practice, msp.WithLinks("Alder & Finch Architects", "Café Lumière", "Calloway Legal", "Greystone Quarries",
		"Hartwell Physio", "Larkspur Interiors", "Pennine Print Works"))
	impatient := func(run func()) func() {
		return func() {
			// What a person waits for gladly, a script does not.
			app.GatherHints, app.RestOfHints, readBackTimeout, app.TicketsLook = 100*time.Millisecond, 2*time.Second, 2*time.Second, 200*time.Millisecond
			signin.Cost = 4
			run()
		}
	}
	syncd := impatient(main)
	testscript.Main(m, map[string]func(){
		"syncd": syncd, "shell": impatient(serveShell), "limit-files": limitFiles, "as": func() { becomeUser(); syncd() },
	})
}

func TestScripts(t *testing.T) {
	var open shells
	t.Cleanup(func() { open.close(t) })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			w, err := newWorld(env.WorkDir)
			if err != nil {
				return err
			}
			env.Values[worldKey{}] = w
			env.Defer(w.close)
			env.Vars = append(env.Vars, frugal...)
			env.Setenv("CONTOSO", contoso)
			for name, id := range map[string]string{"ANN": contosoPeople["ann"], "BOB": contosoPeople["bob"], "CLEO": contosoPeople["cleo"], "SALES": contosoSales, "LEADS": contosoLeads} {
				env.Setenv(name, id)
			}
			env.Setenv("FABRIKAM", fabrikam)
			env.Setenv("TAILSPIN", tailspin)
			env.Setenv("LISTEN", w.listen)
			env.Setenv("MONTH_END", w.monthEnd())
			env.Setenv("MONTH_AFTER", time.Now().UTC().AddDate(0, 0, 1-time.Now().UTC().Day()).AddDate(0, 2, -1).Format(time.DateOnly))
			me, err := user.Current()
			if err != nil {
				return err
			}
			env.Setenv("ME", me.Username)
			london, err := time.LoadLocation("Europe/London") // where the scripts' configuration is
			if err != nil {
				return err
			}
			for name, months := range map[string]int{"LAST_MONTH": -1, "THIS_MONTH": 0, "NEXT_MONTH": 1} {
				y, m, _ := time.Now().In(london).Date()
				env.Setenv(name, time.Date(y, m+time.Month(months), 1, 0, 0, 0, 0, time.UTC).Format("2006-01"))
			}
			for name, days := range map[string]int{"YESTERDAY": -1, "TODAY": 0, "IN1": 1, "IN2": 2, "IN10": 10, "IN100": 100, "IN400": 400, "IN401": 401} {
				env.Setenv(name, time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly))
			}
			env.Setenv("NEXT_PERIOD", w.nextMonth())
			env.Setenv("DAY_OF_MONTH", time.Now().UTC().Format("2"))
			return open.open(env)
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "ci":
				return os.Getenv("CI") == "true", nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"world":      worldCommand,
			"status":     statusOf,
			"json":       jsonValue,
			"run":        runVariable,
			"stable":     stable,
			"csv":        plainTable,
			"excel":      likeExcel,
			"replace":    replace,
			"cut":        cut,
			"config":     appendConfig,
			"http":       ask,
			"browse":     browse,
			"keep":       keep,
			"up":         up,
			"await-http": awaitHTTP,
			"drill":      drill,
			"terminate":  terminate,
			"signal":     sendSignal,
			"loses":      loses,
			"await":      await,
		},
	})
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func worldCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: world start|ready|settled|forget|writes|quantity|line|lines|untouched|cipp|connectwise …")
	}
	w := worldOf(ts)
	must := func(args ...string) {
		if status, _ := typeLine(ts, append([]string{"syncd"}, args...)...); status != 0 {
			ts.Fatalf("syncd %s ended with exit status %d", strings.Join(args, " "), status)
		}
	}
	switch verb, rest := args[0], args[1:]; verb {
	case "start":
		ts.Check(w.start())
	case "ready", "settled", "linked":
		if verb != "linked" {
			ts.Check(w.start())
		}
		ts.Check(w.tables())
		must("map", "import", "links.csv")
		must("products", "import", "products.csv")
		if verb == "settled" {
			if status, _ := typeLine(ts, "syncd", "apply"); status != 3 {
				ts.Fatalf("the first apply ended with exit status %d, want 3", status)
			}
			must("approve", "--all")
			must("apply")
		}
		w.connectwise.Forget()
		w.cipp.ResetLog()
	case "tables":
		ts.Check(w.tables())
	case "shared":
		ts.Check(w.share(rest[0]))
	case "former":
		ts.Check(w.former())
	case "newer":
		ts.Check(w.newer())
	case "documented":
		ts.Check(w.start())
		ts.Check(w.document())
	case "itglue":
		if len(rest) > 0 && slices.Contains([]string{"set", "title", "require", "rename", "drop", "lose", "heal"}, rest[0]) {
			ts.Check(w.editITGlue(rest))
		} else {
			ts.Check(w.checkITGlue(rest))
		}
	case "provisioned":
		ts.Check(w.start())
		ts.Check(w.provision())
	case "cinode":
		if len(rest) > 0 && slices.Contains([]string{"former", "mail", "set", "role", "lose", "token", "heal"}, rest[0]) {
			ts.Check(w.editCinode(rest))
		} else {
			ts.Check(w.checkCinode(rest))
		}
	case "forget":
		w.connectwise.Forget()
		w.cipp.ResetLog()
		if w.itglue != nil {
			w.itglue.Forget()
		}
		if w.cinode != nil {
			w.cinode.Forget()
		}
	case "operated":
		ts.Check(w.operate())
	case "admin":
		ts.Check(w.admin(ts, rest))
	case "counting":
		ts.Check(w.counting(rest))
	case "messages":
		ts.Check(w.tell(rest))
	case "cipp":
		ts.Check(w.editCIPP(rest))
	case "connectwise":
		ts.Check(w.editConnectWise(rest))
	default:
		ts.Check(w.check(verb, rest))
	}
}

// jsonValue looks into the document on standard output.
func runVariable(ts *testscript.TestScript, neg bool, args []string) {
	var report struct{ Run string }
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &report); err != nil || report.Run == "" || neg || len(args) != 1 {
		ts.Fatalf("usage: run NAME, after a command that prints a run as JSON (%v)", err)
	}
	ts.Setenv(args[0], report.Run)
}

func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json PATH is VALUE | json PATH has N")
	}
	var at any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.UseNumber()
	if err := d.Decode(&at); err != nil {
		ts.Fatalf("standard output is no JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		ts.Fatalf("there is more than one JSON document on standard output")
	}
	if args[0] != "." {
		for _, step := range strings.Split(args[0], ".") {
			switch v := at.(type) {
			case map[string]any:
				next, ok := v[step]
				if !ok && !neg {
					ts.Fatalf("%s: there is no %q", args[0], step)
				}
				at = next
			case []any:
				i, err := strconv.Atoi(step)
				if err != nil || i >= len(v) {
					ts.Fatalf("%s: no element %s in a list of %d", args[0], step, len(v))
				}
				at = v[i]
			default:
				ts.Fatalf("%s: %q is in neither a list nor an object", args[0], step)
			}
		}
	}
	got := ""
	switch {
	case args[1] == "is" && at == nil:
		got = "null"
	case args[1] == "is":
		got = fmt.Sprint(at)
	case args[1] == "has":
		switch v := at.(type) {
		case []any:
			got = strconv.Itoa(len(v))
		case map[string]any:
			got = strconv.Itoa(len(v))
		}
	default:
		ts.Fatalf("json: %q is neither is nor has", args[1])
	}
	if (got == args[2]) == neg {
		ts.Fatalf("%s: got %s, want %s", args[0], got, args[2])
	}
}

var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b01[0-9A-HJKMNP-TV-Z]{24}\b`), "RUN"},
	{regexp.MustCompile(`─+`), "──"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?`), "TIME"},
}

// stable takes out of standard output what differs from run to run, and what
// columns are wide because of it.
func stable(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stdout")
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.with)
	}
	if u, err := user.Current(); err == nil {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(u.Username)+`\b`).ReplaceAllString(text, "SOMEBODY")
	}
	text = strings.ReplaceAll(text, worldOf(ts).monthEnd(), "MONTH-END")
	text = strings.ReplaceAll(text, worldOf(ts).nextMonth(), "NEXT-PERIOD")
	text = regexp.MustCompile(`\b\d{4}-\d\d-\d\d\b`).ReplaceAllString(text, "DAY")
	text = regexp.MustCompile(`  +`).ReplaceAllString(text, "  ")
	text = regexp.MustCompile(`(?m) +$`).ReplaceAllString(text, "")
	io.WriteString(ts.Stdout(), text)
}

// plainTable shows a CSV as an editor without Excel's habits would write it.
func plainTable(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	text = strings.TrimPrefix(text, "\ufeff")
	io.WriteString(ts.Stdout(), strings.ReplaceAll(text, "\r\n", "\n"))
}

func likeExcel(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.NewReplacer(",", ";", "\n", "\r\n").Replace(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("\ufeff"+text), 0o600))
}

func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q:\n%s", args[0], args[1], text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}

func cut(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.TrimRight(ts.ReadFile(args[0]), "\r\n")), 0o600))
}

func appendConfig(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs("config.yaml")
	text := ts.ReadFile("config.yaml")
	for _, line := range args {
		text += strings.ReplaceAll(line, `\n`, "\n") + "\n"
	}
	ts.Check(os.WriteFile(path, []byte(text), 0o600))
}

func ask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: http METHOD PATH STATUS [FILE]")
	}
	sent := ""
	if len(args) > 3 {
		sent = ts.ReadFile(args[3])
	}
	req, err := http.NewRequest(args[0], "http://"+worldOf(ts).listen+args[1], strings.NewReader(sent))
	ts.Check(err)
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Stdout().Write(body)
	if strconv.Itoa(resp.StatusCode) != args[2] {
		ts.Fatalf("%s %s: got %d, want %s", args[0], args[1], resp.StatusCode, args[2])
	}
}

// browse asks as a browser does that keeps cookies and sends forms (NAME=VALUE), or with a header (NAME: VALUE). It
// follows nothing: where it was sent to is the first line on standard output.
func browse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: browse METHOD PATH STATUS [NAME=VALUE | 'NAME: VALUE' …]")
	}
	w := worldOf(ts)
	if w.cookies == nil {
		w.cookies, _ = cookiejar.New(nil) // without options it cannot fail
	}
	form, header := url.Values{}, http.Header{"Accept": {"text/html"}}
	for _, arg := range args[3:] {
		if name, value, ok := strings.Cut(arg, ": "); ok {
			header.Set(name, value)
			continue
		}
		name, value, _ := strings.Cut(arg, "=")
		form.Add(name, value)
	}
	req, err := http.NewRequest(args[0], "http://"+w.listen+args[1], strings.NewReader(form.Encode()))
	ts.Check(err)
	if req.Header = header; args[0] == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := &http.Client{Timeout: 10 * time.Second, Jar: w.cookies, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if to := resp.Header.Get("Location"); to != "" {
		fmt.Fprintln(ts.Stdout(), to)
	}
	ts.Stdout().Write(body)
	if strconv.Itoa(resp.StatusCode) != args[2] {
		ts.Fatalf("%s %s: got %d, want %s: %s", args[0], args[1], resp.StatusCode, args[2], body)
	}
}

// keep keeps what is on standard output as a variable, or what a pattern's group finds in it.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: keep NAME [PATTERN]")
	}
	text := strings.TrimSpace(ts.ReadFile("stdout"))
	if len(args) == 2 {
		found := regexp.MustCompile(args[1]).FindStringSubmatch(text)
		if len(found) != 2 {
			ts.Fatalf("%s finds nothing in %s", args[1], text)
		}
		text = found[1]
	}
	ts.Setenv(args[0], text)
}

// awaitHTTP asks the daemon's pages until they answer as is wanted.
func awaitHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await-http PATH STATUS PATTERN")
	}
	want, err := regexp.Compile(args[2])
	ts.Check(err)
	got := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		resp, err := (&http.Client{Timeout: time.Second}).Get("http://" + worldOf(ts).listen + args[0])
		if err != nil {
			got = err.Error()
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got = fmt.Sprintf("%d %s", resp.StatusCode, body); strings.HasPrefix(got, args[1]+" ") && want.MatchString(got) {
			return
		}
	}
	ts.Fatalf("%s never answered %s with %s; last %s", args[0], args[1], want, got)
}

// up waits until the daemon says that it is ready. It is a process of its own,
// so that there is nothing to wait on but its answer.
func up(ts *testscript.TestScript, neg bool, args []string) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		resp, err := (&http.Client{Timeout: time.Second}).Get("http://" + worldOf(ts).listen + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the daemon is not ready after 20 s: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func terminate(ts *testscript.TestScript, neg bool, args []string) {
	for _, c := range ts.BackgroundCmds() {
		if len(args) == 0 || slices.Contains(c.Args, args[0]) {
			ts.Check(c.Process.Signal(syscall.SIGTERM))
		}
	}
}

func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT, "INT": syscall.SIGINT, "USR1": syscall.SIGUSR1, "KILL": syscall.SIGKILL}
	if neg || len(args) != 2 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal HUP|QUIT|INT|USR1|KILL GLOB")
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if found, err := filepath.Glob(args[1]); err != nil || len(found) > 0 {
			ts.Check(err)
			break
		}
		if time.Now().After(deadline) {
			ts.Fatalf("there never was a %s", args[1])
		}
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(signals[args[0]]))
	}
}

// limitFiles runs a command that may not make any file longer than so many
// KiB: what a full disk looks like, without a disk.
func limitFiles() {
	kib, err := strconv.ParseUint(os.Args[1], 10, 32)
	if err == nil {
		signal.Ignore(syscall.SIGXFSZ) // inherited: the write fails instead of the process
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: kib << 10, Max: kib << 10})
	}
	path := ""
	if err == nil {
		path, err = exec.LookPath(os.Args[2])
	}
	if err == nil {
		err = syscall.Exec(path, os.Args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "limit-files:", err)
	os.Exit(126)
}

// becomeUser takes the user and the group of its first argument, UID:GID, and leaves the
// rest of the command line to be run.
func becomeUser() {
	var uid, gid int
	_, err := fmt.Sscanf(os.Args[1], "%d:%d", &uid, &gid)
	if err = errors.Join(err, syscall.Setgroups(nil), syscall.Setgid(gid), syscall.Setuid(uid)); err != nil {
		fmt.Fprintln(os.Stderr, "as:", err)
		os.Exit(126)
	}
	os.Args = os.Args[2:]
}

func writeFile(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}

func appendFile(dir, name, text string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
