// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shipLAN is two hosts on one cable; the second has a cable more, to a third one.
type shipLAN struct {
	a, b       *Netns
	devA, devB string
}

func newShipLAN(t *testing.T) *shipLAN {
	t.Helper()
	requireNetns(t, false)
	l := &shipLAN{a: newNetns(t, "a"), b: newNetns(t, "b")}
	l.devA, l.devB = link(t, l.a, "10.88.0.1/24", l.b, "10.88.0.2/24")
	decoy := newNetns(t, "decoy")
	link(t, l.b, "10.89.0.1/24", decoy, "10.89.0.2/24")
	return l
}

// shipDevice is what a hub knows of a device.
type shipDevice struct {
	SKI, ShipID, Brand, Model, Instance, Host, State string
	Port                                             int
	Addresses                                        []string
	Visible, Connected                               bool
}

func (h *ShipHub) devices() (list []shipDevice, err error) {
	var all struct{ Devices []shipDevice }
	err = h.call("GET", "devices", nil, &all)
	return all.Devices, err
}

func (h *ShipHub) sees(ski string) (d shipDevice, err error) {
	list, err := h.devices()
	if err != nil {
		return d, err
	}
	i := slices.IndexFunc(list, func(d shipDevice) bool { return d.SKI == ski })
	if i < 0 || !list[i].Visible {
		return d, fmt.Errorf("%.6s is not seen among %d", ski, len(list))
	}
	return list[i], nil
}

// Two hubs on one cable find each other, pair, and miss each other when one goes.
func TestShipLAN(t *testing.T) {
	l := newShipLAN(t)
	a := startShipHub(t, ShipHubOptions{Netns: l.a, Args: []string{"--mdns", "embedded",
		"--brand", "Acme", "--model", "Gateway", "--id", "Acme-A"}})
	b := startShipHub(t, ShipHubOptions{Netns: l.b, Args: []string{"--mdns", "embedded",
		"--interface", l.devB, "--brand", "Brand", "--model", "Box", "--id", "Brand-B"}})
	eventually(t, 15*time.Second, "they see each other", func() error {
		d, err := a.sees(b.SKI())
		if err == nil && (d.ShipID != "Brand-B" || d.Brand != "Brand" || d.Model != "Box" ||
			d.Port != 4712) {
			err = fmt.Errorf("a sees %+v", d)
		}
		if err == nil && slices.Contains(d.Addresses, "10.89.0.1") {
			err = errors.New("b tells of an address of another cable")
		}
		_, errB := b.sees(a.SKI())
		return errors.Join(err, errB)
	})
	ma, mb := a.Log().Mark(), b.Log().Mark()
	a.Trust(b.SKI())
	b.Trust(a.SKI())
	awaitEvent(t, a, ma, shipConnected, b.SKI(), 15*time.Second)
	awaitEvent(t, b, mb, shipConnected, a.SKI(), 15*time.Second)
	shipExchangeHubs(t, a, b)
	b.finish() // says goodbye
	b.proc = nil
	eventually(t, 5*time.Second, "it is missed after its goodbye", func() error {
		if d, err := a.sees(b.SKI()); err == nil {
			return fmt.Errorf("still there: %+v", d)
		}
		return nil
	})
}

func shipExchangeHubs(t *testing.T, a, b *ShipHub) {
	t.Helper()
	sent := a.Send(b.SKI(), 10, 20, 3000)
	eventually(t, 5*time.Second, "payloads come", func() error {
		if _, got := b.Got(a.SKI()); !got.equal(sent) {
			return fmt.Errorf("sent %+v, came %+v", sent, got)
		}
		return nil
	})
}

// A peer with a responder of its own and the hub find each other, with the hub's own responder and
// with Avahi's daemon.
func TestShipLANPeer(t *testing.T) {
	for _, name := range shipPeerNames(t) {
		if name == "shipnode" {
			continue // it has no eyes
		}
		for _, backend := range []string{"embedded", "avahi"} {
			t.Run(filepath.Base(name)+", hub with "+backend, func(t *testing.T) {
				needShipPeer(t, name)
				shipLANPeer(t, name, backend)
			})
		}
	}
}

