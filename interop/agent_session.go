// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"context"
	"errors"
	"slices"
	"time"

	"tailscale.com/types/netmap"
)

// agentSession is one streaming map poll on a line of its own.
type agentSession struct {
	agent  *Agent
	number int
	line   *agentLine
	cancel context.CancelFunc
	done   chan struct{}
}

// Open opens a session beside those that are open, and forgets the maps of
// those: what Map tells from now on came by the new one.
func (a *Agent) Open() {
	a.mu.Lock()
	line := a.spare
	a.spare = nil
	a.mu.Unlock()
	if line == nil {
		var err error
		if line, err = a.newLine(); err != nil {
			a.complain("session", err)
			return
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &agentSession{agent: a, line: line, cancel: cancel, done: make(chan struct{})}
	a.mu.Lock()
	a.opened++
	s.number = a.opened
	a.sessions = append(a.sessions, s)
	a.current, a.ended = nil, nil
	a.mu.Unlock()
	go s.poll(ctx)
}

// poll reads maps until the session is closed.
func (s *agentSession) poll(ctx context.Context) {
	defer close(s.done)
	if err := s.line.poll(ctx, s); ctx.Err() == nil {
		s.agent.end(s, err)
	}
}

// UpdateFullNetmap takes the map after every frame.
func (s *agentSession) UpdateFullNetmap(m *netmap.NetworkMap) {
	a := s.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	a.history = append(a.history, Seen{At: time.Now(), Session: s.number, Map: m})
	if s.number == a.opened {
		a.current = m
		if m.SelfNode.Valid() {
			a.id = m.SelfNode.ID()
		}
	}
	a.wake()
}

// end notes that a session ended unasked.
func (a *Agent) end(s *agentSession, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.number == a.opened {
		a.ended = errors.Join(errors.New("the session ended"), err)
	}
	a.wake()
}

// wake tells all who wait; the caller holds mu.
func (a *Agent) wake() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// Leave closes all sessions; when it returns no map of theirs is on its way.
func (a *Agent) Leave() { a.close(0) }

// CloseOld closes all sessions but the newest.
func (a *Agent) CloseOld() { a.close(1) }

// close closes the oldest sessions until so many are left.
func (a *Agent) close(left int) {
	a.mu.Lock()
	n := max(0, len(a.sessions)-left)
	old := slices.Clone(a.sessions[:n])
	a.sessions = slices.Clone(a.sessions[n:])
	a.mu.Unlock()
	for _, s := range old {
		s.cancel()
		<-s.done
		a.setSpare(s.line)
	}
}

// setSpare keeps a line for the next session and closes the one kept so far.
func (a *Agent) setSpare(line *agentLine) {
	a.mu.Lock()
	line, a.spare = a.spare, line
	a.mu.Unlock()
	if line != nil {
		line.close()
	}
}

// hangUpSpare closes the connection that no session uses.
func (a *Agent) hangUpSpare() { a.setSpare(nil) }

// hangUp leaves and closes all connections.
func (a *Agent) hangUp() {
	a.Leave()
	a.hangUpSpare()
}

// start registers and opens a session.
func (a *Agent) start() {
	a.Login()
	a.Open()
}

// Reconnect leaves and comes back at once.
func (a *Agent) Reconnect() {
	a.Leave()
	a.Open()
}

// Replace opens a second session and closes the first when the second has a
// map: the client was quicker than the death of its old socket.
func (a *Agent) Replace() {
	a.Open()
	if err := a.wait(meshLimit, hasMap); err != nil {
		a.complain("second session", err)
	}
	a.CloseOld()
}
