package config_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/config"
)

func overlay(vars map[string]string, s *settings) (config.Overlaid, error) {
	problems := &config.Problems{File: "c.yaml"}
	used := config.Overlay(func(name string) (string, bool) { v, ok := vars[name]; return v, ok }, slices.Sorted(maps.Keys(vars)), s, problems)
	return used, problems.Err()
}

func TestVariablesWinOverWhatIsThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for _, c := range []struct {
		name string
		vars map[string]string
		file string
		want settings
	}{
		{"nothing set leaves all as it was", nil, "", settings{Name: "old", Budget: 1}},
		{"a value", map[string]string{"SYNCD_NAME": "new", "SYNCD_BUDGET": "5"}, "", settings{Name: "new", Budget: 5}},
		{"a value of every kind", map[string]string{"SYNCD_SHARE": "0.5", "SYNCD_STRICT": "true", "SYNCD_AGE": "3h", "SYNCD_MOST": "0", "SYNCD_RATE_BURST": "9", "SYNCD_TOKEN": "t"}, "",
			settings{Name: "old", Budget: 1, Share: 0.5, Strict: true, Age: 3 * time.Hour, Most: new(0), Rate: rate{9}, Token: hidden{"t"}}},
		{"a section that was not there", map[string]string{"SYNCD_OFFICE_STREET": "Elm"}, "", settings{Name: "old", Budget: 1, Office: &office{Street: "Elm"}}},
		{"a list is split at commas", map[string]string{"SYNCD_PLACES": "Managed Services, Cloud ,x"}, "", settings{Name: "old", Budget: 1, Places: []string{"Managed Services", "Cloud", "x"}}},
		{"a variable set to nothing is not set", map[string]string{"SYNCD_NAME": "", "SYNCD_NAME_FILE": "", "SYNCD_OFFICE_STREET": ""}, "", settings{Name: "old", Budget: 1}},
		{"a file", map[string]string{"SYNCD_TOKEN_FILE": file}, "s3cret", settings{Name: "old", Budget: 1, Token: hidden{"s3cret"}}},
		{"a file beside a variable set to nothing", map[string]string{"SYNCD_TOKEN": "", "SYNCD_TOKEN_FILE": file}, "s3cret", settings{Name: "old", Budget: 1, Token: hidden{"s3cret"}}},
		{"a file that ends in LF", map[string]string{"SYNCD_TOKEN_FILE": file}, "s3cret\n", settings{Name: "old", Budget: 1, Token: hidden{"s3cret"}}},
		{"a file that ends in CRLF", map[string]string{"SYNCD_TOKEN_FILE": file}, "s3cret\r\n", settings{Name: "old", Budget: 1, Token: hidden{"s3cret"}}},
		{"a file with a byte order mark", map[string]string{"SYNCD_TOKEN_FILE": file}, "\ufeffs3cret\n", settings{Name: "old", Budget: 1, Token: hidden{"s3cret"}}},
		{"space inside a secret stays", map[string]string{"SYNCD_TOKEN_FILE": file}, " a b \n", settings{Name: "old", Budget: 1, Token: hidden{" a b "}}},
		{"a file for something in a section", map[string]string{"SYNCD_OFFICE_TOKEN_FILE": file}, "t", settings{Name: "old", Budget: 1, Office: &office{Token: hidden{"t"}}}},
		{"what belongs to others is left alone", map[string]string{"SYNCD_PORT": "tcp://10.0.0.1:80", "SYNCD_SERVICE_HOST": "10.0.0.1", "SYNCD_CONFIG": "x", "NAME": "x", "STREET": "x", "SYNCD_STREET": "x"}, "", settings{Name: "old", Budget: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			got := settings{Name: "old", Budget: 1}
			if _, err := overlay(c.vars, &got); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestEveryBadVariableIsNamedWithTheRemedy(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", "hunter2")
	for _, c := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"both the value and the file", map[string]string{"SYNCD_TOKEN": "hunter2", "SYNCD_TOKEN_FILE": good}, "environment: SYNCD_TOKEN: both this and SYNCD_TOKEN_FILE are set; keep one"},
		{"a file that is not there", map[string]string{"SYNCD_TOKEN_FILE": dir + "/none"}, "environment: SYNCD_TOKEN_FILE: " + dir + "/none does not exist; mount the secret there or correct the path"},
		{"a directory", map[string]string{"SYNCD_TOKEN_FILE": dir}, "environment: SYNCD_TOKEN_FILE: " + dir + " is a directory; name the file in it"},
		{"a device", map[string]string{"SYNCD_TOKEN_FILE": "/dev/null"}, "environment: SYNCD_TOKEN_FILE: /dev/null is not a file"},
		{"a path through a file", map[string]string{"SYNCD_TOKEN_FILE": good + "/x"}, "environment: SYNCD_TOKEN_FILE: " + good + "/x cannot be read: not a directory; correct the path"},
		{"an empty file", map[string]string{"SYNCD_TOKEN_FILE": write("empty", "\r\n")}, "environment: SYNCD_TOKEN_FILE: " + dir + "/empty is empty; write the secret into it"},
		{"a huge file", map[string]string{"SYNCD_TOKEN_FILE": write("huge", strings.Repeat("hunter2", 10_000))}, "environment: SYNCD_TOKEN_FILE: " + dir + "/huge is 70000 bytes long, which is no secret; name the right file"},
		{"a file in UTF-16", map[string]string{"SYNCD_TOKEN_FILE": write("utf16", "\xff\xfeh\x00")}, "environment: SYNCD_TOKEN_FILE: " + dir + "/utf16 holds bytes that are no text; save it as UTF-8"},
		{"a file of several lines", map[string]string{"SYNCD_TOKEN_FILE": write("lines", "hunter2\nhunter3\n")}, "environment: SYNCD_TOKEN_FILE: " + dir + "/lines has several lines; write the secret alone into it"},
		{"a file whose text a type refuses", map[string]string{"SYNCD_TOKEN_FILE": write("placeholder", "placeholder\n")}, "environment: SYNCD_TOKEN_FILE: is a placeholder"},
		{"a bad number", map[string]string{"SYNCD_BUDGET": "many"}, `environment: SYNCD_BUDGET: "many" is not a whole number; write it in digits`},
		{"a number too large", map[string]string{"SYNCD_RATE_BURST": "99999999999999999999"}, `environment: SYNCD_RATE_BURST: "99999999999999999999" is too large a number`},
		{"a bad fraction", map[string]string{"SYNCD_SHARE": "x"}, `environment: SYNCD_SHARE: "x" is not a number; write it in digits`},
		{"no yes and no no", map[string]string{"SYNCD_STRICT": "maybe"}, `environment: SYNCD_STRICT: "maybe" is not a yes or no; write true or false`},
		{"a bad duration", map[string]string{"SYNCD_AGE": "26"}, `environment: SYNCD_AGE: "26" is not a duration; write it as 90s, 15m or 26h`},
		{"another bad duration", map[string]string{"SYNCD_AGE": "soon"}, `environment: SYNCD_AGE: "soon" is not a duration; write it as 90s, 15m or 26h`},
		{"a name misspelled in a section", map[string]string{"SYNCD_OFFICE_STREAT": "Elm"}, "environment: SYNCD_OFFICE_STREAT: no such setting; did you mean SYNCD_OFFICE_STREET?"},
		{"a file misspelled in a section", map[string]string{"SYNCD_OFFICE_TOKN_FILE": good}, "environment: SYNCD_OFFICE_TOKN_FILE: no such setting; did you mean SYNCD_OFFICE_TOKEN?"},
		{"all of them at once", map[string]string{"SYNCD_BUDGET": "many", "SYNCD_AGE": "x", "SYNCD_TOKEN_FILE": dir + "/none", "SYNCD_RATE_BRUST": "1"}, lines(
			"environment: SYNCD_TOKEN_FILE: "+dir+"/none does not exist; mount the secret there or correct the path",
			`environment: SYNCD_BUDGET: "many" is not a whole number; write it in digits`,
			`environment: SYNCD_AGE: "x" is not a duration; write it as 90s, 15m or 26h`,
			"environment: SYNCD_RATE_BRUST: no such setting; did you mean SYNCD_RATE_BURST?")},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := overlay(c.vars, &settings{})
			got, want := strings.Split(fmt.Sprint(err), "\n"), strings.Split(c.want, "\n")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got:\n%v\nwant:\n%s", err, c.want)
			}
		})
	}
}

