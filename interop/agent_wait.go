// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/netmap"
)

// meshLimit is how long a mesh may take to agree.
const meshLimit = 30 * time.Second

// A mapCheck tells what a map lacks; it is never asked without one.
type mapCheck func(*netmap.NetworkMap) error

func hasMap(*netmap.NetworkMap) error { return nil }

// wait waits until a map of the newest session passes, and fails at once when
// that session ends.
func (a *Agent) wait(limit time.Duration, check mapCheck) error {
	deadline := time.After(limit)
	for {
		a.mu.Lock()
		current, ended, next := a.current, a.ended, a.changed
		a.mu.Unlock()
		err := errors.New("no map yet")
		if current != nil {
			if err = check(current); err == nil {
				return nil
			}
		}
		if ended != nil {
			return fmt.Errorf("%w: %w", err, ended)
		}
		select {
		case <-next:
		case <-deadline:
			return fmt.Errorf("not within %v: %w", limit, err)
		}
	}
}

// Await fails the test when no map passes in time.
func (a *Agent) Await(limit time.Duration, what string, check mapCheck) {
	a.t.Helper()
	if err := a.wait(limit, check); err != nil {
		a.t.Fatalf("%s: %s: %v", a.Name, what, err)
	}
}

// awaitIDs waits until the agents have learnt their ids, by which maps of others
// are searched for them.
func awaitIDs(t testing.TB, agents ...*Agent) {
	t.Helper()
	for _, a := range agents {
		if a.ID() == 0 {
			a.AwaitMap()
		}
	}
}

// AwaitMap waits for the first map of the newest session.
func (a *Agent) AwaitMap() {
	a.t.Helper()
	a.Await(meshLimit, "first map", hasMap)
}

// AwaitSelf waits until the agent's own entry passes.
func (a *Agent) AwaitSelf(limit time.Duration, what string, check func(tailcfg.NodeView) bool) {
	a.t.Helper()
	a.Await(limit, what, func(m *netmap.NetworkMap) error {
		if !check(m.SelfNode) {
			return fmt.Errorf("its own entry is %s", describe(m.SelfNode.AsStruct()))
		}
		return nil
	})
}

// AwaitPeer waits until another agent's entry passes.
func (a *Agent) AwaitPeer(limit time.Duration, other *Agent, what string,
	check func(tailcfg.NodeView) bool) {
	a.t.Helper()
	awaitIDs(a.t, other)
	a.Await(limit, other.Name+" "+what, func(m *netmap.NetworkMap) error {
		if peer := peerIn(m, other); !peer.Valid() || !check(peer) {
			return fmt.Errorf("%s is %s", other.Name, describe(peer.AsStruct()))
		}
		return nil
	})
}

// AwaitOnline waits until another agent is known to be online.
func (a *Agent) AwaitOnline(limit time.Duration, other *Agent) {
	a.t.Helper()
	a.AwaitPeer(limit, other, "is online", online)
}

// AwaitOffline waits until another agent is known to be offline.
func (a *Agent) AwaitOffline(limit time.Duration, other *Agent) {
	a.t.Helper()
	a.AwaitPeer(limit, other, "is offline", offline)
}

func online(n tailcfg.NodeView) bool  { known, ok := n.Online().GetOk(); return ok && known }
func offline(n tailcfg.NodeView) bool { known, ok := n.Online().GetOk(); return ok && !known }

// AwaitGone waits until another agent is no peer.
func (a *Agent) AwaitGone(limit time.Duration, other *Agent) {
	a.t.Helper()
	a.Await(limit, other.Name+" is gone", func(m *netmap.NetworkMap) error {
		if peerIn(m, other).Valid() {
			return fmt.Errorf("%s is still there", other.Name)
		}
		return nil
	})
}

// sees passes when all the others are peers.
func sees(others ...*Agent) mapCheck {
	return func(m *netmap.NetworkMap) error {
		for _, other := range others {
			if !peerIn(m, other).Valid() {
				return fmt.Errorf("%s is not among the %d peers", other.Name, len(m.Peers))
			}
		}
		return nil
	}
}

// AwaitPeers waits until all the others are peers.
func (a *Agent) AwaitPeers(others ...*Agent) {
	a.t.Helper()
	awaitIDs(a.t, others...)
	a.Await(meshLimit, "sees the others", sees(others...))
}

// AwaitNext waits for maps after those of `seen` (a length of History) until
// one of them passes.
func (a *Agent) AwaitNext(limit time.Duration, seen int, what string, check mapCheck) {
	a.t.Helper()
	err := poll(limit, func() error {
		for _, s := range a.History()[seen:] {
			if check(s.Map) == nil {
				return nil
			}
		}
		return fmt.Errorf("%d maps and none does", len(a.History())-seen)
	})
	if err != nil {
		a.t.Fatalf("%s: %s: not within %v: %v", a.Name, what, limit, err)
	}
}

// not turns a check of a node over.
func not(check func(tailcfg.NodeView) bool) func(tailcfg.NodeView) bool {
	return func(n tailcfg.NodeView) bool { return !check(n) }
}
