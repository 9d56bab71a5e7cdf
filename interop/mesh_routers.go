// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

const (
	subnet      = "10.10.0.0/24"
	probeEvery  = 2 * time.Second
	probeAnswer = 1500 * time.Millisecond // a busy machine is slow to answer, too
	// settleLimit is enough for two cycles of probes and the end of a grace period.
	settleLimit = 20 * time.Second
	unhealthy   = "fairlead_routers_unhealthy"
)

// newRouterMesh is a mesh that often asks routers whether they are there.
func newRouterMesh(t testing.TB, every, answer time.Duration) *Mesh {
	t.Helper()
	return newMesh(t, MeshOptions{ShortTimers: true, Config: probes(every, answer)})
}

func probes(every, answer time.Duration) Config {
	return Config{"node.routes.ha.probe_interval": every.String(),
		"node.routes.ha.probe_timeout": answer.String()}
}

// JoinRouter joins an agent with ears and approves what it announces.
func (m *Mesh) JoinRouter(name string, routes ...string) *Agent {
	m.t.Helper()
	a := m.JoinEars(AgentOptions{Name: name, Routes: routes})
	m.Approve(a, routes...)
	return a
}

// JoinEars joins an agent that can be deaf.
func (m *Mesh) JoinEars(o AgentOptions) *Agent {
	m.t.Helper()
	a := m.New(o)
	a.ears = &ears{}
	a.Login()
	a.Open()
	a.AwaitMap()
	return a
}

// carriers are those to whom the server gives a subnet; more than one is wrong.
func carriers(records []Node, prefix string) (names []string) {
	for _, n := range records {
		if slices.Contains(n.SubnetRoutes, prefix) {
			names = append(names, n.Name)
		}
	}
	return names
}

// AwaitCarrier waits until the server gives a subnet to this agent alone; nil is nobody.
func (m *Mesh) AwaitCarrier(limit time.Duration, prefix string, a *Agent) {
	m.t.Helper()
	var want []string
	if a != nil {
		want = []string{a.Name}
	}
	eventually(m.t, limit, prefix+" is carried", func() error {
		if got := carriers(m.Records(), prefix); !slices.Equal(got, want) {
			return fmt.Errorf("by %v, not %v", got, want)
		}
		return nil
	})
}

// MustCarry fails unless the server gives a subnet to this agent alone now.
func (m *Mesh) MustCarry(prefix string, a *Agent) {
	m.t.Helper()
	if got := carriers(m.Records(), prefix); !slices.Equal(got, []string{a.Name}) {
		m.t.Errorf("%s is carried by %v, not by %s", prefix, got, a.Name)
	}
}

// Probes is how many probes of routers have ended so far, with these results or any.
func (m *Mesh) Probes(results ...string) float64 {
	m.t.Helper()
	if len(results) == 0 {
		results = []string{"answered", "failed", "deferred"}
	}
	var names []string
	for _, result := range results {
		names = append(names, fmt.Sprintf("fairlead_router_probes_total{result=%q}", result))
	}
	sum, err := m.Metric(names...)
	if err != nil {
		m.t.Fatal(err)
	}
	return sum
}

// AwaitProbes waits until so many more probes have ended.
func (m *Mesh) AwaitProbes(more int) {
	m.t.Helper()
	m.awaitProbes(m.Probes() + float64(more))
}

// awaitProbes waits until so many probes have ended with these results.
func (m *Mesh) awaitProbes(want float64, results ...string) {
	m.t.Helper()
	eventually(m.t, settleLimit, fmt.Sprint(want, " probes"), func() error {
		if got := m.Probes(results...); got < want {
			return fmt.Errorf("%v have ended", got)
		}
		return nil
	})
}

// AwaitUnhealthy waits until the server counts so many routers as unhealthy.
func (m *Mesh) AwaitUnhealthy(limit time.Duration, want int) {
	m.t.Helper()
	m.AwaitMetric(limit, unhealthy, float64(want))
}

// MustBeUnhealthy fails unless the server counts so many routers as unhealthy now.
func (m *Mesh) MustBeUnhealthy(want int) {
	m.t.Helper()
	if got, err := m.Metric(unhealthy); err != nil || got != float64(want) {
		m.t.Errorf("%v routers are unhealthy, not %d: %v", got, want, err)
	}
}

// Sicken makes a router deaf and waits until the server marks it, and no other but those
// that were deaf before.
func (m *Mesh) Sicken(a *Agent) {
	m.t.Helper()
	a.Deafen(true)
	deaf := 0
	for _, other := range m.agents {
		if other.ears != nil && other.IsDeaf() {
			deaf++
		}
	}
	m.AwaitUnhealthy(settleLimit, deaf)
}

// AwaitHeard waits until an agent with ears got a ping after those of `seen` (a length of
// Heard) and gives the first.
func (a *Agent) AwaitHeard(seen int) string {
	a.t.Helper()
	eventually(a.t, settleLimit, a.Name+" hears a ping", func() error {
		if n := len(a.Heard()); n == seen {
			return fmt.Errorf("%d so far", n)
		}
		return nil
	})
	return a.Heard()[seen]
}

// carries tells whether a peer is the primary router of a subnet.
func carries(prefix string) func(tailcfg.NodeView) bool {
	want := netip.MustParsePrefix(prefix)
	return func(n tailcfg.NodeView) bool {
		return slices.Contains(n.PrimaryRoutes().AsSlice(), want) &&
			slices.Contains(n.AllowedIPs().AsSlice(), want)
	}
}

// readAll gives the status and the text of an answer.
func readAll(res *http.Response) (int, string, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(body), err
}
