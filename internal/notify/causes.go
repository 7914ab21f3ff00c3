package notify

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A Plan is one that waits for a person.
type Plan struct {
	Customer Customer
	Target   string // the name in the configuration
	Title    string // of the target, as people call it
	Changes  int    // that write something
	Adopts   int    // things that are taken on as they are
	Money    []Money
	Repair   bool // something must be put right before it can be approved
	Since    time.Time
}

// Cause tells of a plan again when its money changed, or who must act.
func (p Plan) Cause() Cause {
	text := "something to settle"
	switch {
	case p.Changes > 0:
		text = count(p.Changes, "change", "changes")
	case p.Adopts > 0:
		text = "nothing changes, " + count(p.Adopts, "thing is taken on as it is", "things are taken on as they are")
	}
	mark := amounts(p.Money)
	if p.Repair {
		text += ", and something must be put right before it can be approved"
		mark += "; repair"
	}
	return Cause{Kind: Waiting, Key: p.Customer.Key + "/" + p.Target, Mark: mark, Customer: &p.Customer, Target: p.Title, Text: text, Money: p.Money,
		Since: p.Since, Path: customerPath(p.Customer.Key)}
}

func customerPath(key string) string { return "/customers/" + url.PathEscape(key) }

// A Failed is a scope of which a run did not come to its end. Why is not told: that may name people.
type Failed struct {
	Customer Customer
	Target   string
	Title    string
	Stands   string // such as partly done
	Since    time.Time
}

// Cause is about one customer at one target.
func (f Failed) Cause() Cause {
	return Cause{Kind: Failing, Key: f.Customer.Key + "/" + f.Target, Customer: &f.Customer, Target: f.Title, Text: f.Stands, Since: f.Since, Path: customerPath(f.Customer.Key)}
}

// A FailedJob is one whose last runs failed as a whole.
type FailedJob struct {
	Job   string
	Run   string
	Times int
	Since time.Time
}

// Cause is about all customers of the job.
func (f FailedJob) Cause() Cause {
	return Cause{Kind: Failing, Key: "job " + f.Job, What: "All customers of the job " + f.Job, Text: "its runs fail as a whole, " + count(f.Times, "time", "times") + " in a row",
		Since: f.Since, Path: "/runs/" + url.PathEscape(f.Run)}
}

// A ReadyMonth is one that is over, and of which every number at its end is proven.
type ReadyMonth struct {
	First time.Time // its first day
}

// Cause is about a month.
func (m ReadyMonth) Cause() Cause {
	month := m.First.Format("2006-01")
	return Cause{Kind: Month, Key: month, What: m.First.Format("January 2006"), Text: "it is over, and nothing stands between here and closing it", Path: "/months/" + month}
}

// RenewalsDays is how many days before the end of a term people are told of it.
const RenewalsDays = 30

// A Renewal is a paid subscription whose term ends.
type Renewal struct {
	Customer     Customer
	Subscription string
	Licence      string
	Units        int
	Ends         time.Time // in the zone in which days are counted
}

// Cause is one term: the next one is another.
func (r Renewal) Cause() Cause {
	return Cause{Kind: Renewals, Key: strings.Join([]string{r.Customer.Key, r.Subscription, r.Ends.Format(time.DateOnly)}, "/"), Customer: &r.Customer,
		Text: fmt.Sprintf("%s of %s, until %s", count(r.Units, "unit", "units"), name(r.Licence), day(r.Ends)), Path: "/report/renewals"}
}

// When people are told of a credential: once it is near its end, and again shortly before it and after.
const (
	CredentialSoon   = 21 * 24 * time.Hour
	credentialUrgent = 3 * 24 * time.Hour
)

// A Credential is a secret that ends. Of itself nothing is told but where it stands.
type Credential struct {
	System  string // as people call it
	Setting string
	Ends    time.Time // in the zone in which days are counted
}

// Cause is about a credential that ends soon, or ended.
func (c Credential) Cause(now time.Time) Cause {
	mark, text := "soon", "ends on "+day(c.Ends)
	switch left := c.Ends.Sub(now); {
	case left <= 0:
		mark, text = "ended", "ended on "+day(c.Ends)
	case left <= credentialUrgent:
		mark = "urgent"
	}
	return Cause{Kind: Credentials, Key: c.Setting, Mark: mark, What: c.System + ", " + c.Setting, Text: text, Path: "/system"}
}

// NewTest is the message of somebody who tries the channels.
func NewTest(at time.Time) Message {
	at = at.UTC().Truncate(time.Second)
	return Message{Kind: Test, New: []Cause{{Kind: Test, Key: at.Format(time.RFC3339), What: "Test", Text: "this is a test", Since: at, Path: "/"}}}
}
