// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

var pollRaceRows = []row{
	{"PRC-1 online right after a reconnect", afterReconnect(0)},
	{"PRC-2 online 2 s later", afterReconnect(2 * time.Second)},
	{"PRC-3 online 12 s later", afterReconnect(12 * time.Second)},
	{"PRC-4 the peer shows it online 3 s later", func(t testing.TB) {
		_, a, b := reconnected(t)
		b.AwaitOnline(time.Second, a)
		holds(t, 3*time.Second, "online at the peer", func() error { return seenOnline(b, a) })
	}},
	{"PRC-5 its session is the one that is left", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		before := m.mustHaveOneSession(agents[0])
		agents[0].Reconnect()
		agents[0].AwaitMap()
		if now := m.mustHaveOneSession(agents[0]); now <= before {
			t.Errorf("its generation is %d, after %d", now, before)
		}
		agents[1].AwaitOnline(time.Second, agents[0])
	}},
	{"PRC-6 no offline in the peer's history", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(2)
		awaitOnlineMesh(t, meshLimit, agents...)
		since := time.Now()
		agents[0].Leave()
		m.AwaitMetric(meshLimit, "fairlead_sessions", 1) // the server has noticed
		agents[0].Open()
		holds(t, 12*time.Second, "online at the peer", func() error {
			return agents[1].neverOffline(agents[0], since)
		})
	}},
	{"PRC-7 one of four reconnects five times", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(4)
		since := time.Now()
		for range 5 {
			agents[0].Reconnect()
			agents[0].AwaitMap()
		}
		m.awaitSame(agents...)
		for _, a := range agents {
			for _, seen := range a.History() {
				if n := len(seen.Map.Peers); seen.At.After(since) && n != 3 {
					t.Errorf("%s had %d peers", a.Name, n)
				}
			}
		}
	}},
	{"PRC-8 an approval while disconnected", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		router := m.Join(AgentOptions{Routes: []string{"10.1.0.0/24"}})
		router.Leave()
		m.Approve(router, "10.1.0.0/24")
		router.Open()
		router.AwaitSelf(10*time.Second, "has its route", allows("10.1.0.0/24"))
		seen := len(router.History())
		m.Approve(router)
		router.AwaitNext(10*time.Second, seen, "a self update", hasMap)
		router.AwaitSelf(10*time.Second, "has lost its route", not(allows("10.1.0.0/24")))
	}},
}

var connectRaceRows = []row{
	{"CRC-1 a hundred old ends against new beginnings", func(t testing.TB) {
		const route = "10.1.0.0/24"
		m := newMesh(t, MeshOptions{})
		router, a := m.router(route), m.Join(AgentOptions{})
		a.AwaitPeer(meshLimit, router, "is primary", isPrimary(route))
		since := time.Now()
		for range 100 {
			router.Open()
			router.CloseOld()
			router.AwaitMap()
		}
		// What an old session may have left undone comes within its grace.
		holds(t, 12*time.Second, "online at the peer", func() error {
			return a.neverOffline(router, since)
		})
		for _, seen := range a.History() {
			if n := peerIn(seen.Map, router); seen.At.After(since) && !isPrimary(route)(n) {
				t.Errorf("the primary routes were %v", n.PrimaryRoutes())
			}
		}
		if !m.Record(router).Online {
			t.Error("the server has it offline")
		}
	}},
}

// reconnected is a mesh of two of which the first has just reconnected.
func reconnected(t testing.TB) (*Mesh, *Agent, *Agent) {
	t.Helper()
	m := newMesh(t, MeshOptions{})
	agents := m.JoinMesh(2)
	agents[0].Reconnect()
	agents[0].AwaitMap()
	return m, agents[0], agents[1]
}

// mustHaveOneSession waits until the dispatcher serves an agent over one session, with none
// that leaves, and gives its generation.
func (m *Mesh) mustHaveOneSession(a *Agent) (generation uint64) {
	m.t.Helper()
	eventually(m.t, time.Second, a.Name+" has one session", func() error {
		sessions, err := m.Sessions(a)
		if err == nil && (len(sessions) != 1 || sessions[0].State != "open") {
			err = fmt.Errorf("it has %+v", sessions)
		}
		if err == nil {
			generation = sessions[0].Generation
		}
		return err
	})
	return generation
}

// afterReconnect wants a node online on the server all the while.
func afterReconnect(lapse time.Duration) func(testing.TB) {
	return func(t testing.TB) {
		m, a, _ := reconnected(t)
		holds(t, max(lapse, time.Millisecond), "online on the server", func() error {
			if n := m.Record(a); !n.Online {
				return fmt.Errorf("%+v", n)
			}
			return nil
		})
	}
}

func seenOnline(viewer, a *Agent) error {
	if !online(viewer.Peer(a)) {
		return errors.New("it is not")
	}
	return nil
}
