// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Netns is a network namespace of this test. Programs in it see an /etc of
// their own, so that a client that manages DNS touches nothing of the host.
type Netns struct {
	Name string
	Etc  string
}

var netnsCount atomic.Int64

// requireNetns skips the test, with the reason, where namespaces or TUN devices
// cannot be had.
func requireNetns(t testing.TB, tun bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the ip command (package iproute2)")
	}
	probe := fmt.Sprintf("flit%d-probe", os.Getpid())
	if _, err := run(10*time.Second, nil, "ip", "netns", "add", probe); err != nil {
		t.Skipf("network namespaces are not available: %v", err)
	}
	defer run(10*time.Second, nil, "ip", "netns", "del", probe)
	_, err := run(10*time.Second, nil, "ip", "netns", "exec", probe, "true")
	if err != nil {
		t.Skipf("network namespaces are not available: %v", err)
	}
	if !tun {
		return
	}
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no TUN device: %v", err)
	}
	f.Close()
}

// newNetns makes a namespace with loopback up and removes it when the test ends.
func newNetns(t testing.TB, label string) *Netns {
	t.Helper()
	n := &Netns{
		Name: fmt.Sprintf("flit%d-%d%s", os.Getpid(), netnsCount.Add(1), label),
		Etc:  filepath.Join(workDir(t), "etc"),
	}
	must(t, "ip", "netns", "add", n.Name)
	t.Cleanup(func() { run(10*time.Second, nil, "ip", "netns", "del", n.Name) })
	n.Ip(t, "link", "set", "lo", "up")
	n.fillEtc(t)
	return n
}

// fillEtc makes the /etc of the namespace: just what clients and iptables read.
func (n *Netns) fillEtc(t testing.TB) {
	files := map[string]string{
		"resolv.conf":   "",
		"hosts":         "127.0.0.1 localhost\n::1 localhost\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
		"passwd":        "root:x:0:0:root:/root:/bin/sh\n",
		"group":         "root:x:0:\n",
	}
	if err := os.MkdirAll(n.Etc, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(n.Etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"/etc/alternatives", "/etc/protocols", "/etc/services"} {
		if _, err := os.Stat(name); err == nil {
			must(t, "cp", "-a", name, n.Etc)
		}
	}
}

// Wrap turns argv into a command that runs inside the namespace.
func (n *Netns) Wrap(argv []string) []string {
	script := `mount -t tmpfs none /run && mount --bind "$0" /etc && exec "$@"`
	return append([]string{"ip", "netns", "exec", n.Name, "sh", "-c", script, n.Etc}, argv...)
}

// Do runs f on a thread that stands in the namespace: sockets made by f live
// there for good.
func (n *Netns) Do(f func() error) error {
	result := make(chan error, 1)
	go func() {
		// Never unlocked before the thread is home again.
		runtime.LockOSThread()
		result <- n.visit(f)
	}()
	return <-result
}

func (n *Netns) visit(f func() error) error {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + n.Name)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
		runtime.UnlockOSThread()
	}
	return err
}

// Ip runs `ip -n NAME args`.
func (n *Netns) Ip(t testing.TB, args ...string) {
	t.Helper()
	must(t, append([]string{"ip", "-n", n.Name}, args...)...)
}

// Exec runs a command inside the namespace.
func (n *Netns) Exec(t testing.TB, argv ...string) {
	t.Helper()
	must(t, append([]string{"ip", "netns", "exec", n.Name}, argv...)...)
}

// Forward lets the namespace route packets.
func (n *Netns) Forward(t testing.TB) {
	t.Helper()
	n.Exec(t, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
}

// DefaultVia sets the default route.
func (n *Netns) DefaultVia(t testing.TB, gateway string) {
	t.Helper()
	n.Ip(t, "route", "add", "default", "via", gateway)
}

// Masquerade hides everything that leaves by the device behind its address.
func (n *Netns) Masquerade(t testing.TB, device string) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err == nil {
		n.Exec(t, "nft", "add table ip nat; "+
			"add chain ip nat post { type nat hook postrouting priority 100 ; }; "+
			"add rule ip nat post oifname "+device+" masquerade")
		return
	}
	if _, err := exec.LookPath("iptables"); err != nil {
		t.Skip("needs nft or iptables for NAT")
	}
	n.Exec(t, "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", device, "-j", "MASQUERADE")
}

// DropForwardedUDP makes a router pass no UDP.
func (n *Netns) DropForwardedUDP(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err == nil {
		n.Exec(t, "nft", "add table ip filter; "+
			"add chain ip filter transit { type filter hook forward priority 0 ; }; "+
			"add rule ip filter transit meta l4proto udp drop")
		return
	}
	if _, err := exec.LookPath("iptables"); err != nil {
		t.Skip("needs nft or iptables to block UDP")
	}
	n.Exec(t, "iptables", "-A", "FORWARD", "-p", "udp", "-j", "DROP")
}

// link joins two namespaces by a cable whose ends carry the two prefixes, and
// returns the device names of the ends.
func link(t testing.TB, a *Netns, addrA string, b *Netns, addrB string) (string, string) {
	t.Helper()
	id := netnsCount.Add(1)
	devA, devB := fmt.Sprintf("fl%da", id), fmt.Sprintf("fl%db", id)
	must(t, "ip", "link", "add", devA, "netns", a.Name, "type", "veth", "peer", "name", devB,
		"netns", b.Name)
	for _, end := range []struct {
		ns        *Netns
		dev, addr string
	}{{a, devA, addrA}, {b, devB, addrB}} {
		netip.MustParsePrefix(end.addr)
		end.ns.Ip(t, "addr", "add", end.addr, "dev", end.dev)
		end.ns.Ip(t, "link", "set", end.dev, "up")
	}
	return devA, devB
}

func must(t testing.TB, argv ...string) {
	t.Helper()
	if _, err := run(20*time.Second, nil, argv...); err != nil {
		t.Fatalf("%s: %v", strings.Join(argv, " "), err)
	}
}
