// SPDX-License-Identifier: BSD-3-Clause

package drive

import (
	"errors"
	"strings"
	"sync"
	"time"

	"fairlead.test/interop/shipnode"
)

// Writer is what a library gives to send payloads by.
type Writer interface{ WriteShipMessageWithPayload(message []byte) }

// Sessions keeps what came over the last connection of each peer.
type Sessions struct {
	Echo, Mute bool
	Log        *Log // knows of payloads that were not sent; may be nil
	mux        sync.Mutex
	of         map[string]*Session
}

// Session is one connection that data flows over; a library hands its payloads to it.
type Session struct {
	all   *Sessions
	ski   string
	to    Writer
	opens int
	got   shipnode.Tally
}

// Open begins the session of a new connection.
func (all *Sessions) Open(ski string, to Writer) *Session {
	s := &Session{all: all, ski: ski, to: to, opens: 1}
	all.mux.Lock()
	if all.of == nil {
		all.of = map[string]*Session{}
	}
	if before := all.of[ski]; before != nil {
		s.opens += before.opens
	}
	all.of[ski] = s
	all.mux.Unlock()
	if !all.Mute {
		Tell("connected", map[string]any{"ski": ski})
	}
	return s
}

// HandleShipPayloadMessage takes a payload in its plain form.
func (s *Session) HandleShipPayloadMessage(plain []byte) {
	if s.all.Echo {
		s.write(plain)
		return
	}
	s.all.mux.Lock()
	defer s.all.mux.Unlock()
	s.got.Add(plain)
}

// write sends a payload, again after a moment where the library's queue is full: it says so in its
// log alone.
func (s *Session) write(plain []byte) error {
	for {
		s.to.WriteShipMessageWithPayload(plain)
		if s.all.Log == nil {
			return nil
		}
		err := s.all.Log.unsent(s.ski)
		if err == nil || !strings.Contains(err.Error(), "buffer full") {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// Send sends count payloads of sizes from low to high, and says what they were.
func (all *Sessions) Send(ski string, count, low, high int) (sent shipnode.Tally, err error) {
	all.mux.Lock()
	s := all.of[ski]
	all.mux.Unlock()
	if s == nil {
		return sent, errors.New("not connected")
	}
	for i := range count {
		payload := shipnode.Payload(i, shipnode.SizeOf(i, low, high))
		if err = s.write(payload); err != nil {
			return sent, err
		}
		sent.Add(payload)
	}
	return sent, nil
}

// Got is how often a connection to the peer opened, and what came over the last one.
func (all *Sessions) Got(ski string) (opens int, got shipnode.Tally) {
	all.mux.Lock()
	defer all.mux.Unlock()
	s := all.of[ski]
	if s == nil {
		return 0, got
	}
	return s.opens, s.got.Copy()
}