func shipLANPeer(t *testing.T, name, backend string) {
	l := newShipLAN(t)
	options := ShipHubOptions{Netns: l.a, Args: []string{"--mdns", backend, "--brand", "Acme",
		"--model", "Gateway"}}
	if backend == "avahi" {
		options.Env = startAvahi(t, l.a, "alpha").bus
	}
	hub := startShipHub(t, options)
	dir, _ := shipIdentity(t, true, hub.SKI())
	peer := startShipPeerIn(t, l.b, name, dir, "-mdns", l.devB)
	eventually(t, 15*time.Second, "the hub sees the peer", func() error {
		d, err := hub.sees(peer.SKI())
		if err == nil && d.Port != peer.Port() {
			err = fmt.Errorf("at %+v", d)
		}
		return err
	})
	eventually(t, 15*time.Second, "the peer sees the hub", func() error {
		for _, e := range peer.Log().Since(0, "seen", "") {
			if strings.Contains(e.Text, hub.SKI()) {
				return nil
			}
		}
		return errors.New("it told:\n" + peer.Log().Tail(5))
	})
	h, q := hub.Log().Mark(), peer.Log().Mark()
	peer.Trust(hub.SKI())
	hub.Trust(peer.SKI())
	p := &shipPair{hub, peer}
	p.awaitTogether(t, h, q)
	p.exchange(t, 20, 20, 3000)
}

// avahi is Avahi's daemon on a host, and the bus by which programs there reach it.
type avahi struct {
	bus  []string // environment of those programs
	host *Netns
	name string
	dir  string
	proc *Proc

	starts int
}

func startAvahi(t *testing.T, host *Netns, name string) *avahi {
	t.Helper()
	for _, program := range []string{"dbus-daemon", "avahi-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s (packages dbus, avahi-daemon)", program)
		}
	}
	a := &avahi{host: host, name: name, dir: workDir(t)}
	socket := filepath.Join(a.dir, "bus")
	a.bus = []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + socket}
	a.write(t, "bus.conf", "<busconfig><type>system</type><listen>unix:path="+socket+"</listen>"+
		`<auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow own="*"/>`+
		`<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`)
	for file, line := range map[string]string{
		"passwd": "avahi:x:997:997::/:/bin/false\n", "group": "avahi:x:997:\n",
	} {
		f, err := os.OpenFile(filepath.Join(host.Etc, file), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(line)
			f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a.write(t, "avahi.conf", "[server]\nhost-name="+name+"\nuse-ipv4=yes\nuse-ipv6=yes\n"+
		"[publish]\npublish-workstation=no\n")
	startProc(t, "bus", a.dir, host, nil, "dbus-daemon", "--nofork", "--nopidfile",
		"--config-file="+filepath.Join(a.dir, "bus.conf"))
	eventually(t, 5*time.Second, "the bus listens", func() error {
		_, err := os.Stat(socket)
		return err
	})
	a.Start(t)
	return a
}

func (a *avahi) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Start starts the daemon, again if it was stopped, and waits until it answers.
func (a *avahi) Start(t *testing.T) {
	t.Helper()
	a.starts++
	a.proc = startProc(t, "avahi", a.dir, a.host, a.bus, "sh", "-c",
		`mkdir -p /run/avahi-daemon && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$0"`,
		filepath.Join(a.dir, "avahi.conf"))
	eventually(t, 10*time.Second, "Avahi's daemon answers", func() error {
		text, err := os.ReadFile(a.proc.Log)
		if err == nil && strings.Count(string(text), "Server startup complete") < a.starts {
			err = fmt.Errorf("it said:\n%s", text)
		}
		return err
	})
}

// Through Avahi's daemon; what it announced is there again after the daemon was gone.
func TestShipAvahi(t *testing.T) {
	l := newShipLAN(t)
	daemon := startAvahi(t, l.a, "alpha")
	a := startShipHub(t, ShipHubOptions{Netns: l.a, Env: daemon.bus, Args: []string{"--mdns", "auto",
		"--brand", "Acme", "--model", "Gateway"}})
	b := startShipHub(t, ShipHubOptions{Netns: l.b, Args: []string{"--mdns", "embedded",
		"--brand", "Brand", "--model", "Box"}})
	var status struct{ Mdns struct{ Backend string } }
	if err := a.call("GET", "status", nil, &status); err != nil || status.Mdns.Backend != "avahi" {
		t.Errorf("the hub beside the daemon uses %q, %v", status.Mdns.Backend, err)
	}
	see := func() error {
		_, errA := a.sees(b.SKI())
		_, errB := b.sees(a.SKI())
		return errors.Join(errA, errB)
	}
	eventually(t, 15*time.Second, "they see each other", see)
	daemon.proc.Stop(syscall.SIGTERM, 5*time.Second)
	eventually(t, 10*time.Second, "the hub is missed without its daemon", func() error {
		if d, err := b.sees(a.SKI()); err == nil {
			return fmt.Errorf("still there: %+v", d)
		}
		return nil
	})
	daemon.Start(t)
	eventually(t, 20*time.Second, "they see each other again", see)
	ma, mb := a.Log().Mark(), b.Log().Mark()
	a.Trust(b.SKI())
	b.Trust(a.SKI())
	awaitEvent(t, a, ma, shipConnected, b.SKI(), 15*time.Second)
	awaitEvent(t, b, mb, shipConnected, a.SKI(), 15*time.Second)
	shipExchangeHubs(t, a, b)
}
