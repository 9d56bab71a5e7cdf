// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// shipCrossing is how one simultaneous dial went.
type shipCrossing struct {
	took     time.Duration // until there was one connection that stayed
	bigger   bool          // the peer's SKI
	replaced int           // how often the hub changed its connection
	crashes  int           // of the peer
}

// TestShipDouble lets both ends dial each other at the same moment, each time with a new peer. It
// must end with one connection, over which all payloads come, whatever rule either side follows;
// the same one at both ends.
func TestShipDouble(t *testing.T) {
	for _, name := range shipPeerNames(t) {
		for _, args := range shipPeerRules(name) {
			for _, rule := range []string{"auto", "recent", "initiator"} {
				title := strings.TrimSpace(strings.Join(append([]string{filepath.Base(name)}, args...), " "))
				t.Run(title+", hub "+rule, func(t *testing.T) {
					t.Parallel()
					needShipPeer(t, name)
					shipDouble(t, name, rule, args)
				})
			}
		}
	}
}

// shipPeerRules are the arguments to run a peer with: our own knows both rules.
func shipPeerRules(name string) [][]string {
	if name == "shipnode" {
		return [][]string{{"-rule", "initiator"}, {"-rule", "recent"}}
	}
	return [][]string{nil}
}

func shipDouble(t *testing.T, name, rule string, args []string) {
	workers, rounds := 2, int64(envInt("INTEROP_SHIP_DIALS", 6))
	if rounds > 100 {
		workers = 6 // they mostly wait
	}
	var begun atomic.Int64
	var mux sync.Mutex
	var all []shipCrossing
	var wait sync.WaitGroup
	for range workers {
		hub := newShipEnd(t, rule)
		wait.Go(func() {
			for begun.Add(1) <= rounds && !t.Failed() {
				c, err := cross(t, hub, name, args)
				mux.Lock()
				if err != nil {
					t.Errorf("after %d good ones: %v", len(all), err)
				} else {
					all = append(all, c)
				}
				mux.Unlock()
			}
		})
	}
	wait.Wait()
	if len(all) > 0 {
		t.Log(describeCrossings(all))
	}
}

func describeCrossings(all []shipCrossing) string {
	var took []time.Duration
	replaced, bigger, crashes := 0, 0, 0
	for _, c := range all {
		took = append(took, c.took)
		replaced += c.replaced
		crashes += c.crashes
		if c.bigger {
			bigger++
		}
	}
	slices.Sort(took)
	at := func(q float64) time.Duration {
		return took[min(len(took)-1, int(q*float64(len(took))))].Round(time.Millisecond)
	}
	return fmt.Sprintf("%d dials at once, %d with the peer's SKI bigger: one connection after "+
		"p50 %v p99 %v max %v; %d replacements, %d crashes of the peer", len(all), bigger, at(.5),
		at(.99), took[len(took)-1].Round(time.Millisecond), replaced, crashes)
}

func cross(t *testing.T, hub shipEnd, name string, args []string) (c shipCrossing, err error) {
	dir, _ := shipIdentity(t, true, "")
	peer := startShipPeer(t, name, dir, args...)
	defer func() {
		peer.Kill()
		hub.Untrust(peer.SKI())
	}()
	mark := hub.Log().Mark()
	hub.Trust(peer.SKI())
	peer.DialTo(hub.SKI(), hub.Port())
	began, err := dialBoth(hub, peer)
	if err != nil {
		return c, err
	}
	w := crossingWatch{t: t, hub: hub, peer: peer}
	err = poll(45*time.Second, w.look)
	if err != nil {
		return c, fmt.Errorf("no lasting connection of %.6s and %.6s: %w\nhub:\n%s%s:\n%s",
			hub.SKI(), peer.SKI(), err, hub.Log().Tail(15), name, peer.Log().Tail(15))
	}
	c.took = w.since.Sub(began)
	c.crashes = w.crashes
	c.bigger = peer.SKI() > hub.SKI()
	c.replaced = len(hub.Log().Since(mark, "replaced", peer.SKI()))
	return c, agreed(hub, peer.SKI(), mark)
}

// dialBoth makes both dial within a few milliseconds, either one first, and says when.
func dialBoth(hub shipEnd, peer *ShipPeer) (began time.Time, err error) {
	pause := func() { time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond) }
	if peer.Name() == "shipgo-b" { // it dials when it likes, within 3 s, and says so just before
		peer.Trust(hub.SKI())
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(200 * time.Microsecond) {
			if len(peer.Log().Since(0, "dial", hub.SKI())) > 0 {
				break
			}
			if time.Now().After(end) {
				return began, fmt.Errorf("it does not dial:\n%s", peer.Log().Tail(15))
			}
		}
		began = time.Now()
		pause()
		hub.DialTo(peer.SKI(), peer.Port())
		return began, err
	}
	began = time.Now()
	var both sync.WaitGroup
	both.Go(func() {
		pause()
		hub.DialTo(peer.SKI(), peer.Port())
	})
	both.Go(func() {
		pause()
		peer.Trust(hub.SKI())
	})
	both.Wait()
	return began, nil
}

