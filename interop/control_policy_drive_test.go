// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tailscale.com/tailcfg"
)

// TestControlPolicyDrive follows a grant to share files: without it neither side
// has a capability at the other, with it each has its own, after its withdrawal
// neither. All of it on the session that stands.
func TestControlPolicyDrive(t *testing.T) {
	requirePolicies(t)
	server := startServer(t, ServerOptions{Config: Config{"policy.mode": "database"}})
	a, b := startPair(t, server, server.ReusableKey(t), ClientOptions{}, ClientOptions{})
	base := `{"src": ["*"], "dst": ["*"], "ip": ["tcp:80"]}`
	drive := fmt.Sprintf(`{"src": [%q], "dst": [%q],
		"app": {%q: [{"shares": ["*"], "access": "rw"}]}}`,
		a.IPs(t)[0], b.IPs(t)[0], tailcfg.PeerCapabilityTaildrive)
	set := func(grants ...string) {
		server.SetPolicy(t, fmt.Sprintf(`{"grants": [%s]}`, strings.Join(grants, ", ")))
	}

	set(base)
	waitDrive(t, a, b, "[]", "[]")
	polls := [2]int{a.Polls(t), b.Polls(t)}
	set(base, drive)
	waitDrive(t, a, b, "[tailscale.com/cap/drive-sharer]", "[tailscale.com/cap/drive]")
	args := toJSON(b.Capabilities(t, a.IPs(t)[0])[tailcfg.PeerCapabilityTaildrive])
	if want := `[{"shares":["*"],"access":"rw"}]`; args != want {
		t.Errorf("at beta, alpha may %s, want %s", args, want)
	}
	set(base)
	waitDrive(t, a, b, "[]", "[]")
	for i, c := range []*Client{a, b} {
		if got := c.Polls(t) - polls[i]; got != 0 {
			t.Errorf("%s polled anew %d times", c.Name, got)
		}
	}
}

// waitDrive waits for the capabilities that each has at the other: of b at a, and
// of a at b.
func waitDrive(t *testing.T, a, b *Client, atA, atB string) {
	t.Helper()
	eventually(t, 30*time.Second, "the capabilities are those of the policy", func() error {
		gotA, gotB := driveCaps(t, a, b), driveCaps(t, b, a)
		if gotA != atA || gotB != atB {
			return fmt.Errorf("at %s they are %s, at %s %s", a.Name, gotA, b.Name, gotB)
		}
		return nil
	})
}

func driveCaps(t *testing.T, at, of *Client) string {
	t.Helper()
	return fmt.Sprint(slices.Sorted(maps.Keys(at.Capabilities(t, of.IPs(t)[0]))))
}
