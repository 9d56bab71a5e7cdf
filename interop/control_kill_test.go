// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// The server is killed at random moments under registrations and changes: each
// start works without help, nothing acknowledged is lost, and the connected
// clients go on with the same addresses and no new login.
func TestControlKill(t *testing.T) {
	// Commands wait for a server that is about to start: not for the next round.
	server := startServer(t, ServerOptions{Config: Config{"cli.timeout": "200ms"}})
	authKey := server.ReusableKey(t)
	a, b := startPair(t, server, authKey, ClientOptions{}, ClientOptions{Old: true})
	before := fmt.Sprint(a.IPs(t), b.IPs(t))
	ledger := newLedger(server, authKey)
	rounds := envInt("INTEROP_KILLS", 20)
	latest := 400 // milliseconds
	if standIn {
		latest = 2000 // it makes writes wait for a tick of half a second
	}
	began := time.Now()
	for round := range rounds {
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			ledger.Run(stop)
			close(ended)
		}()
		time.Sleep(time.Duration(20+rand.IntN(latest)) * time.Millisecond)
		server.Kill()
		close(stop)
		<-ended
		server.Start(t)
		ledger.Check(t)
		for _, c := range []*Client{a, b} {
			if status, err := c.Status(); err != nil || status.BackendState != "Running" {
				t.Errorf("round %d: %s is not running any more: %v", round, c.Name, err)
			}
		}
		if t.Failed() {
			t.Fatalf("stopped after round %d of %d", round+1, rounds)
		}
	}
	t.Logf("%d kills in %v, %d acknowledged writes, %d nodes, none lost", rounds,
		time.Since(began).Round(time.Second), ledger.writes, len(ledger.nodes))
	if len(ledger.nodes) == 0 {
		t.Errorf("no registration passed: %v", ledger.last)
	}
	checkResumed(t, server, a, b, before)
}

func checkResumed(t *testing.T, server *Server, a, b *Client, before string) {
	t.Helper()
	eventually(t, 90*time.Second, "both clients are online again", func() error {
		for _, c := range []*Client{a, b} {
			if node := server.MustNode(t, c.Name); !node.Online {
				return errors.New(c.Name + " is offline")
			}
		}
		return nil
	})
	if after := fmt.Sprint(a.IPs(t), b.IPs(t)); after != before {
		t.Errorf("addresses were %s and are %s", before, after)
	}
	server.Rename(t, server.MustNode(t, "beta").ID, "survivor")
	a.WaitPeer(t, "survivor", alive)
	a.Ping(t, "survivor", Direct)
	b.Ping(t, "alpha", Direct)
}
