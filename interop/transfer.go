// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// source makes n bytes that no two transfers share.
func source(n int64) io.Reader {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	return io.LimitReader(rand.NewChaCha8(seed), n)
}

// transferTCP moves n bytes each way at once over one connection and compares
// the SHA-256 of what was written with that of what arrived.
func transferTCP(t testing.TB, a, b *Client, n int64) {
	t.Helper()
	dialed, accepted := connect(t, a, b, "")
	began := time.Now()
	results := make(chan error, 2)
	go func() { results <- copyTCP(dialed, accepted, n) }()
	go func() { results <- copyTCP(accepted, dialed, n) }()
	for range 2 {
		if err := <-results; err != nil {
			t.Fatalf("TCP between %s and %s: %v", a.Name, b.Name, err)
		}
	}
	report(t, "TCP", a, b, n, time.Since(began))
}

func copyTCP(from, to net.Conn, n int64) error {
	deadline := time.Now().Add(transferLimit(n))
	from.SetWriteDeadline(deadline)
	to.SetReadDeadline(deadline)
	sent, arrived := sha256.New(), sha256.New()
	written := make(chan error, 1)
	go func() {
		_, err := io.Copy(from, io.TeeReader(source(n), sent))
		written <- err
	}()
	if _, err := io.CopyN(arrived, to, n); err != nil {
		return err
	}
	if err := <-written; err != nil {
		return err
	}
	return sameHash(sent, arrived)
}

// transferUDP moves n bytes one way and then the other over one UDP flow, with
// a sender that repeats what was lost.
func transferUDP(t testing.TB, a, b *Client, n int64) {
	t.Helper()
	inside, at := b.ListenUDP(t)
	dialed, err := a.DialUDP(at)
	if err != nil {
		t.Fatalf("UDP from %s to %s: %v", a.Name, b.Name, err)
	}
	defer dialed.Close()
	accepted := &answerer{PacketConn: inside}
	began := time.Now()
	for id, way := range [][2]datagrams{{dialed, accepted}, {accepted, dialed}} {
		sent, arrived := sha256.New(), sha256.New()
		stats, err := blast(byte(id), way[0], way[1], io.TeeReader(source(n), sent), n,
			arrived, transferLimit(n))
		if err == nil {
			err = sameHash(sent, arrived)
		}
		if err != nil {
			t.Fatalf("UDP between %s and %s: %v (%v)", a.Name, b.Name, err, stats)
		}
		t.Logf("UDP %v", stats)
	}
	report(t, "UDP", a, b, n, time.Since(began))
}

// answerer is the listening end of a UDP flow: it answers whoever spoke last.
type answerer struct {
	net.PacketConn
	peer net.Addr
}

func (a *answerer) Read(p []byte) (int, error) {
	n, from, err := a.ReadFrom(p)
	if err == nil {
		a.peer = from
	}
	return n, err
}

func (a *answerer) Write(p []byte) (int, error) {
	if a.peer == nil {
		return len(p), nil
	}
	return a.WriteTo(p, a.peer)
}

func sameHash(sent, arrived hash.Hash) error {
	if want, got := sent.Sum(nil), arrived.Sum(nil); string(want) != string(got) {
		return fmt.Errorf("SHA-256 differs: sent %x, arrived %x", want, got)
	}
	return nil
}

// transferLimit is generous: the slowest path here makes some MB a second.
func transferLimit(n int64) time.Duration {
	return time.Minute + time.Duration(n>>20)*2*time.Second
}

func report(t testing.TB, kind string, a, b *Client, n int64, took time.Duration) {
	t.Helper()
	rate := float64(2*n) / (1 << 20) / took.Seconds()
	t.Logf("%s %s and %s: 2 x %d MB, equal SHA-256 both ways, %.1f MB/s", kind, a.Name,
		b.Name, n>>20, rate)
}
