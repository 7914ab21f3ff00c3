package plan

// The ways to settle an object.
const (
	SettleAccept = "accept" // it is the one with this ref
	SettleCreate = "create" // none of the candidates: make a new one
	SettleIgnore = "ignore" // leave it alone
	SettleRetry  = "retry"  // the dead end at the target is cleared
)

// A Settlement is a person's word on one object.
type Settlement struct {
	Key    Key    `json:"key"`
	How    string `json:"how"`
	Ref    string `json:"ref,omitempty"`
	Reason string `json:"reason,omitempty"`
}
