package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// Recipients reads public keys of age, such as age1….
func Recipients(keys []string) ([]age.Recipient, error) {
	var out []age.Recipient
	for _, key := range keys {
		if strings.HasPrefix(strings.ToUpper(key), "AGE-SECRET-KEY-") {
			return nil, errors.New("one of them is a secret key; write the public one, which begins with age1 (age-keygen -y FILE prints it)")
		}
		some, err := age.ParseRecipients(strings.NewReader(key))
		if err != nil || len(some) != 1 {
			return nil, fmt.Errorf("%q is no public key of age; write what age-keygen prints, which begins with age1", key)
		}
		out = append(out, some...)
	}
	if len(out) > 0 {
		if _, err := age.Encrypt(io.Discard, out...); err != nil { // some kinds of keys do not go together
			return nil, fmt.Errorf("cannot be used together: %w", err)
		}
	}
	return out, nil
}

// ErrEncrypted says that a backup is encrypted and that no identity was given.
var ErrEncrypted = errors.New("it is encrypted")

// intro begins every file that age encrypted.
const intro = "age-encryption.org/"

// Plain returns the text of a backup, decrypted where it is encrypted. identity is the file
// with the secret keys, as age -i takes it; empty where there is none. An encrypted text is
// whole only if it can be read to its end without an error.
func Plain(in io.Reader, identity string) (io.Reader, error) {
	text := bufio.NewReader(in)
	if begins, _ := text.Peek(len(intro)); string(begins) != intro {
		return text, nil
	}
	if identity == "" {
		return nil, ErrEncrypted
	}
	keys, err := os.Open(identity)
	if err != nil {
		return nil, fmt.Errorf("reading the identity: %w", err)
	}
	defer keys.Close()
	ids, err := age.ParseIdentities(keys)
	if err != nil {
		return nil, fmt.Errorf("%s is no identity file of age (%w); any other kind of key: age -d, then restore what it writes", identity, err)
	}
	plain, err := age.Decrypt(text, ids...)
	if _, none := errors.AsType[*age.NoIdentityMatchError](err); none {
		return nil, fmt.Errorf("no key in %s opens it; name the identity of one of the recipients it was encrypted for", identity)
	}
	return plain, err
}
