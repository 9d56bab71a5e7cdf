// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"fairlead.test/interop/shipnode"
)

// shipScript is a peer that a case leads by the hand. The hub trusts it.
type shipScript struct {
	t   testing.TB
	hub *ShipHub
	id  *shipnode.Identity
}

func newShipScript(t testing.TB, hub *ShipHub) *shipScript {
	t.Helper()
	s := &shipScript{t, hub, shipNewIdentity(t, shipnode.Flaws{CN: "Script-1"})}
	hub.Trust(s.id.SKI)
	return s
}

func shipNewIdentity(t testing.TB, f shipnode.Flaws) *shipnode.Identity {
	t.Helper()
	id, err := shipnode.NewIdentity(f)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *shipScript) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.hub.Port()) }

// dial is a connection up to the upgrade.
func (s *shipScript) dial() *shipnode.Link {
	s.t.Helper()
	l, err := shipnode.Dial(s.addr(), "/ship/", s.hub.SKI(), shipnode.TLSConfig(s.id))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	return l
}

// open is a connection in the exchange of data, access methods told on both sides.
func (s *shipScript) open() *shipnode.Link {
	s.t.Helper()
	l := s.dial()
	if err := l.Handshake(&shipnode.Greeting{ID: "Script-1"}); err != nil {
		s.t.Fatal(err)
	}
	s.access(l)
	return l
}

// access answers the hub's question and takes its answer.
func (s *shipScript) access(l *shipnode.Link) {
	s.t.Helper()
	for asked, told := false, false; !asked || !told; {
		m, err := l.Receive(5 * time.Second)
		if err == nil && m.Root == "accessMethodsRequest" {
			asked = true
			err = l.Control(`{"accessMethods":{"id":"Script-1"}}`)
		}
		told = told || m.Root == "accessMethods"
		if err != nil {
			s.t.Fatalf("access methods: %v", err)
		}
	}
}

// delivers waits until the hub has told its application exactly these payloads since a mark.
func (s *shipScript) delivers(mark int, want ...string) {
	s.t.Helper()
	eventually(s.t, 5*time.Second, "the payloads come", func() error {
		var got []string
		for _, e := range s.hub.Log().Since(mark, shipPayload, s.id.SKI) {
			got = append(got, e.Text)
		}
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return nil
		}
		return fmt.Errorf("got %q, want %q", got, want)
	})
}

// ends waits for the end of a connection, reading past what comes before it. Code 0 takes any.
func (s *shipScript) ends(l *shipnode.Link, limit time.Duration, code int) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		_, err := l.Receive(time.Until(deadline))
		var closed *shipnode.Closed
		if errors.As(err, &closed) {
			if code != 0 && closed.Code != code {
				s.t.Errorf("the hub closed with %v, not %d", closed, code)
			}
			return
		}
	}
	s.t.Errorf("the connection is not closed after %v", limit)
}

// works checks that the connection still carries payloads both ways.
func (s *shipScript) works(l *shipnode.Link, text string) {
	s.t.Helper()
	mark := s.hub.Log().Mark()
	payload := `{"datagram":{"still":"` + text + `"}}`
	if err := l.Data([]byte(payload)); err != nil {
		s.t.Fatal(err)
	}
	s.delivers(mark, payload)
	s.hub.device(s.id.SKI, "send", []byte(payload))
	for {
		m, err := l.Receive(5 * time.Second)
		if err != nil {
			s.t.Fatalf("what the hub sends does not come: %v", err)
		}
		if m.Root == "data" {
			got, err := shipnode.PayloadOf(m.Plain)
			if err != nil || string(got) != payload {
				s.t.Errorf("the hub sent %s, came %s: %v", payload, got, err)
			}
			return
		}
	}
}

// wellAfter checks that the hub still takes a new peer, at the latest when it has tidied up.
func wellAfter(t testing.TB, hub *ShipHub) {
	t.Helper()
	s := newShipScript(t, hub)
	eventually(t, 5*time.Second, "the hub takes connections", func() error {
		c, err := tls.Dial("tcp", s.addr(), shipnode.TLSConfig(s.id))
		if err == nil {
			c.Close()
		}
		return err
	})
	s.works(s.open(), "another")
}

// shipServer listens as a device with some certificate and hands out what comes: the error of
// TLS, or the first bytes that a client sent after it.
type shipServer struct {
	port  int
	heard chan shipHeard
}

type shipHeard struct {
	err   error
	bytes []byte
}

func newShipServer(t testing.TB, config *tls.Config) *shipServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &shipServer{l.Addr().(*net.TCPAddr).Port, make(chan shipHeard, 64)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.hear(tls.Server(c, config))
		}
	}()
	return s
}

func (s *shipServer) hear(c *tls.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(8 * time.Second))
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	s.heard <- shipHeard{err, buf[:n]}
}
