package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/playbook"
	"syncd/internal/rest"
	"syncd/internal/web/control"
)

// The commands that operators were promised: syncd cipp NOUN VERB.
const promised = `
tenants list|show|edit
tenant-groups list|create|delete
users list|show|create|edit|disable|enable|reset-password|offboard
groups list|members|add-member|remove-member
licences list|assign|remove|swap
mailboxes list|convert|forward
calendar list|grant|revoke
mfa report|enforce
ca list
domains list|health
devices list
alerts list
secure-score
service-health
tasks list
logs
endpoints
call
playbook onboard|offboard|licences|mfa
`

func TestEveryCommandThatWasPromisedIsThere(t *testing.T) {
	root := (&cli{console: &control.Console{}}).root()
	find := func(words ...string) *cobra.Command {
		cmd, rest, err := root.Find(append([]string{"cipp"}, words...))
		if err != nil || len(rest) > 0 || cmd.Name() != words[len(words)-1] || cmd.RunE == nil {
			t.Errorf("there is no command syncd cipp %s", strings.Join(words, " "))
			return nil
		}
		if cmd.Short == "" {
			t.Errorf("syncd cipp %s says nothing of itself", strings.Join(words, " "))
		}
		return cmd
	}
	for line := range strings.Lines(strings.TrimSpace(promised)) {
		noun, verbs, _ := strings.Cut(strings.TrimSpace(line), " ")
		for verb := range strings.SplitSeq(verbs, "|") {
			cmd := find(slices.DeleteFunc([]string{noun, verb}, func(w string) bool { return w == "" })...)
			if cmd == nil {
				continue
			}
			for _, flag := range []string{"tenant", "csv", "json", "yes"} {
				if cmd.InheritedFlags().Lookup(flag) == nil {
					t.Errorf("%s has no --%s", cmd.CommandPath(), flag)
				}
			}
		}
	}
	for command, flags := range map[string][]string{"tenants edit": {"alias", "add-group", "remove-group"}, "call": {"query", "body", "all"}, "endpoints": {"search", "category"}} {
		if cmd := find(strings.Fields(command)...); cmd != nil {
			for _, flag := range flags {
				if cmd.Flags().Lookup(flag) == nil {
					t.Errorf("%s has no --%s", cmd.CommandPath(), flag)
				}
			}
		}
	}
	for _, kind := range playbook.Kinds() {
		if cmd := find("playbook", string(kind)); cmd != nil && cmd.Flags().Lookup("plan") == nil {
			t.Errorf("%s has no --plan", cmd.CommandPath())
		}
	}
}

func TestTheEndOfAStepIsInDoubtWhereItMayBeDoneAllTheSame(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want bool
	}{
		{"it went well", nil, false},
		{"CIPP refused it", &admin.RefusedError{Said: []string{"Failed"}}, false},
		{"something moved before it was sent", &admin.MovedError{}, false},
		{"the answer was lost", fmt.Errorf("disable: %w", rest.ErrOutcomeUnknown), true},
		{"it does not show", fmt.Errorf("disable: %w", &admin.UnverifiedError{}), true},
		{"somebody pressed ctrl-c", fmt.Errorf("disable: %w", context.Canceled), true},
		{"the task ended badly", &admin.TaskError{State: "Failed"}, false},
		{"the task ended with a failure in it", &admin.TaskError{State: "Completed"}, false},
		{"the task still runs", &admin.TaskError{Task: "1", State: "Running"}, true},
		{"the task was never seen", &admin.TaskError{}, true},
		{"anything else", errors.New("403"), false},
	} {
		if got := outcomeUnknown(tc.err); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestRowsOfAnyShapeBecomeATable(t *testing.T) {
	for _, tc := range []struct {
		name string
		rows []string
		want [][]string // header first; as a screen shows it
	}{
		{"columns come as they appear, and those that are empty in all rows go", []string{`{"b":1,"a":"x","none":null,"list":[]}`, `{"a":"y","c":true}`},
			[][]string{{"b", "a", "c"}, {"1", "x", ""}, {"", "y", "true"}}},
		{"one row stands upright", []string{`{"a":"x","n":12345678901234567890,"in":{"k":"v"},"none":""}`},
			[][]string{{"Property", "Value"}, {"a", "x"}, {"n", "12345678901234567890"}, {"in", `{"k":"v"}`}}},
		{"what is no object is a value", []string{`"x"`, `7`}, [][]string{{"value"}, {"x"}, {"7"}}},
		{"rows that hold nothing stay", []string{`{"a":""}`, `{"a":null}`}, [][]string{{"a"}, {""}, {""}}},
	} {
		reply := &cipp.Reply{}
		for _, r := range tc.rows {
			reply.Rows = append(reply.Rows, []byte(r))
		}
		s := forScreen(sheetOf(reply))
		got := [][]string{nil}
		for _, c := range s.Columns {
			got[0] = append(got[0], c.Name)
		}
		if diff := cmp.Diff(tc.want, append(got, s.Rows...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestAStepIsTextForScriptsWithoutItsSecrets(t *testing.T) {
	line := stepResultOf(&admin.Step{Title: "make", Body: map[string]any{"password": "Pw-1", "UPN": "eva@contoso.example"}, Wanted: admin.State{{Name: "exists", Value: "yes"}}}, admin.Result{Already: true, Verified: true}, nil)
	text, err := json.Marshal(line)
	if err != nil || strings.Contains(string(text), "Pw-1") || line.Result != "already" || line.Wanted["exists"] != "yes" {
		t.Errorf("got %s and %v, want it without the password, and as already so", text, err)
	}
}

func TestTheSampleOfEachPlaybookIsSound(t *testing.T) {
	for _, kind := range playbook.Kinds() {
		book, err := playbook.Parse(kind, strings.NewReader(playbookSamples[kind]+"\n"))
		if err != nil || len(book.Lines) == 0 {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
