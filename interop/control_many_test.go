// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// registerMany registers nodes that never connect, some at a time, and returns
// their names in order.
func registerMany(t *testing.T, server *Server, authKey string, count int) []string {
	t.Helper()
	names := make([]string, count)
	errs := make(chan error, count)
	room := make(chan struct{}, 8)
	var done sync.WaitGroup
	for i := range names {
		names[i] = fmt.Sprintf("crowd-%05d", i)
		room <- struct{}{}
		done.Go(func() {
			defer func() { <-room }()
			n, err := newRawNode(server, names[i])
			if err == nil {
				err = poll(20*time.Second, func() error { return n.Register(authKey) })
				n.Close()
			}
			errs <- err
		})
	}
	done.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// metric reads one value from the server's metrics.
func metric(t *testing.T, port int, name string) float64 {
	t.Helper()
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// Whole maps of many peers come as several zstd frames: the oldest and the
// current client and the control library read all of them.
func TestControlManyPeers(t *testing.T) {
	port := freePort(t)
	server := startServer(t, ServerOptions{Config: Config{
		"metrics_listen_addr": fmt.Sprintf("127.0.0.1:%d", port)}})
	key := server.ReusableKey(t)
	many := envInt("INTEROP_PEERS", 2000)
	names := registerMany(t, server, key, many)
	for _, old := range []bool{false, true} {
		name := "current"
		if old {
			name = "oldest"
		}
		t.Run(name, func(t *testing.T) {
			c := startClient(t, name, ClientOptions{Server: server, Old: old})
			c.Up(t, key)
			eventually(t, 60*time.Second, name+" sees all", func() error {
				got := c.PeerNames(t)
				if !slices.Equal(got, names) {
					return fmt.Errorf("%d peers of %d", len(got), len(names))
				}
				return nil
			})
		})
		names = append(names, name)
		slices.Sort(names)
	}
	t.Run("library", func(t *testing.T) {
		n := joinRawNode(t, server, "library", key)
		var got []string
		for i, peer := range n.first.Peers {
			if i > 0 && peer.ID <= n.first.Peers[i-1].ID {
				t.Errorf("peer %d after %d", peer.ID, n.first.Peers[i-1].ID)
			}
			label, _, _ := strings.Cut(peer.Name, ".")
			got = append(got, label)
		}
		slices.Sort(got)
		if !slices.Equal(got, names) {
			t.Errorf("%d peers of %d", len(got), len(names))
		}
	})
	if standIn {
		return
	}
	t.Run("maps were shared", func(t *testing.T) {
		shared, chunks := metric(t, port, "fairlead_map_chunks_shared_total"), float64(many/64)
		if shared < chunks-1 {
			t.Errorf("only %v chunks of %v were taken as they were", shared, chunks)
		}
	})
}
