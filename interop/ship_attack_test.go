// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fairlead.test/interop/shipnode"
)

// residentKB is the resident memory of a process.
func residentKB(t testing.TB, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, _ := strconv.Atoi(f[1])
			return kb
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// dialFrom connects from the n-th of the addresses 127.1.0.1 and up.
func dialFrom(n, port int) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n&0xfe)|1)}}
	return d.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

// Thousands that connect and say nothing cost the hub little, and a device still gets in.
func TestShipIdleCrowd(t *testing.T) {
	t.Parallel()
	const mayGrow = 24 << 10 // KB
	hub := startShipHub(t, ShipHubOptions{})
	s := newShipScript(t, hub)
	before := residentKB(t, hub.proc.cmd.Process.Pid)
	n := envInt("INTEROP_SHIP_CROWD", 2000)
	crowd := make([]net.Conn, n)
	t.Cleanup(func() {
		for _, c := range crowd {
			if c != nil {
				c.Close()
			}
		}
	})
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := w; i < n; i += 8 {
				crowd[i], _ = dialFrom(i, hub.Port())
			}
		})
	}
	all.Wait()
	if grown := residentKB(t, hub.proc.cmd.Process.Pid) - before; grown > mayGrow {
		t.Errorf("%d idle connections cost %d KB", n, grown)
	}
	// Who says nothing is let go of after 10 s at the latest.
	eventually(t, 20*time.Second, "a device gets in", func() error {
		l, err := shipnode.Dial(s.addr(), "/ship/", hub.SKI(), shipnode.TLSConfig(s.id))
		if err != nil {
			return err
		}
		defer l.Close()
		return l.Handshake(&shipnode.Greeting{ID: "Script-1"})
	})
}

// Those that show a certificate and then idle are let go of as well.
func TestShipIdleTLS(t *testing.T) {
	t.Parallel()
	const mayGrow = 24 << 10
	hub := startShipHub(t, ShipHubOptions{})
	stranger := shipNewIdentity(t, shipnode.Flaws{CN: "Stranger"})
	before := residentKB(t, hub.proc.cmd.Process.Pid)
	var held []net.Conn
	t.Cleanup(func() {
		for _, c := range held {
			c.Close()
		}
	})
	for i := range envInt("INTEROP_SHIP_CROWD", 2000) / 10 {
		c, err := dialFrom(i, hub.Port())
		if err != nil {
			continue
		}
		held = append(held, c)
		c.SetDeadline(time.Now().Add(2 * time.Second))
		tls.Client(c, shipnode.TLSConfig(stranger)).Handshake()
	}
	if grown := residentKB(t, hub.proc.cmd.Process.Pid) - before; grown > mayGrow {
		t.Errorf("%d idle connections cost %d KB", len(held), grown)
	}
	for _, c := range held {
		awaitEnd(t, c, 20*time.Second)
	}
	wellAfter(t, hub)
}

// awaitEnd reads until the hub closes.
func awaitEnd(t testing.TB, c net.Conn, limit time.Duration) {
	t.Helper()
	c.SetDeadline(time.Now().Add(limit))
	_, err := io.Copy(io.Discard, c)
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		t.Errorf("still open after %v", limit)
	}
}

// A request that comes in drops does not hold its place.
func TestShipSlowLoris(t *testing.T) {
	t.Parallel()
	hub := startShipHub(t, ShipHubOptions{})
	s := newShipScript(t, hub)
	c, err := tls.Dial("tcp", s.addr(), shipnode.TLSConfig(s.id))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ended := make(chan time.Duration, 1)
	began := time.Now()
	go func() {
		io.Copy(io.Discard, c)
		ended <- time.Since(began)
	}()
	drops := time.NewTicker(200 * time.Millisecond)
	defer drops.Stop()
	request := "GET /ship/ HTTP/1.1\r\nHost: x\r\nX-Slow: " + strings.Repeat("x", 1000)
	for i := 0; ; i++ {
		select {
		case took := <-ended:
			if took > 13*time.Second {
				t.Errorf("let go of after %v", took)
			}
			wellAfter(t, hub)
			return
		case <-drops.C:
			io.WriteString(c, request[i:i+1])
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal("not let go of within 30 s")
		}
	}
}

// A request with endless headers ends early.
func TestShipEndlessRequest(t *testing.T) {
	t.Parallel()
	hub := startShipHub(t, ShipHubOptions{})
	s := newShipScript(t, hub)
	c, err := tls.Dial("tcp", s.addr(), shipnode.TLSConfig(s.id))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(8 * time.Second))
	answer := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(c)
		answer <- string(text)
	}()
	io.WriteString(c, "GET /ship/ HTTP/1.1\r\nHost: x\r\n")
	line := "X-More: " + strings.Repeat("y", 1000) + "\r\n"
	for range 64 << 10 {
		if _, err = io.WriteString(c, line); err != nil {
			break
		}
	}
	text := <-answer
	if !strings.Contains(text, " 431 ") && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		t.Errorf("the hub takes all of it, and says %.80q", text)
	}
	wellAfter(t, hub)
}

// A device that sends without reading anything does not fill the hub.
func TestShipDeaf(t *testing.T) {
	t.Parallel()
	const mayGrow = 24 << 10
	hub := startShipHub(t, ShipHubOptions{})
	s := newShipScript(t, hub)
	l := s.open()
	before := residentKB(t, hub.proc.cmd.Process.Pid)
	frame := raw(0x82, append([]byte{shipnode.TypeControl}, `{"accessMethodsRequest":[]}`...))
	flood := []byte(strings.Repeat(string(frame), 500))
	until := time.Now().Add(3 * time.Second)
	for time.Now().Before(until) {
		l.SetWriteDeadline(until)
		if _, err := l.Conn.Write(flood); err != nil {
			break
		}
	}
	if grown := residentKB(t, hub.proc.cmd.Process.Pid) - before; grown > mayGrow {
		t.Errorf("the hub has grown by %d KB", grown)
	}
	l.Close()
	if err := hub.proc.Signal(syscall.Signal(0)); err != nil {
		t.Error(err)
	}
	wellAfter(t, hub)
}
