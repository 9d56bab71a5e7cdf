// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/netmap"
)

// awaitMesh waits until every agent sees all the others.
func awaitMesh(t testing.TB, limit time.Duration, agents ...*Agent) {
	t.Helper()
	deadline := time.Now().Add(limit)
	awaitIDs(t, agents...)
	for _, a := range agents {
		err := a.wait(time.Until(deadline), sees(others(agents, a)...))
		if err != nil {
			t.Fatalf("%s: mesh of %d: %v", a.Name, len(agents), err)
		}
	}
}

// awaitOnlineMesh waits until every agent sees all the others online.
func awaitOnlineMesh(t testing.TB, limit time.Duration, agents ...*Agent) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for _, a := range agents {
		for _, other := range others(agents, a) {
			a.AwaitOnline(time.Until(deadline), other)
		}
	}
}

// awaitSame waits until every agent sees all the others online and they agree,
// with each other and with the server, on what each of them is.
func (m *Mesh) awaitSame(agents ...*Agent) {
	m.t.Helper()
	m.awaitMesh(agents...)
	eventually(m.t, meshLimit, "consistent states", func() error {
		records := map[tailcfg.NodeID]Node{}
		for _, n := range m.Records() {
			records[nodeID(n.ID)] = n
		}
		for _, a := range agents {
			if err := agrees(a, records[a.ID()], others(agents, a)); err != nil {
				return err
			}
		}
		return symmetric(agents...)
	})
}

func (m *Mesh) awaitMesh(agents ...*Agent) {
	m.t.Helper()
	awaitMesh(m.t, meshLimit, agents...)
}

// agrees compares an agent's own entry with the record of the server and with
// its entries in the maps of viewers.
func agrees(a *Agent, record Node, viewers []*Agent) error {
	self := a.Self()
	if !self.Valid() {
		return fmt.Errorf("%s has no map", a.Name)
	}
	if record.NodeKey != self.Key().String() || !record.Online {
		return fmt.Errorf("%s is %v online and has the key %v; the server has %+v", a.Name,
			self.Online(), self.Key(), record)
	}
	for _, viewer := range viewers {
		if err := sameNode(self, viewer.Peer(a)); err != nil {
			return fmt.Errorf("%s at %s: %w", a.Name, viewer.Name, err)
		}
	}
	return nil
}

// sameNode compares a node's own entry with one that a peer has of it.
func sameNode(self, peer tailcfg.NodeView) error {
	if !peer.Valid() {
		return fmt.Errorf("not a peer")
	}
	if !online(peer) {
		return fmt.Errorf("not online")
	}
	if self.Key() != peer.Key() || self.Name() != peer.Name() || self.User() != peer.User() {
		return fmt.Errorf("%v %v %v is %v %v %v", self.Name(), self.Key(), self.User(),
			peer.Name(), peer.Key(), peer.User())
	}
	mine, theirs := self.Addresses().AsSlice(), peer.Addresses().AsSlice()
	if !slices.Equal(mine, theirs) {
		return fmt.Errorf("%v has the addresses %v", mine, theirs)
	}
	return nil
}

// symmetric complains of one that sees another without being seen.
func symmetric(agents ...*Agent) error {
	for _, a := range agents {
		for _, b := range others(agents, a) {
			if a.Peer(b).Valid() && !b.Peer(a).Valid() {
				return fmt.Errorf("%s sees %s, which does not see it", a.Name, b.Name)
			}
		}
	}
	return nil
}

// awaitCount waits until an agent has so many peers.
func (a *Agent) awaitCount(limit time.Duration, want int) {
	a.t.Helper()
	a.Await(limit, fmt.Sprint(want, " peers"), func(m *netmap.NetworkMap) error {
		if len(m.Peers) != want {
			return fmt.Errorf("%d peers", len(m.Peers))
		}
		return nil
	})
}

// neverOffline complains when a map since then shows another agent offline or
// without a known status.
func (a *Agent) neverOffline(other *Agent, since time.Time) error {
	for _, seen := range a.History() {
		if peer := peerIn(seen.Map, other); seen.At.After(since) && peer.Valid() && !online(peer) {
			return fmt.Errorf("%s saw %s not online %v after the start", a.Name, other.Name,
				seen.At.Sub(since))
		}
	}
	return nil
}
