package signin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"syncd/internal/state"
)

func none(Token) []state.Entry { return nil }

const someHash = "$2y$05$/MbVLLsyVDDgP3vU6zXTeOW5WhGrKsOY7rgbuKKnzNEtPBqsWVUjS"

func TestTheUsersFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	for _, c := range []struct {
		text string
		want Users
		err  string
	}{
		{"", Users{}, ""},
		{"\ufeff# who may come\r\n\r\nada:" + someHash + "\r\n  bob : " + someHash + ":viewer\n", Users{{"ada", someHash, ""}, {"bob", someHash, "viewer"}}, ""},
		{"ada: \"" + someHash + "\"\n", Users{{"ada", someHash, ""}}, ""},
		{"ada\n", nil, "line 1: is no user"},
		{":" + someHash, nil, "line 1: is no user"},
		{"ada:" + someHash + ":viewer:x", nil, "line 1: is no user"},
		{"ada:hunter2", nil, "ada: there is no bcrypt hash"},
		{"ada:$apr1$xyz", nil, "ada: there is no bcrypt hash"},
		{"ada:" + someHash + "\nADA:" + someHash, nil, "line 2: ADA is there twice; keep one"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadUsers(path)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || len(got) != len(c.want) {
			t.Errorf("%q: got %v, %v", c.text, got, err)
			continue
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v shows what may be a password", err)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%q: got %v, want %v", c.text, got[i], c.want[i])
			}
		}
	}
}

func TestAUserIsWrittenAndTheOthersStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	write := func(u User, replaced bool, want string) {
		t.Helper()
		got, err := WriteUser(path, u)
		text, _ := os.ReadFile(path)
		if err != nil || got != replaced || string(text) != want {
			t.Errorf("got %v, %v, %q, want %q", got, err, text, want)
		}
	}
	write(User{"ada", someHash, ""}, false, "ada:"+someHash+"\n")
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", info.Mode())
	}
	if err := os.WriteFile(path, []byte("# ours\nada:"+someHash+"\nbob: "+someHash), 0o640); err != nil || os.Chmod(path, 0o640) != nil {
		t.Fatal(err)
	}
	write(User{"Ada", someHash, "viewer"}, true, "# ours\nAda:"+someHash+":viewer\nbob: "+someHash+"\n")
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is another: %v", info.Mode())
	}
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteUser(path, User{"ada", someHash, ""}); err == nil {
		t.Error("a file that cannot be read is written over")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".users-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPasswordsAndTheirHashes(t *testing.T) {
	for password, ok := range map[string]bool{"": false, "x": true, strings.Repeat("x", 72): true, strings.Repeat("x", 73): false, "pässword ": true} {
		hash, err := Hash(password)
		if (err == nil) != ok || ok && bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) != nil {
			t.Errorf("%q: got %v", password, err)
		}
	}
	// Who is not there costs the same work, and no password fits.
	for us, want := range map[string]int{"": Cost, someHash: 5} {
		users := Users{}
		if us != "" {
			users = Users{{"ada", us, ""}}
		}
		if got, err := bcrypt.Cost([]byte(users.nobody())); err != nil || got != want || CheckHash(users.nobody()) != nil {
			t.Errorf("%q: got %d, %v, want %d", us, got, err, want)
		}
	}
	if err := bcrypt.CompareHashAndPassword([]byte(Users{{"a", someHash, ""}}.nobody()), nil); err != bcrypt.ErrMismatchedHashAndPassword {
		t.Errorf("got %v", err)
	}
}
