// SPDX-License-Identifier: BSD-3-Clause

package shipnode

import (
	"errors"
	"fmt"
	"time"
)

// pingEvery is less than half of what a peer waits for.
const pingEvery = 20 * time.Second

// Exchange is what happens on an open link; none may be nil.
type Exchange struct {
	ID       string
	PeerID   func(id string)
	Payload  func(plain []byte)
	Complete func()
}

// Run exchanges data until the connection ends, and says how: nil after an announced end.
func (l *Link) Run(x Exchange) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case h, ok := <-l.messages():
			if !ok {
				return &Closed{Code: 1006}
			}
			if h.err != nil {
				return h.err
			}
			if over, err := l.take(x, h.m); over || err != nil {
				return err
			}
		case <-ping.C:
			if err := l.WriteFrame(true, OpPing, nil); err != nil {
				return err
			}
		}
	}
}

// take handles one message; true after the end was announced or confirmed.
func (l *Link) take(x Exchange, m Message) (bool, error) {
	switch m.Root {
	case "data":
		payload, err := PayloadOf(m.Plain)
		if err == nil {
			x.Payload(payload)
		}
		return false, err
	case "accessMethodsRequest":
		return false, l.Control(`{"accessMethods":{"id":"` + x.ID + `"}}`)
	case "accessMethods":
		if m.Text("id") == "" {
			return false, errors.New("access methods without an id")
		}
		x.PeerID(m.Text("id"))
		x.Complete()
		return false, nil
	case "connectionClose":
		if m.Text("phase") == "announce" {
			l.Send(TypeEnd, `{"connectionClose":[{"phase":"confirm"}]}`)
			l.WriteClose(4001, "close")
		}
		return true, nil
	}
	return false, nil
}

// Farewell announces the end and waits for the peer's word, half a second at most. It belongs to
// the owner of the link while Run is not under way; Run sees the answer otherwise.
func (l *Link) Farewell() error {
	return l.Send(TypeEnd,
		`{"connectionClose":[{"phase":"announce"},{"maxTime":500},{"reason":"unspecific"}]}`)
}

// Describe gives the text of an end.
func Describe(err error) string {
	if err == nil {
		return "in order"
	}
	return fmt.Sprint(err)
}
