// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fairlead.test/interop/shipnode"
)

// shipEnd is one node of a SHIP case: the hub under test or a peer of it.
type shipEnd interface {
	Name() string
	SKI() string
	Port() int
	Pid() int
	Log() *shipLog
	Trust(ski string)            // as a user would
	Untrust(ski string)          //
	Refuse(ski string)           // the answer to one that waits
	DialTo(ski string, port int) // where the peer is, on loopback
	Disconnect(ski string)       // in order; the trust stays
	Send(ski string, n, low, high int) shipTally
	Got(ski string) (opens int, got shipTally)
	Kill()    // as a power cut would
	Restart() // on what was kept, with the same port
}

// shipTally is what a series of payloads came to.
type shipTally struct {
	Count, Bytes int
	Sum, Error   string
}

func (a shipTally) equal(b shipTally) bool {
	return a.Count == b.Count && a.Sum == b.Sum && a.Error == "" && b.Error == ""
}

// Kinds of events that all ends tell alike.
const (
	shipConnected    = "connected"    // data flows
	shipDisconnected = "disconnected" // it did
	shipState        = "state"
	shipDeaf         = "deaf"    // the hub's events come no more: it ended, or we were too slow
	shipPayload      = "payload" // a small one; the hub alone tells it
	shipSent         = "sent"
	shipGot          = "got"
)

type shipEvent struct {
	At    time.Time
	Kind  string
	SKI   string
	State string // of kind state
	Text  string // all of it, for complaints
	Tally shipTally
	Opens int
}

// shipLog is what an end told, in order.
type shipLog struct {
	mux  sync.Mutex
	list []shipEvent
}

func (l *shipLog) add(e shipEvent) {
	l.mux.Lock()
	defer l.mux.Unlock()
	l.list = append(l.list, e)
}

// Mark is a place in the log, for Since.
func (l *shipLog) Mark() int {
	l.mux.Lock()
	defer l.mux.Unlock()
	return len(l.list)
}

// Since gives the events of a kind that came after a mark; ski "" takes all.
func (l *shipLog) Since(mark int, kind, ski string) (found []shipEvent) {
	l.mux.Lock()
	defer l.mux.Unlock()
	for _, e := range l.list[mark:] {
		if e.Kind == kind && (ski == "" || e.SKI == ski) {
			found = append(found, e)
		}
	}
	return found
}

// State is the last state of a peer.
func (l *shipLog) State(ski string) string {
	if all := l.Since(0, shipState, ski); len(all) > 0 {
		return all[len(all)-1].State
	}
	return ""
}

// Tail is the end of the log, for complaints.
func (l *shipLog) Tail(n int) string {
	l.mux.Lock()
	defer l.mux.Unlock()
	var out strings.Builder
	for _, e := range l.list[max(0, len(l.list)-n):] {
		fmt.Fprintf(&out, "  %s %.160s\n", e.At.Format("05.000000"), e.Text)
	}
	return out.String()
}

// awaitEvent waits for an event of a kind after a mark and gives the first.
func awaitEvent(t testing.TB, end shipEnd, mark int, kind, ski string,
	limit time.Duration) shipEvent {
	t.Helper()
	e, err := seek(end, mark, kind, ski, limit)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func seek(end shipEnd, mark int, kind, ski string, limit time.Duration) (e shipEvent, err error) {
	err = poll(limit, func() error {
		found := end.Log().Since(mark, kind, ski)
		if len(found) == 0 {
			return fmt.Errorf("%s: no %s of %.6s within %v; it told:\n%s", end.Name(), kind, ski,
				limit, end.Log().Tail(20))
		}
		e = found[0]
		return nil
	})
	return e, err
}

// awaitState waits for a state, by any of its names.
func awaitState(t testing.TB, end shipEnd, mark int, ski string, limit time.Duration,
	states ...string) {
	t.Helper()
	eventually(t, limit, end.Name()+" is "+strings.Join(states, " or "), func() error {
		for _, e := range end.Log().Since(mark, shipState, ski) {
			for _, state := range states {
				if e.State == state {
					return nil
				}
			}
		}
		return errors.New("it told:\n" + end.Log().Tail(20))
	})
}

// shipPeerNames are the programs to test against: those of INTEROP_SHIP_PEERS, or our own node,
// those around ship-go, and what else was put into the folder ship beside the other peers.
func shipPeerNames(t testing.TB) []string {
	if only := strings.Fields(os.Getenv("INTEROP_SHIP_PEERS")); len(only) > 0 {
		return only
	}
	names := []string{"shipnode", "ship/shipgo-a", "ship/shipgo-b"}
	found, _ := filepath.Glob(filepath.Join(peersDir(), "ship", "*"))
	for _, path := range found {
		name := filepath.Join("ship", filepath.Base(path))
		info, err := os.Stat(path)
		if err == nil && info.Mode()&0o111 != 0 && !info.IsDir() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// needShipPeer skips a case whose peer could not be fetched; peers.sh wrote down why.
func needShipPeer(t testing.TB, name string) {
	t.Helper()
	if why, err := os.ReadFile(filepath.Join(peersDir(), name+".skip")); err == nil {
		t.Skipf("no %s: %s", filepath.Base(name), why)
	}
}

// shipIdentity makes a folder with an identity whose SKI is bigger or smaller than another's.
func shipIdentity(t testing.TB, bigger bool, than string) (dir string, id *shipnode.Identity) {
	t.Helper()
	dir = workDir(t)
	id, err := shipnode.NewOrdered(bigger, than)
	if err == nil {
		err = id.Write(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, id
}
