// SPDX-License-Identifier: BSD-3-Clause

package interop

import "testing"

// A row is one case of the conformance catalogue, docs/lifecycle.md part A. Its
// name begins with the number there.
type row struct {
	name string
	test func(testing.TB)
}

// TestConformance runs the rows, each on a server of its own, beside each other.
func TestConformance(t *testing.T) {
	for _, group := range [][]row{
		lifecycleRows, consistencyRows, weatherRows, contentRows, policyRows, ephemeralRows,
		routesRows, issuesRows, raceRows, pollRaceRows, connectRaceRows, stressRows,
		healthRows, electionRows, grantRows, viaRows, attributeRows, pingRows, sshRows,
	} {
		for _, r := range group {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.test(t)
			})
		}
	}
}
