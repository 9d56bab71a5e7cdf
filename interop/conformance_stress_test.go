// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

var stressRows = []row{
	{"STR-1 a watcher never sees offline", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		awaitOnlineMesh(t, meshLimit, agents...)
		since := time.Now()
		for range 10 {
			agents[0].Reconnect()
			agents[0].AwaitMap()
		}
		holds(t, 12*time.Second, "online at the watcher", func() error {
			return agents[1].neverOffline(agents[0], since)
		})
	}},
	{"STR-2 a node is deleted while it polls", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		m.Remove(agents[0])
		agents[1].awaitCount(10*time.Second, 0)
	}},
	{"STR-3 three of six leave", func(t testing.TB) {
		m := newMesh(t, MeshOptions{ShortTimers: true})
		agents := m.JoinMesh(6)
		each(agents[:3], func(_ int, a *Agent) { a.Leave() })
		for _, leaver := range agents[:3] {
			agents[5].AwaitOffline(meshLimit, leaver)
		}
		awaitOnlineMesh(t, meshLimit, agents[3:]...)
	}},
	{"STR-4 ten route replacements", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		var routes []string
		for i := range 10 {
			routes = append(routes, fmt.Sprintf("10.%d.0.0/24", i+1))
		}
		a, router := m.Join(AgentOptions{}), m.Join(AgentOptions{Routes: routes})
		for _, route := range routes {
			m.Approve(router, route)
		}
		if got := m.Record(router).ApprovedRoutes; !slices.Equal(got, routes[9:]) {
			t.Errorf("approved are %v", got)
		}
		a.AwaitPeer(10*time.Second, router, "has the last route", func(n tailcfg.NodeView) bool {
			return n.AllowedIPs().Len() == 3 && allows(routes[9])(n)
		})
	}},
	{"STR-5 five renames", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		for i := range 5 {
			m.RenameTo(agents[0], fmt.Sprint("name-", i))
		}
		for _, a := range agents[1:] {
			a.AwaitPeer(10*time.Second, agents[0], "has the last name", isNamed("name-4"))
		}
		agents[0].AwaitSelf(10*time.Second, "has the last name", isNamed("name-4"))
		if got := m.Record(agents[0]).GivenName; got != "name-4" {
			t.Errorf("the server has %q", got)
		}
	}},
	{"STR-6 five identical policies", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.JoinSettled(2)[0]
		seen := len(a.History())
		for range 5 {
			m.SetPolicy(allowAll)
		}
		a.AwaitNext(10*time.Second, seen, "an update", hasMap)
	}},
	{"STR-7 own addresses are those that peers see", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.awaitSame(m.JoinMesh(5)...)
	}},
	{"STR-8 nobody is expired", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		for _, a := range m.JoinMesh(3) {
			for _, n := range append([]tailcfg.NodeView{a.Self()}, a.Map().Peers...) {
				if n.Expired() || !n.KeyExpiry().IsZero() {
					t.Errorf("%s sees %s expire at %v", a.Name, n.Name(), n.KeyExpiry())
				}
			}
		}
	}},
	{"STR-9 self is authorized, after a reconnect too", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{})
		a.Reconnect()
		a.AwaitMap()
		for _, seen := range a.History() {
			if !seen.Map.SelfNode.MachineAuthorized() {
				t.Errorf("session %d: it is not", seen.Session)
			}
		}
	}},
	{"STR-10 ids agree", asRecorded(func(n Node, a *Agent) bool {
		return nodeID(n.ID) == a.ID() && n.Name == a.Name
	})},
	{"STR-11 a hostinfo update reaches four peers", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(5)
		agents[0].ChangeHostinfo(func(h *tailcfg.Hostinfo) { h.OS = "plan9" })
		for _, a := range agents[1:] {
			a.AwaitPeer(15*time.Second, agents[0], "has another system", hasOS("plan9"))
		}
	}},
	{"STR-12 machine keys agree", asRecorded(func(n Node, a *Agent) bool {
		return n.MachineKey == a.Machine().String()
	})},
	{"STR-13 node keys agree", asRecorded(func(n Node, a *Agent) bool {
		return n.NodeKey == a.NodeKey().String() && a.Self().Key() == a.NodeKey()
	})},
	{"STR-14 five are replaced one by one", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(5)
		for i := range agents {
			agents[i].Leave()
			agents[i] = m.Join(AgentOptions{})
		}
		m.awaitMesh(agents...)
		mustBeSymmetric(t, agents...)
	}},
	{"STR-15 growth to eight", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		var agents []*Agent
		for i := range 8 {
			agents = append(agents, m.Join(AgentOptions{}))
			for _, a := range agents {
				a.awaitCount(10*time.Second, i)
			}
		}
	}},
	{"STR-16 ten returns, the observer keeps it", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		before := len(agents[1].History())
		for range 10 {
			agents[0].Leave()
			agents[0].Open()
			agents[0].AwaitMap()
		}
		for _, seen := range agents[1].History()[before:] {
			if !peerIn(seen.Map, agents[0]).Valid() {
				t.Error("the observer lost it")
			}
		}
		awaitOnlineMesh(t, meshLimit, agents...)
	}},
	{"STR-17 all of four reconnect at once", allReconnect(4)},
	{"STR-17 all of six reconnect at once", allReconnect(6)},
}

// asRecorded is a row that compares the server's record of each of three agents
// with what that agent knows.
func asRecorded(same func(Node, *Agent) bool) func(testing.TB) {
	return func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		for _, a := range m.JoinMesh(3) {
			if n := m.Record(a); !same(n, a) {
				t.Errorf("the record of %s, %v, is %+v", a.Name, a.NodeKey(), n)
			}
		}
	}
}

func allReconnect(n int) func(testing.TB) {
	return func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(n)
		each(agents, func(_ int, a *Agent) { a.Reconnect() })
		m.awaitSame(agents...)
		for _, a := range agents {
			a.awaitCount(time.Second, n-1)
		}
	}
}
