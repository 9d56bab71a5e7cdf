// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"net/netip"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

// pair is a content row: two meshed agents, of which the second looks.
func pair(check func(testing.TB, *Agent, *Agent)) func(testing.TB) {
	return func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		check(t, agents[0], agents[1])
	}
}

var contentRows = []row{
	{"CNT-1 self has addresses", pair(func(t testing.TB, a, b *Agent) {
		if n := b.Self().Addresses().Len(); n != 2 {
			t.Errorf("%d addresses", n)
		}
	})},
	{"CNT-2 self is authorized", pair(func(t testing.TB, a, b *Agent) {
		if !b.Self().MachineAuthorized() {
			t.Error("it is not")
		}
	})},
	{"CNT-3 a relay map", pair(func(t testing.TB, a, b *Agent) {
		if m := b.Map().DERPMap; m == nil || len(m.Regions) == 0 {
			t.Errorf("the relay map is %v", m)
		}
	})},
	{"CNT-4 the region of the settings", pair(func(t testing.TB, a, b *Agent) {
		m := b.Map().DERPMap
		if m == nil || m.Regions[900] == nil || m.Regions[900].RegionCode != regionCode ||
			len(m.Regions[900].Nodes) == 0 {
			t.Errorf("region 900 is missing or wrong in %v", m)
		}
	})},
	{"CNT-5 peers have addresses", pair(func(t testing.TB, a, b *Agent) {
		if n := b.Peer(a).Addresses().Len(); n != 2 {
			t.Errorf("%d addresses", n)
		}
	})},
	{"CNT-6 peers have AllowedIPs", pair(func(t testing.TB, a, b *Agent) {
		if n := b.Peer(a).AllowedIPs().Len(); n != 2 {
			t.Errorf("%d prefixes", n)
		}
	})},
	{"CNT-7 peers are known to be online", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		b := m.Join(AgentOptions{}) // only its first map tells it of the other
		a.AwaitOnline(meshLimit, b)
		b.AwaitOnline(meshLimit, a)
	}},
	{"CNT-8 peers' host names", pair(func(t testing.TB, a, b *Agent) {
		if got := b.Peer(a).Hostinfo().Hostname(); got != a.Name {
			t.Errorf("%s is called %q", a.Name, got)
		}
	})},
	{"CNT-9 the peer count grows up to two", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := []*Agent{m.Join(AgentOptions{})}
		for range 2 {
			agents = append(agents, m.Join(AgentOptions{}))
			m.awaitMesh(agents...)
		}
		before := 0
		for _, seen := range agents[0].History() {
			if n := len(seen.Map.Peers); n < before || n > 2 {
				t.Errorf("%d peers after %d", n, before)
			} else {
				before = n
			}
		}
	}},
	{"CNT-10 one node key over the history", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.JoinMesh(3)[0]
		m.RenameTo(a, "heron") // its own entry comes again
		a.AwaitSelf(10*time.Second, "is renamed", isNamed("heron"))
		for _, seen := range a.History() {
			if seen.Map.SelfNode.Key() != a.NodeKey() {
				t.Errorf("the key is %v, not %v", seen.Map.SelfNode.Key(), a.NodeKey())
			}
		}
	}},
	{"CNT-11 the domain", pair(func(t testing.TB, a, b *Agent) {
		if got := b.Map().Domain; got != baseDomain {
			t.Errorf("it is %q", got)
		}
	})},
	{"CNT-12 the own profile", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a, b := m.Join(AgentOptions{}), m.Join(AgentOptions{User: "bob"})
		mustHaveProfile(t, a.Map(), a.Self(), "alice")
		mustHaveProfile(t, b.Map(), b.Self(), "bob")
	}},
	{"CNT-13 no peer has a zero node key", pair(func(t testing.TB, a, b *Agent) {
		if got := b.Peer(a).Key(); got.IsZero() || got != a.NodeKey() {
			t.Errorf("the key is %v, not %v", got, a.NodeKey())
		}
	})},
	{"CNT-14 a new endpoint reaches the peer", pair(func(t testing.TB, a, b *Agent) {
		want := netip.MustParseAddrPort("192.0.2.7:4242")
		a.Move("127.0.0.1:41641", want.String())
		b.AwaitPeer(10*time.Second, a, "has the endpoint", func(n tailcfg.NodeView) bool {
			for _, endpoint := range n.Endpoints().All() {
				if endpoint == want {
					return true
				}
			}
			return false
		})
	})},
}
