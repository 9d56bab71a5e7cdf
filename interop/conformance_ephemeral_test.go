// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"testing"
	"time"
)

var ephemeralRows = []row{
	{"EPH-A an ephemeral node sees peers", func(t testing.TB) {
		m := newMesh(t, MeshOptions{ShortTimers: true})
		a, brief := m.Join(AgentOptions{}), m.Join(AgentOptions{Ephemeral: true})
		m.awaitSame(a, brief)
	}},
	{"EPH-B it is gone after grace and timeout", func(t testing.TB) {
		m := newMesh(t, MeshOptions{ShortTimers: true, Ephemeral: 3 * time.Second})
		a, brief := m.Join(AgentOptions{}), m.Join(AgentOptions{Ephemeral: true})
		m.awaitMesh(a, brief)
		left := time.Now()
		brief.Leave()
		a.AwaitGone(time.Minute, brief)
		// The grace of short timers is 1 s; clocks of loops may be some milliseconds old.
		if after := time.Since(left); after < 3900*time.Millisecond {
			t.Errorf("gone after %v", after)
		}
	}},
	{"EPH-C two regular ones and an ephemeral one", func(t testing.TB) {
		m := newMesh(t, MeshOptions{ShortTimers: true})
		m.awaitMesh(append(m.JoinMesh(2), m.Join(AgentOptions{Ephemeral: true}))...)
	}},
	{"EPH-D a quick return prevents removal", func(t testing.TB) {
		m := newMesh(t, MeshOptions{ShortTimers: true, Ephemeral: 5 * time.Second})
		a, brief := m.Join(AgentOptions{}), m.Join(AgentOptions{Ephemeral: true})
		m.awaitMesh(a, brief)
		brief.Leave()
		a.AwaitOffline(meshLimit, brief)
		brief.Open()
		a.AwaitOnline(meshLimit, brief)
		holds(t, 8*time.Second, "the ephemeral node stays", func() error {
			return sees(brief)(a.Map())
		})
	}},
}
