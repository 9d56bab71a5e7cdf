// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// MeshOptions say how the server of a mesh is set up; the zero value has the
// usual waits: grace 10 s.
type MeshOptions struct {
	ShortTimers bool          // debug.short_timers: grace 1 s, short scans
	Ephemeral   time.Duration // default 30 s; needs ShortTimers
	Config      Config        // added to the configuration, wins
}

// Mesh is a server with agents on it.
type Mesh struct {
	*Server
	t       testing.TB
	metrics string // address of /metrics

	mu     sync.Mutex
	users  map[string]User
	keys   map[string]string
	agents []*Agent
}

// newMesh starts a server without relay, with sequential addresses and its
// policy in the database.
func newMesh(t testing.TB, o MeshOptions) *Mesh {
	t.Helper()
	m := &Mesh{t: t, metrics: fmt.Sprintf("127.0.0.1:%d", freePort(t)),
		users: map[string]User{}, keys: map[string]string{}}
	config := Config{"prefixes.allocation": "sequential", "policy.mode": "database",
		"metrics_listen_addr": m.metrics}
	if o.ShortTimers {
		config["debug.short_timers"] = true
		config["node.ephemeral.inactivity_timeout"] = cmp.Or(o.Ephemeral, 30*time.Second).String()
	}
	maps.Copy(config, o.Config)
	m.Server = startServer(t, ServerOptions{Config: config})
	return m
}

// Join makes an agent, registers it, opens its session and waits for its map.
func (m *Mesh) Join(o AgentOptions) *Agent {
	m.t.Helper()
	a := m.Launch(o)
	a.AwaitMap()
	return a
}

// Launch makes an agent, registers it and opens its session.
func (m *Mesh) Launch(o AgentOptions) *Agent {
	m.t.Helper()
	a := m.New(o)
	a.start()
	return a
}

// New makes an agent that is not registered yet.
func (m *Mesh) New(o AgentOptions) *Agent {
	m.t.Helper()
	o.User, o.OS = cmp.Or(o.User, "alice"), cmp.Or(o.OS, "linux")
	key := m.AuthKey(o)
	m.mu.Lock()
	defer m.mu.Unlock()
	o.Name = cmp.Or(o.Name, fmt.Sprintf("node-%d", len(m.agents)+1))
	a := newAgent(m.t, m.URL, key, o)
	m.agents = append(m.agents, a)
	return a
}

// JoinMany joins n ordinary agents, all at once, and waits for their maps.
func (m *Mesh) JoinMany(n int) []*Agent {
	m.t.Helper()
	agents := m.NewMany(n)
	each(agents, func(_ int, a *Agent) { a.start() })
	for _, a := range agents {
		a.AwaitMap()
	}
	return agents
}

// NewMany makes n ordinary agents that are not registered yet.
func (m *Mesh) NewMany(n int) []*Agent {
	m.t.Helper()
	agents := make([]*Agent, n)
	for i := range agents {
		agents[i] = m.New(AgentOptions{})
	}
	return agents
}

// JoinMesh is JoinMany and a complete mesh.
func (m *Mesh) JoinMesh(n int) []*Agent {
	m.t.Helper()
	agents := m.JoinMany(n)
	awaitMesh(m.t, meshLimit, agents...)
	return agents
}

// JoinSettled is JoinMesh with no frame on its way: all know each other as online.
func (m *Mesh) JoinSettled(n int) []*Agent {
	m.t.Helper()
	agents := m.JoinMany(n)
	m.awaitSame(agents...)
	return agents
}

// together does things at once and waits for all.
func together(tasks ...func()) {
	var all sync.WaitGroup
	for _, task := range tasks {
		all.Go(task)
	}
	all.Wait()
}

// each does a thing with all agents at once and waits for all.
func each(agents []*Agent, do func(int, *Agent)) {
	var all sync.WaitGroup
	for i, a := range agents {
		all.Go(func() { do(i, a) })
	}
	all.Wait()
}

// others is the list without one agent.
func others(agents []*Agent, but *Agent) []*Agent {
	return slices.DeleteFunc(slices.Clone(agents), func(a *Agent) bool { return a == but })
}

// AuthKey is a reusable key for agents of that owner and kind.
func (m *Mesh) AuthKey(o AgentOptions) string {
	m.t.Helper()
	kind := fmt.Sprint(strings.Join(o.Tags, ","), " ", o.Ephemeral)
	if len(o.Tags) == 0 {
		kind = o.User + kind
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[kind] == "" {
		body := map[string]any{"reusable": true, "ephemeral": o.Ephemeral,
			"expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
		if len(o.Tags) > 0 {
			body["aclTags"] = o.Tags
		} else {
			body["user"] = m.user(o.User).ID
		}
		var key Key
		m.call("POST", "/api/v1/preauthkey", body, &key)
		m.keys[kind] = key.Key
	}
	return m.keys[kind]
}
