// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/types/netmap"
	"tailscale.com/types/persist"
)

// AgentOptions say who an agent is; the zero value is an ordinary node of alice.
type AgentOptions struct {
	Name      string   // host name, default node-N
	User      string   // owner, default alice; made when it is new
	Tags      []string // owned by tags instead of a user
	Ephemeral bool
	Routes    []string // announced
	OS        string   // default linux
}

// Agent is a node without a data plane on the control client that stock nodes
// have. It folds the frames of its sessions as they do and keeps every map.
//
// What an agent is told to do may go wrong in the middle of a race; it then
// complains to the test and goes on.
type Agent struct {
	Name    string
	t       testing.TB
	url     string
	authKey string
	machine key.MachinePrivate
	ears    *ears // nil: it answers pings as stock nodes do

	mu        sync.Mutex
	disco     key.DiscoPublic
	hostinfo  *tailcfg.Hostinfo
	endpoints []tailcfg.Endpoint
	persist   persist.PersistView
	sessions  []*agentSession // open ones, newest last
	spare     *agentLine      // of the last session that ended, for the next
	opened    int             // sessions so far
	current   *netmap.NetworkMap
	history   []Seen
	changed   chan struct{} // closed and replaced at every map
	id        tailcfg.NodeID
	ended     error // of the newest session, when it ended unasked
}

// Seen is one map that an agent got.
type Seen struct {
	At      time.Time
	Session int // 1 for the first
	Map     *netmap.NetworkMap
}

func newAgent(t testing.TB, url, authKey string, o AgentOptions) *Agent {
	a := &Agent{Name: o.Name, t: t, url: url, authKey: authKey, machine: key.NewMachine(),
		disco: key.NewDisco().Public(), persist: new(persist.Persist).View(),
		changed: make(chan struct{})}
	a.hostinfo = &tailcfg.Hostinfo{Hostname: o.Name, OS: o.OS, IPNVersion: "1.102.5",
		BackendLogID: strings.Repeat("ab", 32), RoutableIPs: prefixes(o.Routes...),
		NetInfo: &tailcfg.NetInfo{PreferredDERP: 900, WorkingUDP: "true"}}
	a.endpoints = endpointsOf("127.0.0.1:41641")
	t.Cleanup(a.hangUp)
	return a
}

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func endpointsOf(texts ...string) []tailcfg.Endpoint {
	var out []tailcfg.Endpoint
	for _, text := range texts {
		out = append(out, tailcfg.Endpoint{Addr: netip.MustParseAddrPort(text),
			Type: tailcfg.EndpointLocal})
	}
	return out
}

func (a *Agent) complain(what string, err error) {
	a.t.Errorf("%s: %s: %v", a.Name, what, err)
}

// Login registers, with a new node key when the agent has none or lost its own.
func (a *Agent) Login() {
	if err := a.onLine((*agentLine).login); err != nil {
		a.complain("login", err)
	}
}

// Logout logs out and closes all sessions, as stock nodes do.
func (a *Agent) Logout() {
	if err := a.onLine((*agentLine).logout); err != nil {
		a.complain("logout", err)
	}
	a.Leave()
}

func (a *Agent) newest() *agentSession {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.sessions) == 0 {
		return nil
	}
	return a.sessions[len(a.sessions)-1]
}

// ChangeHostinfo changes what the agent says of itself, and says it at once if
// it has a session.
func (a *Agent) ChangeHostinfo(change func(*tailcfg.Hostinfo)) {
	a.mu.Lock()
	hostinfo := a.hostinfo.Clone()
	change(hostinfo)
	a.hostinfo = hostinfo
	a.mu.Unlock()
	a.tell()
}

// Announce replaces the announced routes.
func (a *Agent) Announce(routes ...string) {
	a.ChangeHostinfo(func(h *tailcfg.Hostinfo) { h.RoutableIPs = prefixes(routes...) })
}

// Move replaces the endpoints.
func (a *Agent) Move(endpoints ...string) {
	a.mu.Lock()
	a.endpoints = endpointsOf(endpoints...)
	a.mu.Unlock()
	a.tell()
}

// tell sends a lite update beside the newest session.
func (a *Agent) tell() {
	s := a.newest()
	if s == nil {
		return
	}
	if err := s.line.update(); err != nil {
		a.complain("update", err)
	}
}

// ID is the agent's node id, 0 before its first map.
func (a *Agent) ID() tailcfg.NodeID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.id
}

// Machine is the agent's machine key, NodeKey its node key.
func (a *Agent) Machine() key.MachinePublic { return a.machine.Public() }

func (a *Agent) NodeKey() key.NodePublic {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.persist.PublicNodeKey()
}

// Map is the newest map of the newest session, nil before it came.
func (a *Agent) Map() *netmap.NetworkMap {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current
}

// History is every map so far, in order.
func (a *Agent) History() []Seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.history)
}

// Self is the agent's own entry, invalid before the first map.
func (a *Agent) Self() tailcfg.NodeView {
	if m := a.Map(); m != nil {
		return m.SelfNode
	}
	return tailcfg.NodeView{}
}

// Peer is the entry of another agent, invalid when it is not in the map.
func (a *Agent) Peer(other *Agent) tailcfg.NodeView { return peerIn(a.Map(), other) }

func peerIn(m *netmap.NetworkMap, other *Agent) tailcfg.NodeView {
	if m == nil {
		return tailcfg.NodeView{}
	}
	id := other.ID()
	for _, peer := range m.Peers {
		if peer.ID() == id {
			return peer
		}
	}
	return tailcfg.NodeView{}
}
