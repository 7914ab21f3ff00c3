package directory

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

var day = time.Date(2026, 8, 20, 0, 0, 0, 0, time.UTC)

// full is a snapshot of two rows each, none of whose fields is empty.
func full() *Snapshot {
	s := &Snapshot{TakenAt: day}
	at := func(hours int) Proof {
		return Proof{Source: "cipp", TakenAt: day, AsOf: day.Add(-time.Duration(hours) * time.Hour)}
	}
	s.Licences = Proven([]Licence{filled[Licence](1), filled[Licence](2)}, at(0))
	s.Users = Proven([]User{filled[User](1), filled[User](2)}, at(0))
	s.Groups = Proven([]Group{known(filled[Group](1)), known(filled[Group](2))}, at(1))
	s.Domains = Proven([]Domain{filled[Domain](1), filled[Domain](2)}, at(2))
	s.Mailboxes = Proven([]Mailbox{allowed(filled[Mailbox](1)), allowed(filled[Mailbox](2))}, at(9))
	return s
}

func known(g Group) Group {
	g.OwnersUnknown, g.Members.Unknown = "", ""
	return g
}

func allowed(m Mailbox) Mailbox {
	m.RightsUnknown = ""
	return m
}

// filled returns a value with every field set to something that depends on n.
func filled[T any](n int) T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), n)
	return v
}

func fill(v reflect.Value, n int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(string(rune('a' + n)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n+1)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(day.AddDate(0, 0, n)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	}
}

const every = Licences | Users | Groups | Domains | Mailboxes

// unsaid are the fields that a digest leaves out, by type.
var unsaid = map[string][]string{
	"User": {"LastSignIn"}, "Mailbox": {"SizeBytes", "RightsUnknown"}, "DomainHealth": {"Checked", "Score"},
	// Why something is not known says nothing, that it is not known does: see below.
	"Group": {"OwnersUnknown"}, "Members": {"Unknown"},
	"Licence": {"PartNumber", "Name"}, "Subscription": {"Before"},
}

func TestADigestChangesWithEveryFieldThatATargetMayShow(t *testing.T) {
	before := full().Digest(every)
	for _, c := range []struct {
		kind string
		row  func(*Snapshot) reflect.Value
	}{
		{"Licence", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Licences.items[1]).Elem() }},
		{"Subscription", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Licences.items[1].Subscriptions[0]).Elem() }},
		{"User", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Users.items[1]).Elem() }},
		{"Group", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Groups.items[1]).Elem() }},
		{"Members", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Groups.items[1].Members).Elem() }},
		{"Domain", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Domains.items[1]).Elem() }},
		{"DomainHealth", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Domains.items[1].Health).Elem() }},
		{"Mailbox", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Mailboxes.items[1]).Elem() }},
		{"CalendarRight", func(s *Snapshot) reflect.Value { return reflect.ValueOf(&s.Mailboxes.items[1].Calendar[0]).Elem() }},
	} {
		fields := c.row(full()).Type()
		for i := range fields.NumField() {
			name := fields.Field(i).Name
			if fields.Field(i).Type.Kind() == reflect.Struct && fields.Field(i).Type != reflect.TypeFor[time.Time]() {
				continue // its fields are rows of this table
			}
			if fields.Field(i).Type.Kind() == reflect.Pointer {
				continue // see TestADigestSaysHowALicenceIsDivided
			}
			if name == "OwnersUnknown" || name == "RightsUnknown" || name == "Unknown" {
				continue
			}
			s := full()
			f := c.row(s).Field(i)
			f.SetZero()
			want := !slices.Contains(unsaid[c.kind], name)
			if got := s.Digest(every) != before; got != want {
				t.Errorf("%s.%s: the digest changed: %v, want %v", c.kind, name, got, want)
			}
		}
	}
}

func TestADigestSaysHowALicenceIsDivided(t *testing.T) {
	seen := map[string]bool{}
	whole := Licence{SKU: "spb", Purchased: 5, Subscriptions: []Subscription{{ID: "s", Total: 5}}}
	more := whole
	more.Subscriptions = []Subscription{{ID: "s", Total: 6}}
	for _, d := range []*Divided{nil, {Whole: whole}, {Whole: more}, {Whole: whole, Held: 1}, {Whole: whole, Taken: 1}, {Whole: whole, Rest: true}, {Whole: whole, Unsure: "why"}} {
		s := &Snapshot{Licences: Proven([]Licence{{SKU: "spb", Divided: d}}, Proof{})}
		if digest := s.Digest(Licences); seen[digest] {
			t.Errorf("%+v has the digest of another division", d)
		} else {
			seen[digest] = true
		}
	}
}

