package target

// A Finding is one line of the check of a system, for an operator.
type Finding struct {
	System string `json:"system"` // set by who asks several
	Name   string `json:"check"`  // what was checked
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`           // what was found
	Remedy string `json:"remedy,omitempty"` // what to do; empty where OK
}
