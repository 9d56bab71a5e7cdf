# SPDX-License-Identifier: BSD-3-Clause
# bench/control.sh - C1 to C4, C6, C7, C9: policy fixture P0, allow all. Sourced by run.sh.

pss_of() { awk '/^Pss:/ { print $2 * 1024 }' "/proc/$1/smaps_rollup"; }

# populate SIDE NODES: a folder with that many registered nodes, made once and kept in the run.
# Its pre-auth key is in DIR/auth; the memory of the empty server in DIR/empty.
populate() {
	store=$work/state/$1-$2
	[ -f "$store/auth" ] && return
	fresh "$1"
	say "registering $2 nodes with $1"
	config_control "$1" "$DIR" $PORT
	start "$1" "$DIR" $PORT || return 1
	sleep 1
	pss_of "$PID" >"$DIR/empty"
	auth_key "$1" "$DIR" >"$DIR/auth.new"
	gen prepare 1 swarm register --side "$1" --port $PORT --pid "$PID" --nodes "$2" --inflight 16 \
		--seconds 400 --auth-key "$(cat "$DIR/auth.new")" || {
		stop
		return 1
	}
	stop
	mv "$DIR/auth.new" "$DIR/auth"
	mv "$DIR" "$store"
}

# restore SIDE NODES: sets DIR, a copy of the populated folder with paths of its own.
restore() {
	populate "${1%-tuned}" "$2" || return 1
	fresh "$1"
	cp -a "$work/state/${1%-tuned}-$2/." "$DIR/"
	rm -f "$DIR"/admin.sock "$DIR"/log
	config_control "$1" "$DIR" $PORT
}

# steady TAG ROUND SIDE NODES CHANGES IDLE
steady() {
	restore "$3" "$4" && start "$3" "$DIR" $PORT || return 1
	garbage=()
	[ "$3" = ours ] || garbage=(--gc-port $((PORT + 1)) --gc-path /debug/gc)
	gen "$1" "$2" swarm steady --side "$3" --port $PORT --pid "$PID" --nodes "$4" \
		--known 1 --pss0 "$(cat "$DIR/empty")" --inflight 32 --deadline 300 --settle 3 \
		--changes "$5" --idle "$6" "${garbage[@]}"
	stop
}

# registrations ROUND SIDE: kill -9 at the end; every acknowledged node must be there again.
registrations() {
	fresh "$2"
	config_control "$2" "$DIR" $PORT
	start "$2" "$DIR" $PORT || return 1
	auth_key "$2" "$DIR" >"$DIR/auth"
	gen C6 "$1" swarm register --side "$2" --port $PORT --pid "$PID" --nodes 20000 --inflight 32 \
		--seconds "$REGISTER" --kill 1 --out "$DIR/acknowledged" --auth-key "$(cat "$DIR/auth")"
	stop KILL
	start "$2" "$DIR" $PORT || return 1
	admin "$2" "$DIR" nodes list --output json >"$DIR/nodes.json" 2>>"$DIR/log"
	gen C6-kept "$1" swarm verify --side "$2" --in "$DIR/acknowledged" --list "$DIR/nodes.json" || {
		say "$2 lost acknowledged registrations: its rate does not count"
		sed -i "/\"tag\":\"C6\",\"round\":$1,.*\"side\":\"$2\"/d" "$rounds"
	}
	stop
}

# cold ROUND SIDE NODES
cold() {
	restore "$2" "$3" || return 1
	# shellcheck disable=SC2046 # the words of the command
	(
		side_env "$2"
		gen "C7-$3" "$1" swarm cold --side "$2" --port $PORT --nodes "$3" --cpu "$SERVER_CPU" \
			--log "$DIR/log" -- $(command_of "$2" "$DIR" $PORT)
	) || FAILED=$((FAILED + 1))
}

# storm TAG ROUND SIDE NODES OPTIONS...
storm() {
	restore "$3" "$4" || return 1
	# shellcheck disable=SC2046 # the words of the command
	(
		side_env "$3"
		gen "$1" "$2" swarm storm --side "$3" --port $PORT --nodes "$4" --cpu "$SERVER_CPU" \
			--log "$DIR/log" --deadline 240 --settle 1 "${@:5}" -- $(command_of "$3" "$DIR" $PORT)
	) || FAILED=$((FAILED + 1))
}

suite_control() {
	for nodes in $(printf '%s\n' 100 "$NODES" | sort -nu); do
		populate headscale "$nodes" && populate ours "$nodes" || FAILED=$((FAILED + 1))
	done
	for r in $(seq "$ROUNDS"); do
		say "control round $r of $ROUNDS"
		for side in $(both "$r" headscale ours); do
			registrations "$r" "$side"
			for nodes in $(printf '%s\n' 100 "$NODES" | sort -nu); do
				cold "$r" "$side" "$nodes"
			done
		done
		for side in $(both "$r" headscale ours) headscale-tuned; do
			idle=0
			[ "$QUICK" != 1 ] || idle=$IDLE
			steady C-100 "$r" "$side" 100 "$CHANGES" $idle
		done
	done
	[ "$NODES" -gt 100 ] || return
	for r in $(seq $(((ROUNDS + 1) / 2))); do
		for side in $(both "$r" headscale ours); do
			say "$NODES nodes with $side"
			steady "C-$NODES" "$r" "$side" "$NODES" "$CHANGES" "$IDLE"
		done
	done
	steady "C-$NODES" 1 headscale-tuned "$NODES" "$CHANGES" 0
}

suite_storm() {
	small=$((NODES < 300 ? NODES : 300))
	for r in $(seq "$ROUNDS"); do
		say "storm round $r of $ROUNDS"
		for side in $(both "$r" headscale ours); do
			storm "C3-$small" "$r" "$side" "$small"
			[ "$NODES" -gt 300 ] && [ "$r" -le $(((ROUNDS + 1) / 2)) ] || continue
			storm "C3-$NODES" "$r" "$side" "$NODES"
		done
	done
}

# Ours alone: sessions in number, and relay clients (D6 already holds 10,000).
suite_own() {
	populate ours "$OWN_NODES" || return 1
	cold 1 ours "$OWN_NODES"
	steady own 1 ours "$OWN_NODES" "$CHANGES" 70
	storm own-storm 1 ours "$OWN_NODES" --before 0
	grep -E '"tag":"(own|C7-'"$OWN_NODES"')' "$rounds"
}
