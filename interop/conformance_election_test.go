// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var electionRows = []row{
	{"HAP-1 the primary is online", walkWith(func(w *walk) error {
		if a := w.primary(); a != nil && !w.record(a).Online {
			return fmt.Errorf("%s is offline", a.Name)
		}
		return nil
	})},
	{"HAP-2 it serves the subnet", walkWith(func(w *walk) error {
		a := w.primary()
		if a == nil && slices.ContainsFunc(w.routers, w.healthy) {
			return errors.New("nobody does, and there is a healthy candidate")
		} else if a == nil {
			return nil
		}
		n := w.record(a)
		for _, prefix := range walkSubnets {
			if !slices.Contains(n.AvailableRoutes, prefix) ||
				!slices.Contains(n.ApprovedRoutes, prefix) {
				return fmt.Errorf("%s serves no %s: %+v", a.Name, prefix, n)
			}
		}
		return nil
	})},
	{"HAP-3 two reads agree", walkWith(func(w *walk) error {
		again := w.Records()
		for _, prefix := range walkSubnets {
			one, two := carriers(w.records, prefix), carriers(again, prefix)
			if !slices.Equal(one, two) {
				return fmt.Errorf("%s is carried by %v, then by %v", prefix, one, two)
			}
		}
		return nil
	})},
	{"HAP-4 one owner, and every index agrees", walkWith(oneOwner)},
	{"HAP-5 a cycle moves no healthy primary", walkWith(func(w *walk) error {
		if w.step != stepProbe || w.before == nil || !w.healthy(w.before) {
			return nil
		}
		if a := w.primary(); a != w.before {
			return fmt.Errorf("it moved from %v to %v", w.before.Name, nameOf(a))
		}
		return nil
	})},
	{"HAP-6 who is elected", walkWith(func(w *walk) error {
		if got, want := w.primary(), w.elect(); got != want {
			return fmt.Errorf("%s was elected, not %s", nameOf(got), nameOf(want))
		}
		return nil
	})},
	{"HAP-7 the first probe of a session marks nobody", firstProbe},
}

func walkWith(check func(*walk) error) func(testing.TB) {
	return func(t testing.TB) {
		seed := rand.Uint64()
		dice := rand.New(rand.NewPCG(seed, 0))
		w := newWalk(t)
		var done []string
		for range 15 + dice.IntN(21) {
			done = append(done, w.take(dice))
			if err := check(w); err != nil {
				t.Fatalf("seed %d, after %v: %v", seed, done, err)
			}
		}
	}
}

// oneOwner compares the records with each other and with the map of the viewer.
func oneOwner(w *walk) error {
	first := carriers(w.records, walkSubnets[0])
	for _, prefix := range walkSubnets {
		got := carriers(w.records, prefix)
		if len(got) > 1 || !slices.Equal(got, first) {
			return fmt.Errorf("%s is carried by %v, %s by %v", walkSubnets[0], first, prefix, got)
		}
	}
	return poll(meshLimit, func() error {
		for _, a := range w.routers {
			for _, prefix := range walkSubnets {
				want := slices.Contains(first, a.Name)
				if peer := w.viewer.Peer(a); !peer.Valid() || carries(prefix)(peer) != want {
					return fmt.Errorf("%v carry %s, the viewer has %s as %s", first, prefix, a.Name,
						describe(peer.AsStruct()))
				}
			}
		}
		return nil
	})
}

// firstProbe: a router comes back deaf. Its first probe says nothing, the second does. Who
// looks too late has nothing to judge.
func firstProbe(t testing.TB) {
	m := newRouterMesh(t, probeEvery, probeAnswer)
	first := m.JoinRouter("first", subnet)
	m.JoinRouter("second", subnet)
	m.AwaitProbes(4)
	judged := 0
	for range 3 {
		first.Leave()
		first.Deafen(true)
		seen := len(first.Heard())
		first.Open()
		first.AwaitHeard(seen)
		m.AwaitProbes(2)
		marked, err := m.Metric(unhealthy)
		if len(first.Heard()) == seen+1 {
			judged++
			if err != nil || marked != 0 {
				t.Errorf("after its first probe %v are unhealthy, %v", marked, err)
			}
		}
		m.AwaitUnhealthy(settleLimit, 1)
		first.Deafen(false)
	}
	if judged == 0 {
		t.Error("no first probe was seen in time")
	}
}
