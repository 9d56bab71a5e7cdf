// SPDX-License-Identifier: BSD-3-Clause

// Package interop runs real, unmodified peers against the built fairlead
// binary: tailscaled and tailscale of the current and of the oldest admitted
// release, tsnet, the Go control client, the Go relay client, and derper. It
// holds the harness; the tests stand in the _test files, grouped by the first
// word of their name into the suites control, relay, conformance and ship.
//
// The suite ship has `fairlead ship run` meet other SHIP nodes: one of our own
// (package shipnode), the same led by the hand, two versions of enbility/ship-go
// (shipgo-a is 0.6.0, shipgo-b of July 2026; built with the race detector), and
// any other program in the folder ship of PEERS_DIR that does what ship_peer.go
// says. Where the module proxy does not serve a version, its cases are skipped.
//
// Environment:
//
//	FAIRLEAD_BIN      the binary under test (default ../build/fairlead)
//	PEERS_DIR         where peers.sh put the peers (default ../build/peers)
//	FAIRLEAD_CAPTURES recorded policy cases (default: beside the tree, else skipped)
//	INTEROP_MB        size of each bulk transfer in MB (default 16)
//	INTEROP_KILLS     rounds of kill -9 (default 20)
//	INTEROP_CHANGES   changes measured for propagation (default 200)
//	INTEROP_PEERS     peers of the test with many (default 2000)
//	INTEROP_LOGS      keep server and client logs below this folder
//	INTEROP_SHIP_MESSAGES  payloads each way for each pair (default 60)
//	INTEROP_SHIP_DIALS     dials at once for each pair of rules (default 6)
//	INTEROP_SHIP_CROWD     connections that say nothing (default 2000)
//	INTEROP_SHIP_PENDING   seconds until a pairing is approved (default 1)
//	INTEROP_SHIP_PEERS     peers of the hub: shipnode ship/shipgo-a ship/shipgo-b
//	                       (default all of them in the suite ship, else shipnode)
//	INTEROP_SHIP_STANDIN   shipnode: it stands in for the hub where it can
//	INTEROP_STANDIN   1: FAIRLEAD_BIN is headscale; proves the harness itself
package interop
