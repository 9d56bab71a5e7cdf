// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tailscale.com/types/netmap"
)

const (
	allowAll = `{"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}]}`
	allowSSH = `{"acls":[{"action":"accept","src":["*"],"dst":["*:22"]}]}`
	allowWeb = `{"acls":[{"action":"accept","src":["*"],"dst":["*:80,443"]}]}`
	// Each user's nodes see only each other.
	allowOwn = `{"acls":[{"action":"accept","src":["alice@"],"dst":["alice@:*"]},
		{"action":"accept","src":["bob@"],"dst":["bob@:*"]}]}`
)

var policyRows = []row{
	{"POL-A without a policy all see all", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.JoinMesh(3)
	}},
	{"POL-B allow-all gives an update", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.changePolicy(m.JoinSettled(2), allowAll, hasMap)
	}},
	{"POL-C with allow-all a filter", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.changePolicy(m.JoinSettled(2), allowAll, hasFilter)
	}},
	{"POL-D a change reaches every node", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(5)
		m.changePolicy(agents, allowSSH, opensPort(22))
	}},
	{"POL-E two writes, two updates", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		m.changePolicy(agents, allowSSH, opensPort(22))
		m.changePolicy(agents, allowWeb, opensPort(443))
	}},
	{"POL-F three users make a mesh", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		var agents []*Agent
		for _, user := range []string{"alice", "bob", "carol"} {
			agents = append(agents, m.Join(AgentOptions{User: user}))
		}
		m.awaitMesh(agents...)
	}},
	{"POL-G a rule to an IPv6 host", ruleToIPv6},
}

// hasFilter passes when the map lets something in.
func hasFilter(m *netmap.NetworkMap) error {
	if len(m.PacketFilter) == 0 {
		return errors.New("the filter is empty")
	}
	return nil
}

// opensPort passes when some rule is about exactly this port or begins there.
func opensPort(port uint16) mapCheck {
	return func(m *netmap.NetworkMap) error {
		for _, rule := range m.PacketFilterRules.All() {
			for _, dst := range rule.DstPorts {
				if dst.Ports.First == port {
					return nil
				}
			}
		}
		return fmt.Errorf("no rule is about port %d", port)
	}
}

// changePolicy sets a policy and waits until each agent has a new map that passes.
func (m *Mesh) changePolicy(agents []*Agent, text string, check mapCheck) {
	m.t.Helper()
	seen := make([]int, len(agents))
	for i, a := range agents {
		seen[i] = len(a.History())
	}
	m.SetPolicy(text)
	for i, a := range agents {
		a.AwaitNext(10*time.Second, seen[i], "the policy arrives", check)
	}
}

// address is the agent's address of one family.
func (a *Agent) address(v6 bool) netip.Addr {
	for _, prefix := range a.Self().Addresses().All() {
		if prefix.Addr().Is6() == v6 {
			return prefix.Addr()
		}
	}
	return netip.Addr{}
}

func ruleToIPv6(t testing.TB) {
	m := newMesh(t, MeshOptions{})
	agents := m.JoinMesh(3)
	target := agents[1]
	want := target.address(true).String()
	m.SetPolicy(fmt.Sprintf(`{"hosts":{"six":"%s"},
		"acls":[{"action":"accept","src":["*"],"dst":["six:443"]}]}`, want+"/128"))
	target.Await(10*time.Second, "has the rule", opensPort(443))
	for _, dst := range destinations(target) {
		if strings.TrimSuffix(dst, "/128") != want {
			t.Errorf("the filter names %s", dst)
		}
	}
	for _, a := range others(agents, target) {
		a.Await(10*time.Second, "has the policy", func(nm *netmap.NetworkMap) error {
			if nm.PacketFilterRules.Len() != 0 {
				return fmt.Errorf("its filter names %v", destinations(a))
			}
			return nil
		})
	}
}

// destinations are the addresses that the agent's filter names.
func destinations(a *Agent) (out []string) {
	for _, rule := range a.Map().PacketFilterRules.All() {
		for _, dst := range rule.DstPorts {
			out = append(out, dst.IP)
		}
	}
	return out
}
