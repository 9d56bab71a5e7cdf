// SPDX-License-Identifier: BSD-3-Clause

// Command shipnode is a SHIP node that a test drives: see interop/ship_peer.go for what it is
// called with, what it prints and what it is told.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"

	"fairlead.test/interop/shipnode"
	"fairlead.test/interop/shipnode/drive"
)

// node speaks the words of a test.
type node struct{ *shipnode.Node }

func (n node) At(ski, host string, port int, _ string) {
	n.Node.At(ski, net.JoinHostPort(host, strconv.Itoa(port)))
}
func (n node) Gone(ski string)       { n.Node.At(ski, "") }
func (n node) Cancel(ski string)     { n.Untrust(ski) }
func (n node) Disconnect(ski string) { n.Node.Disconnect(ski) }

func main() {
	dir := flag.String("dir", ".", "folder with cert.pem and key.pem")
	addr := flag.String("addr", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 0, "port to listen on")
	id := flag.String("id", "Interop-1", "SHIP ID")
	pin := flag.String("pin", "", "PIN to give where one is asked for")
	rule := flag.String("rule", string(shipnode.Initiator), "of two connections: initiator, recent")
	echo := flag.Bool("echo", false, "send every payload back")
	auto := flag.Bool("auto", false, "trust whoever comes")
	flag.Parse()
	identity, err := shipnode.ReadIdentity(*dir)
	var n *shipnode.Node
	if err == nil {
		n, err = shipnode.Start(net.JoinHostPort(*addr, strconv.Itoa(*port)), shipnode.Options{
			ID: *id, Identity: identity, PIN: *pin, Rule: shipnode.Rule(*rule), Echo: *echo,
			Auto: *auto, Tell: drive.Tell,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shipnode:", err)
		os.Exit(1)
	}
	drive.Tell("ready", map[string]any{"ski": n.SKI()})
	drive.Obey(node{n})
	n.Stop()
	drive.Tell("end", nil)
}
