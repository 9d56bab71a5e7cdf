// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tailscale.com/tailcfg"
)

// call is an API call that has to succeed. It may be made beside others, so it
// complains and goes on.
func (m *Mesh) call(method, path string, body, out any) {
	m.t.Helper()
	if err := m.API(method, path, body, out); err != nil {
		m.t.Errorf("admin: %v", err)
	}
}

// user gives a user and makes it when it is new; the caller holds mu.
func (m *Mesh) user(name string) User {
	m.t.Helper()
	u, ok := m.users[name]
	if !ok {
		m.call("POST", "/api/v1/user", map[string]any{"name": name}, &u)
		m.users[name] = u
	}
	return u
}

// User gives a user and makes it when it is new.
func (m *Mesh) User(name string) User {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.user(name)
}

func nodeID(text string) tailcfg.NodeID {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return tailcfg.NodeID(id)
}

func nodePath(a *Agent, rest string) string {
	return fmt.Sprintf("/api/v1/node/%d%s", a.ID(), rest)
}

// Record is what the server tells of an agent.
func (m *Mesh) Record(a *Agent) (n Node) {
	m.t.Helper()
	m.call("GET", nodePath(a, ""), nil, &n)
	return n
}

// Records is what the server tells of all nodes.
func (m *Mesh) Records() (nodes []Node) {
	m.t.Helper()
	m.call("GET", "/api/v1/node", nil, &nodes)
	return nodes
}

// AwaitRecord waits until the server's record of an agent passes.
func (m *Mesh) AwaitRecord(limit time.Duration, a *Agent, what string, check func(Node) bool) {
	m.t.Helper()
	eventually(m.t, limit, a.Name+" "+what, func() error {
		var n Node
		err := m.API("GET", nodePath(a, ""), nil, &n)
		if err == nil && !check(n) {
			err = fmt.Errorf("the record is %+v", n)
		}
		return err
	})
}

// AwaitNoRecord waits until the server has no node of that id.
func (m *Mesh) AwaitNoRecord(limit time.Duration, id tailcfg.NodeID) {
	m.t.Helper()
	eventually(m.t, limit, fmt.Sprintf("node %d is deleted", id), func() error {
		for _, n := range m.Records() {
			if nodeID(n.ID) == id {
				return fmt.Errorf("the record is %+v", n)
			}
		}
		return nil
	})
}

// Approve replaces the approved routes of an agent.
func (m *Mesh) Approve(a *Agent, routes ...string) {
	m.t.Helper()
	body := map[string]any{"routes": append([]string{}, routes...)}
	m.call("POST", nodePath(a, "/approve_routes"), body, nil)
}

// RenameTo gives an agent another name.
func (m *Mesh) RenameTo(a *Agent, name string) {
	m.t.Helper()
	m.call("POST", nodePath(a, "/rename/"+name), nil, nil)
}

// Remove deletes an agent's node.
func (m *Mesh) Remove(a *Agent) {
	m.t.Helper()
	m.call("DELETE", nodePath(a, ""), nil, nil)
}

// ExpireNow lets an agent's key expire.
func (m *Mesh) ExpireNow(a *Agent) {
	m.t.Helper()
	m.call("POST", nodePath(a, "/expire"), map[string]any{}, nil)
}

// SetPolicy sets the policy; "" is none.
func (m *Mesh) SetPolicy(text string) {
	m.t.Helper()
	m.call("PUT", "/api/v1/policy", map[string]any{"policy": text}, nil)
}

// Debug reads a page of /debug, as JSON.
func (m *Mesh) Debug(page string, out any) error {
	res, err := m.http.Get("http://" + m.metrics + "/debug/" + page)
	if err != nil {
		return err
	}
	status, body, err := readAll(res)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("/debug/%s: %s: %s", page, res.Status, body)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(body), out)
}

// mapSession is a map session as /debug/batcher tells it.
type mapSession struct {
	Generation uint64 `json:"generation"`
	State      string `json:"state"`
}

// Sessions are the map sessions of an agent's node that the server knows.
func (m *Mesh) Sessions(a *Agent) ([]mapSession, error) {
	var page struct {
		Sessions []mapSession `json:"sessions"`
	}
	err := m.Debug("batcher?node="+a.number(), &page)
	return page.Sessions, err
}

// Metric reads numbers of /metrics, by name with labels, all at one moment, and gives their sum.
func (m *Mesh) Metric(names ...string) (sum float64, err error) {
	res, err := m.http.Get("http://" + m.metrics + "/metrics")
	if err != nil {
		return 0, err
	}
	status, page, err := readAll(res)
	if err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("/metrics: %d, %v", status, err)
	}
	for _, name := range names {
		_, rest, found := strings.Cut("\n"+page, "\n"+name+" ")
		text, _, _ := strings.Cut(rest, "\n")
		value, err := strconv.ParseFloat(text, 64)
		if !found || err != nil {
			return 0, fmt.Errorf("/metrics has no %s, or as %q", name, text)
		}
		sum += value
	}
	return sum, nil
}

// AwaitMetric waits until a number of /metrics has a value.
func (m *Mesh) AwaitMetric(limit time.Duration, name string, want float64) {
	m.t.Helper()
	eventually(m.t, limit, name, func() error {
		got, err := m.Metric(name)
		if err == nil && got != want {
			err = fmt.Errorf("it is %v, not %v", got, want)
		}
		return err
	})
}
