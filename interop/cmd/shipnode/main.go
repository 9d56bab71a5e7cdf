// SPDX-License-Identifier: BSD-3-Clause

// Command shipnode is a SHIP node that a test drives: see interop/ship_peer.go for what it is
// called with, what it prints and what it is told.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"fairlead.test/interop/shipnode"
)

var out sync.Mutex

func tell(event string, fields map[string]any) {
	line := map[string]any{"ev": event, "t": time.Now().UnixNano()}
	for name, value := range fields {
		line[name] = value
	}
	text, _ := json.Marshal(line)
	out.Lock()
	defer out.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

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
			Auto: *auto, Tell: tell,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shipnode:", err)
		os.Exit(1)
	}
	tell("ready", map[string]any{"ski": n.SKI()})
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		words := append(strings.Fields(in.Text()), "", "", "", "", "")
		if words[0] == "end" {
			break
		}
		obey(n, words)
	}
	n.Stop()
	tell("end", nil)
}

func obey(n *shipnode.Node, words []string) {
	ski := words[1]
	number := func(i int) int { v, _ := strconv.Atoi(words[i]); return v }
	switch words[0] {
	case "at":
		n.At(ski, net.JoinHostPort(words[2], words[3]))
	case "gone":
		n.At(ski, "")
	case "trust":
		n.Trust(ski)
	case "untrust", "cancel":
		n.Untrust(ski)
	case "wait":
		n.MayWait(words[1] == "1")
	case "disconnect":
		n.Disconnect(ski)
	case "send":
		go func() {
			sent, err := n.Send(ski, number(2), number(3), number(4))
			tell("sent", tally(ski, 0, &sent, err))
		}()
	case "got":
		opens, got := n.Got(ski)
		tell("got", tally(ski, opens, &got, nil))
	default:
		tell("unknown", map[string]any{"command": words[0]})
	}
}

func tally(ski string, opens int, t *shipnode.Tally, err error) map[string]any {
	fields := map[string]any{"ski": ski, "opens": opens, "count": t.Count, "bytes": t.Bytes,
		"sum": t.Sum()}
	if err != nil {
		fields["error"] = err.Error()
	}
	return fields
}
