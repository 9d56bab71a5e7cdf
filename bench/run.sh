#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# bench/run.sh [control|relay|footprint|policy|own|ship]... - ours and the rivals under the same load, in one run.
#
# Prints one line a metric and writes build/bench.json; each round stays as a JSON line in
# build/bench/rounds.jsonl. Without a name: control, relay and footprint. control includes policy
# and own.
#
#   QUICK=1       small numbers, one round
#   ROUNDS=3      pairs of fresh starts; half of them with more than 100 nodes; 5 or more for
#                 figures to be quoted
#   SIZES="100 300 1000"  nodes of the control rounds     CHANGES=6     changes in each, 8 times as many with 100
#   IDLE=10       seconds of idle window                  DEADLINE=90   seconds until all must see all
#   CHURN=8 RATE=50   seconds of churn, changes a second  REGISTER=5    seconds of registering
#   ENROL=300     seconds that the nodes of one size may take to register
#   OWN_NODES=10000 OWN_IDLE=20  nodes of ours alone, 0 for none; seconds of their idle window
#   POLICY_SECONDS=1  processor seconds for which each part of policy is repeated
#   CLIENTS=10000 idle relay clients                      WINDOW=1.2    seconds of a relay window
#   THROTTLE=30   percent of a processor for a relay whose connects are timed
#   SERVER_CPU=1 GEN_CPU=0   processors of server and generator; -1 pins nothing and lets Go peers
#                 use all processors
#   DEVICES=1000 HANDSHAKES=600  devices of the hub that hold a connection, that connect
#   MESSAGES=30000 TRIPS=3       payloads for the hub, seconds of round trips
#   OURS, HEADSCALE, DERPER, POLICYBENCH, SHIP_RIVAL  programs to compare, GENERATORS folder of the load generators
#
# Exit: 0 all floors met, 1 a floor was missed or a round failed, 77 a rival is missing. A rival that
# does not get there in its time is a result; ours would have failed.

