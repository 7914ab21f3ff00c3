package playbook

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"syncd/internal/cipp/admin"
)

// "Every option of CIPP's, as columns": each field of an offboarding has one.
func TestEveryOptionOfAnOffboardingIsAColumn(t *testing.T) {
	cells := map[string]string{
		"ForwardTo": "forward_to", "OutOfOffice": "out_of_office", "FullAccess": "full_access", "FullAccessUnmapped": "full_access_unmapped", "OneDrive": "onedrive_access", "At": "at",
	}
	fields := reflect.TypeFor[admin.Offboarding]()
	var switches admin.Offboarding
	for _, name := range slices.Sorted(maps.Keys(offboardFlags)) {
		*offboardFlags[name](&switches) = true
	}
	columns := strings.Join(Columns(Offboard), " ")
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		switch on := reflect.ValueOf(switches).Field(i); {
		case name == "Reference": // ours: the line of the file
		case on.Kind() == reflect.Bool && on.Bool():
		case cells[name] != "" && strings.Contains(columns, cells[name]):
		default:
			t.Errorf("%s has no column", name)
		}
	}
}
