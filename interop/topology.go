// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"testing"
)

// Topology is a small internet: two sites and a server behind one router, the
// right site behind address translation when asked for.
//
//	Left 10.9.1.2 ── 10.9.1.1 Router 10.9.2.1 ── 10.9.2.2 [NAT 192.168.7.1 ──] Right
//	                          10.9.3.1 ── 10.9.3.2 Server
type Topology struct {
	Router, Left, Right, Server *Netns
	Addr                        string // of the server
}

func newTopology(t testing.TB, nat bool) *Topology {
	t.Helper()
	n := &Topology{Router: newNetns(t, "router"), Left: newNetns(t, "left"),
		Right: newNetns(t, "right"), Server: newNetns(t, "server"), Addr: "10.9.3.2"}
	n.Router.Forward(t)
	link(t, n.Router, "10.9.1.1/24", n.Left, "10.9.1.2/24")
	n.Left.DefaultVia(t, "10.9.1.1")
	link(t, n.Router, "10.9.3.1/24", n.Server, "10.9.3.2/24")
	n.Server.DefaultVia(t, "10.9.3.1")
	if !nat {
		link(t, n.Router, "10.9.2.1/24", n.Right, "10.9.2.2/24")
		n.Right.DefaultVia(t, "10.9.2.1")
		return n
	}
	gate := newNetns(t, "nat")
	gate.Forward(t)
	_, outside := link(t, n.Router, "10.9.2.1/24", gate, "10.9.2.2/24")
	gate.DefaultVia(t, "10.9.2.1")
	link(t, gate, "192.168.7.1/24", n.Right, "192.168.7.2/24")
	n.Right.DefaultVia(t, "192.168.7.1")
	gate.Masquerade(t, outside)
	return n
}

// Star is a hub with the server in it and one leaf for each node, so that every
// node has its own loopback.
type Star struct {
	Hub    *Netns
	Addr   string // of the server
	leaves int
}

func newStar(t testing.TB) *Star {
	t.Helper()
	s := &Star{Hub: newNetns(t, "hub"), Addr: "10.9.0.1"}
	s.Hub.Forward(t)
	s.Hub.Ip(t, "addr", "add", s.Addr+"/32", "dev", "lo")
	return s
}

// Leaf makes a namespace whose only way out leads to the hub.
func (s *Star) Leaf(t testing.TB, label string) *Netns {
	t.Helper()
	s.leaves++
	leaf := newNetns(t, label)
	gateway := fmt.Sprintf("10.9.%d.1", s.leaves)
	link(t, s.Hub, gateway+"/24", leaf, fmt.Sprintf("10.9.%d.2/24", s.leaves))
	leaf.DefaultVia(t, gateway)
	return leaf
}
