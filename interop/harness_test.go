// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lossy drops, repeats and delays what is written to it.
type lossy struct {
	net.Conn
	held []byte
}

func (l *lossy) Write(p []byte) (int, error) {
	switch rand.IntN(20) {
	case 0, 1:
		return len(p), nil
	case 2:
		l.Conn.Write(p)
	case 3:
		if l.held == nil {
			l.held = bytes.Clone(p)
			return len(p), nil
		}
	}
	if l.held != nil && rand.IntN(4) == 0 {
		l.Conn.Write(l.held)
		l.held = nil
	}
	return l.Conn.Write(p)
}

// udpPair is two connected UDP sockets on loopback.
func udpPair(t *testing.T) (a net.Conn, b *answerer) {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	a, err = net.Dial("udp", listener.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, &answerer{PacketConn: listener}
}

func TestHarnessBlastSurvivesLoss(t *testing.T) {
	const n = 2<<20 + 17
	a, b := udpPair(t)
	sent, arrived := sha256.New(), sha256.New()
	stats, err := blast(0, &lossy{Conn: a}, b, io.TeeReader(source(n), sent), n, arrived,
		30*time.Second)
	if err == nil {
		err = sameHash(sent, arrived)
	}
	if err != nil || stats.Repeats == 0 {
		t.Fatalf("%v, %v", err, stats)
	}
}

// A free port stays free for its server while other cases start programs: those have all sockets
// of this process until they are under way.
func TestHarnessFreePortStaysFree(t *testing.T) {
	port := freePort(t)
	at := fmt.Sprintf("127.0.0.1:%d", port)
	var starting sync.WaitGroup
	var over atomic.Bool
	for range 4 {
		starting.Go(func() {
			for !over.Load() {
				exec.Command("true").Run()
			}
		})
	}
	defer starting.Wait()
	defer over.Store(true)
	for range 50 {
		if !isFree(port) {
			t.Fatal("the port is taken by a program that only just starts")
		}
	}
	stream, err := net.Listen("tcp", at)
	if err != nil || isFree(port) {
		t.Fatalf("a listener is not seen: %v", err)
	}
	stream.Close()
	eventually(t, 5*time.Second, "the port is free again", func() error {
		if !isFree(port) {
			return errors.New("it is taken")
		}
		return nil
	})
	packets, err := net.ListenPacket("udp", at)
	if err != nil || isFree(port) {
		t.Fatalf("a UDP socket is not seen: %v", err)
	}
	packets.Close()
}

// spoiler turns one bit of one chunk over.
type spoiler struct {
	net.Conn
	done bool
}

func (s *spoiler) Write(p []byte) (int, error) {
	if !s.done && len(p) > 100 {
		s.done = true
		p = bytes.Clone(p)
		p[99] ^= 1
	}
	return s.Conn.Write(p)
}

func TestHarnessHashSeesOneBit(t *testing.T) {
	const n = 100_000
	a, b := udpPair(t)
	sent, arrived := sha256.New(), sha256.New()
	_, err := blast(0, &spoiler{Conn: a}, b, io.TeeReader(source(n), sent), n, arrived,
		10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if sameHash(sent, arrived) == nil {
		t.Error("a spoiled transfer passed")
	}
}

func TestHarnessAdminForms(t *testing.T) {
	forms := map[string]string{
		"bare":       `{"id":"7","name":"alice"}`,
		"wrapped":    `{"user":{"id":"7","name":"alice"}}`,
		"number id":  `{"id":7,"name":"alice"}`,
		"snake case": `{"id":7,"name":"alice","created_at":{"seconds":1}}`,
	}
	for name, text := range forms {
		t.Run(name, func(t *testing.T) {
			var user User
			if err := decodeAdmin([]byte(text), &user); err != nil || user != (User{"7", "alice"}) {
				t.Errorf("%v, %v", user, err)
			}
		})
	}
	var user User
	if decodeAdmin([]byte("Error: no"), &user) == nil {
		t.Error("garbage passed")
	}
}

func TestHarnessConfigYAML(t *testing.T) {
	got := Config{"b.c": 1, "b.a": []string{"x", "y"}, "a": "q", "b.d": []string{}}.YAML()
	want := "a: \"q\"\nb:\n  a:\n    - \"x\"\n    - \"y\"\n  c: 1\n  d: []\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestHarnessPollGivesUp(t *testing.T) {
	fail := errors.New("never")
	if err := poll(20*time.Millisecond, func() error { return fail }); err != fail {
		t.Errorf("got %v", err)
	}
}

func TestHarnessReservesPorts(t *testing.T) {
	port := freePort(t)
	if reserve(port) {
		t.Errorf("port %d is given twice", port)
	}
}

func TestHarnessReadsSanitizerReports(t *testing.T) {
	dir := t.TempDir()
	if err := sanitizerReports(dir); err != nil {
		t.Errorf("without a report: %v", err)
	}
	path := filepath.Join(dir, "sanitizer.7")
	if err := os.WriteFile(path, []byte("a data race"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sanitizerReports(dir); err == nil || !strings.Contains(err.Error(), "a data race") {
		t.Errorf("with one: %v", err)
	}
}

func TestHarnessAgentForgets(t *testing.T) {
	m := newMesh(t, MeshOptions{})
	agents := m.JoinMesh(2)
	m.Kill()
	for _, a := range agents {
		a.Reconnect()
		if err := a.wait(2*time.Second, hasMap); err == nil {
			t.Errorf("%s has a map of a server that does not run", a.Name)
		}
	}
	m.Start(t)
}

func TestHarnessAgentTags(t *testing.T) {
	m := newMesh(t, MeshOptions{})
	a := m.Join(AgentOptions{Tags: []string{"tag:web"}})
	n := m.Record(a)
	if !slices.Equal(n.Tags, []string{"tag:web"}) || n.Expiry != "" ||
		n.User == nil || n.User.Name != "tagged-devices" {
		t.Errorf("the record is %s", toJSON(n))
	}
	self := a.Self()
	if !slices.Equal(self.Tags().AsSlice(), n.Tags) || !self.KeyExpiry().IsZero() {
		t.Errorf("its own entry is %s", describe(self.AsStruct()))
	}
}
