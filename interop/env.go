// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// standIn tells that the server under test is headscale, which stands in while
// the harness itself is tested. Cases that need more than it has are skipped.
var standIn = os.Getenv("INTEROP_STANDIN") != ""

func envInt(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return fallback
}

// bulkSize is the number of bytes of one bulk transfer in one direction.
func bulkSize() int64 { return int64(envInt("INTEROP_MB", 16)) << 20 }

// serverBin is the binary under test.
func serverBin(t testing.TB) string {
	t.Helper()
	return mustExist(t, cmp.Or(os.Getenv("FAIRLEAD_BIN"), "../build/fairlead"))
}

// peerBin is one of the programs that peers.sh builds.
func peerBin(t testing.TB, name string) string {
	t.Helper()
	return mustExist(t, filepath.Join(peersDir(), name))
}

func peersDir() string { return cmp.Or(os.Getenv("PEERS_DIR"), "../build/peers") }

func mustExist(t testing.TB, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abs); err != nil {
		t.Fatalf("%s is not built", abs)
	}
	return abs
}

var workDirs atomic.Int64

// workDir makes a folder with a short path: unix socket names end at 107 bytes.
func workDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "flit-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keepLogs(t, dir)
		os.RemoveAll(dir)
	})
	return dir
}

func keepLogs(t testing.TB, dir string) {
	root := os.Getenv("INTEROP_LOGS")
	if root == "" {
		return
	}
	safe := strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())
	to := filepath.Join(root, fmt.Sprintf("%s.%d", safe, workDirs.Add(1)))
	os.MkdirAll(to, 0o755)
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, path := range logs {
		if data, err := os.ReadFile(path); err == nil {
			os.WriteFile(filepath.Join(to, filepath.Base(path)), data, 0o644)
		}
	}
}

// freePort gives a loopback port that is free for TCP and UDP now and stays so, also while
// its server is restarted: it lies below those that the kernel gives to sockets without one,
// and is given only once, by all the tests that run on this machine.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		if reserve(port) && isFree(port) {
			return port
		}
	}
	t.Fatal("no free loopback port")
	return 0
}

// reserve holds an abstract socket of that number until this process ends.
func reserve(port int) bool {
	l, err := net.Listen("unix", fmt.Sprintf("@fairlead-interop-%d", port))
	if err == nil {
		portsHeld.Store(port, l)
	}
	return err == nil
}

var portsHeld sync.Map // from port numbers to the sockets that hold them

// isFree looks the port up in the kernel's tables. Binding it to see would take it for longer than
// that: a program that another case starts just then has the socket too until it is under way.
func isFree(port int) bool {
	local := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, _ := os.ReadFile("/proc/net/" + table)
		for _, line := range strings.Split(string(text), "\n") {
			if f := strings.Fields(line); len(f) > 1 && strings.HasSuffix(f[1], local) {
				return false
			}
		}
	}
	return true
}

// eventually repeats check until it passes and fails the test with its last
// complaint when the time is over.
func eventually(t testing.TB, limit time.Duration, what string, check func() error) {
	t.Helper()
	if err := poll(limit, check); err != nil {
		t.Fatalf("%s: not within %v: %v", what, limit, err)
	}
}

func poll(limit time.Duration, check func() error) error {
	deadline := time.Now().Add(limit)
	pause := 10 * time.Millisecond
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
		pause = min(2*pause, 200*time.Millisecond)
	}
}

// holds repeats check over a lapse of time and fails the test when it fails.
func holds(t testing.TB, lapse time.Duration, what string, check func() error) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < lapse {
		if err := check(); err != nil {
			t.Fatalf("%s: after %v: %v", what, time.Since(began), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
