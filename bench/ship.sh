# SPDX-License-Identifier: BSD-3-Clause
# bench/ship.sh - H1 to H4, and F1 to F3 of the device hub. Sourced by run.sh.
#
# The rival is a program around another SHIP library, called as
#
#	$SHIP_RIVAL -dir DIR -port PORT -quiet -echo -trusted FILE
#
# with cert.pem and key.pem in DIR. It trusts the SKIs in FILE, sends every payload back, looks for
# nobody, and runs until SIGTERM; on SIGUSR1 it gives memory back that it does not need. By default
# it is interop/shipgo-b, which peers.sh builds; build/peers/rivals/ship-a is the earlier version.
# Where the module proxy does not serve it, ours is measured alone.

SHIP_SIDES="ours-ship ship-rival"

# ship_state: identities of all devices and of the servers, made once in a run.
ship_state() {
	[ ! -f "$work/ship/ready" ] || return 0
	rm -rf "$work/ship"
	mkdir -p "$work/ship/ours-ship" "$work/ship/ship-rival"
	"$GENERATORS/bench_shipload" identities --clients "$DEVICES" \
		--out "$work/ship/ship-rival" || return 1
	cp "$work/ship/ship-rival/trusted" "$work/ship/ours-ship/"
	: >"$work/ship/ready"
	# It keeps whom it trusts, and by which SHIP ID: a first connect costs a write, later ones none.
	ship_server ours-ship || return 1
	"$GENERATORS/bench_shipload" storm --clients "$DEVICES" --port $PORT --pid "$PID" \
		>/dev/null 2>>"$work/errors" || return 1
	stop
	cp -r "$DIR/state" "$work/ship/ours-ship/"
}

# ship_server SIDE: a fresh one; sets DIR and PID.
ship_server() {
	fresh "$1"
	cp -r "$work/ship/$1/." "$DIR/"
	start "$1" "$DIR" $PORT
}

# ship_on SIDE TAG ROUND MODE OPTIONS...: one run of the generator against the server under way.
ship_on() {
	gen "$2" "$3" shipload "$4" --side "$1" --port $PORT --pid "$PID" "${@:5}" ||
		tail -n 3 "$DIR/log" >>"$work/errors"
}

# ship_missing TAG ROUND SIDE: says that this side has no figure.
ship_missing() {
	printf '{"tag":"%s","round":%s,"side":"%s","short":"no program"}\n' "$1" "$2" "$3" >>"$rounds"
}

ship_sides() {
	if [ -x "$SHIP_RIVAL" ]; then
		# shellcheck disable=SC2086 # the words of the list
		both "$1" $SHIP_SIDES
		return
	fi
	for tag in H1 H1-tls12 H2 H3 H4 F; do
		ship_missing $tag "$1" ship-rival
	done
	echo ours-ship
}

ship_handshakes() {
	ship_server "$1" || return
	ship_on "$1" H1 "$2" storm --clients "$HANDSHAKES"
	stop
	ship_server "$1" || return
	ship_on "$1" H1-tls12 "$2" storm --clients "$HANDSHAKES" --tls12 1
	stop
}

ship_messages() {
	ship_server "$1" || return
	ship_on "$1" H3 "$2" trips --clients 10 --size 500 --seconds "$TRIPS"
	stop
	ship_server "$1" || return # the rival does not take a second certificate for a key
	ship_on "$1" H4 "$2" flood --clients 20 --size 100 --messages "$MESSAGES"
	stop
}

ship_idle() {
	ship_server "$1" || return
	hook=()
	[ "$1" = ours-ship ] || hook=(--hook "kill -USR1 $PID; sleep 0.5")
	ship_on "$1" H2 "$2" idle --clients "$DEVICES" --least 50 --settle 3 "${hook[@]}"
	stop
}

# ship_footprint ROUND SIDE: the program at rest, nobody trusted.
ship_footprint() {
	fresh "$2"
	[ "$2" = ours-hub ] || cp "$work/ship/ship-rival"/*.pem "$DIR/"
	: >"$DIR/trusted"
	start "$2" "$DIR" $PORT || return
	stop # keys are made on the first start; the measured start finds them
	# shellcheck disable=SC2046 # the words of the command
	(
		side_env "$2"
		gen F "$1" swarm ready --side "$2" --port $PORT --nodes 1 --cpu "$SERVER_CPU" \
			--seconds "$([ "$QUICK" = 1 ] && echo 2 || echo 10)" --log "$DIR/log" \
			-- $(command_of "$2" "$DIR" $PORT)
	) || FAILED=$((FAILED + 1))
}

suite_ship() {
	ship_state || {
		say "no state for the hubs"
		FAILED=$((FAILED + 1))
		return
	}
	[ -x "$SHIP_RIVAL" ] || say "ours alone, no rival: $(cat "$SHIP_RIVAL.skip" 2>/dev/null)"
	size_of ours "$OURS"
	as_installed "$OURS" "$GENERATORS/bench_tlsleast"
	[ ! -x "$SHIP_RIVAL" ] || size_of ship-rival "$SHIP_RIVAL"
	[ ! -x "$SHIP_RIVAL" ] || as_installed "$SHIP_RIVAL"
	for r in $(seq "$ROUNDS"); do
		say "ship round $r of $ROUNDS: handshakes, messages, memory"
		for side in $(ship_sides "$r"); do
			ship_handshakes "$side" "$r"
			ship_messages "$side" "$r"
			ship_idle "$side" "$r"
		done
		ship_footprint "$r" ours-hub
		ship_footprint "$r" tls-least
		[ ! -x "$SHIP_RIVAL" ] || ship_footprint "$r" ship-rival
	done
	rm -rf "$work/ship"
}
