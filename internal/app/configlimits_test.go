package app

import (
	"testing"
)

// Who names the configured currency among the others believes in that limit.
func TestTheLowerLimitOfTheConfiguredCurrencyCounts(t *testing.T) {
	for _, c := range []struct {
		name, money, named, want string
	}{
		{"not named", "9000", "", "9000"},
		{"named lower", "9000", "5", "5"},
		{"named higher", "5", "9000", "5"},
	} {
		l := LimitsConfig{Money: MoneyConfig{Increase: c.money}}
		if c.named != "" {
			l.MoneyByCurrency = map[string]MoneyConfig{"USD": {Increase: c.named}, "EUR": {Increase: "7"}}
		}
		got := l.resolve("limits", "USD", func(path, format string, args ...any) {
			t.Errorf("%s: %s: "+format, append([]any{c.name, path}, args...)...)
		})
		if got.Increase.String() != c.want || !got.Decrease.IsZero() {
			t.Errorf("%s: got %s and %s, want %s and what is inherited", c.name, got.Increase, got.Decrease, c.want)
		}
		if _, other := got.ByCurrency["USD"]; other {
			t.Errorf("%s: it is one of the others", c.name)
		}
	}
}