[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
build=${BUILD:-build}
case $build in /*) ;; *) build=$root/$build ;; esac
work=$build/bench
rounds=$work/rounds.jsonl

cores=$(nproc)
: "${QUICK:=0}"
if [ "$QUICK" = 1 ]; then
	: "${ROUNDS:=1}" "${SIZES:=100}" "${CHANGES:=2}" "${IDLE:=5}" "${CLIENTS:=1000}" "${WINDOW:=0.6}"
	: "${REGISTER:=3}" "${STORM:=500}" "${POLICY_SECONDS:=0.3}" "${CHURN:=4}" "${OWN_NODES:=0}"
	: "${DEVICES:=200}" "${HANDSHAKES:=200}" "${MESSAGES:=10000}" "${TRIPS:=2}"
fi
: "${ROUNDS:=3}" "${SIZES:=100 300 1000}" "${CHANGES:=6}" "${IDLE:=10}" "${CLIENTS:=10000}" "${WINDOW:=1.2}"
: "${REGISTER:=5}" "${STORM:=2000}" "${POLICY_SECONDS:=1}" "${CHURN:=8}" "${RATE:=50}" "${DEADLINE:=90}"
: "${ENROL:=300}" "${OWN_NODES:=10000}" "${OWN_IDLE:=20}" "${THROTTLE:=30}"
: "${DEVICES:=1000}" "${HANDSHAKES:=600}" "${MESSAGES:=30000}" "${TRIPS:=3}"
[ "$cores" -ge 2 ] || SERVER_CPU=-1 GEN_CPU=-1
: "${SERVER_CPU:=1}" "${GEN_CPU:=0}"
: "${OURS:=$root/build/dist/fairlead}" "${DERPER:=$build/peers/derper}"
: "${HEADSCALE:=$build/peers/rivals/headscale}" "${GENERATORS:=$work/gen/bench}"
: "${POLICYBENCH:=$build/peers/rivals/policybench}" "${SHIP_RIVAL:=$build/peers/rivals/ship}"
STARTED=
GROUP=
FAILED=0
PORT=${PORT:-17100}

. "$here/sides.sh"
. "$here/control.sh"
. "$here/relay.sh"
. "$here/footprint.sh"
. "$here/policy.sh"
. "$here/ship.sh"

say() { printf 'bench: %s\n' "$*" >&2; }

# Only what this run started, by its number.
finish() {
	for pid in $STARTED; do
		kill "$pid" 2>/dev/null
	done
	[ -z "$GROUP" ] || { sleep 0.5 && unthrottle; }
}
trap finish EXIT
trap 'exit 130' INT TERM

# side_of OPTIONS...: what stands after --side.
side_of() {
	while [ $# -gt 1 ] && [ "$1" != --side ]; do shift; done
	echo "${2:-}"
}

# gen TAG ROUND GENERATOR MODE OPTIONS...: runs a generator and keeps its lines, marked.
# Exit code 3 is a server that did not get there in its time. For a rival that is a result.
gen() {
	side=$(side_of "$@")
	(
		side_env "$side"
		exec timeout 900 "$GENERATORS/bench_$3" "$4" --self-cpu "$GEN_CPU" "${@:5}"
	) 2>>"$work/errors" >"$work/lines"
	code=$?
	if [ $code = 3 ] && [ "$side" != ours ]; then
		note_short "$1:$side"
		code=0
	fi
	if [ $code = 0 ]; then
		sed "s/^{/{\"tag\":\"$1\",\"round\":$2,/" "$work/lines" >>"$rounds"
		return 0
	fi
	FAILED=$((FAILED + 1))
	say "round $2 of $1 with ${side:-$3} failed: $(grep '^bench: ' "$work/errors" | tail -n 1)"
	return 1
}

# note_short CASE: the lines just made are not whole; were it only the storm?
note_short() {
	say "$1: not done in its time: $(grep '^bench: .* in .* s ' "$work/errors" | tail -n 1)"
	if grep -q '"wall_s_over"' "$work/lines" && ! grep -q '"short"\|churn_cpu_s_over' "$work/lines"; then
		SHORT="$SHORT $1:storm"
	else
		SHORT="$SHORT $1"
	fi
}

# pick TAG SIDE FIELD [ROUND]: the median so far, or the figure of a round.
pick() { awk -v pick="$1,$2,$3,${4:-}" -f "$here/report.awk" "$rounds"; }

# fresh SIDE: sets DIR, an empty folder.
fresh() {
	DIR=$work/state/$1
	rm -rf "$DIR"
	mkdir -p "$DIR"
	PORT=$((PORT + 3))
}

# both ROUND SIDE SIDE: the sides in the order of the round, so that neither is always first.
both() {
	if [ $(($1 % 2)) = 1 ]; then echo "$2 $3"; else echo "$3 $2"; fi
}

generators() {
	[ -x "$GENERATORS/bench_swarm" ] && [ "${GENERATORS#"$work"}" = "$GENERATORS" ] && return
	[ -f "$work/gen/build.ninja" ] || meson setup "$work/gen" "$root" -Dbench=true -Dtests=false \
		--buildtype=release >"$work/setup.log" 2>&1
	ninja -C "$work/gen" bench/bench_swarm bench/bench_derpswarm bench/bench_stunblast \
		bench/bench_policy bench/bench_shipload bench/bench_shipecho bench/bench_tlsleast \
		bench/bench_fanleast >>"$work/setup.log" 2>&1 || {
		tail -n 20 "$work/setup.log" >&2
		exit 1
	}
}

# rivals SUITE...: what these need. The policy suite has a program of its own around the rival's packages.
rivals() {
	sets=
	case " $* " in *" policy "* | *" control "*) [ -x "$POLICYBENCH" ] || sets=policy ;; esac
	[ "$*" = policy ] || [ "$*" = own ] || [ "$*" = ship ] || { [ -x "$HEADSCALE" ] && [ -x "$DERPER" ]; } || sets="$sets current rivals"
	case " $* $SHIP_RIVAL" in
	*" ship "*"$build"/peers/rivals/ship) [ -x "$SHIP_RIVAL" ] || sets="$sets ship-rival" ;;
	*" ship "*"$build"/peers/rivals/ship-a) [ -x "$SHIP_RIVAL" ] || sets="$sets ship-rival-a" ;;
	esac
	# shellcheck disable=SC2086 # the words of the list
	[ -z "$sets" ] || PEERS_DIR=$build/peers "$root/interop/peers.sh" $sets || exit $?
}

machine() {
	say "$(nproc) processors, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r), load $(cut -d ' ' -f 1-3 /proc/loadavg)"
	say "$("$OURS" --version 2>/dev/null | head -n 1);" \
		"headscale $("$HEADSCALE" version 2>/dev/null | sed -n 's/^headscale version //p');" \
		"derper $("$DERPER" -version 2>/dev/null | head -n 1)"
}

[ $# -gt 0 ] || set -- control relay footprint
mkdir -p "$work"
generators
rivals "$@"
: >"$rounds"
: >"$work/errors"
: >"$work/memory"
machine
for suite in "$@"; do
	case $suite in
	control) suite_control ;;
	relay) suite_relay ;;
	footprint) suite_footprint ;;
	policy) suite_policy ;;
	own) suite_own ;;
	ship) suite_ship ;;
	*)
		say "unknown suite '$suite': control, relay, footprint, policy, own, ship"
		exit 2
		;;
	esac
done
rm -rf "$work/state" "$work/policy"
awk -v json="$build/bench.json" -f "$here/report.awk" "$here/goals.tsv" "$rounds" | tee "$work/summary"
cat "$work/memory"
[ "$FAILED" = 0 ] || say "$FAILED rounds failed and have no figure; see $work/errors"
! grep -q 'FLOOR MISSED' "$work/summary" && [ "$FAILED" = 0 ]
