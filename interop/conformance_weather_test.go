// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"testing"
	"time"

	"tailscale.com/types/netmap"
)

var weatherRows = []row{
	{"WEA-1 ten immediate returns", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		for range 10 {
			agents[0].Reconnect()
		}
		awaitOnlineMesh(t, meshLimit, agents...)
	}},
	{"WEA-2 return after a second", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		agents[0].Leave()
		time.Sleep(time.Second)
		agents[0].Open()
		agents[0].AwaitPeers(agents[1])
		agents[1].AwaitOnline(meshLimit, agents[0])
	}},
	{"WEA-3 a clean leave", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		agents[1].AwaitOnline(meshLimit, agents[0])
		agents[0].Leave()
		agents[1].Await(meshLimit, "the leaver is offline or gone",
			func(nm *netmap.NetworkMap) error {
				if peer := peerIn(nm, agents[0]); peer.Valid() && !offline(peer) {
					return fmt.Errorf("its status is %v", peer.Online())
				}
				return nil
			})
	}},
	{"WEA-4 the middle one reconnects", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		agents[1].Reconnect()
		m.awaitSame(agents...)
	}},
	{"WEA-5 return at once", returnAfter(0)},
	{"WEA-5 return after 100 ms", returnAfter(100 * time.Millisecond)},
	{"WEA-5 return after 500 ms", returnAfter(500 * time.Millisecond)},
	{"WEA-5 return after 1 s", returnAfter(time.Second)},
	{"WEA-6 flaps leave nothing behind", flaps},
	{"WEA-7 a mesh of twenty", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.JoinMesh(20)
	}},
}

func returnAfter(pause time.Duration) func(testing.TB) {
	return func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		agents[1].Leave()
		time.Sleep(pause)
		agents[1].Open()
		m.awaitMesh(agents...)
		awaitOnlineMesh(t, meshLimit, agents...)
	}
}

// flaps counts what the server holds before 20 flaps, after them, and after
// all have left.
func flaps(t testing.TB) {
	m := newMesh(t, MeshOptions{ShortTimers: true})
	agents := m.JoinMesh(2)
	m.awaitLeft(2)
	files, err := m.Metric("process_open_fds")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		agents[0].Replace()
	}
	m.awaitMesh(agents...)
	agents[0].hangUpSpare()
	m.awaitLeft(2)
	m.awaitFiles(files)
	for _, a := range agents {
		a.hangUp()
	}
	m.awaitLeft(0)
}

// awaitFiles waits until the server has no more descriptors than before. It may have fewer: a
// connection of the harness itself may have been on its way out when they were counted.
func (m *Mesh) awaitFiles(before float64) {
	m.t.Helper()
	eventually(m.t, meshLimit, "descriptors", func() error {
		got, err := m.Metric("process_open_fds")
		if err == nil && got > before {
			err = fmt.Errorf("%v are open, %v were before", got, before)
		}
		return err
	})
}

// awaitLeft waits until the server holds so many nodes that are online, each with a session
// on a connection, and no timer of sessions that ended.
func (m *Mesh) awaitLeft(n float64) {
	m.t.Helper()
	for _, name := range []string{"fairlead_sessions", "fairlead_noise_connections",
		"fairlead_nodes_online"} {
		m.AwaitMetric(meshLimit, name, n)
	}
	m.AwaitMetric(meshLimit, "fairlead_sessions_leaving", 0)
}
