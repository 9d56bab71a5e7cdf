// SPDX-License-Identifier: BSD-3-Clause

// Package drive is what all programs have in common that stand for a peer in a test: the commands
// and events of interop/ship_peer.go, and what came over each connection. It knows no SHIP library.
package drive

import (
	"bufio"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"fairlead.test/interop/shipnode"
)

// Node is a peer that a test drives.
type Node interface {
	At(ski, host string, port int, path string) // where another is
	Gone(ski string)                            // nobody knows where it is
	Trust(ski string)
	Untrust(ski string)
	Cancel(ski string) // refuses one that waits
	Disconnect(ski string)
	MayWait(yes bool) // whether a user could still decide
	Send(ski string, count, low, high int) (shipnode.Tally, error)
	Got(ski string) (opens int, got shipnode.Tally)
}

var out sync.Mutex

// Tell writes an event.
func Tell(event string, fields map[string]any) {
	line := map[string]any{"ev": event, "t": time.Now().UnixNano()}
	for name, value := range fields {
		line[name] = value
	}
	text, _ := json.Marshal(line)
	out.Lock()
	defer out.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

// Obey does what standard input says, until that ends or says so.
func Obey(n Node) {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		words := append(strings.Fields(in.Text()), "", "", "", "", "")
		if words[0] == "end" {
			return
		}
		obey(n, words)
	}
}

func obey(n Node, words []string) {
	ski := words[1]
	number := func(i int) int { v, _ := strconv.Atoi(words[i]); return v }
	switch words[0] {
	case "at":
		n.At(ski, words[2], number(3), words[4])
	case "gone":
		n.Gone(ski)
	case "trust":
		n.Trust(ski)
	case "untrust":
		n.Untrust(ski)
	case "cancel":
		n.Cancel(ski)
	case "wait":
		n.MayWait(words[1] == "1")
	case "disconnect":
		n.Disconnect(ski)
	case "send":
		go func() {
			sent, err := n.Send(ski, number(2), number(3), number(4))
			Tell("sent", tally(ski, 0, &sent, err))
		}()
	case "got":
		opens, got := n.Got(ski)
		Tell("got", tally(ski, opens, &got, nil))
	default:
		Tell("unknown", map[string]any{"command": words[0]})
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
