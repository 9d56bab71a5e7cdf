// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"strings"
	"testing"
)

// What the server asks of a stock client over its map stream: whether it
// answers, and what it finds wrong on its machine.
func TestControlPing(t *testing.T) {
	server := startServer(t, ServerOptions{})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{}, ClientOptions{Old: true})
	for _, c := range []*Client{a, b} {
		t.Run("ping "+c.Name, func(t *testing.T) {
			text, err := server.CLI("nodes", "ping", c.Name)
			if err != nil || !strings.Contains(text, "answered in") {
				t.Fatalf("%q, %v", text, err)
			}
		})
	}
	t.Run("health", func(t *testing.T) {
		var health struct {
			Answered bool
			Warnings []struct{ Code, Title string }
		}
		path := "/api/v1/node/" + server.MustNode(t, a.Name).ID + "/health"
		if err := server.API("GET", path, nil, &health); err != nil {
			t.Fatal(err)
		}
		if !health.Answered {
			t.Fatal("no answer")
		}
		t.Logf("%d warnings", len(health.Warnings))
	})
	t.Run("health of a client that cannot tell", func(t *testing.T) {
		text, err := server.CLI("nodes", "health", b.Name)
		if err == nil {
			t.Fatalf("answered: %q", text)
		}
	})
}