// crossingWatch waits for one connection that carries payloads both ways and stays.
type crossingWatch struct {
	t        testing.TB
	hub      shipEnd
	peer     *ShipPeer
	opens    [2]int    // how often data began to flow, at the hub and at the peer
	since    time.Time // when these, and one connection, were first seen
	link     tcpLink   // that connection
	compared bool      // over it
	crashes  int       // of the peer, of the known kind
}

// calm is for how long nothing may have changed before payloads are sent.
const calm = 100 * time.Millisecond

func (w *crossingWatch) look() error {
	if w.peer.crashed() { // as a device that starts again
		w.crashes++
		w.peer.Restart()
		w.opens, w.since, w.compared = [2]int{}, time.Time{}, false
	}
	a, _ := w.hub.Got(w.peer.SKI())
	b, _ := w.peer.Got(w.hub.SKI())
	links := linksTo(w.hub.Port(), w.peer.Port())
	if opens := [2]int{a, b}; opens != w.opens {
		w.opens, w.since, w.compared = opens, time.Time{}, false
	}
	if len(links) != 1 || a == 0 || b == 0 {
		w.since = time.Time{}
		return fmt.Errorf("%d connections, %d and %d times opened", len(links), a, b)
	}
	if links[0] != w.link {
		w.link, w.since, w.compared = links[0], time.Time{}, false
	}
	if w.since.IsZero() {
		w.since = time.Now()
	}
	if time.Since(w.since) < calm {
		return errors.New("it is too new")
	}
	if w.compared {
		return w.same()
	}
	err := w.compare()
	w.compared = err == nil
	if err == nil {
		err = errors.New("not yet seen to stay")
	}
	return err
}

// same checks that the one connection is that of the hub and of the peer: each has an end of it
// open, and the hub names its own. So what the peer sent and got, it did over this.
func (w *crossingWatch) same() error {
	server, client := w.hub, shipEnd(w.peer)
	if w.link.Server.Here.Port() == uint16(w.peer.Port()) {
		server, client = client, server
	}
	if !w.link.Server.isOf(server.Pid()) || !w.link.Client.isOf(client.Pid()) {
		return fmt.Errorf("%v is not between %s and %s", w.link, client.Name(), server.Name())
	}
	hub, ok := w.hub.(*ShipHub)
	if !ok { // a stand-in
		return nil
	}
	mine := w.link.Server
	if client == w.hub {
		mine = w.link.Client
	}
	here, there, err := hub.Ends(w.peer.SKI())
	if err == nil && (here != mine.Here || there != mine.There) {
		err = fmt.Errorf("the hub is connected by %v to %v; what there is is %v", here, there, w.link)
	}
	return err
}

// compare sends payloads both ways and waits for them, as long as the connection is the same. Some
// may have come over it already, when it was not yet known to be the new one.
func (w *crossingWatch) compare() error {
	const n = 20
	_, hubHad := w.hub.Got(w.peer.SKI())
	_, peerHad := w.peer.Got(w.hub.SKI())
	came := func(had, got, sent shipTally) bool {
		return had.Count == 0 && got.equal(sent) || had.Count > 0 && got.Count == had.Count+n
	}
	there, back := w.hub.Send(w.peer.SKI(), n, 20, 3000), w.peer.Send(w.hub.SKI(), n, 20, 3000)
	var replaced error
	err := poll(8*time.Second, func() error {
		a, got := w.hub.Got(w.peer.SKI())
		b, peerGot := w.peer.Got(w.hub.SKI())
		if [2]int{a, b} != w.opens {
			replaced = errors.New("it was replaced")
			return nil
		}
		if came(hubHad, got, back) && came(peerHad, peerGot, there) {
			return nil
		}
		return fmt.Errorf("sent %+v and %+v, came %+v and %+v", there, back, peerGot, got)
	})
	return errors.Join(replaced, err)
}

// agreed checks that the hub told one thing of each connection: those connected are those that
// went, but for the last.
func agreed(hub shipEnd, ski string, mark int) error {
	connected := len(hub.Log().Since(mark, shipConnected, ski))
	gone := len(hub.Log().Since(mark, shipDisconnected, ski))
	if connected != gone+1 {
		return fmt.Errorf("the hub told of %d connected and %d gone; one is there", connected, gone)
	}
	return nil
}
