// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var lifecycleRows = []row{
	{"LIF-1 a single node has no peers", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		if a := m.Join(AgentOptions{}); len(a.Map().Peers) != 0 {
			t.Errorf("%d peers", len(a.Map().Peers))
		}
	}},
	{"LIF-2 a fourth node joins three", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		agents = append(agents, m.Join(AgentOptions{}))
		awaitMesh(t, 10*time.Second, agents...)
		mustBeSymmetric(t, agents...)
	}},
	{"LIF-3 a leaver goes offline and stays listed", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		watcher, leaver := agents[0], agents[2]
		watcher.AwaitOnline(meshLimit, leaver)
		leaver.Leave()
		watcher.AwaitOffline(meshLimit, leaver)
		watcher.awaitCount(time.Second, 2)
	}},
	{"LIF-4 leave and return", func(t testing.TB) {
		m := newMesh(t, MeshOptions{ShortTimers: true})
		agents := m.JoinMesh(3)
		agents[1].Leave()
		agents[0].AwaitOffline(meshLimit, agents[1])
		agents[1].Open()
		awaitOnlineMesh(t, meshLimit, agents...)
	}},
	{"LIF-5 a second session beside the first", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		agents[1].Open()
		m.awaitSame(agents...)
	}},
	{"LIF-6 sequential joins of 2", sequentialJoins(2)},
	{"LIF-6 sequential joins of 5", sequentialJoins(5)},
	{"LIF-6 sequential joins of 10", sequentialJoins(10)},
	{"LIF-7 all log out and in again, 4 rounds", func(t testing.TB) {
		rounds(t, (*Agent).start)
	}},
	{"LIF-8 the same with restarted polls", func(t testing.TB) {
		rounds(t, func(a *Agent) {
			a.start()
			for range 1 + rand.IntN(2) {
				time.Sleep(rand.N(400 * time.Millisecond))
				a.Reconnect()
			}
		})
	}},
}

func mustBeSymmetric(t testing.TB, agents ...*Agent) {
	t.Helper()
	if err := symmetric(agents...); err != nil {
		t.Error(err)
	}
}

func sequentialJoins(n int) func(testing.TB) {
	return func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := make([]*Agent, n)
		for i := range agents {
			agents[i] = m.Join(AgentOptions{})
		}
		m.awaitMesh(agents...)
		mustBeSymmetric(t, agents...)
	}
}

// rounds lets 12 agents log out and, each a little later than it likes, come
// back as told.
func rounds(t testing.TB, back func(*Agent)) {
	m := newMesh(t, MeshOptions{ShortTimers: true})
	agents := m.JoinMesh(12)
	for range 4 {
		each(agents, func(_ int, a *Agent) { a.Logout() })
		eventually(t, meshLimit, "all expired and offline", func() error {
			records := m.Records()
			for _, n := range records {
				if n.Online || !keyExpired(n) {
					return fmt.Errorf("%+v", n)
				}
			}
			if len(records) != len(agents) {
				return fmt.Errorf("%d records", len(records))
			}
			return nil
		})
		each(agents, func(_ int, a *Agent) {
			time.Sleep(rand.N(500 * time.Millisecond))
			back(a)
		})
		awaitOnlineMesh(t, meshLimit, agents...)
	}
}

func keyExpired(n Node) bool {
	at, err := time.Parse(time.RFC3339, n.Expiry)
	return err == nil && !at.After(time.Now())
}
