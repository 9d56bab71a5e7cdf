// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

var raceRows = []row{
	{"RAC-1 ten session replacements", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		for range 10 {
			agents[0].Replace()
		}
		awaitOnlineMesh(t, meshLimit, agents...)
	}},
	{"RAC-2 two of three reconnect together", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		for range 5 {
			each(agents[:2], func(_ int, a *Agent) { a.Reconnect() })
		}
		m.awaitSame(agents...)
	}},
	{"RAC-3 renames, approvals and policies at once", adminStorm},
	{"RAC-4 a deletion during a policy write", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		together(func() { m.SetPolicy(allowAll) }, func() { m.Remove(agents[0]) })
		for _, a := range agents[1:] {
			a.AwaitGone(10*time.Second, agents[0])
		}
		m.awaitMesh(agents[1:]...)
	}},
	{"RAC-5 six hostinfo updates at once", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(6)
		each(agents, func(i int, a *Agent) {
			a.ChangeHostinfo(func(h *tailcfg.Hostinfo) { h.OS = fmt.Sprint("os-", i) })
		})
		for _, a := range agents {
			for i, other := range agents {
				if other != a {
					a.AwaitPeer(15*time.Second, other, "has its new system",
						hasOS(fmt.Sprint("os-", i)))
				}
			}
		}
	}},
	{"RAC-6 a join during another's grace", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		agents[0].Leave()
		joiner := m.Join(AgentOptions{})
		m.awaitMesh(agents[1], joiner)
		joiner.AwaitOnline(time.Second, agents[0])
		joiner.AwaitOffline(meshLimit, agents[0])
	}},
	{"RAC-7 half of four leave, two join", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents, joiners := m.JoinMesh(4), m.NewMany(2)
		together(agents[0].Leave, agents[1].Leave, joiners[0].start, joiners[1].start)
		m.awaitSame(append(joiners, agents[2:]...)...)
	}},
	{"RAC-8 eight quick connects", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		var agents []*Agent
		for range 8 {
			agents = append(agents, m.Launch(AgentOptions{}))
		}
		m.awaitMesh(agents...)
	}},
	{"RAC-9 five connect and leave, one stays", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		first := m.Join(AgentOptions{})
		for range 5 {
			m.Launch(AgentOptions{}).Leave()
		}
		m.awaitMesh(first, m.Join(AgentOptions{}))
	}},
	{"RAC-10 an approval during a connect", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		router := m.Join(AgentOptions{Routes: []string{"10.1.0.0/24"}})
		joiner := m.New(AgentOptions{})
		together(func() { m.Approve(router, "10.1.0.0/24") }, joiner.start)
		m.awaitMesh(router, joiner)
		joiner.AwaitPeer(10*time.Second, router, "has the route", allows("10.1.0.0/24"))
	}},
	{"RAC-11 a leave during a storm of joins", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		leaver, agents := m.Join(AgentOptions{}), m.NewMany(5)
		tasks := []func(){leaver.Leave}
		for _, a := range agents {
			tasks = append(tasks, a.start)
		}
		together(tasks...)
		late := m.Join(AgentOptions{})
		late.AwaitPeers(agents...)
	}},
	{"RAC-12 an update and a leave at once", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		agents[0].ChangeHostinfo(func(h *tailcfg.Hostinfo) { h.OS = "plan9" })
		agents[0].Leave()
		m.awaitSame(agents[1:]...)
		agents[1].AwaitPeer(10*time.Second, agents[0], "has another system", hasOS("plan9"))
	}},
	{"RAC-13 readers during reconnects", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		m.whileRead(func() {
			for range 10 {
				each(agents, func(_ int, a *Agent) { a.Reconnect() })
			}
		})
		if n := len(m.Records()); n != 3 {
			t.Errorf("%d nodes are left", n)
		}
		m.awaitSame(agents...)
	}},
	{"RAC-14 lists during churn", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.Join(AgentOptions{})
		m.whileRead(func() {
			for range 10 {
				a := m.Join(AgentOptions{})
				m.Remove(a)
				a.Leave()
			}
		})
		if n := len(m.Records()); n != 1 {
			t.Errorf("%d nodes are left", n)
		}
	}},
}

// whileRead does a thing while four readers list the nodes.
func (m *Mesh) whileRead(do func()) {
	m.t.Helper()
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					m.Records()
				}
			}
		})
	}
	do()
	close(done)
	readers.Wait()
}

// adminStorm lets three kinds of changes run against each other; what comes
// last must still arrive.
func adminStorm(t testing.TB) {
	m := newMesh(t, MeshOptions{})
	router := m.Join(AgentOptions{Routes: []string{"10.1.0.0/24", "10.2.0.0/24"}})
	a := m.Join(AgentOptions{})
	m.awaitMesh(router, a)
	repeat := func(do func(int)) func() {
		return func() {
			for i := range 5 {
				do(i)
			}
		}
	}
	routes := []string{"10.1.0.0/24", "10.2.0.0/24"}
	together(
		repeat(func(i int) { m.RenameTo(router, fmt.Sprint("name-", i)) }),
		repeat(func(i int) { m.Approve(router, routes[i%2]) }),
		repeat(func(i int) { m.SetPolicy([]string{allowSSH, allowAll}[i%2]) }))
	a.AwaitPeer(10*time.Second, router, "is as it was made last", func(n tailcfg.NodeView) bool {
		return isNamed("name-4")(n) && allows(routes[0])(n) && !allows(routes[1])(n)
	})
	a.Await(10*time.Second, "the last policy", opensPort(22))
	m.SetPolicy(allowAll)
	a.Await(10*time.Second, "another policy", opensPort(0))
	if got := m.Record(router).ApprovedRoutes; !slices.Equal(got, routes[:1]) {
		t.Errorf("approved are %v", got)
	}
}
