# SPDX-License-Identifier: BSD-3-Clause
# bench/relay.sh - D1 to D9 and S1. Sourced by run.sh.

# relay SIDE: a fresh one. All use one certificate, so that the handshakes cost alike.
relay() {
	fresh "$1"
	if [ -f "$work/state/cert/127.0.0.1.key" ]; then
		cp "$work/state/cert"/127.0.0.1.* "$DIR/"
	fi
	start "$1" "$DIR" $PORT || return 1
	if [ ! -f "$work/state/cert/127.0.0.1.key" ] && [ -f "$DIR/127.0.0.1.key" ]; then
		mkdir -p "$work/state/cert"
		cp "$DIR"/127.0.0.1.* "$work/state/cert/"
	fi
	sleep 0.3
}

# on SIDE TAG ROUND MODE OPTIONS...: one generator run against the relay under way.
on() {
	side=$1 tag=$2 round=$3 mode=$4
	shift 4
	gen "$tag" "$round" derpswarm "$mode" --side "$side" --port $PORT --pid "$PID" --warm 0.3 \
		--seconds "$WINDOW" "$@"
}

# share TAG ROUND SIDE TAG1 FIELD1 TAG2 FIELD2: the first of this round over the second.
share() {
	a=$(pick "$4" "$3" "$5" "$2") && b=$(pick "$6" "$3" "$7" "$2") || return 1
	others=$(pick "$4" "$3" foreign "$2")
	awk -v a="$a" -v b="$b" -v t="$1" -v r="$2" -v s="$3" -v o="$others" 'BEGIN {
		printf "{\"tag\":\"%s\",\"round\":%d,\"side\":\"%s\",\"share\":%.4f,\"foreign\":%s}\n", \
			t, r, s, b ? a / b : 0, o
	}' >>"$rounds"
}

times() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f\n", a * b }'; }
least() { printf '%s\n' "$@" | sort -n | head -n 1; }

# sweep SIDE TAG ROUND FIRST_RATE OPTIONS...: the result under TAG, its steps under TAG-steps.
sweep() {
	on "$1" "$2-steps" "$3" sweep --rates "$4" "${@:5}" || return 1
	result=$(grep '"kind":"sweep"' "$work/lines") || return 1
	printf '{"tag":"%s","round":%s,%s\n' "$2" "$3" "${result#\{}" >>"$rounds"
}

relay_peaks() {
	for side in $(both "$1" derper ours-relay); do
		relay "$side" || continue
		sweep "$side" D2 "$1" 300 --factor 1.35
		sweep "$side" D5 "$1" 20 --factor 1.5 --size 128
		sweep "$side" D8-1000 "$1" 300 --factor 1.5 --clients 1000
		stop
		share D8 "$1" "$side" D8-1000 peak_mbit D2 peak_mbit
	done
}

# At rates that all relays bear: cost, delay, overload, a reader that stalls.
relay_rates() {
	clean=$(least "$(pick D2 derper clean_mbit)" "$(pick D2 ours-relay clean_mbit)")
	case $clean in
	0 | "")
		say "no rate that all relays bear without loss: is the machine busy?"
		FAILED=$((FAILED + 1))
		return
		;;
	esac
	delay=$(times "$(pick D2 derper peak_mbit)" 0.75)
	calm=$(times "$(pick D2 derper peak_mbit)" 0.5)
	for side in $(both "$1" derper ours-relay); do
		relay "$side" || continue
		double=$(times "$(pick D2 "$side" peak_mbit)" 2)
		on "$side" D1 "$1" flood --rates "$clean"
		on "$side" D3-double "$1" flood --rates "$double"
		on "$side" D4 "$1" flood --rates "$delay" --pings 8 --seconds 2
		on "$side" D9-none "$1" flood --rates "$calm" --clients 100 --pings 8 --seconds 2
		on "$side" D9-stall "$1" flood --rates "$calm" --clients 100 --pings 8 --seconds 2 --stall 1
		stop
		share D3 "$1" "$side" D3-double goodput_mbit D2 peak_mbit
		share D9 "$1" "$side" D9-stall rtt_p99_us D9-none rtt_p99_us
	done
}

# D7 by the clock. Connecting costs a client as much as a relay, so with a processor each the
# generator would be measured; with THROTTLE percent of one the relay is the bottleneck.
relay_throttled() {
	relay "$1" || return
	if throttle "$THROTTLE"; then
		on "$1" D7-wall "$2" storm --clients "$STORM"
	else
		say "D7/wall left out: $WHY"
	fi
	stop
}

relay_clients() {
	for side in $(both "$1" derper ours-relay); do
		relay "$side" || continue
		on "$side" D7 "$1" storm --clients "$STORM"
		stop
		relay_throttled "$side" "$1"
		relay "$side" || continue
		gen S1 "$1" stunblast blast --side "$side" --port $((PORT + 1)) --pid "$PID" \
			--seconds "$WINDOW"
		stop
	done
}

# A second reading of memory follows a forced garbage collection where the relay has such a thing.
relay_idle() {
	for side in $(both "$1" derper ours-relay); do
		relay "$side" || continue
		garbage=()
		[ "$side" != derper ] ||
			garbage=(--hook "curl -skf -o $work/gc https://127.0.0.1:$PORT/debug/gc")
		on "$side" D6 "$1" idle --clients "$CLIENTS" --settle 3 --deadline 200 "${garbage[@]}"
		stop
	done
}

suite_relay() {
	for r in $(seq "$ROUNDS"); do
		say "relay round $r of $ROUNDS: peaks, rates, clients"
		relay_peaks "$r"
		relay_rates "$r"
		relay_clients "$r"
		[ "$r" -gt $(((ROUNDS + 1) / 2)) ] || relay_idle "$r"
	done
}
