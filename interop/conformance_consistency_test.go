// SPDX-License-Identifier: BSD-3-Clause

package interop

import "testing"

var consistencyRows = []row{
	{"CON-1 five nodes converge", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		m.awaitSame(m.JoinMesh(5)...)
	}},
	{"CON-2 self carries the host name", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		a := m.Join(AgentOptions{Name: "heron"})
		if got := a.Self().Hostinfo().Hostname(); got != "heron" {
			t.Errorf("the host name is %q", got)
		}
	}},
	{"CON-3 every client has an update", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		for _, a := range m.JoinMesh(3) {
			if len(a.History()) == 0 {
				t.Errorf("%s has none", a.Name)
			}
		}
	}},
	{"CON-4 a late joiner is seen and sees", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(3)
		late := m.Join(AgentOptions{})
		late.AwaitPeers(agents...)
		for _, a := range agents {
			a.AwaitPeers(late)
		}
	}},
	{"CON-5 two leave while three join", func(t testing.TB) {
		m := newMesh(t, MeshOptions{})
		agents := m.JoinMesh(5)
		joiners := m.NewMany(3)
		together(agents[0].Leave, joiners[0].start, joiners[1].start, agents[1].Leave,
			joiners[2].start)
		present := append(joiners, agents[2:]...)
		m.awaitMesh(present...)
		awaitOnlineMesh(t, meshLimit, present...)
	}},
}
