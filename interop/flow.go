// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

const (
	// flowLimit is for what has to pass; it may have to find its path first.
	flowLimit = 20 * time.Second
	// refusalLimit is for what must not pass: over twice the time after which a
	// lost packet is sent again.
	refusalLimit = 2500 * time.Millisecond
)

// Flow is one kind of traffic from a client to an address. Port is 0 for icmp.
type Flow struct {
	Src   *Client
	Dst   string // name of what answers at Addr, for messages and expectations
	Addr  netip.Addr
	Proto string
	Port  int
}

func (f Flow) String() string {
	if f.Port == 0 {
		return fmt.Sprintf("%s > %s %s (%v)", f.Src.Name, f.Dst, f.Proto, f.Addr)
	}
	return fmt.Sprintf("%s > %s %s/%d (%v)", f.Src.Name, f.Dst, f.Proto, f.Port, f.Addr)
}

// Target is the destination as commands take it.
func (f Flow) Target() string {
	if f.Port == 0 {
		return f.Addr.String()
	}
	return f.at().String()
}

func (f Flow) at() netip.AddrPort { return netip.AddrPortFrom(f.Addr, uint16(f.Port)) }

// Try sends traffic until an answer comes or the limit is over, and returns the
// name of the node that answered, which ICMP does not tell.
func (f Flow) Try(limit time.Duration) (who string, err error) {
	deadline := time.Now().Add(limit)
	err = poll(limit, func() (err error) {
		switch f.Proto {
		case "tcp":
			who, err = f.tryTCP(deadline)
		case "udp":
			who, err = f.tryUDP(deadline)
		case "icmp":
			err = f.tryICMP(deadline)
		default:
			err = fmt.Errorf("no such protocol %q", f.Proto)
		}
		return err
	})
	return who, err
}

// TryRefused is Try for what must not pass. A client lets UDP in, whatever the
// rules, between ports that it has once answered, and a source port may come
// again by chance: only what passes twice counts.
func (f Flow) TryRefused() (who string, err error) {
	who, err = f.Try(refusalLimit)
	if err == nil && f.Proto == "udp" {
		who, err = f.Try(refusalLimit)
	}
	return who, err
}

// checkFlow tries what `policy why` has judged.
func checkFlow(t testing.TB, f Flow, verdict Verdict, answerer string) {
	if !verdict.Allowed {
		if who, err := f.TryRefused(); err == nil {
			t.Errorf("%v: why says denied (%s), but %q answered", f, verdict.Reason, who)
		}
		return
	}
	who, err := f.Try(flowLimit)
	if err != nil {
		t.Errorf("%v: why says allowed (%s), but: %v", f, verdict.Reason, err)
	} else if f.Proto != "icmp" && who != answerer {
		t.Errorf("%v: %q answered, want %q", f, who, answerer)
	}
}

func (f Flow) tryTCP(deadline time.Time) (string, error) {
	conn, err := f.Src.DialBefore(deadline, f.at().String())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	who, err := io.ReadAll(io.LimitReader(conn, 64))
	if err == nil && len(who) == 0 {
		err = io.ErrUnexpectedEOF
	}
	return string(who), err
}

func (f Flow) tryUDP(deadline time.Time) (string, error) {
	conn, err := f.Src.DialUDP(f.at())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	buf := make([]byte, 64)
	for {
		if _, err := conn.Write([]byte("who?")); err != nil {
			return "", err
		}
		conn.SetReadDeadline(sooner(250*time.Millisecond, deadline)) // datagrams get lost
		n, err := conn.Read(buf)
		if err == nil {
			return string(buf[:n]), nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(deadline) {
			return "", err
		}
	}
}

func (f Flow) tryICMP(deadline time.Time) error {
	ctx, cancel := context.WithDeadline(context.Background(), sooner(time.Second, deadline))
	defer cancel()
	res, err := f.Src.local.Ping(ctx, f.Addr, tailcfg.PingICMP)
	if err == nil && res.Err != "" {
		err = errors.New(res.Err)
	}
	return err
}

// sooner is the end of a step of a longer wait.
func sooner(step time.Duration, deadline time.Time) time.Time {
	if next := time.Now().Add(step); next.Before(deadline) {
		return next
	}
	return deadline
}

// serveName answers TCP connections and UDP datagrams to the ports inside the
// namespace with a name, until the test ends.
func serveName(t testing.TB, ns *Netns, name string, ports ...int) {
	t.Helper()
	for _, port := range ports {
		var stream net.Listener
		var packets net.PacketConn
		at := fmt.Sprintf(":%d", port)
		err := ns.Do(func() (err error) {
			if stream, err = net.Listen("tcp", at); err == nil {
				packets, err = net.ListenPacket("udp", at)
			}
			return err
		})
		if err != nil {
			t.Fatalf("serve %s at %s: %v", name, at, err)
		}
		t.Cleanup(func() { stream.Close(); packets.Close() })
		go nameStreams(stream, name)
		go namePackets(packets, name)
	}
}

// serveName answers at a free port of the client with its name, to TCP.
func (c *Client) serveName(t testing.TB) (port int) {
	t.Helper()
	l, at := c.Listen(t)
	go nameStreams(l, c.Name)
	return int(at.Port())
}

func nameStreams(l net.Listener, name string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Write([]byte(name))
		conn.Close()
	}
}

func namePackets(p net.PacketConn, name string) {
	buf := make([]byte, 64)
	for {
		_, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		p.WriteTo([]byte(name), from)
	}
}
