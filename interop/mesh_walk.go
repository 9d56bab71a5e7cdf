// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The elections of a walk are quick, because it has many steps.
const (
	walkProbeEvery  = time.Second
	walkProbeAnswer = 900 * time.Millisecond
)

var walkSubnets = []string{"10.10.0.0/24", "10.20.0.0/24"}

type step int

const (
	stepLeave step = iota
	stepReturn
	stepAnnounce
	stepProbe
)

// walk is three routers of the same subnets in a random sequence of steps. A router that
// returns or changes what it announces hears; a probe step makes one deaf or lets it hear
// again and waits until its probes have told so. Between steps the deaf candidates are the
// unhealthy ones.
type walk struct {
	*Mesh
	routers []*Agent
	viewer  *Agent
	here    map[*Agent]bool
	idle    map[*Agent]bool // announces nothing
	step    step
	before  *Agent // the primary before the step
	records []Node // after it
}

func newWalk(t testing.TB) *walk {
	w := &walk{Mesh: newRouterMesh(t, walkProbeEvery, walkProbeAnswer),
		here: map[*Agent]bool{}, idle: map[*Agent]bool{}}
	for i := range 3 {
		a := w.JoinRouter(fmt.Sprint("router-", i+1), walkSubnets...)
		w.routers = append(w.routers, a)
		w.here[a] = true
	}
	w.viewer = w.Join(AgentOptions{Name: "viewer"})
	w.read()
	return w
}

// take takes a step that can be taken and tells what it was.
func (w *walk) take(dice *rand.Rand) string {
	w.before = w.primary()
	for {
		a := w.routers[dice.IntN(len(w.routers))]
		w.step = min(step(dice.IntN(int(stepProbe)+2)), stepProbe) // more often
		switch {
		case w.step == stepLeave && w.here[a]:
			w.leave(a)
			return a.Name + " leaves"
		case w.step == stepReturn && !w.here[a]:
			w.comeBack(a)
			return a.Name + " returns"
		case w.step == stepAnnounce && w.here[a]:
			w.announce(a)
			return fmt.Sprintf("%s idle: %v", a.Name, w.idle[a])
		case w.step == stepProbe && w.candidate(a) && len(w.candidates()) > 1:
			a.Deafen(!a.IsDeaf())
			w.settle()
			return fmt.Sprintf("%s deaf: %v", a.Name, a.IsDeaf())
		}
	}
}

func (w *walk) leave(a *Agent) {
	a.Leave()
	w.here[a] = false
	w.AwaitRecord(meshLimit, a, "is offline", func(n Node) bool { return !n.Online })
	w.settle()
}

// announce lets a router withdraw its routes, or announce them again.
func (w *walk) announce(a *Agent) {
	a.Deafen(false)
	w.idle[a] = !w.idle[a]
	if w.idle[a] {
		a.Announce()
	} else {
		a.Announce(walkSubnets...)
	}
	w.settle()
}

func (w *walk) comeBack(a *Agent) {
	a.Deafen(false)
	a.Open()
	a.AwaitMap()
	w.here[a] = true
	w.AwaitRecord(meshLimit, a, "is online", func(n Node) bool { return n.Online })
	w.settle()
}

// settle waits until the server knows of each candidate whether it hears.
func (w *walk) settle() {
	sick := 0
	for _, a := range w.candidates() {
		if a.IsDeaf() {
			sick++
		}
	}
	w.AwaitUnhealthy(settleLimit, w.heal(sick))
	w.read()
}

// heal mends what a router that was too slow with an answer left behind, and tells how many are
// sick then. One that is left alone is not asked any more (HA-3, HA-4): a mark it has would stay,
// so it connects again; a mark it lacks, since the slow one was counted in its place, would not
// come, so it hears again.
func (w *walk) heal(sick int) int {
	alone := w.candidates()
	marked, err := w.Metric(unhealthy)
	if len(alone) != 1 || err != nil {
		return sick
	}
	if sick == 0 && marked > 0 {
		alone[0].Reconnect()
		alone[0].AwaitMap()
	}
	if sick == 1 && marked == 0 {
		alone[0].Deafen(false)
		return 0
	}
	return sick
}

func (w *walk) read() { w.records = w.Records() }

func (w *walk) candidate(a *Agent) bool { return w.here[a] && !w.idle[a] }

func (w *walk) candidates() []*Agent {
	return slices.DeleteFunc(slices.Clone(w.routers), func(a *Agent) bool { return !w.candidate(a) })
}

func (w *walk) healthy(a *Agent) bool { return w.candidate(a) && !a.IsDeaf() }

// record is what the last read told of a router.
func (w *walk) record(a *Agent) Node {
	for _, n := range w.records {
		if n.Name == a.Name {
			return n
		}
	}
	return Node{}
}

// primary is the router to whom the last read gives the first subnet, nil for nobody.
func (w *walk) primary() *Agent {
	for _, a := range w.routers {
		if slices.Contains(w.record(a).SubnetRoutes, walkSubnets[0]) {
			return a
		}
	}
	return nil
}

// elect is HA-1 as it is written; the routers stand in the order of their ids.
func (w *walk) elect() *Agent {
	if w.before != nil && w.healthy(w.before) {
		return w.before
	}
	for _, a := range w.routers {
		if w.healthy(a) {
			return a
		}
	}
	if w.before != nil && w.candidate(w.before) {
		return w.before
	}
	return nil
}

func nameOf(a *Agent) string {
	if a == nil {
		return "nobody"
	}
	return a.Name
}
