// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tailscale.com/net/tsaddr"
	"tailscale.com/tailcfg"
)

var routesRows = []row{
	{"RTE-1 AllowedIPs contain the addresses", pair(func(t testing.TB, a, b *Agent) {
		for _, self := range []tailcfg.NodeView{a.Self(), b.Self()} {
			mustCover(t, self)
		}
	})},
	{"RTE-2 they are a superset, for peers too", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		router, a := m.router("10.1.0.0/24"), m.Join(AgentOptions{})
		a.AwaitPeer(meshLimit, router, "has the route", allows("10.1.0.0/24"))
		mustCover(t, a.Peer(router))
		mustCover(t, router.Self())
		if n := a.Peer(router).AllowedIPs().Len(); n != 3 {
			t.Errorf("%d prefixes", n)
		}
	}},
	{"RTE-3 announced routes are in the hostinfo", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		router := m.Join(AgentOptions{Routes: []string{"10.1.0.0/24"}})
		a.AwaitPeer(meshLimit, router, "announces", func(n tailcfg.NodeView) bool {
			routes := n.Hostinfo().RoutableIPs().AsSlice()
			return slices.Equal(routes, prefixes("10.1.0.0/24"))
		})
	}},
	{"RTE-4 an approved route arrives", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		router := m.Join(AgentOptions{Routes: []string{"10.1.0.0/24"}})
		a.AwaitPeers(router)
		holds(t, 2*time.Second, "no route before its approval", func() error {
			if allows("10.1.0.0/24")(a.Peer(router)) {
				return errors.New("it is there")
			}
			return nil
		})
		m.Approve(router, "10.1.0.0/24")
		a.AwaitPeer(10*time.Second, router, "has the route", allows("10.1.0.0/24"))
	}},
	{"RTE-5 addresses lie in the two ranges", pair(func(t testing.TB, a, b *Agent) {
		for _, node := range []tailcfg.NodeView{a.Self(), b.Self(), b.Peer(a)} {
			got := node.Addresses().AsSlice()
			if len(got) != 2 || !got[0].IsSingleIP() || !got[1].IsSingleIP() ||
				!tsaddr.CGNATRange().Contains(got[0].Addr()) ||
				!tsaddr.TailscaleULARange().Contains(got[1].Addr()) {
				t.Errorf("%s has %v", node.Name(), got)
			}
		}
	})},
}

// router joins an agent that announces routes which are then approved.
func (m *Mesh) router(routes ...string) *Agent {
	m.t.Helper()
	router := m.Join(AgentOptions{Routes: routes})
	m.Approve(router, routes...)
	return router
}

func mustCover(t testing.TB, n tailcfg.NodeView) {
	t.Helper()
	for _, address := range n.Addresses().All() {
		if !slices.Contains(n.AllowedIPs().AsSlice(), address) {
			t.Errorf("%v is missing in %v", address, n.AllowedIPs().AsSlice())
		}
	}
}

// allows passes when the node may carry traffic for the prefix.
func allows(prefix string) func(tailcfg.NodeView) bool {
	want := netip.MustParsePrefix(prefix)
	return func(n tailcfg.NodeView) bool {
		return n.Valid() && slices.Contains(n.AllowedIPs().AsSlice(), want)
	}
}

// isPrimary passes when the node is online and the primary of the prefix.
func isPrimary(prefix string) func(tailcfg.NodeView) bool {
	want := netip.MustParsePrefix(prefix)
	return func(n tailcfg.NodeView) bool {
		return online(n) && slices.Contains(n.PrimaryRoutes().AsSlice(), want)
	}
}
