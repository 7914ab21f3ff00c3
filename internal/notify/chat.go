package notify

import "encoding/json"

// Card is a message as Power Automate's Workflows post it to Microsoft Teams: an Adaptive Card.
// Names stand in text runs, which know no Markdown: a name cannot be a link or a mention.
//
// https://adaptivecards.io/explorer/RichTextBlock.html
// https://learn.microsoft.com/connectors/teams/#microsoft-teams-webhook
func (m *Message) Card(base string) ([]byte, error) {
	type object = map[string]any
	run := func(text string, more object) object {
		r := object{"type": "TextRun", "text": text}
		for k, v := range more {
			r[k] = v
		}
		return r
	}
	block := func(runs ...object) object { return object{"type": "RichTextBlock", "inlines": runs} }
	body := []object{block(run(m.Subject(), object{"weight": "Bolder", "size": "Medium"}))}
	parts := m.parts(mostInChat)
	for _, p := range parts {
		if len(parts) > 1 { // else the subject says it
			body = append(body, block(run(p.Heading, object{"weight": "Bolder"})))
		}
		for _, c := range p.Causes {
			body = append(body, block(
				run(c.Title(), object{"selectAction": object{"type": "Action.OpenUrl", "url": base + c.Path}}),
				run(": "+c.Says(), nil)))
		}
		if p.More != "" {
			body = append(body, block(run(p.More, nil)))
		}
		if p.Money != "" {
			body = append(body, block(run("Together: "+p.Money, object{"weight": "Bolder"})))
		}
	}
	if do := m.do(); do != "" {
		body = append(body, block(run(do, object{"isSubtle": true})))
	}
	return json.Marshal(object{"type": "message", "attachments": []object{{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil,
		"content": object{
			"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
			"msteams": object{"width": "Full"}, "body": body,
			"actions": []object{{"type": "Action.OpenUrl", "title": "Open syncd", "url": m.page(base)}},
		},
	}}})
}

// Slack is a message as Slack's incoming webhooks take it. Names stand in elements of rich text,
// which know no markup: a name cannot be a link or a mention.
//
// https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
func (m *Message) Slack(base string) ([]byte, error) {
	type object = map[string]any
	text := func(s string) object { return object{"type": "text", "text": s} }
	bold := func(s string) object { return object{"type": "text", "text": s, "style": object{"bold": true}} }
	link := func(url, s string) object { return object{"type": "link", "url": url, "text": s} }
	section := func(elements ...object) object {
		return object{"type": "rich_text_section", "elements": elements}
	}
	rich := []object{section(bold(m.Subject()))}
	parts := m.parts(mostInChat)
	for _, p := range parts {
		if len(parts) > 1 {
			rich = append(rich, section(bold("\n"+p.Heading+"\n")))
		}
		var items []object
		for _, c := range p.Causes {
			items = append(items, section(link(base+c.Path, c.Title()), text(": "+c.Says())))
		}
		rich = append(rich, object{"type": "rich_text_list", "style": "bullet", "elements": items})
		if p.More != "" {
			rich = append(rich, section(text(p.More+"\n")))
		}
		if p.Money != "" {
			rich = append(rich, section(bold("Together: "+p.Money+"\n")))
		}
	}
	if do := m.do(); do != "" {
		rich = append(rich, section(text("\n"+do+"\n")))
	}
	rich = append(rich, section(link(m.page(base), "Open syncd")))
	// The text is what a phone shows of it; it holds nothing but our words.
	return json.Marshal(object{"text": m.Subject(), "mrkdwn": false, "blocks": []object{{"type": "rich_text", "elements": rich}}})
}
