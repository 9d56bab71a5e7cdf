// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"tailscale.com/ipn"
	"tailscale.com/tailcfg"
)

// Watcher follows the network map of a stock client of the current release on
// its notification bus, the way graphical clients do.
type Watcher struct {
	mu      sync.Mutex
	peers   map[tailcfg.NodeID]*tailcfg.Node
	removed map[tailcfg.NodeID]bool
	changed chan struct{}
	ended   error
}

const watchMask = ipn.NotifyInitialStatus | ipn.NotifyPeerChanges | ipn.NotifyPeerPatches

// watch starts to follow c's map until the test ends.
func watch(t testing.TB, c *Client) *Watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	bus, err := c.local.WatchIPNBus(ctx, watchMask)
	if err != nil {
		cancel()
		t.Fatalf("watch %s: %v", c.Name, err)
	}
	t.Cleanup(func() { cancel(); bus.Close() })
	w := &Watcher{peers: map[tailcfg.NodeID]*tailcfg.Node{},
		removed: map[tailcfg.NodeID]bool{}, changed: make(chan struct{})}
	if _, err := bus.Next(); err != nil {
		t.Fatalf("watch %s: %v", c.Name, err)
	}
	go func() {
		for {
			note, err := bus.Next()
			w.apply(&note, err)
			if err != nil {
				return
			}
		}
	}()
	return w
}

func (w *Watcher) apply(note *ipn.Notify, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = err
	for _, node := range note.PeersChanged {
		w.peers[node.ID] = node
		delete(w.removed, node.ID)
	}
	for _, id := range note.PeersRemoved {
		delete(w.peers, id)
		w.removed[id] = true
	}
	for _, patch := range note.PeerChangedPatch {
		node := w.peers[patch.NodeID]
		if node == nil {
			node = &tailcfg.Node{ID: patch.NodeID}
			w.peers[patch.NodeID] = node
		}
		applyPatch(node, patch)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// applyPatch takes over the fields that the tests look at.
func applyPatch(node *tailcfg.Node, patch *tailcfg.PeerChange) {
	if patch.Endpoints != nil {
		node.Endpoints = patch.Endpoints
	}
	if patch.Online != nil {
		node.Online = patch.Online
	}
	if patch.LastSeen != nil {
		node.LastSeen = patch.LastSeen
	}
	if patch.KeyExpiry != nil {
		node.KeyExpiry = *patch.KeyExpiry
	}
	if patch.DERPRegion != 0 {
		node.HomeDERP = patch.DERPRegion
	}
}

// Await waits until the peer satisfies check; nil stands for a removed peer.
func (w *Watcher) Await(limit time.Duration, id tailcfg.NodeID,
	check func(*tailcfg.Node) bool) error {
	deadline := time.After(limit)
	for {
		w.mu.Lock()
		node, gone, next, ended := w.peers[id], w.removed[id], w.changed, w.ended
		satisfied := (node != nil || gone) && check(node)
		w.mu.Unlock()
		if satisfied {
			return nil
		}
		if ended != nil {
			return ended
		}
		select {
		case <-next:
		case <-deadline:
			return fmt.Errorf("not within %v; the peer is %s", limit, describe(node))
		}
	}
}

// awaitByAsking is Await for changes of which a client does not tell its bus
// (endpoints alone): it asks the client again and again.
func awaitByAsking(c *Client, limit time.Duration, id tailcfg.NodeID,
	check func(*tailcfg.Node) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		node, err := c.local.PeerByID(ctx, id)
		if err == nil && check(node) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("not within %v; the peer is %s", limit, describe(node))
		}
		time.Sleep(500 * time.Microsecond)
	}
}

func describe(node *tailcfg.Node) string {
	if node == nil {
		return "unknown"
	}
	return fmt.Sprintf("%s, endpoints %v, routes %v, expiry %v", node.Name, node.Endpoints,
		node.AllowedIPs, node.KeyExpiry)
}
