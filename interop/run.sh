#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs real, unmodified peers against the built binary.
#
#   run.sh [control|relay|conformance|ship|all] [-v] [-run regexp]   default: all
#
# One line a case, then "N passed, N failed, N skipped". The sizes of the heavy
# cases are environment variables, see doc.go; FULL=1 sets them to the full
# proof (100 MB, 200 kills, 1,000 dials at once for each pair of rules). SANITIZE=address (with undefined behaviour) or
# SANITIZE=thread builds the binary with these checks and runs that; a case in
# which they find something fails.
# Exit: 0 no case failed, 1 one did, 77 Go is missing or too old.

set -eu

cd "$(dirname "$0")"
suite=${1:-all}
[ $# -eq 0 ] || shift
case $suite in
control) run=^TestControl ;;
relay) run=^TestRelay ;;
conformance) run=^TestConformance ;;
ship) run=^TestShip ;;
all) run=^Test ;;
*)
	echo "run.sh: unknown suite '$suite': control, relay, conformance, ship or all" >&2
	exit 2
	;;
esac

if [ -n "${FULL:-}" ]; then
	INTEROP_MB=${INTEROP_MB:-100} INTEROP_KILLS=${INTEROP_KILLS:-200}
	INTEROP_SHIP_MESSAGES=${INTEROP_SHIP_MESSAGES:-10000} INTEROP_SHIP_DIALS=${INTEROP_SHIP_DIALS:-1000}
	INTEROP_SHIP_CROWD=${INTEROP_SHIP_CROWD:-10000} INTEROP_SHIP_PENDING=${INTEROP_SHIP_PENDING:-70}
	export INTEROP_MB INTEROP_KILLS INTEROP_SHIP_MESSAGES INTEROP_SHIP_DIALS INTEROP_SHIP_CROWD \
		INTEROP_SHIP_PENDING
fi

# Without a fixed layout the shadow memory of the sanitizers may not fit.
fixed=
sanitized() { # folder, compiler, Meson options...
	FAIRLEAD_BIN=../$1/src/cli/fairlead cc=$2 dir=$1
	shift 2
	CC=$cc sh ../tools/build.sh "$dir" src/cli/fairlead -Dwerror=true "$@" >&2
	! setarch -R true 2>/dev/null || fixed="setarch -R"
}
case ${SANITIZE:-} in
"") ;;
address) sanitized build-asan clang -Db_sanitize=address,undefined -Db_lundef=false ;;
thread) sanitized build-tsan gcc -Db_sanitize=thread ;;
*)
	echo "run.sh: unknown sanitizer '$SANITIZE': address or thread" >&2
	exit 2
	;;
esac

FAIRLEAD_BIN=${FAIRLEAD_BIN:-../build/fairlead}
if [ ! -x "$FAIRLEAD_BIN" ]; then
	echo "run.sh: $FAIRLEAD_BIN is not built" >&2
	exit 1
fi
export FAIRLEAD_BIN

status=0
# Among all the rest only our own SHIP node is a peer of the hub: ship-go ends some
# cases by races of its own (docs/protocol/ship.md 8), which says nothing of us.
case $suite in
all)
	sets="current old ship"
	export INTEROP_SHIP_PEERS="${INTEROP_SHIP_PEERS:-shipnode}"
	;;
ship) sets="ship shipgo-a shipgo-b" ;;
*) sets="current old" ;;
esac
# shellcheck disable=SC2086 # the words of the list
./peers.sh $sets || status=$?
if [ "$status" -eq 77 ]; then
	echo "skip  interop: Go is missing or too old"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi
[ "$status" -eq 0 ] || exit "$status"

GOTOOLCHAIN=local GOFLAGS="-buildvcs=false" GOWORK=off
export GOTOOLCHAIN GOFLAGS GOWORK
cases=${PEERS_DIR:-../build/peers}/cases
go build -o "$cases" ./cmd/cases
# Cases that run beside each other mostly wait.
# shellcheck disable=SC2086
exec $fixed "$cases" -run "$run" -parallel 16 "$@"
