// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

var healthRows = []row{
	{"HAH-1 answered probes keep the primary", twoRouters(func(p *routerPair) {
		p.AwaitProbes(4)
		p.MustCarry(subnet, p.first)
		p.MustBeUnhealthy(0)
	})},
	{"HAH-2 a mark moves the subnet", twoRouters(func(p *routerPair) {
		p.Sicken(p.first)
		p.AwaitCarrier(settleLimit, subnet, p.second)
	})},
	{"HAH-3 recovery leaves it moved", twoRouters(func(p *routerPair) {
		p.Sicken(p.first)
		p.first.Deafen(false)
		p.AwaitUnhealthy(settleLimit, 0)
		p.AwaitProbes(4)
		p.MustCarry(subnet, p.second)
	})},
	{"HAH-4 a reconnect clears the mark", twoRouters(func(p *routerPair) {
		p.Sicken(p.first)
		p.first.Reconnect() // deaf: no answer to a probe clears it
		p.AwaitUnhealthy(settleLimit, 0)
	})},
	{"HAH-5 an empty approval list clears it", twoRouters(func(p *routerPair) {
		p.Sicken(p.first)
		p.Approve(p.first)
		p.AwaitUnhealthy(meshLimit, 0)
		p.Approve(p.first, subnet)
		p.MustBeUnhealthy(0)
	})},
	{"HAH-6 a disconnect clears it", twoRouters(func(p *routerPair) {
		p.Sicken(p.first)
		p.first.Leave()
		p.AwaitUnhealthy(15*time.Second, 0)
	})},
	{"HAH-7 a node without routes is not marked", twoRouters(markWithoutRoutes)},
	{"HAH-8 a reconnect during a cycle", twoRouters(reconnectInCycle)},
	{"HAH-9 without a shared subnet nothing is sent", unsharedSubnets},
	{"HAD-1 a viewer sees a mark move the subnet", twoRouters(func(p *routerPair) {
		p.mustMove(func() { p.Sicken(p.first) })
	})},
	{"HAD-2 a viewer sees a revocation move it", twoRouters(func(p *routerPair) {
		p.mustMove(func() { p.Approve(p.first) })
	})},
	{"RTE-6 the second of two returns alone", secondReturns},
}

// routerPair is two routers of one subnet, which the first carries, and one who looks.
type routerPair struct {
	*Mesh
	first, second, viewer *Agent
}

func twoRouters(test func(*routerPair)) func(testing.TB) {
	return func(t testing.TB) {
		m := newRouterMesh(t, probeEvery, probeAnswer)
		p := &routerPair{Mesh: m, first: m.JoinRouter("first", subnet),
			second: m.JoinRouter("second", subnet),
			viewer: m.Join(AgentOptions{Name: "viewer"})}
		p.viewer.AwaitPeer(meshLimit, p.first, "carries", carries(subnet))
		p.MustCarry(subnet, p.first)
		test(p)
	}
}

// markWithoutRoutes: a probe goes unanswered whose router serves nothing by the time
// that it ends. Another without routes, as deaf, is not even asked.
func markWithoutRoutes(p *routerPair) {
	idle := p.JoinEars(AgentOptions{Name: "idle"})
	idle.Deafen(true)
	p.AwaitProbes(4)
	seen, silent := len(p.first.Heard()), p.Probes("failed", "deferred")
	p.first.Deafen(true)
	p.first.AwaitHeard(seen)
	p.first.Announce()
	p.awaitProbes(silent+1, "failed", "deferred") // none follows where nothing is shared
	p.MustBeUnhealthy(0)
	if n := len(idle.Heard()); n != 0 {
		p.t.Errorf("a node without routes was asked %d times", n)
	}
	for _, a := range []*Agent{p.first, idle} {
		if !p.Record(a).Online {
			p.t.Errorf("%s is offline", a.Name)
		}
	}
}

// reconnectInCycle: the session that was asked is gone before its time is over.
func reconnectInCycle(p *routerPair) {
	p.AwaitProbes(4)
	seen := len(p.viewer.History())
	heard := len(p.first.Heard())
	p.first.Deafen(true)
	p.first.AwaitHeard(heard)
	p.first.Reconnect()
	p.first.Deafen(false)
	p.AwaitProbes(2)
	p.MustBeUnhealthy(0)
	p.MustCarry(subnet, p.first)
	for _, s := range p.viewer.History()[seen:] {
		if peer := peerIn(s.Map, p.second); peer.Valid() && carries(subnet)(peer) {
			p.t.Error("the viewer saw the subnet move")
		}
	}
}

func unsharedSubnets(t testing.TB) {
	m := newRouterMesh(t, probeEvery, probeAnswer)
	agents := []*Agent{m.JoinRouter("first", "10.1.0.0/24"), m.JoinRouter("second", "10.2.0.0/24"),
		m.Join(AgentOptions{Name: "viewer"})}
	agents[2].AwaitPeer(meshLimit, agents[0], "carries", carries("10.1.0.0/24"))
	agents[2].AwaitPeer(meshLimit, agents[1], "carries", carries("10.2.0.0/24"))
	awaitOnlineMesh(t, meshLimit, agents...)
	before := frames(agents)
	holds(t, 3*probeEvery, "no frame", func() error {
		if n := frames(agents); n != before {
			return fmt.Errorf("%d more maps", n-before)
		}
		return nil
	})
	if n := len(agents[0].Heard()) + len(agents[1].Heard()); n != 0 || m.Probes() != 0 {
		t.Errorf("%d pings were heard, %v probes have ended", n, m.Probes())
	}
}

func frames(agents []*Agent) (n int) {
	for _, a := range agents {
		n += len(a.History())
	}
	return n
}

// mustMove does what takes the subnet from the first router and waits until the viewer
// has it at the second. No map on the way may have it twice.
func (p *routerPair) mustMove(cause func()) {
	p.t.Helper()
	seen := len(p.viewer.History())
	cause()
	p.viewer.AwaitPeer(settleLimit, p.second, "carries", carries(subnet))
	p.viewer.AwaitPeer(settleLimit, p.first, "does not", func(n tailcfg.NodeView) bool {
		return !carries(subnet)(n)
	})
	for _, s := range p.viewer.History()[seen:] {
		first, second := peerIn(s.Map, p.first), peerIn(s.Map, p.second)
		if first.Valid() && second.Valid() && carries(subnet)(first) && carries(subnet)(second) {
			p.t.Error("a map has the subnet twice")
		}
	}
}

func secondReturns(t testing.TB) {
	const limit = 20 * time.Second
	m := newMesh(t, MeshOptions{})
	first, second := m.JoinRouter("first", subnet), m.JoinRouter("second", subnet)
	viewer := m.Join(AgentOptions{Name: "viewer"})
	viewer.AwaitPeer(limit, first, "carries", carries(subnet))
	first.Leave()
	viewer.AwaitPeer(limit, second, "carries", carries(subnet))
	second.Leave()
	viewer.AwaitOffline(limit, second)
	m.AwaitCarrier(limit, subnet, nil)
	second.Open()
	m.AwaitCarrier(limit, subnet, second)
	viewer.AwaitPeer(limit, second, "is online and carries", func(n tailcfg.NodeView) bool {
		return online(n) && carries(subnet)(n)
	})
	viewer.AwaitPeer(limit, first, "is offline and does not", func(n tailcfg.NodeView) bool {
		return offline(n) && !carries(subnet)(n)
	})
}
