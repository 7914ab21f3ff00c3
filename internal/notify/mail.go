package notify

import (
	"embed"
	htmltemplate "html/template"
	"strings"
	"text/template"
)

//go:embed mail.txt mail.html
var mailFiles embed.FS

// Most causes of a part that each channel lists. Teams refuses more than 28 KB, and nobody reads
// more than that in a chat.
const (
	mostInMail = 100
	mostInChat = 15
)

var mailFuncs = map[string]any{"title": func(c Cause) string { return c.Title() }, "says": func(c Cause) string { return c.Says() }}

var (
	mailText = template.Must(template.New("mail.txt").Funcs(mailFuncs).ParseFS(mailFiles, "mail.txt"))
	mailHTML = htmltemplate.Must(htmltemplate.New("mail.html").Funcs(mailFuncs).ParseFS(mailFiles, "mail.html"))
)

// Mail is the body of a message as a mail, whose links begin with base.
func (m *Message) Mail(base string) (text, html string, err error) {
	view := struct {
		Subject, Do, Base, Page string
		Parts                   []part
	}{m.Subject(), m.do(), base, m.page(base), m.parts(mostInMail)}
	var plain, marked strings.Builder
	if err := mailText.Execute(&plain, view); err != nil {
		return "", "", err
	}
	if err := mailHTML.Execute(&marked, view); err != nil {
		return "", "", err
	}
	return plain.String(), marked.String(), nil
}
