// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"net/netip"
	"testing"
)

func TestControlJoinUserspace(t *testing.T) {
	server := startServer(t, ServerOptions{})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{}, ClientOptions{})
	t.Run("addresses as the server says", func(t *testing.T) {
		for _, c := range []*Client{a, b} {
			node := server.MustNode(t, c.Name)
			for _, ip := range c.IPs(t) {
				if !node.Has(ip) {
					t.Errorf("%s has %v, the server says %v", c.Name, ip, node.IPAddresses)
				}
			}
		}
		if !netip.MustParsePrefix("100.64.0.0/10").Contains(a.IPs(t)[0]) {
			t.Errorf("IPv4 %v is outside the prefix", a.IPs(t)[0])
		}
	})
	checkPair(t, a, b, Direct)
}

func TestControlJoinOldest(t *testing.T) {
	server := startServer(t, ServerOptions{})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{Old: true}, ClientOptions{})
	checkPair(t, a, b, Direct)
}

func TestControlJoinTsnet(t *testing.T) {
	server := startServer(t, ServerOptions{})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{Kind: Embedded},
		ClientOptions{})
	checkPair(t, a, b, Direct)
}

func TestControlJoinTUN(t *testing.T) {
	requireNetns(t, true)
	net := newTopology(t, false)
	server := startServer(t, ServerOptions{Netns: net.Server, Addr: net.Addr})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{Kind: TUN, Netns: net.Left},
		ClientOptions{Kind: TUN, Netns: net.Right})
	checkPair(t, a, b, Direct)
}

func TestControlJoinNAT(t *testing.T) {
	requireNetns(t, true)
	net := newTopology(t, true)
	server := startServer(t, ServerOptions{Netns: net.Server, Addr: net.Addr})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{Kind: TUN, Netns: net.Left},
		ClientOptions{Kind: TUN, Netns: net.Right})
	checkPair(t, a, b, Direct)
}

func TestControlJoinOldestTUN(t *testing.T) {
	requireNetns(t, true)
	net := newTopology(t, false)
	server := startServer(t, ServerOptions{Netns: net.Server, Addr: net.Addr})
	a, b := startPair(t, server, server.ReusableKey(t),
		ClientOptions{Kind: TUN, Netns: net.Left, Old: true},
		ClientOptions{Kind: TUN, Netns: net.Right})
	checkPair(t, a, b, Direct)
}
