package pages

import (
	"regexp"
	"strings"
)

// What the program says names commands as the way on. Whoever reads a page has its pages and
// buttons instead, and no shell: pageWords says it with those, and waysIn are the links.

// ofObject are the arguments of a command about an object: customer, target and key.
const ofObject = `(?: [^;,.()]{1,200}? (?:connectwise|itglue|scim/[^\s;,()]+) [^\s;,()]+`

// A typed command is what is said of it on a page. The first that fits is taken.
type typedCommand struct {
	typed *regexp.Regexp
	here  string
	to    wayOn
}

// matchesWay and so on are the pages where what a message asks for is done.
var (
	matchesWay  = wayOn{"/matches", "Settle it under Matches"}
	mapWay      = wayOn{"/map", "Look at Mapping"}
	productsWay = wayOn{"/products", "Look at Products"}
)

var typedCommands = []typedCommand{
	{typed: regexp.MustCompile(`(?:; |, then )syncd approve --digest [^\s;,)]+, or syncd reject to leave things as they are`)},
	{typed: regexp.MustCompile(`(?:; |, then )syncd approve --digest [^\s;,)]+(;|\)|$)`), here: "$1"},
	{typed: regexp.MustCompile(` \(syncd approve --digest [^)]+\)`)},
	{typed: regexp.MustCompile(`syncd approve --digest [^\s;,)]+ (allows|takes|approves)`), here: "approving it by itself $1"},
	{typed: regexp.MustCompile(`, or syncd approve --digest [^\s;,)]+`), here: ", or for an approval"},
	{typed: regexp.MustCompile(`syncd approve(?: --digest [^\s;,)]+)?`), here: "approve"},
	{typed: regexp.MustCompile(`syncd reject`), here: "reject"},
	{typed: regexp.MustCompile(`by syncd apply and the daemon`), here: "by every run that applies"},
	{typed: regexp.MustCompile(`(run )?syncd apply(?: --(?:customer|target) [^\s;,()]+)*`), here: "${1}“Apply now”"},
	{regexp.MustCompile(`says: syncd matches accept` + ofObject + ` [^\s;,()]+)?(?:, or create\b)?`), "says so under Matches", matchesWay},
	{regexp.MustCompile(`syncd matches accept` + ofObject + ` [^\s;,()]+)?(?:, or create\b)?`), "under Matches", matchesWay},
	{regexp.MustCompile(`syncd matches create` + ofObject + `)?`), "“create a new one” under Matches", matchesWay},
	{regexp.MustCompile(`syncd matches retry` + ofObject + `)?`), "“Try again” under Matches", matchesWay},
	{regexp.MustCompile(`syncd matches ignore` + ofObject + `)?`), "“Leave alone” under Matches", matchesWay},
	{regexp.MustCompile(`syncd matches`), "Matches", matchesWay},
	{regexp.MustCompile(`syncd map(?: suggest| ignore| import)?`), "Mapping", mapWay},
	{regexp.MustCompile(`: syncd products suggest`), ": write a rule under Products", productsWay},
	{regexp.MustCompile(`syncd products(?: suggest| import)?`), "Products", productsWay},
	{typed: regexp.MustCompile(`syncd report month --month (\d{4}-\d\d)(?: --reopen --reason TEXT)?`), here: "the page of month $1"},
	{typed: regexp.MustCompile(`--reopen --reason TEXT`), here: "opening it"},
	{typed: regexp.MustCompile(`syncd history --run [^\s;,()]+`), here: "its page under Runs"},
	{typed: regexp.MustCompile(`syncd history`), here: "Runs"},
	{typed: regexp.MustCompile(`syncd status(?: --json| [0-9a-f-]{36})?`), here: "Customers"},
	{typed: regexp.MustCompile(`syncd holds`), here: "the inbox"},
	{typed: regexp.MustCompile(`syncd check`), here: "the check under System"},
	{typed: regexp.MustCompile(`syncd override(?: end| list)?`), here: "the customer's page"},
	{typed: regexp.MustCompile(`syncd terms import`), here: "the table of terms"},
	{typed: regexp.MustCompile(`(^|\s)--(month|reason|until|quantity|minimum|maximum|customer|target|product)\b`), here: "$1$2"},
}

// pageWords is a message of the program in the words of the pages.
func pageWords(message string) string {
	if !strings.Contains(message, "syncd ") && !strings.Contains(message, "--") {
		return message
	}
	for i := range typedCommands {
		message = typedCommands[i].typed.ReplaceAllString(message, typedCommands[i].here)
	}
	return message
}

// waysIn are the pages on which what a message asks for is done.
func waysIn(message string) (ways []wayOn) {
	if !strings.Contains(message, "syncd ") {
		return nil
	}
	for i := range typedCommands {
		if c := &typedCommands[i]; c.to != (wayOn{}) && c.typed.MatchString(message) {
			ways = withWay(ways, c.to)
		}
	}
	return ways
}

// withWay adds a way to a page where there is none yet.
func withWay(ways []wayOn, more ...wayOn) []wayOn {
	for _, w := range more {
		known := false
		for _, x := range ways {
			known = known || x.To == w.To
		}
		if !known {
			ways = append(ways, w)
		}
	}
	return ways
}
