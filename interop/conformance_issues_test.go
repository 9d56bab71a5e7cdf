// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/netmap"
)

var issuesRows = []row{
	{"ISS-1 peers' status is known", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		awaitOnlineMesh(t, 10*time.Second, m.JoinMesh(3)...)
	}},
	{"ISS-2 peers' disco keys", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		agents[1].AwaitPeer(10*time.Second, agents[0], "has its disco key",
			func(n tailcfg.NodeView) bool { return n.DiscoKey() == agents[0].disco })
	}},
	{"ISS-3 peers' home relays", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a, elsewhere := m.Join(AgentOptions{}), m.New(AgentOptions{})
		elsewhere.hostinfo.NetInfo.PreferredDERP = 7 // not in the relay map
		elsewhere.start()
		m.awaitMesh(a, elsewhere)
		if got := elsewhere.Peer(a).HomeDERP(); got != 900 {
			t.Errorf("%s lives in region %d", a.Name, got)
		}
		if got := a.Peer(elsewhere).HomeDERP(); got != 0 {
			t.Errorf("%s lives in region %d, which is not in the map", elsewhere.Name, got)
		}
	}},
	{"ISS-4 profiles of self and of another user", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a, b := m.Join(AgentOptions{}), m.Join(AgentOptions{User: "bob"})
		m.awaitMesh(a, b)
		mustHaveProfile(t, a.Map(), a.Self(), "alice")
		mustHaveProfile(t, a.Map(), a.Peer(b), "bob")
		mustHaveProfile(t, b.Map(), b.Peer(a), "alice")
	}},
	{"ISS-5 a revealed node brings its profile", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.User("alice")
		m.User("bob")
		m.SetPolicy(allowOwn)
		a, b := m.Join(AgentOptions{}), m.Join(AgentOptions{User: "bob"})
		if a.Peer(b).Valid() {
			t.Fatal("bob is seen before")
		}
		m.SetPolicy(allowAll)
		m.awaitMesh(a, b)
		for _, seen := range a.History() {
			if peer := peerIn(seen.Map, b); peer.Valid() {
				mustHaveProfile(t, seen.Map, peer, "bob")
			}
		}
	}},
	{"ISS-6 an unannounced route does not arrive", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		m.Approve(agents[0], "10.1.0.0/24")
		if got := m.Record(agents[0]).ApprovedRoutes; !slices.Equal(got, []string{"10.1.0.0/24"}) {
			t.Errorf("approved are %v", got)
		}
		holds(t, 3*time.Second, "no route", func() error {
			if allows("10.1.0.0/24")(agents[1].Peer(agents[0])) {
				return errors.New("it is there")
			}
			return nil
		})
		agents[0].Announce("10.1.0.0/24")
		agents[1].AwaitPeer(10*time.Second, agents[0], "has the route", allows("10.1.0.0/24"))
	}},
	{"ISS-7 an approval updates the router", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		router := m.Join(AgentOptions{Routes: []string{"10.1.0.0/24"}})
		m.Approve(router, "10.1.0.0/24")
		router.AwaitSelf(10*time.Second, "has its route", allows("10.1.0.0/24"))
	}},
	{"ISS-8 announced routes are stored", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		want := []string{"10.1.0.0/24", "192.168.7.0/24"}
		router := m.Join(AgentOptions{Routes: want})
		m.AwaitRecord(10*time.Second, router, "has its routes", func(n Node) bool {
			return slices.Equal(n.AvailableRoutes, want) && len(n.ApprovedRoutes) == 0
		})
	}},
	{"ISS-9 ten nodes, distinct addresses", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		taken := map[netip.Prefix]string{}
		for _, a := range m.JoinMesh(10) {
			for _, address := range a.Self().Addresses().All() {
				if taken[address] != "" {
					t.Errorf("%s and %s have %v", taken[address], a.Name, address)
				}
				taken[address] = a.Name
			}
		}
		if len(taken) != 20 {
			t.Errorf("%d addresses", len(taken))
		}
	}},
	{"ISS-10 addresses stay over a reconnect", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		before := a.Self().Addresses().AsSlice()
		a.Reconnect()
		a.AwaitMap()
		if after := a.Self().Addresses().AsSlice(); !slices.Equal(before, after) {
			t.Errorf("%v became %v", before, after)
		}
	}},
	{"ISS-11 a new peer has addresses at once", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		b := m.Join(AgentOptions{})
		m.awaitMesh(a, b)
		for _, seen := range a.History() {
			if peer := peerIn(seen.Map, b); peer.Valid() && peer.Addresses().Len() != 2 {
				t.Errorf("it is first seen with %v", peer.Addresses().AsSlice())
			}
		}
	}},
	{"ISS-12 a rename is visible", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		m.RenameTo(agents[0], "heron")
		agents[1].AwaitPeer(10*time.Second, agents[0], "is renamed", isNamed("heron"))
	}},
	{"ISS-13 a deletion is visible", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(4)
		m.Remove(agents[0])
		for _, a := range agents[1:] {
			a.AwaitGone(10*time.Second, agents[0])
		}
	}},
	{"ISS-14 another system is visible", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		agents[0].ChangeHostinfo(func(h *tailcfg.Hostinfo) { h.OS = "plan9" })
		agents[1].AwaitPeer(10*time.Second, agents[0], "has another system", hasOS("plan9"))
	}},
	{"ISS-15 approvals are stored", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		router := m.Join(AgentOptions{Routes: []string{"10.1.0.0/24", "10.2.0.0/24"}})
		m.Approve(router, "10.1.0.0/24", "10.2.0.0/24")
		m.Approve(router, "10.2.0.0/24")
		before := m.Record(router)
		m.restart()
		after := m.Record(router)
		if !slices.Equal(before.ApprovedRoutes, after.ApprovedRoutes) ||
			!slices.Equal(after.ApprovedRoutes, []string{"10.2.0.0/24"}) {
			t.Errorf("%v became %v", before.ApprovedRoutes, after.ApprovedRoutes)
		}
	}},
	{"ISS-16 online after five quick reconnects", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		for range 5 {
			a.Reconnect()
		}
		a.AwaitMap()
		m.AwaitRecord(time.Second, a, "is online", isOnline)
	}},
	{"ISS-17 the offline notice comes in time", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		agents[1].AwaitOnline(meshLimit, agents[0])
		left := time.Now()
		agents[0].Leave()
		agents[1].AwaitOffline(meshLimit, agents[0])
		if after := time.Since(left); after <= 8*time.Second || after >= 20*time.Second {
			t.Errorf("it came after %v", after)
		}
	}},
	{"ISS-18 an ephemeral node is deleted", func(t testing.TB) {
		m := newMesh(t, MeshOptions{ShortTimers: true, Ephemeral: 3 * time.Second})
		a := m.Join(AgentOptions{Ephemeral: true})
		a.Leave()
		m.AwaitNoRecord(meshLimit, a.ID())
	}},
	{"ISS-19 ten connect at once", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.JoinMesh(10)
	}},
	{"ISS-20 five quick joins", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		first := m.Join(AgentOptions{})
		first.AwaitPeers(m.JoinMany(5)...)
	}},
	{"ISS-21 a reconnect gives a whole map at once", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(4)
		before := len(agents[0].History())
		agents[0].Reconnect()
		agents[0].AwaitMap()
		first := agents[0].History()[before].Map
		if err := sees(agents[1:]...)(first); err != nil || first.DERPMap == nil {
			t.Errorf("the first map: %v, relays %v", err, first.DERPMap)
		}
	}},
	{"ISS-22 users see each other", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.awaitMesh(m.Join(AgentOptions{}), m.Join(AgentOptions{User: "bob"}))
	}},
	{"ISS-23 three nodes of a user, distinct ids", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		ids := map[tailcfg.NodeID]bool{}
		for _, a := range m.JoinMesh(3) {
			ids[a.ID()] = true
		}
		if len(ids) != 3 || ids[0] {
			t.Errorf("the ids are %v", ids)
		}
	}},
	{"ISS-24 one host name, distinct names", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		names := map[string]bool{}
		for range 3 {
			names[m.Join(AgentOptions{Name: "twin"}).Self().Name()] = true
		}
		if len(names) != 3 {
			t.Errorf("the names are %v", names)
		}
	}},
	{"ISS-25 a policy changes while a node connects", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		b := m.New(AgentOptions{})
		together(b.start, func() { m.SetPolicy(allowSSH) })
		m.awaitMesh(a, b)
		a.Await(10*time.Second, "the filter", opensPort(22))
		b.Await(10*time.Second, "the filter", opensPort(22))
	}},
}

func mustHaveProfile(t testing.TB, m *netmap.NetworkMap, of tailcfg.NodeView, want string) {
	t.Helper()
	profile, ok := m.UserProfiles[of.User()]
	if !ok || profile.DisplayName() != want {
		t.Errorf("the profile of user %v is %v", of.User(), profile)
	}
}

// isNamed passes when the node's name begins with this label.
func isNamed(label string) func(tailcfg.NodeView) bool {
	return func(n tailcfg.NodeView) bool {
		return n.Name() == fmt.Sprintf("%s.%s.", label, baseDomain)
	}
}

func hasOS(os string) func(tailcfg.NodeView) bool {
	return func(n tailcfg.NodeView) bool { return n.Hostinfo().OS() == os }
}

func isOnline(n Node) bool { return n.Online }

// restart cuts the server's power and starts it on what it has stored.
func (m *Mesh) restart() {
	m.t.Helper()
	m.Kill()
	m.Start(m.t)
}