func TestWhatIsUnknownInARowIsNotWhatIsEmpty(t *testing.T) {
	before := full().Digest(every)
	for name, change := range map[string]func(*Snapshot){
		"members": func(s *Snapshot) { s.Groups.items[0].Members.Unknown = "refused" },
		"owners":  func(s *Snapshot) { s.Groups.items[0].OwnersUnknown = "refused" },
		"rights":  func(s *Snapshot) { s.Mailboxes.items[0].RightsUnknown = "refused" },
		"health":  func(s *Snapshot) { s.Domains.items[0].Health = DomainHealth{} },
	} {
		s := full()
		change(s)
		if s.Digest(every) == before {
			t.Errorf("%s: unknown says the same as known", name)
		}
	}
	// The reason is no difference, and neither is what there was before it.
	a, b := full(), full()
	a.Groups.items[0].Members = Members{Unknown: "refused"}
	b.Groups.items[0].Members = Members{Unknown: "throttled", IDs: []string{"x"}}
	if a.Digest(Groups) != b.Digest(Groups) {
		t.Error("two reasons are two digests")
	}
}

func TestADigestDoesNotDependOnTheOrder(t *testing.T) {
	before := full().Digest(every)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		s := full()
		shuffle(random, s.Licences.items)
		shuffle(random, s.Users.items)
		shuffle(random, s.Groups.items)
		shuffle(random, s.Domains.items)
		shuffle(random, s.Mailboxes.items)
		shuffle(random, s.Users.items[0].Licences)
		shuffle(random, s.Groups.items[0].Members.IDs)
		shuffle(random, s.Mailboxes.items[0].FullAccess)
		shuffle(random, s.Domains.items[0].Services)
		if got := s.Digest(every); got != before {
			t.Fatalf("got %s, want %s", got, before)
		}
	}
}

func shuffle[T any](r *rand.Rand, all []T) {
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

func TestDigestsOfDifferentKindsDiffer(t *testing.T) {
	seen := map[string]Kinds{}
	for want := Licences; want <= every; want++ {
		d := full().Digest(want)
		if before, twice := seen[d]; twice {
			t.Errorf("kinds %b and %b: both %s", before, want, d)
		}
		seen[d] = want
	}
	// A text may not slip from one field into the next.
	s := full()
	s.Users.items[0].GivenName, s.Users.items[0].Surname = "ab", ""
	other := full()
	other.Users.items[0].GivenName, other.Users.items[0].Surname = "a", "b"
	if s.Digest(Users) == other.Digest(Users) {
		t.Error("two names are one digest")
	}
}

func TestASnapshotIsAsGoodAsTheWantedCollections(t *testing.T) {
	s := full()
	s.Groups = Unknown[Group](Proof{}, errors.New("refused"))
	for _, c := range []struct {
		name   string
		want   Kinds
		proven bool
		counts map[string]int
		oldest int // hours
	}{
		{"nothing", 0, true, map[string]int{}, -1},
		{"users", Users, true, map[string]int{"users": 2}, 0},
		{"users and domains", Users | Domains, true, map[string]int{"users": 2, "domains": 2}, 2},
		{"an unknown one", Users | Groups, false, map[string]int{"users": 2, "groups": 0}, -1},
		{"all but the unknown one", every &^ Groups, true, map[string]int{"licences": 2, "users": 2, "domains": 2, "mailboxes": 2}, 9},
	} {
		err := s.Proven(c.want)
		if (err == nil) != c.proven || err != nil && !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if (s.Digest(c.want) != "") != c.proven {
			t.Errorf("%s: digest %q", c.name, s.Digest(c.want))
		}
		if got := s.Counts(c.want); !reflect.DeepEqual(got, c.counts) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.counts)
		}
		if c.oldest >= 0 && !s.Oldest(c.want).AsOf.Equal(day.Add(-time.Duration(c.oldest)*time.Hour)) {
			t.Errorf("%s: oldest is %+v", c.name, s.Oldest(c.want))
		}
	}
}