func TestAFileThatMayNotBeReadNamesTheUser(t *testing.T) {
	// The tests may run as root, who may read everything.
	got := config.Unreadable("/run/secrets/x", &fs.PathError{Op: "open", Path: "/run/secrets/x", Err: fs.ErrPermission}).Error()
	if want := fmt.Sprintf("/run/secrets/x may not be read by this user; give user %d the right to read it", os.Getuid()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOverlaySaysWhichVariablesItRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("t"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := overlay(map[string]string{"SYNCD_NAME": "a", "SYNCD_OFFICE_TOKEN_FILE": file, "SYNCD_BUDGET": "", "SYNCD_CONFIG": "x"}, &settings{})
	want := config.Overlaid{"SYNCD_NAME": "SYNCD_NAME", "SYNCD_OFFICE_TOKEN": "SYNCD_OFFICE_TOKEN_FILE"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got := config.Variable("office.token"); got != "SYNCD_OFFICE_TOKEN" {
		t.Errorf("got %s, want SYNCD_OFFICE_TOKEN", got)
	}
}

func TestNamesAreOursAndHaveAValue(t *testing.T) {
	t.Setenv("SYNCD_NAME", "a=b")
	t.Setenv("SYNCD_EMPTY", "")
	t.Setenv("OTHER_NAME", "x")
	got := config.Names()
	if !slices.Contains(got, "SYNCD_NAME") || slices.Contains(got, "SYNCD_EMPTY") || slices.Contains(got, "OTHER_NAME") {
		t.Errorf("got %v, want SYNCD_NAME without SYNCD_EMPTY and OTHER_NAME", got)
	}
}

func TestCredentialsOfTheServiceAreFilesNamedLikeTheirVariables(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"SYNCD_TOKEN": "from-systemd\n", "SYNCD_NAME": "named", "other": "x"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		vars  map[string]string
		want  string // the token
		names []string
		err   string
	}{
		{"no folder", nil, "", nil, ""},
		{"a folder", map[string]string{"CREDENTIALS_DIRECTORY": folder}, "from-systemd", []string{"SYNCD_NAME_FILE", "SYNCD_TOKEN_FILE"}, ""},
		{"a folder that is not there", map[string]string{"CREDENTIALS_DIRECTORY": folder + "/none"}, "", nil, ""},
		{"a file that is named stands before the folder's", map[string]string{"CREDENTIALS_DIRECTORY": folder, "SYNCD_TOKEN_FILE": folder + "/other"}, "x", []string{"SYNCD_TOKEN_FILE", "SYNCD_NAME_FILE"}, ""},
		{"a variable beside it", map[string]string{"CREDENTIALS_DIRECTORY": folder, "SYNCD_TOKEN": "y"}, "y", []string{"SYNCD_TOKEN", "SYNCD_NAME_FILE", "SYNCD_TOKEN_FILE"},
			"environment: SYNCD_TOKEN: both this and " + folder + "/SYNCD_TOKEN are set; keep one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := slices.Sorted(maps.Keys(c.vars))
			given = slices.DeleteFunc(given, func(name string) bool { return !strings.HasPrefix(name, config.Prefix) })
			env, names := config.WithCredentials(func(name string) (string, bool) { v, ok := c.vars[name]; return v, ok }, given)
			s, problems := settings{}, &config.Problems{File: "c.yaml"}
			config.Overlay(env, names, &s, problems)
			if s.Token.text != c.want || !slices.Equal(names, c.names) {
				t.Errorf("got %q and %v, want %q and %v", s.Token.text, names, c.want, c.names)
			}
			if err := problems.Err(); c.err == "" && err != nil || c.err != "" && fmt.Sprint(err) != c.err {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
}
