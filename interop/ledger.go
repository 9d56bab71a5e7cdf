// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// Ledger writes to a server as fast as it takes it and remembers each write
// that the server acknowledged, so that a test can ask for them after a crash.
type Ledger struct {
	server  *Server
	authKey string

	mu     sync.Mutex
	serial int
	users  map[string]bool
	nodes  map[string]*ledgerNode // by node key
	writes int
	last   error // why the last registration failed
}

// ledgerNode is an acknowledged node. A rename whose answer got lost may have
// happened or not: both names are right then.
type ledgerNode struct {
	id, name, maybe string
	addresses       []string
}

func newLedger(server *Server, authKey string) *Ledger {
	return &Ledger{server: server, authKey: authKey, users: map[string]bool{},
		nodes: map[string]*ledgerNode{}}
}

// Run writes from three sides until stop is closed, and returns when all have
// ended.
func (l *Ledger) Run(stop <-chan struct{}) {
	var group sync.WaitGroup
	for _, write := range []func() error{l.registerNode, l.createUser, l.renameNode} {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if write() != nil {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	group.Wait()
}

// mostNodes keeps the maps of the stock clients small under hundreds of rounds.
const mostNodes = 400

func (l *Ledger) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serial++
	return l.serial
}

func (l *Ledger) acknowledged(note func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	note()
}

func (l *Ledger) registerNode() error {
	if l.nodeCount() >= mostNodes {
		return fmt.Errorf("enough nodes")
	}
	node, err := newRawNode(l.server, fmt.Sprintf("raw%d", l.next()))
	if err != nil {
		return err
	}
	defer node.Close()
	if err := node.Register(l.authKey); err != nil {
		l.mu.Lock()
		l.last = err
		l.mu.Unlock()
		return err
	}
	l.acknowledged(func() { l.nodes[node.Key.Public().String()] = &ledgerNode{} })
	return nil
}

func (l *Ledger) nodeCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.nodes)
}

func (l *Ledger) createUser() error {
	name := fmt.Sprintf("user%d", l.next())
	if _, err := l.server.CLI("users", "create", name, "-o", "json"); err != nil {
		return err
	}
	l.acknowledged(func() { l.users[name] = true })
	return nil
}

// renameNode renames one node that the last check saw.
func (l *Ledger) renameNode() error {
	node := l.pick()
	if node == nil {
		return fmt.Errorf("no node yet")
	}
	name := fmt.Sprintf("name%d", l.next())
	l.mu.Lock()
	node.maybe = name
	l.mu.Unlock()
	if _, err := l.server.CLI("nodes", "rename", "-i", node.id, name, "-o", "json"); err != nil {
		return err
	}
	l.acknowledged(func() { node.name, node.maybe = name, "" })
	return nil
}

// pick chooses a node whose name is certain.
func (l *Ledger) pick() *ledgerNode {
	l.mu.Lock()
	defer l.mu.Unlock()
	var known []*ledgerNode
	for _, node := range l.nodes {
		if node.id != "" && node.maybe == "" {
			known = append(known, node)
		}
	}
	if len(known) == 0 {
		return nil
	}
	return known[rand.IntN(len(known))]
}

// Check asks the restarted server for everything it ever acknowledged.
func (l *Ledger) Check(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var users []User
	l.server.cli(t, &users, "users", "list")
	have := map[string]bool{}
	for _, user := range users {
		have[user.Name] = true
	}
	for name := range l.users {
		if !have[name] {
			t.Errorf("the acknowledged user %s is lost", name)
		}
	}
	found := map[string]*Node{}
	list := l.server.Nodes(t)
	owner := map[string]string{}
	for i := range list {
		found[list[i].NodeKey] = &list[i]
		for _, ip := range list[i].IPAddresses {
			if other := owner[ip]; other != "" {
				t.Errorf("%s belongs to the nodes %s and %s", ip, other, list[i].ID)
			}
			owner[ip] = list[i].ID
		}
	}
	for key, node := range l.nodes {
		l.checkNode(t, key, node, found[key])
	}
}

func (l *Ledger) checkNode(t testing.TB, key string, node *ledgerNode, got *Node) {
	t.Helper()
	if got == nil {
		t.Errorf("the acknowledged node %s (id %s) is lost", key, node.id)
		return
	}
	if node.id == "" {
		node.id, node.name, node.addresses = got.ID, got.GivenName, got.IPAddresses
		return
	}
	if got.ID != node.id || fmt.Sprint(got.IPAddresses) != fmt.Sprint(node.addresses) {
		t.Errorf("node %s with %v became node %s with %v", node.id, node.addresses, got.ID,
			got.IPAddresses)
	}
	if got.GivenName != node.name && got.GivenName != node.maybe {
		t.Errorf("node %s is named %s, acknowledged was %s", node.id, got.GivenName, node.name)
	}
	node.name, node.maybe = got.GivenName, ""
}
