// Package notifytest stands where messages arrive: a mail server, and Microsoft Teams, Slack and a
// webhook, as strict as what they stand for. It knows what the vendors document, and none of our code.
package notifytest

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// A MailServer takes mails as a provider's submission server does: TLS before anything else, then a
// user and a password.
type MailServer struct {
	Addr  string
	Roots *x509.CertPool // who vouches for its certificate

	options  MailOptions
	listener net.Listener
	tls      *tls.Config

	mu       sync.Mutex
	mails    []string // as they came, with their envelopes in lines before them
	refusals []string // what it refused, and why
	say      map[string]string
}

// MailOptions are how strict it is.
type MailOptions struct {
	StartTLS       bool // nothing is taken without
	TLS            bool // from the first byte
	User, Password string
}

// StartMailServer listens on this machine.
func StartMailServer(o MailOptions) (*MailServer, error) {
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // has a certificate for 127.0.0.1
	defer certified.Close()
	s := &MailServer{options: o, tls: &tls.Config{Certificates: certified.TLS.Certificates}, Roots: x509.NewCertPool(), say: map[string]string{}}
	s.Roots.AddCert(certified.Certificate())
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.Addr = s.listener.Addr().String()
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s, nil
}

// Close ends it.
func (s *MailServer) Close() { s.listener.Close() }

// Say has it answer a command (MAIL, RCPT, DATA, END for the end of the mail, RSET) so from here
// on; "hang" is no answer at all, and the empty text its own answer again.
func (s *MailServer) Say(command, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say[command] = answer
}

// Mails are those that it took: a line MAIL FROM, lines RCPT TO, then the mail.
func (s *MailServer) Mails() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

// Refusals are what clients did that they may not.
func (s *MailServer) Refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.refusals...)
}

func (s *MailServer) refuse(format string, args ...any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	s.refusals = append(s.refusals, text)
	return text
}

func (s *MailServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(time.Minute))
	secure := s.options.TLS
	if secure {
		conn = tls.Server(conn, s.tls)
	}
	r := bufio.NewReader(conn)
	answer := func(command, text string) {
		s.mu.Lock()
		if said := s.say[command]; said != "" {
			text = said
		}
		s.mu.Unlock()
		if text == "hang" {
			time.Sleep(time.Minute)
		}
		fmt.Fprintf(conn, "%s\r\n", text)
	}
	line := func() (string, bool) {
		text, err := r.ReadString('\n')
		return strings.TrimRight(text, "\r\n"), err == nil
	}
	answer("CONNECT", "220 mail.example.net ESMTP")
	signedIn, envelope := s.options.User == "", ""
	for {
		text, ok := line()
		if !ok {
			return
		}
		verb, rest, _ := strings.Cut(text, " ")
		verb = strings.ToUpper(verb)
		switch {
		case verb == "EHLO":
			lines := []string{"mail.example.net"}
			if s.options.StartTLS && !secure {
				lines = append(lines, "STARTTLS")
			} else if s.options.User != "" {
				lines = append(lines, "AUTH PLAIN LOGIN")
			}
			for i, l := range lines {
				sep := "-"
				if i == len(lines)-1 {
					sep = " "
				}
				fmt.Fprintf(conn, "250%s%s\r\n", sep, l)
			}
		case verb == "QUIT":
			answer(verb, "221 bye")
			return
		case verb == "RSET", verb == "NOOP":
			envelope = ""
			answer(verb, "250 ok")
		case verb == "STARTTLS" && s.options.StartTLS && !secure:
			fmt.Fprint(conn, "220 go ahead\r\n")
			conn = tls.Server(conn, s.tls)
			r, secure = bufio.NewReader(conn), true
		case s.options.StartTLS && !secure:
			answer("", "530 "+s.refuse("%s without STARTTLS", verb))
		case verb == "AUTH":
			mechanism, initial, _ := strings.Cut(rest, " ")
			plain, _ := base64.StdEncoding.DecodeString(initial)
			if mechanism == "PLAIN" && string(plain) == "\x00"+s.options.User+"\x00"+s.options.Password {
				signedIn = true
				answer(verb, "235 welcome")
			} else {
				s.refuse("AUTH %s", mechanism)
				answer(verb, "535 5.7.8 authentication credentials invalid")
			}
		case !signedIn:
			answer("", "530 "+s.refuse("%s before AUTH", verb))
		case verb == "MAIL":
			envelope = text + "\n"
			answer(verb, "250 ok")
		case verb == "RCPT":
			envelope += text + "\n"
			answer(verb, "250 ok")
		case verb == "DATA":
			answer(verb, "354 go on")
			var body strings.Builder
			for {
				text, ok := line()
				if !ok {
					return
				}
				if text == "." {
					break
				}
				body.WriteString(strings.TrimPrefix(text, ".") + "\n")
			}
			s.mu.Lock()
			if end := s.say["END"]; end == "" || strings.HasPrefix(end, "2") {
				s.mails = append(s.mails, envelope+body.String())
			}
			s.mu.Unlock()
			answer("END", "250 queued")
		default:
			answer("", "502 "+s.refuse("unknown command %s", verb))
		}
	}
}
